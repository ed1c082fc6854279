//! Stories that are drawn as a person would draw them, and stories drawn by lot, whose rows must fit.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::super::units::{Clock, columns};
use super::{FIRST, LEAST_WIDTH, LadderWriter};
use crate::address::MacAddr;
use crate::capture::{NameBlock, TapId};
use crate::decode::content::Content;
use crate::decode::dns::RecordType;
use crate::decode::icmp::Reason;
use crate::decode::message::{Endpoint, PROTOCOLS, ProtocolId};
use crate::decode::tcp::Flags;
use crate::join::{Hop, Published, Told, Via};
use crate::name::Namer;
use crate::render::Layout;
use crate::time::Timestamp;
use crate::track::event::{
    Connection, DatagramStage, Datagrams, Direction, Ends, Event, Exchange, Handshake, IcmpError, Lookup, Missing,
    Nodes, Notice, Outcome, PacketLine, Place, Remaining, Seen, Side, Stage, Subject, What,
};
use crate::track::measured::Measured;

const PLACE: Place = Place { tap: TapId(0), if_index: 0, vni: None };

fn host(last: u8) -> Endpoint {
    Endpoint::host(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)))
}

fn socket(last: u8, port: u16) -> Endpoint {
    Endpoint { port: Some(port), ..host(last) }
}

/// A moment, in microseconds after 01:00:00.
fn seen(micros: u64) -> Seen {
    Seen { at: Timestamp::from_parts(3600, 0) + Duration::from_micros(micros), number: 1 }
}

fn ends(client: Endpoint, server: Endpoint) -> Ends {
    Ends { client, server, client_mac: None, server_mac: None }
}

fn protocol(name: &str) -> ProtocolId {
    let index = PROTOCOLS.iter().position(|protocol| protocol.name() == name).unwrap();
    ProtocolId(index as u8)
}

fn exchange(
    kind: &str,
    (client, server): (Endpoint, Endpoint),
    asked: u64,
    subject: Subject<'static>,
) -> Exchange<'static> {
    Exchange {
        protocol: protocol(kind),
        place: PLACE,
        nodes: Nodes::default(),
        ends: ends(client, server),
        request: seen(asked),
        reply: Some(seen(asked + 250)),
        outcome: Outcome::Answered,
        cast: None,
        tries: 1,
        waited: Duration::from_secs(1),
        late: false,
        subject,
        known_at: seen(asked + 250).at,
    }
}

fn ping(client: u8, server: u8, asked: u64) -> Exchange<'static> {
    let subject = Subject::Ping { id: 1, sequence: 3, data_len: 56, hop_limit: 64, fragmented: false };
    exchange("ping", (host(client), host(server)), asked, subject)
}

fn lookup(client: u8, server: u8, name: &'static [u8]) -> Exchange<'static> {
    let lookup = Lookup { id: 1, name: Cow::Borrowed(name), kind: RecordType::A, response: None, over_tcp: false };
    exchange("dns", (host(client), host(server)), 0, Subject::Lookup(lookup))
}

fn connection(stage: Stage) -> Connection {
    let sent = |bytes| Direction { packets: 3, bytes, ..Direction::default() };
    Connection {
        place: PLACE,
        nodes: Nodes::default(),
        ends: ends(socket(1, 40_000), socket(2, 80)),
        stage,
        sequence: Some(1),
        handshake: Handshake { syn: Some(seen(0)), syn_ack: Some(seen(10)), ack: Some(seen(30)), tries: 1 },
        first: seen(0),
        last: seen(900),
        there: sent(70),
        back: sent(200),
        before_capture: false,
        known_at: seen(900).at,
    }
}

fn datagrams(stage: DatagramStage) -> Datagrams {
    let sent = |bytes| Direction { packets: 1, bytes, ..Direction::default() };
    let (place, nodes, known_at) = (PLACE, Nodes::default(), seen(900).at);
    let ends = ends(socket(1, 40_000), socket(2, 9000));
    Datagrams { place, nodes, ends, stage, first: seen(0), last: seen(900), there: sent(11), back: sent(5), known_at }
}

fn notice(what: What<'static>, client: u8, server: u8) -> Event<'static> {
    let (place, nodes, ends) = (PLACE, Nodes::default(), ends(host(client), host(server)));
    Event::Notice(Notice { place, nodes, ends, seen: seen(0), what })
}

fn error(from: u8) -> IcmpError {
    IcmpError { reason: Reason::PortUnreachable, from: host(from).address, mtu: None }
}

/// Names for 10.0.0.1 and on.
fn namer(names: &[&str]) -> Namer {
    let record = |(number, name): (usize, &&str)| (host(number as u8 + 1).address, vec![(*name).to_owned()]);
    let records = names.iter().enumerate().map(record).collect();
    let mut namer = Namer::new(false);
    namer.add_file_names(&NameBlock { tap: TapId(0), records, comment: String::new() });
    namer
}

const NAMES: &[&str] = &["web", "app", "db", "cache", "queue", "mail", "proxy"];

fn writer(layout: Layout) -> LadderWriter<Vec<u8>> {
    LadderWriter { clock: Clock::utc(), ..LadderWriter::new(Vec::new(), layout, None) }
}

fn drawn_by(mut writer: LadderWriter<Vec<u8>>, namer: &Namer, story: &[Told<'_>]) -> String {
    for told in story {
        writer.event(told, namer).unwrap();
    }
    String::from_utf8(std::mem::take(writer.out())).unwrap()
}

fn drawn(width: usize, story: Vec<Event<'static>>) -> String {
    let story: Vec<_> = story.into_iter().map(Told::alone).collect();
    drawn_by(writer(Layout { width: Some(width), ..Layout::default() }), &namer(NAMES), &story)
}

/// The rows without the names and the second.
fn arrows(width: usize, event: Event<'static>) -> String {
    let text = drawn(width, vec![event]);
    text.lines().skip_while(|line| !line.starts_with("01:00:00")).skip(1).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_rows(text: &str, expected: &[&str]) {
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "\n{text}\ninstead of\n{}", expected.join("\n"));
}

fn gallery() -> Vec<Event<'static>> {
    let unanswered =
        |why| Exchange { outcome: Outcome::Unanswered(why), reply: None, tries: 2, ..lookup(1, 2, b"\x02db\0") };
    let who_has = |mac| Subject::Neighbour { address: host(2).address, mac };
    let arp = |mac| exchange("arp", (host(1), host(2)), 0, who_has(mac));
    let mac = MacAddr([2, 0x42, 0xac, 0x12, 0, 2]);
    vec![
        Event::Exchange(ping(1, 2, 0)),
        Event::Exchange(arp(Some(mac))),
        Event::Exchange(lookup(1, 2, b"\x02db\0")),
        Event::Exchange(unanswered(Missing::TimedOut)),
        Event::Exchange(unanswered(Missing::CaptureEnded)),
        Event::Exchange(unanswered(Missing::TableFull)),
        Event::Exchange(Exchange { late: true, ..ping(1, 2, 0) }),
        Event::Exchange(Exchange { outcome: Outcome::Failed(Some(error(2))), ..ping(1, 2, 0) }),
        Event::Exchange(Exchange { outcome: Outcome::Failed(Some(error(1))), ..ping(1, 2, 0) }),
        Event::Exchange(Exchange { outcome: Outcome::Failed(Some(error(3))), ..ping(1, 2, 0) }),
        Event::Connection(connection(Stage::Opened)),
        Event::Connection(Connection { before_capture: true, ..connection(Stage::Opened) }),
        Event::Connection(connection(Stage::Closed { by: Side::Client })),
        Event::Connection(connection(Stage::Closed { by: Side::Server })),
        Event::Connection(connection(Stage::Reset { by: Side::Server })),
        Event::Connection(connection(Stage::Refused)),
        Event::Connection(connection(Stage::Failed(error(2)))),
        Event::Connection(connection(Stage::Unanswered(Missing::TimedOut))),
        Event::Connection(connection(Stage::HalfOpen(Missing::TimedOut))),
        Event::Connection(connection(Stage::StillOpen(Remaining::CaptureEnded))),
        Event::Datagrams(datagrams(DatagramStage::Began)),
        Event::Datagrams(datagrams(DatagramStage::Idle)),
        Event::Datagrams(datagrams(DatagramStage::Failed(error(2)))),
        Event::Datagrams(datagrams(DatagramStage::StillOpen(Remaining::CaptureEnded))),
        notice(What::Announcement { protocol: protocol("arp"), address: host(1).address, mac: Some(mac) }, 1, 1),
        notice(What::Probe { protocol: protocol("arp"), address: host(1).address }, 1, 1),
        notice(What::Unasked { protocol: protocol("arp"), subject: who_has(Some(mac)) }, 1, 2),
        notice(What::IcmpError { error: error(2), about: None }, 1, 2),
        packet(Some(Flags(0x12)), "[S.] seq 5 ack 7 win 9, 0 bytes, mss 1360"),
        packet(None, "echo request, seq 0, 56 bytes"),
        Event::Exchange(ping(1, 1, 0)),
        Event::Exchange(ping(2, 2, 0)),
    ]
}

fn packet(flags: Option<Flags>, words: &'static str) -> Event<'static> {
    Event::Packet(PacketLine {
        place: PLACE,
        nodes: Nodes::default(),
        seen: seen(0),
        ends: Some((socket(1, 40_000), socket(2, 80))),
        macs: (None, None),
        kind: if flags.is_some() { "tcp" } else { "ping" },
        content: flags.map_or(Content::EchoRequest, |flags| Content::Segment { flags, payload_len: 0 }),
        words: Cow::Borrowed(words),
        wire_len: 60,
    })
}

#[test]
fn a_request_and_its_answer_are_two_arrows_with_their_times() {
    let text = drawn(60, vec![Event::Exchange(ping(1, 2, 100)), Event::Exchange(ping(2, 1, 1_000_100))]);
    assert_rows(
        &text,
        &[
            "         web                                           app",
            "01:00:00  │                                             │",
            " .000100  │─────────── PING seq 3, 56 bytes ───────────►│",
            " .000350  │◄───────── reply, ttl 64  0.250 ms ──────────│",
            "01:00:01  │                                             │",
            " .000100  │◄─────────── PING seq 3, 56 bytes ───────────│",
            " .000350  │───────── reply, ttl 64  0.250 ms ──────────►│",
        ],
    );
}

#[test]
fn an_arrow_crosses_the_lifelines_between() {
    let story = vec![ping(1, 2, 0), ping(2, 3, 1000), ping(1, 3, 2000), ping(3, 1, 3000)];
    let text = drawn(60, story.into_iter().map(Event::Exchange).collect());
    let last: Vec<_> = text.lines().rev().take(4).collect();
    assert_eq!(
        last,
        [
            " .003250  │── reply  0.250 ms ───┼─────────────────────►│",
            " .003000  │◄──── PING seq 3 ─────┼──────────────────────│",
            " .002250  │◄── reply  0.250 ms ──┼──────────────────────│",
            " .002000  │───── PING seq 3 ─────┼─────────────────────►│",
        ],
        "{text}"
    );
}

#[test]
fn every_ending_has_its_own_look() {
    let shown = |event| arrows(60, event);
    let unanswered =
        Exchange { outcome: Outcome::Unanswered(Missing::TimedOut), reply: None, ..lookup(1, 2, b"\x02db\0") };
    assert_rows(
        &shown(Event::Exchange(unanswered.clone())),
        &[" .000000  │────── DNS A db? no answer in 1.0 s ───────✗ │"],
    );
    let ended = Exchange { outcome: Outcome::Unanswered(Missing::CaptureEnded), ..unanswered };
    assert_rows(
        &shown(Event::Exchange(ended)),
        &[
            "          │ DNS A db? no answer in 1.0 s, then the      │",
            "          │ capture ended                               │",
            " .000000  │───────────────────────────────────────────? │",
        ],
    );
    assert_rows(
        &shown(Event::Exchange(Exchange { late: true, tries: 2, ..ping(1, 2, 0) })),
        &[
            "          │ PING seq 3: reply (try 2), late             │",
            " .000250  │◄───────────────── 0.250 ms ─────────────────│",
        ],
    );
    assert_rows(
        &shown(Event::Exchange(Exchange { outcome: Outcome::Failed(Some(error(2))), ..ping(1, 2, 0) })),
        &[
            " .000000  │──────────────── PING seq 3 ────────────────►│",
            " .000250  │◄───── ICMP port unreachable  0.250 ms ──────│",
        ],
    );
}

#[test]
fn a_connection_is_told_from_its_handshake_to_its_end() {
    let shown = |stage| arrows(60, Event::Connection(connection(stage)));
    assert_rows(
        &shown(Stage::Opened),
        &[
            " .000000  │──────────────── TCP SYN ────────────────►:80│",
            " .000010  │◄──────────────── SYN-ACK ────────────────:80│",
            " .000030  │────────── ACK, open  0.030 ms ──────────►:80│",
        ],
    );
    assert_rows(
        &shown(Stage::Refused),
        &[
            " .000000  │──────────────── TCP SYN ────────────────►:80│",
            " .000900  │◄──────── RST, refused  0.900 ms ─────────:80│",
        ],
    );
    assert_rows(
        &shown(Stage::Unanswered(Missing::TimedOut)),
        &[" .000000  │───── TCP SYN: no answer in 0.0 s ──────✗ :80│"],
    );
    assert_rows(
        &shown(Stage::HalfOpen(Missing::TimedOut)),
        &[
            " .000000  │──────────────── TCP SYN ────────────────►:80│",
            "          │ SYN-ACK: no answer in 0.0 s, half-open      │",
            " .000010  │ ✗────────────────────────────────────────:80│",
        ],
    );
    assert_rows(
        &shown(Stage::Closed { by: Side::Server }),
        &[
            "          │ TCP closed: 70 bytes →, 200 ←               │",
            " .000900  │◄──────────── after 0.900 ms ─────────────:80│",
        ],
    );
    assert_rows(
        &shown(Stage::StillOpen(Remaining::CaptureEnded)),
        &[
            "          │ TCP still open: 70 bytes →, 200 ←           │",
            " .000900  │·············· in 0.900 ms ···············:80│",
        ],
    );
}

#[test]
fn bytes_point_where_they_went_on_the_screen() {
    let turned =
        Connection { ends: ends(socket(2, 40_000), socket(1, 80)), ..connection(Stage::Closed { by: Side::Client }) };
    let text = drawn(60, vec![Event::Exchange(ping(1, 2, 0)), Event::Connection(turned)]);
    assert!(text.contains("TCP closed: 200 bytes →, 70 ←"), "the client, who sent 70, is on the right:\n{text}");
    assert!(text.contains("│:80◄──"), "{text}");
}

#[test]
fn what_is_said_to_everybody_goes_to_everybody() {
    let mac = Some(MacAddr([2, 0x42, 0xac, 0x12, 0, 2]));
    let announcement = What::Announcement { protocol: protocol("arp"), address: host(1).address, mac };
    let text = drawn(80, vec![notice(announcement, 1, 1)]);
    assert!(text.contains("web") && text.contains("broadcast"), "{text}");
    let Event::Packet(who_has) = packet(None, "who has 10.0.0.2?") else { unreachable!() };
    let macs = (mac, Some(MacAddr([0xff; 6])));
    let text = drawn(80, vec![Event::Packet(PacketLine { kind: "arp", macs, ..who_has.clone() })]);
    assert!(text.contains("broadcast") && !text.contains("app"), "{text}");
    let text = drawn(80, vec![Event::Packet(PacketLine { ends: None, kind: "link", macs, ..who_has })]);
    assert!(text.contains("02:42:ac:12:00:02") && text.contains("ff:ff:ff:ff:ff:ff"), "{text}");
}

#[test]
fn a_packet_says_what_its_segment_is_for() {
    let shown = |bits, words| arrows(60, packet(Some(Flags(bits)), words));
    assert_rows(
        &shown(0x02, "[S] seq 5 win 9, 0 bytes"),
        &[" .000000  │:40000─────────────── SYN ───────────────►:80│"],
    );
    assert_rows(&shown(0x12, "[S.] seq 5 ack 7 win 9"), &[" .000000  │:40000───────────── SYN-ACK ─────────────►:80│"]);
    assert!(shown(0x18, "[P.] seq 5, 0 bytes [cut]").contains(" ACK [cut] "));
    assert!(shown(0, "[none] seq 5").contains(" no flags "));
    let wide = arrows(140, packet(Some(Flags(0x12)), "[S.] seq 5 ack 7 win 9, 0 bytes, mss 1360, sackOK, wscale 10"));
    assert!(wide.contains("── SYN-ACK seq 5 ack 7 ──"), "{wide}");
}

#[test]
fn who_calls_himself_has_a_loop() {
    let text = drawn(
        80,
        vec![Event::Exchange(ping(1, 2, 0)), Event::Exchange(ping(1, 1, 9)), Event::Exchange(ping(2, 2, 999))],
    );
    let loops: Vec<_> = text.lines().skip(4).collect();
    assert_eq!(
        loops,
        [
            "          │ ↑ began before the arrow above; it is drawn once its end is known",
            "↑.000009  │──┐  PING seq 3                                │",
            "          │◄─┘                                            │",
            " .000259  │──┐  reply                                     │",
            "          │◄─┘  0.250 ms                                  │",
            " .000999  │                                               │──┐  PING seq 3",
            "          │                                               │◄─┘",
            " .001249  │                                               │──┐  reply",
            "          │                                               │◄─┘  0.250 ms",
        ],
        "{text}"
    );
    let to_itself = |stage| Connection { ends: ends(socket(2, 40_000), socket(2, 8080)), ..connection(stage) };
    let closed = Event::Connection(to_itself(Stage::Closed { by: Side::Server }));
    assert!(drawn(80, vec![closed]).contains("TCP closed: 70 bytes there, 200 back (from :8080)"));
    let connection = to_itself(Stage::Refused);
    let first = notice(What::Probe { protocol: protocol("nd"), address: host(1).address }, 1, 2);
    let text = drawn(60, vec![first, Event::Connection(connection)]);
    let rows: Vec<_> = text.lines().filter(|line| line.contains(['┌', '└'])).collect();
    assert_eq!(
        rows,
        [
            " .000000  │ TCP SYN (to :8080)                       ┌──│",
            "          │                                          └─►│",
            " .000900  │ RST, refused (from :8080)                ┌──│",
            "          │ 0.900 ms                                 └─►│",
        ],
        "{text}"
    );
}

#[test]
fn who_was_silent_longest_gives_up_his_lifeline() {
    let story = [(1, 2), (3, 4), (1, 3), (5, 1)].map(|(client, server)| Event::Exchange(ping(client, server, 0)));
    let text = drawn(80, story.to_vec());
    let headers: Vec<_> = text.lines().filter(|line| line.contains("web")).collect();
    assert_eq!(headers.len(), 3, "{text}");
    assert!(headers[1].contains("app") && headers[1].contains("cache") && !headers[1].contains("queue"), "{text}");
    assert!(!headers[2].contains("app") && headers[2].contains("queue"), "app had no arrow since the first:\n{text}");
    assert_eq!(headers[1].find("app"), headers[2].find("queue").map(|at| at + 1), "in its place:\n{text}");
}

#[test]
fn the_names_come_again_after_a_screenful() {
    let story: Vec<_> = (0..100).map(|n| Told::alone(Event::Exchange(ping(1, 2, n * 1000)))).collect();
    let headers = |screen| {
        let layout = Layout { width: Some(80), ..Layout::default() };
        let writer = LadderWriter { clock: Clock::utc(), ..LadderWriter::new(Vec::new(), layout, screen) };
        drawn_by(writer, &namer(NAMES), &story).matches("web").count()
    };
    // 200 rows of arrows, one more for each header.
    assert_eq!((headers(None), headers(Some(24)), headers(Some(3))), (6, 12, 17));
}

#[test]
fn long_and_wide_names_are_whole() {
    let names = ["数据库服务器", "a-service-with-a-rather-long-name.of-a-network", "x", "größe"];
    let story = [(1, 2), (3, 4)].map(|(client, server)| Told::alone(Event::Exchange(ping(client, server, 0))));
    let text = drawn_by(writer(Layout { width: Some(80), ..Layout::default() }), &namer(&names), &story);
    let rows: Vec<_> = text.lines().skip(4).take(5).collect();
    assert_eq!(
        rows,
        [
            "",
            "                        a-service-with-a-",
            "                      rather-long-name.of-",
            "    数据库服务器            a-network                 x                   größe",
            "01:00:00  │                     │                     │                     │",
        ],
        "{text}"
    );
}

#[test]
fn a_lifeline_lasts_as_long_as_the_name_is_hostile() {
    let names = ["\u{1b}[2J\nweb", "\u{202e}app"];
    let story = [Told::alone(Event::Exchange(ping(1, 2, 0)))];
    let text = drawn_by(writer(Layout { width: Some(80), ..Layout::default() }), &namer(&names), &story);
    assert!(text.starts_with("  \\u{1b}[2J\\u{a}web"), "{text}");
    assert!(text.contains("\\u{202e}app") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
}

fn hop(ends: (Endpoint, Endpoint), began: u64, ended: u64) -> Hop {
    Hop { place: PLACE, client: ends.0, server: ends.1, began: seen(began), ended: Some(seen(ended)) }
}

#[test]
fn each_hop_is_an_arrow_if_somebody_wants_to_see_them() {
    let (client, port, container) = (socket(1, 40_000), socket(2, 8080), socket(3, 80));
    let event = Event::Connection(Connection { ends: ends(client, container), ..connection(Stage::Opened) });
    let published = Some(Published { host: port, via: Via::Dnat });
    let hops = vec![hop((client, port), 0, 30), hop((client, container), 5, 25)];
    let told = Told { hops, published, ..Told::alone(event) };
    let draw = |hops, width| {
        let layout = Layout { width: Some(width), hops, ..Layout::default() };
        let text = drawn_by(writer(layout), &namer(&["client", "host", "web"]), std::slice::from_ref(&told));
        text.lines().skip(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        draw(false, 60),
        [
            " .000000  │────────── TCP SYN (via :8080) ──────────►:80│",
            " .000010  │◄──────────────── SYN-ACK ────────────────:80│",
            " .000030  │────────── ACK, open  0.030 ms ──────────►:80│",
        ]
    );
    assert_eq!(
        draw(true, 100),
        [
            " .000000  │───────── TCP SYN at tap 0 ─────────►:8080│                                          │",
            " .000005  │                                          │────────── TCP SYN at tap 0 ──────────►:80│",
            " .000025  │                                          │──── ACK, open at tap 0  0.020 ms ────►:80│",
            " .000030  │─── ACK, open at tap 0  0.030 ms ───►:8080│                                          │",
        ]
    );
}

#[test]
fn a_remark_stands_beside_the_first_lifeline() {
    let mut writer = writer(Layout { width: Some(60), ..Layout::default() });
    writer.remark("… 3 events came too fast and are missing here").unwrap();
    writer.event(&Told::alone(Event::Exchange(ping(1, 2, 0))), &namer(NAMES)).unwrap();
    writer.remark("… 10.0.0.9 is a container that started a moment ago\u{1b}").unwrap();
    let text = String::from_utf8(writer.out().clone()).unwrap();
    let rows: Vec<_> = text.lines().collect();
    assert_eq!(rows[0], "… 3 events came too fast and are missing here");
    assert_eq!(
        rows[5..],
        [
            "          │ … 10.0.0.9 is a container that started a moment",
            "          │ ago\\u{1b}                                   │"
        ]
    );
}

#[test]
fn a_story_that_is_told_anew_has_a_new_diagram() {
    let mut writer = writer(Layout { width: Some(60), ..Layout::default() });
    let told = Told::alone(Event::Exchange(ping(1, 2, 0)));
    writer.event(&told, &namer(NAMES)).unwrap();
    let first = String::from_utf8(writer.out().clone()).unwrap();
    writer.begin_again("… back to the start").unwrap();
    writer.event(&told, &namer(NAMES)).unwrap();
    let both = String::from_utf8(std::mem::take(writer.out())).unwrap();
    let between = "          │ … back to the start                         │\n\n";
    assert_eq!(both, format!("{first}{between}{first}"), "and no arrow is before the one above");
}

#[test]
fn colors_change_nothing_else() {
    let story: Vec<_> = gallery().into_iter().map(Told::alone).collect();
    let draw = |color| drawn_by(writer(Layout { width: Some(80), color, ..Layout::default() }), &namer(NAMES), &story);
    let (colored, plain) = (draw(true), draw(false));
    let stripped: String = colored
        .split('\u{1b}')
        .enumerate()
        .map(|(nth, part)| if nth == 0 { part } else { part.split_once('m').unwrap().1 })
        .collect();
    assert_eq!(stripped, plain);
    assert!(
        colored.contains("\u{1b}[31m") && colored.contains("\u{1b}[33m"),
        "what failed is red, what is missing yellow"
    );
}

/// Numbers that look random and are the same each time: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn name(&mut self) -> String {
        const PIECES: &[&str] =
            &["web", "-", "数据", "\u{1b}[2J", "e\u{301}", ".", " ", "\u{202e}", "🦀", "redis-server", "\t", "│"];
        (0..self.below(12)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }
}

/// Puts other ends to an event.
fn between(event: &mut Event<'_>, client: u8, server: u8) {
    let with = |end: &mut Endpoint, last| end.address = host(last).address;
    match event {
        Event::Exchange(Exchange { ends, .. })
        | Event::Connection(Connection { ends, .. })
        | Event::Datagrams(Datagrams { ends, .. })
        | Event::Measured(Measured { ends, .. })
        | Event::Notice(Notice { ends, .. }) => {
            with(&mut ends.client, client);
            with(&mut ends.server, server);
        }
        Event::Packet(packet) => {
            if let Some((sender, receiver)) = &mut packet.ends {
                with(sender, client);
                with(receiver, server);
            }
        }
    }
}

#[test]
fn no_row_is_wider_than_the_terminal_whatever_happens() {
    let mut numbers = Numbers(7);
    for _ in 0..300 {
        let names: Vec<String> = (0..=numbers.below(14)).map(|_| numbers.name()).collect();
        let namer = namer(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let width = LEAST_WIDTH + numbers.below(180);
        let flag = |numbers: &mut Numbers| numbers.below(2) == 1;
        let (quiet, link_level, hops) = (flag(&mut numbers), flag(&mut numbers), flag(&mut numbers));
        let layout = Layout { width: Some(width), color: false, quiet, link_level, hops };
        let mut writer = LadderWriter::new(Vec::new(), layout, Some(numbers.below(60)));
        let gallery = gallery();
        for _ in 0..40 {
            let mut event = gallery[numbers.below(gallery.len())].clone();
            let end = |numbers: &mut Numbers| numbers.below(names.len() + 1) as u8 + 1;
            let (client, server) = (end(&mut numbers), end(&mut numbers));
            between(&mut event, client, server);
            let mut told = Told::alone(event);
            for _ in 0..numbers.below(4) {
                let ends = (socket(end(&mut numbers), 65_535), socket(end(&mut numbers), 65_534));
                let began = numbers.below(5_000_000) as u64;
                told.hops.push(hop(ends, began, began + 7));
            }
            writer.event(&told, &namer).unwrap();
            writer.remark(&numbers.name()).unwrap();
        }
        let text = String::from_utf8(std::mem::take(writer.out())).unwrap();
        for row in text.lines() {
            assert!(columns(row) <= width, "{} of {width} columns: {row}", columns(row));
            assert!(!row.chars().any(char::is_control), "{row:?}");
            assert!(!row.ends_with(' '), "{row:?}");
        }
    }
}

#[test]
fn the_least_width_holds_two_lifelines() {
    let text = drawn(1, vec![Event::Exchange(ping(1, 2, 0)), Event::Exchange(ping(3, 2, 0))]);
    assert!(text.lines().all(|row| columns(row) <= LEAST_WIDTH), "{text}");
    assert!(text.lines().all(|row| row.is_empty() || columns(row) > FIRST), "{text}");
    assert!(text.contains("db"), "{text}");
}

#[test]
fn a_ladder_is_no_wider_than_anybody_could_see() {
    let layout = Layout { width: Some(1_000_000), ..Layout::default() };
    assert_eq!(LadderWriter::new(Vec::new(), layout, None).lifelines.width(), super::MOST_WIDTH);
}
