//! What a file is, told by its first bytes. Names of files are not looked at.

use super::bytes::Endian;
use super::pcap::Variant;
use crate::capture::error::Looks;

/// How many bytes tell a capture from anything else.
pub(super) const MAGIC_LEN: usize = 4;

/// The block type of a pcapng section header, the same in both byte orders.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Magic numbers of pcap as a little-endian machine writes them.
const PCAP: [([u8; 4], Variant); 3] = [
    ([0xd4, 0xc3, 0xb2, 0xa1], Variant::Micro),
    ([0x4d, 0x3c, 0xb2, 0xa1], Variant::Nano),
    ([0x34, 0xcd, 0xb2, 0xa1], Variant::Modified),
];

const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

/// A file that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pcap(Endian, Variant),
    Pcapng,
    Gzip,
}

/// Something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The beginning of a capture, but fewer bytes than its magic number has.
    Cut,
    Other(Looks),
}

/// What a file that begins with `head` is. Fewer than [`MAGIC_LEN`] bytes are the whole file.
pub(super) fn recognise(head: &[u8]) -> Result<Kind, Refused> {
    if head.starts_with(&PCAPNG) {
        return Ok(Kind::Pcapng);
    }
    if head.starts_with(&GZIP) {
        return Ok(Kind::Gzip);
    }
    let found = pcap_magics().find(|(magic, _)| head.starts_with(magic));
    if let Some((_, kind)) = found {
        return Ok(kind);
    }
    let begins = |magic: &[u8]| magic.starts_with(head);
    if head.len() < MAGIC_LEN && (begins(&PCAPNG) || begins(&GZIP) || pcap_magics().any(|(magic, _)| begins(&magic))) {
        return Err(Refused::Cut);
    }
    Err(Refused::Other(looks(head)))
}

fn pcap_magics() -> impl Iterator<Item = ([u8; 4], Kind)> {
    PCAP.into_iter().flat_map(|(little, variant)| {
        let mut big = little;
        big.reverse();
        [(little, Kind::Pcap(Endian::Little, variant)), (big, Kind::Pcap(Endian::Big, variant))]
    })
}

/// What people hand to a capture reader by mistake, with how it begins.
const LOOKS: [(&[u8], Looks); 16] = [
    (b"\x28\xb5\x2f\xfd", Looks::Compressed("zstd")),
    (b"\xfd7zXZ\0", Looks::Compressed("xz")),
    (b"BZh", Looks::Compressed("bzip2")),
    (b"\x04\x22\x4d\x18", Looks::Compressed("lz4")),
    (b"PK\x03\x04", Looks::Like("a zip archive; extract the captures from it first")),
    (b"7z\xbc\xaf\x27\x1c", Looks::Like("a 7z archive; extract the captures from it first")),
    (b"snoop\0\0\0", Looks::Convertible("snoop")),
    (b"btsnoop\0", Looks::Convertible("btsnoop")),
    (b"GMBU", Looks::Convertible("Microsoft Network Monitor 2")),
    (b"RTSS", Looks::Convertible("Microsoft Network Monitor 1")),
    (b"TRSNIFF data", Looks::Convertible("Sniffer")),
    (b"\x7fELF", Looks::Like("a program (ELF)")),
    (b"%PDF", Looks::Like("a PDF document")),
    (b"\x89PNG", Looks::Like("an image (PNG)")),
    (b"<", Looks::Like("XML or HTML")),
    (b"\xef\xbb\xbf", Looks::Like("text")),
];

const TEXT: Looks = Looks::Like("text; a capture to read again is written with tcpdump's -w, not printed");

fn looks(head: &[u8]) -> Looks {
    let known = LOOKS.iter().find(|(magic, _)| head.starts_with(magic));
    if let Some((_, looks)) = known {
        return *looks;
    }
    let printable = |byte: &u8| *byte >= b' ' && *byte != 0x7f || byte.is_ascii_whitespace();
    let sample = head.get(..512).unwrap_or(head);
    // The sample may end inside of a character.
    let unicode = std::str::from_utf8(sample).map_or_else(|error| error.error_len().is_none(), |_| true);
    if !unicode || !sample.iter().all(printable) {
        return Looks::Unknown;
    }
    match sample.trim_ascii_start().first() {
        Some(b'{' | b'[') => Looks::Like("JSON"),
        _ => TEXT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_of_both_byte_orders() {
        assert_eq!(recognise(&[0xa1, 0xb2, 0xc3, 0xd4]), Ok(Kind::Pcap(Endian::Big, Variant::Micro)));
        assert_eq!(recognise(&[0x4d, 0x3c, 0xb2, 0xa1]), Ok(Kind::Pcap(Endian::Little, Variant::Nano)));
        assert_eq!(recognise(&[0xa1, 0xb2, 0xcd, 0x34]), Ok(Kind::Pcap(Endian::Big, Variant::Modified)));
        assert_eq!(recognise(b"\n\r\r\n...."), Ok(Kind::Pcapng));
        assert_eq!(recognise(&[0x1f, 0x8b, 8, 0]), Ok(Kind::Gzip));
    }

    #[test]
    fn a_cut_magic_is_cut_and_others_are_named() {
        assert_eq!(recognise(&[0xa1, 0xb2]), Err(Refused::Cut));
        assert_eq!(recognise(b"\n\r\r"), Err(Refused::Cut));
        let like = |head: &[u8]| match recognise(head) {
            Err(Refused::Other(looks)) => looks,
            other => panic!("{other:?}"),
        };
        assert_eq!(like(b" {\"a\": 1}"), Looks::Like("JSON"));
        assert_eq!(like(b"12:00:01 IP 10.0.0.1 > 10.0.0.2: ICMP"), TEXT);
        assert_eq!(like(b"\xfd7zXZ\0\0"), Looks::Compressed("xz"));
        assert_eq!(like(b"\x7fELF\x02"), Looks::Like("a program (ELF)"));
        assert_eq!(like(&[0, 1, 2, 3, 4]), Looks::Unknown);
    }
}
