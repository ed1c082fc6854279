//! The texts, as data: for each topic a name, a sentence, and where to read on.
//!
//! A sentence must be true of every line that it can stand under, so it says no more than `explain`'s rules have found
//! out of the line. What Linux or Docker does only by default is said as such.

pub mod docker;
pub mod endings;
pub mod icmp;
pub mod link;
pub mod lookups;
pub mod packets;
pub mod transport;

/// Every topic, in the order of the documentation.
pub const ALL: &[&[&super::Topic]] =
    &[link::ALL, lookups::ALL, icmp::ALL, transport::ALL, docker::ALL, endings::ALL, packets::ALL];
