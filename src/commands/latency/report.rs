//! What was measured, as a table; the JSON is beside this.

use std::io::{self, BufWriter, Write};

use super::collector::{Gathered, LeftOut};
use super::{Measured, json};
use crate::cli;
use crate::latency::files::write_csv;
use crate::latency::{By, Series};
use crate::render::Layout;
use crate::render::latency::{Report, write_chart, write_table};
use crate::render::units::Count;

/// As many series have a bar chart each, unless --bars asks for all.
const CHARTS: usize = 3;
/// Of fewer times a chart says no more than the table.
const CHARTED: u64 = 10;

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
        json::write(measured, by, &series, &mut out)?;
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
    if let Some(totals) = &measured.totals {
        writeln!(out)?;
        totals.write_text(&mut out)?;
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
    let breakdowns = shares.summed(by);
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
    let dropped = measured.totals.as_ref().and_then(|totals| totals.drops).map_or(0, |drops| drops.kernel);
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
    let Gathered { shares, left_out, .. } = &measured.gathered;
    let LeftOut { ambiguous, at_once, open_connections, open_answers } = *left_out;
    let counted = [
        (
            open_connections,
            "connection was open at the end or at the beginning, and has no duration",
            "connections were open at the end or at the beginning, and have no duration",
        ),
        (
            open_answers,
            "answer may have gone on after the end, and has no last byte",
            "answers may have gone on after the end, and have no last byte",
        ),
        (
            ambiguous,
            "acknowledgement is of what was sent more than once; which one is not known, so it has no time",
            "acknowledgements are of what was sent more than once; which one is not known, so they have no time",
        ),
        (
            at_once,
            "request has no time: client and server spoke at once, so that nothing was the answer to anything",
            "requests have no time: client and server spoke at once, so that nothing was the answer to anything",
        ),
        (
            measured.totals.as_ref().map_or(0, |totals| totals.counters.unmeasured_segments),
            "segment found no room to wait for its acknowledgement, and has no time",
            "segments found no room to wait for their acknowledgement, and have no time",
        ),
        (
            shares.left_out(),
            "exchange is in no share of the hops, for want of room",
            "exchanges are in no share of the hops, for want of room",
        ),
    ];
    let counted = counted.into_iter().filter(|(count, ..)| *count > 0).map(|(count, one, many)| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    });
    measured.notes.iter().cloned().chain(counted).collect()
}
