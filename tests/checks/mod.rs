//! What must hold for whatever bytes come: the bodies of the fuzz targets, one function for each, which panics where
//! something does not hold.
//!
//! `fuzz/` runs them with libFuzzer, and `tests/fuzz.rs` on what was found, on the sample captures and on random bytes.
//! docs/fuzzing.md says what each asserts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
#![allow(dead_code, reason = "each target is a program of its own and uses a part of this")]

mod bytes;
mod capture;
mod conversation;
mod directory;
mod dns;
mod filter;
mod hlog;
pub mod output;
mod packet;
mod packets;
mod reader;
pub mod seeds;
pub mod telling;
mod writer;

pub use capture::capture;
pub use conversation::conversation;
pub use directory::directory;
pub use dns::dns;
pub use filter::filter;
pub use hlog::hlog;
pub use packet::packet;
pub use reader::{pcap, pcapng};
pub use writer::writer;

/// A target: its name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("pcap", pcap),
    ("pcapng", pcapng),
    ("packet", packet),
    ("dns", dns),
    ("conversation", conversation),
    ("directory", directory),
    ("writer", writer),
    ("hlog", hlog),
    ("filter", filter),
    ("capture", capture),
];
