//! From events to series: who asked whom, what was measured, and what has no time.

use std::sync::Arc;

use ahash::{AHashMap, AHashSet};

use super::probes::Probes;
use super::shares::Shares;
use super::timelines::Timelines;
use crate::join::Told;
use crate::latency::{Counted, Key, Limits, Measure, Party, Table};
use crate::name::{self, Namer};
use crate::render::line::Line;
use crate::time::{Timestamp, nanos};
use crate::track::event::{Event, Exchange, Outcome, Place, Seen, Subject};
use crate::track::measured::Reading;

/// As many names are kept to be shared; beyond, they are kept once for each series.
const MAX_NAMES: usize = 65_536;

/// What to gather.
pub(in crate::commands) struct Wanted {
    /// Only these; all where it is empty.
    pub measures: Vec<Measure>,
    /// How many series.
    pub limits: Limits,
    /// Whether to see where the time goes.
    pub hops: bool,
    /// Whether to keep when it was.
    pub timelines: bool,
    /// Only these are measured, from when they should have been sent.
    pub probes: Option<Arc<Probes>>,
}

/// What was gathered.
pub(in crate::commands) struct Gathered {
    pub table: Table,
    pub shares: Shares,
    pub timelines: Timelines,
    /// The first and the latest moment that something is about.
    pub span: Option<(Timestamp, Timestamp)>,
    pub left_out: LeftOut,
}

/// What was measured and is in no series, with the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::commands) struct LeftOut {
    /// Acknowledgements of segments that were sent more than once: which one was acknowledged is not known.
    pub ambiguous: u64,
    /// Requests of connections where both sides spoke at once.
    pub at_once: u64,
    /// Connections that were open at the end, or at the beginning.
    pub open_connections: u64,
    /// Answers that were not seen to their end.
    pub open_answers: u64,
}

/// Gathers times.
pub(in crate::commands) struct Collector {
    wanted: Wanted,
    names: AHashSet<Arc<str>>,
    ports: AHashMap<Option<u16>, Arc<str>>,
    gathered: Gathered,
}

/// A measurement of any kind.
struct Measurement {
    measure: Measure,
    reading: Reading,
    place: Place,
    /// Its answer came when it had been counted as unanswered.
    is_late: bool,
    from: Seen,
    to: Option<Seen>,
}

impl Collector {
    pub fn new(wanted: Wanted) -> Self {
        let gathered = Gathered {
            table: Table::new(wanted.limits),
            shares: Shares::default(),
            timelines: Timelines::default(),
            span: None,
            left_out: LeftOut::default(),
        };
        Self { wanted, names: AHashSet::new(), ports: AHashMap::new(), gathered }
    }

    /// What is there so far.
    pub const fn gathered(&self) -> &Gathered {
        &self.gathered
    }

    pub fn into_gathered(self) -> Gathered {
        self.gathered
    }

    /// Counts an event, where it is one that has a time or should have.
    pub fn collect(&mut self, told: &Told<'_>, namer: &Namer) {
        let Some(mut measurement) = measurement(&told.event) else { return };
        let Wanted { measures, probes, .. } = &self.wanted;
        if !measures.is_empty() && !measures.contains(&measurement.measure) {
            return;
        }
        if let Some(probes) = probes {
            let is_given_up = matches!(measurement.reading, Reading::Unanswered(_));
            let Some(intended) = probes.find(told, measurement.from.at, is_given_up) else { return };
            measurement.count_from(intended, told);
        }
        let Some(key) = self.key(told, &measurement, namer) else { return };
        if let Some(probes) = &self.wanted.probes {
            probes.are_in(&key);
        }
        self.gathered.count(&key, &measurement, self.wanted.timelines);
        // A handshake goes there, back and there again, and a connection however often: these have no parts. The two
        // halves of the handshake do.
        let has_parts = !matches!(measurement.measure, Measure::Handshake | Measure::Connection);
        if self.wanted.hops && has_parts && measurement.reading.time().is_some() && !measurement.is_late {
            self.gathered.shares.add(&key, told, measurement.from.at, namer);
        }
    }

    /// Which series it belongs to.
    fn key(&mut self, told: &Told<'_>, measurement: &Measurement, namer: &Namer) -> Option<Key> {
        let line = Line::new(told, namer);
        let (client, server) = line.client.as_ref().zip(line.server.as_ref())?;
        let has_port = !matches!(measurement.measure, Measure::Arp | Measure::Nd | Measure::Ping);
        let port = self.port(server.port.filter(|_| has_port));
        let network = namer.network(measurement.place).or(server.network).or(client.network).unwrap_or_default();
        Some(Key {
            client: self.party(client),
            server: self.party(server),
            port,
            network: self.shared(network),
            measure: measurement.measure,
        })
    }

    fn party(&mut self, party: &name::Party<'_>) -> Party {
        let container = self.shared(&party.name);
        let service = match party.compose {
            Some((project, service)) => self.shared(&format!("{project}/{service}")),
            None => Arc::clone(&container),
        };
        Party { container, service }
    }

    /// The port's digits, kept once; nothing where there is none.
    fn port(&mut self, port: Option<u16>) -> Arc<str> {
        let digits = || port.map(|port| port.to_string()).unwrap_or_default().into();
        Arc::clone(self.ports.entry(port).or_insert_with(digits))
    }

    /// The name, kept once.
    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        if self.names.len() < MAX_NAMES {
            self.names.insert(Arc::clone(&name));
        }
        name
    }
}

impl Gathered {
    fn count(&mut self, key: &Key, measurement: &Measurement, timelines: bool) {
        let at = measurement.from.at;
        let until = measurement.to.map_or(at, |to| to.at);
        self.reach(at, until);
        match measurement.reading {
            Reading::Ambiguous(_) => self.left_out.ambiguous += 1,
            // Such a request has neither a first nor a last byte.
            Reading::AtOnce => self.left_out.at_once += u64::from(key.measure == Measure::LastByte),
            Reading::Open if key.measure == Measure::Connection => self.left_out.open_connections += 1,
            Reading::Open => self.left_out.open_answers += 1,
            Reading::Unanswered(count) => {
                self.lose(key, u64::from(count), 0);
                if timelines {
                    self.timelines.unanswered(key.measure, at, count.into());
                }
            }
            // However it was answered, it was counted when it was given up.
            _ if measurement.is_late => self.table.late(key),
            Reading::Time(time) => {
                self.table.record(key, nanos(time));
                if timelines {
                    self.timelines.record(key.measure, until, nanos(time));
                }
            }
            Reading::SteppedBack => self.table.stepped_back(key),
            Reading::Failed => self.table.failed(key),
        }
    }

    /// Counts requests that were not answered, and such as failed.
    pub fn lose(&mut self, key: &Key, unanswered: u64, failed: u64) {
        if unanswered > 0 || failed > 0 {
            self.table.add(key, &Counted { unanswered, failed, ..Counted::default() });
        }
    }

    /// It is about that time, too.
    pub fn reach(&mut self, from: Timestamp, until: Timestamp) {
        self.span = Some(self.span.map_or((from, until), |(first, latest)| (first.min(from), latest.max(until))));
    }
}

impl Measurement {
    /// Counts from when it should have been sent until the answer was there: at the place that saw it last, which is the
    /// client's own interface. The place that is told of may be a bridge on the way.
    fn count_from(&mut self, intended: Timestamp, told: &Told<'_>) {
        let seen_last = told.hops.iter().filter_map(|hop| hop.ended).max_by_key(|ended| ended.at);
        if let (Reading::Time(_) | Reading::Ambiguous(_), Some(to)) = (self.reading, self.to) {
            let to = seen_last.filter(|last| last.at > to.at).unwrap_or(to);
            self.reading = Reading::between(Seen { at: intended, ..self.from }, to);
            self.to = Some(to);
        }
        self.from.at = intended;
    }
}

/// What there is to measure in an event.
fn measurement(event: &Event<'_>) -> Option<Measurement> {
    match event {
        Event::Measured(measured) => Some(Measurement {
            measure: measured.measure,
            reading: measured.reading,
            place: measured.place,
            is_late: false,
            from: measured.from,
            to: measured.to,
        }),
        Event::Exchange(exchange) => of_exchange(exchange),
        _ => None,
    }
}

/// A request and its reply. A reply that says no is one all the same: a name that does not exist took its time, too.
fn of_exchange(exchange: &Exchange<'_>) -> Option<Measurement> {
    let reading = match (exchange.outcome, exchange.reply) {
        (Outcome::Answered | Outcome::Failed(None), Some(reply)) => Reading::between(exchange.request, reply),
        (Outcome::Failed(_), _) => Reading::Failed,
        (Outcome::Unanswered(_), _) => Reading::Unanswered(1),
        (Outcome::Answered, None) => return None,
    };
    let measure = match exchange.subject {
        Subject::Ping { .. } => Measure::Ping,
        Subject::Neighbour { address, .. } if address.is_ipv6() => Measure::Nd,
        Subject::Neighbour { .. } => Measure::Arp,
        Subject::Lookup(_) => Measure::Dns,
    };
    Some(Measurement {
        measure,
        reading,
        place: exchange.place,
        is_late: exchange.late,
        from: exchange.request,
        to: exchange.reply,
    })
}
