//! What addresses are called that a lookup has told, whoever it told.

use std::net::IpAddr;

use super::Capped;
use super::changes::{Changes, Version};
use super::plain_name::{Name, PlainName};
use crate::decode::message::Endpoint;

/// Addresses, and the name that was asked for when they were last answered.
#[derive(Debug)]
pub(super) struct Learned {
    names: Capped<Endpoint, Asked>,
    changes: Changes,
}

/// The names that were asked for.
#[derive(Debug, Default)]
struct Asked {
    latest: Name,
    /// There was another before.
    has_several: bool,
}

impl Learned {
    /// Nothing yet; names of so many addresses are kept.
    pub fn new(room: usize) -> Self {
        Self { names: Capped::new(room), changes: Changes::default() }
    }

    /// A lookup of `name` was answered with that address.
    pub fn learn(&mut self, address: IpAddr, name: &str) {
        let key = Endpoint::host(address);
        let asked = match self.names.get_mut(&key) {
            Some(asked) => asked,
            None => {
                if let Some(gone) = self.names.make_room() {
                    self.changes.change(self.changes.count(gone));
                }
                self.names.entry(key)
            }
        };
        if asked.latest.is(name) {
            return;
        }
        asked.has_several = !asked.latest.is("");
        asked.latest = Name::new(name);
        self.changes.change(self.changes.count(key));
    }

    /// The name that was asked for when an address was last answered.
    pub fn latest(&self, address: IpAddr) -> Option<&str> {
        Some(self.asked(address)?.latest.as_str())
    }

    /// That name where it needs no escaping, and whether it is the only one; `None` where there is none.
    pub fn plain(&self, address: IpAddr) -> Option<(Option<PlainName>, bool)> {
        let asked = self.asked(address)?;
        Some((asked.latest.plain(), !asked.has_several))
    }

    fn asked(&self, address: IpAddr) -> Option<&Asked> {
        if self.names.is_empty() { None } else { self.names.get(&Endpoint::host(address)) }
    }

    /// Which version the name of an address is.
    pub fn version(&self, address: IpAddr) -> Version {
        self.changes.version(self.changes.count(Endpoint::host(address)))
    }

    /// How often the name of each address has changed.
    #[inline]
    pub const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Whether a name is still that version.
    pub fn is_still(&self, version: Version) -> bool {
        self.changes.is_still(version)
    }

    /// Names that had to go at the cap.
    pub const fn forgotten(&self) -> u64 {
        self.names.forgotten()
    }
}
