use std::net::IpAddr;
use std::path::PathBuf;

use super::*;
use crate::address::MacAddr;
use crate::capture::{Links, NetLink};
use crate::docker::{self, Container, ContainerId, Directory, Endpoint, NetworkId, Subnet};
use crate::time::Timestamp;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn network(name: &str, driver: &str, interface: Option<&str>) -> docker::Network {
    docker::Network {
        id: NetworkId(format!("{name}0000000000000000").into()),
        name: name.into(),
        driver: driver.into(),
        interface: interface.map(str::to_owned),
        subnets: Subnet::parse("172.18.0.0/16").into_iter().collect(),
        gateways: vec![ip("172.18.0.1")],
        name_service: true,
        internal: false,
        scope: "local".into(),
        options: BTreeMap::new(),
    }
}

fn container(name: &str, places: &[(&str, &str)]) -> Container {
    let id = format!("{name}ffffffffffffffff");
    let endpoint = |(network, address): &(&str, &str)| Endpoint {
        network: NetworkId(format!("{network}0000000000000000").into()),
        addresses: vec![ip(address)],
        mac: MacAddr::parse("02:42:ac:12:00:02"),
        aliases: vec!["db".into(), id[..12].to_owned()],
    };
    Container {
        name: name.into(),
        image: "busybox".into(),
        compose: None,
        endpoints: places.iter().map(endpoint).collect(),
        published: Vec::new(),
        links: Vec::new(),
        namespace: Some(format!("/ns/{name}")),
        id: ContainerId(id.as_str().into()),
    }
}

fn directory(networks: Vec<docker::Network>, containers: Vec<Container>) -> Directory {
    Directory::from_listing(networks, containers, Vec::new(), Timestamp::ZERO)
}

/// A veth: its index and its peer's, the number of the peer's namespace, and the bridge.
fn veth(name: &str, (index, peer): (u32, u32), namespace: i32, master: Option<u32>) -> NetLink {
    NetLink {
        index,
        name: name.into(),
        kind: "veth".into(),
        peer: Some(peer),
        peer_namespace: Some(namespace),
        master,
        ..NetLink::default()
    }
}

fn with_address(link: NetLink, address: &str) -> NetLink {
    NetLink { addresses: vec![ip(address)], ..link }
}

/// Two containers whose veths name the same indices, as they do where each namespace counts for itself.
fn twins() -> (Directory, Sights) {
    let directory = directory(
        vec![network("a", "bridge", Some("br-a")), network("over", "overlay", None)],
        vec![container("one", &[("a", "172.18.0.2")]), container("two", &[("a", "172.18.0.3"), ("over", "10.0.1.2")])],
    );
    let bridge = NetLink { index: 3, name: "br-a".into(), up: true, mtu: 1500, ..NetLink::default() };
    let host = Links {
        links: vec![
            bridge,
            veth("veth-one", (10, 2), 0, Some(3)),
            veth("veth-two", (11, 2), 1, Some(3)),
            veth("veth-else", (12, 9), 7, Some(3)),
        ],
        namespaces: [("/ns/one".into(), 0), ("/ns/two".into(), 1)].into(),
    };
    let hidden = Links {
        links: vec![
            NetLink { index: 2, name: "br0".into(), up: true, carrier: true, mtu: 1450, ..NetLink::default() },
            // The index of the other network's veth on the host.
            veth("veth1", (10, 4), 5, Some(2)),
        ],
        namespaces: [("/ns/two".into(), 5)].into(),
    };
    let one = Links { links: vec![with_address(veth("eth0", (2, 10), 0, None), "172.18.0.2")], ..Links::default() };
    let two = Links {
        links: vec![
            with_address(veth("eth1", (2, 11), 0, None), "172.18.0.3"),
            with_address(veth("eth0", (4, 10), 1, None), "10.0.1.2"),
        ],
        ..Links::default()
    };
    let sights = Sights {
        host,
        inside: [("/ns/one".into(), Inside::Seen(one)), ("/ns/two".into(), Inside::Seen(two))].into(),
        hidden: [("over0000000000000000".to_owned(), (PathBuf::from("/ns/1-over000000"), hidden))].into(),
        may_enter: true,
    };
    (directory, sights)
}

fn whole(directory: &Directory, sights: &Sights) -> Topology {
    build(directory, sights, &Selection::default())
}

#[test]
fn a_veth_belongs_to_the_container_whose_namespace_it_names() {
    let (directory, sights) = twins();
    let found = whole(&directory, &sights);
    let cables = |network: &Network| {
        let cable = |place: &Attachment| (place.name.clone(), place.interface.clone(), place.veth.clone());
        network.containers.iter().map(cable).collect::<Vec<_>>()
    };
    let cable =
        |name: &str, inside: &str, veth: &str| (name.to_owned(), Some(inside.to_owned()), Some(veth.to_owned()));
    let [bridge, overlay] = found.networks.as_slice() else { panic!("{found:?}") };
    assert_eq!(cables(bridge), [cable("one", "eth0", "veth-one"), cable("two", "eth1", "veth-two")]);
    assert_eq!(cables(overlay), [cable("two", "eth0", "veth1")]);
    let carrier = overlay.interface.as_ref().unwrap();
    assert_eq!((carrier.name.as_str(), carrier.namespace.as_deref()), ("br0", Some("/ns/1-over000000")));
    let others: Vec<_> = bridge.other_ports.iter().map(|port| (port.interface.as_str(), &port.container)).collect();
    assert_eq!(others, [("veth-else", &None)]);
    assert_eq!(bridge.containers[0].aliases, ["db"], "its id is no alias");
}

#[test]
fn a_port_that_the_daemon_does_not_list_is_named_by_its_other_end() {
    let (_, mut sights) = twins();
    sights.hidden.clear();
    // As on docker_gwbridge: it is on the bridge, and the daemon does not say so.
    let directory = directory(vec![network("a", "bridge", Some("br-a"))], vec![container("one", &[])]);
    let found = whole(&directory, &sights);
    let ports = &found.networks[0].other_ports;
    let expected = Port {
        interface: "veth-one".into(),
        kind: "veth".into(),
        container: Some("one".into()),
        container_interface: Some("eth0".into()),
        addresses: vec![ip("172.18.0.2")],
    };
    assert_eq!(ports[0], expected);
}

#[test]
fn without_rights_nothing_is_guessed() {
    let (directory, mut sights) = twins();
    sights.may_enter = false;
    sights.inside = [("/ns/one".into(), Inside::NotPermitted)].into();
    let found = whole(&directory, &sights);
    for place in &found.networks[0].containers {
        assert_eq!((place.seen, &place.veth), (Seen::NotPermitted, &None), "{}", place.name);
    }
    assert_eq!(found.networks[0].other_ports, []);
    sights.may_enter = true;
    sights.inside.clear();
    assert_eq!(whole(&directory, &sights).networks[0].containers[0].seen, Seen::NotHere);
}

#[test]
fn what_was_asked_for_is_shown() {
    let (directory, sights) = twins();
    let ask = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let (selection, wrong) = Selection::resolve(&names, &directory);
        let shown = build(&directory, &sights, &selection);
        let shown: Vec<_> = shown
            .networks
            .iter()
            .map(|network| (network.name.clone(), network.containers.len(), network.others))
            .collect();
        (shown, wrong)
    };
    let row = |name: &str, shown, others| (name.to_owned(), shown, others);
    assert_eq!(ask(&["a"]).0, [row("a", 2, 0)]);
    assert_eq!(ask(&["two"]).0, [row("a", 1, 1), row("over", 1, 0)]);
    assert_eq!(ask(&["a", "container:two"]).0, [row("a", 2, 0), row("over", 1, 0)]);
    let (shown, wrong) = ask(&["ovr"]);
    assert_eq!(shown, []);
    assert_eq!(wrong, ["ovr: no such network or running container; did you mean over?"]);
    assert_eq!(ask(&["net:two"]).1.len(), 1);
}

#[test]
fn a_name_of_both_kinds_is_refused() {
    let directory = directory(vec![network("web", "bridge", None)], vec![container("web", &[])]);
    let (_, wrong) = Selection::resolve(&["web".to_owned()], &directory);
    assert_eq!(wrong, ["web is both a network and a container: write net:web or container:web"]);
    assert!(Selection::resolve(&["net:web".to_owned(), "container:web".to_owned()], &directory).1.is_empty());
}

/// What changed, in short.
fn told(old: &Topology, new: &Topology) -> Vec<String> {
    let short = |change: &Change| match change {
        Change::NetworkCreated { network } => format!("+ {}", network.name),
        Change::NetworkRemoved { network, .. } => format!("- {network}"),
        Change::NetworkChanged { network, what } => format!("~ {} {}", network.name, what.join(" ")),
        Change::Joined { network, container, .. } => format!("+ {} {network}", container.name),
        Change::Left { network, container, .. } => format!("- {} {network}", container.name),
        Change::Changed { network, old_name, what, .. } => format!("~ {old_name} {network} {}", what.join(" ")),
    };
    changes(old, new).iter().map(short).collect()
}

#[test]
fn changes_are_told_and_nothing_else() {
    let (directory, sights) = twins();
    let old = whole(&directory, &sights);
    assert_eq!(told(&old, &old), Vec::<String>::new());

    let mut new = old.clone();
    let mut gone = new.networks.remove(1);
    new.networks[0].containers[0].name = "uno".into();
    new.networks[0].containers.remove(1);
    assert_eq!(told(&old, &new), ["- two a", "- two over", "- over", "~ one a name"]);
    assert_eq!(told(&new, &old), ["~ uno a name", "+ two a", "+ over", "+ two over"]);

    let mut new = old.clone();
    new.networks[0].containers[0].veth = Some("veth-new".into());
    assert_eq!(told(&old, &new), ["- one a", "+ one a"], "it was restarted");
    new.networks[0].containers[0].veth = None;
    assert_eq!(told(&old, &new), Vec::<String>::new(), "it is only not seen any more");

    let mut new = old.clone();
    if let Some(link) = new.networks[0].interface.as_mut().and_then(|interface| interface.link.as_mut()) {
        (link.up, link.carrier) = (false, true);
    }
    gone.containers.clear();
    assert_eq!(told(&old, &new), ["~ a interface"]);
}
