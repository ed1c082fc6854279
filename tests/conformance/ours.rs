//! What bridgetap says of a file.

use bridgetap::decode::arp::Arp;
use bridgetap::decode::dns;
use bridgetap::decode::message::{self, Subject as About};
use bridgetap::decode::{Network, Packet, describe};
use bridgetap::track::event::{Connection, Event, Exchange, Seen, Stage, Subject as Found};
use bridgetap::track::fragments::Fragments;
use bridgetap::track::measured::{Measure, Measured, Reading};
use bridgetap::track::{Counters, Limits};

use crate::figures::{Bytes, Conversation, Spans, connections, conversations, counted, words};
use crate::frames::{Kept, track};
use crate::said::{Said, Subject};
use crate::tshark::plain;

/// What it says of an interface's frames, in facts, and which frames its connections have.
pub fn said(frames: &[Kept]) -> (Said, Spans) {
    let (mut said, mut spans) = (Said::default(), Spans::default());
    let (mut fragments, mut counters) = (Fragments::new(1000), Counters::default());
    for (number, kept) in (1..).zip(frames) {
        let seen = kept.decode(number);
        packet(&seen, &mut said);
        match seen.network {
            Network::Ip(ip) if ip.fragment.is_some() => {
                if let Some(whole) = fragments.take(&seen, &mut counters) {
                    message(&whole.packet(), &mut said);
                }
            }
            _ => message(&seen, &mut said),
        }
    }
    let limits = Limits { measures: true, ..Limits::default() };
    track((1..).zip(frames), limits, |event| match event {
        Event::Exchange(exchange) => self::exchange(&exchange, &mut said),
        Event::Measured(measured) => self::measured(&measured, &mut said),
        Event::Connection(connection) => self::connection(&connection, &mut said),
        _ => {}
    });
    for conversation in conversations(frames) {
        figures(&conversation, &mut said, &mut spans);
    }
    (said, spans)
}

fn packet(packet: &Packet<'_>, said: &mut Said) {
    let number = packet.number;
    said.say(Subject::Protocol, number, describe::kind(packet));
    if let Network::Arp(Arp { operation, sender_mac, sender, target_mac, target }) = packet.network {
        said.say(Subject::Arp, number, format!("{operation} {sender_mac} {sender} {target_mac} {target}"));
    }
}

fn message(packet: &Packet<'_>, said: &mut Said) {
    let Some(About::Dns(message)) = message::read(packet).map(|message| message.subject) else { return };
    let number = packet.number;
    let name = |name: dns::Name<'_>| plain(&unescaped(&name.to_string()));
    let joined = |values: Vec<String>| values.join(" ");
    said.say(Subject::Name, number, joined(message.questions().map(|question| name(question.name)).collect()));
    let types = message.questions().map(|question| question.kind.0.to_string());
    let types = types.chain(["→".to_owned()]).chain(message.answers().map(|record| record.kind.0.to_string()));
    said.say(Subject::Type, number, joined(types.collect()));
    if message.is_response() {
        said.say(Subject::Rcode, number, message.rcode().0.to_string());
    }
    let data = |record: dns::Record<'_>| {
        let text = record.to_string();
        plain(&unescaped(text.rsplit(' ').next().unwrap_or_default()))
    };
    let values = [1, 28, 5, 12, 15, 33].map(|kind| {
        joined(message.answers().filter(|record| record.kind.0 == kind).map(data).filter(|d| !d.is_empty()).collect())
    });
    if message.answer_count() > 0 {
        said.say(Subject::Answer, number, values.join("|"));
    }
}

/// A name with what is escaped in it replaced by question marks.
fn unescaped(name: &str) -> String {
    let mut plain = String::new();
    let mut chars = name.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            plain.push(char);
            continue;
        }
        plain.push('?');
        if chars.next().is_some_and(|char| char.is_ascii_digit()) {
            chars.next();
            chars.next();
        }
    }
    if plain == "." { String::new() } else { plain }
}

fn between(from: Seen, to: Seen) -> i64 {
    to.at.as_nanos().cast_signed() - from.at.as_nanos().cast_signed()
}

fn exchange(exchange: &Exchange<'_>, said: &mut Said) {
    let subject = match &exchange.subject {
        Found::Ping { .. } => Subject::Ping,
        Found::Lookup(_) => Subject::Lookup,
        Found::Neighbour { .. } => return,
    };
    if subject == Subject::Lookup && exchange.tries > 1 {
        said.say(Subject::Asked, exchange.request.number, exchange.tries.to_string());
    }
    let failed = matches!(exchange.outcome, bridgetap::track::event::Outcome::Failed(Some(_)));
    if let Some(reply) = exchange.reply.filter(|_| !failed) {
        let time = between(exchange.request, reply);
        assert!(time < 0 || exchange.latency().map(|time| time.as_nanos()) == Some(time.unsigned_abs().into()));
        said.pair(subject, reply.number, exchange.request.number, time);
    }
}

fn measured(measured: &Measured, said: &mut Said) {
    let Some(to) = measured.to else { return };
    let time = between(measured.from, to);
    match measured.reading {
        Reading::Time(told) | Reading::Ambiguous(told) => assert_eq!(told.as_nanos(), time.unsigned_abs().into()),
        Reading::SteppedBack => assert!(time < 0),
        other => panic!("{other:?} with an end"),
    }
    match measured.measure {
        Measure::Ack => said.pair(Subject::Acknowledgement, to.number, measured.from.number, time),
        Measure::Handshake => said.trips.push(time),
        _ => {}
    }
}

fn connection(connection: &Connection, said: &mut Said) {
    if connection.stage == Stage::Opened || connection.stage == Stage::Refused {
        if let (Some(syn), Some(ack)) = (connection.handshake.syn, connection.handshake.ack)
            && connection.handshake.syn_ack.is_some()
        {
            said.say(Subject::Handshake, connection.first.number, between(syn, ack).to_string());
        } else if connection.stage == Stage::Refused
            && let Some(syn) = connection.handshake.syn
        {
            // To tshark, a reset that acknowledges the SYN is a round trip, too.
            said.say(Subject::Handshake, connection.first.number, between(syn, connection.last).to_string());
        }
    }
    if connection.stage != Stage::Opened {
        let opener = if connection.before_capture { "?".to_owned() } else { words(connection.ends.client) };
        said.say(Subject::Connection, connection.first.number, opener);
    }
}

fn figures(conversation: &Conversation<'_>, said: &mut Said, spans: &mut Spans) {
    for connection in connections(conversation) {
        spans.add(conversation, &connection);
        let [there, back] = [connection.there.bytes, connection.back.bytes];
        said.say(Subject::Bytes, connection.first.number, Bytes::words(there, back));
    }
    counted(conversation, &mut |subject, frame| said.say(subject, frame, ""));
}
