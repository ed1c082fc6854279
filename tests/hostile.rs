//! Captures that lie: cut anywhere, any bit turned, names that try to write to the terminal. Nothing may panic, run
//! long, or come out unescaped.
//!
//! A seeded sample of the cuts and bits of the larger captures, told in every form; `every_byte.rs` has every one of them
//! for the readers and the decoders. `BRIDGETAP_HOSTILE=100000` takes as many here too, and `all` every one of every
//! capture: hours without `--release`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bridgetap::render::Layout;
use common::{Numbers, Told, assert_told, capture, captures, stem, tell};

/// As many cuts and as many bits are tried, the same number of each capture, spread over the whole of it. More captures
/// are no longer test.
const SAMPLE: usize = 2800;
/// As many captures with several bits turned, and as many with their blocks in another order.
const TURNED: usize = 1400;
const SHUFFLED: usize = 280;
/// No reading of a file of these sizes takes longer, on a slow machine without optimisation.
const LONGEST: Duration = Duration::from_secs(5);

const NARROW: Layout = Layout { width: Some(80), color: true, quiet: false, link_level: true, hops: true };

/// What is due to each capture of so many tries.
fn share(of: usize) -> usize {
    of.div_ceil(captures().len())
}

/// All numbers below `end`, or a sample of them that is the same each time.
fn sample(end: usize, seed: u64) -> Vec<usize> {
    let sample = match std::env::var("BRIDGETAP_HOSTILE").as_deref() {
        Ok("all") => end,
        Ok(number) => share(number.parse().expect("BRIDGETAP_HOSTILE is a number or all")),
        Err(_) => share(SAMPLE),
    };
    if end <= sample {
        return (0..end).collect();
    }
    let mut numbers = Numbers(seed);
    (0..sample).map(|part| (end * part / sample) + numbers.below((end / sample).max(1))).collect()
}

/// Tells it, and checks what holds for whatever is told.
#[expect(clippy::disallowed_methods, reason = "the test measures how long the program takes")]
fn checked(bytes: &[u8], layout: Layout, what: &str) -> Told {
    let start = Instant::now();
    let told = tell(bytes.to_vec(), layout);
    assert!(start.elapsed() < LONGEST, "{what}: {:?}", start.elapsed());
    assert_told(&told, layout, bytes.len(), what);
    told
}

/// Does it for each capture, on as many threads as run at the same time: with more, each would take long.
fn for_each_capture(test: impl Fn(&str, Vec<u8>) + Sync) {
    let (files, next) = (captures(), AtomicUsize::new(0));
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            test(stem(file), std::fs::read(file).unwrap());
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
}

#[test]
fn every_cut_is_survived() {
    for_each_capture(|name, bytes| {
        let whole = checked(&bytes, Layout::default(), name);
        assert!(whole.error.is_none(), "{name}: {:?}", whole.error);
        for length in sample(bytes.len(), 1) {
            let what = format!("{name} cut to {length} bytes");
            let told = checked(&bytes[..length], Layout::default(), &what);
            assert!(told.count <= whole.count, "{what}");
        }
    });
}

#[test]
fn every_turned_bit_is_survived() {
    for_each_capture(|name, mut bytes| {
        for bit in sample(bytes.len() * 8, 2) {
            bytes[bit / 8] ^= 1 << (bit % 8);
            checked(&bytes, NARROW, &format!("{name} with bit {bit} turned"));
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    });
}

#[test]
fn many_turned_bits_are_survived() {
    for_each_capture(|name, bytes| {
        let mut numbers = Numbers(3);
        for round in 0..share(TURNED) {
            let mut bytes = bytes.clone();
            for _ in 0..=round / 4 {
                // Behind the section's header, without which it is no capture at all.
                let at = 28 + numbers.below(bytes.len() - 28);
                bytes[at] = numbers.below(256) as u8;
            }
            checked(&bytes, Layout::default(), &format!("{name}, round {round}"));
        }
    });
}

#[test]
fn blocks_in_any_order_are_survived() {
    for_each_capture(|name, bytes| {
        let mut blocks: Vec<&[u8]> = Vec::new();
        let mut rest = &bytes[..];
        while rest.len() >= 12 {
            let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
            let (block, after) = rest.split_at(length);
            blocks.push(block);
            rest = after;
        }
        let mut numbers = Numbers(4);
        for round in 0..share(SHUFFLED) {
            for at in (2..blocks.len()).rev() {
                blocks.swap(at, 1 + numbers.below(at));
            }
            checked(&blocks.concat(), Layout::default(), &format!("{name} shuffled, round {round}"));
        }
    });
}

/// What tries to clear the screen, break the line, turn the text, end a JSON string, or hide.
const HOSTILE: &str = "\x1b[2J\x07\r\n\"},\\\u{202e}\u{2066}\u{200b}\u{2028}\u{9b}x";

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().wrapping_neg() % 4;
    let length = (12 + body.len() + padding) as u32;
    let mut block = [&kind.to_le_bytes()[..], &length.to_le_bytes(), body, &[0; 4][..padding]].concat();
    block.extend(length.to_le_bytes());
    block
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let padding = value.len().wrapping_neg() % 4;
    [&code.to_le_bytes()[..], &(value.len() as u16).to_le_bytes(), value, &[0; 4][..padding]].concat()
}

/// A capture whose interface, network, names and Directory are hostile, with these packets.
fn hostile_capture(directory: Option<&str>, packets: &[Vec<u8>]) -> Vec<u8> {
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &1_u16.to_le_bytes(), &0_u16.to_le_bytes(), &[0xff; 8]].concat();
    let comment = format!("network {HOSTILE}");
    let options = [option(1, comment.as_bytes()), option(2, HOSTILE.as_bytes()), vec![0; 4]].concat();
    let interface = [&1_u16.to_le_bytes()[..], &[0; 2], &0_u32.to_le_bytes(), &options].concat();
    let mut names = Vec::new();
    for last in [2, 3] {
        let record = [&[10, 0, 0, last][..], HOSTILE.as_bytes(), &[0]].concat();
        names.extend(option(1, &record));
    }
    names.extend([0; 4]);
    if let Some(directory) = directory {
        names.extend([option(1, directory.as_bytes()), vec![0; 4]].concat());
    }
    let mut bytes = [block(0x0a0d_0d0a, &section), block(1, &interface), block(4, &names)].concat();
    for (number, packet) in (1_u32..).zip(packets) {
        let length = (packet.len() as u32).to_le_bytes();
        let time = [0_u32.to_le_bytes(), (number * 1000).to_le_bytes()].concat();
        bytes.extend(block(6, &[&0_u32.to_le_bytes()[..], &time, &length, &length, packet].concat()));
    }
    bytes
}

fn udp(ports: (u16, u16), payload: &[u8], turned: bool) -> Vec<u8> {
    let ends = if turned { ([10, 0, 0, 3], [10, 0, 0, 2]) } else { ([10, 0, 0, 2], [10, 0, 0, 3]) };
    let builder = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(ends.0, ends.1, 64).udp(ports.0, ports.1);
    let mut bytes = Vec::new();
    builder.write(&mut bytes, payload).unwrap();
    bytes
}

/// A lookup of a hostile name, its answer with hostile names and text, and a ping.
fn hostile_packets() -> Vec<Vec<u8>> {
    let mut name = vec![HOSTILE.len() as u8];
    name.extend(HOSTILE.as_bytes());
    name.push(0);
    let question = [&name[..], &[0, 16, 0, 1]].concat();
    let query = [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &question].concat();
    let mut answer = [&[0, 7, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0][..], &question].concat();
    // A TXT record and a CNAME.
    let text = [&[HOSTILE.len() as u8][..], HOSTILE.as_bytes()].concat();
    answer.extend([&[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 1, 0, text.len() as u8][..], &text].concat());
    answer.extend([&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 1, 0, name.len() as u8][..], &name].concat());
    let mut ping = Vec::new();
    let builder = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 2], [10, 0, 0, 3], 64);
    builder.icmpv4_echo_request(1, 1).write(&mut ping, HOSTILE.as_bytes()).unwrap();
    vec![udp((40_000, 53), &query, false), udp((53, 40_000), &answer, true), ping]
}

#[test]
fn hostile_names_are_shown_and_do_nothing() {
    let bytes = hostile_capture(None, &hostile_packets());
    for layout in [Layout::default(), NARROW] {
        let told = checked(&bytes, layout, "hostile names");
        assert!(told.error.is_none() && told.count == 3, "{:?}", told.error);
        let text = String::from_utf8(told.text).unwrap();
        assert!(text.contains("\\u{1b}[2J") && text.contains("\\u{202e}"), "the name is shown: {text}");
        assert!(text.contains("PING") && text.contains("DNS"), "{text}");
    }
    let told = checked(&bytes, Layout::default(), "hostile names");
    let lines = String::from_utf8(told.text).unwrap().lines().filter(|line| line.contains("→")).count();
    assert_eq!(lines, 2, "a lookup and a ping");
    let ping = String::from_utf8(told.json).unwrap().lines().find(|line| line.contains("\"ping\"")).unwrap().to_owned();
    let ping: serde_json::Value = serde_json::from_str(&ping).unwrap();
    assert_eq!(ping["client"]["name"], HOSTILE, "JSON has its own escapes, and loses nothing");
    assert_eq!(ping["interface"], HOSTILE);
}

/// The Directory of a sample capture with its texts exchanged for hostile ones.
fn hostile_directory(sample: &str, replaced: &[&str]) -> String {
    let bytes = std::fs::read(capture(sample)).unwrap();
    let start = bytes.windows(22).position(|window| window == b"{\"bridgetap_directory\"").unwrap();
    let mut stream = serde_json::Deserializer::from_slice(&bytes[start..]).into_iter::<serde_json::Value>();
    let mut directory = stream.next().unwrap().unwrap();
    replace(&mut directory, replaced);
    directory.to_string()
}

fn replace(value: &mut serde_json::Value, replaced: &[&str]) {
    match value {
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| replace(value, replaced)),
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    serde_json::Value::String(text) if replaced.contains(&name.as_str()) => HOSTILE.clone_into(text),
                    value => replace(value, replaced),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn hostile_names_of_containers_are_shown_and_do_nothing() {
    let directory = hostile_directory("ping-by-address", &["name", "service", "project"]);
    assert!(directory.contains("\\u001b"), "the Directory has names: {directory}");
    let mut packets = hostile_packets();
    let mut ping = Vec::new();
    let builder = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([172, 17, 0, 2], [172, 17, 0, 3], 64);
    builder.icmpv4_echo_request(1, 1).write(&mut ping, b"x").unwrap();
    packets.push(ping);
    let told = checked(&hostile_capture(Some(&directory), &packets), Layout::default(), "hostile containers");
    assert!(told.error.is_none() && told.count == 4, "{:?}", told.error);
    let text = String::from_utf8(told.text).unwrap();
    assert!(!text.contains("172.17.0.2"), "the container has a name: {text}");
}
