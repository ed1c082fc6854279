//! From events to what is written: names, lines, the summary.

mod packet_lines;

use std::io::{self, Write};

use super::latency::Measuring;
use super::pace::{Going, Pacer};
use super::view::View;
use super::{Streams, wants_color};
use crate::cli;
use crate::explain::Explainer;
use crate::filter::EventFilter;
use crate::join::Told;
use crate::name::{Introduction, Looked, Namer, Naming, Room};
use crate::render::losses::Lost;
use crate::render::summary::Totals;
use crate::render::{Layout, Summary};
use crate::track::Counted;
use crate::track::event::Event;

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
    only_counts: bool,
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
        let view = View::of_log(out, layout, options.json, options.ladder);
        let lines = match (options.summary, options.packets) {
            (true, _) => Lines::None,
            (_, true) => Lines::Packets,
            _ => Lines::Exchanges,
        };
        let events = EventFilter::new(&options.events);
        Self {
            namer: namer(options),
            summary: Summary::default(),
            view,
            lines,
            only_counts: lines != Lines::Exchanges && events.is_none(),
            explainer: options.explain.then(Explainer::default),
            events,
            at_once: at_once || is_terminal,
            failure: None,
            pacer: None,
        }
    }

    /// No log: the times of what is told are gathered.
    pub fn measuring(options: &cli::Output, measuring: Measuring) -> Self {
        let log = Self::new(options, Box::new(io::sink()), false, false);
        Self { view: View::Latency(Box::new(measuring)), lines: Lines::None, only_counts: false, ..log }
    }

    /// Whether connections are to be measured.
    pub const fn measures(&self) -> bool {
        matches!(self.view, View::Latency(_))
    }

    /// Shows how far it is, where it is shown.
    pub fn show_progress(&mut self) {
        if let View::Latency(measuring) = &mut self.view {
            measuring.show();
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

    /// Whether of an event nothing is wanted but that it is counted. Where there are lines, the
    /// names in them come from those that teach any.
    #[inline]
    pub const fn only_counts(&self, teaches: bool) -> bool {
        self.only_counts && self.pacer.is_none() && (!teaches || matches!(self.lines, Lines::None))
    }

    /// Counts an event, where nothing more is wanted.
    pub fn count_event(&mut self, event: &Event<'_>) {
        self.summary.add(event);
    }

    /// Counts what there is to count of an event, where nothing more is wanted.
    #[inline]
    pub fn count(&mut self, counted: &Counted) {
        self.summary.count(counted);
    }

    fn has_written(&mut self, written: io::Result<()>) {
        self.check(written);
        if self.at_once {
            self.flush();
        }
    }

    /// Tells an event.
    pub fn tell(&mut self, told: &Told<'_>) {
        let event = &told.event;
        // A measurement is no line of the log.
        if matches!(event, Event::Measured(_)) && !self.measures() {
            return;
        }
        let is_packet = matches!(event, Event::Packet(_));
        let wanted = match self.lines {
            Lines::Exchanges => !is_packet,
            Lines::Packets => is_packet,
            Lines::None => false,
        };
        let looked = self.look_up(event, wanted);
        if let Some(filter) = &mut self.events
            && !filter.admits(told, &mut self.namer)
        {
            return self.summary.leave_out(u64::from(is_packet == (self.lines == Lines::Packets)));
        }
        if let View::Latency(measuring) = &mut self.view {
            return measuring.collect(told, &self.namer);
        }
        if !self.has_turn(event, wanted) {
            return;
        }
        self.summary.add(event);
        if wanted && self.failure.is_none() {
            let written = self.view.event(told, &self.namer, looked);
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

    /// Learns names, and looks up those of an event that is to be told, where anybody is named.
    fn look_up(&mut self, event: &Event<'_>, wanted: bool) -> Option<Looked> {
        let by_name = self.events.is_some() || self.measures();
        if self.lines != Lines::None || by_name {
            self.namer.learn(event);
        }
        match &self.view {
            View::Text(_) if by_name || wanted => self.namer.look_up(event),
            _ if by_name || wanted => {
                self.namer.recall_ends(event);
                None
            }
            _ => None,
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
            if let Err(error) = view.silence(silence) {
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
        let written = self.view.begin_again();
        self.check(written);
        if let Some(pacer) = &mut self.pacer {
            pacer.begin_again();
        }
    }

    /// Says what the line is about that was just written, as far as that was not said before.
    fn explain(&mut self, told: &Told<'_>) {
        let Some(explainer) = &mut self.explainer else { return };
        for topic in explainer.explain(told, &self.namer) {
            let written = self.view.explanation(topic);
            self.check(written);
        }
    }

    /// Says that something is missing.
    pub fn lost(&mut self, lost: &Lost) {
        if self.lines == Lines::None {
            return;
        }
        let written = self.view.lost(lost);
        self.check(written);
    }

    /// Says who an address is that was shown without a name.
    pub fn introduce(&mut self, introduction: &Introduction) {
        if self.lines == Lines::None {
            return;
        }
        let written = self.view.introduce(introduction);
        self.check(written);
        self.flush();
    }

    /// Writes out what is held back.
    pub fn flush(&mut self) {
        let flushed = self.view.flush();
        self.check(flushed);
    }

    /// Writes the summary and whatever is left.
    pub fn finish(mut self, totals: &Totals) -> io::Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.view.finish(&self.summary, totals, self.lines != Lines::None)
    }

    fn check(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
    }
}

fn namer(options: &cli::Output) -> Namer {
    let Room { learned, addresses } = Room::default();
    let learned = options.caps.get(cli::Cap::Names, learned);
    let addresses = options.caps.get(cli::Cap::Addresses, addresses);
    Namer::new(options.numeric > 0).with_naming(naming(options.names)).with_room(Room { learned, addresses })
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
        Err(error) if is_full(&error) => {
            streams.say("cannot write the log: the disk is full; make room, or write it elsewhere");
            false
        }
        Err(error) => {
            streams.say(&format!("cannot write the log: {error}"));
            false
        }
    }
}

/// Whether there is no room: on the disk, or in the user's share of it.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

impl Streams {
    /// Takes the writer of the log out.
    pub(super) fn take_out(&mut self) -> Box<dyn Write + Send> {
        std::mem::replace(&mut self.out, Box::new(io::sink()))
    }
}
