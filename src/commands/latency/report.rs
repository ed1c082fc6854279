//! What was measured, as a table, JSON or CSV.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::collector::{Collector, Gathered, LeftOut};
use super::{Ended, Measured, wanted};
use crate::cli;
use crate::commands::Messages;
use crate::latency::files::{LogReader, write_csv, write_json};
use crate::latency::{By, Key, Measure, Party, Series};
use crate::render::latency::{Breakdown, Of, Report, Share, Spent, write_chart, write_table};
use crate::render::summary::Totals;
use crate::render::units::Count;
use crate::render::{JsonWriter, Layout};

/// As many series have a bar chart each, unless --bars asks for all.
const CHARTS: usize = 3;
/// Of fewer times a chart says no more than the table.
const CHARTED: u64 = 10;

/// Reads interval logs into one table. A log is shown as far as it can be read.
pub(super) fn of_logs(arguments: &cli::Latency, files: &[PathBuf], messages: &mut Messages) -> Ended {
    let mut gathered = Collector::new(wanted(arguments, false)).into_gathered();
    let mut code = ExitCode::SUCCESS;
    for file in files {
        if let Err(why) = read_log(file, &arguments.table.measures, &mut gathered) {
            messages.say(&format!("{}: {why}", file.display()));
            code = ExitCode::FAILURE;
        }
    }
    // Of what could not be read at all, an empty table says no more.
    let nothing = code == ExitCode::FAILURE && gathered.table.is_empty();
    (code, (!nothing).then(|| Measured { gathered, totals: Totals::default(), notes: Vec::new() }))
}

/// Adds the series of an interval log.
pub(super) fn read_log(file: &Path, measures: &[Measure], gathered: &mut Gathered) -> Result<(), String> {
    let opened = File::open(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    })?;
    let mut input = BufReader::new(opened);
    let mut reader = LogReader::new(&mut input);
    while let Some(interval) = reader.next_interval().map_err(|error| error.to_string())? {
        let key = interval.key().unwrap_or_else(|| foreign(&interval.tag));
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

/// Writes what was measured to standard output.
pub(super) fn tell(
    arguments: &cli::Latency,
    measured: &Measured,
    title: &str,
    layout: Layout,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let by = By::from(arguments.table.by);
    let series = measured.gathered.table.series(by, arguments.table.sort.into());
    if arguments.table.csv {
        write_csv(&mut out, &series)?;
        return out.flush();
    }
    if arguments.table.json {
        write_json(&mut out, &series)?;
        write_breakdowns(measured, by, &series, &mut out)?;
        JsonWriter::new(&mut out).object(&Ending::new(measured))?;
        return out.flush();
    }
    let report = report(arguments, measured, title, by, series);
    write_table(&report, layout, &mut out)?;
    let is_charted = |series: &&Series<'_>| match arguments.table.bars {
        true => series.counted.requests() > 0,
        false => series.counted.times.count() >= CHARTED,
    };
    let charted: Vec<_> = report.series.iter().filter(is_charted).collect();
    if arguments.table.bars || report.series.len() <= CHARTS {
        for series in charted {
            writeln!(out)?;
            write_chart(series, by, layout, &mut out)?;
        }
    }
    if measured.totals.counters.packets > 0 || report.series.is_empty() {
        writeln!(out)?;
        measured.totals.write_text(&mut out)?;
    }
    out.flush()
}

fn report<'a>(
    arguments: &cli::Latency,
    measured: &'a Measured,
    title: &str,
    by: By,
    series: Vec<Series<'a>>,
) -> Report<'a> {
    let Gathered { table, shares, .. } = &measured.gathered;
    let breakdown = |series: &Series<'_>| (series.key.clone(), shares.of(by, &series.key));
    let breakdowns: HashMap<_, _> =
        series.iter().map(breakdown).filter(|(_, breakdown)| !breakdown.is_empty()).collect();
    let mut notes = notes(measured);
    notes.extend(dropped(measured, &series));
    if arguments.table.hops && breakdowns.is_empty() && !series.is_empty() {
        notes.push(
            "where the time goes is not known: nothing was seen at two places. Name client, server and network \
             together, as targets of latency or of record"
                .to_owned(),
        );
    }
    Report { title: title.to_owned(), by, series, merged: table.merged(), breakdowns, notes }
}

/// What the kernel had no room for may be the answers of what is lost.
fn dropped(measured: &Measured, series: &[Series<'_>]) -> Option<String> {
    let dropped = measured.totals.drops.map_or(0, |drops| drops.kernel);
    let lost = series.iter().any(|series| series.counted.lost() > 0);
    (dropped > 0 && lost).then(|| {
        format!(
            "the kernel dropped {}, unseen: some of what counts as lost may have been answered",
            Count(dropped, "packet")
        )
    })
}

/// What is in no series, or may be wrong with them.
fn notes(measured: &Measured) -> Vec<String> {
    let Gathered { shares, left_out: LeftOut { ambiguous, at_once }, .. } = &measured.gathered;
    let unmeasured = measured.totals.counters.unmeasured_segments;
    let counted = [
        (
            *ambiguous,
            "acknowledged segments were sent more than once; which one was acknowledged is not known, so they have no time",
        ),
        (*at_once, "times client and server spoke at once, so that nothing was the answer to anything"),
        (unmeasured, "segments found no room to wait for their acknowledgement, and have no time"),
        (shares.left_out(), "exchanges are in no share of the hops, for want of room"),
    ];
    let counted = counted.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    measured.notes.iter().cloned().chain(counted).collect()
}

/// Where the time of a series goes, in JSON.
#[derive(serde::Serialize)]
struct BreakdownObject<'a> {
    kind: &'static str,
    measure: &'static str,
    client: &'a str,
    server: &'a str,
    port: &'a str,
    network: &'a str,
    of: &'static str,
    exchanges: u64,
    parts: Vec<PartObject>,
}

/// A part of the way.
#[derive(serde::Serialize)]
struct PartObject {
    place: String,
    ns: f64,
    there_ns: Option<f64>,
    back_ns: Option<f64>,
}

impl From<Share> for PartObject {
    fn from(Share { label, spent }: Share) -> Self {
        let (ns, there_ns, back_ns) = match spent {
            Spent::Between { there_ns, back_ns } => (there_ns + back_ns, Some(there_ns), Some(back_ns)),
            Spent::Behind { ns } => (ns, None, None),
        };
        Self { place: label, ns, there_ns, back_ns }
    }
}

fn write_breakdowns(measured: &Measured, by: By, series: &[Series<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut json = JsonWriter::new(out);
    for Series { key, .. } in series {
        for Breakdown { of, shares } in measured.gathered.shares.of(by, key) {
            let (of, exchanges) = match of {
                Of::Mean(exchanges) => ("mean", exchanges),
                Of::Slowest => ("slowest", 1),
            };
            json.object(&BreakdownObject {
                kind: "breakdown",
                measure: key.measure.name(),
                client: key.client.name(),
                server: key.server.name(),
                port: &key.port,
                network: &key.network,
                of,
                exchanges,
                parts: shares.into_iter().map(PartObject::from).collect(),
            })?;
        }
    }
    Ok(())
}

/// The last object of the JSON: what was seen beside the series.
#[derive(serde::Serialize)]
struct Ending<'a> {
    kind: &'static str,
    series_merged: u64,
    ambiguous_acknowledgements: u64,
    spoke_at_once: u64,
    unmeasured_segments: u64,
    packets: u64,
    dropped_by_kernel: Option<u64>,
    notes: &'a [String],
}

impl<'a> Ending<'a> {
    fn new(measured: &'a Measured) -> Self {
        let Measured { gathered, totals, notes } = measured;
        Self {
            kind: "summary",
            series_merged: gathered.table.merged(),
            ambiguous_acknowledgements: gathered.left_out.ambiguous,
            spoke_at_once: gathered.left_out.at_once,
            unmeasured_segments: totals.counters.unmeasured_segments,
            packets: totals.counters.packets,
            dropped_by_kernel: totals.drops.map(|drops| drops.kernel),
            notes,
        }
    }
}
