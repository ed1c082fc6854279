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
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(spawn(Path::new("/nonexistent/netns"), |_| ()).is_err());
    }
}
