//! Events as those want them who only count.

use std::time::Duration;

use super::event::{Connection, DatagramStage, Event, Exchange, Outcome, Stage};
use crate::decode::message::ProtocolId;

/// What there is to count of an event. It is there long before the event is: whom it was between, when and about what
/// has to be put together, and is several hundred bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// A request with its reply, or without.
    Exchange {
        /// Which protocol.
        protocol: ProtocolId,
        /// How it ended.
        outcome: Outcome,
        /// The reply came after it was said that there was none.
        late: bool,
        /// From the request to its reply.
        latency: Option<Duration>,
    },
    /// A TCP connection opened or ended.
    Connection {
        /// What became of it.
        stage: Stage,
        /// Its opening was not seen.
        before_capture: bool,
        /// From the SYN to the ACK, where it opened and they were seen.
        handshake: Option<Duration>,
        /// How often a segment was sent again.
        retransmissions: u64,
    },
    /// UDP datagrams between two ports began or ended.
    Datagrams(DatagramStage),
}

impl Event<'_> {
    /// What there is to count of it.
    pub fn counted(&self) -> Option<Counted> {
        match self {
            Self::Exchange(exchange) => Some(exchange.counted()),
            Self::Connection(connection) => Some(connection.counted()),
            Self::Datagrams(datagrams) => Some(Counted::Datagrams(datagrams.stage)),
            Self::Notice(_) | Self::Packet(_) | Self::Measured(_) => None,
        }
    }
}

impl Exchange<'_> {
    fn counted(&self) -> Counted {
        let Self { protocol, outcome, late, .. } = *self;
        Counted::Exchange { protocol, outcome, late, latency: self.latency() }
    }
}

impl Connection {
    fn counted(&self) -> Counted {
        let handshake = match self.stage {
            Stage::Opened => self.handshake.halves().map(|(there, back)| there + back),
            _ => None,
        };
        Counted::Connection {
            stage: self.stage,
            before_capture: self.before_capture,
            handshake,
            retransmissions: u64::from(self.there.retransmissions) + u64::from(self.back.retransmissions),
        }
    }
}
