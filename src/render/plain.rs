//! Lines for files and pipes, whose ends have names that are known: there may be millions. Each is put together in one go,
//! in bytes; [`TextWriter::event`] does for all others what is done here, and says the same.

use std::io::{self, Write};
use std::time::Duration;

use super::escape::escape;
use super::layout::{grown, is_short};
use super::line::{Gist, Port};
use super::text::{STEP, TextWriter, WORDS};
use super::units::{Took, columns, plain_columns};
use super::usual::{Columns, Kind, Ports, Says};
use super::words;
use crate::decode::message::{self, Message, Subject};
use crate::decode::{Packet, Segment, Usual, describe};
use crate::digits::{Append, Line, Pen};
use crate::join::Told;
use crate::name::{Called, Namer};
use crate::time::Timestamp;
use crate::track::event::Event;

/// What a packet says.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// In UTF-8.
    pub text: &'a [u8],
    /// There is text from the wire in it.
    pub is_foreign: bool,
}

impl<W: Write> TextWriter<W> {
    /// Whether lines have neither colours nor columns to keep to, nor more in them than nearly all have.
    pub const fn is_plain(&self) -> bool {
        let layout = self.layout;
        !is_short(layout) && layout.width.is_none() && !layout.color && !layout.link_level && !layout.hops
    }

    /// Writes the line of a packet outside of tunnels, where lines are plain and what its ends are called is known.
    pub fn packet(
        &mut self,
        packet: &Packet<'_>,
        message: Option<&Message<'_>>,
        called: &Called<'_>,
    ) -> io::Result<()> {
        let ports = message::packet_ports(packet).unzip();
        let start = self.head(packet.at, called, ports, Kind::of(describe::kind_with(packet, message)));
        // Writing to memory cannot fail.
        let _ = describe::describe_with(packet, message, &mut self.text);
        // Of other messages nothing is told but numbers, in our own words.
        let is_foreign = matches!(message, Some(Message { subject: Subject::Dns(_), .. }));
        self.said(start, is_foreign);
        self.write()
    }

    /// The same of a segment.
    #[expect(clippy::inline_always, reason = "a segment that is lent in line needs no memory")]
    #[inline(always)]
    pub fn segment(&mut self, at: Timestamp, segment: &Segment<'_>, called: &Called<'_>) -> io::Result<()> {
        let (sender, receiver) = segment.ends();
        self.usual(at, Says::Segment(&segment.tcp), called, (sender.port, receiver.port), None)
    }

    /// The same of a ping or a lookup.
    pub fn message(
        &mut self,
        at: Timestamp,
        usual: &Usual<'_>,
        message: &Message<'_>,
        called: &Called<'_>,
    ) -> io::Result<()> {
        if let Subject::Ping { echo, hop_limit, .. } = &message.subject {
            return self.usual(at, Says::Echo(echo, *hop_limit), called, (None, None), None);
        }
        let (sender, receiver) = usual.endpoints();
        let start = self.head(at, called, (sender.port, receiver.port), Kind::of(message.protocol.protocol().name()));
        // Writing to memory cannot fail.
        let _ = describe::usual_message(message, &mut self.text);
        self.said(start, matches!(message.subject, Subject::Dns(_)));
        self.write()
    }

    /// The same of a packet that was put into words.
    pub fn worded(
        &mut self,
        at: Timestamp,
        kind: &str,
        words: Words<'_>,
        ports: Ports,
        called: &Called<'_>,
    ) -> io::Result<()> {
        let start = self.head(at, called, ports, Kind::of(kind));
        self.text.append_bytes(words.text);
        self.said(start, words.is_foreign);
        self.write()
    }

    /// Writes the line of an event outside of tunnels, where lines are plain.
    pub(super) fn plain(&mut self, told: &Told<'_>, namer: &Namer, called: &Called<'_>) -> io::Result<()> {
        let Gist { at, kind, took, ports, .. } = Gist::of(&told.event);
        let ports = if ports { told.event.ports() } else { (None, None) };
        let has_more = told.published.is_some() || called.publishes;
        if let Some(says) = Says::of(told).filter(|_| !has_more) {
            return self.usual(at, says, called, ports, took);
        }
        let start = self.begin(at, called, ports);
        // Writing to memory cannot fail.
        if has_more {
            let _ = words::port(&Port::of(told, namer), false, &mut self.text);
        }
        self.kind(start, Kind::of(kind));
        let start = self.text.len();
        match &told.event {
            Event::Packet(packet) => self.text.append(&packet.words),
            _ => {
                let _ = words::write(told, namer, false, &mut self.text);
            }
        }
        let width = self.said(start, true);
        if let Some(took) = took {
            self.took(took, width);
        }
        self.write()
    }

    /// Begins a line with everything that stands before its words; where they begin.
    #[inline]
    fn head(&mut self, at: Timestamp, called: &Called<'_>, ports: Ports, kind: Kind) -> usize {
        let start = self.begin(at, called, ports);
        self.kind(start, kind);
        self.text.len()
    }

    /// Begins a line with its ends; where they begin.
    #[inline(never)]
    fn begin(&mut self, at: Timestamp, called: &Called<'_>, ports: Ports) -> usize {
        let Self { clock, ends, words, text, .. } = self;
        text.clear();
        Columns { clock, ends, words }.begin(at, called, ports, text)
    }

    /// What comes between the ends, which began there, and the words.
    #[inline(never)]
    fn kind(&mut self, start: usize, kind: Kind) {
        let Self { clock, ends, words, text, .. } = self;
        Columns { clock, ends, words }.kind(start, kind, text);
    }

    /// Makes the words safe, which began there; the columns that they take.
    #[inline]
    fn said(&mut self, start: usize, is_foreign: bool) -> usize {
        let width = match is_foreign {
            true => self.safe(start),
            false => self.text.len() - start,
        };
        self.words = grown(self.words, width, WORDS.1, STEP);
        width
    }

    fn safe(&mut self, start: usize) -> usize {
        let said = self.text.as_bytes().get(start..).unwrap_or_default();
        if let Some(width) = plain_columns(said) {
            return width;
        }
        let said = self.text.split_off(start);
        let safe = escape(&said);
        self.text.append(&safe);
        columns(&safe)
    }

    /// How long it took, in its column behind words of that width.
    #[inline]
    pub(super) fn took(&mut self, took: Duration, width: usize) {
        let Self { clock, ends, words, text, number, .. } = self;
        let mut time = Pen::new(number);
        Took(took).push(&mut time);
        Columns { clock, ends, words }.took(width, &time, text);
    }

    /// Ends the line and writes it.
    #[inline]
    pub(super) fn write(&mut self) -> io::Result<()> {
        self.text.trim_end();
        self.text.append("\n");
        self.out.write_all(self.text.as_bytes())
    }
}
