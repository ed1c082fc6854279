//! Who the addresses are that were looked up before: nearly every line has the ends of an earlier one.
//!
//! What is kept is all that does not depend on the other end and on the time: who has the address, on which network, and
//! what it is called. It holds for the times from which on the Directory says the same, until anything is named anew.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use ahash::RandomState;

use super::asked::Client;
use crate::decode::message::Endpoint;
use crate::docker::{Container, Network};
use crate::time::Timestamp;
use crate::track::event::Place;

/// As many addresses at places are kept; one more takes the place of another.
const ROOM: usize = 4096;
/// So many places there are for one address: the one that came first is given to the next.
const WAYS: usize = 2;

/// Addresses at places, and who they are.
#[derive(Debug)]
pub(super) struct KnownEnds {
    /// Sets of [`WAYS`]; empty until the first is kept.
    ends: Vec<Option<KnownEnd>>,
    hasher: RandomState,
    /// What is of an earlier generation no longer holds.
    generation: u64,
}

/// An address at a place.
#[derive(Debug)]
pub(super) struct KnownEnd {
    spot: SpotKey,
    generation: u64,
    /// It is so at all times from this one on.
    pub from: Timestamp,
    /// Who it is that asks, where it does.
    pub client: Client,
    pub container: Option<Arc<Container>>,
    pub network: Option<Arc<Network>>,
    pub title: Title,
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

/// What an end is kept by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SpotKey {
    place: Place,
    address: IpAddr,
}

impl Hash for SpotKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place.hash(state);
        Endpoint::host(self.address).hash(state);
    }
}

impl KnownEnd {
    /// Whether it is told by this alone who it is at that time.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && !matches!(self.title, Title::Open)
    }
}

impl Default for KnownEnds {
    fn default() -> Self {
        Self { ends: Vec::new(), hasher: RandomState::new(), generation: 0 }
    }
}

impl KnownEnds {
    /// Something is called otherwise from now on.
    pub const fn forget(&mut self) {
        self.generation += 1;
    }

    /// Who an address is, at whatever time it is so.
    pub fn get(&self, address: IpAddr, place: Place) -> Option<&KnownEnd> {
        if self.ends.is_empty() {
            return None;
        }
        let spot = SpotKey { place, address };
        let set = self.set(&spot);
        let mut ways = self.ends.get(set..set + WAYS)?.iter().flatten();
        ways.find(|end| end.spot == spot && end.generation == self.generation)
    }

    /// Keeps who an address is.
    pub fn put(&mut self, address: IpAddr, place: Place, known: Who) {
        if self.ends.is_empty() {
            self.ends.resize_with(ROOM, || None);
        }
        let spot = SpotKey { place, address };
        let Who { from, client, container, network, title } = known;
        let known = KnownEnd { spot, generation: self.generation, from, client, container, network, title };
        let set = self.set(&spot);
        if let Some(ways) = self.ends.get_mut(set..set + WAYS) {
            ways.rotate_right(1);
            if let Some(first) = ways.first_mut() {
                *first = Some(known);
            }
        }
    }

    fn set(&self, spot: &SpotKey) -> usize {
        (self.hasher.hash_one(spot) as usize % (ROOM / WAYS)) * WAYS
    }
}

/// Who an address is.
#[derive(Debug)]
pub(super) struct Who {
    pub from: Timestamp,
    pub client: Client,
    pub container: Option<Arc<Container>>,
    pub network: Option<Arc<Network>>,
    pub title: Title,
}
