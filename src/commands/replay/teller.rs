//! What of a replay is told: from events to lines, with the names that are known by then.

use std::sync::Arc;

use indicatif::ProgressBar;

use super::super::Messages;
use super::super::facts::Facts;
use super::super::given_names::GivenNames;
use super::super::log::Log;
use super::super::output::Output;
use super::super::undecoded::Undecoded;
use super::following::{Spot, Telling};
use crate::capture::file::MAX_TAPS;
use crate::capture::{Error, Frame, LinkType, NameBlock, TapId};
use crate::decode::message::Message;
use crate::decode::{self, Packet, Segment, Usual};
use crate::docker::Snapshot;
use crate::filter::FrameFilter;
use crate::join::{HOLD, Joiner};
use crate::time::Timestamp;
use crate::track::{Counted, Event, Sink};

/// Tells what is found out, and says what goes wrong meanwhile.
pub(super) struct Teller<'a> {
    pub log: Log,
    pub undecoded: Undecoded,
    /// What went wrong with the files.
    pub errors: Vec<Error>,
    pub messages: &'a mut Messages,
    /// What the user gave.
    given: GivenNames,
    /// How many events wait for their copies.
    copies: usize,
    /// The tap of the latest packet that was read, told or not.
    read: Option<TapId>,
    /// The tap of the latest packet, whose description the namer has.
    known: Option<TapId>,
    /// That tap and what its packets begin with, where they are told like any other.
    settled: Option<(TapId, LinkType)>,
    /// What the files are called, in their order.
    files: Vec<String>,
    bar: Option<&'a ProgressBar>,
}

/// How it is to be told.
pub(super) struct Wanted {
    pub given: GivenNames,
    pub copies: usize,
    pub is_filtered: bool,
    pub files: Vec<String>,
}

impl<'a> Teller<'a> {
    pub fn new(output: Output, wanted: Wanted, messages: &'a mut Messages, bar: Option<&'a ProgressBar>) -> Self {
        let mut facts = Facts::default();
        facts.is_filtered = wanted.is_filtered;
        let log = Log { output, joiner: None, facts };
        let Wanted { given, copies, files, .. } = wanted;
        let (undecoded, errors) = (Undecoded::default(), Vec::new());
        Self { log, undecoded, errors, messages, given, copies, read: None, known: None, settled: None, files, bar }
    }

    /// Names that the user gave hold from the first packet of a file on, be it left out or not.
    #[inline]
    pub fn give(&mut self, tap: TapId) {
        if self.read != Some(tap) {
            self.read = Some(tap);
            self.log.facts.give(&self.given, tap, &mut self.log.output.namer);
        }
    }

    /// The tap of the latest packet and what that began with, where nothing more has to be asked of the next that has both:
    /// it can be decoded, is there for itself, may not have been seen by another tap, and is told when its turn comes.
    pub fn settled(&self) -> Option<(TapId, LinkType)> {
        self.settled.filter(|_| self.log.joiner.is_none() && self.log.output.pacer.is_none())
    }

    /// When somebody is called otherwise.
    pub const fn next_name(&self) -> Timestamp {
        self.log.facts.next()
    }

    /// Learns what a block tells. The Directory in it, if any.
    pub fn learn(&mut self, block: &NameBlock) -> Option<Snapshot> {
        self.log.facts.learn(block, &self.given, &mut self.log.output.namer).unwrap_or_else(|why| {
            let file = self.files.get((block.tap.0 / MAX_TAPS) as usize).map_or("", String::as_str);
            self.messages.say(&format!("{file}: {why}"));
            None
        })
    }

    /// Everything was told.
    pub fn tell_rest(&mut self) {
        self.log.tell_rest();
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }

    /// Says which names of the filters nothing was called. One in the capture filter, which needs an address, is an error.
    pub fn say_unknown_names(&mut self, filter: Option<&FrameFilter>) -> bool {
        let namer = &self.log.output.namer;
        let directory = self.known.and_then(|tap| namer.directory(tap)).map(Arc::as_ref);
        let names = self.known.map(|tap| namer.names_of_addresses(tap));
        for unknown in self.log.output.events.iter().flat_map(|filter| filter.unknown(directory, names)) {
            self.messages.say(&unknown);
        }
        let wrong = filter.and_then(|filter| filter.unknown(|tap| namer.names_of_addresses(tap)));
        if let Some(error) = &wrong {
            self.messages.say_filter(error);
        }
        wrong.is_none()
    }
}

impl Sink for Teller<'_> {
    fn event(&mut self, event: Event<'_>) {
        self.log.event(event);
    }

    fn only_counts(&self, is_lookup: bool) -> bool {
        self.log.only_counts(is_lookup)
    }

    fn count(&mut self, counted: &Counted) {
        self.log.count(counted);
    }
}

impl Telling for Teller<'_> {
    /// Learns of a tap at its first packet, and whether it may have seen what another has.
    #[inline]
    fn meet(&mut self, at: Timestamp, spot: Spot<'_>) {
        if at >= self.log.facts.next() {
            self.log.rename(at);
        }
        if self.known != Some(spot.id) {
            let namer = &mut self.log.output.namer;
            if !namer.knows_tap(spot.id) {
                self.log.facts.meet(spot.id, spot.tap, namer);
            }
            let shares = |known: TapId| known.0 / MAX_TAPS == spot.id.0 / MAX_TAPS;
            if self.known.is_some_and(shares) || spot.link == LinkType::LINUX_SLL2 {
                let room = self.copies;
                self.log.joiner.get_or_insert_with(|| Joiner::new(HOLD).with_room(room));
            }
            self.known = Some(spot.id);
        }
        let is_plain = spot.tap.aside.is_none() && decode::supports(spot.link);
        self.settled = is_plain.then_some((spot.id, spot.link));
    }

    fn packet(&mut self, packet: &Packet<'_>, message: Option<&Message<'_>>) -> bool {
        self.log.packet(packet, message)
    }

    #[expect(clippy::inline_always, reason = "a segment that is lent in line needs no memory")]
    #[inline(always)]
    fn segment(&mut self, frame: &Frame<'_>, segment: &Segment<'_>) -> bool {
        self.log.segment(frame, segment)
    }

    fn message(&mut self, frame: &Frame<'_>, usual: &Usual<'_>, message: &Message<'_>) -> bool {
        self.log.message(frame, usual, message)
    }

    fn undecoded(&mut self, link: LinkType) {
        self.undecoded.add(link, 1);
    }

    #[inline]
    fn due(&mut self, at: Timestamp) {
        if self.log.joiner.is_some() {
            self.log.tell_due(at);
        }
    }

    fn idle(&mut self, at: Timestamp, is_later: bool) {
        if is_later {
            self.log.tell_due(at);
        } else {
            // How late it is in packet time, nobody knows.
            self.log.tell_rest();
        }
    }

    fn names(&mut self, block: &NameBlock) {
        self.learn(block);
    }

    fn errors(&mut self, mut errors: Vec<Error>) {
        self.errors.append(&mut errors);
    }

    fn position(&mut self, bytes: u64) {
        if let Some(bar) = self.bar {
            bar.set_position(bytes);
        }
    }

    #[inline]
    fn is_over(&self) -> bool {
        self.log.output.is_over()
    }
}
