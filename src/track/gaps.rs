//! Which numbers of one direction of a TCP connection were passed over: bytes that are missing, or still to come.

use super::segment::before;

/// So many gaps are remembered; with one more the first is taken to be filled. A burst of losses has one gap for each
/// segment that was lost, and an end that hears of it sends no more until they are filled.
const MOST: usize = 3;

/// What is this far behind the latest number is given up: it is not sent any more, and before long its numbers are those
/// of other bytes.
const REACH: u32 = 1 << 30;

/// The gaps, the earlier ones first. Most connections have none, and there may be many connections: so they are apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps(Option<Box<Known>>);

impl Gaps {
    /// A gap behind all that are known.
    pub fn open(&mut self, start: u32, end: u32) {
        self.0.get_or_insert_default().open(start, end);
    }

    /// The latest number is this now.
    pub fn follow(&mut self, latest: u32) {
        if let Some(known) = &mut self.0 {
            known.follow(latest);
        }
    }

    /// Numbers that were seen; how many of them were missing.
    pub fn fill(&mut self, start: u32, end: u32) -> u32 {
        self.0.as_mut().map_or(0, |known| known.fill(start, end))
    }

    #[cfg(test)]
    fn len(&self) -> u8 {
        self.0.as_ref().map_or(0, |known| known.len)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// First number of each, and the number after its last.
    gaps: [(u32, u32); MOST],
    len: u8,
}

impl Known {
    fn open(&mut self, start: u32, end: u32) {
        if usize::from(self.len) == MOST {
            self.gaps.rotate_left(1);
            self.len -= 1;
        }
        self.insert(usize::from(self.len), (start, end));
    }

    fn follow(&mut self, latest: u32) {
        if self.len > 0 && latest.wrapping_sub(self.gaps[0].1) > REACH {
            self.remove(0);
        }
    }

    fn fill(&mut self, start: u32, end: u32) -> u32 {
        let (mut filled, mut at) = (0, 0);
        while let Some(&(from, to)) = self.gaps.get(..usize::from(self.len)).and_then(|gaps| gaps.get(at)) {
            let (low, high) = (later(start, from), earlier(end, to));
            if !before(low, high) {
                at += 1;
                continue;
            }
            filled += high.wrapping_sub(low);
            self.remove(at);
            for rest in [(from, low), (high, to)] {
                if rest.0 != rest.1 && usize::from(self.len) < MOST {
                    self.insert(at, rest);
                    at += 1;
                }
            }
        }
        filled
    }

    fn insert(&mut self, at: usize, gap: (u32, u32)) {
        if let Some(tail) = self.gaps.get_mut(at..) {
            tail.rotate_right(1);
            if let Some(first) = tail.first_mut() {
                *first = gap;
                self.len += 1;
            }
        }
    }

    fn remove(&mut self, at: usize) {
        if let Some(tail) = self.gaps.get_mut(at..) {
            tail.rotate_left(1);
            self.len -= 1;
        }
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
        assert_eq!(gaps.len(), 0);
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
        assert_eq!((gaps.len(), gaps.fill(0, 100)), (0, 0));
    }

    #[test]
    fn the_first_of_too_many_is_forgotten() {
        let mut gaps = Gaps::default();
        for start in [100, 300, 500, 700] {
            gaps.open(start, start + 100);
        }
        assert_eq!((gaps.fill(100, 200), gaps.fill(300, 400)), (0, 100));
        assert_eq!(gaps.fill(540, 550), 10, "in two");
        assert_eq!(gaps.fill(500, 800), 190);
    }

    #[test]
    fn any_order_counts_each_number_once() {
        let mut numbers = 7_u32;
        for _ in 0..2000 {
            let mut gaps = Gaps::default();
            gaps.open(1000, 1064);
            let mut missing = [true; 64];
            for _ in 0..40 {
                numbers = numbers.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (start, length) = (numbers >> 26, (numbers >> 16) & 15);
                let end = (start + length).min(64);
                let fresh = missing[start as usize..end as usize].iter().filter(|missing| **missing).count();
                // A fourth gap is not remembered, so that it may be less.
                assert!(gaps.fill(1000 + start, 1000 + end) as usize <= fresh);
                missing[start as usize..end as usize].fill(false);
            }
        }
    }
}
