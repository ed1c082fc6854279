//! The parts of root's power (capabilities(7)). They belong to each thread, and a new thread has those of the one that made it.

use std::io;

use caps::{CapSet, CapsHashSet};
use nix::unistd::geteuid;

pub use caps::Capability;

/// Gives up all capabilities of the calling thread but these, and with them the means of ever getting others. Those of
/// these that it has not it does not get.
///
/// # Errors
/// The kernel refuses, which it never does to give something up; a sandbox that is no kernel may.
pub fn keep(wanted: &[Capability]) -> io::Result<()> {
    let permitted = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    // After a change of user they are permitted only.
    caps::set(None, CapSet::Effective, &permitted).map_err(io::Error::other)?;
    if permitted.contains(&Capability::CAP_SETPCAP) {
        bound(wanted);
    }
    // Kernels before 4.3 have none of these.
    let _ = caps::clear(None, CapSet::Ambient);
    let kept: CapsHashSet = wanted.iter().copied().filter(|capability| permitted.contains(capability)).collect();
    caps::set(None, CapSet::Effective, &kept).map_err(io::Error::other)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(io::Error::other)?;
    caps::clear(None, CapSet::Inheritable).map_err(io::Error::other)
}

/// Gives up all of them, but for the one by which others than root find Docker's namespaces, whose folder is root's alone:
/// for threads that only look whether a namespace is still there.
///
/// # Errors
/// As of [`keep`].
pub fn keep_paths() -> io::Result<()> {
    keep(if is_root() { &[] } else { &[Capability::CAP_DAC_READ_SEARCH] })
}

/// What a program could get that this one starts. It takes `CAP_SETPCAP`; without it, it is left to there being no new
/// privileges.
fn bound(wanted: &[Capability]) {
    let bounding = caps::read(None, CapSet::Bounding).unwrap_or_default();
    for capability in bounding.into_iter().filter(|capability| !wanted.contains(capability)) {
        let _ = caps::drop(None, CapSet::Bounding, capability);
    }
}

/// Whether files are opened as root, who owns the most of them that matter.
pub fn is_root() -> bool {
    geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn what_was_given_up_is_gone_and_another_threads_is_not() {
        let before = caps::read(None, CapSet::Permitted).unwrap();
        let wanted = [Capability::CAP_NET_RAW, Capability::CAP_SYS_PTRACE];
        let kept = thread::spawn(move || {
            keep(&wanted).unwrap();
            let sets = [CapSet::Permitted, CapSet::Effective, CapSet::Inheritable];
            let kept = sets.map(|set| caps::read(None, set).unwrap());
            keep(&[]).unwrap();
            assert!(caps::read(None, CapSet::Permitted).unwrap().is_empty());
            keep(&wanted).unwrap();
            assert!(caps::read(None, CapSet::Permitted).unwrap().is_empty(), "it does not come back");
            kept
        });
        let [permitted, effective, inheritable] = kept.join().unwrap();
        let expected: CapsHashSet = wanted.into_iter().filter(|one| before.contains(one)).collect();
        assert_eq!((&permitted, &effective), (&expected, &expected));
        assert!(inheritable.is_empty());
        assert_eq!(caps::read(None, CapSet::Permitted).unwrap(), before);
    }
}
