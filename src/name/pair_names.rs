//! What one end calls another, where that is not what everybody calls it: told before, for the lines between both that
//! come next. What lookups have told of either since then is found out by counts of changes, so that one lookup does not
//! end all that is known.

use super::asked::Told;
use super::learned::Version;
use super::pairs::PlainName;
use crate::time::Timestamp;

/// As many pairs are kept; one more takes the place of another.
const ROOM: usize = 4096;

/// Names by who calls whom.
#[derive(Debug, Default)]
pub(super) struct PairNames {
    /// Empty until the first is kept.
    names: Vec<Option<PairName>>,
    /// How often one was kept.
    kept: u64,
}

/// What one end calls another.
#[derive(Debug)]
pub(super) struct PairName {
    /// The serials of both in [`super::known::KnownEnds`], the first 0 where nobody calls.
    pair: (u64, u64),
    basis: Basis,
    /// It is so at all times from this one on.
    from: Timestamp,
    /// In ASCII that prints; `None` where the name is not.
    name: Option<PlainName>,
}

/// What a name depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Basis {
    /// What the one had asked for by then.
    pub told: Told,
    /// What all others had, where the one had not asked.
    pub version: Option<Version>,
}

impl PairName {
    /// From when on it is so.
    pub const fn from(&self) -> Timestamp {
        self.from
    }

    /// The name, if it is of ASCII that prints.
    pub const fn name(&self) -> Option<&PlainName> {
        self.name.as_ref()
    }
}

const fn place(pair: (u64, u64)) -> usize {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (pair.0.wrapping_mul(SPREAD) ^ pair.1).wrapping_mul(SPREAD);
    (mixed >> 40) as usize % ROOM
}

impl PairNames {
    /// How often one was kept, and another perhaps not any more.
    #[inline]
    pub const fn changes(&self) -> u64 {
        self.kept
    }

    /// Where it stands what the first of a pair calls the second at that time, where nothing was told of it since.
    #[inline]
    pub fn find(&self, pair: (u64, u64), at: Timestamp, is_still: impl FnOnce(Basis) -> bool) -> Option<usize> {
        let place = place(pair);
        let name = self.names.get(place)?.as_ref()?;
        (name.pair == pair && name.from <= at && is_still(name.basis)).then_some(place)
    }

    /// What stands there, if it is that pair's.
    #[inline]
    pub fn at(&self, place: usize, pair: (u64, u64)) -> Option<&PairName> {
        self.names.get(place)?.as_ref().filter(|name| name.pair == pair)
    }

    /// Keeps what the first of a pair calls the second from a time on; where that stands.
    pub fn put(&mut self, pair: (u64, u64), basis: Basis, from: Timestamp, name: Option<PlainName>) -> usize {
        if self.names.is_empty() {
            self.names.resize_with(ROOM, || None);
        }
        self.kept += 1;
        let place = place(pair);
        if let Some(there) = self.names.get_mut(place) {
            *there = Some(PairName { pair, basis, from, name });
        }
        place
    }
}
