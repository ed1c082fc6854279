//! Which events of different taps are copies of one: by what does not change on the way.

use std::hash::{BuildHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ahash::RandomState;

use super::Hop;
use crate::capture::file::MAX_TAPS;
use crate::decode::message::Endpoint;
use crate::time::Timestamp;
use crate::track::event::{
    Connection, DatagramStage, Datagrams, Event, Exchange, Notice, Outcome, Place, Seen, Side, Stage, Subject,
};
use crate::track::measured::{Measure, Measured};

/// The longest that one packet takes from the first tap to the last on one host. It is mostly microseconds; a busy
/// machine may lie in between.
pub(super) const WINDOW: Duration = Duration::from_millis(10);

/// Equal in all copies of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Where it must be the same: a loopback address means another host in each place, a capture file is a world of
    /// its own.
    world: World,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum World {
    Source(u32),
    Place(Place),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct What {
    kind: Kind,
    client: Endpoint,
    server: Endpoint,
    id: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Exchange(u8),
    Opened,
    Ended,
    Began,
    Idle,
    Notice,
    Packet,
    Measured(Measure),
}

const ANYONE: Endpoint = Endpoint::host(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

/// The key of an event; `ends` are those that it had before they were translated.
pub(super) fn key(event: &Event<'_>, ends: (Endpoint, Endpoint), hasher: &RandomState) -> Key {
    let place = event.place();
    let world = if ends.0.address.is_loopback() { World::Place(place) } else { World::Source(source(place)) };
    Key { world, what: what(event, ends, hasher) }
}

/// Which source a place is of: all live taps are of one, and each capture file is one.
pub(super) const fn source(place: Place) -> u32 {
    place.tap.0 / MAX_TAPS
}

fn what(event: &Event<'_>, ends: (Endpoint, Endpoint), hasher: &RandomState) -> What {
    let (client, server) = ends;
    match event {
        Event::Exchange(exchange) => exchange_key(exchange, ends, hasher),
        Event::Connection(connection) => {
            let kind = if connection.stage == Stage::Opened { Kind::Opened } else { Kind::Ended };
            match connection.sequence {
                // The initial sequence number is drawn by lot (RFC 9293, 3.4.1), and NAT does not change it.
                Some(sequence) => What { kind, client: ANYONE, server: ANYONE, id: u64::from(sequence) },
                None => What { kind, client, server, id: 0 },
            }
        }
        Event::Datagrams(datagrams) => {
            let began = datagrams.stage == DatagramStage::Began;
            What { kind: if began { Kind::Began } else { Kind::Idle }, client, server, id: 0 }
        }
        Event::Notice(notice) => {
            // Addresses and all else that is said, as it is printed: a rare event.
            What { kind: Kind::Notice, client, server, id: hasher.hash_one(format!("{:?}", notice.what)) }
        }
        // No hop changes sequence numbers.
        Event::Measured(Measured { measure, waited_for, mark, initial, .. }) => {
            let (client, server) = if initial.is_some() { (ANYONE, ANYONE) } else { ends };
            let id = hasher.hash_one((initial, mark, *waited_for == Side::Client));
            What { kind: Kind::Measured(*measure), client, server, id }
        }
        Event::Packet(packet) => {
            What { kind: Kind::Packet, client, server, id: hasher.hash_one((packet.kind, &*packet.words)) }
        }
    }
}

fn exchange_key(exchange: &Exchange<'_>, (client, server): (Endpoint, Endpoint), hasher: &RandomState) -> What {
    let kind = Kind::Exchange(exchange.protocol.0);
    match &exchange.subject {
        Subject::Ping { id, sequence, data_len, .. } => {
            let id = u64::from(*id) << 48 | u64::from(*sequence) << 32 | *data_len as u64 & 0xffff_ffff;
            What { kind, client, server, id }
        }
        // Everybody hears the question, and only some the answer: who answers is no part of it.
        Subject::Neighbour { address, .. } => What { kind, client, server: ANYONE, id: hasher.hash_one(address) },
        Subject::Lookup(lookup) => {
            let id = hasher.hash_one((lookup.id, question(lookup, hasher)));
            // A group is asked, and one of it answers.
            let server = if exchange.protocol.protocol().name() == "dns" { server } else { ANYONE };
            What { kind, client, server, id }
        }
    }
}

/// Equal for the same name and type, whoever asks. Names are compared without case (RFC 4343).
pub(super) fn question(lookup: &crate::track::event::Lookup<'_>, hasher: &RandomState) -> u64 {
    let mut hash = hasher.build_hasher();
    lookup.kind.0.hash(&mut hash);
    for byte in &*lookup.name {
        byte.to_ascii_lowercase().hash(&mut hash);
    }
    hash.finish()
}

/// The moment by which copies are told from another event of the same key.
pub(super) fn moment(event: &Event<'_>) -> Option<Timestamp> {
    match event {
        Event::Exchange(exchange) => Some(exchange.request.at),
        // A connection that was open before is seen first whenever its next packet comes by.
        Event::Connection(connection) if connection.before_capture => None,
        Event::Connection(connection) => Some(connection.first.at),
        Event::Datagrams(datagrams) => Some(datagrams.first.at),
        Event::Notice(notice) => Some(notice.seen.at),
        Event::Packet(packet) => Some(packet.seen.at),
        Event::Measured(measured) => Some(measured.from.at),
    }
}

/// The ends of an event, client first.
pub(super) fn ends(event: &Event<'_>) -> (Endpoint, Endpoint) {
    match event {
        Event::Exchange(Exchange { ends, .. })
        | Event::Connection(Connection { ends, .. })
        | Event::Datagrams(Datagrams { ends, .. })
        | Event::Measured(Measured { ends, .. })
        | Event::Notice(Notice { ends, .. }) => (ends.client, ends.server),
        Event::Packet(packet) => packet.ends.unwrap_or((ANYONE, ANYONE)),
    }
}

/// Puts other ends to an event.
pub(super) fn set_ends(event: &mut Event<'_>, client: Endpoint, server: Endpoint) {
    match event {
        Event::Exchange(Exchange { ends, .. })
        | Event::Connection(Connection { ends, .. })
        | Event::Datagrams(Datagrams { ends, .. })
        | Event::Measured(Measured { ends, .. })
        | Event::Notice(Notice { ends, .. }) => {
            // The MAC address is that of the next hop, not of whoever sent it first.
            if ends.client != client {
                (ends.client, ends.client_mac) = (client, None);
            }
            if ends.server != server {
                (ends.server, ends.server_mac) = (server, None);
            }
        }
        Event::Packet(packet) => packet.ends = Some((client, server)),
    }
}

/// An event as a hop.
pub(super) fn hop(event: &Event<'_>) -> Hop {
    let (client, server) = ends(event);
    let (began, ended) = match event {
        Event::Exchange(exchange) => (exchange.request, exchange.reply),
        Event::Connection(connection) => connection_span(connection),
        Event::Datagrams(datagrams) => (datagrams.first, Some(datagrams.last).filter(|last| *last != datagrams.first)),
        Event::Notice(notice) => (notice.seen, None),
        Event::Packet(packet) => (packet.seen, None),
        Event::Measured(measured) => (measured.from, measured.to),
    };
    Hop { place: event.place(), client, server, began, ended }
}

fn connection_span(connection: &Connection) -> (Seen, Option<Seen>) {
    match connection.stage {
        Stage::Opened => (connection.handshake.syn.unwrap_or(connection.first), connection.handshake.ack),
        _ => (connection.first, Some(connection.last)),
    }
}

/// How much an event says, for choosing among copies: an answer more than its absence.
pub(super) fn weight(event: &Event<'_>) -> u8 {
    match event {
        Event::Exchange(Exchange { outcome: Outcome::Unanswered(_), .. })
        | Event::Connection(Connection { stage: Stage::Unanswered(_) | Stage::StillOpen(_), .. }) => 0,
        Event::Connection(Connection { stage: Stage::HalfOpen(_), .. }) => 1,
        Event::Measured(Measured { to: None, .. }) => 0,
        _ => 2,
    }
}
