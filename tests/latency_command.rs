//! `bridgetap latency` of files: the table in each form, its JSON by the schema, the files that it writes, two runs
//! compared, and what it says of input that is wrong.
//!
//! `BLESS=1 cargo test --test latency_command` writes the golden files anew; then a person reads what changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
#![allow(clippy::cast_precision_loss, reason = "sums of a file's times are far below 2^53 ns")]

#[path = "common/schema.rs"]
mod checker;
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use bridgetap::capture::LinkType;
use bridgetap::time::Timestamp;
use checker::{Schema, text};
use common::golden::{bless, compare, folder};
use common::terminal::{self, without_colors};
use common::{bridgetap, capture, captures, pcap_header, pcap_packet};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

const WEB: &str = "nginx-flask-redis";
const SECOND: u64 = 1_000_000_000;

/// What the program did.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    messages: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(!messages.contains("panicked"), "{messages}");
        Self { code: output.status.code(), out: String::from_utf8(output.stdout).unwrap(), messages }
    }
}

/// Runs `bridgetap latency` in a folder.
fn run_in(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = bridgetap();
    command.current_dir(folder).arg("latency").args(arguments).stdin(Stdio::null());
    command.output().unwrap().into()
}

/// The same where only the captures are.
fn run(arguments: &[&str]) -> Ran {
    run_in(&common::root().join("captures"), arguments)
}

/// What is written where nothing is wrong.
fn out(arguments: &[&str]) -> String {
    let ran = run(arguments);
    assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""), "{arguments:?}");
    ran.out
}

fn lines(json: &str) -> Vec<Value> {
    json.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// The series, without the summary and whatever else.
fn series(json: &str) -> Vec<Value> {
    lines(json).into_iter().filter(|line| line["kind"] == "series").collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn says(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert_eq!(ran.messages.lines().count(), 1, "{ran:?}");
    assert!(ran.messages.starts_with("bridgetap: "), "{ran:?}");
    for part in parts {
        assert!(ran.messages.contains(part), "{part:?} is not in {ran:?}");
    }
}

fn pcap(packets: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Vec<u8> {
    let mut bytes = pcap_header(LinkType::ETHERNET);
    for (at, packet) in packets {
        bytes.extend(pcap_packet(Timestamp::from_nanos(at), packet.len() as u32, &packet));
    }
    bytes
}

/// An echo request of 10.0.0.`client` to 10.0.0.2, or its reply.
fn echo(client: u8, sequence: u16, is_reply: bool) -> Vec<u8> {
    let (mut from, mut to) = ([10, 0, 0, client], [10, 0, 0, 2]);
    if is_reply {
        (from, to) = (to, from);
    }
    let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, from[3]], [2, 0, 0, 0, 0, to[3]]);
    let builder = builder.ipv4(from, to, 64);
    let mut bytes = Vec::new();
    match is_reply {
        false => builder.icmpv4_echo_request(7, sequence).write(&mut bytes, b"x").unwrap(),
        true => builder.icmpv4_echo_reply(7, sequence).write(&mut bytes, b"x").unwrap(),
    }
    bytes
}

/// Pings of 10.0.0.1, one each 100 ms, that took so many nanoseconds: negative ones where the clock was set back, none
/// where there was no reply.
fn pings(times: &[Option<i64>]) -> Vec<u8> {
    let mut packets = Vec::new();
    for (number, time) in (0_u16..).zip(times) {
        let asked = 1_700_000_000 * SECOND + u64::from(number) * SECOND / 10;
        packets.push((asked, echo(1, number, false)));
        packets.extend(time.map(|time| (asked.checked_add_signed(time).unwrap(), echo(1, number, true))));
    }
    pcap(packets)
}

/// About 50 µs, spread over an octave, in no order.
fn some_time(number: u64) -> i64 {
    30_000 + i64::try_from((number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 60_000).unwrap()
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

// The table.

/// The golden files of comparisons, which tests of their own read.
const COMPARISONS: [&str; 3] =
    ["latency-compare-slower.txt", "latency-compare-lost.txt", "latency-compare-captures.txt"];

/// The golden files: what each name ends in behind the capture's, the capture, the arguments, and the width of the
/// terminal where it is one.
fn forms() -> Vec<(&'static str, &'static str, Vec<&'static str>, Option<u16>)> {
    let plain = ["--color", "never"].as_slice();
    let mut forms = Vec::new();
    let mut add = |capture, ending, arguments: &[&'static str], columns| {
        forms.push((ending, capture, arguments.to_vec(), columns));
    };
    for capture in [WEB, "ping-by-name", "isolated-networks", "mariadb-flask", "published-port", "ipv6"] {
        add(capture, "txt", &[], None);
    }
    add(WEB, "80.txt", plain, Some(80));
    add(WEB, "60.txt", plain, Some(60));
    add(WEB, "120.txt", plain, Some(120));
    add("isolated-networks", "colors.txt", &["--color", "always"], None);
    add(WEB, "json", &["--json"], None);
    add(WEB, "csv", &["--csv"], None);
    add(WEB, "container.txt", &["--by", "container"], None);
    add(WEB, "network.txt", &["--by", "network"], None);
    add(WEB, "port.txt", &["--by", "port"], None);
    add("compose-default-network", "service.txt", &["--by", "service"], None);
    add("compose-default-network", "service.json", &["--by", "service", "--json"], None);
    add(WEB, "count.txt", &["--sort", "count"], None);
    add(WEB, "p50.txt", &["--sort", "p50"], None);
    add(WEB, "p99.txt", &["--sort", "p99", "--measure", "ack,first-byte"], None);
    add(WEB, "max.txt", &["--sort", "max", "--measure", "ack,first-byte"], None);
    add("mariadb-flask", "lost.txt", &["--sort", "lost"], None);
    add(WEB, "bars.txt", &["--bars", "--measure", "ack,dns"], None);
    add(WEB, "hops.txt", &["--hops", "--measure", "syn,handshake,ack"], None);
    add(WEB, "hops.json", &["--hops", "--json", "--measure", "syn"], None);
    add("published-port", "hops.100.txt", &[plain, &["--hops", "--measure", "syn,first-byte"]].concat(), Some(100));
    add(WEB, "numeric.txt", &["-n", "--measure", "syn,dns,arp"], None);
    add(WEB, "alias.txt", &["--names", "alias", "--measure", "syn,dns"], None);
    add("compose-default-network", "named-by-service.txt", &["--names", "service", "--measure", "syn,dns"], None);
    forms
}

#[test]
fn every_form_is_as_it_was() {
    let (mut wrong, mut names) = (Vec::new(), BTreeSet::from(COMPARISONS.map(str::to_owned)));
    for (ending, capture, arguments, columns) in forms() {
        let file = format!("{capture}.pcapng");
        let name = format!("latency-{capture}.{ending}");
        let actual = match columns {
            None => out(&[&arguments[..], &[&file]].concat()),
            Some(columns) => {
                let mut command = bridgetap();
                command.current_dir(common::root().join("captures")).arg("latency").args(&arguments).arg(&file);
                let (text, status) = terminal::run(command, columns);
                assert!(status.success(), "{name}: {text}");
                for line in text.lines() {
                    assert!(line.width() <= usize::from(columns), "{name}: {} columns: {line}", line.width());
                }
                text
            }
        };
        wrong.extend(compare(&name, &actual).err());
        names.insert(name);
    }
    for file in fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.starts_with("latency-") && !names.contains(&name) {
            assert!(bless(), "tests/golden/{name} belongs to no form");
            fs::remove_file(folder().join(name)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}\n\nIf this is meant: BLESS=1 cargo test --test latency_command", wrong.join("\n\n"));
}

#[test]
fn a_table_without_a_terminal_has_80_columns_and_no_colour() {
    for file in captures() {
        for arguments in [&[][..], &["--bars"], &["--hops"], &["--by", "port"]] {
            let table = out(&[arguments, &[file.to_str().unwrap()]].concat());
            assert!(!table.contains('\u{1b}'), "{}", file.display());
            for line in table.lines().filter(|line| line.width() > 80) {
                // Sentences are as long as they are where nothing breaks them.
                let is_sentence = line.starts_with(|char: char| char.is_ascii_digit())
                    || line.starts_with("where the time goes is not known");
                assert!(is_sentence, "{}: {line}", file.display());
            }
        }
    }
    let file = format!("{WEB}.pcapng");
    let colored = out(&["--color", "always", &file]);
    assert_eq!(without_colors(&colored), out(&[&file]));
    assert_ne!(colored, out(&[&file]));
}

#[test]
fn the_same_comes_from_r_and_standard_input_and_gzip_and_several_files() {
    let (ping, other) = ("ping-by-name.pcapng", "ping-by-address.pcapng");
    let expected = out(&[ping]);
    assert!(expected.contains("ping           3     0"), "{expected}");
    assert_eq!(out(&["-r", ping]), expected);
    let folder = tempfile::tempdir().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &fs::read(capture("ping-by-name")).unwrap()).unwrap();
    put(folder.path(), "ping.pcapng.gz", &gzip.finish().unwrap());
    assert_eq!(run_in(folder.path(), &["ping.pcapng.gz"]).out, expected);
    let mut command = bridgetap();
    command.args(["latency", "-"]).stdin(fs::File::open(capture("ping-by-name")).unwrap());
    assert_eq!(Ran::from(command.output().unwrap()).out, expected);
    let both = out(&["--json", ping, other]);
    let mut each = [series(&out(&["--json", ping])), series(&out(&["--json", other]))].concat();
    let client = |series: &Value| text(&series["client"]).to_owned();
    each.sort_by_key(client);
    assert_eq!(series(&both), each);
    assert_eq!(lines(&both).last().unwrap()["packets"], 20);
}

/// Measures, with how often each was counted and lost, all series together.
fn measures(arguments: &[&str]) -> BTreeMap<String, (u64, u64)> {
    let mut sums = BTreeMap::new();
    for series in series(&out(&[&["--json"], arguments].concat())) {
        let sum: &mut (u64, u64) = sums.entry(text(&series["measure"]).to_owned()).or_default();
        sum.0 += number(&series["count"]);
        sum.1 += number(&series["unanswered"]) + number(&series["failed"]);
    }
    sums
}

#[test]
fn filters_on_events_hold_for_measurements() {
    let web = format!("{WEB}.pcapng");
    let of = |filters: &[&str], file: &str| measures(&[filters, &[file]].concat());
    let names = |filters: &[&str]| of(filters, &web).into_keys().collect::<Vec<_>>().join(" ");
    let tcp = "ack connection first-byte handshake last-byte syn syn-ack";
    assert_eq!(names(&["--kind", "tcp"]), tcp);
    assert_eq!(names(&["--not", "--kind", "tcp"]), "arp dns");
    assert_eq!(names(&["--kind", "dns"]), "dns");
    assert_eq!(names(&["--port", "80"]), tcp);
    assert_eq!(of(&["--port", "80"], &web)["syn"], (2, 0));
    assert_eq!(names(&["--port", "53"]), "dns");
    assert_eq!(of(&["--from", "nginx", "--to", "flask-app"], &web)["syn"], (2, 0));
    assert_eq!(of(&["--between", "flask-app,nginx"], &web)["syn"], (2, 0));
    assert_eq!(names(&["--from", "flask-app", "--to", "nginx"]), "");
    assert_eq!(of(&["--slower-than", "10ms"], &web), [("ack".to_owned(), (1, 0))].into());
    assert_eq!(of(&["--not", "--slower-than", "20us"], &web).get("syn"), Some(&(1, 0)), "17 µs; 21 and more are out");
    assert_eq!(names(&["--filter", "udp port 53"]), "dns");
    assert_eq!(names(&["--measure", "syn,arp"]), "arp syn");

    let isolated = "isolated-networks.pcapng";
    let lost = [("ack", (0, 1)), ("handshake", (0, 1)), ("ping", (0, 2)), ("syn", (0, 1))];
    let lost: BTreeMap<_, _> = lost.map(|(name, counts)| (name.to_owned(), counts)).into();
    assert_eq!(of(&["--outcome", "unanswered"], isolated), lost);
    let names_not_found = [("dns".to_owned(), (2, 0))];
    assert_eq!(of(&["--outcome", "bad"], isolated), lost.clone().into_iter().chain(names_not_found).collect());
    // What waited so long for nothing was slow.
    assert_eq!(of(&["--slower-than", "100ms"], isolated), lost);
    assert_eq!(of(&["--outcome", "failed"], "mariadb-flask.pcapng")["syn"], (0, 1));
    assert_eq!(of(&["-c", "5"], "ping-by-name.pcapng")["arp"], (0, 1), "the reply is the sixth packet");
}

#[test]
fn at_the_cap_the_least_used_are_merged_and_nothing_is_lost() {
    let web = format!("{WEB}.pcapng");
    let all = out(&["--json", &web]);
    let few = out(&["--json", "--max-series", "5", &web]);
    let others: Vec<_> = series(&few).into_iter().filter(|series| series["client"] == "(others)").collect();
    assert!(!others.is_empty() && series(&few).len() - others.len() <= 5, "{few}");
    assert_eq!(measures(&[&web]), measures(&["--max-series", "5", &web]));
    let merged = number(&lines(&few).last().unwrap()["series_merged"]);
    assert_eq!(number(&lines(&all).last().unwrap()["series_merged"]), 0);
    let table = out(&["--max-series", "5", &web]);
    assert!(table.contains(&format!("the least used {merged} series were merged into (others)")), "{table}");
    assert!(table.contains("\n(others), which the least used series were merged into\n"), "{table}");
    // The others stand last, however it is sorted and summed.
    for arguments in [["--sort", "count"], ["--by", "network"]] {
        let json = out(&[&arguments[..], &["--json", "--max-series", "5", &web]].concat());
        let is_other: Vec<_> = series(&json).iter().map(|series| series["client"] == "(others)").collect();
        assert!(is_other.is_sorted(), "{json}");
    }
}

#[test]
fn a_clock_that_steps_back_is_counted_and_shown_and_no_time_is_negative() {
    let folder = tempfile::tempdir().unwrap();
    let capture = put(folder.path(), "back.pcap", &pings(&[Some(50_000), Some(-2_000_000_000), Some(60_000), None]));
    let capture = capture.to_str().unwrap();
    let json = series(&out(&["--json", capture]));
    let [ping] = &json[..] else { panic!("{json:?}") };
    let counted = ["count", "stepped_back", "unanswered", "failed", "late"].map(|name| number(&ping[name]));
    assert_eq!(counted, [2, 1, 1, 0, 0], "{ping}");
    assert_eq!((number(&ping["min_ns"]), number(&ping["max_ns"])), (50_000, 60_000));
    let table = out(&[capture]);
    let said = "1 answer is earlier than its request: the clock was set back. It has no time";
    assert!(table.contains(said), "{table}");
    assert!(table.contains("  ping           2     1 50.0µs"), "{table}");
}

// JSON.

#[test]
fn every_object_is_as_the_schema_says() {
    let schema = Schema::read("latency");
    let mut kinds = BTreeSet::new();
    let mut check = |json: &str, what: &str| {
        for line in lines(json) {
            schema.check(&line).unwrap_or_else(|why| panic!("{what}: {why}"));
            kinds.insert(text(&line["kind"]).to_owned());
        }
        assert!(json.lines().all(|line| line.starts_with("{\"kind\":\"")), "{what}: {json}");
    };
    let files: Vec<_> = captures().iter().map(|file| file.to_str().unwrap().to_owned()).collect();
    for file in &files {
        for arguments in [&["--hops"][..], &["--by", "service", "--hops"], &["-n"], &["--max-series", "2"]] {
            let json = out(&[&["--json"], arguments, &[file]].concat());
            check(&json, file);
            let last = lines(&json).pop().unwrap();
            assert_eq!(last["kind"], "summary", "{file}");
        }
        let ran = run(&["--json", "--compare", file, &files[0]]);
        if ran.code == Some(0) {
            check(&ran.out, file);
        }
    }
    for kind in ["series", "breakdown", "summary", "comparison"] {
        assert!(kinds.contains(kind), "no {kind} was checked: {kinds:?}");
    }
}

#[test]
fn an_object_that_is_not_as_it_should_be_is_refused() {
    let schema = Schema::read("latency");
    let line = series(&out(&["--json", "ping-by-name.pcapng"])).remove(0);
    assert_eq!(schema.check(&line), Ok(()));
    for (name, value) in [
        ("unknown", json!(1)),
        ("measure", json!("rtt")),
        ("min_ns", json!(-1)),
        ("count", json!(1.5)),
        ("p50_ns", json!("1")),
    ] {
        let mut changed = line.clone();
        changed[name] = value;
        assert!(schema.check(&changed).is_err(), "{name} passed");
    }
}

#[test]
fn whole_nanoseconds_are_integers() {
    let json = out(&["--json", "--measure", "arp", "ping-by-name.pcapng"]);
    assert!(json.contains("\"mean_ns\":29784,\"standard_deviation_ns\":0,"), "{json}");
}

/// What a log's lines make a table count: times, their sum, those that came late, were not answered, or failed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    count: u64,
    late: u64,
    unanswered: u64,
    failed: u64,
}

#[test]
fn the_table_counts_what_the_log_tells() {
    let mut told = BTreeMap::new();
    for file in captures() {
        let log = bridgetap().args(["replay", "--json"]).arg(&file).output().unwrap().stdout;
        let log = lines(std::str::from_utf8(&log).unwrap());
        let (mut expected, mut times): (BTreeMap<&str, Sums>, BTreeMap<&str, u64>) = Default::default();
        let mut open = 0;
        for line in &log {
            let measure = match text(&line["kind"]) {
                "dns" | "mdns" | "llmnr" => "dns",
                "arp" => "arp",
                "nd" => "nd",
                "ping" => "ping",
                "tcp" => {
                    count_connection(line, &mut expected, &mut times, &mut open);
                    continue;
                }
                _ => continue,
            };
            let sums = expected.entry(measure).or_default();
            match (text(&line["outcome"]), line["latency_ns"].as_u64(), line["late"] == true) {
                ("unanswered", ..) => sums.unanswered += 1,
                (_, Some(_), true) => sums.late += 1,
                (_, Some(time), false) => {
                    sums.count += 1;
                    *times.entry(measure).or_default() += time;
                }
                _ => sums.failed += 1,
            }
        }
        let json = out(&["--json", file.to_str().unwrap()]);
        let mut actual: BTreeMap<&str, Sums> = BTreeMap::new();
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        let table = series(&json);
        for series in &table {
            let measure = text(&series["measure"]);
            if !expected.contains_key(measure) {
                continue;
            }
            let sum = actual.entry(measure).or_default();
            sum.count += number(&series["count"]);
            sum.late += number(&series["late"]);
            sum.unanswered += number(&series["unanswered"]);
            sum.failed += number(&series["failed"]);
            *sums.entry(measure).or_default() +=
                series["mean_ns"].as_f64().unwrap_or(0.0) * number(&series["count"]) as f64;
        }
        expected.retain(|_, sums| *sums != Sums::default());
        assert_eq!(actual, expected, "{}", file.display());
        assert_eq!(lines(&json).last().unwrap()["open_connections"], open, "{}", file.display());
        for (measure, time) in times {
            // A bucket is a thousandth; and where several taps saw a connection, the log may tell of another of them.
            let near = time as f64 / 1000.0 + 500.0 * expected[measure].count as f64;
            let sum = sums[measure];
            assert!((sum - time as f64).abs() < near, "{}: {measure}: {sum} and {time} ns", file.display());
            told.entry(measure.to_owned()).and_modify(|files| *files += 1).or_insert(1);
        }
    }
    // Or nothing was compared.
    assert!(["arp", "nd", "ping", "dns", "syn", "connection"].iter().all(|measure| told.contains_key(*measure)));
}

/// A connection of the log: its handshake where it was opened, its duration where it is over, both where it was refused.
fn count_connection<'a>(
    line: &Value,
    expected: &mut BTreeMap<&'a str, Sums>,
    times: &mut BTreeMap<&'a str, u64>,
    open: &mut u64,
) {
    let mut record = |measure, time: u64| {
        expected.entry(measure).or_default().count += 1;
        *times.entry(measure).or_default() += time;
    };
    match text(&line["outcome"]) {
        "opened" => {
            let halves = &line["handshake"];
            let [there, back] = ["syn_to_syn_ack_ns", "syn_ack_to_ack_ns"].map(|half| number(&halves[half]));
            record("syn", there);
            record("syn-ack", back);
            record("handshake", there + back);
        }
        "closed" | "reset" if line["before_capture"] == false => record("connection", number(&line["duration_ns"])),
        "closed" | "reset" | "open" => *open += 1,
        "refused" => ["syn", "handshake"].iter().for_each(|half| expected.entry(half).or_default().failed += 1),
        "unanswered" => ["syn", "handshake"].iter().for_each(|half| expected.entry(half).or_default().unanswered += 1),
        other => panic!("a connection that is {other}"),
    }
}

// Files.

/// The intervals of a log, as HdrHistogram's own reader has them: tag, and histogram.
fn read_back(log: &[u8]) -> Vec<(String, Histogram<u64>)> {
    let mut deserializer = Deserializer::new();
    let mut intervals = Vec::new();
    for entry in IntervalLogIterator::new(log) {
        let LogEntry::Interval(interval) = entry.unwrap() else { continue };
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, interval.encoded_histogram());
        let histogram = deserializer.deserialize(&mut bytes.unwrap().as_slice()).unwrap();
        intervals.push((interval.tag().unwrap().as_str().to_owned(), histogram));
    }
    intervals
}

#[test]
fn every_format_is_written_at_once_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let web = capture(WEB);
    let names = ["x.hlog", "x.csv", "x.json", "x.svg", "x.png"];
    let mut arguments = vec![web.to_str().unwrap()];
    for name in names {
        arguments.extend(["-w", name]);
    }
    let ran = run_in(folder.path(), &arguments);
    assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""), "{ran:?}");
    let file = format!("{WEB}.pcapng");
    assert_eq!(ran.out, out(&[&file]), "the table is told all the same");
    for name in names {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}: only its owner may read who speaks with whom");
    }
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let written = |name: &str| String::from_utf8(read(name)).unwrap();
    assert_eq!(written("x.csv"), out(&["--csv", &file]));
    let table = series(&out(&["--json", &file]));
    assert_eq!(lines(&written("x.json")), table);

    let intervals = read_back(&read("x.hlog"));
    assert_eq!(intervals.len(), table.len());
    for (series, (tag, histogram)) in table.iter().zip(&intervals) {
        let expected = ["measure", "client", "server", "port", "network"].map(|name| text(&series[name])).join(";");
        assert_eq!(tag, expected.trim_end_matches(';'));
        assert_eq!(histogram.len(), number(&series["count"]), "{tag}");
        let p50 = histogram.value_at_quantile(0.5);
        let exact = number(&series["p50_ns"]);
        assert!(p50.abs_diff(exact) <= exact / 1000, "{tag}: {p50} and {exact}");
    }

    let svg = written("x.svg");
    let panels = ["DNS query to response", "ARP request to reply", "TCP data to its acknowledgement", "open to close"];
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<_> = document.descendants().filter(|node| node.has_tag_name("text")).collect();
    for panel in panels {
        let titles = texts.iter().filter(|node| node.text().is_some_and(|text| text.contains(panel)));
        assert!(titles.count() >= 1, "{panel} has no panel");
    }
    let height = |svg: &str| -> f64 {
        let document = roxmltree::Document::parse(svg).unwrap();
        document.root_element().attribute("height").unwrap().parse().unwrap()
    };
    let size = |png: &[u8]| {
        let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        f64::from(reader.info().height)
    };
    assert!((size(&read("x.png")) - 2.0 * height(&svg)).abs() <= 1.0, "two pixels for one");
    // A row for each measure.
    let mut heights = Vec::new();
    for measures in ["dns", "dns,arp", "dns,arp,syn"] {
        let name = format!("{measures}.svg");
        let ran = run_in(folder.path(), &[web.to_str().unwrap(), "--measure", measures, "-w", &name]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        heights.push(height(&written(&name)));
    }
    let rows = [heights[1] - heights[0], heights[2] - heights[1]];
    assert!(rows[0] > 100.0 && (rows[0] - rows[1]).abs() < 1.0, "{heights:?}");
}

/// Each digit of figures is as close as a bucket is to the exact end.
#[test]
fn a_log_is_measured_as_its_capture() {
    let folder = tempfile::tempdir().unwrap();
    for name in [WEB, "isolated-networks", "mariadb-flask"] {
        let capture = capture(name);
        let ran = run_in(folder.path(), &["--json", capture.to_str().unwrap(), "-w", "x.hlog", "--force"]);
        let again = run_in(folder.path(), &["--json", "x.hlog"]);
        assert_eq!((again.code, again.messages.as_str()), (Some(0), ""));
        let (first, second) = (series(&ran.out), series(&again.out));
        assert_eq!(first.len(), second.len(), "{name}");
        for (first, second) in first.iter().zip(&second) {
            for (member, value) in first.as_object().unwrap() {
                match (value.as_f64(), second[member].as_f64()) {
                    (Some(exact), Some(near)) if member.ends_with("_ns") => {
                        assert!((exact - near).abs() <= exact / 1000.0, "{name}: {member} of {first} and {second}");
                    }
                    _ => assert_eq!(*value, second[member], "{name}: {member} of {first}"),
                }
            }
        }
        let last = lines(&again.out).pop().unwrap();
        assert_eq!(last["packets"], Value::Null, "a log tells nothing of packets");
        assert_eq!(last["notes"], json!([]));
    }
    // Logs are summed.
    let ran = run_in(folder.path(), &["--json", "x.hlog", "x.hlog", "--measure", "dns"]);
    let once = run_in(folder.path(), &["--json", "x.hlog", "--measure", "dns"]);
    let counts = |ran: &Ran| series(&ran.out).iter().map(|series| number(&series["count"])).collect::<Vec<_>>();
    assert_eq!(counts(&ran), counts(&once).iter().map(|count| 2 * count).collect::<Vec<_>>());
}

#[test]
fn percentile_text_is_a_file_or_one_for_each_series() {
    let folder = tempfile::tempdir().unwrap();
    let ping = capture("ping-by-name");
    let ping = ping.to_str().unwrap();
    let ran = run_in(folder.path(), &[ping, "--measure", "ping", "-w", "one.hgrm"]);
    assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""));
    let one = fs::read_to_string(folder.path().join("one.hgrm")).unwrap();
    assert!(one.contains("0.026") && one.contains("1.000000000000"), "{one}");
    assert!(one.ends_with("#[Buckets =           32, SubBuckets     =         2048]\n"), "{one}");

    let ran = run_in(folder.path(), &[ping, "-w", "each.hgrm"]);
    assert_eq!(ran.code, Some(0));
    let first = "each.arp-container_b-container_a-my_bridge.hgrm";
    assert_eq!(ran.messages, format!("bridgetap: each.hgrm: a file for each series, {first} and 2 more\n"));
    let names: BTreeSet<_> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let expected = ["each.dns-container_b-docker-dns-53.hgrm", "each.ping-container_b-container_a-my_bridge.hgrm"];
    assert_eq!(names, [first, "one.hgrm"].into_iter().chain(expected).map(str::to_owned).collect());

    // One that is there does not keep the others from being written.
    fs::remove_file(folder.path().join(expected[0])).unwrap();
    let ran = run_in(folder.path(), &[ping, "-w", "each.hgrm"]);
    assert_eq!(ran.code, Some(1));
    let kept = format!("bridgetap: each.hgrm: {first}: is there already; --force replaces it, and 1 more\n");
    assert_eq!(ran.messages, kept);
    assert!(folder.path().join(expected[0]).exists());
    assert_eq!(run_in(folder.path(), &[ping, "-w", "each.hgrm", "--force"]).code, Some(0));
    let nothing = run_in(folder.path(), &[ping, "--measure", "nd", "-w", "none.hgrm"]);
    says(&nothing, 1, &["none.hgrm: nothing was measured, so there are no percentiles"]);
    let nothing = run_in(folder.path(), &[ping, "--measure", "nd", "-w", "none.svg"]);
    says(&nothing, 1, &["none.svg: nothing was measured, so there is nothing to draw"]);
}

#[test]
fn a_file_that_cannot_be_written_is_told_and_the_rest_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (ping, inside) = (capture("ping-by-name"), |name: &str| folder.path().join(name));
    let ping = ping.to_str().unwrap();
    let run = |arguments: &[&str]| run_in(folder.path(), &[&[ping], arguments].concat());
    put(folder.path(), "there.csv", b"mine");
    for (arguments, parts) in [
        (&["-w", "new.json", "-w", "there.csv"][..], &["there.csv is there already; --force replaces it"][..]),
        (&["-w", "new.json", "-w", "nowhere/x.csv"], &["nowhere/x.csv: there is no folder nowhere"]),
        (&["-w", "new.json", "-w", "x.txt"], &["x.txt: the ending says", ".hlog, .hgrm, .csv, .json, .svg or .png"]),
        (&["-w", "new.json", "-w", "new.json"], &["new.json is named twice"]),
    ] {
        let ran = run(arguments);
        says(&ran, 2, parts);
        assert_eq!(ran.out, "", "nothing was read yet");
        assert!(!inside("new.json").exists(), "{arguments:?}");
    }
    // Before a capture is missed, it is said that the file is there.
    says(&run_in(folder.path(), &["missing.pcap", "-w", "there.csv"]), 2, &["there.csv is there"]);
    assert_eq!(fs::read(inside("there.csv")).unwrap(), b"mine");
    assert_eq!(run(&["-w", "there.csv", "--force"]).code, Some(0));
    assert!(fs::read_to_string(inside("there.csv")).unwrap().starts_with("measure,client,"));

    std::os::unix::fs::symlink("/dev/full", inside("full.csv")).unwrap();
    let ran = run(&["-w", "full.csv", "-w", "whole.json", "--force"]);
    // A link may lead anywhere, and is not followed.
    says(&ran, 1, &["full.csv: cannot be written: Too many levels of symbolic links"]);
    assert_eq!(ran.out, out(&["ping-by-name.pcapng"]), "the table is whole");
    assert_eq!(lines(&fs::read_to_string(inside("whole.json")).unwrap()).len(), 3);
    if !nix::unistd::geteuid().is_root() {
        fs::create_dir(inside("locked")).unwrap();
        fs::set_permissions(inside("locked"), fs::Permissions::from_mode(0o500)).unwrap();
        says(&run(&["-w", "locked/x.csv"]), 2, &["locked/x.csv: locked may not be written to; name another folder"]);
    }
}

// Two runs.

/// The verdicts of the only series of a comparison.
fn verdicts(comparison: &Value) -> (Vec<&str>, &str, &str) {
    let percentiles = comparison["percentiles"].as_array().unwrap();
    let percentiles = percentiles.iter().map(|percentile| text(&percentile["verdict"])).collect();
    (percentiles, text(&comparison["whole"]["verdict"]), text(&comparison["lost"]["verdict"]))
}

/// Compares two captures of pings.
fn compared(before: &[Option<i64>], after: &[Option<i64>]) -> (Ran, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "before.pcap", &pings(before));
    put(folder.path(), "after.pcap", &pings(after));
    let run = |arguments: &[&str]| {
        let ran = run_in(folder.path(), &[&["--compare", "before.pcap", "after.pcap"], arguments].concat());
        assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""));
        ran
    };
    (run(&[]), lines(&run(&["--json"]).out))
}

fn times(range: std::ops::Range<u64>, of: impl Fn(u64) -> i64) -> Vec<Option<i64>> {
    range.map(|number| Some(of(number))).collect()
}

#[test]
fn two_equal_runs_are_noise() {
    let run = times(0..1000, some_time);
    let (table, json) = compared(&run, &run);
    let [comparison] = &json[..] else { panic!("{json:?}") };
    let (percentiles, whole, lost) = verdicts(comparison);
    assert_eq!((whole, lost), ("noise", "noise"));
    assert_eq!(percentiles, ["noise", "noise", "noise", "noise", "too_few", "too_few"]);
    assert!(!table.out.contains("  slower") && !table.out.contains("  faster"), "{}", table.out);
    // So are two halves of one thing.
    let (_, json) = compared(&times(0..1000, some_time), &times(1000..2000, some_time));
    assert_eq!(verdicts(&json[0]).1, "noise", "{json:?}");
    // A capture and the log that was written of it are equal as well.
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "x.pcap", &pings(&run));
    assert_eq!(run_in(folder.path(), &["x.pcap", "-w", "x.hlog"]).code, Some(0));
    let ran = run_in(folder.path(), &["--compare", "--json", "x.pcap", "x.hlog"]);
    let json = lines(&ran.out);
    let (_, whole, lost) = verdicts(&json[0]);
    assert_eq!((whole, lost), ("noise", "noise"), "{ran:?}");
}

#[test]
fn a_slower_run_and_a_faster_one_are_told() {
    let (before, after) = (times(0..1000, some_time), times(0..1000, |number| some_time(number) * 3 / 2));
    let (table, json) = compared(&before, &after);
    let (percentiles, whole, lost) = verdicts(&json[0]);
    assert_eq!((&percentiles[..4], whole, lost), (&["slower"; 4][..], "slower", "noise"));
    let median = &json[0]["percentiles"][0];
    let (before_ns, after_ns) = (number(&median["before_ns"]) as f64, number(&median["after_ns"]) as f64);
    assert!((after_ns / before_ns - 1.5).abs() < 0.01, "{median}");
    let golden = compare(COMPARISONS[0], &table.out);
    assert!(golden.is_ok(), "{}", golden.unwrap_err());
    let (_, json) = compared(&after, &before);
    assert_eq!(verdicts(&json[0]).1, "faster");
    assert!(json[0]["percentiles"][0]["difference_ns"].as_i64().unwrap() < 0);
}

#[test]
fn more_that_is_lost_is_told_though_the_rest_is_as_fast() {
    let before = times(0..400, some_time);
    let after: Vec<_> = (0..400).map(|number| (number % 10 != 0).then(|| some_time(number))).collect();
    let (table, json) = compared(&before, &after);
    let (_, whole, lost) = verdicts(&json[0]);
    assert_eq!((whole, lost), ("noise", "more"), "{json:?}");
    assert_eq!(json[0]["after"]["unanswered"], 40);
    let golden = compare(COMPARISONS[1], &table.out);
    assert!(golden.is_ok(), "{}", golden.unwrap_err());
    assert_eq!(verdicts(&compared(&after, &before).1[0]).2, "fewer");
}

#[test]
fn runs_are_summed_and_narrowed_before_they_are_compared() {
    let web = format!("{WEB}.pcapng");
    let of = |arguments: &[&str]| {
        lines(&out(&[&["--compare", "--json", &web, "redis-stop-start.pcapng"], arguments].concat()))
    };
    let members = |lines: &[Value], name: &str| -> BTreeSet<String> {
        lines.iter().map(|line| text(&line[name]).to_owned()).collect()
    };
    assert_eq!(members(&of(&["--measure", "syn,dns"]), "measure"), ["dns", "syn"].map(str::to_owned).into());
    let by_port = of(&["--by", "port"]);
    assert_eq!(members(&by_port, "client"), [String::new()].into());
    assert!(members(&by_port, "port").contains("6379"));
    let all = of(&[]);
    let only: Vec<_> = all.iter().filter(|line| line["before"].is_null() || line["after"].is_null()).collect();
    assert!(!only.is_empty() && only.iter().all(|line| line["whole"].is_null() && line["lost"].is_null()), "{all:?}");
    let table = out(&["--compare", &web, "redis-stop-start.pcapng", "--measure", "syn,dns,arp"]);
    let golden = compare(COMPARISONS[2], &table);
    assert!(golden.is_ok(), "{}", golden.unwrap_err());
}

#[test]
fn half_of_a_comparison_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let ping = fs::read(capture("ping-by-name")).unwrap();
    put(folder.path(), "ping.pcapng", &ping);
    put(folder.path(), "cut.pcapng", &ping[..ping.len() - 10]);
    put(folder.path(), "empty.pcapng", b"");
    put(folder.path(), "empty.hlog", b"");
    put(folder.path(), "none.pcap", &pcap([]));
    let compare = |other: &str| run_in(folder.path(), &["--compare", "ping.pcapng", other]);
    for (other, part) in [
        ("missing.pcapng", "missing.pcapng: no such file"),
        ("missing.hlog", "missing.hlog: no such file"),
        ("cut.pcapng", "cut.pcapng: cut short"),
        ("empty.pcapng", "empty.pcapng: empty, 0 bytes"),
        ("empty.hlog", "empty.hlog: nothing in it was measured, so there is nothing to compare"),
        ("none.pcap", "none.pcap: nothing in it was measured"),
    ] {
        let ran = compare(other);
        says(&ran, 1, &[part]);
        assert_eq!(ran.out, "", "{other}");
    }
    // Nothing in common is an answer.
    let isolated = capture("isolated-networks");
    let ran = compare(isolated.to_str().unwrap());
    assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""));
    assert!(ran.out.ends_with("\nNo series is in both runs.\n"), "{}", ran.out);
}

// What is wrong.

#[test]
fn logs_that_are_not_read_are_told_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run_in(folder.path(), &[capture(WEB).to_str().unwrap(), "-w", "x.hlog"]).code, Some(0));
    let whole = fs::read_to_string(folder.path().join("x.hlog")).unwrap();
    // The header has five lines, and each interval one.
    let cut = whole.lines().take(7).collect::<Vec<_>>().join("\n");
    put(folder.path(), "cut.hlog", &cut.as_bytes()[..cut.len() - 9]);
    let histogram = |digits: u8| {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 1_000_000, digits).unwrap();
        histogram.record(1000).unwrap();
        let mut bytes = Vec::new();
        let mut serializer = hdrhistogram::serialization::V2DeflateSerializer::new();
        hdrhistogram::serialization::Serializer::serialize(&mut serializer, &histogram, &mut bytes).unwrap();
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
    };
    put(folder.path(), "coarse.hlog", format!("0.0,1.0,0.001,{}\n", histogram(2)).as_bytes());
    put(folder.path(), "tags.hlog", format!("Tag=GET /a,0.0,1.0,0.001,{}\n", histogram(3)).as_bytes());
    put(folder.path(), "text.hlog", b"# a comment\nhello\n");
    put(folder.path(), "bytes.hlog", b"\xff\xfe\n");
    fs::create_dir(folder.path().join("folder.hlog")).unwrap();
    let run = |arguments: &[&str]| run_in(folder.path(), arguments);
    for (log, part) in [
        ("coarse.hlog", "coarse.hlog: line 1: the histogram has 2 significant digits; 3 to 5 are accepted"),
        ("text.hlog", "text.hlog: line 2: not an interval"),
        ("bytes.hlog", "bytes.hlog: line 1: not text; an HdrHistogram interval log is accepted"),
        ("folder.hlog", "folder.hlog: a folder; name the files in it"),
        ("missing.hlog", "missing.hlog: no such file"),
        ("cut.hlog", "cut.hlog: line 7: "),
    ] {
        says(&run(&[log]), 1, &[part]);
    }
    assert!(run(&["cut.hlog"]).out.contains("  dns            2 "), "what stands before is told");
    assert_eq!(run(&["missing.hlog"]).out, "");

    let tagged = run(&["tags.hlog"]);
    assert_eq!((tagged.code, tagged.messages.as_str()), (Some(0), ""));
    assert!(tagged.out.contains("GET /a\n  other          1     0 1.00µs"), "{}", tagged.out);
    assert!(tagged.out.contains("tags.hlog: another program's values are taken as nanoseconds"), "{}", tagged.out);
    let python = common::root().join("tests/latency/python.hlog");
    let python = run(&["--json", python.to_str().unwrap()]);
    let [only] = &series(&python.out)[..] else { panic!("{python:?}") };
    assert_eq!(
        (&only["measure"], &only["client"], &only["count"]),
        (&json!("other"), &json!("(no tag)"), &json!(1010))
    );
    // Both are comparable: another program's with another's.
    let ran = run(&["--compare", "tags.hlog", "tags.hlog", "--json"]);
    assert_eq!((ran.code, lines(&ran.out).len()), (Some(0), 1), "{ran:?}");
}

#[test]
fn another_range_is_read_as_coarse_as_it_is_and_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut histogram = Histogram::<u64>::new_with_bounds(1000, 7200 * SECOND, 3).unwrap();
    for value in [50_000, 60_000, 7_000 * SECOND] {
        histogram.record(value).unwrap();
    }
    let mut bytes = Vec::new();
    let mut serializer = hdrhistogram::serialization::V2DeflateSerializer::new();
    hdrhistogram::serialization::Serializer::serialize(&mut serializer, &histogram, &mut bytes).unwrap();
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    put(folder.path(), "range.hlog", format!("0.0,1.0,0.001,{encoded}\n").as_bytes());
    let ran = run_in(folder.path(), &["range.hlog"]);
    assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""));
    assert!(
        ran.out.contains("range.hlog: values are taken as nanoseconds, and told apart to 512 ns only"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("1 time was longer than an hour, and counts as an hour"), "{}", ran.out);
    assert!(ran.out.contains(" 3600s "), "{}", ran.out);
}

#[test]
fn what_cannot_be_measured_together_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(capture("ping-by-name"), folder.path().join("ping.pcapng")).unwrap();
    put(folder.path(), "x.hlog", b"");
    put(folder.path(), "notes.txt", b"just some text\n");
    fs::create_dir(folder.path().join("sub")).unwrap();
    for (arguments, code, part) in [
        (&["ping.pcapng", "x.hlog"][..], 2, "captures and .hlog files cannot be summed"),
        (&["-i", "lo", "ping.pcapng"], 2, "-i: it is about what is on the wire, and a file was named"),
        (&["ping.pcapng", "my_bridge"], 2, "ping.pcapng is a file and my_bridge is none"),
        (&["--probe", "a"], 2, "--probe takes two names"),
        (&["--probe", "a", "b", "c"], 2, "--probe takes two names"),
        (&["--compare", "ping.pcapng"], 2, "--compare takes two files: the run before and the run after"),
        (&["--compare", "ping.pcapng", "ping.pcapng", "x.hlog"], 2, "--compare takes two files"),
        (&["./sub"], 2, "./sub is a folder; name the files in it"),
        (&["notes.txt"], 1, "notes.txt: not a pcap or pcapng file: it looks like text"),
        (&["missing.pcap"], 1, "missing.pcap: no such file"),
        (&["-", "-"], 2, "- is standard input, which can be read only once"),
    ] {
        let ran = run_in(folder.path(), arguments);
        says(&ran, code, &[part]);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
    for arguments in [
        &["ping.pcapng", "--force"][..],
        &["ping.pcapng", "--csv", "--json"],
        &["ping.pcapng", "--measure", "rtt"],
        &["ping.pcapng", "--by", "color"],
        &["ping.pcapng", "--max-series", "0"],
        &["--compare", "ping.pcapng", "ping.pcapng", "-w", "x.csv"],
        &["ping.pcapng", "--tcp", "80"],
    ] {
        let ran = run_in(folder.path(), arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.messages.starts_with("error: "), "{ran:?}");
    }
    // A file that is cut is told as far as it goes.
    let whole = fs::read(capture("ping-by-name")).unwrap();
    put(folder.path(), "cut.pcapng", &whole[..whole.len() * 9 / 10]);
    let ran = run_in(folder.path(), &["cut.pcapng"]);
    says(&ran, 1, &["cut.pcapng: cut short"]);
    assert!(ran.out.contains("  arp            1 "), "{}", ran.out);
}

#[test]
fn names_of_the_wire_move_no_cursor() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "x.hlog",
        b"Tag=a\x1b[2J;b,0.0,1.0,0.1,HISTFAAAACR4nJNpmSzMwMDAwgABMJoRiHl/uEcw2H+ACEzdKCICAGKrBZE=\n",
    );
    for arguments in [&["x.hlog"][..], &["x.hlog", "--csv"], &["--compare", "x.hlog", "x.hlog"], &["x.hlog", "--json"]]
    {
        let ran = run_in(folder.path(), arguments);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.out.contains("[2J"), "{}", ran.out);
        assert!(!ran.out.contains('\u{1b}') && !ran.messages.contains('\u{1b}'), "{ran:?}");
    }
}
