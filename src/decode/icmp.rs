//! ICMP (RFC 792) and ICMPv6 (RFC 4443) with neighbour discovery (RFC 4861).

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::message::{self, Endpoint, Message, Protocol, ProtocolId, Retry, Role, Subject};
use super::{Ip, Layer, Network, Packet, Stop, Transport, header, ip};
use crate::address::MacAddr;

/// An ICMP or ICMPv6 message.
#[derive(Clone, Copy, Debug)]
pub struct Icmp<'a> {
    /// The type.
    pub kind: u8,
    /// The code.
    pub code: u8,
    /// What it says.
    pub body: Body<'a>,
}

/// What an ICMP message says.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// An echo request or reply.
    Echo(Echo),
    /// An error about a packet that the receiver had sent.
    Error(Error<'a>),
    /// A neighbour solicitation or advertisement.
    Neighbour(Neighbour),
    /// Any other: [`type_name`] may know it.
    Other,
}

/// An echo: a ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// True of the reply.
    pub reply: bool,
    /// The identifier, which tells one pinging process from another.
    pub id: u16,
    /// The sequence number.
    pub sequence: u16,
    /// Bytes of data after the header, on the wire.
    pub data_len: usize,
}

/// An error, with as much of the packet that it is about as it quotes.
#[derive(Clone, Copy, Debug)]
pub struct Error<'a> {
    /// What kind.
    pub reason: Reason,
    /// The largest packet that would have gone through, where it says (RFC 1191, RFC 4443 3.2).
    pub mtu: Option<u32>,
    /// The packet that it is about, from its IP header on.
    pub quoted: &'a [u8],
}

/// What an ICMP error says, the same for both versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No route to the network.
    NetworkUnreachable,
    /// The host does not answer on its network.
    HostUnreachable,
    /// The host does not know the protocol.
    ProtocolUnreachable,
    /// Nobody listens on the port.
    PortUnreachable,
    /// The packet is larger than the next link takes.
    TooBig,
    /// A filter forbids it.
    Prohibited,
    /// Another code of "unreachable".
    Unreachable(u8),
    /// The time to live ran out on the way.
    TimeExceeded,
    /// A fragment did not come in time.
    ReassemblyTimeExceeded,
    /// There is a better gateway.
    Redirect,
    /// A field of the packet is wrong.
    ParameterProblem,
    /// Slow down (RFC 792, obsolete by RFC 6633).
    SourceQuench,
}

impl Reason {
    /// In the words of the RFCs.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NetworkUnreachable => "network unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::ProtocolUnreachable => "protocol unreachable",
            Self::PortUnreachable => "port unreachable",
            Self::TooBig => "packet too big",
            Self::Prohibited => "administratively prohibited",
            Self::Unreachable(_) => "destination unreachable",
            Self::TimeExceeded => "time to live exceeded",
            Self::ReassemblyTimeExceeded => "reassembly time exceeded",
            Self::Redirect => "redirect",
            Self::ParameterProblem => "parameter problem",
            Self::SourceQuench => "source quench",
        }
    }

    /// Whether the packet that it is about did not arrive; a redirected packet did.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Redirect | Self::SourceQuench)
    }
}

/// A neighbour solicitation or advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// True of an advertisement.
    pub advertisement: bool,
    /// True of an advertisement that answers a solicitation.
    pub solicited: bool,
    /// The address that it is about.
    pub target: Ipv6Addr,
    /// The sender's MAC address in a solicitation, the target's in an advertisement.
    pub mac: Option<MacAddr>,
}

/// Reads ICMP; `carried` is its length by the IP header.
#[inline]
pub(super) fn read_v4<'a>(bytes: &'a [u8], carried: usize, stop: &mut Option<Stop>) -> Option<Icmp<'a>> {
    let (h, rest) = header::<8>(bytes, Layer::Icmp, stop)?;
    let (kind, code) = (h[0], h[1]);
    let body = if matches!(kind, 0 | 8) { echo(*h, kind == 0, carried) } else { body_v4(*h, rest) };
    Some(Icmp { kind, code, body })
}

/// What any message of ICMP but an echo says.
#[inline(never)]
fn body_v4(h: [u8; 8], rest: &[u8]) -> Body<'_> {
    let (kind, code) = (h[0], h[1]);
    let reason = match (kind, code) {
        (3, 0 | 6) => Some(Reason::NetworkUnreachable),
        (3, 1 | 7) => Some(Reason::HostUnreachable),
        (3, 2) => Some(Reason::ProtocolUnreachable),
        (3, 3) => Some(Reason::PortUnreachable),
        (3, 4) => Some(Reason::TooBig),
        (3, 9 | 10 | 13) => Some(Reason::Prohibited),
        (3, code) => Some(Reason::Unreachable(code)),
        (4, _) => Some(Reason::SourceQuench),
        (5, _) => Some(Reason::Redirect),
        (11, 0) => Some(Reason::TimeExceeded),
        (11, _) => Some(Reason::ReassemblyTimeExceeded),
        (12, _) => Some(Reason::ParameterProblem),
        _ => None,
    };
    let Some(reason) = reason else { return Body::Other };
    let mtu = u32::from(u16::from_be_bytes([h[6], h[7]]));
    let mtu = (reason == Reason::TooBig && mtu > 0).then_some(mtu);
    Body::Error(Error { reason, mtu, quoted: rest })
}

/// Reads ICMPv6; `carried` is its length by the IP header.
pub(super) fn read_v6<'a>(bytes: &'a [u8], carried: usize, stop: &mut Option<Stop>) -> Option<Icmp<'a>> {
    let (h, rest) = header::<8>(bytes, Layer::Icmp, stop)?;
    let (kind, code) = (h[0], h[1]);
    let reason = match (kind, code) {
        (1, 0) => Some(Reason::NetworkUnreachable),
        (1, 1 | 5 | 6) => Some(Reason::Prohibited),
        (1, 3) => Some(Reason::HostUnreachable),
        (1, 4) => Some(Reason::PortUnreachable),
        (1, code) => Some(Reason::Unreachable(code)),
        (2, _) => Some(Reason::TooBig),
        (3, 0) => Some(Reason::TimeExceeded),
        (3, _) => Some(Reason::ReassemblyTimeExceeded),
        (4, 1) => Some(Reason::ProtocolUnreachable),
        (4, _) => Some(Reason::ParameterProblem),
        _ => None,
    };
    let body = match (kind, reason) {
        (128 | 129, _) => echo(*h, kind == 129, carried),
        (135 | 136, _) => neighbour(*h, rest, kind == 136, stop)?,
        (_, Some(reason)) => {
            let mtu = (kind == 2).then(|| u32::from_be_bytes([h[4], h[5], h[6], h[7]]));
            Body::Error(Error { reason, mtu, quoted: rest })
        }
        _ => Body::Other,
    };
    Some(Icmp { kind, code, body })
}

fn echo<'a>(h: [u8; 8], reply: bool, carried: usize) -> Body<'a> {
    Body::Echo(Echo {
        reply,
        id: u16::from_be_bytes([h[4], h[5]]),
        sequence: u16::from_be_bytes([h[6], h[7]]),
        data_len: carried.saturating_sub(8),
    })
}

fn neighbour<'a>(h: [u8; 8], rest: &[u8], advertisement: bool, stop: &mut Option<Stop>) -> Option<Body<'a>> {
    let (target, mut options) = header::<16>(rest, Layer::Icmp, stop)?;
    // Source link-layer address in a solicitation, target link-layer address in an advertisement (RFC 4861, 4.6.1).
    let wanted = if advertisement { 2 } else { 1 };
    let mut mac = None;
    while let [kind, units, ..] = *options {
        let Some(value) = options.get(2..usize::from(units) * 8) else { break };
        if kind == wanted {
            mac = value.first_chunk().copied().map(MacAddr);
        }
        options = options.get(usize::from(units) * 8..).unwrap_or_default();
    }
    let solicited = advertisement && h[4] & 0x40 != 0;
    Some(Body::Neighbour(Neighbour { advertisement, solicited, target: Ipv6Addr::from(*target), mac }))
}

/// The ends and identifiers of the packet that an ICMP error quotes, for finding what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Who had sent it.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// What it carried.
    pub protocol: u8,
    /// Source and destination port of TCP and UDP, identifier and sequence number of an echo.
    pub pair: (u16, u16),
}

/// Reads the quoted packet's IP header and the first four or eight bytes after it: RFC 792 promises eight, and TCP and
/// UDP need four.
pub fn quoted(bytes: &[u8]) -> Option<Quoted> {
    let mut stop = None;
    let inner = ip::read(bytes, ip::ANY_LENGTH, &mut stop)?;
    let offset = match inner.source {
        IpAddr::V4(_) => usize::from(bytes.first()? & 0x0f) * 4,
        // Extension headers before the transport are rare in a quotation; those of a fragment are read through.
        IpAddr::V6(_) if bytes.get(6) == Some(&44) => 48,
        IpAddr::V6(_) => 40,
    };
    let rest = bytes.get(offset..)?;
    let at = if matches!(inner.protocol, ip::ICMP | ip::ICMPV6) { 4 } else { 0 };
    let pair = match *rest.get(at..)?.first_chunk::<4>()? {
        [a, b, c, d] => (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
    };
    Some(Quoted { source: inner.source, destination: inner.destination, protocol: inner.protocol, pair })
}

/// The usual name of a message's type, for those that bridgetap shows but does not pair.
pub const fn type_name(v6: bool, kind: u8) -> Option<&'static str> {
    Some(match (v6, kind) {
        (false, 9) | (true, 134) => "router advertisement",
        (false, 10) | (true, 133) => "router solicitation",
        (false, 13) => "timestamp request",
        (false, 14) => "timestamp reply",
        (false, 17) => "address mask request",
        (false, 18) => "address mask reply",
        (true, 130) => "multicast listener query",
        (true, 131 | 143) => "multicast listener report",
        (true, 132) => "multicast listener done",
        (true, 137) => "redirect",
        _ => return None,
    })
}

/// Echo request and reply: a ping.
#[derive(Debug)]
pub struct Ping;

impl Protocol for Ping {
    fn name(&self) -> &'static str {
        "ping"
    }
    fn noun(&self) -> &'static str {
        "ping"
    }
    /// ping sends one each second; a person wants to read that there was no answer before the next.
    fn patience(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn retry(&self) -> Retry {
        Retry::CountsFromLatest
    }

    fn read<'a>(&self, protocol: ProtocolId, packet: &Packet<'a>) -> Option<Message<'a>> {
        let Network::Ip(ip) = packet.network else { return None };
        let Transport::Icmp(Icmp { body: Body::Echo(echo), .. }) = ip.transport else { return None };
        let to_group = packet.link.destination.is_some_and(MacAddr::is_group);
        let of_packet = (ip.hop_limit, ip.fragment.is_some());
        Some(Message { protocol, ..ping((ip.source, ip.destination), echo, of_packet, to_group) })
    }
}

/// An echo as a message, with the hop limit of its packet and whether that came in fragments, and whether the frame went
/// to a group.
#[inline]
pub(super) fn ping(
    (source, destination): (IpAddr, IpAddr),
    echo: Echo,
    (hop_limit, fragmented): (u8, bool),
    to_group: bool,
) -> Message<'static> {
    let (client, server) = if echo.reply { (destination, source) } else { (source, destination) };
    Message {
        protocol: message::PING,
        role: if echo.reply { Role::Reply } else { Role::Request },
        client: Endpoint::host(client),
        server: Endpoint::host(server),
        to_group: !echo.reply && (to_group || message::is_group(destination)),
        failed: false,
        id: u64::from(echo.id) << 16 | u64::from(echo.sequence),
        id_mask: u64::MAX,
        subject: Subject::Ping { echo, hop_limit, fragmented },
    }
}

/// Neighbour solicitation and advertisement: IPv6's ARP.
#[derive(Debug)]
pub struct NeighbourDiscovery;

impl Protocol for NeighbourDiscovery {
    fn name(&self) -> &'static str {
        "nd"
    }
    fn noun(&self) -> &'static str {
        "ND request"
    }
    /// `RETRANS_TIMER` is one second (RFC 4861, 10).
    fn patience(&self) -> Duration {
        Duration::from_millis(1100)
    }
    fn retry(&self) -> Retry {
        Retry::CountsFromLatest
    }

    fn read<'a>(&self, protocol: ProtocolId, packet: &Packet<'a>) -> Option<Message<'a>> {
        let Network::Ip(Ip { source, destination, transport, .. }) = packet.network else { return None };
        let Transport::Icmp(Icmp { body: Body::Neighbour(neighbour), .. }) = transport else { return None };
        let target = Endpoint::host(IpAddr::V6(neighbour.target));
        // Duplicate address detection asks from no address and hopes for no answer (RFC 4862, 5.4).
        let (role, client) = match neighbour {
            Neighbour { advertisement: false, .. } if source.is_unspecified() => (Role::Notice, source),
            Neighbour { advertisement: false, .. } => (Role::Request, source),
            Neighbour { solicited: true, .. } => (Role::Reply, destination),
            _ => (Role::Notice, source),
        };
        let mac = neighbour.mac.filter(|_| neighbour.advertisement);
        let subject = Subject::Neighbour { address: target.address, mac };
        Some(Message {
            protocol,
            role,
            client: Endpoint::host(client),
            server: target,
            to_group: false,
            failed: false,
            id: 0,
            id_mask: u64::MAX,
            subject,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_echo() {
        let mut bytes = vec![8, 0, 0, 0, 0x12, 0x34, 0, 2];
        bytes.extend([0; 56]);
        let icmp = read_v4(&bytes, 64, &mut None).unwrap();
        assert!(matches!(icmp.body, Body::Echo(Echo { reply: false, id: 0x1234, sequence: 2, data_len: 56 })));
    }

    #[test]
    fn an_error_names_what_it_is_about() {
        let mut bytes = vec![3, 3, 0, 0, 0, 0, 0, 0];
        bytes.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, 172, 18, 0, 3, 172, 18, 0, 2]);
        bytes.extend([0x9c, 0x40, 0x27, 0x0f, 0, 20, 0, 0]);
        let icmp = read_v4(&bytes, 36, &mut None).unwrap();
        let Body::Error(error) = icmp.body else { panic!("{icmp:?}") };
        assert_eq!((error.reason, error.mtu), (Reason::PortUnreachable, None));
        let about = Quoted {
            source: IpAddr::from([172, 18, 0, 3]),
            destination: IpAddr::from([172, 18, 0, 2]),
            protocol: 17,
            pair: (40000, 9999),
        };
        assert_eq!(quoted(error.quoted), Some(about));
        for cut in 0..24 {
            assert_eq!(quoted(&error.quoted[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn too_big_says_the_mtu() {
        let bytes = [3, 4, 0, 0, 0, 0, 0x05, 0x78];
        let icmp = read_v4(&bytes, 8, &mut None).unwrap();
        assert!(matches!(icmp.body, Body::Error(Error { reason: Reason::TooBig, mtu: Some(1400), .. })));
    }

    #[test]
    fn reads_a_neighbour_advertisement_with_its_mac() {
        let mut bytes = vec![136, 0, 0, 0, 0x60, 0, 0, 0];
        bytes.extend(Ipv6Addr::LOCALHOST.octets());
        bytes.extend([1, 1, 9, 9, 9, 9, 9, 9, 2, 1, 2, 0x42, 0, 0, 0, 5]);
        let icmp = read_v6(&bytes, 40, &mut None).unwrap();
        let Body::Neighbour(neighbour) = icmp.body else { panic!("{icmp:?}") };
        assert_eq!(neighbour.mac, Some(MacAddr([2, 0x42, 0, 0, 0, 5])));
        assert!(neighbour.advertisement && neighbour.solicited);
    }

    #[test]
    fn an_option_of_no_length_ends_the_options() {
        let mut bytes = vec![135, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend([0; 16]);
        bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        let icmp = read_v6(&bytes, 32, &mut None).unwrap();
        assert!(matches!(icmp.body, Body::Neighbour(Neighbour { mac: None, .. })));
    }
}
