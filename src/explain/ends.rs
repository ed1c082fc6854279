//! What is particular about the ends of a line, and about the way between them.

use super::scene::Scene;
use super::texts::docker;
use super::topic::Topic;
use crate::decode::content::Content;
use crate::decode::dns::DOCKER_DNS;
use crate::decode::message::Endpoint;
use crate::track::event::{Event, Subject, What};

/// Adds what is true of the ends.
pub(super) fn ends(scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    if scene.place.vni.is_some() {
        topics.push(docker::VXLAN);
    }
    let Scene { client, server, .. } = *scene;
    if client.address.is_loopback() || server.address.is_loopback() {
        topics.extend(loopback(scene));
        return;
    }
    if is_neighbours(&scene.told.event) {
        topics.extend(link_local(scene));
        return;
    }
    let by_socket = |end: Endpoint| {
        let party = scene.namer.party(end, None, scene.place, scene.at);
        party.container_id.is_some() && scene.standing(end.address) == Some("host")
    };
    if by_socket(client) || by_socket(server) {
        topics.push(docker::HOST_NETWORK);
    } else if matches!(scene.told.event, Event::Packet(_)) {
        // Which end is the client, a packet does not say.
        if scene.ends().iter().any(|end| scene.is_bridge_gateway(end.address)) {
            topics.push(docker::HOST_END);
        }
    } else if scene.is_bridge_gateway(client.address) {
        topics.push(docker::HOST_CLIENT);
    } else if scene.is_bridge_gateway(server.address) {
        topics.push(docker::HOST_SERVER);
    } else if scene.ends().iter().any(|end| scene.standing(end.address) == Some("host")) {
        topics.push(docker::HOST_ADDRESS);
    }
    if scene.ends().iter().any(|end| scene.standing(end.address) == Some("gateway")) {
        topics.push(docker::OTHER_GATEWAY);
    }
    topics.extend(link_local(scene));
    if is_datagram(&scene.told.event) {
        match server.address {
            address if address.is_multicast() => topics.push(docker::MULTICAST),
            address if scene.standing(address) == Some("broadcast") => topics.push(docker::BROADCAST),
            _ => {}
        }
    }
}

/// Who talks to whom on a loopback interface.
fn loopback(scene: &Scene<'_>) -> Option<&'static Topic> {
    if scene.ends().iter().any(|end| end.address == DOCKER_DNS) {
        return None;
    }
    let is_container = |end: &Endpoint| scene.container(end.address).is_some();
    // docker-proxy's client is a loopback address, too, and its server a container.
    let is_inside = scene.ends().iter().all(|end| end.address.is_loopback() && is_container(end));
    Some(if is_inside { docker::LOOPBACK_INSIDE } else { docker::LOCALHOST })
}

fn link_local(scene: &Scene<'_>) -> Option<&'static Topic> {
    let is = |end: &Endpoint| matches!(end.address, std::net::IpAddr::V6(v6) if v6.is_unicast_link_local());
    scene.ends().iter().any(is).then_some(docker::LINK_LOCAL)
}

/// Whether it is about MAC addresses: who the host is there, other topics say.
fn is_neighbours(event: &Event<'_>) -> bool {
    match event {
        Event::Exchange(exchange) => matches!(exchange.subject, Subject::Neighbour { .. }),
        Event::Notice(notice) => matches!(
            notice.what,
            What::Announcement { .. } | What::Probe { .. } | What::Unasked { subject: Subject::Neighbour { .. }, .. }
        ),
        Event::Packet(packet) => matches!(packet.kind, "arp" | "nd"),
        Event::Connection(_) | Event::Datagrams(_) | Event::Measured(_) => false,
    }
}

/// Whether nothing else says to whom it goes.
const fn is_datagram(event: &Event<'_>) -> bool {
    match event {
        Event::Datagrams(_) => true,
        Event::Packet(packet) => matches!(packet.content, Content::Datagram | Content::Ip(_) | Content::IcmpOther(_)),
        _ => false,
    }
}
