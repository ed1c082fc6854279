//! What it all comes to: the lines under the log.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::losses::{JsonLost, Lost};
use super::passed_over;
use super::units::{Clock, Count, Took};
use crate::capture::Drops;
use crate::decode::message::{PROTOCOLS, ProtocolId};
use crate::latency::Spread;
use crate::time::nanos;
use crate::track::event::{DatagramStage, Event, Missing, Outcome, Stage};
use crate::track::{Counted, Counters};

/// Counts the events of a log.
#[derive(Debug, Default)]
pub struct Summary {
    exchanges: Vec<Exchanges>,
    tcp: Tcp,
    udp: Udp,
    left_out: u64,
}

/// The exchanges of one protocol.
#[derive(Clone, Debug, Default, Serialize)]
struct Exchanges {
    answered: u64,
    failed: u64,
    unanswered: u64,
    /// Still waited for when the capture ended.
    waiting: u64,
    #[serde(rename = "latency_ns", serialize_with = "spread_ns")]
    latency: Spread,
}

/// The TCP connections.
#[derive(Clone, Debug, Default, Serialize)]
struct Tcp {
    opened: u64,
    before_capture: u64,
    closed: u64,
    reset: u64,
    refused: u64,
    failed: u64,
    unanswered: u64,
    open: u64,
    retransmissions: u64,
    #[serde(rename = "handshake_ns", serialize_with = "spread_ns")]
    handshake: Spread,
}

/// The UDP flows.
#[derive(Clone, Debug, Default, Serialize)]
struct Udp {
    #[serde(rename = "flows")]
    began: u64,
    failed: u64,
}

/// What the capture as a whole says, beside its events.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// The trackers' counters.
    pub counters: Counters,
    /// Packets whose link type is not decoded, by the name of the link type.
    pub undecoded: Vec<(String, u64)>,
    /// What the kernel or the file says was dropped.
    pub drops: Option<Drops>,
    /// Events that came faster than they could be shown.
    pub events_lost: u64,
    /// What taps lost, and where and when.
    pub losses: Vec<Lost>,
    /// Names that lookups gave or files told, or that were to follow an address, for which there was no room.
    pub names_forgotten: u64,
    /// Events that could not wait for all their copies.
    pub crowded_out: u64,
    /// Interfaces of files that had to share one tap.
    pub interfaces_sharing: u64,
    /// Interfaces of files that lost their names.
    pub interfaces_nameless: u64,
}

impl Summary {
    /// Counts an event.
    pub fn add(&mut self, event: &Event<'_>) {
        if let Some(counted) = event.counted() {
            self.count(&counted);
        }
    }

    /// Counts what there is to count of an event.
    pub fn count(&mut self, counted: &Counted) {
        match *counted {
            Counted::Exchange { protocol, outcome, late, latency } => {
                self.exchanges.resize_with(PROTOCOLS.len(), Exchanges::default);
                if let Some(exchanges) = self.exchanges.get_mut(usize::from(protocol.0)) {
                    exchanges.add(outcome, late, latency);
                }
            }
            Counted::Connection { stage, before_capture, handshake, retransmissions } => {
                self.tcp.add(stage, before_capture, handshake, retransmissions);
            }
            Counted::Datagrams(DatagramStage::Began) => self.udp.began += 1,
            Counted::Datagrams(DatagramStage::Failed(_)) => self.udp.failed += 1,
            Counted::Datagrams(DatagramStage::Idle | DatagramStage::StillOpen(_)) => {}
        }
    }

    /// Counts events that filters leave out of the log.
    pub const fn leave_out(&mut self, events: u64) {
        self.left_out += events;
    }

    /// Writes the summary for people.
    pub fn write_text(&self, totals: &Totals, out: &mut impl Write) -> io::Result<()> {
        for (protocol, exchanges) in (0..).map(ProtocolId).zip(&self.exchanges) {
            if exchanges.total() > 0 {
                writeln!(out, "{}", exchanges.words(protocol.protocol().noun()))?;
            }
        }
        if let Some(words) = self.tcp.words() {
            writeln!(out, "{words}")?;
        }
        let flows = self.udp.began.max(self.udp.failed);
        if flows > 0 {
            let failed = if self.udp.failed > 0 { format!(", {} failed", self.udp.failed) } else { String::new() };
            writeln!(out, "{}{failed}", Count(flows, "UDP flow"))?;
        }
        totals.write_text(out)?;
        match self.left_out {
            0 => Ok(()),
            left_out => writeln!(out, "{} left out by the filters", Count(left_out, "event")),
        }
    }

    /// The summary for programs: see docs/output.md.
    pub fn to_json<'a>(&'a self, totals: &'a Totals) -> impl Serialize + use<'a> {
        let exchanges = (0..).map(ProtocolId).zip(&self.exchanges).filter(|(_, exchanges)| exchanges.total() > 0);
        let exchanges = exchanges.map(|(protocol, exchanges)| (protocol.protocol().name(), exchanges));
        JsonSummary {
            kind: "summary",
            packets: totals.counters.packets + totals.undecoded_packets(),
            bytes: totals.counters.bytes,
            malformed: totals.counters.malformed,
            dropped_by_kernel: totals.drops.map(|drops| drops.kernel),
            dropped_by_interface: totals.drops.map(|drops| drops.interface),
            events_lost: totals.events_lost,
            losses: totals.losses.iter().map(Lost::in_summary).collect(),
            events_left_out: Some(self.left_out).filter(|&events| events > 0),
            evicted_flows: totals.counters.evicted_flows,
            evicted_pending: totals.counters.evicted_pending,
            refused_streams: totals.counters.refused_streams,
            incomplete: Some(totals.counters.incomplete).filter(|&packets| packets > 0),
            evicted_fragments: Some(totals.counters.evicted_fragments).filter(|&packets| packets > 0),
            evicted_nodes: totals.counters.evicted_nodes,
            unasked_replies: totals.counters.unasked_replies,
            names_forgotten: totals.names_forgotten,
            crowded_out: Some(totals.crowded_out).filter(|&events| events > 0),
            interfaces_sharing: Some(totals.interfaces_sharing).filter(|&interfaces| interfaces > 0),
            interfaces_nameless: Some(totals.interfaces_nameless).filter(|&interfaces| interfaces > 0),
            exchanges: exchanges.collect(),
            tcp: &self.tcp,
            udp: &self.udp,
            passed_over: totals.passed_over().into_iter().collect(),
            undecoded: totals.undecoded_by_link(),
        }
    }
}

impl Exchanges {
    fn add(&mut self, outcome: Outcome, late: bool, latency: Option<Duration>) {
        if late {
            // It was counted as unanswered when it was given up.
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        match outcome {
            Outcome::Answered => self.answered += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Unanswered(Missing::CaptureEnded) => self.waiting += 1,
            Outcome::Unanswered(_) => self.unanswered += 1,
        }
        if let Some(latency) = latency {
            self.latency.record(latency);
        }
    }

    const fn total(&self) -> u64 {
        self.answered + self.failed + self.unanswered + self.waiting
    }

    fn words(&self, noun: &'static str) -> String {
        let mut words = format!("{}: {} answered", Count(self.total(), noun), self.answered);
        for (count, what) in [
            (self.failed, "failed"),
            (self.unanswered, "not answered"),
            (self.waiting, "still waiting when the capture ended"),
        ] {
            if count > 0 {
                let _ = write!(words, ", {count} {what}");
            }
        }
        words + &spread(&self.latency)
    }
}

fn spread(latency: &Spread) -> String {
    match latency.min_median_max() {
        None => String::new(),
        Some((only, _, _)) if latency.count() == 1 => format!(", in {}", Took(only)),
        Some((min, median, max)) => format!(", min {}, median {}, max {}", Took(min), Took(median), Took(max)),
    }
}

impl Tcp {
    fn add(&mut self, stage: Stage, before_capture: bool, handshake: Option<Duration>, retransmissions: u64) {
        match stage {
            Stage::Opened => {
                self.opened += 1;
                self.before_capture += u64::from(before_capture);
                if let Some(handshake) = handshake {
                    self.handshake.record(handshake);
                }
                return;
            }
            Stage::Closed { .. } => self.closed += 1,
            Stage::Reset { .. } => self.reset += 1,
            Stage::Refused => self.refused += 1,
            Stage::Failed(_) => self.failed += 1,
            Stage::Unanswered(_) | Stage::HalfOpen(_) => self.unanswered += 1,
            Stage::StillOpen(_) => self.open += 1,
        }
        self.retransmissions += retransmissions;
    }

    fn words(&self) -> Option<String> {
        let ended = self.refused + self.failed + self.unanswered;
        // Filters may leave out how connections began, and show only how they ended.
        let connections = (self.opened + ended).max(self.closed + self.reset + self.open);
        if connections == 0 {
            return None;
        }
        let mut words = format!("{}: {} opened", Count(connections, "TCP connection"), self.opened);
        for (count, what) in [
            (self.before_capture, "of them before the capture"),
            (self.closed, "closed"),
            (self.reset, "reset"),
            (self.refused, "refused"),
            (self.failed, "failed"),
            (self.unanswered, "not answered"),
            (self.open, "still open"),
            (self.retransmissions, "retransmitted"),
        ] {
            if count > 0 {
                let _ = write!(words, ", {count} {what}");
            }
        }
        if self.handshake.count() > 0 {
            words += "\nTCP handshakes:";
            words += spread(&self.handshake).trim_start_matches(',');
        }
        Some(words)
    }
}

impl Totals {
    /// Writes what there is to say of the capture as a whole, a line each.
    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let Counters { packets, malformed, evicted_flows, evicted_pending, refused_streams, .. } = self.counters;
        let Counters { incomplete, evicted_fragments, evicted_nodes, .. } = self.counters;
        write!(out, "{}", Count(packets + self.undecoded_packets(), "packet"))?;
        if let Some(drops) = self.drops {
            write!(out, ", {} dropped by the kernel", drops.kernel)?;
            if drops.interface > 0 {
                write!(out, ", {} by the interface", drops.interface)?;
            }
        }
        writeln!(out)?;
        let passed_over = self.passed_over();
        if !passed_over.is_empty() {
            let list: Vec<_> = passed_over.iter().map(|(name, count)| format!("{name} {count}")).collect();
            writeln!(out, "Not followed: {}", list.join(", "))?;
        }
        for (link, count) in self.undecoded_by_link() {
            writeln!(out, "Not decoded: {} of link type {link}", Count(count, "packet"))?;
        }
        for (count, noun, what) in [
            (malformed, "packet", "malformed or cut, read as far as possible"),
            (incomplete, "packet", "sent in fragments of which not all came"),
            (self.events_lost, "event", "missing above, which came faster than could be shown"),
            (evicted_flows, "flow", "forgotten at the limit (see --max-flows)"),
            (evicted_pending, "request", "forgotten at the limit (see --max-pending)"),
            (refused_streams, "connection", "with DNS over TCP not read at the limit (see --limit streams)"),
            (evicted_fragments, "packet", "whose fragments were not waited for at the limit (see --limit fragments)"),
            (self.names_forgotten, "name", "forgotten at the limit (see --limit names, addresses)"),
            (
                evicted_nodes,
                "interface",
                "whose node in an overlay network was forgotten at the limit (see --limit nodes)",
            ),
            (self.crowded_out, "event", "told without waiting for all its copies at the limit (see --limit copies)"),
            (self.interfaces_sharing, "interface", "not told apart at the limit (see --limit interfaces)"),
            (self.interfaces_nameless, "interface", "without name, as the names are too long together"),
        ] {
            if count > 0 {
                writeln!(out, "{} {what}", Count(count, noun))?;
            }
        }
        let mut clock = Clock::local();
        self.losses.iter().try_for_each(|lost| lost.write_text(&mut clock, out))
    }

    /// Several taps may have the same link type.
    fn undecoded_by_link(&self) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for (link, count) in &self.undecoded {
            *sums.entry(link.clone()).or_default() += count;
        }
        sums
    }

    fn undecoded_packets(&self) -> u64 {
        self.undecoded.iter().map(|(_, count)| count).sum()
    }

    /// The protocols that are not followed, the most frequent first.
    fn passed_over(&self) -> Vec<(String, u64)> {
        let mut list: Vec<_> =
            self.counters.passed_over.iter().map(|&(what, count)| (passed_over::name(what), count)).collect();
        list.sort_by(|(a, most), (b, least)| least.cmp(most).then_with(|| a.cmp(b)));
        list
    }
}

#[derive(Serialize)]
struct JsonSummary<'a> {
    kind: &'static str,
    packets: u64,
    bytes: u64,
    malformed: u64,
    dropped_by_kernel: Option<u64>,
    dropped_by_interface: Option<u64>,
    events_lost: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    losses: Vec<JsonLost<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events_left_out: Option<u64>,
    evicted_flows: u64,
    evicted_pending: u64,
    refused_streams: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evicted_fragments: Option<u64>,
    evicted_nodes: u64,
    unasked_replies: u64,
    names_forgotten: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    crowded_out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interfaces_sharing: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interfaces_nameless: Option<u64>,
    exchanges: BTreeMap<&'static str, &'a Exchanges>,
    tcp: &'a Tcp,
    udp: &'a Udp,
    passed_over: BTreeMap<String, u64>,
    undecoded: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct JsonSpread {
    min: u64,
    median: u64,
    max: u64,
}

/// A spread in nanoseconds; null before the first value.
fn spread_ns<S: Serializer>(spread: &Spread, serializer: S) -> Result<S::Ok, S::Error> {
    let json = |(min, median, max)| JsonSpread { min: nanos(min), median: nanos(median), max: nanos(max) };
    spread.min_median_max().map(json).serialize(serializer)
}
