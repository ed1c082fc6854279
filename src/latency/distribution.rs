//! How a time is distributed: a histogram of nanoseconds.
//!
//! Its buckets, percentiles, mean and standard deviation are those of HdrHistogram with 3 significant digits from 1 ns to
//! 1 h, to the last bit. It is smaller while it holds few values, and its least and greatest are exact.

use super::counts::Counts;
use super::layout::{HIGHEST, LOWEST, Layout, NANOSECONDS};

/// Times in nanoseconds, to three significant digits.
///
/// A time of 0 counts as 1 ns, one of more than an hour as an hour; the latter are counted apart ([`Self::over_an_hour`]).
#[derive(Clone, Debug)]
pub struct Distribution {
    counts: Counts,
    count: u64,
    over_an_hour: u64,
    min: u64,
    max: u64,
}

impl Default for Distribution {
    fn default() -> Self {
        Self { counts: Counts::default(), count: 0, over_an_hour: 0, min: u64::MAX, max: 0 }
    }
}

impl Distribution {
    /// Adds a time in nanoseconds. Once the range of the values has been met, nothing is allocated.
    #[inline]
    pub fn record(&mut self, nanos: u64) {
        self.record_n(nanos, 1);
    }

    /// Adds the same time `count` times.
    #[inline]
    pub fn record_n(&mut self, nanos: u64, count: u64) {
        if count == 0 {
            return;
        }
        if nanos > HIGHEST {
            self.over_an_hour = self.over_an_hour.saturating_add(count);
        }
        let value = nanos.clamp(LOWEST, HIGHEST);
        self.counts.add(NANOSECONDS.index(value), count);
        self.count = self.count.saturating_add(count);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Adds a time, and those that were not measured because this one took so long: with `interval` nanoseconds between
    /// two tries, a time of 5 intervals hid 4 tries, which would have taken 4, 3, 2 and 1 intervals.
    /// HdrHistogram's `recordValueWithExpectedInterval` does the same. An interval of 0 adds the time alone.
    ///
    /// This guesses. It is right for times of another program that waits for each answer before its next try, and keeps
    /// no record of when it meant to send. Who knows the intended start must use [`Self::record`] with the time since
    /// then, which is exact: the tries that were late carry their wait themselves, and correcting them again would
    /// count it twice. Times of traffic that is merely watched need neither, since nobody intended a rate.
    pub fn record_corrected(&mut self, nanos: u64, interval: u64) {
        self.record(nanos);
        let value = nanos.clamp(LOWEST, HIGHEST);
        if interval == 0 || value / interval < 2 {
            return;
        }
        let mut missing = value - interval;
        // Those of one bucket are counted at once: an interval of 1 ns would else take an hour's worth of rounds.
        while missing >= interval {
            let floor = NANOSECONDS.lowest(NANOSECONDS.index(missing)).unwrap_or(0).max(interval);
            let more = (missing - floor) / interval;
            self.min = self.min.min(missing - more * interval);
            self.record_n(missing, more + 1);
            missing = (missing - more * interval).saturating_sub(interval);
        }
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        for (index, count) in other.counts.iter() {
            self.counts.add(index, count);
        }
        self.count = self.count.saturating_add(other.count);
        self.over_an_hour = self.over_an_hour.saturating_add(other.over_an_hour);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many times were added.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether none was added.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many of them were over an hour, and count as an hour.
    pub const fn over_an_hour(&self) -> u64 {
        self.over_an_hour
    }

    /// The least, exact, in nanoseconds.
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    /// The greatest, exact, in nanoseconds, at most an hour.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The value that a share of the times does not exceed, as HdrHistogram has it: the upper end of the bucket that
    /// the share is reached in, the lower one for 0. Shares over 1 count as 1; there is none without times.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let share = if share > 1.0 { 1.0 } else { share };
        let rank = (share * self.count as f64).ceil() as u64;
        let index = self.bucket_at(rank.max(1))?;
        if share == 0.0 { NANOSECONDS.lowest(index) } else { Some(NANOSECONDS.highest(index)) }
    }

    /// The least and the greatest value that the `rank`-th smallest of the times can have had; ranks begin with 1.
    pub fn at_rank(&self, rank: u64) -> Option<(u64, u64)> {
        let index = self.bucket_at(rank)?;
        let lowest = NANOSECONDS.lowest(index)?.max(self.min);
        Some((lowest, NANOSECONDS.highest(index).min(self.max)))
    }

    fn bucket_at(&self, rank: u64) -> Option<usize> {
        let mut below = 0_u64;
        self.counts.iter().find_map(|(index, count)| {
            below = below.saturating_add(count);
            (below >= rank).then_some(index)
        })
    }

    /// The mean in nanoseconds, each time taken as the middle of its bucket; 0 without times.
    pub fn mean(&self) -> f64 {
        // In this order HdrHistogram does it, and rounding depends on the order.
        self.counts.iter().fold(0.0, |mean, (index, count)| mean + middle(index) * count as f64 / self.count as f64)
    }

    /// The standard deviation of the times (of all, not of a sample) in nanoseconds, each taken as the middle of its
    /// bucket; 0 without times.
    pub fn standard_deviation(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        let mean = self.mean();
        let squares = self.counts.iter().fold(0.0, |sum, (index, count)| {
            let deviation = middle(index) - mean;
            sum + (deviation * deviation) * count as f64
        });
        (squares / self.count as f64).sqrt()
    }

    /// The figures of the table.
    pub fn figures(&self) -> Option<Figures> {
        let (min, max) = (self.min()?, self.max()?);
        let quantile = |share| self.quantile(share).map(|value| value.clamp(min, max));
        Some(Figures {
            count: self.count,
            min,
            p50: quantile(0.5)?,
            p90: quantile(0.9)?,
            p99: quantile(0.99)?,
            p999: quantile(0.999)?,
            max,
            // The middle of a bucket may lie outside of the exact ends, which a single time shows.
            mean: self.mean().clamp(min as f64, max as f64),
            standard_deviation: self.standard_deviation(),
        })
    }

    /// The buckets that hold times, in ascending order, for charts.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.counts.iter().map(|(index, count)| Bucket {
            lowest: NANOSECONDS.lowest(index).unwrap_or(0),
            highest: NANOSECONDS.highest(index),
            count,
        })
    }

    /// The buckets by their number in [`NANOSECONDS`].
    pub(super) fn counts(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.counts.iter()
    }

    /// Adds a bucket of another layout: as it is where that bucket is one of ours, else as the middle of its values.
    pub(super) fn record_bucket(&mut self, layout: Layout, index: usize, count: u64) {
        let (Some(lowest), highest) = (layout.lowest(index), layout.highest(index)) else { return };
        let ours = NANOSECONDS.index(lowest);
        if NANOSECONDS.index(highest) != ours || highest > HIGHEST {
            let middle = layout.middle(index);
            return self.record_n(if lowest > HIGHEST { middle } else { middle.min(HIGHEST) }, count);
        }
        self.record_n(lowest, count);
        // What the exact ends were is not known: they are those of the bucket.
        self.max = self.max.max(highest);
    }

    /// Counts how many of the times were over an hour, where they were already recorded as an hour.
    pub(super) fn count_over_an_hour(&mut self, count: u64) {
        self.over_an_hour = self.over_an_hour.saturating_add(count).min(self.count);
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.counts.heap_bytes()
    }
}

fn middle(index: usize) -> f64 {
    NANOSECONDS.middle(index) as f64
}

/// Equal counts in all buckets, and equal ends.
impl PartialEq for Distribution {
    fn eq(&self, other: &Self) -> bool {
        (self.count, self.over_an_hour, self.min, self.max) == (other.count, other.over_an_hour, other.min, other.max)
            && self.counts.iter().eq(other.counts.iter())
    }
}

/// A bucket of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The least time that is counted here, in nanoseconds.
    pub lowest: u64,
    /// The greatest.
    pub highest: u64,
    /// How many there were.
    pub count: u64,
}

/// What is told of a distribution, in nanoseconds. Percentiles are within the exact least and greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// How many times.
    pub count: u64,
    /// The least, exact.
    pub min: u64,
    /// Half of the times do not exceed this.
    pub p50: u64,
    /// 90 % of them.
    pub p90: u64,
    /// 99 % of them.
    pub p99: u64,
    /// 99.9 % of them.
    pub p999: u64,
    /// The greatest, exact.
    pub max: u64,
    /// The mean, never outside of the least and the greatest.
    pub mean: f64,
    /// The standard deviation.
    pub standard_deviation: f64,
}

#[cfg(test)]
#[path = "distribution_tests.rs"]
mod tests;
