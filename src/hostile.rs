//! Text from the wire, from files and from the daemon, made safe to show: it cannot move the cursor, break the line, turn
//! the reading direction, or hide.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Whether a character moves the cursor, breaks a line, turns the direction of text (Unicode TR 36, 3.2), or is not seen
/// at all, so that two names would look as one: control characters, separators of lines and paragraphs, and what
/// programs may ignore (`Default_Ignorable_Code_Point`, Unicode 17), but for the variation selectors, which emoji have.
pub fn is_hostile(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

/// The text with everything escaped that does not print as itself.
pub fn escape(text: &str) -> Cow<'_, str> {
    // Nearly all text is plain ASCII, which needs no look at characters.
    if is_plain(text) || !text.chars().any(is_hostile) {
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

/// Whether a text is of ASCII that prints, and nothing else: each byte is a column, and nothing is to be escaped.
pub fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(last) = bytes.last_chunk::<8>() else { return bytes.iter().all(|&byte| prints(byte)) };
    // The last eight may be looked at twice.
    bytes.as_chunks().0.iter().all(|&eight| all_print(eight)) && all_print(*last)
}

/// Whether a text has that ASCII character.
pub fn has(text: &str, ascii: u8) -> bool {
    let bytes = text.as_bytes();
    let Some(last) = bytes.last_chunk::<8>() else { return bytes.contains(&ascii) };
    // The last eight may be looked at twice.
    bytes.as_chunks().0.iter().any(|&eight| any_is(eight, ascii)) || any_is(*last, ascii)
}

/// How many bytes there are before the first that is no ASCII that prints.
#[inline]
pub fn plain_prefix(bytes: &[u8]) -> usize {
    let mut plain = 0;
    while let Some(&eight) = bytes.get(plain..).and_then(<[u8]>::first_chunk) {
        let wrong = not_printing(eight);
        if wrong != 0 {
            // The lowest mark is right: what borrows or carries comes from below.
            return plain + (wrong.trailing_zeros() / 8) as usize;
        }
        plain += 8;
    }
    plain + bytes.get(plain..).unwrap_or_default().iter().take_while(|&&byte| prints(byte)).count()
}

const fn prints(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Whether one of eight bytes is that one: of the difference the lowest byte that is 0, and none below it, borrows into
/// its top bit, which it has not itself.
const fn any_is(bytes: [u8; 8], ascii: u8) -> bool {
    let difference = u64::from_le_bytes(bytes) ^ (EACH * ascii as u64);
    difference.wrapping_sub(EACH) & !difference & (EACH * 0x80) != 0
}

/// One in each byte.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Whether eight bytes are all ASCII that prints: the top bit of each of three numbers tells of a byte that is not ASCII,
/// of DEL, and of a byte below the space. A borrow or carry from one byte to the next comes only from one that does not
/// print.
const fn all_print(bytes: [u8; 8]) -> bool {
    not_printing(bytes) == 0
}

/// The top bits of the bytes that do not print; of those behind the first such byte nothing is said.
const fn not_printing(bytes: [u8; 8]) -> u64 {
    let eight = u64::from_le_bytes(bytes);
    let wrong = eight | eight.wrapping_add(EACH) | eight.wrapping_sub(EACH * 0x20);
    wrong & (EACH * 0x80)
}

/// Writes JSON on one line, with everything in its strings escaped that does not print as itself: a terminal may show
/// it, and programs read what was meant.
pub fn write_json(out: &mut (impl Write + ?Sized), value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Escaping))?;
    Ok(())
}

/// The same into memory.
pub fn json(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    // What is written to memory is written, and a struct with names for its members is no error.
    let _ = write_json(&mut bytes, value);
    String::from_utf8(bytes).unwrap_or_default()
}

/// A comment of a file, in which lines are broken, made safe to keep: JSON stays the same JSON, and all else is escaped.
pub fn escape_comment(text: &str) -> Cow<'_, str> {
    let is_hostile = |char| !matches!(char, '\n' | '\r' | '\t') && is_hostile(char);
    if is_plain(text) || !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let is_json = text.trim_start().starts_with('{');
    let mut safe = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        let mut units = [0; 2];
        // Writing to a String cannot fail.
        let _ = match is_hostile(char) {
            false => safe.write_char(char),
            true if is_json => char.encode_utf16(&mut units).iter().try_for_each(|unit| write!(safe, "\\u{unit:04x}")),
            true => write!(safe, "\\u{{{:x}}}", u32::from(char)),
        };
    }
    Cow::Owned(safe)
}

/// `serde_json` escapes what JSON demands, which is less.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        if is_plain(fragment) {
            return out.write_all(fragment.as_bytes());
        }
        let mut plain = 0;
        for (at, char) in fragment.char_indices().filter(|(_, char)| is_hostile(*char)) {
            out.write_all(fragment.get(plain..at).unwrap_or_default().as_bytes())?;
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            plain = at + char.len_utf8();
        }
        out.write_all(fragment.get(plain..).unwrap_or_default().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text() {
        for text in ["web-1_a.b", "größe", "数据", "e\u{301}", "🦀", "❤\u{fe0f}", "→│█", "\u{a0}"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
        for hostile in ['\0', '\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{9b}', '\u{ad}', '\u{200b}', '\u{200d}'] {
            assert!(is_hostile(hostile), "{hostile:?}");
        }
        for hostile in ['\u{2028}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{3164}', '\u{e0041}', '\u{fffb}'] {
            assert!(is_hostile(hostile), "{hostile:?}");
        }
    }

    #[test]
    fn a_character_is_found_in_every_place() {
        for length in 0..40 {
            let text = "9;\u{ba}".repeat(20);
            let text: String = text.chars().take(length).collect();
            assert!(!has(&text, b':'), "{text}");
            for (at, _) in text.char_indices() {
                let mut with = text.clone();
                with.insert(at, ':');
                assert!(has(&with, b':'), "{with}");
            }
        }
    }

    #[test]
    fn what_prints_is_told_in_every_place() {
        for byte in 0..=127_u8 {
            for (before, after) in [(0, 0), (3, 0), (7, 2), (8, 8), (12, 1), (1, 30)] {
                let text = format!("{}{}{}", "~".repeat(before), char::from(byte), " ".repeat(after));
                let plain = matches!(byte, b' '..=b'~');
                assert_eq!(is_plain(&text), plain, "{text:?}");
                assert_eq!(plain_prefix(text.as_bytes()), if plain { text.len() } else { before }, "{text:?}");
            }
        }
        for text in ["", "→", "seven→", "eight ~~→", "0123456789abcdef→x"] {
            assert_eq!(
                (is_plain(text), plain_prefix(text.as_bytes())),
                (text.is_empty(), text.find('→').unwrap_or(0)),
                "{text}"
            );
        }
    }

    #[test]
    fn nothing_moves_the_cursor_or_turns_the_text() {
        assert_eq!(escape("web"), "web");
        assert_eq!(escape("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\\u{a}c");
        assert_eq!(escape("x\u{202e}y\u{9b}"), "x\\u{202e}y\\u{9b}");
    }

    #[test]
    fn comments_keep_their_lines_and_json_stays_json() {
        assert_eq!(escape_comment("two\n\tlines, ü"), "two\n\tlines, ü");
        assert_eq!(escape_comment("two\n\u{1b}[2J\u{202e}"), "two\n\\u{1b}[2J\\u{202e}");
        let json = "{\n \"a\": \"\u{202e}\u{e0041}\u{9b}\"\n}";
        let safe = escape_comment(json);
        assert!(!safe.contains('\u{202e}') && safe.starts_with("{\n"), "{safe}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&safe), read(json));
    }

    #[test]
    fn json_is_what_it_was_and_prints() {
        let text = "a\u{1b}\"\\\n\u{9b}ü\u{202e}\u{e0041}数\u{7f}";
        let json = json(&[text]);
        assert_eq!(json, r#"["a\u001b\"\\\n\u009bü\u202e\udb40\udc41数\u007f"]"#);
        assert_eq!(serde_json::from_str::<[String; 1]>(&json).unwrap(), [text]);
    }
}
