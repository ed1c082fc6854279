//! An overlay network between two real nodes: what the wire between them shows, against what the programs in the
//! containers say.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::lab::{Lab, address, docker, exec, output, replies};
use super::watching::{Ended, Watching};

/// The wire between the nodes, as this machine sees it.
const WIRE: &str = "if:bridgetap-lab";
const NODE_2: &str = "unix:///var/lib/bridgetap-lab-node2/docker.sock";

/// The lab with its second node. The lab takes the node along when it goes.
fn swarm(arguments: &[&str]) -> Lab {
    let lab = Lab::up(&["default-bridge"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/swarm.sh");
    output(Command::new(script).arg("up").args(arguments));
    lab
}

/// What the docker command printed of the other node.
fn remote(arguments: &[&str]) -> String {
    docker(&[&["-H", NODE_2], arguments].concat())
}

fn remote_address(container: &str, network: &str) -> String {
    let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
    remote(&["inspect", "-f", &format, container])
}

/// The number of the network by the daemon.
fn vni(network: &str) -> u64 {
    let format = "{{index .Options \"com.docker.network.driver.overlay.vxlanid_list\"}}";
    docker(&["network", "inspect", "-f", format, network]).parse().expect("one number")
}

/// What is told of a kind between the two containers of the lab's overlay network.
fn between_nodes(ended: &Ended, kind: &str) -> Vec<Value> {
    let server = remote_address("ov_remote", "my_overlay");
    ended.filter(|object| object["kind"] == kind && object["server"]["address"] == server.as_str())
}

fn assert_is_of_the_overlay(object: &Value) {
    let tunnel = json!({
        "type": "vxlan", "vni": vni("my_overlay"), "client_node": "10.88.0.1", "server_node": "10.88.0.2"
    });
    assert_eq!(object["tunnel"], tunnel, "{object}");
    assert_eq!((&object["network"], &object["client"]["name"]), (&"my_overlay".into(), &"ov_a".into()), "{object}");
    assert_eq!(object["client"]["address"], address("ov_a", "my_overlay"), "{object}");
}

/// Nothing of the tunnel itself is a flow.
fn assert_no_flow_on(ended: &Ended, port: u64) {
    let outside = ended.filter(|object| object["kind"] == "udp" && object["server"]["port"] == port);
    assert!(outside.is_empty(), "{outside:#?}");
}

fn assert_pings_are_told(watching: Watching, port: u64) {
    let printed = exec("ov_a", "ping -c 5 -i 0.2 ov_remote");
    let (ended, replies) = (watching.end(), replies(&printed));
    assert_eq!(replies.len(), 5, "{printed}");
    let pings = between_nodes(&ended, "ping");
    assert_eq!(pings.len(), replies.len(), "{pings:#?}");
    for (reply, ping) in replies.iter().zip(&pings) {
        assert_is_of_the_overlay(ping);
        assert_eq!((&ping["request"]["sequence"], &ping["outcome"]), (&reply.sequence.into(), &"answered".into()));
        assert_eq!(ping["frames"].as_array().expect("frames").len(), 2, "{ping}");
        let latency = ping["latency_ns"].as_u64().expect("a latency");
        // Ping cuts its time to whole microseconds.
        assert!(latency > 0 && latency <= reply.nanos + 1000, "{latency} ns, but ping itself: {reply:?}");
    }
    assert_no_flow_on(&ended, port);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn the_wire_between_nodes_shows_the_pings_of_containers() {
    let _lab = swarm(&[]);
    let text = Watching::text(&[WIRE]);
    assert_pings_are_told(Watching::json(&[WIRE]), 4789);
    let text = text.end().text;
    let tunnel = format!("vxlan {}, node 10.88.0.1 → 10.88.0.2", vni("my_overlay"));
    let pings = text.lines().filter(|line| line.contains("PING") && line.ends_with(&tunnel)).count();
    assert_eq!(pings, 5, "{text}");
    // Every interface at once: the overlay's own are in namespaces of their own, so the wire alone shows it.
    assert_pings_are_told(Watching::json(&["if:any"]), 4789);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn the_wire_between_nodes_shows_connections_of_containers() {
    let _lab = swarm(&[]);
    let watching = Watching::json(&[WIRE]);
    let question = "GET / HTTP/1.0\\r\\n\\r\\n";
    let printed = exec("ov_a", &format!("printf '{question}' | nc ov_remote 80"));
    // Its last packets come after nc has printed the page.
    thread::sleep(Duration::from_millis(500));
    let ended = watching.end();
    assert!(printed.contains("Hello from the other node"), "{printed}");
    let connections = between_nodes(&ended, "tcp");
    let outcomes: Vec<_> = connections.iter().map(|object| object["outcome"].as_str().expect("a word")).collect();
    assert_eq!(outcomes, ["opened", "closed"], "{connections:#?}");
    connections.iter().for_each(assert_is_of_the_overlay);
    assert_eq!(connections[1]["there"]["bytes"], "GET / HTTP/1.0\r\n\r\n".len());
    assert_eq!(connections[1]["back"]["bytes"], printed.len(), "{printed}");
    assert_no_flow_on(&ended, 4789);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_swarm_may_carry_its_overlays_on_another_port() {
    let _lab = swarm(&["7777"]);
    assert_pings_are_told(Watching::json(&[WIRE]), 7777);
}
