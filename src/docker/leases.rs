//! Who had which address on which network, and from when until when. Knows nothing of names or daemons.
//!
//! Kept by address, then network, then beginning: a look-up is one hash and two binary searches however long the
//! history is. Each address's history is shared between a Directory and the next one until it changes.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::docker::directory::{Container, NetworkId};
use crate::time::Timestamp;

/// Leases that ended and are still known; beyond it the one that ended first goes, and is counted.
pub const MAX_PAST_LEASES: usize = 65_536;

/// On how many networks one address is known; on more it is not recorded, and counted as forgotten.
const MAX_NETWORKS_OF_AN_ADDRESS: usize = 1024;

/// How long after its end a lease still explains a packet, and how long before its beginning it already does.
const GRACE: Duration = Duration::from_secs(2);

/// For how long a container had an address on a network: from `since` on, and before `until`.
#[derive(Clone, Debug)]
struct Lease {
    since: Timestamp,
    /// `None` while it still has it.
    until: Option<Timestamp>,
    container: Arc<Container>,
}

/// What one address meant on one network, in the order of `since`.
#[derive(Clone, Debug)]
struct History {
    network: NetworkId,
    leases: Vec<Lease>,
}

/// How well a lease explains a packet's time; the smaller the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Covers,
    EndedBefore,
    BeginsAfter,
}

/// Every lease there is, and those that ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases {
    /// An address's histories are sorted by network.
    by_address: HashMap<IpAddr, Arc<Vec<History>>>,
    /// The addresses of ended leases, in the order in which they were ended.
    ended: VecDeque<(IpAddr, NetworkId)>,
    forgotten: u64,
}

impl Leases {
    /// See [`Directory::container_at`](crate::docker::Directory::container_at).
    pub(crate) fn container_at(
        &self,
        network: Option<&NetworkId>,
        address: IpAddr,
        at: Timestamp,
    ) -> Option<&Arc<Container>> {
        let histories = self.by_address.get(&address)?;
        if let Some(network) = network {
            let history = histories.get(position(histories, network).ok()?)?;
            return history.best(at).map(|(_, container)| container);
        }
        let mut best: Option<(Fit, &Arc<Container>)> = None;
        let mut is_ambiguous = false;
        for (fit, container) in histories.iter().filter_map(|history| history.best(at)) {
            match best {
                Some((before, _)) if before < fit => {}
                Some((before, _)) if before == fit => is_ambiguous = true,
                _ => (best, is_ambiguous) = (Some((fit, container)), false),
            }
        }
        best.filter(|_| !is_ambiguous).map(|(_, container)| container)
    }

    /// See [`Directory::settled_from`](crate::docker::Directory::settled_from).
    pub(crate) fn settled_from(&self, address: IpAddr) -> Timestamp {
        let histories = self.by_address.get(&address).map(|histories| histories.as_slice()).unwrap_or_default();
        let leases = histories.iter().flat_map(|history| &history.leases);
        leases.map(|lease| lease.until.map_or(lease.since, |until| until + GRACE)).max().unwrap_or(Timestamp::ZERO)
    }

    /// See [`Directory::is_known_at`](crate::docker::Directory::is_known_at).
    pub(crate) fn is_known_at(&self, network: &NetworkId, address: IpAddr, at: Timestamp) -> bool {
        let history = || {
            let histories = self.by_address.get(&address)?;
            histories.get(position(histories, network).ok()?)
        };
        history().and_then(|history| history.best(at)).is_some_and(|(fit, _)| fit != Fit::EndedBefore)
    }

    /// `container` has all of its addresses from `at` on.
    pub(crate) fn open(&mut self, container: &Arc<Container>, at: Timestamp) {
        for (network, address) in places(container) {
            let histories = Arc::make_mut(self.by_address.entry(address).or_default());
            let lease = Lease { since: at, until: None, container: Arc::clone(container) };
            match position(histories, network) {
                Ok(found) => {
                    if let Some(history) = histories.get_mut(found) {
                        let after = history.leases.partition_point(|other| other.since <= at);
                        history.leases.insert(after, lease);
                    }
                }
                Err(_) if histories.len() >= MAX_NETWORKS_OF_AN_ADDRESS => self.forgotten += 1,
                Err(place) => histories.insert(place, History { network: network.clone(), leases: vec![lease] }),
            }
        }
    }

    /// `container` has none of its addresses from `at` on.
    pub(crate) fn close(&mut self, container: &Arc<Container>, at: Timestamp) {
        for (network, address) in places(container) {
            let Some(histories) = self.by_address.get_mut(&address) else { continue };
            let histories = Arc::make_mut(histories);
            let Ok(found) = position(histories, network) else { continue };
            let Some(history) = histories.get_mut(found) else { continue };
            if history.end(container, at) {
                self.ended.push_back((address, network.clone()));
            } else if history.leases.is_empty() {
                histories.remove(found);
            }
            if histories.is_empty() {
                self.by_address.remove(&address);
            }
        }
        while self.ended.len() > MAX_PAST_LEASES {
            self.forget_oldest();
        }
    }

    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn forget_oldest(&mut self) {
        let Some((address, network)) = self.ended.pop_front() else { return };
        self.forgotten += 1;
        let Some(histories) = self.by_address.get_mut(&address) else { return };
        let histories = Arc::make_mut(histories);
        let Ok(found) = position(histories, &network) else { return };
        let Some(history) = histories.get_mut(found) else { return };
        if let Some(oldest) = history.leases.iter().position(|lease| lease.until.is_some()) {
            history.leases.remove(oldest);
        }
        if history.leases.is_empty() {
            histories.remove(found);
        }
        if histories.is_empty() {
            self.by_address.remove(&address);
        }
    }
}

impl History {
    /// The lease that explains `at` best.
    fn best(&self, at: Timestamp) -> Option<(Fit, &Arc<Container>)> {
        let begun = self.leases.partition_point(|lease| lease.since <= at);
        let (earlier, later) = self.leases.split_at_checked(begun)?;
        if let Some(last) = earlier.last() {
            match last.until {
                Some(until) if until <= at && at.since(until) >= GRACE => {}
                Some(until) if until <= at => return Some((Fit::EndedBefore, &last.container)),
                _ => return Some((Fit::Covers, &last.container)),
            }
        }
        let next = later.first().filter(|lease| lease.since.since(at) <= GRACE)?;
        Some((Fit::BeginsAfter, &next.container))
    }

    /// Ends the open lease of `container`; false where there is none, or it was so short that it is gone.
    fn end(&mut self, container: &Arc<Container>, at: Timestamp) -> bool {
        let is_open = |lease: &Lease| lease.until.is_none() && Arc::ptr_eq(&lease.container, container);
        let Some(index) = self.leases.iter().rposition(is_open) else { return false };
        match self.leases.get_mut(index) {
            Some(lease) if lease.since < at => {
                lease.until = Some(at);
                true
            }
            _ => {
                self.leases.remove(index);
                false
            }
        }
    }
}

fn position(histories: &[History], network: &NetworkId) -> Result<usize, usize> {
    histories.binary_search_by(|history| history.network.cmp(network))
}

fn places(container: &Container) -> impl Iterator<Item = (&NetworkId, IpAddr)> {
    container.endpoints.iter().flat_map(|place| place.addresses.iter().map(|address| (&place.network, *address)))
}
