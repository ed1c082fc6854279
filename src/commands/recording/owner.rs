//! The user who writes the files: bridgetap itself goes on as root, since it has to enter the namespaces of containers
//! that are yet to start.

use std::ffi::CString;
use std::io;

use nix::libc;
use nix::unistd::{self, Gid, Uid};

/// A user of this machine.
#[derive(Debug)]
pub(in crate::commands) struct User {
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
        let no_user = || format!("-Z {name}: there is no such user; getent passwd lists them");
        let user = unistd::User::from_name(name).map_err(|errno| format!("-Z {name}: {}", errno.desc()))?;
        let user = user.ok_or_else(no_user)?;
        let written = CString::new(name).map_err(|_| no_user())?;
        let groups = unistd::getgrouplist(&written, user.gid).unwrap_or_else(|_| vec![user.gid]);
        Ok(Self { name: name.to_owned(), uid: user.uid, gid: user.gid, groups })
    }

    /// What the user is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// From now on the files that the calling thread makes are the user's, and it may write where the user may. Only this
    /// thread: the identities for files belong to each (credentials(7), setfsuid(2)).
    pub fn become_for_files(&self) -> io::Result<()> {
        let groups: Vec<libc::gid_t> = self.groups.iter().map(|group| group.as_raw()).collect();
        #[expect(
            unsafe_code,
            reason = "the C library's setgroups changes all threads, the kernel's only the calling one"
        )]
        // SAFETY: the kernel reads as many ids as it is told, and the vector lives until the call has returned.
        let set = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
        if set != 0 {
            return Err(io::Error::last_os_error());
        }
        unistd::setfsgid(self.gid);
        unistd::setfsuid(self.uid);
        // The call itself does not say whether it went well; asked again, it gives what holds now.
        let holds = unistd::setfsuid(self.uid) == self.uid && unistd::setfsgid(self.gid) == self.gid;
        if holds { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}
