//! Behind which node of an overlay network each of its interfaces is.
//!
//! Learned as a VXLAN tunnel endpoint learns it (RFC 7348, 4.1): a frame's sender is behind the node that the packet
//! around it came from. Its receiver is behind the node that it went to, which also places one that never answers. In a
//! table of its own and looked up when an event is told, so that what is remembered of each flow does not grow by two
//! addresses that nearly all flows do not have.

use super::event::{Ends, Event, Nodes, Place};
use super::table::Table;
use super::{Counters, Sink};
use crate::address::MacAddr;
use crate::decode::{Packet, Tunnel};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

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
}
