//! A line of styled pieces, which can be cut to a width.

use std::fmt::Write;

use anstyle::Style;
use unicode_width::UnicodeWidthChar;

use super::super::escape::escape;
use super::super::ladder::wrap::wrapped;
use super::super::units::columns;

/// Names are cut here before anything else. None of Docker's is as long, but a file may hold any.
const MAX_NAME: usize = 500;

/// Pieces of text, already escaped, each with its style.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(Vec<(String, Style)>);

impl Line {
    /// A line with one piece.
    pub fn of(text: impl Into<String>, style: Style) -> Self {
        Self::default().with(text, style)
    }

    /// The line with another piece.
    pub fn with(mut self, text: impl Into<String>, style: Style) -> Self {
        self.0.push((text.into(), style));
        self
    }

    /// The line with a plain piece.
    pub fn and(self, text: impl Into<String>) -> Self {
        self.with(text, Style::new())
    }

    /// The line in `width` columns at most; what is cut off is `…`.
    pub fn cut(self, width: usize) -> Self {
        let mut line = self.trimmed();
        if line.0.iter().map(|(text, _)| columns(text)).sum::<usize>() <= width {
            return line;
        }
        let mut left = width;
        for at in 0..line.0.len() {
            let Some((text, _)) = line.0.get_mut(at) else { break };
            let needed = columns(text);
            // The last column is for the `…`.
            if needed >= left {
                cut(text, left);
                line.0.truncate(at + 1);
                break;
            }
            left -= needed;
        }
        line
    }

    /// The line as it is written, without blanks at its end.
    pub fn text(self, color: bool) -> String {
        let mut line = String::new();
        for (text, style) in self.trimmed().0 {
            if color && style != Style::new() {
                // Writing to a String cannot fail.
                let _ = write!(line, "{style}{text}{style:#}");
            } else {
                line.push_str(&text);
            }
        }
        line
    }

    /// The line without blanks at its end.
    fn trimmed(mut self) -> Self {
        let last = self.0.iter().rposition(|(text, _)| !text.trim_end().is_empty());
        self.0.truncate(last.map_or(0, |last| last + 1));
        if let Some((text, _)) = self.0.last_mut() {
            text.truncate(text.trim_end().len());
        }
        self
    }
}

/// Cuts a text that is followed by more to `width` columns, the last of which is `…`.
fn cut(text: &mut String, width: usize) {
    let mut used = 0;
    let end = text.char_indices().find_map(|(at, char)| {
        // The selector of emoji presentation (U+FE0F) makes a narrow character a wide one.
        used += if char == '\u{fe0f}' { 1 } else { char.width().unwrap_or(0) };
        (used + 1 > width).then_some(at)
    });
    text.truncate(end.unwrap_or(text.len()));
    if width > 0 {
        text.push('…');
    }
}

/// A name, escaped, and cut where it is absurdly long.
pub(super) fn name(text: &str) -> String {
    match text.char_indices().nth(MAX_NAME) {
        Some((end, _)) => escape(text.get(..end).unwrap_or(text)).into_owned() + "…",
        None => escape(text).into_owned(),
    }
}

/// A text, already escaped, in lines of `width` columns, those after the first `indent` columns in; one line without a
/// width.
pub(super) fn broken(text: &str, width: Option<usize>, indent: usize, style: Style) -> Vec<Line> {
    let Some(width) = width else { return vec![Line::of(text, style)] };
    let lines = wrapped(text, width.saturating_sub(indent).max(2));
    let inner = |(number, line): (usize, String)| {
        let blanks = if number == 0 { 0 } else { indent };
        Line::default().and(" ".repeat(blanks)).with(line, style).cut(width)
    };
    lines.into_iter().enumerate().map(inner).collect()
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    #[test]
    fn a_line_is_cut_to_its_width() {
        let line = Line::of("one ", Style::new()).with("größe ", AnsiColor::Red.on_default()).and("数据库");
        let cut = |width| line.clone().cut(width).text(false);
        assert_eq!(cut(16), "one größe 数据库");
        assert_eq!(cut(15), "one größe 数据…");
        assert_eq!(cut(14), "one größe 数…");
        assert_eq!(cut(9), "one größ…", "the next piece does not fit at all");
        assert_eq!(cut(10), "one größe…");
        assert_eq!(cut(3), "on…");
        assert_eq!(Line::of("one  ", Style::new()).and("  ").cut(3).text(false), "one");
        assert_eq!((cut(1), cut(0)), ("…".to_owned(), String::new()));
        assert_eq!(line.cut(6).text(true), "one \u{1b}[31mg…\u{1b}[0m");
    }

    #[test]
    fn blanks_at_the_end_are_not_written() {
        assert_eq!(Line::of("a  ", Style::new()).and("   ").text(false), "a");
        assert_eq!(Line::of("   ", Style::new()).text(false), "");
    }

    #[test]
    fn emoji_are_as_wide_as_they_are_shown() {
        let mut hearts = "❤\u{fe0f}".repeat(5);
        cut(&mut hearts, 6);
        assert!(columns(&hearts) <= 6, "{hearts}");
    }
}
