//! What of a replay is followed: from packets to events, and how late it is.

use std::sync::Arc;

use ahash::AHashMap;

use crate::capture::file::BATCH;
use crate::capture::{Frame, LinkType, NameBlock, Tap, TapId};
use crate::decode::message::{self, Message};
use crate::decode::{self, Packet, Segment, Usual};
use crate::time::Timestamp;
use crate::track::usual::Ahead;
use crate::track::{Limits, Sink, Tracker, message_line};

use super::super::of_asides;
use crate::capture::Error;

/// Where a packet was seen.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub id: TapId,
    /// That of the packet: interfaces that share a tap may have several.
    pub link: LinkType,
    pub tap: &'a Tap,
}

/// The same on its way to another thread.
#[derive(Clone)]
pub(super) struct OwnSpot {
    pub id: TapId,
    pub link: LinkType,
    tap: Arc<Tap>,
}

impl OwnSpot {
    pub fn lent(&self) -> Spot<'_> {
        Spot { id: self.id, link: self.link, tap: &self.tap }
    }
}

/// Says where packets were seen once for all that come behind each other there.
#[derive(Default)]
pub(super) struct Spots {
    /// Where the latest packet was seen.
    latest: Option<(TapId, LinkType)>,
    taps: AHashMap<TapId, Arc<Tap>>,
}

impl Spots {
    /// Where a packet was seen, unless the latest was seen there, too.
    #[inline]
    pub fn change(&mut self, spot: Spot<'_>) -> Option<OwnSpot> {
        if self.latest == Some((spot.id, spot.link)) {
            return None;
        }
        self.latest = Some((spot.id, spot.link));
        let tap = self.taps.entry(spot.id).or_insert_with(|| Arc::new(spot.tap.clone()));
        Some(OwnSpot { id: spot.id, link: spot.link, tap: Arc::clone(tap) })
    }

    /// Where all packets were seen so far, if that is one tap whose packets are each seen once, told like any other, and
    /// can be decoded.
    pub fn only(&self) -> Option<(TapId, LinkType)> {
        let (id, link) = self.latest.filter(|_| self.taps.len() == 1)?;
        let is_plain = self.taps.get(&id)?.aside.is_none() && decode::supports(link) && link != LinkType::LINUX_SLL2;
        is_plain.then_some((id, link))
    }

    /// The next packet's is said in any case.
    pub const fn begin_anew(&mut self) {
        self.latest = None;
    }
}

/// Where it is told, now or later: events, and what has to be known of the capture meanwhile, in its order.
pub(super) trait Telling: Sink {
    /// A packet is there; the events that come next are known by it.
    fn meet(&mut self, at: Timestamp, spot: Spot<'_>);
    /// The same of the next packet of the same tap and link.
    fn next(&mut self, _at: Timestamp) {}
    /// A line of the packet alone is wanted. False where it is to come as an event.
    fn packet(&mut self, _packet: &Packet<'_>, _message: Option<&Message<'_>>) -> bool {
        false
    }
    /// The same of a segment.
    fn segment(&mut self, _frame: &Frame<'_>, _segment: &Segment<'_>) -> bool {
        false
    }
    /// The same of a ping or a lookup.
    fn message(&mut self, _frame: &Frame<'_>, _usual: &Usual<'_>, _message: &Message<'_>) -> bool {
        false
    }
    /// It cannot be decoded.
    fn undecoded(&mut self, link: LinkType);
    /// All events of the packet were given: what has waited until then may be told.
    fn due(&mut self, at: Timestamp);
    /// The capture went on until then; `is_later` than the latest packet.
    fn idle(&mut self, at: Timestamp, is_later: bool);
    /// The file tells names.
    fn names(&mut self, block: &NameBlock);
    /// A file cannot be read on.
    fn errors(&mut self, errors: Vec<Error>);
    /// So much of the files was read, in bytes.
    fn position(&mut self, bytes: u64);
    /// Whether nothing more is wanted.
    fn is_over(&self) -> bool;
}

/// What is known of a packet's flow is fetched from memory so many packets before it is needed. Memory takes a hundred
/// nanoseconds, and a packet about as long.
const SOON: usize = 3;

/// Follows the packets of capture files.
pub(super) struct Following {
    tracker: Tracker,
    /// Follows what is in a file for what it tells of others; it is not counted.
    asides: Tracker,
    /// The time of the latest packet.
    latest: Timestamp,
    /// A line for each packet is wanted.
    wants_packets: bool,
    words: String,
}

impl Following {
    pub fn new(limits: Limits, wants_packets: bool) -> Self {
        Self {
            tracker: Tracker::new(limits),
            asides: Tracker::new(of_asides(limits)),
            latest: Timestamp::ZERO,
            wants_packets,
            words: String::new(),
        }
    }

    pub const fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Follows a packet, or counts one that cannot be decoded.
    #[inline]
    pub fn packet<T: Telling>(&mut self, at: Timestamp, spot: Spot<'_>, packet: Option<&Packet<'_>>, to: &mut T) {
        self.latest = at;
        to.meet(at, spot);
        match packet {
            Some(packet) if spot.tap.aside.is_some() => self.asides.observe(packet, to),
            Some(packet) => self.whole(packet, to),
            None if spot.tap.aside.is_some() => {}
            None => to.undecoded(spot.link),
        }
    }

    /// Follows the first of these frames that are of that tap and link, and come before that time; `left` at most. How many
    /// those were.
    #[inline]
    pub fn take<T: Telling>(
        &mut self,
        frames: &[Frame<'_>],
        (tap, link): (TapId, LinkType),
        until: Timestamp,
        left: u64,
        to: &mut T,
    ) -> usize {
        let is_wanted = |frame: &&Frame<'_>| frame.tap == tap && frame.link == link && frame.at < until;
        let taken = frames.iter().take_while(is_wanted).count().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.frames(frames.get(..taken).unwrap_or_default(), to);
        taken
    }

    /// Follows frames that can be decoded, of a tap that is met and is there for what is seen at it; [`BATCH`] of them at
    /// most.
    #[inline]
    fn frames<T: Telling>(&mut self, frames: &[Frame<'_>], to: &mut T) {
        let mut ahead = [Ahead::NONE; BATCH + SOON];
        for (ahead, frame) in ahead.iter_mut().zip(frames) {
            *ahead = self.tracker.look_ahead(frame);
        }
        for ((frame, now), soon) in frames.iter().zip(&ahead).zip(ahead.iter().skip(SOON)) {
            self.tracker.fetch(soon);
            self.latest = frame.at;
            to.next(frame.at);
            let is_told = !self.wants_packets || self.tells_frame(frame, to);
            if !is_told || !self.tracker.observe_frame(frame, now, to) {
                self.other(frame, to);
            }
            to.due(frame.at);
        }
    }

    /// Whether the line of its packet could be told, which has a segment, a ping or a lookup.
    #[inline(never)]
    fn tells_frame<T: Telling>(&self, frame: &Frame<'_>, to: &mut T) -> bool {
        let Some(usual) = Usual::of(frame).filter(|_| self.tracker.takes_frames()) else { return false };
        match usual.segment() {
            Some(segment) => to.segment(frame, &segment),
            None => usual.message().is_some_and(|message| to.message(frame, &usual, &message)),
        }
    }

    #[inline(never)]
    fn other<T: Telling>(&mut self, frame: &Frame<'_>, to: &mut T) {
        self.whole(&decode::decode(frame), to);
    }

    fn whole<T: Telling>(&mut self, packet: &Packet<'_>, to: &mut T) {
        let message = message::read(packet);
        if self.wants_packets {
            if !to.packet(packet, message.as_ref()) {
                to.event(message_line(packet, message.as_ref(), &mut self.words));
            }
            if to.is_over() {
                return;
            }
        }
        self.tracker.observe_message(packet, message.as_ref(), to);
    }

    /// A packet was left out, which still says how late it is.
    pub fn pass(&mut self, at: Timestamp, to: &mut impl Telling) {
        self.tracker.tick(at, to);
    }

    /// The capture went on until then, or a pipe is silent.
    pub fn idle(&mut self, at: Timestamp, to: &mut impl Telling) {
        let is_later = at > self.latest;
        if is_later {
            self.latest = at;
            self.tracker.tick(at, to);
            self.asides.tick(at, to);
        }
        to.idle(at, is_later);
    }

    /// The capture ended.
    pub fn finish(&mut self, to: &mut impl Telling) {
        self.asides.finish(to);
        self.tracker.finish(to);
    }
}
