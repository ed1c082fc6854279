//! UDP between two ports, where no protocol that is paired claims it.

use std::time::Duration;

use super::event::{DatagramStage, Datagrams, Direction, Ends, Event, IcmpError, Nodes, Remaining, Seen};
use super::table::{Slot, Table};
use super::{Clock, Counters, FlowKey, Macs, Sink, Way};
use crate::time::Timestamp;

/// A flow ends when nothing came for this long, in packet time: as conntrack has it (`nf_conntrack_udp_timeout`).
const IDLE: Duration = Duration::from_secs(30);
/// An entry moves to the end of its list at most this often; the order is exact to that.
const MOVE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Flow {
    ends: Ends,
    first: Seen,
    last: Seen,
    there: Direction,
    back: Direction,
}

impl Default for Flow {
    fn default() -> Self {
        let ends = super::no_ends();
        let (seen, none) = (Seen::default(), Direction::default());
        Self { ends, first: seen, last: seen, there: none, back: none }
    }
}

/// The UDP flows.
#[derive(Debug)]
pub(super) struct DatagramFlows {
    table: Table<FlowKey, Flow, 1>,
}

impl DatagramFlows {
    pub fn new(cap: usize) -> Self {
        Self { table: Table::new(cap) }
    }

    /// A datagram.
    pub fn datagram(
        &mut self,
        way: Way,
        macs: Macs,
        seen: Seen,
        bytes: usize,
        counters: &mut Counters,
        sink: &mut dyn Sink,
    ) {
        let (slot, began) = match self.table.find(&way.key) {
            Some(slot) => (slot, false),
            None => (self.begin(way.key, super::ends(way, macs), seen, counters, sink), true),
        };
        let flow = self.table.get_mut(slot);
        flow.last = seen;
        let from_client = flow.ends.client == way.from();
        if !from_client {
            flow.ends.server_mac = macs.0;
        }
        let direction = if from_client { &mut flow.there } else { &mut flow.back };
        direction.packets += 1;
        direction.bytes += bytes as u64;
        if began {
            self.say(slot, DatagramStage::Began, seen.at, sink);
        } else if seen.at - self.table.stamp(slot) > MOVE_EVERY {
            self.table.move_to(slot, 0, seen.at);
        }
    }

    fn begin(&mut self, key: FlowKey, ends: Ends, seen: Seen, counters: &mut Counters, sink: &mut dyn Sink) -> Slot {
        if self.table.is_full()
            && let Some(oldest) = self.table.oldest(0)
        {
            counters.evicted_flows += 1;
            self.say(oldest, DatagramStage::StillOpen(Remaining::TableFull), seen.at, sink);
            self.table.remove(oldest);
        }
        let slot = self.table.insert(key, 0, seen.at);
        let none = Direction::default();
        *self.table.get_mut(slot) = Flow { ends, first: seen, last: seen, there: none, back: none };
        slot
    }

    /// An ICMP error came for a datagram from `source` to `destination`. `None` where no such flow was seen.
    pub fn fail(&mut self, key: FlowKey, error: IcmpError, seen: Seen, sink: &mut dyn Sink) -> Option<()> {
        let slot = self.table.find(&key)?;
        // The time that it took counts from the datagram that the error is about, which is the latest.
        let flow = self.table.get_mut(slot);
        (flow.first, flow.last) = (flow.last, seen);
        self.say(slot, DatagramStage::Failed(error), seen.at, sink);
        self.table.remove(slot);
        Some(())
    }

    /// Ends what has been idle for too long.
    pub fn expire(&mut self, clock: Clock, sink: &mut dyn Sink) {
        while let Some(slot) = self.table.expired(0, |stamp| clock.is_over(stamp, IDLE)) {
            let last = clock.since(self.table.get(slot).last.at);
            if !clock.is_over(last, IDLE) {
                self.table.move_to(slot, 0, last);
                continue;
            }
            self.say(slot, DatagramStage::Idle, last + IDLE, sink);
            self.table.remove(slot);
        }
    }

    /// The capture ended at `now`.
    pub fn finish(&mut self, now: Timestamp, sink: &mut dyn Sink) {
        while let Some(slot) = self.table.oldest(0) {
            self.say(slot, DatagramStage::StillOpen(Remaining::CaptureEnded), now, sink);
            self.table.remove(slot);
        }
    }

    /// The ends of a flow, client first.
    pub fn ends(&self, key: &FlowKey) -> Option<Ends> {
        Some(self.table.get(self.table.find(key)?).ends)
    }

    fn say(&self, slot: Slot, stage: DatagramStage, known_at: Timestamp, sink: &mut dyn Sink) {
        let Flow { ends, first, last, there, back } = *self.table.get(slot);
        let (place, nodes) = (self.table.key(slot).place(), Nodes::default());
        sink.event(Event::Datagrams(Datagrams { place, nodes, ends, stage, first, last, there, back, known_at }));
    }
}
