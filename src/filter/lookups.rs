//! The capture filter inside a container's namespace, where only its lookups are looked at.

use std::net::{IpAddr, Ipv4Addr};

use super::capture::CaptureFilter;
use crate::capture::{LinkType, Program};
use crate::decode::message::Endpoint;
use crate::docker::Container;
use crate::track::event::{Ends, Event, Subject};

/// What is looked at on the loopback interface of a container: a lookup of a name never crosses the bridge.
pub const LOOKUPS: &str = "host 127.0.0.11";

/// The filter for the loopback interface of `owner`; all its lookups where there is no other filter, or where it is not
/// yet known who the owner is.
pub fn lookups(filter: Option<&CaptureFilter>, owner: Option<&Container>) -> String {
    match (filter, owner) {
        (Some(filter), Some(owner)) => format!("{LOOKUPS} and ({})", filter.text(Some(owner))),
        _ => LOOKUPS.to_owned(),
    }
}

/// Whether a filter lets through what was seen before anybody knew whose namespace it was. The packets are gone, so it
/// is asked about packets between the same ends, either way.
pub fn admits_lookup(filter: &str, event: &Event<'_>) -> bool {
    let Ok(program) = Program::compile(filter, LinkType::ETHERNET) else { return true };
    let Some((ends, protocol)) = ends(event) else { return true };
    [(ends.client, ends.server), (ends.server, ends.client)].into_iter().any(|(from, to)| {
        let frame = frame(from, to, protocol);
        frame.is_some_and(|frame| program.matches(&frame, frame.len() as u32))
    })
}

/// Between whom, and over which IP protocol.
fn ends(event: &Event<'_>) -> Option<(Ends, u8)> {
    const ICMP: u8 = 1;
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    match event {
        Event::Exchange(exchange) => {
            let protocol = match &exchange.subject {
                Subject::Lookup(lookup) if lookup.over_tcp => TCP,
                Subject::Lookup(_) => UDP,
                _ => ICMP,
            };
            Some((exchange.ends, protocol))
        }
        Event::Connection(connection) => Some((connection.ends, TCP)),
        Event::Measured(measured) => Some((measured.ends, TCP)),
        Event::Datagrams(datagrams) => Some((datagrams.ends, UDP)),
        Event::Notice(notice) => Some((notice.ends, UDP)),
        Event::Packet(packet) => {
            let (client, server) = packet.ends?;
            let protocol = if packet.kind == "tcp" { TCP } else { UDP };
            Some((Ends { client, server, client_mac: None, server_mac: None }, protocol))
        }
    }
}

/// The headers of a packet over Ethernet, IPv4 and TCP or UDP; of those a filter asks no more than these fields.
fn frame(from: Endpoint, to: Endpoint, protocol: u8) -> Option<Vec<u8>> {
    let v4 = |address| match address {
        IpAddr::V4(v4) => Some(Ipv4Addr::octets(&v4)),
        IpAddr::V6(_) => None,
    };
    let mut frame = vec![0; 12];
    frame.extend([0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0]);
    frame.extend(v4(from.address)?);
    frame.extend(v4(to.address)?);
    frame.extend(from.port.unwrap_or_default().to_be_bytes());
    frame.extend(to.port.unwrap_or_default().to_be_bytes());
    frame.extend([0; 16]);
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::super::testing::directory;
    use super::*;
    use crate::time::Timestamp;
    use crate::track::event::{DatagramStage, Datagrams, Direction, Nodes, Place, Seen};

    fn admits(filter: &str, owner: &str) -> bool {
        let directory = directory();
        let mut capture = CaptureFilter::parse(filter).unwrap();
        capture.resolve(&directory, None).unwrap();
        let filter = lookups(Some(&capture), directory.container_by_name(owner).map(AsRef::as_ref));
        let client = Endpoint::socket("127.0.0.1".parse().unwrap(), 40_000);
        let server = Endpoint::socket("127.0.0.11".parse().unwrap(), 51_804);
        let lookup = Event::Datagrams(Datagrams {
            place: Place::default(),
            ends: Ends { client, server, client_mac: None, server_mac: None },
            stage: DatagramStage::Began,
            first: Seen::default(),
            last: Seen::default(),
            there: Direction::default(),
            back: Direction::default(),
            known_at: Timestamp::ZERO,
            nodes: Nodes::default(),
        });
        admits_lookup(&filter, &lookup)
    }

    #[test]
    fn a_lookup_belongs_to_who_makes_it() {
        for (filter, owner, expected) in [
            ("host container_a", "container_a", true),
            ("host container_a", "container_b", false),
            ("src host container_a", "container_a", true),
            ("net my_bridge", "container_a", true),
            ("net 172.18.0.0/16", "container_a", true),
            ("host 172.18.0.2", "container_a", true),
            ("host 172.18.0.2", "container_b", false),
            ("not host container_a", "container_a", false),
            ("not host container_a", "container_b", true),
            ("ether host container_a", "container_a", true),
            ("service web", "shop-web-1", true),
            ("host container_a and port 80", "container_a", false),
            ("host container_a and port 53", "container_a", true),
            ("host container_a and tcp port 53", "container_a", false),
            ("port 80 or 53", "container_b", true),
            ("udp port (80 or 53)", "container_b", true),
            ("not port 53", "container_b", false),
            ("portrange 1-100", "container_b", true),
            ("dst port domain", "container_b", true),
            ("ip6 host container_a", "container_a", false),
            ("host docker-dns", "container_b", true),
        ] {
            assert_eq!(admits(filter, owner), expected, "{filter} in {owner}");
        }
    }
}
