//! How long answers took, against what the programs in the containers measured themselves, on the same packets.

use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;

use super::lab::{Lab, Printing, address, docker, eventually, exec};
use super::watching::{Ended, Watching, bridgetap};

/// What ping's own median has more than the bridge sees: half of each way.
const OUTSIDE: u64 = 30_000;

/// `bridgetap latency --json …`
pub fn latency(arguments: &[&str]) -> Command {
    bridgetap(&[&["latency", "--json"], arguments].concat())
}

/// The series of this measure between the two: the only one.
pub fn series(ended: &Ended, measure: &str, client: &str, server: &str) -> Value {
    let is_it = |one: &Value| one["measure"] == measure && one["client"] == client && one["server"] == server;
    let mut found = ended.filter(|one| one["kind"] == "series" && is_it(one));
    assert_eq!(found.len(), 1, "{measure} of {client} → {server} in\n{}{}", ended.text, ended.said);
    found.remove(0)
}

/// A figure of a series.
pub fn figure(series: &Value, name: &str) -> u64 {
    series[name].as_u64().unwrap_or_else(|| panic!("{name} of {series}"))
}

/// All that were asked, and what became of them.
pub fn counts(series: &Value) -> (u64, u64) {
    (figure(series, "count"), figure(series, "unanswered") + figure(series, "failed"))
}

/// The times at the percentiles of the table, in nanoseconds: of n times, that of rank p·n, rounded up.
pub fn percentiles(mut times: Vec<u64>) -> [(&'static str, u64); 6] {
    times.sort_unstable();
    let at = |thousandths: usize| times[(times.len() * thousandths).div_ceil(1000).max(1) - 1];
    [("min_ns", 0), ("p50_ns", 500), ("p90_ns", 900), ("p99_ns", 990), ("p999_ns", 999), ("max_ns", 1000)]
        .map(|(name, thousandths)| (name, at(thousandths)))
}

/// Each time of the one is within the other's, so each percentile is, too. A bucket ends up to 0.1 % above.
fn assert_within(series: &Value, times: Vec<u64>, slack: u64) {
    for (name, outer) in percentiles(times) {
        let inner = figure(series, name);
        assert!(inner <= outer + outer / 1000 + slack, "{name}: {inner}, not within {outer}: {series}");
    }
}

/// Seconds, in nanoseconds.
pub fn nanoseconds(seconds: f64) -> u64 {
    Duration::from_secs_f64(seconds).as_nanos() as u64
}

/// A number with decimals.
fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

/// The times of iputils' ping: `… icmp_seq=1 ttl=64 time=0.095 ms`, in microseconds, and from 1 ms on three digits.
fn ping_times(printed: &str) -> Vec<u64> {
    let time = |line: &str| line.split_once("time=")?.1.split(' ').next().map(|time| nanoseconds(number(time) / 1e3));
    printed.lines().filter_map(time).collect()
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_thousand_pings_are_within_what_ping_says() {
    let lab = Lab::up(&["user-bridge"]);
    lab.run("pinger", &["--network", "my_bridge"], &["bridgetap-lab", "sleep", "300"]);
    let watching = Watching::begin(&mut latency(&["my_bridge"]));
    // -n, for it asks for the name of each that answers.
    let printed = exec("pinger", &format!("ping -n -c 1000 -i 0.002 {}", address("container_a", "my_bridge")));
    let ended = watching.end();
    let times = ping_times(&printed);
    assert_eq!(times.len(), 1000, "{printed}");
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let pings = series(&ended, "ping", "pinger", "container_a");
    assert_eq!((counts(&pings), &pings["network"]), ((1000, 0), &"my_bridge".into()), "{}", ended.text);
    assert_eq!(counts(&series(&ended, "arp", "pinger", "container_a")), (1, 0));
    let (median, own) = (figure(&pings, "p50_ns"), percentiles(times.clone())[1].1);
    println!("median of 1,000 pings: {median} ns, ping itself {own} ns");
    assert!(median < own && own - median <= OUTSIDE, "{median} ns, ping itself {own} ns");
    // Both ends are cut to microseconds. Above 1 ms only three digits are printed: 5 µs of 10 ms, as in the bucket.
    assert_within(&pings, times, 6_000);
}

/// Answers each request 5 ms later, and says how long that was: from when the kernel had the request (`SO_TIMESTAMPNS`),
/// for a busy machine may wake the server a while after that.
const SLEEPER: &str = "
import socket, struct, time
SO_TIMESTAMPNS = 35
server = socket.create_server(('', 8000))
server.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
print('ready', flush=True)
connection, _ = server.accept()
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while True:
    data, beside, _, _ = connection.recvmsg(65536, 256)
    if not data: break
    assert data.endswith(b'\\r\\n\\r\\n'), data
    time.sleep(0.005)
    seconds, rest = struct.unpack('qq', next(value for _, kind, value in beside if kind == SO_TIMESTAMPNS))
    slept = time.time_ns() - seconds * 10**9 - rest
    connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')
    print(slept)
";

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_server_that_sleeps_answers_as_late_as_it_slept() {
    let lab = Lab::up(&["user-bridge"]);
    lab.run("sleeper", &["--network", "my_bridge"], &["bridgetap-lab", "python3", "-c", SLEEPER]);
    lab.run("visitor", &["--network", "my_bridge"], &["bridgetap-lab", "sleep", "300"]);
    eventually("the server listens", || docker(&["logs", "sleeper"]).contains("ready"));
    let watching = Watching::begin(&mut latency(&["my_bridge"]));
    // One connection; the time from when curl began with a request to the first byte of its answer.
    let visit = format!("'http://{}:8000/[1-250]'", address("sleeper", "my_bridge"));
    let printed = exec("visitor", &format!("curl -s -o /dev/null -w '%{{time_starttransfer}}\\n' {visit}"));
    let ended = watching.end();
    let visits: Vec<_> = printed.lines().map(|seconds| nanoseconds(number(seconds))).collect();
    let logs = docker(&["logs", "sleeper"]);
    let slept: Vec<u64> = logs.lines().filter_map(|line| line.parse().ok()).collect();
    assert_eq!((visits.len(), slept.len()), (250, 250), "{printed}{logs}");
    for (measure, count) in [("first-byte", 250), ("last-byte", 250), ("handshake", 1), ("syn", 1), ("syn-ack", 1)] {
        let found = series(&ended, measure, "visitor", "sleeper");
        assert_eq!((counts(&found), &found["port"]), ((count, 0), &"8000".into()), "{found}");
    }
    let answers = series(&ended, "first-byte", "visitor", "sleeper");
    let (median, own) = (figure(&answers, "p50_ns"), percentiles(slept.clone())[1].1);
    println!("median of 250 answers: {median} ns, the server slept {own} ns");
    assert!(median.abs_diff(own) <= own / 50, "{median} ns, the server slept {own} ns");
    // It lies between what the server slept and what curl waited, which is in microseconds.
    assert_within(&answers, visits, 1_000);
    for (name, inner) in percentiles(slept) {
        assert!(figure(&answers, name) >= inner, "{name}: less than {inner}: {answers}");
    }
}

/// The shares add up to the mean of the series, and are of these places.
fn shares_add_up(ended: &Ended, places: &[&str]) -> bool {
    let pings = series(ended, "ping", "container_b", "container_a");
    let means = ended.filter(|one| one["kind"] == "breakdown" && one["of"] == "mean" && one["measure"] == "ping");
    assert!(!means.is_empty(), "{}", ended.text);
    let parts = means[0]["parts"].as_array().expect("parts");
    let time = |part: &Value, name: &str| part[name].as_f64().expect("a time");
    for part in parts {
        let (there, back) = (&part["there_ns"], &part["back_ns"]);
        assert!(time(part, "ns") > 0.0 && there.is_null() == back.is_null(), "{part}");
        let between =
            there.is_null() || (time(part, "there_ns") + time(part, "back_ns") - time(part, "ns")).abs() < 1.0;
        assert!(between && time(part, "ns") > 0.0, "{part}");
    }
    // A tap that gave its packets too late is missed in the way of an exchange: on a busy machine.
    if means[0]["exchanges"] != pings["count"] {
        println!("not every tap gave its packets in time: {means:?}");
        return false;
    }
    assert_eq!(parts.iter().map(|part| part["place"].as_str().expect("a place")).collect::<Vec<_>>(), places);
    let (sum, mean): (f64, _) = (parts.iter().map(|part| time(part, "ns")).sum(), time(&pings, "mean_ns"));
    println!("{places:?}: {:?} ns of {mean}", parts.iter().map(|part| time(part, "ns")).collect::<Vec<_>>());
    assert!((sum - mean).abs() <= mean / 1000.0, "{sum}, but the mean is {mean}: {}", ended.text);
    true
}

const ON_THE_WAY: [&str; 3] =
    ["eth0 of container_b → my_bridge", "my_bridge → eth0 of container_a", "behind eth0 of container_a"];

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn the_shares_of_the_hops_are_all_the_time_there_is() {
    let _lab = Lab::up(&["user-bridge"]);
    let target = address("container_a", "my_bridge");
    let pings = || {
        let watching = Watching::begin(&mut latency(&["--hops", "container_a", "container_b", "my_bridge"]));
        let printed = exec("container_b", &format!("ping -c 40 -i 0.01 {target}"));
        let ended = watching.end();
        assert_eq!(counts(&series(&ended, "ping", "container_b", "container_a")), (40, 0), "{printed}");
        shares_add_up(&ended, &ON_THE_WAY)
    };
    // From when each should have left.
    let probes = || {
        let probe = ["--hops", "--probe", "container_b", "container_a", "-c", "40", "--interval", "7ms"];
        let ended = Watching::probing(&mut latency(&probe)).ended();
        assert_eq!(counts(&series(&ended, "ping", "container_b", "container_a")), (40, 0), "{}", ended.text);
        shares_add_up(&ended, &[&["before eth0 of container_b"], &ON_THE_WAY[..]].concat())
    };
    eventually("every tap is in time for 40 pings", pings);
    eventually("every tap is in time for 40 probes", probes);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn it_ends_by_time_by_count_and_by_key_with_what_was_measured() {
    let lab = Lab::up(&["user-bridge"]);
    let target = address("container_a", "my_bridge");
    let pings = |ended: &Ended| counts(&series(ended, "ping", "container_b", "container_a"));
    let watching = Watching::begin(&mut latency(&["--for", "2s", "my_bridge"]));
    exec("container_b", &format!("ping -c 2 -i 0.1 {target}"));
    let ended = watching.ended();
    assert!(ended.took > Duration::from_millis(900) && ended.took < Duration::from_millis(2500), "{:?}", ended.took);
    assert_eq!((ended.code, pings(&ended)), (Some(0), (2, 0)));

    let watching = Watching::begin(&mut latency(&["-c", "4", "--filter", "icmp", "my_bridge"]));
    exec("container_b", &format!("ping -c 2 -i 0.1 {target}"));
    let ended = watching.ended();
    assert_eq!((ended.code, pings(&ended), &ended.summary()["packets"]), (Some(0), (2, 0), &4.into()));

    // Not before what it waits for is there.
    let watching = Watching::waiting(&mut latency(&["--wait", "container:latecomer"]));
    lab.run("latecomer", &["--network", "my_bridge"], &["bridgetap-lab-busybox", "sleep", "300"]);
    watching.wait_said("latecomer is there: watching it");
    exec("container_b", &format!("ping -c 3 -i 0.1 {}", address("latecomer", "my_bridge")));
    let ended = watching.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let pings = series(&ended, "ping", "container_b", "latecomer");
    assert_eq!((counts(&pings), &pings["network"]), ((3, 0), &"my_bridge".into()), "{}", ended.text);
    assert!(figure(&pings, "max_ns") > 0);

    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // At once, before anything was seen.
        let watching = Watching::begin(&mut latency(&["my_bridge"]));
        watching.signal(signal);
        let ended = watching.ended();
        assert_eq!((ended.code, &ended.summary()["kind"]), (Some(0), &"summary".into()), "{}", ended.said);
        // In the middle of it.
        let watching = Watching::begin(&mut bridgetap(&["latency", "my_bridge"]));
        let ping = ["exec", "container_b", "ping", "-c", "6", "-i", "0.1", &target];
        let mut ping = Printing::begin(Command::new("docker").args(ping));
        ping.until("seq=3");
        watching.signal(signal);
        let ended = watching.ended();
        ping.rest();
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert_eq!(ended.text.matches("container_b → container_a (my_bridge)\n  ping ").count(), 1, "{}", ended.text);
    }

    // Where the first key cannot end it, a second one does: opening a file takes for ever that nobody reads.
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("pipe.json");
    mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
    let watching = Watching::begin(&mut latency(&["-w", pipe.to_str().expect("a path"), "--force", "my_bridge"]));
    watching.signal(Signal::SIGINT);
    watching.wait_for("the summary", 1, |object| object["kind"] == "summary");
    watching.signal(Signal::SIGINT);
    assert_eq!(watching.ended().code, Some(130));
}
