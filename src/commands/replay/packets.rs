//! Packets on their way from the thread that reads and decodes them to the one that follows them.

use crossbeam_channel::{Receiver, Sender};
use self_cell::self_cell;

use super::following::{Following, OwnSpot, Spot, Spots, Telling};
use crate::capture::{Error, Frame, LinkType, NameBlock, Tap, TapId};
use crate::decode::{self, Packet};
use crate::time::Timestamp;

/// Packets of a batch, and their bytes; about what fits into a second-level cache.
const MAX_PACKETS: usize = 1024;
const MAX_BYTES: usize = 256 * 1024;

/// What was read: frames whose bytes lie together, and what comes between them.
#[derive(Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    frames: Vec<Read>,
    /// What comes before the frame of that number in the batch.
    between: Vec<(usize, Between)>,
    /// What went wrong meanwhile.
    errors: Vec<Error>,
    /// How far the files were read then.
    position: Option<u64>,
}

/// A frame as it was read.
struct Read {
    number: u64,
    at: Timestamp,
    wire_len: u32,
    start: usize,
    len: usize,
}

enum Between {
    /// Packets are of this tap from here on, until another is named.
    Spot(OwnSpot),
    Undecoded(Timestamp),
    Idle(Timestamp),
    Names(Box<NameBlock>),
}

type Packets<'a> = Vec<Packet<'a>>;

self_cell!(
    /// What was read, with the packets that borrow from it.
    pub(super) struct Batch {
        owner: Chunk,
        #[covariant]
        dependent: Packets,
    }
);

impl Batch {
    /// Decodes what was read, into `room`.
    fn of(chunk: Chunk, room: Packets<'static>) -> Self {
        Self::new(chunk, |chunk| {
            let mut packets: Packets<'_> = room;
            let (mut tap, mut link) = (TapId::default(), LinkType::ETHERNET);
            let mut between = chunk.between.iter().peekable();
            for (index, read) in chunk.frames.iter().enumerate() {
                while let Some((_, what)) = between.next_if(|(before, _)| *before == index) {
                    if let Between::Spot(spot) = what {
                        (tap, link) = (spot.id, spot.link);
                    }
                }
                let bytes = chunk.bytes.get(read.start..read.start + read.len).unwrap_or_default();
                let Read { number, at, wire_len, .. } = *read;
                packets.push(decode::decode(&Frame { number, at, wire_len, bytes, link, tap }));
            }
            packets
        })
    }

    /// Its room, to be used again.
    fn emptied(mut self) -> Room {
        let packets = self.with_dependent_mut(|_, packets| {
            let mut packets = std::mem::take(packets);
            packets.clear();
            // There is none; collecting into the same room changes what they would borrow from.
            packets.into_iter().map_while(|_| None).collect()
        });
        let mut chunk = self.into_owner();
        chunk.bytes.clear();
        // A packet may have 16 MiB; the next one has not.
        chunk.bytes.shrink_to(2 * MAX_BYTES);
        chunk.frames.clear();
        chunk.between.clear();
        Room { chunk, packets }
    }
}

/// Where the next batch is put together.
#[derive(Default)]
pub(super) struct Room {
    chunk: Chunk,
    packets: Packets<'static>,
}

/// Reads packets into batches, decodes them and sends them.
pub(super) struct Reading {
    room: Room,
    to: Sender<Batch>,
    /// Batches that were followed, to be used again.
    back: Receiver<Room>,
    spots: Spots,
    is_over: bool,
}

impl Reading {
    pub fn new(to: Sender<Batch>, back: Receiver<Room>) -> Self {
        Self { room: Room::default(), to, back, spots: Spots::default(), is_over: false }
    }

    /// Whether nothing more is wanted.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes a frame.
    #[inline]
    pub fn frame(&mut self, frame: &Frame<'_>, tap: &Tap) {
        let chunk = &mut self.room.chunk;
        if let Some(spot) = self.spots.change(Spot { id: frame.tap, link: frame.link, tap }) {
            chunk.between.push((chunk.frames.len(), Between::Spot(spot)));
        }
        if decode::supports(frame.link) {
            let Frame { number, at, wire_len, bytes, .. } = *frame;
            let start = chunk.bytes.len();
            chunk.bytes.extend_from_slice(bytes);
            chunk.frames.push(Read { number, at, wire_len, start, len: bytes.len() });
        } else {
            chunk.between.push((chunk.frames.len(), Between::Undecoded(frame.at)));
        }
        self.send_full();
    }

    pub fn names(&mut self, block: NameBlock) {
        self.between(Between::Names(Box::new(block)));
    }

    pub fn idle(&mut self, at: Timestamp) {
        self.between(Between::Idle(at));
    }

    pub fn errors(&mut self, mut errors: Vec<Error>) {
        self.room.chunk.errors.append(&mut errors);
    }

    pub fn position(&mut self, bytes: u64) {
        self.room.chunk.position = Some(bytes);
    }

    fn between(&mut self, what: Between) {
        let chunk = &mut self.room.chunk;
        chunk.between.push((chunk.frames.len(), what));
        self.send_full();
    }

    #[inline]
    fn send_full(&mut self) {
        let Chunk { frames, bytes, between, .. } = &self.room.chunk;
        if frames.len() + between.len() >= MAX_PACKETS || bytes.len() >= MAX_BYTES {
            self.flush();
        }
    }

    /// Sends what there is.
    pub fn flush(&mut self) {
        let empty = self.back.try_recv().unwrap_or_default();
        let Room { chunk, packets } = std::mem::replace(&mut self.room, empty);
        self.is_over |= self.to.send(Batch::of(chunk, packets)).is_err();
        // Each batch says where its packets are from.
        self.spots.begin_anew();
    }
}

/// Follows batches as they come.
#[derive(Default)]
pub(super) struct Followed {
    spot: Option<OwnSpot>,
}

impl Followed {
    /// Follows a batch; gives its room, or nothing where no more is wanted.
    pub fn follow(&mut self, batch: Batch, following: &mut Following, to: &mut impl Telling) -> Option<Room> {
        batch.with_dependent(|chunk, packets| {
            let mut between = chunk.between.iter().peekable();
            for (index, packet) in packets.iter().enumerate() {
                while let Some((_, what)) = between.next_if(|(before, _)| *before == index) {
                    self.between(what, following, to);
                }
                self.packet(packet.at, Some(packet), following, to);
                if to.is_over() {
                    return;
                }
            }
            between.for_each(|(_, what)| self.between(what, following, to));
        });
        let mut room = batch.emptied();
        if let Some(bytes) = room.chunk.position.take() {
            to.position(bytes);
        }
        let errors = std::mem::take(&mut room.chunk.errors);
        if !errors.is_empty() {
            to.errors(errors);
        }
        (!to.is_over()).then_some(room)
    }

    #[inline]
    fn packet(&self, at: Timestamp, packet: Option<&Packet<'_>>, following: &mut Following, to: &mut impl Telling) {
        let Some(spot) = &self.spot else { return };
        following.packet(at, spot.lent(), packet, to);
        to.due(at);
    }

    fn between(&mut self, what: &Between, following: &mut Following, to: &mut impl Telling) {
        match what {
            Between::Spot(spot) => self.spot = Some(spot.clone()),
            Between::Undecoded(at) => self.packet(*at, None, following, to),
            Between::Idle(at) => following.idle(*at, to),
            Between::Names(block) => to.names(block),
        }
    }
}
