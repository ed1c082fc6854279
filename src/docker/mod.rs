//! Who has which address on which network: the [`Directory`], and where it comes from.
//!
//! It comes from the daemon ([`watch`]), from the JSON that a capture file carries ([`snapshot`]), or from the saved
//! output of `docker inspect` ([`inspected`]). bollard and tokio live here and nowhere else. Nobody ever waits for this
//! room: a Directory is an immutable snapshot behind an `Arc`, replaced when something changed.

mod api;
pub mod combine;
pub mod connect;
pub mod directory;
pub mod error;
mod host;
pub mod info;
pub mod inspected;
mod inspected_object;
pub mod leases;
mod listing;
pub mod lookup;
mod network_index;
pub mod past;
mod session;
pub mod snapshot;
pub mod stopped;
pub mod watch;

pub use api::read_list;
pub use combine::combined;
pub use connect::{Endpoint as DaemonEndpoint, Environment};
pub use directory::{Binding, Container, ContainerId, Directory, Endpoint, Link, Network, NetworkId, Protocol, Subnet};
pub use error::DaemonError;
pub use info::{DaemonInfo, ask};
pub use inspected::Inspection;
pub use lookup::Lookup;
pub use snapshot::{Snapshot, SnapshotError, read_snapshot, write_snapshot};
pub use stopped::Stopped;
pub use watch::{Change, DaemonConfig, DirectoryWatch, spawn};
