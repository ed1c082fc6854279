//! Requests and their replies, of every protocol alike.
//!
//! One table for each protocol, because within one all wait equally long: the order of age is the order of expiry. An
//! entry first waits; when its time is up that is said and it stays a while among the given up, so that a late reply is
//! still recognised instead of looking unasked.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::event::{Cast, Ends, Event, Exchange, IcmpError, Lookup, Missing, Nodes, Outcome, Place, Seen, Subject};
use super::table::{Slot, Table};
use super::{Clock, Counted, Counters, Macs, Sink, Way};
use crate::decode::dns::RecordType;
use crate::decode::message::{self, Endpoint, Message, PROTOCOLS, ProtocolId, Retry, Role};
use crate::time::Timestamp;

/// The list of requests that wait.
const WAITING: usize = 0;
/// The list of requests that were given up.
const GIVEN_UP: usize = 1;
/// A reply this long after its request was given up is still paired, in packet time.
const LATE_REPLIES: Duration = Duration::from_secs(60);
/// As many requests are looked through for a reply of whose id only some bits are known.
const NEWEST: usize = 256;
/// Stands for "whoever answers" in the key of a request to a group.
const ANYONE: Endpoint = Endpoint::host(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

/// Who asks whom, where, and what tells the request from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub way: Way,
    pub id: u64,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.way.key.hash(state);
        state.write_u64(self.id);
    }
}

/// A request that waits for its reply.
#[derive(Clone, Debug)]
struct Pending {
    ends: Ends,
    first: Seen,
    counted_from: Seen,
    tries: u32,
    cast: Option<Cast>,
    subject: Kept,
    /// The name of a lookup, uncompressed. The only bytes of a packet that are kept: the log must be able to say what was
    /// not answered.
    name: Vec<u8>,
}

impl Default for Pending {
    fn default() -> Self {
        let ends = Ends { client: ANYONE, server: ANYONE, client_mac: None, server_mac: None };
        let seen = Seen::default();
        Self { ends, first: seen, counted_from: seen, tries: 0, cast: None, subject: Kept::Nothing, name: Vec::new() }
    }
}

/// What is kept of a request's subject.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Nothing,
    Ping { id: u16, sequence: u16, data_len: usize, hop_limit: u8, fragmented: bool },
    Neighbour { address: IpAddr },
    Lookup { id: u16, kind: RecordType, over_tcp: bool },
}

/// A message with what the packet around it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried<'a> {
    pub message: &'a Message<'a>,
    /// From who asks to who is asked, and the id: see [`key`].
    pub key: Key,
    pub macs: Macs,
    pub seen: Seen,
    pub over_tcp: bool,
}

/// The requests of every protocol that wait for their replies.
#[derive(Debug)]
pub(super) struct Exchanges {
    tables: Vec<Table<Key, Pending, 2>>,
}

impl Exchanges {
    pub fn new(cap: usize) -> Self {
        Self { tables: PROTOCOLS.iter().map(|_| Table::new(cap)).collect() }
    }

    /// A request: remembers it.
    pub fn request(&mut self, carried: &Carried<'_>, counters: &mut Counters, sink: &mut dyn Sink) {
        let Carried { message, seen, .. } = *carried;
        let protocol = message.protocol;
        let Some(table) = self.tables.get_mut(usize::from(protocol.0)) else { return };
        let key = &carried.key;
        let hash = table.hash(key);
        match table.find_hashed(hash, key) {
            Some(slot) if table.list(slot) == WAITING => {
                let pending = table.get_mut(slot);
                pending.tries += 1;
                pending.cast = carried.cast();
                if protocol.protocol().retry() == Retry::CountsFromLatest {
                    pending.counted_from = seen;
                }
                table.move_to(slot, WAITING, seen.at);
                return;
            }
            Some(slot) => table.remove_hashed(hash, slot),
            None => {}
        }
        if table.is_full() {
            make_room(table, protocol, seen.at, counters, sink);
        }
        let slot = table.insert_hashed(hash, *key, WAITING, seen.at);
        let pending = table.get_mut(slot);
        (pending.ends, pending.first, pending.counted_from, pending.tries) = (carried.ends(), seen, seen, 1);
        pending.cast = carried.cast();
        pending.keep(&message.subject, carried.over_tcp);
    }

    /// A reply: says what it answers. False where its request was not seen.
    pub fn reply(&mut self, carried: &Carried<'_>, sink: &mut dyn Sink) -> bool {
        let outcome = if carried.message.failed { Outcome::Failed(None) } else { Outcome::Answered };
        let Some(table) = self.tables.get_mut(usize::from(carried.message.protocol.0)) else { return false };
        let exact = &carried.key;
        let hash = table.hash(exact);
        let slot = table.find_hashed(hash, exact).or_else(|| asked_otherwise(table, carried));
        let Some(slot) = slot else { return false };
        answered(carried, table.get(slot), outcome, table.list(slot) == GIVEN_UP, sink);
        if table.key(slot) == *exact {
            table.remove_hashed(hash, slot);
        } else {
            table.remove(slot);
        }
        true
    }

    /// An ICMP error quotes a request: it failed. False where it was not seen.
    pub fn fail(
        &mut self,
        place: Place,
        request: &Message<'_>,
        error: IcmpError,
        seen: Seen,
        sink: &mut dyn Sink,
    ) -> bool {
        let Some(table) = self.tables.get_mut(usize::from(request.protocol.0)) else { return false };
        let Some(slot) = table.find(&key(place, request)) else { return false };
        let late = table.list(slot) == GIVEN_UP;
        let outcome = Outcome::Failed(Some(error));
        let exchange = table.get(slot).exchange(request.protocol, place, outcome, seen.at);
        sink.event(Event::Exchange(Exchange { reply: Some(seen), late, ..exchange }));
        table.remove(slot);
        true
    }

    /// Gives up on what has waited too long.
    pub fn expire(&mut self, clock: Clock, sink: &mut dyn Sink) {
        for (protocol, table) in (0..).map(ProtocolId).zip(&mut self.tables) {
            let patience = protocol.protocol().patience();
            while let Some(slot) = table.expired(WAITING, |stamp| clock.is_over(stamp, patience)) {
                let due = clock.since(table.stamp(slot)) + patience;
                unanswered(table, slot, protocol, Missing::TimedOut, due, sink);
                table.move_to(slot, GIVEN_UP, due);
            }
            while let Some(slot) = table.expired(GIVEN_UP, |stamp| clock.is_over(stamp, LATE_REPLIES)) {
                table.remove(slot);
            }
        }
    }

    /// The capture ended at `now`: says what waits.
    pub fn finish(&mut self, now: Timestamp, sink: &mut dyn Sink) {
        for (protocol, table) in (0..).map(ProtocolId).zip(&mut self.tables) {
            while let Some(slot) = table.oldest(WAITING) {
                unanswered(table, slot, protocol, Missing::CaptureEnded, now, sink);
                table.remove(slot);
            }
        }
    }
}

impl Carried<'_> {
    /// Between whom it is, the client first, with their addresses on the link.
    #[inline]
    pub fn ends(&self) -> Ends {
        let (sender_mac, receiver_mac) = self.macs;
        let receiver_mac = receiver_mac.filter(|mac| !mac.is_group());
        let (client_mac, server_mac) = match self.message.role {
            Role::Reply => (receiver_mac, sender_mac),
            _ => (sender_mac, receiver_mac),
        };
        Ends { client: self.message.client, server: self.message.server, client_mac, server_mac }
    }

    #[inline]
    fn cast(&self) -> Option<Cast> {
        self.macs.1.map(Cast::of)
    }
}

/// What the answer will be known by: who asks, who is asked as far as the answer will name him, and the id.
#[inline]
pub(super) fn key(place: Place, message: &Message<'_>) -> Key {
    asked(place, message, if message.to_group { ANYONE } else { message.server })
}

/// Says what a reply answers.
#[inline]
fn answered(reply: &Carried<'_>, pending: &Pending, outcome: Outcome, late: bool, sink: &mut dyn Sink) {
    let protocol = reply.message.protocol;
    if sink.only_counts(matches!(reply.message.subject, message::Subject::Dns(_))) {
        let latency = Some(reply.seen.at - pending.counted_from.at);
        return sink.count(&Counted::Exchange { protocol, outcome, late, latency });
    }
    let Ends { server, server_mac, .. } = reply.ends();
    let ends = Ends { server, server_mac: server_mac.or(pending.ends.server_mac), ..pending.ends };
    let exchange = pending.exchange(protocol, reply.key.way.key.place(), outcome, reply.seen.at);
    let subject = pending.answered(&reply.message.subject);
    sink.event(Event::Exchange(Exchange { reply: Some(reply.seen), ends, late, subject, ..exchange }));
}

/// LLMNR and others are asked on one port and may answer from another socket; the client's port tells them apart.
#[inline]
fn asked(place: Place, message: &Message<'_>, server: Endpoint) -> Key {
    Key { way: Way::new(place, message.client, server), id: message.id }
}

/// The request of a reply that is not found by the reply's ends and id: it was to a group, or only some bits of the id
/// are known. Of the latter only the newest are looked at, for such a reply is seldom late, and nobody is to make us look
/// at all of them with each packet.
#[inline(never)]
fn asked_otherwise(table: &Table<Key, Pending, 2>, carried: &Carried<'_>) -> Option<Slot> {
    let (place, reply) = (carried.key.way.key.place(), carried.message);
    let [of_server, of_anyone] = [reply.server, ANYONE].map(|server| asked(place, reply, server));
    table.find(&of_anyone).or_else(|| {
        let mask = reply.id_mask;
        let answers = |slot: &Slot| {
            let Key { way, id } = table.key(*slot);
            [of_server.way, of_anyone.way].contains(&way) && id & mask == reply.id & mask
        };
        let newest = table.newest(WAITING).take(if mask == u64::MAX { 0 } else { NEWEST });
        newest.filter(answers).last()
    })
}

fn unanswered(
    table: &Table<Key, Pending, 2>,
    slot: Slot,
    protocol: ProtocolId,
    why: Missing,
    now: Timestamp,
    sink: &mut dyn Sink,
) {
    let (pending, place) = (table.get(slot), table.key(slot).way.key.place());
    sink.event(Event::Exchange(pending.exchange(protocol, place, Outcome::Unanswered(why), now)));
}

/// Takes the oldest request out of a full table: one that was given up if there is one.
fn make_room(
    table: &mut Table<Key, Pending, 2>,
    protocol: ProtocolId,
    now: Timestamp,
    counters: &mut Counters,
    sink: &mut dyn Sink,
) {
    if let Some(slot) = table.oldest(GIVEN_UP) {
        table.remove(slot);
    } else if let Some(slot) = table.oldest(WAITING) {
        counters.evicted_pending += 1;
        unanswered(table, slot, protocol, Missing::TableFull, now, sink);
        table.remove(slot);
    }
}

impl Pending {
    fn keep(&mut self, subject: &message::Subject<'_>, over_tcp: bool) {
        self.name.clear();
        self.subject = match *subject {
            message::Subject::Ping { echo, hop_limit, fragmented } => {
                Kept::Ping { id: echo.id, sequence: echo.sequence, data_len: echo.data_len, hop_limit, fragmented }
            }
            message::Subject::Neighbour { address, .. } => Kept::Neighbour { address },
            message::Subject::Dns(message) => {
                let kind = message.write_question(&mut self.name).unwrap_or(RecordType(0));
                Kept::Lookup { id: message.id(), kind, over_tcp }
            }
        };
    }

    #[inline]
    fn exchange(&self, protocol: ProtocolId, place: Place, outcome: Outcome, now: Timestamp) -> Exchange<'_> {
        Exchange {
            protocol,
            place,
            nodes: Nodes::default(),
            ends: self.ends,
            // What was never answered began with its first try.
            request: if matches!(outcome, Outcome::Unanswered(_)) { self.first } else { self.counted_from },
            reply: None,
            outcome,
            tries: self.tries,
            cast: self.cast,
            waited: now - self.first.at,
            late: false,
            subject: self.unanswered(),
            known_at: now,
        }
    }

    fn unanswered(&self) -> Subject<'_> {
        match self.subject {
            Kept::Ping { id, sequence, data_len, hop_limit, fragmented } => {
                Subject::Ping { id, sequence, data_len, hop_limit, fragmented }
            }
            Kept::Neighbour { address } => Subject::Neighbour { address, mac: None },
            Kept::Lookup { id, kind, over_tcp } => {
                Subject::Lookup(Lookup { id, name: Cow::Borrowed(&self.name), kind, response: None, over_tcp })
            }
            // Only an entry that was never filled; there is none in a list.
            Kept::Nothing => Subject::Neighbour { address: ANYONE.address, mac: None },
        }
    }

    fn answered<'a>(&'a self, reply: &message::Subject<'a>) -> Subject<'a> {
        match (self.unanswered(), *reply) {
            (Subject::Ping { id, sequence, data_len, fragmented, .. }, message::Subject::Ping { hop_limit, .. }) => {
                Subject::Ping { id, sequence, data_len, hop_limit, fragmented }
            }
            (Subject::Neighbour { address, .. }, message::Subject::Neighbour { mac, .. }) => {
                Subject::Neighbour { address, mac }
            }
            (Subject::Lookup(lookup), message::Subject::Dns(message)) => {
                Subject::Lookup(Lookup { response: Some(Cow::Borrowed(message.bytes())), ..lookup })
            }
            (request, _) => request,
        }
    }
}

/// A reply's subject as a notice shows it, where its request was not seen.
pub(super) fn unasked<'a>(subject: &message::Subject<'a>) -> Subject<'a> {
    match *subject {
        message::Subject::Ping { echo, hop_limit, fragmented } => {
            Subject::Ping { id: echo.id, sequence: echo.sequence, data_len: echo.data_len, hop_limit, fragmented }
        }
        message::Subject::Neighbour { address, mac } => Subject::Neighbour { address, mac },
        message::Subject::Dns(message) => Subject::Lookup(Lookup {
            id: message.id(),
            name: Cow::Borrowed(&[]),
            kind: message.question().map_or(RecordType(0), |question| question.kind),
            response: Some(Cow::Borrowed(message.bytes())),
            over_tcp: false,
        }),
    }
}
