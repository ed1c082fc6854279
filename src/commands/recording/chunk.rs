//! From a tap's thread to the one that writes: packets as blocks of the file, a chunk at a time.

use std::time::Duration;

use crossbeam_channel::Sender;

use crate::capture::write::blocks;
use crate::capture::{Drops, Frame, TapId};
use crate::time::Timestamp;

/// A chunk is sent on when it has so many bytes, or when the tap's ring is empty.
const CHUNK: usize = 64 * 1024;
/// In which time of the packets it is asked once what was dropped: libpcap opens and reads two files for that.
const ASKING: Duration = Duration::from_millis(100);

/// What a tap's thread sends.
#[derive(Debug)]
pub(in crate::commands) enum FromTap {
    /// Packets, in the order in which they were read.
    Packets(Chunk),
    /// There are no more.
    Ended { tap: TapId, drops: Drops, at: Timestamp },
}

/// Packets of one tap, as blocks whose interface is not known yet.
#[derive(Debug)]
pub(in crate::commands) struct Chunk {
    pub tap: TapId,
    pub blocks: Vec<u8>,
    pub heads: Vec<Head>,
    /// What was dropped on the tap, as it was known then.
    pub drops: Drops,
}

/// When a packet was seen, and where its block ends in the chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Head {
    pub at: Timestamp,
    pub end: usize,
}

/// Where a tap's thread puts its packets. When the writer is behind, it waits: the ring goes on holding packets, and what
/// does not fit there is dropped and counted by the kernel, in one place.
#[derive(Debug)]
pub(in crate::commands) struct Recorder {
    tap: TapId,
    /// Gone once nobody writes any more.
    sender: Option<Sender<FromTap>>,
    blocks: Vec<u8>,
    heads: Vec<Head>,
    drops: Drops,
    /// The time of the packet with which it was asked for the drops last.
    asked: Timestamp,
}

impl Recorder {
    pub fn new(tap: TapId, sender: Sender<FromTap>) -> Self {
        let (blocks, heads) = (Vec::new(), Vec::new());
        Self { tap, sender: Some(sender), blocks, heads, drops: Drops::default(), asked: Timestamp::ZERO }
    }

    /// Takes a packet.
    #[inline]
    pub fn push(&mut self, frame: &Frame<'_>) {
        if self.sender.is_some() {
            blocks::packet(&mut self.blocks, 0, frame);
            self.heads.push(Head { at: frame.at, end: self.blocks.len() });
        }
    }

    /// Whether it is enough to be sent, also while more comes.
    pub const fn is_full(&self) -> bool {
        self.blocks.len() >= CHUNK
    }

    /// Whether there is something to send.
    pub fn has_packets(&self) -> bool {
        !self.heads.is_empty()
    }

    /// Sends what there is. `drops` tells what was dropped until now; it is asked when that is due.
    pub fn send(&mut self, drops: impl FnOnce() -> Drops) {
        let last = self.heads.last().map_or(self.asked, |head| head.at);
        // Also after the clock was set back.
        if !(self.asked..self.asked + ASKING).contains(&last) {
            self.drops = drops();
            self.asked = last;
        }
        // As much room as it took is what it will take.
        let (bytes, count) = (self.blocks.len(), self.heads.len());
        let blocks = std::mem::replace(&mut self.blocks, Vec::with_capacity(bytes));
        let heads = std::mem::replace(&mut self.heads, Vec::with_capacity(count));
        self.tell(FromTap::Packets(Chunk { tap: self.tap, blocks, heads, drops: self.drops }));
    }

    /// No more packets will come. What is left is sent.
    pub fn end(mut self, drops: Drops, at: Timestamp) {
        if self.has_packets() {
            self.send(|| drops);
        }
        self.tell(FromTap::Ended { tap: self.tap, drops, at });
    }

    fn tell(&mut self, message: FromTap) {
        if self.sender.as_ref().is_some_and(|sender| sender.send(message).is_err()) {
            self.sender = None;
            self.blocks.clear();
            self.heads.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;
    use crate::capture::LinkType;

    #[test]
    fn what_was_dropped_is_asked_now_and_then_and_at_the_end() {
        let (sender, sent) = unbounded();
        let mut recorder = Recorder::new(TapId(1), sender);
        let drops = |kernel| Drops { kernel, interface: 0 };
        for (asked, millis) in [1000, 1050, 1099, 1100, 1150, 900].into_iter().enumerate() {
            let (at, link) = (Timestamp::from_nanos(millis * 1_000_000), LinkType::ETHERNET);
            recorder.push(&Frame { number: 1, at, wire_len: 60, bytes: b"bytes", link, tap: TapId(1) });
            recorder.send(|| drops(asked as u64));
        }
        recorder.end(drops(9), Timestamp::ZERO);
        let told = |message| match message {
            FromTap::Packets(Chunk { drops, .. }) | FromTap::Ended { drops, .. } => drops.kernel,
        };
        assert_eq!(sent.iter().map(told).collect::<Vec<_>>(), [0, 0, 0, 3, 3, 5, 9]);
    }
}
