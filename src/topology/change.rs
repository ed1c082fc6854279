//! What is different between two topologies.

use std::net::IpAddr;

use serde::Serialize;

use super::{Attachment, Network, Topology};

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A network was made, or is asked for from now on.
    NetworkCreated {
        /// The network as it is now.
        network: Box<Network>,
    },
    /// A network is no more.
    NetworkRemoved {
        /// Its name.
        network: String,
        /// Its id.
        network_id: String,
    },
    /// Something of a network itself is different: its interface went down, say.
    NetworkChanged {
        /// The network as it is now.
        network: Box<Network>,
        /// The names of what is different, as in the network's JSON.
        what: Vec<&'static str>,
    },
    /// A container is on a network on which it was not.
    Joined {
        /// The network's name.
        network: String,
        /// Its id.
        network_id: String,
        /// The container's place there.
        container: Box<Attachment>,
    },
    /// A container is not on a network any more: it stopped, or was disconnected.
    Left {
        /// The network's name.
        network: String,
        /// Its id.
        network_id: String,
        /// The container's place as it was.
        container: Box<Attachment>,
    },
    /// Something of a container's place is different.
    Changed {
        /// The network's name.
        network: String,
        /// Its id.
        network_id: String,
        /// The container's place as it is now.
        container: Box<Attachment>,
        /// The names of what is different, as in the container's JSON.
        what: Vec<&'static str>,
        /// What the container was called.
        old_name: String,
        /// The addresses it had.
        old_addresses: Vec<IpAddr>,
    },
}

/// What changed from `old` to `new`: first what went, then what came, in the order of names.
pub fn changes(old: &Topology, new: &Topology) -> Vec<Change> {
    let (mut went, mut came) = (Vec::new(), Vec::new());
    for before in &old.networks {
        match new.networks.iter().find(|network| network.id == before.id) {
            Some(now) => containers(before, now, &mut went, &mut came),
            None => {
                went.extend(before.containers.iter().map(|container| left(before, container)));
                went.push(Change::NetworkRemoved { network: before.name.clone(), network_id: before.id.clone() });
            }
        }
    }
    for now in &new.networks {
        if old.networks.iter().any(|network| network.id == now.id) {
            continue;
        }
        let alone = Network { containers: Vec::new(), ..now.clone() };
        came.push(Change::NetworkCreated { network: Box::new(alone) });
        came.extend(now.containers.iter().map(|container| joined(now, container)));
    }
    went.append(&mut came);
    went
}

/// What changed on a network that stays.
fn containers(before: &Network, now: &Network, went: &mut Vec<Change>, came: &mut Vec<Change>) {
    let what = network_differences(before, now);
    if !what.is_empty() {
        let alone = Network { containers: Vec::new(), ..now.clone() };
        came.push(Change::NetworkChanged { network: Box::new(alone), what });
    }
    for old in &before.containers {
        match now.containers.iter().find(|container| container.id == old.id) {
            None => went.push(left(before, old)),
            // It stopped and started between two looks: that is another place.
            Some(new) if is_moved(old, new) => {
                went.push(left(before, old));
                came.push(joined(now, new));
            }
            Some(new) => came.extend(changed(now, old, new)),
        }
    }
    let is_new = |container: &&Attachment| !before.containers.iter().any(|old| old.id == container.id);
    came.extend(now.containers.iter().filter(is_new).map(|container| joined(now, container)));
}

/// Whether the same container has another veth than before.
fn is_moved(old: &Attachment, new: &Attachment) -> bool {
    old.veth.is_some() && new.veth.is_some() && old.veth != new.veth
}

fn joined(network: &Network, container: &Attachment) -> Change {
    Change::Joined {
        network: network.name.clone(),
        network_id: network.id.clone(),
        container: Box::new(container.clone()),
    }
}

fn left(network: &Network, container: &Attachment) -> Change {
    Change::Left {
        network: network.name.clone(),
        network_id: network.id.clone(),
        container: Box::new(container.clone()),
    }
}

/// Interfaces are left out: one that is seen only now, or not any more, did not change.
fn changed(network: &Network, old: &Attachment, new: &Attachment) -> Option<Change> {
    let what = differences(&[
        ("name", old.name == new.name),
        ("addresses", old.addresses == new.addresses),
        ("mac", old.mac == new.mac),
        ("aliases", old.aliases == new.aliases),
        ("links", old.links == new.links),
        ("name_service", old.name_service == new.name_service),
        ("published", old.published == new.published),
    ]);
    (!what.is_empty()).then(|| Change::Changed {
        network: network.name.clone(),
        network_id: network.id.clone(),
        container: Box::new(new.clone()),
        what,
        old_name: old.name.clone(),
        old_addresses: old.addresses.clone(),
    })
}

/// Carrier and ports are left out: they follow the containers, which are told anyway.
fn network_differences(old: &Network, new: &Network) -> Vec<&'static str> {
    let state = |network: &Network| {
        let interface = network.interface.as_ref()?;
        Some((interface.name.clone(), interface.link.as_ref().map(|link| (link.index, link.mtu, link.up))))
    };
    differences(&[
        ("name", old.name == new.name),
        ("subnets", old.subnets == new.subnets),
        ("gateways", old.gateways == new.gateways),
        ("interface", state(old) == state(new)),
        ("options", old.options == new.options),
    ])
}

fn differences(compared: &[(&'static str, bool)]) -> Vec<&'static str> {
    compared.iter().filter(|(_, is_same)| !is_same).map(|(name, _)| *name).collect()
}
