//! Several threads tell what one tells, byte for byte: each capture in each form, with what may end or change a story
//! in the middle.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
mod common;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{LinkType, Next, Source};
use bridgetap::time::Timestamp;
use common::{bridgetap, capture, captures, pcap_header, pcap_packet, root, say};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const FORMS: [&[&str]; 8] = [
    &[],
    &["--packets"],
    &["--json"],
    &["--json", "--packets"],
    &["--summary"],
    &["--json", "--summary"],
    &["--hops", "--explain", "-e"],
    &["--ladder"],
];

/// What a command writes, and says, and how it ends.
#[derive(PartialEq, Eq)]
struct Ended {
    out: Vec<u8>,
    messages: String,
    code: Option<i32>,
}

fn ended(command: &mut Command) -> Ended {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    Ended { out: output.stdout, messages, code: output.status.code() }
}

/// One thread and several do the same.
fn assert_same(what: &str, command: impl Fn() -> Command) -> Ended {
    let alone = ended(command().args(["--threads", "1"]));
    for threads in ["2", "3"] {
        let beside = ended(command().args(["--threads", threads]));
        assert_eq!(beside.messages, alone.messages, "{what}, {threads} threads");
        assert_eq!(beside.code, alone.code, "{what}, {threads} threads");
        if beside.out != alone.out {
            let (ours, theirs) = (String::from_utf8_lossy(&beside.out), String::from_utf8_lossy(&alone.out));
            let differs = ours.lines().zip(theirs.lines()).enumerate().find(|(_, (ours, theirs))| ours != theirs);
            panic!("{what}: {threads} threads tell {} bytes, one {}: {differs:?}", beside.out.len(), alone.out.len());
        }
    }
    alone
}

fn replay(files: &[&Path], arguments: &[&str]) -> Ended {
    let what = format!("{files:?} {arguments:?}");
    assert_same(&what, || {
        let mut command = bridgetap();
        command.arg("replay").args(arguments).args(files);
        command
    })
}

fn latency(file: &Path, arguments: &[&str]) -> Ended {
    assert_same(&format!("latency of {} {arguments:?}", file.display()), || {
        let mut command = bridgetap();
        command.arg("latency").args(arguments).arg(file);
        command
    })
}

#[test]
fn every_capture_in_every_form() {
    for file in captures() {
        for arguments in FORMS {
            assert_eq!(replay(&[&file], arguments).code, Some(0));
        }
        latency(&file, &["--json"]);
        latency(&file, &["--hops"]);
    }
}

#[test]
fn all_captures_together() {
    let files = captures();
    let files: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    for arguments in [&[][..], &["--packets", "--json"], &["--summary"]] {
        replay(&files, arguments);
    }
}

#[test]
fn what_ends_in_the_middle() {
    for name in ["nginx-flask-redis", "ping-by-name"] {
        for count in ["1", "7", "12", "100000"] {
            for arguments in [&["-c", count][..], &["-c", count, "--summary"], &["-c", count, "--packets"]] {
                replay(&[&capture(name)], arguments);
            }
            latency(&capture(name), &["-c", count, "--json"]);
        }
    }
}

#[test]
fn filters_and_names() {
    let web = capture("nginx-flask-redis");
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, "172.18.0.2 somebody\n172.19.0.3 another\n").unwrap();
    let hosts = hosts.to_str().unwrap();
    for arguments in [
        &["--filter", "tcp port 6379"][..],
        &["--filter", "host nginx", "--summary"],
        &["--filter", "host nobody-at-all"],
        &["--filter", "port port"],
        &["--filter", "tcp", "-c", "5"],
        &["--from", "nginx"],
        &["--kind", "dns", "--summary"],
        &["--from", "nobody-at-all", "--packets"],
        &["--hosts", hosts],
        &["--hosts", hosts, "--packets", "-n"],
        &["--names", "service"],
        &["--max-flows", "2", "--max-pending", "1"],
    ] {
        replay(&[&web], arguments);
    }
}

#[test]
fn what_is_written_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let written = ["1", "2"].map(|threads| {
        let file = folder.path().join("out.pcapng");
        let mut command = bridgetap();
        command.arg("replay").arg(capture("nginx-flask-redis")).arg("-w").arg(&file);
        let ended = ended(command.args(["--force", "--print", "--threads", threads]));
        assert_eq!(ended.code, Some(0), "{}", ended.messages);
        (ended.out, std::fs::read(file).unwrap())
    });
    assert!(written[0] == written[1]);
}

#[test]
fn files_that_are_cut_or_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cut.pcapng");
    let bytes = std::fs::read(capture("nginx-flask-redis")).unwrap();
    for part in 1..24 {
        std::fs::write(&file, &bytes[..bytes.len() * part / 24]).unwrap();
        replay(&[&file], &[]);
        replay(&[&file], &["--summary"]);
        replay(&[&file, &capture("ping-by-name")], &["--packets"]);
        let mut damaged = bytes.clone();
        damaged[bytes.len() * part / 24..][..4].fill(0xff);
        std::fs::write(&file, &damaged).unwrap();
        replay(&[&file], &["--json"]);
        replay(&[&file], &["--json", "--summary"]);
    }
    replay(&[&folder.path().join("nothing")], &[]);
    for file in std::fs::read_dir(root().join("tests/fuzzed/pcapng")).into_iter().flatten().take(40) {
        replay(&[&file.unwrap().path()], &[]);
    }
}

#[test]
fn captures_that_other_tools_are_tested_with() {
    let Some(folder) = std::env::var_os("BRIDGETAP_CORPUS") else {
        return say("BRIDGETAP_CORPUS is not set: the corpus is left out");
    };
    let mut files = Vec::new();
    for folder in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        files.extend(
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()),
        );
    }
    files.sort();
    assert!(files.len() > 100, "only {} files", files.len());
    for (index, file) in files.iter().enumerate().filter(|(index, _)| index % 9 == 0) {
        replay(&[file], FORMS[index / 9 % FORMS.len()]);
    }
}

/// A capture of many batches: all Ethernet frames of the sample captures, again and again, a minute later each time.
fn large(rounds: u64) -> Vec<u8> {
    let mut frames = Vec::new();
    for file in captures() {
        let mut source = FileSource::open(&file, 0).unwrap();
        let mut first = None;
        loop {
            match source.next().unwrap() {
                Next::Frame(frame, _) if frame.link == LinkType::ETHERNET => {
                    let since = frame.at.since(*first.get_or_insert(frame.at));
                    frames.push((since, frame.wire_len, frame.bytes.to_vec()));
                }
                Next::End => break,
                _ => {}
            }
        }
    }
    frames.sort_by_key(|(since, ..)| *since);
    let mut bytes = pcap_header(LinkType::ETHERNET);
    for round in 0..rounds {
        let begins = Timestamp::from_parts(1_700_000_000 + 60 * round, 0);
        for (since, wire_len, frame) in &frames {
            bytes.extend(pcap_packet(begins + *since, *wire_len, frame));
        }
    }
    bytes
}

#[test]
fn captures_of_many_batches() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.pcap");
    let mut bytes = large(12);
    std::fs::write(&file, &bytes).unwrap();
    for arguments in FORMS {
        replay(&[&file], arguments);
    }
    replay(&[&file], &["-c", "10001", "--summary"]);
    replay(&[&file], &["-c", "10001"]);
    latency(&file, &["--json"]);
    // Many taps, whose times step back, and many interfaces.
    let sections = std::fs::read(capture("nginx-flask-redis")).unwrap().repeat(200);
    std::fs::write(&file, sections).unwrap();
    replay(&[&file], &[]);
    replay(&[&file], &["--packets"]);
    replay(&[&file], &["--summary"]);
    bytes.truncate(bytes.len() - 5);
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(replay(&[&file], &["--summary"]).code, Some(1));
}

#[test]
fn who_reads_no_more_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.pcap");
    std::fs::write(&file, large(40)).unwrap();
    for form in [&["--packets"][..], &["--json"]] {
        let command = &mut bridgetap();
        command.arg("replay").args(form).args(["--threads", "2"]).arg(&file);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{form:?}");
    }
}

#[test]
fn a_signal_ends_it_with_the_summary_of_what_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.pcap");
    std::fs::write(&file, large(40)).unwrap();
    let whole = ended(bridgetap().args(["replay", "--packets", "--threads", "1"]).arg(&file));
    let whole = String::from_utf8(whole.out).unwrap();
    let command = &mut bridgetap();
    command.args(["replay", "--packets", "--threads", "2"]).arg(&file);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut log = vec![0; 1024];
    out.read_exact(&mut log).unwrap();
    // It waits by now, or soon, for somebody to read on.
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    out.read_to_end(&mut log).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let log = String::from_utf8(log).unwrap();
    let (lines, summary) = log.split_once("\n\n").unwrap();
    assert!(whole.starts_with(lines) && log.len() < whole.len() / 2, "{} of {} bytes", log.len(), whole.len());
    let packets = lines.lines().count();
    assert!(summary.contains(&format!("\n{packets} packets")), "{packets}: {summary}");
}
