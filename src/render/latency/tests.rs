use std::time::Duration;

use super::super::units::columns;
use super::*;
use crate::latency::compare::ERROR;
use crate::latency::key::sample;
use crate::latency::random::Random;
use crate::latency::{Counted, Measure, Order, Runs, Table};

const LAYOUT: Layout = Layout { width: None, color: false, quiet: false, link_level: false, hops: false };

fn wide(width: usize) -> Layout {
    Layout { width: Some(width), ..LAYOUT }
}

fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Pings, lookups without an answer, and requests of which some were refused.
fn table() -> Table {
    let mut random = Random::new(7);
    let mut table = Table::default();
    let key = |port: &str, measure| sample("container_b", "container_a", port, measure);
    table.record(&key("", Measure::Arp), 31_000);
    (0..1000).for_each(|_| table.record(&key("", Measure::Ping), random.latency(45_000.0, 0.4)));
    table.record(&key("", Measure::Ping), 1_003_000_000);
    table.unanswered(&key("", Measure::Ping));
    table.unanswered(&key("", Measure::Ping));
    table.late(&key("", Measure::Ping));
    (0..3).for_each(|_| table.unanswered(&key("53", Measure::Dns)));
    (0..123_456).for_each(|_| table.record(&key("80", Measure::FirstByte), random.latency(2_000_000.0, 0.2)));
    (0..5).for_each(|_| table.failed(&key("80", Measure::FirstByte)));
    table.record(&key("80", Measure::Connection), u64::MAX);
    (0..3).for_each(|_| table.stepped_back(&key("80", Measure::Connection)));
    table
}

fn report(table: &Table, by: By) -> Report<'_> {
    Report {
        title: "my_bridge".to_owned(),
        by,
        series: table.series(by, Order::Key),
        merged: table.merged(),
        ..Report::default()
    }
}

fn breakdowns() -> Vec<Breakdown> {
    let share = |label: &str, spent| Share { label: label.to_owned(), spent };
    let shares = vec![
        share("container_b eth0 → br-0a1b", Spent::Between { there_ns: 4100.0, back_ns: 3900.0 }),
        share("behind container_a eth0", Spent::Behind { ns: 51_000.0 }),
    ];
    let slow = vec![
        share("container_b_with_a_long_name eth0 → br-0a1b2c3d4e5f", Spent::Between { there_ns: 4e3, back_ns: 4e3 }),
        share("behind container_a eth0", Spent::Behind { ns: 1_002_992_000.0 }),
    ];
    vec![Breakdown { of: Of::Mean(998), shares }, Breakdown { of: Of::Slowest, shares: slow }]
}

#[test]
fn the_table_fits_80_columns() {
    let table = table();
    let written = text(|out| write_table(&report(&table, By::Series), LAYOUT, out));
    assert_eq!(
        format!("\n{written}"),
        "
             count  lost    min    p50    p90    p99  p99.9    max   mean stddev
container_b → container_a (lab_default)
  arp            1     0 31.0µs 31.0µs 31.0µs 31.0µs 31.0µs 31.0µs 31.0µs    0ns
  ping        1001     2 11.6µs 44.8µs 74.5µs  120µs  175µs  1.00s 1.05ms 31.7ms
container_b → container_a:53 (lab_default)
  dns            0     3      -      -      -      -      -      -      -      -
container_b → container_a:80 (lab_default)
  first-byte  123k     5  749µs 2.00ms 2.59ms 3.18ms 3.72ms 4.77ms 2.04ms  412µs
  connection     1     0  3600s  3600s  3600s  3600s  3600s  3600s  3600s    0ns

1 answer came after it had been given up: it counts as lost, and its time is left out
5 answers said no (connection refused, ICMP error): they count as lost, and have no time
3 answers are earlier than their requests: the clock was set back. They have no time
1 time was longer than an hour, and counts as an hour
"
    );
    assert!(written.lines().take(9).all(|line| columns(line) <= 80));
}

#[test]
fn a_wide_terminal_has_sparklines_then_room() {
    let table = table();
    let written = |layout| text(|out| write_table(&report(&table, By::Container), layout, out));
    let lines = |written: &str| written.lines().take(4).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        lines(&written(wide(100))),
        [
            "             count  lost    min    p50    p90    p99  p99.9    max   mean stddev  min to max",
            "container_b → container_a",
            "  arp            1     0 31.0µs 31.0µs 31.0µs 31.0µs 31.0µs 31.0µs 31.0µs    0ns  █",
            "  dns            0     3      -      -      -      -      -      -      -      -",
        ]
    );
    let line = &lines(&written(wide(120)))[2];
    assert_eq!(line, "  arp             1      0  31.0µs  31.0µs  31.0µs  31.0µs  31.0µs  31.0µs  31.0µs     0ns  █");
    let ping = written(wide(140)).lines().find(|line| line.starts_with("  ping")).unwrap().to_owned();
    assert!(ping.ends_with("31.7ms  ▁▃█▇▂▁                 ▁"), "{ping}");
}

#[test]
fn lost_and_slow_are_coloured_as_in_the_log() {
    let table = table();
    let written = text(|out| write_table(&report(&table, By::Series), Layout { color: true, ..wide(80) }, out));
    let lines: Vec<_> = written.lines().collect();
    assert_eq!(lines[1], "\u{1b}[1mcontainer_b → container_a (lab_default)\u{1b}[0m");
    assert!(lines[3].starts_with("  ping        1001\u{1b}[33m     2\u{1b}[0m 11.6µs"), "missing: {}", lines[3]);
    assert!(lines[3].contains("175µs\u{1b}[33m  1.00s\u{1b}[0m 1.05ms"), "slow: {}", lines[3]);
    assert!(lines[7].contains("123k\u{1b}[31m     5\u{1b}[0m"), "failed: {}", lines[7]);
    assert!(!lines[8].contains('\u{1b}'), "a connection is open as long as it is: {}", lines[8]);
    assert!(lines[10].starts_with("\u{1b}[33m1 answer came"), "{}", lines[10]);
}

#[test]
fn what_is_not_nothing_is_told_under_the_table() {
    let mut table = Table::default();
    let key = sample("a", "b", "", Measure::Ping);
    let none = text(|out| write_table(&report(&table, By::Port), wide(80), out));
    assert_eq!(none, "Nothing was measured.\n");
    table.record(&key, 1000);
    let quiet = text(|out| write_table(&report(&table, By::Port), wide(80), out));
    assert_eq!(
        format!("\n{quiet}"),
        "
             count  lost    min    p50    p90    p99  p99.9    max   mean stddev
no port
  ping           1     0 1.00µs 1.00µs 1.00µs 1.00µs 1.00µs 1.00µs 1.00µs    0ns
"
    );
    let mut times = crate::latency::Distribution::default();
    times.record_n(u64::MAX, 2);
    table.add(&key, &Counted { times, unanswered: 4, late: 2, stepped_back: 1, failed: 1 });
    let mut report = report(&table, By::Series);
    report.merged = 1234;
    report.notes.push("12 packets were dropped\u{1b}[2J".to_owned());
    let written = text(|out| write_table(&report, wide(80), out));
    assert_eq!(
        written.split_once("\n\n").unwrap().1,
        "\
2 answers came after they had been given up: they count as lost, and their
  times are left out
1 answer said no (connection refused, ICMP error): it counts as lost, and has
  no time
1 answer is earlier than its request: the clock was set back. It has no time
2 times were longer than an hour, and count as an hour
the least used 1234 series were merged into (others)
12 packets were dropped\\u{1b}[2J
"
    );
}

#[test]
fn the_titles_come_again_in_a_long_table() {
    let mut table = Table::default();
    (0..60).for_each(|number| table.record(&sample(&format!("c{number:02}"), "b", "", Measure::Ping), 1000));
    let written = text(|out| write_table(&report(&table, By::Series), wide(80), out));
    let titles: Vec<_> = written.lines().enumerate().filter(|(_, line)| line.contains("stddev")).collect();
    assert_eq!(titles.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 41, 82]);
}

#[test]
fn in_the_order_of_the_table_measures_of_one_pair_stand_together() {
    let table = table();
    let slowest = Report { series: table.series(By::Container, Order::Max), ..report(&table, By::Container) };
    let written = text(|out| write_table(&slowest, wide(80), out));
    let names: Vec<_> = written.lines().skip(1).take(6).map(|line| line.get(..12).unwrap().trim()).collect();
    assert_eq!(names, ["container_b", "connection", "ping", "first-byte", "arp", "dns"]);
}

#[test]
fn where_the_time_goes_stands_under_its_series() {
    let table = table();
    let mut report = report(&table, By::Series);
    report.series.truncate(2);
    report.breakdowns.insert(sample("container_b", "container_a", "", Measure::Ping), breakdowns());
    let written = text(|out| write_table(&report, wide(80), out));
    let lines: Vec<_> = written.lines().skip(3).take(8).collect();
    assert_eq!(
        format!("\n{}", lines.join("\n")),
        "
  ping        1001     2 11.6µs 44.8µs 74.5µs  120µs  175µs  1.00s 1.05ms 31.7ms
    where the time goes (mean of 998, 59.0µs):
      container_b eth0 → br-0a1b  there 4.10µs  back 3.90µs   13.6 %  █▍
      behind container_a eth0     51.0µs                      86.4 %  ████████▋
    where the time goes (the slowest, 1.00s):
      container_b_with_a_long_name eth0 → br-0a1b2c3d4e5f
                                            there 4.00µs  back 4.00µs   <0.1 %
      behind container_a eth0               1.00s                      >99.9 %"
    );
    let nothing =
        Breakdown { of: Of::Mean(1), shares: vec![Share { label: "x".into(), spent: Spent::Behind { ns: 0.0 } }] };
    let lines: Vec<_> = nothing.lines(None).into_iter().map(|line| line.text(false)).collect();
    assert_eq!(
        lines,
        ["    where the time goes (mean of 1, 0ns):", "      x             0ns                          0.0 %"]
    );
}

#[test]
fn the_chart_of_a_series() {
    let table = table();
    let report = report(&table, By::Series);
    let chart = |number: usize| text(|out| write_chart(&report.series[number], By::Series, wide(80), out));
    assert_eq!(
        chart(1),
        "\
container_b → container_a (lab_default)
  ping: echo request to reply
               time count    share
     10µs –    12µs     1   <0.1 %  ▏
     12µs –    15µs     3    0.3 %  ▍
     15µs –    20µs    19    1.9 %  ██▌
     20µs –    25µs    41    4.1 %  █████▌
     25µs –    30µs    91    9.1 %  ████████████▏
     30µs –    40µs   240   23.9 %  ████████████████████████████████
     40µs –    50µs   211   21.0 %  ████████████████████████████▏ p50
     50µs –    60µs   162   16.2 %  █████████████████████▋
     60µs –    80µs   163   16.3 %  █████████████████████▊ p90
     80µs –   100µs    41    4.1 %  █████▌
    100µs –   120µs    19    1.9 %  ██▌ p99
    120µs –   150µs     7    0.7 %  ▉
    150µs –   200µs     2    0.2 %  ▎
          ⋮
       1s –    1.2s     1   <0.1 %  ▏
               lost     2    0.2 %  ▎
"
    );
    assert_eq!(
        chart(2),
        "\
container_b → container_a:53 (lab_default)
  dns: DNS query to response
               time count    share
               lost     3  100.0 %  ████████████████████████████████
"
    );
    let one = chart(0);
    assert!(
        one.ends_with("     31µs – 31.05µs     1  100.0 %  ████████████████████████████████ p50 p90 p99\n"),
        "{one}"
    );
    assert!(one.lines().all(|line| columns(line) <= 80));
}

#[test]
fn the_live_view_shows_what_fits_and_says_what_does_not() {
    let table = table();
    let report = report(&table, By::Series);
    let live = |height| live_lines(&report, Duration::from_millis(12_940), wide(80), height);
    let expected = [
        "my_bridge for 12 s: 124k measured, 10 lost",
        "             count  lost    min    p50    p90    p99  p99.9    max   mean stddev",
        "container_b → container_a (lab_default)",
        "  arp            1     0 31.0µs 31.0µs 31.0µs 31.0µs 31.0µs 31.0µs 31.0µs    0ns",
        "  ping        1001     2 11.6µs 44.8µs 74.5µs  120µs  175µs  1.00s 1.05ms 31.7ms",
        "container_b → container_a:53 (lab_default)",
        "  dns            0     3      -      -      -      -      -      -      -      -",
    ];
    assert_eq!(live(8), [&expected[..], &["… and 2 more series"]].concat());
    assert_eq!(live(7), [&expected[..5], &["… and 3 more series"]].concat(), "no heading stands alone");
    assert_eq!(live(2), expected[..2]);
    assert_eq!((live(1).len(), live(0).len()), (1, 0));
    let all = live(30);
    assert_eq!(all[..7], expected);
    assert_eq!(all[10], "");
    assert_eq!(all[11], "1 answer came after it had been given up: it counts as lost, and its time is");
    let narrow = live_lines(&report, Duration::from_secs(7), wide(40), 5);
    assert_eq!(narrow[0], "my_bridge for 7 s: 124k measured, 10 lo…");
    assert_eq!(narrow[3], "  arp            1     0 31.0µs 31.0µs …");
    let none = live_lines(&Report { title: "x\n".into(), ..Report::default() }, Duration::ZERO, LAYOUT, 10);
    assert_eq!(none, ["x\\u{a} for 0 s: 0 measured, 0 lost"]);
}

#[test]
fn two_runs_stand_side_by_side() {
    let (mut first, mut second) = (table(), table());
    let mut random = Random::new(9);
    let key = |port: &str, measure| sample("container_b", "container_a", port, measure);
    (0..1000).for_each(|_| second.record(&key("", Measure::Ping), random.latency(60_000.0, 0.4)));
    (0..500).for_each(|_| second.failed(&key("80", Measure::FirstByte)));
    second.record(&key("99", Measure::Connection), 2000);
    second.record(&key("99", Measure::Syn), 2000);
    first.record(&key("98", Measure::Syn), 2000);
    first.add(&Key::others(Measure::Ping), &Counted::default());
    let [first, second] = [&first, &second].map(|table| table.series(By::Series, Order::Key));
    let runs = Runs::compare(&first[1..], &second[1..5], ERROR);
    let names = ["before\u{1b}.hlog", "after.hlog"];
    let written = text(|out| write_comparison(&runs, names, By::Series, wide(80), out));
    assert_eq!(written, COMPARED);
    assert!(written.lines().all(|line| columns(line) <= 80));
    let colored = text(|out| write_comparison(&runs, names, By::Series, Layout { color: true, ..wide(80) }, out));
    assert!(colored.contains("+14.9 %\u{1b}[31m  slower\u{1b}[0m"));
    let nothing = Runs::compare(&first[..1], &[], ERROR);
    let written = text(|out| write_comparison(&nothing, ["a", "b"], By::Series, wide(80), out));
    assert_eq!(
        written,
        "before: a\nafter: b\n\nOnly before:\n  container_b → container_a (lab_default): arp\n\nNo series is in both runs.\n"
    );
}

const COMPARED: &str = "\
before: before\\u{1b}.hlog
after: after.hlog

container_b → container_a (lab_default)
  ping                before           after    change
    count               1001            2001
    lost           2 (0.2 %)      2 (<0.1 %)   -49.9 %  noise (82 %)
    p50               44.8µs          51.5µs   +14.9 %  slower
    p75               58.0µs          68.5µs   +18.3 %  slower
    p90               74.5µs          90.1µs   +21.0 %  slower
    p99                120µs           132µs   +10.5 %  noise
    p99.9              175µs           196µs   +12.0 %  too few to tell
    p99.99             1.00s           1.00s         =  too few to tell
    whole                                               slower (<0.01 %)

container_b → container_a:53 (lab_default)
  dns                 before           after    change
    count                  0               0
    lost         3 (100.0 %)     3 (100.0 %)         =  too few to tell
    whole                                               too few to tell

container_b → container_a:80 (lab_default)
  first-byte          before           after    change
    count               123k            123k
    lost          5 (<0.1 %)     505 (0.4 %)      ×101  more lost (<0.01 %)
    p50               2.00ms          2.00ms         =  noise
    p75               2.29ms          2.29ms         =  noise
    p90               2.59ms          2.59ms         =  noise
    p99               3.18ms          3.18ms         =  noise
    p99.9             3.72ms          3.72ms         =  noise
    p99.99            4.18ms          4.18ms         =  noise
    whole                                               noise (100 %)
  connection          before           after    change
    count                  1               1
    lost                   0               0
    p50                3600s           3600s         =  too few to tell
    p75                3600s           3600s         =  too few to tell
    p90                3600s           3600s         =  too few to tell
    p99                3600s           3600s         =  too few to tell
    p99.9              3600s           3600s         =  too few to tell
    p99.99             3600s           3600s         =  too few to tell
    whole                                               too few to tell

Only before:
  container_b → container_a:98 (lab_default): syn
(others) is not compared: what was merged into it differs from run to run.

\"slower\", \"faster\", \"more lost\" and \"fewer lost\" are more than noise: of a
hundred comparisons of equal runs, at most one would say so of any percentile in
any series, one of any series as a whole, and one of what was lost. In brackets
is how often chance alone makes such a difference.
How that is decided: docs/latency.md, \"Comparing\".
";

/// Names that turn, move, widen or fill a terminal.
const NAMES: [&str; 12] = [
    "web",
    "",
    "a b c",
    "x\u{1b}[2J\r\n",
    "\u{202e}gnp",
    "数据库数据库数据库数据库数据库数据库数据库数据库数据库数据库数据库数据库",
    "e\u{301}\u{301}\u{301}",
    "👩\u{200d}👩\u{200d}👧❤\u{fe0f}❤\u{fe0f}🇩🇪",
    "fd00::1",
    "a-name-of-a-service-that-is-quite-long-and-goes-on.of-a-project-1",
    "\u{a0}\u{3000}\u{2003}",
    "%\\\t\0",
];

fn any_counts(random: &mut Random) -> Counted {
    let any = |random: &mut Random| random.next() >> random.below(64);
    let mut counted = Counted::default();
    for _ in 0..random.below(20) {
        counted.times.record_n(any(random), any(random));
    }
    [counted.unanswered, counted.late] = [any(random), any(random)];
    [counted.stepped_back, counted.failed] = [any(random), any(random)];
    counted
}

fn any_table(random: &mut Random) -> Table {
    let limits = crate::latency::Limits { series: 1 + random.below(30) as usize, ..crate::latency::Limits::default() };
    let mut table = Table::new(limits);
    for _ in 0..random.below(40) {
        let name = |random: &mut Random| {
            let name = NAMES[random.below(NAMES.len() as u64) as usize];
            name.repeat(1 + random.below(2) as usize * random.below(120) as usize)
        };
        let measure = Measure::ALL[random.below(Measure::ALL.len() as u64) as usize];
        let mut key = sample(&name(random), &name(random), &name(random), measure);
        key.network = name(random).into();
        table.add(&key, &any_counts(random));
    }
    table
}

#[test]
fn no_table_is_wider_than_the_terminal_or_moves_its_cursor() {
    const BY: [By; 5] = [By::Series, By::Container, By::Service, By::Network, By::Port];
    let mut random = Random::new(42);
    for round in 0..40 {
        let (table, mut other) = (any_table(&mut random), any_table(&mut random));
        let by = BY[random.below(5) as usize];
        let layout = wide(20 + random.below(231) as usize);
        let mut report = report(&table, by);
        report.title = NAMES[random.below(12) as usize].repeat(9);
        report.notes.push(NAMES[random.below(12) as usize].repeat(30));
        let label = NAMES[random.below(12) as usize].repeat(1 + random.below(9) as usize);
        let (there_ns, back_ns) = (random.share() * 1e13, random.share());
        for series in &report.series {
            let spent = Spent::Between { there_ns, back_ns };
            let shares = vec![Share { label: label.clone(), spent }, Share { label: "b".into(), spent }];
            report.breakdowns.insert(series.key.clone(), vec![Breakdown { of: Of::Slowest, shares }]);
        }
        for series in table.series(By::Series, Order::Count).iter().take(1) {
            other.add(&series.key, &any_counts(&mut random));
        }
        let others = other.series(by, Order::Key);
        let runs = Runs::compare(&report.series, &others, ERROR);
        let mut written = text(|out| write_table(&report, layout, out));
        written += &text(|out| write_comparison(&runs, [&label, "b"], by, layout, out));
        for series in &report.series {
            let chart = text(|out| write_chart(series, by, layout, out));
            if layout.width >= Some(80) && !series.counted.times.is_empty() {
                // Wherever the ends of buckets are, the percentiles are in one of the rows.
                let rows: String = chart.lines().filter(|line| line.contains(" %  ")).collect();
                assert!([" p50", " p90", " p99"].iter().all(|mark| rows.contains(mark)), "{chart}");
            }
            written += &chart;
        }
        let height = random.below(30) as usize;
        let live = live_lines(&report, Duration::from_nanos(random.next()), layout, height);
        assert!(live.len() <= height);
        for line in written.lines().chain(live.iter().map(String::as_str)) {
            let fits = columns(line) <= layout.width.unwrap();
            assert!(fits && !line.contains(|char: char| char.is_control()), "{round}: {layout:?} {line:?}");
        }
    }
}
