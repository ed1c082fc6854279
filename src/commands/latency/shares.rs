//! Where the time goes: the shares of the hops of a series, on the whole and of its slowest exchange.

use std::collections::HashMap;
use std::time::Duration;

use ahash::AHashMap;

use crate::join::Told;
use crate::join::parts::{Part, parts};
use crate::latency::{By, Key};
use crate::name::Namer;
use crate::render::latency::{Breakdown, Of, Share, Spent};
use crate::render::place_name;
use crate::time::{Timestamp, nanos};

/// As many series have shares; what comes beyond is counted only.
const MAX_SERIES: usize = 4096;
/// As many different ways has a series, by the taps that saw it.
const MAX_WAYS: usize = 8;

/// The shares of all series.
#[derive(Default)]
pub(in crate::commands) struct Shares {
    series: AHashMap<Key, OfSeries>,
    /// Exchanges that found no room.
    left_out: u64,
}

#[derive(Clone, Default)]
struct OfSeries {
    ways: Vec<Way>,
    slowest: Option<Way>,
}

/// A way through taps, and the exchanges that went it.
#[derive(Clone)]
struct Way {
    stretches: Vec<Stretch>,
    exchanges: u64,
}

/// A part of the way: between two taps, or on one side of them.
#[derive(Clone)]
struct Stretch {
    label: String,
    spent: Duration,
    /// Of it, on the way there; `None` where there is no such thing.
    there: Option<Duration>,
}

impl Shares {
    /// Adds an exchange, where several taps have seen it. It counts from `since`, when a probe should have been sent.
    pub fn add(&mut self, key: &Key, told: &Told<'_>, since: Timestamp, namer: &Namer) {
        let stretches = stretches(told, since, namer);
        if stretches.len() < 2 {
            return;
        }
        if !self.series.contains_key(key) && self.series.len() >= MAX_SERIES {
            self.left_out += 1;
            return;
        }
        let way = Way { stretches, exchanges: 1 };
        self.left_out += self.series.entry(key.clone()).or_default().add(way);
    }

    /// How many exchanges are in no share, for want of room.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Those of each series, or of the sums of several.
    pub fn summed(&self, by: By) -> HashMap<Key, Vec<Breakdown>> {
        let mut sums: HashMap<Key, OfSeries> = HashMap::new();
        for (key, one) in &self.series {
            let sum = sums.entry(by.key(key)).or_default();
            for way in one.ways.iter().chain(&one.slowest) {
                sum.note_slowest(way);
            }
            for way in &one.ways {
                sum.add_way(way.clone());
            }
        }
        sums.into_iter().map(|(key, sum)| (key, sum.breakdowns())).collect()
    }
}

impl OfSeries {
    /// Adds an exchange. Gives how many found no room.
    fn add(&mut self, way: Way) -> u64 {
        self.note_slowest(&way);
        self.add_way(way)
    }

    fn note_slowest(&mut self, way: &Way) {
        if way.exchanges == 1 && self.slowest.as_ref().is_none_or(|known| way.spent() > known.spent()) {
            self.slowest = Some(way.clone());
        }
    }

    fn add_way(&mut self, way: Way) -> u64 {
        if let Some(known) = self.ways.iter_mut().find(|known| known.is_as(&way)) {
            known.merge(&way);
            return 0;
        }
        if self.ways.len() >= MAX_WAYS {
            return way.exchanges;
        }
        self.ways.push(way);
        0
    }

    /// The ways, that of most exchanges first, and the slowest exchange.
    fn breakdowns(mut self) -> Vec<Breakdown> {
        self.ways.sort_by_cached_key(|way| (std::cmp::Reverse(way.exchanges), way.labels()));
        // Of one exchange, the mean is it.
        let several = self.ways.len() > 1 || self.ways.iter().any(|way| way.exchanges > 1);
        let slowest = self.slowest.filter(|_| several).map(|way| way.breakdown(Of::Slowest));
        self.ways.iter().map(|way| way.breakdown(Of::Mean(way.exchanges))).chain(slowest).collect()
    }
}

impl Way {
    fn spent(&self) -> Duration {
        self.stretches.iter().map(|stretch| stretch.spent).sum()
    }

    fn labels(&self) -> Vec<String> {
        self.stretches.iter().map(|stretch| stretch.label.clone()).collect()
    }

    fn is_as(&self, other: &Self) -> bool {
        self.stretches.iter().map(|stretch| &stretch.label).eq(other.stretches.iter().map(|stretch| &stretch.label))
    }

    fn merge(&mut self, other: &Self) {
        self.exchanges += other.exchanges;
        for (sum, one) in self.stretches.iter_mut().zip(&other.stretches) {
            sum.add(one);
        }
    }

    fn breakdown(&self, of: Of) -> Breakdown {
        #[expect(clippy::cast_precision_loss, reason = "a mean of 2^53 ns is one of a hundred days")]
        let mean = |time: Duration| nanos(time) as f64 / self.exchanges as f64;
        let share = |stretch: &Stretch| Share {
            label: stretch.label.clone(),
            spent: match stretch.there {
                Some(there) => {
                    Spent::Between { there_ns: mean(there), back_ns: mean(stretch.spent.saturating_sub(there)) }
                }
                None => Spent::Behind { ns: mean(stretch.spent) },
            },
        };
        Breakdown { of, shares: self.stretches.iter().map(share).collect() }
    }
}

impl Stretch {
    fn add(&mut self, other: &Self) {
        self.spent += other.spent;
        self.there = self.there.zip(other.there).map(|(sum, one)| sum + one);
    }
}

/// The parts of an exchange, by the names of the taps.
fn stretches(told: &Told<'_>, since: Timestamp, namer: &Namer) -> Vec<Stretch> {
    let parts = parts(&told.hops);
    let Some(Part::Between { near: first, .. } | Part::Behind { last: first, .. }) = parts.first() else {
        return Vec::new();
    };
    // A clock that was set back in between leaves nothing here.
    let before = (first.began.at > since).then(|| Stretch {
        label: format!("before {}", place_name(first, namer)),
        spent: first.began.at - since,
        there: None,
    });
    let mut stretches: Vec<_> = before.into_iter().collect();
    for stretch in parts.iter().map(|part| stretch(part, namer)) {
        match stretches.last_mut().filter(|last| last.label == stretch.label) {
            Some(last) => last.add(&stretch),
            None => stretches.push(stretch),
        }
    }
    stretches
}

fn stretch(part: &Part, namer: &Namer) -> Stretch {
    match part {
        Part::Between { near, far, there, .. } => {
            let (near, far) = (place_name(near, namer), place_name(far, namer));
            // A tap of all interfaces sees a packet at a bridge and at its veths, which are all of one network.
            let label = if near == far { format!("within {near}") } else { format!("{near} → {far}") };
            Stretch { label, spent: part.time(), there: Some(*there) }
        }
        Part::Behind { last, .. } => {
            Stretch { label: format!("behind {}", place_name(last, namer)), spent: part.time(), there: None }
        }
    }
}
