//! What can go wrong, in words for the person who asked for the probes, with the remedy.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;

use crate::{capture, host};

/// Why a prober could not begin, or what it was asked could not be found out.
#[derive(Debug)]
pub enum ProbeError {
    /// A count of 0.
    NoProbes,
    /// An interval that is too short or too long.
    Interval {
        /// As it was given.
        interval: Duration,
    },
    /// A patience that is too long.
    Patience {
        /// As it was given.
        patience: Duration,
    },
    /// More data than an echo request can carry.
    TooMuchData {
        /// As it was given, in bytes.
        data_len: u16,
    },
    /// An address of nobody or of many, or one that is another's on each interface.
    Address {
        /// As it was given.
        to: IpAddr,
    },
    /// Port 0.
    NoPort {
        /// Whose it would be.
        to: IpAddr,
    },
    /// What is no domain name.
    Name {
        /// As it was given.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The client's network namespace is not there, or may not be entered.
    Namespace(capture::Error),
    /// The kernel lets this user not send.
    NotPermitted {
        /// The client's network namespace.
        namespace: PathBuf,
    },
    /// The client has no route to that address.
    NoRoute {
        /// Who was to be asked.
        to: IpAddr,
        /// The client's network namespace.
        namespace: PathBuf,
    },
    /// The sockets of the container could not be listed.
    Sockets(host::Error),
    /// The container's `/etc/resolv.conf` could not be read.
    Resolver {
        /// The process of the container by which its files are found.
        process: u32,
        /// What the system said.
        source: io::Error,
    },
    /// The container's `/etc/resolv.conf` names no resolver.
    NoResolver {
        /// The process of the container by which its files are found.
        process: u32,
    },
    /// The system refused something else.
    Io {
        /// The client's network namespace.
        namespace: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Why a probe will have no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Nothing listens at that port.
    Refused,
    /// The connection did not stand within the plan's patience.
    TimedOut,
    /// No route, or nobody there: the network is unreachable, or the host.
    Unreachable,
    /// A firewall rule or a route in the client's network namespace forbids it.
    Forbidden,
    /// As many connections are under way as may be.
    InFlight,
    /// It should have left more than [`MAX_LATENESS`](super::MAX_LATENESS) ago.
    TooLate,
    /// The client has no port left.
    NoPort,
    /// This program has no file descriptor left.
    NoDescriptor,
    /// The kernel has no room left for another packet.
    NoRoom,
    /// The kernel said something else: a number of errno(3).
    Other(i32),
}

impl Failure {
    /// From what a system call said.
    pub(super) fn of(error: &io::Error) -> Self {
        match error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw) {
            Errno::ECONNREFUSED => Self::Refused,
            Errno::ETIMEDOUT => Self::TimedOut,
            Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::ENETDOWN | Errno::EHOSTDOWN => Self::Unreachable,
            // What netfilter's OUTPUT chain drops is told so, and what a route of the type `prohibit` stands for.
            Errno::EPERM | Errno::EACCES => Self::Forbidden,
            Errno::EADDRINUSE | Errno::EADDRNOTAVAIL => Self::NoPort,
            Errno::EMFILE | Errno::ENFILE => Self::NoDescriptor,
            Errno::ENOBUFS | Errno::ENOMEM | Errno::EAGAIN | Errno::ENOSPC => Self::NoRoom,
            errno => Self::Other(errno as i32),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::TimedOut => "timed out",
            Self::Unreachable => "unreachable",
            Self::Forbidden => "forbidden by a rule of the client's network",
            Self::InFlight => "too many connections under way",
            Self::TooLate => "more than 10 s late",
            Self::NoPort => "no port left in the client",
            Self::NoDescriptor => "no file descriptor left",
            Self::NoRoom => "no room left for packets",
            Self::Other(errno) => Errno::from_raw(*errno).desc(),
        })
    }
}

impl ProbeError {
    /// What a refusal of a socket means.
    pub(super) fn of(namespace: PathBuf, to: IpAddr, source: io::Error) -> Self {
        match Failure::of(&source) {
            Failure::Forbidden => Self::NotPermitted { namespace },
            // An address family that is switched off has no address to send from.
            Failure::Unreachable | Failure::NoPort => Self::NoRoute { to, namespace },
            _ if source.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32) => Self::NoRoute { to, namespace },
            _ => Self::Io { namespace, source },
        }
    }
}

impl Display for ProbeError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProbes => f.write_str("0 probes: nothing would be sent; give a count of 1 or more"),
            Self::Interval { interval } => write!(f, "{interval:?} between two probes: give 100 µs to 1 hour"),
            Self::Patience { patience } => write!(f, "{patience:?} of patience for an answer: give 1 hour at most"),
            Self::TooMuchData { data_len } => {
                write!(f, "{data_len} bytes of data in an echo request: {} is the most", super::MAX_ECHO_DATA)
            }
            Self::Address { to } => {
                write!(f, "{to} is no address of one container: give its address on a network that both are on")
            }
            Self::NoPort { to } => write!(f, "port 0 of {to}: give a port from 1 to 65535"),
            Self::Name { name, why } => write!(f, "{name:?} is no name that can be looked up: {why}"),
            Self::Namespace(error) => error.fmt(f),
            Self::NotPermitted { namespace } => write!(
                f,
                "{}: no permission to send from there, which needs CAP_NET_RAW and CAP_SYS_ADMIN; run sudo bridgetap …",
                namespace.display()
            ),
            Self::NoRoute { to, namespace } => write!(
                f,
                "{}: no route to {to}: the two containers are on no common network, or this one is down; \
                 docker network connect NETWORK CONTAINER",
                namespace.display()
            ),
            Self::Sockets(error) => error.fmt(f),
            Self::Resolver { process, source } => {
                write!(f, "/etc/resolv.conf of process {process}'s container cannot be read: {source}")?;
                match source.kind() {
                    io::ErrorKind::PermissionDenied => f.write_str("; run sudo bridgetap …"),
                    io::ErrorKind::NotFound => f.write_str("; the container has stopped, or looks up no names"),
                    _ => Ok(()),
                }
            }
            Self::NoResolver { process } => write!(
                f,
                "/etc/resolv.conf of process {process}'s container has no line 'nameserver ADDRESS': it looks up no names"
            ),
            Self::Io { namespace, source } => write!(f, "{}: cannot send from there: {source}", namespace.display()),
        }
    }
}

impl std::error::Error for ProbeError {}

impl From<capture::Error> for ProbeError {
    fn from(error: capture::Error) -> Self {
        Self::Namespace(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(errno: Errno) -> Failure {
        Failure::of(&errno.into())
    }

    #[test]
    fn a_failure_is_told_by_its_kind() {
        assert_eq!(of(Errno::ECONNREFUSED), Failure::Refused);
        assert_eq!([of(Errno::ENETUNREACH), of(Errno::EHOSTUNREACH)], [Failure::Unreachable; 2]);
        assert_eq!(of(Errno::EPROTO), Failure::Other(Errno::EPROTO as i32));
        assert_eq!(Failure::of(&io::Error::other("x")), Failure::Other(Errno::UnknownErrno as i32));
        assert_eq!(of(Errno::EPROTO).to_string(), "Protocol error");
    }

    #[test]
    fn an_error_names_the_thing_and_the_remedy() {
        let error = |errno: Errno| {
            ProbeError::of("/proc/7/ns/net".into(), "10.0.0.2".parse().unwrap(), errno.into()).to_string()
        };
        assert_eq!(
            error(Errno::EPERM),
            "/proc/7/ns/net: no permission to send from there, which needs CAP_NET_RAW and CAP_SYS_ADMIN; run sudo \
             bridgetap …"
        );
        assert_eq!(
            error(Errno::ENETUNREACH),
            "/proc/7/ns/net: no route to 10.0.0.2: the two containers are on no common network, or this one is down; \
             docker network connect NETWORK CONTAINER"
        );
        assert!(error(Errno::EMFILE).starts_with("/proc/7/ns/net: cannot send from there: Too many open files"));
        let name = ProbeError::Name { name: "a\u{1b}[2J".into(), why: "it is empty" }.to_string();
        assert_eq!(name, "\"a\\u{1b}[2J\" is no name that can be looked up: it is empty");
    }
}
