use super::*;
use crate::latency::random::Random;

const MS: u64 = 1_000_000;

fn at_ms(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * MS)
}

/// The milliseconds at which a column begins, the shortest time and the count of each row, and what was unanswered.
type Shown = (u64, Vec<(u64, u64)>, u64);

fn shown(timeline: &Timeline) -> Vec<Shown> {
    (0..)
        .zip(timeline.columns())
        .map(|(number, column)| {
            let began = timeline.began() + timeline.width() * number;
            let rows: Vec<_> = column.rows().map(|row| (row.lowest, row.count)).collect();
            (began.as_nanos() / MS, rows, column.unanswered)
        })
        .filter(|(_, rows, unanswered)| !rows.is_empty() || *unanswered > 0)
        .collect()
}

#[test]
fn times_are_counted_where_they_ended() {
    let mut timeline = Timeline::default();
    assert_eq!((timeline.columns().len(), shown(&timeline)), (0, vec![]));
    timeline.record(at_ms(1_000_003), 1000);
    timeline.record(at_ms(1_000_009), 1023);
    timeline.record(at_ms(1_000_009), 1024);
    timeline.record(at_ms(1_000_010), 0);
    timeline.unanswered(at_ms(1_000_039));
    assert_eq!(timeline.width(), Duration::from_millis(10));
    assert_eq!(timeline.columns().len(), 4);
    let expected =
        vec![(1_000_000, vec![(896, 2), (1024, 1)], 0), (1_000_010, vec![(1, 1)], 0), (1_000_030, vec![], 1)];
    assert_eq!(shown(&timeline), expected);
}

#[test]
fn a_time_before_the_first_puts_columns_in_front() {
    let mut timeline = Timeline::default();
    timeline.record(at_ms(500), 5);
    timeline.record(at_ms(470), 6);
    timeline.unanswered(at_ms(0));
    assert_eq!(timeline.began(), Timestamp::ZERO);
    assert_eq!(timeline.columns().len(), 51);
    assert_eq!(shown(&timeline), [(0, vec![], 1), (470, vec![(6, 1)], 0), (500, vec![(5, 1)], 0)]);
}

#[test]
fn columns_are_merged_in_pairs_when_there_are_too_many() {
    let mut timeline = Timeline::default();
    // From an odd column on, so that the first has no partner.
    for column in 1..=256 {
        timeline.record(at_ms(column * 10), column);
    }
    assert_eq!((timeline.columns().len(), timeline.width()), (256, Duration::from_millis(10)));
    timeline.record(at_ms(2570), 7);
    assert_eq!((timeline.columns().len(), timeline.width()), (129, Duration::from_millis(20)));
    let columns = shown(&timeline);
    assert_eq!(columns[0], (0, vec![(1, 1)], 0));
    assert_eq!(columns[1], (20, vec![(2, 1), (3, 1)], 0));
    assert_eq!(columns[128], (2560, vec![(7, 1), (256, 1)], 0));
}

#[test]
fn a_clock_that_jumps_to_the_end_of_time_costs_nothing() {
    let mut timeline = Timeline::default();
    timeline.record(Timestamp::MAX, u64::MAX);
    timeline.unanswered(Timestamp::ZERO);
    timeline.record(at_ms(1_700_000_000_000), 45_000);
    assert!(timeline.columns().len() <= COLUMNS);
    assert!(timeline.width() < Duration::from_secs(5 * 365 * 86_400), "{:?}", timeline.width());
    let all: u64 = timeline.columns().iter().flat_map(Column::rows).map(|row| row.count).sum();
    assert_eq!(all, 2);
    assert_eq!(timeline.columns()[0].unanswered, 1);
    let last = timeline.columns().last().unwrap().rows().next().unwrap();
    assert!(last.lowest <= HIGHEST && last.highest >= HIGHEST, "{last:?}");
}

#[test]
fn rows_follow_each_other_without_a_gap() {
    let mut timeline = Timeline::default();
    let mut nanos = 1;
    while nanos <= HIGHEST {
        timeline.record(Timestamp::ZERO, nanos);
        nanos += nanos.div_ceil(16);
    }
    let rows: Vec<_> = timeline.columns()[0].rows().collect();
    assert_eq!((rows[0].lowest, rows.len()), (1, 162));
    assert!(rows.windows(2).all(|pair| pair[0].highest + 1 == pair[1].lowest));
    assert!(rows.iter().all(|row| row.lowest < 8 || row.highest < row.lowest * 5 / 4));
}

/// Whatever is recorded in whatever order: nothing is lost, each is in the column and the row that it belongs to, and
/// the same things in another order give the same timeline.
#[test]
fn nothing_is_lost_in_any_order() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let spread = 1_u64 << random.below(64);
        let from = random.next() >> random.below(64);
        let mut told: Vec<_> = (0..=random.below(400))
            .map(|_| {
                let at = Timestamp::from_nanos(from.saturating_add(random.below(spread)));
                (at, (random.below(4) > 0).then(|| random.next() >> random.below(64)))
            })
            .collect();
        let timeline = recorded(&told);
        assert!(!timeline.columns().is_empty() && timeline.columns().len() <= COLUMNS);
        assert!(timeline.columns().iter().all(|column| column.rows.len() <= 163));
        let mut expected = vec![Column::default(); timeline.columns().len()];
        for (at, nanos) in &told {
            let column = (at.as_nanos() / timeline.width - timeline.first) as usize;
            match nanos {
                Some(nanos) => expected[column].add(ROWS.index((*nanos).clamp(LOWEST, HIGHEST)), 1),
                None => expected[column].unanswered += 1,
            }
        }
        assert_eq!(timeline.columns(), expected, "seed {seed}");
        told.sort_unstable_by_key(|(at, nanos)| (at.as_nanos().wrapping_mul(0x9e37_79b9_7f4a_7c15), *nanos));
        assert_eq!(recorded(&told), timeline, "seed {seed}");
    }
}

fn recorded(told: &[(Timestamp, Option<u64>)]) -> Timeline {
    let mut timeline = Timeline::default();
    for (at, nanos) in told {
        match nanos {
            Some(nanos) => timeline.record(*at, *nanos),
            None => timeline.unanswered(*at),
        }
    }
    timeline
}
