//! Two runs side by side: their series by key.

use std::collections::HashMap;

use super::{Comparison, Counted, Key, Losses, Lost, Series, compare};

/// A series that is in both runs.
#[derive(Clone, Debug)]
pub struct Pair<'a> {
    /// What it is of.
    pub key: &'a Key,
    /// What it counted in the first run.
    pub before: &'a Counted,
    /// What it counted in the second.
    pub after: &'a Counted,
    /// Whether its times differ.
    pub times: Comparison,
    /// Whether what it lost differs.
    pub losses: Losses,
}

/// Two runs, compared series by series.
#[derive(Clone, Debug)]
pub struct Runs<'a> {
    /// The series that are in both, in the order of the first run.
    pub both: Vec<Pair<'a>>,
    /// Those that are in the first run only.
    pub only_before: Vec<&'a Series<'a>>,
    /// Those that are in the second only.
    pub only_after: Vec<&'a Series<'a>>,
    /// Whether a run has series that others were merged into. They are not compared: the others are others in each run.
    pub others: bool,
}

impl<'a> Runs<'a> {
    /// Compares two runs. `error` is how often at most two equal runs are told apart in any of their series, as
    /// [`compare()`] has it: it is divided by the number of those that are in both.
    pub fn compare(before: &'a [Series<'a>], after: &'a [Series<'a>], error: f64) -> Self {
        let others = before.iter().chain(after).any(|series| series.key.is_others());
        let own = |series: &&'a Series<'a>| !series.key.is_others();
        let second: HashMap<_, _> = after.iter().filter(own).map(|series| (&series.key, series)).collect();
        let first: HashMap<_, _> = before.iter().filter(own).map(|series| (&series.key, series)).collect();
        let shared = first.keys().filter(|key| second.contains_key(*key)).count();
        let error = error / shared.max(1) as f64;
        let (mut both, mut only_before) = (Vec::with_capacity(shared), Vec::new());
        for series in before.iter().filter(own) {
            match second.get(&series.key) {
                Some(after) => both.push(pair(series, after, error)),
                None => only_before.push(series),
            }
        }
        let only_after = after.iter().filter(own).filter(|series| !first.contains_key(&series.key)).collect();
        Self { both, only_before, only_after, others }
    }
}

fn pair<'a>(before: &'a Series<'a>, after: &'a Series<'a>, error: f64) -> Pair<'a> {
    Pair {
        key: &before.key,
        before: &before.counted,
        after: &after.counted,
        times: compare(&before.counted.times, &after.counted.times, error),
        losses: Losses::compare(Lost::of(&before.counted), Lost::of(&after.counted), error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::ERROR;
    use super::super::key::sample;
    use super::super::{By, LossVerdict, Measure, Order, Table, Verdict};
    use super::*;

    #[test]
    fn series_meet_by_their_key() {
        let (mut first, mut second) = (Table::default(), Table::default());
        let ping = |server| sample("a", server, "", Measure::Ping);
        for number in 0..200 {
            first.record(&ping("b"), 40_000 + number);
            second.record(&ping("b"), 80_000 + number);
        }
        (0..30).for_each(|_| second.failed(&ping("b")));
        first.record(&ping("c"), 1);
        second.record(&ping("d"), 1);
        second.add(&Key::others(Measure::Ping), &Counted::default());
        let (first, second) = (first.series(By::Series, Order::Key), second.series(By::Series, Order::Key));
        let runs = Runs::compare(&first, &second, ERROR);
        assert_eq!((runs.both.len(), runs.only_before.len(), runs.only_after.len()), (1, 1, 1));
        assert_eq!((&runs.only_before[0].key, &runs.only_after[0].key), (&ping("c"), &ping("d")));
        let pair = &runs.both[0];
        assert_eq!((pair.key, pair.times.whole), (&ping("b"), Verdict::Slower));
        assert_eq!((pair.losses.verdict, pair.losses.after.requests), (LossVerdict::More, 230));
        assert!(runs.others && !Runs::compare(&first, &first, ERROR).others);
    }

    #[test]
    fn many_series_share_the_error() {
        let mut tables = [Table::default(), Table::default()];
        for server in 0..100_u64 {
            let key = sample("a", &server.to_string(), "", Measure::Ping);
            for (table, times) in tables.iter_mut().zip([100, 200]) {
                (0..13).for_each(|_| table.record(&key, times));
            }
        }
        let [first, second] = tables.each_ref().map(|table| table.series(By::Series, Order::Key));
        assert_eq!(Runs::compare(&first[..1], &second[..1], ERROR).both[0].times.changes[0].verdict, Verdict::Slower);
        assert_eq!(Runs::compare(&first, &second, ERROR).both[0].times.changes[0].verdict, Verdict::TooFew);
    }
}
