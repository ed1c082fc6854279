//! What the fuzz targets begin with: the captures as they are, and what of them each target takes.

use std::io::{Cursor, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Frame, Next, Source};
use bridgetap::decode::message::{Subject, read};
use bridgetap::decode::{decode, supports};
use flate2::read::ZlibDecoder;

use super::packet::LINKS;

/// Larger files take a fuzzer long and tell it no more.
const LONGEST: usize = 65_536;

/// Bytes for a target.
pub type Seed = (&'static str, Vec<u8>);

/// What is in a capture file: the file, its packets, DNS messages and names. Nothing of one that is long or cannot be read.
pub fn of_capture(bytes: &[u8]) -> Vec<Seed> {
    let mut seeds = Vec::new();
    if bytes.len() > LONGEST {
        return seeds;
    }
    seeds.extend(["pcap", "pcapng", "capture"].map(|target| (target, bytes.to_vec())));
    let Ok(mut source) = FileSource::from_reader(Box::new(Cursor::new(bytes.to_vec())), "seed", 0) else {
        return seeds;
    };
    loop {
        match source.next() {
            Ok(Next::Frame(frame, _)) => of_frame(&frame, &mut seeds),
            Ok(Next::Names(block)) if !block.comment.is_empty() => {
                seeds.push(("directory", block.comment.into_bytes()));
            }
            Ok(Next::Names(_) | Next::Idle(_)) => {}
            Ok(Next::End) | Err(_) => return seeds,
        }
    }
}

fn of_frame(frame: &Frame<'_>, seeds: &mut Vec<Seed>) {
    let Some(link) = LINKS.iter().position(|link| *link == frame.link).filter(|_| supports(frame.link)) else { return };
    let missing = (frame.wire_len as usize).saturating_sub(frame.bytes.len()).min(255) as u8;
    seeds.push(("packet", [&[link as u8, missing], frame.bytes].concat()));
    if let Some(message) = read(&decode(frame))
        && let Subject::Dns(message) = message.subject
    {
        seeds.push(("dns", message.bytes().to_vec()));
    }
}

/// Filters of all kinds, each with nothing to run on.
pub const FILTERS: &[&str] = &[
    "host web and not port 53",
    "src host web or dst net my_net and (tcp port 80 or 443)",
    "net 172.18.0.0/16 && portrange 1000-2000",
    "ether host web || arp or icmp6",
    "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn and len > 100",
    "ip6 and host \"web\" and vlan 7",
    "not (udp src port domain) and ip[0] & 0xf != 5",
    "icmp[icmptype] == icmp-echo or broadcast",
    "gateway 1.2.3.4 and proto 6 or ip proto \\tcp",
];

/// What the project's own tests have in files (the output of `docker inspect`, interval logs), filters, and chance.
pub fn of_tests(tests: &Path) -> Vec<Seed> {
    let mut seeds: Vec<Seed> = FILTERS.iter().map(|text| ("filter", text.as_bytes().to_vec())).collect();
    for (folder, target, extension) in [("inspect", "directory", "json"), ("latency", "hlog", "hlog")] {
        for file in std::fs::read_dir(tests.join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|found| found == extension) {
                let bytes = std::fs::read(path).unwrap();
                if target == "hlog" {
                    seeds.extend(String::from_utf8_lossy(&bytes).lines().filter_map(histogram));
                }
                seeds.push((target, bytes));
            }
        }
    }
    seeds.extend(["conversation", "writer"].into_iter().flat_map(of_chance));
    seeds
}

/// Choices that are the same each time (splitmix64), long enough for packets to meet.
fn of_chance(target: &'static str) -> impl Iterator<Item = Seed> {
    (0_u64..64).map(move |seed| {
        let mixed = |at: u64| {
            let mut mixed = (seed << 32 | at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 56) as u8
        };
        (target, (1..500).map(mixed).collect())
    })
}

/// The histogram of a line of an interval log as the target takes it, no longer compressed.
fn histogram(line: &str) -> Option<Seed> {
    let compressed = STANDARD.decode(line.rsplit(',').next()?).ok()?;
    let tag = "ping;web;db;;my_net";
    let mut seed = [&[0, tag.len() as u8][..], tag.as_bytes()].concat();
    ZlibDecoder::new(compressed.get(8..)?).read_to_end(&mut seed).ok()?;
    Some(("hlog", seed))
}
