//! Where else it was seen, and by which published port it came: for JSON, and as lines of text.

use std::fmt::{self, Write};

use serde::Serialize;

use super::escape::escape;
use super::line;
use super::units::Took;
use crate::address;
use crate::decode::message::Endpoint;
use crate::join::{Hop, Told};
use crate::name::Namer;
use crate::time::nanos;

/// One place where it was seen.
#[derive(Serialize)]
pub(super) struct HopObject<'a> {
    network: Option<&'a str>,
    interface: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_index: Option<u32>,
    namespace: Option<&'a str>,
    client: Socket,
    server: Socket,
    /// From the first hop to this one.
    after_ns: u64,
    latency_ns: Option<u64>,
    frames: Vec<u64>,
}

/// An address with its port.
#[derive(Serialize)]
struct Socket {
    address: String,
    port: Option<u16>,
}

impl Socket {
    fn new(end: Endpoint) -> Self {
        Self { address: address::text(end.address), port: end.port }
    }
}

/// The published port.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are the schema's")]
pub(super) struct Port {
    host_address: Option<String>,
    host_port: Option<u16>,
    via: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    possible: Vec<Socket>,
}

impl Port {
    pub fn new(port: &line::Port) -> Option<Self> {
        let known = |end: Endpoint, via| Self {
            host_address: Some(address::text(end.address)),
            host_port: end.port,
            via,
            possible: Vec::new(),
        };
        match port {
            line::Port::None => None,
            line::Port::Known(published) => Some(known(published.host, Some(published.via.name()))),
            line::Port::Possible(bindings) => match bindings.as_slice() {
                [only] => Some(known(*only, None)),
                several => Some(Self {
                    host_address: None,
                    host_port: None,
                    via: None,
                    possible: several.iter().map(|binding| Socket::new(*binding)).collect(),
                }),
            },
        }
    }
}

/// The hops of what is told, in the order of time.
pub(super) fn hops<'a>(told: &Told<'_>, namer: &'a Namer) -> Vec<HopObject<'a>> {
    let Some(first) = told.hops.first() else { return Vec::new() };
    let object = |hop: &Hop| {
        let tap = namer.tap(hop.place.tap);
        HopObject {
            network: namer.network(hop.place),
            interface: tap.map_or("", |tap| &tap.interface),
            interface_index: Some(hop.place.if_index).filter(|&index| index > 0),
            namespace: tap.and_then(|tap| tap.namespace.as_deref()),
            client: Socket::new(hop.client),
            server: Socket::new(hop.server),
            after_ns: nanos(hop.began.at - first.began.at),
            latency_ns: hop.ended.map(|ended| nanos(ended.at - hop.began.at)),
            frames: std::iter::once(hop.began.number).chain(hop.ended.map(|ended| ended.number)).collect(),
        }
    };
    told.hops.iter().map(object).collect()
}

/// Writes a line for each hop: where, between whom there, how long after the first, and how long it took there. A tap of
/// all interfaces sees a packet at the container's veth and at the bridge, which are called the same: these are one line.
pub(super) fn write_lines(told: &Told<'_>, namer: &Namer, out: &mut String) -> fmt::Result {
    let Some(first) = told.hops.first() else { return Ok(()) };
    let mut told_of: Vec<String> = Vec::new();
    for hop in &told.hops {
        let mut line = String::from("    at ");
        write_place(hop, namer, &mut line)?;
        write!(line, ": {} → {}", socket(hop.client), socket(hop.server))?;
        if told_of.contains(&line) {
            continue;
        }
        write!(out, "{line}, {} after the first", Took(hop.began.at - first.began.at))?;
        if let Some(ended) = hop.ended {
            write!(out, ", took {}", Took(ended.at - hop.began.at))?;
        }
        out.push('\n');
        told_of.push(line);
    }
    Ok(())
}

/// Where it was seen, in few words, not escaped: `eth0 of web` in a container's namespace, a Docker network by its name,
/// else the interface.
pub fn place_name(hop: &Hop, namer: &Namer) -> String {
    let tap = namer.tap(hop.place.tap);
    let interface = namer.interface(hop.place).or_else(|| tap.map(|tap| tap.interface.as_str()));
    let interface = interface.filter(|name| !name.is_empty());
    match (tap.and_then(|tap| tap.namespace.as_deref()), namer.network(hop.place)) {
        (Some(container), _) => format!("{} of {container}", interface.unwrap_or_default()),
        (None, Some(network)) => network.to_owned(),
        (None, None) => interface.map_or_else(|| format!("tap {}", hop.place.tap.0), str::to_owned),
    }
}

/// The interface, and whose it is: the container's in whose namespace it is, the network's that it carries.
fn write_place(hop: &Hop, namer: &Namer, out: &mut String) -> fmt::Result {
    let tap = namer.tap(hop.place.tap);
    match tap {
        Some(tap) => {
            out.push_str(&escape(namer.interface(hop.place).unwrap_or(&tap.interface)));
            for of in [tap.namespace.as_deref(), namer.network(hop.place)].into_iter().flatten() {
                write!(out, " of {}", escape(of))?;
            }
        }
        None => write!(out, "tap {}", hop.place.tap.0)?,
    }
    if hop.place.if_index > 0 && namer.interface(hop.place).is_none() {
        write!(out, " #{}", hop.place.if_index)?;
    }
    Ok(())
}

/// An address with its port, as it stands in a line.
fn socket(end: Endpoint) -> String {
    let address = address::text(end.address);
    match end.port {
        Some(port) if end.address.is_ipv6() => format!("[{address}]:{port}"),
        Some(port) => format!("{address}:{port}"),
        None => address,
    }
}
