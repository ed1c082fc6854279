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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use crossbeam_channel::{Receiver, unbounded};

    use super::*;
    use crate::decode::content::Content;
    use crate::track::event::{Nodes, PacketLine, Place, Seen};

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(1_750_000_000_000_000_000 + millis * 1_000_000)
    }

    /// A packet that was seen then, in so many bytes of words.
    fn event(millis: u64, words: &'static str) -> Event<'static> {
        Event::Packet(PacketLine {
            place: Place::default(),
            nodes: Nodes::default(),
            seen: Seen { number: 1, at: at(millis) },
            ends: None,
            macs: (None, None),
            kind: "tcp",
            content: Content::ArpRequest,
            words: Cow::Borrowed(words),
            wire_len: 60,
        })
    }

    fn outbox(stop: &Stop) -> (Outbox, Receiver<Message>, Arc<Queue>) {
        let ((sender, receiver), queue) = (unbounded(), Arc::new(Queue::default()));
        (Outbox::new(TapId(2), sender, Arc::clone(&queue), stop.clone()), receiver, queue)
    }

    fn events(receiver: &Receiver<Message>, queue: &Queue) -> usize {
        let mut count = 0;
        for message in receiver.try_iter() {
            let Message::Events(batch) = message else { panic!("{message:?}") };
            queue.taken(&batch);
            count += batch.events.len();
        }
        count
    }

    #[test]
    fn a_batch_goes_when_it_is_full_or_old() {
        let (mut outbox, receiver, queue) = outbox(&Stop::new().unwrap());
        for number in 0..BATCH as u64 - 1 {
            outbox.pass(at(number / 100));
            outbox.push(event(0, "words"));
        }
        assert!(receiver.is_empty() && outbox.is_waiting());
        outbox.push(event(0, "words"));
        assert_eq!((events(&receiver, &queue), outbox.is_waiting()), (BATCH, false));
        outbox.push(event(2, "words"));
        outbox.pass(at(7));
        assert!(receiver.is_empty());
        outbox.pass(at(8));
        assert_eq!(events(&receiver, &queue), 1);
        assert_eq!((queue.events.load(Ordering::Relaxed), queue.bytes.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn what_finds_no_room_is_counted_and_told_with_its_times_once_a_second() {
        let (mut outbox, receiver, queue) = outbox(&Stop::new().unwrap());
        for _ in 0..EVENTS {
            outbox.push(event(0, ""));
        }
        assert!(queue.is_full());
        for millis in [10, 30, 20] {
            outbox.push(event(millis, ""));
        }
        outbox.pass(at(1009));
        assert_eq!(events(&receiver, &queue), EVENTS);
        outbox.pass(at(1010));
        let Ok(Message::Lost(loss)) = receiver.try_recv() else { panic!("nothing was told") };
        assert_eq!(loss, Loss { tap: TapId(2), by: By::Queue, count: 3, since: at(10), until: at(30) });
        outbox.push(event(1011, ""));
        outbox.finish();
        assert_eq!(events(&receiver, &queue), 1, "there is room again");
    }

    #[test]
    fn long_words_fill_it_too() {
        let long: &'static str = "x".repeat(BYTES / BATCH).leak();
        let (mut outbox, _receiver, queue) = outbox(&Stop::new().unwrap());
        for _ in 0..BATCH {
            outbox.push(event(0, long));
        }
        assert!(queue.is_full());
    }

    #[test]
    fn who_ends_waits_for_room() {
        let stop = Stop::new().unwrap();
        let (mut outbox, receiver, queue) = outbox(&stop);
        for _ in 0..EVENTS {
            outbox.push(event(0, ""));
        }
        stop.request();
        let slow = Arc::clone(&queue);
        let reader = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            (events(&receiver, &slow), receiver)
        });
        outbox.push(event(1, ""));
        let (before, receiver) = reader.join().unwrap();
        outbox.finish();
        assert_eq!((before, events(&receiver, &queue)), (EVENTS, 1));
    }
}
