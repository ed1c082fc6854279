//! What goes wrong on the wire is told as the programs met it.

use serde_json::Value;

use super::lab::{Lab, address, docker, exec};
use super::watching::{Watching, between};

/// An address of `my_bridge` that nobody has.
fn nobody() -> String {
    let used = address("container_a", "my_bridge");
    let (net, _) = used.rsplit_once('.').expect("IPv4");
    format!("{net}.99")
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn an_address_that_nobody_has_is_asked_for_in_vain() {
    let _lab = Lab::up(&["user-bridge"]);
    let (json, text) = (Watching::json(&["my_bridge"]), Watching::text(&["my_bridge"]));
    let target = nobody();
    let printed = exec("container_a", &format!("ping -c 1 -W 1 {target}"));
    assert!(printed.contains("100% packet loss"), "{printed}");
    let is_it = |object: &Value| object["kind"] == "arp" && object["request"]["address"] == target.as_str();
    let arp = json.wait_for("an unanswered ARP", 1, is_it).remove(0);
    assert_eq!((&arp["outcome"], &arp["missing"]), (&"unanswered".into(), &"timed_out".into()), "{arp}");
    assert_eq!(arp["client"]["name"], "container_a");
    // net.ipv4.neigh.default.mcast_solicit: the kernel asks three times, a second apart.
    assert_eq!(arp["tries"], 3, "{arp}");
    assert_eq!(json.end().filter(|object| object["kind"] == "ping").len(), 0, "no echo was ever sent");
    let text = text.end().text;
    assert!(text.contains("3 tries") && text.contains(&format!("container_a → {target}")), "{text}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn closed_ports_refuse_over_tcp_and_udp() {
    let lab = Lab::up(&["user-bridge"]);
    lab.run("digger", &["--network", "my_bridge"], &["bridgetap-lab", "sleep", "100"]);
    let (log, text) = (Watching::json(&["my_bridge"]), Watching::text(&["my_bridge"]));
    let target = address("container_b", "my_bridge");
    let printed = exec("container_a", &format!("nc {target} 81"));
    assert!(printed.contains("Connection refused"), "{printed}");
    let printed = exec("digger", &format!("dig +tries=1 +time=1 -p 9998 @{target} example.test"));
    assert!(printed.contains(&format!("{target}#9998: connection refused")), "{printed}");
    // The error comes for the socket's next datagram, or never: who sends one does not hear of it.
    exec("digger", &format!("bash -c 'echo hello > /dev/udp/{target}/9999'"));
    let is_refused = |object: &Value| object["outcome"] == "refused";
    let refused = log.wait_for("refused", 1, is_refused).remove(0);
    assert!(between(&refused, "tcp", "container_a", "container_b") && refused["server"]["port"] == 81, "{refused}");
    assert!(refused["by"] == "server" && refused["latency_ns"].as_u64() > Some(0), "{refused}");
    let is_failed = |object: &Value| between(object, "udp", "digger", "container_b") && object["outcome"] == "failed";
    let failed = log.wait_for("failed", 1, is_failed).remove(0);
    assert!(failed["server"]["port"] == 9999 && failed["there"]["packets"] == 1, "{failed}");
    assert_eq!(
        (&failed["error"]["reason"], &failed["error"]["from"]),
        (&"port unreachable".into(), &Value::from(&*target))
    );
    // What is a DNS message is one at any port.
    let is_lookup = |object: &Value| between(object, "dns", "digger", "container_b") && object["outcome"] == "failed";
    let lookup = log.wait_for("failed lookup", 1, is_lookup).remove(0);
    assert_eq!(
        (&lookup["error"]["reason"], &lookup["error"]["from"]),
        (&"port unreachable".into(), &Value::from(&*target))
    );
    let text = text.end().text;
    assert!(text.contains("→ container_b:81") && text.contains("refused"), "{text}");
    assert!(text.contains("→ container_b:9999") && text.contains("port unreachable"), "{text}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn two_networks_do_not_reach_each_other() {
    let _lab = Lab::up(&["default-bridge", "user-bridge"]);
    let json = Watching::json(&[]);
    let target = address("container_a", "my_bridge");
    let printed = exec("container_1", &format!("ping -c 1 -W 1 {target}"));
    assert!(printed.contains("100% packet loss"), "{printed}");
    let is_it = |object: &Value| object["kind"] == "ping" && object["outcome"] == "unanswered";
    let pings = json.wait_for("an unanswered ping", 1, is_it);
    assert_eq!(pings[0]["client"]["name"], "container_1", "{}", pings[0]);
    assert_eq!((&pings[0]["network"], &pings[0]["server"]["address"]), (&"bridge".into(), &target.into()));
    assert_eq!(docker(&["inspect", "-f", "{{.State.Running}}", "container_a"]), "true");
}
