//! How times are spread: measures, histograms, tables of them, their files, and whether two differ.
//!
//! Nothing here opens a file or looks at a clock: readers and writers are given, and so are times.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "means and shares of counts are floating-point numbers; what is cast back is bounded by a count"
)]
#![cfg_attr(test, allow(clippy::needless_for_each, reason = "a line that fills a histogram is no loop to follow"))]

pub mod compare;
mod counts;
pub mod distribution;
pub mod files;
pub mod key;
mod layout;
pub mod lost;
pub mod measure;
#[cfg(test)]
pub(crate) mod random;
pub mod runs;
mod spread;
pub mod table;
pub mod timeline;

pub use compare::{Change, Comparison, Verdict, compare};
pub use distribution::{Bucket, Distribution, Figures};
pub use key::{By, Key, Party};
pub use lost::{LossVerdict, Losses, Lost};
pub use measure::{Measure, UnknownMeasure};
pub use runs::{Pair, Runs};
pub use spread::Spread;
pub use table::{Counted, Limits, Order, Series, Table};
pub use timeline::{Column, Timeline};
