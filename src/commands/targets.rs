//! What the user named: a network, a container, a Compose service or an interface.
//!
//! Pure: what there is comes as arguments, so that the same target can be looked for again whenever that changes.

use std::sync::Arc;

use crate::capture::live::ANY;
use crate::docker::{Container, Directory, Network};

/// The kind of thing that a target is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Network,
    Container,
    Service,
    Interface,
}

/// What may stand before a name, and what it means. The first of each kind is the one that messages show.
const PREFIXES: &[(&str, Kind)] = &[
    ("net", Kind::Network),
    ("network", Kind::Network),
    ("container", Kind::Container),
    ("service", Kind::Service),
    ("if", Kind::Interface),
    ("interface", Kind::Interface),
];

/// A target as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub kind: Option<Kind>,
    pub name: String,
}

/// Something that can be watched and is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Network(Arc<Network>),
    Container(Arc<Container>),
    /// The containers of a Compose service.
    Service {
        project: String,
        service: String,
    },
    /// An interface of the host that is no network's bridge.
    Interface(String),
}

/// Why a target is not one thing that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// It could be each of these, in the form that is accepted.
    Ambiguous(Vec<String>),
    Missing,
}

impl Target {
    /// Reads `NAME`, `net:NAME`, `container:NAME`, `service:NAME`, `service:PROJECT/NAME`, `if:NAME`.
    pub fn read(typed: &str) -> Result<Self, String> {
        let (prefix, name) = typed.split_once(':').map_or((None, typed), |(prefix, name)| (Some(prefix), name));
        let kind = prefix.map(|prefix| PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, kind)| *kind));
        match kind {
            _ if name.is_empty() => Err(format!("{typed:?} names nothing: write a name or the beginning of an id")),
            Some(Some(kind)) => Ok(Self { kind: Some(kind), name: name.to_owned() }),
            // A label of an address, which ifconfig takes for an interface: eth0:1.
            Some(None) if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Self { kind: None, name: typed.to_owned() })
            }
            Some(None) => Err(format!("{typed}: write net:, container:, service: or if: before a name")),
            None => Ok(Self { kind: None, name: typed.to_owned() }),
        }
    }

    /// Finds what it names: by name, among all kinds that it may be; then, where nothing has that name, by the beginning
    /// of an id. `interfaces` are the host's.
    pub fn resolve(&self, directory: &Directory, interfaces: &[String]) -> Result<Subject, Unresolved> {
        let mut found = self.by_name(directory, interfaces);
        if found.is_empty() {
            found = self.by_id(directory);
        }
        match found.as_slice() {
            [] => Err(Unresolved::Missing),
            [only] => Ok(only.clone()),
            several => {
                Err(Unresolved::Ambiguous(several.iter().map(|subject| subject.accepted_form(several)).collect()))
            }
        }
    }

    fn may_be(&self, kind: Kind) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }

    fn by_name(&self, directory: &Directory, interfaces: &[String]) -> Vec<Subject> {
        let name = self.name.as_str();
        let mut found = Vec::new();
        if self.may_be(Kind::Network) {
            let networks = directory.networks().filter(|network| network.name == name);
            found.extend(networks.cloned().map(Subject::Network));
        }
        if self.may_be(Kind::Container) {
            found.extend(directory.container_by_name(name).cloned().map(Subject::Container));
        }
        if self.may_be(Kind::Service) {
            let mut services = services(directory, name);
            services.retain(|service| !is_just(service, &found, directory));
            found.append(&mut services);
        }
        let is_interface = name == ANY || interfaces.iter().any(|interface| interface == name);
        if self.may_be(Kind::Interface) && is_interface {
            // One that is a network's bridge stands for the network, also where both have one name (docker_gwbridge).
            let network = directory.network_by_interface(name).cloned().map(Subject::Network);
            let subject = network.unwrap_or_else(|| Subject::Interface(name.to_owned()));
            if !found.contains(&subject) {
                found.push(subject);
            }
        }
        found
    }

    fn by_id(&self, directory: &Directory) -> Vec<Subject> {
        let mut found = Vec::new();
        // Docker's own ids are hexadecimal, those of a swarm's networks have all letters.
        if !self.name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return found;
        }
        let id = self.name.to_ascii_lowercase();
        if self.may_be(Kind::Network) {
            let networks = directory.networks().filter(|network| network.id.0.starts_with(&id));
            found.extend(networks.cloned().map(Subject::Network));
        }
        if self.may_be(Kind::Container) {
            let containers = directory.containers().filter(|container| container.id.0.starts_with(&id));
            found.extend(containers.cloned().map(Subject::Container));
        }
        found
    }

    /// The name of what there is that is most like it, in the form that is accepted.
    pub fn nearest(&self, directory: &Directory, interfaces: &[String], stopped: &[String]) -> Option<String> {
        let of = |kind: Kind, names: Vec<&str>| {
            let candidates = if self.may_be(kind) { names } else { Vec::new() };
            candidates.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let services = directory.containers().filter_map(|container| container.compose.as_ref());
        let names = [
            of(Kind::Network, directory.networks().map(|network| network.name.as_str()).collect()),
            of(Kind::Container, directory.containers().map(|container| container.name.as_str()).collect()),
            of(Kind::Container, stopped.iter().map(String::as_str).collect()),
            of(Kind::Service, services.map(|(_, service)| service.as_str()).collect()),
            of(Kind::Interface, interfaces.iter().map(String::as_str).collect()),
        ];
        crate::docker::lookup::nearest(names.iter().flatten().map(String::as_str), &self.name)
    }

    /// What to call it where it is not found.
    pub fn what(&self) -> &'static str {
        match self.kind {
            None => "network, container, service or interface",
            Some(Kind::Network) => "network",
            Some(Kind::Container) => "container",
            Some(Kind::Service) => "service with a running container",
            Some(Kind::Interface) => "interface",
        }
    }
}

impl Subject {
    /// How to name it without doubt, among the `others` that the same word could mean.
    fn accepted_form(&self, others: &[Self]) -> String {
        let is_double = |network: &Network| {
            let same = |other: &&Self| matches!(other, Self::Network(other) if other.name == network.name);
            others.iter().filter(same).count() > 1
        };
        match self {
            Self::Network(network) if is_double(network) => format!("net:{}", short(&network.id.0)),
            Self::Network(network) => format!("net:{}", network.name),
            Self::Container(container) => format!("container:{}", container.name),
            Self::Service { project, service } => format!("service:{project}/{service}"),
            Self::Interface(name) => format!("if:{name}"),
        }
    }

    /// The name that messages have for it.
    pub fn name(&self) -> String {
        match self {
            Self::Network(network) => network.name.clone(),
            Self::Container(container) => container.name.clone(),
            Self::Service { project, service } => format!("{project}/{service}"),
            Self::Interface(name) => name.clone(),
        }
    }

    /// The same thing by the newest Directory; nothing where it is gone.
    pub fn renewed(&self, directory: &Directory, interfaces: &[String]) -> Option<Self> {
        match self {
            Self::Network(old) => directory.networks().find(|network| network.id == old.id).cloned().map(Self::Network),
            Self::Container(old) => directory.container(&old.id).cloned().map(Self::Container),
            Self::Service { .. } => directory.containers().any(|found| self.is_service_of(found)).then(|| self.clone()),
            Self::Interface(name) => (name == ANY || interfaces.contains(name)).then(|| self.clone()),
        }
    }

    /// Whether it is the Compose service that `container` belongs to.
    pub fn is_service_of(&self, container: &Container) -> bool {
        let Self::Service { project, service } = self else { return false };
        container.compose.as_ref().is_some_and(|(of, name)| of == project && name == service)
    }
}

/// The first twelve digits of an id, which the docker command shows.
pub(super) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// The Compose services of that name, in every project that has one; of one project for `PROJECT/NAME`.
fn services(directory: &Directory, wanted: &str) -> Vec<Subject> {
    let mut found = Vec::new();
    for (project, service) in directory.containers().filter_map(|container| container.compose.as_ref()) {
        let is_whole = wanted.split_once('/').is_some_and(|(of, name)| of == project && name == service);
        let subject = Subject::Service { project: project.clone(), service: service.clone() };
        if (is_whole || service == wanted) && !found.contains(&subject) {
            found.push(subject);
        }
    }
    found
}

/// Whether a service is nothing else than the one container among `found`: `container_name: web` in the service `web`.
fn is_just(service: &Subject, found: &[Subject], directory: &Directory) -> bool {
    let mut of_it = directory.containers().filter(|container| service.is_service_of(container));
    let only = of_it.next().filter(|_| of_it.next().is_none());
    only.is_some_and(|only| found.contains(&Subject::Container(Arc::clone(only))))
}

#[cfg(test)]
#[path = "targets_tests.rs"]
mod tests;
