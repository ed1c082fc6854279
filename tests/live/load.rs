//! Many packets at full speed: none is lost, and all are counted.

use serde_json::Value;

use super::lab::{Lab, docker, eventually, exec};
use super::watching::{Watching, between};

const SENT: u64 = 100_000;

const RECEIVER: &str = "
import socket
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(('0.0.0.0', 9000))
print('ready', flush=True)
while True:
    receiver.recv(2048)
";

const SENDER: &str = "
import socket, sys
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect((socket.gethostbyname('receiver'), 9000))
count = 0
for _ in range(int(sys.argv[1])):
    count += sender.send(bytes(100)) == 100
print(count)
";

/// The largest ring of a process: the kernel maps it into its memory.
fn largest_ring(process: u32) -> u64 {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).expect("its memory");
    let rings = maps.lines().filter(|line| line.contains("socket:[")).filter_map(|line| {
        let (from, to) = line.split_whitespace().next()?.split_once('-')?;
        Some(u64::from_str_radix(to, 16).ok()? - u64::from_str_radix(from, 16).ok()?)
    });
    rings.max().expect("a ring")
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_busy_network_has_a_larger_ring() {
    let lab = Lab::up(&["user-bridge"]);
    lab.run("receiver", &["--network", "my_bridge"], &["bridgetap-lab", "python3", "-c", RECEIVER]);
    eventually("the receiver listens", || docker(&["logs", "receiver"]) == "ready");
    let quiet = Watching::json(&["my_bridge"]);
    assert_eq!(largest_ring(quiet.id()), 32 << 20);
    quiet.end();
    let sends = SENDER.replace("send(bytes(100)) == 100", "send(bytes(60000)) == 60000");
    lab.run("sender", &["--network", "my_bridge"], &["bridgetap-lab", "python3", "-c", &sends, "100000"]);
    let received = || exec("receiver", "cat /sys/class/net/eth0/statistics/rx_packets").trim().parse::<u64>();
    eventually("packets come", || received().expect("a count") > 1000);
    let busy = Watching::json(&["my_bridge"]);
    let ring = largest_ring(busy.id());
    busy.end();
    println!("{} MiB", ring >> 20);
    assert!(ring > 32 << 20 && ring <= 64 << 20, "{ring}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_burst_at_full_speed_is_counted_to_the_last_datagram() {
    let lab = Lab::up(&["user-bridge"]);
    lab.run("receiver", &["--network", "my_bridge"], &["bridgetap-lab", "python3", "-c", RECEIVER]);
    lab.run("sender", &["--network", "my_bridge"], &["bridgetap-lab", "sleep", "100"]);
    eventually("the receiver listens", || docker(&["logs", "receiver"]) == "ready");
    let watching = Watching::json(&["my_bridge"]);
    let printed = exec("sender", &format!("python3 -c \"{SENDER}\" {SENT}"));
    assert_eq!(printed.trim(), SENT.to_string());
    let ended = watching.end();
    let summary = ended.summary();
    let counts = |key: &str| summary[key].as_u64().expect("a count");
    println!("{} packets, {} dropped, ended in {:?}", counts("packets"), counts("dropped_by_kernel"), ended.took);
    assert_eq!((counts("dropped_by_kernel"), counts("events_lost")), (0, 0));
    let is_end = |object: &Value| between(object, "udp", "sender", "receiver") && object["outcome"] != "opened";
    let flows = ended.filter(is_end);
    assert_eq!(flows.len(), 1, "{flows:?}");
    assert_eq!(flows[0]["there"]["packets"], SENT, "{}", flows[0]);
    assert_eq!(flows[0]["there"]["bytes"], SENT * 100, "{}", flows[0]);
}
