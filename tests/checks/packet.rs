//! Decoding of one packet.

use bridgetap::capture::{Frame, LinkType, TapId};
use bridgetap::decode::content::Content;
use bridgetap::decode::icmp::{self, Body};
use bridgetap::decode::{Ip, Network, Packet, Transport, decode, describe, message, quoted};
use bridgetap::time::Timestamp;

use super::output::assert_text;

/// Link types by the first byte: all that are decoded, and one that nobody should ask for.
pub const LINKS: [LinkType; 9] = [
    LinkType::ETHERNET,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::RAW,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType(127),
];

/// The first byte is the link type, the second how many bytes were not captured, the rest a packet.
pub fn packet(bytes: &[u8]) {
    let &[link, missing, ref bytes @ ..] = bytes else { return };
    let link = LINKS[usize::from(link) % LINKS.len()];
    let wire_len = bytes.len() as u32 + u32::from(missing);
    let frame = Frame { number: 7, at: Timestamp::from_nanos(9), wire_len, bytes, link, tap: TapId(3) };
    let whole = decode(&frame);
    assert_packet(&whole, bytes);
    // A packet that is cut still names its ends.
    for length in [bytes.len() / 2, bytes.len() * 3 / 4, bytes.len().saturating_sub(1)] {
        let cut = decode(&Frame { bytes: &bytes[..length], ..frame });
        assert_packet(&cut, &bytes[..length]);
        if let (Network::Ip(whole), Network::Ip(of_cut), true) =
            (whole.network, cut.network, whole.tunnel == cut.tunnel)
        {
            assert_eq!((whole.source, whole.destination), (of_cut.source, of_cut.destination), "cut to {length}");
        }
    }
}

fn assert_packet(packet: &Packet<'_>, bytes: &[u8]) {
    assert_eq!((packet.number, packet.tap), (7, TapId(3)));
    let mut words = String::new();
    describe::describe(packet, &mut words).unwrap();
    assert_text(words.as_bytes(), false, "description");
    assert!(!words.contains('\n') && !describe::kind(packet).is_empty());
    assert!(words.len() < 1000 + bytes.len() * 60, "{} bytes of words", words.len());
    let _ = Content::of(packet);
    if let Some(message) = message::read(packet) {
        assert_eq!(message.protocol.protocol().name(), describe::kind(packet));
    }
    if let Network::Ip(ip) = packet.network {
        assert_ip(packet, &ip, bytes);
    }
}

fn assert_ip(packet: &Packet<'_>, ip: &Ip<'_>, bytes: &[u8]) {
    match ip.transport {
        Transport::Tcp(tcp) => {
            assert!(is_part(tcp.payload, bytes) && is_part(tcp.option_bytes, bytes));
            assert!(tcp.payload.len() <= tcp.payload_len, "more was captured than there is: {tcp:?}");
            assert!(tcp.option_bytes.len() <= 40 && tcp.options().count() <= 20);
        }
        Transport::Udp(udp) => {
            assert!(is_part(udp.payload, bytes));
            assert!(udp.payload.len() <= udp.payload_len, "more was captured than there is: {udp:?}");
        }
        Transport::Icmp(icmp) => {
            if let Body::Error(error) = icmp.body {
                assert!(is_part(error.quoted, bytes));
                let (inner, about) = (quoted(packet, error.quoted), icmp::quoted(error.quoted));
                if let (Some(Packet { network: Network::Ip(inner), .. }), Some(about)) = (inner, about) {
                    assert_eq!((inner.source, inner.destination), (about.source, about.destination));
                }
            }
        }
        Transport::Fragment => assert!(ip.fragment.is_some()),
        Transport::Other => {}
    }
}

/// Whether what was lent is of these bytes.
fn is_part(part: &[u8], bytes: &[u8]) -> bool {
    let (part, bytes) = (part.as_ptr_range(), bytes.as_ptr_range());
    part.is_empty() || (bytes.start <= part.start && part.end <= bytes.end)
}
