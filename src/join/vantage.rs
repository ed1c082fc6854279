//! From which tap a connection is measured: from one, or the same bytes would be measured twice.
//!
//! Copies of one measurement are one event with hops, as of every event. But taps may see other segments of the same bytes:
//! an interface splits and joins them (segmentation and receive offload), and a tap that missed a packet pairs others. So
//! the first measurement of a connection that is told says where it is measured: on a network that people name, nearest
//! to the client, as for every event. What only other taps have measured is not told, but counted.

use std::collections::VecDeque;

use ahash::AHashMap;

use super::joiner::primary;
use super::{Knowledge, copies};
use crate::decode::message::Endpoint;
use crate::track::event::{Event, Place};
use crate::track::measured::Measured;

/// So many connections are remembered; the oldest is then measured anew from whichever tap it is told of next.
pub(super) const MAX_CONNECTIONS: usize = 65_536;

/// A connection, wherever it is seen: by its initial sequence number, which no hop changes, else by its ends.
type Connection = (u32, Result<u32, (Endpoint, Endpoint)>);

/// Where each connection is measured.
#[derive(Debug, Default)]
pub(super) struct Vantages {
    places: AHashMap<Connection, Place>,
    order: VecDeque<Connection>,
    elsewhere: u64,
}

impl Vantages {
    /// How many measurements were made at other taps only.
    pub const fn elsewhere(&self) -> u64 {
        self.elsewhere
    }

    /// The copy that is told, if one was made where the connection is measured.
    #[expect(clippy::vec_box, reason = "as they are held")]
    pub fn choose(
        &mut self,
        members: Vec<Box<Event<'static>>>,
        knowledge: &dyn Knowledge,
    ) -> Option<Box<Event<'static>>> {
        let Some(Event::Measured(measured)) = members.first().map(|event| &**event) else { return None };
        let connection = connection(measured);
        if let Some(place) = self.places.get(&connection) {
            let told = members.into_iter().find(|event| event.place() == *place);
            self.elsewhere += u64::from(told.is_none());
            return told;
        }
        primary(members, knowledge)
    }

    /// A measurement is told: its connection is measured there from now on.
    pub fn note(&mut self, event: &Event<'_>) {
        let Event::Measured(measured) = event else { return };
        let connection = connection(measured);
        if !self.places.contains_key(&connection) {
            self.remember(connection, measured.place);
        }
    }

    fn remember(&mut self, connection: Connection, place: Place) {
        self.places.insert(connection, place);
        self.order.push_back(connection);
        if self.order.len() > MAX_CONNECTIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.places.remove(&oldest);
        }
    }
}

fn connection(measured: &Measured) -> Connection {
    let ends = (measured.ends.client, measured.ends.server);
    (copies::source(measured.place), measured.initial.ok_or(ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_connections_are_remembered_than_the_cap() {
        let mut vantages = Vantages::default();
        for initial in 0..MAX_CONNECTIONS as u32 + 10 {
            vantages.remember((0, Ok(initial)), Place::default());
        }
        assert_eq!((vantages.places.len(), vantages.order.len()), (MAX_CONNECTIONS, MAX_CONNECTIONS));
        assert!(!vantages.places.contains_key(&(0, Ok(9))) && vantages.places.contains_key(&(0, Ok(10))));
    }
}
