//! The recording beside the log: what is watched is also written, and all that a replay has to know.

use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::Sender;
use indicatif::{HumanBytes, HumanCount};

use super::super::Streams;
use super::super::bar::Bar;
use super::super::clients::Keep;
use super::super::confined;
use super::super::plan::Content;
use super::super::recording::{Ended, News, Recording, Rotation, Target, check_name};
use super::{Control, Purpose, Watching};
use crate::capture::write::{Interface, WriteError};
use crate::capture::{Aside, Tap, TapId};
use crate::cli;
use crate::docker::Directory;
use crate::filter::LOOKUPS;
use crate::host::Kept;

/// Sockets of containers on the host's network that are kept; more are left out.
const MAX_SOCKETS: usize = 4096;

/// What is kept of what is watched.
pub(super) struct Keeping {
    /// Where it is written.
    pub recording: Option<Recording>,
    /// How far the recording is, where there is no log.
    bar: Option<Bar>,
    /// There is no log.
    pub is_silent: bool,
}

impl Keeping {
    /// What the user asked for: a file, a log, or both. Gives up what neither takes.
    pub fn new(
        arguments: &cli::Watch,
        purpose: &Purpose,
        streams: &mut Streams,
        control: &Sender<Control>,
    ) -> Result<Self, String> {
        let tells = !matches!(purpose, Purpose::Record);
        let user = arguments.run_as.user.as_deref();
        // Before there is any thread; the one that writes is to have what only it takes.
        confined::to_watch(user, arguments.write.file.is_some())?;
        let recording = start(&arguments.write, user, tells, streams, control)?;
        confined::to_watch(None, false)?;
        let shows_progress = !tells && streams.messages_are_terminal;
        let bar = shows_progress.then(|| Bar::new(&mut streams.messages)).flatten();
        Ok(Self { recording, bar, is_silent: !tells })
    }
}

/// Starts the recording that the user asked for, if any.
fn start(
    write: &cli::Write,
    user: Option<&str>,
    tells: bool,
    streams: &mut Streams,
    control: &Sender<Control>,
) -> Result<Option<Recording>, String> {
    let Some(path) = write.file.clone() else { return Ok(None) };
    if tells && path.as_os_str() == "-" {
        return Err("-w - is standard output, where the log goes; record without --print, or name a file".to_owned());
    }
    let rotation = Rotation { bytes: write.file_size, seconds: write.file_seconds, files: write.file_count };
    if path.as_os_str() == "-" && rotation.is_any() {
        return Err("-w - is standard output, and -C and -G take files; name one".to_owned());
    }
    if rotation.files.is_some() && !rotation.is_any() {
        return Err("-W takes -C or -G: it says how many files there may be".to_owned());
    }
    check_name(&path, &rotation)?;
    let standard = streams.out_fd.take();
    let target = Target { path, standard, force: write.force, rotation, user: user.map(str::to_owned) };
    let control = control.clone();
    let told = move |ended| drop(control.send(Control::Recorded(ended)));
    Recording::start(target, told).map(Some).map_err(|error| error.to_string())
}

impl Recording {
    /// For what listens to the kernel.
    pub(in crate::commands) fn keep(&self) -> Keep {
        Box::new(self.listener())
    }
}

impl Watching {
    /// Begins the file, all being there that stands at its beginning.
    pub(super) fn begin_recording(&mut self) -> Result<(), ExitCode> {
        let Some(recording) = self.keeping.recording.as_mut() else { return Ok(()) };
        if std::fs::metadata(&recording.name).is_ok_and(|found| found.file_type().is_fifo()) {
            self.messages.say(&format!("{}: a pipe; it begins as soon as somebody reads it", recording.name));
        }
        recording.begin().map_err(|error| match error {
            // As behind `head`, which has seen enough.
            WriteError::ReaderGone => ExitCode::SUCCESS,
            // As all commands have it.
            WriteError::Exists { .. } => {
                self.messages.say(&error.to_string());
                ExitCode::from(2)
            }
            error => self.refuse(&error.to_string()),
        })
    }

    /// Describes a tap in the file, once it is known whose it is.
    pub(super) fn keep_tap(&self, id: TapId) {
        let Some(recording) = &self.keeping.recording else { return };
        let Some((open, tap)) = self.taps.get(&id).zip(self.output.namer.tap(id)) else { return };
        let filter = self.filter_text(&open.place, tap);
        let is_aside = open.place.content == Content::Published;
        let aside = is_aside.then_some(Aside { is_filtered: self.filter.is_some() });
        let interface = Interface {
            tap: Tap { aside, ..tap.clone() },
            description: description(tap, open.place.content),
            filter: filter.or_else(|| (open.place.content == Content::Lookups).then(|| LOOKUPS.to_owned())),
            snap_len: self.snap_len(open.place.content),
        };
        recording.tap(id, interface);
    }

    /// Nobody's container that is watched.
    pub(super) fn forget_tap(&self, id: TapId) {
        self.keeping.recording.iter().for_each(|recording| recording.forget(id));
    }

    pub(super) fn keep_names(&self, directory: &Arc<Directory>) {
        self.learn(|| News::Directory(Arc::clone(directory)));
    }

    pub(super) fn keep_interfaces(&self, interfaces: &BTreeMap<u32, String>) {
        self.learn(|| {
            let interfaces = Some(interfaces.clone());
            News::Host(Box::new(Kept { interfaces, ..Kept::default() }))
        });
    }

    pub(super) fn keep_sockets(&self) {
        let Some(owners) = &self.owners else { return };
        self.learn(|| {
            let (sockets, _) = owners.sockets().kept(MAX_SOCKETS);
            News::Host(Box::new(Kept { sockets: Some(sockets), ..Kept::default() }))
        });
    }

    fn learn(&self, news: impl FnOnce() -> News) {
        if let Some(recording) = &self.keeping.recording {
            recording.learn(news());
        }
    }

    /// The recording has ended by itself. Gives whether that is the end of all.
    pub(super) fn recorded(&mut self, ended: Ended) -> bool {
        match ended {
            Ended::Enough if self.keeping.is_silent => {}
            Ended::Enough => self.messages.say("there are as many files as -W asks for; the log goes on"),
            Ended::Failed(WriteError::ReaderGone) => {}
            Ended::Failed(error) => {
                let then = if self.keeping.is_silent { "" } else { "; the log goes on" };
                self.messages.say(&format!("{error}{then}"));
            }
        }
        self.keeping.is_silent
    }

    pub(super) fn show_progress(&self) {
        if let Some((bar, recording)) = self.keeping.bar.as_ref().zip(self.keeping.recording.as_ref()) {
            let progress = recording.progress();
            let (packets, bytes) = (&progress.packets, &progress.bytes);
            let (packets, bytes) = (packets.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
            bar.show(format!("{} packets, {}", HumanCount(packets), HumanBytes(bytes)));
        }
    }

    /// How much was written so far.
    pub(super) fn recorded_bytes(&self) -> u64 {
        self.keeping.recording.as_ref().map_or(0, |recording| recording.progress().bytes.load(Ordering::Relaxed))
    }

    /// Writes what is left, and says what there is.
    pub(super) fn finish_recording(&mut self) {
        if let Some(bar) = self.keeping.bar.take() {
            bar.clear();
        }
        let Some(recording) = self.keeping.recording.take() else { return };
        if !self.taps.is_empty() {
            let taps = HumanCount(self.taps.len() as u64);
            self.messages.say(&format!("{taps} interfaces did not end in time: what they saw last may be missing"));
            self.whole = false;
        }
        let progress = Arc::clone(recording.progress());
        let outcome = recording.finish();
        self.whole &= !outcome.failed;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (packets, bytes, files) = (count(&progress.packets), count(&progress.bytes), count(&progress.files));
        let place =
            if files > 1 { format!("{} files, the last {}", HumanCount(files), outcome.last) } else { outcome.last };
        let packets = match packets {
            1 => "1 packet".to_owned(),
            many => format!("{} packets", HumanCount(many)),
        };
        // With a log, the summary says what was dropped.
        let is_silent = self.keeping.is_silent;
        let dropped = is_silent.then(|| format!(", {} dropped by the kernel", HumanCount(self.drops.kernel)));
        self.messages.say(&format!("{packets} ({}) in {place}{}", HumanBytes(bytes), dropped.unwrap_or_default()));
        if outcome.lost > 0 {
            let lost = HumanCount(outcome.lost);
            self.messages
                .say(&format!("{lost} packets of containers that were starting found no room, and are missing"));
        }
        if outcome.unheard > 0 {
            let unheard = HumanCount(outcome.unheard);
            self.messages
                .say(&format!("{unheard} things that the kernel told of connections found no room, and are missing"));
        }
        if outcome.lacks_names {
            self.messages
                .say("the names took more room than a capture file has for them, and are missing from some point on");
        }
    }
}

/// What an interface is, for people who read the file with other tools.
fn description(tap: &Tap, content: Content) -> String {
    match (content, &tap.namespace, &tap.network) {
        (Content::Published, _, _) => "clients of published ports".to_owned(),
        (Content::Lookups, Some(container), _) => format!("lookups of {container}"),
        (_, Some(container), Some(network)) => format!("{} of {container}, network {network}", tap.interface),
        (_, Some(container), None) => format!("{} of {container}", tap.interface),
        (_, None, Some(network)) => format!("network {network}"),
        (_, None, None) => String::new(),
    }
}
