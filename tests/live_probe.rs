//! Probes between real network namespaces, which each test makes for itself and leaves nothing in. Truth is what a tap in
//! the client's namespace saw, and what the kernel says of its sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "the lints know tests by their attribute, and these are their helpers; waiting is by the clock"
)]

#[path = "common/pair.rs"]
mod pair;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bridgetap::capture::{LinkType, LiveOptions, LiveTap, Namespace, Next, Source, Stop, Tap, TapId};
use bridgetap::probe::{self, End, Event, Failure, Mark, Plan, Probe, ProbeError, Question, Summary};
use bridgetap::time::Timestamp;
use pair::{Pair, ip, socket, within};

const MS: Duration = Duration::from_millis(1);
/// No test may hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where an IPv4 or IPv6 packet's payload begins in an Ethernet frame.
const V4: usize = 14 + 20;
const V6: usize = 14 + 40;

fn plan(question: Question, count: u64, interval: Duration) -> Plan {
    Plan { question, count: Some(count), interval, patience: MS * 300 }
}

fn echo(to: &str) -> Question {
    Question::Echo { to: to.parse().unwrap(), data_len: 56 }
}

fn connect(to: &str) -> Question {
    Question::Connect { to: to.parse().unwrap() }
}

/// All that a prober tells, and what it did.
fn told(pair: &Pair, plan: Plan) -> (Vec<Event>, Summary) {
    let (sender, events) = mpsc::channel();
    let prober = probe::spawn(Namespace::open(&pair.path()).unwrap(), plan, move |event| sender.send(event).unwrap());
    let done = until_done(&events);
    prober.unwrap().wait().unwrap();
    assert!(events.recv().is_err(), "something came after the end");
    done
}

fn until_done(events: &Receiver<Event>) -> (Vec<Event>, Summary) {
    let mut told = Vec::new();
    loop {
        match events.recv_timeout(PATIENCE).expect("an end") {
            Event::Done(summary) => return (told, summary),
            event => told.push(event),
        }
    }
}

fn probes(events: &[Event]) -> Vec<Probe> {
    let probe = |event: &Event| if let Event::Probe(probe) = event { Some(*probe) } else { None };
    events.iter().filter_map(probe).collect()
}

fn failures(events: &[Event]) -> Vec<(u64, Failure)> {
    let failed = |event: &Event| match event {
        Event::Failed { number, failure } => Some((*number, *failure)),
        _ => None,
    };
    let mut failures: Vec<_> = events.iter().filter_map(failed).collect();
    failures.sort_unstable();
    failures
}

/// A tap on the client's interface, which ends when it is asked for what it saw.
struct Seen {
    stop: Stop,
    reader: JoinHandle<Vec<(Timestamp, Vec<u8>)>>,
}

impl Seen {
    fn begin(pair: &Pair, filter: &str) -> Self {
        let stop = Stop::new().unwrap();
        let (interface, link) = ("tap0".to_owned(), LinkType::ETHERNET);
        let tap = Tap { interface, network: None, namespace: None, link, aside: None };
        let options = LiveOptions { filter: Some(filter.to_owned()), ..LiveOptions::default() };
        let mut tap = LiveTap::open(tap, TapId(0), Some(&pair.path()), &options, stop.clone()).unwrap();
        let reader = thread::spawn(move || {
            let (mut frames, started) = (Vec::new(), Instant::now());
            while started.elapsed() < PATIENCE {
                match tap.next().expect("the tap") {
                    Next::Frame(frame, _) => frames.push((frame.at, frame.bytes.to_vec())),
                    Next::Idle(_) => {}
                    Next::End => return frames,
                    Next::Names(_) => panic!("a live tap knows no names"),
                }
            }
            panic!("the tap did not end");
        });
        Self { stop, reader }
    }

    fn end(self) -> Vec<(Timestamp, Vec<u8>)> {
        self.stop.request();
        self.reader.join().unwrap()
    }
}

/// The first frame with each key, and when it was seen.
fn by_key<K: Ord>(frames: &[(Timestamp, Vec<u8>)], key: impl Fn(&[u8]) -> Option<K>) -> BTreeMap<K, Timestamp> {
    let mut found = BTreeMap::new();
    for (at, bytes) in frames {
        if let Some(key) = key(bytes) {
            found.entry(key).or_insert(*at);
        }
    }
    found
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Identifier and sequence number of an ICMP message of that type.
fn icmp(bytes: &[u8], payload: usize, kind: u8) -> Option<(u16, u16)> {
    (bytes[payload] == kind).then(|| (word(bytes, payload + 4), word(bytes, payload + 6)))
}

fn echo_mark(probe: &Probe) -> (u16, u16) {
    match probe.mark {
        Mark::Echo { id, sequence } => (id, sequence),
        mark => panic!("{mark:?}"),
    }
}

/// A table of `/proc/net` in the client's namespace, without its heading.
fn table(pair: &Pair, name: &str) -> Vec<String> {
    let path = format!("/proc/thread-self/net/{name}");
    let text = within(&pair.here, move || std::fs::read_to_string(path).unwrap());
    text.lines().skip(1).map(str::to_owned).collect()
}

/// Nothing of a prober is left in the client's namespace.
fn assert_nothing_left(pair: &Pair) {
    for name in ["raw", "raw6", "tcp", "tcp6", "udp", "udp6"] {
        assert_eq!(table(pair, name), Vec::<String>::new(), "{name}");
    }
}

fn spread(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 1000];
    println!(
        "{what}: p50 {:?}, p90 {:?}, p99 {:?}, p99.9 {:?}, max {:?} of {}",
        at(500),
        at(900),
        at(990),
        at(999),
        at(1000),
        times.len()
    );
    at(500)
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn each_echo_is_on_the_wire_after_it_was_told_and_answered() {
    let pair = Pair::new();
    ip(&format!("-n {} address add fd99::1/64 dev tap0 nodad", pair.here));
    ip(&format!("-n {} address add fd99::2/64 dev tap1 nodad", pair.there));
    for (to, filter, payload, request, reply) in [("10.99.0.2", "icmp", V4, 8, 0), ("fd99::2", "icmp6", V6, 128, 129)] {
        let seen = Seen::begin(&pair, filter);
        let (events, summary) = told(&pair, plan(echo(to), 500, MS));
        let frames = seen.end();
        let probes = probes(&events);
        assert_eq!((summary.sent, summary.failed, summary.end, probes.len()), (500, 0, End::Counted, 500));
        let requests = by_key(&frames, |bytes| icmp(bytes, payload, request));
        let replies = by_key(&frames, |bytes| icmp(bytes, payload, reply));
        for (place, probe) in probes.iter().enumerate() {
            let (requested, replied) = (requests[&echo_mark(probe)], replies[&echo_mark(probe)]);
            assert!(probe.intended <= probe.sent && probe.sent <= requested && requested <= replied, "{probe:?}");
            let since_first = probe.intended.since(probes[0].intended);
            assert!(since_first.abs_diff(MS * place as u32) < Duration::from_micros(100), "{place}: {since_first:?}");
        }
        spread("sent - intended", probes.iter().map(|probe| probe.sent.since(probe.intended)).collect());
        spread("wire - sent", probes.iter().map(|probe| requests[&echo_mark(probe)].since(probe.sent)).collect());
        spread(
            "reply - intended",
            probes.iter().map(|probe| replies[&echo_mark(probe)].since(probe.intended)).collect(),
        );
        let data: Vec<u8> = (0..56).collect();
        assert!(frames.iter().all(|(_, bytes)| icmp(bytes, payload, request).is_none() || bytes.ends_with(&data)));
    }
    assert_nothing_left(&pair);
}

/// What a machine with other work does to it is printed; what is asserted holds on a busy one too.
#[test]
#[ignore = "needs root; run by .ci/run"]
fn probes_leave_when_they_should() {
    let pair = Pair::new();
    for (micros, count) in [(100, 20_000), (1_000, 2_000), (10_000, 300)] {
        let interval = Duration::from_micros(micros);
        let (events, summary) = told(&pair, plan(echo("10.99.0.2"), count, interval));
        let late = probes(&events).iter().map(|probe| probe.sent.since(probe.intended)).collect();
        let median = spread(&format!("every {interval:?}"), late);
        assert_eq!((summary.sent, summary.end), (count, End::Counted));
        assert!(median < MS, "{median:?}");
    }
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn after_a_stall_each_time_counts_from_when_it_should_have_been_sent() {
    let (pair, seen_by) = (Pair::new(), mpsc::channel());
    let seen = Seen::begin(&pair, "icmp");
    let sender = seen_by.0;
    let told = move |event| {
        sender.send(event).unwrap();
        // Whoever is told takes a second: nothing leaves meanwhile.
        if matches!(event, Event::Probe(probe) if probe.number == 10) {
            thread::sleep(MS * 1000);
        }
    };
    let plan = plan(echo("10.99.0.2"), 150, MS * 10);
    let prober = probe::spawn(Namespace::open(&pair.path()).unwrap(), plan, told).unwrap();
    let (events, summary) = until_done(&seen_by.1);
    prober.wait().unwrap();
    let frames = seen.end();
    let replies = by_key(&frames, |bytes| icmp(bytes, V4, 0));
    let probes = probes(&events);
    let times: Vec<_> = probes.iter().map(|probe| replies[&echo_mark(probe)].since(probe.intended)).collect();
    assert_eq!((times.len(), summary.sent), (150, 150));
    // Probe k after the stall has waited for what was left of it: 10 ms less than the one before.
    for (place, time) in times[10..105].iter().enumerate() {
        let (time, waited) = (*time, MS * (1000 - 10 * place as u32));
        assert!(time >= waited.saturating_sub(MS) && time < waited + MS * 200, "{place}: {time:?}, not {waited:?}");
    }
    assert!(summary.late >= 90 && summary.latest > MS * 980, "{summary:?}");
    assert_nothing_left(&pair);
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn replies_are_not_kept_while_it_runs() {
    let pair = Pair::new();
    let (sender, events) = mpsc::channel();
    let plan = Plan { count: None, ..plan(echo("10.99.0.2"), 1, MS) };
    let prober = probe::spawn(Namespace::open(&pair.path()).unwrap(), plan, move |event| sender.send(event).unwrap());
    let prober = prober.unwrap();
    while !matches!(events.recv_timeout(PATIENCE).unwrap(), Event::Probe(probe) if probe.number == 500) {}
    let raw = table(&pair, "raw");
    assert_eq!(raw.len(), 1, "{raw:?}");
    // tx_queue and rx_queue, in bytes.
    assert!(raw[0].contains(" 00000000:00000000 "), "{raw:?}");
    let stopped = Instant::now();
    prober.stop();
    let (_, summary) = until_done(&events);
    assert!(stopped.elapsed() < MS * 200 && summary.end == End::Stopped, "{summary:?}");
    prober.wait().unwrap();
    assert_nothing_left(&pair);
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn connections_are_told_by_their_port_and_leave_none_behind() {
    let pair = Pair::new();
    let listener = within(&pair.there, || TcpListener::bind("10.99.0.2:80").unwrap());
    let serving = thread::spawn(move || {
        for _ in 0..300 {
            drop(listener.accept().unwrap());
        }
    });
    let seen = Seen::begin(&pair, "tcp");
    let (events, summary) = told(&pair, plan(connect("10.99.0.2:80"), 300, MS * 2));
    let frames = seen.end();
    let probes = probes(&events);
    assert_eq!((summary.sent, summary.failed, summary.end, probes.len()), (300, 0, End::Counted, 300));
    // A port may be given again when its connection has ended.
    let first_since = |since: Timestamp, flags: u8, side: usize, port: u16| {
        let is_it = |bytes: &[u8]| bytes[V4 + 13] & 0x17 == flags && word(bytes, V4 + side) == port;
        frames.iter().find(|(at, bytes)| *at >= since && is_it(bytes)).map(|(at, _)| *at).expect("a segment")
    };
    for probe in &probes {
        let Mark::Port(port) = probe.mark else { panic!("{probe:?}") };
        // SYN, SYN-ACK, and the reset that leaves no TIME-WAIT.
        let syn = first_since(probe.sent, 0x02, 0, port);
        let reset = first_since(first_since(syn, 0x12, 2, port), 0x14, 0, port);
        assert!(syn.since(probe.sent) < MS * 200 && reset.since(syn) < MS * 200, "{probe:?}: {syn}, {reset}");
    }
    serving.join().unwrap();
    assert_nothing_left(&pair);
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn connections_that_fail_say_why() {
    let pair = Pair::new();
    ip(&format!("-n {} route add unreachable 10.98.0.0/24", pair.here));
    ip(&format!("-n {} route add prohibit 10.97.0.0/24", pair.here));
    for (to, failure) in [("10.99.0.2:81", Failure::Refused), ("10.99.0.3:80", Failure::TimedOut)] {
        let (events, summary) = told(&pair, plan(connect(to), 20, MS * 5));
        assert_eq!(failures(&events), (0..20).map(|number| (number, failure)).collect::<Vec<_>>(), "{to}");
        assert_eq!((summary.sent, summary.failed, summary.end), (20, 20, End::Counted));
    }
    let error = |to: &str| {
        let namespace = Namespace::open(&pair.path()).unwrap();
        probe::spawn(namespace, plan(connect(to), 1, MS), |event| panic!("{event:?}")).unwrap_err()
    };
    for to in ["10.98.0.1:80", "10.97.0.1:80", "10.1.2.3:80", "[fd00::1]:80"] {
        assert!(matches!(error(to), ProbeError::NoRoute { .. }), "{to}: {}", error(to));
        assert!(error(to).to_string().contains("docker network connect"), "{}", error(to));
    }
    assert_nothing_left(&pair);
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn queries_are_on_the_wire_as_they_were_told_and_answers_are_not_kept() {
    let pair = Pair::new();
    let server = socket(&pair.there, ("10.99.0.2", 53));
    let serving = thread::spawn(move || {
        let mut asked = Vec::new();
        for _ in 0..200 {
            let mut query = [0; 512];
            let (length, from) = server.recv_from(&mut query).unwrap();
            asked.push((from.port(), word(&query, 0)));
            assert_eq!(&query[2..length], b"\x01\0\0\x01\0\0\0\0\0\0\x0bcontainer_b\0\0\x01\0\x01");
            // A response, of no record.
            query[2] |= 0x80;
            server.send_to(&query[..length], from).unwrap();
        }
        asked
    });
    let seen = Seen::begin(&pair, "udp port 53");
    let resolver: SocketAddr = "10.99.0.2:53".parse().unwrap();
    let lookup = |resolver| Question::Lookup { resolver, name: "container_b".to_owned() };
    let (events, summary) = told(&pair, plan(lookup(resolver), 200, MS));
    let marks: Vec<_> = probes(&events)
        .iter()
        .map(|probe| match probe.mark {
            Mark::Query { port, id } => (port, id),
            mark => panic!("{mark:?}"),
        })
        .collect();
    assert_eq!((summary.sent, summary.failed), (200, 0));
    assert_eq!(serving.join().unwrap(), marks);
    let frames = seen.end();
    let answers = by_key(&frames, |bytes| (word(bytes, V4) == 53).then(|| (word(bytes, V4 + 2), word(bytes, V4 + 8))));
    for (probe, mark) in probes(&events).iter().zip(&marks) {
        assert!(answers[mark] > probe.intended, "{probe:?}");
    }
    // Nobody listens: the answers are ICMP errors, which are no query's failure here, but the tap's to tell.
    let (_, summary) = told(&pair, plan(lookup("10.99.0.2:54".parse().unwrap()), 20, MS));
    assert_eq!((summary.sent, summary.failed), (20, 0));
    assert_nothing_left(&pair);
    let counters = within(&pair.here, || std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap());
    let udp: Vec<_> = counters.lines().filter(|line| line.starts_with("Udp:")).collect();
    let errors = udp[0].split(' ').zip(udp[1].split(' ')).find(|(name, _)| *name == "InErrors");
    assert_eq!(errors, Some(("InErrors", "0")));
}

fn next_failure(events: &Receiver<Event>) -> Failure {
    loop {
        if let Event::Failed { failure, .. } = events.recv_timeout(PATIENCE).expect("a failure") {
            return failure;
        }
    }
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn a_container_that_stops_ends_it() {
    let pair = Pair::new();
    let (sender, events) = mpsc::channel();
    let plan = Plan { count: None, ..plan(echo("10.99.0.2"), 1, MS * 5) };
    let namespace = Namespace::open(&pair.path()).unwrap();
    let prober = probe::spawn(namespace, plan, move |event| sender.send(event).unwrap()).unwrap();
    while !matches!(events.recv_timeout(PATIENCE).unwrap(), Event::Probe(probe) if probe.number == 20) {}
    // Each probe fails, and the next is tried.
    ip(&format!("-n {} route add prohibit 10.99.0.2/32", pair.here));
    assert_eq!(next_failure(&events), Failure::Forbidden);
    ip(&format!("-n {} route del prohibit 10.99.0.2/32", pair.here));
    // What was told before the route went is passed over: two probes in a row that left.
    let left = |event| matches!(event, Event::Probe(_));
    while !(left(events.recv_timeout(PATIENCE).unwrap()) && left(events.recv_timeout(PATIENCE).unwrap())) {}
    ip(&format!("-n {} link del tap0", pair.here));
    assert_eq!(next_failure(&events), Failure::Unreachable);
    ip(&format!("netns del {}", pair.here));
    let (_, summary) = until_done(&events);
    assert_eq!(summary.end, End::Gone);
    prober.wait().unwrap();
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn who_listens_in_a_namespace_is_told_from_outside() {
    let pair = Pair::new();
    let there = Namespace::open(&std::path::Path::new("/run/netns").join(&pair.there)).unwrap();
    assert_eq!(probe::listening(&there).unwrap(), []);
    let sockets = within(&pair.there, || ["10.99.0.2:8080", "0.0.0.0:80"].map(|at| TcpListener::bind(at).unwrap()));
    let listeners = probe::listening(&there).unwrap();
    assert_eq!(listeners.iter().map(|listener| listener.port).collect::<Vec<_>>(), [80, 8080]);
    assert!(listeners.iter().all(|listener| listener.takes("10.99.0.2".parse().unwrap())));
    assert_eq!(probe::listening(&Namespace::open(&pair.path()).unwrap()).unwrap(), []);
    drop(sockets);
}
