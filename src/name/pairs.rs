//! What the two ends of a line are called.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use super::Namer;
use super::changes::Version;
use super::known::{Title, Who};
use super::named_pairs::{Basis, EndName, Key, Looked};
use super::plain_name::PlainName;
use crate::address::MacAddr;
use crate::time::Timestamp;
use crate::track::event::{Connection, Datagrams, Ends, Event, Exchange, Notice, PacketLine, Place};
use crate::track::measured::Measured;

/// The ends of a line, and where and when they are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// Of a packet the sender is the client.
    pub ends: Ends,
    /// Where.
    pub place: Place,
    /// When.
    pub at: Timestamp,
    /// Who may have asked for the other's name.
    pub asks: Asks,
}

/// Who may have asked for the other's name before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// The client for the server's.
    Client,
    /// Which of both is not known.
    Either,
}

impl Pair {
    /// The ends of an event; `None` of a packet without addresses above the link.
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let (ends, place, at) = match event {
            Event::Exchange(Exchange { ends, place, request, .. }) => (*ends, *place, request.at),
            Event::Connection(Connection { ends, place, first, .. })
            | Event::Datagrams(Datagrams { ends, place, first, .. }) => (*ends, *place, first.at),
            Event::Notice(Notice { ends, place, seen, .. }) => (*ends, *place, seen.at),
            Event::Measured(Measured { ends, place, from, .. }) => (*ends, *place, from.at),
            Event::Packet(PacketLine { ends, macs, place, seen, .. }) => {
                let ((client, server), server_mac) = ((*ends)?, macs.1.filter(|mac: &MacAddr| !mac.is_group()));
                let ends = Ends { client, server, client_mac: macs.0, server_mac };
                return Some(Self { ends, place: *place, at: seen.at, asks: Asks::Either });
            }
        };
        Some(Self { ends, place, at, asks: Asks::Client })
    }
}

/// One end of an event, as people call it.
#[derive(Clone, Debug)]
pub struct Party<'a> {
    /// The name, or the address where there is none. As hostile as any bytes of the wire.
    pub name: Cow<'a, str>,
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: Option<u16>,
    /// The address on the link.
    pub mac: Option<MacAddr>,
    /// The name of the network that the address belongs to.
    pub network: Option<&'a str>,
    /// The id of the container.
    pub container_id: Option<&'a str>,
    /// Its compose project and service.
    pub compose: Option<(&'a str, &'a str)>,
    /// The name that the other end had asked for when it was given this address.
    pub asked_as: Option<&'a str>,
}

/// What both ends are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called<'a> {
    /// The client's name.
    pub client: &'a PlainName,
    /// The server's.
    pub server: &'a PlainName,
    /// The server is a container that publishes ports.
    pub publishes: bool,
}

impl Namer {
    /// Looks up two ends, so that they are named at once; how, where it does not take more to tell. Of a packet's, the
    /// sender is the client.
    #[inline]
    pub fn look_up_ends(
        &mut self,
        ends: (&IpAddr, &IpAddr),
        place: Place,
        at: Timestamp,
        asks: Asks,
    ) -> Option<Looked> {
        match ends {
            (&IpAddr::V4(client), &IpAddr::V4(server)) => self.look_up_v4((client, server), place, at, asks),
            (&client, &server) => self.look_up_both((client, server), place, at, asks, None),
        }
    }

    /// The same of IPv4.
    #[inline]
    pub fn look_up_v4(
        &mut self,
        (client, server): (Ipv4Addr, Ipv4Addr),
        place: Place,
        at: Timestamp,
        asks: Asks,
    ) -> Option<Looked> {
        let is_plain = place.vni.is_none() && place.if_index == 0;
        let key = is_plain.then(|| Key::addresses((client, server), place.tap, asks));
        if let Some(looked) = key.and_then(|key| self.find_pair(key, at)) {
            return Some(looked);
        }
        self.look_up_both((client.into(), server.into()), place, at, asks, key)
    }

    /// What two ends were called that may have been looked up before.
    #[inline]
    fn find_pair(&self, key: Key, at: Timestamp) -> Option<Looked> {
        self.named_pairs.find(key, at, self.known.generation(), (self.asked.changes(), self.learned.changes()))
    }

    /// Looks up two ends of which not all is known; `key` is that of their addresses, where they have one.
    #[inline(never)]
    fn look_up_both(
        &mut self,
        ends: (IpAddr, IpAddr),
        place: Place,
        at: Timestamp,
        asks: Asks,
        key: Option<Key>,
    ) -> Option<Looked> {
        self.recall(ends.0, place);
        self.recall(ends.1, place);
        let (client, server) = (self.known.get(ends.0, place)?, self.known.get(ends.1, place)?);
        if !client.holds(at) || !server.holds(at) {
            return None;
        }
        let key = match key {
            Some(key) => key,
            None => {
                let key = Key::serials(client.serial, server.serial, asks)?;
                if let Some(looked) = self.find_pair(key, at) {
                    return Some(looked);
                }
                key
            }
        };
        let generation = self.known.generation();
        let rest = self.named_pairs.rest(key, at, generation, (self.asked.changes(), self.learned.changes()));
        let (first, second) = key.turn(((client, ends.0), (server, ends.1)));
        // Where only one of them asks, that is the first.
        let by_second = (asks == Asks::Either).then_some(second.0);
        let names = (
            rest.0.or_else(|| self.end_name(first.0, first.1, by_second, at))?,
            rest.1.or_else(|| self.end_name(second.0, second.1, Some(first.0), at))?,
        );
        let publish = (first.0.publishes(), second.0.publishes());
        Some(self.named_pairs.put(key, generation, names, publish))
    }

    /// What an end is called by another, where there is one that may have asked; `None` where it was called otherwise since
    /// then.
    fn end_name(&self, known: &Who, address: IpAddr, by: Option<&Who>, at: Timestamp) -> Option<EndName> {
        let follows = matches!(known.title, Title::Address(_));
        let learned = if follows { known.version } else { Version::FIXED };
        let called = |from, asked| EndName { name: known.called.clone(), from, basis: Basis { asked, learned } };
        if known.is_by_all || (by.is_none() && follows) {
            return Some(called(known.from, Version::FIXED));
        }
        let Some(by) = by else {
            let name = PlainName::new(self.known_name(known, address, None, None));
            return Some(EndName { name, from: known.from, basis: Basis { asked: Version::FIXED, learned } });
        };
        let holder = known.container.as_ref().map(|container| &container.id);
        let (asked_as, since, asked) = self.asked.now(&by.client, address, holder);
        if at < since {
            return None;
        }
        let from = since.max(known.from);
        match asked_as {
            None if follows => Some(called(from, asked)),
            _ => {
                let name = PlainName::new(self.known_name(known, address, Some(by), asked_as));
                Some(EndName { name, from, basis: Basis { asked, learned: Version::FIXED } })
            }
        }
    }

    /// What both ends are called that were looked up, if that is of ASCII that prints.
    #[inline]
    pub fn called_as_looked(&self, looked: &Looked) -> Option<Called<'_>> {
        self.named_pairs.get(looked)
    }

    /// What an end is called by those who have not asked for it, if that is known and of ASCII that prints; whether
    /// everybody calls it so.
    pub(super) fn called(&self, title: &Title, address: IpAddr) -> (Option<PlainName>, bool) {
        match title {
            Title::Name(name) => (PlainName::new(name), true),
            Title::Address(text) => {
                let (name, is_only) = self.learned.plain(address).unwrap_or_else(|| (PlainName::new(text), true));
                // What was forgotten may have been another name.
                (name, is_only && self.learned.forgotten() == 0)
            }
            Title::Alias | Title::Open => (None, false),
        }
    }

    /// What both ends are called.
    pub fn pair(&self, pair: &Pair) -> (Party<'_>, Party<'_>) {
        let Pair { ends, place, at, asks } = pair;
        match asks {
            Asks::Client => self.parties(ends, *place, *at),
            Asks::Either => self.packet_parties(ends, *place, *at),
        }
    }
}
