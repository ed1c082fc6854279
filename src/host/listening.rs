//! Which TCP sockets listen in a network namespace.

use std::net::{IpAddr, SocketAddr};

use super::diag::{Diag, Family, LISTEN, Question};
use super::{Error, Protocol};

/// A TCP socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Its port.
    pub port: u16,
    /// Its address: unspecified where it takes connections to any.
    pub address: IpAddr,
    /// A socket of IPv6 for any address that takes IPv4 too.
    pub is_dual: bool,
}

impl Listener {
    /// Whether it takes a connection to that address of its namespace, on its port.
    pub fn takes(&self, to: IpAddr) -> bool {
        let is_family = self.address.is_ipv4() == to.is_ipv4() || self.is_dual;
        self.address == to || self.address.is_unspecified() && is_family
    }
}

/// Those of the calling thread's network namespace, in the order of their ports, each once. It takes no privilege.
///
/// # Errors
/// A kernel without `sock_diag`.
pub fn listening() -> Result<Vec<Listener>, Error> {
    let mut diag = Diag::open()?;
    let mut listeners = Vec::new();
    for family in Family::BOTH {
        let (protocol, states) = (Protocol::Tcp, 1 << LISTEN);
        let found = diag.sockets(&Question { protocol, family, states, local_port: 0, remote_port: 0 })?;
        listeners.extend(found.into_iter().map(|found| listener(found.local, found.is_dual)));
    }
    listeners.sort_unstable();
    // Several processes may share one port (SO_REUSEPORT).
    listeners.dedup();
    Ok(listeners)
}

fn listener(local: SocketAddr, is_dual: bool) -> Listener {
    let address = local.ip();
    Listener { port: local.port(), address, is_dual: is_dual && address.is_unspecified() }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_is_told_with_what_it_takes() {
        for (address, takes, takes_not) in [
            ("127.0.0.1:0", &["127.0.0.1"][..], &["10.0.0.1", "::1"][..]),
            ("0.0.0.0:0", &["127.0.0.1", "10.0.0.1"], &["::1", "fd00::1"]),
            ("[::]:0", &["::1", "fd00::1", "10.0.0.1"], &[]),
            ("[::1]:0", &["::1"], &["fd00::1", "127.0.0.1"]),
        ] {
            let socket = TcpListener::bind(address).unwrap();
            let port = socket.local_addr().unwrap().port();
            let all = listening().unwrap();
            assert!(all.is_sorted());
            let found: Vec<_> = all.iter().filter(|listener| listener.port == port).collect();
            let [found] = found[..] else { panic!("{address}: {found:?}") };
            assert!(takes.iter().all(|to| found.takes(to.parse().unwrap())), "{found:?}");
            assert!(!takes_not.iter().any(|to| found.takes(to.parse().unwrap())), "{found:?}");
            drop(socket);
            assert!(!listening().unwrap().contains(found), "{address}");
        }
    }
}
