//! What stands on the arrows. A request and its answer are two; whose they are, the arrow says.

use std::fmt::Write;

use super::super::line::Port;
use super::super::units::Count;
use super::super::words::{self, Words};
use super::wrap::TIED;
use crate::decode::message::Endpoint;
use crate::join::Told;
use crate::name::Namer;
use crate::track::event::{Connection, Datagrams, Exchange, IcmpError, Missing, Notice, Subject, What};

/// Writes the phrases of one event. Writing to a String cannot fail.
pub(super) struct Phrases<'a> {
    pub told: &'a Told<'a>,
    pub namer: &'a Namer,
    pub short: bool,
    pub published: &'a Port,
    /// Each hop has an arrow of its own.
    pub with_hops: bool,
}

impl Phrases<'_> {
    fn written(&self, short: bool, write: impl FnOnce(&mut Words<'_>) -> std::fmt::Result) -> String {
        let mut out = String::new();
        let _ = write(&mut Words { namer: self.namer, short, place: self.told.event.place(), out: &mut out });
        out
    }

    /// What is asked: `A db?`, `who has 172.18.0.2?`, `seq 0`.
    pub fn request(&self, exchange: &Exchange<'_>) -> String {
        match &exchange.subject {
            Subject::Ping { sequence, .. } => format!("seq {sequence}"),
            Subject::Neighbour { address, .. } => format!("who has {address}?"),
            Subject::Lookup(lookup) if lookup.name.is_empty() => self.written(false, |words| words.question(lookup)),
            Subject::Lookup(lookup) => self.written(false, |words| words.question(lookup)) + "?",
        }
    }

    /// What is answered: `172.20.0.2 (redis-server)`, `is at 02:42:ac:12:00:02`, `reply`.
    pub fn answer(&self, exchange: &Exchange<'_>) -> String {
        let mut answer = match &exchange.subject {
            Subject::Ping { .. } => "reply".to_owned(),
            Subject::Neighbour { mac: Some(mac), .. } => format!("is at {mac}"),
            Subject::Neighbour { mac: None, .. } => "is here".to_owned(),
            subject @ Subject::Lookup(_) => self.written(false, |words| {
                words.answer(subject)?;
                words.leads_to(exchange)
            }),
        };
        if let Some(upstream) = self.told.upstream.filter(|_| !self.with_hops) {
            let party = self.namer.party(Endpoint::host(upstream), None, exchange.place, exchange.request.at);
            let _ = write!(answer, ", from {}", party.name);
        }
        if exchange.tries > 1 {
            let _ = write!(answer, " (try{TIED}{})", exchange.tries);
        }
        answer
    }

    /// Request and answer with details: `seq 0, 56 bytes` and `reply, ttl 64`.
    pub fn details(&self, exchange: &Exchange<'_>) -> Option<(String, String)> {
        let Subject::Ping { data_len, hop_limit, fragmented, .. } = &exchange.subject else { return None };
        let how = if *fragmented { " in fragments" } else { "" };
        let request = format!("{}, {data_len} bytes{how}", self.request(exchange));
        Some((request, format!("{}, ttl {hop_limit}", self.answer(exchange))))
    }

    /// The answer to a request that stands further up.
    pub fn late(&self, exchange: &Exchange<'_>) -> String {
        format!("{} {}, late", followed(&self.request(exchange)), self.answer(exchange))
    }

    /// A request, and that nobody answered it.
    pub fn unanswered(&self, exchange: &Exchange<'_>, why: Missing) -> String {
        let none = |words: &mut Words<'_>| words.no_answer(why, "--max-pending", exchange.tries, exchange.waited);
        format!("{} {}", followed(&self.request(exchange)), self.written(false, none))
    }

    /// What an ICMP error says, but not who says it.
    pub fn reason(&self, error: &IcmpError) -> String {
        self.written(false, |words| words.icmp_reason(error))
    }

    /// `SYN`, and to which published port.
    pub fn syn(&self, connection: &Connection) -> String {
        self.via(tried("SYN", connection))
    }

    /// `open`, and through which published port.
    pub fn open(&self, connection: &Connection) -> String {
        self.via(tried("open", connection))
    }

    fn via(&self, mut words: String) -> String {
        let mut port = String::new();
        let _ = words::port(self.published, false, &mut port);
        if let Some(port) = port.strip_prefix(' ') {
            words.push(' ');
            words.push_str(&port.replace(' ', &TIED.to_string()));
        }
        words
    }

    /// A SYN that nobody answered.
    pub fn unanswered_syn(&self, connection: &Connection, why: Missing) -> String {
        let waited = connection.known_at - connection.first.at;
        let tries = connection.handshake.tries;
        let none = self.written(false, |words| words.no_answer(why, "--max-flows", tries, waited));
        format!("{}: {none}", self.via("SYN".to_owned()))
    }

    /// A SYN-ACK that the client never acknowledged.
    pub fn half_open(&self, connection: &Connection, why: Missing) -> String {
        let waited = connection.known_at - connection.first.at;
        let none = self.written(false, |words| words.no_answer(why, "--max-flows", 1, waited));
        format!("SYN-ACK: {none}, half-open")
    }

    /// `, 2 retransmitted`.
    pub fn troubles(&self, connection: &Connection) -> String {
        self.written(false, |words| words.troubles(connection))
    }

    /// `first datagram, 11 bytes`.
    pub fn first_datagram(&self, datagrams: &Datagrams) -> String {
        self.via(format!("first datagram, {}", Count(datagrams.there.bytes, "byte")))
    }

    /// What a notice says.
    pub fn notice(&self, notice: &Notice<'_>) -> String {
        match &notice.what {
            What::IcmpError { error, about } => self.written(false, |words| {
                words.icmp_reason(error)?;
                words.about(*about)
            }),
            _ => self.written(self.short, |words| words.notice(notice)),
        }
    }
}

/// A request as what is said of it follows: `A db?`, `seq 0:`.
fn followed(request: &str) -> String {
    if request.ends_with('?') { request.to_owned() } else { format!("{request}:") }
}

/// `SYN (try 2)`.
fn tried(word: &str, connection: &Connection) -> String {
    match connection.handshake.tries {
        0 | 1 => word.to_owned(),
        tries => format!("{word} (try{TIED}{tries})"),
    }
}
