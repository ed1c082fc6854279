//! An arrow between two lifelines.

use std::borrow::Cow;

use crate::render::line::Verdict;
use crate::time::Timestamp;

/// How much is told.
#[expect(clippy::struct_excessive_bools, reason = "each follows from a flag of its own on the command line")]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Detail {
    /// Without the client's port and what else a narrow terminal has no room for.
    pub short: bool,
    /// One arrow for an exchange with its answer.
    pub single: bool,
    /// With MAC addresses.
    pub link_level: bool,
    /// An arrow for each hop.
    pub hops: bool,
}

/// One end of an arrow.
#[derive(Clone, Debug)]
pub(super) struct End<'a> {
    /// The id of the container, if it is one.
    pub container: Option<&'a str>,
    /// What it is called; not escaped.
    pub name: Cow<'a, str>,
    /// The port, where it is to be shown.
    pub port: Option<u16>,
}

/// How an arrow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// It arrives.
    Arrives,
    /// Nothing came of it.
    Lost,
    /// What came of it, nobody will know.
    Unknown,
    /// It is none: a state that holds between both, and no packet.
    State,
}

/// Which way an arrow goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From client to server.
    There,
    /// From server to client.
    Back,
    /// From who reports an error to the client.
    Report,
}

/// An arrow between two lifelines.
#[derive(Clone, Debug)]
pub(super) struct Arrow<'a> {
    /// The moment of its packet, or from which on its state holds.
    pub at: Timestamp,
    pub from: End<'a>,
    pub to: End<'a>,
    pub way: Way,
    pub head: Head,
    /// `dns`, `tcp`, …; empty where the arrow before says it.
    pub kind: &'static str,
    /// What stands on it; not escaped.
    pub words: String,
    /// The same with details, the longest first: one is taken instead where it fits on the arrow.
    pub detailed: Vec<String>,
    /// Bytes that `from` sent and that `to` sent.
    pub bytes: Option<[u64; 2]>,
    /// What follows the bytes.
    pub more: String,
    /// How long it took.
    pub time: String,
    pub verdict: Verdict,
}
