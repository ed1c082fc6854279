//! Parse, run, exit code.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::process::ExitCode;

use bridgetap::cli::{Cli, with_tcpdump_habits};
use bridgetap::commands::{Messages, Streams, run};
use bridgetap::hostile::escape;
use clap::{CommandFactory, Parser};

fn main() -> ExitCode {
    let typed = with_tcpdump_habits(std::env::args_os());
    let cli = Cli::try_parse_from(&typed).unwrap_or_else(|error| harmless(&typed, error).exit());
    let streams = Streams {
        out: Box::new(io::stdout()),
        out_fd: io::stdout().as_fd().try_clone_to_owned().ok(),
        out_is_terminal: io::stdout().is_terminal(),
        messages: Messages(Box::new(io::stderr())),
        messages_are_terminal: io::stderr().is_terminal(),
    };
    run(cli, streams)
}

/// The error for what was typed. Words that came from elsewhere may be hostile, and clap shows them as they are: then it
/// is that of the words escaped.
fn harmless(typed: &[OsString], error: clap::Error) -> clap::Error {
    let escaped = |word: &OsString| escape(&word.to_string_lossy()).into_owned();
    let safe: Vec<_> = typed.iter().map(escaped).collect();
    if safe.iter().zip(typed).all(|(safe, typed)| typed.as_os_str() == safe.as_str()) {
        return error;
    }
    Cli::try_parse_from(safe).err().unwrap_or_else(|| clap::Error::new(error.kind()).with_cmd(&Cli::command()))
}
