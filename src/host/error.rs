//! Why the kernel could not be asked, what is lost by it, and the remedy.

use std::fmt::{self, Display, Formatter};

use nix::errno::Errno;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Connection tracking: `NETLINK_NETFILTER`, subsystem ctnetlink.
    Conntrack,
    /// The table of sockets: `NETLINK_SOCK_DIAG`.
    Sockets,
    /// The list of processes: `/proc`.
    Processes,
}

impl Source {
    /// What cannot be told without it.
    const fn loss(self) -> &'static str {
        match self {
            Self::Conntrack => {
                "the clients of translated connections are not known; published ports are told by the daemon's list"
            }
            Self::Sockets | Self::Processes => {
                "which docker-proxy or host-network container a connection belongs to is not known; \
                 published ports are told by the daemon's list"
            }
        }
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conntrack => "connection tracking",
            Self::Sockets => "the kernel's table of sockets",
            Self::Processes => "the processes in /proc",
        })
    }
}

/// Why the kernel could not be asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    /// The program may not.
    NotPermitted {
        /// What was asked.
        what: Source,
        /// The program runs in a user namespace: it is root only there, and the network namespace is another's.
        in_user_namespace: bool,
    },
    /// The kernel has no such part, or it is not loaded.
    Missing {
        /// What was asked.
        what: Source,
    },
    /// `net.netfilter.nf_conntrack_events` is 0: the kernel tells nobody of new connections.
    EventsOff,
    /// It failed for another reason.
    Io {
        /// What was asked.
        what: Source,
        /// What the kernel said.
        errno: Errno,
    },
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted { what, in_user_namespace: true } => write!(
                f,
                "{what} may not be asked from this user namespace: run bridgetap as the machine's root, outside of it"
            )?,
            Self::NotPermitted { what: what @ Source::Processes, .. } => {
                write!(f, "{what} may not be read: run bridgetap as root")?;
            }
            Self::NotPermitted { what, .. } => {
                write!(f, "{what} may not be asked without CAP_NET_ADMIN: run bridgetap as root")?;
            }
            Self::Missing { what } => {
                write!(f, "this kernel has not got {what}: ")?;
                f.write_str(match what {
                    Source::Conntrack => "modprobe nf_conntrack_netlink",
                    Source::Sockets => "modprobe -a inet_diag tcp_diag udp_diag",
                    Source::Processes => "mount -t proc proc /proc",
                })?;
            }
            Self::EventsOff => {
                f.write_str(
                    "the kernel does not tell of new connections: sysctl -w net.netfilter.nf_conntrack_events=1",
                )?;
            }
            Self::Io { what, errno } => write!(f, "{what} could not be asked: {}", errno.desc())?,
        }
        write!(f, " ({})", self.what().loss())
    }
}

impl Error {
    /// What was asked.
    pub const fn what(&self) -> Source {
        match *self {
            Self::NotPermitted { what, .. } | Self::Missing { what } | Self::Io { what, .. } => what,
            Self::EventsOff => Source::Conntrack,
        }
    }

    /// What a refusal means, from what the kernel said.
    pub(super) fn of(what: Source, errno: Errno) -> Self {
        match errno {
            Errno::EPERM | Errno::EACCES => Self::NotPermitted { what, in_user_namespace: in_user_namespace() },
            // EINVAL and EOPNOTSUPP are what nfnetlink says of a subsystem that nobody registered, ENOENT sock_diag of
            // a protocol.
            Errno::EPROTONOSUPPORT | Errno::EAFNOSUPPORT | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ENOENT => {
                Self::Missing { what }
            }
            errno => Self::Io { what, errno },
        }
    }
}

impl std::error::Error for Error {}

/// Whether the program's user ids are others outside: the first namespace maps all of them to themselves
/// (`user_namespaces(7)`).
fn in_user_namespace() -> bool {
    std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !is_initial(&map))
}

fn is_initial(uid_map: &str) -> bool {
    uid_map.split_whitespace().eq(["0", "0", "4294967295"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_lost_and_the_remedy() {
        let missing = Error::of(Source::Conntrack, Errno::EPROTONOSUPPORT).to_string();
        assert_eq!(
            missing,
            "this kernel has not got connection tracking: modprobe nf_conntrack_netlink (the clients of translated \
             connections are not known; published ports are told by the daemon's list)"
        );
        let refused = Error::NotPermitted { what: Source::Conntrack, in_user_namespace: false }.to_string();
        assert!(refused.contains("without CAP_NET_ADMIN: run bridgetap as root"), "{refused}");
        let inside = Error::NotPermitted { what: Source::Conntrack, in_user_namespace: true }.to_string();
        assert!(inside.contains("from this user namespace"), "{inside}");
        assert!(Error::EventsOff.to_string().contains("sysctl -w net.netfilter.nf_conntrack_events=1"));
    }

    #[test]
    fn the_machine_s_own_user_namespace_maps_every_id_to_itself() {
        assert!(is_initial("         0          0 4294967295\n"));
        assert!(!is_initial("         0       1000          1\n"));
        assert!(!is_initial("0 100000 65536\n65536 200000 1\n"));
    }
}
