//! Pings, lookups and ARP: requests and their replies, and which of them the capture point sees.

use super::network::{MILLI, Pair, Quality};
use super::{Exchange, Frames, Kind};
use crate::common::Numbers;

/// What is asked in one conversation.
struct Questions<'a> {
    kind: Kind,
    quality: Quality,
    /// The bytes of a request and of its reply.
    bytes: &'a dyn Fn(usize) -> Vec<u8>,
    /// Nanoseconds after which it is asked again, and how often at most.
    again: (u64, usize),
    /// Nanoseconds that the answer takes.
    takes: u64,
    /// It is asked so often until there is an answer, which then answers the latest, not the first.
    counts_from_latest: bool,
}

impl Questions<'_> {
    /// Asks until there is an answer.
    fn ask(&self, start: u64, numbers: &mut Numbers, frames: &mut Frames) {
        let mut seen = Vec::new();
        let (mut at, mut answered) = (start, false);
        for _ in 0..=self.again.1 {
            // A network that doubles requests doubles their answers: here only answers come twice.
            let way = Quality { doubled: 0, held_up: 0, ..self.quality };
            for (asked, arrives) in way.pass(at, numbers) {
                seen.extend(asked.map(|at| (at, frames.put(at, (self.bytes)(0)), true)));
                let Some(arrives) = arrives else { continue };
                for (replied, arrives) in self.quality.pass(arrives + self.takes, numbers) {
                    seen.extend(replied.map(|at| (at, frames.put(at, (self.bytes)(1)), false)));
                    answered |= arrives.is_some();
                }
            }
            at += self.again.0;
            if answered {
                break;
            }
        }
        seen.sort_unstable();
        self.truth(&seen, frames);
    }

    /// What an observer can know of it. Answers come far sooner than it is asked again.
    fn truth(&self, seen: &[(u64, usize, bool)], frames: &mut Frames) {
        let mut open = Vec::new();
        for &(_, frame, is_request) in seen {
            if is_request {
                open.push(frame);
            } else if open.is_empty() {
                frames.unasked.push(frame);
            } else {
                self.over(&mut open, Some(frame), frames);
            }
        }
        if !open.is_empty() {
            self.over(&mut open, None, frames);
        }
    }

    fn over(&self, open: &mut Vec<usize>, reply: Option<usize>, frames: &mut Frames) {
        let latest = self.counts_from_latest && reply.is_some();
        let request = if latest { open[open.len() - 1] } else { open[0] };
        frames.exchanges.push(Exchange { kind: self.kind, request, reply, tries: open.len() as u32 });
        open.clear();
    }
}

/// One to ten pings, a second or less apart, each with its own number.
pub fn pings(pair: &Pair, start: u64, numbers: &mut Numbers, frames: &mut Frames) {
    let quality = Quality::draw(numbers);
    let (id, length) = (numbers.below(65_536) as u16, numbers.below(100));
    let data = vec![id as u8; length];
    for sequence in 0..=numbers.below(10) as u16 {
        let bytes = |from| pair.echo(from, id, sequence, &data);
        let (kind, takes) = (Kind::Ping, numbers.below(2_000_000) as u64);
        let questions = Questions { kind, quality, bytes: &bytes, again: (0, 0), takes, counts_from_latest: true };
        questions.ask(start + u64::from(sequence) * 200 * MILLI, numbers, frames);
    }
}

/// A name of a few labels, on the wire.
fn name(numbers: &mut Numbers) -> Vec<u8> {
    let mut name = Vec::new();
    for _ in 0..=numbers.below(4) {
        let length = 1 + numbers.below(20);
        name.push(length as u8);
        name.extend((0..length).map(|_| b'a' + numbers.below(26) as u8));
    }
    name.push(0);
    name
}

/// A question, or with `answers` its answer.
fn message(id: u16, name: &[u8], kind: u8, response: Option<(u8, usize)>) -> Vec<u8> {
    let (rcode, answers) = response.unwrap_or_default();
    let flags = if response.is_some() { [0x81, 0x80 | rcode] } else { [1, 0] };
    let mut bytes =
        [&id.to_be_bytes()[..], &flags, &[0, 1, 0, answers as u8, 0, 0, 0, 0], name, &[0, kind, 0, 1]].concat();
    for number in 0..answers {
        let length = if kind == 28 { 16 } else { 4 };
        bytes.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, length]);
        bytes.extend((0..length).map(|byte| byte ^ number as u8));
    }
    bytes
}

/// A lookup of A, or of A and AAAA at once from one port, as glibc asks them; some resolvers ask both with one id.
pub fn lookups(pair: &Pair, start: u64, shares_ids: bool, numbers: &mut Numbers, frames: &mut Frames) {
    let quality = Quality::draw(numbers);
    let (id, name) = (numbers.below(65_536) as u16, name(numbers));
    let one_id = numbers.below(4) == 0 && shares_ids;
    let kinds = if numbers.below(2) == 0 { &[1_u8][..] } else { &[1, 28] };
    for (number, &kind) in kinds.iter().enumerate() {
        let id = if one_id { id } else { id.wrapping_add(number as u16 * 7) };
        let rcode = [0, 0, 0, 3, 2][numbers.below(5)];
        let answers = if rcode == 0 { numbers.below(4) } else { 0 };
        let bytes = |from| {
            let response = (from == 1).then_some((rcode, answers));
            pair.datagram(from, &message(id, &name, kind, response))
        };
        let takes = numbers.below(80_000_000) as u64;
        let again = (2000 * MILLI, 2);
        let questions =
            Questions { kind: Kind::Lookup, quality, bytes: &bytes, again, takes, counts_from_latest: false };
        questions.ask(start + number as u64 * 40_000, numbers, frames);
    }
}

/// Who has an address, up to three times.
pub fn arp(pair: &Pair, start: u64, numbers: &mut Numbers, frames: &mut Frames) {
    let quality = Quality::draw(numbers);
    let bytes = |from| pair.arp(from);
    let (again, takes) = ((400 * MILLI, 2), numbers.below(500_000) as u64);
    let questions = Questions { kind: Kind::Arp, quality, bytes: &bytes, again, takes, counts_from_latest: true };
    questions.ask(start, numbers, frames);
}
