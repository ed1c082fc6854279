use std::sync::Arc;
use std::time::Duration;

use super::super::collector::{Collector, Wanted};
use super::*;
use crate::capture::TapId;
use crate::decode::message::Endpoint;
use crate::join::Hop;
use crate::latency::{By, Limits, Order, Party};
use crate::name::Namer;
use crate::probe::Probe;
use crate::track::event::{Ends, Exchange, Missing, Nodes, Outcome, Place, Seen, Side};
use crate::track::measured::{Measured, Reading};

const CLIENT: [u8; 4] = [172, 18, 0, 2];
const SERVER: [u8; 4] = [172, 18, 0, 3];

fn at(micros: u64) -> Timestamp {
    Timestamp::from_nanos(1_000_000_000 + micros * 1000)
}

fn seen(micros: u64) -> Seen {
    Seen { at: at(micros), number: micros }
}

fn place(tap: u32) -> Place {
    Place { tap: TapId(tap), if_index: 0, vni: None }
}

fn key(measure: Measure) -> Key {
    Key { client: Party::alone("a"), server: Party::alone("b"), port: "".into(), network: "".into(), measure }
}

fn probes(measure: Measure, count: Option<u64>) -> Probes {
    Probes::new(vec![CLIENT.into()], key(measure), count)
}

/// The prober tells a probe, which leaves 10 µs late.
fn sends(probes: &Probes, number: u64, mark: Mark, intended: u64) {
    let (intended, sent) = (at(intended), at(intended + 10));
    probes.told(&News::Probe(Probe { number, mark, intended, sent }));
}

fn echo(sequence: u16) -> Mark {
    Mark::Echo { id: 7, sequence }
}

fn ends(client: [u8; 4], port: Option<u16>) -> Ends {
    let client = Endpoint { address: client.into(), port };
    let server = Endpoint { address: SERVER.into(), port: port.map(|_| 80) };
    Ends { client, server, client_mac: None, server_mac: None }
}

/// A ping from `asked` on, answered at a time or not.
fn ping(sequence: u16, asked: u64, answered: Option<u64>) -> Exchange<'static> {
    Exchange {
        protocol: crate::decode::message::ProtocolId(0),
        place: place(1),
        nodes: Nodes::default(),
        ends: ends(CLIENT, None),
        request: seen(asked),
        reply: answered.map(seen),
        outcome: if answered.is_some() { Outcome::Answered } else { Outcome::Unanswered(Missing::TimedOut) },
        tries: 1,
        cast: None,
        waited: Duration::ZERO,
        late: false,
        subject: Subject::Ping { id: 7, sequence, data_len: 56, hop_limit: 64, fragmented: false },
        known_at: at(asked),
    }
}

/// The handshake of a client's port.
fn connect(port: u16, asked: u64, reading: Reading) -> Told<'static> {
    Told::alone(Event::Measured(Measured {
        place: place(1),
        nodes: Nodes::default(),
        ends: ends(CLIENT, Some(port)),
        initial: Some(1),
        measure: Measure::Syn,
        waited_for: Side::Server,
        mark: 1,
        from: seen(asked),
        to: reading.time().map(|time| Seen { at: at(asked) + time, number: 1 }),
        reading,
        known_at: at(asked),
    }))
}

fn collector(probes: Arc<Probes>) -> Collector {
    let limits = Limits::default();
    Collector::new(Wanted { measures: Vec::new(), limits, hops: false, timelines: true, probes: Some(probes) })
}

/// What a series has counted: its heading, times in microseconds, unanswered, late, failed.
fn counted(gathered: &Gathered) -> Vec<(String, Vec<u64>, u64, u64, u64)> {
    let series = gathered.table.series(By::Series, Order::Key);
    let figures = |series: &crate::latency::Series<'_>| {
        let counted = &series.counted;
        let times = counted.times.buckets().flat_map(|bucket| {
            let micros = bucket.lowest.div_ceil(1000);
            std::iter::repeat_n(micros, usize::try_from(bucket.count).unwrap())
        });
        let ends = format!("{} {}", series.key.client.name(), series.key.server.name());
        (ends, times.collect(), counted.unanswered, counted.late, counted.failed)
    };
    series.iter().map(figures).collect()
}

const HEARD: &str = "172.18.0.2 172.18.0.3";

#[test]
fn a_time_is_from_the_intended_moment_until_the_client_has_the_answer() {
    let probes = Arc::new(probes(Measure::Ping, Some(1)));
    let mut collector = collector(Arc::clone(&probes));
    sends(&probes, 0, echo(0), 100);
    assert!(!probes.is_over());
    // What is told is what the bridge saw; the client's interface saw the reply 20 µs later.
    let mut told = Told::alone(Event::Exchange(ping(0, 130, Some(180))));
    let hop = |tap, began, ended| {
        let ends = ends(CLIENT, None);
        Hop {
            place: place(tap),
            client: ends.client,
            server: ends.server,
            began: seen(began),
            ended: Some(seen(ended)),
        }
    };
    told.hops = vec![hop(2, 120, 200), hop(1, 130, 180), hop(3, 140, 170)];
    collector.collect(&told, &Namer::new(true));
    assert!(probes.is_over());
    assert_eq!(counted(collector.gathered()), [(HEARD.to_owned(), vec![100], 0, 0, 0)]);
}

#[test]
fn one_that_was_given_up_is_lost_once_and_late_when_it_comes() {
    let probes = Arc::new(probes(Measure::Ping, Some(3)));
    let mut collector = collector(Arc::clone(&probes));
    for number in 0..3 {
        sends(&probes, number, echo(number as u16), number * 10);
    }
    let mut tell = |exchange| collector.collect(&Told::alone(Event::Exchange(exchange)), &Namer::new(true));
    tell(ping(0, 15, None));
    tell(ping(1, 25, None));
    tell(Exchange { late: true, ..ping(0, 15, Some(1_000_015)) });
    // It was unreachable, and that was told late.
    tell(Exchange { late: true, outcome: Outcome::Failed(None), reply: None, ..ping(1, 25, None) });
    assert!(!probes.is_over(), "the third is not heard of");
    assert_eq!(counted(collector.gathered()), [(HEARD.to_owned(), vec![], 2, 2, 0)]);
    let mut gathered = collector.into_gathered();
    assert!(probes.account(&mut gathered).is_empty());
    // In the series of the others, whatever they are called there.
    assert_eq!(counted(&gathered), [(HEARD.to_owned(), vec![], 3, 2, 0)]);
    let column = gathered.timelines.of(Measure::Ping).unwrap().columns().first().unwrap();
    assert_eq!(column.unanswered, 3);
}

#[test]
fn a_port_that_comes_again_is_each_probes_own() {
    let probes = Arc::new(probes(Measure::Syn, None));
    let mut collector = collector(Arc::clone(&probes));
    let port = Mark::Port(40_000);
    // All are told before anything is heard of the first.
    for (number, intended) in [(0, 0), (1, 1000), (2, 5_000_000)] {
        sends(&probes, number, port, intended);
    }
    let mut tell = |told| collector.collect(&told, &Namer::new(true));
    tell(connect(40_000, 15, Reading::Time(Duration::from_micros(35))));
    tell(connect(40_000, 1015, Reading::Unanswered(1)));
    tell(connect(40_000, 5_000_020, Reading::Time(Duration::from_micros(40))));
    // Another program's, before any probe had the port; and one that is told twice.
    tell(connect(40_001, 15, Reading::Time(Duration::from_micros(35))));
    tell(connect(40_000, 15, Reading::Time(Duration::from_micros(35))));
    assert_eq!(counted(collector.gathered()), [(HEARD.to_owned(), vec![50, 60], 1, 0, 0)]);
}

#[test]
fn what_others_ask_is_no_probe_though_its_mark_is_the_same() {
    let probes = probes(Measure::Ping, None);
    sends(&probes, 0, echo(0), 0);
    let others = Exchange { ends: ends([172, 18, 0, 9], None), ..ping(0, 20, Some(30)) };
    assert_eq!(probes.find(&Told::alone(Event::Exchange(others)), at(20), false), None);
    let earlier = Told::alone(Event::Exchange(ping(0, 5, Some(30))));
    assert_eq!(probes.find(&earlier, at(5), false), None, "it was not sent yet");
    let own = Told::alone(Event::Exchange(ping(0, 20, Some(30))));
    assert_eq!(probes.find(&own, at(20), false), Some(at(0)));
}

#[test]
fn the_end_is_not_before_all_were_sent() {
    let probes = probes(Measure::Syn, Some(4));
    let fails = |number, failure| probes.told(&News::Failed { number, failure });
    fails(0, Failure::TooLate);
    fails(1, Failure::InFlight);
    sends(&probes, 2, Mark::Port(1), 0);
    probes.find(&connect(1, 20, Reading::Time(Duration::ZERO)), at(20), false).unwrap();
    assert!(!probes.is_over(), "one is still to be sent");
    sends(&probes, 3, Mark::Port(2), 0);
    assert!(!probes.is_over(), "it is not answered yet");
    // The kernel would not send it, so nothing comes.
    fails(3, Failure::Unreachable);
    let mut gathered = collector(Arc::new(super::Probes::new(Vec::new(), key(Measure::Syn), None))).into_gathered();
    let said = probes.account(&mut gathered);
    assert_eq!(
        said,
        [
            "1 probe failed: unreachable",
            "1 probe failed: too many connections under way",
            "1 probe failed: more than 10 s late"
        ]
    );
    assert_eq!(counted(&gathered), [("a b".to_owned(), vec![], 0, 0, 3)], "nothing was heard of any");
    probes.told(&News::Done(Summary::default()));
    assert!(probes.is_over() && probes.is_whole());
}

#[test]
fn one_that_only_waited_too_long_is_unanswered() {
    let probes = probes(Measure::Syn, Some(1));
    sends(&probes, 0, Mark::Port(1), 0);
    probes.told(&News::Failed { number: 0, failure: Failure::TimedOut });
    let mut gathered = collector(Arc::new(super::Probes::new(Vec::new(), key(Measure::Syn), None))).into_gathered();
    assert_eq!(probes.account(&mut gathered), ["1 probe failed: timed out"]);
    assert_eq!(counted(&gathered), [("a b".to_owned(), vec![], 1, 0, 0)]);
    assert_eq!(gathered.span, Some((at(0), at(0))));
}

#[test]
fn who_answers_nothing_for_days_takes_no_more_room() {
    let probes = probes(Measure::Ping, None);
    let all = MAX_KNOWN as u64 + 1000;
    for number in 0..all {
        let mark = Mark::Echo { id: (number >> 16) as u16, sequence: number as u16 };
        sends(&probes, number, mark, number);
    }
    let state = probes.state();
    assert_eq!((state.known.len(), state.order.len(), state.missing), (MAX_KNOWN, MAX_KNOWN, 1000));
    drop(state);
    let mut gathered = collector(Arc::new(super::Probes::new(Vec::new(), key(Measure::Ping), None))).into_gathered();
    probes.account(&mut gathered);
    assert_eq!(counted(&gathered), [("a b".to_owned(), vec![], all, 0, 0)]);
}

#[test]
fn a_client_that_went_is_no_success() {
    let probes = probes(Measure::Ping, Some(5));
    assert!(!probes.is_over());
    probes.told(&News::Done(Summary { end: End::Gone, ..Summary::default() }));
    assert!(probes.is_over() && !probes.is_whole());
}
