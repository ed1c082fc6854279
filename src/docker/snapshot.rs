//! A Directory as JSON, as capture files keep it: the complete state from one moment on.
//!
//! The format only grows: a reader ignores fields it does not know, and one that is missing is empty. A change that
//! older readers would misread gets another version number, which they refuse.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::address::MacAddr;
use crate::docker::directory::{
    Binding, Container, ContainerId, Directory, Endpoint, Link, Network, NetworkId, Protocol, Subnet,
};
use crate::time::Timestamp;

/// The version that is read and written.
pub const VERSION: u64 = 1;
/// How a snapshot begins, by which readers of capture files know it.
pub const BEGINS: &str = "{\"bridgetap_directory\"";
/// Most bytes that a snapshot may have; one of 1,000 containers has half a megabyte.
pub const MAX_BYTES: usize = 64 << 20;
/// Most containers, and most networks, that a snapshot may have.
pub const MAX_ENTRIES: usize = 65_536;

/// The complete state from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// From when on it is true.
    pub at: Timestamp,
    /// The addresses of the host's interfaces.
    pub host_addresses: Vec<IpAddr>,
    /// The networks.
    pub networks: Vec<Network>,
    /// The running containers. Their namespaces are not kept: they mean nothing on another machine.
    pub containers: Vec<Container>,
}

/// Why a text is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// More than [`MAX_BYTES`].
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// Not JSON, or not of this form.
    Malformed {
        /// What is wrong, with line and column.
        detail: String,
    },
    /// Of another version than [`VERSION`].
    Version {
        /// The one it says.
        found: u64,
    },
    /// More than [`MAX_ENTRIES`] of something.
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// A value that cannot be read.
    Value {
        /// The field.
        field: &'static str,
        /// Its value, its beginning only where it is long.
        value: String,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(f, "the names are {bytes} bytes long, and at most {MAX_BYTES} are read"),
            Self::Malformed { detail } => write!(f, "the names cannot be read: {detail}"),
            Self::Version { found } => write!(
                f,
                "the names have format version {found}, and this bridgetap reads version {VERSION}: use a newer one"
            ),
            Self::TooMany { what, count } => write!(f, "{count} {what}, and at most {MAX_ENTRIES} are read"),
            Self::Value { field, value } => write!(f, "the field {field} cannot be {value:?}"),
        }
    }
}

impl Error for SnapshotError {}

impl Snapshot {
    /// The state of a Directory as it is now, as true from `at` on.
    pub fn of(directory: &Directory, at: Timestamp) -> Self {
        Self {
            at,
            host_addresses: directory.host_addresses().to_vec(),
            networks: directory.networks().map(|network| (**network).clone()).collect(),
            containers: directory.containers().map(|container| (**container).clone()).collect(),
        }
    }

    /// The Directory after this state, which follows `before`, or is the first.
    #[must_use]
    pub fn apply(self, before: Option<&Directory>) -> Directory {
        let Self { at, host_addresses, networks, containers } = self;
        match before {
            Some(before) => before.updated(networks, containers, host_addresses, at),
            None => Directory::from_listing(networks, containers, host_addresses, at),
        }
    }
}

/// Reads one snapshot.
pub fn read_snapshot(text: &str) -> Result<Snapshot, SnapshotError> {
    if text.len() > MAX_BYTES {
        return Err(SnapshotError::TooLong { bytes: text.len() });
    }
    // The version first: of another one, nothing else need be as it is here.
    let version: VersionJson = parse(text)?;
    if version.bridgetap_directory != VERSION {
        return Err(SnapshotError::Version { found: version.bridgetap_directory });
    }
    let json: SnapshotJson = parse(text)?;
    for (what, count) in [("networks", json.networks.len()), ("containers", json.containers.len())] {
        if count > MAX_ENTRIES {
            return Err(SnapshotError::TooMany { what, count });
        }
    }
    Ok(Snapshot {
        at: read_time(&json.at)?,
        host_addresses: json.host_addresses,
        networks: json.networks.into_iter().map(NetworkJson::read).collect::<Result<_, _>>()?,
        containers: json.containers.into_iter().map(ContainerJson::read).collect::<Result<_, _>>()?,
    })
}

/// Writes the state of `directory` as it is now, as true from `at` on, on one line.
pub fn write_snapshot(directory: &Directory, at: Timestamp) -> String {
    let json = SnapshotJson {
        bridgetap_directory: VERSION,
        at: write_time(at),
        host_addresses: directory.host_addresses().to_vec(),
        networks: directory.networks().map(|network| NetworkJson::of(network)).collect(),
        containers: directory.containers().map(|container| ContainerJson::of(container)).collect(),
    };
    // Writing strings and numbers to memory cannot fail; an empty text would be refused by the reader.
    crate::hostile::json(&json)
}

#[derive(Deserialize)]
struct VersionJson {
    bridgetap_directory: u64,
}

#[derive(Serialize, Deserialize)]
struct SnapshotJson {
    bridgetap_directory: u64,
    at: String,
    #[serde(default)]
    host_addresses: Vec<IpAddr>,
    #[serde(default)]
    networks: Vec<NetworkJson>,
    #[serde(default)]
    containers: Vec<ContainerJson>,
}

#[derive(Serialize, Deserialize)]
struct NetworkJson {
    id: String,
    name: String,
    #[serde(default)]
    driver: String,
    #[serde(default)]
    interface: Option<String>,
    #[serde(default)]
    subnets: Vec<String>,
    #[serde(default)]
    gateways: Vec<IpAddr>,
    #[serde(default)]
    name_service: bool,
    #[serde(default)]
    internal: bool,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    options: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct ContainerJson {
    id: String,
    name: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    project: Option<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    endpoints: Vec<EndpointJson>,
    #[serde(default)]
    published: Vec<BindingJson>,
    #[serde(default)]
    links: Vec<LinkJson>,
}

#[derive(Serialize, Deserialize)]
struct LinkJson {
    container: String,
    alias: String,
}

#[derive(Serialize, Deserialize)]
struct EndpointJson {
    network: String,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default)]
    mac: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct BindingJson {
    host_address: IpAddr,
    host_port: u16,
    container_port: u16,
    #[serde(default)]
    protocol: ProtocolJson,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ProtocolJson {
    #[default]
    Tcp,
    Udp,
    Sctp,
}

impl NetworkJson {
    fn of(network: &Network) -> Self {
        Self {
            id: network.id.0.to_string(),
            name: network.name.clone(),
            driver: network.driver.clone(),
            interface: network.interface.clone(),
            subnets: network.subnets.iter().map(ToString::to_string).collect(),
            gateways: network.gateways.clone(),
            name_service: network.name_service,
            internal: network.internal,
            scope: network.scope.clone(),
            options: network.options.clone(),
        }
    }

    fn read(self) -> Result<Network, SnapshotError> {
        let subnet = |text: &String| Subnet::parse(text).ok_or_else(|| bad_value("subnets", text));
        Ok(Network {
            subnets: self.subnets.iter().map(subnet).collect::<Result<_, _>>()?,
            id: NetworkId(self.id.into()),
            name: self.name,
            driver: self.driver,
            interface: self.interface,
            gateways: self.gateways,
            name_service: self.name_service,
            internal: self.internal,
            scope: self.scope,
            options: self.options,
        })
    }
}

impl ContainerJson {
    fn of(container: &Container) -> Self {
        let (project, service) = container.compose.clone().unzip();
        Self {
            id: container.id.0.to_string(),
            name: container.name.clone(),
            image: container.image.clone(),
            project,
            service,
            endpoints: container.endpoints.iter().map(EndpointJson::of).collect(),
            published: container.published.iter().map(BindingJson::of).collect(),
            links: container
                .links
                .iter()
                .cloned()
                .map(|Link { container, alias }| LinkJson { container, alias })
                .collect(),
        }
    }

    fn read(self) -> Result<Container, SnapshotError> {
        Ok(Container {
            id: ContainerId(self.id.into()),
            name: self.name,
            image: self.image,
            compose: self.project.zip(self.service),
            endpoints: self.endpoints.into_iter().map(EndpointJson::read).collect::<Result<_, _>>()?,
            published: self.published.into_iter().map(BindingJson::read).collect(),
            links: self.links.into_iter().map(|LinkJson { container, alias }| Link { container, alias }).collect(),
            namespace: None,
        })
    }
}

impl EndpointJson {
    fn of(endpoint: &Endpoint) -> Self {
        Self {
            network: endpoint.network.0.to_string(),
            addresses: endpoint.addresses.clone(),
            mac: endpoint.mac.map(|mac| mac.to_string()),
            aliases: endpoint.aliases.clone(),
        }
    }

    fn read(self) -> Result<Endpoint, SnapshotError> {
        let mac = self.mac.map(|text| MacAddr::parse(&text).ok_or_else(|| bad_value("mac", &text))).transpose()?;
        Ok(Endpoint { network: NetworkId(self.network.into()), addresses: self.addresses, mac, aliases: self.aliases })
    }
}

impl BindingJson {
    fn of(binding: &Binding) -> Self {
        let protocol = match binding.protocol {
            Protocol::Tcp => ProtocolJson::Tcp,
            Protocol::Udp => ProtocolJson::Udp,
            Protocol::Sctp => ProtocolJson::Sctp,
        };
        let Binding { host_address, host_port, container_port, .. } = *binding;
        Self { host_address, host_port, container_port, protocol }
    }

    fn read(self) -> Binding {
        let protocol = match self.protocol {
            ProtocolJson::Tcp => Protocol::Tcp,
            ProtocolJson::Udp => Protocol::Udp,
            ProtocolJson::Sctp => Protocol::Sctp,
        };
        let Self { host_address, host_port, container_port, .. } = self;
        Binding { host_address, host_port, container_port, protocol }
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, SnapshotError> {
    serde_json::from_str(text).map_err(|error| SnapshotError::Malformed { detail: error.to_string() })
}

fn bad_value(field: &'static str, value: &str) -> SnapshotError {
    SnapshotError::Value { field, value: value.chars().take(64).collect() }
}

/// RFC 3339; nothing before 1970 or after 2554.
fn read_time(text: &str) -> Result<Timestamp, SnapshotError> {
    let time: jiff::Timestamp = text.parse().map_err(|_| bad_value("at", text))?;
    let nanos = u64::try_from(time.as_nanosecond()).map_err(|_| bad_value("at", text))?;
    Ok(Timestamp::from_nanos(nanos))
}

fn write_time(at: Timestamp) -> String {
    // Every Timestamp lies between 1970 and 2554, and jiff's reach to 9999.
    let time = jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos())).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{time:.9}")
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
