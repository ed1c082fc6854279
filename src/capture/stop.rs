//! The request to stop capturing, and the clock that says when it was made.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::Error;
use crate::time::Timestamp;

/// The request to stop, shared by all taps and whoever asks for it.
#[derive(Clone, Debug)]
pub struct Stop(Arc<StopState>);

#[derive(Debug)]
struct StopState {
    /// Written once and never read, so that it wakes every tap.
    wake: EventFd,
    /// When it was asked for, in nanoseconds since the epoch; 0 is not yet.
    at: AtomicU64,
}

impl Stop {
    /// A request that nobody has made yet.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new() -> Result<Self, Error> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map_err(|errno| {
            Error::Capture { interface: "a file descriptor to stop with".to_owned(), why: errno.desc().to_owned() }
        })?;
        Ok(Self(Arc::new(StopState { wake, at: AtomicU64::new(0) })))
    }

    /// Asks every tap to end with what was seen until now. The first request counts. Never blocks.
    pub fn request(&self) {
        self.request_at(now());
    }

    /// The same, with what was seen until `at`, so that several taps end at the same moment.
    pub fn request_at(&self, at: Timestamp) {
        let at = at.as_nanos().max(1);
        if self.0.at.compare_exchange(0, at, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            // It can only fail by being written 2^64 - 1 times.
            let _ = self.0.wake.write(1);
        }
    }

    /// Whether it was asked for.
    pub fn is_requested(&self) -> bool {
        self.requested_at().is_some()
    }

    /// When it was asked for.
    pub fn requested_at(&self) -> Option<Timestamp> {
        match self.0.at.load(Ordering::Acquire) {
            0 => None,
            nanos => Some(Timestamp::from_nanos(nanos)),
        }
    }

    /// A descriptor that is readable from the request on.
    pub fn wake(&self) -> BorrowedFd<'_> {
        self.0.wake.as_fd()
    }
}

/// The requests of all taps that are open, so that whoever hears of the end can make them all at one moment.
#[derive(Clone, Debug, Default)]
pub struct Stops(Arc<Mutex<AllStops>>);

#[derive(Debug, Default)]
struct AllStops {
    requested_at: Option<Timestamp>,
    open: Vec<Stop>,
}

impl Stops {
    /// Adds that of a tap. Where all were asked to stop, it is too.
    pub fn add(&self, stop: &Stop) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of taps that have ended are nobody else's any more.
        all.open.retain(|stop| Arc::strong_count(&stop.0) > 1);
        all.open.push(stop.clone());
        if let Some(at) = all.requested_at {
            stop.request_at(at);
        }
    }

    /// Asks every tap to end with what was seen until now. The first request counts.
    pub fn request(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = *all.requested_at.get_or_insert_with(now);
        all.open.iter().for_each(|stop| stop.request_at(at));
    }

    /// When it was asked for.
    pub fn requested_at(&self) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).requested_at
    }
}

/// The clock that the kernel stamps packets with.
#[expect(clippy::disallowed_methods, reason = "when no packet comes, nothing else says how late it is")]
pub(super) fn now() -> Timestamp {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(Timestamp::ZERO, |since| Timestamp::ZERO + since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_taps_stop_at_one_moment_also_those_that_are_opened_later() {
        let (all, [first, second, late]) = (Stops::default(), [(); 3].map(|()| Stop::new().unwrap()));
        all.add(&first);
        all.add(&second);
        assert_eq!((all.requested_at(), first.requested_at()), (None, None));
        drop(second);
        all.clone().request();
        all.add(&late);
        all.request();
        assert!(all.requested_at().is_some());
        assert_eq!([first.requested_at(), late.requested_at()], [all.requested_at(); 2]);
        assert_eq!(all.0.lock().unwrap().open.len(), 2, "what nobody else holds is let go");
    }

    #[test]
    fn the_first_request_to_stop_counts() {
        let stop = Stop::new().unwrap();
        assert!(!stop.is_requested());
        let other = stop.clone();
        other.request();
        let at = stop.requested_at();
        assert!(at.is_some());
        stop.request();
        assert_eq!(stop.requested_at(), at);
    }
}
