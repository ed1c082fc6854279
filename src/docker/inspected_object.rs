//! One object of `docker inspect`'s output: which kind it is, and whether what matters of it can be read.
//!
//! Only the fields that names are made of are looked at: what another version of Docker does to the others is no reason
//! to refuse a file.

use bollard::models::{ContainerInspectResponse, NetworkInspect};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::address::MacAddr;
use crate::docker::directory::Subnet;
use crate::docker::inspected::address_of;

/// The fields of a container that names are made of.
const OF_CONTAINER: [&[&str]; 10] = [
    &["Id"],
    &["Name"],
    &["Image"],
    &["State", "Running"],
    &["Config", "Image"],
    &["Config", "Labels"],
    &["HostConfig", "Links"],
    &["NetworkSettings", "Ports"],
    &["NetworkSettings", "Networks"],
    &["NetworkSettings", "SandboxKey"],
];
/// And of a network.
const OF_NETWORK: [&[&str]; 9] = [
    &["Id"],
    &["Name"],
    &["Driver"],
    &["Scope"],
    &["Internal"],
    &["ConfigOnly"],
    &["IPAM", "Config"],
    &["Options"],
    &["Containers"],
];
/// The most characters of a wrong value that are shown.
const SHOWN: usize = 64;

/// What an object is.
pub(super) enum Inspected {
    Container(Box<ContainerInspectResponse>),
    Network(Box<NetworkInspect>),
}

/// Why an object cannot be read.
pub(super) struct Wrong {
    pub what: String,
    /// It is something else than a container or a network.
    pub is_other: bool,
}

/// Reads one object, the `number`th of its file.
pub(super) fn read_object(object: Value, number: usize) -> Result<Inspected, Wrong> {
    let other = |what: String| Wrong { what: format!("element {number} is {what}"), is_other: true };
    let Value::Object(object) = object else { return Err(other(format!("{}, and no object", kind_of(&object)))) };
    let name = object.get("Name").and_then(Value::as_str).map(|name| shown(name.trim_start_matches('/')));
    let called = |kind: &str| match &name {
        Some(name) => format!("element {number} ({kind} {name}): "),
        None => format!("element {number} ({kind}): "),
    };
    let has = |field: &str| object.contains_key(field);
    let wrong = |kind: &str, what: String| Wrong { what: format!("{}{what}", called(kind)), is_other: false };
    if has("NetworkSettings") || has("State") && has("Config") {
        let mut object = only(&object, &OF_CONTAINER);
        // Whoever shortened the file kept those that ran.
        object.entry("State").or_insert_with(|| json!({"Running": true}));
        let container = read(&object).and_then(|container| check_container(&container).map(|()| container));
        return container.map(|found| Inspected::Container(Box::new(found))).map_err(|what| wrong("container", what));
    }
    if has("IPAM") || has("Driver") && has("Scope") && has("Id") {
        let network = read(&only(&object, &OF_NETWORK));
        let network = network.and_then(|network| check_network(&network).map(|()| network));
        return network.map(|found| Inspected::Network(Box::new(found))).map_err(|what| wrong("network", what));
    }
    let (kind, article) = match () {
        () if has("RootFS") => ("an image", ""),
        () if has("Mountpoint") => ("a volume", ""),
        () if has("Names") && has("Command") || has("Names") && has("ID") => {
            ("a line of docker ps", ", which has no addresses")
        }
        () if has("Driver") && has("ID") => ("a line of docker network ls", ", which has no addresses"),
        () => ("neither a container nor a network", ""),
    };
    Err(other(format!("{kind}{article}")))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The object with nothing but these fields, and nothing that is null.
fn only(object: &Map<String, Value>, paths: &[&[&str]]) -> Map<String, Value> {
    let mut kept = Map::new();
    for path in paths {
        let [first, rest @ ..] = path else { continue };
        let Some(value) = object.get(*first).filter(|value| !value.is_null()) else { continue };
        match (rest.first(), value) {
            (Some(second), Value::Object(inner)) => {
                let Some(value) = inner.get(*second).filter(|value| !value.is_null()) else { continue };
                let outer = kept.entry(*first).or_insert_with(|| json!({}));
                if let Some(outer) = outer.as_object_mut() {
                    outer.insert((*second).to_owned(), value.clone());
                }
            }
            _ => drop(kept.insert((*first).to_owned(), value.clone())),
        }
    }
    kept
}

/// Reads an object; the error begins with the field that is wrong.
fn read<T: DeserializeOwned>(object: &Map<String, Value>) -> Result<T, String> {
    let whole = Value::Object(object.clone());
    T::deserialize(&whole).map_err(|error| {
        let path = culprit::<T>(object);
        let what = error.to_string();
        if path.is_empty() { what } else { format!("{}: {what}", path.join(".")) }
    })
}

/// The path of the field that cannot be read: the one that, alone in its object, cannot be read either.
fn culprit<T: DeserializeOwned>(object: &Map<String, Value>) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    let mut inner = object;
    while let Some((name, value)) = inner.iter().find(|(name, value)| {
        let alone = json!({ (*name).clone(): value });
        let nested = path.iter().rev().fold(alone, |nested, name| json!({ (*name).clone(): nested }));
        T::deserialize(&nested).is_err()
    }) {
        path.push(shown_bare(name));
        match value {
            Value::Object(next) => inner = next,
            _ => break,
        }
    }
    path
}

fn check_container(found: &ContainerInspectResponse) -> Result<(), String> {
    required("Id", found.id.as_deref())?;
    required("Name", found.name.as_deref().map(|name| name.trim_start_matches('/')))?;
    let Some(settings) = &found.network_settings else { return Ok(()) };
    for (name, place) in settings.networks.iter().flatten() {
        let path = |field: &str| format!("NetworkSettings.Networks.{}.{field}", shown_bare(name));
        for (field, value) in [
            ("IPAddress", &place.ip_address),
            ("GlobalIPv6Address", &place.global_ipv6_address),
            ("Gateway", &place.gateway),
            ("IPv6Gateway", &place.ipv6_gateway),
        ] {
            check(value.as_deref(), is_address, || path(field), "an IP address")?;
        }
        check(place.mac_address.as_deref(), is_mac, || path("MacAddress"), "a MAC address")?;
    }
    for (port, bindings) in settings.ports.iter().flatten() {
        let path = |field: &str| format!("NetworkSettings.Ports.{}{field}", shown_bare(port));
        let number = port.split('/').next().unwrap_or_default();
        check(Some(number), is_port, || path(""), "a port, as in 80/tcp")?;
        for binding in bindings.iter().flatten() {
            check(binding.host_ip.as_deref(), is_any_address, || path(".HostIp"), "an IP address")?;
            check(binding.host_port.as_deref(), is_port, || path(".HostPort"), "a port")?;
        }
    }
    Ok(())
}

fn check_network(found: &NetworkInspect) -> Result<(), String> {
    required("Id", found.id.as_deref())?;
    required("Name", found.name.as_deref())?;
    let pools = found.ipam.as_ref().and_then(|ipam| ipam.config.as_ref());
    for (index, pool) in pools.into_iter().flatten().enumerate() {
        let path = |field: &str| format!("IPAM.Config, {} of the list: {field}", index + 1);
        check(pool.subnet.as_deref(), is_subnet, || path("Subnet"), "a subnet, as in 172.18.0.0/16")?;
        check(pool.gateway.as_deref(), is_address, || path("Gateway"), "an IP address")?;
    }
    for (id, member) in found.containers.iter().flatten() {
        let path = |field: &str| format!("Containers.{}.{field}", shown_bare(id));
        check(member.ipv4_address.as_deref(), is_address, || path("IPv4Address"), "an IP address")?;
        check(member.ipv6_address.as_deref(), is_address, || path("IPv6Address"), "an IP address")?;
        check(member.mac_address.as_deref(), is_mac, || path("MacAddress"), "a MAC address")?;
    }
    Ok(())
}

fn required(field: &str, value: Option<&str>) -> Result<(), String> {
    if value.unwrap_or_default().is_empty() { Err(format!("it has no {field}")) } else { Ok(()) }
}

/// Docker leaves a value empty where there is none.
fn check(
    value: Option<&str>,
    is_right: impl Fn(&str) -> bool,
    path: impl Fn() -> String,
    wanted: &str,
) -> Result<(), String> {
    match value.filter(|value| !value.is_empty() && !is_right(value)) {
        Some(wrong) => Err(format!("{}: {} is not {wanted}", path(), shown(wrong))),
        None => Ok(()),
    }
}

/// With a prefix behind it too, as networks write those of their containers.
fn is_address(text: &str) -> bool {
    let is_prefix = text.split_once('/').is_none_or(|_| Subnet::parse(text).is_some());
    is_prefix && address_of(text).is_some() || is_any_address(text)
}

fn is_any_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

fn is_subnet(text: &str) -> bool {
    Subnet::parse(text).is_some()
}

fn is_mac(text: &str) -> bool {
    MacAddr::parse(text).is_some()
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

/// A text in quotes, its beginning only where it is long.
fn shown(text: &str) -> String {
    format!("{:?}", shown_bare(text))
}

fn shown_bare(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}
