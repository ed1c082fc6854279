//! What the files of a recording are called, and when the next one begins.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::time::Timestamp;

const NANOS: u64 = 1_000_000_000;

/// When a file is done, and how many there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::commands) struct Rotation {
    /// The most bytes of a file.
    pub bytes: Option<u64>,
    /// A new file begins at each multiple of so many seconds of the local clock.
    pub seconds: Option<u64>,
    /// With `bytes`: as many files are kept, the oldest goes. With `seconds` alone: after so many the recording ends.
    pub files: Option<u32>,
}

impl Rotation {
    /// Whether there may be more than one file.
    pub const fn is_any(&self) -> bool {
        self.bytes.is_some() || self.seconds.is_some()
    }

    /// How many files are kept, where the oldest goes when there are more.
    pub fn ring(&self) -> Option<u32> {
        self.files.filter(|_| self.bytes.is_some())
    }

    /// When the file ends that begins at `at`; never where files are not bounded in time.
    pub fn end(&self, at: Timestamp, zone: &TimeZone) -> Timestamp {
        let Some(seconds) = self.seconds.filter(|seconds| *seconds > 0) else { return Timestamp::MAX };
        let at_seconds = at.as_nanos() / NANOS;
        // On the clock at the wall: a file a day begins at midnight.
        let offset = instant(at).map_or(0, |instant| i64::from(zone.to_offset(instant).seconds()));
        let local = at_seconds.saturating_add_signed(offset);
        let next = (local / seconds).saturating_add(1).saturating_mul(seconds);
        Timestamp::from_parts(next.saturating_add_signed(-offset), 0)
    }
}

/// The name of the file of that number, from 0, that begins at `at`.
///
/// With rotation by time, `%` in the name is what strftime(3) makes of it, as tcpdump has it; without any, the time stands
/// before the extension. With rotation by size, so does the number.
pub(in crate::commands) fn file(
    path: &Path,
    rotation: &Rotation,
    number: u64,
    at: Timestamp,
    zone: &TimeZone,
) -> PathBuf {
    let mut marks = String::new();
    let mut path = path.to_owned();
    if rotation.seconds.is_some() {
        let zoned = instant(at).map(|instant| instant.to_zoned(zone.clone()));
        let text = path.to_str().filter(|text| text.contains('%'));
        let formatted = text.zip(zoned.as_ref()).and_then(|(text, at)| jiff::fmt::strtime::format(text, at).ok());
        match (formatted, zoned) {
            (Some(formatted), _) => path = PathBuf::from(formatted),
            (None, Some(at)) => marks = format!("-{}", at.strftime("%Y%m%dT%H%M%S")),
            (None, None) => {}
        }
    }
    if rotation.bytes.is_some() {
        // Writing to a String cannot fail.
        let _ = write!(marks, "-{:05}", number + 1);
    }
    if marks.is_empty() { path } else { marked(&path, &marks) }
}

/// Whether the name can be made: a `%` that strftime(3) does not know is refused before anything begins.
pub(in crate::commands) fn check(path: &Path, rotation: &Rotation) -> Result<(), String> {
    let Some(text) = path.to_str().filter(|text| rotation.seconds.is_some() && text.contains('%')) else {
        return Ok(());
    };
    match jiff::fmt::strtime::format(text, &jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC)) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{text}: not a name with a time in it: {error}; write for example lab-%H%M.pcapng")),
    }
}

/// `lab.pcapng` with a mark: `lab-00001.pcapng`.
pub(super) fn marked(path: &Path, mark: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_os_string();
    name.push(mark);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

fn instant(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str, rotation: &Rotation, number: u64) -> String {
        // 2026-11-21T10:00:05Z
        let at = Timestamp::from_parts(1_795_255_205, 7);
        file(Path::new(path), rotation, number, at, &TimeZone::UTC).to_string_lossy().into_owned()
    }

    #[test]
    fn files_are_named_by_number_and_time() {
        let by = |bytes, seconds| Rotation { bytes, seconds, files: None };
        assert_eq!(name("lab.pcapng", &by(None, None), 0), "lab.pcapng");
        assert_eq!(name("a.b/lab.pcapng", &by(Some(9), None), 0), "a.b/lab-00001.pcapng");
        assert_eq!(name("lab", &by(Some(9), None), 122_333), "lab-122334");
        assert_eq!(name("lab.pcapng", &by(None, Some(60)), 0), "lab-20261121T100005.pcapng");
        assert_eq!(name("lab-%H%M.pcapng", &by(None, Some(60)), 0), "lab-1000.pcapng");
        assert_eq!(name("lab-%H%M.pcapng", &by(Some(9), Some(60)), 1), "lab-1000-00002.pcapng");
        assert_eq!(name("50%.pcapng", &by(Some(9), None), 0), "50%-00001.pcapng");
    }

    #[test]
    fn a_name_that_no_time_fits_into_is_refused() {
        let rotation = Rotation { seconds: Some(60), ..Rotation::default() };
        assert!(check(Path::new("lab-%H.pcapng"), &rotation).is_ok());
        assert!(check(Path::new("lab-%!.pcapng"), &rotation).unwrap_err().contains("lab-%!.pcapng"));
        assert!(check(Path::new("lab-%!.pcapng"), &Rotation::default()).is_ok());
    }

    #[test]
    fn files_end_at_multiples_on_the_wall_clock() {
        let seconds = |seconds| Rotation { seconds: Some(seconds), ..Rotation::default() };
        let at = Timestamp::from_parts(1_795_255_205, 7);
        let utc = TimeZone::UTC;
        assert_eq!(seconds(60).end(at, &utc), Timestamp::from_parts(1_795_255_260, 0));
        assert_eq!(seconds(3600).end(at, &utc), Timestamp::from_parts(1_795_258_800, 0));
        // Midnight where the clock is five and a half hours ahead: 18:30 UTC.
        let ahead = TimeZone::fixed(jiff::tz::Offset::from_seconds(19_800).unwrap());
        assert_eq!(seconds(86_400).end(at, &ahead), Timestamp::from_parts(1_795_285_800, 0));
        assert_eq!(Rotation::default().end(at, &utc), Timestamp::MAX);
        let boundary = Timestamp::from_parts(1_795_255_260, 0);
        assert_eq!(seconds(60).end(boundary, &utc), Timestamp::from_parts(1_795_255_320, 0));
        assert!(seconds(60).end(Timestamp::MAX, &utc) >= at);
    }
}
