//! Fragments that are put together, or are not.

use super::*;
use crate::decode::decode;
use crate::decode::testing::ethernet;

/// A piece of a datagram of UDP from 10.0.0.1 to 10.0.0.2: offset, bytes, and whether more follow.
type Piece = (usize, usize, bool);

/// What all pieces are of: a header of UDP, whose length says 1000, and numbers.
fn datagram() -> Vec<u8> {
    let mut bytes = vec![0x9c, 0x40, 0x23, 0x28, 0x03, 0xe8, 0, 0];
    bytes.extend((8..1000_u32).map(|number| (number % 251) as u8));
    bytes
}

fn frame(id: u16, (offset, length, more): Piece) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    let flags = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
    bytes.extend([0x45, 0]);
    bytes.extend((20 + length as u16).to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(flags.to_be_bytes());
    bytes.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend(datagram().iter().cycle().skip(offset).take(length));
    bytes
}

/// What comes of pieces that come one millisecond after another: payloads that are whole, and the counters.
struct Scene {
    fragments: Fragments,
    counters: Counters,
    now: u64,
}

impl Scene {
    fn new(cap: usize) -> Self {
        Self { fragments: Fragments::new(cap), counters: Counters::default(), now: 1_000_000_000 }
    }

    fn see(&mut self, id: u16, piece: Piece) -> Option<Assembled> {
        self.now += 1_000_000;
        let bytes = frame(id, piece);
        let packet = decode(&ethernet(&bytes, self.now / 1_000_000, Timestamp::from_nanos(self.now)));
        self.fragments.take(&packet, &mut self.counters)
    }

    fn whole(&mut self, pieces: &[Piece]) -> bool {
        let mut whole = None;
        for piece in pieces {
            assert!(whole.is_none(), "before {piece:?}");
            whole = self.see(7, *piece);
        }
        whole.is_some_and(|whole| {
            let packet = whole.packet();
            assert_eq!((packet.number, packet.at.as_nanos()), (self.now / 1_000_000, self.now));
            assert_eq!((payload(&packet), packet.stop), (datagram()[8..].to_vec(), None));
            true
        })
    }

    fn overdue(&mut self, millis: u64) -> Option<Assembled> {
        let mut clock = Clock::default();
        clock.tick(Timestamp::from_nanos(self.now + millis * 1_000_000));
        self.fragments.overdue(clock, &mut self.counters)
    }
}

fn payload(packet: &Packet<'_>) -> Vec<u8> {
    let Network::Ip(Ip { transport: Transport::Udp(udp), .. }) = packet.network else { panic!("{packet:?}") };
    assert_eq!((udp.source_port, udp.destination_port, udp.payload_len), (40_000, 9000, 992));
    udp.payload.to_vec()
}

const PIECES: [Piece; 4] = [(0, 240, true), (240, 240, true), (480, 240, true), (720, 280, false)];

#[test]
fn pieces_are_put_together_in_any_order_and_twice() {
    for a in 0..4 {
        for b in (0..4).filter(|b| *b != a) {
            for c in (0..4).filter(|c| ![a, b].contains(c)) {
                let d = 6 - a - b - c;
                let order = [a, b, c, d].map(|at| PIECES[at]);
                assert!(Scene::new(1).whole(&order), "{order:?}");
                let twice = [order[0], order[1], order[0], order[1], order[2], order[2], order[3]];
                assert!(Scene::new(1).whole(&twice), "{twice:?}");
            }
        }
    }
    // A piece of what came already is passed over as well, and one packet after another of the same id is whole.
    let mut scene = Scene::new(1);
    assert!(scene.whole(&[(0, 480, true), (240, 80, true), (480, 520, false)]));
    assert!(scene.whole(&PIECES) && scene.counters == Counters::default());
}

#[test]
fn what_overlaps_or_contradicts_is_told_by_its_first_piece() {
    let spoilt: [&[Piece]; 7] = [
        &[(0, 240, true), (232, 248, true), (480, 520, false)],
        &[(0, 240, true), (480, 520, false), (232, 256, true), (240, 240, true)],
        &[(720, 280, false), (0, 240, true), (720, 288, true), (240, 480, true)],
        &[(720, 280, false), (0, 240, true), (720, 281, false), (240, 480, true)],
        &[(720, 280, true), (0, 240, true), (240, 240, false), (480, 240, true)],
        &[(0, 241, true), (240, 760, false)],
        &[(65_528, 8, true), (0, 240, true), (240, 760, false)],
    ];
    for pieces in spoilt {
        let mut scene = Scene::new(1);
        assert!(!scene.whole(pieces), "{pieces:?}");
        assert!(scene.overdue(500).is_none());
        let part = scene.overdue(501).unwrap();
        let packet = part.packet();
        let length = if pieces[0].1 == 241 { 241 } else { 240 };
        assert_eq!(payload(&packet), datagram()[8..length], "{pieces:?}");
        assert_eq!((scene.counters.incomplete, scene.overdue(10_000).is_none()), (1, true));
    }
}

#[test]
fn what_is_missing_is_not_waited_for_for_long() {
    let mut scene = Scene::new(4);
    assert!(!scene.whole(&[(0, 240, true), (480, 520, false)]));
    let part = scene.overdue(600).unwrap();
    assert_eq!(payload(&part.packet()), datagram()[8..240]);
    assert_eq!(part.packet().number, 1001, "that of the first piece");
    assert!(matches!(part.packet().network, Network::Ip(ip) if ip.payload_len == 240 + 520));
    // Without a first piece nobody knows what it was.
    assert!(!scene.whole(&[(240, 240, true)]));
    assert!(scene.overdue(600).is_none());
    assert!(!scene.whole(&PIECES[..2]));
    assert!(scene.fragments.rest(&mut scene.counters).is_some() && scene.fragments.rest(&mut scene.counters).is_none());
    assert_eq!(scene.counters.incomplete, 3);
}

#[test]
fn the_oldest_goes_where_there_is_no_room_and_memory_is_bounded() {
    let mut scene = Scene::new(2);
    assert!(scene.see(1, PIECES[0]).is_none() && scene.see(2, PIECES[1]).is_none());
    assert_eq!(payload(&scene.see(3, PIECES[0]).unwrap().packet()), datagram()[8..240]);
    assert!(scene.see(4, PIECES[0]).is_none(), "of the second, the first piece did not come");
    assert_eq!((scene.counters.evicted_fragments, scene.counters.incomplete), (2, 0));
    // Every other eight bytes: too many holes, and no more is kept of it than the first piece.
    let mut scene = Scene::new(2);
    for at in (0..65_000).step_by(16) {
        assert!(scene.see(1, (at, 8, true)).is_none());
        let pieces = scene.fragments.table.oldest(WAITING).map(|slot| scene.fragments.table.get(slot)).unwrap();
        assert!(pieces.runs.len() <= MOST_RUNS && pieces.bytes.capacity() <= 65_536);
    }
    assert!(scene.overdue(600).is_some());
}

#[test]
fn what_was_not_captured_of_a_piece_is_missing_in_the_packet_and_its_length_is_right() {
    let mut fragments = Fragments::new(2);
    let mut whole = None;
    for piece in PIECES {
        let bytes = frame(7, piece);
        let mut frame = ethernet(&bytes, 1, Timestamp::from_nanos(1));
        frame.bytes = if piece.0 == 240 { &bytes[..34 + 100] } else { &bytes };
        frame.wire_len = bytes.len() as u32;
        whole = fragments.take(&decode(&frame), &mut Counters::default());
    }
    let whole = whole.unwrap();
    assert_eq!(payload(&whole.packet()), datagram()[8..340]);
    assert!(matches!(whole.packet().network, Network::Ip(ip) if ip.payload_len == 1000));
}

#[test]
fn an_echo_reply_in_part_is_none() {
    let mut fragments = Fragments::new(8);
    for (kind, is_reply) in [(0, true), (8, false)] {
        let mut bytes = frame(7, (0, 240, true));
        (bytes[23], bytes[34]) = (1, kind);
        let packet = decode(&ethernet(&bytes, 1, Timestamp::from_nanos(1)));
        assert!(fragments.take(&packet, &mut Counters::default()).is_none());
        let part = fragments.rest(&mut Counters::default()).unwrap();
        assert_eq!(part.is_reply_in_part(), is_reply);
    }
}

#[test]
fn the_ends_tell_packets_apart() {
    let mut scene = Scene::new(8);
    assert!(!scene.whole(&PIECES[..2]));
    for piece in &PIECES[2..] {
        let mut other = frame(7, *piece);
        other[29] = 9;
        let packet = decode(&ethernet(&other, 1, Timestamp::from_nanos(1_002_000_000)));
        assert!(scene.fragments.take(&packet, &mut scene.counters).is_none());
    }
    assert!(scene.whole(&PIECES[2..]));
}
