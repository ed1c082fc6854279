//! `bridgetap latency`: what to measure, how to sum it up, and where to write it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{ArgAction, Args, ValueEnum};

use super::{Caps, Color, EventFilters, GivenNames, Names, Output, Replay, Rewriting, RunAs, Watch, Write, duration};
use crate::latency::{By, Measure, Order};

const PROBING: &str = "Probing";
const TABLE: &str = "Table";
const FILES: &str = "Files";

/// `bridgetap latency`
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Latency {
    /// Which exchanges to measure. First of the fields that clap fills, since it looks at the others' places.
    #[command(flatten)]
    pub events: EventFilters,
    /// Capture files or .hlog files; or what `watch` takes: networks, containers, Compose services, interfaces. None:
    /// every Docker bridge. With --probe, the client and the server. With --compare, two files.
    #[arg(value_name = "TARGET|FILE")]
    pub what: Vec<OsString>,
    /// Measure on an interface, as tcpdump's -i.
    #[arg(short = 'i', long = "interface", value_name = "INTERFACE", conflicts_with_all = ["read", "compare", "probe"])]
    pub interfaces: Vec<String>,
    /// Measure a capture file, as tcpdump's -r; - is standard input.
    #[arg(short = 'r', long = "read", value_name = "FILE", conflicts_with_all = ["compare", "probe"])]
    pub read: Vec<PathBuf>,
    /// Wait for targets that are not there yet, or not any more; also for the Docker daemon.
    #[arg(long, conflicts_with_all = ["read", "compare", "probe"])]
    pub wait: bool,
    /// End after this time: 30s, 5m, 1h30m.
    #[arg(long = "for", value_name = "TIME", value_parser = duration, conflicts_with_all = ["read", "compare"])]
    pub duration: Option<Duration>,
    /// End after this many packets; with --probe, after this many probes.
    #[arg(short = 'c', long = "count", value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Put two runs side by side, and say whether a change is more than noise. The files are captures or .hlog files.
    #[arg(long, conflicts_with_all = ["probe", "write", "csv", "bars", "hops"])]
    pub compare: bool,
    /// How to probe.
    #[command(flatten)]
    pub probing: Probing,
    /// How to sum up.
    #[command(flatten)]
    pub table: Table,
    /// Also write FILE, which may come several times; its ending says what: .hlog (`HdrHistogram`'s interval log), .hgrm
    /// (its percentile text), .csv, .json, .svg or .png (charts).
    #[arg(short = 'w', long = "write", value_name = "FILE", help_heading = FILES)]
    pub write: Vec<PathBuf>,
    /// Replace files that are there.
    #[arg(long, requires = "write", help_heading = FILES)]
    pub force: bool,
    /// Only these packets: tcpdump's pcap-filter(7), in which containers, networks and Compose services may be named:
    /// 'host web and port 80'.
    #[arg(long, value_name = "EXPRESSION", help_heading = "Filters")]
    pub filter: Option<String>,
    /// Size of the ring that the kernel puts packets in, for each interface. Unless given, 32768, and less where there
    /// are more than three.
    #[arg(short = 'B', long = "buffer-size", value_name = "KIB",
        value_parser = clap::value_parser!(u32).range(64..=2 * 1024 * 1024))]
    pub ring_kib: Option<u32>,
    /// Do not put interfaces into promiscuous mode; then a bridge shows only what is sent to all or to the host.
    #[arg(short = 'p', long = "no-promiscuous-mode")]
    pub no_promiscuous: bool,
    /// Threads that read, follow and count large captures beside each other, at most; 1 does it all by itself. Unless given,
    /// as many as there are processors. The figures are the same.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// As whom.
    #[command(flatten)]
    pub run_as: RunAs,
    /// Addresses instead of names.
    #[arg(short = 'n', long = "numeric", action = ArgAction::Count)]
    pub numeric: u8,
    /// What containers are called: by their own name, by their Compose service, by the alias that the client asked for,
    /// or as container.network.
    #[arg(long, value_name = "WHICH", default_value = "container", conflicts_with = "numeric")]
    pub names: Names,
    /// Names for captures that carry none.
    #[command(flatten)]
    pub given: GivenNames,
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
    /// Series that are kept apart; beyond, the least used are merged into (others).
    #[arg(long, value_name = "NUMBER", default_value_t = 110_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_series: u32,
    /// Further caps.
    #[command(flatten)]
    pub caps: Caps,
}

/// What to send, so that there is something to measure.
#[derive(Clone, Debug, Args)]
pub struct Probing {
    /// Send from the client's network namespace to the server: pings, unless --tcp or --lookup says otherwise. Nothing
    /// inside the container is changed.
    #[arg(long, help_heading = PROBING)]
    pub probe: bool,
    /// Open a TCP connection to this port of the server for each probe.
    #[arg(long, value_name = "PORT", requires = "probe", conflicts_with = "lookup", help_heading = PROBING,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub tcp: Option<u16>,
    /// Look this name up for each probe: at the server, or where none is named, at the client's own name server.
    #[arg(long, value_name = "NAME", requires = "probe", help_heading = PROBING)]
    pub lookup: Option<String>,
    /// From one probe to the next.
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = duration, requires = "probe",
        help_heading = PROBING)]
    pub interval: Duration,
}

/// What the table shows, and how.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Table {
    /// Only these measures, with commas between them; docs/latency.md says from which packet to which.
    #[arg(long = "measure", value_name = "LIST", value_delimiter = ',', value_parser = measure(),
        help_heading = TABLE)]
    pub measures: Vec<Measure>,
    /// Sum up by client and server: their containers or their Compose services; by network or by the server's port.
    #[arg(long, value_name = "WHAT", default_value = "series", help_heading = TABLE)]
    pub by: SumBy,
    /// What stands first.
    #[arg(long, value_name = "WHAT", default_value = "name", help_heading = TABLE)]
    pub sort: Sort,
    /// A bar chart of each line: how its times are spread. Up to three lines of ten times and more have one unasked.
    #[arg(long, conflicts_with_all = ["json", "csv"], help_heading = TABLE)]
    pub bars: bool,
    /// Where the time goes: the share of each hop, where an exchange was seen at several interfaces.
    #[arg(long, conflicts_with = "csv", help_heading = TABLE)]
    pub hops: bool,
    /// The table as JSON, an object a line; docs/latency.md has the members.
    #[arg(long, conflicts_with = "csv", help_heading = TABLE)]
    pub json: bool,
    /// The table as CSV; docs/latency.md has the columns.
    #[arg(long, help_heading = TABLE)]
    pub csv: bool,
}

/// What series are summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SumBy {
    /// Client, server, port and network: nothing is summed.
    Series,
    /// Client and server.
    Container,
    /// Their Compose or Swarm services.
    Service,
    /// Network.
    Network,
    /// The server's port.
    Port,
}

impl From<SumBy> for By {
    fn from(by: SumBy) -> Self {
        match by {
            SumBy::Series => Self::Series,
            SumBy::Container => Self::Container,
            SumBy::Service => Self::Service,
            SumBy::Network => Self::Network,
            SumBy::Port => Self::Port,
        }
    }
}

/// What stands first in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// By name.
    Name,
    /// What was counted most often.
    Count,
    /// The greatest median.
    P50,
    /// The greatest 99th percentile.
    P99,
    /// The greatest time.
    Max,
    /// What was not answered most often.
    Lost,
}

impl From<Sort> for Order {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Name => Self::Key,
            Sort::Count => Self::Count,
            Sort::P50 => Self::Median,
            Sort::P99 => Self::P99,
            Sort::Max => Self::Max,
            Sort::Lost => Self::Lost,
        }
    }
}

impl Latency {
    /// What to watch for it.
    pub fn watch(&self, targets: Vec<String>) -> Watch {
        Watch {
            targets,
            interfaces: self.interfaces.clone(),
            wait: self.wait,
            duration: self.duration,
            ring_kib: self.ring_kib,
            snap_len: 262_144,
            no_promiscuous: self.no_promiscuous,
            run_as: self.run_as.clone(),
            write: Write::default(),
            output: self.output(),
        }
    }

    /// What to read for it.
    pub fn replay(&self, files: Vec<PathBuf>) -> Replay {
        Replay {
            files,
            read: Vec::new(),
            pace: super::Pace::Max,
            threads: self.threads,
            run_as: self.run_as.clone(),
            names: self.given.clone(),
            rewriting: Rewriting::default(),
            output: self.output(),
        }
    }

    /// How events are followed; none of them becomes a line.
    fn output(&self) -> Output {
        Output {
            events: self.events.clone(),
            filter: self.filter.clone(),
            count: self.count.filter(|_| !self.probing.probe),
            json: false,
            ladder: false,
            packets: false,
            summary: true,
            numeric: self.numeric,
            names: self.names,
            link_level: false,
            hops: false,
            explain: false,
            quiet: false,
            color: self.color,
            max_flows: self.max_flows,
            max_pending: self.max_pending,
            caps: self.caps.clone(),
        }
    }
}

/// Reads a measure by its name.
fn measure() -> ValueParser {
    let names = Measure::ALL.map(Measure::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Measure>()).into()
}
