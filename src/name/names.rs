//! The names of one source: those of the live daemon, or those that one capture file carries.

use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;

use super::AddressNames;
use super::called::Services;
use super::capped::Capped;
use super::well_known;
use crate::address::MacAddr;
use crate::capture::{NameBlock, Tap};
use crate::decode::dns;
use crate::decode::message::Endpoint;
use crate::docker::{Container, ContainerId, Directory, Network, NetworkId};
use crate::time::Timestamp;
use crate::track::event::Place;

/// Sockets of containers on the host's network that are remembered; the one that was seen first goes, and is called `host`
/// until it is seen again.
const MAX_OWNERS: usize = 16_384;

/// The names of one source.
#[derive(Debug)]
pub(super) struct Names {
    directory: Option<Arc<Directory>>,
    services: Services,
    of_addresses: AddressNames,
    interfaces: AHashMap<u32, String>,
    owners: Capped<Endpoint, Option<ContainerId>>,
}

impl Names {
    /// None, with room for so many names of addresses.
    pub fn with_room(addresses: usize) -> Self {
        Self {
            directory: None,
            services: Services::default(),
            of_addresses: AddressNames::with_room(addresses),
            interfaces: AHashMap::new(),
            owners: Capped::new(MAX_OWNERS),
        }
    }
}

/// Where addresses are read: what they mean depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    /// The network that the tap carries, or of a tap of several interfaces the one that the packet was seen on.
    pub network: Option<&'a Arc<Network>>,
    /// The container whose namespace the tap is in.
    pub inside: Option<&'a Arc<Container>>,
    /// The tap may be the loopback interface there: nowhere else is a loopback address the namespace's own. docker-proxy's
    /// client, on the host's, is told at the container's `eth0`.
    pub may_be_lo: bool,
    /// Inside a tunnel, where nothing from outside is.
    pub in_tunnel: bool,
}

impl Spot<'_> {
    /// Whether it is on a network that the daemon does not know: then its addresses are nobody's here.
    const fn is_foreign(&self) -> bool {
        self.in_tunnel && self.network.is_none()
    }
}

impl Names {
    /// Takes a Directory in place of the one before; `with_services` where containers are called by their services.
    pub fn set_directory(&mut self, directory: Arc<Directory>, with_services: bool) {
        if with_services {
            self.services = Services::of(&directory);
        }
        self.directory = Some(directory);
    }

    pub fn directory(&self) -> Option<&Arc<Directory>> {
        self.directory.as_ref()
    }

    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The names of the host's interfaces by their index: a tap of all of them gives the index only.
    pub fn set_interfaces(&mut self, interfaces: impl Iterator<Item = (u32, String)>) {
        self.interfaces = interfaces.collect();
    }

    /// The name of an interface of the host by its index.
    pub fn interface(&self, index: u32) -> Option<&str> {
        self.interfaces.get(&index).map(String::as_str)
    }

    /// A container on the host's network has a socket with this address and port.
    pub fn set_owner(&mut self, socket: Endpoint, container: Option<ContainerId>) {
        if container.is_some() || self.owners.get(&socket).is_some() {
            *self.owners.entry(socket) = container;
        }
    }

    /// Whether any container has a socket of the host.
    pub fn has_owners(&self) -> bool {
        !self.owners.is_empty()
    }

    /// The container that has a socket of the host, as it was last known.
    pub fn owner<'a>(&'a self, socket: Endpoint, spot: Spot<'a>) -> Option<&'a Arc<Container>> {
        // Inside a container's namespace, and inside a tunnel, there is no socket of the host.
        if self.owners.is_empty() || spot.inside.is_some() || spot.in_tunnel {
            return None;
        }
        self.directory.as_ref()?.container(self.owners.get(&socket)?.as_ref()?)
    }

    /// Takes the records of a capture's name block.
    pub fn add(&mut self, block: &NameBlock) {
        for (address, names) in &block.records {
            self.of_addresses.set(*address, names);
        }
    }

    /// The names that capture files give to addresses.
    pub const fn of_addresses(&self) -> &AddressNames {
        &self.of_addresses
    }

    /// What addresses mean at a place on a tap.
    pub fn spot<'a>(&'a self, tap: Option<&'a Tap>, place: Place) -> Spot<'a> {
        let directory = self.directory.as_deref();
        if let Some(vni) = place.vni {
            let network = directory.and_then(|directory| directory.network_by_vni(vni.number()));
            return Spot { network, inside: None, may_be_lo: false, in_tunnel: true };
        }
        let namespace = tap.and_then(|tap| tap.namespace.as_deref());
        let inside = namespace.and_then(|name| directory?.latest_container_by_name(name));
        let network = tap.and_then(|tap| {
            let by_name = tap.network.as_deref().and_then(|name| directory?.network_by_name(name));
            // An interface inside a container may have the name of a bridge outside.
            by_name.or_else(|| if namespace.is_some() { None } else { self.by_interface(tap, place.if_index) })
        });
        let may_be_lo = tap.is_none_or(|tap| tap.interface.is_empty() || tap.interface == "lo");
        Spot { network, inside, may_be_lo, in_tunnel: false }
    }

    fn by_interface(&self, tap: &Tap, if_index: u32) -> Option<&Arc<Network>> {
        let seen_on = self.interfaces.get(&if_index).unwrap_or(&tap.interface);
        self.directory.as_ref()?.network_by_interface(seen_on)
    }

    pub fn container<'a>(
        &'a self,
        address: IpAddr,
        mac: Option<MacAddr>,
        spot: Spot<'a>,
        at: Timestamp,
    ) -> Option<&'a Arc<Container>> {
        let directory = self.directory.as_ref()?;
        if address.is_loopback() {
            // Inside a container's namespace its loopback addresses are the container itself, but for its name service.
            return spot.inside.filter(|_| spot.may_be_lo && address != dns::DOCKER_DNS);
        }
        if spot.is_foreign() {
            return None;
        }
        let on = |network: &NetworkId| directory.container_at(Some(network), address, at);
        let found = match (spot.network, spot.inside) {
            (Some(network), _) => on(&network.id).or_else(|| {
                // An address of another network, asked for on this one, is still the other network's container.
                let is_ours = network.subnets.iter().any(|subnet| subnet.contains(address));
                if is_ours || spot.in_tunnel { None } else { directory.container_at(None, address, at) }
            }),
            // One of the container's own networks, though another may have the same subnet.
            (None, Some(inside)) => {
                let known = inside.endpoints.iter().find_map(|endpoint| on(&endpoint.network));
                known.or_else(|| directory.container_at(None, address, at))
            }
            (None, None) => directory.container_at(None, address, at),
        };
        match mac {
            Some(mac) if found.is_none() && has_no_owner(address) => container_by_mac(directory, spot.network, mac),
            _ => found,
        }
    }

    /// The network on which the container has the address, else that of the tap.
    pub fn container_network<'a>(
        &'a self,
        container: &Container,
        address: IpAddr,
        spot: Spot<'a>,
    ) -> Option<&'a Arc<Network>> {
        let endpoint = container.endpoints.iter().find(|endpoint| endpoint.addresses.contains(&address));
        match endpoint {
            Some(endpoint) => self.directory.as_ref()?.network(&endpoint.network),
            None => spot.network,
        }
    }

    /// The network in whose subnet the address lies.
    pub fn network_of<'a>(&'a self, address: IpAddr, spot: Spot<'a>) -> Option<&'a Arc<Network>> {
        match spot.network {
            Some(network) => network.subnets.iter().any(|subnet| subnet.contains(address)).then_some(network),
            None if spot.is_foreign() => None,
            None => self.directory.as_ref()?.network_containing(address),
        }
    }

    /// What an address is to Docker: the gateway, the host, everybody on the network.
    pub fn role(&self, address: IpAddr, spot: Spot<'_>) -> Option<&'static str> {
        if spot.is_foreign() {
            return None;
        }
        let directory = self.directory.as_ref()?;
        let network = spot.network.map(|network| &network.id);
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

    /// The network on which it is worth waiting for the daemon to tell who has the address: it is a container's that has
    /// only just come, as far as can be known.
    pub fn unknown_on<'a>(
        &'a self,
        address: IpAddr,
        mac: Option<MacAddr>,
        spot: Spot<'a>,
        at: Timestamp,
    ) -> Option<&'a Arc<Network>> {
        let directory = self.directory.as_ref()?;
        // A tap of all interfaces does not say on which network a packet was while the interface is as new as its container.
        let network = spot.network.or_else(|| directory.network_containing(address))?;
        if address.is_loopback() || address.is_multicast() || self.role(address, spot).is_some() {
            return None;
        }
        if has_no_owner(address) {
            return container_by_mac(directory, Some(network), mac?).is_none().then_some(network);
        }
        let is_ours = network.subnets.iter().any(|subnet| subnet.contains(address));
        (is_ours && !directory.is_known_at(&network.id, address, at)).then_some(network)
    }
}

/// The name of an address that is no container's, where it is the same for everybody: nobody calls it otherwise.
pub(super) fn fixed_name(address: IpAddr) -> Option<&'static str> {
    well_known::name(address).or_else(|| address.is_loopback().then_some("localhost"))
}

/// Whether an address does not tell whose it is: the unspecified one is everybody's who has none yet (RFC 4862, 5.4.2;
/// RFC 5227, 1.1), and a link-local one is good on every network at once. The MAC address tells.
pub(super) fn has_no_owner(address: IpAddr) -> bool {
    address.is_unspecified() || matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// The container of a MAC address.
fn container_by_mac<'a>(
    directory: &'a Directory,
    network: Option<&Arc<Network>>,
    mac: MacAddr,
) -> Option<&'a Arc<Container>> {
    directory.containers().find(|container| {
        container
            .endpoints
            .iter()
            .any(|endpoint| endpoint.mac == Some(mac) && network.is_none_or(|network| network.id == endpoint.network))
    })
}
