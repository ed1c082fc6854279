//! The files of a story that is to be told again: whether they can be read again, and whether they are still the same.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Messages;

/// The files, as they were when the story was told first.
pub(super) struct Originals<'a> {
    files: Vec<(&'a Path, Option<Mark>)>,
}

/// By what it is seen that a file is another one.
#[derive(PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    length: u64,
    modified: Option<SystemTime>,
}

impl Mark {
    fn new(file: &Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino(), length: file.len(), modified: file.modified().ok() }
    }
}

impl<'a> Originals<'a> {
    /// The files as they are now.
    pub fn new(names: &[&'a PathBuf]) -> Self {
        let mark = |name: &&'a PathBuf| (name.as_path(), fs::metadata(name).ok().map(|file| Mark::new(&file)));
        Self { files: names.iter().map(mark).collect() }
    }

    /// Why they cannot be read again, where they cannot. A pipe gives its bytes once.
    pub fn no_way_back(&self) -> Option<String> {
        let is_pipe = |name: &Path| fs::metadata(name).is_ok_and(|file| !file.is_file());
        self.files.iter().find_map(|(name, _)| match name.as_os_str() == "-" {
            true => Some("no way back: standard input cannot be read again; name the file instead".to_owned()),
            false => {
                is_pipe(name).then(|| format!("no way back: {} is a pipe and cannot be read again", name.display()))
            }
        })
    }

    /// Says which of them have changed; of one that is gone, opening it says so. From now on, they are as they are now.
    pub fn say_changes(&mut self, messages: &mut Messages) {
        for (name, mark) in &mut self.files {
            let Ok(file) = fs::metadata(*name) else { continue };
            let now = Some(Mark::new(&file));
            if mark.is_some() && *mark != now {
                messages.say(&format!("{} has changed since it was told: this is another story", name.display()));
            }
            *mark = now;
        }
    }
}
