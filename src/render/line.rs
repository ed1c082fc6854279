//! An event with its names: what both the text and the JSON are made from.

use std::time::Duration;

use crate::name::{Namer, Party};
use crate::time::Timestamp;
use crate::track::event::{
    Connection, DatagramStage, Datagrams, Ends, Event, Exchange, Notice, Outcome, PacketLine, Place, Stage, What,
};

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
    /// The moment that the line is about.
    pub at: Timestamp,
    /// Who asks, opens or says.
    pub client: Option<Party<'a>>,
    /// Who is asked.
    pub server: Option<Party<'a>>,
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

impl<'a> Line<'a> {
    /// Puts names to an event.
    pub fn new(event: &Event<'_>, namer: &'a Namer) -> Self {
        match event {
            Event::Exchange(exchange) => Self::exchange(exchange, namer),
            Event::Connection(connection) => Self::connection(connection, namer),
            Event::Datagrams(datagrams) => Self::datagrams(datagrams, namer),
            Event::Notice(notice) => Self::notice(notice, namer),
            Event::Packet(packet) => Self::packet(packet, namer),
        }
    }

    fn exchange(exchange: &Exchange<'_>, namer: &'a Namer) -> Self {
        let Exchange { ends, place, request, .. } = exchange;
        let (outcome, verdict) = match exchange.outcome {
            Outcome::Answered => ("answered", Verdict::Good),
            Outcome::Failed(_) => ("failed", Verdict::Bad),
            Outcome::Unanswered(_) => ("unanswered", Verdict::Missing),
        };
        let (client, server) = parties(namer, ends, *place, request.at);
        Self {
            at: request.at,
            client: Some(client),
            server: Some(server),
            kind: exchange.protocol.protocol().name(),
            outcome,
            verdict,
            took: exchange.latency(),
            ports: false,
        }
    }

    fn connection(connection: &Connection, namer: &'a Namer) -> Self {
        let Connection { ends, place, first, last, handshake, known_at, .. } = connection;
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
        let (client, server) = parties(namer, ends, *place, first.at);
        Self { at, client: Some(client), server: Some(server), kind: "tcp", outcome, verdict, took, ports: true }
    }

    fn datagrams(datagrams: &Datagrams, namer: &'a Namer) -> Self {
        let Datagrams { ends, place, first, last, known_at, .. } = datagrams;
        let whole = Some(last.at - first.at);
        let (at, took, outcome, verdict) = match datagrams.stage {
            DatagramStage::Began => (first.at, None, "opened", Verdict::Good),
            DatagramStage::Failed(_) => (first.at, whole, "failed", Verdict::Bad),
            DatagramStage::Idle => (last.at, whole, "closed", Verdict::Good),
            DatagramStage::StillOpen(_) => (*known_at, whole, "open", Verdict::Neutral),
        };
        let (client, server) = parties(namer, ends, *place, first.at);
        Self { at, client: Some(client), server: Some(server), kind: "udp", outcome, verdict, took, ports: true }
    }

    fn notice(notice: &Notice<'_>, namer: &'a Namer) -> Self {
        let Notice { ends, place, seen, what, .. } = notice;
        let kind = match what {
            What::Announcement { protocol, .. }
            | What::Probe { protocol, .. }
            | What::Dns { protocol, .. }
            | What::Unasked { protocol, .. } => protocol.protocol().name(),
            What::IcmpError { .. } => "icmp",
        };
        let failure = matches!(what, What::IcmpError { error, .. } if error.reason.is_failure());
        let (client, server) = parties(namer, ends, *place, seen.at);
        Self {
            at: seen.at,
            client: Some(client),
            server: Some(server),
            kind,
            outcome: "notice",
            verdict: if failure { Verdict::Bad } else { Verdict::Neutral },
            took: None,
            ports: ends.client.port.is_some() && kind == "icmp",
        }
    }

    fn packet(packet: &PacketLine<'_>, namer: &'a Namer) -> Self {
        let PacketLine { place, seen, ends, macs, .. } = packet;
        let party = |end, mac| namer.party(end, mac, *place, seen.at);
        Self {
            at: seen.at,
            client: ends.map(|(source, _)| party(source, macs.0)),
            server: ends.map(|(_, destination)| party(destination, macs.1.filter(|mac| !mac.is_group()))),
            kind: packet.kind,
            outcome: "packet",
            verdict: Verdict::Neutral,
            took: None,
            ports: true,
        }
    }
}

/// What both ends are called at that place and time.
fn parties<'a>(namer: &'a Namer, ends: &Ends, place: Place, at: Timestamp) -> (Party<'a>, Party<'a>) {
    let client = namer.party(ends.client, ends.client_mac, place, at);
    (client, namer.party(ends.server, ends.server_mac, place, at))
}
