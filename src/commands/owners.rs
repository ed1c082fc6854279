//! Containers on the host's network have no address of their own: a socket of the host is theirs when their process has it.

use std::time::{Duration, Instant};

use super::known::Known;
use crate::decode::message::Endpoint;
use crate::docker::{ContainerId, Directory};
use crate::host::{LocalSockets, Protocol, SocketOwners};
use crate::track::event::{Connection, DatagramStage, Datagrams, Ends, Event, Stage};

/// How often the sockets are looked at: each look takes some milliseconds.
const EVERY: Duration = Duration::from_secs(5);
/// How soon after a container started its sockets are looked at once more: it needs a moment to open them.
const ONCE_MORE: Duration = Duration::from_millis(500);

/// The sockets of containers on the host's network.
pub(super) struct Owners {
    sockets: LocalSockets,
    next: Instant,
    /// The containers by the last look at the Directory.
    containers: Vec<ContainerId>,
}

impl Owners {
    /// Looks at them where a container is on the host's network; nothing where none is, or the kernel does not tell.
    pub fn of(directory: &Directory, before: Option<Self>, now: Instant) -> Option<Self> {
        let is_hosts = |id| directory.network(id).is_some_and(|network| network.driver == "host");
        let containers = directory
            .containers()
            .filter(|container| container.endpoints.iter().any(|endpoint| is_hosts(&endpoint.network)));
        let containers: Vec<_> = containers.map(|container| container.id.clone()).collect();
        if containers.is_empty() {
            return None;
        }
        let mut owners = match before {
            Some(owners) => owners,
            None => Self { sockets: LocalSockets::open().ok()?, next: now, containers: Vec::new() },
        };
        if owners.containers != containers {
            owners.containers = containers;
            // What cannot be read stays as it was: addresses of the host are then called `host`.
            let _ = owners.sockets.refresh();
            owners.next = now + ONCE_MORE;
        }
        Some(owners)
    }

    /// Looks again, if it is time. Gives whether it was.
    pub fn look_again(&mut self, now: Instant) -> bool {
        let is_time = now >= self.next;
        if is_time {
            let _ = self.sockets.refresh();
            self.next = now + EVERY;
        }
        is_time
    }

    /// Whose the sockets are.
    pub const fn sockets(&self) -> &SocketOwners {
        self.sockets.owners()
    }
}

/// The ends of an event that are sockets of the host, and whose they are. What begins with a socket that is no
/// container's takes it from the one that had the port before.
pub(super) fn of_event(
    sockets: &SocketOwners,
    event: &Event<'_>,
    known: &Known<'_>,
) -> Vec<(Endpoint, Option<ContainerId>)> {
    let begins = match event {
        Event::Connection(connection) => connection.stage == Stage::Opened,
        Event::Datagrams(datagrams) => datagrams.stage == DatagramStage::Began,
        _ => false,
    };
    let (protocol, Ends { client, server, .. }) = match event {
        Event::Connection(Connection { ends, .. }) => (Protocol::Tcp, ends),
        Event::Datagrams(Datagrams { ends, .. }) => (Protocol::Udp, ends),
        _ => return Vec::new(),
    };
    let place = event.place();
    let owned = |end: &Endpoint| {
        let port = end.port.filter(|_| known.is_host(end.address, place))?;
        let owner = sockets.owner(protocol, end.address, port).map(|id| ContainerId(id.into()));
        (begins || owner.is_some()).then_some((*end, owner))
    };
    [client, server].into_iter().filter_map(owned).collect()
}
