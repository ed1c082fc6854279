//! What bridgetap may do while it runs, as the kernel says it of each thread; that the daemon is only ever read from; and
//! who owns what it writes.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::ends::Unprivileged;
use super::front::{Certificates, plain, tls};
use super::lab::{Lab, docker, exec, output, replies};
use super::watching::{Watching, between, bridgetap};

/// Capabilities by their numbers (`linux/capability.h`).
const DAC_OVERRIDE: u64 = 1 << 1;
const DAC_READ_SEARCH: u64 = 1 << 2;
const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;
const SYS_PTRACE: u64 = 1 << 19;
const SYS_ADMIN: u64 = 1 << 21;
/// What opening new taps takes, and looking for sockets.
const WATCHING: u64 = NET_RAW | NET_ADMIN | SYS_ADMIN | SYS_PTRACE | DAC_READ_SEARCH;
const LISTENING: u64 = NET_ADMIN | SYS_PTRACE | DAC_READ_SEARCH;
/// The user and the group `nobody` of Debian.
const NOBODY: u32 = 65534;

/// How a thread is held: its effective capabilities, and the rest of what the kernel says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    capabilities: u64,
    /// `NoNewPrivs` and `Seccomp`.
    modes: (String, String),
    /// Permitted, inheritable, ambient.
    others: (u64, u64, u64),
    /// In the bounding set, beyond what any thread has.
    beyond: u64,
}

impl Held {
    fn with(capabilities: u64) -> Self {
        Self { capabilities, modes: ("1".into(), "2".into()), others: (capabilities, 0, 0), beyond: 0 }
    }

    fn read(status: &str) -> Self {
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
        };
        let set = |name: &str| u64::from_str_radix(&value(name), 16).expect("a set");
        Self {
            capabilities: set("CapEff:"),
            modes: (value("NoNewPrivs:"), value("Seccomp:")),
            others: (set("CapPrm:"), set("CapInh:"), set("CapAmb:")),
            beyond: set("CapBnd:") & !(WATCHING | DAC_OVERRIDE),
        }
    }
}

/// Each thread by its name, `tap 7` as `tap`; those of one name are told apart where they differ.
fn held(process: u32) -> Vec<(String, Held)> {
    let mut held = Vec::new();
    for thread in fs::read_dir(format!("/proc/{process}/task")).expect("a process").flatten() {
        // It may have ended since.
        let Ok(status) = fs::read_to_string(thread.path().join("status")) else { continue };
        let name = status.lines().find_map(|line| line.strip_prefix("Name:")).expect("its name").trim();
        let name = if name.starts_with("tap ") { "tap" } else { name };
        held.push((name.to_owned(), Held::read(&status)));
    }
    held.sort_by_key(|(name, held)| (name.clone(), held.capabilities));
    held.dedup();
    held
}

/// Waits until its threads are as they stay.
fn assert_held(process: u32, expected: &[(&str, u64)]) {
    let expected: Vec<_> = expected.iter().map(|(name, set)| ((*name).to_owned(), Held::with(*set))).collect();
    let mut found = Vec::new();
    for _ in 0..250 {
        found = held(process);
        if found == expected {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(found, expected);
}

fn uid(process: u32) -> u32 {
    fs::metadata(format!("/proc/{process}/task/{process}/stat")).expect("a process");
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("its users");
    let uids: Vec<u32> = uids.split_whitespace().map(|uid| uid.parse().expect("a user")).collect();
    assert!(uids.iter().all(|uid| *uid == uids[0]), "real, effective, saved, and for files: {uids:?}");
    uids[0]
}

/// A folder of nobody's, whom nobody else lets in.
fn of_nobody() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("closed");
    std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("given away");
    folder
}

/// The mode and the owner of a file.
fn owned(file: &Path) -> (u32, u32) {
    let found = fs::metadata(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    (found.mode() & 0o7777, found.uid())
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn each_thread_has_what_it_needs_and_new_containers_are_watched() {
    let lab = Lab::up(&["user-bridge", "published"]);
    let folder = of_nobody();
    let file = folder.path().join("lab.pcapng");
    let mut command = bridgetap(&["watch", "--json", "-w", file.to_str().expect("UTF-8")]);
    let watching = Watching::begin(&mut command);
    let threads = [
        ("bridgetap", WATCHING & !NET_ADMIN),
        ("conntrack", LISTENING),
        ("docker", 0),
        ("recording", DAC_OVERRIDE),
        ("sandboxes", 0),
        ("signals", 0),
        ("tap", 0),
    ];
    assert_held(watching.id(), &threads);
    assert_eq!((uid(watching.id()), owned(&file)), (0, (0o600, 0)));
    lab.network("later", &[]);
    let late = ["sh", "-c", "nslookup container_a >/dev/null 2>&1; ping -c 1 container_a; sleep 100"];
    lab.run("latecomer", &["--network", "my_bridge"], &[&["bridgetap-lab-busybox"], &late[..]].concat());
    watching.wait_for("lookups of the latecomer", 1, |object| between(object, "dns", "latecomer", "docker-dns"));
    watching.wait_for("its ping", 1, |object| between(object, "ping", "latecomer", "container_a"));
    assert_held(watching.id(), &threads);
    let ended = watching.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn as_another_user_everything_is_watched_and_the_files_are_that_users() {
    let lab = Lab::up(&["user-bridge", "host"]);
    let folder = of_nobody();
    let file = folder.path().join("lab.pcapng");
    let mut command = bridgetap(&["watch", "--json", "--user", "nobody", "my_bridge", "-w"]);
    let watching = Watching::begin(command.arg(&file));
    let paths = DAC_READ_SEARCH;
    let threads = [
        ("bridgetap", WATCHING),
        ("docker", paths),
        ("recording", 0),
        ("sandboxes", 0),
        ("signals", 0),
        ("tap", paths),
    ];
    assert_held(watching.id(), &threads);
    assert_eq!((uid(watching.id()), owned(&file)), (NOBODY, (0o600, NOBODY)));
    let gateway = docker(&["network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "my_bridge"]);
    assert_eq!(exec("container_a", &format!("wget -qO- http://{gateway}:9090/")).trim(), "host");
    watching
        .wait_for("a container on the host's network", 1, |object| between(object, "tcp", "container_a", "hostweb"));
    let late = ["bridgetap-lab-busybox", "sh", "-c", "nslookup container_a; sleep 100"];
    lab.run("latecomer", &["--network", "my_bridge"], &late);
    watching.wait_for("lookups of the latecomer", 1, |object| between(object, "dns", "latecomer", "docker-dns"));
    let ended = watching.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);

    let table = folder.path().join("pings.csv");
    let probe = ["latency", "--probe", "container_b", "container_a", "-c", "3", "--user", "nobody", "-w"];
    output(bridgetap(&probe).arg(&table));
    assert_eq!(owned(&table), (0o600, NOBODY));
    assert_eq!(fs::read_to_string(&table).expect("a table").lines().count(), 2);
    let veths = output(&mut bridgetap(&["networks", "my_bridge", "--user", "nobody"]));
    assert_eq!(veths.matches("veth").count(), 3, "{veths}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_probing_watch_is_held_too() {
    let _lab = Lab::up(&["user-bridge"]);
    let folder = of_nobody();
    let file = folder.path().join("pings.json");
    let mut command = bridgetap(&["latency", "--probe", "container_b", "container_a", "-c", "500", "-w"]);
    let mut child = command.arg(&file).stdout(Stdio::null()).spawn().expect("bridgetap");
    let threads = [
        ("bridgetap", WATCHING),
        ("docker", 0),
        ("files", DAC_OVERRIDE),
        ("probe", 0),
        ("sandboxes", 0),
        ("signals", 0),
        ("tap", 0),
    ];
    assert_held(child.id(), &threads);
    assert!(child.wait().expect("a child").success());
    assert_eq!(owned(&file), (0o600, 0));
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn where_no_new_tap_can_come_nothing_is_kept() {
    let alone = |arguments: &[&str]| {
        let mut command = bridgetap(arguments);
        Watching::begin(command.env("DOCKER_HOST", "unix:///nonexistent"))
    };
    let rest = |main| [("bridgetap", main), ("docker", 0), ("signals", 0), ("tap", 0)];
    let watching = alone(&["watch", "--json", "-i", "lo"]);
    assert_held(watching.id(), &rest(0));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(TcpStream::connect(("127.0.0.1", port)).expect("a connection"));
    watching.wait_for("a connection", 1, |object| object["kind"] == "tcp" && object["server"]["port"] == port);
    assert_eq!(watching.end().code, Some(0));
    // The interface may come back.
    let watching = alone(&["watch", "--json", "--wait", "-i", "lo"]);
    assert_held(watching.id(), &rest(NET_RAW));
    assert_eq!(watching.end().code, Some(0));
}

#[test]
#[ignore = "needs root; run by .ci/run"]
fn who_reads_files_has_none_of_roots_power() {
    let capture =
        fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/nginx-flask-redis.pcapng")).expect("a capture");
    for user in [&[][..], &["--user", "nobody"]] {
        let mut command = bridgetap(&[&["replay", "--json", "-"], user].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("bridgetap");
        let mut pipe = child.stdin.take().expect("a pipe");
        pipe.write_all(&capture).expect("written");
        assert_held(child.id(), &[("bridgetap", 0)]);
        assert_eq!(uid(child.id()), if user.is_empty() { 0 } else { NOBODY });
        drop(pipe);
        assert!(child.wait().expect("a child").success());
    }
    // What only root may read is read, and written where only root may write for others.
    let folder = of_nobody();
    let [file, out, table] = ["in.pcapng", "out.pcapng", "out.hlog"].map(|name| folder.path().join(name));
    fs::write(&file, &capture).expect("written");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("closed");
    std::os::unix::fs::chown(&file, Some(NOBODY), Some(NOBODY)).expect("given away");
    output(bridgetap(&["replay"]).arg(&file).arg("-w").arg(&out));
    assert_eq!((owned(&out), fs::metadata(&out).expect("a file").len() > 10_000), ((0o600, 0), true));
    fs::write(&table, "theirs").expect("written");
    output(bridgetap(&["latency"]).arg(&file).arg("-w").arg(&table).arg("--force"));
    assert_eq!(owned(&table), (0o600, 0));
    fs::remove_file(&out).expect("gone");
    // Root's own file is read, though the user it becomes may not.
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("closed");
    std::os::unix::fs::chown(&file, Some(0), Some(0)).expect("root's");
    output(bridgetap(&["replay", "--user", "nobody"]).arg(&file).arg("-w").arg(&out));
    assert_eq!(owned(&out), (0o600, NOBODY));
    let compared = output(bridgetap(&["latency", "--compare"]).arg(&file).arg(&table));
    assert!(!compared.is_empty());
    let refused = bridgetap(&["replay", "--user", "no-such-user"]).arg(&file).output().expect("bridgetap");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("there is no such user; getent passwd"), "{said}");
    let nobody = Unprivileged::new();
    let mut as_root = nobody.command(&["replay", "-", "--user", "root"]);
    let refused = as_root.stdin(Stdio::null()).output().expect("bridgetap");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1) && said.contains("--user root: ") && said.contains("it takes root"),
        "{said}"
    );
}

/// Whether a request only reads what the documents name.
fn is_allowed(line: &str) -> bool {
    let Some(path) = line.strip_prefix("GET ").and_then(|rest| rest.split([' ', '?']).next()) else { return false };
    let path = path.strip_prefix("/v1.").and_then(|rest| rest.split_once('/')).map_or(path, |(_, path)| path);
    match path.trim_start_matches('/').split('/').collect::<Vec<_>>()[..] {
        ["_ping" | "version" | "info" | "events" | "networks"] | ["containers", "json"] => true,
        ["networks", id] | ["containers", id, "json"] => id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        _ => false,
    }
}

#[test]
fn what_changes_the_daemon_is_not_allowed() {
    for allowed in
        ["GET /_ping HTTP/1.1", "GET /v1.41/containers/json?all=1 HTTP/1.1", "GET /v1.41/networks/0af1 HTTP/1.1"]
    {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in [
        "POST /v1.41/containers/create HTTP/1.1",
        "GET /v1.41/containers/0af1/logs HTTP/1.1",
        "GET /v1.41/containers/../images/json HTTP/1.1",
        "GET /v1.41/secrets HTTP/1.1",
        "",
    ] {
        assert!(!is_allowed(refused), "{refused}");
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn the_daemon_is_only_read_by_every_command() {
    let lab = Lab::up(&["user-bridge", "published", "host"]);
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("read-only.sock");
    let asked = plain(&socket);
    let host = format!("unix://{}", socket.display());
    let command = |arguments: &[&str]| {
        let mut command = bridgetap(arguments);
        command.env("DOCKER_HOST", &host);
        command
    };
    // The proxy lets nothing else through, which is noted all the same.
    let socket = socket.to_str().expect("UTF-8");
    let post = ["-s", "--unix-socket", socket, "-X", "POST", "http://docker/v1.41/networks/prune"];
    assert!(!Command::new("curl").args(post).status().expect("curl").success());
    assert_eq!(asked.lines(), ["POST /v1.41/networks/prune HTTP/1.1"]);
    let first = asked.lines().len();

    assert!(output(&mut command(&["networks"])).contains("container_b"));
    assert!(output(&mut command(&["doctor"])).contains("Engine"));
    let file = folder.path().join("lab.pcapng");
    let recording = Watching::waiting_for(command(&["record", "-w"]).arg(&file), "; Ctrl-C ends");
    let watching = Watching::begin(&mut command(&["watch", "--json"]));
    lab.run("latecomer", &["--network", "my_bridge"], &["bridgetap-lab-busybox", "sleep", "100"]);
    lab.network("later", &[]);
    docker(&["network", "connect", "later", "latecomer"]);
    docker(&["rename", "container_a", "renamed"]);
    assert_eq!(replies(&exec("latecomer", "ping -c 1 renamed")).len(), 1);
    watching.wait_for("a ping", 1, |object| between(object, "ping", "latecomer", "renamed"));
    docker(&["network", "disconnect", "later", "latecomer"]);
    docker(&["kill", "latecomer"]);
    assert_eq!((watching.end().code, recording.end().code), (Some(0), Some(0)));
    output(&mut command(&["latency", "--probe", "container_b", "renamed", "-c", "3"]));

    let asked = &asked.lines()[first..];
    println!("{} requests", asked.len());
    assert!(asked.len() > 30 && asked.iter().all(|line| is_allowed(line)), "{asked:#?}");
    for path in ["/_ping", "/events", "/containers/json", "/networks", "/version", "/info"] {
        assert!(asked.iter().any(|line| line.contains(path)), "no {path}, so it proves nothing: {asked:#?}");
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn over_tls_it_works_and_a_wrong_authority_is_said() {
    let _lab = Lab::up(&["user-bridge"]);
    let certificates = Certificates::new();
    let (port, asked) = tls(&certificates);
    let command = |arguments: &[&str], folder: &Path| {
        let mut command = bridgetap(arguments);
        command.env("DOCKER_HOST", format!("tcp://127.0.0.1:{port}")).env("DOCKER_TLS_VERIFY", "1");
        command.env("DOCKER_CERT_PATH", folder);
        command
    };
    let watching = Watching::begin(&mut command(&["watch", "--json", "my_bridge"], certificates.folder()));
    assert_eq!(replies(&exec("container_b", "ping -c 1 container_a")).len(), 1);
    watching.wait_for("a ping", 1, |object| between(object, "ping", "container_b", "container_a"));
    assert_eq!(watching.end().code, Some(0));
    assert!(asked.lines().len() > 3 && asked.lines().iter().all(|line| is_allowed(line)), "{:#?}", asked.lines());
    // As another user too, though the key is root's alone.
    let shown = output(&mut command(&["networks", "my_bridge", "--user", "nobody"], certificates.folder()));
    assert!(shown.contains("container_a"), "{shown}");

    let remedy = "set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the directory with ca.pem, cert.pem and key.pem";
    let others = Certificates::new();
    let empty = tempfile::tempdir().expect("a folder");
    for folder in [others.folder(), empty.path()] {
        let refused = command(&["networks"], folder).output().expect("bridgetap");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && said.contains("no TLS with the Docker daemon"), "{said}");
        assert!(said.contains(remedy) && said.lines().count() == 1, "{said}");
        println!("{said}");
    }
}
