//! Words put side by side and broken into lines, for what is no log.

use super::escape::escape;
use super::units::columns;

/// Appends `pieces`, already escaped, with `between` them; a piece that does not fit into `width` begins a new line
/// behind `indent`. `used` columns of the line are taken.
pub(super) fn flow(
    out: &mut String,
    pieces: &[String],
    between: &str,
    indent: &str,
    used: usize,
    width: Option<usize>,
) {
    let mut at = used;
    for (number, piece) in pieces.iter().enumerate() {
        let is_last = number + 1 == pieces.len();
        let needed = columns(piece) + if is_last { 0 } else { columns(between.trim_end()) };
        if number > 0 {
            let gap = columns(between);
            if width.is_some_and(|width| at + gap + needed > width) {
                out.push_str(between.trim_end());
                out.push('\n');
                out.push_str(indent);
                at = columns(indent);
            } else {
                out.push_str(between);
                at += gap;
            }
        }
        out.push_str(piece);
        at += columns(piece);
    }
}

/// The words of a sentence, escaped, to be put in lines with a blank between them.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| escape(word).into_owned()).collect()
}

/// Appends `text` and blanks up to `width` columns.
pub(super) fn padded(out: &mut String, text: &str, width: usize) {
    out.push_str(text);
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(columns(text))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_begins_a_line() {
        let pieces = ["one", "two", "three"].map(str::to_owned);
        let flowed = |width| {
            let mut out = "> ".to_owned();
            flow(&mut out, &pieces, ", ", "  ", 2, width);
            out
        };
        assert_eq!(flowed(None), "> one, two, three");
        assert_eq!(flowed(Some(17)), "> one, two, three");
        assert_eq!(flowed(Some(16)), "> one, two,\n  three");
        assert_eq!(flowed(Some(1)), "> one,\n  two,\n  three");
    }
}
