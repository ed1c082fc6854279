//! The Directory: networks, containers and their addresses, with the time for which each was true.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::address::MacAddr;
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

/// A Docker network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The daemon's id.
    pub id: NetworkId,
    /// The name people use.
    pub name: String,
    /// `bridge`, `overlay`, `macvlan`, `ipvlan`, `host`, `null` or a plugin's.
    pub driver: String,
    /// The bridge's interface on the host, for the `bridge` driver: `docker0`, `br-` and twelve digits of the id, or what
    /// `com.docker.network.bridge.name` says.
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
    /// Path of its network namespace on this machine (`SandboxKey`, or `/proc/PID/ns/net`), where it runs here.
    pub namespace: Option<String>,
}

/// For how long a container had an address on a network.
#[derive(Clone, Debug)]
struct Lease {
    network: NetworkId,
    since: Timestamp,
    /// `None` while it still has it.
    until: Option<Timestamp>,
    container: Arc<Container>,
}

/// Who has which address on which network, now and before.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    networks: HashMap<NetworkId, Arc<Network>>,
    containers: HashMap<ContainerId, Arc<Container>>,
    leases: HashMap<IpAddr, Vec<Lease>>,
    host_addresses: Vec<IpAddr>,
}
