use super::*;
use crate::capture::LinkType;
use crate::decode::dns::RecordType;
use crate::decode::message::{PROTOCOLS, ProtocolId};
use crate::docker::read_snapshot;
use crate::track::event::{Event, Exchange, Nodes, Outcome, Seen, Subject};

const SNAPSHOT: &str = r#"{"bridgetap_directory":1,"at":"2026-11-21T00:00:00Z","host_addresses":["10.88.0.1","172.17.0.1"],
 "networks":[{"id":"aa","name":"my_bridge","driver":"bridge","interface":"br-aa","subnets":["172.18.0.0/16"],
   "gateways":["172.18.0.1"],"name_service":true,"internal":false},
  {"id":"bb","name":"other","driver":"macvlan","interface":null,"subnets":["10.99.0.0/24"],"gateways":["10.99.0.1"],
   "name_service":true,"internal":false},
  {"id":"cc","name":"twin","driver":"bridge","interface":"br-cc","subnets":["172.18.0.0/16"],
   "gateways":["172.18.0.1"],"name_service":true,"internal":true}],
 "containers":[{"id":"c1","name":"container_a","image":"busybox","project":"shop","service":"cache",
   "endpoints":[{"network":"aa","addresses":["172.18.0.2"],"mac":"02:42:ac:12:00:02","aliases":["db"]}],"published":[]},
  {"id":"4f1c0a9b3d2e77","name":"client","image":"busybox","project":null,"service":null,
   "endpoints":[{"network":"aa","addresses":["172.18.0.3"],"mac":"02:42:ac:12:00:03",
     "aliases":["4f1c0a9b3d2e","client","spade"]}],"published":[],
   "links":[{"container":"linked","alias":"store"}]},
  {"id":"c3c3c3c3c3c3c3","name":"linked","image":"busybox","project":null,"service":null,
   "endpoints":[{"network":"aa","addresses":["172.18.0.4"],"mac":"02:42:ac:12:00:04","aliases":["c3c3c3c3c3c3"]}],"published":[]},
  {"id":"c4","name":"one","image":"busybox","project":null,"service":null,
   "endpoints":[{"network":"aa","addresses":["172.18.0.5"],"mac":"02:42:ac:12:00:05","aliases":[]}],"published":[]},
  {"id":"c5","name":"two","image":"busybox","project":null,"service":null,
   "endpoints":[{"network":"cc","addresses":["172.18.0.5"],"mac":"02:42:ac:12:00:05","aliases":[]}],"published":[]}]}"#;

/// The taps of the tests, by their numbers.
pub(super) const BRIDGE: u32 = 0;
pub(super) const LO: u32 = 1;
pub(super) const OTHER: u32 = 2;
pub(super) const ANY: u32 = 3;
/// `eth0` inside the namespace of `two`, with and without its network.
pub(super) const ETH0: u32 = 4;
pub(super) const INSIDE: u32 = 5;

pub(super) fn tap(interface: &str, network: Option<&str>, namespace: Option<&str>) -> Tap {
    Tap {
        interface: interface.to_owned(),
        network: network.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
        link: LinkType::ETHERNET,
        aside: None,
    }
}

pub(super) fn namer_that(numeric: bool, naming: Naming) -> Namer {
    let mut namer = Namer::new(numeric).with_naming(naming);
    namer.set_directory(TapId(0), Arc::new(read_snapshot(SNAPSHOT).unwrap().apply(None)));
    namer.set_tap(TapId(BRIDGE), tap("br-aa", Some("my_bridge"), None));
    namer.set_tap(TapId(LO), tap("lo", None, Some("client")));
    namer.set_tap(TapId(OTHER), tap("eth0", Some("other"), None));
    namer.set_tap(TapId(ANY), tap("any", None, None));
    namer.set_tap(TapId(ETH0), tap("eth0", Some("twin"), Some("two")));
    namer.set_tap(TapId(INSIDE), tap("br-aa", None, Some("two")));
    namer
}

pub(super) fn namer(naming: Naming) -> Namer {
    namer_that(false, naming)
}

pub(super) fn place(tap: u32) -> Place {
    Place { tap: TapId(tap), if_index: 0, vni: None }
}

pub(super) const NOW: Timestamp = Timestamp::from_parts(1_795_000_000, 0);

pub(super) fn end(address: &str) -> Endpoint {
    Endpoint::host(address.parse().unwrap())
}

fn name_in(namer: &Namer, place: Place, address: &str) -> String {
    namer.party(end(address), None, place, NOW).name.into_owned()
}

fn name_on(tap: u32, address: &str) -> String {
    name_in(&namer(Naming::Container), place(tap), address)
}

pub(super) fn ends(client: &str, server: &str) -> Ends {
    Ends { client: end(client), server: end(server), client_mac: None, server_mac: None }
}

/// What client and server are called on the bridge.
fn both(namer: &Namer, client: &str, server: &str) -> [String; 2] {
    let (client, server) = namer.parties(&ends(client, server), place(BRIDGE), NOW);
    [client, server].map(|party| party.name.into_owned())
}

/// The bytes of a name.
fn wire(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        wire.push(label.len() as u8);
        wire.extend(label.bytes());
    }
    wire.push(0);
    wire
}

/// An answered lookup of an IPv4 address, a second before now.
pub(super) fn lookup(tap: u32, client: &str, name: &str, answers: &[&str]) -> Event<'static> {
    let mut response = vec![0, 7, 0x81, 0x80, 0, 1, 0, answers.len() as u8, 0, 0, 0, 0];
    response.extend([wire(name), vec![0, 1, 0, 1]].concat());
    for answer in answers {
        let address: std::net::Ipv4Addr = answer.parse().unwrap();
        response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 2, 88, 0, 4]);
        response.extend(address.octets());
    }
    let seen = Seen { at: NOW.saturating_sub(std::time::Duration::from_secs(1)), number: 1 };
    let dns = PROTOCOLS.iter().position(|protocol| protocol.name() == "dns").unwrap();
    Event::Exchange(Exchange {
        protocol: ProtocolId(u8::try_from(dns).unwrap()),
        place: place(tap),
        ends: ends(client, if tap == LO { "127.0.0.11" } else { "10.88.0.2" }),
        request: seen,
        reply: Some(seen),
        outcome: Outcome::Answered,
        tries: 1,
        cast: None,
        waited: std::time::Duration::ZERO,
        late: false,
        subject: Subject::Lookup(Lookup {
            id: 7,
            name: wire(name).into(),
            kind: RecordType(1),
            response: Some(response.into()),
            over_tcp: false,
        }),
        known_at: seen.at,
        nodes: Nodes::default(),
    })
}

#[test]
fn everybody_has_a_name() {
    for (tap, address, name) in [
        (BRIDGE, "172.18.0.2", "container_a"),
        (BRIDGE, "172.18.0.1", "host"),
        (BRIDGE, "10.88.0.1", "host"),
        (BRIDGE, "172.18.255.255", "broadcast"),
        (BRIDGE, "255.255.255.255", "broadcast"),
        (BRIDGE, "172.18.0.9", "172.18.0.9"),
        (LO, "127.0.0.11", "docker-dns"),
        (LO, "127.0.0.1", "client"),
        (BRIDGE, "127.0.0.1", "localhost"),
        (ETH0, "127.0.0.1", "localhost"),
        (OTHER, "10.99.0.1", "gateway"),
        (OTHER, "172.18.0.2", "container_a"),
        (BRIDGE, "ff02::1:ff00:2", "solicited-node"),
    ] {
        assert_eq!(name_on(tap, address), name, "{address} on tap {tap}");
    }
}

#[test]
fn the_host_by_the_gateway_of_another_network_is_the_host() {
    // `--add-host host.docker.internal:host-gateway` is the gateway of the default bridge, on every network.
    assert_eq!(name_on(BRIDGE, "172.17.0.1"), "host");
}

#[test]
fn an_address_that_two_networks_have_is_named_where_the_network_is_known() {
    for (tap, name) in [(BRIDGE, "one"), (ETH0, "two"), (INSIDE, "two"), (ANY, "172.18.0.5")] {
        assert_eq!(name_on(tap, "172.18.0.5"), name, "on tap {tap}");
    }
    assert_eq!(name_on(ANY, "172.18.0.2"), "container_a", "only one network has it");
}

#[test]
fn on_a_tap_of_all_interfaces_the_index_tells_the_network() {
    let mut namer = namer(Naming::Container);
    namer.set_interfaces(TapId(0), [(7, "br-aa"), (8, "br-cc")].map(|(at, name)| (at, name.to_owned())).into_iter());
    for (if_index, name, network) in [(7, "one", Some("my_bridge")), (8, "two", Some("twin")), (9, "172.18.0.5", None)]
    {
        let place = Place { tap: TapId(ANY), if_index, vni: None };
        assert_eq!((name_in(&namer, place, "172.18.0.5").as_str(), namer.network(place)), (name, network));
    }
}

#[test]
fn a_link_local_address_is_known_by_its_mac() {
    let namer = namer(Naming::Container);
    let mac = MacAddr::parse("02:42:ac:12:00:02");
    for address in ["fe80::42:acff:fe12:2", "::"] {
        assert_eq!(namer.party(end(address), mac, place(BRIDGE), Timestamp::MAX).name, "container_a");
    }
}

#[test]
fn numeric_keeps_addresses_but_knows_the_container() {
    let namer = namer_that(true, Naming::Container);
    let end = Endpoint::socket("172.18.0.2".parse().unwrap(), 80);
    let party = namer.party(end, None, Place::default(), Timestamp::MAX);
    assert_eq!((party.name.as_ref(), party.container_id, party.network), ("172.18.0.2", Some("c1"), Some("my_bridge")));
}

#[test]
fn containers_are_called_as_it_is_wanted() {
    for (naming, names) in [
        (Naming::Container, ["client", "container_a", "linked"]),
        (Naming::Service, ["client", "cache", "linked"]),
        // Neither its name nor its short id is an alias; a link holds for the container that has it only.
        (Naming::Alias, ["spade", "db", "linked"]),
        (Naming::Fqdn, ["client.my_bridge", "container_a.my_bridge", "linked.my_bridge"]),
    ] {
        let namer = namer(naming);
        let found = ["172.18.0.3", "172.18.0.2", "172.18.0.4"].map(|address| name_in(&namer, place(BRIDGE), address));
        assert_eq!(found, names, "{naming:?}");
    }
}

#[test]
fn a_link_is_the_name_for_the_client_that_has_it() {
    let namer = namer(Naming::Alias);
    assert_eq!(both(&namer, "172.18.0.3", "172.18.0.4"), ["spade", "store"]);
    assert_eq!(both(&namer, "172.18.0.2", "172.18.0.4"), ["db", "linked"]);
}

#[test]
fn each_client_sees_the_name_that_it_asked_for() {
    let mut namer = namer(Naming::Alias);
    namer.learn(&lookup(LO, "127.0.0.1", "cAcHe.My_bridge.", &["172.18.0.2"]));
    namer.learn(&lookup(BRIDGE, "172.18.0.4", "DB", &["172.18.0.2", "172.18.0.5"]));
    assert_eq!(both(&namer, "172.18.0.3", "172.18.0.2")[1], "cache.my_bridge");
    assert_eq!(both(&namer, "172.18.0.4", "172.18.0.2")[1], "db");
    assert_eq!(both(&namer, "172.18.0.4", "172.18.0.5")[1], "db", "every answer");
    let (_, server) = namer.parties(&ends("172.18.0.2", "172.18.0.5"), place(BRIDGE), NOW);
    assert_eq!((server.name.as_ref(), server.asked_as), ("one", None), "who did not ask");
}

#[test]
fn names_are_spelled_as_the_daemon_spells_them() {
    let mut namer = namer(Naming::Container);
    for (asked, spelled) in [
        ("DB", "db"),
        ("Container_A.MY_bridge", "container_a.my_bridge"),
        ("container_a.LAN.", "container_a.lan"),
        ("container_ab", "container_ab"),
    ] {
        namer.learn(&lookup(LO, "127.0.0.1", asked, &["172.18.0.2"]));
        let (client, server) = namer.parties(&ends("172.18.0.3", "172.18.0.2"), place(BRIDGE), NOW);
        assert_eq!((client.asked_as, server.asked_as, &*server.name), (None, Some(spelled), "container_a"));
    }
}

#[test]
fn a_lookup_says_whom_its_answer_leads_to_where_the_question_does_not() {
    let namer = namer(Naming::Container);
    for (asked, answers, leads_to) in [
        ("db", &["172.18.0.2"][..], Some("container_a")),
        ("container_a", &["172.18.0.2"], None),
        ("container_a.my_bridge", &["172.18.0.2"], None),
        ("container", &["172.18.0.2"], Some("container_a")),
        ("all", &["172.18.0.2", "172.18.0.4"], None),
        ("example.test", &["203.0.113.7"], None),
        ("nobody", &[], None),
    ] {
        let Event::Exchange(exchange) = lookup(LO, "127.0.0.1", asked, answers) else { unreachable!() };
        let Subject::Lookup(lookup) = &exchange.subject else { unreachable!() };
        let found = namer.answered_by(lookup, &exchange.ends, exchange.place, NOW);
        assert_eq!(found.as_deref(), leads_to, "{asked}");
    }
}

#[test]
fn an_outside_address_has_the_name_that_this_client_asked_for() {
    let mut namer = namer(Naming::Container);
    namer.learn(&lookup(LO, "127.0.0.1", "www.example.test", &["203.0.113.7"]));
    namer.learn(&lookup(BRIDGE, "172.18.0.4", "cdn.example.test", &["203.0.113.7"]));
    assert_eq!(both(&namer, "172.18.0.3", "203.0.113.7")[1], "www.example.test");
    assert_eq!(both(&namer, "172.18.0.4", "203.0.113.7")[1], "cdn.example.test");
    assert_eq!(both(&namer, "172.18.0.2", "203.0.113.7")[1], "cdn.example.test", "the latest, for who did not ask");
}

#[test]
fn each_end_of_a_packet_is_as_the_other_knows_it() {
    let mut namer = namer(Naming::Alias);
    namer.learn(&lookup(LO, "127.0.0.1", "cache", &["172.18.0.2"]));
    let ends = Ends { client: end("172.18.0.2"), server: end("172.18.0.3"), client_mac: None, server_mac: None };
    let (sender, receiver) = namer.packet_parties(&ends, place(BRIDGE), NOW);
    assert_eq!((sender.name.as_ref(), receiver.name.as_ref()), ("cache", "spade"));
}

/// A ping on the bridge, answered or not.
pub(super) fn ping(client: &str, server: &str, is_answered: bool) -> Event<'static> {
    let Event::Exchange(exchange) = lookup(BRIDGE, client, "x", &[]) else { unreachable!() };
    let subject = Subject::Ping { id: 1, sequence: 0, data_len: 56, hop_limit: 64, fragmented: false };
    let reply = exchange.reply.filter(|_| is_answered);
    Event::Exchange(Exchange { ends: ends(client, server), reply, subject, ..exchange })
}

#[test]
fn strangers_are_those_that_speak_on_a_docker_network() {
    let namer = namer(Naming::Container);
    let strangers = |client, server, is_answered| {
        let found = namer.strangers(&ping(client, server, is_answered));
        found.into_iter().flatten().map(|stranger| stranger.address.to_string()).collect::<Vec<_>>()
    };
    let nobody: [&str; 0] = [];
    assert_eq!(strangers("172.18.0.7", "172.18.0.2", false), ["172.18.0.7"]);
    assert_eq!(strangers("172.18.0.2", "172.18.0.7", true), ["172.18.0.7"]);
    assert_eq!(strangers("172.18.0.2", "172.18.0.7", false), nobody, "it may not even be there");
    assert_eq!(strangers("172.18.0.1", "172.18.0.2", true), nobody, "the host");
    assert_eq!(strangers("203.0.113.7", "172.18.0.2", true), nobody, "outside");
}

#[test]
fn a_stranger_is_introduced_when_the_daemon_tells() {
    let mut namer = namer(Naming::Container);
    let [Some(stranger), None] = namer.strangers(&ping("172.18.0.7", "172.18.0.2", true)) else { unreachable!() };
    assert_eq!(namer.introduce(TapId(0), &stranger, NOW), None);
    let before = namer.directory(TapId(0)).unwrap();
    let mut container = Container::clone(before.container_by_name("one").unwrap());
    container.id = crate::docker::ContainerId("c9".into());
    container.name = "newcomer".to_owned();
    container.endpoints[0].addresses = vec![stranger.address];
    let next = before.with_container(&container.id.clone(), Some(container), NOW);
    namer.set_directory(TapId(0), Arc::new(next));
    let introduction = namer.introduce(TapId(0), &stranger, NOW).unwrap();
    let Introduction { address, network, name, container_id } = introduction;
    assert_eq!((address, &*network, &*name, &*container_id), (stranger.address, "my_bridge", "newcomer", "c9"));
}

#[test]
fn an_address_that_was_just_given_up_is_a_strangers() {
    let mut namer = namer(Naming::Container);
    let before = namer.directory(TapId(0)).unwrap();
    let one = before.container_by_name("one").unwrap().id.clone();
    let gone = NOW.saturating_sub(std::time::Duration::from_millis(1500));
    let next = before.with_container(&one, None, gone);
    namer.set_directory(TapId(0), Arc::new(next));
    // Its last packets may still come, but as likely it is the next container with this address.
    assert_eq!(name_in(&namer, place(BRIDGE), "172.18.0.5"), "one");
    let [Some(stranger), None] = namer.strangers(&ping("172.18.0.5", "172.18.0.2", true)) else { unreachable!() };
    assert_eq!(stranger.previous, Some(one));
}
