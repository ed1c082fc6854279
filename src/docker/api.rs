//! From the Engine API's objects (`docs/api/v1.41.yaml` in moby) to the Directory's. No I/O; what is missing or not
//! readable is left out. Lists are sorted: the API gives maps, and equal containers must compare as equal.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bollard::models::{
    ContainerInspectResponse, ContainerSummary, EndpointSettings, Network as ApiNetwork, NetworkInspect, PortBinding,
    PortMap, PortSummary, PortSummaryTypeEnum,
};

use crate::address::MacAddr;
use crate::docker::directory::{Binding, Container, ContainerId, Endpoint, Link, Network, NetworkId, Protocol, Subnet};
use crate::docker::host::HostInterfaces;

/// Option of a network that names its bridge (moby, libnetwork/drivers/bridge/labels.go).
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";
/// Option that the default bridge has, and no other network.
const DEFAULT_BRIDGE: &str = "com.docker.network.bridge.default_bridge";

/// A running container; nothing for one that is not.
pub(crate) fn container(found: ContainerInspectResponse, namespace: Option<String>) -> Option<Container> {
    let id = found.id.filter(|id| !id.is_empty())?;
    if found.state.as_ref().and_then(|state| state.running) != Some(true) {
        return None;
    }
    let config = found.config.unwrap_or_default();
    let settings = found.network_settings.unwrap_or_default();
    let name = bare_name(&found.name.unwrap_or_default());
    let networks = settings.networks.unwrap_or_default();
    let links = links(found.host_config.as_ref().and_then(|host| host.links.as_ref()), &networks);
    Some(Container {
        id: ContainerId(id.into()),
        image: config.image.or(found.image).unwrap_or_default(),
        compose: config.labels.as_ref().and_then(compose),
        endpoints: endpoints(networks, &name),
        published: published(settings.ports.unwrap_or_default()),
        links,
        name,
        namespace,
    })
}

/// What the list of containers says of one: all but aliases, links and namespace.
pub(crate) fn container_of_list(found: ContainerSummary) -> Option<Container> {
    let id = found.id.filter(|id| !id.is_empty())?;
    let names = found.names.unwrap_or_default();
    // A legacy link adds a name with a second slash in it.
    let name = names.iter().find(|name| !name.trim_start_matches('/').contains('/')).or(names.first());
    let name = bare_name(name.map_or("", String::as_str));
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    Some(Container {
        id: ContainerId(id.into()),
        image: found.image.unwrap_or_default(),
        compose: found.labels.as_ref().and_then(compose),
        endpoints: endpoints(networks, &name),
        published: sorted(found.ports.unwrap_or_default().iter().filter_map(listed_port).collect()),
        links: Vec::new(),
        name,
        namespace: None,
    })
}

/// The containers that the daemon's list tells of, from its JSON: what `GET /containers/json` answers.
///
/// A [`DirectoryWatch`](crate::docker::DirectoryWatch) has the same from the client library. This is for the JSON that was
/// kept of it, and for tests that make it up.
pub fn read_list(text: &str) -> Result<Vec<Container>, serde_json::Error> {
    let listed: Vec<ContainerSummary> = serde_json::from_str(text)?;
    Ok(listed.into_iter().filter_map(container_of_list).collect())
}

/// A network as the list gives it; nothing for one that is only a configuration for others.
pub(crate) fn network(found: ApiNetwork, host: &HostInterfaces) -> Option<Network> {
    if found.config_only == Some(true) {
        return None;
    }
    let id = found.id.filter(|id| !id.is_empty())?;
    let name = found.name.unwrap_or_default();
    let driver = found.driver.unwrap_or_default();
    let options = found.options.unwrap_or_default();
    let configs = found.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let subnets: Vec<_> =
        configs.iter().filter_map(|config| Subnet::parse(config.subnet.as_deref().unwrap_or_default())).collect();
    let mut gateways: Vec<_> = configs.iter().filter_map(|config| parse_address(config.gateway.as_deref())).collect();
    let interface = (driver == "bridge").then(|| bridge_name(&id, &options, &gateways, host));
    if gateways.is_empty() {
        gateways = own_addresses(interface.as_deref(), &subnets, host);
    }
    let is_default_bridge =
        driver == "bridge" && options.get(DEFAULT_BRIDGE).map_or(name == "bridge", |value| value == "true");
    Some(Network {
        name_service: !(is_default_bridge || matches!(driver.as_str(), "host" | "null")),
        internal: found.internal.unwrap_or_default(),
        scope: found.scope.unwrap_or_default(),
        options: options.into_iter().collect(),
        id: NetworkId(id.into()),
        name,
        driver,
        interface,
        subnets,
        gateways,
    })
}

/// The fields that a network's inspection shares with the list.
pub(crate) fn listed(found: NetworkInspect) -> ApiNetwork {
    ApiNetwork {
        id: found.id,
        name: found.name,
        driver: found.driver,
        ipam: found.ipam,
        internal: found.internal,
        scope: found.scope,
        config_only: found.config_only,
        options: found.options,
        ..ApiNetwork::default()
    }
}

fn bare_name(name: &str) -> String {
    name.strip_prefix('/').unwrap_or(name).to_owned()
}

fn compose(labels: &HashMap<String, String>) -> Option<(String, String)> {
    let label = |name: &str| labels.get(name).cloned();
    Some((label("com.docker.compose.project")?, label("com.docker.compose.service")?))
}

/// The bridge's name; where no such interface is here, the one that has the gateway's address (Podman's are not named
/// by the network's id).
fn bridge_name(id: &str, options: &HashMap<String, String>, gateways: &[IpAddr], host: &HostInterfaces) -> String {
    let said = options.get(BRIDGE_NAME).filter(|name| !name.is_empty()).cloned();
    let usual = said.unwrap_or_else(|| format!("br-{}", id.get(..12).unwrap_or(id)));
    if host.addresses.contains_key(&usual) {
        return usual;
    }
    gateways.iter().find_map(|&gateway| host.with_address(gateway)).map_or(usual, str::to_owned)
}

/// The bridge's own addresses in the network's subnets: Engine 20.10 names no gateway for the default bridge.
fn own_addresses(interface: Option<&str>, subnets: &[Subnet], host: &HostInterfaces) -> Vec<IpAddr> {
    let own = interface.and_then(|name| host.addresses.get(name)).into_iter().flatten();
    own.filter(|address| subnets.iter().any(|subnet| subnet.contains(**address))).copied().collect()
}

/// A container's places, by the name of the network.
fn endpoints(networks: HashMap<String, EndpointSettings>, name: &str) -> Vec<Endpoint> {
    let mut networks: Vec<_> = networks.into_iter().collect();
    networks.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    networks.into_iter().filter_map(|(_, settings)| endpoint(settings, name)).collect()
}

fn endpoint(settings: EndpointSettings, name: &str) -> Option<Endpoint> {
    let network: Arc<str> = settings.network_id.filter(|id| !id.is_empty())?.into();
    let addresses = [settings.ip_address, settings.global_ipv6_address];
    // From API 1.45 on, DNSNames is what the name service answers for, and Aliases what the user asked for.
    let mut aliases = settings.aliases.unwrap_or_default();
    aliases.extend(settings.dns_names.unwrap_or_default());
    aliases.retain(|alias| alias != name);
    aliases.sort_unstable();
    aliases.dedup();
    Some(Endpoint {
        network: NetworkId(network),
        addresses: addresses.iter().filter_map(|address| parse_address(address.as_deref())).collect(),
        mac: settings.mac_address.as_deref().and_then(MacAddr::parse),
        aliases,
    })
}

/// The links of the default bridge and those of user-defined networks, which the API keeps apart.
fn links(legacy: Option<&Vec<String>>, networks: &HashMap<String, EndpointSettings>) -> Vec<Link> {
    let of_networks = networks.values().filter_map(|settings| settings.links.as_ref()).flatten();
    let mut links: Vec<_> = legacy.into_iter().flatten().chain(of_networks).filter_map(|text| link(text)).collect();
    links.sort_unstable();
    links.dedup();
    links
}

/// Reads `/web:/client/alias` of the default bridge and `web:alias` of a user-defined network.
fn link(text: &str) -> Option<Link> {
    let (container, alias) = text.split_once(':')?;
    let alias = alias.rsplit('/').next()?;
    Some(Link { container: bare_name(container), alias: alias.to_owned() })
}

fn parse_address(text: Option<&str>) -> Option<IpAddr> {
    text?.parse().ok().filter(|address: &IpAddr| !address.is_unspecified())
}

fn published(ports: PortMap) -> Vec<Binding> {
    let bindings = ports.into_iter().flat_map(|(port, bindings)| {
        let target = container_port(&port);
        bindings.unwrap_or_default().into_iter().filter_map(move |found| binding(&found, target?))
    });
    sorted(bindings.collect())
}

/// Reads `80/tcp`.
fn container_port(text: &str) -> Option<(u16, Protocol)> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => return None,
    };
    Some((port.parse().ok()?, protocol))
}

fn binding(found: &PortBinding, (container_port, protocol): (u16, Protocol)) -> Option<Binding> {
    let host_port = found.host_port.as_ref()?.parse().ok()?;
    Some(Binding { host_address: host_address(found.host_ip.as_deref()), host_port, container_port, protocol })
}

fn listed_port(found: &PortSummary) -> Option<Binding> {
    let protocol = match found.typ {
        Some(PortSummaryTypeEnum::UDP) => Protocol::Udp,
        Some(PortSummaryTypeEnum::SCTP) => Protocol::Sctp,
        _ => Protocol::Tcp,
    };
    let host_address = host_address(found.ip.as_deref());
    Some(Binding { host_address, host_port: found.public_port?, container_port: found.private_port, protocol })
}

/// An empty one is every address.
fn host_address(text: Option<&str>) -> IpAddr {
    text.and_then(|text| text.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn sorted(mut bindings: Vec<Binding>) -> Vec<Binding> {
    bindings.sort_unstable_by_key(|port| (port.container_port, port.host_port, port.host_address, port.protocol as u8));
    bindings.dedup();
    bindings
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
