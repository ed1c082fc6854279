//! The seam for request-and-reply protocols: what the tracker needs to know to pair, time, expire and count them all
//! alike.
//!
//! A protocol is a unit struct without state and one line in [`PROTOCOLS`]. It says of a packet: this is a request or
//! its reply, between this client and this server, with this id. Pairing, timing, limits and printing are elsewhere.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use super::{Icmp, Ip, Network, Packet, Tcp, Transport, Udp, arp, dns, icmp, lookup};
use crate::address::MacAddr;

/// One end of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Its address.
    pub address: IpAddr,
    /// Its port, for protocols that have ports.
    pub port: Option<u16>,
}

impl Endpoint {
    /// An address without a port.
    pub const fn host(address: IpAddr) -> Self {
        Self { address, port: None }
    }

    /// An address with a port. A port of Docker's name service is always 53: its NAT shows each question on a random one.
    pub fn socket(address: IpAddr, port: u16) -> Self {
        Self { address, port: Some(socket_port(&address, port)) }
    }
}

impl Hash for Endpoint {
    /// One word for IPv4, where the derived one would feed the hasher five times: every packet's ends are hashed.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let port = self.port.map_or(1 << 16, u64::from);
        match self.address {
            IpAddr::V4(v4) => state.write_u64(u64::from(v4.to_bits()) << 32 | port),
            IpAddr::V6(v6) => {
                state.write_u128(v6.to_bits());
                state.write_u64(port);
            }
        }
    }
}

/// What a message is to its exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It wants an answer.
    Request,
    /// It is the answer.
    Reply,
    /// It wants none and answers nothing.
    Notice,
}

/// A message of a request-and-reply protocol.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Which protocol: an index into [`PROTOCOLS`].
    pub protocol: ProtocolId,
    /// Request, reply or neither.
    pub role: Role,
    /// Who asks.
    pub client: Endpoint,
    /// Who is asked.
    pub server: Endpoint,
    /// The request went to a group, so that the answer comes from an address that it does not name.
    pub to_group: bool,
    /// A reply that says no.
    pub failed: bool,
    /// Equal in a request and its reply, and different in any other between the same ends.
    pub id: u64,
    /// The bits of `id` that are known: all, but in a reply that does not repeat all that its request's are made of.
    pub id_mask: u64,
    /// What it is about.
    pub subject: Subject<'a>,
}

/// What a message is about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// An echo.
    Ping {
        /// The echo itself.
        echo: icmp::Echo,
        /// Time to live, or hop limit, of its packet.
        hop_limit: u8,
        /// It was sent in fragments.
        fragmented: bool,
    },
    /// The link-layer address of an address.
    Neighbour {
        /// The address.
        address: IpAddr,
        /// Its MAC address, in a reply.
        mac: Option<MacAddr>,
    },
    /// A DNS message.
    Dns(dns::Message<'a>),
}

/// What happens when a request is sent again with the same id before its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The time counts from the first (RFC 1035 resolvers repeat the very same question).
    CountsFromFirst,
    /// The time counts from the latest, which is the one that is answered.
    CountsFromLatest,
}

/// A request-and-reply protocol: how to recognise it and read one message. Holds no state.
pub trait Protocol: Sync {
    /// Its name: `dns`. It is `kind` in JSON and, in capitals, in the log.
    fn name(&self) -> &'static str;
    /// What one of its requests is called in the summary: `ping`.
    fn noun(&self) -> &'static str;
    /// For how long after the latest request an answer is waited for, in packet time, before the log says that there was
    /// none. A later answer is still paired and called late.
    fn patience(&self) -> Duration;
    /// What a repeated request means.
    fn retry(&self) -> Retry;
    /// Whether it may be carried by UDP or TCP between these ports; never asked of protocols below them.
    fn claims(&self, _source: Endpoint, _destination: Endpoint) -> bool {
        false
    }
    /// Whether a datagram between other ports is of this protocol beyond doubt.
    fn recognises(&self, _source: Endpoint, _destination: Endpoint, _payload: &[u8]) -> bool {
        false
    }
    /// Reads a packet's message; `None` where it is not of this protocol.
    fn read<'a>(&self, id: ProtocolId, packet: &Packet<'a>) -> Option<Message<'a>>;
    /// Reads a message from a TCP stream, where the protocol runs over TCP; see [`Framed`].
    fn read_stream<'a>(&self, _id: ProtocolId, _bytes: &'a [u8], _from: Endpoint, _to: Endpoint) -> Framed<'a> {
        Framed::Foreign
    }
}

/// What the beginning of a TCP stream's bytes is to a protocol.
#[derive(Clone, Copy, Debug)]
pub enum Framed<'a> {
    /// A whole message, and how many bytes it takes.
    Message(Message<'a>, usize),
    /// That many bytes that hold no message, to be passed over.
    Skip(usize),
    /// More bytes are needed.
    Partial,
    /// Not this protocol.
    Foreign,
}

/// The number of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProtocolId(pub u8);

impl ProtocolId {
    /// The protocol of that number; the first where there is no such number.
    pub fn protocol(self) -> &'static dyn Protocol {
        PROTOCOLS.get(usize::from(self.0)).copied().unwrap_or(&arp::AddressResolution)
    }
}

/// Every protocol that is paired. The order is that of the summary.
pub static PROTOCOLS: &[&dyn Protocol] =
    &[&arp::AddressResolution, &icmp::NeighbourDiscovery, &icmp::Ping, &lookup::Dns, &lookup::Mdns, &lookup::Llmnr];

/// Of [`PROTOCOLS`], those that nearly all messages are of.
pub(super) const PING: ProtocolId = ProtocolId(2);
pub(super) const DNS: ProtocolId = ProtocolId(3);

/// The message that a packet holds, if it is of a protocol that is paired.
#[inline]
pub fn read<'a>(packet: &Packet<'a>) -> Option<Message<'a>> {
    match &packet.network {
        Network::Ip(Ip { transport: Transport::Icmp(Icmp { body: icmp::Body::Echo(_), .. }), .. }) => {
            icmp::Ping.read(PING, packet)
        }
        Network::Ip(Ip { transport: Transport::Icmp(_), .. }) | Network::Arp(_) => first(packet, |_| true),
        Network::Ip(Ip { source, destination, transport: Transport::Udp(udp), .. }) => {
            read_udp(packet, (*source, *destination), udp)
        }
        _ => None,
    }
}

fn read_udp<'a>(packet: &Packet<'a>, (source, destination): (IpAddr, IpAddr), udp: &Udp<'a>) -> Option<Message<'a>> {
    if udp.source_port == dns::PORT || udp.destination_port == dns::PORT {
        // Nobody claims the port before DNS.
        if let Some(message) = lookup::Dns.read(DNS, packet) {
            return Some(message);
        }
    }
    let from = Endpoint::socket(source, udp.source_port);
    let to = Endpoint::socket(destination, udp.destination_port);
    first(packet, |protocol| protocol.claims(from, to))
        .or_else(|| first(packet, |protocol| protocol.recognises(from, to, udp.payload)))
}

fn first<'a>(packet: &Packet<'a>, applies: impl Fn(&dyn Protocol) -> bool) -> Option<Message<'a>> {
    (0..).zip(PROTOCOLS).filter(|(_, protocol)| applies(**protocol)).find_map(|(n, p)| p.read(ProtocolId(n), packet))
}

/// The protocol that may run over TCP between these ends.
pub fn over_tcp(source: Endpoint, destination: Endpoint) -> Option<ProtocolId> {
    (0..).zip(PROTOCOLS).find(|(_, protocol)| protocol.claims(source, destination)).map(|(n, _)| ProtocolId(n))
}

/// The ends of a packet, sender first, with ports where it has them.
pub fn ends(ip: &Ip<'_>) -> (Endpoint, Endpoint) {
    match ports(ip) {
        Some((source, destination)) => {
            (Endpoint::socket(ip.source, source), Endpoint::socket(ip.destination, destination))
        }
        None => (Endpoint::host(ip.source), Endpoint::host(ip.destination)),
    }
}

/// The ports of a packet that has them, the sender's first, as they stand in it.
#[inline]
const fn ports(ip: &Ip<'_>) -> Option<(u16, u16)> {
    match ip.transport {
        Transport::Udp(Udp { source_port, destination_port, .. })
        | Transport::Tcp(Tcp { source_port, destination_port, .. }) => Some((source_port, destination_port)),
        _ => None,
    }
}

/// Sender and receiver of a packet on the network layer, with ports where it has them; `None` where it has none that was
/// read.
#[inline]
pub fn packet_ends(packet: &Packet<'_>) -> Option<(Endpoint, Endpoint)> {
    match &packet.network {
        Network::Ip(ip) => Some(ends(ip)),
        Network::Arp(arp) => Some((Endpoint::host(arp.sender.into()), Endpoint::host(arp.target.into()))),
        Network::Other => None,
    }
}

/// The ports of a packet that has them, the sender's first: those of [`packet_ends`].
#[inline]
pub fn packet_ports(packet: &Packet<'_>) -> Option<(u16, u16)> {
    let Network::Ip(ip) = &packet.network else { return None };
    let (source, destination) = ports(ip)?;
    Some((socket_port(&ip.source, source), socket_port(&ip.destination, destination)))
}

/// The port of a socket: see [`Endpoint::socket`].
#[inline]
pub(super) fn socket_port(address: &IpAddr, port: u16) -> u16 {
    if *address == dns::DOCKER_DNS { dns::PORT } else { port }
}

/// Whether an address is that of more than one receiver.
#[inline]
pub(super) fn is_group(address: IpAddr) -> bool {
    address.is_multicast() || matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_protocols_stand_where_they_are_looked_for() {
        assert_eq!((PING.protocol().name(), DNS.protocol().name()), ("ping", "dns"));
        let end = |port| Endpoint::socket(IpAddr::from([10, 0, 0, 1]), port);
        for port in [dns::PORT, 40_000] {
            let first = PROTOCOLS.iter().find(|protocol| protocol.claims(end(dns::PORT), end(port)));
            let first = first.map(|protocol| protocol.name());
            assert_eq!(first, Some("dns"), "{port}");
        }
    }
}
