//! Published ports behind docker-proxy: the connection that a client opens to the host, and the one that docker-proxy
//! opens to the container for it, are one.
//!
//! Nothing in the packets says which belong together. But docker-proxy opens its connection right after it accepted the
//! other, so the two are matched in the order of time; and where several were accepted before one was opened, no more is
//! said than what is the same for all of them.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;

use super::groups::{Group, GroupId, Groups};
use super::{Hop, Knowledge, Proxied, Service, Transport, copies};
use crate::decode::message::Endpoint;
use crate::time::Timestamp;
use crate::track::event::{DatagramStage, Datagrams, Event, Seen};

/// How long docker-proxy may take from accepting a connection to opening its own.
const OPENS_WITHIN: Duration = Duration::from_secs(2);
/// Halves of one service that wait for their other halves at once; beyond it the oldest are told by themselves.
pub(super) const MAX_WAITING: usize = 8192;
/// Datagrams between the same ports so much later are others: docker-proxy closes its socket 90 s after the last
/// (`UDPConnTrackTimeout`), and a flow ends after 30 s.
const ANEW: Duration = Duration::from_secs(30);
/// How much later than a client's connection the one for it is looked for when the first is due.
const SOON: Duration = Duration::from_millis(12);
/// Connections through docker-proxy that are known at once; beyond it the oldest go, and their ends are told apart.
pub(super) const MAX_CONNECTIONS: usize = 65_536;

/// A connection or a flow of datagrams, whichever of its events is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Connection {
    source: u32,
    transport: Transport,
    client: Endpoint,
    server: Endpoint,
    /// The client's initial sequence number; 0 for UDP.
    sequence: u32,
}

impl Connection {
    /// Its transport protocol.
    pub const fn transport(&self) -> Transport {
        self.transport
    }
}

/// What it is to docker-proxy.
#[derive(Clone, Debug)]
enum Role {
    /// Its other half is not known, or it has none.
    Single(Service),
    /// From the client to the host; the other half tells it.
    Outer,
    /// From the host to the container, with what is known of the client.
    Inner(Client),
}

/// What is known of the client of a connection that docker-proxy opened.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// Who asked; without a port where only the address is certain, and `None` where not even that is.
    pub asking: Option<Endpoint>,
    /// What the client asked for; `None` where that is not certain.
    pub host: Option<Endpoint>,
    /// Where the client's own connection was seen; nothing where it is not certain which one that is.
    pub hops: Vec<Hop>,
}

impl Client {
    /// The same, or what docker-proxy's sockets told where that says more.
    pub fn or_by(self, proxied: Option<Proxied>) -> Self {
        let Some(Proxied::Published { client, host }) = proxied else { return self };
        let is_whole = |asking: &Endpoint| asking.port.is_some();
        match client {
            Some(asking) if !self.asking.as_ref().is_some_and(is_whole) => {
                Self { asking: Some(asking), host: Some(host), ..self }
            }
            _ => Self { host: self.host.or(Some(host)), ..self },
        }
    }
}

/// A connection of the host whose container is looked for.
#[derive(Clone, Copy, Debug)]
struct Accepted {
    connection: Connection,
    group: GroupId,
    /// When docker-proxy could know of it.
    ready: Timestamp,
    hop: Hop,
}

/// A connection that docker-proxy may have opened, and when.
#[derive(Clone, Copy, Debug)]
struct Opened {
    connection: Connection,
    at: Timestamp,
}

/// The halves of one service that are not matched yet, both in the order in which they were seen.
#[derive(Debug, Default)]
struct Waiting {
    outer: VecDeque<Accepted>,
    inner: VecDeque<Opened>,
    /// One was taken while others waited too: of those that are left no more is certain than what they all share.
    shared: Option<Shared>,
}

/// What several connections of clients have in common.
#[derive(Clone, Copy, Debug)]
struct Shared {
    address: Option<IpAddr>,
    host: Option<Endpoint>,
}

/// What is known of connections to published ports.
#[derive(Debug, Default)]
pub(super) struct Services {
    waiting: AHashMap<Service, Waiting>,
    roles: AHashMap<Connection, Noted>,
    order: VecDeque<Connection>,
}

/// What a connection is, and when it was seen first.
#[derive(Debug)]
struct Noted {
    at: Timestamp,
    role: Role,
}

/// What becomes of an event of a connection that is due.
#[derive(Debug)]
pub(super) enum Half {
    /// It is told as it is.
    Whole,
    /// It is told by its other half.
    Outer,
    /// It is told with its client.
    Inner(Client),
}

/// The connection that an event is about.
pub(super) fn connection(event: &Event<'_>) -> Option<(Connection, Seen)> {
    let (transport, first, sequence) = match event {
        Event::Connection(connection) => (Transport::Tcp, connection.first, connection.sequence?),
        Event::Datagrams(datagrams) => (Transport::Udp, datagrams.first, 0),
        Event::Measured(measured) => (Transport::Tcp, measured.from, measured.initial?),
        _ => return None,
    };
    let (client, server) = copies::ends(event);
    let source = copies::source(event.place());
    Some((Connection { source, transport, client, server, sequence }, first))
}

/// When docker-proxy could know of a connection: at the end of its handshake, or with the first datagram.
fn ready(event: &Event<'_>) -> Option<Timestamp> {
    match event {
        Event::Connection(connection) => connection.handshake.ack.map(|ack| ack.at),
        Event::Datagrams(datagrams) => Some(datagrams.first.at),
        _ => None,
    }
}

impl Services {
    /// Looks at an event that is new, whether it is half of something.
    pub fn note(&mut self, event: &Event<'_>, group: GroupId, knowledge: &dyn Knowledge) {
        // What is measured may be known before the connection is.
        let Some((found, first)) = connection(event).filter(|_| !matches!(event, Event::Measured(_))) else { return };
        if let Some(noted) = self.roles.get(&found) {
            // The same datagrams at another tap, or much later other ones between the same ports.
            let is_again = matches!(event, Event::Datagrams(Datagrams { stage: DatagramStage::Began, .. }));
            if !is_again || first.at.since(noted.at) < ANEW {
                return;
            }
        }
        let (place, ends) = (event.place(), (found.client, found.server));
        if let Some(service) = knowledge.service_from_host(found.transport, ends, place, first.at) {
            self.remember(found, first.at, &service);
            let inner = &mut self.waiting.entry(service).or_default().inner;
            let behind = inner.partition_point(|other| other.at <= first.at);
            inner.insert(behind, Opened { connection: found, at: first.at });
            if inner.len() > MAX_WAITING {
                inner.pop_front();
            }
        } else if let Some(ready) = ready(event)
            && let Some(service) = knowledge.service_at_host(found.transport, found.server, place)
        {
            self.remember(found, first.at, &service);
            let accepted = Accepted { connection: found, group, ready, hop: copies::hop(event) };
            let outer = &mut self.waiting.entry(service).or_default().outer;
            let behind = outer.partition_point(|other| other.ready <= accepted.ready);
            outer.insert(behind, accepted);
            if outer.len() > MAX_WAITING {
                outer.pop_front();
            }
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.roles.len() + self.waiting.values().map(|halves| halves.inner.len() + halves.outer.len()).sum::<usize>()
    }

    fn remember(&mut self, connection: Connection, at: Timestamp, service: &Service) {
        let role = Role::Single(service.clone());
        if self.roles.insert(connection, Noted { at, role }).is_some() {
            return;
        }
        self.order.push_back(connection);
        if self.order.len() > MAX_CONNECTIONS
            && let Some(oldest) = self.order.pop_front()
            && let Some(Noted { role: Role::Single(service), .. }) = self.roles.remove(&oldest)
        {
            self.wait_no_longer(&service, &oldest);
        }
    }

    /// Forgets a connection that waits for its other half.
    fn wait_no_longer(&mut self, service: &Service, connection: &Connection) {
        let Some(halves) = self.waiting.get_mut(service) else { return };
        // It is among the oldest, which are in front.
        if let Some(at) = halves.inner.iter().position(|opened| opened.connection == *connection) {
            halves.inner.remove(at);
        }
        if let Some(at) = halves.outer.iter().position(|accepted| accepted.connection == *connection) {
            halves.outer.remove(at);
        }
        if halves.outer.is_empty() && halves.inner.is_empty() {
            self.waiting.remove(service);
        }
    }

    /// What an event that is due is told as.
    pub fn resolve(&mut self, event: &Event<'_>, groups: &Groups) -> Half {
        let Some((found, _)) = connection(event) else { return Half::Whole };
        if let Some(Noted { role: Role::Single(service), .. }) = self.roles.get(&found) {
            let service = service.clone();
            self.match_halves(&service, event.known_at(), groups);
        }
        match self.roles.get(&found).map(|noted| &noted.role) {
            None | Some(Role::Single(_)) => Half::Whole,
            Some(Role::Outer) => Half::Outer,
            Some(Role::Inner(client)) => Half::Inner(client.clone()),
        }
    }

    /// Matches the halves of a service that were opened until shortly after `due`: a client's connection is told before
    /// the one that docker-proxy opened for it is due.
    fn match_halves(&mut self, service: &Service, due: Timestamp, groups: &Groups) {
        let Self { waiting, roles, .. } = self;
        let Some(halves) = waiting.get_mut(service) else { return };
        while let Some(opened) = halves.inner.pop_front_if(|opened| opened.at <= due + SOON) {
            if let Some((outer, client)) = halves.take_client(opened.at, groups) {
                // One that had to go at the cap meanwhile stays forgotten.
                for (half, role) in [(outer, Role::Outer), (opened.connection, Role::Inner(client))] {
                    roles.entry(half).and_modify(|known| known.role = role);
                }
            }
        }
        while halves.outer.pop_front_if(|outer| outer.ready + OPENS_WITHIN < due).is_some() {}
        if halves.outer.is_empty() && halves.inner.is_empty() {
            waiting.remove(service);
        }
    }
}

impl Waiting {
    /// Takes the connection for which docker-proxy opened one at `opened`, and what is certain of it.
    fn take_client(&mut self, opened: Timestamp, groups: &Groups) -> Option<(Connection, Client)> {
        let is_translated = |outer: &mut Accepted| groups.get(outer.group).is_some_and(Group::is_translated);
        while self.outer.pop_front_if(|outer| outer.ready + OPENS_WITHIN < opened || is_translated(outer)).is_some() {}
        if self.outer.is_empty() {
            self.shared = None;
        }
        let accepted = self.outer.partition_point(|outer| outer.ready <= opened);
        if accepted == 0 {
            return None;
        }
        let shared = self.shared(accepted);
        let first = self.outer.pop_front()?;
        self.shared = shared.filter(|_| accepted > 1);
        let connection = first.connection;
        let client = match shared {
            None => {
                let hops = groups.get(first.group).map_or_else(|| vec![first.hop], |group| group.hops.clone());
                Client { asking: Some(connection.client), host: Some(connection.server), hops }
            }
            Some(Shared { address, host }) => Client { asking: address.map(Endpoint::host), host, hops: Vec::new() },
        };
        Some((connection, client))
    }

    /// What the first `accepted` have in common, and those that were mixed up with them before; `None` for a single one.
    fn shared(&self, accepted: usize) -> Option<Shared> {
        let mut all = self.outer.iter().take(accepted).map(|outer| &outer.connection);
        let first = all.next()?;
        let before = match (self.shared, accepted) {
            (None, 1) => return None,
            (Some(before), _) => before,
            (None, _) => Shared { address: Some(first.client.address), host: Some(first.server) },
        };
        let is_first = |outer: &Connection| outer.client.address == first.client.address;
        let (address, host) = (Some(first.client.address), Some(first.server));
        let one_address = before.address == address && all.clone().all(is_first);
        let one_host = before.host == host && all.all(|outer| outer.server == first.server);
        Some(Shared { address: address.filter(|_| one_address), host: host.filter(|_| one_host) })
    }
}
