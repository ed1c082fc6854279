//! The connections that were translated, to be asked from either side.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use ahash::AHashMap;

use super::{Protocol, State, Translation, Tuple};
use crate::time::Timestamp;

/// How many translated connections are remembered unless told otherwise: some 40 MiB when full.
pub const MAX_TRANSLATIONS: usize = 65_536;
/// How long a connection is still told after the kernel forgot it: its last packets may wait to be shown.
const KEPT: Duration = Duration::from_secs(10);
/// How much earlier than its event a packet of a connection may be: the thread that listens may be late.
const LATE: Duration = Duration::from_secs(1);

type Key = (Protocol, Tuple);

/// The translated connections that are open, or were a moment ago. Bounded: the oldest goes, and is counted.
pub struct Translations {
    /// By number; a connection that came later has a higher one.
    entries: BTreeMap<u64, Entry>,
    next: u64,
    by_before: AHashMap<Key, u64>,
    by_after: AHashMap<Key, u64>,
    /// What the kernel forgot, and when, in that order.
    ended: VecDeque<(Timestamp, u64)>,
    max: usize,
    lost: u64,
}

struct Entry {
    translation: Translation,
    /// The first moment at which it may have had a packet.
    from: Timestamp,
    /// When the kernel forgot it.
    until: Option<Timestamp>,
}

impl Entry {
    fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at <= until + KEPT)
    }
}

impl Default for Translations {
    fn default() -> Self {
        Self::new(MAX_TRANSLATIONS)
    }
}

impl Translations {
    /// An empty table for at most `max` connections, at least one.
    pub fn new(max: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            next: 0,
            by_before: AHashMap::new(),
            by_after: AHashMap::new(),
            ended: VecDeque::new(),
            max: max.max(1),
            lost: 0,
        }
    }

    /// Takes in what [`Conntrack`](super::Conntrack) told. Connections that were not translated take no room, but end
    /// what had their addresses before, in case its end was lost.
    pub fn insert(&mut self, translation: Translation) {
        self.expire(translation.at);
        match translation.state {
            State::Destroyed => self.end(&translation),
            State::New | State::Listed => self.begin(translation),
        }
    }

    /// The connection whose packets look like this after translation: on a bridge the way in of a published port, on an
    /// uplink the way out of a container. [`Translation::original`] is then the real client and what it asked for.
    pub fn after(
        &self,
        protocol: Protocol,
        client: SocketAddr,
        server: SocketAddr,
        at: Timestamp,
    ) -> Option<&Translation> {
        self.find(&self.by_after, (protocol, Tuple { source: client, destination: server }), at)
    }

    /// The connection whose packets look like this before translation. [`Translation::after`] is what becomes of it.
    pub fn before(
        &self,
        protocol: Protocol,
        client: SocketAddr,
        server: SocketAddr,
        at: Timestamp,
    ) -> Option<&Translation> {
        self.find(&self.by_before, (protocol, Tuple { source: client, destination: server }), at)
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many connections were dropped for want of room.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    fn find(&self, index: &AHashMap<Key, u64>, key: Key, at: Timestamp) -> Option<&Translation> {
        let entry = self.entries.get(index.get(&key)?)?;
        entry.covers(at).then_some(&entry.translation)
    }

    fn begin(&mut self, translation: Translation) {
        let (before, after) = keys(&translation);
        let same = self.by_before.get(&before).copied();
        // A table that is read again tells what is known already, and knows less of its beginning.
        let is_known = same.and_then(|number| self.entries.get(&number)).is_some_and(|known| {
            translation.state == State::Listed && known.until.is_none() && keys(&known.translation).1 == after
        });
        if is_known {
            return;
        }
        for number in [same, self.by_after.get(&after).copied()].into_iter().flatten() {
            self.remove(number);
        }
        if !translation.is_translated() {
            return;
        }
        if self.entries.len() >= self.max
            && let Some((&oldest, _)) = self.entries.first_key_value()
        {
            self.remove(oldest);
            self.lost = self.lost.saturating_add(1);
        }
        let from = match translation.state {
            State::New => translation.at.saturating_sub(LATE),
            State::Listed | State::Destroyed => Timestamp::ZERO,
        };
        self.by_before.insert(before, self.next);
        self.by_after.insert(after, self.next);
        self.entries.insert(self.next, Entry { translation, from, until: None });
        self.next = self.next.saturating_add(1);
    }

    fn end(&mut self, translation: &Translation) {
        let (before, after) = keys(translation);
        let Some(&number) = self.by_before.get(&before) else { return };
        // The addresses may be in use by the next connection already, otherwise translated.
        if let Some(entry) = self.entries.get_mut(&number).filter(|entry| keys(&entry.translation).1 == after)
            && entry.until.is_none()
        {
            entry.until = Some(translation.at);
            self.ended.push_back((translation.at, number));
        }
    }

    /// Drops what nobody asks for any more.
    fn expire(&mut self, now: Timestamp) {
        while let Some(&(at, number)) = self.ended.front()
            && at + KEPT < now
        {
            self.ended.pop_front();
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(entry) = self.entries.remove(&number) else { return };
        let (before, after) = keys(&entry.translation);
        for (index, key) in [(&mut self.by_before, before), (&mut self.by_after, after)] {
            if index.get(&key) == Some(&number) {
                index.remove(&key);
            }
        }
    }
}

fn keys(translation: &Translation) -> (Key, Key) {
    ((translation.protocol, translation.before()), (translation.protocol, translation.after()))
}

#[cfg(test)]
#[path = "translations_tests.rs"]
mod tests;
