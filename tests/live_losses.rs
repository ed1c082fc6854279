//! Nothing is lost between an interface and the summary that is not counted, and what is lost is said where and when:
//! the real program on real interfaces, in namespaces of the test's own.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the lints know tests by their attribute, and these are their helpers; the sender is paced by the clock"
)]
#![allow(dead_code, reason = "other tests take the rest of what they share")]

#[path = "live/lab.rs"]
mod lab;
#[path = "common/pair.rs"]
mod pair;
#[path = "common/schema.rs"]
mod schema;
#[path = "live/watching.rs"]
mod watching;

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use pair::{Pair, socket, within};
use schema::Schema;
use watching::Watching;

/// Where datagrams go.
const PORT: u16 = 9;

/// `bridgetap watch -i tap0` in the first namespace of a pair. No daemon is asked: there are no containers.
fn bridgetap(pair: &Pair, arguments: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &pair.here, env!("CARGO_BIN_EXE_bridgetap"), "watch", "-i", "tap0"]);
    command.args(arguments).env("DOCKER_HOST", "unix:///nowhere");
    command
}

/// Datagrams on tap0, and nothing else: no address is asked for, and what is sent to `PORT` is nobody's at the other end,
/// which is thrown away without a word.
struct Traffic<'a> {
    pair: &'a Pair,
}

impl<'a> Traffic<'a> {
    fn new(pair: &'a Pair) -> Self {
        for (namespace, interface) in [(&pair.here, "tap0"), (&pair.there, "tap1")] {
            pair::ip(&format!("-n {namespace} link set {interface} arp off"));
            within(namespace, || {
                std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").expect("no IPv6");
            });
        }
        Self { pair }
    }

    /// Packets that tap0 has sent and received.
    fn seen(&self) -> u64 {
        let command = [
            "netns",
            "exec",
            &self.pair.here,
            "cat",
            "/sys/class/net/tap0/statistics/tx_packets",
            "/sys/class/net/tap0/statistics/rx_packets",
        ];
        let output = Command::new("ip").args(command).output().expect("ip");
        let text = String::from_utf8(output.stdout).expect("numbers");
        text.split_whitespace().map(|number| number.parse::<u64>().expect("a number")).sum()
    }

    /// Sends so many datagrams of `length` bytes, from so many ports in turn, at this rate or as fast as it goes.
    fn send(&self, count: u64, length: usize, ports: usize, rate: Option<u64>) {
        let senders: Vec<_> = (0..ports).map(|_| socket(&self.pair.here, ("10.99.0.1", 0))).collect();
        for sender in &senders {
            sender.connect(("10.99.0.2", PORT)).expect("connect");
        }
        let (payload, began) = (vec![0; length], Instant::now());
        for (number, sender) in (0..count).zip(senders.iter().cycle()) {
            sender.send(&payload).expect("send");
            if let Some(rate) = rate.filter(|rate| number % (rate / 1000) == 0) {
                let due = began + Duration::from_micros(number * 1_000_000 / rate);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
    }
}

/// Sends until it is told to stop, and counts.
struct Sending {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Sending {
    fn begin(pair: &Pair) -> Self {
        let sender = socket(&pair.here, ("10.99.0.1", 0));
        sender.connect(("10.99.0.2", PORT)).expect("connect");
        let (sent, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stopping) = (Arc::clone(&sent), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                sender.send(&[0; 64]).expect("send");
                if counter.fetch_add(1, Ordering::SeqCst) % 20 == 0 {
                    thread::sleep(Duration::from_micros(500));
                }
            }
        });
        Self { sent, stop, thread }
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it sends");
        self.sent.load(Ordering::SeqCst)
    }
}

fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("no {key} in {object}"))
}

/// The first number of a line, as `1,234 packets`.
fn first_number(line: &str) -> u64 {
    let digits: String =
        line.chars().skip_while(|char| !char.is_ascii_digit()).take_while(|char| *char != ' ').collect();
    digits.trim_end_matches(':').replace(',', "").parse().unwrap_or_else(|_| panic!("no number in {line}"))
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn what_is_sent_is_received_and_followed() {
    const SENT: u64 = 100_000;
    let pair = Pair::new();
    let traffic = Traffic::new(&pair);
    for arguments in [&["--json"][..], &["--json", "--summary"], &["--json", "--packets"]] {
        let watching = Watching::begin(&mut bridgetap(&pair, arguments));
        let before = traffic.seen();
        traffic.send(SENT, 64, 50, Some(50_000));
        let received = traffic.seen() - before;
        let ended = watching.end();
        let summary = ended.summary();
        let (packets, dropped) = (number(&summary, "packets"), number(&summary, "dropped_by_kernel"));
        println!("{arguments:?}: {SENT} sent, {received} at the interface, {packets} followed, {dropped} dropped");
        assert_eq!(received, SENT, "sent = received");
        assert_eq!(packets + dropped, received, "received = followed");
        assert_eq!((dropped, number(&summary, "events_lost")), (0, 0), "two seconds at a modest rate");
        if !arguments.contains(&"--summary") {
            let told = if arguments.contains(&"--packets") { SENT } else { 2 * 50 };
            assert_eq!(ended.objects().len() as u64, told);
        }
    }
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn the_ring_is_drained_up_to_ctrl_c() {
    let pair = Pair::new();
    let _traffic = Traffic::new(&pair);
    for _ in 0..5 {
        let watching = Watching::begin(&mut bridgetap(&pair, &["--json", "--packets"]));
        let sending = Sending::begin(&pair);
        thread::sleep(Duration::from_millis(200));
        let before = sending.sent();
        watching.signal(Signal::SIGINT);
        thread::sleep(Duration::from_millis(100));
        let ended = watching.ended();
        let sent = sending.end();
        let summary = ended.summary();
        let packets = number(&summary, "packets");
        println!("{before} sent before Ctrl-C, {packets} told, {sent} sent in all");
        assert_eq!((number(&summary, "dropped_by_kernel"), number(&summary, "events_lost")), (0, 0));
        assert!(packets >= before, "{packets} of {before} that were sent before");
        assert!(packets < sent, "what came later is not told");
        assert_eq!(ended.objects().len() as u64, packets);
    }
}

/// The program is stopped, so that its ring fills up, whatever else the machine does.
#[test]
#[ignore = "needs root; run by .ci/run"]
fn what_the_kernel_drops_is_said_where_and_when() {
    const SENT: u64 = 5_000;
    let (pair, schema) = (Pair::new(), Schema::read("output"));
    let traffic = Traffic::new(&pair);
    for json in [true, false] {
        let arguments: &[&str] = if json { &["-B", "512", "--json"] } else { &["-B", "512", "--color", "never"] };
        let watching = Watching::begin(&mut bridgetap(&pair, arguments));
        watching.signal(Signal::SIGSTOP);
        // Four times what the ring holds.
        traffic.send(SENT, 400, 1, None);
        watching.signal(Signal::SIGCONT);
        // Once a second it is looked.
        thread::sleep(Duration::from_millis(1500));
        let ended = watching.end();
        if json {
            let lines: Vec<_> = ended.objects().into_iter().filter(|object| object["kind"] == "dropped").collect();
            let summary = ended.summary();
            lines.iter().chain([&summary]).for_each(|line| schema.check(line).unwrap());
            let dropped = number(&summary, "dropped_by_kernel");
            assert_eq!(number(&summary, "packets") + dropped, SENT, "{summary}");
            assert!(dropped > 0, "the ring is too large for this test");
            assert_eq!(lines.iter().map(|line| number(line, "count")).sum::<u64>(), dropped, "{lines:?}");
            let losses = summary["losses"].as_array().expect("where it was");
            assert_eq!(losses.len(), 1, "{losses:?}");
            for loss in lines.iter().chain(losses) {
                assert_eq!((&loss["by"], &loss["interface"]), (&"kernel".into(), &"tap0".into()), "{loss}");
                assert!(watching::nanos(&loss["since"]) <= watching::nanos(&loss["until"]), "{loss}");
            }
        } else {
            let (log, summary) = ended.text.split_once("\n\n").expect("a summary");
            let line = log.lines().find(|line| line.starts_with('…')).unwrap_or_else(|| panic!("no line: {log}"));
            let words = " packets dropped by the kernel at tap0 between ";
            assert!(line.contains(words) && line.ends_with(": its ring was full (-B makes it larger)"), "{line}");
            let whole =
                summary.lines().find(|line| line.starts_with("Dropped by the kernel at tap0: ")).expect(summary);
            assert_eq!(first_number(whole.split_once(": ").expect("a number").1), first_number(line), "{whole}");
        }
    }
}

/// Nobody reads the log for a while, so that the queue fills up.
#[test]
#[ignore = "needs root; run by .ci/run"]
fn events_without_room_are_said_where_and_when() {
    const SENT: u64 = 100_000;
    let (pair, schema) = (Pair::new(), Schema::read("output"));
    let traffic = Traffic::new(&pair);
    for json in [true, false] {
        let format: &[&str] = if json { &["--json"] } else { &["--color", "never"] };
        let mut command = bridgetap(&pair, &[&["--packets"], format].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bridgetap");
        let mut said = child.stderr.take().expect("a pipe");
        let mut words = Vec::new();
        while !words.ends_with(b"Ctrl-C ends\n") {
            let mut byte = [0];
            said.read_exact(&mut byte).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&words)));
            words.extend(byte);
        }
        traffic.send(SENT, 64, 1, None);
        // All of it came out of the ring, into a queue that was full.
        thread::sleep(Duration::from_millis(1500));
        let mut log = child.stdout.take().expect("a pipe");
        let reader = thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).expect("text");
            text
        });
        thread::sleep(Duration::from_millis(500));
        kill(Pid::from_raw(child.id().try_into().expect("a process id")), Signal::SIGINT).expect("it runs");
        let text = reader.join().expect("it was read to its end");
        assert!(child.wait().expect("it ends").success());
        if json {
            let objects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            let of_kind = |kind| objects.iter().filter(move |object| object["kind"] == kind);
            of_kind("lost").chain(of_kind("summary")).for_each(|line| schema.check(line).unwrap());
            let summary = of_kind("summary").next().expect("a summary");
            let (packets, lost) = (number(summary, "packets"), number(summary, "events_lost"));
            let (dropped, shown) =
                (number(summary, "dropped_by_kernel"), objects.iter().filter(|o| o["length"].is_u64()));
            let shown = shown.count() as u64;
            println!("{SENT} sent: {packets} followed, {dropped} dropped, {shown} shown, {lost} lost");
            assert_eq!(packets + dropped, SENT, "the capture never waits, and counts exactly");
            assert!(lost > 0, "the queue is too large for this test");
            // One flow: its beginning and its end are events, too, and no lines.
            assert!((packets..=packets + 2).contains(&(shown + lost)), "{shown} + {lost} of {packets}");
            assert_eq!(of_kind("lost").map(|line| number(line, "count")).sum::<u64>(), lost);
            for loss in of_kind("lost").chain(summary["losses"].as_array().expect("where it was")) {
                assert_eq!((&loss["by"], &loss["interface"]), (&"queue".into(), &"tap0".into()), "{loss}");
                assert!(watching::nanos(&loss["since"]) <= watching::nanos(&loss["until"]), "{loss}");
            }
        } else {
            let line = text.lines().find(|line| line.starts_with('…')).expect("a line of what is missing");
            assert!(line.contains(" events of tap0 came too fast and are missing here, between "), "{line}");
            assert!(text.lines().any(|line| line.starts_with("Missing above of tap0: ")), "{text:.2000}");
            let packets = text.lines().find(|line| line.contains(" dropped by the kernel")).expect("a summary");
            let dropped = first_number(packets.split_once(", ").expect("drops").1);
            assert_eq!(first_number(packets) + dropped, SENT, "{packets}");
        }
    }
}
