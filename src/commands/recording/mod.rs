//! Recording: what the taps see goes into capture files, in the order of time and with the names.
//!
//! Tap threads make blocks of their packets and send them in chunks; one thread of its own puts them in order and writes
//! them. Names and what the kernel tells go there beside them, and overtake the packets that are held back.

mod chunk;
mod current;
mod facts;
mod lanes;
mod naming;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use self::chunk::FromTap;
use self::lanes::{HOLD, Lanes};
use self::writer::{Done, Writer};
use super::confined;
use crate::capture::write::{Interface, WriteError};
use crate::capture::{TapId, wall_clock};
use crate::host::Kept;
use crate::time::Timestamp;

pub(super) use self::chunk::Recorder;
pub(super) use self::facts::News;
pub(super) use self::naming::{Rotation, check as check_name};
pub(super) use self::writer::{Progress, Target};

/// Chunks that wait to be put in order: at most 64 MiB. Beyond it the taps wait.
const CHUNKS: usize = 1024;
/// What the kernel told of connections and waits to be written; beyond it the newest is lost, and counted.
const MAX_HEARD: usize = 65_536;
/// How often the thread looks for packets while there are some.
const BUSY: Duration = Duration::from_millis(10);
/// How often it looks otherwise.
const IDLE: Duration = Duration::from_millis(40);

/// What whoever records says to the thread that writes.
enum Order {
    Tap(TapId, Box<Interface>),
    Forget(TapId),
    News(News),
    /// What the kernel told.
    Heard(Box<Kept>),
    Begin(Sender<Result<String, WriteError>>),
    Finish(Timestamp),
}

/// How a recording ended by itself.
#[derive(Debug)]
pub(super) enum Ended {
    /// There are as many files as were asked for.
    Enough,
    /// It could not be written.
    Failed(WriteError),
}

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// It could not be written to the end.
    pub failed: bool,
    /// The file that was written last.
    pub last: String,
    /// Packets of containers that were starting, for which there was no room.
    pub lost: u64,
    /// What the kernel told and found no room.
    pub unheard: u64,
    /// The names take more room than a file has for them.
    pub lacks_names: bool,
}

/// What the kernel told and waits for the thread.
#[derive(Debug, Default)]
struct Backlog {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

/// A recording that goes on.
pub(super) struct Recording {
    orders: Sender<Order>,
    chunks: Sender<FromTap>,
    thread: JoinHandle<Outcome>,
    progress: Arc<Progress>,
    backlog: Arc<Backlog>,
    pub name: String,
}

impl Recording {
    /// Starts the thread that writes, and does nothing else. `tell` is called there once, if the recording ends before it
    /// is told to.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn start(target: Target, tell: impl FnOnce(Ended) + Send + 'static) -> Result<Self, WriteError> {
        let (orders, received) = unbounded();
        let (chunks, packets) = bounded(CHUNKS);
        let progress = Arc::new(Progress::default());
        let name = target.path.to_string_lossy().into_owned();
        let shared = Arc::clone(&progress);
        let backlog = Arc::new(Backlog::default());
        let heard = Arc::clone(&backlog);
        let work = move || {
            confined::writer(std::slice::from_ref(&target.path));
            let writer = Writer::new(target, shared);
            Thread { writer, lanes: Lanes::default(), ended: Vec::new(), received, packets, backlog: heard }.run(tell)
        };
        let no_thread = |source| WriteError::Io { name: "the thread that writes".to_owned(), source };
        let thread = thread::Builder::new().name("recording".to_owned()).spawn(work).map_err(no_thread)?;
        Ok(Self { orders, chunks, thread, progress, backlog, name })
    }

    /// Begins the first file, once it is known what will stand at its beginning.
    ///
    /// # Errors
    /// It is there already, or cannot be made.
    pub fn begin(&mut self) -> Result<(), WriteError> {
        let (tell, told) = bounded(1);
        self.order(Order::Begin(tell));
        self.name = told.recv().unwrap_or_else(|_| Err(ended_early()))?;
        Ok(())
    }

    /// For the thread of a tap.
    pub fn recorder(&self, tap: TapId) -> Recorder {
        Recorder::new(tap, self.chunks.clone())
    }

    /// What a tap is. What it has seen waits for that.
    pub fn tap(&self, id: TapId, interface: Interface) {
        self.order(Order::Tap(id, Box::new(interface)));
    }

    /// Nobody wants what a tap has seen.
    pub fn forget(&self, id: TapId) {
        self.order(Order::Forget(id));
    }

    /// Something became known.
    pub fn learn(&self, news: News) {
        self.order(Order::News(news));
    }

    /// For what listens to the kernel. What finds no room while the disk is stuck is counted.
    pub fn listener(&self) -> impl Fn(Kept) + Send + 'static {
        let (orders, backlog) = (self.orders.clone(), Arc::clone(&self.backlog));
        move |kept| {
            if backlog.waiting.fetch_add(1, Ordering::AcqRel) < MAX_HEARD {
                // The thread has ended where nobody receives, and has said why.
                let _ = orders.send(Order::Heard(Box::new(kept)));
            } else {
                backlog.waiting.fetch_sub(1, Ordering::AcqRel);
                backlog.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What was written so far.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Writes what is left, all taps having ended. Waits for the disk.
    pub fn finish(self) -> Outcome {
        let Self { orders, thread, .. } = self;
        // The thread may have ended by itself.
        let _ = orders.send(Order::Finish(wall_clock()));
        thread.join().unwrap_or(Outcome { failed: true, ..Outcome::default() })
    }

    fn order(&self, order: Order) {
        // The thread has ended where nobody receives, and has said why.
        let _ = self.orders.send(order);
    }
}

fn ended_early() -> WriteError {
    WriteError::Io { name: "the recording".to_owned(), source: std::io::Error::other("its thread ended") }
}

struct Thread {
    writer: Writer,
    lanes: Lanes,
    /// Taps that have ended, and when; what they have seen may still wait.
    ended: Vec<(TapId, Timestamp)>,
    received: Receiver<Order>,
    packets: Receiver<FromTap>,
    backlog: Arc<Backlog>,
}

impl Thread {
    fn run(mut self, tell: impl FnOnce(Ended)) -> Outcome {
        let done = self.work();
        let failed = matches!(&done, Err(Done::Failed(error)) if !matches!(error, WriteError::ReaderGone));
        match done {
            Ok(()) => {}
            Err(Done::Enough) => tell(Ended::Enough),
            Err(Done::Failed(error)) => tell(Ended::Failed(error)),
        }
        let (last, lost) = (self.writer.name().to_owned(), self.lanes.lost());
        let unheard = self.backlog.lost.load(Ordering::Relaxed);
        Outcome { failed, last, lost, unheard, lacks_names: self.writer.lacks_names() }
    }

    fn work(&mut self) -> Result<(), Done> {
        let mut pause = IDLE;
        loop {
            match self.received.recv_timeout(pause) {
                Ok(Order::Finish(at)) => return self.finish(at),
                Ok(order) => self.take(order)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.finish(wall_clock()),
            }
            pause = if self.collect() { BUSY } else { IDLE };
            let now = wall_clock();
            self.writer.write_names(now);
            self.release(now.saturating_sub(HOLD))?;
            self.writer.flush()?;
            self.writer.end_of_last(now.saturating_sub(HOLD))?;
        }
    }

    fn take(&mut self, order: Order) -> Result<(), Done> {
        match order {
            Order::Tap(id, interface) => {
                // Packets that it has seen already were in its ring, or were held back.
                self.writer.tap(id, *interface, wall_clock());
                self.lanes.know(id);
            }
            Order::Forget(id) => {
                // Its last packets were sent before this, and would be another tap's of that number.
                self.collect();
                self.lanes.forget(id);
            }
            Order::News(news) => self.writer.learn(news, wall_clock()),
            Order::Heard(kept) => {
                self.backlog.waiting.fetch_sub(1, Ordering::AcqRel);
                self.writer.learn(News::Host(kept), wall_clock());
            }
            Order::Begin(tell) => {
                let begun = self.writer.begin(wall_clock());
                if begun.is_ok() {
                    self.lanes.begin();
                }
                let name = self.writer.name().to_owned();
                let _ = tell.send(begun.map(|()| name));
            }
            Order::Finish(at) => self.finish(at)?,
        }
        Ok(())
    }

    /// Takes in what the taps have sent, as far as there is room. Gives whether that was anything.
    fn collect(&mut self) -> bool {
        let mut any = false;
        while !self.lanes.is_full()
            && let Ok(message) = self.packets.try_recv()
        {
            any = true;
            match message {
                FromTap::Packets(chunk) => {
                    self.writer.set_drops(chunk.tap, chunk.drops);
                    self.lanes.push(chunk);
                }
                FromTap::Ended { tap, drops, at } => {
                    self.writer.set_drops(tap, drops);
                    self.ended.push((tap, at));
                }
            }
        }
        any
    }

    fn release(&mut self, until: Timestamp) -> Result<(), Done> {
        let Self { writer, lanes, ended, .. } = self;
        lanes.release(until, |tap, at, block| writer.packet(tap, at, block))?;
        ended.retain(|(tap, at)| {
            let waits = lanes.has(*tap);
            if !waits {
                writer.end(*tap, *at);
                lanes.forget(*tap);
            }
            waits
        });
        Ok(())
    }

    fn finish(&mut self, at: Timestamp) -> Result<(), Done> {
        while let Ok(order) = self.received.try_recv() {
            if !matches!(order, Order::Finish(_)) {
                self.take(order)?;
            }
        }
        self.collect();
        self.writer.write_names(Timestamp::MAX);
        self.release(Timestamp::MAX)?;
        Ok(self.writer.finish(at)?)
    }
}

#[cfg(test)]
mod tests;
