//! Which frames a connection's figures count. The log has figures of connections, not of frames: a connection is told
//! again and again, each time up to another frame, and where a figure grows, that frame is counted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use bridgetap::decode::message::{self, Endpoint};
use bridgetap::decode::{Network, Transport};
use bridgetap::track::Limits;
use bridgetap::track::event::{Connection, Event, Stage};

use crate::frames::{Kept, track};
use crate::said::Subject;

/// What is counted of frames.
pub const FIGURES: [Subject; 5] =
    [Subject::Retransmission, Subject::OutOfOrder, Subject::DuplicateAck, Subject::ZeroWindow, Subject::Reset];

/// The frames between two ports, with their numbers.
pub type Conversation<'a> = Vec<(u64, &'a Kept)>;

/// The frames of each pair of ports.
pub fn conversations(frames: &[Kept]) -> Vec<Conversation<'_>> {
    let mut conversations: BTreeMap<(Option<u32>, Endpoint, Endpoint), Conversation<'_>> = BTreeMap::new();
    for (number, kept) in (1..).zip(frames) {
        let packet = kept.decode(number);
        let Network::Ip(ip) = packet.network else { continue };
        if !matches!(ip.transport, Transport::Tcp(_)) {
            continue;
        }
        let (from, to) = message::ends(&ip);
        let network = packet.tunnel.map(|tunnel| tunnel.vni.number());
        conversations.entry((network, from.min(to), from.max(to))).or_default().push((number, kept));
    }
    conversations.into_values().collect()
}

/// The connections of a conversation as they are told at their ends.
pub fn connections(conversation: &[(u64, &Kept)]) -> Vec<Connection> {
    let mut ended = BTreeMap::new();
    track(conversation.iter().copied(), Limits::default(), |event| {
        if let Event::Connection(connection) = event
            && connection.stage != Stage::Opened
        {
            ended.insert(connection.first.number, connection);
        }
    });
    ended.into_values().collect()
}

fn totals(conversation: &[(u64, &Kept)]) -> [u32; 5] {
    let mut totals = [0; 5];
    for connection in connections(conversation) {
        for direction in [connection.there, connection.back] {
            let figures = [
                direction.retransmissions,
                direction.out_of_order,
                direction.duplicate_acks,
                direction.zero_windows,
                direction.resets,
            ];
            for (total, figure) in totals.iter_mut().zip(figures) {
                *total += figure;
            }
        }
    }
    totals
}

/// The frames that each figure counts.
pub fn counted(conversation: &[(u64, &Kept)], on_frame: &mut dyn FnMut(Subject, u64)) {
    search(conversation, (0, [0; 5]), (conversation.len(), totals(conversation)), on_frame);
}

/// Halves the frames between two at which the figures are known.
fn search(
    conversation: &[(u64, &Kept)],
    (low, before): (usize, [u32; 5]),
    (high, after): (usize, [u32; 5]),
    on_frame: &mut dyn FnMut(Subject, u64),
) {
    if before == after {
        return;
    }
    if high - low == 1 {
        for ((subject, before), after) in FIGURES.into_iter().zip(before).zip(after) {
            if before != after {
                on_frame(subject, conversation[low].0);
            }
        }
        return;
    }
    let middle = low.midpoint(high);
    let at_middle = totals(&conversation[..middle]);
    search(conversation, (low, before), (middle, at_middle), on_frame);
    search(conversation, (middle, at_middle), (high, after), on_frame);
}

/// The frames of a connection from the first to that with which its end is told.
#[derive(Clone, Debug)]
pub struct Span {
    pub first: u64,
    /// Address and port.
    pub client: String,
}

/// Of which connection each frame is.
#[derive(Default)]
pub struct Spans(HashMap<u64, Span>);

impl Spans {
    pub fn add(&mut self, conversation: &[(u64, &Kept)], connection: &Connection) {
        let (first, last) = (connection.first.number, connection.last.number);
        let span = Span { first, client: words(connection.ends.client) };
        let frames = conversation.iter().filter(|(number, _)| (first..=last).contains(number));
        self.0.extend(frames.map(|(number, _)| (*number, span.clone())));
    }

    pub fn of(&self, frame: u64) -> Option<&Span> {
        self.0.get(&frame)
    }
}

/// Address and port.
pub fn words(end: Endpoint) -> String {
    format!("{} {}", end.address, end.port.map_or("?".to_owned(), |port| port.to_string()))
}

/// The bytes of a connection that were seen, each once.
#[derive(Default)]
pub struct Bytes([Direction; 2]);

#[derive(Default)]
struct Direction {
    /// The first number that was seen, from which the others count.
    origin: Option<u32>,
    seen: Vec<(i64, i64)>,
}

impl Bytes {
    pub fn words(there: u64, back: u64) -> String {
        format!("{there} there, {back} back")
    }

    /// Those of the first direction.
    pub fn there(&self) -> u64 {
        self.0[0].count().unsigned_abs()
    }

    pub fn add(&mut self, from_client: bool, start: u32, length: u32) {
        let Direction { origin, seen } = &mut self.0[usize::from(!from_client)];
        let start = i64::from(start.wrapping_sub(*origin.get_or_insert(start)).cast_signed());
        seen.push((start, start + i64::from(length)));
    }
}

impl Direction {
    fn count(&self) -> i64 {
        let mut seen = self.seen.clone();
        seen.sort_unstable();
        let (mut count, mut to) = (0, i64::MIN);
        for (start, end) in seen {
            count += (end - start.max(to)).max(0);
            to = to.max(end);
        }
        count
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::words(self.0[0].count().unsigned_abs(), self.0[1].count().unsigned_abs()))
    }
}
