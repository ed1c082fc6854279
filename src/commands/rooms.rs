//! The network namespaces of containers: who shares one, and which interfaces are in it.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::capture::interfaces::{Interface, interfaces};
use crate::capture::{Error, Namespace, NamespaceId, sandboxes};
use crate::docker::{Container, ContainerId, Directory, Endpoint, NetworkId};

/// The bridge of an overlay network in its hidden namespace (moby `libnetwork/drivers/overlay/ov_network.go`).
pub(super) const OVERLAY_BRIDGE: &str = "br0";

/// A network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Room {
    /// The program's own, which is taken for the host's.
    Host,
    /// Another.
    Of(NamespaceId),
    /// Another that this user may not see, by its path.
    Closed(PathBuf),
}

/// What is asked of the kernel; a made-up one in tests.
pub(super) trait Machine {
    /// The namespace at a path; nothing where there is none.
    fn room(&self, path: &Path) -> Option<Room>;
    /// The interfaces in it, as they were when its `endpoints` were last others than now.
    fn interfaces(&mut self, room: &Room, path: &Path, endpoints: &[Endpoint]) -> Result<Vec<Interface>, Error>;
    /// The hidden namespace of an overlay network, where its bridge is there and up.
    fn overlay(&self, network: &NetworkId) -> Option<PathBuf>;
}

/// The kernel itself. Listing interfaces takes a thread that enters the namespace, so it is remembered.
#[derive(Debug)]
pub(super) struct Kernel {
    own: Option<NamespaceId>,
    /// Where Docker keeps its namespaces.
    pub folder: PathBuf,
    listed: HashMap<Room, (Vec<Endpoint>, Vec<Interface>)>,
}

impl Default for Kernel {
    fn default() -> Self {
        Self { own: NamespaceId::own(), folder: PathBuf::from(sandboxes::FOLDER), listed: HashMap::new() }
    }
}

impl Kernel {
    /// An interface of that namespace came or went.
    pub fn forget(&mut self, room: &Room) {
        self.listed.remove(room);
    }

    /// Learns from a container where the daemon keeps its namespaces: it may have been given another `--exec-root`.
    pub fn learn_folder(&mut self, directory: &Directory) {
        let paths = directory.containers().filter_map(|container| container.namespace.as_deref());
        let known = paths.filter_map(|path| Path::new(path).parent()).find(|folder| folder.ends_with("netns"));
        if let Some(folder) = known {
            folder.clone_into(&mut self.folder);
        }
    }

    /// Forgets the namespaces that are no more.
    pub fn keep(&mut self, sandboxes: &Sandboxes) {
        self.listed.retain(|room, _| sandboxes.all.iter().any(|sandbox| sandbox.room == *room));
    }
}

impl Machine for Kernel {
    fn room(&self, path: &Path) -> Option<Room> {
        match NamespaceId::of(path) {
            Some(id) if Some(id) == self.own => Some(Room::Host),
            Some(id) => Some(Room::Of(id)),
            None => {
                let seen = std::fs::metadata(path);
                let is_closed = seen.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
                is_closed.then(|| Room::Closed(path.to_owned()))
            }
        }
    }

    fn interfaces(&mut self, room: &Room, path: &Path, endpoints: &[Endpoint]) -> Result<Vec<Interface>, Error> {
        if let Some((then, listed)) = self.listed.get(room)
            && then == endpoints
        {
            return Ok(listed.clone());
        }
        let found = Namespace::open(path)?.within(interfaces)??;
        let is_whole = endpoints.iter().all(|endpoint| found.iter().any(|one| is_at(one, endpoint)));
        // Docker connects a container to a network one step after the other.
        if is_whole && found.iter().all(|interface| interface.up) {
            self.listed.insert(room.clone(), (endpoints.to_vec(), found.clone()));
        }
        Ok(found)
    }

    fn overlay(&self, network: &NetworkId) -> Option<PathBuf> {
        let path = sandboxes::hidden(&self.folder, &network.0)?;
        let found = Namespace::open(&path).and_then(|namespace| namespace.within(interfaces));
        let is_up = |found: Vec<Interface>| found.iter().any(|one| one.name == OVERLAY_BRIDGE && one.up);
        match found {
            Ok(found) => found.is_ok_and(is_up).then_some(path),
            // Opening it will say why.
            Err(Error::NotEntered { .. }) => Some(path),
            Err(_) => None,
        }
    }
}

/// Whether an interface is that endpoint: by address, else by MAC address, which all `ipvlan` interfaces share with
/// their parent.
fn is_at(interface: &Interface, endpoint: &Endpoint) -> bool {
    let by_address = endpoint.addresses.iter().any(|address| interface.addresses.contains(address));
    by_address || endpoint.mac.is_some() && interface.mac == endpoint.mac
}

/// A network namespace and the containers in it.
#[derive(Clone, Debug)]
pub(super) struct Sandbox {
    pub room: Room,
    pub path: PathBuf,
    /// Whose it is first, then those that share it (`--network container:NAME`).
    pub containers: Vec<Arc<Container>>,
}

impl Sandbox {
    /// The name of the container whose it is.
    pub fn name(&self) -> &str {
        self.containers.first().map_or("", |container| container.name.as_str())
    }

    /// Its places on networks.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.containers.iter().flat_map(|container| &container.endpoints).cloned().collect()
    }

    /// Whether lookups in it go to Docker's name service.
    pub fn asks_docker(&self, directory: &Directory) -> bool {
        let mut endpoints = self.containers.iter().flat_map(|container| &container.endpoints);
        endpoints.any(|endpoint| directory.network(&endpoint.network).is_some_and(|network| network.name_service))
    }

    /// Whether it is the host's own.
    pub fn is_the_hosts(&self, directory: &Directory) -> bool {
        let mut endpoints = self.containers.iter().flat_map(|container| &container.endpoints);
        let by_driver =
            |endpoint: &Endpoint| directory.network(&endpoint.network).is_some_and(|found| found.driver == "host");
        self.room == Room::Host || endpoints.any(by_driver)
    }

    /// The network that an interface in it is on: by its endpoint, else by its subnet. `docker_gwbridge`, which connects
    /// containers of overlay networks to the outside, is no endpoint of theirs.
    pub fn network_of(&self, interface: &Interface, directory: &Directory) -> Option<NetworkId> {
        let endpoints = self.endpoints();
        let by_address =
            endpoints.iter().find(|found| found.addresses.iter().any(|own| interface.addresses.contains(own)));
        let endpoint = by_address.or_else(|| endpoints.iter().find(|endpoint| is_at(interface, endpoint)));
        let by_subnet = || interface.addresses.iter().find_map(|&address| directory.network_containing(address));
        let id = endpoint.map(|endpoint| endpoint.network.clone());
        id.or_else(|| by_subnet().map(|network| network.id.clone()))
    }
}

/// The network namespaces of all running containers.
#[derive(Clone, Debug, Default)]
pub(super) struct Sandboxes {
    all: Vec<Sandbox>,
    by_container: HashMap<ContainerId, usize>,
}

impl Sandboxes {
    /// Finds out who shares one with whom.
    pub fn of(directory: &Directory, machine: &dyn Machine) -> Self {
        let mut found = Self::default();
        let mut by_room: HashMap<Room, usize> = HashMap::new();
        for container in directory.containers() {
            let Some(path) = container.namespace.as_deref().map(PathBuf::from) else { continue };
            let Some(room) = machine.room(&path) else { continue };
            let index = *by_room.entry(room.clone()).or_insert(found.all.len());
            found.by_container.insert(container.id.clone(), index);
            match found.all.get_mut(index) {
                // Whose it is has endpoints; who shares it has none, and a path that ends with its process.
                Some(sandbox) if container.endpoints.is_empty() => sandbox.containers.push(Arc::clone(container)),
                Some(sandbox) => {
                    sandbox.containers.insert(0, Arc::clone(container));
                    sandbox.path = path;
                }
                None => found.all.push(Sandbox { room, path, containers: vec![Arc::clone(container)] }),
            }
        }
        found
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Sandbox> {
        self.all.iter()
    }

    /// The one that a container is in; nothing where it is on another machine.
    pub fn of_container(&self, id: &ContainerId) -> Option<&Sandbox> {
        self.all.get(*self.by_container.get(id)?)
    }
}
