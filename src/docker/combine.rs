//! Two Directories as one: what one of them knows fills in what the other does not.

use std::collections::HashSet;

use crate::docker::directory::{Container, ContainerId, Directory, Endpoint, Network, NetworkId};
use crate::docker::snapshot::Snapshot;

/// The state of `first`, and of `second` what does not contradict it; true from the same moment on as `first`.
///
/// A network of `second` is left out where `first` has one of the same id or name, and a container where `first` has one
/// of the same id or name. A container that is kept has no endpoint on a network that was left out, or with an address
/// that a container of `first` has on that network; one that has none left is left out too.
#[must_use]
pub fn combined(mut first: Snapshot, second: &Directory) -> Snapshot {
    let networks = missing_networks(&first.networks, second);
    first.networks.extend(networks);
    let known: HashSet<NetworkId> = first.networks.iter().map(|network| network.id.clone()).collect();
    let containers = missing_containers(&first.containers, second, &known);
    first.containers.extend(containers);
    first.host_addresses.extend(second.host_addresses());
    first.host_addresses.sort_unstable();
    first.host_addresses.dedup();
    first
}

fn missing_networks(first: &[Network], second: &Directory) -> Vec<Network> {
    let ids: HashSet<&NetworkId> = first.iter().map(|network| &network.id).collect();
    let names: HashSet<&str> = first.iter().map(|network| network.name.as_str()).collect();
    let is_missing = |network: &&Network| !ids.contains(&network.id) && !names.contains(network.name.as_str());
    second.networks().map(AsRef::as_ref).filter(is_missing).cloned().collect()
}

fn missing_containers(first: &[Container], second: &Directory, networks: &HashSet<NetworkId>) -> Vec<Container> {
    let ids: HashSet<&ContainerId> = first.iter().map(|container| &container.id).collect();
    let names: HashSet<&str> = first.iter().map(|container| container.name.as_str()).collect();
    let endpoints = first.iter().flat_map(|container| &container.endpoints);
    let taken: HashSet<_> =
        endpoints.flat_map(|at| at.addresses.iter().map(move |address| (&at.network, *address))).collect();
    let is_free = |endpoint: &Endpoint| {
        let mut addresses = endpoint.addresses.iter();
        networks.contains(&endpoint.network) && !addresses.any(|address| taken.contains(&(&endpoint.network, *address)))
    };
    let missing = second
        .containers()
        .filter(|container| !ids.contains(&container.id) && !names.contains(container.name.as_str()));
    missing
        .map(|container| {
            let endpoints = container.endpoints.iter().filter(|endpoint| is_free(endpoint)).cloned().collect();
            let had_none = container.endpoints.is_empty();
            (had_none, Container { endpoints, ..(**container).clone() })
        })
        .filter(|(had_none, container)| *had_none || !container.endpoints.is_empty())
        .map(|(_, container)| container)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::snapshot::read_snapshot;
    use crate::time::Timestamp;

    fn snapshot(networks: &str, containers: &str) -> Snapshot {
        read_snapshot(&format!(
            r#"{{"bridgetap_directory":1,"at":"2026-11-21T00:00:00Z","host_addresses":["10.0.0.1"],
            "networks":[{networks}],"containers":[{containers}]}}"#
        ))
        .unwrap()
    }

    fn container(id: &str, name: &str, network: &str, address: &str) -> String {
        format!(r#"{{"id":"{id}","name":"{name}","endpoints":[{{"network":"{network}","addresses":["{address}"]}}]}}"#)
    }

    fn names(snapshot: &Snapshot) -> Vec<String> {
        let networks = snapshot.networks.iter().map(|network| network.name.clone());
        networks
            .chain(snapshot.containers.iter().map(|container| format!("{}:{}", container.id.0, container.name)))
            .collect()
    }

    #[test]
    fn what_is_known_stays_and_what_is_missing_comes() {
        let (my_bridge, other) = (r#"{"id":"aa","name":"my_bridge"}"#, r#"{"id":"bb","name":"other"}"#);
        let first = snapshot(my_bridge, &container("c1", "web", "aa", "172.18.0.2"));
        let later = [
            container("c1", "renamed", "aa", "172.18.0.2"),
            container("c2", "taken", "aa", "172.18.0.2"),
            container("c3", "db", "aa", "172.18.0.3"),
            container("c4", "web", "bb", "172.19.0.2"),
            container("c5", "elsewhere", "bb", "172.18.0.2"),
            r#"{"id":"c6","name":"on_host"}"#.to_owned(),
        ];
        let second = snapshot(&format!("{my_bridge},{other}"), &later.join(",")).apply(None);
        let both = combined(first.clone(), &second);
        assert_eq!(names(&both), ["my_bridge", "other", "c1:web", "c3:db", "c5:elsewhere", "c6:on_host"]);
        assert_eq!(both.at, first.at);
        assert_eq!(both.host_addresses, first.host_addresses);
        let directory = both.apply(None);
        let found = directory.container_at(None, "172.18.0.3".parse().unwrap(), Timestamp::ZERO);
        assert_eq!(found.map(|found| found.name.as_str()), Some("db"));
    }

    #[test]
    fn another_network_of_that_name_is_left_out_with_all_that_is_on_it() {
        let first = snapshot(r#"{"id":"aa","name":"bridge"}"#, &container("c1", "web", "aa", "172.17.0.2"));
        let second = snapshot(r#"{"id":"bb","name":"bridge"}"#, &container("c2", "db", "bb", "172.17.0.2"));
        assert_eq!(names(&combined(first, &second.apply(None))), ["bridge", "c1:web"]);
    }
}
