//! A table of series, with a cap that keeps what is used.

use std::borrow::Cow;
use std::cmp::Reverse;

use ahash::AHashMap;

use super::{By, Distribution, Figures, Key, Measure};

/// How much a table may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Series, beside the one of each measure that the least used are merged into.
    pub series: usize,
    /// Bytes of their counters. The keys come to 220 bytes a series; the names are shared with who gave them.
    pub bytes: usize,
}

impl Default for Limits {
    /// 10,000 pairs of containers with every measure, within 200 MiB: 160 MiB of counters, and the keys.
    fn default() -> Self {
        Self { series: 10_000 * Measure::ALL.len(), bytes: 160 << 20 }
    }
}

/// What a series has counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// The times that were measured.
    pub times: Distribution,
    /// Requests that were given up: no answer came in time, or before the end.
    pub unanswered: u64,
    /// Of the unanswered, those whose answer came after all. Their times are not among [`Self::times`].
    pub late: u64,
    /// Answers with an earlier time than their requests: the clock stepped back. They have no time.
    pub stepped_back: u64,
    /// Answers that said no: a connection refused, an ICMP error. They have no time.
    pub failed: u64,
}

impl Counted {
    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        self.times.merge(&other.times);
        self.unanswered = self.unanswered.saturating_add(other.unanswered);
        self.late = self.late.saturating_add(other.late);
        self.stepped_back = self.stepped_back.saturating_add(other.stepped_back);
        self.failed = self.failed.saturating_add(other.failed);
    }

    /// Requests that brought nothing: not answered, or answered with no.
    pub const fn lost(&self) -> u64 {
        self.unanswered.saturating_add(self.failed)
    }

    /// All requests whose end is known: how often the series was used.
    pub const fn requests(&self) -> u64 {
        self.times.count().saturating_add(self.lost()).saturating_add(self.stepped_back)
    }
}

/// A series, or a sum of several.
#[derive(Clone, Debug, PartialEq)]
pub struct Series<'a> {
    /// What it is of.
    pub key: Key,
    /// What it counted.
    pub counted: Cow<'a, Counted>,
}

/// What a table is sorted by; equal ones by their key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Client, server, port, network, measure.
    #[default]
    Key,
    /// The most used first.
    Count,
    /// The slowest median first.
    Median,
    /// The slowest 99th percentile first.
    P99,
    /// The slowest of all first.
    Max,
    /// The most lost first.
    Lost,
}

impl Order {
    /// What is sorted by, the greatest first.
    fn rank(self, counted: &Counted) -> u64 {
        let figure = |figure: fn(&Figures) -> u64| counted.times.figures().as_ref().map_or(0, figure);
        match self {
            Self::Key => 0,
            Self::Count => counted.times.count(),
            Self::Median => figure(|figures| figures.p50),
            Self::P99 => figure(|figures| figures.p99),
            Self::Max => counted.times.max().unwrap_or(0),
            Self::Lost => counted.lost(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    counted: Counted,
    /// How many series there had been before it: the oldest is the least.
    born: u64,
}

/// Series by key. At a cap, the least used sixteenth of them is merged into one series of each measure, named
/// `(others)`; of those that were used as much, the oldest go first. One that comes again begins anew.
#[derive(Debug)]
pub struct Table {
    limits: Limits,
    entries: AHashMap<Key, Entry>,
    others: Vec<(Measure, Counted)>,
    /// Bytes of the counters of all entries.
    bytes: usize,
    born: u64,
    merged: u64,
}

impl Default for Table {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Table {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        let limits = Limits { series: limits.series.max(1), ..limits };
        Self { limits, entries: AHashMap::new(), others: Vec::new(), bytes: 0, born: 0, merged: 0 }
    }

    /// Adds a time in nanoseconds.
    pub fn record(&mut self, key: &Key, nanos: u64) {
        self.count(key, |counted| counted.times.record(nanos));
    }

    /// Adds a time and those that it hid: see [`Distribution::record_corrected`] for when that is right.
    pub fn record_corrected(&mut self, key: &Key, nanos: u64, interval: u64) {
        self.count(key, |counted| counted.times.record_corrected(nanos, interval));
    }

    /// Counts a request that was given up.
    pub fn unanswered(&mut self, key: &Key) {
        self.count(key, |counted| counted.unanswered = counted.unanswered.saturating_add(1));
    }

    /// Counts an answer to a request that had been given up, and was counted as unanswered.
    pub fn late(&mut self, key: &Key) {
        self.count(key, |counted| counted.late = counted.late.saturating_add(1));
    }

    /// Counts an answer that is earlier than its request.
    pub fn stepped_back(&mut self, key: &Key) {
        self.count(key, |counted| counted.stepped_back = counted.stepped_back.saturating_add(1));
    }

    /// Counts an answer that said no.
    pub fn failed(&mut self, key: &Key) {
        self.count(key, |counted| counted.failed = counted.failed.saturating_add(1));
    }

    /// Adds what was counted elsewhere, as in a file.
    pub fn add(&mut self, key: &Key, other: &Counted) {
        self.count(key, |counted| counted.merge(other));
    }

    /// How many series there are, without those of the others.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.others.is_empty()
    }

    /// How many series were merged into the others; one that came again and was merged again counts twice.
    pub const fn merged(&self) -> u64 {
        self.merged
    }

    /// Bytes of the counters.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The series or their sums, sorted; those of the others come last.
    pub fn series(&self, by: By, order: Order) -> Vec<Series<'_>> {
        let apart = self.entries.iter().map(|(key, entry)| (by.key(key), &entry.counted));
        let others = self.others.iter().map(|(measure, counted)| (Key::others(*measure), counted));
        let mut apart: Vec<_> = apart.chain(others).collect();
        apart.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut series: Vec<Series<'_>> = Vec::new();
        for (key, counted) in apart {
            match series.last_mut().filter(|last| last.key == key) {
                Some(last) => last.counted.to_mut().merge(counted),
                None => series.push(Series { key, counted: Cow::Borrowed(counted) }),
            }
        }
        series.sort_unstable_by(|a, b| a.key.in_table(&b.key));
        series.sort_by_cached_key(|series| (series.key.is_others(), Reverse(order.rank(&series.counted))));
        series
    }

    fn count(&mut self, key: &Key, add: impl FnOnce(&mut Counted)) {
        // Nearly always it is there, and hashing it is most of what counting costs.
        let entry = match self.entries.get_mut(key) {
            Some(entry) => entry,
            None => self.begin(key),
        };
        let before = entry.counted.times.heap_bytes();
        add(&mut entry.counted);
        let now = entry.counted.times.heap_bytes();
        self.bytes = (self.bytes + now).saturating_sub(before);
        self.make_room(self.limits.series, self.limits.bytes);
    }

    #[cold]
    fn begin(&mut self, key: &Key) -> &mut Entry {
        self.make_room(self.limits.series - 1, self.limits.bytes);
        let born = self.born;
        self.born += 1;
        self.entries.entry(key.clone()).or_insert_with(|| Entry { counted: Counted::default(), born })
    }

    /// Merges the least used until the table is no larger than that.
    fn make_room(&mut self, series: usize, bytes: usize) {
        while self.entries.len() > series || (self.bytes > bytes && !self.entries.is_empty()) {
            self.merge_least_used();
        }
    }

    #[cold]
    fn merge_least_used(&mut self) {
        // A sixteenth at once: to look for the least of all at each new series would take as long as there are series.
        let leaving = self.entries.len().div_ceil(16);
        let mut uses: Vec<_> = self.entries.values().map(|entry| (entry.counted.requests(), entry.born)).collect();
        let (_, &mut last, _) = uses.select_nth_unstable(leaving - 1);
        let Self { entries, others, bytes, merged, .. } = self;
        entries.retain(|key, entry| {
            let stays = (entry.counted.requests(), entry.born) > last;
            if !stays {
                *bytes = bytes.saturating_sub(entry.counted.times.heap_bytes());
                *merged += 1;
                match others.iter_mut().find(|(measure, _)| *measure == key.measure) {
                    Some((_, sum)) => sum.merge(&entry.counted),
                    None => others.push((key.measure, std::mem::take(&mut entry.counted))),
                }
            }
            stays
        });
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
