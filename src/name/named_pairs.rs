//! What two ends are called on a line between them, for the lines that come next.

use std::net::Ipv4Addr;

use super::changes::{Changes, Version};
use super::pairs::{Asks, Called};
use super::plain_name::PlainName;
use crate::capture::TapId;
use crate::time::Timestamp;

/// As many pairs are kept; one more takes the place of another.
const ROOM: usize = 8192;

/// Names by the two ends of a line.
#[derive(Debug, Default)]
pub(super) struct NamedPairs {
    /// Empty until the first is kept.
    pairs: Vec<Option<NamedPair>>,
}

/// What both are called. Two lines of the cache, which are what a packet's names cost where there are many pairs.
#[derive(Debug)]
#[repr(align(64))]
struct NamedPair {
    ends: u64,
    tap: u32,
    are_serials: bool,
    asks: Asks,
    publish: (bool, bool),
    generation: u64,
    names: (Option<PlainName>, Option<PlainName>),
    /// It is so at all times from this one on, as long as what each name depends on is what it was.
    from: Timestamp,
    bases: (Basis, Basis),
}

/// The two ends, and who may have asked for whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Both addresses, or both serials. Of two of which either may have asked the smaller comes first: they are called the
    /// same both ways.
    ends: u64,
    tap: u32,
    are_serials: bool,
    asks: Asks,
    /// The server comes first.
    turned: bool,
}

/// What one end is called by the other.
#[derive(Clone, Debug)]
pub(super) struct EndName {
    /// In ASCII that prints; `None` where the name is not.
    pub name: Option<PlainName>,
    /// It is so at all times from this one on, as long as what it depends on is what it was.
    pub from: Timestamp,
    pub basis: Basis,
}

/// What it depends on what one end is called by the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Basis {
    /// What the other had asked for.
    pub asked: Version,
    /// What all others had.
    pub learned: Version,
}

/// Where it stands what both ends are called, until others are looked up.
#[derive(Clone, Copy, Debug)]
pub struct Looked {
    at: usize,
    key: Key,
}

impl Key {
    /// Of two addresses that were seen outside of tunnels, by a tap of one interface.
    #[inline]
    pub const fn addresses((client, server): (Ipv4Addr, Ipv4Addr), tap: TapId, asks: Asks) -> Self {
        Self::new((client.to_bits(), server.to_bits()), tap.0, false, asks)
    }

    /// Of any two, by their serials in [`super::known::KnownEnds`]; `None` where there were too many.
    pub fn serials(client: u64, server: u64, asks: Asks) -> Option<Self> {
        Some(Self::new((client.try_into().ok()?, server.try_into().ok()?), 0, true, asks))
    }

    #[inline]
    const fn new((client, server): (u32, u32), tap: u32, are_serials: bool, asks: Asks) -> Self {
        let turned = matches!(asks, Asks::Either) && client > server;
        let (first, second) = if turned { (server, client) } else { (client, server) };
        Self { ends: (first as u64) << 32 | second as u64, tap, are_serials, asks, turned }
    }

    /// The client's before the server's, or what the first is before the second.
    #[inline]
    pub const fn turn<T: Copy>(self, (one, other): (T, T)) -> (T, T) {
        if self.turned { (other, one) } else { (one, other) }
    }

    /// Not by chance: who chooses pairs that meet gains that they are looked up each time.
    #[inline]
    const fn place(self) -> usize {
        (self.ends.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % ROOM
    }
}

impl Basis {
    #[inline]
    fn is_still(self, asked: &Changes, learned: &Changes) -> bool {
        asked.is_still(self.asked) && learned.is_still(self.learned)
    }
}

impl NamedPair {
    #[inline]
    fn is(&self, key: Key) -> bool {
        let Key { ends, tap, are_serials, asks, .. } = key;
        self.ends == ends && self.tap == tap && self.are_serials == are_serials && self.asks == asks
    }
}

impl NamedPairs {
    /// Where it stands what two ends are called at that time, if nothing has changed since it was put there.
    #[inline]
    pub fn find(
        &self,
        key: Key,
        at: Timestamp,
        generation: u64,
        (asked, learned): (&Changes, &Changes),
    ) -> Option<Looked> {
        let place = key.place();
        let pair = self.pairs.get(place)?.as_ref()?;
        let is_it = pair.is(key)
            && pair.generation == generation
            && pair.from <= at
            && pair.bases.0.is_still(asked, learned)
            && pair.bases.1.is_still(asked, learned);
        is_it.then_some(Looked { at: place, key })
    }

    /// What is left of that where only one name may have changed.
    pub fn rest(
        &self,
        key: Key,
        at: Timestamp,
        generation: u64,
        (asked, learned): (&Changes, &Changes),
    ) -> (Option<EndName>, Option<EndName>) {
        let pair = self.pairs.get(key.place()).and_then(Option::as_ref);
        let Some(pair) = pair.filter(|pair| pair.is(key) && pair.generation == generation && pair.from <= at) else {
            return (None, None);
        };
        let end = |name: &Option<PlainName>, basis: Basis| {
            let end = || EndName { name: name.clone(), from: pair.from, basis };
            basis.is_still(asked, learned).then(end)
        };
        (end(&pair.names.0, pair.bases.0), end(&pair.names.1, pair.bases.1))
    }

    /// What both ends are called that were looked up, if that is of ASCII that prints.
    #[inline]
    pub fn get(&self, looked: &Looked) -> Option<Called<'_>> {
        let pair = self.pairs.get(looked.at)?.as_ref().filter(|pair| pair.is(looked.key))?;
        let (client, server) = looked.key.turn((pair.names.0.as_ref()?, pair.names.1.as_ref()?));
        Some(Called { client, server, publishes: looked.key.turn(pair.publish).1 })
    }

    /// Keeps what the first and the second of a pair are called, and whether they are containers that publish ports; where
    /// that stands.
    pub fn put(&mut self, key: Key, generation: u64, names: (EndName, EndName), publish: (bool, bool)) -> Looked {
        if self.pairs.is_empty() {
            self.pairs.resize_with(ROOM, || None);
        }
        let place = key.place();
        let Key { ends, tap, are_serials, asks, .. } = key;
        let (from, bases) = (names.0.from.max(names.1.from), (names.0.basis, names.1.basis));
        let names = (names.0.name, names.1.name);
        if let Some(there) = self.pairs.get_mut(place) {
            *there = Some(NamedPair { ends, tap, are_serials, asks, publish, generation, names, from, bases });
        }
        Looked { at: place, key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_takes_two_lines_of_the_cache() {
        assert_eq!(size_of::<Option<NamedPair>>(), 128);
    }
}
