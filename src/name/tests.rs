use super::*;
use crate::capture::LinkType;
use crate::docker::read_snapshot;

const SNAPSHOT: &str = r#"{"bridgetap_directory":1,"at":"2026-11-21T00:00:00Z","host_addresses":["10.88.0.1"],
 "networks":[{"id":"aa","name":"my_bridge","driver":"bridge","interface":"br-aa","subnets":["172.18.0.0/16"],
   "gateways":["172.18.0.1"],"name_service":true,"internal":false},
  {"id":"bb","name":"other","driver":"macvlan","interface":null,"subnets":["10.99.0.0/24"],"gateways":["10.99.0.1"],
   "name_service":true,"internal":false}],
 "containers":[{"id":"c1","name":"container_a","image":"busybox","project":null,"service":null,
   "endpoints":[{"network":"aa","addresses":["172.18.0.2"],"mac":"02:42:ac:12:00:02","aliases":["db"]}],"published":[]}]}"#;

fn tap(interface: &str, network: Option<&str>, namespace: Option<&str>) -> Tap {
    Tap {
        interface: interface.to_owned(),
        network: network.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
        link: LinkType::ETHERNET,
    }
}

/// Tap 0 is `my_bridge`, tap 1 the `lo` of `container_a`, tap 2 the other network.
fn namer(numeric: bool) -> Namer {
    let mut namer = Namer::new(numeric);
    namer.set_directory(TapId(0), Arc::new(read_snapshot(SNAPSHOT).unwrap().apply(None)));
    namer.set_tap(TapId(0), tap("br-aa", Some("my_bridge"), None));
    namer.set_tap(TapId(1), tap("lo", None, Some("container_a")));
    namer.set_tap(TapId(2), tap("eth0", Some("other"), None));
    namer
}

fn name_on(tap: u32, address: &str) -> String {
    let place = Place { tap: TapId(tap), ..Place::default() };
    let end = Endpoint::host(address.parse().unwrap());
    namer(false).party(end, None, place, Timestamp::from_parts(1_795_000_000, 0)).name.into_owned()
}

#[test]
fn everybody_has_a_name() {
    for (tap, address, name) in [
        (0, "172.18.0.2", "container_a"),
        (0, "172.18.0.1", "host"),
        (0, "10.88.0.1", "host"),
        (0, "172.18.255.255", "broadcast"),
        (0, "255.255.255.255", "broadcast"),
        (0, "172.18.0.9", "172.18.0.9"),
        (1, "127.0.0.11", "docker-dns"),
        (1, "127.0.0.1", "container_a"),
        (0, "127.0.0.1", "localhost"),
        (2, "10.99.0.1", "gateway"),
        (2, "172.18.0.2", "container_a"),
        (0, "ff02::1:ff00:2", "solicited-node"),
    ] {
        assert_eq!(name_on(tap, address), name, "{address} on tap {tap}");
    }
}

#[test]
fn a_link_local_address_is_known_by_its_mac() {
    let namer = namer(false);
    let end = Endpoint::host("fe80::42:acff:fe12:2".parse().unwrap());
    let mac = MacAddr::parse("02:42:ac:12:00:02");
    let party = namer.party(end, mac, Place::default(), Timestamp::MAX);
    assert_eq!(party.name, "container_a");
}

#[test]
fn numeric_keeps_addresses_but_knows_the_container() {
    let namer = namer(true);
    let end = Endpoint::socket("172.18.0.2".parse().unwrap(), 80);
    let party = namer.party(end, None, Place::default(), Timestamp::MAX);
    assert_eq!((party.name.as_ref(), party.container_id, party.network), ("172.18.0.2", Some("c1"), Some("my_bridge")));
}
