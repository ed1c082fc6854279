//! When it was: a heat map's data for each measure.

use crate::latency::{Measure, Timeline};
use crate::time::Timestamp;

/// A timeline of each measure; the last is of what another program measured, which is always empty.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct Timelines([Timeline; Measure::ALL.len() + 1]);

impl Timelines {
    /// Counts a time in nanoseconds, which ended at `at`.
    pub fn record(&mut self, measure: Measure, at: Timestamp, nanos: u64) {
        if let Some(timeline) = self.0.get_mut(measure.position()) {
            timeline.record(at, nanos);
        }
    }

    /// Counts requests that were sent at `at` and not answered.
    pub fn unanswered(&mut self, measure: Measure, at: Timestamp, count: u64) {
        if let Some(timeline) = self.0.get_mut(measure.position()) {
            timeline.unanswered_n(at, count);
        }
    }

    pub fn of(&self, measure: Measure) -> Option<&Timeline> {
        self.0.get(measure.position())
    }
}
