//! Packet time: the only clock in decoding and tracking.
//!
//! Nothing here reads a clock. A [`Timestamp`] comes from a frame, or, while a live tap is idle, from the capture
//! room, which is the only place that may look at the machine's clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Nanoseconds since 1970-01-01T00:00:00Z, without leap seconds, as a capture gives them.
///
/// Covers the years 1970 to 2554. Arithmetic saturates: a hostile capture can hold any time at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The earliest time there is.
    pub const ZERO: Self = Self(0);
    /// The latest time there is.
    pub const MAX: Self = Self(u64::MAX);

    /// From whole nanoseconds since the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From seconds and nanoseconds since the epoch; `nanos` may exceed one second, as broken captures have it.
    pub const fn from_parts(seconds: u64, nanos: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    /// Whole nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this one; zero where the clock stepped back.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This time less `duration`, no earlier than [`Timestamp::ZERO`].
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Timestamp {
    /// Seconds and nanoseconds, for messages and tests. People read times through the render room.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// Whole nanoseconds of a time span, at most [`u64::MAX`]: 584 years.
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::ZERO.saturating_sub(Duration::from_secs(1)), Timestamp::ZERO);
        assert_eq!(Timestamp::from_parts(u64::MAX, 5), Timestamp::MAX);
    }

    #[test]
    fn a_clock_that_steps_back_gives_zero() {
        let (early, late) = (Timestamp::from_parts(1, 0), Timestamp::from_parts(1, 500));
        assert_eq!(late - early, Duration::from_nanos(500));
        assert_eq!(early - late, Duration::ZERO);
    }
}
