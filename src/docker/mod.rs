//! Who has which address on which network: the [`Directory`], and where it comes from.
//!
//! It comes from the daemon ([`watch`]), or from the JSON that a capture file carries ([`snapshot`]). bollard and
//! tokio live here and nowhere else. Nobody ever waits for this room: a Directory is an immutable snapshot behind an
//! `Arc`, replaced when something changed.

pub mod directory;
pub mod snapshot;
pub mod watch;

pub use directory::{Binding, Container, ContainerId, Directory, Endpoint, Network, NetworkId, Protocol};
