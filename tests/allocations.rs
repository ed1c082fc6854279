//! Decoding and tracking allocate nothing for a packet once the tables have the size that the traffic needs.
//!
//! The promise holds for packets whose messages lie whole in one segment. DNS over TCP is the exception: each such
//! connection gets buffers of its own when it begins (`track/stream.rs`), of which there are at most
//! `Limits::streams`. No sample capture holds any.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
#![expect(unsafe_code, reason = "a global allocator that counts cannot be written without")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::time::Duration;

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Frame, LinkType, Next, Source, TapId};
use bridgetap::decode;
use bridgetap::time::Timestamp;
use bridgetap::track::event::Event;
use bridgetap::track::{Limits, Tracker, packet_line};
use common::captures;

thread_local! {
    /// Of this thread only: the test runner has others.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Clone)]
struct Owned {
    at: Timestamp,
    wire_len: u32,
    bytes: Vec<u8>,
    link: LinkType,
    tap: TapId,
}

/// The frames of all sample captures, each capture's taps apart from the others'.
fn frames() -> Vec<Owned> {
    let mut frames = Vec::new();
    for (number, path) in captures().iter().enumerate() {
        let file = File::open(path).unwrap();
        let mut source = FileSource::from_reader(Box::new(file), "capture", number as u32 * 100).unwrap();
        loop {
            match source.next().unwrap() {
                Next::Frame(frame, _) => frames.push(Owned {
                    at: frame.at,
                    wire_len: frame.wire_len,
                    bytes: frame.bytes.to_vec(),
                    link: frame.link,
                    tap: frame.tap,
                }),
                Next::End => break,
                _ => {}
            }
        }
    }
    frames.sort_by_key(|frame| frame.at);
    frames
}

/// Where a frame holds the numbers that another connection, lookup or ping would have others of: the ports of a client
/// and the ids of DNS and ICMP. Ethernet and IPv4 only, as the sample captures are.
fn numbers(frame: &[u8]) -> Vec<usize> {
    if frame.get(12..14) != Some(&[8, 0][..]) {
        return Vec::new();
    }
    let transport = 14 + usize::from(frame[14] & 15) * 4;
    let port = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    match frame[23] {
        1 => vec![transport + 4],
        6 => [transport, transport + 2].into_iter().filter(|&at| port(at) >= 32_768).collect(),
        17 => vec![if port(transport) >= 32_768 { transport } else { transport + 2 }, transport + 8],
        _ => Vec::new(),
    }
}

/// The frames in VXLAN between two nodes, as the wire of a swarm shows them.
fn in_tunnels(frames: &mut [Owned]) {
    for frame in frames.iter_mut().filter(|frame| frame.link == LinkType::ETHERNET) {
        let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .ipv4([10, 88, 0, 1], [10, 88, 0, 2], 64)
            .udp(50_000, 4789);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, &[&[8, 0, 0, 0, 0, 16, 1, 0][..], &frame.bytes].concat()).unwrap();
        frame.wire_len = bytes.len() as u32;
        frame.bytes = bytes;
    }
}

/// Plays the captures again and again, each time `gap` after the time before and as other connections; how many events
/// there were and how many allocations the last rounds made.
fn play(limits: Limits, gap: Duration, packets_too: bool) -> (u64, u64) {
    play_frames(frames(), 0, limits, gap, packets_too)
}

/// The same for these frames, which begin `offset` bytes after a header around them.
fn play_frames(mut frames: Vec<Owned>, offset: usize, limits: Limits, gap: Duration, packets_too: bool) -> (u64, u64) {
    const ROUNDS: u64 = 400;
    const COUNTED: u64 = 100;
    let inner = |frame: &Owned| numbers(&frame.bytes[offset..]).into_iter().map(|at| at + offset).collect();
    let places: Vec<Vec<usize>> = frames.iter().map(inner).collect();
    let (first, last) = (frames.first().unwrap().at, frames.last().unwrap().at);
    let round = (last - first) + gap;
    let (mut tracker, mut events, mut words) = (Tracker::new(limits), 0_u64, String::new());
    let mut allocated = 0;
    for number in 0..ROUNDS {
        for (frame, places) in frames.iter_mut().zip(&places) {
            frame.at = frame.at + round;
            for &at in places {
                let value = u16::from_be_bytes([frame.bytes[at], frame.bytes[at + 1]]);
                // Ports stay those of clients.
                let next = if value >= 32_768 { value.wrapping_add(1) | 0x8000 } else { value.wrapping_add(1) };
                frame.bytes[at..at + 2].copy_from_slice(&next.to_be_bytes());
            }
        }
        let before = ALLOCATIONS.get();
        for (number, frame) in (1..).zip(&frames) {
            let Owned { at, wire_len, ref bytes, link, tap } = *frame;
            let packet = decode::decode(&Frame { number, at, wire_len, bytes, link, tap });
            if packets_too {
                events += u64::from(matches!(packet_line(&packet, &mut words), Event::Packet(_)));
            }
            tracker.observe(&packet, &mut |event: Event<'_>| events += u64::from(!matches!(event, Event::Packet(_))));
        }
        if number >= ROUNDS - COUNTED {
            allocated += ALLOCATIONS.get() - before;
        }
    }
    assert!(events > ROUNDS * 20, "only {events} events: the traffic was not followed");
    (events, allocated)
}

/// Few enough connections that the table is full of those that never end before the rounds that are counted: until then
/// each of them takes memory.
fn steady() -> Limits {
    Limits { flows: 256, ..Limits::default() }
}

#[test]
fn the_allocator_counts() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(vec![1_u8; 100]));
    assert_eq!(ALLOCATIONS.get() - before, 1);
}

#[test]
fn what_expires_leaves_its_place_to_the_next() {
    let (_, allocated) = play(steady(), Duration::from_secs(60), false);
    assert_eq!(allocated, 0);
}

#[test]
fn the_same_connections_again_and_again() {
    let (_, allocated) = play(steady(), Duration::from_millis(1), false);
    assert_eq!(allocated, 0);
}

#[test]
fn full_tables_give_the_oldest_place_away() {
    let limits = Limits { flows: 8, pending: 8, ..Limits::default() };
    let (_, allocated) = play(limits, Duration::from_millis(1), false);
    assert_eq!(allocated, 0);
}

#[test]
fn measuring_takes_no_more() {
    for segments in [Limits::default().segments, 3] {
        let limits = Limits { measures: true, segments, ..steady() };
        let (events, allocated) = play(limits, Duration::from_secs(60), false);
        let (without, _) = play(steady(), Duration::from_secs(60), false);
        assert_eq!(allocated, 0, "room for {segments} segments");
        assert!(events > without * 2, "{events} events, {without} without measurements");
    }
    let limits = Limits { measures: true, flows: 8, ..Limits::default() };
    assert_eq!(play(limits, Duration::from_millis(1), false).1, 0, "the oldest goes");
}

#[test]
fn packets_in_tunnels_take_no_more() {
    let mut frames = frames();
    frames.retain(|frame| frame.link == LinkType::ETHERNET);
    in_tunnels(&mut frames);
    // Room for fewer interfaces than there are: their nodes are forgotten and learned again, too.
    for nodes in [Limits::default().nodes, 3] {
        let limits = Limits { nodes, ..steady() };
        let (_, allocated) = play_frames(frames.clone(), 14 + 20 + 8 + 8, limits, Duration::from_secs(60), true);
        assert_eq!(allocated, 0, "room for {nodes} nodes");
    }
}

#[test]
fn the_words_of_single_packets_are_written_into_one_buffer() {
    let (_, allocated) = play(steady(), Duration::from_secs(60), true);
    assert_eq!(allocated, 0);
}
