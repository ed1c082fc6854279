//! Scenarios with their time given, from bytes to events in words.

use super::event::*;
use super::measured::Reading;
use super::*;
use crate::decode::{decode, testing::ethernet};

const A: [u8; 4] = [172, 18, 0, 2];
const B: [u8; 4] = [172, 18, 0, 3];

/// A tracker and what it said.
struct Scene {
    tracker: Tracker,
    number: u64,
    said: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        Self { tracker: Tracker::new(limits), number: 0, said: Vec::new() }
    }

    /// Shows the tracker a frame that is seen at that microsecond.
    fn see(&mut self, micros: u64, frame: &[u8]) -> &mut Self {
        self.number += 1;
        let packet = decode(&ethernet(frame, self.number, Timestamp::from_nanos(1_000_000_000_000 + micros * 1000)));
        let said = &mut self.said;
        self.tracker.observe(&packet, &mut |event: Event<'_>| said.push(words(&event)));
        self
    }

    fn finish(mut self) -> Vec<String> {
        let said = &mut self.said;
        self.tracker.finish(&mut |event: Event<'_>| said.push(words(&event)));
        self.said
    }
}

/// An event in few words, with its frames.
fn words(event: &Event<'_>) -> String {
    match event {
        Event::Exchange(exchange) => {
            let protocol = exchange.protocol.protocol().name();
            let outcome = format!("{:?}", exchange.outcome).split(['(', ' ']).next().unwrap().to_lowercase();
            let micros = exchange.latency().map_or(0, |latency| latency.as_micros());
            let late = if exchange.late { " late" } else { "" };
            let frames = (exchange.request.number, exchange.reply.map_or(0, |reply| reply.number));
            format!("{protocol} {outcome}{late} {micros}us x{} {frames:?}", exchange.tries)
        }
        Event::Connection(connection) => {
            let Connection { there, back, stage, .. } = connection;
            format!("tcp {stage:?} {}/{} bytes, {} again", there.bytes, back.bytes, there.retransmissions)
        }
        Event::Datagrams(flow) => format!("udp {:?} {}/{}", flow.stage, flow.there.packets, flow.back.packets),
        Event::Notice(notice) => format!("{:?}", notice.what).split([' ', '{']).next().unwrap().to_lowercase(),
        Event::Packet(packet) => packet.words.to_string(),
        Event::Measured(measured) => {
            let frames = (measured.from.number, measured.to.map_or(0, |to| to.number));
            let reading = match measured.reading {
                Reading::Time(time) => format!("{}us", time.as_micros()),
                Reading::Ambiguous(time) => format!("perhaps {}us", time.as_micros()),
                other => format!("{other:?}").to_lowercase(),
            };
            format!("{} of {}: {reading} {frames:?}", measured.measure.name(), measured.waited_for.name())
        }
    }
}

fn ip(source: [u8; 4], destination: [u8; 4]) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4(source, destination, 64)
}

fn ping(reply: bool, sequence: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let builder =
        if reply { ip(A, B).icmpv4_echo_reply(7, sequence) } else { ip(B, A).icmpv4_echo_request(7, sequence) };
    builder.write(&mut bytes, &[0; 56]).unwrap();
    bytes
}

fn udp(source: [u8; 4], destination: [u8; 4], ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    ip(source, destination).udp(ports.0, ports.1).write(&mut bytes, payload).unwrap();
    bytes
}

fn dns(id: u8, response: bool, kind: u8) -> Vec<u8> {
    vec![0, id, if response { 0x81 } else { 1 }, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, b'd', b'b', 0, 0, kind, 0, 1]
}

/// A segment from B:40000 to A:80, or back.
fn segment(back: bool, flags: &str, sequence: u32, acknowledgement: u32, payload: &[u8]) -> Vec<u8> {
    let builder = if back { ip(A, B).tcp(80, 40000, sequence, 1000) } else { ip(B, A).tcp(40000, 80, sequence, 1000) };
    let builder = if flags.contains('S') { builder.syn() } else { builder };
    let builder = if flags.contains('F') { builder.fin() } else { builder };
    let builder = if flags.contains('R') { builder.rst() } else { builder };
    let builder = if flags.contains('.') { builder.ack(acknowledgement) } else { builder };
    let mut bytes = Vec::new();
    builder.write(&mut bytes, payload).unwrap();
    bytes
}

fn handshake(scene: &mut Scene) {
    scene.see(0, &segment(false, "S", 100, 0, &[]));
    scene.see(30, &segment(true, "S.", 500, 101, &[]));
    scene.see(50, &segment(false, ".", 101, 501, &[]));
}

#[test]
fn pings_are_paired_and_missing_ones_are_said() {
    let mut scene = Scene::new();
    scene.see(0, &ping(false, 0)).see(45, &ping(true, 0)).see(1_000_000, &ping(false, 1));
    // The third makes it late enough to give the second up; its reply then still counts.
    scene.see(2_100_000, &ping(false, 2)).see(2_200_000, &ping(true, 1));
    assert_eq!(
        scene.finish(),
        [
            "ping answered 45us x1 (1, 2)",
            "ping unanswered 0us x1 (3, 0)",
            "ping answered late 1200000us x1 (3, 5)",
            "ping unanswered 0us x1 (4, 0)",
        ]
    );
}

#[test]
fn lookups_are_paired_through_dockers_nat() {
    let (client, server) = ([127, 0, 0, 1], [127, 0, 0, 11]);
    let mut scene = Scene::new();
    // The same socket and id for A and AAAA, as some resolvers draw them.
    scene.see(0, &udp(client, server, (46758, 51804), &dns(9, false, 1)));
    scene.see(10, &udp(client, server, (46758, 51804), &dns(9, false, 28)));
    scene.see(100, &udp(server, client, (53, 46758), &dns(9, true, 28)));
    scene.see(300, &udp(server, client, (53, 46758), &dns(9, true, 1)));
    assert_eq!(scene.finish(), ["dns answered 90us x1 (2, 3)", "dns answered 300us x1 (1, 4)"]);
}

#[test]
fn a_lookup_that_is_repeated_counts_from_the_first() {
    let mut scene = Scene::new();
    scene.see(0, &udp(B, A, (40000, 53), &dns(9, false, 1)));
    scene.see(2_000_000, &udp(B, A, (40000, 53), &dns(9, false, 1)));
    scene.see(2_000_100, &udp(A, B, (53, 40000), &dns(9, true, 1)));
    assert_eq!(scene.finish(), ["dns answered 2000100us x2 (1, 3)"]);
}

#[test]
fn an_answer_without_its_question_is_paired_by_its_id() {
    // FORMERR, by a server that could not read the question.
    let bare = |id: u8| vec![0, id, 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut scene = Scene::new();
    scene.see(0, &udp(B, A, (40000, 53), &dns(9, false, 1)));
    scene.see(10, &udp(B, A, (40000, 53), &dns(10, false, 1)));
    scene.see(20, &udp(A, B, (53, 40001), &bare(9))).see(30, &udp(A, B, (53, 40000), &bare(11)));
    scene.see(40, &udp(A, B, (53, 40000), &bare(9)));
    scene.see(50, &udp(A, B, (53, 40000), &dns(10, true, 28)));
    let rest = "dns unanswered 0us x1 (2, 0)";
    assert_eq!(scene.finish(), ["unasked", "unasked", "dns failed 40us x1 (1, 5)", "unasked", rest]);
}

#[test]
fn two_answers_without_questions_take_the_older_lookup_first() {
    let bare = vec![0, 9, 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut scene = Scene::new();
    scene.see(0, &udp(B, A, (40000, 53), &dns(9, false, 1))).see(10, &udp(B, A, (40000, 53), &dns(9, false, 28)));
    scene.see(20, &udp(A, B, (53, 40000), &bare)).see(30, &udp(A, B, (53, 40000), &bare));
    assert_eq!(scene.finish(), ["dns failed 20us x1 (1, 3)", "dns failed 20us x1 (2, 4)"]);
}

#[test]
fn a_lookup_on_another_port_is_a_lookup() {
    let mut scene = Scene::new();
    scene.see(0, &udp(B, A, (40000, 8600), &dns(9, false, 1)));
    scene.see(30, &udp(A, B, (8600, 40000), &dns(9, true, 1)));
    assert_eq!(scene.finish(), ["dns answered 30us x1 (1, 2)"]);
}

#[test]
fn a_reply_without_its_request_is_a_notice() {
    let mut scene = Scene::new();
    scene.see(0, &ping(true, 0));
    assert_eq!(scene.tracker.counters().unasked_replies, 1);
    assert_eq!(scene.finish(), ["unasked"]);
}

#[test]
fn a_connection_is_followed_from_syn_to_both_fins() {
    let mut scene = Scene::new();
    handshake(&mut scene);
    scene.see(60, &segment(false, ".", 101, 501, &[0; 78]));
    scene.see(70, &segment(false, ".", 101, 501, &[0; 78]));
    scene.see(80, &segment(true, "F.", 501, 179, &[0; 20]));
    scene.see(90, &segment(false, "F.", 179, 522, &[]));
    scene.see(95, &segment(true, ".", 522, 180, &[]));
    // A straggler belongs to the connection that ended.
    scene.see(99, &segment(true, ".", 522, 180, &[]));
    let closed = "tcp Closed { by: Server } 78/20 bytes, 1 again";
    assert_eq!(scene.finish(), ["tcp Opened 0/0 bytes, 0 again", closed]);
}

#[test]
fn an_acknowledgement_that_was_overtaken_does_not_keep_a_connection_open() {
    let mut scene = Scene::new();
    handshake(&mut scene);
    scene.see(60, &segment(true, "F.", 501, 101, &[])).see(70, &segment(false, "F.", 101, 502, &[]));
    scene.see(71, &segment(false, ".", 101, 501, &[])).see(80, &segment(true, ".", 502, 102, &[]));
    assert_eq!(scene.finish()[1], "tcp Closed { by: Server } 0/0 bytes, 0 again");
}

#[test]
fn a_handshake_counts_from_the_latest_syn_and_its_own_answer() {
    let halves = |frames: &[Vec<u8>]| {
        let (mut tracker, mut found) = (Tracker::new(Limits::default()), None);
        for (number, frame) in (1..).zip(frames) {
            let packet = decode(&ethernet(frame, number, Timestamp::from_nanos(number * 1000)));
            tracker.observe(&packet, &mut |event: Event<'_>| {
                if let Event::Connection(connection) = event {
                    found = connection.handshake.halves().map(|(there, back)| (there.as_nanos(), back.as_nanos()));
                }
            });
        }
        found
    };
    let (syn, answer) = (segment(false, "S", 100, 0, &[]), segment(true, "S.", 500, 101, &[]));
    let ack = segment(false, ".", 101, 501, &[]);
    let [a, b] = [&syn, &answer];
    assert_eq!(halves(&[a.clone(), b.clone(), ack.clone()]), Some((1000, 1000)));
    assert_eq!(halves(&[a.clone(), b.clone(), a.clone(), b.clone(), ack.clone()]), Some((1000, 1000)));
    assert_eq!(halves(&[a.clone(), b.clone(), b.clone(), ack.clone()]), Some((1000, 2000)), "the first answer");
    assert_eq!(halves(&[a.clone(), b.clone(), a.clone(), ack]), None, "an answer from before the question");
}

#[test]
fn a_reset_means_refused_before_the_handshake_and_reset_after_it() {
    let mut scene = Scene::new();
    scene.see(0, &segment(false, "S", 100, 0, &[])).see(12, &segment(true, "R.", 0, 101, &[]));
    assert_eq!(scene.finish(), ["tcp Refused 0/0 bytes, 0 again"]);
    let mut scene = Scene::new();
    handshake(&mut scene);
    scene.see(60, &segment(true, "R", 501, 0, &[]));
    assert_eq!(scene.finish()[1], "tcp Reset { by: Server } 0/0 bytes, 0 again");
}

#[test]
fn a_syn_without_an_answer_is_said_after_its_last_try() {
    let mut scene = Scene::new();
    for second in 0..3 {
        scene.see(second * 1_000_000, &segment(false, "S", 100, 0, &[]));
    }
    scene.see(9_000_000, &ping(false, 0));
    assert_eq!(scene.finish()[0], "tcp Unanswered(TimedOut) 0/0 bytes, 2 again");
}

#[test]
fn a_handshake_that_the_client_leaves_is_half_open() {
    let mut scene = Scene::new();
    scene.see(0, &segment(false, "S", 100, 0, &[])).see(30, &segment(true, "S.", 500, 101, &[]));
    assert_eq!(scene.finish(), ["tcp HalfOpen(CaptureEnded) 0/0 bytes, 0 again"]);
}

#[test]
fn a_connection_of_which_only_the_server_is_seen_is_open() {
    let mut scene = Scene::new();
    scene.see(0, &segment(true, "S.", 500, 101, &[])).see(30, &segment(true, ".", 501, 155, &[0; 9]));
    let open = "tcp StillOpen(CaptureEnded) 0/9 bytes, 0 again";
    assert_eq!(scene.finish(), ["tcp Opened 0/9 bytes, 0 again", open]);
}

#[test]
fn a_connection_from_before_the_capture_is_told_by_its_ports() {
    let mut scene = Scene::new();
    scene.see(0, &segment(true, ".", 7000, 101, &[0; 10]));
    let flow = scene.finish();
    let open = "tcp StillOpen(CaptureEnded) 0/10 bytes, 0 again";
    assert_eq!(flow, ["tcp Opened 0/10 bytes, 0 again", open]);
}

#[test]
fn another_syn_on_the_same_ports_is_another_connection() {
    let mut scene = Scene::new();
    handshake(&mut scene);
    scene.see(60, &segment(false, "S", 9000, 0, &[]));
    assert_eq!(scene.said[1], "tcp StillOpen(Replaced) 0/0 bytes, 0 again");
}

#[test]
fn an_icmp_error_ends_what_it_is_about() {
    let request = udp(B, A, (40000, 9999), b"hello");
    let mut error = vec![3, 3, 0, 0, 0, 0, 0, 0];
    error.extend(&request[14..42]);
    let mut frame = Vec::new();
    ip(A, B).icmpv4_raw(3, 3, [0; 4]).write(&mut frame, &error[8..]).unwrap();
    let mut scene = Scene::new();
    scene.see(0, &request).see(10, &frame);
    let said = scene.finish();
    assert_eq!(said[0], "udp Began 1/0");
    assert!(said[1].starts_with("udp Failed(IcmpError { reason: PortUnreachable"), "{said:?}");
    assert_eq!(said.len(), 2);
}

#[test]
fn an_icmp_error_about_a_ping_fails_it() {
    let request = ping(false, 3);
    let mut frame = Vec::new();
    ip([172, 18, 0, 1], B).icmpv4_raw(3, 1, [0; 4]).write(&mut frame, &request[14..42]).unwrap();
    let mut scene = Scene::new();
    scene.see(0, &request).see(10, &frame);
    assert_eq!(scene.finish(), ["ping failed 10us x1 (1, 2)"]);
}

#[test]
fn datagrams_end_when_nothing_comes_for_a_while() {
    let mut scene = Scene::new();
    scene.see(0, &udp(B, A, (40000, 9999), b"x")).see(10, &udp(A, B, (9999, 40000), b"y"));
    scene.see(31_000_000, &ping(false, 0));
    assert_eq!(scene.said, ["udp Began 1/0", "udp Idle 1/1"]);
}

/// An overlay network that is encrypted shows nothing of what it carries.
#[test]
fn what_is_encrypted_is_counted_as_esp() {
    let mut scene = Scene::new();
    let mut frame = udp(A, B, (0, 0), &[0; 80]);
    frame[14 + 9] = 50;
    scene.see(0, &frame).see(1, &frame);
    assert_eq!(scene.tracker.counters().passed_over, [(PassedOver::IpProtocol(50), 2)]);
    assert_eq!(scene.finish(), Vec::<String>::new());
}

#[test]
fn at_the_caps_the_oldest_goes_and_is_counted() {
    let mut scene = Scene::with(Limits { flows: 2, pending: 2, streams: 0, ..Limits::default() });
    for n in 0..4 {
        scene.see(u64::from(n), &ping(false, n));
        scene.see(u64::from(n), &udp(B, A, (41000 + n, 9999), b"x"));
    }
    let counters = scene.tracker.counters().clone();
    assert_eq!((counters.evicted_pending, counters.evicted_flows), (2, 2));
    let said = scene.finish();
    assert_eq!(said.iter().filter(|line| line.starts_with("ping unanswered")).count(), 4);
}

/// A flood takes no room from connections that stand, and what was told to be in vain goes before what is not.
#[test]
fn a_flood_of_syns_leaves_open_connections_alone() {
    let mut scene = Scene::with(Limits { flows: 4, ..Limits::default() });
    let syn = |port: u16| {
        let mut frame = Vec::new();
        ip(B, A).tcp(port, 80, 1, 65_535).syn().write(&mut frame, &[]).unwrap();
        frame
    };
    let mut data = Vec::new();
    ip(B, A).tcp(50_000, 80, 7, 65_535).ack(1).write(&mut data, b"x").unwrap();
    scene.see(0, &data);
    // Three are given up.
    for port in 1..4 {
        scene.see(1, &syn(port));
    }
    scene.see(4_000_000, &syn(4));
    assert_eq!(scene.said.iter().filter(|said| said.contains("Unanswered(TimedOut)")).count(), 3, "{:?}", scene.said);
    assert_eq!(scene.tracker.counters().evicted_flows, 0, "it was told that they are in vain");
    for port in 5..20 {
        scene.see(4_000_001, &syn(port));
    }
    // Two of those that were given up went for 5 and 6; of the others each makes room for the next.
    assert_eq!(scene.tracker.counters().evicted_flows, 13);
    assert_eq!(scene.said.iter().filter(|said| said.contains("Unanswered(TableFull)")).count(), 13);
    let said = scene.finish();
    assert_eq!(said.last().map(String::as_str), Some("tcp StillOpen(CaptureEnded) 1/0 bytes, 0 again"), "{said:?}");
}

/// Who answers after all was given up too early: the connection is open, and told to be at the end.
#[test]
fn a_handshake_that_was_given_up_may_still_come() {
    let mut scene = Scene::new();
    let mut frames = [Vec::new(), Vec::new(), Vec::new()];
    ip(B, A).tcp(50_000, 80, 1, 65_535).syn().write(&mut frames[0], &[]).unwrap();
    ip(A, B).tcp(80, 50_000, 9, 65_535).syn().ack(2).write(&mut frames[1], &[]).unwrap();
    ip(B, A).tcp(50_000, 80, 2, 65_535).ack(10).write(&mut frames[2], &[]).unwrap();
    for (micros, frame) in [0, 5_000_000, 5_000_100].into_iter().zip(&frames) {
        scene.see(micros, frame);
    }
    let stages = ["Unanswered(TimedOut)", "Opened", "StillOpen(CaptureEnded)"];
    let said = scene.finish();
    assert!(said.iter().zip(stages).all(|(said, stage)| said.contains(stage)) && said.len() == 3, "{said:?}");
}

#[test]
fn a_clock_that_steps_back_gives_no_negative_latency() {
    let mut scene = Scene::new();
    scene.see(5_000_000, &ping(false, 0)).see(1_000_000, &ping(true, 0));
    assert_eq!(scene.finish(), ["ping answered 0us x1 (1, 2)"]);
}

#[test]
fn what_is_asked_of_a_group_is_answered_by_one() {
    let group = [224, 0, 0, 252];
    let mut scene = Scene::new();
    scene.see(0, &udp(B, group, (50000, 5355), &dns(9, false, 1)));
    scene.see(40, &udp(A, B, (5355, 50000), &dns(9, true, 1)));
    assert_eq!(scene.finish(), ["llmnr answered 40us x1 (1, 2)"]);
}

#[test]
fn multicast_dns_is_told_message_by_message() {
    let group = [224, 0, 0, 251];
    let mut scene = Scene::new();
    scene.see(0, &udp(B, group, (5353, 5353), &dns(0, false, 12)));
    scene.see(40, &udp(A, group, (5353, 5353), &dns(0, true, 12)));
    assert_eq!(scene.finish(), ["dns", "dns"]);
}

#[test]
fn a_neighbour_is_asked_for_at_its_group_and_answers_itself() {
    let (asker, target) = ([0xfd; 16], [0xfe; 16]);
    let message = |from: [u8; 16], to: [u8; 16], kind: u8, flags: u8, option: u8| {
        let mut body = target.to_vec();
        body.extend([option, 1, 2, 0, 0, 0, 0, 1]);
        let mut frame = Vec::new();
        let ip = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv6(from, to, 255);
        ip.icmpv6_raw(kind, 0, [flags, 0, 0, 0]).write(&mut frame, &body).unwrap();
        frame
    };
    let mut group = [0; 16];
    (group[0], group[1], group[11], group[12]) = (0xff, 2, 1, 0xff);
    let mut scene = Scene::new();
    scene.see(0, &message(asker, group, 135, 0, 1)).see(30, &message(target, asker, 136, 0x60, 2));
    // Duplicate address detection hopes for no answer.
    scene.see(50, &message([0; 16], group, 135, 0, 1));
    assert_eq!(scene.finish(), ["nd answered 30us x1 (1, 2)", "probe"]);
}

/// An ARP request of B for A, or A's reply, to that MAC address.
fn arp(operation: u8, to: [u8; 6]) -> Vec<u8> {
    let (sender, target) = if operation == 1 { (B, A) } else { (A, B) };
    let mut frame = to.to_vec();
    frame.extend([2, 0, 0, 0, 0, sender[3], 8, 6, 0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, sender[3]]);
    frame.extend(sender);
    frame.extend([0; 6]);
    frame.extend(target);
    frame
}

#[test]
fn a_request_says_whether_it_went_to_one_or_to_all() {
    const ALL: [u8; 6] = [0xff; 6];
    const ONE: [u8; 6] = [2, 0, 0, 0, 0, 2];
    // The loopback interface has frames without addresses.
    const NOBODY: [u8; 6] = [0; 6];
    for (requests, cast) in [
        (&[ALL][..], Some(Cast::Group)),
        (&[ONE], Some(Cast::Unicast)),
        (&[ONE, ALL], Some(Cast::Group)),
        (&[NOBODY], None),
    ] {
        let mut tracker = Tracker::new(Limits::default());
        let mut casts = Vec::new();
        let mut sink = |event: Event<'_>| {
            let Event::Exchange(exchange) = event else { panic!("{event:?}") };
            casts.push(exchange.cast);
        };
        let answer = arp(2, [2, 0, 0, 0, 0, 3]);
        let frames = requests.iter().map(|to| arp(1, *to)).chain([answer]);
        for (number, frame) in (1..).zip(frames) {
            let at = Timestamp::from_nanos(1_000_000_000_000 + number * 1000);
            tracker.observe(&decode(&ethernet(&frame, number, at)), &mut sink);
        }
        assert_eq!(casts, [cast], "{requests:?}");
    }
}

#[cfg(test)]
#[path = "measured_tests.rs"]
mod measured;
