//! Where the events of a replay go: joined, named, told.

use super::facts::Facts;
use super::output::Output;
use super::replay::Worded;
use crate::capture::{Frame, TapId};
use crate::decode::message::Message;
use crate::decode::{Packet, Segment, Usual};
use crate::digits::Text;
use crate::join::{Joiner, Told};
use crate::time::Timestamp;
use crate::track::{Counted, Event, Sink};

/// Where events go.
pub(super) struct Log {
    pub output: Output,
    /// There once a second tap was seen that may have seen the same. Until then nothing is held back or copied.
    pub joiner: Option<Joiner>,
    pub facts: Facts,
}

impl Log {
    /// Whether a packet of that tap may be told by itself: nobody else has seen it, and nobody's sockets name its ends.
    #[inline]
    fn is_alone(&self, tap: TapId) -> bool {
        self.joiner.is_none() && !self.facts.knows_sockets(tap)
    }

    /// Tells a packet by itself. False where it has to be told as an event.
    pub fn packet(&mut self, packet: &Packet<'_>, message: Option<&Message<'_>>) -> bool {
        self.is_alone(packet.tap) && self.output.tell_packet(packet, message)
    }

    /// The same of a segment.
    #[expect(clippy::inline_always, reason = "a segment that is lent in line needs no memory")]
    #[inline(always)]
    pub fn segment(&mut self, frame: &Frame<'_>, segment: &Segment<'_>) -> bool {
        self.is_alone(frame.tap) && self.output.tell_segment(frame, segment)
    }

    /// The same of a ping or a lookup.
    pub fn message(&mut self, frame: &Frame<'_>, usual: &Usual<'_>, message: &Message<'_>) -> bool {
        self.is_alone(frame.tap) && self.output.tell_message(frame, usual, message)
    }

    /// The same of one that was put into words.
    pub fn worded(&mut self, packet: &Worded, words: &Text) {
        if !self.is_alone(packet.place.tap) || !self.output.tell_worded(packet, words) {
            self.event(packet.event(words));
        }
    }

    /// Tells what is due at `now`.
    pub fn tell_due(&mut self, now: Timestamp) {
        let Some(joiner) = &mut self.joiner else { return };
        while let Some(told) = joiner.pop(now, &self.facts.known(&self.output.namer)) {
            self.facts.tell(&told, &mut self.output);
        }
    }

    /// Tells what there is no room for: one packet may bring many events, and the end of a file brings all that are open.
    fn make_room(&mut self) {
        let Some(joiner) = &mut self.joiner else { return };
        while let Some(told) = joiner.pop_crowded(&self.facts.known(&self.output.namer)) {
            self.facts.tell(&told, &mut self.output);
        }
    }

    /// Somebody is called otherwise from `now` on: what was before is told first.
    pub fn rename(&mut self, now: Timestamp) {
        self.tell_due(now);
        self.facts.pass(now, &mut self.output.namer);
    }

    /// Tells what is left.
    pub fn tell_rest(&mut self) {
        let Some(joiner) = &mut self.joiner else { return };
        while let Some(told) = joiner.pop_any(&self.facts.known(&self.output.namer)) {
            self.facts.tell(&told, &mut self.output);
        }
    }
}

impl Sink for Log {
    fn event(&mut self, event: Event<'_>) {
        match &mut self.joiner {
            Some(joiner) => {
                joiner.push(Box::new(event.into_owned()), &self.facts.known(&self.output.namer));
                self.make_room();
            }
            None if self.output.only_counts(true) => self.output.count_event(&event),
            None => self.facts.tell(&Told::alone(event), &mut self.output),
        }
    }

    fn only_counts(&self, is_lookup: bool) -> bool {
        // Who has a socket is found out from what is told of it.
        let teaches = is_lookup || self.facts.has_sockets();
        self.joiner.is_none() && self.output.only_counts(teaches)
    }

    fn count(&mut self, counted: &Counted) {
        self.output.count(counted);
    }
}
