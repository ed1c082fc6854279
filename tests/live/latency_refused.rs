//! Pairs that do not answer, and what cannot be probed at all: it is told what is in the way, and nothing hangs.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::ends::{Unprivileged, refused};
use super::lab::{Lab, address, docker, eventually, exec, output};
use super::latency::{counts, figure, latency, series};
use super::watching::{Ended, Watching, bridgetap};

/// The patience after the last probe, and what a busy machine takes to begin and end.
const BOUND: Duration = Duration::from_secs(6);

/// A probe that ends by itself.
fn probe(arguments: &[&str]) -> Ended {
    let begin = Instant::now();
    let ended = Watching::probing(&mut latency(&[&["--probe", "container_b"], arguments].concat())).ended();
    assert!(begin.elapsed() < BOUND, "{:?}", begin.elapsed());
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    ended
}

fn serving(lab: &Lab) {
    let serve = "mkdir -p /www; exec httpd -f -p 5000 -h /www";
    lab.run("server", &["--network", "my_bridge"], &["bridgetap-lab-busybox", "sh", "-c", serve]);
    eventually("it serves", || exec("server", "wget -qO- http://127.0.0.1:5000/").contains("404"));
}

/// All are lost, and have no time.
fn assert_lost(ended: &Ended, measure: &str, server: &str, count: u64) {
    let found = series(ended, measure, "container_b", server);
    assert_eq!(counts(&found), (0, count), "{}", ended.text);
    let times = ["min_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns", "mean_ns", "standard_deviation_ns"];
    assert!(times.iter().all(|time| found[time].is_null()), "{found}");
}

/// Nobody has the address, or nobody gets as far as the port.
fn assert_silence_is_all_lost() {
    let (net, _) = address("container_a", "my_bridge")
        .rsplit_once('.')
        .map(|(net, last)| (net.to_owned(), last.len()))
        .expect("IPv4");
    let nobody = format!("{net}.99");
    assert_lost(&probe(&[&nobody, "-c", "20"]), "ping", &nobody, 20);

    // In the server's own namespace, so that its bridge sees what is dropped.
    let process = docker(&["inspect", "-f", "{{.State.Pid}}", "server"]);
    let drop_all = ["-t", &process, "-n", "iptables", "-A", "INPUT", "-p", "tcp", "--dport", "5000", "-j", "DROP"];
    output(Command::new("nsenter").args(drop_all));
    let ended = probe(&["server", "--tcp", "5000", "-c", "20"]);
    assert_lost(&ended, "syn", "server", 20);
    assert_eq!(ended.summary()["notes"][0], "20 probes failed: timed out");
    output(Command::new("nsenter").args(["-t", &process, "-n", "iptables", "-F"]));

    // For people: a stroke for each of the times.
    let table = output(&mut bridgetap(&["latency", "--probe", "container_b", &nobody, "-c", "5", "--interval", "1ms"]));
    let row: Vec<_> =
        table.lines().find(|line| line.starts_with("  ping ")).expect("a row").split_whitespace().collect();
    assert_eq!(row, ["ping", "0", "5", "-", "-", "-", "-", "-", "-", "-", "-"], "{table}");
    assert!(!table.chars().any(|char| char.is_control() && char != '\n'), "{table:?}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn who_never_answers_is_all_lost_and_what_cannot_be_asked_is_told() {
    let lab = Lab::up(&["user-bridge", "default-bridge"]);
    serving(&lab);
    assert_silence_is_all_lost();
    let said = |arguments: &[&str]| refused(&mut latency(&[&["--probe"], arguments].concat()));
    assert_eq!(
        said(&["container_b", "server", "--tcp", "80"]),
        "bridgetap: nothing in server listens at TCP port 80; it listens at 5000"
    );
    assert_eq!(
        said(&["container_b", "container_a", "--tcp", "80"]),
        "bridgetap: nothing in container_a listens at TCP port 80, nor at any other"
    );
    assert_eq!(
        said(&["container_b", "servre"]),
        "bridgetap: servre: no container of that name runs; did you mean server?"
    );
    let unknown = "no container of that name runs; docker ps lists those that do";
    assert_eq!(said(&["something", "server"]), format!("bridgetap: something: {unknown}"));
    let apart = said(&["container_1", "container_a"]);
    assert!(apart.starts_with("bridgetap: container_1 (bridge) and container_a (my_bridge) have no network in common"));
    // What it names is what helps.
    let (_, remedy) = apart.rsplit_once("or: docker ").expect("a command");
    docker(&remedy.split(' ').collect::<Vec<_>>());
    let ended = Watching::probing(&mut latency(&["--probe", "container_1", "container_a", "-c", "5"])).ended();
    assert_eq!(counts(&series(&ended, "ping", "container_1", "container_a")), (5, 0), "{}", ended.text);

    let nobody = Unprivileged::new();
    let probe = ["latency", "--json", "--probe", "container_b", "container_a", "-c", "5"];
    let said = refused(&mut nobody.command(&probe));
    assert_eq!(said.lines().count(), 1, "{said}");
    let (_, remedy) = said.split_once("sudo ").unwrap_or_else(|| panic!("no remedy in {said:?}"));
    if let Some(capabilities) = remedy.strip_prefix("setcap ") {
        nobody.setcap(capabilities.split(' ').next().expect("capabilities"));
        let ended = Watching::probing(&mut nobody.command(&probe)).ended();
        assert_eq!(counts(&series(&ended, "ping", "container_b", "container_a")), (5, 0), "{}", ended.text);
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_key_or_the_end_of_the_client_ends_it_with_what_was_measured() {
    let _lab = Lab::up(&["user-bridge"]);
    assert_a_key_ends_it_at_any_time();
    let probing = |count: &[&str]| {
        let arguments = [&["--probe", "container_b", "container_a", "--interval", "5ms"], count].concat();
        (Watching::json(&["my_bridge"]), Watching::probing(&mut latency(&arguments)))
    };
    let is_ping = |object: &serde_json::Value| object["kind"] == "ping" && object["client"]["name"] == "container_b";
    // Its interface goes: the rest is lost.
    let (wire, watching) = probing(&["-c", "200"]);
    wire.wait_for("pings", 30, is_ping);
    docker(&["network", "disconnect", "my_bridge", "container_b"]);
    let ended = watching.ended();
    let found = series(&ended, "ping", "container_b", "container_a");
    let (count, lost) = counts(&found);
    assert!(count >= 30 && lost > 0 && count + lost == 200, "{}", ended.text);
    assert!(ended.summary()["notes"].to_string().contains("probes failed: unreachable"), "{}", ended.text);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    wire.end();

    // All of it goes: there is nobody left to send from.
    docker(&["network", "connect", "my_bridge", "container_b"]);
    let (wire, watching) = probing(&[]);
    wire.wait_for("pings", 30, is_ping);
    docker(&["kill", "container_b"]);
    let ended = watching.ended();
    assert!(figure(&series(&ended, "ping", "container_b", "container_a"), "count") >= 30, "{}", ended.text);
    let notes = ended.summary()["notes"].to_string();
    assert!(notes.contains("the client's network namespace is gone: its container has stopped"), "{notes}");
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    wire.end();
}

/// A key ends it, and the table is there.
fn assert_a_key_ends_it_at_any_time() {
    for wait in [0, 3, 30, 300] {
        let mut command = bridgetap(&["latency", "--probe", "container_b", "container_a"]);
        let probing = Watching::probing(&mut command);
        thread::sleep(Duration::from_millis(wait));
        let ended = probing.end();
        assert_eq!(ended.code, Some(0), "after {wait} ms: {}", ended.said);
        // Within the patience for the last answer, which nobody who presses a key waits for.
        assert!(ended.took < Duration::from_secs(1), "after {wait} ms: {:?}", ended.took);
        assert!(ended.text.contains("0 dropped by the kernel"), "after {wait} ms: {}", ended.text);
        let rows = ended.text.matches("container_b → container_a (my_bridge)\n  ping ").count();
        assert!(rows == 1 || wait < 30, "after {wait} ms: {}", ended.text);
    }
}
