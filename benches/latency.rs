//! What recording a time costs: in a distribution of a hundred values, in one of a million, and in a table.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

use std::hint::black_box;

use bridgetap::latency::{By, Distribution, Key, Measure, Order, Party, Table};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Latencies about 50 µs, spread over two octaves, always the same.
fn times(count: u64) -> Vec<u64> {
    let spread = |number: u64| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 60_000;
    (0..count).map(|number| 30_000 + spread(number)).collect()
}

fn record(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record");
    for (name, distinct) in [("list of 100", 100), ("list of 250", 250), ("pages", 100_000)] {
        let known = times(distinct);
        let mut distribution = Distribution::default();
        for &nanos in &known {
            distribution.record(nanos);
        }
        // The bench goes on for millions of values: it begins anew before a counter of the list goes past its 16 bits.
        let order: Vec<u64> = known.iter().copied().cycle().take(10_000).collect();
        group.throughput(Throughput::Elements(order.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || distribution.clone(),
                |distribution| order.iter().for_each(|&nanos| distribution.record(black_box(nanos))),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn table(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("table");
    let key = |number: usize| Key {
        client: Party::alone(&format!("shop-web-{number}")),
        server: Party::alone("shop-api-1"),
        port: "8080".into(),
        network: "shop_default".into(),
        measure: Measure::FirstByte,
    };
    let keys: Vec<Key> = (0..1000).map(key).collect();
    let mut table = Table::default();
    let order = times(10_000);
    group.throughput(Throughput::Elements(order.len() as u64));
    group.bench_function("1,000 series", |bencher| {
        bencher.iter(|| {
            for (key, &nanos) in keys.iter().cycle().zip(&order) {
                table.record(key, black_box(nanos));
            }
        });
    });
    assert_eq!(table.len(), keys.len());
    let distribution = table.series(By::default(), Order::default()).first().unwrap().counted.times.clone();
    group.throughput(Throughput::Elements(1));
    group.bench_function("figures of a series", |bencher| bencher.iter(|| black_box(distribution.figures())));
    group.finish();
}

criterion_group!(benches, record, table);
criterion_main!(benches);
