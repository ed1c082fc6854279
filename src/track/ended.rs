//! Connections that ended, in the order in which they will be forgotten.

use std::collections::VecDeque;

use super::table::Slot;

/// So many will be forgotten before the one that is fetched from memory.
const AHEAD: usize = 16;

/// Whose turn comes soon. The table knows it as well, but goes from each to the next by what stands in it, and would wait
/// for each: a million connections do not fit into the caches. A hint: what it says may be over by then.
#[derive(Debug, Default)]
pub(super) struct Ended {
    order: VecDeque<Slot>,
}

impl Ended {
    /// A connection ended. So many there are of all.
    pub fn push(&mut self, slot: Slot, all: usize) {
        // Some come to life again before their turn.
        if self.order.len() >= 2 * all + AHEAD {
            self.order.clear();
        }
        self.order.push_back(slot);
    }

    /// One is forgotten. Whose turn will come soon.
    pub fn pass(&mut self, slot: Slot) -> Option<Slot> {
        while self.order.pop_front().is_some_and(|first| first != slot) {}
        self.order.get(AHEAD - 1).copied()
    }
}
