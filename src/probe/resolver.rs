//! What a container says of itself that a question needs: its resolver, and the ports that it listens on.

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

use super::ProbeError;
use crate::capture::Namespace;
use crate::host::{self, Listener};

/// The most of a `resolv.conf` that is read, in bytes. glibc looks at three servers and six domains.
const MAX_FILE: u64 = 64 * 1024;
const PORT: u16 = 53;

/// The first resolver of the container in which a process is: the first `nameserver` of its `/etc/resolv.conf`
/// (resolv.conf(5)) that is an address; those with an interface beside them (`fe80::1%eth0`) are not taken. The port is 53.
///
/// # Errors
/// The process or the file is not there, or may not be read, or is no file; or it names no resolver.
pub fn resolver(process: u32) -> Result<SocketAddr, ProbeError> {
    let text = read(Path::new(&format!("/proc/{process}/root")));
    let text = text.map_err(|source| ProbeError::Resolver { process, source })?;
    let address = first_resolver(&text).ok_or(ProbeError::NoResolver { process })?;
    Ok(SocketAddr::new(address, PORT))
}

/// The TCP sockets that listen in a network namespace, in the order of their ports. Docker's resolver listens in each
/// container too, on 127.0.0.11 and a port that is another one each time.
///
/// # Errors
/// The namespace may not be entered, or the kernel does not tell its sockets.
pub fn listening(namespace: &Namespace) -> Result<Vec<Listener>, ProbeError> {
    namespace.within(host::listening)?.map_err(ProbeError::Sockets)
}

/// `/etc/resolv.conf` as it is inside a root, whose owner is not trusted.
fn read(root: &Path) -> io::Result<String> {
    let root = open(root, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    // Links, also absolute ones and "..", are followed as if `root` were the root: they never lead out to the host.
    let inside = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(inside);
    let found: File = openat2(root, "etc/resolv.conf", how)?.into();
    // Not opened yet: opening a FIFO may wait for ever, and opening a device may do anything.
    if !found.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let own = format!("/proc/self/fd/{}", found.as_raw_fd());
    let how = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file: File = nix::fcntl::openat(AT_FDCWD, own.as_str(), how, Mode::empty())?.into();
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn first_resolver(text: &str) -> Option<IpAddr> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        // The keyword must begin the line.
        let is_server = words.next() == Some("nameserver") && line.starts_with('n');
        words.next().filter(|_| is_server)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::unistd::mkfifo;

    use super::*;

    /// A root with an empty `etc`.
    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        root
    }

    fn conf(root: &tempfile::TempDir) -> std::path::PathBuf {
        root.path().join("etc/resolv.conf")
    }

    #[test]
    fn the_first_server_of_the_file_is_it() {
        for (text, first) in [
            ("nameserver 127.0.0.11\noptions ndots:0\n", Some("127.0.0.11")),
            ("# nameserver 9.9.9.9\nsearch a\n\nnameserver\t10.0.0.1 # why\nnameserver 10.0.0.2\n", Some("10.0.0.1")),
            ("nameserver fe80::1%eth0\nnameserver fd00::53\n", Some("fd00::53")),
            (" nameserver 10.0.0.1\nnameserver\nnameservers 10.0.0.2\nnameserver x\n", None),
            ("", None),
        ] {
            assert_eq!(first_resolver(text), first.map(|address| address.parse().unwrap()), "{text:?}");
        }
    }

    #[test]
    fn a_process_is_read_through_its_root() {
        // The test's own; some machines have no resolver.
        match (resolver(std::process::id()), std::fs::read_to_string("/etc/resolv.conf")) {
            (Ok(address), Ok(text)) => assert_eq!(Some(address.ip()), first_resolver(&text)),
            (Err(ProbeError::NoResolver { .. }), Ok(text)) => assert_eq!(first_resolver(&text), None),
            (Err(ProbeError::Resolver { .. }), Err(_)) => {}
            other => panic!("{other:?}"),
        }
        let error = resolver(u32::MAX).unwrap_err().to_string();
        let text = "/etc/resolv.conf of process 4294967295's container cannot be read: ";
        assert!(
            error.starts_with(text) && error.ends_with("; the container has stopped, or looks up no names"),
            "{error}"
        );
    }

    #[test]
    fn links_never_lead_out_of_the_root() {
        let outside = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(outside.path(), "nameserver 6.6.6.6\n").unwrap();
        let up = format!("{}{}", "../".repeat(20), outside.path().display());
        for target in [outside.path().to_str().unwrap(), &up, "/proc/self/root/etc/resolv.conf", "loop"] {
            let root = root();
            symlink("loop", root.path().join("etc/loop")).unwrap();
            symlink(target, conf(&root)).unwrap();
            assert!(read(root.path()).is_err(), "{target}");
        }
        // Those that stay inside are followed, as systemd-resolved's is.
        let root = root();
        std::fs::create_dir_all(root.path().join("run/stub")).unwrap();
        std::fs::write(root.path().join("run/stub/resolv.conf"), "nameserver 10.0.0.1\n").unwrap();
        for target in ["/run/stub/resolv.conf", "../run/stub/resolv.conf", "../../../run/stub/resolv.conf"] {
            let _ = std::fs::remove_file(conf(&root));
            symlink(target, conf(&root)).unwrap();
            assert_eq!(read(root.path()).unwrap(), "nameserver 10.0.0.1\n", "{target}");
        }
    }

    #[test]
    fn what_is_no_file_is_never_opened_and_a_huge_one_is_read_in_part() {
        let pipe = root();
        mkfifo(&conf(&pipe), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        assert_eq!(read(pipe.path()).unwrap_err().to_string(), "it is no file");
        let folder = root();
        std::fs::create_dir(conf(&folder)).unwrap();
        assert_eq!(read(folder.path()).unwrap_err().to_string(), "it is no file");
        let huge = root();
        File::create(conf(&huge)).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(huge.path()).unwrap().len() as u64, MAX_FILE);
    }

    #[test]
    fn bytes_that_are_no_text_are_harmless() {
        let root = root();
        std::fs::write(conf(&root), b"\xff\xfe\nnameserver \xff\nnameserver 10.0.0.1\n").unwrap();
        assert_eq!(first_resolver(&read(root.path()).unwrap()), Some("10.0.0.1".parse().unwrap()));
    }
}
