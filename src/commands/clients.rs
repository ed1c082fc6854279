//! Who is behind a published port: what the kernel tells of connections while they are captured.
//!
//! A thread of its own listens to connection tracking, and looks at docker-proxy's sockets as soon as it opened a
//! connection to a container: a moment later they may be gone. What it heard is asked when a line is told.

use std::collections::{HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use ahash::AHashMap;

use super::confined;
use crate::capture::Stop;
use crate::decode::message::Endpoint;
use crate::docker::{Binding, Directory, Protocol};
use crate::host::Protocol as Tracked;
use crate::host::kept::KeptProxied;
use crate::host::{Conntrack, DockerProxies, Kept, Reached, State, Translation, Translations, Tuple};
use crate::join::{Proxied, Transport};
use crate::time::Timestamp;

/// Connections of docker-proxy whose client is remembered; beyond it the oldest go, and keep the gateway's address.
const MAX_REACHED: usize = 16_384;

/// Listens to the kernel until it is dropped.
pub(super) struct Clients {
    heard: SharedHeard,
    stop: Stop,
}

/// What was heard, by the thread that listens or from a capture file.
#[derive(Clone, Default)]
pub(super) struct SharedHeard(Arc<Mutex<Heard>>);

/// Takes what is heard of containers, to be kept.
pub(super) type Keep = Box<dyn Fn(Kept) + Send>;

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
    /// The thread that listens.
    pub const fn clients(&self) -> Option<&Clients> {
        match self {
            Self::To(clients) => Some(clients),
            Self::NotYet | Self::Refused => None,
        }
    }

    /// What was heard.
    pub fn heard(&self) -> Option<&SharedHeard> {
        self.clients().map(|clients| &clients.heard)
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
    /// The addresses of containers.
    containers: HashSet<IpAddr>,
}

impl Clients {
    /// Begins to listen.
    ///
    /// # Errors
    /// Connection tracking may not be listened to, or the kernel has none: in words, with the remedy.
    pub fn listen(keep: Option<Keep>) -> Result<Self, String> {
        let stop = Stop::new().map_err(|error| error.to_string())?;
        let mut conntrack = Conntrack::open().map_err(|error| error.to_string())?;
        let heard = SharedHeard::default();
        let (shared, wake) = (heard.clone(), stop.clone());
        let mut proxies = DockerProxies::open().ok();
        let thread = thread::Builder::new().name("conntrack".to_owned());
        let spawned = thread.spawn(move || {
            confined::listener();
            // An error ends it: the log goes on with what packets and the daemon tell.
            while let Ok(Some(translation)) = conntrack.next(wake.wake()) {
                hear(&shared, translation, proxies.as_mut(), keep.as_deref());
            }
        });
        spawned.map_err(|error| error.to_string())?;
        Ok(Self { heard, stop })
    }

    /// Which ports of which containers are published, from now on.
    pub fn set_published(&self, directory: &Directory) {
        let endpoints = directory.containers().flat_map(|container| &container.endpoints);
        let addresses = endpoints.flat_map(|endpoint| endpoint.addresses.iter().copied()).collect();
        let services = directory.containers().flat_map(|container| {
            let addresses = container.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
            let inside = |binding: &Binding| Some((tracked(binding.protocol)?, binding.container_port));
            addresses.flat_map(move |&address| {
                let ports = container.published.iter().filter_map(inside);
                ports.map(move |(protocol, port)| (protocol, SocketAddr::new(address, port)))
            })
        });
        let services = services.collect();
        let mut heard = self.heard.lock();
        heard.services = services;
        heard.containers = addresses;
    }
}

impl SharedHeard {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a capture file has kept.
    pub fn learn(&self, kept: &Kept) {
        let mut heard = self.lock();
        for translation in &kept.translated {
            heard.translated(translation.into());
        }
        for proxied in &kept.proxied {
            let (protocol, inside, reached) = proxied.read();
            heard.remember((protocol, inside), reached);
        }
    }

    /// The ends of a connection before the kernel translated them.
    pub fn original(
        &self,
        transport: Transport,
        (client, server): (Endpoint, Endpoint),
        at: Timestamp,
    ) -> Option<(Endpoint, Endpoint)> {
        let heard = self.lock();
        let found = heard.translations.after(of(transport), address(client)?, address(server)?, at)?;
        Some((endpoint(found.original.source), endpoint(found.original.destination)))
    }

    /// What docker-proxy's sockets told of a connection that it may have opened.
    pub fn proxied(&self, transport: Transport, (client, server): (Endpoint, Endpoint)) -> Option<Proxied> {
        let tuple = Tuple { source: address(client)?, destination: address(server)? };
        match self.lock().reached.get(&(of(transport), tuple))? {
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
fn hear(
    heard: &SharedHeard,
    translation: Translation,
    proxies: Option<&mut DockerProxies>,
    keep: Option<&(dyn Fn(Kept) + Send)>,
) {
    let key = (translation.protocol, translation.original);
    let (is_new, matters) = {
        let mut heard = heard.lock();
        (heard.translated(translation), heard.matters(&translation))
    };
    if let Some(keep) = keep.filter(|_| matters) {
        keep(Kept { translated: vec![(&translation).into()], ..Kept::default() });
    }
    let is_asked = is_new && heard.lock().services.contains(&(key.0, key.1.destination));
    let Some(proxies) = proxies.filter(|_| is_asked) else { return };
    // Without the lock: it takes milliseconds, in which lines are told.
    if let Ok(reached) = proxies.reached(key.0, key.1.source, key.1.destination) {
        heard.lock().remember(key, reached);
        if let Some((keep, proxied)) = keep.zip(KeptProxied::of(key.0, key.1, reached)) {
            keep(Kept { proxied: vec![proxied], ..Kept::default() });
        }
    }
}

impl Heard {
    /// Takes in what connection tracking told. Gives whether it is a new connection that was not translated.
    fn translated(&mut self, translation: Translation) -> bool {
        let is_new = translation.state != State::Destroyed && !translation.is_translated();
        self.translations.insert(translation);
        // Its ports were another connection's before.
        if is_new && let Some(before) = self.reached.get_mut(&(translation.protocol, translation.original)) {
            *before = Reached::Gone;
        }
        is_new
    }

    /// Whether a connection is of a container, and translated.
    fn matters(&self, translation: &Translation) -> bool {
        let is_containers = |end: SocketAddr| self.containers.contains(&end.ip());
        translation.is_translated()
            && (is_containers(translation.original.source) || is_containers(translation.after().destination))
    }

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
