//! Reads HdrHistogram's interval logs, bridgetap's and those of other programs.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::encoding::{self, EncodingProblem};
use super::hlog::{self, BESIDE};
use crate::latency::{Counted, Key};
use crate::time::Timestamp;

/// A histogram of 5 digits that is full comes to less.
const MAX_LINE: u64 = 16 << 20;
/// Where no base time is given, intervals that are this much before the start time are relative to it, as
/// `HistogramLogReader.java` has it.
const YEAR: u64 = 365 * 24 * 3600 * 1_000_000_000;

/// What a series counted in some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// The line it stands in; lines begin with 1.
    pub line: usize,
    /// Its tag as it stands there; empty where there is none.
    pub tag: String,
    /// When it began.
    pub start: Timestamp,
    /// How long it was.
    pub length: Duration,
    /// What was counted; values are taken as nanoseconds.
    pub counted: Counted,
    /// Values are told apart to so many nanoseconds at least. More than 1 where another program counted coarser.
    pub unit: u64,
}

impl Interval {
    /// The series that it is of; `None` where another program wrote it.
    pub fn key(&self) -> Option<Key> {
        hlog::key(&self.tag)
    }
}

/// What is wrong with a line.
#[derive(Debug)]
pub enum Problem {
    /// It could not be read.
    Io(io::Error),
    /// It is longer than any that is read.
    TooLong,
    /// It is not text.
    NotText,
    /// It has too few fields.
    Fields,
    /// A field that should be seconds is not.
    Seconds(String),
    /// The histogram is not base64.
    Base64,
    /// The histogram is not one that is read.
    Histogram(EncodingProblem),
}

/// Why a log is not read further.
#[derive(Debug)]
pub struct LogError {
    /// The line; lines begin with 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.problem {
            Problem::Io(error) => write!(f, "{error}"),
            Problem::TooLong => write!(f, "longer than {} MiB, which no interval is", MAX_LINE >> 20),
            Problem::NotText => write!(f, "not text; an HdrHistogram interval log is accepted"),
            Problem::Fields => write!(
                f,
                "not an interval; \"start,length,max,histogram\" is accepted, after an \
                optional \"Tag=NAME,\""
            ),
            Problem::Seconds(text) => write!(f, "{text:?} is not a number of seconds, as 12.345 is"),
            Problem::Base64 => write!(f, "the histogram is not base64; the log may be cut off"),
            Problem::Histogram(problem) => write!(f, "{problem}"),
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Problem::Io(error) = &self.problem { Some(error) } else { None }
    }
}

/// Reads an interval log, one interval after the other.
pub struct LogReader<'a> {
    input: &'a mut dyn BufRead,
    line: usize,
    buffer: Vec<u8>,
    start_time: Option<u64>,
    base_time: Option<u64>,
    beside: Beside,
}

/// What bridgetap's comment before an interval says.
#[derive(Clone, Copy, Debug, Default)]
struct Beside {
    unanswered: u64,
    late: u64,
    stepped_back: u64,
    over_an_hour: u64,
    failed: u64,
}

impl<'a> LogReader<'a> {
    /// Reads from the beginning of a log.
    pub fn new(input: &'a mut dyn BufRead) -> Self {
        let (start_time, base_time) = (None, None);
        Self { input, line: 0, buffer: Vec::new(), start_time, base_time, beside: Beside::default() }
    }

    /// The next interval; `None` at the end.
    pub fn next_interval(&mut self) -> Result<Option<Interval>, LogError> {
        let interval = self.read();
        interval.map_err(|problem| LogError { line: self.line, problem })
    }

    fn read(&mut self) -> Result<Option<Interval>, Problem> {
        loop {
            self.line += 1;
            self.buffer.clear();
            let read = self.input.take(MAX_LINE + 1).read_until(b'\n', &mut self.buffer).map_err(Problem::Io)?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 > MAX_LINE {
                return Err(Problem::TooLong);
            }
            let buffer = std::mem::take(&mut self.buffer);
            let interval = std::str::from_utf8(&buffer).map_err(|_| Problem::NotText).and_then(|line| self.line(line));
            self.buffer = buffer;
            if let Some(interval) = interval? {
                return Ok(Some(interval));
            }
        }
    }

    fn line(&mut self, line: &str) -> Result<Option<Interval>, Problem> {
        let line = line.trim();
        if line.starts_with('#') {
            self.comment(line);
            return Ok(None);
        }
        if line.is_empty() || line.starts_with("\"StartTimestamp\"") {
            return Ok(None);
        }
        self.interval(line).map(Some)
    }

    fn comment(&mut self, line: &str) {
        let after = |name: &str| line.strip_prefix(name)?.split([' ', ',']).find(|word| !word.is_empty());
        if let Some(time) = after("#[StartTime:").and_then(nanos) {
            self.start_time = Some(time);
        } else if let Some(time) = after("#[BaseTime:").and_then(nanos) {
            self.base_time = Some(time);
        } else if let Some(fields) = line.strip_prefix(BESIDE) {
            self.beside = Beside::default();
            for (name, count) in fields.trim_end_matches(']').split(' ').filter_map(|field| field.split_once('=')) {
                let count = count.parse().unwrap_or(0);
                match name {
                    "unanswered" => self.beside.unanswered = count,
                    "late" => self.beside.late = count,
                    "stepped-back" => self.beside.stepped_back = count,
                    "over-an-hour" => self.beside.over_an_hour = count,
                    "failed" => self.beside.failed = count,
                    _ => {}
                }
            }
        }
    }

    fn interval(&mut self, line: &str) -> Result<Interval, Problem> {
        let tagged = line.strip_prefix("Tag=").map(|rest| rest.split_once(',').ok_or(Problem::Fields)).transpose()?;
        let (tag, fields) = tagged.unwrap_or(("", line));
        let mut fields = fields.splitn(4, ',').map(str::trim);
        let (Some(start), Some(length), Some(_max), Some(histogram)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(Problem::Fields);
        };
        let seconds = |text: &str| nanos(text).ok_or_else(|| Problem::Seconds(text.to_owned()));
        let (start, length) = (seconds(start)?, seconds(length)?);
        let bytes = STANDARD.decode(histogram).map_err(|_| Problem::Base64)?;
        let (mut times, unit) = encoding::decode(&bytes).map_err(Problem::Histogram)?;
        let Beside { unanswered, late, stepped_back, over_an_hour, failed } = std::mem::take(&mut self.beside);
        times.count_over_an_hour(over_an_hour);
        Ok(Interval {
            line: self.line,
            tag: tag.to_owned(),
            start: self.absolute(start),
            length: Duration::from_nanos(length),
            counted: Counted { times, unanswered, late, stepped_back, failed },
            unit,
        })
    }

    /// The time of an interval since the epoch.
    fn absolute(&mut self, time: u64) -> Timestamp {
        let start_time = *self.start_time.get_or_insert(time);
        let deduced = if time < start_time.saturating_sub(YEAR) { start_time } else { 0 };
        let base_time = *self.base_time.get_or_insert(deduced);
        Timestamp::from_nanos(time.saturating_add(base_time))
    }
}

/// Seconds with decimals as nanoseconds, exact; further decimals are cut off. Some programs write an exponent.
fn nanos(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) {
        let seconds: f64 = text.parse().ok()?;
        return (seconds.is_finite() && seconds >= 0.0).then_some((seconds * 1e9) as u64);
    }
    let decimals = format!("{:0<9}", decimals.get(..9).unwrap_or(decimals));
    let seconds: u64 = whole.parse().ok()?;
    Some(seconds.saturating_mul(1_000_000_000).saturating_add(decimals.parse().ok()?))
}

#[cfg(test)]
#[path = "hlog_tests.rs"]
mod tests;
