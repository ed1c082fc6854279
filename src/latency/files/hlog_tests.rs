use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer, interval_log};

use super::*;
use crate::latency::files::LogWriter;
use crate::latency::files::names::HOSTILE;
use crate::latency::key::sample;
use crate::latency::random::Random;
use crate::latency::{Distribution, Measure};

const START: Timestamp = Timestamp::from_nanos(1_700_000_000_123_456_789);

fn counted(seed: u64, count: u64) -> Counted {
    let mut random = Random::new(seed);
    let mut times = Distribution::default();
    (0..count).for_each(|_| times.record(random.latency(300_000.0, 0.5)));
    Counted { times, ..Counted::default() }
}

fn read(log: &[u8]) -> Result<Vec<Interval>, LogError> {
    let mut input = log;
    let mut reader = LogReader::new(&mut input);
    std::iter::from_fn(|| reader.next_interval().transpose()).collect()
}

fn written(series: &[(Key, Counted)]) -> Vec<u8> {
    let mut log = Vec::new();
    let mut writer = LogWriter::new(&mut log, START, "bridgetap 0.1.0").unwrap();
    for (second, (key, counted)) in series.iter().enumerate() {
        let start = START + Duration::from_secs(second as u64);
        writer.write(key, start, Duration::from_millis(1500), counted).unwrap();
    }
    log
}

#[test]
fn what_is_written_comes_back() {
    let mut series: Vec<_> = HOSTILE
        .iter()
        .enumerate()
        .map(|(seed, name)| (sample(name, HOSTILE[seed / 2], name, Measure::FirstByte), counted(seed as u64, 500)))
        .collect();
    series.push((Key::others(Measure::Ping), Counted { unanswered: 3, late: 2, stepped_back: 1, ..counted(1, 0) }));
    series.push((Key::others(Measure::Dns), Counted { failed: 4, ..counted(1, 0) }));
    let mut hour = counted(2, 5);
    hour.times.record(u64::MAX);
    series.push((sample("a", "b", "", Measure::Connection), hour));
    let intervals = read(&written(&series)).unwrap();
    assert_eq!(intervals.len(), series.len());
    for (second, (interval, (key, counted))) in intervals.iter().zip(&series).enumerate() {
        assert_eq!(interval.key().as_ref(), Some(key));
        assert!(interval.counted.times.buckets().eq(counted.times.buckets()));
        assert_eq!(interval.counted.times.over_an_hour(), counted.times.over_an_hour());
        let beside = |counted: &Counted| (counted.unanswered, counted.late, counted.stepped_back, counted.failed);
        assert_eq!(beside(&interval.counted), beside(counted));
        let whole_millis = Timestamp::from_nanos(1_700_000_000_123_000_000) + Duration::from_secs(second as u64);
        assert_eq!((interval.start, interval.length), (whole_millis, Duration::from_millis(1500)));
        assert_eq!(interval.unit, 1);
    }
}

#[test]
fn the_text_is_that_of_hdrhistogram() {
    let log = String::from_utf8(written(&[(sample("web", "api", "80", Measure::FirstByte), counted(1, 10))])).unwrap();
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "#[Logged with bridgetap 0.1.0]",
            "#[Histogram log format version 1.3]",
            "#[StartTime: 1700000000.123 (seconds since epoch)]",
            "#[BaseTime: 1700000000.123 (seconds since epoch)]",
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"",
        ]
    );
    let interval = lines[5];
    assert!(interval.starts_with("Tag=first-byte;web;api;80;lab_default;;app,0.000,1.500,0."), "{interval}");
    assert!(interval.contains(",HISTFAAAA"), "{interval}");
    assert_eq!(lines.len(), 6);
}

#[test]
fn the_crate_reads_what_is_written() {
    let series = [(sample("a,b", "c d", "80", Measure::Ack), Counted { unanswered: 1, ..counted(1, 1000) })];
    let log = written(&series);
    let entries: Vec<_> = IntervalLogIterator::new(&log).map(Result::unwrap).collect();
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[1], LogEntry::BaseTime(Duration::from_millis(1_700_000_000_123)));
    let LogEntry::Interval(interval) = &entries[2] else { panic!("{entries:?}") };
    assert_eq!(interval.tag().unwrap().as_str(), "ack;a%2Cb;c%20d;80;lab_default;;app");
    let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
    let theirs: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
    assert_eq!(theirs.len(), 1000);
    assert!((interval.max() - theirs.max() as f64 / 1e6).abs() < 0.001);
}

#[test]
fn logs_of_other_programs_are_read() {
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut theirs = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 4).unwrap();
    [100, 200, 300_000].into_iter().for_each(|value| theirs.record(value).unwrap());
    let mut builder = interval_log::IntervalLogWriterBuilder::new();
    builder
        .add_comment("of another program")
        .with_start_time(std::time::UNIX_EPOCH + Duration::from_secs(1_600_000_000));
    let mut writer = builder.begin_log_with(&mut log, &mut serializer).unwrap();
    let (start, second) = (Duration::from_millis(2500), Duration::from_secs(1));
    writer.write_histogram(&theirs, start, second, interval_log::Tag::new("A")).unwrap();
    writer.write_histogram(&theirs, start + second, second, None).unwrap();
    let log = String::from_utf8(log).unwrap().replace('\n', "\r\n");
    let intervals = read(log.as_bytes()).unwrap();
    assert_eq!(intervals.iter().map(|interval| &*interval.tag).collect::<Vec<_>>(), ["A", ""]);
    assert_eq!(intervals[0].key(), None);
    assert_eq!(intervals[0].start, Timestamp::from_nanos(1_600_000_002_500_000_000), "relative to the start time");
    assert_eq!(intervals[1].start, Timestamp::from_nanos(1_600_000_003_500_000_000));
    assert_eq!(intervals[0].counted.times.count(), 3);
    assert_eq!(intervals[0].counted.times.min(), Some(100));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let good = written(&[(sample("a", "b", "", Measure::Ping), counted(1, 5))]);
    let error = |line: &[u8]| read(&[&good[..], line, b"\n"].concat()).unwrap_err().to_string();
    assert_eq!(
        error(b"hello"),
        "line 7: not an interval; \"start,length,max,histogram\" is accepted, after an optional \"Tag=NAME,\""
    );
    assert_eq!(error(b"Tag=x"), error(b"hello"));
    assert_eq!(error(b"x,1.0,1.0,HIST"), "line 7: \"x\" is not a number of seconds, as 12.345 is");
    assert_eq!(error(b"-1.0,1.0,1.0,HIST"), "line 7: \"-1.0\" is not a number of seconds, as 12.345 is");
    assert_eq!(error(b"1.0,1.0,1.0,HIS!"), "line 7: the histogram is not base64; the log may be cut off");
    assert!(error(b"1.0,1.0,1.0,SElTVA==").starts_with("line 7: no histogram begins with 0x48495354"));
    assert_eq!(error(b"\xff\xfe"), "line 7: not text; an HdrHistogram interval log is accepted");
    let mut coarse = Vec::new();
    let mut theirs = Histogram::<u64>::new_with_bounds(1, 1000, 2).unwrap();
    theirs.record(5).unwrap();
    let mut serializer = V2DeflateSerializer::new();
    hdrhistogram::serialization::Serializer::serialize(&mut serializer, &theirs, &mut coarse).unwrap();
    let line = format!("1.0,1.0,1.0,{}", STANDARD.encode(coarse));
    assert_eq!(error(line.as_bytes()), "line 7: the histogram has 2 significant digits; 3 to 5 are accepted");
    assert_eq!(error(&vec![b'x'; MAX_LINE as usize + 1]), "line 7: longer than 16 MiB, which no interval is");
    let escape = error(b"\x1b[2J,1,1,1");
    assert!(!escape.contains('\x1b'), "{escape}");
}

#[test]
fn cut_and_damaged_logs_do_not_panic() {
    let good = written(&[(sample("a", "b", "", Measure::Ping), counted(1, 50))]);
    let mut random = Random::new(3);
    for _ in 0..3000 {
        let mut damaged = good.clone();
        let at = random.below(damaged.len() as u64) as usize;
        damaged[at] = random.next() as u8;
        damaged.truncate(1 + random.below(damaged.len() as u64) as usize);
        let _ = read(&damaged);
    }
}

#[test]
fn seconds_are_read_to_the_nanosecond() {
    for (text, expected) in [
        ("0", Some(0)),
        ("1700000000.123456789", Some(1_700_000_000_123_456_789)),
        ("1.5", Some(1_500_000_000)),
        ("1.", Some(1_000_000_000)),
        ("0.1234567899", Some(123_456_789)),
        ("1e3", Some(1_000_000_000_000)),
        ("1e300", Some(u64::MAX)),
        ("99999999999999999", Some(u64::MAX)),
        ("", None),
        ("-1", None),
        ("NaN", None),
        ("inf", None),
        ("1,5", None),
    ] {
        assert_eq!(nanos(text), expected, "{text}");
    }
}
