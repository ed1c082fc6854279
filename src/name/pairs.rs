//! What the two ends of a line are called.

use std::net::{IpAddr, Ipv4Addr};

use super::known::{Title, Who};
use super::pair_names::Basis;
use super::{Namer, Party};
use crate::address::MacAddr;
use crate::hostile::is_plain;
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

/// What both ends are called, in ASCII that prints: nobody has to look at the letters again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called<'a> {
    /// The client's name.
    pub client: &'a str,
    /// The server's.
    pub server: &'a str,
    /// The server is a container that publishes ports.
    pub publishes: bool,
}

/// Where it stands what both ends are called, until anybody is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Looked {
    client: NameAt,
    server: NameAt,
    publishes: bool,
}

/// Where a name stands, with the serials of whose it is.
#[derive(Clone, Copy, Debug)]
enum NameAt {
    /// All call the end so.
    Known(usize, u64),
    /// One end calls the other so.
    Pair(usize, (u64, u64)),
}

impl Namer {
    /// What both ends are called, where [`Namer::look_up`] found that it does not take more to tell.
    #[inline]
    pub fn called(&self, pair: &Pair) -> Option<Called<'_>> {
        let Pair { ends, place, at, asks } = *pair;
        let (client, server) = (ends.client.address, ends.server.address);
        let (one, other) = (self.known(client, place, at)?, self.known(server, place, at)?);
        let by_server = (asks == Asks::Either).then_some(other);
        let publishes = other.container.as_ref().is_some_and(|container| !container.published.is_empty());
        let (client, server) =
            (self.called_by(one, client, by_server, at)?, self.called_by(other, server, Some(one), at)?);
        Some(Called { client, server, publishes })
    }

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
        let find = |address| self.known.find_lent(address, place).filter(|&at| self.is_recalled(at));
        let (client, server) = match (find(ends.0), find(ends.1)) {
            (Some(client), Some(server)) => (client, server),
            _ => self.recall_both(ends, place)?,
        };
        let (one, other) = (self.known.at(client)?, self.known.at(server)?);
        if !one.holds(at) || !other.holds(at) {
            return None;
        }
        let by_server = (asks == Asks::Either).then_some(server);
        let publishes = other.container.as_ref().is_some_and(|container| !container.published.is_empty());
        let client_name = self.look_up_name(client, ends.0, by_server, at);
        let server_name = self.look_up_name(server, ends.1, Some(client), at);
        Some(Looked { client: client_name?, server: server_name?, publishes })
    }

    /// The same of a packet's of IPv4.
    #[inline]
    pub fn look_up_v4(&mut self, ends: (Ipv4Addr, Ipv4Addr), place: Place, at: Timestamp) -> Option<Looked> {
        let (sender, receiver) = (IpAddr::V4(ends.0), IpAddr::V4(ends.1));
        self.look_up_ends((&sender, &receiver), place, at, Asks::Either)
    }

    /// Where both ends stand, after they were looked up.
    #[inline(never)]
    fn recall_both(&mut self, (client, server): (&IpAddr, &IpAddr), place: Place) -> Option<(usize, usize)> {
        self.recall(*client, place);
        self.recall(*server, place);
        Some((self.known.find_lent(client, place)?, self.known.find_lent(server, place)?))
    }

    /// Whether what stands there is called as lookups have it.
    #[inline]
    fn is_recalled(&self, at: usize) -> bool {
        self.known.at(at).is_some_and(|who| self.learned.is_still(who.version))
    }

    /// Where it stands what the end that stands there is called by another.
    #[inline]
    fn look_up_name(&mut self, of: usize, address: &IpAddr, by: Option<usize>, at: Timestamp) -> Option<NameAt> {
        let known = self.known.at(of)?;
        if known.called.is_some() {
            return Some(NameAt::Known(of, known.serial));
        }
        let by_serial = by.and_then(|by| self.known.at(by)).map_or(0, |by| by.serial);
        let pair = (by_serial, known.serial);
        let is_still = |basis: Basis| {
            self.asked.is_still(basis.told) && basis.version.is_none_or(|version| self.learned.is_still(version))
        };
        let place = self.pair_names.find(pair, at, is_still);
        let place = match place {
            Some(place) => place,
            None => self.keep_name(of, *address, by, pair, at)?,
        };
        Some(NameAt::Pair(place, pair))
    }

    #[inline(never)]
    fn keep_name(
        &mut self,
        of: usize,
        address: IpAddr,
        by: Option<usize>,
        pair: (u64, u64),
        at: Timestamp,
    ) -> Option<usize> {
        let known = self.known.at(of)?;
        let by = by.and_then(|by| self.known.at(by));
        // Nobody has asked for nothing.
        let client = &by.unwrap_or(known).client;
        let (told, from) = (self.asked.told(client, address), self.asked.since(client, address));
        if at < from {
            return None;
        }
        let asked_as = self.asked_as(known, address, by, at);
        let basis = Basis { told, version: asked_as.is_none().then_some(known.version) };
        let name = self.known_name(known, address, by, asked_as);
        let name = is_plain(name).then(|| name.to_owned());
        Some(self.pair_names.put(pair, basis, from, name))
    }

    /// What both ends are called that were looked up, if that is of ASCII that prints.
    #[inline]
    pub fn called_as_looked(&self, looked: &Looked) -> Option<Called<'_>> {
        let Looked { client, server, publishes } = *looked;
        Some(Called { client: self.name_at(client)?, server: self.name_at(server)?, publishes })
    }

    #[inline]
    fn name_at(&self, at: NameAt) -> Option<&str> {
        match at {
            NameAt::Known(at, serial) => self.known.at(at).filter(|who| who.serial == serial)?.called.as_deref(),
            NameAt::Pair(place, pair) => self.pair_names.at(place, pair)?.name(),
        }
    }

    #[inline]
    fn called_by<'a>(&'a self, known: &'a Who, address: IpAddr, by: Option<&'a Who>, at: Timestamp) -> Option<&'a str> {
        if let Some(name) = known.called.as_deref().filter(|_| self.learned.is_still(known.version)) {
            return Some(name);
        }
        let name = self.known_name(known, address, by, self.asked_as(known, address, by, at));
        is_plain(name).then_some(name)
    }

    /// What an end is called by everybody, where that is of ASCII that prints.
    pub(super) fn called_by_all(&self, title: &Title, address: IpAddr) -> Option<String> {
        let name = match title {
            Title::Name(name) => name,
            Title::Address(text) => self.learned.by_all(address, text)?,
            Title::Alias | Title::Open => return None,
        };
        is_plain(name).then(|| name.to_owned())
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
