//! Filters on events: by who is at the ends, by kind, outcome, time and port.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ahash::{AHashMap, AHashSet};

use super::people;
use crate::address::MacAddr;
use crate::capture::file::MAX_TAPS;
use crate::cli::{EventFilters, EventFlag, EventWants};
use crate::docker::directory::masked;
use crate::docker::lookup::nearest;
use crate::docker::{Container, Directory, Subnet};
use crate::join::Told;
use crate::name::{Namer, NamesOfAddresses, Party, WELL_KNOWN};
use crate::render::line::{Line, Verdict};
use crate::track::event::{Connection, Event, Outcome, Stage};
use crate::track::measured::Reading;

/// As many containers are remembered for each name, so that those that stopped are still known; then only those that
/// run.
const MAX_REMEMBERED: usize = 65_536;
/// The beginning of an id has at least so many digits; what is shorter is rather a name such as `db`.
const MIN_ID: usize = 4;

/// Which events are shown.
#[derive(Debug)]
pub struct EventFilter {
    /// All of these must hold.
    clauses: Vec<Clause>,
    people: Vec<Person>,
    /// The Directory that people were last looked up in, by the source of the taps.
    directories: AHashMap<u32, Arc<Directory>>,
}

/// Tests of which one must hold, or none.
#[derive(Debug)]
struct Clause {
    negated: bool,
    tests: Vec<Test>,
}

/// A test; people by their number.
#[derive(Debug)]
enum Test {
    From(usize),
    To(usize),
    Between(usize, usize),
    Kind(String),
    Outcome(String),
    Bad,
    SlowerThan(Duration),
    Port(RangeInclusive<u16>),
}

impl EventFilter {
    /// The filter that these flags make: the same flag twice is either, different flags are both, and each that is
    /// turned round stands for itself. `None` where there is no flag.
    pub fn new(filters: &EventFilters) -> Option<Self> {
        let mut filter = Self { clauses: Vec::new(), people: Vec::new(), directories: AHashMap::new() };
        let mut of_flags: Vec<(std::mem::Discriminant<EventWants>, usize)> = Vec::new();
        for EventFlag { negated, wants } in &filters.flags {
            let tests = filter.tests(wants);
            let flag = std::mem::discriminant(wants);
            let same = of_flags.iter().find(|(known, _)| !negated && *known == flag).map(|(_, clause)| *clause);
            match same.and_then(|clause| filter.clauses.get_mut(clause)) {
                Some(clause) => clause.tests.extend(tests),
                None => {
                    if !negated {
                        of_flags.push((flag, filter.clauses.len()));
                    }
                    filter.clauses.push(Clause { negated: *negated, tests });
                }
            }
        }
        (!filter.clauses.is_empty()).then_some(filter)
    }

    fn tests(&mut self, wants: &EventWants) -> Vec<Test> {
        match wants {
            EventWants::From(names) => names.iter().map(|name| Test::From(self.person(name))).collect(),
            EventWants::To(names) => names.iter().map(|name| Test::To(self.person(name))).collect(),
            EventWants::Between(a, b) => vec![Test::Between(self.person(a), self.person(b))],
            EventWants::Kind(kinds) => kinds.iter().cloned().map(Test::Kind).collect(),
            EventWants::Outcome(outcomes) => outcomes
                .iter()
                .map(|outcome| if outcome == "bad" { Test::Bad } else { Test::Outcome(outcome.clone()) })
                .collect(),
            EventWants::SlowerThan(time) => vec![Test::SlowerThan(*time)],
            EventWants::Port(ports) => ports.iter().cloned().map(Test::Port).collect(),
        }
    }

    /// The number of whoever is called that.
    fn person(&mut self, name: &str) -> usize {
        self.people.push(Person::new(name));
        self.people.len() - 1
    }

    /// Whether an event is to be shown.
    pub fn admits(&mut self, told: &Told<'_>, namer: &mut Namer) -> bool {
        let event = &told.event;
        let tap = event.place().tap;
        if let Some(directory) = namer.directory(tap).filter(|_| !self.people.is_empty()) {
            self.learn(tap.0 / MAX_TAPS, directory);
        }
        // Who is shown by address is still called what they are called.
        let numeric = namer.set_numeric(false);
        let line = Line::new(told, namer);
        let names = namer.names_of_addresses(tap);
        let admitted = self.clauses.iter().all(|clause| self.holds(clause, event, &line, names));
        namer.set_numeric(numeric);
        admitted
    }

    fn learn(&mut self, source: u32, directory: &Arc<Directory>) {
        if self.directories.get(&source).is_some_and(|known| Arc::ptr_eq(known, directory)) {
            return;
        }
        self.directories.insert(source, Arc::clone(directory));
        for person in &mut self.people {
            person.learn(directory);
        }
    }

    fn holds(&self, clause: &Clause, event: &Event<'_>, line: &Line<'_>, names: NamesOfAddresses<'_>) -> bool {
        clause.tests.iter().any(|test| self.test(test, event, line, names)) != clause.negated
    }

    fn test(&self, test: &Test, event: &Event<'_>, line: &Line<'_>, names: NamesOfAddresses<'_>) -> bool {
        let is = |person: &usize, party: &Option<Party<'_>>| {
            let person = self.people.get(*person);
            person.zip(party.as_ref()).is_some_and(|(person, party)| person.is(party, names))
        };
        match test {
            Test::From(person) => is(person, &line.client),
            Test::To(person) => is(person, &line.server),
            Test::Between(a, b) => {
                is(a, &line.client) && is(b, &line.server) || is(b, &line.client) && is(a, &line.server)
            }
            Test::Kind(kind) => line.gist.kind == kind,
            Test::Outcome(outcome) => line.gist.outcome == outcome,
            Test::Bad => matches!(line.gist.verdict, Verdict::Bad | Verdict::Missing),
            Test::SlowerThan(time) => waited(event, line).is_some_and(|waited| waited > *time),
            Test::Port(ports) => {
                let mut ends = [&line.client, &line.server].into_iter().flatten();
                ends.any(|party| party.port.is_some_and(|port| ports.contains(&port)))
            }
        }
    }

    /// A word for each name that nothing is called in this Directory, with the nearest one. Something may yet come that
    /// is called so.
    pub fn unknown(&self, directory: Option<&Directory>, names: Option<NamesOfAddresses<'_>>) -> Vec<String> {
        let is_address = |person: &Person| names.is_some_and(|names| names.names().any(|name| person.fits(name)));
        let unknown = self.people.iter().filter(|person| !person.is_known(directory) && !is_address(person));
        let mut said: Vec<_> = unknown.map(|person| person.unknown(directory)).collect();
        said.dedup();
        said
    }
}

/// How long the answer took, or was waited for; of a connection, its opening.
fn waited(event: &Event<'_>, line: &Line<'_>) -> Option<Duration> {
    match event {
        Event::Exchange(exchange) => match exchange.outcome {
            Outcome::Unanswered(_) => Some(exchange.waited),
            _ => line.gist.took,
        },
        Event::Connection(Connection { stage, first, known_at, .. }) => match stage {
            Stage::Opened | Stage::Refused | Stage::Failed(_) => line.gist.took,
            Stage::Unanswered(_) | Stage::HalfOpen(_) => Some(*known_at - first.at),
            Stage::Closed { .. } | Stage::Reset { .. } | Stage::StillOpen(_) => None,
        },
        Event::Measured(measured) => match measured.reading {
            Reading::Unanswered(_) => Some(measured.known_at - measured.from.at),
            _ => line.gist.took,
        },
        Event::Datagrams(_) | Event::Notice(_) | Event::Packet(_) => None,
    }
}

/// Whoever a name stands for.
#[derive(Debug)]
struct Person {
    name: String,
    form: Form,
    /// The containers that are or were called so.
    ids: AHashSet<Arc<str>>,
    /// Somebody was called so.
    known: bool,
}

/// What a name looks like.
#[derive(Debug)]
enum Form {
    /// An address or a range of them, with its prefix.
    Range(IpAddr, u8),
    Mac(MacAddr),
    /// A name with asterisks.
    Pattern,
    Name,
}

impl Person {
    fn new(name: &str) -> Self {
        let form = match (range(name), MacAddr::parse(name)) {
            (Some((address, prefix)), _) => Form::Range(address, prefix),
            (None, Some(mac)) => Form::Mac(mac),
            _ if name.contains('*') => Form::Pattern,
            _ => Form::Name,
        };
        Self { name: name.to_owned(), form, ids: AHashSet::new(), known: false }
    }

    fn is(&self, party: &Party<'_>, names: NamesOfAddresses<'_>) -> bool {
        match &self.form {
            Form::Range(address, prefix) => masked(party.address, *prefix) == masked(*address, *prefix),
            Form::Mac(mac) => party.mac == Some(*mac),
            Form::Pattern | Form::Name => {
                let is_known = party.container_id.is_some_and(|id| self.ids.contains(id));
                // Any of its names, though it is shown by the first.
                let of_address = || names.of(&party.address).iter().any(|name| self.fits(name));
                is_known
                    || self.fits(&party.name)
                    || party.network.is_some_and(|network| self.fits(network))
                    || party.container_id.is_none() && of_address()
            }
        }
    }

    fn fits(&self, name: &str) -> bool {
        if matches!(self.form, Form::Pattern) { fits(&self.name, name) } else { self.name == name }
    }

    /// Learns who is called so.
    fn learn(&mut self, directory: &Directory) {
        if self.ids.len() > MAX_REMEMBERED {
            self.ids.clear();
        }
        let ids: Vec<_> = directory
            .containers()
            .filter(|container| self.is_container(directory, container))
            .map(|container| Arc::clone(&container.id.0))
            .collect();
        self.ids.extend(ids);
        self.known = self.known || self.is_known(Some(directory));
    }

    fn is_container(&self, directory: &Directory, container: &Container) -> bool {
        let service = container.compose.as_ref().is_some_and(|(_, service)| self.fits(service));
        let alias = || {
            container.endpoints.iter().any(|endpoint| {
                people::is_called(directory, container, endpoint, &self.name)
                    || endpoint.aliases.iter().any(|alias| self.fits(alias))
            })
        };
        let is_name = matches!(self.form, Form::Pattern | Form::Name);
        is_name && (self.fits(&container.name) || service || alias() || self.is_id(&container.id.0))
    }

    fn is_id(&self, id: &str) -> bool {
        self.name.len() >= MIN_ID
            && self.name.bytes().all(|byte| byte.is_ascii_hexdigit())
            && id.starts_with(&self.name)
    }

    fn is_known(&self, directory: Option<&Directory>) -> bool {
        let named = |directory: &Directory| {
            let network = directory.networks().any(|network| self.fits(&network.name));
            network || directory.containers().any(|container| self.is_container(directory, container))
        };
        let is_name = matches!(self.form, Form::Pattern | Form::Name);
        !is_name || self.known || WELL_KNOWN.iter().any(|name| self.fits(name)) || directory.is_some_and(named)
    }

    fn unknown(&self, directory: Option<&Directory>) -> String {
        let near = directory.filter(|_| matches!(self.form, Form::Name)).and_then(|directory| {
            let networks = directory.networks().map(|network| network.name.as_str());
            nearest(people::host_names(directory).chain(networks), &self.name)
        });
        match near {
            Some(near) => format!("nothing is called {}; did you mean {near}?", self.name),
            None => format!("nothing is called {}", self.name),
        }
    }
}

/// An address or a subnet, with the length of its prefix.
pub(super) fn range(text: &str) -> Option<(IpAddr, u8)> {
    let whole = |address: IpAddr| (address, if address.is_ipv4() { 32 } else { 128 });
    let subnet = || Subnet::parse(text).map(|subnet| (subnet.address, subnet.prefix));
    text.parse().ok().map(whole).or_else(subnet)
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        // The earliest place leaves the most for those after it.
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
