//! The log as JSON: one object a line, by the schema in docs/output.md, which only grows.

use std::io::{self, Write};

use serde::Serialize;

use super::hops::{self, HopObject, Port};
use super::line::Line;
use super::units::UtcClock;
use crate::address;
use crate::decode::{Vni, dns};
use crate::hostile::write_json;
use crate::join::Told;
use crate::name::{Namer, Party};
use crate::time::nanos;
use crate::track::event::{
    Connection, DatagramStage, Datagrams, Direction, Event, Exchange, Handshake, IcmpError, Lookup, Missing, Nodes,
    Notice, Outcome, PacketLine, Remaining, Side, Stage, Subject, What,
};

/// Writes events as lines of JSON.
#[derive(Debug)]
pub struct JsonWriter<W> {
    out: W,
    clock: UtcClock,
}

impl<W: Write> JsonWriter<W> {
    /// A writer that begins with an empty log.
    pub const fn new(out: W) -> Self {
        Self { out, clock: UtcClock::new() }
    }

    /// Where it writes.
    pub const fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes an event's object.
    pub fn event(&mut self, told: &Told<'_>, namer: &Namer) -> io::Result<()> {
        let (event, line) = (&told.event, Line::new(told, namer));
        let place = event.place();
        let tap = namer.tap(place.tap);
        let Some((frames, details)) = details(event) else { return Ok(()) };
        let object = Object {
            time: self.clock.text(line.gist.at),
            kind: line.gist.kind,
            outcome: line.gist.outcome,
            network: namer.network(place),
            interface: tap.map_or("", |tap| &tap.interface),
            interface_index: Some(place.if_index).filter(|&index| index > 0),
            namespace: tap.and_then(|tap| tap.namespace.as_deref()),
            tunnel: place.vni.map(|vni| Tunnel::new(vni, event.nodes())),
            client: line.client.as_ref().map(End::new),
            server: line.server.as_ref().map(End::new),
            published: Port::new(&line.published),
            upstream: told.upstream.map(address::text),
            hops: hops::hops(told, namer),
            latency_ns: latency(event, &line),
            frames,
            details,
        };
        write_object(&mut self.out, &object)
    }

    /// Writes any object as a line.
    pub fn object(&mut self, object: &impl Serialize) -> io::Result<()> {
        write_object(&mut self.out, object)
    }
}

fn write_object(out: &mut impl Write, object: &impl Serialize) -> io::Result<()> {
    write_json(out, object)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Object<'a> {
    time: &'a str,
    kind: &'a str,
    outcome: &'a str,
    network: Option<&'a str>,
    interface: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_index: Option<u32>,
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<Tunnel>,
    client: Option<End<'a>>,
    server: Option<End<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<Port>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hops: Vec<HopObject<'a>>,
    latency_ns: Option<u64>,
    frames: Vec<u64>,
    #[serde(flatten)]
    details: Details,
}

#[derive(Serialize)]
struct End<'a> {
    name: &'a str,
    address: String,
    port: Option<u16>,
    mac: Option<String>,
    network: Option<&'a str>,
    container_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_as: Option<&'a str>,
}

impl<'a> End<'a> {
    fn new(party: &'a Party<'_>) -> Self {
        Self {
            name: &party.name,
            address: crate::address::text(party.address),
            port: party.port,
            mac: party.mac.map(|mac| mac.to_string()),
            network: party.network,
            container_id: party.container_id,
            project: party.compose.map(|(project, _)| project),
            service: party.compose.map(|(_, service)| service),
            asked_as: party.asked_as,
        }
    }
}

/// The tunnel that it was seen in.
#[derive(Serialize)]
struct Tunnel {
    r#type: &'static str,
    vni: u32,
    client_node: Option<String>,
    server_node: Option<String>,
}

impl Tunnel {
    fn new(vni: Vni, nodes: Nodes) -> Self {
        let text = |node: Option<std::net::IpAddr>| node.map(crate::address::text);
        Self { r#type: "vxlan", vni: vni.number(), client_node: text(nodes.client), server_node: text(nodes.server) }
    }
}

/// What is particular to the kind.
#[derive(Serialize)]
#[serde(untagged)]
enum Details {
    Exchange {
        request: Request,
        response: Option<Response>,
        tries: u32,
        late: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        missing: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    },
    Connection {
        handshake: Option<Shaken>,
        tries: u32,
        before_capture: bool,
        half_open: bool,
        by: Option<&'static str>,
        duration_ns: u64,
        there: Traffic,
        back: Traffic,
        #[serde(skip_serializing_if = "Option::is_none")]
        missing: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    },
    Datagrams {
        duration_ns: u64,
        there: Traffic,
        back: Traffic,
        #[serde(skip_serializing_if = "Option::is_none")]
        missing: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    },
    Notice {
        notice: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        about: Option<Response>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    },
    Packet {
        text: String,
        length: u32,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Request {
    Ping { id: u16, sequence: u16, bytes: usize, fragmented: bool },
    Neighbour { address: String },
    Lookup { id: u16, name: String, r#type: String, transport: &'static str },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Response {
    Ping {
        ttl: u8,
    },
    Neighbour {
        address: String,
        mac: Option<String>,
    },
    Lookup {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        questions: Vec<Question>,
        rcode: Option<String>,
        authoritative: bool,
        truncated: bool,
        answers: Vec<Answer>,
    },
}

#[derive(Serialize)]
struct Question {
    name: String,
    r#type: String,
}

#[derive(Serialize)]
struct Answer {
    name: String,
    r#type: String,
    ttl: u32,
    data: String,
}

#[derive(Serialize)]
struct Error {
    reason: &'static str,
    from: String,
    mtu: Option<u32>,
}

#[derive(Serialize)]
struct Shaken {
    syn_to_syn_ack_ns: u64,
    syn_ack_to_ack_ns: u64,
}

#[derive(Serialize)]
struct Traffic {
    packets: u64,
    bytes: u64,
    retransmissions: u32,
    out_of_order: u32,
    duplicate_acks: u32,
    zero_windows: u32,
    resets: u32,
}

impl From<Direction> for Traffic {
    fn from(direction: Direction) -> Self {
        let Direction { packets, bytes, retransmissions, out_of_order, duplicate_acks, zero_windows, resets } =
            direction;
        Self { packets, bytes, retransmissions, out_of_order, duplicate_acks, zero_windows, resets }
    }
}

/// The latency of an exchange or handshake; the duration of what ended is not one.
fn latency(event: &Event<'_>, line: &Line<'_>) -> Option<u64> {
    let is_latency = match event {
        Event::Exchange(_) => true,
        Event::Connection(connection) => matches!(connection.stage, Stage::Opened | Stage::Refused | Stage::Failed(_)),
        Event::Datagrams(datagrams) => matches!(datagrams.stage, DatagramStage::Failed(_)),
        _ => false,
    };
    line.gist.took.filter(|_| is_latency).map(nanos)
}

/// What JSON has beside the line; none of a measurement, which is no line.
fn details(event: &Event<'_>) -> Option<(Vec<u64>, Details)> {
    Some(match event {
        Event::Exchange(exchange) => exchange_details(exchange),
        Event::Connection(connection) => connection_details(connection),
        Event::Datagrams(datagrams) => datagram_details(datagrams),
        Event::Notice(notice) => (vec![notice.seen.number], notice_details(notice)),
        Event::Packet(PacketLine { seen, words, wire_len, .. }) => {
            (vec![seen.number], Details::Packet { text: words.to_string(), length: *wire_len })
        }
        Event::Measured(_) => return None,
    })
}

fn exchange_details(exchange: &Exchange<'_>) -> (Vec<u64>, Details) {
    let frames = [Some(exchange.request), exchange.reply].into_iter().flatten().map(|seen| seen.number).collect();
    let request = match &exchange.subject {
        &Subject::Ping { id, sequence, data_len, fragmented, .. } => {
            Request::Ping { id, sequence, bytes: data_len, fragmented }
        }
        Subject::Neighbour { address, .. } => Request::Neighbour { address: address.to_string() },
        Subject::Lookup(lookup) => request(lookup),
    };
    let (missing, error) = match exchange.outcome {
        Outcome::Answered => (None, None),
        Outcome::Failed(error) => (None, error.map(icmp_error)),
        Outcome::Unanswered(why) => (Some(missing(why)), None),
    };
    let answered = exchange.reply.is_some() && error.is_none();
    let response = answered.then(|| response(&exchange.subject)).flatten();
    let (tries, late) = (exchange.tries, exchange.late);
    (frames, Details::Exchange { request, response, tries, late, missing, error })
}

fn request(lookup: &Lookup<'_>) -> Request {
    Request::Lookup {
        id: lookup.id,
        name: lookup.question().to_string(),
        r#type: lookup.kind.to_string(),
        transport: if lookup.over_tcp { "tcp" } else { "udp" },
    }
}

fn response(subject: &Subject<'_>) -> Option<Response> {
    Some(match subject {
        Subject::Ping { hop_limit, .. } => Response::Ping { ttl: *hop_limit },
        Subject::Neighbour { address, mac } => {
            Response::Neighbour { address: address.to_string(), mac: mac.map(|mac| mac.to_string()) }
        }
        Subject::Lookup(lookup) => message(&lookup.message()?, false),
    })
}

fn message(message: &dns::Message<'_>, with_questions: bool) -> Response {
    let questions = message
        .questions()
        .filter(|_| with_questions)
        .map(|question| Question { name: question.name.to_string(), r#type: question.kind.to_string() });
    let answers = message.answers().map(|record| Answer {
        name: record.name.to_string(),
        r#type: record.kind.to_string(),
        ttl: record.ttl,
        data: record.to_string(),
    });
    Response::Lookup {
        questions: questions.collect(),
        rcode: message.is_response().then(|| message.rcode().to_string()),
        authoritative: message.is_authoritative(),
        truncated: message.is_truncated(),
        answers: answers.collect(),
    }
}

fn connection_details(connection: &Connection) -> (Vec<u64>, Details) {
    let Handshake { syn, syn_ack, ack, tries } = connection.handshake;
    let shaken = [syn, syn_ack, ack].into_iter().flatten().map(|seen| seen.number);
    let frames = match connection.stage {
        Stage::Opened if connection.before_capture => vec![connection.first.number],
        Stage::Opened => shaken.collect(),
        _ => vec![connection.first.number, connection.last.number],
    };
    let handshake = connection
        .handshake
        .halves()
        .map(|(there, back)| Shaken { syn_to_syn_ack_ns: nanos(there), syn_ack_to_ack_ns: nanos(back) });
    let by = match connection.stage {
        Stage::Closed { by } | Stage::Reset { by } => Some(by.name()),
        Stage::Refused => Some(Side::Server.name()),
        _ => None,
    };
    let missing = match connection.stage {
        Stage::Unanswered(why) | Stage::HalfOpen(why) => Some(missing(why)),
        Stage::StillOpen(why) => Some(remaining(why)),
        _ => None,
    };
    let error = match connection.stage {
        Stage::Failed(error) => Some(icmp_error(error)),
        _ => None,
    };
    let details = Details::Connection {
        handshake,
        tries,
        before_capture: connection.before_capture,
        half_open: matches!(connection.stage, Stage::HalfOpen(_)),
        by,
        duration_ns: nanos(connection.last.at - connection.first.at),
        there: connection.there.into(),
        back: connection.back.into(),
        missing,
        error,
    };
    (frames, details)
}

fn datagram_details(datagrams: &Datagrams) -> (Vec<u64>, Details) {
    let (missing, error) = match datagrams.stage {
        DatagramStage::Failed(error) => (None, Some(icmp_error(error))),
        DatagramStage::StillOpen(why) => (Some(remaining(why)), None),
        DatagramStage::Began | DatagramStage::Idle => (None, None),
    };
    let frames = match datagrams.stage {
        DatagramStage::Began => vec![datagrams.first.number],
        _ => vec![datagrams.first.number, datagrams.last.number],
    };
    let details = Details::Datagrams {
        duration_ns: nanos(datagrams.last.at - datagrams.first.at),
        there: datagrams.there.into(),
        back: datagrams.back.into(),
        missing,
        error,
    };
    (frames, details)
}

fn notice_details(notice: &Notice<'_>) -> Details {
    let neighbour = |address: &std::net::IpAddr, mac: Option<crate::address::MacAddr>| {
        Some(Response::Neighbour { address: address.to_string(), mac: mac.map(|mac| mac.to_string()) })
    };
    let (notice, about, error) = match &notice.what {
        What::Announcement { address, mac, .. } => ("announcement", neighbour(address, *mac), None),
        What::Probe { address, .. } => ("probe", neighbour(address, None), None),
        What::Dns { message: bytes, .. } => {
            ("message", dns::Message::new(bytes).map(|bytes| message(&bytes, true)), None)
        }
        What::Unasked { subject, .. } => ("unasked", response(subject), None),
        What::IcmpError { error, .. } => ("icmp_error", None, Some(icmp_error(*error))),
    };
    Details::Notice { notice, about, error }
}

fn icmp_error(error: IcmpError) -> Error {
    Error { reason: error.reason.words(), from: error.from.to_string(), mtu: error.mtu }
}

const fn missing(why: Missing) -> &'static str {
    match why {
        Missing::TimedOut => "timed_out",
        Missing::CaptureEnded => "capture_ended",
        Missing::TableFull => "table_full",
    }
}

const fn remaining(why: Remaining) -> &'static str {
    match why {
        Remaining::CaptureEnded => "capture_ended",
        Remaining::TableFull => "table_full",
        Remaining::Replaced => "replaced",
    }
}
