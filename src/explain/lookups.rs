//! Lookups in DNS.

use std::net::IpAddr;
use std::sync::Arc;

use super::scene::Scene;
use super::texts::{endings, lookups as texts};
use super::topic::Topic;
use crate::decode::dns::{Message, Rcode, RecordType};
use crate::docker::{Container, Network};
use crate::track::event::{Exchange, Lookup, Missing, Outcome};

/// Type PTR (RFC 1035, 3.2.2).
const PTR: RecordType = RecordType(12);
/// Response code SERVFAIL (RFC 1035, 4.1.1).
const SERVFAIL: Rcode = Rcode(2);
/// Response code REFUSED (RFC 1035, 4.1.1).
const REFUSED: Rcode = Rcode(5);
/// Digits of a container's id that Docker gives it as an alias.
const SHORT_ID: usize = 12;

/// A lookup and its answer.
pub(super) fn lookup(
    exchange: &Exchange<'_>,
    lookup: &Lookup<'_>,
    scene: &Scene<'_>,
    topics: &mut Vec<&'static Topic>,
) {
    if exchange.outcome == Outcome::Unanswered(Missing::TimedOut) {
        topics.push(texts::LOOKUP_UNANSWERED);
    }
    let name = lookup.question().to_string();
    if !lookup.name.is_empty() {
        topics.push(asked(lookup.kind, &name));
    }
    whom(scene, topics);
    let is_address = matches!(lookup.kind, RecordType::A | RecordType::AAAA);
    if let Some(message) = lookup.message().filter(|_| exchange.reply.is_some()) {
        let rcode = message.rcode();
        if rcode == Rcode::NOERROR {
            answered(&message, lookup.kind, &name, scene, topics);
        } else {
            topics.extend(failed(rcode, is_address, scene));
            if rcode == Rcode::NXDOMAIN && is_address && has_search_domain(&name, scene) {
                topics.push(texts::SEARCH_DOMAIN);
            }
        }
    }
    if lookup.over_tcp {
        topics.push(texts::OVER_TCP);
    }
}

/// What a question of that type is for.
pub(super) fn asked(kind: RecordType, name: &str) -> &'static Topic {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    match kind {
        RecordType::A => texts::A,
        RecordType::AAAA => texts::AAAA,
        PTR if name.ends_with(".in-addr.arpa") || name.ends_with(".ip6.arpa") => texts::PTR,
        _ => texts::OTHER_TYPE,
    }
}

/// Who is asked, and why.
pub(super) fn whom(scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    if scene.is_docker_dns() {
        topics.push(texts::DOCKER_DNS);
        return;
    }
    let Some(client) = scene.container(scene.client.address) else { return };
    if scene.server.address.is_loopback() || scene.container(scene.server.address).is_some() {
        return;
    }
    let mut networks = scene.networks_of(client).peekable();
    if networks.peek().is_none() {
        return;
    }
    if networks.any(|network| network.name_service) {
        topics.push(texts::OUTSIDE_SERVER);
    } else if networks_are_default(scene, client) {
        topics.push(texts::DEFAULT_BRIDGE);
    }
}

/// Whether the default bridge is all that a container is on. Docker gives its name to no other network.
fn networks_are_default(scene: &Scene<'_>, container: &Container) -> bool {
    scene.networks_of(container).all(|network| network.driver == "bridge" && network.name == "bridge")
}

/// What a response code says; `is_address` where the question was for an address.
pub(super) fn failed(rcode: Rcode, is_address: bool, scene: &Scene<'_>) -> Option<&'static Topic> {
    Some(match (rcode, scene.is_docker_dns()) {
        (Rcode::NOERROR, _) => return None,
        // Types but A and AAAA are passed on whether the name is a container's or not.
        (Rcode::NXDOMAIN, true) if is_address => texts::NXDOMAIN_DOCKER,
        (Rcode::NXDOMAIN, _) => texts::NXDOMAIN,
        (SERVFAIL, true) if is_address => texts::SERVFAIL_DOCKER,
        (SERVFAIL, _) => texts::SERVFAIL,
        // Of Docker's name service it is a limit of its own (moby, libnetwork/resolver.go).
        (REFUSED, false) => texts::REFUSED,
        _ => texts::OTHER_CODE,
    })
}

/// An answer without an error.
fn answered(message: &Message<'_>, kind: RecordType, name: &str, scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    let is_forwarded = scene.told.upstream.is_some();
    if is_forwarded {
        topics.push(texts::FORWARDED);
    }
    if message.is_truncated() {
        topics.push(texts::TRUNCATED);
    } else if message.answer_count() == 0 {
        topics.push(texts::NO_RECORD);
        if kind == RecordType::AAAA && lacks_ipv6(name, scene) {
            topics.push(texts::NO_IPV6);
        }
    }
    if !is_forwarded && scene.is_docker_dns() {
        let addresses: Vec<_> = message.answers().filter_map(|record| record.address()).collect();
        topics.extend(containers(&addresses, name, scene));
    }
}

/// Whether Docker's name service has no IPv6 address for that name because the client's networks have none.
fn lacks_ipv6(name: &str, scene: &Scene<'_>) -> bool {
    let Some(client) = scene.container(scene.client.address).filter(|_| scene.is_docker_dns()) else { return false };
    let has_ipv6 = |network: &Arc<Network>| network.subnets.iter().any(|subnet| subnet.address.is_ipv6());
    if scene.networks_of(client).any(has_ipv6) {
        return false;
    }
    let Some(directory) = scene.namer.directory(scene.place.tap) else { return false };
    scene.networks_of(client).any(|network| directory.containers().any(|container| is_called(container, network, name)))
}

/// Whether Docker's name service knows the container by that name on that network.
fn is_called(container: &Container, network: &Network, name: &str) -> bool {
    container.endpoints.iter().filter(|endpoint| endpoint.network == network.id).any(|endpoint| {
        let names = endpoint.aliases.iter().chain([&container.name]);
        names.into_iter().any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// What Docker's name service did to find the containers of that name.
fn containers(addresses: &[IpAddr], name: &str, scene: &Scene<'_>) -> Option<&'static Topic> {
    let found = addresses.iter().map(|address| Some((scene.container(*address)?, scene.network(*address)?)));
    let found: Vec<_> = found.collect::<Option<_>>()?;
    let (first, network) = found.first()?;
    if found.iter().any(|(container, _)| container.id != first.id) {
        return Some(texts::SEVERAL_CONTAINERS);
    }
    let is_own = first.name.eq_ignore_ascii_case(name);
    let is_id = name.len() >= SHORT_ID && first.id.0.starts_with(name);
    if !is_own && !is_id && is_called(first, network, name) {
        return Some(texts::ALIAS);
    }
    let (short, behind) = split_at_end(name, &network.name)?;
    (behind && is_called(first, network, short)).then_some(texts::CONTAINER_NETWORK)
}

/// What stands before `.end`, whatever its case, and whether it ends so at all.
fn split_at_end<'a>(name: &'a str, end: &str) -> Option<(&'a str, bool)> {
    let (short, rest) = name.split_at_checked(name.len().checked_sub(end.len() + 1)?)?;
    Some((short, rest.strip_prefix('.').is_some_and(|rest| rest.eq_ignore_ascii_case(end))))
}

/// Whether the name is that of a container with something behind it that is no network's name.
fn has_search_domain(name: &str, scene: &Scene<'_>) -> bool {
    let Some(directory) = scene.namer.directory(scene.place.tap) else { return false };
    let name = name.trim_end_matches('.');
    let Some((label, rest)) = name.split_once('.') else { return false };
    let is_network = directory.networks().any(|network| network.name.eq_ignore_ascii_case(rest));
    let Some(client) = scene.container(scene.client.address).filter(|_| !is_network) else { return false };
    scene
        .networks_of(client)
        .any(|network| directory.containers().any(|container| is_called(container, network, label)))
}

/// What an answer without its question says.
pub(super) fn unasked(lookup: &Lookup<'_>, scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    topics.push(endings::UNASKED);
    whom(scene, topics);
    let is_address = matches!(lookup.kind, RecordType::A | RecordType::AAAA);
    topics.extend(lookup.message().and_then(|message| failed(message.rcode(), is_address, scene)));
}
