//! Percentile curves, as HdrHistogram's plotters draw them.

use plotters::style::RGBColor;

use super::CURVES;
use super::scale::height;
use crate::latency::Distribution;
use crate::latency::files::hgrm::steps;

/// Colours that people tell apart who do not see all of them: M. Okabe and K. Ito, *Color Universal Design*, 2008; grey
/// in place of the yellow, which is too light on white.
const COLORS: [RGBColor; CURVES] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
    RGBColor(128, 128, 128),
];

/// The colour of the n-th curve.
pub fn color(number: usize) -> RGBColor {
    COLORS.into_iter().cycle().nth(number % CURVES).unwrap_or(RGBColor(0, 0, 0))
}

/// The points of a curve: log10(1/(1-p)) and the latency of the percentile in nanoseconds, with five for each halving
/// of 1-p. Both ascend. The last is the greatest time, at the share that all but one of the times make.
pub fn points(times: &Distribution) -> Vec<(f64, u64)> {
    let (Some(min), Some(max)) = (times.min(), times.max()) else { return Vec::new() };
    let furthest = height(times.count());
    let point = |percent: f64, value: u64| {
        let at = -(1.0 - percent / 100.0).log10();
        (at.clamp(0.0, furthest), value.clamp(min, max))
    };
    steps(times).into_iter().map(|step| point(step.percent, step.value)).collect()
}

#[cfg(test)]
mod tests {
    use plotters::style::Color;

    use super::*;
    use crate::latency::random::Random;

    #[test]
    fn the_points_are_the_quantiles() {
        for (seed, count) in [(1, 1_u64), (2, 2), (3, 10), (4, 997), (5, 100_003)] {
            let mut random = Random::new(seed);
            let mut times = Distribution::default();
            for _ in 0..count {
                times.record(random.latency(1e6, 1.0));
            }
            let points = points(&times);
            let (min, max) = (times.min().unwrap(), times.max().unwrap());
            for (at, value) in &points[..points.len() - 1] {
                let share = 1.0 - 10_f64.powf(-at);
                // The share is rounded on its way through the logarithm: its rank may be one less or one more.
                let (low, high) = (times.quantile((share - 1e-9).max(1e-9)), times.quantile(share + 1e-9));
                let near = low.unwrap().clamp(min, max)..=high.unwrap().clamp(min, max);
                assert!(near.contains(value), "{count}: {value} at {share}, not {near:?}");
            }
            assert_eq!(points.last().unwrap(), &((count as f64).log10(), max), "{count}");
            assert!(points.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1), "{points:?}");
        }
    }

    #[test]
    fn ten_times_are_ten_heights() {
        let mut times = Distribution::default();
        (1..=10).for_each(|value| times.record(value * 100));
        let points = points(&times);
        let heights: std::collections::BTreeSet<_> = points.iter().map(|(_, value)| *value).collect();
        assert_eq!(heights.into_iter().collect::<Vec<_>>(), (1..=10).map(|value| value * 100).collect::<Vec<_>>());
        let median = points.iter().find(|(at, _)| (at - 2_f64.log10()).abs() < 1e-12);
        assert_eq!(median.unwrap().1, 500);
    }

    #[test]
    fn no_times_are_no_points() {
        assert_eq!(points(&Distribution::default()), []);
    }

    #[test]
    fn every_curve_has_its_own_colour() {
        let colors: std::collections::HashSet<_> = (0..CURVES).map(|number| color(number).rgb()).collect();
        assert_eq!(colors.len(), CURVES);
    }
}
