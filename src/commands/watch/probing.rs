//! What it is watched for, and what is sent so that there is something to measure.

use std::process::ExitCode;
use std::time::Duration;

use super::super::Streams;
use super::super::latency::{Measuring, Probing};
use super::super::output::Output;
use super::Watching;
use crate::cli;

/// Probes are taken out of the ring one by one if there is at least this between them: each takes a waking.
const AT_ONCE: Duration = Duration::from_millis(1);
/// Bytes of each packet that are looked at then: a whole name server's answer. The ring has slots for 15,000 of them.
const PROBE_SNAP_LEN: u32 = 2048;

/// What it is watched for.
pub(in crate::commands) enum Purpose {
    /// The log.
    Log,
    /// A file, without a log.
    Record,
    /// How long answers take; of probes, where there are any.
    Latency(Box<Measuring>, Option<Box<Probing>>),
}

impl Purpose {
    /// Whether something is sent.
    pub(super) const fn probes(&self) -> bool {
        matches!(self, Self::Latency(_, Some(_)))
    }

    /// Where what is seen goes, and what is sent.
    pub(super) fn output(self, arguments: &cli::Watch, streams: &mut Streams) -> (Output, Option<Box<Probing>>) {
        match self {
            Self::Latency(measuring, probing) => (Output::measuring(&arguments.output, *measuring), probing),
            Self::Log | Self::Record => {
                (Output::new(&arguments.output, streams.take_out(), streams.out_is_terminal, false), None)
            }
        }
    }
}

impl Watching {
    /// Takes each packet at once, if there are probes and not too many for that.
    ///
    /// The kernel hands a block of packets over every 10 ms, and within these microseconds it drops what comes: it looks
    /// at the block without a lock (`__packet_rcv_has_room`, Linux 6.18, `net/packet/af_packet.c`). Where the questions
    /// come every 10 ms as well, that may be each of them.
    pub(super) fn expect_probes(&mut self) {
        if self.probing.as_ref().is_some_and(|probing| probing.interval() >= AT_ONCE) {
            self.options.immediate = true;
            self.options.snap_len = self.options.snap_len.min(PROBE_SNAP_LEN);
        }
    }

    /// Sends what is to be measured, everything being there that sees it.
    pub(super) fn begin_probing(&mut self) -> Result<(), ExitCode> {
        match self.probing.as_ref().map(|probing| probing.begin()) {
            None => Ok(()),
            Some(Ok(prober)) => {
                self.prober = Some(prober);
                Ok(())
            }
            Some(Err(error)) => Err(self.refuse(&error.to_string())),
        }
    }

    /// Sends nothing more.
    pub(super) fn end_probing(&mut self) {
        let Some(prober) = self.prober.take() else { return };
        prober.stop();
        if let Err(error) = prober.wait() {
            self.messages.say(&error.to_string());
            self.whole = false;
        }
    }
}
