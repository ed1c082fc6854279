//! `bridgetap doctor`: what of watching works on this machine. It asks and tries, and changes nothing.

mod facts;
mod kernel;

use std::io::{self, Write};
use std::process::ExitCode;

use super::output::{ended, plain_layout};
use super::{Streams, confined};
use crate::cli;
use crate::doctor::{examine, is_well};
use crate::render::{doctor::doctor, documents};

/// Runs the command.
pub(super) fn run(arguments: &cli::Doctor, mut streams: Streams) -> ExitCode {
    // Tried as watching would: with what it keeps.
    if let Err(why) = confined::to_watch(None, false) {
        streams.messages.say(&why);
    }
    let checks = examine(&facts::gather());
    let mut out = io::BufWriter::new(streams.take_out());
    let written = if arguments.json {
        documents::doctor(&checks, &mut out)
    } else {
        let layout = plain_layout(arguments.color, streams.out_is_terminal);
        doctor(&checks, layout, facts::is_utf8(), &mut out)
    };
    let written = ended(written.and_then(|()| out.flush()), &mut streams.messages);
    if written && is_well(&checks) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
