use super::*;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::address::MacAddr;
use crate::capture::NamespaceId;
use crate::capture::interfaces::Interface;
use crate::docker::{ContainerId, Endpoint};
use crate::time::Timestamp;

/// A kernel as the tests want it: namespaces by path, and the interfaces in each.
#[derive(Default)]
struct Made {
    rooms: HashMap<PathBuf, Room>,
    interfaces: HashMap<Room, Vec<Interface>>,
    overlay: Option<PathBuf>,
    entered: usize,
}

impl Made {
    /// `number` 0 is the host's.
    fn make(&mut self, path: &str, number: u64, interfaces: &[(&str, &str)]) {
        let room = if number == 0 { Room::Host } else { Room::Of(NamespaceId::test(number)) };
        let interface = |(name, address): &(&str, &str)| Interface {
            name: (*name).to_owned(),
            index: 1,
            up: *address != "down",
            mac: (*name == "eth9").then_some(MacAddr([2, 66, 0, 0, 0, 9])),
            addresses: address.parse().into_iter().collect(),
        };
        self.interfaces.insert(room.clone(), interfaces.iter().map(interface).collect());
        self.rooms.insert(path.into(), room);
    }
}

impl Machine for Made {
    fn room(&self, path: &Path) -> Option<Room> {
        self.rooms.get(path).cloned()
    }

    fn interfaces(&mut self, room: &Room, _: &Path, _: &[Endpoint]) -> Result<Vec<Interface>, Error> {
        self.entered += 1;
        Ok(self.interfaces.get(room).cloned().unwrap_or_default())
    }

    fn overlay(&self, _: &NetworkId) -> Option<PathBuf> {
        self.overlay.clone()
    }
}

fn network(name: &str, driver: &str, name_service: bool) -> Network {
    Network {
        id: NetworkId(name.into()),
        name: name.into(),
        driver: driver.into(),
        interface: (driver == "bridge").then(|| format!("br-{name}")),
        subnets: Vec::new(),
        gateways: Vec::new(),
        name_service,
        internal: false,
        scope: "local".into(),
        options: BTreeMap::new(),
    }
}

fn container(name: &str, networks: &[(&str, &str)], namespace: &str) -> Container {
    let endpoint = |(network, address): &(&str, &str)| Endpoint {
        network: NetworkId((*network).into()),
        addresses: address.parse().into_iter().collect(),
        mac: address.is_empty().then_some(MacAddr([2, 66, 0, 0, 0, 9])),
        aliases: Vec::new(),
    };
    Container {
        id: ContainerId(name.into()),
        name: name.into(),
        image: String::new(),
        compose: None,
        endpoints: networks.iter().map(endpoint).collect(),
        published: Vec::new(),
        links: Vec::new(),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
    }
}

fn directory(containers: Vec<Container>) -> Directory {
    let networks = vec![
        network("plain", "bridge", false),
        network("user", "bridge", true),
        network("second", "bridge", true),
        network("mv", "macvlan", true),
        network("ov", "overlay", true),
        network("host", "host", false),
        network("none", "null", false),
    ];
    Directory::from_listing(networks, containers, Vec::new(), Timestamp::ZERO)
}

fn plan(targets: &[&str], directory: &Directory) -> Plan {
    let mut plan = Plan { every_bridge: targets.is_empty(), ..Plan::default() };
    for typed in targets {
        let target = Target::read(typed).unwrap();
        let subject = target.resolve(directory, &["eth0".to_owned()]).ok();
        plan.add(target, subject);
    }
    plan
}

/// Each wish as `namespace:interface network content`.
fn wishes(targets: &[&str], directory: &Directory, machine: &mut Made) -> Vec<String> {
    let sandboxes = Sandboxes::of(directory, machine);
    let wishes = plan(targets, directory).wishes(directory, &sandboxes, machine);
    let text = |wish: &Wish| {
        let namespace = wish.tap.namespace.as_deref().unwrap_or(if wish.path.is_some() { "hidden" } else { "host" });
        let network = wish.tap.network.as_deref().unwrap_or("-");
        format!("{namespace}:{} {network} {:?}", wish.place.interface, wish.place.content)
    };
    wishes.iter().map(text).collect()
}

#[test]
fn a_bridge_network_is_its_bridge_and_the_lookups_of_its_containers() {
    let directory = directory(vec![
        container("a", &[("user", "172.18.0.2")], "/ns/a"),
        container("b", &[("plain", "172.17.0.2")], "/ns/b"),
    ]);
    let mut made = Made::default();
    made.make("/ns/a", 1, &[]);
    made.make("/ns/b", 2, &[]);
    assert_eq!(wishes(&["user"], &directory, &mut made), ["host:br-user user All", "a:lo - Lookups"]);
    assert_eq!(wishes(&["plain"], &directory, &mut made), ["host:br-plain plain All"]);
    let every = wishes(&[], &directory, &mut made);
    let expected = ["host:br-plain plain All", "host:br-second second All", "host:br-user user All", "a:lo - Lookups"];
    assert_eq!(every, expected);
    assert_eq!(made.entered, 0, "no namespace is entered for lookups only");
}

#[test]
fn a_container_is_all_its_interfaces_with_their_networks() {
    let networks = [("user", "172.18.0.2"), ("second", "")];
    let directory = directory(vec![container("a", &networks, "/ns/a")]);
    let mut made = Made::default();
    made.make("/ns/a", 1, &[("lo", "127.0.0.1"), ("eth0", "172.18.0.2"), ("eth9", ""), ("eth3", "down")]);
    // The second network is known by the MAC address, and what is down cannot be tapped.
    let expected = ["a:lo - Lookups", "a:eth0 user All", "a:eth9 second All"];
    assert_eq!(wishes(&["container:a"], &directory, &mut made), expected);
    // Beside its network, its lookups are wanted once.
    let both = wishes(&["user", "container:a"], &directory, &mut made);
    assert_eq!(both, ["host:br-user user All", "a:lo - Lookups", "a:eth0 user All", "a:eth9 second All"]);
}

#[test]
fn without_dockers_name_service_loopback_is_watched_whole() {
    let directory = directory(vec![
        container("a", &[("plain", "172.17.0.2")], "/ns/a"),
        container("alone", &[("none", "")], "/ns/alone"),
    ]);
    let mut made = Made::default();
    made.make("/ns/a", 1, &[("lo", "127.0.0.1"), ("eth0", "172.17.0.2")]);
    made.make("/ns/alone", 2, &[("lo", "127.0.0.1")]);
    assert_eq!(wishes(&["a"], &directory, &mut made), ["a:lo - All", "a:eth0 plain All"]);
    assert_eq!(wishes(&["alone"], &directory, &mut made), ["alone:lo - All"]);
    assert_eq!(wishes(&["net:none"], &directory, &mut made), [""; 0]);
}

#[test]
fn macvlan_is_the_one_interface_of_each_container_on_it() {
    let networks = [("mv", "10.99.0.2"), ("user", "172.18.0.2")];
    let directory =
        directory(vec![container("a", &networks, "/ns/a"), container("b", &[("user", "172.18.0.3")], "/ns/b")]);
    let mut made = Made::default();
    made.make("/ns/a", 1, &[("lo", "127.0.0.1"), ("eth0", "172.18.0.2"), ("eth1", "10.99.0.2")]);
    made.make("/ns/b", 2, &[("lo", "127.0.0.1"), ("eth0", "172.18.0.3")]);
    assert_eq!(wishes(&["mv"], &directory, &mut made), ["a:eth1 mv All", "a:lo - Lookups"]);
}

#[test]
fn an_overlay_is_its_hidden_bridge_once_that_is_there() {
    let directory = directory(vec![container("a", &[("ov", "10.0.1.2")], "/ns/a")]);
    let mut made = Made::default();
    made.make("/ns/a", 1, &[]);
    let plan = plan(&["ov"], &directory);
    let sandboxes = Sandboxes::of(&directory, &made);
    assert!(plan.awaits_overlay(&plan.wishes(&directory, &sandboxes, &mut made)));
    made.make("/ns/1-ov", 7, &[]);
    made.overlay = Some("/ns/1-ov".into());
    assert!(!plan.awaits_overlay(&plan.wishes(&directory, &sandboxes, &mut made)));
    assert_eq!(wishes(&["ov"], &directory, &mut made), ["hidden:br0 ov All", "a:lo - Lookups"]);
}

#[test]
fn the_hosts_network_is_any() {
    let directory = directory(vec![container("web", &[("host", "")], "/ns/default")]);
    let mut made = Made::default();
    made.make("/ns/default", 0, &[]);
    assert_eq!(wishes(&["web"], &directory, &mut made), ["host:any - All"]);
    assert_eq!(wishes(&["net:host", "web"], &directory, &mut made), ["host:any - All"]);
}

#[test]
fn those_who_share_a_namespace_share_its_taps() {
    let directory = directory(vec![
        container("a_sharer", &[], "/proc/7/ns/net"),
        container("owner", &[("user", "172.18.0.2")], "/ns/a"),
    ]);
    let mut made = Made::default();
    let interfaces = [("lo", "127.0.0.1"), ("eth0", "172.18.0.2")];
    made.make("/ns/a", 1, &interfaces);
    made.make("/proc/7/ns/net", 1, &interfaces);
    let expected = ["owner:lo - Lookups", "owner:eth0 user All"];
    assert_eq!(wishes(&["a_sharer"], &directory, &mut made), expected);
    assert_eq!(wishes(&["owner", "a_sharer"], &directory, &mut made), expected);
    assert_eq!(wishes(&["user"], &directory, &mut made), ["host:br-user user All", "owner:lo - Lookups"]);
}

#[test]
fn a_target_that_comes_goes_and_restarts_is_told_of() {
    let there = |namespace: &str| directory(vec![container("a", &[("user", "172.18.0.2")], namespace)]);
    let mut plan = plan(&["a"], &directory(Vec::new()));
    assert!(plan.is_all_gone());
    assert_eq!(plan.update(&there("/ns/1"), &[]), [(0, Turn::Came { again: false })]);
    assert_eq!(plan.update(&there("/ns/1"), &[]), []);
    assert_eq!(plan.update(&there("/ns/2"), &[]), [(0, Turn::Renewed)]);
    assert_eq!(plan.update(&directory(Vec::new()), &[]), [(0, Turn::Went)]);
    assert!(plan.is_all_gone());
    assert_eq!(plan.update(&there("/ns/3"), &[]), [(0, Turn::Came { again: true })]);
    let other = Container { id: ContainerId("another".into()), ..container("a", &[], "/ns/4") };
    assert_eq!(plan.update(&directory(vec![other]), &[]), [(0, Turn::Renewed)]);
}

#[test]
fn a_name_that_comes_to_mean_two_things_is_told_of_once() {
    let mut plan = plan(&["user2"], &directory(Vec::new()));
    let networks = vec![network("user2", "bridge", true)];
    let containers = vec![container("user2", &[], "/ns/1")];
    let both = Directory::from_listing(networks, containers, Vec::new(), Timestamp::ZERO);
    let forms = vec!["net:user2".to_owned(), "container:user2".to_owned()];
    assert_eq!(plan.update(&both, &[]), [(0, Turn::Doubtful(forms))]);
    assert_eq!(plan.update(&both, &[]), []);
}
