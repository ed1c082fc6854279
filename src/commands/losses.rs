//! What taps lose: packets that the kernel or the interface drops, and events that the log has no room for. Each tap looks
//! about once a second, and tells what is new; here it is put together for the summary.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::capture::{Drops, Tap, TapId};
use crate::render::losses::{By, Lost};
use crate::time::Timestamp;

/// How often a tap looks at what was dropped: each time takes some calls of the kernel.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Places that the summary names; what is lost at more is in its totals.
const MAX_PLACES: usize = 4096;

/// What a tap lost in one way, in a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub tap: TapId,
    pub by: By,
    pub count: u64,
    pub since: Timestamp,
    pub until: Timestamp,
}

impl Loss {
    /// Puts one of the same tap and kind to it.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.since = self.since.min(other.since);
        self.until = self.until.max(other.until);
    }

    /// In words of the place where it happened.
    pub fn at(&self, tap: Option<&Tap>) -> Lost {
        Lost {
            by: self.by,
            interface: tap.map(|tap| tap.interface.clone()).unwrap_or_default(),
            network: tap.and_then(|tap| tap.network.clone()),
            namespace: tap.and_then(|tap| tap.namespace.clone()),
            count: self.count,
            since: self.since,
            until: self.until,
        }
    }
}

/// A tap's view of what was dropped.
#[derive(Debug)]
pub(super) struct Dropping {
    tap: TapId,
    known: Drops,
    /// By the packets' time, when it was looked; by the clock, since when what comes was dropped.
    looked: Timestamp,
    since: Timestamp,
}

impl Dropping {
    /// Nothing was dropped until `now`.
    pub fn new(tap: TapId, now: Timestamp) -> Self {
        Self { tap, known: Drops::default(), looked: now, since: now }
    }

    /// Whether it is time to look again.
    pub fn is_due(&self, at: Timestamp) -> bool {
        at.since(self.looked) >= LOOK_EVERY || at < self.looked.saturating_sub(LOOK_EVERY)
    }

    /// What is new: `drops` are those since the tap was opened, `at` is the packets' time.
    pub fn look(&mut self, drops: Drops, at: Timestamp, now: Timestamp) -> impl Iterator<Item = Loss> + use<> {
        let (tap, since, known) = (self.tap, self.since, self.known);
        (self.known, self.looked, self.since) = (drops, at, now);
        let both = [(By::Kernel, drops.kernel, known.kernel), (By::Interface, drops.interface, known.interface)];
        both.into_iter().filter(|(_, drops, known)| drops > known).map(move |(by, drops, known)| Loss {
            tap,
            by,
            count: drops - known,
            since,
            until: now,
        })
    }
}

/// What was lost on the whole, by place.
#[derive(Debug, Default)]
pub(super) struct Losses(BTreeMap<(By, Option<String>, String), Lost>);

impl Losses {
    /// Adds what was lost.
    pub fn add(&mut self, lost: &Lost) {
        let key = (lost.by, lost.namespace.clone(), lost.interface.clone());
        if let Some(sum) = self.0.get_mut(&key) {
            sum.count += lost.count;
            sum.since = sum.since.min(lost.since);
            sum.until = sum.until.max(lost.until);
        } else if self.0.len() < MAX_PLACES {
            self.0.insert(key, lost.clone());
        }
    }

    /// By who lost it, and where.
    pub fn into_list(self) -> Vec<Lost> {
        self.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(1_750_000_000_000_000_000 + millis * 1_000_000)
    }

    #[test]
    fn what_is_new_is_told_once_a_second() {
        let mut dropping = Dropping::new(TapId(3), at(0));
        assert!(!dropping.is_due(at(999)) && dropping.is_due(at(1000)));
        let drops = |kernel, interface| Drops { kernel, interface };
        assert_eq!(dropping.look(drops(0, 0), at(1000), at(1010)).count(), 0);
        let told: Vec<_> = dropping.look(drops(5, 2), at(2000), at(2020)).collect();
        let loss = |by, count, since, until| Loss { tap: TapId(3), by, count, since: at(since), until: at(until) };
        assert_eq!(told, [loss(By::Kernel, 5, 1010, 2020), loss(By::Interface, 2, 1010, 2020)]);
        let told: Vec<_> = dropping.look(drops(6, 2), at(3000), at(3001)).collect();
        assert_eq!(told, [loss(By::Kernel, 1, 2020, 3001)]);
        // The clock was set back by a minute.
        assert!(!dropping.is_due(at(2500)) && dropping.is_due(Timestamp::from_nanos(1_749_999_940_000_000_000)));
    }

    #[test]
    fn the_summary_has_one_line_for_each_place() {
        let loss = |by, count, since, until| Loss { tap: TapId(0), by, count, since: at(since), until: at(until) };
        let tap = Tap {
            interface: "br0".into(),
            network: None,
            namespace: None,
            link: crate::capture::LinkType::ETHERNET,
            aside: None,
        };
        let mut losses = Losses::default();
        for loss in [loss(By::Kernel, 2, 5, 6), loss(By::Queue, 7, 1, 2), loss(By::Kernel, 3, 1, 3)] {
            losses.add(&loss.at(Some(&tap)));
        }
        let list = losses.into_list();
        let found: Vec<_> = list.iter().map(|lost| (lost.by, lost.count, lost.since, lost.until)).collect();
        assert_eq!(found, [(By::Kernel, 5, at(1), at(6)), (By::Queue, 7, at(1), at(2))]);
    }
}
