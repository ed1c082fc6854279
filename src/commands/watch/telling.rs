//! What is told, and when: in the order of packet time, by names where they come in time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::known::Known;
use super::super::owners::of_event;
use super::super::queue::EVENTS;
use super::{LIVE, Watching};
use crate::capture::{LinkType, interfaces, wall_clock};
use crate::join::{Joiner, Knowledge, Told};
use crate::time::Timestamp;
use crate::track::Event;

impl Watching {
    /// Tells an event at once where no other tap can have seen it, else puts it to its copies.
    pub(super) fn tell_or_join(&mut self, event: Event<'static>, now: Timestamp) {
        let is_next = !self.joiner.holds_back() && self.next.is_empty() && self.joiner.is_empty();
        if is_next && self.listening.heard().is_none() {
            self.tell_or_hold(Told::alone(event), now);
        } else {
            self.join(event);
        }
    }

    /// Puts an event to its copies.
    pub(super) fn join(&mut self, event: Event<'static>) {
        let clients = self.listening.heard();
        let known = Known { namer: &self.output.namer, clients, is_filtered: self.filter.is_some() };
        self.joiner.push(Box::new(event), &known);
    }

    /// How long after `now` there is something to tell.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<Duration> {
        self.held_until.map(|until| until.since(now)).or_else(|| self.joiner.next_due(now))
    }

    /// Tells the lines whose time has come, up to the first that waits for a name.
    pub(super) fn tell_due(&mut self) {
        let now = wall_clock();
        self.held_until = None;
        while let Some(told) = self.take_next(|joiner, known| joiner.pop(now, known)) {
            self.tell_or_hold(told, now);
            if self.held_until.is_some() {
                break;
            }
        }
    }

    /// Tells it, unless its line waits for a name.
    fn tell_or_hold(&mut self, told: Told<'static>, now: Timestamp) {
        if let Some(owners) = &self.owners {
            let known = Known { namer: &self.output.namer, clients: None, is_filtered: false };
            for (socket, container) in of_event(owners.sockets(), &told.event, &known) {
                self.output.namer.set_owner(LIVE, socket, container);
            }
        }
        let is_crowded = self.joiner.len() >= EVENTS;
        let strangers = self.output.namer.strangers(&told.event);
        self.held_until = self.awaiting.hold(told.event.known_at(), strangers, now, is_crowded);
        if self.held_until.is_some() {
            self.next.push_front(told);
        } else {
            self.output.tell(&told);
        }
    }

    /// What is to be told next: what waits for a name, but for what is earlier. A container's first lookup comes to the
    /// joiner when the daemon says whose it is, and by then its first packet on the bridge may wait for that.
    fn take_next(
        &mut self,
        pop: impl FnOnce(&mut Joiner, &dyn Knowledge) -> Option<Told<'static>>,
    ) -> Option<Told<'static>> {
        if !self.is_joined_first() {
            return self.next.pop_front();
        }
        let clients = self.listening.heard();
        let known = Known { namer: &self.output.namer, clients, is_filtered: self.filter.is_some() };
        let joined = pop(&mut self.joiner, &known);
        // What is earlier may have been half of something, or not be due yet.
        if joined.is_some() || self.is_joined_first() { joined } else { self.next.pop_front() }
    }

    /// Whether the joiner has something earlier than what waits for a name, or nothing waits.
    fn is_joined_first(&self) -> bool {
        let waits = self.next.front().map(|told| told.event.known_at());
        waits.is_none_or(|waits| self.joiner.next_known().is_some_and(|joined| joined < waits))
    }

    /// Tells what is left, at the end.
    pub(super) fn tell_rest(&mut self) {
        while let Some(told) = self.take_next(|joiner, known| joiner.pop_any(known)) {
            self.output.tell(&told);
        }
    }

    /// Says the names that have come for addresses that were shown.
    pub(super) fn introduce(&mut self) {
        let namer = &self.output.namer;
        let introduced = self.awaiting.introduced(|stranger, at| namer.introduce(LIVE, stranger, at));
        for introduction in introduced {
            self.output.introduce(&introduction);
        }
    }

    /// Learns which interfaces there are, where a tap of all of them gives no more than their indexes.
    pub(super) fn look_at_interfaces(&mut self) {
        let is_cooked = |id| self.output.namer.tap(id).is_some_and(|tap| tap.link == LinkType::LINUX_SLL2);
        if !self.taps.keys().any(|&id| is_cooked(id)) {
            return;
        }
        // Without the list, names are those that hold on any network.
        let found = interfaces::interfaces().unwrap_or_default();
        let bridges = found.into_iter().map(|found| (found.index, interfaces::bridge_of(&found).unwrap_or(found.name)));
        let bridges: BTreeMap<_, _> = bridges.collect();
        self.keep_interfaces(&bridges);
        self.output.namer.set_interfaces(LIVE, bridges.into_iter());
    }
}
