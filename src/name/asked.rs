//! Which name each client asked for, before it went to an address.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use hashbrown::Equivalent;

use super::capped::Capped;
use super::changes::{Changes, Count, Version};
use super::plain_name::Name;
use crate::decode::message::Endpoint;
use crate::docker::ContainerId;
use crate::time::Timestamp;

/// For each address that is remembered, as many pairs of a client and an address keep the names that were asked for.
const PAIRS: usize = 4;
/// Names that are kept of one pair. A connection under an earlier name may still be open when the next is asked for;
/// of more than these, the name that was asked for first is no longer told.
const MAX_NAMES: usize = 4;

/// Who asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// A container. Within its namespace an address means one thing, whichever of its networks it is on.
    Container(ContainerId),
    /// An address, in what was captured by one source.
    Address(u32, IpAddr),
}

/// A client, and an address that it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    client: Client,
    address: IpAddr,
}

/// The same, of a client that is lent.
#[derive(Clone, Copy)]
struct PairOf<'a> {
    client: &'a Client,
    address: IpAddr,
}

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        PairOf { client: &self.client, address: self.address }.hash(state);
    }
}

impl Hash for PairOf<'_> {
    /// Few words: it is looked up for each end of a line.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.client {
            Client::Container(id) => id.hash(state),
            Client::Address(source, address) => {
                state.write_u32(*source);
                Endpoint::host(*address).hash(state);
            }
        }
        Endpoint::host(self.address).hash(state);
    }
}

impl Equivalent<Pair> for PairOf<'_> {
    fn equivalent(&self, pair: &Pair) -> bool {
        self.address == pair.address && *self.client == pair.client
    }
}

/// What was asked for of one pair.
#[derive(Debug, Default)]
struct Names {
    /// As many as there were, from the first place on.
    asked: [Option<Asked>; MAX_NAMES],
    /// Where the last stands.
    last: u8,
    /// Counts how often any was.
    count: Option<Count>,
}

impl Names {
    fn last(&self) -> Option<&Asked> {
        self.asked.get(usize::from(self.last))?.as_ref()
    }

    /// One more; the one that was asked for first goes.
    fn push(&mut self, asked: Asked) {
        if self.last().is_some() {
            self.last = (self.last + 1) % MAX_NAMES as u8;
        }
        if let Some(place) = self.asked.get_mut(usize::from(self.last)) {
            *place = Some(asked);
        }
    }

    /// From the last to the first.
    fn newest(&self) -> impl Iterator<Item = &Asked> {
        let (later, earlier) = self.asked.split_at(usize::from(self.last) + 1);
        later.iter().rev().chain(earlier.iter().rev()).flatten()
    }
}

/// A name that was asked for, and its answer.
#[derive(Debug)]
struct Asked {
    name: Name,
    /// When the answer was there.
    since: Timestamp,
    /// The container that had the address then. When another has it, the client did not ask for that one.
    holder: Option<ContainerId>,
}

impl Asked {
    /// The name, if it is that of who has the address.
    fn of(&self, holder: Option<&ContainerId>) -> Option<&str> {
        // The daemon may tell of a container after the name service did.
        let is_same = self.holder.as_ref().is_none_or(|then| Some(then) == holder);
        is_same.then(|| self.name.as_str())
    }
}

/// The names that clients asked for, by client and the address that was answered.
#[derive(Debug)]
pub(super) struct AskedNames {
    /// In the order of their answers.
    pairs: Capped<Pair, Names>,
    changes: Changes,
}

impl AskedNames {
    pub fn new(addresses: usize) -> Self {
        Self { pairs: Capped::new(addresses.saturating_mul(PAIRS)), changes: Changes::default() }
    }

    /// The name that `client` asked for last of what it was answered `address`, which `holder` has; when it was answered, and
    /// which version that is.
    pub fn now(
        &self,
        client: &Client,
        address: IpAddr,
        holder: Option<&ContainerId>,
    ) -> (Option<&str>, Timestamp, Version) {
        let pair = PairOf { client, address };
        let names = self.pairs.get(&pair);
        let count = names.and_then(|names| names.count).unwrap_or_else(|| self.changes.count(pair));
        let since = names.into_iter().flat_map(Names::newest).map(|asked| asked.since).max();
        let last = names.and_then(|names| names.last()?.of(holder));
        (last, since.unwrap_or(Timestamp::ZERO), self.changes.version(count))
    }

    /// How often that has changed of each pair.
    #[inline]
    pub const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// `client` asked for `name`, and at `since` was given `address`, which `holder` had.
    pub fn insert(
        &mut self,
        client: &Client,
        address: IpAddr,
        holder: Option<&ContainerId>,
        name: &str,
        since: Timestamp,
    ) {
        let names = match self.pairs.get_mut(&PairOf { client, address }) {
            Some(names) => names,
            None => {
                if let Some(gone) = self.pairs.make_room() {
                    self.changes.change(self.changes.count(gone));
                }
                self.pairs.entry(Pair { client: client.clone(), address })
            }
        };
        if names.last().is_some_and(|last| last.name.is(name) && last.holder.as_ref() == holder) {
            return;
        }
        let count = *names.count.get_or_insert_with(|| self.changes.count(PairOf { client, address }));
        self.changes.change(count);
        names.push(Asked { name: Name::new(name), since, holder: holder.cloned() });
    }

    /// The name that `client` had asked for last at `at` and was answered `address`, which `holder` has.
    pub fn get(
        &self,
        client: impl FnOnce() -> Client,
        address: IpAddr,
        holder: Option<&ContainerId>,
        at: Timestamp,
    ) -> Option<&str> {
        if self.pairs.is_empty() { None } else { self.get_of(&client(), address, holder, at) }
    }

    /// The same of a client that is there already.
    pub fn get_of(
        &self,
        client: &Client,
        address: IpAddr,
        holder: Option<&ContainerId>,
        at: Timestamp,
    ) -> Option<&str> {
        if self.pairs.is_empty() {
            return None;
        }
        let names = self.pairs.get(&PairOf { client, address })?;
        names.newest().find(|asked| asked.since <= at)?.of(holder)
    }

    /// Pairs that had to go at the cap.
    #[inline]
    pub const fn forgotten(&self) -> u64 {
        self.pairs.forgotten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESSES: usize = 4096;

    fn id(text: &str) -> ContainerId {
        ContainerId(text.into())
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_parts(second, 0)
    }

    const REDIS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(172, 20, 0, 2));

    #[test]
    fn each_client_keeps_the_name_that_it_asked_for() {
        let mut names = AskedNames::new(ADDRESSES);
        let (flask, worker, redis) = (id("f1"), id("w1"), id("r1"));
        let client = |id: &ContainerId| Client::Container(id.clone());
        names.insert(&client(&flask), REDIS, Some(&redis), "db", at(10));
        names.insert(&client(&worker), REDIS, Some(&redis), "redis-server", at(11));
        let asked = |by, holder, second| names.get(|| client(by), REDIS, Some(holder), at(second));
        assert_eq!(asked(&flask, &redis, 12), Some("db"));
        assert_eq!(asked(&worker, &redis, 12), Some("redis-server"));
        assert_eq!(asked(&flask, &redis, 9), None, "before the answer");
        assert_eq!(asked(&flask, &worker, 12), None, "another has the address now");
        assert_eq!(asked(&redis, &redis, 12), None, "who did not ask");
    }

    #[test]
    fn what_began_under_an_earlier_name_keeps_it() {
        let mut names = AskedNames::new(ADDRESSES);
        let client = || Client::Address(0, REDIS);
        for (second, name) in [(10, "db"), (11, "db"), (20, "cache"), (30, "db")] {
            names.insert(&client(), REDIS, None, name, at(second));
        }
        let asked = |second| names.get(client, REDIS, None, at(second));
        assert_eq!([asked(10), asked(25), asked(99)], [Some("db"), Some("cache"), Some("db")]);
        for second in 40..50 {
            names.insert(&client(), REDIS, None, &second.to_string(), at(second));
        }
        assert_eq!(names.get(client, REDIS, None, at(45)), None, "more than four are not kept");
        assert_eq!(names.get(client, REDIS, None, at(60)), Some("49"));
    }

    #[test]
    fn the_pair_that_was_first_goes_at_the_cap() {
        let mut names = AskedNames::new(ADDRESSES);
        for n in 0..=ADDRESSES as u32 * PAIRS as u32 {
            names.insert(&Client::Address(0, IpAddr::V4(n.into())), REDIS, None, "db", at(1));
        }
        let asked = |n: u32| names.get(|| Client::Address(0, IpAddr::V4(n.into())), REDIS, None, at(2));
        assert_eq!((asked(0), asked(1), names.forgotten()), (None, Some("db"), 1));
    }
}
