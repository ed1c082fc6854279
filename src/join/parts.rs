//! Where the time goes: the share of each hop in one exchange that several taps have seen.
//!
//! The request passes the taps one after the other, and the answer passes them the other way. So the time at the first
//! tap holds that at the second, and so on: what a tap has more than the next one was spent between the two, and what
//! the last has was spent behind it, by who answers and on the way there. What is before the first tap, on the side of
//! who asks, none has seen. Taps are of one host, and so of one clock.
//!
//! This is so of what goes there and back: pings, lookups, ARP, and of measurements. A handshake goes there, back and
//! there again: it has two halves, [`Measure::Syn`](crate::track::measured::Measure) with the server behind the last tap
//! and `SynAck` with the client behind it.

use std::cmp::Reverse;
use std::time::Duration;

use super::Hop;
use crate::time::Timestamp;

/// A part of an exchange's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// On the way between two taps.
    Between {
        /// The one that is nearer to who asks.
        near: Hop,
        /// The one that is nearer to who answers.
        far: Hop,
        /// From the request at the near one until the request at the far one.
        there: Duration,
        /// From the answer at the far one until the answer at the near one.
        back: Duration,
    },
    /// Behind the last tap: the way from there, and who answers.
    Behind {
        /// The last tap.
        last: Hop,
        /// From the request there to the answer there.
        time: Duration,
    },
}

impl Part {
    /// How long it took.
    pub fn time(&self) -> Duration {
        match self {
            Self::Between { there, back, .. } => *there + *back,
            Self::Behind { time, .. } => *time,
        }
    }
}

/// The parts of an exchange, in the order of the request's way; together they are the time at the first hop. Empty where
/// no hop has both request and answer. A hop that does not lie within the one before, in time, is left out: its packets
/// passed in another order, or it has no answer.
pub fn parts(hops: &[Hop]) -> Vec<Part> {
    let mut spans: Vec<_> = hops.iter().filter_map(span).collect();
    // Taps of one packet may give it one time: then the one that has the answer later is the nearer.
    spans.sort_by_key(|(_, began, ended)| (*began, Reverse(*ended)));
    let mut parts = Vec::new();
    let mut spans = spans.into_iter();
    let Some(mut near) = spans.next() else { return parts };
    for far in spans {
        if far.2 > near.2 {
            continue;
        }
        let (there, back) = (far.1 - near.1, near.2 - far.2);
        parts.push(Part::Between { near: near.0, far: far.0, there, back });
        near = far;
    }
    let (last, began, ended) = near;
    parts.push(Part::Behind { last, time: ended - began });
    parts
}

/// A hop with request and answer, and their times.
fn span(hop: &Hop) -> Option<(Hop, Timestamp, Timestamp)> {
    let ended = hop.ended?;
    (ended.at >= hop.began.at).then_some((*hop, hop.began.at, ended.at))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::capture::TapId;
    use crate::decode::message::Endpoint;
    use crate::track::event::{Place, Seen};

    fn hop(tap: u32, began: u64, ended: Option<u64>) -> Hop {
        let seen = |micros| Seen { at: Timestamp::from_nanos(1_000_000 + micros * 1000), number: micros };
        let host = |last: u8| Endpoint::host(IpAddr::from([172, 18, 0, last]));
        let place = Place { tap: TapId(tap), if_index: 0, vni: None };
        Hop { place, client: host(2), server: host(3), began: seen(began), ended: ended.map(seen) }
    }

    /// The taps of each part, and its microseconds there and back.
    fn told(hops: &[Hop]) -> Vec<(u32, Option<u32>, u128, u128)> {
        let part = |part: &Part| match part {
            Part::Between { near, far, there, back } => {
                (near.place.tap.0, Some(far.place.tap.0), there.as_micros(), back.as_micros())
            }
            Part::Behind { last, time } => (last.place.tap.0, None, time.as_micros(), 0),
        };
        parts(hops).iter().map(part).collect()
    }

    #[test]
    fn each_part_is_what_one_hop_has_more_than_the_next() {
        let hops = [hop(1, 0, Some(100)), hop(2, 5, Some(92)), hop(3, 12, Some(90))];
        assert_eq!(told(&hops), [(1, Some(2), 5, 8), (2, Some(3), 7, 2), (3, None, 78, 0)]);
        let whole: Duration = parts(&hops).iter().map(Part::time).sum();
        assert_eq!(whole, Duration::from_micros(100));
    }

    #[test]
    fn one_hop_has_all_and_none_has_nothing() {
        assert_eq!(told(&[hop(1, 0, Some(100))]), [(1, None, 100, 0)]);
        assert_eq!(told(&[hop(1, 0, None)]), []);
        assert_eq!(told(&[]), []);
        assert_eq!(told(&[hop(1, 100, Some(0))]), [], "the clock was set back");
    }

    #[test]
    fn the_order_is_that_of_the_way_however_the_hops_come() {
        let hops = [hop(3, 12, Some(90)), hop(1, 0, Some(100)), hop(2, 0, Some(92))];
        assert_eq!(told(&hops), [(1, Some(2), 0, 8), (2, Some(3), 12, 2), (3, None, 78, 0)]);
    }

    #[test]
    fn a_hop_that_saw_no_answer_or_another_order_is_left_out() {
        let hops = [hop(1, 0, Some(100)), hop(2, 5, None), hop(3, 12, Some(101)), hop(4, 20, Some(80))];
        assert_eq!(told(&hops), [(1, Some(4), 20, 20), (4, None, 60, 0)]);
        let whole: Duration = parts(&hops).iter().map(Part::time).sum();
        assert_eq!(whole, Duration::from_micros(100), "parts are the whole all the same");
    }
}
