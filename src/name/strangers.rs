//! Ends of events that nobody has named yet, though they speak on a Docker network: containers that have only just come.

use std::net::IpAddr;

use super::names::{self, Spot};
use super::{Namer, View, source};
use crate::address::MacAddr;
use crate::capture::TapId;
use crate::decode::message::Endpoint;
use crate::docker::{ContainerId, NetworkId};
use crate::time::Timestamp;
use crate::track::event::{Connection, Datagrams, Event, Exchange, Notice, Outcome, PacketLine, Place, Stage};

/// An end without a name whose name may come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stranger {
    /// The network that it was seen on.
    pub network: NetworkId,
    /// Its address.
    pub address: IpAddr,
    /// Its address on the link, where the other does not tell whose it is.
    pub mac: Option<MacAddr>,
    /// The container that had the address until just now. Its last packets may still come, but as likely it is the next.
    pub previous: Option<ContainerId>,
}

/// Who a stranger turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// The address that was shown.
    pub address: IpAddr,
    /// The name of the network.
    pub network: String,
    /// What the container is called.
    pub name: String,
    /// Its id.
    pub container_id: String,
}

/// An end of an event that sent something itself. Only those are there for certain: anybody may ask for an address
/// that nobody has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker {
    pub end: Endpoint,
    pub mac: Option<MacAddr>,
}

/// The ends that sent something, where, and the time for which their names are asked.
pub(super) fn speakers(event: &Event<'_>) -> ([Option<Speaker>; 2], Place, Timestamp) {
    let (ends, place, at, answered) = match event {
        Event::Exchange(Exchange { ends, place, request, reply, outcome, .. }) => {
            let answered = reply.is_some() && !matches!(outcome, Outcome::Failed(Some(_)));
            (ends, place, request.at, answered)
        }
        Event::Connection(Connection { ends, place, first, stage, .. }) => {
            (ends, place, first.at, !matches!(stage, Stage::Unanswered(_) | Stage::Failed(_)))
        }
        Event::Datagrams(Datagrams { ends, place, first, back, .. }) => (ends, place, first.at, back.packets > 0),
        // The connection's own events say the same.
        Event::Measured(measured) => return ([None, None], measured.place, measured.from.at),
        Event::Notice(Notice { ends, place, seen, .. }) => (ends, place, seen.at, false),
        Event::Packet(PacketLine { ends, place, seen, macs, .. }) => {
            let sender = ends.map(|(sender, _)| Speaker { end: sender, mac: macs.0 });
            return ([sender, None], *place, seen.at);
        }
    };
    let client = Speaker { end: ends.client, mac: ends.client_mac };
    let server = Speaker { end: ends.server, mac: ends.server_mac };
    ([Some(client), answered.then_some(server)], *place, at)
}

impl Namer {
    /// The ends of an event that spoke on a Docker network without being known there: their names may come.
    pub fn strangers(&self, event: &Event<'_>) -> [Option<Stranger>; 2] {
        let (speakers, place, at) = speakers(event);
        let view = self.view(place, at);
        speakers.map(|speaker| {
            let Speaker { end, mac } = speaker?;
            let network = view.names.unknown_on(end.address, mac, view.spot, at)?;
            let mac = mac.filter(|_| names::has_no_owner(end.address));
            let previous = view.find(end, None).container.map(|container| container.id.clone());
            Some(Stranger { network: network.id.clone(), address: end.address, mac, previous })
        })
    }

    /// Who a stranger on a tap of the same source as `tap` turned out to be at `at`.
    pub fn introduce(&self, tap: TapId, stranger: &Stranger, at: Timestamp) -> Option<Introduction> {
        let names = self.sources.get(&source(tap)).filter(|_| !self.numeric)?;
        let network = names.directory()?.network(&stranger.network)?;
        let view = View {
            names,
            spot: Spot { network: Some(network), inside: None, may_be_lo: false, in_tunnel: false },
            source: source(tap),
            at,
        };
        if names.unknown_on(stranger.address, stranger.mac, view.spot, at).is_some() {
            return None;
        }
        let found = view.find(Endpoint::host(stranger.address), stranger.mac);
        let container_id = found.container?.id.0.to_string();
        let name = self.call(view, &found, None).name.into_owned();
        Some(Introduction { address: stranger.address, network: network.name.clone(), name, container_id })
    }
}
