//! From the taps to the log: events in batches, so that neither side pays for each, and in no more memory than agreed.
//!
//! A tap never waits for the log while it captures. Where the log falls behind and the queue is full, events are dropped
//! before they are copied, counted, and it is said from when to when. Once a tap is to end nothing more is captured, and
//! it may wait a while for what its ring still holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::losses::Loss;
use super::tap::Message;
use crate::capture::{Stop, TapId};
use crate::render::losses::By;
use crate::time::Timestamp;
use crate::track::{Event, Sink};

/// As many events wait for the log, of all taps together.
pub(super) const EVENTS: usize = 65_536;
/// And as many bytes of their names and words.
const BYTES: usize = 16 << 20;
/// Events that go at a time; a batch that is not full goes before its tap sleeps.
const BATCH: usize = 256;
/// The oldest event of a batch waits no longer than this, in packet time, though packets keep coming.
const PATIENCE: Duration = Duration::from_millis(5);
/// How long a tap that ends waits for room, all in all: a reader that stalls for so long does not want the rest.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// And how often it looks.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(1);
/// What was dropped is told at most this often, in packet time.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// While so many messages wait, as where nobody reads the log, losses are not told one by one.
const MESSAGES: usize = 4096;

/// What is on its way, of all taps.
#[derive(Debug, Default)]
pub(super) struct Queue {
    events: AtomicUsize,
    bytes: AtomicUsize,
}

impl Queue {
    fn is_full(&self) -> bool {
        self.events.load(Ordering::Relaxed) >= EVENTS || self.bytes.load(Ordering::Relaxed) >= BYTES
    }

    fn add(&self, batch: &Batch) {
        self.events.fetch_add(batch.events.len(), Ordering::Relaxed);
        self.bytes.fetch_add(batch.bytes, Ordering::Relaxed);
    }

    /// A batch has come out.
    pub fn taken(&self, batch: &Batch) {
        self.events.fetch_sub(batch.events.len(), Ordering::Relaxed);
        self.bytes.fetch_sub(batch.bytes, Ordering::Relaxed);
    }
}

/// Events that go together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub events: Vec<Event<'static>>,
    bytes: usize,
}

/// A tap's end of the queue.
pub(super) struct Outbox {
    id: TapId,
    sender: Sender<Message>,
    queue: Arc<Queue>,
    stop: Stop,
    batch: Batch,
    /// The packet that is followed, and the one that was when the batch was begun.
    at: Timestamp,
    begun: Timestamp,
    /// Events that found the queue full, and were not told of yet.
    missing: Option<Loss>,
    /// How long it may still wait, once it is to end.
    patience: Duration,
}

impl Sink for Outbox {
    fn event(&mut self, event: Event<'_>) {
        self.push(event);
    }
}

impl Outbox {
    pub fn new(id: TapId, sender: Sender<Message>, queue: Arc<Queue>, stop: Stop) -> Self {
        let (batch, at) = (Batch::default(), Timestamp::ZERO);
        Self { id, sender, queue, stop, batch, at, begun: at, missing: None, patience: LAST_WORDS }
    }

    /// Whether events wait to go.
    pub fn is_waiting(&self) -> bool {
        !self.batch.events.is_empty()
    }

    /// A packet of that time is followed next. What has waited for long enough goes.
    pub fn pass(&mut self, at: Timestamp) {
        self.at = at;
        if self.is_waiting() && at.since(self.begun) > PATIENCE {
            self.send();
        }
        // Also after the clock was set back.
        let is_due = |missing: &mut Loss| at.since(missing.since).max(missing.since.since(at)) >= TELL_EVERY;
        if self.missing.is_some()
            && self.has_room_for_losses()
            && let Some(missing) = self.missing.take_if(is_due)
        {
            self.tell(Message::Lost(missing));
        }
    }

    /// Takes an event; drops it where the queue is full.
    pub fn push(&mut self, event: Event<'_>) {
        if self.queue.is_full() && !self.waits_for_room() {
            let at = event.known_at();
            let loss = Loss { tap: self.id, by: By::Queue, count: 1, since: at, until: at };
            match &mut self.missing {
                Some(missing) => missing.add(&loss),
                None => self.missing = Some(loss),
            }
            return;
        }
        if self.batch.events.is_empty() {
            self.begun = self.at;
            self.batch.events.reserve_exact(BATCH);
        }
        self.batch.bytes += event.owned_bytes();
        self.batch.events.push(event.into_owned());
        if self.batch.events.len() >= BATCH {
            self.send();
        }
    }

    /// Sends what waits.
    pub fn send(&mut self) {
        if self.is_waiting() {
            let batch = std::mem::take(&mut self.batch);
            self.queue.add(&batch);
            self.tell(Message::Events(batch));
        }
    }

    /// Sends all that there is, at the end.
    pub fn finish(&mut self) {
        self.send();
        if let Some(missing) = self.missing.take() {
            self.tell(Message::Lost(missing));
        }
    }

    /// Whether something can be told that is no event. What cannot be is told later.
    pub fn has_room_for_losses(&self) -> bool {
        self.sender.len() < MESSAGES
    }

    /// Sends a message.
    pub fn tell(&self, message: Message) {
        // Whoever receives is gone only when the program ends.
        let _ = self.sender.send(message);
    }

    /// Whether there is room after a while, where nothing is captured any more.
    fn waits_for_room(&mut self) -> bool {
        if !self.stop.is_requested() {
            return false;
        }
        while self.queue.is_full() && !self.patience.is_zero() {
            thread::sleep(LOOK_FOR_ROOM);
            self.patience = self.patience.saturating_sub(LOOK_FOR_ROOM);
        }
        !self.queue.is_full()
    }
}
