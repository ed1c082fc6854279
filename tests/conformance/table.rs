//! The table of `bridgetap latency`: how often it has pings, lookups and handshakes, and for how long in all, where tshark
//! finds as many.

use std::path::Path;

use serde_json::Value;

use crate::common::bridgetap;
use crate::frames::{self, Kept};
use crate::said::{Said, Subject};

/// What came of a comparison.
#[derive(Default)]
pub struct Rows {
    pub compared: usize,
    pub wrong: Vec<String>,
}

/// Compares the table of an interface's frames, which are written to `path` for it.
pub fn compare(ours: &Said, theirs: &Said, frames: &[Kept], path: &Path) -> Rows {
    let times =
        |said: &Said, subject| said.times.get(&subject).into_iter().flat_map(|times| times.values()).copied().collect();
    let of = |said: &Said| -> [(&str, Vec<i64>); 3] {
        [("ping", times(said, Subject::Ping)), ("dns", times(said, Subject::Lookup)), ("handshake", said.trips.clone())]
    };
    let both: Vec<_> = of(ours).into_iter().zip(of(theirs)).collect();
    let both = both.into_iter().filter(|((_, ours), (_, theirs))| ours.len() == theirs.len() && !ours.is_empty());
    let expected: Vec<_> = both.map(|(_, theirs)| theirs).collect();
    let mut rows = Rows { compared: expected.len(), wrong: Vec::new() };
    if expected.is_empty() {
        return rows;
    }
    std::fs::write(path, frames::pcap(frames)).unwrap();
    let output = bridgetap().args(["latency", "--json", "-n"]).arg(path).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let table: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (measure, theirs) in expected {
        let (count, sum) = row(&table, measure);
        if count != theirs.len() {
            rows.wrong.push(format!("{measure}: {count} here, {} there", theirs.len()));
        }
        let expected = theirs.iter().sum::<i64>() as f64;
        // Each time is the middle of its bucket.
        if sum.is_some_and(|sum| (sum - expected).abs() > expected.abs() / 1000.0) {
            rows.wrong.push(format!("{measure}: {sum:?} ns here, {expected} there"));
        }
    }
    rows
}

/// How often the table has a measure, answered late or with a clock that was set back too, and the sum of its times;
/// `None` where some have no time.
fn row(table: &[Value], measure: &str) -> (usize, Option<f64>) {
    let (mut count, mut sum) = (0, Some(0.0));
    for series in table.iter().filter(|series| series["measure"] == measure) {
        let [timed, late, back] = ["count", "late", "stepped_back"].map(|name| series[name].as_u64().unwrap());
        count += timed + late + back;
        let times = series["mean_ns"].as_f64().unwrap_or(0.0) * timed as f64;
        sum = sum.filter(|_| late + back == 0).map(|sum| sum + times);
    }
    (count as usize, sum)
}
