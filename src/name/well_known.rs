//! Addresses that mean the same everywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::decode::dns::DOCKER_DNS;

/// Every name that an address may have without being a container's.
pub const NAMES: &[&str] = &[
    "docker-dns",
    "localhost",
    "host",
    "gateway",
    "broadcast",
    "all-hosts",
    "all-nodes",
    "all-routers",
    "igmp",
    "mdns",
    "llmnr",
    "ssdp",
    "mld-routers",
    "solicited-node",
];

/// The name of an address that means the same everywhere: Docker's name service, broadcast and the groups that hosts
/// join by themselves (IANA's registries of multicast addresses).
pub(super) fn name(address: IpAddr) -> Option<&'static str> {
    match address {
        DOCKER_DNS => Some("docker-dns"),
        IpAddr::V4(v4) => v4_name(v4),
        IpAddr::V6(v6) => v6_name(v6),
    }
}

fn v4_name(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        [255, 255, 255, 255] => "broadcast",
        [224, 0, 0, 1] => "all-hosts",
        [224, 0, 0, 2] => "all-routers",
        [224, 0, 0, 22] => "igmp",
        [224, 0, 0, 251] => "mdns",
        [224, 0, 0, 252] => "llmnr",
        [239, 255, 255, 250] => "ssdp",
        _ => return None,
    })
}

fn v6_name(address: Ipv6Addr) -> Option<&'static str> {
    Some(match address.segments() {
        [0xff02, 0, 0, 0, 0, 0, 0, 1] => "all-nodes",
        [0xff02, 0, 0, 0, 0, 0, 0, 2] => "all-routers",
        [0xff02, 0, 0, 0, 0, 0, 0, 0x16] => "mld-routers",
        [0xff02, 0, 0, 0, 0, 0, 0, 0xfb] => "mdns",
        [0xff02, 0, 0, 0, 0, 0, 1, 3] => "llmnr",
        [0xff02, 0, 0, 0, 0, 1, 0xff00..=0xffff, _] => "solicited-node",
        _ => return None,
    })
}
