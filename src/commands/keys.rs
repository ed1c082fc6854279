//! The keys of `--pace step`: from the bytes that a terminal sends to what they ask for.

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The next line.
    Next,
    /// On to the end of the next exchange.
    Exchange,
    /// Back to the start.
    Back,
    /// On without stopping.
    GoOn,
    /// The end, with the summary.
    Quit,
    /// Which keys there are.
    Help,
    /// The shell: Ctrl-Z.
    Suspend,
}

/// Reads keys byte by byte. A key that sends several bytes may come in pieces.
#[derive(Debug, Default)]
pub(super) struct Reader {
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Plain,
    /// After ESC.
    Escape,
    /// Inside of `ESC [ …` (ECMA-48, 5.4) or `ESC O …`, with the last parameter's digit.
    Sequence(u8),
}

impl Reader {
    /// Takes a byte. `None` where it is no key of ours, or not a whole one.
    pub fn take(&mut self, byte: u8) -> Option<Key> {
        match (self.state, byte) {
            (_, ESCAPE) => {
                self.state = State::Escape;
                None
            }
            (State::Escape, b'[' | b'O') => {
                self.state = State::Sequence(0);
                None
            }
            // The final byte of a sequence is from @ to ~.
            (State::Sequence(digit), b'@'..=b'~') => {
                self.state = State::Plain;
                final_byte(byte, digit)
            }
            (State::Sequence(_), digit) => {
                self.state = State::Sequence(digit);
                None
            }
            (State::Plain | State::Escape, _) => {
                self.state = State::Plain;
                plain(byte)
            }
        }
    }
}

const ESCAPE: u8 = 0x1b;
/// Ctrl-C, Ctrl-D, and Ctrl-Z.
const INTERRUPT: u8 = 3;
const END: u8 = 4;
const SUSPEND: u8 = 0x1a;

const fn plain(byte: u8) -> Option<Key> {
    Some(match byte.to_ascii_lowercase() {
        b' ' | b'\n' | b'\r' | b'n' => Key::Next,
        b'e' => Key::Exchange,
        b'b' => Key::Back,
        b'g' | b'c' => Key::GoOn,
        b'q' | INTERRUPT | END => Key::Quit,
        b'?' | b'h' => Key::Help,
        SUSPEND => Key::Suspend,
        _ => return None,
    })
}

/// → and Home, the latter in every form that terminals send.
const fn final_byte(byte: u8, digit: u8) -> Option<Key> {
    match (byte, digit) {
        (b'C', _) => Some(Key::Next),
        (b'H', _) | (b'~', b'1' | b'7') => Some(Key::Back),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut reader = Reader::default();
        bytes.iter().filter_map(|byte| reader.take(*byte)).collect()
    }

    #[test]
    fn every_key_is_known() {
        assert_eq!(keys(b" \n\rnN"), [Key::Next; 5]);
        assert_eq!(keys(b"\x1b[C\x1bOC"), [Key::Next; 2]);
        assert_eq!(keys(b"bB\x1b[H\x1bOH\x1b[1~\x1b[7~"), [Key::Back; 6]);
        assert_eq!(
            keys(b"eEgGcC?h"),
            [Key::Exchange, Key::Exchange, Key::GoOn, Key::GoOn, Key::GoOn, Key::GoOn, Key::Help, Key::Help]
        );
        assert_eq!(keys(b"q\x03\x04\x1a"), [Key::Quit, Key::Quit, Key::Quit, Key::Suspend]);
    }

    #[test]
    fn other_keys_do_nothing() {
        // F5, Page Down, ←, ↑, Shift-F1, letters, UTF-8.
        assert_eq!(keys("\x1b[15~\x1b[6~\x1b[D\x1b[A\x1b[1;2P xyzä→".as_bytes()), [Key::Next]);
        assert_eq!(keys(b"\x1bq"), [Key::Quit], "a single Esc does not hide the next key");
        assert_eq!(keys(b"\x1b\x1b[C"), [Key::Next]);
    }

    #[test]
    fn hostile_bytes_never_panic() {
        let bytes: Vec<u8> = (0..=255).chain((0..=255).rev()).flat_map(|byte| [ESCAPE, b'[', byte, byte]).collect();
        assert!(keys(&bytes).contains(&Key::Quit));
    }
}
