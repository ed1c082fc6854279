//! Containers that start: their first packets' lines have their names, or the names follow.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::lab::{Lab, address, daemon, docker};
use super::watching::{Watching, bridgetap};

/// A container that pings at once and is gone, as its process is ping itself.
fn start(name: &str, target: &str) {
    let fixed = ["run", "--rm", "--pull=never", "--label", "bridgetap.lab=1", "--network", "my_bridge", "--name", name];
    docker(&[&fixed[..], &["bridgetap-lab-busybox", "ping", "-c", "1", "-W", "1", target]].concat());
}

/// The client of each ping, in their order.
fn clients(pings: &[Value]) -> Vec<String> {
    pings.iter().map(|ping| ping["client"]["name"].as_str().expect("a name").to_owned()).collect()
}

fn is_ping(object: &Value) -> bool {
    object["kind"] == "ping"
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_is_named_in_the_line_of_its_first_packet() {
    const STARTS: usize = 20;
    let _lab = Lab::up(&["user-bridge"]);
    let target = address("container_a", "my_bridge");
    let watching = Watching::json(&["my_bridge"]);
    // One after the other, so that each has the address that the one before has just given up.
    let names: Vec<_> = (0..STARTS).map(|number| format!("start-{number}")).collect();
    for name in &names {
        start(name, &target);
    }
    watching.wait_for("pings", STARTS, is_ping);
    let ended = watching.end();
    assert_eq!(clients(&ended.filter(is_ping)), names);
    let nameless = ended.filter(|object| {
        let is_address = |end: &Value| end["name"] == end["address"];
        object["kind"] != "nd" && (is_address(&object["client"]) || is_address(&object["server"]))
    });
    assert!(nameless.is_empty(), "{nameless:#?}");
}

/// A daemon that takes its time to tell of a container.
fn slow_daemon(socket: &Path, millis: &Arc<AtomicU64>) {
    let listener = UnixListener::bind(socket).expect("a socket of one's own");
    let millis = Arc::clone(millis);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let daemon = UnixStream::connect(daemon()).expect("a Docker daemon");
            let (mut answers, mut to_client) =
                (daemon.try_clone().expect("a copy"), client.try_clone().expect("a copy"));
            thread::spawn(move || std::io::copy(&mut answers, &mut to_client));
            let millis = Arc::clone(&millis);
            thread::spawn(move || forward(client, daemon, &millis));
        }
    });
}

fn forward(mut client: UnixStream, mut daemon: UnixStream, millis: &AtomicU64) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = client.read(&mut bytes) {
        let asked = String::from_utf8_lossy(&bytes[..length]);
        if asked.contains("/containers/") && !asked.contains("/containers/json") {
            thread::sleep(Duration::from_millis(millis.load(Ordering::Relaxed)));
        }
        if daemon.write_all(&bytes[..length]).is_err() {
            return;
        }
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_name_that_comes_late_is_waited_for_or_follows() {
    let _lab = Lab::up(&["user-bridge"]);
    let target = address("container_a", "my_bridge");
    let folder = tempfile::tempdir().expect("a folder");
    let (socket, millis) = (folder.path().join("docker.sock"), Arc::new(AtomicU64::new(0)));
    slow_daemon(&socket, &millis);
    let host = format!("unix://{}", socket.display());
    let watching = Watching::begin(bridgetap(&["watch", "--json", "my_bridge"]).env("DOCKER_HOST", &host));
    let text = Watching::begin(bridgetap(&["watch", "my_bridge"]).env("DOCKER_HOST", &host));

    millis.store(300, Ordering::Relaxed);
    // It must still be there when the daemon is asked for the second time, as it is after its start.
    let options = ["--network", "my_bridge", "--label", "bridgetap.lab=1", "--stop-timeout=0"];
    let command = ["bridgetap-lab-busybox", "sh", "-c", &format!("ping -c 1 -W 1 {target}; sleep 60")];
    docker(&[&["run", "-d", "--pull=never", "--name", "waited-for"], &options[..], &command].concat());
    let ping = watching.wait_for("the first ping", 1, is_ping).remove(0);
    assert_eq!(ping["client"]["name"], "waited-for", "{ping}");

    millis.store(1500, Ordering::Relaxed);
    // It must still be there when the daemon is asked at last.
    let command = ["bridgetap-lab-busybox", "ping", "-i", "5", &target];
    docker(&[&["run", "-d", "--pull=never", "--name", "too-late"], &options[..], &command].concat());
    let own = address("too-late", "my_bridge");
    let ping = watching.wait_for("the second ping", 2, is_ping).remove(1);
    // The address may have been another's until just now: then the line has that name.
    assert_ne!(ping["client"]["name"], "too-late", "{ping}");
    assert_eq!(ping["client"]["address"], *own);
    let named = watching.wait_for("its name", 1, |object| object["kind"] == "named").remove(0);
    let id = docker(&["inspect", "-f", "{{.Id}}", "too-late"]);
    for (field, value) in [("address", &*own), ("network", "my_bridge"), ("name", "too-late"), ("container_id", &id)] {
        assert_eq!(named[field], value, "{named}");
    }
    let (ended, text) = (watching.end(), text.end());
    assert_eq!(ended.filter(|object| object["kind"] == "named").len(), 1, "it is said once");
    assert!(text.text.lines().any(|line| line == format!("… {own} is too-late")), "{}", text.text);
}
