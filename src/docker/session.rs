//! One connection to the daemon: subscribe, then list, then follow the events until it breaks.
//!
//! In this order nothing is missed between the listing and the first event. What an event says is not believed, only
//! when it happened: what it names is inspected, so that an event that is lost, doubled or late does no harm. The
//! inspections run side by side, because a container is locked while it starts, and none twice at the same time.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::{EventMessage, EventMessageTypeEnum};
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt};

use crate::docker::directory::{Container, ContainerId, Directory, Network, NetworkId};
use crate::docker::error::DaemonError;
use crate::docker::host::HostInterfaces;
use crate::docker::listing::{AT_ONCE, Daemon, Listing};
use crate::docker::watch::{DaemonConfig, Publisher, wall_clock};
use crate::time::Timestamp;

/// How often an idle daemon is asked whether it still answers.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// The machine's clock was set back where it is earlier than before by more than this.
const SET_BACK: Duration = Duration::from_secs(2);
/// More things than these to inspect, and everything is listed anew.
const MAX_PENDING: usize = 1024;

/// Watches until the connection breaks, and says why it did.
pub(crate) async fn run(config: &DaemonConfig, publisher: &mut Publisher) -> DaemonError {
    match follow(config, publisher).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn follow(config: &DaemonConfig, publisher: &mut Publisher) -> Result<Infallible, DaemonError> {
    let daemon = Daemon::connect(&config.environment.endpoint()?).await?;
    let at = wall_clock();
    let mut events = std::pin::pin!(daemon.events(at));
    let mut pending = Pending::default();
    let listing = list_meanwhile(&daemon, &mut events, &mut pending).await?;
    let mut session = Session {
        directory: publisher.publish(relisted(publisher.last().as_deref(), listing, at)),
        daemon,
        publisher,
        pending,
        running: FuturesUnordered::new(),
        busy: HashSet::new(),
        clock: at,
        is_set_back: false,
    };
    session.publisher.connected();
    let mut ping = tokio::time::interval(PING_INTERVAL);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        session.begin();
        tokio::select! {
            event = events.next() => session.pending.note(event, &session.daemon)?,
            Some(done) = session.running.next() => session.apply(done)?,
            _ = ping.tick() => {
                session.look_at_clock(wall_clock());
                session.running.push(Box::pin(ping_once(session.daemon.clone())));
            }
        }
    }
}

/// Lists everything while events are taken in; asking for the events comes first.
async fn list_meanwhile(
    daemon: &Daemon,
    events: &mut (impl Stream<Item = Result<EventMessage, DaemonError>> + Unpin),
    pending: &mut Pending,
) -> Result<Listing, DaemonError> {
    let host = HostInterfaces::read();
    let mut listing = std::pin::pin!(daemon.list(&host));
    loop {
        tokio::select! {
            biased;
            event = events.next() => pending.note(event, daemon)?,
            listed = &mut listing => return listed,
        }
    }
}

fn relisted(last: Option<&Directory>, listing: Listing, at: Timestamp) -> Directory {
    let Listing { networks, containers } = listing;
    let host_addresses = HostInterfaces::read().all();
    match last {
        Some(last) => last.updated(networks, containers, host_addresses, at),
        None => Directory::from_listing(networks, containers, host_addresses, at),
    }
}

/// What is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Container(ContainerId),
    Network(NetworkId),
    Everything,
}

/// What was found.
enum Done {
    Container(ContainerId, Times, Result<Option<Container>, DaemonError>),
    Network(NetworkId, Timestamp, Result<Option<Network>, DaemonError>),
    Everything(Timestamp, Result<Listing, DaemonError>),
    Ping(Result<(), DaemonError>),
}

/// What is still to be looked at, and when the events happened that say so.
#[derive(Debug, Default)]
struct Pending(HashMap<Subject, Times>);

/// The times of the first and of the latest event of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    first: Timestamp,
    last: Timestamp,
}

impl Times {
    const fn at(at: Timestamp) -> Self {
        Self { first: at, last: at }
    }

    fn add(&mut self, at: Timestamp) {
        self.first = at.min(self.first);
        self.last = at.max(self.last);
    }
}

impl Pending {
    /// Takes in an event. Fails where the stream has ended or broken.
    fn note(&mut self, event: Option<Result<EventMessage, DaemonError>>, daemon: &Daemon) -> Result<(), DaemonError> {
        let event = match event {
            Some(Ok(event)) => event,
            Some(Err(error)) => return Err(error),
            None => return Err(daemon.gone()),
        };
        self.note_event(event);
        Ok(())
    }

    fn note_event(&mut self, event: EventMessage) {
        let nanos = event.time_nano.or_else(|| event.time?.checked_mul(1_000_000_000));
        let Some(at) = nanos.and_then(|nanos| u64::try_from(nanos).ok()).map(Timestamp::from_nanos) else { return };
        for subject in subjects(event) {
            self.0.entry(subject).or_insert(Times::at(at)).add(at);
        }
        if self.0.len() > MAX_PENDING {
            self.0.clear();
            self.0.insert(Subject::Everything, Times::at(at));
        }
    }

    /// Takes the one that waits longest and is not being looked at.
    fn take(&mut self, busy: &HashSet<Subject>) -> Option<(Subject, Times)> {
        let free = self.0.iter().filter(|(subject, _)| !busy.contains(*subject));
        let subject = free.min_by_key(|(_, times)| times.first)?.0.clone();
        self.0.remove_entry(&subject)
    }
}

/// What an event may have changed.
fn subjects(event: EventMessage) -> Vec<Subject> {
    let (Some(kind), Some(action)) = (event.typ, event.action) else { return Vec::new() };
    let actor = event.actor.unwrap_or_default();
    let Some(id) = actor.id.filter(|id| is_id(id)) else { return Vec::new() };
    let container = |id: &str| Subject::Container(ContainerId(id.into()));
    match (kind, action.as_str()) {
        // Podman says `died` and `remove` where Docker says `die` and `destroy`.
        (
            EventMessageTypeEnum::CONTAINER,
            "start" | "restart" | "die" | "died" | "stop" | "destroy" | "remove" | "rename",
        ) => vec![container(&id)],
        (EventMessageTypeEnum::NETWORK, "connect" | "disconnect") => {
            let attributes = actor.attributes.unwrap_or_default();
            let named = attributes.get("container").filter(|id| is_id(id)).map(|id| container(id));
            // An overlay network comes to this machine with the first container that joins it.
            let network = (action == "connect").then(|| Subject::Network(NetworkId(id.into())));
            network.into_iter().chain(named).collect()
        }
        (EventMessageTypeEnum::NETWORK, "create" | "destroy" | "remove" | "update") => {
            vec![Subject::Network(NetworkId(id.into()))]
        }
        _ => Vec::new(),
    }
}

/// Whether it is safe in the path of a request, where the client library puts it as it is.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

type Task = Pin<Box<dyn Future<Output = Done>>>;

struct Session<'p> {
    daemon: Daemon,
    publisher: &'p mut Publisher,
    directory: Arc<Directory>,
    pending: Pending,
    running: FuturesUnordered<Task>,
    busy: HashSet<Subject>,
    /// What the machine's clock said last.
    clock: Timestamp,
    /// It was set back: what is known by times of before is to be known anew.
    is_set_back: bool,
}

impl Session<'_> {
    /// Lists everything where the clock was set back. Who came before that would have no name until it has caught up,
    /// since by the clock they are to come yet.
    fn look_at_clock(&mut self, now: Timestamp) {
        if is_set_back(self.clock, now) {
            self.is_set_back = true;
            self.pending.0.entry(Subject::Everything).or_insert(Times::at(now)).add(now);
        }
        self.clock = now;
    }

    /// Begins to look at what is pending, as far as there is room.
    fn begin(&mut self) {
        while self.busy.len() < AT_ONCE {
            let Some((subject, times)) = self.pending.take(&self.busy) else { return };
            self.busy.insert(subject.clone());
            self.running.push(Box::pin(look(self.daemon.clone(), subject, times)));
        }
    }

    /// Takes over what was found, and all else that is found by now, as one change.
    fn apply(&mut self, done: Done) -> Result<(), DaemonError> {
        let mut next = (*self.directory).clone();
        let mut is_changed = self.apply_one(&mut next, done)?;
        while let Some(Some(done)) = self.running.next().now_or_never() {
            is_changed |= self.apply_one(&mut next, done)?;
        }
        if is_changed {
            self.directory = self.publisher.publish(next);
        }
        Ok(())
    }

    fn apply_one(&mut self, next: &mut Directory, done: Done) -> Result<bool, DaemonError> {
        match done {
            Done::Ping(answer) => answer.map(|()| false),
            Done::Everything(at, listing) => {
                self.busy.remove(&Subject::Everything);
                *next = match std::mem::take(&mut self.is_set_back) {
                    true => relisted(None, listing?, self.clock),
                    false => relisted(Some(next), listing?, at),
                };
                Ok(true)
            }
            Done::Container(id, times, found) => {
                self.busy.remove(&Subject::Container(id.clone()));
                // One container that does not answer is no reason to give up all: the ping tells whether others would.
                Ok(found.is_ok_and(|found| change_container(next, &id, found, times)))
            }
            Done::Network(id, at, found) => {
                self.busy.remove(&Subject::Network(id.clone()));
                Ok(found.is_ok_and(|found| change_network(next, &id, found, at)))
            }
        }
    }
}

fn is_set_back(before: Timestamp, now: Timestamp) -> bool {
    before.since(now) > SET_BACK
}

fn change_container(next: &mut Directory, id: &ContainerId, found: Option<Container>, times: Times) -> bool {
    if next.container(id).map(Arc::as_ref) == found.as_ref() {
        return false;
    }
    // What is there was so from the first event on. What is gone was there until the latest: a container that runs for a
    // moment has died before its start is looked at.
    let at = if found.is_some() { times.first } else { times.last };
    *next = next.with_container(id, found, at);
    true
}

fn change_network(next: &mut Directory, id: &NetworkId, found: Option<Network>, at: Timestamp) -> bool {
    let before = next.networks().find(|network| network.id == *id);
    if before.map(Arc::as_ref) == found.as_ref() {
        return false;
    }
    let others = next.networks().filter(|network| network.id != *id).map(|network| (**network).clone());
    let networks = others.chain(found).collect();
    *next = next.with_networks(networks, HostInterfaces::read().all(), at);
    true
}

async fn ping_once(daemon: Daemon) -> Done {
    Done::Ping(daemon.ping().await)
}

async fn look(daemon: Daemon, subject: Subject, times: Times) -> Done {
    let at = times.first;
    match subject {
        Subject::Container(id) => {
            let found = daemon.container(&id).await;
            Done::Container(id, times, found)
        }
        Subject::Network(id) => {
            let found = daemon.network(&id, &HostInterfaces::read()).await;
            Done::Network(id, at, found)
        }
        Subject::Everything => Done::Everything(at, daemon.list(&HostInterfaces::read()).await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::directory::Endpoint;
    use bollard::models::EventActor;
    use std::net::IpAddr;

    fn event(typ: EventMessageTypeEnum, action: &str, id: &str, container: Option<&str>, at: i64) -> EventMessage {
        let attributes = container.map(|id| HashMap::from([("container".to_owned(), id.to_owned())]));
        EventMessage {
            typ: Some(typ),
            action: Some(action.into()),
            actor: Some(EventActor { id: Some(id.into()), attributes }),
            time_nano: Some(at),
            ..EventMessage::default()
        }
    }

    fn one(id: &str) -> Subject {
        Subject::Container(ContainerId(id.into()))
    }

    #[test]
    fn events_of_one_container_come_together_at_the_first_time() {
        use EventMessageTypeEnum::{CONTAINER, NETWORK};
        let mut pending = Pending::default();
        for found in [
            event(NETWORK, "disconnect", "n1", Some("c1"), 50),
            event(CONTAINER, "die", "c1", None, 40),
            event(CONTAINER, "exec_start: ls", "c2", None, 1),
            event(CONTAINER, "start", "../c3", None, 1),
            event(CONTAINER, "start", "c4", None, 60),
        ] {
            pending.note_event(found);
        }
        let busy = HashSet::from([one("c1")]);
        let times = |first, last| Times { first: Timestamp::from_nanos(first), last: Timestamp::from_nanos(last) };
        assert_eq!(pending.take(&busy), Some((one("c4"), times(60, 60))));
        assert_eq!(pending.take(&busy), None);
        assert_eq!(pending.take(&HashSet::new()), Some((one("c1"), times(40, 50))));
        assert_eq!(pending.take(&HashSet::new()), None);
    }

    /// A container with the id `c1`, which is on one network.
    fn container(name: &str, network: &NetworkId, address: IpAddr) -> Container {
        let endpoint = Endpoint { network: network.clone(), addresses: vec![address], mac: None, aliases: Vec::new() };
        Container {
            id: ContainerId("c1".into()),
            name: name.to_owned(),
            image: String::new(),
            compose: None,
            endpoints: vec![endpoint],
            published: Vec::new(),
            links: Vec::new(),
            namespace: None,
        }
    }

    #[test]
    fn a_container_that_ran_for_a_moment_had_its_address_until_it_died() {
        let (id, at) = (ContainerId("c1".into()), |millis: u64| Timestamp::from_nanos(millis * 1_000_000));
        let network = NetworkId("n1".into());
        let address = "172.18.0.4".parse().unwrap();
        let container = container("brief", &network, address);
        let mut directory = Directory::default();
        // It was looked at for its joining of the network; for its start only when it had died.
        assert!(change_container(&mut directory, &id, Some(container), Times::at(at(100))));
        assert!(change_container(&mut directory, &id, None, Times { first: at(120), last: at(200) }));
        let is_known = |millis| directory.is_known_at(&network, address, at(millis));
        assert_eq!([is_known(110), is_known(150), is_known(250)], [true, true, false]);
    }

    #[test]
    fn who_came_before_the_clock_was_set_back_is_known_after_it() {
        let (before, now) = (Timestamp::from_parts(7200, 0), Timestamp::from_parts(3600, 0));
        assert!(is_set_back(before, now) && !is_set_back(now, before) && !is_set_back(before, before));
        let network = NetworkId("n1".into());
        let address = "172.18.0.4".parse().unwrap();
        let container = container("late", &network, address);
        let started = Directory::default().with_container(&container.id.clone(), Some(container.clone()), before);
        let name = |directory: &Directory| directory.container_at(Some(&network), address, now).map(|c| c.name.clone());
        assert_eq!(name(&started), None);
        let listing = Listing { networks: Vec::new(), containers: vec![container] };
        assert_eq!(name(&relisted(None, listing, now)).as_deref(), Some("late"));
    }

    #[test]
    fn too_many_at_once_are_listed_instead() {
        let mut pending = Pending::default();
        for number in 0..10_000 {
            pending.note_event(event(EventMessageTypeEnum::CONTAINER, "start", &format!("c{number}"), None, 7));
            assert!(pending.0.len() <= MAX_PENDING);
        }
        assert!(pending.0.contains_key(&Subject::Everything));
    }
}
