//! What containers are called: by aliases, links, networks and services, as the programs in them asked.

use serde_json::Value;

use super::lab::{Lab, address, docker, exec, replies};
use super::watching::{Ended, Watching, between};

/// The name that each line of a kind has for the server, and the name that was asked for, of one client by its container.
fn servers(ended: &Ended, kind: &str, client: &str) -> Vec<(String, Option<String>)> {
    let id = docker(&["inspect", "-f", "{{.Id}}", client]);
    let lines = ended.filter(|object| object["kind"] == kind && object["client"]["container_id"] == *id);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let name = |object: &Value| (text(&object["server"]["name"]).expect("a name"), text(&object["server"]["asked_as"]));
    lines.iter().map(name).collect()
}

fn named(pairs: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    pairs.iter().map(|(name, asked)| ((*name).to_owned(), asked.map(str::to_owned))).collect()
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn two_clients_each_see_the_name_that_they_asked_for() {
    let lab = Lab::up(&["user-bridge"]);
    let server = ["--network", "my_bridge", "--network-alias", "db", "--network-alias", "backend"];
    lab.run("redis-server", &server, &["bridgetap-lab-busybox", "sleep", "100"]);
    let (plain, alias) = (Watching::json(&["my_bridge"]), Watching::json(&["--names", "alias", "my_bridge"]));
    for (client, asked) in [("container_a", "db"), ("container_b", "redis-server")] {
        assert_eq!(replies(&exec(client, &format!("ping -c 1 {asked}"))).len(), 1);
    }
    // Who did not ask sees an alias; and it goes by its address.
    let target = address("redis-server", "my_bridge");
    lab.run("other", &["--network", "my_bridge"], &["bridgetap-lab-busybox", "ping", "-c", "1", &target]);
    for watching in [&plain, &alias] {
        watching.wait_for("pings", 3, |object| object["kind"] == "ping");
    }
    let (plain, alias) = (plain.end(), alias.end());
    for (client, asked, aliased) in [
        ("container_a", Some("db"), "db"),
        ("container_b", Some("redis-server"), "redis-server"),
        ("other", None, "backend"),
    ] {
        assert_eq!(servers(&plain, "ping", client), named(&[("redis-server", asked)]), "{client}");
        assert_eq!(servers(&alias, "ping", client), named(&[(aliased, asked)]), "{client}");
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_lookup_of_an_alias_says_whose_it_is() {
    let lab = Lab::up(&["user-bridge"]);
    lab.run(
        "redis-server",
        &["--network", "my_bridge", "--network-alias", "db"],
        &["bridgetap-lab-busybox", "sleep", "100"],
    );
    let watching = Watching::text(&["my_bridge"]);
    exec("container_a", "ping -c 1 db");
    exec("container_b", "ping -c 1 redis-server");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let text = watching.end().text;
    let target = address("redis-server", "my_bridge");
    assert!(text.contains(&format!("A db → {target} (redis-server) ")), "{text}");
    assert!(
        text.contains(&format!("A redis-server → {target} ")) && !text.contains("(redis-server.my_bridge)"),
        "{text}"
    );
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_legacy_link_is_the_name_though_no_lookup_is_seen() {
    let lab = Lab::up(&["default-bridge"]);
    lab.run("linking", &["--link", "container_1:store"], &["bridgetap-lab-busybox", "sleep", "100"]);
    let watching = Watching::json(&["--names", "alias", "bridge"]);
    for command in ["ping -c 1 store", "ping -c 1 container_1"] {
        assert_eq!(replies(&exec("linking", command)).len(), 1, "{command}");
    }
    assert_eq!(replies(&exec("container_2", &format!("ping -c 1 {}", address("container_1", "bridge")))).len(), 1);
    watching.wait_for("pings", 3, |object| object["kind"] == "ping");
    let ended = watching.end();
    // Both names are in /etc/hosts: which was asked for cannot be seen.
    assert_eq!(servers(&ended, "ping", "linking"), named(&[("store", None), ("store", None)]));
    assert_eq!(servers(&ended, "ping", "container_2"), named(&[("container_1", None)]));
    assert!(ended.filter(|object| object["kind"] == "dns").is_empty(), "{}", ended.text);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn names_with_their_network_are_asked_for_and_shown() {
    let _lab = Lab::up(&["user-bridge"]);
    let (plain, fqdn) = (Watching::json(&["my_bridge"]), Watching::json(&["--names", "fqdn", "my_bridge"]));
    for name in ["container_a.my_bridge", "CONTAINER_A.my_bridge."] {
        // Whether upper case is answered is up to the Engine.
        exec("container_b", &format!("ping -c 1 {name}"));
    }
    let is_ping = |object: &Value| object["kind"] == "ping";
    plain.wait_for("pings", 1, is_ping);
    let pings = fqdn.wait_for("pings", 1, is_ping);
    assert!(between(&pings[0], "ping", "container_b.my_bridge", "container_a.my_bridge"), "{}", pings[0]);
    let (plain, fqdn) = (plain.end(), fqdn.end());
    for (name, asked) in servers(&plain, "ping", "container_b") {
        assert_eq!((name.as_str(), asked.as_deref()), ("container_a", Some("container_a.my_bridge")));
    }
    assert!(fqdn.filter(|object| between(object, "dns", "container_b", "docker-dns")).len() >= 2, "{}", fqdn.text);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn services_are_numbered_where_there_are_several_containers() {
    let lab = Lab::up(&["user-bridge"]);
    let labels =
        |service: &str| ["com.docker.compose.project=shop".to_owned(), format!("com.docker.compose.service={service}")];
    for (name, service) in [("shop-web-1", "web"), ("shop-db-1", "db")] {
        let [project, service] = labels(service);
        let options = ["--network", "my_bridge", "--label", &project, "--label", &service];
        lab.run(name, &options, &["bridgetap-lab-busybox", "sleep", "100"]);
    }
    let watching = Watching::json(&["--names", "service", "my_bridge"]);
    exec("shop-web-1", "ping -c 1 shop-db-1");
    let ping = watching.wait_for("a ping of the only one", 1, |object| between(object, "ping", "web", "db")).remove(0);
    assert_eq!((&ping["client"]["project"], &ping["client"]["service"]), (&"shop".into(), &"web".into()));
    let [project, service] = labels("web");
    let options = ["--network", "my_bridge", "--label", &project, "--label", &service];
    lab.run("shop-web-2", &options, &["bridgetap-lab-busybox", "sh", "-c", "ping -c 1 shop-db-1; sleep 100"]);
    watching.wait_for("a ping of the second", 1, |object| between(object, "ping", "web.2", "db"));
    exec("shop-web-1", "ping -c 1 container_a");
    watching.wait_for("a ping of the first", 1, |object| between(object, "ping", "web.1", "container_a"));
    watching.end();
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn the_host_by_its_own_name_is_the_host() {
    let lab = Lab::up(&["user-bridge"]);
    let options = ["--network", "my_bridge", "--add-host", "host.docker.internal:host-gateway"];
    lab.run("caller", &options, &["bridgetap-lab-busybox", "sleep", "100"]);
    let watching = Watching::json(&["my_bridge"]);
    assert_eq!(replies(&exec("caller", "ping -c 1 host.docker.internal")).len(), 1);
    let ping = watching.wait_for("a ping", 1, |object| between(object, "ping", "caller", "host")).remove(0);
    assert!(exec("caller", "cat /etc/hosts").contains(ping["server"]["address"].as_str().expect("an address")));
    watching.end();
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn on_all_interfaces_a_container_is_named_by_the_network_it_is_seen_on() {
    let lab = Lab::up(&["user-bridge"]);
    let options = ["--network", "my_bridge"];
    lab.run("late", &options, &["bridgetap-lab-busybox", "sleep", "100"]);
    let watching = Watching::json(&["if:any"]);
    assert_eq!(replies(&exec("late", "ping -c 1 container_a")).len(), 1);
    let is_ours = |object: &Value| between(object, "ping", "late", "container_a");
    let pings = watching.wait_for("pings", 1, is_ours);
    assert!(pings.iter().all(|ping| ping["interface_index"].is_u64()), "{pings:#?}");
    let bridge = pings.iter().filter(|ping| ping["network"] == "my_bridge").count();
    assert_eq!(bridge, pings.len(), "{pings:#?}");
    watching.end();
}
