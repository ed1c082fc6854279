//! What `bridgetap latency` says beside its table: of flags that make no sense, of files that are not there, of what cannot
//! be known.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use common::{bridgetap, root};

/// Exit code, standard output and messages.
fn latency(arguments: &[&str]) -> (i32, String, String) {
    let output = bridgetap().current_dir(root()).arg("latency").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const PINGS: &str = "captures/ping-by-name.pcapng";
const VISITS: &str = "captures/nginx-flask-redis.pcapng";

#[test]
fn a_flag_that_says_nothing_of_a_file_is_refused() {
    for flags in [&["--for", "3s"][..], &["--wait"], &["-B", "1024"], &["-p"], &["-i", "lo"]] {
        let (code, out, said) = latency(&[&[PINGS], flags].concat());
        let why = "it is about what is on the wire, and a file was named: leave it out";
        let expected = format!("bridgetap: {}: {why}\n", flags[0]);
        assert_eq!((code, out.as_str(), said), (2, "", expected));
    }
}

#[test]
fn a_flag_about_packets_is_refused_for_times() {
    let log = "tests/latency/python.hlog";
    for (flags, named) in [
        (&["--filter", "icmp"][..], "--filter"),
        (&["-c", "3"], "-c"),
        (&["-n"], "-n"),
        (&["--hops"], "--hops"),
        (&["--from", "web"], "--from"),
    ] {
        let (code, out, said) = latency(&[&[log], flags].concat());
        let why = "a .hlog has no packets, only what was counted of them: give it when they are measured";
        let expected = format!("bridgetap: {named}: {why}\n");
        assert_eq!((code, out.as_str(), said), (2, "", expected));
    }
}

#[test]
fn a_log_that_is_not_there_has_no_table() {
    let (code, out, said) = latency(&["/nowhere/x.hlog"]);
    assert_eq!((code, out.as_str(), said.as_str()), (1, "", "bridgetap: /nowhere/x.hlog: no such file\n"));
}

#[test]
fn hops_say_so_where_nothing_was_seen_twice() {
    let said = "where the time goes is not known: nothing was seen at two places";
    assert!(latency(&[PINGS, "--hops"]).1.contains(said));
    assert!(!latency(&[PINGS]).1.contains(said), "nobody asked");
    assert!(!latency(&[VISITS, "--hops"]).1.contains(said), "something was");
}

#[test]
fn what_is_spent_within_a_network_is_one_part_and_one_exchange_is_told_once() {
    let (_, out, _) = latency(&[VISITS, "--hops", "--measure", "first-byte"]);
    assert_eq!(out.matches("      within public-net-1 ").count(), 2, "of all, and of the slowest:\n{out}");
    assert!(!out.contains("public-net-1 → public-net-1"), "{out}");
    let (_, out, _) =
        latency(&["captures/published-port.pcapng", "--hops", "--measure", "first-byte", "--from", "10.88.0.2"]);
    assert!(out.contains("(mean of 1, 3.45ms)") && !out.contains("the slowest"), "{out}");
}

#[test]
fn a_series_that_has_lost_all_has_a_chart_only_where_one_is_asked_for() {
    let lost = ["captures/isolated-networks.pcapng", "--measure", "ping", "--outcome", "unanswered"];
    let (_, out, _) = latency(&lost);
    assert!(out.contains("ping           0     2") && !out.contains("share"), "{out}");
    let (_, out, _) = latency(&[&lost[..], &["--bars"]].concat());
    assert!(out.contains("lost     2  100.0 %"), "{out}");
}
