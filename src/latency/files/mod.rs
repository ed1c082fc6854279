//! The files of latencies: HdrHistogram's interval log and percentile text, CSV and JSON.

mod encoding;
pub mod hgrm;
pub mod hlog;
mod hlog_read;
mod names;
pub mod rows;

pub use hgrm::{Unit, write_percentiles};
pub use hlog::LogWriter;
pub use hlog_read::{Interval, LogError, LogReader, Problem};
pub use rows::{write_csv, write_json};
