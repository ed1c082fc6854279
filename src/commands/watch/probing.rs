//! What it is watched for, and what is sent so that there is something to measure.

use std::process::ExitCode;

use super::super::Streams;
use super::super::latency::{Measuring, Probing};
use super::super::output::Output;
use super::Watching;
use crate::cli;

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
    /// Where what is seen goes, and what is sent.
    pub(super) fn output(self, arguments: &cli::Watch, streams: &mut Streams) -> (Output, Option<Box<Probing>>) {
        match self {
            Self::Latency(measuring, probing) => (Output::measuring(&arguments.output, *measuring), probing),
            Self::Log | Self::Record => {
                (Output::new(&arguments.output, streams.take_out(), streams.out_is_terminal, true), None)
            }
        }
    }
}

impl Watching {
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
