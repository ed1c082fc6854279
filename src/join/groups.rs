//! Events that belong together, held until their time has come, and remembered for copies that come late.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use ahash::AHashMap;

use super::Hop;
use super::copies::{self, Key, WINDOW};
use crate::time::Timestamp;
use crate::track::event::Event;

/// For how long after it was told an event's copies still come: every waiting container sees the broadcast of an ARP
/// request, and gives up on it in its own time. Longer than the longest patience of a protocol, 5 s.
pub(super) const MEMORY: Duration = Duration::from_secs(7);
/// So many told events are remembered; beyond it the oldest go, and a late copy of theirs is told again.
pub(super) const MAX_REMEMBERED: usize = 65_536;

/// The number of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct GroupId(u64);

/// The copies of one event.
#[derive(Debug)]
#[expect(clippy::vec_box, reason = "events come in boxes, and most groups have one")]
pub(super) struct Group {
    key: Key,
    moment: Option<Timestamp>,
    /// Empty once it was told.
    pub members: Vec<Box<Event<'static>>>,
    /// Where the members were seen, also after they were told.
    pub hops: Vec<Hop>,
    /// It is part of another's story.
    pub taken: bool,
}

impl Group {
    /// Whether its members were given away.
    pub fn is_told(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether its server's address changed on the way.
    pub fn is_translated(&self) -> bool {
        self.hops.iter().any(|hop| self.hops.first().is_some_and(|first| first.server != hop.server))
    }
}

/// All groups there are.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_id: AHashMap<GroupId, Group>,
    by_key: AHashMap<Key, GroupId>,
    /// By the time when each is known, then by arrival.
    held: BinaryHeap<Reverse<(Timestamp, GroupId)>>,
    told: VecDeque<(Timestamp, GroupId)>,
    next: u64,
}

impl Groups {
    /// Puts an event to its copies. `Some` is the number of the group that it began.
    pub fn put(&mut self, key: Key, event: Box<Event<'static>>) -> Option<GroupId> {
        let (hop, moment) = (copies::hop(&event), copies::moment(&event));
        if let Some(group) = self.by_key.get(&key).and_then(|id| self.by_id.get_mut(id))
            && is_near(group.moment, moment)
            && !group.hops.iter().any(|other| other.place == hop.place)
        {
            // One that was told already is told by that.
            if !group.is_told() {
                group.members.push(event);
            }
            group.hops.push(hop);
            return None;
        }
        let id = GroupId(self.next);
        self.next += 1;
        let known_at = event.known_at();
        self.by_key.insert(key, id);
        self.held.push(Reverse((known_at, id)));
        self.by_id.insert(id, Group { key, moment, members: vec![event], hops: vec![hop], taken: false });
        Some(id)
    }

    /// The group of that number, while it is remembered.
    pub fn get(&self, id: GroupId) -> Option<&Group> {
        self.by_id.get(&id)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.by_id.get_mut(&id)
    }

    /// How many are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// When the next group is due, without the hold.
    pub fn next_known(&self) -> Option<Timestamp> {
        self.held.peek().map(|Reverse((known_at, _))| *known_at)
    }

    /// Takes the next group out of those that are held; its copies are remembered for a while.
    pub fn take_next(&mut self, now: Timestamp) -> Option<GroupId> {
        let Reverse((_, id)) = self.held.pop()?;
        self.told.push_back((now, id));
        self.forget(now);
        Some(id)
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some(&(since, id)) = self.told.front() {
            if self.told.len() <= MAX_REMEMBERED && now.since(since) < MEMORY {
                return;
            }
            self.told.pop_front();
            let Some(group) = self.by_id.remove(&id) else { continue };
            if self.by_key.get(&group.key) == Some(&id) {
                self.by_key.remove(&group.key);
            }
        }
    }
}

fn is_near(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.since(other) <= WINDOW && other.since(one) <= WINDOW,
        (None, None) => true,
        _ => false,
    }
}
