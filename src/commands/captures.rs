//! The capture files of a replay: opened, and how far they were read.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use indicatif::{ProgressBar, ProgressStyle};

use super::stdin::Stdin;
use super::{Messages, Streams};
use crate::capture::Error;
use crate::capture::file::{FileSource, MAX_TAPS};
use crate::cli::{self, Pace};

/// Files smaller than this are read before a progress bar could be drawn.
const BIG: u64 = 64 * 1024 * 1024;

/// Opens the files that can be opened, and says why the others cannot.
pub(super) fn open_all(
    names: &[&PathBuf],
    options: &cli::Output,
    stop: &Arc<AtomicBool>,
    messages: &mut Messages,
) -> Vec<FileSource> {
    let interfaces = options.caps.get(cli::Cap::Interfaces, MAX_TAPS as usize) as u32;
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        match open(name, stop) {
            Ok(mut file) => {
                file.set_most_taps(interfaces);
                files.push(file);
            }
            Err(error) => messages.say(&error.to_string()),
        }
    }
    files
}

fn open(name: &Path, stop: &Arc<AtomicBool>) -> Result<FileSource, Error> {
    if name.as_os_str() == "-" {
        let name = "standard input";
        let stdin = Stdin::new(Arc::clone(stop)).map_err(|source| Error::Io { name: name.to_owned(), source })?;
        FileSource::from_reader(Box::new(stdin), name, 0)
    } else {
        FileSource::open(name, 0)
    }
}

/// A bar on standard error, where somebody sees it and it does not get between the lines of the log.
pub(super) fn bar(files: &[FileSource], arguments: &cli::Replay, streams: &Streams) -> Option<ProgressBar> {
    let size = files.iter().map(FileSource::size).sum::<Option<u64>>().filter(|&size| size >= BIG)?;
    let free = (!streams.out_is_terminal || arguments.output.summary) && arguments.pace == Pace::Max;
    if !free || !streams.messages_are_terminal || !io::stderr().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("{bar:40} {percent}%  {binary_bytes_per_sec}, {eta} left").ok()?;
    Some(ProgressBar::new(size).with_style(style))
}
