//! How times are spread: histograms.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::time::nanos;

/// The longest time that is told from longer ones.
const MAX: Duration = Duration::from_secs(3600);
/// Values are told apart to this many decimal digits.
const DIGITS: u8 = 3;

/// Times from one nanosecond to one hour, to three digits; least and greatest are exact.
#[derive(Clone, Debug)]
pub struct Spread {
    histogram: Option<Histogram<u64>>,
    min: Duration,
    max: Duration,
    count: u64,
}

impl Default for Spread {
    fn default() -> Self {
        let max = MAX.as_nanos() as u64;
        // The bounds are constants that the library accepts; without a histogram the median would be missing, nothing else.
        let histogram = Histogram::new_with_bounds(1, max, DIGITS).ok();
        Self { histogram, min: Duration::MAX, max: Duration::ZERO, count: 0 }
    }
}

impl Spread {
    /// Adds a time. Times over an hour count as one hour in the percentiles.
    pub fn record(&mut self, time: Duration) {
        self.min = self.min.min(time);
        self.max = self.max.max(time);
        self.count += 1;
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(nanos(time).max(1));
        }
    }

    /// How many times were added.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The least, the median and the greatest; `None` before the first.
    pub fn min_median_max(&self) -> Option<(Duration, Duration, Duration)> {
        let histogram = self.histogram.as_ref().filter(|_| self.count > 0)?;
        let median = Duration::from_nanos(histogram.value_at_quantile(0.5));
        Some((self.min, median.clamp(self.min, self.max), self.max))
    }
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
