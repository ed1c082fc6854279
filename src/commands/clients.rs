//! Who is behind a published port: what the kernel tells of connections while they are captured.
//!
//! A thread of its own listens to connection tracking, and looks at docker-proxy's sockets as soon as it opened a
//! connection to a container: a moment later they may be gone. What it heard is asked when a line is told.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use ahash::AHashMap;

use crate::capture::Stop;
use crate::decode::message::Endpoint;
use crate::docker::{Binding, Container, Protocol};
use crate::host::Protocol as Tracked;
use crate::host::{Conntrack, DockerProxies, Reached, State, Translation, Translations, Tuple};
use crate::join::{Proxied, Transport};
use crate::time::Timestamp;

/// Connections of docker-proxy whose client is remembered; beyond it the oldest go, and keep the gateway's address.
const MAX_REACHED: usize = 16_384;

/// Listens to the kernel until it is dropped.
pub(super) struct Clients {
    heard: Arc<Mutex<Heard>>,
    stop: Stop,
}

/// Whether the kernel is listened to.
pub(super) enum Listening {
    /// Nothing that is watched is published.
    NotYet,
    /// It may not be, and that was said.
    Refused,
    /// It is.
    To(Clients),
}

impl Listening {
    /// What is heard.
    pub const fn clients(&self) -> Option<&Clients> {
        match self {
            Self::To(clients) => Some(clients),
            Self::NotYet | Self::Refused => None,
        }
    }
}

/// What was heard.
#[derive(Default)]
struct Heard {
    translations: Translations,
    reached: AHashMap<(Tracked, Tuple), Reached>,
    order: VecDeque<(Tracked, Tuple)>,
    /// The published ports inside their containers.
    services: HashSet<(Tracked, SocketAddr)>,
}

impl Clients {
    /// Begins to listen.
    ///
    /// # Errors
    /// Connection tracking may not be listened to, or the kernel has none: in words, with the remedy.
    pub fn listen() -> Result<Self, String> {
        let stop = Stop::new().map_err(|error| error.to_string())?;
        let mut conntrack = Conntrack::open().map_err(|error| error.to_string())?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (shared, wake) = (Arc::clone(&heard), stop.clone());
        let mut proxies = DockerProxies::open().ok();
        let thread = thread::Builder::new().name("conntrack".to_owned());
        let spawned = thread.spawn(move || {
            // An error ends it: the log goes on with what packets and the daemon tell.
            while let Ok(Some(translation)) = conntrack.next(wake.wake()) {
                hear(&shared, translation, proxies.as_mut());
            }
        });
        spawned.map_err(|error| error.to_string())?;
        Ok(Self { heard, stop })
    }

    /// Which ports of which containers are published, from now on.
    pub fn set_published<'a>(&self, containers: impl Iterator<Item = &'a Container>) {
        let services = containers.flat_map(|container| {
            let addresses = container.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
            let inside = |binding: &Binding| Some((tracked(binding.protocol)?, binding.container_port));
            addresses.flat_map(move |&address| {
                let ports = container.published.iter().filter_map(inside);
                ports.map(move |(protocol, port)| (protocol, SocketAddr::new(address, port)))
            })
        });
        lock(&self.heard).services = services.collect();
    }

    /// The ends of a connection before the kernel translated them.
    pub fn original(
        &self,
        transport: Transport,
        (client, server): (Endpoint, Endpoint),
        at: Timestamp,
    ) -> Option<(Endpoint, Endpoint)> {
        let heard = lock(&self.heard);
        let found = heard.translations.after(of(transport), address(client)?, address(server)?, at)?;
        Some((endpoint(found.original.source), endpoint(found.original.destination)))
    }

    /// What docker-proxy's sockets told of a connection that it may have opened.
    pub fn proxied(&self, transport: Transport, (client, server): (Endpoint, Endpoint)) -> Option<Proxied> {
        let tuple = Tuple { source: address(client)?, destination: address(server)? };
        match lock(&self.heard).reached.get(&(of(transport), tuple))? {
            Reached::Published { outside: Some(outside), .. } => {
                Some(Proxied::Published { client: Some(endpoint(outside.source)), host: endpoint(outside.destination) })
            }
            Reached::Published { host, outside: None } => {
                Some(Proxied::Published { client: None, host: endpoint(*host) })
            }
            Reached::Direct => Some(Proxied::Direct),
            Reached::Gone => None,
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.stop.request();
    }
}

/// Takes in what connection tracking told, and asks docker-proxy's sockets where it may be behind it.
fn hear(heard: &Mutex<Heard>, translation: Translation, proxies: Option<&mut DockerProxies>) {
    let key = (translation.protocol, translation.original);
    let is_asked = {
        let mut heard = lock(heard);
        let is_new = translation.state != State::Destroyed && !translation.is_translated();
        heard.translations.insert(translation);
        // Its ports were another connection's before.
        if is_new && let Some(before) = heard.reached.get_mut(&key) {
            *before = Reached::Gone;
        }
        is_new && heard.services.contains(&(key.0, key.1.destination))
    };
    let Some(proxies) = proxies.filter(|_| is_asked) else { return };
    // Without the lock: it takes milliseconds, in which lines are told.
    if let Ok(reached) = proxies.reached(key.0, key.1.source, key.1.destination) {
        lock(heard).remember(key, reached);
    }
}

impl Heard {
    fn remember(&mut self, key: (Tracked, Tuple), reached: Reached) {
        if reached == Reached::Gone {
            return;
        }
        if self.reached.insert(key, reached).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > MAX_REACHED
            && let Some(oldest) = self.order.pop_front()
        {
            self.reached.remove(&oldest);
        }
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

const fn of(transport: Transport) -> Tracked {
    match transport {
        Transport::Tcp => Tracked::Tcp,
        Transport::Udp => Tracked::Udp,
    }
}

const fn tracked(published: Protocol) -> Option<Tracked> {
    match published {
        Protocol::Tcp => Some(Tracked::Tcp),
        Protocol::Udp => Some(Tracked::Udp),
        Protocol::Sctp => None,
    }
}

fn address(end: Endpoint) -> Option<SocketAddr> {
    Some(SocketAddr::new(end.address, end.port?))
}

const fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { address: address.ip(), port: Some(address.port()) }
}
