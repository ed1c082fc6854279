//! From the daemon's lists and the kernel's links to the topology.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{Attachment, Interface, LinkState, Network, Port, Published, Role, Seen, Selection, Topology};
use crate::capture::{Links, NetLink};
use crate::docker::{self, Container, Directory, Endpoint, Protocol};

/// What was found in a container's namespace.
#[derive(Clone, Debug)]
pub enum Inside {
    /// Its links.
    Seen(Links),
    /// It may not be entered.
    NotPermitted,
    /// It is not on this machine, or already gone.
    NotHere,
}

/// What was found by looking around on this machine.
#[derive(Clone, Debug, Default)]
pub struct Sights {
    /// The namespace that the program is in.
    pub host: Links,
    /// Containers' namespaces, by their path.
    pub inside: HashMap<PathBuf, Inside>,
    /// The hidden namespaces of overlay networks, by the network's id: where it is, and its links.
    pub hidden: HashMap<String, (PathBuf, Links)>,
    /// Whether the program has what it takes to enter a namespace; where not, one that is not found may be there.
    pub may_enter: bool,
}

/// Puts together what `wanted` asks for.
pub fn build(directory: &Directory, sights: &Sights, wanted: &Selection) -> Topology {
    let builder = Builder { directory, sights, wanted };
    let networks = directory.networks().filter(|network| wanted.has_network(directory, network));
    Topology { networks: networks.map(|network| builder.network(network)).collect() }
}

struct Builder<'a> {
    directory: &'a Directory,
    sights: &'a Sights,
    wanted: &'a Selection,
}

/// Where a network's bridge is: the namespace, and its links.
#[derive(Clone, Copy)]
struct Ground<'a> {
    namespace: Option<&'a Path>,
    links: &'a Links,
}

impl Builder<'_> {
    fn network(&self, network: &docker::Network) -> Network {
        let ground = self.ground(network);
        let interface = interface(network, ground);
        let all = self.directory.containers().filter_map(|container| {
            let endpoint = container.endpoints.iter().find(|endpoint| endpoint.network == network.id)?;
            Some((container, endpoint))
        });
        let (mut containers, mut others, mut taken) = (Vec::new(), 0, Vec::new());
        for (container, endpoint) in all {
            let attachment = self.attachment(network, container, endpoint, ground);
            taken.extend(attachment.veth.clone());
            if self.wanted.has_attachment(network, container) {
                containers.push(attachment);
            } else {
                others += 1;
            }
        }
        let other_ports = interface.as_ref().map_or_else(Vec::new, |bridge| self.other_ports(bridge, ground, &taken));
        Network {
            id: network.id.0.to_string(),
            name: network.name.clone(),
            driver: network.driver.clone(),
            scope: network.scope.clone(),
            internal: network.internal,
            subnets: network.subnets.iter().map(ToString::to_string).collect(),
            gateways: network.gateways.clone(),
            interface,
            name_service: network.name_service && !is_plumbing(network),
            options: network.options.clone(),
            containers,
            others,
            other_ports,
        }
    }

    fn ground(&self, network: &docker::Network) -> Ground<'_> {
        match self.sights.hidden.get(&*network.id.0) {
            Some((path, links)) => Ground { namespace: Some(path), links },
            None => Ground { namespace: None, links: &self.sights.host },
        }
    }

    fn attachment(
        &self,
        network: &docker::Network,
        container: &Container,
        endpoint: &Endpoint,
        ground: Ground<'_>,
    ) -> Attachment {
        let path = container.namespace.as_deref().map(Path::new);
        let inside = path.and_then(|path| self.sights.inside.get(path));
        let (seen, links) = match inside {
            Some(Inside::Seen(links)) => (Seen::Yes, Some(links)),
            Some(Inside::NotPermitted) => (Seen::NotPermitted, None),
            None if !self.sights.may_enter => (Seen::NotPermitted, None),
            Some(Inside::NotHere) | None => (Seen::NotHere, None),
        };
        let link = links.and_then(|links| links.links.iter().find(|link| is_endpoint(link, endpoint)));
        let veth = link.zip(path).and_then(|(link, path)| outer_end(link, path, ground.links));
        let asks =
            |endpoint: &Endpoint| self.directory.network(&endpoint.network).is_some_and(|network| network.name_service);
        // Docker programs no port on an internal network.
        let published = if network.internal { &[][..] } else { &container.published };
        Attachment {
            id: container.id.0.to_string(),
            name: container.name.clone(),
            image: container.image.clone(),
            project: container.compose.as_ref().map(|(project, _)| project.clone()),
            service: container.compose.as_ref().map(|(_, service)| service.clone()),
            addresses: endpoint.addresses.clone(),
            mac: endpoint.mac.map(|mac| mac.to_string()),
            seen,
            interface: link.map(|link| link.name.clone()),
            veth: veth.map(|veth| veth.name.clone()),
            aliases: aliases(container, endpoint),
            links: container.links.iter().map(|link| format!("{}:{}", link.container, link.alias)).collect(),
            name_service: container.endpoints.iter().any(asks),
            published: published.iter().map(published_port).collect(),
        }
    }

    /// The ports of `bridge` that are not `taken` by a listed container.
    fn other_ports(&self, bridge: &Interface, ground: Ground<'_>, taken: &[String]) -> Vec<Port> {
        let Some(index) = bridge.link.as_ref().filter(|_| bridge.role == Role::Bridge).map(|link| link.index) else {
            return Vec::new();
        };
        let is_other = |link: &&NetLink| link.master == Some(index) && !taken.contains(&link.name);
        ground.links.links.iter().filter(is_other).filter_map(|link| self.port(link, ground)).collect()
    }

    /// A port that nobody listed; nothing for one whose namespace may not be looked into: it is most likely the veth of a
    /// listed container.
    fn port(&self, link: &NetLink, ground: Ground<'_>) -> Option<Port> {
        let owner = self.directory.containers().find_map(|container| {
            let path = Path::new(container.namespace.as_deref()?);
            let Inside::Seen(links) = self.sights.inside.get(path)? else { return None };
            let inner = links.links.iter().find(|inner| are_ends(inner, path, link, ground.links))?;
            Some((container, inner))
        });
        if owner.is_none() && link.kind == "veth" && !self.sights.may_enter {
            return None;
        }
        Some(Port {
            interface: link.name.clone(),
            kind: link.kind.clone(),
            container: owner.map(|(container, _)| container.name.clone()),
            container_interface: owner.map(|(_, inner)| inner.name.clone()),
            addresses: owner.map(|(_, inner)| routable(inner)).unwrap_or_default(),
        })
    }
}

/// The addresses of a link but those that every IPv6 link gives itself.
fn routable(link: &NetLink) -> Vec<std::net::IpAddr> {
    let is_own = |address: &std::net::IpAddr| matches!(address, std::net::IpAddr::V6(v6) if v6.is_unicast_link_local());
    link.addresses.iter().copied().filter(|address| !is_own(address)).collect()
}

/// Whether a link in a container's namespace is its place on the network: by address, or else by MAC address.
fn is_endpoint(link: &NetLink, endpoint: &Endpoint) -> bool {
    link.addresses.iter().any(|address| endpoint.addresses.contains(address))
        || endpoint.addresses.is_empty() && link.mac.is_some() && link.mac == endpoint.mac
}

/// The other end of `inner`, a veth in the namespace at `path`.
fn outer_end<'a>(inner: &NetLink, path: &Path, outside: &'a Links) -> Option<&'a NetLink> {
    outside.at(inner.peer?).filter(|outer| are_ends(inner, path, outer, outside))
}

/// Whether `inner`, in the namespace at `path`, and `outer` are the ends of one veth: each has the other's index, and
/// the namespace outside has the number for the inner one that `outer` says.
fn are_ends(inner: &NetLink, path: &Path, outer: &NetLink, outside: &Links) -> bool {
    let number = outside.namespaces.get(path);
    let is_pair = inner.kind == "veth" && outer.kind == "veth";
    is_pair
        && number.is_some()
        && outer.peer_namespace.as_ref() == number
        && (outer.peer, inner.peer) == (Some(inner.index), Some(outer.index))
}

/// Whether it is one of the two networks that a swarm makes for itself: the way out, and the way in for published ports. The
/// name service answers for nobody on them; measured on Engine 20.10, a task on `ingress` cannot even look up itself.
fn is_plumbing(network: &docker::Network) -> bool {
    matches!((network.driver.as_str(), network.name.as_str()), ("bridge", "docker_gwbridge") | ("overlay", "ingress"))
}

fn interface(network: &docker::Network, ground: Ground<'_>) -> Option<Interface> {
    let (name, role) = match network.driver.as_str() {
        "bridge" => (network.interface.clone()?, Role::Bridge),
        "macvlan" | "ipvlan" => (network.options.get("parent")?.clone(), Role::Parent),
        // moby libnetwork/drivers/overlay/ov_network.go: every overlay has its br0 in a namespace of its own.
        "overlay" if ground.namespace.is_some() => ("br0".to_owned(), Role::Bridge),
        _ => return None,
    };
    let link = ground.links.named(&name).map(|link| LinkState {
        index: link.index,
        mac: link.mac.map(|mac| mac.to_string()),
        mtu: link.mtu,
        up: link.up,
        carrier: link.carrier,
    });
    let namespace = ground.namespace.map(|path| path.to_string_lossy().into_owned());
    Some(Interface { name, role, namespace, link })
}

/// What else it is called, but for its id, which every container answers to.
fn aliases(container: &Container, endpoint: &Endpoint) -> Vec<String> {
    let is_id = |alias: &str| alias.len() >= 12 && container.id.0.starts_with(alias);
    endpoint.aliases.iter().filter(|alias| !is_id(alias)).cloned().collect()
}

fn published_port(binding: &docker::Binding) -> Published {
    Published {
        host_address: binding.host_address,
        host_port: binding.host_port,
        container_port: binding.container_port,
        protocol: match binding.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        },
    }
}
