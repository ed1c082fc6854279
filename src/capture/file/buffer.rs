//! The one buffer through which a capture file is read.
//!
//! `read(2)` into a buffer that stays in the second-level cache is faster than mapping the file, keeps memory constant
//! and works on a pipe. A record is lent from the buffer; only the part of a record that the end of the buffer cuts is
//! moved.

use std::io::{self, Read};
use std::ops::Range;

use super::input::Input;

/// The size of the buffer in bytes. From 64 to 256 KiB is fastest; 4 MiB and more cost a fifth, being out of cache.
pub(super) const CAPACITY: usize = 256 * 1024;

/// Bytes read ahead of an [`Input`].
pub(super) struct Buffer {
    input: Input,
    bytes: Vec<u8>,
    /// Where the next record begins in `bytes`; never beyond `end`.
    start: usize,
    /// How far `bytes` are read; never beyond their length.
    end: usize,
    /// The offset of `bytes[0]` in the decompressed file.
    base: u64,
    /// The offset in the decompressed file where the current record begins.
    mark: u64,
    /// The input gave no bytes once; it is not asked again.
    ended: bool,
}

impl Buffer {
    pub(super) fn new(input: Input, capacity: usize) -> Self {
        Self { input, bytes: vec![0; capacity.max(1)], start: 0, end: 0, base: 0, mark: 0, ended: false }
    }

    /// The same input through gzip, from its beginning. Only sound before anything was consumed.
    pub(super) fn into_gzip(self) -> Self {
        let head = self.available().to_vec();
        Self::new(self.input.into_gzip(head), self.bytes.len())
    }

    pub(super) fn input(&self) -> &Input {
        &self.input
    }

    /// What is read and not consumed.
    #[inline]
    pub(super) fn available(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The bytes that [`Buffer::consume`] lent, or nothing if the range is not one of them.
    #[inline]
    pub(super) fn lent(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Reads until `want` bytes are available; false where the input ends before. Reads no more often than it must: on
    /// a pipe, bytes that have arrived are never held back to wait for others.
    ///
    /// # Errors
    /// Those of the reader. After `WouldBlock` nothing is lost, and the same may be asked again.
    #[inline]
    pub(super) fn fill(&mut self, want: usize) -> io::Result<bool> {
        if self.end - self.start >= want {
            return Ok(true);
        }
        self.refill(want)
    }

    #[cold]
    fn refill(&mut self, want: usize) -> io::Result<bool> {
        while self.end - self.start < want {
            if self.ended {
                return Ok(false);
            }
            self.make_room(want);
            let read = self.input.read(self.bytes.get_mut(self.end..).unwrap_or_default())?;
            self.ended = read == 0;
            self.end += read;
        }
        Ok(true)
    }

    /// Leaves at least one free byte behind `end`. Grows only when full, to twice the size at most: a claimed length
    /// costs no memory before its bytes are there.
    fn make_room(&mut self, want: usize) {
        if self.start > 0 && self.bytes.len() - self.end < self.bytes.len() / 2 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() {
            let grown = self.bytes.len().saturating_mul(2).min(want.max(self.bytes.len() + 1));
            self.bytes.resize(grown, 0);
        }
    }

    /// Begins a record here, for messages.
    #[inline]
    pub(super) fn set_mark(&mut self) {
        self.mark = self.base + self.start as u64;
    }

    /// The offset in the decompressed file where the current record begins.
    pub(super) fn mark(&self) -> u64 {
        self.mark
    }

    /// Goes on by `record` bytes, of which those of `part` (offsets in the record) are lent until the next fill. The
    /// result is what [`Buffer::lent`] takes.
    #[inline]
    pub(super) fn consume(&mut self, record: usize, part: Range<usize>) -> Range<usize> {
        let lent = self.start.saturating_add(part.start)..self.start.saturating_add(part.end);
        self.start = self.start.saturating_add(record).min(self.end);
        lent
    }

    /// Goes on by `count` bytes without keeping them; false where the input ends before.
    pub(super) fn skip(&mut self, mut count: u64) -> io::Result<bool> {
        loop {
            let here = usize::try_from(count).unwrap_or(usize::MAX).min(self.end - self.start);
            self.start += here;
            count -= here as u64;
            if count == 0 {
                return Ok(true);
            }
            if !self.fill_behind(1)? {
                return Ok(false);
            }
        }
    }

    /// As [`Buffer::fill`], but waits while the reader would block: for what stands behind bytes that were passed over,
    /// which cannot be begun anew.
    pub(super) fn fill_behind(&mut self, want: usize) -> io::Result<bool> {
        loop {
            match self.fill(want) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                filled => return filled,
            }
        }
    }

    /// How much memory it takes, in bytes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the file ends here as it should: nothing is left and no compressed data is missing.
    pub(super) fn ends_cleanly(&self) -> bool {
        self.start == self.end && !self.input.is_cut()
    }
}
