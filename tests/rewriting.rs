//! `replay IN -w OUT`, and names for captures of other tools: what is written says the same as what was read, here and to
//! tshark; what cannot be is refused.
//!
//! The comparison with tshark needs it (Debian: `apt-get install tshark`). Without it nothing is compared, and with
//! `BRIDGETAP_DEMAND=1` that is a failure. `BRIDGETAP_CORPUS` names a folder of other captures to write anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bridgetap::capture::file::FileSource;
use bridgetap::capture::write::Interface;
use bridgetap::capture::write::blocks::{self, Statistics};
use bridgetap::capture::{Aside, Drops, Frame, LinkType, Next, Source, Tap, TapId};
use bridgetap::docker::{read_snapshot, write_snapshot};
use bridgetap::time::Timestamp;
use common::golden::{compare, diff};
use common::{bridgetap, capture, captures, root, say, stem};
use tempfile::TempDir;

/// What the program did.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    log: String,
    messages: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(!messages.contains("panicked"), "{messages}");
        Self { code: output.status.code(), log: String::from_utf8_lossy(&output.stdout).into_owned(), messages }
    }
}

/// A folder to write into, with captures in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// Runs `bridgetap replay` there.
    fn replay(&self, arguments: &[&str]) -> Ran {
        let mut command = bridgetap();
        command.current_dir(&self.0).arg("replay").args(arguments).stdin(Stdio::null());
        command.output().unwrap().into()
    }

    /// The same, which must go well.
    fn log(&self, arguments: &[&str]) -> String {
        let ran = self.replay(arguments);
        assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""), "{arguments:?}");
        ran.log
    }

    /// The same where a file is written; what it says of that.
    fn written(&self, arguments: &[&str]) -> String {
        let ran = self.replay(arguments);
        assert_eq!((ran.code, ran.log.as_str()), (Some(0), ""), "{arguments:?}: {}", ran.messages);
        ran.messages
    }

    /// A file of this project's tests.
    fn inspect(name: &str) -> String {
        root().join("tests/inspect").join(name).to_str().unwrap().to_owned()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A packet as far as a file keeps it.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    at: u64,
    wire_len: u32,
    link: LinkType,
    /// How its interface is described.
    interface: (String, Option<String>, Option<String>),
    /// It only tells who the clients of published ports are.
    aside: Option<Aside>,
    bytes: Vec<u8>,
}

/// The packets of a file, as far as it can be read.
fn packets(path: &Path) -> Vec<Kept> {
    let mut packets = Vec::new();
    let Ok(mut source) = FileSource::open(path, 0) else { return packets };
    loop {
        match source.next() {
            Ok(Next::Frame(frame, tap)) => packets.push(Kept {
                at: frame.at.as_nanos(),
                wire_len: frame.wire_len,
                link: frame.link,
                interface: (tap.interface.clone(), tap.network.clone(), tap.namespace.clone()),
                aside: tap.aside,
                bytes: frame.bytes.to_vec(),
            }),
            Ok(Next::End) | Err(_) => return packets,
            Ok(_) => {}
        }
    }
}

/// A frame to be written: its time in nanoseconds and its bytes.
type Timed = (u64, Vec<u8>);

/// What is watched in a capture: its Ethernet frames, without those that only tell who the clients are.
fn frames(file: &Path) -> Vec<Timed> {
    let watched = packets(file).into_iter().filter(|kept| kept.aside.is_none());
    watched
        .map(|kept| {
            assert_eq!(kept.link, LinkType::ETHERNET, "{}", file.display());
            (kept.at, kept.bytes)
        })
        .collect()
}

/// Who asks the published port from outside of the machine, and where docker-proxy asks from, in `published-port`.
const OUTSIDE: [u8; 4] = [10, 88, 0, 2];
const GATEWAY: [u8; 4] = [172, 17, 0, 1];

/// Whether an Ethernet frame is an IPv4 packet from an address, or to it.
fn is_of(bytes: &[u8], address: [u8; 4]) -> bool {
    bytes[12..14] == [8, 0] && (bytes[26..30] == address || bytes[30..34] == address)
}

/// The first packet of the first connection from an address, and its port.
fn opening(frames: &[Timed], client: [u8; 4]) -> (usize, u16) {
    const SYN: u8 = 2;
    let opens =
        |bytes: &[u8]| is_of(bytes, client) && bytes[26..30] == client && bytes[23] == 6 && bytes[47] & 0x12 == SYN;
    let first = frames.iter().position(|(_, bytes)| opens(bytes)).expect("it opens one");
    (first, u16::from_be_bytes([frames[first].1[34], frames[first].1[35]]))
}

/// The lines of a log before its summary, whatever the widths of its columns.
fn lines(log: &str) -> Vec<String> {
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    log.lines().take_while(|line| !line.is_empty()).map(squeezed).collect()
}

/// A capture as tcpdump writes it: one link type, and no word of interfaces or names.
fn pcap(link: LinkType, frames: &[Timed]) -> Vec<u8> {
    let head = [0xa1b2_3c4d, 2 | 4 << 16, 0, 0, 262_144, u32::from(link.0)];
    let mut pcap: Vec<u8> = head.iter().flat_map(|field: &u32| field.to_le_bytes()).collect();
    for (at, bytes) in frames {
        let (seconds, nanos) = (at / 1_000_000_000, at % 1_000_000_000);
        for field in [seconds as u32, nanos as u32, bytes.len() as u32, bytes.len() as u32] {
            pcap.extend(field.to_le_bytes());
        }
        pcap.extend(bytes);
    }
    pcap
}

fn plain(file: &Path) -> Vec<u8> {
    pcap(LinkType::ETHERNET, &frames(file))
}

/// A frame as `tcpdump -i any` writes it: cooked, with the number of the interface that it was seen on.
fn cooked(interface: u32, bytes: &[u8]) -> Vec<u8> {
    [&bytes[12..14], &[0, 0], &interface.to_be_bytes(), &[0, 1, 0, 6], &bytes[6..12], &[0, 0], &bytes[14..]].concat()
}

// Names.

#[test]
fn a_plain_capture_is_told_with_the_names_of_both_options() {
    let folder = Folder::new();
    folder.put("published.pcap", &plain(&capture("published-port")));
    folder.put("hosts", b"10.88.0.2  laptop  lap # the class's\n172.17.0.2 nobody-calls-it-so\n");
    let inspect = Folder::inspect("published-port.json");
    let my_bridge = Folder::inspect("my-bridge.json");
    let inspects = ["--docker-inspect", &inspect, "--docker-inspect", &my_bridge];
    let names = [&["published.pcap", "--hosts", "hosts"], &inspects[..]].concat();
    let mut wrong = Vec::new();
    for (golden, arguments) in [("names-both.log", &[][..]), ("names-both.json", &["--json"])] {
        wrong.extend(compare(golden, &folder.log(&[&names[..], arguments].concat())).err());
    }
    let by_name = ping_by_name(&folder);
    wrong.extend(compare("names-inspect.log", &by_name).err());
    assert!(wrong.is_empty(), "{}\n\nIf this is meant: BLESS=1 cargo test --test rewriting", wrong.join("\n\n"));
    let numeric = folder.log(&[&names[..], &["-n"]].concat());
    assert!(numeric.contains("10.88.0.2") && !numeric.contains("laptop"), "{numeric}");
}

fn ping_by_name(folder: &Folder) -> String {
    folder.put("ping.pcap", &plain(&capture("ping-by-name")));
    folder.log(&["ping.pcap", "--docker-inspect", &Folder::inspect("my-bridge.json")])
}

/// What `tcpdump -i any` sees of a published port: its clients where they come from, and the container's bridge.
fn on_all_interfaces() -> Vec<u8> {
    const DOCKER0: u32 = 2;
    let seen = packets(&capture("published-port")).into_iter().filter_map(|kept| match kept {
        Kept { link: LinkType::LINUX_SLL2, .. } => Some((kept.at, kept.bytes)),
        Kept { ref interface, .. } if interface.0 == "docker0" => Some((kept.at, cooked(DOCKER0, &kept.bytes))),
        _ => None,
    });
    pcap(LinkType::LINUX_SLL2, &seen.collect::<Vec<_>>())
}

#[test]
fn published_ports_are_joined_in_a_capture_of_all_interfaces() {
    let folder = Folder::new();
    folder.put("any.pcap", &on_all_interfaces());
    let (published, my_bridge) = (Folder::inspect("published-port.json"), Folder::inspect("my-bridge.json"));
    let inspects = ["--docker-inspect", &published, "--docker-inspect", &my_bridge];
    let log = folder.log(&[&["any.pcap", "--kind", "tcp"], &inspects[..]].concat());
    // Who asks through docker-proxy, a recording knows from the kernel; here the times show it, if names are known.
    let own = folder.log(&[text(&capture("published-port")), "--kind", "tcp"]);
    let plain = folder.log(&["any.pcap"]);
    for name in ["10.88.0.2:", "localhost:", "container_a:"] {
        let client = own.split_whitespace().find(|word| word.starts_with(name)).unwrap();
        assert!(log.contains(&format!("{client} → tutorial-container:5000 (via :8080)")), "{client}: {log}");
        let is_translated = name.starts_with("10.");
        let address = client.replace("container_a", "172.18.0.2");
        assert_eq!(plain.contains(&format!("{address} → 172.17.0.2:5000 (via :8080)")), is_translated, "{plain}");
    }
}

#[test]
fn names_from_options_work_in_filters() {
    let folder = Folder::new();
    let seen = frames(&capture("published-port"));
    folder.put("p.pcap", &pcap(LinkType::ETHERNET, &seen));
    folder.put("hosts", b"10.88.0.2 laptop lap\n");
    let inspect = Folder::inspect("published-port.json");
    let summary = |arguments: &[&str]| folder.log(&[&["p.pcap", "--summary"], arguments].concat());
    let of_laptop = summary(&["--filter", "host 10.88.0.2"]);
    let count = seen.iter().filter(|(_, bytes)| is_of(bytes, OUTSIDE)).count();
    assert!(count > 0 && of_laptop.ends_with(&format!("\n{count} packets\n")), "{of_laptop}");
    for filter in ["host laptop", "host lap", "src laptop or dst lap", "laptop", "host lap and not arp"] {
        assert_eq!(summary(&["--hosts", "hosts", "--filter", filter]), of_laptop, "{filter}");
    }
    let of_container = summary(&["--docker-inspect", &inspect, "--filter", "host tutorial-container and net bridge"]);
    let on_docker0 = packets(&capture("published-port")).iter().filter(|kept| kept.interface.0 == "docker0").count();
    assert!(of_container.ends_with(&format!("\n{on_docker0} packets\n")), "{of_container}");
    // What a filter on events shows is what is said of that name without it; the rest is counted.
    let picks = |names: &[&str], filter: &[&str], pattern: &str| {
        let whole = lines(&folder.log(&[&["p.pcap"], names].concat()));
        let picked = folder.log(&[&["p.pcap"], names, filter].concat());
        let expected: Vec<_> = whole.iter().filter(|line| line.contains(pattern)).cloned().collect();
        assert!(expected.len() > 1 && lines(&picked) == expected, "{filter:?}: {picked}");
        assert!(picked.contains(&format!("{} events left out", whole.len() - expected.len())), "{filter:?}: {picked}");
    };
    let laptop = format!(" laptop:{} → 172.17.0.2:5000 ", opening(&seen, OUTSIDE).1);
    for name in ["laptop", "lap", "la*"] {
        picks(&["--hosts", "hosts"], &["--from", name], &laptop);
    }
    let names = ["--docker-inspect", &inspect, "--from", "tutorial-container"];
    assert!(lines(&folder.log(&[&["p.pcap"], &names[..]].concat())).is_empty(), "it asks nobody");
    picks(&names[..2], &["--to", "tutorial-container", "--from", "10.88.0.2"], " 10.88.0.2:");
    picks(&names[..2], &["--to", "tutorial-container", "--from", "host"], " host");
    for (names, filter, says) in [
        (&[][..], "host lap", "the capture carries no names of containers; give them with --docker-inspect or --hosts"),
        (&["--hosts", "hosts"], "host laptp", "did you mean laptop?"),
        (&["--hosts", "hosts"], "ether host laptop", "laptop is the name of an address, which tells no MAC address"),
        (&["--hosts", "hosts"], "net laptop", "no network is called laptop"),
        (&["--docker-inspect", &inspect], "host tutorial-containr", "did you mean tutorial-container?"),
    ] {
        let ran = folder.replay(&[&["p.pcap", "--filter", filter], names].concat());
        assert!(ran.code == Some(1) && ran.messages.contains(says), "{filter}: {ran:?}");
    }
}

#[test]
fn what_a_capture_knows_itself_goes_first() {
    let folder = Folder::new();
    let (file, inspect) = (capture("published-port"), Folder::inspect("published-port.json"));
    let renamed = std::fs::read_to_string(&inspect).unwrap().replace("/tutorial-container", "/of-today");
    folder.put("today.json", renamed.as_bytes());
    folder.put("hosts", b"172.17.0.2 by-hosts\n10.88.0.2 laptop\n172.17.0.1 teacher\n127.0.0.1 me\n");
    let own = folder.log(&[text(&file)]);
    assert_eq!(folder.log(&[text(&file), "--docker-inspect", "today.json"]), own);
    let with_hosts = folder.log(&[text(&file), "--hosts", "hosts"]);
    assert_eq!(
        with_hosts.replace("laptop", "10.88.0.2").replace("teacher", "host").replace(' ', ""),
        own.replace(' ', "")
    );
    let laptop = format!("laptop:{} → tutorial-container:5000", opening(&frames(&file), OUTSIDE).1);
    assert!(with_hosts.contains(&laptop) && with_hosts.contains("teacher → tutorial-container"), "{with_hosts}");
    // Where it knows nothing, what was given fills in: of several files, in each.
    folder.put("p.pcap", &plain(&file));
    let both = folder.log(&["p.pcap", text(&capture("ping-by-name")), "--docker-inspect", "today.json"]);
    assert!(both.contains("→ of-today:5000") && both.contains("container_b → docker-dns"), "{both}");
    folder.put("p.pcap", &plain(&capture("ping-by-address")));
    let elsewhere = std::fs::read_to_string(&inspect).unwrap().replace("172.17.0.2", "172.17.0.3");
    folder.put("elsewhere.json", elsewhere.as_bytes());
    let ping = folder.log(&["p.pcap", "--docker-inspect", "elsewhere.json", "--docker-inspect", &inspect]);
    assert!(ping.contains("tutorial-container → 172.17.0.3"), "the later file counts: {ping}");
}

#[test]
fn a_names_file_with_something_wrong_in_it_is_refused_with_its_place() {
    let folder = Folder::new();
    folder.put("p.pcap", &plain(&capture("published-port")));
    folder.put("ps.json", br#"{"Command":"\"sh\"","ID":"675e49cf1b2b","Names":"web"}"#);
    folder.put("utf16.json", b"\xff\xfe[\0]\0");
    folder.put("latin1.json", b"[\"\xe4\"]");
    folder.put("empty.json", b"");
    folder.put("bad.hosts", b"# names\n172.17.0.2 web\nweb 172.17.0.3\n");
    folder.put("cut.hosts", b"172.17.0.2\n");
    folder.put("esc.hosts", b"\x1b[2J web\n");
    let bad = std::fs::read_to_string(Folder::inspect("published-port.json")).unwrap();
    folder.put("bad.json", bad.replace("\"HostPort\": \"8080\"", "\"HostPort\": \"http\"").as_bytes());
    for (option, file, says) in [
        (
            "--docker-inspect",
            "ps.json",
            "ps.json: element 1 is a line of docker ps, which has no addresses; what is read is the \
         output of docker inspect $(docker ps -q) $(docker network ls -q)",
        ),
        (
            "--docker-inspect",
            "utf16.json",
            "utf16.json: is text in UTF-16, as PowerShell's > writes it; save it with Out-File",
        ),
        ("--docker-inspect", "latin1.json", "latin1.json: is no text in UTF-8 from byte 2 on"),
        ("--docker-inspect", "empty.json", "empty.json: is empty"),
        (
            "--docker-inspect",
            "bad.json",
            "bad.json: element 1 (container \"tutorial-container\"): \
         NetworkSettings.Ports.5000/tcp.HostPort: \"http\" is not a port",
        ),
        ("--docker-inspect", "gone.json", "gone.json: no such file"),
        ("--docker-inspect", ".", ".: is a directory"),
        ("--docker-inspect", "p.pcap", "p.pcap: is no text in UTF-8"),
        (
            "--hosts",
            "bad.hosts",
            "bad.hosts:3: \"web\" is not an IP address; a line is an address and its names: 172.18.0.2 web",
        ),
        ("--hosts", "cut.hosts", "cut.hosts:1: there is no name behind 172.17.0.2"),
        ("--hosts", "esc.hosts", "esc.hosts:1: \"\\u{1b}[2J\" is not an IP address"),
        ("--hosts", "gone", "gone: no such file"),
    ] {
        let ran = folder.replay(&["p.pcap", option, file]);
        assert_eq!((ran.code, ran.log.as_str(), ran.messages.lines().count()), (Some(1), "", 1), "{ran:?}");
        assert!(ran.messages.starts_with(&format!("bridgetap: {says}")), "{ran:?}");
    }
    let ran = folder.replay(&["p.pcap", "--hosts", "bad.hosts", "--docker-inspect", "empty.json"]);
    assert_eq!(ran.messages.lines().count(), 2, "all that is wrong is said at once: {ran:?}");
}

// Writing.

/// Writes a file anew, and compares what is in both and what is told of both.
fn assert_round_trip(folder: &Folder, file: &Path) -> Result<(), String> {
    let (out, kept) = (folder.path("out.pcapng"), packets(file));
    let _ = std::fs::remove_file(&out);
    let ran = folder.replay(&[text(file), "-w", "out.pcapng"]);
    if !out.exists() {
        let is_refused = ran.code == Some(1) && kept.is_empty();
        return if is_refused { Ok(()) } else { Err(format!("not written: {ran:?}")) };
    }
    let count = format!("{} packet{} written to out.pcapng", kept.len(), if kept.len() == 1 { "" } else { "s" });
    if !ran.messages.contains(&count) {
        return Err(format!("{count} is missing in {}", ran.messages));
    }
    if packets(&out) != kept {
        return Err("the packets differ".to_owned());
    }
    for form in [&[][..], &["--packets", "--json"]] {
        let [before, after] = [file, &out].map(|file| folder.replay(&[form, &[text(file)]].concat()));
        if after.code != Some(0) || !(after.messages.is_empty() || before.messages.starts_with(&after.messages)) {
            return Err(format!("{form:?}: {after:?}"));
        }
        if before.log != after.log {
            return Err(format!("{form:?}: {}", diff(&before.log, &after.log)));
        }
    }
    Ok(())
}

#[test]
fn what_is_written_says_what_was_read() {
    let folder = Folder::new();
    for file in captures() {
        assert_round_trip(&folder, &file).unwrap_or_else(|why| panic!("{}: {why}", stem(&file)));
    }
    let any = folder.put("any.pcap", &on_all_interfaces());
    assert_round_trip(&folder, &any).unwrap();
}

#[test]
fn what_is_written_of_the_corpus_says_what_was_read() {
    let Some(corpus) = std::env::var_os("BRIDGETAP_CORPUS").filter(|value| !value.is_empty()).map(PathBuf::from) else {
        say("NOT RUN: set BRIDGETAP_CORPUS to a folder of captures");
        return;
    };
    let (folder, files) = (Folder::new(), files_of(&corpus));
    assert!(!files.is_empty(), "{} holds no captures", corpus.display());
    let wrong = files.iter().filter_map(|file| {
        let why = assert_round_trip(&folder, file).err()?;
        Some(format!("{}: {}", file.display(), why.chars().take(2000).collect::<String>()))
    });
    let wrong: Vec<_> = wrong.collect();
    say(&format!("{} files written anew", files.len()));
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_text = path.extension().is_some_and(|extension| extension == "tsv" || extension == "md");
        if path.is_dir() {
            found.extend(files_of(&path));
        } else if !is_text {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn names_from_options_are_in_what_is_written() {
    let folder = Folder::new();
    folder.put("published.pcap", &plain(&capture("published-port")));
    folder.put("any.pcap", &on_all_interfaces());
    folder.put("hosts", b"10.88.0.2 laptop lap\n172.17.0.1 teacher\n172.17.0.2 not-shown\n");
    folder.put("ping.pcap", &plain(&capture("ping-by-name")));
    let (published, my_bridge) = (Folder::inspect("published-port.json"), Folder::inspect("my-bridge.json"));
    let own = capture("redis-stop-start");
    for (file, inspect) in [
        ("published.pcap", &published),
        ("any.pcap", &published),
        ("ping.pcap", &my_bridge),
        (text(&own), &published),
        (text(&capture("ping-by-name")), &my_bridge),
    ] {
        let names = [file, "--docker-inspect", inspect, "--hosts", "hosts"];
        folder.written(&[&names[..], &["-w", "named.pcapng", "--force"]].concat());
        for form in [&[][..], &["--json"], &["--packets"], &["--filter", "host lap or host teacher or arp"]] {
            let (given, kept) = (folder.log(&[&names, form].concat()), folder.log(&[&["named.pcapng"], form].concat()));
            assert!(given == kept, "{file} {form:?}: {}", diff(&given, &kept));
        }
    }
}

/// A recording: a bridge, and an interface that only tells who the clients are; who has which address; what the kernel told
/// when an interface got another name; and 10 s of silence, then a packet, then 5 s.
fn recording() -> Vec<u8> {
    let seen = frames(&capture("published-port"));
    let mut out = Vec::new();
    blocks::section(&mut out);
    for (name, network, aside) in
        [("docker0", Some("bridge"), None), ("eth0", None, Some(Aside { is_filtered: false })), ("lo", None, None)]
    {
        let network = network.map(str::to_owned);
        let tap = Tap { interface: name.to_owned(), network, namespace: None, link: LinkType::ETHERNET, aside };
        let filter = aside.map(|_| "tcp port 8080".to_owned());
        blocks::interface(
            &mut out,
            &Interface { tap, description: format!("about {name}"), filter, snap_len: 262_144 },
        );
    }
    let (opens, port) = opening(&seen, OUTSIDE);
    assert!(opens < 20, "it is within what is written");
    let tuples =
        format!(r#""original":["10.88.0.2:{port}","10.88.0.1:8080"],"reply":["172.17.0.2:5000","10.88.0.2:{port}"]"#);
    let told = format!(r#"{{"protocol":"tcp","at":{},"state":"new",{tuples}}}"#, seen[opens].0);
    let kept = format!(r#"{{"bridgetap_host":1,"interfaces":{{"2":"docker0"}},"translated":[{told}]}}"#);
    assert!(blocks::names(&mut out, &[], &kept));
    let write = |(at, bytes): &Timed, interface: u32, out: &mut Vec<u8>| {
        let at = Timestamp::from_nanos(*at);
        let (wire_len, link, tap) = (bytes.len() as u32, LinkType::ETHERNET, TapId(0));
        blocks::packet(out, interface, &Frame { number: 1, at, wire_len, bytes, link, tap });
    };
    for timed in &seen[..20] {
        write(timed, 0, &mut out);
        if is_of(&timed.1, OUTSIDE) && timed.1[26..30] == OUTSIDE {
            let mut outside = timed.clone();
            outside.0 -= 10_000;
            outside.1[30..34].copy_from_slice(&[10, 88, 0, 1]);
            outside.1[36..38].copy_from_slice(&8080_u16.to_be_bytes());
            write(&outside, 1, &mut out);
        }
    }
    let until = |seconds: u64, drops, out: &mut Vec<u8>| {
        let (started, ended) =
            (Timestamp::from_nanos(seen[0].0), Timestamp::from_nanos(seen[19].0 + seconds * 1_000_000_000));
        blocks::statistics(out, 0, &Statistics { started, ended, packets: 20, drops });
    };
    until(10, None, &mut out);
    let renamed = r#"{"bridgetap_host":1,"taps":[{"interface":2,"network":null,"namespace":"tutorial-container"}]}"#;
    assert!(blocks::names(&mut out, &[], renamed));
    write(&(seen[20].0 + 11_000_000_000, seen[20].1.clone()), 2, &mut out);
    until(16, Some(Drops { kernel: 7, interface: 1 }), &mut out);
    out
}

#[test]
fn what_a_recording_knows_stays_in_it() {
    let folder = Folder::new();
    let file = folder.put("recorded.pcapng", &recording());
    assert_round_trip(&folder, &file).unwrap();
    let inspect = Folder::inspect("published-port.json");
    folder.written(&["recorded.pcapng", "--docker-inspect", &inspect, "-w", "named.pcapng"]);
    let named = folder.log(&["recorded.pcapng", "--docker-inspect", &inspect]);
    assert_eq!(folder.log(&["named.pcapng"]), named);
    assert!(named.contains("7 dropped by the kernel"), "{named}");
    let client = format!("10.88.0.2:{} → tutorial-container:5000 (via :8080)", opening(&frames(&file), OUTSIDE).1);
    assert!(named.contains(&client), "{named}");
    let filter = ["--filter", "host 172.17.0.2 and tcp"];
    folder.written(&[&["named.pcapng", "-w", "filtered.pcapng"], &filter[..]].concat());
    let filtered = folder.log(&["filtered.pcapng"]);
    assert_eq!(lines(&filtered), lines(&folder.log(&[&["named.pcapng"], &filter[..]].concat())));
    // Behind another file's interfaces, its own have other numbers.
    folder.written(&[text(&capture("ping-by-name")), "recorded.pcapng", "-w", "both.pcapng"]);
    let both = String::from_utf8_lossy(&std::fs::read(folder.path("both.pcapng")).unwrap()).into_owned();
    assert!(both.contains(r#""taps":[{"interface":5,"network":null,"namespace":"tutorial-container"}]"#));
    assert!(both.contains(r#""translated":[{"protocol":"tcp""#));
}

#[test]
fn a_directory_that_comes_later_takes_over_from_what_was_given() {
    let folder = Folder::new();
    let (own, inspect) = (capture("published-port"), Folder::inspect("published-port.json"));
    let today = std::fs::read_to_string(&inspect).unwrap().replace("/tutorial-container", "/given");
    folder.put("given.json", today.as_bytes());
    let mut source = FileSource::open(&own, 0).unwrap();
    let Next::Names(block) = source.next().unwrap() else { panic!("names come first") };
    let mut out = Vec::new();
    blocks::section(&mut out);
    let tap =
        Tap { interface: "docker0".into(), network: None, namespace: None, link: LinkType::ETHERNET, aside: None };
    blocks::interface(&mut out, &Interface { tap, description: String::new(), filter: None, snap_len: 0 });
    // The names are of the time of the second connection, long after the first.
    let seen = frames(&own);
    let ((_, first_port), (second, second_port)) = (opening(&seen, OUTSIDE), opening(&seen, GATEWAY));
    let at = Timestamp::from_nanos(seen[second].0 + 9_000_000_000);
    let text = write_snapshot(&read_snapshot(&block.comment).unwrap().apply(None), at);
    for (number, (at, bytes)) in seen.iter().enumerate() {
        if number == second {
            assert!(blocks::names(&mut out, &[], &text));
        }
        let at = Timestamp::from_nanos(at + if number < second { 0 } else { 10_000_000_000 });
        let (wire_len, link, tap) = (bytes.len() as u32, LinkType::ETHERNET, TapId(0));
        blocks::packet(&mut out, 0, &Frame { number: 1, at, wire_len, bytes, link, tap });
    }
    folder.put("late.pcapng", &out);
    let log = folder.log(&["late.pcapng", "--docker-inspect", "given.json"]);
    let (first, second) = (format!("10.88.0.2:{first_port} → given:5000"), format!("host:{second_port} → "));
    assert!(log.contains(&first) && log.contains(&format!("{second}tutorial-container:5000")), "{log}");
    folder.written(&["late.pcapng", "--docker-inspect", "given.json", "-w", "named.pcapng"]);
    assert_eq!(folder.log(&["named.pcapng"]), log);
}

#[test]
fn packets_are_filtered_cut_and_counted() {
    let folder = Folder::new();
    let file = capture("published-port");
    let file = text(&file);
    let whole = packets(&capture("published-port"));
    let count = whole.len();
    let said = folder.written(&[file, "-w", "a.pcapng"]);
    assert_eq!(said, format!("bridgetap: {count} packets written to a.pcapng\n"));
    // What only tells who the clients are is kept, whatever the filter: who passes it may have come from there.
    let passes = |kept: &&Kept| kept.aside.is_some() || is_of(&kept.bytes, OUTSIDE);
    let expected: Vec<_> = whole.iter().filter(passes).collect();
    assert!(expected.iter().any(|kept| kept.aside.is_some()) && expected.len() < count);
    let counted = format!("{} of {count} packets", expected.len());
    let said = folder.written(&[file, "-w", "b.pcapng", "--filter", "host 10.88.0.2", "-s", "60"]);
    assert_eq!(said, format!("bridgetap: {counted} written to b.pcapng\n"));
    let cut = packets(&folder.path("b.pcapng"));
    assert_eq!(cut.len(), expected.len());
    for (kept, cut) in expected.into_iter().zip(&cut) {
        let bytes = kept.bytes[..kept.bytes.len().min(60)].to_vec();
        let Kept { at, wire_len, link, ref interface, .. } = *kept;
        let aside = kept.aside.map(|_| Aside { is_filtered: true });
        assert_eq!(cut, &Kept { at, wire_len, link, interface: interface.clone(), aside, bytes });
    }
    let third = (0..count).filter(|nth| whole[*nth].aside.is_none()).nth(2).unwrap();
    folder.written(&[file, "-w", "c.pcapng", "-c", "3"]);
    assert_eq!(packets(&folder.path("c.pcapng")), whole[..=third], "three that are watched, and what tells of them");
    let printed = folder.replay(&[file, "-w", "d.pcapng", "--print", "--filter", "host 10.88.0.2"]);
    assert_eq!(printed.log, folder.log(&["d.pcapng"]), "the log is of what is written");
    assert_eq!(printed.messages, format!("bridgetap: {counted} written to d.pcapng\n"));
    let json = folder.replay(&[file, "-w", "e.pcapng", "--print", "--json", "--filter", "host 10.88.0.2"]);
    assert_eq!(json.log, folder.log(&["e.pcapng", "--json"]), "with the numbers that packets have there");
    let habit = bridgetap().current_dir(&folder.0).args(["-nr", file, "-w", "f.pcapng"]).output().unwrap();
    assert!(habit.status.success());
    assert_eq!(packets(&folder.path("f.pcapng")), whole);
}

#[test]
fn several_files_are_merged_with_the_names_of_each() {
    let folder = Folder::new();
    let (later, earlier) = (capture("ping-by-name"), capture("ping-by-address"));
    folder.written(&[text(&later), text(&earlier), "-w", "both.pcapng"]);
    let both = packets(&folder.path("both.pcapng"));
    assert_eq!(both.len(), packets(&later).len() + packets(&earlier).len());
    assert!(both.is_sorted_by_key(|kept| kept.at));
    let merged = folder.log(&[text(&later), text(&earlier)]);
    let log = folder.log(&["both.pcapng"]);
    assert_eq!(lines(&log), lines(&merged));
    // The same addresses on networks of the same name, one machine after the other.
    let (file, inspect) = (plain(&capture("published-port")), Folder::inspect("published-port.json"));
    folder.put("one.pcap", &file);
    folder.written(&["one.pcap", "--docker-inspect", &inspect, "-w", "one.pcapng"]);
    let changes =
        [("27c475473b8a", "eeeeeeeeeeee"), ("/tutorial-container", "/another-one"), ("2aeecacd2148", "777777777777")];
    let other = changes.iter().fold(std::fs::read_to_string(&inspect).unwrap(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    });
    folder.put("other.json", other.as_bytes());
    let later: Vec<_> =
        frames(&capture("published-port")).into_iter().map(|(at, bytes)| (at + 60_000_000_000, bytes)).collect();
    folder.put("two.pcap", &pcap(LinkType::ETHERNET, &later));
    folder.written(&["two.pcap", "--docker-inspect", "other.json", "-w", "two.pcapng"]);
    let said = folder.written(&["one.pcapng", "two.pcapng", "-w", "after.pcapng"]);
    assert_eq!(said, format!("bridgetap: {} packets written to after.pcapng\n", 2 * later.len()));
    let mut expected = [folder.log(&["one.pcapng"]), folder.log(&["two.pcapng"])].map(|log| lines(&log)).concat();
    let mut told = lines(&folder.log(&["after.pcapng"]));
    expected.sort();
    told.sort();
    assert_eq!(told, expected);
    // At the same time: one file cannot keep both.
    folder.put("same.pcap", &file);
    folder.written(&["same.pcap", "--docker-inspect", "other.json", "-w", "same.pcapng"]);
    let said = folder.written(&["one.pcapng", "same.pcapng", "-w", "mixed.pcapng"]);
    assert!(said.contains("one.pcapng and same.pcapng have different networks of the same name"), "{said}");
}

/// Recordings of one machine, one after the other: with networks of the same names, who comes and goes in each of them,
/// and what the kernel told.
#[test]
fn recordings_are_merged_with_the_names_of_each() {
    let folder = Folder::new();
    let files = captures();
    let [link, mariadb, ping, published] =
        ["legacy-link", "mariadb-flask", "ping-by-address", "published-port"].map(capture);
    let all: Vec<_> = files.iter().map(|file| text(file)).collect();
    // Somebody comes and goes in the first, and the second has the same addresses.
    let pairs = [[text(&link), text(&ping)], [text(&mariadb), text(&published)]];
    // What is still open at the end is told then, with the names of then, which another lab has by that time.
    let told = |log: &str| lines(log).into_iter().filter(|line| !line.contains("still open")).collect::<Vec<_>>();
    for names in [&all[..], &pairs[0], &pairs[1]] {
        folder.written(&[names, &["-w", "merged.pcapng", "--force"]].concat());
        for form in [&[][..], &["--packets"], &["--hops"]] {
            let [before, after] = [names, &["merged.pcapng"]].map(|names| told(&folder.log(&[names, form].concat())));
            assert!(before == after, "{names:?} {form:?}: {}", diff(&before.join("\n"), &after.join("\n")));
        }
    }
}

/// What passes a filter says the same in the file that is written of it.
#[test]
fn every_capture_is_filtered_as_its_log_is() {
    let folder = Folder::new();
    for file in captures() {
        for filter in ["tcp", "udp or arp", "host 172.17.0.2", "not tcp port 8080"] {
            let filter = ["--filter", filter];
            folder.written(&[&[text(&file), "-w", "some.pcapng", "--force"], &filter[..]].concat());
            let [before, after] = [folder.log(&[&[text(&file)], &filter[..]].concat()), folder.log(&["some.pcapng"])];
            assert!(before == after, "{} {filter:?}: {}", stem(&file), diff(&before, &after));
        }
    }
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is_touched() {
    let folder = Folder::new();
    let path = folder.put("in.pcap", &plain(&capture("published-port")));
    folder.put("there.pcapng", b"precious");
    folder.put("names", b"10.88.0.2 laptop\n");
    std::fs::hard_link(&path, folder.path("hard.pcap")).unwrap();
    std::os::unix::fs::symlink(&path, folder.path("soft.pcap")).unwrap();
    std::fs::create_dir(folder.path("folder")).unwrap();
    let before = std::fs::read(&path).unwrap();
    for (code, arguments, says) in [
        (
            2,
            &["-w", "there.pcapng"][..],
            "there.pcapng: there is such a file already; name another one, or replace it with --force",
        ),
        (2, &["-w", "in.pcap", "--force"], "in.pcap is the same file as in.pcap, which is read"),
        (2, &["-w", "folder/../in.pcap", "--force"], "folder/../in.pcap is the same file as in.pcap"),
        (2, &["-w", "hard.pcap", "--force"], "hard.pcap is the same file as in.pcap"),
        (2, &["-w", "soft.pcap", "--force"], "soft.pcap is the same file as in.pcap"),
        (2, &["-w", "names", "--hosts", "names", "--force"], "names is the same file as names"),
        (1, &["-w", "folder"], "folder: is a folder; name a file in it"),
        (1, &["-w", "none/out.pcapng"], "none/out.pcapng: there is no folder none; make it with mkdir -p"),
        (1, &["-w", "out.pcapng", "--hosts", "in.pcap"], "in.pcap:1: this is no text in UTF-8"),
        (1, &["-w", "out.pcapng", "--filter", "host nobody"], "no container, network or host is called nobody"),
        (1, &["-w", "out.pcapng", "--filter", "host"], "--filter: something is missing at the end"),
        (2, &["-w", "-", "--print"], "-w - and --print would both write to standard output"),
        (2, &["-w", "out.pcapng", "--json"], "--json is about the log, and -w writes none: add --print to have both"),
        (2, &["-w", "out.pcapng", "--packets"], "--packets is about the log"),
        (2, &["-w", "out.pcapng", "--summary"], "--summary is about the log"),
        (2, &["-w", "out.pcapng", "--ladder"], "--ladder is about the log"),
        (2, &["-w", "out.pcapng", "--explain"], "--explain is about the log"),
        (2, &["-w", "out.pcapng", "--hops"], "--hops is about the log"),
        (2, &["-w", "out.pcapng", "--names", "alias"], "--names is about the log"),
        (2, &["-w", "out.pcapng", "--print", "--pace", "1x"], "--pace is about the log"),
        (2, &["-w", "out.pcapng", "--not", "--kind", "tcp"], "--kind picks lines of the log, and -w writes packets"),
    ] {
        let ran = folder.replay(&[&["in.pcap"], arguments].concat());
        assert_eq!((ran.code, ran.log.as_str()), (Some(code), ""), "{arguments:?}: {ran:?}");
        assert!(ran.messages.starts_with("bridgetap: ") && ran.messages.contains(says), "{arguments:?}: {ran:?}");
        assert!(!folder.path("out.pcapng").exists(), "{arguments:?}");
    }
    for wrong in [&["--force"][..], &["--print"], &["-s", "60"], &["-w", "x", "-s", "0"]] {
        let ran = folder.replay(&[&["in.pcap"], wrong].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
    let ran = folder.replay(&["gone.pcap", "-w", "out.pcapng"]);
    assert!(ran.code == Some(1) && !folder.path("out.pcapng").exists(), "{ran:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read(folder.path("there.pcapng")).unwrap(), b"precious");
    folder.written(&["in.pcap", "-w", "there.pcapng", "--force"]);
    assert_eq!(packets(&folder.path("there.pcapng")), packets(&path));
    let stdin = std::fs::File::open(&path).unwrap();
    let ran: Ran =
        bridgetap().args(["replay", "-", "--force", "-w", text(&path)]).stdin(stdin).output().unwrap().into();
    assert!(ran.code == Some(2) && ran.messages.contains("is the same file as standard input"), "{ran:?}");
    let out = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    let ran: Ran = bridgetap().args(["replay", text(&path), "-w", "-"]).stdout(out).output().unwrap().into();
    assert!(ran.code == Some(2) && ran.messages.contains("standard output is the same file as"), "{ran:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn what_was_read_before_a_cut_is_written() {
    let folder = Folder::new();
    let whole = std::fs::read(capture("ping-by-name")).unwrap();
    // In the middle of what comes behind the fourth packet.
    let lengths: Vec<_> = (0..whole.len()).collect();
    let fourth = lengths.partition_point(|length| packets(&folder.put("cut.pcapng", &whole[..*length])).len() < 4);
    folder.put("cut.pcapng", &whole[..fourth + 10]);
    let ran = folder.replay(&["cut.pcapng", "-w", "out.pcapng"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.messages.contains("4 packets written to out.pcapng") && ran.messages.contains("cut short"), "{ran:?}");
    let ran = folder.replay(&["out.pcapng"]);
    assert_eq!((ran.code, ran.log), (Some(0), folder.replay(&["cut.pcapng"]).log));
    let ran = folder.replay(&[text(&capture("ping-by-name")), "gone.pcap", "-w", "some.pcapng"]);
    assert!(ran.code == Some(1) && ran.messages.contains("12 packets written to some.pcapng"), "{ran:?}");
}

#[test]
fn names_of_another_version_are_kept_and_said() {
    let folder = Folder::new();
    let mut bytes = std::fs::read(capture("ping-by-address")).unwrap();
    let version = b"{\"bridgetap_directory\":1";
    let at = bytes.windows(version.len()).position(|window| window == version).unwrap() + version.len() - 1;
    bytes[at] = b'7';
    folder.put("new.pcapng", &bytes);
    let ran = folder.replay(&["new.pcapng", "-w", "out.pcapng"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.messages.contains("the names have format version 7, and this bridgetap reads version 1"), "{ran:?}");
    let out = std::fs::read(folder.path("out.pcapng")).unwrap();
    assert!(out.windows(version.len()).any(|window| window == b"{\"bridgetap_directory\":7"));
}

#[test]
fn standard_output_takes_it_too_and_nobody_reading_is_no_failure() {
    let folder = Folder::new();
    let file = capture("nginx-flask-redis");
    let output = bridgetap().args(["replay", text(&file), "-w", "-"]).output().unwrap();
    let said = format!("bridgetap: {} packets written to standard output\n", packets(&file).len());
    assert_eq!(String::from_utf8_lossy(&output.stderr), said);
    let path = folder.put("out.pcapng", &output.stdout);
    assert_eq!(packets(&path), packets(&file));
    let mut child = bridgetap();
    child.args(["replay", "-", "-w", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    drop(child.stdout.take());
    let bytes = std::fs::read(&file).unwrap();
    let _ = child.stdin.take().unwrap().write_all(&bytes);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""));
}

#[test]
fn ctrl_c_ends_a_pipe_with_a_whole_file() {
    let folder = Folder::new();
    let bytes = std::fs::read(capture("ping-by-name")).unwrap();
    let mut command = bridgetap();
    command.current_dir(&folder.0).args(["replay", "-", "-w", "out.pcapng"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&bytes[..bytes.len() - 10]).unwrap();
    let out = folder.path("out.pcapng");
    for _ in 0..500 {
        if packets(&out).len() == 12 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(packets(&out).len(), 12, "a silent pipe leaves nothing unwritten");
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let ran: Ran = child.wait_with_output().unwrap().into();
    drop(stdin);
    assert_eq!((ran.code, ran.messages.as_str()), (Some(0), "bridgetap: 12 packets written to out.pcapng\n"));
    assert_eq!(
        folder.log(&["out.pcapng", "-c", "12"]).lines().next(),
        folder.log(&[text(&capture("ping-by-name"))]).lines().next()
    );
}

#[test]
fn a_full_disk_keeps_what_was_written() {
    let folder = Folder::new();
    let big: Vec<_> = (0..40_000).map(|nth| (nth * 1000, vec![0; 60])).collect();
    folder.put("big.pcap", &pcap(LinkType::ETHERNET, &big));
    // A limit of the shell's is as good as a disk that is full.
    let program = env!("CARGO_BIN_EXE_bridgetap");
    let script = format!("ulimit -f 1000; trap '' XFSZ; exec {program} replay big.pcap -w out.pcapng");
    let ran: Ran = Command::new("bash").current_dir(&folder.0).args(["-c", &script]).output().unwrap().into();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.messages.contains("out.pcapng: the disk is full, or the file as long as it may be"), "{ran:?}");
    let ran = folder.replay(&["out.pcapng", "--summary"]);
    assert_eq!((ran.code, ran.messages.as_str()), (Some(0), ""));
    assert!(packets(&folder.path("out.pcapng")).len() > 10_000);
}

// tshark.

/// Whether there is a tshark and its capinfos; says what to do where not.
fn has_tshark() -> bool {
    let is_there =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|ran| ran.status.success());
    if is_there("tshark") && is_there("capinfos") {
        return true;
    }
    let demanded = std::env::var_os("BRIDGETAP_DEMAND").is_some_and(|value| value == "1");
    assert!(!demanded, "tshark is not installed: apt-get install tshark");
    say("NOT RUN: nothing was compared, because tshark is not installed: apt-get install tshark");
    false
}

/// What another program says of a file, without what it says of itself; a complaint is a failure.
fn other(program: &str, arguments: &[&str], file: &Path) -> String {
    let output = Command::new(program).args(arguments).arg(file).output().unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    let complaints: Vec<_> = complaints.lines().filter(|line| !line.starts_with("Running as user")).collect();
    assert!(output.status.success() && complaints.is_empty(), "{program} {}: {complaints:?}", file.display());
    String::from_utf8(output.stdout).unwrap()
}

/// What capinfos says of packets, times and interfaces.
fn capinfos(file: &Path) -> Vec<String> {
    const SAME: [&str; 10] = [
        "Number of packets",
        "First packet time",
        "Last packet time",
        "Data size",
        "File timestamp precision",
        "File encapsulation",
        "Number of interfaces",
        "Name =",
        "Description =",
        "Filter string =",
    ];
    let said = other("capinfos", &["-M"], file);
    let is_same = |line: &&str| SAME.iter().any(|field| line.trim_start().starts_with(field));
    said.lines().filter(is_same).map(str::to_owned).collect()
}

#[test]
fn tshark_reads_what_is_written_and_prints_the_names() {
    if !has_tshark() {
        return;
    }
    let folder = Folder::new();
    let out = folder.path("out.pcapng");
    for file in captures() {
        folder.written(&[text(&file), "-w", "out.pcapng", "--force"]);
        assert_eq!(capinfos(&out), capinfos(&file), "{}", stem(&file));
        let [ours, theirs] = [&out, &file].map(|file| other("tshark", &["-N", "n", "-t", "e", "-r"], file));
        assert_eq!(ours, theirs, "{}", stem(&file));
    }
    let pcap = folder.put("plain.pcap", &plain(&capture("published-port")));
    folder.put("hosts", b"10.88.0.2 laptop\n");
    let inspect = Folder::inspect("published-port.json");
    let names = ["--docker-inspect", &inspect, "--hosts", "hosts"];
    folder.written(&[&["plain.pcap", "-w", "out.pcapng", "--force"], &names[..]].concat());
    assert_eq!(capinfos(&out), capinfos(&pcap));
    let hosts = |arguments: &[&str]| {
        let fields = ["-T", "fields", "-e", "ip.src_host", "-e", "ip.dst_host", "-Y", "tcp.dstport == 5000", "-r"];
        other("tshark", &[arguments, &fields].concat(), &out).lines().next().unwrap().to_owned()
    };
    assert_eq!(hosts(&["-N", "n"]), "laptop\ttutorial-container");
    assert_eq!(hosts(&["-n", "-N", "n"]), "laptop\ttutorial-container");
    assert_eq!(hosts(&["-n"]), "10.88.0.2\t172.17.0.2");
    let (first, second) = (capture("ping-by-name"), capture("published-port"));
    folder.written(&[text(&first), text(&second), "-s", "64", "-w", "out.pcapng", "--force"]);
    let said = capinfos(&out);
    let count = packets(&first).len() + packets(&second).len();
    assert!(said.iter().any(|line| line.ends_with(&format!("Number of packets:   {count}"))), "{said:?}");
    let count_of = |file: &Path| {
        let said = capinfos(file);
        let line = said.iter().find(|line| line.starts_with("Number of interfaces")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(count_of(&out), count_of(&first) + count_of(&second));
    assert_eq!(other("tshark", &["-N", "n", "-r"], &out).lines().count(), count);
}
