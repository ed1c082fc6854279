//! From events to what is written: names, lines, the summary.

use std::io::{self, Write};

use super::{Streams, wants_color};
use crate::address;
use crate::cli;
use crate::filter::EventFilter;
use crate::join::Told;
use crate::name::{Introduction, Namer, Naming};
use crate::render::summary::Totals;
use crate::render::{JsonWriter, Layout, Summary, TextWriter};
use crate::track::event::Event;

type Out = io::BufWriter<Box<dyn Write + Send>>;

enum View {
    Text(Box<TextWriter<Out>>),
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
    /// Which events are told at all; `None` is every one.
    pub events: Option<EventFilter>,
    /// Somebody is watching: every line is written at once.
    at_once: bool,
    failure: Option<io::Error>,
}

impl Output {
    /// `at_once`: lines are wanted as soon as they are there.
    pub fn new(options: &cli::Output, out: Box<dyn Write + Send>, is_terminal: bool, at_once: bool) -> Self {
        let out = io::BufWriter::with_capacity(64 * 1024, out);
        let view = if options.json {
            View::Json(JsonWriter::new(out))
        } else {
            View::Text(Box::new(TextWriter::new(out, layout(options, is_terminal))))
        };
        let lines = match (options.summary, options.packets) {
            (true, _) => Lines::None,
            (_, true) => Lines::Packets,
            _ => Lines::Exchanges,
        };
        Self {
            namer: Namer::new(options.numeric > 0).with_naming(naming(options.names)),
            summary: Summary::default(),
            view,
            lines,
            events: EventFilter::new(&options.events),
            at_once: at_once || is_terminal,
            failure: None,
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

    /// Tells an event.
    pub fn tell(&mut self, told: &Told<'_>) {
        let event = &told.event;
        self.namer.learn(event);
        let is_packet = matches!(event, Event::Packet(_));
        if let Some(filter) = &mut self.events
            && !filter.admits(told, &mut self.namer)
        {
            return self.summary.leave_out(u64::from(is_packet == (self.lines == Lines::Packets)));
        }
        self.summary.add(event);
        let wanted = match self.lines {
            Lines::Exchanges => !is_packet,
            Lines::Packets => is_packet,
            Lines::None => false,
        };
        if wanted && self.failure.is_none() {
            let written = match &mut self.view {
                View::Text(text) => text.event(told, &self.namer),
                View::Json(json) => json.event(told, &self.namer),
            };
            self.check(written);
            if self.at_once {
                self.flush();
            }
        }
    }

    /// Says that events came faster than they could be shown.
    pub fn lost(&mut self, count: u64) {
        if self.lines == Lines::None {
            return;
        }
        let written = match &mut self.view {
            View::Text(text) => text.remark(&format!("… {count} events came too fast and are missing here")),
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
        let written = match &mut self.view {
            View::Text(text) => text.remark(&format!("… {address} is {name}")),
            View::Json(json) => json.object(&Named { kind: "named", address, network, name, container_id }),
        };
        self.check(written);
        self.flush();
    }

    /// Writes out what is held back.
    pub fn flush(&mut self) {
        let flushed = match &mut self.view {
            View::Text(text) => text.out().flush(),
            View::Json(json) => json.out().flush(),
        };
        self.check(flushed);
    }

    /// Writes the summary and whatever is left.
    pub fn finish(mut self, totals: &Totals) -> io::Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        match &mut self.view {
            View::Text(text) => {
                if self.lines != Lines::None {
                    writeln!(text.out())?;
                }
                self.summary.write_text(totals, text.out())?;
                text.out().flush()
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

/// The name of an address that was shown before, in JSON.
#[derive(serde::Serialize)]
struct Named<'a> {
    kind: &'static str,
    address: String,
    network: &'a str,
    name: &'a str,
    container_id: &'a str,
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
