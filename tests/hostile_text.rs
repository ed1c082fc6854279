//! Hostile text in every place that text comes from, through every output there is: nothing moves the cursor, breaks a
//! line, turns the direction of text or hides; JSON gives back what was meant.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;
#[path = "floods/stream.rs"]
#[allow(dead_code, reason = "floods need more of it")]
mod stream;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bridgetap::cli::Cli;
use bridgetap::doctor::{Check, State};
use bridgetap::hostile::is_hostile;
use bridgetap::render::doctor::doctor;
use bridgetap::render::{Layout, TreeWriter, documents};
use bridgetap::time::Timestamp;
use bridgetap::topology::{Attachment, Change, Interface, Network, Port, Role, Seen, Topology};
use clap::CommandFactory;
use common::bridgetap;
use etherparse::PacketBuilder;
use serde_json::{Value, json};
use stream::{Stream, dns, record, turned};

/// What names try. Each is with characters around it, by which it is found.
const TRIES: [&str; 22] = [
    "\x1b[2J\x1b[41;5m",
    "\x1b]0;title\x07",
    "\u{9b}2J\u{9d}8;;x\u{9c}",
    "a\nb",
    "a\r\nb\rc",
    "\t\x08\x0b\x0c\x7f",
    "\u{202e}gnp\u{202c}",
    "\u{2066}a\u{2067}b\u{2069}\u{61c}",
    "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}",
    "\u{2028}\u{2029}\u{85}",
    "\u{ad}\u{34f}\u{3164}\u{e0041}\u{fff9}",
    "\",\\\"}]",
    "<b>&amp;]]>'\"</text><script>",
    "a,b;c d%41=1+1",
    "=cmd|' /C calc'!A0",
    "\\u{1b}[2J\\x1b\\033[2J",
    "e\u{301}\u{301}\u{301}数🦀",
    "../../etc/passwd",
    "--flag {} {0} %s %n",
    "│ → ← ·",
    "{\"bridgetap_directory\":1}",
    "\u{fffd}\u{fffe}\u{10ffff}",
];

/// The names: each try by itself, and one that is very long.
fn names() -> Vec<String> {
    let long = std::iter::once(format!("h{}\u{1b}[2Jt", "long".repeat(1000)));
    TRIES.iter().map(|text| format!("h{text}t")).chain(long).collect()
}

/// Bytes that stand nowhere but in hostile text that was not escaped.
const RAW: [&[u8]; 7] = [
    b"\x1b[2J",
    b"\x1b]0;",
    "\u{9b}2J".as_bytes(),
    "\u{202e}".as_bytes(),
    b"\x08\x0b\x0c",
    "\u{2066}".as_bytes(),
    b"\x1b[41",
];

/// A Directory with a network for each name, and two containers on it.
fn directory() -> String {
    let networks = (0_u8..).zip(names()).map(|(number, name)| {
        json!({"id": format!("n{number:063}"), "name": name, "driver": name, "interface": name, "scope": name,
            "subnets": [format!("10.0.{number}.0/24")], "gateways": [format!("10.0.{number}.1")],
            "name_service": true, "internal": false, "options": {name.as_str(): name}})
    });
    let networks: Vec<_> = networks.collect();
    let containers: Vec<_> = (0_u8..).zip(names()).flat_map(|(number, name)| {
        [(2, "a"), (3, "b")].map(|(last, side)| {
            json!({"id": format!("{side}{number:063}"), "name": format!("{name}{side}"), "image": name, "project": name,
                "service": format!("{name}{side}"), "links": [{"container": format!("{}{number:063}", if side == "a" { "b" } else { "a" }), "alias": name}], "published": [],
                "endpoints": [{"network": format!("n{number:063}"), "mac": format!("02:00:00:00:{number:02x}:{last:02x}"),
                    "addresses": [format!("10.0.{number}.{last}")], "aliases": [name]}]})
        })
    }).collect();
    let rest = json!({"at": "2023-11-14T22:13:19.000000000Z", "host_addresses": [], "networks": networks,
        "containers": containers});
    // By its beginning it is known.
    rest.to_string().replacen('{', "{\"bridgetap_directory\":1,", 1)
}

/// What a client at `.2` and a server at `.3` send each other on the network of that number.
struct Talk(u8);

impl Talk {
    fn ip(&self, back: bool) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
        let (client, server) = if back { (3, 2) } else { (2, 3) };
        let (mac, address) = (|last| [2, 0, 0, 0, self.0, last], |last| [10, 0, self.0, last]);
        PacketBuilder::ethernet2(mac(client), mac(server)).ipv4(address(client), address(server), 64)
    }

    fn udp(&self, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.ip(false).udp(ports.0, ports.1).write(&mut bytes, payload).unwrap();
        bytes
    }

    fn tcp(&self, back: bool, numbers: (u32, u32), flags: &str, payload: &[u8]) -> Vec<u8> {
        let ports = if back { (80, 40_000) } else { (40_000, 80) };
        let mut builder = self.ip(back).tcp(ports.0, ports.1, numbers.0, 60_000);
        for flag in flags.chars() {
            builder = match flag {
                's' => builder.syn(),
                'a' => builder.ack(numbers.1),
                'p' => builder.psh(),
                _ => builder.fin(),
            };
        }
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        bytes
    }

    fn connection(&self, text: &[u8]) -> Vec<Vec<u8>> {
        let after = 1 + text.len() as u32;
        vec![
            self.tcp(false, (0, 0), "s", b""),
            self.tcp(true, (0, 1), "sa", b""),
            self.tcp(false, (1, 1), "a", b""),
            self.tcp(false, (1, 1), "ap", text),
            self.tcp(true, (1, after), "ap", text),
            self.tcp(false, (after, after), "af", b""),
            self.tcp(true, (after, after + 1), "af", b""),
            self.tcp(false, (after + 1, after + 1), "a", b""),
        ]
    }

    fn pings(&self, text: &[u8]) -> [Vec<u8>; 2] {
        [false, true].map(|back| {
            let (step, mut bytes) = (self.ip(back), Vec::new());
            let step = if back { step.icmpv4_echo_reply(1, 1) } else { step.icmpv4_echo_request(1, 1) };
            step.write(&mut bytes, text).unwrap();
            bytes
        })
    }

    /// Lookups of the name, whose answers are names and texts as well, by DNS, mDNS and LLMNR.
    fn lookups(&self, text: &[u8]) -> Vec<Vec<u8>> {
        let label = [&[text.len() as u8][..], text].concat();
        let name = [&label[..], &[3, 0xff, 0x9b, 0x1b], &[0]].concat();
        let answers = [
            record(5, &name),
            record(16, &label),
            record(257, &[&[0][..], &label, text].concat()),
            record(1, &[192, 168, 9, self.0]),
        ];
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        let mut packets = Vec::new();
        for port in [53, 5353, 5355] {
            packets.push(self.udp((40_000, port), &dns(7, &name, 1, &[])));
            packets.push(turned(self.udp((40_000, port), &dns(7, &name, 1, &answers))));
            packets.push(turned(self.udp((40_001, port), &dns(8, &name, 16, &answers))));
        }
        packets.push(self.udp((40_002, 53), &dns(9, &name, 1, &[])));
        packets
    }
}

/// A capture in which all that is text is hostile; without packets whose payload is.
fn capture(with_payloads: bool) -> Vec<u8> {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    write_capture(&mut Stream::new(Box::new(Shared(Arc::clone(&bytes)))).unwrap(), with_payloads).unwrap();
    let bytes = bytes.lock().unwrap();
    bytes.clone()
}

struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_capture(stream: &mut Stream, with_payloads: bool) -> io::Result<()> {
    let directory = directory();
    let directory: Vec<_> = directory.as_bytes().chunks(60_000).map(|part| (1_u16, part)).collect();
    stream.names(&[], &directory)?;
    let records: Vec<_> = (0_u8..)
        .zip(names())
        .map(|(number, name)| [&[192, 168, 8, number][..], name.as_bytes(), b"\0", &[0xff, 0x1b, 0x9b], b"\0"].concat())
        .collect();
    let records: Vec<_> = records.iter().map(|record| (1_u16, &record[..])).collect();
    stream.names(&records, &[(1, "a comment \u{1b}[2J\n".as_bytes())])?;
    for name in names() {
        // A network of a bridge, and a container's namespace; then what is no text at all.
        let container = json!({"bridgetap_tap": 1, "network": null, "namespace": format!("{name}a")}).to_string();
        let bridge = json!({"bridgetap_tap": 1, "network": name, "namespace": null}).to_string();
        let filter = format!("\0{name}");
        for comment in [bridge, container] {
            stream.interface(
                1,
                &[(1, comment.as_bytes()), (2, name.as_bytes()), (3, name.as_bytes()), (11, filter.as_bytes())],
            )?;
        }
    }
    for (number, name) in (0_u8..).zip(names()) {
        let (text, talk) = (&name.as_bytes()[..name.len().min(60)], Talk(number));
        let payload: &[u8] = if with_payloads { text } else { b"x" };
        let mut packets = talk.pings(payload).to_vec();
        packets.extend(talk.connection(payload));
        if with_payloads {
            packets.extend(talk.lookups(text));
        }
        packets.push(talk.udp((1000, 2000), payload));
        // To who is known by a record of the file, and to whom a lookup gave a name.
        for address in [[192, 168, 8, number], [192, 168, 9, number]] {
            let mut ping = talk.pings(payload)[0].clone();
            ping[30..34].copy_from_slice(&address);
            packets.push(ping);
        }
        for packet in packets {
            stream.packet(u32::from(number) * 2, 500, &packet)?;
            stream.packet(u32::from(number) * 2 + 1, 3, &packet)?;
        }
    }
    // Of a link type that nobody knows, named by its number.
    stream.interface(40_000, &[(2, &[0xff, 0x1b, b'[', b'2', b'J'])])?;
    stream.packet(2 * names().len() as u32, 1, b"\x1b[2J")?;
    stream.finish()
}

/// What is written: log lines, JSON, other text, or nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Text,
    Json,
}
use Form::{Json, Text};

/// An option, and how it is tried.
type Try = (&'static str, Option<(Form, &'static [&'static str])>);

/// Every option of `replay`, and a way to see what it writes; `None` for those that write no text of their own.
const REPLAY: &[Try] = &[
    ("", Some((Text, &[]))),
    ("json", Some((Json, &["--json"]))),
    ("ladder", Some((Text, &["--ladder"]))),
    ("packets", Some((Text, &["--packets"]))),
    ("packets and JSON", Some((Json, &["--packets", "--json"]))),
    ("packets and ladder", Some((Text, &["--packets", "--ladder"]))),
    ("summary", Some((Text, &["--summary"]))),
    ("summary and JSON", Some((Json, &["--summary", "--json"]))),
    ("names", Some((Text, &["--names", "alias"]))),
    ("names as services", Some((Text, &["--names", "service"]))),
    ("names with networks", Some((Text, &["--names", "fqdn", "--ladder"]))),
    ("numeric", Some((Text, &["-n"]))),
    ("link_level", Some((Text, &["-e"]))),
    ("hops", Some((Text, &["--hops"]))),
    ("hops in the ladder", Some((Text, &["--hops", "--ladder"]))),
    ("explain", Some((Text, &["--explain"]))),
    ("explain in JSON", Some((Json, &["--explain", "--json"]))),
    ("quiet", Some((Text, &["-q"]))),
    ("color", Some((Text, &["--color", "always", "--hops", "--explain"]))),
    ("color in the ladder", Some((Text, &["--color", "always", "--ladder"]))),
    ("from", Some((Text, &["--from", "h\u{1b}[2J\u{202e}x"]))),
    ("to", Some((Text, &["--to", "h\u{1b}[2J\u{202e}x"]))),
    ("between", Some((Text, &["--between", "h\u{1b}[2J,\u{202e}x"]))),
    ("filter", Some((Text, &["--filter", "host h\u{202e}x\u{200b}"]))),
    ("filter that is wrong", Some((Text, &["--filter", "host h\u{1b}[2J"]))),
    ("kind", Some((Text, &["--kind", "\u{1b}[2J"]))),
    ("outcome", Some((Text, &["--outcome", "\u{202e}"]))),
    ("port", Some((Text, &["--port", "\u{1b}[2J"]))),
    ("slower-than", Some((Text, &["--slower-than", "\u{1b}[2J"]))),
    ("pace", Some((Text, &["--pace", "\u{1b}[2J"]))),
    ("limits", Some((Text, &["--limit", "\u{1b}[2J=\u{202e}"]))),
    ("threads", Some((Text, &["--threads", "2"]))),
    ("threads that are none", Some((Text, &["--threads", "\u{1b}[2J\u{202e}"]))),
    ("max_flows", Some((Text, &["--max-flows", "1"]))),
    ("max_pending", Some((Text, &["--max-pending", "\u{1b}[2J"]))),
    ("count", Some((Text, &["-c", "\u{202e}"]))),
    ("docker_inspect", Some((Text, &["--docker-inspect", "INSPECTED"]))),
    ("docker_inspect that is missing", Some((Text, &["--docker-inspect", "no\u{1b}[2J\u{202e}"]))),
    ("hosts", Some((Text, &["--hosts", "HOSTS"]))),
    ("hosts that are missing", Some((Text, &["--hosts", "no\u{1b}[2J\u{202e}"]))),
    ("files", Some((Text, &["no\u{1b}[2J\u{202e}.pcap"]))),
    ("read", Some((Text, &["-r", "no\u{1b}[2J\u{202e}.pcap"]))),
    ("snap_len", Some((Text, &["-w", "OUT/b.pcapng", "-s", "\u{1b}[2J"]))),
    ("write", Some((Text, &["-w", "OUT/no/\u{1b}[2J\u{202e}.pcapng"]))),
    ("a file of a hostile name", Some((Text, &["-w", "OUT/a\u{1b}[2J.pcapng", "--print"]))),
    ("user", Some((Text, &["--user", "no\u{1b}[2J\u{202e}"]))),
    ("not", None),
    ("force", None),
    ("print", None),
];

/// The same of `latency`; what has no file is of the capture.
const LATENCY: &[Try] = &[
    ("", Some((Text, &[]))),
    ("bars", Some((Text, &["--bars"]))),
    ("hops", Some((Text, &["--hops"]))),
    ("json", Some((Json, &["--json", "--hops"]))),
    ("csv", Some((Text, &["--csv"]))),
    ("by", Some((Text, &["--by", "service"]))),
    ("by network", Some((Text, &["--by", "network", "--bars"]))),
    ("sort", Some((Text, &["--sort", "\u{1b}[2J"]))),
    ("measures", Some((Text, &["--measure", "\u{1b}[2J"]))),
    ("color", Some((Text, &["--color", "always", "--bars", "--hops"]))),
    ("names", Some((Text, &["--names", "alias"]))),
    (
        "write",
        Some((
            Text,
            &[
                "-w",
                "OUT/a.hlog",
                "-w",
                "OUT/a.hgrm",
                "-w",
                "OUT/a.csv",
                "-w",
                "OUT/a.json",
                "-w",
                "OUT/a.svg",
                "-w",
                "OUT/a.png",
            ],
        )),
    ),
    ("write to nowhere", Some((Text, &["-w", "OUT/no/\u{1b}[2J\u{202e}.svg"]))),
    ("what", Some((Text, &["no\u{1b}[2J\u{202e}.pcap"]))),
    ("read", Some((Text, &["-r", "no\u{1b}[2J\u{202e}.pcap"]))),
    ("filter", Some((Text, &["--filter", "host h\u{202e}x\u{200b}"]))),
    ("limits", Some((Text, &["--limit", "\u{1b}[2J=1"]))),
    ("threads", Some((Text, &["--threads", "2"]))),
    ("threads that are none", Some((Text, &["--threads", "\u{1b}[2J\u{202e}"]))),
    ("max_series", Some((Text, &["--max-series", "3"]))),
    ("user", Some((Text, &["--user", "no\u{1b}[2J\u{202e}"]))),
    ("docker_inspect", Some((Text, &["--docker-inspect", "INSPECTED"]))),
    ("hosts", Some((Text, &["--hosts", "HOSTS"]))),
    // Tried below.
    ("compare", None),
    // As of `replay`, or of live measuring, whose errors name what was typed.
    ("from", None),
    ("to", None),
    ("between", None),
    ("kind", None),
    ("outcome", None),
    ("port", None),
    ("slower-than", None),
    ("not", None),
    ("interfaces", None),
    ("wait", None),
    ("duration", None),
    ("count", None),
    ("probe", None),
    ("tcp", None),
    ("lookup", None),
    ("interval", None),
    ("force", None),
    ("ring_kib", None),
    ("no_promiscuous", None),
    ("numeric", None),
    ("max_flows", None),
    ("max_pending", None),
];

/// What a run wrote.
struct Ran {
    out: String,
    messages: String,
}

/// Runs the program and checks what it writes to both streams.
fn run(what: &str, arguments: &[&str], has_color: bool) -> Ran {
    let output = bridgetap().args(arguments).output().unwrap();
    let streams = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8(bytes).unwrap_or_else(|_| panic!("{what}: no UTF-8")));
    for text in &streams {
        // A line of CSV ends as RFC 4180 has it.
        let text = if what.contains("csv") { text.replace("\r\n", "\n") } else { text.clone() };
        check(what, &text, has_color);
    }
    assert!(output.status.code().is_some_and(|code| code < 100), "{what}: {}: {}", output.status, streams[1]);
    let [out, messages] = streams;
    assert!(!messages.contains("panicked"), "{what}: {messages}");
    Ran { out, messages }
}

/// Nothing in a text does more than to be printed.
fn check(what: &str, text: &str, has_color: bool) {
    let text = if has_color { without_color(what, text) } else { text.to_owned() };
    if let Some((at, found)) = text.char_indices().find(|(_, char)| is_hostile(*char) && *char != '\n') {
        let start = text.floor_char_boundary(at.saturating_sub(200));
        panic!("{what}: {found:?} in {:?}", &text[start..text.ceil_char_boundary((at + 50).min(text.len()))]);
    }
}

/// Without the colours of our own: numbers between `ESC [` and `m`. What names try is among none of them.
fn without_color(what: &str, text: &str) -> String {
    for raw in RAW {
        assert!(!text.as_bytes().windows(raw.len()).any(|window| window == raw), "{what}: {raw:?}");
    }
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|char: char| !char.is_ascii_digit() && char != ';').unwrap_or(0);
        assert_eq!(part[end..].chars().next(), Some('m'), "{what}: {part:?}");
        plain += &part[end + 1..];
    }
    plain
}

/// All strings in JSON lines.
fn strings(what: &str, lines: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut gather = vec![];
    for line in lines.lines() {
        gather.push(serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{what}: {error}: {line}")));
    }
    while let Some(value) = gather.pop() {
        match value {
            Value::String(text) => drop(all.insert(text)),
            Value::Array(values) => gather.extend(values),
            Value::Object(members) => gather.extend(members.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    all
}

/// The files that runs need.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(files.path("capture.pcapng"), capture(true)).unwrap();
        let host = |(number, name): (u8, String)| {
            let word: String = name.chars().filter(|char| !char.is_whitespace()).take(200).collect();
            format!("10.0.{number}.2 {word}")
        };
        let hosts = (0_u8..).zip(names()).map(host).collect::<Vec<_>>().join("\n");
        std::fs::write(files.path("hosts"), hosts).unwrap();
        let inspected: Vec<_> = (0_u8..).zip(names()).map(|(number, name)| {
            json!({"Id": format!("{number:064x}"), "Name": format!("/{name}"), "State": {"Running": true},
                "Config": {"Image": name, "Labels": {"com.docker.compose.project": name, "com.docker.compose.service": name}},
                "NetworkSettings": {"Networks": {name.as_str(): {"NetworkID": "n", "IPAddress": format!("10.0.{number}.2"),
                    "Aliases": [name], "MacAddress": "\u{1b}[2J"}}}})
        }).collect();
        std::fs::write(files.path("inspected.json"), Value::Array(inspected).to_string()).unwrap();
        files
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The arguments with the names of the files.
    fn named(&self, arguments: &[&str]) -> Vec<String> {
        let named = |argument: &&str| match *argument {
            "INSPECTED" => self.path("inspected.json"),
            "HOSTS" => self.path("hosts"),
            other => other.replace("OUT", self.folder.path().to_str().unwrap()),
        };
        arguments.iter().map(named).collect()
    }
}

/// Every option of a command has its line in the table.
fn all_options_are_tried(command: &str, table: &[Try]) {
    let cli = Cli::command();
    let found = cli.get_subcommands().find(|known| known.get_name() == command).unwrap();
    for argument in found.get_arguments().map(|argument| argument.get_id().as_str()).filter(|id| *id != "help") {
        assert!(table.iter().any(|(name, _)| *name == argument), "{command}: how is --{argument} tried?");
    }
}

/// Tries each line of a table on the capture; gives what each wrote.
fn try_all(files: &Files, command: &str, table: &[Try]) -> BTreeMap<String, Ran> {
    let capture = files.path("capture.pcapng");
    let mut all = BTreeMap::new();
    for (name, how) in table {
        let Some((form, arguments)) = how else { continue };
        let (what, arguments) = (format!("{command}, {name}"), files.named(arguments));
        let arguments: Vec<_> = [command, &capture].into_iter().chain(arguments.iter().map(String::as_str)).collect();
        let ran = run(&what, &arguments, name.starts_with("color"));
        if *form == Json {
            strings(&what, &ran.out);
        }
        all.insert((*name).to_owned(), ran);
    }
    all
}

#[test]
fn replay_writes_text_that_is_text() {
    all_options_are_tried("replay", REPLAY);
    let files = Files::new();
    let all = try_all(&files, "replay", REPLAY);
    let log = &all[""].out;
    assert!(
        log.contains("h\\u{1b}[2J\\u{1b}[41;5mta") && log.contains("\\u{202e}gnp"),
        "names are shown: {}",
        all[""].messages
    );
    assert!(all["files"].messages.contains("no\\u{1b}[2J\\u{202e}.pcap"), "{}", all["files"].messages);
    let known = strings("replay, json", &all["json"].out);
    for name in names() {
        for side in ["a", "b"] {
            let name = format!("{name}{side}");
            assert!(known.contains(&name), "JSON gives back {name:?}");
        }
        let interface: String = name
            .chars()
            .scan(0, |bytes, char| {
                *bytes += char.len_utf8();
                (*bytes <= 256).then_some(char)
            })
            .collect();
        assert!(known.contains(&interface), "an interface or a record: {interface:?}");
    }
}

#[test]
fn latency_writes_text_that_is_text() {
    all_options_are_tried("latency", LATENCY);
    let files = Files::new();
    let all = try_all(&files, "latency", LATENCY);
    let known = strings("latency, json", &all["json"].out);
    for name in names() {
        assert!(known.contains(&format!("{name}a")), "JSON gives back {name:?}");
    }
    for ending in ["hlog", "hgrm", "csv", "json", "svg"] {
        let written = std::fs::read_to_string(files.path(&format!("a.{ending}"))).unwrap_or_default();
        // The percentiles of all series together have no names, and several files.
        assert!(!written.is_empty() || ending == "hgrm", "{ending}");
        let text = if ending == "csv" { written.replace("\r\n", "\n") } else { written };
        check(ending, &text, false);
        match ending {
            "svg" => assert!(roxmltree::Document::parse(&text).is_ok(), "{:?}", roxmltree::Document::parse(&text)),
            "json" => drop(strings("a.json", &text)),
            _ => {}
        }
    }
    for file in std::fs::read_dir(files.folder.path()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let is = |ending: &str| Path::new(&name).extension().is_some_and(|extension| extension == ending);
        assert!(!name.chars().any(is_hostile) || is("pcapng"), "{name:?}");
        if is("hgrm") {
            check(&name, &std::fs::read_to_string(files.path(&name)).unwrap(), false);
        }
    }
    // What was written is read again, and two runs are put side by side.
    let (hlog, capture) = (files.path("a.hlog"), files.path("capture.pcapng"));
    let again = run("hlog", &["latency", &hlog, "--json"], false);
    assert!(strings("hlog", &again.out).contains("h\u{1b}[2J\u{1b}[41;5mta"), "{}", again.out);
    run("hlog as a table", &["latency", &hlog, "--bars"], false);
    for form in [&["--json"][..], &[], &["--color", "always"]] {
        let arguments = [&["latency", "--compare", &hlog, &capture], form].concat();
        run("compare", &arguments, form.contains(&"always"));
    }
}

/// Wireshark shows names of a file as they are.
#[test]
fn captures_that_are_written_have_text_that_is_text() {
    let files = Files::new();
    let (read, write) = (files.path("names.pcapng"), files.path("written.pcapng"));
    std::fs::write(&read, capture(false)).unwrap();
    for given in [&[][..], &["--docker-inspect", "INSPECTED", "--hosts", "HOSTS"]] {
        let given = files.named(given);
        let arguments: Vec<_> =
            ["replay", &read, "-w", &write, "--force"].into_iter().chain(given.iter().map(String::as_str)).collect();
        run("written", &arguments, false);
        let bytes = std::fs::read(&write).unwrap();
        assert!(bytes.len() > 10_000);
        let payload = b"\x1b[2J";
        let count = |raw: &[u8]| bytes.windows(raw.len()).filter(|window| *window == raw).count();
        // One packet has it as its payload.
        assert_eq!(count(payload), 1, "an escape that was not escaped");
        for raw in RAW.iter().filter(|raw| **raw != payload) {
            assert_eq!(count(raw), 0, "{:?}", String::from_utf8_lossy(raw));
        }
        let told = run("told again", &["replay", &write, "--json"], false);
        let known = strings("told again", &told.out);
        for name in names() {
            assert!(known.contains(&format!("{name}a")), "the Directory gives back {name:?}");
        }
    }
}

#[test]
fn networks_and_the_doctor_write_text_that_is_text() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let name = names().concat();
    let container = Attachment {
        id: name.clone(),
        name: name.clone(),
        image: name.clone(),
        project: Some(name.clone()),
        service: Some(name.clone()),
        addresses: vec![ip("172.18.0.2")],
        mac: Some(name.clone()),
        seen: Seen::Yes,
        interface: Some(name.clone()),
        veth: Some(name.clone()),
        aliases: names(),
        links: vec![format!("{name}:{name}"), name.clone()],
        ..Attachment::default()
    };
    let port = Port {
        interface: name.clone(),
        kind: name.clone(),
        container: Some(name.clone()),
        container_interface: Some(name.clone()),
        addresses: vec![ip("172.18.0.9")],
    };
    let network = Network {
        id: name.clone(),
        name: name.clone(),
        driver: name.clone(),
        scope: name.clone(),
        subnets: names(),
        interface: Some(Interface {
            name: name.clone(),
            role: Role::Bridge,
            namespace: Some(name.clone()),
            link: None,
        }),
        options: [(name.clone(), name.clone())].into(),
        containers: vec![container.clone(), Attachment { seen: Seen::NotHere, ..container.clone() }],
        other_ports: vec![port.clone(), Port { container: None, ..port }],
        ..Network::default()
    };
    let (of, id, boxed) = (name.clone(), name.clone(), Box::new(container));
    let changes = [
        Change::NetworkCreated { network: Box::new(network.clone()) },
        Change::NetworkRemoved { network: of.clone(), network_id: id.clone() },
        Change::NetworkChanged { network: Box::new(network.clone()), what: vec!["options"] },
        Change::Joined { network: of.clone(), network_id: id.clone(), container: boxed.clone() },
        Change::Left { network: of.clone(), network_id: id.clone(), container: boxed.clone() },
        Change::Changed {
            network: of,
            network_id: id,
            container: boxed,
            what: vec!["name", "aliases", "veth"],
            old_name: name.clone(),
            old_addresses: vec![],
        },
    ];
    let topology = Topology { networks: vec![network] };
    let check_state =
        |state| Check { name: "docker", state, found: name.clone(), effect: name.clone(), remedy: Some(name.clone()) };
    let checks = [State::Good, State::Limited, State::Missing].map(check_state);
    for color in [false, true] {
        for width in [None, Some(80)] {
            let layout = Layout { width, color, ..Layout::default() };
            let mut tree = TreeWriter::new(Vec::new(), layout);
            tree.topology(&topology).unwrap();
            for change in &changes {
                tree.change(change, Timestamp::ZERO).unwrap();
            }
            let mut text = std::mem::take(tree.out());
            for unicode in [false, true] {
                doctor(&checks, layout, unicode, &mut text).unwrap();
            }
            check("tree and doctor", &String::from_utf8(text).unwrap(), color);
        }
    }
    let mut json = Vec::new();
    documents::networks(&topology, Timestamp::ZERO, &mut json).unwrap();
    for change in &changes {
        documents::change(change, Timestamp::ZERO, &mut json).unwrap();
    }
    documents::doctor(&checks, &mut json).unwrap();
    let json = String::from_utf8(json).unwrap();
    check("documents", &json, false);
    assert!(strings("documents", &json).contains(&name));
}

/// What is typed comes back in messages of every command, those that need Docker or rights among them.
#[test]
fn messages_are_text() {
    let hostile = "no\u{1b}[2J\u{202e}\u{9b}\n";
    let nowhere = "unix:///no/\u{1b}[2J\u{202e}.sock";
    for command in Cli::command().get_subcommands().map(clap::Command::get_name) {
        for arguments in [&[hostile][..], &["--", hostile], &["-i", hostile], &["-w", hostile], &[hostile, hostile]] {
            let output = bridgetap().env("DOCKER_HOST", nowhere).arg(command).args(arguments).output().unwrap();
            for text in [output.stdout, output.stderr] {
                check(&format!("{command} {arguments:?}"), &String::from_utf8(text).unwrap(), false);
            }
        }
    }
    for leftover in [hostile, "no"] {
        assert!(!Path::new(leftover).exists(), "{leftover:?}");
    }
}
