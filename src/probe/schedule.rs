//! When each probe is due. Arithmetic only: who asks says what time it is.

use std::time::Duration;

/// A probe that should have left longer ago than this is told as [failed](super::Failure::TooLate), not sent: a program
/// that was stopped for an hour must not send an hour's probes in one second.
pub const MAX_LATENESS: Duration = Duration::from_secs(10);

/// Probe k is intended at `start + k * interval`, by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    start: Duration,
    interval: Duration,
    count: Option<u64>,
    next: u64,
}

/// A probe that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub number: u64,
    pub intended: Duration,
}

impl Schedule {
    pub const fn new(start: Duration, interval: Duration, count: Option<u64>) -> Self {
        Self { start, interval, count, next: 0 }
    }

    /// The number of the next probe, also where none is left.
    pub const fn number(&self) -> u64 {
        self.next
    }

    /// When the next probe is intended; nothing where all were given.
    pub fn next_at(&self) -> Option<Duration> {
        let is_left = self.count.is_none_or(|count| self.next < count);
        // Each from the start, not from the one before: errors would add up.
        is_left.then(|| self.start.saturating_add(times(self.interval, self.next)))
    }

    /// The next probe, if it is due.
    pub fn due(&mut self, now: Duration) -> Option<Due> {
        let intended = self.next_at().filter(|at| *at <= now)?;
        let number = self.next;
        self.next = number.saturating_add(1);
        Some(Due { number, intended })
    }
}

/// `Duration` itself multiplies by 32 bits only: five days of 100 µs.
fn times(interval: Duration, number: u64) -> Duration {
    let nanos = interval.as_nanos().saturating_mul(u128::from(number));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(number: u64, millis: u32) -> Due {
        Due { number, intended: MS * millis }
    }

    #[test]
    fn each_probe_is_an_interval_after_the_one_before() {
        let mut schedule = Schedule::new(MS * 5, MS * 10, Some(3));
        assert_eq!(schedule.due(MS * 4), None);
        assert_eq!(schedule.due(MS * 5), Some(at(0, 5)));
        assert_eq!((schedule.due(MS * 14), schedule.next_at()), (None, Some(MS * 15)));
        let due: Vec<_> = std::iter::from_fn(|| schedule.due(MS * 1000)).collect();
        assert_eq!(due, [at(1, 15), at(2, 25)]);
        assert_eq!((schedule.next_at(), schedule.number()), (None, 3));
    }

    #[test]
    fn being_asked_late_moves_none() {
        let mut schedule = Schedule::new(Duration::ZERO, MS * 10, None);
        for number in 0..100_u32 {
            // Always 3 ms late: the next is still counted from the start.
            assert_eq!(schedule.due(MS * (number * 10 + 3)), Some(at(u64::from(number), number * 10)));
        }
    }

    #[test]
    fn far_numbers_neither_wrap_nor_drift() {
        let interval = Duration::from_micros(100);
        let mut schedule = Schedule::new(Duration::from_secs(1), interval, None);
        schedule.next = 100_000_000_000;
        assert_eq!(schedule.next_at(), Some(Duration::from_secs(10_000_001)));
        schedule.next = u64::MAX;
        assert!(schedule.next_at().is_some_and(|at| at > Duration::from_secs(1 << 33)));
    }
}
