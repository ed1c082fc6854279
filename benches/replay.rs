//! How fast the stages of `bridgetap replay` are, each with those before it, on the committed captures and on large ones.
//!
//! The committed captures are small: their packets are repeated in memory. That flatters caches and branch prediction, so
//! figures of theirs compare one version with another. The large ones are those of benches/side-by-side, in the folder
//! that `BRIDGETAP_BENCH` names; of each, the first packets are kept in memory, and its tables fill.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot run must fail")]
#![expect(clippy::print_stdout, reason = "what was left out is said beside the figures")]

use std::hint::black_box;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Frame, LinkType, NameBlock, Next, Source, Tap, TapId};
use bridgetap::decode;
use bridgetap::docker::{self, Inspection};
use bridgetap::join::Told;
use bridgetap::name::Namer;
use bridgetap::render::{JsonWriter, Layout, TextWriter};
use bridgetap::time::Timestamp;
use bridgetap::track::{Event, Limits, Tracker};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const CAPTURES: [&str; 3] = ["ping-by-name.pcapng", "nginx-flask-redis.pcapng", "redis-stop-start.pcapng"];
/// Each capture is played until it gave about as many packets.
const PACKETS: usize = 10_000;
/// Of each large capture, so many packets are kept.
const MANY_PACKETS: usize = 500_000;

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

fn read(bytes: Vec<u8>, on_frame: impl FnMut(&Frame<'_>, &Tap), on_names: impl FnMut(&NameBlock)) {
    let reader: Box<dyn Read + Send> = Box::new(Cursor::new(bytes));
    read_source(FileSource::from_reader(reader, "capture", 0).unwrap(), on_frame, on_names);
}

fn read_source(
    mut source: FileSource,
    mut on_frame: impl FnMut(&Frame<'_>, &Tap),
    mut on_names: impl FnMut(&NameBlock),
) {
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

/// The large captures that are there.
fn large_captures() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("BRIDGETAP_BENCH").map(PathBuf::from) else {
        println!("Without large captures: BRIDGETAP_BENCH names a folder with those of benches/side-by-side/run.sh");
        return Vec::new();
    };
    let mut found = ["small", "large"].map(|name| folder.join(name).with_extension("pcap")).to_vec();
    found.retain(|path| {
        let is_there = path.exists();
        if !is_there {
            println!("Without {}, which is not there", path.display());
        }
        is_there
    });
    found
}

/// The first packets of a large capture.
fn first_packets(path: &Path) -> Vec<Kept> {
    let mut kept = Vec::new();
    let mut source = FileSource::open(path, 0).unwrap();
    while kept.len() < MANY_PACKETS {
        match source.next().unwrap() {
            Next::Frame(frame, _) => kept.push(keep(&frame)),
            Next::End => break,
            Next::Names(_) | Next::Idle(_) => {}
        }
    }
    kept
}

fn keep(frame: &Frame<'_>) -> Kept {
    let Frame { number, at, wire_len, bytes, link, tap } = *frame;
    Kept { number, at, wire_len, bytes: bytes.to_vec(), link, tap }
}

/// Knows the names of a large capture's containers, which are in a file beside it.
fn given_names(path: &Path) -> Namer {
    let file = format!("{}.inspect.json", path.display());
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut inspection = Inspection::default();
    inspection.add(&text).unwrap_or_else(|what| panic!("{file}: {what}"));
    let mut namer = Namer::new(false);
    namer.set_directory(TapId(0), Arc::new(inspection.directory()));
    namer
}

/// The packets of a capture again and again, each time later, so that the tracker sees time go on.
fn repeated(name: &str) -> Vec<Kept> {
    let mut once = Vec::new();
    read(file(name), |frame, _| once.push(keep(frame)), |_| {});
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

/// Looks up what both ends of an event are called.
fn call(namer: &Namer, event: &Event<'_>) {
    let (ends, place, at) = match event {
        Event::Exchange(exchange) => (&exchange.ends, exchange.place, exchange.known_at),
        Event::Connection(connection) => (&connection.ends, connection.place, connection.known_at),
        Event::Datagrams(datagrams) => (&datagrams.ends, datagrams.place, datagrams.known_at),
        Event::Notice(notice) => (&notice.ends, notice.place, notice.seen.at),
        Event::Packet(_) | Event::Measured(_) => return,
    };
    _ = black_box(namer.parties(ends, place, at));
}

fn stages(criterion: &mut Criterion) {
    for name in CAPTURES {
        let group = criterion.benchmark_group(name.trim_end_matches(".pcapng"));
        stages_of(group, &repeated(name), namer(name));
    }
    for path in large_captures() {
        let mut group = criterion.benchmark_group(path.file_stem().unwrap().to_string_lossy());
        group.sample_size(10);
        stages_of(group, &first_packets(&path), given_names(&path));
    }
}

fn stages_of(mut group: BenchmarkGroup<'_, WallTime>, packets: &[Kept], mut namer: Namer) {
    group.throughput(Throughput::Elements(packets.len() as u64));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| packets.iter().for_each(|kept| _ = black_box(decode::decode(&kept.frame()))));
    });
    group.bench_function("decode, track", |bencher| {
        bencher.iter(|| replay(packets, |event| drop(black_box(event))));
    });
    group.bench_function("decode, track, measure", |bencher| {
        let limits = Limits { measures: true, ..Limits::default() };
        bencher.iter(|| replay_with(limits, packets, |event| drop(black_box(event))));
    });
    group.bench_function("decode, track, name", |bencher| {
        bencher.iter(|| {
            replay(packets, |event| {
                namer.learn(&event);
                call(&namer, &event);
            });
        });
    });
    let mut text = TextWriter::new(std::io::sink(), Layout::default());
    group.bench_function("decode, track, name, text", |bencher| {
        bencher.iter(|| {
            replay(packets, |event| {
                namer.learn(&event);
                text.event(&Told::alone(event), &namer).unwrap();
            });
        });
    });
    let mut json = JsonWriter::new(std::io::sink());
    group.bench_function("decode, track, name, JSON", |bencher| {
        bencher.iter(|| {
            replay(packets, |event| {
                namer.learn(&event);
                json.event(&Told::alone(event), &namer).unwrap();
            });
        });
    });
    group.finish();
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
    for path in large_captures() {
        let count = || {
            let mut packets = 0;
            let on_frame = |frame: &Frame<'_>, _: &Tap| {
                _ = black_box(*frame);
                packets += 1;
            };
            read_source(FileSource::open(&path, 0).unwrap(), on_frame, |_| {});
            packets
        };
        group.sample_size(10).throughput(Throughput::Elements(count()));
        group.bench_function(BenchmarkId::from_parameter(path.file_stem().unwrap().to_string_lossy()), |bencher| {
            bencher.iter(count);
        });
    }
    group.finish();
}

criterion_group!(benches, stages, reading);
criterion_main!(benches);
