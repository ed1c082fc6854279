//! What is to be measured: files, or what is on the wire, or what is sent for it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::cli;

/// The endings of captures, as tcpdump, Wireshark and bridgetap write them.
const CAPTURES: [&str; 5] = ["pcap", "pcapng", "cap", "dmp", "gz"];
/// The ending of an interval log.
const LOG: &str = "hlog";

/// What is to be measured.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    Captures(Vec<PathBuf>),
    /// Interval logs, whose series are summed.
    Logs(Vec<PathBuf>),
    Targets(Vec<String>),
    Probe(Pair),
    /// Two runs to compare.
    Runs(PathBuf, PathBuf),
}

/// Who probes whom.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub client: String,
    /// `None`: the client's own name server.
    pub server: Option<String>,
}

impl Input {
    /// What the user named.
    pub fn of(arguments: &cli::Latency) -> Result<Self, String> {
        let what = &arguments.what;
        if arguments.compare {
            return match what.as_slice() {
                [before, after] => Ok(Self::Runs(before.into(), after.into())),
                _ => Err("--compare takes two files: the run before and the run after".to_owned()),
            };
        }
        if arguments.probing.probe {
            return pair(arguments).map(Self::Probe);
        }
        if let Some(folder) = what.iter().find(|name| is_folder(name)) {
            return Err(format!("{} is a folder; name the files in it", Path::new(folder).display()));
        }
        let (files, others): (Vec<_>, Vec<_>) = what.iter().partition(|name| is_file(name));
        let files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).chain(arguments.read.iter().cloned()).collect();
        match (files.first(), others.first()) {
            (None, _) => others.into_iter().map(text).collect::<Result<_, _>>().map(Self::Targets),
            (Some(file), Some(other)) => Err(format!(
                "{} is a file and {} is none: measure files, or what is on the wire; net:NAME and container:NAME are \
                 never files, ./FILE always is",
                file.display(),
                other.display()
            )),
            (Some(_), None) => of_files(files),
        }
    }

    /// What the table says it is of, with the interfaces that were named beside it.
    pub fn title(&self, interfaces: &[String]) -> String {
        let names = |files: &[PathBuf]| files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
        match self {
            Self::Captures(files) | Self::Logs(files) => names(files).join(", "),
            Self::Targets(targets) if targets.is_empty() && interfaces.is_empty() => "Docker's bridges".to_owned(),
            Self::Targets(targets) => [targets, interfaces].concat().join(", "),
            Self::Probe(Pair { client, server: Some(server) }) => format!("{client} → {server}"),
            Self::Probe(Pair { client, server: None }) => format!("{client} → its name server"),
            Self::Runs(before, after) => format!("{} → {}", before.display(), after.display()),
        }
    }
}

fn of_files(files: Vec<PathBuf>) -> Result<Input, String> {
    let logs = files.iter().filter(|file| is_log(file)).count();
    if logs == files.len() {
        Ok(Input::Logs(files))
    } else if logs == 0 {
        Ok(Input::Captures(files))
    } else {
        Err("captures and .hlog files cannot be summed: their times may be of the same packets".to_owned())
    }
}

fn pair(arguments: &cli::Latency) -> Result<Pair, String> {
    let names = arguments.what.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    match <[String; 2]>::try_from(names) {
        Ok([client, server]) => Ok(Pair { client, server: Some(server) }),
        Err(names) => match <[String; 1]>::try_from(names) {
            Ok([client]) if arguments.probing.lookup.is_some() => Ok(Pair { client, server: None }),
            _ => Err("--probe takes two names: the container that sends and the one that answers; \
                      with --lookup NAME, the one that sends is enough"
                .to_owned()),
        },
    }
}

fn text(name: impl AsRef<OsStr>) -> Result<String, String> {
    let name = name.as_ref();
    name.to_str().map(str::to_owned).ok_or_else(|| format!("{} is not text, so it names nothing", name.display()))
}

/// Whether a name is a file's: by its ending, or because there is one. A folder may be called as a container.
fn is_file(name: &OsString) -> bool {
    let path = Path::new(name);
    let is_known = |ending: &OsStr| ending == LOG || CAPTURES.iter().any(|known| ending.eq_ignore_ascii_case(known));
    name == "-" || path.extension().is_some_and(is_known) || path.metadata().is_ok_and(|found| !found.is_dir())
}

/// Whether a name can only be a folder's: none of Docker's names has a slash.
fn is_folder(name: &OsStr) -> bool {
    name.as_encoded_bytes().contains(&b'/') && Path::new(name).is_dir()
}

/// Whether a file is an interval log, by its ending.
pub(super) fn is_log(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(LOG))
}
