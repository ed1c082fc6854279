//! What wants no answer, and answers whose request was not seen.

use super::exchanges::icmp_error;
use super::lookups;
use super::scene::Scene;
use super::texts::{endings, link, lookups as names};
use super::topic::Topic;
use crate::track::event::{Notice, Subject, What};

/// A notice.
pub(super) fn notice(notice: &Notice<'_>, scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    match &notice.what {
        What::Announcement { address, .. } if address.is_ipv6() => topics.push(link::ND_ANNOUNCEMENT),
        What::Announcement { .. } => topics.push(link::ARP_ANNOUNCEMENT),
        What::Probe { address, .. } if address.is_ipv6() => topics.push(link::DUPLICATE_ADDRESS_DETECTION),
        What::Probe { .. } => topics.push(link::ARP_PROBE),
        What::Dns { .. } => topics.push(names::MDNS),
        What::Unasked { protocol, subject: Subject::Lookup(lookup) } if protocol.protocol().name() == "dns" => {
            lookups::unasked(lookup, scene, topics);
        }
        What::Unasked { .. } => topics.push(endings::UNASKED),
        What::IcmpError { error, about } => {
            topics.push(icmp_error(error.reason, about.map(|about| about.protocol)));
        }
    }
}
