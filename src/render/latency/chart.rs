//! The bar chart of a series: how many times are in each range.

use std::io::{self, Write};

use super::super::layout::Layout;
use super::bars::bar;
use super::figures::{Bound, Percent, Short};
use super::heading::heading;
use super::line::{Line, broken};
use super::scale::{Row, rows};
use super::{BOLD, DIM, FAILURE, PLAIN, WARNING, WIDTH, write_lines};
use crate::latency::{By, Counted, Series};

/// Room for a range: `1.234ms – 1.236ms`.
const RANGE: usize = 17;
/// All that stands beside the bar: the range, count, share, and ` p50 p90 p99`.
const BESIDE: usize = 2 + RANGE + 1 + 5 + 2 + 7 + 2 + 12;
/// The widest bar: in a wider terminal the eye would lose the line.
const MAX_BAR: usize = 80;

/// Writes the chart of a series: a row for each range of times, on a logarithmic scale where they span more than a factor
/// of 2.5; the rows of several ranges without times are one `⋮`. The percentiles stand where they are. What was lost is
/// the last row, and the shares are of all that are shown. It fits 80 columns.
pub fn write_chart(series: &Series<'_>, by: By, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    let counted = &series.counted;
    let mut lines = broken(&heading(&series.key, by), layout.width, 4, BOLD);
    let measure = series.key.measure;
    lines.push(Line::of(format!("  {measure}: {}", measure.words()), PLAIN));
    lines.push(Line::of(format!("  {:>RANGE$} {:>5}  {:>7}", "time", "count", "share"), DIM));
    let rows = rows(&counted.times);
    let chart = Chart::new(counted, &rows, layout);
    lines.extend(rows.iter().map(|row| match *row {
        Row::Range(from, to, count) => chart.range(counted, (from, to), count),
        Row::Gap => Line::of(format!("  {:>9}", "⋮"), DIM),
    }));
    if counted.lost() > 0 {
        let style = if counted.failed > 0 { FAILURE } else { WARNING };
        lines.push(chart.row("lost", counted.lost(), style));
    }
    write_lines(lines, layout, out)
}

struct Chart {
    /// Times and lost ones.
    all: u64,
    /// The most of a row.
    most: u64,
    bar: usize,
}

impl Chart {
    fn new(counted: &Counted, rows: &[Row], layout: Layout) -> Self {
        let counts = rows.iter().map(|row| if let Row::Range(_, _, count) = row { *count } else { 0 });
        Self {
            all: counted.times.count().saturating_add(counted.lost()),
            most: counts.chain([counted.lost()]).max().unwrap_or(0),
            bar: layout.width.unwrap_or(WIDTH).saturating_sub(BESIDE).min(MAX_BAR),
        }
    }

    /// The row of a range, with the percentiles that are in it.
    fn range(&self, counted: &Counted, (from, to): (u64, u64), count: u64) -> Line {
        let range = format!("{:>7} – {:>7}", Bound(from).to_string(), Bound(to).to_string());
        let mut line = self.row(&range, count, PLAIN);
        let Some(figures) = counted.times.figures() else { return line };
        for (mark, nanos) in [("p50", figures.p50), ("p90", figures.p90), ("p99", figures.p99)] {
            if (from..to).contains(&nanos) {
                line = line.with(format!(" {mark}"), BOLD);
            }
        }
        line
    }

    fn row(&self, label: &str, count: u64, style: anstyle::Style) -> Line {
        let share = Percent(count as f64 / self.all.max(1) as f64);
        let figures = format!("  {label:>RANGE$} {:>5}  {:>7}  ", Short(count).to_string(), share.to_string());
        Line::of(figures, style).with(bar(count as f64, self.most as f64, self.bar), style)
    }
}
