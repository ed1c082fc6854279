//! What is measured of TCP connections beside the log's own figures: times between two packets of one connection.
//!
//! | Measure | From | To |
//! |---|---|---|
//! | [`Syn`](Measure::Syn) | the latest SYN | the SYN-ACK: the server's half of the handshake |
//! | [`SynAck`](Measure::SynAck) | the SYN-ACK | the client's acknowledgement of it: the client's half |
//! | [`Handshake`](Measure::Handshake) | the latest SYN | the client's acknowledgement of the SYN-ACK |
//! | [`Ack`](Measure::Ack) | a segment with payload, SYN or FIN | the acknowledgement that ends where it ends |
//! | [`FirstByte`](Measure::FirstByte) | the last byte of a request | the first of its answer |
//! | [`LastByte`](Measure::LastByte) | the last byte of a request | the last of its answer |
//! | [`Connection`](Measure::Connection) | the first packet | the last |
//!
//! All are in the time of the place where they were seen. `Handshake` is `tcp.analysis.initial_rtt` of Wireshark, `Ack`
//! is `tcp.analysis.ack_rtt`, for the same pairs of packets; tests compare them.
//!
//! **Acknowledgements.** One acknowledgement gives one time: that of the segment that ends at its number. Segments
//! before it that it covers, too (RFC 9293, 3.8.6.3: every second segment), waited for it rather than for the way, and
//! have no time of their own; they are counted in [`Counters::covered_segments`](super::Counters). A segment that was
//! sent more than once is timed from where it was seen first, as Wireshark does, since that is how long its bytes were
//! on the way; but which of the two was acknowledged is not known (RFC 6298, 3, Karn's rule), so that it is a
//! [`Reading::Ambiguous`], to be kept apart from round trips.
//!
//! **Requests.** Without knowing the protocol: what the client sends until the server speaks is a request, and what the
//! server sends until the client speaks again, or until the server is done, is its answer. Bytes count where they were
//! seen first, so that sending them again changes nothing. Each segment also says what its sender had heard by then (its
//! acknowledgement number): one that begins to speak before it has heard all that the other has said speaks
//! [at once](Reading::AtOnce) with it, and is not answering. Then nothing is measured until the server has spoken after
//! hearing everything, and the client after hearing that. Several requests that are sent before the first answer are one
//! to an observer, timed from the last.

use std::time::Duration;

use super::event::{Ends, Nodes, Place, Seen, Side};
use crate::time::Timestamp;

pub use crate::latency::Measure;

/// What came of measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// So long.
    Time(Duration),
    /// So long since the segment was seen first, but it was sent again since: which one was acknowledged is not known
    /// (RFC 6298, 3).
    Ambiguous(Duration),
    /// The later packet has the earlier time: the clock was set back in between.
    SteppedBack,
    /// Both sides spoke at once, so that nothing is the answer to anything.
    AtOnce,
    /// The answer was no: the connection was refused, or an ICMP error came.
    Failed,
    /// So many were never answered: patience, the connection or the capture ended first, or a table was full.
    Unanswered(u32),
    /// It was not seen whole: a connection that is open yet or had begun before, an answer that may not have ended.
    Open,
}

impl Reading {
    /// The time between two packets.
    pub fn between(from: Seen, to: Seen) -> Self {
        if to.at < from.at { Self::SteppedBack } else { Self::Time(to.at - from.at) }
    }

    /// The time, where there is one that is not in doubt.
    pub const fn time(self) -> Option<Duration> {
        match self {
            Self::Time(time) => Some(time),
            _ => None,
        }
    }
}

/// One measurement of a TCP connection.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Where.
    pub place: Place,
    /// The nodes of the tunnel that it was in.
    pub nodes: Nodes,
    /// The connection's ends.
    pub ends: Ends,
    /// The client's initial sequence number, where its SYN was seen: with `ends`, which connection it is.
    pub initial: Option<u32>,
    /// What was measured.
    pub measure: Measure,
    /// Who is waited for: the side that acknowledges or answers. Of a whole handshake or connection, the server.
    pub waited_for: Side,
    /// The sequence number after the last byte from which it counts, which no hop changes: with the measure it tells the
    /// copies of one measurement from those of another.
    pub mark: u32,
    /// The packet from which it counts.
    pub from: Seen,
    /// The packet until which it counts, where there is one.
    pub to: Option<Seen>,
    /// What came of it.
    pub reading: Reading,
    /// When all this was known: the last byte of an answer is known as such when the client speaks again.
    pub known_at: Timestamp,
}
