//! Who the addresses are that were looked up before: nearly every line has the ends of an earlier one.
//!
//! What is kept is all that does not depend on the other end and on the time: who has the address, on which network, and
//! what it is called. It holds for the times from which on the Directory says the same, until anything is named anew.

use std::net::IpAddr;
use std::sync::Arc;

use super::asked::Client;
use super::changes::Version;
use super::plain_name::PlainName;
use crate::docker::{Container, Network};
use crate::time::Timestamp;
use crate::track::event::Place;

/// As many addresses at places are kept; one more takes the place of another.
const ROOM: usize = 4096;
/// So many places there are for one address: the one that came first is given to the next.
const WAYS: usize = 2;

/// Addresses at places, and who they are.
#[derive(Debug, Default)]
pub(super) struct KnownEnds {
    /// Sets of [`WAYS`]; empty until the first is kept.
    ends: Vec<Option<KnownEnd>>,
    /// What is of an earlier generation no longer holds.
    generation: u64,
    /// How many were kept so far.
    serials: u64,
}

/// An address at a place.
#[derive(Debug)]
struct KnownEnd {
    spot: SpotKey,
    generation: u64,
    who: Who,
}

/// Who an address is.
#[derive(Debug)]
pub(super) struct Who {
    /// It is so at all times from this one on.
    pub from: Timestamp,
    /// Who it is that asks, where it does.
    pub client: Client,
    pub container: Option<Arc<Container>>,
    pub network: Option<Arc<Network>>,
    pub title: Title,
    /// What those call it who have not asked for it, where that is known and of ASCII that prints.
    pub called: Option<PlainName>,
    /// Everybody calls it so.
    pub is_by_all: bool,
    /// The version of what lookups have told of it, by which it is called so.
    pub version: Version,
    /// Of no other; from 1.
    pub serial: u64,
}

/// What an end is called.
#[derive(Debug)]
pub(super) enum Title {
    /// Always this.
    Name(String),
    /// What it was asked for by, or what a lookup has told; else the address, which is this.
    Address(String),
    /// As its container is called by whom.
    Alias,
    /// It depends on more than is known here.
    Open,
}

/// What an end is kept by, in words of the machine: it is made and compared for each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SpotKey {
    address: [u64; 2],
    place: u64,
    /// The VNI plus one, 0 outside of tunnels; [`IPV6`] where the address is one.
    network: u32,
}

/// Marks an address of IPv6 in [`SpotKey::network`], whose VNI has 24 bits.
const IPV6: u32 = 1 << 31;

impl SpotKey {
    #[inline]
    fn new(address: &IpAddr, place: Place) -> Self {
        let (address, family) = match address {
            IpAddr::V4(v4) => ([0, u64::from(v4.to_bits())], 0),
            IpAddr::V6(v6) => ([(v6.to_bits() >> 64) as u64, v6.to_bits() as u64], IPV6),
        };
        let network = place.vni.map_or(0, |vni| vni.number() + 1) | family;
        Self { address, place: u64::from(place.tap.0) << 32 | u64::from(place.if_index), network }
    }

    /// Where its set begins. Not by chance: who chooses addresses that meet gains that they are looked up each time.
    #[inline]
    const fn set(&self) -> usize {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let address = self.address[1] ^ self.address[0].rotate_left(32);
        let mixed = (address.wrapping_mul(SPREAD) ^ self.place ^ self.network as u64).wrapping_mul(SPREAD);
        (mixed >> 32) as usize % (ROOM / WAYS) * WAYS
    }
}

impl Who {
    /// Whether it is told by this alone who it is at that time.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && !matches!(self.title, Title::Open)
    }

    /// Whether it is a container that publishes ports.
    pub fn publishes(&self) -> bool {
        self.container.as_ref().is_some_and(|container| !container.published.is_empty())
    }
}

impl KnownEnds {
    /// Something is called otherwise from now on.
    pub const fn forget(&mut self) {
        self.generation += 1;
    }

    /// How often.
    #[inline]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Who an address is, at whatever time it is so.
    #[inline]
    pub fn get(&self, address: IpAddr, place: Place) -> Option<&Who> {
        self.at(self.find(address, place)?)
    }

    /// The same, to change it.
    #[inline]
    pub fn get_mut(&mut self, address: IpAddr, place: Place) -> Option<&mut Who> {
        let at = self.find(address, place)?;
        self.ends.get_mut(at)?.as_mut().map(|known| &mut known.who)
    }

    /// Where that stands until another is put.
    #[inline]
    pub fn find(&self, address: IpAddr, place: Place) -> Option<usize> {
        self.find_lent(&address, place)
    }

    /// The same of an address where it stands: it has an odd number of bytes, which take longer to copy than to read.
    #[inline]
    pub fn find_lent(&self, address: &IpAddr, place: Place) -> Option<usize> {
        let spot = SpotKey::new(address, place);
        let set = spot.set();
        let is_it = |end: &KnownEnd| end.spot == spot && end.generation == self.generation;
        let ways = self.ends.get(set..set + WAYS)?.iter();
        (set..).zip(ways).find(|(_, end)| end.as_ref().is_some_and(is_it)).map(|(at, _)| at)
    }

    /// Who stands there.
    #[inline]
    pub fn at(&self, at: usize) -> Option<&Who> {
        self.ends.get(at)?.as_ref().map(|known| &known.who)
    }

    /// Keeps who an address is.
    pub fn put(&mut self, address: IpAddr, place: Place, mut who: Who) {
        self.serials += 1;
        who.serial = self.serials;
        if self.ends.is_empty() {
            self.ends.resize_with(ROOM, || None);
        }
        let spot = SpotKey::new(&address, place);
        let known = KnownEnd { spot, generation: self.generation, who };
        let set = spot.set();
        if let Some(ways) = self.ends.get_mut(set..set + WAYS) {
            ways.rotate_right(1);
            if let Some(first) = ways.first_mut() {
                *first = Some(known);
            }
        }
    }
}
