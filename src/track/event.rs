//! What the tracker finds out: facts, addresses only, in the order in which they became known.
//!
//! An event borrows what it shows from the packet and the tracker. Whoever keeps it, or sends it to another thread, makes
//! it owned.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use super::measured::Measured;
use crate::address::MacAddr;
use crate::capture::TapId;
use crate::decode::content::Content;
use crate::decode::dns;
use crate::decode::icmp::{Quoted, Reason};
use crate::decode::message::{Endpoint, ProtocolId};
use crate::decode::tunnel::Vni;
use crate::time::Timestamp;

/// Where a packet was seen: inside it an address means one thing, and copies of a packet do not meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The tap.
    pub tap: TapId,
    /// The interface that a cooked frame names; 0 otherwise.
    pub if_index: u32,
    /// The network inside a tunnel; `None` outside of tunnels.
    pub vni: Option<Vni>,
}

impl Hash for Place {
    /// Two words, where the derived one would feed the hasher up to four times: every packet's place is hashed.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.tap.0) << 32 | u64::from(self.if_index));
        // More than 24 bits is no tunnel's number.
        state.write_u32(self.vni.map_or(u32::MAX, Vni::number));
    }
}

/// The nodes between which a tunnel carries a flow, as far as they are known; both `None` outside of tunnels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// The node that the client is behind.
    pub client: Option<IpAddr>,
    /// The node that the server is behind.
    pub server: Option<IpAddr>,
}

/// When and as which packet something was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The packet's number in its capture, from 1.
    pub number: u64,
}

/// A fact.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A request with its reply, or without.
    Exchange(Exchange<'a>),
    /// A TCP connection opened or ended.
    Connection(Connection),
    /// UDP datagrams between two ports began or ended.
    Datagrams(Datagrams),
    /// Something that wants no answer.
    Notice(Notice<'a>),
    /// A packet, where every packet is wanted.
    Packet(PacketLine<'a>),
    /// A time between two packets of a TCP connection, where they are measured.
    Measured(Measured),
}

impl Event<'_> {
    /// The moment from which on the fact is known.
    pub fn known_at(&self) -> Timestamp {
        match self {
            Self::Exchange(exchange) => exchange.known_at,
            Self::Connection(connection) => connection.known_at,
            Self::Datagrams(datagrams) => datagrams.known_at,
            Self::Notice(notice) => notice.seen.at,
            Self::Packet(packet) => packet.seen.at,
            Self::Measured(measured) => measured.known_at,
        }
    }

    /// Where it was seen.
    pub fn place(&self) -> Place {
        match self {
            Self::Exchange(exchange) => exchange.place,
            Self::Connection(connection) => connection.place,
            Self::Datagrams(datagrams) => datagrams.place,
            Self::Notice(notice) => notice.place,
            Self::Packet(packet) => packet.place,
            Self::Measured(measured) => measured.place,
        }
    }

    /// The nodes of the tunnel that it was seen in.
    pub const fn nodes(&self) -> Nodes {
        match self {
            Self::Exchange(exchange) => exchange.nodes,
            Self::Connection(connection) => connection.nodes,
            Self::Datagrams(datagrams) => datagrams.nodes,
            Self::Notice(notice) => notice.nodes,
            Self::Packet(packet) => packet.nodes,
            Self::Measured(measured) => measured.nodes,
        }
    }

    /// Its ends, and where the nodes that they are behind are to be written; a packet knows its own.
    pub(super) const fn ends_and_nodes(&mut self) -> Option<(&Ends, &mut Nodes)> {
        match self {
            Self::Exchange(exchange) => Some((&exchange.ends, &mut exchange.nodes)),
            Self::Connection(connection) => Some((&connection.ends, &mut connection.nodes)),
            Self::Datagrams(datagrams) => Some((&datagrams.ends, &mut datagrams.nodes)),
            Self::Notice(notice) => Some((&notice.ends, &mut notice.nodes)),
            Self::Measured(measured) => Some((&measured.ends, &mut measured.nodes)),
            Self::Packet(_) => None,
        }
    }

    /// The ports of its ends, as far as they have any, the client's first; of a packet the sender's.
    #[inline]
    pub(crate) const fn ports(&self) -> (Option<u16>, Option<u16>) {
        let ends = match self {
            Self::Exchange(exchange) => &exchange.ends,
            Self::Connection(connection) => &connection.ends,
            Self::Datagrams(datagrams) => &datagrams.ends,
            Self::Notice(notice) => &notice.ends,
            Self::Measured(measured) => &measured.ends,
            Self::Packet(PacketLine { ends: Some((sender, receiver)), .. }) => return (sender.port, receiver.port),
            Self::Packet(_) => return (None, None),
        };
        (ends.client.port, ends.server.port)
    }

    /// Bytes that it has beside itself when it is kept.
    pub fn owned_bytes(&self) -> usize {
        match self {
            Self::Exchange(exchange) => exchange.subject.owned_bytes(),
            Self::Notice(Notice { what: What::Dns { message, .. }, .. }) => message.len(),
            Self::Notice(Notice { what: What::Unasked { subject, .. }, .. }) => subject.owned_bytes(),
            Self::Packet(packet) => packet.words.len(),
            Self::Notice(_) | Self::Connection(_) | Self::Datagrams(_) | Self::Measured(_) => 0,
        }
    }

    /// The same, to keep.
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Exchange(exchange) => Event::Exchange(exchange.into_owned()),
            Self::Connection(connection) => Event::Connection(connection),
            Self::Datagrams(datagrams) => Event::Datagrams(datagrams),
            Self::Notice(notice) => Event::Notice(notice.into_owned()),
            Self::Measured(measured) => Event::Measured(measured),
            Self::Packet(packet) => {
                Event::Packet(PacketLine { words: Cow::Owned(packet.words.into_owned()), ..packet })
            }
        }
    }
}

/// A pair of ends, the one that asks or opens first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Who asks or opens.
    pub client: Endpoint,
    /// Who is asked.
    pub server: Endpoint,
    /// The client's address on the link, where the link has one.
    pub client_mac: Option<MacAddr>,
    /// The server's address on the link, once it was seen.
    pub server_mac: Option<MacAddr>,
}

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    /// Which protocol.
    pub protocol: ProtocolId,
    /// Where.
    pub place: Place,
    /// The nodes of the tunnel that it was in.
    pub nodes: Nodes,
    /// Between whom.
    pub ends: Ends,
    /// The request that the time counts from.
    pub request: Seen,
    /// The reply.
    pub reply: Option<Seen>,
    /// How it ended.
    pub outcome: Outcome,
    /// How often the request was sent.
    pub tries: u32,
    /// To whom the latest request went on the link, where the link says it.
    pub cast: Option<Cast>,
    /// From the first request until this was known.
    pub waited: Duration,
    /// The reply came after the log had said that there was none.
    pub late: bool,
    /// What it was about.
    pub subject: Subject<'a>,
    /// When all this was known.
    pub known_at: Timestamp,
}

impl Exchange<'_> {
    /// From the request to its reply.
    pub fn latency(&self) -> Option<Duration> {
        self.reply.map(|reply| reply.at - self.request.at)
    }

    fn into_owned(self) -> Exchange<'static> {
        Exchange {
            protocol: self.protocol,
            place: self.place,
            nodes: self.nodes,
            ends: self.ends,
            request: self.request,
            reply: self.reply,
            outcome: self.outcome,
            tries: self.tries,
            cast: self.cast,
            waited: self.waited,
            late: self.late,
            subject: self.subject.into_owned(),
            known_at: self.known_at,
        }
    }
}

/// To whom a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// To one station: whoever sends it knows the MAC address already.
    Unicast,
    /// To a group or to all.
    Group,
}

impl Cast {
    /// That of a frame with this destination.
    pub const fn of(destination: MacAddr) -> Self {
        if destination.is_group() { Self::Group } else { Self::Unicast }
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    Answered,
    /// With an answer that says no, or with an ICMP error.
    Failed(Option<IcmpError>),
    /// Without an answer.
    Unanswered(Missing),
}

/// Why an answer is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// None came in time.
    TimedOut,
    /// The capture ended first.
    CaptureEnded,
    /// The table was full and the oldest had to go.
    TableFull,
}

/// An ICMP error that ended something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// What it says.
    pub reason: Reason,
    /// Who says so.
    pub from: IpAddr,
    /// The largest packet that would have gone through.
    pub mtu: Option<u32>,
}

/// What an exchange was about.
#[derive(Clone, Debug)]
pub enum Subject<'a> {
    /// An echo.
    Ping {
        /// The identifier.
        id: u16,
        /// The sequence number.
        sequence: u16,
        /// Bytes of data; of those fragments that came, where it is fragmented.
        data_len: usize,
        /// Time to live, or hop limit, of the reply, else of the request.
        hop_limit: u8,
        /// The request was sent in fragments.
        fragmented: bool,
    },
    /// The link-layer address of an address.
    Neighbour {
        /// The address that was asked about.
        address: IpAddr,
        /// The answer.
        mac: Option<MacAddr>,
    },
    /// A lookup.
    Lookup(Lookup<'a>),
}

/// A DNS question and its answer.
#[derive(Clone, Debug)]
pub struct Lookup<'a> {
    /// The message's id.
    pub id: u16,
    /// The name that was asked about, uncompressed; empty where there was no question.
    pub name: Cow<'a, [u8]>,
    /// The type of record that was asked for.
    pub kind: dns::RecordType,
    /// The answer, as it came.
    pub response: Option<Cow<'a, [u8]>>,
    /// It went over TCP.
    pub over_tcp: bool,
}

impl Lookup<'_> {
    /// The name that was asked about.
    pub fn question(&self) -> dns::Name<'_> {
        dns::Name::standalone(&self.name)
    }

    /// The answer.
    pub fn message(&self) -> Option<dns::Message<'_>> {
        self.response.as_deref().and_then(dns::Message::new)
    }
}

impl Subject<'_> {
    fn owned_bytes(&self) -> usize {
        match self {
            Self::Lookup(lookup) => lookup.name.len() + lookup.response.as_ref().map_or(0, |response| response.len()),
            Self::Ping { .. } | Self::Neighbour { .. } => 0,
        }
    }

    fn into_owned(self) -> Subject<'static> {
        match self {
            Self::Ping { id, sequence, data_len, hop_limit, fragmented } => {
                Subject::Ping { id, sequence, data_len, hop_limit, fragmented }
            }
            Self::Neighbour { address, mac } => Subject::Neighbour { address, mac },
            Self::Lookup(lookup) => Subject::Lookup(Lookup {
                name: Cow::Owned(lookup.name.into_owned()),
                response: lookup.response.map(|response| Cow::Owned(response.into_owned())),
                ..lookup
            }),
        }
    }
}

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who opened it.
    Client,
    /// Who was called.
    Server,
}

impl Side {
    /// `client` or `server`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// A TCP connection at its opening or its end.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// Where.
    pub place: Place,
    /// The nodes of the tunnel that it was in.
    pub nodes: Nodes,
    /// Between whom.
    pub ends: Ends,
    /// What became of it.
    pub stage: Stage,
    /// The client's initial sequence number (RFC 9293, 3.4.1), where its SYN was seen.
    pub sequence: Option<u32>,
    /// The packets of its opening, as far as they were seen.
    pub handshake: Handshake,
    /// Its first packet that was seen.
    pub first: Seen,
    /// Its latest packet.
    pub last: Seen,
    /// What the client sent.
    pub there: Direction,
    /// What the server sent.
    pub back: Direction,
    /// Its opening was not seen, so that client and server are told by their ports.
    pub before_capture: bool,
    /// When all this was known.
    pub known_at: Timestamp,
}

impl Connection {
    /// Whether anything went wrong while it was open.
    #[inline]
    pub const fn has_troubles(&self) -> bool {
        self.there.has_troubles() || self.back.has_troubles()
    }
}

/// The opening of a TCP connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// The latest SYN.
    pub syn: Option<Seen>,
    /// The server's SYN-ACK.
    pub syn_ack: Option<Seen>,
    /// The client's first acknowledgement of it.
    pub ack: Option<Seen>,
    /// How often the SYN was sent.
    pub tries: u32,
}

impl Handshake {
    /// From SYN to SYN-ACK, and from there to the ACK: the server's half and the client's.
    pub fn halves(&self) -> Option<(Duration, Duration)> {
        let (syn, syn_ack, ack) = (self.syn?, self.syn_ack?, self.ack?);
        Some((syn_ack.at - syn.at, ack.at - syn_ack.at))
    }
}

/// What became of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The handshake is complete, or the connection was open before the capture began.
    Opened,
    /// Both ends said that they are done.
    Closed {
        /// Who said so first.
        by: Side,
    },
    /// One end broke it off.
    Reset {
        /// Which.
        by: Side,
    },
    /// The server answered the SYN with a reset: nobody listens.
    Refused,
    /// An ICMP error came for the SYN.
    Failed(IcmpError),
    /// The SYN was not answered.
    Unanswered(Missing),
    /// The SYN was answered, but the client never acknowledged.
    HalfOpen(Missing),
    /// It was still open.
    StillOpen(Remaining),
}

/// Why a connection leaves the tracker while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// The capture ended.
    CaptureEnded,
    /// The table was full and the oldest had to go.
    TableFull,
    /// A new connection began with the same addresses and ports.
    Replaced,
}

/// What one end of a connection sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Direction {
    /// Segments or datagrams.
    pub packets: u64,
    /// Bytes of payload, each counted once however often it was sent.
    pub bytes: u64,
    /// Segments sent again.
    pub retransmissions: u32,
    /// Segments that came after later ones.
    pub out_of_order: u32,
    /// Acknowledgements that say nothing new while data is missing.
    pub duplicate_acks: u32,
    /// Segments that say: send nothing for now.
    pub zero_windows: u32,
    /// Resets.
    pub resets: u32,
}

impl Direction {
    const fn has_troubles(&self) -> bool {
        self.retransmissions | self.out_of_order | self.zero_windows != 0
    }
}

/// UDP datagrams between two ports.
#[derive(Clone, Copy, Debug)]
pub struct Datagrams {
    /// Where.
    pub place: Place,
    /// The nodes of the tunnel that it was in.
    pub nodes: Nodes,
    /// Between whom; the client sent first.
    pub ends: Ends,
    /// Whether they begin or end.
    pub stage: DatagramStage,
    /// The first.
    pub first: Seen,
    /// The latest.
    pub last: Seen,
    /// What the client sent.
    pub there: Direction,
    /// What the server sent.
    pub back: Direction,
    /// When all this was known.
    pub known_at: Timestamp,
}

/// What became of a flow of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramStage {
    /// The first datagram.
    Began,
    /// An ICMP error came for one.
    Failed(IcmpError),
    /// Nothing came for a while.
    Idle,
    /// The capture ended, or the table was full.
    StillOpen(Remaining),
}

/// Something that wants no answer.
#[derive(Clone, Debug)]
pub struct Notice<'a> {
    /// Where.
    pub place: Place,
    /// The nodes of the tunnel that it was in.
    pub nodes: Nodes,
    /// Who says it, and to whom; for an ICMP error, the ends of the packet that it is about.
    pub ends: Ends,
    /// Which packet.
    pub seen: Seen,
    /// What.
    pub what: What<'a>,
}

/// What a notice says.
#[derive(Clone, Debug)]
pub enum What<'a> {
    /// `address` is at `mac`, said without being asked (RFC 5227, 3; RFC 4861, 7.2.6).
    Announcement {
        /// The protocol that says so.
        protocol: ProtocolId,
        /// The address.
        address: IpAddr,
        /// Where it is, where that is said.
        mac: Option<MacAddr>,
    },
    /// Is `address` taken? (RFC 5227, 2.1; RFC 4862, 5.4)
    Probe {
        /// The protocol that asks.
        protocol: ProtocolId,
        /// The address.
        address: IpAddr,
    },
    /// A multicast DNS message.
    Dns {
        /// The protocol.
        protocol: ProtocolId,
        /// The message.
        message: Cow<'a, [u8]>,
    },
    /// A reply whose request was not seen.
    Unasked {
        /// The protocol.
        protocol: ProtocolId,
        /// What it says.
        subject: Subject<'a>,
    },
    /// An ICMP error about something that goes on, or that was not seen.
    IcmpError {
        /// What it says.
        error: IcmpError,
        /// The packet that it is about.
        about: Option<Quoted>,
    },
}

impl Notice<'_> {
    fn into_owned(self) -> Notice<'static> {
        let what = match self.what {
            What::Announcement { protocol, address, mac } => What::Announcement { protocol, address, mac },
            What::Probe { protocol, address } => What::Probe { protocol, address },
            What::Dns { protocol, message } => What::Dns { protocol, message: Cow::Owned(message.into_owned()) },
            What::Unasked { protocol, subject } => What::Unasked { protocol, subject: subject.into_owned() },
            What::IcmpError { error, about } => What::IcmpError { error, about },
        };
        Notice { place: self.place, nodes: self.nodes, ends: self.ends, seen: self.seen, what }
    }
}

/// A packet in words.
#[derive(Clone, Debug)]
pub struct PacketLine<'a> {
    /// Where.
    pub place: Place,
    /// The nodes of the tunnel that it was in.
    pub nodes: Nodes,
    /// Which packet.
    pub seen: Seen,
    /// Sender and receiver on the network layer, where it has one that was read.
    pub ends: Option<(Endpoint, Endpoint)>,
    /// Sender and receiver on the link.
    pub macs: (Option<MacAddr>, Option<MacAddr>),
    /// `arp`, `tcp`, …
    pub kind: &'static str,
    /// What it is.
    pub content: Content,
    /// What it says.
    pub words: Cow<'a, str>,
    /// Its length on the wire in bytes.
    pub wire_len: u32,
}
