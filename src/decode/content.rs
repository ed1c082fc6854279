//! What a packet is, without its details: as much as has to be known to say in general what such a packet is for.

use super::dns::{Rcode, RecordType};
use super::icmp::{Body, Reason};
use super::message::{self, Subject};
use super::tcp::Flags;
use super::{Ip, Network, Packet, Transport, arp, icmp};

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Who has an address? (RFC 826)
    ArpRequest,
    /// The answer.
    ArpReply,
    /// A sender says its own address without being asked (RFC 5227, 3).
    ArpAnnouncement,
    /// A sender without an address asks whether one is taken (RFC 5227, 2.1).
    ArpProbe,
    /// Another operation of ARP.
    ArpOther,
    /// A TCP segment.
    Segment {
        /// Its control bits.
        flags: Flags,
        /// Bytes of the stream that it carries, on the wire.
        payload_len: usize,
    },
    /// An echo request, of ICMP or ICMPv6.
    EchoRequest,
    /// An echo reply.
    EchoReply,
    /// Who has an IPv6 address? (RFC 4861, 4.3)
    NeighbourSolicitation,
    /// The same, from a sender without an address (RFC 4862, 5.4).
    DuplicateAddressDetection,
    /// The answer (RFC 4861, 4.4).
    NeighbourAdvertisement {
        /// It answers a solicitation.
        solicited: bool,
    },
    /// An ICMP or ICMPv6 error.
    IcmpError {
        /// What it says.
        reason: Reason,
        /// The protocol of the packet that it is about, by its number, where it quotes enough of it.
        about: Option<u8>,
    },
    /// Any other message of ICMP or ICMPv6, by its type.
    IcmpOther(u8),
    /// A message of DNS, multicast DNS or LLMNR.
    Dns {
        /// What its first question asks for.
        asked: Option<RecordType>,
        /// What it answers; `None` of a question.
        answer: Option<Rcode>,
    },
    /// A UDP datagram of another protocol.
    Datagram,
    /// A fragment but the first.
    Fragment,
    /// Another protocol above IP, or one that could not be read, by its number.
    Ip(u8),
    /// Neither IP nor ARP, or nothing that could be read.
    Link,
}

impl Content {
    /// What that packet is.
    pub fn of(packet: &Packet<'_>) -> Self {
        Self::with(packet, message::read(packet).as_ref())
    }

    /// The same of a packet whose message was read.
    pub(crate) fn with(packet: &Packet<'_>, message: Option<&message::Message<'_>>) -> Self {
        if let Some(Subject::Dns(message)) = message.map(|message| message.subject) {
            let asked = message.question().map(|question| question.kind);
            return Self::Dns { asked, answer: message.is_response().then(|| message.rcode()) };
        }
        match &packet.network {
            Network::Arp(arp) => Self::arp(arp),
            Network::Ip(ip) => Self::ip(ip),
            Network::Other => Self::Link,
        }
    }

    fn arp(arp: &arp::Arp) -> Self {
        match arp.operation {
            arp::REQUEST | arp::REPLY if arp.sender == arp.target => Self::ArpAnnouncement,
            arp::REQUEST if arp.sender.is_unspecified() => Self::ArpProbe,
            arp::REQUEST => Self::ArpRequest,
            arp::REPLY => Self::ArpReply,
            _ => Self::ArpOther,
        }
    }

    fn ip(ip: &Ip<'_>) -> Self {
        match ip.transport {
            Transport::Tcp(tcp) => Self::Segment { flags: tcp.flags, payload_len: tcp.payload_len },
            Transport::Udp(_) => Self::Datagram,
            Transport::Fragment => Self::Fragment,
            Transport::Other => Self::Ip(ip.protocol),
            Transport::Icmp(icmp) => match icmp.body {
                Body::Echo(echo) if echo.reply => Self::EchoReply,
                Body::Echo(_) => Self::EchoRequest,
                Body::Error(error) => {
                    let about = icmp::quoted(error.quoted).map(|quoted| quoted.protocol);
                    Self::IcmpError { reason: error.reason, about }
                }
                Body::Neighbour(neighbour) if neighbour.advertisement => {
                    Self::NeighbourAdvertisement { solicited: neighbour.solicited }
                }
                Body::Neighbour(_) if ip.source.is_unspecified() => Self::DuplicateAddressDetection,
                Body::Neighbour(_) => Self::NeighbourSolicitation,
                Body::Other => Self::IcmpOther(icmp.kind),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{decode, testing::ethernet};
    use super::*;
    use crate::time::Timestamp;

    fn of(bytes: &[u8]) -> Content {
        Content::of(&decode(&ethernet(bytes, 1, Timestamp::ZERO)))
    }

    fn arp(operation: u8, sender: u8, target: u8) -> Vec<u8> {
        let address = |last| if last == 0 { [0; 4] } else { [172, 18, 0, last] };
        let mut bytes = vec![0xff; 6];
        bytes.extend([2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1]);
        bytes.extend(address(sender));
        bytes.extend([0; 6]);
        bytes.extend(address(target));
        bytes
    }

    #[test]
    fn every_operation_of_arp_is_told() {
        for (operation, sender, target, content) in [
            (1, 3, 2, Content::ArpRequest),
            (2, 2, 3, Content::ArpReply),
            (1, 3, 3, Content::ArpAnnouncement),
            (2, 3, 3, Content::ArpAnnouncement),
            (1, 0, 3, Content::ArpProbe),
            (8, 2, 3, Content::ArpOther),
        ] {
            assert_eq!(of(&arp(operation, sender, target)), content);
        }
    }

    fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = [[2; 12].as_slice(), &[8, 0, 0x45, 0, 0, 20 + payload.len() as u8, 0, 0, 0, 0, 64]].concat();
        bytes.extend([protocol, 0, 0, 172, 18, 0, 3, 172, 18, 0, 2]);
        bytes.extend(payload);
        bytes
    }

    fn ipv6(source: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = [[2; 12].as_slice(), &[0x86, 0xdd, 0x60, 0, 0, 0, 0, payload.len() as u8, 58, 255]].concat();
        bytes.extend([&[0; 15][..], &[source], &[0xff, 2], &[0; 13], &[1], payload].concat());
        bytes
    }

    #[test]
    fn what_ip_carries_is_told() {
        let segment = |flags, payload: &[u8]| {
            let header = [0x9c, 0x40, 0, 80, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0];
            of(&ipv4(6, &[&header[..], payload].concat()))
        };
        assert_eq!(segment(2, b""), Content::Segment { flags: Flags(2), payload_len: 0 });
        assert_eq!(segment(0x18, b"x"), Content::Segment { flags: Flags(0x18), payload_len: 1 });
        assert_eq!(of(&ipv4(1, &[8, 0, 0, 0, 0, 1, 0, 1])), Content::EchoRequest);
        assert_eq!(of(&ipv4(1, &[0, 0, 0, 0, 0, 1, 0, 1])), Content::EchoReply);
        let error = [3, 3, 0, 0, 0, 0, 0, 0];
        let reason = Reason::PortUnreachable;
        assert_eq!(of(&ipv4(1, &error)), Content::IcmpError { reason, about: None });
        let quoted = &ipv4(17, &[0x9c, 0x40, 0x27, 0x0f, 0, 8, 0, 0])[14..];
        assert_eq!(of(&ipv4(1, &[&error, quoted].concat())), Content::IcmpError { reason, about: Some(17) });
        assert_eq!(of(&ipv4(1, &[13, 0, 0, 0, 0, 0, 0, 0])), Content::IcmpOther(13));
        assert_eq!(of(&ipv4(17, &[0x9c, 0x40, 0x27, 0x0f, 0, 9, 0, 0, 1])), Content::Datagram);
        assert_eq!(of(&ipv4(2, &[0x16, 0, 0, 0, 0, 0, 0, 0])), Content::Ip(2));
        let neighbour = |kind, flags| [&[kind, 0, 0, 0, flags, 0, 0, 0][..], &[1; 16]].concat();
        assert_eq!(of(&ipv6(3, &neighbour(135, 0))), Content::NeighbourSolicitation);
        assert_eq!(of(&ipv6(0, &neighbour(135, 0))), Content::DuplicateAddressDetection);
        assert_eq!(of(&ipv6(3, &neighbour(136, 0x40))), Content::NeighbourAdvertisement { solicited: true });
        assert_eq!(of(&ipv6(3, &[133, 0, 0, 0, 0, 0, 0, 0])), Content::IcmpOther(133));
        assert_eq!(of(&[[2; 12].as_slice(), &[0x88, 0xcc, 1]].concat()), Content::Link);
    }

    #[test]
    fn a_lookup_is_told_with_its_type_and_code() {
        let udp = |flags: [u8; 2]| {
            let dns = [&[0, 7][..], &flags, &[0, 1, 0, 0, 0, 0, 0, 0, 2, b'd', b'b', 0, 0, 28, 0, 1]].concat();
            of(&ipv4(17, &[&[0x9c, 0x40, 0, 53, 0, 8 + dns.len() as u8, 0, 0][..], &dns].concat()))
        };
        let asked = Some(RecordType::AAAA);
        assert_eq!(udp([1, 0]), Content::Dns { asked, answer: None });
        assert_eq!(udp([0x81, 0x83]), Content::Dns { asked, answer: Some(Rcode::NXDOMAIN) });
    }
}
