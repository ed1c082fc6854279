//! The terminal that keys are read from: a key at a time, not echoed, and with a prompt that goes away again.
//!
//! It is the process's own terminal, `/dev/tty`, for standard input may be the capture and standard output a file. How
//! it was set is restored when this is dropped, before a stop by Ctrl-Z, and before a second Ctrl-C ends the program.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgrp, tcgetpgrp};
use unicode_width::UnicodeWidthChar;

use super::audience::{Audience, Heard};
use super::keys::{Key, Reader};
use super::pace::{Answer, Keys, PAUSED, Rest};
use super::signals;
use crate::render::escape::escape;

/// How often it is looked whether the terminal is ours, and as we set it.
const LOOK_AROUND: Duration = Duration::from_millis(50);
/// The width of a terminal that does not say it.
const WIDTH: usize = 80;
/// A control character that nothing is (`_POSIX_VDISABLE`, termios(3)).
const DISABLED: u8 = 0;

/// The terminal of the process.
pub(super) struct Terminal {
    tty: File,
    modes: Arc<Modes>,
    audience: Audience,
    reader: Reader,
    /// Bytes that were read and not yet looked at.
    typed: VecDeque<u8>,
    /// How many lines the prompt takes that is on the screen.
    shown: usize,
    look: Look,
}

/// What a prompt may be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// It knows control sequences (ECMA-48).
    pub has_sequences: bool,
    /// Write the prompt dim.
    pub is_dim: bool,
}

/// How the terminal was set before.
struct Modes {
    tty: File,
    before: Mutex<Option<Termios>>,
}

impl Modes {
    /// Whether the shell lets this program have the terminal; if not, it must not be touched.
    fn are_ours(&self) -> bool {
        tcgetpgrp(&self.tty).is_ok_and(|group| group == getpgrp())
    }

    /// Whether keys come when they are pressed. A shell may have set the terminal while this program was stopped.
    fn give_keys(&self) -> bool {
        let lines = LocalFlags::ICANON | LocalFlags::ECHO;
        tcgetattr(&self.tty).is_ok_and(|modes| !modes.local_flags.intersects(lines))
    }

    /// Has keys come when they are pressed. Ctrl-C stays a signal; Ctrl-Z becomes a key, so that the terminal is in order
    /// before the program stops.
    fn take_keys(&self) {
        let Ok(before) = tcgetattr(&self.tty) else { return };
        let mut modes = before.clone();
        modes.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        for (index, value) in [
            (SpecialCharacterIndices::VMIN, 1),
            (SpecialCharacterIndices::VTIME, 0),
            (SpecialCharacterIndices::VSUSP, DISABLED),
            (SpecialCharacterIndices::VQUIT, DISABLED),
        ] {
            if let Some(place) = modes.control_chars.get_mut(index as usize) {
                *place = value;
            }
        }
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        let _ = tcsetattr(&self.tty, SetArg::TCSANOW, &modes);
    }

    /// Sets the terminal as it was. Where the shell has it, the shell sets it.
    fn restore(&self) {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(before) = before.filter(|_| self.are_ours()) {
            let _ = tcsetattr(&self.tty, SetArg::TCSANOW, &before);
        }
    }
}

impl Terminal {
    /// The terminal of the process, with the log at `out`, which is taken. Sets `stop` when the program is asked to end.
    ///
    /// # Errors
    /// The process has no terminal.
    pub fn open(out: &mut Option<OwnedFd>, stop: &Arc<AtomicBool>, look: Look) -> io::Result<Self> {
        let tty = File::options().read(true).write(true).open("/dev/tty")?;
        let modes = Arc::new(Modes { tty: tty.try_clone()?, before: Mutex::new(None) });
        let (ending, last) = (Arc::clone(stop), Arc::clone(&modes));
        signals::listen_until(move || ending.store(true, Ordering::Relaxed), move || last.restore());
        if modes.are_ours() {
            modes.take_keys();
        }
        let audience = Audience::new(out.take(), Arc::clone(stop));
        Ok(Self { tty, modes, audience, reader: Reader::default(), typed: VecDeque::new(), shown: 0, look })
    }

    /// The next key that was typed already.
    fn typed(&mut self) -> Option<Key> {
        while let Some(byte) = self.typed.pop_front() {
            if let Some(key) = self.reader.take(byte) {
                return Some(key);
            }
        }
        None
    }

    /// Rests for that long, at most, or until the story is to end. Space makes it a pause, which lasts until the next one.
    pub fn rest(&mut self, longest: Duration) -> Rest {
        let heard = self.listen("", longest);
        match heard.or_else(|| self.typed().map(Answer::Key)) {
            Some(Answer::Key(Key::Next)) => self.pause(),
            Some(Answer::Key(Key::Suspend)) => {
                self.suspend();
                Rest::Over
            }
            Some(Answer::Key(Key::Quit) | Answer::Stopped) => Rest::Stopped,
            Some(Answer::Unread) => Rest::Unread,
            Some(Answer::Key(_)) | None => Rest::Over,
        }
    }

    /// Waits for the key that ends a pause.
    fn pause(&mut self) -> Rest {
        loop {
            match self.ask(PAUSED) {
                Answer::Key(Key::Next | Key::GoOn) => return Rest::Over,
                Answer::Key(Key::Quit) | Answer::Stopped => return Rest::Stopped,
                Answer::Unread => return Rest::Unread,
                Answer::Key(_) => {}
            }
        }
    }

    /// Waits for that long, at most. An answer, where that was not a key.
    fn listen(&mut self, prompt: &str, longest: Duration) -> Option<Answer> {
        let is_ours = self.modes.are_ours();
        if is_ours && !self.modes.give_keys() {
            self.modes.take_keys();
            self.shown = 0;
            self.show(prompt);
        }
        match self.audience.wait(longest, is_ours.then(|| self.tty.as_fd())) {
            Heard::Nothing => None,
            Heard::Stopped => Some(Answer::Stopped),
            Heard::Unread => Some(Answer::Unread),
            Heard::Keys => self.read(),
        }
    }

    /// Reads what was typed. A terminal that is gone is the end.
    fn read(&mut self) -> Option<Answer> {
        let mut bytes = [0; 64];
        match self.tty.read(&mut bytes) {
            Ok(length @ 1..) => {
                self.typed.extend(bytes.iter().take(length));
                None
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Ok(0) | Err(_) => Some(Answer::Stopped),
        }
    }

    /// Stops as Ctrl-Z would have it, with the terminal as the shell knows it. When the shell gives it back, or does not
    /// stop programs, [`Terminal::listen`] finds that keys must be taken again.
    fn suspend(&mut self) {
        self.hide();
        self.modes.restore();
        let _ = kill(Pid::from_raw(0), Signal::SIGTSTP);
        // By now it has stopped, if it is to: not with the terminal taken again.
        let _ = self.audience.wait(LOOK_AROUND, None);
    }

    fn show(&mut self, prompt: &str) {
        let width = terminal_size::terminal_size_of(&self.tty).map_or(WIDTH, |(width, _)| usize::from(width.0));
        let text = drawn(prompt, width, self.look);
        self.shown = prompt.lines().count();
        let _ = self.tty.write_all(text.as_bytes());
    }

    fn hide(&mut self) {
        let shown = std::mem::take(&mut self.shown);
        if shown > 0 {
            let width = terminal_size::terminal_size_of(&self.tty).map_or(WIDTH, |(width, _)| usize::from(width.0));
            let _ = self.tty.write_all(erased(shown, width, self.look).as_bytes());
        }
    }
}

impl Keys for Terminal {
    fn ask(&mut self, prompt: &str) -> Answer {
        self.show(prompt);
        let answer = loop {
            match self.typed() {
                Some(Key::Suspend) => self.suspend(),
                Some(key) => break Answer::Key(key),
                None => {}
            }
            if let Some(answer) = self.listen(prompt, LOOK_AROUND) {
                break answer;
            }
        };
        self.hide();
        answer
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.hide();
        self.modes.restore();
    }
}

/// A prompt as it is written: no line as wide as the terminal, which would go on in the next one.
fn drawn(prompt: &str, width: usize, look: Look) -> String {
    let (dim, plain) = if look.is_dim { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
    let mut text = String::new();
    for (number, line) in prompt.lines().enumerate() {
        text.push_str(if number > 0 { "\n" } else { "" });
        let _ = write!(text, "{dim}{}{plain}", cut(&escape(line), width.saturating_sub(1)));
    }
    text
}

/// What takes so many lines of a prompt away. Without control sequences, only the last one can be.
fn erased(lines: usize, width: usize, look: Look) -> String {
    match (look.has_sequences, lines) {
        (true, 1) => "\r\x1b[J".to_owned(),
        (true, _) => format!("\x1b[{}A\r\x1b[J", lines - 1),
        (false, _) => format!("\r{}\r", " ".repeat(width.saturating_sub(1))),
    }
}

/// As much of a text as fits into so many columns.
fn cut(text: &str, columns: usize) -> &str {
    let mut width = 0;
    let end = text.char_indices().find(|(_, char)| {
        width += char.width().unwrap_or(0);
        width > columns
    });
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::super::pace;
    use super::*;

    const PLAIN: Look = Look { has_sequences: true, is_dim: false };

    #[test]
    fn a_prompt_never_fills_a_line() {
        assert_eq!(drawn("abc · def", 80, PLAIN), "abc · def");
        assert_eq!(drawn("abc · def", 6, PLAIN), "abc ·");
        assert_eq!(drawn("→→\nb", 2, Look { is_dim: true, ..PLAIN }), "\x1b[2m→\x1b[0m\n\x1b[2mb\x1b[0m");
        assert_eq!(drawn("漢字", 4, PLAIN), "漢");
        assert_eq!(drawn("abc", 0, PLAIN), "");
        assert_eq!(drawn("a\x1b[2Jb", 80, PLAIN), "a\\u{1b}[2Jb");
    }

    #[test]
    fn a_prompt_goes_away() {
        assert_eq!(erased(1, 80, PLAIN), "\r\x1b[J");
        assert_eq!(erased(3, 80, PLAIN), "\x1b[2A\r\x1b[J");
        assert_eq!(erased(1, 5, Look { has_sequences: false, is_dim: false }), "\r    \r");
    }

    #[test]
    fn the_prompts_fit_an_old_terminal() {
        for prompt in [pace::PROMPT, pace::END, pace::PAUSED, pace::HELP] {
            for line in prompt.lines() {
                assert_eq!(drawn(line, 80, PLAIN), line);
            }
        }
    }
}
