//! What is told: an event, and where else it was seen.

use std::net::IpAddr;

use crate::decode::message::Endpoint;
use crate::track::event::{Event, Place, Seen};

/// An event as it is told: once, however many taps have seen it.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// What happened. Its client is the real one, as far as that is known.
    pub event: Event<'a>,
    /// Where it was seen, in the order of time; empty where only one tap saw it.
    pub hops: Vec<Hop>,
    /// The published port that it came through.
    pub published: Option<Published>,
    /// It came to a published port of a container, but not through the host's: that was seen.
    pub is_direct: bool,
    /// The server that Docker's name service forwarded a lookup to.
    pub upstream: Option<IpAddr>,
}

impl<'a> Told<'a> {
    /// An event that one tap alone has seen.
    pub const fn alone(event: Event<'a>) -> Self {
        Self { event, hops: Vec::new(), published: None, is_direct: false, upstream: None }
    }
}

/// One place where it was seen, with the addresses that it had there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Where.
    pub place: Place,
    /// Who asked or opened, by the addresses there.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// The packet with which it began there.
    pub began: Seen,
    /// The packet with which it ended there.
    pub ended: Option<Seen>,
}

/// How a published port was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The address and port of the host that the client asked for.
    pub host: Endpoint,
    /// How it came to the container from there.
    pub via: Via,
}

/// How a packet comes from a published port to its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The kernel translated its destination (iptables or nftables `DNAT`).
    Dnat,
    /// docker-proxy accepted the connection and opened another one.
    DockerProxy,
}

impl Via {
    /// As JSON has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dnat => "dnat",
            Self::DockerProxy => "docker-proxy",
        }
    }
}
