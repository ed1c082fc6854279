//! Doing something inside another network namespace.
//!
//! A thread of its own enters it and ends, so that the rest of the program stays where it is. A socket stays in the
//! namespace where it was made, whoever reads it. It also keeps that namespace alive after its container has stopped,
//! which is why [`Identity`] is there to tell.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use nix::sched::{CloneFlags, setns};

use super::Error;

/// Calls `work` inside the network namespace at `path`: `/var/run/docker/netns/4f1c…`, `/proc/4711/ns/net`.
///
/// `interface` is what the caller wants there, for the error message.
pub(super) fn within<T: Send>(path: &Path, interface: &str, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    let file = File::open(path).map_err(|source| refused(path, interface, source))?;
    thread::scope(|scope| {
        let entering = thread::Builder::new().name("namespace".to_owned()).spawn_scoped(scope, move || {
            setns(file, CloneFlags::CLONE_NEWNET)?;
            Ok(work())
        });
        let entered = entering.and_then(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that entered it panicked")))
        });
        entered.map_err(|source| refused(path, interface, source))
    })
}

fn refused(path: &Path, interface: &str, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => Error::NoNamespace { path: path.to_owned() },
        io::ErrorKind::PermissionDenied => {
            Error::NotPermitted { interface: interface.to_owned(), namespace: Some(path.to_owned()) }
        }
        _ => Error::Namespace { path: path.to_owned(), source },
    }
}

/// Which namespace it was that a path named.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Identity {
    /// Of the namespace at `path` now. `interface` is what the caller wants there, for the error message.
    pub(super) fn of(path: &Path, interface: &str) -> Result<Self, Error> {
        let metadata = fs::metadata(path).map_err(|source| refused(path, interface, source))?;
        Ok(Self { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() })
    }

    /// The path as it was given.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still names that namespace. Docker unmounts and removes it when the container stops, and a
    /// process takes its `/proc` entry with it.
    pub(super) fn is_there(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|now| now.dev() == self.device && now.ino() == self.inode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_is_said_to_be_so() {
        let error = within(Path::new("/run/netns/bt-not-there"), "lo", || ()).unwrap_err();
        assert!(matches!(error, Error::NoNamespace { .. }), "{error:?}");
        let text = "/run/netns/bt-not-there: no such network namespace; its container has stopped";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_file_that_is_no_namespace_cannot_be_entered() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = within(file.path(), "lo", || ()).unwrap_err();
        assert!(error.to_string().contains("cannot be entered as a network namespace: Invalid argument"), "{error}");
    }

    #[test]
    fn a_namespace_that_is_replaced_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ns");
        fs::write(&path, b"").unwrap();
        let identity = Identity::of(&path, "lo").unwrap();
        assert!(identity.is_there());
        fs::rename(&path, folder.path().join("old")).unwrap();
        assert!(!identity.is_there());
        fs::write(&path, b"").unwrap();
        assert!(!identity.is_there());
    }
}
