//! TCP (RFC 9293) and its options.

use super::{Layer, Stop, header};

/// The control bits of a segment (RFC 9293, 3.1), with those of RFC 3168.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// The sender has no more data.
    pub const fn fin(self) -> bool {
        self.0 & 0x01 != 0
    }
    /// Opens a connection.
    pub const fn syn(self) -> bool {
        self.0 & 0x02 != 0
    }
    /// Ends a connection at once.
    pub const fn rst(self) -> bool {
        self.0 & 0x04 != 0
    }
    /// Push.
    pub const fn psh(self) -> bool {
        self.0 & 0x08 != 0
    }
    /// The acknowledgement number is valid.
    pub const fn ack(self) -> bool {
        self.0 & 0x10 != 0
    }
    /// The urgent pointer is valid.
    pub const fn urg(self) -> bool {
        self.0 & 0x20 != 0
    }
}

/// All of them, as text and how long that is.
#[expect(clippy::indexing_slicing, reason = "a constant that is too short is none")]
static LETTERS: [([u8; 16], usize); 256] = {
    let mut all = [([0; 16], 0); 256];
    let mut flags = 0;
    while flags < all.len() {
        all[flags] = letters(flags as u8);
        flags += 1;
    }
    all
};

#[expect(clippy::indexing_slicing, reason = "eight letters have room in sixteen, and a constant that has not is none")]
const fn letters(flags: u8) -> ([u8; 16], usize) {
    const BITS: [(u8, u8); 8] = [
        (0x01, b'F'),
        (0x02, b'S'),
        (0x04, b'R'),
        (0x08, b'P'),
        (0x20, b'U'),
        (0x40, b'E'),
        (0x80, b'W'),
        (0x10, b'.'),
    ];
    if flags == 0 {
        return (*b"none            ", 4);
    }
    let (mut text, mut len, mut nth) = ([0; 16], 0, 0);
    while nth < BITS.len() {
        let (bit, letter) = BITS[nth];
        if flags & bit != 0 {
            text[len] = letter;
            len += 1;
        }
        nth += 1;
    }
    (text, len)
}

impl Flags {
    /// As tcpdump writes them: `S`, `S.`, `P.`, `.`, `F.`, `R`; the first of these bytes, which are ASCII, and how many those
    /// are.
    #[expect(clippy::indexing_slicing, reason = "there are 256 for a byte")]
    #[inline]
    pub fn letters(self) -> (&'static [u8; 16], usize) {
        let (text, len) = &LETTERS[usize::from(self.0)];
        (text, *len)
    }
}

impl std::fmt::Display for Flags {
    /// [`Flags::letters`].
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (text, len) = self.letters();
        f.write_str(text.get(..len).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default())
    }
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// Number of the first byte of the payload.
    pub sequence: u32,
    /// The next byte that the sender expects, where [`Flags::ack`] is set.
    pub acknowledgement: u32,
    /// Control bits.
    pub flags: Flags,
    /// The receive window as it stands in the header, not scaled.
    pub window: u16,
    /// The options as captured; read them with [`Tcp::options`].
    pub option_bytes: &'a [u8],
    /// Bytes of the payload on the wire; fewer may have been captured.
    pub payload_len: usize,
    /// What was captured of the payload.
    pub payload: &'a [u8],
}

/// An option of a TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption<'a> {
    /// Maximum segment size in bytes (RFC 9293, 3.7.1).
    MaximumSegmentSize(u16),
    /// Shift of the window (RFC 7323, 2).
    WindowScale(u8),
    /// Selective acknowledgement is permitted (RFC 2018, 2).
    SackPermitted,
    /// Blocks of selective acknowledgement, eight bytes each (RFC 2018, 3).
    Sack(&'a [u8]),
    /// Timestamps: value and echo (RFC 7323, 3).
    Timestamps(u32, u32),
    /// Any other, by its kind.
    Other(u8),
}

impl<'a> Tcp<'a> {
    /// The options in their order; ends at the first that is malformed.
    pub fn options(&self) -> impl Iterator<Item = TcpOption<'a>> + use<'a> {
        let mut rest = self.option_bytes;
        std::iter::from_fn(move || {
            loop {
                match rest {
                    [] | [0, ..] => return None,
                    [1, tail @ ..] => rest = tail,
                    [kind, length, ..] => {
                        let value = rest.get(2..usize::from(*length))?;
                        rest = rest.get(usize::from(*length)..)?;
                        return Some(option(*kind, value));
                    }
                    [_] => return None,
                }
            }
        })
    }
}

fn option(kind: u8, value: &[u8]) -> TcpOption<'_> {
    match (kind, value) {
        (2, &[a, b]) => TcpOption::MaximumSegmentSize(u16::from_be_bytes([a, b])),
        (3, &[shift]) => TcpOption::WindowScale(shift),
        (4, []) => TcpOption::SackPermitted,
        (5, blocks) => TcpOption::Sack(blocks),
        (8, &[a, b, c, d, e, f, g, h]) => {
            TcpOption::Timestamps(u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
        }
        _ => TcpOption::Other(kind),
    }
}

/// `carried` is the length of the segment by the IP header.
pub(super) fn read<'a>(bytes: &'a [u8], carried: usize, stop: &mut Option<Stop>) -> Option<Tcp<'a>> {
    let (h, rest) = header::<20>(bytes, Layer::Tcp, stop)?;
    let header_len = usize::from(h[12] >> 4) * 4;
    if header_len < 20 || header_len > carried {
        *stop = Some(Stop::Invalid { layer: Layer::Tcp, why: "header length" });
        return None;
    }
    let options = rest.get(..header_len - 20).unwrap_or(rest);
    Some(segment(h, options, carried - header_len, bytes.get(header_len..).unwrap_or_default()))
}

/// A segment by the fixed part of its header (RFC 9293, 3.1).
#[expect(clippy::inline_always, reason = "what is returned is large: to hand it on takes longer than to read it")]
#[inline(always)]
pub(super) fn segment<'a>(h: &[u8; 20], option_bytes: &'a [u8], payload_len: usize, payload: &'a [u8]) -> Tcp<'a> {
    Tcp {
        source_port: u16::from_be_bytes([h[0], h[1]]),
        destination_port: u16::from_be_bytes([h[2], h[3]]),
        sequence: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
        acknowledgement: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
        flags: Flags(h[13]),
        window: u16::from_be_bytes([h[14], h[15]]),
        option_bytes,
        payload_len,
        payload,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syn() -> Vec<u8> {
        let mut bytes = vec![0x9c, 0x40, 0, 80, 0, 0, 0, 7, 0, 0, 0, 0, 0x90, 0x02, 0xfa, 0xf0, 0, 0, 0, 0];
        bytes.extend([2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn reads_options_until_one_is_malformed() {
        let bytes = syn();
        let tcp = read(&bytes, bytes.len(), &mut None).unwrap();
        assert_eq!(tcp.flags.to_string(), "S");
        let options: Vec<_> = tcp.options().collect();
        // The last option claims ten bytes of which six are there.
        assert_eq!(options, [TcpOption::MaximumSegmentSize(1460), TcpOption::WindowScale(7), TcpOption::SackPermitted]);
    }

    #[test]
    fn options_of_no_length_end() {
        let mut bytes = syn();
        bytes[20..24].copy_from_slice(&[9, 0, 0, 0]);
        let tcp = read(&bytes, bytes.len(), &mut None).unwrap();
        assert_eq!(tcp.options().count(), 0);
    }

    #[test]
    fn a_header_longer_than_the_segment_is_refused() {
        let mut stop = None;
        assert!(read(&syn(), 24, &mut stop).is_none());
        assert_eq!(stop, Some(Stop::Invalid { layer: Layer::Tcp, why: "header length" }));
    }
}
