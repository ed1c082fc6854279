//! What latencies cost, and that other programs' files are read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
#![expect(unsafe_code, reason = "a global allocator that counts cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bridgetap::latency::files::{LogReader, LogWriter};
use bridgetap::latency::{By, Distribution, Key, Limits, Measure, Order, Party, Table};
use bridgetap::time::Timestamp;

thread_local! {
    /// Of this thread only: the test runner has others.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn allocated(size: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    LIVE.set(LIVE.get() + size);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

fn freed(size: usize) {
    LIVE.set(LIVE.get().saturating_sub(size));
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        freed(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there while the system copies.
        allocated(size);
        freed(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MEBIBYTE: usize = 1 << 20;

/// A latency about 50 µs, within two octaves.
fn latency(number: u64) -> u64 {
    30_000 + (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 90_000
}

fn key(client: u64, server: u64, measure: Measure) -> Key {
    Key {
        client: Party::alone(&format!("shop-web-{client}")),
        server: Party::alone(&format!("shop-api-{server}")),
        port: "8080".into(),
        network: "shop_default".into(),
        measure,
    }
}

#[test]
fn nothing_is_allocated_for_a_value() {
    for distinct in [100, 100_000] {
        let mut distribution = Distribution::default();
        (0..distinct).for_each(|number| distribution.record(latency(number)));
        let before = ALLOCATIONS.get();
        for number in 0..1_000_000 {
            distribution.record(latency(number % distinct));
        }
        // The list of few becomes pages once, when one of its counters is full: its pages and their directory.
        let allocated = ALLOCATIONS.get() - before;
        assert!(allocated <= 20, "{allocated} allocations for {distinct} values a million times");
        let before = ALLOCATIONS.get();
        (0..1_000_000).for_each(|number| distribution.record(latency(number % distinct)));
        assert_eq!(ALLOCATIONS.get(), before);
    }
}

#[test]
fn nothing_is_allocated_for_a_value_of_a_known_series() {
    let mut table = Table::default();
    let keys: Vec<_> = (0..10).map(|client| key(client, 0, Measure::Ping)).collect();
    let mut play = || {
        let before = ALLOCATIONS.get();
        for number in 0..200_000 {
            table.record(&keys[number % 10], latency(number as u64 % 5000));
        }
        ALLOCATIONS.get() - before
    };
    play();
    assert_eq!(play(), 0);
}

#[test]
fn ten_thousand_pairs_fit_in_200_mebibytes() {
    let before = LIVE.get();
    PEAK.set(before);
    let mut table = Table::default();
    let measures = [Measure::Ping, Measure::Dns, Measure::Handshake, Measure::FirstByte];
    for client in 0..100 {
        for server in 0..100 {
            for measure in measures {
                let key = key(client, server, measure);
                (0..100).for_each(|number| table.record(&key, latency(number * 7919 + client * server)));
            }
        }
    }
    assert_eq!((table.len(), table.merged()), (40_000, 0));
    let peak = PEAK.get() - before;
    assert!(peak < 200 * MEBIBYTE, "{} MiB", peak / MEBIBYTE);
    let rows = table.series(By::Series, Order::P99);
    assert_eq!(rows.len(), 40_000);
    drop(rows);
    let peak = PEAK.get() - before;
    assert!(peak < 200 * MEBIBYTE, "{} MiB with a sorted view", peak / MEBIBYTE);
}

#[test]
fn a_full_table_stays_in_200_mebibytes() {
    let before = LIVE.get();
    PEAK.set(before);
    let mut table = Table::default();
    let mut recorded = 0;
    // Some series have times of all lengths: their counters alone would take more.
    for pair in 0..10_500 {
        for measure in Measure::ALL {
            let key = key(pair, pair, measure);
            let values = if pair % 25 == 0 { 300 } else { 3 };
            (0..values).for_each(|number| table.record(&key, latency(number * 7919 + pair) << (number % 24)));
            recorded += values;
        }
    }
    let peak = PEAK.get() - before;
    assert!(peak < 200 * MEBIBYTE, "{} MiB", peak / MEBIBYTE);
    assert!(table.merged() > 0 && table.bytes() <= Limits::default().bytes);
    let rows = table.series(By::Series, Order::Key);
    assert_eq!(rows.iter().map(|series| series.counted.times.count()).sum::<u64>(), recorded, "none is lost");
    assert!(rows.last().unwrap().key.is_others());
}

#[test]
fn a_log_of_another_implementation_is_read() {
    // Written by HdrHistogram for Python 0.10: 1 to 1,000 µs in nanoseconds, of the range 1 ns to 1 minute; and 10 ms
    // ten times, of 4 digits.
    let mut log = &include_bytes!("latency/python.hlog")[..];
    let mut reader = LogReader::new(&mut log);
    let first = reader.next_interval().unwrap().unwrap();
    assert_eq!((first.tag.as_str(), first.key(), first.unit), ("", None, 1));
    assert_eq!(first.start, Timestamp::from_parts(1_700_000_000, 0));
    let figures = first.counted.times.figures().unwrap();
    assert_eq!((figures.count, figures.min, figures.p50, figures.p99), (1000, 1000, 500_223, 990_207));
    assert!((figures.mean - 500_500.0).abs() < 250.0, "{}", figures.mean);
    let second = reader.next_interval().unwrap().unwrap();
    assert_eq!((second.line, second.counted.times.count()), (6, 10));
    let p50 = second.counted.times.quantile(0.5).unwrap();
    assert!(p50.abs_diff(10_000_000) <= 10_000, "{p50}");
    assert_eq!(reader.next_interval().unwrap(), None);
}

#[test]
fn a_table_goes_into_a_log_and_back() {
    let mut table = Table::default();
    (0..5000).for_each(|number| table.record(&key(number % 7, 1, Measure::Ack), latency(number)));
    table.unanswered(&key(1, 1, Measure::Ack));
    let mut log = Vec::new();
    let start = Timestamp::from_parts(1_700_000_000, 0);
    let mut writer = LogWriter::new(&mut log, start, "bridgetap").unwrap();
    for series in table.series(By::Series, Order::Key) {
        writer.write(&series.key, start, std::time::Duration::from_secs(5), &series.counted).unwrap();
    }
    let mut again = Table::default();
    let mut input = &log[..];
    let mut reader = LogReader::new(&mut input);
    while let Some(interval) = reader.next_interval().unwrap() {
        again.add(&interval.key().unwrap(), &interval.counted);
    }
    let (before, after) = (table.series(By::Series, Order::Key), again.series(By::Series, Order::Key));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before.key, before.counted.unanswered), (&after.key, after.counted.unanswered));
        assert!(before.counted.times.buckets().eq(after.counted.times.buckets()));
    }
}
