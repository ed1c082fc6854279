//! The readers of capture files.

use std::io::{self, Cursor, Read};

use bridgetap::capture::file::{FileSource, MAX_PACKET, MAX_TAPS};
use bridgetap::capture::{Drops, Error, LinkType, NameBlock, Next, Source, Tap, TapId};

const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// pcap files of all kinds, and gzipped ones.
pub fn pcap(bytes: &[u8]) {
    if !bytes.starts_with(&PCAPNG) {
        read_twice(bytes);
    }
}

/// pcapng files; the block type that they begin with is put in front of the bytes where it is not there.
pub fn pcapng(bytes: &[u8]) {
    if bytes.starts_with(&PCAPNG) {
        read_twice(bytes);
    } else {
        read_twice(&[&PCAPNG, bytes].concat());
    }
}

/// What was read of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    frames: Vec<Seeing>,
    names: Vec<NameBlock>,
    drops: Option<Drops>,
    error: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Seeing {
    number: u64,
    at: u64,
    wire_len: u32,
    bytes: Vec<u8>,
    link: LinkType,
    id: TapId,
    tap: Tap,
}

/// However the bytes come, the same is read.
fn read_twice(bytes: &[u8]) {
    let at_once = read(Box::new(Cursor::new(bytes.to_vec())), bytes, false);
    let in_pieces = read(Box::new(Pieces { bytes: bytes.to_vec(), at: 0, calls: 0 }), bytes, true);
    if bytes.starts_with(&GZIP) && at_once.error.is_some() {
        // How much is decompressed before damage is met depends on how much is read at once.
        assert!(in_pieces.error.is_some(), "read in pieces");
        assert!(in_pieces.frames.starts_with(&at_once.frames), "read in pieces");
        return;
    }
    assert_eq!(at_once, in_pieces, "read in pieces");
}

fn read(reader: Box<dyn Read + Send>, bytes: &[u8], ahead: bool) -> Seen {
    let mut seen = Seen::default();
    let mut source = match FileSource::from_reader(reader, "fuzzed", 0) {
        Ok(source) => source,
        // What something looks like that is no capture depends on how much of it has come.
        Err(Error::NotACapture { .. }) => return Seen { error: Some("not a capture".to_owned()), ..seen },
        Err(error) => return Seen { error: Some(error.to_string()), ..seen },
    };
    // The least block of pcapng is 12 bytes, the least record of pcap 16; a pipe's silence comes in between.
    let most = if bytes.starts_with(&GZIP) { usize::MAX } else { bytes.len() * 4 + 8 };
    let mut calls = 0;
    loop {
        calls += 1;
        assert!(calls <= most, "{calls} calls for {} bytes", bytes.len());
        let peeked = if ahead { source.peek_time().map_err(|error| error.to_string()) } else { Ok(None) };
        if let Err(error) = peeked {
            seen.error = Some(error);
            break;
        }
        let link = match source.next() {
            Ok(Next::Frame(frame, tap)) => {
                assert_eq!(frame.number, seen.frames.len() as u64 + 1, "packets are numbered");
                assert!(frame.bytes.len() <= MAX_PACKET as usize && frame.tap.0 < MAX_TAPS);
                assert!(!ahead || peeked == Ok(Some(frame.at)), "{peeked:?} is not {}", frame.at);
                seen.frames.push(Seeing {
                    number: frame.number,
                    at: frame.at.as_nanos(),
                    wire_len: frame.wire_len,
                    bytes: frame.bytes.to_vec(),
                    link: frame.link,
                    id: frame.tap,
                    tap: tap.clone(),
                });
                Some((frame.tap, tap.clone()))
            }
            Ok(Next::Names(block)) => {
                seen.names.push(block);
                None
            }
            Ok(Next::Idle(_)) => None,
            Ok(Next::End) => break,
            Err(error) => {
                seen.error = Some(error.to_string());
                break;
            }
        };
        if let Some((id, tap)) = link {
            assert_eq!(source.tap(id), Some(&tap), "a packet's tap is known");
        }
    }
    assert!(matches!(source.next(), Ok(Next::End)), "the end is the end, after an error too");
    assert!(source.position() <= bytes.len() as u64);
    seen.drops = source.drops();
    seen
}

/// Gives bytes as a slow pipe does: few at a time, and often none.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    calls: usize,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        match self.calls % 4 {
            0 => return Err(io::ErrorKind::WouldBlock.into()),
            1 => return Err(io::ErrorKind::Interrupted.into()),
            _ => {}
        }
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(out.len()).min(1 + self.calls * 7 % 64);
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
