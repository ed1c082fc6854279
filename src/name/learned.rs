//! What addresses are called that a lookup has told, whoever it told.

use std::net::IpAddr;

use super::Capped;
use super::changes::{Changes, Version};
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
    latest: String,
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
        let asked = self.names.entry(Endpoint::host(address));
        if asked.latest == name {
            return;
        }
        asked.has_several = !asked.latest.is_empty();
        name.clone_into(&mut asked.latest);
        self.changes.change(self.version(address));
    }

    /// The name that was asked for when an address was last answered.
    pub fn latest(&self, address: IpAddr) -> Option<&str> {
        if self.names.is_empty() {
            return None;
        }
        self.names.get(&Endpoint::host(address)).map(|asked| asked.latest.as_str())
    }

    /// What all call an address that is nobody's: by the one name that was ever asked for, else as it is written. `None`
    /// where that depends on who calls it, or is not known any more.
    pub fn by_all<'a>(&'a self, address: IpAddr, written: &'a str) -> Option<&'a str> {
        if self.names.forgotten() > 0 {
            return None;
        }
        match self.names.get(&Endpoint::host(address)) {
            Some(asked) => (!asked.has_several).then_some(&asked.latest),
            None => Some(written),
        }
    }

    /// Which version the name of an address is.
    pub fn version(&self, address: IpAddr) -> Version {
        self.changes.version(Endpoint::host(address))
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
