use hdrhistogram::Histogram;

use super::*;
use crate::latency::layout::DIGITS;
use crate::latency::random::Random;

const SHARES: [f64; 14] = [0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.999_99, 1.0, 1.5];

fn theirs() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST, HIGHEST, DIGITS).unwrap()
}

/// Every figure is that of the crate, floating point to the last bit.
fn assert_equal(ours: &Distribution, theirs: &Histogram<u64>) {
    assert_eq!(ours.count(), theirs.len());
    for share in SHARES {
        assert_eq!(ours.quantile(share).unwrap_or(0), theirs.value_at_quantile(share), "{share}");
    }
    assert_eq!(ours.mean().to_bits(), theirs.mean().to_bits());
    assert_eq!(ours.standard_deviation().to_bits(), theirs.stdev().to_bits());
    let lowest = |value| theirs.lowest_equivalent(value);
    assert_eq!(ours.min().map(lowest), ours.min().map(|_| theirs.min()));
    assert_eq!(ours.max().map(|value| theirs.highest_equivalent(value)), ours.max().map(|_| theirs.max()));
    let recorded = theirs.iter_recorded().map(|value| (value.value_iterated_to(), value.count_at_value()));
    assert!(ours.buckets().map(|bucket| (bucket.highest, bucket.count)).eq(recorded));
}

/// Sets of values of all kinds: narrow, wide, few, many, at the ends.
fn sets() -> impl Iterator<Item = Vec<u64>> {
    (0..200).map(|seed| {
        let mut random = Random::new(seed);
        let count = [1, 2, 3, 10, 100, 1000, 20_000][seed as usize % 7];
        let spread = 1 + random.below(41) as u32;
        let top = random.below(42);
        let base = random.below(1 << top);
        (0..count).map(|_| base + (random.next() >> (64 - spread)) / (1 + random.below(4))).collect()
    })
}

#[test]
fn every_figure_is_that_of_hdrhistogram() {
    for values in sets() {
        let (mut ours, mut theirs) = (Distribution::default(), theirs());
        for &value in &values {
            ours.record(value);
            theirs.saturating_record(value.max(1));
        }
        assert_equal(&ours, &theirs);
        assert_eq!(ours.min(), values.iter().map(|&value| value.clamp(LOWEST, HIGHEST)).min());
        assert_eq!(ours.max(), values.iter().map(|&value| value.clamp(LOWEST, HIGHEST)).max());
    }
}

#[test]
fn merged_is_as_if_recorded_together() {
    let mut all = Distribution::default();
    let mut merged = Distribution::default();
    for values in sets() {
        let mut part = Distribution::default();
        values.iter().for_each(|&value| part.record(value));
        values.iter().for_each(|&value| all.record(value));
        merged.merge(&part);
        assert!(merged == all);
    }
}

#[test]
fn coordinated_omission_is_corrected_as_hdrhistogram_does_it() {
    for (seed, values) in sets().enumerate() {
        let mut random = Random::new(seed as u64);
        let (mut ours, mut theirs) = (Distribution::default(), theirs());
        for value in values.into_iter().take(100).map(|value| value.clamp(LOWEST, HIGHEST)) {
            let interval = (value / (1 + random.below(3000))).max(1 + random.below(100)).max(value / 100_000);
            ours.record_corrected(value, interval);
            theirs.record_correct(value, interval).unwrap();
        }
        assert_equal(&ours, &theirs);
    }
    let mut ours = Distribution::default();
    ours.record_corrected(500, 0);
    assert_eq!(ours.count(), 1);
    ours.record_corrected(500, 100);
    assert_eq!((ours.count(), ours.min()), (6, Some(100)));
    ours.record_corrected(HIGHEST, 1);
    assert_eq!(ours.count(), 6 + HIGHEST, "an interval far too short takes no hour");
}

#[test]
fn the_ends_of_the_range_are_counted() {
    let mut ours = Distribution::default();
    assert_eq!((ours.figures(), ours.quantile(0.5), ours.mean().to_bits()), (None, None, 0));
    assert_eq!((ours.min(), ours.max(), ours.standard_deviation().to_bits()), (None, None, 0));
    for value in [0, 1, HIGHEST, HIGHEST + 1, u64::MAX] {
        ours.record(value);
    }
    assert_eq!((ours.count(), ours.over_an_hour()), (5, 2));
    assert_eq!((ours.min(), ours.max()), (Some(1), Some(HIGHEST)));
    let figures = ours.figures().unwrap();
    assert_eq!((figures.p50, figures.p999), (HIGHEST, HIGHEST), "no percentile is over the greatest");
}

#[test]
fn ranks_tell_the_bucket() {
    let mut ours = Distribution::default();
    [10, 20, 30_001].into_iter().for_each(|value| ours.record(value));
    assert_eq!(ours.at_rank(1), Some((10, 10)));
    assert_eq!(ours.at_rank(2), Some((20, 20)));
    assert_eq!(ours.at_rank(3), Some((30_000, 30_001)));
    assert_eq!(ours.at_rank(4), None);
}
