//! How fast the stages of `bridgetap replay` are, each with those before it, on the committed captures.
//!
//! The captures are small: their packets are repeated in memory. That flatters caches and branch prediction, so figures
//! from here compare one version with another, and benches/side-by-side compares programs on a large capture.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot run must fail")]

use std::hint::black_box;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Frame, LinkType, NameBlock, Next, Source, Tap, TapId};
use bridgetap::decode;
use bridgetap::docker;
use bridgetap::join::Told;
use bridgetap::name::Namer;
use bridgetap::render::{JsonWriter, Layout, TextWriter};
use bridgetap::time::Timestamp;
use bridgetap::track::{Event, Limits, Tracker};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const CAPTURES: [&str; 3] = ["ping-by-name.pcapng", "nginx-flask-redis.pcapng", "redis-stop-start.pcapng"];
/// Each capture is played until it gave about as many packets.
const PACKETS: usize = 10_000;

/// A packet of a capture, kept.
struct Kept {
    number: u64,
    at: Timestamp,
    wire_len: u32,
    bytes: Vec<u8>,
    link: LinkType,
    tap: TapId,
}

impl Kept {
    fn frame(&self) -> Frame<'_> {
        let Self { number, at, wire_len, ref bytes, link, tap } = *self;
        Frame { number, at, wire_len, bytes, link, tap }
    }
}

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read(bytes: Vec<u8>, mut on_frame: impl FnMut(&Frame<'_>, &Tap), mut on_names: impl FnMut(&NameBlock)) {
    let reader: Box<dyn Read + Send> = Box::new(Cursor::new(bytes));
    let mut source = FileSource::from_reader(reader, "capture", 0).unwrap();
    loop {
        match source.next().unwrap() {
            Next::Frame(frame, tap) => on_frame(&frame, tap),
            Next::Names(block) => on_names(&block),
            Next::End => return,
            Next::Idle(_) => {}
        }
    }
}

/// Knows the names of a capture's containers, as `bridgetap replay` does.
fn namer(name: &str) -> Namer {
    let (mut taps, mut blocks) = (Vec::new(), Vec::new());
    read(file(name), |frame, tap| taps.push((frame.tap, tap.clone())), |block| blocks.push(block.clone()));
    let mut namer = Namer::new(false);
    for (id, tap) in taps {
        namer.set_tap(id, tap);
    }
    for block in blocks {
        namer.add_file_names(&block);
        let directory = docker::read_snapshot(&block.comment).unwrap().apply(None);
        namer.set_directory(block.tap, Arc::new(directory));
    }
    assert!(namer.directory(TapId(0)).is_some(), "{name} holds no names");
    namer
}

/// The packets of a capture again and again, each time later, so that the tracker sees time go on.
fn repeated(name: &str) -> Vec<Kept> {
    let mut once = Vec::new();
    let keep = |frame: &Frame<'_>, _: &Tap| {
        let Frame { number, at, wire_len, bytes, link, tap } = *frame;
        once.push(Kept { number, at, wire_len, bytes: bytes.to_vec(), link, tap });
    };
    read(file(name), keep, |_| {});
    assert!(!once.is_empty(), "{name} holds no packet");
    let times = once.iter().map(|kept| kept.at);
    let period = times.clone().max().unwrap() - times.min().unwrap() + Duration::from_secs(1);
    let rounds = PACKETS.div_ceil(once.len());
    (0..rounds as u32)
        .flat_map(|round| {
            once.iter().map(move |kept| Kept { at: kept.at + period * round, bytes: kept.bytes.clone(), ..*kept })
        })
        .collect()
}

fn replay(packets: &[Kept], on_event: impl FnMut(Event<'_>)) {
    replay_with(Limits::default(), packets, on_event);
}

fn replay_with(limits: Limits, packets: &[Kept], mut on_event: impl FnMut(Event<'_>)) {
    let mut tracker = Tracker::new(limits);
    for kept in packets {
        tracker.observe(&decode::decode(&kept.frame()), &mut on_event);
    }
    tracker.finish(&mut on_event);
}

fn stages(criterion: &mut Criterion) {
    for name in CAPTURES {
        let packets = repeated(name);
        let mut group = criterion.benchmark_group(name.trim_end_matches(".pcapng"));
        group.throughput(Throughput::Elements(packets.len() as u64));
        group.bench_function("decode", |bencher| {
            bencher.iter(|| packets.iter().for_each(|kept| _ = black_box(decode::decode(&kept.frame()))));
        });
        group.bench_function("decode, track", |bencher| {
            bencher.iter(|| replay(&packets, |event| drop(black_box(event))));
        });
        group.bench_function("decode, track, measure", |bencher| {
            let limits = Limits { measures: true, ..Limits::default() };
            bencher.iter(|| replay_with(limits, &packets, |event| drop(black_box(event))));
        });
        let mut namer = namer(name);
        let mut text = TextWriter::new(std::io::sink(), Layout::default());
        group.bench_function("decode, track, name, text", |bencher| {
            bencher.iter(|| {
                replay(&packets, |event| {
                    namer.learn(&event);
                    text.event(&Told::alone(event), &namer).unwrap();
                });
            });
        });
        let mut json = JsonWriter::new(std::io::sink());
        group.bench_function("decode, track, name, JSON", |bencher| {
            bencher.iter(|| {
                replay(&packets, |event| {
                    namer.learn(&event);
                    json.event(&Told::alone(event), &namer).unwrap();
                });
            });
        });
        group.finish();
    }
}

/// Records of the format alone: what a packet costs before it is looked at.
fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read file");
    for name in CAPTURES {
        // Whole pcapng sections may follow each other.
        let bytes = file(name).repeat(64);
        let mut packets = 0;
        read(bytes.clone(), |_, _| packets += 1, |_| {});
        group.throughput(Throughput::Elements(packets));
        group.bench_with_input(BenchmarkId::from_parameter(name), &bytes, |bencher, bytes| {
            bencher.iter_batched(
                || bytes.clone(),
                |bytes| read(bytes, |frame, _| _ = black_box(*frame), |_| {}),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, stages, reading);
criterion_main!(benches);
