//! Usual lines for files and pipes: those that say what nearly all do.

use std::io::{self, Write};
use std::time::Duration;

use super::layout::{GAP, grown};
use super::text::{ARROW, ARROW_BEYOND, ENDS, KIND, STEP, TIME, TextWriter, WORDS};
use super::units::{Clock, Took};
use crate::decode::icmp::Echo;
use crate::decode::{Tcp, describe};
use crate::digits::{self, Append, Line, Pen};
use crate::join::Told;
use crate::name::{Called, PlainName};
use crate::time::Timestamp;
use crate::track::event::{Event, Exchange, Outcome, Stage, Subject};

/// The ports of both ends, the sender's or the client's first.
pub(super) type Ports = (Option<u16>, Option<u16>);

/// What kind a line is of, in its column with the gap behind it, and the columns that this takes.
#[derive(Clone, Copy)]
pub(super) struct Kind([u8; KIND_ROOM], usize);

/// Room for the longest kind and its gap.
const KIND_ROOM: usize = 16;
/// Those of nearly all packets.
const TCP: Kind = Kind(*b"TCP             ", KIND + GAP.len());
const PING: Kind = Kind(*b"PING            ", KIND + GAP.len());

impl Kind {
    /// Of a word of ASCII.
    #[inline]
    pub fn of(kind: &str) -> Self {
        let mut column = [b' '; KIND_ROOM];
        let len = kind.len().min(KIND_ROOM - GAP.len());
        column.iter_mut().zip(kind.bytes().take(len)).for_each(|(place, byte)| *place = byte.to_ascii_uppercase());
        Self(column, len.max(KIND) + GAP.len())
    }
}

/// What nearly all lines say.
#[derive(Clone, Copy)]
pub(super) enum Says<'a> {
    /// A packet of TCP.
    Segment(&'a Tcp<'a>),
    /// A packet of a ping, and its hop limit.
    Echo(&'a Echo, u8),
    /// A ping that was answered.
    Answered { sequence: u16, data_len: usize, hop_limit: u8 },
    /// A connection opened.
    Opened,
    /// A connection was closed, after so many bytes each way.
    Closed { by: &'static str, there: u64, back: u64 },
}

impl<'a> Says<'a> {
    /// What an event says, if that is usual: [`words::write`] says the same.
    #[inline]
    pub fn of(told: &'a Told<'_>) -> Option<Self> {
        match &told.event {
            Event::Exchange(Exchange {
                subject: Subject::Ping { sequence, data_len, hop_limit, fragmented: false, .. },
                outcome: Outcome::Answered,
                late: false,
                tries: ..=1,
                ..
            }) if told.upstream.is_none() => {
                Some(Self::Answered { sequence: *sequence, data_len: *data_len, hop_limit: *hop_limit })
            }
            Event::Connection(connection) => match connection.stage {
                Stage::Opened if connection.before_capture || connection.handshake.tries > 1 => None,
                Stage::Opened => Some(Self::Opened),
                Stage::Closed { by } if !connection.has_troubles() => {
                    Some(Self::Closed { by: by.name(), there: connection.there.bytes, back: connection.back.bytes })
                }
                _ => None,
            },
            _ => None,
        }
    }

    #[inline]
    const fn kind(self) -> Kind {
        match self {
            Self::Segment(_) | Self::Opened | Self::Closed { .. } => TCP,
            Self::Echo(..) | Self::Answered { .. } => PING,
        }
    }
}

/// Where the columns of a line are, and what its times are told by.
pub(super) struct Columns<'a> {
    pub clock: &'a mut Clock,
    pub ends: &'a mut usize,
    pub words: &'a mut usize,
}

#[expect(clippy::inline_always, reason = "what is in line has the place of what is next in a register, see Pen")]
impl Columns<'_> {
    /// Puts a whole line together, but for its end.
    #[inline(always)]
    fn usual(
        &mut self,
        at: Timestamp,
        says: Says<'_>,
        called: &Called<'_>,
        ports: Ports,
        line: &mut impl Line,
    ) -> usize {
        let start = self.head(at, called, ports, says.kind(), line);
        match says {
            Says::Segment(tcp) => describe::segment(tcp, line),
            Says::Echo(echo, hop_limit) => describe::echo_message(echo, hop_limit, line),
            Says::Answered { sequence, data_len, hop_limit } => {
                line.append("seq ");
                digits::push(line, sequence);
                line.append(", ");
                digits::push(line, data_len);
                line.append(" bytes, ttl ");
                digits::push(line, hop_limit);
                line.append(" → reply");
                return self.said(line.len() - start - ARROW_BEYOND);
            }
            Says::Opened => line.append("open"),
            Says::Closed { by, there, back } => {
                line.append("closed by ");
                line.append(by);
                line.append(": ");
                digits::push(line, there);
                line.append(" bytes there, ");
                digits::push(line, back);
                line.append(" back");
            }
        }
        self.said(line.len() - start)
    }

    /// How long it took, in its column behind words of that width.
    #[inline(always)]
    pub fn took(&self, width: usize, time: &Pen<'_>, line: &mut impl Line) {
        let column = (*self.words).max(width) + 2 + time.len().max(TIME);
        line.append_blanks(column - width - time.len());
        line.append_first::<32>(time.first(), time.len());
    }

    /// Begins a line with everything that stands before its words; where they begin.
    #[inline(always)]
    fn head(&mut self, at: Timestamp, called: &Called<'_>, ports: Ports, kind: Kind, line: &mut impl Line) -> usize {
        let start = self.begin(at, called, ports, line);
        self.kind(start, kind, line);
        line.len()
    }

    /// Begins a line with its ends; where they begin.
    #[inline(always)]
    pub fn begin(
        &mut self,
        at: Timestamp,
        called: &Called<'_>,
        (client, server): Ports,
        line: &mut impl Line,
    ) -> usize {
        self.clock.write(at, false, line);
        line.append(GAP);
        let start = line.len();
        end(called.client, client, line);
        line.append(ARROW);
        end(called.server, server, line);
        start
    }

    /// What comes between the ends, which began there, and the words.
    #[inline(always)]
    pub fn kind(&mut self, start: usize, Kind(kind, columns): Kind, line: &mut impl Line) {
        // Ends are of ASCII but for the arrow.
        let width = line.len() - start - ARROW_BEYOND;
        *self.ends = grown(*self.ends, width, ENDS.1, STEP);
        line.append_blanks(self.ends.saturating_sub(width) + GAP.len());
        line.append_first(&kind, columns);
    }

    /// Words take so many columns, which are given back.
    #[inline(always)]
    fn said(&mut self, width: usize) -> usize {
        *self.words = grown(*self.words, width, WORDS.1, STEP);
        width
    }
}

/// A name, and a port.
#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn end(name: &PlainName, port: Option<u16>, line: &mut impl Line) {
    match (port, name.short()) {
        (Some(port), Some((short, len))) => {
            line.append_first(short, len);
            line.append(":");
            digits::push(line, port);
        }
        // An IPv6 address needs brackets before its port (RFC 3986, 3.2.2).
        (Some(port), None) => {
            let (open, close) = if name.has_colon() { ("[", "]:") } else { ("", ":") };
            line.append(open);
            line.append(name.as_str());
            line.append(close);
            digits::push(line, port);
        }
        (None, Some((short, len))) => line.append_first(short, len),
        (None, None) => line.append(name.as_str()),
    }
}

impl<W: Write> TextWriter<W> {
    /// Writes a usual line; how long it took in its column, where it took time.
    #[expect(clippy::inline_always, reason = "what it says is known in line")]
    #[inline(always)]
    pub(super) fn usual(
        &mut self,
        at: Timestamp,
        says: Says<'_>,
        called: &Called<'_>,
        ports: Ports,
        took: Option<Duration>,
    ) -> io::Result<()> {
        let Self { clock, ends, words, page, number, out, .. } = self;
        let (mut line, mut columns) = (Pen::new(page), Columns { clock, ends, words });
        let width = columns.usual(at, says, called, ports, &mut line);
        if let Some(took) = took {
            let mut time = Pen::new(number);
            Took(took).push(&mut time);
            columns.took(width, &time, &mut line);
        }
        line.append("\n");
        match line.as_bytes() {
            Some(line) => out.write_all(line),
            None => self.unusually_long(at, says, called, ports, took),
        }
    }

    #[cold]
    #[inline(never)]
    fn unusually_long(
        &mut self,
        at: Timestamp,
        says: Says<'_>,
        called: &Called<'_>,
        ports: Ports,
        took: Option<Duration>,
    ) -> io::Result<()> {
        let Self { clock, ends, words, text, .. } = self;
        text.clear();
        let width = Columns { clock, ends, words }.usual(at, says, called, ports, text);
        if let Some(took) = took {
            self.took(took, width);
        }
        self.write()
    }
}
