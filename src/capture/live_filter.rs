//! The capture filter of a live tap, which may change while the tap is open.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nix::libc;
use nix::sys::eventfd::{EfdFlags, EventFd};
use pcap::{Active, Capture};

use super::bpf::{Instruction, instructions, rejects_all};
use super::open::said;
use super::{Error, LinkType};

/// A filter that somebody may change, and that the tap which follows it heeds at once, wherever it sleeps.
#[derive(Clone, Debug)]
pub struct LiveFilter(Arc<State>);

#[derive(Debug)]
struct State {
    /// Counts the changes, so that a tap sees without a lock that nothing changed.
    version: AtomicU64,
    expression: Mutex<String>,
    wake: EventFd,
}

impl LiveFilter {
    /// A filter in the syntax of pcap-filter(7), without names.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new(expression: String) -> Result<Self, Error> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map_err(|errno| {
            Error::Capture { interface: "a file descriptor for a filter".to_owned(), why: errno.desc().to_owned() }
        })?;
        Ok(Self(Arc::new(State { version: AtomicU64::new(1), expression: Mutex::new(expression), wake })))
    }

    /// Changes it; nothing happens where it is the same.
    pub fn set(&self, expression: String) {
        let mut current = self.0.expression.lock().unwrap_or_else(PoisonError::into_inner);
        if *current == expression {
            return;
        }
        *current = expression;
        self.0.version.fetch_add(1, Ordering::Release);
        // It can only fail by being written 2^64 - 1 times without being read.
        let _ = self.0.wake.write(1);
    }

    pub(super) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// What it is now; the next change wakes again.
    pub(super) fn take(&self) -> String {
        let current = self.0.expression.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing to read is nothing to clear.
        let _ = self.0.wake.read();
        current.clone()
    }

    /// A descriptor that is readable from a change until it was taken.
    pub(super) fn wake(&self) -> BorrowedFd<'_> {
        self.0.wake.as_fd()
    }
}

/// A filter as one tap follows it.
#[derive(Debug)]
pub(super) struct Following {
    pub filter: LiveFilter,
    version: u64,
    /// libpcap filters, and has to go on doing so: it may do it in the program where the kernel could not.
    by_libpcap: bool,
}

impl Following {
    pub fn new(filter: LiveFilter) -> Self {
        Self { filter, version: 0, by_libpcap: false }
    }

    /// Puts the filter in force if it changed; whether it did.
    ///
    /// The kernel swaps the old program for the new one, and no packet comes between them. `pcap_setfilter` would let
    /// nothing through for a moment and, for what is in the ring, forget the filter that it was let in by. Only where
    /// the kernel does not see the frames as libpcap shows them (cooked ones), or takes no program so long, it is
    /// libpcap's to do.
    pub fn apply(&mut self, capture: &mut Capture<Active>, link: LinkType) -> Result<bool, Error> {
        let version = self.filter.version();
        if version == self.version {
            return Ok(false);
        }
        self.version = version;
        let expression = self.filter.take();
        let wrong = |error: pcap::Error| Error::Filter { filter: expression.clone(), why: said(&error) };
        // What the optimiser finds no packet to fit, it refuses; not optimised, it is a filter like any other.
        let optimize = !matches!(capture.compile(&expression, true), Err(error) if rejects_all(&error));
        let program = capture.compile(&expression, optimize).map_err(wrong)?;
        let cooked = matches!(link, LinkType::LINUX_SLL | LinkType::LINUX_SLL2);
        self.by_libpcap |= cooked || !attach(capture, &instructions(program.get_instructions()));
        if self.by_libpcap {
            capture.filter(&expression, optimize).map_err(wrong)?;
        }
        Ok(true)
    }
}

/// Gives the socket a program in place of the one it has (`SO_ATTACH_FILTER`, socket(7)); false where it refuses.
fn attach(capture: &Capture<Active>, program: &[Instruction]) -> bool {
    let own = |at: &Instruction| libc::sock_filter { code: at.code, jt: at.jump_true, jf: at.jump_false, k: at.k };
    let mut program: Vec<_> = program.iter().map(own).collect();
    let Ok(len) = u16::try_from(program.len()) else { return false };
    let program = libc::sock_fprog { len, filter: program.as_mut_ptr() };
    #[expect(unsafe_code, reason = "nix has no such socket option")]
    // SAFETY: the kernel reads `len` instructions through a pointer into a vector that lives until after the call, and
    // keeps neither; the descriptor is that of an open capture, which is borrowed.
    let done = unsafe {
        libc::setsockopt(
            capture.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            std::ptr::from_ref(&program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    done == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_a_change() {
        let filter = LiveFilter::new("tcp".to_owned()).unwrap();
        let other = filter.clone();
        let before = filter.version();
        other.set("tcp".to_owned());
        assert_eq!(filter.version(), before);
        other.set("udp".to_owned());
        assert_ne!(filter.version(), before);
        assert_eq!(filter.take(), "udp");
    }
}
