//! From events to what is written: names, lines, the summary.

use std::io::{self, Write};
use std::time::Duration;

use super::pace::{Going, Pacer};
use super::{Streams, wants_color};
use crate::address;
use crate::cli;
use crate::explain::Explainer;
use crate::filter::EventFilter;
use crate::join::Told;
use crate::name::{Introduction, Namer, Naming};
use crate::render::summary::Totals;
use crate::render::units::Roughly;
use crate::render::{Explanation, JsonWriter, LadderWriter, Layout, Summary, TextWriter, ladder};
use crate::time::nanos;
use crate::track::event::Event;

type Out = io::BufWriter<Box<dyn Write + Send>>;

enum View {
    Text(Box<TextWriter<Out>>),
    Ladder(Box<LadderWriter<Out>>),
    Json(JsonWriter<Out>),
}

/// Which events become lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    Exchanges,
    Packets,
    None,
}

/// Tells events as they come.
pub(super) struct Output {
    /// Knows the names.
    pub namer: Namer,
    summary: Summary,
    view: View,
    lines: Lines,
    /// There where lines are to be explained.
    explainer: Option<Explainer>,
    /// Which events are told at all; `None` is every one.
    pub events: Option<EventFilter>,
    /// Somebody is watching: every line is written at once.
    at_once: bool,
    failure: Option<io::Error>,
    /// Whose turn it is; `None` where lines are told as they come.
    pub pacer: Option<Pacer>,
}

impl Output {
    /// `at_once`: lines are wanted as soon as they are there.
    pub fn new(options: &cli::Output, out: Box<dyn Write + Send>, is_terminal: bool, at_once: bool) -> Self {
        let out = io::BufWriter::with_capacity(64 * 1024, out);
        let layout = layout(options, is_terminal);
        let view = match (options.json, options.ladder) {
            (true, _) => View::Json(JsonWriter::new(out)),
            (false, true) => ladder_view(out, layout),
            (false, false) => View::Text(Box::new(TextWriter::new(out, layout))),
        };
        let lines = match (options.summary, options.packets) {
            (true, _) => Lines::None,
            (_, true) => Lines::Packets,
            _ => Lines::Exchanges,
        };
        Self {
            namer: namer(options),
            summary: Summary::default(),
            view,
            lines,
            explainer: options.explain.then(Explainer::default),
            events: EventFilter::new(&options.events),
            at_once: at_once || is_terminal,
            failure: None,
            pacer: None,
        }
    }

    /// Whether single packets are wanted.
    pub fn wants_packets(&self) -> bool {
        self.lines == Lines::Packets
    }

    /// Nobody can read any more, or nothing can be written.
    pub const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Whether nothing more is to be told: it cannot be written, or somebody has ended it or wants it from the start.
    pub fn is_over(&self) -> bool {
        self.has_failed() || self.pacer.as_ref().is_some_and(|pacer| pacer.going() != Going::On)
    }

    /// Tells an event.
    pub fn tell(&mut self, told: &Told<'_>) {
        let event = &told.event;
        // A measurement is no line of the log.
        if matches!(event, Event::Measured(_)) {
            return;
        }
        self.namer.learn(event);
        let is_packet = matches!(event, Event::Packet(_));
        if let Some(filter) = &mut self.events
            && !filter.admits(told, &mut self.namer)
        {
            return self.summary.leave_out(u64::from(is_packet == (self.lines == Lines::Packets)));
        }
        let wanted = match self.lines {
            Lines::Exchanges => !is_packet,
            Lines::Packets => is_packet,
            Lines::None => false,
        };
        if !self.has_turn(event, wanted) {
            return;
        }
        self.summary.add(event);
        if wanted && self.failure.is_none() {
            let written = match &mut self.view {
                View::Text(text) => text.event(told, &self.namer),
                View::Ladder(ladder) => ladder.event(told, &self.namer),
                View::Json(json) => json.event(told, &self.namer),
            };
            self.check(written);
            self.explain(told);
            if self.at_once {
                self.flush();
            }
            if let Some(pacer) = &mut self.pacer {
                pacer.told();
            }
        }
    }

    /// Waits until an event's line may be told, and says a long silence before it. False where nothing more is told.
    fn has_turn(&mut self, event: &Event<'_>, wanted: bool) -> bool {
        let Self { pacer: Some(pacer), view, failure, .. } = self else { return true };
        if pacer.going() != Going::On {
            return false;
        }
        if !wanted {
            pacer.pass(event);
            return true;
        }
        let mut say = |silence| {
            if let Err(error) = say_silence(view, silence) {
                failure.get_or_insert(error);
            }
        };
        match pacer.turn(event, &mut say) {
            Going::On => true,
            Going::Unread => {
                failure.get_or_insert(io::ErrorKind::BrokenPipe.into());
                false
            }
            Going::Ended | Going::Again => false,
        }
    }

    /// Everything was told. Whether it is to be told again, from the start.
    pub fn goes_back(&mut self) -> bool {
        let going = self.pacer.as_mut().map(Pacer::end);
        if going == Some(Going::Unread) {
            self.check(Err(io::ErrorKind::BrokenPipe.into()));
        }
        going == Some(Going::Again)
    }

    /// Begins anew, with a line that says so: names and counts are those of the story that is to come.
    pub fn begin_again(&mut self, options: &cli::Output) {
        self.namer = namer(options);
        self.summary = Summary::default();
        self.events = EventFilter::new(&options.events);
        self.explainer = options.explain.then(Explainer::default);
        let written = match &mut self.view {
            View::Text(text) => text.remark("… back to the start"),
            View::Ladder(ladder) => ladder.begin_again("… back to the start"),
            View::Json(json) => json.object(&Restarted { kind: "restarted" }),
        };
        self.check(written);
        if let Some(pacer) = &mut self.pacer {
            pacer.begin_again();
        }
    }

    /// Says what the line is about that was just written, as far as that was not said before.
    fn explain(&mut self, told: &Told<'_>) {
        let Some(explainer) = &mut self.explainer else { return };
        for topic in explainer.explain(told, &self.namer) {
            let written = match &mut self.view {
                View::Text(text) => text.explanation(topic),
                View::Ladder(ladder) => ladder.explanation(topic),
                View::Json(json) => json.object(&Explanation::new(topic)),
            };
            self.check(written);
        }
    }

    /// Says that events came faster than they could be shown.
    pub fn lost(&mut self, count: u64) {
        if self.lines == Lines::None {
            return;
        }
        let remark = || format!("… {count} events came too fast and are missing here");
        let written = match &mut self.view {
            View::Text(text) => text.remark(&remark()),
            View::Ladder(ladder) => ladder.remark(&remark()),
            View::Json(json) => json.object(&Lost { kind: "lost", count }),
        };
        self.check(written);
    }

    /// Says who an address is that was shown without a name.
    pub fn introduce(&mut self, introduction: &Introduction) {
        if self.lines == Lines::None {
            return;
        }
        let Introduction { address, network, name, container_id } = introduction;
        let address = address::text(*address);
        let remark = || format!("… {address} is {name}");
        let written = match &mut self.view {
            View::Text(text) => text.remark(&remark()),
            View::Ladder(ladder) => ladder.remark(&remark()),
            View::Json(json) => json.object(&Named { kind: "named", address, network, name, container_id }),
        };
        self.check(written);
        self.flush();
    }

    /// Writes out what is held back.
    pub fn flush(&mut self) {
        let flushed = match &mut self.view {
            View::Text(text) => text.out().flush(),
            View::Ladder(ladder) => ladder.out().flush(),
            View::Json(json) => json.out().flush(),
        };
        self.check(flushed);
    }

    /// Writes the summary and whatever is left.
    pub fn finish(mut self, totals: &Totals) -> io::Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let has_lines = self.lines != Lines::None;
        match &mut self.view {
            View::Text(text) => {
                if has_lines {
                    writeln!(text.out())?;
                }
                text.summary(&self.summary, totals)?;
                text.out().flush()
            }
            View::Ladder(ladder) => {
                let out = ladder.out();
                if has_lines {
                    writeln!(out)?;
                }
                self.summary.write_text(totals, out)?;
                out.flush()
            }
            View::Json(json) => {
                json.object(&self.summary.to_json(totals))?;
                json.out().flush()
            }
        }
    }

    fn check(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
    }
}

/// Events that are missing, in JSON.
#[derive(serde::Serialize)]
struct Lost {
    kind: &'static str,
    count: u64,
}

/// That no line came for a while, which was not waited for in full. Written at once: a wait comes after it.
fn say_silence(view: &mut View, silence: Duration) -> io::Result<()> {
    let remark = || format!("… {} of silence", Roughly(silence));
    match view {
        View::Text(text) => {
            text.remark(&remark())?;
            text.out().flush()
        }
        View::Ladder(ladder) => {
            ladder.remark(&remark())?;
            ladder.out().flush()
        }
        View::Json(json) => {
            json.object(&Silence { kind: "silence", duration_ns: nanos(silence) })?;
            json.out().flush()
        }
    }
}

/// A silence that was not waited for in full, in JSON.
#[derive(serde::Serialize)]
struct Silence {
    kind: &'static str,
    duration_ns: u64,
}

/// The log begins anew, in JSON.
#[derive(serde::Serialize)]
struct Restarted {
    kind: &'static str,
}

/// The name of an address that was shown before, in JSON.
#[derive(serde::Serialize)]
struct Named<'a> {
    kind: &'static str,
    address: String,
    network: &'a str,
    name: &'a str,
    container_id: &'a str,
}

fn namer(options: &cli::Output) -> Namer {
    Namer::new(options.numeric > 0).with_naming(naming(options.names))
}

const fn naming(names: cli::Names) -> Naming {
    match names {
        cli::Names::Container => Naming::Container,
        cli::Names::Service => Naming::Service,
        cli::Names::Alias => Naming::Alias,
        cli::Names::Fqdn => Naming::Fqdn,
    }
}

fn layout(options: &cli::Output, is_terminal: bool) -> Layout {
    let plain = plain_layout(options.color, is_terminal);
    Layout { quiet: options.quiet, link_level: options.link_level, hops: options.hops, ..plain }
}

/// A ladder as wide as the terminal, or as `COLUMNS` says where there is none; the log where that is too narrow.
fn ladder_view(out: Out, layout: Layout) -> View {
    let columns = || std::env::var("COLUMNS").ok()?.trim().parse().ok().filter(|&columns| columns > 0);
    let width = layout.width.or_else(columns).unwrap_or(ladder::DEFAULT_WIDTH);
    if width >= ladder::LEAST_WIDTH {
        let rows = terminal_size::terminal_size().map(|(_, rows)| usize::from(rows.0));
        let rows = rows.filter(|_| layout.width.is_some());
        return View::Ladder(Box::new(LadderWriter::new(out, Layout { width: Some(width), ..layout }, rows)));
    }
    let mut text = TextWriter::new(out, Layout { width: Some(width), ..layout });
    let least = ladder::LEAST_WIDTH;
    // Where this cannot be written, nor can the first line, and that is told.
    let _ = text.remark(&format!("… {width} columns are too few for --ladder, which takes {least}: here is the log"));
    View::Text(Box::new(text))
}

/// The layout of what is no log: as wide as the terminal.
pub(super) fn plain_layout(color: cli::Color, is_terminal: bool) -> Layout {
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    Layout { width: width.filter(|_| is_terminal), color: wants_color(color, is_terminal), ..Layout::default() }
}

/// Says how writing ended: nobody reading any more is no failure.
pub(super) fn ended(written: io::Result<()>, streams: &mut super::Messages) -> bool {
    match written {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => true,
        Err(error) => {
            streams.say(&format!("cannot write the log: {error}"));
            false
        }
    }
}

impl Streams {
    /// Takes the writer of the log out.
    pub(super) fn take_out(&mut self) -> Box<dyn Write + Send> {
        std::mem::replace(&mut self.out, Box::new(io::sink()))
    }
}
