//! What packets that are not followed are called.

use crate::decode::{icmp, ip, link};
use crate::track::PassedOver;

/// As the summary calls it.
pub(super) fn name(what: PassedOver) -> String {
    let known = match what {
        PassedOver::EtherType(ethertype) => link::ethertype_name(ethertype),
        PassedOver::IpProtocol(protocol) => ip::protocol_name(protocol),
        PassedOver::Icmp(v6, kind) => icmp::type_name(v6, kind),
        PassedOver::Other => Some("other"),
    };
    known.map_or_else(|| unnamed(what), str::to_owned)
}

fn unnamed(what: PassedOver) -> String {
    match what {
        PassedOver::EtherType(ethertype) => format!("ethertype 0x{ethertype:04x}"),
        PassedOver::IpProtocol(protocol) => format!("IP protocol {protocol}"),
        PassedOver::Icmp(true, kind) => format!("ICMPv6 type {kind}"),
        PassedOver::Icmp(false, kind) => format!("ICMP type {kind}"),
        PassedOver::Other => "other".to_owned(),
    }
}
