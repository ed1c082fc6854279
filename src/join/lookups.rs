//! Lookups that Docker's name service forwards: the question inside a container's namespace, and the same question on
//! its way to the outside server, are one lookup (moby, libnetwork/resolver.go).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use ahash::{AHashMap, RandomState};

use super::copies;
use super::groups::{GroupId, Groups};
use super::{HOLD, Hop, Knowledge};
use crate::decode::dns::DOCKER_DNS;
use crate::time::Timestamp;
use crate::track::event::{Event, Place, Subject};

/// For how long a lookup may be matched after it ended: as long as late copies of it are remembered.
const MEMORY: Duration = super::groups::MEMORY;
/// Lookups that are remembered; beyond it the oldest go, and their forwarded questions are told by themselves.
pub(super) const MAX_LOOKUPS: usize = 65_536;

/// Lookups of the same question that are looked through for the one that belongs to another.
const MAX_LOOKED_AT: usize = 64;

/// A lookup that was seen.
#[derive(Clone, Copy, Debug)]
struct Asked {
    group: GroupId,
    place: Place,
    client: IpAddr,
    server: IpAddr,
    began: Timestamp,
    ended: Timestamp,
    answered: bool,
}

/// The lookups of one question.
#[derive(Debug, Default)]
struct Question {
    /// Those that containers sent to Docker's name service.
    inside: VecDeque<Asked>,
    /// Those that went to any other server.
    outside: VecDeque<Asked>,
}

/// The lookups of late, by what they ask.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    questions: AHashMap<u64, Question>,
    /// When each ended, its question, and whether it was asked inside.
    order: VecDeque<(Timestamp, u64, bool)>,
    hasher: RandomState,
}

/// What becomes of a lookup that is due.
#[derive(Debug, Default)]
pub(super) struct Forwarded {
    /// It is told by the lookup that it was forwarded for.
    pub is_part: bool,
    /// Where it was forwarded.
    pub hops: Vec<Hop>,
    /// The server that was asked in the end.
    pub upstream: Option<IpAddr>,
}

impl Lookups {
    /// Remembers a lookup.
    pub fn note(&mut self, event: &Event<'_>, group: GroupId) {
        let Some((question, asked, is_inside)) = self.asked(event, group) else { return };
        let known = self.questions.entry(question).or_default();
        if is_inside { &mut known.inside } else { &mut known.outside }.push_back(asked);
        self.order.push_back((asked.ended, question, is_inside));
        self.forget(asked.ended);
    }

    fn asked(&self, event: &Event<'_>, group: GroupId) -> Option<(u64, Asked, bool)> {
        let Event::Exchange(exchange) = event else { return None };
        let Subject::Lookup(lookup) = &exchange.subject else { return None };
        // Multicast DNS and LLMNR are never forwarded.
        if exchange.protocol.protocol().name() != "dns" {
            return None;
        }
        let (client, server) = (exchange.ends.client.address, exchange.ends.server.address);
        let asked = Asked {
            group,
            place: exchange.place,
            client,
            server,
            began: exchange.request.at,
            ended: exchange.known_at,
            answered: exchange.reply.is_some(),
        };
        Some((copies::question(lookup, &self.hasher), asked, server == DOCKER_DNS))
    }

    /// Finds what belongs to a lookup that is due.
    pub fn resolve(
        &self,
        event: &Event<'_>,
        group: GroupId,
        groups: &mut Groups,
        knowledge: &dyn Knowledge,
    ) -> Forwarded {
        let Some((question, due, is_inside)) = self.asked(event, group) else { return Forwarded::default() };
        let Some(known) = self.questions.get(&question) else { return Forwarded::default() };
        if is_inside {
            return collect(&due, &known.outside, groups, knowledge);
        }
        let part_of = latest(&known.inside, due.began).find(|inside| is_forwarded(inside, &due, knowledge));
        let whole = part_of.and_then(|inside| groups.get(inside.group));
        // What is told already cannot tell this one any more: it is worth a line only if it explains something.
        let is_part = whole.is_some_and(|whole| !whole.is_told() || due.answered);
        Forwarded { is_part, ..Forwarded::default() }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.questions.values().map(|known| known.inside.len() + known.outside.len()).sum()
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some(&(since, question, is_inside)) = self.order.front() {
            if self.order.len() <= MAX_LOOKUPS && now.since(since) < MEMORY {
                return;
            }
            self.order.pop_front();
            let Some(known) = self.questions.get_mut(&question) else { continue };
            // Both lists are in the order of this one.
            if is_inside { &mut known.inside } else { &mut known.outside }.pop_front();
            if known.inside.is_empty() && known.outside.is_empty() {
                self.questions.remove(&question);
            }
        }
    }
}

/// Takes up every forwarded question of `due`.
fn collect(due: &Asked, outside: &VecDeque<Asked>, groups: &mut Groups, knowledge: &dyn Knowledge) -> Forwarded {
    let mut forwarded = Forwarded::default();
    for asked in latest(outside, due.began).filter(|asked| is_forwarded(due, asked, knowledge)) {
        let Some(group) = groups.get_mut(asked.group) else { continue };
        if group.is_told() && !group.taken || group.is_collected {
            continue;
        }
        (group.taken, group.is_collected) = (true, true);
        forwarded.hops.extend(&group.hops);
        if asked.answered || forwarded.upstream.is_none() {
            forwarded.upstream = Some(asked.server);
        }
    }
    forwarded
}

/// Those that ended after `since`, the latest first; the order of the list is exact to the hold.
fn latest(list: &VecDeque<Asked>, since: Timestamp) -> impl Iterator<Item = &Asked> {
    list.iter().rev().take_while(move |asked| asked.ended + HOLD >= since).take(MAX_LOOKED_AT)
}

/// Whether `outside` was asked while `inside` waited, by the same container or by the host in its stead.
fn is_forwarded(inside: &Asked, outside: &Asked, knowledge: &dyn Knowledge) -> bool {
    (inside.began..=inside.ended).contains(&outside.began)
        && copies::source(inside.place) == copies::source(outside.place)
        && !outside.client.is_loopback()
        && knowledge.asks_for(inside.place, outside.place, outside.client, outside.began)
}
