//! Tunnels: packets that carry a frame of another network between two nodes. What is inside is read as if it had been
//! seen directly; the tunnel says which network it is of, and between which nodes it goes.
//!
//! One level is opened: a tunnel inside a tunnel is the datagram that it looks like.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;

use super::{Ip, Link, Network, Packet, Transport, Udp, read, vxlan};
use crate::capture::{Frame, LinkType};

/// The number of a network inside tunnels, 24 bits: VXLAN's network identifier (RFC 7348, 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vni(NonZeroU32);

impl Vni {
    /// The network of that number; only the lower 24 bits count.
    pub const fn new(number: u32) -> Self {
        // One more is kept, so that 0 is a number too, and `None` takes no room beside it.
        Self(NonZeroU32::MIN.saturating_add(number & 0x00ff_ffff))
    }

    /// The number, 0 to 16,777,215.
    pub const fn number(self) -> u32 {
        self.0.get() - 1
    }
}

impl fmt::Debug for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vni({})", self.number())
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// The tunnel that a packet came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// Which network it carries.
    pub vni: Vni,
    /// The node that sent it.
    pub source: IpAddr,
    /// The node, or the group of nodes, that it is for.
    pub destination: IpAddr,
}

/// The packet inside, where the network layer of a frame is a tunnel's and the ends inside can be told.
#[inline]
pub(super) fn open<'a>(frame: &Frame<'a>, link: &Link, network: &Network<'a>) -> Option<Packet<'a>> {
    let Network::Ip(ip) = network else { return None };
    let Transport::Udp(udp) = &ip.transport else { return None };
    if vxlan::may_be(udp) { open_vxlan(frame, link, ip, udp) } else { None }
}

#[inline(never)]
fn open_vxlan<'a>(frame: &Frame<'a>, link: &Link, ip: &Ip<'a>, udp: &Udp<'a>) -> Option<Packet<'a>> {
    let (vni, inside) = vxlan::read(udp)?;
    // As much of the frame inside is missing as of the one around it.
    let missing = udp.payload_len.saturating_sub(udp.payload.len());
    let wire_len = u32::try_from(inside.len() + missing).unwrap_or(u32::MAX);
    let mut packet = read(&Frame { bytes: inside, wire_len, link: LinkType::ETHERNET, ..*frame }, false);
    if matches!(packet.network, Network::Other) && packet.stop.is_some() {
        return None;
    }
    packet.wire_len = frame.wire_len;
    packet.link.if_index = link.if_index;
    packet.tunnel = Some(Tunnel { vni, source: ip.source, destination: ip.destination });
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_24_bits_is_kept_and_no_more() {
        for number in [0, 1, 4097, 0x00ff_ffff] {
            assert_eq!(Vni::new(number).number(), number);
        }
        assert_eq!(Vni::new(0x0100_0001), Vni::new(1));
        assert_eq!(size_of::<Option<Vni>>(), 4);
    }
}
