use super::*;
use crate::topology::LinkState;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn container(name: &str, address: &str) -> Attachment {
    Attachment {
        name: name.into(),
        addresses: vec![ip(address)],
        mac: Some("02:42:ac:12:00:02".into()),
        seen: Seen::Yes,
        interface: Some("eth0".into()),
        veth: Some("veth1a2b3c4".into()),
        ..Attachment::default()
    }
}

fn bridge() -> Network {
    let link = LinkState { index: 3, mac: None, mtu: 1500, up: true, carrier: true };
    let interface = Interface { name: "br-4f1c0a9b3d2e".into(), role: Role::Bridge, namespace: None, link: Some(link) };
    let mut web = container("web", "172.18.0.2");
    web.addresses.push(ip("fd00::2"));
    web.aliases = vec!["db".into(), "evil\u{1b}[2J".into()];
    web.links = vec!["cache:redis".into()];
    web.project = Some("shop".into());
    web.service = Some("front".into());
    web.published = ["0.0.0.0", "::"]
        .map(|host| Published { host_address: ip(host), host_port: 8080, container_port: 5000, protocol: "tcp" })
        .into();
    let unseen = Attachment {
        seen: Seen::NotPermitted,
        interface: None,
        veth: None,
        ..container("container_with_a_name_that_is_rather_long", "172.18.0.30")
    };
    let elsewhere = Attachment { seen: Seen::NotHere, ..unseen.clone() };
    let elsewhere = Attachment { name: "far".into(), ..elsewhere };
    Network {
        id: "4f1c0a9b3d2e77".into(),
        name: "my_bridge".into(),
        driver: "bridge".into(),
        scope: "local".into(),
        subnets: vec!["172.18.0.0/16".into(), "fd00::/64".into()],
        gateways: vec![ip("172.18.0.1")],
        interface: Some(interface),
        name_service: true,
        options: [("com.docker.network.driver.mtu".to_owned(), "1500".to_owned())].into(),
        containers: vec![web, unseen, elsewhere],
        other_ports: vec![Port {
            interface: "veth9".into(),
            kind: "veth".into(),
            container: Some("task".into()),
            container_interface: Some("eth1".into()),
            addresses: vec![ip("172.18.0.9")],
        }],
        ..Network::default()
    }
}

fn written(networks: Vec<Network>, width: Option<usize>) -> String {
    let mut writer = TreeWriter::new(Vec::new(), Layout { width, ..Layout::default() });
    writer.topology(&Topology { networks }).unwrap();
    String::from_utf8(writer.out().clone()).unwrap()
}

#[test]
fn a_network_is_a_tree() {
    let expected = "\
my_bridge  driver bridge  4f1c0a9b3d2e
│  172.18.0.0/16, fd00::/64, gateway 172.18.0.1
│  bridge br-4f1c0a9b3d2e: up, mtu 1500
│  names resolve here, by Docker's name service at 127.0.0.11
│  options …driver.mtu=1500
├─ web  172.18.0.2   02:42:ac:12:00:02  eth0 ↔ veth1a2b3c4
│    fd00::2; alias db, evil\\u{1b}[2J; compose shop, service front;
│    knows cache as redis; 0.0.0.0:8080 → 5000/tcp; [::]:8080 → 5000/tcp
├─ container_with_a_name_that_is_rather_long  172.18.0.30  02:42:ac:12:00:02
│    veth: needs root
├─ far  172.18.0.30  02:42:ac:12:00:02  not on this machine
└─ veth9 ↔ eth1 of task, 172.18.0.9
";
    assert_eq!(written(vec![bridge()], Some(80)), expected);
}

#[test]
fn nothing_is_wider_than_the_terminal_where_it_can_be_broken() {
    for width in [40, 60, 80, 100] {
        let text = written(vec![bridge()], Some(width));
        let wide: Vec<_> = text.lines().filter(|line| columns(line) > width.max(46)).collect();
        assert!(wide.is_empty(), "{width}: {wide:?}");
    }
}

#[test]
fn networks_that_are_no_bridge_say_what_they_are() {
    let plain = |name: &str, driver: &str| Network {
        name: name.into(),
        driver: driver.into(),
        id: "7".into(),
        ..Network::default()
    };
    let mut host = plain("host", "host");
    host.containers = vec![Attachment { name: "app".into(), name_service: true, ..Attachment::default() }];
    let mut macvlan = plain("lan", "macvlan");
    let link = LinkState { index: 2, mac: None, mtu: 1500, up: false, carrier: false };
    macvlan.interface = Some(Interface { name: "eth7".into(), role: Role::Parent, namespace: None, link: Some(link) });
    macvlan.name_service = true;
    macvlan.containers = vec![Attachment { veth: None, ..container("tv", "192.168.1.9") }];
    let mut overlay = plain("over", "overlay");
    overlay.scope = "swarm".into();
    overlay.internal = true;
    overlay.others = 2;
    let expected = "\
host  driver host  7
│  its containers use the host's own interfaces and addresses
│  no name service: names resolve as they do on the host
└─ app
     asks 127.0.0.11 all the same

lan  driver macvlan  7
│  parent eth7: down, mtu 1500
│  names resolve here, by Docker's name service at 127.0.0.11
└─ tv  192.168.1.9  02:42:ac:12:00:02  eth0 on eth7

over  driver overlay, swarm scope, internal: no way out  7
│  its bridge is in a hidden namespace, which is here while a container of this machine is on it, and seen as root
│  no name service: names of containers do not resolve here
└─ … and 2 other containers

none  driver null  7
│  its containers have only their loopback interface
│  no name service, and no network to ask one by
└─ no running container
";
    assert_eq!(written(vec![host, macvlan, overlay, plain("none", "null")], None), expected);
}

#[test]
fn a_bridge_of_another_machine_is_said_to_be_so() {
    let mut network = bridge();
    network.interface.as_mut().unwrap().link = None;
    assert!(written(vec![network], None).contains("bridge br-4f1c0a9b3d2e, which is not on this machine"));
}

#[test]
fn changes_are_lines() {
    let place = |network: &str| (network.to_owned(), format!("{network}-id"));
    let (network, network_id) = place("my_bridge");
    let web = Box::new(container("web", "172.18.0.2"));
    let bad = Box::new(container("we\nb", "172.18.0.2"));
    let all = [
        (
            Change::NetworkCreated { network: Box::new(bridge()) },
            "+ network my_bridge (bridge) 172.18.0.0/16 fd00::/64 br-4f1c0a9b3d2e",
        ),
        (
            Change::NetworkRemoved { network: network.clone(), network_id: network_id.clone() },
            "- network my_bridge is gone",
        ),
        (
            Change::NetworkChanged { network: Box::new(bridge()), what: vec!["interface"] },
            "~ network my_bridge: bridge br-4f1c0a9b3d2e: up, mtu 1500",
        ),
        (
            Change::Joined { network: network.clone(), network_id: network_id.clone(), container: web.clone() },
            "+ web joined my_bridge 172.18.0.2 eth0 ↔ veth1a2b3c4",
        ),
        (
            Change::Left { network: network.clone(), network_id: network_id.clone(), container: bad },
            "- we\\u{a}b left my_bridge 172.18.0.2",
        ),
        (
            Change::Changed {
                network,
                network_id,
                container: web,
                what: vec!["name", "addresses", "aliases", "name_service"],
                old_name: "old".into(),
                old_addresses: vec![ip("172.18.0.7")],
            },
            "~ old on my_bridge is now called web, now has 172.18.0.2 instead of 172.18.0.7, has no alias any more, \
             has other name service",
        ),
    ];
    for (change, expected) in all {
        let mut writer = TreeWriter::new(Vec::new(), Layout::default());
        writer.change(&change, Timestamp::from_parts(1, 2_000_000)).unwrap();
        let line = String::from_utf8(writer.out().clone()).unwrap();
        let (time, said) = line.split_once("  ").unwrap();
        assert!(time.ends_with(":01.002"), "{line}");
        assert_eq!(said.trim_end_matches('\n'), expected);
    }
}

#[test]
fn colours_are_only_written_where_they_are_wanted() {
    let written = |color| {
        let mut writer = TreeWriter::new(Vec::new(), Layout { color, ..Layout::default() });
        writer.topology(&Topology { networks: vec![bridge()] }).unwrap();
        String::from_utf8(writer.out().clone()).unwrap()
    };
    assert!(!written(false).contains('\u{1b}'));
    assert!(written(true).contains("\u{1b}[1m\u{1b}[36mmy_bridge\u{1b}[0m"));
}
