//! What each command keeps of root's power, which of its threads, and from when on. docs/security.md has the same as a
//! table, and `tests/live/security.rs` holds it to that.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;

use crate::docker::{DaemonConfig, DaemonEndpoint};
use crate::privilege::{Capability, Files, User, forbid_calls, is_root, keep, keep_paths};

/// To open taps in namespaces that are yet to come, and to say whose a socket of the host is.
const WATCHING: &[Capability] = &[
    // Packet sockets.
    Capability::CAP_NET_RAW,
    // Connection tracking, and receive buffers for it.
    Capability::CAP_NET_ADMIN,
    // Entering network namespaces; the filter of calls leaves little else of it.
    Capability::CAP_SYS_ADMIN,
    // /proc/PID/fd and /proc/PID/ns of processes that may more than this one.
    Capability::CAP_SYS_PTRACE,
    // /proc/PID/fd of other users' processes, and Docker's folder where one is not root.
    Capability::CAP_DAC_READ_SEARCH,
];
/// The same once connection tracking is listened to.
const WATCHING_ON: &[Capability] =
    &[Capability::CAP_NET_RAW, Capability::CAP_SYS_ADMIN, Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];
/// The same where only interfaces of this machine are watched.
const WATCHING_HERE: &[Capability] =
    &[Capability::CAP_NET_RAW, Capability::CAP_NET_ADMIN, Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];
/// To look at the links of namespaces.
const LOOKING: &[Capability] =
    &[Capability::CAP_SYS_ADMIN, Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];
/// To listen to connection tracking, and to look for docker-proxy's sockets.
const LISTENING: &[Capability] =
    &[Capability::CAP_NET_ADMIN, Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];
/// To open what the user named, whoever owns it.
const READING: &[Capability] = &[Capability::CAP_DAC_READ_SEARCH];
/// To write where the user said, whoever owns the folder: as root without it, only root's.
const WRITING: &[Capability] = &[Capability::CAP_DAC_OVERRIDE];
/// What says how late it is on the clock at the wall, and is read again while the program runs.
const TIME_ZONES: [&str; 5] =
    ["/etc/localtime", "/etc/timezone", "/etc/zoneinfo", "/usr/share/zoneinfo", "/usr/share/lib/zoneinfo"];

/// At the beginning of every command. What of it the kernel does not have, the doctor says.
pub(super) fn begin() {
    let _ = forbid_calls();
}

/// Gives up what watching does not take; where `writes`, a thread is yet to be made that writes files. Becomes `user`.
///
/// # Errors
/// There is no such user, or the process may not become it: in words.
pub(super) fn to_watch(user: Option<&str>, writes: bool) -> Result<(), String> {
    let writing = if writes && is_root() && user.is_none() { WRITING } else { &[] };
    hold(user, &[WATCHING, writing].concat())
}

/// Gives up what is not needed to show networks.
///
/// # Errors
/// As of [`to_watch`].
pub(super) fn to_look(user: Option<&str>) -> Result<(), String> {
    hold(user, LOOKING)
}

/// Gives up everything but to open these files, and to write that one. What has nothing to do with them, no file can make
/// the program read, write or reach. Becomes `user`.
///
/// # Errors
/// As of [`to_watch`].
pub(super) fn to_read<'a>(
    user: Option<&str>,
    read: impl Iterator<Item = &'a PathBuf>,
    write: Option<&Path>,
) -> Result<(), String> {
    // Whoever it is, is in files that cannot be read any more after this.
    let user = user.map(User::find).transpose()?;
    let named: Vec<_> = read.filter(|path| path.as_os_str() != "-").cloned().collect();
    // Of a file that is not there, one beside it is named.
    let list = named.iter().filter(|path| !path.exists()).map(|path| folder(path).to_owned()).collect();
    let read = named.iter().cloned().chain(time_zones()).collect();
    // Keys are read from the terminal.
    let write = write.into_iter().map(place).chain([PathBuf::from("/dev/tty")]).collect();
    Files { read, list, write, network: false }.restrict();
    let writing = if is_root() && user.is_none() { WRITING } else { &[] };
    let kept = [READING, writing].concat();
    user.map_or_else(|| give_up(&kept), |user| user.become_it(&kept))?;
    if open_for_anyone(&named) { give_up(writing) } else { Ok(()) }
}

/// Whether all of them are files that can be opened without any of root's power: then none is kept for it.
fn open_for_anyone(files: &[PathBuf]) -> bool {
    let open = || keep(&[]).is_ok() && files.iter().all(|file| file.is_file() && File::open(file).is_ok());
    // A thread that ends at once gives it up.
    thread::scope(|scope| thread::Builder::new().spawn_scoped(scope, open).ok()?.join().ok()).unwrap_or(false)
}

/// All files are open, but for that which may be written, and unless they are read `again`.
///
/// # Errors
/// The kernel refuses.
pub(super) fn have_opened(again: bool, writes: bool) -> Result<(), String> {
    let reading = if again { READING } else { &[] };
    let writing = if writes { WRITING } else { &[] };
    give_up(&[reading, writing].concat())
}

/// All taps are open, and new ones can only be of interfaces of this machine. Without Docker, and without an interface
/// that may come back, there is nothing left to do but to read what comes.
///
/// # Errors
/// The kernel refuses.
pub(super) fn have_opened_taps(has_docker: bool, opens_more: bool) -> Result<(), String> {
    if has_docker {
        return give_up(WATCHING_HERE);
    }
    give_up(if opens_more { &[Capability::CAP_NET_RAW] } else { &[] })?;
    Files::read_only().restrict();
    Ok(())
}

/// Connection tracking is listened to, or cannot be: the thread that does has what it takes.
pub(super) fn have_listened() {
    let _ = keep(WATCHING_ON);
}

/// For the thread of a tap that is open. libpcap reads drops of the interface from /sys.
pub(super) fn tap() {
    let _ = keep_paths();
    Files { read: vec!["/sys".into()], ..Files::default() }.restrict();
}

/// For the thread that listens to connection tracking. It looks into processes, so its files cannot be restricted.
pub(super) fn listener() {
    let _ = keep(LISTENING);
}

/// For a thread that writes these files, and beside them only others of the same folders.
pub(super) fn writer(files: &[PathBuf]) {
    let _ = keep(if is_root() { WRITING } else { &[] });
    let write = files.iter().map(|file| place(file)).collect();
    Files { read: time_zones().collect(), write, ..Files::default() }.restrict();
}

fn hold(user: Option<&str>, wanted: &[Capability]) -> Result<(), String> {
    let Some(user) = user else { return give_up(wanted) };
    let user = User::find(user)?;
    let user = match DaemonConfig::of_process().environment.endpoint() {
        Ok(DaemonEndpoint::Unix(socket)) => user.reaching(&socket),
        // Who cannot be reached, is said by whoever asks.
        Ok(_) | Err(_) => user,
    };
    user.become_it(wanted)
}

fn give_up(wanted: &[Capability]) -> Result<(), String> {
    keep(wanted).map_err(|error| format!("the rights that are not needed cannot be given up: {error}"))
}

/// What is to be written for a file: its folder, where others may come beside it; a pipe or a device only itself. A folder
/// whose name has a time in it is yet to be.
fn place(file: &Path) -> PathBuf {
    if file.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return file.to_owned();
    }
    let mut place = folder(file);
    while place.to_string_lossy().contains('%') {
        place = folder(place);
    }
    place.to_owned()
}

/// The folder that a path is in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

fn time_zones() -> impl Iterator<Item = PathBuf> {
    // As tzset(3) reads it: a path, perhaps behind a colon.
    let own =
        env::var("TZ").ok().map(|zone| zone.trim_start_matches(':').to_owned()).filter(|zone| zone.starts_with('/'));
    TIME_ZONES.into_iter().map(PathBuf::from).chain(own.map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_for_files_of_others_something_is_kept() {
        use std::os::unix::fs::{PermissionsExt, chown};

        let folder = tempfile::tempdir().unwrap();
        let [own, others] = ["own", "others"].map(|name| folder.path().join(name));
        for file in [&own, &others] {
            std::fs::write(file, "x").unwrap();
        }
        assert!(open_for_anyone(&[own.clone(), others.clone()]));
        assert!(!open_for_anyone(&[own.clone(), folder.path().join("not there")]));
        std::fs::set_permissions(&others, PermissionsExt::from_mode(0o600)).unwrap();
        // Without root, a file is one's own.
        if chown(&others, Some(65534), None).is_ok() {
            assert!(!open_for_anyone(&[own, others]));
        }
    }

    #[test]
    fn a_file_is_written_in_its_folder_and_a_device_as_it_is() {
        for (file, expected) in [
            ("lab.pcapng", "."),
            ("out/lab.pcapng", "out"),
            ("/nonexistent/lab-%H.pcapng", "/nonexistent"),
            ("/nonexistent/%d/lab-%H.pcapng", "/nonexistent"),
            ("%d/lab.pcapng", "."),
            ("/lab.pcapng", "/"),
            ("/dev/null", "/dev/null"),
        ] {
            assert_eq!(place(Path::new(file)), Path::new(expected), "{file}");
        }
    }
}
