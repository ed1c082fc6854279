//! Packets in words on their way to another thread, which knows who their ends are: no more of each than its line takes.

use std::borrow::Cow;
use std::ops::Range;

use crate::address::MacAddr;
use crate::capture::Frame;
use crate::decode::content::Content;
use crate::decode::message::{self, Endpoint, Message, Subject};
use crate::decode::{Packet, Usual, describe};
use crate::digits::{Line, Text};
use crate::render::Words;
use crate::time::Timestamp;
use crate::track::Event;
use crate::track::event::{Nodes, PacketLine, Place, Seen};

/// A packet whose line is plain, outside of tunnels.
#[derive(Clone, Debug)]
pub(in super::super) struct Worded {
    pub at: Timestamp,
    number: u64,
    pub place: Place,
    pub ends: (Endpoint, Endpoint),
    macs: (Option<MacAddr>, Option<MacAddr>),
    pub kind: &'static str,
    words: Range<usize>,
    /// There is text from the wire among the words.
    is_foreign: bool,
}

impl Worded {
    /// Its words among all of them.
    pub fn words<'a>(&self, all: &'a Text) -> Words<'a> {
        Words { text: all.part(self.words.clone()), is_foreign: self.is_foreign }
    }

    /// The same as an event, where its line takes more to write.
    pub fn event(&self, all: &Text) -> Event<'static> {
        Event::Packet(PacketLine {
            place: self.place,
            nodes: Nodes::default(),
            seen: Seen { number: self.number, at: self.at },
            ends: Some(self.ends),
            macs: self.macs,
            kind: self.kind,
            // Told by text alone, which does not say it.
            content: Content::Link,
            words: Cow::Owned(String::from_utf8_lossy(all.part(self.words.clone())).into_owned()),
            wire_len: 0,
        })
    }
}

/// Packets in words, in their order.
#[derive(Default)]
pub(super) struct WordedPackets {
    list: Vec<Worded>,
    words: Text,
}

impl WordedPackets {
    /// Bytes of their words.
    pub fn bytes(&self) -> usize {
        self.words.len()
    }

    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Puts a packet into words; false where that takes more than is told of it here.
    pub fn packet(&mut self, packet: &Packet<'_>, message: Option<&Message<'_>>) -> bool {
        let Some(ends) = message::packet_ends(packet).filter(|_| packet.tunnel.is_none()) else { return false };
        let start = self.words.len();
        // Writing to memory cannot fail.
        let _ = describe::describe_with(packet, message, &mut self.words);
        self.list.push(Worded {
            at: packet.at,
            number: packet.number,
            place: Place { tap: packet.tap, if_index: packet.link.if_index, vni: None },
            ends,
            macs: (packet.link.source, packet.link.destination),
            kind: describe::kind_with(packet, message),
            words: start..self.words.len(),
            is_foreign: matches!(message, Some(Message { subject: Subject::Dns(_), .. })),
        });
        true
    }

    /// The same of a ping or a lookup.
    pub fn message(&mut self, frame: &Frame<'_>, usual: &Usual<'_>, message: &Message<'_>) {
        let start = self.words.len();
        // Writing to memory cannot fail.
        let _ = describe::usual_message(message, &mut self.words);
        self.list.push(Worded {
            at: frame.at,
            number: frame.number,
            place: Place { tap: frame.tap, if_index: 0, vni: None },
            ends: usual.endpoints(),
            macs: usual.macs(),
            kind: message.protocol.protocol().name(),
            words: start..self.words.len(),
            is_foreign: matches!(message.subject, Subject::Dns(_)),
        });
    }

    /// Those of them, with the words of all.
    pub fn part(&self, range: Range<usize>) -> (&[Worded], &Text) {
        (self.list.get(range).unwrap_or_default(), &self.words)
    }

    /// Begins anew, with the room that there is.
    pub fn clear(&mut self) {
        self.list.clear();
        self.words.clear();
    }
}
