//! Containers that are starting: their namespace is there, and whose it is will be told later.
//!
//! Their taps are opened at once, so that not even the first lookup is missed. What such a tap shows is held back until
//! the daemon says which container it is, and thrown away if it is none that is watched.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::losses::Loss;
use crate::capture::TapId;
use crate::render::losses::By;
use crate::track::event::Event;

/// A namespace that cannot be entered for this long never will.
const OPENING: Duration = Duration::from_secs(1);
/// The daemon tells whose a namespace is within this time, or nobody cares.
const CLAIMING: Duration = Duration::from_secs(10);
/// How often a namespace that nobody has claimed is searched for new interfaces.
pub(super) const SEARCHING: Duration = Duration::from_millis(20);
/// How often it is searched at first: a container's first packet may come 20 ms after its interface is up, and opening a
/// tap takes half of that.
const SEARCHING_AT_FIRST: Duration = Duration::from_millis(2);
/// How long that is: Docker makes the interface within a fraction of it.
const AT_FIRST: Duration = Duration::from_secs(1);
/// How many are searched so often. A search takes a thread and half a millisecond.
const MAX_AT_FIRST: usize = 4;
/// Events held back for one tap.
const MAX_HELD: usize = 1024;
/// Namespaces that are looked after at once; of more, the daemon will tell.
const MAX_STARTING: usize = 256;

/// What is known of containers that are starting.
#[derive(Debug, Default)]
pub(super) struct Starting {
    namespaces: Vec<(PathBuf, Instant)>,
    entered: Vec<Entered>,
    unclaimed: HashMap<TapId, Unclaimed>,
}

/// A namespace that was entered.
#[derive(Debug)]
struct Entered {
    path: PathBuf,
    since: Instant,
    /// When it was last searched for interfaces.
    searched: Instant,
}

#[derive(Debug)]
struct Unclaimed {
    since: Instant,
    namespace: PathBuf,
    events: Vec<Event<'static>>,
    /// What was lost: events for which there was no room, and packets.
    lost: Vec<Loss>,
}

impl Starting {
    /// A namespace appeared.
    pub fn appeared(&mut self, namespace: PathBuf, now: Instant) {
        if self.namespaces.len() + self.entered.len() < MAX_STARTING {
            self.namespaces.push((namespace, now));
        }
    }

    /// The namespaces to try to enter now.
    pub fn due(&mut self, now: Instant) -> Vec<PathBuf> {
        self.namespaces.retain(|(_, since)| now.duration_since(*since) < OPENING);
        self.namespaces.iter().map(|(path, _)| path.clone()).collect()
    }

    /// The namespaces to search for interfaces now.
    pub fn due_for_search(&mut self, now: Instant) -> Vec<PathBuf> {
        let mut due = Vec::new();
        for (index, entered) in self.entered.iter_mut().enumerate() {
            if now.duration_since(entered.searched) >= entered.every(index, now) {
                entered.searched = now;
                due.push(entered.path.clone());
            }
        }
        due
    }

    /// How often to look whether something is due for a search; `None` where nothing was entered that is nobody's yet.
    pub fn searching(&self, now: Instant) -> Option<Duration> {
        self.entered.iter().enumerate().map(|(index, entered)| entered.every(index, now)).min()
    }

    /// Whether something waits to be entered.
    pub fn is_entering(&self) -> bool {
        !self.namespaces.is_empty()
    }

    /// The namespace was entered, or needs not be.
    pub fn entered(&mut self, namespace: &Path, needs_search: bool, now: Instant) {
        self.namespaces.retain(|(path, _)| path != namespace);
        if needs_search {
            self.entered.push(Entered { path: namespace.to_owned(), since: now, searched: now });
        }
    }

    /// What this tap shows is held back.
    pub fn opened(&mut self, tap: TapId, namespace: &Path, now: Instant) {
        let namespace = namespace.to_owned();
        self.unclaimed.insert(tap, Unclaimed { since: now, namespace, events: Vec::new(), lost: Vec::new() });
    }

    /// Whether nobody has said yet whose tap this is.
    pub fn is_unclaimed(&self, tap: TapId) -> bool {
        self.unclaimed.contains_key(&tap)
    }

    /// Keeps an event of an unclaimed tap; gives it back if the tap is not one.
    pub fn hold(&mut self, event: Event<'static>) -> Option<Event<'static>> {
        if self.unclaimed.is_empty() {
            return Some(event);
        }
        let Some(unclaimed) = self.unclaimed.get_mut(&event.place().tap) else { return Some(event) };
        if unclaimed.events.len() < MAX_HELD {
            unclaimed.events.push(event);
        } else {
            let (tap, at) = (event.place().tap, event.known_at());
            add(&mut unclaimed.lost, Loss { tap, by: By::Queue, count: 1, since: at, until: at });
        }
        None
    }

    /// Keeps what an unclaimed tap has lost; whether it is one.
    pub fn lost(&mut self, loss: &Loss) -> bool {
        let unclaimed = self.unclaimed.get_mut(&loss.tap);
        unclaimed.map(|unclaimed| add(&mut unclaimed.lost, *loss)).is_some()
    }

    /// It is known whose tap this is: the events that were held back, and what was lost.
    pub fn claim(&mut self, tap: TapId) -> Option<(Vec<Event<'static>>, Vec<Loss>)> {
        let unclaimed = self.unclaimed.remove(&tap)?;
        self.entered.retain(|entered| entered.path != unclaimed.namespace);
        Some((unclaimed.events, unclaimed.lost))
    }

    /// The taps that nobody claimed in time.
    pub fn overdue(&mut self, now: Instant) -> Vec<TapId> {
        let late = |unclaimed: &Unclaimed| now.duration_since(unclaimed.since) > CLAIMING;
        let overdue: Vec<_> =
            self.unclaimed.iter().filter(|(_, unclaimed)| late(unclaimed)).map(|(tap, _)| *tap).collect();
        for tap in &overdue {
            let namespace = self.unclaimed.get(tap).map(|unclaimed| unclaimed.namespace.clone());
            self.entered.retain(|entered| Some(&entered.path) != namespace.as_ref());
        }
        overdue
    }
}

/// Puts a loss to those of its kind, of which there are three.
fn add(losses: &mut Vec<Loss>, loss: Loss) {
    match losses.iter_mut().find(|known| known.by == loss.by) {
        Some(known) => known.add(&loss),
        None => losses.push(loss),
    }
}

impl Entered {
    /// How often it is searched, being the one of that number.
    fn every(&self, index: usize, now: Instant) -> Duration {
        let is_new = index < MAX_AT_FIRST && now.duration_since(self.since) < AT_FIRST;
        if is_new { SEARCHING_AT_FIRST } else { SEARCHING }
    }
}
