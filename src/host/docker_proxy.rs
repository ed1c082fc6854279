//! docker-proxy: which published port a connection from the gateway came through, and from whom.
//!
//! docker-proxy (`cmd/docker-proxy` in moby) is one process for each published port and address family. It accepts a
//! connection on the host and opens a second one to the container, whose packets show only the gateway.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use ahash::AHashSet;
use nix::errno::Errno;

use super::diag::{Diag, Found};
use super::pairs::Pairs;
use super::processes::Processes;
use super::{Error, Protocol, Source, Tuple};

/// A port range can be published whole: 65,535 ports of two protocols for two address families at most.
const MAX_PROXIES: usize = 262_144;

/// One docker-proxy process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DockerProxy {
    /// Its process id.
    pub process: u32,
    /// What it forwards: TCP or UDP.
    pub protocol: Protocol,
    /// Where it listens: `0.0.0.0:8080`, `[::]:8080`, `127.0.0.1:8080`.
    pub host: SocketAddr,
    /// What it forwards to. May be IPv4 where it listens on IPv6.
    pub container: SocketAddr,
}

/// Where a connection from the host to a container came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Through a published port.
    Published {
        /// Where its docker-proxy listens. The port is certain; the address is as it was published.
        host: SocketAddr,
        /// The client's own connection to docker-proxy, from its side: the real client, and the address that it asked
        /// for. `None` where it cannot be told for certain: for UDP, or when several connections were opened at once.
        outside: Option<Tuple>,
    },
    /// Straight from another process of the host, which knows the container's address.
    Direct,
    /// The socket is not there (any more).
    Gone,
}

/// A docker-proxy with the inodes of its sockets.
type Owner = (DockerProxy, AHashSet<u32>);

/// The docker-proxy processes of the program's own network namespace, and the sockets of each.
///
/// [`refresh`](Self::refresh) it when a container with published ports starts; a proxy that is not known yet is looked
/// for by itself. Ask [`reached`](Self::reached) as soon as a connection begins, on a thread that may wait some
/// milliseconds: a connection that has ended leaves no trace of its process.
pub struct DockerProxies {
    diag: Diag,
    processes: Processes,
    proxies: Vec<DockerProxy>,
    pairs: Pairs,
}

impl DockerProxies {
    /// Lists the processes that there are.
    ///
    /// # Errors
    /// No `/proc`, or a kernel without `sock_diag`.
    pub fn open() -> Result<Self, Error> {
        let (diag, processes) = (Diag::open()?, Processes::new()?);
        let mut proxies = Self { diag, processes, proxies: Vec::new(), pairs: Pairs::default() };
        proxies.refresh()?;
        Ok(proxies)
    }

    /// Lists the processes anew: one small file is read for each process of the machine.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn refresh(&mut self) -> Result<(), Error> {
        let processes = &self.processes;
        let proxies = processes.ids()?.into_iter().filter_map(|id| {
            let proxy = parse(id, &processes.arguments(id))?;
            // A daemon inside a container has proxies too, and anybody may call a process docker-proxy.
            let is_ours = processes.is_in_this_network(id).unwrap_or(false) && processes.container(id).is_none();
            is_ours.then_some(proxy)
        });
        self.proxies = proxies.take(MAX_PROXIES).collect();
        let all = &self.proxies;
        self.pairs.retain(|process| all.iter().any(|proxy| proxy.process == process));
        Ok(())
    }

    /// The processes as they were listed.
    pub fn list(&self) -> &[DockerProxy] {
        &self.proxies
    }

    /// Where a connection that the bridge shows came from: `client` is the gateway's address with a port, `server` the
    /// container's.
    ///
    /// # Errors
    /// The sockets of docker-proxy may not be seen, which takes root.
    pub fn reached(&mut self, protocol: Protocol, client: SocketAddr, server: SocketAddr) -> Result<Reached, Error> {
        let Some(inside) = self.inside(protocol, client, server)? else { return Ok(Reached::Gone) };
        if let Some(known) = self.pairs.known(&inside) {
            return Ok(known);
        }
        let mut owner = self.owner(protocol, server, inside.inode)?;
        if owner.is_none() {
            // Its container may have started just now.
            self.refresh()?;
            owner = self.owner(protocol, server, inside.inode)?;
        }
        let Some((proxy, sockets)) = owner else {
            // It may have been closed while the processes were looked at.
            let now = self.inside(protocol, client, server)?;
            let is_there = now.is_some_and(|now| now.inode == inside.inode);
            return Ok(if is_there { Reached::Direct } else { Reached::Gone });
        };
        let outside = match protocol {
            Protocol::Tcp => self.pairs.find(&mut self.diag, &self.processes, &proxy, sockets, &inside)?,
            // One socket serves all clients; which of them a connection is for is in docker-proxy's memory only.
            Protocol::Udp | Protocol::Icmp => None,
        };
        Ok(Reached::Published { host: proxy.host, outside })
    }

    /// The host's socket of a connection to a container.
    fn inside(&mut self, protocol: Protocol, client: SocketAddr, server: SocketAddr) -> Result<Option<Found>, Error> {
        let found = self.diag.socket(protocol, client, server)?;
        Ok(found.filter(|found| found.inode != 0))
    }

    /// The process that has a socket to a container, with all its sockets.
    fn owner(&self, protocol: Protocol, container: SocketAddr, inode: u32) -> Result<Option<Owner>, Error> {
        let candidates = self.proxies.iter().filter(|proxy| proxy.protocol == protocol && proxy.container == container);
        for proxy in candidates {
            match self.processes.sockets(proxy.process) {
                Ok(sockets) if sockets.contains(&inode) => return Ok(Some((*proxy, sockets))),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    return Err(Error::of(Source::Processes, Errno::EACCES));
                }
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    }
}

/// What the arguments of a docker-proxy say, in the form of Go's `flag` package: `-host-port 80`, `-host-port=80` or
/// `--host-port …`. `None` of another program, of SCTP, and of a proxy that only asks for its version.
fn parse(process: u32, arguments: &[OsString]) -> Option<DockerProxy> {
    let (name, arguments) = arguments.split_first()?;
    // With a rootless daemon, rootlesskit-docker-proxy starts the real one and has no sockets.
    if Path::new(name).file_name()? != "docker-proxy" {
        return None;
    }
    let (mut protocol, mut host, mut container) = (Some(Protocol::Tcp), (None, None), (None, None));
    let mut words = arguments.iter().filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
        let (flag, value) = flag.split_once('=').map_or((flag, None), |(flag, value)| (flag, Some(value)));
        let mut value = || value.or_else(|| words.next());
        match flag {
            "proto" => {
                protocol = match value()? {
                    "tcp" => Some(Protocol::Tcp),
                    "udp" => Some(Protocol::Udp),
                    _ => None,
                }
            }
            "host-ip" => host.0 = value()?.parse().ok(),
            "host-port" => host.1 = value()?.parse().ok(),
            "container-ip" => container.0 = value()?.parse().ok(),
            "container-port" => container.1 = value()?.parse().ok(),
            // -use-listen-fd is a switch: the daemon made the listening socket.
            _ => {}
        }
    }
    let address = |(address, port): (Option<_>, Option<_>)| Some(SocketAddr::new(address?, port?));
    Some(DockerProxy { process, protocol: protocol?, host: address(host)?, container: address(container)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<(Protocol, String, String)> {
        let words: Vec<_> = line.split(' ').map(OsString::from).collect();
        let proxy = parse(1, &words)?;
        Some((proxy.protocol, proxy.host.to_string(), proxy.container.to_string()))
    }

    #[test]
    fn the_arguments_of_every_docker_are_read() {
        for (line, protocol, host, container) in [
            // Docker 20.10, 28, and what Go's flag package would take as well.
            (
                "/usr/sbin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.17.0.2 \
                 -container-port 5000",
                Protocol::Tcp,
                "0.0.0.0:8080",
                "172.17.0.2:5000",
            ),
            (
                "docker-proxy -proto udp -host-ip :: -host-port 9053 -container-ip fd00::2 -container-port 53 -use-listen-fd",
                Protocol::Udp,
                "[::]:9053",
                "[fd00::2]:53",
            ),
            (
                "docker-proxy --use-listen-fd --host-port=80 --host-ip=:: -container-ip=172.17.0.2 -container-port=80",
                Protocol::Tcp,
                "[::]:80",
                "172.17.0.2:80",
            ),
        ] {
            assert_eq!(parsed(line), Some((protocol, host.to_owned(), container.to_owned())), "{line}");
        }
    }

    #[test]
    fn what_is_no_docker_proxy_is_none() {
        for line in [
            "",
            "docker-proxy",
            "docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 80 -container-ip 172.17.0.2 -container-port",
            "docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 65536 -container-ip 172.17.0.2 -container-port 80",
            "docker-proxy -proto sctp -host-ip 0.0.0.0 -host-port 80 -container-ip 172.17.0.2 -container-port 80",
            "rootlesskit-docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 80 -container-ip 172.17.0.2 -container-port 80",
            "vim docker-proxy -host-ip 0.0.0.0 -host-port 80 -container-ip 172.17.0.2 -container-port 80",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }

    #[test]
    fn a_connection_that_is_not_there_is_gone() {
        let mut proxies = DockerProxies::open().unwrap();
        let client = "127.0.0.1:1".parse().unwrap();
        assert_eq!(proxies.reached(Protocol::Tcp, client, "127.0.0.1:2".parse().unwrap()), Ok(Reached::Gone));
    }

    #[test]
    fn a_connection_of_another_process_is_no_published_port_s() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        let mut proxies = DockerProxies::open().unwrap();
        assert_eq!(proxies.reached(Protocol::Tcp, local, remote), Ok(Reached::Direct));
    }
}
