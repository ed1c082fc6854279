//! What can go wrong when a capture is written, in words for the person who named the file.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};

use crate::capture::error::{escaped, shown};

/// Why a capture file could not be written, or not to the end.
#[derive(Debug)]
pub enum WriteError {
    /// There is such a file, and nobody said that it may go.
    Exists {
        /// The path as it was given.
        path: PathBuf,
    },
    /// There is no folder for it.
    NoFolder {
        /// The path as it was given.
        path: PathBuf,
    },
    /// It is a folder.
    IsFolder {
        /// The path as it was given.
        path: PathBuf,
    },
    /// It is a symbolic link, which is not followed: somebody else may have put it there.
    IsLink {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The user who writes may not make it.
    Permission {
        /// The path as it was given.
        path: PathBuf,
        /// The user, where that is not who runs the program.
        user: Option<String>,
    },
    /// The disk is full, or the user's share of it. What was written before is a whole file.
    Full {
        /// The file.
        name: String,
    },
    /// Whoever read it has gone.
    ReaderGone,
    /// Writing failed for another reason.
    Io {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

impl WriteError {
    /// From the error that making `path` gave.
    pub(super) fn making(path: &Path, source: io::Error, user: Option<&str>) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            io::ErrorKind::NotFound => Self::NoFolder { path },
            io::ErrorKind::IsADirectory => Self::IsFolder { path },
            _ if source.raw_os_error() == Some(nix::libc::ELOOP) => Self::IsLink { path },
            io::ErrorKind::PermissionDenied => Self::Permission { path, user: user.map(str::to_owned) },
            _ => Self::writing(&path.to_string_lossy(), source),
        }
    }

    /// From the error that writing to `name` gave.
    pub(super) fn writing(name: &str, source: io::Error) -> Self {
        let name = name.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { name }
            }
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Io { name, source },
        }
    }
}

impl Display for WriteError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists { path } => {
                write!(f, "{}: there is such a file already; name another one, or replace it with --force", shown(path))
            }
            Self::NoFolder { path } => match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                Some(folder) => {
                    write!(f, "{}: there is no folder {}; make it with mkdir -p", shown(path), shown(folder))
                }
                None => write!(f, "{}: the folder that this runs in is gone", shown(path)),
            },
            Self::IsFolder { path } => write!(f, "{}: is a folder; name a file in it", shown(path)),
            Self::IsLink { path } => {
                write!(f, "{}: is a symbolic link, which is not followed; name the file itself", shown(path))
            }
            Self::Permission { path, user: None } => {
                write!(f, "{}: permission denied; name a file where you may write", shown(path))
            }
            Self::Permission { path, user: Some(user) } => write!(
                f,
                "{}: the user {} may not write there; name a file where that user may, or another user with --user",
                shown(path),
                escaped(user)
            ),
            Self::Full { name } => {
                write!(
                    f,
                    "{}: the disk is full, or the file as long as it may be; what was written is kept",
                    escaped(name)
                )
            }
            Self::ReaderGone => f.write_str("whoever read the capture has gone"),
            Self::Io { name, source } => {
                write!(f, "{}: cannot be written: {source}; what was written is kept", escaped(name))
            }
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
