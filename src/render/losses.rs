//! What is missing in a log, where it was lost, and when.

use std::io::{self, Write};

use serde::Serialize;

use super::escape::escape;
use super::units::{Clock, Count, UtcClock};
use crate::time::Timestamp;

/// Who lost something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The kernel dropped packets: the ring of the tap was full.
    Kernel,
    /// The interface, its driver or its queue dropped packets before any tap could see them.
    Interface,
    /// Events found the queue to the log full: they came faster than they could be shown. Packets are counted all the
    /// same.
    Queue,
}

/// What one tap lost in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Who lost it.
    pub by: By,
    /// The interface as its namespace calls it.
    pub interface: String,
    /// The Docker network that it carries, where that is known.
    pub network: Option<String>,
    /// The container whose namespace it is in; `None` is the host's.
    pub namespace: Option<String>,
    /// How many: packets by the kernel and the interface, events by the queue.
    pub count: u64,
    /// From when: the time of the first event, or when packets were known to be complete last.
    pub since: Timestamp,
    /// Until when: the time of the last event, or when packets were found to be missing.
    pub until: Timestamp,
}

impl Lost {
    /// In a line of the log, by a clock of the user's zone. Names are not escaped yet.
    pub fn words(&self, clock: &mut Clock) -> String {
        let (place, times) = (self.place(), self.times(clock));
        match self.by {
            By::Kernel => {
                let were = Count(self.count, "packet");
                format!("… {were} dropped by the kernel at {place} {times}: its ring was full (-B makes it larger)")
            }
            By::Interface => format!("… {} dropped by the interface {place} {times}", Count(self.count, "packet")),
            By::Queue => {
                format!("… {} of {place} came too fast and are missing here, {times}", Count(self.count, "event"))
            }
        }
    }

    /// Writes the line of the summary.
    pub fn write_text(&self, clock: &mut Clock, out: &mut impl Write) -> io::Result<()> {
        let (place, times) = (self.place(), self.times(clock));
        let words = match self.by {
            By::Kernel => format!("Dropped by the kernel at {place}: {}", Count(self.count, "packet")),
            By::Interface => format!("Dropped by the interface {place}: {}", Count(self.count, "packet")),
            By::Queue => format!("Missing above of {place}: {}", Count(self.count, "event")),
        };
        writeln!(out, "{} {times}", escape(&words))
    }

    /// For programs: a line of the log of the kind `lost` (events) or `dropped` (packets).
    pub fn to_json(&self) -> impl Serialize {
        let kind = if self.by == By::Queue { "lost" } else { "dropped" };
        JsonLine { kind, place: self.in_summary() }
    }

    /// The same within the summary.
    pub(super) fn in_summary(&self) -> JsonLost<'_> {
        let mut clock = UtcClock::new();
        JsonLost {
            count: self.count,
            by: self.by,
            interface: &self.interface,
            network: self.network.as_deref(),
            namespace: self.namespace.as_deref(),
            since: clock.text(self.since).to_owned(),
            until: clock.text(self.until).to_owned(),
        }
    }

    /// `lo of web`, `br-0a1b2c3d4e5f (my_bridge)`.
    fn place(&self) -> String {
        let interface = &self.interface;
        match (&self.namespace, &self.network) {
            (Some(container), _) => format!("{interface} of {container}"),
            (None, Some(network)) if network != interface => format!("{interface} ({network})"),
            _ => interface.clone(),
        }
    }

    fn times(&self, clock: &mut Clock) -> String {
        let mut text = String::from("between ");
        clock.write(self.since, true, &mut text);
        text.push_str(" and ");
        clock.write(self.until, true, &mut text);
        text
    }
}

#[derive(Serialize)]
struct JsonLine<'a> {
    kind: &'static str,
    #[serde(flatten)]
    place: JsonLost<'a>,
}

/// As JSON has it.
#[derive(Serialize)]
pub(super) struct JsonLost<'a> {
    count: u64,
    by: By,
    interface: &'a str,
    network: Option<&'a str>,
    namespace: Option<&'a str>,
    since: String,
    until: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(by: By, count: u64) -> Lost {
        let at = |millis: u64| Timestamp::from_nanos(1_750_000_000_000_000_000 + millis * 1_000_000);
        Lost {
            by,
            interface: "br-0a1b".into(),
            network: Some("my_bridge".into()),
            namespace: None,
            count,
            since: at(1),
            until: at(1_250),
        }
    }

    #[test]
    fn it_is_said_where_and_when() {
        let clock = &mut Clock::utc();
        let words = |lost: &Lost, clock: &mut Clock| {
            let mut summary = Vec::new();
            lost.write_text(clock, &mut summary).unwrap();
            (lost.words(clock), String::from_utf8(summary).unwrap())
        };
        let (line, summary) = words(&lost(By::Kernel, 1_200), clock);
        let times = "between 15:06:40.001 and 15:06:41.250";
        let place = "br-0a1b (my_bridge)";
        assert_eq!(
            line,
            format!("… 1200 packets dropped by the kernel at {place} {times}: its ring was full (-B makes it larger)")
        );
        assert_eq!(summary, format!("Dropped by the kernel at {place}: 1200 packets {times}\n"));
        let inside = Lost { namespace: Some("we\u{1b}b".into()), interface: "lo".into(), ..lost(By::Queue, 1) };
        let (line, summary) = words(&inside, clock);
        assert_eq!(line, format!("… 1 event of lo of we\u{1b}b came too fast and are missing here, {times}"));
        assert_eq!(summary, format!("Missing above of lo of we\\u{{1b}}b: 1 event {times}\n"));
        let (line, _) = words(&Lost { network: None, ..lost(By::Interface, 3) }, clock);
        assert_eq!(line, format!("… 3 packets dropped by the interface br-0a1b {times}"));
    }

    #[test]
    fn programs_are_told_the_same() {
        let json = serde_json::to_string(&lost(By::Kernel, 2).to_json()).unwrap();
        let expected = r#"{"kind":"dropped","count":2,"by":"kernel","interface":"br-0a1b","network":"my_bridge","#;
        assert!(json.starts_with(expected), "{json}");
        assert!(
            json.ends_with(r#""since":"2025-06-15T15:06:40.001000000Z","until":"2025-06-15T15:06:41.250000000Z"}"#)
        );
        let json = serde_json::to_string(&lost(By::Queue, 2).to_json()).unwrap();
        assert!(json.starts_with(r#"{"kind":"lost","count":2,"by":"queue""#), "{json}");
    }
}
