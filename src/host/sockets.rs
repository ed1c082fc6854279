//! Which container has a socket of the host: containers on the host's network have no address of their own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};

use super::diag::{Diag, Family, Found, LISTEN, Question, WITH_PROCESS};
use super::kept::KeptSocket;
use super::processes::Processes;
use super::{Error, Protocol};

/// How many endpoints are remembered: some 10 MiB when full.
const MAX_ENDPOINTS: usize = 65_536;
/// How many descriptors are looked at in one refresh: about half a second.
const MAX_DESCRIPTORS: usize = 262_144;

type Owner = Option<Arc<str>>;

/// Whose the sockets of the program's own network namespace are, as of the last [`refresh`](Self::refresh).
///
/// Refresh it when a container on the host's network starts or restarts, half a second later (it has to begin to listen
/// first), and then every few seconds while something is watched; also when [`owner`](SocketOwners::owner) has nothing for a
/// local address and the last refresh is some seconds old. Never for each packet: it reads a file of every process.
pub struct LocalSockets {
    diag: Diag,
    processes: Processes,
    owners: SocketOwners,
}

/// Which containers have the sockets of the host, by protocol, address and port.
#[derive(Clone, Debug, Default)]
pub struct SocketOwners(AHashMap<(Protocol, SocketAddr), Owner>);

/// What a refresh found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Endpoints that belong to a container.
    pub of_containers: usize,
    /// Endpoints that found no room, or were not looked for among too many descriptors; those that listen come first.
    pub lost: usize,
    /// Processes of containers whose sockets may not be seen: run as root.
    pub unreadable: usize,
}

impl LocalSockets {
    /// Nothing is known before the first refresh.
    ///
    /// # Errors
    /// No `/proc`, or a kernel without `sock_diag`.
    pub fn open() -> Result<Self, Error> {
        Ok(Self { diag: Diag::open()?, processes: Processes::new()?, owners: SocketOwners::default() })
    }

    /// Looks at all sockets, and at the processes of containers that are in this network namespace.
    ///
    /// # Errors
    /// The kernel's table or `/proc` cannot be read; what was known stays.
    pub fn refresh(&mut self) -> Result<Refreshed, Error> {
        let mut sockets = self.sockets()?;
        let mut refreshed = Refreshed::default();
        let owners = self.owners_by_inode(&mut refreshed)?;
        // One that was closed before the descriptors were read looks like the host's own, and is nobody's.
        let still: AHashSet<_> = self.sockets()?.into_iter().map(|(_, found)| found.inode).collect();
        sockets.retain(|(_, found)| owners.contains_key(&found.inode) || still.contains(&found.inode));
        self.owners = SocketOwners(endpoints(sockets, &owners, &mut refreshed));
        Ok(refreshed)
    }

    /// All sockets that may have a process.
    fn sockets(&mut self) -> Result<Vec<(Protocol, Found)>, Error> {
        let mut sockets = Vec::new();
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            for family in Family::BOTH {
                let question = Question { protocol, family, states: WITH_PROCESS, local_port: 0, remote_port: 0 };
                let found = self.diag.sockets(&question)?;
                sockets.extend(found.into_iter().map(|found| (protocol, found)));
            }
        }
        Ok(sockets)
    }

    /// Whose the sockets are.
    pub const fn owners(&self) -> &SocketOwners {
        &self.owners
    }

    /// The containers of this network namespace, by the inode of each of their sockets.
    fn owners_by_inode(&self, refreshed: &mut Refreshed) -> Result<AHashMap<u32, Owner>, Error> {
        let mut owners: AHashMap<u32, Owner> = AHashMap::new();
        let mut left = MAX_DESCRIPTORS;
        for id in self.processes.ids()? {
            // Most processes of most machines are in no container: one small file is all that is read of them.
            let Some(container) = self.processes.container(id).map(Arc::<str>::from) else { continue };
            let sockets = match self.processes.is_in_this_network(id) {
                Ok(false) => continue,
                Ok(true) => self.processes.sockets(id),
                Err(error) => Err(error),
            };
            let sockets = match sockets {
                Ok(sockets) => sockets,
                // One that has ended meanwhile is no loss.
                Err(error) => {
                    refreshed.unreadable += usize::from(error.kind() == std::io::ErrorKind::PermissionDenied);
                    continue;
                }
            };
            refreshed.lost += sockets.len().saturating_sub(left);
            for inode in sockets.into_iter().take(left) {
                left -= 1;
                agree(owners.entry(inode).or_insert_with(|| Some(container.clone())), Some(&container));
            }
        }
        Ok(owners)
    }
}

impl SocketOwners {
    /// The id of the container whose process has a local address and port: 64 hexadecimal digits. `None` where it is no
    /// container's, or not known; also where processes of several containers share it (`SO_REUSEPORT`).
    ///
    /// The address is to be one of this machine: a socket on any address is found by each of them.
    pub fn owner(&self, protocol: Protocol, address: IpAddr, port: u16) -> Option<&str> {
        let address = address.to_canonical();
        let any_v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let any = if address.is_ipv4() { any_v4 } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let find = |address| self.0.get(&(protocol, SocketAddr::new(address, port)));
        find(address).or_else(|| find(any))?.as_deref()
    }

    /// As a capture file keeps them: those of containers, and those that stand before one. At most `max` of them, and
    /// whether that was all.
    pub fn kept(&self, max: usize) -> (Vec<KeptSocket>, bool) {
        let of_containers: AHashSet<_> = self
            .0
            .iter()
            .filter(|(_, owner)| owner.is_some())
            .map(|((protocol, local), _)| (*protocol, local.port()))
            .collect();
        let matters = |(protocol, local): &(Protocol, SocketAddr)| of_containers.contains(&(*protocol, local.port()));
        let mut kept: Vec<_> = self
            .0
            .iter()
            .filter(|(key, _)| matters(key))
            .map(|(&(protocol, local), owner)| KeptSocket {
                protocol: protocol.into(),
                local,
                container: owner.as_deref().map(str::to_owned),
            })
            .collect();
        kept.sort_unstable();
        let is_all = kept.len() <= max;
        kept.truncate(max);
        (kept, is_all)
    }

    /// Those that a capture file has kept.
    pub fn read(kept: &[KeptSocket]) -> Self {
        let owner = |socket: &KeptSocket| socket.container.as_deref().map(Arc::from);
        Self(kept.iter().map(|socket| ((socket.protocol.into(), socket.local), owner(socket))).collect())
    }
}

/// Nobody is the owner of what two have.
fn agree(owner: &mut Owner, other: Option<&Arc<str>>) {
    if owner.as_ref() != other {
        *owner = None;
    }
}

/// What each endpoint belongs to. The host's own are kept where they stand before a container's socket on any address.
fn endpoints(
    mut sockets: Vec<(Protocol, Found)>,
    owners: &AHashMap<u32, Owner>,
    refreshed: &mut Refreshed,
) -> AHashMap<(Protocol, SocketAddr), Owner> {
    // A connected socket of UDP is established, one that serves is in state CLOSE (7).
    sockets.sort_by_key(|(_, found)| found.state != LISTEN && found.remote.port() != 0);
    let mut endpoints: AHashMap<(Protocol, SocketAddr), Owner> = AHashMap::new();
    for (protocol, found) in sockets {
        // Nobody has accepted it yet.
        if found.inode == 0 {
            continue;
        }
        let owner = owners.get(&found.inode).cloned().flatten();
        for local in locals(&found) {
            let is_room = endpoints.len() < MAX_ENDPOINTS;
            match endpoints.get_mut(&(protocol, local)) {
                Some(known) => agree(known, owner.as_ref()),
                None if is_room => drop(endpoints.insert((protocol, local), owner.clone())),
                None => refreshed.lost += usize::from(owner.is_some()),
            }
        }
    }
    refreshed.of_containers = endpoints.values().filter(|owner| owner.is_some()).count();
    endpoints
}

/// A socket on any IPv6 address mostly takes IPv4 too.
fn locals(found: &Found) -> impl Iterator<Item = SocketAddr> {
    let is_any = found.local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), found.local.port());
    [Some(found.local), (is_any && found.is_dual).then_some(v4)].into_iter().flatten()
}

#[cfg(test)]
#[path = "sockets_tests.rs"]
mod tests;
