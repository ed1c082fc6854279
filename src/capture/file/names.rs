//! Name resolution blocks of pcapng.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bytes::Endian;
use super::options::{COMMENT, Items, text};
use crate::capture::NameBlock;

/// The most names taken from one block; of a block of 16 MiB with more, the rest is left out. Without it, two bytes of
/// a hostile file would cost fifty of memory.
const MAX_NAMES: usize = 65_536;

/// `nrb_record_ipv4`.
const IPV4: u16 = 1;
/// `nrb_record_ipv6`.
const IPV6: u16 = 2;

/// Reads the body of a block: its records, then its options. Records of other kinds (EUI-48) are passed over.
pub(super) fn parse(body: &[u8], endian: Endian) -> NameBlock {
    let mut block = NameBlock::default();
    let mut left = MAX_NAMES;
    let mut records = Items::new(body, endian);
    for (kind, value) in records.by_ref() {
        let Some((address, names)) = address(kind, value) else { continue };
        let names: Vec<String> =
            names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).take(left).map(text).collect();
        left -= names.len();
        if !names.is_empty() {
            block.records.push((address, names));
        }
    }
    let mut comment = Vec::new();
    for (code, value) in Items::new(records.rest(), endian) {
        if code == COMMENT {
            // Joined as bytes: a long text may be divided inside of a character.
            comment.extend_from_slice(value);
        }
    }
    block.comment = String::from_utf8_lossy(&comment).into_owned();
    block
}

/// The address of a record and its names, each ended by a NUL.
fn address(kind: u16, value: &[u8]) -> Option<(IpAddr, &[u8])> {
    match kind {
        IPV4 => value.split_first_chunk::<4>().map(|(raw, names)| (Ipv4Addr::from(*raw).into(), names)),
        IPV6 => value.split_first_chunk::<16>().map(|(raw, names)| (Ipv6Addr::from(*raw).into(), names)),
        _ => None,
    }
}
