use std::sync::Arc;

use super::super::testing::{directory, directory_with};
use super::*;
use crate::capture::{LinkType, Tap, TapId};
use crate::decode::icmp::Reason;
use crate::decode::message::{Endpoint, PROTOCOLS};
use crate::time::Timestamp;
use crate::track::event::{DatagramStage, Direction, Ends, Exchange, IcmpError, Missing, Nodes, Place, Seen, Subject};

fn namer(numeric: bool) -> Namer {
    let mut namer = Namer::new(numeric);
    namer.set_directory(TapId(0), Arc::new(directory()));
    let tap = |interface: &str, network: Option<&str>, namespace: Option<&str>| Tap {
        interface: interface.to_owned(),
        network: network.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
        link: LinkType::ETHERNET,
        aside: None,
    };
    namer.set_tap(TapId(0), tap("br-aa", Some("my_bridge"), None));
    namer.set_tap(TapId(1), tap("lo", None, Some("container_a")));
    namer
}

fn seen(millis: u64) -> Seen {
    Seen { at: Timestamp::from_parts(1_795_000_000, 0) + Duration::from_millis(millis), number: 1 }
}

fn ends(client: (&str, Option<u16>), server: (&str, Option<u16>)) -> Ends {
    let end = |(address, port): (&str, Option<u16>)| Endpoint { address: address.parse().unwrap(), port };
    Ends { client: end(client), server: end(server), client_mac: None, server_mac: MacAddr::parse("02:42:ac:12:00:03") }
}

/// A ping of `container_a` to `container_b`, or between other addresses, that ended so after so many milliseconds.
fn ping(client: &str, server: &str, outcome: Outcome, millis: u64) -> Event<'static> {
    Event::Exchange(Exchange {
        protocol: crate::decode::message::ProtocolId(2),
        place: Place::default(),
        ends: ends((client, None), (server, None)),
        request: seen(0),
        reply: (!matches!(outcome, Outcome::Unanswered(_))).then(|| seen(millis)),
        outcome,
        tries: 1,
        cast: None,
        waited: Duration::from_millis(millis),
        late: false,
        subject: Subject::Ping { id: 1, sequence: 1, data_len: 56, hop_limit: 64, fragmented: false },
        known_at: seen(millis).at,
        nodes: Nodes::default(),
    })
}

fn tcp(stage: Stage, ports: (u16, u16), millis: u64) -> Event<'static> {
    Event::Connection(Connection {
        place: Place::default(),
        ends: ends(("172.18.0.4", Some(ports.0)), ("172.18.0.3", Some(ports.1))),
        stage,
        sequence: None,
        handshake: crate::track::event::Handshake {
            syn: Some(seen(0)),
            syn_ack: Some(seen(millis)),
            ack: Some(seen(millis)),
            tries: 1,
        },
        first: seen(0),
        last: seen(millis),
        there: Direction::default(),
        back: Direction::default(),
        before_capture: false,
        known_at: seen(millis).at,
        nodes: Nodes::default(),
    })
}

fn flag(negated: bool, wants: EventWants) -> EventFlag {
    EventFlag { negated, wants }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn admits_with(namer: &mut Namer, flags: &[EventFlag], event: &Event<'_>) -> bool {
    EventFilter::new(&EventFilters { flags: flags.to_vec() }).unwrap().admits(&Told::alone(event.clone()), namer)
}

fn admits(flags: &[EventFlag], event: &Event<'_>) -> bool {
    admits_with(&mut namer(false), flags, event)
}

fn answered() -> Event<'static> {
    ping("172.18.0.2", "172.18.0.3", Outcome::Answered, 5)
}

#[test]
fn an_end_has_many_names() {
    for name in
        ["container_a", "c1c1", "c1c1c1c1c1c1c1", "172.18.0.2", "172.18.0.0/24", "my_bridge", "container_*", "*_a", "*"]
    {
        assert!(admits(&[flag(false, EventWants::From(names(&[name])))], &answered()), "{name}");
    }
    for name in ["db", "container_b", "db.my_bridge", "02:42:ac:12:00:03", "172.18.0.3", "d*"] {
        assert!(admits(&[flag(false, EventWants::To(names(&[name])))], &answered()), "{name}");
        assert!(!admits(&[flag(false, EventWants::From(names(&[name])))], &answered()), "{name}");
    }
    for name in ["container", "c1", "other", "172.18.0.20", "172.19.0.0/16", "fd00::/8", "*_b", "zzz"] {
        assert!(!admits(&[flag(false, EventWants::From(names(&[name])))], &answered()), "{name}");
    }
    let from_host = ping("172.18.0.1", "172.18.0.4", Outcome::Answered, 5);
    assert!(admits(&[flag(false, EventWants::From(names(&["host"])))], &from_host));
    assert!(admits(&[flag(false, EventWants::To(names(&["web"])))], &from_host), "a compose service");
    assert!(admits(&[flag(false, EventWants::To(names(&["shop-web-*"])))], &from_host));
}

#[test]
fn a_lookup_is_of_the_container_that_makes_it() {
    let mut event = ping("127.0.0.1", "127.0.0.11", Outcome::Answered, 5);
    let Event::Exchange(exchange) = &mut event else { unreachable!() };
    exchange.place.tap = TapId(1);
    assert!(admits(&[flag(false, EventWants::Between("docker-dns".into(), "container_a".into()))], &event));
    assert!(!admits(&[flag(false, EventWants::From(names(&["container_b"])))], &event));
    let numeric = &mut namer(true);
    assert!(admits_with(numeric, &[flag(false, EventWants::To(names(&["docker-dns"])))], &event), "with -n too");
    let party = numeric.party(Endpoint::host("172.18.0.2".parse().unwrap()), None, Place::default(), Timestamp::MAX);
    assert_eq!(party.name, "172.18.0.2", "and it stays numeric");
}

#[test]
fn filters_are_all_and_values_are_any() {
    let from = |names: &[&str]| EventWants::From(self::names(names));
    let kind = |names: &[&str]| EventWants::Kind(self::names(names));
    let (event, yes, no) = (answered(), from(&["container_a"]), from(&["container_b"]));
    for (flags, expected) in [
        (vec![flag(false, no.clone()), flag(false, yes.clone())], true),
        (vec![flag(false, from(&["container_b", "container_a"]))], true),
        (vec![flag(false, yes.clone()), flag(false, kind(&["dns", "ping"]))], true),
        (vec![flag(false, yes.clone()), flag(false, kind(&["dns"]))], false),
        (vec![flag(true, no.clone())], true),
        (vec![flag(true, yes.clone())], false),
        (vec![flag(false, yes.clone()), flag(true, yes.clone())], false),
        (vec![flag(true, no.clone()), flag(true, kind(&["arp"]))], true),
        (vec![flag(true, no), flag(true, kind(&["ping"]))], false),
        (vec![flag(false, EventWants::Between("db".into(), "container_a".into()))], true),
        (vec![flag(false, EventWants::Between("container_a".into(), "container_a".into()))], false),
    ] {
        assert_eq!(admits(&flags, &event), expected, "{flags:?}");
    }
}

#[test]
fn outcomes_times_and_ports() {
    let error = IcmpError { reason: Reason::HostUnreachable, from: "172.18.0.1".parse().unwrap(), mtu: None };
    let (missing, failed) = (Outcome::Unanswered(Missing::TimedOut), Outcome::Failed(Some(error)));
    let outcome = |name: &str| flag(false, EventWants::Outcome(names(&[name])));
    let (a, b) = ("172.18.0.2", "172.18.0.3");
    for (event, name, bad) in [
        (answered(), "answered", false),
        (ping(a, b, missing, 5000), "unanswered", true),
        (ping(a, b, failed, 9), "failed", true),
        (tcp(Stage::Opened, (40_000, 80), 2), "opened", false),
        (tcp(Stage::Refused, (40_000, 80), 2), "refused", true),
        (tcp(Stage::HalfOpen(Missing::TimedOut), (40_000, 80), 2), "unanswered", true),
    ] {
        assert!(admits(&[outcome(name)], &event), "{name}");
        assert_eq!(admits(&[outcome("bad")], &event), bad, "{name}");
        assert!(!admits(&[outcome("closed")], &event), "{name}");
    }
    let slow = [flag(false, EventWants::SlowerThan(Duration::from_millis(10)))];
    for (event, expected) in [
        (ping(a, b, Outcome::Answered, 11), true),
        (ping(a, b, Outcome::Answered, 10), false),
        (ping(a, b, missing, 5000), true),
        (tcp(Stage::Opened, (1, 2), 11), true),
        (tcp(Stage::Closed { by: crate::track::event::Side::Client }, (1, 2), 60_000), false),
    ] {
        assert_eq!(admits(&slow, &event), expected, "{event:?}");
    }
    let ports = |range| [flag(false, EventWants::Port(vec![range, 443..=443]))];
    let event = tcp(Stage::Opened, (40_000, 8080), 2);
    assert!(admits(&ports(8000..=9000), &event) && admits(&ports(40_000..=40_000), &event));
    assert!(!admits(&ports(80..=90), &event) && !admits(&ports(0..=u16::MAX), &answered()), "a ping has no port");
}

#[test]
fn a_container_that_is_gone_is_still_of_its_service() {
    let mut namer = namer(false);
    let mut filter =
        EventFilter::new(&EventFilters { flags: vec![flag(false, EventWants::To(names(&["web"])))] }).unwrap();
    let event = ping("172.18.0.2", "172.18.0.4", Outcome::Answered, 5);
    assert!(filter.admits(&Told::alone(event.clone()), &mut namer));
    let without = directory_with(&directory(), r#""id":"d1""#, r#""id":"f9""#);
    namer.set_directory(TapId(0), Arc::new(without));
    assert!(filter.admits(&Told::alone(event), &mut namer), "the packet is from before");
}

#[test]
fn a_name_that_nothing_has_is_said() {
    let wants =
        EventWants::From(names(&["containr_a", "web", "docker-dns", "10.0.0.1", "zzzz-*", "my_bridge", "qqqqq"]));
    let filter = EventFilter::new(&EventFilters { flags: vec![flag(false, wants)] }).unwrap();
    let said = filter.unknown(Some(&directory()), None);
    assert_eq!(
        said,
        [
            "nothing is called containr_a; did you mean container_a?",
            "nothing is called zzzz-*",
            "nothing is called qqqqq"
        ]
    );
}

#[test]
fn every_kind_and_outcome_of_the_log_can_be_asked_for() {
    for protocol in PROTOCOLS {
        assert!(crate::cli::KINDS.contains(&protocol.name()), "{}", protocol.name());
    }
    let namer = namer(false);
    for stage in [DatagramStage::Began, DatagramStage::Idle] {
        let event = Event::Datagrams(crate::track::event::Datagrams {
            place: Place::default(),
            ends: ends(("172.18.0.2", Some(1)), ("172.18.0.3", Some(2))),
            stage,
            first: seen(0),
            last: seen(1),
            there: Direction::default(),
            back: Direction::default(),
            known_at: seen(1).at,
            nodes: Nodes::default(),
        });
        let line = Line::new(&Told::alone(event), &namer);
        assert!(crate::cli::OUTCOMES.contains(&line.gist.outcome) && crate::cli::KINDS.contains(&line.gist.kind));
    }
}

#[test]
fn asterisks_stand_for_any_text() {
    for (pattern, name, expected) in [
        ("web-*", "web-1", true),
        ("web-*", "web", false),
        ("*-web-*", "shop-web-1", true),
        ("*a*a*", "banana", true),
        ("*ab*ba*", "aba", false),
        ("a*a", "a", false),
        ("**", "", true),
    ] {
        assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
    }
}
