//! Every line of JSON that the sample captures give is as docs/output.schema.json says, and has no field that it does
//! not describe.
#![expect(clippy::expect_used, reason = "the lints know tests by their attribute, and these are their helpers")]

#[path = "common/schema.rs"]
mod checker;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use bridgetap::render::documents;
use bridgetap::time::Timestamp;
use bridgetap::topology::{Attachment, Change, Interface, LinkState, Network, Port, Published, Role, Seen, Topology};
use checker::{Schema, text};

fn captures() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let entries = fs::read_dir(directory).expect("captures").map(|entry| entry.expect("an entry").path());
    let mut captures: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "pcapng")).collect();
    captures.sort();
    captures
}

fn lines(capture: &Path, options: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridgetap"));
    let output = command.args(["replay", "--json"]).args(options).arg(capture).output().expect("bridgetap runs");
    assert!(output.status.success(), "{}: {}", capture.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

#[test]
fn every_line_of_every_capture_is_as_the_schema_says() {
    let schema = Schema::read("output");
    let mut seen = BTreeSet::new();
    for capture in captures() {
        for options in [
            &[][..],
            &["--packets"],
            &["--numeric"],
            &["--names=alias"],
            &["--max-flows=1", "--max-pending=1"],
            &["-c7"],
            &["--explain"],
            &["--explain", "--packets"],
        ] {
            let lines = lines(&capture, options);
            for (number, line) in (1..).zip(&lines) {
                if let Err(why) = schema.check(line) {
                    panic!("{} {options:?}, line {number}: {why}", capture.display());
                }
                seen.insert(format!("{} {}", text(&line["kind"]), line["outcome"].as_str().unwrap_or_default()));
            }
            assert_eq!(lines.last().map(|line| &line["kind"]), Some(&json!("summary")), "{}", capture.display());
        }
    }
    // Or the captures were empty, and nothing was checked.
    for kind in [
        "arp answered",
        "ping answered",
        "dns answered",
        "dns failed",
        "tcp opened",
        "tcp closed",
        "tcp open",
        "explanation ",
    ] {
        assert!(seen.contains(kind), "{kind} is in no capture: {seen:?}");
    }
}

#[test]
fn a_line_that_is_not_as_it_should_be_is_refused() {
    let schema = Schema::read("output");
    let ping = captures().into_iter().find(|path| path.ends_with("ping-by-address.pcapng")).expect("the capture");
    let line = lines(&ping, &[]).into_iter().find(|line| line["kind"] == "ping").expect("a ping");
    assert_eq!(schema.check(&line), Ok(()));
    let changed = |name: &str, value: Value| {
        let mut changed = line.clone();
        changed[name] = value;
        schema.check(&changed)
    };
    for (name, value) in [
        ("unknown", json!(1)),
        ("outcome", json!("lost")),
        ("latency_ns", json!(-1)),
        ("frames", json!([])),
        ("tries", json!("1")),
        ("client", json!(null)),
        ("request", json!({"id": 65_536, "sequence": 0, "bytes": 56, "fragmented": false})),
    ] {
        assert!(changed(name, value.clone()).is_err(), "{name} {value} passed");
    }
    let mut without = line.clone();
    without.as_object_mut().expect("an object").remove("late");
    assert!(schema.check(&without).is_err(), "a missing field passed");
}

#[test]
fn the_doctors_document_is_as_its_schema_says() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridgetap"));
    let output = command.args(["doctor", "--json"]).env("DOCKER_HOST", "unix:///nonexistent").output();
    let output = output.expect("bridgetap runs");
    assert_eq!(output.status.code(), Some(1), "without a daemon, watching does not work");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    Schema::read("doctor").check(&document).unwrap_or_else(|why| panic!("{why}"));
    let checks = document["checks"].as_array().expect("checks");
    let daemon = checks.iter().find(|check| check["name"] == "daemon").expect("the daemon's check");
    assert_eq!((text(&daemon["state"]), document["watching_works"].as_bool()), ("missing", Some(false)));
}

/// A network with everything that one can have.
fn full_network() -> Network {
    let address = "172.18.0.2".parse().expect("an address");
    let link = LinkState { index: 3, mac: Some("02:42:ac:12:00:01".into()), mtu: 1500, up: true, carrier: false };
    let published = Published { host_address: address, host_port: 80, container_port: 5000, protocol: "sctp" };
    let container = Attachment {
        project: Some("shop".into()),
        addresses: vec![address],
        seen: Seen::NotPermitted,
        aliases: vec!["db".into()],
        published: vec![published],
        ..Attachment::default()
    };
    let port = Port {
        interface: "vxlan0".into(),
        kind: "vxlan".into(),
        container: None,
        container_interface: None,
        addresses: vec![address],
    };
    let interface = Interface { name: "br0".into(), role: Role::Parent, namespace: None, link: Some(link) };
    Network {
        subnets: vec!["172.18.0.0/16".into()],
        gateways: vec![address],
        interface: Some(interface),
        options: [("parent".to_owned(), "eth0".to_owned())].into(),
        containers: vec![container],
        other_ports: vec![port],
        ..Network::default()
    }
}

#[test]
fn networks_and_their_changes_are_as_their_schema_says() {
    let (full, at) = (full_network(), Timestamp::from_nanos(1));
    let container = || Box::new(full.containers[0].clone());
    let network = || Box::new(full.clone());
    let (name, id) = ("n".to_owned(), "7".to_owned());
    let changes = [
        Change::NetworkCreated { network: network() },
        Change::NetworkRemoved { network: name.clone(), network_id: id.clone() },
        Change::NetworkChanged { network: network(), what: vec!["name"] },
        Change::Joined { network: name.clone(), network_id: id.clone(), container: container() },
        Change::Left { network: name.clone(), network_id: id.clone(), container: container() },
        Change::Changed {
            network: name,
            network_id: id,
            container: container(),
            what: vec!["addresses"],
            old_name: "old".into(),
            old_addresses: full.gateways.clone(),
        },
    ];
    let mut out = Vec::new();
    let topology = Topology { networks: vec![full.clone(), Network::default()] };
    documents::networks(&topology, at, &mut out).expect("memory");
    for change in &changes {
        documents::change(change, at, &mut out).expect("memory");
    }
    let lines: Vec<Value> = out
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 1 + changes.len());
    let schema = Schema::read("networks");
    for line in &lines {
        schema.check(line).unwrap_or_else(|why| panic!("{why}"));
    }
    let mut wrong = lines[0].clone();
    wrong["networks"][0]["containers"][0]["seen"] = json!("perhaps");
    assert!(schema.check(&wrong).is_err());
}
