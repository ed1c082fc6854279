//! The link layer: Ethernet with VLAN tags, Linux cooked capture, BSD loopback, raw IP.

use super::{Layer, Stop, header, mpls};
use crate::address::MacAddr;
use crate::capture::{Frame, LinkType};

/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// EtherTypes of VLAN tags: IEEE 802.1Q, 802.1ad, and the one that came before it.
const ETHERTYPE_VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// Below this, the field is the length of an IEEE 802.3 frame, not an EtherType.
const ETHERTYPE_MIN: u16 = 0x0600;
/// As many stacked VLAN tags are kept (`QinQ`); more are read through.
const VLANS: usize = 2;
/// As many stacked VLAN tags are read through before a frame is given up as hostile.
const MAX_VLANS: usize = 8;
/// `ARPHRD_ETHER` of Linux' `if_arp.h`: a cooked frame whose address is a MAC address.
const ARPHRD_ETHER: u16 = 1;
/// `ARPHRD_LOOPBACK` of Linux' `if_arp.h`; its address has the form of a MAC address too.
const ARPHRD_LOOPBACK: u16 = 772;

/// The link layer of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The sender's address.
    pub source: Option<MacAddr>,
    /// The receiver's address; cooked captures do not have it.
    pub destination: Option<MacAddr>,
    /// VLAN identifiers from the outside in.
    pub vlans: [Option<u16>; VLANS],
    /// What is carried; 0 where it could not be read.
    pub ethertype: u16,
    /// The interface that a cooked v2 frame names; 0 otherwise.
    pub if_index: u32,
}

/// Whether frames of that link type can be read.
pub const fn supports(link: LinkType) -> bool {
    matches!(link.0, 0 | 1 | 12 | 14 | 101 | 108 | 113 | 228 | 229 | 276)
}

/// The link layer, what it carries, and why reading stopped.
pub(super) fn read<'a>(frame: &Frame<'a>) -> (Link, Option<&'a [u8]>, Option<Stop>) {
    let (mut link, mut stop) = (Link::default(), None);
    let payload = match frame.link {
        LinkType::ETHERNET => ethernet(frame.bytes, &mut link, &mut stop),
        LinkType::LINUX_SLL => cooked_v1(frame.bytes, &mut link, &mut stop),
        LinkType::LINUX_SLL2 => cooked_v2(frame.bytes, &mut link, &mut stop),
        LinkType::NULL | LinkType::LOOP => loopback(frame, &mut link, &mut stop),
        _ => raw_ip(frame.bytes, &mut link, &mut stop),
    };
    (link, payload, stop)
}

fn ethernet<'a>(bytes: &'a [u8], link: &mut Link, stop: &mut Option<Stop>) -> Option<&'a [u8]> {
    let (h, rest) = header::<14>(bytes, Layer::Link, stop)?;
    link.destination = present([h[0], h[1], h[2], h[3], h[4], h[5]]);
    link.source = present([h[6], h[7], h[8], h[9], h[10], h[11]]);
    typed(u16::from_be_bytes([h[12], h[13]]), rest, link, stop)
}

/// The loopback interface has Ethernet headers without addresses.
#[inline]
pub(super) fn present(octets: [u8; 6]) -> Option<MacAddr> {
    (octets != [0; 6]).then_some(MacAddr(octets))
}

/// Reads through VLAN tags to the EtherType of what is carried.
fn typed<'a>(mut ethertype: u16, mut rest: &'a [u8], link: &mut Link, stop: &mut Option<Stop>) -> Option<&'a [u8]> {
    for depth in 0..MAX_VLANS {
        if !ETHERTYPE_VLAN.contains(&ethertype) {
            link.ethertype = if ethertype < ETHERTYPE_MIN { 0 } else { ethertype };
            if let Some((ethertype, inner)) = mpls::open(ethertype, rest) {
                (link.ethertype, rest) = (ethertype, inner);
            }
            return Some(rest);
        }
        let (tag, inner) = header::<4>(rest, Layer::Vlan, stop)?;
        if let Some(slot) = link.vlans.get_mut(depth) {
            *slot = Some(u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff);
        }
        ethertype = u16::from_be_bytes([tag[2], tag[3]]);
        rest = inner;
    }
    *stop = Some(Stop::Invalid { layer: Layer::Vlan, why: "more than 8 tags" });
    None
}

/// `LINKTYPE_LINUX_SLL`, <https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html>.
fn cooked_v1<'a>(bytes: &'a [u8], link: &mut Link, stop: &mut Option<Stop>) -> Option<&'a [u8]> {
    let (h, rest) = header::<16>(bytes, Layer::Link, stop)?;
    let (hardware, length) = (u16::from_be_bytes([h[2], h[3]]), u16::from_be_bytes([h[4], h[5]]));
    link.source = cooked_address(hardware, length, [h[6], h[7], h[8], h[9], h[10], h[11]]);
    typed(u16::from_be_bytes([h[14], h[15]]), rest, link, stop)
}

/// `LINKTYPE_LINUX_SLL2`, <https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html>.
fn cooked_v2<'a>(bytes: &'a [u8], link: &mut Link, stop: &mut Option<Stop>) -> Option<&'a [u8]> {
    let (h, rest) = header::<20>(bytes, Layer::Link, stop)?;
    link.if_index = u32::from_be_bytes([h[4], h[5], h[6], h[7]]);
    let hardware = u16::from_be_bytes([h[8], h[9]]);
    link.source = cooked_address(hardware, u16::from(h[11]), [h[12], h[13], h[14], h[15], h[16], h[17]]);
    typed(u16::from_be_bytes([h[0], h[1]]), rest, link, stop)
}

fn cooked_address(hardware: u16, length: u16, octets: [u8; 6]) -> Option<MacAddr> {
    (matches!(hardware, ARPHRD_ETHER | ARPHRD_LOOPBACK) && length == 6).then(|| present(octets)).flatten()
}

/// `LINKTYPE_NULL` and `LINKTYPE_LOOP`: an address family, whose numbers differ between systems; IPv6 has many.
fn loopback<'a>(frame: &Frame<'a>, link: &mut Link, stop: &mut Option<Stop>) -> Option<&'a [u8]> {
    let (family, rest) = header::<4>(frame.bytes, Layer::Link, stop)?;
    // NULL is in the byte order of the machine that captured: a family is small, so the order shows by itself.
    let family = u32::from_be_bytes(*family);
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    link.ethertype = match family {
        2 => ETHERTYPE_IPV4,
        10 | 24 | 28 | 30 => ETHERTYPE_IPV6,
        _ => 0,
    };
    Some(rest)
}

fn raw_ip<'a>(bytes: &'a [u8], link: &mut Link, stop: &mut Option<Stop>) -> Option<&'a [u8]> {
    let (first, _) = header::<1>(bytes, Layer::Link, stop)?;
    link.ethertype = match first[0] >> 4 {
        4 => ETHERTYPE_IPV4,
        6 => ETHERTYPE_IPV6,
        _ => 0,
    };
    Some(bytes)
}

/// The usual name of an EtherType that bridgetap does not decode, for counting what was passed over.
pub const fn ethertype_name(ethertype: u16) -> Option<&'static str> {
    Some(match ethertype {
        0 => "IEEE 802.3",
        0x0842 => "Wake-on-LAN",
        0x8035 => "RARP",
        0x809b => "AppleTalk",
        0x8137 => "IPX",
        0x8847 | 0x8848 => "MPLS",
        0x8863 | 0x8864 => "PPPoE",
        0x888e => "EAPOL",
        0x88cc => "LLDP",
        0x88e5 => "MACsec",
        0x88f7 => "PTP",
        0x8902 => "CFM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::TapId;
    use crate::time::Timestamp;

    fn read_as(link: LinkType, bytes: &[u8]) -> (Link, Option<&[u8]>, Option<Stop>) {
        read(&Frame { number: 1, at: Timestamp::ZERO, wire_len: bytes.len() as u32, bytes, link, tap: TapId(0) })
    }

    #[test]
    fn reads_stacked_vlan_tags() {
        let mut bytes = vec![0; 12];
        bytes.extend([0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x20, 0x0a, 0x08, 0x00, 0x45]);
        let (link, payload, stop) = read_as(LinkType::ETHERNET, &bytes);
        assert_eq!((link.vlans, link.ethertype), ([Some(100), Some(10)], ETHERTYPE_IPV4));
        assert_eq!((payload, stop), (Some(&[0x45][..]), None));
    }

    #[test]
    fn gives_up_on_endless_vlan_tags() {
        let bytes = [[0x81, 0x00].repeat(6), [0x81, 0x00].repeat(40)].concat();
        let (_, payload, stop) = read_as(LinkType::ETHERNET, &bytes);
        assert_eq!(payload, None);
        assert!(matches!(stop, Some(Stop::Invalid { layer: Layer::Vlan, .. })));
    }

    #[test]
    fn cooked_v2_names_its_interface() {
        let bytes = [0x08, 0x06, 0, 0, 0, 0, 0, 7, 0, 1, 4, 6, 2, 0, 0, 0, 0, 9, 0, 0, 0xaa];
        let (link, payload, _) = read_as(LinkType::LINUX_SLL2, &bytes);
        assert_eq!((link.if_index, link.ethertype), (7, ETHERTYPE_ARP));
        assert_eq!(link.source, Some(MacAddr([2, 0, 0, 0, 0, 9])));
        assert_eq!(payload, Some(&[0xaa][..]));
    }

    #[test]
    fn loopback_families_are_read_in_both_byte_orders() {
        for (bytes, ethertype) in [
            ([2, 0, 0, 0], ETHERTYPE_IPV4),
            ([0, 0, 0, 2], ETHERTYPE_IPV4),
            ([30, 0, 0, 0], ETHERTYPE_IPV6),
            ([0, 0, 0, 24], ETHERTYPE_IPV6),
            ([9, 9, 9, 9], 0),
        ] {
            assert_eq!(read_as(LinkType::NULL, &bytes).0.ethertype, ethertype, "{bytes:?}");
        }
    }
}
