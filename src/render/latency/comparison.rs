//! Two runs side by side.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::super::layout::Layout;
use super::figures::{Became, Chance, Percent, Short, Time};
use super::heading::{groups, heading};
use super::line::{Line, broken, name};
use super::{BOLD, DIM, FAILURE, PLAIN, WARNING, write_lines};
use crate::latency::{By, Change, LossVerdict, Lost, Pair, Runs, Series, Verdict};

/// Room for what a row is of: `p99.99`, `count`.
const LABEL: usize = 8;
/// Room for a run's figure: `99999 (>99.9 %)`.
const FIGURE: usize = 16;
/// Room for the change: `+16.0 %`.
const CHANGE: usize = 10;
const FASTER: Style = AnsiColor::Green.on_default();

/// How it was decided, in plain words.
const DECIDED: [&str; 2] = [
    "\"slower\", \"faster\", \"more lost\" and \"fewer lost\" are more than noise: of a hundred comparisons of equal runs, \
     at most one would say so of any percentile in any series, one of any series as a whole, and one of what was lost. \
     In brackets is how often chance alone makes such a difference.",
    "How that is decided: docs/latency.md, \"Comparing\".",
];

/// Writes two runs side by side. `names` are what the runs are called: the files. `by` is what the series are summed by.
/// It fits 80 columns.
pub fn write_comparison(
    runs: &Runs<'_>,
    names: [&str; 2],
    by: By,
    layout: Layout,
    out: &mut dyn Write,
) -> io::Result<()> {
    let text = |text: &str, indent| broken(text, layout.width, indent, PLAIN);
    for (run, file) in ["before", "after"].into_iter().zip(names) {
        write_lines(text(&format!("{run}: {}", name(file)), 4), layout, out)?;
    }
    let mut last = String::new();
    for pair in &runs.both {
        let heading = heading(pair.key, by);
        if heading != last {
            writeln!(out)?;
            write_lines(broken(&heading, layout.width, 4, BOLD), layout, out)?;
            last = heading;
        }
        write_lines(pair_lines(pair), layout, out)?;
    }
    if !(runs.only_before.is_empty() && runs.only_after.is_empty()) || runs.others {
        writeln!(out)?;
    }
    for (series, run) in [(&runs.only_before, "before"), (&runs.only_after, "after")] {
        write_lines(only(series, run, by, layout), layout, out)?;
    }
    if runs.others {
        let others = "(others) is not compared: what was merged into it differs from run to run.";
        write_lines(text(others, 2), layout, out)?;
    }
    writeln!(out)?;
    if runs.both.is_empty() {
        return write_lines(text("No series is in both runs.", 2), layout, out);
    }
    write_lines(DECIDED.iter().flat_map(|sentence| text(sentence, 0)), layout, out)
}

/// The series that only one run has, by their heading.
fn only<'a>(series: &[&'a Series<'a>], run: &str, by: By, layout: Layout) -> Vec<Line> {
    if series.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::of(format!("Only {run}:"), PLAIN)];
    for group in groups(series.iter().copied(), by) {
        let measures: Vec<_> = group.series.iter().map(|series| series.key.measure.name()).collect();
        let text = format!("{}: {}", group.heading(), measures.join(", "));
        let width = layout.width.map(|width| width.saturating_sub(2));
        let broken = broken(&text, width, 2, PLAIN);
        lines.extend(broken.into_iter().map(|line| Line::of("  ", PLAIN).and(line.text(false))));
    }
    lines
}

/// A measure: its titles, counts, percentiles, and the whole.
fn pair_lines(pair: &Pair<'_>) -> Vec<Line> {
    let title = format!("  {:<width$}", pair.key.measure.name(), width = LABEL + 2);
    let titles = format!("{:>FIGURE$}{:>FIGURE$}{:>CHANGE$}", "before", "after", "change");
    let mut lines = vec![Line::of(title, PLAIN).with(titles, DIM)];
    let counts = [pair.before, pair.after].map(|counted| counted.times.count());
    let [before, after] = counts.map(|count| Short(count).to_string());
    lines.push(row("count", &before, &after, ""));
    lines.push(losses(pair));
    lines.extend(pair.times.changes.iter().map(change));
    let (words, style) = words(pair.times.whole);
    let whole = row("whole", "", "", "").with(format!("  {words}"), style);
    lines.push(match pair.times.whole {
        Verdict::TooFew => whole,
        _ => whole.and(format!(" ({})", Chance(pair.times.probability))),
    });
    lines
}

fn row(label: &str, before: &str, after: &str, change: &str) -> Line {
    Line::of(format!("    {label:LABEL$}{before:>FIGURE$}{after:>FIGURE$}{change:>CHANGE$}"), PLAIN)
}

fn losses(pair: &Pair<'_>) -> Line {
    let losses = &pair.losses;
    let shown = |run: Lost| match run.lost {
        0 => "0".to_owned(),
        lost => format!("{} ({})", Short(lost), Percent(run.share())),
    };
    let change = match (losses.before.lost, losses.after.lost) {
        (0, 0) => String::new(),
        _ => Became(losses.before.share(), losses.after.share()).to_string(),
    };
    let line = row("lost", &shown(losses.before), &shown(losses.after), &change);
    if losses.before.lost == 0 && losses.after.lost == 0 {
        return line;
    }
    let style = match losses.verdict {
        LossVerdict::More => FAILURE,
        LossVerdict::Fewer => FASTER,
        LossVerdict::Noise | LossVerdict::TooFew => DIM,
    };
    let line = line.with(format!("  {}", losses.verdict.words()), style);
    match losses.verdict {
        LossVerdict::TooFew => line,
        _ => line.and(format!(" ({})", Chance(losses.probability))),
    }
}

fn change(change: &Change) -> Line {
    // 0.999 times 100 is not 99.9.
    let label = format!("p{}", (change.share * 1e6).round() / 1e4);
    let became = Became(change.before as f64, change.after as f64);
    let [before, after] = [change.before, change.after].map(|nanos| Time::of(nanos).to_string());
    let (words, style) = words(change.verdict);
    row(&label, &before, &after, &became.to_string()).with(format!("  {words}"), style)
}

fn words(verdict: Verdict) -> (&'static str, Style) {
    let style = match verdict {
        Verdict::Slower => FAILURE,
        Verdict::Faster => FASTER,
        Verdict::Different => WARNING,
        Verdict::Noise | Verdict::TooFew => DIM,
    };
    (verdict.words(), style)
}
