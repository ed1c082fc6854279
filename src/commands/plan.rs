//! What is to be watched, and the taps that this takes by the Directory of the moment.

use std::collections::HashSet;
use std::path::Path;

use crate::capture::{LinkType, Tap, interfaces};
use crate::docker::{Container, Directory, NetworkId};

/// What a tap is on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// An interface of the host, and the network whose bridge it is.
    Interface(String, Option<String>),
    /// The loopback interface of a container, by the path of its namespace.
    Loopback(String),
}

impl Place {
    /// Whether it can be opened: also when what was watched is gone and another has its name.
    pub fn is_there(&self) -> bool {
        match self {
            Self::Interface(name, _) => interfaces::find(name).is_ok_and(|found| found.is_some()),
            Self::Loopback(path) => Path::new(path).exists(),
        }
    }
}

/// What the user wants to watch.
#[derive(Default)]
pub(super) struct Plan {
    /// Interfaces of the host.
    pub interfaces: Vec<String>,
    /// Networks, by their bridge and the lookups of their containers.
    pub networks: HashSet<NetworkId>,
    /// Every bridge, also those that are yet to come.
    pub every_bridge: bool,
}

impl Plan {
    /// Every place to watch by the Directory, with its tap's description.
    pub fn places(&self, directory: &Directory) -> Vec<(Place, Tap)> {
        let Self { interfaces, networks, every_bridge } = self;
        let is_wanted = |id: &NetworkId| {
            let bridge = || directory.network(id).is_some_and(|network| network.driver == "bridge");
            networks.contains(id) || *every_bridge && bridge()
        };
        let on_host = |interface: &str, network: Option<&str>| {
            let place = Place::Interface(interface.to_owned(), network.map(str::to_owned));
            (place, tap(interface, network, None))
        };
        let mut wanted: Vec<_> = interfaces.iter().map(|interface| on_host(interface, None)).collect();
        for network in directory.networks().filter(|network| is_wanted(&network.id)) {
            if let Some(interface) = &network.interface {
                wanted.push(on_host(interface, Some(&network.name)));
            }
        }
        let asks = |container: &Container| {
            container.endpoints.iter().any(|endpoint| {
                let has_service = directory.network(&endpoint.network).is_some_and(|network| network.name_service);
                has_service && is_wanted(&endpoint.network)
            })
        };
        for container in directory.containers().filter(|container| asks(container)) {
            if let Some(path) = &container.namespace {
                wanted.push((Place::Loopback(path.clone()), tap("lo", None, Some(&container.name))));
            }
        }
        wanted
    }
}

/// The description of a tap.
pub(super) fn tap(interface: &str, network: Option<&str>, namespace: Option<&str>) -> Tap {
    Tap {
        interface: interface.to_owned(),
        network: network.map(str::to_owned),
        namespace: namespace.map(str::to_owned),
        link: LinkType::ETHERNET,
    }
}
