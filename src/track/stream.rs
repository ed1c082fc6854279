//! The bytes of one direction of a TCP connection put together, for protocols that run over TCP.
//!
//! In order, a message that lies whole in one segment is read where it is; only what is incomplete is kept. A gap holds
//! later segments back, up to a limit, until it is filled.

use crate::decode::message::{Endpoint, Framed, Message, ProtocolId};

/// Bytes kept of one direction: the longest message that DNS has over TCP, with its length. As many are held back behind
/// a gap.
pub(super) const MAX_BYTES: usize = 65_537;
/// Segments held back behind a gap.
const MAX_HELD: usize = 16;

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Stream {
    next: Option<u32>,
    kept: Vec<u8>,
    held: Vec<(u32, Vec<u8>)>,
    /// The protocol was not recognised, or too much is missing.
    lost: bool,
}

impl Stream {
    /// The stream begins at that sequence number: that of the SYN, plus one.
    pub fn begin(&mut self, sequence: u32) {
        self.next = Some(sequence);
    }

    /// Takes the bytes of a segment and hands over each message that is whole. `truncated` says that the capture does not
    /// hold all of the segment.
    pub fn feed(
        &mut self,
        sequence: u32,
        payload: &[u8],
        truncated: bool,
        read: (ProtocolId, Endpoint, Endpoint),
        on_message: &mut dyn FnMut(Message<'_>),
    ) {
        if self.lost || payload.is_empty() {
            return;
        }
        let next = *self.next.get_or_insert(sequence);
        // How far the segment begins before what is expected, modulo 2^32 (RFC 9293, 3.4).
        let behind = next.wrapping_sub(sequence);
        if behind.cast_signed() < 0 {
            return self.hold(sequence, payload);
        }
        let Some(fresh) = payload.get(behind as usize..).filter(|fresh| !fresh.is_empty()) else { return };
        self.next = Some(next.wrapping_add(fresh.len() as u32));
        self.append(fresh, read, on_message);
        if truncated {
            self.lose();
        }
        self.release(read, on_message);
    }

    fn hold(&mut self, sequence: u32, payload: &[u8]) {
        let held: usize = self.held.iter().map(|(_, payload)| payload.len()).sum();
        if self.held.len() >= MAX_HELD || held + payload.len() > MAX_BYTES {
            self.lose();
        } else {
            self.held.push((sequence, payload.to_vec()));
        }
    }

    fn release(&mut self, read: (ProtocolId, Endpoint, Endpoint), on_message: &mut dyn FnMut(Message<'_>)) {
        let Some(next) = self.next else { return };
        let fits = |(sequence, _): &(u32, Vec<u8>)| next.wrapping_sub(*sequence).cast_signed() >= 0;
        if let Some(at) = self.held.iter().position(fits) {
            let (sequence, payload) = self.held.swap_remove(at);
            self.feed(sequence, &payload, false, read, on_message);
        }
    }

    fn append(
        &mut self,
        fresh: &[u8],
        read: (ProtocolId, Endpoint, Endpoint),
        on_message: &mut dyn FnMut(Message<'_>),
    ) {
        if self.kept.is_empty() {
            match messages(fresh, read, on_message) {
                Some(taken) => self.keep(fresh.get(taken..).unwrap_or_default()),
                None => self.lose(),
            }
            return;
        }
        self.kept.extend(fresh);
        match messages(&self.kept, read, on_message) {
            Some(taken) => {
                self.kept.drain(..taken);
                // One large segment is no reason to keep its room.
                self.kept.shrink_to(MAX_BYTES);
                self.lose_if_too_long();
            }
            None => self.lose(),
        }
    }

    /// Keeps the beginning of a message. Room is made for as much as there is: it mostly ends with the next segment.
    fn keep(&mut self, rest: &[u8]) {
        self.kept.reserve_exact(rest.len());
        self.kept.extend(rest);
        self.lose_if_too_long();
    }

    /// No message is longer, so this is none.
    fn lose_if_too_long(&mut self) {
        if self.kept.len() > MAX_BYTES {
            self.lose();
        }
    }

    fn lose(&mut self) {
        *self = Self { lost: true, ..Self::default() };
    }
}

/// Hands over the messages at the beginning of `bytes`; how many bytes they take, or `None` where it is another protocol.
fn messages(
    bytes: &[u8],
    (protocol, from, to): (ProtocolId, Endpoint, Endpoint),
    on_message: &mut dyn FnMut(Message<'_>),
) -> Option<usize> {
    let mut taken = 0;
    loop {
        match protocol.protocol().read_stream(protocol, bytes.get(taken..)?, from, to) {
            Framed::Message(message, length) => {
                on_message(message);
                taken += length.max(1);
            }
            Framed::Skip(length) => taken += length.max(1),
            Framed::Partial => return Some(taken),
            Framed::Foreign => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::message;
    use std::net::Ipv4Addr;

    fn query(id: u8) -> Vec<u8> {
        let mut bytes = vec![0, 20, 0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, b'd', b'b', 0, 0, 1, 0, 1];
        bytes[1] = (bytes.len() - 2) as u8;
        bytes
    }

    fn ids(segments: &[(u32, &[u8])]) -> Vec<u64> {
        let from = Endpoint::socket(Ipv4Addr::new(10, 0, 0, 1).into(), 40000);
        let to = Endpoint::socket(Ipv4Addr::new(10, 0, 0, 2).into(), 53);
        let protocol = message::over_tcp(from, to).unwrap();
        let (mut stream, mut ids) = (Stream::default(), Vec::new());
        stream.begin(1);
        for (sequence, payload) in segments {
            stream.feed(*sequence, payload, false, (protocol, from, to), &mut |message| ids.push(message.id & 0xffff));
        }
        ids
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let bytes = [query(1), query(2), query(3)].concat();
        for cut in 1..bytes.len() {
            let (a, b) = bytes.split_at(cut);
            let second = 1 + cut as u32;
            assert_eq!(ids(&[(1, a), (second, b)]), [1, 2, 3], "in order, {cut}");
            assert_eq!(ids(&[(second, b), (1, a)]), [1, 2, 3], "out of order, {cut}");
            assert_eq!(ids(&[(1, a), (1, a), (second, b)]), [1, 2, 3], "sent twice, {cut}");
            assert_eq!(ids(&[(1, a), (1, &bytes)]), [1, 2, 3], "overlapping, {cut}");
        }
    }

    #[test]
    fn a_gap_that_is_never_filled_is_given_up() {
        let bytes = query(1);
        let held: Vec<_> = (0..40).map(|n| (1000 + n * 22, &bytes[..])).collect();
        assert_eq!(ids(&held), Vec::<u64>::new());
    }

    #[test]
    fn no_more_is_kept_than_a_message_and_as_much_behind_a_gap() {
        let end = Endpoint::socket(Ipv4Addr::LOCALHOST.into(), 53);
        let read = (message::over_tcp(end, end).unwrap(), end, end);
        let bytes = |stream: &Stream| {
            stream.kept.capacity() + stream.held.iter().map(|(_, payload)| payload.capacity()).sum::<usize>()
        };
        // The longest message there is, which is never whole.
        let mut start = query(1);
        (start[0], start[1]) = (0xff, 0xff);
        let mut stream = Stream::default();
        stream.begin(1);
        stream.feed(1, &start, false, read, &mut |_| {});
        let mut next = 1 + start.len() as u32;
        while next < 60_000 {
            stream.feed(next, &[0; 1400], false, read, &mut |_| {});
            next += 1400;
        }
        let kept = stream.kept.len();
        assert!(kept > 50_000 && !stream.lost && bytes(&stream) <= 2 * MAX_BYTES, "{kept} of {}", bytes(&stream));
        for number in 0..3 {
            stream.feed(next + 100_000 * (number + 1), &vec![0; 30_000], false, read, &mut |_| {});
            assert!(bytes(&stream) <= 3 * MAX_BYTES, "{}", bytes(&stream));
        }
        assert!(stream.lost && bytes(&stream) == 0, "more than a message is behind the gap");
        // Message after message in the same segments: what was read is not kept.
        let (mut stream, mut count) = (Stream::default(), 0);
        stream.begin(0);
        let many: Vec<u8> = (0..2000).flat_map(|_| query(1)).collect();
        for (number, part) in many.chunks(1000).enumerate() {
            stream.feed(number as u32 * 1000, part, false, read, &mut |_| count += 1);
            assert!(bytes(&stream) < 4 * 1000, "{}", bytes(&stream));
        }
        assert_eq!(count, 2000);
    }

    #[test]
    fn sequence_numbers_wrap() {
        let (mut stream, mut count) = (Stream::default(), 0);
        let end = Endpoint::socket(Ipv4Addr::LOCALHOST.into(), 53);
        let protocol = message::over_tcp(end, end).unwrap();
        stream.begin(u32::MAX - 4);
        let bytes = query(1);
        let (a, b) = bytes.split_at(10);
        stream.feed(u32::MAX - 4, a, false, (protocol, end, end), &mut |_| count += 1);
        stream.feed(5, b, false, (protocol, end, end), &mut |_| count += 1);
        assert_eq!(count, 1);
    }
}
