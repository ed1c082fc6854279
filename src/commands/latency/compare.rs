//! `--compare`: two runs side by side, and whether a change is more than noise.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::collector::{Collector, Gathered};
use super::sharing::SharedWriter;
use super::{Measuring, Slot, input, logs, take, wanted};
use crate::cli;
use crate::commands::output::{ended, plain_layout};
use crate::commands::{Messages, Streams, replay};
use crate::latency::compare::ERROR;
use crate::latency::files::write_comparison_json;
use crate::latency::{By, Runs};
use crate::render::latency::write_comparison;

/// Compares two files.
pub(super) fn run(arguments: &cli::Latency, before: &Path, after: &Path, mut streams: Streams) -> ExitCode {
    let layout = plain_layout(arguments.color, streams.out_is_terminal);
    let mut out = streams.take_out();
    let shared = SharedWriter::new(std::mem::replace(&mut streams.messages.0, Box::new(io::sink())));
    let mut messages = Messages(Box::new(shared.clone()));
    let mut read = |file: &Path| {
        let gathered = gathered(arguments, file, &shared, streams.messages_are_terminal, &mut messages);
        if gathered.as_ref().is_some_and(|gathered| gathered.table.is_empty()) {
            messages.say(&format!("{}: nothing in it was measured, so there is nothing to compare", file.display()));
            return None;
        }
        gathered
    };
    let Some((first, second)) = read(before).zip(read(after)) else { return ExitCode::FAILURE };
    let (by, order) = (By::from(arguments.table.by), arguments.table.sort.into());
    let (first, second) = (first.table.series(by, order), second.table.series(by, order));
    let runs = Runs::compare(&first, &second, ERROR);
    let names = [before, after].map(|file| file.display().to_string());
    let written = if arguments.table.json {
        write_comparison_json(&mut out, &runs)
    } else {
        write_comparison(&runs, [&names[0], &names[1]], by, layout, &mut *out)
    };
    if ended(written.and_then(|()| out.flush()), &mut messages) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All series of a capture or an interval log. What is wrong with it is said.
fn gathered(
    arguments: &cli::Latency,
    file: &Path,
    shared: &SharedWriter,
    messages_are_terminal: bool,
    messages: &mut Messages,
) -> Option<Gathered> {
    if input::is_log(file) {
        let (code, measured) = logs::read(arguments, &[file.to_owned()], messages);
        let measured = measured.filter(|_| code == ExitCode::SUCCESS)?;
        measured.notes.iter().for_each(|note| messages.say(note));
        return Some(measured.gathered);
    }
    let slot = Slot::default();
    let collector = Some(Collector::new(wanted(arguments, false)));
    let measuring = Measuring { collector, slot: Arc::clone(&slot), live: None, reads_last: false };
    let streams = Streams {
        out: Box::new(io::sink()),
        out_fd: None,
        out_is_terminal: false,
        messages: Messages(Box::new(shared.clone())),
        messages_are_terminal,
    };
    let code = replay::run(&arguments.replay(vec![file.to_owned()]), Some(measuring), streams);
    // Half of a run is none.
    take(&slot).filter(|_| code == ExitCode::SUCCESS).map(|measured| measured.gathered)
}
