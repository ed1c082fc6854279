//! The least, the median and the greatest of some times, for the summary of a log.

use std::time::Duration;

use super::Distribution;
use crate::time::nanos;

/// So many times are counted together.
const TOGETHER: usize = 32;

/// Times from one nanosecond to one hour, to three digits; least and greatest are exact.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    times: Distribution,
    /// The latest times, in nanoseconds. They are counted together, so that their counters, which are in no near cache, are
    /// waited for together.
    latest: Vec<u64>,
    /// A distribution knows none under a nanosecond or over an hour.
    ends: Ends,
}

/// The exact ends in nanoseconds; before the first time the least is above the greatest.
#[derive(Clone, Copy, Debug)]
struct Ends {
    least: u64,
    greatest: u64,
}

impl Default for Ends {
    fn default() -> Self {
        Self { least: u64::MAX, greatest: 0 }
    }
}

impl Spread {
    /// Adds a time. Times over an hour count as one hour in the percentiles.
    pub fn record(&mut self, time: Duration) {
        let time = nanos(time);
        let Ends { least, greatest } = self.ends;
        self.ends = Ends { least: least.min(time), greatest: greatest.max(time) };
        self.latest.push(time);
        if self.latest.len() >= TOGETHER {
            count(&mut self.times, &mut self.latest);
        }
    }

    /// How many times were added.
    pub const fn count(&self) -> u64 {
        self.times.count() + self.latest.len() as u64
    }

    /// The least, the median and the greatest; `None` before the first.
    pub fn min_median_max(&self) -> Option<(Duration, Duration, Duration)> {
        let Ends { least, greatest } = self.ends;
        let (min, max) = (Duration::from_nanos(least), Duration::from_nanos(greatest));
        let Self { mut times, mut latest, .. } = self.clone();
        count(&mut times, &mut latest);
        let median = Duration::from_nanos(times.quantile(0.5)?);
        Some((min, median.clamp(min, max), max))
    }
}

fn count(times: &mut Distribution, latest: &mut Vec<u64>) {
    latest.drain(..).for_each(|nanos| times.record(nanos));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_exact_and_the_median_has_three_digits() {
        let mut spread = Spread::default();
        assert_eq!(spread.min_median_max(), None);
        for nanos in [45_000, 48_123, 50_999] {
            spread.record(Duration::from_nanos(nanos));
        }
        let (min, median, max) = spread.min_median_max().unwrap();
        assert_eq!((min, max), (Duration::from_nanos(45_000), Duration::from_nanos(50_999)));
        assert!(median.abs_diff(Duration::from_nanos(48_123)) < Duration::from_nanos(49), "{median:?}");
    }
}
