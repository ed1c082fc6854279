//! Compares with tshark, packet by packet: which reply belongs to which request and after how long, which connections
//! there are and how long their handshakes took.
//!
//! Needs tshark (Debian: `apt-get install tshark`). Without it nothing is compared, and with `BRIDGETAP_DEMAND=1` that is
//! a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::common::{bridgetap, capture, captures, interfaces, pcap_header, pcap_packet, say, stem};
use bridgetap::capture::file::FileSource;
use bridgetap::capture::{LinkType, Next, Source};
use serde_json::Value;

/// What tshark says of a packet.
#[derive(Debug, Default)]
struct Dissected {
    /// Nanoseconds since 1970.
    at: u64,
    /// The packet that this one answers, by the field of `icmp.resp_to` or `icmpv6.resp_to`, or of `dns.response_to`.
    ping: Option<u64>,
    lookup: Option<u64>,
    to_port: Option<u16>,
    id: String,
    stream: Option<u64>,
    /// Nanoseconds from the SYN to the acknowledgement that completes the handshake.
    initial_rtt: Option<u64>,
}

const FIELDS: [&str; 9] = [
    "frame.number",
    "frame.time_epoch",
    "icmp.resp_to",
    "icmpv6.resp_to",
    "dns.response_to",
    "udp.dstport",
    "dns.id",
    "tcp.stream",
    "tcp.analysis.initial_rtt",
];

/// The sample captures to compare, if there is a tshark; says what to do where not.
fn compared() -> Option<Vec<PathBuf>> {
    if Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(captures());
    }
    let demanded = std::env::var_os("BRIDGETAP_DEMAND").is_some_and(|value| value == "1");
    assert!(!demanded, "tshark is not installed: apt-get install tshark");
    say("NOT RUN: nothing was compared, because tshark is not installed: apt-get install tshark");
    None
}

/// Seconds with a fraction, in nanoseconds.
fn nanos(seconds: &str) -> u64 {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    whole.parse::<u64>().unwrap() * 1_000_000_000 + format!("{fraction:0<9}")[..9].parse::<u64>().unwrap()
}

fn dissected(file: &Path) -> BTreeMap<u64, Dissected> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "occurrence=f", "-r"]).arg(file);
    // Standard settings, without those of whoever runs the test.
    command.env("WIRESHARK_CONFIG_DIR", folder.path());
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(packet).collect()
}

fn packet(line: &str) -> (u64, Dissected) {
    let fields: Vec<&str> = line.split('\t').collect();
    let [number, at, ping, ping6, lookup, to_port, id, stream, initial_rtt] = fields[..] else { panic!("{line:?}") };
    let dissected = Dissected {
        at: nanos(at),
        ping: ping.parse().or_else(|_| ping6.parse()).ok(),
        lookup: lookup.parse().ok(),
        to_port: to_port.parse().ok(),
        id: id.to_owned(),
        stream: stream.parse().ok(),
        initial_rtt: Some(initial_rtt).filter(|time| !time.is_empty()).map(nanos),
    };
    (number.parse().unwrap(), dissected)
}

/// Sample captures that have pings, lookups and connections between them.
const IN_TUNNELS: [&str; 3] = ["ping-by-name", "name-fails-on-default-bridge", "nginx-flask-redis"];

/// The sample captures, and some once more inside of VXLAN, as the wire between the nodes of a swarm shows it.
fn compared_in_tunnels_too() -> Option<(tempfile::TempDir, Vec<PathBuf>)> {
    let mut files = compared()?;
    let folder = tempfile::tempdir().unwrap();
    for name in IN_TUNNELS {
        let path = folder.path().join(format!("{name}-in-vxlan.pcap"));
        std::fs::write(&path, in_vxlan(&capture(name))).unwrap();
        files.push(path);
    }
    Some((folder, files))
}

/// What each interface of the captures shows, in files of their own: what two of them show of a connection is one
/// conversation to tshark. Without those of all the host's interfaces, which show a packet more than once.
fn one_by_one(files: &[PathBuf], folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for file in files {
        let pcaps = interfaces(file).into_iter().filter(|(link, _)| *link == LinkType::ETHERNET);
        for (number, (_, pcap)) in pcaps.enumerate() {
            let path = folder.join(format!("{}-{number}.pcap", stem(file)));
            std::fs::write(&path, pcap).unwrap();
            paths.push(path);
        }
    }
    paths
}

/// A capture's frames in VXLAN between two nodes, each of its interfaces a network of its own, as a pcap file in
/// nanoseconds.
fn in_vxlan(file: &Path) -> Vec<u8> {
    let mut pcap = pcap_header(LinkType::ETHERNET);
    let mut source = FileSource::open(file, 0).unwrap();
    loop {
        let (frame, network) = match source.next().unwrap() {
            Next::Frame(frame, _) => (frame, 4096 + frame.tap.0),
            Next::End => return pcap,
            _ => continue,
        };
        let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .ipv4([10, 88, 0, 1], [10, 88, 0, 2], 64)
            .udp(50_000, 4789);
        let mut bytes = Vec::new();
        let header = [&[8, 0, 0, 0][..], &(network << 8).to_be_bytes()].concat();
        builder.write(&mut bytes, &[&header, frame.bytes].concat()).unwrap();
        pcap.extend(pcap_packet(frame.at, bytes.len() as u32, &bytes));
    }
}

/// An interface of a sample capture: its name, and what both say of it.
type Interface = (String, BTreeMap<u64, Dissected>, Vec<Value>);

/// The interfaces of the sample captures one by one; none where there is no tshark.
static INTERFACES: LazyLock<Option<Vec<Interface>>> = LazyLock::new(|| {
    let (folder, files) = compared_in_tunnels_too()?;
    let paths = one_by_one(&files, folder.path());
    Some(paths.iter().map(|path| (stem(path).to_owned(), dissected(path), told(path))).collect())
});

fn told(file: &Path) -> Vec<Value> {
    let output = bridgetap().args(["replay", "--json"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn frames(object: &Value) -> Vec<u64> {
    object["frames"].as_array().unwrap().iter().map(|frame| frame.as_u64().unwrap()).collect()
}

/// Request, reply and nanoseconds between them, of the exchanges of a kind that were answered, at each of their hops.
fn pairs(objects: &[Value], kind: &str) -> BTreeSet<(u64, u64, u64)> {
    let pair = |object: &Value| {
        let frames = frames(object);
        (frames[0], *frames.last().unwrap(), object["latency_ns"].as_u64().unwrap())
    };
    let of_kind = objects.iter().filter(|object| object["kind"] == kind);
    let with_hops =
        of_kind.flat_map(|object| iter::once(object).chain(object["hops"].as_array().into_iter().flatten()));
    with_hops.filter(|seen| !seen["latency_ns"].is_null()).map(pair).collect()
}

fn dissected_pairs(
    packets: &BTreeMap<u64, Dissected>,
    request: impl Fn(&Dissected) -> Option<u64>,
) -> BTreeSet<(u64, u64, u64)> {
    let pair = |(&number, packet): (&u64, &Dissected)| {
        let request = request(packet)?;
        Some((request, number, packet.at - packets[&request].at))
    };
    packets.iter().filter_map(pair).collect()
}

#[test]
fn pings_are_paired_as_tshark_does() {
    let Some(interfaces) = &*INTERFACES else { return };
    let mut compared = 0;
    for (name, packets, objects) in interfaces {
        let (ours, theirs) = (pairs(objects, "ping"), dissected_pairs(packets, |packet| packet.ping));
        assert_eq!(ours, theirs, "{name}: bridgetap on the left");
        compared += theirs.len();
    }
    assert!(compared >= 12, "only {compared} pings");
}

#[test]
fn lookups_are_paired_as_tshark_does() {
    let Some((_folder, files)) = compared_in_tunnels_too() else { return };
    let (mut compared, mut beyond) = (0, 0);
    for file in &files {
        let packets = dissected(file);
        let ours = pairs(&told(file), "dns");
        let theirs = dissected_pairs(&packets, |packet| packet.lookup);
        let missing: Vec<_> = theirs.difference(&ours).collect();
        assert!(missing.is_empty(), "{}: tshark has {missing:?}", stem(file));
        // A question to Docker's name service goes to a random port, and its answer comes from port 53: to tshark these
        // are two conversations.
        for (question, answer, latency) in ours.difference(&theirs) {
            assert_ne!(packets[question].to_port, Some(53), "{}: {question} and {answer}", stem(file));
            assert_eq!(packets[answer].lookup, None, "{}: {question} and {answer}", stem(file));
            assert_eq!(packets[answer].id, packets[question].id, "{}: {question} and {answer}", stem(file));
            assert_eq!(packets[answer].at - packets[question].at, *latency, "{}: {question} and {answer}", stem(file));
            beyond += 1;
        }
        compared += theirs.len();
    }
    assert!(compared >= 6 && beyond >= 20, "{compared} lookups, and {beyond} in Docker");
}

#[test]
fn connections_and_handshakes_are_those_of_tshark() {
    let Some(interfaces) = &*INTERFACES else { return };
    let mut compared = 0;
    for (name, packets, objects) in interfaces {
        let streams: BTreeSet<_> = packets.values().filter_map(|packet| packet.stream).collect();
        let connections: Vec<_> = objects.iter().filter(|object| object["kind"] == "tcp").collect();
        let ended: BTreeSet<_> = connections
            .iter()
            .filter(|connection| connection["outcome"] != "opened")
            .map(|connection| packets[&frames(connection)[0]].stream.unwrap())
            .collect();
        assert_eq!(ended, streams, "{name}: each connection has one end; bridgetap on the left");
        let round_trips: BTreeMap<_, _> =
            packets.values().filter_map(|packet| Some((packet.stream?, packet.initial_rtt?))).collect();
        // To tshark, a reset that acknowledges the SYN is a round trip, too.
        let answered: BTreeMap<_, _> = connections
            .iter()
            .filter(|connection| connection["outcome"] == "opened" || connection["outcome"] == "refused")
            .map(|answered| (packets[&frames(answered)[0]].stream.unwrap(), answered["latency_ns"].as_u64().unwrap()))
            .collect();
        assert_eq!(answered, round_trips, "{name}: bridgetap on the left");
        compared += answered.len();
    }
    assert!(compared >= 20, "only {compared} handshakes");
}
