//! The files of latencies: HdrHistogram's interval log and percentile text, CSV and JSON.

pub mod comparison;
mod encoding;
mod head;
pub mod hgrm;
pub mod hlog;
mod hlog_read;
mod names;
mod number;
pub mod rows;

pub use comparison::write_comparison_json;
pub use head::Head;
pub use hgrm::{Unit, write_percentiles};
pub use hlog::LogWriter;
pub use hlog_read::{Interval, LogError, LogReader, Problem};
pub use number::Rounded;
pub use rows::{write_csv, write_json};
