//! Bytes to borrowed values: one file for each protocol; no state, no clock, no I/O.
//!
//! Decoding is lax: what could be read is kept, with a [`Stop`] that says where and why reading ended, so a frame cut by
//! a snap length still names its ends. It is one pass that allocates nothing and copies no payload. etherparse's strict
//! slicer was measured as fast but drops every frame that is cut or lies about a length, and its lax slicer takes twice
//! as long; a lax pass of our own costs what strict slicing does, so it is ours. Tests build packets with etherparse and
//! compare.

pub mod arp;
pub mod content;
pub mod describe;
pub mod dns;
pub mod icmp;
pub mod ip;
pub mod link;
pub mod lookup;
pub mod message;
pub mod tcp;
pub mod tunnel;
pub mod udp;

mod mpls;
mod usual;
mod vxlan;

use crate::capture::{Frame, TapId};
use crate::time::Timestamp;

pub use arp::Arp;
pub use icmp::Icmp;
pub use ip::{Fragment, Ip};
pub use link::{Link, supports};
pub use tcp::Tcp;
pub use tunnel::{Tunnel, Vni};
pub use udp::Udp;
pub use usual::{Segment, Usual};

/// One packet, read as far as it could be.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Its number in the capture, from 1.
    pub number: u64,
    /// When it was seen.
    pub at: Timestamp,
    /// Its length on the wire in bytes.
    pub wire_len: u32,
    /// Where it was seen.
    pub tap: TapId,
    /// The tunnel that it came in; the layers are then those of the packet inside.
    pub tunnel: Option<Tunnel>,
    /// The link layer.
    pub link: Link,
    /// What the link layer carries.
    pub network: Network<'a>,
    /// Where and why reading ended early.
    pub stop: Option<Stop>,
}

/// The network layer of a packet.
#[derive(Clone, Copy, Debug)]
pub enum Network<'a> {
    /// Address resolution (RFC 826).
    Arp(Arp),
    /// IPv4 or IPv6 with what it carries.
    Ip(Ip<'a>),
    /// Another protocol, or nothing that could be read: [`Link::ethertype`] says which.
    Other,
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug)]
pub enum Transport<'a> {
    /// ICMP or ICMPv6.
    Icmp(Icmp<'a>),
    /// UDP.
    Udp(Udp<'a>),
    /// TCP.
    Tcp(Tcp<'a>),
    /// A later fragment, which has no transport header.
    Fragment,
    /// Another protocol, or a header that is cut: [`Ip::protocol`] says which.
    Other,
}

/// A layer, for messages about what stopped decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// The link layer's header.
    Link,
    /// A VLAN tag.
    Vlan,
    /// ARP.
    Arp,
    /// The IPv4 header.
    Ipv4,
    /// The IPv6 header or one of its extension headers.
    Ipv6,
    /// ICMP or ICMPv6.
    Icmp,
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Layer {
    /// The layer's usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link layer",
            Self::Vlan => "VLAN tag",
            Self::Arp => "ARP",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Icmp => "ICMP",
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// Where and why reading a packet ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The layer needs more bytes than there are.
    Short {
        /// Which layer.
        layer: Layer,
        /// Bytes needed from the layer's first byte on.
        needed: usize,
        /// Bytes there.
        had: usize,
    },
    /// A field of the layer holds a value that cannot be.
    Invalid {
        /// Which layer.
        layer: Layer,
        /// What is wrong, in the field's terms.
        why: &'static str,
    },
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Short { layer, needed, had } => {
                write!(f, "cut in {}: {needed} bytes needed, {had} there", layer.name())
            }
            Self::Invalid { layer, why } => write!(f, "invalid {}: {why}", layer.name()),
        }
    }
}

/// Reads a frame as far as it can be read. Never fails, never panics: see [`Packet::stop`].
#[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
#[inline(always)]
pub fn decode<'a>(frame: &Frame<'a>) -> Packet<'a> {
    match usual::read(frame) {
        Some(packet) => packet,
        None => read(frame, true),
    }
}

/// Reads a frame, and what is inside where it is a tunnel's and `opens_tunnels`.
#[inline(never)]
fn read<'a>(frame: &Frame<'a>, opens_tunnels: bool) -> Packet<'a> {
    let (link, payload, mut stop) = link::read(frame);
    let network = match (payload, link.ethertype) {
        (Some(payload), link::ETHERTYPE_ARP) => arp::read(payload, &mut stop).map_or(Network::Other, Network::Arp),
        (Some(payload), link::ETHERTYPE_IPV4 | link::ETHERTYPE_IPV6) => {
            let missing = (frame.wire_len as usize).saturating_sub(frame.bytes.len());
            ip::read(payload, missing, &mut stop).map_or(Network::Other, Network::Ip)
        }
        _ => Network::Other,
    };
    // Before the packet is put together: it is large, and nearly none is in a tunnel.
    if opens_tunnels && let Some(inside) = tunnel::open(frame, &link, &network) {
        return inside;
    }
    let Frame { number, at, wire_len, tap, .. } = *frame;
    Packet { number, at, wire_len, tap, tunnel: None, link, network, stop }
}

/// The packet that an ICMP error quotes, from its IP header on, as if it had been seen where the error was.
pub fn quoted<'a>(error: &Packet<'_>, bytes: &'a [u8]) -> Option<Packet<'a>> {
    let mut stop = None;
    let network = Network::Ip(ip::read(bytes, ip::ANY_LENGTH, &mut stop)?);
    Some(Packet { network, stop, wire_len: 0, ..Packet { network: Network::Other, ..*error } })
}

/// The packet whose fragments carried these bytes, from offset 0 on, as if it had come whole: where and when `seen` was,
/// with the IP header of `ip`, the first of them. On the wire there were `len` bytes. [`Ip::fragment`] is still there.
pub fn assembled<'a>(seen: &Packet<'_>, ip: &Ip<'_>, fragment: Fragment<'a>, len: usize) -> Packet<'a> {
    let mut stop = None;
    let network = Network::Ip(ip::assembled(ip, fragment, len, &mut stop));
    let Packet { number, at, wire_len, tap, tunnel, link, .. } = *seen;
    Packet { number, at, wire_len, tap, tunnel, link, network, stop }
}

/// The first `N` bytes as an array and the rest, or the reason to stop.
fn header<'a, const N: usize>(
    bytes: &'a [u8],
    layer: Layer,
    stop: &mut Option<Stop>,
) -> Option<(&'a [u8; N], &'a [u8])> {
    let split = bytes.split_first_chunk::<N>();
    if split.is_none() {
        *stop = Some(Stop::Short { layer, needed: N, had: bytes.len() });
    }
    split
}

#[cfg(test)]
pub(crate) mod testing {
    //! Frames for the tests of every room.
    use super::*;
    use crate::capture::LinkType;

    /// An Ethernet frame on tap 0.
    pub fn ethernet(bytes: &[u8], number: u64, at: Timestamp) -> Frame<'_> {
        Frame { number, at, wire_len: bytes.len() as u32, bytes, link: LinkType::ETHERNET, tap: TapId(0) }
    }

    /// That frame in VXLAN, from node 10.88.0.1 to node 10.88.0.2.
    pub fn vxlan(port: u16, vni: u32, frame: &[u8]) -> Vec<u8> {
        vxlan_between([1, 2], port, vni, frame)
    }

    /// That frame in VXLAN between two nodes of 10.88.0.0/24.
    pub fn vxlan_between(nodes: [u8; 2], port: u16, vni: u32, frame: &[u8]) -> Vec<u8> {
        let mac = |node| [2, 0x88, 0, 0, 0, node];
        let builder = etherparse::PacketBuilder::ethernet2(mac(nodes[0]), mac(nodes[1]))
            .ipv4([10, 88, 0, nodes[0]], [10, 88, 0, nodes[1]], 64)
            .udp(50_000, port);
        let mut bytes = Vec::new();
        let header = [&[8, 0, 0, 0][..], &(vni << 8).to_be_bytes()].concat();
        builder.write(&mut bytes, &[&header, frame].concat()).unwrap();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::testing::ethernet;
    use super::*;
    use crate::capture::LinkType;

    fn udp_frame() -> Vec<u8> {
        let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .ipv4([172, 18, 0, 3], [172, 18, 0, 2], 64)
            .udp(40000, 9999);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, b"hello").unwrap();
        bytes
    }

    #[test]
    fn reads_what_etherparse_builds() {
        let bytes = udp_frame();
        let packet = decode(&ethernet(&bytes, 1, Timestamp::ZERO));
        assert_eq!(packet.stop, None);
        let Network::Ip(ip) = packet.network else { panic!("{packet:?}") };
        assert_eq!(ip.source.to_string(), "172.18.0.3");
        assert_eq!((ip.hop_limit, ip.protocol, ip.payload_len), (64, 17, 13));
        let Transport::Udp(udp) = ip.transport else { panic!("{ip:?}") };
        assert_eq!((udp.source_port, udp.destination_port, udp.payload), (40000, 9999, &b"hello"[..]));
    }

    #[test]
    fn every_cut_keeps_what_was_read_and_says_why() {
        let bytes = udp_frame();
        for length in 0..bytes.len() {
            let mut frame = ethernet(&bytes[..length], 1, Timestamp::ZERO);
            frame.wire_len = bytes.len() as u32;
            let packet = decode(&frame);
            match length {
                0..14 => assert!(matches!(packet.stop, Some(Stop::Short { layer: Layer::Link, .. })), "{length}"),
                14..34 => assert!(matches!(packet.stop, Some(Stop::Short { layer: Layer::Ipv4, .. })), "{length}"),
                34..42 => assert!(matches!(packet.stop, Some(Stop::Short { layer: Layer::Udp, .. })), "{length}"),
                _ => {
                    let Network::Ip(ip) = packet.network else { panic!("{packet:?}") };
                    let Transport::Udp(udp) = ip.transport else { panic!("{ip:?}") };
                    assert_eq!((udp.payload.len(), udp.payload_len), (length - 42, 5));
                }
            }
        }
    }

    #[test]
    fn no_flip_of_a_bit_panics_on_any_link_type() {
        let mut bytes = udp_frame();
        for link in [0, 1, 101, 108, 113, 228, 229, 276].map(LinkType) {
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                let mut frame = ethernet(&bytes, 1, Timestamp::ZERO);
                frame.link = link;
                let _ = decode(&frame);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}
