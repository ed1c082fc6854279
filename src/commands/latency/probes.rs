//! Which packets are probes, when each should have been sent, and what became of those that were not heard of.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::collector::Gathered;
use crate::join::Told;
use crate::latency::{Key, Measure};
use crate::probe::{End, Event as News, Failure, Mark, Summary};
use crate::render::units::Took;
use crate::time::Timestamp;
use crate::track::event::{Event, Subject};

/// As many of the latest probes are known by their marks. The tracker has room for half as many requests that wait, so
/// it has given up on all that are older.
const MAX_KNOWN: usize = 131_072;

/// The probes of one run.
#[derive(Debug)]
pub(in crate::commands) struct Probes {
    /// The client's addresses; empty where they are not known.
    client: Vec<IpAddr>,
    /// The series that probes belong to where nothing was heard of any.
    key: Key,
    count: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Those whose answer may still come, by their mark and number. The kernel gives a port again as soon as its
    /// connection has ended, which is before what was seen of that is told: so a mark may be that of several.
    known: BTreeMap<(Mark, u64), Known>,
    /// The number and mark of each that was told, in that order, those among them that are known no more.
    order: VecDeque<(u64, Mark)>,
    /// How many of the known ones are neither answered nor given up.
    waiting: u64,
    /// How many were forgotten before anything was heard of them, for want of room.
    missing: u64,
    /// One more than the number of the latest that was told, sent or not.
    next: u64,
    /// How many could not be sent.
    unsent: u64,
    /// The series that they were last counted in.
    series: Option<Key>,
    failures: BTreeMap<Failure, u64>,
    clock_steps: u64,
    summary: Option<Summary>,
}

/// A probe that was told.
#[derive(Clone, Copy, Debug)]
struct Known {
    intended: Timestamp,
    /// None of its packets is earlier.
    sent: Timestamp,
    /// It was counted as unanswered. What comes now is late.
    is_given_up: bool,
    /// The prober says that there will be no answer, and that it did not just wait too long.
    has_failed: bool,
}

impl Probes {
    /// So many are to come; `None` is until somebody ends it.
    pub fn new(client: Vec<IpAddr>, key: Key, count: Option<u64>) -> Self {
        Self { client, key, count, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the prober tells. It tells of a probe before that is sent, so that it is here when it is seen.
    pub fn told(&self, news: &News) {
        let mut state = self.state();
        match *news {
            News::Probe(probe) => {
                let known = Known { intended: probe.intended, sent: probe.sent, is_given_up: false, has_failed: false };
                state.know(probe.number, probe.mark, known);
            }
            News::Failed { number, failure } => state.fail(number, failure),
            News::ClockStepped { .. } => state.clock_steps += 1,
            News::Done(summary) => state.summary = Some(summary),
        }
    }

    /// When the probe should have been sent that something was told of; `None` where that is about none. `began` is its
    /// first packet's time. Where it `is_given_up`, an answer may come late.
    pub fn find(&self, told: &Told<'_>, began: Timestamp, is_given_up: bool) -> Option<Timestamp> {
        let (mark, client) = mark(&told.event)?;
        // What others ask may have the same mark by chance. Who answers says nothing: it may be translated.
        let is_client = |address: IpAddr| address.is_loopback() || self.client.contains(&address);
        if !self.client.is_empty() && !is_client(client) && !told.hops.iter().any(|hop| is_client(hop.client.address)) {
            return None;
        }
        let mut state = self.state();
        let same_mark = state.known.range_mut((mark, 0)..=(mark, u64::MAX)).rev();
        let (&id, known) = { same_mark }.find(|(_, known)| known.sent <= began)?;
        let (intended, was_waiting) = (known.intended, !known.is_given_up);
        known.is_given_up = true;
        if !is_given_up {
            state.known.remove(&id);
        }
        state.waiting -= u64::from(was_waiting);
        Some(intended)
    }

    /// Probes are in that series.
    pub fn are_in(&self, series: &Key) {
        let mut state = self.state();
        if state.series.as_ref() != Some(series) {
            state.series = Some(series.clone());
        }
    }

    /// Whether there is nothing to wait for: the prober has ended, or all were sent and heard of.
    pub fn is_over(&self) -> bool {
        let state = self.state();
        let is_sent = self.count.is_some_and(|count| state.next >= count);
        state.summary.is_some() || is_sent && state.waiting == 0
    }

    /// Whether all was sent that was to be, as far as the client had to do with it.
    pub fn is_whole(&self) -> bool {
        let end = self.state().summary.map(|summary| summary.end);
        !matches!(end, Some(End::Gone | End::Broken(_)))
    }

    /// Counts those that were never heard of as unanswered or failed, and says what there is to say of them all.
    pub fn account(&self, gathered: &mut Gathered) -> Vec<String> {
        let state = self.state();
        let key = state.series.as_ref().unwrap_or(&self.key);
        let unheard = state.known.values().filter(|known| !known.is_given_up);
        let (failed, unanswered): (Vec<&Known>, Vec<&Known>) = unheard.partition(|known| known.has_failed);
        gathered.lose(key, state.missing + unanswered.len() as u64, state.unsent + failed.len() as u64);
        for known in unanswered {
            gathered.reach(known.intended, known.intended);
            gathered.timelines.unanswered(key.measure, known.intended, 1);
        }
        state.words()
    }
}

impl State {
    fn know(&mut self, number: u64, mark: Mark, known: Known) {
        self.known.insert((mark, number), known);
        self.order.push_back((number, mark));
        self.waiting += 1;
        self.next = number + 1;
        if self.order.len() > MAX_KNOWN
            && let Some((number, mark)) = self.order.pop_front()
            && let Some(known) = self.known.remove(&(mark, number))
            && !known.is_given_up
        {
            self.waiting -= 1;
            self.missing += 1;
        }
    }

    fn fail(&mut self, number: u64, failure: Failure) {
        *self.failures.entry(failure).or_default() += 1;
        // One that was told is seen on the wire, or is missed there.
        if number >= self.next {
            self.unsent += 1;
            self.next = number + 1;
            return;
        }
        let Ok(at) = self.order.binary_search_by_key(&number, |(number, _)| *number) else { return };
        let Some((number, mark)) = self.order.get(at) else { return };
        if let Some(known) = self.known.get_mut(&(*mark, *number)) {
            known.has_failed = failure != Failure::TimedOut;
        }
    }

    /// What there is to say of them all.
    fn words(&self) -> Vec<String> {
        let counted = |count: u64| if count == 1 { "1 probe".to_owned() } else { format!("{count} probes") };
        let mut said: Vec<_> =
            self.failures.iter().map(|(failure, count)| format!("{} failed: {failure}", counted(*count))).collect();
        if let Some(summary) = &self.summary {
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
        if self.clock_steps > 0 {
            let times = if self.clock_steps == 1 { "once".to_owned() } else { format!("{} times", self.clock_steps) };
            said.push(format!("the clock was set {times}: probes that were under way then have wrong times"));
        }
        said
    }
}

/// By what a probe is known that an event is about, and who asks.
fn mark(event: &Event<'_>) -> Option<(Mark, IpAddr)> {
    let (mark, ends) = match event {
        Event::Exchange(exchange) => match &exchange.subject {
            Subject::Ping { id, sequence, .. } => (Mark::Echo { id: *id, sequence: *sequence }, exchange.ends),
            Subject::Lookup(lookup) => (Mark::Query { port: exchange.ends.client.port?, id: lookup.id }, exchange.ends),
            Subject::Neighbour { .. } => return None,
        },
        // Of a connection, one measurement is the probe's: how long connecting takes.
        Event::Measured(measured) if measured.measure == Measure::Syn => {
            (Mark::Port(measured.ends.client.port?), measured.ends)
        }
        _ => return None,
    };
    Some((mark, ends.client.address))
}

#[cfg(test)]
#[path = "probes_tests.rs"]
mod tests;
