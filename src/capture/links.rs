//! What `ip link` knows: the links of a network namespace, with both ends of every veth pair.
//!
//! Asked of the kernel by rtnetlink (RFC 3549; `linux/rtnetlink.h`, `linux/if_link.h`), which takes no rights in one's own
//! namespace. `/sys/class/net` keeps showing the namespace in which `/sys` was mounted.
//!
//! A veth names its peer by index and by the number that its own namespace has for the peer's. Both are needed: indices are
//! drawn anew in every namespace, so two veths may well name the same one.

use std::collections::HashMap;
use std::fs::File;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::netlink::{self, Attributes, DUMP, Message};
use super::{Error, Namespace};
use crate::address::MacAddr;

/// Links of one namespace that are looked at; a machine with 1,000 containers has some thousands.
pub const MAX_LINKS: usize = 65_536;
/// Longest wait for the kernel, which answers at once or not at all, in seconds.
const PATIENCE: i64 = 2;
/// The kernel packs at most 32 KiB of a dump into one datagram (`net/netlink/af_netlink.c`, `netlink_dump`).
const DATAGRAM: usize = 64 * 1024;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWNSID: u16 = 88;
const RTM_GETNSID: u16 = 90;
/// Length of `struct ifinfomsg` and of `struct rtgenmsg` with its padding, in bytes.
const IFINFOMSG: usize = 16;
const RTGENMSG: usize = 4;
/// Attributes of `linux/if_link.h`.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_CARRIER: u16 = 33;
const IFLA_LINK_NETNSID: u16 = 37;
/// Attributes of `linux/net_namespace.h`.
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;
/// `IFF_UP` of `linux/if.h`.
const IFF_UP: u32 = 1;

/// One link, as its namespace sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetLink {
    /// Its index, from 1.
    pub index: u32,
    /// Its name, at most 15 bytes.
    pub name: String,
    /// `veth`, `bridge`, `macvlan`, `vxlan`, …; empty for hardware and for `lo`.
    pub kind: String,
    /// Its MAC address, where it has one of six bytes.
    pub mac: Option<MacAddr>,
    /// The most bytes of a packet without the link header.
    pub mtu: u32,
    /// Whether it is up (`IFF_UP`).
    pub up: bool,
    /// Whether it has a carrier: a bridge has one while one of its ports does.
    pub carrier: bool,
    /// The index of the other end of a veth, or of the parent of a macvlan or VLAN.
    pub peer: Option<u32>,
    /// The number that this namespace has for the peer's; nothing where that is this one.
    pub peer_namespace: Option<i32>,
    /// The index of the bridge that it is a port of.
    pub master: Option<u32>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// The links of a namespace, and what it calls the other namespaces that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// By index.
    pub links: Vec<NetLink>,
    /// The number of each namespace here (`ip netns list-id`), by its path. One that shares no link with this namespace
    /// has none, and neither has one that may not be opened.
    pub namespaces: HashMap<PathBuf, i32>,
}

impl Links {
    /// Looks around in the namespace at the path `namespace`, or in the thread's own, and asks what `others` are called
    /// there.
    pub fn read(namespace: Option<&Path>, others: &[PathBuf]) -> Result<Self, Error> {
        match namespace {
            None => read_here(others),
            Some(path) => Namespace::open(path)?.within(|| read_here(others))?,
        }
    }

    /// The link of that name.
    pub fn named(&self, name: &str) -> Option<&NetLink> {
        self.links.iter().find(|link| link.name == name)
    }

    /// The link of that index.
    pub fn at(&self, index: u32) -> Option<&NetLink> {
        self.links.iter().find(|link| link.index == index)
    }
}

fn read_here(others: &[PathBuf]) -> Result<Links, Error> {
    let failed = |errno: Errno| Error::Capture {
        interface: "the list of links".to_owned(),
        why: format!("the kernel does not say them: {}", errno.desc()),
    };
    let mut kernel = Kernel::open().map_err(failed)?;
    let mut links = kernel.links().map_err(failed)?;
    add_addresses(&mut links);
    let number = |path: &PathBuf| Some((path.clone(), kernel.namespace_number(path)?));
    Ok(Links { links, namespaces: others.iter().filter_map(number).collect() })
}

/// An rtnetlink socket; it stays in the namespace in which it was made.
struct Kernel {
    socket: OwnedFd,
    sequence: u32,
}

impl Kernel {
    fn open() -> nix::Result<Self> {
        let protocol = SockProtocol::NetlinkRoute;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE))?;
        Ok(Self { socket, sequence: 0 })
    }

    fn links(&mut self) -> nix::Result<Vec<NetLink>> {
        let mut links = Vec::new();
        self.ask(RTM_GETLINK, DUMP, &[0; IFINFOMSG], |message| {
            if links.len() < MAX_LINKS {
                links.extend(link(message));
            }
        })?;
        links.sort_unstable_by_key(|link| link.index);
        Ok(links)
    }

    /// What this namespace calls the one at `path`.
    fn namespace_number(&mut self, path: &Path) -> Option<i32> {
        let file = File::open(path).ok()?;
        let mut body = vec![0; RTGENMSG];
        netlink::push_attribute(&mut body, NETNSA_FD, &file.as_raw_fd().to_ne_bytes());
        let mut number = None;
        self.ask(RTM_GETNSID, 0, &body, |message| number = namespace_number(message)).ok()?;
        number
    }

    /// Sends a request and gives each message of its answer to `take`.
    fn ask(&mut self, kind: u16, flags: u16, body: &[u8], mut take: impl FnMut(&Message<'_>)) -> nix::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        // A netlink socket that is not connected sends to the kernel.
        send(self.socket.as_raw_fd(), &netlink::request(kind, flags, self.sequence, body), MsgFlags::empty())?;
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno),
            };
            for message in netlink::messages(buffer.get(..length).unwrap_or_default()) {
                // An answer to an earlier request that was given up.
                if message.sequence != self.sequence {
                    continue;
                }
                match message.error() {
                    Some(0) => return Ok(()),
                    Some(errno) => return Err(Errno::from_raw(errno)),
                    None if message.is_done() => return Ok(()),
                    None => take(&message),
                }
                if flags & DUMP == 0 {
                    return Ok(());
                }
            }
        }
    }
}

/// Reads an `RTM_NEWLINK`.
fn link(message: &Message<'_>) -> Option<NetLink> {
    let (header, attributes) = message.body.split_at_checked(IFINFOMSG).filter(|_| message.kind == RTM_NEWLINK)?;
    // family (1), padding (1), type (2), index (4), flags (4), change (4)
    let index = netlink::u32_of(header.get(4..8)?)?;
    let flags = netlink::u32_of(header.get(8..12)?)?;
    let mut link = NetLink { index, up: flags & IFF_UP != 0, ..NetLink::default() };
    for (kind, value) in Attributes(attributes) {
        match kind {
            IFLA_ADDRESS => link.mac = value.try_into().ok().map(MacAddr),
            IFLA_IFNAME => link.name = netlink::text_of(value),
            IFLA_MTU => link.mtu = netlink::u32_of(value).unwrap_or_default(),
            IFLA_LINK => link.peer = netlink::u32_of(value).filter(|&peer| peer != 0),
            IFLA_MASTER => link.master = netlink::u32_of(value),
            IFLA_CARRIER => link.carrier = value.first() == Some(&1),
            IFLA_LINK_NETNSID => link.peer_namespace = netlink::u32_of(value).map(u32::cast_signed),
            IFLA_LINKINFO => {
                let info = Attributes(value).find(|(kind, _)| *kind == IFLA_INFO_KIND);
                link.kind = info.map(|(_, text)| netlink::text_of(text)).unwrap_or_default();
            }
            _ => {}
        }
    }
    Some(link)
}

/// Reads an `RTM_NEWNSID`; a namespace without a number has -1.
fn namespace_number(message: &Message<'_>) -> Option<i32> {
    let attributes = message.body.get(RTGENMSG..).filter(|_| message.kind == RTM_NEWNSID)?;
    let (_, value) = Attributes(attributes).find(|(kind, _)| *kind == NETNSA_NSID)?;
    netlink::u32_of(value).map(u32::cast_signed).filter(|&number| number >= 0)
}

/// Adds what `getifaddrs(3)` says; without it, links have no addresses here.
fn add_addresses(links: &mut [NetLink]) {
    for found in getifaddrs().into_iter().flatten() {
        // An address may have a label of its own, as in eth0:1.
        let name = found.interface_name.split(':').next().unwrap_or_default();
        let link = links.iter_mut().find(|link| link.name == name);
        if let (Some(link), Some(address)) = (link, found.address.as_ref().and_then(ip_address)) {
            link.addresses.push(address);
        }
    }
}

fn ip_address(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::interfaces;

    #[test]
    fn the_links_are_those_that_getifaddrs_lists() {
        let found = Links::read(None, &[]).unwrap();
        let expected: Vec<_> = interfaces::interfaces().unwrap();
        let expected: Vec<_> = expected.iter().map(|link| (link.index, link.name.as_str(), link.up)).collect();
        let found_links: Vec<_> = found.links.iter().map(|link| (link.index, link.name.as_str(), link.up)).collect();
        assert_eq!(found_links, expected);
        let loopback = found.named("lo").unwrap();
        assert_eq!((loopback.kind.as_str(), loopback.peer, loopback.mtu), ("", None, 65_536));
        assert_eq!(found.at(loopback.index), Some(loopback));
    }

    #[test]
    fn a_veth_of_another_namespace_is_read_whole() {
        let mut body = vec![0; IFINFOMSG];
        body[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        body[8..12].copy_from_slice(&IFF_UP.to_ne_bytes());
        let mut info = Vec::new();
        netlink::push_attribute(&mut info, IFLA_INFO_KIND, b"veth\0");
        for (kind, value) in [
            (IFLA_IFNAME, &b"veth1\0"[..]),
            (IFLA_ADDRESS, &[2, 0x42, 0, 0, 0, 1]),
            (IFLA_MTU, &1500_u32.to_ne_bytes()),
            (IFLA_LINK, &6_u32.to_ne_bytes()),
            (IFLA_MASTER, &3_u32.to_ne_bytes()),
            (IFLA_CARRIER, &[1]),
            (IFLA_LINK_NETNSID, &0_u32.to_ne_bytes()),
            // The kernel marks nested attributes with NLA_F_NESTED.
            (IFLA_LINKINFO | 0x8000, &info),
        ] {
            netlink::push_attribute(&mut body, kind, value);
        }
        let read = link(&Message { kind: RTM_NEWLINK, sequence: 1, body: &body }).unwrap();
        let expected = NetLink {
            index: 7,
            name: "veth1".into(),
            kind: "veth".into(),
            mac: Some(MacAddr([2, 0x42, 0, 0, 0, 1])),
            mtu: 1500,
            up: true,
            carrier: true,
            peer: Some(6),
            peer_namespace: Some(0),
            master: Some(3),
            addresses: Vec::new(),
        };
        assert_eq!(read, expected);
        for length in 0..body.len() {
            // Cut anywhere, it reads what is whole.
            let _ = link(&Message { kind: RTM_NEWLINK, sequence: 1, body: &body[..length] });
        }
    }

    #[test]
    fn a_namespace_without_a_number_has_none() {
        let with = |number: i32| {
            let mut body = vec![0; RTGENMSG];
            netlink::push_attribute(&mut body, NETNSA_NSID, &number.to_ne_bytes());
            namespace_number(&Message { kind: RTM_NEWNSID, sequence: 1, body: &body })
        };
        assert_eq!((with(0), with(5), with(-1)), (Some(0), Some(5), None));
    }
}
