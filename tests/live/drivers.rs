//! Networks of each driver, each watched by its name where its packets can be seen.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::ends::refused;
use super::lab::{Lab, address, docker, exec, output, replies};
use super::watching::{Ended, Watching, between, bridgetap};

/// The sequence numbers of the answered pings between two containers, each once: a packet may be seen at both ends.
fn answered(ended: &Ended, client: &str, server: &str) -> BTreeSet<u64> {
    let is_it = |object: &Value| between(object, "ping", client, server) && object["outcome"] == "answered";
    ended.filter(is_it).iter().filter_map(|ping| ping["request"]["sequence"].as_u64()).collect()
}

/// The sequence numbers that ping printed.
fn printed(text: &str) -> BTreeSet<u64> {
    replies(text).iter().map(|reply| reply.sequence).collect()
}

fn assert_looked_up(ended: &Ended, client: &str, server: &str) {
    let is_it = |object: &Value| between(object, "dns", client, "docker-dns") && object["request"]["name"] == server;
    assert!(!ended.filter(is_it).is_empty(), "{client} looks {server} up: {}", ended.text);
}

fn ipv6_address(container: &str, network: &str) -> String {
    let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").GlobalIPv6Address}}}}");
    docker(&["inspect", "-f", &format, container])
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn internal_and_ipv6_networks_host_and_none() {
    // One lab for all of them: it takes longer than they do.
    let _lab = Lab::up(&["internal", "ipv6", "host", "none"]);
    internal_and_ipv6_networks_are_seen_on_their_bridges();
    the_hosts_network_is_seen_through_any_and_none_is_loopback_only();
}

fn internal_and_ipv6_networks_are_seen_on_their_bridges() {
    let watching = Watching::json(&["inner", "v6net"]);
    let inner = exec("inner_a", "ping -c 2 -i 0.1 inner_b");
    let v6 = exec("v6_a", "ping -6 -c 2 -i 0.1 v6_b");
    let ended = watching.end();
    for (client, server, network, text) in [("inner_a", "inner_b", "inner", &inner), ("v6_a", "v6_b", "v6net", &v6)] {
        assert_eq!(printed(text).len(), 2, "{text}");
        assert_eq!(answered(&ended, client, server), printed(text), "{}", ended.text);
        assert_looked_up(&ended, client, server);
        let pings = ended.filter(|object| between(object, "ping", client, server));
        assert!(pings.iter().all(|ping| ping["network"] == network), "{pings:?}");
    }
    let target = ipv6_address("v6_b", "v6net");
    let pings = ended.filter(|object| between(object, "ping", "v6_a", "v6_b"));
    assert!(pings.iter().all(|ping| ping["server"]["address"] == target.as_str()), "{target}: {pings:?}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn macvlan_is_seen_inside_its_containers_also_of_one_that_joins() {
    let lab = Lab::up(&["macvlan"]);
    let watching = Watching::json(&["mv1"]);
    assert!(watching.said().contains("watching mv1 (macvlan, inside 2 containers)"), "{}", watching.said());
    let first = exec("mv_a", "ping -c 2 -i 0.1 mv_b");
    lab.run("mv_c", &["--network", "mv1"], &["bridgetap-lab-busybox", "ping", "-c", "2", "-i", "0.1", "mv_a"]);
    docker(&["wait", "mv_c"]);
    let joined = docker(&["logs", "mv_c"]);
    let ended = watching.end();
    assert_eq!((printed(&first).len(), printed(&joined).len()), (2, 2), "{first}\n{joined}");
    assert_eq!(answered(&ended, "mv_a", "mv_b"), printed(&first), "{}", ended.text);
    assert_eq!(answered(&ended, "mv_c", "mv_a"), printed(&joined), "{}", ended.text);
    assert_looked_up(&ended, "mv_a", "mv_b");
    assert_looked_up(&ended, "mv_c", "mv_a");
    let pings = ended.filter(|object| between(object, "ping", "mv_a", "mv_b"));
    let target = address("mv_b", "mv1");
    let is_right = |ping: &Value| ping["network"] == "mv1" && ping["server"]["address"] == target.as_str();
    assert!(pings.iter().all(is_right), "{pings:?}");
    assert!(pings.iter().all(|ping| ping["namespace"] == "mv_a" || ping["namespace"] == "mv_b"), "{pings:?}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn overlay_is_seen_on_its_hidden_bridge_as_soon_as_that_is_there() {
    let lab = Lab::up(&["overlay"]);
    lab.network("ov2", &["-d", "overlay", "--attachable"]);
    let id = docker(&["network", "inspect", "-f", "{{.Id}}", "ov1"]);
    let (watching, early) = (Watching::json(&[&id[..8]]), Watching::json(&["ov2"]));
    assert!(watching.said().contains("watching ov1 (overlay, br0)"), "{}", watching.said());
    assert!(early.said().contains("ov2 (overlay, as soon as a container on it runs here)"), "{}", early.said());
    let text = exec("ov_a", "ping -c 2 -i 0.1 ov_b");
    let busybox = |command: &[&'static str]| [&["bridgetap-lab-busybox"], command].concat();
    lab.run("ov_d", &["--network", "ov2"], &busybox(&["sh", "-c", "nslookup ov_d; sleep 100"]));
    lab.run("ov_e", &["--network", "ov2"], &busybox(&["ping", "-c", "2", "-i", "0.1", "ov_d"]));
    docker(&["wait", "ov_e"]);
    early.wait_said("ov2 has a container here: watching its br0");
    let first_pings = docker(&["logs", "ov_e"]);
    docker(&["rm", "-f", "ov_d", "ov_e"]);
    early.wait_said("no container on ov2 runs here any more; waiting for one");
    let (ended, early) = (watching.end(), early.end());
    assert!(!early.said.contains("unseen"), "{}", early.said);
    assert_eq!((printed(&text).len(), printed(&first_pings).len()), (2, 2), "{text}\n{first_pings}");
    assert_eq!(answered(&ended, "ov_a", "ov_b"), printed(&text), "{}", ended.text);
    assert_looked_up(&ended, "ov_a", "ov_b");
    let target = address("ov_b", "ov1");
    let pings = ended.filter(|object| between(object, "ping", "ov_a", "ov_b"));
    assert!(pings.iter().all(|ping| ping["server"]["address"] == target.as_str() && ping["network"] == "ov1"));
    assert_eq!(answered(&early, "ov_e", "ov_d"), printed(&first_pings), "{}{}", early.said, early.text);
    assert_looked_up(&early, "ov_d", "ov_d");
    assert_looked_up(&early, "ov_e", "ov_d");
    // What a swarm makes for itself can be watched, too.
    for own in ["ingress", "docker_gwbridge"] {
        assert_eq!(Watching::json(&[own]).end().code, Some(0), "{own}");
    }
}

fn the_hosts_network_is_seen_through_any_and_none_is_loopback_only() {
    let (host, lonely) = (Watching::json(&["hostweb"]), Watching::json(&["lonely"]));
    assert!(host.said().contains("hostweb (on the host's network, so through any"), "{}", host.said());
    assert!(lonely.said().contains("lonely (lo only: it has no other interface)"), "{}", lonely.said());
    let page = output(Command::new("curl").args(["-s", "http://10.88.0.1:9090/"]));
    assert_eq!(page, "host");
    let text = exec("lonely", "ping -c 2 -i 0.1 127.0.0.1");
    assert_eq!(printed(&text).len(), 2, "{text}");
    host.wait_for("the page", 1, |object| object["kind"] == "tcp" && object["server"]["port"] == 9090);
    let (host, lonely) = (host.end(), lonely.end());
    let id = docker(&["inspect", "-f", "{{.Id}}", "hostweb"]);
    let visits = host.filter(|object| object["kind"] == "tcp" && object["server"]["port"] == 9090);
    let is_its = |visit: &Value| visit["server"]["name"] == "hostweb" && visit["server"]["container_id"] == id.as_str();
    assert!(!visits.is_empty() && visits.iter().all(is_its), "its socket tells whose it is: {}", host.text);
    assert_eq!((host.code, lonely.code), (Some(0), Some(0)));
    assert_eq!(answered(&lonely, "lonely", "lonely"), printed(&text), "{}", lonely.text);

    let said = refused(&mut bridgetap(&["watch", "none"]));
    assert!(said.contains("none connects nothing") && said.ends_with("as in container:lonely"), "{said}");
    let ended = Watching::json(&["host"]).end();
    assert!(ended.said.contains("watching host (through any: all that this machine"), "{}", ended.said);
}
