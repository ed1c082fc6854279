//! Published ports: each way to a container is one line, with the client that the client itself says it was.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::lab::{Lab, address, docker, exec, output};
use super::watching::{Ended, Watching};

/// Answers each datagram with itself, on port 5000.
const ECHO: &str = "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', 5000))
while True:
    data, client = s.recvfrom(1000)
    s.sendto(data, client)";

/// What curl says of its own end: its address and port.
fn curl(command: &mut Command, url: &str) -> SocketAddr {
    let said = ["-s", "-o", "/dev/null", "-w", "%{local_ip} %{local_port} %{http_code}", url];
    let printed = output(command.args(said));
    let [ip, port, code] = printed.split(' ').collect::<Vec<_>>()[..] else { panic!("{printed}") };
    assert_eq!(code, "200", "{url}");
    SocketAddr::new(ip.parse().expect("an address"), port.parse().expect("a port"))
}

fn outside() -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", "bridgetap-outside", "curl"]);
    command
}

fn socket(end: &Value) -> SocketAddr {
    let port = end["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
    SocketAddr::new(end["address"].as_str().expect("an address").parse().expect("an address"), port)
}

/// The one connection or flow from a client, with this outcome.
fn from(ended: &Ended, client: SocketAddr, outcome: &str) -> Value {
    let is_it = |object: &Value| {
        object["outcome"] == outcome && object["client"]["port"].is_u64() && socket(&object["client"]) == client
    };
    let found = ended.filter(is_it);
    assert_eq!(found.len(), 1, "{outcome} from {client}:\n{}", ended.text);
    found[0].clone()
}

fn assert_published(object: &Value, container: &str, host: (&str, u16), via: &str) {
    assert_eq!((&object["server"]["name"], &object["server"]["port"]), (&container.into(), &5000.into()), "{object}");
    assert_eq!(object["server"]["address"], address(container, "bridge"), "{object}");
    let expected = serde_json::json!({"host_address": host.0, "host_port": host.1, "via": via});
    assert_eq!(object["published"], expected, "{object}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn all_ways_through_a_published_port_show_the_real_client() {
    let _lab = Lab::up(&["published", "user-bridge"]);
    let watching = Watching::json(&[]);
    let gateway = docker(&["network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "my_bridge"]);
    let ways = [
        (curl(&mut Command::new("curl"), "http://127.0.0.1:8080/"), "127.0.0.1", "docker-proxy"),
        (curl(&mut Command::new("curl"), "http://[::1]:8080/"), "::1", "docker-proxy"),
        (curl(&mut Command::new("curl"), "http://10.88.0.1:8080/"), "10.88.0.1", "dnat"),
        (curl(&mut outside(), "http://10.88.0.1:8080/"), "10.88.0.1", "dnat"),
    ];
    let from_container = exec("container_a", &format!("wget -qO- http://{gateway}:8080/"));
    assert_eq!(from_container.trim(), "Hello");
    watching.wait_for("closed", 5, |object| object["kind"] == "tcp" && object["outcome"] == "closed");
    let ended = watching.end();
    for (client, host, via) in ways {
        for outcome in ["opened", "closed"] {
            assert_published(&from(&ended, client, outcome), "tutorial-container", (host, 8080), via);
        }
    }
    let is_its = |object: &Value| object["client"]["name"] == "container_a" && object["kind"] == "tcp";
    let own = ended.filter(is_its);
    assert_eq!(own.len(), 2, "open and closed, and nothing of the host between: {}", ended.text);
    for object in &own {
        assert_published(object, "tutorial-container", (&gateway, 8080), "docker-proxy");
        let hops = object["hops"].as_array().expect("hops");
        let networks: Vec<_> = hops.iter().filter_map(|hop| hop["network"].as_str()).collect();
        assert_eq!(networks.first().zip(networks.last()), Some((&"my_bridge", &"bridge")), "{object}");
    }
    let all = ended.filter(|object| object["kind"] == "tcp");
    assert_eq!(all.len(), 10, "five requests, two lines each:\n{}", ended.text);
    assert_eq!(ended.summary()["tcp"]["opened"], 5);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn one_container_port_behind_several_host_ports_is_told_by_the_one_that_was_used() {
    let lab = Lab::up(&["user-bridge"]);
    let ports = ["-p", "8081:5000", "-p", "8082:5000", "-p", "127.0.0.1:8083:5000"];
    let serve = "mkdir -p /www; echo Hello >/www/index.html; exec httpd -f -p 5000 -h /www";
    lab.run("many-ports", &ports, &["bridgetap-lab-busybox", "sh", "-c", serve]);
    let watching = Watching::json(&["bridge"]);
    super::lab::eventually("it serves", || exec("many-ports", "wget -qO- 127.0.0.1:5000").trim() == "Hello");
    let visits =
        [8081, 8082, 8083].map(|port| (curl(&mut Command::new("curl"), &format!("http://127.0.0.1:{port}/")), port));
    watching.wait_for("closed", 3, |object| object["kind"] == "tcp" && object["outcome"] == "closed");
    let ended = watching.end();
    for (client, port) in visits {
        assert_published(&from(&ended, client, "closed"), "many-ports", ("127.0.0.1", port), "docker-proxy");
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn datagrams_to_published_ports_are_told_with_their_client() {
    let lab = Lab::up(&["published"]);
    let ports = ["-p", "9053:5000/udp", "-p", "127.0.0.1:9055:5000/udp"];
    lab.run("udp-echo", &ports, &["bridgetap-lab", "python3", "-c", ECHO]);
    super::lab::eventually("it answers", || {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a time-out");
        socket.send_to(b"?", "127.0.0.1:9055").is_ok() && socket.recv(&mut [0; 9]).is_ok()
    });
    let watching = Watching::json(&["bridge"]);
    let ways = [("127.0.0.1", 9053, "docker-proxy"), ("127.0.0.1", 9055, "docker-proxy"), ("10.88.0.1", 9053, "dnat")];
    let sent = ways.map(|(host, port, via)| {
        let socket = UdpSocket::bind((host, 0)).expect("a socket");
        socket.connect((host, port)).expect("an address");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        socket.send(b"hello").expect("sent");
        assert_eq!(socket.recv(&mut [0; 9]).expect("an answer"), 5);
        (socket.local_addr().expect("an address"), (host, port), via)
    });
    watching.wait_for("flows", 3, |object| object["kind"] == "udp" && object["outcome"] == "opened");
    let ended = watching.end();
    for (client, host, via) in sent {
        assert_published(&from(&ended, client, "opened"), "udp-echo", host, via);
        let open = from(&ended, client, "open");
        assert_eq!((&open["there"]["bytes"], &open["back"]["bytes"]), (&5.into(), &5.into()), "{open}");
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_server_that_listens_on_its_loopback_only_refuses_whoever_comes_by_the_published_port() {
    let _lab = Lab::up(&["loopback-only"]);
    let watching = Watching::json(&["bridge"]);
    let tried = Command::new("curl").args(["-s", "-o", "/dev/null", "http://127.0.0.1:4000/"]).status();
    assert!(!tried.expect("curl").success(), "docker-proxy accepts, and can reach nobody");
    let is_it = |object: &Value| object["kind"] == "tcp" && object["outcome"] == "refused";
    watching.wait_for("refused", 1, is_it);
    let ended = watching.end();
    let refused = &ended.filter(is_it)[0];
    assert_eq!(
        (&refused["client"]["name"], &refused["server"]["name"]),
        (&"localhost".into(), &"loopback-only".into())
    );
    assert_eq!(
        (&refused["published"]["host_port"], &refused["published"]["via"]),
        (&4000.into(), &"docker-proxy".into())
    );
    assert_eq!(ended.filter(|object| object["kind"] == "tcp").len(), 1, "{}", ended.text);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn who_knows_the_containers_address_did_not_come_through_the_port() {
    let _lab = Lab::up(&["published"]);
    let watching = Watching::json(&["bridge"]);
    let target = address("tutorial-container", "bridge");
    // Open long enough for its socket to be looked at.
    let url = format!("http://{target}:5000/");
    let held = format!("exec 3<>/dev/tcp/{target}/5000; sleep 0.5; exec 3>&-");
    output(Command::new("bash").args(["-c", &held]));
    // What this machine asks of another at a port of that number is nothing of Docker's.
    let elsewhere = Command::new("curl").args(["-s", "http://10.88.0.2:8080/"]).status().expect("curl");
    assert!(!elsewhere.success(), "nobody listens there");
    let client = curl(&mut Command::new("curl"), &url);
    watching.wait_for("closed", 2, |object| object["kind"] == "tcp" && object["outcome"] == "closed");
    let ended = watching.end();
    let direct = ended.filter(|object| object["kind"] == "tcp" && object["outcome"] == "opened");
    assert_eq!(direct.len(), 2, "{}", ended.text);
    assert!(direct[0]["published"].is_null(), "{}", direct[0]);
    // Of one that was gone at once, no more may be said than that the port is published.
    let published = &from(&ended, client, "opened")["published"];
    assert!(published.is_null() || published["via"].is_null(), "{published}");
    assert_eq!(ended.filter(|object| object["server"]["address"] == "10.88.0.2").len(), 0, "{}", ended.text);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_bridge_and_its_containers_together_show_each_packet_once() {
    let _lab = Lab::up(&["user-bridge"]);
    let watching = Watching::json(&["my_bridge", "container_a", "container_b"]);
    let printed = exec("container_b", "ping -c 3 -i 0.1 container_a");
    assert!(printed.contains("3 packets received"), "{printed}");
    watching.wait_for("pings", 3, |object| object["kind"] == "ping");
    let ended = watching.end();
    let pings = ended.filter(|object| object["kind"] == "ping");
    assert_eq!(pings.len(), 3, "{}", ended.text);
    for ping in &pings {
        assert_eq!(ping["network"], "my_bridge");
        let hops = ping["hops"].as_array().expect("hops");
        let places: Vec<_> = hops.iter().map(|hop| hop["namespace"].as_str().unwrap_or("bridge")).collect();
        assert_eq!(places, ["container_b", "bridge", "container_a"], "{ping}");
        let after: Vec<_> = hops.iter().map(|hop| hop["after_ns"].as_u64().expect("a time")).collect();
        assert!(after.is_sorted(), "{after:?}");
        let latency: Vec<_> = hops.iter().map(|hop| hop["latency_ns"].as_u64().expect("a time")).collect();
        assert!(latency.is_sorted_by(|a, b| a > b), "nearer to the server it takes less: {latency:?}");
    }
    let asked = ended.filter(|object| {
        object["kind"] == "arp" && object["request"]["address"] == address("container_a", "my_bridge")
    });
    assert!(asked.len() <= 1 && asked.iter().all(|arp| arp["outcome"] == "answered"), "{asked:?}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn all_interfaces_of_the_host_show_each_packet_once() {
    let _lab = Lab::up(&["user-bridge"]);
    let watching = Watching::json(&["if:any"]);
    let printed = exec("container_b", "ping -c 3 -i 0.1 container_a");
    assert!(printed.contains("3 packets received"), "{printed}");
    watching.wait_for("pings", 3, |object| object["kind"] == "ping");
    let ended = watching.end();
    let between = |object: &Value| object["kind"] == "ping" && object["server"]["name"] == "container_a";
    let pings = ended.filter(between);
    assert_eq!(pings.len(), 3, "{}", ended.text);
    assert!(pings.iter().all(|ping| ping["hops"].as_array().is_some_and(|hops| hops.len() >= 2)), "{}", ended.text);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_forwarded_lookup_is_told_once_with_the_server_that_was_asked() {
    let _lab = Lab::up(&["user-bridge"]);
    let watching = Watching::json(&["my_bridge"]);
    let printed = exec("container_b", "nslookup -type=a example.test");
    assert!(printed.contains("203.0.113.7"), "{printed}");
    let is_it = |object: &Value| object["kind"] == "dns" && object["request"]["name"] == "example.test";
    watching.wait_for("lookup", 1, is_it);
    let ended = watching.end();
    let lookups = ended.filter(|object| is_it(object) && object["request"]["type"] == "A");
    assert_eq!(lookups.len(), 1, "{}", ended.text);
    assert_eq!(lookups[0]["server"]["name"], "docker-dns");
    assert_eq!(lookups[0]["upstream"], "10.88.0.2");
    assert_eq!(lookups[0]["hops"].as_array().map(Vec::len), Some(2), "{}", lookups[0]);
}
