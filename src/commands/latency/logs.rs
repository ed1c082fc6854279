//! Interval logs: what was measured before, by bridgetap or another program.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::collector::{Collector, Gathered};
use super::{Ended, Measured, wanted};
use crate::cli;
use crate::commands::Messages;
use crate::latency::files::LogReader;
use crate::latency::{Key, Measure, Party};

/// Reads interval logs into one table. A log is shown as far as it can be read.
pub(super) fn read(arguments: &cli::Latency, files: &[PathBuf], messages: &mut Messages) -> Ended {
    let mut gathered = Collector::new(wanted(arguments, false)).into_gathered();
    let (mut code, mut notes, mut opened) = (ExitCode::SUCCESS, Vec::new(), false);
    for file in files {
        let mut strange = Strange { foreign: false, unit: 1 };
        let read = open(file).and_then(|log| {
            opened = true;
            add(log, &arguments.table.measures, &mut gathered, &mut strange)
        });
        if let Err(why) = read {
            messages.say(&format!("{}: {why}", file.display()));
            code = ExitCode::FAILURE;
        }
        notes.extend(strange.notes(file));
    }
    // Of nothing there is no table.
    (code, opened.then_some(Measured { gathered, totals: None, notes }))
}

/// What is not as in logs of our own.
struct Strange {
    /// Another program wrote some of it.
    foreign: bool,
    /// The coarsest unit that values are told apart to.
    unit: u64,
}

impl Strange {
    fn notes(&self, file: &Path) -> Option<String> {
        let file = file.display();
        match (self.unit, self.foreign) {
            (1, false) => None,
            (1, true) => Some(format!("{file}: another program's values are taken as nanoseconds")),
            (unit, _) => Some(format!("{file}: values are taken as nanoseconds, and told apart to {unit} ns only")),
        }
    }
}

fn open(file: &Path) -> Result<File, String> {
    let wrong = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    };
    let opened = File::open(file).map_err(wrong)?;
    if opened.metadata().map_err(wrong)?.is_dir() {
        return Err("a folder; name the files in it".to_owned());
    }
    Ok(opened)
}

/// Adds the series of an interval log.
fn add(log: File, measures: &[Measure], gathered: &mut Gathered, strange: &mut Strange) -> Result<(), String> {
    let mut input = BufReader::new(log);
    let mut reader = LogReader::new(&mut input);
    while let Some(interval) = reader.next_interval().map_err(|error| error.to_string())? {
        let known = interval.key();
        strange.foreign |= known.is_none();
        strange.unit = strange.unit.max(interval.unit);
        let key = known.unwrap_or_else(|| foreign(&interval.tag));
        if measures.is_empty() || measures.contains(&key.measure) {
            gathered.table.add(&key, &interval.counted);
            let (start, end) = (interval.start, interval.start + interval.length);
            gathered.span =
                Some(gathered.span.map_or((start, end), |(first, latest)| (first.min(start), latest.max(end))));
        }
    }
    Ok(())
}

/// The series of another program's tag.
fn foreign(tag: &str) -> Key {
    let name = if tag.is_empty() { "(no tag)" } else { tag };
    Key {
        client: Party::alone(name),
        server: Party::default(),
        port: "".into(),
        network: "".into(),
        measure: Measure::Other,
    }
}
