//! Single packets.

use super::exchanges::{icmp_error, request};
use super::lookups;
use super::scene::Scene;
use super::texts::{icmp, link, lookups as names, packets as texts};
use super::topic::Topic;
use crate::decode::content::Content;
use crate::decode::dns::{Rcode, RecordType};
use crate::decode::tcp::Flags;
use crate::track::event::{Cast, PacketLine};

/// IGMP's number (RFC 3376, 4).
const IGMP: u8 = 2;

/// A packet without addresses above the link.
pub(super) fn without_ends(topics: &mut Vec<&'static Topic>) {
    topics.push(texts::OTHER_FRAME);
}

/// A packet.
pub(super) fn packet(packet: &PacketLine<'_>, scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    let is_v6 = scene.server.address.is_ipv6();
    match packet.content {
        // The sender has no address yet, so what it asks about is the only one.
        Content::ArpProbe => topics.push(link::ARP_PROBE),
        Content::ArpRequest => request(packet.macs.1.map(Cast::of), false, scene, topics),
        Content::ArpReply => topics.push(texts::ARP_REPLY),
        Content::ArpAnnouncement => topics.push(link::ARP_ANNOUNCEMENT),
        Content::ArpOther => topics.push(texts::ARP_OTHER),
        Content::NeighbourSolicitation if packet.macs.1.map(Cast::of) == Some(Cast::Unicast) => {
            topics.push(link::ND_CHECK);
        }
        Content::NeighbourSolicitation => topics.push(link::ND),
        Content::DuplicateAddressDetection => topics.push(link::DUPLICATE_ADDRESS_DETECTION),
        Content::NeighbourAdvertisement { solicited: true } => topics.push(texts::ADVERTISEMENT),
        Content::NeighbourAdvertisement { solicited: false } => topics.push(link::ND_ANNOUNCEMENT),
        Content::Segment { flags, payload_len } => topics.push(segment(flags, payload_len > 0)),
        Content::EchoRequest => topics.push(if is_v6 { icmp::PING6 } else { icmp::PING }),
        Content::EchoReply => topics.push(texts::ECHO_REPLY),
        Content::IcmpError { reason, about } => topics.push(icmp_error(reason, about)),
        Content::IcmpOther(kind) => topics.push(icmp_other(is_v6, kind)),
        Content::Dns { asked, answer } => dns(packet.kind, asked, answer, scene, topics),
        Content::Datagram => topics.push(texts::DATAGRAM),
        Content::Fragment => topics.push(texts::LATER_FRAGMENT),
        Content::Ip(IGMP) => topics.push(texts::IGMP),
        Content::Ip(_) => topics.push(texts::OTHER_PROTOCOL),
        Content::Link => topics.push(texts::OTHER_FRAME),
    }
}

const fn segment(flags: Flags, has_payload: bool) -> &'static Topic {
    match () {
        () if flags.rst() => texts::RST,
        () if flags.syn() && flags.fin() => texts::ODD_FLAGS,
        () if flags.syn() && flags.ack() => texts::SYN_ACK,
        () if flags.syn() => texts::SYN,
        () if !flags.ack() => texts::ODD_FLAGS,
        () if flags.fin() => texts::FIN,
        () if has_payload => texts::DATA,
        () => texts::ACK,
    }
}

const fn icmp_other(is_v6: bool, kind: u8) -> &'static Topic {
    match (is_v6, kind) {
        (true, 130..=132 | 143) => texts::MLD,
        (true, 133) | (false, 10) => texts::ROUTER_SOLICITATION,
        (true, 134) | (false, 9) => texts::ROUTER_ADVERTISEMENT,
        (true, 137) => icmp::REDIRECT,
        _ => texts::ICMP_OTHER,
    }
}

fn dns(
    kind: &str,
    asked: Option<RecordType>,
    answer: Option<Rcode>,
    scene: &Scene<'_>,
    topics: &mut Vec<&'static Topic>,
) {
    match (kind, answer) {
        ("mdns", _) => topics.push(names::MDNS),
        ("llmnr", _) => topics.push(names::LLMNR),
        (_, None) => {
            // Whether a PTR question is for an address, its name alone tells; it is not kept with the packet.
            let is_address = |kind: &RecordType| matches!(*kind, RecordType::A | RecordType::AAAA);
            topics.extend(asked.filter(is_address).map(|kind| lookups::asked(kind, "")));
            lookups::whom(scene, topics);
        }
        (_, Some(rcode)) => {
            topics.push(texts::DNS_ANSWER);
            let is_address = matches!(asked, Some(RecordType::A | RecordType::AAAA));
            topics.extend(lookups::failed(rcode, is_address, scene));
        }
    }
}
