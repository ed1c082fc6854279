//! Faults of what is beside the packets, on real interfaces in namespaces of the test's own: a reader that stalls, a
//! disk that is full, signals.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the lints know tests by their attribute, and these are their helpers; how long a reader stalls is by the clock"
)]
#![allow(dead_code, reason = "other tests take the rest of what they share")]

#[path = "live/lab.rs"]
mod lab;
#[path = "common/pair.rs"]
mod pair;
#[path = "live/watching.rs"]
mod watching;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Next, Source};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pair::{Pair, socket};
use watching::Watching;

/// The port that datagrams go to, which nothing else uses.
const PORT: u16 = 9;
const FILTER: &str = "udp dst port 9";

/// `bridgetap` in the first namespace of a pair. No daemon is asked: there are no containers.
fn bridgetap(pair: &Pair, arguments: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &pair.here, env!("CARGO_BIN_EXE_bridgetap")]).args(arguments);
    command.env("DOCKER_HOST", "unix:///nowhere");
    command
}

/// Sends numbered datagrams, so many each millisecond.
fn send(pair: &Pair, count: u32, each_millisecond: u32) {
    let sender = socket(&pair.here, ("10.99.0.1", 0));
    // It only keeps the sender from being refused.
    let _sink = socket(&pair.there, ("10.99.0.2", PORT));
    sender.connect(("10.99.0.2", PORT)).expect("connect");
    let began = Instant::now();
    for number in 0..count {
        sender.send(&[0; 40]).expect("send");
        if number % each_millisecond == 0 {
            let due = began + Duration::from_millis(u64::from(number / each_millisecond));
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
}

/// A number of kilobytes that the kernel says of a process.
fn kilobytes(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel says it");
    line.trim_start_matches(':').split_whitespace().next().expect("a number").parse().expect("a number")
}

/// The number that a text begins with.
fn first_number(text: &str) -> u64 {
    let word = text.trim_start().split(' ').next().unwrap_or_default().replace(',', "");
    word.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn a_reader_that_stalls_misses_lines_and_the_capture_nothing() {
    const STALL: Duration = Duration::from_secs(10);
    const SENT: u32 = 80_000;
    let pair = Pair::new();
    let arguments = ["watch", "--packets", "-n", "-q", "--filter", FILTER, "if:tap0"];
    let mut child =
        bridgetap(&pair, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bridgetap");
    let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("watching tap0")), "it does not begin");
    let mut log = BufReader::new(child.stdout.take().expect("a pipe"));
    let before = kilobytes(child.id(), "VmRSS");
    let began = Instant::now();
    send(&pair, SENT, 8);
    thread::sleep(STALL.saturating_sub(began.elapsed()));
    assert!(child.try_wait().expect("a child").is_none(), "it has ended");
    let reader = thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).map(|_| text).expect("UTF-8")
    });
    thread::sleep(Duration::from_millis(500));
    let peak = kilobytes(child.id(), "VmHWM");
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("it runs");
    let text = reader.join().expect("the log");
    assert_eq!(child.wait().expect("a child").code(), Some(0), "{:?}", said.collect::<Vec<_>>());
    let (log, summary) = text.split_once("\n\n").expect("a summary");
    let remarks: Vec<_> = log.lines().filter_map(|line| line.strip_prefix("… ")).collect();
    let lost: u64 = remarks.iter().copied().map(first_number).sum();
    let told = (log.lines().count() - remarks.len()) as u64;
    let said_of = |what: &str| summary.lines().find(|line| line.contains(what)).map_or(0, first_number);
    let packets = said_of(" packets, ");
    let (_, dropped) = summary.split_once(" packets, ").expect("a summary");
    let dropped = first_number(dropped);
    println!(
        "{SENT} sent: {packets} seen, {dropped} dropped by the kernel, {told} shown, {lost} said to be missing; \
         {before} KiB before, {peak} KiB at most"
    );
    assert_eq!(packets + dropped, u64::from(SENT), "the capture went on");
    // Of a machine that does much else.
    assert!(dropped < u64::from(SENT) / 4, "the kernel had to drop {dropped}");
    assert!(lost > 0, "the reader did not stall for long enough");
    assert_eq!(lost, said_of("missing above, which came faster than could be shown"), "{summary}");
    assert_eq!(told + lost, packets, "each packet is a line, or one that is said to be missing");
    assert!(peak < 256 * 1024, "{peak} KiB");
}

/// A small disk that only this thread and what it starts can see: it goes with the thread, also when a test fails.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// Runs something that may use a disk of so many KiB.
    fn with(kib: u32, test: impl FnOnce(&Self) + Send + 'static) {
        let on_it = move || {
            unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace of its own");
            lab::output(Command::new("mount").args(["--make-rprivate", "/"]));
            let disk = Self { folder: tempfile::tempdir().expect("a folder") };
            let size = format!("size={kib}k");
            lab::output(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(disk.folder.path()));
            test(&disk);
            lab::output(Command::new("umount").arg("-l").arg(disk.folder.path()));
        };
        thread::spawn(on_it).join().expect("what was to be done on it");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// Leaves so many bytes free.
    fn fill(&self, free: usize) {
        let mut size = 1 << 20;
        let filler = self.path("filler");
        while fs::write(&filler, vec![0; size]).is_err() {
            size -= 4096;
        }
        fs::write(&filler, vec![0; size - free]).expect("it had room before");
    }
}

/// The packets that a capture has, which must be whole.
fn packets(path: &Path) -> u64 {
    let mut source = FileSource::open(path, 0).expect("a capture");
    let mut count = 0;
    loop {
        match source.next().expect("a whole file") {
            Next::Frame(..) => count += 1,
            Next::End => return count,
            Next::Names(_) | Next::Idle(_) => {}
        }
    }
}

fn capture(name: &str) -> String {
    format!("{}/captures/{name}.pcapng", env!("CARGO_MANIFEST_DIR"))
}

fn plain(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridgetap"));
    command.args(arguments).env("DOCKER_HOST", "unix:///nowhere");
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const LOG_FULL: &str = "cannot write the log: the disk is full; make room, or write it elsewhere";
const FULL: &str = "the disk is full, or the file as long as it may be; what was written is kept";

#[test]
#[ignore = "needs root; run by .ci/run"]
fn a_recording_on_a_full_disk_keeps_what_was_written() {
    Disk::with(64, |disk| {
        let pair = Pair::new();
        let file = disk.text("lab.pcapng");
        let mut record = bridgetap(&pair, &["record", "if:tap0", "-w", &file]);
        let recording = Watching::waiting_for(&mut record, "; Ctrl-C ends");
        send(&pair, 3000, 10);
        let ended = recording.ended();
        assert_eq!(ended.code, Some(1), "{}", ended.said);
        assert!(ended.said.contains(&format!("{file}: {FULL}")), "{}", ended.said);
        let kept = packets(&disk.path("lab.pcapng"));
        assert!(kept > 100 && ended.said.contains(&format!("{kept} packets (")), "{kept}: {}", ended.said);

        // With a log beside it, that goes on.
        fs::remove_file(&file).expect("the file");
        let arguments = ["watch", "--json", "if:tap0", "-w", &file];
        let watching = Watching::begin(&mut bridgetap(&pair, &arguments));
        send(&pair, 3000, 10);
        watching.wait_said(&format!("{file}: {FULL}; the log goes on"));
        let _answer = socket(&pair.there, ("10.99.0.2", 7));
        socket(&pair.here, ("10.99.0.1", 0)).send_to(b"after", ("10.99.0.2", 7)).expect("send");
        watching.wait_for("what came later", 1, |object| object["server"]["port"] == 7);
        let ended = watching.end();
        assert_eq!((ended.code, &ended.summary()["kind"]), (Some(1), &"summary".into()), "{}", ended.said);
        assert!(packets(&disk.path("lab.pcapng")) > 100);
    });
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn what_is_made_of_captures_says_that_the_disk_is_full() {
    Disk::with(64, |disk| {
        disk.fill(8192);
        let (large, ping) = (capture("nginx-flask-redis"), capture("ping-by-name"));
        let file = disk.text("cut.pcapng");
        let output = plain(&["replay", &large, "-w", &file]).output().expect("bridgetap");
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(&format!("{file}: {FULL}")), "{}", said(&output));
        assert!(packets(&disk.path("cut.pcapng")) > 0);
        fs::remove_file(&file).expect("the file");

        // Half a table looks like a whole one, so none is left; what stood there before stays.
        disk.fill(4096);
        let (hlog, csv) = (disk.text("run.hlog"), disk.text("run.csv"));
        fs::write(&csv, "the old one").expect("room for that");
        for (arguments, file) in [
            (&["-w", &hlog][..], &hlog),
            (&["-w", &csv, "--force"], &csv),
            (&["-w", &disk.text("run.svg")], &disk.text("run.svg")),
        ] {
            let output = plain(&[&["latency", &ping][..], arguments].concat()).output().expect("bridgetap");
            assert_eq!(output.status.code(), Some(1), "{}", said(&output));
            assert!(said(&output).contains(&format!("{file}: the disk is full")), "{}", said(&output));
            assert!(String::from_utf8_lossy(&output.stdout).contains("p99"), "the table is whole");
        }
        let mut left: Vec<_> =
            fs::read_dir(disk.folder.path()).expect("the disk").flatten().map(|e| e.file_name()).collect();
        left.sort();
        assert_eq!(left, [OsStr::new("filler"), OsStr::new("run.csv")]);
        assert_eq!(fs::read_to_string(&csv).expect("the old file"), "the old one");
    });
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn a_log_that_finds_no_room_says_so() {
    Disk::with(64, |disk| {
        disk.fill(4096);
        let log = || fs::File::create(disk.path("log")).expect("a log");
        let large = capture("mariadb-flask");
        for arguments in [&["replay", "--packets", &large][..], &["replay", "--json", &large]] {
            let output = plain(arguments).stdout(log()).output().expect("bridgetap");
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
            assert!(said(&output).contains(LOG_FULL), "{}", said(&output));
            let kept = fs::read_to_string(disk.path("log")).expect("text");
            assert!(!kept.is_empty() && kept.len() <= 4096, "{}", kept.len());
        }
        let pair = Pair::new();
        let mut watch = bridgetap(&pair, &["watch", "--packets", "if:tap0"]);
        let mut child = watch.stdout(log()).stderr(Stdio::piped()).spawn().expect("bridgetap");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("watching tap0") {
            line.clear();
            assert!(said.read_line(&mut line).expect("a pipe") > 0, "it does not begin");
        }
        send(&pair, 1000, 10);
        assert_eq!(ends(&mut child).and_then(|status| status.code()), Some(1));
        let mut rest = String::new();
        said.read_to_string(&mut rest).expect("a pipe");
        assert!(rest.contains(LOG_FULL), "{rest}");
    });
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn what_a_recording_waits_for_and_what_it_does_not_replace() {
    let (pair, folder) = (Pair::new(), tempfile::tempdir().expect("a folder"));
    let (pipe, file) = (folder.path().join("pipe"), folder.path().join("lab.pcapng"));
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let name = pipe.to_str().expect("UTF-8");
    let recording = Watching::waiting_for(
        &mut bridgetap(&pair, &["record", "if:tap0", "--filter", FILTER, "-w", name]),
        &format!("{name}: a pipe; it begins as soon as somebody reads it"),
    );
    let reader = thread::spawn(move || fs::read(pipe).expect("a capture"));
    recording.wait_said("; Ctrl-C ends");
    send(&pair, 10, 10);
    assert_eq!(recording.end().code, Some(0));
    fs::write(&file, reader.join().expect("no panic")).expect("room");
    assert_eq!(packets(&file), 10);

    let name = file.to_str().expect("UTF-8");
    for arguments in [
        &["record", "if:tap0", "-w", name][..],
        &["watch", "if:tap0", "-w", name],
        &["replay", &capture("ping-by-name"), "-w", name],
    ] {
        let output = bridgetap(&pair, arguments).output().expect("bridgetap");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output).contains("there is such a file already"), "{}", said(&output));
    }
    assert_eq!(packets(&file), 10, "it is as it was");
}

/// Waits for the end, for as long as that may take.
fn ends(child: &mut Child) -> Option<std::process::ExitStatus> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    None
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn signals_leave_whole_files() {
    let (pair, folder) = (Pair::new(), tempfile::tempdir().expect("a folder"));
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let file = folder.path().join(format!("{signal}.pcapng"));
        let name = file.to_str().expect("UTF-8");
        let mut record = bridgetap(&pair, &["record", "if:tap0", "--filter", FILTER, "-w", name]);
        let recording = Watching::waiting_for(&mut record, "; Ctrl-C ends");
        send(&pair, 100, 10);
        recording.signal(signal);
        let ended = recording.ended();
        assert_eq!(ended.code, Some(0), "{signal}: {}", ended.said);
        assert!(ended.said.contains("100 packets ("), "{signal}: {}", ended.said);
        assert_eq!(packets(&file), 100, "{signal}");

        let copy = folder.path().join(format!("{signal}-copy.pcapng"));
        let mut replay = plain(&["replay", "-", "-w", copy.to_str().expect("UTF-8"), "--print"]);
        replay.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = replay.spawn().expect("bridgetap");
        // A pipe that goes on: it is silent after the packets of a file.
        let mut pipe = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut pipe, &fs::read(capture("ping-by-name")).expect("a capture")).expect("it reads");
        let mut log = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("seq 2") {
            line.clear();
            assert!(log.read_line(&mut line).expect("a log") > 0, "it does not tell");
        }
        kill(Pid::from_raw(child.id().cast_signed()), signal).expect("it runs");
        let mut rest = String::new();
        log.read_to_string(&mut rest).expect("a log");
        let status = ends(&mut child).unwrap_or_else(|| panic!("{signal} does not end it"));
        assert_eq!((status.code(), status.signal()), (Some(0), None), "{signal}");
        assert!(rest.contains("3 pings: 3 answered"), "{signal}: {rest}");
        assert_eq!(packets(&copy), packets(Path::new(&capture("ping-by-name"))), "{signal}");
        drop(pipe);
    }
}
