//! The files that `-w` asks for, each in the format that its ending says.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use nix::libc;

use super::Measured;
use super::collector::Gathered;
use crate::chart::{self, Chart, Curve, Panel};
use crate::cli;
use crate::commands::Messages;
use crate::commands::output::is_full;
use crate::latency::files::{LogWriter, Unit, write_csv, write_json, write_percentiles};
use crate::latency::{By, Measure, Order, Series};
use crate::render::latency::heading;
use crate::time::Timestamp;

/// Only its owner reads it, as a capture: it names who talks to whom.
const MODE: u32 = 0o600;
/// Names of files of one series each are no longer than this.
const MAX_NAME: usize = 120;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Hlog,
    Hgrm,
    Csv,
    Json,
    Svg,
    Png,
}

/// The files to write.
pub(super) struct Outputs {
    files: Vec<(PathBuf, Format)>,
    force: bool,
}

impl Outputs {
    /// What the user asked for. Where that cannot be, it is said before anything is measured.
    pub fn planned(arguments: &cli::Latency, messages: &mut Messages) -> Option<Self> {
        let mut files: Vec<(PathBuf, Format)> = Vec::with_capacity(arguments.write.len());
        for path in &arguments.write {
            let planned = match files.iter().any(|(other, _)| other == path) {
                true => Err(format!("{} is named twice", path.display())),
                false => plan(path, arguments.force),
            };
            match planned {
                Ok(format) => files.push((path.clone(), format)),
                Err(why) => {
                    messages.say(&why);
                    return None;
                }
            }
        }
        Some(Self { files, force: arguments.force })
    }

    /// The files.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Whether a chart is wanted, which shows when it was.
    pub fn want_timelines(&self) -> bool {
        self.files.iter().any(|(_, format)| matches!(format, Format::Svg | Format::Png))
    }

    /// Writes them all. One that cannot be written is said, and the others are written. False where one could not be.
    pub fn write(&self, arguments: &cli::Latency, measured: &Measured, title: &str, messages: &mut Messages) -> bool {
        let mut whole = true;
        for (path, format) in &self.files {
            match self.write_one(path, *format, arguments, measured, title) {
                Ok(said) => said.iter().for_each(|said| messages.say(said)),
                Err(why) => {
                    messages.say(&format!("{}: {why}", path.display()));
                    whole = false;
                }
            }
        }
        whole
    }

    fn write_one(
        &self,
        path: &Path,
        format: Format,
        arguments: &cli::Latency,
        measured: &Measured,
        title: &str,
    ) -> Result<Option<String>, String> {
        let Gathered { table, .. } = &measured.gathered;
        let by = By::from(arguments.table.by);
        let series = table.series(by, arguments.table.sort.into());
        match format {
            Format::Hgrm => return self.write_hgrm(path, &series, by),
            Format::Hlog => {
                self.create(path, |out| write_hlog(out, measured, &series)).map_err(|error| failed(&error))?;
            }
            Format::Csv => self.create(path, |out| write_csv(out, &series)).map_err(|error| failed(&error))?,
            Format::Json => self.create(path, |out| write_json(out, &series)).map_err(|error| failed(&error))?,
            Format::Svg | Format::Png => {
                let series = table.series(by, Order::Count);
                let chart = chart(measured, title, by, &series);
                if chart.panels.is_empty() {
                    return Err("nothing was measured, so there is nothing to draw".to_owned());
                }
                let bytes = match format {
                    Format::Svg => chart::svg(&chart).map(String::into_bytes),
                    _ => chart::png(&chart),
                };
                let bytes = bytes.map_err(|error| error.to_string())?;
                self.create(path, |out| out.write_all(&bytes)).map_err(|error| failed(&error))?;
            }
        }
        Ok(None)
    }

    /// The percentile text has room for one series: where there are several, each has a file.
    fn write_hgrm(&self, path: &Path, series: &[Series<'_>], by: By) -> Result<Option<String>, String> {
        let timed: Vec<_> = series.iter().filter(|series| series.counted.times.count() > 0).collect();
        match timed.as_slice() {
            [] => Err("nothing was measured, so there are no percentiles".to_owned()),
            [only] => self.write_percentiles(path, only).map(|()| None),
            several => self.write_each(path, several, by).map(Some),
        }
    }

    /// A file for each series. One that cannot be written does not keep the others from it.
    fn write_each(&self, path: &Path, several: &[&Series<'_>], by: By) -> Result<String, String> {
        let (mut used, mut failures) = (HashSet::new(), Vec::new());
        let mut first = None;
        for series in several {
            let name = unused(&mut used, &file_name(path, series, by));
            match self.write_percentiles(&path.with_file_name(&name), series) {
                Ok(()) => drop(first.get_or_insert(name)),
                Err(why) => failures.push(format!("{name}: {why}")),
            }
        }
        match (failures.first(), first) {
            (None, Some(first)) => {
                Ok(format!("{}: a file for each series, {first} and {} more", path.display(), several.len() - 1))
            }
            (Some(failure), _) if failures.len() > 1 => Err(format!("{failure}, and {} more", failures.len() - 1)),
            (failure, _) => Err(failure.cloned().unwrap_or_default()),
        }
    }

    fn write_percentiles(&self, path: &Path, series: &Series<'_>) -> Result<(), String> {
        // Charts of percentiles are in milliseconds mostly.
        let written = self.create(path, |out| write_percentiles(out, &series.counted.times, Unit::Milliseconds));
        written.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => "is there already; --force replaces it".to_owned(),
            _ => failed(&error),
        })
    }

    fn create(&self, path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let found = path.symlink_metadata().ok();
        // What is replaced stays until the new one is whole. What is no plain file, as a pipe, is written to as it is.
        let beside = found.as_ref().filter(|found| self.force && found.is_file()).map(|_| beside(path));
        let mut options = OpenOptions::new();
        options.write(true).mode(MODE);
        // Somebody may have made it since the beginning; that one is not replaced either. Nor is a link followed.
        if self.force && found.is_some() && beside.is_none() {
            options.custom_flags(libc::O_NOFOLLOW)
        } else {
            options.create_new(true)
        };
        let made = beside.as_deref().unwrap_or(path);
        let mut out = BufWriter::new(options.open(made)?);
        let written = write(&mut out).and_then(|()| out.flush());
        let written = written.and_then(|()| beside.as_ref().map_or(Ok(()), |beside| fs::rename(beside, path)));
        // Half a file looks like a whole one.
        if written.is_err() && made.symlink_metadata().is_ok_and(|found| found.is_file()) {
            let _ = fs::remove_file(made);
        }
        written
    }
}

/// Why a file is not there.
fn failed(error: &io::Error) -> String {
    if is_full(error) {
        return "the disk is full, and nothing of it was kept; make room, or name a file elsewhere".to_owned();
    }
    format!("cannot be written: {error}")
}

/// Where a file is made that is to replace another one: in its folder, which it may not leave.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

/// What a file is to hold, and whether it can be written.
fn plan(path: &Path, force: bool) -> Result<Format, String> {
    let name = path.display();
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    let format = match ending.as_str() {
        "hlog" => Format::Hlog,
        "hgrm" => Format::Hgrm,
        "csv" => Format::Csv,
        "json" => Format::Json,
        "svg" => Format::Svg,
        "png" => Format::Png,
        _ => {
            return Err(format!(
                "{name}: the ending says what to write, and is .hlog, .hgrm, .csv, .json, .svg or .png; \
                 packets are written by bridgetap record -w FILE"
            ));
        }
    };
    // Also where it is a link to nowhere.
    if path.symlink_metadata().is_ok() && !force {
        return Err(format!("{name} is there already; --force replaces it"));
    }
    if path.is_dir() {
        return Err(format!("{name} is a folder; name a file"));
    }
    if path.exists() && nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_err() {
        return Err(format!("{name} may not be written to; name another file"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(format!("{name}: there is no folder {}", folder.display()));
    }
    if nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).is_err() {
        return Err(format!("{name}: {} may not be written to; name another folder", folder.display()));
    }
    Ok(format)
}

/// One interval: from the first to the latest moment.
fn write_hlog(out: &mut dyn Write, measured: &Measured, series: &[Series<'_>]) -> io::Result<()> {
    let (first, latest) = measured.gathered.span.unwrap_or((Timestamp::ZERO, Timestamp::ZERO));
    let program = concat!("bridgetap ", env!("CARGO_PKG_VERSION"));
    let mut log = LogWriter::new(out, first, program)?;
    series.iter().try_for_each(|series| log.write(&series.key, first, latest - first, &series.counted))
}

/// A panel for each measure that has times, the busiest series first.
fn chart<'a>(measured: &'a Measured, title: &str, by: By, series: &'a [Series<'a>]) -> Chart<'a> {
    let panel = |measure| {
        let of_measure = series.iter().filter(|series| series.key.measure == measure);
        let timed = of_measure.filter(|series| series.counted.times.count() > 0);
        let curves: Vec<_> =
            timed.map(|series| Curve { label: heading(&series.key, by), times: &series.counted.times }).collect();
        let timeline = measured.gathered.timelines.of(measure)?;
        (!curves.is_empty()).then_some(Panel { measure, curves, timeline })
    };
    let panels = Measure::ALL.into_iter().chain([Measure::Other]).filter_map(panel).collect();
    Chart { title: title.to_owned(), zone: TimeZone::system(), panels }
}

/// The name of the file of one series: of letters, digits, dots and dashes only.
fn file_name(path: &Path, series: &Series<'_>, by: By) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |text: &str| {
        let words = text.split(|char: char| !char.is_ascii_alphanumeric() && !matches!(char, '.' | '_'));
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
    };
    let mut name = format!("{}-{}", series.key.measure, plain(&heading(&series.key, by)));
    name.truncate(MAX_NAME);
    format!("{stem}.{name}")
}

/// Names that differ only in what is left out get numbers.
fn unused(used: &mut HashSet<String>, name: &str) -> String {
    let numbered = (2_u64..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    let name = names.find(|name| !used.contains(name)).unwrap_or_default();
    used.insert(name.clone());
    format!("{name}.hgrm")
}

#[cfg(test)]
mod tests {
    use super::super::collector::{Collector, Wanted};
    use super::*;
    use crate::latency::{Counted, Limits, key};

    fn outputs(force: bool) -> Outputs {
        Outputs { files: Vec::new(), force }
    }

    #[test]
    fn what_cannot_be_written_is_known_before_it_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("old.csv"), "old").unwrap();
        std::fs::create_dir(path("folder.csv")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("link.csv")).unwrap();
        let planned = |name: &str, force| {
            plan(&path(name), force).map_err(|why| why.replace(folder.path().to_str().unwrap(), ""))
        };
        for (name, force, expected) in [
            ("new.hlog", false, Ok(Format::Hlog)),
            ("NEW.PNG", false, Ok(Format::Png)),
            ("old.csv", true, Ok(Format::Csv)),
            ("old.csv", false, Err("/old.csv is there already; --force replaces it")),
            ("link.csv", false, Err("/link.csv is there already; --force replaces it")),
            ("folder.csv", true, Err("/folder.csv is a folder; name a file")),
            ("none/new.csv", false, Err("/none/new.csv: there is no folder /none")),
        ] {
            assert_eq!(planned(name, force), expected.map_err(str::to_owned), "{name}");
        }
        assert!(planned("new.pcapng", false).unwrap_err().contains("bridgetap record"));
    }

    #[test]
    fn what_another_program_measured_is_drawn_without_its_times_of_day() {
        let wanted =
            Wanted { measures: Vec::new(), limits: Limits::default(), hops: false, timelines: true, probes: None };
        let gathered = Collector::new(wanted).into_gathered();
        let mut measured = Measured { gathered, totals: None, notes: Vec::new() };
        measured.gathered.table.record(&key::sample("their tag", "", "", Measure::Other), 1000);
        let series = measured.gathered.table.series(By::Series, Order::Count);
        let chart = chart(&measured, "theirs", By::Series, &series);
        assert_eq!(chart.panels.iter().map(|panel| panel.measure).collect::<Vec<_>>(), [Measure::Other]);
        assert!(chart::svg(&chart).unwrap().contains("measured by another program"));
    }

    #[test]
    fn half_a_file_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("half.csv");
        let half = |out: &mut dyn Write| out.write_all(b"half").and_then(|()| Err(io::ErrorKind::StorageFull.into()));
        assert_eq!(outputs(false).create(&path, half).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(!path.exists());
        std::fs::write(&path, "somebody else's").unwrap();
        assert_eq!(outputs(false).create(&path, half).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"somebody else's");
    }

    #[test]
    fn one_percentile_file_that_is_there_does_not_keep_the_others_away() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = crate::latency::Table::default();
        for server in ["b/../../b", "c", "d\u{1b}"] {
            table.record(&key::sample("a", server, "80", Measure::Syn), 1000);
        }
        let series = table.series(By::Series, Order::Key);
        std::fs::write(folder.path().join("run.syn-a-c-80-lab_default.hgrm"), "old").unwrap();
        let said = outputs(false).write_hgrm(&folder.path().join("run.hgrm"), &series, By::Series).unwrap_err();
        assert_eq!(said, "run.syn-a-c-80-lab_default.hgrm: is there already; --force replaces it");
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = ["b-..-..-b", "c", "d-u-1b"].map(|server| format!("run.syn-a-{server}-80-lab_default.hgrm"));
        assert_eq!(names, expected);
        let nothing = [Series {
            key: key::sample("a", "b", "80", Measure::Syn),
            counted: std::borrow::Cow::Owned(Counted::default()),
        }];
        assert!(outputs(false).write_hgrm(&folder.path().join("run.hgrm"), &nothing, By::Series).is_err());
    }
}
