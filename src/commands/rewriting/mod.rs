//! `replay IN... -w OUT`: the packets that the filter lets through, merged and perhaps cut, with all names, as pcapng.

mod allowed;
mod names;

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use ahash::AHashMap;

use self::names::RewrittenNames;
use super::given_names::GivenNames;
use super::{Messages, Streams};
use crate::capture::file::{MAX_TAPS, Merged};
use crate::capture::write::blocks::{self, Statistics};
use crate::capture::write::{Interface, OutputFile, WriteError};
use crate::capture::{Aside, Frame, LinkType, NameBlock, Tap, TapId};
use crate::cli;
use crate::docker::Snapshot;
use crate::time::Timestamp;

/// Blocks are written when there are so many bytes of them.
const AT_ONCE: usize = 256 * 1024;

/// A capture that is written while others are read.
pub(super) struct Rewriting {
    target: Target,
    /// Whole blocks that are not written yet.
    blocks: Vec<u8>,
    /// Somebody waits for each packet at the other end of a pipe.
    at_once: bool,
    /// Bytes of each packet that are kept.
    snap_len: usize,
    /// The numbers of the interfaces written so far. A packet of a tap that several interfaces share may have another
    /// link type than the tap.
    interfaces: AHashMap<(TapId, LinkType), u32>,
    /// The interface of the latest packet.
    latest: Option<(TapId, LinkType, u32)>,
    /// The numbers of the interfaces written so far, by file and by the tap's number in it.
    numbers: Vec<Vec<u32>>,
    /// The packets written of each interface.
    packets: Vec<u64>,
    /// Those of all interfaces, of which there may be very many.
    written: u64,
    /// When the first and the last packet were seen.
    times: Option<(Timestamp, Timestamp)>,
    /// The capture went on until then without a packet.
    until: Option<Timestamp>,
    /// The packets written that only tell of others, which no filter keeps out.
    asides: u64,
    /// The rest passed a filter.
    is_filtered: bool,
    names: RewrittenNames,
    failure: Option<WriteError>,
}

/// Where it is written to. The file is made when there is something to write: a filter that turns out to be wrong at the
/// first packet leaves nothing behind, and nothing replaced.
enum Target {
    Planned { path: PathBuf, force: bool, standard: Option<OwnedFd> },
    Made(OutputFile),
}

/// What is to be written, before it is known which files could be opened.
pub(super) struct Planned {
    target: Target,
    /// Somebody waits for each packet at the other end of a pipe.
    at_once: bool,
    snap_len: Option<u32>,
    is_filtered: bool,
}

impl Target {
    fn file(&mut self) -> Result<&mut OutputFile, WriteError> {
        if let Self::Planned { path, force, standard } = self {
            *self = Self::Made(match standard.take() {
                Some(standard) => OutputFile::standard(standard),
                None if path.as_os_str() == "-" => {
                    let name = "standard output".to_owned();
                    return Err(WriteError::Io { name, source: std::io::ErrorKind::NotConnected.into() });
                }
                None => OutputFile::create(path, *force, None)?,
            });
        }
        match self {
            Self::Made(file) => Ok(file),
            // It was made just now.
            Self::Planned { path, .. } => Err(WriteError::Exists { path: path.clone() }),
        }
    }
}

impl Rewriting {
    /// What the user wants to be written, if anything.
    pub fn planned(arguments: &cli::Replay, files: &[&PathBuf], streams: &mut Streams) -> Option<Planned> {
        let cli::Rewriting { write, force, snap_len, .. } = &arguments.rewriting;
        let path = write.clone()?;
        let is_stdout = path.as_os_str() == "-";
        let is_live = files.iter().any(|name| name.as_os_str() == "-");
        let standard = if is_stdout { streams.out_fd.take() } else { None };
        Some(Planned {
            target: Target::Planned { path, force: *force, standard },
            at_once: is_live && is_stdout,
            snap_len: *snap_len,
            is_filtered: arguments.output.filter.is_some(),
        })
    }

    /// Whether nothing more can be written.
    pub const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Reads what comes next, and describes the interfaces that are known by then: they come before its packet.
    pub fn look_ahead(&mut self, files: &mut Merged) {
        files.read_ahead();
        self.describe(files);
    }

    fn describe(&mut self, files: &Merged) {
        for (index, count) in files.tap_counts().enumerate() {
            let first = (index as u32).wrapping_mul(MAX_TAPS);
            let described = self.numbers.get(index).map_or(count, Vec::len);
            for place in described..count {
                let id = TapId(first.wrapping_add(place as u32));
                let Some(interface) = files.described(id) else { return };
                let link = interface.tap.link;
                let number = self.add_interface(interface);
                self.interfaces.insert((id, link), number);
                self.numbers.get_mut(index).into_iter().for_each(|numbers| numbers.push(number));
            }
        }
    }

    fn add_interface(&mut self, mut interface: Interface) -> u32 {
        if let Ok(kept) = u32::try_from(self.snap_len) {
            let limit = Some(interface.snap_len).filter(|limit| *limit > 0);
            interface.snap_len = limit.map_or(kept, |limit| limit.min(kept));
        }
        // What passes the filter is told, but nothing that only this has seen.
        let is_filtered = |aside: Aside| Aside { is_filtered: aside.is_filtered || self.is_filtered };
        interface.tap.aside = interface.tap.aside.map(is_filtered);
        blocks::interface(&mut self.blocks, &interface);
        self.packets.push(0);
        self.packets.len() as u32 - 1
    }

    /// Writes a packet, cut where the user wants it so; gives it as it was written.
    pub fn packet<'a>(&mut self, frame: &Frame<'a>, tap: &Tap, messages: &mut Messages) -> Frame<'a> {
        self.write_until();
        self.names.before(frame, &self.numbers, &mut self.blocks, messages);
        self.asides += u64::from(tap.aside.is_some());
        let interface = self.interface(frame, tap);
        if let Some(count) = self.packets.get_mut(interface as usize) {
            *count += 1;
        }
        let bytes = frame.bytes.get(..self.snap_len).unwrap_or(frame.bytes);
        self.written += 1;
        let written = Frame { number: self.written, bytes, ..*frame };
        blocks::packet(&mut self.blocks, interface, &written);
        let (first, last) = self.times.unwrap_or((frame.at, frame.at));
        self.times = Some((first.min(frame.at), last.max(frame.at)));
        if self.at_once || self.blocks.len() >= AT_ONCE {
            self.flush();
        }
        written
    }

    /// Writes names that a file tells here.
    pub fn names(&mut self, block: &NameBlock, told: Option<Snapshot>, messages: &mut Messages) {
        self.write_until();
        self.names.block(block, told, &self.numbers, &mut self.blocks, messages);
    }

    /// The capture went on until then, or a pipe is silent: what is held back is written out.
    pub fn idle(&mut self, at: Timestamp) {
        let seen = self.times.map(|(_, last)| last).max(self.until);
        if seen.is_none_or(|seen| at > seen) && at > Timestamp::ZERO {
            self.until = Some(at);
        }
        self.flush();
    }

    /// Says before what comes next that nothing came for a while.
    fn write_until(&mut self) {
        let Some(ended) = self.until.take() else { return };
        let (started, last) = self.times.unwrap_or((ended, ended));
        self.times = Some((started, last.max(ended)));
        if let Some(&packets) = self.packets.first() {
            blocks::statistics(&mut self.blocks, 0, &Statistics { started, ended, packets, drops: None });
        }
    }

    fn flush(&mut self) {
        if self.failure.is_some() || self.blocks.is_empty() {
            return;
        }
        let written = self.target.file().and_then(|file| file.write(&self.blocks));
        self.failure = written.err();
        self.blocks.clear();
    }

    /// Ends the file, and says how many of the packets that were read are in it. False where it could not be written.
    pub fn finish(mut self, files: &Merged, read: u64, messages: &mut Messages) -> bool {
        self.describe(files);
        self.names.at_the_end(&self.numbers, &mut self.blocks, messages);
        self.statistics(files);
        self.flush();
        let count = self.written;
        match (self.failure, self.target) {
            (None, Target::Made(file)) => {
                messages.say(&summary(count, read + self.asides, file.name()));
                true
            }
            // As for the log, that nobody reads any more is no failure.
            (Some(WriteError::ReaderGone) | None, _) => true,
            (Some(failure), _) => {
                messages.say(&failure.to_string());
                false
            }
        }
    }

    fn interface(&mut self, frame: &Frame<'_>, tap: &Tap) -> u32 {
        if let Some((id, link, number)) = self.latest
            && id == frame.tap
            && link == frame.link
        {
            return number;
        }
        let number = if let Some(known) = self.interfaces.get(&(frame.tap, frame.link)) {
            *known
        } else {
            let tap = Tap { link: frame.link, ..tap.clone() };
            let number = self.add_interface(Interface { tap, description: String::new(), filter: None, snap_len: 0 });
            self.interfaces.insert((frame.tap, frame.link), number);
            number
        };
        self.latest = Some((frame.tap, frame.link, number));
        number
    }

    /// What the files say of lost packets, and until when they went on. Of what they say nothing, nothing is said.
    fn statistics(&mut self, files: &Merged) {
        let seen = self.times.map(|(_, last)| last);
        let (Some(ended), until) = (self.until.or(seen), self.until) else { return };
        let started = self.times.map_or(ended, |(first, _)| first);
        let mut interfaces: Vec<_> = self.interfaces.iter().map(|((tap, _), number)| (*number, *tap)).collect();
        interfaces.sort_unstable();
        let mut told = ahash::AHashSet::new();
        for (number, tap) in interfaces {
            // Of a tap with several interfaces only once, since readers add them up.
            let drops = files.drops_of(tap).filter(|_| told.insert(tap));
            if drops.is_some() || until.is_some() && number == 0 {
                let packets = self.packets.get(number as usize).copied().unwrap_or_default();
                blocks::statistics(&mut self.blocks, number, &Statistics { started, ended, packets, drops });
            }
        }
    }
}

impl Planned {
    /// The file that is written from these.
    pub fn of(self, files: &Merged, given: &GivenNames) -> Rewriting {
        let names = files.files().iter().map(|file| file.name().to_owned()).collect();
        let mut blocks = Vec::with_capacity(AT_ONCE + AT_ONCE / 4);
        blocks::section(&mut blocks);
        Rewriting {
            target: self.target,
            blocks,
            at_once: self.at_once,
            snap_len: self.snap_len.map_or(usize::MAX, |bytes| bytes as usize),
            interfaces: AHashMap::new(),
            latest: None,
            numbers: vec![Vec::new(); files.files().len()],
            packets: Vec::new(),
            written: 0,
            times: None,
            until: None,
            asides: 0,
            is_filtered: self.is_filtered,
            names: RewrittenNames::new(given.clone(), names),
            failure: None,
        }
    }
}

fn summary(count: u64, read: u64, name: &str) -> String {
    let noun = if read == 1 { "packet" } else { "packets" };
    if count == read {
        format!("{count} {noun} written to {name}")
    } else {
        format!("{count} of {read} {noun} written to {name}")
    }
}

/// Refuses what cannot be, before anything is touched. `files` are those that are read.
pub(super) fn check(arguments: &cli::Replay, files: &[&PathBuf], streams: &mut Streams) -> bool {
    match allowed::refusal(arguments, files, streams.out_is_terminal) {
        Some(why) => {
            streams.messages.say(&why);
            false
        }
        None => true,
    }
}
