//! Where the entries of a table are, by their hashes.
//!
//! A word for each entry, in one array that is searched on from where the hash says (linear probing): nearly every search
//! looks at one line of the cache. What is removed leaves no mark, since what stands behind it moves up, so that the index
//! of a table that is always full never has to be made anew. hashbrown's tables look at two lines, and double when marks
//! of what was removed fill them.

use super::table::Hashed;

/// A place where nothing stands. No entry has that number: there are less than 2^30.
const EMPTY: u64 = u64::MAX;
/// The first array that is allocated.
const LEAST: usize = 16;

/// The numbers of entries, by their hashes.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Hash and number; none, or a power of two of them, of which at most half are taken.
    places: Vec<u64>,
    len: usize,
}

const fn place(hash: Hashed, number: u32) -> u64 {
    (hash.0 as u64) << 32 | number as u64
}

/// The number in a place.
const fn number(place: u64) -> u32 {
    place as u32
}

impl Index {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Where a search for what stands in a place, or would, begins.
    #[inline]
    const fn home(&self, place: u64) -> usize {
        (place >> 32) as usize & self.mask()
    }

    #[inline]
    const fn mask(&self) -> usize {
        self.places.len().wrapping_sub(1)
    }

    /// The number that has that hash and is the right one.
    #[inline]
    pub fn find(&self, hash: Hashed, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = self.home(place(hash, 0));
        loop {
            let found = *self.places.get(at)?;
            if found == EMPTY {
                return None;
            }
            if found >> 32 == u64::from(hash.0) && is_it(number(found)) {
                return Some(number(found));
            }
            at = (at + 1) & self.mask();
        }
    }

    /// Takes in a number that is not there yet.
    pub fn insert(&mut self, hash: Hashed, number: u32) {
        if (self.len + 1) * 2 > self.places.len() {
            self.grow();
        }
        self.put(place(hash, number));
        self.len += 1;
    }

    fn put(&mut self, new: u64) {
        let mut at = self.home(new);
        while let Some(taken) = self.places.get_mut(at) {
            if *taken == EMPTY {
                *taken = new;
                return;
            }
            at = (at + 1) & self.mask();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let more = (self.places.len() * 2).max(LEAST);
        let before = std::mem::replace(&mut self.places, vec![EMPTY; more]);
        before.into_iter().filter(|&place| place != EMPTY).for_each(|place| self.put(place));
    }

    /// Takes a number out; false where it is not there.
    pub fn remove(&mut self, hash: Hashed, number: u32) -> bool {
        let gone = place(hash, number);
        let mut hole = self.home(gone);
        while self.places.get(hole).is_some_and(|&place| place != gone && place != EMPTY) {
            hole = (hole + 1) & self.mask();
        }
        if self.places.get(hole) != Some(&gone) {
            return false;
        }
        self.len -= 1;
        self.close(hole);
        true
    }

    /// Moves up what stands behind a place that has become empty and could have stood there, so that it is still found.
    fn close(&mut self, mut hole: usize) {
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask();
            let moved = self.places.get(at).copied().unwrap_or(EMPTY);
            // As far as it stands from its home, it may move; the ends of the array are neighbours.
            let may_move = at.wrapping_sub(self.home(moved)) & self.mask() >= at.wrapping_sub(hole) & self.mask();
            if moved != EMPTY && !may_move {
                continue;
            }
            if let Some(place) = self.places.get_mut(hole) {
                *place = moved;
            }
            if moved == EMPTY {
                return;
            }
            hole = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few hashes, so that many meet, and those whose homes are at both ends of the array.
        #[test]
        fn what_is_there_is_found_and_nothing_else(
            steps in prop::collection::vec((any::<bool>(), prop_oneof![0_u32..4, 60_u32..64, Just(u32::MAX)], 0_u32..40), 0..400)
        ) {
            let (mut index, mut model) = (Index::default(), HashMap::new());
            for (comes, hash, number) in steps {
                if comes && !model.contains_key(&number) {
                    index.insert(Hashed(hash), number);
                    model.insert(number, hash);
                } else if !comes {
                    let was_there = model.get(&number) == Some(&hash);
                    prop_assert_eq!(index.remove(Hashed(hash), number), was_there);
                    if was_there {
                        model.remove(&number);
                    }
                }
                prop_assert_eq!(index.len(), model.len());
                for number in 0..40 {
                    let hash = model.get(&number).copied();
                    let found = index.find(Hashed(hash.unwrap_or(1)), |at| at == number);
                    prop_assert_eq!(found, hash.map(|_| number));
                }
            }
        }
    }

    #[test]
    fn a_table_that_is_always_full_keeps_its_room() {
        let mut index = Index::default();
        let spread = |number: u32| Hashed(number.wrapping_mul(0x9e37_79b9));
        (0..1000).for_each(|number| index.insert(spread(number), number));
        let room = index.places.len();
        for number in 1000..100_000 {
            assert!(index.remove(spread(number - 1000), number - 1000));
            index.insert(spread(number), number);
        }
        assert_eq!((index.places.len(), index.len()), (room, 1000));
        assert_eq!(room, 2048);
    }
}
