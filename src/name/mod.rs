//! Addresses to names: what a person calls the ends of an event.
//!
//! A name belongs to a network, an address and a time, so it is looked up with all three. Pure: it asks nobody, and what
//! it does not know stays an address.

mod learned;
mod well_known;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use ahash::AHashMap;

use crate::address::{self, MacAddr};
use crate::capture::{NameBlock, Tap, TapId};
use crate::decode::dns;
use crate::decode::message::Endpoint;
use crate::docker::{Container, Directory, NetworkId};
use crate::time::Timestamp;
use crate::track::event::{Event, Place, Subject};
use learned::Learned;

/// As many names from a capture's own name blocks are kept; more are hostile.
const MAX_FILE_NAMES: usize = 262_144;

/// One end of an event, as people call it.
#[derive(Clone, Debug)]
pub struct Party<'a> {
    /// The name, or the address where there is none. As hostile as any bytes of the wire.
    pub name: Cow<'a, str>,
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: Option<u16>,
    /// The address on the link.
    pub mac: Option<MacAddr>,
    /// The name of the network that the address belongs to.
    pub network: Option<&'a str>,
    /// The id of the container.
    pub container_id: Option<&'a str>,
}

/// Knows what everybody is called.
#[derive(Debug)]
pub struct Namer {
    directory: Option<Arc<Directory>>,
    taps: AHashMap<TapId, Tap>,
    file_names: AHashMap<IpAddr, String>,
    learned: Learned,
    numeric: bool,
}

impl Namer {
    /// A namer without names; `numeric` keeps it that way, as tcpdump's `-n`.
    pub fn new(numeric: bool) -> Self {
        Self {
            directory: None,
            taps: AHashMap::new(),
            file_names: AHashMap::new(),
            learned: Learned::default(),
            numeric,
        }
    }

    /// From now on these names hold.
    pub fn set_directory(&mut self, directory: Arc<Directory>) {
        self.directory = Some(directory);
    }

    /// The names in force.
    pub const fn directory(&self) -> Option<&Arc<Directory>> {
        self.directory.as_ref()
    }

    /// Tells about a tap.
    pub fn set_tap(&mut self, id: TapId, tap: Tap) {
        self.taps.insert(id, tap);
    }

    /// Whether that tap was told about.
    pub fn knows_tap(&self, id: TapId) -> bool {
        self.taps.contains_key(&id)
    }

    /// The tap of that number.
    pub fn tap(&self, id: TapId) -> Option<&Tap> {
        self.taps.get(&id)
    }

    /// Takes the records of a capture's name block; its Directory is read by the docker room.
    pub fn add_file_names(&mut self, block: &NameBlock) {
        for (address, names) in &block.records {
            let room = self.file_names.len() < MAX_FILE_NAMES || self.file_names.contains_key(address);
            if let Some(name) = names.first().filter(|name| room && !name.is_empty()) {
                self.file_names.insert(*address, name.clone());
            }
        }
    }

    /// Learns from an answered lookup what an outside address is called.
    pub fn learn(&mut self, event: &Event<'_>) {
        let Event::Exchange(exchange) = event else { return };
        let Subject::Lookup(lookup) = &exchange.subject else { return };
        let Some(message) = lookup.message() else { return };
        for record in message.answers() {
            if let Some(address) = record.address() {
                self.learned.insert(address, lookup.question());
            }
        }
    }

    /// The network that a tap carries.
    pub fn network_of(&self, place: Place) -> Option<&str> {
        self.taps.get(&place.tap)?.network.as_deref()
    }

    /// What an end is called at that place and time.
    pub fn party(&self, end: Endpoint, mac: Option<MacAddr>, place: Place, at: Timestamp) -> Party<'_> {
        let tap = self.taps.get(&place.tap);
        let container = self.container(end.address, mac, tap, at);
        let network = match container {
            Some(container) => self.container_network(container, end.address, tap),
            None => self.network_name(end.address, tap),
        };
        let name = match container {
            _ if self.numeric => None,
            Some(container) => Some(container.name.as_str()),
            None => self.other_name(end.address, tap),
        };
        Party {
            name: name.map_or_else(|| Cow::Owned(address::text(end.address)), Cow::Borrowed),
            address: end.address,
            port: end.port,
            mac,
            network,
            container_id: container.map(|container| &*container.id.0),
        }
    }

    fn container(
        &self,
        address: IpAddr,
        mac: Option<MacAddr>,
        tap: Option<&Tap>,
        at: Timestamp,
    ) -> Option<&Arc<Container>> {
        let directory = self.directory.as_ref()?;
        if address.is_loopback() {
            // Inside a container's namespace its loopback addresses are the container itself, but for its name service.
            let namespace = tap.and_then(|tap| tap.namespace.as_deref())?;
            return if address == dns::DOCKER_DNS { None } else { directory.container_by_name(namespace) };
        }
        let network = self.network_id(tap);
        let found = directory.container_at(network, address, at);
        match (found, address, mac) {
            (None, IpAddr::V6(v6), Some(mac)) if is_link_local(v6) => container_by_mac(directory, network, mac),
            _ => found,
        }
    }

    fn network_id(&self, tap: Option<&Tap>) -> Option<&NetworkId> {
        let directory = self.directory.as_ref()?;
        let tap = tap?;
        let by_name = tap.network.as_deref().and_then(|name| directory.network_by_name(name));
        let network = by_name.or_else(|| directory.network_by_interface(&tap.interface))?;
        Some(&network.id)
    }

    fn container_network(&self, container: &Container, address: IpAddr, tap: Option<&Tap>) -> Option<&str> {
        let directory = self.directory.as_ref()?;
        let endpoint = container.endpoints.iter().find(|endpoint| endpoint.addresses.contains(&address));
        let id = endpoint.map(|endpoint| &endpoint.network).or_else(|| self.network_id(tap))?;
        directory.network(id).map(|network| network.name.as_str())
    }

    fn network_name(&self, address: IpAddr, tap: Option<&Tap>) -> Option<&str> {
        let directory = self.directory.as_ref()?;
        let network = match self.network_id(tap) {
            Some(id) => directory.network(id).filter(|network| network.subnets.iter().any(|s| s.contains(address))),
            None => directory.network_containing(address),
        };
        network.map(|network| network.name.as_str())
    }

    /// The name of an address that is no container's.
    fn other_name(&self, address: IpAddr, tap: Option<&Tap>) -> Option<&str> {
        well_known::name(address).or_else(|| self.role(address, tap)).or_else(|| {
            let in_file = self.file_names.get(&address).map(String::as_str);
            in_file.or_else(|| self.learned.get(&address))
        })
    }

    /// What an address is to Docker: the gateway, the host, everybody on the network.
    fn role(&self, address: IpAddr, tap: Option<&Tap>) -> Option<&'static str> {
        if address.is_loopback() {
            return (address != dns::DOCKER_DNS).then_some("localhost");
        }
        let directory = self.directory.as_ref()?;
        let network = self.network_id(tap);
        if let Some(network) = directory.is_gateway(network, address) {
            // A bridge's gateway address is the host's own; elsewhere the gateway is another machine.
            return Some(if network.driver == "bridge" { "host" } else { "gateway" });
        }
        let broadcast = matches!(address, IpAddr::V4(v4) if directory.is_broadcast(network, v4));
        match () {
            () if broadcast => Some("broadcast"),
            () if directory.is_host_address(address) => Some("host"),
            () => None,
        }
    }
}

/// A link-local address is on every network, but its MAC address is not.
fn container_by_mac<'a>(
    directory: &'a Directory,
    network: Option<&NetworkId>,
    mac: MacAddr,
) -> Option<&'a Arc<Container>> {
    directory.containers().find(|container| {
        container
            .endpoints
            .iter()
            .any(|endpoint| endpoint.mac == Some(mac) && network.is_none_or(|network| *network == endpoint.network))
    })
}

const fn is_link_local(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local()
}

#[cfg(test)]
mod tests;
