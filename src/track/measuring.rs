//! Makes the measurements of TCP connections, where they are asked for: see [`measured`](super::measured).
//!
//! Beside the connections' table and not in it, so that a log without measurements pays nothing for them.

use super::event::{Ends, Event, Nodes, Place, Seen, Side, Stage};
use super::measured::{Measure, Measured, Reading};
use super::segment::{Half, Sequel, before};
use super::turns::{Found, Spoken, Turns};
use super::unacknowledged::{List, Sent, Unacknowledged};
use super::{Counters, Sink};
use crate::decode::Tcp;
use crate::time::Timestamp;

/// What a connection has that is not settled.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// What the client sent and the server has not acknowledged.
    client: List,
    /// What the server sent and the client has not acknowledged.
    server: List,
    turns: Turns,
}

/// Of which connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    /// Its place in the table.
    pub slot: usize,
    pub place: Place,
    pub ends: Ends,
    pub initial: Option<u32>,
}

/// A segment, and what the connection knows by it.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a, 'b> {
    pub tcp: &'a Tcp<'b>,
    pub from: Side,
    pub seen: Seen,
    pub sequel: Sequel,
    /// The other side's half.
    pub other: &'a Half,
}

/// The measurements of all connections.
#[derive(Debug)]
pub(super) struct Measuring {
    open: Vec<Open>,
    waiting: Unacknowledged,
}

impl Measuring {
    /// Keeps at most `segments` that wait for their acknowledgements.
    pub fn new(segments: usize) -> Self {
        Self { open: Vec::new(), waiting: Unacknowledged::new(segments) }
    }

    /// Follows a segment of a connection.
    pub fn segment(&mut self, about: &About, segment: Segment<'_, '_>, counters: &mut Counters, sink: &mut dyn Sink) {
        if self.open.len() <= about.slot {
            self.open.resize(about.slot + 1, Open::default());
        }
        let Self { open, waiting } = self;
        let Some(open) = open.get_mut(about.slot) else { return };
        let (own, others) = match segment.from {
            Side::Client => (&mut open.client, &mut open.server),
            Side::Server => (&mut open.server, &mut open.client),
        };
        let Segment { tcp, seen, from, .. } = segment;
        if tcp.flags.ack() {
            let acknowledged = waiting.acknowledge(others, tcp.acknowledgement);
            counters.covered_segments += u64::from(acknowledged.covered);
            if let Some(sent) = acknowledged.exact {
                about.say(&acknowledgement(sent, from, seen), seen.at, sink);
            }
        }
        if let Some(sent) = sent(&segment)
            && !waiting.put(own, sent)
        {
            counters.unmeasured_segments += 1;
        }
        follow(&mut open.turns, &segment, &mut |found| about.say(&found.into(), seen.at, sink));
    }

    /// A connection came to a stage.
    pub fn stage(&mut self, about: &About, stage: &super::event::Connection, sink: &mut dyn Sink) {
        let is_over = match stage.stage {
            Stage::Opened => return shaken(about, stage, sink),
            Stage::Closed { .. } | Stage::Reset { .. } => true,
            Stage::StillOpen(remaining) => remaining == super::event::Remaining::Replaced,
            Stage::Refused | Stage::Failed(_) => {
                return unshaken(about, stage, Reading::Failed, sink);
            }
            Stage::Unanswered(_) | Stage::HalfOpen(_) => {
                return unshaken(about, stage, Reading::Unanswered(1), sink);
            }
        };
        let at = stage.known_at;
        if let Some(open) = self.open.get_mut(about.slot) {
            open.turns.end(is_over, &mut |found| about.say(&found.into(), at, sink));
        }
        let ended = is_over && !stage.before_capture && !matches!(stage.stage, Stage::StillOpen(_));
        let reading = if ended { Reading::between(stage.first, stage.last) } else { Reading::Open };
        let to = ended.then_some(stage.last);
        about.say(&Figure::of_opening(Measure::Connection, about, (stage.first, to), reading), at, sink);
    }

    /// A connection is over or forgotten: what waits is not acknowledged any more.
    pub fn release(&mut self, about: &About, at: Timestamp, sink: &mut dyn Sink) {
        let Self { open, waiting } = self;
        let Some(open) = open.get_mut(about.slot) else { return };
        for (list, waited_for) in [(&mut open.client, Side::Server), (&mut open.server, Side::Client)] {
            if let Some((oldest, count)) = waiting.clear(list) {
                let reading = Reading::Unanswered(u32::from(count));
                let figure = Figure {
                    from: oldest.seen,
                    to: None,
                    measure: Measure::Ack,
                    waited_for,
                    mark: oldest.end,
                    reading,
                };
                about.say(&figure, at, sink);
            }
        }
        open.turns = Turns::default();
    }
}

/// A measurement without its connection.
struct Figure {
    measure: Measure,
    waited_for: Side,
    mark: u32,
    from: Seen,
    to: Option<Seen>,
    reading: Reading,
}

impl Figure {
    /// One that is told from others of the connection by its initial sequence number.
    fn of_opening(measure: Measure, about: &About, (from, to): (Seen, Option<Seen>), reading: Reading) -> Self {
        let waited_for = if measure == Measure::SynAck { Side::Client } else { Side::Server };
        Self { measure, waited_for, mark: about.initial.unwrap_or_default(), from, to, reading }
    }
}

impl From<Found> for Figure {
    fn from(found: Found) -> Self {
        let Found { measure, asked: (from, mark), answered, reading } = found;
        Self { measure, waited_for: Side::Server, mark, from, to: answered, reading }
    }
}

impl About {
    fn say(&self, figure: &Figure, known_at: Timestamp, sink: &mut dyn Sink) {
        let Figure { measure, waited_for, mark, from, to, reading } = *figure;
        let Self { place, ends, initial, .. } = *self;
        let nodes = Nodes::default();
        sink.event(Event::Measured(Measured {
            place,
            nodes,
            ends,
            initial,
            measure,
            waited_for,
            mark,
            from,
            to,
            reading,
            known_at,
        }));
    }
}

/// The bytes that a segment sends, a SYN and a FIN as one each.
fn sent(segment: &Segment<'_, '_>) -> Option<Sent> {
    let Segment { tcp, seen, sequel, .. } = *segment;
    let length = tcp.payload_len as u32 + u32::from(tcp.flags.syn()) + u32::from(tcp.flags.fin());
    let (start, is_again) = (tcp.sequence, sequel == Sequel::Again);
    (length > 0).then(|| Sent { start, end: start.wrapping_add(length), seen, is_again })
}

fn acknowledgement(sent: Sent, by: Side, seen: Seen) -> Figure {
    let reading = match Reading::between(sent.seen, seen) {
        Reading::Time(time) if sent.is_again => Reading::Ambiguous(time),
        reading => reading,
    };
    Figure { measure: Measure::Ack, waited_for: by, mark: sent.end, from: sent.seen, to: Some(seen), reading }
}

/// Follows who speaks.
fn follow(turns: &mut Turns, segment: &Segment<'_, '_>, on_found: &mut dyn FnMut(Found)) {
    let Segment { tcp, from, seen, sequel, other } = *segment;
    if sequel == Sequel::New && tcp.payload_len > 0 {
        let end = tcp.sequence.wrapping_add(tcp.payload_len as u32 + u32::from(tcp.flags.syn()));
        let has_heard = other.end().is_none_or(|end| tcp.flags.ack() && !before(tcp.acknowledgement, end));
        turns.speak(Spoken { by: from, seen, end, has_heard }, on_found);
    }
    if from == Side::Server && tcp.flags.fin() {
        turns.server_is_done(on_found);
    }
}

/// The handshake is complete: both halves, and the whole.
fn shaken(about: &About, opened: &super::event::Connection, sink: &mut dyn Sink) {
    let handshake = &opened.handshake;
    let (Some(syn), Some(syn_ack), Some(ack)) = (handshake.syn, handshake.syn_ack, handshake.ack) else { return };
    for (measure, from, to) in
        [(Measure::Syn, syn, syn_ack), (Measure::SynAck, syn_ack, ack), (Measure::Handshake, syn, ack)]
    {
        let figure = Figure::of_opening(measure, about, (from, Some(to)), Reading::between(from, to));
        about.say(&figure, opened.known_at, sink);
    }
}

/// The handshake came to nothing; of one that the server answered, its half is known.
fn unshaken(about: &About, ended: &super::event::Connection, reading: Reading, sink: &mut dyn Sink) {
    let Some(syn) = ended.handshake.syn.or(ended.handshake.syn_ack) else { return };
    let servers = match (ended.handshake.syn, ended.handshake.syn_ack) {
        (Some(syn), Some(syn_ack)) => (Measure::Syn, syn, Some(syn_ack), Reading::between(syn, syn_ack)),
        _ => (Measure::Syn, syn, None, reading),
    };
    let clients = ended.handshake.syn_ack.map(|syn_ack| (Measure::SynAck, syn_ack, None, reading));
    let whole = (Measure::Handshake, syn, None, reading);
    for (measure, from, to, reading) in [Some(servers), clients, Some(whole)].into_iter().flatten() {
        about.say(&Figure::of_opening(measure, about, (from, to), reading), ended.known_at, sink);
    }
}
