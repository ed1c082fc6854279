//! docs/limits.md is true: its options are there, with those defaults, and none is missing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use bridgetap::capture::file::MAX_TAPS;
use bridgetap::cli::{Cap, Cli};
use bridgetap::join::EVENTS;
use bridgetap::name::Room;
use bridgetap::track::Limits;
use clap::CommandFactory;
use common::{bridgetap, capture, root};

/// Option and default of each row of the first table.
fn documented() -> Vec<(String, u64)> {
    let text = std::fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let table = text.split("## With an option").nth(1).unwrap().split("##").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `--"));
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_owned(), cells[2].parse().unwrap())
    };
    rows.map(row).collect()
}

/// The default of a value of `--limit`.
fn default(cap: Cap) -> usize {
    let (limits, room) = (Limits::default(), Room::default());
    match cap {
        Cap::Streams => limits.streams,
        Cap::Fragments => limits.fragments,
        Cap::Nodes => limits.nodes,
        Cap::Segments => limits.segments,
        Cap::Names => room.learned,
        Cap::Addresses => room.addresses,
        Cap::Copies => EVENTS,
        Cap::Interfaces => MAX_TAPS as usize,
    }
}

#[test]
fn every_limit_with_an_option_is_documented_and_every_option_is_there() {
    let (documented, cli) = (documented(), Cli::command());
    assert_eq!(documented.len(), Cap::ALL.len() + 3, "{documented:?}");
    for cap in Cap::ALL {
        let row = (format!("--limit {}", cap.name()), default(cap) as u64);
        assert!(documented.contains(&row), "{row:?} is not in {documented:?}");
    }
    let options = cli.get_subcommands().flat_map(clap::Command::get_arguments);
    let options: Vec<_> =
        options.filter(|option| option.get_long().is_some_and(|long| long.starts_with("max-"))).collect();
    assert!(options.len() >= 7, "{options:?}");
    for option in options {
        let default = option.get_default_values()[0].to_str().unwrap().parse().unwrap();
        let row = (format!("--{}", option.get_long().unwrap()), default);
        assert!(documented.contains(&row), "{row:?} is not in {documented:?}");
    }
}

#[test]
fn limits_are_taken_by_what_reads_captures() {
    let file = capture("nginx-flask-redis");
    for cap in Cap::ALL {
        for command in ["replay", "latency"] {
            let limit = format!("{}=1", cap.name());
            let output = bridgetap().args([command, "--limit", &limit]).arg(&file).output().unwrap();
            assert!(output.status.success(), "{command} {limit}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    // A summary alone names nobody, and forgets none.
    let output = bridgetap().args(["replay", "--limit", "names=1,streams=3"]).arg(&file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("1 name forgotten at the limit (see --limit names, addresses)"), "{text}");
    let output = bridgetap().args(["watch", "--limit", "flows=1"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && text.contains("there are streams, fragments, nodes, names"), "{text}");
}
