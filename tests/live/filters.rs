//! Capture filters by name, on containers whose addresses change.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::lab::{Lab, address, docker, exec, output, replies};
use super::watching::{Ended, Watching, between, bridgetap};

/// The ends of everything that was shown.
fn strangers(ended: &Ended, name: &str) -> Vec<Value> {
    ended.filter(|object| object["client"]["name"] != name && object["server"]["name"] != name)
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn only_the_named_container_is_shown_and_it_is_followed() {
    let _lab = Lab::up(&["user-bridge"]);
    let watching = Watching::json(&["my_bridge", "--filter", "host container_a"]);
    let gateway = docker(&["network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "my_bridge"]);
    let subnet = gateway.rsplit_once('.').expect("an address").0.to_owned();
    let mut printed = 0;
    let mut visit = |target: &str| {
        printed += replies(&exec("container_b", &format!("ping -c 3 -i 0.1 {target}"))).len();
        // Of no business of container_a's.
        assert_eq!(replies(&exec("container_b", &format!("ping -c 1 {gateway}"))).len(), 1);
        exec("container_b", "nslookup container_a");
        assert!(exec("container_a", "nslookup container_b").contains(&address("container_b", "my_bridge")));
        let is_it = |object: &Value| between(object, "ping", "container_b", "container_a");
        watching.wait_for("pings of container_a", printed, is_it);
        let asks = |object: &Value| between(object, "dns", "container_a", "docker-dns");
        watching.wait_for("lookups of container_a", 2 * printed / 3, asks);
    };
    visit(&address("container_a", "my_bridge"));
    for last in ["77", "78"] {
        let new = format!("{subnet}.{last}");
        docker(&["network", "disconnect", "my_bridge", "container_a"]);
        docker(&["network", "connect", "--ip", &new, "my_bridge", "container_a"]);
        // The daemon's events take a moment.
        thread::sleep(Duration::from_millis(500));
        visit(&new);
    }
    let ended = watching.end();
    assert_eq!((ended.code, ended.said.lines().count()), (Some(0), 1), "{}", ended.said);
    assert_eq!(printed, 9);
    assert_eq!(strangers(&ended, "container_a"), Vec::<Value>::new());
    assert_eq!(ended.filter(|object| object["kind"] == "ping").len(), 9, "{}", ended.text);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn no_packet_is_missing_while_the_filter_changes() {
    let lab = Lab::up(&["user-bridge"]);
    lab.run("changing", &["--network", "my_bridge"], &["bridgetap-lab-busybox", "sleep", "100"]);
    let watching = Watching::json(&["my_bridge", "--filter", "net my_bridge and host (container_a or changing)"]);
    let gateway = docker(&["network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "my_bridge"]);
    let subnet = gateway.rsplit_once('.').expect("an address").0.to_owned();
    let target = address("container_a", "my_bridge");
    let pinging = thread::spawn(move || exec("container_b", &format!("ping -c 500 -i 0.01 -q {target}")));
    // Each makes another filter: the container's address changes.
    for last in 80..84 {
        docker(&["network", "disconnect", "my_bridge", "changing"]);
        docker(&["network", "connect", "--ip", &format!("{subnet}.{last}"), "my_bridge", "changing"]);
    }
    let printed = pinging.join().expect("ping");
    assert!(printed.contains("500 packets transmitted, 500 packets received"), "{printed}");
    let is_it =
        |object: &Value| between(object, "ping", "container_b", "container_a") && object["outcome"] == "answered";
    watching.wait_for("pings", 500, is_it);
    assert_eq!(watching.end().code, Some(0));
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_that_starts_shows_its_lookups_by_the_filter() {
    const LOOKS_UP: &str = "nslookup container_a >/dev/null; sleep 100";
    let lab = Lab::up(&["user-bridge"]);
    let no_lookups = Watching::json(&["my_bridge", "--filter", "host container_a or tcp"]);
    let all_lookups = Watching::json(&["my_bridge", "--filter", "host container_a or udp port 53"]);
    lab.run("starter", &["--network", "my_bridge"], &["bridgetap-lab-busybox", "sh", "-c", LOOKS_UP]);
    let asks = |object: &Value| between(object, "dns", "starter", "docker-dns");
    all_lookups.wait_for("the first lookups", 2, asks);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(no_lookups.end().filter(asks).len(), 0);
    assert_eq!(all_lookups.end().filter(asks).len(), 2);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn filters_on_events_show_what_they_name() {
    let _lab = Lab::up(&["user-bridge"]);
    let filters = ["my_bridge", "--to", "container_a,docker-dns", "--not", "--kind", "arp", "--outcome", "answered"];
    let watching = Watching::json(&filters);
    let printed = replies(&exec("container_b", "ping -c 2 -i 0.1 container_a"));
    exec("container_a", "ping -c 1 container_b");
    watching.wait_for("pings", printed.len(), |object| between(object, "ping", "container_b", "container_a"));
    let ended = watching.end();
    let others = ended.filter(|object| {
        object["kind"] == "arp"
            || !["container_a", "docker-dns"].contains(&object["server"]["name"].as_str().expect("a name"))
    });
    assert_eq!(others, Vec::<Value>::new());
    assert_eq!(ended.summary()["exchanges"]["ping"]["answered"], printed.len());
    assert!(ended.summary()["events_left_out"].as_u64().expect("a count") >= 1, "container_a's ping");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_wrong_filter_ends_it_and_points_at_the_word() {
    let _lab = Lab::up(&["user-bridge"]);
    let said = |filter: &str| {
        let output = bridgetap(&["watch", "my_bridge", "--filter", filter]).output().expect("bridgetap");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{filter}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let expected = "bridgetap: --filter: no container, network or host is called containr_a; did you mean container_a?\n    \
                    host containr_a\n         ^^^^^^^^^^\n";
    assert_eq!(said("host containr_a"), expected);
    assert!(said("host my_bridge").contains("my_bridge is a network: write net my_bridge"));
    assert!(said("host container_a and port htp").ends_with("\n                              ^^^\n"));
    // Where only an address was meant, no name is needed.
    assert!(
        output(&mut bridgetap(&["watch", "my_bridge", "--filter", "host 10.0.0.1", "--for", "1s"]))
            .contains("0 packets")
    );
}
