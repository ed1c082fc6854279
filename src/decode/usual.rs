//! The frames that nearly all are: Ethernet, IPv4 without options that is no fragment, and TCP, UDP or ICMP in it, with
//! nothing cut and nothing amiss.
//!
//! What is read here is what the lax pass reads, in a third of its instructions: every length is looked at once, and
//! nothing is put together that is taken apart again. Whatever is the least unusual is left to the lax pass. Tests
//! compare both.

use std::net::{IpAddr, Ipv4Addr};

use super::icmp::Echo;
use super::link::present;
use super::message::{Endpoint, Message, socket_port};
use super::tcp::segment;
use super::{Ip, Link, Network, Packet, Tcp, Transport, Udp, dns, icmp, ip, lookup, vxlan};
use crate::address::MacAddr;
use crate::capture::{Frame, LinkType};

/// Octets of an Ethernet header without tags.
const ETHERNET: usize = 14;
/// Octets of an IPv4 header without options.
const IPV4: usize = 20;
/// Octets of a TCP header without options.
const TCP: usize = 20;
/// Octets of the headers of UDP and ICMP.
const UDP: usize = 8;
/// The EtherType of IPv4, and the version and header length of IPv4 without options.
const IPV4_WITHOUT_OPTIONS: [u8; 3] = [0x08, 0x00, 0x45];

/// The sender's address on the link, and the receiver's.
type Macs = (Option<MacAddr>, Option<MacAddr>);

/// A segment of TCP, without what else there is of its packet: nearly all packets are one, and who only follows them
/// needs no more.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The sender's address on the link, and the receiver's.
    pub macs: Macs,
    /// The sender.
    pub source: Ipv4Addr,
    /// The receiver.
    pub destination: Ipv4Addr,
    /// The segment itself.
    pub tcp: Tcp<'a>,
}

impl Segment<'_> {
    /// The sender, and the receiver.
    #[expect(clippy::inline_always, reason = "a part of what is in line")]
    #[inline(always)]
    pub fn ends(&self) -> (Endpoint, Endpoint) {
        let Self { source, destination, tcp, .. } = self;
        (
            Endpoint::socket((*source).into(), tcp.source_port),
            Endpoint::socket((*destination).into(), tcp.destination_port),
        )
    }
}

/// A usual frame, of which no more is read than its headers of Ethernet and IPv4.
#[derive(Clone, Copy, Debug)]
pub struct Usual<'a> {
    headers: &'a [u8; ETHERNET + IPV4],
    payload: &'a [u8],
}

impl<'a> Usual<'a> {
    /// A frame, if it is a usual one.
    #[expect(clippy::inline_always, reason = "a part of what is in line")]
    #[inline(always)]
    pub fn of(frame: &Frame<'a>) -> Option<Self> {
        let (headers, payload) = headers(frame)?;
        Some(Self { headers, payload })
    }

    /// Its segment of TCP. What it says is what [`super::decode`] says.
    #[expect(clippy::inline_always, reason = "in line, what nobody asks for is not read")]
    #[inline(always)]
    pub fn segment(&self) -> Option<Segment<'a>> {
        if self.protocol() != ip::TCP {
            return None;
        }
        let (source, destination) = addresses(self.headers);
        Some(Segment { macs: macs(self.headers)?, source, destination, tcp: tcp(self.payload)? })
    }

    /// The addresses on the link, and its segment of TCP.
    #[expect(clippy::inline_always, reason = "in line, what nobody asks for is not read")]
    #[inline(always)]
    pub fn macs_and_tcp(&self) -> Option<(Macs, Tcp<'a>)> {
        Some((self.macs(), tcp(self.payload)?))
    }

    /// Between whom the segment of a frame would be, if it is a usual one that has one; nobody else asked for it is one.
    #[expect(clippy::inline_always, reason = "a part of what is in line")]
    #[inline(always)]
    pub fn ends_of_segment(frame: &Frame<'_>) -> Option<((Ipv4Addr, u16), (Ipv4Addr, u16))> {
        let h = frame.bytes.first_chunk::<{ ETHERNET + IPV4 + 4 }>()?;
        let (headers, ports) = h.split_first_chunk::<{ ETHERNET + IPV4 }>()?;
        Some(sockets(headers, *ports.first_chunk()?))
    }

    /// Its sender and its receiver, with the ports that [`Endpoint::socket`] gives them; 0 where it has none.
    #[expect(clippy::inline_always, reason = "a part of what is in line")]
    #[inline(always)]
    pub fn ends(&self) -> ((Ipv4Addr, u16), (Ipv4Addr, u16)) {
        match (self.protocol(), self.payload.first_chunk()) {
            (ip::TCP | ip::UDP, Some(&ports)) => sockets(self.headers, ports),
            _ => {
                let (source, destination) = addresses(self.headers);
                ((source, 0), (destination, 0))
            }
        }
    }

    /// The protocol that IPv4 carries.
    #[expect(clippy::inline_always, reason = "a part of what is in line")]
    #[inline(always)]
    pub const fn protocol(&self) -> u8 {
        self.headers[23]
    }

    /// The addresses on the link.
    #[expect(clippy::inline_always, reason = "a part of what is in line")]
    #[inline(always)]
    pub fn macs(&self) -> Macs {
        macs(self.headers).unwrap_or_default()
    }

    /// Its ping or its lookup, if it is one.
    pub fn message(&self) -> Option<Message<'a>> {
        match self.protocol() {
            ip::ICMP => self.ping(),
            ip::UDP => self.lookup(),
            _ => None,
        }
    }

    /// Its sender and its receiver, with the ports of those that have them.
    pub fn endpoints(&self) -> (Endpoint, Endpoint) {
        let ((source, from), (destination, to)) = self.ends();
        let has_ports = matches!(self.protocol(), ip::TCP | ip::UDP);
        let end = |address: Ipv4Addr, port| Endpoint { address: address.into(), port: has_ports.then_some(port) };
        (end(source, from), end(destination, to))
    }

    /// Its ping, if it is one. What it says is what [`super::message::read`] says of the packet.
    #[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
    #[inline(always)]
    pub fn ping(&self) -> Option<Message<'a>> {
        let (source, destination) = addresses(self.headers);
        let to_group = self.macs().1.is_some_and(MacAddr::is_group);
        let of_packet = (self.headers[22], false);
        Some(icmp::ping((source.into(), destination.into()), echo(self.payload)?, of_packet, to_group))
    }

    /// Its lookup, if it is one to the usual port or from there; as [`Usual::ping`].
    #[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
    #[inline(always)]
    pub fn lookup(&self) -> Option<Message<'a>> {
        let udp = udp(self.payload)?;
        if udp.source_port != dns::PORT && udp.destination_port != dns::PORT {
            return None;
        }
        let (source, destination) = addresses(self.headers);
        let from = Endpoint::socket(source.into(), udp.source_port);
        let to = Endpoint::socket(destination.into(), udp.destination_port);
        lookup::exchange(super::message::DNS, udp.payload, from, to)
    }
}

/// Reads a frame, if it is a usual one.
#[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
#[inline(always)]
pub(super) fn read<'a>(frame: &Frame<'a>) -> Option<Packet<'a>> {
    let (h, payload) = headers(frame)?;
    let payload_len = payload.len();
    // Each puts its packet together by itself: what all of them leave would go through memory once more.
    match h[23] {
        ip::TCP => packet(frame, h, payload_len, Transport::Tcp(tcp(payload)?)),
        ip::UDP => packet(frame, h, payload_len, Transport::Udp(udp(payload)?)),
        ip::ICMP if payload_len >= UDP => {
            packet(frame, h, payload_len, Transport::Icmp(icmp::read_v4(payload, payload_len, &mut None)?))
        }
        _ => None,
    }
}

/// The headers of Ethernet and IPv4, and what IPv4 carries.
#[expect(clippy::inline_always, reason = "a part of what is in line")]
#[inline(always)]
fn headers<'a>(frame: &Frame<'a>) -> Option<(&'a [u8; ETHERNET + IPV4], &'a [u8])> {
    if frame.link != LinkType::ETHERNET {
        return None;
    }
    let (h, rest) = frame.bytes.split_first_chunk::<{ ETHERNET + IPV4 }>()?;
    if [h[12], h[13], h[14]] != IPV4_WITHOUT_OPTIONS {
        return None;
    }
    let fragment = u16::from_be_bytes([h[20], h[21]]) & 0x3fff;
    let payload_len = usize::from(u16::from_be_bytes([h[16], h[17]])).checked_sub(IPV4)?;
    let payload = rest.get(..payload_len)?;
    (fragment == 0).then_some((h, payload))
}

/// Sender and receiver, with ports.
#[expect(clippy::inline_always, reason = "a part of what is in line")]
#[inline(always)]
fn sockets(h: &[u8; ETHERNET + IPV4], [a, b, c, d]: [u8; 4]) -> ((Ipv4Addr, u16), (Ipv4Addr, u16)) {
    let (source, destination) = addresses(h);
    let (from, to) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    ((source, socket_port(&source.into(), from)), (destination, socket_port(&destination.into(), to)))
}

/// The sender's address on the link, and the receiver's.
#[expect(clippy::inline_always, reason = "a part of what is in line")]
#[inline(always)]
fn macs(h: &[u8; ETHERNET + IPV4]) -> Option<Macs> {
    let (destination, rest) = h.split_first_chunk::<6>()?;
    let (source, _) = rest.split_first_chunk::<6>()?;
    Some((present(*source), present(*destination)))
}

/// The sender, and the receiver.
#[expect(clippy::inline_always, reason = "a part of what is in line")]
#[inline(always)]
const fn addresses(h: &[u8; ETHERNET + IPV4]) -> (Ipv4Addr, Ipv4Addr) {
    (Ipv4Addr::new(h[26], h[27], h[28], h[29]), Ipv4Addr::new(h[30], h[31], h[32], h[33]))
}

#[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
#[inline(always)]
fn packet<'a>(
    frame: &Frame<'a>,
    h: &[u8; ETHERNET + IPV4],
    payload_len: usize,
    transport: Transport<'a>,
) -> Option<Packet<'a>> {
    let (sender, receiver) = macs(h)?;
    let ethertype = super::link::ETHERTYPE_IPV4;
    let link = Link { source: sender, destination: receiver, ethertype, ..Link::default() };
    let (source, destination) = addresses(h);
    let network = Network::Ip(Ip {
        source: IpAddr::V4(source),
        destination: IpAddr::V4(destination),
        hop_limit: h[22],
        protocol: h[23],
        fragment: None,
        payload_len,
        transport,
    });
    let Frame { number, at, wire_len, tap, .. } = *frame;
    Some(Packet { number, at, wire_len, tap, tunnel: None, link, network, stop: None })
}

#[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
#[inline(always)]
fn tcp(bytes: &[u8]) -> Option<Tcp<'_>> {
    let (h, rest) = bytes.split_first_chunk::<TCP>()?;
    let option_len = (usize::from(h[12] >> 4) * 4).checked_sub(TCP)?;
    let (option_bytes, payload) = rest.split_at_checked(option_len)?;
    Some(segment(h, option_bytes, payload.len(), payload))
}

#[expect(clippy::inline_always, reason = "a part of what is in line")]
#[inline(always)]
fn echo(bytes: &[u8]) -> Option<Echo> {
    match icmp::read_v4(bytes, bytes.len(), &mut None)?.body {
        icmp::Body::Echo(echo) => Some(echo),
        _ => None,
    }
}

/// What may be a tunnel's is left to the lax pass.
#[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
#[inline(always)]
fn udp(bytes: &[u8]) -> Option<Udp<'_>> {
    let (h, rest) = bytes.split_first_chunk::<UDP>()?;
    let payload_len = usize::from(u16::from_be_bytes([h[4], h[5]])).checked_sub(UDP)?;
    let udp = Udp {
        source_port: u16::from_be_bytes([h[0], h[1]]),
        destination_port: u16::from_be_bytes([h[2], h[3]]),
        payload_len,
        payload: rest.get(..payload_len)?,
    };
    (!vxlan::may_be(&udp)).then_some(udp)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::message::{self, Role};
    use super::super::testing::{ethernet, vxlan};
    use super::*;
    use crate::time::Timestamp;

    /// As many as [`frames`] gives.
    const FRAMES: usize = 8;

    /// What the lax pass reads, and what is read here, in words.
    fn both(bytes: &[u8], missing: u32) -> (String, Option<String>) {
        let mut frame = ethernet(bytes, 7, Timestamp::from_nanos(5));
        frame.wire_len += missing;
        (format!("{:?}", super::super::read(&frame, true)), read(&frame).map(|packet| format!("{packet:?}")))
    }

    fn agrees(bytes: &[u8], missing: u32) -> bool {
        let (lax, usual) = both(bytes, missing);
        let mut frame = ethernet(bytes, 7, Timestamp::from_nanos(5));
        frame.wire_len += missing;
        let segment =
            Usual::of(&frame).and_then(|usual| usual.segment()).map(|Segment { macs, source, destination, tcp }| {
                format!("{:?}", (macs, IpAddr::V4(source), IpAddr::V4(destination), tcp))
            });
        let packet = read(&frame);
        let its_segment = packet.as_ref().and_then(|packet| match &packet.network {
            Network::Ip(Ip { source, destination, transport: Transport::Tcp(tcp), .. }) => {
                Some(format!("{:?}", ((packet.link.source, packet.link.destination), source, destination, tcp)))
            }
            _ => None,
        });
        let usual_is_lax = usual.is_none_or(|usual| usual == lax);
        usual_is_lax && segment == its_segment && has_its_message(&frame, packet.as_ref())
    }

    /// Whether a message that is read without the packet is the packet's, between whom it is.
    fn has_its_message(frame: &Frame<'_>, packet: Option<&Packet<'_>>) -> bool {
        let usual = Usual::of(frame);
        let Some((usual, message)) = usual.and_then(|usual| Some((usual, usual.message()?))) else { return true };
        let Some(packet) = packet else { return false };
        let its = message::read(packet).map(|message| format!("{message:?}"));
        let of_packet = (packet.link.source, packet.link.destination, message::packet_ends(packet));
        let (source, destination) = usual.macs();
        its == Some(format!("{message:?}")) && of_packet == (source, destination, Some(usual.endpoints()))
    }

    fn frames() -> Vec<Vec<u8>> {
        let builder = || {
            etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4(
                [172, 18, 0, 3],
                [172, 18, 0, 2],
                64,
            )
        };
        let mut frames = vec![Vec::new(); FRAMES];
        builder().udp(40_000, 9999).write(&mut frames[0], b"hello").unwrap();
        let syn = builder().tcp(40_000, 80, 7, 1000).syn().options_raw(&[2, 4, 5, 0xb4]).unwrap();
        syn.write(&mut frames[1], &[]).unwrap();
        builder().tcp(40_000, 80, 7, 1000).ack(9).write(&mut frames[2], b"GET /").unwrap();
        builder().icmpv4_echo_request(1, 2).write(&mut frames[3], &[0; 56]).unwrap();
        let quoted = frames[0][14..].to_vec();
        builder().icmpv4_raw(3, 3, [0; 4]).write(&mut frames[4], &quoted).unwrap();
        builder().icmpv4_echo_reply(1, 2).write(&mut frames[5], &[0; 56]).unwrap();
        let question = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, b'D', b'b', 0, 0, 1, 0, 1];
        builder().udp(40_000, 53).write(&mut frames[6], &question).unwrap();
        let answer = [&[0, 7, 0x81, 0x83], &question[4..]].concat();
        builder().udp(53, 40_000).write(&mut frames[7], &answer).unwrap();
        frames
    }

    #[test]
    fn pings_and_lookups_are_messages_without_their_packets() {
        let messages = frames().into_iter().map(|bytes| {
            let frame = ethernet(&bytes, 7, Timestamp::from_nanos(5));
            Usual::of(&frame).and_then(|usual| usual.message()).map(|message| (message.protocol, message.role))
        });
        let (ping, dns) = (message::PING, message::DNS);
        let expected = [(ping, Role::Request), (ping, Role::Reply), (dns, Role::Request), (dns, Role::Reply)];
        assert_eq!(messages.flatten().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn usual_frames_are_read_here_as_the_lax_pass_reads_them() {
        for bytes in frames() {
            let (lax, usual) = both(&bytes, 0);
            assert_eq!(usual, Some(lax));
            // Ethernet pads short frames.
            let (lax, usual) = both(&[&bytes[..], &[0; 6]].concat(), 0);
            assert_eq!(usual, Some(lax));
        }
    }

    #[test]
    fn every_cut_and_every_value_of_every_octet_are_read_alike() {
        for mut bytes in frames() {
            for cut in 0..bytes.len() {
                assert!(agrees(&bytes[..cut], (bytes.len() - cut) as u32), "{cut}");
                assert!(agrees(&bytes[..cut], 0), "{cut}");
            }
            for at in 0..bytes.len().min(80) {
                let octet = bytes[at];
                for value in 0..=255 {
                    bytes[at] = value;
                    assert!(agrees(&bytes, 0) && agrees(&bytes, 9), "{value} at {at}");
                }
                bytes[at] = octet;
            }
        }
    }

    #[test]
    fn a_tunnel_is_opened_by_the_lax_pass() {
        let bytes = vxlan(4789, 7, &frames()[0]);
        let (lax, usual) = both(&bytes, 0);
        assert!(lax.contains("Vni(7)") && usual.is_none(), "{lax}");
    }

    proptest! {
        #[test]
        fn random_octets_behind_a_usual_header_are_read_alike(
            number in 0_usize..FRAMES,
            changes in prop::collection::vec((12_usize..80, any::<u8>()), 0..4),
            tail in prop::collection::vec(any::<u8>(), 0..80),
            missing in 0_u32..3,
        ) {
            let mut bytes = frames().swap_remove(number);
            bytes.extend(tail);
            for (at, value) in changes {
                if let Some(octet) = bytes.get_mut(at) {
                    *octet = value;
                }
            }
            prop_assert!(agrees(&bytes, missing));
        }

        #[test]
        fn random_octets_are_read_alike(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            prop_assert!(agrees(&bytes, 0));
            let usual = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45][..], &bytes].concat();
            prop_assert!(agrees(&usual, 0));
        }
    }
}
