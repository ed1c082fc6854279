//! The log as text: one line for each event, aligned, for people.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::Summary;
use super::columns::flow;
use super::escape::escape;
use super::explanation;
use super::hops;
use super::layout::{Layout, grown, is_short, pad, push_upper, shown_columns, verdict_style};
use super::line::{Gist, Line, Port};
use super::summary::Totals;
use super::units::{Clock, Took, columns, plain_columns};
use super::words;
use crate::digits::{self, Page, Pen, Text};
use crate::explain::Topic;
use crate::hostile;
use crate::join::Told;
use crate::name::{Called, Namer, Party};
use crate::track::event::Event;

/// Room for the ends at first, and how far it grows for longer names.
pub(super) const ENDS: (usize, usize) = (28, 56);
/// Room for the words at first, and how far it grows.
pub(super) const WORDS: (usize, usize) = (38, 50);
/// Room for both in narrow terminals.
const NARROW_ENDS: usize = 25;
/// Room for both in narrow terminals.
const NARROW_WORDS: usize = 26;
/// Columns grow by this much at a time.
pub(super) const STEP: usize = 4;
/// Room for the kind: `LLMNR`.
pub(super) const KIND: usize = 5;
/// Between the ends.
pub(super) const ARROW: &str = " → ";
/// It takes so many columns fewer than bytes.
pub(super) const ARROW_BEYOND: usize = ARROW.len() - 3;
/// Room for the time that it took: `12.345 ms`.
pub(super) const TIME: usize = 9;
/// What a line that does not fit goes on with.
const INDENT: &str = "    ";

/// Writes events as lines of text.
#[derive(Debug)]
pub struct TextWriter<W> {
    pub(super) out: W,
    pub(super) layout: Layout,
    pub(super) clock: Clock,
    pub(super) ends: usize,
    pub(super) words: usize,
    line: String,
    said: String,
    took: String,
    /// A line that is put together in one go.
    pub(super) text: Text,
    /// A usual line, and how long it took.
    pub(super) page: Box<Page>,
    pub(super) number: Box<Page>,
}

/// Who the ends of a line are.
enum Named<'a> {
    /// What they are called is known without more.
    Called(Called<'a>, &'a Namer),
    Parties(&'a Line<'a>),
}

/// What is said, and the columns that it takes.
struct Said<'a> {
    text: &'a str,
    width: usize,
    style: Style,
    /// Nothing comes behind it in its line.
    is_last: bool,
}

impl<W: Write> TextWriter<W> {
    /// A writer that begins with an empty log.
    pub fn new(out: W, layout: Layout) -> Self {
        let (ends, words) = if is_short(layout) { (NARROW_ENDS, NARROW_WORDS) } else { (ENDS.0, WORDS.0) };
        Self {
            out,
            layout,
            clock: Clock::local(),
            ends,
            words,
            line: String::new(),
            said: String::new(),
            took: String::new(),
            text: Text::default(),
            page: Box::new(Pen::PAGE),
            number: Box::new(Pen::PAGE),
        }
    }

    /// Where it writes.
    pub const fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes an event's line.
    pub fn event(&mut self, told: &Told<'_>, namer: &Namer) -> io::Result<()> {
        self.named(told, namer, None)
    }

    /// Writes an event's line, where what its ends are called may be known.
    pub fn named(&mut self, told: &Told<'_>, namer: &Namer, called: Option<&Called<'_>>) -> io::Result<()> {
        if matches!(told.event, Event::Measured(_)) {
            // No line of the log.
            return Ok(());
        }
        let called = called.filter(|_| !self.layout.link_level);
        if let Some(called) = called
            && self.is_plain()
            && told.event.place().vni.is_none()
        {
            return self.plain(told, namer, called);
        }
        let gist = Gist::of(&told.event);
        // Lent out of the writer and put back, so that their memory serves every line.
        let (mut said, mut took) = (std::mem::take(&mut self.said), std::mem::take(&mut self.took));
        said.clear();
        took.clear();
        let words = match &told.event {
            Event::Packet(packet) => &*packet.words,
            _ => {
                // Writing to a String cannot fail.
                let _ = words::write(told, namer, is_short(self.layout), &mut said);
                &said
            }
        };
        if let Some(time) = gist.took {
            Took(time).push(&mut took);
        }
        self.line.clear();
        let safe;
        let words = match plain_columns(words.as_bytes()) {
            Some(width) => (words, width),
            None => {
                safe = escape(words);
                (&*safe, columns(&safe))
            }
        };
        match called {
            Some(&called) => self.laid_out(told, gist, &Named::Called(called, namer), words, &took),
            None => self.laid_out(told, gist, &Named::Parties(&Line::new(told, namer)), words, &took),
        }
        if told.event.place().vni.is_some() {
            said.clear();
            let _ = words::tunnel(&told.event, &mut said);
            self.tunnel(&said);
        }
        (self.said, self.took) = (said, took);
        self.line.truncate(self.line.trim_end().len());
        self.line.push('\n');
        if self.layout.hops {
            let _ = hops::write_lines(told, namer, &mut self.line);
        }
        self.out.write_all(self.line.as_bytes())
    }

    /// Writes a line that is not an event: what happened to the capture itself.
    pub fn remark(&mut self, text: &str) -> io::Result<()> {
        let style = self.style(AnsiColor::Yellow.on_default());
        writeln!(self.out, "{style}{}{style:#}", escape(text))
    }

    /// Writes what explains the line before.
    pub fn explanation(&mut self, topic: &Topic) -> io::Result<()> {
        let style = self.style(Style::new().dimmed());
        explanation::lines(topic, self.layout.width)
            .iter()
            .try_for_each(|line| writeln!(self.out, "{style}{line}{style:#}"))
    }

    /// Writes the summary. On a terminal its lines are broken behind commas.
    pub fn summary(&mut self, summary: &Summary, totals: &Totals) -> io::Result<()> {
        let Some(width) = self.layout.width else { return summary.write_text(totals, &mut self.out) };
        let mut text = Vec::new();
        summary.write_text(totals, &mut text)?;
        for line in String::from_utf8_lossy(&text).lines() {
            let pieces: Vec<_> = line.split(", ").map(str::to_owned).collect();
            self.line.clear();
            flow(&mut self.line, &pieces, ", ", INDENT, 0, Some(width));
            writeln!(self.out, "{}", self.line)?;
        }
        Ok(())
    }

    /// Who asks and who is asked, and by which published port; the columns that this takes.
    fn ends(&mut self, told: &Told<'_>, ports: bool, named: &Named<'_>) -> usize {
        let start = self.line.len();
        let short = is_short(self.layout);
        // A client's port is drawn by lot: the short forms leave it out.
        let client_port = ports && (!short || matches!(told.event, Event::Packet(_)));
        // Writing to a String cannot fail.
        let _ = match named {
            Named::Called(called, namer) => {
                let (client, server) = told.event.ports();
                self.called(called.client.as_str(), client.filter(|_| client_port));
                self.line.push_str(ARROW);
                self.called(called.server.as_str(), server.filter(|_| ports));
                if told.published.is_none() && !called.publishes {
                    return self.line.len() - start - ARROW_BEYOND;
                }
                words::port(&Port::of(told, namer), short, &mut self.line)
            }
            Named::Parties(Line { client: Some(client), server: Some(server), published, .. }) => {
                self.party(client, client_port);
                self.line.push_str(ARROW);
                self.party(server, ports);
                words::port(published, short, &mut self.line)
            }
            Named::Parties(_) => {
                link_ends(&told.event, &mut self.line);
                Ok(())
            }
        };
        columns(self.line.get(start..).unwrap_or_default())
    }

    /// A name that needs no escaping, and a port.
    fn called(&mut self, name: &str, port: Option<u16>) {
        let Some(port) = port else { return self.line.push_str(name) };
        // An IPv6 address needs brackets before its port (RFC 3986, 3.2.2).
        let in_brackets = hostile::has(name, b':');
        if in_brackets {
            self.line.push('[');
        }
        self.line.push_str(name);
        self.line.push_str(if in_brackets { "]:" } else { ":" });
        digits::push(&mut self.line, port);
    }

    fn party(&mut self, party: &Party<'_>, with_port: bool) {
        self.called(&escape(&party.name), party.port.filter(|_| with_port));
        if let Some(mac) = party.mac.filter(|_| self.layout.link_level) {
            self.line.push_str(" (");
            mac.push(&mut self.line);
            self.line.push(')');
        }
    }

    /// Composes a line with colours, or for as many columns as there are.
    fn laid_out(
        &mut self,
        told: &Told<'_>,
        gist: Gist,
        named: &Named<'_>,
        (said, said_width): (&str, usize),
        took: &str,
    ) {
        let short = is_short(self.layout);
        let gap = if short { 1 } else { 2 };
        // Where there is little room, none is given away.
        let step = if short { 1 } else { STEP };
        let (dim, bold) = (self.style(Style::new().dimmed()), self.style(AnsiColor::Cyan.on_default()));
        self.styled(dim, |this| this.clock.write(gist.at, short, &mut this.line));
        pad(&mut self.line, gap);
        let start = self.line.len();
        let ends_width = self.ends(told, gist.ports, named);
        let ends = self.line.get(start..).unwrap_or_default();
        self.ends = grown(self.ends, ends_width, ENDS.1, step);
        self.words = grown(self.words, said_width, if short { self.words } else { WORDS.1 }, step);
        // The longest kind is LLMNR, which is rare enough to stand out where there is little room.
        let kind_width = gist.kind.len().max(if short { KIND - 1 } else { KIND });
        let time = (if short { 12 } else { 15 }) + gap;
        let mut used = time + self.ends.max(ends_width) + gap + kind_width + gap;
        let is_apart = self.layout.width.is_some_and(|width| time + ends_width + gap + gist.kind.len() > width);
        if is_apart {
            let server = ends.split_once(ARROW).map_or(0, |(_, server)| columns(server));
            used = INDENT.len() + server + gap + kind_width + gap;
        }
        pad(&mut self.line, self.ends.saturating_sub(ends_width) + gap);
        self.styled(bold, |this| push_upper(&mut this.line, gist.kind));
        pad(&mut self.line, kind_width - gist.kind.len() + gap);
        if is_apart {
            // Not even the ends fit: the server goes to a line of its own.
            self.line = self.line.replacen(ARROW, &format!(" →\n{INDENT}"), 1);
        }
        let style = self.style(verdict_style(gist.verdict));
        let is_last = took.is_empty() && told.event.place().vni.is_none();
        self.ending(&Said { text: said, width: said_width, style, is_last }, took, used);
    }

    /// What was said and how long it took; on further lines where the terminal is too narrow.
    fn ending(&mut self, said: &Said<'_>, took: &str, used: usize) {
        // Times are plain ASCII.
        let fits = |needed| self.layout.width.is_none_or(|width| used + needed <= width);
        let column = self.words.max(said.width) + 2 + took.len().max(TIME);
        match self.layout.width {
            Some(width) if !fits(said.width + 1 + took.len()) => return self.wrapped(said, took, used, width),
            // Too narrow for the column: the time stands at the right edge.
            Some(width) if !fits(column) => {
                self.styled(said.style, |this| this.line.push_str(said.text));
                pad(&mut self.line, width - used - said.width - took.len());
            }
            _ => {
                self.styled(said.style, |this| this.line.push_str(said.text));
                if said.is_last {
                    // No blanks for the end of the line, which would be taken away again.
                    return;
                }
                pad(&mut self.line, column - said.width - took.len());
            }
        }
        self.line.push_str(took);
    }

    fn wrapped(&mut self, said: &Said<'_>, took: &str, used: usize, width: usize) {
        let mut column = used;
        let all = said.text.split(' ').chain(Some(took).filter(|took| !took.is_empty()));
        for (nth, word) in all.enumerate() {
            if column + columns(word) > width && column > INDENT.len() {
                self.line.truncate(self.line.trim_end().len());
                self.line.push('\n');
                self.line.push_str(INDENT);
                column = INDENT.len();
            }
            if nth == 0 {
                let _ = write!(self.line, "{}", said.style);
            }
            self.line.push_str(word);
            self.line.push(' ');
            column += columns(word) + 1;
        }
        self.line.truncate(self.line.trim_end().len());
        let _ = write!(self.line, "{:#}", said.style);
    }

    /// The tunnel, behind the time: it is a detail, and most lines have none. Where it does not fit, its number alone;
    /// else nothing.
    fn tunnel(&mut self, tunnel: &str) {
        if tunnel.is_empty() {
            return;
        }
        let last = self.line.rsplit('\n').next().map_or(0, shown_columns);
        let fits = |tunnel: &&str| match self.layout.width {
            Some(width) => last + 2 + columns(tunnel) <= width,
            None => !is_short(self.layout),
        };
        let number = tunnel.split(',').next().unwrap_or_default();
        if let Some(tunnel) = [tunnel, number].into_iter().find(fits) {
            pad(&mut self.line, 2);
            let dim = self.style(Style::new().dimmed());
            self.styled(dim, |this| this.line.push_str(tunnel));
        }
    }

    /// What `write` writes, in a style.
    fn styled(&mut self, style: Style, write: impl FnOnce(&mut Self)) {
        if self.layout.color {
            let _ = write!(self.line, "{style}");
        }
        write(self);
        if self.layout.color {
            let _ = write!(self.line, "{style:#}");
        }
    }

    fn style(&self, style: Style) -> Style {
        if self.layout.color { style } else { Style::new() }
    }
}

/// The ends of a packet without addresses above the link.
fn link_ends(event: &Event<'_>, out: &mut String) {
    let Event::Packet(packet) = event else { return };
    let end = |mac: Option<crate::address::MacAddr>| mac.map_or_else(|| "?".to_owned(), |mac| mac.to_string());
    out.push_str(&end(packet.macs.0));
    out.push_str(ARROW);
    out.push_str(&end(packet.macs.1));
}
