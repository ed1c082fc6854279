//! Addresses to names: what a person calls the ends of an event.
//!
//! A name belongs to a network, an address and a time, so it is looked up with all three. Pure: it asks nobody, and what
//! it does not know stays an address.

mod address_names;
mod asked;
mod called;
mod capped;
mod changes;
mod hosts;
mod known;
mod learn;
mod learned;
mod named_pairs;
mod names;
mod pairs;
mod plain_name;
mod room;
mod standing;
mod strangers;
mod well_known;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;

pub use address_names::{AddressNames, NamesOfAddresses};
pub use called::Naming;
pub(crate) use capped::Capped;
pub use hosts::{HostsError, MAX_BYTES as HOSTS_MAX_BYTES, read_hosts};
pub use named_pairs::Looked;
pub use pairs::{Asks, Called, Pair, Party};
pub use plain_name::PlainName;
pub use room::Room;
pub use strangers::{Introduction, Stranger};

use crate::address::{self, MacAddr};
use crate::capture::file::MAX_TAPS;
use crate::capture::{NameBlock, Tap, TapId};
use crate::decode::ip;
use crate::decode::message::Endpoint;
use crate::docker::{Binding, Container, ContainerId, Directory, Network, Protocol};
use crate::time::Timestamp;
use crate::track::event::{Ends, Lookup, Place};
use asked::{AskedNames, Client};
use known::KnownEnds;
use learned::Learned;
use named_pairs::NamedPairs;
use names::{Names, Spot};

pub use well_known::NAMES as WELL_KNOWN;

/// Knows what everybody is called.
#[derive(Debug)]
pub struct Namer {
    /// Names by the source of the taps: captures that are told together keep their own.
    sources: AHashMap<u32, Names>,
    /// The names of a source that has none.
    nothing: Names,
    taps: AHashMap<TapId, Tap>,
    /// Names of addresses that the user gave, for every source.
    given: AddressNames,
    /// Outside addresses, and the name that was asked for when they were answered.
    learned: Learned,
    asked: AskedNames,
    /// Who was looked up before.
    known: KnownEnds,
    named_pairs: NamedPairs,
    /// What a lookup asked for, while it is learned.
    spelling: String,
    naming: Naming,
    numeric: bool,
    room: Room,
}

/// Where and when an end is looked at.
#[derive(Clone, Copy)]
struct View<'a> {
    names: &'a Names,
    spot: Spot<'a>,
    source: u32,
    at: Timestamp,
}

/// An end, and what the Directory knows of it.
#[derive(Clone, Copy)]
struct Found<'a> {
    end: Endpoint,
    mac: Option<MacAddr>,
    container: Option<&'a Arc<Container>>,
    network: Option<&'a Arc<Network>>,
}

impl Namer {
    /// A namer without names; `numeric` keeps it that way, as tcpdump's `-n`.
    pub fn new(numeric: bool) -> Self {
        Self {
            sources: AHashMap::new(),
            nothing: Names::with_room(0),
            taps: AHashMap::new(),
            given: AddressNames::default(),
            learned: Learned::new(Room::default().learned),
            asked: AskedNames::new(Room::default().learned),
            known: KnownEnds::default(),
            named_pairs: NamedPairs::default(),
            spelling: String::new(),
            naming: Naming::default(),
            numeric,
            room: Room::default(),
        }
    }

    /// The same, with containers called in another way.
    #[must_use]
    pub fn with_naming(self, naming: Naming) -> Self {
        Self { naming, ..self }
    }

    /// From now on these names hold for the taps of the source that `tap` is of: the daemon, or one capture file.
    pub fn set_directory(&mut self, tap: TapId, directory: Arc<Directory>) {
        self.known.forget();
        let with_services = self.naming == Naming::Service;
        self.source(tap).set_directory(directory, with_services);
    }

    /// The names of the source that `tap` is of.
    fn source(&mut self, tap: TapId) -> &mut Names {
        let room = self.room.addresses;
        self.sources.entry(source(tap)).or_insert_with(|| Names::with_room(room))
    }

    /// The names in force for that tap's source.
    pub fn directory(&self, tap: TapId) -> Option<&Arc<Directory>> {
        self.sources.get(&source(tap))?.directory()
    }

    /// From now on addresses are shown, or names; gives what was shown before.
    pub fn set_numeric(&mut self, numeric: bool) -> bool {
        if numeric != self.numeric {
            self.known.forget();
        }
        std::mem::replace(&mut self.numeric, numeric)
    }

    /// Tells about a tap.
    pub fn set_tap(&mut self, id: TapId, tap: Tap) {
        self.known.forget();
        self.taps.insert(id, tap);
    }

    /// Tells the host's interfaces by their index, as cooked frames of the source that `tap` is of name them. A port of
    /// a bridge is told by the bridge's name.
    pub fn set_interfaces(&mut self, tap: TapId, interfaces: impl Iterator<Item = (u32, String)>) {
        self.known.forget();
        self.source(tap).set_interfaces(interfaces);
    }

    /// The container whose process has a socket of the host with this address and port, if any, for the taps of one source.
    pub fn set_owner(&mut self, tap: TapId, socket: Endpoint, container: Option<ContainerId>) {
        let names = self.source(tap);
        let had_owners = names.has_owners();
        names.set_owner(socket, container);
        if names.has_owners() != had_owners {
            self.known.forget();
        }
    }

    /// The interface that a place is on, where a tap of all interfaces gives its index only and it was told about.
    pub fn interface(&self, place: Place) -> Option<&str> {
        self.sources.get(&source(place.tap))?.interface(place.if_index)
    }

    /// Whether that tap was told about.
    pub fn knows_tap(&self, id: TapId) -> bool {
        self.taps.contains_key(&id)
    }

    /// The tap of that number.
    pub fn tap(&self, id: TapId) -> Option<&Tap> {
        self.taps.get(&id)
    }

    /// The name of the network that a packet was seen on.
    pub fn network(&self, place: Place) -> Option<&str> {
        let tap = self.taps.get(&place.tap).filter(|_| place.vni.is_none());
        let told = tap.and_then(|tap| tap.network.as_deref());
        told.or_else(|| self.view(place, Timestamp::ZERO).spot.network.map(|network| network.name.as_str()))
    }

    /// Takes the records of a capture's name block; its Directory is read by the docker room.
    pub fn add_file_names(&mut self, block: &NameBlock) {
        let names = self.source(block.tap);
        let before = names.of_addresses().version();
        names.add(block);
        if names.of_addresses().version() != before {
            self.known.forget();
        }
    }

    /// The container that has `address` at that place and time.
    pub fn container(&self, address: IpAddr, place: Place, at: Timestamp) -> Option<&Arc<Container>> {
        if let Some(known) = self.known(address, place, at) {
            return known.container.as_ref();
        }
        self.view(place, at).find(Endpoint::host(address), None).container
    }

    /// The addresses and ports of the host that `server` may have been reached by, sorted by port: its container
    /// publishes it, and `client` is none of its neighbours. `transport` is the IP protocol number of TCP or UDP.
    pub fn published(
        &self,
        transport: u8,
        (client, server): (Endpoint, Endpoint),
        place: Place,
        at: Timestamp,
    ) -> Vec<Endpoint> {
        let Some(container) = self.container(server.address, place, at) else { return Vec::new() };
        let protocol = match transport {
            ip::TCP => Protocol::Tcp,
            ip::UDP => Protocol::Udp,
            _ => return Vec::new(),
        };
        let is_it = |binding: &&Binding| Some(binding.container_port) == server.port && binding.protocol == protocol;
        let mut bindings = container.published.iter().filter(is_it).peekable();
        if bindings.peek().is_none() || self.container(client.address, place, at).is_some() {
            return Vec::new();
        }
        bindings.map(|binding| Endpoint { address: binding.host_address, port: Some(binding.host_port) }).collect()
    }

    /// What an end is called at that place and time.
    pub fn party(&self, end: Endpoint, mac: Option<MacAddr>, place: Place, at: Timestamp) -> Party<'_> {
        let view = self.view(place, at);
        self.call(view, &view.find(end, mac), None)
    }

    /// What client and server are called at that place and time.
    pub fn parties(&self, ends: &Ends, place: Place, at: Timestamp) -> (Party<'_>, Party<'_>) {
        let known = |end: Endpoint| self.known(end.address, place, at);
        if let (Some(client), Some(server)) = (known(ends.client), known(ends.server)) {
            return (
                self.call_known(client, (ends.client, ends.client_mac), None, at),
                self.call_known(server, (ends.server, ends.server_mac), Some(client), at),
            );
        }
        let view = self.view(place, at);
        let client = view.find(ends.client, ends.client_mac);
        let server = view.find(ends.server, ends.server_mac);
        (self.call(view, &client, None), self.call(view, &server, Some(&client)))
    }

    /// What the sender and the receiver of a packet are called. Which of them asked for the other is not known, so each is
    /// as the other knows it.
    fn packet_parties(&self, ends: &Ends, place: Place, at: Timestamp) -> (Party<'_>, Party<'_>) {
        let &Ends { client: sender, server: receiver, client_mac, server_mac } = ends;
        let macs = (client_mac, server_mac);
        let known = |end: Endpoint| self.known(end.address, place, at);
        if let (Some(from), Some(to)) = (known(sender), known(receiver)) {
            return (
                self.call_known(from, (sender, macs.0), Some(to), at),
                self.call_known(to, (receiver, macs.1), Some(from), at),
            );
        }
        let view = self.view(place, at);
        let sender = view.find(sender, macs.0);
        let receiver = view.find(receiver, macs.1);
        (self.call(view, &sender, Some(&receiver)), self.call(view, &receiver, Some(&sender)))
    }

    /// The container that an answered lookup leads to, as its client calls it, where the log would not make it plain
    /// otherwise: the name that was asked for is not its name, and it is the only answer.
    pub fn answered_by(&self, lookup: &Lookup<'_>, ends: &Ends, place: Place, at: Timestamp) -> Option<Cow<'_, str>> {
        let message = lookup.message().filter(|_| !self.numeric)?;
        let mut addresses = message.answers().filter_map(|record| record.address());
        let address = addresses.next().filter(|_| addresses.next().is_none())?;
        // Nearly all answers lead to nobody here.
        self.container(address, place, at)?;
        let view = self.view(place, at);
        let holder = view.find(Endpoint::host(address), None);
        holder.container?;
        let client = view.find(ends.client, ends.client_mac);
        let name = self.call(view, &holder, Some(&client)).name;
        let asked = spelled(lookup, &holder);
        let is_plain = asked.strip_prefix(&*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        (!is_plain).then_some(name)
    }

    fn view(&self, place: Place, at: Timestamp) -> View<'_> {
        let source = source(place.tap);
        let names = self.sources.get(&source).unwrap_or(&self.nothing);
        View { names, spot: names.spot(self.taps.get(&place.tap), place), source, at }
    }

    /// What an end is called, to the other end where there is one that may have asked for it.
    fn call<'a>(&'a self, view: View<'a>, found: &Found<'a>, by: Option<&Found<'a>>) -> Party<'a> {
        let &Found { end, mac, container, network } = found;
        let asked_as = by.and_then(|by| {
            let holder = container.map(|container| &container.id);
            self.asked.get(|| client(view, by), end.address, holder, view.at)
        });
        let name = match container {
            _ if self.numeric => None,
            Some(container) => Some(self.container_name(view, container, network, by, asked_as)),
            None => {
                let told = self.name_of_nobody(view, end.address).or(asked_as);
                told.or_else(|| self.learned.latest(end.address)).map(Cow::Borrowed)
            }
        };
        let compose = container.and_then(|container| container.compose.as_ref());
        Party {
            name: name.unwrap_or_else(|| Cow::Owned(address::text(end.address))),
            address: end.address,
            port: end.port,
            mac,
            network: network.map(|network| network.name.as_str()),
            container_id: container.map(|container| &*container.id.0),
            compose: compose.map(|(project, service)| (project.as_str(), service.as_str())),
            asked_as,
        }
    }

    /// What an address is called that is no container's, whoever calls it.
    fn name_of_nobody<'a>(&'a self, view: View<'a>, address: IpAddr) -> Option<&'a str> {
        let of_address = || self.of_addresses(view.names).of(&address).first().map(String::as_str);
        let told = names::fixed_name(address).or_else(of_address);
        told.or_else(|| view.names.role(address, view.spot))
    }

    fn container_name<'a>(
        &self,
        view: View<'a>,
        container: &'a Arc<Container>,
        network: Option<&'a Arc<Network>>,
        by: Option<&Found<'a>>,
        asked_as: Option<&'a str>,
    ) -> Cow<'a, str> {
        match self.naming {
            Naming::Container => Cow::Borrowed(&container.name),
            Naming::Service => view.names.services().name(container),
            Naming::Fqdn => called::fqdn(container, network),
            Naming::Alias => {
                let by = by.and_then(|by| by.container);
                Cow::Borrowed(called::called_by(by, container, network, asked_as))
            }
        }
    }
}

impl<'a> View<'a> {
    fn find(self, end: Endpoint, mac: Option<MacAddr>) -> Found<'a> {
        let Self { names, spot, at, .. } = self;
        let container = names.container(end.address, mac, spot, at).or_else(|| names.owner(end, spot));
        let network = match container {
            Some(container) => names.container_network(container, end.address, spot),
            None => names.network_of(end.address, spot),
        };
        Found { end, mac, container, network }
    }
}

/// Whose question it is, or would be.
fn client(view: View<'_>, found: &Found<'_>) -> Client {
    match found.container {
        Some(container) => Client::Container(container.id.clone()),
        None => Client::Address(view.source, found.end.address),
    }
}

/// The name that was asked for, as the Directory spells it.
fn spelled(lookup: &Lookup<'_>, holder: &Found<'_>) -> String {
    called::spelled(&lookup.question().to_string(), holder.container.map(Arc::as_ref), holder.network)
}

/// The number of the source that a tap is of; live taps are all of one.
const fn source(tap: TapId) -> u32 {
    tap.0 / MAX_TAPS
}

#[cfg(test)]
mod known_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tunnel_tests;
