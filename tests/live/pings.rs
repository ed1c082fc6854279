//! Pings by name: the lookup, the ARP, the echoes, their times, and how soon their lines are there.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::lab::{Lab, Printing, Reply, address, bridge, exec, output, replies};
use super::watching::{Ended, Watching, between, bridgetap};

/// By when a line must be there after its packet.
const SOON: Duration = Duration::from_millis(50);

/// Each reply that ping printed is in the log, with a time that fits within ping's own.
fn assert_same_pings(printed: &[Reply], logged: &[Value]) {
    assert_eq!(printed.len(), logged.len(), "{printed:?}\n{logged:#?}");
    for (reply, ping) in printed.iter().zip(logged) {
        assert_eq!(ping["request"]["sequence"], reply.sequence, "{ping}");
        assert_eq!(ping["outcome"], "answered", "{ping}");
        let latency = ping["latency_ns"].as_u64().expect("a latency");
        // Ping cuts its time to whole microseconds.
        assert!(latency > 0 && latency <= reply.nanos + 1000, "{latency} ns, but ping itself: {reply:?}");
    }
}

fn pings(ended: &Ended) -> Vec<Value> {
    ended.filter(|object| between(object, "ping", "container_b", "container_a"))
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_ping_by_name_is_told_as_it_happened() {
    let _lab = Lab::up(&["user-bridge"]);
    let (json, text) = (Watching::json(&["my_bridge"]), Watching::text(&["my_bridge"]));
    let printed = exec("container_b", "ping -c 3 container_a");
    let (json, text) = (json.end(), text.end());
    let replies = replies(&printed);
    assert_eq!(replies.len(), 3, "{printed}");
    assert_same_pings(&replies, &pings(&json));
    let target = address("container_a", "my_bridge");
    for ping in pings(&json) {
        assert_eq!(ping["client"]["address"], address("container_b", "my_bridge"));
        assert_eq!(ping["server"]["address"], target);
    }
    let mut lookups = json.filter(|object| between(object, "dns", "container_b", "docker-dns"));
    // Both are asked at once, and either may be answered first.
    lookups.sort_by_key(|lookup| lookup["request"]["type"].to_string());
    let types: Vec<_> = lookups.iter().map(|lookup| lookup["request"]["type"].as_str().expect("a type")).collect();
    assert_eq!(types, ["A", "AAAA"]);
    assert!(lookups.iter().all(|lookup| lookup["outcome"] == "answered" && lookup["namespace"] == "container_b"));
    let answers = lookups[0]["response"]["answers"].as_array().expect("answers");
    assert!(answers.len() == 1 && answers[0]["data"] == target, "{answers:?}");
    assert_eq!(lookups[1]["response"]["answers"], serde_json::json!([]));
    let arps = json.filter(|object| between(object, "arp", "container_b", "container_a"));
    assert_eq!((arps.len(), &arps[0]["request"]["address"]), (1, &Value::from(target.as_str())), "{arps:?}");

    assert_eq!(json.summary()["exchanges"]["ping"]["answered"], 3);
    for (words, count) in [
        (format!("A container_a → {target} "), 1),
        ("AAAA container_a → no address".to_owned(), 1),
        (format!("{target} is at "), 1),
        ("→ reply".to_owned(), 3),
    ] {
        assert_eq!(text.text.matches(&words).count(), count, "{words:?} in\n{}", text.text);
    }
    assert!(text.text.contains("3 pings: 3 answered"), "{}", text.text);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_line_is_there_soon_after_its_packet() {
    let _lab = Lab::up(&["user-bridge"]);
    // New interfaces make sure of their IPv6 addresses for some seconds, and a line waits for whoever is not known.
    thread::sleep(Duration::from_secs(4));
    let watching = Watching::json(&["my_bridge"]);
    for _ in 0..4 {
        exec("container_b", "ping -c 5 -i 0.2 container_a");
    }
    thread::sleep(SOON);
    let ended = watching.end();
    let mut delays = ended.delays();
    delays.sort();
    assert!(delays.len() >= 4 * (5 + 2), "{}", ended.text);
    let (median, max) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    println!("{} lines: median {median:?}, at most {max:?} after their packets", delays.len());
    assert!(max <= SOON, "{delays:?}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn what_tcpdump_records_meanwhile_tells_the_same() {
    let _lab = Lab::up(&["user-bridge"]);
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("meanwhile.pcap");
    let file = file.to_str().expect("a path");
    let (watching, bridge) = (Watching::json(&["my_bridge"]), bridge("my_bridge"));
    // Its standard error is joined, because there it says when it listens.
    let record =
        format!("exec tcpdump -i {bridge} --immediate-mode --time-stamp-precision=nano -U -Z root -w {file} 2>&1");
    let mut tcpdump = Printing::begin(Command::new("sh").args(["-c", &record]));
    tcpdump.until("listening on");
    let printed = replies(&exec("container_b", "ping -c 10 -i 0.1 container_a"));
    // Longer than the kernel keeps packets from tcpdump.
    thread::sleep(Duration::from_millis(300));
    tcpdump.interrupt();
    let live = watching.end();
    let replayed = output(&mut bridgetap(&["replay", "--json", file]));
    let replayed: Vec<Value> = replayed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let replayed: Vec<_> = replayed.into_iter().filter(|object| object["kind"] == "ping").collect();
    assert_same_pings(&printed, &pings(&live));
    let mut furthest = 0;
    for (live, recorded) in pings(&live).iter().zip(&replayed) {
        assert_eq!((&live["request"], &live["response"]), (&recorded["request"], &recorded["response"]));
        let latency = |ping: &Value| ping["latency_ns"].as_u64().expect("a latency");
        furthest = furthest.max(latency(live).abs_diff(latency(recorded)));
    }
    assert_eq!(replayed.len(), printed.len());
    println!("latencies differ from tcpdump's by at most {furthest} ns");
    assert!(furthest <= 50_000, "{furthest} ns");
}
