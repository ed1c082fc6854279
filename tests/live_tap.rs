//! Live taps on real interfaces, in network namespaces that each test makes for itself and that nothing leaves.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "the lints know tests by their attribute, and these are their helpers; latency is against the clock"
)]

#[path = "common/pair.rs"]
mod pair;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bridgetap::capture::{Drops, Error, LinkType, LiveOptions, LiveTap, Next, Source, Stop, Tap, TapId};
use bridgetap::time::Timestamp;
use pair::{Pair, ip, socket};

/// No test may hang: a tap that gives nothing for this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

impl Pair {
    fn tap(&self, interface: &str, filter: Option<&str>, stop: &Stop) -> Result<LiveTap, Error> {
        let options = LiveOptions { filter: filter.map(str::to_owned), ..LiveOptions::default() };
        open(interface, Some(&self.path()), &options, stop)
    }

    /// Datagrams of 64 bytes to port 7 and back, one exchange after the other, at this interval. `server` is an address
    /// of the second namespace, or of loopback.
    fn echo(&self, server: &str, count: u8, interval: Duration) {
        let loopback = server.starts_with("127.");
        let serving = socket(if loopback { &self.here } else { &self.there }, (server, 7));
        let client = socket(&self.here, (if loopback { server } else { "10.99.0.1" }, 0));
        for number in 0..count {
            thread::sleep(interval);
            let mut echoed = [0; 64];
            client.send_to(&[number; 64], (server, 7)).expect("send");
            let (length, from) = serving.recv_from(&mut echoed).expect("receive");
            serving.send_to(echoed.get(..length).expect("what was received"), from).expect("answer");
            assert_eq!(client.recv(&mut echoed).expect("the answer"), 64);
            assert_eq!(echoed, [number; 64]);
        }
    }
}

fn open(interface: &str, namespace: Option<&Path>, options: &LiveOptions, stop: &Stop) -> Result<LiveTap, Error> {
    let link = LinkType(u16::MAX);
    let tap = Tap { interface: interface.to_owned(), network: None, namespace: None, link, aside: None };
    LiveTap::open(tap, TapId(7), namespace, options, stop.clone())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp::ZERO + since
}

/// What a tap gave until it ended: the bytes and how late each frame was, and the error if that was the end.
fn drain(tap: &mut LiveTap) -> (Vec<(Vec<u8>, Duration)>, Option<Error>) {
    let (mut frames, started) = (Vec::new(), Instant::now());
    loop {
        assert!(started.elapsed() < PATIENCE, "the tap did not end; {} frames", frames.len());
        match tap.next() {
            Ok(Next::Frame(frame, _)) => {
                let late = now().since(frame.at);
                assert_eq!((frame.number, frame.tap), (frames.len() as u64 + 1, TapId(7)));
                frames.push((frame.bytes.to_vec(), late));
            }
            Ok(Next::Idle(at)) => assert!(now().since(at) < Duration::from_secs(1)),
            Ok(Next::End) => return (frames, None),
            Ok(Next::Names(_)) => panic!("a live tap knows no names"),
            Err(error) => return (frames, Some(error)),
        }
    }
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn frames_come_within_50_ms() {
    let (pair, stop) = (Pair::new(), Stop::new().unwrap());
    let mut tap = pair.tap("tap0", Some("udp port 7"), &stop).unwrap();
    assert_eq!(tap.tap(TapId(7)).unwrap().link, LinkType::ETHERNET);
    assert!(tap.tap(TapId(0)).is_none());
    let reader = thread::spawn(move || drain(&mut tap).0);
    pair.echo("10.99.0.2", 20, Duration::from_millis(50));
    stop.request();
    let mut late: Vec<Duration> = reader.join().unwrap().into_iter().map(|(_, late)| late).collect();
    late.sort();
    assert_eq!(late.len(), 40);
    println!("latency: median {:?}, max {:?}", late[20], late[39]);
    assert!(late[39] < Duration::from_millis(50), "{:?}", late[39]);
}

/// At the pace of the ring's blocks, which lose what comes just as the kernel hands one over.
#[test]
#[ignore = "needs root; run by .ci/run"]
fn frames_come_at_once_where_that_is_asked_for() {
    let (pair, stop) = (Pair::new(), Stop::new().unwrap());
    let options = LiveOptions {
        snap_len: 2048,
        ring_bytes: 4 << 20,
        filter: Some("udp port 7".to_owned()),
        immediate: true,
        ..LiveOptions::default()
    };
    let mut tap = open("lo", Some(&pair.path()), &options, &stop).unwrap();
    let reader = thread::spawn(move || (drain(&mut tap).0, tap.drops()));
    pair.echo("127.0.0.1", 100, Duration::from_millis(10));
    stop.request();
    let (frames, drops) = reader.join().unwrap();
    let mut late: Vec<Duration> = frames.into_iter().map(|(_, late)| late).collect();
    late.sort();
    assert_eq!((late.len(), drops.kernel), (200, 0));
    println!("latency at once: median {:?}, max {:?}", late[100], late[199]);
    assert!(late[100] < Duration::from_millis(3), "{late:?}");
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn a_burst_is_captured_whole() {
    const PACKETS: usize = 100_000;
    let (pair, stop) = (Pair::new(), Stop::new().unwrap());
    let mut tap = pair.tap("tap0", Some("udp dst port 9"), &stop).unwrap();
    // Resolves the address first, so that nothing waits for ARP and is lost there.
    pair.echo("10.99.0.2", 1, Duration::ZERO);
    let reader = thread::spawn(move || {
        let (mut frames, mut bytes) = (0_usize, 0_usize);
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            match tap.next().unwrap() {
                Next::Frame(frame, _) => (frames, bytes) = (frames + 1, bytes + frame.bytes.len()),
                Next::End => break,
                _ => {}
            }
        }
        (frames, bytes, tap.drops())
    });
    let (sender, started) = (socket(&pair.here, ("10.99.0.1", 0)), Instant::now());
    sender.connect(("10.99.0.2", 9)).unwrap();
    // It only keeps the sender from being refused. 958 bytes of payload make 1,000 on the wire.
    let _sink = socket(&pair.there, ("10.99.0.2", 9));
    for _ in 0..PACKETS {
        sender.send(&[0; 958]).unwrap();
    }
    let took = started.elapsed();
    stop.request();
    let (frames, bytes, drops) = reader.join().unwrap();
    println!("burst: {frames} frames in {took:?}, {drops:?}");
    assert_eq!(drops, Drops::default());
    assert_eq!(frames, PACKETS);
    assert_eq!(bytes, 1_000 * frames);
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn what_was_sent_before_the_stop_is_given() {
    let pair = Pair::new();
    for _ in 0..10 {
        let stop = Stop::new().unwrap();
        let mut tap = pair.tap("tap0", Some("udp dst port 7"), &stop).unwrap();
        pair.echo("10.99.0.2", 5, Duration::from_millis(2));
        stop.request();
        // Later than the request, and while the ring is drained: not to be given.
        pair.echo("10.99.0.2", 1, Duration::ZERO);
        let (frames, error) = drain(&mut tap);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(frames.len(), 5);
    }
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn a_stop_ends_also_under_traffic_and_wakes_an_idle_tap() {
    let (pair, stop) = (Pair::new(), Stop::new().unwrap());
    let mut busy = pair.tap("tap0", None, &stop).unwrap();
    let mut idle = pair.tap("lo", None, &stop).unwrap();
    idle.set_idle(PATIENCE);
    pair.echo("10.99.0.2", 1, Duration::ZERO);
    let readers = [thread::spawn(move || drain(&mut busy).1), thread::spawn(move || drain(&mut idle).1)];
    let (sender, started) = (socket(&pair.here, ("10.99.0.1", 0)), Instant::now());
    sender.connect(("10.99.0.2", 9)).unwrap();
    let mut asked = None;
    while readers.iter().any(|reader| !reader.is_finished()) && started.elapsed() < PATIENCE {
        let _ = sender.send(&[0; 100]);
        thread::sleep(Duration::from_micros(100));
        if asked.is_none() && started.elapsed() > Duration::from_millis(200) {
            stop.request();
            asked = Some(Instant::now());
        }
    }
    let took = asked.unwrap().elapsed();
    println!("stopped under traffic after {took:?}");
    assert!(took < Duration::from_millis(500), "{took:?}");
    for reader in readers {
        assert!(reader.join().unwrap().is_none());
    }
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn a_deleted_interface_vanishes_after_its_last_frames() {
    let (pair, stop) = (Pair::new(), Stop::new().unwrap());
    let mut tap = pair.tap("tap0", Some("udp port 7"), &stop).unwrap();
    let reader = thread::spawn(move || (drain(&mut tap), Instant::now()));
    thread::sleep(Duration::from_millis(50));
    pair.echo("10.99.0.2", 3, Duration::from_millis(2));
    let deleted = Instant::now();
    ip(&format!("-n {} link del tap0", pair.here));
    let ((frames, error), ended) = reader.join().unwrap();
    println!("vanished {:?} after ip link del", ended.duration_since(deleted));
    assert_eq!(frames.len(), 6);
    let error = error.expect("an error");
    assert!(matches!(&error, Error::Vanished { namespace: Some(path), .. } if *path == pair.path()), "{error:?}");
    assert_eq!(error.to_string(), format!("tap0: the interface is gone in {}", pair.path().display()));
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn an_interface_that_goes_down_and_up_is_read_on() {
    let (pair, stop) = (Pair::new(), Stop::new().unwrap());
    let mut tap = pair.tap("tap0", Some("udp port 7"), &stop).unwrap();
    let reader = thread::spawn(move || {
        let (mut frames, mut down, mut errors) = (0, false, Vec::new());
        loop {
            match tap.next() {
                Ok(Next::Frame(..)) => frames += 1,
                Ok(Next::End) => return (frames, down, tap.is_down(), errors),
                Ok(_) => down |= tap.is_down(),
                Err(error) => errors.push(error.to_string()),
            }
            assert!(errors.len() < 5, "{errors:?}");
        }
    });
    thread::sleep(Duration::from_millis(50));
    ip(&format!("-n {} link set tap0 down", pair.here));
    thread::sleep(Duration::from_millis(400));
    ip(&format!("-n {} link set tap0 up", pair.here));
    pair.echo("10.99.0.2", 3, Duration::from_millis(100));
    stop.request();
    assert_eq!(reader.join().unwrap(), (6, true, false, Vec::new()));
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn a_namespace_that_ends_vanishes_although_the_tap_holds_it() {
    let (pair, stop) = (Pair::new(), Stop::new().unwrap());
    let mut tap = pair.tap("lo", None, &stop).unwrap();
    tap.set_idle(Duration::from_millis(20));
    ip(&format!("netns del {}", pair.here));
    let (_, error) = drain(&mut tap);
    assert!(matches!(error, Some(Error::Vanished { .. })), "{error:?}");
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn loopback_of_another_namespace_is_seen_and_only_there() {
    let (pair, stop) = (Pair::new(), Stop::new().unwrap());
    let options = LiveOptions { ring_bytes: 1 << 20, filter: Some("udp port 7".into()), ..LiveOptions::default() };
    let mut inside = open("lo", Some(&pair.path()), &options, &stop).unwrap();
    pair.echo("127.0.0.1", 3, Duration::from_millis(10));
    stop.request();
    let frames = drain(&mut inside).0;
    assert_eq!(frames.len(), 6);
    for (index, (bytes, _)) in frames.iter().enumerate() {
        assert!(bytes.ends_with(&[u8::try_from(index / 2).unwrap(); 64]), "frame {index}: {bytes:?}");
    }
    let error = open("tap0", None, &LiveOptions::default(), &stop).err().expect("tap0 is not in this namespace");
    assert!(matches!(error, Error::NoInterface { .. }), "the program itself has moved: {error}");
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn any_sees_every_interface_and_says_which() {
    let (pair, stop) = (Pair::new(), Stop::new().unwrap());
    let mut tap = pair.tap("any", Some("udp port 7"), &stop).unwrap();
    assert_eq!(tap.tap(TapId(7)).unwrap().link, LinkType::LINUX_SLL2);
    pair.echo("10.99.0.2", 1, Duration::ZERO);
    pair.echo("127.0.0.1", 1, Duration::ZERO);
    stop.request();
    let mut indexes: Vec<_> = drain(&mut tap).0.into_iter().map(|(bytes, _)| bytes[4..8].to_vec()).collect();
    indexes.dedup();
    assert_eq!(indexes.len(), 2, "{indexes:?}");
    assert_eq!(indexes[1], [0, 0, 0, 1], "lo is the first interface of a namespace");
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn an_idle_tap_costs_nothing() {
    let (pair, stop) = (Pair::new(), Stop::new().unwrap());
    thread::sleep(Duration::from_millis(100));
    let mut tap = pair.tap("lo", None, &stop).unwrap();
    let (started, mut idles) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_millis(1100) {
        assert!(matches!(tap.next().unwrap(), Next::Idle(_)));
        idles += 1;
    }
    assert!((3..=5).contains(&idles), "{idles} idles in 1.1 s at an interval of 250 ms");
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn what_cannot_be_opened_says_why() {
    let (pair, stop) = (Pair::new(), Stop::new().unwrap());
    let said = |result: Result<LiveTap, Error>| result.err().expect("an error").to_string();
    let place = pair.path();
    let text = format!("tapp0: no such interface in {}; did you mean tap0?", place.display());
    assert_eq!(said(pair.tap("tapp0", None, &stop)), text);
    let text = format!("nflog: no such interface in {}; ip link shows those there are", place.display());
    assert_eq!(said(pair.tap("nflog", None, &stop)), text);
    let text = "capture filter 'host and': can't parse filter expression: syntax error; man pcap-filter has the syntax";
    assert_eq!(said(pair.tap("lo", Some("host and"), &stop)), text);
    let gone = Path::new("/run/netns/bt-tap-none");
    let text = "/run/netns/bt-tap-none: no such network namespace; its container has stopped";
    assert_eq!(said(open("lo", Some(gone), &LiveOptions::default(), &stop)), text);
    ip(&format!("-n {} link set tap0 down", pair.here));
    let text = "tap0: the interface is down; bring it up with: sudo ip link set tap0 up";
    assert_eq!(said(pair.tap("tap0", None, &stop)), text);
}
