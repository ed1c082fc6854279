//! What is kept of a TCP connection. There may be a million: each byte of an entry is a megabyte, and each line of the
//! cache that it fills is waited for.

use std::hint::select_unpredictable;

use super::event::{Ends, Handshake, Seen, Side, Stage};
use super::marks::Marks;
use super::segment::{Half, Sequel};
use super::stream::Stream;
use super::{Counted, FlowKey};
use crate::address::MacAddr;
use crate::decode::Tcp;
use crate::decode::message::ProtocolId;
use crate::decode::tcp::Flags;
use crate::time::Timestamp;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    SynSent,
    SynReceived,
    Open,
    /// It ended, and that was said.
    Done,
}

/// A packet of the opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The latest SYN.
    Syn,
    SynAck,
    /// The client's first acknowledgement of it.
    Ack,
}

/// A connection. What each segment asks for or sets is together, beside the key; then each direction.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub last: Seen,
    pub first: Seen,
    pub streams: Option<Box<Streams>>,
    pub phase: Phase,
    /// Who said first that it is done.
    pub closes: Option<Side>,
    /// How often the SYN was sent, as far as a byte counts; Linux sends it 127 times at most (`tcp_syn_retries`).
    tries: u8,
    marks: Marks,
    server_mac: MacAddr,
    client_mac: MacAddr,
    pub client: Half,
    pub server: Half,
    /// The sequence number of the SYN: another one is another connection.
    initial: u32,
    shaken: Shaken,
}

/// The bytes of a connection whose protocol is read.
#[derive(Debug)]
pub(super) struct Streams {
    pub protocol: ProtocolId,
    pub client: Stream,
    pub server: Stream,
}

/// The client is the low end of the key.
const CLIENT_IS_LOW: u8 = 1;
const BEFORE_CAPTURE: u8 = 2;
const HAS_INITIAL: u8 = 4;
const HAS_CLIENT_MAC: u8 = 8;
const HAS_SERVER_MAC: u8 = 16;

/// When the packets of the opening were seen, and how many packets of the capture behind the connection's first. Of one
/// that comes more than 2^32 packets behind it, the number is that of the last that can be told.
#[derive(Clone, Copy, Debug, Default)]
struct Shaken {
    /// Nanoseconds in two halves: whole ones would want four bytes to stand at a multiple of eight.
    at: [[u32; 2]; 3],
    /// One more than that; 0 is not seen.
    behind: [u32; 3],
}

#[expect(clippy::indexing_slicing, reason = "there is a place for each step")]
impl Shaken {
    fn get(&self, step: Step, first: u64) -> Option<Seen> {
        let ([high, low], behind) = (self.at[step as usize], self.behind[step as usize]);
        let behind = u64::from(behind.checked_sub(1)?);
        let at = Timestamp::from_nanos(u64::from(high) << 32 | u64::from(low));
        Some(Seen { at, number: first.saturating_add(behind) })
    }

    fn handshake(&self, first: u64, tries: u8) -> Handshake {
        let [syn, syn_ack, ack] = [Step::Syn, Step::SynAck, Step::Ack].map(|step| self.get(step, first));
        Handshake { syn, syn_ack, ack, tries: tries.into() }
    }

    fn set(&mut self, step: Step, seen: Option<Seen>, first: u64) {
        let nanos = seen.map_or(0, |seen| seen.at.as_nanos());
        let behind = seen.map_or(0, |seen| seen.number.saturating_sub(first).saturating_add(1));
        self.at[step as usize] = [(nanos >> 32) as u32, nanos as u32];
        self.behind[step as usize] = u32::try_from(behind).unwrap_or(u32::MAX);
    }
}

impl Flow {
    /// Becomes one whose first packet was seen, with the memory of another. `initial` is the sequence number of the
    /// client's SYN, where it was that.
    pub fn begin(&mut self, phase: Phase, first: Seen, ends: &Ends, client_is_low: bool, initial: Option<u32>) {
        let (client, server) = (self.client.anew(), self.server.anew());
        *self = Self { client, server, first, phase, initial: initial.unwrap_or_default(), ..Self::default() };
        self.marks.set(CLIENT_IS_LOW, client_is_low);
        self.marks.set(BEFORE_CAPTURE, phase == Phase::Open);
        self.marks.set(HAS_INITIAL, initial.is_some());
        self.marks.set(HAS_CLIENT_MAC, ends.client_mac.is_some());
        self.client_mac = ends.client_mac.unwrap_or_default();
        self.set_server_mac(ends.server_mac);
    }

    /// The ends of the connection, which the key has but for their addresses on the link.
    pub fn ends(&self, key: &FlowKey) -> Ends {
        let client_is_low = self.marks.has(CLIENT_IS_LOW);
        Ends {
            client: key.end(client_is_low),
            server: key.end(!client_is_low),
            client_mac: self.marks.has(HAS_CLIENT_MAC).then_some(self.client_mac),
            server_mac: self.marks.has(HAS_SERVER_MAC).then_some(self.server_mac),
        }
    }

    /// Which end a packet is from.
    #[inline]
    pub const fn side(&self, from_low: bool) -> Side {
        if self.marks.has(CLIENT_IS_LOW) == from_low { Side::Client } else { Side::Server }
    }

    /// Its opening was not seen.
    pub const fn before_capture(&self) -> bool {
        self.marks.has(BEFORE_CAPTURE)
    }

    /// The sequence number of the client's SYN.
    pub fn initial(&self) -> Option<u32> {
        self.marks.has(HAS_INITIAL).then_some(self.initial)
    }

    /// The same where the server says it. Without a branch: nobody can guess who sends next.
    #[expect(clippy::inline_always, reason = "see Connections::segment")]
    #[inline(always)]
    pub fn set_server_mac_from(&mut self, from: Side, mac: Option<MacAddr>) {
        let mark = if mac.is_some() { HAS_SERVER_MAC } else { 0 };
        let (said, known) = (mac.unwrap_or_default().to_bits(), self.server_mac.to_bits());
        let says = from == Side::Server;
        self.marks.put(HAS_SERVER_MAC, select_unpredictable(says, mark, self.marks.only(HAS_SERVER_MAC)));
        self.server_mac = MacAddr::from_bits(select_unpredictable(says, said, known));
    }

    #[inline]
    pub fn set_server_mac(&mut self, mac: Option<MacAddr>) {
        self.marks.set(HAS_SERVER_MAC, mac.is_some());
        self.server_mac = mac.unwrap_or_default();
    }

    /// The packets of its opening.
    pub fn handshake(&self) -> Handshake {
        self.shaken.handshake(self.first.number, self.tries)
    }

    /// What there is to count of it.
    pub fn counted(&self, stage: Stage) -> Counted {
        let handshake = || self.handshake().halves().map(|(there, back)| there + back);
        Counted::Connection {
            stage,
            before_capture: self.before_capture(),
            handshake: if stage == Stage::Opened { handshake() } else { None },
            retransmissions: u64::from(self.client.retransmissions()) + u64::from(self.server.retransmissions()),
        }
    }

    /// A packet of its opening was seen, or is not to be told of.
    pub fn set_shaken(&mut self, step: Step, seen: Option<Seen>) {
        self.shaken.set(step, seen, self.first.number);
        if step == Step::Syn {
            self.tries = self.tries.saturating_add(1);
        }
    }

    /// Whether a SYN-ACK came after the latest SYN.
    pub fn answers_latest(&self) -> bool {
        let Handshake { syn, syn_ack, .. } = self.handshake();
        syn_ack.is_some_and(|answer| syn.is_none_or(|syn| syn.number < answer.number))
    }

    /// Counts a segment of one side. How it follows those before it is told where somebody `asks`.
    #[expect(clippy::inline_always, reason = "see Connections::segment")]
    #[inline(always)]
    pub fn take(&mut self, from: Side, tcp: &Tcp<'_>, seen: Seen, asks: bool) -> Sequel {
        self.last = seen;
        let (shaken, first, tries) = (&self.shaken, self.first.number, self.tries);
        let round_trip = || shaken.handshake(first, tries).halves().map(|(there, back)| there + back);
        let (half, other) = match from {
            Side::Client => (&mut self.client, &self.server),
            Side::Server => (&mut self.server, &self.client),
        };
        let sequel = half.take(tcp, seen.at, other, round_trip, asks);
        if tcp.flags.fin() {
            self.closes.get_or_insert(from);
        }
        sequel
    }

    /// Whether it is open, was open before that segment, and stays so.
    #[inline]
    pub fn goes_on(&self, flags: Flags, seen: Seen) -> bool {
        self.phase == Phase::Open && self.closes.is_none() && !flags.rst() && self.first.number != seen.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_of_them_take_300_megabytes() {
        assert_eq!((size_of::<Half>(), size_of::<Flow>()), (64, 224));
    }

    #[test]
    fn an_opening_is_told_as_it_was_seen() {
        let seen = |nanos, number| Seen { at: Timestamp::from_nanos(nanos), number };
        let ends = super::super::no_ends();
        let mut flow = Flow::default();
        flow.begin(Phase::SynSent, seen(u64::MAX - 9, 7), &ends, true, Some(5));
        assert_eq!((flow.handshake(), flow.initial()), (Handshake::default(), Some(5)));
        let steps =
            [(Step::Syn, seen(u64::MAX - 9, 7)), (Step::SynAck, seen(3, 8)), (Step::Ack, seen(1 << 40, 1 << 31))];
        for (step, seen) in steps {
            flow.set_shaken(step, Some(seen));
        }
        let [syn, syn_ack, ack] = steps.map(|(_, seen)| Some(seen));
        assert_eq!(flow.handshake(), Handshake { syn, syn_ack, ack, tries: 1 });
        assert!(flow.answers_latest());
        flow.set_shaken(Step::Syn, Some(seen(9, 9)));
        flow.set_shaken(Step::Ack, None);
        assert_eq!(flow.handshake(), Handshake { syn: Some(seen(9, 9)), syn_ack, ack: None, tries: 2 });
        assert!(!flow.answers_latest());
        flow.set_shaken(Step::Syn, Some(seen(9, 1 << 40)));
        assert_eq!(flow.handshake().syn.map(|syn| syn.number), Some(7 + u64::from(u32::MAX) - 1));
    }
}
