//! What holds for whatever is written: it is text, and it does nothing to a terminal; JSON is JSON.

use bridgetap::render::Layout;
use serde::de::IgnoredAny;

use super::telling::Told;

/// Checks what was told of `length` bytes of packets. `what` names them.
pub fn assert_told(told: &Told, layout: Layout, length: usize, what: &str) {
    let texts =
        [(&told.text, "text"), (&told.packets, "packets"), (&told.ladders, "ladders"), (&told.joined, "joined")];
    for (log, name) in texts {
        assert_text(log, layout.color, &format!("{what}: {name}"));
    }
    assert_json_lines(&told.json, what);
    assert_json_lines(&told.joined_json, what);
    // So many bytes make at most so much text: nothing repeats itself without end.
    let most = 20_000 + length * 60;
    let (text, json) = (told.text.len() + told.packets.len(), told.json.len());
    assert!(text < most && json < most * 4, "{what}: {text} bytes of text, {json} of JSON from {length}");
    // Some rows for each event, as wide as the terminal, and each stroke is three bytes.
    let ladders = told.ladders.len();
    assert!(ladders < most * 12, "{what}: {ladders} bytes of ladders from {length}");
}

/// UTF-8 without control characters but line feeds, and without what turns or hides text. `color` allows escape sequences
/// of colours and of nothing else.
pub fn assert_text(bytes: &[u8], color: bool, what: &str) {
    // Nearly all of it is this.
    if bytes.iter().all(|byte| matches!(byte, b'\n' | b' '..=b'~')) {
        return;
    }
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if color && char == '\x1b' {
            assert_eq!(chars.next(), Some('['), "{what}: an escape sequence that is no colour");
            let end = chars.find(|char| !char.is_ascii_digit() && *char != ';');
            assert_eq!(end, Some('m'), "{what}: an escape sequence that is no colour");
            continue;
        }
        assert!(!is_hostile(char), "{what}: {char:?} in {text:?}");
    }
}

/// A JSON object in each line, which is harmless text as well: what JSON itself lets pass is escaped too.
pub fn assert_json_lines(bytes: &[u8], what: &str) {
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let is_json = line.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(line).is_ok();
        assert!(is_json, "{what}: {}", String::from_utf8_lossy(line));
    }
    assert_text(bytes, false, what);
}

/// Characters that a terminal acts upon, and those of Unicode that turn the direction of text, break lines or are not
/// seen.
fn is_hostile(char: char) -> bool {
    (char.is_control() && char != '\n')
        || matches!(char, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
