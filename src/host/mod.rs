//! What this machine's kernel knows beside packets: translated connections, docker-proxy's sockets, whose a socket is.
//!
//! A published port is reached in three ways, and the bridge shows another client each time; a container on the host's
//! network has no address of its own. Neither is in a packet. This room asks the kernel:
//!
//! - [`Conntrack`] hears of every connection that the kernel's connection tracking knows, and [`Translations`] remembers
//!   those that were translated (NAT);
//! - [`DockerProxies`] finds the docker-proxy process that opened a connection to a container, and so the host port;
//! - [`LocalSockets`] says which container's process has a socket of the host;
//! - [`listening`] lists the ports on which something listens.
//!
//! A capture file keeps what was told as [`Kept`], and [`SocketOwners`] are as good from there.
//!
//! All of it but [`listening`] is about the program's own network namespace, which is to be the daemon's. Nothing here
//! waits for a packet, and nothing is to be asked for each packet; each type says when to ask. `docs/published-ports.md`
//! has what was measured.

mod cgroup;
mod conntrack;
mod diag;
mod docker_proxy;
mod error;
pub mod kept;
mod listening;
mod netlink;
mod pairs;
mod processes;
mod sockets;
mod translations;

pub use cgroup::container_of;
pub use conntrack::{Conntrack, State, Translation, Tuple};
pub use docker_proxy::{DockerProxies, DockerProxy, Reached};
pub use error::{Error, Source};
pub use kept::{Kept, KeptTap};
pub use listening::{Listener, listening};
pub use sockets::{LocalSockets, Refreshed, SocketOwners};
pub use translations::{MAX_TRANSLATIONS, Translations};

/// The protocols whose connections are told apart here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP, RFC 9293.
    Tcp,
    /// UDP, RFC 768.
    Udp,
    /// ICMP (RFC 792) and `ICMPv6` (RFC 4443): echo and the other questions with an identifier.
    Icmp,
}
