//! Capture files that are made while they are read.

use std::io::{self, BufWriter, Write};

use etherparse::{EtherType, Ethernet2Header, PacketBuilder, PacketBuilderStep};

/// Where the payload of a UDP datagram over IPv4 begins in an Ethernet frame.
pub const UDP_PAYLOAD: usize = 14 + 20 + 8;
/// Where the source address of IPv4 is in an Ethernet frame.
pub const SOURCE: usize = 14 + 12;
/// Where the source port over IPv4 is in an Ethernet frame.
pub const SOURCE_PORT: usize = 14 + 20;

/// A pcapng file that is written.
pub struct Stream {
    out: BufWriter<Box<dyn Write + Send>>,
    /// The time of the latest packet, in microseconds.
    now: u64,
    block: Vec<u8>,
}

impl Stream {
    /// Begins it.
    pub fn new(out: Box<dyn Write + Send>) -> io::Result<Self> {
        let mut stream =
            Self { out: BufWriter::with_capacity(1 << 20, out), now: 1_700_000_000_000_000, block: Vec::new() };
        let magic = 0x1a2b_3c4d_u32.to_le_bytes();
        stream.block(0x0a0d_0d0a, &[&magic[..], &[1, 0, 0, 0], &[0xff; 8]].concat())?;
        Ok(stream)
    }

    /// A block of any kind.
    pub fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let padding = body.len().wrapping_neg() % 4;
        let length = ((12 + body.len() + padding) as u32).to_le_bytes();
        self.block.clear();
        for part in [&kind.to_le_bytes()[..], &length, body, &[0; 3][..padding], &length] {
            self.block.extend_from_slice(part);
        }
        self.out.write_all(&self.block)
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// An interface.
    pub fn interface(&mut self, link: u16, options: &[(u16, &[u8])]) -> io::Result<()> {
        let body = [&link.to_le_bytes()[..], &[0; 6], &list(options)].concat();
        self.block(1, &body)
    }

    /// Names of addresses, and a comment.
    pub fn names(&mut self, records: &[(u16, &[u8])], options: &[(u16, &[u8])]) -> io::Result<()> {
        let records = if records.is_empty() { vec![0; 4] } else { list(records) };
        self.block(4, &[records, list(options)].concat())
    }

    /// Writes what is left.
    pub fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// A packet, as much later than the one before.
    pub fn packet(&mut self, interface: u32, micros: u64, bytes: &[u8]) -> io::Result<()> {
        self.now += micros;
        let (length, words) = ((bytes.len() as u32).to_le_bytes(), [(self.now >> 32) as u32, self.now as u32]);
        let time = words.map(u32::to_le_bytes).concat();
        let padding = bytes.len().wrapping_neg() % 4;
        let whole = ((32 + bytes.len() + padding) as u32).to_le_bytes();
        self.block.clear();
        for part in [&6_u32.to_le_bytes()[..], &whole, &interface.to_le_bytes(), &time, &length, &length] {
            self.block.extend_from_slice(part);
        }
        for part in [bytes, &[0; 3][..padding], &whole] {
            self.block.extend_from_slice(part);
        }
        self.out.write_all(&self.block)
    }
}

/// A list of options or records, with its end.
fn list(items: &[(u16, &[u8])]) -> Vec<u8> {
    let mut list = Vec::new();
    for (code, value) in items {
        list.extend(code.to_le_bytes());
        list.extend((value.len() as u16).to_le_bytes());
        list.extend_from_slice(value);
        list.resize(list.len().next_multiple_of(4), 0);
    }
    if !items.is_empty() {
        list.extend([0; 4]);
    }
    list
}

/// The beginning of a packet from 10.0.0.1 to 10.255.0.1.
pub fn ipv4() -> PacketBuilderStep<etherparse::IpHeaders> {
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4([10, 0, 0, 1], [10, 255, 0, 1], 64)
}

/// A SYN to port 80.
pub fn syn() -> Vec<u8> {
    let mut bytes = Vec::new();
    ipv4().tcp(40_000, 80, 1, 65_535).syn().write(&mut bytes, &[]).unwrap();
    bytes
}

/// A segment to a port, from port 40000.
pub fn segment(port: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    ipv4().tcp(40_000, port, sequence, 65_535).ack(1).psh().write(&mut bytes, payload).unwrap();
    bytes
}

/// A datagram between two ports.
pub fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    ipv4().udp(from, to).write(&mut bytes, payload).unwrap();
    bytes
}

/// The same from the server to the client.
pub fn turned(mut frame: Vec<u8>) -> Vec<u8> {
    let (source, destination) = frame.split_at_mut(SOURCE + 4);
    source[SOURCE..].swap_with_slice(&mut destination[..4]);
    let port = SOURCE_PORT;
    frame[port..port + 4].rotate_left(2);
    frame[..12].rotate_left(6);
    frame
}

/// An echo request.
pub fn ping() -> Vec<u8> {
    let mut bytes = Vec::new();
    ipv4().icmpv4_echo_request(1, 1).write(&mut bytes, &[0; 56]).unwrap();
    bytes
}

/// A frame of any EtherType.
pub fn ethernet(kind: EtherType, payload: &[u8]) -> Vec<u8> {
    let header = Ethernet2Header { source: [2, 0, 0, 0, 0, 1], destination: [0xff; 6], ether_type: kind };
    [&header.to_bytes()[..], payload].concat()
}

/// An ARP request by 10.0.0.1.
pub fn arp() -> Vec<u8> {
    let fixed = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 255, 0, 1];
    ethernet(EtherType::ARP, &fixed)
}

/// A DNS message with one question and so many answers, which follow.
pub fn dns(id: u16, name: &[u8], kind: u16, answers: &[&[u8]]) -> Vec<u8> {
    let flags = if answers.is_empty() { 0x0100_u16 } else { 0x8180 };
    let header = [id, flags, 1, answers.len() as u16, 0, 0].map(u16::to_be_bytes).concat();
    [&header[..], name, &kind.to_be_bytes(), &[0, 1], &answers.concat()].concat()
}

/// A record of the name that was asked for.
pub fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let head = [&[0xc0, 12][..], &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 60]].concat();
    [&head[..], &(data.len() as u16).to_be_bytes(), data].concat()
}

/// A name of 255 bytes of which nearly all are control characters, and the last label a number.
pub fn long_name(number: u32) -> Vec<u8> {
    let mut name = Vec::with_capacity(255);
    for length in [63_u8, 63, 63, 52] {
        name.push(length);
        name.extend((0..length).map(|byte| byte % 31 + 1));
    }
    name.push(8);
    name.extend(format!("{number:08x}").bytes());
    name.push(0);
    assert_eq!(name.len(), 255);
    name
}

/// Puts a number where an address is: 10.x.y.z.
pub fn set_host(frame: &mut [u8], at: usize, number: u32) {
    frame[at..at + 4].copy_from_slice(&(0x0a00_0000 | number & 0x00ff_ffff).to_be_bytes());
}

/// Puts a number of 16 bits somewhere.
pub fn set_u16(frame: &mut [u8], at: usize, number: u16) {
    frame[at..at + 2].copy_from_slice(&number.to_be_bytes());
}
