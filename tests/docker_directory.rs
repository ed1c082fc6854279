//! The Directory against a real Docker Engine: real containers that start, are renamed, join, leave and stop.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "the lints know tests by their attribute, and these are their helpers"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Shutdown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bridgetap::docker::{
    Change, Container, DaemonConfig, Directory, DirectoryWatch, Lookup, NetworkId, Protocol, read_snapshot, spawn,
    write_snapshot,
};
use bridgetap::time::Timestamp;

/// Within which time a change must be seen.
const SOON: Duration = Duration::from_secs(1);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Containers and networks of one test; removed with it, also when it fails.
struct Lab {
    prefix: String,
}

impl Lab {
    fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { prefix: format!("bt-dir-{}-{number}", std::process::id()) }
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn network(&self, name: &str, options: &[&str]) -> String {
        let name = self.name(name);
        docker(&[&["network", "create"], options, &[name.as_str()]].concat());
        name
    }

    fn run(&self, name: &str, options: &[&str]) -> String {
        let name = self.name(name);
        let command = ["bridgetap-lab-busybox", "sleep", "60"];
        docker(&[&["run", "-d", "--pull=never", "--stop-timeout=0", "--name", &name], options, &command].concat());
        name
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let filter = format!("name={}", self.prefix);
        for (list, remove) in
            [(["ps", "-aq"].as_slice(), ["rm", "-f"].as_slice()), (&["network", "ls", "-q"], &["network", "rm"])]
        {
            let found = Command::new("docker").args(list).args(["--filter", &filter]).output();
            let found = found.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
            if !found.trim().is_empty() {
                let _ = Command::new("docker").args(remove).args(found.split_whitespace()).output();
            }
        }
    }
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("the docker command");
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "stands for the time of a packet seen now")]
fn now() -> Timestamp {
    Timestamp::ZERO + SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970")
}

fn watch() -> (DirectoryWatch, Receiver<Change>) {
    let (sender, receiver) = mpsc::channel();
    let watch = spawn(DaemonConfig::of_process(), move |change| drop(sender.send(change)));
    watch.wait_first(Duration::from_secs(5)).expect("a Docker daemon");
    (watch, receiver)
}

/// Waits until a published Directory satisfies `is_so`.
fn soon(what: &str, changes: &Receiver<Change>, is_so: impl Fn(&Directory) -> bool) -> Arc<Directory> {
    let begin = now();
    while let Some(left) = SOON.checked_sub(now() - begin) {
        match changes.recv_timeout(left) {
            Ok(Change::Directory(directory)) if is_so(&directory) => {
                println!("{what}: after {:?}", now() - begin);
                return directory;
            }
            Ok(Change::Unreachable(error)) => panic!("{error}"),
            _ => {}
        }
    }
    panic!("not seen within {SOON:?}: {what}");
}

fn address(container: &Container, network: &NetworkId) -> IpAddr {
    let place = container.endpoints.iter().find(|place| place.network == *network).expect("an endpoint");
    place.addresses[0]
}

fn name_at(directory: &Directory, network: &NetworkId, address: IpAddr, at: Timestamp) -> Option<String> {
    directory.container_at(Some(network), address, at).map(|found| found.name.clone())
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_is_followed_through_its_life() {
    let lab = Lab::new();
    let (watch, changes) = watch();
    let one = lab.network("one", &[]);
    let two = lab.network("two", &["--internal"]);
    soon("two networks", &changes, |found| found.network_by_name(&two).is_some());

    let labels = ["--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=web"];
    let ports = ["-p", "127.0.0.1:0:5000", "-p", "127.0.0.1:0:53/udp", "--network-alias", "db", "--network", &one];
    let old = lab.run("old", &[&labels[..], &ports[..]].concat());
    let started = soon("start", &changes, |found| found.container_by_name(&old).is_some());
    let container = started.container_by_name(&old).unwrap();
    let network = started.network_by_name(&one).unwrap();
    let first = address(container, &network.id);
    assert_eq!(container.compose, Some(("shop".into(), "web".into())));
    assert_eq!(container.image, "bridgetap-lab-busybox");
    assert!(container.endpoints[0].aliases.iter().any(|alias| alias == "db"), "{container:?}");
    assert!(container.endpoints[0].mac.is_some());
    let ports: Vec<_> = container.published.iter().map(|port| (port.container_port, port.protocol)).collect();
    assert_eq!(ports, [(53, Protocol::Udp), (5000, Protocol::Tcp)]);
    assert!(container.published.iter().all(|port| port.host_port != 0));
    let namespace = container.namespace.as_deref().expect("a namespace");
    assert!(std::fs::File::open(namespace).is_ok(), "{namespace}");
    assert_eq!(started.network_containing(first).map(|found| &found.name), Some(&one));
    assert!(network.name_service && !network.internal);
    assert!(started.network_by_name(&two).unwrap().internal);
    assert!(started.is_host_address(network.gateways[0]), "the bridge's own address");
    assert!(std::path::Path::new("/sys/class/net").join(network.interface.as_deref().unwrap()).exists());
    assert_eq!(started.find_container(&container.id.0[..12]), Lookup::Found(Arc::clone(container)));

    let new = lab.name("new");
    let before = now();
    docker(&["rename", &old, &new]);
    let renamed = soon("rename", &changes, |found| found.container_by_name(&new).is_some());
    assert_eq!(name_at(&renamed, &network.id, first, before).as_ref(), Some(&old));
    assert_eq!(name_at(&renamed, &network.id, first, now()).as_ref(), Some(&new));

    docker(&["network", "connect", "--alias", "cache", &two, &new]);
    let joined = soon("connect", &changes, |found| found.container_by_name(&new).unwrap().endpoints.len() == 2);
    let other = &joined.network_by_name(&two).unwrap().id;
    let place = joined.container_by_name(&new).unwrap().endpoints.iter().find(|place| place.network == *other).unwrap();
    assert!(place.aliases.iter().any(|alias| alias == "cache"));
    let second = place.addresses[0];
    assert_eq!(name_at(&joined, other, second, now()).as_ref(), Some(&new));
    let joined_at = now();

    docker(&["network", "disconnect", &two, &new]);
    let left = soon("disconnect", &changes, |found| found.container_by_name(&new).unwrap().endpoints.len() == 1);
    assert_eq!(name_at(&left, other, second, joined_at).as_ref(), Some(&new));
    assert_eq!(name_at(&left, other, second, now() + Duration::from_secs(3)), None);

    let running = now();
    docker(&["stop", "-t", "0", &new]);
    let stopped = soon("stop", &changes, |found| found.container_by_name(&new).is_none());
    assert_eq!(name_at(&stopped, &network.id, first, before).as_ref(), Some(&old));
    assert_eq!(name_at(&stopped, &network.id, first, running).as_ref(), Some(&new));
    assert_eq!(name_at(&stopped, &network.id, first, now() + Duration::from_secs(3)), None);
    assert!(watch.current().container_by_name(&new).is_none());
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn what_runs_already_is_listed_and_can_be_kept() {
    let lab = Lab::new();
    let one = lab.network("one", &["--subnet", "10.213.77.0/24", "-o", "com.docker.network.bridge.name=bt-dir-br0"]);
    let a = lab.run("a", &["--network", &one, "--network-alias", "db"]);
    let shared = lab.run("shared", &["--network", &format!("container:{a}")]);
    let host = lab.run("host", &["--network", "host"]);
    let (watch, _changes) = watch();
    let directory = watch.current();
    let network = directory.network_by_interface("bt-dir-br0").expect("found by the name of its bridge");
    assert_eq!(network.name, one);
    let container = directory.container_by_name(&a).unwrap();
    assert_eq!(name_at(&directory, &network.id, address(container, &network.id), Timestamp::ZERO).as_ref(), Some(&a));
    assert!(directory.is_broadcast(Some(&network.id), "10.213.77.255".parse().unwrap()));
    for name in [&shared, &host] {
        let found = directory.container_by_name(name).unwrap();
        assert!(found.endpoints.iter().all(|place| place.addresses.is_empty()), "{found:?}");
        assert!(std::fs::File::open(found.namespace.as_deref().expect("a namespace")).is_ok());
    }
    let default = directory.network_by_interface("docker0").expect("the default bridge");
    assert!(!default.name_service && directory.is_gateway(None, default.gateways[0]).is_some());

    let kept = read_snapshot(&write_snapshot(&directory, now())).unwrap().apply(None);
    assert!(kept.networks().eq(directory.networks()));
    let without_namespace = |found: &Arc<Container>| Container { namespace: None, ..(**found).clone() };
    assert!(kept.containers().map(without_namespace).eq(directory.containers().map(without_namespace)));
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_that_lives_shortly_is_seen() {
    let lab = Lab::new();
    let one = lab.network("one", &[]);
    let (_watch, changes) = watch();
    let name = lab.name("short");
    docker(&[
        "run",
        "--rm",
        "--pull=never",
        "--name",
        &name,
        "--network",
        &one,
        "bridgetap-lab-busybox",
        "sleep",
        "0.3",
    ]);
    let seen = soon("a short life", &changes, |found| found.container_by_name(&name).is_some());
    let found = seen.container_by_name(&name).unwrap();
    assert_eq!(found.endpoints.len(), 1, "{found:?}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn many_changes_at_once_all_arrive() {
    let lab = Lab::new();
    let one = lab.network("one", &[]);
    let (_watch, changes) = watch();
    let names: Vec<_> = (0..8).map(|number| format!("n{number}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| lab.run(name, &["--network", &one]));
        }
    });
    let all = |found: &Directory| names.iter().all(|name| found.container_by_name(&lab.name(name)).is_some());
    let directory = soon("all of them", &changes, all);
    let network = &directory.network_by_name(&one).unwrap().id;
    for name in names.iter().map(|name| lab.name(name)) {
        let found = directory.container_by_name(&name).unwrap();
        assert_eq!(name_at(&directory, network, address(found, network), now()), Some(name));
    }
}

/// Stands between the watch and the daemon, notes what is asked, and can go away as a daemon does.
struct Proxy {
    socket: PathBuf,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<Vec<UnixStream>>>,
}

impl Proxy {
    fn start(socket: PathBuf) -> Self {
        let proxy = Self { socket, requests: Arc::default(), connections: Arc::default() };
        proxy.listen();
        proxy
    }

    fn listen(&self) {
        let listener = UnixListener::bind(&self.socket).expect("a socket of one's own");
        let (requests, connections) = (Arc::clone(&self.requests), Arc::clone(&self.connections));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let daemon = UnixStream::connect("/var/run/docker.sock").expect("a Docker daemon");
                let copies = [&client, &daemon].map(|stream| stream.try_clone().expect("a copy"));
                let [mut to_client, mut to_daemon] = copies;
                connections
                    .lock()
                    .expect("no panic")
                    .extend([client.try_clone(), daemon.try_clone()].map(Result::unwrap));
                let requests = Arc::clone(&requests);
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(client).lines();
                    while let Some(Ok(line)) = lines.next() {
                        if line.contains(" HTTP/1.1") {
                            requests.lock().expect("no panic").push(line.clone());
                        }
                        to_daemon.write_all(format!("{line}\r\n").as_bytes()).unwrap_or_default();
                    }
                });
                std::thread::spawn(move || std::io::copy(&mut { daemon }, &mut to_client));
            }
        });
    }

    fn vanish(&self) {
        std::fs::remove_file(&self.socket).expect("the socket");
        for connection in self.connections.lock().expect("no panic").drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_daemon_that_restarts_is_listed_anew_and_only_ever_asked() {
    let lab = Lab::new();
    let directory = tempfile::tempdir().expect("a directory");
    let proxy = Proxy::start(directory.path().join("docker.sock"));
    let mut config = DaemonConfig::default();
    config.environment.docker_host = Some(format!("unix://{}", proxy.socket.display()));
    let (sender, changes) = mpsc::channel();
    let watch = spawn(config, move |change| drop(sender.send(change)));
    watch.wait_first(Duration::from_secs(5)).expect("a Docker daemon");
    let before = lab.run("before", &[]);
    soon("start", &changes, |found| found.container_by_name(&before).is_some());

    proxy.vanish();
    let told = changes.iter().find(|change| !matches!(change, Change::Directory(_)));
    assert!(matches!(told, Some(Change::Unreachable(_))), "{told:?}");
    assert!(watch.current().container_by_name(&before).is_some(), "names go on");
    let meanwhile = lab.run("meanwhile", &[]);
    docker(&["rm", "-f", &before]);
    proxy.listen();
    let told = changes.recv_timeout(Duration::from_secs(5)).expect("a new listing");
    let Change::Directory(listed) = told else { panic!("{told:?}") };
    assert!(listed.container_by_name(&before).is_none() && listed.container_by_name(&meanwhile).is_some());
    assert!(matches!(changes.recv_timeout(SOON), Ok(Change::Reconnected)));
    docker(&["rm", "-f", &meanwhile]);
    soon("stop", &changes, |found| found.container_by_name(&meanwhile).is_none());

    let requests = proxy.requests.lock().expect("no panic");
    assert!(requests.len() > 8 && requests.iter().all(|line| line.starts_with("GET ")), "{requests:#?}");
}

#[test]
fn without_a_daemon_the_message_says_what_to_do() {
    let mut config = DaemonConfig::default();
    config.environment.docker_host = Some("unix:///nonexistent".into());
    let error = spawn(config, drop).wait_first(Duration::from_secs(5)).expect_err("nobody is there");
    assert_eq!(
        error.to_string(),
        "no Docker daemon at /nonexistent: start it (systemctl start docker) or set DOCKER_HOST"
    );
}
