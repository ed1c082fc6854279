//! What stands on the arrow of a single packet: of a TCP segment the names of its control bits, which are read from far
//! away.

use std::fmt::Write;

use super::super::units::Count;
use crate::decode::content::Content;
use crate::decode::tcp::Flags;
use crate::track::event::PacketLine;

/// What a packet says: `SYN-ACK`, `ACK, 97 bytes`; of no segment, what the log says.
pub(super) fn words(packet: &PacketLine<'_>) -> String {
    let Content::Segment { flags, payload_len } = packet.content else { return packet.words.clone().into_owned() };
    let mut words = control(flags);
    // Writing to a String cannot fail.
    if payload_len > 0 {
        let _ = write!(words, ", {}", Count(payload_len as u64, "byte"));
    }
    // Why it could not be read to its end.
    if let Some((_, stop)) = packet.words.rsplit_once(" [").filter(|(_, stop)| stop.ends_with(']')) {
        let _ = write!(words, " [{stop}");
    }
    words
}

/// The same with the numbers of the segment, and before that with its window and options, too.
pub(super) fn detailed(packet: &PacketLine<'_>, flags: Flags) -> Vec<String> {
    let Some(details) = packet.words.strip_prefix(&format!("[{flags}] ")) else { return Vec::new() };
    let (bits, short) = (control(flags), words(packet));
    let numbers = details.split_once(" win ").map_or(details, |(numbers, _)| numbers);
    let payload = short.strip_prefix(&bits).unwrap_or_default();
    vec![format!("{bits} {details}"), format!("{bits} {numbers}{payload}")]
}

/// The names of the control bits (RFC 9293, 3.1): `SYN-ACK`. Those that say nothing about the connection are left out.
fn control(flags: Flags) -> String {
    let names = [(flags.syn(), "SYN"), (flags.fin(), "FIN"), (flags.rst(), "RST"), (flags.ack(), "ACK")];
    let set: Vec<_> = names.into_iter().filter_map(|(is_set, name)| is_set.then_some(name)).collect();
    if set.is_empty() { "no flags".to_owned() } else { set.join("-") }
}
