//! Names in files: reversibly percent-encoded (RFC 3986, 2.1), so that none breaks a line, a field or a terminal.

use std::borrow::Cow;
use std::fmt::Write;

use crate::hostile::is_hostile;

/// The text with `%` and everything encoded that moves a cursor, breaks a line or turns the direction of text, and the
/// given characters.
pub fn encode(text: &str, also: impl Fn(char) -> bool) -> Cow<'_, str> {
    let needs = |char: char| char == '%' || is_hostile(char) || also(char);
    if !text.chars().any(needs) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if !needs(char) {
            encoded.push(char);
            continue;
        }
        for byte in char.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Cow::Owned(encoded)
}

/// What was encoded; `None` where it is not encoded text.
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Names that break what is careless.
#[cfg(test)]
pub const HOSTILE: [&str; 12] = [
    "a,b",
    "a\"b\"",
    "a\nb",
    "a\r\nb",
    "\u{1b}[2J",
    "x\u{202e}y",
    "100%",
    "%41",
    "a;b c",
    "größe",
    "",
    "=1+1,Tag=\u{9b}",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for name in HOSTILE {
            let encoded = encode(name, |char| ",; ".contains(char));
            assert!(!encoded.contains([',', ';', ' ', '\n', '\r', '\u{1b}', '\u{9b}', '\u{202e}']), "{encoded}");
            assert_eq!(decode(&encoded).as_deref(), Some(name));
        }
        assert!(matches!(encode("web", |_| false), Cow::Borrowed("web")));
        for broken in ["%", "a%1", "%zz", "%+1", "%ff", "%é1"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
