//! Whether two distributions differ by more than noise: at each percentile, and as a whole.
//!
//! **At a percentile.** Of n independent times, the number under the true quantile of the share p is binomial(n, p),
//! whatever their distribution. So the order statistics X(l) and X(u) enclose that quantile with a probability that the
//! binomial distribution gives (H. A. David and H. N. Nagaraja, *Order Statistics*, 3rd edition, 7.1). A change is told
//! where the intervals of both do not overlap.
//!
//! **As a whole.** The two-sample test of Kolmogorov and Smirnov: the greatest distance of the two cumulative
//! distributions, and how probable one as great is by chance (M. A. Stephens, *Use of the Kolmogorov-Smirnov, Cramer-Von
//! Mises and related statistics without extensive tables*, JRSS B 32, 1970). Buckets make ties, and ties make it careful.

use super::Distribution;

/// The percentiles that are compared, as shares.
pub const SHARES: [f64; 6] = [0.5, 0.75, 0.9, 0.99, 0.999, 0.9999];
/// How often two runs of the same thing may be told apart by any of their percentiles.
pub const ERROR: f64 = 0.01;
/// More times than this are taken as so many, which makes the interval wider, never narrower.
pub(super) const MAX_TIMES: u64 = 1 << 32;
/// Products of both counts over their sum from which on the formula of Stephens holds.
const FEWEST: f64 = 4.0;

/// What is said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Slower, by more than noise.
    Slower,
    /// Faster, by more than noise.
    Faster,
    /// As a whole different, but slower in one part and faster in another.
    Different,
    /// No more than noise.
    Noise,
    /// Too few times to tell.
    TooFew,
}

impl Verdict {
    /// For programs: `snake_case`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooFew => "too_few",
            other => other.words(),
        }
    }

    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Slower => "slower",
            Self::Faster => "faster",
            Self::Different => "different",
            Self::Noise => "noise",
            Self::TooFew => "too few to tell",
        }
    }
}

/// Where a quantile truly is, with the probability that was asked for; in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// `None`: too few times for a lower end.
    pub low: Option<u64>,
    /// `None`: too few times for an upper end.
    pub high: Option<u64>,
}

/// The change at a percentile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The share of times that do not exceed the value: 0 to 1.
    pub share: f64,
    /// The value before, in nanoseconds.
    pub before: u64,
    /// The value after.
    pub after: u64,
    /// Where the true value before is.
    pub bounds_before: Bounds,
    /// Where the true value after is.
    pub bounds_after: Bounds,
    /// What is said of it.
    pub verdict: Verdict,
}

impl Change {
    /// After less before, in nanoseconds.
    pub fn difference(&self) -> i64 {
        // Both are at most an hour.
        self.after as i64 - self.before as i64
    }

    /// The difference as a share of the value before.
    pub fn relative(&self) -> f64 {
        self.difference() as f64 / self.before.max(1) as f64
    }
}

/// Two distributions side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The change at each of [`SHARES`]; empty where one has no times.
    pub changes: Vec<Change>,
    /// The greatest distance of the two cumulative distributions, 0 to 1.
    pub distance: f64,
    /// How probable such a distance is by chance; 1 where there are too few times to say.
    pub probability: f64,
    /// What is said of the whole.
    pub whole: Verdict,
}

/// Compares two distributions. `error` is how often at most two runs of the same thing are told apart, by any of the
/// percentiles, and again by the whole: [`ERROR`], divided by the number of series where many are compared at once.
pub fn compare(before: &Distribution, after: &Distribution, error: f64) -> Comparison {
    // Each of the intervals misses its quantile with less than this, and two that hit the same one overlap (Bonferroni).
    let miss = error / (2 * SHARES.len()) as f64;
    let changes = SHARES.into_iter().filter_map(|share| change(before, after, share, miss)).collect();
    let (rises, falls) = distances(before, after);
    let (first, second) = (before.count() as f64, after.count() as f64);
    let size = first * second / (first + second).max(1.0);
    let (probability, whole) = whole(rises, falls, size, error);
    Comparison { changes, distance: rises.max(falls), probability, whole }
}

/// How probable these distances are by chance, and what is said of the whole.
fn whole(rises: f64, falls: f64, size: f64, error: f64) -> (f64, Verdict) {
    if size < FEWEST || chance(1.0, size) > error {
        return (1.0, Verdict::TooFew);
    }
    let probability = chance(rises.max(falls), size);
    let verdict = if probability > error {
        Verdict::Noise
    } else if chance(rises.min(falls), size) <= error {
        Verdict::Different
    } else if rises > falls {
        Verdict::Faster
    } else {
        Verdict::Slower
    };
    (probability, verdict)
}

fn change(before: &Distribution, after: &Distribution, share: f64, miss: f64) -> Option<Change> {
    let quantile = |times: &Distribution| Some(times.quantile(share)?.clamp(times.min()?, times.max()?));
    let (bounds_before, bounds_after) = (bounds(before, share, miss), bounds(after, share, miss));
    let over = |low: Option<u64>, high: Option<u64>| low.zip(high).is_some_and(|(low, high)| low > high);
    let ends = [bounds_before.low, bounds_before.high, bounds_after.low, bounds_after.high];
    let verdict = if over(bounds_after.low, bounds_before.high) {
        Verdict::Slower
    } else if over(bounds_before.low, bounds_after.high) {
        Verdict::Faster
    } else if ends.contains(&None) {
        Verdict::TooFew
    } else {
        Verdict::Noise
    };
    let (before, after) = (quantile(before)?, quantile(after)?);
    Some(Change { share, before, after, bounds_before, bounds_after, verdict })
}

/// Where the quantile of a share truly is, but for a probability of `miss`, half of it at each end.
pub fn bounds(times: &Distribution, share: f64, miss: f64) -> Bounds {
    let (low, high) = ranks(times.count(), share, miss / 2.0);
    Bounds {
        low: low.and_then(|rank| times.at_rank(rank)).map(|(low, _)| low),
        high: high.and_then(|rank| times.at_rank(rank)).map(|(_, high)| high),
    }
}

/// The ranks of the order statistics that enclose a quantile: l is the greatest with P(B < l) ≤ `tail`, u the least with
/// P(B ≥ u) ≤ `tail`, where B is binomial.
fn ranks(times: u64, share: f64, tail: f64) -> (Option<u64>, Option<u64>) {
    let counted = times.min(MAX_TIMES);
    let binomial = Binomial::new(counted, share);
    let scaled = |rank: u64| if times == counted { rank } else { (rank as f64 / counted as f64 * times as f64) as u64 };
    (binomial.lower(tail).map(scaled), binomial.upper(tail).map(scaled))
}

/// The probabilities of a distribution of whole numbers about its mode: those that are left out are under 1e-18 of the
/// greatest.
pub(super) struct Weights {
    /// The number that the first of the probabilities is of.
    pub first: u64,
    pub probabilities: Vec<f64>,
}

impl Weights {
    /// `ratio` is the probability of the number after a number to that of the number: simple where the probabilities
    /// themselves are made of factorials.
    pub fn about(mode: u64, range: std::ops::RangeInclusive<u64>, ratio: impl Fn(u64) -> f64) -> Self {
        let enough = |weight: &f64| *weight > 1e-18;
        let above = (mode..*range.end()).scan(1.0, |weight, number| {
            *weight *= ratio(number);
            Some(*weight)
        });
        let below = (*range.start()..mode).rev().scan(1.0, |weight, number| {
            *weight /= ratio(number);
            Some(*weight)
        });
        let mut probabilities: Vec<f64> = below.take_while(enough).collect();
        let first = mode - probabilities.len() as u64;
        probabilities.reverse();
        probabilities.push(1.0);
        probabilities.extend(above.take_while(enough));
        let total: f64 = probabilities.iter().sum();
        for probability in &mut probabilities {
            *probability /= total;
        }
        Self { first, probabilities }
    }
}

/// The binomial distribution.
struct Binomial {
    count: u64,
    weights: Weights,
}

impl Binomial {
    fn new(count: u64, share: f64) -> Self {
        let mode = (((count + 1) as f64 * share) as u64).min(count);
        let odds = share / (1.0 - share);
        let ratio = |number: u64| (count - number) as f64 / (number + 1) as f64 * odds;
        Self { count, weights: Weights::about(mode, 0..=count, ratio) }
    }

    /// The greatest rank l ≥ 1 with P(B < l) ≤ `tail`.
    fn lower(&self, tail: f64) -> Option<u64> {
        let fits = fitting(self.weights.probabilities.iter(), tail);
        // P(B < l) is the sum of all before l.
        Some(self.weights.first + fits as u64).filter(|&rank| (1..=self.count).contains(&rank))
    }

    /// The least rank u ≤ n with P(B ≥ u) ≤ `tail`.
    fn upper(&self, tail: f64) -> Option<u64> {
        let fits = fitting(self.weights.probabilities.iter().rev(), tail);
        let end = self.weights.first + self.weights.probabilities.len() as u64;
        Some(end - fits as u64).filter(|&rank| (1..=self.count).contains(&rank))
    }
}

/// How many of the probabilities sum up to no more than `tail`.
fn fitting<'a>(probabilities: impl Iterator<Item = &'a f64>, tail: f64) -> usize {
    let mut sum = 0.0;
    probabilities
        .take_while(|&&probability| {
            sum += probability;
            sum <= tail
        })
        .count()
}

/// How far the cumulative distribution after is over the one before at most (times became shorter), and how far under.
fn distances(before: &Distribution, after: &Distribution) -> (f64, f64) {
    let (mut first, mut second) = (before.buckets().peekable(), after.buckets().peekable());
    let (mut below_first, mut below_second) = (0_u64, 0_u64);
    let (mut rises, mut falls) = (0.0_f64, 0.0_f64);
    if before.is_empty() || after.is_empty() {
        return (rises, falls);
    }
    while let (Some(a), Some(b)) = (first.peek().copied(), second.peek().copied()) {
        if a.lowest <= b.lowest {
            below_first = below_first.saturating_add(a.count);
            first.next();
        }
        if b.lowest <= a.lowest {
            below_second = below_second.saturating_add(b.count);
            second.next();
        }
        let rise = below_second as f64 / after.count() as f64 - below_first as f64 / before.count() as f64;
        (rises, falls) = (rises.max(rise), falls.max(-rise));
    }
    (rises, falls)
}

/// How probable a distance of at least so much is by chance: Q(λ) = 2 Σ (-1)^(j-1) exp(-2 j² λ²) with
/// λ = (√N + 0.12 + 0.11/√N) D, where N is the product of both counts over their sum.
fn chance(distance: f64, size: f64) -> f64 {
    let root = size.sqrt();
    let lambda = (root + 0.12 + 0.11 / root.max(1e-9)) * distance;
    if lambda < 0.2 {
        // The series converges no more; the true value differs from 1 by less than 1e-12.
        return 1.0;
    }
    let terms = (1..=100).map(|j: i32| {
        let term = 2.0 * (-2.0 * f64::from(j * j) * lambda * lambda).exp();
        if j % 2 == 1 { term } else { -term }
    });
    terms.sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
