//! The files that a thread may still open (landlock(7), Linux 5.13). What is open stays open.
//!
//! A thread that is held so may also not look into processes that are not: the kernel takes `/proc/PID/fd` and
//! `/proc/PID/ns` of others for tracing them (`security/landlock/task.c`). So it is not for threads that look for
//! docker-proxy's sockets or for containers' namespaces.

use std::path::{Path, PathBuf};
use std::thread;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
};

/// What is known of Landlock here. A later kernel forbids no more than this by itself: that is to be tried first.
const KNOWN: ABI = ABI::V7;

/// What may still be opened. Nothing else, unless everything may be read.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Files and folders with all in them that may be read.
    pub read: Vec<PathBuf>,
    /// Folders whose names may be read, and no file in them.
    pub list: Vec<PathBuf>,
    /// Files that may be written, and folders in which files may be made, written and removed.
    pub write: Vec<PathBuf>,
    /// Connections may be begun and taken, and sockets without a path be reached.
    pub network: bool,
}

impl Files {
    /// All may be read, and nothing written: for what asks the daemon, by names that the C library looks up.
    pub fn read_only() -> Self {
        Self { read: vec![PathBuf::from("/")], network: true, ..Self::default() }
    }

    /// Lets the calling thread open nothing but these, and the threads that it makes, for good. A path that is not there
    /// is left out. Gives whether the kernel sees to it.
    pub fn restrict(&self) -> bool {
        self.enforce().is_ok_and(|status| matches!(status.landlock, LandlockStatus::Available { .. }))
    }

    fn enforce(&self) -> Result<RestrictionStatus, RulesetError> {
        let mut ruleset =
            Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(AccessFs::from_all(KNOWN))?;
        if !self.network {
            ruleset = ruleset.handle_access(AccessNet::from_all(KNOWN))?.scope(Scope::AbstractUnixSocket)?;
        }
        let mut created = ruleset.create()?;
        let reading = AccessFs::ReadFile | AccessFs::ReadDir;
        let making = AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg | AccessFs::RemoveFile;
        // A terminal that is opened for keys is also to be set.
        let writing = making | AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::IoctlDev;
        let listing: BitFlags<AccessFs> = AccessFs::ReadDir.into();
        let rules = [(&self.read, reading), (&self.list, listing), (&self.write, writing)];
        let rules = rules.into_iter().flat_map(|(paths, access)| paths.iter().map(move |path| (path, access)));
        for (path, access) in rules {
            let Some(beneath) = beneath(path, access) else { continue };
            // The kernel takes no rule for a pipe (`/dev/fd/63`), and lets it be opened.
            let _ = (&mut created).add_rule(beneath);
        }
        created.restrict_self()
    }
}

/// A rule for a path; a file takes only those rights that files have.
fn beneath(path: &Path, access: BitFlags<AccessFs>) -> Option<PathBeneath<PathFd>> {
    let opened = PathFd::new(path).ok()?;
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(KNOWN) };
    Some(PathBeneath::new(opened, access))
}

/// The version of the kernel's Landlock (its ABI), as far as it is known here; nothing where it has none, or was started
/// without.
pub fn landlock() -> Option<u32> {
    // It says so only when it is used, so a thread that ends at once uses it.
    let asked = thread::Builder::new().name("landlock".to_owned()).spawn(|| Files::read_only().enforce());
    match asked.ok()?.join().ok()?.ok()?.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            kernel_abi.map_or(Some(effective_abi as u32), |abi| u32::try_from(abi).ok())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::ErrorKind;

    /// Held so, on a thread that ends.
    fn held<T: Send>(files: &Files, work: impl FnOnce() -> T + Send) -> Option<T> {
        thread::scope(|scope| scope.spawn(|| files.restrict().then(work)).join().unwrap())
    }

    /// Why threads that look for docker-proxy's sockets are not held: what was measured.
    #[test]
    fn who_is_held_may_not_look_into_processes_that_are_not() {
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        let namespace = PathBuf::from(format!("/proc/{}/ns/net", child.id()));
        let look = || fs::read_link(&namespace).map_err(|error| error.kind());
        let (before, within) = (look(), held(&Files::read_only(), look));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(before.is_ok(), "{before:?}");
        assert!(within.is_none_or(|within| within == Err(ErrorKind::PermissionDenied)));
    }

    #[test]
    fn only_what_was_named_is_opened() {
        if landlock().is_none() {
            // Elsewhere nothing is to be seen of it; the doctor's check says so there.
            assert_eq!(held(&Files::default(), || ()), None);
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let [read, other, out] = ["read", "other", "out"].map(|name| folder.path().join(name));
        fs::create_dir(&out).unwrap();
        for path in [&read, &other] {
            fs::write(path, b"x").unwrap();
        }
        let files = Files {
            read: vec![read.clone(), "/nonexistent".into()],
            write: vec![out.clone()],
            list: vec![folder.path().to_owned()],
            network: false,
        };
        let denied =
            |result: std::io::Result<()>| result.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
        let checked = held(&files, || {
            assert_eq!(fs::read(&read).unwrap(), b"x");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
            assert!(denied(fs::read(&other).map(drop)) && denied(fs::write(&read, b"y")));
            assert!(denied(fs::write(folder.path().join("new"), b"y")));
            fs::write(out.join("new"), b"y").unwrap();
            fs::write(out.join("new"), b"z").unwrap();
            fs::remove_file(out.join("new")).unwrap();
            assert!(denied(std::net::TcpStream::connect("127.0.0.1:1").map(drop)) || landlock() < Some(4));
        });
        assert_eq!(checked, Some(()));
        let checked = held(&Files::read_only(), || {
            assert_eq!(fs::read(&other).unwrap(), b"x");
            assert!(denied(fs::write(&other, b"y")));
        });
        assert_eq!(checked, Some(()));
        fs::write(&other, b"y").unwrap();
    }
}
