//! ctnetlink: the connections that the kernel tracks, as they begin and end.
//!
//! The kernel tells of a new connection when its first packet has passed its rules (`nf_conntrack_confirm`), which is
//! when the bridge shows that packet; as a rule that is before a tap has handed it over.
//!
//! Sources: `include/uapi/linux/netfilter/nfnetlink_conntrack.h`, `net/netfilter/nf_conntrack_netlink.c`. No sysctl is
//! changed: `nf_conntrack_acct` and `_timestamp` would tell more, of every connection of the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::poll::PollTimeout;
use nix::sys::socket::SockProtocol;

use super::netlink::{self, Message, Socket, array, attributes, messages};
use super::{Error, Protocol, Source};
use crate::time::Timestamp;

/// `NFNL_SUBSYS_CTNETLINK`, as the high byte of a message's type.
const SUBSYSTEM: u16 = 1 << 8;
/// Message types (`IPCTNL_MSG_CT_*`).
const NEW: u16 = SUBSYSTEM;
const GET: u16 = SUBSYSTEM | 1;
const DELETE: u16 = SUBSYSTEM | 2;
/// Groups 1 and 3: `NFNLGRP_CONNTRACK_NEW` and `_DESTROY`. `_UPDATE` tells of every change of a TCP state, which nobody
/// asks for here.
const GROUPS: u32 = 1 | 1 << 2;
/// `NLM_F_MULTI`: a part of a dump.
const MULTI: u16 = 0x2;
/// Some 20,000 events wait here, which is half a second of a machine that opens and closes 20,000 connections a second.
const RECEIVE_BUFFER: usize = 8 << 20;
/// Where the kernel says whether it tells of connections at all.
const EVENTS: &str = "/proc/sys/net/netfilter/nf_conntrack_events";

/// Attributes: `CTA_TUPLE_ORIG` and `_REPLY`; in a tuple `CTA_TUPLE_IP` and `_PROTO`.
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const TUPLE_IP: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;

/// One direction of a connection, as its packets are addressed. ICMP has no ports: both are the identifier of the
/// question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// Who sends these packets.
    pub source: SocketAddr,
    /// Whom they are addressed to.
    pub destination: SocketAddr,
}

impl Tuple {
    /// The other direction of the same connection.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It was there when the table was read: at the start, or after an overrun.
    Listed,
    /// It began.
    New,
    /// The kernel forgot it. For TCP that is up to two minutes after its end, for UDP half a minute after its last packet.
    Destroyed,
}

/// A connection as connection tracking has it, translated or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Translation {
    /// Its protocol.
    pub protocol: Protocol,
    /// How the client addressed it: the client, and the address that it asked for.
    pub original: Tuple,
    /// How the answers are addressed before they are translated back: by whom, and to whom.
    pub reply: Tuple,
    /// When it was received, by the machine's clock.
    pub at: Timestamp,
    /// What happened.
    pub state: State,
}

impl Translation {
    /// Whether an address or port was rewritten: by DNAT, masquerade or another SNAT.
    pub fn is_translated(&self) -> bool {
        self.original != self.reply.reversed()
    }

    /// How the client's packets are addressed before translation: on the side of the client.
    pub const fn before(&self) -> Tuple {
        self.original
    }

    /// How the client's packets are addressed after translation: on the side of the server. After DNAT that is what the
    /// bridge shows, after masquerade what the uplink shows.
    pub const fn after(&self) -> Tuple {
        self.reply.reversed()
    }
}

/// Hears of connections, from the network namespace in which it was opened.
///
/// Read it on a thread of its own: what is not read in time is lost (and counted).
pub struct Conntrack {
    socket: Socket,
    /// What the last receive gave and nobody has taken, the next one last.
    waiting: Vec<Translation>,
    overruns: u64,
    /// The request whose table is being read.
    dump: Option<u32>,
    /// Events were lost while a table was read, so it is to be read again.
    again: bool,
}

impl Conntrack {
    /// Begins to listen and asks for the table, so that connections that are open already are told first.
    ///
    /// # Errors
    /// No `CAP_NET_ADMIN` over the network namespace, a kernel without ctnetlink, or events are switched off.
    pub fn open() -> Result<Self, Error> {
        if std::fs::read_to_string(EVENTS).is_ok_and(|value| value.trim() == "0") {
            return Err(Error::EventsOff);
        }
        let socket = Socket::open(SockProtocol::NetlinkNetFilter, GROUPS).map_err(failed)?;
        socket.set_receive_buffer(RECEIVE_BUFFER);
        let mut conntrack = Self { socket, waiting: Vec::new(), overruns: 0, dump: None, again: false };
        conntrack.ask()?;
        Ok(conntrack)
    }

    /// Waits for the next connection. `None` as soon as `stop` is readable; it is not read.
    ///
    /// # Errors
    /// The kernel refused the table, or the socket failed.
    pub fn next(&mut self, stop: BorrowedFd<'_>) -> Result<Option<Translation>, Error> {
        loop {
            if let Some(translation) = self.waiting.pop() {
                return Ok(Some(translation));
            }
            if !self.socket.wait(Some(stop), PollTimeout::NONE).map_err(failed)? {
                return Ok(None);
            }
            self.receive()?;
        }
    }

    /// How many times the kernel threw events away because they were not read in time. It does not say how many events;
    /// the table is read again each time, so that only what began and ended meanwhile is lost.
    pub const fn overruns(&self) -> u64 {
        self.overruns
    }

    /// Asks for the whole table, of every address family.
    fn ask(&mut self) -> Result<(), Error> {
        self.again = false;
        // struct nfgenmsg: AF_UNSPEC, NFNETLINK_V0, no resource.
        self.dump = Some(self.socket.request(GET, netlink::DUMP, &[0; 4]).map_err(failed)?);
        Ok(())
    }

    fn receive(&mut self) -> Result<(), Error> {
        let bytes = match self.socket.receive() {
            Ok(bytes) => bytes,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            Err(Errno::ENOBUFS) => return self.overrun(),
            Err(errno) => return Err(failed(errno)),
        };
        let at = now();
        let mut lost = false;
        for message in messages(bytes) {
            match message.kind {
                netlink::ERROR if Some(message.sequence) == self.dump => {
                    self.dump = None;
                    message.error().map_or(Ok(()), |errno| Err(failed(errno)))?;
                }
                netlink::DONE if Some(message.sequence) == self.dump => self.dump = None,
                netlink::OVERRUN => lost = true,
                _ => self.waiting.extend(read(&message, at)),
            }
        }
        self.waiting.reverse();
        if lost {
            return self.overrun();
        }
        if self.again && self.dump.is_none() { self.ask() } else { Ok(()) }
    }

    /// The table is read again, but not before the one that is being read is through: the kernel gives one at a time.
    fn overrun(&mut self) -> Result<(), Error> {
        self.overruns = self.overruns.saturating_add(1);
        self.again = true;
        if self.dump.is_none() { self.ask() } else { Ok(()) }
    }
}

fn failed(errno: Errno) -> Error {
    Error::of(Source::Conntrack, errno)
}

/// The clock that the kernel stamps packets with. Events carry no time of their own.
#[expect(clippy::disallowed_methods, reason = "an event of the kernel is no packet and has no time")]
fn now() -> Timestamp {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(Timestamp::ZERO, |since| Timestamp::ZERO + since)
}

/// What a message says; `None` where it is of another kind or protocol, or cut.
fn read(message: &Message<'_>, at: Timestamp) -> Option<Translation> {
    let state = match message.kind {
        NEW if message.flags & MULTI != 0 => State::Listed,
        NEW => State::New,
        DELETE => State::Destroyed,
        _ => return None,
    };
    let (mut original, mut reply) = (None, None);
    // struct nfgenmsg comes first.
    for (kind, value) in attributes(message.body.get(4..)?) {
        match kind {
            TUPLE_ORIGINAL => original = tuple(value),
            TUPLE_REPLY => reply = tuple(value),
            _ => {}
        }
    }
    let ((protocol, original), (_, reply)) = (original?, reply?);
    Some(Translation { protocol, original, reply, at, state })
}

fn tuple(value: &[u8]) -> Option<(Protocol, Tuple)> {
    let (mut addresses, mut ports) = (None, None);
    for (kind, value) in attributes(value) {
        match kind {
            TUPLE_IP => addresses = addresses_of(value),
            TUPLE_PROTOCOL => ports = ports_of(value),
            _ => {}
        }
    }
    let ((source, destination), (protocol, from, to)) = (addresses?, ports?);
    let tuple = Tuple { source: SocketAddr::new(source, from), destination: SocketAddr::new(destination, to) };
    Some((protocol, tuple))
}

/// `CTA_IP_*`: source and destination of IPv4 (1, 2) or IPv6 (3, 4).
fn addresses_of(value: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let (mut source, mut destination) = (None, None);
    for (kind, value) in attributes(value) {
        let v4 = || array(value, 0).map(|octets: [u8; 4]| IpAddr::V4(Ipv4Addr::from(octets)));
        let v6 = || array(value, 0).map(|octets: [u8; 16]| IpAddr::V6(Ipv6Addr::from(octets)));
        match kind {
            1 => source = v4(),
            2 => destination = v4(),
            3 => source = v6(),
            4 => destination = v6(),
            _ => {}
        }
    }
    Some((source?, destination?))
}

/// `CTA_PROTO_*`: the protocol (1), ports (2, 3) and ICMP's identifier (4, and 7 of `ICMPv6`), in network byte order.
fn ports_of(value: &[u8]) -> Option<(Protocol, u16, u16)> {
    let (mut protocol, mut source, mut destination) = (None, None, None);
    for (kind, value) in attributes(value) {
        let port = || array(value, 0).map(u16::from_be_bytes);
        match kind {
            1 => protocol = value.first().copied().and_then(protocol_of),
            2 => source = port(),
            3 => destination = port(),
            4 | 7 => (source, destination) = (port(), port()),
            _ => {}
        }
    }
    Some((protocol?, source?, destination?))
}

/// By the number that IANA gave it. SCTP, GRE and the others are not told apart here.
const fn protocol_of(number: u8) -> Option<Protocol> {
    match number {
        1 | 58 => Some(Protocol::Icmp),
        6 => Some(Protocol::Tcp),
        17 => Some(Protocol::Udp),
        _ => None,
    }
}

#[cfg(test)]
#[path = "conntrack_tests.rs"]
mod tests;
