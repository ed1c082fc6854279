//! Where a capture is written.

use std::path::PathBuf;

use clap::Args;

/// Under which the help lists these.
const HEADING: &str = "Capture file";

/// Where a capture is written.
#[derive(Clone, Debug, Default, Args)]
pub struct Write {
    /// Write the packets to this file, with the names of the moment: pcapng, which Wireshark reads too. - is standard
    /// output.
    #[arg(short = 'w', long = "write", value_name = "FILE", help_heading = HEADING)]
    pub file: Option<PathBuf>,
    /// Replace the file if there is one.
    #[arg(long, requires = "file", help_heading = HEADING)]
    pub force: bool,
    /// Begin another file before one is larger than this: in millions of bytes, or with k, m or g in units of 1024.
    #[arg(short = 'C', long = "file-size", value_name = "SIZE", value_parser = size, requires = "file",
        help_heading = HEADING)]
    pub file_size: Option<u64>,
    /// Begin another file at each multiple of this time on the clock: 60 (seconds), 10m, 1h. % in FILE is what strftime
    /// makes of it.
    #[arg(short = 'G', long = "file-time", value_name = "TIME", value_parser = interval, requires = "file",
        help_heading = HEADING)]
    pub file_seconds: Option<u64>,
    /// With -C: keep so many files, the oldest goes. With -G alone: end after so many.
    #[arg(short = 'W', long = "file-count", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..),
        requires = "file", help_heading = HEADING)]
    pub file_count: Option<u32>,
}

/// Reads a size as tcpdump's -C: millions of bytes, or units of 1024.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size; write for example 10 (millions of bytes), 500k or 2g");
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).map(str::to_ascii_lowercase).as_deref() {
        Some("") => 1_000_000,
        Some("k") => 1 << 10,
        Some("m") => 1 << 20,
        Some("g") => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

/// Reads seconds as tcpdump's -G, or a time with its units.
fn interval(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a time; write for example 60 (seconds), 10m or 1h");
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let time = super::duration(text).map_err(|_| wrong())?;
            if time.subsec_nanos() == 0 { time.as_secs() } else { 0 }
        }
    };
    if seconds == 0 { Err(wrong()) } else { Ok(seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_tcpdumps() {
        let sizes = ["1", "10", "3k", "3K", "2m", "1g"].map(size);
        assert_eq!(sizes, [1_000_000, 10_000_000, 3072, 3072, 2 << 20, 1 << 30].map(Ok));
        for wrong in ["", "0", "k", "-1", "1x", "1kb", "99999999999999999999", "18446744073709551615"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn intervals_are_seconds_or_have_a_unit() {
        assert_eq!(["60", "10m", "1h", "1h30m"].map(interval), [60, 600, 3600, 5400].map(Ok));
        for wrong in ["", "0", "500ms", "-1", "soon", "1.5"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
