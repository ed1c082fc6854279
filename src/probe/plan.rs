//! What is to be asked, how often, and within which bounds.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::ProbeError;
use super::lookup;

/// The shortest time between two probes: at 100 µs one processor is busy with them.
pub const SHORTEST_INTERVAL: Duration = Duration::from_micros(100);
/// The longest time between two probes, and the longest patience.
pub const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);
/// The most data that an echo request can carry, in bytes: what an IPv4 packet holds besides its header and ICMP's.
pub const MAX_ECHO_DATA: u16 = u16::MAX - 20 - 8;

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// An ICMP echo request (RFC 792), or an ICMPv6 one (RFC 4443).
    Echo {
        /// Whom: one station, by an address that needs no interface beside it.
        to: IpAddr,
        /// How much data it carries, 0 to [`MAX_ECHO_DATA`] bytes; ping sends 56.
        data_len: u16,
    },
    /// A TCP connection, which is given up as soon as it stands.
    Connect {
        /// Whom, as above, and a port that is not 0.
        to: SocketAddr,
    },
    /// A DNS query for the A records of a name, as it is, without search domains.
    Lookup {
        /// Whom, as above; in a container mostly `127.0.0.11:53`.
        resolver: SocketAddr,
        /// The name: labels of 1 to 63 characters with dots between them, 253 in all (RFC 1035, 2.3.4), of ASCII.
        name: String,
    },
}

/// What a prober is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What each probe asks.
    pub question: Question,
    /// How many probes, at least 1; `None` is until it is stopped.
    pub count: Option<u64>,
    /// The time between two, from [`SHORTEST_INTERVAL`] to [`LONGEST_INTERVAL`].
    pub interval: Duration,
    /// How long after the last one answers are waited for, at most [`LONGEST_INTERVAL`]; also how long a connection may
    /// take before it is given up.
    pub patience: Duration,
}

impl Question {
    /// Who is asked.
    pub const fn to(&self) -> IpAddr {
        match self {
            Self::Echo { to, .. } => *to,
            Self::Connect { to } | Self::Lookup { resolver: to, .. } => to.ip(),
        }
    }
}

impl Plan {
    /// Whether it can be done at all; [`spawn`](super::spawn) asks that too.
    ///
    /// # Errors
    /// What is out of its bounds.
    pub fn check(&self) -> Result<(), ProbeError> {
        if self.count == Some(0) {
            return Err(ProbeError::NoProbes);
        }
        if !(SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&self.interval) {
            return Err(ProbeError::Interval { interval: self.interval });
        }
        if self.patience > LONGEST_INTERVAL {
            return Err(ProbeError::Patience { patience: self.patience });
        }
        if !is_one_station(self.question.to()) {
            return Err(ProbeError::Address { to: self.question.to() });
        }
        match &self.question {
            Question::Echo { data_len, .. } if *data_len > MAX_ECHO_DATA => {
                Err(ProbeError::TooMuchData { data_len: *data_len })
            }
            Question::Connect { to } | Question::Lookup { resolver: to, .. } if to.port() == 0 => {
                Err(ProbeError::NoPort { to: to.ip() })
            }
            Question::Lookup { name, .. } => lookup::encode(name).map(drop),
            Question::Echo { .. } | Question::Connect { .. } => Ok(()),
        }
    }
}

/// A unicast address that means the same on every interface.
fn is_one_station(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    let is_link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    !address.is_unspecified() && !address.is_multicast() && !is_broadcast && !is_link_local
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(question: Question) -> Plan {
        let (interval, patience) = (Duration::from_millis(10), Duration::from_secs(1));
        Plan { question, count: Some(1000), interval, patience }
    }

    fn echo(to: &str, data_len: u16) -> Plan {
        plan(Question::Echo { to: to.parse().unwrap(), data_len })
    }

    #[test]
    fn what_can_be_done_is_accepted() {
        for (to, data_len) in [("172.17.0.2", 56), ("fd00::2", 0), ("127.0.0.1", MAX_ECHO_DATA)] {
            assert!(echo(to, data_len).check().is_ok(), "{to}");
        }
        for interval in [SHORTEST_INTERVAL, LONGEST_INTERVAL] {
            assert!(Plan { interval, count: None, ..echo("10.0.0.1", 56) }.check().is_ok());
        }
        let (resolver, name) = ("127.0.0.11:53".parse().unwrap(), "container_b".to_owned());
        assert!(plan(Question::Lookup { resolver, name }).check().is_ok());
    }

    #[test]
    fn what_is_out_of_bounds_is_named_with_the_bound() {
        let good = || echo("10.0.0.1", 56);
        let to = |to: &str| Question::Connect { to: to.parse().unwrap() };
        for (wrong, text) in [
            (Plan { count: Some(0), ..good() }, "0 probes: nothing would be sent; give a count of 1 or more"),
            (Plan { interval: Duration::ZERO, ..good() }, "0ns between two probes: give 100 µs to 1 hour"),
            (Plan { interval: Duration::from_micros(99), ..good() }, "99µs between two probes: give 100 µs to 1 hour"),
            (Plan { interval: Duration::from_secs(3601), ..good() }, "3601s between two probes: give 100 µs to 1 hour"),
            (
                Plan { patience: Duration::from_secs(3601), ..good() },
                "3601s of patience for an answer: give 1 hour at most",
            ),
            (echo("10.0.0.1", MAX_ECHO_DATA + 1), "65508 bytes of data in an echo request: 65507 is the most"),
            (plan(to("10.0.0.1:0")), "port 0 of 10.0.0.1: give a port from 1 to 65535"),
        ] {
            assert_eq!(wrong.check().unwrap_err().to_string(), text);
        }
        for address in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "fe80::1"] {
            let error = echo(address, 56).check().unwrap_err().to_string();
            let text =
                format!("{address} is no address of one container: give its address on a network that both are on");
            assert_eq!(error, text);
        }
    }
}
