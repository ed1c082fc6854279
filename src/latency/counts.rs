//! How often each bucket was met: a short list while there are few, pages of counters when there are more.
//!
//! A series of a hundred values takes half a kilobyte so, and one of a million takes what its range needs, mostly a
//! dozen kilobytes; an array of all 33,421 buckets would take 267 for either.

use super::layout::{HIGHEST, NANOSECONDS};

/// A list longer than this becomes pages: searching it would take longer than 30 ns, and the pages are as small.
const MAX_FEW: usize = 256;
/// Counters in a page.
const PAGE: usize = 256;
/// Pages for every bucket up to an hour.
const PAGES: usize = NANOSECONDS.index(HIGHEST) / PAGE + 1;

type Page = Box<[u32; PAGE]>;

/// A bucket and how often it was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Few {
    index: u16,
    count: u16,
}

/// Pages of counters, each made when it is first needed.
#[derive(Clone, Debug)]
struct Paged {
    pages: [Option<Page>; PAGES],
    /// How many of them are made.
    made: usize,
    /// How often a counter went past its 32 bits, by bucket in ascending order.
    carries: Vec<(u16, u32)>,
}

/// How often each bucket was met.
#[derive(Clone, Debug)]
enum Form {
    Few(Vec<Few>),
    Paged(Box<Paged>),
}

/// Counters of the buckets of [`NANOSECONDS`] up to an hour.
#[derive(Clone, Debug)]
pub struct Counts(Form);

impl Default for Counts {
    fn default() -> Self {
        Self(Form::Few(Vec::new()))
    }
}

impl Counts {
    /// Counts a bucket `count` more times. A bucket over an hour is not counted: the caller has put the value under it.
    #[inline]
    pub fn add(&mut self, index: usize, count: u64) {
        match &mut self.0 {
            Form::Paged(paged) => paged.add(index, count),
            Form::Few(few) => {
                if !add_to_few(few, index, count) {
                    self.grow(index, count);
                }
            }
        }
    }

    /// The list becomes pages, and the bucket is counted there.
    #[cold]
    fn grow(&mut self, index: usize, count: u64) {
        let mut paged = Paged { pages: [const { None }; PAGES], made: 0, carries: Vec::new() };
        for (index, count) in self.iter() {
            paged.add(index, count);
        }
        paged.add(index, count);
        self.0 = Form::Paged(Box::new(paged));
    }

    /// The buckets that were met and how often, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let (few, paged) = match &self.0 {
            Form::Few(few) => (few.as_slice(), None),
            Form::Paged(paged) => (&[][..], Some(paged)),
        };
        let few = few.iter().map(|few| (usize::from(few.index), u64::from(few.count)));
        few.chain(paged.into_iter().flat_map(|paged| paged.iter()))
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Few(few) => few.capacity() * size_of::<Few>(),
            Form::Paged(paged) => {
                size_of::<Paged>()
                    + paged.made * size_of::<[u32; PAGE]>()
                    + paged.carries.capacity() * size_of::<(u16, u32)>()
            }
        }
    }
}

/// Whether the list could take it.
#[inline]
fn add_to_few(few: &mut Vec<Few>, index: usize, count: u64) -> bool {
    let (Ok(index), Ok(count)) = (u16::try_from(index), u16::try_from(count)) else { return false };
    match few.binary_search_by_key(&index, |few| few.index) {
        Ok(at) => {
            let Some(found) = few.get_mut(at) else { return false };
            let Some(sum) = found.count.checked_add(count) else { return false };
            found.count = sum;
        }
        Err(_) if few.len() == MAX_FEW => return false,
        Err(at) => few.insert(at, Few { index, count }),
    }
    true
}

impl Paged {
    #[inline]
    fn add(&mut self, index: usize, count: u64) {
        let Some(page) = self.pages.get_mut(index / PAGE) else { return };
        let page = page.get_or_insert_with(|| {
            self.made += 1;
            Box::new([0; PAGE])
        });
        let Some(counter) = page.get_mut(index % PAGE) else { return };
        let sum = u64::from(*counter).checked_add(count);
        *counter = sum.map_or(u32::MAX, |sum| sum as u32);
        match sum.map_or(u32::MAX, |sum| (sum >> 32) as u32) {
            0 => {}
            carry => self.carry(index, carry),
        }
    }

    #[cold]
    fn carry(&mut self, index: usize, carry: u32) {
        let Ok(index) = u16::try_from(index) else { return };
        match self.carries.binary_search_by_key(&index, |carry| carry.0) {
            Ok(at) => self.carries.get_mut(at).into_iter().for_each(|found| found.1 = found.1.saturating_add(carry)),
            Err(at) => self.carries.insert(at, (index, carry)),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let pages = self.pages.iter().enumerate().filter_map(|(number, page)| Some((number, page.as_ref()?)));
        let counters = pages.flat_map(|(number, page)| {
            page.iter().enumerate().map(move |(at, &counter)| (number * PAGE + at, counter))
        });
        counters.map(|(index, low)| (index, u64::from(low) | self.carried(index) << 32)).filter(|&(_, count)| count > 0)
    }

    fn carried(&self, index: usize) -> u64 {
        let at = self.carries.binary_search_by_key(&index, |carry| usize::from(carry.0));
        at.ok().and_then(|at| self.carries.get(at)).map_or(0, |carry| u64::from(carry.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(counts: &Counts) -> Vec<(usize, u64)> {
        counts.iter().collect()
    }

    #[test]
    fn a_list_becomes_pages_without_losing_any() {
        let mut counts = Counts::default();
        let mut expected = std::collections::BTreeMap::new();
        for round in 0..2000_usize {
            let index = round * 7919 % 600 * 50;
            counts.add(index, 1 + round as u64);
            *expected.entry(index).or_insert(0) += 1 + round as u64;
        }
        assert!(matches!(counts.0, Form::Paged(_)));
        assert_eq!(all(&counts), expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn counters_go_past_their_bits() {
        let mut counts = Counts::default();
        counts.add(5, 65_535);
        assert!(matches!(counts.0, Form::Few(_)));
        counts.add(5, 1);
        assert_eq!(all(&counts), [(5, 65_536)]);
        counts.add(5, u64::from(u32::MAX) * 3);
        counts.add(33_420, 1);
        assert_eq!(all(&counts), [(5, 65_536 + u64::from(u32::MAX) * 3), (33_420, 1)]);
        counts.add(5, u64::MAX);
        assert!(counts.iter().next().unwrap().1 > u64::MAX / 2, "it stays at the top");
    }

    #[test]
    fn a_bucket_over_an_hour_is_not_counted() {
        let mut counts = Counts::default();
        (0..300).for_each(|index| counts.add(index, 1));
        counts.add(usize::MAX, 1);
        assert_eq!(counts.iter().count(), 300);
    }
}
