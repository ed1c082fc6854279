//! The real `bridgetap watch`, whose log is read line by line with a clock.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::lab::eventually;

/// No ending may take longer.
const ENDING: Duration = Duration::from_secs(5);

/// A line of the log, and when it came out of the pipe, in nanoseconds since 1970.
#[derive(Clone, Debug)]
pub struct Line {
    pub arrived: u64,
    pub text: String,
}

type Lines = Arc<Mutex<Vec<Line>>>;

/// A bridgetap that runs; killed when dropped.
pub struct Watching {
    child: Child,
    log: Lines,
    said: Lines,
    readers: Vec<JoinHandle<()>>,
}

/// What one left when it ended.
pub struct Ended {
    pub code: Option<i32>,
    /// How long the ending took.
    pub took: Duration,
    pub text: String,
    /// The messages to the user.
    pub said: String,
    lines: Vec<Line>,
}

/// `bridgetap` with these arguments.
pub fn bridgetap(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridgetap"));
    command.args(arguments);
    command
}

impl Watching {
    /// `bridgetap watch --json TARGET…`, from when it watches.
    pub fn json(targets: &[&str]) -> Self {
        Self::begin(&mut bridgetap(&[&["watch", "--json"], targets].concat()))
    }

    /// `bridgetap watch TARGET…`, from when it watches.
    pub fn text(targets: &[&str]) -> Self {
        Self::begin(&mut bridgetap(&[&["watch"], targets].concat()))
    }

    /// From when it watches.
    pub fn begin(command: &mut Command) -> Self {
        Self::begin_with(command, |pipe, log| Some(read(pipe, log)))
    }

    /// With a log that nobody can read, as behind `head` when it has ended.
    pub fn begin_unread(command: &mut Command) -> Self {
        Self::begin_with(command, |_, _| None)
    }

    /// From when it waits for what it is to watch.
    pub fn waiting(command: &mut Command) -> Self {
        Self::begin_saying(command, "bridgetap: waiting for ", |pipe, log| Some(read(pipe, log)))
    }

    /// From when it sends probes.
    pub fn probing(command: &mut Command) -> Self {
        Self::waiting_for(command, "; Ctrl-C ends")
    }

    /// From when it says that.
    pub fn waiting_for(command: &mut Command, said: &str) -> Self {
        Self::begin_saying(command, said, |pipe, log| Some(read(pipe, log)))
    }

    fn begin_with(command: &mut Command, reader: impl Fn(ChildStdout, Lines) -> Option<JoinHandle<()>>) -> Self {
        Self::begin_saying(command, "bridgetap: watching ", reader)
    }

    fn begin_saying(
        command: &mut Command,
        said: &str,
        reader: impl Fn(ChildStdout, Lines) -> Option<JoinHandle<()>>,
    ) -> Self {
        let begins = said;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bridgetap");
        let (log, said) = (Lines::default(), Lines::default());
        let messages = read(child.stderr.take().expect("a pipe"), Arc::clone(&said));
        let log_reader = reader(child.stdout.take().expect("a pipe"), Arc::clone(&log));
        let readers = log_reader.into_iter().chain([messages]).collect();
        let mut watching = Self { child, log, said, readers };
        eventually("bridgetap watches", || {
            let ended = watching.child.try_wait().expect("a child");
            assert!(ended.is_none(), "it ended: {}", watching.said());
            watching.said().contains(begins)
        });
        watching
    }

    /// What it said to the user so far.
    pub fn said(&self) -> String {
        text(&self.said.lock().expect("no panic"))
    }

    pub fn wait_said(&self, part: &str) {
        eventually(&format!("it says {part:?}"), || self.said().contains(part));
    }

    /// Waits for so many objects that satisfy it.
    pub fn wait_for(&self, what: &str, count: usize, is_it: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut found = Vec::new();
        eventually(&format!("{count} times {what}"), || {
            found = objects(&self.log.lock().expect("no panic")).map(|(_, object)| object).filter(&is_it).collect();
            found.len() >= count
        });
        found
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(id), signal).expect("it runs");
    }

    /// Ctrl-C, and what it leaves.
    pub fn end(self) -> Ended {
        self.signal(Signal::SIGINT);
        self.ended()
    }

    /// Waits until it ends by itself.
    pub fn ended(mut self) -> Ended {
        let begin = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status.code();
            }
            assert!(begin.elapsed() < ENDING, "it does not end; it said {}", self.said());
            thread::sleep(Duration::from_millis(5));
        };
        let took = begin.elapsed();
        for reader in self.readers.drain(..) {
            reader.join().expect("the pipe was read to its end");
        }
        let lines = std::mem::take(&mut *self.log.lock().expect("no panic"));
        Ended { code, took, text: text(&lines), said: self.said(), lines }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The objects of the log, without the summary.
    pub fn objects(&self) -> Vec<Value> {
        objects(&self.lines).map(|(_, object)| object).filter(|object| object["kind"] != "summary").collect()
    }

    /// The objects that satisfy it.
    pub fn filter(&self, is_it: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.objects().into_iter().filter(is_it).collect()
    }

    /// The last object, which must be the summary.
    pub fn summary(&self) -> Value {
        let (_, last) = objects(&self.lines).last().expect("a log");
        assert_eq!(last["kind"], "summary", "{}", self.text);
        last
    }

    /// How late the lines were: of what was answered, since its last packet.
    pub fn delays(&self) -> Vec<Duration> {
        let answered = |object: &Value| object["outcome"] == "answered" || object["outcome"] == "opened";
        let late = |(arrived, object): (u64, Value)| {
            let known = nanos(&object["time"]) + object["latency_ns"].as_u64()?;
            Some(Duration::from_nanos(arrived.saturating_sub(known)))
        };
        objects(&self.lines).filter(|(_, object)| answered(object)).filter_map(late).collect()
    }
}

/// Whether an object is of this kind, between these names.
pub fn between(object: &Value, kind: &str, client: &str, server: &str) -> bool {
    object["kind"] == kind && object["client"]["name"] == client && object["server"]["name"] == server
}

/// Nanoseconds since 1970 of an RFC 3339 time.
pub fn nanos(time: &Value) -> u64 {
    let time: jiff::Timestamp = time.as_str().expect("a time").parse().expect("RFC 3339");
    u64::try_from(time.as_nanosecond()).expect("after 1970")
}

fn objects(lines: &[Line]) -> impl Iterator<Item = (u64, Value)> {
    let object = |line: &Line| serde_json::from_str(&line.text).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    lines.iter().map(move |line| (line.arrived, object(line)))
}

fn read(pipe: impl Read + Send + 'static, into: Lines) -> JoinHandle<()> {
    thread::spawn(move || {
        for text in BufReader::new(pipe).lines().map_while(Result::ok) {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            let arrived = u64::try_from(since.as_nanos()).expect("before 2554");
            into.lock().expect("no panic").push(Line { arrived, text });
        }
    })
}

fn text(lines: &[Line]) -> String {
    lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect()
}
