//! The files of a recording, one after the other: what is common to all packets stands at the beginning of each.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::tz::TimeZone;

use super::current::{CurrentFile, OpenTap, packets_in};
use super::facts::{Facts, News};
use super::naming::{self, Rotation};
use crate::capture::write::blocks;
use crate::capture::write::{Interface, OutputFile, WriteError};
use crate::capture::{Drops, TapId};
use crate::time::Timestamp;

/// Blocks are written when there are so many bytes of them, or when nothing more is due.
const BUFFER: usize = 256 * 1024;
/// So many files of others are passed over, where the name holds too little of the time to be another.
const SAME_NAME: u64 = 10_000;

/// What somebody else may look at while it is written.
#[derive(Debug, Default)]
pub(in crate::commands) struct Progress {
    /// Packets that were written.
    pub packets: AtomicU64,
    /// Bytes of all files.
    pub bytes: AtomicU64,
    /// Files that were begun.
    pub files: AtomicU64,
}

/// Why there is no more to write.
#[derive(Debug)]
pub(super) enum Done {
    /// There are as many files as were asked for.
    Enough,
    /// Writing failed.
    Failed(WriteError),
}

impl From<WriteError> for Done {
    fn from(error: WriteError) -> Self {
        Self::Failed(error)
    }
}

/// Where to write.
#[derive(Debug)]
pub(in crate::commands) struct Target {
    /// The file as it was named; `-` is standard output.
    pub path: PathBuf,
    /// Standard output, where it is to be written to.
    pub standard: Option<OwnedFd>,
    pub force: bool,
    pub rotation: Rotation,
    /// Who writes, where that is not who runs the program.
    pub user: Option<String>,
}

/// Writes the files.
pub(super) struct Writer {
    target: Target,
    zone: TimeZone,
    /// By tap: those that are open, and of those that ended the ones that the file describes.
    taps: HashMap<TapId, OpenTap>,
    /// In the order in which they were told.
    order: Vec<TapId>,
    facts: Facts,
    file: Option<CurrentFile>,
    /// The name of the file that was begun last.
    latest: String,
    /// Files begun so far.
    number: u64,
    /// The files that there are, the oldest first; with a ring only.
    ring: VecDeque<PathBuf>,
    /// What the latest file was to be called, and as the how manieth of that name it was made.
    named: Option<(PathBuf, u64)>,
    progress: Arc<Progress>,
}

impl Writer {
    pub fn new(target: Target, progress: Arc<Progress>) -> Self {
        Self {
            target,
            zone: TimeZone::system(),
            taps: HashMap::new(),
            order: Vec::new(),
            facts: Facts::default(),
            file: None,
            latest: String::new(),
            number: 0,
            ring: VecDeque::new(),
            named: None,
            progress,
        }
    }

    /// Begins the first file.
    pub fn begin(&mut self, at: Timestamp) -> Result<(), WriteError> {
        self.open(at)
    }

    /// The file that is being written, or was written last.
    pub fn name(&self) -> &str {
        &self.latest
    }

    /// Describes a tap, or says that it is another by now.
    pub fn tap(&mut self, id: TapId, interface: Interface, at: Timestamp) {
        if self.taps.get(&id).is_some_and(|known| known.ended.is_some()) {
            self.retire(id, at);
        }
        if let Some(known) = self.taps.get_mut(&id) {
            if known.interface.tap != interface.tap {
                let tap = interface.tap.clone();
                known.interface = interface;
                if let Some(file) = &mut self.file
                    && let Some(in_file) = file.interfaces.get(&id)
                {
                    self.facts.rename(in_file.number, &tap, at);
                }
            }
            return;
        }
        self.order.push(id);
        if let Some(file) = &mut self.file {
            file.describe(id, &interface, at, Drops::default());
        }
        self.taps.insert(id, OpenTap { interface, started: at, drops: Drops::default(), ended: None });
    }

    /// What became known beside packets.
    pub fn learn(&mut self, news: News, now: Timestamp) {
        self.facts.learn(news, now);
        self.write_names(now);
    }

    /// Writes what is news, if it is time. What comes before the first file will stand at its beginning.
    pub fn write_names(&mut self, now: Timestamp) {
        if let Some(file) = &mut self.file {
            self.facts.write_news(now, &mut file.buffer);
        }
    }

    /// Whether the names do not fit into a file.
    pub fn lacks_names(&self) -> bool {
        self.facts.is_too_long()
    }

    /// What a tap has dropped so far.
    pub fn set_drops(&mut self, id: TapId, drops: Drops) {
        if let Some(tap) = self.taps.get_mut(&id) {
            tap.drops = drops;
        }
    }

    /// A tap has ended, and all its packets were written.
    pub fn end(&mut self, id: TapId, at: Timestamp) {
        if let Some(tap) = self.taps.get_mut(&id) {
            tap.ended = Some(at);
        }
    }

    /// Writes a packet.
    pub fn packet(&mut self, id: TapId, at: Timestamp, block: &mut [u8]) -> Result<(), Done> {
        if at >= self.facts.next()
            && let Some(file) = &mut self.file
        {
            self.facts.write_until(at, &mut file.buffer);
        }
        let is_late = self.file.as_ref().is_some_and(|file| at >= file.until);
        let is_full = self.file.as_ref().zip(self.target.rotation.bytes).is_some_and(|(file, most)| {
            // Where names take most of a file, half as much again is for packets: else each file had one of them.
            let most = most.max(file.beginning.saturating_add(most / 2));
            file.packets > 0 && file.len() + block.len() as u64 > most
        });
        if is_late || is_full {
            self.next_file(at)?;
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let Some(in_file) = file.interfaces.get_mut(&id) else { return Ok(()) };
        blocks::set_interface(block, in_file.number);
        in_file.packets += 1;
        file.packets += 1;
        file.buffered += 1;
        file.buffer.extend_from_slice(block);
        if file.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes out what is held back.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        if file.buffer.is_empty() {
            return Ok(());
        }
        let before = file.output.len();
        let written = file.output.write(&file.buffer);
        self.progress.bytes.fetch_add(file.output.len() - before, Ordering::Relaxed);
        let packets = match &written {
            Ok(()) => file.buffered,
            Err(_) => packets_in(&file.buffer, file.output.len() - before),
        };
        self.progress.packets.fetch_add(packets, Ordering::Relaxed);
        file.buffer.clear();
        file.buffered = 0;
        written
    }

    /// Ends the last file with the statistics of its interfaces.
    pub fn finish(&mut self, at: Timestamp) -> Result<(), WriteError> {
        if let Some(file) = &mut self.file {
            self.facts.write_until(Timestamp::MAX, &mut file.buffer);
        }
        self.close(at)
    }

    /// Ends the last file that was asked for, though no packet comes any more that would be in the next one.
    pub fn end_of_last(&mut self, at: Timestamp) -> Result<(), Done> {
        match &self.file {
            Some(file) if at >= file.until && self.is_last() => self.next_file(at),
            _ => Ok(()),
        }
    }

    /// Whether there are as many files as were asked for.
    fn is_last(&self) -> bool {
        let Rotation { bytes, files, .. } = self.target.rotation;
        bytes.is_none() && files.is_some_and(|files| self.number >= u64::from(files))
    }

    fn next_file(&mut self, at: Timestamp) -> Result<(), Done> {
        // What ends at the wall clock's multiple was seen until then.
        let end = self.file.as_ref().map_or(at, |file| file.until.min(at));
        self.close(end)?;
        if self.is_last() {
            return Err(Done::Enough);
        }
        self.order.retain(|id| self.taps.get(id).is_some_and(|tap| tap.ended.is_none()));
        self.taps.retain(|_, tap| tap.ended.is_none());
        Ok(self.open(at)?)
    }

    fn open(&mut self, at: Timestamp) -> Result<(), WriteError> {
        let output = self.create(at)?;
        output.name().clone_into(&mut self.latest);
        if let Some((most, path)) = self.target.rotation.ring().zip(output.path()) {
            self.ring.push_back(path.to_owned());
            while self.ring.len() > most as usize
                && let Some(oldest) = self.ring.pop_front()
            {
                // Somebody else may have taken it away.
                let _ = std::fs::remove_file(oldest);
            }
        }
        let until = self.target.rotation.end(at, &self.zone);
        let mut file = CurrentFile {
            output,
            buffer: Vec::with_capacity(BUFFER + 64 * 1024),
            buffered: 0,
            until,
            interfaces: HashMap::new(),
            described: 0,
            packets: 0,
            beginning: 0,
        };
        blocks::section(&mut file.buffer);
        for id in &self.order {
            if let Some(tap) = self.taps.get(id) {
                let started = if self.number == 0 { tap.started } else { at.max(tap.started) };
                file.describe(*id, &tap.interface, started, tap.drops);
            }
        }
        self.facts.write_all(at, &mut file.buffer);
        file.beginning = file.len();
        self.file = Some(file);
        self.number += 1;
        self.progress.files.fetch_add(1, Ordering::Relaxed);
        self.flush()
    }

    fn create(&mut self, at: Timestamp) -> Result<OutputFile, WriteError> {
        if self.target.path.as_os_str() == "-" {
            let closed =
                || WriteError::Io { name: "standard output".to_owned(), source: io::ErrorKind::NotFound.into() };
            return self.target.standard.take().map(OutputFile::standard).ok_or_else(closed);
        }
        let Target { path, force, rotation, user, .. } = &self.target;
        let named = naming::file(path, rotation, self.number, at, &self.zone);
        // A name may hold too little of the time to be another one: `--force` is not about the files of just now.
        let before = self.named.take_if(|(before, _)| *before == named).map_or(0, |(_, nth)| nth);
        let last = if self.number == 0 { 1 } else { before + SAME_NAME };
        for nth in before + 1..=last {
            let path = if nth == 1 { named.clone() } else { naming::marked(&named, &format!("-{nth}")) };
            match OutputFile::create(&path, *force, user.as_deref()) {
                Err(WriteError::Exists { .. }) if nth < last => {}
                made => {
                    self.named = Some((named, nth));
                    return made;
                }
            }
        }
        Err(WriteError::Exists { path: named })
    }

    /// The number of a tap is another one's from now on: after very many, they come round.
    fn retire(&mut self, id: TapId, at: Timestamp) {
        if let Some(file) = &mut self.file {
            file.end_interface(id, self.taps.get(&id), at);
        }
        self.taps.remove(&id);
        self.order.retain(|known| *known != id);
    }

    fn close(&mut self, at: Timestamp) -> Result<(), WriteError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut described: Vec<_> = file.interfaces.iter().map(|(id, in_file)| (in_file.number, *id)).collect();
        described.sort_unstable_by_key(|(number, _)| *number);
        for (_, id) in described {
            file.end_interface(id, self.taps.get(&id), at);
        }
        self.flush()
    }
}
