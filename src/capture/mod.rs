//! Where frames come from: live interfaces and capture files.
//!
//! A *tap* is one place where frames are read: an interface in a network namespace, or an interface described in a
//! capture file. Bytes are lent, never copied: a [`Frame`] borrows from the kernel's ring or from the reader's buffer
//! and ends with the next call of [`Source::next`]. This room knows nothing of what the bytes mean.

pub mod bpf;
pub mod error;
pub mod file;
pub mod interfaces;
pub mod links;
pub mod live;
mod live_filter;
pub mod namespace;
mod netlink;
mod open;
pub mod rights;
pub mod sandboxes;
pub mod stop;
pub mod traffic;
pub mod write;

pub use bpf::Program;
pub use error::Error;
pub use links::{Links, NetLink};
pub use live::{LiveOptions, LiveTap};
pub use live_filter::LiveFilter;
pub use namespace::{Namespace, NamespaceId};
pub use rights::Rights;
pub use stop::{Stop, Stops};

use crate::time::Timestamp;

/// What the bytes of a frame begin with: a `LINKTYPE_` number of
/// <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: a 4-byte address family in the byte order of the machine that captured.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IPv4 or IPv6.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: a 4-byte address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture v1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture v2, which names the interface of each packet.
    pub const LINUX_SLL2: Self = Self(276);

    /// The name that libpcap has for it: `IEEE802_11_RADIO`; the number where it has none.
    pub fn name(self) -> String {
        pcap::Linktype(i32::from(self.0)).get_name().unwrap_or_else(|_| self.0.to_string())
    }
}

/// The number of a tap, an index into the list of [`Tap`]s that the source knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TapId(pub u32);

/// One place where frames are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// The interface as its namespace calls it: `docker0`, `br-4f1c…`, `lo`. Empty where a file does not say.
    pub interface: String,
    /// The name of the Docker network that the interface carries, where that is known.
    pub network: Option<String>,
    /// The name of the container whose network namespace the interface is in; `None` is the host's namespace, or a file
    /// that does not say.
    pub namespace: Option<String>,
    /// What its frames begin with.
    pub link: LinkType,
    /// It is not itself watched, but tells who the clients of published ports are.
    pub aside: Option<Aside>,
}

/// What a tap is that is not itself watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aside {
    /// What is watched passed a filter, and this did not: nothing is told that only this has seen.
    pub is_filtered: bool,
}

/// One packet as it was seen on a tap, its bytes borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The number of the packet in its file, or on its live tap, from 1.
    pub number: u64,
    /// When the packet was seen.
    pub at: Timestamp,
    /// Its length on the wire in bytes; `bytes` may be shorter (snap length).
    pub wire_len: u32,
    /// What was captured, from the link layer's header on.
    pub bytes: &'a [u8],
    /// What `bytes` begin with.
    pub link: LinkType,
    /// Where it was seen.
    pub tap: TapId,
}

impl Frame<'_> {
    /// None that was seen.
    pub const EMPTY: Self =
        Self { number: 0, at: Timestamp::ZERO, wire_len: 0, bytes: &[], link: LinkType::NULL, tap: TapId(0) };
}

/// Names that a capture file carries, in a pcapng name resolution block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameBlock {
    /// A tap of the file that it is in: the names are for this file's packets.
    pub tap: TapId,
    /// Addresses and the names given to them, in the order of the file. The names are as hostile as any other bytes.
    pub records: Vec<(std::net::IpAddr, Vec<String>)>,
    /// The comments of the block, joined in their order: where bridgetap keeps its Directory as JSON.
    pub comment: String,
}

/// What a [`Source`] has next.
#[derive(Debug)]
pub enum Next<'a> {
    /// A packet, and the tap that it was seen on: both are lent together, so that nobody has to look the tap up.
    Frame(Frame<'a>, &'a Tap),
    /// The file tells names, valid from here on.
    Names(NameBlock),
    /// Nothing came for a while. On a live tap it is this late now, the moment to give up on what was not answered; a file
    /// may say until when it was captured. A silent pipe knows no more than the time of its latest packet.
    Idle(Timestamp),
    /// No more will come.
    End,
}

/// The clock that the kernel stamps live packets with, for saying how old one is.
pub fn wall_clock() -> Timestamp {
    stop::now()
}

/// Drops of one live tap as the kernel counts them, since the tap was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Dropped because the ring was full.
    pub kernel: u64,
    /// Dropped by the interface or its driver.
    pub interface: u64,
}

/// A stream of frames: a live tap, a capture file, or a list in a test.
pub trait Source {
    /// The next frame, lent until the next call.
    ///
    /// # Errors
    /// What was read before stays valid; a file that is cut short says after which packet and byte.
    fn next(&mut self) -> Result<Next<'_>, Error>;

    /// The tap of that number, once a frame with it was seen.
    fn tap(&self, id: TapId) -> Option<&Tap>;
}
