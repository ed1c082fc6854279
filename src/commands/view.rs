//! How events are shown: as lines, as a ladder, as JSON, or as what they come to.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::latency::Measuring;
use crate::address;
use crate::explain::Topic;
use crate::join::Told;
use crate::name::{Introduction, Looked, Namer};
use crate::render::losses::Lost;
use crate::render::summary::Totals;
use crate::render::units::{Clock, Roughly};
use crate::render::{Explanation, JsonWriter, LadderWriter, Layout, Summary, TextWriter, ladder};
use crate::time::nanos;

/// Where the log is written.
pub(super) type Out = io::BufWriter<Box<dyn Write + Send>>;

/// How events are shown.
pub(super) enum View {
    Text(Box<TextWriter<Out>>),
    Ladder(Box<LadderWriter<Out>>),
    Json(JsonWriter<Out>),
    /// No log: times are gathered.
    Latency(Box<Measuring>),
}

impl View {
    /// As the layout wants it: lines, a ladder or JSON.
    pub fn of_log(out: Out, layout: Layout, json: bool, ladder: bool) -> Self {
        match (json, ladder) {
            (true, _) => Self::Json(JsonWriter::new(out)),
            (false, true) => ladder_view(out, layout),
            (false, false) => Self::Text(Box::new(TextWriter::new(out, layout))),
        }
    }

    /// Writes an event's line, whose ends were looked up.
    pub fn event(&mut self, told: &Told<'_>, namer: &Namer, looked: Option<Looked>) -> io::Result<()> {
        match self {
            Self::Text(text) => {
                text.named(told, namer, looked.and_then(|looked| namer.called_as_looked(&looked)).as_ref())
            }
            Self::Ladder(ladder) => ladder.event(told, namer),
            Self::Json(json) => json.event(told, namer),
            Self::Latency(_) => Ok(()),
        }
    }

    /// Says what the line is about that was just written.
    pub fn explanation(&mut self, topic: &'static Topic) -> io::Result<()> {
        match self {
            Self::Text(text) => text.explanation(topic),
            Self::Ladder(ladder) => ladder.explanation(topic),
            Self::Json(json) => json.object(&Explanation::new(topic)),
            Self::Latency(_) => Ok(()),
        }
    }

    /// Says that something is missing.
    pub fn lost(&mut self, lost: &Lost) -> io::Result<()> {
        self.remark(|| lost.words(&mut Clock::local()), &lost.to_json())
    }

    /// Says who an address is that was shown without a name.
    pub fn introduce(&mut self, introduction: &Introduction) -> io::Result<()> {
        let Introduction { address, network, name, container_id } = introduction;
        let address = address::text(*address);
        let remark = || format!("… {address} is {name}");
        self.remark(remark, &Named { kind: "named", address: &address, network, name, container_id })
    }

    /// Says that no line came for a while, which was not waited for in full. Written at once: a wait comes after it.
    pub fn silence(&mut self, silence: Duration) -> io::Result<()> {
        let remark = || format!("… {} of silence", Roughly(silence));
        self.remark(remark, &Silence { kind: "silence", duration_ns: nanos(silence) })?;
        self.flush()
    }

    /// Says that the log begins anew.
    pub fn begin_again(&mut self) -> io::Result<()> {
        const WORDS: &str = "… back to the start";
        match self {
            Self::Ladder(ladder) => ladder.begin_again(WORDS),
            _ => self.remark(|| WORDS.to_owned(), &Restarted { kind: "restarted" }),
        }
    }

    /// Writes what is no event, in words or as an object.
    fn remark(&mut self, words: impl FnOnce() -> String, object: &impl Serialize) -> io::Result<()> {
        match self {
            Self::Text(text) => text.remark(&words()),
            Self::Ladder(ladder) => ladder.remark(&words()),
            Self::Json(json) => json.object(object),
            Self::Latency(_) => Ok(()),
        }
    }

    /// Writes out what is held back.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Text(text) => text.out().flush(),
            Self::Ladder(ladder) => ladder.out().flush(),
            Self::Json(json) => json.out().flush(),
            Self::Latency(_) => Ok(()),
        }
    }

    /// Writes the summary, under an empty line where lines are above it.
    pub fn finish(mut self, summary: &Summary, totals: &Totals, has_lines: bool) -> io::Result<()> {
        match &mut self {
            Self::Text(text) => {
                if has_lines {
                    writeln!(text.out())?;
                }
                text.summary(summary, totals)?;
            }
            Self::Ladder(ladder) => {
                if has_lines {
                    writeln!(ladder.out())?;
                }
                summary.write_text(totals, ladder.out())?;
            }
            Self::Json(json) => json.object(&summary.to_json(totals))?,
            Self::Latency(measuring) => measuring.finish(totals),
        }
        self.flush()
    }
}

/// A ladder as wide as the terminal, or as `COLUMNS` says where there is none; the log where that is too narrow.
fn ladder_view(out: Out, layout: Layout) -> View {
    let columns = || std::env::var("COLUMNS").ok()?.trim().parse().ok().filter(|&columns| columns > 0);
    let width = layout.width.or_else(columns).unwrap_or(ladder::DEFAULT_WIDTH);
    if width >= ladder::LEAST_WIDTH {
        let rows = terminal_size::terminal_size().map(|(_, rows)| usize::from(rows.0));
        let rows = rows.filter(|_| layout.width.is_some());
        return View::Ladder(Box::new(LadderWriter::new(out, Layout { width: Some(width), ..layout }, rows)));
    }
    let mut text = TextWriter::new(out, Layout { width: Some(width), ..layout });
    let least = ladder::LEAST_WIDTH;
    // Where this cannot be written, nor can the first line, and that is told.
    let _ = text.remark(&format!("… {width} columns are too few for --ladder, which takes {least}: here is the log"));
    View::Text(Box::new(text))
}

/// A silence that was not waited for in full, in JSON.
#[derive(serde::Serialize)]
struct Silence {
    kind: &'static str,
    duration_ns: u64,
}

/// The log begins anew, in JSON.
#[derive(serde::Serialize)]
struct Restarted {
    kind: &'static str,
}

/// The name of an address that was shown before, in JSON.
#[derive(serde::Serialize)]
struct Named<'a> {
    kind: &'static str,
    address: &'a str,
    network: &'a str,
    name: &'a str,
    container_id: &'a str,
}
