//! Lines that wait a moment for a name: a container's first packets come before the daemon tells whose they are.
//!
//! The daemon tells of a container when its process runs, and the process may send at once. So a line of a Docker
//! network that a stranger takes part in is held back, with all that follow, until the name is there or the time is up.
//! Then the line has the address, and whoever comes to be known later is said in a line of its own. An address that was
//! shown once is not waited for again while it goes on: a machine that is no container delays one line, not each. But
//! one that a container has just given up is waited for each time, because soon the next container has it.

use std::time::Duration;

use crate::name::{Capped, Stranger};
use crate::time::Timestamp;

/// A line waits for a name at most this long from when it is known.
const PATIENCE: Duration = Duration::from_millis(500);
/// As many strangers whose addresses were shown are remembered; the one that was shown first goes. Its name, should it
/// come, is not said then.
const MAX_SHOWN: usize = 4096;
/// An address that was not shown for so long may be another's by now, and is waited for again.
const QUIET: Duration = Duration::from_secs(60);

/// Whom lines wait for, and who was shown without a name.
#[derive(Debug)]
pub(super) struct Awaiting {
    /// When the latest line was known that shows the address.
    shown: Capped<Stranger, Timestamp>,
}

impl Awaiting {
    pub fn new() -> Self {
        Self { shown: Capped::new(MAX_SHOWN) }
    }

    /// Until when a line is held back that is known since `known_at` and that `strangers` take part in; nothing where it
    /// is to be told now. `is_crowded`: too many lines wait behind it.
    pub fn hold(
        &mut self,
        known_at: Timestamp,
        strangers: [Option<Stranger>; 2],
        now: Timestamp,
        is_crowded: bool,
    ) -> Option<Timestamp> {
        let until = known_at + PATIENCE;
        // A clock that was set back would hold the line for as long as the step.
        let is_early = (known_at..until).contains(&now) && !is_crowded;
        let is_new = |stranger: &Stranger| {
            let shown = self.shown.get(stranger);
            stranger.previous.is_some() || shown.is_none_or(|shown| known_at.since(*shown) > QUIET)
        };
        if is_early && strangers.iter().flatten().any(is_new) {
            return Some(until);
        }
        for stranger in strangers.into_iter().flatten() {
            let shown = self.shown.entry(stranger);
            *shown = known_at.max(*shown);
        }
        None
    }

    /// Strangers that had to go at the cap.
    pub const fn forgotten(&self) -> u64 {
        self.shown.forgotten()
    }

    /// What is to be said of those that were shown by their address, and by `name` have a name now.
    pub fn introduced<T>(&mut self, mut name: impl FnMut(&Stranger, Timestamp) -> Option<T>) -> Vec<T> {
        let mut said = Vec::new();
        self.shown.take_if(|stranger, &shown| {
            let name = name(stranger, shown);
            let has_name = name.is_some();
            said.extend(name);
            has_name
        });
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::{ContainerId, NetworkId};

    fn stranger(address: &str) -> Stranger {
        Stranger { network: NetworkId("aa".into()), address: address.parse().unwrap(), mac: None, previous: None }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(1_000_000_000_000 + millis * 1_000_000)
    }

    const FIRST: &str = "172.18.0.7";

    fn hold(awaiting: &mut Awaiting, address: &str, known_at: u64, now: u64) -> bool {
        awaiting.hold(at(known_at), [None, Some(stranger(address))], at(now), false).is_some()
    }

    #[test]
    fn a_line_waits_for_a_name_until_the_time_is_up() {
        let mut awaiting = Awaiting::new();
        assert_eq!(awaiting.hold(at(0), [None, None], at(1), false), None, "everybody has a name");
        let until = awaiting.hold(at(0), [Some(stranger(FIRST)), None], at(25), false);
        assert_eq!(until, Some(at(0) + PATIENCE));
        assert!(hold(&mut awaiting, FIRST, 0, 499));
        assert!(!hold(&mut awaiting, FIRST, 0, 500));
    }

    #[test]
    fn who_was_shown_is_waited_for_again_only_after_a_while() {
        let mut awaiting = Awaiting::new();
        for known_at in [0, 700, 30_000, 80_000] {
            let is_first = known_at == 0;
            assert_eq!(hold(&mut awaiting, FIRST, known_at, known_at + 25), is_first, "{known_at}");
            assert!(!hold(&mut awaiting, FIRST, known_at, known_at + 500));
        }
        assert!(hold(&mut awaiting, FIRST, 200_000, 200_025), "silent for two minutes");
        assert!(hold(&mut awaiting, "172.18.0.8", 700, 725), "another");
    }

    #[test]
    fn the_next_container_with_an_address_is_waited_for_each_time() {
        let mut awaiting = Awaiting::new();
        let stranger = Stranger { previous: Some(ContainerId("c1".into())), ..stranger(FIRST) };
        for known_at in [0, 700] {
            for (now, is_held) in [(known_at + 25, true), (known_at + 500, false)] {
                let until = awaiting.hold(at(known_at), [Some(stranger.clone()), None], at(now), false);
                assert_eq!(until.is_some(), is_held, "{known_at} at {now}");
            }
        }
    }

    #[test]
    fn nothing_is_held_by_a_clock_that_was_set_back_or_when_too_much_waits() {
        let mut awaiting = Awaiting::new();
        assert!(!hold(&mut awaiting, FIRST, 10_000, 9_000));
        let mut awaiting = Awaiting::new();
        assert_eq!(awaiting.hold(at(0), [Some(stranger(FIRST)), None], at(25), true), None);
    }

    #[test]
    fn a_name_that_comes_late_is_said_once() {
        let mut awaiting = Awaiting::new();
        for address in [FIRST, "172.18.0.8"] {
            assert!(!hold(&mut awaiting, address, 0, 500));
        }
        let mut introduce = || {
            awaiting.introduced(|stranger, shown| {
                assert_eq!(shown, at(0));
                (stranger.address.to_string() == FIRST).then_some("container_x")
            })
        };
        assert_eq!((introduce(), introduce()), (vec!["container_x"], vec![]));
    }
}
