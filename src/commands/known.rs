//! What joining has to know of the world: the names of the moment, and what the kernel translates.

use std::net::IpAddr;
use std::sync::Arc;

use super::clients::SharedHeard;
use crate::capture::Aside;
use crate::decode::message::Endpoint;
use crate::docker::{Binding, Container, Directory, Protocol};
use crate::join::{Knowledge, Proxied, Service, Told, Transport};
use crate::name::Namer;
use crate::time::Timestamp;
use crate::track::event::{Event, Place};

/// The world as the namer knows it, and the kernel where packets are captured.
pub(super) struct Known<'a> {
    pub namer: &'a Namer,
    /// Not there where nothing that is watched is published, and in files that have kept none.
    pub clients: Option<&'a SharedHeard>,
    /// Only packets that pass a filter are followed, but for what is aside.
    pub is_filtered: bool,
}

impl Known<'_> {
    fn directory(&self, place: Place) -> Option<&Directory> {
        self.namer.directory(place.tap).map(Arc::as_ref)
    }

    /// Whether an address is this host's, as it is seen at that place.
    pub fn is_host(&self, address: IpAddr, place: Place) -> bool {
        let inside = self.namer.tap(place.tap).is_some_and(|tap| tap.namespace.is_some());
        match self.directory(place) {
            _ if address.is_loopback() => !inside,
            Some(directory) => {
                let is_bridges = directory.is_gateway(None, address).is_some_and(|network| network.driver == "bridge");
                is_bridges || directory.is_host_address(address)
            }
            None => false,
        }
    }
}

impl Knowledge for Known<'_> {
    fn service_from_host(
        &self,
        transport: Transport,
        (client, server): (Endpoint, Endpoint),
        place: Place,
        at: Timestamp,
    ) -> Option<Service> {
        if !self.is_host(client.address, place) {
            return None;
        }
        let container = self.namer.container(server.address, place, at)?;
        let port = server.port?;
        let publishes = |binding: &Binding| binding.container_port == port && protocol(transport) == binding.protocol;
        container.published.iter().any(publishes).then(|| service(container, port, transport))
    }

    fn service_at_host(&self, transport: Transport, server: Endpoint, place: Place) -> Option<Service> {
        if !self.is_host(server.address, place) {
            return None;
        }
        let is_asked = |binding: &&Binding| {
            let address = binding.host_address;
            Some(binding.host_port) == server.port
                && protocol(transport) == binding.protocol
                && (address == server.address
                    || address.is_unspecified() && address.is_ipv4() == server.address.is_ipv4())
        };
        self.directory(place)?.containers().find_map(|container| {
            let binding = container.published.iter().find(is_asked)?;
            Some(service(container, binding.container_port, transport))
        })
    }

    fn asks_for(&self, inside: Place, there: Place, address: IpAddr, at: Timestamp) -> bool {
        let namespace = self.namer.tap(inside.tap).and_then(|tap| tap.namespace.as_deref());
        let Some(namespace) = namespace else { return false };
        match self.namer.container(address, there, at) {
            Some(container) => container.name == namespace,
            None => self.is_host(address, there),
        }
    }

    fn original(
        &self,
        transport: Transport,
        ends: (Endpoint, Endpoint),
        at: Timestamp,
    ) -> Option<(Endpoint, Endpoint)> {
        self.clients?.original(transport, ends, at)
    }

    fn proxied(&self, transport: Transport, ends: (Endpoint, Endpoint)) -> Option<Proxied> {
        self.clients?.proxied(transport, ends)
    }

    fn is_network(&self, place: Place) -> bool {
        self.namer.network(place).is_some()
    }

    /// Whether only a tap for clients of published ports has seen it, and it is none: its filter knows ports, so it shows
    /// also what this machine itself asks of others. Where packets are filtered, not even clients are told by it alone.
    fn is_aside(&self, told: &Told<'_>) -> bool {
        let event = &told.event;
        let aside = |tap| self.namer.tap(tap).and_then(|tap| tap.aside);
        let Some(Aside { is_filtered }) = aside(event.place().tap) else { return false };
        if told.hops.iter().any(|hop| aside(hop.place.tap).is_none()) {
            return false;
        }
        let asked = match event {
            Event::Connection(connection) => Some((Transport::Tcp, connection.ends.server)),
            Event::Datagrams(datagrams) => Some((Transport::Udp, datagrams.ends.server)),
            _ => None,
        };
        let service = asked.and_then(|(transport, server)| self.service_at_host(transport, server, event.place()));
        service.is_none() || is_filtered || self.is_filtered
    }
}

fn service(container: &Container, port: u16, transport: Transport) -> Service {
    Service { container: Arc::clone(&container.id.0), port, transport }
}

const fn protocol(transport: Transport) -> Protocol {
    match transport {
        Transport::Tcp => Protocol::Tcp,
        Transport::Udp => Protocol::Udp,
    }
}
