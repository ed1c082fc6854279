//! A story read, followed and told by several threads beside each other: the same story, sooner.
//!
//! Where packets are taken over, and where events are, the work is cut; a cut hands over batches, which come back to be
//! used again. There are [`QUEUE`] batches on their way at most. A thread that ends, by whatever cause, closes its ends
//! of the channels, and with that the others end.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::super::output::Output;
use super::BAR_EVERY;
use super::following::{Following, Spot, Telling};
use super::packets::{Followed, Reading};
use super::steps::{Hearing, Sending, Steps};
use super::story::Story;
use super::teller::Teller;
use crate::capture::file::{FileSource, Merged};
use crate::capture::{Next, Source};
use crate::cli;
use crate::decode;
use crate::privilege;
use crate::time::Timestamp;

/// As many batches wait to be taken over.
const QUEUE: usize = 4;

/// Files that are smaller are told before threads would pay, in bytes.
const LARGE: u64 = 4 * 1024 * 1024;

/// Which threads there are beside the one that tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threads {
    /// None.
    One,
    /// One that reads and decodes.
    Reading,
    /// One that reads, decodes and follows.
    Following,
    /// One that reads and decodes, and one that follows.
    Both,
}

impl Threads {
    /// As the user wants it, where nobody waits for what has arrived by now.
    pub fn of(arguments: &cli::Replay, files: &[FileSource], output: &Output, is_filtered: bool) -> Self {
        let size = files.iter().map(FileSource::size).sum::<Option<u64>>();
        let Some(size) = size else { return Self::One };
        // Names decide what passes a filter, and what is written into a file; they are known where it is told.
        if output.pacer.is_some() || is_filtered || arguments.rewriting.write.is_some() {
            return Self::One;
        }
        // A summary tells nothing meanwhile, and is no sooner there (docs/performance.md, Two processors).
        let tells = !arguments.output.summary || output.measures();
        let most = match arguments.threads {
            Some(most) => most.into(),
            None if size < LARGE || !tells => 1,
            None => thread::available_parallelism().map_or(1, NonZeroUsize::get),
        };
        match (most, tells) {
            (0 | 1, _) => Self::One,
            (_, false) => Self::Reading,
            (2, true) => Self::Following,
            (3.., true) => Self::Both,
        }
    }
}

impl Story<'_> {
    /// Reads and tells everything with these threads. False where something was left out, `None` where the filter is
    /// wrong.
    pub(super) fn beside(&mut self, files: &mut Merged, threads: Threads) -> Option<bool> {
        let began = match threads {
            Threads::One => false,
            Threads::Reading => self.read_beside(files),
            Threads::Following => self.follow_beside(files),
            Threads::Both => self.both_beside(files),
        };
        // Where there can be no more threads, one does it all.
        if began { Some(true) } else { self.read(files) }
    }

    /// One thread reads and decodes, this one follows and tells. False where there can be no other thread.
    fn read_beside(&mut self, files: &mut Merged) -> bool {
        let (to, from) = bounded(QUEUE);
        let (back, emptied) = bounded(2 * QUEUE);
        let (stop, left) = (self.stop, self.left);
        let Self { following, teller, .. } = self;
        thread::scope(|scope| {
            let mut reading = Reading::new(to, emptied);
            let reader = spawn(scope, "reading", move || read(files, &mut reading, stop, left));
            let Some(reader) = reader else { return false };
            let mut followed = Followed::default();
            for batch in &from {
                let Some(room) = followed.follow(batch, following, teller) else { break };
                let _ = back.try_send(room);
            }
            drop(from);
            join(reader);
            following.finish(teller);
            true
        })
    }

    /// One thread reads, decodes and follows, this one tells.
    fn follow_beside(&mut self, files: &mut Merged) -> bool {
        let (to, from) = bounded(QUEUE);
        let (back, emptied) = bounded(2 * QUEUE);
        let (stop, left) = (self.stop, self.left);
        let Self { following, teller, .. } = self;
        let has_packet_lines = teller.log.output.has_packet_lines();
        thread::scope(|scope| {
            let mut sending = Sending::new(to, emptied, has_packet_lines);
            let follower = spawn(scope, "following", move || follow(files, following, &mut sending, stop, left));
            let Some(follower) = follower else { return false };
            tell(from, &back, teller);
            join(follower);
            true
        })
    }

    /// One thread reads and decodes, one follows, this one tells. False where there can be no other threads.
    fn both_beside(&mut self, files: &mut Merged) -> bool {
        let (to, read_from) = bounded(QUEUE);
        let (read_back, emptied) = bounded(2 * QUEUE);
        let (stop, left) = (self.stop, self.left);
        let Self { following, teller, .. } = self;
        let has_packet_lines = teller.log.output.has_packet_lines();
        thread::scope(|scope| {
            let mut reading = Reading::new(to, emptied);
            let (to, from) = bounded(QUEUE);
            let (back, emptied) = bounded(2 * QUEUE);
            let mut sending = Sending::new(to, emptied, has_packet_lines);
            let follower = spawn(scope, "following", move || {
                let mut followed = Followed::default();
                for batch in &read_from {
                    let Some(room) = followed.follow(batch, following, &mut sending) else { break };
                    let _ = read_back.try_send(room);
                }
                following.finish(&mut sending);
                sending.flush();
            });
            let Some(follower) = follower else { return false };
            // The last: whoever reads has read something.
            let reader = spawn(scope, "reading", move || read(files, &mut reading, stop, left));
            let Some(reader) = reader else { return false };
            tell(from, &back, teller);
            join(follower);
            join(reader);
            true
        })
    }
}

/// Reads and decodes everything.
fn read(files: &mut Merged, to: &mut Reading, stop: &AtomicBool, left: u64) {
    take_all(files, stop, left, |taken| {
        match taken {
            Taken::Next(Next::Frame(frame, tap)) => to.frame(&frame, tap),
            Taken::Next(Next::Names(block)) => to.names(block),
            Taken::Next(Next::Idle(at)) => to.idle(at),
            Taken::Next(Next::End) | Taken::Buffered(..) => {}
            Taken::Position(bytes) => to.position(bytes),
        }
        !to.is_over()
    });
    to.errors(files.take_errors());
    to.flush();
}

/// Reads, decodes and follows everything.
fn follow(files: &mut Merged, following: &mut Following, to: &mut Sending, stop: &AtomicBool, left: u64) {
    take_all(files, stop, left, |taken| {
        match taken {
            Taken::Buffered(files, left) => {
                let Some(settled) = to.settled() else { return true };
                files.each_buffered(|frames| {
                    // Names are known where it is told.
                    let taken = following.take(frames, settled, Timestamp::MAX, *left, to);
                    *left -= taken as u64;
                    taken
                });
            }
            Taken::Next(Next::Frame(frame, tap)) => {
                let spot = Spot { id: frame.tap, link: frame.link, tap };
                match decode::supports(frame.link) {
                    true => following.packet(frame.at, spot, Some(&decode::decode(&frame)), to),
                    false => following.packet(frame.at, spot, None, to),
                }
                to.due(frame.at);
            }
            Taken::Next(Next::Names(block)) => to.names(&block),
            Taken::Next(Next::Idle(at)) => following.idle(at, to),
            Taken::Next(Next::End) => {}
            Taken::Position(bytes) => to.position(bytes),
        }
        !to.is_over()
    });
    to.errors(files.take_errors());
    following.finish(to);
    to.flush();
}

/// What is there of the files.
enum Taken<'a> {
    /// What lies in the buffer, and so many packets are wanted of it at most; what is taken of both is taken.
    Buffered(&'a mut Merged, &'a mut u64),
    Next(Next<'a>),
    /// So much of them was read, in bytes.
    Position(u64),
}

/// Reads the files until `left` packets were read, or `take` wants no more.
#[inline]
fn take_all(files: &mut Merged, stop: &AtomicBool, mut left: u64, mut take: impl FnMut(Taken<'_>) -> bool) {
    let (mut packets, mut shown, mut goes_on) = (0_u64, 0, true);
    while left > 0 && goes_on && !stop.load(Ordering::Relaxed) {
        let before = left;
        goes_on = take(Taken::Buffered(files, &mut left));
        packets += before - left;
        if left == 0 || !goes_on {
            break;
        }
        let next = match files.next() {
            Ok(Next::End) | Err(_) => break,
            Ok(next) => next,
        };
        if let Next::Frame(_, tap) = &next {
            let is_counted = u64::from(tap.aside.is_none());
            (packets, left) = (packets + is_counted, left - is_counted);
        }
        goes_on = take(Taken::Next(next));
        if goes_on && packets - shown >= BAR_EVERY {
            shown = packets;
            goes_on = take(Taken::Position(files.position()));
        }
    }
}

/// Tells what comes, until all or enough was told.
fn tell(from: Receiver<Steps>, back: &Sender<Steps>, teller: &mut Teller<'_>) {
    let mut hearing = Hearing::default();
    for mut steps in from {
        if !hearing.tell(&mut steps, teller) {
            break;
        }
        // Beyond what is on its way none is needed.
        let _ = back.try_send(steps);
    }
}

/// A thread that touches nothing but what it is given; `None` where there can be no more.
fn spawn<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    name: &str,
    work: impl FnOnce() + Send + 'scope,
) -> Option<ScopedJoinHandle<'scope, ()>> {
    let confined = move || {
        privilege::give_up_all();
        work();
    };
    Builder::new().name(name.to_owned()).spawn_scoped(scope, confined).ok()
}

/// Waits for a thread; what went wrong there has gone wrong here.
fn join(thread: ScopedJoinHandle<'_, ()>) {
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "in the other thread")]
    fn a_panic_of_a_thread_is_one_here_and_nobody_waits_for_it() {
        let (to, from) = bounded::<u8>(QUEUE);
        thread::scope(|scope| {
            let thread = spawn(scope, "reading", move || {
                to.send(1).unwrap();
                panic!("in the other thread");
            });
            assert_eq!(from.iter().count(), 1, "the channel is closed");
            join(thread.unwrap());
        });
    }
}
