//! What is told, and when: in the order of packet time, by names where they come in time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::known::Known;
use super::{EVENTS, LIVE, Watching};
use crate::capture::{LinkType, interfaces, wall_clock};
use crate::join::{Knowledge, Told, Transport};
use crate::time::Timestamp;
use crate::track::event::{Event, Place};

impl Watching {
    /// How long after `now` there is something to tell.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<Duration> {
        self.held_until.map(|until| until.since(now)).or_else(|| self.joiner.next_due(now))
    }

    /// Tells the lines whose time has come, up to the first that waits for a name.
    pub(super) fn tell_due(&mut self) {
        let now = wall_clock();
        self.held_until = None;
        loop {
            let joined =
                || self.joiner.pop(now, &Known { namer: &self.output.namer, clients: self.listening.clients() });
            let Some(told) = self.next.take().or_else(joined) else { break };
            if self.is_aside(&told) {
                continue;
            }
            if let Some(owners) = &self.owners {
                let known = Known { namer: &self.output.namer, clients: None };
                for (socket, container) in owners.of_event(&told.event, &known) {
                    self.output.namer.set_owner(LIVE, socket, container);
                }
            }
            let is_crowded = self.joiner.len() >= EVENTS;
            let strangers = self.output.namer.strangers(&told.event);
            self.held_until = self.awaiting.hold(told.event.known_at(), strangers, now, is_crowded);
            if self.held_until.is_some() {
                self.next = Some(told);
                break;
            }
            self.output.tell(&told);
        }
        let lost = self.shared.lost.load(Ordering::Relaxed);
        if lost > self.lost {
            self.output.lost(lost - self.lost);
            self.lost = lost;
        }
    }

    /// Whether only the tap for clients of published ports has seen it, and it is none: its filter knows ports, so it shows
    /// also what this machine itself asks of others.
    fn is_aside(&self, told: &Told<'_>) -> bool {
        let is_for_clients = |place: Place| self.client_taps.contains(&place.tap);
        let event = &told.event;
        if !is_for_clients(event.place()) || !told.hops.iter().all(|hop| is_for_clients(hop.place)) {
            return false;
        }
        let known = Known { namer: &self.output.namer, clients: None };
        let asked = match event {
            Event::Connection(connection) => Some((Transport::Tcp, connection.ends.server)),
            Event::Datagrams(datagrams) => Some((Transport::Udp, datagrams.ends.server)),
            _ => None,
        };
        let service = asked.and_then(|(transport, server)| known.service_at_host(transport, server, event.place()));
        // A filter on packets is about what is watched; no client's packets have been through it.
        service.is_none() || self.filter.is_some()
    }

    /// Tells what is left, at the end.
    pub(super) fn tell_rest(&mut self) {
        loop {
            let rest = || self.joiner.pop_any(&Known { namer: &self.output.namer, clients: self.listening.clients() });
            let Some(told) = self.next.take().or_else(rest) else { break };
            if !self.is_aside(&told) {
                self.output.tell(&told);
            }
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
        self.output.namer.set_interfaces(LIVE, bridges);
    }
}
