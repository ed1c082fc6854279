//! What one segment says about its direction of a TCP connection: new, sent again, out of order, a duplicate
//! acknowledgement, a closed window. The rules are those of Wireshark's sequence analysis (its user's guide, 7.5), so
//! that the figures can be compared.

use std::hint::select_unpredictable;
use std::time::Duration;

use super::event::Direction;
use super::gaps::Gaps;
use super::marks::Marks;
use crate::decode::Tcp;
use crate::decode::tcp::Flags;
use crate::time::Timestamp;

/// A segment that comes this soon after a later one was reordered, not sent again; used where the handshake gave no round
/// trip.
const REORDERING: Duration = Duration::from_millis(3);
/// No segment is sent again sooner because of silence (Linux' `TCP_RTO_MIN`). A handshake with a loss takes longer than
/// this, and is no measure of the way.
const AGAIN: Duration = Duration::from_millis(200);
/// A segment that fills a gap this soon after its start was asked for again and again was sent again because of that.
const FAST: Duration = Duration::from_millis(20);
/// What was sent before the first segment that was seen is missing, as far back as this.
const UNSEEN: u32 = 1 << 24;

/// One direction of a connection, as its sender's segments show it. There are two in each connection's entry, and as many
/// entries as connections: it fills a line of the cache, and what most have not is apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Half {
    packets: u64,
    bytes: u64,
    /// When `next` last moved.
    next_at: Timestamp,
    /// When an acknowledgement was last seen.
    acknowledged_at: Timestamp,
    trouble: Option<Box<Trouble>>,
    /// The sequence number after the last byte that was sent, once a segment was seen.
    next: u32,
    /// The latest acknowledgement, and the highest: the latest may have been overtaken.
    acknowledged: u32,
    heard: u32,
    /// The sequence number after the FIN, once it was seen.
    fin: u32,
    resets: u32,
    window: u16,
    /// How often the latest acknowledgement was repeated.
    repeats: u8,
    marks: Marks,
}

/// What went wrong in a direction.
#[derive(Clone, Debug, Default)]
struct Trouble {
    /// What was passed over.
    gaps: Gaps,
    retransmissions: u32,
    out_of_order: u32,
    duplicate_acks: u32,
    zero_windows: u32,
}

const KNOWS_NEXT: u8 = 1;
const KNOWS_ACKNOWLEDGED: u8 = 2;
const KNOWS_FIN: u8 = 4;
/// The latest segment was a keep-alive, which the other side answers by repeating what it has said.
const KEEPS_ALIVE: u8 = 8;

/// Whether `a` is before `b`, modulo 2^32 (RFC 9293, 3.4).
pub(super) const fn before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

/// Whether a segment repeats the last byte before `next`, or none, on purpose (RFC 9293, 3.8.4).
const fn is_keep_alive(tcp: &Tcp<'_>, next: u32) -> bool {
    let is_bare = !tcp.flags.syn() && !tcp.flags.fin() && !tcp.flags.rst();
    is_bare && tcp.payload_len <= 1 && tcp.sequence == next.wrapping_sub(1)
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
    /// Takes a segment of this direction; `other` is the other one, and `round_trip` that of the handshake, where it was
    /// seen. How it follows those before it is told where somebody `asks`.
    #[expect(clippy::inline_always, reason = "see Connections::segment")]
    #[inline(always)]
    pub fn take(
        &mut self,
        tcp: &Tcp<'_>,
        at: Timestamp,
        other: &Self,
        round_trip: impl FnOnce() -> Option<Duration>,
        asks: bool,
    ) -> Sequel {
        let before = asks.then(|| (self.end(), self.retransmissions()));
        self.follow(tcp, at, other, round_trip);
        match before {
            Some((_, again)) if self.retransmissions() != again => Sequel::Again,
            Some((next, _)) if self.end() != next => Sequel::New,
            _ => Sequel::Nothing,
        }
    }

    /// A new direction with the memory of this one.
    pub fn anew(&mut self) -> Self {
        let mut trouble = self.trouble.take();
        if let Some(trouble) = &mut trouble {
            trouble.gaps.clear();
            **trouble = Trouble { gaps: std::mem::take(&mut trouble.gaps), ..Trouble::default() };
        }
        Self { trouble, ..Self::default() }
    }

    /// Figures for the log.
    pub fn direction(&self) -> Direction {
        let Self { packets, bytes, resets, .. } = *self;
        let direction = Direction { packets, bytes, resets, ..Direction::default() };
        let Some(trouble) = &self.trouble else { return direction };
        let Trouble { retransmissions, out_of_order, duplicate_acks, zero_windows, .. } = **trouble;
        Direction { retransmissions, out_of_order, duplicate_acks, zero_windows, ..direction }
    }

    fn trouble(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
    }

    /// How often a segment was sent again.
    #[inline]
    pub fn retransmissions(&self) -> u32 {
        self.trouble.as_ref().map_or(0, |trouble| trouble.retransmissions)
    }

    /// Numbers that were seen; how many of them were missing.
    fn fill(&mut self, start: u32, end: u32) -> u32 {
        self.trouble.as_mut().map_or(0, |trouble| trouble.gaps.fill(start, end))
    }

    /// The sequence number after the last byte that was sent, once a segment was seen.
    #[inline]
    pub fn end(&self) -> Option<u32> {
        self.marks.has(KNOWS_NEXT).then_some(self.next)
    }

    /// The sequence number after the FIN, once it was seen.
    #[inline]
    pub fn fin(&self) -> Option<u32> {
        self.marks.has(KNOWS_FIN).then_some(self.fin)
    }

    const fn knows_acknowledged(&self) -> bool {
        self.marks.has(KNOWS_ACKNOWLEDGED)
    }

    const fn keeps_alive(&self) -> bool {
        self.marks.has(KEEPS_ALIVE)
    }

    fn is_latest_acknowledgement(&self, number: u32) -> bool {
        self.knows_acknowledged() && self.acknowledged == number
    }

    #[expect(clippy::inline_always, reason = "see Connections::segment")]
    #[inline(always)]
    fn follow(&mut self, tcp: &Tcp<'_>, at: Timestamp, other: &Self, round_trip: impl FnOnce() -> Option<Duration>) {
        let length = tcp.payload_len as u32 + u32::from(tcp.flags.syn()) + u32::from(tcp.flags.fin());
        let end = tcp.sequence.wrapping_add(length);
        // Behind a FIN it is an acknowledgement that the FIN has overtaken.
        // What is seldom so is asked first: how long a segment is, nobody can guess.
        let keeps_alive = tcp.sequence.wrapping_add(1) == self.next
            && self.fin().is_none()
            && self.end().is_some_and(|next| is_keep_alive(tcp, next));
        self.marks.set(KEEPS_ALIVE, keeps_alive);
        self.packets += 1;
        self.resets += u32::from(tcp.flags.rst());
        if tcp.window == 0 && !tcp.flags.rst() && !tcp.flags.syn() && !tcp.flags.fin() {
            self.trouble().zero_windows += 1;
        }
        match self.end() {
            _ if tcp.flags.rst() => {}
            None => {
                if !tcp.flags.syn() {
                    self.trouble().gaps.open(tcp.sequence.wrapping_sub(UNSEEN), tcp.sequence);
                }
                self.advance(end, tcp.payload_len, at);
            }
            Some(next) if length == 0 => self.acknowledgement(tcp, next, at, other),
            Some(next) if before(tcp.sequence, next) => {
                self.again((tcp.sequence, tcp.flags), (next, end), at, other, round_trip());
            }
            Some(next) => {
                if tcp.sequence != next {
                    self.trouble().gaps.open(next, tcp.sequence);
                }
                self.advance(end, tcp.payload_len, at);
            }
        }
        self.fin = select_unpredictable(tcp.flags.fin(), end, self.fin);
        self.marks.set(KNOWS_FIN, self.marks.has(KNOWS_FIN) | tcp.flags.fin());
        if tcp.flags.ack() {
            if !self.is_latest_acknowledgement(tcp.acknowledgement) {
                self.repeats = 0;
            }
            if !self.knows_acknowledged() || before(self.heard, tcp.acknowledgement) {
                self.heard = tcp.acknowledgement;
            }
            (self.acknowledged, self.acknowledged_at) = (tcp.acknowledgement, at);
            self.window = tcp.window;
            self.marks.set(KNOWS_ACKNOWLEDGED, true);
        }
    }

    /// Whether this direction's sender has acknowledged `number`.
    pub fn has_acknowledged(&self, number: u32) -> bool {
        self.knows_acknowledged() && !before(self.heard, number)
    }

    #[expect(clippy::inline_always, reason = "see Connections::segment")]
    #[inline(always)]
    fn advance(&mut self, end: u32, bytes: usize, at: Timestamp) {
        (self.next, self.next_at) = (end, at);
        self.marks.set(KNOWS_NEXT, true);
        if let Some(trouble) = &mut self.trouble {
            trouble.gaps.follow(end);
        }
        self.bytes += bytes as u64;
    }

    /// A segment without data: a duplicate if it stands where the next byte would, says nothing new, and was not asked for.
    #[expect(clippy::inline_always, reason = "see Connections::segment")]
    #[inline(always)]
    fn acknowledgement(&mut self, tcp: &Tcp<'_>, next: u32, at: Timestamp, other: &Self) {
        if before(next, tcp.sequence) {
            // Something was sent that was not seen.
            self.trouble().gaps.open(next, tcp.sequence);
            return self.advance(tcp.sequence, 0, at);
        }
        let same = self.is_latest_acknowledgement(tcp.acknowledgement) && self.window == tcp.window;
        if same && tcp.sequence == next && tcp.window != 0 && !other.keeps_alive() {
            self.trouble().duplicate_acks += 1;
            self.repeats = self.repeats.saturating_add(1);
        }
    }

    /// A segment that begins before bytes that were sent already.
    #[inline(never)]
    fn again(
        &mut self,
        (sequence, flags): (u32, Flags),
        (next, end): (u32, u32),
        at: Timestamp,
        other: &Self,
        round_trip: Option<Duration>,
    ) {
        let is_probe = sequence == next.wrapping_sub(1) && !flags.syn() && !flags.fin();
        if self.keeps_alive() {
            return;
        }
        // SYN and FIN have numbers, but are no bytes (RFC 9293, 3.4).
        let first = sequence.wrapping_add(u32::from(flags.syn()));
        let last = end.wrapping_sub(u32::from(flags.fin()));
        let until = |number: u32| if before(number, next) { number } else { next };
        let missing = self.fill(first, until(last));
        let fills = self.fill(sequence, first) + missing + self.fill(last, until(end)) > 0;
        let fresh = if before(next, last) { last.wrapping_sub(next) } else { 0 };
        // One byte that asks whether a closed window is open again is repeated with what follows it.
        if !(is_probe && fresh > 0) {
            let soon = at - self.next_at < round_trip.map_or(REORDERING, |round_trip| round_trip.min(AGAIN));
            if fills && soon && !other.has_acknowledged(end) && !other.wants(sequence, self.next_at, at) {
                self.trouble().out_of_order += 1;
            } else {
                self.trouble().retransmissions += 1;
            }
        }
        self.bytes += u64::from(missing);
        if before(next, end) {
            self.advance(end, fresh as usize, at);
        }
    }

    /// Whether this direction's sender has just repeated that it waits for that number (RFC 5681, 3.2), since it was passed
    /// over.
    fn wants(&self, number: u32, passed_over: Timestamp, at: Timestamp) -> bool {
        let said = self.acknowledged_at;
        self.repeats >= 2 && self.is_latest_acknowledgement(number) && said >= passed_over && at - said < FAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both directions of a connection whose handshake took 100 microseconds.
    #[derive(Default)]
    struct Pair {
        own: Half,
        other: Half,
    }

    const ACK: u8 = 0x10;
    const FIN: u8 = 0x11;
    const SYN: u8 = 0x02;

    fn tcp(flags: u8, sequence: u32, acknowledgement: u32, length: usize) -> Tcp<'static> {
        Tcp {
            source_port: 40_000,
            destination_port: 80,
            sequence,
            acknowledgement,
            flags: Flags(flags),
            window: 1000,
            option_bytes: &[],
            payload_len: length,
            payload: &[],
        }
    }

    impl Pair {
        fn see(&mut self, micros: u64, flags: u8, (sequence, length): (u32, usize)) -> &mut Self {
            let at = Timestamp::from_nanos(1_000_000_000 + micros * 1000);
            self.own.take(
                &tcp(flags, sequence, 1, length),
                at,
                &self.other,
                || Some(Duration::from_micros(100)),
                false,
            );
            self
        }

        fn hear(&mut self, micros: u64, acknowledgement: u32) -> &mut Self {
            let at = Timestamp::from_nanos(1_000_000_000 + micros * 1000);
            self.other.take(&tcp(ACK, 1, acknowledgement, 0), at, &self.own, || None, false);
            self
        }

        /// Bytes, retransmissions, out of order.
        fn figures(&self) -> (u64, u32, u32) {
            let Direction { bytes, retransmissions, out_of_order, .. } = self.own.direction();
            (bytes, retransmissions, out_of_order)
        }
    }

    #[test]
    fn bytes_that_come_twice_behind_a_gap_count_once() {
        let mut pair = Pair::default();
        pair.see(0, ACK, (100, 10)).see(10, ACK, (120, 10)).see(11, ACK, (120, 10));
        assert_eq!(pair.figures(), (20, 1, 0), "behind the gap");
        pair.see(20, ACK, (110, 10)).see(21, ACK, (110, 10));
        assert_eq!(pair.figures(), (30, 2, 1), "in the gap");
    }

    #[test]
    fn each_of_several_gaps_is_filled() {
        let mut pair = Pair::default();
        pair.see(0, ACK, (100, 10)).see(10, ACK, (120, 10)).see(20, ACK, (140, 10));
        pair.see(30, ACK, (110, 10)).see(40, ACK, (130, 10));
        assert_eq!(pair.figures(), (50, 0, 2));
    }

    #[test]
    fn what_fills_a_gap_late_or_because_it_was_asked_for_was_sent_again() {
        let mut pair = Pair::default();
        pair.see(0, ACK, (100, 10)).see(10, ACK, (120, 10)).see(500, ACK, (110, 10));
        assert_eq!(pair.figures(), (30, 1, 0), "after more than a round trip");
        let mut pair = Pair::default();
        pair.see(0, ACK, (100, 10)).hear(1, 110).see(10, ACK, (120, 30)).hear(40, 110).hear(41, 110);
        pair.see(60, ACK, (110, 10));
        assert_eq!(pair.figures(), (50, 1, 0), "after two repeated acknowledgements");
        let mut pair = Pair::default();
        pair.see(0, ACK, (100, 10)).hear(1, 110).hear(2, 110).hear(3, 110).see(10, ACK, (120, 30));
        pair.see(60, ACK, (110, 10));
        assert_eq!(pair.figures(), (50, 0, 1), "those were older than the gap");
        let mut pair = Pair::default();
        pair.see(0, ACK, (100, 10)).see(10, ACK, (120, 10)).hear(20, 130).see(60, ACK, (110, 10));
        assert_eq!(pair.figures(), (30, 1, 0), "the receiver has it, so it was not seen before");
    }

    #[test]
    fn what_was_sent_before_the_capture_is_not_lost_when_it_is_sent_again() {
        let mut pair = Pair::default();
        pair.see(0, ACK, (200, 10)).see(10, ACK, (100, 100)).see(20, ACK, (100, 100));
        assert_eq!(pair.figures(), (110, 1, 1));
    }

    #[test]
    fn a_syn_from_before_the_capture_is_no_byte() {
        let mut pair = Pair::default();
        pair.see(0, ACK, (200, 10)).see(10, SYN, (100, 0)).see(20, SYN, (110, 5));
        assert_eq!(pair.figures(), (15, 0, 2));
    }

    #[test]
    fn an_acknowledgement_tells_of_bytes_that_were_not_seen() {
        let mut pair = Pair::default();
        pair.see(0, ACK, (100, 10)).see(10, ACK, (111, 0)).see(300_000, FIN, (110, 0));
        assert_eq!(pair.figures(), (10, 1, 0), "the FIN that was lost");
    }

    #[test]
    fn an_acknowledgement_that_was_overtaken_takes_nothing_back() {
        let mut pair = Pair::default();
        pair.see(0, FIN, (100, 0)).hear(10, 101).hear(11, 100);
        assert!(pair.other.has_acknowledged(101));
    }

    #[test]
    fn a_probe_of_one_byte_is_repeated_with_what_follows() {
        let mut pair = Pair::default();
        pair.see(0, ACK, (100, 1)).see(10, ACK, (100, 21));
        assert_eq!(pair.figures(), (21, 0, 0));
        pair.see(20, ACK, (120, 1)).see(30, ACK, (120, 0));
        assert_eq!(pair.figures(), (21, 0, 0), "keep-alives");
    }

    #[test]
    fn the_answer_to_a_keep_alive_is_no_duplicate() {
        for length in [0, 1] {
            let mut pair = Pair::default();
            pair.hear(0, 100).see(1, ACK, (90, 10)).hear(2, 100);
            assert_eq!(pair.other.direction().duplicate_acks, 1, "nobody asked");
            for micros in [15, 30] {
                pair.see(micros, ACK, (99, length)).hear(micros + 1, 100);
            }
            assert_eq!(pair.other.direction().duplicate_acks, 1, "asked for, {length}");
            pair.see(50, ACK, (100, 10)).hear(51, 100);
            assert_eq!(pair.other.direction().duplicate_acks, 2, "nobody asked again, {length}");
            assert_eq!(pair.figures(), (20, 0, 0));
        }
    }

    #[test]
    fn a_gap_is_forgotten_before_its_numbers_come_again() {
        let mut pair = Pair::default();
        pair.see(0, ACK, (0, 10)).see(1, ACK, (20, 10));
        let (mut at, mut start) = (10, 30_u32);
        for _ in 0..5_000 {
            pair.see(at, ACK, (start, 1_000_000));
            (at, start) = (at + 10, start.wrapping_add(1_000_000));
        }
        // Five gigabytes later, the number 10 is a new one again, and what is sent again is nothing new.
        let before = pair.figures();
        pair.see(at, ACK, (start.wrapping_sub(3_000_000), 1_000_000));
        assert_eq!(pair.figures(), (before.0, before.1 + 1, before.2));
    }
}
