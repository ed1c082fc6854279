//! Whether more was lost in one run than in another than chance explains: Fisher's exact test.
//!
//! Of all requests of both runs together, so many were lost. If they are lost alike in both, which of them fall into the
//! first run is drawn by lot: their number is hypergeometric, whatever the share that is lost (R. A. Fisher, *Statistical
//! Methods for Research Workers*, 5th edition, 21.02). A chi-square test is its approximation, which fails where few are
//! lost; and in most runs few are.

use super::Counted;
use super::compare::{MAX_TIMES, Weights};

/// What was lost of the requests of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Not answered, or answered with no.
    pub lost: u64,
    /// All requests, those that were lost among them.
    pub requests: u64,
}

impl Lost {
    /// What was lost of a series.
    pub fn of(counted: &Counted) -> Self {
        Self { lost: counted.lost(), requests: counted.requests() }
    }

    /// The share that was lost: 0 to 1, 0 without requests.
    pub fn share(self) -> f64 {
        self.lost as f64 / self.requests.max(1) as f64
    }
}

/// What is said of a difference between losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossVerdict {
    /// A greater share is lost, by more than noise.
    More,
    /// A smaller share.
    Fewer,
    /// No more than noise.
    Noise,
    /// So few requests that all against none would be no more than noise.
    TooFew,
}

impl LossVerdict {
    /// For programs: `snake_case`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::More => "more",
            Self::Fewer => "fewer",
            Self::Noise => "noise",
            Self::TooFew => "too_few",
        }
    }

    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::More => "more lost",
            Self::Fewer => "fewer lost",
            Self::Noise => "noise",
            Self::TooFew => "too few to tell",
        }
    }
}

/// The losses of two runs side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Losses {
    /// Of the first run.
    pub before: Lost,
    /// Of the second.
    pub after: Lost,
    /// How probable such a difference is by chance, in either direction: twice the smaller tail, at most 1.
    pub probability: f64,
    /// What is said of it.
    pub verdict: LossVerdict,
}

impl Losses {
    /// Compares what was lost. `error` is how often at most two runs that lose alike are told apart.
    pub fn compare(before: Lost, after: Lost, error: f64) -> Self {
        let (first, second) = scaled(before, after);
        let (at_most, at_least) = tails(first, second);
        let probability = (2.0 * at_most.min(at_least)).min(1.0);
        let verdict = if !can_be_told(first.requests, second.requests, error) {
            LossVerdict::TooFew
        } else if probability > error {
            LossVerdict::Noise
        } else if at_most < at_least {
            LossVerdict::More
        } else {
            LossVerdict::Fewer
        };
        Self { before, after, probability, verdict }
    }
}

/// More requests than [`MAX_TIMES`] in both are taken as so many, with the same shares: that tells less, never more.
fn scaled(before: Lost, after: Lost) -> (Lost, Lost) {
    let total = u128::from(before.requests) + u128::from(after.requests);
    let counted = total.min(u128::from(MAX_TIMES)).max(1);
    // No more than the count itself.
    let scale = |count: u64| (u128::from(count) * counted / total.max(1)) as u64;
    let run = |run: Lost| {
        let requests = scale(run.requests);
        Lost { lost: scale(run.lost).min(requests), requests }
    };
    (run(before), run(after))
}

/// How probable it is that of what was lost in both, no more than so many were in the first run; and no fewer.
fn tails(first: Lost, second: Lost) -> (f64, f64) {
    let (lost, requests) = (first.lost + second.lost, first.requests + second.requests);
    let kept = requests - lost;
    let range = first.requests.saturating_sub(kept)..=first.requests.min(lost);
    let mode = (u128::from(first.requests + 1) * u128::from(lost + 1) / (u128::from(requests) + 2)) as u64;
    let mode = mode.clamp(*range.start(), *range.end());
    let ratio = |number: u64| {
        let ways_up = (lost - number) as f64 * (first.requests - number) as f64;
        ways_up / ((number + 1) as f64 * (kept + number + 1 - first.requests) as f64)
    };
    let weights = Weights::about(mode, range, ratio);
    let sum = |holds: &dyn Fn(u64) -> bool| {
        let numbers = (weights.first..).zip(&weights.probabilities);
        numbers.filter(|&(number, _)| holds(number)).map(|(_, probability)| probability).sum()
    };
    (sum(&|number| number <= first.lost), sum(&|number| number >= first.lost))
}

/// Whether all lost in one run and none in the other would be told: it has one way of (n₁ + n₂) over n₁.
fn can_be_told(first: u64, second: u64, error: f64) -> bool {
    let (few, many) = (first.min(second), first.max(second));
    let mut probability = 2.0;
    (1..=few).any(|number| {
        probability *= number as f64 / (many + number) as f64;
        probability <= error
    })
}

#[cfg(test)]
mod tests {
    use super::super::compare::ERROR;
    use super::super::random::Random;
    use super::*;

    fn compared(before: (u64, u64), after: (u64, u64)) -> Losses {
        let lost = |(lost, requests)| Lost { lost, requests };
        Losses::compare(lost(before), lost(after), ERROR)
    }

    /// P(X ≤ k) and P(X ≥ k) by the textbook, for few requests.
    fn by_the_textbook(before: (u64, u64), after: (u64, u64)) -> (f64, f64) {
        let choose = |n: u64, k: u64| {
            if k > n { 0.0 } else { (0..k).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64) }
        };
        let all = before.0 + after.0;
        let probability = |k: u64| {
            if k > all { 0.0 } else { choose(before.1, k) * choose(after.1, all - k) / choose(before.1 + after.1, all) }
        };
        ((0..=before.0).map(probability).sum(), (before.0..=all).map(probability).sum())
    }

    #[test]
    fn the_probability_is_that_of_the_textbook() {
        // Fisher's lady who tastes tea: 3 of 4 right by chance in 17 of 70 cases, each way.
        let losses = compared((3, 4), (1, 4));
        assert!((losses.probability - 34.0 / 70.0).abs() < 1e-12, "{losses:?}");
        for (before, after) in [((0, 10), (5, 10)), ((7, 20), (1, 30)), ((12, 12), (3, 9)), ((2, 100), (9, 60))] {
            let (at_most, at_least) = by_the_textbook(before, after);
            let expected = (2.0 * at_most.min(at_least)).min(1.0);
            let found = compared(before, after).probability;
            assert!((found - expected).abs() < 1e-12, "{before:?} {after:?}: {found} {expected}");
        }
    }

    #[test]
    fn more_and_fewer_are_told_where_they_are_more_than_noise() {
        for (before, after, verdict) in [
            ((2, 1000), (30, 1000), LossVerdict::More),
            ((30, 1000), (2, 1000), LossVerdict::Fewer),
            ((2, 1000), (5, 1000), LossVerdict::Noise),
            ((0, 1000), (0, 1000), LossVerdict::Noise),
            ((1000, 1000), (1000, 1000), LossVerdict::Noise),
            ((0, 1000), (1000, 1000), LossVerdict::More),
            ((0, 5), (5, 5), LossVerdict::More),
            ((0, 4), (4, 4), LossVerdict::TooFew),
            ((0, 1000), (1, 1), LossVerdict::More),
            ((0, 0), (5, 1000), LossVerdict::TooFew),
            ((0, 0), (0, 0), LossVerdict::TooFew),
        ] {
            assert_eq!(compared(before, after).verdict, verdict, "{before:?} {after:?}");
        }
    }

    #[test]
    fn runs_that_lose_alike_are_rarely_told_apart() {
        let mut random = Random::new(5);
        let mut told = 0;
        for _ in 0..2000 {
            let mut run = |requests| ((0..requests).filter(|_| random.share() < 0.05).count() as u64, requests);
            let (before, after) = (run(300), run(500));
            told += u32::from(compared(before, after).verdict != LossVerdict::Noise);
        }
        // 1 % of 2000, and three standard deviations of that; a test of few whole numbers stays under it.
        assert!((1..=33).contains(&told), "{told}");
    }

    #[test]
    fn very_many_requests_are_compared_in_time() {
        let (half, most) = (u64::MAX / 2, u64::MAX);
        assert_eq!(compared((half, most), (half, most)).verdict, LossVerdict::Noise);
        assert_eq!(compared((half / 2, most), (half, most)).verdict, LossVerdict::More);
        assert_eq!(compared((0, most), (most, most)).verdict, LossVerdict::More);
        assert_eq!(compared((1, 1), (0, most)).verdict, LossVerdict::TooFew, "one of 2^32 is scaled away");
        assert!((compared((1, most), (0, most)).probability - 1.0).abs() < 1e-9);
    }
}
