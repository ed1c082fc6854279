//! Parse, run, exit code.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::process::ExitCode;

use bridgetap::cli::{Cli, with_tcpdump_habits};
use bridgetap::commands::{Messages, Streams, run};
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse_from(with_tcpdump_habits(std::env::args_os()));
    let streams = Streams {
        out: Box::new(io::stdout()),
        out_fd: io::stdout().as_fd().try_clone_to_owned().ok(),
        out_is_terminal: io::stdout().is_terminal(),
        messages: Messages(Box::new(io::stderr())),
        messages_are_terminal: io::stderr().is_terminal(),
    };
    run(cli, streams)
}
