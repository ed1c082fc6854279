//! Every line of JSON that the sample captures give is as docs/output.schema.json says, and has no field that it does
//! not describe.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the lints know tests by their attribute, and these are their helpers"
)]

#[path = "common/schema.rs"]
mod checker;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use checker::{Schema, text};

fn captures() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let entries = fs::read_dir(directory).expect("captures").map(|entry| entry.expect("an entry").path());
    let mut captures: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "pcapng")).collect();
    captures.sort();
    captures
}

fn lines(capture: &Path, options: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridgetap"));
    let output = command.args(["replay", "--json"]).args(options).arg(capture).output().expect("bridgetap runs");
    assert!(output.status.success(), "{}: {}", capture.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

#[test]
fn every_line_of_every_capture_is_as_the_schema_says() {
    let schema = Schema::read("output");
    let mut seen = BTreeSet::new();
    for capture in captures() {
        for options in [&[][..], &["--packets"], &["--numeric"], &["--max-flows=1", "--max-pending=1"], &["-c7"]] {
            let lines = lines(&capture, options);
            for (number, line) in (1..).zip(&lines) {
                if let Err(why) = schema.check(line) {
                    panic!("{} {options:?}, line {number}: {why}", capture.display());
                }
                seen.insert(format!("{} {}", text(&line["kind"]), line["outcome"].as_str().unwrap_or_default()));
            }
            assert_eq!(lines.last().map(|line| &line["kind"]), Some(&json!("summary")), "{}", capture.display());
        }
    }
    // Or the captures were empty, and nothing was checked.
    for kind in ["arp answered", "ping answered", "dns answered", "dns failed", "tcp opened", "tcp closed", "tcp open"]
    {
        assert!(seen.contains(kind), "{kind} is in no capture: {seen:?}");
    }
}

#[test]
fn a_line_that_is_not_as_it_should_be_is_refused() {
    let schema = Schema::read("output");
    let ping = captures().into_iter().find(|path| path.ends_with("ping-by-address.pcapng")).expect("the capture");
    let line = lines(&ping, &[]).into_iter().find(|line| line["kind"] == "ping").expect("a ping");
    assert_eq!(schema.check(&line), Ok(()));
    let changed = |name: &str, value: Value| {
        let mut changed = line.clone();
        changed[name] = value;
        schema.check(&changed)
    };
    for (name, value) in [
        ("unknown", json!(1)),
        ("outcome", json!("lost")),
        ("latency_ns", json!(-1)),
        ("frames", json!([])),
        ("tries", json!("1")),
        ("client", json!(null)),
        ("request", json!({"id": 65_536, "sequence": 0, "bytes": 56, "fragmented": false})),
    ] {
        assert!(changed(name, value.clone()).is_err(), "{name} {value} passed");
    }
    let mut without = line.clone();
    without.as_object_mut().expect("an object").remove("late");
    assert!(schema.check(&without).is_err(), "a missing field passed");
}
