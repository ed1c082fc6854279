//! VXLAN (RFC 7348): the Ethernet frames of an overlay network, carried in UDP between its nodes.

use super::link::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use super::tunnel::Vni;
use super::udp::Udp;

/// The port that IANA assigned (RFC 7348, 5), which Docker's overlay networks use.
const PORT: u16 = 4789;
/// The port that Linux used before that, and still does unless told otherwise (`drivers/net/vxlan`, `udp_port`).
const LINUX_PORT: u16 = 8472;
/// The first byte of the header where its VNI is valid and no other flag is set (RFC 7348, 5).
const VNI_VALID: u8 = 0x08;
/// Octets of the header.
const HEADER: usize = 8;
/// Octets of an Ethernet header without tags.
const ETHERNET: usize = 14;

/// Whether a datagram is worth reading as VXLAN: the two comparisons that other traffic costs.
#[inline]
pub(super) fn may_be(udp: &Udp<'_>) -> bool {
    is_own_port(udp.destination_port) || udp.payload.first() == Some(&VNI_VALID)
}

const fn is_own_port(port: u16) -> bool {
    matches!(port, PORT | LINUX_PORT)
}

/// The VNI and the frame that a datagram carries; `None` where it is not VXLAN.
///
/// On VXLAN's own ports the flag that says that the VNI is valid is enough: other flags belong to extensions of the
/// header, which keep its length. `docker swarm init --data-path-port` may choose any port; there, nothing in the
/// header may be amiss, and the frame must fill the datagram to the byte.
pub(super) fn read<'a>(udp: &Udp<'a>) -> Option<(Vni, &'a [u8])> {
    let (header, frame) = udp.payload.split_first_chunk::<HEADER>()?;
    let vni = Vni::new(u32::from_be_bytes([0, header[4], header[5], header[6]]));
    let carries = if is_own_port(udp.destination_port) {
        header[0] & VNI_VALID != 0
    } else {
        matches!(header, [VNI_VALID, 0, 0, 0, _, _, _, 0]) && fills(frame, udp.payload_len.checked_sub(HEADER)?)
    };
    carries.then_some((vni, frame))
}

/// Whether a frame of `wire_len` octets is as long as the packet in it says.
fn fills(frame: &[u8], wire_len: usize) -> bool {
    let Some((ethernet, packet)) = frame.split_first_chunk::<ETHERNET>() else { return false };
    let at = |offset: usize| packet.get(offset..).and_then(|rest| rest.first_chunk::<2>()).copied();
    let length = match u16::from_be_bytes([ethernet[12], ethernet[13]]) {
        ETHERTYPE_IPV4 if packet.first().is_some_and(|first| first >> 4 == 4) => at(2).map(u16::from_be_bytes),
        ETHERTYPE_IPV6 if packet.first().is_some_and(|first| first >> 4 == 6) => {
            at(4).and_then(|length| u16::from_be_bytes(length).checked_add(40))
        }
        // Ethernet and IPv4 (RFC 826).
        ETHERTYPE_ARP if packet.starts_with(&[0, 1, 8, 0, 6, 4]) => Some(28),
        _ => None,
    };
    length.is_some_and(|length| ETHERNET + usize::from(length) == wire_len)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ethernet, vxlan};
    use super::super::tunnel::Tunnel;
    use super::super::{Network, Packet, Transport, decode};
    use super::*;
    use crate::address::MacAddr;
    use crate::time::Timestamp;

    const VNI: u32 = 4097;

    /// An echo from 10.0.1.5 to 10.0.1.6, as a container sends it.
    fn echo() -> Vec<u8> {
        let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 5], [2, 0, 0, 0, 0, 6]);
        let mut bytes = Vec::new();
        let builder = builder.ipv4([10, 0, 1, 5], [10, 0, 1, 6], 64).icmpv4_echo_request(7, 1);
        builder.write(&mut bytes, b"abcdefgh").unwrap();
        bytes
    }

    fn read_all(bytes: &[u8]) -> Packet<'_> {
        decode(&ethernet(bytes, 1, Timestamp::ZERO))
    }

    /// Where in a datagram that `vxlan` makes the header begins.
    const AT: usize = 14 + 20 + 8;

    fn is_plain_udp(packet: &Packet<'_>) -> bool {
        let udp = matches!(packet.network, Network::Ip(ip) if matches!(ip.transport, Transport::Udp(_)));
        packet.tunnel.is_none() && udp
    }

    #[test]
    fn the_packet_inside_is_read_as_if_it_had_been_seen_directly() {
        for port in [PORT, LINUX_PORT, 7777] {
            let bytes = vxlan(port, VNI, &echo());
            let packet = read_all(&bytes);
            let (source, destination) = ("10.88.0.1".parse().unwrap(), "10.88.0.2".parse().unwrap());
            assert_eq!(packet.tunnel, Some(Tunnel { vni: Vni::new(VNI), source, destination }), "port {port}");
            assert_eq!(packet.link.source, Some(MacAddr([2, 0, 0, 0, 0, 5])));
            assert_eq!((packet.wire_len as usize, packet.stop), (bytes.len(), None));
            let Network::Ip(ip) = packet.network else { panic!("{packet:?}") };
            assert_eq!(ip.source.to_string(), "10.0.1.5");
            assert!(matches!(ip.transport, Transport::Icmp(_)));
        }
    }

    #[test]
    fn without_the_flag_that_its_vni_is_valid_it_is_udp() {
        for flags in [0x00, 0x04, 0xf7] {
            let mut bytes = vxlan(PORT, VNI, &echo());
            bytes[AT] = flags;
            assert!(is_plain_udp(&read_all(&bytes)), "flags {flags:#x}");
        }
    }

    #[test]
    fn flags_of_extensions_are_passed_over_on_its_own_ports_only() {
        for (port, is_tunnel) in [(PORT, true), (LINUX_PORT, true), (7777, false)] {
            // Group policy: draft-smith-vxlan-group-policy, 2.1.
            let mut bytes = vxlan(port, VNI, &echo());
            bytes[AT] = 0x88;
            assert_eq!(read_all(&bytes).tunnel.is_some(), is_tunnel, "port {port}");
        }
    }

    #[test]
    fn on_another_port_the_frame_must_fill_the_datagram() {
        let mut padded = echo();
        padded.push(0);
        assert!(is_plain_udp(&read_all(&vxlan(7777, VNI, &padded))));
        assert!(read_all(&vxlan(PORT, VNI, &padded)).tunnel.is_some(), "padding is no fault on the port of VXLAN");
        let mut foreign = echo();
        foreign[13] = 0x01;
        assert!(is_plain_udp(&read_all(&vxlan(7777, VNI, &foreign))));
    }

    #[test]
    fn a_tunnel_in_a_tunnel_is_udp() {
        let packet = vxlan(PORT, 2, &vxlan(PORT, 3, &echo()));
        let packet = read_all(&packet);
        assert_eq!(packet.tunnel.map(|tunnel| tunnel.vni), Some(Vni::new(2)));
        let Network::Ip(ip) = packet.network else { panic!("{packet:?}") };
        assert!(matches!(ip.transport, Transport::Udp(udp) if udp.destination_port == PORT));
    }

    #[test]
    fn every_cut_is_udp_until_the_packet_inside_can_be_told() {
        let whole = vxlan(PORT, VNI, &echo());
        for length in AT..whole.len() {
            let mut frame = ethernet(&whole[..length], 1, Timestamp::ZERO);
            frame.wire_len = whole.len() as u32;
            let packet = decode(&frame);
            match length - AT {
                // The header, then Ethernet and IPv4 inside: before their end nobody knows whose packet it is.
                0..42 => assert!(is_plain_udp(&packet), "{length}"),
                // ICMP's header is cut, as in a packet that was seen directly.
                42..50 => assert!(packet.tunnel.is_some() && packet.stop.is_some(), "{length}"),
                _ => assert!(packet.tunnel.is_some() && packet.stop.is_none(), "{length}"),
            }
        }
    }

    #[test]
    fn no_flip_of_a_bit_panics() {
        for port in [PORT, 7777] {
            let mut bytes = vxlan(port, VNI, &vxlan(port, VNI, &echo()));
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                let _ = read_all(&bytes);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}
