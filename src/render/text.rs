//! The log as text: one line for each event, aligned, for people.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::escape::escape;
use super::line::{Line, Verdict};
use super::units::{Clock, Took, columns};
use super::words;
use crate::name::{Namer, Party};
use crate::track::event::Event;

/// Terminals narrower than this get the short forms.
const NARROW: usize = 120;
/// Room for the ends at first, and how far it grows for longer names.
const ENDS: (usize, usize) = (28, 56);
/// Room for the words at first, and how far it grows.
const WORDS: (usize, usize) = (38, 50);
/// Room for both in narrow terminals.
const NARROW_ENDS: usize = 25;
/// Room for both in narrow terminals.
const NARROW_WORDS: usize = 26;
/// Columns grow by this much at a time.
const STEP: usize = 4;
/// Room for the kind: `LLMNR`.
const KIND: usize = 5;
/// What a line that does not fit goes on with.
const INDENT: &str = "    ";

/// How lines are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The terminal's width in columns; `None` for a pipe or file, where lines are as long as they need.
    pub width: Option<usize>,
    /// Write colours.
    pub color: bool,
    /// Shorter lines, as tcpdump's `-q`.
    pub quiet: bool,
    /// Show MAC addresses, as tcpdump's `-e`.
    pub link_level: bool,
}

/// Writes events as lines of text.
#[derive(Debug)]
pub struct TextWriter<W> {
    out: W,
    layout: Layout,
    clock: Clock,
    ends: usize,
    words: usize,
    line: String,
    said: String,
}

impl<W: Write> TextWriter<W> {
    /// A writer that begins with an empty log.
    pub fn new(out: W, layout: Layout) -> Self {
        let (ends, words) = if is_short(layout) { (NARROW_ENDS, NARROW_WORDS) } else { (ENDS.0, WORDS.0) };
        Self { out, layout, clock: Clock::local(), ends, words, line: String::new(), said: String::new() }
    }

    /// Where it writes.
    pub const fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes an event's line.
    pub fn event(&mut self, event: &Event<'_>, namer: &Namer) -> io::Result<()> {
        let line = Line::new(event, namer);
        let short = is_short(self.layout);
        self.said.clear();
        // Writing to a String cannot fail.
        let _ = words::write(event, namer, short, &mut self.said);
        let ends = match (&line.client, &line.server) {
            (Some(client), Some(server)) => self.between(client, server, line.ports, matches!(event, Event::Packet(_))),
            _ => link_ends(event),
        };
        self.line.clear();
        let all_said = std::mem::take(&mut self.said);
        self.compose(&line, &ends, &escape(&all_said));
        self.said = all_said;
        writeln!(self.out, "{}", self.line.trim_end())
    }

    /// Writes a line that is not an event: what happened to the capture itself.
    pub fn remark(&mut self, text: &str) -> io::Result<()> {
        let style = self.style(AnsiColor::Yellow.on_default());
        writeln!(self.out, "{style}{}{style:#}", escape(text))
    }

    fn between(&self, client: &Party<'_>, server: &Party<'_>, ports: bool, is_packet: bool) -> String {
        // A client's port is drawn by lot: the short forms leave it out.
        let (client_port, server_port) = (ports && (!is_short(self.layout) || is_packet), ports);
        let end = |party: &Party<'_>, with_port: bool| {
            let mut text = escape(&party.name).into_owned();
            if let Some(port) = party.port.filter(|_| with_port) {
                // An IPv6 address needs brackets before its port (RFC 3986, 3.2.2).
                text = if text.contains(':') { format!("[{text}]:{port}") } else { format!("{text}:{port}") };
            }
            if let Some(mac) = party.mac.filter(|_| self.layout.link_level) {
                let _ = write!(text, " ({mac})");
            }
            text
        };
        format!("{} → {}", end(client, client_port), end(server, server_port))
    }

    fn compose(&mut self, line: &Line<'_>, ends: &str, said: &str) {
        let short = is_short(self.layout);
        let gap = if short { " " } else { "  " };
        // Where there is little room, none is given away.
        let step = if short { 1 } else { STEP };
        self.ends = grown(self.ends, columns(ends), ENDS.1, step);
        self.words = grown(self.words, columns(said), if short { self.words } else { WORDS.1 }, step);
        let took = line.took.map_or(String::new(), |took| Took(took).to_string());
        let kind = line.kind.to_ascii_uppercase();
        let dim = self.style(Style::new().dimmed());
        let bold = self.style(AnsiColor::Cyan.on_default());
        let verdict = self.style(verdict_style(line.verdict));
        let _ = write!(self.line, "{dim}");
        self.clock.write(line.at, short, &mut self.line);
        let _ = write!(self.line, "{dim:#}{gap}");
        let padding = self.ends.saturating_sub(columns(ends));
        // The longest kind is LLMNR, which is rare enough to stand out where there is little room.
        let kind_width = if short { KIND - 1 } else { KIND };
        let after = kind_width.saturating_sub(kind.len()) + gap.len() - 1;
        let _ = write!(self.line, "{ends}{:padding$}{gap}{bold}{kind}{bold:#}{:after$}", "", "");
        let time = (if short { 12 } else { 15 }) + gap.len();
        let rest = gap.len() * 2 + kind.len().max(kind_width);
        let used = time + self.ends.max(columns(ends)) + rest;
        match self.layout.width {
            // Not even the ends fit: the server goes to a line of its own.
            Some(width) if time + columns(ends) + gap.len() + kind.len() > width => {
                let after_arrow = ends.split_once(" → ").map_or(0, |(_, server)| columns(server));
                self.line = self.line.replacen(" → ", &format!(" →\n{INDENT}"), 1);
                self.ending(said, &took, verdict, INDENT.len() + after_arrow + rest);
            }
            _ => self.ending(said, &took, verdict, used),
        }
    }

    /// What was said and how long it took; on further lines where the terminal is too narrow.
    fn ending(&mut self, said: &str, took: &str, verdict: Style, used: usize) {
        let (open, close) = (verdict.render(), verdict.render_reset());
        let _ = write!(self.line, " ");
        let padding = self.words.saturating_sub(columns(said));
        let needed = used + columns(said).max(self.words) + 2 + columns(took).max(9);
        match self.layout.width {
            Some(width) if used + columns(said) + 1 + columns(took) > width => {
                self.wrapped(said, took, verdict, used, width);
            }
            // Too narrow for the column: the time stands at the right edge.
            Some(width) if needed > width => {
                let padding = width - used - columns(said) - columns(took);
                let _ = write!(self.line, "{open}{said}{close}{:padding$}{took}", "");
            }
            _ if took.is_empty() => {
                let _ = write!(self.line, "{open}{said}{close}");
            }
            _ => {
                let _ = write!(self.line, "{open}{said}{close}{:padding$}  {took:>9}", "");
            }
        }
    }

    fn wrapped(&mut self, said: &str, took: &str, verdict: Style, used: usize, width: usize) {
        let (open, close) = (verdict.render(), verdict.render_reset());
        let mut column = used;
        let all = said.split(' ').chain(Some(took).filter(|took| !took.is_empty()));
        for (nth, word) in all.enumerate() {
            if column + columns(word) > width && column > INDENT.len() {
                self.line.truncate(self.line.trim_end().len());
                let _ = write!(self.line, "\n{INDENT}");
                column = INDENT.len();
            }
            if nth == 0 {
                let _ = write!(self.line, "{open}");
            }
            let _ = write!(self.line, "{word} ");
            column += columns(word) + 1;
        }
        self.line.truncate(self.line.trim_end().len());
        let _ = write!(self.line, "{close}");
    }

    fn style(&self, style: Style) -> Style {
        if self.layout.color { style } else { Style::new() }
    }
}

fn is_short(layout: Layout) -> bool {
    layout.quiet || layout.width.is_some_and(|width| width < NARROW)
}

/// A column grows in steps with what it must hold, so that lines stay aligned with those before as long as they can.
fn grown(width: usize, needed: usize, most: usize, step: usize) -> usize {
    if needed > width { needed.next_multiple_of(step).min(most).max(width) } else { width }
}

/// The ends of a packet without addresses above the link.
fn link_ends(event: &Event<'_>) -> String {
    let Event::Packet(packet) = event else { return String::new() };
    let end = |mac: Option<crate::address::MacAddr>| mac.map_or_else(|| "?".to_owned(), |mac| mac.to_string());
    format!("{} → {}", end(packet.macs.0), end(packet.macs.1))
}

fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Good | Verdict::Neutral => Style::new(),
        Verdict::Bad => AnsiColor::Red.on_default(),
        Verdict::Missing => AnsiColor::Yellow.on_default(),
    }
}
