//! A capture filter on the frames of files, with the names that each file carries.

use std::sync::Arc;

use ahash::AHashMap;

use super::capture::{CaptureFilter, Known};
use super::error::FilterError;
use crate::capture::file::MAX_TAPS;
use crate::capture::{Frame, LinkType, Program, Tap, TapId};
use crate::docker::Directory;
use crate::name::NamesOfAddresses;

/// Why names cannot be known.
const NO_NAMES: &str = "the capture carries no names of containers; give them with --docker-inspect or --hosts, or \
                        write addresses";

/// As many programs are kept to be shared; a file has one for each link type and each container that is named.
const MAX_SHARED: usize = 1024;
/// Of so many taps it is said that the filter does not fit their link type.
const MAX_SAID: usize = 64;

/// A capture filter on the frames of one or several files.
#[derive(Debug)]
pub struct FrameFilter {
    /// As it was written, before any name is known.
    filter: CaptureFilter,
    files: AHashMap<u32, Names>,
    programs: AHashMap<TapId, Compiled>,
    shared: Shared,
    said: usize,
    /// There is one file: who is not in it is nowhere.
    alone: bool,
}

/// The names of one file.
#[derive(Debug)]
struct Names {
    filter: CaptureFilter,
    directory: Option<Arc<Directory>>,
    /// The version of the names that belong to addresses alone.
    of_addresses: u64,
    /// How often they changed.
    version: u64,
}

#[derive(Debug)]
struct Compiled {
    version: u64,
    text: Arc<str>,
    /// None where it makes no sense for the link type.
    program: Option<Arc<Program>>,
}

/// The programs of all taps: a hostile file has 65,536 of them.
#[derive(Debug, Default)]
struct Shared(AHashMap<(LinkType, Arc<str>), Result<Arc<Program>, String>>);

impl Shared {
    /// The program of a text for a link type, or why there is none.
    fn compile(&mut self, text: String, link: LinkType) -> (Arc<str>, Result<Arc<Program>, String>) {
        let text: Arc<str> = text.into();
        if let Some(((_, text), program)) = self.0.get_key_value(&(link, Arc::clone(&text))) {
            return (Arc::clone(text), program.clone());
        }
        let program = Program::compile(&text, link).map(Arc::new);
        if self.0.len() >= MAX_SHARED {
            self.0.clear();
        }
        self.0.insert((link, Arc::clone(&text)), program.clone());
        (text, program)
    }
}

/// Why a frame cannot be filtered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfiltered {
    /// Nor can any other: the filter is wrong.
    Wrong(Box<FilterError>),
    /// The filter does not fit the link type of the tap, none of whose frames get through. Said once for each.
    Link(String),
}

impl FrameFilter {
    /// The filter on so many files.
    pub fn new(filter: CaptureFilter, files: usize) -> Self {
        let (programs, shared) = (AHashMap::new(), Shared::default());
        Self { filter, files: AHashMap::new(), programs, shared, said: 0, alone: files == 1 }
    }

    /// Whether a frame gets through, by the names in force where it was seen.
    pub fn admits(
        &mut self,
        frame: &Frame<'_>,
        tap: &Tap,
        directory: Option<&Arc<Directory>>,
        of_addresses: NamesOfAddresses<'_>,
    ) -> Result<bool, Unfiltered> {
        let names = Self::names(&mut self.files, &self.filter, self.alone, frame.tap, (directory, of_addresses))?;
        match self.programs.get_mut(&frame.tap) {
            Some(compiled) if compiled.version == names.version => {}
            Some(compiled) => compiled.update(names, tap, &mut self.shared),
            None => {
                let owner = names.owner(tap);
                let (text, compiled) = self.shared.compile(names.filter.text(owner), frame.link);
                let why = compiled.as_ref().err().cloned();
                if compiled.as_ref().map_or(true, |program| program.is_empty()) {
                    names.filter.check().map_err(|error| Unfiltered::Wrong(Box::new(error)))?;
                }
                let compiled = Compiled { version: names.version, text, program: compiled.ok() };
                self.programs.insert(frame.tap, compiled);
                if let Some(why) = why
                    && self.said < MAX_SAID
                {
                    self.said += 1;
                    let link = frame.link.name();
                    return Err(Unfiltered::Link(format!(
                        "--filter does not fit packets of link type {link}, which are left out: {why}"
                    )));
                }
            }
        }
        let program = self.programs.get(&frame.tap).and_then(|compiled| compiled.program.as_deref());
        Ok(program.is_some_and(|program| program.matches(frame.bytes, frame.wire_len)))
    }

    /// The names of the file that a tap is of, brought up to date.
    fn names<'a>(
        files: &'a mut AHashMap<u32, Names>,
        filter: &CaptureFilter,
        alone: bool,
        tap: TapId,
        (directory, of_addresses): (Option<&Arc<Directory>>, NamesOfAddresses<'_>),
    ) -> Result<&'a Names, Unfiltered> {
        let file = tap.0 / MAX_TAPS;
        let is_new = !files.contains_key(&file);
        let names = files.entry(file).or_insert_with(|| Names {
            filter: filter.clone(),
            directory: None,
            of_addresses: 0,
            version: 0,
        });
        let is_same = match (&names.directory, directory) {
            (Some(known), Some(directory)) => Arc::ptr_eq(known, directory),
            (None, None) => true,
            _ => false,
        };
        let is_same = is_same && names.of_addresses == of_addresses.version();
        if !is_same {
            names.directory = directory.cloned();
            names.of_addresses = of_addresses.version();
            names.version += 1;
        }
        let nobody = Directory::default();
        let known = Known { directory: directory.map_or(&nobody, Arc::as_ref), addresses: Some(of_addresses) };
        if is_new && alone {
            let why = (directory.is_none() && of_addresses.is_empty()).then_some(NO_NAMES);
            names.filter.resolve_among(known, why).map_err(|error| Unfiltered::Wrong(Box::new(error)))?;
        } else if is_new || !is_same {
            names.filter.follow_among(known);
        }
        Ok(names)
    }

    /// The error where a name was known in no file, at the end of all. `of_addresses` gives the names of the file that a
    /// tap is of.
    pub fn unknown<'a>(&self, of_addresses: impl Fn(TapId) -> NamesOfAddresses<'a>) -> Option<FilterError> {
        let nobody = Directory::default();
        let mut unknown = self.files.iter().map(|(file, names)| {
            let addresses = of_addresses(TapId(file * MAX_TAPS));
            let why = (names.directory.is_none() && addresses.is_empty()).then_some(NO_NAMES);
            let directory = names.directory.as_deref().unwrap_or(&nobody);
            names.filter.unknown(Known { directory, addresses: Some(addresses) }, why)
        });
        let first = unknown.next().flatten()?;
        unknown.all(|other| other.is_some_and(|other| other.span == first.span)).then_some(first)
    }
}

impl Names {
    /// The container whose namespace the tap is in.
    fn owner(&self, tap: &Tap) -> Option<&crate::docker::Container> {
        let (directory, namespace) = (self.directory.as_ref()?, tap.namespace.as_deref()?);
        directory.container_by_name(namespace).map(Arc::as_ref)
    }
}

impl Compiled {
    fn update(&mut self, names: &Names, tap: &Tap, shared: &mut Shared) {
        self.version = names.version;
        let owner = names.owner(tap);
        // In the namespace of a container that has stopped, what is left to come is still its own.
        if tap.namespace.is_some() && owner.is_none() {
            return;
        }
        let text = names.filter.text(owner);
        if *self.text != *text && self.program.is_some() {
            let (text, program) = shared.compile(text, tap.link);
            (self.text, self.program) = (text, program.ok());
        }
    }
}
