//! What is to be watched, and the taps that this takes by the Directory of the moment.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::rooms::{Machine, OVERLAY_BRIDGE, Room, Sandbox, Sandboxes};
use super::targets::{Kind, Subject, Target, Unresolved};
use crate::capture::live::ANY;
use crate::capture::{Error, LinkType, Tap};
use crate::docker::{Binding, Container, Directory, Network, NetworkId, Protocol};

/// Published ports that are looked at on the host's interfaces; with more, clients are told by connection tracking and
/// docker-proxy's sockets only: each port makes the kernel's filter longer, and the filter runs for every packet.
pub(super) const MAX_PUBLISHED: usize = 128;

/// The published ports of what is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ports {
    /// There are none.
    None,
    /// Packets to and from them, in the syntax of pcap-filter(7).
    Filter(String),
    /// So many that they are not looked at on the host's interfaces: more than [`MAX_PUBLISHED`].
    TooMany(usize),
}

/// What is looked at on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Content {
    /// Everything.
    All,
    /// The lookups that a container sends to Docker's name service.
    Lookups,
    /// What clients send to published ports of the host.
    Published,
}

/// What a tap is on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub room: Room,
    /// The interface as its namespace calls it.
    pub interface: String,
    pub content: Content,
}

/// Which of the targets a tap is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum For {
    /// An index in [`Plan::entries`].
    Target(usize),
    /// No target was named.
    Everything,
}

/// A tap to open.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub place: Place,
    /// The way to its namespace; `None` is the program's own.
    pub path: Option<PathBuf>,
    pub tap: Tap,
    pub why: For,
}

/// A target and what it is just now.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub target: Target,
    /// Nothing while it is waited for.
    pub subject: Option<Subject>,
    /// What it was when it was there last.
    pub last: Option<Subject>,
    /// What was said of a name that could be several things.
    doubt: Option<Vec<String>>,
}

/// What became of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is there, for the first time or again.
    Came { again: bool },
    /// It is there, but not as it was: a container that restarted, a network that was made anew.
    Renewed,
    /// It is gone.
    Went,
    /// It is gone, and its name could be several other things.
    Doubtful(Vec<String>),
}

/// What the user wants to watch.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub entries: Vec<Entry>,
    /// Every bridge, also those that are yet to come.
    pub every_bridge: bool,
    /// What is not there is waited for as long as it takes.
    pub waits: bool,
}

impl Entry {
    pub fn new(target: Target, subject: Option<Subject>) -> Self {
        Self { target, last: subject.clone(), subject, doubt: None }
    }

    /// Whether it is, or may become, something of Docker's.
    pub fn is_docker(&self) -> bool {
        !matches!(self.last, Some(Subject::Interface(_))) && self.target.kind != Some(Kind::Interface)
    }

    /// Looks at what the target is by now.
    fn update(&mut self, directory: &Directory, interfaces: &[String]) -> Option<Turn> {
        let before = self.subject.take();
        let renewed = before.as_ref().and_then(|subject| subject.renewed(directory, interfaces));
        let is_same = renewed.is_some();
        let found = match renewed {
            Some(subject) => Ok(subject),
            None => self.target.resolve(directory, interfaces),
        };
        let turn = match (&before, &found) {
            (Some(before), Ok(found)) => (!is_same || has_restarted(before, found)).then_some(Turn::Renewed),
            (None, Ok(_)) => Some(Turn::Came { again: self.last.is_some() }),
            (_, Err(Unresolved::Ambiguous(forms))) if self.doubt.as_ref() != Some(forms) => {
                self.doubt = Some(forms.clone());
                Some(Turn::Doubtful(forms.clone()))
            }
            (Some(_), Err(_)) => Some(Turn::Went),
            (None, Err(_)) => None,
        };
        if let Ok(found) = found {
            self.last = Some(found.clone());
            self.subject = Some(found);
            self.doubt = None;
        }
        turn
    }
}

/// A container gets a new network namespace each time it starts.
fn has_restarted(before: &Subject, now: &Subject) -> bool {
    let (Subject::Container(before), Subject::Container(now)) = (before, now) else { return false };
    before.namespace.is_some() && now.namespace.is_some() && before.namespace != now.namespace
}

impl Plan {
    /// Adds a target, unless it is there under another name already.
    pub fn add(&mut self, target: Target, subject: Option<Subject>) {
        let is_there = self.entries.iter().any(|entry| match &subject {
            Some(subject) => entry.subject.as_ref() == Some(subject),
            None => entry.target == target,
        });
        if !is_there {
            self.entries.push(Entry::new(target, subject));
        }
    }

    /// Looks at what the targets are by now, and gives those of which something became.
    pub fn update(&mut self, directory: &Directory, interfaces: &[String]) -> Vec<(usize, Turn)> {
        let entries = self.entries.iter_mut().enumerate();
        entries.filter_map(|(index, entry)| Some((index, entry.update(directory, interfaces)?))).collect()
    }

    /// Whether nothing that was named is there.
    pub fn is_all_gone(&self) -> bool {
        !self.every_bridge && self.entries.iter().all(|entry| entry.subject.is_none())
    }

    /// Whether something may come or go without the daemon's word: an interface of the host.
    pub fn may_change_by_itself(&self) -> bool {
        self.entries.iter().any(|entry| match &entry.last {
            Some(Subject::Interface(_)) => entry.subject.is_none(),
            Some(_) => false,
            None => matches!(entry.target.kind, None | Some(Kind::Interface)),
        })
    }

    /// Whether the bridge of an overlay network is not there yet.
    pub fn awaits_overlay(&self, wishes: &[Wish]) -> bool {
        self.overlays_without_bridge(wishes).next().is_some()
    }

    /// The overlay networks that have no container on this machine.
    pub fn overlays_without_bridge<'a>(&'a self, wishes: &'a [Wish]) -> impl Iterator<Item = &'a Arc<Network>> {
        let has_bridge =
            |index| wishes.iter().any(|wish| wish.why == For::Target(index) && wish.place.content == Content::All);
        self.entries.iter().enumerate().filter_map(move |(index, entry)| match &entry.subject {
            Some(Subject::Network(network)) if network.driver == "overlay" && !has_bridge(index) => Some(network),
            _ => None,
        })
    }

    /// Whether the namespaces of containers that start are worth a look before the daemon tells of them.
    pub fn is_of_containers(&self) -> bool {
        self.every_bridge || self.entries.iter().any(Entry::is_docker)
    }

    /// Whether all interfaces of a container that starts may be wanted, and not its lookups only.
    pub fn wants_whole_containers(&self) -> bool {
        self.entries.iter().any(|entry| match &entry.last {
            Some(Subject::Network(network)) => network.interface.is_none() && network.driver != "overlay",
            Some(Subject::Interface(_)) => false,
            Some(Subject::Container(_) | Subject::Service { .. }) | None => true,
        })
    }

    /// The published ports of the containers that are watched.
    pub fn published(&self, directory: &Directory) -> Ports {
        let ports = |binding: &Binding| match binding.protocol {
            Protocol::Tcp => Some(("tcp", binding.host_port)),
            Protocol::Udp => Some(("udp", binding.host_port)),
            Protocol::Sctp => None,
        };
        let containers = directory.containers().filter(|container| self.shows(container, directory));
        let ports: BTreeSet<_> =
            containers.flat_map(|container| container.published.iter().filter_map(ports)).collect();
        match ports.len() {
            0 => Ports::None,
            1..=MAX_PUBLISHED => {
                let tests: Vec<_> = ports.iter().map(|(protocol, port)| format!("{protocol} port {port}")).collect();
                Ports::Filter(tests.join(" or "))
            }
            many => Ports::TooMany(many),
        }
    }

    /// Whether packets of a container are shown.
    fn shows(&self, container: &Container, directory: &Directory) -> bool {
        let is_on = |network: &NetworkId| container.endpoints.iter().any(|endpoint| endpoint.network == *network);
        self.every_bridge && bridges(directory).any(|bridge| is_on(&bridge.id))
            || self.entries.iter().any(|entry| match &entry.subject {
                Some(Subject::Network(network)) => is_on(&network.id),
                Some(Subject::Container(target)) => target.id == container.id,
                Some(service @ Subject::Service { .. }) => service.is_service_of(container),
                Some(Subject::Interface(name)) => {
                    directory.network_by_interface(name).is_some_and(|network| is_on(&network.id))
                }
                None => false,
            })
    }

    /// Every tap that is wanted by the Directory, each once: the first target that wants it has it.
    pub fn wishes(&self, directory: &Directory, sandboxes: &Sandboxes, machine: &mut dyn Machine) -> Vec<Wish> {
        let mut wishing = Wishing { directory, sandboxes, machine, why: For::Everything, wishes: Vec::new() };
        for (index, entry) in self.entries.iter().enumerate() {
            wishing.why = For::Target(index);
            match &entry.subject {
                Some(Subject::Network(network)) => wishing.network(network),
                Some(Subject::Container(container)) => wishing.container(container),
                Some(service @ Subject::Service { .. }) => {
                    let containers = directory.containers().filter(|container| service.is_service_of(container));
                    containers.for_each(|container| wishing.container(container));
                }
                Some(Subject::Interface(name)) => wishing.on_host(name, None),
                None => {}
            }
        }
        if self.every_bridge {
            wishing.why = For::Everything;
            bridges(directory).for_each(|network| wishing.network(network));
        }
        if matches!(self.published(directory), Ports::Filter(_)) {
            wishing.published();
        }
        let mut seen = HashSet::new();
        let mut wishes = wishing.wishes;
        wishes.retain(|wish| seen.insert(wish.place.clone()));
        wishes
    }
}

/// The networks that are watched where none is named. The others have no interface on the host.
pub(super) fn bridges(directory: &Directory) -> impl Iterator<Item = &Arc<Network>> {
    directory.networks().filter(|network| network.driver == "bridge")
}

/// Collects the taps that one target after the other takes.
struct Wishing<'a> {
    directory: &'a Directory,
    sandboxes: &'a Sandboxes,
    machine: &'a mut dyn Machine,
    why: For,
    wishes: Vec<Wish>,
}

impl Wishing<'_> {
    fn on_host(&mut self, interface: &str, network: Option<&str>) {
        let place = Place { room: Room::Host, interface: interface.to_owned(), content: Content::All };
        self.wishes.push(Wish { place, path: None, tap: tap(interface, network, None), why: self.why });
    }

    fn inside(&mut self, sandbox: &Sandbox, interface: &str, content: Content, network: Option<&str>) {
        let place = Place { room: sandbox.room.clone(), interface: interface.to_owned(), content };
        let path = (sandbox.room != Room::Host).then(|| sandbox.path.clone());
        let tap = tap(interface, network, Some(sandbox.name()));
        self.wishes.push(Wish { place, path, tap, why: self.why });
    }

    fn network(&mut self, network: &Network) {
        match (network.driver.as_str(), &network.interface) {
            (_, Some(interface)) => self.on_host(interface, Some(&network.name)),
            ("overlay", _) => self.overlay(network),
            ("host", _) => self.on_host(ANY, None),
            ("null", _) => {}
            // macvlan, ipvlan and plugins: the host's end, where there is one, does not show what containers of one
            // machine send each other.
            _ => self.each_on(network, |wishing, sandbox| wishing.interfaces(sandbox, Some(&network.id))),
        }
        if network.name_service {
            self.each_on(network, |wishing, sandbox| wishing.inside(sandbox, "lo", Content::Lookups, None));
        }
    }

    /// The ports of the host by which containers that are watched are reached: the bridge shows only what docker-proxy or
    /// the kernel made of it. All interfaces are looked at, because a client may be anywhere.
    fn published(&mut self) {
        let place = Place { room: Room::Host, interface: ANY.to_owned(), content: Content::Published };
        self.wishes.push(Wish { place, path: None, tap: tap(ANY, None, None), why: For::Everything });
    }

    /// The bridge of an overlay network, in its hidden namespace.
    fn overlay(&mut self, network: &Network) {
        let Some(path) = self.machine.overlay(&network.id) else { return };
        let Some(room) = self.machine.room(&path) else { return };
        let place = Place { room, interface: OVERLAY_BRIDGE.to_owned(), content: Content::All };
        let tap = tap(OVERLAY_BRIDGE, Some(&network.name), None);
        self.wishes.push(Wish { place, path: Some(path), tap, why: self.why });
    }

    fn each_on(&mut self, network: &Network, mut wish: impl FnMut(&mut Self, &Sandbox)) {
        let is_on = |container: &Arc<Container>| container.endpoints.iter().any(|place| place.network == network.id);
        let sandboxes = self.sandboxes;
        for sandbox in sandboxes.iter().filter(|sandbox| sandbox.containers.iter().any(is_on)) {
            wish(self, sandbox);
        }
    }

    fn container(&mut self, container: &Container) {
        let Some(sandbox) = self.sandboxes.of_container(&container.id) else { return };
        if sandbox.is_the_hosts(self.directory) {
            let place = Place { room: sandbox.room.clone(), interface: ANY.to_owned(), content: Content::All };
            let path = (sandbox.room != Room::Host).then(|| sandbox.path.clone());
            self.wishes.push(Wish { place, path, tap: tap(ANY, None, None), why: self.why });
        } else {
            self.interfaces(sandbox, None);
        }
    }

    /// The interfaces of a namespace; of one network only where `network` is given.
    fn interfaces(&mut self, sandbox: &Sandbox, network: Option<&NetworkId>) {
        let found = match &sandbox.room {
            Room::Closed(_) => Err(Error::NotEntered { path: sandbox.path.clone() }),
            room => self.machine.interfaces(room, &sandbox.path, &sandbox.endpoints()),
        };
        let found = match found {
            Ok(found) => found,
            // It has just stopped.
            Err(Error::NoNamespace { .. }) => return,
            // Opening it will fail, too, and say why.
            Err(_) => return self.inside(sandbox, "lo", Content::Lookups, None),
        };
        for interface in found.iter().filter(|interface| interface.up) {
            if interface.name == "lo" {
                if network.is_none() {
                    let asks = sandbox.asks_docker(self.directory);
                    let content = if asks { Content::Lookups } else { Content::All };
                    self.inside(sandbox, "lo", content, None);
                }
                continue;
            }
            let on = sandbox.network_of(interface, self.directory);
            if network.is_none() || on.as_ref() == network {
                let name = on.as_ref().and_then(|id| self.directory.network(id)).map(|network| network.name.clone());
                self.inside(sandbox, &interface.name, Content::All, name.as_deref());
            }
        }
    }
}

/// The description of a tap.
pub(super) fn tap(interface: &str, network: Option<&str>, namespace: Option<&str>) -> Tap {
    Tap {
        interface: interface.to_owned(),
        network: network.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
        link: LinkType::ETHERNET,
        aside: None,
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
