//! What is told, and said, when what is watched or asked breaks in the middle: the daemon hangs, a container is killed
//! while it answers, a network goes with a connection on it.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::lab::{Lab, address, daemon, docker, exec, replies};
use super::watching::{Watching, between, bridgetap};

/// As long as the start may wait for the daemon, and for a busy machine.
const PATIENCE: Duration = Duration::from_secs(14);

/// Stands between bridgetap and the daemon, and can be stuck: then nothing goes through, and nothing is closed.
struct Gate {
    socket: PathBuf,
    is_stuck: Arc<AtomicBool>,
    _folder: tempfile::TempDir,
}

impl Gate {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let gate = Self { socket: folder.path().join("docker.sock"), is_stuck: Arc::default(), _folder: folder };
        let listener = UnixListener::bind(&gate.socket).expect("a socket");
        let is_stuck = Arc::clone(&gate.is_stuck);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let daemon = UnixStream::connect(daemon()).expect("a Docker daemon");
                let copy = |stream: &UnixStream| stream.try_clone().expect("a copy");
                for (from, to) in [(copy(&client), copy(&daemon)), (daemon, client)] {
                    let is_stuck = Arc::clone(&is_stuck);
                    thread::spawn(move || pass(from, to, &is_stuck));
                }
            }
        });
        gate
    }

    fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    fn set_stuck(&self, is_stuck: bool) {
        self.is_stuck.store(is_stuck, Ordering::SeqCst);
    }
}

fn pass(mut from: UnixStream, mut to: UnixStream, is_stuck: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        while is_stuck.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// A daemon that hangs: it takes every connection, sends this much of an answer, and no more.
fn hanging(socket: &Path, answer: &'static str) {
    let listener = UnixListener::bind(socket).expect("a socket");
    thread::spawn(move || {
        let mut kept = Vec::new();
        for mut client in listener.incoming().flatten() {
            let asked = client.read(&mut [0; 4096]);
            assert!(asked.is_ok_and(|length| length > 0), "it asks");
            let _ = client.write_all(answer.as_bytes());
            kept.push(client);
        }
    });
}

fn pings(watching: &Watching, server: &str, count: usize) {
    let what = format!("pings to {server}");
    watching.wait_for(&what, count, |object| between(object, "ping", "container_b", server));
}

fn ping(target: &str) {
    assert_eq!(replies(&exec("container_b", &format!("ping -c 1 {target}"))).len(), 1);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_socket_that_hangs_at_the_start_is_said_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let half =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"ApiVersion\":\"1.41\",";
    let begun = Instant::now();
    let mut children = Vec::new();
    for (name, answer) in [("mute.sock", ""), ("half.sock", half), ("head.sock", "HTTP/1.1 200 OK\r\nContent-")] {
        let socket = folder.path().join(name);
        hanging(&socket, answer);
        for arguments in [&["watch", "my_bridge"][..], &["watch"], &["networks"], &["watch", "if:lo", "--for", "100ms"]]
        {
            let mut command = bridgetap(arguments);
            command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bridgetap");
            children.push((socket.clone(), arguments, child));
        }
    }
    for (socket, arguments, mut child) in children {
        let mut took = None;
        while took.is_none() && begun.elapsed() < PATIENCE {
            took = child.try_wait().expect("a child").map(|_| begun.elapsed());
            thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        let output = child.wait_with_output().expect("a child");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(took.is_some(), "{arguments:?} hangs; it said {said}");
        let why = format!(
            "the Docker daemon at {} does not answer: see its log (journalctl -u docker) or restart it \
             (systemctl restart docker)",
            socket.display()
        );
        assert!(said.contains(&why), "{arguments:?}: {said}");
        let goes_on = arguments.contains(&"if:lo");
        assert_eq!(output.status.code(), Some(i32::from(!goes_on)), "{arguments:?}: {said}");
        assert_eq!(said.contains("Going on with addresses instead of names."), goes_on, "{said}");
    }
    println!("all had ended after {:?}", begun.elapsed());
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn while_the_socket_hangs_the_log_goes_on() {
    let lab = Lab::up(&["user-bridge"]);
    let gate = Gate::new();
    let watching = Watching::begin(bridgetap(&["watch", "--json", "my_bridge"]).env("DOCKER_HOST", gate.host()));
    ping("container_a");
    pings(&watching, "container_a", 1);
    gate.set_stuck(true);
    lab.run("latecomer", &["--network", "my_bridge"], &["bridgetap-lab-busybox", "sleep", "100"]);
    let target = address("latecomer", "my_bridge");
    ping(&target);
    pings(&watching, &target, 1);
    ping("container_a");
    pings(&watching, "container_a", 2);
    watching.wait_said(&format!(
        "the Docker daemon at {} does not answer: see its log (journalctl -u docker) or restart it (systemctl restart \
         docker). Going on with the names known so far.",
        gate.socket.display()
    ));
    ping("container_a");
    pings(&watching, "container_a", 3);
    gate.set_stuck(false);
    watching.wait_said("the Docker daemon answers again; names are up to date");
    ping("latecomer");
    pings(&watching, "latecomer", 1);
    let ended = watching.end();
    assert_eq!((ended.code, ended.said.lines().count()), (Some(0), 3), "{}", ended.said);
    assert_eq!(ended.summary()["events_lost"], 0);
}

/// Runs this in a container, while something happens to it.
fn meanwhile(container: &str, command: &str) -> std::process::Child {
    let mut docker = Command::new("docker");
    docker.args(["exec", container, "sh", "-c", command]).stdout(Stdio::null()).stderr(Stdio::null());
    docker.spawn().expect("the docker command")
}

fn is_tcp(object: &Value, outcome: &str) -> bool {
    between(object, "tcp", "container_b", "server") && object["outcome"] == outcome
}

const SERVER: [&str; 4] = ["bridgetap-lab-busybox", "sh", "-c", "sleep 100 | nc -l -p 80"];

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_that_is_killed_while_it_answers_keeps_its_name() {
    let lab = Lab::up(&["user-bridge"]);
    lab.run("server", &["--network", "my_bridge"], &SERVER);
    let watching = Watching::json(&["my_bridge", "container:server"]);
    let mut asking = meanwhile("container_b", "wget -qO- http://server/");
    watching.wait_for("an open connection", 1, |object| is_tcp(object, "opened"));
    docker(&["kill", "-s", "KILL", "server"]);
    watching.wait_said("server stopped; waiting for it");
    let _ = asking.wait();
    ping("container_a");
    pings(&watching, "container_a", 1);
    let ended = watching.end();
    assert_eq!((ended.code, ended.said.lines().count()), (Some(0), 2), "{}", ended.said);
    // The kernel closes what the process had open, and that is the last that is heard of it.
    let closed = ended.filter(|object| is_tcp(object, "closed"));
    assert_eq!(closed.len(), 1, "{}", ended.text);
    assert_eq!((&closed[0]["by"], &closed[0]["server"]["network"]), (&"server".into(), &"my_bridge".into()));
    assert!(closed[0]["there"]["bytes"].as_u64() > Some(0) && closed[0]["back"]["bytes"] == 0, "{}", closed[0]);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_network_that_goes_takes_no_name_with_it() {
    let lab = Lab::up(&["user-bridge"]);
    lab.network("bt-cut", &[]);
    lab.run("server", &["--network", "bt-cut"], &SERVER);
    docker(&["network", "connect", "bt-cut", "container_b"]);
    let watching = Watching::json(&["my_bridge", "bt-cut"]);
    let target = address("server", "bt-cut");
    let mut asking = meanwhile("container_b", &format!("wget -qO- http://{target}/"));
    watching.wait_for("an open connection", 1, |object| is_tcp(object, "opened"));
    for container in ["server", "container_b"] {
        docker(&["network", "disconnect", "-f", "bt-cut", container]);
    }
    docker(&["network", "rm", "bt-cut"]);
    watching.wait_said("bt-cut was removed; waiting for it");
    ping("container_a");
    pings(&watching, "container_a", 1);
    docker(&["rm", "-f", "server"]);
    let ended = watching.end();
    let _ = asking.kill();
    let _ = asking.wait();
    assert_eq!((ended.code, ended.said.lines().count()), (Some(0), 2), "{}", ended.said);
    let open = ended.filter(|object| is_tcp(object, "open") && object["network"] == "bt-cut");
    assert_eq!(open.len(), 1, "{}", ended.text);
}
