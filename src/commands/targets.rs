//! What the user named: a network or an interface.

use std::sync::Arc;

use crate::capture::interfaces;
use crate::docker::{Directory, Lookup, Network};

/// Something that can be watched.
#[derive(Debug)]
pub(super) enum Target {
    /// A Docker network, by its bridge.
    Network(Arc<Network>),
    /// An interface of the host.
    Interface(String),
}

/// Finds what `wanted` names; `why_no_networks` is the reason where the Directory could not be had.
pub(super) fn resolve(wanted: &str, directory: &Directory, why_no_networks: Option<&str>) -> Result<Target, String> {
    if let Some(name) = wanted.strip_prefix("if:") {
        return Ok(interface(name, directory));
    }
    let (name, network_only) = wanted.strip_prefix("net:").map_or((wanted, false), |name| (name, true));
    let is_interface = !network_only && is_interface(name);
    match directory.find_network(name) {
        Lookup::Found(network) if is_interface && network.name == name => {
            Err(format!("{name} is both a network and an interface: write net:{name} or if:{name}"))
        }
        Lookup::Found(network) if !is_interface => watchable(network),
        Lookup::Ambiguous(names) if !is_interface => {
            Err(format!("{name} is the beginning of more than one id: of {}", names.join(", ")))
        }
        _ if is_interface => Ok(interface(name, directory)),
        Lookup::NotFound { nearest } => Err(not_found(name, directory, why_no_networks, nearest)),
        Lookup::Found(_) | Lookup::Ambiguous(_) => Ok(interface(name, directory)),
    }
}

/// An interface; one that is a network's bridge stands for the network.
fn interface(name: &str, directory: &Directory) -> Target {
    match directory.network_by_interface(name) {
        Some(network) => Target::Network(Arc::clone(network)),
        None => Target::Interface(name.to_owned()),
    }
}

fn is_interface(name: &str) -> bool {
    name == crate::capture::live::ANY || interfaces::find(name).is_ok_and(|found| found.is_some())
}

fn watchable(network: Arc<Network>) -> Result<Target, String> {
    let Network { name, driver, .. } = &*network;
    match driver.as_str() {
        _ if network.interface.is_some() => Ok(Target::Network(network)),
        "host" => {
            Err(format!("{name}: its containers use the host's own interfaces; name one of those, as in if:eth0"))
        }
        "null" => Err(format!("{name}: its containers have no interface but their loopback")),
        _ => Err(format!("{name}: a network of the driver {driver} has no interface on this host to watch")),
    }
}

fn not_found(name: &str, directory: &Directory, why: Option<&str>, nearest: Option<String>) -> String {
    if let Some(why) = why {
        return format!("{name} is not an interface, and Docker's networks cannot be listed: {why}");
    }
    if let Lookup::Found(container) = directory.find_container(name) {
        let networks = container.endpoints.iter().filter_map(|endpoint| directory.network(&endpoint.network));
        let networks: Vec<_> = networks.map(|network| network.name.as_str()).collect();
        return match networks.as_slice() {
            [] => format!("{name} is a container, and is on no network"),
            networks => format!("{name} is a container: name its network, {}", networks.join(" or ")),
        };
    }
    match nearest.or_else(|| interfaces::nearest(name)) {
        Some(near) => format!("{name}: no such network or interface; did you mean {near}?"),
        None => format!("{name}: no such network or interface; docker network ls and ip link show those there are"),
    }
}
