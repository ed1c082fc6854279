//! Packets made of choices: valid as to their lengths, mostly, and between few ends.

use super::bytes::Bytes;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMP_V6: u8 = 58;
const PORTS: [u16; 8] = [40_000, 53, 80, 5353, 40_001, 4789, 5355, 53];
const NAMES: [&[u8]; 5] = [b"\x02db\x00", b"\x03web\x05local\x00", b"\x06\x1b[2J\x07\xff\x00", b"\x00", b"\xc0\x0c"];

/// A frame, and when and where it was seen.
#[derive(Clone, Debug)]
pub struct Built {
    /// From 0 to 2.
    pub tap: u32,
    /// Nanoseconds since 1970.
    pub at: u64,
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
    /// Bytes that were not captured.
    cut: u32,
}

impl Built {
    /// Its length on the wire.
    pub fn wire_len(&self) -> u32 {
        self.bytes.len() as u32 + self.cut
    }
}

/// The next packet; `before` are those before it, which it may be about.
pub fn next(bytes: &mut Bytes<'_>, before: &[Built]) -> Built {
    let first = Built { tap: 0, at: 1_700_000_000_000_000_000, bytes: Vec::new(), cut: 0 };
    let last = before.last().unwrap_or(&first);
    let when = bytes.u8();
    let step = [0, 1_000, 700_000, 26_000_000, 1_000_000_000, 9_000_000_000, 400_000_000_000][usize::from(when % 7)];
    // Now and then the clock steps back.
    let at = if when >= 0xf0 { last.at.saturating_sub(step) } else { last.at + step };
    let how = bytes.u8();
    let tap = u32::from(how >> 6) % 3;
    let built = match how & 0x1f {
        // The same packet once more, perhaps at another tap: a copy, or sent again.
        0..=3 => (!before.is_empty()).then(|| before[before.len() - 1 - usize::from(how & 3) % before.len()].clone()),
        4 => Some(Built { bytes: bytes.some().to_vec(), ..first }),
        5 => before.last().map(|about| Built { bytes: tunnelled(bytes, &about.bytes), ..first }),
        6 | 7 => before.last().map(|about| Built { bytes: icmp_error(bytes, &about.bytes), ..first }),
        _ => None,
    };
    let mut built = built.unwrap_or_else(|| Built { bytes: packet(bytes, how & 0x1f), tap, at, cut: 0 });
    (built.tap, built.at) = (tap, at);
    if how & 0x20 != 0 {
        cut(&mut built, bytes.u8());
    }
    built
}

/// Cuts the last bytes off as a snap length does, or turns a byte of it.
fn cut(built: &mut Built, how: u8) {
    let length = built.bytes.len();
    if how & 0x80 == 0 {
        let kept = length.saturating_sub(usize::from(how & 0x7f));
        built.cut += (length - kept) as u32;
        built.bytes.truncate(kept);
    } else if let Some(byte) = length.checked_sub(1 + usize::from(how & 0x7f)).and_then(|at| built.bytes.get_mut(at)) {
        *byte ^= how;
    }
}

fn packet(bytes: &mut Bytes<'_>, kind: u8) -> Vec<u8> {
    let ends = bytes.u8();
    let v6 = ends & 0x80 != 0;
    match kind {
        8 | 9 => arp(ends, if kind == 8 { 1 } else { 2 }),
        10..=12 => ip(ends, if v6 { ICMP_V6 } else { ICMP }, &echo(bytes, v6)),
        13 => ip(ends | 0x80, ICMP_V6, &neighbour(bytes)),
        14..=18 => ip(ends, UDP, &udp(bytes, dns)),
        19 | 20 => ip(ends, UDP, &udp(bytes, |bytes| bytes.some().to_vec())),
        21 => fragment(bytes, ends),
        22 | 23 => ip(ends, TCP, &tcp(bytes, |bytes| over_tcp(&dns(bytes)))),
        _ => ip(ends, TCP, &tcp(bytes, |bytes| vec![b'x'; usize::from(bytes.u8())])),
    }
}

/// The last two bits of each half of `ends` choose a host.
fn hosts(ends: u8) -> (u8, u8) {
    (1 + (ends & 3), 1 + (ends >> 2 & 3))
}

fn ethernet(ends: u8, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let (from, to) = hosts(ends);
    let group = ends & 0x40 != 0;
    let destination = if group { [0xff; 6] } else { [2, 0, 0, 0, 0, to] };
    [&destination[..], &[2, 0, 0, 0, 0, from], &ethertype.to_be_bytes(), payload].concat()
}

fn arp(ends: u8, operation: u8) -> Vec<u8> {
    let (from, to) = hosts(ends);
    let body =
        [&[0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, from, 10, 0, 0, from][..], &[0, 0, 0, 0, 0, 0, 10, 0, 0, to]];
    ethernet(ends, 0x0806, &body.concat())
}

/// IPv6 where the top bit of `ends` is set. Host 4 is Docker's name service.
fn ip(ends: u8, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let (from, to) = hosts(ends);
    if ends & 0x80 != 0 {
        let address = |host: u8| [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host];
        let length = (payload.len() as u16).to_be_bytes();
        let header = [&[0x60, 0, 0, 0][..], &length, &[protocol, 64], &address(from), &address(to)].concat();
        return ethernet(ends, 0x86dd, &[&header, payload].concat());
    }
    ethernet(ends, 0x0800, &[&ipv4(ends, protocol, payload.len(), 0), payload].concat())
}

fn ipv4(ends: u8, protocol: u8, length: usize, fragment: u16) -> Vec<u8> {
    let (from, to) = hosts(ends);
    let address = |host: u8| if host == 4 { [127, 0, 0, 11] } else { [10, 0, 0, host] };
    let (total, fragment) = ((20 + length as u16).to_be_bytes(), fragment.to_be_bytes());
    [&[0x45, 0][..], &total, &[0, 7], &fragment, &[64, protocol, 0, 0], &address(from), &address(to)].concat()
}

fn fragment(bytes: &mut Bytes<'_>, ends: u8) -> Vec<u8> {
    let (offset, protocol) = (bytes.of(&[0x2000, 0x2001, 1, 0x1fff]), bytes.of(&[UDP, ICMP, TCP]));
    let payload = bytes.some();
    ethernet(ends, 0x0800, &[&ipv4(ends, protocol, payload.len(), offset), payload].concat())
}

fn echo(bytes: &mut Bytes<'_>, v6: bool) -> Vec<u8> {
    let choice = bytes.u8();
    let kind = match (v6, choice & 1 == 0) {
        (false, true) => 8,
        (false, false) => 0,
        (true, true) => 128,
        (true, false) => 129,
    };
    let mut message = vec![kind, 0, 0, 0, 0, choice >> 6, 0, choice >> 1 & 3];
    message.resize(8 + usize::from(choice >> 3 & 7) * 8, 0xa5);
    message
}

fn neighbour(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let choice = bytes.u8();
    let (kind, flags) = if choice & 1 == 0 { (135, 0) } else { (136, choice & 0xe0) };
    let target = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 + (choice >> 1 & 3)];
    let option = [if kind == 135 { 1 } else { 2 }, 1, 2, 0, 0, 0, 0, 1 + (choice >> 3 & 3)];
    [&[kind, 0, 0, 0, flags, 0, 0, 0][..], &target, &option].concat()
}

fn ports(bytes: &mut Bytes<'_>) -> [u8; 4] {
    let choice = bytes.u8();
    let (source, destination) = (PORTS[usize::from(choice & 7)], PORTS[usize::from(choice >> 3 & 7)]);
    let ([a, b], [c, d]) = (source.to_be_bytes(), destination.to_be_bytes());
    [a, b, c, d]
}

fn udp(bytes: &mut Bytes<'_>, payload: impl FnOnce(&mut Bytes<'_>) -> Vec<u8>) -> Vec<u8> {
    let ports = ports(bytes);
    let payload = payload(bytes);
    [&ports[..], &(8 + payload.len() as u16).to_be_bytes(), &[0, 0], &payload].concat()
}

/// Sequence numbers are near each other and near where they wrap around.
fn tcp(bytes: &mut Bytes<'_>, payload: impl FnOnce(&mut Bytes<'_>) -> Vec<u8>) -> Vec<u8> {
    let ports = ports(bytes);
    let number = |choice: u8| u32::MAX.wrapping_sub(40).wrapping_add(u32::from(choice)).to_be_bytes();
    let (sequence, acknowledgement) = (number(bytes.u8()), number(bytes.u8()));
    let flags = bytes.of(&[0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x10, 0x01, 0, 0xff]);
    let choice = bytes.u8();
    let options = match choice & 3 {
        0 => bytes.take(8).to_vec(),
        1 => [2, 4, 5, 0xb4, 1, 3, 3, 7].to_vec(),
        _ => Vec::new(),
    };
    let options = if options.len() % 4 == 0 { options } else { Vec::new() };
    let payload = if choice & 4 == 0 { payload(bytes) } else { Vec::new() };
    let window = if choice & 8 == 0 { [0xfa, 0xf0] } else { [0, 0] };
    let header_len = (5 + options.len() as u8 / 4) << 4;
    let fixed = [&ports[..], &sequence, &acknowledgement, &[header_len, flags], &window, &[0; 4]].concat();
    [&fixed, &options[..], &payload].concat()
}

fn over_tcp(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

/// A question or an answer about one of a few names, by one of a few ids.
fn dns(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let (choice, code) = (bytes.u8(), bytes.u8());
    let is_answer = choice & 1 != 0;
    let flags = if is_answer { [0x81, 0x80 | code & 0x0f] } else { [1, 0] };
    let name = NAMES[usize::from(choice >> 3) % NAMES.len()];
    let kind = [0, [1, 28, 5, 16][usize::from(choice >> 1 & 3)]];
    let answers = if is_answer { code >> 4 & 3 } else { 0 };
    let id = code >> 6;
    let mut message = [&[0, id][..], &flags, &[0, u8::from(code != 0xff), 0, answers, 0, 0, 0, 0], name].concat();
    message.extend([&kind[..], &[0, 1]].concat());
    for _ in 0..answers {
        let data = bytes.some();
        let data = &data[..data.len().min(60)];
        message.extend([&[0xc0, 12][..], &kind, &[0, 1, 0, 0, 0, 60, 0, data.len() as u8], data].concat());
    }
    message
}

/// An error about the packet that was last seen, from the end that it went to.
fn icmp_error(bytes: &mut Bytes<'_>, about: &[u8]) -> Vec<u8> {
    let choice = bytes.u8();
    let quoted = about.get(14..).unwrap_or_default();
    let quoted = &quoted[..quoted.len().min(usize::from(bytes.u8()))];
    if about.get(12..14) == Some(&[0x86, 0xdd]) {
        let kind = [1, 2, 3, 4][usize::from(choice & 3)];
        let message = [&[kind, choice >> 2 & 7, 0, 0, 0, 0, 5, 0][..], quoted].concat();
        return ip(choice | 0x80, ICMP_V6, &message);
    }
    let kind = [3, 11, 5, 4][usize::from(choice & 3)];
    let message = [&[kind, choice >> 2 & 15, 0, 0, 0, 0, 5, 0][..], quoted].concat();
    ip(choice & 0x0f, ICMP, &message)
}

/// The packet that was last seen inside of VXLAN (RFC 7348).
fn tunnelled(bytes: &mut Bytes<'_>, inner: &[u8]) -> Vec<u8> {
    let choice = bytes.u8();
    let payload = [&[8, 0, 0, 0, 0, 0x10, choice >> 6, 0][..], inner].concat();
    let length = (8 + payload.len() as u16).to_be_bytes();
    ip(choice & 0x8f, UDP, &[&[0xc0, 0, 0x12, 0xb5][..], &length, &[0, 0], &payload].concat())
}
