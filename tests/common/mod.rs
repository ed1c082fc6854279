//! What several tests need: the sample captures, the program, and the stages wired to two buffers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
#![allow(dead_code, reason = "each test is a program of its own and uses a part of this")]

pub mod golden;
pub mod terminal;

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Error, LinkType, NameBlock, Next, Source};
use bridgetap::decode;
use bridgetap::decode::message::Endpoint;
use bridgetap::docker;
use bridgetap::explain::Explainer;
use bridgetap::join::{self, HOLD, Joiner, Knowledge, Proxied, Service, Transport};
use bridgetap::name::Namer;
use bridgetap::render::{JsonWriter, LadderWriter, Layout, Summary, TextWriter};
use bridgetap::time::Timestamp;
use bridgetap::track::event::{Event, Place};
use bridgetap::track::{Limits, Sink, Tracker, packet_line};

/// The folder of this package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sample captures, in the order of their names.
pub fn captures() -> Vec<PathBuf> {
    let files = std::fs::read_dir(root().join("captures")).expect("the folder captures is there");
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "pcapng"));
    files.sort();
    assert!(files.len() >= 6, "only {} sample captures", files.len());
    files
}

/// The sample capture of that name.
pub fn capture(name: &str) -> PathBuf {
    root().join("captures").join(name).with_extension("pcapng")
}

/// A file's name without folder and extension.
pub fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

/// The packets of each interface of a capture, as a pcap file in nanoseconds. tcpdump reads no file whose interfaces differ
/// in what their packets begin with; and what two interfaces show is one conversation to other tools.
pub fn interfaces(file: &Path) -> Vec<(LinkType, Vec<u8>)> {
    let mut pcaps = BTreeMap::new();
    let mut source = FileSource::open(file, 0).unwrap();
    loop {
        match source.next().unwrap() {
            Next::Frame(frame, _) => {
                let (_, pcap) = pcaps.entry(frame.tap).or_insert_with(|| (frame.link, pcap_header(frame.link)));
                pcap.extend(pcap_packet(frame.at, frame.wire_len, frame.bytes));
            }
            Next::End => return pcaps.into_values().collect(),
            _ => {}
        }
    }
}

/// The header of a pcap file in nanoseconds.
pub fn pcap_header(link: LinkType) -> Vec<u8> {
    let [magic, version, snap, link] = [0xa1b2_3c4d, 2 | 4 << 16, 0xffff, u32::from(link.0)].map(u32::to_le_bytes);
    [&magic[..], &version, &[0; 8], &snap, &link].concat()
}

/// A packet of a pcap file in nanoseconds.
pub fn pcap_packet(at: Timestamp, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
    let (seconds, nanos) = (at.as_nanos() / 1_000_000_000, at.as_nanos() % 1_000_000_000);
    let fields = [seconds as u32, nanos as u32, bytes.len() as u32, wire_len].map(u32::to_le_bytes);
    [&fields.concat()[..], bytes].concat()
}

/// The program, with an environment that is the same everywhere.
pub fn bridgetap() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridgetap"));
    command.env("TZ", "UTC").env("TERM", "xterm-256color");
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
    command
}

/// Says something to whoever runs the tests, of tests that pass too: the test runner holds back what macros print.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Numbers that look random and are the same each time: splitmix64.
pub struct Numbers(pub u64);

impl Numbers {
    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

/// What the library makes of a capture.
pub struct Told {
    /// The log.
    pub text: Vec<u8>,
    /// The log of its packets.
    pub packets: Vec<u8>,
    /// Both as ladders, one after the other.
    pub ladders: Vec<u8>,
    /// The log as JSON.
    pub json: Vec<u8>,
    /// Packets read.
    pub count: u64,
    /// Why reading ended, if not at the end.
    pub error: Option<Error>,
}

/// A world of which nothing is known.
pub struct Nothing;

impl Knowledge for Nothing {
    fn is_aside(&self, _: &join::Told<'_>) -> bool {
        false
    }

    fn service_from_host(&self, _: Transport, _: (Endpoint, Endpoint), _: Place, _: Timestamp) -> Option<Service> {
        None
    }
    fn service_at_host(&self, _: Transport, _: Endpoint, _: Place) -> Option<Service> {
        None
    }
    fn asks_for(&self, _: Place, _: Place, _: IpAddr, _: Timestamp) -> bool {
        true
    }
    fn original(&self, _: Transport, _: (Endpoint, Endpoint), _: Timestamp) -> Option<(Endpoint, Endpoint)> {
        None
    }
    fn proxied(&self, _: Transport, _: (Endpoint, Endpoint)) -> Option<Proxied> {
        None
    }
    fn is_network(&self, _: Place) -> bool {
        false
    }
}

struct Wires {
    joiner: Joiner,
    namer: Namer,
    summary: Summary,
    text: TextWriter<Vec<u8>>,
    packets: TextWriter<Vec<u8>>,
    ladder: LadderWriter<Vec<u8>>,
    packets_ladder: LadderWriter<Vec<u8>>,
    json: JsonWriter<Vec<u8>>,
    explainer: Explainer,
}

impl Wires {
    fn names(&mut self, block: &NameBlock) {
        self.namer.add_file_names(block);
        if let Ok(snapshot) = docker::read_snapshot(&block.comment) {
            let directory = snapshot.apply(self.namer.directory(block.tap).map(Arc::as_ref));
            self.namer.set_directory(block.tap, Arc::new(directory));
        }
    }
}

impl Sink for Wires {
    fn event(&mut self, event: Event<'_>) {
        self.summary.add(&event);
        self.namer.learn(&event);
        if matches!(event, Event::Packet(_)) {
            let told = join::Told::alone(event);
            self.packets_ladder.event(&told, &self.namer).unwrap();
            self.packets.event(&told, &self.namer).unwrap();
            for topic in self.explainer.explain(&told, &self.namer) {
                self.packets.explanation(topic).unwrap();
            }
            return;
        }
        self.joiner.push(Box::new(event.clone().into_owned()), &Nothing);
        while self.joiner.pop(event.known_at(), &Nothing).is_some() {}
        let told = join::Told::alone(event);
        self.text.event(&told, &self.namer).unwrap();
        self.ladder.event(&told, &self.namer).unwrap();
        self.json.event(&told, &self.namer).unwrap();
        for topic in self.explainer.explain(&told, &self.namer) {
            self.text.explanation(topic).unwrap();
        }
    }
}

/// Reads bytes as a capture file and tells it in every form.
pub fn tell(bytes: Vec<u8>, layout: Layout) -> Told {
    let mut wires = Wires {
        joiner: Joiner::new(HOLD),
        namer: Namer::new(false),
        summary: Summary::default(),
        text: TextWriter::new(Vec::new(), layout),
        packets: TextWriter::new(Vec::new(), layout),
        ladder: LadderWriter::new(Vec::new(), layout, None),
        packets_ladder: LadderWriter::new(Vec::new(), layout, None),
        json: JsonWriter::new(Vec::new()),
        explainer: Explainer::default(),
    };
    let mut told =
        Told { text: Vec::new(), packets: Vec::new(), ladders: Vec::new(), json: Vec::new(), count: 0, error: None };
    // Measurements go the same way, and are no lines.
    let mut tracker = Tracker::new(Limits { measures: true, ..Limits::default() });
    let mut words = String::new();
    match FileSource::from_reader(Box::new(Cursor::new(bytes)), "capture", 0) {
        Err(error) => told.error = Some(error),
        Ok(mut source) => loop {
            match source.next() {
                Ok(Next::Frame(frame, tap)) => {
                    wires.namer.set_tap(frame.tap, tap.clone());
                    told.count += 1;
                    if decode::supports(frame.link) {
                        let packet = decode::decode(&frame);
                        wires.event(packet_line(&packet, &mut words));
                        tracker.observe(&packet, &mut wires);
                    }
                }
                Ok(Next::Names(block)) => wires.names(&block),
                Ok(Next::Idle(now)) => tracker.tick(now, &mut wires),
                Ok(Next::End) => break,
                Err(error) => {
                    told.error = Some(error);
                    break;
                }
            }
        },
    }
    tracker.finish(&mut wires);
    let totals = bridgetap::render::summary::Totals { counters: tracker.counters().clone(), ..Default::default() };
    wires.summary.write_text(&totals, wires.text.out()).unwrap();
    wires.json.object(&wires.summary.to_json(&totals)).unwrap();
    told.text.append(wires.text.out());
    told.packets.append(wires.packets.out());
    told.ladders.append(wires.ladder.out());
    told.ladders.append(wires.packets_ladder.out());
    told.json.append(wires.json.out());
    told
}
