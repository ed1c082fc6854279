//! An event with its names: what both the text and the JSON are made from.

use std::time::Duration;

use crate::decode::ip;
use crate::decode::message::Endpoint;
use crate::join::{Published, Told};
use crate::name::{Namer, Pair, Party};
use crate::time::Timestamp;
use crate::track::event::{
    Connection, DatagramStage, Datagrams, Event, Exchange, Notice, Outcome, PacketLine, Stage, What,
};
use crate::track::measured::{Measured, Reading};

/// How an event ended, for colours and for `outcome` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should.
    Good,
    /// With an error.
    Bad,
    /// With nothing, where something was expected.
    Missing,
    /// Neither.
    Neutral,
}

/// An event as it is told.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// What it is about.
    pub gist: Gist,
    /// Who asks, opens or says.
    pub client: Option<Party<'a>>,
    /// Who is asked.
    pub server: Option<Party<'a>>,
    /// The published port that it came through.
    pub published: Port,
}

/// What a line is about, beside names and words.
#[derive(Clone, Copy, Debug)]
pub struct Gist {
    /// The moment that the line is about.
    pub at: Timestamp,
    /// `dns`, `tcp`, …
    pub kind: &'static str,
    /// The word for how it ended, as JSON has it.
    pub outcome: &'static str,
    /// The same, for colours.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Option<Duration>,
    /// Whether ports are worth showing.
    pub ports: bool,
}

/// Through which port of the host a container was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Port {
    /// Through none, or it is none of a container's.
    None,
    /// Through this one: it was seen.
    Known(Published),
    /// The container's port is published as these, sorted; whether it came through one of them is not known.
    Possible(Vec<Endpoint>),
}

impl<'a> Line<'a> {
    /// Puts names to an event.
    pub fn new(told: &Told<'_>, namer: &'a Namer) -> Self {
        let (client, server) = Pair::of(&told.event).map(|pair| namer.pair(&pair)).unzip();
        Self { gist: Gist::of(&told.event), client, server, published: Port::of(told, namer) }
    }
}

impl Gist {
    /// That of an event.
    pub fn of(event: &Event<'_>) -> Self {
        match event {
            Event::Exchange(exchange) => Self::exchange(exchange),
            Event::Connection(connection) => Self::connection(connection),
            Event::Datagrams(datagrams) => Self::datagrams(datagrams),
            Event::Notice(notice) => Self::notice(notice),
            Event::Packet(packet) => Self::packet(packet),
            Event::Measured(measured) => Self::measured(measured),
        }
    }

    /// Who and what it is, for filters and tables: a measurement is not written as a line.
    fn measured(measured: &Measured) -> Self {
        let (outcome, verdict) = match measured.reading {
            // As an exchange that was answered before it was asked.
            Reading::Time(_) | Reading::Ambiguous(_) | Reading::SteppedBack => ("answered", Verdict::Good),
            Reading::Open | Reading::AtOnce => ("open", Verdict::Neutral),
            Reading::Failed => ("failed", Verdict::Bad),
            Reading::Unanswered(_) => ("unanswered", Verdict::Missing),
        };
        Self { at: measured.from.at, kind: "tcp", outcome, verdict, took: measured.reading.time(), ports: true }
    }

    fn exchange(exchange: &Exchange<'_>) -> Self {
        let request = exchange.request;
        let (outcome, verdict) = match exchange.outcome {
            Outcome::Answered => ("answered", Verdict::Good),
            Outcome::Failed(_) => ("failed", Verdict::Bad),
            Outcome::Unanswered(_) => ("unanswered", Verdict::Missing),
        };
        Self {
            at: request.at,
            kind: exchange.protocol.protocol().name(),
            outcome,
            verdict,
            took: exchange.latency(),
            ports: false,
        }
    }

    fn connection(connection: &Connection) -> Self {
        let Connection { first, last, handshake, known_at, .. } = connection;
        let whole = last.at - first.at;
        let shaken = handshake.halves().map(|(there, back)| there + back);
        let answered = handshake.syn.map(|syn| last.at - syn.at);
        let (at, took) = match connection.stage {
            Stage::Opened => (first.at, shaken),
            Stage::Refused | Stage::Failed(_) => (first.at, answered),
            Stage::Unanswered(_) | Stage::HalfOpen(_) => (first.at, None),
            Stage::Closed { .. } | Stage::Reset { .. } => (last.at, Some(whole)),
            Stage::StillOpen(_) => (*known_at, Some(whole)),
        };
        let (outcome, verdict) = match connection.stage {
            Stage::Opened => ("opened", Verdict::Good),
            Stage::Closed { .. } => ("closed", Verdict::Good),
            Stage::Reset { .. } => ("reset", Verdict::Bad),
            Stage::Refused => ("refused", Verdict::Bad),
            Stage::Failed(_) => ("failed", Verdict::Bad),
            Stage::Unanswered(_) | Stage::HalfOpen(_) => ("unanswered", Verdict::Missing),
            Stage::StillOpen(_) => ("open", Verdict::Neutral),
        };
        Self { at, kind: "tcp", outcome, verdict, took, ports: true }
    }

    fn datagrams(datagrams: &Datagrams) -> Self {
        let Datagrams { first, last, known_at, .. } = datagrams;
        let whole = Some(last.at - first.at);
        let (at, took, outcome, verdict) = match datagrams.stage {
            DatagramStage::Began => (first.at, None, "opened", Verdict::Good),
            DatagramStage::Failed(_) => (first.at, whole, "failed", Verdict::Bad),
            DatagramStage::Idle => (last.at, whole, "closed", Verdict::Good),
            DatagramStage::StillOpen(_) => (*known_at, whole, "open", Verdict::Neutral),
        };
        Self { at, kind: "udp", outcome, verdict, took, ports: true }
    }

    fn notice(notice: &Notice<'_>) -> Self {
        let Notice { ends, seen, what, .. } = notice;
        let kind = match what {
            What::Announcement { protocol, .. }
            | What::Probe { protocol, .. }
            | What::Dns { protocol, .. }
            | What::Unasked { protocol, .. } => protocol.protocol().name(),
            What::IcmpError { .. } => "icmp",
        };
        let failure = matches!(what, What::IcmpError { error, .. } if error.reason.is_failure());
        Self {
            at: seen.at,
            kind,
            outcome: "notice",
            verdict: if failure { Verdict::Bad } else { Verdict::Neutral },
            took: None,
            ports: ends.client.port.is_some() && kind == "icmp",
        }
    }

    fn packet(packet: &PacketLine<'_>) -> Self {
        Self {
            at: packet.seen.at,
            kind: packet.kind,
            outcome: "packet",
            verdict: Verdict::Neutral,
            took: None,
            ports: true,
        }
    }
}

impl Port {
    /// Through which port of the host it came; where that was not seen, through which it may have.
    pub(super) fn of(told: &Told<'_>, namer: &Namer) -> Self {
        let (protocol, ends, first) = match &told.event {
            Event::Connection(Connection { ends, first, .. }) => (ip::TCP, ends, first),
            Event::Datagrams(Datagrams { ends, first, .. }) => (ip::UDP, ends, first),
            _ => return Self::None,
        };
        if told.is_direct {
            return Self::None;
        }
        if let Some(published) = told.published {
            return Self::Known(published);
        }
        let possible = namer.published(protocol, (ends.client, ends.server), told.event.place(), first.at);
        if possible.is_empty() { Self::None } else { Self::Possible(possible) }
    }
}
