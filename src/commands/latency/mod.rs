//! `bridgetap latency`: how long answers take, live, from files, and by probes; and whether two runs differ.

mod collector;
mod compare;
mod input;
mod json;
mod logs;
mod outputs;
mod probes;
mod probing;
mod report;
mod scribe;
mod shares;
mod sharing;
mod timelines;
mod unfit;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use self::collector::{Collector, Gathered, Wanted};
use self::input::Input;
use self::outputs::Outputs;
pub(super) use self::probing::Probing;
use self::scribe::Scribe;
use self::sharing::SharedWriter;
use super::bar::Bar;
use super::output::plain_layout;
use super::{Messages, Streams, confined, replay, watch};
use crate::cli;
use crate::join::Told;
use crate::latency::{By, Limits, Order};
use crate::name::Namer;
use crate::render::Layout;
use crate::render::latency::{Report, live_lines};
use crate::render::summary::Totals;

/// The table on a terminal is drawn again so often.
const REDRAW: Duration = Duration::from_millis(500);
/// Then it is left alone for so many times as long as drawing took, since no events are taken meanwhile: a hundred
/// thousand series may take longer than the time between two.
const RESPITE: u32 = 10;

/// Runs the command.
pub(super) fn run(arguments: &cli::Latency, mut streams: Streams) -> ExitCode {
    let input = match Input::of(arguments) {
        Ok(input) => input,
        Err(why) => return refuse(&mut streams.messages, &why),
    };
    if let Err(why) = unfit::refuse(arguments, &input) {
        return refuse(&mut streams.messages, &why);
    }
    let Some(outputs) = Outputs::planned(arguments, &mut streams.messages) else { return ExitCode::from(2) };
    match input {
        Input::Runs(before, after) => {
            let files = [before.clone(), after.clone()];
            match read_only(arguments, &files, arguments.run_as.user.as_deref()) {
                Ok(()) => compare::run(arguments, &before, &after, streams),
                Err(why) => refuse_with(&mut streams.messages, &why, ExitCode::FAILURE),
            }
        }
        input => measure(arguments, input, &outputs, streams),
    }
}

/// Measures, and shows what was measured.
fn measure(arguments: &cli::Latency, input: Input, outputs: &Outputs, mut streams: Streams) -> ExitCode {
    let layout = plain_layout(arguments.color, streams.out_is_terminal);
    let mut out = streams.take_out();
    let shared = SharedWriter::new(std::mem::replace(&mut streams.messages.0, Box::new(io::sink())));
    streams.messages = Messages(Box::new(shared.clone()));
    let mut messages = Messages(Box::new(shared.clone()));
    let title = input.title(&arguments.interfaces);
    let mut notes = Messages(Box::new(shared));
    // Another user first: who has no right to change it any more could not follow.
    if let Err(why) = confined::to_watch(arguments.run_as.user.as_deref(), true) {
        return refuse_with(&mut messages, &why, ExitCode::FAILURE);
    }
    thread::scope(|scope| {
        let scribe = Scribe::begin(scope, outputs, |measured| outputs.write(arguments, measured, &title, &mut notes));
        let scribe = match scribe.and_then(|scribe| confine(arguments, &input).map(|()| scribe)) {
            Ok(scribe) => scribe,
            Err(why) => return refuse_with(&mut messages, &why, ExitCode::FAILURE),
        };
        let (code, measured) = gather(arguments, input, &title, outputs, streams, &mut messages);
        // It could not begin.
        let Some(measured) = measured else { return code };
        let told = report::tell(arguments, &measured, &title, layout, &mut *out);
        let told = super::output::ended(told, &mut messages);
        let written = scribe.write(measured);
        if told && written { code } else { ExitCode::FAILURE }
    })
}

/// Gives up what measuring does not take.
fn confine(arguments: &cli::Latency, input: &Input) -> Result<(), String> {
    match input {
        Input::Captures(files) | Input::Logs(files) => read_only(arguments, files, None),
        _ => confined::to_watch(None, false),
    }
}

/// Gives up everything but to read these files.
fn read_only(arguments: &cli::Latency, files: &[PathBuf], user: Option<&str>) -> Result<(), String> {
    let given = arguments.given.docker_inspect.iter().chain(&arguments.given.hosts);
    confined::to_read(user, files.iter().chain(given), None)
}

fn gather(
    arguments: &cli::Latency,
    input: Input,
    title: &str,
    outputs: &Outputs,
    streams: Streams,
    messages: &mut Messages,
) -> Ended {
    match input {
        Input::Logs(files) => logs::read(arguments, &files, messages),
        Input::Captures(files) => of_captures(arguments, files, outputs.want_timelines(), streams),
        Input::Targets(targets) => live(arguments, targets, None, title, outputs, streams),
        Input::Probe(probe) => match Probing::prepare(arguments, &probe) {
            Ok(probing) => {
                let targets = probing.targets();
                live(arguments, targets, Some(probing), title, outputs, streams)
            }
            Err(why) => (refuse_with(messages, &why, ExitCode::FAILURE), None),
        },
        // These were taken care of.
        Input::Runs(..) => (ExitCode::FAILURE, None),
    }
}

/// What was measured, with the exit code that it ended with.
type Ended = (ExitCode, Option<Measured>);

/// What was gathered, and what was seen beside it.
pub(super) struct Measured {
    pub gathered: Gathered,
    /// Not of interval logs, which tell nothing of packets.
    pub totals: Option<Totals>,
    /// Further remarks.
    pub notes: Vec<String>,
}

impl Measured {
    fn has_no_packet(&self) -> bool {
        self.totals.as_ref().is_some_and(|totals| totals.counters.packets == 0)
    }
}

/// Measures capture files.
fn of_captures(arguments: &cli::Latency, files: Vec<PathBuf>, timelines: bool, streams: Streams) -> Ended {
    let slot = Slot::default();
    let measuring = Measuring {
        collector: Some(Collector::new(wanted(arguments, timelines))),
        slot: Arc::clone(&slot),
        live: None,
        reads_last: true,
    };
    let code = replay::run(&arguments.replay(files), Some(measuring), streams);
    (code, take(&slot))
}

/// Measures what is on the wire now, with probes where there are any.
fn live(
    arguments: &cli::Latency,
    targets: Vec<String>,
    probing: Option<Probing>,
    title: &str,
    outputs: &Outputs,
    mut streams: Streams,
) -> Ended {
    let slot = Slot::default();
    let probes = probing.as_ref().map(Probing::probes);
    let wanted = Wanted { probes: probes.clone(), ..wanted(arguments, outputs.want_timelines()) };
    let is_shown = streams.out_is_terminal && streams.messages_are_terminal;
    let bar = is_shown.then(|| Bar::new(&mut streams.messages)).flatten();
    let live = bar.map(|bar| Live {
        bar,
        title: title.to_owned(),
        began: monotonic(),
        due: monotonic(),
        by: arguments.table.by.into(),
        order: arguments.table.sort.into(),
        layout: plain_layout(arguments.color, true),
    });
    let measuring =
        Measuring { collector: Some(Collector::new(wanted)), slot: Arc::clone(&slot), live, reads_last: true };
    let purpose = watch::Purpose::Latency(Box::new(measuring), probing.map(Box::new));
    let mut code = watch::run(&arguments.watch(targets), purpose, streams);
    let mut measured = take(&slot);
    if let Some((measured, probes)) = measured.as_mut().zip(probes) {
        measured.notes.extend(probes.account(&mut measured.gathered));
        if !probes.is_whole() {
            code = ExitCode::FAILURE;
        }
    } else if let Some(measured) = measured.as_mut().filter(|measured| measured.has_no_packet()) {
        measured.notes.push("no packet came: --probe CLIENT SERVER sends something to measure".to_owned());
    }
    (code, measured)
}

fn wanted(arguments: &cli::Latency, timelines: bool) -> Wanted {
    Wanted {
        measures: arguments.table.measures.clone(),
        limits: Limits { series: arguments.max_series as usize, ..Limits::default() },
        hops: arguments.table.hops,
        timelines,
        probes: None,
    }
}

/// Where it is put at the end.
type Slot = Arc<Mutex<Option<Measured>>>;

fn take(slot: &Slot) -> Option<Measured> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Takes the place of the log: gathers the times of what is told.
pub(super) struct Measuring {
    collector: Option<Collector>,
    slot: Slot,
    live: Option<Live>,
    /// No other file is to be opened after these.
    reads_last: bool,
}

impl Measuring {
    /// Whether no other file is to be opened after these.
    pub const fn reads_last(&self) -> bool {
        self.reads_last
    }

    pub fn collect(&mut self, told: &Told<'_>, namer: &Namer) {
        if let Some(collector) = &mut self.collector {
            collector.collect(told, namer);
        }
    }

    /// Draws the table, where that is due.
    pub fn show(&mut self) {
        if let Some((live, collector)) = self.live.as_mut().zip(self.collector.as_ref()) {
            live.show(collector.gathered());
        }
    }

    /// Puts what was gathered where it is looked for.
    pub fn finish(&mut self, totals: &Totals) {
        if let Some(live) = self.live.take() {
            live.bar.clear();
        }
        let Some(collector) = self.collector.take() else { return };
        let mut totals = totals.clone();
        // The totals are shown in a table only, and in the words of a log.
        let lost = std::mem::take(&mut totals.events_lost);
        let lost = (lost > 0).then(|| format!("{lost} events came too fast, and were not measured"));
        let gathered = collector.into_gathered();
        let measured = Measured { gathered, totals: Some(totals), notes: lost.into_iter().collect() };
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(measured);
    }
}

/// The table that is drawn again and again, in place.
struct Live {
    bar: Bar,
    title: String,
    began: Instant,
    /// When it is to be drawn next.
    due: Instant,
    by: By,
    order: Order,
    layout: Layout,
}

impl Live {
    fn show(&mut self, gathered: &Gathered) {
        let now = monotonic();
        if now < self.due {
            return;
        }
        let report = Report {
            title: self.title.clone(),
            by: self.by,
            series: gathered.table.series(self.by, self.order),
            merged: gathered.table.merged(),
            ..Report::default()
        };
        // The terminal may have been resized.
        let size = terminal_size::terminal_size();
        let width = size.map(|(width, _)| usize::from(width.0));
        // The last line is the cursor's.
        let height = size.map_or(24, |(_, height)| usize::from(height.0)).saturating_sub(1);
        let layout = Layout { width, ..self.layout };
        let lines = live_lines(&report, now.duration_since(self.began), layout, height);
        self.bar.show(lines.join("\n"));
        let drawn = monotonic();
        self.due = drawn + REDRAW.max(drawn.duration_since(now) * RESPITE);
    }
}

fn refuse(messages: &mut Messages, why: &str) -> ExitCode {
    refuse_with(messages, why, ExitCode::from(2))
}

fn refuse_with(messages: &mut Messages, why: &str, code: ExitCode) -> ExitCode {
    messages.say(why);
    code
}

/// The clock of the screen: nothing that is measured comes from it.
#[expect(clippy::disallowed_methods, reason = "how often a screen is drawn is no packet's time")]
fn monotonic() -> Instant {
    Instant::now()
}
