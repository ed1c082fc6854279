//! `bridgetap networks` and `bridgetap doctor`, against what `docker network inspect` and `ip link` say.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::checker::{Schema, text};
use super::ends::Unprivileged;
use super::lab::{Lab, bridge, docker, exec, output};
use super::watching::{Watching, bridgetap};

/// What it shows as JSON, checked by its schema.
fn shown(arguments: &[&str]) -> Value {
    let printed = output(&mut bridgetap(&[&["networks", "--json"], arguments].concat()));
    let document = serde_json::from_str(&printed).expect("one document");
    Schema::read("networks").check(&document).unwrap_or_else(|why| panic!("{why}"));
    document
}

fn network<'a>(document: &'a Value, name: &str) -> &'a Value {
    let networks = document["networks"].as_array().expect("networks");
    networks.iter().find(|network| network["name"] == name).unwrap_or_else(|| panic!("no {name} in {document}"))
}

/// Containers on a network as (name, address with prefix stripped, MAC), by the daemon.
fn inspected(name: &str) -> BTreeMap<String, (String, String)> {
    let found: Value = serde_json::from_str(&docker(&["network", "inspect", name])).expect("JSON");
    let containers = found[0]["Containers"].as_object().expect("containers");
    let place = |container: &Value| {
        let address = text(&container["IPv4Address"]);
        let address = address.split('/').next().expect("an address").to_owned();
        (text(&container["Name"]).to_owned(), (address, text(&container["MacAddress"]).to_owned()))
    };
    containers.values().map(place).collect()
}

/// The name of the host's link whose index a container's own interface says is its peer's, by `ip link` and `/sys`.
fn peer(container: &str, interface: &str) -> String {
    let wanted = exec(container, &format!("cat /sys/class/net/{interface}/iflink"));
    let wanted: u64 = wanted.trim().parse().expect("an index");
    let links: Value = serde_json::from_str(&output(Command::new("ip").args(["-j", "link"]))).expect("JSON");
    let links = links.as_array().expect("links");
    let found = links.iter().find(|link| link["ifindex"] == wanted);
    text(&found.unwrap_or_else(|| panic!("no link {wanted}"))["ifname"]).to_owned()
}

fn interfaces() -> Lab {
    let lab = Lab::up(&["default-bridge", "user-bridge", "published"]);
    docker(&["network", "connect", "--alias", "shop", "my_bridge", "tutorial-container"]);
    lab.run("linked", &["--link", "container_1:first"], &["bridgetap-lab-busybox", "sleep", "1000"]);
    lab.run("onhost", &["--network", "host"], &["bridgetap-lab-busybox", "sleep", "1000"]);
    lab.run("alone", &["--network", "none"], &["bridgetap-lab-busybox", "sleep", "1000"]);
    lab
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn networks_are_as_docker_and_ip_say() {
    let _lab = interfaces();
    let document = shown(&[]);
    for name in ["bridge", "my_bridge"] {
        let network = network(&document, name);
        let places = network["containers"].as_array().expect("containers");
        let found = places.iter().map(|place| {
            let (address, mac) = (text(&place["addresses"][0]), text(&place["mac"]));
            (text(&place["name"]).to_owned(), (address.to_owned(), mac.to_owned()))
        });
        assert_eq!(found.collect::<BTreeMap<_, _>>(), inspected(name));
        for place in places {
            let container = text(&place["name"]);
            assert_eq!(text(&place["veth"]), peer(container, text(&place["interface"])), "{container}");
        }
        assert_eq!(network["other_ports"].as_array().map(Vec::len), Some(0), "{network}");
    }
    let user = network(&document, "my_bridge");
    assert_eq!(text(&user["interface"]["name"]), bridge("my_bridge"));
    assert_eq!((&user["name_service"], &network(&document, "bridge")["name_service"]), (&true.into(), &false.into()));
    let tutorial = &user["containers"].as_array().expect("containers")[2];
    assert_eq!(tutorial["aliases"], serde_json::json!(["shop"]));
    assert_eq!(tutorial["published"][0]["host_port"], 8080);
    let linked = network(&document, "bridge")["containers"].as_array().expect("containers")[2].clone();
    assert_eq!((text(&linked["name"]), &linked["links"]), ("linked", &serde_json::json!(["container_1:first"])));
    for (name, container) in [("host", "onhost"), ("none", "alone")] {
        assert_eq!(network(&document, name)["containers"][0]["name"], container);
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_name_shows_its_network_and_a_container_its_networks() {
    let _lab = interfaces();
    let names = |arguments: &[&str]| {
        let document = shown(arguments);
        let networks = document["networks"].as_array().expect("networks").clone();
        networks.iter().map(|network| text(&network["name"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["my_bridge"]), ["my_bridge"]);
    assert_eq!(names(&["tutorial-container"]), ["bridge", "my_bridge"]);
    let id = docker(&["inspect", "-f", "{{.Id}}", "container_a"]);
    assert_eq!(names(&[&id[..12]]), ["my_bridge"]);

    let text = output(&mut bridgetap(&["networks", "tutorial-container"]));
    assert!(text.contains("no name service: names of containers do not resolve here"), "{text}");
    assert!(text.contains("0.0.0.0:8080 → 5000/tcp") && text.contains("alias shop"), "{text}");
    assert!(text.contains("… and 2 other containers"), "{text}");

    let wrong = bridgetap(&["networks", "my_brigde"]).output().expect("bridgetap");
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(said.contains("no such network or running container; did you mean my_bridge?"), "{said}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_macvlan_names_its_parent_and_an_extra_port_is_nobodys() {
    let lab = Lab::up(&["user-bridge"]);
    // The cable of the lab is a veth, which serves as a parent.
    lab.network("bt-lan", &["-d", "macvlan", "--subnet", "10.89.7.0/24", "-o", "parent=bridgetap-lab"]);
    lab.run("on-lan", &["--network", "bt-lan"], &["bridgetap-lab-busybox", "sleep", "1000"]);
    let user = bridge("my_bridge");
    output(Command::new("ip").args(["link", "add", "bt-extra", "master", &user, "type", "veth", "peer", "bt-other"]));
    let document = shown(&["bt-lan", "my_bridge"]);
    output(Command::new("ip").args(["link", "del", "bt-extra"]));
    let lan = network(&document, "bt-lan");
    assert_eq!((text(&lan["interface"]["name"]), text(&lan["interface"]["role"])), ("bridgetap-lab", "parent"));
    let place = &lan["containers"][0];
    assert_eq!((text(&place["name"]), text(&place["interface"]), &place["veth"]), ("on-lan", "eth0", &Value::Null));
    let port = &network(&document, "my_bridge")["other_ports"][0];
    assert_eq!((text(&port["interface"]), &port["container"]), ("bt-extra", &Value::Null));
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_watch_tells_who_joins_and_leaves() {
    let lab = Lab::up(&["user-bridge"]);
    let watching = Watching::begin(&mut bridgetap(&["networks", "--watch", "--json"]));
    let change = |kind: &'static str, container: &'static str| {
        move |object: &Value| object["change"] == kind && object["container"]["name"] == container
    };
    lab.run("visitor", &["--network", "my_bridge"], &["bridgetap-lab-busybox", "sleep", "1000"]);
    watching.wait_for("the join", 1, change("joined", "visitor"));
    let veth = peer("visitor", "eth0");
    let address = super::lab::address("visitor", "my_bridge");
    docker(&["rename", "visitor", "guest"]);
    watching.wait_for("the new name", 1, change("changed", "guest"));
    docker(&["rm", "-f", "guest"]);
    watching.wait_for("the end", 1, change("left", "guest"));
    lab.network("later", &[]);
    watching.wait_for("a network", 1, |object: &Value| object["change"] == "network-created");
    docker(&["network", "rm", "later"]);
    watching.wait_for("its end", 1, |object: &Value| object["change"] == "network-removed");
    watching.signal(Signal::SIGINT);
    let ended = watching.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let schema = Schema::read("networks");
    for object in ended.filter(|_| true) {
        schema.check(&object).unwrap_or_else(|why| panic!("{why}"));
    }
    let joined = ended.filter(|object| object["change"] == "joined");
    assert_eq!(joined.len(), 1, "{}", ended.text);
    assert_eq!((text(&joined[0]["container"]["veth"]), text(&joined[0]["network"])), (veth.as_str(), "my_bridge"));
    assert_eq!(joined[0]["container"]["addresses"][0], address.as_str());
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn without_rights_the_veths_take_root_and_the_doctor_says_what_is_missing() {
    let _lab = Lab::up(&["user-bridge"]);
    let nobody = Unprivileged::new();
    let ran = nobody.command(&["networks", "my_bridge"]).output().expect("bridgetap");
    let (printed, said) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && said.contains("run sudo bridgetap networks"), "{said}");
    for container in ["container_a", "container_b"] {
        let line = printed.lines().find(|line| line.contains(container)).expect("its line");
        assert!(line.ends_with("veth: needs root"), "{line}");
    }

    let checks = doctor(&mut nobody.command(&["doctor", "--json"]), 1);
    assert_eq!((checks["capture"].as_str(), checks["namespaces"].as_str()), ("missing", "limited"));
    assert_eq!((checks["daemon"].as_str(), checks["bridges"].as_str()), ("good", "good"));
    let printed = nobody.command(&["doctor"]).output().expect("bridgetap").stdout;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let (_, remedy) = printed.split_once("sudo setcap ").expect("the remedy");
    let words: Vec<_> = remedy.split_whitespace().take(2).collect();
    assert_eq!(words[1], nobody.path().to_string_lossy());
    nobody.setcap(words[0]);
    let checks = doctor(&mut nobody.command(&["doctor", "--json"]), 0);
    assert_eq!((checks["capture"].as_str(), checks["containers"].as_str()), ("good", "good"));
}

/// What the doctor finds: the state of each check.
fn doctor(command: &mut Command, code: i32) -> BTreeMap<String, String> {
    let ran = command.output().expect("bridgetap");
    let printed = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.status.code(), Some(code), "{printed} {}", String::from_utf8_lossy(&ran.stderr));
    let document: Value = serde_json::from_str(&printed).expect("a document");
    Schema::read("doctor").check(&document).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(document["watching_works"], code == 0);
    let checks = document["checks"].as_array().expect("checks");
    checks.iter().map(|check| (text(&check["name"]).to_owned(), text(&check["state"]).to_owned())).collect()
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn the_doctor_finds_a_good_machine_good_and_a_bad_socket_bad() {
    let _lab = Lab::up(&["user-bridge"]);
    let checks = doctor(&mut bridgetap(&["doctor", "--json"]), 0);
    for name in ["kernel", "libpcap", "capture", "namespaces", "daemon", "bridges", "containers", "new containers"] {
        assert_eq!(checks.get(name).map(String::as_str), Some("good"), "{name} in {checks:?}");
    }
    let checks = doctor(bridgetap(&["doctor", "--json"]).env("DOCKER_HOST", "unix:///nonexistent"), 1);
    assert_eq!(checks["daemon"], "missing");
    assert_eq!(checks["capture"], "good");

    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("hangs.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let begin = std::time::Instant::now();
    let hanging = format!("unix://{}", socket.display());
    let checks = doctor(bridgetap(&["doctor", "--json"]).env("DOCKER_HOST", hanging), 1);
    assert_eq!(checks["daemon"], "missing");
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
}
