//! How HdrHistogram puts values into buckets.
//!
//! The first 2·10^digits values, rounded up to a power of two, have a bucket each. Each further octave has half as many
//! buckets, each twice as wide as those of the octave before: so a bucket is never wider than its values' last digit.
//! The source is HdrHistogram's `AbstractHistogram.java` (`init`, `getBucketIndex`, `countsArrayIndex`).

/// Significant digits of the values.
pub const DIGITS: u8 = 3;
/// The shortest time that is told from shorter ones, in nanoseconds.
pub const LOWEST: u64 = 1;
/// The longest time that is told from longer ones: one hour in nanoseconds.
pub const HIGHEST: u64 = 3_600_000_000_000;

/// The buckets of one range and precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The narrowest bucket is 2 to the power of this wide.
    unit_magnitude: u32,
    /// There are 2 to the power of this buckets in an octave, and twice as many in the first.
    octave_magnitude: u32,
}

/// The buckets of bridgetap's own distributions: 3 digits from 1 ns on. Up to one hour there are 33,421.
pub const NANOSECONDS: Layout = Layout { unit_magnitude: 0, octave_magnitude: 10 };

/// The rows of a heat map: quarters of an octave, 13 for each power of ten. Up to one hour there are 163.
pub const ROWS: Layout = Layout { unit_magnitude: 0, octave_magnitude: 2 };

impl Layout {
    /// The buckets that an HdrHistogram of these settings has: its `lowestDiscernibleValue` and its
    /// `numberOfSignificantValueDigits`. `None` where HdrHistogram would refuse them: `lowest` is 0, there are more than
    /// 5 digits, or a bucket would be out of the range of 63 bits.
    pub fn new(lowest: u64, digits: u32) -> Option<Self> {
        let unit_magnitude = lowest.checked_ilog2()?;
        let largest = 2 * 10_u32.checked_pow(digits).filter(|_| digits <= 5)?;
        let octave_magnitude = largest.next_power_of_two().ilog2() - 1;
        (unit_magnitude + octave_magnitude < 62).then_some(Self { unit_magnitude, octave_magnitude })
    }

    /// The bucket of a value.
    #[inline]
    pub const fn index(self, value: u64) -> usize {
        let first_octaves = self.unit_magnitude + self.octave_magnitude + 1;
        let octave = (u64::BITS - (value | ((1 << first_octaves) - 1)).leading_zeros()) - first_octaves;
        let place = value >> (octave + self.unit_magnitude);
        ((octave as u64) << self.octave_magnitude).wrapping_add(place) as usize
    }

    /// The least value of a bucket; `None` where the bucket is beyond 64 bits.
    pub const fn lowest(self, index: usize) -> Option<u64> {
        let (place, shift) = self.place(index);
        if place == 0 {
            return Some(0);
        }
        if place.leading_zeros() < shift { None } else { Some(place << shift) }
    }

    /// The greatest value of a bucket; `u64::MAX` for one that is beyond 64 bits.
    pub const fn highest(self, index: usize) -> u64 {
        match self.lowest(index) {
            Some(lowest) => lowest.saturating_add((1 << self.place(index).1) - 1),
            None => u64::MAX,
        }
    }

    /// The value that stands for a bucket in means, as HdrHistogram has it: its lowest and half of its width.
    pub const fn middle(self, index: usize) -> u64 {
        match self.lowest(index) {
            Some(lowest) => lowest.saturating_add((1 << self.place(index).1) >> 1),
            None => u64::MAX,
        }
    }

    /// How many octaves HdrHistogram says it has for values up to `highest`: its `bucketCount`.
    pub const fn octaves(self, highest: u64) -> u32 {
        (self.index(highest) >> self.octave_magnitude) as u32
            + if self.index(highest) >> self.octave_magnitude == 0 { 1 } else { 0 }
    }

    /// How many buckets the first octave has: HdrHistogram's `subBucketCount`.
    pub const fn first_octave(self) -> u32 {
        2 << self.octave_magnitude
    }

    /// The width of the narrowest buckets.
    pub const fn unit(self) -> u64 {
        1 << self.unit_magnitude
    }

    /// The place of a bucket in its octave, and the power of two that makes values of places; at most 63.
    const fn place(self, index: usize) -> (u64, u32) {
        let octaves = index >> self.octave_magnitude;
        let octave = if octaves == 0 { 0 } else { octaves - 1 };
        let shift = octave as u64 + self.unit_magnitude as u64;
        let place = (index - (octave << self.octave_magnitude)) as u64;
        (place, if shift > 63 { 63 } else { shift as u32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values at and around every power of two, and some between.
    fn values() -> impl Iterator<Item = u64> {
        (0..62).flat_map(|power| {
            let power = 1_u64 << power;
            [power - 1, power, power + 1, power + power / 3, power + power / 2 + 7]
        })
    }

    #[test]
    fn the_buckets_are_those_of_hdrhistogram() {
        for (lowest, digits) in [(1, 3), (1, 0), (1, 1), (1, 2), (1, 4), (1, 5), (1000, 3), (1024, 2), (7, 5)] {
            let theirs = hdrhistogram::Histogram::<u64>::new_with_bounds(lowest, u64::MAX / 4, digits).unwrap();
            let ours = Layout::new(lowest, u32::from(digits)).unwrap();
            for value in values() {
                let index = ours.index(value);
                assert_eq!(ours.lowest(index), Some(theirs.lowest_equivalent(value)), "{value} {lowest} {digits}");
                assert_eq!(ours.highest(index), theirs.highest_equivalent(value), "{value} {lowest} {digits}");
                assert_eq!(ours.middle(index), theirs.median_equivalent(value), "{value} {lowest} {digits}");
            }
            assert_eq!(ours.octaves(u64::MAX / 4), u32::from(theirs.buckets()), "{lowest} {digits}");
        }
        assert_eq!(Layout::new(1, u32::from(DIGITS)), Some(NANOSECONDS));
        assert_eq!((NANOSECONDS.octaves(HIGHEST), NANOSECONDS.first_octave()), (32, 2048));
    }

    #[test]
    fn what_hdrhistogram_refuses_has_no_layout() {
        for (lowest, digits) in [(0, 3), (1, 6), (1, u32::MAX), (u64::MAX, 3), (1 << 60, 3)] {
            assert_eq!(Layout::new(lowest, digits), None, "{lowest} {digits}");
        }
    }

    #[test]
    fn buckets_beyond_64_bits_are_refused() {
        for index in [usize::MAX, 1 << 40, 60 << 10] {
            assert_eq!(NANOSECONDS.lowest(index), None);
            assert_eq!(NANOSECONDS.highest(index), u64::MAX);
        }
    }
}
