//! Lines at the end of a terminal that say how far it is. Messages are written above them, and they leave nothing behind.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressStyle};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

use super::Messages;

/// How far it is, on the terminal that messages go to.
pub(super) struct Bar {
    bar: ProgressBar,
    _quiet: Option<Quiet>,
}

impl Bar {
    /// Below all messages.
    pub fn new(messages: &mut Messages) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let out = std::mem::replace(&mut messages.0, Box::new(io::sink()));
        messages.0 = Box::new(Above { bar: bar.clone(), out });
        Self { bar, _quiet: Quiet::new() }
    }

    /// Shows it, in place of what was shown before.
    pub fn show(&self, lines: String) {
        self.bar.set_message(lines);
        self.bar.tick();
    }

    /// Takes it away.
    pub fn clear(self) {
        self.bar.finish_and_clear();
    }
}

/// A terminal that does not show Ctrl-C as `^C` (ECHOCTL, termios(3)): the bar ends at the right edge, so `^C` would
/// begin another line, and one of the bar's would be left behind. Dropped, it is set as before.
struct Quiet(Termios);

impl Quiet {
    /// Nothing where the terminal is not ours: setting it would stop the program (SIGTTOU).
    fn new() -> Option<Self> {
        let before = tcgetattr(io::stderr()).ok().filter(|_| is_ours())?;
        let mut modes = before.clone();
        modes.local_flags.remove(LocalFlags::ECHOCTL);
        tcsetattr(io::stderr(), SetArg::TCSANOW, &modes).ok().map(|()| Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if is_ours() {
            let _ = tcsetattr(io::stderr(), SetArg::TCSANOW, &self.0);
        }
    }
}

/// Whether the shell lets this program have the terminal.
fn is_ours() -> bool {
    tcgetpgrp(io::stderr()).is_ok_and(|group| group == getpgrp())
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
