//! Text in lines of a width. Nothing is cut.

use super::super::units::columns;

/// Where a word that is too long may be broken: behind these.
const SOFT: &[char] = &['-', '_', '.', ':', '/', ',', '}'];

/// A blank at which no line is broken (U+00A0), for a number and its unit. It is a plain one once the text is in lines.
pub(super) const TIED: char = '\u{a0}';

/// `text`, already escaped, in lines of `width` columns at most; a character that is wider has a line of its own. Breaks at
/// blanks, else behind a mark, else anywhere.
pub(in crate::render) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let gap = usize::from(!line.is_empty());
        if columns(&line) + gap + columns(word) <= width {
            line.extend(std::iter::repeat_n(' ', gap));
            line.push_str(word);
            continue;
        }
        lines.extend(Some(std::mem::take(&mut line)).filter(|line| !line.is_empty()));
        let mut rest = word;
        while columns(rest) > width {
            let (piece, more) = rest.split_at_checked(break_of(rest, width)).unwrap_or((rest, ""));
            lines.push(piece.to_owned());
            rest = more;
        }
        line.push_str(rest);
    }
    lines.extend(Some(line).filter(|line| !line.is_empty()));
    lines.iter().map(|line| untied(line).trim_end().to_owned()).collect()
}

/// The text with plain blanks.
pub(super) fn untied(text: &str) -> String {
    text.replace(TIED, " ")
}

/// Where a word that is wider than `width` is broken: so many bytes, one character at least.
fn break_of(word: &str, width: usize) -> usize {
    let mut hard = word.chars().next().map_or(0, char::len_utf8);
    let mut soft = None;
    for (at, char) in word.char_indices() {
        let end = at + char.len_utf8();
        if word.get(..end).is_none_or(|piece| columns(piece) > width) {
            break;
        }
        hard = end;
        if SOFT.contains(&char) {
            soft = Some(end);
        }
    }
    // A mark near the beginning would waste the line.
    soft.filter(|&soft| soft * 3 >= hard).unwrap_or(hard)
}
