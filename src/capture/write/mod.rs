//! The pcapng writer: capture files that keep what was seen, where, and who had which address.
//!
//! libpcap cannot write pcapng. [`blocks`] has the format; [`OutputFile`] is where blocks go, and keeps them whole
//! whatever happens to the disk.

pub mod blocks;
mod error;
mod output;

pub use error::WriteError;
pub use output::OutputFile;

use super::Tap;

/// An interface as a file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What it is, and what its packets begin with.
    pub tap: Tap,
    /// For people, in Wireshark's list of interfaces: `network my_bridge`.
    pub description: String,
    /// The filter that its packets passed, in the syntax of pcap-filter(7).
    pub filter: Option<String>,
    /// The most bytes of each packet that are kept; 0 for no limit.
    pub snap_len: u32,
}
