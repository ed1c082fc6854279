//! What was measured, as JSON: the series, where their time goes, and what was seen beside them, an object a line.
//! docs/latency.schema.json has the members.

use std::io::{self, Write};

use serde::Serialize;

use super::Measured;
use crate::latency::files::{Head, Rounded, write_json};
use crate::latency::{By, Series};
use crate::render::JsonWriter;
use crate::render::latency::{Breakdown, Of, Share, Spent};

/// Writes all objects.
pub(super) fn write(measured: &Measured, by: By, series: &[Series<'_>], out: &mut dyn Write) -> io::Result<()> {
    write_json(out, series)?;
    write_breakdowns(measured, by, series, out)?;
    JsonWriter::new(out).object(&Ending::new(measured))
}

/// Where the time of a series goes, in JSON.
#[derive(Serialize)]
struct BreakdownObject<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    of: &'static str,
    exchanges: u64,
    parts: Vec<PartObject>,
}

/// A part of the way.
#[derive(Serialize)]
struct PartObject {
    place: String,
    ns: Rounded,
    there_ns: Option<Rounded>,
    back_ns: Option<Rounded>,
}

impl From<Share> for PartObject {
    fn from(Share { label, spent }: Share) -> Self {
        let (ns, there_ns, back_ns) = match spent {
            Spent::Between { there_ns, back_ns } => (there_ns + back_ns, Some(there_ns), Some(back_ns)),
            Spent::Behind { ns } => (ns, None, None),
        };
        Self { place: label, ns: Rounded(ns), there_ns: there_ns.map(Rounded), back_ns: back_ns.map(Rounded) }
    }
}

fn write_breakdowns(measured: &Measured, by: By, series: &[Series<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut json = JsonWriter::new(out);
    let mut summed = measured.gathered.shares.summed(by);
    for Series { key, .. } in series {
        for Breakdown { of, shares } in summed.remove(key).unwrap_or_default() {
            let (of, exchanges) = match of {
                Of::Mean(exchanges) => ("mean", exchanges),
                Of::Slowest => ("slowest", 1),
            };
            json.object(&BreakdownObject {
                head: Head::new("breakdown", key),
                of,
                exchanges,
                parts: shares.into_iter().map(PartObject::from).collect(),
            })?;
        }
    }
    Ok(())
}

/// The last object of the JSON: what was seen beside the series.
#[derive(Serialize)]
struct Ending<'a> {
    kind: &'static str,
    series_merged: u64,
    ambiguous_acknowledgements: u64,
    spoke_at_once: u64,
    open_connections: u64,
    open_answers: u64,
    unmeasured_segments: u64,
    exchanges_without_shares: u64,
    packets: Option<u64>,
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
            open_connections: gathered.left_out.open_connections,
            open_answers: gathered.left_out.open_answers,
            unmeasured_segments: totals.as_ref().map_or(0, |totals| totals.counters.unmeasured_segments),
            exchanges_without_shares: gathered.shares.left_out(),
            packets: totals.as_ref().map(|totals| totals.counters.packets),
            dropped_by_kernel: totals.as_ref().and_then(|totals| totals.drops).map(|drops| drops.kernel),
            notes,
        }
    }
}
