//! Lines, and the topics that are true of them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::address::MacAddr;
use crate::capture::{LinkType, Tap, TapId};
use crate::decode::content::Content;
use crate::decode::dns::{Rcode, RecordType};
use crate::decode::icmp::{Quoted, Reason};
use crate::decode::message::{Endpoint, PROTOCOLS, ProtocolId};
use crate::decode::tcp::Flags;
use crate::decode::tunnel::Vni;
use crate::docker::{ContainerId, read_snapshot};
use crate::join::{Published, Via};
use crate::time::Timestamp;
use crate::track::event::*;

const SNAPSHOT: &str = r#"{"bridgetap_directory":1,"at":"2026-11-21T00:00:00Z",
 "host_addresses":["10.88.0.1","172.17.0.1"],"networks":[{"id":"dd","name":"bridge","driver":"bridge","interface":"docker0","subnets":["172.17.0.0/16"],
   "gateways":["172.17.0.1"],"name_service":false,"internal":false},
  {"id":"aa","name":"my_bridge","driver":"bridge","interface":"br-aa","subnets":["172.18.0.0/16"],
   "gateways":["172.18.0.1"],"name_service":true,"internal":false},
  {"id":"cc","name":"other","driver":"bridge","interface":"br-cc","subnets":["172.20.0.0/16"],
   "gateways":["172.20.0.1"],"name_service":true,"internal":true},
  {"id":"66","name":"six","driver":"bridge","interface":"br-66","subnets":["172.26.0.0/16","fd66::/64"],
   "gateways":["172.26.0.1","fd66::1"],"name_service":true,"internal":false},
  {"id":"bb","name":"lan","driver":"macvlan","interface":null,"subnets":["10.99.0.0/24"],"gateways":["10.99.0.1"],
   "name_service":true,"internal":false}],
 "containers":[{"id":"c1","name":"container_a","image":"x","project":null,"service":null,
   "endpoints":[{"network":"aa","addresses":["172.18.0.2"],"mac":"02:42:ac:12:00:02","aliases":["db","pool"]}],
   "published":[{"host_address":"0.0.0.0","host_port":8080,"container_port":80,"protocol":"tcp"},
     {"host_address":"0.0.0.0","host_port":9000,"container_port":9000,"protocol":"udp"}]},
  {"id":"4f1c0a9b3d2e77","name":"client","image":"x","project":null,"service":null,
   "endpoints":[{"network":"aa","addresses":["172.18.0.3"],"mac":"02:42:ac:12:00:03",
     "aliases":["4f1c0a9b3d2e","pool"]}],
   "published":[]},
  {"id":"c3","name":"lone","image":"x","project":null,"service":null,
   "endpoints":[{"network":"dd","addresses":["172.17.0.3"],"mac":"02:42:ac:11:00:03","aliases":[]}],"published":[]},
  {"id":"c4","name":"far","image":"x","project":null,"service":null,
   "endpoints":[{"network":"cc","addresses":["172.20.0.2"],"mac":"02:42:ac:14:00:02","aliases":[]}],"published":[]},
  {"id":"c5","name":"both","image":"x","project":null,"service":null,
   "endpoints":[{"network":"66","addresses":["172.26.0.2","fd66::2"],"mac":"02:42:ac:1a:00:02","aliases":[]}],
   "published":[]},
  {"id":"c7","name":"wide","image":"x","project":null,"service":null,
   "endpoints":[{"network":"aa","addresses":["172.18.0.7"],"mac":"02:42:ac:12:00:07","aliases":[]},
     {"network":"cc","addresses":["172.20.0.7"],"mac":"02:42:ac:14:00:07","aliases":[]}],"published":[]},
  {"id":"c6","name":"vlan","image":"x","project":null,"service":null,
   "endpoints":[{"network":"bb","addresses":["10.99.0.5"],"mac":"02:42:0a:63:00:05","aliases":[]}],"published":[]},
  {"id":"c8","name":"on_host","image":"x","project":null,"service":null,"endpoints":[],"published":[]}]}"#;

/// The taps of the tests, by their numbers.
const BRIDGE: u32 = 0;
const LO: u32 = 1;
const DOCKER0: u32 = 2;
const LAN: u32 = 3;
const OTHER: u32 = 4;
const SIX: u32 = 5;
const HOST: u32 = 6;

const AT: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);
const SEEN: Seen = Seen { at: AT, number: 1 };
const NONE: Direction = Direction {
    packets: 0,
    bytes: 0,
    retransmissions: 0,
    out_of_order: 0,
    duplicate_acks: 0,
    zero_windows: 0,
    resets: 0,
};

fn namer(numeric: bool) -> Namer {
    let mut namer = Namer::new(numeric);
    namer.set_directory(TapId(0), Arc::new(read_snapshot(SNAPSHOT).unwrap().apply(None)));
    for (number, interface, network, namespace) in [
        (BRIDGE, "br-aa", Some("my_bridge"), None),
        (LO, "lo", None, Some("client")),
        (DOCKER0, "docker0", Some("bridge"), None),
        (LAN, "eth0", Some("lan"), Some("vlan")),
        (OTHER, "br-cc", Some("other"), None),
        (SIX, "br-66", Some("six"), None),
        (HOST, "any", None, None),
    ] {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (network, namespace) = (owned(network), owned(namespace));
        namer.set_tap(
            TapId(number),
            Tap { interface: interface.to_owned(), network, namespace, link: LinkType::ETHERNET, aside: None },
        );
    }
    namer.set_owner(TapId(HOST), end("10.88.0.1:7777"), Some(ContainerId("c8".into())));
    namer
}

fn place(tap: u32) -> Place {
    Place { tap: TapId(tap), if_index: 0, vni: None }
}

/// An address, or an IPv4 address with a port.
fn end(text: &str) -> Endpoint {
    match text.parse::<std::net::SocketAddrV4>() {
        Ok(socket) => Endpoint { address: IpAddr::V4(*socket.ip()), port: Some(socket.port()) },
        Err(_) => Endpoint::host(text.parse().unwrap()),
    }
}

fn ends(client: &str, server: &str) -> Ends {
    Ends { client: end(client), server: end(server), client_mac: None, server_mac: None }
}

fn protocol(name: &str) -> ProtocolId {
    ProtocolId(PROTOCOLS.iter().position(|protocol| protocol.name() == name).unwrap() as u8)
}

/// A line, and the names of the topics that are true of it, with blanks between them.
type Case = (Told<'static>, &'static str);

fn told(event: impl Into<Told<'static>>) -> Told<'static> {
    event.into()
}

impl From<Exchange<'static>> for Told<'static> {
    fn from(exchange: Exchange<'static>) -> Self {
        Self::alone(Event::Exchange(exchange))
    }
}

impl From<Connection> for Told<'static> {
    fn from(connection: Connection) -> Self {
        Self::alone(Event::Connection(connection))
    }
}

fn exchange(kind: &str, tap: u32, ends: Ends, outcome: Outcome, subject: Subject<'static>) -> Exchange<'static> {
    Exchange {
        protocol: protocol(kind),
        place: place(tap),
        nodes: Nodes::default(),
        ends,
        request: SEEN,
        reply: (!matches!(outcome, Outcome::Unanswered(_))).then_some(SEEN),
        outcome,
        tries: 1,
        cast: Some(Cast::Group),
        waited: Duration::ZERO,
        late: false,
        subject,
        known_at: AT,
    }
}

fn error(reason: Reason) -> IcmpError {
    IcmpError { reason, from: "172.18.0.1".parse().unwrap(), mtu: None }
}

const TIMED_OUT: Outcome = Outcome::Unanswered(Missing::TimedOut);

fn neighbour(kind: &str, tap: u32, client: &str, server: &str, outcome: Outcome) -> Exchange<'static> {
    let subject = Subject::Neighbour { address: end(server).address, mac: None };
    exchange(kind, tap, ends(client, server), outcome, subject)
}

fn ping(tap: u32, client: &str, server: &str, outcome: Outcome) -> Exchange<'static> {
    let subject = Subject::Ping { id: 7, sequence: 0, data_len: 56, hop_limit: 64, fragmented: false };
    exchange("ping", tap, ends(client, server), outcome, subject)
}

fn neighbours() -> Vec<Case> {
    let arp = |client, server| neighbour("arp", BRIDGE, client, server, Outcome::Answered);
    let nd = |client, server| neighbour("nd", SIX, client, server, Outcome::Answered);
    let unanswered = |exchange| Exchange { outcome: TIMED_OUT, reply: None, ..exchange };
    let check = |exchange| Exchange { cast: Some(Cast::Unicast), ..exchange };
    let later = Exchange { late: true, tries: 2, ..arp("172.18.0.3", "172.18.0.2") };
    vec![
        (told(arp("172.18.0.3", "172.18.0.2")), "arp"),
        (told(Exchange { cast: None, ..arp("172.18.0.3", "172.18.0.2") }), "arp"),
        (told(arp("172.18.0.3", "172.18.0.1")), "arp next-hop-gateway"),
        (told(arp("172.18.0.1", "172.18.0.2")), "arp asked-by-host"),
        (told(check(arp("172.18.0.2", "172.18.0.3"))), "arp-check"),
        (told(check(arp("172.18.0.3", "172.18.0.1"))), "arp-check"),
        (told(unanswered(arp("172.18.0.3", "172.18.0.99"))), "arp-unanswered arp"),
        (told(check(unanswered(arp("172.18.0.3", "172.18.0.2")))), "neighbour-check-unanswered arp-check"),
        (told(later), "arp late"),
        (told(Exchange { tries: 2, ..arp("172.18.0.3", "172.18.0.2") }), "arp asked-again"),
        (told(neighbour("arp", LAN, "10.99.0.5", "10.99.0.1", Outcome::Answered)), "arp next-hop-gateway"),
        (told(nd("fd66::2", "fd66::3")), "nd"),
        (told(nd("fe80::2", "fe80::3")), "nd ipv6-link-local"),
        (told(nd("fd66::2", "fd66::1")), "nd next-hop-gateway"),
        (told(check(nd("fd66::2", "fd66::1"))), "nd-check"),
        (told(unanswered(nd("fd66::2", "fd66::3"))), "nd-unanswered nd"),
        (
            told(neighbour("arp", BRIDGE, "172.18.0.3", "172.18.0.9", Outcome::Unanswered(Missing::CaptureEnded))),
            "arp capture-ended",
        ),
        (
            told(neighbour("arp", BRIDGE, "172.18.0.3", "172.18.0.9", Outcome::Unanswered(Missing::TableFull))),
            "arp forgotten",
        ),
    ]
}

fn pings() -> Vec<Case> {
    let answered = |tap, client, server| told(ping(tap, client, server, Outcome::Answered));
    let lost = |tap, client, server| told(ping(tap, client, server, TIMED_OUT));
    let failed = |reason| told(ping(BRIDGE, "172.18.0.3", "192.0.2.1", Outcome::Failed(Some(error(reason)))));
    let long = Subject::Ping { id: 7, sequence: 0, data_len: 1472, hop_limit: 64, fragmented: true };
    let mut tunnel = ping(HOST, "10.0.1.2", "10.0.1.4", Outcome::Answered);
    tunnel.place.vni = Some(Vni::new(4097));
    vec![
        (answered(BRIDGE, "172.18.0.3", "172.18.0.2"), "ping"),
        (answered(BRIDGE, "172.18.0.1", "172.18.0.2"), "ping host-as-client"),
        (answered(BRIDGE, "172.18.0.2", "172.18.0.1"), "ping host-as-server"),
        (answered(BRIDGE, "172.18.0.2", "10.88.0.1"), "ping host-address"),
        (answered(LAN, "10.99.0.5", "10.99.0.1"), "ping gateway-outside"),
        (answered(SIX, "fd66::2", "fd66::3"), "ping6"),
        (answered(SIX, "fe80::2", "fe80::3"), "ping6 ipv6-link-local"),
        (answered(LO, "127.0.0.1", "127.0.0.1"), "ping container-loopback"),
        (answered(HOST, "127.0.0.1", "127.0.0.1"), "ping localhost"),
        (told(tunnel), "ping vxlan"),
        (
            told(Exchange { subject: long, ..ping(BRIDGE, "172.18.0.3", "172.18.0.2", Outcome::Answered) }),
            "ping fragments",
        ),
        (lost(BRIDGE, "172.18.0.3", "172.18.0.99"), "ping-unanswered"),
        (lost(BRIDGE, "172.18.0.3", "172.20.0.2"), "ping-unanswered networks-apart"),
        // On the network that is asked, or on one that Docker does not keep apart.
        (lost(OTHER, "172.20.0.7", "172.20.0.2"), "ping-unanswered"),
        (lost(BRIDGE, "172.18.0.7", "172.20.0.2"), "ping-unanswered"),
        (lost(BRIDGE, "172.18.0.3", "10.99.0.5"), "ping-unanswered"),
        (failed(Reason::NetworkUnreachable), "ping network-unreachable"),
        (failed(Reason::HostUnreachable), "ping host-unreachable"),
        (failed(Reason::ProtocolUnreachable), "ping protocol-unreachable"),
        (failed(Reason::PortUnreachable), "ping rejected"),
        (failed(Reason::TooBig), "ping packet-too-big"),
        (failed(Reason::Prohibited), "ping administratively-prohibited"),
        (failed(Reason::Unreachable(12)), "ping destination-unreachable"),
        (failed(Reason::TimeExceeded), "ping time-exceeded"),
        (failed(Reason::ReassemblyTimeExceeded), "ping reassembly-time-exceeded"),
        (failed(Reason::ParameterProblem), "ping parameter-problem"),
    ]
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

/// A lookup of `client`, which is answered with IPv4 addresses or a response code.
fn lookup(kind: u16, client: &str, server: &str, name: &str, rcode: u8, answers: &[&str]) -> Exchange<'static> {
    let mut response = vec![0, 7, 0x81, 0x80 | rcode, 0, 1, 0, answers.len() as u8, 0, 0, 0, 0];
    response.extend(wire(name));
    response.extend([[0, kind as u8], [0, 1]].concat());
    for answer in answers {
        response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 2, 88, 0, 4]);
        response.extend(answer.parse::<std::net::Ipv4Addr>().unwrap().octets());
    }
    let outcome = if rcode == 0 { Outcome::Answered } else { Outcome::Failed(None) };
    let subject = Subject::Lookup(Lookup {
        id: 7,
        name: wire(name).into(),
        kind: RecordType(kind),
        response: Some(response.into()),
        over_tcp: false,
    });
    let tap = if client.starts_with("127.") {
        LO
    } else if client.starts_with("172.17.") {
        DOCKER0
    } else {
        BRIDGE
    };
    exchange("dns", tap, ends(client, server), outcome, subject)
}

/// A lookup of the container `client` at Docker's name service.
fn inside(kind: u16, name: &str, rcode: u8, answers: &[&str]) -> Told<'static> {
    told(lookup(kind, "127.0.0.1", "127.0.0.11", name, rcode, answers))
}

fn with_subject(exchange: &Exchange<'static>, change: impl Fn(&mut Lookup<'static>)) -> Exchange<'static> {
    let Exchange { subject: Subject::Lookup(mut lookup), .. } = exchange.clone() else { panic!("{exchange:?}") };
    change(&mut lookup);
    Exchange { subject: Subject::Lookup(lookup), ..exchange.clone() }
}

const A: u16 = 1;
const AAAA: u16 = 28;

fn lookups() -> Vec<Case> {
    let found = || lookup(A, "127.0.0.1", "127.0.0.11", "container_a", 0, &["172.18.0.2"]);
    let forwarded = |rcode, answers| Told {
        upstream: Some("10.88.0.2".parse().unwrap()),
        ..inside(A, "example.test", rcode, answers)
    };
    let unanswered = |outcome| {
        let asked = with_subject(&found(), |lookup| lookup.response = None);
        told(Exchange { outcome, reply: None, ..asked })
    };
    let cut = |lookup: &mut Lookup<'static>| lookup.response.as_mut().unwrap().to_mut()[2] |= 2;
    let refused = Outcome::Failed(Some(error(Reason::PortUnreachable)));
    let llmnr = Exchange {
        protocol: protocol("llmnr"),
        ..lookup(A, "172.18.0.3", "224.0.0.252", "printer", 0, &["172.18.0.9"])
    };
    vec![
        (told(found()), "dns-a docker-dns"),
        (inside(AAAA, "container_a", 0, &[]), "dns-aaaa docker-dns dns-no-record dns-no-ipv6"),
        // It may be a name outside, or one that ndots left alone: nothing is known of its addresses.
        (inside(AAAA, "example.test", 0, &[]), "dns-aaaa docker-dns dns-no-record"),
        (inside(A, "db", 0, &["172.18.0.2"]), "dns-a docker-dns dns-alias"),
        (inside(A, "DB", 0, &["172.18.0.2"]), "dns-a docker-dns dns-alias"),
        (inside(A, "4f1c0a9b3d2e", 0, &["172.18.0.3"]), "dns-a docker-dns"),
        (inside(A, "db.my_bridge", 0, &["172.18.0.2"]), "dns-a docker-dns dns-container-network"),
        (inside(A, "pool", 0, &["172.18.0.2", "172.18.0.3"]), "dns-a docker-dns dns-several-containers"),
        (inside(A, "web.test", 0, &["203.0.113.1", "203.0.113.2"]), "dns-a docker-dns"),
        (inside(A, "nobody", 3, &[]), "dns-a docker-dns dns-nxdomain-docker"),
        (inside(A, "container_a.lan.test", 3, &[]), "dns-a docker-dns dns-nxdomain-docker dns-search-domain"),
        (inside(A, "far.my_bridge", 3, &[]), "dns-a docker-dns dns-nxdomain-docker"),
        (inside(A, "nobody", 2, &[]), "dns-a docker-dns dns-servfail-docker"),
        (inside(A, "nobody", 5, &[]), "dns-a docker-dns dns-error-code"),
        (inside(16, "nobody", 3, &[]), "dns-other-type docker-dns dns-nxdomain"),
        (inside(16, "nobody", 2, &[]), "dns-other-type docker-dns dns-servfail"),
        (inside(12, "2.0.18.172.in-addr.arpa", 3, &[]), "dns-ptr docker-dns dns-nxdomain"),
        (inside(12, "_http._tcp.local", 3, &[]), "dns-other-type docker-dns dns-nxdomain"),
        (forwarded(0, &["203.0.113.1"]), "dns-a docker-dns dns-forwarded"),
        (forwarded(3, &[]), "dns-a docker-dns dns-nxdomain-docker"),
        (told(lookup(A, "172.17.0.3", "10.88.0.2", "container_a", 3, &[])), "dns-a dns-default-bridge dns-nxdomain"),
        (told(lookup(A, "172.18.0.3", "10.88.0.2", "x.test", 0, &["203.0.113.1"])), "dns-a dns-outside-server"),
        (told(lookup(A, "172.18.0.3", "172.18.0.2", "x.test", 0, &["203.0.113.1"])), "dns-a"),
        (told(lookup(A, "192.0.2.1", "192.0.2.2", "x.test", 5, &[])), "dns-a dns-refused"),
        (told(lookup(A, "192.0.2.1", "192.0.2.2", "x.test", 2, &[])), "dns-a dns-servfail"),
        (told(lookup(A, "192.0.2.1", "192.0.2.2", "x.test", 4, &[])), "dns-a dns-error-code"),
        (unanswered(TIMED_OUT), "dns-unanswered dns-a docker-dns"),
        (unanswered(Outcome::Unanswered(Missing::CaptureEnded)), "dns-a docker-dns capture-ended"),
        (unanswered(refused), "dns-a docker-dns port-unreachable"),
        (told(with_subject(&found(), cut)), "dns-a docker-dns dns-truncated"),
        (told(with_subject(&found(), |lookup| lookup.over_tcp = true)), "dns-a docker-dns dns-over-tcp"),
        (told(with_subject(&found(), |lookup| lookup.name = Cow::Borrowed(&[]))), "docker-dns"),
        (told(llmnr), "llmnr"),
    ]
}

fn connection(tap: u32, client: &str, server: &str, stage: Stage) -> Connection {
    let shaken = Handshake { syn: Some(SEEN), syn_ack: Some(SEEN), ack: Some(SEEN), tries: 1 };
    Connection {
        place: place(tap),
        nodes: Nodes::default(),
        ends: ends(client, server),
        stage,
        sequence: None,
        handshake: shaken,
        first: SEEN,
        last: SEEN,
        there: NONE,
        back: NONE,
        before_capture: false,
        known_at: AT,
    }
}

const CLOSED: Stage = Stage::Closed { by: Side::Client };

fn connections() -> Vec<Case> {
    let plain = |stage| connection(BRIDGE, "172.18.0.3:40000", "172.18.0.2:80", stage);
    let troubled = |direction| told(Connection { back: direction, ..plain(CLOSED) });
    let again = Handshake { tries: 3, ..plain(CLOSED).handshake };
    vec![
        (told(plain(Stage::Opened)), "tcp-open"),
        (told(Connection { handshake: again, ..plain(Stage::Opened) }), "tcp-open tcp-syn-again"),
        (told(Connection { before_capture: true, ..plain(Stage::Opened) }), "tcp-before-capture"),
        (told(plain(CLOSED)), "tcp-closed"),
        (troubled(Direction { retransmissions: 1, ..NONE }), "tcp-closed tcp-retransmitted"),
        (troubled(Direction { out_of_order: 1, ..NONE }), "tcp-closed tcp-out-of-order"),
        (troubled(Direction { zero_windows: 1, ..NONE }), "tcp-closed tcp-zero-window"),
        (told(plain(Stage::Reset { by: Side::Server })), "tcp-reset"),
        (told(plain(Stage::Refused)), "tcp-refused listens-on-loopback"),
        (told(connection(LO, "127.0.0.1:40000", "127.0.0.1:81", Stage::Refused)), "tcp-refused container-loopback"),
        (told(connection(HOST, "192.0.2.1:40000", "192.0.2.2:81", Stage::Refused)), "tcp-refused"),
        (told(plain(Stage::Failed(error(Reason::PortUnreachable)))), "rejected"),
        (told(plain(Stage::Failed(error(Reason::HostUnreachable)))), "host-unreachable"),
        (told(plain(Stage::Unanswered(Missing::TimedOut))), "tcp-unanswered"),
        (
            told(connection(BRIDGE, "172.18.0.3:1", "172.20.0.2:80", Stage::Unanswered(Missing::TimedOut))),
            "tcp-unanswered networks-apart",
        ),
        (told(plain(Stage::Unanswered(Missing::CaptureEnded))), "capture-ended"),
        (told(plain(Stage::HalfOpen(Missing::TimedOut))), "tcp-half-open"),
        (told(plain(Stage::HalfOpen(Missing::TableFull))), "forgotten"),
        (told(plain(Stage::StillOpen(Remaining::CaptureEnded))), "tcp-still-open"),
        (told(plain(Stage::StillOpen(Remaining::TableFull))), "forgotten"),
        (told(plain(Stage::StillOpen(Remaining::Replaced))), "tcp-replaced"),
        (told(connection(HOST, "192.0.2.1:40000", "10.88.0.1:7777", Stage::Opened)), "tcp-open host-network"),
        (told(connection(HOST, "192.0.2.1:40000", "10.88.0.1:22", Stage::Opened)), "tcp-open host-address"),
    ]
}

fn published() -> Vec<Case> {
    let open = |client| connection(BRIDGE, client, "172.18.0.2:80", Stage::Opened);
    let via =
        |client, via| Told { published: Some(Published { host: end("10.88.0.1:8080"), via }), ..told(open(client)) };
    vec![
        (told(open("192.0.2.1:40000")), "tcp-open published-perhaps"),
        (told(open("172.18.0.1:40000")), "tcp-open host-as-client"),
        (Told { is_direct: true, ..told(open("172.18.0.1:40000")) }, "tcp-open host-as-client"),
        (Told { is_direct: true, ..told(open("192.0.2.1:40000")) }, "tcp-open"),
        (told(connection(BRIDGE, "192.0.2.1:40000", "172.18.0.2:81", Stage::Opened)), "tcp-open"),
        (via("192.0.2.1:40000", Via::Dnat), "tcp-open published-dnat"),
        (via("127.0.0.1:40000", Via::DockerProxy), "tcp-open published-docker-proxy localhost"),
        (via("172.18.0.3:40000", Via::DockerProxy), "tcp-open published-docker-proxy published-to-container"),
    ]
}

fn flow(tap: u32, client: &str, server: &str, stage: DatagramStage) -> Told<'static> {
    let ends = ends(client, server);
    let (place, nodes) = (place(tap), Nodes::default());
    let (first, last, there, back, known_at) = (SEEN, SEEN, NONE, NONE, AT);
    Told::alone(Event::Datagrams(Datagrams { place, nodes, ends, stage, first, last, there, back, known_at }))
}

fn flows() -> Vec<Case> {
    let plain = |stage| flow(BRIDGE, "172.18.0.3:40000", "172.18.0.2:9000", stage);
    let began = |tap, server| flow(tap, "172.18.0.3:40000", server, DatagramStage::Began);
    vec![
        (plain(DatagramStage::Began), "udp-first"),
        (plain(DatagramStage::Failed(error(Reason::PortUnreachable))), "port-unreachable"),
        (plain(DatagramStage::Idle), "udp-ended"),
        (plain(DatagramStage::StillOpen(Remaining::CaptureEnded)), "udp-still-open"),
        (plain(DatagramStage::StillOpen(Remaining::TableFull)), "forgotten"),
        (flow(BRIDGE, "192.0.2.1:40000", "172.18.0.2:9000", DatagramStage::Began), "udp-first published-perhaps"),
        (began(BRIDGE, "239.255.255.250:1900"), "udp-first multicast"),
        (began(BRIDGE, "172.18.255.255:137"), "udp-first broadcast"),
        (began(BRIDGE, "255.255.255.255:67"), "udp-first broadcast"),
    ]
}

fn notice(ends: Ends, what: What<'static>) -> Told<'static> {
    Told::alone(Event::Notice(Notice { place: place(BRIDGE), nodes: Nodes::default(), ends, seen: SEEN, what }))
}

fn notices() -> Vec<Case> {
    let announcement = |kind, from: &str| {
        let address = end(from).address;
        notice(ends(from, from), What::Announcement { protocol: protocol(kind), address, mac: None })
    };
    let probe = |kind, from, to: &str| {
        notice(ends(from, to), What::Probe { protocol: protocol(kind), address: end(to).address })
    };
    let unasked = |exchange: Exchange<'static>| {
        let Exchange { protocol, ends, subject, .. } = exchange;
        notice(ends, What::Unasked { protocol, subject })
    };
    let about = |reason, protocol| {
        let [source, destination] = ["172.18.0.3", "172.18.0.2"].map(|text| text.parse().unwrap());
        let about = Some(Quoted { source, destination, protocol, pair: (1, 2) });
        notice(ends("172.18.0.3", "172.18.0.2"), What::IcmpError { error: error(reason), about })
    };
    let message = What::Dns { protocol: protocol("mdns"), message: vec![0; 12].into() };
    vec![
        (announcement("arp", "172.18.0.2"), "arp-announcement"),
        (announcement("nd", "fd66::2"), "nd-announcement"),
        (probe("arp", "0.0.0.0", "172.18.0.2"), "arp-probe"),
        (probe("nd", "::", "fe80::2"), "duplicate-address-detection ipv6-link-local"),
        (notice(ends("172.18.0.2", "224.0.0.251"), message), "mdns"),
        (unasked(ping(BRIDGE, "172.18.0.3", "172.18.0.2", Outcome::Answered)), "unasked"),
        (unasked(lookup(A, "172.18.0.3", "10.88.0.2", "x", 3, &[])), "unasked dns-outside-server dns-nxdomain"),
        (about(Reason::Redirect, 6), "redirect"),
        (about(Reason::SourceQuench, 6), "source-quench"),
        (about(Reason::PortUnreachable, 132), "destination-unreachable"),
    ]
}

fn packet(kind: &'static str, tap: u32, sender: &str, receiver: &str, content: Content) -> Told<'static> {
    let (ends, macs) = (Some((end(sender), end(receiver))), (None, Some(MacAddr::BROADCAST)));
    let words = Cow::Borrowed("says so");
    let (place, nodes) = (place(tap), Nodes::default());
    Told::alone(Event::Packet(PacketLine { place, nodes, seen: SEEN, ends, macs, kind, content, words, wire_len: 60 }))
}

fn to_one(told: Told<'static>) -> Told<'static> {
    let Event::Packet(packet) = told.event else { panic!("{told:?}") };
    Told::alone(Event::Packet(PacketLine { macs: (None, Some(MacAddr([2; 6]))), ..packet }))
}

fn packets() -> Vec<Case> {
    let arp = |content| packet("arp", BRIDGE, "172.18.0.3", "172.18.0.2", content);
    let nd = |content| packet("nd", SIX, "fd66::2", "ff02::1:ff00:3", content);
    let tcp = |flags, has_payload| {
        let content = Content::Segment { flags: Flags(flags), payload_len: usize::from(has_payload) };
        packet("tcp", BRIDGE, "172.18.0.3:40000", "172.18.0.2:80", content)
    };
    let v4 = |content| packet("icmp", BRIDGE, "172.18.0.3", "172.18.0.2", content);
    let v6 = |content| packet("icmp", SIX, "fd66::2", "ff02::16", content);
    let dns = |asked, answer: Option<u16>| {
        let content = Content::Dns { asked: Some(RecordType(asked)), answer: answer.map(Rcode) };
        let ends =
            if answer.is_some() { ["127.0.0.11:53", "127.0.0.1:40000"] } else { ["127.0.0.1:40000", "127.0.0.11:53"] };
        packet("dns", LO, ends[0], ends[1], content)
    };
    let group = Content::Dns { asked: None, answer: None };
    let reason = Reason::PortUnreachable;
    let mut nameless = arp(Content::Link);
    if let Event::Packet(packet) = &mut nameless.event {
        packet.ends = None;
    }
    vec![
        (arp(Content::ArpRequest), "arp"),
        (packet("arp", BRIDGE, "172.18.0.3", "172.18.0.1", Content::ArpRequest), "arp next-hop-gateway"),
        (packet("arp", BRIDGE, "172.18.0.1", "172.18.0.3", Content::ArpRequest), "arp asked-by-host"),
        (to_one(arp(Content::ArpRequest)), "arp-check"),
        (arp(Content::ArpReply), "packet-arp-reply"),
        (arp(Content::ArpAnnouncement), "arp-announcement"),
        (arp(Content::ArpProbe), "arp-probe"),
        (arp(Content::ArpOther), "packet-arp-other"),
        (nd(Content::NeighbourSolicitation), "nd"),
        (to_one(nd(Content::NeighbourSolicitation)), "nd-check"),
        (nd(Content::DuplicateAddressDetection), "duplicate-address-detection"),
        (nd(Content::NeighbourAdvertisement { solicited: true }), "packet-neighbour-advertisement"),
        (nd(Content::NeighbourAdvertisement { solicited: false }), "nd-announcement"),
        (tcp(0x02, false), "packet-syn"),
        (tcp(0xc2, false), "packet-syn"),
        (tcp(0x12, false), "packet-syn-ack"),
        (tcp(0x10, false), "packet-ack"),
        (tcp(0x18, true), "packet-data"),
        (tcp(0x19, true), "packet-fin"),
        (tcp(0x14, false), "packet-rst"),
        (tcp(0x03, false), "packet-odd-flags"),
        (tcp(0x00, false), "packet-odd-flags"),
        (v4(Content::EchoRequest), "ping"),
        (v6(Content::EchoRequest), "ping6"),
        (v4(Content::EchoReply), "packet-echo-reply"),
        (packet("icmp", BRIDGE, "172.18.0.1", "172.18.0.2", Content::EchoReply), "packet-echo-reply packet-host"),
        (v4(Content::IcmpError { reason, about: Some(17) }), "port-unreachable"),
        (v4(Content::IcmpError { reason, about: None }), "destination-unreachable"),
        (v4(Content::IcmpOther(13)), "packet-icmp"),
        (v4(Content::IcmpOther(10)), "packet-router-solicitation"),
        (v6(Content::IcmpOther(133)), "packet-router-solicitation multicast"),
        (v6(Content::IcmpOther(134)), "packet-router-advertisement multicast"),
        (v6(Content::IcmpOther(143)), "packet-mld multicast"),
        (packet("icmp", SIX, "fe80::1", "fd66::2", Content::IcmpOther(137)), "redirect ipv6-link-local"),
        (packet("ip", BRIDGE, "172.18.0.2", "224.0.0.22", Content::Ip(2)), "packet-igmp multicast"),
        (packet("ip", BRIDGE, "172.18.0.2", "172.18.0.3", Content::Ip(132)), "packet-ip-other"),
        (packet("ip", BRIDGE, "172.18.0.2", "172.18.0.3", Content::Fragment), "packet-fragment"),
        (packet("udp", BRIDGE, "172.18.0.2:1", "172.18.0.3:2", Content::Datagram), "packet-udp"),
        (dns(A, None), "dns-a docker-dns"),
        (dns(AAAA, None), "dns-aaaa docker-dns"),
        (dns(12, None), "docker-dns"),
        (dns(A, Some(0)), "packet-dns-answer"),
        (dns(A, Some(3)), "packet-dns-answer dns-nxdomain-docker"),
        (packet("mdns", BRIDGE, "172.18.0.2:5353", "224.0.0.251:5353", group), "mdns"),
        (packet("llmnr", BRIDGE, "172.18.0.2:5355", "224.0.0.252:5355", group), "llmnr"),
        (nameless, "packet-link-other"),
    ]
}

/// Every line of these tests.
fn cases() -> Vec<Case> {
    [neighbours(), pings(), lookups(), connections(), published(), flows(), notices(), packets()].concat()
}

fn names(topics: &[&Topic]) -> String {
    topics.iter().map(|topic| topic.name).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_said_is_true_of_the_line() {
    for numeric in [false, true] {
        let namer = namer(numeric);
        for (told, expected) in cases() {
            assert_eq!(names(&topics(&told, &namer)), expected, "numeric {numeric}: {:#?}", told.event);
        }
    }
}

#[test]
fn without_docker_nothing_is_said_of_it() {
    let namer = Namer::new(false);
    for (told, topics_with_names) in cases() {
        let found = names(&topics(&told, &namer));
        for topic in found.split(' ') {
            let is_there = topics_with_names.split(' ').any(|there| there == topic);
            // Who has a loopback address is not known then, and so it is somebody's localhost.
            let instead = ["localhost"].contains(&topic);
            assert!(is_there || instead, "{found:?} instead of {topics_with_names:?}");
        }
        for knows_docker in
            ["networks-apart", "host-as", "host-net", "published-", "dns-default-bridge", "next-hop-gateway"]
        {
            let from_join = told.published.is_some() || told.is_direct;
            assert!(from_join || !found.contains(knows_docker), "{found}");
        }
    }
}

#[test]
fn every_topic_is_reached() {
    let reached: BTreeSet<_> = cases().iter().flat_map(|(_, expected)| expected.split(' ')).collect();
    let all: BTreeSet<_> = all().map(|topic| topic.name).collect();
    assert_eq!(reached, all);
}

#[test]
fn a_topic_is_told_once_and_two_at_a_line() {
    let (namer, mut explainer) = (namer(false), Explainer::default());
    let lookup = inside(AAAA, "container_a", 0, &[]);
    let mut explain = || names(&explainer.explain(&lookup, &namer));
    assert_eq!([explain(), explain(), explain()], ["dns-aaaa docker-dns", "dns-no-record dns-no-ipv6", ""]);
    let mut told = BTreeSet::new();
    for (line, _) in cases().into_iter().chain(cases()) {
        let topics = explainer.explain(&line, &namer);
        assert!(topics.len() <= TOPICS_OF_A_LINE);
        for topic in topics {
            assert!(told.insert(topic.name), "{} twice", topic.name);
        }
    }
}

#[test]
fn the_texts_are_short_and_whole() {
    let (mut seen, mut texts) = (BTreeSet::new(), BTreeSet::new());
    for topic in all() {
        let Topic { name, text, see } = *topic;
        assert!(seen.insert(name) && texts.insert(text), "{name} twice");
        assert!(name.chars().all(|char| matches!(char, 'a'..='z' | '0'..='9' | '-')), "{name}");
        let length = text.chars().count();
        assert!((40..=MAX_TEXT).contains(&length), "{name}: {length} characters");
        assert!(
            text.ends_with('.') && !text.contains("  ") && text.chars().all(|char| matches!(char, ' '..='~')),
            "{name}"
        );
        for Reference { title, url } in see {
            // They must fit into 80 columns behind the margin.
            assert!(url.starts_with("https://") && url.len() <= 74 && !url.contains(' '), "{name}: {url}");
            assert!(!title.is_empty() && title.len() <= 60, "{name}: {title}");
            let rfc = title.strip_prefix("RFC ").map(|rest| rest.split(',').next().unwrap());
            let of_rfc = rfc.is_none_or(|number| {
                let section =
                    title.split_once(", section ").map_or(String::new(), |(_, section)| format!("#section-{section}"));
                *url == format!("https://www.rfc-editor.org/rfc/rfc{number}{section}")
            });
            assert!(of_rfc, "{name}: {title} is not {url}");
        }
    }
    // What is about the log itself has nothing to read on.
    let without: Vec<_> = all().filter(|topic| topic.see.is_empty()).map(|topic| topic.name).collect();
    assert_eq!(without, ["late", "capture-ended", "forgotten", "unasked"]);
}
