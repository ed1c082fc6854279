//! Across taps: what several taps found out, as one story in one order.
//!
//! One packet is seen on a container's veth, on the bridge and on the uplink, and a request to a published port becomes
//! two connections at docker-proxy. Each tap tells its own event; here they are put together into one [`Told`], with the
//! hops that it was seen at. What only one tap can see passes through.
//!
//! Each tap has its own ring, and gives packets up to some milliseconds after they were seen. So events are held back
//! for [`HOLD`] of packet time, in which their copies come, and are told in the order in which they were known.
//! A single tap needs none of this, nor does a file with one interface.

mod copies;
mod groups;
mod joiner;
mod lookups;
pub mod parts;
mod published;
#[cfg(test)]
mod tests;
mod told;
mod vantage;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub use joiner::{EVENTS, Joiner};
pub use told::{Hop, Published, Told, Via};

use crate::decode::message::Endpoint;
use crate::time::Timestamp;
use crate::track::event::Place;

/// Longer than a tap takes to give a packet (10 ms, and as much again for a busy machine), and short enough that a line
/// is there before a person has looked.
pub const HOLD: Duration = Duration::from_millis(25);

/// The transport protocols that ports are published for and that are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A port of a container that is published on the host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    /// The container's id.
    pub container: Arc<str>,
    /// The port inside the container.
    pub port: u16,
    /// For which protocol.
    pub transport: Transport,
}

/// Whether docker-proxy opened a connection of the host to a container, by its sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxied {
    /// It did, for a client of a published port.
    Published {
        /// The client; `None` where it is not certain which of several.
        client: Option<Endpoint>,
        /// What the client asked for; where the client is not certain, what docker-proxy listens on.
        host: Endpoint,
    },
    /// Another program of the host did, which knows the container's address.
    Direct,
}

/// What joining has to know of the world, asked with the place and time of a packet. Whoever does not know says `None`.
pub trait Knowledge {
    /// The service behind `server`, where `client` reached it as only the host does: from the gateway's address.
    fn service_from_host(
        &self,
        transport: Transport,
        ends: (Endpoint, Endpoint),
        place: Place,
        at: Timestamp,
    ) -> Option<Service>;
    /// The service that is published as `server`, an address and port of the host.
    fn service_at_host(&self, transport: Transport, server: Endpoint, place: Place) -> Option<Service>;
    /// Whether `address`, seen at `there`, is that of the container whose namespace `inside` is in, or of the host that
    /// asks in its stead.
    fn asks_for(&self, inside: Place, there: Place, address: IpAddr, at: Timestamp) -> bool;
    /// The ends that a connection had before its addresses were translated, by the kernel's connection tracking.
    fn original(&self, transport: Transport, ends: (Endpoint, Endpoint), at: Timestamp)
    -> Option<(Endpoint, Endpoint)>;
    /// What the sockets of docker-proxy said of a connection of the host to a container, where they were seen in time.
    fn proxied(&self, transport: Transport, ends: (Endpoint, Endpoint)) -> Option<Proxied>;
    /// Whether the place is one that people name: a Docker network's bridge.
    fn is_network(&self, place: Place) -> bool;
    /// Whether only taps have seen it that are there for what they tell of others, so that it is not told by them alone.
    fn is_aside(&self, told: &Told<'_>) -> bool;
}
