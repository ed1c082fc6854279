//! TCP connects: a socket for each, bound before it connects so that its port is known, and closed when it stands.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::engine::Ask;
use super::{Failure, Mark};

/// How many connections may be under way; and never more than half of the file descriptors that this program may have,
/// since its taps need some too.
const MAX_IN_FLIGHT: usize = 4096;
/// How many are told at once; the others at the next call.
const EVENTS: usize = 64;

pub(super) struct Connect {
    to: SockAddr,
    any: SockAddr,
    domain: Domain,
    patience: Duration,
    max_in_flight: usize,
    /// The sockets that connect.
    epoll: Epoll,
    prepared: Option<(u64, Socket)>,
    /// By number, so that the first is the oldest; each with when it is given up.
    in_flight: BTreeMap<u64, (Socket, Duration)>,
}

impl Connect {
    pub fn open(to: SocketAddr, patience: Duration) -> io::Result<Self> {
        let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft / 2);
        Ok(Self {
            to: to.into(),
            any: any_port(to.ip()).into(),
            domain: Domain::for_address(to),
            patience,
            max_in_flight: usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_IN_FLIGHT),
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            prepared: None,
            in_flight: BTreeMap::new(),
        })
    }

    fn bound(&self) -> io::Result<(Socket, u16)> {
        let socket = Socket::new(self.domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        // Closed with a reset. With a FIN, the client's port would be in TIME-WAIT for a minute: at a probe each 2 ms the
        // container would have none left for its own connections, and connection tracking would keep each for two
        // minutes. A server that closes late would keep its half of each as well. The price is that a log of the same
        // moment shows resets, and that servers which count broken connections count these; to them, a connection that
        // ends before it asked anything is broken either way. Health checks of load balancers do the same.
        socket.set_linger(Some(Duration::ZERO))?;
        socket.bind(&self.any)?;
        let port = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
        Ok((socket, port))
    }
}

impl Ask for Connect {
    fn prepare(&mut self, number: u64) -> Result<Mark, Failure> {
        if self.in_flight.len() >= self.max_in_flight {
            return Err(Failure::InFlight);
        }
        let (socket, port) = self.bound().map_err(|error| Failure::of(&error))?;
        self.prepared = Some((number, socket));
        Ok(Mark::Port(port))
    }

    fn send(&mut self, now: Duration) -> Result<(), Failure> {
        let Some((number, socket)) = self.prepared.take() else { return Ok(()) };
        match socket.connect(&self.to) {
            Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => return Err(Failure::of(&error)),
            _ => {}
        }
        // Only now: a socket that does not connect yet would be told as hung up.
        let event = EpollEvent::new(EpollFlags::EPOLLOUT, number);
        self.epoll.add(&socket, event).map_err(|errno| Failure::of(&errno.into()))?;
        self.in_flight.insert(number, (socket, now.saturating_add(self.patience)));
        Ok(())
    }

    fn settle(&mut self, now: Duration, failed: &mut dyn FnMut(u64, Failure)) {
        loop {
            let mut events = [EpollEvent::empty(); EVENTS];
            let count = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
            for event in events.iter().take(count) {
                // Closing it takes it out of the epoll set.
                let Some((socket, _)) = self.in_flight.remove(&event.data()) else { continue };
                if let Ok(Some(error)) | Err(error) = socket.take_error() {
                    failed(event.data(), Failure::of(&error));
                }
            }
            if count < EVENTS {
                break;
            }
        }
        while let Some(oldest) = self.in_flight.first_entry().filter(|entry| entry.get().1 <= now) {
            failed(*oldest.key(), Failure::TimedOut);
            oldest.remove();
        }
    }

    fn wake(&self) -> Option<BorrowedFd<'_>> {
        Some(self.epoll.0.as_fd())
    }

    fn deadline(&self) -> Option<Duration> {
        self.in_flight.first_key_value().map(|(_, (_, deadline))| *deadline)
    }

    fn is_settled(&self) -> bool {
        self.in_flight.is_empty()
    }
}

/// Any address of that family, and any port.
pub(super) const fn any_port(to: IpAddr) -> SocketAddr {
    let any = match to {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(any, 0)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    /// Asks until all is told, and what failed.
    fn settled(connect: &mut Connect) -> Vec<(u64, Failure)> {
        let mut told = Vec::new();
        for _ in 0..2000 {
            connect.settle(NOW, &mut |number, failure| told.push((number, failure)));
            if connect.is_settled() {
                return told;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("{} never ended", connect.in_flight.len());
    }

    #[test]
    fn the_port_is_told_before_the_server_sees_it_and_the_end_is_a_reset() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(any).unwrap();
            let mut connect = Connect::open(listener.local_addr().unwrap(), Duration::from_secs(1)).unwrap();
            let mark = connect.prepare(7).unwrap();
            connect.send(NOW).unwrap();
            let (server, from) = listener.accept().unwrap();
            assert_eq!(mark, Mark::Port(from.port()));
            assert_eq!((settled(&mut connect), connect.deadline()), (vec![], None));
            let end = std::io::Read::read(&mut &server, &mut [0; 1]);
            assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
    }

    #[test]
    fn a_closed_port_refuses() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut connect = Connect::open(closed, Duration::from_secs(1)).unwrap();
        for number in 0..3 {
            connect.prepare(number).unwrap();
            connect.send(NOW).unwrap();
        }
        let mut told = settled(&mut connect);
        told.sort_by_key(|(number, _)| *number);
        assert_eq!(told, [0, 1, 2].map(|number| (number, Failure::Refused)));
    }

    #[test]
    fn what_is_over_the_cap_fails_until_there_is_room() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connect = Connect::open(listener.local_addr().unwrap(), Duration::from_secs(1)).unwrap();
        assert!((1..=MAX_IN_FLIGHT).contains(&connect.max_in_flight), "{}", connect.max_in_flight);
        connect.max_in_flight = 2;
        for number in 0..2 {
            connect.prepare(number).unwrap();
            connect.send(NOW).unwrap();
        }
        assert_eq!(connect.prepare(2), Err(Failure::InFlight));
        assert_eq!(connect.deadline(), Some(NOW + Duration::from_secs(1)));
        assert_eq!(settled(&mut connect), []);
        assert!(connect.prepare(3).is_ok());
    }
}
