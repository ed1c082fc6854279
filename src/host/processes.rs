//! `/proc`: which processes there are, in which network and container, with which sockets.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use ahash::AHashSet;
use nix::errno::Errno;
use nix::fcntl::readlinkat;

use super::{Error, Source, container_of};

/// How many processes are looked at; the largest `pid_max` of a 64-bit kernel is 4,194,304.
const MAX_PROCESSES: usize = 131_072;
/// How many descriptors of one process are looked at.
const MAX_DESCRIPTORS: usize = 65_536;

/// The processes as a mounted `/proc` shows them.
pub(super) struct Processes {
    root: PathBuf,
    /// The program's own network namespace: `net:[4026531840]`.
    network: PathBuf,
    /// The container that the program itself runs in.
    container: Option<String>,
}

impl Processes {
    /// Those of this machine.
    pub(super) fn new() -> Result<Self, Error> {
        Self::below(Path::new("/proc"))
    }

    /// Those below a folder that looks like `/proc`.
    pub(super) fn below(root: &Path) -> Result<Self, Error> {
        let own = root.join("self");
        let network = fs::read_link(own.join("ns/net")).map_err(|error| failed(&error))?;
        let cgroup = fs::read_to_string(own.join("cgroup")).unwrap_or_default();
        let container = container_of(&cgroup, None).map(str::to_owned);
        Ok(Self { root: root.to_owned(), network, container })
    }

    /// The ids of all processes, at most 131,072.
    pub(super) fn ids(&self) -> Result<Vec<u32>, Error> {
        let entries = fs::read_dir(&self.root).map_err(|error| failed(&error))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        Ok(names.filter_map(|name| name.to_str()?.parse().ok()).take(MAX_PROCESSES).collect())
    }

    /// Whether a process is in the program's own network namespace. A process of another user is not told.
    pub(super) fn is_in_this_network(&self, id: u32) -> io::Result<bool> {
        Ok(fs::read_link(self.file(id, "ns/net"))? == self.network)
    }

    /// The container that a process belongs to, within the one that the program runs in.
    pub(super) fn container(&self, id: u32) -> Option<String> {
        let cgroup = fs::read_to_string(self.file(id, "cgroup")).ok()?;
        container_of(&cgroup, self.container.as_deref()).map(str::to_owned)
    }

    /// The arguments of a process, its name first. Empty for a kernel thread and a process that has ended.
    pub(super) fn arguments(&self, id: u32) -> Vec<OsString> {
        let line = fs::read(self.file(id, "cmdline")).unwrap_or_default();
        let arguments = line.split(|byte| *byte == 0).map(|argument| OsString::from_vec(argument.to_vec()));
        arguments.collect()
    }

    /// The inodes of the sockets that a process has: at most 65,536 descriptors are looked at.
    pub(super) fn sockets(&self, id: u32) -> io::Result<AHashSet<u32>> {
        // Relative to the folder, a link is read in a fifth of the time.
        let folder = File::open(self.file(id, "fd"))?;
        let entries = fs::read_dir(self.file(id, "fd"))?.flatten().take(MAX_DESCRIPTORS);
        let links = entries.filter_map(|entry| readlinkat(&folder, entry.file_name().as_os_str()).ok());
        Ok(links.filter_map(|link| inode(link.to_str()?)).collect())
    }

    fn file(&self, id: u32, name: &str) -> PathBuf {
        self.root.join(id.to_string()).join(name)
    }
}

/// The inode of a descriptor that is a socket: `socket:[4711]`.
fn inode(link: &str) -> Option<u32> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn failed(error: &io::Error) -> Error {
    let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    Error::of(Source::Processes, errno)
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A process below a made-up `/proc`.
    pub(in crate::host) fn make(root: &Path, id: &str, network: u32, cgroup: &str, arguments: &str, sockets: &[u32]) {
        let folder = root.join(id);
        fs::create_dir_all(folder.join("ns")).unwrap();
        fs::create_dir_all(folder.join("fd")).unwrap();
        symlink(format!("net:[{network}]"), folder.join("ns/net")).unwrap();
        fs::write(folder.join("cgroup"), cgroup).unwrap();
        fs::write(folder.join("cmdline"), arguments.replace(' ', "\0") + "\0").unwrap();
        symlink("/dev/null", folder.join("fd/0")).unwrap();
        symlink("pipe:[99]", folder.join("fd/1")).unwrap();
        for (at, inode) in sockets.iter().enumerate() {
            symlink(format!("socket:[{inode}]"), folder.join(format!("fd/{}", at + 3))).unwrap();
        }
    }

    #[test]
    fn a_process_has_a_network_a_container_and_sockets() {
        const ID: &str = "20c2b24ef429b6cbf60b7b56658b2de6c07d7400f609b8d32ee9a67be125da2d";
        let root = tempfile::tempdir().unwrap();
        make(root.path(), "self", 1, "0::/\n", "bridgetap", &[]);
        make(root.path(), "7", 1, &format!("0::/docker/{ID}\n"), "nginx -g daemon", &[11, 12]);
        make(root.path(), "8", 2, "0::/system.slice/x.service\n", "x", &[]);
        let processes = Processes::below(root.path()).unwrap();
        let mut ids = processes.ids().unwrap();
        ids.sort_unstable();
        assert_eq!(ids, [7, 8]);
        assert!(processes.is_in_this_network(7).unwrap());
        assert!(!processes.is_in_this_network(8).unwrap());
        assert!(processes.is_in_this_network(9).is_err());
        assert_eq!(processes.container(7).as_deref(), Some(ID));
        assert_eq!(processes.container(8), None);
        assert_eq!(processes.arguments(7).first().unwrap(), "nginx");
        assert_eq!(processes.sockets(7).unwrap(), AHashSet::from_iter([11, 12]));
    }

    #[test]
    fn this_very_process_is_among_those_of_the_machine() {
        let processes = Processes::new().unwrap();
        let own = std::process::id();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(processes.ids().unwrap().contains(&own));
        assert!(processes.is_in_this_network(own).unwrap());
        assert!(!processes.sockets(own).unwrap().is_empty(), "{listener:?}");
    }

    #[test]
    fn a_folder_without_processes_is_an_error_with_a_remedy() {
        let root = tempfile::tempdir().unwrap();
        let error = Processes::below(root.path()).err().unwrap().to_string();
        assert!(
            error.starts_with("this kernel has not got the processes in /proc: mount -t proc proc /proc"),
            "{error}"
        );
    }
}
