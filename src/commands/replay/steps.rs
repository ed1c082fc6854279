//! A story on its way from the thread that follows it to the one that tells it, in the order in which it is to be told.

use std::ops::Range;

use crossbeam_channel::{Receiver, Sender};

use super::events::Events;
use super::following::{OwnSpot, Spot, Spots, Telling};
use super::sent::{SentSegments, segment_event};
use super::teller::Teller;
use super::worded::{Worded, WordedPackets};
use crate::capture::{Error, Frame, LinkType, NameBlock, TapId};
use crate::decode::message::Message;
use crate::decode::{Packet, Segment, Usual};
use crate::digits::Text;
use crate::time::Timestamp;
use crate::track::{Counted, Event, Sink};

/// Steps of a batch.
const MAX_STEPS: usize = 8192;
/// Events of a batch, and bytes that they borrow.
const MAX_EVENTS: usize = 2048;
const MAX_BYTES: usize = 512 * 1024;

/// What happens next.
enum Step {
    /// Packets are of this tap from here on, until another is named.
    Spot(OwnSpot),
    /// A packet.
    Packet(Timestamp),
    Undecoded,
    /// So many of the events.
    Events(usize),
    /// So many of the packets in words. Each says when it was.
    Worded(usize),
    /// So many of the segments. So does each.
    Segments(usize),
    Idle(Timestamp, bool),
    Names(Box<NameBlock>),
    Errors(Vec<Error>),
    Position(u64),
    /// What comes next is of no packet.
    Due,
}

/// Some of the steps of a story.
#[derive(Default)]
pub(super) struct Steps {
    list: Vec<Step>,
    events: Events,
    worded: WordedPackets,
    segments: SentSegments,
    /// What there is to count of what is not told.
    counted: Vec<Counted>,
}

/// Sends the steps of a story to whoever tells it.
pub(super) struct Sending {
    steps: Steps,
    to: Sender<Steps>,
    /// Steps that were told, to be used again.
    back: Receiver<Steps>,
    spots: Spots,
    /// The latest packet, where it was not sent yet: nobody has to know of one of which nothing is told.
    met: Option<Timestamp>,
    /// All events of the latest packet were given. The next packet says so, too.
    is_due: bool,
    is_over: bool,
    packets: Packets,
}

/// How packets are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packets {
    /// If at all.
    Events,
    /// By plain lines that take no events.
    Lines,
    /// The same, and files have told names, and perhaps who has which sockets.
    LinesAndNames,
}

impl Sending {
    pub fn new(to: Sender<Steps>, back: Receiver<Steps>, has_packet_lines: bool) -> Self {
        let (steps, spots) = (Steps::default(), Spots::default());
        let packets = if has_packet_lines { Packets::Lines } else { Packets::Events };
        Self { steps, to, back, spots, met: None, is_due: false, is_over: false, packets }
    }

    /// Where nothing more has to be known of packets than their frames: of the only tap there was so far.
    pub fn settled(&self) -> Option<(TapId, LinkType)> {
        self.spots.only()
    }

    /// Whether packets are told by lines that take no events: those of one tap, which nobody else has seen.
    fn writes_packets(&self) -> bool {
        self.packets != Packets::Events && !self.is_over && self.spots.only().is_some()
    }

    /// What comes next is of the latest packet.
    #[inline]
    fn send_met(&mut self) {
        if let Some(at) = self.met.take() {
            self.push(Step::Packet(at));
        }
    }

    /// A packet was put into words.
    #[inline]
    fn has_worded(&mut self) {
        match self.steps.list.last_mut() {
            Some(Step::Worded(count)) => *count += 1,
            _ => self.steps.list.push(Step::Worded(1)),
        }
        if self.steps.worded.len() >= MAX_EVENTS || self.steps.worded.bytes() >= MAX_BYTES {
            self.flush();
        }
    }

    /// Sends what there is.
    pub fn flush(&mut self) {
        let empty = self.back.try_recv().unwrap_or_default();
        self.is_over |= self.to.send(std::mem::replace(&mut self.steps, empty)).is_err();
    }

    /// What comes next is of no packet.
    #[inline]
    fn pass(&mut self) {
        if self.is_due {
            self.is_due = false;
            self.push(Step::Due);
        }
    }

    #[inline]
    fn push(&mut self, step: Step) {
        self.steps.list.push(step);
        if self.steps.list.len() >= MAX_STEPS {
            self.flush();
        }
    }
}

impl Sink for Sending {
    fn event(&mut self, event: Event<'_>) {
        if self.is_over {
            return;
        }
        self.send_met();
        self.pass();
        self.steps.events.push(event);
        match self.steps.list.last_mut() {
            Some(Step::Events(count)) => *count += 1,
            _ => self.steps.list.push(Step::Events(1)),
        }
        if self.steps.events.len() >= MAX_EVENTS || self.steps.events.bytes() >= MAX_BYTES {
            self.flush();
        }
    }

    /// Where names are told nobody knows here whether sockets are, too, of which events tell more.
    fn only_counts(&self, is_lookup: bool) -> bool {
        self.writes_packets() && !is_lookup && self.packets == Packets::Lines
    }

    fn count(&mut self, counted: &Counted) {
        self.steps.counted.push(*counted);
        if self.steps.counted.len() >= MAX_EVENTS {
            self.flush();
        }
    }
}

impl Telling for Sending {
    #[inline]
    fn meet(&mut self, at: Timestamp, spot: Spot<'_>) {
        if let Some(spot) = self.spots.change(spot) {
            self.push(Step::Spot(spot));
        }
        self.is_due = false;
        self.met = Some(at);
        if self.spots.only().is_none() {
            // Copies are waited for as long as packets come.
            self.send_met();
        }
    }

    fn packet(&mut self, packet: &Packet<'_>, message: Option<&Message<'_>>) -> bool {
        let is_worded = self.writes_packets() && self.steps.worded.packet(packet, message);
        if is_worded {
            self.has_worded();
        }
        is_worded
    }

    #[inline]
    fn segment(&mut self, frame: &Frame<'_>, segment: &Segment<'_>) -> bool {
        let is_sent = self.writes_packets() && self.steps.segments.push(frame, segment);
        if is_sent {
            match self.steps.list.last_mut() {
                Some(Step::Segments(count)) => *count += 1,
                _ => self.steps.list.push(Step::Segments(1)),
            }
            if self.steps.segments.len() >= MAX_EVENTS {
                self.flush();
            }
        }
        is_sent
    }

    fn message(&mut self, frame: &Frame<'_>, usual: &Usual<'_>, message: &Message<'_>) -> bool {
        let is_worded = self.writes_packets();
        if is_worded {
            self.steps.worded.message(frame, usual, message);
            self.has_worded();
        }
        is_worded
    }

    #[inline]
    fn next(&mut self, at: Timestamp) {
        self.is_due = false;
        self.met = Some(at);
    }

    fn undecoded(&mut self, _link: LinkType) {
        self.send_met();
        self.push(Step::Undecoded);
    }

    #[inline]
    fn due(&mut self, _at: Timestamp) {
        self.is_due = true;
    }

    fn idle(&mut self, at: Timestamp, is_later: bool) {
        self.pass();
        self.push(Step::Idle(at, is_later));
    }

    fn names(&mut self, block: &NameBlock) {
        if self.packets == Packets::Lines {
            self.packets = Packets::LinesAndNames;
        }
        self.pass();
        self.push(Step::Names(Box::new(block.clone())));
    }

    fn errors(&mut self, errors: Vec<Error>) {
        self.push(Step::Errors(errors));
    }

    fn position(&mut self, bytes: u64) {
        self.push(Step::Position(bytes));
    }

    fn is_over(&self) -> bool {
        self.is_over
    }
}

/// Tells steps as they come.
#[derive(Default)]
pub(super) struct Hearing {
    /// Where the latest packet was seen.
    spot: Option<OwnSpot>,
    /// When it was, while its events are told.
    due: Option<Timestamp>,
}

impl Hearing {
    /// Tells some steps, and leaves none. False where no more are wanted.
    pub fn tell(&mut self, steps: &mut Steps, teller: &mut Teller<'_>) -> bool {
        let Steps { list, events, worded, segments, counted } = steps;
        let (mut taken, mut told, mut sent, mut options) = (events.take(), 0, 0, 0);
        counted.drain(..).for_each(|counted| teller.count(&counted));
        for step in list.drain(..) {
            match step {
                Step::Worded(count) => {
                    self.pass(teller);
                    let (packets, words) = worded.part(told..told + count);
                    self.worded(packets, words, teller);
                    told += count;
                }
                Step::Segments(count) => {
                    self.pass(teller);
                    self.segments(segments, sent..sent + count, &mut options, teller);
                    sent += count;
                }
                Step::Events(count) => taken.by_ref().take(count).for_each(|event| teller.event(event)),
                step => self.step(step, teller),
            }
            if teller.is_over() {
                return false;
            }
        }
        drop(taken);
        events.clear();
        worded.clear();
        segments.clear();
        true
    }

    fn worded(&self, packets: &[Worded], words: &Text, teller: &mut Teller<'_>) {
        for packet in packets {
            if let Some(spot) = &self.spot {
                teller.give(spot.id);
                teller.meet(packet.at, spot.lent());
            }
            teller.log.worded(packet, words);
            if teller.is_over() {
                return;
            }
        }
    }

    fn segments(&self, all: &SentSegments, range: Range<usize>, options: &mut usize, teller: &mut Teller<'_>) {
        let Some(spot) = &self.spot else { return };
        for (frame, segment) in all.part(range, spot.link, options) {
            teller.give(spot.id);
            teller.meet(frame.at, spot.lent());
            if !teller.log.segment(&frame, &segment) {
                teller.event(segment_event(&frame, &segment));
            }
            if teller.is_over() {
                return;
            }
        }
    }

    fn step(&mut self, step: Step, teller: &mut Teller<'_>) {
        match step {
            Step::Packet(at) => {
                self.pass(teller);
                self.due = Some(at);
                if let Some(spot) = &self.spot {
                    teller.give(spot.id);
                    teller.meet(at, spot.lent());
                }
            }
            Step::Spot(spot) => self.spot = Some(spot),
            Step::Undecoded => {
                if let Some(spot) = &self.spot {
                    teller.undecoded(spot.link);
                }
            }
            Step::Idle(at, is_later) => teller.idle(at, is_later),
            Step::Names(block) => teller.names(&block),
            Step::Errors(errors) => teller.errors(errors),
            Step::Position(bytes) => teller.position(bytes),
            Step::Due | Step::Events(_) | Step::Worded(_) | Step::Segments(_) => self.pass(teller),
        }
    }

    /// All events of the latest packet were told.
    fn pass(&mut self, teller: &mut Teller<'_>) {
        if let Some(at) = self.due.take() {
            teller.due(at);
        }
    }
}
