use super::tests::tap;
use super::*;
use crate::decode::Vni;
use crate::docker::read_snapshot;

const SNAPSHOT: &str = r#"{"bridgetap_directory":1,"at":"2026-11-21T00:00:00Z","host_addresses":["10.88.0.1"],
 "networks":[{"id":"aa","name":"my_bridge","driver":"bridge","interface":"br-aa","subnets":["172.18.0.0/16"],
   "gateways":["172.18.0.1"],"name_service":true,"internal":false},
  {"id":"bb","name":"other","driver":"macvlan","interface":null,"subnets":["10.99.0.0/24"],"gateways":["10.99.0.1"],
   "name_service":true,"internal":false},
  {"id":"ov","name":"my_overlay","driver":"overlay","interface":null,"subnets":["172.18.0.0/24"],
   "gateways":["172.18.0.1"],"name_service":true,"internal":false,"scope":"swarm",
   "options":{"com.docker.network.driver.overlay.vxlanid_list":"4097,4099"}}],
 "containers":[{"id":"c1","name":"container_a","image":"busybox","project":null,"service":null,
   "endpoints":[{"network":"aa","addresses":["172.18.0.2"],"mac":"02:42:ac:12:00:02","aliases":["db"]}],"published":[]},
  {"id":"c3","name":"container_c","image":"busybox","project":null,"service":null,
   "endpoints":[{"network":"aa","addresses":["172.18.7.7"],"mac":null,"aliases":[]}],"published":[]},
  {"id":"c2","name":"ov_a","image":"busybox","project":null,"service":null,
   "endpoints":[{"network":"ov","addresses":["172.18.0.5"],"mac":"02:42:ac:12:00:05","aliases":[]}],"published":[]}]}"#;

/// Tap 0 is `my_bridge`, tap 1 the `lo` of `container_a`, tap 2 the other network.
fn namer(numeric: bool) -> Namer {
    let mut namer = Namer::new(numeric);
    namer.set_directory(TapId(0), Arc::new(read_snapshot(SNAPSHOT).unwrap().apply(None)));
    namer.set_tap(TapId(0), tap("br-aa", Some("my_bridge"), None));
    namer.set_tap(TapId(1), tap("lo", None, Some("container_a")));
    namer.set_tap(TapId(2), tap("eth0", Some("other"), None));
    namer
}

/// Who has an address on tap 0, outside of tunnels or inside one, its network, and the network there.
fn seen_in(vni: Option<u32>, address: &str) -> (String, Option<String>, Option<String>) {
    let namer = namer(false);
    let place = Place { vni: vni.map(Vni::new), ..Place::default() };
    let end = Endpoint::host(address.parse().unwrap());
    let party = namer.party(end, None, place, Timestamp::from_parts(1_795_000_000, 0));
    let owned = |name: Option<&str>| name.map(str::to_owned);
    (party.name.to_string(), owned(party.network), owned(namer.network(place)))
}

#[test]
fn inside_a_tunnel_names_are_those_of_its_own_network() {
    for (vni, address, name, network) in [
        (None, "172.18.0.2", "container_a", "my_bridge"),
        (None, "172.18.0.5", "172.18.0.5", "my_bridge"),
        (Some(4097), "172.18.0.2", "172.18.0.2", "my_overlay"),
        (Some(4097), "172.18.0.5", "ov_a", "my_overlay"),
        (Some(4099), "172.18.0.5", "ov_a", "my_overlay"),
        (Some(4099), "172.18.0.1", "gateway", "my_overlay"),
    ] {
        let network = Some(network.to_owned());
        assert_eq!(seen_in(vni, address), (name.to_owned(), network.clone(), network), "{address} in {vni:?}");
    }
    // Outside of the overlay's subnet, where my_bridge has a container.
    assert_eq!(seen_in(Some(4097), "172.18.7.7").0, "172.18.7.7");
    assert_eq!(seen_in(None, "172.18.7.7").0, "container_c");
}

#[test]
fn a_tunnel_of_a_network_that_the_daemon_does_not_know_keeps_its_addresses() {
    for address in ["172.18.0.2", "172.18.0.5", "172.18.0.1", "10.88.0.1", "172.18.255.255"] {
        assert_eq!(seen_in(Some(5000), address), (address.to_owned(), None, None));
    }
    assert_eq!(seen_in(Some(5000), "255.255.255.255").0, "broadcast");
}
