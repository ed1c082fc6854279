//! Lookups as exchanges: DNS over UDP and TCP, multicast DNS, LLMNR.

use std::time::Duration;

use super::dns::{HEADER_LEN, LLMNR_PORT, MDNS_PORT, Message, PORT, Rcode, RecordType};
use super::message::{self, Endpoint, Framed, Protocol, ProtocolId, Retry, Role, Subject};
use super::{Ip, Network, Packet, Transport};

/// The port of the name service of `NetBIOS` (RFC 1002, 4.2), whose messages have the form of DNS.
const NETBIOS_PORT: u16 = 137;

/// The id and the first question in one number: two lookups from one socket may have drawn the same id. With whether there
/// is a question.
#[inline]
fn correlation(message: &Message<'_>) -> (u64, bool) {
    let (hash, asks) = match message.plain_question() {
        Some((name, kind)) => (hash(name, kind), true),
        None => unusual(message),
    };
    (hash & !0xffff | u64::from(message.id()), asks)
}

/// The same of a question that is missing, cut or compressed.
#[inline(never)]
fn unusual(message: &Message<'_>) -> (u64, bool) {
    let Some(question) = message.question() else { return (0, false) };
    let mut name = Vec::new();
    question.name.write_wire(&mut name);
    (hash(&name, question.kind), true)
}

/// A name on the wire, not compressed, and what is asked of it: as FNV-1a, but by eight bytes. An attacker who makes it
/// collide only confuses lookups of his own socket and id.
#[inline]
fn hash(name: &[u8], kind: RecordType) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325 ^ u64::from(kind.0) ^ (name.len() as u64) << 16;
    let mut mix = |bytes| {
        hash = (hash ^ folded(bytes)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 32;
    };
    let (eights, rest) = name.as_chunks::<8>();
    for &eight in eights {
        mix(eight);
    }
    match name.last_chunk::<8>() {
        // Some of it once more: what is left by itself would be put together byte for byte.
        Some(&last) => mix(last),
        None => {
            let mut last = [0; 8];
            last.iter_mut().zip(rest).for_each(|(byte, rest)| *byte = *rest);
            mix(last);
        }
    }
    hash
}

/// Bytes with letters of both cases alike (RFC 4343), and with them some others that names have seldom.
const fn folded(bytes: [u8; 8]) -> u64 {
    u64::from_le_bytes(bytes) | 0x2020_2020_2020_2020
}

/// A message of DNS or a protocol like it.
#[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
#[inline(always)]
pub(super) fn exchange(
    protocol: ProtocolId,
    bytes: &[u8],
    from: Endpoint,
    to: Endpoint,
) -> Option<message::Message<'_>> {
    let message = Message::new(bytes)?;
    let (reply, (id, asks)) = (message.is_response(), correlation(&message));
    Some(message::Message {
        protocol,
        role: if reply { Role::Reply } else { Role::Request },
        client: if reply { to } else { from },
        server: if reply { from } else { to },
        to_group: !reply && to.address.is_multicast(),
        failed: reply && message.rcode() != Rcode::NOERROR,
        id,
        // Servers that could not read the question, and captures that are cut, do not have it.
        id_mask: if reply && !asks { 0xffff } else { u64::MAX },
        subject: Subject::Dns(message),
    })
}

fn read_udp<'a>(protocol: ProtocolId, packet: &Packet<'a>) -> Option<message::Message<'a>> {
    let Network::Ip(ip @ Ip { transport: Transport::Udp(udp), .. }) = packet.network else { return None };
    let (from, to) = message::ends(&ip);
    exchange(protocol, udp.payload, from, to)
}

fn either_port(source: Endpoint, destination: Endpoint, port: u16) -> bool {
    source.port == Some(port) || destination.port == Some(port)
}

/// DNS to a server, over UDP and TCP.
#[derive(Debug)]
pub struct Dns;

impl Protocol for Dns {
    fn name(&self) -> &'static str {
        "dns"
    }
    fn noun(&self) -> &'static str {
        "lookup"
    }
    /// After five seconds resolv.conf(5)'s resolver asks again.
    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }
    fn retry(&self) -> Retry {
        Retry::CountsFromFirst
    }
    fn claims(&self, source: Endpoint, destination: Endpoint) -> bool {
        either_port(source, destination, PORT)
    }
    /// Name servers in containers often have another port.
    fn recognises(&self, source: Endpoint, destination: Endpoint, payload: &[u8]) -> bool {
        !either_port(source, destination, NETBIOS_PORT)
            && Message::new(payload).is_some_and(|message| message.is_exact())
    }
    fn read<'a>(&self, protocol: ProtocolId, packet: &Packet<'a>) -> Option<message::Message<'a>> {
        read_udp(protocol, packet)
    }
    /// Two bytes of length go before each message (RFC 1035, 4.2.2).
    fn read_stream<'a>(&self, protocol: ProtocolId, bytes: &'a [u8], from: Endpoint, to: Endpoint) -> Framed<'a> {
        let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return Framed::Partial };
        let length = usize::from(u16::from_be_bytes(*length));
        match rest.get(..length) {
            None => Framed::Partial,
            Some(bytes) => match exchange(protocol, bytes, from, to) {
                Some(message) => Framed::Message(message, 2 + length),
                None if length < HEADER_LEN => Framed::Foreign,
                None => Framed::Skip(2 + length),
            },
        }
    }
}

/// Multicast DNS (RFC 6762): questions that anyone may answer or not, and answers that nobody asked for.
#[derive(Debug)]
pub struct Mdns;

impl Protocol for Mdns {
    fn name(&self) -> &'static str {
        "mdns"
    }
    fn noun(&self) -> &'static str {
        "mDNS lookup"
    }
    fn patience(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn retry(&self) -> Retry {
        Retry::CountsFromLatest
    }
    fn claims(&self, source: Endpoint, destination: Endpoint) -> bool {
        either_port(source, destination, MDNS_PORT)
    }
    /// Answers repeat no question and no id (RFC 6762, 18.1), so each message stands for itself.
    fn read<'a>(&self, protocol: ProtocolId, packet: &Packet<'a>) -> Option<message::Message<'a>> {
        let message = read_udp(protocol, packet)?;
        let (client, server) = match message.role {
            Role::Reply => (message.server, message.client),
            _ => (message.client, message.server),
        };
        Some(message::Message { role: Role::Notice, client, server, ..message })
    }
}

/// Link-local multicast name resolution (RFC 4795): asked of a group, answered by one.
#[derive(Debug)]
pub struct Llmnr;

impl Protocol for Llmnr {
    fn name(&self) -> &'static str {
        "llmnr"
    }
    fn noun(&self) -> &'static str {
        "LLMNR lookup"
    }
    fn patience(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn retry(&self) -> Retry {
        Retry::CountsFromFirst
    }
    fn claims(&self, source: Endpoint, destination: Endpoint) -> bool {
        either_port(source, destination, LLMNR_PORT)
    }
    fn read<'a>(&self, protocol: ProtocolId, packet: &Packet<'a>) -> Option<message::Message<'a>> {
        read_udp(protocol, packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn what_is_asked_for_tells_lookups_apart_and_its_spelling_does_not() {
        let id = |labels: &[&str], kind: u8| {
            let name: Vec<u8> =
                labels.iter().flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
            let bytes = [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &name, &[0, 0, kind, 0, 1]].concat();
            let id = correlation(&Message::new(&bytes).unwrap());
            assert!(id.1);
            // A pointer behind the labels, to a root in the header.
            let pointed = [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &name, &[0xc0, 0, 0, kind, 0, 1]].concat();
            assert_eq!(correlation(&Message::new(&pointed).unwrap()), id, "however it is written");
            id.0
        };
        assert_eq!(id(&["auth", "internal"], 1), id(&["AUTH", "Internal"], 1));
        let asked: [(&[&str], u8); 8] = [
            (&["auth", "internal"], 1),
            (&["auth", "internal"], 28),
            (&["internal", "auth"], 1),
            (&["authinternal"], 1),
            (&["auth"], 1),
            (&["authinte", "rnal"], 1),
            (&["auth1"], 1),
            (&[], 1),
        ];
        let ids: std::collections::HashSet<_> = asked.iter().map(|(labels, kind)| id(labels, *kind)).collect();
        assert_eq!(ids.len(), asked.len());
        assert!(ids.iter().all(|id| id & 0xffff == 7));
    }

    #[test]
    fn another_port_takes_a_message_beyond_doubt_and_netbios_is_none() {
        let end = |port| Endpoint::socket(Ipv4Addr::new(10, 0, 0, 1).into(), port);
        let question = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, b'd', b'b', 0, 0, 33, 0, 1];
        assert!(Dns.recognises(end(40_000), end(8600), &question));
        assert!(!Dns.recognises(end(40_000), end(8600), &question[..19]));
        assert!(!Dns.recognises(end(137), end(137), &question), "a node status request has the type of SRV");
    }
}
