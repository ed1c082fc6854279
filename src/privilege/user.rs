//! Another user than root, for the whole process (credentials(7)).

use std::ffi::CString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::prctl::set_keepcaps;
use nix::unistd::{self, Gid, Uid};

use super::{Capability, keep};

/// Groups that a socket may belong to and that are worth nothing more than that: not root's own.
const ROOT_GROUP: u32 = 0;
/// The group may write: `S_IWGRP`, which connecting to a socket takes (unix(7)).
const GROUP_WRITES: u32 = 0o020;

/// A user of this machine.
#[derive(Clone, Debug)]
pub struct User {
    name: String,
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl User {
    /// The user of that name.
    ///
    /// # Errors
    /// There is none, or the machine does not tell: in words.
    pub fn find(name: &str) -> Result<Self, String> {
        let no_user = || format!("--user {name}: there is no such user; getent passwd lists them");
        let user = unistd::User::from_name(name).map_err(|errno| format!("--user {name}: {}", errno.desc()))?;
        let user = user.ok_or_else(no_user)?;
        let written = CString::new(name).map_err(|_| no_user())?;
        let groups = unistd::getgrouplist(&written, user.gid).unwrap_or_else(|_| vec![user.gid]);
        Ok(Self { name: name.to_owned(), uid: user.uid, gid: user.gid, groups })
    }

    /// Adds the group that a socket belongs to, where its members may connect and it is not root's: so that it can be
    /// connected to again later.
    #[must_use]
    pub fn reaching(mut self, socket: &Path) -> Self {
        let group = socket.metadata().ok().filter(|found| found.mode() & GROUP_WRITES != 0).map(|found| found.gid());
        self.groups.extend(group.filter(|group| *group != ROOT_GROUP).map(Gid::from_raw));
        self
    }

    /// From now on the process is this user's, all threads of it; the calling one keeps these capabilities, and all else
    /// that root may is gone. Files that are made are the user's.
    ///
    /// # Errors
    /// It takes root, unless it is this user's already: in words.
    pub fn become_it(&self, wanted: &[Capability]) -> Result<(), String> {
        let refused = |why: &dyn std::fmt::Display| format!("--user {}: {why}; it takes root", self.name);
        if unistd::getuid() != self.uid || unistd::geteuid() != self.uid {
            self.change().map_err(|error| refused(&error.desc()))?;
        }
        keep(wanted).map_err(|error| refused(&error))
    }

    fn change(&self) -> nix::Result<()> {
        set_keepcaps(true)?;
        unistd::setgroups(&self.groups)?;
        // All three of each, so that there is no way back.
        unistd::setresgid(self.gid, self.gid, self.gid)?;
        unistd::setresuid(self.uid, self.uid, self.uid)?;
        set_keepcaps(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_is_not_there_is_said() {
        let why = User::find("no-such-user").unwrap_err();
        assert!(why.contains("--user no-such-user: there is no such user"), "{why}");
        assert!(User::find("a\0b").is_err());
        assert_eq!(User::find("root").unwrap().uid, Uid::from_raw(0));
    }

    #[test]
    fn roots_group_is_not_added_for_a_socket() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let user = User::find("root").unwrap();
        let groups = user.groups.len();
        for (mode, group, more) in [(0o660, Some(12345), 1), (0o640, Some(12345), 0), (0o660, Some(0), 0)] {
            if unistd::chown(&socket, None, group.map(Gid::from_raw)).is_err() {
                // Without root, a socket is of one's own group.
                return;
            }
            std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(user.clone().reaching(&socket).groups.len(), groups + more, "{mode:o} {group:?}");
        }
        assert_eq!(user.clone().reaching(Path::new("/nonexistent")).groups.len(), groups);
    }
}
