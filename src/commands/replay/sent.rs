//! Segments on their way to another thread, which puts them into words: nearly all packets are segments, and to write a line
//! takes about as long as to follow a packet.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::ops::Range;

use crate::address::MacAddr;
use crate::capture::{Frame, LinkType, TapId};
use crate::decode::content::Content;
use crate::decode::tcp::Flags;
use crate::decode::{Segment, Tcp, describe};
use crate::time::Timestamp;
use crate::track::Event;
use crate::track::event::{Nodes, PacketLine, Place, Seen};

/// A segment without its payload. Smaller than what it was read as: memory is what the way to another thread costs.
struct Sent {
    at: Timestamp,
    number: u64,
    tap: TapId,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    ports: (u16, u16),
    sequence: u32,
    acknowledgement: u32,
    payload_len: u32,
    window: u16,
    flags: Flags,
    /// How many of the bytes of all options are its own.
    options: u8,
    macs: (Option<MacAddr>, Option<MacAddr>),
}

/// Segments, in their order.
#[derive(Default)]
pub(super) struct SentSegments {
    list: Vec<Sent>,
    options: Vec<u8>,
}

impl SentSegments {
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Takes a segment. False where it is longer than any that is a frame's, or a packet's of IPv4.
    #[inline]
    pub fn push(&mut self, frame: &Frame<'_>, segment: &Segment<'_>) -> bool {
        let Segment { macs, source, destination, tcp } = segment;
        let Tcp { source_port, destination_port, sequence, acknowledgement, flags, window, .. } = *tcp;
        let (Ok(payload_len), Ok(options)) = (tcp.payload_len.try_into(), tcp.option_bytes.len().try_into()) else {
            return false;
        };
        if options > 0 {
            self.options.extend_from_slice(tcp.option_bytes);
        }
        self.list.push(Sent {
            at: frame.at,
            number: frame.number,
            tap: frame.tap,
            source: *source,
            destination: *destination,
            ports: (source_port, destination_port),
            sequence,
            acknowledgement,
            payload_len,
            window,
            flags,
            options,
            macs: *macs,
        });
        true
    }

    /// Those of them that stand there, of a link; `options` is where the first's begin, and then where those end.
    pub fn part<'a>(
        &'a self,
        range: Range<usize>,
        link: LinkType,
        options: &'a mut usize,
    ) -> impl Iterator<Item = (Frame<'static>, Segment<'a>)> + use<'a> {
        self.list.get(range).unwrap_or_default().iter().map(move |sent| {
            let next = *options + usize::from(sent.options);
            let option_bytes = self.options.get(*options..next).unwrap_or_default();
            *options = next;
            sent.segment(option_bytes, link)
        })
    }

    /// Begins anew, with the room that there is.
    pub fn clear(&mut self) {
        self.list.clear();
        self.options.clear();
    }
}

impl Sent {
    /// As it was, but for its payload.
    #[inline]
    fn segment<'a>(&self, option_bytes: &'a [u8], link: LinkType) -> (Frame<'static>, Segment<'a>) {
        let frame = Frame { number: self.number, at: self.at, link, tap: self.tap, ..Frame::EMPTY };
        let tcp = Tcp {
            source_port: self.ports.0,
            destination_port: self.ports.1,
            sequence: self.sequence,
            acknowledgement: self.acknowledgement,
            flags: self.flags,
            window: self.window,
            option_bytes,
            payload_len: self.payload_len as usize,
            payload: &[],
        };
        (frame, Segment { macs: self.macs, source: self.source, destination: self.destination, tcp })
    }
}

/// A segment that was sent as an event, where its line takes more to write.
pub(in super::super) fn segment_event(frame: &Frame<'_>, segment: &Segment<'_>) -> Event<'static> {
    let mut words = String::new();
    describe::segment(&segment.tcp, &mut words);
    Event::Packet(PacketLine {
        place: Place { tap: frame.tap, if_index: 0, vni: None },
        nodes: Nodes::default(),
        seen: Seen { number: frame.number, at: frame.at },
        ends: Some(segment.ends()),
        macs: segment.macs,
        kind: "tcp",
        // Told by text alone, which does not say it.
        content: Content::Link,
        words: Cow::Owned(words),
        wire_len: 0,
    })
}
