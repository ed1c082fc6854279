//! Addresses to names: what a person calls the ends of an event.
//!
//! A name belongs to a network, an address and a time, so it is looked up with all three. Pure: it asks nobody, and what
//! it does not know stays an address.

mod learned;
mod names;
mod well_known;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;

use crate::address::{self, MacAddr};
use crate::capture::file::MAX_TAPS;
use crate::capture::{NameBlock, Tap, TapId};
use crate::decode::message::Endpoint;
use crate::docker::Directory;
use crate::time::Timestamp;
use crate::track::event::{Event, Place, Subject};
use learned::Learned;
use names::Names;

pub use well_known::NAMES as WELL_KNOWN;

/// One end of an event, as people call it.
#[derive(Clone, Debug)]
pub struct Party<'a> {
    /// The name, or the address where there is none. As hostile as any bytes of the wire.
    pub name: Cow<'a, str>,
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: Option<u16>,
    /// The address on the link.
    pub mac: Option<MacAddr>,
    /// The name of the network that the address belongs to.
    pub network: Option<&'a str>,
    /// The id of the container.
    pub container_id: Option<&'a str>,
}

/// Knows what everybody is called.
#[derive(Debug)]
pub struct Namer {
    /// Names by the source of the taps: captures that are told together keep their own.
    sources: AHashMap<u32, Names>,
    taps: AHashMap<TapId, Tap>,
    learned: Learned,
    numeric: bool,
}

impl Namer {
    /// A namer without names; `numeric` keeps it that way, as tcpdump's `-n`.
    pub fn new(numeric: bool) -> Self {
        Self { sources: AHashMap::new(), taps: AHashMap::new(), learned: Learned::default(), numeric }
    }

    /// From now on these names hold for the taps of the source that `tap` is of: the daemon, or one capture file.
    pub fn set_directory(&mut self, tap: TapId, directory: Arc<Directory>) {
        self.sources.entry(source(tap)).or_default().directory = Some(directory);
    }

    /// The names in force for that tap's source.
    pub fn directory(&self, tap: TapId) -> Option<&Arc<Directory>> {
        self.sources.get(&source(tap))?.directory.as_ref()
    }

    /// From now on addresses are shown, or names; gives what was shown before.
    pub fn set_numeric(&mut self, numeric: bool) -> bool {
        std::mem::replace(&mut self.numeric, numeric)
    }

    /// Tells about a tap.
    pub fn set_tap(&mut self, id: TapId, tap: Tap) {
        self.taps.insert(id, tap);
    }

    /// Whether that tap was told about.
    pub fn knows_tap(&self, id: TapId) -> bool {
        self.taps.contains_key(&id)
    }

    /// The tap of that number.
    pub fn tap(&self, id: TapId) -> Option<&Tap> {
        self.taps.get(&id)
    }

    /// Takes the records of a capture's name block; its Directory is read by the docker room.
    pub fn add_file_names(&mut self, block: &NameBlock) {
        self.sources.entry(source(block.tap)).or_default().add(block);
    }

    /// Learns from an answered lookup what an outside address is called.
    pub fn learn(&mut self, event: &Event<'_>) {
        let Event::Exchange(exchange) = event else { return };
        let Subject::Lookup(lookup) = &exchange.subject else { return };
        let Some(message) = lookup.message() else { return };
        for record in message.answers() {
            if let Some(address) = record.address() {
                self.learned.insert(address, lookup.question());
            }
        }
    }

    /// What an end is called at that place and time.
    pub fn party(&self, end: Endpoint, mac: Option<MacAddr>, place: Place, at: Timestamp) -> Party<'_> {
        let tap = self.taps.get(&place.tap);
        let names = self.sources.get(&source(place.tap));
        let container = names.and_then(|names| names.container(end.address, mac, tap, at));
        let network = names.and_then(|names| match container {
            Some(container) => names.container_network(container, end.address, tap),
            None => names.network_name(end.address, tap),
        });
        let name = match container {
            _ if self.numeric => None,
            Some(container) => Some(container.name.as_str()),
            None => {
                let known = names.map_or_else(|| nobodys_name(end.address), |names| names.other_name(end.address, tap));
                known.or_else(|| self.learned.get(&end.address))
            }
        };
        Party {
            name: name.map_or_else(|| Cow::Owned(address::text(end.address)), Cow::Borrowed),
            address: end.address,
            port: end.port,
            mac,
            network,
            container_id: container.map(|container| &*container.id.0),
        }
    }
}

/// The number of the source that a tap is of; live taps are all of one.
const fn source(tap: TapId) -> u32 {
    tap.0 / MAX_TAPS
}

/// What an address is called where nothing is known.
fn nobodys_name(address: IpAddr) -> Option<&'static str> {
    well_known::name(address).or_else(|| address.is_loopback().then_some("localhost"))
}

#[cfg(test)]
mod tests;
