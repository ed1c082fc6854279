//! What belongs together: requests and replies, connections, flows. All state, no I/O, no clock but the packets'.
//!
//! A [`Tracker`] is fed the packets of one tap, or of one capture file with all its taps, and hands [`Event`]s to a
//! [`Sink`] as soon as they are known. In the steady state it allocates nothing and copies no packet bytes; everything
//! it remembers has a cap ([`Limits`]), and what was lost there is in the [`Counters`].

pub mod event;
pub mod fragments;
pub mod limits;
pub mod measured;
pub mod table;

mod clock;
mod counted;
mod datagram;
mod ended;
mod entry;
mod errors;
mod exchange;
mod flow;
mod gaps;
mod index;
mod lines;
mod marks;
mod measuring;
mod memory;
mod nodes;
mod segment;
mod stream;
mod tcp;
mod turns;
mod unacknowledged;
pub(crate) mod usual;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::address::MacAddr;
use crate::decode::message::{self, Endpoint, Message, Role};
use crate::decode::{Ip, Network, Packet, Tcp, Transport};
use crate::time::Timestamp;

use clock::Clock;
pub use counted::Counted;
pub use event::Event;
use event::{Ends, Nodes, Notice, Place, Seen, What};
use exchange::Carried;
use flow::{FlowKey, Way};
pub use limits::{Counters, Limits, PassedOver};
pub(crate) use lines::message_line;
pub use lines::packet_line;
use table::Hashed;
use tcp::{Carries, Segment};

/// Whoever wants to know what the tracker finds out.
pub trait Sink {
    /// Takes an event, which is lent for the call.
    fn event(&mut self, event: Event<'_>);
    /// Whether nothing is wanted of events but that they are counted, or of all but lookups, from which names are learned:
    /// then what there is to count of one may come in its stead.
    fn only_counts(&self, _is_lookup: bool) -> bool {
        false
    }
    /// Takes what there is to count of an event, where it [`Sink::only_counts`].
    fn count(&mut self, _counted: &Counted) {}
}

impl<F: FnMut(Event<'_>)> Sink for F {
    fn event(&mut self, event: Event<'_>) {
        self(event);
    }
}

fn no_ends() -> Ends {
    let nobody = Endpoint::host(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    Ends { client: nobody, server: nobody, client_mac: None, server_mac: None }
}

/// How often what waits is looked through, in packet time: the error of a time-out, never of a latency.
const EXPIRE_EVERY: Duration = Duration::from_millis(5);

/// Follows everything that a tap, or a capture file, shows.
#[derive(Debug)]
pub struct Tracker {
    flows: Flows,
    behind: nodes::Behind,
}

impl Tracker {
    /// A tracker that knows nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self { flows: Flows::new(limits), behind: nodes::Behind::new(limits.nodes) }
    }

    /// What was seen and lost so far.
    pub const fn counters(&self) -> &Counters {
        &self.flows.counters
    }

    /// Takes a packet. Events that are older than it come first.
    pub fn observe(&mut self, packet: &Packet<'_>, sink: &mut dyn Sink) {
        self.observe_message(packet, message::read(packet).as_ref(), sink);
    }

    /// The same of a packet whose message was read.
    #[inline]
    pub(crate) fn observe_message(&mut self, packet: &Packet<'_>, message: Option<&Message<'_>>, sink: &mut dyn Sink) {
        // An event is large: it is not handed through where there are no nodes that it could get.
        if packet.tunnel.is_none() && self.behind.is_empty() {
            self.flows.tick(packet.at, sink);
            self.flows.observe(packet, message, sink);
        } else {
            self.observe_between_nodes(packet, message, sink);
        }
    }

    /// The same where packets come in tunnels.
    #[inline(never)]
    fn observe_between_nodes(&mut self, packet: &Packet<'_>, message: Option<&Message<'_>>, sink: &mut dyn Sink) {
        if let Some(tunnel) = &packet.tunnel {
            self.tick(packet.at, sink);
            self.behind.learn(packet, tunnel, &mut self.flows.counters);
        }
        let sink = &mut self.behind.told(sink);
        self.flows.tick(packet.at, sink);
        self.flows.observe(packet, message, sink);
    }

    /// It is this late now: gives up on what was not answered in time.
    pub fn tick(&mut self, now: Timestamp, sink: &mut dyn Sink) {
        self.flows.tick(now, &mut self.behind.told(sink));
    }

    /// The capture ended: says what is still open.
    pub fn finish(&mut self, sink: &mut dyn Sink) {
        self.flows.finish(&mut self.behind.told(sink));
    }
}

/// What goes on, and what waits.
#[derive(Debug)]
struct Flows {
    exchanges: exchange::Exchanges,
    connections: tcp::Connections,
    datagrams: datagram::DatagramFlows,
    fragments: fragments::Fragments,
    counters: Counters,
    clock: Clock,
    next_expiry: Timestamp,
}

impl Flows {
    fn new(limits: Limits) -> Self {
        Self {
            exchanges: exchange::Exchanges::new(limits.pending),
            connections: tcp::Connections::new(&limits),
            datagrams: datagram::DatagramFlows::new(limits.flows),
            fragments: fragments::Fragments::new(limits.fragments),
            counters: Counters::default(),
            clock: Clock::default(),
            next_expiry: Timestamp::ZERO,
        }
    }

    #[inline]
    fn observe(&mut self, packet: &Packet<'_>, message: Option<&Message<'_>>, sink: &mut dyn Sink) {
        self.counters.packets += 1;
        self.counters.bytes += u64::from(packet.wire_len);
        self.counters.malformed += u64::from(packet.stop.is_some());
        match &packet.network {
            Network::Ip(ip) if ip.fragment.is_some() => self.fragment(packet, sink),
            Network::Ip(ip @ Ip { transport: Transport::Tcp(tcp), .. }) => self.tcp(packet, ip, *tcp, sink),
            _ => self.follow(packet, message, sink),
        }
    }

    /// Follows what was in fragments once they are together.
    #[inline(never)]
    fn fragment(&mut self, packet: &Packet<'_>, sink: &mut dyn Sink) {
        if let Some(assembled) = self.fragments.take(packet, &mut self.counters) {
            self.follow_assembled(assembled, sink);
        }
    }

    fn follow_assembled(&mut self, assembled: fragments::Assembled, sink: &mut dyn Sink) {
        if !assembled.is_reply_in_part() {
            let packet = assembled.packet();
            self.follow(&packet, message::read(&packet).as_ref(), sink);
        }
        self.fragments.reuse(assembled);
    }

    /// Follows a packet that is whole.
    fn follow(&mut self, packet: &Packet<'_>, message: Option<&Message<'_>>, sink: &mut dyn Sink) {
        if let Some(message) = message {
            let (key, macs, seen) = (exchange::key(place(packet), message), macs(packet), seen(packet));
            return self.message(&Carried { message, key, macs, seen, over_tcp: false }, sink);
        }
        match &packet.network {
            Network::Ip(ip) => self.ip(packet, ip, sink),
            // Malformed ones are counted already.
            Network::Arp(_) => {}
            Network::Other if packet.stop.is_none() => {
                self.counters.pass_over(PassedOver::EtherType(packet.link.ethertype));
            }
            Network::Other => {}
        }
    }

    #[inline]
    fn tick(&mut self, now: Timestamp, sink: &mut dyn Sink) {
        let is_set_back = self.clock.tick(now);
        if self.clock.now >= self.next_expiry || is_set_back {
            self.expire(sink);
        }
    }

    #[inline(never)]
    fn expire(&mut self, sink: &mut dyn Sink) {
        self.next_expiry = self.clock.now + EXPIRE_EVERY;
        while let Some(part) = self.fragments.overdue(self.clock, &mut self.counters) {
            self.follow_assembled(part, sink);
        }
        self.exchanges.expire(self.clock, sink);
        self.connections.expire(self.clock, sink);
        self.datagrams.expire(self.clock, sink);
    }

    fn finish(&mut self, sink: &mut dyn Sink) {
        while let Some(part) = self.fragments.rest(&mut self.counters) {
            self.follow_assembled(part, sink);
        }
        let now = self.clock.now;
        self.exchanges.expire(self.clock, sink);
        self.exchanges.finish(now, sink);
        self.connections.finish(now, sink);
        self.datagrams.finish(now, sink);
    }

    fn ip(&mut self, packet: &Packet<'_>, ip: &Ip<'_>, sink: &mut dyn Sink) {
        match &ip.transport {
            Transport::Tcp(tcp) => self.tcp(packet, ip, *tcp, sink),
            Transport::Udp(udp) => {
                let (source, destination) = message::ends(ip);
                let way = Way::new(place(packet), source, destination);
                let bytes = udp.payload_len;
                self.datagrams.datagram(way, macs(packet), seen(packet), bytes, &mut self.counters, sink);
            }
            Transport::Icmp(icmp) => self.icmp(packet, ip, icmp, sink),
            Transport::Fragment => {}
            Transport::Other if packet.stop.is_none() => {
                self.counters.pass_over(PassedOver::IpProtocol(ip.protocol));
            }
            Transport::Other => {}
        }
    }

    #[inline(never)]
    fn tcp(&mut self, packet: &Packet<'_>, ip: &Ip<'_>, tcp: Tcp<'_>, sink: &mut dyn Sink) {
        let source = Endpoint::socket(ip.source, tcp.source_port);
        let destination = Endpoint::socket(ip.destination, tcp.destination_port);
        let (way, macs) = (Way::new(place(packet), source, destination), macs(packet));
        let (segment, hash) = (Segment { way, seen: seen(packet), macs, tcp }, self.connections.find_soon(&way.key));
        self.segment(segment, hash, || segment, sink);
    }

    #[expect(clippy::inline_always, reason = "see Connections::segment")]
    #[inline(always)]
    fn segment<'a>(
        &mut self,
        segment: Segment<'_>,
        hash: Hashed,
        again: impl Fn() -> Segment<'a>,
        sink: &mut dyn Sink,
    ) {
        let Self { connections, exchanges, counters, .. } = self;
        if let Some(carries) = connections.segment(segment, hash, &again, counters, sink) {
            stream(carries, &again(), exchanges, counters, sink);
        }
    }

    #[inline]
    fn message(&mut self, carried: &Carried<'_>, sink: &mut dyn Sink) {
        match carried.message.role {
            Role::Notice => say(carried, notice(carried.message), sink),
            _ => asked_or_answered(carried, &mut self.exchanges, &mut self.counters, sink),
        }
    }
}

/// Follows what a segment carries.
#[inline(never)]
fn stream(
    carries: Carries<'_>,
    Segment { way, macs, seen, tcp }: &Segment<'_>,
    exchanges: &mut exchange::Exchanges,
    counters: &mut Counters,
    sink: &mut dyn Sink,
) {
    let (place, macs, seen) = (way.key.place(), *macs, *seen);
    carries.feed(tcp, &mut |message| {
        let key = exchange::key(place, &message);
        let carried = Carried { message: &message, key, macs, seen, over_tcp: true };
        asked_or_answered(&carried, exchanges, counters, sink);
    });
}

/// Follows a request, or its reply.
#[inline]
fn asked_or_answered(
    carried: &Carried<'_>,
    exchanges: &mut exchange::Exchanges,
    counters: &mut Counters,
    sink: &mut dyn Sink,
) {
    if carried.message.role != Role::Reply {
        exchanges.request(carried, counters, sink);
    } else if !exchanges.reply(carried, sink) {
        counters.unasked_replies += 1;
        say(carried, unasked_reply(carried.message), sink);
    }
}

fn say(carried: &Carried<'_>, what: What<'_>, sink: &mut dyn Sink) {
    let (place, ends, seen) = (carried.key.way.key.place(), carried.ends(), carried.seen);
    sink.event(Event::Notice(Notice { place, nodes: Nodes::default(), ends, seen, what }));
}

/// A reply whose request was not seen.
fn unasked_reply<'a>(message: &Message<'a>) -> What<'a> {
    What::Unasked { protocol: message.protocol, subject: exchange::unasked(&message.subject) }
}

fn notice<'a>(message: &Message<'a>) -> What<'a> {
    let protocol = message.protocol;
    match message.subject {
        message::Subject::Neighbour { address, mac } if message.client.address.is_unspecified() && mac.is_none() => {
            What::Probe { protocol, address }
        }
        message::Subject::Neighbour { address, mac } => What::Announcement { protocol, address, mac },
        message::Subject::Dns(message) => What::Dns { protocol, message: Cow::Borrowed(message.bytes()) },
        message::Subject::Ping { .. } => unasked_reply(message),
    }
}

/// Sender and receiver of a packet, the sender as the client.
fn ends(way: Way, (source, destination): Macs) -> Ends {
    let server_mac = destination.filter(|mac| !mac.is_group());
    Ends { client: way.from(), server: way.to(), client_mac: source, server_mac }
}

/// The sender's address on the link, and the receiver's.
type Macs = (Option<MacAddr>, Option<MacAddr>);

const fn macs(packet: &Packet<'_>) -> Macs {
    (packet.link.source, packet.link.destination)
}

fn place(packet: &Packet<'_>) -> Place {
    Place { tap: packet.tap, if_index: packet.link.if_index, vni: packet.tunnel.map(|tunnel| tunnel.vni) }
}

fn seen(packet: &Packet<'_>) -> Seen {
    Seen { at: packet.at, number: packet.number }
}

#[cfg(test)]
mod tests;
