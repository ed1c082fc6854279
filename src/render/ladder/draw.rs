//! An arrow as rows.

use std::fmt::Write;
use std::ops::Range;

use anstyle::{AnsiColor, Style};

use super::super::escape::escape;
use super::super::layout::verdict_style;
use super::super::line::Verdict;
use super::super::units::columns;
use super::arrow::{Arrow, End, Head, Way};
use super::lifelines::{FIRST, Lifelines};
use super::row::Row;
use super::wrap::{TIED, untied, wrapped};

/// Lines of words between two lifelines at most; more would part the arrow from its words, so they take room beside.
const MOST_LINES: usize = 3;
/// The bytes each way stay in one line up to this many columns, which fit between any two lifelines.
const TIED_BYTES: usize = 17;
/// What stands before the time of what ended, and can be left out.
const AFTER: &str = "after";
/// Room that the loop of an arrow to its own lifeline takes.
const LOOP: usize = 4;
/// Room for words beside a loop at least; else it turns to the other side.
const BESIDE_LOOP: usize = 12;

/// An arrow between known lifelines, its words escaped.
pub(super) struct Drawing<'a> {
    lifelines: &'a Lifelines,
    /// `DNS`; empty where the arrow before says it.
    kind: String,
    words: String,
    /// The same with details, the longest first.
    detailed: Vec<String>,
    time: String,
    style: Style,
    head: Head,
    from: usize,
    to: usize,
    ports: (String, String),
}

impl<'a> Drawing<'a> {
    /// How to draw `arrow` between the lifelines `from` and `to`.
    pub fn new(arrow: &Arrow<'_>, (from, to): (usize, usize), lifelines: &'a Lifelines) -> Self {
        let port = |end: &End<'_>| end.port.map_or_else(String::new, |port| format!(":{port}"));
        let rest = rest(arrow, (from, to));
        let words = |words: &String| escape(&format!("{words}{rest}")).into_owned();
        let style = match arrow.verdict {
            Verdict::Missing if arrow.head == Head::State => Style::new(),
            verdict => verdict_style(verdict),
        };
        Self {
            lifelines,
            kind: arrow.kind.to_ascii_uppercase(),
            words: words(&arrow.words),
            detailed: arrow.detailed.iter().map(words).collect(),
            time: arrow.time.replace(' ', &TIED.to_string()),
            style,
            head: arrow.head,
            from,
            to,
            ports: (port(&arrow.from), port(&arrow.to)),
        }
    }

    /// The rows, and the number of the one that has the time.
    pub fn rows(&self) -> (Vec<Row>, usize) {
        if self.from == self.to { self.looped() } else { self.straight() }
    }

    /// Kind and words in one line.
    fn label(&self, words: &str) -> String {
        let gap = if self.kind.is_empty() || words.is_empty() { "" } else { " " };
        format!("{}{gap}{words}", self.kind)
    }

    /// A label with its time.
    fn whole(&self, label: &str) -> String {
        let gap = if self.time.is_empty() || label.is_empty() { "" } else { "  " };
        format!("{label}{gap}{}", self.time)
    }

    /// A line of words; the first begins with the kind.
    fn words_at(&self, row: Row, at: usize, line: &str, is_first: bool) -> Row {
        let rest = line.strip_prefix(self.kind.as_str()).filter(|_| is_first && !self.kind.is_empty());
        match rest {
            Some(rest) => row.with(at, self.kind.as_str(), AnsiColor::Cyan.on_default()).with(
                at + columns(&self.kind),
                rest,
                self.style,
            ),
            None => row.with(at, line, self.style),
        }
    }

    fn straight(&self) -> (Vec<Row>, usize) {
        let (left, right) = (self.from.min(self.to), self.from.max(self.to));
        let span = self.lifelines.position(left) + 1..self.lifelines.position(right);
        let ports = if self.from < self.to { (&self.ports.0, &self.ports.1) } else { (&self.ports.1, &self.ports.0) };
        let body = span.start + columns(ports.0)..span.end - columns(ports.1);
        let fits = |text: &str| self.place(text, &body).is_some();
        let whole = |words: &String| self.whole(&self.label(words));
        // Details are not worth a lifeline that is covered.
        let detailed = self.detailed.iter().map(whole).find(|label| self.place_between(label, &body).is_some());
        let (above, inside) = match detailed.or_else(|| Some(whole(&self.words)).filter(|label| fits(label))) {
            Some(label) => (Vec::new(), label),
            None => {
                let label = self.label(&self.words);
                let alone = self.time.trim_start_matches(AFTER).trim_start_matches(TIED);
                match [self.time.as_str(), alone].into_iter().find(|time| fits(time)) {
                    Some(time) => (self.above(&label, &span), time.to_owned()),
                    None => (self.above(&self.whole(&label), &span), String::new()),
                }
            }
        };
        let inside = untied(&inside);
        let at = span.start + 1;
        let has_label_inside = above.is_empty();
        let mut rows: Vec<_> = above
            .iter()
            .enumerate()
            .map(|(nth, (start, line))| self.words_at(Row::default(), (*start).min(at), line, nth == 0))
            .collect();
        let row = Row::default().with(span.start, ports.0.as_str(), Style::new()).with(
            span.end - columns(ports.1),
            ports.1.as_str(),
            Style::new(),
        );
        rows.push(self.line(row, &body, &inside, has_label_inside));
        let arrow = rows.len() - 1;
        (rows, arrow)
    }

    /// The lines of a label that does not fit on its arrow, and the column in which each begins.
    fn above(&self, label: &str, span: &Range<usize>) -> Vec<(usize, String)> {
        let lines = wrapped(label, span.len() - 2);
        let far = self.lifelines.width().saturating_sub(1);
        let (start, lines) = if lines.len() <= MOST_LINES {
            (span.start + 1, lines)
        } else {
            // Over the lifelines to the right, and where that gives little over those to the left, too.
            let wide = wrapped(label, far - span.start);
            if wide.len() <= MOST_LINES { (span.start + 1, wide) } else { (FIRST + 2, wrapped(label, far - FIRST - 1)) }
        };
        lines.into_iter().map(|line| (start, line)).collect()
    }

    /// Where `label` stands on an arrow's body with a blank on each side: between two lifelines if it fits there, else
    /// across.
    fn place(&self, label: &str, body: &Range<usize>) -> Option<usize> {
        let needed = columns(label) + 2;
        let free = self.free(body);
        let start = free.start + free.len().checked_sub(needed)? / 2;
        // A lifeline right beside the label would look like its end.
        let touches = |start: usize| self.positions().any(|at| at + 1 == start || at == start + needed);
        let fits = |start: &usize| *start >= free.start && start + needed <= free.end && !touches(*start);
        let across = || [start, start + 1, start - 1].into_iter().find(fits).or(Some(start));
        self.place_between(label, body).or_else(across)
    }

    /// Where `label` stands between two lifelines, with a stroke on either side.
    fn place_between(&self, label: &str, body: &Range<usize>) -> Option<usize> {
        let needed = columns(label) + 2;
        let free = self.free(body);
        let crossed = self.positions().filter(|at| free.contains(at)).map(|at| at - 1..at + 2);
        let mut start = free.start;
        for crossing in crossed.chain(std::iter::once(free.end..free.end)) {
            let length = crossing.start.saturating_sub(start);
            if length >= needed {
                return Some(start + (length - needed) / 2);
            }
            start = crossing.end;
        }
        None
    }

    /// Where a label may stand on an arrow's body: beside the head, and a stroke at the other end.
    fn free(&self, body: &Range<usize>) -> Range<usize> {
        let (before, after) = if self.from < self.to { (1, self.head_width()) } else { (self.head_width(), 1) };
        body.start + before..body.end.saturating_sub(after).max(body.start + before)
    }

    fn head_width(&self) -> usize {
        match self.head {
            Head::Arrives => 2,
            Head::Lost | Head::Unknown => 3,
            Head::State => 1,
        }
    }

    fn positions(&self) -> impl Iterator<Item = usize> {
        (0..self.lifelines.count()).map(|number| self.lifelines.position(number))
    }

    /// The arrow itself, with `inside` on it.
    fn line(&self, row: Row, body: &Range<usize>, inside: &str, with_kind: bool) -> Row {
        let mut strokes: Vec<char> = body.clone().map(|at| self.stroke(at)).collect();
        let tip = match self.head {
            Head::Arrives if self.from < self.to => Some('►'),
            Head::Arrives => Some('◄'),
            Head::Lost => Some('✗'),
            Head::Unknown => Some('?'),
            Head::State => None,
        };
        if self.from < self.to {
            strokes.reverse();
        }
        let is_short = matches!(self.head, Head::Lost | Head::Unknown);
        // It ends before it arrives.
        if let Some(first) = strokes.first_mut().filter(|_| is_short) {
            *first = ' ';
        }
        if let (Some(stroke), Some(tip)) = (strokes.get_mut(usize::from(is_short)), tip) {
            *stroke = tip;
        }
        if self.from < self.to {
            strokes.reverse();
        }
        let text = |range: Range<usize>| -> String { strokes.get(range).unwrap_or_default().iter().collect() };
        let Some(start) = self.place(inside, body).filter(|_| !inside.is_empty()) else {
            return row.with(body.start, text(0..strokes.len()), self.style);
        };
        let end = start + columns(inside) + 2;
        let row = row.with(body.start, text(0..start - body.start), self.style).with(
            end,
            text(end - body.start..strokes.len()),
            self.style,
        );
        // The blanks are pieces, too: no lifeline shows in them.
        let row = row.with(start, " ", Style::new()).with(end - 1, " ", Style::new());
        self.words_at(row, start + 1, inside, with_kind)
    }

    /// What an arrow is made of in that column.
    fn stroke(&self, at: usize) -> char {
        match (self.head, self.positions().any(|position| position == at)) {
            (Head::State, true) => '│',
            (Head::State, false) => '·',
            (_, true) => '┼',
            (_, false) => '─',
        }
    }

    /// An arrow from a lifeline to itself.
    fn looped(&self) -> (Vec<Row>, usize) {
        let at = self.lifelines.position(self.from);
        let next = if self.from + 1 < self.lifelines.count() {
            self.lifelines.position(self.from + 1)
        } else {
            self.lifelines.width()
        };
        let is_right = next - at > LOOP + BESIDE_LOOP;
        let previous = self.from.checked_sub(1).map_or(FIRST, |previous| self.lifelines.position(previous));
        // Between the neighbour and the lifeline, a blank on each side.
        let room = if is_right { at + 2..next - 1 } else { previous + 2..at - 1 };
        let label = self.label(&self.words);
        let beside = if is_right { room.start + LOOP..room.end } else { room.start..room.end - LOOP };
        let mut lines = wrapped(&label, if columns(&label) <= beside.len() { beside.len() } else { room.len() });
        let last = if lines.len() == 1 && columns(&label) <= beside.len() { lines.pop() } else { None };
        let is_first = lines.is_empty();
        let mut rows: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(nth, line)| self.words_at(Row::default(), room.start, line, nth == 0))
            .collect();
        let (out, back) = match (self.head, is_right) {
            (Head::State, true) => ("··┐", "··┘"),
            (Head::State, false) => ("┌··", "└··"),
            (Head::Arrives, true) => ("──┐", "◄─┘"),
            (Head::Arrives, false) => ("┌──", "└─►"),
            (Head::Lost, true) => ("──┐", " ✗┘"),
            (Head::Lost, false) => ("┌──", "└✗ "),
            (Head::Unknown, true) => ("──┐", " ?┘"),
            (Head::Unknown, false) => ("┌──", "└? "),
        };
        let start = if is_right { at + 1 } else { at - columns(out) };
        let out = Row::default().with(start, out, self.style);
        rows.push(match &last {
            Some(line) => self.words_at(out, beside.start, line, is_first),
            None => out,
        });
        let back = Row::default().with(start, back, self.style);
        rows.push(back.with(beside.start, untied(&self.time), self.style));
        let timed = rows.len() - 2;
        (rows, timed)
    }
}

/// What follows the words: the bytes each way and what went wrong, the ports of an arrow without room for them at its ends.
fn rest(arrow: &Arrow<'_>, (from, to): (usize, usize)) -> String {
    let mut rest = String::new();
    // Writing to a String cannot fail.
    match arrow.bytes {
        Some([sent, got]) if from == to => {
            let (there, back) = if arrow.way == Way::Back { (got, sent) } else { (sent, got) };
            let _ = write!(rest, ": {there}{TIED}bytes{TIED}there, {back}{TIED}back");
        }
        Some([sent, got]) => {
            // As they stand on the screen, whoever was the client.
            let (right, left) = if from < to { (sent, got) } else { (got, sent) };
            let between = if columns(&format!("{right} bytes →, {left} ←")) <= TIED_BYTES { TIED } else { ' ' };
            let _ = write!(rest, ": {right}{TIED}bytes{TIED}→,{between}{left}{TIED}←");
        }
        None => {}
    }
    rest.push_str(&arrow.more);
    let _ = match (arrow.from.port, arrow.to.port) {
        _ if from != to => Ok(()),
        (Some(from), Some(to)) => write!(rest, " (:{from} to :{to})"),
        (None, Some(to)) => write!(rest, " (to :{to})"),
        (Some(from), None) => write!(rest, " (from :{from})"),
        (None, None) => Ok(()),
    };
    rest
}
