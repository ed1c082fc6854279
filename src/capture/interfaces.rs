//! The network interfaces of the network namespace that the calling thread is in.
//!
//! Asked of the kernel by netlink (`getifaddrs`), not of `/sys/class/net`, which keeps showing the namespace in which
//! `/sys` was mounted, nor of libpcap, which adds devices that are no interfaces (`nflog`, `usbmon0`).

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{LinkAddr, SockaddrStorage};

use super::Error;
use crate::address::MacAddr;

/// How like a name must be to be proposed for another, by Jaro and Winkler, from 0 to 1.
const LIKE_ENOUGH: f64 = 0.8;

/// One network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, at most 15 bytes: `docker0`, `br-4f1c0a9b3d2e`, `lo`.
    pub name: String,
    /// Its index, from 1; the number that SLL2 carries for each packet.
    pub index: u32,
    /// Whether it is up (`IFF_UP`); it may still be without a carrier.
    pub up: bool,
    /// Its address on the link; loopback and tunnels have none.
    pub mac: Option<MacAddr>,
    /// Its IPv4 and IPv6 addresses, as the kernel lists them.
    pub addresses: Vec<IpAddr>,
}

impl Interface {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), index: 0, up: false, mac: None, addresses: Vec::new() }
    }

    fn take(&mut self, address: Option<&SockaddrStorage>) {
        let Some(address) = address else { return };
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        let v6 = address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()));
        self.addresses.extend(v4.or(v6));
        let mac = address.as_link_addr().and_then(LinkAddr::addr).filter(|mac| *mac != [0; 6]);
        self.mac = self.mac.or(mac.map(MacAddr));
    }
}

/// Every interface of this thread's network namespace, by index.
pub fn interfaces() -> Result<Vec<Interface>, Error> {
    let addresses = getifaddrs().map_err(|errno| Error::Capture {
        interface: "the list of network interfaces".to_owned(),
        why: errno.desc().to_owned(),
    })?;
    // One entry for each address, and one for the link itself.
    let mut by_name: BTreeMap<String, Interface> = BTreeMap::new();
    for address in addresses {
        // An address may have a label of its own, as in eth0:1.
        let name = address.interface_name.split(':').next().unwrap_or_default();
        let found = by_name.entry(name.to_owned()).or_insert_with(|| Interface::named(name));
        found.up |= address.flags.contains(InterfaceFlags::IFF_UP);
        found.take(address.address.as_ref());
    }
    // One that was deleted in between has no index any more.
    let mut found: Vec<Interface> = by_name
        .into_values()
        .filter_map(|found| Some(Interface { index: if_nametoindex(found.name.as_str()).ok()?, ..found }))
        .collect();
    found.sort_by_key(|interface| interface.index);
    Ok(found)
}

/// The interface of that name, if there is one in this thread's network namespace.
pub fn find(name: &str) -> Result<Option<Interface>, Error> {
    Ok(interfaces()?.into_iter().find(|interface| interface.name == name))
}

/// The bridge that an interface is a port of, if it is one.
///
/// From `/sys/class/net`, and only where that is of the namespace that the interface is in: by its index there.
pub fn bridge_of(port: &Interface) -> Option<String> {
    let folder = Path::new("/sys/class/net").join(&port.name);
    let index = fs::read_to_string(folder.join("ifindex")).ok()?;
    if index.trim().parse() != Ok(port.index) {
        return None;
    }
    // Others have masters too: the members of a bond, the interfaces of a VRF.
    if !folder.join("brport").exists() {
        return None;
    }
    let master = fs::read_link(folder.join("master")).ok()?;
    Some(master.file_name()?.to_str()?.to_owned())
}

/// The name of the interface of this thread's network namespace that is most like `wanted`, if any is like it.
pub fn nearest(wanted: &str) -> Option<String> {
    let names = interfaces().ok()?.into_iter().map(|interface| interface.name);
    most_like(wanted, names)
}

fn most_like(wanted: &str, names: impl Iterator<Item = String>) -> Option<String> {
    names
        .map(|name| (strsim::jaro_winkler(wanted, &name), name))
        .filter(|(like, _)| *like >= LIKE_ENOUGH)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_listed_once_and_nothing_of_libpcap() {
        let all = interfaces().unwrap();
        let loopback: Vec<_> = all.iter().filter(|interface| interface.name == "lo").collect();
        assert_eq!(loopback.len(), 1, "{all:?}");
        assert!(loopback[0].index > 0 && loopback[0].mac.is_none());
        assert!(loopback[0].addresses.contains(&IpAddr::from([127, 0, 0, 1])), "{loopback:?}");
        assert_eq!(find("lo").unwrap().as_ref(), Some(loopback[0]));
        assert!(all.iter().all(|interface| !["any", "nflog", "nfqueue"].contains(&interface.name.as_str())), "{all:?}");
    }

    #[test]
    fn no_name_is_found_that_is_not_there() {
        assert_eq!(find("no-such-if").unwrap(), None);
        assert_eq!(find("").unwrap(), None);
        assert_eq!(find("a name far longer than an interface has \0").unwrap(), None);
    }

    #[test]
    fn loopback_is_no_port_of_a_bridge() {
        let lo = find("lo").unwrap().unwrap();
        assert_eq!(bridge_of(&lo), None);
        assert_eq!(bridge_of(&Interface { index: lo.index + 1000, ..lo }), None);
    }

    #[test]
    fn the_nearest_name_is_like_it() {
        let names = ["lo", "eth0", "docker0", "br-4f1c0a9b3d2e"].map(str::to_owned);
        assert_eq!(most_like("docker1", names.clone().into_iter()).as_deref(), Some("docker0"));
        assert_eq!(most_like("br-4f1c", names.clone().into_iter()).as_deref(), Some("br-4f1c0a9b3d2e"));
        assert_eq!(most_like("wlp3s0", names.into_iter()), None);
    }
}
