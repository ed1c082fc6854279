//! What is measured: the measures, their names and their words.

use std::fmt;
use std::str::FromStr;

/// A time between two packets of an exchange.
///
/// The order is that of the tables: what has to happen first stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// ARP request to its reply (RFC 826).
    Arp,
    /// Neighbor solicitation to its advertisement (RFC 4861, 7.2).
    Nd,
    /// DNS query to its response (RFC 1035).
    Dns,
    /// Echo request to its reply, ICMP and `ICMPv6` (RFC 792, RFC 4443).
    Ping,
    /// SYN to SYN-ACK: the server's half of the handshake, and the way there and back (RFC 9293, 3.5).
    Syn,
    /// SYN-ACK to ACK: the client's half.
    SynAck,
    /// SYN to the ACK that ends the handshake: both halves.
    Handshake,
    /// TCP data to the first segment that acknowledges its last byte. Delayed acknowledgements are in it (RFC 9293, 3.8.6.3).
    Ack,
    /// The last byte of a request to the first byte of its answer.
    FirstByte,
    /// The last byte of a request to the last byte of its answer.
    LastByte,
    /// A connection's first packet to its last.
    Connection,
    /// What another program measured, by its own tags. Never what bridgetap measures.
    Other,
}

impl Measure {
    /// All that are measured, in the order of the tables.
    pub const ALL: [Self; 11] = [
        Self::Arp,
        Self::Nd,
        Self::Dns,
        Self::Ping,
        Self::Syn,
        Self::SynAck,
        Self::Handshake,
        Self::Ack,
        Self::FirstByte,
        Self::LastByte,
        Self::Connection,
    ];

    /// Its name on the command line and in files: lowercase, without spaces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arp => "arp",
            Self::Nd => "nd",
            Self::Dns => "dns",
            Self::Ping => "ping",
            Self::Syn => "syn",
            Self::SynAck => "syn-ack",
            Self::Handshake => "handshake",
            Self::Ack => "ack",
            Self::FirstByte => "first-byte",
            Self::LastByte => "last-byte",
            Self::Connection => "connection",
            Self::Other => "other",
        }
    }

    /// From what to what, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Arp => "ARP request to reply",
            Self::Nd => "neighbor solicitation to advertisement",
            Self::Dns => "DNS query to response",
            Self::Ping => "echo request to reply",
            Self::Syn => "SYN to SYN-ACK: the server's half of the handshake",
            Self::SynAck => "SYN-ACK to ACK: the client's half of the handshake",
            Self::Handshake => "SYN to the ACK that ends the handshake",
            Self::Ack => "TCP data to its acknowledgement",
            Self::FirstByte => "end of a request to the first byte of its answer",
            Self::LastByte => "end of a request to the last byte of its answer",
            Self::Connection => "open to close",
            Self::Other => "measured by another program",
        }
    }

    /// Its place in [`Measure::ALL`]; behind it for [`Measure::Other`].
    pub const fn position(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no measure's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMeasure(pub String);

impl fmt::Display for UnknownMeasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Measure::ALL.iter().map(|measure| measure.name()).collect();
        write!(f, "{:?} is no measure: use {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownMeasure {}

impl FromStr for Measure {
    type Err = UnknownMeasure;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .chain([Self::Other])
            .find(|measure| measure.name() == name)
            .ok_or_else(|| UnknownMeasure(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back() {
        for (position, measure) in Measure::ALL.into_iter().enumerate() {
            assert_eq!(measure.name().parse(), Ok(measure));
            assert_eq!(measure.position(), position);
            assert!(!measure.words().is_empty());
        }
        let error = "rtt".parse::<Measure>().unwrap_err().to_string();
        assert!(error.starts_with("\"rtt\" is no measure: use arp, nd, dns"), "{error}");
    }
}
