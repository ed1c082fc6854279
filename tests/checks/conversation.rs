//! The tracker, joining and all that is written of it, on sequences of packets that belong together: the bytes choose
//! among few hosts, ports and kinds, so that answers meet their questions and segments their connections.

use std::cell::RefCell;
use std::rc::Rc;

use bridgetap::capture::{Frame, LinkType, Tap, TapId};
use bridgetap::decode::{self, Network, Transport};
use bridgetap::render::Layout;
use bridgetap::time::Timestamp;
use bridgetap::track::Limits;
use bridgetap::track::event::{Connection, Event, Exchange, Missing, Outcome, Stage};

use super::bytes::Bytes;
use super::output::assert_told;
use super::packets::{Built, next};
use super::telling::{Teller, Told};

/// More packets are no further test, and take long.
const MOST: usize = 200;
/// So many events at most come of a packet: a connection and what waited, its measurements, a line, and what went at the
/// caps.
const EVENTS_EACH: usize = 12;

/// What the log must agree with.
#[derive(Debug, Default)]
struct Sums {
    events: usize,
    /// Segments and bytes of connections that are told to be over.
    segments: u64,
    bytes: u64,
}

/// A sequence of packets. The first byte chooses limits and layout.
pub fn conversation(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let choice = bytes.u8();
    let limits = match choice & 3 {
        0 => Limits { measures: true, ..Limits::default() },
        1 => Limits { flows: 3, pending: 2, streams: 1, measures: true, segments: 4, ..Limits::default() },
        2 => Limits { flows: 1, pending: 1, streams: 1, nodes: 1, ..Limits::default() },
        _ => Limits::default(),
    };
    let layout = Layout {
        width: (choice & 4 != 0).then_some(80),
        color: choice & 8 != 0,
        quiet: choice & 16 != 0,
        link_level: choice & 32 != 0,
        hops: choice & 64 != 0,
    };
    let mut packets = Vec::new();
    while !bytes.is_empty() && packets.len() < MOST {
        let built = next(&mut bytes, &packets);
        packets.push(built);
    }
    let told = tell(&packets, layout, limits);
    assert_told(&told, layout, packets.iter().map(|built| built.bytes.len()).sum(), "a conversation");
    if choice & 0x80 == 0 {
        let again = tell(&packets, layout, limits);
        assert_eq!((told.text, told.joined), (again.text, again.joined), "the same packets are told the same");
    }
}

fn tell(packets: &[Built], layout: Layout, limits: Limits) -> Told {
    let sums = Rc::new(RefCell::new(Sums::default()));
    let watching = Rc::clone(&sums);
    let mut teller = Teller::new(layout, limits).watch(move |event| watching.borrow_mut().event(event));
    let (mut segments, mut bytes, mut wire) = (0, 0, 0);
    for (number, built) in (1..).zip(packets) {
        let tap = Tap {
            interface: format!("br-{}", built.tap),
            network: (built.tap > 0).then(|| format!("network {}", built.tap)),
            namespace: (built.tap == 2).then(|| "web".to_owned()),
            link: LinkType::ETHERNET,
            aside: None,
        };
        let frame = Frame {
            number,
            at: Timestamp::from_nanos(built.at),
            wire_len: built.wire_len(),
            bytes: &built.bytes,
            link: tap.link,
            tap: TapId(built.tap),
        };
        if let Network::Ip(ip) = decode::decode(&frame).network
            && let Transport::Tcp(tcp) = ip.transport
        {
            (segments, bytes) = (segments + 1, bytes + tcp.payload_len as u64);
        }
        wire += u64::from(frame.wire_len);
        teller.frame(&frame, &tap);
    }
    let (told, totals) = teller.finish();
    let sums = sums.borrow();
    assert_eq!((totals.counters.packets, totals.counters.bytes), (packets.len() as u64, wire));
    assert!(sums.events <= packets.len() * EVENTS_EACH + 16, "{} events of {} packets", sums.events, packets.len());
    assert!(sums.segments <= segments, "{} segments are told of {segments}", sums.segments);
    assert!(sums.bytes <= bytes, "{} bytes of segments are told of {bytes}", sums.bytes);
    told
}

impl Sums {
    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        match event {
            Event::Exchange(exchange) => assert_exchange(exchange),
            Event::Connection(connection) => {
                assert_connection(connection);
                // Who was given up on may still answer; then all of it is told once more.
                let goes_on = matches!(
                    connection.stage,
                    Stage::Opened | Stage::Unanswered(Missing::TimedOut) | Stage::HalfOpen(Missing::TimedOut)
                );
                if !goes_on {
                    self.segments += connection.there.packets + connection.back.packets;
                    self.bytes += connection.there.bytes + connection.back.bytes;
                }
            }
            _ => {}
        }
    }
}

fn assert_exchange(exchange: &Exchange<'_>) {
    let is_answered = matches!(exchange.outcome, Outcome::Answered);
    assert!(!is_answered || exchange.reply.is_some(), "an answer is a packet: {exchange:?}");
    let is_missing = matches!(exchange.outcome, Outcome::Unanswered(_));
    assert!(!is_missing || exchange.reply.is_none(), "no answer is no packet: {exchange:?}");
    assert!(exchange.tries >= 1, "{exchange:?}");
    if let Some(reply) = exchange.reply {
        assert!(reply.number > exchange.request.number, "an answer comes after its question: {exchange:?}");
    }
}

fn assert_connection(connection: &Connection) {
    let Connection { first, last, handshake, .. } = connection;
    assert!(first.number <= last.number, "{connection:?}");
    let packets = [handshake.syn, handshake.syn_ack, handshake.ack];
    let numbers: Vec<_> = packets.into_iter().flatten().map(|seen| seen.number).collect();
    assert!(numbers.is_sorted(), "a handshake is in order: {connection:?}");
    for direction in [&connection.there, &connection.back] {
        let counted = [direction.retransmissions, direction.out_of_order, direction.zero_windows, direction.resets];
        assert!(counted.iter().all(|&count| u64::from(count) <= direction.packets), "{connection:?}");
    }
}
