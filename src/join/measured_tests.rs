//! Measurements of one connection that several taps make.

use super::*;
use crate::track::measured::{Measure, Measured, Reading};

/// An acknowledgement of the bytes up to `mark`, from one microsecond to another.
fn acknowledgement(place: Place, mark: u32, (from, to): (u64, u64)) -> Event<'static> {
    let (from, to) = (seen(from, from), seen(to, to));
    Event::Measured(Measured {
        place,
        nodes: Nodes::default(),
        ends: ends(end("172.18.0.3", 40_000), end("172.18.0.2", 80)),
        initial: Some(7),
        measure: Measure::Ack,
        waited_for: Side::Server,
        mark,
        from,
        to: Some(to),
        reading: Reading::between(from, to),
        known_at: to.at,
    })
}

/// Place, microseconds and hops of what is told.
fn told(events: Vec<Event<'static>>) -> (Vec<(Place, u128, Vec<Place>)>, u64) {
    let mut joiner = Joiner::new(HOLD);
    for event in events {
        joiner.push(Box::new(event), &World);
    }
    let mut all = Vec::new();
    while let Some(told) = joiner.pop_any(&World) {
        let Event::Measured(measured) = told.event else { panic!("{told:?}") };
        let time = measured.reading.time().unwrap().as_micros();
        all.push((measured.place, time, told.hops.iter().map(|hop| hop.place).collect()));
    }
    (all, joiner.measured_elsewhere())
}

#[test]
fn one_measurement_at_several_taps_is_one_with_hops() {
    let events = vec![
        acknowledgement(VETH, 10, (0, 50)),
        acknowledgement(BRIDGE, 10, (3, 45)),
        acknowledgement(VETH, 20, (100, 160)),
        acknowledgement(BRIDGE, 20, (104, 150)),
    ];
    let hops = vec![VETH, BRIDGE];
    assert_eq!(told(events), (vec![(BRIDGE, 42, hops.clone()), (BRIDGE, 46, hops)], 0));
}

#[test]
fn a_connection_is_measured_at_one_tap_however_others_cut_its_bytes() {
    let events = vec![
        acknowledgement(VETH, 10, (0, 50)),
        acknowledgement(BRIDGE, 10, (3, 45)),
        // The veth shows as one segment what the bridge shows as two.
        acknowledgement(BRIDGE, 20, (103, 140)),
        acknowledgement(VETH, 30, (100, 160)),
        acknowledgement(BRIDGE, 30, (104, 150)),
        acknowledgement(VETH, 35, (200, 260)),
    ];
    let (all, elsewhere) = told(events);
    let places: Vec<_> = all.iter().map(|(place, time, _)| (*place, *time)).collect();
    assert_eq!((places, elsewhere), (vec![(BRIDGE, 42), (BRIDGE, 37), (BRIDGE, 46)], 1));
}

#[test]
fn parts_of_a_measurement_are_those_of_its_hops() {
    let mut joiner = Joiner::new(HOLD);
    for event in [acknowledgement(VETH, 10, (0, 50)), acknowledgement(BRIDGE, 10, (3, 45))] {
        joiner.push(Box::new(event), &World);
    }
    let told = joiner.pop_any(&World).unwrap();
    let parts = parts::parts(&told.hops);
    let times: Vec<_> = parts.iter().map(|part| part.time().as_micros()).collect();
    assert_eq!(times, [8, 42]);
}

/// What a tap aside gives in time does not say where the connection is measured, and its other copies come late.
#[test]
fn a_tap_aside_measures_nothing_and_hides_nothing() {
    let mut joiner = Joiner::new(HOLD);
    let mut all = Vec::new();
    for event in [
        acknowledgement(ASIDE, 10, (0, 50)),
        acknowledgement(BRIDGE, 10, (3, 45)),
        acknowledgement(BRIDGE, 20, (104, 150)),
        acknowledgement(ASIDE, 20, (100, 155)),
    ] {
        joiner.push(Box::new(event), &World);
        all.extend(joiner.pop(at(1_000_000), &World));
    }
    let times: Vec<_> = all.iter().map(|told| (told.event.place(), told.event.known_at())).collect();
    assert_eq!(times, [(BRIDGE, at(45)), (BRIDGE, at(150))]);
}
