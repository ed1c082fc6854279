//! Events that belong together, held until their time has come, and remembered for copies that come late.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use ahash::AHashMap;

use super::Hop;
use super::copies::{self, Key, WINDOW};
use crate::decode::message::Endpoint;
use crate::time::Timestamp;
use crate::track::event::Event;

/// For how long after it was told an event's copies still come: every waiting container sees the broadcast of an ARP
/// request, and gives up on it in its own time. Longer than the longest patience of a protocol, 5 s.
pub(super) const MEMORY: Duration = Duration::from_secs(7);
/// What is forgotten sooner than this may be missed: copies of an answer come within milliseconds, and only those of what
/// was given up come later.
const MISSED: Duration = Duration::from_secs(1);
/// Bytes of messages that held events have at most; beyond it the oldest are told at once.
const MAX_BYTES: usize = 16 << 20;

/// So many groups of one key are looked through for the one that an event belongs to: as many as a burst of equal packets
/// has on one tap before another gives its copies.
const MAX_OF_A_KEY: usize = 256;
/// Places at which one event is seen at most; beyond it, it is told as another one.
const MAX_HOPS: usize = 64;

/// The ends of an event, client first.
type Ends = (Endpoint, Endpoint);

/// The number of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct GroupId(u64);

/// The copies of one event.
#[derive(Debug)]
#[expect(clippy::vec_box, reason = "events come in boxes, and most groups have one")]
pub(super) struct Group {
    key: Key,
    /// Before they were translated.
    ends: Ends,
    moment: Option<Timestamp>,
    /// Empty once it was told.
    pub members: Vec<Box<Event<'static>>>,
    /// Where the members were seen, also after they were told.
    pub hops: Vec<Hop>,
    /// It is part of another's story.
    pub taken: bool,
    /// It was due, and was not told: who would tell it had not seen it by then, and may be late.
    pub untold: bool,
    /// That has it by now.
    pub is_collected: bool,
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
#[derive(Debug)]
pub(super) struct Groups {
    by_id: AHashMap<GroupId, Group>,
    /// Those of one key, the oldest first.
    by_key: AHashMap<Key, VecDeque<GroupId>>,
    /// By the time when each is known, then by arrival.
    held: BinaryHeap<Reverse<(Timestamp, GroupId)>>,
    told: VecDeque<(Timestamp, GroupId)>,
    next: u64,
    /// As many events are held, and remembered when they were told, with twice as many places.
    room: usize,
    /// Copies that are held, and the bytes of their messages.
    members: (usize, usize),
    /// Places of all groups.
    hops: usize,
    forgotten: u64,
}

impl Groups {
    /// None yet, with room for so many events.
    pub fn new(room: usize) -> Self {
        Self {
            by_id: AHashMap::new(),
            by_key: AHashMap::new(),
            held: BinaryHeap::new(),
            told: VecDeque::new(),
            next: 0,
            room: room.max(1),
            members: (0, 0),
            hops: 0,
            forgotten: 0,
        }
    }

    /// Whether more is held than there is room for.
    pub const fn is_crowded(&self) -> bool {
        self.members.0 > self.room || self.members.1 > MAX_BYTES
    }

    /// How many groups had to be forgotten before their time, so that their copies may be told again.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Puts an event to its copies. `Some` is the number of the group that it began.
    pub fn put(&mut self, key: Key, ends: Ends, event: Box<Event<'static>>) -> Option<GroupId> {
        let (hop, moment) = (copies::hop(&event), copies::moment(&event));
        let bytes = event.owned_bytes();
        self.hops += 1;
        let known = self.group_of(&key, ends, &hop, moment);
        if let Some((id, group)) = known.and_then(|id| Some((id, self.by_id.get_mut(&id)?))) {
            group.hops.push(hop);
            let is_untold = std::mem::take(&mut group.untold);
            if is_untold {
                self.held.push(Reverse((event.known_at(), id)));
            }
            // One that was told already is told by that.
            if is_untold || !group.is_told() {
                group.members.push(event);
                self.members = (self.members.0 + 1, self.members.1 + bytes);
            }
            return None;
        }
        self.members = (self.members.0 + 1, self.members.1 + bytes);
        let id = GroupId(self.next);
        self.next += 1;
        let known_at = event.known_at();
        let same = self.by_key.entry(key).or_default();
        same.push_back(id);
        if same.len() > MAX_OF_A_KEY {
            same.pop_front();
        }
        self.held.push(Reverse((known_at, id)));
        self.by_id.insert(
            id,
            Group {
                key,
                ends,
                moment,
                members: vec![event],
                hops: vec![hop],
                taken: false,
                untold: false,
                is_collected: false,
            },
        );
        Some(id)
    }

    /// The group that an event is a copy of: with the same ends if there is one, and the oldest of several.
    fn group_of(&self, key: &Key, ends: Ends, hop: &Hop, moment: Option<Timestamp>) -> Option<GroupId> {
        let of_key = self.by_key.get(key)?.iter().filter_map(|id| Some((*id, self.by_id.get(id)?)));
        let fits = |group: &Group| {
            is_near(group.moment, moment)
                && group.hops.len() < MAX_HOPS
                && !group.hops.iter().any(|other| other.place == hop.place)
        };
        let mut found = of_key.filter(|(_, group)| fits(group));
        let translated = found.clone().find(|(_, group)| may_be_translated(group.ends, ends));
        found.find(|(_, group)| group.ends == ends).or(translated).map(|(id, _)| id)
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
        if let Some(group) = self.by_id.get(&id) {
            let held = held(group);
            self.subtract(held);
        }
        self.told.push_back((now, id));
        self.forget(now);
        Some(id)
    }

    /// The members of a group are held no more.
    fn subtract(&mut self, (count, bytes): (usize, usize)) {
        let (members, all) = self.members;
        self.members = (members.saturating_sub(count), all.saturating_sub(bytes));
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some(&(since, id)) = self.told.front() {
            // From much later was before the clock was set back.
            let is_young = now.since(since) < MEMORY && since.since(now) < MEMORY;
            // The hops of what is held are there as well; the latest is wanted by who took it.
            let most = self.room.saturating_mul(2).saturating_add(self.members.0);
            let has_room = self.told.len() <= self.room && self.hops <= most || self.told.len() == 1;
            if is_young && has_room {
                return;
            }
            self.forgotten += u64::from(is_young && now.since(since) < MISSED);
            self.told.pop_front();
            let Some(group) = self.by_id.remove(&id) else { continue };
            self.hops = self.hops.saturating_sub(group.hops.len());
            // One that was held again, for a copy that came late.
            self.subtract(held(&group));
            let Some(same) = self.by_key.get_mut(&group.key) else { continue };
            same.retain(|other| *other != id);
            if same.is_empty() {
                self.by_key.remove(&group.key);
            }
        }
    }
}

/// How many members a group has, and the bytes of their messages.
fn held(group: &Group) -> (usize, usize) {
    (group.members.len(), group.members.iter().map(|event| event.owned_bytes()).sum())
}

/// Whether one may be the other after DNAT, which leaves the client, or after masquerade, which leaves the server. Who scans
/// the ports of one host may use one sequence number for all: only the port differs then.
fn may_be_translated(one: Ends, other: Ends) -> bool {
    let is_dnat = one.0 == other.0 && one.1.address != other.1.address;
    is_dnat || one.1 == other.1
}

fn is_near(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.since(other) <= WINDOW && other.since(one) <= WINDOW,
        (None, None) => true,
        _ => false,
    }
}
