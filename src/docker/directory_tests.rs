use super::*;
use crate::docker::leases::MAX_PAST_LEASES;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_parts(seconds, 0)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn net(name: &str, subnet: &str, gateway: &str) -> Network {
    Network {
        id: id_of(name),
        name: name.into(),
        driver: "bridge".into(),
        interface: Some(format!("br-{name}")),
        subnets: vec![Subnet::parse(subnet).unwrap()],
        gateways: vec![ip(gateway)],
        name_service: true,
        internal: false,
        scope: "local".into(),
        options: BTreeMap::new(),
    }
}

fn id_of(name: &str) -> NetworkId {
    NetworkId(format!("id-{name}").into())
}

/// A container with an address on each of these networks.
fn container(id: &str, name: &str, places: &[(&str, &str)]) -> Container {
    let place = |&(network, address): &(&str, &str)| Endpoint {
        network: id_of(network),
        addresses: vec![ip(address)],
        mac: None,
        aliases: Vec::new(),
    };
    Container {
        id: ContainerId(id.into()),
        name: name.into(),
        image: "busybox".into(),
        compose: None,
        endpoints: places.iter().map(place).collect(),
        published: Vec::new(),
        links: Vec::new(),
        namespace: None,
    }
}

fn first(containers: Vec<Container>) -> Directory {
    let networks = vec![net("one", "172.18.0.0/16", "172.18.0.1"), net("two", "172.19.0.0/16", "172.19.0.1")];
    Directory::from_listing(networks, containers, vec![ip("172.18.0.1"), ip("10.0.0.5")], at(100))
}

fn then(before: &Directory, containers: Vec<Container>, seconds: u64) -> Directory {
    let networks = before.networks().map(|network| (**network).clone()).collect();
    before.updated(networks, containers, before.host_addresses().to_vec(), at(seconds))
}

fn name(directory: &Directory, network: Option<&str>, address: &str, seconds: u64) -> Option<String> {
    let network = network.map(id_of);
    directory.container_at(network.as_ref(), ip(address), at(seconds)).map(|found| found.name.clone())
}

#[test]
fn the_first_listing_is_true_for_all_earlier_times() {
    let directory = first(vec![container("c1", "a", &[("one", "172.18.0.2")])]);
    assert_eq!(name(&directory, Some("one"), "172.18.0.2", 0).as_deref(), Some("a"));
    assert_eq!(name(&directory, None, "172.18.0.2", 1_000_000).as_deref(), Some("a"));
    assert_eq!(name(&directory, Some("two"), "172.18.0.2", 100), None);
    assert_eq!(directory.as_of(), at(100));
}

#[test]
fn an_address_belongs_to_another_container_later() {
    let a = first(vec![container("c1", "a", &[("one", "172.18.0.2")])]);
    let none = then(&a, vec![], 200);
    let b = then(&none, vec![container("c2", "b", &[("one", "172.18.0.2")])], 300);
    for (seconds, expected) in [
        (199, Some("a")),
        (200, Some("a")),
        (201, Some("a")),
        (202, None),
        (297, None),
        (298, Some("b")),
        (300, Some("b")),
    ] {
        assert_eq!(name(&b, Some("one"), "172.18.0.2", seconds).as_deref(), expected, "{seconds}");
        assert_eq!(name(&b, None, "172.18.0.2", seconds).as_deref(), expected, "{seconds}, no network");
    }
    assert_eq!(name(&a, None, "172.18.0.2", 300).as_deref(), Some("a"), "an old Directory does not change");
}

#[test]
fn who_had_it_comes_before_who_gets_it() {
    let a = first(vec![container("c1", "a", &[("one", "172.18.0.2")])]);
    let b = then(&then(&a, vec![], 200), vec![container("c2", "b", &[("one", "172.18.0.2")])], 202);
    assert_eq!(name(&b, None, "172.18.0.2", 201).as_deref(), Some("a"));
    assert_eq!(name(&b, None, "172.18.0.2", 202).as_deref(), Some("b"));
}

#[test]
fn an_old_name_holds_for_the_time_before() {
    let old = first(vec![container("c1", "old", &[("one", "172.18.0.2")])]);
    let new = then(&old, vec![container("c1", "new", &[("one", "172.18.0.2")])], 200);
    assert_eq!(name(&new, Some("one"), "172.18.0.2", 199).as_deref(), Some("old"));
    assert_eq!(name(&new, Some("one"), "172.18.0.2", 200).as_deref(), Some("new"));
    assert!(new.container_by_name("old").is_none());
    assert_eq!(new.container_by_name("new").map(|found| &*found.id.0), Some("c1"));
}

#[test]
fn what_stays_keeps_its_beginning() {
    let places = [("one", "172.18.0.2")];
    let one = first(vec![]);
    let two = then(&one, vec![container("c1", "a", &places)], 200);
    let three = then(&two, vec![container("c1", "a", &places), container("c2", "b", &[("one", "172.18.0.3")])], 300);
    assert_eq!(name(&three, None, "172.18.0.2", 201).as_deref(), Some("a"));
    assert_eq!(name(&three, None, "172.18.0.3", 250), None);
    assert!(Arc::ptr_eq(two.container_by_name("a").unwrap(), three.container_by_name("a").unwrap()));
    assert_eq!(three.containers().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_network_is_joined_and_left() {
    let before = first(vec![container("c1", "a", &[("one", "172.18.0.2")])]);
    let joined = then(&before, vec![container("c1", "a", &[("one", "172.18.0.2"), ("two", "172.19.0.9")])], 200);
    let left = then(&joined, vec![container("c1", "a", &[("two", "172.19.0.9")])], 300);
    assert_eq!(name(&left, Some("two"), "172.19.0.9", 197), None);
    assert_eq!(name(&left, Some("two"), "172.19.0.9", 250).as_deref(), Some("a"));
    assert_eq!(name(&left, Some("one"), "172.18.0.2", 150).as_deref(), Some("a"));
    assert_eq!(name(&left, Some("one"), "172.18.0.2", 299).as_deref(), Some("a"));
    assert_eq!(name(&left, Some("one"), "172.18.0.2", 302), None);
}

#[test]
fn two_networks_with_the_same_subnet_need_the_network() {
    let networks = vec![net("one", "10.0.0.0/24", "10.0.0.1"), net("two", "10.0.0.0/24", "10.0.0.1")];
    let a = container("c1", "a", &[("one", "10.0.0.2")]);
    let b = container("c2", "b", &[("two", "10.0.0.2")]);
    let directory = Directory::from_listing(networks, vec![a.clone(), b], vec![], at(1));
    assert_eq!(name(&directory, Some("one"), "10.0.0.2", 5).as_deref(), Some("a"));
    assert_eq!(name(&directory, Some("two"), "10.0.0.2", 5).as_deref(), Some("b"));
    assert_eq!(name(&directory, None, "10.0.0.2", 5), None);
    let later = then(&directory, vec![a], 200);
    assert_eq!(name(&later, None, "10.0.0.2", 201).as_deref(), Some("a"), "only one has it now");
    assert_eq!(name(&later, None, "10.0.0.2", 199), None, "both had it then");
}

#[test]
fn events_may_be_told_out_of_order() {
    let a = container("c1", "a", &[("one", "172.18.0.2")]);
    let b = container("c2", "b", &[("one", "172.18.0.2")]);
    let directory = first(vec![a.clone()]);
    let both = directory.with_container(&b.id, Some(b.clone()), at(201));
    let one = both.with_container(&a.id, None, at(200));
    assert_eq!(name(&one, None, "172.18.0.2", 199).as_deref(), Some("a"));
    assert_eq!(name(&one, None, "172.18.0.2", 200).as_deref(), Some("a"));
    assert_eq!(name(&one, None, "172.18.0.2", 201).as_deref(), Some("b"));
    let gone_before_it_came = one.with_container(&b.id, None, at(150));
    assert_eq!(name(&gone_before_it_came, None, "172.18.0.2", 300), None);
}

#[test]
fn past_leases_are_capped_and_counted() {
    let mut directory = first(vec![]);
    let address = |number: usize| format!("172.18.{}.{}", number / 250 % 250, number % 250 + 2);
    let round = |number| (0..1000).map(|n| container(&format!("{number}-{n}"), "x", &[("one", &address(n))])).collect();
    for number in 0..70 {
        directory = then(&directory, round(number), 1000 + number * 10);
    }
    assert_eq!(directory.forgotten_leases(), 69_000 - MAX_PAST_LEASES as u64);
    let then = |seconds| directory.container_at(None, ip(&address(7)), at(seconds)).map(|found| found.id.0.to_string());
    assert_eq!(then(1005), None, "the oldest went");
    assert_eq!(then(1685).as_deref(), Some("68-7"));
    assert_eq!(then(1695).as_deref(), Some("69-7"));
}

#[test]
fn a_hostile_number_of_networks_with_one_address_is_bounded() {
    let places: Vec<_> = (0..5000).map(|number| format!("n{number}")).collect();
    let places: Vec<_> = places.iter().map(|network| (network.as_str(), "10.0.0.1")).collect();
    let directory = first(vec![container("c1", "a", &places)]);
    assert_eq!(directory.forgotten_leases(), 5000 - 1024);
    assert_eq!(name(&directory, None, "10.0.0.1", 1), None);
    assert_eq!(name(&then(&directory, vec![], 200), None, "10.0.0.1", 500), None);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what is tested here is how long it takes")]
fn an_update_of_two_hundred_containers_with_a_full_past_is_fast() {
    let many = |prefix: &str, count: usize| -> Vec<_> {
        let address = |n: usize| format!("10.{}.{}.{}", n / 65_536, n / 256 % 256, n % 256);
        (0..count)
            .map(|n| container(&format!("{prefix}{n}"), &format!("{prefix}{n}"), &[("one", &address(n))]))
            .collect()
    };
    let full = then(&first(many("old", MAX_PAST_LEASES)), many("new", 200), 200);
    let mut next = many("new", 200);
    next[7].name = "renamed".into();
    let best = (0..10).map(|_| {
        let (start, next) = (std::time::Instant::now(), next.clone());
        let updated = then(&full, next, 300);
        assert!(updated.container_by_name("renamed").is_some());
        start.elapsed()
    });
    let best = best.min().unwrap();
    // A tenth of it where nothing else runs; one that looked at every past lease would take a hundred times as long.
    let limit = if cfg!(debug_assertions) { 600 } else { 50 };
    assert!(best.as_millis() < limit, "{best:?}");
}

#[test]
fn networks_are_found_in_every_way() {
    let wide = net("wide", "10.0.0.0/8", "10.0.0.1");
    let narrow =
        Network { subnets: vec![Subnet::parse("10.1.0.0/16").unwrap()], ..net("narrow", "10.0.0.0/8", "10.1.0.1") };
    let six = net("six", "fd00:1::/64", "fd00:1::1");
    let hosts = vec![ip("10.0.0.1"), ip("192.0.2.7")];
    let directory = Directory::from_listing(vec![wide, narrow, six], vec![], hosts, at(1));
    let named = |found: Option<&Arc<Network>>| found.map(|network| network.name.clone());
    assert_eq!(named(directory.network_containing(ip("10.1.2.3"))).as_deref(), Some("narrow"));
    assert_eq!(named(directory.network_containing(ip("10.2.2.3"))).as_deref(), Some("wide"));
    assert_eq!(named(directory.network_containing(ip("fd00:1::77"))).as_deref(), Some("six"));
    assert_eq!(named(directory.network_containing(ip("192.0.2.7"))), None);
    assert_eq!(named(directory.network_by_interface("br-wide")).as_deref(), Some("wide"));
    assert_eq!(named(directory.network_by_name("six")).as_deref(), Some("six"));
    assert_eq!(named(directory.is_gateway(None, ip("10.1.0.1"))).as_deref(), Some("narrow"));
    assert_eq!(named(directory.is_gateway(Some(&id_of("wide")), ip("10.1.0.1"))), None);
    assert!(directory.is_host_address(ip("192.0.2.7")) && !directory.is_host_address(ip("192.0.2.8")));
    assert_eq!(directory.networks().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["narrow", "six", "wide"]);
    assert!(matches!(directory.find_network("widee"), Lookup::NotFound { nearest: Some(name) } if name == "wide"));
}

#[test]
fn broadcast_is_that_of_the_network() {
    let directory = first(vec![]);
    let broadcast = "172.18.255.255".parse().unwrap();
    assert!(directory.is_broadcast(Some(&id_of("one")), broadcast));
    assert!(!directory.is_broadcast(Some(&id_of("two")), broadcast));
    assert!(directory.is_broadcast(None, broadcast));
    assert!(!directory.is_broadcast(None, "172.18.0.255".parse().unwrap()));
    assert!(directory.is_broadcast(Some(&id_of("unknown")), Ipv4Addr::BROADCAST));
}

#[test]
fn a_removed_network_is_still_known_by_its_id() {
    let before = first(vec![]);
    let after = before.updated(vec![net("two", "172.19.0.0/16", "172.19.0.1")], vec![], vec![], at(200));
    assert_eq!(after.networks().count(), 1);
    assert!(after.network_by_name("one").is_none() && after.network_by_interface("br-one").is_none());
    assert_eq!(after.network(&id_of("one")).map(|network| network.name.as_str()), Some("one"));
    let mut many = after;
    for number in 0..MAX_PAST_NETWORKS + 10 {
        many = many.updated(vec![net(&format!("n{number}"), "10.0.0.0/8", "10.0.0.1")], vec![], vec![], at(300));
    }
    assert!(many.network(&id_of("one")).is_none());
    assert!(many.network(&id_of("n10")).is_some(), "there are {MAX_PAST_NETWORKS}");
}

#[test]
fn a_stopped_container_is_still_known_by_its_name() {
    let named = |name| vec![container("c1", name, &[("one", "172.18.0.2")])];
    let stopped = then(&first(named("a")), vec![], 200);
    assert!(stopped.container_by_name("a").is_none());
    assert_eq!(stopped.latest_container_by_name("a").map(|found| &*found.id.0), Some("c1"));
    let renamed = then(&stopped, named("a"), 300).with_container(&ContainerId("c1".into()), named("b").pop(), at(400));
    assert_eq!(renamed.latest_container_by_name("a").map(|found| &*found.id.0), Some("c1"));
    let another = then(&renamed, vec![container("c2", "a", &[])], 500);
    assert_eq!(another.latest_container_by_name("a").map(|found| &*found.id.0), Some("c2"), "who runs comes first");
    assert_eq!(another.latest_container_by_name("b").map(|found| &*found.id.0), Some("c1"));
    assert!(another.latest_container_by_name("nobody").is_none());
}

#[test]
fn subnets_are_read_and_asked() {
    for bad in ["", "10.0.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/8/8"] {
        assert_eq!(Subnet::parse(bad), None, "{bad}");
    }
    let all = Subnet::parse("0.0.0.0/0").unwrap();
    assert!(all.contains(ip("203.0.113.9")) && !all.contains(ip("::1")));
    assert_eq!(Subnet::parse("172.18.0.0/16").unwrap().to_string(), "172.18.0.0/16");
    assert_eq!(Subnet::parse("10.0.0.0/31").unwrap().broadcast(), None);
    assert!(Subnet::parse("10.0.0.7/32").unwrap().contains(ip("10.0.0.7")));
}
