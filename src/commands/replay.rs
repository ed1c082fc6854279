//! `bridgetap replay`: the log of capture files.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::known::Known;
use super::output::{Output, ended};
use super::stdin::Stdin;
use super::{Messages, Streams, capture_filter, limits};
use crate::capture::file::{FileSource, MAX_TAPS, Merged};
use crate::capture::{Error, Frame, LinkType, NameBlock, Next, Source, Tap, TapId};
use crate::cli;
use crate::decode;
use crate::docker;
use crate::filter::{FrameFilter, Unfiltered};
use crate::join::{HOLD, Joiner, Told};
use crate::render::summary::Totals;
use crate::time::Timestamp;
use crate::track::{Event, Sink, Tracker, packet_line};

/// Files smaller than this are read before a progress bar could be drawn.
const BIG: u64 = 64 * 1024 * 1024;
/// The bar moves every so many packets.
const BAR_EVERY: u64 = 1 << 16;

/// Runs the command.
pub(super) fn run(arguments: &cli::Replay, mut streams: Streams) -> ExitCode {
    let stop = stop_on_signals();
    let mut whole = true;
    let mut files = Vec::new();
    let names: Vec<_> = arguments.files.iter().chain(&arguments.read).collect();
    if names.iter().filter(|name| name.as_os_str() == "-").count() > 1 {
        streams.messages.say("- is standard input, which can be read only once");
        return ExitCode::from(2);
    }
    let filter = match capture_filter(&arguments.output, &mut streams.messages) {
        Ok(filter) => filter,
        Err(code) => return code,
    };
    for name in &names {
        match open(name, &stop) {
            Ok(file) => files.push(file),
            Err(error) => {
                streams.messages.say(&error.to_string());
                whole = false;
            }
        }
    }
    if files.is_empty() {
        return ExitCode::FAILURE;
    }
    let is_live = names.iter().any(|name| name.as_os_str() == "-");
    let output = Output::new(&arguments.output, streams.take_out(), streams.out_is_terminal, is_live);
    let bar = bar(&files, arguments, &streams);
    let log = Log { output, joiner: None };
    let filter = filter.map(|filter| FrameFilter::new(filter, files.len()));
    let replay = Story { log, stop, filter, undecoded: Vec::new(), known: None, words: String::new() };
    whole &= replay.tell(Merged::new(files), arguments, &mut streams.messages, bar.as_ref());
    if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn open(name: &Path, stop: &Arc<AtomicBool>) -> Result<FileSource, Error> {
    if name.as_os_str() == "-" {
        let name = "standard input";
        let stdin = Stdin::new(Arc::clone(stop)).map_err(|source| Error::Io { name: name.to_owned(), source })?;
        FileSource::from_reader(Box::new(stdin), name, 0)
    } else {
        FileSource::open(name, 0)
    }
}

/// A bar on standard error, where somebody sees it and it does not get between the lines of the log.
fn bar(files: &[FileSource], arguments: &cli::Replay, streams: &Streams) -> Option<ProgressBar> {
    let size = files.iter().map(FileSource::size).sum::<Option<u64>>().filter(|&size| size >= BIG)?;
    let free = !streams.out_is_terminal || arguments.output.summary;
    if !free || !streams.messages_are_terminal || !io::stderr().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("{bar:40} {percent}%  {binary_bytes_per_sec}, {eta} left").ok()?;
    Some(ProgressBar::new(size).with_style(style))
}

/// Where events go.
struct Log {
    output: Output,
    /// There once a second tap was seen that may have seen the same. Until then nothing is held back or copied.
    joiner: Option<Joiner>,
}

impl Log {
    /// Tells what is due at `now`.
    fn tell_due(&mut self, now: Timestamp) {
        let Some(joiner) = &mut self.joiner else { return };
        while let Some(told) = joiner.pop(now, &Known { namer: &self.output.namer, clients: None }) {
            self.output.tell(&told);
        }
    }

    /// Tells what is left.
    fn tell_rest(&mut self) {
        let Some(joiner) = &mut self.joiner else { return };
        while let Some(told) = joiner.pop_any(&Known { namer: &self.output.namer, clients: None }) {
            self.output.tell(&told);
        }
    }
}

impl Sink for Log {
    fn event(&mut self, event: Event<'_>) {
        match &mut self.joiner {
            Some(joiner) => {
                joiner.push(Box::new(event.into_owned()), &Known { namer: &self.output.namer, clients: None });
            }
            None => self.output.tell(&Told::alone(event)),
        }
    }
}

/// The log of capture files, as it is told.
struct Story {
    log: Log,
    /// Set when the log is to end.
    stop: Arc<AtomicBool>,
    filter: Option<FrameFilter>,
    undecoded: Vec<(LinkType, u64)>,
    /// The tap of the latest packet, whose description the namer has.
    known: Option<TapId>,
    words: String,
}

impl Story {
    /// Tells it all. False where a file could not be read to its end, or the log not be written.
    fn tell(
        mut self,
        mut files: Merged,
        arguments: &cli::Replay,
        messages: &mut Messages,
        bar: Option<&ProgressBar>,
    ) -> bool {
        let mut tracker = Tracker::new(limits(&arguments.output));
        let mut left = arguments.output.count.unwrap_or(u64::MAX);
        let (mut packets, mut whole) = (0_u64, true);
        while left > 0 && !self.log.output.has_failed() && !self.stop.load(Ordering::Relaxed) {
            match files.next() {
                Ok(Next::Frame(frame, tap)) => {
                    packets += 1;
                    match self.admits(&frame, tap) {
                        Ok(true) => {
                            self.frame(&frame, tap, &mut tracker);
                            left -= 1;
                        }
                        Ok(false) => tracker.tick(frame.at, &mut self.log),
                        Err(Unfiltered::Link(why)) => {
                            whole = false;
                            messages.say(&why);
                        }
                        Err(Unfiltered::Wrong(error)) => {
                            messages.say_filter(&error);
                            return false;
                        }
                    }
                    self.log.tell_due(frame.at);
                }
                Ok(Next::Names(block)) => self.names(&block, messages),
                // A silent pipe: how late it is in packet time, nobody knows.
                Ok(Next::Idle(_)) => self.log.tell_rest(),
                Ok(Next::End) | Err(_) => break,
            }
            if packets.is_multiple_of(BAR_EVERY)
                && let Some(bar) = bar
            {
                bar.set_position(files.position());
            }
        }
        tracker.finish(&mut self.log);
        self.log.tell_rest();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        self.finish(&tracker, &mut files, messages) && whole
    }

    /// Writes the summary, and says what went wrong. False where something did.
    fn finish(self, tracker: &Tracker, files: &mut Merged, messages: &mut Messages) -> bool {
        let undecoded = self.undecoded.iter().map(|(link, count)| (link.name(), *count)).collect();
        let counters = tracker.counters().clone();
        let names_forgotten = self.log.output.namer.forgotten();
        let totals = Totals { counters, undecoded, drops: files.drops(), events_lost: 0, names_forgotten };
        let known = self.say_unknown_names(messages);
        let written = ended(self.log.output.finish(&totals), messages);
        let mut errors = files.take_errors();
        // A pipe that was left in the middle of a packet was not cut.
        errors.retain(|error| !(self.stop.load(Ordering::Relaxed) && matches!(error, Error::Cut { .. })));
        for error in &errors {
            messages.say(&error.to_string());
        }
        written && known && errors.is_empty()
    }

    /// Whether the capture filter lets a frame through.
    fn admits(&mut self, frame: &Frame<'_>, tap: &Tap) -> Result<bool, Unfiltered> {
        let Some(filter) = &mut self.filter else { return Ok(true) };
        filter.admits(frame, tap, self.log.output.namer.directory(frame.tap))
    }

    /// Says which names of the filters nothing was called. One in the capture filter, which needs an address, is an error.
    fn say_unknown_names(&self, messages: &mut Messages) -> bool {
        let directory = self.known.and_then(|tap| self.log.output.namer.directory(tap));
        for unknown in self.log.output.events.iter().flat_map(|filter| filter.unknown(directory.map(Arc::as_ref))) {
            messages.say(&unknown);
        }
        let wrong = self.filter.as_ref().and_then(FrameFilter::unknown);
        if let Some(error) = &wrong {
            messages.say_filter(error);
        }
        wrong.is_none()
    }

    fn frame(&mut self, frame: &Frame<'_>, tap: &Tap, tracker: &mut Tracker) {
        if self.known != Some(frame.tap) {
            let namer = &mut self.log.output.namer;
            if !namer.knows_tap(frame.tap) {
                namer.set_tap(frame.tap, tap.clone());
            }
            let shares = |known: TapId| known.0 / MAX_TAPS == frame.tap.0 / MAX_TAPS;
            if self.known.is_some_and(shares) || frame.link == LinkType::LINUX_SLL2 {
                self.log.joiner.get_or_insert_with(|| Joiner::new(HOLD));
            }
            self.known = Some(frame.tap);
        }
        if !decode::supports(frame.link) {
            return self.pass_over(frame.link);
        }
        let packet = decode::decode(frame);
        if self.log.output.wants_packets() {
            self.log.event(packet_line(&packet, &mut self.words));
        }
        tracker.observe(&packet, &mut self.log);
    }

    fn pass_over(&mut self, link: LinkType) {
        match self.undecoded.iter_mut().find(|(known, _)| *known == link) {
            Some((_, count)) => *count += 1,
            None => self.undecoded.push((link, 1)),
        }
    }

    fn names(&mut self, block: &NameBlock, messages: &mut Messages) {
        self.log.output.namer.add_file_names(block);
        if !block.comment.trim_start().starts_with("{\"bridgetap_directory\"") {
            return;
        }
        match docker::read_snapshot(&block.comment) {
            Ok(snapshot) => {
                let directory = snapshot.apply(self.log.output.namer.directory(block.tap).map(Arc::as_ref));
                self.log.output.namer.set_directory(block.tap, Arc::new(directory));
            }
            Err(error) => messages.say(&format!("names in the capture cannot be read: {error}")),
        }
    }
}

/// Set when somebody presses Ctrl-C or ends the program: then the log ends with its summary.
fn stop_on_signals() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // A second signal ends the program at once.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop));
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    stop
}
