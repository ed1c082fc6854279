//! The commands: the only place that wires the stages together.

mod again;
mod audience;
mod awaiting;
mod bar;
mod captures;
mod clients;
mod confined;
mod doctor;
mod facts;
mod given_names;
mod keys;
mod known;
mod latency;
mod log;
mod losses;
mod missing;
mod networks;
mod output;
mod owners;
mod pace;
mod plan;
mod queue;
mod recording;
mod replay;
mod rewriting;
mod rooms;
mod signals;
mod starting;
mod stdin;
mod tap;
mod targets;
mod terminal;
mod timeline;
mod undecoded;
mod view;
mod watch;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use crate::cli::{Cap, Cli, Color, Command};
use crate::filter::{CaptureFilter, FilterError};
use crate::track::Limits;

/// Where a command writes, and what is there.
pub struct Streams {
    /// The log.
    pub out: Box<dyn Write + Send>,
    /// The same again, to see while nothing is written whether anybody still reads it; `None` where it is closed.
    pub out_fd: Option<OwnedFd>,
    /// Whether the log goes to a terminal.
    pub out_is_terminal: bool,
    /// Messages about the program itself.
    pub messages: Messages,
    /// Whether those go to a terminal.
    pub messages_are_terminal: bool,
}

/// Writes messages about the program itself, a line each, behind its name.
pub struct Messages(pub Box<dyn Write + Send>);

impl Messages {
    /// Writes a message. That nobody can read it is no reason to stop.
    pub fn say(&mut self, message: &str) {
        let _ = writeln!(self.0, "bridgetap: {}", crate::render::escape::escape(message));
    }

    /// Says what is wrong with a filter, and points at the word.
    pub fn say_filter(&mut self, error: &FilterError) {
        self.say(&error.to_string());
        for line in error.pointer() {
            let _ = writeln!(self.0, "{line}");
        }
    }
}

/// Does what the user typed.
pub fn run(cli: Cli, streams: Streams) -> ExitCode {
    signals::begin();
    confined::begin();
    match cli.command {
        Command::Networks(arguments) => networks::run(&arguments, streams),
        Command::Doctor(arguments) => doctor::run(&arguments, streams),
        Command::Replay(arguments) => replay::run(&arguments, None, streams),
        Command::Watch(arguments) => watch::run(&arguments, watch::Purpose::Log, streams),
        Command::Record(arguments) if arguments.print => watch::run(&arguments.watch, watch::Purpose::Log, streams),
        Command::Record(arguments) => watch::run(&arguments.watch, watch::Purpose::Record, streams),
        Command::Latency(arguments) => latency::run(&arguments, streams),
    }
}

/// The capture filter that the user wrote, if any; one that cannot be read is said.
fn capture_filter(output: &crate::cli::Output, messages: &mut Messages) -> Result<Option<CaptureFilter>, ExitCode> {
    let written = output.filter.as_deref().filter(|text| !text.trim().is_empty());
    written.map(CaptureFilter::parse).transpose().map_err(|error| {
        messages.say_filter(&error);
        ExitCode::from(2)
    })
}

fn limits(options: &crate::cli::Output, measures: bool) -> Limits {
    let (flows, pending) = (options.max_flows as usize, options.max_pending as usize);
    let Limits { streams, fragments, nodes, segments, .. } = Limits::default();
    let streams = options.caps.get(Cap::Streams, streams);
    let fragments = options.caps.get(Cap::Fragments, fragments);
    let nodes = options.caps.get(Cap::Nodes, nodes);
    let segments = options.caps.get(Cap::Segments, segments);
    Limits { flows, pending, streams, fragments, nodes, measures, segments }
}

/// How many events wait for their copies.
fn copies(options: &crate::cli::Output) -> usize {
    options.caps.get(Cap::Copies, crate::join::EVENTS)
}

/// Whether to write colours: `--color`, else `NO_COLOR`, `CLICOLOR` and `TERM` (<https://no-color.org>).
fn wants_color(choice: Color, is_terminal: bool) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) => false,
        Color::Auto => is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// What is aside is told of others, for the seconds that they take: it needs less room.
fn of_asides(limits: Limits) -> Limits {
    let Limits { flows, pending, streams, fragments, nodes, segments, .. } = limits;
    let part = |room: usize| room.div_ceil(8);
    Limits {
        flows: part(flows),
        pending: part(pending),
        streams: part(streams),
        fragments: part(fragments),
        nodes: part(nodes),
        segments: part(segments),
        ..limits
    }
}
