//! Each sample capture cut at every byte, and each byte of it turned, as the reader has it; each packet of them cut at
//! every byte and with every bit turned, as decoding has it. `hostile.rs` tells a sample of the same in every form.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Cursor;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Error, Frame, LinkType, Next, Source, TapId};
use bridgetap::decode::content::Content;
use bridgetap::decode::{decode, describe, message};
use bridgetap::time::Timestamp;
use common::output::assert_text;
use common::{captures, stem};

/// A packet: its time, its length on the wire, what it begins with, and its bytes.
type Packet = (u64, u32, LinkType, Vec<u8>);

/// The packets of a capture, up to where it can be read.
fn read(bytes: &[u8]) -> (Vec<Packet>, Option<Error>) {
    let mut packets = Vec::new();
    let mut source = match FileSource::from_reader(Box::new(Cursor::new(bytes.to_vec())), "capture", 0) {
        Ok(source) => source,
        Err(error) => return (packets, Some(error)),
    };
    loop {
        match source.next() {
            Ok(Next::Frame(frame, _)) => {
                packets.push((frame.at.as_nanos(), frame.wire_len, frame.link, frame.bytes.to_vec()));
            }
            Ok(Next::End) => return (packets, None),
            Ok(_) => {}
            Err(error) => return (packets, Some(error)),
        }
    }
}

/// Does it for each, on as many threads as run at the same time.
fn for_each<T: Sync>(all: &[T], test: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            test(one);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
}

#[test]
fn every_cut_is_read_as_far_as_it_goes() {
    for_each(&captures(), |file| {
        let bytes = std::fs::read(file).unwrap();
        let (whole, error) = read(&bytes);
        assert!(error.is_none() && !whole.is_empty(), "{error:?}");
        let mut before = 0;
        for length in 0..bytes.len() {
            let (packets, error) = read(&bytes[..length]);
            assert_eq!(packets, whole[..packets.len()], "{} cut to {length}", stem(file));
            assert!(packets.len() >= before, "{} cut to {length} loses a packet", stem(file));
            // A cut between two blocks cannot be told from an end.
            let is_fit = matches!(error, None | Some(Error::Cut { .. } | Error::Empty { .. }));
            assert!(is_fit && (error.is_some() || length % 4 == 0), "{} cut to {length}: {error:?}", stem(file));
            before = packets.len();
        }
        assert_eq!(before, whole.len(), "what comes last is no packet");
    });
}

#[test]
fn every_turned_byte_is_read() {
    for_each(&captures(), |file| {
        let mut bytes = std::fs::read(file).unwrap();
        let whole = read(&bytes).0;
        for at in 0..bytes.len() {
            let bit = 1 << ((at ^ at >> 3) % 8);
            bytes[at] ^= bit;
            let (packets, error) = read(&bytes);
            bytes[at] ^= bit;
            // A packet more or less may be made of it, but not many.
            assert!(packets.len() <= whole.len() + 1, "{} turned at {at}: {} packets", stem(file), packets.len());
            let text = error.map(|error| error.to_string()).unwrap_or_default();
            assert_text(text.as_bytes(), false, stem(file));
        }
    });
}

/// The packets of all captures, each once.
fn packets() -> Vec<(LinkType, Vec<u8>)> {
    let mut all = HashSet::new();
    for file in captures() {
        all.extend(read(&std::fs::read(file).unwrap()).0.into_iter().map(|(_, _, link, bytes)| (link, bytes)));
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by(|one, other| one.1.cmp(&other.1));
    assert!(all.len() > 500, "{} packets", all.len());
    all
}

/// Decodes it and puts it into `words`.
fn decoded(link: LinkType, bytes: &[u8], wire_len: usize, words: &mut String) {
    let (number, at, tap) = (1, Timestamp::ZERO, TapId(0));
    let packet = decode(&Frame { number, at, wire_len: wire_len as u32, bytes, link, tap });
    words.clear();
    describe::describe(&packet, words).unwrap();
    write!(words, " {:?}", Content::of(&packet)).unwrap();
    let message = message::read(&packet);
    assert!(message.is_none_or(|message| message.protocol.protocol().name() == describe::kind(&packet)));
    assert_text(words.as_bytes(), false, "a packet");
    assert!(!words.contains('\n'), "{words}");
}

#[test]
fn every_cut_of_every_packet_is_decoded() {
    for_each(&packets(), |(link, bytes)| {
        let mut words = String::new();
        for length in 0..=bytes.len() {
            decoded(*link, &bytes[..length], bytes.len(), &mut words);
        }
    });
}

#[test]
fn every_turned_bit_of_every_packet_is_decoded() {
    for_each(&packets(), |(link, bytes)| {
        let (mut bytes, mut words) = (bytes.clone(), String::new());
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            decoded(*link, &bytes, bytes.len(), &mut words);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    });
}
