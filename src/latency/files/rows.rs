//! The table as CSV (RFC 4180) and as JSON, one object a line. Times are nanoseconds. docs/latency.md lists the columns.

use std::io::{self, Write};

use serde::Serialize;

use super::head::Head;
use super::names;
use super::number::Rounded;
use crate::hostile;
use crate::latency::{Figures, Series};

/// The columns of the CSV, which are the members of the JSON after its `kind`. New ones are added at the end.
const COLUMNS: [&str; 21] = [
    "measure",
    "client",
    "server",
    "port",
    "network",
    "client_service",
    "server_service",
    "count",
    "unanswered",
    "late",
    "stepped_back",
    "over_an_hour",
    "min_ns",
    "p50_ns",
    "p90_ns",
    "p99_ns",
    "p999_ns",
    "max_ns",
    "mean_ns",
    "standard_deviation_ns",
    "failed",
];

/// A series as it is written; its members after `kind` are in the order of [`COLUMNS`].
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    count: u64,
    unanswered: u64,
    late: u64,
    stepped_back: u64,
    over_an_hour: u64,
    min_ns: Option<u64>,
    p50_ns: Option<u64>,
    p90_ns: Option<u64>,
    p99_ns: Option<u64>,
    p999_ns: Option<u64>,
    max_ns: Option<u64>,
    mean_ns: Option<Rounded>,
    standard_deviation_ns: Option<Rounded>,
    failed: u64,
}

impl<'a> Row<'a> {
    fn new(series: &'a Series<'_>) -> Self {
        let (key, counted) = (&series.key, &series.counted);
        let figures = counted.times.figures();
        let figure = |figure: fn(&Figures) -> u64| figures.as_ref().map(figure);
        let rounded = |figure: fn(&Figures) -> f64| figures.as_ref().map(|figures| Rounded(figure(figures)));
        Self {
            head: Head::new("series", key),
            count: counted.times.count(),
            unanswered: counted.unanswered,
            late: counted.late,
            stepped_back: counted.stepped_back,
            over_an_hour: counted.times.over_an_hour(),
            min_ns: figure(|figures| figures.min),
            p50_ns: figure(|figures| figures.p50),
            p90_ns: figure(|figures| figures.p90),
            p99_ns: figure(|figures| figures.p99),
            p999_ns: figure(|figures| figures.p999),
            max_ns: figure(|figures| figures.max),
            mean_ns: rounded(|figures| figures.mean),
            standard_deviation_ns: rounded(|figures| figures.standard_deviation),
            failed: counted.failed,
        }
    }
}

/// Writes the series as CSV with a line of column names. What has no value is an empty field. Characters of names that
/// break a line or move a cursor are percent-encoded, and so is `%`.
pub fn write_csv(out: &mut dyn Write, series: &[Series<'_>]) -> io::Result<()> {
    write!(out, "{}\r\n", COLUMNS.join(","))?;
    for series in series {
        let row = Row::new(series);
        for name in row.head.names() {
            write!(out, "{},", field(name))?;
        }
        write!(out, "{},{},{},{},{}", row.count, row.unanswered, row.late, row.stepped_back, row.over_an_hour)?;
        for value in [row.min_ns, row.p50_ns, row.p90_ns, row.p99_ns, row.p999_ns, row.max_ns] {
            write!(out, ",{}", value.map(|value| value.to_string()).unwrap_or_default())?;
        }
        for value in [row.mean_ns, row.standard_deviation_ns] {
            write!(out, ",{}", value.map(|value| value.to_string()).unwrap_or_default())?;
        }
        write!(out, ",{}\r\n", row.failed)?;
    }
    Ok(())
}

/// A name as a field: encoded, and in quotes where it has a comma, a quote or a space at an end.
fn field(name: &str) -> String {
    let encoded = names::encode(name, |_| false);
    if encoded.contains([',', '"']) || encoded.trim() != encoded {
        format!("\"{}\"", encoded.replace('"', "\"\""))
    } else {
        encoded.into_owned()
    }
}

/// Writes the series as JSON, one object a line. What has no value is `null`.
pub fn write_json(out: &mut dyn Write, series: &[Series<'_>]) -> io::Result<()> {
    for series in series {
        hostile::write_json(out, &Row::new(series))?;
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::files::names::HOSTILE;
    use crate::latency::key::sample;
    use crate::latency::{By, Key, Measure, Order, Table};

    /// Reads CSV as RFC 4180 has it: rows of fields.
    fn parse(csv: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
        let mut chars = csv.chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                '"' if quoted && chars.peek() == Some(&'"') => field.push(chars.next().unwrap()),
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut field)),
                '\r' if !quoted => {}
                '\n' if !quoted => {
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                _ => field.push(char),
            }
        }
        assert!(row.is_empty() && field.is_empty() && !quoted);
        rows
    }

    fn table() -> (Table, Vec<Key>) {
        let mut table = Table::default();
        let mut keys: Vec<_> = HOSTILE.iter().map(|name| sample(name, "b", name, Measure::LastByte)).collect();
        keys.sort();
        for key in &keys {
            [1000, 2000, 3_000_000].into_iter().for_each(|nanos| table.record(key, nanos));
            table.unanswered(key);
            table.failed(key);
            table.failed(key);
        }
        (table, keys)
    }

    #[test]
    fn names_stay_one_field_of_csv_and_come_back() {
        let (table, keys) = table();
        let mut csv = Vec::new();
        write_csv(&mut csv, &table.series(By::Series, Order::Key)).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        assert!(!csv.replace("\r\n", "").contains(|char: char| char.is_control() || char == '\u{202e}'));
        let rows = parse(&csv);
        assert_eq!(rows[0], COLUMNS);
        assert_eq!(rows.len(), keys.len() + 1);
        for (row, key) in rows[1..].iter().zip(&keys) {
            assert_eq!(row.len(), COLUMNS.len());
            assert_eq!(names::decode(&row[1]).unwrap(), *key.client.container);
            assert_eq!(names::decode(&row[3]).unwrap(), *key.port);
            let expected =
                ["3", "1", "0", "0", "0", "1000", "2000", "3000000", "3000000", "3000000", "3000000", "1000765.333"];
            assert_eq!(row[7..19], expected);
            assert_eq!(row[20], "2");
        }
    }

    #[test]
    fn json_has_the_columns_and_the_names() {
        let (table, keys) = table();
        let mut json = Vec::new();
        write_json(&mut json, &table.series(By::Series, Order::Key)).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert_eq!(json.lines().count(), keys.len());
        for (line, key) in json.lines().zip(&keys) {
            assert!(line.starts_with("{\"kind\":\"series\",\"measure\":"), "{line}");
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["client"], *key.client.container);
            assert_eq!(value["p50_ns"], 2000);
            let mut at = 0;
            for column in COLUMNS {
                assert!(value.get(column).is_some(), "{column}");
                at += line[at..].find(&format!("\"{column}\":")).unwrap();
            }
        }
    }

    #[test]
    fn what_has_no_value_is_empty() {
        let mut table = Table::default();
        table.unanswered(&sample("a", "b", "53", Measure::Dns));
        let series = table.series(By::Port, Order::Key);
        let (mut csv, mut json) = (Vec::new(), Vec::new());
        write_csv(&mut csv, &series).unwrap();
        write_json(&mut json, &series).unwrap();
        assert_eq!(parse(std::str::from_utf8(&csv).unwrap())[1].join("|"), "dns|||53||||0|1|0|0|0|||||||||0");
        assert!(std::str::from_utf8(&json).unwrap().ends_with("\"standard_deviation_ns\":null,\"failed\":0}\n"));
    }
}
