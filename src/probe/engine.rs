//! The loop: what is due leaves at once, each with its own intended time; then it waits. It never waits for an answer.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::clock::Clocks;
use super::schedule::{Due, MAX_LATENESS, Schedule};
use super::{End, Event, Failure, Mark, Plan, Probe, Summary};

/// The first probe is due this long after the start, so that it is as punctual as the others.
const LEAD: Duration = Duration::from_millis(1);
/// Who leaves later than this is counted as late.
const LATE: Duration = Duration::from_millis(1);
/// How many leave before answers are looked after: fewer than would fill a socket's buffer with answers.
const BURST: u32 = 64;
/// How often it is asked whether the namespace is still there, beside when a probe finds nobody.
const LOOK: Duration = Duration::from_secs(1);

/// What the loop needs of the machine. Tests have one whose time stands still.
pub(super) trait World {
    fn clocks(&self) -> Clocks;
    fn is_stopped(&self) -> bool;
    /// Whether the client's network namespace is gone.
    fn is_gone(&self) -> bool;
    /// Waits until a moment of the monotonic clock, or until `wake` is readable or somebody asks to stop.
    fn wait(&mut self, until: Duration, wake: Option<BorrowedFd<'_>>) -> nix::Result<Woken>;
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// The moment has come.
    Due,
    /// Something else is to be done before.
    Called,
}

/// One kind of question, with the sockets that it takes.
pub(super) trait Ask {
    /// Makes ready what probe `number` takes, and says how it will be known.
    fn prepare(&mut self, number: u64) -> Result<Mark, Failure>;
    /// Lets the probe leave that was made ready last.
    fn send(&mut self, now: Duration) -> Result<(), Failure>;
    /// Looks after what was sent: throws answers away, closes connections, says which failed.
    fn settle(&mut self, now: Duration, failed: &mut dyn FnMut(u64, Failure));
    /// What is readable when there is something to settle.
    fn wake(&self) -> Option<BorrowedFd<'_>>;
    /// When there is something to settle in any case.
    fn deadline(&self) -> Option<Duration>;
    /// Whether it knows that no answer is still to come.
    fn is_settled(&self) -> bool;
}

/// Sends all probes of a plan, and tells of each. The end is in the summary, which is not told.
pub(super) fn run(world: &mut dyn World, asker: &mut dyn Ask, plan: &Plan, told: &mut dyn FnMut(Event)) -> Summary {
    let clocks = world.clocks();
    let schedule = Schedule::new(clocks.monotonic + LEAD, plan.interval, plan.count);
    let (last, looked) = (clocks.monotonic, clocks.monotonic);
    let (patience, summary) = (plan.patience, Summary::default());
    let mut run = Run { world, asker, told, schedule, patience, clocks, last, looked, summary };
    run.summary.end = run.until_the_end();
    run.summary
}

struct Run<'a> {
    world: &'a mut dyn World,
    asker: &'a mut dyn Ask,
    told: &'a mut dyn FnMut(Event),
    schedule: Schedule,
    patience: Duration,
    /// As they were read last.
    clocks: Clocks,
    /// When the latest probe left.
    last: Duration,
    /// When the namespace was looked for.
    looked: Duration,
    summary: Summary,
}

impl Run<'_> {
    fn until_the_end(&mut self) -> End {
        loop {
            if self.world.is_stopped() {
                return End::Stopped;
            }
            self.read_clocks(self.schedule.number());
            let found_nobody = self.burst();
            if found_nobody || self.clocks.monotonic.saturating_sub(self.looked) >= LOOK {
                self.looked = self.clocks.monotonic;
                if self.world.is_gone() {
                    return End::Gone;
                }
            }
            self.settle();
            let Some(until) = self.next_moment() else { return End::Counted };
            if let Err(errno) = self.world.wait(until, self.asker.wake()) {
                return End::Broken(errno);
            }
        }
    }

    /// Sends what is due, up to [`BURST`] or until one finds nobody, which is told: a container's interfaces go with it.
    fn burst(&mut self) -> bool {
        for _ in 0..BURST {
            let Some(due) = self.schedule.due(self.clocks.monotonic) else { return false };
            match self.probe(due) {
                Ok(()) => self.summary.sent += 1,
                Err(failure) => {
                    self.failed(due.number, failure);
                    if failure == Failure::Unreachable {
                        return true;
                    }
                }
            }
        }
        false
    }

    fn probe(&mut self, due: Due) -> Result<(), Failure> {
        if self.clocks.monotonic.saturating_sub(due.intended) > MAX_LATENESS {
            return Err(Failure::TooLate);
        }
        let mark = self.asker.prepare(due.number)?;
        self.read_clocks(due.number);
        let (intended, sent) = (self.clocks.wall_at(due.intended), self.clocks.wall);
        (self.told)(Event::Probe(Probe { number: due.number, mark, intended, sent }));
        self.asker.send(self.clocks.monotonic)?;
        self.last = self.clocks.monotonic;
        let late = self.last.saturating_sub(due.intended);
        self.summary.late += u64::from(late > LATE);
        self.summary.latest = self.summary.latest.max(late);
        Ok(())
    }

    fn settle(&mut self) {
        let (summary, told) = (&mut self.summary, &mut *self.told);
        self.asker.settle(self.clocks.monotonic, &mut |number, failure| {
            summary.failed += 1;
            told(Event::Failed { number, failure });
        });
    }

    fn failed(&mut self, number: u64, failure: Failure) {
        self.summary.failed += 1;
        (self.told)(Event::Failed { number, failure });
    }

    fn read_clocks(&mut self, number: u64) {
        let clocks = self.world.clocks();
        if let Some(by) = clocks.stepped_since(&self.clocks) {
            self.summary.clock_steps += 1;
            (self.told)(Event::ClockStepped { number, by });
        }
        self.clocks = clocks;
    }

    /// Until when there is nothing to do; nothing where all is done.
    fn next_moment(&self) -> Option<Duration> {
        let next = match self.schedule.next_at() {
            Some(at) => at,
            None => {
                let end = self.last.saturating_add(self.patience);
                let is_over = self.asker.is_settled() || end <= self.clocks.monotonic;
                (!is_over).then_some(end)?
            }
        };
        Some(self.asker.deadline().map_or(next, |deadline| deadline.min(next)))
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
