//! The clocks of the machine, and waiting for a moment as exactly as it can be done.
//!
//! A probe is due by the monotonic clock, which nobody sets. Packets are stamped by the wall clock, which somebody may
//! set at any time. So both are read together just before each probe leaves, and its intended moment is told as the wall
//! clock stands *then*: the packets of the probe and of its answer are stamped with the same clock, whatever it was when
//! the prober began. Only an answer that comes after a step, to a probe from before, is measured with two clocks; a step
//! is noticed by what it did to the difference of the clocks, and told.

use std::hint;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId as Clock, clock_gettime};

use super::engine::{Woken, World};
use crate::capture::{Namespace, NamespaceId, Stop};
use crate::time::{Timestamp, nanos};

/// How long before a probe is due the thread wakes, and looks at the clock until then, as a processor that sleeps takes
/// tens of microseconds to wake. A fifth of the interval at most, so that it never costs more of a processor than that.
const SPIN: Duration = Duration::from_micros(100);
const SPIN_SHARE: u32 = 5;
/// Readings of both clocks that were interrupted in between are taken again, this often at most.
const READINGS: u32 = 5;
const CLOSE_ENOUGH: Duration = Duration::from_micros(1);
/// A smaller change of the wall clock is not told from readings that were interrupted.
const STEP: u64 = 1_000_000;

/// Both clocks, read at the same moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    /// `CLOCK_MONOTONIC`.
    pub monotonic: Duration,
    /// `CLOCK_REALTIME`, which packets are stamped with.
    pub wall: Timestamp,
    /// How long the reading took: how wrong the two may be to each other.
    pub apart: Duration,
}

impl Clocks {
    /// Reads the wall clock between two readings of the other one.
    fn read() -> Self {
        let mut best = Self::read_once();
        for _ in 1..READINGS {
            if best.apart <= CLOSE_ENOUGH {
                break;
            }
            let again = Self::read_once();
            if again.apart < best.apart {
                best = again;
            }
        }
        best
    }

    fn read_once() -> Self {
        let before = monotonic();
        let wall = since_zero(Clock::CLOCK_REALTIME);
        let apart = monotonic().saturating_sub(before);
        Self { monotonic: before + apart / 2, wall: Timestamp::ZERO + wall, apart }
    }

    /// What the wall clock, as it stands at this reading, shows or showed at a moment of the monotonic one.
    pub fn wall_at(&self, moment: Duration) -> Timestamp {
        // One of the two is zero.
        let (later, earlier) = (moment.saturating_sub(self.monotonic), self.monotonic.saturating_sub(moment));
        (self.wall + later).saturating_sub(earlier)
    }

    /// By how many nanoseconds the wall clock was set since an earlier reading; nothing where it just ran on. Corrections
    /// of its rate (adjtimex(2)) are in both clocks.
    pub fn stepped_since(&self, earlier: &Self) -> Option<i64> {
        let offset = |clocks: &Self| clocks.wall.as_nanos().wrapping_sub(nanos(clocks.monotonic));
        let by = offset(self).wrapping_sub(offset(earlier)).cast_signed();
        (by.unsigned_abs() >= STEP + nanos(self.apart) + nanos(earlier.apart)).then_some(by)
    }
}

/// The time since the machine started.
fn monotonic() -> Duration {
    since_zero(Clock::CLOCK_MONOTONIC)
}

/// Neither clock can fail: every kernel has both (`clock_gettime(2)`).
fn since_zero(clock: Clock) -> Duration {
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

/// This machine, as seen by a thread in the client's namespace.
pub(super) struct Machine {
    timer: TimerFd,
    spin: Duration,
    stop: Stop,
    namespace: Namespace,
}

impl Machine {
    pub fn new(namespace: Namespace, interval: Duration, stop: Stop) -> nix::Result<Self> {
        // Its timers are exact. poll(2), epoll and nanosleep round by the thread's timer slack: 50 µs, or a thousandth of
        // the wait; PR_SET_TIMERSLACK would mend the first only.
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        Ok(Self { timer, spin: SPIN.min(interval / SPIN_SHARE), stop, namespace })
    }
}

impl World for Machine {
    fn clocks(&self) -> Clocks {
        Clocks::read()
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_requested()
    }

    fn is_gone(&self) -> bool {
        NamespaceId::of(self.namespace.path()) != Some(self.namespace.id())
    }

    fn wait(&mut self, until: Duration, wake: Option<BorrowedFd<'_>>) -> nix::Result<Woken> {
        let early = until.saturating_sub(self.spin);
        if monotonic() < early {
            let at = Expiration::OneShot(TimeSpec::from(early));
            self.timer.set(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            let stop = self.stop.wake();
            let mut ends =
                [self.timer.as_fd(), stop, wake.unwrap_or(stop)].map(|end| PollFd::new(end, PollFlags::POLLIN));
            while let Err(errno) = poll(&mut ends, PollTimeout::NONE) {
                if errno != Errno::EINTR {
                    return Err(errno);
                }
            }
            if ends[0].any() != Some(true) {
                return Ok(Woken::Called);
            }
        }
        while monotonic() < until {
            hint::spin_loop();
        }
        Ok(Woken::Due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn clocks(monotonic: Duration, wall: Duration) -> Clocks {
        Clocks { monotonic, wall: Timestamp::ZERO + wall, apart: Duration::ZERO }
    }

    #[test]
    fn a_moment_is_told_as_the_wall_clock_stands_now() {
        let now = clocks(SECOND * 10, SECOND * 1000);
        assert_eq!(now.wall_at(SECOND * 9), Timestamp::from_parts(999, 0));
        assert_eq!(now.wall_at(SECOND * 12), Timestamp::from_parts(1002, 0));
        assert_eq!(clocks(SECOND * 10, SECOND).wall_at(Duration::ZERO), Timestamp::ZERO);
    }

    #[test]
    fn a_step_is_told_and_running_on_is_not() {
        let start = clocks(SECOND * 10, SECOND * 1000);
        assert_eq!(clocks(SECOND * 99, SECOND * 1089).stepped_since(&start), None);
        assert_eq!(clocks(SECOND * 11, SECOND * 1003).stepped_since(&start), Some(2_000_000_000));
        assert_eq!(clocks(SECOND * 11, SECOND * 900).stepped_since(&start), Some(-101_000_000_000));
        // A reading that was interrupted for 2 ms may be as wrong as that.
        let late = clocks(SECOND * 11, SECOND * 1001 + Duration::from_millis(2));
        assert_eq!(late.stepped_since(&start), Some(2_000_000));
        assert_eq!(Clocks { apart: Duration::from_millis(2), ..late }.stepped_since(&start), None);
    }

    #[test]
    fn the_machine_waits_until_the_moment_or_until_it_is_called() {
        let stop = Stop::new().unwrap();
        let namespace = Namespace::open("/proc/self/ns/net".as_ref()).unwrap();
        let mut machine = Machine::new(namespace, Duration::from_millis(10), stop.clone()).unwrap();
        let until = monotonic() + Duration::from_millis(5);
        assert_eq!(machine.wait(until, None), Ok(Woken::Due));
        assert!(monotonic() >= until);
        // A moment that has passed is due at once.
        assert_eq!(machine.wait(until, None), Ok(Woken::Due));
        assert!(!machine.is_gone() && !machine.is_stopped());
        stop.request();
        assert_eq!(machine.wait(monotonic() + SECOND * 60, None), Ok(Woken::Called));
        assert!(machine.is_stopped());
    }
}
