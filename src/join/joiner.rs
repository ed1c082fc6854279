//! Events of all taps to what is told.

use std::cmp::Reverse;
use std::time::Duration;

use ahash::RandomState;

use super::groups::{GroupId, Groups};
use super::lookups::Lookups;
use super::published::{self, Client, Half, Services};
use super::vantage::Vantages;
use super::{Knowledge, Proxied, Published, Told, Via, copies};
use crate::decode::message::Endpoint;
use crate::time::Timestamp;
use crate::track::event::{Event, Exchange, Subject};

/// What is known so long after now was known before the clock was set back.
const AHEAD: Duration = Duration::from_secs(1);

/// As many events are held for their copies unless said otherwise; beyond it the oldest are told at once. As many are
/// remembered when they were told, for copies that come late.
pub const EVENTS: usize = 32_768;

/// Puts events together, and into the order of packet time.
#[derive(Debug)]
pub struct Joiner {
    hold: Duration,
    /// Events that were told before their time.
    crowded: u64,
    groups: Groups,
    lookups: Lookups,
    services: Services,
    vantages: Vantages,
    hasher: RandomState,
    latest: Timestamp,
}

impl Joiner {
    /// Holds each event back until it is `hold` old.
    pub fn new(hold: Duration) -> Self {
        Self {
            hold,
            crowded: 0,
            groups: Groups::new(EVENTS),
            lookups: Lookups::default(),
            services: Services::default(),
            vantages: Vantages::default(),
            hasher: RandomState::new(),
            latest: Timestamp::ZERO,
        }
    }

    /// The same, with room for so many events instead of [`EVENTS`].
    #[must_use]
    pub fn with_room(self, events: usize) -> Self {
        Self { groups: Groups::new(events), ..self }
    }

    /// How many events at least could not wait for all their copies, or were forgotten before those came, for want of
    /// room. Who could not wait is mostly forgotten early as well.
    pub fn crowded_out(&self) -> u64 {
        self.crowded.max(self.groups.forgotten())
    }

    /// How long events are held back from now on: zero while there is one tap only.
    pub fn set_hold(&mut self, hold: Duration) {
        self.hold = hold;
    }

    /// Whether events are held back: more than one tap may see the same.
    pub fn holds_back(&self) -> bool {
        !self.hold.is_zero()
    }

    /// Takes an event.
    pub fn push(&mut self, event: Box<Event<'static>>, knowledge: &dyn Knowledge) {
        let ends = original(&event, knowledge).unwrap_or_else(|| copies::ends(&event));
        let key = copies::key(&event, ends, &self.hasher);
        if let Some(group) = self.groups.put(key, ends, event) {
            let Self { groups, lookups, services, .. } = self;
            let Some(event) = groups.get(group).and_then(|group| group.members.first()) else { return };
            lookups.note(event, group);
            services.note(event, group, knowledge);
        }
    }

    /// The next that is to be told at `now`. Where the clock steps back everything that is held is due: it must not be
    /// held for as long as the step.
    pub fn pop(&mut self, now: Timestamp, knowledge: &dyn Knowledge) -> Option<Told<'static>> {
        let stepped_back = now < self.latest.saturating_sub(self.hold);
        if !stepped_back {
            self.latest = now;
        }
        while let Some(known_at) = self.groups.next_known() {
            // A file whose times stand still must not be held whole.
            let is_crowded = self.groups.is_crowded();
            // A tap may give what it saw before the step when that is over.
            let is_due = stepped_back || known_at + self.hold <= now || known_at.since(now) > AHEAD;
            if !is_due && !is_crowded {
                return None;
            }
            self.crowded += u64::from(!is_due);
            if let Some(told) = self.take_next(knowledge) {
                return Some(told);
            }
        }
        self.latest = now;
        None
    }

    /// The next that is told before its time, because more is held than there is room for.
    pub fn pop_crowded(&mut self, knowledge: &dyn Knowledge) -> Option<Told<'static>> {
        while self.groups.is_crowded() && self.groups.next_known().is_some() {
            self.crowded += 1;
            if let Some(told) = self.take_next(knowledge) {
                return Some(told);
            }
        }
        None
    }

    /// The next whether its time has come or not: at the end.
    pub fn pop_any(&mut self, knowledge: &dyn Knowledge) -> Option<Told<'static>> {
        while self.groups.next_known().is_some() {
            if let Some(told) = self.take_next(knowledge) {
                return Some(told);
            }
        }
        None
    }

    /// How many events are held, copies counted once.
    pub fn len(&self) -> usize {
        self.groups.held()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.groups.held() == 0
    }

    /// When the next event was known.
    pub fn next_known(&self) -> Option<Timestamp> {
        self.groups.next_known()
    }

    /// How long after `now` the next event is due.
    pub fn next_due(&self, now: Timestamp) -> Option<Duration> {
        self.groups.next_known().map(|known_at| (known_at + self.hold).since(now))
    }

    fn take_next(&mut self, knowledge: &dyn Knowledge) -> Option<Told<'static>> {
        let latest = self.latest;
        let id = self.groups.take_next(latest)?;
        let group = self.groups.get_mut(id)?;
        let members = std::mem::take(&mut group.members);
        if group.taken {
            return None;
        }
        let mut hops = group.hops.clone();
        hops.sort_by_key(|hop| hop.began.at);
        let chosen = match members.first().map(|event| &**event) {
            Some(Event::Measured(_)) => self.vantages.choose(members, knowledge),
            _ => primary(members, knowledge),
        };
        let Some(event) = chosen else {
            group.untold = true;
            return None;
        };
        let event = *event;
        let forwarded = self.lookups.resolve(&event, id, &mut self.groups, knowledge);
        if forwarded.is_part {
            self.take(id);
            return None;
        }
        let half = self.services.resolve(&event, &self.groups);
        hops.extend(forwarded.hops);
        let mut told = Told { event, hops, published: None, is_direct: false, upstream: forwarded.upstream };
        match half {
            Half::Outer => return None,
            Half::Inner(client) => {
                let client = client.or_by(proxied(&told.event, knowledge));
                by_docker_proxy(&mut told, client);
            }
            Half::Whole => match proxied(&told.event, knowledge) {
                Some(Proxied::Published { client, host }) => {
                    by_docker_proxy(&mut told, Client { asking: client, host: Some(host), hops: Vec::new() });
                }
                proxied => {
                    told.is_direct = proxied == Some(Proxied::Direct);
                    translated(&mut told, knowledge);
                }
            },
        }
        if told.hops.len() < 2 {
            told.hops.clear();
        }
        // The tap that would tell it may be late, on a busy machine: then it is told when that comes.
        if knowledge.is_aside(&told) {
            if let Some(group) = self.groups.get_mut(id) {
                group.untold = true;
            }
            return None;
        }
        self.vantages.note(&told.event);
        Some(told)
    }

    /// How many measurements were not told because their connection is measured at another tap, which did not make them.
    pub const fn measured_elsewhere(&self) -> u64 {
        self.vantages.elsewhere()
    }

    /// How many groups, lookups and connections are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> (usize, usize, usize) {
        (self.groups.len(), self.lookups.len(), self.services.len())
    }

    fn take(&mut self, id: GroupId) {
        if let Some(group) = self.groups.get_mut(id) {
            group.taken = true;
        }
    }
}

/// The copy that is told: one that has an answer, on a network that people name, nearest to the client.
#[expect(clippy::vec_box, reason = "as they are held")]
pub(super) fn primary(members: Vec<Box<Event<'static>>>, knowledge: &dyn Knowledge) -> Option<Box<Event<'static>>> {
    members.into_iter().min_by_key(|event| {
        (Reverse(copies::weight(event)), !knowledge.is_network(event.place()), copies::hop(event).began.at)
    })
}

/// The ends of an event before the kernel translated them, where it did.
fn original(event: &Event<'_>, knowledge: &dyn Knowledge) -> Option<(Endpoint, Endpoint)> {
    let (connection, first) = published::connection(event)?;
    knowledge.original(connection.transport(), copies::ends(event), first.at)
}

/// What docker-proxy's sockets said of a connection, if it is one that it may have opened.
fn proxied(event: &Event<'_>, knowledge: &dyn Knowledge) -> Option<Proxied> {
    let (connection, _) = published::connection(event)?;
    knowledge.proxied(connection.transport(), copies::ends(event))
}

/// Tells a connection of docker-proxy by the client that it was opened for.
fn by_docker_proxy(told: &mut Told<'_>, client: Client) {
    if let Some(asking) = client.asking {
        let (_, server) = copies::ends(&told.event);
        copies::set_ends(&mut told.event, asking, server);
    }
    told.published = client.host.map(|host| Published { host, via: Via::DockerProxy });
    if matches!(told.event, Event::Measured(_)) {
        // The hops of the client's own connection are those of its handshake.
        return;
    }
    told.hops.extend(client.hops);
    told.hops.sort_by_key(|hop| hop.began.at);
}

/// Tells what was translated on its way by the first client and the last server.
fn translated(told: &mut Told<'_>, knowledge: &dyn Knowledge) {
    let known = original(&told.event, knowledge);
    let (Some(first), Some(last)) = (told.hops.first(), told.hops.last()) else { return };
    let (client, asked) = known.unwrap_or((first.client, first.server));
    let server = if known.is_some() { copies::ends(&told.event).1 } else { last.server };
    match &told.event {
        Event::Connection(_) | Event::Datagrams(_) | Event::Measured(_) => {
            if asked != server {
                told.published = Some(Published { host: asked, via: Via::Dnat });
            }
            copies::set_ends(&mut told.event, client, server);
        }
        Event::Exchange(Exchange { subject: Subject::Ping { .. }, .. }) => {
            copies::set_ends(&mut told.event, client, server);
        }
        _ => {}
    }
}
