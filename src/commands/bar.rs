//! Lines at the end of a terminal that say how far it is. Messages are written above them, and they leave nothing behind.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressStyle};

use super::Messages;

/// How far it is, on the terminal that messages go to.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Below all messages.
    pub fn new(messages: &mut Messages) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let out = std::mem::replace(&mut messages.0, Box::new(io::sink()));
        messages.0 = Box::new(Above { bar: bar.clone(), out });
        Self(bar)
    }

    /// Shows it, in place of what was shown before.
    pub fn show(&self, lines: String) {
        self.0.set_message(lines);
        self.0.tick();
    }

    /// Takes it away.
    pub fn clear(self) {
        self.0.finish_and_clear();
    }
}

/// Writes above the bar.
struct Above {
    bar: ProgressBar,
    out: Box<dyn Write + Send>,
}

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let out = &mut self.out;
        self.bar.suspend(|| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
