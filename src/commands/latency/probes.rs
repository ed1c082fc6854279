//! Which packets are probes, when each should have been sent, and what became of those that were not heard of.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ahash::AHashMap;

use crate::latency::{Key, Measure, Table};
use crate::probe::{End, Event as News, Failure, Mark, Summary};
use crate::render::units::Took;
use crate::time::Timestamp;
use crate::track::event::{Event, Subject};

/// The probes of one run.
#[derive(Debug)]
pub(in crate::commands) struct Probes {
    /// The series that probes belong to which nothing was heard of.
    key: Key,
    count: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When each should have been sent, of those that were not heard of yet.
    waiting: AHashMap<Mark, Timestamp>,
    /// The number of the one that was told last; none has a greater one.
    latest: Option<u64>,
    /// How many could not be sent.
    unsent: u64,
    failures: BTreeMap<Failure, u64>,
    clock_steps: u64,
    summary: Option<Summary>,
}

impl Probes {
    /// So many are to come; `None` is until somebody ends it.
    pub fn new(key: Key, count: Option<u64>) -> Self {
        Self { key, count, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the prober tells. It tells of a probe before that is sent, so that it is here when it is seen.
    pub fn told(&self, news: &News) {
        let mut state = self.state();
        match *news {
            News::Probe(probe) => {
                state.waiting.insert(probe.mark, probe.intended);
                state.latest = Some(probe.number);
            }
            News::Failed { number, failure } => {
                // One that was told was seen on the wire, or is missed there.
                state.unsent += u64::from(state.latest.is_none_or(|latest| number > latest));
                *state.failures.entry(failure).or_default() += 1;
            }
            News::ClockStepped { .. } => state.clock_steps += 1,
            News::Done(summary) => state.summary = Some(summary),
        }
    }

    /// When the probe should have been sent that an event is about; `None` where it is about none.
    pub fn take(&self, event: &Event<'_>) -> Option<Timestamp> {
        let mark = mark(event)?;
        self.state().waiting.remove(&mark)
    }

    /// Whether there is nothing to wait for: the prober has ended, or all were sent and heard of.
    pub fn is_over(&self) -> bool {
        let state = self.state();
        if state.summary.is_some() {
            return true;
        }
        let Some(count) = self.count else { return false };
        let sent = state.latest.map_or(0, |latest| latest + 1);
        state.waiting.is_empty() && sent + state.unsent >= count
    }

    /// Counts those that were never heard of as unanswered or failed, and says what there is to say of them all.
    pub fn account(&self, table: &mut Table) -> Vec<String> {
        let state = self.state();
        for _ in &state.waiting {
            table.unanswered(&self.key);
        }
        for _ in 0..state.unsent {
            table.failed(&self.key);
        }
        let counted = |count: u64| if count == 1 { "1 probe".to_owned() } else { format!("{count} probes") };
        let mut said: Vec<_> =
            state.failures.iter().map(|(failure, count)| format!("{} failed: {failure}", counted(*count))).collect();
        if let Some(summary) = &state.summary {
            if summary.late > 0 {
                let latest = Took(summary.latest);
                said.push(format!(
                    "{} of {} left more than 1 ms late, the latest {latest} late, since this machine was busy. Times \
                     count from when a probe should have left; --hops shows how much of them that was",
                    summary.late,
                    counted(summary.sent)
                ));
            }
            match summary.end {
                End::Gone => said.push("the client's network namespace is gone: its container has stopped".to_owned()),
                End::Broken(errno) => said.push(format!("the prober had to end: {errno}")),
                End::Counted | End::Stopped => {}
            }
        }
        if state.clock_steps > 0 {
            let times = if state.clock_steps == 1 { "once".to_owned() } else { format!("{} times", state.clock_steps) };
            said.push(format!("the clock was set {times}: probes that were under way then have wrong times"));
        }
        said
    }
}

fn mark(event: &Event<'_>) -> Option<Mark> {
    match event {
        Event::Exchange(exchange) => match &exchange.subject {
            Subject::Ping { id, sequence, .. } => Some(Mark::Echo { id: *id, sequence: *sequence }),
            Subject::Lookup(lookup) => Some(Mark::Query { port: exchange.ends.client.port?, id: lookup.id }),
            Subject::Neighbour { .. } => None,
        },
        // Of a connection, one measurement is the probe's: how long connecting takes.
        Event::Measured(measured) if measured.measure == Measure::Syn => measured.ends.client.port.map(Mark::Port),
        _ => None,
    }
}
