//! What does not go together with `-w`.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::capture::write::WriteError;
use crate::cli::{self, Pace};

/// Why what the user typed is refused, if it is.
pub(super) fn refusal(arguments: &cli::Replay, files: &[&PathBuf], out_is_terminal: bool) -> Option<String> {
    let cli::Rewriting { write, force, print, .. } = &arguments.rewriting;
    let out = write.as_deref()?;
    if arguments.pace != Pace::Max {
        return Some("--pace is about the log, and -w writes a file: write it first, then replay that".to_owned());
    }
    if !print && let Some(why) = log_only(&arguments.output) {
        return Some(why);
    }
    let is_stdout = out.as_os_str() == "-";
    if is_stdout && *print {
        return Some("-w - and --print would both write to standard output: name a file behind -w".to_owned());
    }
    if is_stdout && out_is_terminal {
        return Some("-w - would write packets to the terminal: name a file, or send it through a pipe".to_owned());
    }
    let out_file = identity(out, "/dev/stdout");
    let names = arguments.names.docker_inspect.iter().chain(&arguments.names.hosts);
    for path in files.iter().copied().chain(names) {
        if out_file.is_some() && identity(path, "/dev/stdin") == out_file {
            let called = |path: &Path, standard: &str| match path.to_string_lossy() {
                name if name == "-" => standard.to_owned(),
                name => name.into_owned(),
            };
            let (out, input) = (called(out, "standard output"), called(path, "standard input"));
            return Some(format!("{out} is the same file as {input}, which is read: write to another one"));
        }
    }
    let exists =
        !is_stdout && !force && out.symlink_metadata().is_ok_and(|found| found.is_file() || found.is_symlink());
    exists.then(|| WriteError::Exists { path: out.to_owned() }.to_string())
}

/// A flag that picks or forms lines of the log, where there is none. Those that only change how it looks (`-n`) are habits
/// and do no harm.
fn log_only(output: &cli::Output) -> Option<String> {
    let event = output.events.flags.first().map(|flag| flag.wants.flag());
    if let Some(flag) = event {
        return Some(format!(
            "{flag} picks lines of the log, and -w writes packets: pick them with --filter, or add --print"
        ));
    }
    let flags = [
        (output.json, "--json"),
        (output.ladder, "--ladder"),
        (output.explain, "--explain"),
        (output.packets, "--packets"),
        (output.summary, "--summary"),
        (output.hops, "--hops"),
        (output.names != cli::Names::Container, "--names"),
    ];
    let flag = flags.into_iter().find(|(is_set, _)| *is_set)?.1;
    Some(format!("{flag} is about the log, and -w writes none: add --print to have both"))
}

/// What tells a regular file from any other, by whatever path: its device and its number there. `-` is `standard`.
fn identity(path: &Path, standard: &str) -> Option<(u64, u64)> {
    let path = if path.as_os_str() == "-" { Path::new(standard) } else { path };
    path.metadata().ok().filter(Metadata::is_file).map(|found| (found.dev(), found.ino()))
}
