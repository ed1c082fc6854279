//! A line with what is known of its ends.

use std::net::IpAddr;
use std::sync::Arc;

use crate::decode::dns::DOCKER_DNS;
use crate::decode::message::Endpoint;
use crate::docker::{Container, Network};
use crate::join::Told;
use crate::name::Namer;
use crate::time::Timestamp;
use crate::track::event::{Event, Place};

/// A line with what is known of its ends. Of a packet, the client is the sender.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub told: &'a Told<'a>,
    pub namer: &'a Namer,
    pub place: Place,
    /// The time for which names are asked, as for the line itself.
    pub at: Timestamp,
    pub client: Endpoint,
    pub server: Endpoint,
}

impl<'a> Scene<'a> {
    /// `None` for a packet without addresses above the link.
    pub fn new(told: &'a Told<'a>, namer: &'a Namer) -> Option<Self> {
        let (client, server, at) = match &told.event {
            Event::Exchange(exchange) => (exchange.ends.client, exchange.ends.server, exchange.request.at),
            Event::Connection(connection) => (connection.ends.client, connection.ends.server, connection.first.at),
            Event::Datagrams(datagrams) => (datagrams.ends.client, datagrams.ends.server, datagrams.first.at),
            Event::Notice(notice) => (notice.ends.client, notice.ends.server, notice.seen.at),
            Event::Measured(measured) => (measured.ends.client, measured.ends.server, measured.from.at),
            Event::Packet(packet) => {
                let (sender, receiver) = packet.ends?;
                (sender, receiver, packet.seen.at)
            }
        };
        Some(Self { told, namer, place: told.event.place(), at, client, server })
    }

    pub const fn ends(&self) -> [Endpoint; 2] {
        [self.client, self.server]
    }

    /// The container that has an address here.
    pub fn container(&self, address: IpAddr) -> Option<&'a Arc<Container>> {
        self.namer.container(address, self.place, self.at)
    }

    /// The networks that a container is on.
    pub fn networks_of(&self, container: &'a Container) -> impl Iterator<Item = &'a Arc<Network>> {
        let directory = self.namer.directory(self.place.tap);
        container.endpoints.iter().filter_map(move |endpoint| directory?.network(&endpoint.network))
    }

    /// The network that an address is on.
    pub fn network(&self, address: IpAddr) -> Option<&'a Arc<Network>> {
        self.namer.network_of(address, self.place, self.at)
    }

    /// Whether the address is the host's own, and the gateway of its bridge network.
    pub fn is_bridge_gateway(&self, address: IpAddr) -> bool {
        self.is_gateway(address) && self.standing(address) == Some("host")
    }

    /// Whether the address is the gateway of the network that it is on.
    pub fn is_gateway(&self, address: IpAddr) -> bool {
        self.network(address).is_some_and(|network| network.gateways.contains(&address))
    }

    /// What an address is to Docker, in a word of [`crate::name::WELL_KNOWN`].
    pub fn standing(&self, address: IpAddr) -> Option<&'static str> {
        self.namer.standing(address, self.place)
    }

    /// Whether one of the ends is Docker's name service.
    pub fn is_docker_dns(&self) -> bool {
        self.ends().iter().any(|end| end.address == DOCKER_DNS)
    }

    /// Whether the client is a container, and the server's address that of one on a bridge network which the client is
    /// not on, so that Docker's rules are between them.
    pub fn are_apart(&self) -> bool {
        let is_bridge = |network: &Network| network.driver == "bridge";
        let (Some(client), Some(_), Some(there)) = (
            self.container(self.client.address),
            self.container(self.server.address),
            self.network(self.server.address),
        ) else {
            return false;
        };
        let mut networks = self.networks_of(client).peekable();
        networks.peek().is_some()
            && is_bridge(there)
            && networks.all(|network| is_bridge(network) && network.id != there.id)
    }
}
