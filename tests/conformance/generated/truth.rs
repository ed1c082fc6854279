//! What is true of the conversations, and whether it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bridgetap::track::Limits;
use bridgetap::track::event::{
    Connection, Direction, Event, Missing, Outcome, Remaining, Side, Stage, Subject as Found, What,
};

use super::network::MICRO;
use super::{Exchange, Frames, Kind, Segment, Talk};
use crate::figures::Bytes;
use crate::frames::{Kept, track};

/// What the log told, in counts: nothing is proved by conversations in which nothing happens.
#[derive(Debug, Default)]
pub struct Told {
    answered: usize,
    unanswered: usize,
    unasked: usize,
    asked_again: usize,
    closed: usize,
    reset: usize,
    refused: usize,
    open: usize,
    retransmissions: u32,
    out_of_order: u32,
    duplicate_acks: u32,
    zero_windows: u32,
    bytes: u64,
}

impl Told {
    pub fn assert_is_various(&self) {
        let Self { answered, unanswered, unasked, asked_again, closed, reset, refused, open, .. } = *self;
        assert!(answered > 10_000 && unanswered > 100 && unasked > 100 && asked_again > 100, "{self:?}");
        assert!(closed > 1000 && reset > 100 && refused > 100 && open > 100, "{self:?}");
        let Self { retransmissions, out_of_order, duplicate_acks, zero_windows, .. } = *self;
        assert!(retransmissions > 1000 && out_of_order > 100 && duplicate_acks > 100 && zero_windows > 100, "{self:?}");
    }
}

/// What the log has.
#[derive(Default)]
struct Log {
    /// By kind and request: the reply and the tries.
    exchanges: BTreeMap<(u8, u64), (Option<u64>, u32)>,
    unasked: BTreeSet<u64>,
    /// By the first frame, how it ended.
    connections: BTreeMap<u64, Connection>,
    openings: BTreeMap<u64, Connection>,
    faults: Vec<String>,
}

fn log(kept: &[Kept]) -> Log {
    let mut log = Log::default();
    track((1..).zip(kept), Limits::default(), |event| match event {
        Event::Exchange(exchange) => {
            let kind = match exchange.subject {
                Found::Ping { .. } => Kind::Ping,
                Found::Lookup(_) => Kind::Lookup,
                Found::Neighbour { .. } => Kind::Arp,
            };
            // What is answered late was told as unanswered before.
            let (reply, key) = (exchange.reply.map(|reply| reply.number), (kind as u8, exchange.request.number));
            if log.exchanges.insert(key, (reply, exchange.tries)).is_some() && !exchange.late {
                log.faults.push(format!("{kind:?} {} is told twice", exchange.request.number));
            }
            let time = exchange.reply.map(|reply| reply.at - exchange.request.at);
            if exchange.latency() != time || matches!(exchange.outcome, Outcome::Unanswered(_)) != time.is_none() {
                log.faults.push(format!("{kind:?} {} took {:?}", exchange.request.number, exchange.latency()));
            }
        }
        Event::Notice(notice) if matches!(notice.what, What::Unasked { .. }) => {
            log.unasked.insert(notice.seen.number);
        }
        Event::Connection(connection) => {
            let told = if connection.stage == Stage::Opened { &mut log.openings } else { &mut log.connections };
            if told.insert(connection.first.number, connection).is_some() {
                log.faults.push(format!("the connection of {} is told twice", connection.first.number));
            }
        }
        _ => {}
    });
    log
}

/// Compares the log with the truth; what is wrong.
pub fn check(frames: &Frames, kept: &[Kept], numbers: &[u64], told: &mut Told) -> Vec<String> {
    let mut log = log(kept);
    for Exchange { kind, request, reply, tries } in &frames.exchanges {
        let found = log.exchanges.remove(&(*kind as u8, numbers[*request]));
        let truth = Some((reply.map(|reply| numbers[reply]), *tries));
        if found != truth {
            log.faults.push(format!("{kind:?} {}: {found:?} instead of {truth:?}", numbers[*request]));
        }
        told.answered += usize::from(reply.is_some());
        told.unanswered += usize::from(reply.is_none());
        told.asked_again += usize::from(*tries > 1);
    }
    log.faults.extend(log.exchanges.iter().map(|exchange| format!("{exchange:?} is told, and was not")));
    let unasked: BTreeSet<_> = frames.unasked.iter().map(|&place| numbers[place]).collect();
    log.faults.extend(log.unasked.symmetric_difference(&unasked).map(|frame| format!("unasked or not: {frame}")));
    told.unasked += unasked.len();
    for talk in frames.talks.iter().flat_map(attempts) {
        let first = numbers[talk.segments[0].frame];
        let Some(connection) = log.connections.remove(&first) else {
            log.faults.push(format!("no connection of {first}"));
            continue;
        };
        let opening = log.openings.get(&first);
        let faults = faults(&talk, &connection, opening, (kept, numbers), told);
        if !faults.is_empty() {
            log.faults.push(format!("connection of {first}: {}\n{}", faults.join("\n"), words(&talk, kept, numbers)));
        }
    }
    log.faults.extend(log.connections.values().map(|told| format!("{told:?} is told, and was not")));
    log.faults
}

/// The attempts to connect: after a refusal that got lost, the client tries again.
fn attempts(talk: &Talk) -> Vec<Talk> {
    let (mut attempts, mut rest) = (Vec::new(), &talk.segments[..]);
    while !rest.is_empty() {
        let (stage, segments) = end(rest);
        let again = rest.iter().skip(segments.len()).position(|segment| segment.syn && segment.from == 0);
        let next = again.filter(|_| stage == Stage::Refused).map_or(rest.len(), |at| segments.len() + at);
        attempts.push(Talk { client: talk.client, segments: rest[..next].to_vec() });
        rest = &rest[next..];
    }
    attempts
}

/// The segments of a connection, for whoever has to find out what is wrong.
fn words(talk: &Talk, kept: &[Kept], numbers: &[u64]) -> String {
    let mut words = String::new();
    for Segment { frame, from, start, len, syn, fin, rst, acknowledged, window, is_again } in &talk.segments {
        let number = numbers[*frame];
        let micros = kept[number as usize - 1].at.as_nanos() / 1000 % 1_000_000_000;
        let _ = writeln!(
            words,
            "    {number} at {micros} µs: {} {start}+{len} ack {acknowledged:?} win {window}{}{}{}{}",
            if *from == 0 { "client" } else { "server" },
            if *syn { " SYN" } else { "" },
            if *fin { " FIN" } else { "" },
            if *rst { " RST" } else { "" },
            if *is_again { " again" } else { "" },
        );
    }
    words
}

fn faults(
    talk: &Talk,
    connection: &Connection,
    opening: Option<&Connection>,
    (kept, numbers): (&[Kept], &[u64]),
    told: &mut Told,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut expect = |what: &str, found: &dyn std::fmt::Debug, truth: &dyn std::fmt::Debug| {
        let (found, truth) = (format!("{found:?}"), format!("{truth:?}"));
        if found != truth {
            faults.push(format!("{what}: {found} instead of {truth}"));
        }
    };
    let (stage, segments) = end(&talk.segments);
    expect("end", &end_of(&connection.stage), &end_of(&stage));
    expect("last", &connection.last.number, &numbers[segments[segments.len() - 1].frame]);
    let is_known = segments[0].syn || connection.stage == Stage::Refused;
    expect("opening seen", &!connection.before_capture, &is_known);
    expect("client", &connection.ends.client.port, &Some(talk.client));
    let [there, back] = directions(segments, &|segment| kept[numbers[segment.frame] as usize - 1].at.as_nanos());
    expect("there", &connection.there, &there);
    expect("back", &connection.back, &back);
    for direction in [there, back] {
        told.retransmissions += direction.retransmissions;
        told.out_of_order += direction.out_of_order;
        told.duplicate_acks += direction.duplicate_acks;
        told.zero_windows += direction.zero_windows;
        told.bytes += direction.bytes;
    }
    match connection.stage {
        Stage::Closed { .. } => told.closed += 1,
        Stage::Reset { .. } => told.reset += 1,
        Stage::Refused => told.refused += 1,
        _ => told.open += 1,
    }
    if let (Some((syn, syn_ack, ack)), Some(opening)) = (handshake(segments), opening) {
        let handshake = opening.handshake;
        let found = [handshake.syn, handshake.syn_ack, handshake.ack].map(|seen| seen.map(|seen| seen.number));
        expect("handshake", &found, &[syn, syn_ack, ack].map(|segment| Some(numbers[segment.frame])));
    }
    faults
}

/// An end, whether it is told because time was up or because the capture was.
fn end_of(stage: &Stage) -> Stage {
    match *stage {
        Stage::Unanswered(_) => Stage::Unanswered(Missing::CaptureEnded),
        Stage::HalfOpen(_) => Stage::HalfOpen(Missing::CaptureEnded),
        stage => stage,
    }
}

/// How the connection ended, and the segments up to there.
fn end(segments: &[Segment]) -> (Stage, &[Segment]) {
    let (mut fins, mut heard, mut by) = ([None, None], [None::<u32>, None], None);
    let (mut answered, mut open) = (false, !segments[0].syn);
    for (at, segment) in segments.iter().enumerate() {
        let side = if segment.from == 0 { Side::Client } else { Side::Server };
        if segment.rst {
            let is_refused = side == Side::Server && !answered && !open;
            let stage = match by {
                _ if is_refused => Stage::Refused,
                Some(by) if fins.iter().all(Option::is_some) => Stage::Closed { by },
                _ => Stage::Reset { by: side },
            };
            return (stage, &segments[..=at]);
        }
        answered |= segment.from == 1;
        open |= segment.from == 0 && !segment.syn;
        if segment.fin {
            fins[segment.from] = Some(segment.start + 1);
            by.get_or_insert(side);
        }
        heard[segment.from] = segment.acknowledged.max(heard[segment.from]);
        let is_heard = |from: usize| fins[from].is_some_and(|fin| heard[1 - from].is_some_and(|heard| heard >= fin));
        if let Some(by) = by.filter(|_| is_heard(0) && is_heard(1) && open) {
            return (Stage::Closed { by }, &segments[..=at]);
        }
    }
    let stage = match (open, answered) {
        (true, _) => Stage::StillOpen(Remaining::CaptureEnded),
        (false, true) => Stage::HalfOpen(Missing::CaptureEnded),
        (false, false) => Stage::Unanswered(Missing::CaptureEnded),
    };
    (stage, segments)
}

/// The handshake that the latest SYN began, where all of it was seen and in order.
fn handshake(segments: &[Segment]) -> Option<(Segment, Segment, Segment)> {
    let ack = segments.iter().position(|segment| segment.from == 0 && !segment.syn && !segment.rst)?;
    let syn = segments[..ack].iter().rposition(|segment| segment.from == 0 && segment.syn)?;
    let syn_ack = segments[syn..ack].iter().find(|segment| segment.from == 1 && segment.syn)?;
    let is_first = segments[0].from == 0 && segments[..ack].iter().all(|segment| segment.syn);
    is_first.then_some((segments[syn], *syn_ack, segments[ack]))
}

/// What was seen of each direction.
fn directions(segments: &[Segment], at: &dyn Fn(&Segment) -> u64) -> [Direction; 2] {
    [0, 1].map(|side| {
        let mut direction = Direction::default();
        let (mut high, mut bytes, mut before) = (None::<u32>, Bytes::default(), None);
        let (mut high_at, mut starts) = (0, BTreeSet::new());
        for segment in segments.iter().filter(|segment| segment.from == side) {
            let Segment { start, len, syn, fin, rst, acknowledged, window, is_again, .. } = *segment;
            direction.packets += 1;
            direction.resets += u32::from(rst);
            direction.zero_windows += u32::from(window == 0 && !syn && !fin && !rst);
            if rst {
                continue;
            }
            let end = start + len + u32::from(syn) + u32::from(fin);
            if end > start {
                // What is seen for the first time just behind later bytes looks out of order to every observer.
                let is_first = starts.insert(start) && at(segment) - high_at < 200 * MICRO;
                match high {
                    Some(high) if start < high && is_again && !is_first => direction.retransmissions += 1,
                    Some(high) if start < high => direction.out_of_order += 1,
                    _ => {}
                }
                bytes.add(true, start + u32::from(syn), len);
            } else if before == Some((acknowledged, window)) && high == Some(start) && window > 0 {
                direction.duplicate_acks += 1;
            }
            if high < Some(end) {
                (high, high_at) = (Some(end), at(segment));
            }
            if acknowledged.is_some() {
                before = Some((acknowledged, window));
            }
        }
        direction.bytes = bytes.there();
        direction
    })
}
