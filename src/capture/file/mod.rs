//! Capture files: pcap and pcapng, gzipped or not, from a file or a pipe.
//!
//! Memory stays constant however long the file is, nothing is allocated for a packet, and its bytes are not copied:
//! a frame borrows from the one buffer that the file is read through. What a file is, its first bytes tell, not its
//! name. This room does not decode frames and does not follow a file that still grows: the end is the end. A reader may
//! say `WouldBlock`: then the source is idle, and goes on where it was.

mod buffer;
mod bytes;
mod clock;
mod input;
mod merge;
mod names;
mod options;
mod pcap;
mod pcapng;
mod recognise;
mod taps;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use self::buffer::Buffer;
use self::input::{Counted, Input};
use self::pcap::Pcap;
use self::pcapng::Pcapng;
use self::recognise::{Kind, MAGIC_LEN, Refused, recognise};
use self::taps::Taps;
use super::error::Flaw;
use super::{Drops, Error, Frame, LinkType, NameBlock, Next, Source, Tap, TapId};
use crate::time::Timestamp;

pub use self::merge::Merged;
pub use self::taps::MAX_TAPS;

/// The most captured bytes that a packet is believed to have.
///
/// tcpdump stops at 262,144; captures of segments that the network card was to divide (BIG TCP) have up to half a
/// megabyte. Beyond this a length is damage.
pub const MAX_PACKET: u32 = 16 * 1024 * 1024;

/// The most bytes of a pcapng block that is read whole: the largest packet with options of 128 KiB. Blocks of unknown
/// types are passed over at any length.
pub const MAX_BLOCK: u32 = MAX_PACKET + 128 * 1024;

/// A capture file that is being read.
pub struct FileSource {
    name: String,
    buffer: Buffer,
    format: Format,
    taps: Taps,
    /// How many packets were read.
    packets: u64,
    /// What was read ahead to learn its time.
    head: Option<Item>,
    /// The time of the latest packet.
    last: Timestamp,
    done: bool,
    size: Option<u64>,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl Format {
    #[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
    #[inline(always)]
    fn usual(&mut self, bytes: &[u8]) -> Option<Usual> {
        match self {
            Self::Pcap(format) => format.usual(bytes),
            Self::Pcapng(format) => format.usual(bytes),
        }
    }
}

/// What a format reader found next.
enum Item {
    Packet(Record),
    Names(NameBlock),
    /// The capture went on until then, and no more was seen.
    Until(Timestamp),
    /// A pipe is silent.
    Idle,
    End,
}

/// A packet whose bytes are in the buffer until the next fill.
struct Record {
    number: u64,
    at: Timestamp,
    wire_len: u32,
    link: LinkType,
    tap: TapId,
    /// Where the bytes are, for [`Buffer::lent`].
    lent: Range<usize>,
}

/// So many packets are lent at once. What they need can be fetched from memory while they wait for each other.
pub const BATCH: usize = 16;

/// A packet that lies whole in the bytes that were read, as a format reader finds it there.
struct Usual {
    at: Timestamp,
    wire_len: u32,
    link: LinkType,
    tap: TapId,
    /// Where its bytes are, from the beginning of its record on.
    data: Range<usize>,
    /// How long the record is.
    length: usize,
}

/// Why a format reader stopped. [`FileSource`] adds the name and the place.
enum Fault {
    Cut,
    Flaw(Flaw),
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Flaw> for Fault {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl FileSource {
    /// Opens a capture file. Reads no more than its first bytes, to recognise it.
    ///
    /// `first_tap` is the number of the file's first tap; it uses no more than [`MAX_TAPS`] from there.
    pub fn open(path: &Path, first_tap: u32) -> Result<Self, Error> {
        let opening = |error| Error::opening(path, error);
        let file = File::open(path).map_err(opening)?;
        let metadata = file.metadata().map_err(opening)?;
        if metadata.is_dir() {
            return Err(Error::IsDirectory { path: path.to_owned() });
        }
        let mut source = Self::from_reader(Box::new(file), &path.to_string_lossy(), first_tap)?;
        // A pipe with a name has a length of 0.
        source.size = metadata.is_file().then_some(metadata.len());
        Ok(source)
    }

    /// Reads a capture from `reader`, called `name` in messages. Waits for its first bytes, but for no more than are
    /// needed to recognise it.
    pub fn from_reader(reader: Box<dyn Read + Send>, name: &str, first_tap: u32) -> Result<Self, Error> {
        Self::with_capacity(reader, name, first_tap, buffer::CAPACITY)
    }

    fn with_capacity(reader: Box<dyn Read + Send>, name: &str, first_tap: u32, capacity: usize) -> Result<Self, Error> {
        let mut buffer = Buffer::new(Input::Plain(Counted::new(reader)), capacity);
        let mut kind = kind_of(&mut buffer, name)?;
        if kind == Kind::Gzip {
            buffer = buffer.into_gzip();
            kind = kind_of(&mut buffer, name)?;
        }
        let format = match kind {
            Kind::Pcap(endian, variant) => Format::Pcap(Pcap::new(endian, variant)),
            Kind::Pcapng => Format::Pcapng(Pcapng::new()),
            Kind::Gzip => {
                let looks = super::error::Looks::Compressed("gzip");
                return Err(Error::NotACapture { name: name.to_owned(), looks });
            }
        };
        Ok(Self {
            name: name.to_owned(),
            buffer,
            format,
            taps: Taps::new(first_tap),
            packets: 0,
            head: None,
            last: Timestamp::ZERO,
            done: false,
            size: None,
        })
    }

    /// Tells no more interfaces apart than that, instead of [`MAX_TAPS`]. To be said before the file is read.
    pub fn set_most_taps(&mut self, most: u32) {
        self.taps.set_most(most);
    }

    /// The path as it was given, or the name that stands for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes of the file were read, compressed as they are.
    pub fn position(&self) -> u64 {
        self.buffer.input().position()
    }

    /// The length of the file in bytes, compressed as it is; `None` for a pipe.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The drops that the statistics blocks read so far tell of, over all taps. `None` where there is none, and in
    /// every pcap file.
    pub fn drops(&self) -> Option<Drops> {
        self.taps.drops()
    }

    /// The version in which the file says what its taps are, where that is one that cannot be read.
    pub fn newer_taps(&self) -> Option<u32> {
        self.taps.newer()
    }

    /// How many interfaces had to share the last tap, there being more than [`MAX_TAPS`].
    pub fn interfaces_sharing_a_tap(&self) -> u64 {
        self.taps.sharing()
    }

    /// How many of its interfaces lost their names, there being too many that are too long.
    pub fn nameless_interfaces(&self) -> u64 {
        self.taps.nameless()
    }

    /// The time by which the next record is to be ordered: its own, or for names, which have none, that of the packet
    /// before. `None` at the end. Reads on as far as needed and keeps the record for [`Source::next`].
    pub fn peek_time(&mut self) -> Result<Option<Timestamp>, Error> {
        while self.head.is_none() {
            self.head = Some(self.read_item()?).filter(|item| !matches!(item, Item::Idle));
        }
        Ok(match &self.head {
            Some(Item::Packet(record)) => Some(record.at),
            Some(Item::Names(_)) => Some(self.last),
            Some(Item::Until(at)) => Some(*at),
            Some(Item::End | Item::Idle) | None => None,
        })
    }

    /// Keeps what comes next for [`Source::next`], be it a pipe's silence.
    fn read_ahead(&mut self) -> Result<(), Error> {
        if self.head.is_none() {
            self.head = Some(self.read_item()?);
        }
        Ok(())
    }

    /// The next packet, where reading it takes nothing but looking at the buffer.
    #[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
    #[inline(always)]
    fn read_quickly(&mut self) -> Option<Record> {
        if self.head.is_some() || self.done {
            return None;
        }
        let Usual { at, wire_len, link, tap, data, length } = self.format.usual(self.buffer.available())?;
        self.buffer.set_mark();
        let lent = self.buffer.consume(length, data);
        (self.packets, self.last) = (self.packets + 1, at);
        Some(Record { number: self.packets, at, wire_len, link, tap, lent })
    }

    /// Lends packets that lie whole in the buffer, in their order and at most [`BATCH`] at once, until `take` does not take
    /// all of them. How many it takes is what it returns. The first that it does not, or one that is not as nearly all
    /// are, is what [`Source::next`] gives next.
    #[inline]
    pub fn each_buffered(&mut self, mut take: impl FnMut(&[Frame<'_>]) -> usize) {
        let Self { buffer, format, packets, last, head: None, done: false, .. } = self else { return };
        let bytes = buffer.available();
        let mut from = 0;
        let (mut frames, mut ends) = ([Frame::EMPTY; BATCH], [0; BATCH]);
        loop {
            let (mut count, mut next) = (0, from);
            for (frame, end) in frames.iter_mut().zip(&mut ends) {
                let rest = bytes.get(next..).unwrap_or_default();
                let Some(Usual { at, wire_len, link, tap, data, length }) = format.usual(rest) else { break };
                let bytes = rest.get(data).unwrap_or_default();
                (count, next) = (count + 1, next + length);
                *frame = Frame { number: *packets + count as u64, at, wire_len, bytes, link, tap };
                *end = next;
            }
            let frames = frames.get(..count).unwrap_or_default();
            let taken = if count > 0 { take(frames).min(count) } else { 0 };
            let latest = taken.checked_sub(1).and_then(|latest| Some((frames.get(latest)?.at, *ends.get(latest)?)));
            if let Some((at, end)) = latest {
                (*packets, *last, from) = (*packets + taken as u64, at, end);
            }
            if taken < count || count < BATCH {
                break;
            }
        }
        buffer.consume(from, 0..0);
    }

    fn read_item(&mut self) -> Result<Item, Error> {
        if self.done {
            return Ok(Item::End);
        }
        let read = match &mut self.format {
            Format::Pcap(format) => format.next(&mut self.buffer, &mut self.taps),
            Format::Pcapng(format) => format.next(&mut self.buffer, &mut self.taps),
        };
        match read {
            Ok(Item::Packet(mut record)) => {
                self.packets += 1;
                record.number = self.packets;
                self.last = record.at;
                Ok(Item::Packet(record))
            }
            Ok(item @ (Item::Names(_) | Item::Until(_))) => Ok(item),
            Ok(Item::End) => {
                self.done = true;
                Ok(Item::End)
            }
            Ok(Item::Idle) => Ok(Item::Idle),
            Err(Fault::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(Item::Idle),
            Err(fault) => {
                self.done = true;
                Err(located(fault, &self.buffer, &self.name, self.packets))
            }
        }
    }
}

impl Source for FileSource {
    #[inline]
    fn next(&mut self) -> Result<Next<'_>, Error> {
        match self.read_quickly() {
            Some(record) => Ok(self.frame(record)),
            None => self.next_item(),
        }
    }

    fn tap(&self, id: TapId) -> Option<&Tap> {
        self.taps.get(id)
    }
}

impl FileSource {
    #[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
    #[inline(always)]
    fn frame(&self, record: Record) -> Next<'_> {
        let Record { number, at, wire_len, link, tap, lent } = record;
        let frame = Frame { number, at, wire_len, bytes: self.buffer.lent(lent), link, tap };
        Next::Frame(frame, self.taps.get(tap).unwrap_or(&taps::UNKNOWN))
    }

    /// What comes next, whatever it is.
    #[inline(never)]
    fn next_item(&mut self) -> Result<Next<'_>, Error> {
        let item = match self.head.take() {
            Some(item) => item,
            None => self.read_item()?,
        };
        Ok(match item {
            Item::Packet(record) => self.frame(record),
            Item::Names(names) => Next::Names(NameBlock { tap: self.taps.first(), ..names }),
            Item::Until(at) => Next::Idle(at),
            Item::Idle => Next::Idle(self.last),
            Item::End => Next::End,
        })
    }
}

/// What the file in `buffer` is, read as far as that takes.
fn kind_of(buffer: &mut Buffer, name: &str) -> Result<Kind, Error> {
    while let Err(error) = buffer.fill(MAGIC_LEN) {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(located(Fault::Io(error), buffer, name, 0));
        }
    }
    let head = buffer.available();
    if head.is_empty() && buffer.ends_cleanly() {
        return Err(Error::Empty { name: name.to_owned() });
    }
    if head.is_empty() {
        return Err(located(Fault::Cut, buffer, name, 0));
    }
    recognise(head).map_err(|refused| match refused {
        Refused::Cut => located(Fault::Cut, buffer, name, 0),
        Refused::Other(looks) => Error::NotACapture { name: name.to_owned(), looks },
    })
}

/// The error for people: what is wrong, in which file, after which packet and at which byte.
#[cold]
fn located(fault: Fault, buffer: &Buffer, name: &str, packets: u64) -> Error {
    let (name, at_byte) = (name.to_owned(), buffer.mark());
    let corrupt = |name, why| Error::Corrupt { name, packet: packets.saturating_add(1), at_byte, why };
    match fault {
        Fault::Cut => Error::Cut { name, after_packet: packets, at_byte },
        Fault::Flaw(why) => corrupt(name, why),
        Fault::Io(error) if buffer.input().is_damage(&error) => corrupt(name, Flaw::Gzip),
        Fault::Io(source) => Error::Io { name, source },
    }
}
