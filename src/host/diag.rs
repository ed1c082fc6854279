//! `sock_diag`: the kernel's table of sockets (`sock_diag(7)`, `include/uapi/linux/inet_diag.h`).
//!
//! /proc/net/tcp has the same sockets, but without the bytes that each has carried, and cannot be asked for some only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::errno::Errno;
use nix::poll::PollTimeout;
use nix::sys::socket::SockProtocol;

use super::netlink::{self, Message, Socket, array, attributes, messages};
use super::{Error, Protocol, Source};

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
/// Attributes: `INET_DIAG_INFO`, which is to be asked for, and `INET_DIAG_SKV6ONLY`.
const INFO: u16 = 2;
const V6_ONLY: u16 = 11;
/// `NLM_F_ACK`: say so when all is said.
const ACKNOWLEDGE: u16 = 0x4;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// How a `struct inet_diag_sockid` ends: no interface, and `INET_DIAG_NOCOOKIE`.
const ANY_INTERFACE_NO_COOKIE: [u8; 12] = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// States (`include/net/tcp_states.h`).
pub(super) const ESTABLISHED: u8 = 1;
pub(super) const SYN_SENT: u8 = 2;
pub(super) const LISTEN: u8 = 10;
/// `TIME_WAIT` and `NEW_SYN_RECV` have no socket, and no process either.
pub(super) const WITH_PROCESS: u32 = !(1 << 6 | 1 << 12);
/// How many sockets are read at once.
const MAX_SOCKETS: usize = 262_144;
/// The kernel answers at once; it never came near this.
const PATIENCE: u16 = 2_000;

/// `AF_INET` or `AF_INET6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub(super) const fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    const fn number(self) -> u8 {
        match self {
            Self::V4 => 2,
            Self::V6 => 10,
        }
    }
}

/// A socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its own address. IPv4 as IPv4, in a socket of IPv6 too.
    pub local: SocketAddr,
    /// The other end; address and port 0 where there is none.
    pub remote: SocketAddr,
    /// [`ESTABLISHED`], [`LISTEN`] and the others. A connected UDP socket is established.
    pub state: u8,
    /// What `/proc/PID/fd` calls it; 0 where no process has it.
    pub inode: u32,
    /// Bytes that were received and not read yet, and written and not acknowledged yet.
    pub queued: (u32, u32),
    /// Bytes that were received and that were sent, each byte once. `None` where the kernel does not say (before 4.19).
    pub bytes: Option<(u64, u64)>,
    /// A socket of IPv6 that takes IPv4 too, where it listens on any address.
    pub is_dual: bool,
}

/// What to ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub protocol: Protocol,
    pub family: Family,
    /// A bit for each state.
    pub states: u32,
    /// The local port, 0 is any.
    pub local_port: u16,
    /// The other end's port, 0 is any.
    pub remote_port: u16,
}

/// Asks for sockets of the network namespace in which it was opened. It takes no privilege.
pub(super) struct Diag(Socket);

impl Diag {
    pub(super) fn open() -> Result<Self, Error> {
        Socket::open(SockProtocol::NetlinkSockDiag, 0).map(Self).map_err(failed)
    }

    /// All sockets that fit, at most 262,144 of them. Nothing for a protocol without sockets.
    pub(super) fn sockets(&mut self, question: &Question) -> Result<Vec<Found>, Error> {
        let Some(protocol) = number(question.protocol) else { return Ok(Vec::new()) };
        let mut request = head(question.family, protocol, question.states);
        request.extend(question.local_port.to_be_bytes());
        request.extend(question.remote_port.to_be_bytes());
        // A dump looks at no address.
        request.extend([0; 32]);
        request.extend(ANY_INTERFACE_NO_COOKIE);
        self.ask(&request, netlink::DUMP).map_err(failed)
    }

    /// The one socket that has both ends. For TCP that is quick, however many there are.
    pub(super) fn socket(
        &mut self,
        protocol: Protocol,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<Option<Found>, Error> {
        let family = Family::of(remote.ip());
        let found = match protocol {
            Protocol::Tcp => self.exactly(family, local, remote)?,
            // Asked for one socket, kernels before 5.10 have the ends of UDP the wrong way round.
            Protocol::Udp | Protocol::Icmp => {
                let (local_port, remote_port) = (local.port(), remote.port());
                self.sockets(&Question { protocol, family, states: WITH_PROCESS, local_port, remote_port })?
            }
        };
        Ok(found.into_iter().find(|found| found.local == local && found.remote == remote))
    }

    fn exactly(&mut self, family: Family, local: SocketAddr, remote: SocketAddr) -> Result<Vec<Found>, Error> {
        let mut request = head(family, TCP, WITH_PROCESS);
        request.extend(local.port().to_be_bytes());
        request.extend(remote.port().to_be_bytes());
        for address in [local.ip(), remote.ip()] {
            request.extend(
                match address {
                    IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
                    IpAddr::V6(v6) => v6.to_bits(),
                }
                .to_be_bytes(),
            );
        }
        request.extend(ANY_INTERFACE_NO_COOKIE);
        match self.ask(&request, ACKNOWLEDGE) {
            Err(Errno::ENOENT) => Ok(Vec::new()),
            answer => answer.map_err(failed),
        }
    }

    fn ask(&mut self, request: &[u8], flags: u16) -> nix::Result<Vec<Found>> {
        let sequence = self.0.request(BY_FAMILY, flags, request)?;
        let mut found = Vec::new();
        loop {
            self.0.wait(None, PollTimeout::from(PATIENCE))?;
            let bytes = match self.0.receive() {
                Err(Errno::EINTR) => continue,
                received => received?,
            };
            for message in messages(bytes).filter(|message| message.sequence == sequence) {
                match message.kind {
                    netlink::DONE => return Ok(found),
                    netlink::ERROR => return message.error().map_or(Ok(found), Err),
                    _ if found.len() < MAX_SOCKETS => found.extend(read(&message)),
                    _ => {}
                }
            }
        }
    }
}

fn failed(errno: Errno) -> Error {
    Error::of(Source::Sockets, errno)
}

/// The number that IANA gave it; ICMP has no such sockets.
const fn number(protocol: Protocol) -> Option<u8> {
    match protocol {
        Protocol::Tcp => Some(TCP),
        Protocol::Udp => Some(17),
        Protocol::Icmp => None,
    }
}

/// How `struct inet_diag_req_v2` begins: family, protocol, extensions, padding, states. `struct inet_diag_sockid` follows.
fn head(family: Family, protocol: u8, states: u32) -> Vec<u8> {
    let mut head = vec![family.number(), protocol, 1 << (INFO - 1), 0];
    head.extend(states.to_ne_bytes());
    head
}

/// `struct inet_diag_msg` and its attributes.
fn read(message: &Message<'_>) -> Option<Found> {
    let body = message.body;
    let is_v6 = match body.first()? {
        2 => false,
        10 => true,
        _ => return None,
    };
    let number = |at| array(body, at).map(u32::from_ne_bytes);
    let endpoint = |port, address| {
        let port = array(body, port).map(u16::from_be_bytes)?;
        let address = match is_v6 {
            true => IpAddr::V6(Ipv6Addr::from(array::<16>(body, address)?)).to_canonical(),
            false => IpAddr::V4(Ipv4Addr::from(array::<4>(body, address)?)),
        };
        Some(SocketAddr::new(address, port))
    };
    let mut found = Found {
        state: *body.get(1)?,
        local: endpoint(4, 8)?,
        remote: endpoint(6, 24)?,
        queued: (number(56)?, number(60)?),
        inode: number(68)?,
        bytes: None,
        is_dual: false,
    };
    for (kind, value) in attributes(body.get(72..)?) {
        match kind {
            INFO => found.bytes = carried(value),
            V6_ONLY => found.is_dual = is_v6 && value.first() == Some(&0),
            _ => {}
        }
    }
    Some(found)
}

/// From `struct tcp_info` (`include/uapi/linux/tcp.h`): `tcpi_bytes_received`, and `tcpi_bytes_sent` less
/// `tcpi_bytes_retrans`. `tcpi_bytes_acked` counts the SYN of who opens too.
fn carried(info: &[u8]) -> Option<(u64, u64)> {
    let number = |at| array(info, at).map(u64::from_ne_bytes);
    Some((number(128)?, number(200)?.saturating_sub(number(208)?)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    fn ask(protocol: Protocol, family: Family, local_port: u16) -> Vec<Found> {
        let question = Question { protocol, family, states: WITH_PROCESS, local_port, remote_port: 0 };
        Diag::open().unwrap().sockets(&question).unwrap()
    }

    #[test]
    fn a_connection_is_told_with_the_bytes_that_it_carried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(b"question").unwrap();
        server.read_exact(&mut [0; 8]).unwrap();
        server.write_all(b"the answer").unwrap();
        client.read_exact(&mut [0; 3]).unwrap();
        let found = ask(Protocol::Tcp, Family::V4, client.local_addr().unwrap().port());
        let [found] = found[..] else { panic!("{found:?}") };
        assert_eq!((found.local, found.remote), (client.local_addr().unwrap(), client.peer_addr().unwrap()));
        assert_eq!((found.state, found.bytes, found.queued), (ESTABLISHED, Some((10, 8)), (7, 0)));
        assert_ne!(found.inode, 0);
    }

    #[test]
    fn one_socket_is_found_by_both_its_ends() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(any).unwrap();
            let server = listener.local_addr().unwrap();
            let client = TcpStream::connect(server).unwrap();
            let local = client.local_addr().unwrap();
            let mut diag = Diag::open().unwrap();
            let found = diag.socket(Protocol::Tcp, local, server).unwrap().unwrap();
            assert_eq!((found.local, found.remote, found.state), (local, server, ESTABLISHED));
            // The socket that listens is none of them.
            let stranger = SocketAddr::new(server.ip(), 1);
            assert_eq!(diag.socket(Protocol::Tcp, server, stranger).unwrap(), None);
            assert_eq!(diag.socket(Protocol::Tcp, stranger, stranger).unwrap(), None);
            // It can be asked again: nothing of the answer before is left.
            assert_eq!(diag.socket(Protocol::Tcp, local, server).unwrap().unwrap().inode, found.inode);
        }
        let (one, other) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        one.connect(other.local_addr().unwrap()).unwrap();
        let (local, remote) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        assert!(Diag::open().unwrap().socket(Protocol::Udp, local, remote).unwrap().is_some());
        assert_eq!(Diag::open().unwrap().socket(Protocol::Udp, remote, local).unwrap(), None);
    }

    #[test]
    fn a_listening_socket_says_whether_it_takes_both_families() {
        let listener = TcpListener::bind("[::]:0").unwrap();
        let found = ask(Protocol::Tcp, Family::V6, listener.local_addr().unwrap().port());
        let [found] = found[..] else { panic!("{found:?}") };
        assert_eq!((found.state, found.local.ip(), found.is_dual), (LISTEN, "::".parse().unwrap(), true));
    }

    #[test]
    fn sockets_of_udp_are_told_too() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = socket.local_addr().unwrap();
        let found = ask(Protocol::Udp, Family::V4, local.port());
        assert_eq!(found.iter().map(|found| found.local).collect::<Vec<_>>(), [local]);
        assert_eq!(ask(Protocol::Icmp, Family::V4, local.port()), []);
    }

    #[test]
    fn a_message_that_is_cut_anywhere_is_read_without_harm() {
        let mut body = vec![0_u8; 72];
        body[0] = 2;
        body.extend([8 + 208, 0, 2, 0]);
        body.resize(72 + 4 + 216, 7);
        for length in 0..body.len() {
            let message = Message { kind: BY_FAMILY, flags: 0, sequence: 1, body: &body[..length] };
            assert_eq!(read(&message).is_some(), length >= 72, "{length}");
        }
    }
}
