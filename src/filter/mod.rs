//! Filters: which packets are captured, and which events are shown.
//!
//! A [`CaptureFilter`] is an expression of pcap-filter(7) in which names stand for addresses; libpcap and the kernel do
//! the rest, or [`FrameFilter`] for the frames of a file. An [`EventFilter`] looks at events when they are whole, with
//! their names. Both follow the Directory. Pure: nothing here asks anybody.

mod blame;
mod capture;
mod error;
mod events;
mod expression;
mod frames;
mod keywords;
mod lookups;
mod people;
#[cfg(test)]
mod testing;
mod token;

pub use capture::CaptureFilter;
pub use error::FilterError;
pub use events::EventFilter;
pub use frames::{FrameFilter, Unfiltered};
pub use lookups::{LOOKUPS, admits_lookup, lookups};
