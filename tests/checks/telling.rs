//! The stages wired to buffers: what the library makes of a capture, in every form that the program writes.

use std::io::Cursor;
use std::net::IpAddr;
use std::sync::Arc;

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Error, Frame, NameBlock, Next, Source, Tap};
use bridgetap::decode;
use bridgetap::decode::message::Endpoint;
use bridgetap::docker::{self, Directory};
use bridgetap::explain::Explainer;
use bridgetap::join::{self, HOLD, Joiner, Knowledge, Proxied, Service, Transport};
use bridgetap::name::Namer;
use bridgetap::render::summary::Totals;
use bridgetap::render::{JsonWriter, LadderWriter, Layout, Summary, TextWriter};
use bridgetap::time::Timestamp;
use bridgetap::track::event::{Event, Place};
use bridgetap::track::{Limits, Sink, Tracker, packet_line};

/// What the library makes of a capture.
#[derive(Debug, Default)]
pub struct Told {
    /// The log.
    pub text: Vec<u8>,
    /// The log of its packets.
    pub packets: Vec<u8>,
    /// Both as ladders, one after the other.
    pub ladders: Vec<u8>,
    /// The log as JSON.
    pub json: Vec<u8>,
    /// What joining made of the events, as text with hops.
    pub joined: Vec<u8>,
    /// The same as JSON.
    pub joined_json: Vec<u8>,
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

/// Where the events of a tracker go.
struct Wires {
    joiner: Joiner,
    namer: Namer,
    summary: Summary,
    text: TextWriter<Vec<u8>>,
    packets: TextWriter<Vec<u8>>,
    joined: TextWriter<Vec<u8>>,
    ladder: LadderWriter<Vec<u8>>,
    packets_ladder: LadderWriter<Vec<u8>>,
    json: JsonWriter<Vec<u8>>,
    joined_json: JsonWriter<Vec<u8>>,
    explainer: Explainer,
    /// What is to be looked at in each event beside.
    watch: Box<dyn FnMut(&Event<'_>)>,
}

impl Wires {
    fn names(&mut self, block: &NameBlock) {
        self.namer.add_file_names(block);
        if let Ok(snapshot) = docker::read_snapshot(&block.comment) {
            let directory = snapshot.apply(self.namer.directory(block.tap).map(Arc::as_ref));
            self.namer.set_directory(block.tap, Arc::new(directory));
        }
    }

    fn packet(&mut self, event: Event<'_>) {
        let told = join::Told::alone(event);
        self.packets_ladder.event(&told, &self.namer).unwrap();
        self.packets.event(&told, &self.namer).unwrap();
        for topic in self.explainer.explain(&told, &self.namer) {
            self.packets.explanation(topic).unwrap();
        }
    }

    fn joined(&mut self, told: &join::Told<'_>) {
        self.joined.event(told, &self.namer).unwrap();
        self.joined_json.event(told, &self.namer).unwrap();
    }
}

impl Sink for Wires {
    fn event(&mut self, event: Event<'_>) {
        (self.watch)(&event);
        self.summary.add(&event);
        self.namer.learn(&event);
        if matches!(event, Event::Packet(_)) {
            return self.packet(event);
        }
        self.joiner.push(Box::new(event.clone().into_owned()), &Nothing);
        while let Some(told) = self.joiner.pop(event.known_at(), &Nothing) {
            self.joined(&told);
        }
        let told = join::Told::alone(event);
        self.text.event(&told, &self.namer).unwrap();
        self.ladder.event(&told, &self.namer).unwrap();
        self.json.event(&told, &self.namer).unwrap();
        for topic in self.explainer.explain(&told, &self.namer) {
            self.text.explanation(topic).unwrap();
        }
    }
}

/// Takes packets, and tells them in every form.
pub struct Teller {
    tracker: Tracker,
    wires: Wires,
    words: String,
    count: u64,
}

impl Teller {
    /// Begins with nothing.
    pub fn new(layout: Layout, limits: Limits) -> Self {
        let wires = Wires {
            joiner: Joiner::new(HOLD),
            namer: Namer::new(false),
            summary: Summary::default(),
            text: TextWriter::new(Vec::new(), layout),
            packets: TextWriter::new(Vec::new(), layout),
            joined: TextWriter::new(Vec::new(), Layout { hops: true, ..layout }),
            ladder: LadderWriter::new(Vec::new(), layout, None),
            packets_ladder: LadderWriter::new(Vec::new(), layout, None),
            json: JsonWriter::new(Vec::new()),
            joined_json: JsonWriter::new(Vec::new()),
            explainer: Explainer::default(),
            watch: Box::new(|_| {}),
        };
        Self { tracker: Tracker::new(limits), wires, words: String::new(), count: 0 }
    }

    /// Has each event looked at as well.
    pub fn watch(mut self, watch: impl FnMut(&Event<'_>) + 'static) -> Self {
        self.wires.watch = Box::new(watch);
        self
    }

    /// Knows this Directory from the beginning.
    pub fn with_directory(mut self, directory: Arc<Directory>) -> Self {
        self.wires.namer.set_directory(bridgetap::capture::TapId(0), directory);
        self
    }

    /// Takes a packet.
    pub fn frame(&mut self, frame: &Frame<'_>, tap: &Tap) {
        self.wires.namer.set_tap(frame.tap, tap.clone());
        self.count += 1;
        if decode::supports(frame.link) {
            let packet = decode::decode(frame);
            self.wires.event(packet_line(&packet, &mut self.words));
            self.tracker.observe(&packet, &mut self.wires);
        }
    }

    /// Takes whatever a source has next; false at its end.
    fn next(&mut self, next: Next<'_>) -> bool {
        match next {
            Next::Frame(frame, tap) => self.frame(&frame, tap),
            Next::Names(block) => self.wires.names(&block),
            Next::Idle(now) => self.tick(now),
            Next::End => return false,
        }
        true
    }

    /// It is this late now.
    pub fn tick(&mut self, now: Timestamp) {
        self.tracker.tick(now, &mut self.wires);
    }

    /// The end: what was told, and what the tracker counted.
    pub fn finish(self) -> (Told, Totals) {
        let Self { mut tracker, mut wires, count, .. } = self;
        tracker.finish(&mut wires);
        while let Some(told) = wires.joiner.pop_any(&Nothing) {
            wires.joined(&told);
        }
        assert!(wires.joiner.is_empty(), "what is held at the end is told");
        let totals = Totals { counters: tracker.counters().clone(), ..Totals::default() };
        wires.summary.write_text(&totals, wires.text.out()).unwrap();
        wires.json.object(&wires.summary.to_json(&totals)).unwrap();
        let mut told = Told { count, ..Told::default() };
        told.text.append(wires.text.out());
        told.packets.append(wires.packets.out());
        told.joined.append(wires.joined.out());
        told.ladders.append(wires.ladder.out());
        told.ladders.append(wires.packets_ladder.out());
        told.json.append(wires.json.out());
        told.joined_json.append(wires.joined_json.out());
        (told, totals)
    }
}

/// Reads bytes as a capture file and tells it in every form.
pub fn tell(bytes: Vec<u8>, layout: Layout) -> Told {
    // Measurements go the same way, and are no lines.
    let mut teller = Teller::new(layout, Limits { measures: true, ..Limits::default() });
    let mut error = None;
    match FileSource::from_reader(Box::new(Cursor::new(bytes)), "capture", 0) {
        Err(found) => error = Some(found),
        Ok(mut source) => loop {
            match source.next() {
                Ok(next) => {
                    if !teller.next(next) {
                        break;
                    }
                }
                Err(found) => {
                    error = Some(found);
                    break;
                }
            }
        },
    }
    Told { error, ..teller.finish().0 }
}
