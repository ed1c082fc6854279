//! Asks the daemon. Only GET requests are ever sent, and each has a time-out.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerState, EventMessage, SystemInfo, SystemVersion};
use bollard::query_parameters::{
    EventsOptionsBuilder, InspectContainerOptions, InspectNetworkOptions, ListContainersOptions,
    ListContainersOptionsBuilder, ListNetworksOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::stream::{self, Stream, StreamExt};

use crate::docker::api;
use crate::docker::connect::Endpoint;
use crate::docker::directory::{Container, ContainerId, Network, NetworkId};
use crate::docker::error::DaemonError;
use crate::docker::host::{HostInterfaces, namespace_of};
use crate::time::Timestamp;

/// Longest wait for any answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for one container's details while all are listed. A container that is just being started is locked
/// until it runs; what the list says of it must do meanwhile.
const DETAIL_TIMEOUT: Duration = Duration::from_secs(2);
/// How many containers are inspected at the same time.
pub(crate) const AT_ONCE: usize = 16;
/// How far back events are asked for: the daemon answers a little before it really subscribes.
const OVERLAP: Duration = Duration::from_secs(2);
/// Wait for the first event, of which Podman sends not even the header before it happens: as good as for ever.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// All that a Directory is made of.
pub(crate) struct Listing {
    pub(crate) networks: Vec<Network>,
    pub(crate) containers: Vec<Container>,
}

/// A daemon that has answered.
#[derive(Clone)]
pub(crate) struct Daemon {
    client: Docker,
    endpoint: String,
    is_local: bool,
}

impl Daemon {
    /// Connects, and agrees on the version of the API.
    pub(crate) async fn connect(endpoint: &Endpoint) -> Result<Self, DaemonError> {
        let name = endpoint.to_string();
        let client = client(endpoint).map_err(|error| DaemonError::from_client(&name, &error))?;
        let mut daemon = Self { client: client.clone(), endpoint: name, is_local: endpoint.may_be_local() };
        // An older daemon refuses paths of a newer version, but for this one.
        let answer = tokio::time::timeout(TIMEOUT, client.negotiate_version()).await;
        daemon.client = daemon.judge(answer)?;
        Ok(daemon)
    }

    /// What happens to containers and networks, from shortly before `now` on; ends when the daemon does.
    pub(crate) fn events(&self, now: Timestamp) -> impl Stream<Item = Result<EventMessage, DaemonError>> + use<> {
        let types = vec!["container".to_owned(), "network".to_owned()];
        let since = now.saturating_sub(OVERLAP).to_string();
        let options = EventsOptionsBuilder::new().since(&since).filters(&[("type".to_owned(), types)].into());
        let endpoint = self.endpoint.clone();
        self.client
            .clone()
            .with_timeout(FOREVER)
            .events(Some(options.build()))
            .map(move |event| event.map_err(|error| DaemonError::from_events(&endpoint, &error)))
    }

    /// Whether it still answers.
    pub(crate) async fn ping(&self) -> Result<(), DaemonError> {
        self.ask(self.client.ping()).await.map(|_| ())
    }

    /// Its versions.
    pub(crate) async fn version(&self) -> Result<SystemVersion, DaemonError> {
        self.ask(self.client.version()).await
    }

    /// What it says of itself and its machine.
    pub(crate) async fn info(&self) -> Result<SystemInfo, DaemonError> {
        self.ask(self.client.info()).await
    }

    /// Every network and every running container.
    pub(crate) async fn list(&self, host: &HostInterfaces) -> Result<Listing, DaemonError> {
        let networks = self.ask(self.client.list_networks(None::<ListNetworksOptions>)).await?;
        let networks = networks.into_iter().filter_map(|found| api::network(found, host)).collect();
        let listed = self.ask(self.client.list_containers(None::<ListContainersOptions>)).await?;
        let containers = stream::iter(listed.into_iter().filter_map(api::container_of_list))
            .map(|listed| self.details(listed))
            .buffer_unordered(AT_ONCE)
            .filter_map(|found| async { found })
            .collect()
            .await;
        Ok(Listing { networks, containers })
    }

    /// Every container that does not run, by name and id.
    pub(crate) async fn list_stopped(&self) -> Result<Vec<(String, ContainerId)>, DaemonError> {
        let states = ["created", "exited", "dead"].map(str::to_owned).to_vec();
        let options = ListContainersOptionsBuilder::new().all(true).filters(&[("status".to_owned(), states)].into());
        let listed = self.ask(self.client.list_containers(Some(options.build()))).await?;
        let containers = listed.into_iter().filter_map(api::container_of_list);
        Ok(containers.map(|container| (container.name, container.id)).collect())
    }

    /// How a container stopped; nothing where there is none any more.
    pub(crate) async fn state(&self, id: &ContainerId) -> Result<Option<ContainerState>, DaemonError> {
        let request = self.client.inspect_container(&id.0, None::<InspectContainerOptions>);
        Ok(self.unless_missing(request).await?.and_then(|found| found.state))
    }

    /// A listed container with all that is known of it; nothing where it is gone by now.
    async fn details(&self, listed: Container) -> Option<Container> {
        let inspected = tokio::time::timeout(DETAIL_TIMEOUT, self.container(&listed.id)).await;
        match inspected {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => Some(listed),
        }
    }

    /// A running container; nothing where there is none, or it does not run.
    pub(crate) async fn container(&self, id: &ContainerId) -> Result<Option<Container>, DaemonError> {
        let request = self.client.inspect_container(&id.0, None::<InspectContainerOptions>);
        let found = self.unless_missing(request).await?;
        Ok(found.and_then(|found| {
            let namespace = self.is_local.then(|| namespace(&found)).flatten();
            api::container(found, namespace)
        }))
    }

    /// A network; nothing where there is none.
    pub(crate) async fn network(&self, id: &NetworkId, host: &HostInterfaces) -> Result<Option<Network>, DaemonError> {
        let found = self.unless_missing(self.client.inspect_network(&id.0, None::<InspectNetworkOptions>)).await?;
        Ok(found.and_then(|found| api::network(api::listed(found), host)))
    }

    async fn ask<T>(&self, request: impl Future<Output = Result<T, bollard::errors::Error>>) -> Result<T, DaemonError> {
        self.judge(tokio::time::timeout(TIMEOUT, request).await)
    }

    async fn unless_missing<T>(
        &self,
        request: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<Option<T>, DaemonError> {
        match tokio::time::timeout(TIMEOUT, request).await {
            Ok(Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. })) => Ok(None),
            answer => self.judge(answer).map(Some),
        }
    }

    fn judge<T>(
        &self,
        answer: Result<Result<T, bollard::errors::Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, DaemonError> {
        match answer {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(DaemonError::from_client(&self.endpoint, &error)),
            Err(_) => Err(DaemonError::Timeout { endpoint: self.endpoint.clone() }),
        }
    }

    /// What the end of the event stream means: the daemon was stopped, or restarts.
    pub(crate) fn gone(&self) -> DaemonError {
        DaemonError::NoDaemon { endpoint: self.endpoint.clone() }
    }
}

fn client(endpoint: &Endpoint) -> Result<Docker, bollard::errors::Error> {
    let seconds = TIMEOUT.as_secs();
    match endpoint {
        // bollard takes any failure to look at the socket for its absence: that would hide missing rights.
        Endpoint::Unix(path) if path.try_exists().is_err() => {
            Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied).into())
        }
        Endpoint::Unix(path) => Docker::connect_with_unix(&path.to_string_lossy(), seconds, API_DEFAULT_VERSION),
        Endpoint::Http(address) => Docker::connect_with_http(address, seconds, API_DEFAULT_VERSION),
        Endpoint::Https(address, certificates) => {
            let file = |name: &str| Path::new(certificates).join(name);
            let (key, certificate, authority) = (file("key.pem"), file("cert.pem"), file("ca.pem"));
            Docker::connect_with_ssl(address, &key, &certificate, &authority, seconds, API_DEFAULT_VERSION)
        }
    }
}

fn namespace(found: &ContainerInspectResponse) -> Option<String> {
    let sandbox = found.network_settings.as_ref().and_then(|settings| settings.sandbox_key.as_deref());
    let pid = found.state.as_ref().and_then(|state| state.pid).unwrap_or_default();
    namespace_of(found.id.as_deref().unwrap_or_default(), sandbox.unwrap_or_default(), pid)
}
