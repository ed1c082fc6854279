//! What the two ends of a line are called.

use std::net::{IpAddr, Ipv4Addr};

use super::known::Title;
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

/// A name of ASCII that prints: nobody has to look at its letters again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainName {
    text: String,
    /// The same, with whatever behind it; there where it is short enough.
    short: [u8; SHORT],
    is_short: bool,
    has_colon: bool,
}

/// The length of a short name, in bytes: nearly all are.
pub const SHORT: usize = 32;

impl PlainName {
    /// That name, if it is one.
    pub(super) fn new(name: &str) -> Option<Self> {
        let mut short = [0; SHORT];
        short.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
        let (is_short, has_colon) = (name.len() <= SHORT, name.contains(':'));
        is_plain(name).then(|| Self { text: name.to_owned(), short, is_short, has_colon })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A short name as the first of these bytes, and how many those are.
    #[inline]
    pub const fn short(&self) -> Option<(&[u8; SHORT], usize)> {
        if self.is_short { Some((&self.short, self.text.len())) } else { None }
    }

    /// Whether it is an IPv6 address, or looks like one.
    #[inline]
    pub const fn has_colon(&self) -> bool {
        self.has_colon
    }
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

/// The ends of lines that were looked up last, by the two of them.
#[derive(Debug, Default)]
pub(super) struct RecentPairs {
    /// Empty until the first is kept.
    pairs: Vec<Option<Recent>>,
    /// What had changed when it was asked last, and how often it was asked since that changed.
    changes: u64,
    asked: u32,
}

/// Two ends of IPv4, and what they are called.
#[derive(Clone, Copy, Debug)]
struct Recent {
    /// Both addresses, the sender's first, and where.
    key: (u64, Place),
    /// It is so while nothing has changed since.
    changes: u64,
    /// It is so at all times from this one on.
    from: Timestamp,
    looked: Looked,
}

impl RecentPairs {
    /// As many are kept; one more takes the place of another.
    const ROOM: usize = 256;
    /// Nothing is kept until this many lines had ends that were called as before: what is kept where lookups change names
    /// all the time is never found again.
    const QUIET: u32 = 64;

    /// Whether it is long since anything changed.
    #[inline]
    const fn is_quiet(&mut self, changes: u64) -> bool {
        if self.changes != changes {
            (self.changes, self.asked) = (changes, 0);
        }
        self.asked = self.asked.saturating_add(1);
        self.asked > Self::QUIET
    }

    #[inline]
    const fn place((ends, _): (u64, Place)) -> usize {
        (ends.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % Self::ROOM
    }

    #[inline]
    fn get(&self, key: (u64, Place), changes: u64, at: Timestamp) -> Option<Looked> {
        let recent = self.pairs.get(Self::place(key))?.as_ref()?;
        (recent.key == key && recent.changes == changes && recent.from <= at).then_some(recent.looked)
    }

    fn put(&mut self, recent: Recent) {
        if self.pairs.is_empty() {
            self.pairs.resize(Self::ROOM, None);
        }
        if let Some(place) = self.pairs.get_mut(Self::place(recent.key)) {
            *place = Some(recent);
        }
    }
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
        self.look_up_both(ends, place, at, asks).map(|(looked, _)| looked)
    }

    /// The same, with the time from which on they are who they are.
    #[inline]
    fn look_up_both(
        &mut self,
        ends: (&IpAddr, &IpAddr),
        place: Place,
        at: Timestamp,
        asks: Asks,
    ) -> Option<(Looked, Timestamp)> {
        let find = |address| self.known.find_lent(address, place).filter(|&at| self.is_recalled(at));
        let (client, server) = match (find(ends.0), find(ends.1)) {
            (Some(client), Some(server)) => (client, server),
            _ => self.recall_both(ends, place)?,
        };
        let (one, other) = (self.known.at(client)?, self.known.at(server)?);
        if !one.holds(at) || !other.holds(at) {
            return None;
        }
        let from = one.from.max(other.from);
        let by_server = (asks == Asks::Either).then_some(server);
        let publishes = other.container.as_ref().is_some_and(|container| !container.published.is_empty());
        let client_name = self.look_up_name(client, ends.0, by_server, at);
        let server_name = self.look_up_name(server, ends.1, Some(client), at);
        Some((Looked { client: client_name?, server: server_name?, publishes }, from))
    }

    /// The same of a packet's of IPv4, outside of tunnels.
    #[inline]
    pub fn look_up_v4(&mut self, ends: (Ipv4Addr, Ipv4Addr), place: Place, at: Timestamp) -> Option<Looked> {
        let key = (u64::from(ends.0.to_bits()) << 32 | u64::from(ends.1.to_bits()), place);
        let changes = self.changes();
        let is_quiet = self.recent.is_quiet(changes);
        if is_quiet && let Some(looked) = self.recent.get(key, changes, at) {
            return Some(looked);
        }
        let (sender, receiver) = (IpAddr::V4(ends.0), IpAddr::V4(ends.1));
        let (looked, from) = self.look_up_both((&sender, &receiver), place, at, Asks::Either)?;
        if is_quiet {
            let from = from.max(self.holds_from(looked.client)?).max(self.holds_from(looked.server)?);
            self.recent.put(Recent { key, changes: self.changes(), from, looked });
        }
        Some(looked)
    }

    /// How often anything has changed that ends are called by.
    #[inline]
    const fn changes(&self) -> u64 {
        let Self { known, learned, asked, pair_names, .. } = self;
        known.changes().wrapping_add(learned.changes()).wrapping_add(asked.changes()).wrapping_add(pair_names.changes())
    }

    /// The time from which on one end calls another so, unless anything changes.
    fn holds_from(&self, name: NameAt) -> Option<Timestamp> {
        match name {
            NameAt::Known(..) => Some(Timestamp::ZERO),
            NameAt::Pair(place, pair) => Some(self.pair_names.at(place, pair)?.from()),
        }
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
        let name = PlainName::new(self.known_name(known, address, by, asked_as));
        Some(self.pair_names.put(pair, basis, from, name))
    }

    /// What both ends are called that were looked up, if that is of ASCII that prints.
    #[inline]
    pub fn called_as_looked(&self, looked: &Looked) -> Option<Called<'_>> {
        let Looked { client, server, publishes } = *looked;
        Some(Called { client: self.name_at(client)?, server: self.name_at(server)?, publishes })
    }

    #[inline]
    fn name_at(&self, at: NameAt) -> Option<&PlainName> {
        match at {
            NameAt::Known(at, serial) => self.known.at(at).filter(|who| who.serial == serial)?.called.as_ref(),
            NameAt::Pair(place, pair) => self.pair_names.at(place, pair)?.name(),
        }
    }

    /// What an end is called by everybody, where that is of ASCII that prints.
    pub(super) fn called_by_all(&self, title: &Title, address: IpAddr) -> Option<PlainName> {
        let name = match title {
            Title::Name(name) => name,
            Title::Address(text) => self.learned.by_all(address, text)?,
            Title::Alias | Title::Open => return None,
        };
        PlainName::new(name)
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
