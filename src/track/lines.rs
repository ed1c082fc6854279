//! Single packets, for those who want a line for each.

use std::borrow::Cow;

use super::event::{Event, Nodes, PacketLine};
use crate::decode::content::Content;
use crate::decode::message::Message;
use crate::decode::{Packet, describe, message};

/// A packet in words, which are written into `words`.
pub fn packet_line<'a>(packet: &Packet<'_>, words: &'a mut String) -> Event<'a> {
    message_line(packet, message::read(packet).as_ref(), words)
}

/// The same of a packet whose message was read.
pub(crate) fn message_line<'a>(packet: &Packet<'_>, message: Option<&Message<'_>>, words: &'a mut String) -> Event<'a> {
    words.clear();
    // Writing to a String cannot fail.
    let _ = describe::describe_with(packet, message, words);
    let nodes = packet
        .tunnel
        .map(|tunnel| Nodes { client: Some(tunnel.source), server: Some(tunnel.destination) })
        .unwrap_or_default();
    Event::Packet(PacketLine {
        place: super::place(packet),
        nodes,
        seen: super::seen(packet),
        ends: message::packet_ends(packet),
        macs: (packet.link.source, packet.link.destination),
        kind: describe::kind_with(packet, message),
        content: Content::with(packet, message),
        words: Cow::Borrowed(words),
        wire_len: packet.wire_len,
    })
}
