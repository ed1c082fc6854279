//! That looking ends up before they are named changes no name.

use super::pairs::Asks;
use super::tests::*;
use super::*;
use crate::docker::ContainerId;
use crate::track::event::{Event, Exchange};

const ADDRESSES: [&str; 18] = [
    "172.18.0.1",
    "172.18.0.2",
    "172.18.0.3",
    "172.18.0.4",
    "172.18.0.5",
    "172.18.0.9",
    "172.18.255.255",
    "172.17.0.1",
    "10.88.0.1",
    "10.99.0.1",
    "203.0.113.7",
    "198.51.100.1",
    "127.0.0.1",
    "127.0.0.11",
    "255.255.255.255",
    "::",
    "fe80::42:acff:fe12:2",
    "ff02::1:ff00:2",
];
const TAPS: [u32; 6] = [BRIDGE, LO, OTHER, ANY, ETH0, INSIDE];

/// What all ends are called, in each order, at some times.
fn all(namer: &mut Namer, looks_up: bool) -> Vec<String> {
    let second = std::time::Duration::from_secs(1);
    let times = [
        Timestamp::ZERO,
        NOW.saturating_sub(3 * second),
        NOW.saturating_sub(second),
        NOW,
        NOW + second,
        Timestamp::MAX,
    ];
    let mut names = Vec::new();
    let mac = MacAddr::parse("02:42:ac:12:00:02");
    for tap in TAPS {
        for client in ADDRESSES {
            for server in ADDRESSES {
                let ends = Ends { client_mac: mac, server_mac: mac, ..ends(client, server) };
                if looks_up {
                    let Event::Exchange(exchange) = ping(client, server, true) else { unreachable!() };
                    namer.look_up(&Event::Exchange(Exchange { place: place(tap), ends, ..exchange }));
                }
                for at in times {
                    for asks in [Asks::Client, Asks::Either] {
                        same_looked_up(namer, &Pair { ends, place: place(tap), at, asks });
                    }
                    let one = namer.parties(&ends, place(tap), at);
                    let turned = Ends { client: ends.server, server: ends.client, ..ends };
                    let other = namer.packet_parties(&turned, place(tap), at);
                    names.push(format!(
                        "{tap} {at} {one:?} {other:?} {:?}",
                        namer.container(ends.server.address, place(tap), at)
                    ));
                }
            }
        }
    }
    names
}

/// What ends are called that are looked up is what they are called in full.
fn same_looked_up(namer: &mut Namer, pair: &Pair) {
    let ends = (&pair.ends.client.address, &pair.ends.server.address);
    let Some(looked) = namer.look_up_ends(ends, pair.place, pair.at, pair.asks) else { return };
    let Some(called) = namer.called_as_looked(&looked) else { return };
    let (client, server) = namer.pair(pair);
    assert_eq!((called.client.as_str(), called.server.as_str()), (&*client.name, &*server.name), "{pair:?}");
    let publishes = |container: &Arc<Container>| !container.published.is_empty();
    assert!(called.publishes == namer.container(pair.ends.server.address, pair.place, pair.at).is_some_and(publishes));
}

/// Tells both namers the same, and compares what they call everybody.
fn compare(naming: Naming, numeric: bool, change: impl Fn(&mut Namer)) {
    let (mut plain, mut quick) = (namer_that(numeric, naming), namer_that(numeric, naming));
    all(&mut quick, true);
    for namer in [&mut plain, &mut quick] {
        change(namer);
    }
    let (expected, found) = (all(&mut plain, false), all(&mut quick, true));
    assert!(
        expected.iter().zip(&found).all(|(one, other)| one == other),
        "{naming:?}: {:?}",
        expected.iter().zip(&found).find(|(one, other)| one != other)
    );
    assert_eq!(quick.forgotten(), plain.forgotten());
}

#[test]
fn what_was_looked_up_is_called_the_same() {
    for naming in [Naming::Container, Naming::Service, Naming::Alias, Naming::Fqdn] {
        compare(naming, false, |_| {});
        compare(naming, true, |_| {});
        compare(naming, false, |namer| {
            namer.learn(&lookup(LO, "127.0.0.1", "cAcHe.My_bridge.", &["172.18.0.2"]));
            namer.learn(&lookup(BRIDGE, "172.18.0.4", "DB", &["172.18.0.2", "172.18.0.5", "203.0.113.7"]));
            for name in ["a", "b", "c", "d", "E"] {
                namer.learn(&lookup(BRIDGE, "172.18.0.9", name, &["203.0.113.7", "172.18.0.2"]));
            }
        });
    }
}

#[test]
fn whatever_changes_a_name_changes_what_was_looked_up() {
    let naming = Naming::Container;
    compare(naming, false, |namer| {
        namer.set_tap(TapId(ANY), tap("br-aa", None, None));
        namer.set_tap(TapId(OTHER), tap("lo", None, Some("two")));
    });
    compare(naming, false, |namer| {
        namer.set_interfaces(TapId(0), [(0, "br-cc".to_owned())].into_iter());
    });
    compare(naming, false, |namer| {
        namer.set_numeric(true);
    });
    compare(naming, false, |namer| {
        let id = namer.directory(TapId(0)).unwrap().container_by_name("one").unwrap().id.clone();
        namer.set_owner(TapId(0), end("198.51.100.1"), Some(id));
    });
    compare(naming, false, |namer| {
        let mut names = AddressNames::default();
        assert!(
            names.add("198.51.100.1".parse().unwrap(), "given") && names.add("203.0.113.7".parse().unwrap(), "gift")
        );
        namer.set_given_names(names);
    });
    compare(naming, false, |namer| {
        let records = vec![("198.51.100.1".parse().unwrap(), vec!["told".to_owned()])];
        namer.add_file_names(&NameBlock { tap: TapId(0), records, comment: String::new() });
    });
    compare(naming, false, |namer| {
        let before = namer.directory(TapId(0)).unwrap();
        let one = Container::clone(before.container_by_name("one").unwrap());
        let mut newcomer = Container { id: ContainerId("c9".into()), name: "newcomer".to_owned(), ..one.clone() };
        newcomer.endpoints[0].addresses = vec!["172.18.0.9".parse().unwrap()];
        let next = before.with_container(&one.id, None, NOW.saturating_sub(std::time::Duration::from_secs(1)));
        let next = next.with_container(&newcomer.id.clone(), Some(newcomer), NOW);
        namer.set_directory(TapId(0), Arc::new(next));
    });
}

#[test]
fn a_name_that_all_have_asked_for_is_everybodys() {
    let mut namer = namer(Naming::Container);
    let Event::Exchange(exchange) = ping("172.18.0.9", "203.0.113.7", true) else { unreachable!() };
    let pair = Pair { ends: exchange.ends, place: place(BRIDGE), at: NOW, asks: Asks::Client };
    let server = |namer: &mut Namer| {
        same_looked_up(namer, &pair);
        let looked = namer.look_up(&Event::Exchange(Exchange { place: place(BRIDGE), ..exchange.clone() }))?;
        namer.called_as_looked(&looked).map(|called| called.server.as_str().to_owned())
    };
    assert_eq!(server(&mut namer).as_deref(), Some("203.0.113.7"));
    for client in ["172.18.0.9", "172.18.0.4"] {
        namer.learn(&lookup(BRIDGE, client, "example.test", &["203.0.113.7"]));
        assert_eq!(server(&mut namer).as_deref(), Some("example.test"));
    }
    namer.learn(&lookup(BRIDGE, "172.18.0.4", "other.test", &["203.0.113.7"]));
    assert_eq!(server(&mut namer).as_deref(), Some("example.test"), "as it has asked itself");
}

#[test]
fn an_address_gives_its_place_to_another() {
    let mut namer = namer(Naming::Container);
    let address = |n: u32| IpAddr::V4((0x0a00_0000 + n).into());
    for n in 0..20_000 {
        let Event::Exchange(exchange) = ping("172.18.0.2", "172.18.0.3", true) else { unreachable!() };
        let ends = Ends { client: Endpoint::host(address(n)), ..exchange.ends };
        namer.look_up(&Event::Exchange(Exchange { ends, ..exchange }));
        let (client, server) = namer.parties(&ends, place(BRIDGE), NOW);
        assert_eq!((&*client.name, &*server.name), (address(n).to_string().as_str(), "client"));
    }
}

#[test]
fn what_is_forgotten_is_not_called_by_it_any_more() {
    let room = Room { learned: 3, ..Room::default() };
    let [mut plain, mut quick] = [(); 2].map(|()| namer(Naming::Container).with_room(room));
    let other = |n: u32| format!("203.0.113.{n}");
    for n in 0..60 {
        let ends = (&*other(n % 20), &*other(n % 7));
        let Event::Exchange(exchange) = ping(ends.0, ends.1, true) else { unreachable!() };
        quick.look_up(&Event::Exchange(Exchange { place: place(BRIDGE), ..exchange.clone() }));
        for namer in [&mut plain, &mut quick] {
            namer.learn(&lookup(BRIDGE, ends.0, &format!("name-{n}.test"), &[&*other(n % 11)]));
        }
        let called = |namer: &Namer| format!("{:?}", namer.parties(&exchange.ends, place(BRIDGE), NOW));
        assert_eq!(called(&plain), called(&quick));
        for asks in [Asks::Client, Asks::Either] {
            same_looked_up(&mut quick, &Pair { ends: exchange.ends, place: place(BRIDGE), at: NOW, asks });
        }
    }
    assert!(quick.forgotten() > 0 && quick.forgotten() == plain.forgotten());
}
