//! What is told, as arrows: from whom to whom, when, and what stands on each.

use std::borrow::Cow;

use super::arrow::{Arrow, Detail, End, Head, Way};
use super::paths;
use super::phrases::Phrases;
use super::segments;
use crate::address::MacAddr;
use crate::decode::content::Content;
use crate::decode::message::Endpoint;
use crate::join::Told;
use crate::name::{Namer, Party};
use crate::render::line::{Line, Port, Verdict};
use crate::render::units::{Count, Took};
use crate::render::words;
use crate::time::Timestamp;
use crate::track::event::{
    Connection, DatagramStage, Datagrams, Event, Exchange, IcmpError, Missing, Notice, Outcome, PacketLine, Side,
    Stage, What,
};

/// The arrows of an event, in the order of time; one at least.
pub(super) fn arrows<'a>(told: &Told<'_>, namer: &'a Namer, detail: Detail) -> Vec<Arrow<'a>> {
    let with_hops = detail.hops && told.hops.len() > 1;
    let mut line = Line::new(told, namer);
    if with_hops {
        // One of the hops shows it.
        line.published = Port::None;
    }
    let is_packet = matches!(told.event, Event::Packet(_));
    let client = end(line.client.as_ref(), line.gist.ports && (!detail.short || is_packet));
    let server = end(line.server.as_ref(), line.gist.ports);
    let teller = Teller { told, namer, detail, line, client, server };
    let mut arrows = match &told.event {
        Event::Exchange(exchange) => teller.exchange(exchange),
        Event::Connection(connection) => teller.connection(connection),
        Event::Datagrams(datagrams) => teller.datagrams(datagrams),
        Event::Notice(notice) => vec![teller.notice(notice)],
        Event::Packet(packet) => vec![teller.packet(packet)],
        Event::Measured(_) => return Vec::new(),
    };
    if detail.single {
        arrows = joined(arrows);
    } else if let Some(first) = arrows.first_mut() {
        in_tunnel(first, &told.event);
    }
    if let Some(first) = arrows.first_mut().filter(|_| detail.link_level) {
        first.more.push_str(&macs(&teller.line));
    }
    if with_hops { paths::hops(told, namer, &arrows, detail) } else { arrows }
}

/// A party as an end.
fn end<'a>(party: Option<&Party<'a>>, with_port: bool) -> End<'a> {
    match party {
        Some(party) => {
            End { container: party.container_id, name: party.name.clone(), port: party.port.filter(|_| with_port) }
        }
        None => End { container: None, name: Cow::Borrowed("?"), port: None },
    }
}

/// One arrow for a request and its answer.
fn joined(mut arrows: Vec<Arrow<'_>>) -> Vec<Arrow<'_>> {
    if arrows.len() > 1
        && let Some(last) = arrows.pop()
    {
        arrows.truncate(1);
        if let Some(first) = arrows.first_mut() {
            first.detailed.clear();
            first.words.push_str(" → ");
            first.words.push_str(&last.words);
            if last.way == Way::Report {
                first.words.push_str(", says ");
                first.words.push_str(&last.from.name);
            }
            first.more.push_str(&last.more);
            (first.time, first.verdict) = (last.time, last.verdict);
        }
    }
    arrows
}

/// Adds to the details which tunnel it was seen in: its nodes where there is room, else its number alone.
fn in_tunnel(arrow: &mut Arrow<'_>, event: &Event<'_>) {
    let mut tunnel = String::new();
    // Writing to a String cannot fail.
    let _ = words::tunnel(event, &mut tunnel);
    if tunnel.is_empty() {
        return;
    }
    let number = tunnel.split(',').next().unwrap_or_default();
    let plain: Vec<_> = arrow.detailed.iter().chain([&arrow.words]).cloned().collect();
    let with = |tunnel: &str| plain.iter().map(|words| format!("{words}, {tunnel}")).collect::<Vec<_>>();
    let mut detailed = with(&tunnel);
    detailed.extend(with(number));
    detailed.append(&mut arrow.detailed);
    arrow.detailed = detailed;
}

/// The addresses on the link: ` (from 02:42:ac:12:00:03 to 02:42:ac:12:00:02)`.
fn macs(line: &Line<'_>) -> String {
    let mac = |party: &Option<Party<'_>>| party.as_ref().and_then(|party| party.mac);
    match (mac(&line.client), mac(&line.server)) {
        (Some(client), Some(server)) => format!(" (from {client} to {server})"),
        (Some(client), None) => format!(" (from {client})"),
        (None, Some(server)) => format!(" (to {server})"),
        (None, None) => String::new(),
    }
}

struct Teller<'t, 'a> {
    told: &'t Told<'t>,
    namer: &'a Namer,
    detail: Detail,
    line: Line<'a>,
    client: End<'a>,
    server: End<'a>,
}

impl<'a> Teller<'_, 'a> {
    fn phrases(&self) -> Phrases<'_> {
        Phrases {
            told: self.told,
            namer: self.namer,
            short: self.detail.short,
            published: &self.line.published,
            with_hops: self.detail.hops && self.told.hops.len() > 1,
        }
    }

    /// An arrow that something begins with.
    fn there(&self, at: Timestamp, words: String) -> Arrow<'a> {
        Arrow {
            at,
            from: self.client.clone(),
            to: self.server.clone(),
            way: Way::There,
            head: Head::Arrives,
            kind: self.line.gist.kind,
            words,
            detailed: Vec::new(),
            bytes: None,
            more: String::new(),
            time: String::new(),
            verdict: Verdict::Neutral,
        }
    }

    /// The same in the other direction.
    fn back(&self, at: Timestamp, words: String) -> Arrow<'a> {
        let (from, to) = (self.server.clone(), self.client.clone());
        Arrow { from, to, way: Way::Back, ..self.there(at, words) }
    }

    /// An arrow with which it ends as the line says.
    fn ending(&self, arrow: Arrow<'a>) -> Arrow<'a> {
        let time = self.line.gist.took.map_or_else(String::new, |took| Took(took).to_string());
        Arrow { kind: "", time, verdict: self.line.gist.verdict, ..arrow }
    }

    /// An ICMP error, from who says so.
    fn report(&self, error: &IcmpError, at: Timestamp) -> Arrow<'a> {
        let from = self.namer.party(Endpoint::host(error.from), None, self.told.event.place(), at);
        let from = end(Some(&from), false);
        let to = self.client.clone();
        let words = self.phrases().reason(error);
        Arrow { kind: "icmp", from, to, way: Way::Report, ..self.ending(self.there(at, words)) }
    }

    /// An arrow that was not answered.
    fn lost(&self, why: Missing, arrow: Arrow<'a>) -> Arrow<'a> {
        let head = if why == Missing::TimedOut { Head::Lost } else { Head::Unknown };
        Arrow { head, verdict: self.line.gist.verdict, ..arrow }
    }

    fn exchange(&self, exchange: &Exchange<'_>) -> Vec<Arrow<'a>> {
        let (asked, replied) = (exchange.request.at, exchange.reply.map_or(exchange.known_at, |reply| reply.at));
        let phrases = self.phrases();
        match exchange.outcome {
            Outcome::Unanswered(why) => vec![self.lost(why, self.there(asked, phrases.unanswered(exchange, why)))],
            Outcome::Failed(Some(error)) => {
                vec![self.there(asked, phrases.request(exchange)), self.report(&error, replied)]
            }
            // Its request was shown before, as unanswered.
            _ if exchange.late => {
                let late = self.ending(self.back(replied, phrases.late(exchange)));
                vec![Arrow { kind: self.line.gist.kind, ..late }]
            }
            _ => {
                let request = self.there(asked, phrases.request(exchange));
                let answer = self.ending(self.back(replied, phrases.answer(exchange)));
                let (asked, answered) = phrases.details(exchange).unzip();
                vec![
                    Arrow { detailed: asked.into_iter().collect(), ..request },
                    Arrow { detailed: answered.into_iter().collect(), ..answer },
                ]
            }
        }
    }

    fn connection(&self, connection: &Connection) -> Vec<Arrow<'a>> {
        let Connection { first, last, handshake, .. } = connection;
        let asked = handshake.syn.unwrap_or(*first).at;
        let phrases = self.phrases();
        let syn = || self.there(asked, phrases.syn(connection));
        match connection.stage {
            Stage::Opened if connection.before_capture => vec![self.state("open since before the capture".to_owned())],
            Stage::Opened => self.opened(connection),
            Stage::Closed { by } => vec![self.closing(connection, by, "closed")],
            Stage::Reset { by } => vec![self.closing(connection, by, "reset (RST)")],
            Stage::Refused => vec![syn(), self.ending(self.back(last.at, "RST, refused".to_owned()))],
            Stage::Failed(error) => vec![syn(), self.report(&error, connection.known_at)],
            Stage::Unanswered(why) => vec![self.lost(why, self.there(asked, phrases.unanswered_syn(connection, why)))],
            Stage::HalfOpen(why) => {
                let answered = handshake.syn_ack.unwrap_or(*last).at;
                let half = self.lost(why, self.back(answered, phrases.half_open(connection, why)));
                vec![syn(), Arrow { kind: "", ..half }]
            }
            Stage::StillOpen(why) => {
                let bytes = Some([connection.there.bytes, connection.back.bytes]);
                let more = phrases.troubles(connection);
                vec![Arrow { bytes, more, time: self.lasted("in"), ..self.state(words::remaining(why).to_owned()) }]
            }
        }
    }

    /// The handshake, as far as it was seen.
    fn opened(&self, connection: &Connection) -> Vec<Arrow<'a>> {
        let phrases = self.phrases();
        let handshake = &connection.handshake;
        if self.detail.single {
            let open = self.ending(self.there(self.line.gist.at, phrases.open(connection)));
            return vec![Arrow { kind: self.line.gist.kind, ..open }];
        }
        let syn = handshake.syn.map(|syn| self.there(syn.at, phrases.syn(connection)));
        let syn_ack = handshake.syn_ack.map(|seen| Arrow { kind: "", ..self.back(seen.at, "SYN-ACK".to_owned()) });
        let ack = handshake.ack.map(|seen| self.there(seen.at, "ACK, open".to_owned()));
        let ack = ack.unwrap_or_else(|| self.state(phrases.open(connection)));
        let mut arrows: Vec<_> = syn.into_iter().chain(syn_ack).chain([self.ending(ack)]).collect();
        if let Some(first) = arrows.first_mut() {
            first.kind = self.line.gist.kind;
        }
        arrows
    }

    fn closing(&self, connection: &Connection, by: Side, word: &str) -> Arrow<'a> {
        let phrases = self.phrases();
        let words = word.to_owned();
        let (there, back) = (connection.there.bytes, connection.back.bytes);
        let (arrow, bytes) = match by {
            Side::Client => (self.there(self.line.gist.at, words), [there, back]),
            Side::Server => (self.back(self.line.gist.at, words), [back, there]),
        };
        let (more, time) = (phrases.troubles(connection), self.lasted("after"));
        Arrow { bytes: Some(bytes), more, time, verdict: self.line.gist.verdict, ..arrow }
    }

    fn datagrams(&self, datagrams: &Datagrams) -> Vec<Arrow<'a>> {
        let phrases = self.phrases();
        let first = || self.there(self.line.gist.at, phrases.first_datagram(datagrams));
        let state = |words, time| {
            let bytes = Some([datagrams.there.bytes, datagrams.back.bytes]);
            let more = format!(", {}", Count(datagrams.there.packets + datagrams.back.packets, "datagram"));
            Arrow { bytes, more, time, ..self.state(words) }
        };
        match datagrams.stage {
            DatagramStage::Began => vec![first()],
            DatagramStage::Failed(error) => vec![self.report(&error, datagrams.known_at)],
            DatagramStage::Idle => vec![state("ended".to_owned(), self.lasted("after"))],
            DatagramStage::StillOpen(why) => vec![state(words::remaining(why).to_owned(), self.lasted("in"))],
        }
    }

    fn notice(&self, notice: &Notice<'_>) -> Arrow<'a> {
        let at = notice.seen.at;
        let words = self.phrases().notice(notice);
        match &notice.what {
            What::Unasked { .. } => self.back(at, words),
            What::IcmpError { error, .. } => Arrow { words, ..self.report(error, at) },
            What::Announcement { protocol, .. } | What::Probe { protocol, .. }
                if protocol.protocol().name() == "arp" =>
            {
                Arrow { to: self.everybody(at), ..self.there(at, words) }
            }
            _ => self.there(at, words),
        }
    }

    fn packet(&self, packet: &PacketLine<'_>) -> Arrow<'a> {
        let mut arrow = self.there(packet.seen.at, segments::words(packet));
        if let Content::Segment { flags, .. } = packet.content {
            // The names of its control bits say so.
            arrow.kind = "";
            arrow.detailed = if self.detail.short { Vec::new() } else { segments::detailed(packet, flags) };
        }
        if packet.ends.is_none() {
            let end = |mac: Option<MacAddr>| End {
                container: None,
                name: mac.map_or(Cow::Borrowed("?"), |mac| Cow::Owned(mac.to_string())),
                port: None,
            };
            (arrow.from, arrow.to) = (end(packet.macs.0), end(packet.macs.1));
        } else if packet.kind == "arp" && packet.macs.1.is_some_and(MacAddr::is_group) {
            arrow.to = self.everybody(packet.seen.at);
        }
        arrow
    }

    /// Everybody on the link, as the receiver of ARP, which has no address for them.
    fn everybody(&self, at: Timestamp) -> End<'a> {
        let all = Endpoint::host(std::net::Ipv4Addr::BROADCAST.into());
        end(Some(&self.namer.party(all, None, self.told.event.place(), at)), false)
    }

    /// What holds between both ends, without a packet that says so.
    fn state(&self, words: String) -> Arrow<'a> {
        Arrow { head: Head::State, verdict: self.line.gist.verdict, ..self.there(self.line.gist.at, words) }
    }

    /// How long it was from the first packet to the last: `after` it for what ended then, `in` it for what goes on.
    fn lasted(&self, word: &str) -> String {
        self.line.gist.took.map_or_else(String::new, |took| format!("{word} {}", Took(took)))
    }
}
