//! What the daemon says of itself, asked once. Only GET requests, all of them within one time-out.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bollard::models::{LocalNodeState, SystemInfo, SystemVersion};

use crate::docker::connect::Endpoint;
use crate::docker::directory::Directory;
use crate::docker::error::DaemonError;
use crate::docker::host::HostInterfaces;
use crate::docker::listing::Daemon;
use crate::docker::watch::wall_clock;
use crate::privilege;

/// Beyond the time-out, for a look-up of a host's name that cannot be interrupted.
const LOOKUP: Duration = Duration::from_millis(500);

/// What the daemon says of itself and of its machine. What it does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonInfo {
    /// `Docker Engine - Community`, `Podman Engine`, …
    pub product: String,
    /// Its version: `27.3.1`.
    pub version: String,
    /// The newest version of the API that it speaks: `1.47`.
    pub api_version: String,
    /// Its operating system: `Debian GNU/Linux 12 (bookworm)`, `Docker Desktop`.
    pub operating_system: String,
    /// `uname -r` on its machine.
    pub kernel: String,
    /// Its machine's name.
    pub machine: String,
    /// It runs without root (`dockerd-rootless.sh`, Podman as a user).
    pub rootless: bool,
    /// It maps the users of containers (`userns-remap`).
    pub userns_remap: bool,
    /// It is a node of a swarm.
    pub swarm: bool,
}

/// Asks the daemon at `endpoint` who it is, and what there is. Waits for `timeout` and a moment at most, whatever it does.
pub fn ask(endpoint: &Endpoint, timeout: Duration) -> Result<(DaemonInfo, Directory), DaemonError> {
    let name = endpoint.to_string();
    let (sender, receiver) = mpsc::channel();
    let wanted = endpoint.clone();
    let asking = move || {
        privilege::only_ask();
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let timed_out = DaemonError::Timeout { endpoint: wanted.to_string() };
        let answer = runtime.block_on(async { tokio::time::timeout(timeout, ask_all(&wanted)).await });
        let _ = sender.send(answer.unwrap_or(Err(timed_out)));
        runtime.shutdown_background();
    };
    let thread = thread::Builder::new().name("docker".into()).spawn(asking);
    thread.map_err(|error| DaemonError::NoThread { detail: error.to_string() })?;
    receiver.recv_timeout(timeout + LOOKUP).unwrap_or(Err(DaemonError::Timeout { endpoint: name }))
}

async fn ask_all(endpoint: &Endpoint) -> Result<(DaemonInfo, Directory), DaemonError> {
    let daemon = Daemon::connect(endpoint).await?;
    let version = daemon.version().await?;
    let info = daemon.info().await?;
    let host = HostInterfaces::read();
    let listing = daemon.list(&host).await?;
    let directory = Directory::from_listing(listing.networks, listing.containers, host.all(), wall_clock());
    Ok((told(version, info), directory))
}

fn told(version: SystemVersion, info: SystemInfo) -> DaemonInfo {
    let options = info.security_options.unwrap_or_default();
    // As name=rootless, or name=userns,…: moby daemon/info.go, fillSecurityOptions.
    let has = |name: &str| options.iter().any(|option| option.split(',').any(|part| part == name));
    let platform = version.platform.map(|platform| platform.name).filter(|name| !name.is_empty());
    // Podman puts its name first among the components, and into the platform that of the machine.
    let engine = version.components.unwrap_or_default().into_iter().map(|component| component.name).next();
    let product = match engine {
        Some(engine) if engine.contains("Podman") => engine,
        engine => platform.or(engine).unwrap_or_else(|| "Docker Engine".to_owned()),
    };
    let state = info.swarm.and_then(|swarm| swarm.local_node_state);
    DaemonInfo {
        product,
        version: version.version.or(info.server_version).unwrap_or_default(),
        api_version: version.api_version.unwrap_or_default(),
        operating_system: info.operating_system.unwrap_or_default(),
        kernel: info.kernel_version.or(version.kernel_version).unwrap_or_default(),
        machine: info.name.unwrap_or_default(),
        rootless: has("name=rootless"),
        userns_remap: has("name=userns"),
        swarm: state == Some(LocalNodeState::ACTIVE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn read(version: &str, info: &str) -> DaemonInfo {
        told(serde_json::from_str(version).unwrap(), serde_json::from_str(info).unwrap())
    }

    #[test]
    fn an_engine_says_who_it_is() {
        let engine = read(
            r#"{"Platform":{"Name":"Docker Engine - Community"},"Components":[{"Name":"Engine","Version":"27.3.1"}],
            "Version":"27.3.1","ApiVersion":"1.47"}"#,
            r#"{"OperatingSystem":"Docker Desktop","KernelVersion":"6.10.4-linuxkit","Name":"docker-desktop",
            "SecurityOptions":["name=seccomp,profile=builtin","name=userns"],"Swarm":{"LocalNodeState":"active"}}"#,
        );
        assert_eq!((engine.product.as_str(), engine.version.as_str()), ("Docker Engine - Community", "27.3.1"));
        assert!(engine.userns_remap && engine.swarm && !engine.rootless);
        assert_eq!(engine.operating_system, "Docker Desktop");
    }

    #[test]
    fn podman_is_told_by_its_component() {
        let podman = read(
            r#"{"Platform":{"Name":"linux/amd64/fedora-40"},"Components":[{"Name":"Podman Engine","Version":"5.2.2"}],
            "Version":"5.2.2","ApiVersion":"1.41"}"#,
            r#"{"SecurityOptions":["name=seccomp,profile=default","name=rootless"]}"#,
        );
        assert_eq!(podman.product, "Podman Engine");
        assert!(podman.rootless && !podman.swarm);
    }

    #[test]
    fn a_socket_that_hangs_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        let _listener = UnixListener::bind(&socket).unwrap();
        let asked = ask(&Endpoint::Unix(socket), Duration::from_millis(100));
        assert!(matches!(asked, Err(DaemonError::Timeout { .. })), "{asked:?}");
    }

    #[test]
    fn only_another_machines_address_is_one() {
        let http = |address: &str| Endpoint::Http(address.to_owned());
        assert_eq!(http("203.0.113.5:2375").other_machine(), Some("203.0.113.5"));
        assert_eq!(http("[2001:db8::5]:2375").other_machine(), Some("[2001:db8::5]"));
        for own in ["127.0.0.1:2375", "localhost:2375", "[::1]:2375"] {
            assert_eq!(http(own).other_machine(), None, "{own}");
        }
        assert_eq!(Endpoint::Unix("/x".into()).other_machine(), None);
    }
}
