//! JSON documents that are no events of the log, each on one line.

use std::io::{self, Write};

use serde::Serialize;

use super::units::UtcClock;
use crate::doctor::{Check, is_well};
use crate::hostile::write_json;
use crate::time::Timestamp;
use crate::topology::{Change, Topology};

#[derive(Serialize)]
struct Networks<'a> {
    kind: &'static str,
    time: &'a str,
    #[serde(flatten)]
    topology: &'a Topology,
}

#[derive(Serialize)]
struct Changed<'a> {
    kind: &'static str,
    time: &'a str,
    #[serde(flatten)]
    change: &'a Change,
}

#[derive(Serialize)]
struct Doctor<'a> {
    kind: &'static str,
    version: &'static str,
    watching_works: bool,
    checks: &'a [Check],
}

/// Writes what came of the checks.
pub fn doctor(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    document(&Doctor { kind: "doctor", version, watching_works: is_well(checks), checks }, out)
}

/// Writes the networks as they were at `at`.
pub fn networks(topology: &Topology, at: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    document(&Networks { kind: "networks", time: UtcClock::new().text(at), topology }, out)
}

/// Writes one change, which happened at `at`.
pub fn change(change: &Change, at: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    document(&Changed { kind: "network-change", time: UtcClock::new().text(at), change }, out)
}

fn document(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    write_json(out, document)?;
    out.write_all(b"\n")
}
