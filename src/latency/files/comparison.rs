//! A comparison of two runs as JSON, one object a line. Times are nanoseconds. docs/latency.md lists the members.

use std::io::{self, Write};

use serde::Serialize;

use super::head::Head;
use super::number::Rounded;
use crate::hostile::write_json;
use crate::latency::compare::Bounds;
use crate::latency::{Change, Comparison, Counted, Key, Losses, Runs};

#[derive(Serialize)]
struct Object<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    before: Option<Run>,
    after: Option<Run>,
    percentiles: Vec<ChangeObject>,
    whole: Option<Whole>,
    lost: Option<LossesObject>,
}

/// What a run counted.
#[derive(Serialize)]
struct Run {
    count: u64,
    unanswered: u64,
    late: u64,
    stepped_back: u64,
    over_an_hour: u64,
    failed: u64,
}

#[derive(Serialize)]
struct ChangeObject {
    percentile: Rounded,
    before_ns: u64,
    after_ns: u64,
    difference_ns: i64,
    before_between_ns: [Option<u64>; 2],
    after_between_ns: [Option<u64>; 2],
    verdict: &'static str,
}

#[derive(Serialize)]
struct Whole {
    distance: f64,
    probability: f64,
    verdict: &'static str,
}

#[derive(Serialize)]
struct LossesObject {
    probability: f64,
    verdict: &'static str,
}

impl<'a> Object<'a> {
    fn new(key: &'a Key, before: Option<&Counted>, after: Option<&Counted>) -> Self {
        Self {
            head: Head::new("comparison", key),
            before: before.map(Run::new),
            after: after.map(Run::new),
            percentiles: Vec::new(),
            whole: None,
            lost: None,
        }
    }

    fn compared(self, times: &Comparison, losses: &Losses) -> Self {
        let Comparison { changes, distance, probability, whole } = times;
        Self {
            percentiles: changes.iter().map(ChangeObject::new).collect(),
            whole: Some(Whole { distance: *distance, probability: *probability, verdict: whole.name() }),
            lost: Some(LossesObject { probability: losses.probability, verdict: losses.verdict.name() }),
            ..self
        }
    }
}

impl Run {
    fn new(counted: &Counted) -> Self {
        let Counted { times, unanswered, late, stepped_back, failed } = counted;
        Self {
            count: times.count(),
            unanswered: *unanswered,
            late: *late,
            stepped_back: *stepped_back,
            over_an_hour: times.over_an_hour(),
            failed: *failed,
        }
    }
}

impl ChangeObject {
    fn new(change: &Change) -> Self {
        let between = |Bounds { low, high }: Bounds| [low, high];
        Self {
            // 0.999 times 100 is not 99.9.
            percentile: Rounded(change.share * 1e2),
            before_ns: change.before,
            after_ns: change.after,
            difference_ns: change.difference(),
            before_between_ns: between(change.bounds_before),
            after_between_ns: between(change.bounds_after),
            verdict: change.verdict.name(),
        }
    }
}

/// Writes the comparison as JSON: an object for each series of either run, those of both first.
pub fn write_comparison_json(out: &mut dyn Write, runs: &Runs<'_>) -> io::Result<()> {
    let both = runs.both.iter().map(|pair| {
        let object = Object::new(pair.key, Some(pair.before), Some(pair.after));
        object.compared(&pair.times, &pair.losses)
    });
    let before = runs.only_before.iter().map(|series| Object::new(&series.key, Some(&series.counted), None));
    let after = runs.only_after.iter().map(|series| Object::new(&series.key, None, Some(&series.counted)));
    for object in both.chain(before).chain(after) {
        write_json(out, &object)?;
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::latency::compare::ERROR;
    use crate::latency::key::sample;
    use crate::latency::{By, Measure, Order, Table};

    #[test]
    fn each_series_is_an_object() {
        let (mut first, mut second) = (Table::default(), Table::default());
        let key = sample("a\u{1b}", "b", "80", Measure::FirstByte);
        (0..20).for_each(|number| first.record(&key, 1000 + number));
        (0..20).for_each(|number| second.record(&key, 2000 + number));
        (0..20).for_each(|_| second.failed(&key));
        second.unanswered(&sample("c", "b", "", Measure::Ping));
        let (first, second) = (first.series(By::Series, Order::Key), second.series(By::Series, Order::Key));
        let mut json = Vec::new();
        write_comparison_json(&mut json, &Runs::compare(&first, &second, ERROR)).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert!(!json.contains('\u{1b}'), "{json}");
        let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        let shared = &lines[0];
        assert_eq!((&shared["kind"], &shared["client"]), (&json!("comparison"), &json!("a\u{1b}")));
        let median = json!({"percentile": 50, "before_ns": 1009, "after_ns": 2009, "difference_ns": 1000,
            "before_between_ns": [1002, 1017], "after_between_ns": [2002, 2017], "verdict": "slower"});
        assert_eq!(shared["percentiles"][0], median);
        let tail = &shared["percentiles"][4];
        assert_eq!((&tail["percentile"], &tail["verdict"]), (&json!(99.9), &json!("too_few")));
        assert_eq!((&shared["whole"]["verdict"], &shared["whole"]["distance"]), (&json!("slower"), &json!(1.0)));
        assert_eq!(shared["lost"]["verdict"], "more");
        let nothing =
            json!({"count": 20, "unanswered": 0, "late": 0, "stepped_back": 0, "over_an_hour": 0, "failed": 0});
        assert_eq!(shared["before"], nothing);
        let single = &lines[1];
        assert_eq!((&single["before"], &single["after"]["unanswered"]), (&Value::Null, &json!(1)));
        assert_eq!((&single["whole"], &single["percentiles"]), (&Value::Null, &json!([])));
    }
}
