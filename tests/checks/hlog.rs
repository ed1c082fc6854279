//! Interval logs of latencies, and what is written of what they hold.

use std::collections::HashMap;
use std::io::Cursor;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridgetap::latency::files::hgrm::steps;
use bridgetap::latency::files::hlog::{key, tag};
use bridgetap::latency::files::{Interval, LogReader, LogWriter, Unit};
use bridgetap::latency::files::{write_csv, write_json, write_percentiles};
use bridgetap::latency::{By, Counted, Distribution, Key, Series, compare};
use bridgetap::render::Layout;
use bridgetap::render::latency::{Report, write_chart, write_table};
use bridgetap::time::Timestamp;

use super::bytes::Bytes;
use super::output::{assert_json_lines, assert_text};

/// As many intervals are looked at closely.
const MOST: usize = 4;
const HOUR: u64 = 3_600_000_000_000;

/// A log in the format of HdrHistogram. What begins with a NUL is no text: it is taken for the bytes of a histogram, which
/// a fuzzer cannot get at through base64 and deflate, behind a tag.
pub fn hlog(bytes: &[u8]) {
    if let [0, bytes @ ..] = bytes {
        let mut bytes = Bytes(bytes);
        let tag = bytes.text().replace(['\n', ','], ";");
        let log = format!("Tag={tag},0.1,1.0,0.1,{}", STANDARD.encode(bytes.0));
        return read(log.as_bytes());
    }
    read(bytes);
}

fn read(bytes: &[u8]) {
    let mut input = Cursor::new(bytes);
    let mut reader = LogReader::new(&mut input);
    let mut intervals: Vec<Interval> = Vec::new();
    loop {
        match reader.next_interval() {
            Ok(Some(interval)) if intervals.len() < MOST => intervals.push(interval),
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => {
                let text = error.to_string();
                assert!(!text.is_empty());
                break;
            }
        }
    }
    for interval in &intervals {
        assert_times(&interval.counted.times);
        assert_written(interval);
    }
    if let [first, second, ..] = &intervals[..] {
        let comparison = compare(&first.counted.times, &second.counted.times, 0.05);
        assert!((0.0..=1.0).contains(&comparison.probability), "{comparison:?}");
    }
    assert_shown(&intervals);
}

/// Figures of a distribution are in order, and within its ends.
fn assert_times(times: &Distribution) {
    let counted = times.buckets().fold(0_u64, |sum, bucket| sum.saturating_add(bucket.count));
    assert_eq!(counted, times.count());
    let Some(figures) = times.figures() else { return assert!(times.is_empty()) };
    let all = [figures.min, figures.p50, figures.p90, figures.p99, figures.p999, figures.max];
    assert!(all.is_sorted() && figures.max <= HOUR, "{figures:?}");
    assert!(figures.mean.is_finite() && figures.standard_deviation.is_finite(), "{figures:?}");
    assert!(times.over_an_hour() <= times.count());
    let shares = steps(times);
    assert!(shares.iter().map(|step| step.value).is_sorted(), "{shares:?}");
    let mut text = Vec::new();
    write_percentiles(&mut text, times, Unit::Milliseconds).unwrap();
    assert_text(&text, false, "percentiles");
}

/// What was read and is written is read again as it was.
fn assert_written(interval: &Interval) {
    let Interval { tag: name, start, length, counted, .. } = interval;
    let Some(known) = interval.key() else { return };
    assert_eq!(key(&tag(&known)), Some(known.clone()), "{name}");
    let mut out = Vec::new();
    // To the millisecond, as the format has it.
    let millis = |nanos: u64| nanos / 1_000_000 * 1_000_000;
    let mut writer = LogWriter::new(&mut out, Timestamp::ZERO, "bridgetap\n0").unwrap();
    writer.write(&known, *start, *length, counted).unwrap();
    assert_text(&out, false, "an interval log");
    let mut input = Cursor::new(&out[..]);
    let again = LogReader::new(&mut input).next_interval().unwrap().expect("the interval is there");
    assert_eq!(again.key(), Some(known));
    assert_eq!(again.start.as_nanos(), millis(start.as_nanos()));
    assert_eq!(again.length, Duration::from_nanos(millis(length.as_nanos() as u64)));
    // A count that the format cannot hold becomes the greatest that it can.
    if i64::try_from(counted.times.count()).is_ok() {
        let beside = |counted: &Counted| (counted.unanswered, counted.late, counted.stepped_back, counted.failed);
        assert_eq!(beside(&again.counted), beside(counted));
        assert!(again.counted.times.buckets().eq(counted.times.buckets()), "the same buckets");
        assert_eq!(again.counted.times.over_an_hour(), counted.times.over_an_hour());
    }
}

/// The table, the charts and the files of all series.
fn assert_shown(intervals: &[Interval]) {
    let mut sums: HashMap<Key, Counted> = HashMap::new();
    for interval in intervals {
        if let Some(key) = interval.key() {
            sums.entry(key).or_default().merge(&interval.counted);
        }
    }
    let series: Vec<_> = sums
        .iter()
        .map(|(key, counted)| Series { key: key.clone(), counted: std::borrow::Cow::Borrowed(counted) })
        .collect();
    let mut json = Vec::new();
    write_json(&mut json, &series).unwrap();
    assert_json_lines(&json, "the table");
    let mut texts = Vec::new();
    write_csv(&mut texts, &series).unwrap();
    for width in [None, Some(80)] {
        let layout = Layout { width, ..Layout::default() };
        for one in &series {
            write_chart(one, By::Series, layout, &mut texts).unwrap();
        }
        let report = Report { title: "x".to_owned(), series: series.clone(), ..Report::default() };
        write_table(&report, layout, &mut texts).unwrap();
    }
    // RFC 4180 ends lines with both.
    let texts = String::from_utf8(texts).unwrap().replace("\r\n", "\n");
    assert_text(texts.as_bytes(), false, "the table");
}
