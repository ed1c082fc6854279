//! TCP connections: two ends that send, acknowledge, wait and send again, and what of it the capture point sees.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::network::{Header, MICRO, MILLI, Pair, Quality};
use super::{Frames, Segment, Talk};
use crate::common::Numbers;

/// An end sends again what was not acknowledged after this long, the next time after twice as long.
const AGAIN: u64 = 300 * MILLI;
/// As often an end sends the same.
const TRIES: u32 = 3;
/// Segments that are on the way at once.
const AT_ONCE: usize = 4;

/// A segment on the way, in numbers that count from the SYN of its sender.
#[derive(Clone, Copy, Debug)]
struct Sent {
    from: usize,
    start: u32,
    len: u32,
    syn: bool,
    fin: bool,
    rst: bool,
    acknowledged: Option<u32>,
    window: u16,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Arrives(Sent),
    /// The clock for sending again, and which setting of it.
    Clock(usize, u32),
    /// The receiver of a closed window takes data again.
    Opens(usize),
}

/// One end.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four things that have nothing to do with each other")]
struct End {
    initial: u32,
    /// The pieces that it has to send: their starts and lengths; the SYN is the first, the FIN the last.
    pieces: Vec<(u32, u32)>,
    /// How many of the pieces were sent at least once, and how many are acknowledged.
    sent: usize,
    acknowledged: usize,
    fin: bool,
    /// What it expects next.
    expects: Option<u32>,
    held: BTreeMap<u32, Sent>,
    /// Bytes, without SYN and FIN, that came in order.
    heard: u32,
    other_is_done: bool,
    clock: u32,
    tries: u32,
    is_full: bool,
    gone: bool,
    /// Until then it is sending something.
    busy: u64,
}

impl End {
    /// Where the next piece begins.
    fn end(&self) -> u32 {
        self.pieces.last().map_or(0, |(start, length)| start + length)
    }

    fn write(&mut self, bytes: u32, most: u32) {
        let mut left = bytes;
        while left > 0 {
            let length = left.min(most);
            self.pieces.push((self.end(), length));
            left -= length;
        }
    }

    fn close(&mut self) {
        if !self.fin {
            self.fin = true;
            self.pieces.push((self.end(), 1));
        }
    }
}

/// A connection while it goes on.
struct Talking<'a> {
    pair: &'a Pair,
    quality: Quality,
    ends: [End; 2],
    /// Bytes of each request, and of its answer.
    turns: Vec<[u32; 2]>,
    /// The turns that each side has written.
    written: [usize; 2],
    most: u32,
    closer: usize,
    resets: bool,
    closes_windows: bool,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happens: BTreeMap<u64, Happens>,
    count: u64,
    transmitted: BTreeMap<(usize, u32), u32>,
    seen: Vec<Segment>,
}

/// A connection of a few requests and answers.
pub fn connection(pair: &Pair, start: u64, numbers: &mut Numbers, frames: &mut Frames) {
    let turns = (0..numbers.below(4)).map(|_| [1 + numbers.below(3000) as u32, 1 + numbers.below(9000) as u32]);
    let mut talking = Talking {
        pair,
        turns: turns.collect(),
        quality: Quality::draw(numbers),
        ends: <[End; 2]>::default(),
        written: [0, 0],
        most: 200 + numbers.below(1200) as u32,
        closer: numbers.below(2),
        resets: numbers.below(6) == 0,
        closes_windows: numbers.below(6) == 0,
        queue: BinaryHeap::new(),
        happens: BTreeMap::new(),
        count: 0,
        transmitted: BTreeMap::new(),
        seen: Vec::new(),
    };
    for end in &mut talking.ends {
        // Near the end of the numbers, too.
        let high = numbers.below(3) == 0;
        end.initial = if high { u32::MAX - numbers.below(5000) as u32 } else { numbers.below(1 << 30) as u32 };
    }
    let refuses = numbers.below(12) == 0;
    talking.run(start, refuses, numbers, frames);
    let mut seen = talking.seen;
    seen.sort_by_key(|segment| frames.at(segment.frame));
    cut(&mut seen, numbers, frames);
    if !seen.is_empty() {
        frames.talks.push(Talk { client: pair.ports[0], segments: seen });
    }
}

/// Of some connections the capture does not have the beginning, or the end.
fn cut(seen: &mut Vec<Segment>, numbers: &mut Numbers, frames: &mut Frames) {
    if numbers.below(12) > 0 || seen.is_empty() {
        return;
    }
    let at = numbers.below(seen.len());
    let gone: Vec<_> = if numbers.below(2) == 0 { seen.drain(..at).collect() } else { seen.drain(at..).collect() };
    for segment in gone {
        frames.drop(segment.frame);
    }
}

impl Talking<'_> {
    fn run(&mut self, start: u64, refuses: bool, numbers: &mut Numbers, frames: &mut Frames) {
        self.ends[0].pieces.push((0, 1));
        self.transmit(0, 0, start, numbers, frames);
        self.ends[0].sent = 1;
        self.wind(0, start);
        while let Some(Reverse((at, number))) = self.queue.pop() {
            match self.happens.remove(&number).unwrap() {
                Happens::Arrives(sent) if sent.from == 0 && refuses => {
                    if sent.syn {
                        let rst = Sent { from: 1, start: 0, len: 0, acknowledged: Some(1), ..reset(1) };
                        self.send(rst, 1, at, numbers, frames);
                    }
                }
                Happens::Arrives(sent) => self.arrive(sent, at, numbers, frames),
                Happens::Clock(side, setting) => self.ring(side, setting, at, numbers, frames),
                Happens::Opens(side) => {
                    self.ends[side].is_full = false;
                    if !self.ends[side].gone {
                        self.acknowledge(side, at, numbers, frames);
                    }
                }
            }
        }
    }

    fn plan(&mut self, at: u64, happens: Happens) {
        self.count += 1;
        self.happens.insert(self.count, happens);
        self.queue.push(Reverse((at, self.count)));
    }

    fn wind(&mut self, side: usize, at: u64) {
        let end = &mut self.ends[side];
        end.clock += 1;
        let (setting, wait) = (end.clock, AGAIN << end.tries);
        self.plan(at + wait, Happens::Clock(side, setting));
    }

    /// Sends the first piece again that is not acknowledged.
    fn ring(&mut self, side: usize, setting: u32, at: u64, numbers: &mut Numbers, frames: &mut Frames) {
        let end = &mut self.ends[side];
        if end.gone || end.clock != setting || end.acknowledged >= end.sent {
            return;
        }
        end.tries += 1;
        if end.tries > TRIES {
            end.gone = true;
            return;
        }
        let piece = end.acknowledged;
        self.transmit(side, piece, at, numbers, frames);
        self.wind(side, at);
    }

    /// Sends one piece.
    fn transmit(&mut self, side: usize, piece: usize, at: u64, numbers: &mut Numbers, frames: &mut Frames) {
        let end = &self.ends[side];
        let (start, length) = end.pieces[piece];
        let (syn, fin) = (piece == 0, end.fin && piece + 1 == end.pieces.len());
        let sent = Sent {
            from: side,
            start,
            len: if syn || fin { 0 } else { length },
            syn,
            fin,
            rst: false,
            acknowledged: end.expects,
            window: self.window(side),
        };
        let times = self.transmitted.entry((side, start)).or_default();
        *times += 1;
        let times = *times;
        self.send(sent, times, at, numbers, frames);
    }

    fn window(&self, side: usize) -> u16 {
        if self.ends[side].is_full { 0 } else { 64_000 }
    }

    fn send(&mut self, sent: Sent, times: u32, at: u64, numbers: &mut Numbers, frames: &mut Frames) {
        let [own, other] = [self.ends[sent.from].initial, self.ends[1 - sent.from].initial];
        let header = Header {
            sequence: own.wrapping_add(sent.start),
            acknowledgement: sent.acknowledged.map(|number| other.wrapping_add(number)),
            window: sent.window,
            syn: sent.syn,
            fin: sent.fin,
            rst: sent.rst,
        };
        let data = vec![b'x'; sent.len as usize];
        let at = at.max(self.ends[sent.from].busy);
        self.ends[sent.from].busy = at + 10 * MICRO;
        for (copy, (seen, arrives)) in self.quality.pass(at, numbers).into_iter().enumerate() {
            if let Some(seen) = seen {
                let frame = frames.put(seen, self.pair.segment(sent.from, &header, &data));
                let Sent { from, start, len, syn, fin, rst, acknowledged, window } = sent;
                let is_again = times > 1 || copy > 0;
                self.seen.push(Segment { frame, from, start, len, syn, fin, rst, acknowledged, window, is_again });
            }
            if let Some(arrives) = arrives {
                self.plan(arrives, Happens::Arrives(sent));
            }
        }
    }

    fn acknowledge(&mut self, side: usize, at: u64, numbers: &mut Numbers, frames: &mut Frames) {
        let end = &self.ends[side];
        let start = end.pieces.get(end.sent).map_or(end.end(), |(start, _)| *start);
        let (acknowledged, window) = (end.expects, self.window(side));
        let sent = Sent { from: side, start, len: 0, syn: false, fin: false, rst: false, acknowledged, window };
        self.send(sent, 1, at, numbers, frames);
    }

    fn arrive(&mut self, sent: Sent, at: u64, numbers: &mut Numbers, frames: &mut Frames) {
        let side = 1 - sent.from;
        if self.ends[side].gone {
            return;
        }
        if sent.rst {
            self.ends[side].gone = true;
            return;
        }
        self.hear(side, &sent);
        let news = self.take(side, sent);
        // What it says acknowledges what it has heard.
        let speaks = self.speak(side, at, numbers, frames);
        if news && !speaks && !self.ends[side].gone {
            if self.closes_windows && numbers.below(20) == 0 && sent.len > 0 && !self.ends[side].is_full {
                self.ends[side].is_full = true;
                self.plan(at + 2 * MILLI, Happens::Opens(side));
            }
            self.acknowledge(side, at, numbers, frames);
        }
    }

    /// Takes the acknowledgement of a segment.
    fn hear(&mut self, side: usize, sent: &Sent) {
        let end = &mut self.ends[side];
        let Some(number) = sent.acknowledged else { return };
        let mut moved = false;
        while end.acknowledged < end.sent {
            let (start, length) = end.pieces[end.acknowledged];
            if start + length > number {
                break;
            }
            (end.acknowledged, end.tries, moved) = (end.acknowledged + 1, 0, true);
        }
        if moved {
            // The clock begins anew with the next piece that is sent.
            end.clock += 1;
        }
    }

    /// Takes what a segment carries; whether it is to be acknowledged.
    fn take(&mut self, side: usize, sent: Sent) -> bool {
        let end = &mut self.ends[side];
        if sent.len == 0 && !sent.syn && !sent.fin {
            return false;
        }
        if sent.syn && end.expects.is_none() {
            end.expects = Some(1);
            if side == 1 {
                end.pieces.push((0, 1));
                return false;
            }
            return true;
        }
        end.held.insert(sent.start, sent);
        while let Some(expects) = end.expects
            && let Some(next) = end.held.remove(&expects)
        {
            end.expects = Some(expects + next.len + u32::from(next.fin));
            end.heard += next.len;
            end.other_is_done |= next.fin;
        }
        end.held.retain(|start, _| end.expects.is_none_or(|expects| *start > expects));
        // A SYN again has its SYN-ACK sent again by the clock.
        !sent.syn || side == 0
    }

    /// Writes what is due, and sends as much as may be on the way; whether that is anything.
    fn speak(&mut self, side: usize, at: u64, numbers: &mut Numbers, frames: &mut Frames) -> bool {
        self.write(side);
        if self.resets && self.is_over() && self.closer == side {
            let end = &mut self.ends[side];
            end.gone = true;
            let start = end.pieces.get(end.sent).map_or(end.end(), |(start, _)| *start);
            let sent = Sent { start, acknowledged: end.expects, ..reset(side) };
            self.send(sent, 1, at, numbers, frames);
            return true;
        }
        let mut any = false;
        while self.ends[side].sent < self.ends[side].pieces.len()
            && self.ends[side].sent - self.ends[side].acknowledged < AT_ONCE
        {
            let piece = self.ends[side].sent;
            self.transmit(side, piece, at, numbers, frames);
            self.ends[side].sent += 1;
            any = true;
        }
        if any || self.ends[side].acknowledged < self.ends[side].sent {
            self.wind(side, at);
        }
        any
    }

    fn is_over(&self) -> bool {
        self.written == [self.turns.len(); 2] && self.ends.iter().all(|end| end.acknowledged == end.sent)
    }

    fn write(&mut self, side: usize) {
        let total = |side: usize, turns: &[[u32; 2]]| turns.iter().map(|turn| turn[side]).sum::<u32>();
        if self.ends[side].acknowledged == 0 {
            return;
        }
        let turn = self.written[side];
        if turn < self.turns.len() {
            let due = if side == 0 { turn } else { turn + 1 };
            if self.ends[side].heard >= total(1 - side, &self.turns[..due]) {
                let bytes = self.turns[turn][side];
                self.ends[side].write(bytes, self.most);
                self.written[side] += 1;
            }
            return;
        }
        let has_heard_all = self.ends[side].heard >= total(1 - side, &self.turns);
        if has_heard_all && !self.resets && (side == self.closer || self.ends[side].other_is_done) {
            self.ends[side].close();
        }
    }
}

fn reset(from: usize) -> Sent {
    Sent { from, start: 0, len: 0, syn: false, fin: false, rst: true, acknowledged: None, window: 0 }
}
