//! A web application of three containers on two networks: each hop of one visit.

use std::process::Command;

use serde_json::Value;

use super::lab::{Lab, address, docker, eventually, exec, output};
use super::watching::{Watching, between};

fn tcp(ended: &[Value], client: &str, server: &str, port: u16, outcome: &str) -> Vec<Value> {
    let is_it = |object: &&Value| {
        between(object, "tcp", client, server) && object["server"]["port"] == port && object["outcome"] == outcome
    };
    ended.iter().filter(is_it).cloned().collect()
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_visit_shows_every_hop_by_name() {
    let _lab = Lab::up(&["web"]);
    let (json, text) = (Watching::json(&[]), Watching::text(&[]));
    let visit = ["-s", "-w", "\n%{http_code} %{size_download}", "http://localhost:80/"];
    let printed = output(Command::new("curl").args(visit));
    json.wait_for("closed", 2, |object| object["kind"] == "tcp" && object["outcome"] == "closed");
    let (json, text) = (json.end(), text.end());
    let (body, written) = printed.rsplit_once('\n').expect("what -w adds");
    let size: u64 = written.strip_prefix("200 ").expect("200 OK").parse().expect("a size");
    assert_eq!(body.trim_end(), "visits=1");
    let log = json.objects();
    for (client, server, port) in [("localhost", "nginx", 80), ("nginx", "flask-app", 5000)] {
        assert_eq!(tcp(&log, client, server, port, "opened").len(), 1, "{client} → {server}");
        let closed = tcp(&log, client, server, port, "closed");
        assert_eq!(closed.len(), 1, "{client} → {server}: {}", json.text);
        assert!(closed[0]["back"]["bytes"].as_u64().expect("a count") > size, "{}", closed[0]);
        assert_eq!(closed[0]["network"], "public-net-1");
        assert_eq!(closed[0]["server"]["address"], address(server, "public-net-1"));
    }
    let redis = tcp(&log, "flask-app", "redis-server", 6379, "opened");
    assert_eq!((redis.len(), &redis[0]["network"]), (1, &"private-net-1".into()), "{redis:?}");
    // The client's connections stay open for the next visit.
    assert_eq!(tcp(&log, "flask-app", "redis-server", 6379, "open").len(), 1, "{}", json.text);
    for (client, name, network) in [("nginx", "flask-app", "public-net-1"), ("flask-app", "db", "private-net-1")] {
        let is_it = |object: &&Value| {
            between(object, "dns", client, "docker-dns")
                && object["request"]["name"] == name
                && object["request"]["type"] == "A"
        };
        let lookup = log.iter().find(is_it).unwrap_or_else(|| panic!("{client} looks {name} up: {}", json.text));
        let target = if name == "db" { "redis-server" } else { name };
        assert_eq!(lookup["response"]["answers"][0]["data"], address(target, network));
    }
    for words in ["→ nginx:80", "→ flask-app:5000", "→ redis-server:6379", "A db → ", "A flask-app → "] {
        assert!(text.text.contains(words), "{words} in\n{}", text.text);
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_that_is_restarted_is_watched_again() {
    let _lab = Lab::up(&["web"]);
    let watching = Watching::json(&["private-net-1"]);
    exec("redis-server", "getent ahostsv4 flask-app");
    let asks = |object: &Value| between(object, "dns", "redis-server", "docker-dns");
    let before = watching.wait_for("lookups before", 1, asks).len();
    docker(&["stop", "-t", "1", "redis-server"]);
    docker(&["start", "redis-server"]);
    let target = address("flask-app", "private-net-1");
    eventually("redis answers", || exec("redis-server", "redis-cli ping").trim() == "PONG");
    eventually("a lookup after the restart", || {
        assert!(exec("redis-server", "getent ahostsv4 flask-app").contains(&target));
        watching.wait_for("lookups", before, asks).len() > before
    });
    let printed = output(Command::new("curl").args(["-s", "http://localhost:80/"]));
    assert_eq!(printed, "visits=1");
    let opened = |object: &Value| between(object, "tcp", "flask-app", "redis-server") && object["outcome"] == "opened";
    watching.wait_for("a connection to the new redis", 1, opened);
    let ended = watching.end();
    assert_eq!(ended.code, Some(0));
    let last = ended.filter(asks).pop().expect("a lookup");
    assert_eq!(last["response"]["answers"][0]["data"], target, "{last}");
    assert_eq!(ended.said.lines().count(), 1, "a stop is nothing to report: {}", ended.said);
}
