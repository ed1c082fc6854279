//! Doing something inside another network namespace.
//!
//! Either a thread of its own enters it and ends ([`Namespace::within`]), or the calling thread stays there for good
//! ([`Namespace::enter`]); the rest of the program stays where it is. A socket stays in the namespace where it was made,
//! whoever reads it. It also keeps that namespace alive after its container has stopped, which is why
//! a namespace that was opened is asked whether its path still names it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs, statfs};

use super::Error;

/// Which namespace it is, however many paths name it: the inode of its file (namespaces(7)). No other has the same as
/// long as somebody is in it or has a socket of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespaceId {
    device: u64,
    inode: u64,
}

impl NamespaceId {
    /// Of the namespace that `path` names now; nothing where it names none that this user can see. Docker unmounts a
    /// namespace a moment before it removes the file.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let is_namespace = statfs(path).is_ok_and(|found| found.filesystem_type() == NSFS_MAGIC);
        is_namespace.then(|| Self::from(&metadata))
    }

    /// Of the network namespace that this program is in.
    pub fn own() -> Option<Self> {
        Self::of(Path::new("/proc/self/ns/net"))
    }

    /// The one with this number of inode, for tests.
    #[cfg(test)]
    pub(crate) fn test(inode: u64) -> Self {
        Self { device: 0, inode }
    }
}

impl From<&fs::Metadata> for NamespaceId {
    fn from(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// A network namespace that was opened, and can be entered whatever becomes of its path.
#[derive(Debug)]
pub struct Namespace {
    path: PathBuf,
    file: File,
    id: NamespaceId,
}

impl Namespace {
    /// Opens the one at `path`: `/var/run/docker/netns/4f1c…`, `/proc/4711/ns/net`.
    ///
    /// # Errors
    /// There is none, or only root may see it, or the file is none: Docker makes an empty file, and mounts the namespace
    /// on it a moment later.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| refused(path, source))?;
        let kind = fstatfs(&file).map_err(|errno| refused(path, errno.into()))?;
        if kind.filesystem_type() != NSFS_MAGIC {
            return Err(refused(path, io::ErrorKind::InvalidInput.into()));
        }
        let metadata = file.metadata().map_err(|source| refused(path, source))?;
        Ok(Self { path: path.to_owned(), id: NamespaceId::from(&metadata), file })
    }

    /// Which one it is.
    pub fn id(&self) -> NamespaceId {
        self.id
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the calling thread there, for good.
    ///
    /// # Errors
    /// It takes `CAP_SYS_ADMIN`.
    pub fn enter(&self) -> Result<(), Error> {
        setns(&self.file, CloneFlags::CLONE_NEWNET).map_err(|errno| refused(&self.path, errno.into()))
    }

    /// Calls `work` there, on a thread of its own.
    ///
    /// # Errors
    /// It takes `CAP_SYS_ADMIN`, and a thread more.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        thread::scope(|scope| {
            let entering = thread::Builder::new().name("namespace".to_owned()).spawn_scoped(scope, move || {
                self.enter()?;
                Ok(work())
            });
            let thread = entering.map_err(|source| refused(&self.path, source))?;
            let panicked = || refused(&self.path, io::Error::other("the thread that entered it panicked"));
            thread.join().unwrap_or_else(|_| Err(panicked()))
        })
    }

    /// Whether the path still names that namespace. Docker unmounts and removes it when the container stops, and a
    /// process takes its `/proc` entry with it.
    pub(super) fn is_there(&self) -> bool {
        NamespaceId::of(&self.path) == Some(self.id)
    }
}

fn refused(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => Error::NoNamespace { path: path.to_owned() },
        io::ErrorKind::PermissionDenied => Error::NotEntered { path: path.to_owned() },
        _ => Error::Namespace { path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_is_said_to_be_so() {
        let error = Namespace::open(Path::new("/run/netns/bt-not-there")).unwrap_err();
        assert!(matches!(error, Error::NoNamespace { .. }), "{error:?}");
        let text = "/run/netns/bt-not-there: no such network namespace; its container has stopped";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_file_that_is_no_namespace_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Namespace::open(file.path()).unwrap_err();
        assert!(error.to_string().contains("cannot be entered as a network namespace"), "{error}");
    }

    #[test]
    fn one_namespace_has_one_identity_by_every_path() {
        let own = Namespace::open(Path::new("/proc/self/ns/net")).unwrap();
        assert!(own.is_there());
        let id = format!("/proc/{}/ns/net", std::process::id());
        assert_eq!(NamespaceId::of(Path::new(&id)), NamespaceId::own());
        assert_eq!(NamespaceId::own(), Some(own.id()));
        assert_ne!(NamespaceId::of(Path::new("/proc/self/ns/uts")), Some(own.id()));
        for none in ["/nonexistent", "/proc/self/status"] {
            assert_eq!(NamespaceId::of(Path::new(none)), None, "{none}");
        }
    }
}
