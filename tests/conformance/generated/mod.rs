//! Conversations that are made up packet by packet: what was sent is known, and what of it the capture point saw, so that
//! it is known what the log has to say, without tshark. And tshark is asked about some of them, too.
//!
//! One seed makes one capture; a failure names it.

mod asking;
mod network;
mod talking;
mod truth;

use std::path::PathBuf;

use bridgetap::capture::{LinkType, TapId};
use bridgetap::time::Timestamp;

use crate::batch::Batch;
use crate::common::{Numbers, say};
use crate::frames::Kept;
use crate::said::{Score, Subject};
use network::{MILLI, Pair};

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ping,
    Lookup,
    Arp,
}

/// A request that was seen, and what was seen of its answer: places in [`Frames`].
#[derive(Debug)]
pub struct Exchange {
    pub kind: Kind,
    /// That from which the time counts.
    pub request: usize,
    pub reply: Option<usize>,
    pub tries: u32,
}

/// A segment that was seen, in numbers that count from the SYN of its sender.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "control bits, as the header has them")]
pub struct Segment {
    pub frame: usize,
    pub from: usize,
    pub start: u32,
    pub len: u32,
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
    pub acknowledged: Option<u32>,
    pub window: u16,
    /// Its sender sent it before, or the network doubled it.
    pub is_again: bool,
}

/// A connection, as far as it was seen.
#[derive(Debug)]
pub struct Talk {
    /// The client's port.
    pub client: u16,
    pub segments: Vec<Segment>,
}

/// All that was seen, and what is true of it.
#[derive(Default)]
pub struct Frames {
    all: Vec<Option<(u64, Vec<u8>)>>,
    pub exchanges: Vec<Exchange>,
    /// Replies whose requests were not seen, or were answered already.
    pub unasked: Vec<usize>,
    pub talks: Vec<Talk>,
}

impl Frames {
    /// Sees a frame at that nanosecond; its place.
    fn put(&mut self, at: u64, bytes: Vec<u8>) -> usize {
        self.all.push(Some((at, bytes)));
        self.all.len() - 1
    }

    fn at(&self, place: usize) -> u64 {
        self.all[place].as_ref().unwrap().0
    }

    fn drop(&mut self, place: usize) {
        self.all[place] = None;
    }

    /// The frames in the order of their times, and the number of each place. Of one in sixteen only the headers were kept.
    pub fn capture(&self) -> (Vec<Kept>, Vec<u64>) {
        let mut places: Vec<_> = (0..self.all.len()).filter(|&place| self.all[place].is_some()).collect();
        places.sort_by_key(|&place| self.at(place));
        let mut numbers = vec![0; self.all.len()];
        let mut kept = Vec::new();
        for (number, &place) in (1..).zip(&places) {
            numbers[place] = number;
            let (at, bytes) = self.all[place].as_ref().unwrap();
            let is_cut = bytes.get(23) == Some(&6) && place.is_multiple_of(16);
            kept.push(Kept {
                number,
                at: Timestamp::from_nanos(*at),
                wire_len: bytes.len() as u32,
                bytes: if is_cut { bytes[..54].to_vec() } else { bytes.clone() },
                link: LinkType::ETHERNET,
                tap: TapId(0),
            });
        }
        (kept, numbers)
    }
}

/// So many conversations, a few at once. Some resolvers ask for two types with one id, which tshark takes for one lookup
/// that is asked twice: `shares_ids` says whether they do here.
fn conversations(seed: u64, count: u32, shares_ids: bool) -> Frames {
    let (mut numbers, mut frames) = (Numbers(seed), Frames::default());
    for number in 0..count {
        let start = 1_000_000_000_000 + u64::from(number) * 40 * MILLI + numbers.below(100_000_000) as u64;
        match numbers.below(10) {
            0..2 => asking::pings(&Pair::of(number, 0, &mut numbers), start, &mut numbers, &mut frames),
            2..5 => asking::lookups(&Pair::of(number, 53, &mut numbers), start, shares_ids, &mut numbers, &mut frames),
            5 if !number.is_multiple_of(3) => {
                asking::arp(&Pair::of(number, 0, &mut numbers), start, &mut numbers, &mut frames);
            }
            _ => talking::connection(&Pair::of(number, 8080, &mut numbers), start, &mut numbers, &mut frames),
        }
    }
    frames
}

#[test]
fn ten_thousand_conversations_are_told_as_they_were() {
    let (mut frames, mut faults) = (0, Vec::new());
    let mut told = truth::Told::default();
    for seed in 1..=10 {
        let conversations = conversations(seed, 1000, true);
        let (kept, numbers) = conversations.capture();
        frames += kept.len();
        let found = truth::check(&conversations, &kept, &numbers, &mut told);
        faults.extend(found.into_iter().map(|fault| format!("seed {seed}: {fault}")));
    }
    say(&format!("{frames} frames of 10,000 conversations: {told:?}"));
    let shown = faults.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(faults.is_empty(), "{} faults:\n{shown}", faults.len());
    told.assert_is_various();
}

#[test]
fn tshark_says_the_same_of_some_of_them() {
    if !crate::tshark::is_there() {
        return;
    }
    let mut comparison = crate::corpus::Comparison::default();
    for seed in 1..=2 {
        let (kept, _) = conversations(seed, 1000, false).capture();
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("conformance-seed-{seed}.pcap"));
        std::fs::write(path, crate::frames::pcap(&kept)).unwrap();
        comparison.add(&Batch::of((&format!("seed {seed}"), &kept)));
    }
    comparison.report("generated");
    for (subject, score) in &comparison.scores {
        let Score { both, only_ours, only_theirs, times_differ } = *score;
        // In docs/conformance.md is why they differ.
        let least = match subject {
            Subject::Connection | Subject::Handshake | Subject::Acknowledgement | Subject::Retransmission => 0.995,
            Subject::OutOfOrder => 0.95,
            _ => 1.0,
        };
        assert!(score.f1() >= least && times_differ == 0, "{subject:?}: {score:?}, F1 {:.4}", score.f1());
        assert!(both > 40 && both > only_ours + only_theirs, "{subject:?}: {score:?}");
    }
    assert_eq!(comparison.scores.len(), 18, "all subjects");
}
