//! Packets in fragments, put together as their receiver does it (RFC 791, 3.2; RFC 8200, 4.5). A piece that is there
//! already is passed over; pieces that overlap otherwise, or contradict each other, spoil the packet, and nobody gets it
//! (RFC 5722, 3; Linux does the same for IPv4, `net/ipv4/inet_fragment.c`).

use std::mem;
use std::net::IpAddr;
use std::time::Duration;

use super::event::Place;
use super::table::{Slot, Table};
use super::{Clock, Counters};
use crate::decode::icmp::{Body, Echo};
use crate::decode::{self, Fragment, Ip, Network, Packet, Transport};
use crate::time::Timestamp;

/// What is missing is waited for until no piece came for this long, in packet time: less than any request waits for its
/// reply, so that one of which a piece was lost is still told in time.
const PATIENCE: Duration = Duration::from_millis(500);
/// No packet is longer (RFC 791, 3.1).
const LONGEST: u32 = 65_535;
/// Runs of bytes with holes between them, and pieces; a packet with more is taken to be spoilt. The smallest link that IPv4
/// has, of 68 bytes, makes 1,366 pieces of the longest packet.
const MOST_RUNS: usize = 128;
const MOST_PIECES: usize = 2048;
/// The only list.
const WAITING: usize = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    place: Place,
    source: IpAddr,
    destination: IpAddr,
    /// Of IPv4 only: in IPv6 it does not tell packets apart.
    protocol: u8,
    id: u32,
}

/// What the first fragment says.
#[derive(Clone, Copy, Debug)]
struct First {
    packet: Packet<'static>,
    ip: Ip<'static>,
    fragment: Fragment<'static>,
}

impl First {
    fn of(packet: &Packet<'_>, ip: &Ip<'_>, fragment: &Fragment<'_>) -> Self {
        let Packet { number, at, wire_len, tap, tunnel, link, .. } = *packet;
        let Ip { source, destination, hop_limit, protocol, payload_len, .. } = *ip;
        let Fragment { id, offset, more, len, .. } = *fragment;
        Self {
            packet: Packet { number, at, wire_len, tap, tunnel, link, network: Network::Other, stop: None },
            ip: Ip {
                source,
                destination,
                hop_limit,
                protocol,
                fragment: None,
                payload_len,
                transport: Transport::Fragment,
            },
            fragment: Fragment { id, offset, more, protocol: fragment.protocol, len, bytes: &[] },
        }
    }
}

/// A piece: where it begins in the packet, and where it is kept.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u32,
    at: u32,
    len: u32,
}

/// The pieces of a packet that came so far. They are kept one behind the other, as they came: who sends a far one does not
/// make us hold what is before it.
#[derive(Debug, Default)]
struct Pieces {
    first: Option<First>,
    bytes: Vec<u8>,
    /// Where each of them stands there, and belongs.
    places: Vec<Piece>,
    /// From here on bytes are missing that came and were not captured.
    cut: Option<usize>,
    /// Begin and end of what came, in order and with holes between them.
    runs: Vec<(u32, u32)>,
    /// Where the packet ends, once its last piece came.
    end: Option<u32>,
    spoilt: bool,
}

impl Pieces {
    /// Takes a piece. True where it was the last that was missing.
    fn add(&mut self, fragment: &Fragment<'_>) -> bool {
        let (start, end) = (fragment.offset, fragment.offset.saturating_add(fragment.len));
        let is_new = if self.spoilt { None } else { self.place(start, end, fragment.more) };
        match is_new {
            Some(true) => self.keep(fragment),
            Some(false) => {}
            None => {
                self.spoilt = true;
                self.keep_first(fragment);
            }
        }
        !self.spoilt && self.end.is_some_and(|end| self.runs == [(0, end)])
    }

    /// Whether a piece is new, after which its place is taken; `None` where it cannot be one of this packet.
    fn place(&mut self, start: u32, end: u32, more: bool) -> Option<bool> {
        let is_odd = more && !(end - start).is_multiple_of(8);
        let latest = self.runs.last().map_or(0, |run| run.1);
        let contradicts = match self.end {
            Some(known) => end > known || !more && end != known,
            None => !more && end < latest,
        };
        if start == end || end > LONGEST || is_odd || contradicts {
            return None;
        }
        let at = self.runs.partition_point(|run| run.1 < start);
        let near = self.runs.get(at).copied();
        if near.is_some_and(|run| run.0 <= start && end <= run.1) {
            return Some(false);
        }
        let follows = near.is_some_and(|run| run.1 == start);
        let next = self.runs.get(at + usize::from(follows)).copied();
        let precedes = next.is_some_and(|run| run.0 == end);
        let overlaps = next.is_some_and(|run| run.0 < end);
        let is_crumb = !follows && !precedes && self.runs.len() >= MOST_RUNS || self.places.len() >= MOST_PIECES;
        if overlaps || is_crumb {
            return None;
        }
        let low = if follows { self.runs.remove(at).0 } else { start };
        let high = if precedes { self.runs.remove(at).1 } else { end };
        self.runs.insert(at, (low, high));
        if !more {
            self.end = Some(end);
        }
        Some(true)
    }

    fn keep(&mut self, fragment: &Fragment<'_>) {
        let Fragment { offset, len, bytes, .. } = *fragment;
        if bytes.len() < len as usize {
            let end = offset as usize + bytes.len();
            self.cut = Some(self.cut.map_or(end, |cut| cut.min(end)));
        }
        let (at, total) = (self.bytes.len(), self.bytes.len() + bytes.len());
        if self.bytes.capacity() < total {
            let room = total.next_power_of_two().min(LONGEST as usize + 1);
            self.bytes.reserve_exact(room.saturating_sub(at));
        }
        self.bytes.extend_from_slice(bytes);
        self.places.push(Piece { start: offset, at: at as u32, len: bytes.len() as u32 });
    }

    /// Nothing but the first piece is good for anything: it says what the packet was.
    fn keep_first(&mut self, fragment: &Fragment<'_>) {
        self.runs.clear();
        self.places.retain(|piece| piece.start == 0);
        if let Some(first) = self.first.filter(|_| !self.places.is_empty()) {
            self.runs.push((0, first.fragment.len));
        } else if fragment.offset == 0 {
            self.runs.push((0, fragment.len));
            self.bytes.clear();
            let bytes = fragment.bytes.get(..LONGEST as usize).unwrap_or(fragment.bytes);
            self.cut = None;
            self.keep(&Fragment { bytes, ..*fragment });
        }
    }

    /// The packet as far as it came, if its first piece did, in that memory.
    fn assembled(&self, mut bytes: Vec<u8>) -> Option<Assembled> {
        let first = self.first?;
        let end = self.runs.first().filter(|run| run.0 == 0).map_or(0, |run| run.1 as usize);
        bytes.clear();
        bytes.resize(end.min(self.cut.unwrap_or(end)), 0);
        for &Piece { start, at, len } in &self.places {
            let kept = self.bytes.get(at as usize..(at + len) as usize).unwrap_or_default();
            // Of what is behind a cut nothing is shown.
            let Some(place) = bytes.get_mut(start as usize..) else { continue };
            let length = place.len().min(kept.len());
            if let (Some(place), Some(kept)) = (place.get_mut(..length), kept.get(..length)) {
                place.copy_from_slice(kept);
            }
        }
        let len = self.runs.iter().map(|(from, to)| to - from).sum::<u32>() as usize;
        let is_whole = !self.spoilt && self.end.is_some_and(|end| self.runs == [(0, end)]);
        Some(Assembled { first, bytes, len, is_whole })
    }
}

/// A packet that came in fragments: whole, or as far as it came.
#[derive(Debug)]
pub struct Assembled {
    first: First,
    bytes: Vec<u8>,
    len: usize,
    is_whole: bool,
}

impl Assembled {
    /// The packet.
    pub fn packet(&self) -> Packet<'_> {
        let First { packet, ip, fragment } = &self.first;
        decode::assembled(packet, ip, Fragment { bytes: &self.bytes, ..*fragment }, self.len)
    }

    /// Whether it is an echo reply of which pieces are missing: nobody gets that. What has ports is another matter, for a
    /// filter by ports lets first fragments through only.
    pub fn is_reply_in_part(&self) -> bool {
        let Network::Ip(Ip { transport: Transport::Icmp(icmp), .. }) = self.packet().network else { return false };
        !self.is_whole && matches!(icmp.body, Body::Echo(Echo { reply: true, .. }))
    }
}

/// The packets whose fragments are waited for.
#[derive(Debug)]
pub struct Fragments {
    table: Table<Key, Pieces, 1>,
    /// Memory for the next one that is put together.
    spare: Vec<u8>,
}

impl Fragments {
    /// Waits for at most so many at once.
    pub fn new(cap: usize) -> Self {
        Self { table: Table::new(cap), spare: Vec::new() }
    }

    /// Takes a packet that is a fragment. Gives the packet that is whole with it, as if that had come now; or the oldest that
    /// is waited for, as far as it came, where there is no room for another one.
    pub fn take(&mut self, packet: &Packet<'_>, counters: &mut Counters) -> Option<Assembled> {
        let Network::Ip(ip @ Ip { fragment: Some(fragment), .. }) = &packet.network else { return None };
        let protocol = if ip.source.is_ipv4() { fragment.protocol } else { 0 };
        let (source, destination) = (ip.source, ip.destination);
        let key = Key { place: super::place(packet), source, destination, protocol, id: fragment.id };
        let (slot, evicted) = match self.table.find(&key) {
            Some(slot) => (slot, None),
            None => self.begin(key, packet.at, counters),
        };
        let pieces = self.table.get_mut(slot);
        if fragment.offset == 0 && pieces.first.is_none() {
            pieces.first = Some(First::of(packet, ip, fragment));
        }
        if !pieces.add(fragment) {
            self.table.move_to(slot, WAITING, packet.at);
            return evicted;
        }
        let mut whole = self.leave(slot)?;
        (whole.first.packet.number, whole.first.packet.at) = (packet.number, packet.at);
        Some(whole)
    }

    fn begin(&mut self, key: Key, at: Timestamp, counters: &mut Counters) -> (Slot, Option<Assembled>) {
        let mut evicted = None;
        if self.table.is_full()
            && let Some(oldest) = self.table.oldest(WAITING)
        {
            counters.evicted_fragments += 1;
            evicted = self.leave(oldest);
        }
        let slot = self.table.insert(key, WAITING, at);
        let pieces = self.table.get_mut(slot);
        // The memory of the one that was there before.
        let Pieces { mut runs, mut bytes, places: mut parts, .. } = mem::take(pieces);
        runs.clear();
        bytes.clear();
        parts.clear();
        *pieces = Pieces { runs, bytes, places: parts, ..Pieces::default() };
        (slot, evicted)
    }

    fn leave(&mut self, slot: Slot) -> Option<Assembled> {
        self.table.remove(slot);
        self.table.get(slot).assembled(mem::take(&mut self.spare))
    }

    /// The next packet of which pieces were waited for in vain until `now`, as far as it came, if its first piece did.
    pub fn overdue(&mut self, clock: Clock, counters: &mut Counters) -> Option<Assembled> {
        while let Some(slot) = self.table.expired(WAITING, |stamp| clock.is_over(stamp, PATIENCE)) {
            counters.incomplete += 1;
            if let Some(part) = self.leave(slot) {
                return Some(part);
            }
        }
        None
    }

    /// The same of all that are left: nothing comes any more.
    pub fn rest(&mut self, counters: &mut Counters) -> Option<Assembled> {
        while let Some(slot) = self.table.oldest(WAITING) {
            counters.incomplete += 1;
            if let Some(part) = self.leave(slot) {
                return Some(part);
            }
        }
        None
    }

    /// Takes back the memory of a packet that was looked at.
    pub fn reuse(&mut self, assembled: Assembled) {
        self.spare = assembled.bytes;
    }
}

#[cfg(test)]
#[path = "fragments_tests.rs"]
mod tests;
