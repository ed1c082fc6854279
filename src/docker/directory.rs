//! The Directory: networks, containers and their addresses, with the time for which each was true.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::address::MacAddr;
use crate::docker::leases::Leases;
use crate::docker::lookup::{self, Lookup};
use crate::docker::network_index::NetworkIndex;
use crate::docker::past::{MAX_PAST_CONTAINERS, MAX_PAST_NETWORKS, Past};
use crate::time::Timestamp;

/// A network's 64-digit hexadecimal id, as the daemon gives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetworkId(pub Arc<str>);

/// A container's 64-digit hexadecimal id, as the daemon gives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(pub Arc<str>);

/// A subnet in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The network's address.
    pub address: IpAddr,
    /// Length of the prefix in bits, at most 32 or 128.
    pub prefix: u8,
}

impl Subnet {
    /// Reads CIDR notation, such as `172.18.0.0/16`; nothing for a prefix that is longer than the address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let prefix: u8 = prefix.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= longest).then_some(Self { address, prefix })
    }

    /// Whether `address` lies in this subnet; never for one of the other family.
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(self.address, self.prefix) == masked(address, self.prefix)
    }

    /// The directed broadcast address (RFC 919): host bits all ones. None for IPv6, `/31` (RFC 3021) and `/32`.
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        match self.address {
            IpAddr::V4(address) if self.prefix < 31 => {
                Some(Ipv4Addr::from_bits(address.to_bits() | (u32::MAX >> self.prefix)))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// `address` with all but its first `prefix` bits cleared; the whole address where `prefix` is too long for it.
pub(crate) fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & !u32::MAX.checked_shr(prefix).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::MAX.checked_shr(prefix).unwrap_or(0)).into()),
    }
}

/// A Docker network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The daemon's id.
    pub id: NetworkId,
    /// The name people use.
    pub name: String,
    /// `bridge`, `overlay`, `macvlan`, `ipvlan`, `host`, `null` or a plugin's.
    pub driver: String,
    /// The bridge's interface on the host, for the `bridge` driver: `docker0`, `br-` and twelve digits of the id, or
    /// what `com.docker.network.bridge.name` says.
    pub interface: Option<String>,
    /// Its address ranges.
    pub subnets: Vec<Subnet>,
    /// The gateways; with the `bridge` driver these addresses are the host's own.
    pub gateways: Vec<IpAddr>,
    /// Whether containers on it ask Docker's name service at 127.0.0.11: true of every network but the default bridge,
    /// `host` and `none`.
    pub name_service: bool,
    /// Created with `--internal`.
    pub internal: bool,
    /// `local`, or `swarm` for a network that spans the nodes of a swarm.
    pub scope: String,
    /// The driver's options, as `docker network create -o` sets them, by name.
    pub options: BTreeMap<String, String>,
}

/// A transport protocol that a port is published for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A published port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The address of the host that it is published on; unspecified (`0.0.0.0`, `::`) is every one.
    pub host_address: IpAddr,
    /// The port on the host.
    pub host_port: u16,
    /// The port inside the container.
    pub container_port: u16,
    /// For which protocol.
    pub protocol: Protocol,
}

/// A container's place on one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The network.
    pub network: NetworkId,
    /// Its addresses there, IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// Its MAC address there.
    pub mac: Option<MacAddr>,
    /// Other names that the name service answers for it there.
    pub aliases: Vec<String>,
}

/// A link to another container, made with `--link`: the name by which this one knows that one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The other container's name.
    pub container: String,
    /// What it is called here.
    pub alias: String,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The daemon's id.
    pub id: ContainerId,
    /// The name people use, without the leading slash.
    pub name: String,
    /// The image it was made from.
    pub image: String,
    /// Compose project and service, from its labels.
    pub compose: Option<(String, String)>,
    /// Where it is attached.
    pub endpoints: Vec<Endpoint>,
    /// Its published ports.
    pub published: Vec<Binding>,
    /// The containers that it knows by another name, sorted.
    pub links: Vec<Link>,
    /// Path of its network namespace on this machine (`SandboxKey`, or `/proc/PID/ns/net`), where it runs here.
    pub namespace: Option<String>,
}

/// Who has which address on which network, now and before.
///
/// A value that never changes: [`Directory::updated`] gives the next one and shares with this one all that stayed the
/// same. What an address meant is asked with the packet's time.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    networks: Arc<NetworkIndex>,
    /// Removed networks, in the order of their removal: packets that name them may still come.
    past_networks: Past<Network, MAX_PAST_NETWORKS>,
    containers: HashMap<ContainerId, Arc<Container>>,
    /// Containers that stopped, and what those that run were called before.
    past_containers: Past<Container, MAX_PAST_CONTAINERS>,
    /// The same containers, by name and then id.
    sorted: Vec<Arc<Container>>,
    leases: Leases,
    /// Sorted.
    host_addresses: Arc<Vec<IpAddr>>,
    as_of: Timestamp,
}

impl Directory {
    /// The first listing, made at `at`.
    ///
    /// What it says counts as true for all earlier times too, because the capture began before it was made.
    pub fn from_listing(
        networks: Vec<Network>,
        containers: Vec<Container>,
        host_addresses: Vec<IpAddr>,
        at: Timestamp,
    ) -> Self {
        let first = Self::default().updated(networks, containers, host_addresses, Timestamp::ZERO);
        Self { as_of: at, ..first }
    }

    /// The Directory after everything was listed anew: the full state from `at` on.
    ///
    /// What a container was before a change (its name, its addresses) stays true for the times before `at`.
    #[must_use]
    pub fn updated(
        &self,
        networks: Vec<Network>,
        containers: Vec<Container>,
        host_addresses: Vec<IpAddr>,
        at: Timestamp,
    ) -> Self {
        let mut next = self.with_networks(networks, host_addresses, at);
        let containers: HashMap<_, _> = containers.into_iter().map(|found| (found.id.clone(), found)).collect();
        let gone: Vec<_> = next.containers.keys().filter(|&id| !containers.contains_key(id)).cloned().collect();
        for id in gone {
            next.replace(&id, None, at);
        }
        for (id, container) in containers {
            next.replace(&id, Some(container), at);
        }
        next.finish(at);
        next
    }

    /// The Directory after one container changed, appeared (`Some`) or stopped (`None`) at `at`.
    #[must_use]
    pub fn with_container(&self, id: &ContainerId, container: Option<Container>, at: Timestamp) -> Self {
        let mut next = self.clone();
        next.replace(id, container, at);
        next.finish(at);
        next
    }

    /// The Directory with these networks and addresses of the host in place of its own from `at` on; containers stay.
    #[must_use]
    pub fn with_networks(&self, networks: Vec<Network>, mut host_addresses: Vec<IpAddr>, at: Timestamp) -> Self {
        let mut next = self.clone();
        next.as_of = self.as_of.max(at);
        host_addresses.sort_unstable();
        host_addresses.dedup();
        if *self.host_addresses != host_addresses {
            next.host_addresses = Arc::new(host_addresses);
        }
        next.networks = NetworkIndex::replaced(&self.networks, networks);
        if !Arc::ptr_eq(&next.networks, &self.networks) {
            let is_there = |network: &Network| next.networks.get(&network.id).is_some();
            let went = self.networks.iter().filter(|network| !is_there(network)).cloned();
            next.past_networks.update(went, is_there);
        }
        next
    }

    /// When the newest change in it happened, or its first listing was made.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// Who had `address` at `at`.
    ///
    /// With `network`, on that network only; without, where just one network has it then. Where nobody had it, it is
    /// who lost it less than 2 s before (packets of a container that just stopped), or who gets it within 2 s after
    /// (the daemon tells late).
    pub fn container_at(&self, network: Option<&NetworkId>, address: IpAddr, at: Timestamp) -> Option<&Arc<Container>> {
        self.leases.container_at(network, address, at)
    }

    /// From when on it is always the same container that has `address`, on each network, as far as this one knows.
    pub fn settled_from(&self, address: IpAddr) -> Timestamp {
        self.leases.settled_from(address)
    }

    /// Whether it is known who had `address` on `network` at `at`; not where it had just been given up.
    pub fn is_known_at(&self, network: &NetworkId, address: IpAddr, at: Timestamp) -> bool {
        self.leases.is_known_at(network, address, at)
    }

    /// The network with this id; also one that was removed, as packets of it may come late.
    pub fn network(&self, id: &NetworkId) -> Option<&Arc<Network>> {
        self.networks.get(id).or_else(|| self.past_networks.latest(|past| past.id == *id))
    }

    /// The networks there are now, by name.
    pub fn networks(&self) -> impl Iterator<Item = &Arc<Network>> {
        self.networks.iter()
    }

    /// The containers running now, by name.
    pub fn containers(&self) -> impl Iterator<Item = &Arc<Container>> {
        self.sorted.iter()
    }

    /// The network whose bridge is this interface.
    pub fn network_by_interface(&self, interface: &str) -> Option<&Arc<Network>> {
        self.networks.by_interface(interface)
    }

    /// The overlay network whose packets carry this VXLAN network identifier between the nodes.
    pub fn network_by_vni(&self, vni: u32) -> Option<&Arc<Network>> {
        self.networks.by_vni(vni)
    }

    /// The network of exactly this name; the one with the smallest id where several have it.
    pub fn network_by_name(&self, name: &str) -> Option<&Arc<Network>> {
        self.networks.iter().find(|network| network.name == name)
    }

    /// The container running now that has this id.
    pub fn container(&self, id: &ContainerId) -> Option<&Arc<Container>> {
        self.containers.get(id)
    }

    /// The container running now that has exactly this name.
    pub fn container_by_name(&self, name: &str) -> Option<&Arc<Container>> {
        let at = self.sorted.partition_point(|container| container.name.as_str() < name);
        self.sorted.get(at).filter(|container| container.name == name)
    }

    /// As [`Directory::container_by_name`]; where none runs now, the one that had this name last: names may come before
    /// the last packets that they are too late for.
    pub fn latest_container_by_name(&self, name: &str) -> Option<&Arc<Container>> {
        self.container_by_name(name).or_else(|| self.past_containers.latest(|past| past.name == name))
    }

    /// The network that has `address` as a gateway: `network` itself, or, without one, the first by name.
    pub fn is_gateway(&self, network: Option<&NetworkId>, address: IpAddr) -> Option<&Arc<Network>> {
        match network {
            Some(id) => self.network(id).filter(|network| network.gateways.contains(&address)),
            None => self.networks.by_gateway(address),
        }
    }

    /// Whether an interface of the host has this address. Loopback addresses are not among them: every namespace has
    /// its own.
    pub fn is_host_address(&self, address: IpAddr) -> bool {
        self.host_addresses.binary_search(&address).is_ok()
    }

    /// The addresses of the host's interfaces, sorted.
    pub fn host_addresses(&self) -> &[IpAddr] {
        &self.host_addresses
    }

    /// The network in whose subnet `address` lies: the one with the longest prefix, then the first by name.
    pub fn network_containing(&self, address: IpAddr) -> Option<&Arc<Network>> {
        self.networks.containing(address)
    }

    /// Whether `address` is the limited broadcast address (RFC 919), or the directed one of a subnet of `network`
    /// (without one: of any network).
    pub fn is_broadcast(&self, network: Option<&NetworkId>, address: Ipv4Addr) -> bool {
        address.is_broadcast()
            || match network.map(|id| self.network(id)) {
                Some(found) => found
                    .is_some_and(|network| network.subnets.iter().any(|subnet| subnet.broadcast() == Some(address))),
                None => self.networks.has_broadcast(address),
            }
    }

    /// Finds a network as the docker command does: by its name, then its id or the beginning of it.
    pub fn find_network(&self, wanted: &str) -> Lookup<Network> {
        lookup::find(self.networks.iter().map(|network| (&*network.id.0, network.name.as_str(), network)), wanted)
    }

    /// Finds a running container as the docker command does: by its name, then its id or the beginning of it.
    pub fn find_container(&self, wanted: &str) -> Lookup<Container> {
        lookup::find(self.sorted.iter().map(|found| (&*found.id.0, found.name.as_str(), found)), wanted)
    }

    /// Past leases that were given up to stay below [`MAX_PAST_LEASES`](crate::docker::leases::MAX_PAST_LEASES).
    pub fn forgotten_leases(&self) -> u64 {
        self.leases.forgotten()
    }

    /// Puts `container` in the place of what `id` was. Its leases begin anew where anything of it changed, so that an
    /// old name holds for the time before.
    fn replace(&mut self, id: &ContainerId, container: Option<Container>, at: Timestamp) {
        let old = self.containers.get(id);
        if old.map(Arc::as_ref) == container.as_ref() {
            return;
        }
        if let Some(old) = self.containers.remove(id) {
            self.leases.close(&old, at);
            if container.as_ref().is_none_or(|container| container.name != old.name) {
                self.past_containers.update([old], |past| past.id == *id);
            }
        }
        if let Some(container) = container {
            let container = Arc::new(container);
            self.leases.open(&container, at);
            self.containers.insert(id.clone(), container);
        }
    }

    /// Puts in order what [`Directory::replace`] left open.
    fn finish(&mut self, at: Timestamp) {
        self.sorted = self.containers.values().cloned().collect();
        self.sorted.sort_unstable_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        self.as_of = self.as_of.max(at);
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
