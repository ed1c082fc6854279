//! Why the daemon cannot be asked, in one line each: what is wrong, and what mends it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there are no names from a Docker daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DaemonError {
    /// There is no socket, or nobody listens at it.
    NoDaemon {
        /// Path of the socket, or the URL.
        endpoint: String,
    },
    /// The socket is there, and this user may not open it.
    PermissionDenied {
        /// Path of the socket.
        endpoint: String,
    },
    /// No answer in time.
    Timeout {
        /// Path of the socket, or the URL.
        endpoint: String,
    },
    /// The TLS handshake or its certificates failed.
    Tls {
        /// The URL.
        endpoint: String,
        /// What failed.
        detail: String,
    },
    /// The address of the daemon is not one that can be used.
    BadHost {
        /// The value.
        value: String,
        /// Where it comes from: `DOCKER_HOST`, or which context.
        source: String,
    },
    /// The daemon is reached by SSH, which bridgetap does not speak.
    Ssh {
        /// The value, `ssh://…`.
        value: String,
    },
    /// The context does not exist.
    ContextNotFound {
        /// The name that was asked for.
        wanted: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A file of the docker command could not be read.
    BadConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The daemon answered, but not as a Docker daemon does.
    BadAnswer {
        /// Path of the socket, or the URL.
        endpoint: String,
        /// What it said.
        detail: String,
    },
    /// The thread that asks the daemon could not be started.
    NoThread {
        /// The system's reason.
        detail: String,
    },
}

impl fmt::Display for DaemonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDaemon { endpoint } => {
                write!(f, "no Docker daemon at {endpoint}: start it (systemctl start docker) or set DOCKER_HOST")
            }
            Self::PermissionDenied { endpoint } => write!(
                f,
                "permission denied for {endpoint}: add yourself to the group docker \
                 (sudo usermod -aG docker $USER, then log in again) or run with sudo"
            ),
            Self::Timeout { endpoint } => write!(
                f,
                "the Docker daemon at {endpoint} does not answer: see its log (journalctl -u docker) or restart it \
                 (systemctl restart docker)"
            ),
            Self::Tls { endpoint, detail } => write!(
                f,
                "no TLS with the Docker daemon at {endpoint}: {detail}; set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH \
                 to the directory with ca.pem, cert.pem and key.pem"
            ),
            Self::BadHost { value, source } => write!(
                f,
                "{source} says {value:?}, which is no daemon's address: write unix:///var/run/docker.sock or \
                 tcp://HOST:PORT"
            ),
            Self::Ssh { value } => write!(
                f,
                "{value} is another machine, and captures are local: run bridgetap there (ssh {0} sudo bridgetap watch); \
                 for its names only, forward its socket (ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock {0}) and set \
                 DOCKER_HOST=unix:///tmp/docker.sock",
                value.trim_start_matches("ssh://")
            ),
            Self::ContextNotFound { wanted, known } => write!(
                f,
                "no Docker context {wanted:?}: there are {}; choose one with docker context use or DOCKER_CONTEXT",
                known.join(", ")
            ),
            Self::BadConfig { path, detail } => {
                write!(f, "cannot read {}: {detail}; mend or remove it", path.display())
            }
            Self::BadAnswer { endpoint, detail } => {
                write!(f, "no usable answer from {endpoint}: {detail}; see that it is a Docker or Podman socket")
            }
            Self::NoThread { detail } => {
                write!(f, "cannot start the thread for the Docker daemon: {detail}; raise ulimit -u")
            }
        }
    }
}

impl Error for DaemonError {}

impl DaemonError {
    /// What went wrong at `endpoint`, by what lies beneath the client library's error.
    pub(crate) fn from_client(endpoint: &str, error: &bollard::errors::Error) -> Self {
        use bollard::errors::Error as Client;
        let endpoint = endpoint.to_owned();
        let detail = innermost(error);
        match error {
            Client::RequestTimeoutError => Self::Timeout { endpoint },
            Client::SocketNotFoundError(_) => Self::NoDaemon { endpoint },
            Client::CertPathError { .. }
            | Client::CertMultipleKeys { .. }
            | Client::CertParseError { .. }
            | Client::NoNativeCertsError { .. }
            | Client::LoadNativeCertsErrors { .. } => Self::Tls { endpoint, detail },
            Client::DockerResponseServerError { message, .. } if message.contains("HTTPS server") => {
                Self::Tls { endpoint, detail: "the daemon wants TLS".into() }
            }
            other => match io_kind(other) {
                // The latter ones where it ended in the middle of an answer: it was killed.
                Some(
                    io::ErrorKind::NotFound
                    | io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::BrokenPipe,
                ) => Self::NoDaemon { endpoint },
                Some(io::ErrorKind::PermissionDenied) => Self::PermissionDenied { endpoint },
                Some(io::ErrorKind::TimedOut) => Self::Timeout { endpoint },
                // rustls gives its errors to hyper as this kind.
                Some(io::ErrorKind::InvalidData) if endpoint.starts_with("https://") => Self::Tls { endpoint, detail },
                _ => Self::BadAnswer { endpoint, detail },
            },
        }
    }
}

impl DaemonError {
    /// What broke the stream of events from `endpoint`.
    pub(crate) fn from_events(endpoint: &str, error: &bollard::errors::Error) -> Self {
        match error {
            // A connection that ended in the middle: bollard keeps no more of it than the text.
            bollard::errors::Error::IOError { .. } => Self::NoDaemon { endpoint: endpoint.to_owned() },
            other => Self::from_client(endpoint, other),
        }
    }
}

/// The chain of causes, from `error` itself on.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let text = causes(error).last().map(ToString::to_string).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last().map(|error| wrapped(error).kind())
}

/// What an error was made from: one around another passes over it when it is asked for its cause.
fn wrapped(error: &io::Error) -> &io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()) {
        Some(inner) => wrapped(inner),
        None => error,
    }
}
