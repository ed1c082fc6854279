//! `replay --pace`: at the speed of the packets, and by keys on a terminal.
//!
//! Times are held from below, or so generously that a busy machine is no failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

#[path = "common/schema.rs"]
mod checker;
mod common;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use checker::Schema;
use common::{bridgetap, capture};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;
use serde_json::Value;

/// Long enough for anything but what never comes.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the prompts between the lines and after the last one begin with.
const PROMPT: &str = "space next line";
const END: &str = "the end";

#[expect(clippy::disallowed_methods, reason = "a test of waiting")]
fn now() -> Instant {
    Instant::now()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The program with these arguments, whose paces are written `--pace=…`.
fn replay(arguments: &[&str]) -> Command {
    let mut command = bridgetap();
    command.arg("replay").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn log(arguments: &[&str]) -> String {
    let output = replay(arguments).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A terminal of the program's own, with somebody at its keys.
struct Desk {
    child: Child,
    keys: File,
    end: OwnedFd,
    screen: Receiver<Vec<u8>>,
    /// All that was written, and up to where it was looked at.
    written: String,
    looked: usize,
    before: Termios,
}

impl Desk {
    /// Runs a command of the shell in a terminal of 200 columns, in which $0 is the program.
    fn new(command: &str, folder: &Path) -> Self {
        let size = Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(Some(&size), None).unwrap();
        let (end, keys) = (terminal.slave, File::from(terminal.master));
        let before = tcgetattr(&end).unwrap();
        let mut setsid = Command::new("setsid");
        setsid.args(["--ctty", "sh", "-c", command, env!("CARGO_BIN_EXE_bridgetap")]).current_dir(folder);
        setsid.env("TZ", "UTC").env("TERM", "xterm-256color").env_remove("NO_COLOR");
        setsid.stdin(end.try_clone().unwrap()).stdout(end.try_clone().unwrap()).stderr(end.try_clone().unwrap());
        let child = setsid.spawn().expect("setsid of util-linux is there");
        let (sender, screen) = channel();
        let mut output = keys.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut chunk) {
                if sender.send(chunk[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, end, screen, written: String::new(), looked: 0, before }
    }

    /// The replay of a sample capture, by keys.
    fn step(name: &str, arguments: &str) -> Self {
        let file = capture(name);
        Self::new(&format!("exec \"$0\" replay --pace step --color never {arguments} {}", text(&file)), Path::new("/"))
    }

    /// Waits until that is written, behind what was waited for before.
    fn sees(&mut self, expected: &str) {
        let deadline = now() + PATIENCE;
        loop {
            if let Some(at) = self.written[self.looked..].find(expected) {
                self.looked += at + expected.len();
                return;
            }
            let left = deadline.saturating_duration_since(now());
            let more = self.screen.recv_timeout(left);
            let more = more.unwrap_or_else(|_| panic!("{expected:?} is not shown in {:?}", self.written));
            self.written.push_str(std::str::from_utf8(&more).expect("whole characters"));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Presses keys, and waits for the prompt that comes then.
    fn press_until(&mut self, keys: &str, prompt: &str) {
        self.press(keys);
        self.sees(prompt);
    }

    fn modes(&self) -> Termios {
        tcgetattr(&self.end).unwrap()
    }

    /// Waits for the end: the exit code, and what is on the screen then.
    fn ends(mut self) -> (Option<i32>, String) {
        let deadline = now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(now() < deadline, "it does not end: {:?}", self.written),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(self.modes() == self.before, "the terminal is as it was");
        // The terminal is still open here, so nothing says that it was all.
        while let Ok(more) = self.screen.recv_timeout(Duration::from_millis(200)) {
            self.written.push_str(std::str::from_utf8(&more).unwrap());
        }
        (status.code(), on_screen(&self.written))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a terminal shows of it: what was erased is not there any more.
fn on_screen(written: &str) -> String {
    let mut lines = vec![String::new()];
    let mut row = 0;
    let mut rest = written;
    while let Some(char) = rest.chars().next() {
        rest = &rest[char.len_utf8()..];
        match char {
            '\n' => {
                row += 1;
                lines.resize(lines.len().max(row + 1), String::new());
            }
            '\r' => {}
            '\x1b' => {
                let end = rest.find(|char: char| char.is_ascii_alphabetic()).unwrap();
                match &rest[..=end] {
                    "[J" => {
                        lines.truncate(row + 1);
                        lines[row].clear();
                    }
                    up if up.ends_with('A') => row -= up[1..end].parse::<usize>().unwrap(),
                    other => panic!("{other:?} is not to be written without colours"),
                }
                rest = &rest[end + 1..];
            }
            char => lines[row].push(char),
        }
    }
    lines.join("\n")
}

/// The log's first lines, a blank one, and the summary.
fn is_log_and_summary(screen: &str, lines: &[&str], summary: &str) {
    let (log, counts) = screen.split_once("\n\n").unwrap_or_else(|| panic!("no summary in {screen}"));
    assert_eq!(log.lines().collect::<Vec<_>>(), lines);
    assert!(counts.contains(summary), "{counts}");
}

#[test]
fn a_story_goes_on_by_keys() {
    let whole = log(&["--color=never", text(&capture("ping-by-name"))]);
    let lines: Vec<_> = whole.lines().take(6).collect();
    let mut desk = Desk::step("ping-by-name", "");
    desk.sees(PROMPT);
    assert!(desk.modes() != desk.before, "keys come without Enter");
    desk.press_until(" ", PROMPT);
    desk.press_until("?", "without stopping");
    // Over the help, which goes away, to the address resolution, then over all of the pings.
    desk.press_until("e", PROMPT);
    desk.press_until("e", END);
    desk.press_until("b", PROMPT);
    desk.press_until("\x1b[C", PROMPT);
    desk.press("q");
    let (code, screen) = desk.ends();
    assert_eq!(code, Some(0));
    let expected: Vec<_> = [&lines[..], &["… back to the start"], &lines[..2]].concat();
    is_log_and_summary(&screen, &expected, "2 lookups: 2 answered, min ");
}

#[test]
fn the_end_is_the_summary_or_the_start() {
    let whole = log(&["--color=never", text(&capture("ping-by-address"))]);
    let mut desk = Desk::step("ping-by-address", "");
    desk.sees(PROMPT);
    for prompt in [PROMPT, PROMPT, END] {
        desk.press_until("\n", prompt);
    }
    desk.press(" ");
    assert_eq!(desk.ends(), (Some(0), whole));
}

#[test]
fn packets_go_by_to_the_end_of_an_exchange() {
    let whole = log(&["--color=never", "--packets", text(&capture("ping-by-name"))]);
    let lines: Vec<_> = whole.lines().take(6).collect();
    let mut desk = Desk::step("ping-by-name", "--packets");
    desk.sees(PROMPT);
    desk.press_until("e", PROMPT);
    desk.press_until(" ", PROMPT);
    desk.press_until("e", PROMPT);
    desk.press_until("e", PROMPT);
    desk.press("\x03");
    let (code, screen) = desk.ends();
    assert_eq!(code, Some(0));
    is_log_and_summary(&screen, &lines, "2 lookups: 2 answered");
}

#[test]
fn no_prompt_is_in_a_log_that_goes_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = capture("redis-stop-start");
    for arguments in ["", "--json"] {
        let command = format!("exec \"$0\" replay --pace step --color never {arguments} {} > log", text(&file));
        let mut desk = Desk::new(&command, folder.path());
        desk.sees(PROMPT);
        desk.press_until(" ", PROMPT);
        desk.press("g");
        assert_eq!(desk.ends(), (Some(0), String::new()), "nothing is left on the screen");
        let written = std::fs::read_to_string(folder.path().join("log")).unwrap();
        let without_silence = |log: &str| {
            let kept = log.lines().filter(|line| !line.contains("silence")).map(|line| format!("{line}\n"));
            kept.collect::<String>()
        };
        let expected = match arguments {
            "" => log(&[text(&file)]),
            option => log(&[option, text(&file)]),
        };
        assert_eq!(without_silence(&written), expected);
    }
}

#[test]
fn a_pipe_has_no_way_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = capture("ping-by-name");
    let mut desk =
        Desk::new(&format!("cat {} | \"$0\" replay --pace step --color never -", text(&file)), folder.path());
    desk.sees(PROMPT);
    desk.press_until("b", "standard input cannot be read again");
    desk.press_until(" ", PROMPT);
    desk.press("q");
    assert_eq!(desk.ends().0, Some(0));
}

#[test]
fn from_the_start_everything_is_explained_again() {
    let mut desk = Desk::step("ping-by-name", "--explain");
    desk.sees(PROMPT);
    desk.press_until(" ", PROMPT);
    desk.press_until("b", PROMPT);
    desk.press("q");
    let (code, screen) = desk.ends();
    let (before, after) = screen.split_once("… back to the start").unwrap_or_else(|| panic!("{screen}"));
    for part in [before, after] {
        assert_eq!(part.matches("127.0.0.11 is Docker's own name service").count(), 1, "{screen}");
    }
    assert_eq!(
        (code, before.matches("AAAA asks for").count(), after.matches("AAAA asks for").count()),
        (Some(0), 1, 0)
    );
}

#[test]
fn a_file_that_changed_or_is_gone_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lesson.pcapng");
    std::fs::copy(capture("ping-by-name"), &file).unwrap();
    let mut desk = Desk::new("exec \"$0\" replay --pace step --color never lesson.pcapng", folder.path());
    desk.sees(PROMPT);
    std::fs::copy(capture("ping-by-address"), &file).unwrap();
    desk.press_until("b", "lesson.pcapng has changed");
    desk.sees("container_1 → container_2");
    desk.sees(PROMPT);
    desk.press_until("b", "back to the start");
    desk.sees(PROMPT);
    std::fs::remove_file(&file).unwrap();
    desk.press_until("b", "lesson.pcapng: no such file");
    let (code, screen) = desk.ends();
    assert_eq!((code, screen.matches("has changed").count()), (Some(1), 1), "{screen}");
}

#[test]
fn signals_end_a_story_at_its_prompt() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut desk = Desk::step("ping-by-name", "");
        desk.sees(PROMPT);
        kill(Pid::from_raw(desk.child.id().cast_signed()), signal).unwrap();
        let (code, screen) = desk.ends();
        assert_eq!(code, Some(0), "{signal}");
        assert!(screen.contains("1 lookup: 1 answered"), "{signal}: {screen}");
    }
}

#[test]
fn the_shell_gets_its_terminal_back_at_ctrl_z() {
    let file = capture("ping-by-name");
    let command = format!(
        "set -m; \"$0\" replay --pace step --color never {}; stty -a | grep -wo -e '-*icanon'; fg >/dev/null; echo $?",
        text(&file)
    );
    let mut desk = Desk::new(&command, Path::new("/"));
    desk.sees(PROMPT);
    desk.press_until("\x1a", "icanon");
    assert!(!desk.written.contains("-icanon"), "{:?}", desk.written);
    desk.sees(PROMPT);
    desk.press_until(" ", PROMPT);
    desk.press("q");
    let (code, screen) = desk.ends();
    assert_eq!(code, Some(0));
    assert!(screen.contains("2 lookups: 2 answered") && screen.ends_with("\n0\n"), "{screen}");
}

#[test]
fn ctrl_z_without_a_shell_is_no_end() {
    let mut desk = Desk::step("ping-by-name", "");
    desk.sees(PROMPT);
    desk.press_until("\x1a", PROMPT);
    desk.press("q");
    assert_eq!(desk.ends().0, Some(0));
}

#[test]
fn keys_take_a_terminal() {
    let mut command = Command::new("setsid");
    command.arg(env!("CARGO_BIN_EXE_bridgetap")).args(["replay", "--pace", "step", text(&capture("ping-by-name"))]);
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.len()), (Some(2), 0), "{message}");
    assert!(message.contains("no terminal") && message.contains("--pace 1x"), "{message}");
}

#[test]
fn the_packets_speed_takes_the_packets_time() {
    let file = capture("ping-by-name");
    let expected = log(&[text(&file)]);
    let began = now();
    assert_eq!(log(&["--pace=2x", text(&file)]), expected);
    // 2.0006 s from the first line to the last.
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(log(&["--pace=1000000x", "--packets", text(&file)]), log(&["--packets", text(&file)]));
}

#[test]
fn a_story_at_the_packets_speed_can_be_paused() {
    let file = capture("ping-by-name");
    let whole = log(&["--color=never", text(&file)]);
    let lines: Vec<_> = whole.lines().take(5).collect();
    let command = format!("exec \"$0\" replay --pace 0.5x --color never {}", text(&file));
    let mut desk = Desk::new(&command, Path::new("/"));
    desk.sees("seq 0");
    desk.press_until(" ", "paused");
    // Without the pause, the next line would be there after 2 s.
    let next = desk.screen.recv_timeout(Duration::from_millis(2300));
    assert!(next.is_err(), "{next:?}");
    desk.press_until(" ", "seq 1");
    desk.press_until("q", " packets");
    let (code, screen) = desk.ends();
    assert_eq!(code, Some(0));
    is_log_and_summary(&screen, &lines, "2 pings: 2 answered");

    let slow = format!("exec \"$0\" replay --pace 0.2x --color never {}", text(&file));
    for keys in ["q", "\x03", " q", " \x03"] {
        let mut desk = Desk::new(&slow, Path::new("/"));
        desk.sees("seq 0");
        let began = now();
        desk.press(keys);
        desk.sees("1 ping: 1 answered");
        assert!(began.elapsed() < AT_ONCE, "{keys:?}: {:?}", began.elapsed());
        assert_eq!(desk.ends().0, Some(0));
    }
}

/// Starts a replay that waits 5 s before its fifth line, and reads four.
fn waiting() -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = replay(&["--pace=0.2x", text(&capture("ping-by-name"))]).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    for _ in 0..4 {
        log.read_line(&mut line).unwrap();
    }
    assert!(line.lines().count() == 4 && line.contains("seq 0"), "{line}");
    (child, log)
}

/// Far less than the wait, and far more than a busy machine takes.
const AT_ONCE: Duration = Duration::from_millis(2500);

#[test]
fn a_signal_ends_a_wait_with_the_summary() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (child, mut log) = waiting();
        let began = now();
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        let mut rest = String::new();
        log.read_to_string(&mut rest).unwrap();
        assert!(began.elapsed() < AT_ONCE, "{signal}: {:?}", began.elapsed());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
        assert!(rest.starts_with("\n1 ARP request") && rest.contains("\n1 ping: 1 answered"), "{signal}: {rest}");
    }
}

#[test]
fn a_wait_ends_when_nobody_reads() {
    let (child, log) = waiting();
    let began = now();
    drop(log);
    let output = child.wait_with_output().unwrap();
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

/// The second of 1970 and after in which an event was.
fn second(line: &Value) -> u64 {
    let time: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
    u64::try_from(time.as_second()).unwrap()
}

/// The seconds of a capture's first and last events in the log.
fn seconds(file: &Path) -> (u64, u64) {
    let events: Vec<_> = log(&["--json", text(file)])
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["kind"] != "summary")
        .map(|line| second(&line))
        .collect();
    (events[0], *events.last().unwrap())
}

#[test]
fn a_silence_between_two_files_is_shortened_and_said() {
    let schema = Schema::read("output");
    let (one, other) = (capture("ping-by-name"), capture("overlay-two-nodes"));
    // Which of them is the earlier changes when one is recorded anew.
    let (earlier, later) = if seconds(&one).0 < seconds(&other).0 { (one, other) } else { (other, one) };
    let began = now();
    let json = log(&["--pace=100x", "--json", text(&later), text(&earlier)]);
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        schema.check(line).unwrap_or_else(|why| panic!("{line}: {why}"));
    }
    let silent: Vec<_> = (0..lines.len()).filter(|at| lines[*at]["kind"] == "silence").collect();
    let at = *silent.first().expect("a silence");
    assert_eq!(silent.len(), 1, "{json}");
    let times = [at - 1, at + 1].map(|at| second(&lines[at]));
    assert_eq!(times, [seconds(&earlier).1, seconds(&later).0]);
    let took = lines[at]["duration_ns"].as_u64().unwrap() / 1_000_000_000;
    assert!(took.abs_diff(times[1] - times[0]) <= 1, "{took} s between {times:?}");
    assert!(took > 3600, "the captures are to be hours apart");
}
