//! What replaying may add to captures, and that it may write them.

use std::path::PathBuf;

use clap::Args;

const NAMES: &str = "Names";
const WRITING: &str = "Capture file";

/// Names that the user gives, for captures of other tools.
#[derive(Clone, Debug, Default, Args)]
pub struct GivenNames {
    /// Networks and containers from the saved output of docker inspect $(docker ps -q) $(docker network ls -q); several
    /// times for several files.
    #[arg(long, value_name = "FILE", help_heading = NAMES)]
    pub docker_inspect: Vec<PathBuf>,
    /// Names of addresses from a file like /etc/hosts: an address and its names on each line. Several times for several
    /// files.
    #[arg(long, value_name = "FILE", help_heading = NAMES)]
    pub hosts: Vec<PathBuf>,
}

/// Writing a capture from captures.
#[derive(Clone, Debug, Default, Args)]
pub struct Rewriting {
    /// Write the packets that --filter lets through and -c counts, with all names, to a pcapng file instead of the log;
    /// - is standard output.
    #[arg(short = 'w', long = "write", value_name = "FILE", help_heading = WRITING)]
    pub write: Option<PathBuf>,
    /// Replace the file if there is one.
    #[arg(long, requires = "write", help_heading = WRITING)]
    pub force: bool,
    /// Keep only so many bytes of each packet.
    #[arg(short = 's', long = "snapshot-length", value_name = "BYTES", requires = "write", help_heading = WRITING,
        value_parser = clap::value_parser!(u32).range(1..=262_144))]
    pub snap_len: Option<u32>,
    /// Show the log too, of the packets that are written.
    #[arg(long, requires = "write", help_heading = WRITING)]
    pub print: bool,
}
