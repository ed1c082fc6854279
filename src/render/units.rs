//! Times and numbers in the form that they have everywhere in the log.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use jiff::tz::TimeZone;
use unicode_width::UnicodeWidthStr;

use crate::digits::{self, Append};
use crate::hostile::plain_prefix;
use crate::time::Timestamp;

/// A time span as the log shows it: milliseconds with three decimals, from one second on seconds with as many.
#[derive(Clone, Copy, Debug)]
pub struct Took(pub Duration);

impl Took {
    /// Appends what `Display` writes.
    #[expect(clippy::inline_always, reason = "what writes has its place in a register where it is in line")]
    #[inline(always)]
    pub fn push(self, out: &mut impl Append) {
        let micros =
            u64::from((self.0.subsec_nanos() + 500) / 1000).saturating_add(self.0.as_secs().saturating_mul(MICROS));
        let (thousandths, unit) =
            if micros < MICROS { (micros, " ms") } else { (micros.saturating_add(500) / 1000, " s") };
        digits::push(out, thousandths / 1000);
        out.append(".");
        digits::push_last(out, (thousandths % 1000) as u32, 3);
        out.append(unit);
    }
}

/// Microseconds in a second.
const MICROS: u64 = 1_000_000;

impl Display for Took {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(16);
        self.push(&mut text);
        f.write_str(&text)
    }
}

/// A time span in seconds with one decimal, for waiting in vain.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tenths = (self.0.as_millis() + 50) / 100;
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

/// A time span to the two units that people would say: `7.2 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
#[derive(Clone, Copy, Debug)]
pub struct Roughly(pub Duration);

impl Display for Roughly {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        let seconds = self.0.as_secs();
        let two = |f: &mut Formatter<'_>, (large, unit): (u64, &str), (small, name): (u64, &str)| {
            write!(f, "{} {unit}", seconds / large)?;
            match seconds % large / small {
                0 => Ok(()),
                rest => write!(f, " {rest} {name}"),
            }
        };
        match seconds {
            0 => Took(self.0).fmt(f),
            1..10 => write!(f, "{} s", Seconds(self.0)),
            10..MINUTE => write!(f, "{seconds} s"),
            MINUTE..HOUR => two(f, (MINUTE, "min"), (1, "s")),
            HOUR..DAY => two(f, (HOUR, "h"), (MINUTE, "min")),
            DAY.. => two(f, (DAY, "d"), (HOUR, "h")),
        }
    }
}

/// A count with its noun: `1 packet`, `2 packets`.
#[derive(Clone, Copy, Debug)]
pub struct Count(pub u64, pub &'static str);

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let plural = match (self.0, self.1) {
            (1, _) => "",
            (_, noun) if noun.ends_with(['s', 'x', 'h']) => "es",
            (_, noun) if noun.ends_with('y') => return write!(f, "{} {}ies", self.0, noun.trim_end_matches('y')),
            _ => "s",
        };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

/// The columns that a text takes on a terminal. Nearly all text is ASCII and arrows, whose width needs no tables.
pub fn columns(text: &str) -> usize {
    plain_columns(text.as_bytes()).unwrap_or_else(|| UnicodeWidthStr::width(text))
}

/// The same of a text of nothing but ASCII that prints and arrows, in which nothing is to be escaped.
pub(super) fn plain_columns(text: &[u8]) -> Option<usize> {
    let (mut sum, mut rest) = (0, text);
    loop {
        let plain = plain_prefix(rest);
        sum += plain;
        rest = rest.get(plain..)?;
        if rest.is_empty() {
            return Some(sum);
        }
        // → and ← in UTF-8.
        rest = rest.strip_prefix(b"\xe2\x86\x92").or_else(|| rest.strip_prefix(b"\xe2\x86\x90"))?;
        sum += 1;
    }
}

/// Writes the times of packets; remembers the second that it wrote last, because most packets share it.
#[derive(Debug)]
pub struct Clock {
    zone: TimeZone,
    second: u64,
    /// `HH:MM:SS.`
    text: [u8; 16],
}

/// The length of that in bytes.
const HOURS: usize = 9;

impl Clock {
    /// A clock of the zone that `TZ` or the system says.
    pub fn local() -> Self {
        Self { zone: TimeZone::system(), second: u64::MAX, text: [0; 16] }
    }

    /// A clock of UTC, wherever the tests run.
    #[cfg(test)]
    pub const fn utc() -> Self {
        Self { zone: TimeZone::UTC, second: u64::MAX, text: [0; 16] }
    }

    /// Appends `HH:MM:SS.` and six digits, or three where `short`.
    #[expect(clippy::inline_always, reason = "what writes has its place in a register where it is in line")]
    #[inline(always)]
    pub fn write(&mut self, at: Timestamp, short: bool, out: &mut impl Append) {
        let second = at.as_nanos() / 1_000_000_000;
        if second != self.second {
            self.second = second;
            self.text = self.hours(second);
        }
        out.append_ascii(&self.text, HOURS);
        let micros = (at.as_nanos() % 1_000_000_000 / 1000) as u32;
        if short { digits::push_last(out, micros / 1000, 3) } else { digits::push_last(out, micros, 6) }
    }

    #[cold]
    fn hours(&self, second: u64) -> [u8; 16] {
        let time = i64::try_from(second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
        let text = match time {
            Some(time) => time.to_zoned(self.zone.clone()).strftime("%H:%M:%S.").to_string(),
            // Past the year 9999, which only a broken capture reaches.
            None => "--:--:--.".to_owned(),
        };
        let mut bytes = [b' '; 16];
        bytes.iter_mut().zip(text.bytes().take(HOURS)).for_each(|(place, byte)| *place = byte);
        bytes
    }
}

/// Writes times in RFC 3339 with nanoseconds, in UTC, as JSON has them; remembers the second that it wrote last.
#[derive(Debug)]
pub struct UtcClock {
    second: Option<u64>,
    /// `YYYY-MM-DDTHH:MM:SS.`, then what belongs to the time itself.
    text: String,
}

impl UtcClock {
    /// A clock that wrote nothing yet.
    pub const fn new() -> Self {
        Self { second: None, text: String::new() }
    }

    /// The time as text.
    pub fn text(&mut self, at: Timestamp) -> &str {
        let (second, nanos) = (at.as_nanos() / 1_000_000_000, (at.as_nanos() % 1_000_000_000) as u32);
        if self.second != Some(second) {
            self.second = Some(second);
            // A Timestamp ends in the year 2554, which jiff can write.
            let time = jiff::Timestamp::from_second(second.cast_signed()).unwrap_or_default();
            self.text = time.strftime("%Y-%m-%dT%H:%M:%S.").to_string();
        }
        self.text.truncate("YYYY-MM-DDTHH:MM:SS.".len());
        digits::push_last(&mut self.text, nanos, 9);
        self.text.push('Z');
        &self.text
    }
}

impl Default for UtcClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_said_in_two_units() {
        for (millis, said) in [
            (0, "0.000 ms"),
            (350, "350.000 ms"),
            (7_240, "7.2 s"),
            (42_900, "42 s"),
            (60_000, "1 min"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
            (274_000_000, "3 d 4 h"),
        ] {
            assert_eq!(Roughly(Duration::from_millis(millis)).to_string(), said);
        }
        assert_eq!(Roughly(Duration::MAX).to_string(), "213503982334601 d 7 h");
    }

    #[test]
    fn spans_have_one_form() {
        let took = |nanos| Took(Duration::from_nanos(nanos)).to_string();
        assert_eq!((took(45_400), took(1_222_600)), ("0.045 ms".to_owned(), "1.223 ms".to_owned()));
        assert_eq!((took(999_999_400), took(12_340_000_000)), ("999.999 ms".to_owned(), "12.340 s".to_owned()));
        assert_eq!((took(999_999_500), took(1_999_999_499)), ("1.000 s".to_owned(), "2.000 s".to_owned()));
        assert_eq!((took(0), took(u64::MAX)), ("0.000 ms".to_owned(), "18446744073.710 s".to_owned()));
    }

    #[test]
    fn plain_text_is_as_wide_as_the_tables_say() {
        for text in
            ["", "web → db", "größe → 数据库", "e\u{301}", "→← ~", "→", "0123456 → 0123456789 ←", "→数", "a\u{7f}"]
        {
            assert_eq!(columns(text), UnicodeWidthStr::width(text), "{text}");
        }
        let plain =
            [("web → db", Some(8)), ("→←", Some(2)), ("größe", None), ("→ü", None), ("→\n", None), ("", Some(0))];
        assert_eq!(plain.map(|(text, _)| plain_columns(text.as_bytes())), plain.map(|(_, columns)| columns));
    }

    #[test]
    fn counts_agree_with_their_noun() {
        let count = |n, noun| Count(n, noun).to_string();
        assert_eq!((count(1, "packet"), count(0, "packet")), ("1 packet".to_owned(), "0 packets".to_owned()));
        assert_eq!((count(2, "reply"), count(2, "address")), ("2 replies".to_owned(), "2 addresses".to_owned()));
    }

    #[test]
    fn times_are_written_in_the_zone_and_to_the_nanosecond() {
        let at = Timestamp::from_parts(1_700_000_000, 123_456_789);
        let mut clock = Clock::utc();
        let mut out = String::new();
        clock.write(at, false, &mut out);
        out.push(' ');
        clock.write(at, true, &mut out);
        assert_eq!(out, "22:13:20.123456 22:13:20.123");
        let mut utc = UtcClock::new();
        assert_eq!(utc.text(at), "2023-11-14T22:13:20.123456789Z");
        assert_eq!(utc.text(Timestamp::from_parts(1_700_000_000, 7)), "2023-11-14T22:13:20.000000007Z");
        assert_eq!(utc.text(Timestamp::MAX), "2554-07-21T23:34:33.709551615Z");
        assert_eq!(utc.text(Timestamp::ZERO), "1970-01-01T00:00:00.000000000Z");
    }
}
