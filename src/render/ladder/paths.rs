//! The arrows of what several taps have seen: one for each hop, instead of one from end to end.

use super::super::units::Took;
use super::arrow::{Arrow, Detail, End, Head, Way};
use crate::decode::message::Endpoint;
use crate::join::{Hop, Told};
use crate::name::Namer;
use crate::track::event::{DatagramStage, Ends, Event, Place, Stage};

/// One hop on the way from client to server.
struct Leg<'a> {
    from: End<'a>,
    to: End<'a>,
    place: String,
}

/// The arrows at each hop, in the order of time. `whole` are those from end to end.
pub(super) fn hops<'a>(told: &Told<'_>, namer: &'a Namer, whole: &[Arrow<'a>], detail: Detail) -> Vec<Arrow<'a>> {
    let (Some(first), Some(last)) = (whole.first(), whole.last()) else { return Vec::new() };
    let legs = legs(told, namer, detail);
    let mut arrows = Vec::new();
    for (nth, (hop, leg)) in told.hops.iter().zip(&legs).enumerate() {
        let is_last = nth + 1 == legs.len();
        if whole.len() == 1 {
            let at = if is_end(&told.event) { hop.ended.unwrap_or(hop.began).at } else { hop.began.at };
            arrows.push(Arrow { at, ..on(leg, first, is_last) });
            continue;
        }
        arrows.push(Arrow { at: hop.began.at, ..on(leg, first, is_last) });
        if let Some(ended) = hop.ended.filter(|_| last.way != Way::Report) {
            let time = Took(ended.at - hop.began.at).to_string();
            arrows.push(Arrow { at: ended.at, time, ..on(leg, last, is_last) });
        }
    }
    if whole.len() > 1 && last.way == Way::Report {
        arrows.push(last.clone());
    }
    arrows.sort_by_key(|arrow| arrow.at);
    arrows
}

/// Whether the event is about the end of something, whose hops begin with its first packet.
const fn is_end(event: &Event<'_>) -> bool {
    match event {
        Event::Connection(connection) => !matches!(connection.stage, Stage::Unanswered(_) | Stage::Opened),
        Event::Datagrams(datagrams) => !matches!(datagrams.stage, DatagramStage::Began),
        Event::Exchange(_) | Event::Notice(_) | Event::Packet(_) | Event::Measured(_) => false,
    }
}

/// An arrow as it is on one hop. What got lost was lost on the last.
fn on<'a>(leg: &Leg<'a>, arrow: &Arrow<'a>, is_last: bool) -> Arrow<'a> {
    let (from, to) = match arrow.way {
        Way::There => (leg.from.clone(), leg.to.clone()),
        Way::Back => (leg.to.clone(), leg.from.clone()),
        Way::Report => (arrow.from.clone(), arrow.to.clone()),
    };
    let was_lost = matches!(arrow.head, Head::Lost | Head::Unknown);
    let head = if was_lost && !is_last { Head::Arrives } else { arrow.head };
    let words = format!("{} {}", arrow.words, leg.place).trim_start().to_owned();
    Arrow { from, to, head, words, ..arrow.clone() }
}

/// Whose lifelines each hop is between.
fn legs<'a>(told: &Told<'_>, namer: &'a Namer, detail: Detail) -> Vec<Leg<'a>> {
    let with_clients_port = !detail.short || matches!(told.event, Event::Packet(_));
    let mut legs: Vec<Leg<'a>> = Vec::new();
    let mut before: Option<&Hop> = None;
    for hop in &told.hops {
        let ends = Ends { client: hop.client, server: hop.server, client_mac: None, server_mac: None };
        let (client, server) = namer.parties(&ends, hop.place, hop.began.at);
        let ports = |end: Endpoint, is_shown: bool| end.port.filter(|_| is_shown && has_ports(&told.event));
        let to = End { container: server.container_id, name: server.name, port: ports(hop.server, true) };
        // Who was asked before asks now in the client's name: a destination was translated, or a lookup forwarded.
        let handed_on = before.is_some_and(|before| before.client == hop.client && before.server != hop.server);
        let from = match legs.last().filter(|_| handed_on) {
            Some(leg) => End { port: None, ..leg.to.clone() },
            None => {
                End { container: client.container_id, name: client.name, port: ports(hop.client, with_clients_port) }
            }
        };
        legs.push(Leg { from, to, place: place(namer, hop.place) });
        before = Some(hop);
    }
    legs
}

/// Whether ports tell more than the protocol does.
fn has_ports(event: &Event<'_>) -> bool {
    matches!(event, Event::Connection(_) | Event::Datagrams(_) | Event::Packet(_))
}

/// Where a hop was seen: `on my_bridge`, `in web`, `at any #1`.
fn place(namer: &Namer, place: Place) -> String {
    let tap = namer.tap(place.tap);
    if let Some(network) = namer.network(place) {
        return format!("on {network}");
    }
    if let Some(namespace) = tap.and_then(|tap| tap.namespace.as_deref()) {
        return format!("in {namespace}");
    }
    match (namer.interface(place), tap) {
        (Some(interface), _) => format!("at {interface}"),
        (None, Some(tap)) if place.if_index > 0 => format!("at {} #{}", tap.interface, place.if_index),
        (None, Some(tap)) => format!("at {}", tap.interface),
        (None, None) => format!("at tap {}", place.tap.0),
    }
}
