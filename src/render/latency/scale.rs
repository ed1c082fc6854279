//! Ranges of times with round ends, chosen so that a chart has enough rows and not too many.

use crate::latency::{Bucket, Distribution};

/// A chart has no more rows, those for ranges without times among them.
const MOST: usize = 16;
/// Where the finest logarithmic scale has fewer rows than this from the least to the greatest time, the scale is linear:
/// within a factor of 2.5 the two hardly differ, and linear steps are rounder.
const FEWEST: usize = 8;
/// Where the ranges of a decade begin, in tenths, the finest first.
const DECADES: [&[u64]; 6] = [
    &[10, 11, 12, 14, 16, 18, 20, 22, 25, 28, 32, 36, 40, 45, 50, 56, 63, 70, 80, 90],
    &[10, 12, 15, 20, 25, 30, 40, 50, 60, 80],
    &[10, 15, 20, 30, 50, 70],
    &[10, 20, 50],
    &[10, 30],
    &[10],
];

/// A row of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// Times from the first to before the second, in nanoseconds, and how many there are.
    Range(u64, u64, u64),
    /// Several ranges without times.
    Gap,
}

/// The rows of a distribution's chart; none without times.
pub(super) fn rows(times: &Distribution) -> Vec<Row> {
    let (Some(first), Some(max)) = (times.buckets().next(), times.max()) else { return Vec::new() };
    let min = place(first, max);
    let [finest, coarser @ ..] = DECADES.map(|starts| logarithmic(starts, min, max));
    if finest.len() <= FEWEST {
        return filled(times, &linear(min, max));
    }
    let mut rows = filled(times, &finest);
    for ends in coarser {
        if rows.len() <= MOST {
            break;
        }
        rows = filled(times, &ends);
    }
    rows
}

/// The ends of ranges: the first is not over `min`, the last is over `max`.
fn logarithmic(starts: &[u64], min: u64, max: u64) -> Vec<u64> {
    // An hour is less than 10^13 ns.
    let decades = (0..=13).map(|power| 10_u64.pow(power));
    let mut ends: Vec<u64> = decades.flat_map(|decade| starts.iter().map(move |start| start * decade / 10)).collect();
    ends.dedup();
    let from = ends.partition_point(|&end| end <= min).saturating_sub(1);
    let to = ends.partition_point(|&end| end <= max);
    ends.get(from..=to).unwrap_or_default().to_vec()
}

/// As above, in equal steps: the least of 1, 2 and 5 times a power of ten that makes no more than [`MOST`] rows. Steps of
/// less than a thousandth would be finer than the buckets.
fn linear(min: u64, max: u64) -> Vec<u64> {
    let steps = (0..13).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    let fits = |step: &u64| *step >= max.div_ceil(1000) && max / step - min / step < MOST as u64;
    let step = { steps }.find(fits).unwrap_or(max.max(1));
    (min / step..=max / step + 1).map(|number| number * step).collect()
}

/// What stands for the times of a bucket: its upper end, as percentiles have it. So a round time that begins a range, as
/// those of a clock of microseconds are, is in that range.
fn place(bucket: Bucket, max: u64) -> u64 {
    bucket.highest.min(max)
}

/// How many times are in each range. Of ranges without any, several in a row become a gap.
fn filled(times: &Distribution, ends: &[u64]) -> Vec<Row> {
    let mut counts = vec![0_u64; ends.len().saturating_sub(1)];
    for bucket in times.buckets() {
        let value = place(bucket, times.max().unwrap_or(0));
        let range = ends.partition_point(|&end| end <= value).saturating_sub(1).min(counts.len().saturating_sub(1));
        if let Some(count) = counts.get_mut(range) {
            *count = count.saturating_add(bucket.count);
        }
    }
    let mut rows = Vec::new();
    let ranges: Vec<_> = ends.iter().zip(ends.iter().skip(1)).zip(counts).collect();
    for run in ranges.chunk_by(|(_, first), (_, second)| (*first == 0) == (*second == 0)) {
        match run {
            [(_, 0), _, ..] => rows.push(Row::Gap),
            run => rows.extend(run.iter().map(|((from, to), count)| Row::Range(**from, **to, *count))),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::random::Random;

    fn times(values: &[u64]) -> Distribution {
        let mut times = Distribution::default();
        values.iter().for_each(|&value| times.record(value));
        times
    }

    #[test]
    fn a_decade_is_divided_and_a_narrow_range_is_linear() {
        let [rows_of_two, rows_of_one] = [&[31_000, 31_950][..], &[31_000]].map(|values| rows(&times(values)));
        assert_eq!(rows_of_two, [Row::Range(31_000, 31_100, 1), Row::Gap, Row::Range(31_900, 32_000, 1)]);
        assert_eq!(rows_of_one, [Row::Range(31_000, 31_050, 1)]);
        assert_eq!(rows(&times(&[1, 2, 3])), [Row::Range(1, 2, 1), Row::Range(2, 3, 1), Row::Range(3, 4, 1)]);
        assert_eq!(rows(&Distribution::default()), []);
        assert_eq!(
            rows(&times(&[50_000, 5_000_000_000])),
            [Row::Range(50_000, 56_000, 1), Row::Gap, Row::Range(5_000_000_000, 5_600_000_000, 1)],
            "a round time begins its range"
        );
    }

    #[test]
    fn every_chart_has_enough_rows_and_all_times() {
        let mut random = Random::new(1);
        for round in 0..300_u32 {
            let sigma = f64::from(round % 60) / 10.0;
            let mut times = Distribution::default();
            (0..2000).for_each(|_| times.record(random.latency(60_000.0, sigma)));
            let rows = rows(&times);
            assert!(rows.len() <= MOST && (round % 60 == 0 || rows.len() > 4), "{sigma}: {rows:?}");
            let counted = rows.iter().map(|row| if let Row::Range(_, _, count) = row { *count } else { 0 });
            assert_eq!(counted.sum::<u64>(), 2000);
            let ranges: Vec<_> = rows.iter().filter(|row| **row != Row::Gap).collect();
            assert!(
                !matches!(ranges.first(), Some(Row::Range(from, ..)) if *from > times.buckets().next().unwrap().highest)
            );
            assert!(!matches!(ranges.last(), Some(Row::Range(_, to, _)) if *to <= times.max().unwrap()));
        }
    }
}
