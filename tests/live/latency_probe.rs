//! `bridgetap latency --probe`: what is sent is on the wire when it should be, is measured whole, and leaves nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::lab::{Lab, address, docker, eventually, exec};
use super::latency::{counts, figure, latency, nanoseconds, percentiles, series};
use super::watching::{Ended, Watching, between, nanos};

const MS: u64 = 1_000_000;

/// What can be told of a container from outside: its processes, its sockets, and the files that differ from its image's.
#[derive(Debug, PartialEq, Eq)]
struct State {
    processes: String,
    files: BTreeSet<String>,
    sockets: Vec<String>,
}

impl State {
    fn of(container: &str) -> Self {
        let process = docker(&["inspect", "-f", "{{.State.Pid}}", container]);
        let table = |name: &&str| {
            let text = fs::read_to_string(format!("/proc/{process}/net/{name}")).expect("a table");
            text.lines().skip(1).map(|line| format!("{name}: {}", socket(line))).collect::<Vec<_>>()
        };
        let mut sockets: Vec<_> =
            ["tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"].iter().flat_map(table).collect();
        let used = fs::read_to_string(format!("/proc/{process}/net/sockstat")).expect("a table");
        // What comes after it is of all namespaces.
        sockets.extend(used.lines().take(1).map(str::to_owned));
        let differ = docker(&["diff", container]).lines().map(str::to_owned).collect();
        Self { processes: docker(&["top", container, "-eo", "pid,args"]), files: differ, sockets }
    }
}

/// Number, addresses and state of a socket; the rest are counters and timers.
fn socket(line: &str) -> String {
    line.split_whitespace().take(4).collect::<Vec<_>>().join(" ")
}

/// A probe that was run to its end, and what a watch beside it saw of its requests.
fn probe(arguments: &[&str], wire: &Watching, is_request: impl Fn(&Value) -> bool) -> (Ended, Vec<Value>) {
    let before = wire.wait_for("requests", 0, &is_request).len();
    let ended = Watching::probing(&mut latency(arguments)).ended();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let (_, count) =
        arguments.windows(2).map(|pair| (pair[0], pair[1])).find(|(name, _)| *name == "-c").expect("a count");
    let count: usize = count.parse().expect("a number");
    let seen = wire.wait_for("requests", before + count, is_request).split_off(before);
    assert_eq!(seen.len(), count, "{seen:?}");
    (ended, seen)
}

/// They were sent so many nanoseconds after one another: each when it should, or later on a busy machine. So those that
/// were most in time, of the first half and of the second, are as far apart as their numbers say.
fn assert_paced(requests: &[Value], interval: u64) {
    let mut times: Vec<_> = requests.iter().map(|request| nanos(&request["time"])).collect();
    times.sort_unstable();
    let first = times[0];
    let late: Vec<_> = (0..)
        .zip(&times)
        .map(|(number, time)| (time - first).cast_signed() - number * interval.cast_signed())
        .collect();
    let (before, after) = late.split_at(late.len() / 2);
    let best = |half: &[i64]| *half.iter().min().expect("one");
    assert!(best(before).abs_diff(best(after)) < 4 * MS, "not {interval} ns apart: {late:?}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn probes_of_each_kind_are_counted_and_leave_nothing_behind() {
    let lab = Lab::up(&["user-bridge"]);
    let serve = "mkdir -p /www; exec httpd -f -p 5000 -h /www";
    lab.run("server", &["--network", "my_bridge"], &["bridgetap-lab-busybox", "sh", "-c", serve]);
    lab.run("resolver", &["--network", "my_bridge"], &["bridgetap-lab", "python3", "-c", RESOLVER]);
    eventually("it serves", || exec("server", "wget -qO- http://127.0.0.1:5000/").contains("404"));
    eventually("it resolves", || docker(&["logs", "resolver"]).contains("ready"));
    // The first packet to each of them asks for its address.
    let servers = ["server", "resolver", "container_a"].map(|name| address(name, "my_bridge"));
    for address in &servers {
        exec("container_b", &format!("ping -c 1 {address}"));
    }
    let before = ["container_b", "server", "resolver"].map(State::of);
    let wire = Watching::json(&["container_b"]);
    let cases = [
        (["ping", "container_a", "", "my_bridge", "7ms"], &["container_a"][..]),
        (["syn", "server", "5000", "my_bridge", "3ms"], &["server", "--tcp", "5000"]),
        (["dns", "resolver", "53", "my_bridge", "7ms"], &["resolver", "--lookup", "any.example"]),
        // Nobody's network: its answers come from the client's own loopback.
        (["dns", "docker-dns", "53", "", "7ms"], &["--lookup", "container_a"]),
    ];
    for ([measure, server, port, network, interval], to) in cases {
        let arguments = [&["--probe", "container_b"], to, &["-c", "60", "--interval", interval]].concat();
        let kind = if measure == "syn" { "tcp" } else { measure };
        let outcome = if measure == "syn" { "opened" } else { "answered" };
        let is_request = |object: &Value| between(object, kind, "container_b", server) && object["outcome"] == outcome;
        let (ended, requests) = probe(&arguments, &wire, is_request);
        let found = series(&ended, measure, "container_b", server);
        assert_eq!(counts(&found), (60, 0), "{}{}", ended.text, ended.said);
        assert_eq!((&found["port"], &found["network"]), (&port.into(), &network.into()));
        assert_eq!(ended.objects().len(), 1, "only the probes are measured: {}", ended.text);
        let millis: u64 = interval.trim_end_matches("ms").parse().expect("a number");
        assert_paced(&requests, millis * MS);
        // None is quicker than its packets were.
        let quickest = requests.iter().filter_map(|request| request["latency_ns"].as_u64()).min();
        assert!(Some(figure(&found, "min_ns")) >= quickest.filter(|_| kind != "tcp"), "{found}, {quickest:?}");
    }
    wire.end();
    for (name, before) in ["container_b", "server", "resolver"].iter().zip(before) {
        assert_eq!(State::of(name), before, "{name}");
    }
}

/// A name server that knows every name.
const RESOLVER: &str = "
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('', 53))
print('ready', flush=True)
while True:
    query, client = server.recvfrom(512)
    answer = b'\\xc0\\x0c\\0\\x01\\0\\x01\\0\\0\\0\\x3c\\0\\x04\\xc0\\0\\x02\\x01'
    server.sendto(query[:2] + b'\\x81\\x80\\0\\x01\\0\\x01\\0\\0\\0\\0' + query[12:] + answer, client)
";

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn while_it_stands_still_every_probe_counts() {
    let _lab = Lab::up(&["user-bridge"]);
    // What is on the wire: another program sees it, which does not stand still.
    let wire = Watching::json(&["container_b"]);
    let is_ping = |object: &Value| between(object, "ping", "container_b", "container_a");
    let (interval, count) = (10 * MS, 300);
    let arguments = ["--probe", "container_b", "container_a", "-c", "300", "--interval", "10ms"];
    let probing = Watching::probing(&mut latency(&arguments));
    wire.wait_for("pings", 50, is_ping);
    probing.signal(Signal::SIGSTOP);
    thread::sleep(Duration::from_secs(1));
    probing.signal(Signal::SIGCONT);
    wire.wait_for("pings", count, is_ping);
    let ended = probing.ended();
    let pings = wire.end().filter(is_ping);
    let found = series(&ended, "ping", "container_b", "container_a");
    assert_eq!((counts(&found), pings.len()), ((300, 0), count), "{}", ended.text);

    // On the wire none took long, and between two of them was a second.
    let own: Vec<_> = pings.iter().map(|ping| figure(ping, "latency_ns")).collect();
    assert!(percentiles(own.clone())[1].1 < MS && percentiles(own.clone())[2].1 < 20 * MS, "{own:?}");
    let mut sent: Vec<_> = pings
        .iter()
        .zip(&own)
        .map(|(ping, latency)| (figure(&ping["request"], "sequence"), nanos(&ping["time"]), *latency))
        .collect();
    sent.sort_unstable();
    let gap = sent.windows(2).map(|pair| pair[1].1 - pair[0].1).max().expect("two");
    assert!(gap > 900 * MS && gap < 2000 * MS, "{gap} ns");

    // From when each should have been sent: as long after the first as its number says, and none was sent before that.
    let first = sent.iter().map(|(number, at, _)| at - number * interval).min().expect("one");
    let times: Vec<_> = sent.iter().map(|(number, at, latency)| at + latency - (first + number * interval)).collect();
    let late = times.iter().filter(|time| **time > 100 * MS).count() as u64;
    assert!(late.abs_diff((gap - 100 * MS) / interval) <= 15, "{late} of {count} waited: {times:?}");
    let expected = percentiles(times.clone());
    println!(
        "a gap of {gap} ns: {late} of {count} took more than 100 ms, not corrected the most was {:?}",
        own.iter().max()
    );
    for (name, expected) in expected {
        let told = figure(&found, name);
        // The first on the wire was a little late itself.
        assert!(
            told + MS / 10 >= expected && told < expected + expected / 1000 + 3 * MS,
            "{name}: {told}, not {expected}"
        );
    }
    let mean = times.iter().sum::<u64>() / count as u64;
    let told = nanoseconds(found["mean_ns"].as_f64().expect("a mean") / 1e9);
    assert!(told + MS / 10 >= mean && told < mean + mean / 1000 + 3 * MS, "{found}, not {mean}");
    assert!(figure(&found, "max_ns") > gap - 2 * interval, "{found}");
    let note = ended.summary()["notes"].to_string();
    assert!(note.contains("probes left more than 1 ms late, the latest "), "{note}");
    assert!(note.contains("Times count from when a probe should have left"), "{note}");
}
