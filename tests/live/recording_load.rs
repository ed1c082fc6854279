//! A million small packets, recorded by dumpcap and by `bridgetap record` at the same time.
//!
//! They go over a cable between two network namespaces, made for this, to a bridge. Nobody answers them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Frame, Next, Source};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::lab::{eventually, output};
use super::watching::Watching;

const SENT: u32 = 1_000_000;
const PORT: u16 = 9000;
/// Nobody's: the bridge has no address, so nothing is asked and nothing refused.
const RECEIVER: &str = "10.203.0.2";

/// A namespace that sends, and one with a bridge at the other end of its cable. Removed also when a test fails.
struct Cable {
    from: String,
    at: String,
}

impl Cable {
    fn new() -> Self {
        let name = |side: &str| format!("bt-load-{}-{side}", std::process::id());
        let cable = Self { from: name("from"), at: name("at") };
        let (from, at) = (&cable.from, &cable.at);
        for namespace in [from, at] {
            ip(&format!("netns add {namespace}"));
            // Else interfaces that come up say so on the cable.
            ip(&format!("netns exec {namespace} sysctl -qw net.ipv6.conf.default.disable_ipv6=1"));
        }
        ip(&format!("-n {from} link add cable0 type veth peer name port0 netns {at}"));
        ip(&format!("-n {at} link add bridge0 type bridge mcast_snooping 0"));
        ip(&format!("-n {at} link set port0 master bridge0 up"));
        ip(&format!("-n {at} link set bridge0 up"));
        ip(&format!("-n {from} address add 10.203.0.1/24 dev cable0"));
        ip(&format!("-n {from} link set cable0 up"));
        ip(&format!("-n {from} neighbour add {RECEIVER} lladdr 02:42:0a:cb:00:02 dev cable0 nud permanent"));
        cable
    }

    /// A program where the bridge is.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.at, program]).args(arguments);
        // No daemon is asked: there are no containers.
        command.env("DOCKER_HOST", "unix:///nowhere");
        command
    }

    /// Sends [`SENT`] numbered datagrams as fast as it goes. Gives how many of them came to the bridge.
    fn send(&self) -> u32 {
        let before = self.received();
        let namespace = Path::new("/run/netns").join(&self.from);
        let send = move || {
            setns(File::open(namespace).expect("namespace"), CloneFlags::CLONE_NEWNET).expect("enter the namespace");
            let socket = UdpSocket::bind("0.0.0.0:0").expect("bind");
            socket.connect((RECEIVER, PORT)).expect("connect");
            for number in 0..SENT {
                let mut datagram = [0; 40];
                datagram[..4].copy_from_slice(&number.to_be_bytes());
                socket.send(&datagram).expect("send");
            }
        };
        thread::spawn(send).join().expect("all were sent");
        // Until the kernel has taken the last of them off the cable, and out of the rings what it can.
        thread::sleep(Duration::from_secs(1));
        self.received() - before
    }

    fn received(&self) -> u32 {
        let count = output(&mut self.command("cat", &["/sys/class/net/port0/statistics/rx_packets"]));
        count.parse().expect("a number")
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for namespace in [&self.from, &self.at] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).output();
        }
    }
}

fn ip(arguments: &str) {
    output(Command::new("ip").args(arguments.split_whitespace()));
}

/// A dumpcap that records; killed when dropped.
struct Dumpcap(Child);

impl Dumpcap {
    /// From when it records.
    fn begin(cable: &Cable, file: &str) -> Self {
        let mut command = cable.command("dumpcap", &["-q", "-i", "bridge0", "-w", file]);
        let mut dumpcap = Self(command.stderr(Stdio::piped()).spawn().expect("dumpcap: apt-get install tshark"));
        let mut lines = BufReader::new(dumpcap.0.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.starts_with("File: ")), "dumpcap does not record");
        // What it says at its end needs a reader.
        thread::spawn(move || lines.for_each(|line| println!("dumpcap: {line}")));
        dumpcap
    }

    /// Ctrl-C.
    fn end(mut self) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).expect("a process id")), Signal::SIGINT).expect("it runs");
        eventually("dumpcap ends", || self.0.try_wait().expect("a child").is_some());
    }
}

impl Drop for Dumpcap {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a file has of the datagrams that were sent.
struct Kept {
    datagrams: u32,
    /// What the kernel dropped, by the statistics at its end.
    dropped: u64,
}

impl Kept {
    fn read(path: &str) -> Self {
        let mut source = FileSource::open(Path::new(path), 0).expect("a capture");
        let mut seen = vec![false; SENT as usize];
        loop {
            match source.next().expect("a whole file") {
                Next::Frame(frame, _) => {
                    if let Some(number) = number(&frame) {
                        let twice = std::mem::replace(&mut seen[number as usize], true);
                        assert!(!twice, "{path} has datagram {number} twice");
                    }
                }
                Next::End => break,
                Next::Names(_) | Next::Idle(_) => {}
            }
        }
        let datagrams = u32::try_from(seen.iter().filter(|is_there| **is_there).count()).expect("at most as were sent");
        let drops = source.drops().expect("statistics at the end");
        Self { datagrams, dropped: drops.kernel }
    }
}

/// The number of a datagram that was sent: after the heads of Ethernet, IPv4 and UDP.
fn number(frame: &Frame<'_>) -> Option<u32> {
    let is_datagram = frame.bytes.get(12..14)? == [0x08, 0x00] && frame.bytes.get(36..38)? == PORT.to_be_bytes();
    let number = frame.bytes.get(42..46)?.try_into().ok()?;
    is_datagram.then(|| u32::from_be_bytes(number))
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_million_packets_are_kept_where_dumpcap_keeps_them() {
    let cable = Cable::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (theirs, ours) = (file("dumpcap.pcapng"), file("bridgetap.pcapng"));
    let dumpcap = Dumpcap::begin(&cable, &theirs);
    let arguments = ["record", "if:bridge0", "-w", &ours];
    let mut command = cable.command(env!("CARGO_BIN_EXE_bridgetap"), &arguments);
    let recording = Watching::waiting_for(&mut command, "; Ctrl-C ends");
    let came = cable.send();
    let ended = recording.end();
    dumpcap.end();
    println!("bridgetap: {}", ended.said);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let (theirs, ours) = (Kept::read(&theirs), Kept::read(&ours));
    println!(
        "{came} of {SENT} came; dumpcap kept {}, bridgetap {}, the kernel dropped {} of bridgetap's",
        theirs.datagrams, ours.datagrams, ours.dropped
    );
    // The kernel drops some before the bridge where its queue of what came in is full.
    assert!(came > SENT / 2, "{came} came");
    assert_eq!(u64::from(ours.datagrams) + ours.dropped, u64::from(came), "kept and dropped are all that came");
    assert!(ours.datagrams >= theirs.datagrams, "{} and {}", ours.datagrams, theirs.datagrams);
    let said = ended.said.rsplit(", ").next().expect("words").replace(',', "");
    assert_eq!(said.trim(), format!("{} dropped by the kernel", ours.dropped));
}
