//! The file that is being written: its interfaces, and the blocks that are not on the disk yet.

use std::collections::HashMap;

use crate::capture::write::blocks::{self, Statistics};
use crate::capture::write::{Interface, OutputFile};
use crate::capture::{Drops, TapId};
use crate::time::Timestamp;

/// A tap whose packets are written.
pub(super) struct OpenTap {
    pub interface: Interface,
    pub started: Timestamp,
    pub drops: Drops,
    /// When it ended; what it has seen may still wait.
    pub ended: Option<Timestamp>,
}

/// The file that is being written.
pub(super) struct CurrentFile {
    pub output: OutputFile,
    /// Whole blocks that are not written yet, and how many packets are among them.
    pub buffer: Vec<u8>,
    pub buffered: u64,
    /// When the next file is to begin.
    pub until: Timestamp,
    /// By the tap, what stands in this file.
    pub interfaces: HashMap<TapId, InFile>,
    /// How many interfaces it describes.
    pub described: u32,
    pub packets: u64,
    /// How long it was before its first packet.
    pub beginning: u64,
}

/// An interface as it stands in the file.
#[derive(Clone, Copy)]
pub(super) struct InFile {
    pub number: u32,
    pub packets: u64,
    pub started: Timestamp,
    /// The drops of the tap when the file began.
    pub before: Drops,
}

impl CurrentFile {
    pub fn len(&self) -> u64 {
        self.output.len() + self.buffer.len() as u64
    }

    pub fn describe(&mut self, id: TapId, interface: &Interface, started: Timestamp, before: Drops) {
        let number = self.described;
        self.described += 1;
        blocks::interface(&mut self.buffer, interface);
        self.interfaces.insert(id, InFile { number, packets: 0, started, before });
    }

    /// Writes the statistics of an interface.
    pub fn end_interface(&mut self, id: TapId, tap: Option<&OpenTap>, at: Timestamp) {
        let Some(InFile { number, packets, started, before }) = self.interfaces.remove(&id) else { return };
        let drops = tap.map_or(before, |tap| tap.drops);
        let statistics = Statistics {
            started,
            ended: tap.and_then(|tap| tap.ended).unwrap_or(at),
            packets,
            drops: Some(Drops {
                kernel: drops.kernel.saturating_sub(before.kernel),
                interface: drops.interface.saturating_sub(before.interface),
            }),
        };
        blocks::statistics(&mut self.buffer, number, &statistics);
    }
}

/// How many packets are among the first `written` bytes of blocks.
pub(super) fn packets_in(mut blocks: &[u8], written: u64) -> u64 {
    let mut left = usize::try_from(written).unwrap_or(usize::MAX);
    let mut packets = 0;
    while let Some((kind, rest)) = blocks.split_first_chunk::<4>()
        && let Some(length) = rest.first_chunk::<4>().map(|length| u32::from_le_bytes(*length) as usize)
        && length > 0
        && length <= left
    {
        packets += u64::from(u32::from_le_bytes(*kind) == blocks::PACKET);
        left -= length;
        blocks = blocks.get(length..).unwrap_or_default();
    }
    packets
}
