//! `bridgetap replay`: the log of capture files.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;

use super::again::Originals;
use super::audience::Audience;
use super::captures::{bar, open_all};
use super::confined;
use super::facts::Facts;
use super::given_names::GivenNames;
use super::latency::Measuring;
use super::log::Log;
use super::output::{Output, ended};
use super::pace;
use super::rewriting::{self, Rewriting};
use super::signals;
use super::undecoded::Undecoded;
use super::{Messages, Streams, capture_filter, copies, limits, of_asides};
use crate::capture::file::{MAX_TAPS, Merged};
use crate::capture::{Error, Frame, LinkType, NameBlock, Next, Source, Tap, TapId};
use crate::cli;
use crate::decode;
use crate::filter::{CaptureFilter, FrameFilter, Unfiltered};
use crate::join::{EVENTS, HOLD, Joiner};
use crate::render::summary::Totals;
use crate::time::Timestamp;
use crate::track::{Limits, Sink, Tracker, packet_line};

/// The bar moves every so many packets.
const BAR_EVERY: u64 = 1 << 16;

/// Runs the command; `latency` of files is the same without a log.
pub(super) fn run(arguments: &cli::Replay, measuring: Option<Measuring>, mut streams: Streams) -> ExitCode {
    let names: Vec<_> = arguments.files.iter().chain(&arguments.read).collect();
    if names.iter().filter(|name| name.as_os_str() == "-").count() > 1 {
        streams.messages.say("- is standard input, which can be read only once");
        return ExitCode::from(2);
    }
    if !rewriting::check(arguments, &names, &mut streams) {
        return ExitCode::from(2);
    }
    let filter = match capture_filter(&arguments.output, &mut streams.messages) {
        Ok(filter) => filter,
        Err(code) => return code,
    };
    if measuring.is_none() {
        let named = names.iter().copied().chain(&arguments.names.docker_inspect).chain(&arguments.names.hosts);
        let write = arguments.rewriting.write.as_deref();
        if let Err(why) = confined::to_read(arguments.run_as.user.as_deref(), named, write) {
            streams.messages.say(&why);
            return ExitCode::FAILURE;
        }
    }
    let Some(given) = GivenNames::read(&arguments.names, &mut streams.messages) else { return ExitCode::FAILURE };
    let stop = Arc::default();
    let terminal = match pace::terminal(arguments, &mut streams, &stop) {
        Ok(terminal) => terminal,
        Err(why) => {
            streams.messages.say(&why);
            return ExitCode::from(2);
        }
    };
    if terminal.is_none() {
        signals::stop(&stop);
    }
    let mut originals = Originals::new(&names);
    let mut files = open_all(&names, &arguments.output, &stop, &mut streams.messages);
    if files.is_empty() {
        return ExitCode::FAILURE;
    }
    if measuring.as_ref().is_none_or(Measuring::reads_last)
        && let Err(why) = confined::have_opened(terminal.is_some(), arguments.rewriting.write.is_some())
    {
        streams.messages.say(&why);
        return ExitCode::FAILURE;
    }
    let mut rewriting = Rewriting::planned(arguments, &names, &mut streams);
    let audience = Audience::new(streams.out_fd.take(), Arc::clone(&stop));
    let pacer = pace::pacer(arguments.pace, terminal, audience, originals.no_way_back());
    let is_live = pacer.is_some() || names.iter().any(|name| name.as_os_str() == "-");
    let tells = rewriting.is_none() || arguments.rewriting.print;
    let out = if tells { streams.take_out() } else { Box::new(io::sink()) };
    let mut output = match measuring {
        Some(measuring) => Output::measuring(&arguments.output, measuring),
        None => Output::new(&arguments.output, out, streams.out_is_terminal, is_live),
    };
    output.pacer = pacer;
    let bar = bar(&files, arguments, &streams);
    loop {
        let opened = files.len() == names.len();
        output.namer.set_given_names(given.addresses().clone());
        let limits = limits(&arguments.output, output.measures());
        let mut story = Story::new(output, filter.as_ref(), limits, files.len(), &stop);
        let merged = Merged::new(files);
        story.rewriting = rewriting.take().map(|planned| planned.of(&merged, &given));
        (story.given, story.tells) = (given.clone(), tells);
        story.copies = copies(&arguments.output);
        match story.tell(merged, arguments, &mut streams.messages, bar.as_ref()) {
            Ending::Told(whole) => return if whole && opened { ExitCode::SUCCESS } else { ExitCode::FAILURE },
            Ending::Again(earlier) => output = *earlier,
        }
        originals.say_changes(&mut streams.messages);
        files = open_all(&names, &arguments.output, &stop, &mut streams.messages);
        if files.is_empty() {
            return ExitCode::FAILURE;
        }
        output.begin_again(&arguments.output);
    }
}

/// The log of capture files, as it is told.
struct Story {
    log: Log,
    /// Set when the log is to end.
    stop: Arc<AtomicBool>,
    filter: Option<FrameFilter>,
    /// Follows what is in a file for what it tells of others; it is not counted.
    asides: Tracker,
    limits: Limits,
    /// How many events wait for their copies.
    copies: usize,
    undecoded: Undecoded,
    /// The tap of the latest packet, whose description the namer has.
    known: Option<TapId>,
    /// The time of the latest packet.
    latest: Timestamp,
    words: String,
    /// What the user gave.
    given: GivenNames,
    /// The file that is written, if any.
    rewriting: Option<Rewriting>,
    /// There is a log.
    tells: bool,
}

/// How a telling ended.
enum Ending {
    /// With its summary. False where a file could not be read to its end, or the log not be written.
    Told(bool),
    /// Somebody wants it from the start.
    Again(Box<Output>),
}

impl Story {
    /// The beginning of the story of so many files.
    fn new(
        output: Output,
        filter: Option<&CaptureFilter>,
        limits: Limits,
        files: usize,
        stop: &Arc<AtomicBool>,
    ) -> Self {
        let mut facts = Facts::default();
        facts.is_filtered = filter.is_some();
        Self {
            log: Log { output, joiner: None, facts },
            stop: Arc::clone(stop),
            filter: filter.map(|filter| FrameFilter::new(filter.clone(), files)),
            asides: Tracker::new(of_asides(limits)),
            limits,
            copies: EVENTS,
            undecoded: Undecoded::default(),
            known: None,
            latest: Timestamp::ZERO,
            words: String::new(),
            given: GivenNames::default(),
            rewriting: None,
            tells: true,
        }
    }

    /// Tells it all.
    fn tell(
        mut self,
        mut files: Merged,
        arguments: &cli::Replay,
        messages: &mut Messages,
        bar: Option<&ProgressBar>,
    ) -> Ending {
        let mut tracker = Tracker::new(self.limits);
        let mut left = arguments.output.count.unwrap_or(u64::MAX);
        let (mut packets, mut whole) = (0_u64, true);
        while left > 0 && self.goes_on() {
            self.rewriting.iter_mut().for_each(|rewriting| rewriting.look_ahead(&mut files));
            match files.next() {
                Ok(Next::Frame(frame, tap)) if tap.aside.is_some() => {
                    self.aside(&frame, tap, messages);
                    self.log.tell_due(frame.at);
                }
                Ok(Next::Frame(frame, tap)) => {
                    packets += 1;
                    self.log.facts.give(&self.given, frame.tap, &mut self.log.output.namer);
                    match self.admits(&frame, tap) {
                        Ok(true) => {
                            self.frame(&frame, tap, &mut tracker, messages);
                            left -= 1;
                        }
                        Ok(false) => tracker.tick(frame.at, &mut self.log),
                        Err(Unfiltered::Link(why)) => {
                            whole = false;
                            messages.say(&why);
                        }
                        Err(Unfiltered::Wrong(error)) => {
                            messages.say_filter(&error);
                            return Ending::Told(false);
                        }
                    }
                    self.log.tell_due(frame.at);
                }
                Ok(Next::Names(block)) => self.names(&block, &files, messages),
                Ok(Next::Idle(at)) => self.idle(at, &mut tracker),
                Ok(Next::End) | Err(_) => break,
            }
            if packets.is_multiple_of(BAR_EVERY)
                && let Some(bar) = bar
            {
                bar.set_position(files.position());
            }
        }
        self.asides.finish(&mut self.log);
        tracker.finish(&mut self.log);
        self.log.tell_rest();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        if self.log.output.goes_back() {
            return Ending::Again(Box::new(self.log.output));
        }
        Ending::Told(self.finish(&tracker, &mut files, packets, messages) && whole)
    }

    /// Whether anybody wants more of it. Who writes a file wants it whole, though nobody reads the log any more.
    fn goes_on(&self) -> bool {
        let is_over = match &self.rewriting {
            Some(rewriting) => rewriting.has_failed(),
            None => self.log.output.is_over(),
        };
        !is_over && !self.stop.load(Ordering::Relaxed)
    }

    /// Writes the summary, and says what went wrong of the `packets` that were read. False where something did.
    fn finish(mut self, tracker: &Tracker, files: &mut Merged, packets: u64, messages: &mut Messages) -> bool {
        let totals = self.totals(tracker, files);
        let known = self.say_unknown_names(messages);
        let rewriting = self.rewriting.take();
        let rewritten = rewriting.is_none_or(|file| file.finish(files, packets, messages));
        let written = ended(self.log.output.finish(&totals), messages);
        for file in files.files() {
            if let Some(version) = file.newer_taps() {
                messages.say(&format!(
                    "{}: what its interfaces are is told in format version {version}, and this bridgetap reads version 1: \
                     use a newer one",
                    file.name()
                ));
            }
        }
        let mut errors = files.take_errors();
        // A pipe that was left in the middle of a packet was not cut.
        errors.retain(|error| !(self.stop.load(Ordering::Relaxed) && matches!(error, Error::Cut { .. })));
        for error in &errors {
            messages.say(&error.to_string());
        }
        written && rewritten && known && errors.is_empty()
    }

    /// What there is to say of the capture as a whole.
    fn totals(&self, tracker: &Tracker, files: &Merged) -> Totals {
        Totals {
            counters: tracker.counters().clone(),
            undecoded: self.undecoded.clone().into_named(),
            drops: files.drops(),
            events_lost: 0,
            losses: Vec::new(),
            names_forgotten: self.log.output.namer.forgotten(),
            crowded_out: self.log.joiner.as_ref().map_or(0, Joiner::crowded_out),
            interfaces_sharing: files.interfaces_sharing_a_tap(),
            interfaces_nameless: files.nameless_interfaces(),
        }
    }

    /// Whether the capture filter lets a frame through.
    fn admits(&mut self, frame: &Frame<'_>, tap: &Tap) -> Result<bool, Unfiltered> {
        let Some(filter) = &mut self.filter else { return Ok(true) };
        let namer = &self.log.output.namer;
        filter.admits(frame, tap, namer.directory(frame.tap), namer.names_of_addresses(frame.tap))
    }

    /// Says which names of the filters nothing was called. One in the capture filter, which needs an address, is an error.
    fn say_unknown_names(&self, messages: &mut Messages) -> bool {
        let namer = &self.log.output.namer;
        let directory = self.known.and_then(|tap| namer.directory(tap)).map(Arc::as_ref);
        let names = self.known.map(|tap| namer.names_of_addresses(tap));
        for unknown in self.log.output.events.iter().flat_map(|filter| filter.unknown(directory, names)) {
            messages.say(&unknown);
        }
        let wrong = self.filter.as_ref().and_then(|filter| filter.unknown(|tap| namer.names_of_addresses(tap)));
        if let Some(error) = &wrong {
            messages.say_filter(error);
        }
        wrong.is_none()
    }

    /// Follows a packet that tells of others only.
    fn aside(&mut self, frame: &Frame<'_>, tap: &Tap, messages: &mut Messages) {
        self.log.facts.give(&self.given, frame.tap, &mut self.log.output.namer);
        let frame = &self.kept(frame, tap, messages);
        if !self.tells {
            return;
        }
        self.meet(frame, tap);
        if decode::supports(frame.link) {
            self.asides.observe(&decode::decode(frame), &mut self.log);
        }
    }

    /// The capture went on until then, or a pipe is silent.
    fn idle(&mut self, at: Timestamp, tracker: &mut Tracker) {
        self.rewriting.iter_mut().for_each(|rewriting| rewriting.idle(at));
        if at > self.latest {
            self.latest = at;
            tracker.tick(at, &mut self.log);
            self.asides.tick(at, &mut self.log);
            self.log.tell_due(at);
        } else {
            // How late it is in packet time, nobody knows.
            self.log.tell_rest();
        }
    }

    /// Learns of a tap at its first packet, and whether it may have seen what another has.
    fn meet(&mut self, frame: &Frame<'_>, tap: &Tap) {
        self.latest = frame.at;
        if frame.at >= self.log.facts.next() {
            self.log.rename(frame.at);
        }
        if self.known != Some(frame.tap) {
            let namer = &mut self.log.output.namer;
            if !namer.knows_tap(frame.tap) {
                self.log.facts.meet(frame.tap, tap, namer);
            }
            let shares = |known: TapId| known.0 / MAX_TAPS == frame.tap.0 / MAX_TAPS;
            if self.known.is_some_and(shares) || frame.link == LinkType::LINUX_SLL2 {
                let room = self.copies;
                self.log.joiner.get_or_insert_with(|| Joiner::new(HOLD).with_room(room));
            }
            self.known = Some(frame.tap);
        }
    }

    /// A packet as it is written, where a file is.
    fn kept<'a>(&mut self, frame: &Frame<'a>, tap: &Tap, messages: &mut Messages) -> Frame<'a> {
        match &mut self.rewriting {
            Some(rewriting) => rewriting.packet(frame, tap, messages),
            None => *frame,
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, tap: &Tap, tracker: &mut Tracker, messages: &mut Messages) {
        let frame = &self.kept(frame, tap, messages);
        if !self.tells {
            return;
        }
        self.meet(frame, tap);
        if !decode::supports(frame.link) {
            return self.undecoded.add(frame.link, 1);
        }
        let packet = decode::decode(frame);
        if self.log.output.wants_packets() {
            self.log.event(packet_line(&packet, &mut self.words));
            if self.log.output.is_over() {
                return;
            }
        }
        tracker.observe(&packet, &mut self.log);
    }

    fn names(&mut self, block: &NameBlock, files: &Merged, messages: &mut Messages) {
        let told = self.log.facts.learn(block, &self.given, &mut self.log.output.namer).unwrap_or_else(|why| {
            messages.say(&format!("{}: {why}", files.file_of(block.tap)));
            None
        });
        if let Some(rewriting) = &mut self.rewriting {
            rewriting.names(block, told, messages);
        }
    }
}
