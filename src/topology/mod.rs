//! What is connected to what: Docker's networks and their containers, with the interfaces that carry them.
//!
//! Docker knows who has which address; the kernel knows which veth is whose. Neither says both, so they are put together
//! here, from a [`Directory`](crate::docker::Directory) and the [`Links`](crate::capture::Links) of the namespaces. No I/O.

mod build;
mod change;
mod select;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

pub use build::{Inside, Sights, build};
pub use change::{Change, changes};
pub use select::Selection;

/// Every network that was asked for, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Topology {
    /// The networks.
    pub networks: Vec<Network>,
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Network {
    /// The daemon's id.
    pub id: String,
    /// The name people use.
    pub name: String,
    /// `bridge`, `overlay`, `macvlan`, `ipvlan`, `host`, `null` or a plugin's.
    pub driver: String,
    /// `local`, or `swarm`.
    pub scope: String,
    /// Created with `--internal`: no way out.
    pub internal: bool,
    /// In CIDR notation.
    pub subnets: Vec<String>,
    /// The gateways.
    pub gateways: Vec<IpAddr>,
    /// What carries it on this machine.
    pub interface: Option<Interface>,
    /// Whether names of containers resolve on it, by Docker's name service at 127.0.0.11.
    pub name_service: bool,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
    /// The running containers on it, by name.
    pub containers: Vec<Attachment>,
    /// Running containers on it that were not asked for.
    pub others: usize,
    /// Ports of its bridge that belong to no container above.
    pub other_ports: Vec<Port>,
}

/// The interface that carries a network: its bridge, or the parent of a macvlan or ipvlan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// `bridge` or `parent`.
    pub role: Role,
    /// The file of the network namespace that it is in; `None` is the host's.
    pub namespace: Option<String>,
    /// How it is now; nothing where there is no such interface on this machine.
    pub link: Option<LinkState>,
}

/// What an interface is to its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The containers are ports of this bridge.
    Bridge,
    /// The containers' interfaces are made on top of it.
    Parent,
}

/// How an interface is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkState {
    /// Its index in its namespace.
    pub index: u32,
    /// Its MAC address.
    pub mac: Option<String>,
    /// In bytes.
    pub mtu: u32,
    /// Whether it is up.
    pub up: bool,
    /// Whether it has a carrier: a bridge without a running port has none.
    pub carrier: bool,
}

/// A container's place on a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// The daemon's id of the container.
    pub id: String,
    /// The name people use.
    pub name: String,
    /// The image it was made from.
    pub image: String,
    /// Compose project.
    pub project: Option<String>,
    /// Compose service.
    pub service: Option<String>,
    /// Its addresses on this network, IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// Its MAC address on this network.
    pub mac: Option<String>,
    /// Whether its interfaces could be looked at.
    pub seen: Seen,
    /// Its interface on this network, as its own namespace calls it.
    pub interface: Option<String>,
    /// The other end of its veth pair, outside.
    pub veth: Option<String>,
    /// Other names that the name service answers for it here.
    pub aliases: Vec<String>,
    /// Containers that it knows by another name, as `container:alias`.
    pub links: Vec<String>,
    /// Whether it asks Docker's name service at 127.0.0.11: it does if one of its networks has it.
    pub name_service: bool,
    /// Its published ports. A container on several networks has them on each that is not internal.
    pub published: Vec<Published>,
}

/// Whether a container's interfaces could be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// They were.
    Yes,
    /// Its namespace may not be entered: that takes `CAP_SYS_ADMIN` and `CAP_SYS_PTRACE`, or root.
    NotPermitted,
    /// Its namespace is not on this machine, or already gone.
    #[default]
    NotHere,
}

/// A published port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The address of the host; `0.0.0.0` and `::` are every one.
    pub host_address: IpAddr,
    /// The port on the host.
    pub host_port: u16,
    /// The port in the container.
    pub container_port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: &'static str,
}

/// A port of a network's bridge that the daemon does not list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Its interface.
    pub interface: String,
    /// `veth`, `vxlan`, `tun`, …; empty for hardware.
    pub kind: String,
    /// The container at its other end, where there is one: one on an overlay network also has a port of
    /// `docker_gwbridge`, of which its own list of networks says nothing.
    pub container: Option<String>,
    /// The interface at its other end.
    pub container_interface: Option<String>,
    /// The addresses there.
    pub addresses: Vec<IpAddr>,
}

#[cfg(test)]
mod tests;
