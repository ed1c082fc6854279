//! The machine's one lab, and what the real programs in it say.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The lab with some of its scenarios; taken down when dropped, so also when a test fails.
pub struct Lab {
    _alone: MutexGuard<'static, ()>,
}

impl Lab {
    pub fn up(scenarios: &[&str]) -> Self {
        // A test that failed has taken its lab down, so the next may go on.
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let lab = Self { _alone: alone };
        output(Command::new(script()).arg("up").args(scenarios));
        lab
    }

    /// A container beside those of the scenarios; it goes with them.
    #[expect(clippy::unused_self, reason = "there are containers only while there is a lab")]
    pub fn run(&self, name: &str, options: &[&str], image_and_command: &[&str]) {
        let fixed = ["run", "-d", "--pull=never", "--label", "bridgetap.lab=1", "--stop-timeout=0", "--name", name];
        let resolver = ["--dns", "10.88.0.2", "--dns-search", "."];
        docker(&[&fixed[..], &resolver, options, image_and_command].concat());
    }

    /// A network beside those of the scenarios; it goes with them.
    #[expect(clippy::unused_self, reason = "there are networks only while there is a lab")]
    pub fn network(&self, name: &str, options: &[&str]) {
        docker(&[&["network", "create", "--label", "bridgetap.lab=1"], options, &[name]].concat());
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let down = Command::new(script()).arg("down").output();
        if !down.as_ref().is_ok_and(|down| down.status.success()) {
            eprintln!("the lab is not down: {down:?}");
        }
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab.sh")
}

/// The socket of the daemon that the docker command talks to.
pub fn daemon() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    PathBuf::from(host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock"))
}

/// What a command printed, trimmed; it must succeed.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What the docker command printed; it must succeed.
pub fn docker(arguments: &[&str]) -> String {
    output(Command::new("docker").args(arguments))
}

/// What a command in a container printed, both to standard output and error, whether it succeeded or not.
pub fn exec(container: &str, command: &str) -> String {
    let shell = ["exec", container, "sh", "-c", &format!("{{ {command}; }} 2>&1")].map(str::to_owned);
    let output = Command::new("docker").args(shell).output().expect("the docker command");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The address of a container on a network, by the daemon.
pub fn address(container: &str, network: &str) -> String {
    let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
    docker(&["inspect", "-f", &format, container])
}

/// The bridge of a user-defined network, by the daemon's id of it.
pub fn bridge(network: &str) -> String {
    let id = docker(&["network", "inspect", "-f", "{{.Id}}", network]);
    format!("br-{}", &id[..12])
}

/// A reply as ping printed it.
#[derive(Debug)]
pub struct Reply {
    pub sequence: u64,
    pub nanos: u64,
}

/// The replies of busybox's ping: `64 bytes from 172.18.0.2: seq=0 ttl=64 time=0.081 ms`.
pub fn replies(printed: &str) -> Vec<Reply> {
    printed.lines().filter_map(reply).collect()
}

fn reply(line: &str) -> Option<Reply> {
    let sequence = after(line, "seq=")?.parse().ok()?;
    let (whole, thousandths) = after(line, "time=")?.split_once('.')?;
    let millis: u64 = whole.parse().ok()?;
    let micros: u64 = thousandths.parse().ok()?;
    assert_eq!(thousandths.len(), 3, "{line}");
    Some(Reply { sequence, nanos: (millis * 1000 + micros) * 1000 })
}

/// The word that begins after `begin`.
fn after<'a>(line: &'a str, begin: &str) -> Option<&'a str> {
    line.split_once(begin)?.1.split_whitespace().next()
}

/// A program whose lines are read as it prints them.
pub struct Printing {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Printing {
    pub fn begin(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a program");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    /// Waits for a line with this in it.
    pub fn until(&mut self, part: &str) -> String {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        lines.find(|line| line.contains(part)).unwrap_or_else(|| panic!("it ended without {part:?}"))
    }

    /// Ctrl-C.
    pub fn interrupt(mut self) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(id), Signal::SIGINT).expect("it runs");
        let _ = self.child.wait();
    }

    /// The rest of what it prints.
    pub fn rest(mut self) -> String {
        let rest: Vec<_> = self.lines.by_ref().map_while(Result::ok).collect();
        let _ = self.child.wait();
        rest.join("\n")
    }
}

/// Tries until it is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "not within 30 s: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
