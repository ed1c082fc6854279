//! A map that holds so much and no more.

use std::collections::VecDeque;
use std::hash::Hash;

use ahash::RandomState;
use hashbrown::{Equivalent, HashMap};

/// A map of at most `cap` entries: for one more, the entry that was put in first goes, and is counted.
///
/// Simpler than the tracker's tables: it holds keys of any size, and nothing in it expires.
#[derive(Debug)]
pub(crate) struct Capped<K, V> {
    entries: HashMap<K, V, RandomState>,
    /// The keys, in the order in which they came.
    order: VecDeque<K>,
    cap: usize,
    forgotten: u64,
}

impl<K: Clone + Eq + Hash, V: Default> Capped<K, V> {
    /// An empty map; `cap` is at least one.
    pub fn new(cap: usize) -> Self {
        Self {
            entries: HashMap::with_hasher(RandomState::new()),
            order: VecDeque::new(),
            cap: cap.max(1),
            forgotten: 0,
        }
    }

    /// The value of that key; an empty one where there was none.
    pub fn entry(&mut self, key: K) -> &mut V {
        if !self.entries.contains_key(&key) {
            self.make_room();
            self.order.push_back(key.clone());
        }
        self.entries.entry(key).or_default()
    }

    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.entries.get(key)
    }

    pub fn get_mut<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes out every entry for which `is_over` is true.
    pub fn take_if(&mut self, mut is_over: impl FnMut(&K, &V) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|key, value| !is_over(key, value));
        if self.entries.len() < before {
            self.order.retain(|key| self.entries.contains_key(key));
        }
    }

    /// Entries that had to go at the cap.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Makes room for one more. The key of what had to go for it.
    pub fn make_room(&mut self) -> Option<K> {
        if self.entries.len() < self.cap {
            return None;
        }
        let oldest = self.order.pop_front()?;
        self.entries.remove(&oldest);
        self.forgotten += 1;
        Some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_goes_at_the_cap_and_is_counted() {
        let mut map: Capped<u32, u32> = Capped::new(3);
        for key in 0..5 {
            *map.entry(key) = key * 10;
        }
        // An entry that is there already takes no room.
        *map.entry(4) += 1;
        let all: Vec<_> = (0..5).map(|key| map.get(&key).copied()).collect();
        assert_eq!((all, map.forgotten()), (vec![None, None, Some(20), Some(30), Some(41)], 2));
    }

    #[test]
    fn what_was_taken_out_leaves_room() {
        let mut map: Capped<u32, u32> = Capped::new(3);
        for key in 0..3 {
            map.entry(key);
        }
        map.take_if(|&key, _| key == 1);
        map.entry(7);
        assert_eq!((map.get(&0), map.get(&1), map.get(&7), map.forgotten()), (Some(&0), None, Some(&0), 0));
        map.take_if(|_, _| true);
        assert!(map.is_empty());
    }
}
