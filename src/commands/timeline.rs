//! Who is who in a capture file, and from which packet on.
//!
//! A recording holds packets back, so what the daemon told overtook them in the file. Who comes is known at once: its first
//! packets may be from before the daemon's word. Who goes, or is called otherwise, is so from its moment on: until then
//! lines have the old name, as those of the live log had.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::docker::{Container, Directory, Snapshot};
use crate::time::Timestamp;

/// Changes that wait for their moment; of more, the first is taken for true before it.
pub(super) const MAX_COMING: usize = 16;
/// Bytes of what the file told of them; one takes several times as much memory.
const MAX_BYTES: usize = 8 << 20;
/// How much later than the daemon says a name goes: a line is told up to so long after its packet, with the names of then.
const LATER: Duration = Duration::from_millis(50);

/// The Directories of a file, as they hold one after the other.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// The one that holds now.
    holds: Option<Arc<Directory>>,
    /// Those that follow, and are known already.
    coming: VecDeque<Coming>,
}

/// A Directory that is known before its time.
#[derive(Debug)]
struct Coming {
    directory: Arc<Directory>,
    /// Bytes of what told of it.
    bytes: usize,
}

impl Timeline {
    /// The file tells of another state, in so many bytes.
    pub fn learn(&mut self, snapshot: Snapshot, bytes: usize) {
        let latest = self.coming.back().map(|coming| &coming.directory).or(self.holds.as_ref());
        let directory = Arc::new(snapshot.apply(latest.map(Arc::as_ref)));
        if self.holds.is_none() {
            self.holds = Some(directory);
            return;
        }
        self.coming.push_back(Coming { directory, bytes });
        let is_too_much = |coming: &VecDeque<Coming>| {
            coming.len() > MAX_COMING || coming.iter().map(|coming| coming.bytes).sum::<usize>() > MAX_BYTES
        };
        while is_too_much(&self.coming)
            && let Some(first) = self.coming.pop_front()
        {
            self.holds = Some(first.directory);
        }
    }

    /// When something else holds, if that is known.
    pub fn next(&self) -> Option<Timestamp> {
        self.coming.front().map(|next| next.directory.as_of() + LATER)
    }

    /// It is this late.
    pub fn pass(&mut self, now: Timestamp) {
        while let Some(next) = self.coming.pop_front_if(|next| next.directory.as_of() + LATER <= now) {
            self.holds = Some(next.directory);
        }
    }

    /// Who is known now: who is there, and who comes.
    pub fn known(&self) -> Option<Arc<Directory>> {
        let holds = self.holds.as_ref()?;
        let Some(last) = self.coming.back().map(|last| &last.directory) else { return Some(Arc::clone(holds)) };
        let mut networks: BTreeMap<_, _> = BTreeMap::new();
        let mut containers: BTreeMap<_, Arc<Container>> = BTreeMap::new();
        let mut addresses = Vec::new();
        for directory in std::iter::once(holds).chain(self.coming.iter().map(|coming| &coming.directory)) {
            addresses.extend_from_slice(directory.host_addresses());
            for network in directory.networks() {
                networks.entry(network.id.clone()).or_insert_with(|| network.as_ref().clone());
            }
            for container in directory.containers() {
                let known = containers.entry(container.id.clone()).or_insert_with(|| Arc::clone(container));
                if is_more(container, known) {
                    *known = Arc::clone(container);
                }
            }
        }
        let containers = containers.into_values().map(|container| container.as_ref().clone()).collect();
        let networks = networks.into_values().collect();
        Some(Arc::new(holds.updated(networks, containers, addresses, last.as_of())))
    }
}

/// Whether it is the same container, on all its networks and perhaps others.
fn is_more(container: &Container, known: &Container) -> bool {
    let still = |network| container.endpoints.iter().any(|endpoint| endpoint.network == network);
    container.name == known.name && known.endpoints.iter().all(|endpoint| still(endpoint.network.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::{ContainerId, Endpoint, NetworkId};

    fn container(id: &str, name: &str, networks: &[&str]) -> Container {
        let endpoint = |network: &&str| Endpoint {
            network: NetworkId((*network).into()),
            addresses: Vec::new(),
            mac: None,
            aliases: Vec::new(),
        };
        Container {
            id: ContainerId(id.into()),
            name: name.to_owned(),
            image: String::new(),
            compose: None,
            endpoints: networks.iter().map(endpoint).collect(),
            published: Vec::new(),
            links: Vec::new(),
            namespace: None,
        }
    }

    fn snapshot(at_ms: u64, containers: Vec<Container>) -> Snapshot {
        let at = ms(at_ms);
        Snapshot { at, host_addresses: Vec::new(), networks: Vec::new(), containers }
    }

    fn ms(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    fn names(timeline: &Timeline) -> String {
        let known = timeline.known().unwrap();
        let name = |container: &Arc<Container>| format!("{}/{}", container.name, container.endpoints.len());
        known.containers().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn who_comes_is_known_at_once_and_who_goes_in_its_place() {
        let mut timeline = Timeline::default();
        assert!(timeline.known().is_none());
        timeline.learn(snapshot(1000, vec![container("1", "old", &["n"])]), 100);
        timeline.learn(snapshot(2000, vec![container("1", "old", &["n"]), container("2", "late", &[])]), 100);
        timeline.learn(snapshot(3000, vec![container("2", "late", &["n"])]), 100);
        timeline.learn(snapshot(4000, vec![container("2", "renamed", &["n"]), container("3", "last", &[])]), 100);
        assert_eq!((names(&timeline).as_str(), timeline.next()), ("last/0 late/1 old/1", Some(ms(2050))));
        timeline.pass(ms(3049));
        assert_eq!((names(&timeline).as_str(), timeline.next()), ("last/0 late/1 old/1", Some(ms(3050))));
        timeline.pass(ms(3050));
        assert_eq!(names(&timeline), "last/0 late/1");
        timeline.pass(Timestamp::MAX);
        assert_eq!((names(&timeline).as_str(), timeline.next()), ("last/0 renamed/1", None));
    }

    #[test]
    fn a_container_keeps_a_network_until_it_has_left_it() {
        let mut timeline = Timeline::default();
        timeline.learn(snapshot(1000, vec![container("1", "a", &["n", "m"])]), 100);
        timeline.learn(snapshot(2000, vec![container("1", "a", &["m"])]), 100);
        assert_eq!(names(&timeline), "a/2");
        timeline.pass(ms(3000));
        assert_eq!(names(&timeline), "a/1");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut timeline = Timeline::default();
        for at in 0..200 {
            timeline.learn(snapshot(at, Vec::new()), 100);
        }
        assert_eq!(timeline.coming.len(), MAX_COMING);
        timeline.learn(snapshot(200, Vec::new()), MAX_BYTES);
        assert_eq!(timeline.coming.len(), 1, "a large one is as much as many");
        timeline.learn(snapshot(201, Vec::new()), MAX_BYTES + 1);
        assert_eq!((timeline.coming.len(), timeline.next()), (0, None), "it holds already");
    }
}
