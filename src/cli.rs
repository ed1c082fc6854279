//! What the user typed. Checks and does nothing else.

mod filters;
mod latency;
mod limits;
mod pace;
mod rewriting;
mod user;
mod write;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use filters::{EventFilters, EventFlag, EventWants, KINDS, OUTCOMES};
pub use latency::{Latency, Probing, Sort, SumBy, Table};
pub use limits::{Cap, Caps};
pub use pace::Pace;
pub use rewriting::{GivenNames, Rewriting};
pub use user::RunAs;
pub use write::Write;

/// Watch Docker networks: every lookup, ARP, ping and connection, by container name and with its time.
#[derive(Debug, Parser)]
#[command(name = "bridgetap", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "\
Habits from tcpdump work: `bridgetap -i docker0` is `bridgetap watch if:docker0`, \
and `bridgetap -r FILE` is `bridgetap replay FILE`. An expression goes behind --filter: \
`bridgetap -i docker0 --filter 'icmp'`.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch Docker networks live.
    ///
    /// Watching a network that has Docker's name service also means watching the loopback interface of every container
    /// on it: a lookup of a container's name never crosses the bridge. Watching a container means every interface in its
    /// network namespace. docs/targets.md says what is tapped for each kind of network.
    Watch(Watch),
    /// Record Docker networks into a capture file that knows its names, to be replayed on any machine.
    ///
    /// The file is pcapng: Wireshark reads it, with the containers' names. What is recorded is what `watch` would watch, and
    /// `replay` tells it as `watch` would have. docs/recording.md has the rest.
    #[command(mut_args(only_with_print), mut_arg("file", |file| file.required(true)))]
    Record(Record),
    /// Show the same log from capture files: pcap or pcapng, gzipped or not.
    Replay(Replay),
    /// Measure how long answers take, and how that is spread: pings, lookups, handshakes and requests between containers.
    ///
    /// Live, the table refreshes until Ctrl-C or --for ends it; a file is measured as it is read. With --probe it sends
    /// something to measure; with --compare it says what has changed between two runs. docs/latency.md has the rest.
    Latency(Latency),
    /// Show Docker's networks, and on each its containers with their addresses, veths, aliases and published ports.
    ///
    /// It answers what `docker network inspect` and `ip link` together answer. Which veth is whose takes root; all else
    /// takes no more than the daemon.
    Networks(Networks),
    /// Say what of watching works on this machine, what does not, and the command that mends it.
    ///
    /// It changes nothing. It ends with 0 where watching works, and with 1 where something that it needs is missing.
    Doctor(Doctor),
}

/// `bridgetap watch`
#[derive(Debug, Args)]
pub struct Watch {
    /// A network, container, Compose service or interface, by its name or the beginning of its id; net:NAME,
    /// container:NAME, service:[PROJECT/]NAME or if:NAME where a name is ambiguous. None: every Docker bridge.
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Watch an interface, as tcpdump's -i.
    #[arg(short = 'i', long = "interface", value_name = "INTERFACE")]
    pub interfaces: Vec<String>,
    /// Wait for targets that are not there yet, or not any more; also for the Docker daemon.
    #[arg(long)]
    pub wait: bool,
    /// End after this time: 30s, 5m, 1h30m.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Size of the ring that the kernel puts packets in, for each interface. Unless given, 32768, and less where there
    /// are more than three.
    #[arg(short = 'B', long = "buffer-size", value_name = "KIB",
        value_parser = clap::value_parser!(u32).range(64..=2 * 1024 * 1024))]
    pub ring_kib: Option<u32>,
    /// Bytes of each packet that are looked at, and kept in a file.
    #[arg(short = 's', long = "snapshot-length", value_name = "BYTES", default_value_t = 262_144,
        value_parser = clap::value_parser!(u32).range(64..=262_144))]
    pub snap_len: u32,
    /// Do not put interfaces into promiscuous mode; then a bridge shows only what is sent to all or to the host.
    #[arg(short = 'p', long = "no-promiscuous-mode")]
    pub no_promiscuous: bool,
    /// As whom.
    #[command(flatten)]
    pub run_as: RunAs,
    /// Where to write it.
    #[command(flatten)]
    pub write: Write,
    /// How to tell it.
    #[command(flatten)]
    pub output: Output,
}

/// `bridgetap record`
#[derive(Debug, Args)]
pub struct Record {
    /// Show the log meanwhile, as `watch` does; the options of the log take it.
    #[arg(long)]
    pub print: bool,
    /// What to record, and how.
    #[command(flatten)]
    pub watch: Watch,
}

/// `bridgetap replay`
#[derive(Debug, Args)]
pub struct Replay {
    /// Capture files, told together in the order of time; - is standard input, which may be a live pipe.
    #[arg(value_name = "FILE", required_unless_present = "read")]
    pub files: Vec<PathBuf>,
    /// A capture file, as tcpdump's -r.
    #[arg(short = 'r', long = "read", value_name = "FILE")]
    pub read: Vec<PathBuf>,
    /// At which speed to tell it: 1x is the packets' own, 0.5x half of it, 10x ten times as fast; max does not wait; step
    /// waits for a key before each line. docs/replay.md has the keys.
    #[arg(long, value_name = "PACE", default_value = "max", conflicts_with = "summary")]
    pub pace: Pace,
    /// Threads that read, follow and tell large files beside each other, at most; 1 does it all by itself. Unless given, as
    /// many as there are processors, and 1 for a summary alone. The log is the same.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// As whom.
    #[command(flatten)]
    pub run_as: RunAs,
    /// Names for captures that carry none.
    #[command(flatten)]
    pub names: GivenNames,
    /// What to write.
    #[command(flatten)]
    pub rewriting: Rewriting,
    /// How to tell it.
    #[command(flatten)]
    pub output: Output,
}

/// `bridgetap networks`
#[derive(Debug, Args)]
pub struct Networks {
    /// A network or a running container, by its name or the beginning of its id; net:NAME or container:NAME where a name
    /// is both. A container shows the networks that it is on. None: every network.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Then write a line for each change, until Ctrl-C.
    #[arg(long)]
    pub watch: bool,
    /// As whom.
    #[command(flatten)]
    pub run_as: RunAs,
    /// One JSON document, with --watch another for each change; docs/networks.md has the schema.
    #[arg(long)]
    pub json: bool,
    /// When to use colours; auto: on a terminal, unless `NO_COLOR` is set.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

/// `bridgetap doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// One JSON document; docs/doctor.md has the schema.
    #[arg(long)]
    pub json: bool,
    /// When to use colours; auto: on a terminal, unless `NO_COLOR` is set.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

/// How to tell what was seen.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Output {
    /// Which events to show. First of the fields that clap fills, since it looks at the others' places.
    #[command(flatten)]
    pub events: EventFilters,
    /// Only these packets: tcpdump's pcap-filter(7), in which containers, networks and Compose services may be named:
    /// 'host web and port 80'. docs/filters.md has recipes.
    #[arg(long, value_name = "EXPRESSION", help_heading = "Filters")]
    pub filter: Option<String>,
    /// End after this many packets.
    #[arg(short = 'c', long = "count", value_name = "PACKETS", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// One JSON object a line; docs/output.md has the schema.
    #[arg(long)]
    pub json: bool,
    /// A sequence diagram: a column for each container, an arrow for each request and each answer.
    #[arg(long, conflicts_with_all = ["json", "summary"])]
    pub ladder: bool,
    /// A line for each packet instead of one for each exchange.
    #[arg(long, conflicts_with = "summary")]
    pub packets: bool,
    /// Only the summary at the end.
    #[arg(long)]
    pub summary: bool,
    /// Addresses instead of names.
    #[arg(short = 'n', long = "numeric", action = ArgAction::Count)]
    pub numeric: u8,
    /// What containers are called: by their own name, by their Compose service, by the alias that the client asked for,
    /// or as container.network.
    #[arg(long, value_name = "WHICH", default_value = "container", conflicts_with = "numeric")]
    pub names: Names,
    /// Show MAC addresses.
    #[arg(short = 'e', long = "link-level")]
    pub link_level: bool,
    /// Under each line, every place where it was seen: a bridge, a container, both sides of docker-proxy.
    #[arg(long, conflicts_with = "summary")]
    pub hops: bool,
    /// Under each new kind of line, a sentence of what it is and why it is sent, and where to read on; each once.
    #[arg(long, conflicts_with = "summary")]
    pub explain: bool,
    /// Shorter lines.
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// When to use colours; auto: on a terminal, unless `NO_COLOR` is set.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Connections and flows that are remembered at once; the oldest goes first.
    #[arg(long, value_name = "NUMBER", default_value_t = 262_144,
        value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub max_flows: u32,
    /// Requests of one protocol that wait for answers at once; the oldest goes first.
    #[arg(long, value_name = "NUMBER", default_value_t = 65_536,
        value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub max_pending: u32,
    /// Further caps.
    #[command(flatten)]
    pub caps: Caps,
}

/// What containers are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Names {
    /// The container's own name.
    Container,
    /// The Compose service: web, or web.2 where it has several containers.
    Service,
    /// The name that the client asked for, a link or a network alias.
    Alias,
    /// container.network.
    Fqdn,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What is about the log has no meaning where there is none.
fn only_with_print(argument: clap::Arg) -> clap::Arg {
    // But for -n, -e and -q, which people type with -w out of habit.
    const LOG: [&str; 18] = [
        "explain",
        "ladder",
        "json",
        "packets",
        "summary",
        "names",
        "hops",
        "color",
        "max_flows",
        "max_pending",
        "limits",
        "from",
        "to",
        "between",
        "kind",
        "outcome",
        "slower-than",
        "port",
    ];
    if LOG.contains(&argument.get_id().as_str()) { argument.requires("print") } else { argument }
}

/// Reads `30s`, `5m`, `1h30m`, `500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time; write for example 10ms, 30s or 1h30m");
    let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(span).map_err(|_| wrong())?;
    if duration.is_zero() { Err(wrong()) } else { Ok(duration) }
}

/// Puts in the subcommand that a tcpdump user leaves out: `-i docker0` watches, `-r file` replays.
pub fn with_tcpdump_habits(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = arguments.collect();
    let begins_with_flag = arguments.get(1).is_some_and(is_short_flags);
    let has = |letter| arguments.iter().skip(1).any(|argument| is_short_flags(argument) && flag(argument, letter));
    if begins_with_flag && has('r') {
        arguments.insert(1, "replay".into());
    } else if begins_with_flag && has('w') {
        arguments.insert(1, "record".into());
    } else if begins_with_flag && has('i') {
        arguments.insert(1, "watch".into());
    }
    arguments
}

fn is_short_flags(argument: &OsString) -> bool {
    let text = argument.to_string_lossy();
    text.len() > 1 && text.starts_with('-') && !text.starts_with("--")
}

/// Whether a cluster of flags such as `-nr` holds a letter, before one that takes a value.
fn flag(argument: &OsString, letter: char) -> bool {
    let text = argument.to_string_lossy();
    for found in text.chars().skip(1) {
        if found == letter {
            return true;
        }
        if "icBsrwCGWZ".contains(found) || !found.is_ascii_alphabetic() {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn habits(line: &str) -> String {
        let arguments = with_tcpdump_habits(line.split(' ').map(OsString::from));
        arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn tcpdumps_habits_work() {
        assert_eq!(habits("bridgetap -i docker0"), "bridgetap watch -i docker0");
        assert_eq!(habits("bridgetap -nr f.pcap"), "bridgetap replay -nr f.pcap");
        assert_eq!(habits("bridgetap -n -c 3 -idocker0"), "bridgetap watch -n -c 3 -idocker0");
        assert_eq!(habits("bridgetap -i docker0 -w f"), "bridgetap record -i docker0 -w f");
        assert_eq!(habits("bridgetap -wr"), "bridgetap record -wr");
        assert_eq!(habits("bridgetap -r f -w g"), "bridgetap replay -r f -w g");
        assert_eq!(habits("bridgetap -w g -r f"), "bridgetap replay -w g -r f");
        for unchanged in ["bridgetap", "bridgetap -h", "bridgetap --version", "bridgetap watch -i x", "bridgetap -V"] {
            assert_eq!(habits(unchanged), unchanged);
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "0s", "-1s", "soon", "30"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
