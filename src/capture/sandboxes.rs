//! New network namespaces, as soon as Docker makes them.
//!
//! A container often asks for names in its first millisecond: the application that looks its database up. The daemon
//! tells of a container only once it runs, and by then the first lookups are gone. But its namespace gets a file in a
//! folder of the daemon a good while before its process starts, and the kernel tells of that at once.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::privilege;

/// Where Docker keeps the namespaces of its containers (moby `libnetwork/osl/namespace_linux.go`), unless the daemon was
/// given another `--exec-root`.
pub const FOLDER: &str = "/var/run/docker/netns";

/// Calls `on_new` with the path of each namespace that appears in `folder`, from a thread of its own. At that moment the
/// file is there, but it may be some milliseconds until it can be entered.
///
/// # Errors
/// The folder is not there or cannot be read, or the kernel has no inotify instance left. Then containers are seen when
/// the daemon tells of them.
pub fn spawn(folder: &Path, on_new: impl Fn(PathBuf) + Send + 'static) -> io::Result<()> {
    let inotify = listen(folder)?;
    let folder = folder.to_owned();
    thread::Builder::new().name("sandboxes".to_owned()).spawn(move || {
        privilege::give_up_all();
        loop {
            match inotify.read_events() {
                Ok(events) => {
                    events.into_iter().filter_map(|event| event.name).for_each(|name| on_new(folder.join(name)));
                }
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    })?;
    Ok(())
}

/// The hidden namespace of an overlay network, which it has on this machine while a container on it runs here.
///
/// It is named by a number that counts how often the network was made here, and the beginning of the network's id,
/// twelve characters together (moby `libnetwork/drivers/overlay/ov_network.go`, `osl.GenerateKey`). The newest is given.
pub fn hidden(folder: &Path, network: &str) -> Option<PathBuf> {
    let times = |name: &str| {
        let (times, id) = name.split_once('-')?;
        let is_it = id.len() >= 4 && network.starts_with(id);
        times.parse::<u32>().ok().filter(|_| is_it)
    };
    let names = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
    let newest = names.filter_map(|name| Some((times(&name.to_string_lossy())?, name))).max()?;
    Some(folder.join(newest.1))
}

/// Whether a file in the folder is a container's namespace, by its name: twelve hexadecimal digits. The others are the
/// host's (`default`) and those of overlay networks and their load balancers (`1-…`, `lb_…`, `ingress_sbox`).
pub fn is_containers(path: &Path) -> bool {
    let name = path.file_name().map(std::ffi::OsStr::to_string_lossy).unwrap_or_default();
    name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Tries whether [`spawn`] would succeed, and lets go again.
pub fn try_to_listen(folder: &Path) -> io::Result<()> {
    listen(folder).map(drop)
}

fn listen(folder: &Path) -> io::Result<Inotify> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC)?;
    inotify.add_watch(folder, AddWatchFlags::IN_CREATE)?;
    Ok(inotify)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_new_file_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, receiver) = mpsc::channel();
        spawn(folder.path(), move |path| sender.send(path).unwrap_or_default()).unwrap();
        let path = folder.path().join("4f1c");
        std::fs::write(&path, b"").unwrap();
        assert_eq!(receiver.recv_timeout(Duration::from_secs(2)), Ok(path));
    }

    #[test]
    fn the_newest_namespace_of_an_overlay_network_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let network = "bce0ih2nbe7s82m7mrr2pfrrh";
        assert_eq!(hidden(folder.path(), network), None);
        for name in
            ["884ae0751c89", "1-bce0ih2nbe", "9-bce0ih2nbe", "10-bce0ih2nb", "2-pwqja5wrqt", "lb_bce0ih2nb", "3-"]
        {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        assert_eq!(hidden(folder.path(), network), Some(folder.path().join("10-bce0ih2nb")));
        assert_eq!(hidden(Path::new("/nonexistent"), network), None);
    }

    #[test]
    fn a_containers_namespace_is_known_by_its_name() {
        assert!(is_containers(Path::new("/var/run/docker/netns/884ae0751c89")));
        for other in ["default", "1-bce0ih2nbe", "lb_bce0ih2nb", "ingress_sbox", ""] {
            assert!(!is_containers(&Path::new("/var/run/docker/netns").join(other)), "{other}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(spawn(Path::new("/nonexistent/netns"), |_| ()).is_err());
    }
}
