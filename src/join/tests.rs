use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::capture::TapId;
use crate::capture::file::MAX_TAPS;
use crate::decode::dns::RecordType;
use crate::decode::message::{PROTOCOLS, ProtocolId};
use crate::track::event::{
    Connection, DatagramStage, Datagrams, Direction, Ends, Event, Exchange, Handshake, Lookup, Missing, Nodes, Outcome,
    Seen, Side, Stage, Subject,
};

/// Taps of the tests.
const BRIDGE: Place = place(0);
const VETH: Place = place(1);
const LOOPBACK: Place = place(2);
const UPLINK: Place = place(3);
/// Tells nothing by itself.
const ASIDE: Place = place(4);

const fn place(tap: u32) -> Place {
    Place { tap: TapId(tap), if_index: 0, vni: None }
}

/// A host at 172.18.0.1 that publishes port 5000 of 172.18.0.2 as 8080 and 8081; the loopback tap is of 172.18.0.3.
struct World;

impl Knowledge for World {
    fn service_from_host(
        &self,
        transport: Transport,
        ends: (Endpoint, Endpoint),
        _: Place,
        _: Timestamp,
    ) -> Option<Service> {
        (ends.0.address == address("172.18.0.1") && ends.1 == end("172.18.0.2", 5000)).then(|| service(transport))
    }

    fn service_at_host(&self, transport: Transport, server: Endpoint, _: Place) -> Option<Service> {
        let is_host = server.address.is_loopback() || server.address == address("10.88.0.1");
        (is_host && matches!(server.port, Some(8080 | 8081))).then(|| service(transport))
    }

    fn asks_for(&self, inside: Place, _: Place, asking: IpAddr, _: Timestamp) -> bool {
        inside == LOOPBACK && asking == address("172.18.0.3")
    }

    fn original(&self, transport: Transport, ends: (Endpoint, Endpoint), _: Timestamp) -> Option<(Endpoint, Endpoint)> {
        let translated = transport == Transport::Udp && ends.0 == end("172.18.0.1", 40_000);
        translated.then(|| (end("10.88.0.2", 5353), end("10.88.0.1", 8080)))
    }

    fn proxied(&self, _: Transport, ends: (Endpoint, Endpoint)) -> Option<Proxied> {
        match ends.0.port {
            Some(7001) => Some(Proxied::Published { client: Some(end("10.88.0.9", 9)), host: end("10.88.0.1", 8081) }),
            Some(7002) => Some(Proxied::Published { client: None, host: end("0.0.0.0", 8081) }),
            Some(7003) => Some(Proxied::Direct),
            _ => None,
        }
    }

    fn is_network(&self, place: Place) -> bool {
        place == BRIDGE
    }

    fn is_aside(&self, told: &Told<'_>) -> bool {
        told.event.place() == ASIDE && told.hops.iter().all(|hop| hop.place == ASIDE)
    }
}

fn service(transport: Transport) -> Service {
    Service { container: "web".into(), port: 5000, transport }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn end(host: &str, port: u16) -> Endpoint {
    Endpoint { address: address(host), port: Some(port) }
}

/// Microseconds after some moment.
fn at(micros: u64) -> Timestamp {
    Timestamp::from_nanos(1_000_000_000_000 + micros * 1000)
}

fn seen(micros: u64, number: u64) -> Seen {
    Seen { at: at(micros), number }
}

fn ends(client: Endpoint, server: Endpoint) -> Ends {
    Ends { client, server, client_mac: None, server_mac: None }
}

fn protocol(name: &str) -> ProtocolId {
    ProtocolId(PROTOCOLS.iter().position(|protocol| protocol.name() == name).unwrap() as u8)
}

fn exchange(place: Place, asked: u64, answered: Option<u64>, subject: Subject<'static>) -> Exchange<'static> {
    let name = match subject {
        Subject::Ping { .. } => "ping",
        Subject::Neighbour { .. } => "arp",
        Subject::Lookup(_) => "dns",
    };
    let host = |text| Endpoint::host(address(text));
    Exchange {
        protocol: protocol(name),
        place,
        ends: ends(host("172.18.0.3"), host("172.18.0.2")),
        request: seen(asked, asked),
        reply: answered.map(|answered| seen(answered, answered)),
        outcome: answered.map_or(Outcome::Unanswered(Missing::TimedOut), |_| Outcome::Answered),
        tries: 1,
        cast: None,
        waited: Duration::ZERO,
        late: false,
        subject,
        known_at: at(answered.unwrap_or(asked + 1_100_000)),
        nodes: Nodes::default(),
    }
}

fn ping(sequence: u16) -> Subject<'static> {
    Subject::Ping { id: 7, sequence, data_len: 56, hop_limit: 64, fragmented: false }
}

fn lookup(name: &'static [u8]) -> Subject<'static> {
    Subject::Lookup(Lookup { id: 9, name: Cow::Borrowed(name), kind: RecordType(1), response: None, over_tcp: false })
}

fn connection(place: Place, (client, server): (Endpoint, Endpoint), first: u64, sequence: u32) -> Connection {
    let handshake = Handshake {
        syn: Some(seen(first, first)),
        syn_ack: Some(seen(first + 10, first + 10)),
        ack: Some(seen(first + 20, first + 20)),
        tries: 1,
    };
    Connection {
        place,
        ends: ends(client, server),
        stage: Stage::Opened,
        sequence: Some(sequence),
        handshake,
        first: seen(first, first),
        last: seen(first + 20, first + 20),
        there: Direction::default(),
        back: Direction::default(),
        before_capture: false,
        known_at: at(first + 20),
        nodes: Nodes::default(),
    }
}

fn closed(opened: &Connection, last: u64) -> Connection {
    Connection { stage: Stage::Closed { by: Side::Client }, last: seen(last, last), known_at: at(last), ..*opened }
}

/// What is told of these events, which come in this order.
fn told(events: Vec<Event<'static>>) -> Vec<Told<'static>> {
    let mut joiner = Joiner::new(HOLD);
    let mut told = Vec::new();
    for event in events {
        let now = event.known_at();
        joiner.push(Box::new(event), &World);
        told.extend(std::iter::from_fn(|| joiner.pop(now, &World)));
    }
    told.extend(std::iter::from_fn(|| joiner.pop_any(&World)));
    told
}

fn client(told: &Told<'_>) -> Endpoint {
    super::copies::ends(&told.event).0
}

#[test]
fn events_are_told_in_the_order_in_which_they_were_known_once_they_are_due() {
    let mut joiner = Joiner::new(HOLD);
    let pinged = |asked, sequence| Box::new(Event::Exchange(exchange(BRIDGE, asked, Some(asked + 5), ping(sequence))));
    joiner.push(pinged(10_000, 1), &World);
    joiner.push(pinged(5_000, 0), &World);
    assert_eq!(joiner.next_due(at(20_005)), Some(Duration::from_millis(10)));
    assert!(joiner.pop(at(30_004), &World).is_none());
    assert_eq!(joiner.pop(at(30_005), &World).unwrap().event.known_at(), at(5_005));
    assert!(joiner.pop(at(30_005), &World).is_none());
    assert_eq!(joiner.pop(at(40_000), &World).unwrap().event.known_at(), at(10_005));
}

#[test]
fn a_clock_that_steps_back_holds_nothing_for_long() {
    let mut joiner = Joiner::new(HOLD);
    assert!(joiner.pop(at(10_000_000), &World).is_none());
    joiner.push(Box::new(Event::Exchange(exchange(BRIDGE, 9_999_000, Some(9_999_001), ping(0)))), &World);
    assert!(joiner.pop(at(5), &World).is_some());
    // What another tap has seen before the step, and gives after it.
    assert!(joiner.pop(at(10), &World).is_none());
    joiner.push(Box::new(Event::Exchange(exchange(BRIDGE, 9_999_000, Some(9_999_001), ping(1)))), &World);
    assert!(joiner.pop(at(20), &World).is_some());
}

#[test]
fn a_ping_seen_at_three_taps_is_told_once_by_the_network_with_its_hops() {
    let copies = [(VETH, 100, 160), (BRIDGE, 104, 150), (UPLINK, 108, 140)];
    let events =
        copies.map(|(place, asked, answered)| Event::Exchange(exchange(place, asked, Some(answered), ping(0))));
    let told = told(events.to_vec());
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].event.place(), BRIDGE);
    let hops: Vec<_> =
        told[0].hops.iter().map(|hop| (hop.place, hop.began.number, hop.ended.unwrap().number)).collect();
    assert_eq!(hops, [(VETH, 100, 160), (BRIDGE, 104, 150), (UPLINK, 108, 140)]);
}

/// On a busy machine one tap gives its packets later than another one is waited for.
#[test]
fn what_only_a_tap_aside_has_seen_in_time_is_told_when_the_one_comes_that_tells_it() {
    let opened = |place, first| connection(place, (end("10.88.0.2", 9), end("172.18.0.2", 5000)), first, 77);
    let mut joiner = Joiner::new(HOLD);
    joiner.push(Box::new(Event::Connection(opened(ASIDE, 0))), &World);
    assert!(joiner.pop(at(1_000_000), &World).is_none(), "nobody tells it");
    assert!(joiner.is_empty());
    joiner.push(Box::new(Event::Connection(opened(BRIDGE, 5))), &World);
    let late = joiner.pop(at(1_000_000), &World).expect("it is told late rather than never");
    assert_eq!((late.event.place(), late.hops.len()), (BRIDGE, 2));
    joiner.push(Box::new(Event::Connection(opened(UPLINK, 9))), &World);
    assert!(joiner.pop_any(&World).is_none(), "once is enough");
}

#[test]
fn the_same_at_one_tap_again_is_another_event() {
    let twice = [100, 200].map(|asked| Event::Exchange(exchange(BRIDGE, asked, Some(asked + 50), ping(0))));
    let told = told(twice.to_vec());
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|told| told.hops.is_empty()), "one tap has no hops: {told:?}");
}

#[test]
fn the_same_much_later_at_another_tap_is_another_event() {
    let events = [(BRIDGE, 100), (VETH, 20_000)]
        .map(|(place, asked)| Event::Exchange(exchange(place, asked, Some(asked + 50), ping(0))));
    assert_eq!(told(events.to_vec()).len(), 2);
}

#[test]
fn captures_that_are_replayed_together_do_not_meet() {
    let events = [BRIDGE, place(MAX_TAPS)].map(|place| Event::Exchange(exchange(place, 100, Some(150), ping(0))));
    assert_eq!(told(events.to_vec()).len(), 2);
}

#[test]
fn loopback_means_another_host_in_each_namespace() {
    let inside = |place| {
        let pinged = exchange(place, 100, Some(150), ping(0));
        let localhost = Endpoint::host(address("127.0.0.1"));
        Event::Exchange(Exchange { ends: ends(localhost, localhost), ..pinged })
    };
    assert_eq!(told(vec![inside(LOOPBACK), inside(VETH)]).len(), 2);
}

#[test]
fn who_only_hears_the_question_of_an_answered_arp_request_says_nothing() {
    let who_has = || Subject::Neighbour { address: address("172.18.0.2"), mac: None };
    let events = [(BRIDGE, Some(140)), (VETH, Some(150)), (UPLINK, None)];
    let events = events.map(|(place, answered)| Event::Exchange(exchange(place, 100, answered, who_has())));
    let told = told(events.to_vec());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(matches!(&told[0].event, Event::Exchange(Exchange { outcome: Outcome::Answered, .. })));
}

#[test]
fn a_translated_connection_is_told_with_what_its_client_asked_for() {
    let (asking, container) = (end("10.88.0.2", 54_816), end("172.18.0.2", 5000));
    let outside = connection(UPLINK, (asking, end("10.88.0.1", 8080)), 100, 77);
    let inside = connection(BRIDGE, (asking, container), 105, 77);
    let events = [outside, inside, closed(&inside, 905), closed(&outside, 900)];
    let told = told(events.map(Event::Connection).to_vec());
    assert_eq!(told.len(), 2, "open and closed: {told:?}");
    for told in &told {
        assert_eq!(told.published, Some(Published { host: end("10.88.0.1", 8080), via: Via::Dnat }));
        assert_eq!(super::copies::ends(&told.event), (asking, container));
        assert_eq!(told.hops.iter().map(|hop| hop.place).collect::<Vec<_>>(), [UPLINK, BRIDGE]);
    }
}

#[test]
fn masqueraded_datagrams_are_told_by_what_the_kernel_remembers() {
    let began = Datagrams {
        place: BRIDGE,
        ends: ends(end("172.18.0.1", 40_000), end("172.18.0.2", 5000)),
        stage: DatagramStage::Began,
        first: seen(100, 1),
        last: seen(100, 1),
        there: Direction::default(),
        back: Direction::default(),
        known_at: at(100),
        nodes: Nodes::default(),
    };
    let told = told(vec![Event::Datagrams(began)]);
    assert_eq!(client(&told[0]), end("10.88.0.2", 5353));
    assert_eq!(told[0].published, Some(Published { host: end("10.88.0.1", 8080), via: Via::Dnat }));
}

fn outer(client: Endpoint, port: u16, first: u64) -> Connection {
    connection(LOOPBACK, (client, end("127.0.0.1", port)), first, first as u32)
}

fn inner(port: u16, first: u64) -> Connection {
    connection(BRIDGE, (end("172.18.0.1", port), end("172.18.0.2", 5000)), first, first as u32)
}

#[test]
fn what_docker_proxy_opens_is_told_by_the_client_that_it_opened_it_for() {
    let (accepted, opened) = (outer(end("127.0.0.1", 57_414), 8080, 100), inner(36_938, 300));
    let events = [accepted, opened, closed(&opened, 2000), closed(&accepted, 2010)];
    let told = told(events.map(Event::Connection).to_vec());
    assert_eq!(told.len(), 2, "{told:?}");
    for told in &told {
        assert_eq!(super::copies::ends(&told.event), (end("127.0.0.1", 57_414), end("172.18.0.2", 5000)));
        assert_eq!(told.published, Some(Published { host: end("127.0.0.1", 8080), via: Via::DockerProxy }));
        assert_eq!(told.hops.iter().map(|hop| hop.place).collect::<Vec<_>>(), [LOOPBACK, BRIDGE]);
    }
}

#[test]
fn of_two_clients_at_once_only_what_is_the_same_is_said() {
    let same_host = [outer(end("127.0.0.1", 1111), 8080, 100), outer(end("127.0.0.1", 2222), 8080, 110)];
    let opened = [inner(3333, 300), inner(4444, 310)];
    let both = told(same_host.into_iter().chain(opened).map(Event::Connection).collect());
    assert_eq!(both.len(), 2, "{both:?}");
    assert_eq!(client(&both[0]), Endpoint::host(address("127.0.0.1")), "which of two ports is not known");
    assert_eq!(both[0].published.unwrap().host, end("127.0.0.1", 8080));
    assert!(both[0].hops.is_empty(), "which way it took is not known: {:?}", both[0].hops);
    // Only one is left for the second, but whether the first was the other one's is not known either.
    assert_eq!(client(&both[1]), Endpoint::host(address("127.0.0.1")));

    let others = [outer(end("127.0.0.1", 1111), 8080, 100), outer(end("10.88.0.2", 2222), 8081, 110)];
    let both = told(others.into_iter().chain(opened).map(Event::Connection).collect());
    assert_eq!(both.len(), 2, "{both:?}");
    assert_eq!((client(&both[0]), both[0].published), (end("172.18.0.1", 3333), None));
}

#[test]
fn clients_one_after_the_other_are_each_told() {
    let events = [
        outer(end("127.0.0.1", 1111), 8080, 100),
        inner(3333, 300),
        outer(end("127.0.0.1", 2222), 8081, 400),
        inner(4444, 600),
    ];
    let told = told(events.map(Event::Connection).to_vec());
    assert_eq!(told.iter().map(client).collect::<Vec<_>>(), [end("127.0.0.1", 1111), end("127.0.0.1", 2222)]);
    assert_eq!(told[1].published.unwrap().host.port, Some(8081));
}

#[test]
fn a_connection_of_the_host_itself_stays_its_own() {
    let told = told(vec![Event::Connection(inner(3333, 300))]);
    assert_eq!((client(&told[0]), told[0].published), (end("172.18.0.1", 3333), None));
}

#[test]
fn what_the_sockets_of_docker_proxy_say_is_told_where_packets_say_less() {
    let told = told([7001, 7002, 7003].map(|port| Event::Connection(inner(port, 300 + u64::from(port)))).to_vec());
    let via = |host| Some(Published { host, via: Via::DockerProxy });
    assert_eq!((client(&told[0]), told[0].published), (end("10.88.0.9", 9), via(end("10.88.0.1", 8081))));
    assert_eq!((client(&told[1]), told[1].published), (end("172.18.0.1", 7002), via(end("0.0.0.0", 8081))));
    assert_eq!((client(&told[2]), told[2].published, told[2].is_direct), (end("172.18.0.1", 7003), None, true));
}

#[test]
fn the_sockets_tell_clients_apart_that_came_at_once() {
    let outers = [outer(end("127.0.0.1", 1111), 8080, 100), outer(end("127.0.0.1", 2222), 8080, 110)];
    let events = outers.into_iter().chain([inner(7001, 300), inner(7002, 310)]);
    let told = told(events.map(Event::Connection).collect());
    assert_eq!(
        told.iter().map(client).collect::<Vec<_>>(),
        [end("10.88.0.9", 9), Endpoint::host(address("127.0.0.1"))]
    );
}

#[test]
fn a_client_whose_container_is_never_called_is_told_by_itself() {
    let told = told(vec![Event::Connection(outer(end("127.0.0.1", 1111), 8080, 100))]);
    assert_eq!(client(&told[0]), end("127.0.0.1", 1111));
}

fn asked(
    place: Place,
    from: &str,
    server: &str,
    (asked, answered): (u64, Option<u64>),
    name: &'static [u8],
) -> Event<'static> {
    let exchange = exchange(place, asked, answered, lookup(name));
    Event::Exchange(Exchange { ends: ends(end(from, 4000), end(server, 53)), ..exchange })
}

#[test]
fn a_forwarded_lookup_is_one_with_the_server_that_was_asked() {
    let events = vec![
        asked(BRIDGE, "172.18.0.3", "10.88.0.2", (150, Some(400)), b"\x07EXAMPLE\x04test\x00"),
        asked(LOOPBACK, "127.0.0.1", "127.0.0.11", (100, Some(450)), b"\x07example\x04test\x00"),
    ];
    let told = told(events);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].upstream, Some(address("10.88.0.2")));
    assert_eq!(told[0].hops.iter().map(|hop| hop.place).collect::<Vec<_>>(), [LOOPBACK, BRIDGE]);
}

#[test]
fn another_name_another_container_and_another_time_are_not_forwarded_for_it() {
    let inside = || asked(LOOPBACK, "127.0.0.1", "127.0.0.11", (100, Some(450)), b"\x07example\x00");
    for other in [
        asked(BRIDGE, "172.18.0.3", "10.88.0.2", (150, Some(400)), b"\x05other\x00"),
        asked(BRIDGE, "172.18.0.9", "10.88.0.2", (150, Some(400)), b"\x07example\x00"),
        asked(BRIDGE, "172.18.0.3", "10.88.0.2", (50, Some(400)), b"\x07example\x00"),
    ] {
        let told = told(vec![other, inside()]);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|told| told.upstream.is_none()));
    }
}

#[test]
fn a_server_that_never_answered_explains_a_lookup_that_failed() {
    let mut joiner = Joiner::new(HOLD);
    let inside = asked(LOOPBACK, "127.0.0.1", "127.0.0.11", (100, Some(4_000_000)), b"\x02db\x00");
    joiner.push(Box::new(inside), &World);
    assert!(joiner.pop(at(4_100_000), &World).is_some());
    let mut outside = asked(BRIDGE, "172.18.0.3", "10.88.0.2", (150, None), b"\x02db\x00");
    if let Event::Exchange(exchange) = &mut outside {
        exchange.known_at = at(5_000_150);
    }
    joiner.push(Box::new(outside), &World);
    assert!(joiner.pop(at(6_000_000), &World).is_some(), "it came too late to be told with the lookup");
}

#[test]
fn bursts_of_two_taps_find_their_copies() {
    let burst = |place| (0..20).map(move |n| Event::Connection(scan(place, n, 100 + u64::from(n))));
    let told = told(burst(BRIDGE).chain(burst(VETH)).collect());
    assert_eq!(told.len(), 20, "{told:?}");
    assert!(told.iter().all(|told| told.hops.len() == 2 && told.published.is_none()), "{told:?}");
}

#[test]
fn a_scan_of_ports_with_one_sequence_number_is_no_translation() {
    let told = told(vec![Event::Connection(scan(BRIDGE, 1, 100)), Event::Connection(scan(VETH, 2, 110))]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|told| told.published.is_none()));
}

/// A port is asked for, as nmap does: from one port, with one sequence number.
fn scan(place: Place, port: u16, first: u64) -> Connection {
    let refused = connection(place, (end("172.18.0.3", 60_000), end("172.18.0.2", port)), first, 4711);
    Connection { stage: Stage::Refused, ..refused }
}

#[test]
fn a_client_far_away_is_told_with_what_docker_proxy_opened_after_its_handshake() {
    let mut accepted = outer(end("10.88.0.2", 1111), 8080, 100);
    let ack = seen(60_000, 3);
    (accepted.handshake.ack, accepted.last, accepted.known_at) = (Some(ack), ack, ack.at);
    let told = told(vec![Event::Connection(accepted), Event::Connection(inner(3333, 60_200))]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(client(&told[0]), end("10.88.0.2", 1111));
}

#[test]
fn datagrams_between_the_same_ports_much_later_are_of_another_client() {
    let flow = |place, ends: (Endpoint, Endpoint), first| {
        let began = Datagrams {
            place,
            ends: self::ends(ends.0, ends.1),
            stage: DatagramStage::Began,
            first: seen(first, first),
            last: seen(first, first),
            there: Direction::default(),
            back: Direction::default(),
            known_at: at(first),
            nodes: Nodes::default(),
        };
        Event::Datagrams(began)
    };
    let (host, gateway) = (end("127.0.0.1", 8080), end("172.18.0.1", 39_000));
    let container = end("172.18.0.2", 5000);
    let told = told(vec![
        flow(LOOPBACK, (end("127.0.0.1", 1111), host), 100),
        flow(BRIDGE, (gateway, container), 200),
        flow(LOOPBACK, (end("127.0.0.1", 2222), host), 200_000_100),
        flow(BRIDGE, (gateway, container), 200_000_200),
    ]);
    assert_eq!(told.iter().map(client).collect::<Vec<_>>(), [end("127.0.0.1", 1111), end("127.0.0.1", 2222)]);
}

#[test]
fn a_file_whose_times_stand_still_is_not_held_whole() {
    let mut joiner = Joiner::new(HOLD);
    let mut told = 0;
    for number in 0..70_000_u64 {
        let pinged = Exchange { request: seen(5, number + 1), ..exchange(BRIDGE, 5, Some(5), ping(number as u16)) };
        joiner.push(Box::new(Event::Exchange(pinged)), &World);
        told += usize::from(joiner.pop(at(5), &World).is_some());
    }
    assert_eq!((joiner.len(), told), (EVENTS, 70_000 - EVENTS));
    assert_eq!(joiner.crowded_out(), told as u64);
}

#[test]
fn copies_and_long_messages_take_room_too() {
    let mut joiner = Joiner::new(HOLD).with_room(1000);
    for number in 0..100_u64 {
        for tap in 0..50 {
            let place = Place { tap: TapId(tap), ..Place::default() };
            let pinged = Exchange { request: seen(5, number), ..exchange(place, 5, Some(5), ping(number as u16)) };
            joiner.push(Box::new(Event::Exchange(pinged)), &World);
        }
        while let Some(told) = joiner.pop(at(5), &World) {
            assert_eq!(told.hops.len(), 50);
        }
    }
    assert_eq!(joiner.len(), 1000 / 50, "groups of fifty copies");
    while joiner.pop_any(&World).is_some() {}
    let (groups, ..) = joiner.remembered();
    assert!(joiner.is_empty() && groups <= 2 * 1000 / 50, "{groups} groups of fifty places");

    let mut joiner = Joiner::new(HOLD);
    let name: &'static [u8] = b"\x01x\x00";
    for number in 0..1000_u64 {
        let mut event = asked(BRIDGE, "172.18.0.3", "10.88.0.2", (5, Some(5)), name);
        if let Event::Exchange(Exchange { ends, subject: Subject::Lookup(lookup), .. }) = &mut event {
            ends.client.port = Some(number as u16);
            lookup.response = Some(vec![0; 60_000].into());
        }
        joiner.push(Box::new(event), &World);
        while joiner.pop(at(5), &World).is_some() {}
    }
    assert!(joiner.len() * 60_000 <= 16 << 20, "{} messages", joiner.len());
    assert!(joiner.pop_crowded(&World).is_none());
    assert_eq!(joiner.crowded_out(), 1000 - joiner.len() as u64);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut joiner = Joiner::new(Duration::ZERO);
    for number in 0..100_000_u64 {
        let name: &'static [u8] = b"\x01x\x00";
        let mut event = asked(BRIDGE, "172.18.0.3", "10.88.0.2", (number, Some(number)), name);
        if let Event::Exchange(exchange) = &mut event {
            exchange.ends.client.port = Some((number % 60_000) as u16);
        }
        joiner.push(Box::new(event), &World);
        assert!(joiner.pop(at(number), &World).is_some());
        joiner.push(Box::new(Event::Connection(inner((number % 50_000) as u16, number))), &World);
        while joiner.pop(at(number + 20), &World).is_some() {}
    }
    let (groups, lookups, connections) = joiner.remembered();
    assert!(groups <= EVENTS + 1, "{groups} groups");
    assert!(lookups <= lookups::MAX_LOOKUPS + 1, "{lookups} lookups");
    assert!(connections <= published::MAX_CONNECTIONS + 1, "{connections} connections");
}

#[cfg(test)]
#[path = "measured_tests.rs"]
mod measured;
