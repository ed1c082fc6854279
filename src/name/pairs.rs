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
        let (client, server) = (ends.client.address, ends.server.address);
        let (one, other) = (self.known(client, place, at)?, self.known(server, place, at)?);
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
