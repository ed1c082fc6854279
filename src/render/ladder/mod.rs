//! The log as a ladder: a sequence diagram with a lifeline for each party, written as it happens.
//!
//! Nothing is redrawn, so that it works live and in a pipe. The time stands on the left: the second in a row of its own,
//! its fraction beside each arrow. Where somebody new comes, the names are written again over their lifelines.

mod arrow;
mod arrows;
mod draw;
mod lifelines;
mod paths;
mod phrases;
mod row;
mod segments;
#[cfg(test)]
mod tests;
pub(super) mod wrap;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::escape::escape;
use super::layout::Layout;
use super::units::Clock;
use crate::explain::{Reference, Topic};
use crate::join::Told;
use crate::name::Namer;
use crate::time::Timestamp;
use arrow::{Arrow, Detail, End, Way};
use draw::Drawing;
pub use lifelines::LEAST_WIDTH;
use lifelines::{FIRST, Lifelines, Who};
use row::Row;
use wrap::wrapped;

/// The width where none is given: that of a pipe or file.
pub const DEFAULT_WIDTH: usize = 80;
/// The most columns that are used: each lifeline more makes every row longer, and `COLUMNS` may say anything.
const MOST_WIDTH: usize = 500;
/// Arrows have longer words from this width on, as the lines of the log have.
const LONG: usize = 120;
/// So many rows of a screen at least stand between two headers.
const LEAST_ROWS: usize = 12;
/// A screen's rows where none are known.
const ROWS: usize = 40;
/// Rows that a header and the prompt take.
const BESIDES: usize = 5;
/// What `↑` means, said where it stands for the first time.
const MARK: &str = "↑ began before the arrow above; it is drawn once its end is known";
/// `HH:MM:SS`.
const SECOND: usize = 8;

/// Writes events as the rows of a ladder.
#[derive(Debug)]
pub struct LadderWriter<W> {
    out: W,
    detail: Detail,
    color: bool,
    /// So many rows are written before the names are repeated.
    repeat: usize,
    clock: Clock,
    lifelines: Lifelines,
    /// Rows since the names were written; `None` before the first time.
    rows: Option<usize>,
    /// The second that was written last.
    second: String,
    /// The time of the latest arrow.
    latest: Timestamp,
    mark_is_explained: bool,
    text: String,
}

impl<W: Write> LadderWriter<W> {
    /// A writer that begins with an empty diagram. A width in `layout` is [`LEAST_WIDTH`] at least, and 500 at most are used. `screen`
    /// is how many rows are seen at once, where that is known.
    pub fn new(out: W, layout: Layout, screen: Option<usize>) -> Self {
        let width = layout.width.unwrap_or(DEFAULT_WIDTH).clamp(LEAST_WIDTH, MOST_WIDTH);
        let Layout { quiet, link_level, hops, color, .. } = layout;
        Self {
            out,
            detail: Detail { short: quiet || width < LONG, single: quiet, link_level, hops },
            color,
            repeat: screen.unwrap_or(ROWS).saturating_sub(BESIDES).max(LEAST_ROWS),
            clock: Clock::local(),
            lifelines: Lifelines::new(width),
            rows: None,
            second: String::new(),
            latest: Timestamp::ZERO,
            mark_is_explained: false,
            text: String::new(),
        }
    }

    /// Where it writes.
    pub const fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes an event's arrows.
    pub fn event(&mut self, told: &Told<'_>, namer: &Namer) -> io::Result<()> {
        self.text.clear();
        let arrows = arrows::arrows(told, namer, self.detail);
        self.seat_all(&arrows);
        for arrow in &arrows {
            self.arrow(arrow);
        }
        self.out.write_all(self.text.as_bytes())
    }

    /// Writes what is no arrow: what happened to the capture itself, or what is said of the arrow above.
    pub fn remark(&mut self, text: &str) -> io::Result<()> {
        self.text.clear();
        self.lines_of(text, AnsiColor::Yellow.on_default());
        self.out.write_all(self.text.as_bytes())
    }

    /// Writes what a line is, and why it is sent.
    pub fn explanation(&mut self, topic: &Topic) -> io::Result<()> {
        self.text.clear();
        self.lines_of(topic.text, Style::new().dimmed());
        if let Some(Reference { title, url }) = topic.see.first() {
            self.lines_of(&format!("See {title}, {url}"), Style::new().dimmed());
        }
        self.out.write_all(self.text.as_bytes())
    }

    /// Says that a story is told anew, and begins an empty diagram.
    pub fn begin_again(&mut self, text: &str) -> io::Result<()> {
        self.remark(text)?;
        self.lifelines = Lifelines::new(self.lifelines.width());
        self.latest = Timestamp::ZERO;
        self.rows = Some(self.repeat);
        Ok(())
    }

    /// Text over the lifelines, beside the first.
    fn lines_of(&mut self, text: &str, style: Style) {
        let at = if self.rows.is_some() { FIRST + 2 } else { 0 };
        for line in wrapped(&escape(text), self.lifelines.width() - at - 1) {
            self.row(Row::default().with(at, line, style));
        }
    }

    /// Gives lifelines to all who take part in an event, so that the names are not written between its arrows. Where they
    /// are more than fit, each arrow looks for itself.
    fn seat_all(&mut self, arrows: &[Arrow<'_>]) {
        let mut all: Vec<Who<'_>> = Vec::new();
        // The client first, so that most stories begin on the left.
        for end in arrows.iter().flat_map(|arrow| match arrow.way {
            Way::There => [&arrow.from, &arrow.to],
            Way::Back | Way::Report => [&arrow.to, &arrow.from],
        }) {
            let who = who(end);
            if !all.iter().any(|known| known.container == who.container && known.name == who.name) {
                all.push(who);
            }
        }
        all.truncate(self.lifelines.most());
        let changed = self.lifelines.seat(&all);
        if changed || self.rows.is_none_or(|rows| rows >= self.repeat) {
            self.header();
        }
    }

    fn arrow(&mut self, arrow: &Arrow<'_>) {
        let (from, to) = (who(&arrow.from), who(&arrow.to));
        if self.lifelines.seat(&[from.clone(), to.clone()]) {
            self.header();
        }
        let number = |who| self.lifelines.find(who).unwrap_or_default();
        let (rows, timed) = Drawing::new(arrow, (number(&from), number(&to)), &self.lifelines).rows();
        let fraction = self.time(arrow.at);
        let dim = Style::new().dimmed();
        for (nth, row) in rows.into_iter().enumerate() {
            let row = if nth == timed { row.with(0, fraction.as_str(), dim) } else { row };
            self.row(row);
        }
    }

    /// The fraction of a second, behind an `↑` where the moment is before that of the arrow above. The second goes into a
    /// row of its own where it is another.
    fn time(&mut self, at: Timestamp) -> String {
        let mut time = String::new();
        self.clock.write(at, false, &mut time);
        let (second, fraction) = time.split_at_checked(SECOND).unwrap_or((&time, ""));
        if second != self.second {
            second.clone_into(&mut self.second);
            self.row(Row::default().with(0, second, Style::new().dimmed()));
        }
        let mark = if at < self.latest { '↑' } else { ' ' };
        if mark == '↑' && !std::mem::replace(&mut self.mark_is_explained, true) {
            self.lines_of(MARK, Style::new().dimmed());
        }
        self.latest = at;
        format!("{mark}{fraction}")
    }

    /// The names over their lifelines; the second stands under them again.
    fn header(&mut self) {
        if self.rows.is_some() {
            self.text.push('\n');
        }
        let bold = Style::new().bold();
        for names in self.lifelines.names() {
            let row = names.into_iter().fold(Row::default(), |row, (at, name)| row.with(at, name, bold));
            row.write(std::iter::empty(), Style::new(), self.color, &mut self.text);
        }
        self.rows = Some(0);
        self.second.clear();
    }

    /// Writes a row, with the lifelines.
    fn row(&mut self, row: Row) {
        let dim = Style::new().dimmed();
        let positions = (0..self.lifelines.count()).map(|number| self.lifelines.position(number));
        row.write(positions, dim, self.color, &mut self.text);
        self.rows = self.rows.map(|rows| rows + 1);
    }
}

/// Whose lifeline an arrow ends at.
fn who<'a>(end: &'a End<'_>) -> Who<'a> {
    Who { container: end.container, name: escape(&end.name) }
}
