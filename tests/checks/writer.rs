//! What the pcapng writer writes is read again as it was.

use std::io::Cursor;
use std::net::IpAddr;

use bridgetap::capture::file::FileSource;
use bridgetap::capture::write::Interface;
use bridgetap::capture::write::blocks::{self, Statistics};
use bridgetap::capture::{Aside, Drops, Frame, LinkType, Next, Source, Tap, TapId};
use bridgetap::hostile::escape;
use bridgetap::time::Timestamp;

use super::bytes::Bytes;

/// Names of a file are kept up to so many bytes, and end at a NUL.
const MAX_NAME: usize = 256;

/// Names of addresses, and a comment.
type Names = (Vec<(IpAddr, Vec<String>)>, String);

/// What a file should hold.
#[derive(Debug, Default, PartialEq, Eq)]
struct Held {
    packets: Vec<(u64, u32, Vec<u8>, Tap)>,
    names: Vec<Names>,
    drops: Option<Drops>,
}

/// Blocks of all kinds in any order, as the bytes choose.
pub fn writer(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let (mut out, mut held) = (Vec::new(), Held::default());
    let (mut taps, mut drops) = (Vec::new(), Vec::new());
    blocks::section(&mut out);
    let mut ends = vec![out.len()];
    while !bytes.is_empty() {
        match bytes.u8() % 8 {
            0 => {
                let interface = interface(&mut bytes);
                blocks::interface(&mut out, &interface);
                taps.push(interface.tap);
                drops.push(None);
            }
            1 => {
                let names = names(&mut bytes);
                assert!(blocks::names(&mut out, &names.0, &names.1), "it is short");
                held.names.push((as_read(names.0), names.1));
            }
            2 if !taps.is_empty() => {
                let at = usize::from(bytes.u8()) % taps.len();
                // The latest that knows of drops counts.
                drops[at] = statistics(&mut bytes, at as u32, &mut out).or(drops[at]);
            }
            _ if !taps.is_empty() => held.packets.push(packet(&mut bytes, &taps, &mut out)),
            _ => {}
        }
        ends.push(out.len());
    }
    held.drops = drops.into_iter().flatten().reduce(|one: Drops, other| Drops {
        kernel: one.kernel.saturating_add(other.kernel),
        interface: one.interface.saturating_add(other.interface),
    });
    for written in 0..=out.len().min(2000) {
        let whole = blocks::whole(&out, written);
        assert!(whole <= written && (whole == 0 || ends.contains(&whole)), "{whole} of {written}");
    }
    assert_eq!(read(out), held);
}

fn interface(bytes: &mut Bytes<'_>) -> Interface {
    let choice = bytes.u8();
    let optional = |bit: u8, bytes: &mut Bytes<'_>| (choice & bit != 0).then(|| harmless(bytes));
    let (network, namespace) = (optional(1, bytes), optional(2, bytes));
    let tap = Tap {
        interface: harmless(bytes),
        network,
        namespace,
        link: LinkType(bytes.u16()),
        aside: (choice & 4 != 0).then_some(Aside { is_filtered: choice & 8 != 0 }),
    };
    Interface { tap, description: harmless(bytes), filter: optional(16, bytes), snap_len: 0 }
}

/// As a file can hold it.
fn readable(tap: &Tap) -> Tap {
    let name = |text: &String| {
        let text = text.split('\0').next().unwrap_or_default();
        String::from_utf8_lossy(&text.as_bytes()[..text.len().min(MAX_NAME)]).into_owned()
    };
    Tap {
        interface: name(&tap.interface),
        network: tap.network.as_ref().map(name),
        namespace: tap.namespace.as_ref().map(name),
        ..tap.clone()
    }
}

fn names(bytes: &mut Bytes<'_>) -> Names {
    let mut records = Vec::new();
    for _ in 0..bytes.u8() % 4 {
        let address = if bytes.u8() & 1 == 0 {
            IpAddr::from(bytes.u32().to_be_bytes())
        } else {
            let half = u128::from(bytes.u64());
            IpAddr::from((half << 64 | u128::from(bytes.u64())).to_be_bytes())
        };
        records.push((address, (0..bytes.u8() % 4).map(|_| harmless(bytes)).collect()));
    }
    (records, harmless(bytes))
}

/// Text as it is written: what moves a cursor or hides would be escaped, and a long name be cut.
fn harmless(bytes: &mut Bytes<'_>) -> String {
    escape(&bytes.text()).chars().take(60).collect()
}

/// Names that are empty cannot be written, nor addresses without a name.
fn as_read(records: Vec<(IpAddr, Vec<String>)>) -> Vec<(IpAddr, Vec<String>)> {
    let fit = |names: Vec<String>| names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>();
    let records = records.into_iter().map(|(address, names)| (address, fit(names)));
    records.filter(|(_, names)| !names.is_empty()).collect()
}

fn statistics(bytes: &mut Bytes<'_>, interface: u32, out: &mut Vec<u8>) -> Option<Drops> {
    let is_known = bytes.u8() & 1 == 1;
    let statistics = Statistics {
        started: Timestamp::from_nanos(bytes.u64()),
        ended: Timestamp::from_nanos(bytes.u64()),
        packets: bytes.u64(),
        drops: is_known.then(|| Drops { kernel: bytes.u64(), interface: bytes.u64() }),
    };
    blocks::statistics(out, interface, &statistics);
    statistics.drops
}

fn packet(bytes: &mut Bytes<'_>, taps: &[Tap], out: &mut Vec<u8>) -> (u64, u32, Vec<u8>, Tap) {
    let number = usize::from(bytes.u8()) % taps.len();
    let (at, more) = (bytes.u64(), u32::from(bytes.u16()));
    let data = bytes.some();
    let wire_len = data.len() as u32 + more;
    let (link, tap) = (taps[number].link, TapId(number as u32));
    let start = out.len();
    // Some writers know the interface only later.
    blocks::packet(out, 0, &Frame { number: 1, at: Timestamp::from_nanos(at), wire_len, bytes: data, link, tap });
    blocks::set_interface(&mut out[start..], number as u32);
    (at, wire_len, data.to_vec(), readable(&taps[number]))
}

fn read(bytes: Vec<u8>) -> Held {
    let mut source = FileSource::from_reader(Box::new(Cursor::new(bytes)), "written", 0).unwrap();
    let mut held = Held::default();
    loop {
        match source.next().unwrap() {
            Next::Frame(frame, tap) => {
                assert_eq!(frame.link, tap.link);
                held.packets.push((frame.at.as_nanos(), frame.wire_len, frame.bytes.to_vec(), tap.clone()));
            }
            Next::Names(block) => held.names.push((block.records, block.comment)),
            Next::Idle(_) => {}
            Next::End => break,
        }
    }
    held.drops = source.drops();
    held
}
