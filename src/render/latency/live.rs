//! The live view: as much of the table as the terminal shows.

use std::time::Duration;

use super::super::layout::Layout;
use super::super::units::Roughly;
use super::figures::Short;
use super::heading::groups;
use super::line::{Line, broken, name};
use super::table::{Room, notes};
use super::{BOLD, DIM, PLAIN, Report, WARNING, WIDTH};

/// The table in `height` lines at most, none wider than the layout's width (80 columns without one): what is watched and
/// for how long, the titles, and the series in their order. Where not all fit, the last line says how many are missing;
/// where there is room under them, remarks follow.
pub fn live_lines(report: &Report<'_>, elapsed: Duration, layout: Layout, height: usize) -> Vec<String> {
    let width = layout.width.unwrap_or(WIDTH);
    let mut lines = vec![first_line(report, elapsed)];
    if !report.series.is_empty() {
        let room = Room::new(Some(width));
        lines.push(room.titles());
        lines.extend(rows(report, room, height.saturating_sub(lines.len())));
    }
    let notes = notes(report);
    let mut notes = notes.iter().flat_map(|note| broken(note, Some(width), 2, WARNING)).peekable();
    if notes.peek().is_some() && lines.len() + 2 <= height {
        lines.push(Line::default());
        lines.extend(notes);
    }
    lines.into_iter().take(height).map(|line| line.cut(width).text(layout.color)).collect()
}

fn first_line(report: &Report<'_>, elapsed: Duration) -> Line {
    let sum = |counts: fn(&crate::latency::Counted) -> u64| {
        report.series.iter().fold(0_u64, |sum, series| sum.saturating_add(counts(&series.counted)))
    };
    let (measured, lost) = (sum(|counted| counted.times.count()), sum(crate::latency::Counted::lost));
    let line = Line::of(name(&report.title), BOLD);
    // The seconds stand still between refreshes; their tenths would not.
    let elapsed = Duration::from_secs(elapsed.as_secs());
    let elapsed = if elapsed.is_zero() { "0 s".to_owned() } else { Roughly(elapsed).to_string().replace(".0 s", " s") };
    let style = if lost > 0 { WARNING } else { PLAIN };
    line.and(format!(" for {elapsed}: {} measured, ", Short(measured))).with(format!("{} lost", Short(lost)), style)
}

/// The headings and rows that fit into so many lines.
fn rows(report: &Report<'_>, room: Room, height: usize) -> Vec<Line> {
    let groups = groups(&report.series, report.by);
    let needed = groups.len() + report.series.len();
    // The last line says what is missing.
    let fits = if needed <= height { height } else { height.saturating_sub(1) };
    let (mut lines, mut shown) = (Vec::new(), 0);
    for group in groups {
        // A heading with nothing under it says nothing.
        if lines.len() + 2 > fits {
            break;
        }
        lines.push(Line::of(group.heading(), BOLD));
        let left = fits - lines.len();
        lines.extend(group.series.iter().take(left).map(|series| room.row(series)));
        shown += group.series.len().min(left);
    }
    let missing = report.series.len() - shown;
    if missing > 0 {
        lines.push(Line::of(format!("… and {missing} more series"), DIM));
    }
    lines
}
