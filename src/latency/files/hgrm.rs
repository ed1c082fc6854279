//! HdrHistogram's percentile text: `.hgrm`, as `outputPercentileDistribution` of `AbstractHistogram.java` prints it.

use std::io::{self, Write};

use crate::latency::Distribution;
use crate::latency::layout::{HIGHEST, NANOSECONDS};

/// Steps for each halving of the distance to 100 %, as HdrHistogram has by default.
const TICKS: f64 = 5.0;

/// The unit that values are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// As they are.
    Nanoseconds,
    /// Thousands of nanoseconds.
    Microseconds,
    /// Millions of nanoseconds, as HdrHistogram's own tools have them.
    #[default]
    Milliseconds,
}

impl Unit {
    /// Its name in the header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "nanoseconds",
            Self::Microseconds => "microseconds",
            Self::Milliseconds => "milliseconds",
        }
    }

    /// Nanoseconds in one.
    pub const fn nanos(self) -> u32 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
        }
    }
}

/// Writes the percentiles of a distribution. The first line is a comment with the unit, which HdrHistogram does not
/// write, and readers skip.
pub fn write_percentiles(out: &mut dyn Write, times: &Distribution, unit: Unit) -> io::Result<()> {
    let scale = f64::from(unit.nanos());
    writeln!(out, "#[Values in {}: nanoseconds / {}]", unit.name(), unit.nanos())?;
    writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    for Step { value, percent, count } in steps(times) {
        let share = percent / 100.0;
        write!(out, "{:12.3} {share:.12} {count:10}", value as f64 / scale)?;
        match percent < 100.0 {
            true => writeln!(out, " {:14.2}", 1.0 / (1.0 - share))?,
            false => writeln!(out)?,
        }
    }
    let max = times.max().map_or(0, |max| NANOSECONDS.highest(NANOSECONDS.index(max))) as f64 / scale;
    let (mean, deviation) = (times.mean() / scale, times.standard_deviation() / scale);
    writeln!(out, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
    writeln!(out, "#[Max     = {max:12.3}, Total count    = {:12}]", times.count())?;
    let (octaves, first) = (NANOSECONDS.octaves(HIGHEST), NANOSECONDS.first_octave());
    writeln!(out, "#[Buckets = {octaves:12}, SubBuckets     = {first:12}]")
}

/// A line of percentile text, and a point of a percentile curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The value that so many do not exceed, in nanoseconds.
    pub value: u64,
    /// 0 to 100.
    pub percent: f64,
    /// How many do not exceed it.
    pub count: u64,
}

/// Percentiles that come closer to 100 with each halving of the distance, as `PercentileIterator.java` has them; the
/// last is 100. None without times.
pub fn steps(times: &Distribution) -> Vec<Step> {
    let (mut steps, mut percent, mut count, mut last) = (Vec::new(), 0.0, 0_u64, None);
    for (index, more) in times.counts() {
        count = count.saturating_add(more);
        let value = NANOSECONDS.highest(index);
        let reached = 100.0 * count as f64 / times.count() as f64;
        // Of so many that a double cannot tell them apart, nearly all are 100 percent too.
        while reached >= percent && percent < 100.0 {
            steps.push(Step { value, percent, count });
            percent = next(percent);
            if count == times.count() {
                break;
            }
        }
        last = Some(Step { value, percent: 100.0, count });
    }
    steps.extend(last);
    steps
}

fn next(percent: f64) -> f64 {
    // In this way the Java computes it, and rounding depends on the way.
    let halvings = ((100.0 / (100.0 - percent)).ln() / 2_f64.ln()).floor();
    let further = (percent + 100.0 / (TICKS * (halvings + 1.0).exp2())).min(100.0);
    // So close to 100 a step may be less than what a double can tell.
    if further > percent { further } else { 100.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_hdrhistogram() {
        let mut times = Distribution::default();
        (1..=10).for_each(|value| times.record(value * 1000));
        let mut text = Vec::new();
        write_percentiles(&mut text, &times, Unit::Microseconds).unwrap();
        let expected = "\
#[Values in microseconds: nanoseconds / 1000]
       Value     Percentile TotalCount 1/(1-Percentile)

       1.000 0.000000000000          1           1.00
       1.000 0.100000000000          1           1.11
       2.000 0.200000000000          2           1.25
       3.001 0.300000000000          3           1.43
       4.001 0.400000000000          4           1.67
       5.003 0.500000000000          5           2.00
       6.003 0.550000000000          6           2.22
       6.003 0.600000000000          6           2.50
       7.003 0.650000000000          7           2.86
       7.003 0.700000000000          7           3.33
       8.003 0.750000000000          8           4.00
       8.003 0.775000000000          8           4.44
       8.003 0.800000000000          8           5.00
       9.007 0.825000000000          9           5.71
       9.007 0.850000000000          9           6.67
       9.007 0.875000000000          9           8.00
       9.007 0.887500000000          9           8.89
       9.007 0.900000000000          9          10.00
      10.007 0.912500000000         10          11.43
      10.007 1.000000000000         10
#[Mean    =        5.502, StdDeviation   =        2.874]
#[Max     =       10.007, Total count    =           10]
#[Buckets =           32, SubBuckets     =         2048]
";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn the_percentiles_are_those_of_the_crate() {
        use crate::latency::layout::{DIGITS, LOWEST};
        use crate::latency::random::Random;
        for (seed, count) in [(1, 1), (2, 7), (3, 997), (4, 99_991)] {
            let mut random = Random::new(seed);
            let mut times = Distribution::default();
            let mut theirs = hdrhistogram::Histogram::<u64>::new_with_bounds(LOWEST, HIGHEST, DIGITS).unwrap();
            for _ in 0..count {
                let value = random.latency(1e6, 1.0).max(1);
                times.record(value);
                theirs.record(value).unwrap();
            }
            // Primes: where a share is met exactly, the crate rounds otherwise than the Java that we follow.
            let ours = steps(&times);
            let theirs: Vec<_> = theirs.iter_quantiles(5).collect();
            assert_eq!(ours.len(), theirs.len(), "{count}");
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert_eq!(ours.value, theirs.value_iterated_to());
                assert!((ours.percent - theirs.quantile_iterated_to() * 100.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn more_than_a_double_can_count_have_an_end() {
        let mut times = Distribution::default();
        for (value, count) in [(1000, u64::MAX / 2), (2000, 1), (3000, 1)] {
            times.record_n(value, count);
        }
        let steps = steps(&times);
        assert!(steps.len() < 500, "{} steps", steps.len());
        assert!(steps.iter().rev().skip(1).all(|step| step.value == 1000 && step.percent < 100.0), "{steps:?}");
        assert_eq!(steps.last(), Some(&Step { value: 3001, percent: 100.0, count: u64::MAX / 2 + 2 }));
    }

    #[test]
    fn without_times_there_are_no_percentiles() {
        let mut text = Vec::new();
        write_percentiles(&mut text, &Distribution::default(), Unit::default()).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("Total count    =            0]"), "{text}");
        assert_eq!(text.lines().count(), 6);
    }
}
