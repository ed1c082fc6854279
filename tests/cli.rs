//! What a person meets at the command line: wrong files, wrong flags, pipes, habits from tcpdump, the help.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use common::golden::{compare, diff};
use common::{bridgetap, capture, captures, stem};
use flate2::{Compression, write::GzEncoder};

/// What the program did.
struct Ran {
    code: Option<i32>,
    log: String,
    messages: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(!messages.contains("panicked") && !messages.contains("RUST_BACKTRACE"), "{messages}");
        let log = String::from_utf8(output.stdout).unwrap();
        assert!(!log.contains("panicked"), "{log}");
        Self { code: output.status.code(), log, messages }
    }
}

fn run(arguments: &[&str]) -> Ran {
    bridgetap().args(arguments).stdin(Stdio::null()).output().unwrap().into()
}

/// Runs in a folder of its own with that file in it.
fn with_file(name: &str, bytes: &[u8], arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    bridgetap().current_dir(&folder).args(arguments).stdin(Stdio::null()).output().unwrap().into()
}

fn fed(bytes: &[u8], arguments: &[&str]) -> Ran {
    let mut child = start(arguments);
    let mut stdin = child.stdin.take().unwrap();
    // Who has read enough may hang up.
    let _ = stdin.write_all(bytes);
    drop(stdin);
    child.wait_with_output().unwrap().into()
}

fn start(arguments: &[&str]) -> Child {
    let mut command = bridgetap();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The whole log of a sample capture.
fn log(name: &str, arguments: &[&str]) -> String {
    let file = capture(name);
    let ran = run(&[&["replay"], arguments, &[text(&file)]].concat());
    assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""), "{arguments:?}");
    ran.log
}

fn assert_same(actual: &str, expected: &str, what: &str) {
    assert!(actual == expected, "{what}:\n{}", diff(expected, actual));
}

/// One message that holds all of these, under the program's name.
fn assert_says(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}", ran.messages);
    assert_eq!(ran.messages.lines().count(), 1, "{}", ran.messages);
    assert!(ran.messages.starts_with("bridgetap: "), "{}", ran.messages);
    for part in parts {
        assert!(ran.messages.contains(part), "{part:?} is missing in {}", ran.messages);
    }
}

#[test]
fn a_file_that_is_not_there_has_a_neighbour() {
    let ran = with_file("ping-by-name.pcapng", b"", &["replay", "ping-by-nam.pcapng"]);
    assert_says(&ran, 1, &["ping-by-nam.pcapng: no such file", "ping-by-name.pcapng?"]);
    assert_eq!(ran.log, "");
    let ran = with_file("a.pcap", b"", &["replay", "something-else-altogether"]);
    assert_says(&ran, 1, &["something-else-altogether: no such file"]);
    assert!(!ran.messages.contains("did you mean"), "{}", ran.messages);
}

#[test]
fn what_is_no_capture_is_refused_with_what_it_looks_like() {
    assert_says(&with_file("x.pcap", b"01:34:48 IP a > b: ICMP\n", &["replay", "x.pcap"]), 1, &["x.pcap", "text"]);
    assert_says(&with_file("x.pcap", b"", &["replay", "x.pcap"]), 1, &["x.pcap", "empty"]);
    assert_says(&with_file("x.pcap", b"", &["replay", "."]), 1, &["directory"]);
    let noise: Vec<u8> = (0..2000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert_says(&with_file("x.pcap", &noise, &["replay", "x.pcap"]), 1, &["x.pcap", "not a pcap or pcapng file"]);
    assert_says(&fed(b"", &["replay", "-"]), 1, &["standard input", "empty"]);
}

#[test]
fn a_hostile_file_name_cannot_write_to_the_terminal() {
    let ran = run(&["replay", "\x1b[2J\nnot-there"]);
    assert_says(&ran, 1, &["\\u{1b}[2J", "not-there: no such file"]);
}

#[test]
fn a_cut_file_keeps_what_was_read() {
    let whole = std::fs::read(capture("ping-by-name")).unwrap();
    let fifth = packet_blocks(&whole)[4];
    let ran = with_file("cut.pcapng", &whole[..fifth + 32], &["replay", "cut.pcapng"]);
    let byte = format!("byte {},{:03}", fifth / 1000, fifth % 1000);
    assert_says(&ran, 1, &["cut.pcapng", "packet 5", &byte, "4 packets"]);
    let expected = log("ping-by-name", &["-c", "4"]);
    assert_same(&ran.log, &expected, "the log of the four packets before the cut");
    assert_eq!(ran.log.lines().filter(|line| line.contains("DNS")).count(), 2, "{}", ran.log);
}

#[test]
fn wrong_flags_are_usage_errors() {
    for wrong in [
        &["replay", "--wrong", "x"][..],
        &["replay"],
        &[],
        &["nonsense"],
        &["replay", "-c", "0", "x"],
        &["replay", "-c", "three", "x"],
        &["replay", "--color", "blue", "x"],
        &["replay", "--packets", "--summary", "x"],
        &["replay", "--explain", "--summary", "x"],
        &["replay", "--ladder", "--json", "x"],
        &["replay", "--ladder", "--summary", "x"],
        &["replay", "-", "-"],
        &["replay", "--pace", "fast", "x"],
        &["replay", "--pace", "0x", "x"],
        &["replay", "--pace", "1x", "--summary", "x"],
        &["watch", "--for", "soon"],
    ] {
        let ran = run(wrong);
        assert_eq!((ran.code, ran.log.as_str()), (Some(2), ""), "{wrong:?}: {}", ran.messages);
        assert!(!ran.messages.is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_count_ends_the_log() {
    let three = log("ping-by-name", &["-c", "3"]);
    assert!(three.contains("\n3 packets"), "{three}");
    assert_eq!(three.lines().next(), log("ping-by-name", &[]).lines().next());
    assert_same(&log("ping-by-name", &["-c", "9999"]), &log("ping-by-name", &[]), "more than there are");
    let packets = log("ping-by-name", &["-c", "3", "--packets"]);
    assert_eq!(packets.split("\n\n").next().unwrap().lines().count(), 3, "{packets}");
}

#[test]
fn a_summary_is_the_end_of_the_log() {
    let (summary, whole) = (log("redis-stop-start", &["--summary"]), log("redis-stop-start", &[]));
    assert!(whole.ends_with(&format!("\n\n{summary}")), "{summary}");
    assert_eq!(log("redis-stop-start", &["--summary", "--json"]).lines().count(), 1);
}

#[test]
fn numbers_instead_of_names() {
    let numeric = log("ping-by-name", &["-n"]);
    assert!(numeric.contains("172.18.0.3 → 172.18.0.2") && !numeric.contains("container_b"), "{numeric}");
    assert_same(&log("ping-by-name", &["-nn"]), &numeric, "as tcpdump's -nn");
}

#[test]
fn link_level_shows_mac_addresses() {
    let with = log("ping-by-address", &["-e"]);
    assert!(with.contains("container_1 (02:42:ac:11:00:02) → container_2 (02:42:ac:11:00:03)"), "{with}");
    assert!(!log("ping-by-address", &[]).contains("(02:42"));
}

#[test]
fn quiet_lines_are_shorter() {
    let (quiet, long) = (log("ping-by-name", &["-q"]), log("ping-by-name", &[]));
    assert_eq!(quiet.lines().count(), long.lines().count());
    assert!(quiet.len() < long.len(), "{quiet}");
}

#[test]
fn habits_from_tcpdump_work() {
    let file = capture("ping-by-name");
    let (named, numeric) = (log("ping-by-name", &[]), log("ping-by-name", &["-n"]));
    for (arguments, expected) in [
        (&["-r", text(&file)][..], &named),
        (&["-nr", text(&file)], &numeric),
        (&["-n", "-r", text(&file)], &numeric),
        (&["-nnr", text(&file)], &numeric),
        (&["replay", "-r", text(&file)], &named),
    ] {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""), "{arguments:?}");
        assert_same(&ran.log, expected, &format!("{arguments:?}"));
    }
}

#[test]
fn several_files_are_one_log_in_the_order_of_time() {
    let (later, earlier) = (capture("ping-by-name"), capture("ping-by-address"));
    let ran = run(&["replay", text(&later), text(&earlier)]);
    assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""));
    assert!(ran.log.contains("\n20 packets"), "{}", ran.log);
    let times: Vec<_> = ran.log.lines().take_while(|line| !line.is_empty()).map(|line| &line[..15]).collect();
    assert_eq!(times.len(), 10, "{}", ran.log);
    assert!(times.is_sorted(), "{}", ran.log);
    assert!(ran.log.contains("container_1 → container_2"), "{}", ran.log);
    assert!(ran.log.contains("container_b → container_a"), "{}", ran.log);
}

#[test]
fn each_file_keeps_its_own_names() {
    let (later, earlier) = (capture("ping-by-name"), capture("ping-by-address"));
    let ran = run(&["replay", text(&later), text(&earlier)]);
    let lookup = ran.log.lines().find(|line| line.contains("DNS")).unwrap();
    assert!(lookup.contains("container_b → docker-dns"), "{lookup}");
}

#[test]
fn one_wrong_file_of_several_does_not_hide_the_others() {
    let file = capture("ping-by-name");
    let ran = run(&["replay", text(&file), "gone.pcap"]);
    assert_says(&ran, 1, &["gone.pcap: no such file"]);
    assert_same(&ran.log, &log("ping-by-name", &[]), "the file that is there");
}

#[test]
fn a_pipe_and_a_gzip_give_the_same_log() {
    for file in captures() {
        let expected = log(stem(&file), &[]);
        let bytes = std::fs::read(&file).unwrap();
        let ran = fed(&bytes, &["replay", "-"]);
        assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""));
        assert_same(&ran.log, &expected, "from a pipe");

        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&bytes).unwrap();
        let gzip = gzip.finish().unwrap();
        let ran = with_file("some.pcapng.gz", &gzip, &["replay", "some.pcapng.gz"]);
        assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""));
        assert_same(&ran.log, &expected, "gzipped");
        assert_same(&fed(&gzip, &["replay", "-"]).log, &expected, "gzipped, from a pipe");
    }
}

#[test]
fn nobody_reading_any_more_is_no_failure() {
    let bytes = std::fs::read(capture("redis-stop-start")).unwrap();
    for arguments in [&["replay", "-"][..], &["replay", "--json", "-"], &["replay", "--packets", "-"]] {
        let mut child = start(arguments);
        let mut stdin = child.stdin.take().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        // Half of the file, so that there is a line to read and much more to come.
        let half = bytes.len() / 2;
        stdin.write_all(&bytes[..half]).unwrap();
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        drop(log);
        let _ = stdin.write_all(&bytes[half..]);
        drop(stdin);
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// Where the packets begin in a pcapng file, which is little-endian: its Enhanced Packet Blocks.
fn packet_blocks(bytes: &[u8]) -> Vec<usize> {
    let (mut packets, mut at) = (Vec::new(), 0);
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().unwrap()));
    while let (Some(kind), Some(length)) = (number(at), number(at + 4)) {
        if kind == 6 {
            packets.push(at);
        }
        at += length as usize;
    }
    assert_eq!(at, bytes.len(), "the blocks end where the file does");
    packets
}

#[test]
fn a_live_pipe_is_told_while_it_is_open() {
    let bytes = std::fs::read(capture("ping-by-name")).unwrap();
    let packets = packet_blocks(&bytes);
    // To behind most of the packets, and to the middle of a block.
    let half = packets[packets.len() * 3 / 4] + 10;
    let mut child = start(&["replay", "-"]);
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || stdout.lines().for_each(|line| sender.send(line.unwrap()).unwrap()));
    let mut stdin = child.stdin.take().unwrap();
    for piece in bytes[..half].chunks(200) {
        stdin.write_all(piece).unwrap();
        stdin.flush().unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut told = Vec::new();
    for _ in 0..3 {
        let line = lines.recv_timeout(Duration::from_secs(10)).expect("a line while the pipe is open");
        told.push(line);
    }
    assert!(child.try_wait().unwrap().is_none(), "it waits for more");
    stdin.write_all(&bytes[half..]).unwrap();
    drop(stdin);
    told.extend(lines.iter());
    reader.join().unwrap();
    let mut messages = String::new();
    child.stderr.take().unwrap().read_to_string(&mut messages).unwrap();
    assert_eq!((child.wait().unwrap().code(), messages.as_str()), (Some(0), ""));
    assert_same(&format!("{}\n", told.join("\n")), &log("ping-by-name", &[]), "piece by piece");
}

#[test]
fn ctrl_c_ends_a_pipe_that_is_silent_with_the_summary() {
    let bytes = std::fs::read(capture("ping-by-name")).unwrap();
    let mut child = start(&["replay", "-"]);
    let mut stdin = child.stdin.take().unwrap();
    // All but the end of the last block: it is left in the middle of a record, which is nobody's fault.
    stdin.write_all(&bytes[..bytes.len() - 10]).unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    log.read_line(&mut first).unwrap();
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let (mut rest, mut messages) = (String::new(), String::new());
    log.read_to_string(&mut rest).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut messages).unwrap();
    assert_eq!((child.wait().unwrap().code(), messages.as_str()), (Some(0), ""));
    assert!(rest.contains(" packets"), "{rest}");
    drop(stdin);
}

#[test]
fn the_help_is_as_it_was() {
    let mut wrong = Vec::new();
    for (name, arguments) in [
        ("help.txt", &["--help"][..]),
        ("help-replay.txt", &["replay", "--help"]),
        ("help-watch.txt", &["watch", "--help"]),
        ("help-record.txt", &["record", "--help"]),
        ("help-networks.txt", &["networks", "--help"]),
        ("help-doctor.txt", &["doctor", "--help"]),
    ] {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""));
        assert!(ran.log.lines().all(|line| line.chars().count() <= 100), "{}", ran.log);
        wrong.extend(compare(name, &ran.log).err());
    }
    assert!(wrong.is_empty(), "{}\n\nIf this is meant: BLESS=1 cargo test --test cli", wrong.join("\n\n"));
    assert_eq!(run(&["--version"]).log, concat!("bridgetap ", env!("CARGO_PKG_VERSION"), "\n"));
}
