//! Segments in disorder, the same each time.

use bridgetap::time::Timestamp;

use super::Numbers;

/// The frames of 500 connections, one after the other, with their times.
pub fn disorder() -> Vec<(Timestamp, Vec<u8>)> {
    let (mut numbers, mut frames) = (Numbers(5), Vec::new());
    for port in 40_000..40_500 {
        connection(&mut numbers, port, &mut frames);
    }
    frames
}

/// A segment between two ports, at that microsecond.
fn segment(back: bool, port: u16, (sequence, acknowledgement): (u32, u32), flags: &str, length: usize) -> Vec<u8> {
    let (client, server) = (([10, 0, 0, 1], port), ([10, 0, 0, 2], 80));
    let (from, to) = if back { (server, client) } else { (client, server) };
    let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
        .ipv4(from.0, to.0, 64)
        .tcp(from.1, to.1, sequence, 1000);
    let builder = if flags.contains('S') { builder.syn() } else { builder };
    let builder = if flags.contains('F') { builder.fin() } else { builder };
    let builder = if flags.contains('.') { builder.ack(acknowledgement) } else { builder };
    let mut bytes = Vec::new();
    builder.write(&mut bytes, &vec![b'x'; length]).unwrap();
    bytes
}

/// One connection of a sender that forgets what it has sent: segments again, cut elsewhere, out of order, keep-alives, and
/// acknowledgements of all, of a part, twice, and of what was not sent.
fn connection(numbers: &mut Numbers, port: u16, frames: &mut Vec<(Timestamp, Vec<u8>)>) {
    let start = if numbers.below(2) == 0 { u32::MAX - 300 } else { numbers.below(1 << 30) as u32 };
    // What each side has sent, from the number after its SYN on.
    let first = [start, numbers.below(1 << 30) as u32];
    let mut sent = [0_u32, 0];
    let put = |frames: &mut Vec<(Timestamp, Vec<u8>)>, bytes: Vec<u8>, micros: usize| {
        let before = frames.last().map_or(Timestamp::from_nanos(1_000_000_000_000), |(at, _)| *at);
        frames.push((Timestamp::from_nanos(before.as_nanos() + micros as u64 * 1000), bytes));
    };
    let syn = [first[0].wrapping_sub(1), first[1].wrapping_sub(1)];
    for _ in 0..=numbers.below(2) {
        put(frames, segment(false, port, (syn[0], 0), "S", 0), 7);
    }
    put(frames, segment(true, port, (syn[1], first[0]), "S.", 0), 20);
    for _ in 0..40 {
        let side = numbers.below(2);
        let mut from = match numbers.below(8) {
            // Again, from somewhere before.
            0 => sent[side].saturating_sub(numbers.below(30) as u32),
            // A segment is missing.
            1 => sent[side] + numbers.below(20) as u32,
            _ => sent[side],
        };
        let length = match numbers.below(4) {
            0 => 0,
            1 => 10,
            _ => numbers.below(25),
        };
        if numbers.below(12) == 0 {
            from = sent[side].wrapping_sub(1);
        }
        let other = sent[1 - side];
        let heard = match numbers.below(5) {
            0 => other.saturating_sub(numbers.below(20) as u32),
            1 => other.saturating_sub(10),
            _ => other,
        };
        let flags = if numbers.below(40) == 0 { "F." } else { "." };
        let ends = (first[side].wrapping_add(from), first[1 - side].wrapping_add(heard));
        put(frames, segment(side == 1, port, ends, flags, length), 1 + numbers.below(5000));
        if from != u32::MAX {
            sent[side] = sent[side].max(from + length as u32);
        }
    }
}
