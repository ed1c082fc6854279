//! Lines for files and pipes, whose ends have names that are known: there may be millions. Each is put together in one go,
//! in bytes; [`TextWriter::event`] does for all others what is done here, and says the same.

use std::io::{self, Write};
use std::time::Duration;

use super::escape::escape;
use super::layout::{GAP, grown, is_short};
use super::line::{Gist, Port};
use super::text::{ARROW, ARROW_BEYOND, ENDS, KIND, STEP, TIME, TextWriter, WORDS};
use super::units::{Clock, Took, columns, plain_columns};
use super::words;
use crate::decode::icmp::Echo;
use crate::decode::message::{self, Message, Subject};
use crate::decode::{Packet, Segment, Tcp, Usual, describe};
use crate::digits::{self, Append, Line, Pen};
use crate::join::Told;
use crate::name::{Called, Namer, PlainName};
use crate::time::Timestamp;
use crate::track::event::Event;

/// The ports of both ends, the sender's or the client's first.
type Ports = (Option<u16>, Option<u16>);

/// What a packet says.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// In UTF-8.
    pub text: &'a [u8],
    /// There is text from the wire in it.
    pub is_foreign: bool,
}

/// What kind a line is of, in its column with the gap behind it, and the columns that this takes.
#[derive(Clone, Copy)]
struct Kind([u8; KIND_ROOM], usize);

/// Room for the longest kind and its gap.
const KIND_ROOM: usize = 16;
/// Those of nearly all packets.
const TCP: Kind = Kind(*b"TCP             ", KIND + GAP.len());
const PING: Kind = Kind(*b"PING            ", KIND + GAP.len());

impl Kind {
    /// Of a word of ASCII.
    #[inline]
    fn of(kind: &str) -> Self {
        let mut column = [b' '; KIND_ROOM];
        let len = kind.len().min(KIND_ROOM - GAP.len());
        column.iter_mut().zip(kind.bytes().take(len)).for_each(|(place, byte)| *place = byte.to_ascii_uppercase());
        Self(column, len.max(KIND) + GAP.len())
    }
}

/// What nearly all packets say.
#[derive(Clone, Copy)]
enum Says<'a> {
    Segment(&'a Tcp<'a>),
    Echo(&'a Echo, u8),
}

/// Where the columns of a line are, and what its times are told by.
struct Columns<'a> {
    clock: &'a mut Clock,
    ends: &'a mut usize,
    words: &'a mut usize,
}

#[expect(clippy::inline_always, reason = "what is in line has the place of what is next in a register, see Pen")]
impl Columns<'_> {
    /// Puts a whole line together, but for its end.
    #[inline(always)]
    fn usual(&mut self, at: Timestamp, says: Says<'_>, called: &Called<'_>, ports: Ports, line: &mut impl Line) {
        match says {
            Says::Segment(tcp) => {
                let start = self.head(at, called, ports, TCP, line);
                describe::segment(tcp, line);
                self.said(line.len() - start);
            }
            Says::Echo(echo, hop_limit) => {
                let start = self.head(at, called, ports, PING, line);
                describe::echo_message(echo, hop_limit, line);
                self.said(line.len() - start);
            }
        }
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
    fn begin(&mut self, at: Timestamp, called: &Called<'_>, (client, server): Ports, line: &mut impl Line) -> usize {
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
    fn kind(&mut self, start: usize, Kind(kind, columns): Kind, line: &mut impl Line) {
        // Ends are of ASCII but for the arrow.
        let width = line.len() - start - ARROW_BEYOND;
        *self.ends = grown(*self.ends, width, ENDS.1, STEP);
        line.append_blanks(self.ends.saturating_sub(width) + GAP.len());
        line.append_first(&kind, columns);
    }

    /// Words took so many columns.
    #[inline(always)]
    fn said(&mut self, width: usize) {
        *self.words = grown(*self.words, width, WORDS.1, STEP);
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
    pub fn segment(&mut self, at: Timestamp, segment: &Segment<'_>, called: &Called<'_>) -> io::Result<()> {
        let (sender, receiver) = segment.ends();
        self.usual(at, Says::Segment(&segment.tcp), called, (sender.port, receiver.port))
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
            return self.usual(at, Says::Echo(echo, *hop_limit), called, (None, None));
        }
        let (sender, receiver) = usual.endpoints();
        let start = self.head(at, called, (sender.port, receiver.port), Kind::of(message.protocol.protocol().name()));
        // Writing to memory cannot fail.
        let _ = describe::usual_message(message, &mut self.text);
        self.said(start, matches!(message.subject, Subject::Dns(_)));
        self.write()
    }

    #[expect(clippy::inline_always, reason = "what it says is known in line")]
    #[inline(always)]
    fn usual(&mut self, at: Timestamp, says: Says<'_>, called: &Called<'_>, ports: Ports) -> io::Result<()> {
        let Self { clock, ends, words, page, out, .. } = self;
        let mut pen = Pen::new(page);
        Columns { clock, ends, words }.usual(at, says, called, ports, &mut pen);
        pen.append("\n");
        match pen.as_bytes() {
            Some(line) => out.write_all(line),
            None => self.unusually_long(at, says, called, ports),
        }
    }

    #[cold]
    #[inline(never)]
    fn unusually_long(&mut self, at: Timestamp, says: Says<'_>, called: &Called<'_>, ports: Ports) -> io::Result<()> {
        let Self { clock, ends, words, text, .. } = self;
        text.clear();
        Columns { clock, ends, words }.usual(at, says, called, ports, text);
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
        let start = self.begin(at, called, if ports { told.event.ports() } else { (None, None) });
        // Writing to memory cannot fail.
        if told.published.is_some() || called.publishes {
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
    fn took(&mut self, took: Duration, width: usize) {
        self.number.clear();
        Took(took).push(&mut self.number);
        let time = self.number.len();
        let column = self.words.max(width) + 2 + time.max(TIME);
        self.text.append_blanks(column - width - time);
        self.text.append_bytes(self.number.as_bytes());
    }

    /// Ends the line and writes it.
    #[inline]
    fn write(&mut self) -> io::Result<()> {
        self.text.trim_end();
        self.text.append("\n");
        self.out.write_all(self.text.as_bytes())
    }
}
