//! One row of the diagram: pieces of text, and the lifelines where there is no piece.

use std::fmt::Write;

use anstyle::Style;

use super::super::units::columns;

/// A lifeline.
const LIFELINE: &str = "│";

/// Text at a place.
#[derive(Debug)]
struct Piece {
    at: usize,
    width: usize,
    text: String,
    style: Style,
}

/// A row that is put together from pieces, which do not overlap.
#[derive(Debug, Default)]
pub(super) struct Row {
    pieces: Vec<Piece>,
}

impl Row {
    /// The row with one more piece, whose text is escaped, beginning in the column `at`.
    #[must_use]
    pub fn with(mut self, at: usize, text: impl Into<String>, style: Style) -> Self {
        let text = text.into();
        let width = columns(&text);
        if width > 0 {
            self.pieces.push(Piece { at, width, text, style });
        }
        self
    }

    /// The row as a line, its end included; lifelines stand where `lifelines` says and no piece does.
    pub fn write(mut self, lifelines: impl Iterator<Item = usize>, line_style: Style, color: bool, out: &mut String) {
        let is_free = |at: &usize| !self.pieces.iter().any(|piece| (piece.at..piece.at + piece.width).contains(at));
        let lines: Vec<_> = lifelines.filter(is_free).collect();
        let line = |at| Piece { at, width: 1, text: LIFELINE.to_owned(), style: line_style };
        self.pieces.extend(lines.into_iter().map(line));
        self.pieces.sort_by_key(|piece| piece.at);
        let mut column = 0;
        for Piece { at, width, text, style } in self.pieces {
            out.extend(std::iter::repeat_n(' ', at.saturating_sub(column)));
            // Writing to a String cannot fail.
            let _ = if color && style != Style::new() {
                write!(out, "{style}{text}{style:#}")
            } else {
                out.write_str(&text)
            };
            column = at + width;
        }
        out.push('\n');
    }
}
