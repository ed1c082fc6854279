//! IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Layer, Stop, Transport, header, icmp, tcp, udp};

/// Protocol number of ICMP.
pub const ICMP: u8 = 1;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// Protocol number of ICMPv6.
pub const ICMPV6: u8 = 58;
/// How much may be missing of a packet that an ICMP error quotes: nobody says.
pub(super) const ANY_LENGTH: usize = 0xffff;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;

/// Where a fragment stands in its packet, and what it is a piece of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The packet's identification.
    pub id: u32,
    /// Offset of the fragment's first byte.
    pub offset: u32,
    /// More fragments follow.
    pub more: bool,
    /// What follows the header that says all this, in the first fragment.
    pub protocol: u8,
    /// Bytes behind that header on the wire.
    pub len: u32,
    /// What was captured of them.
    pub bytes: &'a [u8],
}

/// An IP packet.
#[derive(Clone, Copy, Debug)]
pub struct Ip<'a> {
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
    /// Time to live, or hop limit.
    pub hop_limit: u8,
    /// What is carried, after IPv6's extension headers.
    pub protocol: u8,
    /// Set where the packet is a fragment.
    pub fragment: Option<Fragment<'a>>,
    /// Bytes of the payload on the wire, after IPv6's extension headers; fewer may have been captured.
    pub payload_len: usize,
    /// The payload.
    pub transport: Transport<'a>,
}

/// Reads a packet of either version; `missing` bytes of the frame were not captured.
pub(super) fn read<'a>(bytes: &'a [u8], missing: usize, stop: &mut Option<Stop>) -> Option<Ip<'a>> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4(bytes, missing, stop),
        Some(6) => ipv6(bytes, missing, stop),
        Some(_) => {
            *stop = Some(Stop::Invalid { layer: Layer::Ipv4, why: "version is neither 4 nor 6" });
            None
        }
        None => {
            *stop = Some(Stop::Short { layer: Layer::Ipv4, needed: 20, had: 0 });
            None
        }
    }
}

fn ipv4<'a>(bytes: &'a [u8], missing: usize, stop: &mut Option<Stop>) -> Option<Ip<'a>> {
    let (h, _) = header::<20>(bytes, Layer::Ipv4, stop)?;
    let header_len = usize::from(h[0] & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([h[2], h[3]]));
    // 0 is what segmentation offload leaves in a packet over 65,535 bytes: then the frame says how long it is. It says so,
    // too, where the header claims more than there was.
    let most = bytes.len() + missing;
    let total = if total == 0 { most } else { total.min(most) };
    if header_len < 20 || total < header_len {
        *stop = Some(Stop::Invalid { layer: Layer::Ipv4, why: "header length" });
        return None;
    }
    let flags = u16::from_be_bytes([h[6], h[7]]);
    let (offset, more) = (u32::from(flags & 0x1fff) * 8, flags & 0x2000 != 0);
    let id = u32::from(u16::from_be_bytes([h[4], h[5]]));
    let mut ip = Ip {
        source: Ipv4Addr::new(h[12], h[13], h[14], h[15]).into(),
        destination: Ipv4Addr::new(h[16], h[17], h[18], h[19]).into(),
        hop_limit: h[8],
        protocol: h[9],
        fragment: None,
        payload_len: total - header_len,
        transport: Transport::Other,
    };
    match bytes.get(header_len..total.min(bytes.len())) {
        Some(mut payload) => {
            if offset > 0 || more {
                let (protocol, len) = (ip.protocol, ip.payload_len as u32);
                ip.fragment = Some(Fragment { id, offset, more, protocol, len, bytes: payload });
            }
            if ip.protocol != AUTHENTICATION || extensions(&mut ip, &mut payload, stop).is_some() {
                ip.transport = transport(&ip, payload, stop);
            }
        }
        None => *stop = Some(Stop::Short { layer: Layer::Ipv4, needed: header_len, had: bytes.len() }),
    }
    Some(ip)
}

fn ipv6<'a>(bytes: &'a [u8], missing: usize, stop: &mut Option<Stop>) -> Option<Ip<'a>> {
    let (h, rest) = header::<40>(bytes, Layer::Ipv6, stop)?;
    let address = |at: usize| {
        let octets = h.get(at..).and_then(|tail| tail.first_chunk::<16>()).copied().unwrap_or_default();
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    let claimed = usize::from(u16::from_be_bytes([h[4], h[5]]));
    // 0 is a jumbogram (RFC 2675): then the frame says how long it is.
    let most = rest.len() + missing;
    let claimed = if claimed == 0 { most } else { claimed.min(most) };
    let mut ip = Ip {
        source: address(8),
        destination: address(24),
        hop_limit: h[7],
        protocol: h[6],
        fragment: None,
        payload_len: claimed,
        transport: Transport::Other,
    };
    let mut payload = rest.get(..claimed.min(rest.len())).unwrap_or_default();
    if extensions(&mut ip, &mut payload, stop).is_some() {
        ip.transport = transport(&ip, payload, stop);
    }
    Some(ip)
}

/// Reads through the extension headers, so that `ip.protocol` and `payload` are those of the transport. IPv4 has one of
/// them, too: that which authenticates (RFC 4302, 2). However many there are, each is eight bytes at the least, so a packet
/// costs no more than its length.
fn extensions<'a>(ip: &mut Ip<'a>, payload: &mut &'a [u8], stop: &mut Option<Stop>) -> Option<()> {
    let layer = if ip.source.is_ipv4() { Layer::Ipv4 } else { Layer::Ipv6 };
    loop {
        let is_extension = match ip.source {
            IpAddr::V4(_) => ip.protocol == AUTHENTICATION,
            IpAddr::V6(_) => {
                matches!(ip.protocol, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS | MOBILITY)
            }
        };
        if !is_extension || ip.fragment.is_some_and(|fragment| fragment.offset > 0) {
            return Some(());
        }
        let (h, _) = header::<8>(payload, layer, stop)?;
        let length = match ip.protocol {
            FRAGMENT => 8,
            AUTHENTICATION => (usize::from(h[1]) + 2) * 4,
            _ => (usize::from(h[1]) + 1) * 8,
        };
        let is_fragment = ip.protocol == FRAGMENT;
        ip.protocol = h[0];
        let Some(rest) = payload.get(length..) else {
            *stop = Some(Stop::Short { layer, needed: length, had: payload.len() });
            return None;
        };
        *payload = rest;
        ip.payload_len = ip.payload_len.saturating_sub(length);
        if is_fragment {
            let field = u16::from_be_bytes([h[2], h[3]]);
            let (offset, more) = (u32::from(field & 0xfff8), field & 1 == 1);
            let id = u32::from_be_bytes([h[4], h[5], h[6], h[7]]);
            let (protocol, len) = (ip.protocol, ip.payload_len as u32);
            // RFC 6946: an "atomic" fragment is a whole packet.
            ip.fragment = (offset > 0 || more).then_some(Fragment { id, offset, more, protocol, len, bytes: rest });
        }
    }
}

/// A packet that came in fragments: `ip` with what they carried, of which there were `len` bytes on the wire, the first
/// piece that of `fragment`.
pub(super) fn assembled<'a>(ip: &Ip<'_>, fragment: Fragment<'a>, len: usize, stop: &mut Option<Stop>) -> Ip<'a> {
    let Ip { source, destination, hop_limit, .. } = *ip;
    let (protocol, mut payload) = (fragment.protocol, fragment.bytes);
    let (fragment, transport) = (Some(fragment), Transport::Other);
    let mut whole = Ip { source, destination, hop_limit, protocol, fragment, payload_len: len, transport };
    if extensions(&mut whole, &mut payload, stop).is_some() {
        whole.transport = self::transport(&whole, payload, stop);
    }
    whole
}

fn transport<'a>(ip: &Ip<'a>, payload: &'a [u8], stop: &mut Option<Stop>) -> Transport<'a> {
    if ip.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return Transport::Fragment;
    }
    let read = match (ip.protocol, ip.source) {
        (TCP, _) => tcp::read(payload, ip.payload_len, stop).map(Transport::Tcp),
        (UDP, _) => udp::read(payload, ip.payload_len, stop).map(Transport::Udp),
        (ICMP, IpAddr::V4(_)) => icmp::read_v4(payload, ip.payload_len, stop).map(Transport::Icmp),
        (ICMPV6, IpAddr::V6(_)) => icmp::read_v6(payload, ip.payload_len, stop).map(Transport::Icmp),
        _ => None,
    };
    read.unwrap_or(Transport::Other)
}

/// The usual name of an IP protocol that bridgetap does not decode, for counting what was passed over.
pub const fn protocol_name(protocol: u8) -> Option<&'static str> {
    Some(match protocol {
        ICMP => "ICMP",
        2 => "IGMP",
        4 => "IPv4 in IP",
        TCP => "TCP",
        UDP => "UDP",
        33 => "DCCP",
        41 => "IPv6 in IP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        ICMPV6 => "ICMPv6",
        59 => "IPv6 no next header",
        88 => "EIGRP",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        115 => "L2TP",
        132 => "SCTP",
        136 => "UDP-Lite",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6_header(next: u8, length: u16) -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0];
        bytes.extend(length.to_be_bytes());
        bytes.extend([next, 64]);
        bytes.extend([0xfd; 16]);
        bytes.extend([0xfe; 16]);
        bytes
    }

    #[test]
    fn reads_through_extension_headers() {
        let mut bytes = v6_header(HOP_BY_HOP, 8 + 8 + 8 + 3);
        bytes.extend([FRAGMENT, 0, 1, 4, 0, 0, 0, 0]);
        bytes.extend([UDP, 0, 0, 1, 0, 0, 0, 7]);
        bytes.extend([0, 1, 0, 2, 0, 11, 0, 0, 1, 2, 3]);
        let mut stop = None;
        let ip = read(&bytes, 0, &mut stop).unwrap();
        assert_eq!((ip.protocol, ip.payload_len, stop), (UDP, 11, None));
        let rest = &[0, 1, 0, 2, 0, 11, 0, 0, 1, 2, 3];
        assert_eq!(ip.fragment, Some(Fragment { id: 7, offset: 0, more: true, protocol: UDP, len: 11, bytes: rest }));
        assert!(matches!(ip.transport, Transport::Udp(udp) if udp.payload == [1, 2, 3]));
    }

    #[test]
    fn reads_through_what_authenticates_ipv4() {
        let mut bytes = vec![0x45, 0, 0, 20 + 24 + 9, 0, 0, 0, 0, 64, AUTHENTICATION, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        bytes.extend([UDP, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
        bytes.extend([7; 12]);
        bytes.extend([0, 1, 0, 2, 0, 9, 0, 0, 9]);
        let ip = read(&bytes, 0, &mut None).unwrap();
        assert!(matches!(ip.transport, Transport::Udp(udp) if udp.payload == [9]));
        assert_eq!((ip.protocol, ip.payload_len), (UDP, 9));
        for cut in 20..44 {
            let mut stop = None;
            assert!(matches!(read(&bytes[..cut], 0, &mut stop).unwrap().transport, Transport::Other), "{cut}");
            assert!(stop.is_some(), "{cut}");
        }
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        let mut bytes = v6_header(FRAGMENT, 16);
        bytes.extend([TCP, 0, 0, 8, 0, 0, 0, 7]);
        bytes.extend([0; 8]);
        let ip = read(&bytes, 0, &mut None).unwrap();
        assert!(matches!(ip.transport, Transport::Fragment));
    }

    #[test]
    fn any_number_of_extension_headers_is_read_through_and_endless_ones_end() {
        let mut bytes = v6_header(HOP_BY_HOP, 8 * 100 + 9);
        bytes.extend([0; 8].repeat(99));
        bytes.extend([UDP, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0, 1, 0, 2, 0, 9, 0, 0, 7]);
        let mut stop = None;
        let ip = read(&bytes, 0, &mut stop).unwrap();
        assert!(matches!(ip.transport, Transport::Udp(udp) if udp.payload == [7]));
        assert_eq!((ip.protocol, ip.payload_len, stop), (UDP, 9, None));
        // One more than there are bytes, in the longest packet.
        let mut bytes = v6_header(HOP_BY_HOP, 0xfff8);
        bytes.resize(bytes.len() + 0xfff8, 0);
        let ip = read(&bytes, 0, &mut stop).unwrap();
        assert_eq!(ip.payload_len, 0);
        assert_eq!(stop, Some(Stop::Short { layer: Layer::Ipv6, needed: 8, had: 0 }));
    }

    #[test]
    fn a_length_that_lies_is_bounded_by_the_bytes() {
        let mut bytes = vec![0x45, 0, 0xff, 0xff, 0, 0, 0, 0, 64, UDP, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        bytes.extend([0, 1, 0, 2, 0xff, 0xff, 0, 0, 9]);
        let ip = read(&bytes, 0, &mut None).unwrap();
        assert!(matches!(ip.transport, Transport::Udp(udp) if udp.payload == [9]));
        assert_eq!(ip.payload_len, 9, "the frame was no longer");
        let ip = read(&bytes, 100_000, &mut None).unwrap();
        assert_eq!(ip.payload_len, 0xffff - 20, "it was, and is cut");
        let mut bytes = v6_header(UDP, 1000);
        bytes.extend([0, 1, 0, 2, 0, 9, 0, 0, 9]);
        assert_eq!(read(&bytes, 0, &mut None).unwrap().payload_len, 9);
    }
}
