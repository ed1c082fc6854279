//! A filter that cannot be: what is wrong, and at which word.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use crate::render::escape::escape;

/// Columns of the expression that are shown around the word.
const SHOWN: usize = 72;
const INDENT: &str = "    ";

/// What is wrong with a capture filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// In words, with the remedy where there is one.
    pub what: String,
    /// The filter as the user wrote it.
    pub expression: String,
    /// The bytes of it that are wrong; empty behind its end where something is missing.
    pub span: Range<usize>,
}

impl FilterError {
    /// The expression, and under it what marks the word. Of a long one, what is around the word.
    pub fn pointer(&self) -> [String; 2] {
        let part = |range: Range<usize>| escape(self.expression.get(range).unwrap_or_default()).into_owned();
        let (before, word, after) =
            (part(0..self.span.start), part(self.span.clone()), part(self.span.end..self.expression.len()));
        let before = last_columns(&before, SHOWN.saturating_sub(word.width() + 1).clamp(SHOWN / 8, SHOWN * 2 / 3));
        let shown = first_columns(&format!("{before}{word}{after}"), SHOWN);
        let marks = word.width().clamp(1, SHOWN.saturating_sub(before.width()).max(1));
        let pointer = format!("{INDENT}{}{}", " ".repeat(before.width()), "^".repeat(marks));
        [format!("{INDENT}{shown}"), pointer]
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--filter: {}", self.what)
    }
}

impl std::error::Error for FilterError {}

fn first_columns(text: &str, columns: usize) -> String {
    let mut shown: String = text.to_owned();
    if shown.width() <= columns {
        return shown;
    }
    while shown.width() >= columns {
        shown.pop();
    }
    shown + "…"
}

fn last_columns(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut shown = text;
    while shown.width() >= columns {
        let mut chars = shown.chars();
        chars.next();
        shown = chars.as_str();
    }
    format!("…{shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(expression: &str, span: Range<usize>) -> FilterError {
        FilterError { what: "wrong".to_owned(), expression: expression.to_owned(), span }
    }

    #[test]
    fn it_points_at_the_word() {
        let [shown, pointer] = error("host containr_a and port 80", 5..15).pointer();
        assert_eq!(shown, "    host containr_a and port 80");
        assert_eq!(pointer, "         ^^^^^^^^^^");
        assert_eq!(error("tcp and", 7..7).pointer()[1], "           ^");
    }

    #[test]
    fn a_long_or_hostile_filter_is_shown_in_part_and_escaped() {
        let long = format!("{}host bad{}", "tcp or ".repeat(50), " or udp".repeat(50));
        let [shown, pointer] = error(&long, 355..358).pointer();
        assert!(shown.width() <= 76 && shown.contains("host bad") && shown.starts_with("    …"), "{shown}");
        assert_eq!(shown.chars().nth(pointer.find('^').unwrap()), Some('b'), "{shown}\n{pointer}");
        let [shown, pointer] = error("\u{1b}größe x", 9..10).pointer();
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        assert_eq!(shown.chars().nth(pointer.find('^').unwrap()), Some('x'), "{shown}\n{pointer}");
        let [_, pointer] = error(&"x".repeat(500), 0..500).pointer();
        assert_eq!(pointer.len(), 76);
    }
}
