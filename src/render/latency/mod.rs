//! Latencies as people see them: a table, a bar chart, a live view, two runs side by side, and where the time goes.
//!
//! Tables and charts fit 80 columns. Nothing here knows where it is written to, or what time it is.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "bars and shares of counts are floating-point numbers; what is cast back is bounded by a width or a count"
)]
#![cfg_attr(test, allow(clippy::needless_for_each, reason = "a line that fills a histogram is no loop to follow"))]

mod bars;
mod chart;
mod comparison;
mod figures;
mod heading;
mod line;
mod live;
mod scale;
mod shares;
mod table;

use std::collections::HashMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

pub use chart::write_chart;
pub use comparison::write_comparison;
pub use heading::heading;
pub use live::live_lines;
pub use shares::{Breakdown, Of, Share, Spent};
pub use table::write_table;

use self::line::Line;
use super::layout::Layout;
use crate::latency::{By, Key, Series};

/// What tables and charts fit into where there is no terminal, and at least in one.
const WIDTH: usize = 80;

/// What is shown of a table of series.
#[derive(Clone, Debug, Default)]
pub struct Report<'a> {
    /// What is watched, for the first line of the live view: `my_bridge`.
    pub title: String,
    /// What the series are summed by, which the headings tell.
    pub by: By,
    /// The series in the order of the table; those that differ in their measure only stand together.
    pub series: Vec<Series<'a>>,
    /// How many series were merged into `(others)`.
    pub merged: u64,
    /// Where the time of a series goes, to stand under it.
    pub breakdowns: HashMap<Key, Vec<Breakdown>>,
    /// Further remarks, a line each under the table.
    pub notes: Vec<String>,
}

/// Missing and slow, as the log has it.
const WARNING: Style = AnsiColor::Yellow.on_default();
/// Failed, as the log has it.
const FAILURE: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
const PLAIN: Style = Style::new();

/// Writes the lines, cut to the terminal's width.
fn write_lines(lines: impl IntoIterator<Item = Line>, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    lines.into_iter().try_for_each(|line| {
        let line = match layout.width {
            Some(width) => line.cut(width),
            None => line,
        };
        writeln!(out, "{}", line.text(layout.color))
    })
}

#[cfg(test)]
mod tests;
