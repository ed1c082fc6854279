//! What one segment says about its direction of a TCP connection: new, sent again, out of order, a duplicate
//! acknowledgement, a closed window. The rules are those of Wireshark's sequence analysis (its user's guide, 7.5), so
//! that the figures can be compared.

use std::time::Duration;

use super::event::Direction;
use crate::decode::Tcp;
use crate::time::Timestamp;

/// A segment that comes this soon after a later one was reordered, not sent again; used until the handshake gave a round
/// trip.
const REORDERING: Duration = Duration::from_millis(3);

/// One direction of a connection, as its sender's segments show it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Half {
    /// Figures for the log.
    pub direction: Direction,
    /// The sequence number after the last byte that was sent, once a segment was seen.
    next: Option<u32>,
    /// When `next` last moved.
    next_at: Timestamp,
    /// Bytes before this number may be missing: the start of the latest gap.
    gap: Option<u32>,
    acknowledged: Option<u32>,
    window: u16,
    /// The sequence number after the FIN, once it was seen.
    pub fin: Option<u32>,
}

/// Whether `a` is before `b`, modulo 2^32 (RFC 9293, 3.4).
pub(super) const fn before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

/// How a segment follows those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sequel {
    /// It ends behind all that was sent before.
    New,
    /// It was sent before, or some of it.
    Again,
    /// It says nothing new: an acknowledgement, a keep-alive, what came out of order.
    Nothing,
}

impl Half {
    /// Takes a segment of this direction; `round_trip` is that of the handshake, where it was seen.
    pub fn take(&mut self, tcp: &Tcp<'_>, at: Timestamp, round_trip: Option<Duration>) -> Sequel {
        let (next, again) = (self.next, self.direction.retransmissions);
        self.follow(tcp, at, round_trip);
        if self.direction.retransmissions != again {
            Sequel::Again
        } else if self.next != next {
            Sequel::New
        } else {
            Sequel::Nothing
        }
    }

    /// The sequence number after the last byte that was sent, once a segment was seen.
    pub const fn end(&self) -> Option<u32> {
        self.next
    }

    fn follow(&mut self, tcp: &Tcp<'_>, at: Timestamp, round_trip: Option<Duration>) {
        let length = tcp.payload_len as u32 + u32::from(tcp.flags.syn()) + u32::from(tcp.flags.fin());
        let end = tcp.sequence.wrapping_add(length);
        self.direction.packets += 1;
        self.direction.resets += u32::from(tcp.flags.rst());
        if tcp.window == 0 && !tcp.flags.rst() && !tcp.flags.syn() && !tcp.flags.fin() {
            self.direction.zero_windows += 1;
        }
        match self.next {
            _ if tcp.flags.rst() => {}
            None => self.advance(end, tcp.payload_len, at),
            Some(next) if length == 0 => self.acknowledgement(tcp, next),
            Some(next) if before(tcp.sequence, next) => self.again(tcp, next, end, at, round_trip),
            Some(next) => {
                if tcp.sequence != next {
                    self.gap = Some(next);
                }
                self.advance(end, tcp.payload_len, at);
            }
        }
        if tcp.flags.fin() {
            self.fin = Some(end);
        }
        if tcp.flags.ack() {
            self.acknowledged = Some(tcp.acknowledgement);
            self.window = tcp.window;
        }
    }

    /// Whether this direction's sender has acknowledged `number`.
    pub fn has_acknowledged(&self, number: u32) -> bool {
        self.acknowledged.is_some_and(|acknowledged| !before(acknowledged, number))
    }

    fn advance(&mut self, end: u32, bytes: usize, at: Timestamp) {
        (self.next, self.next_at) = (Some(end), at);
        self.direction.bytes += bytes as u64;
    }

    /// A segment without data that stands where the next byte would: a duplicate if it says nothing new.
    fn acknowledgement(&mut self, tcp: &Tcp<'_>, next: u32) {
        let same = self.acknowledged == Some(tcp.acknowledgement) && self.window == tcp.window;
        if same && tcp.sequence == next && tcp.window != 0 {
            self.direction.duplicate_acks += 1;
        }
    }

    /// A segment that begins before bytes that were sent already.
    fn again(&mut self, tcp: &Tcp<'_>, next: u32, end: u32, at: Timestamp, round_trip: Option<Duration>) {
        // A keep-alive repeats the last byte, or none, on purpose (RFC 9293, 3.8.4).
        if tcp.payload_len <= 1 && tcp.sequence == next.wrapping_sub(1) && !tcp.flags.syn() && !tcp.flags.fin() {
            return;
        }
        let soon = at - self.next_at < round_trip.unwrap_or(REORDERING).max(REORDERING);
        let fills = self.gap.is_some_and(|gap| !before(tcp.sequence, gap));
        if fills && soon {
            self.direction.out_of_order += 1;
        } else {
            self.direction.retransmissions += 1;
        }
        if fills {
            // The bytes of the gap were not counted when it opened.
            self.direction.bytes += tcp.payload_len as u64;
            self.gap = before(end, next).then_some(end);
        }
        if before(next, end) {
            let fresh = end.wrapping_sub(next) as usize - usize::from(tcp.flags.fin());
            self.advance(end, if fills { 0 } else { fresh }, at);
        }
    }
}
