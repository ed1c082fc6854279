//! The networks there are now, and the ways to find one of them. Every look-up is as fast with thousands of networks
//! as with one, because a hostile capture file can bring thousands.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::docker::directory::{Network, NetworkId, masked};

/// Option of an overlay network: the VXLAN network identifier of each of its subnets, with commas between them (moby,
/// libnetwork/netlabel/labels.go, `OverlayVxlanIDList`).
const VXLAN_IDS: &str = "com.docker.network.driver.overlay.vxlanid_list";

/// The networks, by id, name, interface, VNI, gateway and subnet.
#[derive(Clone, Debug, Default)]
pub(crate) struct NetworkIndex {
    by_id: HashMap<NetworkId, Arc<Network>>,
    /// By name, then id.
    sorted: Vec<Arc<Network>>,
    by_interface: HashMap<String, Arc<Network>>,
    by_vni: HashMap<u32, Arc<Network>>,
    by_gateway: HashMap<IpAddr, Arc<Network>>,
    by_subnet: HashMap<(IpAddr, u8), Arc<Network>>,
    /// The lengths of prefix that there are.
    prefixes: BTreeSet<u8>,
    broadcasts: HashSet<Ipv4Addr>,
}

impl NetworkIndex {
    /// The index of `networks`: `before` itself where nothing changed.
    pub(crate) fn replaced(before: &Arc<Self>, networks: Vec<Network>) -> Arc<Self> {
        let by_id: HashMap<_, _> = networks
            .into_iter()
            .map(|network| match before.by_id.get(&network.id) {
                Some(same) if **same == network => (network.id, Arc::clone(same)),
                _ => (network.id.clone(), Arc::new(network)),
            })
            .collect();
        if by_id == before.by_id { Arc::clone(before) } else { Arc::new(Self::of(by_id)) }
    }

    fn of(by_id: HashMap<NetworkId, Arc<Network>>) -> Self {
        let mut sorted: Vec<_> = by_id.values().cloned().collect();
        sorted.sort_unstable_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        let mut index = Self { by_id, ..Self::default() };
        // The first by name stays where several networks have the same subnet or gateway.
        for network in &sorted {
            if let Some(interface) = &network.interface {
                index.by_interface.entry(interface.clone()).or_insert_with(|| Arc::clone(network));
            }
            let vnis = network.options.get(VXLAN_IDS).into_iter().flat_map(|list| list.split(','));
            for vni in vnis.filter_map(|vni| vni.trim().parse().ok()) {
                index.by_vni.entry(vni).or_insert_with(|| Arc::clone(network));
            }
            for &gateway in &network.gateways {
                index.by_gateway.entry(gateway).or_insert_with(|| Arc::clone(network));
            }
            for subnet in &network.subnets {
                let key = (masked(subnet.address, subnet.prefix), subnet.prefix);
                index.by_subnet.entry(key).or_insert_with(|| Arc::clone(network));
                index.prefixes.insert(subnet.prefix);
                index.broadcasts.extend(subnet.broadcast());
            }
        }
        Self { sorted, ..index }
    }

    pub(crate) fn get(&self, id: &NetworkId) -> Option<&Arc<Network>> {
        self.by_id.get(id)
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Arc<Network>> {
        self.sorted.iter()
    }

    pub(crate) fn by_interface(&self, interface: &str) -> Option<&Arc<Network>> {
        self.by_interface.get(interface)
    }

    pub(crate) fn by_vni(&self, vni: u32) -> Option<&Arc<Network>> {
        self.by_vni.get(&vni)
    }

    pub(crate) fn by_gateway(&self, address: IpAddr) -> Option<&Arc<Network>> {
        self.by_gateway.get(&address)
    }

    /// By longest prefix, of which there are at most 129 different ones.
    pub(crate) fn containing(&self, address: IpAddr) -> Option<&Arc<Network>> {
        self.prefixes.iter().rev().find_map(|&prefix| self.by_subnet.get(&(masked(address, prefix), prefix)))
    }

    pub(crate) fn has_broadcast(&self, address: Ipv4Addr) -> bool {
        self.broadcasts.contains(&address)
    }
}
