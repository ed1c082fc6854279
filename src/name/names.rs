//! The names of one source: those of the live daemon, or those that one capture file carries.

use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;

use super::well_known;
use crate::address::MacAddr;
use crate::capture::{NameBlock, Tap};
use crate::decode::{Vni, dns};
use crate::docker::{Container, Directory, NetworkId};
use crate::time::Timestamp;

/// As many names from a capture's own name blocks are kept; more are hostile.
const MAX_FILE_NAMES: usize = 262_144;

/// Where an address was seen, as far as its name depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    /// The tap, where it was told about.
    pub tap: Option<&'a Tap>,
    /// The network inside a tunnel, which is not the tap's.
    pub vni: Option<Vni>,
}

/// The names of one source.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub directory: Option<Arc<Directory>>,
    file_names: AHashMap<IpAddr, String>,
}

impl Names {
    /// Takes the records of a capture's name block.
    pub fn add(&mut self, block: &NameBlock) {
        for (address, names) in &block.records {
            let room = self.file_names.len() < MAX_FILE_NAMES || self.file_names.contains_key(address);
            if let Some(name) = names.first().filter(|name| room && !name.is_empty()) {
                self.file_names.insert(*address, name.clone());
            }
        }
    }

    pub fn container(
        &self,
        address: IpAddr,
        mac: Option<MacAddr>,
        spot: Spot<'_>,
        at: Timestamp,
    ) -> Option<&Arc<Container>> {
        let directory = self.directory.as_ref()?;
        if address.is_loopback() {
            // Inside a container's namespace its loopback addresses are the container itself, but for its name service.
            let namespace = spot.tap.and_then(|tap| tap.namespace.as_deref())?;
            return if address == dns::DOCKER_DNS { None } else { directory.container_by_name(namespace) };
        }
        if self.is_foreign(spot) {
            return None;
        }
        let network = self.network_id(spot);
        let found = directory.container_at(network, address, at).or_else(|| {
            // An address of another network, asked for on this one, is still the other network's container; but nothing
            // from outside is inside a tunnel.
            let network = directory.network(network?)?;
            let is_ours = network.subnets.iter().any(|subnet| subnet.contains(address));
            if is_ours || spot.vni.is_some() { None } else { directory.container_at(None, address, at) }
        });
        match (found, address, mac) {
            (None, IpAddr::V6(v6), Some(mac)) if v6.is_unicast_link_local() => {
                container_by_mac(directory, network, mac)
            }
            _ => found,
        }
    }

    fn network_id(&self, spot: Spot<'_>) -> Option<&NetworkId> {
        let directory = self.directory.as_ref()?;
        if let Some(vni) = spot.vni {
            return directory.network_by_vni(vni.number()).map(|network| &network.id);
        }
        let tap = spot.tap?;
        let by_name = tap.network.as_deref().and_then(|name| directory.network_by_name(name));
        let network = by_name.or_else(|| directory.network_by_interface(&tap.interface))?;
        Some(&network.id)
    }

    /// Whether it is inside a tunnel, on a network that the daemon does not know: then its addresses are nobody's here.
    fn is_foreign(&self, spot: Spot<'_>) -> bool {
        spot.vni.is_some() && self.network_id(spot).is_none()
    }

    /// The name of the network inside the tunnel of that number.
    pub fn network_of_vni(&self, vni: Vni) -> Option<&str> {
        self.directory.as_ref()?.network_by_vni(vni.number()).map(|network| network.name.as_str())
    }

    pub fn container_network(&self, container: &Container, address: IpAddr, spot: Spot<'_>) -> Option<&str> {
        let directory = self.directory.as_ref()?;
        let endpoint = container.endpoints.iter().find(|endpoint| endpoint.addresses.contains(&address));
        let id = endpoint.map(|endpoint| &endpoint.network).or_else(|| self.network_id(spot))?;
        directory.network(id).map(|network| network.name.as_str())
    }

    pub fn network_name(&self, address: IpAddr, spot: Spot<'_>) -> Option<&str> {
        let directory = self.directory.as_ref()?;
        let network = match self.network_id(spot) {
            Some(id) => directory.network(id).filter(|network| network.subnets.iter().any(|s| s.contains(address))),
            None if self.is_foreign(spot) => None,
            None => directory.network_containing(address),
        };
        network.map(|network| network.name.as_str())
    }

    /// The name of an address that is no container's.
    pub fn other_name(&self, address: IpAddr, spot: Spot<'_>) -> Option<&str> {
        let special = well_known::name(address).or_else(|| self.role(address, spot));
        special.or_else(|| self.file_names.get(&address).map(String::as_str))
    }

    /// What an address is to Docker: the gateway, the host, everybody on the network.
    fn role(&self, address: IpAddr, spot: Spot<'_>) -> Option<&'static str> {
        if address.is_loopback() {
            return (address != dns::DOCKER_DNS).then_some("localhost");
        }
        if self.is_foreign(spot) {
            return None;
        }
        let directory = self.directory.as_ref()?;
        let network = self.network_id(spot);
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
