//! The names in a capture that is written: those of the files that are read, and those that the user gave.
//!
//! Names of one file stay where they are. Of several files, each with names of its own, the written one has at any time
//! what all of them say together.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::capture::file::MAX_TAPS;
use crate::capture::write::blocks;
use crate::capture::{Frame, NameBlock};
use crate::commands::Messages;
use crate::commands::given_names::GivenNames;
use crate::commands::timeline::MAX_COMING;
use crate::docker::{Container, Snapshot, combined, snapshot, write_snapshot};
use crate::host::{Kept, kept};
use crate::time::Timestamp;

/// Names of addresses, as blocks have them.
type Records = Vec<(IpAddr, Vec<String>)>;

/// The most bytes of records in one block, about; there may be sixteen times as many in a file of hosts(5).
const RECORDS_IN_BLOCK: usize = 1 << 20;

/// The most bytes of names of one file that are held until its first packet; what is more is written at once.
const MAX_HELD: usize = 16 << 20;
/// So long before the first packet of a further file its names hold: a name that goes is kept a little longer than it is true.
const BEFORE: Duration = Duration::from_millis(100);

/// Writes names as they come.
pub(super) struct RewrittenNames {
    given: GivenNames,
    /// What the user gave is in the file.
    given_written: bool,
    files: Vec<FileNames>,
    /// Files with names in force, the one that changed last at the end.
    order: Vec<usize>,
    said_too_many: bool,
    said_displaced: bool,
}

/// The names of one file that is read.
#[derive(Default)]
struct FileNames {
    name: String,
    /// A packet of it was written.
    speaks: bool,
    /// What its Directory says now, with what the user gave.
    directory: Option<Snapshot>,
    /// The Directories that it told before its first packet, where there are several files: a recording holds packets
    /// back, so the later ones may be of after it.
    coming: VecDeque<Snapshot>,
    /// What else it told before its first packet, where there are several files: names of addresses, and comments.
    held: Vec<(Records, String)>,
    /// How many bytes that is, about.
    held_bytes: usize,
    /// Networks of it, with containers, are left out: another file has others of these names.
    displaced: Option<String>,
}

impl FileNames {
    /// Keeps a Directory for its first packet; of more than can wait, the first is left out.
    fn expect(&mut self, told: Option<Snapshot>) {
        self.coming.extend(told);
        if self.coming.len() > MAX_COMING {
            self.coming.pop_front();
        }
    }
}

impl RewrittenNames {
    /// Of the files of these names.
    pub fn new(given: GivenNames, files: Vec<String>) -> Self {
        let files = files.into_iter().map(|name| FileNames { name, ..FileNames::default() }).collect();
        Self { given, given_written: false, files, order: Vec::new(), said_too_many: false, said_displaced: false }
    }

    /// Takes a block of a file, and the Directory that it tells, with what the user gave, where it could be read.
    pub fn block(
        &mut self,
        block: &NameBlock,
        told: Option<Snapshot>,
        numbers: &[Vec<u32>],
        out: &mut Vec<u8>,
        messages: &mut Messages,
    ) {
        let index = (block.tap.0 / MAX_TAPS) as usize;
        let is_alone = self.files.len() == 1;
        let is_directory = block.comment.trim_start().starts_with(snapshot::BEGINS);
        let records = self.records(block, told.as_ref());
        let Some(file) = self.files.get_mut(index) else { return };
        if !is_alone && !file.speaks && is_directory {
            return file.expect(told);
        }
        let size = block.comment.len() + records.iter().map(|(_, names)| size(names)).sum::<usize>();
        if !is_alone && !file.speaks && file.held_bytes + size <= MAX_HELD {
            file.held_bytes += size;
            return file.held.push((records, block.comment.clone()));
        }
        let Some(told) = told else {
            // Of several files, what cannot be read cannot be put together.
            let is_lost = is_directory && !is_alone;
            let comment = renumbered(&block.comment, numbers.get(index));
            if !is_lost {
                self.write(&records, &comment, out, messages);
            }
            return;
        };
        let at = told.at;
        let is_as_it_was = is_alone && self.given.directory().is_none();
        file.directory = Some(told);
        self.order.retain(|other| *other != index);
        self.order.push(index);
        self.write_given_addresses(out, messages);
        if is_as_it_was {
            return self.write(&records, &block.comment, out, messages);
        }
        self.write_together(at, records, out, messages);
    }

    /// Writes what must come before a packet.
    pub fn before(&mut self, frame: &Frame<'_>, numbers: &[Vec<u32>], out: &mut Vec<u8>, messages: &mut Messages) {
        let index = (frame.tap.0 / MAX_TAPS) as usize;
        let is_alone = self.files.len() == 1;
        let Some(file) = self.files.get_mut(index) else { return };
        if let Some(others) = file.displaced.take()
            && !self.said_displaced
        {
            self.said_displaced = true;
            messages.say(&format!(
                "{} and {others} have different networks of the same name, and one file cannot keep both: from where they \
                 meet on it has the names of {others} only; replay both as they are, or write a file of each",
                file.name
            ));
        }
        if file.speaks {
            return;
        }
        file.speaks = true;
        let held = std::mem::take(&mut file.held);
        let mut coming = std::mem::take(&mut file.coming);
        let is_told = is_alone && file.directory.is_some();
        if coming.is_empty() && !is_told {
            coming.extend(self.given.directory().map(|given| Snapshot::of(given, Timestamp::ZERO)));
        }
        self.write_given_addresses(out, messages);
        self.write_coming(index, coming, frame.at, out, messages);
        self.write_held(held, numbers.get(index), out, messages);
    }

    /// Writes the Directories that a file told before its first packet, which was seen at `first`.
    fn write_coming(
        &mut self,
        index: usize,
        coming: VecDeque<Snapshot>,
        first: Timestamp,
        out: &mut Vec<u8>,
        messages: &mut Messages,
    ) {
        // The names of the files before hold until a little before it.
        let from = if self.order.is_empty() { Timestamp::ZERO } else { first.saturating_sub(BEFORE) };
        for (nth, directory) in coming.into_iter().enumerate() {
            let at = if nth == 0 { from } else { directory.at.max(from) };
            if nth == 0 {
                self.order.push(index);
            }
            if let Some(file) = self.files.get_mut(index) {
                file.directory = Some(directory);
            }
            self.write_together(at, Vec::new(), out, messages);
        }
    }

    /// Writes what no packet came for.
    pub fn at_the_end(&mut self, numbers: &[Vec<u32>], out: &mut Vec<u8>, messages: &mut Messages) {
        self.write_given_addresses(out, messages);
        if self.order.is_empty() {
            for (index, file) in self.files.iter_mut().enumerate() {
                let given = self.given.directory().map(|given| Snapshot::of(given, Timestamp::ZERO));
                file.directory = file.coming.pop_back().or(file.directory.take()).or(given);
                if file.directory.is_some() {
                    self.order.push(index);
                }
            }
            self.write_together(Timestamp::ZERO, Vec::new(), out, messages);
        }
        for index in 0..self.files.len() {
            let held = self.files.get_mut(index).map(|file| std::mem::take(&mut file.held)).unwrap_or_default();
            self.write_held(held, numbers.get(index), out, messages);
        }
    }

    /// The records of a block, without those of addresses that the user calls otherwise: but of containers they stay.
    fn records(&self, block: &NameBlock, told: Option<&Snapshot>) -> Records {
        let given = self.given.addresses();
        if given.is_empty() {
            return block.records.clone();
        }
        let containers = told.map(|told| container_records(&told.containers)).unwrap_or_default();
        let is_kept = |address: &IpAddr| given.of(address).is_empty() || containers.contains_key(address);
        block.records.iter().filter(|(address, _)| is_kept(address)).cloned().collect()
    }

    fn write_held(
        &mut self,
        held: Vec<(Records, String)>,
        numbers: Option<&Vec<u32>>,
        out: &mut Vec<u8>,
        messages: &mut Messages,
    ) {
        for (records, comment) in held {
            self.write(&records, &renumbered(&comment, numbers), out, messages);
        }
    }

    /// Writes what all files with names say now, true from `at` on, and beside it the records for other programs. Of what
    /// contradicts, the file that changed last is right: of captures of one machine it is the later one.
    fn write_together(&mut self, at: Timestamp, records: Records, out: &mut Vec<u8>, messages: &mut Messages) {
        let of = |index: &usize| self.files.get(*index)?.directory.as_ref();
        let mut latest_first = self.order.iter().rev().filter_map(of);
        let Some(newest) = latest_first.next() else { return };
        let mut all = Snapshot { at, ..newest.clone() };
        for directory in latest_first {
            all = combined(all, &directory.clone().apply(None));
        }
        let known: HashSet<_> = all.networks.iter().map(|network| network.id.clone()).collect();
        let newest = self.order.last().and_then(|index| self.files.get(*index)).map(|file| file.name.clone());
        for file in self.files.iter_mut().filter(|file| file.speaks) {
            let containers = file.directory.iter().flat_map(|directory| &directory.containers);
            let mut endpoints = containers.flat_map(|container| &container.endpoints);
            let is_displaced = endpoints.any(|endpoint| !known.contains(&endpoint.network));
            file.displaced = newest.clone().filter(|_| is_displaced);
        }
        let mut all_records: BTreeMap<_, _> = records.into_iter().collect();
        all_records.extend(container_records(&all.containers));
        let all_records: Records = all_records.into_iter().collect();
        self.write(&all_records, &write_snapshot(&all.apply(None), at), out, messages);
    }

    /// Writes the names of addresses that the user gave, where they are not in the file yet. They stand by themselves:
    /// records beside a Directory are for other programs. As in the log, what a container has is the container's.
    fn write_given_addresses(&mut self, out: &mut Vec<u8>, messages: &mut Messages) {
        if std::mem::replace(&mut self.given_written, true) {
            return;
        }
        let containers =
            self.given.directory().map(|given| container_records(&Snapshot::of(given, Timestamp::ZERO).containers));
        let is_free = |address: &IpAddr| containers.as_ref().is_none_or(|known| !known.contains_key(address));
        let mut records = self.given.addresses().sorted();
        records.retain(|(address, _)| is_free(address));
        self.write(&records, "", out, messages);
    }

    fn write(&mut self, records: &[(IpAddr, Vec<String>)], comment: &str, out: &mut Vec<u8>, messages: &mut Messages) {
        let mut rest = records;
        let mut fits = true;
        while !rest.is_empty() {
            let mut bytes = 0;
            let count = rest.iter().take_while(|(_, names)| {
                let is_within = bytes < RECORDS_IN_BLOCK;
                bytes += size(names);
                is_within
            });
            let (now, later) = rest.split_at(count.count());
            let last = later.is_empty();
            fits &= blocks::names(out, now, if last { comment } else { "" });
            rest = later;
        }
        if records.is_empty() && !comment.is_empty() {
            fits = blocks::names(out, &[], comment);
        }
        if !fits && !std::mem::replace(&mut self.said_too_many, true) {
            messages.say("there are too many names for one file: some of them are left out");
        }
    }
}

/// How many bytes an address with these names takes, about.
fn size(names: &[String]) -> usize {
    24 + names.iter().map(|name| name.len() + 1).sum::<usize>()
}

/// A comment as the written file has it: what the kernel told names interfaces by their numbers.
fn renumbered(comment: &str, numbers: Option<&Vec<u32>>) -> String {
    if !comment.trim_start().starts_with(kept::BEGINS) {
        return comment.to_owned();
    }
    match Kept::read(comment.trim_start()) {
        Ok(mut told) if !told.taps.is_empty() => {
            for tap in &mut told.taps {
                let number = numbers.and_then(|numbers| numbers.get(tap.interface as usize));
                tap.interface = number.copied().unwrap_or(u32::MAX);
            }
            told.write()
        }
        // What cannot be read was said, and a newer reader may.
        Ok(_) | Err(_) => comment.to_owned(),
    }
}

/// Each address of a container with the container's name, as other programs read it; without those that two have.
fn container_records(containers: &[Container]) -> BTreeMap<IpAddr, Vec<String>> {
    let mut records: BTreeMap<IpAddr, Option<&str>> = BTreeMap::new();
    for container in containers {
        let name = container.name.as_str();
        for address in container.endpoints.iter().flat_map(|endpoint| &endpoint.addresses) {
            let known = records.entry(*address).or_insert(Some(name));
            *known = known.filter(|known| *known == name);
        }
    }
    records.into_iter().filter_map(|(address, name)| Some((address, vec![name?.to_owned()]))).collect()
}
