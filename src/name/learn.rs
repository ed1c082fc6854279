//! What is learned from events: what lookups were answered, and who speaks where.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use super::known::{Title, Who};
use super::named_pairs::Looked;
use super::{Namer, Naming, Pair, Party, called, client, names, source};
use crate::address::{self, MacAddr};
use crate::decode::message::Endpoint;
use crate::docker::{Container, Network};
use crate::time::Timestamp;
use crate::track::event::{Event, Exchange, Place, Subject};

/// An address that a client was answered.
#[derive(Clone, Copy)]
struct Answer {
    asking: Endpoint,
    mac: Option<MacAddr>,
    address: IpAddr,
    place: Place,
    /// When it was asked for, and when it was answered.
    asked: Timestamp,
    known: Timestamp,
}

impl Namer {
    /// Looks up the ends of an event, so that they are named at once; how, where it does not take more to tell.
    pub fn look_up(&mut self, event: &Event<'_>) -> Option<Looked> {
        let Pair { ends, place, at, asks } = Pair::of(event)?;
        self.look_up_ends((&ends.client.address, &ends.server.address), place, at, asks)
    }

    /// Looks up the ends of an event, so that [`Namer::pair`] names them at once.
    pub fn recall_ends(&mut self, event: &Event<'_>) {
        if let Some(Pair { ends, place, .. }) = Pair::of(event) {
            self.recall(ends.client.address, place);
            self.recall(ends.server.address, place);
        }
    }

    /// Learns from an answered lookup what an outside address is called, and what its client calls whom.
    pub fn learn(&mut self, event: &Event<'_>) {
        let Event::Exchange(exchange) = event else { return };
        let Subject::Lookup(lookup) = &exchange.subject else { return };
        let Some(message) = lookup.message() else { return };
        let question = lookup.question();
        if question.is_root() {
            return;
        }
        let Exchange { place, ends, request, known_at, .. } = exchange;
        for address in message.answers().filter_map(|record| record.address()) {
            self.spelling.clear();
            // Writing to a String cannot fail.
            let _ = question.write_text(&mut self.spelling);
            let (asking, mac) = (ends.client, ends.client_mac);
            let (place, asked, known) = (*place, request.at, *known_at);
            self.learn_answer(Answer { asking, mac, address, place, asked, known });
        }
    }

    /// Learns an answer to a lookup for the name in `spelling`.
    fn learn_answer(&mut self, answer: Answer) {
        let Answer { asking, mac, address, place, asked, known } = answer;
        self.recall(asking.address, place);
        self.recall(address, place);
        let holds = |who: &&Who| who.holds(asked);
        let who = self.known.get(asking.address, place).filter(holds);
        if let (Some(who), Some(holder)) = (who, self.known.get(address, place).filter(holds)) {
            spell(&mut self.spelling, holder.container.as_ref(), holder.network.as_ref());
            let id = holder.container.as_ref().map(|container| &container.id);
            self.asked.insert(&who.client, address, id, &self.spelling, known);
        } else {
            let view = self.view(place, asked);
            let (who, holder) = (client(view, &view.find(asking, mac)), view.find(Endpoint::host(address), None));
            let (container, network) = (holder.container.cloned(), holder.network.cloned());
            spell(&mut self.spelling, container.as_ref(), network.as_ref());
            let id = container.as_ref().map(|container| &container.id);
            self.asked.insert(&who, address, id, &self.spelling, known);
        }
        let forgotten = self.learned.forgotten();
        self.learned.learn(address, &self.spelling);
        if forgotten == 0 && self.learned.forgotten() > 0 {
            self.known.forget();
        }
    }

    /// Who has an address at that place and time, where it was looked up and does not take more to tell.
    pub(super) fn known(&self, address: IpAddr, place: Place, at: Timestamp) -> Option<&Who> {
        self.known.get(address, place).filter(|known| known.holds(at))
    }

    /// What an end is called that was looked up: as [`Namer::call`] does.
    pub(super) fn call_known<'a>(
        &'a self,
        known: &'a Who,
        (end, mac): (Endpoint, Option<MacAddr>),
        by: Option<&'a Who>,
        at: Timestamp,
    ) -> Party<'a> {
        let container = known.container.as_ref();
        let asked_as = self.asked_as(known, end.address, by, at);
        let name = self.known_name(known, end.address, by, asked_as);
        let compose = container.and_then(|container| container.compose.as_ref());
        Party {
            name: Cow::Borrowed(name),
            address: end.address,
            port: end.port,
            mac,
            network: known.network.as_ref().map(|network| network.name.as_str()),
            container_id: container.map(|container| &*container.id.0),
            compose: compose.map(|(project, service)| (project.as_str(), service.as_str())),
            asked_as,
        }
    }

    /// The name that the other end had asked for when it was given the address.
    pub(super) fn asked_as(&self, known: &Who, address: IpAddr, by: Option<&Who>, at: Timestamp) -> Option<&str> {
        let holder = known.container.as_ref().map(|container| &container.id);
        self.asked.get_of(&by?.client, address, holder, at)
    }

    /// The name of an end that was looked up, as the other end calls it.
    pub(super) fn known_name<'a>(
        &'a self,
        known: &'a Who,
        address: IpAddr,
        by: Option<&'a Who>,
        asked_as: Option<&'a str>,
    ) -> &'a str {
        match (&known.title, &known.container) {
            (Title::Name(name), _) => name,
            (Title::Alias, Some(container)) => {
                called::called_by(by.and_then(|by| by.container.as_ref()), container, known.network.as_ref(), asked_as)
            }
            (Title::Address(text), _) => asked_as.or_else(|| self.learned.latest(address)).unwrap_or(text),
            (Title::Alias | Title::Open, _) => asked_as.unwrap_or_default(),
        }
    }

    /// Looks an address up, unless it was before.
    pub(super) fn recall(&mut self, address: IpAddr, place: Place) {
        match self.known.get_mut(address, place) {
            Some(known) if self.learned.is_still(known.version) => {}
            Some(_) => self.call_anew(address, place),
            None => {
                let who = self.who(address, place);
                self.known.put(address, place, who);
            }
        }
    }

    /// Lookups may have told of an end that was looked up before.
    fn call_anew(&mut self, address: IpAddr, place: Place) {
        let known = self.known.get(address, place);
        let (called, is_by_all) = known.map_or((None, false), |known| self.called(&known.title, address));
        let version = self.learned.version(address);
        if let Some(known) = self.known.get_mut(address, place) {
            (known.called, known.is_by_all, known.version) = (called, is_by_all, version);
        }
    }

    fn who(&self, address: IpAddr, place: Place) -> Who {
        let names = self.sources.get(&source(place.tap)).unwrap_or(&self.nothing);
        let directory = names.directory();
        let from = directory.map_or(Timestamp::ZERO, |directory| directory.settled_from(address));
        let view = self.view(place, from);
        let found = view.find(Endpoint::host(address), None);
        let by_mac = directory.is_some() && names::has_no_owner(address);
        let by_socket = found.container.is_none() && names.has_owners();
        let title = match found.container {
            _ if by_mac || by_socket => Title::Open,
            _ if self.numeric => Title::Name(address::text(address)),
            Some(_) if self.naming == Naming::Alias => Title::Alias,
            Some(container) => {
                Title::Name(self.container_name(view, container, found.network, None, None).into_owned())
            }
            None => match self.name_of_nobody(view, address) {
                Some(name) => Title::Name(name.to_owned()),
                None => Title::Address(address::text(address)),
            },
        };
        let (called, is_by_all) = self.called(&title, address);
        Who {
            from,
            client: client(view, &found),
            container: found.container.cloned(),
            network: found.network.cloned(),
            called,
            is_by_all,
            version: self.learned.version(address),
            serial: 0,
            title,
        }
    }
}

/// Spells a name that was asked for as the Directory does.
fn spell(asked: &mut String, holder: Option<&Arc<Container>>, network: Option<&Arc<Network>>) {
    match holder {
        // Nobody whose name it could be.
        None => asked.make_ascii_lowercase(),
        Some(holder) => *asked = called::spelled(asked, Some(holder), network),
    }
}
