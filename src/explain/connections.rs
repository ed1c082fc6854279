//! TCP connections and UDP flows.

use super::exchanges::icmp_error;
use super::scene::Scene;
use super::texts::{docker, endings, icmp, transport};
use super::topic::Topic;
use crate::decode::ip;
use crate::join::Via;
use crate::track::event::{Connection, DatagramStage, Datagrams, Direction, IcmpError, Missing, Remaining, Stage};

/// A connection that opened or ended.
pub(super) fn connection(connection: &Connection, scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    match connection.stage {
        Stage::Opened if connection.before_capture => topics.push(transport::BEFORE_CAPTURE),
        Stage::Opened if connection.handshake.tries > 1 => {
            topics.extend([transport::OPEN, transport::SYN_AGAIN]);
        }
        Stage::Opened => topics.push(transport::OPEN),
        Stage::Closed { .. } => topics.push(transport::CLOSED),
        Stage::Reset { .. } => topics.push(transport::RESET),
        Stage::Refused => refused(scene, topics),
        Stage::Failed(IcmpError { reason, .. }) => topics.push(icmp_error(reason, Some(ip::TCP))),
        Stage::Unanswered(Missing::TimedOut) => {
            topics.push(transport::UNANSWERED);
            if scene.are_apart() {
                topics.push(icmp::NETWORKS_APART);
            }
        }
        Stage::HalfOpen(Missing::TimedOut) => topics.push(transport::HALF_OPEN),
        Stage::Unanswered(why) | Stage::HalfOpen(why) => topics.push(missing(why)),
        Stage::StillOpen(why) => topics.push(match why {
            Remaining::CaptureEnded => transport::STILL_OPEN,
            Remaining::TableFull => endings::FORGOTTEN,
            Remaining::Replaced => transport::REPLACED,
        }),
    }
    if matches!(connection.stage, Stage::Closed { .. } | Stage::Reset { .. } | Stage::StillOpen(_)) {
        trouble(connection, topics);
    }
    published(ip::TCP, scene, topics);
}

fn refused(scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    topics.push(transport::REFUSED);
    let is_other = !scene.server.address.is_loopback() && scene.client.address != scene.server.address;
    if is_other && scene.container(scene.server.address).is_some() {
        topics.push(transport::LOOPBACK_ONLY);
    }
}

const fn missing(why: Missing) -> &'static Topic {
    match why {
        Missing::TableFull => endings::FORGOTTEN,
        Missing::CaptureEnded | Missing::TimedOut => endings::CAPTURE_ENDED,
    }
}

/// What the line counts behind the bytes.
fn trouble(connection: &Connection, topics: &mut Vec<&'static Topic>) {
    let has = |figure: fn(&Direction) -> u32| figure(&connection.there) > 0 || figure(&connection.back) > 0;
    for (figure, topic) in [
        (has(|direction| direction.retransmissions), transport::RETRANSMITTED),
        (has(|direction| direction.out_of_order), transport::OUT_OF_ORDER),
        (has(|direction| direction.zero_windows), transport::ZERO_WINDOW),
    ] {
        if figure {
            topics.push(topic);
        }
    }
}

/// A flow of datagrams that began or ended.
pub(super) fn datagrams(datagrams: &Datagrams, scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    topics.push(match datagrams.stage {
        DatagramStage::Began => transport::UDP_BEGAN,
        DatagramStage::Failed(IcmpError { reason, .. }) => icmp_error(reason, Some(ip::UDP)),
        DatagramStage::Idle => transport::UDP_ENDED,
        DatagramStage::StillOpen(Remaining::TableFull) => endings::FORGOTTEN,
        DatagramStage::StillOpen(_) => transport::UDP_STILL_OPEN,
    });
    published(ip::UDP, scene, topics);
}

/// The way through a published port.
fn published(protocol: u8, scene: &Scene<'_>, topics: &mut Vec<&'static Topic>) {
    if scene.told.is_direct {
        return;
    }
    match scene.told.published.map(|published| published.via) {
        Some(via) => {
            topics.push(match via {
                Via::Dnat => docker::DNAT,
                Via::DockerProxy => docker::DOCKER_PROXY,
            });
            if scene.container(scene.client.address).is_some() {
                topics.push(docker::HAIRPIN);
            }
        }
        None if !scene.namer.published(protocol, (scene.client, scene.server), scene.place, scene.at).is_empty() => {
            // Where the client is the host, that says more.
            let is_host = scene.is_bridge_gateway(scene.client.address);
            topics.push(if is_host { docker::HOST_CLIENT } else { docker::PUBLISHED });
        }
        None => {}
    }
}
