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
const FORMS: [(&str, &[&str], Option<u16>); 7] = [
    ("log", &[], None),
    ("json", &["--json"], None),
    ("packets.log", &["--packets"], None),
    ("80.log", &["--color", "never"], Some(80)),
    ("ladder.log", &["--ladder"], None),
    ("ladder.120.log", &["--ladder", "--color", "never"], Some(120)),
    ("ladder.packets.log", &["--ladder", "--packets"], None),
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

/// The forms with explanations: what a golden file's name ends in, the arguments, and the width of the terminal.
const EXPLAINED: [(&str, &[&str], Option<u16>); 3] = [
    ("explain.log", &["--explain"], None),
    ("explain.80.log", &["--explain", "--color", "never"], Some(80)),
    ("explain.packets.log", &["--explain", "--packets"], None),
];

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
        for &(ending, arguments, columns) in FORMS.iter().chain(namings).chain(&EXPLAINED) {
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
    expected.extend(files.iter().flat_map(|file| EXPLAINED.map(|(ending, ..)| format!("{}.{ending}", stem(file)))));
    expected.extend(NAMINGS.map(|(ending, ..)| format!("{WITH_ALIASES}.{ending}")));
    for file in std::fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if ["help", "filter-", "names-", "latency-"].iter().any(|of| name.starts_with(of)) || expected.contains(&name) {
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
        for arguments in
            [&[][..], &["--packets"], &["-e"], &["-q"], &["-n"], &["--summary"], &["--names", "fqdn"], &["--explain"]]
        {
            assert_fits(columns, arguments);
        }
    }
}

#[test]
fn no_row_of_a_ladder_is_wider_than_the_terminal() {
    for columns in [40, 80, 100, 200] {
        let others = [&[][..], &["--packets"], &["-e"], &["-q"], &["-n"], &["--hops"], &["--names", "fqdn"]];
        for arguments in others {
            let name = |file: &Path| stem(file).to_owned();
            for file in captures() {
                let text = without_colors(&log(&file, &[&["--ladder"], arguments].concat(), Some(columns)));
                // The summary behind it is as wide as it needs.
                let rows: Vec<_> = text.lines().take_while(|line| !line.contains(" packets, 0 dropped")).collect();
                let rows = rows.iter().filter(|line| line.contains('│'));
                assert!(rows.clone().count() > 5, "{} {arguments:?}: {text}", name(&file));
                for row in rows {
                    assert!(row.width() <= usize::from(columns), "{} {arguments:?} {columns}: {row}", name(&file));
                }
            }
        }
    }
}

#[test]
fn a_ladder_in_a_pipe_is_as_wide_as_columns_says() {
    let file = capture("nginx-flask-redis");
    let widest = |columns: Option<&str>| {
        let mut command = bridgetap();
        command.args(["replay", "--ladder"]).arg(&file);
        columns.map(|columns| command.env("COLUMNS", columns));
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        text.lines().filter(|line| line.contains('│')).map(UnicodeWidthStr::width).max()
    };
    assert_eq!(widest(None), Some(77), "80 columns, three of them left free for the last name");
    assert_eq!(widest(Some("120")), Some(116));
    assert_eq!(widest(Some("nonsense")), Some(77));
    assert_eq!(widest(Some("0")), Some(77));
    // Too narrow: the log, and a word about why.
    let mut command = bridgetap();
    let text = command.args(["replay", "--ladder"]).arg(&file).env("COLUMNS", "30").output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("… 30 columns are too few for --ladder, which takes 40: here is the log\n"), "{text}");
    assert!(!text.contains('│') && text.contains("DNS"), "{text}");
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
fn explanations_are_lines_of_their_own() {
    let file = capture("nginx-flask-redis");
    let explained = log(&file, &["--explain", "--hops"], None);
    let (explanations, rest): (Vec<_>, Vec<_>) = explained.lines().partition(|line| line.starts_with("    │ "));
    assert!(explanations.len() > 20, "{explained}");
    assert_eq!(rest.join("\n") + "\n", log(&file, &["--hops"], None), "the log is the same");
    let dimmed = log(&file, &["--explain", "--color", "always"], None);
    let begun = dimmed.lines().filter(|line| line.starts_with("\x1b[2m    │ ")).count();
    assert_eq!(begun, explanations.len());
    assert_eq!(without_colors(&dimmed), log(&file, &["--explain"], None));
}

#[test]
fn a_difference_is_shown_line_by_line() {
    assert_eq!(diff("a\nb\nc", "a\nx\nc\nd"), "   2 -b\n   2 +x\n   4 +d");
    assert_eq!(diff("same", "same"), "");
}
