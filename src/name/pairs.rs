//! What the two ends of a line are called.

use std::net::IpAddr;

use super::known::{Title, Who};
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

impl Namer {
    /// What both ends are called, where [`Namer::look_up`] found that it does not take more to tell.
    #[inline]
    pub fn called(&self, pair: &Pair) -> Option<Called<'_>> {
        let Pair { ends, place, at, asks } = *pair;
        self.called_at((ends.client.address, ends.server.address), place, at, asks)
    }

    /// What sender and receiver of a packet are called, where it does not take more to tell than looking them up.
    #[inline]
    pub fn call_both(&mut self, ends: (IpAddr, IpAddr), place: Place, at: Timestamp) -> Option<Called<'_>> {
        let find = |address| self.known.find(address, place).filter(|&at| self.is_recalled(at));
        let (one, other) = match (find(ends.0), find(ends.1)) {
            (Some(one), Some(other)) => (one, other),
            _ => {
                self.recall(ends.0, place);
                self.recall(ends.1, place);
                (self.known.find(ends.0, place)?, self.known.find(ends.1, place)?)
            }
        };
        let (one, other) = (self.known.at(one)?, self.known.at(other)?);
        if one.holds(at) && other.holds(at) { self.called_as(ends, (one, other), at, Asks::Either) } else { None }
    }

    /// Whether what stands there is called as lookups have it.
    #[inline]
    fn is_recalled(&self, at: usize) -> bool {
        self.known.at(at).is_some_and(|who| self.learned.is_still(who.version))
    }

    #[inline]
    fn called_at(
        &self,
        (client, server): (IpAddr, IpAddr),
        place: Place,
        at: Timestamp,
        asks: Asks,
    ) -> Option<Called<'_>> {
        let (one, other) = (self.known(client, place, at)?, self.known(server, place, at)?);
        self.called_as((client, server), (one, other), at, asks)
    }

    #[inline]
    fn called_as<'a>(
        &'a self,
        (client, server): (IpAddr, IpAddr),
        (one, other): (&'a Who, &'a Who),
        at: Timestamp,
        asks: Asks,
    ) -> Option<Called<'a>> {
        let by_server = (asks == Asks::Either).then_some(other);
        let publishes = other.container.as_ref().is_some_and(|container| !container.published.is_empty());
        let (client, server) =
            (self.called_by(one, client, by_server, at)?, self.called_by(other, server, Some(one), at)?);
        Some(Called { client, server, publishes })
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
