//! Where the time goes, in the sample captures: what several of their taps saw of one exchange, in parts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Next, Source};
use bridgetap::decode;
use bridgetap::join::parts::{Part, parts};
use bridgetap::join::{HOLD, Joiner, Told};
use bridgetap::track::event::{Event, Exchange};
use bridgetap::track::measured::{Measure, Reading};
use bridgetap::track::{Limits, Tracker};
use common::{Nothing, captures, say};

/// All that is told of a capture, with measurements.
fn told(file: &std::path::Path) -> (Vec<Told<'static>>, u64) {
    let mut source = FileSource::open(file, 0).unwrap();
    let mut tracker = Tracker::new(Limits { measures: true, ..Limits::default() });
    let (mut joiner, mut all) = (Joiner::new(HOLD), Vec::new());
    loop {
        let mut sink = |event: Event<'_>| joiner.push(Box::new(event.into_owned()), &Nothing);
        match source.next().unwrap() {
            Next::Frame(frame, _) => tracker.observe(&decode::decode(&frame), &mut sink),
            Next::End => {
                tracker.finish(&mut sink);
                break;
            }
            Next::Idle(_) | Next::Names(_) => {}
        }
    }
    while let Some(told) = joiner.pop_any(&Nothing) {
        all.push(told);
    }
    (all, joiner.measured_elsewhere())
}

/// What it is, where it goes there and back.
fn kind(told: &Told<'_>) -> Option<&'static str> {
    match &told.event {
        Event::Exchange(Exchange { reply: Some(_), protocol, .. }) => Some(protocol.protocol().name()),
        Event::Measured(measured)
            if matches!(measured.reading, Reading::Time(_) | Reading::Ambiguous(_))
                && matches!(measured.measure, Measure::Syn | Measure::SynAck | Measure::Ack | Measure::FirstByte) =>
        {
            Some(measured.measure.name())
        }
        _ => None,
    }
}

#[test]
fn the_parts_of_an_exchange_are_the_whole_at_its_first_tap() {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for file in captures() {
        for told in told(&file).0 {
            let Some(kind) = kind(&told).filter(|_| told.hops.len() > 1) else { continue };
            let parts = parts(&told.hops);
            let answered = told.hops.iter().filter(|hop| hop.ended.is_some());
            let Some(first) = answered.min_by_key(|hop| (hop.began.at, std::cmp::Reverse(hop.ended.unwrap().at)))
            else {
                panic!("{told:?} was not answered")
            };
            let whole = first.ended.unwrap().at - first.began.at;
            assert_eq!(parts.iter().map(Part::time).sum::<Duration>(), whole, "{}: {told:?}", file.display());
            assert!(matches!(parts.last(), Some(Part::Behind { .. })), "{told:?}");
            let (told, split) = counts.entry(kind).or_default();
            *told += 1;
            *split += usize::from(parts.len() > 1);
        }
    }
    say(&format!("told at several taps, and in more than one part: {counts:?}"));
    for kind in ["ping", "dns", "syn", "syn-ack", "ack", "first-byte"] {
        let (told, split) = counts.get(kind).copied().unwrap_or_default();
        assert!(told > 0 && split > 0, "{kind}: {told} were seen at several taps, {split} in parts");
    }
}

#[test]
fn what_several_taps_measure_is_told_once() {
    for file in captures() {
        let (all, elsewhere) = told(&file);
        let mut connections = BTreeMap::new();
        for told in &all {
            let Event::Measured(measured) = &told.event else { continue };
            let Some(initial) = measured.initial else { continue };
            // One place for each connection.
            let place = measured.place;
            assert_eq!(*connections.entry(initial).or_insert(place), place, "{}: {measured:?}", file.display());
        }
        let handshakes = |event: &Event<'_>| matches!(event, Event::Measured(m) if m.measure == Measure::Handshake);
        let measured = all.iter().filter(|told| handshakes(&told.event)).count();
        assert!(measured <= connections.len(), "{}: {measured} of {connections:?}", file.display());
        say(&format!("{}: {} connections, {elsewhere} elsewhere", common::stem(&file), connections.len()));
    }
}
