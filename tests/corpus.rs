//! Runs the program on captures that other tools are tested with, many of them broken on purpose.
//!
//! They are other projects' files and not kept here: `BRIDGETAP_CORPUS` names a folder with them. Each file in each form
//! is told or refused with a message, in time and with little memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
mod common;

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{bridgetap, say};
use nix::sys::resource::{UsageWho, getrusage};

/// The arguments of each form, and whether each line is a JSON object.
const FORMS: [(&[&str], bool); 5] =
    [(&[], false), (&["-n"], false), (&["--json"], true), (&["--packets"], false), (&["--packets", "--json"], true)];
/// No file takes longer.
const LONGEST: Duration = Duration::from_secs(10);
/// The most memory that the program may have used, in KiB.
const MOST_KIB: i64 = 200 * 1024;
/// Programs that run at once.
const AT_ONCE: usize = 2;

/// What is wrong with how the program told a file in one form.
fn fault(file: &Path, arguments: &[&str], json: bool) -> Result<(), String> {
    let (mut log, mut messages) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let status = run(file, arguments, &log, &messages)?;
    let (log, messages) = (contents(&mut log), contents(&mut messages));
    let messages = String::from_utf8(messages).map_err(|_| "the messages are no UTF-8".to_owned())?;
    let log = String::from_utf8(log).map_err(|_| "the log is no UTF-8".to_owned())?;
    match status.code() {
        Some(0) if messages.is_empty() => {}
        Some(0) => return Err(format!("exit code 0, but {messages:?}")),
        Some(1) if !messages.lines().all(|line| line.starts_with("bridgetap: ")) || messages.is_empty() => {
            return Err(format!("exit code 1 with {messages:?}"));
        }
        Some(1) => {}
        code => return Err(format!("exit code {code:?}, signal {:?}: {messages}", status.signal())),
    }
    if let Some(char) = (log.chars().chain(messages.chars())).find(|char| char.is_control() && *char != '\n') {
        return Err(format!("{char:?} is written as it is"));
    }
    if json && let Some(line) = log.lines().find(|line| serde_json::from_str::<serde_json::Value>(line).is_err()) {
        return Err(format!("no JSON: {line}"));
    }
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    if used > MOST_KIB {
        return Err(format!("this or one before it used {used} KiB"));
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the test measures how long the program takes")]
fn run(file: &Path, arguments: &[&str], log: &File, messages: &File) -> Result<ExitStatus, String> {
    let mut command = bridgetap();
    command.arg("replay").args(arguments).arg(file).stdin(Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(messages.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let end = Instant::now() + LONGEST;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Ok(status);
        }
        if Instant::now() > end {
            child.kill().unwrap();
            child.wait().unwrap();
            return Err(format!("not done after {LONGEST:?}"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn contents(file: &mut File) -> Vec<u8> {
    let mut contents = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut contents).unwrap();
    contents
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_text = path.extension().is_some_and(|extension| extension == "tsv" || extension == "md");
        if path.is_dir() {
            found.extend(captures(&path));
        } else if !is_text {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_file_of_the_corpus_is_told_or_refused() {
    let Some(folder) = std::env::var_os("BRIDGETAP_CORPUS").filter(|value| !value.is_empty()).map(PathBuf::from) else {
        say("NOT RUN: set BRIDGETAP_CORPUS to a folder of captures");
        return;
    };
    let files = captures(&folder);
    assert!(!files.is_empty(), "{} holds no captures", folder.display());
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for (arguments, json) in FORMS {
                        if let Err(fault) = fault(file, arguments, json) {
                            faults.lock().unwrap().push(format!("{} {arguments:?}: {fault}", file.display()));
                        }
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    say(&format!("{} files in {} forms, {used} KiB at most", files.len(), FORMS.len()));
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
