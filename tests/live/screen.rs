//! A terminal with a scroll-back, for a program that draws on it: what a person sees there, and what is left above.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::unistd::ttyname;

use super::lab::{eventually, output};

/// A program in a terminal of its own, whose keys are its own too: Ctrl-C is a key here. Killed when dropped.
pub struct Screen {
    child: Child,
    master: File,
    /// The path of the terminal.
    name: PathBuf,
    cells: Arc<Mutex<Cells>>,
    reader: Option<JoinHandle<()>>,
}

/// What is on it, and above it.
struct Cells {
    rows: usize,
    columns: usize,
    /// Every line that there was; the last `rows` at most are on the screen.
    lines: Vec<Vec<char>>,
    /// The first line on the screen.
    top: usize,
    row: usize,
    column: usize,
    /// Whether what is too wide goes on in the next line.
    breaks: bool,
    /// All that was written, as it came.
    written: Vec<u8>,
    /// How many of those bytes were looked at.
    seen: usize,
}

impl Screen {
    /// Runs the program there.
    pub fn begin(command: &Command, rows: u16, columns: u16) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(Some(&size), None).expect("a terminal");
        let end = || terminal.slave.try_clone().expect("a file");
        let name = ttyname(&terminal.slave).expect("a name");
        // In a session of its own, whose terminal this is.
        let mut inner = Command::new("setsid");
        inner.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inner.env(name, value),
                None => inner.env_remove(name),
            };
        }
        let child = inner.stdin(end()).stdout(end()).stderr(end()).spawn().expect("setsid");
        // The terminal ends when nobody has it open any more, so this process must not.
        drop((inner, terminal.slave));
        let master = File::from(terminal.master);
        let cells = Arc::new(Mutex::new(Cells::new(rows, columns)));
        let (mut from, to) = (master.try_clone().expect("a file"), Arc::clone(&cells));
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            // Linux says EIO where a file would say that it has ended.
            while let Ok(length @ 1..) = from.read(&mut chunk) {
                to.lock().expect("no panic").write(&chunk[..length]);
            }
        });
        Self { child, master, name, cells, reader: Some(reader) }
    }

    fn cells(&self) -> MutexGuard<'_, Cells> {
        self.cells.lock().expect("what is written is understood")
    }

    /// The lines on the screen, without blanks at their ends.
    pub fn shown(&self) -> Vec<String> {
        let cells = self.cells();
        cells.text(cells.top)
    }

    /// The same, with all that has scrolled away.
    pub fn all(&self) -> Vec<String> {
        self.cells().text(0)
    }

    /// Waits until a line on the screen has that.
    pub fn until(&self, part: &str) {
        self.until_so(part, |shown| shown.iter().any(|line| line.contains(part)));
    }

    /// Waits until the lines on the screen are so.
    pub fn until_so(&self, what: &str, is_so: impl Fn(&[String]) -> bool) {
        let begin = Instant::now();
        while !is_so(&self.shown()) {
            assert!(begin.elapsed() < Duration::from_secs(20), "no {what} on\n{}", self.all().join("\n"));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Another size, as when somebody pulls at the window.
    pub fn resize(&self, rows: u16, columns: u16) {
        let mut cells = self.cells();
        let size = ["rows", &rows.to_string(), "cols", &columns.to_string()];
        output(Command::new("stty").arg("-F").arg(&self.name).args(size));
        cells.resize(rows.into(), columns.into());
    }

    pub fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("a key");
    }

    /// Waits until it ends: its exit code, and all that it wrote, as it came.
    pub fn ended(&mut self) -> (Option<i32>, String) {
        let mut code = None;
        eventually("the program ends", || match self.child.try_wait().expect("a child") {
            Some(status) => {
                code = status.code();
                true
            }
            None => false,
        });
        if let Some(reader) = self.reader.take() {
            reader.join().expect("what is written is understood");
        }
        (code, String::from_utf8(self.cells().written.clone()).expect("text"))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Its session ends with it: setsid alone would leave the program behind.
        let _ = self.master.write_all(b"\x03\x03");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Cells {
    fn new(rows: u16, columns: u16) -> Self {
        let (rows, columns) = (rows.into(), columns.into());
        Self {
            rows,
            columns,
            lines: vec![Vec::new()],
            top: 0,
            row: 0,
            column: 0,
            breaks: true,
            written: Vec::new(),
            seen: 0,
        }
    }

    fn text(&self, from: usize) -> Vec<String> {
        let text = |line: &Vec<char>| line.iter().collect::<String>().trim_end().to_owned();
        self.lines[from..].iter().map(text).collect()
    }

    /// As xterm has it: what does not fit any more goes up, or is cut off at the right.
    fn resize(&mut self, rows: usize, columns: usize) {
        (self.rows, self.columns) = (rows, columns);
        let gone = (self.row + 1).saturating_sub(rows);
        self.top += gone;
        self.row -= gone;
        self.column = self.column.min(columns - 1);
        for line in &mut self.lines[self.top..] {
            line.truncate(columns);
        }
    }

    /// Takes what is whole of the bytes so far: half a character or sequence waits for the rest.
    fn write(&mut self, bytes: &[u8]) {
        self.written.extend_from_slice(bytes);
        let rest = self.written[self.seen..].to_vec();
        let text = match std::str::from_utf8(&rest) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).expect("valid so far"),
        };
        let mut left = text;
        while let Some(char) = left.chars().next() {
            let length = match char {
                '\x1b' => match sequence(left) {
                    Some(length) => length,
                    None => break,
                },
                _ => char.len_utf8(),
            };
            match char {
                '\x1b' => self.obey(&left[..length]),
                _ => self.put(char),
            }
            left = &left[length..];
            self.seen += length;
        }
    }

    fn put(&mut self, char: char) {
        match char {
            '\r' => self.column = 0,
            '\n' => self.feed(),
            _ if char.is_control() => panic!("{char:?} in {:?}", String::from_utf8_lossy(&self.written)),
            // All that is drawn here is one column wide.
            _ => {
                if self.column >= self.columns && !self.breaks {
                    self.column = self.columns - 1;
                }
                if self.column >= self.columns {
                    self.column = 0;
                    self.feed();
                }
                let (line, column) = (self.top + self.row, self.column);
                let line = &mut self.lines[line];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = char;
                self.column += 1;
            }
        }
    }

    fn feed(&mut self) {
        if self.row + 1 < self.rows {
            self.row += 1;
        } else {
            self.top += 1;
        }
        let needed = self.top + self.row + 1;
        self.lines.resize(self.lines.len().max(needed), Vec::new());
    }

    /// The sequences of ECMA-48 that move or erase.
    fn obey(&mut self, sequence: &str) {
        let (inner, last) = sequence[2..].split_at(sequence.len() - 3);
        let number = inner.parse().unwrap_or(1);
        match last {
            "A" => self.row = self.row.saturating_sub(number),
            "B" => self.row = (self.row + number).min(self.rows - 1),
            "C" => self.column = (self.column + number).min(self.columns - 1),
            "D" => self.column = self.column.saturating_sub(number),
            "K" if inner == "2" => self.lines[self.top + self.row].clear(),
            "K" if inner.is_empty() || inner == "0" => self.lines[self.top + self.row].truncate(self.column),
            "J" if inner.is_empty() || inner == "0" => {
                self.lines[self.top + self.row].truncate(self.column);
                self.lines.truncate(self.top + self.row + 1);
            }
            "m" => {}
            "h" | "l" if inner == "?7" => self.breaks = last == "h",
            "h" | "l" if inner.starts_with("?25") => {}
            _ => panic!("{sequence:?} in {:?}", String::from_utf8_lossy(&self.written)),
        }
        let needed = self.top + self.row + 1;
        self.lines.resize(self.lines.len().max(needed), Vec::new());
    }
}

/// How long the control sequence is that the text begins with, if it is whole.
fn sequence(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("\x1b[");
    assert!(inner.is_some() || text.len() < 2, "{text:?} is no control sequence");
    inner?.find(|char: char| char.is_ascii_alphabetic()).map(|at| at + 3)
}
