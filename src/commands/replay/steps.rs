//! A story on its way from the thread that follows it to the one that tells it, in the order in which it is to be told.

use crossbeam_channel::{Receiver, Sender};

use super::events::Events;
use super::following::{OwnSpot, Spot, Spots, Telling};
use super::teller::Teller;
use crate::capture::{Error, LinkType, NameBlock};
use crate::time::Timestamp;
use crate::track::{Event, Sink};

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
}

/// Sends the steps of a story to whoever tells it.
pub(super) struct Sending {
    steps: Steps,
    to: Sender<Steps>,
    /// Steps that were told, to be used again.
    back: Receiver<Steps>,
    spots: Spots,
    /// All events of the latest packet were given. The next packet says so, too.
    is_due: bool,
    is_over: bool,
}

impl Sending {
    pub fn new(to: Sender<Steps>, back: Receiver<Steps>) -> Self {
        Self { steps: Steps::default(), to, back, spots: Spots::default(), is_due: false, is_over: false }
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
}

impl Telling for Sending {
    #[inline]
    fn meet(&mut self, at: Timestamp, spot: Spot<'_>) {
        if let Some(spot) = self.spots.change(spot) {
            self.push(Step::Spot(spot));
        }
        self.is_due = false;
        self.push(Step::Packet(at));
    }

    fn undecoded(&mut self, _link: LinkType) {
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
        let Steps { list, events } = steps;
        let mut taken = events.take();
        for step in list.drain(..) {
            match step {
                Step::Events(count) => taken.by_ref().take(count).for_each(|event| teller.event(event)),
                step => self.step(step, teller),
            }
            if teller.is_over() {
                return false;
            }
        }
        drop(taken);
        events.clear();
        true
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
            Step::Due | Step::Events(_) => self.pass(teller),
        }
    }

    /// All events of the latest packet were told.
    fn pass(&mut self, teller: &mut Teller<'_>) {
        if let Some(at) = self.due.take() {
            teller.due(at);
        }
    }
}
