//! What was there and is no more: packets of it may still come.

use std::collections::VecDeque;
use std::sync::Arc;

/// Networks that were removed and are still known by their id; beyond it the one removed first goes.
pub const MAX_PAST_NETWORKS: usize = 4096;

/// Containers that stopped and are still known by their name; beyond it the one that stopped first goes.
pub const MAX_PAST_CONTAINERS: usize = 1024;

/// The latest `MOST` that went, in the order in which they did; beyond it the one that went first is forgotten. Shared
/// until it changes.
#[derive(Clone, Debug)]
pub(super) struct Past<T, const MOST: usize>(Arc<VecDeque<Arc<T>>>);

impl<T, const MOST: usize> Default for Past<T, MOST> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T, const MOST: usize> Past<T, MOST> {
    /// The one that went last of those that `is` fits.
    pub fn latest(&self, is: impl Fn(&T) -> bool) -> Option<&Arc<T>> {
        self.0.iter().rev().find(|gone| is(gone))
    }

    /// These went; those that `is_back` fits are there again.
    pub fn update(&mut self, went: impl IntoIterator<Item = Arc<T>>, is_back: impl Fn(&T) -> bool) {
        let past = Arc::make_mut(&mut self.0);
        past.retain(|gone| !is_back(gone));
        past.extend(went);
        let excess = past.len().saturating_sub(MOST);
        past.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept() {
        let mut past = Past::<u32, 3>::default();
        past.update([1, 2, 3, 4].map(Arc::new), |_| false);
        let before = past.clone();
        past.update([5, 6].map(Arc::new), |gone| *gone == 4);
        assert_eq!(past.0.iter().map(|gone| **gone).collect::<Vec<_>>(), [3, 5, 6]);
        assert_eq!(past.latest(|gone| *gone < 6).map(|gone| **gone), Some(5));
        assert!(past.latest(|gone| *gone == 2).is_none());
        assert_eq!(before.latest(|_| true).map(|gone| **gone), Some(4), "a copy stays as it was");
    }
}
