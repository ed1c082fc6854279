//! Counts of changes: by them it is found out whether what was kept still holds, so that one lookup does not end all that is
//! known.

use std::hash::Hash;

use ahash::RandomState;

/// So many counts there are, each shared by few things. Who chooses things that share one gains that they are looked up more
/// often.
const COUNTS: usize = 4096;

/// How often each thing has changed.
#[derive(Debug)]
pub(super) struct Changes {
    /// The last is nobody's.
    counts: Vec<u32>,
    hasher: RandomState,
}

/// Which count a thing has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count(u16);

/// How often one thing had changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    of: u16,
    was: u32,
}

impl Version {
    /// Of what never changes.
    pub const FIXED: Self = Self { of: COUNTS as u16, was: 0 };
}

impl Default for Changes {
    fn default() -> Self {
        Self { counts: vec![0; COUNTS + 1], hasher: RandomState::new() }
    }
}

impl Changes {
    /// Which count a thing has.
    pub fn count(&self, thing: impl Hash) -> Count {
        Count((self.hasher.hash_one(thing) as usize % COUNTS) as u16)
    }

    /// Which version the things of that count are.
    pub fn version(&self, Count(of): Count) -> Version {
        Version { of, was: self.counts.get(usize::from(of)).copied().unwrap_or_default() }
    }

    /// A thing of that count has changed.
    pub fn change(&mut self, Count(of): Count) {
        if let Some(count) = self.counts.get_mut(usize::from(of)) {
            *count = count.wrapping_add(1);
        }
    }

    /// Whether a thing is still that version.
    #[inline]
    pub fn is_still(&self, version: Version) -> bool {
        self.counts.get(usize::from(version.of)) == Some(&version.was)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_is_another_version() {
        let mut changes = Changes::default();
        let version = |changes: &Changes, thing| changes.version(changes.count(thing));
        let (one, other) = (version(&changes, "one"), version(&changes, "other"));
        changes.change(changes.count("one"));
        assert!(!changes.is_still(one) && changes.is_still(version(&changes, "one")));
        assert!(changes.is_still(other) && changes.is_still(Version::FIXED));
    }
}
