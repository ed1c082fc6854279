//! What the kernel says of published ports and of the host's sockets, against what clients and servers say themselves.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bridgetap::host::{
    Conntrack, DockerProxies, LocalSockets, Protocol, Reached, State, Translation, Translations, Tuple,
};
use bridgetap::time::Timestamp;
use nix::sys::eventfd::EventFd;

use super::lab::{Lab, docker, eventually, output};

const OUTSIDE: &str = "bridgetap-outside";
/// Says to each client where it sees it, over TCP for as long as the client likes, and over UDP.
const SERVER: &str = "
import socket, socketserver, threading
class Tell(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b'%s:%d\\n' % (self.client_address[0].encode(), self.client_address[1]))
        while self.request.recv(65536): pass
class Server(socketserver.ThreadingTCPServer):
    request_queue_size, daemon_threads = 256, True
def udp():
    socket_ = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    socket_.bind(('', 5353))
    while True:
        _, peer = socket_.recvfrom(2048)
        socket_.sendto(b'%s:%d\\n' % (peer[0].encode(), peer[1]), peer)
threading.Thread(target=udp, daemon=True).start()
Server(('', 5000), Tell).serve_forever()
";

fn lab() -> Lab {
    let lab = Lab::up(&["default-bridge"]);
    let ports = ["-p", "8080:5000", "-p", "8081:5000", "-p", "9053:5353/udp"];
    lab.run("teller", &ports, &["bridgetap-lab", "python3", "-c", SERVER]);
    eventually("the server answers", || TcpStream::connect((container(), 5000)).is_ok());
    lab
}

/// The address of the server on the default bridge, by the daemon.
fn container() -> IpAddr {
    docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "teller"]).parse().expect("an address")
}

fn server(port: u16) -> SocketAddr {
    SocketAddr::new(container(), port)
}

/// A connection that is held open, and where the server sees it from.
struct Held {
    stream: TcpStream,
    seen: SocketAddr,
}

impl Held {
    fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).expect("what the server sees");
        Self { stream, seen: line.trim().parse().expect("an address") }
    }

    /// From the client's side.
    fn tuple(&self) -> Tuple {
        let address = |end: std::io::Result<SocketAddr>| end.expect("an address");
        Tuple { source: address(self.stream.local_addr()), destination: address(self.stream.peer_addr()) }
    }
}

/// Listens on a thread of its own.
struct Listening {
    told: Receiver<(Translation, u64)>,
    stop: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    fn begin() -> Self {
        let (send, told) = mpsc::channel();
        let stop = Arc::new(EventFd::new().expect("an eventfd"));
        let wake = Arc::clone(&stop);
        let mut conntrack = Conntrack::open().expect("ctnetlink");
        let thread = thread::spawn(move || {
            while let Some(translation) = conntrack.next(std::os::fd::AsFd::as_fd(&*wake)).expect("an event") {
                if send.send((translation, conntrack.overruns())).is_err() {
                    break;
                }
            }
        });
        Self { told, stop, thread: Some(thread) }
    }

    /// Waits for the first that is so.
    fn until(&self, what: &str, is_it: impl Fn(&Translation) -> bool) -> Translation {
        loop {
            let (told, _) = self.told.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|_| panic!("{what}"));
            if is_it(&told) {
                return told;
            }
        }
    }

    /// Stops the thread, which was waiting.
    fn end(mut self) -> Vec<Translation> {
        self.stop.write(1).expect("a write");
        self.thread.take().expect("a thread").join().expect("it ended well");
        self.told.try_iter().map(|(told, _)| told).collect()
    }
}

/// Runs Python on the machine outside; returns what it printed.
fn outside(program: &str) -> String {
    output(Command::new("ip").args(["netns", "exec", OUTSIDE, "python3", "-c", program]))
}

fn v4(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_client_on_another_machine_is_known_by_what_it_asked_for() {
    let _lab = lab();
    let listening = Listening::begin();
    let mut table = Translations::default();
    let ask = |kind: &str, source: u16, target: u16| {
        outside(&format!(
            "import socket; s = socket.socket(socket.AF_INET, socket.{kind}); s.bind(('', {source})); s.settimeout(5)
s.connect(('10.88.0.1', {target})); s.send(b'x'); print(s.recv(99).decode())"
        ))
    };
    for (kind, protocol, source, published, port) in [
        ("SOCK_STREAM", Protocol::Tcp, 54816, 8080, 5000),
        ("SOCK_STREAM", Protocol::Tcp, 54817, 8081, 5000),
        ("SOCK_DGRAM", Protocol::Udp, 54818, 9053, 5353),
    ] {
        // The server sees the client itself.
        let client = v4(&format!("10.88.0.2:{source}"));
        assert_eq!(v4(&ask(kind, source, published)), client);
        let told = listening.until("the connection", |told| told.original.source == client);
        assert_eq!((told.protocol, told.state, told.is_translated()), (protocol, State::New, true));
        table.insert(told);
        let found = table.after(protocol, client, server(port), told.at).expect("it is known");
        assert_eq!(found.original.destination, v4(&format!("10.88.0.1:{published}")));
        let back = table.before(protocol, client, found.original.destination, told.at).expect("it is known");
        assert_eq!(back.after().destination, server(port));
    }
    let rest = listening.end();
    println!("{} events more", rest.len());
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_connection_that_is_open_already_is_told_at_the_start() {
    let _lab = lab();
    let mut client = Command::new("ip")
        .args(["netns", "exec", OUTSIDE, "python3", "-c"])
        .arg("import socket, sys; s = socket.create_connection(('10.88.0.1', 8081), 5, ('', 54900)); print(s.recv(99), flush=True); sys.stdin.read()")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a client");
    let mut line = String::new();
    BufReader::new(client.stdout.take().expect("a pipe")).read_line(&mut line).expect("it is connected");
    let listening = Listening::begin();
    let source = v4("10.88.0.2:54900");
    let told = listening.until("the connection", |told| told.original.source == source);
    assert_eq!((told.state, told.original.destination), (State::Listed, v4("10.88.0.1:8081")));
    assert_eq!(told.after(), Tuple { source, destination: server(5000) });
    drop(client.stdin.take());
    client.wait().expect("it ended");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_ping_out_of_a_container_is_known_by_its_identifier() {
    let _lab = lab();
    let listening = Listening::begin();
    let inside = docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "container_1"]);
    docker(&["exec", "container_1", "ping", "-c", "1", "10.88.0.2"]);
    let told = listening.until("the ping", |told| told.protocol == Protocol::Icmp && told.is_translated());
    assert_eq!(told.before().source.ip().to_string(), inside);
    assert_eq!(told.after().source.ip().to_string(), "10.88.0.1");
    assert_eq!(told.before().destination.ip().to_string(), "10.88.0.2");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn the_host_s_own_addresses_are_translated_and_loopback_is_not() {
    let _lab = lab();
    let listening = Listening::begin();
    // The gateway is the client then, without any docker-proxy.
    for own in ["10.88.0.1:8080", "172.17.0.1:8080"] {
        let held = Held::open(own);
        assert_eq!(held.seen, held.tuple().source, "the server sees the client's own port");
        let told = listening.until("the connection", |told| told.original == held.tuple());
        assert_eq!(told.after(), Tuple { source: held.seen, destination: server(5000) });
        let mut proxies = DockerProxies::open().expect("the processes");
        assert_eq!(proxies.reached(Protocol::Tcp, held.seen, server(5000)), Ok(Reached::Gone));
    }
    let held = Held::open("127.0.0.1:8080");
    let told = listening.until("the connection", |told| told.original == held.tuple());
    assert!(!told.is_translated(), "docker-proxy has it");
    let told = listening.until("docker-proxy's own", |told| told.original.source == held.seen);
    assert!(!told.is_translated());
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn events_that_are_lost_are_counted_and_the_table_is_read_again() {
    let _lab = lab();
    let mut conntrack = Conntrack::open().expect("ctnetlink");
    let (stop, mut told) = (EventFd::new().expect("an eventfd"), 0_u64);
    // Nobody reads meanwhile. The last is from a port that was not used before.
    let flood = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for port in 1..=60_000_u16 {
        let _ = flood.send_to(b"x", ("127.0.0.1", port));
    }
    let held = Held::open("127.0.0.1:8080");
    let begin = Instant::now();
    loop {
        let next = conntrack.next(std::os::fd::AsFd::as_fd(&stop)).expect("an event").expect("no stop");
        told += 1;
        let is_held = next.original == held.tuple();
        if is_held && conntrack.overruns() > 0 && next.state == State::Listed {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{} overruns, {told} told", conntrack.overruns());
    }
    println!("{} overruns, {told} connections told, {:?}", conntrack.overruns(), begin.elapsed());
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_connection_through_docker_proxy_is_known_by_its_port_and_its_client() {
    let _lab = lab();
    let mut proxies = DockerProxies::open().expect("the processes");
    assert_eq!(proxies.list().len(), 6, "three ports, for IPv4 and IPv6: {:?}", proxies.list());
    for (address, host) in [
        ("127.0.0.1:8080", "0.0.0.0:8080"),
        ("127.0.0.1:8081", "0.0.0.0:8081"),
        ("[::1]:8080", "[::]:8080"),
        ("[::1]:8081", "[::]:8081"),
    ] {
        let held = Held::open(address);
        assert_eq!(held.seen.ip().to_string(), "172.17.0.1", "the gateway");
        let reached = proxies.reached(Protocol::Tcp, held.seen, server(5000)).expect("root");
        assert_eq!(reached, Reached::Published { host: v4(host), outside: Some(held.tuple()) });
        let gone = held.seen;
        drop(held);
        eventually("the connection is gone", || {
            proxies.reached(Protocol::Tcp, gone, server(5000)) == Ok(Reached::Gone)
        });
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_container_that_asks_the_gateway_is_the_client() {
    let _lab = lab();
    let mut proxies = DockerProxies::open().expect("the processes");
    let client = docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "container_1"]);
    docker(&["exec", "-d", "container_1", "sh", "-c", "sleep 60 | nc 172.17.0.1 8080 > /seen"]);
    let mut seen = String::new();
    eventually("it is connected", || {
        seen = super::lab::exec("container_1", "cat /seen").trim().to_owned();
        seen.contains(':')
    });
    let reached = proxies.reached(Protocol::Tcp, v4(&seen), server(5000)).expect("root");
    let Reached::Published { host, outside: Some(outside) } = reached else { panic!("{reached:?}") };
    assert_eq!((host, outside.destination), (v4("0.0.0.0:8080"), v4("172.17.0.1:8080")));
    assert_eq!(outside.source.ip().to_string(), client);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_datagram_through_docker_proxy_is_known_by_its_port_only() {
    let _lab = lab();
    let mut proxies = DockerProxies::open().expect("the processes");
    for (local, target, host) in
        [("127.0.0.1:0", "127.0.0.1:9053", "0.0.0.0:9053"), ("[::1]:0", "[::1]:9053", "[::]:9053")]
    {
        let socket = UdpSocket::bind(local).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        socket.send_to(b"x", target).expect("it is sent");
        let mut bytes = [0; 99];
        let length = socket.recv(&mut bytes).expect("an answer");
        let seen = v4(String::from_utf8_lossy(&bytes[..length]).trim());
        let reached = proxies.reached(Protocol::Udp, seen, server(5353)).expect("root");
        assert_eq!(reached, Reached::Published { host: v4(host), outside: None });
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_connection_past_docker_proxy_is_no_published_port_s() {
    let _lab = lab();
    let mut proxies = DockerProxies::open().expect("the processes");
    let held = Held::open(&server(5000).to_string());
    assert_eq!(proxies.reached(Protocol::Tcp, held.seen, server(5000)), Ok(Reached::Direct));
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_proxy_that_came_later_is_found_by_itself() {
    let lab = lab();
    let mut proxies = DockerProxies::open().expect("the processes");
    lab.run("later", &["-p", "8090:5000"], &["bridgetap-lab", "python3", "-c", SERVER]);
    let address = docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "later"]);
    let later = SocketAddr::new(address.parse().expect("an address"), 5000);
    eventually("the server answers", || TcpStream::connect(later).is_ok());
    let held = Held::open("127.0.0.1:8090");
    let reached = proxies.reached(Protocol::Tcp, held.seen, later).expect("root");
    assert_eq!(reached, Reached::Published { host: v4("0.0.0.0:8090"), outside: Some(held.tuple()) });
}

/// Opens so many at once, from as many threads.
fn at_once(count: usize) -> Vec<Held> {
    let (barrier, held) = (Barrier::new(count), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                barrier.wait();
                let one = Held::open("127.0.0.1:8080");
                held.lock().expect("nobody panicked").push(one);
            });
        }
    });
    held.into_inner().expect("nobody panicked")
}

/// How many of them are told with their client; every one with its port, and none with a wrong client.
fn told(proxies: &mut DockerProxies, target: SocketAddr, held: &[Held]) -> usize {
    let mut told = 0;
    for one in held {
        match proxies.reached(Protocol::Tcp, one.seen, target).expect("root") {
            Reached::Published { host, outside } => {
                assert_eq!(host, v4("0.0.0.0:8080"));
                if let Some(outside) = outside {
                    assert_eq!(outside, one.tuple(), "the server sees {}", one.seen);
                    told += 1;
                }
            }
            other => panic!("{other:?} of {}", one.seen),
        }
    }
    told
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn connections_at_once_are_told_by_their_bytes_and_never_wrongly() {
    let _lab = lab();
    let target = server(5000);
    let mut proxies = DockerProxies::open().expect("the processes");
    let mut held = at_once(50);
    let begin = Instant::now();
    // Inside, ports have one length; so all have carried the same bytes.
    println!("50 at once, alike: {} told, {:?}", told(&mut proxies, target, &held), begin.elapsed());
    for (at, one) in held.iter_mut().enumerate().take(40) {
        one.stream.write_all(&vec![b'x'; at + 1]).expect("it is sent");
    }
    thread::sleep(Duration::from_millis(200));
    let begin = Instant::now();
    let known = told(&mut proxies, target, &held);
    println!("40 of them with bytes of their own: {known} told, {:?}", begin.elapsed());
    assert_eq!(known, 40, "the ten that are alike are not told");
    // One that comes now is the only one that is not known, besides those ten.
    held.truncate(40);
    thread::sleep(Duration::from_millis(200));
    held.push(Held::open("127.0.0.1:8080"));
    assert_eq!(told(&mut proxies, target, &held), 41);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn connections_one_after_the_other_are_all_told() {
    let _lab = lab();
    let target = server(5000);
    let mut proxies = DockerProxies::open().expect("the processes");
    let (mut held, mut longest) = (Vec::new(), Duration::ZERO);
    for count in 1..=50 {
        held.push(Held::open("127.0.0.1:8080"));
        let begin = Instant::now();
        assert_eq!(told(&mut proxies, target, &held[count - 1..]), 1);
        longest = longest.max(begin.elapsed());
    }
    assert_eq!(told(&mut proxies, target, &held), 50);
    println!("50 open: the longest question took {longest:?}");
}

/// Many clients come and go, and each connection is asked for as soon as conntrack tells it.
#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn short_connections_are_asked_for_as_the_kernel_tells_them() {
    let _lab = lab();
    let listening = Listening::begin();
    let mut proxies = DockerProxies::open().expect("the processes");
    let target = server(5000);
    for parallel in [1, 4] {
        let clients = thread::spawn(move || {
            let mut truth = BTreeMap::new();
            for _ in 0..200 / parallel {
                let several: Vec<_> = (0..parallel).map(|_| thread::spawn(|| Held::open("127.0.0.1:8080"))).collect();
                for one in several {
                    let one = one.join().expect("a connection");
                    truth.insert(one.seen, one.tuple());
                }
            }
            truth
        });
        let mut found = BTreeMap::new();
        while found.len() < 200 {
            let told = listening.until("a connection", |told| {
                told.state == State::New && told.original.destination == target && told.protocol == Protocol::Tcp
            });
            found.insert(
                told.original.source,
                proxies.reached(Protocol::Tcp, told.original.source, target).expect("root"),
            );
        }
        let truth = clients.join().expect("clients");
        let (mut port, mut client) = (0, 0);
        for (seen, reached) in &found {
            match reached {
                Reached::Published { outside, .. } => {
                    port += 1;
                    if let Some(outside) = outside {
                        assert_eq!(Some(outside), truth.get(seen));
                        client += 1;
                    }
                }
                Reached::Gone => {}
                Reached::Direct => panic!("{seen} is docker-proxy's"),
            }
        }
        println!("200 short connections, {parallel} at once: {port} told with their port, {client} with their client");
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn an_event_is_there_a_moment_after_its_packet() {
    let _lab = lab();
    let listening = Listening::begin();
    let mut tcpdump = Command::new("tcpdump")
        .args(["-i", "docker0", "-n", "-l", "-tt", "--nano", "-c", "100", "--immediate-mode"])
        .arg("tcp[tcpflags] == tcp-syn and src host 10.88.0.2")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("tcpdump");
    let mut said = [0; 1];
    tcpdump.stderr.as_mut().expect("a pipe").read_exact(&mut said).expect("it listens");
    thread::sleep(Duration::from_millis(300));
    outside(
        "import socket, time
for port in range(50000, 50100):
    socket.create_connection(('10.88.0.1', 8080), 5, ('', port)).recv(99); time.sleep(0.005)",
    );
    let printed = tcpdump.wait_with_output().expect("tcpdump's lines");
    let packets: BTreeMap<String, u64> = String::from_utf8_lossy(&printed.stdout)
        .lines()
        .filter_map(|line| {
            let (time, rest) = line.split_once(" IP 10.88.0.2.")?;
            let (seconds, nanos) = time.split_once('.')?;
            let at = Timestamp::from_parts(seconds.parse().ok()?, nanos.parse().ok()?).as_nanos();
            Some((rest.split_once(' ')?.0.to_owned(), at))
        })
        .collect();
    assert_eq!(packets.len(), 100);
    let mut late: Vec<i64> = Vec::new();
    while late.len() < 100 {
        let told = listening
            .until("all hundred", |told| told.state == State::New && told.original.destination == v4("10.88.0.1:8080"));
        let packet = packets[&told.original.source.port().to_string()];
        late.push(i64::try_from(told.at.as_nanos()).expect("now") - i64::try_from(packet).expect("now"));
    }
    late.sort_unstable();
    println!(
        "events after the packet on the bridge, in µs: least {}, median {}, 90 % {}, most {}",
        late[0] / 1000,
        late[50] / 1000,
        late[90] / 1000,
        late[99] / 1000
    );
    assert!(late[90] < 100_000_000, "nine of ten are there within 100 ms");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_socket_of_a_container_on_the_host_s_network_is_its_own() {
    let lab = lab();
    lab.run("on-host", &["--network", "host"], &["bridgetap-lab", "python3", "-c", SERVER]);
    let id = docker(&["inspect", "-f", "{{.Id}}", "on-host"]);
    eventually("it listens", || TcpStream::connect("127.0.0.1:5000").is_ok());
    let mut sockets = LocalSockets::open().expect("the processes");
    let own = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let client = TcpStream::connect("127.0.0.1:5000").expect("a connection");
    // It listens for TCP first, and a moment later for UDP.
    eventually("it listens for both", || {
        let begin = Instant::now();
        let refreshed = sockets.refresh().expect("root");
        println!("{refreshed:?} in {:?}", begin.elapsed());
        assert_eq!((refreshed.lost, refreshed.unreadable), (0, 0));
        sockets.owners().owner(Protocol::Udp, std::net::Ipv4Addr::LOCALHOST.into(), 5353).is_some()
    });
    let owner = |sockets: &LocalSockets, protocol, address: &str, port| {
        sockets.owners().owner(protocol, address.parse().expect("an address"), port).map(str::to_owned)
    };
    for address in ["127.0.0.1", "10.88.0.1", "172.17.0.1"] {
        assert_eq!(owner(&sockets, Protocol::Tcp, address, 5000).as_ref(), Some(&id), "{address}, TCP");
        assert_eq!(owner(&sockets, Protocol::Udp, address, 5353).as_ref(), Some(&id), "{address}, UDP");
        // docker-proxy's, and this test's.
        assert_eq!(owner(&sockets, Protocol::Tcp, address, 8080), None);
    }
    let port = |end: std::io::Result<SocketAddr>| end.expect("an address").port();
    assert_eq!(owner(&sockets, Protocol::Tcp, "127.0.0.1", port(own.local_addr())), None);
    assert_eq!(owner(&sockets, Protocol::Tcp, "127.0.0.1", port(client.local_addr())), None);
    docker(&["stop", "-t", "0", "on-host"]);
    sockets.refresh().expect("root");
    assert_eq!(owner(&sockets, Protocol::Tcp, "127.0.0.1", 5000), None);
}
