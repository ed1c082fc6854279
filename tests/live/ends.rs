//! How a watch ends, and what it says where it cannot begin.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::lab::{Lab, Printing, address, exec, output, replies};
use super::watching::{Ended, Watching, between, bridgetap};

fn assert_ended_well(how: &str, ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{how}: {}", ended.said);
    ended.summary();
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn what_was_just_seen_is_in_the_log_when_it_is_interrupted() {
    let _lab = Lab::up(&["user-bridge"]);
    let mut slowest = Duration::ZERO;
    for (round, signal) in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().enumerate() {
        let watching = Watching::json(&["my_bridge"]);
        let ping = ["exec", "container_b", "ping", "-c", "3", "-i", "0.1", "container_a"];
        let mut ping = Printing::begin(Command::new("docker").args(ping));
        ping.until("seq=2");
        std::thread::sleep(Duration::from_millis([5, 0, 1, 2][round]));
        watching.signal(signal);
        let ended = watching.ended();
        ping.rest();
        assert_ended_well(signal.as_str(), &ended);
        let pings = ended.filter(|object| between(object, "ping", "container_b", "container_a"));
        let answered = pings.iter().filter(|ping| ping["outcome"] == "answered").count();
        assert_eq!(answered, 3, "{signal}: {}", ended.text);
        slowest = slowest.max(ended.took);
    }
    println!("it ended within {slowest:?}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn it_ends_by_time_and_by_count() {
    let _lab = Lab::up(&["user-bridge"]);
    let watching = Watching::json(&["--for", "2s", "my_bridge"]);
    exec("container_b", "ping -c 1 container_a");
    let ended = watching.ended();
    assert_ended_well("--for", &ended);
    assert!(ended.took > Duration::from_millis(900) && ended.took < Duration::from_millis(2500), "{:?}", ended.took);
    assert_eq!(ended.filter(|object| object["kind"] == "ping").len(), 1);

    let watching = Watching::json(&["-c", "4", "my_bridge"]);
    assert_eq!(replies(&exec("container_b", "ping -c 2 -i 0.1 container_a")).len(), 2);
    let ended = watching.ended();
    assert_ended_well("-c", &ended);
    assert_eq!(ended.summary()["packets"], 4, "{}", ended.text);
}

/// What `bridgetap watch` says where it cannot begin.
pub fn refused(command: &mut Command) -> String {
    let output = command.output().expect("bridgetap");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn without_a_daemon_addresses_are_told() {
    let _lab = Lab::up(&["default-bridge"]);
    let none = ("DOCKER_HOST", "unix:///nonexistent");
    let watching = Watching::begin(bridgetap(&["watch", "--json", "docker0"]).env(none.0, none.1));
    let [from, to] = ["container_1", "container_2"].map(|name| address(name, "bridge"));
    assert_eq!(replies(&exec("container_1", &format!("ping -c 2 -i 0.1 {to}"))).len(), 2);
    let ended = watching.end();
    assert_ended_well("no daemon", &ended);
    assert_eq!(ended.filter(|object| between(object, "ping", &from, &to)).len(), 2, "{}", ended.text);
    let said: Vec<_> = ended.said.lines().collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("no Docker daemon at /nonexistent") && said[0].contains("addresses"), "{said:?}");
    assert_eq!(said[1], "bridgetap: watching docker0; Ctrl-C ends");

    let said = refused(bridgetap(&["watch"]).env(none.0, none.1));
    assert!(said.contains("no Docker daemon") && said.contains("name an interface"), "{said}");
    assert_eq!(said.lines().count(), 1);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_network_that_is_not_there_names_the_nearest() {
    let _lab = Lab::up(&["user-bridge"]);
    let said = refused(&mut bridgetap(&["watch", "my_brigde"]));
    let expected = "bridgetap: my_brigde: no such network, container, service or interface; did you mean my_bridge?";
    assert_eq!(said, expected);
    let said = refused(&mut bridgetap(&["watch", "if:docker1"]));
    assert_eq!(said, "bridgetap: docker1: no such interface; did you mean docker0?");
}

/// A copy of the program for somebody who is not root, but in the group of the Docker socket.
pub struct Unprivileged {
    directory: tempfile::TempDir,
}

impl Unprivileged {
    pub fn new() -> Self {
        let this = Self { directory: tempfile::tempdir().expect("a directory") };
        std::fs::copy(env!("CARGO_BIN_EXE_bridgetap"), this.path()).expect("a copy");
        for path in [this.directory.path(), &this.path()] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("for everybody");
        }
        this
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("bridgetap")
    }

    pub fn setcap(&self, capabilities: &str) {
        output(Command::new("setcap").arg(capabilities).arg(self.path()));
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let socket = std::fs::metadata("/var/run/docker.sock").expect("the daemon's socket");
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", &format!("--groups={}", socket.gid())]);
        command.arg(self.path()).args(arguments);
        command
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn without_permission_the_command_that_it_names_gives_it() {
    let _lab = Lab::up(&["user-bridge"]);
    let nobody = Unprivileged::new();
    let line = format!("cd / && exec {} watch if:docker0", nobody.path().display());
    let said = refused(Command::new("su").args(["nobody", "-s", "/bin/sh", "-c", &line]));
    assert!(said.contains("permission denied for /var/run/docker.sock"), "{said}");

    let said = refused(&mut nobody.command(&["watch", "my_bridge"]));
    assert!(said.contains("needs CAP_NET_RAW;") && said.lines().count() == 1, "{said}");
    let (_, remedy) = said.split_once("sudo setcap ").expect("a remedy");
    let (capabilities, _) = remedy.split_once(' ').expect("and the program");

    nobody.setcap("cap_net_raw,cap_net_admin+ep");
    let ended = Watching::begin(&mut nobody.command(&["watch", "--json", "my_bridge"])).end();
    let said = &ended.said;
    assert_ended_well("without namespaces", &ended);
    assert!(said.contains("lookups of container names stay unseen: /"), "{said}");
    assert!(said.contains("no permission to enter this network namespace, which needs CAP_SYS_ADMIN"), "{said}");
    assert!(said.contains(capabilities) && said.lines().count() == 2, "{said}");

    nobody.setcap(capabilities);
    let watching = Watching::begin(&mut nobody.command(&["watch", "--json", "my_bridge"]));
    assert_eq!(replies(&exec("container_b", "ping -c 1 container_a")).len(), 1);
    let asks = |object: &Value| between(object, "dns", "container_b", "docker-dns");
    watching.wait_for("lookups", 2, asks);
    let ended = watching.end();
    assert_eq!(ended.said.lines().count(), 1, "{}", ended.said);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn it_ends_in_peace_when_nobody_reads_any_more() {
    let _lab = Lab::up(&["user-bridge"]);
    let watching = Watching::begin_unread(&mut bridgetap(&["watch", "my_bridge"]));
    assert_eq!(replies(&exec("container_b", "ping -c 2 -i 0.1 container_a")).len(), 2);
    let ended = watching.ended();
    assert_eq!((ended.code, ended.said.lines().count()), (Some(0), 1), "{}", ended.said);
}
