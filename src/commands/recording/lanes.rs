//! The packets of several taps in one order of time.
//!
//! Each tap has its own ring, and gives packets up to some milliseconds after they were seen. So they are held back for
//! [`HOLD`]: long enough for every tap, and for the daemon to say who is who, so that names stand in the file before the
//! first packet that needs them. A tap's own order is kept.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use super::chunk::{Chunk, Head};
use crate::capture::TapId;
use crate::time::Timestamp;

/// How long packets are held back: as long as a line waits for a name.
pub(super) const HOLD: Duration = Duration::from_millis(500);
/// Bytes that are held back at most; beyond it the earliest are written though others may still come.
const MAX_HELD: usize = 32 << 20;
/// Bytes held for a tap of which nobody has said yet what it is; more of it are dropped.
const MAX_UNKNOWN: usize = 1 << 20;

/// The taps, and what waits to be written of each.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    by_tap: HashMap<TapId, Lane>,
    held: usize,
    /// Packets may be written: until then nobody has been told of any tap, and no tap's packets are dropped.
    has_begun: bool,
    /// Packets of unknown taps that found no room.
    lost: u64,
}

#[derive(Debug, Default)]
struct Lane {
    chunks: VecDeque<Chunk>,
    /// The packet to write next, in the first chunk.
    next: usize,
    is_known: bool,
    held: usize,
}

impl Lane {
    fn first(&self) -> Option<Head> {
        self.chunks.front()?.heads.get(self.next).copied()
    }

    /// The next packet's block, and when it was seen.
    fn take(&mut self) -> Option<(Timestamp, &mut [u8])> {
        let chunk = self.chunks.front_mut()?;
        let start = self.next.checked_sub(1).and_then(|before| chunk.heads.get(before)).map_or(0, |head| head.end);
        let Head { at, end } = *chunk.heads.get(self.next)?;
        self.next += 1;
        Some((at, chunk.blocks.get_mut(start..end)?))
    }

    /// Drops the first chunk once all of it was taken. Gives the bytes that it had.
    fn drop_spent(&mut self) -> usize {
        if self.chunks.front().is_none_or(|chunk| self.next < chunk.heads.len()) {
            return 0;
        }
        self.next = 0;
        let freed = self.chunks.pop_front().map_or(0, |chunk| chunk.blocks.len());
        self.held -= freed.min(self.held);
        freed
    }
}

impl Lanes {
    /// From now on packets are written.
    pub const fn begin(&mut self) {
        self.has_begun = true;
    }

    /// Whether so much waits for the beginning that more has to wait elsewhere.
    pub const fn is_full(&self) -> bool {
        !self.has_begun && self.held >= MAX_HELD
    }

    /// Takes in packets.
    pub fn push(&mut self, chunk: Chunk) {
        let lane = self.by_tap.entry(chunk.tap).or_default();
        let size = chunk.blocks.len();
        if self.has_begun && !lane.is_known && lane.held + size > MAX_UNKNOWN {
            self.lost += chunk.heads.len() as u64;
            return;
        }
        lane.held += size;
        self.held += size;
        lane.chunks.push_back(chunk);
    }

    /// It is known what a tap is: its packets may be written.
    pub fn know(&mut self, tap: TapId) {
        self.by_tap.entry(tap).or_default().is_known = true;
    }

    /// Nobody wants a tap's packets, or there are no more.
    pub fn forget(&mut self, tap: TapId) {
        if let Some(lane) = self.by_tap.remove(&tap) {
            self.held -= lane.held.min(self.held);
        }
    }

    /// Whether packets of a tap wait to be written.
    pub fn has(&self, tap: TapId) -> bool {
        self.by_tap.get(&tap).is_some_and(|lane| !lane.chunks.is_empty())
    }

    /// Packets that were dropped.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Gives what was seen until `until`, in the order of time, and more where too much is held. What is from much later was
    /// seen before the clock was set back, and goes too: else it would keep back all that its tap sees.
    pub fn release<E>(
        &mut self,
        until: Timestamp,
        mut write: impl FnMut(TapId, Timestamp, &mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.has_begun {
            return Ok(());
        }
        let future = until + 2 * HOLD;
        let waits = |at: Timestamp, held: usize| at > until && at <= future && held <= MAX_HELD;
        let known = self.by_tap.iter().filter(|(_, lane)| lane.is_known);
        let mut heads: BinaryHeap<_> =
            known.filter_map(|(tap, lane)| Some(Reverse((lane.first()?.at, *tap)))).collect();
        while let Some(Reverse((first, tap))) = heads.pop() {
            if waits(first, self.held) {
                continue;
            }
            let Some(lane) = self.by_tap.get_mut(&tap) else { continue };
            // Until another tap's packet is earlier: mostly a whole chunk at a time.
            let other = heads.peek().map_or(Timestamp::MAX, |Reverse((at, _))| *at);
            while let Some(head) = lane.first() {
                if head.at > other || waits(head.at, self.held) {
                    break;
                }
                if let Some((at, block)) = lane.take() {
                    write(tap, at, block)?;
                }
                self.held -= lane.drop_spent().min(self.held);
            }
            if let Some(head) = lane.first() {
                heads.push(Reverse((head.at, tap)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Drops;

    const A: TapId = TapId(1);
    const B: TapId = TapId(2);

    /// Packets of one byte each: the time at which they were seen.
    fn chunk(tap: TapId, times: &[u8]) -> Chunk {
        let head = |(nth, at): (usize, &u8)| Head { at: Timestamp::from_nanos(u64::from(*at)), end: nth + 1 };
        Chunk {
            tap,
            blocks: times.to_vec(),
            heads: times.iter().enumerate().map(head).collect(),
            drops: Drops::default(),
        }
    }

    fn begun() -> Lanes {
        let mut lanes = Lanes::default();
        lanes.begin();
        lanes
    }

    fn released(lanes: &mut Lanes, until: u64) -> Vec<u8> {
        let mut written = Vec::new();
        let write = |_, at: Timestamp, block: &mut [u8]| {
            assert_eq!((block.len(), u64::from(block[0])), (1, at.as_nanos()));
            written.push(block[0]);
            Ok::<_, ()>(())
        };
        lanes.release(Timestamp::from_nanos(until), write).unwrap();
        written
    }

    #[test]
    fn packets_of_all_taps_are_in_the_order_of_time() {
        let mut lanes = begun();
        lanes.know(A);
        lanes.know(B);
        lanes.push(chunk(A, &[1, 4, 5]));
        lanes.push(chunk(B, &[2, 3, 6]));
        lanes.push(chunk(A, &[7]));
        assert_eq!(released(&mut lanes, 4), [1, 2, 3, 4]);
        assert!(released(&mut lanes, 4).is_empty());
        lanes.push(chunk(B, &[8]));
        assert_eq!(released(&mut lanes, 100), [5, 6, 7, 8]);
        assert!(!lanes.has(A) && lanes.held == 0);
    }

    #[test]
    fn a_tap_keeps_its_own_order() {
        let mut lanes = begun();
        lanes.know(A);
        lanes.push(chunk(A, &[5, 3, 4]));
        assert_eq!(released(&mut lanes, 100), [5, 3, 4]);
    }

    #[test]
    fn what_a_tap_has_seen_waits_until_it_is_known() {
        let mut lanes = begun();
        lanes.know(A);
        lanes.push(chunk(B, &[1]));
        lanes.push(chunk(A, &[2]));
        assert_eq!(released(&mut lanes, 100), [2]);
        lanes.know(B);
        assert_eq!(released(&mut lanes, 100), [1]);
        lanes.push(chunk(TapId(3), &[9]));
        lanes.forget(TapId(3));
        assert_eq!((lanes.held, released(&mut lanes, 100)), (0, vec![]));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut lanes = begun();
        let large = |tap, at: u8| {
            let heads = vec![Head { at: Timestamp::from_nanos(u64::from(at)), end: 1 << 20 }];
            Chunk { tap, blocks: vec![at; 1 << 20], heads, drops: Drops::default() }
        };
        lanes.push(large(B, 1));
        lanes.push(large(B, 2));
        assert_eq!(lanes.lost(), 1);
        lanes.know(A);
        for at in 0..40 {
            lanes.push(large(A, at));
        }
        let mut written = Vec::new();
        let write = |_, at: Timestamp, _: &mut [u8]| {
            written.push(at.as_nanos());
            Ok::<_, ()>(())
        };
        lanes.release(Timestamp::ZERO, write).unwrap();
        assert_eq!(written, (0..9).collect::<Vec<_>>(), "32 of 41 MiB stay, and what is due goes");
        assert!(lanes.held <= MAX_HELD);
    }

    #[test]
    fn nothing_goes_or_is_dropped_before_the_beginning() {
        let mut lanes = Lanes::default();
        let large = vec![Head { at: Timestamp::from_nanos(1), end: MAX_HELD }];
        lanes.push(chunk(A, &[1]));
        lanes.know(A);
        assert!(released(&mut lanes, 100).is_empty() && !lanes.is_full());
        lanes.push(Chunk { tap: B, blocks: vec![1; MAX_HELD], heads: large, drops: Drops::default() });
        assert!(lanes.is_full() && lanes.lost() == 0, "the tap waits");
        lanes.begin();
        assert_eq!((released(&mut lanes, 100), lanes.is_full()), (vec![1], false));
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nothing_back() {
        let mut lanes = begun();
        lanes.know(A);
        lanes.know(B);
        let head = |at: u64, end| Head { at: Timestamp::from_parts(at, 0), end };
        let before = vec![head(7200, 1), head(3600, 2)];
        lanes.push(Chunk { tap: A, blocks: vec![0; 2], heads: before, drops: Drops::default() });
        let other = vec![head(3601, 1)];
        lanes.push(Chunk { tap: B, blocks: vec![0], heads: other, drops: Drops::default() });
        let mut written = Vec::new();
        let write = |_, at: Timestamp, _: &mut [u8]| {
            written.push(at.as_nanos() / 1_000_000_000);
            Ok::<_, ()>(())
        };
        lanes.release(Timestamp::from_parts(3600, 0), write).unwrap();
        assert_eq!(written, [7200, 3600], "though what the other tap saw is not due yet");
        assert!(!lanes.has(A) && lanes.has(B));
    }
}
