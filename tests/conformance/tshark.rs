//! What tshark says of a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::common::say;
use crate::figures::{Bytes, Spans};
use crate::said::{Said, Subject};

const FIELDS: [&str; 54] = [
    "frame.number",
    "frame.protocols",
    "eth.type",
    "arp.opcode",
    "arp.src.hw_mac",
    "arp.src.proto_ipv4",
    "arp.dst.hw_mac",
    "arp.dst.proto_ipv4",
    "ip.src",
    "ip.dst",
    "ip.frag_offset",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.fraghdr.offset",
    "icmp.type",
    "icmp.resp_to",
    "icmp.resptime",
    "icmpv6.type",
    "icmpv6.resp_to",
    "icmpv6.resptime",
    "dns.flags.response",
    "dns.id",
    "dns.flags.rcode",
    "dns.resp.ext_rcode",
    "dns.qry.name",
    "dns.qry.type",
    "dns.count.answers",
    "dns.resp.type",
    "dns.a",
    "dns.aaaa",
    "dns.cname",
    "dns.ptr.domain_name",
    "dns.mx.mail_exchange",
    "dns.srv.target",
    "dns.response_to",
    "dns.time",
    "dns.retransmit_request_in",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.stream",
    "tcp.seq_raw",
    "tcp.len",
    "tcp.flags.syn",
    "tcp.flags.ack",
    "tcp.flags.reset",
    "tcp.analysis.initial_rtt",
    "tcp.analysis.acks_frame",
    "tcp.analysis.ack_rtt",
    "tcp.analysis.retransmission",
    "tcp.analysis.fast_retransmission",
    "tcp.analysis.spurious_retransmission",
    "tcp.analysis.out_of_order",
    "tcp.analysis.duplicate_ack",
    "tcp.analysis.zero_window",
];

/// What both are made to look at: no names, checksums as they are, segments put together in
/// whatever order they come, and packets that were cut by the sender's network card taken for as long as they were sent.
const PREFERENCES: [&str; 7] = [
    "ip.check_checksum:FALSE",
    "tcp.check_checksum:FALSE",
    "udp.check_checksum:FALSE",
    "ip.tso_support:TRUE",
    "ipv6.tso_support:TRUE",
    "tcp.reassemble_out_of_order:TRUE",
    "nameres.mac_name:FALSE",
];

/// Between several values of one field.
const BETWEEN: char = '\x1f';

/// Whether there is a tshark; says what to do where not.
pub fn is_there() -> bool {
    if Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let demanded = std::env::var_os("BRIDGETAP_DEMAND").is_some_and(|value| value == "1");
    assert!(!demanded, "tshark is not installed: apt-get install tshark");
    say("NOT RUN: nothing was compared, because tshark is not installed: apt-get install tshark");
    false
}

/// A line of its output: what it says of a frame. And how many frames of others stand before its first one in the file.
pub struct Frame<'a>(BTreeMap<&'static str, &'a str>, u64);

/// Whether tshark puts fragments together. Of a frame's protocol it then tells in the last fragment, and bridgetap, as
/// tcpdump, in the first: that is compared frame by frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragments {
    Apart,
    Together,
}

impl<'a> Frame<'a> {
    fn all(&self, field: &str) -> impl Iterator<Item = &'a str> + Clone {
        self.0[field].split(BETWEEN).filter(|value| !value.is_empty())
    }

    fn has(&self, field: &str) -> bool {
        !self.0[field].is_empty()
    }

    /// The value of that layer that is meant: of a packet in a tunnel the inner one.
    fn one(&self, field: &str) -> Option<&'a str> {
        let mut all = self.all(field);
        if self.is_tunnelled() { all.last() } else { all.next() }
    }

    fn number<T: std::str::FromStr>(&self, field: &str) -> Option<T> {
        self.one(field)?.parse().ok()
    }

    /// The number of another frame.
    fn other(&self, field: &str) -> Option<u64> {
        self.number(field).map(|number: u64| number.wrapping_sub(self.1))
    }

    fn is_set(&self, field: &str) -> bool {
        matches!(self.one(field), Some("1" | "True"))
    }

    fn is_tunnelled(&self) -> bool {
        self.0["frame.protocols"].split(':').any(|protocol| protocol == "vxlan")
    }

    /// The packet's protocol in bridgetap's words.
    pub fn protocol(&self) -> &'static str {
        let chain: Vec<_> = self.0["frame.protocols"].split(':').collect();
        let start = chain.iter().position(|&protocol| protocol == "vxlan").map_or(0, |at| at + 1);
        self.link(&chain[start..])
    }

    fn link(&self, chain: &[&str]) -> &'static str {
        const LINKS: [&str; 9] = ["eth", "ethertype", "vlan", "sll", "null", "loop", "raw", "ieee8021ad", "frame"];
        match chain {
            [link, rest @ ..] if LINKS.contains(link) => self.link(rest),
            // Reverse ARP is dissected as ARP, and so is what resolves other addresses than those of IPv4.
            ["arp", ..] if self.one("eth.type") != Some("0x8035") && self.has_addresses() => "arp",
            ["mpls", rest @ ..] => self.link(rest),
            // The link says IPv4, the packet IPv6.
            ["ip", "ipv6", rest @ ..] if !self.has("ip.src") => self.network(rest),
            ["ip" | "ipv6", rest @ ..] => self.network(rest),
            _ => "link",
        }
    }

    /// ARP for IPv4 over Ethernet, whole.
    fn has_addresses(&self) -> bool {
        ["arp.src.hw_mac", "arp.src.proto_ipv4", "arp.dst.hw_mac", "arp.dst.proto_ipv4"]
            .iter()
            .all(|field| self.has(field))
    }

    fn network(&self, chain: &[&str]) -> &'static str {
        match chain {
            [extension, rest @ ..] if extension.starts_with("ipv6.") || *extension == "ah" => self.network(rest),
            ["tcp", ..] => "tcp",
            ["udp", "dns", ..] => "dns",
            ["udp", "mdns", ..] => "mdns",
            ["udp", "llmnr", ..] => "llmnr",
            ["udp", ..] => "udp",
            ["icmp", ..] if matches!(self.one("icmp.type"), Some("0" | "8")) => "ping",
            ["icmpv6", ..] if matches!(self.one("icmpv6.type"), Some("128" | "129")) => "ping",
            ["icmpv6", ..] if matches!(self.one("icmpv6.type"), Some("135" | "136")) => "nd",
            ["icmp" | "icmpv6", ..] => "icmp",
            _ => "ip",
        }
    }

    /// Sender and receiver, with ports where it has some.
    fn ends(&self) -> (String, String) {
        let is_v6 = self.0["frame.protocols"].rsplit(':').find(|layer| matches!(*layer, "ip" | "ipv6")) == Some("ipv6");
        let address = |v4, v6| self.one(if is_v6 { v6 } else { v4 }).unwrap_or("?");
        let port = |field| self.one(field).unwrap_or("?");
        (
            format!("{} {}", address("ip.src", "ipv6.src"), port("tcp.srcport")),
            format!("{} {}", address("ip.dst", "ipv6.dst"), port("tcp.dstport")),
        )
    }
}

/// A decimal number in billionths, however many digits it has.
pub fn billionths(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let nanos = whole.parse::<i64>().unwrap() * 1_000_000_000 + format!("{fraction:0<9}")[..9].parse::<i64>().unwrap();
    sign * nanos
}

/// What tshark writes of a file, and whether it could be read.
pub fn run(pcap: &Path, fragments: Fragments) -> String {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=\x1f"]);
    // Standard settings, without those of whoever runs the test.
    command.env("WIRESHARK_CONFIG_DIR", pcap.parent().unwrap());
    // Linux' own port of VXLAN, which bridgetap opens, too.
    command.args(["-d", "udp.port==8472,vxlan"]);
    for preference in PREFERENCES {
        command.args(["-o", preference]);
    }
    for protocol in ["ip", "ipv6"] {
        let together = if fragments == Fragments::Together { "TRUE" } else { "FALSE" };
        command.args(["-o", &format!("{protocol}.defragment:{together}")]);
    }
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.arg("-r").arg(pcap).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The frames of what it wrote, by number: `count` of them, behind `before` others.
pub fn frames(output: &str, before: u64, count: u64) -> BTreeMap<u64, Frame<'_>> {
    let mut frames = BTreeMap::new();
    for line in output.lines() {
        let number: u64 = line.split('\t').next().unwrap().parse().unwrap();
        if !(before + 1..=before + count).contains(&number) {
            continue;
        }
        let values: Vec<_> = line.split('\t').collect();
        assert_eq!(values.len(), FIELDS.len(), "{line:?}");
        frames.insert(number - before, Frame(FIELDS.into_iter().zip(values).collect(), before));
    }
    frames
}

/// The protocol of each frame, where fragments are not put together.
pub fn protocols(frames: &BTreeMap<u64, Frame<'_>>, said: &mut Said) {
    for (&number, frame) in frames {
        said.say(Subject::Protocol, number, frame.protocol());
    }
}

/// What it says, in facts, but for the protocols of frames. `spans` are the connections that bridgetap tells, for figures
/// are compared within them.
pub fn said(frames: &BTreeMap<u64, Frame<'_>>, spans: &Spans) -> Said {
    let mut said = Said::default();
    for (&number, frame) in frames {
        match frame.protocol() {
            "arp" => arp(frame, number, &mut said),
            "ping" => ping(frame, number, &mut said),
            "dns" | "mdns" | "llmnr" => {
                message(frame, number, &mut said);
                lookup(frame, number, &mut said);
            }
            "tcp" => lookup(frame, number, &mut said),
            _ => {}
        }
    }
    asked(frames, &mut said);
    streams(frames, spans, &mut said);
    said
}

fn arp(frame: &Frame<'_>, number: u64, said: &mut Said) {
    let [operation, sender_mac, sender, target_mac, target] =
        ["arp.opcode", "arp.src.hw_mac", "arp.src.proto_ipv4", "arp.dst.hw_mac", "arp.dst.proto_ipv4"]
            .map(|field| frame.one(field).unwrap_or("?"));
    said.say(Subject::Arp, number, format!("{operation} {sender_mac} {sender} {target_mac} {target}"));
}

fn ping(frame: &Frame<'_>, number: u64, said: &mut Said) {
    for (to, time) in [("icmp.resp_to", "icmp.resptime"), ("icmpv6.resp_to", "icmpv6.resptime")] {
        if let Some(request) = frame.other(to) {
            // In milliseconds.
            said.pair(Subject::Ping, number, request, billionths(frame.one(time).unwrap()) / 1000);
        }
    }
}

fn lookup(frame: &Frame<'_>, number: u64, said: &mut Said) {
    if let Some(question) = frame.other("dns.response_to") {
        said.pair(Subject::Lookup, number, question, billionths(frame.one("dns.time").unwrap()));
    }
}

/// How often questions were asked that were asked more than once.
fn asked(frames: &BTreeMap<u64, Frame<'_>>, said: &mut Said) {
    let mut tries: BTreeMap<u64, u32> = BTreeMap::new();
    for frame in frames.values() {
        if let Some(first) = frame.other("dns.retransmit_request_in") {
            *tries.entry(first).or_insert(1) += 1;
        }
    }
    for (first, tries) in tries {
        said.say(Subject::Asked, first, tries.to_string());
    }
}

fn message(frame: &Frame<'_>, number: u64, said: &mut Said) {
    let joined = |values: Vec<String>| values.join(" ");
    let names = |field: &str| -> Vec<String> { frame.all(field).map(plain).collect() };
    said.say(Subject::Name, number, joined(names("dns.qry.name")));
    let answers = frame.number("dns.count.answers").unwrap_or(0);
    let types = frame.all("dns.qry.type").map(str::to_owned);
    let types = types.chain(["→".to_owned()]).chain(frame.all("dns.resp.type").take(answers).map(str::to_owned));
    said.say(Subject::Type, number, joined(types.collect()));
    if frame.is_set("dns.flags.response") {
        let low: u16 = frame.number("dns.flags.rcode").unwrap_or(0);
        let high = frame.one("dns.resp.ext_rcode").and_then(|hex| u16::from_str_radix(&hex[2..], 16).ok()).unwrap_or(0);
        said.say(Subject::Rcode, number, (high << 4 | low).to_string());
    }
    // These fields are of all sections, in order; answers come first.
    let counted = |kind: &str| frame.all("dns.resp.type").take(answers).filter(|&found| found == kind).count();
    let fields = [
        ("dns.a", "1"),
        ("dns.aaaa", "28"),
        ("dns.cname", "5"),
        ("dns.ptr.domain_name", "12"),
        ("dns.mx.mail_exchange", "15"),
        ("dns.srv.target", "33"),
    ];
    let values = fields.map(|(field, kind)| joined(names(field).into_iter().take(counted(kind)).collect()));
    if answers > 0 {
        said.say(Subject::Answer, number, values.join("|"));
    }
}

/// A name with everything that programs write in different ways replaced by one mark.
pub fn plain(name: &str) -> String {
    let name = if name == "<Root>" { "" } else { name };
    let mut plain = String::new();
    for char in name.chars() {
        match char {
            _ if char.is_ascii_alphanumeric() || "-_.*:".contains(char) => plain.push(char),
            _ if plain.ends_with('?') => {}
            _ => plain.push('?'),
        }
    }
    plain
}

/// Connections and their figures.
fn streams(frames: &BTreeMap<u64, Frame<'_>>, spans: &Spans, said: &mut Said) {
    let mut known = BTreeSet::new();
    let mut bytes: BTreeMap<u64, Bytes> = BTreeMap::new();
    for (&number, frame) in frames.iter().filter(|(_, frame)| frame.protocol() == "tcp") {
        let Some(stream) = frame.number::<u64>("tcp.stream") else { continue };
        let (from, to) = frame.ends();
        if known.insert(stream) {
            let opener = match (frame.is_set("tcp.flags.syn"), frame.is_set("tcp.flags.ack")) {
                (true, false) => from.clone(),
                (true, true) => to.clone(),
                _ => "?".to_owned(),
            };
            said.say(Subject::Connection, number, opener);
        }
        acknowledgement(frame, number, said);
        let Some(span) = spans.of(number) else { continue };
        figures(frame, number, said);
        let bytes = bytes.entry(span.first).or_default();
        if !frame.is_set("tcp.flags.reset")
            && let (Some(sequence), Some(length)) = (frame.number::<u32>("tcp.seq_raw"), frame.number::<u32>("tcp.len"))
        {
            let start = sequence.wrapping_add(u32::from(frame.is_set("tcp.flags.syn")));
            bytes.add(from == span.client, start, length);
        }
    }
    for (first, bytes) in bytes {
        said.say(Subject::Bytes, first, bytes.to_string());
    }
    handshakes(frames, said);
}

fn handshakes(frames: &BTreeMap<u64, Frame<'_>>, said: &mut Said) {
    let (mut first, mut trips) = (BTreeMap::new(), BTreeMap::new());
    for (&number, frame) in frames.iter().filter(|(_, frame)| frame.protocol() == "tcp") {
        let Some(stream) = frame.number::<u64>("tcp.stream") else { continue };
        first.entry(stream).or_insert(number);
        if let Some(trip) = frame.one("tcp.analysis.initial_rtt") {
            trips.insert(stream, billionths(trip));
        }
    }
    said.trips.extend(trips.values());
    for (stream, trip) in trips {
        said.say(Subject::Handshake, first[&stream], trip.to_string());
    }
}

fn acknowledgement(frame: &Frame<'_>, number: u64, said: &mut Said) {
    if let (Some(segment), Some(time)) = (frame.other("tcp.analysis.acks_frame"), frame.one("tcp.analysis.ack_rtt")) {
        said.pair(Subject::Acknowledgement, number, segment, billionths(time));
    }
}

fn figures(frame: &Frame<'_>, number: u64, said: &mut Said) {
    let again = ["retransmission", "fast_retransmission", "spurious_retransmission"];
    if again.iter().any(|kind| frame.has(&format!("tcp.analysis.{kind}"))) {
        said.say(Subject::Retransmission, number, "");
    }
    for (subject, field) in [
        (Subject::OutOfOrder, "tcp.analysis.out_of_order"),
        (Subject::DuplicateAck, "tcp.analysis.duplicate_ack"),
        (Subject::ZeroWindow, "tcp.analysis.zero_window"),
    ] {
        if frame.has(field) {
            said.say(subject, number, "");
        }
    }
    if frame.is_set("tcp.flags.reset") {
        said.say(Subject::Reset, number, "");
    }
}
