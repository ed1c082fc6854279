//! The time stamps of a pcapng interface: `if_tsresol` and `if_tsoffset`.

use crate::time::Timestamp;

/// How the time stamps of one interface become nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    unit: Unit,
    /// Added to each time.
    offset_nanos: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// One unit is so many nanoseconds.
    Nanos(u64),
    /// So many units are one nanosecond.
    PerNano(u64),
    /// One second is two to the power of this.
    Binary(u32),
}

impl Default for Clock {
    /// Microseconds since 1970, where options say nothing else.
    fn default() -> Self {
        Self { unit: Unit::Nanos(1000), offset_nanos: 0 }
    }
}

impl Clock {
    /// From the options: `resolution` is a negative power of ten, or with its top bit set, of two;
    /// `offset_seconds` is added to each time.
    pub(super) fn new(resolution: u8, offset_seconds: i64) -> Self {
        let power = u32::from(resolution & 0x7f);
        let unit = if resolution & 0x80 != 0 {
            Unit::Binary(power)
        } else if power <= 9 {
            Unit::Nanos(10_u64.pow(9 - power))
        } else {
            // Finer than 10^-28 s, 64 bits of units are less than a nanosecond.
            Unit::PerNano(10_u64.checked_pow(power - 9).unwrap_or(u64::MAX))
        };
        Self { unit, offset_nanos: offset_seconds.saturating_mul(1_000_000_000) }
    }

    /// The time that `units` are.
    #[inline]
    pub(super) fn time(self, units: u64) -> Timestamp {
        let nanos = match self.unit {
            Unit::Nanos(each) => units.saturating_mul(each),
            Unit::PerNano(each) => units / each,
            Unit::Binary(power) => {
                let nanos = (u128::from(units) * 1_000_000_000) >> power;
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        Timestamp::from_nanos(nanos.saturating_add_signed(self.offset_nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(resolution: u8, offset: i64, units: u64) -> u64 {
        Clock::new(resolution, offset).time(units).as_nanos()
    }

    #[test]
    fn powers_of_ten() {
        assert_eq!(Clock::new(6, 0), Clock::default());
        assert_eq!(nanos(0, 0, 3), 3_000_000_000);
        assert_eq!(nanos(3, 0, 3), 3_000_000);
        assert_eq!(nanos(6, 0, 3), 3_000);
        assert_eq!(nanos(9, 0, 3), 3);
        assert_eq!(nanos(12, 0, 3_999), 3);
        assert_eq!(nanos(127, 0, u64::MAX), 1);
        assert_eq!(nanos(0, 0, u64::MAX), u64::MAX);
    }

    #[test]
    fn powers_of_two() {
        assert_eq!(nanos(0x80, 0, 2), 2_000_000_000);
        assert_eq!(nanos(0x80 | 0x0a, 0, 1024 + 512), 1_500_000_000);
        assert_eq!(nanos(0x80 | 0x20, 0, (7 << 32) + (1 << 31)), 7_500_000_000);
        assert_eq!(nanos(0xff, 0, u64::MAX), 0);
        assert_eq!(nanos(0x80, 0, u64::MAX), u64::MAX);
    }

    #[test]
    fn offsets_saturate() {
        assert_eq!(nanos(6, 2, 1), 2_000_001_000);
        assert_eq!(nanos(6, -1, 1_500_000), 500_000_000);
        assert_eq!(nanos(6, -1, 0), 0);
        assert_eq!(nanos(9, i64::MAX, u64::MAX), u64::MAX);
        assert_eq!(nanos(9, i64::MIN, 5), 0);
    }
}
