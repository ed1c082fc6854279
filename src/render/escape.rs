//! Makes text from the wire and from the daemon safe to show: it cannot move the cursor, break the line or turn the
//! reading direction.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with everything escaped that does not print as itself: control characters, line and paragraph separators,
/// and the marks that turn the direction of text (Unicode TR 36, 3.2).
pub fn escape(text: &str) -> Cow<'_, str> {
    // Nearly all text is plain ASCII, which needs no look at characters.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if is_hostile(char) {
            // Writing to a String cannot fail.
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(char));
        } else {
            safe.push(char);
        }
    }
    Cow::Owned(safe)
}

fn is_hostile(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor_or_turns_the_text() {
        assert_eq!(escape("web"), "web");
        assert!(matches!(escape("größe"), Cow::Borrowed(_)));
        assert_eq!(escape("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\\u{a}c");
        assert_eq!(escape("x\u{202e}y\u{9b}"), "x\\u{202e}y\\u{9b}");
    }
}
