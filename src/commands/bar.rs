//! Lines at the end of a terminal that say how far it is. Messages are written above them, and they leave nothing behind.
//!
//! The cursor waits on the first of them, and all that is below it is erased for the next drawing. So it does not matter
//! how many lines there are by then: in a window that was made narrower, some terminals break them anew. And the `^C`
//! that a terminal echoes stays within that line. With the cursor behind the last one, as indicatif has it, either of
//! them left a line behind.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Messages;

/// It is drawn no more often: nobody reads faster.
const REDRAW: Duration = Duration::from_millis(50);
/// To the first column, and all from there on is erased (ECMA-48, 8.3.39).
const ERASE: &str = "\r\x1b[J";
/// Lines that are too wide are cut off by the terminal, and not broken (DECAWM).
const CUT: &str = "\x1b[?7l";
const BREAK: &str = "\x1b[?7h";

/// How far it is, on the terminal that messages go to.
pub(super) struct Bar(Shared);

impl Bar {
    /// Below all messages. `None` on a terminal that cannot move its cursor.
    pub fn new(messages: &mut Messages) -> Option<Self> {
        has_sequences().then(|| Self::below(messages))
    }

    fn below(messages: &mut Messages) -> Self {
        let out = std::mem::replace(&mut messages.0, Box::new(io::sink()));
        let shared = Shared(Arc::new(Mutex::new(Drawing { out, lines: String::new(), drawn: None })));
        messages.0 = Box::new(Above { shared: shared.clone(), begun: Vec::new() });
        Self(shared)
    }

    /// Shows lines in place of what was shown before. There are fewer of them than the terminal has.
    pub fn show(&self, lines: String) {
        let mut drawing = self.0.lock();
        let now = monotonic();
        if drawing.lines != lines && drawing.drawn.is_none_or(|drawn| now.duration_since(drawn) >= REDRAW) {
            drawing.lines = lines;
            drawing.drawn = Some(now);
            // That nobody can see it is no reason to stop.
            let _ = drawing.draw(b"");
        }
    }

    /// Takes it away.
    pub fn clear(self) {
        let mut drawing = self.0.lock();
        if !drawing.lines.is_empty() {
            drawing.lines.clear();
            let _ = drawing.draw(b"");
        }
    }
}

/// Whether the terminal knows control sequences (ECMA-48).
pub(super) fn has_sequences() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Drawing>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Drawing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Drawing {
    out: Box<dyn Write + Send>,
    /// What is to be seen; empty is nothing.
    lines: String,
    drawn: Option<Instant>,
}

impl Drawing {
    /// Draws it anew below a text of whole lines. In one write, so that nobody sees half of it.
    fn draw(&mut self, above: &[u8]) -> io::Result<()> {
        let mut drawing = [ERASE.as_bytes(), above].concat();
        if !self.lines.is_empty() {
            let up = match self.lines.matches('\n').count() {
                0 => String::new(),
                lines => format!("\x1b[{lines}A"),
            };
            drawing.extend_from_slice(format!("{CUT}{}{BREAK}\r{up}", self.lines).as_bytes());
        }
        self.out.write_all(&drawing)?;
        self.out.flush()
    }
}

/// Writes above the bar, a line at a time: a message may be written in pieces.
struct Above {
    shared: Shared,
    begun: Vec<u8>,
}

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        if let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') {
            let lines: Vec<u8> = self.begun.drain(..=end).collect();
            let mut drawing = self.shared.lock();
            // Where there is nothing to be above of, a message is as everywhere else.
            if drawing.lines.is_empty() {
                drawing.out.write_all(&lines)?;
            } else {
                drawing.draw(&lines)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.shared.lock().out.flush()
    }
}

/// The clock of the screen.
#[expect(clippy::disallowed_methods, reason = "how often a screen is drawn is no packet's time")]
fn monotonic() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written, in pieces.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }
    }

    #[test]
    fn messages_are_whole_and_above_it() {
        let written = Written::default();
        let mut messages = Messages(Box::new(written.clone()));
        let bar = Bar::below(&mut messages);
        messages.say("watching x");
        assert_eq!(written.take(), "bridgetap: watching x\n");
        bar.show("one\ntwo".to_owned());
        assert_eq!(written.take(), "\r\x1b[J\x1b[?7lone\ntwo\x1b[?7h\r\x1b[1A");
        messages.say("x is gone");
        assert_eq!(written.take(), "\r\x1b[Jbridgetap: x is gone\n\x1b[?7lone\ntwo\x1b[?7h\r\x1b[1A");
        bar.show("one\ntwo".to_owned());
        assert_eq!(written.take(), "", "nothing is new");
        bar.clear();
        assert_eq!(written.take(), "\r\x1b[J");
        messages.say("done");
        assert_eq!(written.take(), "bridgetap: done\n");
    }

    #[test]
    fn a_line_alone_needs_no_way_up() {
        let written = Written::default();
        let bar = Bar::below(&mut Messages(Box::new(written.clone())));
        bar.show("one".to_owned());
        assert_eq!(written.take(), "\r\x1b[J\x1b[?7lone\x1b[?7h\r");
    }
}
