//! Containers and networks that come, change and go while they are watched.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::lab::{Lab, address, docker, exec, output, replies};
use super::watching::{Watching, between};

/// Five lookups, the first at once and the others a second apart, numbered by the name that is asked for.
const LOOKS_UP: &str = "for n in 0 1 2 3 4; do nslookup number-$n.test >/dev/null; sleep 1; done; sleep 100";

fn pings(watching: &Watching, server: &str, at_least: usize) -> Vec<Value> {
    watching.wait_for(&format!("pings to {server}"), at_least, |object| between(object, "ping", "container_b", server))
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_that_joins_is_seen_with_its_lookups() {
    let lab = Lab::up(&["user-bridge"]);
    let watching = Watching::json(&["my_bridge"]);
    let joined = ["--network", "my_bridge", "--network-alias", "newcomer"];
    lab.run("joiner", &joined, &["bridgetap-lab-busybox", "sh", "-c", LOOKS_UP]);
    let target = address("joiner", "my_bridge");
    assert_eq!(replies(&exec("container_b", "ping -c 1 newcomer")).len(), 1);
    let ping = pings(&watching, "joiner", 1).remove(0);
    assert_eq!((&ping["server"]["address"], &ping["outcome"]), (&target.into(), &"answered".into()));
    let asks = |name: &str, object: &Value| {
        between(object, "dns", "joiner", "docker-dns") && object["request"]["name"] == name
    };
    for number in 1..5 {
        let name = format!("number-{number}.test");
        // A and AAAA.
        watching.wait_for(&name, 2, |object| asks(&name, object));
    }
    let ended = watching.end();
    let first = ended.filter(|object| asks("number-0.test", object)).len();
    assert_eq!(first, 2, "the lookups at its very start");
    assert_eq!(ended.said.lines().count(), 1, "{}", ended.said);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_that_is_renamed_or_stopped() {
    let _lab = Lab::up(&["user-bridge"]);
    let watching = Watching::json(&["my_bridge"]);
    exec("container_b", "ping -c 1 container_a");
    pings(&watching, "container_a", 1);
    docker(&["rename", "container_a", "renamed"]);
    // The daemon's events take a moment.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(replies(&exec("container_b", "ping -c 1 renamed")).len(), 1);
    pings(&watching, "renamed", 1);
    exec("renamed", "nslookup container_b");
    let asks = |object: &Value| between(object, "dns", "renamed", "docker-dns") && object["namespace"] == "renamed";
    watching.wait_for("lookups of the renamed", 1, asks);
    docker(&["stop", "-t", "0", "renamed"]);
    std::thread::sleep(Duration::from_millis(1500));
    let ended = watching.end();
    assert_eq!((ended.code, ended.said.lines().count()), (Some(0), 1), "{}", ended.said);
    assert_eq!(ended.filter(|object| between(object, "ping", "container_b", "container_a")).len(), 1);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_network_that_is_removed_ends_its_tap_only() {
    let lab = Lab::up(&["user-bridge"]);
    lab.network("bt-brief", &[]);
    let watching = Watching::json(&["my_bridge", "bt-brief"]);
    docker(&["network", "rm", "bt-brief"]);
    watching.wait_said("bt-brief was removed; waiting for it");
    exec("container_b", "ping -c 1 container_a");
    pings(&watching, "container_a", 1);
    let ended = watching.end();
    assert_eq!((ended.code, ended.said.lines().count()), (Some(0), 2), "{}", ended.said);
}

/// A pair of interfaces that goes with the test.
struct Veth;

impl Veth {
    const NAME: &str = "bt-live0";

    fn new() -> Self {
        let pair = ["link", "add", Self::NAME, "type", "veth", "peer", "name", "bt-live1"];
        output(Command::new("ip").args(pair));
        output(Command::new("ip").args(["link", "set", Self::NAME, "up"]));
        output(Command::new("ip").args(["link", "set", "bt-live1", "up"]));
        Self
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", Self::NAME]).output();
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn an_interface_that_is_deleted_ends_its_tap_only() {
    let _lab = Lab::up(&["user-bridge"]);
    let veth = Veth::new();
    let (both, alone) = (Watching::json(&["my_bridge", "if:bt-live0"]), Watching::json(&["if:bt-live0"]));
    drop(veth);
    both.wait_said("bt-live0: the interface is gone; waiting for it");
    exec("container_b", "ping -c 1 container_a");
    pings(&both, "container_a", 1);
    assert_eq!(both.end().code, Some(0));
    let alone = alone.ended();
    assert!(alone.said.contains("bt-live0: the interface is gone; nothing is left to watch"), "{}", alone.said);
    assert_eq!(alone.code, Some(1));
    alone.summary();
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_that_leaves_and_joins_again_is_watched_again() {
    let _lab = Lab::up(&["default-bridge", "user-bridge"]);
    let watching = Watching::json(&["my_bridge"]);
    let asks = |object: &Value| between(object, "dns", "container_1", "docker-dns");
    for round in 0..3 {
        docker(&["network", "connect", "my_bridge", "container_1"]);
        // The daemon's events take a moment.
        std::thread::sleep(Duration::from_millis(500));
        let printed = exec("container_1", "nslookup container_a");
        assert!(printed.contains(&address("container_a", "my_bridge")), "{printed}");
        watching.wait_for(&format!("lookups, round {round}"), 2 * (round + 1), asks);
        docker(&["network", "disconnect", "my_bridge", "container_1"]);
        // Both while its tap still ends, and long after.
        std::thread::sleep(Duration::from_millis([0, 1500, 0][round]));
    }
    let ended = watching.end();
    assert_eq!((ended.code, ended.said.lines().count()), (Some(0), 1), "{}", ended.said);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_network_that_is_made_anew_on_the_same_bridge_is_watched_again() {
    let lab = Lab::up(&["user-bridge"]);
    let make = || lab.network("bt-again", &["-o", "com.docker.network.bridge.name=bt-again0"]);
    make();
    let watching = Watching::json(&[]);
    for (round, pause) in [0, 1500].into_iter().enumerate() {
        docker(&["network", "rm", "bt-again"]);
        std::thread::sleep(Duration::from_millis(pause));
        make();
        docker(&["network", "connect", "bt-again", "container_b"]);
        docker(&["network", "connect", "bt-again", "container_a"]);
        std::thread::sleep(Duration::from_millis(500));
        let target = address("container_a", "bt-again");
        assert_eq!(replies(&exec("container_b", &format!("ping -c 1 {target}"))).len(), 1);
        watching.wait_for("a ping on the new network", round + 1, |object| {
            between(object, "ping", "container_b", "container_a") && object["network"] == "bt-again"
        });
        docker(&["network", "disconnect", "bt-again", "container_b"]);
        docker(&["network", "disconnect", "bt-again", "container_a"]);
    }
    println!("{}", watching.said());
    assert_eq!(watching.end().code, Some(0));
}
