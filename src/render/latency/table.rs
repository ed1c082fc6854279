//! The table: a row for each measure, under a heading for who asks whom.

use std::io::{self, Write};

use super::super::layout::Layout;
use super::bars::sparkline;
use super::figures::{Short, Time};
use super::heading::groups;
use super::line::{Line, broken, name};
use super::{BOLD, DIM, FAILURE, PLAIN, Report, WARNING, WIDTH, write_lines};
use crate::latency::{Counted, Measure, Series};

/// The titles stand again before the next heading after so many lines.
const REPEAT: usize = 40;
/// Room for the measure: `first-byte`, `connection`.
const MEASURE: usize = 10;
/// Columns of figures, and the room for each: a blank and five digits, a blank and a time.
const COLUMNS: [(&str, usize); 10] = [
    ("count", 6),
    ("lost", 6),
    ("min", 7),
    ("p50", 7),
    ("p90", 7),
    ("p99", 7),
    ("p99.9", 7),
    ("max", 7),
    ("mean", 7),
    ("stddev", 7),
];
/// A sparkline is no narrower, and no wider.
const SPARKLINE: (usize, usize) = (12, 24);
/// From so many nanoseconds on, a time is slow: TCP and resolvers wait a second before they ask again (RFC 6298, 2.1),
/// so mostly something was lost.
const SLOW: u64 = 1_000_000_000;

/// How a table is laid out.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// Blanks more between columns.
    extra: usize,
    /// The width of the sparkline.
    sparkline: Option<usize>,
}

impl Room {
    /// In a wide terminal there is room for a sparkline, then for wider columns.
    pub fn new(width: Option<usize>) -> Self {
        let spare = width.unwrap_or(WIDTH).saturating_sub(WIDTH);
        let extra = usize::from(spare >= COLUMNS.len() + 2 + SPARKLINE.0 + 4);
        let left = (spare - extra * COLUMNS.len()).saturating_sub(2);
        Self { extra, sparkline: (left >= SPARKLINE.0).then(|| left.min(SPARKLINE.1)) }
    }

    /// The titles of the columns.
    pub fn titles(self) -> Line {
        let measure = Line::of(" ".repeat(2 + MEASURE), DIM);
        let line = COLUMNS.into_iter().fold(measure, |line, (title, width)| {
            line.with(format!("{title:>width$}", width = width + self.extra), DIM)
        });
        if self.sparkline.is_some() { line.with("  min to max", DIM) } else { line }
    }

    /// The row of a series.
    pub fn row(self, series: &Series<'_>) -> Line {
        let (measure, counted) = (series.key.measure, &series.counted);
        let mut line = Line::of(format!("  {measure:MEASURE$}"), PLAIN);
        for ((text, style), (_, width)) in cells(measure, counted).into_iter().zip(COLUMNS) {
            line = line.with(format!("{text:>width$}", width = width + self.extra), style);
        }
        match self.sparkline {
            Some(width) => line.and("  ").with(sparkline(&counted.times, width), PLAIN),
            None => line,
        }
    }
}

/// The figures of a series, with their styles.
fn cells(measure: Measure, counted: &Counted) -> Vec<(String, anstyle::Style)> {
    let lost = match (counted.failed, counted.unanswered) {
        (0, 0) => PLAIN,
        (0, _) => WARNING,
        _ => FAILURE,
    };
    let mut cells = vec![(Short(counted.times.count()).to_string(), PLAIN), (Short(counted.lost()).to_string(), lost)];
    let Some(figures) = counted.times.figures() else {
        cells.resize(COLUMNS.len(), ("-".to_owned(), PLAIN));
        return cells;
    };
    for nanos in [figures.min, figures.p50, figures.p90, figures.p99, figures.p999, figures.max] {
        // A connection may well stay open.
        let is_slow = nanos >= SLOW && measure != Measure::Connection;
        cells.push((Time::of(nanos).to_string(), if is_slow { WARNING } else { PLAIN }));
    }
    cells.extend([figures.mean, figures.standard_deviation].map(|nanos| (Time(nanos).to_string(), PLAIN)));
    cells
}

/// Writes the whole table, and what is to be said of it. It fits 80 columns; in a wider terminal each row ends with a
/// sparkline of its times, from the least to the greatest on a logarithmic scale.
pub fn write_table(report: &Report<'_>, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    if report.series.is_empty() {
        write_lines([Line::of("Nothing was measured.", PLAIN)], layout, out)?;
    }
    let room = Room::new(layout.width);
    let mut since_titles = REPEAT;
    for group in groups(&report.series, report.by) {
        let mut lines = Vec::new();
        if since_titles >= REPEAT {
            lines.push(room.titles());
            since_titles = 0;
        }
        lines.extend(broken(&group.heading(), layout.width, 4, BOLD));
        for series in group.series {
            lines.push(room.row(series));
            let breakdowns = report.breakdowns.get(&series.key).into_iter().flatten();
            lines.extend(breakdowns.flat_map(|breakdown| breakdown.lines(layout.width)));
        }
        since_titles += lines.len();
        write_lines(lines, layout, out)?;
    }
    let notes = notes(report);
    if !notes.is_empty() {
        writeln!(out)?;
    }
    let lines = notes.iter().flat_map(|note| broken(note, layout.width, 2, WARNING));
    write_lines(lines, layout, out)
}

/// What is to be said under the table, each in a line, escaped.
pub(super) fn notes(report: &Report<'_>) -> Vec<String> {
    let sum = |figure: fn(&Counted) -> u64| {
        report.series.iter().fold(0_u64, |sum, series| sum.saturating_add(figure(&series.counted)))
    };
    let counted = [
        (
            sum(|counted| counted.late),
            "answer came after it had been given up: it counts as lost, and its time is left out",
            "answers came after they had been given up: they count as lost, and their times are left out",
        ),
        (
            sum(|counted| counted.failed),
            "answer said no (connection refused, ICMP error): it counts as lost, and has no time",
            "answers said no (connection refused, ICMP error): they count as lost, and have no time",
        ),
        (
            sum(|counted| counted.stepped_back),
            "answer is earlier than its request: the clock was set back. It has no time",
            "answers are earlier than their requests: the clock was set back. They have no time",
        ),
        (
            sum(|counted| counted.times.over_an_hour()),
            "time was longer than an hour, and counts as an hour",
            "times were longer than an hour, and count as an hour",
        ),
    ];
    let of_counts = counted.into_iter().filter(|(count, ..)| *count > 0).map(|(count, one, many)| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    });
    let merged = match report.merged {
        0 => None,
        1 => Some("the least used series was merged into (others)".to_owned()),
        merged => Some(format!("the least used {merged} series were merged into (others)")),
    };
    of_counts.chain(merged).chain(report.notes.iter().map(|note| name(note))).collect()
}
