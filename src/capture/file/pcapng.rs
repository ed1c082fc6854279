//! The pcapng format: sections of blocks, each section with its own byte order and interfaces.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/>

use super::buffer::Buffer;
use super::bytes::Endian;
use super::clock::Clock;
use super::options::{self, Comment, Items, TapComment};
use super::taps::{Interface, Notes, Taps};
use super::{Fault, Item, MAX_BLOCK, MAX_PACKET, Record, Usual, names};
use crate::capture::error::Flaw;
use crate::capture::{Aside, Drops, LinkType, Tap, TapId};
use crate::time::Timestamp;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
/// The packet block that enhanced ones replaced; its fields lie where theirs do.
const OBSOLETE: u32 = 2;
const SIMPLE: u32 = 3;
const NAMES: u32 = 4;
const STATISTICS: u32 = 5;
const ENHANCED: u32 = 6;

/// Type and length before a block's body, in bytes.
const HEAD: usize = 8;
/// The length once more, after the body.
const TRAILER: usize = 4;
/// Where the packet begins in an enhanced packet block.
const ENHANCED_DATA: usize = 28;
/// Where the packet begins in a simple packet block.
const SIMPLE_DATA: usize = 12;

/// The most interfaces kept of one section; those beyond are taken to be like the first one beyond, on the shared tap.
const MAX_INTERFACES: usize = super::MAX_TAPS as usize;

/// The state of reading a pcapng file.
pub(super) struct Pcapng {
    endian: Endian,
    /// The interfaces of the section.
    interfaces: Vec<Interface>,
    /// How many the section described, kept or not.
    described: u64,
    /// Stands for all that are not kept.
    beyond: Option<Interface>,
    /// The time of the last packet: a simple packet block has none of its own.
    last: Timestamp,
}

/// A block that is in the buffer whole.
#[derive(Clone, Copy)]
struct Block<'a> {
    /// All of it but the trailer.
    bytes: &'a [u8],
    endian: Endian,
}

/// A packet in its block, in offsets and lengths of bytes.
struct Found {
    link: LinkType,
    tap: TapId,
    at: Timestamp,
    wire_len: u32,
    captured: u32,
    data: usize,
}

impl Found {
    /// The packet of a block of that length, which is passed over.
    #[inline]
    fn record(self, buffer: &mut Buffer, whole: usize) -> Record {
        let Self { link, tap, at, wire_len, captured, data } = self;
        let lent = buffer.consume(whole, data..data + captured as usize);
        Record { number: 0, at, wire_len: wire_len.max(captured), link, tap, lent }
    }
}

impl Pcapng {
    pub(super) fn new() -> Self {
        let (endian, last) = (Endian::Little, Timestamp::ZERO);
        Self { endian, interfaces: Vec::new(), described: 0, beyond: None, last }
    }

    /// The packet that `bytes` begin with, where that is an enhanced packet block that is whole with nothing amiss. `None`
    /// says nothing: then [`Pcapng::next`] is to be asked.
    #[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
    #[inline(always)]
    pub(super) fn usual(&mut self, bytes: &[u8]) -> Option<Usual> {
        let (kind, claimed) = (self.endian.u32(bytes, 0), self.endian.u32(bytes, 4));
        if kind != ENHANCED || claimed > MAX_BLOCK || claimed < fixed_part(ENHANCED) {
            return None;
        }
        let length = (claimed as usize).next_multiple_of(4);
        let (block, trailer) = bytes.get(..length)?.split_last_chunk::<TRAILER>()?;
        if self.endian.u32(trailer, 0) != claimed {
            return None;
        }
        let found = self.enhanced(Block { bytes: block, endian: self.endian }, self.endian.u32(block, 8)).ok()?;
        let Found { link, tap, at, wire_len, captured, data } = found;
        self.last = at;
        let data = data..data + captured as usize;
        Some(Usual { at, wire_len: wire_len.max(captured), link, tap, data, length })
    }

    pub(super) fn next(&mut self, buffer: &mut Buffer, taps: &mut Taps) -> Result<Item, Fault> {
        loop {
            buffer.set_mark();
            if !buffer.fill(HEAD)? {
                return if buffer.ends_cleanly() { Ok(Item::End) } else { Err(Fault::Cut) };
            }
            let kind = self.endian.u32(buffer.available(), 0);
            if kind == SECTION {
                self.read_byte_order(buffer)?;
            }
            let claimed = self.endian.u32(buffer.available(), 4);
            if !matches!(kind, SECTION | INTERFACE | OBSOLETE | SIMPLE | NAMES | STATISTICS | ENHANCED) {
                self.skip(claimed, buffer)?;
                continue;
            }
            if let Some(item) = self.read_block(kind, claimed, buffer, taps)? {
                return Ok(item);
            }
        }
    }

    /// The byte order of the section that begins here. Its magic comes before the length can be read.
    fn read_byte_order(&mut self, buffer: &mut Buffer) -> Result<(), Fault> {
        if !buffer.fill(HEAD + 4)? {
            return Err(Fault::Cut);
        }
        self.endian = match buffer.available().get(HEAD..HEAD + 4) {
            Some([0x4d, 0x3c, 0x2b, 0x1a]) => Endian::Little,
            Some([0x1a, 0x2b, 0x3c, 0x4d]) => Endian::Big,
            _ => return Err(Flaw::ByteOrder.into()),
        };
        Ok(())
    }

    /// Reads a block that matters. `None` where it holds nothing to give.
    #[inline]
    fn read_block(
        &mut self,
        kind: u32,
        claimed: u32,
        buffer: &mut Buffer,
        taps: &mut Taps,
    ) -> Result<Option<Item>, Fault> {
        if claimed < fixed_part(kind) {
            return Err(Flaw::BlockTooShort(claimed).into());
        }
        if claimed > MAX_BLOCK {
            return Err(Flaw::BlockTooLong(claimed).into());
        }
        // Some writers forgot to count the padding of the last part.
        let whole = (claimed as usize).next_multiple_of(4);
        if !buffer.fill(whole)? {
            return Err(Fault::Cut);
        }
        let available = buffer.available();
        if self.endian.u32(available, whole - TRAILER) != claimed {
            return Err(Flaw::LengthsDiffer.into());
        }
        let block = Block { bytes: available.get(..whole - TRAILER).unwrap_or_default(), endian: self.endian };
        let found = match kind {
            ENHANCED => self.enhanced(block, self.endian.u32(block.bytes, 8))?,
            OBSOLETE => self.enhanced(block, u32::from(self.endian.u16(block.bytes, 8)))?,
            SIMPLE => self.simple(block)?,
            NAMES => {
                let read = names::parse(block.body(), self.endian);
                buffer.consume(whole, 0..0);
                return Ok(Some(Item::Names(read)));
            }
            _ => {
                let until = self.note(kind, block, taps)?;
                buffer.consume(whole, 0..0);
                return Ok(until.map(Item::Until));
            }
        };
        self.last = found.at;
        Ok(Some(Item::Packet(found.record(buffer, whole))))
    }

    /// Passes over a block that does not matter, however long it is, without keeping it.
    fn skip(&mut self, claimed: u32, buffer: &mut Buffer) -> Result<(), Fault> {
        if claimed < (HEAD + TRAILER) as u32 {
            return Err(Flaw::BlockTooShort(claimed).into());
        }
        let body = u64::from(claimed).next_multiple_of(4) - TRAILER as u64;
        if !buffer.skip(body)? || !buffer.fill_behind(TRAILER)? {
            return Err(Fault::Cut);
        }
        if self.endian.u32(buffer.available(), 0) != claimed {
            return Err(Flaw::LengthsDiffer.into());
        }
        buffer.consume(TRAILER, 0..0);
        Ok(())
    }

    #[inline]
    fn enhanced(&self, block: Block<'_>, number: u32) -> Result<Found, Fault> {
        let interface = self.interface(number)?;
        let word = |at| self.endian.u32(block.bytes, at);
        let units = u64::from(word(12)) << 32 | u64::from(word(16));
        let captured = block.checked(word(20), ENHANCED_DATA)?;
        let (at, wire_len) = (interface.clock.time(units), word(24));
        Ok(Found { link: interface.link, tap: interface.tap, at, wire_len, captured, data: ENHANCED_DATA })
    }

    /// A simple packet is of interface 0, is as long as the snap length lets it, and has the time of the packet
    /// before it, for want of a better one.
    fn simple(&self, block: Block<'_>) -> Result<Found, Fault> {
        let interface = self.interface(0)?;
        let wire_len = self.endian.u32(block.bytes, 8);
        let snap_len = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
        let captured = block.checked(wire_len.min(snap_len), SIMPLE_DATA)?;
        let Interface { link, tap, .. } = *interface;
        Ok(Found { link, tap, at: self.last, wire_len, captured, data: SIMPLE_DATA })
    }

    #[inline]
    fn interface(&self, number: u32) -> Result<&Interface, Fault> {
        let beyond = || self.beyond.as_ref().filter(|_| u64::from(number) < self.described);
        let kept = self.interfaces.get(number as usize);
        kept.or_else(beyond).ok_or(Fault::Flaw(Flaw::UnknownInterface(number)))
    }

    /// Notes a block that tells of the packets to come, or of their number. Gives until when nothing more was seen.
    fn note(&mut self, kind: u32, block: Block<'_>, taps: &mut Taps) -> Result<Option<Timestamp>, Fault> {
        match kind {
            SECTION => {
                // 1.2 was written by some tools, and is 1.0.
                if !matches!((self.endian.u16(block.bytes, 12), self.endian.u16(block.bytes, 14)), (1, 0 | 2)) {
                    return Err(Flaw::Version.into());
                }
                self.interfaces.clear();
                self.described = 0;
                self.beyond = None;
            }
            INTERFACE => self.add_interface(block, taps),
            _ => {
                if let Ok(interface) = self.interface(self.endian.u32(block.bytes, 8)) {
                    block.drops().into_iter().for_each(|drops| taps.set_drops(interface.tap, drops));
                    return Ok(block.end_time(interface.clock).filter(|until| *until > self.last));
                }
            }
        }
        Ok(None)
    }

    fn add_interface(&mut self, block: Block<'_>, taps: &mut Taps) {
        let link = LinkType(self.endian.u16(block.bytes, 8));
        let mut tap = Tap { interface: String::new(), network: None, namespace: None, link, aside: None };
        let (mut resolution, mut offset, mut notes) = (6, 0, Notes::default());
        for (code, value) in block.options(16) {
            match (code, value) {
                (options::COMMENT, _) => match Comment::parse(value) {
                    Comment::Tap(TapComment { network, namespace, aside: is_aside, filtered }) => {
                        (tap.network, tap.namespace) = (network, namespace);
                        tap.aside = is_aside.then_some(Aside { is_filtered: filtered });
                    }
                    Comment::Version(version) => taps.set_newer(version),
                    Comment::Other => {}
                },
                (options::IF_NAME, _) => tap.interface = options::text(value),
                (options::IF_DESCRIPTION, _) => notes.description = options::text(value),
                (options::IF_FILTER, _) => notes.filter = options::filter(value),
                (options::IF_TSRESOL, [power]) => resolution = *power,
                (options::IF_TSOFFSET, [_, _, _, _, _, _, _, _]) => {
                    offset = self.endian.u64(value, 0).cast_signed();
                }
                _ => {}
            }
        }
        self.described += 1;
        if self.beyond.is_some() {
            taps.share();
            return;
        }
        let clock = Clock::new(resolution, offset);
        let snap_len = self.endian.u32(block.bytes, 12);
        let interface = Interface { tap: taps.add(tap, snap_len, notes), link, snap_len, clock };
        if self.interfaces.len() < MAX_INTERFACES - 1 {
            self.interfaces.push(interface);
        } else {
            self.beyond = Some(interface);
        }
    }
}

impl<'a> Block<'a> {
    fn body(self) -> &'a [u8] {
        self.bytes.get(HEAD..).unwrap_or_default()
    }

    fn options(self, at: usize) -> Items<'a> {
        Items::new(self.bytes.get(at..).unwrap_or_default(), self.endian)
    }

    /// The captured length, if the packet at `data` is within the block and believable.
    #[inline]
    fn checked(self, captured: u32, data: usize) -> Result<u32, Fault> {
        if captured as usize > self.bytes.len().saturating_sub(data) {
            return Err(Flaw::BeyondBlock.into());
        }
        if captured > MAX_PACKET { Err(Flaw::PacketTooLong(captured).into()) } else { Ok(captured) }
    }

    /// Until when the interface of a statistics block was captured on, if it tells.
    fn end_time(self, clock: Clock) -> Option<Timestamp> {
        let (_, value) = self.options(20).find(|(code, value)| *code == options::ISB_ENDTIME && value.len() == 8)?;
        Some(clock.time(u64::from(self.endian.u32(value, 0)) << 32 | u64::from(self.endian.u32(value, 4))))
    }

    /// The drops of a statistics block, if it tells of any.
    fn drops(self) -> Option<Drops> {
        let mut drops = None;
        for (code, value) in self.options(20) {
            if value.len() == 8 {
                let count = self.endian.u64(value, 0);
                match code {
                    options::ISB_IFDROP => drops.get_or_insert_with(Drops::default).interface = count,
                    options::ISB_OSDROP => drops.get_or_insert_with(Drops::default).kernel = count,
                    _ => {}
                }
            }
        }
        drops
    }
}

/// The length of a block with an empty variable part, in bytes.
#[inline]
fn fixed_part(kind: u32) -> u32 {
    match kind {
        SECTION => 28,
        INTERFACE => 20,
        SIMPLE => 16,
        STATISTICS => 24,
        NAMES => 12,
        _ => 32,
    }
}
