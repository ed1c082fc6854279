//! A table of series, with a cap that keeps what is used.

use std::borrow::Cow;
use std::cmp::Reverse;

use hashbrown::HashTable;

use super::{By, Distribution, Figures, Key, Measure};

/// How much a table may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Series, beside the one of each measure that the least used are merged into.
    pub series: usize,
    /// Bytes of their counters. The keys come to 215 bytes a series; the names are shared with who gave them.
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
    key: Key,
    /// The hash of its key.
    hash: u64,
    counted: Counted,
}

/// Series by key. At a cap, the least used sixteenth of them is merged into one series of each measure, named
/// `(others)`; of those that were used as much, the oldest go first. One that comes again begins anew.
#[derive(Debug)]
pub struct Table {
    limits: Limits,
    // Keyed at random, so that nobody can choose names that collide.
    hasher: ahash::RandomState,
    /// Where each key's entry is. A map of the entries themselves would take twice their memory, and once more while it
    /// grows.
    index: HashTable<u32>,
    /// The oldest first.
    entries: Vec<Entry>,
    others: Vec<(Measure, Counted)>,
    /// Bytes of the counters of all entries.
    bytes: usize,
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
        let limits = Limits { series: limits.series.clamp(1, u32::MAX as usize), ..limits };
        Self {
            limits,
            hasher: ahash::RandomState::new(),
            index: HashTable::new(),
            entries: Vec::new(),
            others: Vec::new(),
            bytes: 0,
            merged: 0,
        }
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
        let apart = self.entries.iter().map(|entry| (by.key(&entry.key), &entry.counted));
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
        let hash = self.hasher.hash_one(key);
        let found = self.index.find(hash, |&at| self.entries.get(at as usize).is_some_and(|entry| entry.key == *key));
        let at = match found {
            Some(&at) => at as usize,
            None => self.begin(key, hash),
        };
        let Some(entry) = self.entries.get_mut(at) else { return };
        let before = entry.counted.times.heap_bytes();
        add(&mut entry.counted);
        let now = entry.counted.times.heap_bytes();
        self.bytes = (self.bytes + now).saturating_sub(before);
        self.make_room(self.limits.series, self.limits.bytes);
    }

    /// Puts a new series behind the others, and says where that is.
    #[cold]
    fn begin(&mut self, key: &Key, hash: u64) -> usize {
        self.make_room(self.limits.series - 1, self.limits.bytes);
        let at = self.entries.len();
        if at == self.entries.capacity() {
            self.entries.reserve_exact(at.max(4).min(self.limits.series - at));
        }
        self.entries.push(Entry { key: key.clone(), hash, counted: Counted::default() });
        let entries = &self.entries;
        let hash_at = |&at: &u32| entries.get(at as usize).map_or(0, |entry| entry.hash);
        self.index.insert_unique(hash, at as u32, hash_at);
        at
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
        let mut uses: Vec<_> = self.entries.iter().map(|entry| entry.counted.requests()).zip(0_u32..).collect();
        let (_, &mut last, _) = uses.select_nth_unstable(leaving - 1);
        let Self { index, entries, others, bytes, merged, .. } = self;
        let mut position = 0;
        entries.retain_mut(|Entry { key, counted, .. }| {
            let stays = (counted.requests(), position) > last;
            position += 1;
            if !stays {
                *bytes = bytes.saturating_sub(counted.times.heap_bytes());
                *merged += 1;
                match others.iter_mut().find(|(measure, _)| *measure == key.measure) {
                    Some((_, sum)) => sum.merge(counted),
                    None => others.push((key.measure, std::mem::take(counted))),
                }
            }
            stays
        });
        index.clear();
        let hash_at = |&at: &u32| entries.get(at as usize).map_or(0, |entry| entry.hash);
        for (entry, at) in entries.iter().zip(0..) {
            index.insert_unique(entry.hash, at, hash_at);
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
