//! Filters on the sample captures, against what tcpdump makes of the same file with addresses, and by golden logs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use std::process::Command;

use bridgetap::capture::LinkType;
use common::golden::compare;
use common::{bridgetap, capture, interfaces, say};
use serde_json::Value;

/// What was written, said, and the exit code.
fn replay(name: &str, arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = bridgetap().arg("replay").arg(capture(name)).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

fn log(name: &str, arguments: &[&str]) -> String {
    let (log, said, code) = replay(name, arguments);
    assert_eq!((said.as_str(), code), ("", Some(0)), "{arguments:?}");
    log
}

/// The times of the packets that a filter lets through, in nanoseconds as tcpdump writes them.
fn packets(name: &str, filter: &str) -> Vec<String> {
    let log = log(name, &["--packets", "--json", "--filter", filter]);
    let objects = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let packets = objects.filter(|object| object["outcome"] == "packet");
    let time = |object: Value| {
        let time: jiff::Timestamp = object["time"].as_str().unwrap().parse().unwrap();
        format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())
    };
    packets.map(time).collect()
}

/// The same by tcpdump, which is given one interface after the other, without that of all the host's: what it shows of
/// these packets are copies. `None` where there is none.
fn tcpdump(name: &str, filter: &str) -> Option<Vec<String>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut times = Vec::new();
    for (_, pcap) in interfaces(&capture(name)).into_iter().filter(|(link, _)| *link == LinkType::ETHERNET) {
        std::fs::write(file.path(), pcap).unwrap();
        let arguments = ["-tt", "--nano", "-n", "-q", "-r"];
        let output = Command::new("tcpdump").args(arguments).arg(file.path()).arg(filter).output().ok()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tcpdump {filter}: {said}");
        let log = String::from_utf8_lossy(&output.stdout);
        let lines = log.lines().filter(|line| !line.starts_with('\t'));
        times.extend(lines.map(|line| line.split(' ').next().unwrap().to_owned()));
    }
    times.sort_unstable();
    Some(times)
}

#[test]
fn a_name_lets_through_what_its_address_does_in_tcpdump() {
    for (name, ours, theirs) in [
        ("ping-by-name", "host container_a", "host 172.18.0.2"),
        ("ping-by-name", "host container_a and port 80", "host 172.18.0.2 and port 80"),
        ("ping-by-name", "src container_b and icmp", "src 172.18.0.3 and icmp"),
        ("nginx-flask-redis", "host flask-app and port 5000", "host (172.19.0.2 or 172.20.0.3) and port 5000"),
        ("nginx-flask-redis", "host redis-server", "host 172.20.0.2"),
        (
            "nginx-flask-redis",
            "host db and tcp[tcpflags] & tcp-syn != 0",
            "host 172.20.0.2 and tcp[tcpflags] & tcp-syn != 0",
        ),
        ("nginx-flask-redis", "dst nginx and tcp or arp", "dst 172.19.0.3 and tcp or arp"),
        ("nginx-flask-redis", "tcp and not net private-net-1", "tcp and not net 172.20.0.0/16"),
        ("nginx-flask-redis", "greater 200", "greater 200"),
        ("redis-stop-start", "host redis-server", "host 172.20.0.2"),
        ("published-port", "host tutorial-container and tcp port 5000", "host 172.17.0.2 and tcp port 5000"),
    ] {
        let Some(expected) = tcpdump(name, theirs) else { return say("not compared: there is no tcpdump") };
        assert_eq!(packets(name, ours), expected, "{name}: {ours}");
    }
    assert_eq!(packets("ping-by-name", "host container_a").len(), 8);
}

#[test]
fn lookups_belong_to_the_container_that_asks() {
    let dns = |filter: &str| {
        let log = log("nginx-flask-redis", &["--filter", filter, "--kind", "dns", "-q"]);
        log.lines().filter(|line| line.contains("DNS")).count()
    };
    assert_eq!((dns("host nginx"), dns("host flask-app"), dns("host redis-server")), (2, 2, 0));
    assert_eq!((dns("port 53"), dns("udp port 53"), dns("tcp port 53"), dns("not port 53")), (4, 4, 0, 0));
    assert_eq!((dns("net private-net-1"), dns("host nginx and port 80")), (2, 0));
}

#[test]
fn golden_logs_of_filters() {
    let mut wrong = Vec::new();
    for (name, file, arguments) in [
        ("capture", "nginx-flask-redis", &["--filter", "host flask-app and (port 5000 or port 53)"][..]),
        ("bad", "redis-stop-start", &["--outcome", "bad"]),
        ("between", "redis-stop-start", &["--between", "flask-app,db", "--not", "--kind", "arp"]),
        ("to", "nginx-flask-redis", &["--to", "docker-dns,172.20.0.0/16", "--not", "--from", "ngin*", "--json"]),
        ("slower", "nginx-flask-redis", &["--slower-than", "250us", "--port", "53,5000-6400"]),
        ("packets", "nginx-flask-redis", &["--packets", "--from", "redis-server", "--port", "6379"]),
    ] {
        wrong.extend(compare(&format!("filter-{name}.log"), &log(file, arguments)).err());
    }
    assert!(wrong.is_empty(), "{}\n\nIf this is meant: BLESS=1 cargo test --test filters", wrong.join("\n\n"));
}

#[test]
fn a_filter_that_is_wrong_points_at_the_word() {
    let (log, said, code) = replay("ping-by-name", &["--filter", "host containr_a and port 80"]);
    assert_eq!((log.as_str(), code), ("", Some(1)));
    let expected = "bridgetap: --filter: no container, network or host is called containr_a; did you mean container_a?\n    \
                    host containr_a and port 80\n         ^^^^^^^^^^\n";
    assert_eq!(said, expected);
    for (filter, code) in
        [("host \"x", 2), ("gateway x", 2), ("tcp and", 1), ("net container_a", 1), ("tcp and udp", 1)]
    {
        let (log, said, exit) = replay("ping-by-name", &["--filter", filter]);
        assert_eq!((log.as_str(), exit, said.lines().count()), ("", Some(code), 3), "{filter}: {said}");
    }
    assert_eq!(replay("ping-by-name", &["--filter", "\u{1b}[2J"]).1.find('\u{1b}'), None);
}

#[test]
fn a_name_that_nothing_has_is_said_and_shows_nothing() {
    let (log, said, code) = replay("ping-by-name", &["--from", "containr_a"]);
    assert_eq!(
        (said.as_str(), code),
        ("bridgetap: nothing is called containr_a; did you mean container_a?\n", Some(0))
    );
    assert_eq!(log, "\n12 packets, 0 dropped by the kernel\n6 events left out by the filters\n");
}

#[test]
fn of_several_files_one_must_know_the_name() {
    let both = |filter: &str| {
        let files = [capture("ping-by-name"), capture("ping-by-address")];
        let output = bridgetap().arg("replay").args(files).args(["--summary", "--filter", filter]).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (log, said) = both("host container_a");
    assert!(log.contains("3 pings") && said.is_empty(), "{log}{said}");
    let (_, said) = both("host nobody");
    assert!(said.starts_with("bridgetap: --filter: no container, network or host is called nobody"), "{said}");
}

#[test]
fn the_count_is_of_what_gets_through() {
    let log = log("ping-by-name", &["--filter", "icmp", "-c", "2", "--packets"]);
    assert_eq!(log.lines().filter(|line| line.contains("PING")).count(), 2, "{log}");
    assert!(log.contains("2 packets"), "{log}");
}
