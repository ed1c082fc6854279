//! How lines are laid out, and what columns are made of.

use anstyle::{AnsiColor, Style};

use super::line::Verdict;
use super::units::columns;

/// Terminals narrower than this get the short forms.
const NARROW: usize = 120;

/// How lines are laid out.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The terminal's width in columns; `None` for a pipe or file, where lines are as long as they need.
    pub width: Option<usize>,
    /// Write colours.
    pub color: bool,
    /// Shorter lines, as tcpdump's `-q`.
    pub quiet: bool,
    /// Show MAC addresses, as tcpdump's `-e`.
    pub link_level: bool,
    /// Under each line, a line for each place where it was seen.
    pub hops: bool,
}

/// Between the columns of a line.
pub(super) const GAP: &str = "  ";

pub(super) const fn is_short(layout: Layout) -> bool {
    layout.quiet || matches!(layout.width, Some(width) if width < NARROW)
}

/// The columns of a line with styles in it: from ESC to `m` nothing is shown (ECMA-48, SGR).
pub(super) fn shown_columns(line: &str) -> usize {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().map_or(0, columns);
    first + parts.filter_map(|part| part.split_once('m')).map(|(_, shown)| columns(shown)).sum::<usize>()
}

/// A column grows in steps with what it must hold, so that lines stay aligned with those before as long as they can.
pub(super) fn grown(width: usize, needed: usize, most: usize, step: usize) -> usize {
    if needed > width { needed.next_multiple_of(step).min(most).max(width) } else { width }
}

/// Appends spaces.
pub(super) fn pad(line: &mut String, spaces: usize) {
    const BLANK: &str = "                                                                ";
    let mut left = spaces;
    while left > BLANK.len() {
        line.push_str(BLANK);
        left -= BLANK.len();
    }
    line.push_str(BLANK.get(..left).unwrap_or_default());
}

/// Appends an ASCII word in capitals.
pub(super) fn push_upper(line: &mut String, word: &str) {
    let start = line.len();
    line.push_str(word);
    if let Some(word) = line.get_mut(start..) {
        word.make_ascii_uppercase();
    }
}

/// The style of what ended so.
pub(super) fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Good | Verdict::Neutral => Style::new(),
        Verdict::Bad => AnsiColor::Red.on_default(),
        Verdict::Missing => AnsiColor::Yellow.on_default(),
    }
}
