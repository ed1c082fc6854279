//! A story of capture files: read, followed and told, by one thread or by several.

use std::sync::atomic::{AtomicBool, Ordering};

use super::super::Messages;
use super::super::output::{Output, ended};
use super::super::rewriting::Rewriting;
use super::BAR_EVERY;
use super::beside::Threads;
use super::following::{Following, Spot, Telling};
use super::teller::Teller;
use crate::capture::file::Merged;
use crate::capture::{Error, Frame, NameBlock, Next, Source, Tap};
use crate::decode;
use crate::filter::{FrameFilter, Unfiltered};
use crate::join::Joiner;
use crate::render::summary::Totals;
use crate::time::Timestamp;

/// The log of capture files, as it is told.
pub(super) struct Story<'a> {
    pub teller: Teller<'a>,
    pub following: Following,
    pub filter: Option<FrameFilter>,
    /// The file that is written, if any.
    pub rewriting: Option<Rewriting>,
    /// There is a log.
    pub tells: bool,
    /// Set when the log is to end.
    pub stop: &'a AtomicBool,
    /// How many packets are wanted.
    pub left: u64,
    /// How many were read.
    pub packets: u64,
    /// How many were, when the bar last moved.
    pub shown: u64,
}

/// How a telling ended.
pub(super) enum Ending {
    /// With its summary. False where a file could not be read to its end, or the log not be written.
    Told(bool),
    /// Somebody wants it from the start.
    Again(Box<Output>),
}

impl Story<'_> {
    /// Tells it all.
    pub fn tell(mut self, files: &mut Merged, threads: Threads) -> Ending {
        let read = match threads {
            Threads::One => self.read(files),
            _ => self.beside(files, threads),
        };
        let Some(whole) = read else { return Ending::Told(false) };
        self.teller.tell_rest();
        if self.teller.log.output.goes_back() {
            return Ending::Again(Box::new(self.teller.log.output));
        }
        Ending::Told(self.finish(files) && whole)
    }

    /// Reads and tells everything, on one thread. False where something was left out, `None` where the filter is wrong.
    pub(super) fn read(&mut self, files: &mut Merged) -> Option<bool> {
        let mut whole = true;
        while self.left > 0 && self.goes_on() {
            self.read_buffered(files);
            if self.left == 0 {
                break;
            }
            self.rewriting.iter_mut().for_each(|rewriting| rewriting.look_ahead(files));
            match files.next() {
                Ok(Next::Frame(frame, tap)) if tap.aside.is_some() => {
                    self.teller.give(frame.tap);
                    self.frame(&frame, tap);
                    self.teller.due(frame.at);
                }
                Ok(Next::Frame(frame, tap)) => {
                    self.packets += 1;
                    self.teller.give(frame.tap);
                    match self.admits(&frame, tap) {
                        Ok(true) => {
                            self.frame(&frame, tap);
                            self.left -= 1;
                        }
                        Ok(false) => self.following.pass(frame.at, &mut self.teller),
                        Err(Unfiltered::Link(why)) => {
                            whole = false;
                            self.teller.messages.say(&why);
                        }
                        Err(Unfiltered::Wrong(error)) => {
                            self.teller.messages.say_filter(&error);
                            return None;
                        }
                    }
                    self.teller.due(frame.at);
                }
                Ok(Next::Names(block)) => self.names(&block),
                Ok(Next::Idle(at)) => self.idle(at),
                Ok(Next::End) | Err(_) => break,
            }
            if self.packets - self.shown >= BAR_EVERY {
                self.shown = self.packets;
                self.teller.position(files.position());
            }
        }
        self.following.finish(&mut self.teller);
        Some(whole)
    }

    /// Follows packets that were read already, for as long as all that has to be done with them is that. Whether anybody
    /// wants more is asked of so many at once.
    #[inline(never)]
    fn read_buffered(&mut self, files: &mut Merged) {
        let Self { teller, following, filter: None, rewriting: None, tells: true, left, packets, .. } = self else {
            return;
        };
        let Some(settled) = teller.settled() else { return };
        let until = teller.next_name();
        files.each_buffered(|frames| {
            let taken = following.take(frames, settled, until, *left, teller);
            (*packets, *left) = (*packets + taken as u64, *left - taken as u64);
            taken
        });
    }

    /// Whether anybody wants more of it. Who writes a file wants it whole, though nobody reads the log any more.
    fn goes_on(&self) -> bool {
        let is_over = match &self.rewriting {
            Some(rewriting) => rewriting.has_failed(),
            None => self.teller.is_over(),
        };
        !is_over && !self.stop.load(Ordering::Relaxed)
    }

    /// Writes the summary, and says what went wrong of the packets that were read. False where something did.
    fn finish(self, files: &mut Merged) -> bool {
        let totals = self.totals(files);
        let Self { mut teller, filter, rewriting, packets, stop, .. } = self;
        let known = teller.say_unknown_names(filter.as_ref());
        let Teller { log, mut errors, messages, .. } = teller;
        let rewritten = rewriting.is_none_or(|file| file.finish(files, packets, messages));
        let written = ended(log.output.finish(&totals), messages);
        say_newer(files, messages);
        errors.append(&mut files.take_errors());
        // A pipe that was left in the middle of a packet was not cut.
        errors.retain(|error| !(stop.load(Ordering::Relaxed) && matches!(error, Error::Cut { .. })));
        for error in &errors {
            messages.say(&error.to_string());
        }
        written && rewritten && known && errors.is_empty()
    }

    /// What there is to say of the capture as a whole.
    fn totals(&self, files: &Merged) -> Totals {
        let log = &self.teller.log;
        Totals {
            counters: self.following.tracker().counters().clone(),
            undecoded: self.teller.undecoded.clone().into_named(),
            drops: files.drops(),
            events_lost: 0,
            losses: Vec::new(),
            names_forgotten: log.output.namer.forgotten(),
            crowded_out: log.joiner.as_ref().map_or(0, Joiner::crowded_out),
            interfaces_sharing: files.interfaces_sharing_a_tap(),
            interfaces_nameless: files.nameless_interfaces(),
        }
    }

    /// Whether the capture filter lets a frame through.
    fn admits(&mut self, frame: &Frame<'_>, tap: &Tap) -> Result<bool, Unfiltered> {
        let Some(filter) = &mut self.filter else { return Ok(true) };
        let namer = &self.teller.log.output.namer;
        filter.admits(frame, tap, namer.directory(frame.tap), namer.names_of_addresses(frame.tap))
    }

    /// The capture went on until then, or a pipe is silent.
    fn idle(&mut self, at: Timestamp) {
        self.rewriting.iter_mut().for_each(|rewriting| rewriting.idle(at));
        self.following.idle(at, &mut self.teller);
    }

    /// A packet is written, where a file is, and followed as it was written.
    fn frame(&mut self, frame: &Frame<'_>, tap: &Tap) {
        let frame = match &mut self.rewriting {
            Some(rewriting) => rewriting.packet(frame, tap, self.teller.messages),
            None => *frame,
        };
        if !self.tells {
            return;
        }
        let spot = Spot { id: frame.tap, link: frame.link, tap };
        match decode::supports(frame.link) {
            true => self.following.packet(frame.at, spot, Some(&decode::decode(&frame)), &mut self.teller),
            false => self.following.packet(frame.at, spot, None, &mut self.teller),
        }
    }

    fn names(&mut self, block: &NameBlock) {
        let told = self.teller.learn(block);
        if let Some(rewriting) = &mut self.rewriting {
            rewriting.names(block, told, self.teller.messages);
        }
    }
}

/// Says which files say what their interfaces are in words that are yet to be learned.
fn say_newer(files: &Merged, messages: &mut Messages) {
    for file in files.files() {
        if let Some(version) = file.newer_taps() {
            messages.say(&format!(
                "{}: what its interfaces are is told in format version {version}, and this bridgetap reads version 1: \
                 use a newer one",
                file.name()
            ));
        }
    }
}
