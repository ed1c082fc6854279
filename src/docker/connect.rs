//! Where the daemon is, chosen as the docker command chooses it
//! (`docker/cli`, cli/command/cli.go, `resolveContextName`): `DOCKER_HOST`, else `DOCKER_CONTEXT`, else the current
//! context, else the socket of Docker, else that of Podman. Reads files, opens no connection.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::docker::error::DaemonError;
use crate::docker::host::HostInterfaces;

/// The socket of a Docker Engine that was installed as usual.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";
/// The socket of Podman's service for the whole machine.
const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

/// What of the process's environment says where the daemon is; an empty value counts as none.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the directory in place of `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// `DOCKER_TLS_VERIFY`: any value means TLS.
    pub docker_tls_verify: Option<String>,
    /// `DOCKER_CERT_PATH`: the directory of the certificates, in place of the one above.
    pub docker_cert_path: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`, where a user's own Podman has its socket.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// Sockets to look for in place of those of Docker and Podman, where not empty.
    pub sockets: Vec<PathBuf>,
}

impl Environment {
    /// From the variables of this process.
    pub fn of_process() -> Self {
        let text = |name| env::var(name).ok();
        let path = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            docker_config: path("DOCKER_CONFIG"),
            docker_tls_verify: text("DOCKER_TLS_VERIFY"),
            docker_cert_path: path("DOCKER_CERT_PATH"),
            xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
            home: path("HOME"),
            sockets: Vec::new(),
        }
    }

    /// Where the daemon is.
    pub fn endpoint(&self) -> Result<Endpoint, DaemonError> {
        if let Some(host) = given(self.docker_host.as_ref()) {
            return parse_host(host, self.tls_directory(), "DOCKER_HOST");
        }
        match self.context_name()? {
            Some(name) if name != "default" => self.context_endpoint(&name),
            _ => Ok(Endpoint::Unix(self.first_socket())),
        }
    }

    /// What says where the daemon is: `DOCKER_HOST`, a context, or nothing but the usual place.
    pub fn said_by(&self) -> String {
        if given(self.docker_host.as_ref()).is_some() {
            return "DOCKER_HOST".to_owned();
        }
        match self.context_name() {
            Ok(Some(name)) if name != "default" => format!("the context {name}"),
            _ => "the usual place".to_owned(),
        }
    }

    fn config_directory(&self) -> Option<PathBuf> {
        self.docker_config.clone().or_else(|| self.home.as_ref().map(|home| home.join(".docker")))
    }

    fn tls_directory(&self) -> Option<PathBuf> {
        given(self.docker_tls_verify.as_ref())?;
        self.docker_cert_path.clone().or_else(|| self.config_directory())
    }

    fn context_name(&self) -> Result<Option<String>, DaemonError> {
        if let Some(name) = given(self.docker_context.as_ref()) {
            return Ok(Some(name.to_owned()));
        }
        let Some(path) = self.config_directory().map(|directory| directory.join("config.json")) else {
            return Ok(None);
        };
        // Without rights to another's file (sudo, with HOME kept) the docker command goes on without it, too.
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        match serde_json::from_str::<ConfigFile>(&text) {
            Ok(config) => Ok(config.current_context.filter(|name| !name.is_empty())),
            Err(error) => Err(DaemonError::BadConfig { path, detail: error.to_string() }),
        }
    }

    fn context_endpoint(&self, wanted: &str) -> Result<Endpoint, DaemonError> {
        let contexts = self.config_directory().unwrap_or_default().join("contexts");
        let mut known = vec!["default".to_owned()];
        // A directory is named by the SHA-256 of the name; reading them all needs no hash, and there are a few.
        for entry in fs::read_dir(contexts.join("meta")).into_iter().flatten().flatten() {
            let path = entry.path().join("meta.json");
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let meta: ContextFile = serde_json::from_str(&text)
                .map_err(|error| DaemonError::BadConfig { path, detail: error.to_string() })?;
            if meta.name == wanted {
                let tls = contexts.join("tls").join(entry.file_name()).join("docker");
                let host = meta.endpoints.docker.host;
                return parse_host(&host, tls.is_dir().then_some(tls), &format!("the context {wanted}"));
            }
            known.push(meta.name);
        }
        known.sort_unstable();
        Err(DaemonError::ContextNotFound { wanted: wanted.to_owned(), known })
    }

    /// The first socket that is there; Docker's where none is, so that the message names that one.
    fn first_socket(&self) -> PathBuf {
        let mut sockets = self.sockets.clone();
        if sockets.is_empty() {
            sockets.push(DOCKER_SOCKET.into());
            sockets.extend(self.xdg_runtime_dir.as_ref().map(|directory| directory.join("podman/podman.sock")));
            sockets.push(PODMAN_SOCKET.into());
        }
        sockets.iter().find(|path| is_there(path)).or(sockets.first()).cloned().unwrap_or_default()
    }
}

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Path of a Unix socket.
    Unix(PathBuf),
    /// `HOST:PORT`, without TLS.
    Http(String),
    /// `HOST:PORT`, with TLS, and the directory of `ca.pem`, `cert.pem` and `key.pem`.
    Https(String, PathBuf),
}

impl Endpoint {
    /// The host that it is reached at; nothing for a socket of this machine.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Unix(_) => None,
            Self::Http(address) | Self::Https(address, _) => address.rsplit_once(':').map(|(host, _)| host),
        }
    }

    /// Whether the daemon may be on this machine: by a socket, or at one of its own addresses. It may still be
    /// another one, behind a socket that is forwarded.
    pub fn may_be_local(&self) -> bool {
        let Some(host) = self.host() else { return true };
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_here = |address: IpAddr| address.is_loopback() || HostInterfaces::read().all().contains(&address);
        host == "localhost" || address.is_ok_and(is_here)
    }

    /// The host of an address that is surely another machine's; nothing for a socket and for this machine's addresses.
    pub fn other_machine(&self) -> Option<&str> {
        self.host().filter(|_| !self.may_be_local())
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Http(address) => write!(f, "http://{address}"),
            Self::Https(address, _) => write!(f, "https://{address}"),
        }
    }
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextFile {
    name: String,
    #[serde(default)]
    endpoints: ContextEndpoints,
}

#[derive(Default, Deserialize)]
struct ContextEndpoints {
    #[serde(default)]
    docker: ContextHost,
}

#[derive(Default, Deserialize)]
struct ContextHost {
    #[serde(default, rename = "Host")]
    host: String,
}

/// Reads an address as `docker/cli`, opts/hosts.go, does, but for the schemes that only Windows or systemd have.
fn parse_host(value: &str, tls: Option<PathBuf>, source: &str) -> Result<Endpoint, DaemonError> {
    let bad = || DaemonError::BadHost { value: value.to_owned(), source: source.to_owned() };
    let (scheme, rest) = value.trim().split_once("://").unwrap_or(("tcp", value.trim()));
    match scheme {
        "unix" if rest.is_empty() => Ok(Endpoint::Unix(DOCKER_SOCKET.into())),
        "unix" => Ok(Endpoint::Unix(rest.into())),
        "tcp" | "http" | "https" => {
            let tls = tls.or((scheme == "https").then(PathBuf::new));
            let address = with_port(rest.trim_end_matches('/'), if tls.is_some() { 2376 } else { 2375 });
            let address = address.ok_or_else(bad)?;
            Ok(match tls {
                Some(directory) => Endpoint::Https(address, directory),
                None => Endpoint::Http(address),
            })
        }
        "ssh" => Err(DaemonError::Ssh { value: value.to_owned() }),
        _ => Err(bad()),
    }
}

/// `HOST:PORT`; nothing where it is not an address, such as the bare path of a socket.
fn with_port(address: &str, default_port: u16) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']' | '%');
    if !address.chars().all(is_allowed) {
        return None;
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok().filter(|&port: &u16| port != 0)?),
        _ => (address, default_port),
    };
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let is_host = !host.is_empty() && (is_bracketed || !host.contains(':'));
    is_host.then(|| format!("{host}:{port}"))
}

fn given(value: Option<&String>) -> Option<&str> {
    value.map(|value| value.trim()).filter(|value| !value.is_empty())
}

/// Whether a socket is there; one in a directory that may not be searched is, so that the message speaks of rights.
fn is_there(path: &Path) -> bool {
    fs::metadata(path).map_or_else(|error| error.kind() != ErrorKind::NotFound, |_| true)
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
