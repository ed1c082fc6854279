//! Capture files built by hand, and readers that misbehave.

use std::io::{self, Read};

use super::FileSource;
use crate::capture::{LinkType, NameBlock, Next, Source, TapId};
use crate::time::Timestamp;

/// What a frame was, for comparing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    pub at: Timestamp,
    pub wire_len: u32,
    pub bytes: Vec<u8>,
    pub link: LinkType,
    pub tap: TapId,
}

/// A little-endian microsecond pcap of Ethernet packets at whole seconds.
pub fn pcap(packets: &[(u32, &[u8])]) -> Vec<u8> {
    let mut file = pcap_header([0xd4, 0xc3, 0xb2, 0xa1], u16::to_le_bytes, u32::to_le_bytes, (2, 4), 1);
    for (seconds, bytes) in packets {
        let length = u32::try_from(bytes.len()).unwrap();
        for word in [*seconds, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend_from_slice(bytes);
    }
    file
}

pub fn pcap_header(
    magic: [u8; 4],
    half: fn(u16) -> [u8; 2],
    word: fn(u32) -> [u8; 4],
    version: (u16, u16),
    link: u32,
) -> Vec<u8> {
    let mut file = magic.to_vec();
    file.extend(half(version.0));
    file.extend(half(version.1));
    for value in [0, 0, 65_535, link] {
        file.extend(word(value));
    }
    file
}

/// A pcapng file, block by block.
#[derive(Clone)]
pub struct Ng {
    pub bytes: Vec<u8>,
    big: bool,
}

impl Ng {
    pub fn little() -> Self {
        Self { bytes: Vec::new(), big: false }
    }

    pub fn big() -> Self {
        Self { bytes: Vec::new(), big: true }
    }

    /// The byte order of the blocks from here on.
    pub fn turned(mut self) -> Self {
        self.big = !self.big;
        self
    }

    pub fn half(&self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn word(&self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn long(&self, value: u64) -> [u8; 8] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let padding = body.len().next_multiple_of(4) - body.len();
        let total = self.word(u32::try_from(12 + body.len() + padding).unwrap());
        let kind = self.word(kind);
        for part in [&kind[..], &total, body, &[0, 0, 0][..padding], &total] {
            self.bytes.extend_from_slice(part);
        }
        self
    }

    fn item(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut item = self.half(code).to_vec();
        item.extend(self.half(u16::try_from(value.len()).unwrap()));
        item.extend_from_slice(value);
        item.resize(item.len().next_multiple_of(4), 0);
        item
    }

    fn items(&self, list: &[(u16, &[u8])]) -> Vec<u8> {
        let mut items: Vec<u8> = list.iter().flat_map(|(code, value)| self.item(*code, value)).collect();
        if !items.is_empty() {
            items.extend([0; 4]);
        }
        items
    }

    pub fn section(self) -> Self {
        let mut body = self.word(0x1a2b_3c4d).to_vec();
        body.extend(self.half(1));
        body.extend(self.half(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    pub fn interface(self, link: u16, snap_len: u32, options: &[(u16, &[u8])]) -> Self {
        let mut body = self.half(link).to_vec();
        body.extend([0; 2]);
        body.extend(self.word(snap_len));
        body.extend(self.items(options));
        self.block(1, &body)
    }

    pub fn packet(self, interface: u32, units: u64, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap();
        let mut body = Vec::new();
        for value in [interface, (units >> 32) as u32, units as u32, length, length + 10] {
            body.extend(self.word(value));
        }
        body.extend_from_slice(bytes);
        self.block(6, &body)
    }

    pub fn obsolete(self, interface: u16, units: u64, bytes: &[u8]) -> Self {
        let mut body = self.half(interface).to_vec();
        body.extend(self.half(7));
        let length = u32::try_from(bytes.len()).unwrap();
        for value in [(units >> 32) as u32, units as u32, length, length] {
            body.extend(self.word(value));
        }
        body.extend_from_slice(bytes);
        self.block(2, &body)
    }

    pub fn simple(self, wire_len: u32, bytes: &[u8]) -> Self {
        let mut body = self.word(wire_len).to_vec();
        body.extend_from_slice(bytes);
        self.block(3, &body)
    }

    pub fn names(self, records: &[([u8; 4], &str)], comments: &[&str]) -> Self {
        let mut body = Vec::new();
        for (address, name) in records {
            let value = [&address[..], name.as_bytes(), &[0]].concat();
            body.extend(self.item(1, &value));
        }
        let six = [&std::net::Ipv6Addr::LOCALHOST.octets()[..], b"six\0seven\0"].concat();
        body.extend(self.item(2, &six));
        body.extend([0; 4]);
        let comments: Vec<_> = comments.iter().map(|text| (1, text.as_bytes())).collect();
        body.extend(self.items(&comments));
        self.block(4, &body)
    }

    pub fn statistics(self, interface: u32, if_drop: u64, os_drop: u64) -> Self {
        let mut body = self.word(interface).to_vec();
        body.extend([0; 8]);
        body.extend(self.items(&[(5, &self.long(if_drop)), (7, &self.long(os_drop))]));
        self.block(5, &body)
    }
}

/// A source over `bytes`, which have to begin like a capture.
pub fn bytes_source(bytes: Vec<u8>, name: &str) -> FileSource {
    FileSource::from_reader(Box::new(io::Cursor::new(bytes)), name, 0).unwrap()
}

/// All frames of a source that has no error, each with its number.
pub fn frames(source: &mut impl Source) -> Vec<(u64, Owned)> {
    let (frames, names, error) = all(source);
    assert!(error.is_none(), "{error:?} after {} frames and {} names", frames.len(), names.len());
    frames
}

/// Everything that a source gives, up to its end or first error.
pub fn all(source: &mut impl Source) -> (Vec<(u64, Owned)>, Vec<NameBlock>, Option<crate::capture::Error>) {
    let (mut frames, mut names) = (Vec::new(), Vec::new());
    loop {
        match source.next() {
            Ok(Next::Frame(frame, _)) => {
                let (at, wire_len, bytes) = (frame.at, frame.wire_len, frame.bytes.to_vec());
                frames.push((frame.number, Owned { at, wire_len, bytes, link: frame.link, tap: frame.tap }));
            }
            Ok(Next::Names(block)) => names.push(block),
            Ok(Next::Idle(_)) => {}
            Ok(Next::End) => return (frames, names, None),
            Err(error) => return (frames, names, Some(error)),
        }
    }
}

/// Gives `chunk` bytes at a time; before each it is interrupted by a signal, and then silent.
pub struct Trickle {
    pub bytes: io::Cursor<Vec<u8>>,
    pub chunk: usize,
    pub calls: usize,
}

impl Trickle {
    pub fn new(bytes: Vec<u8>, chunk: usize) -> Self {
        Self { bytes: io::Cursor::new(bytes), chunk, calls: 0 }
    }
}

impl Read for Trickle {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        match self.calls % 3 {
            1 => return Err(io::ErrorKind::Interrupted.into()),
            2 => return Err(io::ErrorKind::WouldBlock.into()),
            _ => {}
        }
        let length = out.len().min(self.chunk);
        self.bytes.read(&mut out[..length])
    }
}
