//! A Directory from the saved output of `docker inspect`, for captures that carry no names.
//!
//! Containers and networks may be mixed, in any order and in several arrays. What one of them says of the other fills in
//! what was not inspected: a container names its networks with gateway and prefix, a network its containers with their
//! addresses. This machine is not asked anything: the file may come from another one.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use bollard::models::{ContainerInspectResponse, EndpointSettings, NetworkInspect};
use serde_json::Value;

use crate::address::MacAddr;
use crate::docker::api;
use crate::docker::directory::{Container, ContainerId, Directory, Endpoint, Network, NetworkId, Subnet, masked};
use crate::docker::host::HostInterfaces;
use crate::docker::inspected_object::{Inspected, read_object};
use crate::time::Timestamp;

/// Most bytes that such a file may have; one of 1,000 containers has twelve million.
pub const MAX_BYTES: usize = 32 << 20;
/// Most containers and networks together that such a file may have.
pub const MAX_OBJECTS: usize = 65_536;

/// The command whose output is read.
const COMMAND: &str = "docker inspect $(docker ps -q) $(docker network ls -q)";

/// Networks and containers as they were inspected.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    networks: BTreeMap<NetworkId, Network>,
    containers: BTreeMap<ContainerId, Container>,
    /// What containers say of networks that were perhaps not inspected.
    told_networks: BTreeMap<NetworkId, Network>,
    /// What networks say of containers that were perhaps not inspected.
    told_containers: BTreeMap<ContainerId, Container>,
    /// Containers that were inspected and do not run.
    stopped: HashSet<ContainerId>,
}

impl Inspection {
    /// Takes in a file's text. Where two files tell of the same container or network, the later one counts.
    ///
    /// # Errors
    /// In words: which object and which of its fields is wrong, or what was expected.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        if text.len() > MAX_BYTES {
            return Err(format!("has {} bytes, and at most {MAX_BYTES} are read", text.len()));
        }
        let mut count = 0;
        // PowerShell writes it before everything else.
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return Err(format!("is empty; {}", expected()));
        }
        for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
            let document = document.map_err(|error| not_json(&error))?;
            let objects = match document {
                Value::Array(objects) => objects,
                object => vec![object],
            };
            for object in objects {
                count += 1;
                if count > MAX_OBJECTS {
                    return Err(format!("has more than {MAX_OBJECTS} objects"));
                }
                match read_object(object, count) {
                    Ok(Inspected::Container(container)) => self.add_container(*container),
                    Ok(Inspected::Network(network)) => self.add_network(*network),
                    Err(wrong) if wrong.is_other => return Err(format!("{}; {}", wrong.what, expected())),
                    Err(wrong) => return Err(wrong.what),
                }
            }
        }
        if count == 0 { Err(format!("tells of no container and no network; {}", expected())) } else { Ok(()) }
    }

    /// The Directory of all that was taken in. It counts as true for all times.
    pub fn directory(&self) -> Directory {
        let mut networks = self.networks.clone();
        for (id, told) in &self.told_networks {
            match networks.get_mut(id) {
                // Engine 20.10 does not name the gateway of the default bridge.
                Some(network) if network.gateways.is_empty() => network.gateways.clone_from(&told.gateways),
                Some(_) => {}
                None => drop(networks.insert(id.clone(), told.clone())),
            }
        }
        let mut containers = self.containers.clone();
        for (id, told) in &self.told_containers {
            if !self.stopped.contains(id) {
                containers.entry(id.clone()).or_insert_with(|| told.clone());
            }
        }
        let hosts = host_addresses(containers.values());
        Directory::from_listing(
            networks.into_values().collect(),
            containers.into_values().collect(),
            hosts,
            Timestamp::ZERO,
        )
    }

    fn add_container(&mut self, found: ContainerInspectResponse) {
        let id = ContainerId(found.id.clone().unwrap_or_default().into());
        let networks = found.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
        let told: Vec<_> =
            networks.into_iter().flatten().filter_map(|(name, place)| told_network(name, place)).collect();
        match api::container(found, None) {
            Some(container) => {
                self.stopped.remove(&id);
                self.containers.insert(id, container);
                for network in told {
                    let known = self.told_networks.entry(network.id.clone()).or_insert_with(|| network.clone());
                    if known.gateways.is_empty() {
                        *known = network;
                    }
                }
            }
            None => {
                self.containers.remove(&id);
                self.stopped.insert(id);
            }
        }
    }

    fn add_network(&mut self, mut found: NetworkInspect) {
        let members = found.containers.take().unwrap_or_default();
        let Some(network) = api::network(api::listed(found), &HostInterfaces::default()) else { return };
        for (id, member) in members {
            // A swarm lists its load balancers here too, as lb-NAME.
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                continue;
            }
            let addresses = [member.ipv4_address, member.ipv6_address];
            let endpoint = Endpoint {
                network: network.id.clone(),
                addresses: addresses.iter().flatten().filter_map(|text| address_of(text)).collect(),
                mac: member.mac_address.as_deref().and_then(MacAddr::parse),
                aliases: Vec::new(),
            };
            let id = ContainerId(id.into());
            let container = self.told_containers.entry(id.clone()).or_insert_with(|| nameless(id));
            container.name = member.name.unwrap_or_default();
            container.endpoints.retain(|known| known.network != endpoint.network);
            container.endpoints.push(endpoint);
        }
        self.networks.insert(network.id.clone(), network);
    }
}

fn expected() -> String {
    format!("what is read is the output of {COMMAND}")
}

fn not_json(error: &serde_json::Error) -> String {
    let what = if error.is_eof() { "the JSON ends too early".to_owned() } else { format!("no JSON: {error}") };
    format!("{what}; {}", expected())
}

/// What a container says of one of its networks, where it says what it is.
///
/// The driver is not among it. It is taken for a bridge, as nearly all are: then its gateway is the host.
fn told_network(name: &str, place: &EndpointSettings) -> Option<Network> {
    let id = place.network_id.clone().filter(|id| !id.is_empty())?;
    let driver = match name {
        "host" => "host",
        "none" => "null",
        _ => "bridge",
    };
    let subnet = |address: Option<&String>, prefix: Option<i64>| {
        let address: IpAddr = address?.parse().ok()?;
        let prefix = u8::try_from(prefix?).ok().filter(|prefix| *prefix > 0)?;
        Subnet::parse(&format!("{}/{prefix}", masked(address, prefix)))
    };
    let subnets = [
        subnet(place.ip_address.as_ref(), place.ip_prefix_len),
        subnet(place.global_ipv6_address.as_ref(), place.global_ipv6_prefix_len),
    ];
    let found = bollard::models::Network {
        id: Some(id),
        name: Some(name.to_owned()),
        driver: Some(driver.to_owned()),
        ..bollard::models::Network::default()
    };
    let mut network = api::network(found, &HostInterfaces::default())?;
    if name == "bridge" {
        network.interface = Some("docker0".to_owned());
    }
    network.subnets = subnets.into_iter().flatten().collect();
    network.gateways =
        [&place.gateway, &place.ipv6_gateway].into_iter().flatten().filter_map(|text| address_of(text)).collect();
    Some(network)
}

fn nameless(id: ContainerId) -> Container {
    Container {
        id,
        name: String::new(),
        image: String::new(),
        compose: None,
        endpoints: Vec::new(),
        published: Vec::new(),
        links: Vec::new(),
        namespace: None,
    }
}

/// An address that may have a prefix behind it, `172.18.0.2/16`.
pub(crate) fn address_of(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok().filter(|address: &IpAddr| !address.is_unspecified())
}

/// The addresses of the host that ports are published on, where they are single ones.
fn host_addresses<'a>(containers: impl Iterator<Item = &'a Container>) -> Vec<IpAddr> {
    let bindings = containers.flat_map(|container| &container.published).map(|binding| binding.host_address);
    bindings.filter(|address| !address.is_unspecified() && !address.is_loopback()).collect()
}

#[cfg(test)]
#[path = "inspected_tests.rs"]
mod tests;
