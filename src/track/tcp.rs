//! TCP connections from SYN to the end (RFC 9293, 3.3.2), as an observer between the ends sees them.

use std::time::Duration;

use super::ended::Ended;
use super::entry::{Flow, Phase, Step, Streams};
use super::event::{Connection, Ends, Event, IcmpError, Missing, Nodes, Remaining, Seen, Side, Stage};
use super::limits::Limits;
use super::measuring::{self, About, Measuring};
use super::segment::Sequel;
use super::stream::Stream;
use super::table::{AHEAD, Hashed, Slot, Table};
use super::{Clock, Counters, FlowKey, Macs, Sink, Way};
use crate::decode::Tcp;
use crate::decode::message::{self, Endpoint, Message};
use crate::decode::tcp::Flags;
use crate::time::Timestamp;

/// The list of connections that are open.
const LIVE: usize = 0;
/// The list of connections whose handshake is not complete.
const OPENING: usize = 1;
/// The list of connections that ended, kept for their stragglers.
const DONE: usize = 2;
/// The list of connections whose handshake was given up, and that was said: its other half may still come.
const GIVEN_UP: usize = 3;
/// A handshake is given up this long after its latest packet. Linux sends SYN again each second at first
/// (`tcp_syn_linear_timeouts`), so three seconds of silence mean that it waits in vain.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// Packets of a connection that ended are still its own for this long.
const STRAGGLERS: Duration = Duration::from_secs(10);
/// An entry moves to the end of its list at most this often; the order is exact to that.
const MOVE_EVERY: Duration = Duration::from_secs(1);

/// A segment, between whom it goes, and when it was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub way: Way,
    pub seen: Seen,
    pub macs: Macs,
    pub tcp: Tcp<'a>,
}

/// A segment's way into the stream that it belongs to.
pub(super) struct Carries<'a> {
    streams: &'a mut Streams,
    from: Side,
    ends: (Endpoint, Endpoint),
}

impl Carries<'_> {
    /// Hands over each message that is whole with this segment.
    pub fn feed(self, tcp: &Tcp<'_>, on_message: &mut dyn FnMut(Message<'_>)) {
        let read = (self.streams.protocol, self.ends.0, self.ends.1);
        let stream = match self.from {
            Side::Client => &mut self.streams.client,
            Side::Server => &mut self.streams.server,
        };
        if tcp.flags.syn() {
            stream.begin(tcp.sequence.wrapping_add(1));
        }
        stream.feed(tcp.sequence, tcp.payload, tcp.payload.len() < tcp.payload_len, read, on_message);
    }
}

/// The TCP connections.
#[derive(Debug)]
pub(super) struct Connections {
    table: Table<FlowKey, Flow, 4>,
    streams: usize,
    max_streams: usize,
    measuring: Option<Measuring>,
    ended: Ended,
}

impl Connections {
    pub fn new(limits: &Limits) -> Self {
        let measuring = limits.measures.then(|| Measuring::new(limits.segments));
        let (table, ended) = (Table::new(limits.flows), Ended::default());
        Self { table, streams: 0, max_streams: limits.streams, measuring, ended }
    }

    /// The hash of a flow, whose connection will be looked up: has its index fetched from memory.
    #[expect(clippy::inline_always, reason = "see Table::find_hashed")]
    #[inline(always)]
    pub fn find_soon(&self, key: &FlowKey) -> Hashed {
        let hash = self.table.hash(key);
        self.table.find_soon(hash);
        hash
    }

    /// Has the connection fetched from memory that will be looked up, whose index is there by now.
    #[inline]
    pub fn fetch(&self, hash: Hashed) {
        self.table.fetch(hash);
    }

    /// A segment; says where its bytes go, if its protocol is read.
    ///
    /// What is in line here is given the segment; what is not is given its numbers, or the same segment once more by
    /// `again`: one that is lent to nobody is never put into memory. `hash` is what [`Connections::find_soon`] gave of its
    /// flow.
    #[expect(clippy::inline_always, reason = "in line, a segment is not put into memory to be read from there")]
    #[inline(always)]
    pub fn segment<'a>(
        &mut self,
        Segment { way, seen, macs, tcp }: Segment<'_>,
        hash: Hashed,
        again: impl Fn() -> Segment<'a>,
        counters: &mut Counters,
        sink: &mut dyn Sink,
    ) -> Option<Carries<'_>> {
        let (flags, sequence) = (tcp.flags, tcp.sequence);
        let mut slot = self.table.find_hashed(hash, &way.key);
        if let Some(known) = slot
            && flags.syn()
            && !flags.ack()
            && self.replaces(known, way.from_low, sequence, seen.at, sink)
        {
            slot = None;
        }
        let slot = match slot {
            Some(slot) => slot,
            None => {
                if self.table.is_full() {
                    self.make_room(seen.at, counters, sink);
                }
                self.begin(hash, &again(), counters)
            }
        };
        let measures = self.measuring.is_some();
        let (flow, stamp) = self.table.stamped_mut(slot);
        let from = flow.side(way.from_low);
        flow.set_server_mac_from(from, macs.0);
        let sequel = flow.take(from, &tcp, seen, measures);
        let goes_on = flow.goes_on(flags, seen);
        let has_streams = flow.streams.is_some();
        if stamp + MOVE_EVERY < seen.at {
            self.table.move_to(slot, self.table.list(slot), seen.at);
        }
        if measures {
            self.measure(slot, (from, sequel), again().tcp, seen, counters, sink);
        }
        if !goes_on {
            self.advance(slot, from, flags, seen, sink);
        }
        if has_streams { self.carries(slot, from, again().way) } else { None }
    }

    #[inline(never)]
    fn carries(&mut self, slot: Slot, from: Side, way: Way) -> Option<Carries<'_>> {
        let streams = self.table.get_mut(slot).streams.as_deref_mut()?;
        Some(Carries { streams, from, ends: (way.from(), way.to()) })
    }

    /// Whether a SYN of that number opens another connection between the ports of one that is known; then that one ends
    /// here.
    #[inline(never)]
    fn replaces(&mut self, slot: Slot, from_low: bool, number: u32, at: Timestamp, sink: &mut dyn Sink) -> bool {
        let flow = self.table.get(slot);
        if flow.initial() == Some(number) && flow.side(from_low) == Side::Client && flow.phase != Phase::Done {
            return false;
        }
        if flow.phase != Phase::Done && self.table.list(slot) != GIVEN_UP {
            let stage = match flow.phase {
                Phase::SynSent | Phase::SynReceived => unfinished(flow.phase, Missing::TimedOut),
                _ => Stage::StillOpen(Remaining::Replaced),
            };
            self.say(slot, stage, at, sink);
        }
        self.forget(slot, at, sink);
        true
    }

    #[inline(never)]
    fn begin(&mut self, hash: Hashed, segment: &Segment<'_>, counters: &mut Counters) -> Slot {
        let Segment { way, macs, seen, tcp } = *segment;
        let (syn, ack) = (tcp.flags.syn(), tcp.flags.ack());
        let from_server = if syn { ack } else { serves(way.from(), way.to()) };
        let ends = super::ends(way, macs);
        let ends = if from_server { turned(ends) } else { ends };
        let phase = if syn { Phase::SynSent } else { Phase::Open };
        let client_is_low = way.key.is_to_itself() || way.from_low != from_server;
        let streams = self.open_streams(ends, counters);
        let slot = self.table.insert_hashed(hash, way.key, if syn { OPENING } else { LIVE }, seen.at);
        let flow = self.table.get_mut(slot);
        flow.begin(phase, seen, &ends, client_is_low, (syn && !ack).then_some(tcp.sequence));
        flow.streams = streams;
        slot
    }

    fn open_streams(&mut self, ends: Ends, counters: &mut Counters) -> Option<Box<Streams>> {
        let protocol = message::over_tcp(ends.client, ends.server)?;
        if self.streams >= self.max_streams {
            counters.refused_streams += 1;
            return None;
        }
        self.streams += 1;
        Some(Box::new(Streams { protocol, client: Stream::default(), server: Stream::default() }))
    }

    /// Measures by the segment. Never in line: a log without measurements is not to be slowed down by code it does not run.
    #[inline(never)]
    fn measure(
        &mut self,
        slot: Slot,
        (from, sequel): (Side, Sequel),
        tcp: Tcp<'_>,
        seen: Seen,
        counters: &mut Counters,
        sink: &mut dyn Sink,
    ) {
        let Some(measuring) = &mut self.measuring else { return };
        let flow = self.table.get(slot);
        let other = match from {
            Side::Client => &flow.server,
            Side::Server => &flow.client,
        };
        let segment = measuring::Segment { tcp: &tcp, from, seen, sequel, other };
        measuring.segment(&about(&self.table, slot), segment, counters, sink);
    }

    /// Follows what the segment does to the connection.
    #[inline(never)]
    fn advance(&mut self, slot: Slot, from: Side, flags: Flags, seen: Seen, sink: &mut dyn Sink) {
        let flow = self.table.get_mut(slot);
        match flow.phase {
            Phase::Done => {}
            _ if flags.rst() => {
                let stage = reset_stage(flow, from);
                self.end(slot, stage, seen.at, sink);
            }
            Phase::Open => {
                if flow.before_capture() && flow.first == seen {
                    self.say(slot, Stage::Opened, seen.at, sink);
                }
                self.close_if_done(slot, seen.at, sink);
            }
            Phase::SynSent | Phase::SynReceived => self.shake_hands(slot, from, flags, seen, sink),
        }
    }

    fn shake_hands(&mut self, slot: Slot, from: Side, flags: Flags, seen: Seen, sink: &mut dyn Sink) {
        let flow = self.table.get_mut(slot);
        match (from, flags.syn(), flags.ack()) {
            (Side::Client, true, _) => {
                flow.set_shaken(Step::Syn, Some(seen));
                self.table.move_to(slot, OPENING, seen.at);
            }
            (Side::Server, true, true) => {
                // The answer to the latest SYN, sent again or not.
                if !flow.answers_latest() {
                    flow.set_shaken(Step::SynAck, Some(seen));
                }
                flow.phase = Phase::SynReceived;
                self.table.move_to(slot, OPENING, seen.at);
            }
            (Side::Client, false, true) if flow.phase == Phase::SynReceived => {
                if !flow.answers_latest() {
                    // Of the latest SYN no answer was seen; that of one before it gives no time.
                    flow.set_shaken(Step::SynAck, None);
                }
                flow.set_shaken(Step::Ack, Some(seen));
                flow.phase = Phase::Open;
                self.table.move_to(slot, LIVE, seen.at);
                self.say(slot, Stage::Opened, seen.at, sink);
                self.close_if_done(slot, seen.at, sink);
            }
            // One direction is not captured: what goes on without the SYN-ACK, or without its acknowledgement, is open.
            (from, false, true) if from == Side::Client || flow.phase == Phase::SynReceived => {
                flow.phase = Phase::Open;
                self.table.move_to(slot, LIVE, seen.at);
                self.say(slot, Stage::Opened, seen.at, sink);
            }
            _ => {}
        }
    }

    /// Ends the connection if both ends are done and both know it.
    fn close_if_done(&mut self, slot: Slot, at: Timestamp, sink: &mut dyn Sink) {
        let flow = self.table.get(slot);
        let (Some(client), Some(server), Some(by)) = (flow.client.fin(), flow.server.fin(), flow.closes) else {
            return;
        };
        if flow.server.has_acknowledged(client) && flow.client.has_acknowledged(server) {
            self.end(slot, Stage::Closed { by }, at, sink);
        }
    }

    /// An ICMP error came for a segment of the connection; it only ends one that is not open yet.
    pub fn fail(&mut self, key: FlowKey, error: IcmpError, seen: Seen, sink: &mut dyn Sink) -> Option<()> {
        let slot = self.table.find(&key)?;
        if self.table.get(slot).phase != Phase::SynSent {
            return None;
        }
        self.table.get_mut(slot).last = seen;
        self.end(slot, Stage::Failed(error), seen.at, sink);
        Some(())
    }

    /// The ends of a connection, client first.
    pub fn ends(&self, key: &FlowKey) -> Option<Ends> {
        Some(self.table.get(self.table.find(key)?).ends(key))
    }

    /// Gives up on handshakes that wait in vain, and forgets what ended a while ago.
    pub fn expire(&mut self, clock: Clock, sink: &mut dyn Sink) {
        while let Some(slot) = self.table.expired(OPENING, |stamp| clock.is_over(stamp, HANDSHAKE)) {
            let due = clock.since(self.table.stamp(slot)) + HANDSHAKE;
            let stage = unfinished(self.table.get(slot).phase, Missing::TimedOut);
            self.say(slot, stage, due, sink);
            self.table.move_to(slot, GIVEN_UP, due);
        }
        loop {
            let mut due = [None; AHEAD];
            self.table.all_expired(DONE, |stamp| clock.is_over(stamp, STRAGGLERS), &mut due);
            for slot in due.into_iter().flatten() {
                if let Some(soon) = self.ended.pass(slot) {
                    self.table.fetch_slot(soon);
                }
                self.forget(slot, clock.now, sink);
            }
            if due.last().is_none_or(Option::is_none) {
                return;
            }
        }
    }

    /// The capture ended at `now`: says what is still open.
    pub fn finish(&mut self, now: Timestamp, sink: &mut dyn Sink) {
        for list in [OPENING, LIVE] {
            while let Some(slot) = self.table.oldest(list) {
                let stage = match self.table.get(slot).phase {
                    phase @ (Phase::SynSent | Phase::SynReceived) => unfinished(phase, Missing::CaptureEnded),
                    _ => Stage::StillOpen(Remaining::CaptureEnded),
                };
                self.say(slot, stage, now, sink);
                self.forget(slot, now, sink);
            }
        }
        // All was said of the others; only what is measured may still wait.
        for list in [DONE, GIVEN_UP] {
            if self.measuring.is_none() {
                break;
            }
            while let Some(slot) = self.table.oldest(list) {
                self.forget(slot, now, sink);
            }
        }
    }

    /// Takes the oldest connection out of a full table: one whose end was told, else one that is opening, else an open
    /// one. So a flood of SYNs takes no room from connections that stand.
    fn make_room(&mut self, now: Timestamp, counters: &mut Counters, sink: &mut dyn Sink) {
        if let Some(slot) = self.table.oldest(DONE).or_else(|| self.table.oldest(GIVEN_UP)) {
            return self.forget(slot, now, sink);
        }
        let Some(slot) = self.table.oldest(OPENING).or_else(|| self.table.oldest(LIVE)) else { return };
        counters.evicted_flows += 1;
        let stage = match self.table.get(slot).phase {
            phase @ (Phase::SynSent | Phase::SynReceived) => unfinished(phase, Missing::TableFull),
            _ => Stage::StillOpen(Remaining::TableFull),
        };
        self.say(slot, stage, now, sink);
        self.forget(slot, now, sink);
    }

    fn end(&mut self, slot: Slot, stage: Stage, at: Timestamp, sink: &mut dyn Sink) {
        self.say(slot, stage, at, sink);
        self.table.get_mut(slot).phase = Phase::Done;
        self.table.move_to(slot, DONE, at);
        self.ended.push(slot, self.table.len());
    }

    fn forget(&mut self, slot: Slot, at: Timestamp, sink: &mut dyn Sink) {
        self.release(slot, at, sink);
        if self.table.get_mut(slot).streams.take().is_some() {
            self.streams -= 1;
        }
        self.table.remove(slot);
    }

    /// What waits for its acknowledgement waits no longer.
    fn release(&mut self, slot: Slot, at: Timestamp, sink: &mut dyn Sink) {
        if let Some(measuring) = &mut self.measuring {
            measuring.release(&about(&self.table, slot), at, sink);
        }
    }

    fn say(&mut self, slot: Slot, stage: Stage, known_at: Timestamp, sink: &mut dyn Sink) {
        let (flow, key) = (self.table.get(slot), self.table.key(slot));
        if self.measuring.is_none() && sink.only_counts(false) {
            return sink.count(&flow.counted(stage));
        }
        let connection = Connection {
            place: key.place(),
            nodes: Nodes::default(),
            ends: flow.ends(&key),
            stage,
            sequence: flow.initial(),
            handshake: flow.handshake(),
            first: flow.first,
            last: flow.last,
            there: flow.client.direction(),
            back: flow.server.direction(),
            before_capture: flow.before_capture(),
            known_at,
        };
        sink.event(Event::Connection(connection));
        if let Some(measuring) = &mut self.measuring {
            measuring.stage(&about(&self.table, slot), &connection, sink);
        }
    }
}

/// Which connection is in that place.
fn about(table: &Table<FlowKey, Flow, 4>, slot: Slot) -> About {
    let (flow, key) = (table.get(slot), table.key(slot));
    About { slot: slot.number(), place: key.place(), ends: flow.ends(&key), initial: flow.initial() }
}

fn unfinished(phase: Phase, why: Missing) -> Stage {
    if phase == Phase::SynReceived { Stage::HalfOpen(why) } else { Stage::Unanswered(why) }
}

fn reset_stage(flow: &Flow, from: Side) -> Stage {
    match (flow.phase, from) {
        (Phase::SynSent, Side::Server) => Stage::Refused,
        // Many programs end with a reset after both have said that they are done.
        (Phase::Open, _) if flow.client.fin().is_some() && flow.server.fin().is_some() => {
            Stage::Closed { by: flow.closes.unwrap_or(from) }
        }
        _ => Stage::Reset { by: from },
    }
}

/// Whether the sender of a connection's first seen packet looks like its server: the lower port of two is, where it is
/// one that programs do not get by chance (IANA's dynamic ports begin at 49152, Linux' at 32768).
fn serves(sender: Endpoint, receiver: Endpoint) -> bool {
    sender.port < receiver.port && sender.port < Some(32768)
}

fn turned(ends: Ends) -> Ends {
    let Ends { client, server, client_mac, server_mac } = ends;
    Ends { client: server, server: client, client_mac: server_mac, server_mac: client_mac }
}
