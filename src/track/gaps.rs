//! Which numbers of one direction of a TCP connection were passed over: bytes that are missing, or still to come.

use super::segment::before;

/// So many gaps are remembered; with one more the first is taken to be filled. A burst of losses has one gap for each
/// segment that was lost, and an end that hears of it sends little more until they are filled. Who makes that many in each
/// direction of every connection takes 64 MiB with them at the default of `--max-flows`.
const MOST: usize = 16;

/// What is this far behind the latest number is given up: it is not sent any more, and before long its numbers are those
/// of other bytes.
const REACH: u32 = 1 << 30;

/// The gaps, the earlier ones first: of each the first number, and the number after its last.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps(Vec<(u32, u32)>);

impl Gaps {
    /// None are known any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// A gap behind all that are known.
    pub fn open(&mut self, start: u32, end: u32) {
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.insert(self.0.len(), (start, end));
    }

    /// The latest number is this now.
    pub fn follow(&mut self, latest: u32) {
        if self.0.first().is_some_and(|(_, end)| latest.wrapping_sub(*end) > REACH) {
            self.0.remove(0);
        }
    }

    /// Numbers that were seen; how many of them were missing.
    pub fn fill(&mut self, start: u32, end: u32) -> u32 {
        let (mut filled, mut at) = (0, 0);
        while let Some(&(from, to)) = self.0.get(at) {
            let (low, high) = (later(start, from), earlier(end, to));
            if !before(low, high) {
                at += 1;
                continue;
            }
            filled += high.wrapping_sub(low);
            self.0.remove(at);
            for rest in [(from, low), (high, to)] {
                if rest.0 != rest.1 && self.0.len() < MOST {
                    self.insert(at, rest);
                    at += 1;
                }
            }
        }
        filled
    }

    /// Most connections that have a gap have one, so room is made for as many as there are, and then for twice as many.
    fn insert(&mut self, at: usize, gap: (u32, u32)) {
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(self.0.len().max(1));
        }
        self.0.insert(at, gap);
    }
}

const fn later(a: u32, b: u32) -> u32 {
    if before(a, b) { b } else { a }
}

const fn earlier(a: u32, b: u32) -> u32 {
    if before(a, b) { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_filled_once_from_whichever_side() {
        let mut gaps = Gaps::default();
        gaps.open(100, 200);
        gaps.open(300, 400);
        assert_eq!(gaps.fill(200, 300), 0, "was seen");
        assert_eq!(gaps.fill(150, 160), 10, "from the middle");
        assert_eq!(gaps.fill(150, 160), 0, "again");
        assert_eq!(gaps.fill(190, 310), 20, "two at once");
        assert_eq!(gaps.fill(0, 1000), 50 + 30 + 90);
        assert_eq!(gaps.0.len(), 0);
    }

    #[test]
    fn numbers_go_over_their_end() {
        let mut gaps = Gaps::default();
        gaps.open(u32::MAX - 9, 10);
        assert_eq!(gaps.fill(u32::MAX - 4, 5), 10);
        assert_eq!(gaps.fill(u32::MAX - 99, 100), 10);
    }

    #[test]
    fn what_is_far_behind_is_given_up_before_its_numbers_come_again() {
        let mut gaps = Gaps::default();
        gaps.open(0, 100);
        let mut latest = 200_u32;
        for _ in 0..40 {
            gaps.follow(latest);
            latest = latest.wrapping_add(1 << 27);
        }
        assert_eq!((gaps.0.len(), gaps.fill(0, 100)), (0, 0));
    }

    #[test]
    fn the_first_of_too_many_is_forgotten() {
        let mut gaps = Gaps::default();
        let all = MOST as u32 + 1;
        for number in 1..=all {
            gaps.open(number * 200, number * 200 + 100);
        }
        assert_eq!((gaps.fill(200, 300), gaps.fill(400, 500)), (0, 100));
        assert_eq!(gaps.fill(640, 650), 10, "in two");
        assert_eq!((gaps.0.len(), gaps.fill(600, 1000)), (MOST, 190));
        assert!(gaps.0.capacity() <= MOST);
    }

    #[test]
    fn any_order_counts_each_number_once() {
        let (mut numbers, mut forgot) = (7_u32, 0);
        for _ in 0..2000 {
            let mut gaps = Gaps::default();
            gaps.open(1000, 1064);
            let mut missing = [true; 64];
            for _ in 0..40 {
                numbers = numbers.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (start, length) = (numbers >> 26, (numbers >> 16) & 7);
                let end = (start + length).min(64);
                let fresh = missing[start as usize..end as usize].iter().filter(|missing| **missing).count();
                let filled = gaps.fill(1000 + start, 1000 + end) as usize;
                // One gap too many is not remembered, so that it may be less.
                assert!(filled <= fresh);
                forgot += usize::from(filled < fresh);
                missing[start as usize..end as usize].fill(false);
            }
        }
        assert_eq!(forgot, 0, "64 numbers seldom have that many gaps");
    }
}
