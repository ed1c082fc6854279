//! Behind which node of an overlay network each of its interfaces is.
//!
//! Learned as a VXLAN tunnel endpoint learns it (RFC 7348, 4.1): a frame's sender is behind the node that the packet
//! around it came from. Its receiver is behind the node that it went to, which also places one that never answers. In a
//! table of its own and looked up when an event is told, so that what is remembered of each flow does not grow by two
//! addresses that nearly all flows do not have.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::event::{Ends, Event, Nodes, Place};
use super::table::Table;
use super::{Counted, Counters, Sink};
use crate::address::MacAddr;
use crate::decode::{Packet, Tunnel};

/// An entry moves to the end of its list at most this often; the order is exact to that.
const MOVE_EVERY: Duration = Duration::from_secs(1);

/// An interface, on one network of one tap: other networks may have the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    place: Place,
    mac: MacAddr,
}

#[derive(Debug)]
struct Node(IpAddr);

impl Default for Node {
    fn default() -> Self {
        Self(Ipv4Addr::UNSPECIFIED.into())
    }
}

/// The nodes that interfaces are behind.
#[derive(Debug)]
pub(super) struct Behind {
    table: Table<Key, Node, 1>,
}

impl Behind {
    pub fn new(cap: usize) -> Self {
        Self { table: Table::new(cap) }
    }

    /// Whether no node is known.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Learns from a packet that came in a tunnel.
    pub fn learn(&mut self, packet: &Packet<'_>, tunnel: &Tunnel, counters: &mut Counters) {
        let place = super::place(packet);
        let sides = [(packet.link.source, tunnel.source), (packet.link.destination, tunnel.destination)];
        for (mac, node) in sides {
            // A group of interfaces is behind many nodes, and a group of nodes is none.
            if let Some(mac) = mac.filter(|mac| !mac.is_group())
                && !node.is_multicast()
            {
                self.insert(Key { place, mac }, node, packet, counters);
            }
        }
    }

    fn insert(&mut self, key: Key, node: IpAddr, packet: &Packet<'_>, counters: &mut Counters) {
        let slot = match self.table.find(&key) {
            Some(slot) => {
                if packet.at - self.table.stamp(slot) > MOVE_EVERY {
                    self.table.move_to(slot, 0, packet.at);
                }
                slot
            }
            None => {
                if self.table.is_full()
                    && let Some(oldest) = self.table.oldest(0)
                {
                    counters.evicted_nodes += 1;
                    self.table.remove(oldest);
                }
                self.table.insert(key, 0, packet.at)
            }
        };
        *self.table.get_mut(slot) = Node(node);
    }

    fn node(&self, place: Place, mac: Option<MacAddr>) -> Option<IpAddr> {
        let slot = self.table.find(&Key { place, mac: mac? })?;
        Some(self.table.get(slot).0)
    }

    fn nodes(&self, place: Place, ends: &Ends) -> Nodes {
        Nodes { client: self.node(place, ends.client_mac), server: self.node(place, ends.server_mac) }
    }

    /// What is told to `sink`, with the nodes that are known by then.
    pub fn told<'a>(&'a self, sink: &'a mut dyn Sink) -> WithNodes<'a> {
        WithNodes { behind: self, sink }
    }
}

/// Puts the nodes to events from inside tunnels.
pub(super) struct WithNodes<'a> {
    behind: &'a Behind,
    sink: &'a mut dyn Sink,
}

impl Sink for WithNodes<'_> {
    fn event(&mut self, mut event: Event<'_>) {
        let place = event.place();
        if place.vni.is_some()
            && let Some((ends, nodes)) = event.ends_and_nodes()
        {
            *nodes = self.behind.nodes(place, ends);
        }
        self.sink.event(event);
    }

    fn only_counts(&self, is_lookup: bool) -> bool {
        self.sink.only_counts(is_lookup)
    }

    fn count(&mut self, counted: &Counted) {
        self.sink.count(counted);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, Tracker};
    use super::*;
    use crate::decode::testing::{ethernet, vxlan_between};
    use crate::decode::{Vni, decode};
    use crate::time::Timestamp;

    /// The nodes: 10.88.0.1 and 10.88.0.2, and others by their last octet.
    fn node(last: u8) -> IpAddr {
        IpAddr::from([10, 88, 0, last])
    }

    /// An echo request from container 5 to container 6, or the reply.
    fn ping(reply: bool, sequence: u16) -> Vec<u8> {
        let (from, to) = if reply { (6, 5) } else { (5, 6) };
        let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, from], [2, 0, 0, 0, 0, to]);
        let builder = builder.ipv4([10, 0, 1, from], [10, 0, 1, to], 64);
        let builder =
            if reply { builder.icmpv4_echo_reply(7, sequence) } else { builder.icmpv4_echo_request(7, sequence) };
        let mut bytes = Vec::new();
        builder.write(&mut bytes, &[0; 56]).unwrap();
        bytes
    }

    fn in_tunnel(nodes: [u8; 2], vni: u32, frame: &[u8]) -> Vec<u8> {
        vxlan_between(nodes, 4789, vni, frame)
    }

    /// What is told of these frames, a millisecond apart: latency in milliseconds, VNI, nodes.
    type Told = (Option<u128>, Option<u32>, Nodes);

    fn told(tracker: &mut Tracker, frames: &[Vec<u8>]) -> Vec<Told> {
        let mut told = Vec::new();
        let mut sink = |event: Event<'_>| {
            let Event::Exchange(exchange) = &event else { panic!("{event:?}") };
            let latency = exchange.latency().map(|latency| latency.as_millis());
            told.push((latency, event.place().vni.map(Vni::number), event.nodes()));
        };
        for (number, bytes) in (1..).zip(frames) {
            let at = Timestamp::from_nanos(1_000_000_000_000 + number * 1_000_000);
            tracker.observe(&decode(&ethernet(bytes, number, at)), &mut sink);
        }
        tracker.finish(&mut sink);
        told
    }

    #[test]
    fn a_ping_through_a_tunnel_has_the_nodes_of_both_ends() {
        let frames = [in_tunnel([1, 2], 4097, &ping(false, 0)), in_tunnel([2, 1], 4097, &ping(true, 0))];
        let nodes = Nodes { client: Some(node(1)), server: Some(node(2)) };
        assert_eq!(told(&mut Tracker::new(Limits::default()), &frames), [(Some(1), Some(4097), nodes)]);
    }

    #[test]
    fn the_node_of_one_that_never_answers_is_where_the_question_went() {
        let frames = [in_tunnel([1, 2], 4097, &ping(false, 0))];
        let nodes = Nodes { client: Some(node(1)), server: Some(node(2)) };
        assert_eq!(told(&mut Tracker::new(Limits::default()), &frames), [(None, Some(4097), nodes)]);
    }

    #[test]
    fn one_that_moves_is_behind_its_new_node() {
        let frames = [
            in_tunnel([1, 2], 4097, &ping(false, 0)),
            in_tunnel([2, 1], 4097, &ping(true, 0)),
            in_tunnel([1, 3], 4097, &ping(false, 1)),
            in_tunnel([3, 1], 4097, &ping(true, 1)),
        ];
        let told = told(&mut Tracker::new(Limits::default()), &frames);
        let servers: Vec<_> = told.iter().map(|(_, _, nodes)| nodes.server).collect();
        assert_eq!(servers, [Some(node(2)), Some(node(3))]);
    }

    #[test]
    fn networks_inside_and_outside_of_tunnels_never_meet() {
        // The same packet in two networks and outside: only the third has its reply.
        let frames = [
            in_tunnel([1, 2], 4097, &ping(false, 0)),
            in_tunnel([1, 2], 4098, &ping(false, 0)),
            ping(false, 0),
            ping(true, 0),
        ];
        let mut told = told(&mut Tracker::new(Limits::default()), &frames);
        told.sort_by_key(|(_, vni, _)| *vni);
        let nodes = Nodes { client: Some(node(1)), server: Some(node(2)) };
        assert_eq!(told, [(Some(1), None, Nodes::default()), (None, Some(4097), nodes), (None, Some(4098), nodes)]);
    }

    #[test]
    fn a_group_is_behind_no_node() {
        let mut question = ping(false, 0);
        question[..6].copy_from_slice(&[0xff; 6]);
        let frames = [in_tunnel([1, 2], 4097, &question)];
        let nodes = Nodes { client: Some(node(1)), server: None };
        assert_eq!(told(&mut Tracker::new(Limits::default()), &frames), [(None, Some(4097), nodes)]);
    }

    #[test]
    fn at_the_cap_the_oldest_is_forgotten_and_counted() {
        let mut tracker = Tracker::new(Limits { nodes: 2, ..Limits::default() });
        let frames = [1, 2, 3].map(|vni| in_tunnel([1, 2], vni, &ping(false, 0)));
        let told = told(&mut tracker, &frames);
        assert_eq!(tracker.counters().evicted_nodes, 4);
        let known: Vec<_> = told.iter().map(|(_, vni, nodes)| (*vni, nodes.client.is_some())).collect();
        assert_eq!(known, [(Some(1), false), (Some(2), false), (Some(3), true)]);
    }
}
