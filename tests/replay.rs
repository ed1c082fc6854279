//! Golden logs: what `bridgetap replay` writes of each sample capture, in each form, is kept in `tests/golden/`.
//!
//! `BLESS=1 cargo test --test replay` writes them anew; then a person reads what changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::golden::{bless, compare, diff, folder};
use common::terminal::{self, without_colors};
use common::{bridgetap, capture, captures, stem};
use unicode_width::UnicodeWidthStr;

/// The forms: what a golden file's name ends in, the arguments, and the width of the terminal where it is one.
const FORMS: [(&str, &[&str], Option<u16>); 4] = [
    ("log", &[], None),
    ("json", &["--json"], None),
    ("packets.log", &["--packets"], None),
    ("80.log", &["--color", "never"], Some(80)),
];

/// The ways of naming that the capture of the web application is told in, too: what a golden file's name ends in, and the
/// arguments.
const NAMINGS: [(&str, &[&str], Option<u16>); 3] = [
    ("alias.log", &["--names", "alias"], None),
    ("fqdn.log", &["--names", "fqdn"], None),
    ("fqdn.80.log", &["--names", "fqdn", "--color", "never"], Some(80)),
];
/// The capture that has aliases.
const WITH_ALIASES: &str = "nginx-flask-redis";

fn log(file: &Path, arguments: &[&str], columns: Option<u16>) -> String {
    let mut command = bridgetap();
    command.arg("replay").args(arguments).arg(file);
    let Some(columns) = columns else {
        let output = command.output().unwrap();
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && messages.is_empty(), "{}: {messages}", file.display());
        return String::from_utf8(output.stdout).unwrap();
    };
    let (text, status) = terminal::run(command, columns);
    assert!(status.success(), "{}: {text}", file.display());
    text
}

#[test]
fn every_capture_is_told_as_it_was() {
    let mut wrong = Vec::new();
    for file in captures() {
        let namings = NAMINGS.iter().filter(|_| stem(&file) == WITH_ALIASES);
        for &(ending, arguments, columns) in FORMS.iter().chain(namings) {
            let name = format!("{}.{ending}", stem(&file));
            wrong.extend(compare(&name, &log(&file, arguments, columns)).err());
        }
    }
    assert!(wrong.is_empty(), "{}\n\nIf this is meant: BLESS=1 cargo test --test replay", wrong.join("\n\n"));
}

#[test]
fn a_tunnel_is_shown_as_far_as_it_fits() {
    for (columns, ending) in
        [(80, "0.101 ms"), (125, "0.101 ms  vxlan 4097"), (160, "0.101 ms  vxlan 4097, node 10.88.0.1 → 10.88.0.2")]
    {
        let log = log(&capture("overlay-two-nodes"), &["--color", "never"], Some(columns));
        let ping = log.lines().find(|line| line.contains("seq 0")).unwrap().trim_end();
        assert!(ping.ends_with(ending), "{columns} columns: {ping}");
    }
}

#[test]
fn every_golden_log_has_its_capture() {
    let files = captures();
    let mut expected: BTreeSet<_> =
        files.iter().flat_map(|file| FORMS.map(|(ending, ..)| format!("{}.{ending}", stem(file)))).collect();
    expected.extend(NAMINGS.map(|(ending, ..)| format!("{WITH_ALIASES}.{ending}")));
    for file in std::fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.starts_with("help") || name.starts_with("filter-") || expected.contains(&name) {
            continue;
        }
        assert!(bless(), "tests/golden/{name} belongs to no capture");
        std::fs::remove_file(folder().join(name)).unwrap();
    }
}

fn assert_fits(columns: u16, arguments: &[&str]) {
    for file in captures() {
        let (name, text) = (stem(&file), without_colors(&log(&file, arguments, Some(columns))));
        for line in text.lines() {
            let width = line.width();
            assert!(width <= usize::from(columns), "{name} {arguments:?}: {width} of {columns} columns: {line}");
        }
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for columns in [80, 100, 120, 132] {
        for arguments in [&[][..], &["--packets"], &["-e"], &["-q"], &["-n"], &["--summary"], &["--names", "fqdn"]] {
            assert_fits(columns, arguments);
        }
    }
}

#[test]
fn colors_are_for_terminals_and_for_who_wants_them() {
    let file = capture("name-fails-on-default-bridge");
    let run = |arguments: &[&str], no_color: Option<&str>| {
        let mut command = bridgetap();
        command.arg("replay").args(arguments).arg(&file);
        no_color.map(|value| command.env("NO_COLOR", value));
        terminal::run(command, 100).0
    };
    let (colored, plain) = (run(&[], None), run(&["--color", "never"], None));
    assert!(colored.contains("\x1b[31m"), "a failure is red: {colored:?}");
    assert!(!plain.contains('\x1b'), "{plain:?}");
    let stripped = without_colors(&colored);
    assert!(stripped == plain, "colours change nothing else:\n{}", diff(&stripped, &plain));
    assert_eq!(run(&[], Some("1")), plain, "NO_COLOR is heeded");
    assert_eq!(run(&[], Some("")), colored, "an empty NO_COLOR says nothing (no-color.org)");
    assert_eq!(run(&["--color", "always"], Some("1")), colored, "who asks for colours gets them");
    assert!(!log(&file, &[], None).contains('\x1b'), "a pipe gets no colours");
    assert!(log(&file, &["--color", "always"], None).contains("\x1b[31m"));
    assert!(!run(&["--json"], None).contains('\x1b'), "JSON has no colours");
}

#[test]
fn a_difference_is_shown_line_by_line() {
    assert_eq!(diff("a\nb\nc", "a\nx\nc\nd"), "   2 -b\n   2 +x\n   4 +d");
    assert_eq!(diff("same", "same"), "");
}
