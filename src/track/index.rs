//! Where the entries of a table are, by their hashes.
//!
//! Buckets that fill a line of the cache each, of which a search nearly always looks at one, and at all that is in it at
//! once: with one entry behind the other, as in a search from place to place, nobody can guess how many there are to look
//! at. Each bucket knows how many entries found no room in it, so that what is removed leaves no mark, and the index of a
//! table that is always full never has to be made anew. hashbrown's tables look at two lines, and double when marks of
//! what was removed fill them.

use super::memory;
use super::table::Hashed;

/// A place where nothing stands. No entry has that number: there are less than 2^30.
const EMPTY: u32 = u32::MAX;
/// Entries in a bucket.
const ROOM: usize = 7;
/// Entries for each bucket before there are more buckets: of eight as full as that, one is passed over for another now
/// and then.
const FULL: usize = 4;
/// The first buckets that are made.
const LEAST: usize = 4;

/// Some entries. Arrays of eight, which are compared at once.
#[repr(align(64))]
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    /// Their hashes; the last is that of none.
    hashes: [u32; ROOM + 1],
    /// Their numbers; the last is that of the entries that found no room here and stand behind.
    numbers: [u32; ROOM + 1],
}

impl Bucket {
    const NONE: Self = Self { hashes: [0; ROOM + 1], numbers: [EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, 0] };

    /// The places with that hash, a bit for each. What stands there no more may be among them.
    #[expect(clippy::inline_always, reason = "see Table::find_hashed")]
    #[inline(always)]
    pub fn places(&self, hash: Hashed) -> u32 {
        let bits = self.hashes.map(|other| u32::from(other == hash.0));
        bits.into_iter().enumerate().fold(0, |all, (at, bit)| all | bit << at)
    }

    /// The number that stands in the lowest of those places; one that no entry has where nothing stands there any more.
    #[expect(clippy::inline_always, reason = "see Table::find_hashed")]
    #[inline(always)]
    pub fn number(&self, places: u32) -> u32 {
        self.numbers.get(places.trailing_zeros() as usize).copied().unwrap_or(EMPTY)
    }

    /// Whether something found no room here, and stands behind.
    #[inline]
    pub const fn is_passed(&self) -> bool {
        self.numbers[ROOM] > 0
    }

    /// Its places, each with hash and number.
    fn each(&mut self) -> impl Iterator<Item = (&mut u32, &mut u32)> {
        self.hashes.iter_mut().zip(&mut self.numbers).take(ROOM)
    }

    /// Puts a number where nothing stands. False where there is no room.
    fn put(&mut self, hash: Hashed, number: u32) -> bool {
        let Some((place, other)) = self.each().find(|(_, other)| **other == EMPTY) else { return false };
        (*place, *other) = (hash.0, number);
        true
    }

    /// Takes a number out. False where it is not there.
    fn take(&mut self, hash: Hashed, number: u32) -> bool {
        let is_it = |(place, other): &(&mut u32, &mut u32)| **other == number && **place == hash.0;
        let Some((_, other)) = self.each().find(is_it) else { return false };
        *other = EMPTY;
        true
    }

    const fn passed(&mut self) -> &mut u32 {
        &mut self.numbers[ROOM]
    }
}

/// The numbers of entries, by their hashes.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// None, or a power of two of them.
    buckets: Vec<Bucket>,
    len: usize,
}

impl Index {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// The bucket where a search begins.
    #[expect(clippy::inline_always, reason = "see Table::find_hashed")]
    #[inline(always)]
    fn home(&self, hash: Hashed) -> usize {
        hash.0 as usize & self.buckets.len().wrapping_sub(1)
    }

    /// The bucket where a search begins; there where anything is.
    #[expect(clippy::inline_always, reason = "see Table::find_hashed")]
    #[inline(always)]
    pub fn bucket(&self, hash: Hashed) -> Option<&Bucket> {
        self.buckets.get(self.home(hash))
    }

    /// The numbers that have that hash and found no room there.
    #[inline(never)]
    pub fn behind(&self, hash: Hashed) -> impl Iterator<Item = u32> + '_ {
        let mask = self.buckets.len().wrapping_sub(1);
        // At most all, which may all have been passed.
        let buckets = (1..self.buckets.len()).filter_map(move |on| self.buckets.get((self.home(hash) + on) & mask));
        let mut is_passed = true;
        let buckets = buckets.take_while(move |bucket| std::mem::replace(&mut is_passed, bucket.is_passed()));
        buckets.flat_map(move |bucket| {
            let places = bucket.places(hash);
            (0..ROOM)
                .filter(move |place| places >> place & 1 == 1)
                .filter_map(move |place| bucket.numbers.get(place).copied())
        })
    }

    /// The number of what stands first in the bucket where that hash is searched for, and has it; any number where nothing
    /// there has it. Without a branch: who does not know whether it is there cannot guess it.
    #[inline]
    pub fn first(&self, hash: Hashed) -> u32 {
        self.bucket(hash).map_or(EMPTY, |bucket| bucket.number(bucket.places(hash) | 1 << ROOM))
    }

    /// Has fetched from memory where a search for that hash begins.
    #[inline]
    pub fn find_soon(&self, hash: Hashed) {
        if let Some(bucket) = self.bucket(hash) {
            memory::fetch(bucket);
        }
    }

    /// Takes in a number that is not there yet.
    pub fn insert(&mut self, hash: Hashed, number: u32) {
        if self.len >= self.buckets.len() * FULL {
            self.grow();
        }
        self.put(hash, number);
        self.len += 1;
    }

    fn put(&mut self, hash: Hashed, number: u32) {
        let mut at = self.home(hash);
        while let Some(bucket) = self.buckets.get_mut(at) {
            if bucket.put(hash, number) {
                return;
            }
            *bucket.passed() += 1;
            at = (at + 1) & self.buckets.len().wrapping_sub(1);
        }
    }

    #[cold]
    fn grow(&mut self) {
        let more = (self.buckets.len() * 2).max(LEAST);
        let before = std::mem::replace(&mut self.buckets, vec![Bucket::NONE; more]);
        for Bucket { hashes, numbers } in before {
            for (hash, number) in hashes.into_iter().zip(numbers).take(ROOM).filter(|&(_, number)| number != EMPTY) {
                self.put(Hashed(hash), number);
            }
        }
    }

    /// Takes a number out; false where it is not there.
    pub fn remove(&mut self, hash: Hashed, number: u32) -> bool {
        let home = self.home(hash);
        let mut at = home;
        for _ in 0..self.buckets.len() {
            let Some(bucket) = self.buckets.get_mut(at) else { return false };
            if bucket.take(hash, number) {
                self.len -= 1;
                self.forget_passed(home, at);
                return true;
            }
            if *bucket.passed() == 0 {
                return false;
            }
            at = (at + 1) & self.buckets.len().wrapping_sub(1);
        }
        false
    }

    /// One that had passed the buckets from `home` to `until`, where it stood, is gone.
    fn forget_passed(&mut self, home: usize, until: usize) {
        let mut at = home;
        while at != until
            && let Some(bucket) = self.buckets.get_mut(at)
        {
            *bucket.passed() -= 1;
            at = (at + 1) & self.buckets.len().wrapping_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// The numbers that have a hash.
    fn all(index: &Index, hash: Hashed) -> impl Iterator<Item = u32> + '_ {
        let first = index.bucket(hash).into_iter().flat_map(move |bucket| {
            let places = bucket.places(hash);
            (0..8).filter(move |place| places >> place & 1 == 1).map(move |place| bucket.number(1 << place))
        });
        let behind = index.bucket(hash).is_some_and(Bucket::is_passed).then(|| index.behind(hash));
        first.chain(behind.into_iter().flatten())
    }

    proptest! {
        /// Few hashes, so that many meet, and those whose homes are at both ends of the array.
        #[test]
        fn what_is_there_is_found_and_nothing_else(
            steps in prop::collection::vec((any::<bool>(), prop_oneof![1_u32..4, 60_u32..64, Just(u32::MAX)], 0_u32..40), 0..400)
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
                    let found = all(&index, Hashed(hash.unwrap_or(1))).find(|&at| at == number);
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
        let room = index.buckets.len();
        for number in 1000..100_000 {
            assert!(index.remove(spread(number - 1000), number - 1000));
            index.insert(spread(number), number);
        }
        assert_eq!((index.buckets.len(), index.len()), (room, 1000));
        assert_eq!((room, size_of::<Bucket>()), (256, 64));
    }
}
