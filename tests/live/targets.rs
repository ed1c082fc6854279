//! What can be named, how it is found, and what becomes of it.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::ends::refused;
use super::lab::{Lab, address, docker, exec, replies};
use super::watching::{Watching, between, bridgetap};

const BUSYBOX: &str = "bridgetap-lab-busybox";

fn pings<'a>(client: &'a str, server: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |object| between(object, "ping", client, server) && object["outcome"] == "answered"
}

fn ping(client: &str, server: &str) {
    let printed = exec(client, &format!("ping -c 1 {server}"));
    assert_eq!(replies(&printed).len(), 1, "{client} pings {server}: {printed}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_is_watched_on_all_its_networks_also_on_new_ones() {
    let lab = Lab::up(&["user-bridge"]);
    lab.network("bt-second", &[]);
    lab.network("bt-third", &[]);
    lab.run("peer", &["--network", "bt-second"], &[BUSYBOX, "sleep", "100"]);
    docker(&["network", "connect", "bt-third", "peer"]);
    docker(&["network", "connect", "bt-second", "container_a"]);
    let watching = Watching::json(&["container:container_a"]);
    assert!(watching.said().contains("watching container_a (lo, eth0, eth1);"), "{}", watching.said());
    ping("container_a", "container_b");
    ping("container_a", &address("peer", "bt-second"));
    docker(&["network", "connect", "bt-third", "container_a"]);
    watching.wait_said("container_a has a new interface, eth2 (bt-third): watching it");
    ping("container_a", &address("peer", "bt-third"));
    docker(&["network", "disconnect", "bt-third", "container_a"]);
    watching.wait_said("container_a has no interface eth2 any more");
    let ended = watching.end();
    let seen: Vec<_> = ended.filter(|object| object["kind"] == "ping" && object["outcome"] == "answered");
    let where_seen: Vec<_> = seen
        .iter()
        .map(|ping| {
            let text = |field: &str| ping[field].as_str().unwrap_or_default();
            (text("network"), text("interface"), text("namespace"), ping["server"]["name"].as_str().unwrap_or_default())
        })
        .collect();
    let expected = [
        ("my_bridge", "eth0", "container_a", "container_b"),
        ("bt-second", "eth1", "container_a", "peer"),
        ("bt-third", "eth2", "container_a", "peer"),
    ];
    assert_eq!(where_seen, expected, "{}", ended.text);
    assert!(!ended.filter(|object| between(object, "dns", "container_a", "docker-dns")).is_empty(), "{}", ended.text);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_that_restarts_or_is_made_anew_is_watched_again() {
    let lab = Lab::up(&["user-bridge"]);
    let watching = Watching::json(&["container_a"]);
    ping("container_a", "container_b");
    docker(&["restart", "-t", "0", "container_a"]);
    watching.wait_said("container_a is there again: watching it");
    ping("container_a", "container_b");
    watching.wait_for("pings after the restart", 2, pings("container_a", "container_b"));
    docker(&["rm", "-f", "container_a"]);
    // The daemon is asked who it is while it still runs.
    // And a busy machine may take longer to open a tap than the container to send its first packet.
    let pinging = "sleep 0.5; ping -c 2 -i 0.1 container_b; sleep 1";
    lab.run("container_a", &["--network", "my_bridge"], &[BUSYBOX, "sh", "-c", pinging]);
    docker(&["wait", "container_a"]);
    assert_eq!(replies(&docker(&["logs", "container_a"])).len(), 2);
    watching.wait_for("pings of the new one", 4, pings("container_a", "container_b"));
    watching.wait_said("container_a stopped; waiting 10 s for it");
    thread::sleep(Duration::from_secs(7));
    let ended = watching.ended();
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert!(!ended.said.contains("unseen") && !ended.said.contains("namespace"), "{}", ended.said);
    assert!(ended.said.ends_with("nothing that was named has come back; nothing is left to watch\n"), "{}", ended.said);
    ended.summary();
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn what_is_not_there_yet_is_waited_for() {
    let lab = Lab::up(&["user-bridge"]);
    let watching = Watching::waiting(&mut bridgetap(&["watch", "--json", "--wait", "bt-late", "latecomer"]));
    assert!(watching.said().contains("waiting for bt-late, latecomer; Ctrl-C ends"), "{}", watching.said());
    lab.network("bt-late", &[]);
    watching.wait_said("bt-late is there: watching it");
    lab.run("latecomer", &["--network", "my_bridge"], &[BUSYBOX, "sh", "-c", "ping -c 1 container_b; sleep 100"]);
    watching.wait_said("latecomer is there: watching it");
    watching.wait_for("its first ping", 1, pings("latecomer", "container_b"));
    lab.run("on_it", &["--network", "bt-late"], &[BUSYBOX, "sleep", "100"]);
    docker(&["network", "connect", "bt-late", "container_b"]);
    ping("container_b", &address("on_it", "bt-late"));
    watching.wait_for("a ping on the network", 1, pings("container_b", "on_it"));
    docker(&["rm", "-f", "on_it", "latecomer"]);
    docker(&["network", "disconnect", "bt-late", "container_b"]);
    docker(&["network", "rm", "bt-late"]);
    watching.wait_said("bt-late was removed; waiting for it");
    lab.network("bt-late", &[]);
    watching.wait_said("bt-late is there again: watching it");
    assert_eq!(watching.end().code, Some(0));
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn the_daemon_is_waited_for_too() {
    let _lab = Lab::up(&["user-bridge"]);
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("docker.sock");
    let host = format!("unix://{}", socket.display());
    let mut command = bridgetap(&["watch", "--json", "--wait", "container_a"]);
    let watching = Watching::waiting(command.env("DOCKER_HOST", host));
    assert!(watching.said().contains("Waiting for it."), "{}", watching.said());
    forward(UnixListener::bind(&socket).expect("a socket").incoming_streams());
    watching.wait_said("container_a is there: watching it");
    ping("container_a", "container_b");
    watching.wait_for("a ping", 1, pings("container_a", "container_b"));
    assert_eq!(watching.end().code, Some(0));
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn services_and_shared_namespaces_are_several_containers() {
    let lab = Lab::up(&["user-bridge"]);
    containers_that_share_a_namespace_are_one_tap();
    a_service_is_all_its_containers(&lab);
}

fn a_service_is_all_its_containers(lab: &Lab) {
    let member = |name: &str| {
        let labels = ["com.docker.compose.project=shop", "com.docker.compose.service=api"];
        let options = ["--network", "my_bridge", "--label", labels[0], "--label", labels[1]];
        lab.run(name, &options, &[BUSYBOX, "sleep", "100"]);
    };
    member("shop-api-1");
    let watching = Watching::json(&["api"]);
    assert!(watching.said().contains("watching shop/api (1 container)"), "{}", watching.said());
    ping("shop-api-1", "container_a");
    member("shop-api-2");
    // The daemon's events take a moment.
    thread::sleep(Duration::from_millis(500));
    ping("shop-api-2", "container_a");
    watching.wait_for("pings of both", 1, pings("shop-api-1", "container_a"));
    watching.wait_for("pings of both", 1, pings("shop-api-2", "container_a"));
    docker(&["rm", "-f", "shop-api-1"]);
    thread::sleep(Duration::from_millis(300));
    assert!(!watching.said().contains("runs any more"), "{}", watching.said());
    docker(&["rm", "-f", "shop-api-2"]);
    watching.wait_said("no container of shop/api runs any more; waiting 10 s for it");
    assert_eq!(watching.end().code, Some(0));
}

fn containers_that_share_a_namespace_are_one_tap() {
    // Docker refuses a name server of one's own in another's namespace, so this is not `Lab::run`.
    let label = ["--label", "bridgetap.lab=1", "--stop-timeout=0"];
    let shared = ["--name", "sharer", "--network", "container:container_a", BUSYBOX, "sleep", "100"];
    docker(&[&["run", "-d", "--pull=never"][..], &label, &shared].concat());
    let (alone, both) = (Watching::json(&["sharer"]), Watching::json(&["container_a", "sharer"]));
    assert!(alone.said().contains("watching sharer (lo, eth0, shared with container_a)"), "{}", alone.said());
    ping("sharer", "container_b");
    ping("container_a", "container_b");
    for watching in [alone, both] {
        let ended = watching.end();
        let seen = ended.filter(pings("container_a", "container_b"));
        assert_eq!(seen.len(), 2, "{}", ended.text);
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn what_cannot_be_watched_is_said_with_what_can_be_done() {
    let lab = Lab::up(&["user-bridge"]);
    lab.run("my_bridge", &["--network", "my_bridge"], &[BUSYBOX, "sleep", "100"]);
    let said = refused(&mut bridgetap(&["watch", "my_bridge"]));
    assert_eq!(said, "bridgetap: my_bridge could be net:my_bridge or container:my_bridge: write one of these");
    for form in ["net:my_bridge", "container:my_bridge"] {
        assert_eq!(Watching::json(&[form]).end().code, Some(0), "{form}");
    }
    let id = docker(&["inspect", "-f", "{{.Id}}", "container_a"]);
    let by_id = Watching::json(&[&id[..10]]).end();
    assert!(by_id.said.contains("watching container_a ("), "{}", by_id.said);

    docker(&["kill", "-s", "KILL", "container_b"]);
    let finished = docker(&["inspect", "-f", "{{.State.FinishedAt}}", "container_b"]);
    let said = refused(&mut bridgetap(&["watch", "container_b"]));
    let (second, _) = finished.split_once('.').expect("a fraction");
    assert!(said.starts_with("bridgetap: container_b stopped ") && said.contains(second), "{finished}: {said}");
    assert!(said.contains("with exit code 137; start it with docker start container_b"), "{said}");
    docker(&["create", "--name", "unborn", "--label", "bridgetap.lab=1", BUSYBOX]);
    let said = refused(&mut bridgetap(&["watch", "unborn"]));
    assert!(said.contains("unborn was created and never started; start it with docker start unborn"), "{said}");

    let said = refused(&mut bridgetap(&["watch", "contaner_a"]));
    assert!(said.ends_with("no such network, container, service or interface; did you mean container_a?"), "{said}");
    let said = refused(&mut bridgetap(&["watch", "vol:x"]));
    assert!(said.ends_with("write net:, container:, service: or if: before a name"), "{said}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_daemon_behind_a_port_is_here_or_elsewhere() {
    let _lab = Lab::up(&["user-bridge"]);
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    forward(listener.incoming_streams());
    let here = format!("tcp://127.0.0.1:{port}");
    let watching = Watching::begin(bridgetap(&["watch", "--json", "my_bridge"]).env("DOCKER_HOST", here));
    ping("container_a", "container_b");
    let ended = watching.end();
    assert_eq!(ended.filter(pings("container_a", "container_b")).len(), 1, "{}", ended.text);
    assert!(!ended.filter(|object| between(object, "dns", "container_a", "docker-dns")).is_empty(), "{}", ended.text);

    let elsewhere = |targets: &[&str], host: &str| {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", "bridgetap-outside", env!("CARGO_BIN_EXE_bridgetap"), "watch"]).args(targets);
        refused(command.env("DOCKER_HOST", host))
    };
    let host = format!("tcp://10.88.0.1:{port}");
    for targets in [&["my_bridge"][..], &["container_a"], &[]] {
        let said = elsewhere(targets, &host);
        assert!(said.contains("not on this machine, and captures are local"), "{said}");
        assert!(said.contains("ssh 10.88.0.1 sudo bridgetap watch") && said.ends_with("as in if:eth0"), "{said}");
    }
    let said = elsewhere(&["my_bridge"], "ssh://me@elsewhere");
    assert!(said.contains("ssh me@elsewhere sudo bridgetap watch"), "{said}");
}

/// A stream that can be copied in both directions.
trait Stream: std::io::Read + Write + Send + Sized + 'static {
    fn copy(&self) -> Self;
}

impl Stream for UnixStream {
    fn copy(&self) -> Self {
        self.try_clone().expect("a copy")
    }
}

impl Stream for std::net::TcpStream {
    fn copy(&self) -> Self {
        self.try_clone().expect("a copy")
    }
}

trait Listener {
    type Stream: Stream;
    fn incoming_streams(self) -> Box<dyn Iterator<Item = Self::Stream> + Send>;
}

impl Listener for UnixListener {
    type Stream = UnixStream;
    fn incoming_streams(self) -> Box<dyn Iterator<Item = UnixStream> + Send> {
        Box::new(std::iter::from_fn(move || self.accept().ok().map(|(stream, _)| stream)))
    }
}

impl Listener for TcpListener {
    type Stream = std::net::TcpStream;
    fn incoming_streams(self) -> Box<dyn Iterator<Item = std::net::TcpStream> + Send> {
        Box::new(std::iter::from_fn(move || self.accept().ok().map(|(stream, _)| stream)))
    }
}

/// The daemon's socket, as the docker command of the tests finds it.
fn daemon() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").ok();
    let path = host.as_deref().and_then(|host| host.strip_prefix("unix://"));
    PathBuf::from(path.unwrap_or("/var/run/docker.sock"))
}

/// Hands every connection on to the daemon.
fn forward<S: Stream>(clients: Box<dyn Iterator<Item = S> + Send>) {
    thread::spawn(move || {
        for client in clients {
            let daemon = UnixStream::connect(daemon()).expect("a Docker daemon");
            let (mut answers, mut to_client) = (daemon.copy(), client.copy());
            thread::spawn(move || std::io::copy(&mut answers, &mut to_client));
            let (mut requests, mut to_daemon) = (client, daemon);
            thread::spawn(move || std::io::copy(&mut requests, &mut to_daemon));
        }
    });
}
