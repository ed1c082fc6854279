//! Compares what is measured with tshark, packet by packet and to the nanosecond: acknowledgements of TCP data
//! (`tcp.analysis.acks_frame`, `tcp.analysis.ack_rtt`), handshakes (`tcp.analysis.initial_rtt`), pings
//! (`icmp.resptime`) and lookups (`dns.time`), on the sample captures and, where `BRIDGETAP_CORPUS` names a folder of
//! captures, on those. And what `bridgetap latency` counts of a file, and for how long, with the sums of tshark's.
//!
//! Needs tshark (Debian: `apt-get install tshark`). Without it nothing is compared, and with `BRIDGETAP_DEMAND=1` that is
//! a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
#![expect(clippy::cast_precision_loss, reason = "sums of a file's times are far below 2^53 ns")]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Frame, LinkType, Next, Source, TapId};
use bridgetap::decode;
use bridgetap::time::{Timestamp, nanos};
use bridgetap::track::event::{Event, Seen, Subject};
use bridgetap::track::measured::{Measure, Reading};
use bridgetap::track::{Limits, Tracker};
use common::disorder::disorder;
use common::{captures, pcap_header, pcap_packet, say};
use serde_json::Value;

/// Nanoseconds between two frames, by the later one: the earlier one and the time, negative where the clock was set back.
type Pairs = BTreeMap<u64, (u64, i64)>;

/// What one of the two programs finds in a file.
#[derive(Debug, Default)]
struct Found {
    acks: Pairs,
    pings: Pairs,
    lookups: Pairs,
    /// Of each connection, here by its SYN, there by tshark's number of it.
    handshakes: BTreeMap<u64, i64>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.acks.is_empty() && self.pings.is_empty() && self.lookups.is_empty() && self.handshakes.is_empty()
    }
}

/// A frame that is kept.
struct Kept {
    at: Timestamp,
    wire_len: u32,
    bytes: Vec<u8>,
    link: LinkType,
    tap: TapId,
}

/// What each interface of a file shows, as far as it can be read, and each of those that a cooked frame names: two of them
/// show one connection twice, which is one conversation to tshark.
fn interfaces(file: &Path) -> Vec<Vec<Kept>> {
    let mut taps: BTreeMap<(TapId, u32), Vec<Kept>> = BTreeMap::new();
    let Ok(mut source) = FileSource::open(file, 0) else { return Vec::new() };
    loop {
        match source.next() {
            Ok(Next::Frame(frame, _)) if decode::supports(frame.link) => {
                let if_index = decode::decode(&frame).link.if_index;
                let Frame { at, wire_len, bytes, link, tap, .. } = frame;
                let kept = Kept { at, wire_len, bytes: bytes.to_vec(), link, tap };
                taps.entry((tap, if_index)).or_default().push(kept);
            }
            Ok(Next::End) | Err(_) => return taps.into_values().collect(),
            Ok(_) => {}
        }
    }
}

fn pair(from: Seen, to: Seen) -> (u64, (u64, i64)) {
    (to.number, (from.number, to.at.as_nanos().cast_signed() - from.at.as_nanos().cast_signed()))
}

/// What the tracker finds.
fn measured(frames: &[Kept]) -> Found {
    let mut found = Found::default();
    let mut tracker = Tracker::new(Limits { measures: true, ..Limits::default() });
    let mut sink = |event: Event<'_>| note(&event, &mut found);
    for (number, kept) in (1..).zip(frames) {
        let Kept { at, wire_len, ref bytes, link, tap } = *kept;
        tracker.observe(&decode::decode(&Frame { number, at, wire_len, bytes, link, tap }), &mut sink);
    }
    tracker.finish(&mut sink);
    found
}

fn note(event: &Event<'_>, found: &mut Found) {
    match event {
        Event::Measured(measured) => {
            let Some(to) = measured.to else { return };
            let (later, (earlier, time)) = pair(measured.from, to);
            match measured.reading {
                Reading::Time(told) | Reading::Ambiguous(told) => assert_eq!(nanos(told).cast_signed(), time),
                Reading::SteppedBack => assert!(time < 0),
                other => panic!("{other:?} with an end"),
            }
            match measured.measure {
                Measure::Ack => assert_eq!(found.acks.insert(later, (earlier, time)), None, "{measured:?}"),
                Measure::Handshake => drop(found.handshakes.insert(earlier, time)),
                _ => {}
            }
        }
        Event::Exchange(exchange) => {
            let Some(reply) = exchange.reply else { return };
            let pairs = match &exchange.subject {
                Subject::Ping { .. } => &mut found.pings,
                Subject::Lookup(_) => &mut found.lookups,
                Subject::Neighbour { .. } => return,
            };
            pairs.extend([pair(exchange.request, reply)]);
        }
        _ => {}
    }
}

const FIELDS: [&str; 11] = [
    "frame.number",
    "tcp.analysis.acks_frame",
    "tcp.analysis.ack_rtt",
    "icmp.resp_to",
    "icmp.resptime",
    "icmpv6.resp_to",
    "icmpv6.resptime",
    "dns.response_to",
    "dns.time",
    "tcp.stream",
    "tcp.analysis.initial_rtt",
];

/// A decimal number in billionths, however many digits it has.
fn billionths(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let nanos = whole.parse::<i64>().unwrap() * 1_000_000_000 + format!("{fraction:0<9}")[..9].parse::<i64>().unwrap();
    sign * nanos
}

/// What tshark finds in a file.
fn dissected(pcap: &Path) -> (Found, BTreeMap<u64, u64>) {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "occurrence=f", "-r"]).arg(pcap);
    // Standard settings, without those of whoever runs the test.
    command.env("WIRESHARK_CONFIG_DIR", pcap.parent().unwrap());
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let (mut found, mut streams, mut trips) = (Found::default(), BTreeMap::new(), BTreeMap::new());
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [number, acks, rtt, ping, ping_ms, ping6, ping6_ms, lookup, lookup_time, stream, trip] = fields[..] else {
            panic!("{}: {line:?}", pcap.display())
        };
        let number: u64 = number.parse().unwrap();
        let put = |pairs: &mut Pairs, earlier: &str, time: &str, unit: i64| {
            if let Ok(earlier) = earlier.parse()
                && !time.is_empty()
            {
                pairs.insert(number, (earlier, billionths(time) / unit));
            }
        };
        put(&mut found.acks, acks, rtt, 1);
        put(&mut found.pings, ping, ping_ms, 1000);
        put(&mut found.pings, ping6, ping6_ms, 1000);
        put(&mut found.lookups, lookup, lookup_time, 1);
        if let Ok(stream) = stream.parse::<u64>() {
            streams.insert(number, stream);
            if !trip.is_empty() {
                trips.insert(stream, billionths(trip));
            }
        }
    }
    found.handshakes = trips;
    (found, streams)
}

/// How many pairs were compared, and how many only one of the two found.
#[derive(Debug, Default)]
struct Count {
    both: usize,
    only_here: usize,
    only_there: usize,
}

/// Counts pairs, and says which differ.
fn compare(what: &str, ours: &Pairs, theirs: &Pairs, count: &mut Count, faults: &mut Vec<String>) {
    for (later, our) in ours {
        match theirs.get(later) {
            Some(their) if their == our => count.both += 1,
            Some(their) => faults.push(format!("{what}: frame {later}: {our:?} here, {their:?} there")),
            None => count.only_here += 1,
        }
    }
    count.only_there += theirs.keys().filter(|later| !ours.contains_key(later)).count();
}

/// What was compared: acknowledgements, pings, lookups, handshakes, and totals of files.
type Counts = [Count; 5];

fn compare_files(files: &[PathBuf], faults: &mut Vec<String>) -> Counts {
    let mut counts = Counts::default();
    for file in files {
        for (interface, frames) in interfaces(file).iter().enumerate() {
            compare_frames(&format!("{}, interface {interface}", file.display()), frames, &mut counts, faults);
        }
    }
    counts
}

fn compare_frames(name: &str, frames: &[Kept], counts: &mut Counts, faults: &mut Vec<String>) {
    let ours = measured(frames);
    if ours.is_empty() {
        return;
    }
    let mut pcap = pcap_header(frames[0].link);
    for kept in frames {
        pcap.extend(pcap_packet(kept.at, kept.wire_len, &kept.bytes));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.pcap");
    std::fs::write(&path, pcap).unwrap();
    let (theirs, streams) = dissected(&path);
    let [acks, pings, lookups, handshakes, of_files] = counts;
    let said = totals(&path, &ours, &theirs, of_files);
    faults.extend(said.into_iter().map(|fault| format!("{name}: table: {fault}")));
    compare(&format!("{name}: ack"), &ours.acks, &theirs.acks, acks, faults);
    compare(&format!("{name}: ping"), &ours.pings, &theirs.pings, pings, faults);
    compare(&format!("{name}: lookup"), &ours.lookups, &theirs.lookups, lookups, faults);
    let by_stream = |(syn, time): (&u64, &i64)| Some((*streams.get(syn)?, (0, *time)));
    let ours: Pairs = ours.handshakes.iter().filter_map(by_stream).collect();
    let theirs: Pairs = theirs.handshakes.iter().map(|(stream, time)| (*stream, (0, *time))).collect();
    compare(&format!("{name}: handshake, by stream"), &ours, &theirs, handshakes, faults);
}

/// How often the table of `bridgetap latency` has a measure, answered late or with a clock that was set back too, and the
/// sum of its times; `None` where some have no time.
fn in_table(table: &[Value], measure: &str) -> (usize, Option<f64>) {
    let (mut count, mut sum) = (0, Some(0.0));
    for series in table.iter().filter(|series| series["measure"] == measure) {
        let [timed, late, back] = ["count", "late", "stepped_back"].map(|name| series[name].as_u64().unwrap());
        count += timed + late + back;
        let times = series["mean_ns"].as_f64().unwrap_or(0.0) * timed as f64;
        sum = sum.filter(|_| late + back == 0).map(|sum| sum + times);
    }
    (count as usize, sum)
}

/// Whether the table of the program counts as many as tshark, and as long, where both find the same pairs in the file.
fn totals(path: &Path, ours: &Found, theirs: &Found, compared: &mut Count) -> Vec<String> {
    let output = common::bridgetap().args(["latency", "--json", "-n"]).arg(path).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let table: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let times = |pairs: &Pairs| pairs.values().map(|(_, time)| *time).collect::<Vec<_>>();
    let trips = |found: &Found| found.handshakes.values().copied().collect::<Vec<_>>();
    let measures = [
        ("ping", times(&ours.pings), times(&theirs.pings)),
        ("dns", times(&ours.lookups), times(&theirs.lookups)),
        ("handshake", trips(ours), trips(theirs)),
    ];
    let mut faults = Vec::new();
    for (measure, ours, theirs) in measures {
        if ours.len() != theirs.len() || ours.is_empty() {
            continue;
        }
        compared.both += 1;
        let (count, sum) = in_table(&table, measure);
        if count != theirs.len() {
            faults.push(format!("{measure}: {count} here, {} there", theirs.len()));
        }
        let expected = theirs.iter().sum::<i64>() as f64;
        // Each time is the middle of its bucket.
        if sum.is_some_and(|sum| (sum - expected).abs() > expected.abs() / 1000.0) {
            faults.push(format!("{measure}: {sum:?} ns here, {expected} there"));
        }
    }
    faults
}

fn has_tshark() -> bool {
    if Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let demanded = std::env::var_os("BRIDGETAP_DEMAND").is_some_and(|value| value == "1");
    assert!(!demanded, "tshark is not installed: apt-get install tshark");
    say("NOT RUN: nothing was compared, because tshark is not installed: apt-get install tshark");
    false
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.insert(path);
        }
    }
    found.into_iter().collect()
}

#[test]
fn the_sample_captures_have_the_same_pairs_and_times() {
    if !has_tshark() {
        return;
    }
    let mut faults = Vec::new();
    let [acks, pings, lookups, handshakes, totals] = compare_files(&captures(), &mut faults);
    say(&format!("acknowledgements {acks:?}, pings {pings:?}, lookups {lookups:?}, handshakes {handshakes:?}"));
    say(&format!("totals of files {totals:?}"));
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert_eq!((acks.only_here, acks.only_there), (0, 0), "acknowledgements");
    assert!(acks.both >= 100 && pings.both >= 12 && lookups.both >= 4 && handshakes.both >= 20);
    assert!(totals.both >= 20, "totals of files {totals:?}");
}

#[test]
fn captures_of_others_have_the_same_times_for_every_pair_that_both_find() {
    let Some(folder) = std::env::var_os("BRIDGETAP_CORPUS").filter(|value| !value.is_empty()).map(PathBuf::from) else {
        return say("NOT RUN: set BRIDGETAP_CORPUS to a folder of captures");
    };
    if !has_tshark() {
        return;
    }
    let mut faults = Vec::new();
    let [acks, pings, lookups, handshakes, totals] = compare_files(&files_below(&folder), &mut faults);
    say(&format!("acknowledgements {acks:?}, pings {pings:?}, lookups {lookups:?}, handshakes {handshakes:?}"));
    say(&format!("totals of files {totals:?}"));
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert_eq!((acks.only_here, acks.only_there), (0, 0), "acknowledgements");
    assert!(acks.both >= 1000, "only {acks:?}");
}

#[test]
fn what_is_sent_again_and_in_disorder_has_the_same_pairs_and_times() {
    if !has_tshark() {
        return;
    }
    let kept = |(at, bytes): (Timestamp, Vec<u8>)| {
        let wire_len = bytes.len() as u32;
        Kept { at, wire_len, bytes, link: LinkType::ETHERNET, tap: TapId(0) }
    };
    let frames: Vec<_> = disorder().into_iter().map(kept).collect();
    let (mut counts, mut faults) = (Counts::default(), Vec::new());
    compare_frames("disorder", &frames, &mut counts, &mut faults);
    say(&format!("{counts:?}"));
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let acks = &counts[0];
    assert_eq!((acks.only_here, acks.only_there), (0, 0), "acknowledgements");
    assert!(acks.both >= 2000, "only {acks:?}");
}
