//! The time of packets, which may be set back.

use std::time::Duration;

use crate::time::Timestamp;

/// Packets that are earlier than one before them by more than this come after the clock was set back. By less it may be
/// disorder, as of several taps, and time stands still meanwhile.
const SET_BACK: Duration = Duration::from_secs(10);

/// How late it is in packet time. What was put into a table before the clock was set back counts from then on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// How late it is.
    pub now: Timestamp,
    /// The time that it was set back to last.
    set_back_to: Timestamp,
}

impl Clock {
    /// It is at least this late, or the clock was set back to it: then that is so.
    #[inline]
    pub fn tick(&mut self, now: Timestamp) -> bool {
        if now >= self.now {
            self.now = now;
            return false;
        }
        let is_set_back = self.now - now > SET_BACK;
        if is_set_back {
            (self.now, self.set_back_to) = (now, now);
        }
        is_set_back
    }

    /// Since when something waits that has that stamp.
    pub fn since(self, stamp: Timestamp) -> Timestamp {
        if stamp > self.now { self.set_back_to } else { stamp }
    }

    /// Whether something of that stamp has waited for longer than `patience`.
    pub fn is_over(self, stamp: Timestamp, patience: Duration) -> bool {
        self.since(stamp) < self.now.saturating_sub(patience)
    }
}
