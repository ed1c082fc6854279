//! The blocks of a pcapng file, as bytes: little-endian, times in nanoseconds.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/>. Each function appends one whole block, so that what was
//! written up to any of them is a file that can be read.

use std::net::IpAddr;

use serde::Serialize;

use super::Interface;
use crate::capture::file::MAX_BLOCK;
use crate::capture::{Drops, Frame};
use crate::hostile::{self, escape, escape_comment};
use crate::time::Timestamp;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const NAMES: u32 = 4;
const STATISTICS: u32 = 5;
/// The type of a packet's block.
pub const PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const COMMENT: u16 = 1;
const SHB_OS: u16 = 3;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const IF_FILTER: u16 = 11;
const ISB_STARTTIME: u16 = 2;
const ISB_ENDTIME: u16 = 3;
const ISB_IFDROP: u16 = 5;
const ISB_FILTERACCEPT: u16 = 6;
const ISB_OSDROP: u16 = 7;
const ISB_USRDELIV: u16 = 8;
const RECORD_IPV4: u16 = 1;
const RECORD_IPV6: u16 = 2;

/// Nanoseconds: ten to the minus nine.
const RESOLUTION: u8 = 9;
/// An option's length is 16 bits wide.
const LONGEST_OPTION: usize = 0xffff;
/// What a block has beside its body: type, length, and the length again.
const FRAMING: usize = 12;
/// Where a packet block has the number of its interface.
const PACKET_INTERFACE: usize = 8;

/// The length of a name resolution block that readers take whole: less its framing and some room for what comes between.
pub const MAX_NAMES: usize = MAX_BLOCK as usize - 4096;

/// What the statistics of an interface say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// When reading began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Packets that are in the file.
    pub packets: u64,
    /// Packets that are not, though they were to be; `None` where nobody knows.
    pub drops: Option<Drops>,
}

/// Begins a file.
pub fn section(out: &mut Vec<u8>) {
    block(out, SECTION, |out| {
        word(out, BYTE_ORDER_MAGIC);
        half(out, 1);
        half(out, 0);
        // The length of the section is not known when it begins.
        out.extend_from_slice(&u64::MAX.to_le_bytes());
        if let Ok(system) = nix::sys::utsname::uname() {
            let release = system.release().to_string_lossy();
            option(out, SHB_OS, format!("{} {release}", system.sysname().to_string_lossy()).as_bytes());
        }
        option(out, SHB_USERAPPL, concat!("bridgetap ", env!("CARGO_PKG_VERSION")).as_bytes());
        end_of_options(out);
    });
}

/// Describes an interface. Its number is the count of those before it in the file.
pub fn interface(out: &mut Vec<u8>, interface: &Interface) {
    let Interface { tap, description, filter, snap_len } = interface;
    block(out, INTERFACE, |out| {
        half(out, tap.link.0);
        half(out, 0);
        word(out, *snap_len);
        let comment = TapComment {
            bridgetap_tap: 1,
            network: tap.network.as_deref(),
            namespace: tap.namespace.as_deref(),
            aside: tap.aside.map(|_| true),
            filtered: tap.aside.filter(|aside| aside.is_filtered).map(|_| true),
        };
        option(out, COMMENT, hostile::json(&comment).as_bytes());
        for (code, text) in [(IF_NAME, &tap.interface), (IF_DESCRIPTION, description)] {
            if !text.is_empty() {
                option(out, code, escape(text).as_bytes());
            }
        }
        option(out, IF_TSRESOL, &[RESOLUTION]);
        if let Some(filter) = filter {
            // The first byte says that a filter in libpcap's words follows.
            option(out, IF_FILTER, format!("\0{}", escape(filter)).as_bytes());
        }
        end_of_options(out);
    });
}

/// What bridgetap writes into a comment of an interface; docs/names.md has the format.
#[derive(Serialize)]
struct TapComment<'a> {
    bridgetap_tap: u32,
    network: Option<&'a str>,
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aside: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filtered: Option<bool>,
}

/// A packet of the interface of that number.
#[inline]
pub fn packet(out: &mut Vec<u8>, interface: u32, frame: &Frame<'_>) {
    let start = out.len();
    let captured = frame.bytes.len();
    let length = (FRAMING + 20 + captured.next_multiple_of(4)) as u32;
    let nanos = frame.at.as_nanos();
    let fields = [
        PACKET,
        length,
        interface,
        (nanos >> 32) as u32,
        nanos as u32,
        captured as u32,
        frame.wire_len.max(captured as u32),
    ];
    out.reserve(length as usize);
    for field in fields {
        word(out, field);
    }
    out.extend_from_slice(frame.bytes);
    out.resize(start + length as usize - 4, 0);
    word(out, length);
}

/// Says of a packet block that was written before the number was known of which interface it is.
#[inline]
pub fn set_interface(packet: &mut [u8], interface: u32) {
    if let Some(field) = packet.get_mut(PACKET_INTERFACE..PACKET_INTERFACE + 4) {
        field.copy_from_slice(&interface.to_le_bytes());
    }
}

/// Names of addresses, and a comment for bridgetap's own readers: any text, put into as many options as it takes.
///
/// False where it is longer than [`MAX_NAMES`]: then nothing was written, since no reader would take it.
#[must_use]
pub fn names(out: &mut Vec<u8>, records: &[(IpAddr, Vec<String>)], comment: &str) -> bool {
    let before = out.len();
    block(out, NAMES, |out| {
        for (address, names) in records {
            record(out, *address, names);
        }
        end_of_options(out);
        if !comment.is_empty() {
            escape_comment(comment).as_bytes().chunks(LONGEST_OPTION).for_each(|part| option(out, COMMENT, part));
            end_of_options(out);
        }
    });
    let fits = out.len() - before <= MAX_NAMES;
    if !fits {
        out.truncate(before);
    }
    fits
}

fn record(out: &mut Vec<u8>, address: IpAddr, names: &[String]) {
    let (kind, mut value) = match address {
        IpAddr::V4(address) => (RECORD_IPV4, address.octets().to_vec()),
        IpAddr::V6(address) => (RECORD_IPV6, address.octets().to_vec()),
    };
    let length = value.len();
    // Other programs read these, and print them as they are. A NUL would make two of one.
    for name in names.iter().filter(|name| !name.is_empty()).map(|name| escape(name)) {
        // What does not fit belongs to no name.
        if value.len() + name.len() < LONGEST_OPTION {
            value.extend_from_slice(name.as_bytes());
            value.push(0);
        }
    }
    if value.len() > length {
        option(out, kind, &value);
    }
}

/// What was seen on the interface of that number, and what was lost.
pub fn statistics(out: &mut Vec<u8>, interface: u32, statistics: &Statistics) {
    let Statistics { started, ended, packets, drops } = statistics;
    block(out, STATISTICS, |out| {
        word(out, interface);
        time(out, *ended);
        for (code, at) in [(ISB_STARTTIME, started), (ISB_ENDTIME, ended)] {
            half(out, code);
            half(out, 8);
            time(out, *at);
        }
        let kernel = drops.map(|drops| drops.kernel);
        for (code, count) in [
            (ISB_IFDROP, drops.map(|drops| drops.interface)),
            (ISB_FILTERACCEPT, kernel.map(|drops| packets.saturating_add(drops))),
            (ISB_OSDROP, kernel),
            (ISB_USRDELIV, Some(*packets)),
        ] {
            if let Some(count) = count {
                option(out, code, &count.to_le_bytes());
            }
        }
        end_of_options(out);
    });
}

/// How many of the first `written` bytes are whole blocks. `blocks` begins with one.
pub fn whole(blocks: &[u8], written: usize) -> usize {
    let mut end = 0;
    while let Some(length) = blocks.get(end + 4..end + 8).and_then(|field| field.first_chunk::<4>()) {
        let next = end.saturating_add(u32::from_le_bytes(*length) as usize);
        if next > written || next <= end {
            break;
        }
        end = next;
    }
    end
}

/// A block with its two lengths around what `body` writes, which is padded to four bytes.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    word(out, kind);
    word(out, 0);
    body(out);
    let length = ((out.len() - start).next_multiple_of(4) + 4) as u32;
    out.resize(start + length as usize - 4, 0);
    word(out, length);
    if let Some(field) = out.get_mut(start + 4..start + 8) {
        field.copy_from_slice(&length.to_le_bytes());
    }
}

/// An option, or a name record: code, length, value, padding. A value that is too long is cut.
fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..LONGEST_OPTION).unwrap_or(value);
    half(out, code);
    half(out, value.len() as u16);
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn end_of_options(out: &mut Vec<u8>) {
    word(out, 0);
}

/// A time as pcapng has it: the upper 32 bits, then the lower.
fn time(out: &mut Vec<u8>, at: Timestamp) {
    let nanos = at.as_nanos();
    word(out, (nanos >> 32) as u32);
    word(out, nanos as u32);
}

fn half(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[inline]
fn word(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
