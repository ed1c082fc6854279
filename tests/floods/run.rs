//! The program while it is flooded.

use std::io::{self, Read};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::common::{bridgetap, say};
use super::stream::Stream;

/// What the program may take, in MiB.
const MOST: u64 = 256;
/// The end of what it writes that is kept.
const TAIL: usize = 16 * 1024;

/// What a flood did.
pub struct Flooded {
    /// The end of what it wrote.
    pub end: String,
    /// Its messages.
    pub messages: String,
    /// Its exit code.
    pub code: Option<i32>,
}

impl Flooded {
    /// Says what is not among the lines at the end.
    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        let last = self.end.get(self.end.ceil_char_boundary(self.end.len().saturating_sub(2000))..).unwrap();
        assert!(self.end.contains(words), "{words:?} is not in:\n…{last}\n{}", self.messages);
        self
    }
}

/// Runs the program with what `write` writes as its standard input; checks that it ends, prints no control characters,
/// and takes no more memory than it may.
#[track_caller]
pub fn flood(name: &str, arguments: &[&str], write: impl FnOnce(&mut Stream) -> io::Result<()> + Send) -> Flooded {
    flood_within(MOST, name, arguments, write)
}

/// The same with another bound, in MiB.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "the test measures how long the program takes")]
pub fn flood_within(
    most: u64,
    name: &str,
    arguments: &[&str],
    write: impl FnOnce(&mut Stream) -> io::Result<()> + Send,
) -> Flooded {
    let start = Instant::now();
    let mut child = bridgetap()
        .args(arguments)
        .args(["-r", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (input, mut messages) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    let mut output = child.stdout.take().unwrap();
    let (ended, status_file) = (AtomicBool::new(false), format!("/proc/{}/status", child.id()));
    // It waits for its input, so that it is there to be looked at, however soon it ends then.
    let first = peak_kib(&status_file).unwrap_or_default();
    let (drained, said, peak, status) = std::thread::scope(|threads| {
        threads.spawn(move || {
            let mut stream = Stream::new(Box::new(input)).unwrap();
            // A program that has seen enough reads no more.
            drop(write(&mut stream).and_then(|()| stream.finish()));
        });
        let drained = threads.spawn(move || drain(&mut output));
        let said = threads.spawn(move || {
            let mut said = String::new();
            messages.read_to_string(&mut said).unwrap();
            said
        });
        let peak = threads.spawn(|| {
            let mut peak = first;
            while !ended.load(Ordering::Relaxed) {
                peak = peak_kib(&status_file).unwrap_or(peak);
                std::thread::sleep(Duration::from_millis(2));
            }
            peak
        });
        let status = child.wait().unwrap();
        ended.store(true, Ordering::Relaxed);
        (drained.join().unwrap(), said.join().unwrap(), peak.join().unwrap(), status)
    });
    let (end, written) = drained;
    let took = start.elapsed().as_secs_f64();
    say(&format!("{name}: {} MiB at most, {} MB written, {took:.1} s", peak / 1024, written / 1_000_000));
    let flooded = Flooded { end, messages: said, code: status.code() };
    assert!(!flooded.messages.contains("panicked"), "{name}: {}", flooded.messages);
    assert!(flooded.code.is_some(), "{name}: {status}");
    assert!(peak > 0 && peak < most * 1024, "{name}: {peak} KiB");
    flooded
}

/// The most memory that a process has had so far.
fn peak_kib(status_file: &str) -> Option<u64> {
    let status = std::fs::read_to_string(status_file).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Reads all, and checks it; gives its end and its length.
fn drain(output: &mut impl Read) -> (String, u64) {
    let (mut buffer, mut end, mut written) = (vec![0; 1 << 20], Vec::new(), 0);
    loop {
        let length = output.read(&mut buffer).unwrap();
        if length == 0 {
            return (String::from_utf8_lossy(&end).into_owned(), written);
        }
        written += length as u64;
        let bytes = &buffer[..length];
        let control = bytes.iter().position(|&byte| (byte < b' ' && byte != b'\n') || byte == 0x7f);
        assert_eq!(control, None, "{}", String::from_utf8_lossy(bytes).escape_debug());
        end.extend_from_slice(&bytes[length.saturating_sub(TAIL)..]);
        let excess = end.len().saturating_sub(TAIL);
        end.drain(..excess);
    }
}
