use super::*;
use crate::latency::random::Random;

fn times(seed: u64, count: u64, median: f64, sigma: f64) -> Distribution {
    let mut random = Random::new(seed);
    let mut times = Distribution::default();
    (0..count).for_each(|_| times.record(random.latency(median, sigma)));
    times
}

/// P(B < l) and P(B ≥ u) by the textbook, for few times.
fn tails(count: u64, share: f64, low: u64, high: u64) -> (f64, f64) {
    let choose = |k: u64| (0..k).fold(1.0, |product, i| product * (count - i) as f64 / (i + 1) as f64);
    let probability = |k: u64| choose(k) * share.powi(k as i32) * (1.0 - share).powi((count - k) as i32);
    ((0..low).map(probability).sum(), (high..=count).map(probability).sum())
}

#[test]
fn ranks_are_those_of_the_binomial_distribution() {
    // The sign test's table: the median of 10 values is in X(2)..X(9) with 97.9 %, of 20 in X(6)..X(15) with 95.9 %.
    assert_eq!(ranks(10, 0.5, 0.025), (Some(2), Some(9)));
    assert_eq!(ranks(20, 0.5, 0.025), (Some(6), Some(15)));
    for count in [5, 17, 60, 200] {
        for share in SHARES {
            for tail in [0.025, 0.005, 0.0005] {
                let (low, high) = ranks(count, share, tail);
                if let Some(low) = low {
                    assert!(tails(count, share, low, count + 1).0 <= tail);
                    assert!(tails(count, share, low + 1, count + 1).0 > tail);
                } else {
                    assert!(tails(count, share, 1, count + 1).0 > tail);
                }
                if let Some(high) = high {
                    assert!(tails(count, share, 0, high).1 <= tail);
                    assert!(tails(count, share, 0, high - 1).1 > tail);
                } else {
                    assert!(tails(count, share, 0, count).1 > tail);
                }
            }
        }
    }
}

#[test]
fn so_many_times_are_needed_as_the_documentation_says() {
    let miss = ERROR / (2 * SHARES.len()) as f64;
    let needed = SHARES.map(|share| {
        (1..100_000).find(|&count| matches!(ranks(count, share, miss / 2.0), (Some(_), Some(_)))).unwrap()
    });
    assert_eq!(needed, [12, 28, 74, 775, 7780, 77_829]);
}

#[test]
fn the_interval_of_very_many_times_is_narrow() {
    for count in [1_000_000, 1 << 32, 1 << 40] {
        let (low, high) = ranks(count, 0.5, 0.0005);
        let width = (high.unwrap() - low.unwrap()) as f64 / (count.min(1 << 32) as f64).sqrt();
        let expected = 3.29 * count as f64 / count.min(1 << 32) as f64;
        assert!((width - expected).abs() < 0.01 * expected, "{count}: {width} {expected}");
    }
}

#[test]
fn the_interval_holds_the_true_quantile_as_often_as_it_says() {
    let misses = (0..1000).filter(|&seed| {
        let interval = bounds(&times(seed, 300, 100_000.0, 0.7), 0.5, 0.05);
        interval.low.unwrap() > 100_000 || interval.high.unwrap() < 100_000
    });
    let misses = misses.count();
    assert!((15..=65).contains(&misses), "{misses} of 1000, at most 50 are expected");
}

#[test]
fn two_runs_of_the_same_are_rarely_told_apart() {
    for count in [5, 50, 1000] {
        let (mut at_a_percentile, mut as_a_whole) = (0, 0);
        for seed in 0..500 {
            let (before, after) =
                (times(2 * seed, count, 50_000.0, 0.6), times(2 * seed + 1, 2 * count, 50_000.0, 0.6));
            let comparison = compare(&before, &after, ERROR);
            let told = |verdict| !matches!(verdict, Verdict::Noise | Verdict::TooFew);
            at_a_percentile += u32::from(comparison.changes.iter().any(|change| told(change.verdict)));
            as_a_whole += u32::from(told(comparison.whole));
        }
        // 1 % of 500, and three standard deviations of that.
        assert!(at_a_percentile <= 11 && as_a_whole <= 11, "{count}: {at_a_percentile}, {as_a_whole}");
    }
}

#[test]
fn a_shift_is_told() {
    for seed in 0..100 {
        let (before, after) = (times(seed, 1000, 50_000.0, 0.3), times(seed + 1000, 1000, 60_000.0, 0.3));
        let slower = compare(&before, &after, ERROR);
        assert_eq!((slower.changes[0].verdict, slower.whole), (Verdict::Slower, Verdict::Slower), "{seed}");
        assert!(slower.changes[0].difference() > 5000 && slower.changes[0].relative() > 0.1);
        assert!(slower.probability < 1e-6 && slower.distance > 0.1);
        let faster = compare(&after, &before, ERROR);
        assert_eq!((faster.changes[0].verdict, faster.whole), (Verdict::Faster, Verdict::Faster), "{seed}");
    }
}

#[test]
fn a_change_of_the_tail_alone_is_told_there() {
    let before = times(1, 20_000, 50_000.0, 0.1);
    let mut after = times(2, 20_000, 50_000.0, 0.1);
    (0..600).for_each(|_| after.record(5_000_000));
    let comparison = compare(&before, &after, ERROR);
    let verdicts: Vec<_> = comparison.changes.iter().map(|change| change.verdict).collect();
    assert_eq!(verdicts[0], Verdict::Noise);
    assert_eq!(verdicts[3..5], [Verdict::Slower, Verdict::Slower], "p99 and p99.9");
}

#[test]
fn one_that_is_wider_is_different() {
    let comparison = compare(&times(1, 5000, 50_000.0, 0.1), &times(2, 5000, 50_000.0, 0.8), ERROR);
    assert_eq!(comparison.whole, Verdict::Different);
}

#[test]
fn few_times_tell_nothing() {
    let (before, after) = (times(1, 3, 50_000.0, 0.1), times(2, 3, 5_000_000.0, 0.1));
    let comparison = compare(&before, &after, ERROR);
    assert!(comparison.changes.iter().all(|change| change.verdict == Verdict::TooFew));
    assert_eq!((comparison.whole, comparison.probability.to_bits()), (Verdict::TooFew, 1_f64.to_bits()));
    let comparison = compare(&times(1, 500, 50_000.0, 0.1), &times(2, 500, 50_000.0, 0.1), ERROR);
    assert_eq!(comparison.changes[0].verdict, Verdict::Noise);
    assert_eq!(comparison.changes[4].verdict, Verdict::TooFew, "p99.9 of 500");
    let none = compare(&Distribution::default(), &before, ERROR);
    assert!(none.changes.is_empty());
    assert_eq!(none.whole, Verdict::TooFew);
    assert_eq!(Verdict::TooFew.words(), "too few to tell");
}

#[test]
fn the_probability_is_that_of_the_tables() {
    // Critical values of the Kolmogorov distribution: 1.36 at 5 %, 1.63 at 1 %, 1.95 at 0.1 %.
    for (lambda, probability) in [(1.358, 0.05), (1.628, 0.01), (1.949, 0.001)] {
        let size: f64 = 1e12;
        let found = chance(lambda / size.sqrt(), size);
        assert!((found - probability).abs() < probability * 0.02, "{lambda}: {found}");
    }
    assert_eq!(chance(0.0, 100.0).to_bits(), 1_f64.to_bits());
}
