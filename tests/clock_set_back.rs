//! A clock that is set back by an hour in the middle: nothing is lost, nothing is held back for that hour, and what is
//! not answered is given up in time. The machine's own clock stays as it is: packets have the kernel's times, so a list
//! of frames is what a tap gives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use std::time::Duration;

use bridgetap::capture::{Error, Frame, LinkType, Next, Source, Tap, TapId};
use bridgetap::decode;
use bridgetap::join::{HOLD, Joiner};
use bridgetap::time::Timestamp;
use bridgetap::track::event::{Event, Missing, Outcome, Stage};
use bridgetap::track::{Limits, Tracker};
use common::{Nothing, bridgetap, pcap_header, pcap_packet};
use serde_json::Value;

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = SECOND / 1000;
const HOUR: u64 = 3600 * SECOND;
/// Ten o'clock, and nine o'clock.
const BEFORE: u64 = 1_700_000_000 * SECOND;
const AFTER: u64 = BEFORE - HOUR;
/// How long a tap takes to give a frame.
const HANDED_OVER: Duration = Duration::from_millis(10);

fn ping(sequence: u16, is_reply: bool) -> Vec<u8> {
    let (mut from, mut to) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    if is_reply {
        (from, to) = (to, from);
    }
    let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, from[3]], [2, 0, 0, 0, 0, to[3]]);
    let builder = builder.ipv4(from, to, 64);
    let mut frame = Vec::new();
    match is_reply {
        false => builder.icmpv4_echo_request(7, sequence).write(&mut frame, b"x").unwrap(),
        true => builder.icmpv4_echo_reply(7, sequence).write(&mut frame, b"x").unwrap(),
    }
    frame
}

fn syn(port: u16) -> Vec<u8> {
    let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let mut frame = Vec::new();
    builder.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(port, 80, 1, 65_535).syn().write(&mut frame, &[]).unwrap();
    frame
}

fn datagram(port: u16) -> Vec<u8> {
    let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let mut frame = Vec::new();
    builder.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(port, 9000).write(&mut frame, b"x").unwrap();
    frame
}

/// What the kernel gives: pings that take a millisecond, each 100 ms, for a second before the step and for a minute
/// after it. On either side one ping, one SYN and one datagram find no answer, and one ping is answered across it.
fn frames() -> Vec<(u64, Vec<u8>)> {
    let mut frames = vec![
        (BEFORE, ping(1000, false)),
        (BEFORE, syn(5000)),
        (BEFORE, datagram(6000)),
        (BEFORE + SECOND, ping(1001, false)),
        (AFTER + SECOND, ping(1001, true)),
        (AFTER + SECOND, ping(2000, false)),
        (AFTER + SECOND, syn(5001)),
        (AFTER + SECOND, datagram(6001)),
    ];
    for sequence in 0..600_u16 {
        let at = if sequence < 10 { BEFORE } else { AFTER } + u64::from(sequence) * 100 * MILLISECOND + MILLISECOND;
        frames.extend([(at, ping(sequence, false)), (at + MILLISECOND, ping(sequence, true))]);
    }
    // In the order in which they came: the hour before the step is the first.
    frames.sort_by_key(|(at, _)| (*at < BEFORE, *at));
    frames
}

/// A tap on an interface that shows these, and is silent at the end.
struct List {
    tap: Tap,
    frames: std::vec::IntoIter<(u64, Vec<u8>)>,
    latest: (u64, Vec<u8>),
    number: u64,
}

impl List {
    fn new(frames: Vec<(u64, Vec<u8>)>) -> Self {
        let interface = "br0".to_owned();
        let tap = Tap { interface, network: None, namespace: None, link: LinkType::ETHERNET, aside: None };
        Self { tap, frames: frames.into_iter(), latest: (0, Vec::new()), number: 0 }
    }
}

impl Source for List {
    fn next(&mut self) -> Result<Next<'_>, Error> {
        let Some(next) = self.frames.next() else { return Ok(Next::End) };
        self.latest = next;
        self.number += 1;
        let (at, bytes) = (Timestamp::from_nanos(self.latest.0), self.latest.1.as_slice());
        let (number, link, wire_len) = (self.number, LinkType::ETHERNET, bytes.len() as u32);
        Ok(Next::Frame(Frame { number, at, wire_len, bytes, link, tap: TapId(0) }, &self.tap))
    }

    fn tap(&self, id: TapId) -> Option<&Tap> {
        (id == TapId(0)).then_some(&self.tap)
    }
}

/// What the log tells of a tap, and what the clock said then.
fn told(frames: Vec<(u64, Vec<u8>)>) -> Vec<(Timestamp, Event<'static>)> {
    let (mut source, mut tracker, mut joiner) = (List::new(frames), Tracker::new(Limits::default()), Joiner::new(HOLD));
    let mut told = Vec::new();
    while let Next::Frame(frame, _) = source.next().unwrap() {
        let mut events = Vec::new();
        tracker.observe(&decode::decode(&frame), &mut |event: Event<'_>| events.push(Box::new(event.into_owned())));
        let now = frame.at + HANDED_OVER;
        for event in events {
            joiner.push(event, &Nothing);
        }
        while let Some(next) = joiner.pop(now, &Nothing) {
            told.push((now, next.event));
        }
    }
    told
}

fn times(event: &Event<'_>) -> Option<(u16, Option<Duration>)> {
    match event {
        Event::Exchange(exchange) => match exchange.subject {
            bridgetap::track::event::Subject::Ping { sequence, .. } => Some((sequence, exchange.latency())),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn live_nothing_is_lost_or_held_and_time_outs_go_on() {
    let told = told(frames());
    let answered = |event: &Event<'_>| matches!(event, Event::Exchange(one) if one.outcome == Outcome::Answered);
    let pings: Vec<_> =
        told.iter().filter(|(_, event)| answered(event)).filter_map(|(_, event)| times(event)).collect();
    // The last waits for its 25 ms.
    assert_eq!(pings.len(), 600, "599 of 600, and the one across the step");
    for (sequence, latency) in pings {
        let expected = if sequence == 1001 { Duration::ZERO } else { Duration::from_millis(1) };
        assert_eq!(latency, Some(expected), "ping {sequence}");
    }
    for (now, event) in &told {
        let late = now.since(event.known_at());
        // The first frame after the step, or after a time-out, brings what waits.
        assert!(late < Duration::from_millis(200), "{late:?} late: {event:?}");
    }
    let given_up = |event: &Event<'_>| match event {
        Event::Exchange(one) => one.outcome == Outcome::Unanswered(Missing::TimedOut),
        Event::Connection(one) => one.stage == Stage::Unanswered(Missing::TimedOut),
        Event::Datagrams(one) => format!("{:?}", one.stage) == "Idle",
        _ => false,
    };
    let given_up: Vec<_> = told.iter().filter(|(_, event)| given_up(event)).collect();
    assert_eq!(given_up.len(), 6, "{given_up:#?}");
    for (now, event) in given_up {
        let after = now.since(Timestamp::from_nanos(AFTER + SECOND));
        assert!(after < Duration::from_secs(32), "{after:?} after the step: {event:?}");
        assert!(now < &Timestamp::from_nanos(BEFORE), "not before it: {event:?}");
    }
}

#[test]
fn a_capture_with_a_step_back_is_told_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("step.pcap");
    let mut bytes = pcap_header(LinkType::ETHERNET);
    for (at, frame) in frames() {
        bytes.extend(pcap_packet(Timestamp::from_nanos(at), frame.len() as u32, &frame));
    }
    std::fs::write(&file, bytes).unwrap();
    let run = |arguments: &[&str]| {
        let output = bridgetap().args(arguments).arg(&file).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let log = run(&["replay", "--json"]);
    let count = |kind: &str, outcome: &str| {
        log.iter().filter(|object| object["kind"] == kind && object["outcome"] == outcome).count()
    };
    assert_eq!(count("ping", "answered"), 601);
    assert_eq!((count("ping", "unanswered"), count("tcp", "unanswered"), count("udp", "closed")), (2, 2, 2));
    for object in &log {
        if let Some(latency) = object["latency_ns"].as_u64() {
            assert!(latency <= MILLISECOND, "{object}");
        }
        if object["outcome"] == "unanswered" {
            assert_eq!(object["missing"], "timed_out", "{object}");
        }
    }
    let summary = log.last().unwrap();
    assert_eq!((&summary["kind"], &summary["packets"]), (&"summary".into(), &1208.into()));
    let latency = run(&["latency", "--json"]);
    let series = latency.iter().find(|object| object["kind"] == "series" && object["measure"] == "ping").unwrap();
    assert_eq!(
        (&series["count"], &series["max_ns"].as_u64().is_some_and(|max| max <= 1_010_000)),
        (&600.into(), &true)
    );
}
