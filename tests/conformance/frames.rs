//! The frames of a file, by the interface that they were seen at.

use std::collections::BTreeMap;
use std::path::Path;

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Frame, LinkType, Next, Source, TapId};
use bridgetap::decode::{self, Network, Packet, Transport, dns};
use bridgetap::time::Timestamp;
use bridgetap::track::event::Event;
use bridgetap::track::{Limits, Tracker};

use crate::common::{pcap_header, pcap_packet};

/// A frame that is kept.
#[derive(Clone)]
pub struct Kept {
    /// Its number in its file.
    pub number: u64,
    pub at: Timestamp,
    pub wire_len: u32,
    pub bytes: Vec<u8>,
    pub link: LinkType,
    pub tap: TapId,
}

impl Kept {
    /// The packet in it, as that of this number.
    pub fn decode(&self, number: u64) -> Packet<'_> {
        let Self { at, wire_len, ref bytes, link, tap, .. } = *self;
        decode::decode(&Frame { number, at, wire_len, bytes, link, tap })
    }
}

/// What each interface of a file shows, as far as it can be read, and each of those that a cooked frame names: two of them
/// show one connection twice, which is one conversation to tshark.
pub fn interfaces(file: &Path) -> Vec<Vec<Kept>> {
    let mut taps: BTreeMap<(TapId, u32), Vec<Kept>> = BTreeMap::new();
    let Ok(mut source) = FileSource::open(file, 0) else { return Vec::new() };
    loop {
        match source.next() {
            Ok(Next::Frame(frame, _)) if decode::supports(frame.link) => {
                let if_index = decode::decode(&frame).link.if_index;
                let Frame { number, at, wire_len, bytes, link, tap } = frame;
                let kept = Kept { number, at, wire_len, bytes: bytes.to_vec(), link, tap };
                taps.entry((tap, if_index)).or_default().push(kept);
            }
            Ok(Next::End) | Err(_) => return taps.into_values().collect(),
            Ok(_) => {}
        }
    }
}

/// Whether any of them is a fragment.
pub fn has_fragments(frames: &[Kept]) -> bool {
    let is_fragment = |kept: &Kept| matches!(kept.decode(1).network, Network::Ip(ip) if ip.fragment.is_some());
    frames.iter().any(is_fragment)
}

/// Frames as a pcap file in nanoseconds; they have one link type. Docker's name service is asked on random ports, which
/// bridgetap reads as 53: for tshark, the file says so.
pub fn pcap<'a>(frames: impl IntoIterator<Item = &'a Kept>) -> Vec<u8> {
    let mut frames = frames.into_iter().peekable();
    let mut pcap = pcap_header(frames.peek().map_or(LinkType::ETHERNET, |kept| kept.link));
    for kept in frames {
        let mut bytes = kept.bytes.clone();
        if let Some(at) = docker_port(kept) {
            bytes[at..at + 2].copy_from_slice(&dns::PORT.to_be_bytes());
        }
        pcap.extend(pcap_packet(kept.at, kept.wire_len, &bytes));
    }
    pcap
}

/// Where a datagram has the port of Docker's name service.
fn docker_port(kept: &Kept) -> Option<usize> {
    let Network::Ip(ip) = kept.decode(1).network else { return None };
    let Transport::Udp(udp) = ip.transport else { return None };
    let header = udp.payload.as_ptr().addr() - kept.bytes.as_ptr().addr() - 8;
    match dns::DOCKER_DNS {
        docker if docker == ip.source => Some(header),
        docker if docker == ip.destination => Some(header + 2),
        _ => None,
    }
}

/// Tracks frames and hands over what is found; the first has number 1.
pub fn track<'a>(frames: impl Iterator<Item = (u64, &'a Kept)>, limits: Limits, mut sink: impl FnMut(Event<'_>)) {
    let mut tracker = Tracker::new(limits);
    for (number, kept) in frames {
        tracker.observe(&kept.decode(number), &mut sink);
    }
    tracker.finish(&mut sink);
}
