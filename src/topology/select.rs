//! Which networks and containers were asked for.

use std::sync::Arc;

use crate::docker::{Container, ContainerId, Directory, Lookup, Network, NetworkId};

/// What to show: everything, or some networks, and some containers with the networks that they are on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    networks: Vec<NetworkId>,
    containers: Vec<ContainerId>,
    /// Something was asked for by name.
    by_name: bool,
}

impl Selection {
    /// What `names` ask for: names or the beginnings of ids of networks and containers, `net:NAME` or `container:NAME`
    /// where a name is both. None: everything.
    ///
    /// # Errors
    /// A name that is none or several, in words for the person who typed it. The rest is in the selection all the same.
    pub fn resolve(names: &[String], directory: &Directory) -> (Self, Vec<String>) {
        let mut selection = Self { by_name: !names.is_empty(), ..Self::default() };
        let wrong = names.iter().filter_map(|name| selection.add(name, directory).err()).collect();
        (selection, wrong)
    }

    fn add(&mut self, wanted: &str, directory: &Directory) -> Result<(), String> {
        let (name, kinds) = match wanted.split_once(':') {
            Some(("net", name)) => (name, (true, false)),
            Some(("container", name)) => (name, (false, true)),
            _ => (wanted, (true, true)),
        };
        let none = || Lookup::NotFound { nearest: None };
        let network = if kinds.0 { directory.find_network(name) } else { none() };
        let container = if kinds.1 { directory.find_container(name) } else { Lookup::NotFound { nearest: None } };
        match (network, container) {
            (Lookup::Found(network), Lookup::Found(container)) => {
                match (network.name == name, container.name == name) {
                    // A name comes before the beginning of an id.
                    (true, false) => self.networks.push(network.id.clone()),
                    (false, true) => self.containers.push(container.id.clone()),
                    _ => {
                        return Err(format!(
                            "{name} is both a network and a container: write net:{name} or container:{name}"
                        ));
                    }
                }
            }
            (Lookup::Found(network), _) => self.networks.push(network.id.clone()),
            (_, Lookup::Found(container)) => self.containers.push(container.id.clone()),
            (Lookup::Ambiguous(names), _) | (_, Lookup::Ambiguous(names)) => {
                return Err(format!("{name} is the beginning of more than one id: of {}", names.join(", ")));
            }
            (Lookup::NotFound { nearest: network }, Lookup::NotFound { nearest: container }) => {
                return Err(match network.or(container) {
                    Some(near) => format!("{name}: no such network or running container; did you mean {near}?"),
                    None => format!(
                        "{name}: no such network or running container; bridgetap networks shows those there are"
                    ),
                });
            }
        }
        Ok(())
    }

    /// Whether a network is shown.
    pub(super) fn has_network(&self, directory: &Directory, network: &Network) -> bool {
        let is_on = |container: &Arc<Container>| container.endpoints.iter().any(|place| place.network == network.id);
        !self.by_name
            || self.networks.contains(&network.id)
            || self.containers.iter().filter_map(|id| directory.container(id)).any(is_on)
    }

    /// Whether a container is shown on a network: all are on one that was asked for itself.
    pub(super) fn has_attachment(&self, network: &Network, container: &Container) -> bool {
        !self.by_name || self.networks.contains(&network.id) || self.containers.contains(&container.id)
    }
}
