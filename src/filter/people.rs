//! Who is meant by a word: containers by any of their names, and networks.

use std::net::{IpAddr, Ipv6Addr};

use ahash::AHashSet;

use crate::address::MacAddr;
use crate::docker::lookup::nearest;
use crate::docker::{Container, Directory, Endpoint, Lookup, Network, NetworkId, Subnet};
use crate::name::WELL_KNOWN;

/// As many addresses may a name stand for: libpcap takes a second for a filter of a thousand, and four for each twice as
/// long.
pub(super) const MAX_ADDRESSES: usize = 512;

/// Everything that a word stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub addresses: Vec<IpAddr>,
    pub macs: Vec<MacAddr>,
    pub subnets: Vec<Subnet>,
    /// It is a network, whose addresses are its subnets.
    pub is_network: bool,
}

/// Why a word stands for nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Nobody {
    /// Nothing is called that; the name that is most like it.
    Unknown(Option<String>),
    /// Several are; each with its id.
    Ambiguous(Vec<String>),
    /// It is of the other kind: a network where a host was expected, or the reverse.
    Network,
    Container,
    /// It is where no name can be.
    Misplaced,
    /// It has so many addresses.
    TooMany(usize),
    /// It is the name of an address, and a MAC address was expected.
    NoMac,
    /// It is there, but without an address of its own.
    NoAddress(String),
}

impl Found {
    /// The endpoints' addresses, and for IPv6 also those that an endpoint has beside the one that Docker gave it: its
    /// link-local one (RFC 4291, 2.5.6; the kernel makes it of the MAC address) and the group that it is looked for in
    /// (2.7.1), so that what ARP is to IPv4 is not missed.
    fn of<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Self {
        let mut found = Self::default();
        for endpoint in endpoints {
            found.macs.extend(endpoint.mac);
            found.addresses.extend(&endpoint.addresses);
            let v6: Vec<_> = endpoint
                .addresses
                .iter()
                .filter_map(|address| match address {
                    IpAddr::V6(v6) => Some(*v6),
                    IpAddr::V4(_) => None,
                })
                .collect();
            if !v6.is_empty() {
                let local = endpoint.mac.map(link_local);
                found.addresses.extend(local.iter().chain(&v6).map(|v6| IpAddr::V6(solicited_node(*v6))));
                found.addresses.extend(local.map(IpAddr::V6));
            }
        }
        found.addresses.sort_unstable();
        found.addresses.dedup();
        found
    }

    /// Single addresses, and what [`Found::of`] adds to them.
    pub fn of_addresses(addresses: Vec<IpAddr>) -> Self {
        let nowhere = NetworkId("".into());
        Self::of(std::iter::once(&Endpoint { network: nowhere, addresses, mac: None, aliases: Vec::new() }))
    }

    fn network(network: &Network) -> Self {
        Self { subnets: network.subnets.clone(), is_network: true, ..Self::default() }
    }

    fn well_known(word: &str, directory: &Directory) -> Option<Self> {
        let gateways = || directory.networks().filter(|network| network.driver == "bridge").flat_map(|n| &n.gateways);
        let addresses = match word {
            "docker-dns" => vec![crate::decode::dns::DOCKER_DNS],
            "localhost" => vec![IpAddr::from([127, 0, 0, 1]), IpAddr::V6(Ipv6Addr::LOCALHOST)],
            "host" => directory.host_addresses().iter().chain(gateways()).copied().collect(),
            _ => return None,
        };
        let mut found = Self { addresses, ..Self::default() };
        found.addresses.sort_unstable();
        found.addresses.dedup();
        Some(found)
    }

    /// Without the addresses that containers have now: it is gone, and they went to others.
    pub fn without_those_of_others(&self, directory: &Directory) -> Self {
        let endpoints = || directory.containers().flat_map(|container| &container.endpoints);
        let addresses: AHashSet<_> = endpoints().flat_map(|endpoint| &endpoint.addresses).collect();
        let macs: AHashSet<_> = endpoints().filter_map(|endpoint| endpoint.mac).collect();
        let mut left = self.clone();
        left.addresses.retain(|address| !addresses.contains(address));
        left.macs.retain(|mac| !macs.contains(mac));
        left
    }

    /// Itself, where libpcap can do something with it.
    pub fn usable(self, name: &str) -> Result<Self, Nobody> {
        match if self.is_network { self.subnets.len() } else { self.addresses.len() } {
            0 => Err(Nobody::NoAddress(name.to_owned())),
            1..=MAX_ADDRESSES => Ok(self),
            many => Err(Nobody::TooMany(many)),
        }
    }
}

/// The host of that name: a container, Docker's name service and the like, a compose service, an alias on a network, or
/// the beginning of an id, the first that there is.
pub(super) fn host(directory: &Directory, word: &str) -> Result<Found, Nobody> {
    if let Some(container) = directory.container_by_name(word) {
        return Found::of(container.endpoints.iter()).usable(word);
    }
    if let Some(found) = Found::well_known(word, directory) {
        return found.usable(word);
    }
    match service(directory, word) {
        Err(Nobody::Unknown(_)) => {}
        found => return found,
    }
    let named = directory.containers().flat_map(|container| container.endpoints.iter().map(move |at| (container, at)));
    let aliases: Vec<_> = named.filter(|(container, at)| is_called(directory, container, at, word)).collect();
    if !aliases.is_empty() {
        return Found::of(aliases.into_iter().map(|(_, endpoint)| endpoint)).usable(word);
    }
    match directory.find_container(word) {
        Lookup::Found(container) => Found::of(container.endpoints.iter()).usable(&container.name),
        Lookup::Ambiguous(names) => Err(Nobody::Ambiguous(names)),
        Lookup::NotFound { .. } if directory.network_by_name(word).is_some() => Err(Nobody::Network),
        Lookup::NotFound { .. } => Err(Nobody::Unknown(nearest(host_names(directory), word))),
    }
}

/// The containers of a compose service.
pub(super) fn service(directory: &Directory, word: &str) -> Result<Found, Nobody> {
    let service = |container: &Container| container.compose.as_ref().map(|(_, service)| service.as_str() == word);
    let mut containers = directory.containers().filter(|container| service(container) == Some(true)).peekable();
    if containers.peek().is_none() {
        return Err(Nobody::Unknown(nearest(services(directory), word)));
    }
    Found::of(containers.flat_map(|container| &container.endpoints)).usable(word)
}

/// The network of that name or id.
pub(super) fn network(directory: &Directory, word: &str) -> Result<Found, Nobody> {
    match directory.find_network(word) {
        Lookup::Found(network) => Found::network(&network).usable(&network.name),
        Lookup::Ambiguous(names) => Err(Nobody::Ambiguous(names)),
        Lookup::NotFound { .. } if directory.container_by_name(word).is_some() => Err(Nobody::Container),
        Lookup::NotFound { nearest } => Err(Nobody::Unknown(nearest)),
    }
}

/// Who is meant where both a host and a network may stand.
pub(super) fn host_or_network(directory: &Directory, word: &str) -> Result<Found, Nobody> {
    match host(directory, word) {
        Err(Nobody::Network) => network(directory, word),
        Err(Nobody::Unknown(host)) => match network(directory, word) {
            Err(Nobody::Unknown(network)) => Err(Nobody::Unknown(host.or(network))),
            other => other,
        },
        other => other,
    }
}

/// Whether the name service answers for a container on that network when asked for the word: by an alias, or by a name
/// with the network's behind it.
pub(super) fn is_called(directory: &Directory, container: &Container, endpoint: &Endpoint, word: &str) -> bool {
    let is_name = |word: &str| endpoint.aliases.iter().any(|alias| alias == word);
    let network = || directory.network(&endpoint.network);
    let short = || network().and_then(|network| word.strip_suffix(network.name.as_str())?.strip_suffix('.'));
    is_name(word) || word.contains('.') && short().is_some_and(|word| container.name == word || is_name(word))
}

/// Every name that a host may be called by.
pub(super) fn host_names(directory: &Directory) -> impl Iterator<Item = &str> {
    let aliases = directory.containers().flat_map(|container| &container.endpoints).flat_map(|at| &at.aliases);
    let containers = directory.containers().map(|container| container.name.as_str());
    containers.chain(services(directory)).chain(aliases.map(String::as_str)).chain(WELL_KNOWN.iter().copied())
}

fn services(directory: &Directory) -> impl Iterator<Item = &str> {
    directory.containers().filter_map(|container| container.compose.as_ref()).map(|(_, service)| service.as_str())
}

/// The address that the kernel makes of a MAC address (RFC 4291, appendix A).
fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0.map(u16::from);
    Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f)
}

/// The group in which an address is looked for (RFC 4291, 2.7.1).
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0001_ff00_0000 | address.to_bits() & 0xff_ffff)
}

#[cfg(test)]
mod tests {
    use super::super::testing::directory;
    use super::*;

    fn addresses(word: &str) -> String {
        match host_or_network(&directory(), word) {
            Ok(found) if found.is_network => {
                found.subnets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
            Ok(found) => found.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(nobody) => format!("{nobody:?}"),
        }
    }

    #[test]
    fn a_word_is_looked_for_in_one_order() {
        for (word, expected) in [
            ("container_a", "172.18.0.2 172.19.0.2"),
            ("db", "172.18.0.3"),
            ("db.my_bridge", "172.18.0.3"),
            ("container_a.other", "172.19.0.2"),
            ("web", "172.18.0.4 172.18.0.5"),
            ("c1c1", "172.18.0.2 172.19.0.2"),
            ("docker-dns", "127.0.0.11"),
            ("host", "10.88.0.1 172.18.0.1"),
            ("my_bridge", "172.18.0.0/16"),
            ("six", "172.18.0.6 fd00::6 fe80::42:acff:fe12:6 ff02::1:ff00:6 ff02::1:ff12:6"),
            ("on_host", r#"NoAddress("on_host")"#),
            ("c", r#"Ambiguous(["container_a (c1c1c1c1c1c1)", "container_b (c2c2c2c2c2c2)"])"#),
            ("containr_a", r#"Unknown(Some("container_a"))"#),
            ("my_brige", r#"Unknown(Some("my_bridge"))"#),
            ("zzz", "Unknown(None)"),
        ] {
            assert_eq!(addresses(word), expected, "{word}");
        }
    }

    #[test]
    fn a_name_of_too_many_is_refused() {
        let addresses =
            |count: u32| Found { addresses: (0..count).map(|n| IpAddr::V4(n.into())).collect(), ..Found::default() };
        assert!(addresses(512).usable("web").is_ok());
        assert_eq!(addresses(513).usable("web"), Err(Nobody::TooMany(513)));
    }

    #[test]
    fn what_went_to_others_is_theirs() {
        let directory = directory();
        let gone = Found {
            addresses: ["172.18.0.2", "172.18.0.99"].map(|text| text.parse().unwrap()).into(),
            ..Found::default()
        };
        assert_eq!(gone.without_those_of_others(&directory).addresses, gone.addresses[1..]);
    }
}
