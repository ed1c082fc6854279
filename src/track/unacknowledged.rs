//! Segments that wait for their acknowledgements, of all connections in one store.

use super::event::Seen;
use super::segment::before;

/// Marks the end of a list.
const NONE: u32 = u32::MAX;

/// So many segments of one direction of a connection wait at most. Within a host they have up to 64 KiB each (generic
/// segmentation offload), and Linux keeps at most a few MiB on the way.
pub(super) const MAX_OF_ONE: u16 = 1024;

/// One segment.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// The number of its first byte.
    start: u32,
    /// The number after its last byte.
    end: u32,
    seen: Seen,
    /// Some of its bytes were sent more than once.
    is_again: bool,
    previous: u32,
    next: u32,
}

/// The segments of one direction of a connection, by where they end.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    head: u32,
    tail: u32,
    len: u16,
}

impl Default for List {
    fn default() -> Self {
        Self { head: NONE, tail: NONE, len: 0 }
    }
}

/// A segment as it was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// The number of its first byte.
    pub start: u32,
    /// The number after its last byte; a SYN and a FIN count as one each.
    pub end: u32,
    /// Which packet.
    pub seen: Seen,
    /// Its bytes, or some of them, were sent before.
    pub is_again: bool,
}

/// What an acknowledgement acknowledges.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Acknowledged {
    /// The segment that ends where it does, as it was sent first.
    pub exact: Option<Sent>,
    /// Other segments that it covers.
    pub covered: u16,
}

/// All segments that wait. Grows to what the traffic needs, then allocates nothing.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    segments: Vec<Segment>,
    /// The first of the places that are free, linked by `next`.
    free: u32,
    cap: usize,
}

#[expect(clippy::indexing_slicing, reason = "a List's links come from this store and stay within it")]
impl Unacknowledged {
    /// A store for at most `cap` segments.
    pub fn new(cap: usize) -> Self {
        Self { segments: Vec::new(), free: NONE, cap: cap.min(NONE as usize) }
    }

    /// Takes a segment. False where there is no room for it.
    pub fn put(&mut self, list: &mut List, sent: Sent) -> bool {
        if sent.is_again {
            self.mark_again(*list, sent);
        }
        let mut at = list.tail;
        while at != NONE && before(sent.end, self.segments[at as usize].end) {
            at = self.segments[at as usize].previous;
        }
        if at != NONE && self.segments[at as usize].end == sent.end {
            // The first of them counts.
            return true;
        }
        if list.len >= MAX_OF_ONE {
            return false;
        }
        let Some(place) = self.place() else { return false };
        self.link(list, at, place, sent);
        true
    }

    /// Takes out all that `number` acknowledges.
    pub fn acknowledge(&mut self, list: &mut List, number: u32) -> Acknowledged {
        let mut acknowledged = Acknowledged::default();
        while list.head != NONE && !before(number, self.segments[list.head as usize].end) {
            let Segment { start, end, seen, is_again, .. } = self.segments[list.head as usize];
            if end == number {
                acknowledged.exact = Some(Sent { start, end, seen, is_again });
            } else {
                acknowledged.covered += 1;
            }
            self.drop_first(list);
        }
        acknowledged
    }

    /// Forgets all of a list; the oldest of them and how many they were.
    pub fn clear(&mut self, list: &mut List) -> Option<(Sent, u16)> {
        let first = self.segments.get(list.head as usize)?;
        let Segment { start, end, seen, is_again, .. } = *first;
        let count = list.len;
        self.segments[list.tail as usize].next = self.free;
        self.free = list.head;
        *list = List::default();
        Some((Sent { start, end, seen, is_again }, count))
    }

    /// Which segments hold bytes of one that is sent again.
    fn mark_again(&mut self, list: List, sent: Sent) {
        let mut at = list.tail;
        while at != NONE {
            let segment = &mut self.segments[at as usize];
            if before(sent.start, segment.end) && before(segment.start, sent.end) {
                segment.is_again = true;
            }
            at = segment.previous;
        }
    }

    fn place(&mut self) -> Option<u32> {
        if self.free != NONE {
            let place = self.free;
            self.free = self.segments[place as usize].next;
            return Some(place);
        }
        if self.segments.len() >= self.cap {
            return None;
        }
        let seen = Seen::default();
        self.segments.push(Segment { start: 0, end: 0, seen, is_again: false, previous: NONE, next: NONE });
        Some((self.segments.len() - 1) as u32)
    }

    /// Puts a segment behind the one at `previous`, or first.
    fn link(&mut self, list: &mut List, previous: u32, place: u32, sent: Sent) {
        let next = if previous == NONE { list.head } else { self.segments[previous as usize].next };
        let Sent { start, end, seen, is_again } = sent;
        self.segments[place as usize] = Segment { start, end, seen, is_again, previous, next };
        match previous {
            NONE => list.head = place,
            previous => self.segments[previous as usize].next = place,
        }
        match next {
            NONE => list.tail = place,
            next => self.segments[next as usize].previous = place,
        }
        list.len += 1;
    }

    fn drop_first(&mut self, list: &mut List) {
        let place = list.head;
        let next = self.segments[place as usize].next;
        self.segments[place as usize].next = self.free;
        self.free = place;
        list.head = next;
        match next {
            NONE => list.tail = NONE,
            next => self.segments[next as usize].previous = NONE,
        }
        list.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn sent(start: u32, end: u32, number: u64, is_again: bool) -> Sent {
        Sent { start, end, seen: Seen { at: Timestamp::from_nanos(number), number }, is_again }
    }

    /// The frame that is acknowledged, whether it was sent again, and how many others are covered.
    fn acknowledge(store: &mut Unacknowledged, list: &mut List, number: u32) -> (Option<(u64, bool)>, u16) {
        let Acknowledged { exact, covered } = store.acknowledge(list, number);
        (exact.map(|sent| (sent.seen.number, sent.is_again)), covered)
    }

    #[test]
    fn one_acknowledgement_times_the_segment_that_ends_there() {
        let (mut store, mut list) = (Unacknowledged::new(10), List::default());
        for (start, number) in [(0, 1), (10, 2), (20, 3)] {
            assert!(store.put(&mut list, sent(start, start + 10, number, false)));
        }
        assert_eq!(acknowledge(&mut store, &mut list, 20), (Some((2, false)), 1));
        assert_eq!(acknowledge(&mut store, &mut list, 20), (None, 0), "a duplicate");
        assert_eq!(acknowledge(&mut store, &mut list, 25), (None, 0), "a part");
        assert_eq!(acknowledge(&mut store, &mut list, 40), (None, 1), "more than was seen");
        assert_eq!(list.len, 0);
    }

    #[test]
    fn what_is_sent_again_counts_from_the_first_and_is_ambiguous() {
        let (mut store, mut list) = (Unacknowledged::new(10), List::default());
        store.put(&mut list, sent(0, 10, 1, false));
        store.put(&mut list, sent(10, 20, 2, false));
        store.put(&mut list, sent(20, 30, 3, false));
        store.put(&mut list, sent(0, 10, 4, true));
        // Cut elsewhere than before.
        store.put(&mut list, sent(10, 15, 5, true));
        assert_eq!(acknowledge(&mut store, &mut list, 10), (Some((1, true)), 0));
        assert_eq!(acknowledge(&mut store, &mut list, 15), (Some((5, true)), 0));
        assert_eq!(acknowledge(&mut store, &mut list, 20), (Some((2, true)), 0));
        assert_eq!(acknowledge(&mut store, &mut list, 30), (Some((3, false)), 0));
    }

    #[test]
    fn out_of_order_and_over_the_end_of_the_numbers() {
        let (mut store, mut list) = (Unacknowledged::new(10), List::default());
        let start = u32::MAX - 9;
        store.put(&mut list, sent(start.wrapping_add(20), start.wrapping_add(30), 1, false));
        store.put(&mut list, sent(start, start.wrapping_add(10), 2, false));
        store.put(&mut list, sent(start.wrapping_add(10), start.wrapping_add(20), 3, false));
        assert_eq!(acknowledge(&mut store, &mut list, start.wrapping_add(10)), (Some((2, false)), 0));
        assert_eq!(acknowledge(&mut store, &mut list, start.wrapping_add(30)), (Some((1, false)), 1));
    }

    #[test]
    fn places_are_used_again_and_there_are_no_more_than_the_cap() {
        let (mut store, mut lists) = (Unacknowledged::new(3), [List::default(), List::default()]);
        for round in 0..5_u32 {
            let base = round * 100;
            assert!(store.put(&mut lists[0], sent(base, base + 10, 1, false)));
            assert!(store.put(&mut lists[1], sent(base, base + 10, 2, false)));
            assert!(store.put(&mut lists[1], sent(base + 10, base + 20, 3, false)));
            assert!(!store.put(&mut lists[0], sent(base + 10, base + 20, 4, false)), "there are three");
            assert_eq!(acknowledge(&mut store, &mut lists[0], base + 10), (Some((1, false)), 0));
            let left = store.clear(&mut lists[1]).map(|(oldest, count)| (oldest.seen.number, count));
            assert_eq!((left, store.segments.len()), (Some((2, 2)), 3));
        }
        assert!(store.clear(&mut lists[1]).is_none());
    }

    #[test]
    fn one_direction_takes_no_more_than_its_share() {
        let (mut store, mut list) = (Unacknowledged::new(1 << 20), List::default());
        let taken = (0..2000_u32).filter(|n| store.put(&mut list, sent(n * 10, n * 10 + 10, 1, false))).count();
        assert_eq!((taken, list.len), (1024, 1024));
    }
}
