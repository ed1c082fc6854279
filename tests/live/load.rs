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
