//! HdrHistogram's interval log, version 1.3 with V2 histograms: `.hlog`. Written as its `HistogramLogWriter.java` does,
//! read by all its ports.
//!
//! A series is a tag: measure, client, server, port, network, client's and server's service, separated by `;` and
//! percent-encoded. Services that are called as their containers are left out, and so are empty fields at the end. What
//! has no place in the format stands in a comment before the interval, which other programs skip.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::encoding;
use super::names;
use crate::latency::layout::NANOSECONDS;
use crate::latency::{Counted, Key, Party};
use crate::time::Timestamp;

/// How the comment begins that tells what was not measured.
pub(super) const BESIDE: &str = "#[Beside: ";
/// `Interval_Max` is in milliseconds where values are nanoseconds, as HdrHistogram writes it by default.
const NANOS_PER_MILLI: f64 = 1e6;

/// Writes an interval log.
pub struct LogWriter<'a> {
    out: &'a mut dyn Write,
    /// Whole milliseconds, since times are written with three decimals.
    base: Timestamp,
}

impl<'a> LogWriter<'a> {
    /// Begins a log. `start` is the time of the first packet: the intervals are written as seconds since then.
    /// `program` is who writes it, as in `bridgetap 0.1.0`.
    pub fn new(out: &'a mut dyn Write, start: Timestamp, program: &str) -> io::Result<Self> {
        let base = Timestamp::from_nanos(start.as_nanos() / 1_000_000 * 1_000_000);
        let seconds = Seconds(base.as_nanos());
        writeln!(out, "#[Logged with {}]", names::encode(program, |_| false))?;
        writeln!(out, "#[Histogram log format version 1.3]")?;
        writeln!(out, "#[StartTime: {seconds} (seconds since epoch)]")?;
        writeln!(out, "#[BaseTime: {seconds} (seconds since epoch)]")?;
        writeln!(out, r#""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#)?;
        Ok(Self { out, base })
    }

    /// Writes what a series counted from `start` on, for `length`. Intervals should come in the order of their start.
    pub fn write(&mut self, key: &Key, start: Timestamp, length: Duration, counted: &Counted) -> io::Result<()> {
        let tag = tag(key);
        let Counted { times, unanswered, late, stepped_back, failed } = counted;
        let over_an_hour = times.over_an_hour();
        if unanswered | late | stepped_back | over_an_hour | failed > 0 {
            writeln!(
                self.out,
                "{BESIDE}unanswered={unanswered} late={late} stepped-back={stepped_back} \
                over-an-hour={over_an_hour} failed={failed}]"
            )?;
        }
        let max = times.max().map_or(0, |max| NANOSECONDS.highest(NANOSECONDS.index(max)));
        writeln!(
            self.out,
            "Tag={tag},{},{},{:.3},{}",
            Seconds(start.as_nanos().saturating_sub(self.base.as_nanos())),
            Seconds(crate::time::nanos(length)),
            max as f64 / NANOS_PER_MILLI,
            STANDARD.encode(encoding::encode(times)?)
        )
    }
}

/// Nanoseconds as seconds with three decimals, the rest cut off.
struct Seconds(u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000_000_000, self.0 / 1_000_000 % 1_000)
    }
}

/// The tag of a series.
pub fn tag(key: &Key) -> String {
    let service = |party: &Party| if party.service == party.container { "".into() } else { Arc::clone(&party.service) };
    let (client, server) = (service(&key.client), service(&key.server));
    let fields: [&str; 7] =
        [key.measure.name(), &key.client.container, &key.server.container, &key.port, &key.network, &client, &server];
    let encoded = fields.map(|field| names::encode(field, |char| char.is_whitespace() || matches!(char, ',' | ';')));
    encoded.join(";").trim_end_matches(';').to_owned()
}

/// The series that a tag is of; `None` for a tag of another program.
pub fn key(tag: &str) -> Option<Key> {
    let mut fields = tag.split(';');
    let measure = fields.next()?.parse().ok()?;
    let mut field = || -> Option<Arc<str>> { Some(names::decode(fields.next().unwrap_or(""))?.into()) };
    let (client, server, port, network) = (field()?, field()?, field()?, field()?);
    let (client_service, server_service) = (field()?, field()?);
    let party = |container: Arc<str>, service: Arc<str>| {
        let service = if service.is_empty() { Arc::clone(&container) } else { service };
        Party { container, service }
    };
    let (client, server) = (party(client, client_service), party(server, server_service));
    fields.next().is_none().then_some(Key { client, server, port, network, measure })
}
