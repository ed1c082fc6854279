//! A Docker Engine of the test's own, beside the machine's: it can be killed. It has its own network, so that its bridges
//! meet no others.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::lab::{eventually, output, replies};
use super::watching::{Watching, between};

const IMAGE: &str = "bridgetap-lab-busybox";
/// On a disk, because layers of images do not go onto every other file system.
const PLACE: &str = "/var/lib";
/// As long as a daemon may take to answer.
const BEGINS_WITHIN: Duration = Duration::from_secs(90);

/// The namespaces for mounts and for the network that the engine is in, made as those of `tests/lab/swarm.sh`.
const ROOM: &str = "
set -e
ip link set lo up
mkdir -p \"$0/cgroup\"
mount --rbind /sys/fs/cgroup \"$0/cgroup\"
mount -t sysfs sysfs /sys
mount --rbind \"$0/cgroup\" /sys/fs/cgroup
for folder in docker netns containerd; do
  mkdir -p \"/run/$folder\"
  mount -t tmpfs tmpfs \"/run/$folder\"
  mount --make-shared \"/run/$folder\"
done
echo '{}' >\"$0/daemon.json\"
echo ready >\"$0/ready\"
exec sleep 600
";

struct Engine {
    folder: PathBuf,
    room: Child,
    daemon: Option<Child>,
}

impl Engine {
    fn start() -> Self {
        let folder = Path::new(PLACE).join(format!("bridgetap-fault-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut room = Command::new("unshare");
        room.args(["--mount", "--net", "--propagation", "private", "sh", "-c", ROOM]).arg(&folder);
        let room = room.stdout(Stdio::null()).spawn().expect("unshare");
        let mut engine = Self { folder, room, daemon: None };
        eventually("the room is ready", || engine.folder.join("ready").exists());
        engine.begin();
        let mut image = Command::new("docker").args(["save", IMAGE]).stdout(Stdio::piped()).spawn().expect("docker");
        output(engine.docker(&["load"]).stdin(image.stdout.take().expect("a pipe")));
        assert!(image.wait().expect("docker").success(), "the image cannot be saved");
        engine
    }

    /// Starts the daemon, and waits until it answers.
    fn begin(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.join("log")).expect("a log");
        let folder = self.folder.display();
        let arguments = format!(
            "--config-file {folder}/daemon.json --storage-driver vfs --data-root {folder}/data --exec-root /run/docker \
             --host unix://{folder}/docker.sock --pidfile {folder}/pid --bridge none --live-restore"
        );
        let mut daemon = self.within("dockerd");
        daemon.args(arguments.split_whitespace()).stdout(Stdio::null()).stderr(log);
        self.daemon = Some(daemon.spawn().expect("dockerd"));
        let is_up = || self.docker(&["info"]).output().is_ok_and(|info| info.status.success());
        // One that was killed has to find its containers again, which takes it longer than to begin.
        let begun = Instant::now();
        while !is_up() {
            assert!(
                begun.elapsed() < BEGINS_WITHIN,
                "the engine does not answer: {}",
                self.folder.join("log").display()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// A program where the engine is.
    fn within(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--net", "-t", &self.room.id().to_string(), program]);
        command
    }

    fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", self.host()).args(arguments);
        command
    }

    fn run(&self, name: &str) -> u32 {
        let arguments = ["run", "-d", "--pull=never", "--network", "bt-fault", "--name", name, IMAGE, "sleep", "600"];
        output(&mut self.docker(&arguments));
        output(&mut self.docker(&["inspect", "-f", "{{.State.Pid}}", name])).parse().expect("a process id")
    }

    fn address(&self, name: &str) -> String {
        let format = "{{(index .NetworkSettings.Networks \"bt-fault\").IPAddress}}";
        output(&mut self.docker(&["inspect", "-f", format, name]))
    }

    fn host(&self) -> String {
        format!("unix://{}/docker.sock", self.folder.display())
    }

    /// As `kill -KILL` does: nothing is cleaned up, and containers go on.
    fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            // nsenter has become the daemon itself.
            let _ = daemon.kill();
            let _ = daemon.wait();
            self.forget_containerd();
        }
    }
}

impl Engine {
    /// The kernel kills containerd together with the daemon that started it. The next daemon would wait in vain for that
    /// process where nobody has taken note of its end yet.
    fn forget_containerd(&self) {
        let is_containerd = |id: i32| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            stat.contains("(containerd)") && !stat.contains(") Z ")
        };
        for id in inside(&format!("/proc/{}/ns/mnt", self.room.id())) {
            if is_containerd(id) {
                let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
            }
        }
        let _ = self.within("rm").args(["-f", "/run/docker/containerd/containerd.pid"]).status();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Ok(all) = self.docker(&["ps", "-aq"]).output() {
            let all = String::from_utf8_lossy(&all.stdout).into_owned();
            let all: Vec<_> = all.split_whitespace().collect();
            let _ = self.docker(&[&["rm", "-f", "-v"], &all[..]].concat()).output();
        }
        self.kill();
        // What the engine started, and nobody ends now: containerd, its shims and their containers.
        for id in inside(&format!("/proc/{}/ns/mnt", self.room.id())) {
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
        let _ = self.room.kill();
        let _ = self.room.wait();
        for _ in 0..100 {
            if std::fs::remove_dir_all(&self.folder).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        eprintln!("{} is left", self.folder.display());
    }
}

/// The processes in that mount namespace, and their children in others.
fn inside(namespace: &str) -> Vec<i32> {
    let Ok(wanted) = std::fs::read_link(namespace) else { return Vec::new() };
    let ids = || std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = ids().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mut found: Vec<i32> = Vec::new();
    for id in ids {
        let is_in = std::fs::read_link(format!("/proc/{id}/ns/mnt")).is_ok_and(|place| place == wanted);
        if is_in {
            found.push(id);
            let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|child| child.parse::<i32>().ok()));
        }
    }
    found
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_daemon_that_is_killed_is_missed_by_names_only() {
    let mut engine = Engine::start();
    output(&mut engine.docker(&["network", "create", "bt-fault"]));
    engine.run("one");
    let two = engine.run("two").to_string();
    let target = engine.address("one");
    let mut command = engine.within(env!("CARGO_BIN_EXE_bridgetap"));
    command.args(["watch", "--json", "bt-fault"]).env("DOCKER_HOST", engine.host());
    let watching = Watching::begin(&mut command);
    let ping = |process: &str, target: &str| {
        let arguments = ["--mount", "--net", "-t", process, "ping", "-c", "1", target];
        assert_eq!(replies(&output(Command::new("nsenter").args(arguments))).len(), 1);
    };
    let pings = |client: &str, server: &str, count| {
        let what = format!("pings of {client} to {server}");
        watching.wait_for(&what, count, |object| between(object, "ping", client, server));
    };
    ping(&two, "one");
    pings("two", "one", 1);

    engine.kill();
    let socket = format!("{}/docker.sock", engine.folder.display());
    watching.wait_said("Going on with the names known so far.");
    let why = format!("no Docker daemon at {socket}: start it (systemctl start docker) or set DOCKER_HOST. ");
    assert!(watching.said().contains(&why), "{}", watching.said());
    ping(&two, &target);
    pings("two", "one", 2);

    engine.begin();
    // Mostly before it is seen that the daemon is there again.
    let three = engine.run("three").to_string();
    output(&mut engine.docker(&["rename", "one", "renamed"]));
    watching.wait_said("the Docker daemon answers again; names are up to date");
    ping(&three, "renamed");
    pings("three", "renamed", 1);
    ping(&two, &engine.address("three"));
    pings("two", "three", 1);
    watching.wait_for("lookups of three", 1, |object| between(object, "dns", "three", "docker-dns"));
    let ended = watching.end();
    assert_eq!((ended.code, ended.said.lines().count()), (Some(0), 3), "{}", ended.said);
    assert_eq!(ended.summary()["events_lost"], 0);
}
