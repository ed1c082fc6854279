//! Names that the user gives by `--docker-inspect` and `--hosts`, for captures that carry none, or not all.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::Messages;
use crate::cli;
use crate::docker::{Directory, Inspection, Snapshot, combined, inspected};
use crate::name::{AddressNames, HOSTS_MAX_BYTES, read_hosts};

/// The names that hold for all files and all times, where a file has none of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct GivenNames {
    directory: Option<Arc<Directory>>,
    addresses: AddressNames,
}

impl GivenNames {
    /// Reads the files that the user named. What cannot be read is said, all of it; then there is nothing.
    pub fn read(arguments: &cli::GivenNames, messages: &mut Messages) -> Option<Self> {
        let (mut inspection, mut addresses) = (Inspection::default(), AddressNames::default());
        let mut is_good = true;
        let mut say = |result: Result<(), String>| {
            if let Err(what) = result {
                messages.say(&what);
                is_good = false;
            }
        };
        for path in &arguments.docker_inspect {
            say(inspect(path, &mut inspection));
        }
        for path in &arguments.hosts {
            say(hosts(path, &mut addresses));
        }
        let directory = (!arguments.docker_inspect.is_empty()).then(|| Arc::new(inspection.directory()));
        is_good.then_some(Self { directory, addresses })
    }

    /// The networks and containers, if any were given.
    pub fn directory(&self) -> Option<&Arc<Directory>> {
        self.directory.as_ref()
    }

    /// The names of addresses alone.
    pub fn addresses(&self) -> &AddressNames {
        &self.addresses
    }

    /// A file's own names, with those that it does not know.
    pub fn completed(&self, own: Snapshot) -> Snapshot {
        match &self.directory {
            Some(directory) => combined(own, directory),
            None => own,
        }
    }
}

fn inspect(path: &Path, inspection: &mut Inspection) -> Result<(), String> {
    let name = path.to_string_lossy();
    let bytes = read(path, inspected::MAX_BYTES)?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(_) if bytes.starts_with(b"\xff\xfe") => {
            return Err(format!(
                "{name}: is text in UTF-16, as PowerShell's > writes it; save it with Out-File -Encoding utf8"
            ));
        }
        Err(error) => return Err(format!("{name}: is no text in UTF-8 from byte {} on", error.valid_up_to())),
    };
    inspection.add(text).map_err(|what| format!("{name}: {what}"))
}

fn hosts(path: &Path, addresses: &mut AddressNames) -> Result<(), String> {
    let name = path.to_string_lossy();
    read_hosts(&read(path, HOSTS_MAX_BYTES)?, addresses).map_err(|error| match error.line {
        Some(line) => format!("{name}:{line}: {}", error.what),
        None => format!("{name}: {}", error.what),
    })
}

/// A file's bytes, and at most one more than are read: then the reader says that it is too long.
fn read(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes));
    let why = match read {
        Ok(_) => return Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => "no such file".to_owned(),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => "is a directory; name a file in it".to_owned(),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    Err(format!("{}: {why}", path.display()))
}
