//! Requests with their replies, or without.

use super::lookups;
use super::scene::Scene;
use super::texts::{endings, icmp as errors, link, lookups as names};
use super::topic::Topic;
use crate::decode::icmp::Reason;
use crate::decode::ip;
use crate::track::event::{Cast, Exchange, IcmpError, Missing, Outcome, Subject};

pub(super) fn exchange(exchange: &Exchange<'_>, scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    match &exchange.subject {
        Subject::Neighbour { .. } => neighbour(exchange, scene, topics),
        Subject::Ping { fragmented, .. } => ping(exchange, *fragmented, scene, topics),
        Subject::Lookup(lookup) => match exchange.protocol.protocol().name() {
            "dns" => lookups::lookup(exchange, lookup, scene, topics),
            "llmnr" => topics.push(names::LLMNR),
            _ => {}
        },
    }
    match exchange.outcome {
        Outcome::Failed(Some(IcmpError { reason, .. })) => {
            let carried_by = match &exchange.subject {
                Subject::Lookup(lookup) if lookup.over_tcp => ip::TCP,
                Subject::Lookup(_) => ip::UDP,
                _ => ip::ICMP,
            };
            topics.push(icmp_error(reason, Some(carried_by)));
        }
        Outcome::Unanswered(Missing::CaptureEnded) => topics.push(endings::CAPTURE_ENDED),
        Outcome::Unanswered(Missing::TableFull) => topics.push(endings::FORGOTTEN),
        Outcome::Answered | Outcome::Failed(None) if exchange.late => topics.push(endings::LATE),
        Outcome::Answered | Outcome::Failed(None) if exchange.tries > 1 => topics.push(endings::ASKED_AGAIN),
        _ => {}
    }
}

/// ARP and neighbour discovery.
fn neighbour(exchange: &Exchange<'_>, scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    let is_v6 = scene.server.address.is_ipv6();
    if exchange.outcome == Outcome::Unanswered(Missing::TimedOut) {
        topics.push(match (exchange.cast, is_v6) {
            (Some(Cast::Unicast), _) => link::CHECK_UNANSWERED,
            (_, false) => link::ARP_UNANSWERED,
            (_, true) => link::ND_UNANSWERED,
        });
    }
    request(exchange.cast, is_v6, scene, topics);
}

/// Why somebody asks for a MAC address.
pub(super) fn request(cast: Option<Cast>, is_v6: bool, scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    let is_check = cast == Some(Cast::Unicast);
    topics.push(match (is_check, is_v6) {
        (true, false) => link::ARP_CHECK,
        (true, true) => link::ND_CHECK,
        (false, false) => link::ARP,
        (false, true) => link::ND,
    });
    if is_check {
        return;
    }
    if scene.is_gateway(scene.server.address) {
        topics.push(link::GATEWAY_ASKED);
    } else if scene.is_bridge_gateway(scene.client.address) {
        topics.push(link::FROM_HOST);
    }
}

fn ping(exchange: &Exchange<'_>, fragmented: bool, scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    match exchange.outcome {
        Outcome::Unanswered(Missing::TimedOut) => {
            topics.push(errors::PING_UNANSWERED);
            if scene.are_apart() {
                topics.push(errors::NETWORKS_APART);
            }
        }
        _ => topics.push(if scene.server.address.is_ipv6() { errors::PING6 } else { errors::PING }),
    }
    if fragmented {
        topics.push(errors::FRAGMENTED);
    }
}

/// What an ICMP error means about a packet of that IP protocol.
pub(super) fn icmp_error(reason: Reason, about: Option<u8>) -> &'static Topic {
    match (reason, about) {
        (Reason::PortUnreachable, Some(ip::UDP)) => errors::PORT_UNREACHABLE,
        (Reason::PortUnreachable, Some(ip::TCP | ip::ICMP | ip::ICMPV6)) => errors::REJECTED,
        (Reason::PortUnreachable | Reason::Unreachable(_), _) => errors::UNREACHABLE,
        (Reason::NetworkUnreachable, _) => errors::NETWORK_UNREACHABLE,
        (Reason::HostUnreachable, _) => errors::HOST_UNREACHABLE,
        (Reason::ProtocolUnreachable, _) => errors::PROTOCOL_UNREACHABLE,
        (Reason::TooBig, _) => errors::TOO_BIG,
        (Reason::Prohibited, _) => errors::PROHIBITED,
        (Reason::TimeExceeded, _) => errors::TIME_EXCEEDED,
        (Reason::ReassemblyTimeExceeded, _) => errors::REASSEMBLY,
        (Reason::Redirect, _) => errors::REDIRECT,
        (Reason::ParameterProblem, _) => errors::PARAMETER_PROBLEM,
        (Reason::SourceQuench, _) => errors::SOURCE_QUENCH,
    }
}
