//! Across taps: what several taps found out, in one order.
//!
//! Each tap has its own ring, and gives packets up to some milliseconds after they were seen. So what is known early on
//! one tap may arrive here after what was known later on another. Events are held back for a moment, and given in the
//! order of packet time. A single tap needs none of this, nor does a file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::time::Timestamp;

/// Longer than a tap takes to give a packet (10 ms, and as much again for a busy machine), and short enough that a line
/// is there before a person has looked.
pub const HOLD: Duration = Duration::from_millis(25);

/// Puts what comes from several taps into the order of packet time.
#[derive(Debug)]
pub struct Reorder<T> {
    held: BinaryHeap<Reverse<Held<T>>>,
    hold: Duration,
    arrived: u64,
    latest: Timestamp,
}

#[derive(Debug)]
struct Held<T> {
    known_at: Timestamp,
    /// Of equal times, the one that arrived first.
    arrived: u64,
    item: T,
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.known_at, self.arrived) == (other.known_at, other.arrived)
    }
}
impl<T> Eq for Held<T> {}
impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Held<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.known_at, self.arrived).cmp(&(other.known_at, other.arrived))
    }
}

impl<T> Reorder<T> {
    /// Holds each item back until it is `hold` old.
    pub fn new(hold: Duration) -> Self {
        Self { held: BinaryHeap::new(), hold, arrived: 0, latest: Timestamp::ZERO }
    }

    /// How long items are held back from now on: zero while there is one tap only.
    pub fn set_hold(&mut self, hold: Duration) {
        self.hold = hold;
    }

    /// Takes an item that is known since `known_at`, by the clock that packets are stamped with.
    pub fn push(&mut self, known_at: Timestamp, item: T) {
        self.arrived += 1;
        self.held.push(Reverse(Held { known_at, arrived: self.arrived, item }));
    }

    /// The next item whose time has come at `now`; it stays. Where the clock steps back everything that is held is due: it
    /// must not be held for as long as the step.
    pub fn due(&mut self, now: Timestamp) -> Option<&T> {
        let stepped_back = now < self.latest.saturating_sub(self.hold);
        if !stepped_back || self.held.is_empty() {
            self.latest = now;
        }
        let Reverse(next) = self.held.peek()?;
        (stepped_back || next.known_at + self.hold <= now).then_some(&next.item)
    }

    /// The same, taken out.
    pub fn pop(&mut self, now: Timestamp) -> Option<T> {
        if self.due(now).is_some() { self.pop_any() } else { None }
    }

    /// How many items are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The next item whether its time has come or not: at the end.
    pub fn pop_any(&mut self) -> Option<T> {
        self.held.pop().map(|Reverse(held)| held.item)
    }

    /// How long after `now` the next item is due.
    pub fn next_due(&self, now: Timestamp) -> Option<Duration> {
        self.held.peek().map(|Reverse(held)| (held.known_at + self.hold).since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(1_000_000_000_000 + millis * 1_000_000)
    }

    #[test]
    fn items_come_in_the_order_of_packet_time_once_they_are_due() {
        let mut reorder = Reorder::new(Duration::from_millis(25));
        reorder.push(at(10), "arp");
        reorder.push(at(5), "dns");
        assert_eq!(reorder.next_due(at(20)), Some(Duration::from_millis(10)));
        assert_eq!(reorder.pop(at(29)), None);
        assert_eq!(reorder.pop(at(30)), Some("dns"));
        assert_eq!(reorder.pop(at(30)), None);
        assert_eq!(reorder.pop(at(40)), Some("arp"));
    }

    #[test]
    fn equal_times_keep_their_order() {
        let mut reorder = Reorder::new(Duration::ZERO);
        for item in 0..20 {
            reorder.push(at(1), item);
        }
        let popped: Vec<_> = std::iter::from_fn(|| reorder.pop(at(1))).collect();
        assert_eq!(popped, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_clock_that_steps_back_holds_nothing_for_long() {
        let mut reorder = Reorder::new(Duration::from_millis(25));
        assert_eq!(reorder.pop(at(10_000)), None);
        reorder.push(at(9_999), 1);
        reorder.push(at(10_000), 2);
        assert_eq!((reorder.pop(at(5)), reorder.pop(at(5))), (Some(1), Some(2)));
    }
}
