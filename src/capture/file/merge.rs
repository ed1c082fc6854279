//! Several capture files as one, in the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{FileSource, MAX_TAPS, taps};
use crate::capture::write::Interface;
use crate::capture::{Drops, Error, Frame, Next, Source, Tap, TapId};
use crate::time::Timestamp;

/// Capture files read together: always the packet that is earliest of those that come next in each file.
///
/// A file keeps its own order, even where its times step back. Frame numbers stay those of each file, and so tell a
/// packet only together with [`Merged::file_of`]. A file that fails does not end the others: [`Source::next`] never
/// fails, and what went wrong is in [`Merged::take_errors`] at the end. One file alone is passed through.
pub struct Merged {
    files: Vec<FileSource>,
    /// The times of what comes next in each file, the earliest first; of equal ones, the file that was named first.
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// The files whose next time is not known.
    unread: Vec<usize>,
    errors: Vec<Error>,
}

impl Merged {
    /// Reads `files` together; none of them may have been read from. Their taps are numbered anew: the taps of file k
    /// (from 0) are k × [`MAX_TAPS`] and up, which is unique for up to 65,536 files.
    pub fn new(mut files: Vec<FileSource>) -> Self {
        if files.len() > 1 {
            for (index, file) in files.iter_mut().enumerate() {
                file.taps.set_first((index as u32).wrapping_mul(MAX_TAPS));
            }
        } else if let Some(file) = files.first_mut() {
            file.taps.set_first(0);
        }
        let unread = (0..files.len()).rev().collect();
        Self { files, heads: BinaryHeap::new(), unread, errors: Vec::new() }
    }

    /// What went wrong so far, in the order it was met; each error is given once.
    pub fn take_errors(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.errors)
    }

    /// The name of the file that a tap is of; empty for a tap that no file has.
    pub fn file_of(&self, tap: TapId) -> &str {
        self.file(tap).map_or("", FileSource::name)
    }

    /// The files, in the order they were given.
    pub fn files(&self) -> &[FileSource] {
        &self.files
    }

    /// How many bytes of all files were read, compressed as they are.
    pub fn position(&self) -> u64 {
        self.files.iter().map(FileSource::position).sum()
    }

    /// The length of all files in bytes, compressed as they are; `None` if one of them is a pipe.
    pub fn size(&self) -> Option<u64> {
        self.files.iter().map(FileSource::size).sum()
    }

    /// The drops that the files tell of so far; `None` where they tell of none.
    pub fn drops(&self) -> Option<Drops> {
        self.files.iter().filter_map(FileSource::drops).reduce(taps::sum)
    }

    /// How many interfaces had to share a tap, a file having more than [`MAX_TAPS`].
    pub fn interfaces_sharing_a_tap(&self) -> u64 {
        self.files.iter().map(FileSource::interfaces_sharing_a_tap).sum()
    }

    /// How many interfaces lost their names, there being too many that are too long.
    pub fn nameless_interfaces(&self) -> u64 {
        self.files.iter().map(FileSource::nameless_interfaces).sum()
    }

    /// Reads what comes next, without giving it yet: all taps that it may be of are known then. A pipe is waited for no
    /// longer than by [`Source::next`], where it is the only file.
    pub fn read_ahead(&mut self) {
        if let [file] = self.files.as_mut_slice() {
            if let Err(error) = file.read_ahead() {
                self.errors.push(error);
            }
        } else {
            self.read_heads();
        }
    }

    /// Lends packets of the only file, as [`FileSource::each_buffered`] does; of several files none.
    #[inline]
    pub fn each_buffered(&mut self, take: impl FnMut(&[Frame<'_>]) -> usize) {
        if let [file] = self.files.as_mut_slice() {
            file.each_buffered(take);
        }
    }

    /// How many taps each file has so far; those of file k (from 0) are numbered from k × [`MAX_TAPS`].
    pub fn tap_counts(&self) -> impl Iterator<Item = usize> {
        self.files.iter().map(|file| file.taps.count())
    }

    /// A tap with all that its file says of it.
    pub fn described(&self, tap: TapId) -> Option<Interface> {
        self.file(tap)?.taps.described(tap)
    }

    /// The drops of one tap that its file tells of so far.
    pub fn drops_of(&self, tap: TapId) -> Option<Drops> {
        self.file(tap)?.taps.drops_of(tap)
    }

    fn file(&self, tap: TapId) -> Option<&FileSource> {
        self.files.get((tap.0 / MAX_TAPS) as usize)
    }

    /// What comes next, whatever it is.
    #[inline(never)]
    fn next_item(&mut self) -> Next<'_> {
        let index = if self.files.len() == 1 { 0 } else { self.earliest() };
        let Some(file) = self.files.get_mut(index) else { return Next::End };
        keeping(file.next(), &mut self.errors)
    }

    /// The file whose turn it is; a number that no file has at the end of all.
    fn earliest(&mut self) -> usize {
        self.read_heads();
        let Some(Reverse((_, index))) = self.heads.pop() else { return usize::MAX };
        self.unread.push(index);
        index
    }

    /// Learns the time of what comes next in the files where it is not known.
    fn read_heads(&mut self) {
        while let Some(index) = self.unread.pop() {
            match self.files.get_mut(index).map(FileSource::peek_time) {
                Some(Ok(Some(at))) => self.heads.push(Reverse((at, index))),
                Some(Ok(None)) | None => {}
                Some(Err(error)) => self.errors.push(error),
            }
        }
    }
}

/// What `read` is, its error kept in `errors` for the end.
#[inline]
fn keeping<'a>(read: Result<Next<'a>, Error>, errors: &mut Vec<Error>) -> Next<'a> {
    read.unwrap_or_else(|error| {
        errors.push(error);
        Next::End
    })
}

impl Source for Merged {
    #[inline]
    fn next(&mut self) -> Result<Next<'_>, Error> {
        let record = match self.files.as_mut_slice() {
            [file] => file.read_quickly(),
            _ => None,
        };
        // The frame is put together where it is wanted: to hand it on takes longer than to read it.
        match record {
            Some(record) => Ok(self.files.first().map_or(Next::End, |file| file.frame(record))),
            None => Ok(self.next_item()),
        }
    }

    fn tap(&self, id: TapId) -> Option<&Tap> {
        self.file(id)?.tap(id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Ng, bytes_source, frames, pcap};
    use super::*;

    #[test]
    fn packets_come_in_the_order_of_time() {
        let early = bytes_source(pcap(&[(1, b"a1"), (4, b"a4"), (5, b"a5")]), "a");
        let late = bytes_source(pcap(&[(2, b"b2"), (3, b"b3"), (5, b"b5"), (9, b"b9")]), "b");
        let mut merged = Merged::new(vec![early, late]);
        let read = frames(&mut merged);
        let order: Vec<_> = read.iter().map(|(_, frame)| frame.bytes.as_slice()).collect();
        assert_eq!(order, [b"a1", b"b2", b"b3", b"a4", b"a5", b"b5", b"b9"]);
        assert_eq!(read.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 1, 2, 2, 3, 3, 4]);
        let files: Vec<_> = read.iter().map(|(_, frame)| merged.file_of(frame.tap)).collect();
        assert_eq!(files, ["a", "b", "b", "a", "a", "b", "b"]);
        assert!(read.iter().all(|(_, frame)| merged.tap(frame.tap).is_some()));
        assert_eq!(merged.take_errors().len(), 0);
    }

    #[test]
    fn a_file_that_fails_does_not_end_the_others() {
        let mut cut = pcap(&[(1, b"a1"), (4, b"a4")]);
        cut.pop();
        let other = pcap(&[(2, b"b2"), (9, b"b9")]);
        let mut merged = Merged::new(vec![bytes_source(cut, "a"), bytes_source(other, "b")]);
        assert_eq!(frames(&mut merged).len(), 3);
        let errors = merged.take_errors();
        assert!(matches!(&errors[..], [Error::Cut { name, after_packet: 1, .. }] if name == "a"), "{errors:?}");
        assert!(merged.take_errors().is_empty());
        assert!(matches!(merged.next(), Ok(Next::End)));
    }

    #[test]
    fn one_file_keeps_its_error_too() {
        let mut cut = pcap(&[(1, b"a1"), (4, b"a4")]);
        cut.pop();
        let mut merged = Merged::new(vec![bytes_source(cut, "a")]);
        assert_eq!(frames(&mut merged).len(), 1);
        assert!(matches!(&merged.take_errors()[..], [Error::Cut { after_packet: 1, .. }]));
        assert!(matches!(merged.next(), Ok(Next::End)));
        assert!(matches!(Merged::new(Vec::new()).next(), Ok(Next::End)));
    }

    #[test]
    fn names_come_before_the_packet_they_precede() {
        let named = Ng::little().section().interface(1, 65_535, &[]).packet(0, 5_000_000, b"p5");
        let named = named.names(&[([10, 0, 0, 1], "web")], &["c"]).packet(0, 7_000_000, b"p7");
        let other = pcap(&[(4, b"o4"), (6, b"o6"), (8, b"o8")]);
        let mut merged = Merged::new(vec![bytes_source(named.bytes, "n"), bytes_source(other, "o")]);
        let mut seen = Vec::new();
        loop {
            match merged.next().unwrap() {
                Next::Frame(frame, _) => seen.push(String::from_utf8(frame.bytes.to_vec()).unwrap()),
                Next::Names(block) => seen.push(format!("names {}", block.comment)),
                Next::Idle(_) => panic!("no file here says until when it was captured"),
                Next::End => break,
            }
        }
        assert_eq!(seen, ["o4", "p5", "names c", "o6", "p7", "o8"]);
    }
}
