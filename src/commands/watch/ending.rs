//! The end: when it is, and what is told then.

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::output::ended;
use super::{ENDING, Watching, monotonic};
use crate::capture::wall_clock;
use crate::render::summary::Totals;

impl Watching {
    /// Whether it is to end.
    pub(super) fn is_over(&mut self, deadline: Option<Instant>) -> bool {
        let enough = |count| self.shared.packets.load(Ordering::Relaxed) >= count;
        let counted = self.shared.count.is_some_and(enough);
        let late = deadline.is_some_and(|deadline| monotonic() >= deadline);
        let probed = self.probing.as_ref().is_some_and(|probing| probing.is_over());
        // Taps that have ended for that are not to be opened again.
        let is_ended = self.stops.requested_at().is_some();
        is_ended || counted || late || probed || self.output.has_failed() || self.is_nothing_left()
    }

    /// Waits until every tap has ended. Where the disk is slow, they wait for it with what is still in their rings.
    fn wait_for_taps(&mut self) {
        let mut written = self.recorded_bytes();
        let mut deadline = monotonic() + ENDING;
        while !self.taps.is_empty() {
            match self.receiver.recv_deadline(deadline) {
                Ok(message) => {
                    self.take(message);
                    deadline = monotonic() + ENDING;
                }
                Err(_) if self.recorded_bytes() > written => {
                    written = self.recorded_bytes();
                    deadline = monotonic() + ENDING;
                }
                Err(_) => break,
            }
        }
    }

    /// Ends every tap, tells what is left, and the summary.
    pub(super) fn finish(mut self) -> ExitCode {
        self.end_probing();
        let at = self.stops.requested_at().unwrap_or_else(wall_clock);
        for tap in self.taps.values() {
            tap.stop.request_at(at);
        }
        self.wait_for_taps();
        while let Ok(message) = self.receiver.try_recv() {
            self.take(message);
        }
        self.tell_rest();
        self.finish_recording();
        if self.keeping.is_silent {
            return if self.whole { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        let names_forgotten = self.output.namer.forgotten() + self.awaiting.forgotten();
        let totals = Totals {
            counters: self.counters,
            undecoded: self.undecoded.into_named(),
            drops: Some(self.drops),
            events_lost: self.events_lost,
            losses: self.losses.into_list(),
            names_forgotten,
            crowded_out: self.joiner.crowded_out(),
            ..Totals::default()
        };
        let written = ended(self.output.finish(&totals), &mut self.messages);
        if written && self.whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
