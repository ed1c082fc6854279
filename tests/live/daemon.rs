//! A daemon that restarts: names go on meanwhile, and it is only ever asked.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use super::lab::{Lab, daemon, docker, exec, replies};
use super::watching::{Watching, between, bridgetap};

/// Stands between bridgetap and the daemon, notes what is asked, and goes away as a daemon does.
struct Proxy {
    socket: PathBuf,
    asked: Arc<Mutex<Vec<u8>>>,
    connections: Arc<Mutex<Vec<UnixStream>>>,
}

impl Proxy {
    fn listen(&self) {
        let listener = UnixListener::bind(&self.socket).expect("a socket of one's own");
        let (asked, connections) = (Arc::clone(&self.asked), Arc::clone(&self.connections));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let daemon = UnixStream::connect(daemon()).expect("a Docker daemon");
                let copy = |stream: &UnixStream| stream.try_clone().expect("a copy");
                connections.lock().expect("no panic").extend([copy(&client), copy(&daemon)]);
                let (answers, mut to_client) = (copy(&daemon), copy(&client));
                thread::spawn(move || std::io::copy(&mut { answers }, &mut to_client));
                let asked = Arc::clone(&asked);
                thread::spawn(move || forward(client, daemon, &asked));
            }
        });
    }

    fn vanish(&self) {
        std::fs::remove_file(&self.socket).expect("the socket");
        for connection in self.connections.lock().expect("no panic").drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// The first lines of all requests.
    fn requests(&self) -> Vec<String> {
        let asked = String::from_utf8_lossy(&self.asked.lock().expect("no panic")).into_owned();
        asked.lines().filter(|line| line.contains(" HTTP/1.")).map(str::to_owned).collect()
    }
}

fn forward(mut client: UnixStream, mut daemon: UnixStream, asked: &Mutex<Vec<u8>>) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = client.read(&mut bytes) {
        asked.lock().expect("no panic").extend_from_slice(&bytes[..length]);
        if daemon.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn while_the_daemon_restarts_the_known_names_go_on() {
    let lab = Lab::up(&["user-bridge"]);
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("docker.sock");
    let host = format!("unix://{}", socket.display());
    let proxy = Proxy { socket, asked: Arc::default(), connections: Arc::default() };
    proxy.listen();
    let watching = Watching::begin(bridgetap(&["watch", "--json", "my_bridge"]).env("DOCKER_HOST", host));
    proxy.vanish();
    watching.wait_said("Going on with the names known so far.");
    assert_eq!(replies(&exec("container_b", "ping -c 1 container_a")).len(), 1);
    let pings = |server: &str, count| {
        let what = format!("a ping to {server}");
        watching.wait_for(&what, count, |object| between(object, "ping", "container_b", server))
    };
    pings("container_a", 1);
    // What happens meanwhile is known afterwards, too.
    docker(&["rename", "container_a", "meanwhile"]);
    lab.run("latecomer", &["--network", "my_bridge"], &["bridgetap-lab-busybox", "sleep", "100"]);
    proxy.listen();
    watching.wait_said("the Docker daemon answers again");
    for name in ["meanwhile", "latecomer"] {
        assert_eq!(replies(&exec("container_b", &format!("ping -c 1 {name}"))).len(), 1);
        pings(name, 1);
    }
    exec("latecomer", "nslookup container_b");
    watching.wait_for("lookups of the latecomer", 1, |object| between(object, "dns", "latecomer", "docker-dns"));
    let ended = watching.end();
    assert_eq!((ended.code, ended.said.lines().count()), (Some(0), 3), "{}", ended.said);
    let requests = proxy.requests();
    println!("{} requests", requests.len());
    assert!(requests.len() > 4 && requests.iter().all(|line| line.starts_with("GET ")), "{requests:#?}");
}
