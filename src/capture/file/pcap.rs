//! The pcap format: a header, then records until the end of the file.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/>; for what old files have, libpcap's `sf-pcap.c`.

use super::buffer::Buffer;
use super::bytes::Endian;
use super::taps::{Notes, Taps};
use super::{Fault, Item, MAX_PACKET, Record, Usual};
use crate::capture::error::Flaw;
use crate::capture::{LinkType, Tap, TapId};
use crate::time::Timestamp;

/// The length of the file's header in bytes.
const HEADER: usize = 24;
/// The length of a record's header in bytes, but for Kuznetzov's.
const RECORD: usize = 16;

/// What the magic number says besides the byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// Times in microseconds.
    Micro,
    /// Times in nanoseconds.
    Nano,
    /// Alexey Kuznetzov's patch of 1997 to libpcap: microseconds, and the interface in each record.
    Modified,
}

/// Which of the two lengths in a record comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    /// Versions before 2.3.
    WireFirst,
    /// Version 2.3 has both, by who wrote it: the captured one is not the longer.
    ShorterIsCaptured,
}

/// The state of reading a pcap file.
pub(super) struct Pcap {
    endian: Endian,
    lengths: Lengths,
    /// The length of a record's header in bytes.
    record_header: usize,
    nanos_per_unit: u64,
    link: LinkType,
    tap: TapId,
    header_read: bool,
    /// The records that come now have the header that nearly all have.
    is_usual: bool,
}

impl Pcap {
    pub(super) fn new(endian: Endian, variant: Variant) -> Self {
        Self {
            endian,
            lengths: Lengths::CapturedFirst,
            record_header: if variant == Variant::Modified { 24 } else { RECORD },
            nanos_per_unit: if variant == Variant::Nano { 1 } else { 1000 },
            link: LinkType::ETHERNET,
            tap: TapId(0),
            header_read: false,
            is_usual: false,
        }
    }

    /// The record that `bytes` begin with, where all of it is there and its header is as nearly all are. `None` says
    /// nothing: then [`Pcap::next`] is to be asked.
    #[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
    #[inline(always)]
    pub(super) fn usual(&self, bytes: &[u8]) -> Option<Usual> {
        if !self.is_usual {
            return None;
        }
        let header = bytes.first_chunk::<RECORD>()?;
        let [seconds, fraction, captured, wire_len] = self.endian.u32s(header);
        let length = RECORD + captured as usize;
        if captured > MAX_PACKET || bytes.len() < length {
            return None;
        }
        let at = Timestamp::from_parts(u64::from(seconds), u64::from(fraction) * self.nanos_per_unit);
        let wire_len = wire_len.max(captured);
        Some(Usual { at, wire_len, link: self.link, tap: self.tap, data: RECORD..length, length })
    }

    pub(super) fn next(&mut self, buffer: &mut Buffer, taps: &mut Taps) -> Result<Item, Fault> {
        if !self.header_read {
            self.read_header(buffer, taps)?;
        }
        buffer.set_mark();
        if !buffer.fill(self.record_header)? {
            return if buffer.ends_cleanly() { Ok(Item::End) } else { Err(Fault::Cut) };
        }
        let header = buffer.available();
        let seconds = u64::from(self.endian.u32(header, 0));
        let fraction = u64::from(self.endian.u32(header, 4));
        let (captured, wire_len) = self.in_order(self.endian.u32(header, 8), self.endian.u32(header, 12));
        if captured > MAX_PACKET {
            return Err(Flaw::PacketTooLong(captured).into());
        }
        let length = self.record_header + captured as usize;
        if !buffer.fill(length)? {
            return Err(Fault::Cut);
        }
        Ok(Item::Packet(Record {
            number: 0,
            at: Timestamp::from_parts(seconds, fraction * self.nanos_per_unit),
            wire_len: wire_len.max(captured),
            link: self.link,
            tap: self.tap,
            lent: buffer.consume(length, self.record_header..length),
        }))
    }

    fn in_order(&self, first: u32, second: u32) -> (u32, u32) {
        match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::WireFirst => (second, first),
            Lengths::ShorterIsCaptured => (first.min(second), first.max(second)),
        }
    }

    fn read_header(&mut self, buffer: &mut Buffer, taps: &mut Taps) -> Result<(), Fault> {
        if !buffer.fill(HEADER)? {
            return Err(Fault::Cut);
        }
        let header = buffer.available();
        self.lengths = match (self.endian.u16(header, 4), self.endian.u16(header, 6)) {
            (2, 0..3) => Lengths::WireFirst,
            (2, 3) => Lengths::ShorterIsCaptured,
            // 543.0 was written by tcpdump on DG/UX.
            (2, 4..) | (543, 0) => Lengths::CapturedFirst,
            _ => return Err(Flaw::Version.into()),
        };
        // The upper bits say whether frames end with a check sequence, and how long it is.
        self.link = LinkType(self.endian.u32(header, 20) as u16);
        let snap_len = self.endian.u32(header, 16);
        buffer.consume(HEADER, 0..0);
        let tap = Tap { interface: String::new(), network: None, namespace: None, link: self.link, aside: None };
        self.tap = taps.add(tap, snap_len, Notes::default());
        self.header_read = true;
        self.is_usual = self.lengths == Lengths::CapturedFirst && self.record_header == RECORD;
        Ok(())
    }
}
