//! Packets that are followed without being put together: nearly all are segments, pings or lookups in usual frames.
//!
//! A million connections are in no cache. So the flow of a packet is found out some packets before it is followed, and
//! what is known of it is fetched from memory meanwhile.

use super::event::{Place, Seen};
use super::exchange::{self, Carried, Key};
use super::table::Hashed;
use super::tcp::Segment;
use super::{Sink, Tracker, Way};
use crate::capture::Frame;
use crate::decode::message::{Message, Role};
use crate::decode::{Usual, ip};

/// The flow that a frame's packet is of, if that is a segment in a usual frame; else it is no flow at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead {
    way: Way,
    hash: Hashed,
}

impl Ahead {
    /// No flow.
    pub const NONE: Self = Self { way: Way::NONE, hash: Hashed::NONE };
}

impl Tracker {
    /// Whether it takes frames: outside of tunnels nobody is behind a node.
    #[inline]
    pub(crate) fn takes_frames(&self) -> bool {
        self.behind.is_empty()
    }

    /// Finds out of which flow a frame is, and has the index of that fetched from memory. It is not asked whether the
    /// frame has a segment: who asks twice, some packets apart, guesses wrong twice.
    #[inline]
    pub(crate) fn look_ahead(&self, frame: &Frame<'_>) -> Ahead {
        let Some((sender, receiver)) = Usual::ends_of_segment(frame) else { return Ahead::NONE };
        let way = Way::v4(place(frame), sender, receiver);
        Ahead { way, hash: self.flows.connections.find_soon(&way.key) }
    }

    /// Has what is known of a frame's flow fetched from memory, whose index is there by now.
    #[inline]
    pub(crate) fn fetch(&self, ahead: &Ahead) {
        self.flows.connections.fetch(ahead.hash);
    }

    /// Takes the packet of a frame, as [`Tracker::observe`] takes it decoded. False where it is to be decoded first.
    pub(crate) fn observe_frame(&mut self, frame: &Frame<'_>, ahead: &Ahead, sink: &mut dyn Sink) -> bool {
        let Some(usual) = Usual::of(frame).filter(|_| self.takes_frames()) else { return false };
        match usual.protocol() {
            ip::TCP => {}
            ip::ICMP => return self.observe_ping(frame, usual, sink),
            ip::UDP => return self.observe_lookup(frame, usual, sink),
            _ => return false,
        }
        let Some((macs, tcp)) = usual.macs_and_tcp() else { return false };
        self.begin_frame(frame, sink);
        let Ahead { way, hash } = *ahead;
        self.flows.segment(Segment { way, seen: seen(frame), macs, tcp }, hash, || again(frame, way), sink);
        true
    }

    /// Out of line, so that segments keep the registers.
    #[inline(never)]
    fn observe_ping(&mut self, frame: &Frame<'_>, usual: Usual<'_>, sink: &mut dyn Sink) -> bool {
        let Some(message) = usual.ping() else { return false };
        self.observe_usual_message(frame, usual, &message, sink);
        true
    }

    /// Another function: a message that comes from one of two places is put together twice.
    #[inline(never)]
    fn observe_lookup(&mut self, frame: &Frame<'_>, usual: Usual<'_>, sink: &mut dyn Sink) -> bool {
        let Some(message) = usual.lookup() else { return false };
        self.observe_usual_message(frame, usual, &message, sink);
        true
    }

    #[expect(clippy::inline_always, reason = "a part of what is in line")]
    #[inline(always)]
    fn observe_usual_message(
        &mut self,
        frame: &Frame<'_>,
        usual: Usual<'_>,
        message: &Message<'_>,
        sink: &mut dyn Sink,
    ) {
        self.begin_frame(frame, sink);
        let (place, (sender, receiver)) = (place(frame), usual.ends());
        // What [`exchange::key`] says, without taking addresses apart again.
        let way = match message.role {
            Role::Reply => Way::v4(place, receiver, sender),
            _ if message.to_group => exchange::key(place, message).way,
            _ => Way::v4(place, sender, receiver),
        };
        let carried = Carried {
            message,
            key: Key { way, id: message.id },
            macs: usual.macs(),
            seen: seen(frame),
            over_tcp: false,
        };
        self.flows.message(&carried, sink);
    }

    /// Counts a frame, after what was due before it.
    #[expect(clippy::inline_always, reason = "a part of what is in line")]
    #[inline(always)]
    fn begin_frame(&mut self, frame: &Frame<'_>, sink: &mut dyn Sink) {
        self.flows.tick(frame.at, sink);
        self.flows.counters.packets += 1;
        self.flows.counters.bytes += u64::from(frame.wire_len);
    }
}

const fn place(frame: &Frame<'_>) -> Place {
    Place { tap: frame.tap, if_index: 0, vni: None }
}

const fn seen(frame: &Frame<'_>) -> Seen {
    Seen { at: frame.at, number: frame.number }
}

/// The segment of a frame, read anew where all of it is wanted, which is seldom: one that is lent to nobody is never put
/// into memory.
#[inline(never)]
fn again<'a>(frame: &Frame<'a>, way: Way) -> Segment<'a> {
    let (macs, tcp) = Usual::of(frame).and_then(|usual| usual.macs_and_tcp()).unwrap_or_default();
    Segment { way, seen: seen(frame), macs, tcp }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Counted, Event, Limits, Sink};
    use super::*;
    use crate::capture::file::FileSource;
    use crate::capture::{Next, Source};
    use crate::decode::{decode, supports};

    /// What is told of a capture, or only counted.
    #[derive(Default)]
    struct Told {
        events: Vec<String>,
        counted: Vec<Counted>,
        only_counts: bool,
    }

    impl Sink for Told {
        fn event(&mut self, event: Event<'_>) {
            self.counted.extend(event.counted());
            self.events.push(format!("{event:?}"));
        }

        fn only_counts(&self, _: bool) -> bool {
            self.only_counts
        }

        fn count(&mut self, counted: &Counted) {
            self.counted.push(*counted);
        }
    }

    /// Follows a capture by its packets, or by its frames where they can be.
    fn told(path: &Path, by_frames: bool, only_counts: bool) -> (Told, String) {
        let (mut tracker, mut told) = (Tracker::new(Limits::default()), Told { only_counts, ..Told::default() });
        let mut source = FileSource::open(path, 0).unwrap();
        loop {
            match source.next().unwrap() {
                Next::Frame(frame, _) if supports(frame.link) => {
                    let is_followed = by_frames && {
                        let ahead = tracker.look_ahead(&frame);
                        tracker.fetch(&ahead);
                        tracker.observe_frame(&frame, &ahead, &mut told)
                    };
                    if !is_followed {
                        tracker.observe(&decode(&frame), &mut told);
                    }
                }
                Next::End => break,
                _ => {}
            }
        }
        tracker.finish(&mut told);
        let counters = format!("{:?}", tracker.counters());
        (told, counters)
    }

    #[test]
    fn frames_are_followed_as_their_packets_are_and_counted_as_their_events() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
        let mut captures: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        captures.retain(|path| path.extension().is_some_and(|extension| extension == "pcapng"));
        let (mut told_all, mut told_still) = (0, 0);
        for path in captures {
            let (packets, counters) = told(&path, false, false);
            let (frames, same) = told(&path, true, false);
            assert_eq!((&frames.events, &same), (&packets.events, &counters), "{}", path.display());
            assert!(!frames.counted.is_empty());
            let (counted, same) = told(&path, true, true);
            assert_eq!((&counted.counted, &same), (&packets.counted, &counters), "{}", path.display());
            told_all += packets.events.len();
            told_still += counted.events.len();
        }
        // Of who only counts nearly all is counted where it is found.
        assert!(told_still * 4 < told_all, "{told_still} of {told_all}");
    }
}
