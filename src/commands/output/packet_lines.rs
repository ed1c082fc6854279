//! Packets that are told by their lines alone, without an event.

use std::io;
use std::net::Ipv4Addr;

use super::{Lines, Output};
use crate::capture::Frame;
use crate::commands::replay::Worded;
use crate::commands::view::{Out, View};
use crate::decode::message::Message;
use crate::decode::{Network, Packet, Segment, Usual};
use crate::digits::Text;
use crate::name::{Asks, Called, Namer};
use crate::render::TextWriter;
use crate::track::event::Place;

impl Output {
    /// Tells a packet by its line alone, where that is plain and takes no more than looking up its ends. False where it has
    /// to be told as an event.
    pub fn tell_packet(&mut self, packet: &Packet<'_>, message: Option<&Message<'_>>) -> bool {
        let Some((text, namer)) = self.packet_lines().filter(|_| packet.tunnel.is_none()) else { return false };
        let place = Place { tap: packet.tap, if_index: packet.link.if_index, vni: None };
        let looked = match &packet.network {
            Network::Ip(ip) => namer.look_up_ends((&ip.source, &ip.destination), place, packet.at, Asks::Either),
            Network::Arp(arp) => {
                let (sender, target) = (arp.sender.into(), arp.target.into());
                namer.look_up_ends((&sender, &target), place, packet.at, Asks::Either)
            }
            Network::Other => None,
        };
        let Some(called) = looked.and_then(|looked| namer.called_as_looked(&looked)) else { return false };
        let written = text.packet(packet, message, &called);
        self.has_written(written);
        true
    }

    /// The same of a segment.
    #[expect(clippy::inline_always, reason = "a segment that is lent in line needs no memory")]
    #[inline(always)]
    pub fn tell_segment(&mut self, frame: &Frame<'_>, segment: &Segment<'_>) -> bool {
        let ends = (segment.source, segment.destination);
        self.tell_usual(frame, ends, |text, called| text.segment(frame.at, segment, called))
    }

    /// The same of a ping or a lookup.
    pub fn tell_message(&mut self, frame: &Frame<'_>, usual: &Usual<'_>, message: &Message<'_>) -> bool {
        let ((sender, _), (receiver, _)) = usual.ends();
        self.tell_usual(frame, (sender, receiver), |text, called| text.message(frame.at, usual, message, called))
    }

    /// The same of what a usual frame has, between these two.
    #[expect(clippy::inline_always, reason = "a segment that is lent in line needs no memory")]
    #[inline(always)]
    fn tell_usual(
        &mut self,
        frame: &Frame<'_>,
        ends: (Ipv4Addr, Ipv4Addr),
        write: impl FnOnce(&mut TextWriter<Out>, &Called<'_>) -> io::Result<()>,
    ) -> bool {
        let Some((text, namer)) = self.packet_lines() else { return false };
        let place = Place { tap: frame.tap, if_index: 0, vni: None };
        let looked = namer.look_up_v4(ends, place, frame.at, Asks::Either);
        let Some(called) = looked.and_then(|looked| namer.called_as_looked(&looked)) else { return false };
        let written = write(text, &called);
        self.has_written(written);
        true
    }

    /// The same of a packet that was put into words.
    pub fn tell_worded(&mut self, packet: &Worded, words: &Text) -> bool {
        let Some((text, namer)) = self.packet_lines() else { return false };
        let Worded { at, place, ends: (sender, receiver), kind, .. } = packet;
        let looked = namer.look_up_ends((&sender.address, &receiver.address), *place, *at, Asks::Either);
        let Some(called) = looked.and_then(|looked| namer.called_as_looked(&looked)) else { return false };
        let written = text.worded(*at, kind, packet.words(words), (sender.port, receiver.port), &called);
        self.has_written(written);
        true
    }

    /// Whether lines of packets are plain, and take no events.
    pub fn has_packet_lines(&mut self) -> bool {
        self.packet_lines().is_some()
    }

    /// Where lines of packets are written that need no events, and who names their ends.
    #[inline]
    fn packet_lines(&mut self) -> Option<(&mut TextWriter<Out>, &mut Namer)> {
        let Self { view: View::Text(text), lines: Lines::Packets, namer, .. } = self else { return None };
        let Self { events: None, explainer: None, pacer: None, failure: None, .. } = self else { return None };
        text.is_plain().then_some((text, namer))
    }
}
