//! Pings and lookups in fragments: what is found is what tshark finds, and what would be found of them whole.

use bridgetap::capture::{LinkType, TapId};
use bridgetap::time::Timestamp;
use etherparse::PacketBuilder;

use crate::batch::Batch;
use crate::corpus::Comparison;
use crate::frames::Kept;
use crate::said::{Score, Subject};
use crate::{ours, tshark};

/// Octets of an Ethernet header.
const ETHERNET: usize = 14;

/// An IP packet in Ethernet in fragments, each with at most `size` octets of what it carries.
fn pieces(frame: &[u8], id: u16, size: usize) -> Vec<Vec<u8>> {
    let is_v4 = frame[ETHERNET] >> 4 == 4;
    let (header, carried) = frame.split_at(ETHERNET + if is_v4 { 20 } else { 40 });
    let last = carried.len().div_ceil(size) - 1;
    let piece = |(number, part): (usize, &[u8])| {
        let (offset, more, mut bytes) = ((number * size) as u16, number < last, header.to_vec());
        let at = |bytes: &mut Vec<u8>, at: usize, value: u16| {
            bytes[ETHERNET + at..ETHERNET + at + 2].copy_from_slice(&value.to_be_bytes());
        };
        if is_v4 {
            at(&mut bytes, 2, 20 + part.len() as u16);
            at(&mut bytes, 4, id);
            at(&mut bytes, 6, (offset / 8) | if more { 0x2000 } else { 0 });
        } else {
            at(&mut bytes, 4, 8 + part.len() as u16);
            let next = std::mem::replace(&mut bytes[ETHERNET + 6], 44);
            bytes.extend([next, 0]);
            bytes.extend((offset | u16::from(more)).to_be_bytes());
            bytes.extend([0, 0]);
            bytes.extend(id.to_be_bytes());
        }
        bytes.extend(part);
        bytes
    };
    carried.chunks(size).enumerate().map(piece).collect()
}

fn ping(v6: bool, reply: bool, sequence: u16, length: usize) -> Vec<u8> {
    let last = |client: bool| if client == reply { 2 } else { 1 };
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, last(true)], [2, 0, 0, 0, 0, last(false)]);
    let (mut bytes, data) = (Vec::new(), vec![0x55; length]);
    if v6 {
        let address = |last| [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        let builder = builder.ipv6(address(last(true)), address(last(false)), 64);
        match reply {
            true => builder.icmpv6_echo_reply(9, sequence).write(&mut bytes, &data).unwrap(),
            false => builder.icmpv6_echo_request(9, sequence).write(&mut bytes, &data).unwrap(),
        }
    } else {
        let builder = builder.ipv4([10, 0, 0, last(true)], [10, 0, 0, last(false)], 64);
        match reply {
            true => builder.icmpv4_echo_reply(9, sequence).write(&mut bytes, &data).unwrap(),
            false => builder.icmpv4_echo_request(9, sequence).write(&mut bytes, &data).unwrap(),
        }
    }
    bytes
}

/// A question for `big.lab`, or its answer with so many addresses.
fn lookup(addresses: Option<u8>) -> Vec<u8> {
    let (from, to) = if addresses.is_some() { ((2, 53), (1, 40_000)) } else { ((1, 40_000), (2, 53)) };
    let flags = if addresses.is_some() { [0x81, 0x80] } else { [1, 0] };
    let mut dns = [&[0, 7], &flags[..], &[0, 1, 0, addresses.unwrap_or(0), 0, 0, 0, 0]].concat();
    dns.extend(b"\x03big\x03lab\0\0\x01\0\x01");
    for last in 0..addresses.unwrap_or(0) {
        dns.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 168, 7, last]);
    }
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, from.0], [2, 0, 0, 0, 0, to.0]);
    let mut bytes = Vec::new();
    builder.ipv4([10, 0, 0, from.0], [10, 0, 0, to.0], 64).udp(from.1, to.1).write(&mut bytes, &dns).unwrap();
    bytes
}

fn frames() -> Vec<Kept> {
    let mut frames: Vec<Vec<u8>> = Vec::new();
    frames.extend(pieces(&ping(false, false, 1, 2000), 1, 1480));
    frames.extend(pieces(&ping(false, true, 1, 2000), 2, 1480));
    frames.extend(pieces(&ping(true, false, 1, 3000), 3, 1448));
    frames.extend(pieces(&ping(true, true, 1, 3000), 4, 1448).into_iter().rev());
    frames.push(lookup(None));
    let answer = pieces(&lookup(Some(200)), 5, 1480);
    assert_eq!(answer.len(), 3);
    frames.extend([&answer[1], &answer[1], &answer[0], &answer[2]].map(Clone::clone));
    // The end of the request is lost; then that of a reply.
    frames.push(pieces(&ping(false, false, 2, 2000), 6, 1480).remove(0));
    frames.extend(pieces(&ping(false, false, 3, 2000), 7, 1480));
    frames.push(pieces(&ping(false, true, 3, 2000), 8, 1480).remove(0));
    let kept = |(number, bytes): (u64, Vec<u8>)| {
        let (at, wire_len) = (Timestamp::from_nanos(1_000_000_000 + number * 1_000_000), bytes.len() as u32);
        Kept { number, at, wire_len, bytes, link: LinkType::ETHERNET, tap: TapId(0) }
    };
    (1..).zip(frames).map(kept).collect()
}

#[test]
fn what_was_sent_in_fragments_is_found_as_tshark_finds_it() {
    let frames = frames();
    let (said, _) = ours::said(&frames);
    let pings: Vec<_> = said.get(Subject::Ping).collect();
    assert_eq!(pings, [(4, "2"), (10, "7")], "by their last fragments, whichever those are");
    assert_eq!(said.get(Subject::Lookup).collect::<Vec<_>>(), [(15, "11")]);
    let answers = said.get(Subject::Answer).next().unwrap().1.split('|').next().unwrap().split(' ').count();
    assert_eq!(answers, 200);
    if !tshark::is_there() {
        return;
    }
    let mut comparison = Comparison::default();
    comparison.add(&Batch::of(("fragments", &frames)));
    comparison.report("fragments");
    for (subject, Score { both, only_ours, only_theirs, times_differ }) in &comparison.scores {
        assert!((*only_ours, *only_theirs, *times_differ) == (0, 0, 0) && *both > 0, "{subject:?}");
    }
}
