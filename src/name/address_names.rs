//! Names that belong to an address and nothing else: the records of a capture file, or the lines of hosts(5).

use std::net::IpAddr;

use ahash::{AHashMap, AHashSet};

use super::names::Names;
use super::{Namer, source};
use crate::capture::TapId;

/// As many names of addresses are taken from a user; more are a mistake.
pub const MAX_NAMES: usize = 262_144;
/// As many are kept of a capture file unless said otherwise; more are hostile.
pub const FILE_NAMES: usize = 65_536;
/// As many names of one address are kept, the first ones: lists against advertisements have thousands of 0.0.0.0.
const MAX_OF_ONE: usize = 32;

/// Names by address, and addresses by name.
#[derive(Clone, Debug)]
pub struct AddressNames {
    by_address: AHashMap<IpAddr, Vec<String>>,
    by_name: AHashMap<String, AHashSet<IpAddr>>,
    /// How many names there are.
    count: usize,
    /// How often they changed.
    version: u64,
    cap: usize,
    left_out: u64,
}

impl Default for AddressNames {
    /// None, with room for those of a user.
    fn default() -> Self {
        Self::with_room(MAX_NAMES)
    }
}

impl AddressNames {
    /// None, with room for so many.
    pub fn with_room(cap: usize) -> Self {
        Self { by_address: AHashMap::new(), by_name: AHashMap::new(), count: 0, version: 0, cap, left_out: 0 }
    }

    /// Another number after each change.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// How many found no room.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Gives an address these names in place of those that it had; the first is what it is called. Names for which there is
    /// no room are left out.
    pub fn set(&mut self, address: IpAddr, names: &[String]) {
        let names: Vec<_> = names.iter().filter(|name| !name.is_empty()).take(MAX_OF_ONE).collect();
        let known = self.by_address.get(&address).map(Vec::as_slice).unwrap_or_default();
        if names.is_empty() || known.iter().eq(names.iter().copied()) {
            return;
        }
        for name in self.by_address.remove(&address).unwrap_or_default() {
            self.forget(&name, address);
        }
        for name in names {
            self.add(address, name);
        }
    }

    /// Gives an address one more name, unless it has very many. False where there is no room for any more.
    pub fn add(&mut self, address: IpAddr, name: &str) -> bool {
        if self.count >= self.cap {
            self.left_out += 1;
            return false;
        }
        let names = self.by_address.entry(address).or_default();
        if names.len() >= MAX_OF_ONE || names.iter().any(|known| known == name) {
            return true;
        }
        names.push(name.to_owned());
        self.by_name.entry(name.to_owned()).or_default().insert(address);
        self.count += 1;
        self.version += 1;
        true
    }

    fn forget(&mut self, name: &str, address: IpAddr) {
        self.count -= 1;
        self.version += 1;
        let Some(addresses) = self.by_name.get_mut(name) else { return };
        addresses.remove(&address);
        if addresses.is_empty() {
            self.by_name.remove(name);
        }
    }

    /// The names of an address, the one that it is called by first.
    pub fn of(&self, address: &IpAddr) -> &[String] {
        self.by_address.get(address).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every address with its names, sorted.
    pub fn sorted(&self) -> Vec<(IpAddr, Vec<String>)> {
        let mut all: Vec<_> = self.by_address.iter().map(|(address, names)| (*address, names.clone())).collect();
        all.sort_unstable();
        all
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The names of addresses where packets were seen: those that the user gave, then those of the source.
#[derive(Clone, Copy, Debug)]
pub struct NamesOfAddresses<'a> {
    given: &'a AddressNames,
    own: &'a AddressNames,
}

impl<'a> NamesOfAddresses<'a> {
    /// The names of an address, the one that it is called by first. Where the user gave it names, it has no others.
    pub fn of(self, address: &IpAddr) -> &'a [String] {
        Some(self.given.of(address)).filter(|names| !names.is_empty()).unwrap_or_else(|| self.own.of(address))
    }

    /// The addresses that have this name, in no order.
    pub fn addresses(self, name: &str) -> impl Iterator<Item = IpAddr> {
        let of = |names: &'a AddressNames| names.by_name.get(name).into_iter().flatten().copied();
        of(self.given).chain(of(self.own).filter(move |address| self.given.of(address).is_empty()))
    }

    /// Every name.
    pub fn names(self) -> impl Iterator<Item = &'a str> {
        self.given.by_name.keys().chain(self.own.by_name.keys()).map(String::as_str)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.given.is_empty() && self.own.is_empty()
    }

    /// Another number after each change.
    pub fn version(self) -> u64 {
        self.own.version
    }
}

impl Namer {
    /// These names of addresses hold for every source, and go before those of capture files.
    pub fn set_given_names(&mut self, names: AddressNames) {
        self.known.forget();
        self.given = names;
    }

    /// The names that belong to addresses alone, for that tap's source.
    pub fn names_of_addresses(&self, tap: TapId) -> NamesOfAddresses<'_> {
        self.of_addresses(self.sources.get(&source(tap)).unwrap_or(&self.nothing))
    }

    pub(super) fn of_addresses<'a>(&'a self, names: &'a Names) -> NamesOfAddresses<'a> {
        NamesOfAddresses { given: &self.given, own: names.of_addresses() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn found(names: NamesOfAddresses<'_>, name: &str) -> Vec<IpAddr> {
        let mut addresses: Vec<_> = names.addresses(name).collect();
        addresses.sort_unstable();
        addresses
    }

    #[test]
    fn names_are_replaced_and_found_both_ways() {
        let (given, mut own) = (AddressNames::default(), AddressNames::default());
        own.set(address(1), &names(&["web", "www", ""]));
        own.set(address(2), &names(&["web"]));
        let version = own.version;
        own.set(address(2), &names(&["web"]));
        assert_eq!(own.version, version, "nothing changed");
        let both = NamesOfAddresses { given: &given, own: &own };
        assert_eq!(
            (both.of(&address(1)), found(both, "web")),
            (&names(&["web", "www"])[..], vec![address(1), address(2)])
        );
        own.set(address(1), &names(&["db"]));
        let both = NamesOfAddresses { given: &given, own: &own };
        assert_eq!((found(both, "web"), found(both, "www")), (vec![address(2)], vec![]));
        assert_eq!(own.sorted(), [(address(1), names(&["db"])), (address(2), names(&["web"]))]);
        assert!(own.version > version && own.count == 2);
    }

    #[test]
    fn what_the_user_gave_goes_first() {
        let (mut given, mut own) = (AddressNames::default(), AddressNames::default());
        assert!(given.add(address(1), "printer") && given.add(address(1), "lp"));
        own.set(address(1), &names(&["web"]));
        own.set(address(2), &names(&["web"]));
        let both = NamesOfAddresses { given: &given, own: &own };
        assert_eq!(both.of(&address(1)), names(&["printer", "lp"]));
        assert_eq!((found(both, "web"), found(both, "lp")), (vec![address(2)], vec![address(1)]));
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for() {
        let mut own = AddressNames::default();
        for number in 0..=MAX_NAMES as u32 {
            own.set(IpAddr::V4(number.into()), &names(&["n"]));
        }
        assert_eq!((own.count, own.by_address.len()), (MAX_NAMES, MAX_NAMES));
        assert!(!own.add(address(1), "x") && own.left_out() == 2);
        let mut one = AddressNames::default();
        assert!((0..100).all(|number| one.add(address(1), &number.to_string())));
        assert_eq!((one.count, one.of(&address(1)).len()), (MAX_OF_ONE, MAX_OF_ONE));
    }
}
