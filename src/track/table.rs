//! A hash table with a cap whose entries also stand in lists by age, so that the oldest is always at hand.
//!
//! Everything the tracker remembers is in one of these. Entries are reused with the memory they hold, so that the steady
//! state allocates nothing. Lists are by state (waiting, given up, …): within one the order is that of the stamps, and
//! expiring means looking at its head, never at the whole table.

use std::hash::Hash;

use super::index::Index;
use super::memory;
use crate::time::Timestamp;

/// Marks the end of a list; above all places. Two bits are left for the number of a list.
const NONE: u32 = (1 << LIST_SHIFT) - 1;
const LIST_SHIFT: u32 = 30;
/// As many lists may a table have.
const MAX_LISTS: usize = 4;

/// So many entries are fetched from memory together.
pub const AHEAD: usize = 16;

/// A place in a [`Table`]; only good for the table that gave it, until the entry is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// Its number, below the table's cap: for what is kept beside the table.
    pub const fn number(self) -> usize {
        self.0 as usize
    }
}

/// The hash of a key, for the table that gave it. As many bits as the index has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashed(pub(super) u32);

impl Hashed {
    /// A bit that all hashes have: where the index has none there is 0.
    const SOME: u32 = 1 << 31;
    /// That of no key.
    pub const NONE: Self = Self(0);
}

/// In this order, so that an entry is found, moved and taken out by what stands together at its beginning.
#[repr(C)]
#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    stamp: Timestamp,
    /// The place before it in its list, and in the upper bits which list that is: a byte for it would make eight.
    previous_and_list: u32,
    next: u32,
    value: V,
}

impl<K, V> Entry<K, V> {
    const fn list(&self) -> usize {
        (self.previous_and_list >> LIST_SHIFT) as usize
    }

    const fn previous(&self) -> u32 {
        self.previous_and_list & NONE
    }

    const fn set_previous(&mut self, previous: u32) {
        self.previous_and_list = self.previous_and_list & !NONE | previous;
    }
}

#[derive(Clone, Copy, Debug)]
struct List {
    head: u32,
    tail: u32,
}

/// A table of at most `cap` entries in `LISTS` lists.
#[derive(Debug)]
pub struct Table<K, V, const LISTS: usize> {
    // Keyed at random, so that nobody can choose addresses and ports that collide.
    hasher: ahash::RandomState,
    index: Index,
    entries: Vec<Entry<K, V>>,
    free: Vec<u32>,
    lists: [List; LISTS],
    cap: usize,
}

#[expect(clippy::indexing_slicing, reason = "a Slot and a list's links come from this table and stay within it")]
impl<K: Copy + Eq + Hash, V: Default, const LISTS: usize> Table<K, V, LISTS> {
    /// An empty table; `cap` is at least one, and at most 2^30 - 1.
    pub fn new(cap: usize) -> Self {
        const { assert!(LISTS <= MAX_LISTS) };
        Self {
            hasher: ahash::RandomState::new(),
            index: Index::default(),
            entries: Vec::new(),
            free: Vec::new(),
            lists: [List { head: NONE, tail: NONE }; LISTS],
            cap: cap.clamp(1, NONE as usize),
        }
    }

    /// Entries in the table.
    #[inline]
    pub const fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an entry must go before another can come.
    pub fn is_full(&self) -> bool {
        self.len() >= self.cap
    }

    /// The hash of a key, for who asks for it more than once.
    #[expect(clippy::inline_always, reason = "see Table::find_hashed")]
    #[inline(always)]
    pub fn hash(&self, key: &K) -> Hashed {
        Hashed(self.hasher.hash_one(key) as u32 | Hashed::SOME)
    }

    /// The entry of that key.
    #[inline(never)]
    pub fn find(&self, key: &K) -> Option<Slot> {
        self.find_hashed(self.hash(key), key)
    }

    /// The entry of that key, whose hash is known.
    #[expect(clippy::inline_always, reason = "in line, a key is not put into memory to be read from there")]
    #[inline(always)]
    pub fn find_hashed(&self, hash: Hashed, key: &K) -> Option<Slot> {
        // Without closures, which the compiler does not put in line.
        let bucket = self.index.bucket(hash)?;
        let mut places = bucket.places(hash);
        while places != 0 {
            let at = bucket.number(places);
            if let Some(entry) = self.entries.get(at as usize)
                && entry.key == *key
            {
                return Some(Slot(at));
            }
            places &= places - 1;
        }
        if bucket.is_passed() { self.find_behind(hash, key) } else { None }
    }

    /// The same of one that found no room in the bucket where all are looked for first.
    #[inline(never)]
    fn find_behind(&self, hash: Hashed, key: &K) -> Option<Slot> {
        let is_it = |at: &u32| self.entries.get(*at as usize).is_some_and(|entry| entry.key == *key);
        self.index.behind(hash).find(is_it).map(Slot)
    }

    /// Has fetched from memory where the index has that hash, which will be looked up.
    #[inline]
    pub fn find_soon(&self, hash: Hashed) {
        self.index.find_soon(hash);
    }

    /// Has the entry fetched from memory that has that hash, if it is the first that a search meets.
    #[inline]
    pub fn fetch(&self, hash: Hashed) {
        if let Some(entry) = self.entries.get(self.index.first(hash) as usize) {
            memory::fetch(entry);
        }
    }

    /// Has the entry in that place fetched from memory, if there is one.
    #[inline]
    pub fn fetch_slot(&self, slot: Slot) {
        if let Some(entry) = self.entries.get(slot.0 as usize) {
            memory::fetch(entry);
        }
    }

    /// The value in that place.
    pub fn get(&self, slot: Slot) -> &V {
        &self.entries[slot.0 as usize].value
    }

    /// The value in that place, to change it.
    pub fn get_mut(&mut self, slot: Slot) -> &mut V {
        &mut self.entries[slot.0 as usize].value
    }

    /// The key of that place.
    pub fn key(&self, slot: Slot) -> K {
        self.entries[slot.0 as usize].key
    }

    /// The value in that place, to change it, and when it was put where it stands in its list.
    #[inline]
    pub fn stamped_mut(&mut self, slot: Slot) -> (&mut V, Timestamp) {
        let entry = &mut self.entries[slot.0 as usize];
        (&mut entry.value, entry.stamp)
    }

    /// When the entry was put where it stands in its list.
    pub fn stamp(&self, slot: Slot) -> Timestamp {
        self.entries[slot.0 as usize].stamp
    }

    /// The list that the entry stands in.
    pub fn list(&self, slot: Slot) -> usize {
        self.entries[slot.0 as usize].list()
    }

    /// A place for a key that is not in the table yet, at the end of a list. Its value is what an earlier entry left there,
    /// for the sake of the memory it holds: the caller sets every field. The caller makes room first: see
    /// [`Table::is_full`].
    pub fn insert(&mut self, key: K, list: usize, at: Timestamp) -> Slot {
        self.insert_hashed(self.hash(&key), key, list, at)
    }

    /// The same for a key whose hash is known.
    pub fn insert_hashed(&mut self, hash: Hashed, key: K, list: usize, at: Timestamp) -> Slot {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.entries[slot as usize].key = key;
                // The next one will be wanted soon.
                if let Some(next) = self.free.last().and_then(|&next| self.entries.get(next as usize)) {
                    memory::fetch(next);
                }
                slot
            }
            None => self.push(key, V::default(), at),
        };
        self.index.insert(hash, slot);
        self.append(slot, list, at);
        Slot(slot)
    }

    #[inline]
    fn push(&mut self, key: K, value: V, stamp: Timestamp) -> u32 {
        self.entries.push(Entry { key, value, stamp, previous_and_list: NONE, next: NONE });
        (self.entries.len() - 1) as u32
    }

    /// Takes an entry out. Its value stays readable until the place is given to another.
    pub fn remove(&mut self, slot: Slot) {
        self.remove_hashed(self.hash(&self.key(slot)), slot);
    }

    /// The same of one whose hash is known.
    pub fn remove_hashed(&mut self, hash: Hashed, slot: Slot) {
        if self.index.remove(hash, slot.0) {
            self.unlink(slot.0);
            self.free.push(slot.0);
        }
    }

    /// Puts an entry at the end of a list.
    pub fn move_to(&mut self, slot: Slot, list: usize, at: Timestamp) {
        self.unlink(slot.0);
        self.append(slot.0, list, at);
    }

    /// The entry that has stood in a list for longest.
    pub fn oldest(&self, list: usize) -> Option<Slot> {
        let head = self.lists.get(list)?.head;
        (head != NONE).then_some(Slot(head))
    }

    /// The entry that has stood in a list for longest, if it has stood there for too long by its stamp.
    pub fn expired(&self, list: usize, is_over: impl FnOnce(Timestamp) -> bool) -> Option<Slot> {
        self.oldest(list).filter(|&slot| is_over(self.stamp(slot)))
    }

    /// The entries that have stood in a list for longest, of those that have stood there for too long by their stamps, as
    /// many as there is room for. Where the index has them is fetched from memory.
    pub fn all_expired(&self, list: usize, is_over: impl Fn(Timestamp) -> bool, slots: &mut [Option<Slot>; AHEAD]) {
        let mut next = self.oldest(list);
        for place in slots {
            let Some((slot, entry)) = next.and_then(|slot| Some((slot, self.entries.get(slot.0 as usize)?))) else {
                break;
            };
            if !is_over(entry.stamp) {
                break;
            }
            self.find_soon(self.hash(&entry.key));
            (*place, next) = (Some(slot), (entry.next != NONE).then_some(Slot(entry.next)));
        }
    }

    /// The entries of a list, the one that has stood in it for the shortest time first.
    pub fn newest(&self, list: usize) -> impl Iterator<Item = Slot> + '_ {
        let slot = |at: u32| (at != NONE).then_some(Slot(at));
        let tail = self.lists.get(list).and_then(|list| slot(list.tail));
        std::iter::successors(tail, move |at| slot(self.entries[at.0 as usize].previous()))
    }

    fn append(&mut self, slot: u32, list: usize, at: Timestamp) {
        let tail = self.lists[list].tail;
        let entry = &mut self.entries[slot as usize];
        (entry.previous_and_list, entry.next, entry.stamp) = ((list as u32) << LIST_SHIFT | tail, NONE, at);
        match tail {
            NONE => self.lists[list].head = slot,
            tail => self.entries[tail as usize].next = slot,
        }
        self.lists[list].tail = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let entry = &self.entries[slot as usize];
        let (previous, next, list) = (entry.previous(), entry.next, entry.list());
        match previous {
            NONE => self.lists[list].head = next,
            previous => self.entries[previous as usize].next = next,
        }
        match next {
            NONE => self.lists[list].tail = previous,
            next => self.entries[next as usize].set_previous(previous),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_parts(second, 0)
    }

    #[test]
    fn the_oldest_of_each_list_is_at_hand() {
        let mut table: Table<u32, u32, 2> = Table::new(10);
        let one = table.insert(1, 0, at(1));
        let two = table.insert(2, 0, at(2));
        let three = table.insert(3, 1, at(3));
        assert_eq!((table.oldest(0), table.oldest(1)), (Some(one), Some(three)));
        table.move_to(one, 0, at(4));
        assert_eq!((table.oldest(0), table.stamp(one)), (Some(two), at(4)));
        assert_eq!(
            (table.expired(0, |stamp| stamp < at(2)), table.expired(0, |stamp| stamp < at(3))),
            (None, Some(two))
        );
        assert_eq!(table.newest(0).collect::<Vec<_>>(), [one, two]);
        table.remove(two);
        assert_eq!((table.oldest(0), table.find(&2), table.len()), (Some(one), None, 2));
        table.move_to(one, 1, at(5));
        assert_eq!((table.oldest(0), table.oldest(1)), (None, Some(three)));
    }

    #[test]
    fn a_place_is_used_again() {
        let mut table: Table<u32, Vec<u8>, 1> = Table::new(1);
        let slot = table.insert(1, 0, at(1));
        table.get_mut(slot).extend([0; 100]);
        assert!(table.is_full());
        table.remove(slot);
        let again = table.insert(2, 0, at(2));
        assert_eq!((again, table.get(again).len(), table.find(&1)), (slot, 100, None));
    }
}
