use super::*;
use crate::latency::key::sample;
use crate::latency::random::Random;

fn ping(client: &str, server: &str) -> Key {
    sample(client, server, "", Measure::Ping)
}

fn names(series: &[Series<'_>]) -> Vec<String> {
    series.iter().map(|series| format!("{} {}", series.key.client.name(), series.key.server.name())).collect()
}

#[test]
fn what_was_not_measured_is_counted_beside() {
    let mut table = Table::default();
    let key = ping("a", "b");
    table.record(&key, 1000);
    table.unanswered(&key);
    table.unanswered(&key);
    table.late(&key);
    table.stepped_back(&key);
    table.failed(&key);
    let series = table.series(By::Series, Order::Key);
    let counted = &series[0].counted;
    assert_eq!((counted.unanswered, counted.late, counted.stepped_back, counted.failed), (2, 1, 1, 1));
    assert_eq!((counted.lost(), counted.requests()), (3, 5), "who came late is among the unanswered");
    assert_eq!((counted.times.count(), table.len(), table.merged()), (1, 1, 0));
}

#[test]
fn at_the_cap_the_least_used_are_merged_and_of_those_the_oldest() {
    let mut table = Table::new(Limits { series: 3, ..Limits::default() });
    for (client, uses) in [("a", 5), ("b", 1), ("c", 1)] {
        (0..uses).for_each(|_| table.record(&ping(client, "x"), 100));
    }
    table.record(&ping("d", "x"), 200);
    assert_eq!(names(&table.series(By::Series, Order::Key)), ["a x", "c x", "d x", "(others) (others)"]);
    table.record(&sample("e", "x", "53", Measure::Dns), 300);
    table.record(&ping("b", "x"), 100);
    let series = table.series(By::Series, Order::Key);
    assert_eq!(names(&series), ["a x", "b x", "e x", "(others) (others)"]);
    assert!(series[3].key.is_others());
    assert_eq!((series[3].counted.times.count(), table.merged(), table.len()), (3, 3, 3));
    table.record(&ping("f", "x"), 1);
    table.record(&ping("g", "x"), 1);
    let measures: Vec<_> = table.series(By::Port, Order::Count).iter().map(|series| series.key.measure).collect();
    assert_eq!(measures.iter().filter(|&&measure| measure == Measure::Dns).count(), 1, "others keep their measure");
}

#[test]
fn at_the_cap_of_bytes_the_least_used_are_merged() {
    let mut table = Table::new(Limits { series: 1000, bytes: 40_000 });
    let mut random = Random::new(1);
    let mut total = 0;
    for round in 0..20_000_u64 {
        let key = ping(&format!("c{}", random.below(1 + round / 100)), "x");
        table.record(&key, random.latency(50_000.0, 1.0));
        total += 1;
        assert!(table.bytes() <= 40_000);
    }
    let series = table.series(By::Series, Order::Key);
    assert_eq!(series.iter().map(|series| series.counted.times.count()).sum::<u64>(), total, "none is lost");
    assert!(table.merged() > 0);
    let measured: usize = table.entries.iter().map(|entry| entry.counted.times.heap_bytes()).sum();
    assert_eq!(measured, table.bytes());
}

#[test]
fn series_are_summed_by_what_is_asked() {
    let mut table = Table::default();
    for (client, server, port) in [("a", "b", "80"), ("a", "b", "81"), ("a", "c", "80"), ("d", "b", "80")] {
        table.record(&sample(client, server, port, Measure::FirstByte), 1000);
        table.unanswered(&sample(client, server, port, Measure::FirstByte));
        table.failed(&sample(client, server, port, Measure::FirstByte));
    }
    let counts = |by| -> Vec<_> {
        let series = table.series(by, Order::Key);
        let count = |series: &Series<'_>| {
            let counted = &series.counted;
            (counted.times.count(), counted.unanswered, counted.failed)
        };
        names(&series).into_iter().zip(series.iter().map(count)).collect()
    };
    let expected = |rows: &[(&str, u64)]| -> Vec<_> {
        rows.iter().map(|&(names, count)| (names.to_owned(), (count, count, count))).collect()
    };
    assert_eq!(counts(By::Series), expected(&[("a b", 1), ("a b", 1), ("a c", 1), ("d b", 1)]));
    assert_eq!(counts(By::Container), expected(&[("a b", 2), ("a c", 1), ("d b", 1)]));
    assert_eq!(counts(By::Service), expected(&[("a app", 3), ("d app", 1)]));
    assert_eq!(counts(By::Network), expected(&[(" ", 4)]));
    assert_eq!(counts(By::Port), expected(&[(" ", 3), (" ", 1)]));
}

#[test]
fn the_slowest_or_most_used_come_first() {
    let mut table = Table::default();
    for (server, times) in [("a", &[10, 10, 900][..]), ("b", &[20, 30]), ("c", &[5, 5, 5, 5])] {
        times.iter().for_each(|&nanos| table.record(&ping("x", server), nanos));
    }
    table.unanswered(&ping("x", "b"));
    (0..2).for_each(|_| table.failed(&ping("x", "c")));
    let servers = |order| -> String {
        table.series(By::Series, order).iter().map(|series| series.key.server.name().to_owned()).collect()
    };
    assert_eq!(servers(Order::Key), "abc");
    assert_eq!(servers(Order::Count), "cab");
    assert_eq!(servers(Order::Median), "bac");
    assert_eq!(servers(Order::Max), "abc");
    assert_eq!(servers(Order::P99), "abc");
    assert_eq!(servers(Order::Lost), "cba");
}
