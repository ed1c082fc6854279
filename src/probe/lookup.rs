//! DNS queries over UDP (RFC 1035, 4.1), each for the A records of one name.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use socket2::{SockAddr, Socket};

use super::connect::any_port;
use super::engine::Ask;
use super::{Failure, Mark, ProbeError};

/// The longest name: 255 bytes on the wire, each label after a byte of length, the root's at the end.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;
/// How many answers are thrown away at once; the others at the next call.
const DRAINED: u32 = 1024;

pub(super) struct Lookup {
    resolver: SocketAddr,
    to: SockAddr,
    current: Asking,
    /// The socket of the 65,536 queries before, open so that answers which are on their way are not refused.
    before: Option<Asking>,
    /// The id of the first query. The others count up from it, so that none comes twice on one port. That they can be
    /// guessed is no harm: nobody believes the answers.
    id: u16,
    query: Vec<u8>,
}

struct Asking {
    socket: Socket,
    port: u16,
    /// Which 65,536 queries it is for.
    era: u64,
}

impl Asking {
    fn open(resolver: SocketAddr, era: u64) -> io::Result<Self> {
        // Not connected: that the resolver's port is closed would be told to the next query as its own failure.
        let socket = UdpSocket::bind(any_port(resolver.ip()))?;
        socket.set_nonblocking(true)?;
        Ok(Self { port: socket.local_addr()?.port(), socket: socket.into(), era })
    }

    /// Throws away what was received. A filter that drops it in the kernel would count in the namespace's statistics, as
    /// errors of UDP.
    fn drain(&self) {
        let mut bytes = [MaybeUninit::uninit(); 1];
        for _ in 0..DRAINED {
            if self.socket.recv(&mut bytes).is_err() {
                break;
            }
        }
    }
}

impl Lookup {
    /// `name` as [`encode`] gives it.
    pub fn open(resolver: SocketAddr, name: &[u8], id: u16) -> io::Result<Self> {
        let current = Asking::open(resolver, 0)?;
        Ok(Self { resolver, to: resolver.into(), current, before: None, id, query: query(name) })
    }
}

impl Ask for Lookup {
    fn prepare(&mut self, number: u64) -> Result<Mark, Failure> {
        let era = number >> 16;
        if era != self.current.era {
            let next = Asking::open(self.resolver, era).map_err(|error| Failure::of(&error))?;
            self.before = Some(std::mem::replace(&mut self.current, next));
        }
        let id = self.id.wrapping_add(number as u16);
        if let Some(first) = self.query.first_chunk_mut() {
            *first = id.to_be_bytes();
        }
        Ok(Mark::Query { port: self.current.port, id })
    }

    fn send(&mut self, _now: Duration) -> Result<(), Failure> {
        self.current.socket.send_to(&self.query, &self.to).map(drop).map_err(|error| Failure::of(&error))
    }

    fn settle(&mut self, _now: Duration, _failed: &mut dyn FnMut(u64, Failure)) {
        self.current.drain();
        if let Some(before) = &self.before {
            before.drain();
        }
    }

    fn wake(&self) -> Option<BorrowedFd<'_>> {
        Some(self.current.socket.as_fd())
    }

    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Answers are not looked at here.
    fn is_settled(&self) -> bool {
        false
    }
}

/// A query with the id 0: recursion desired, one question, type A, class IN. A library for messages would be more code
/// than these lines.
fn query(name: &[u8]) -> Vec<u8> {
    [&[0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], name, &[0, 1, 0, 1]].concat()
}

/// A name as RFC 1035, 3.1 has it on the wire. A dot at its end is allowed.
///
/// # Errors
/// It is empty, too long, has an empty or too long label, or other characters than printable ASCII.
pub(super) fn encode(name: &str) -> Result<Vec<u8>, ProbeError> {
    let flaw = |why| Err(ProbeError::Name { name: name.to_owned(), why });
    let labels = name.strip_suffix('.').unwrap_or(name);
    if labels.is_empty() {
        return flaw("it is empty");
    }
    if labels.len() > MAX_NAME {
        return flaw("it is longer than 253 characters");
    }
    if !labels.bytes().all(|byte| byte.is_ascii_graphic()) {
        return flaw("it has other characters than letters, digits and signs of ASCII; write it as xn--…");
    }
    let mut encoded = Vec::with_capacity(labels.len() + 2);
    for label in labels.split('.') {
        match u8::try_from(label.len()) {
            Ok(0) => return flaw("there is nothing between two dots"),
            Ok(length) if label.len() <= MAX_LABEL => encoded.push(length),
            _ => return flaw("a part between dots is longer than 63 characters"),
        }
        encoded.extend(label.bytes());
    }
    encoded.push(0);
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_what_rfc_1035_says() {
        let wire = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x0bcontainer_b\x04shop\0\0\x01\0\x01";
        assert_eq!(query(&encode("container_b.shop").unwrap()), wire);
        assert_eq!(query(&encode("container_b.shop.").unwrap()), wire);
    }

    #[test]
    fn names_are_held_to_their_lengths() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(encode(&longest).unwrap().len(), 255);
        assert_eq!(encode(&format!("{longest}.")).unwrap().len(), 255);
        for (name, why) in [
            (String::new(), "it is empty"),
            (".".to_owned(), "it is empty"),
            (format!("{longest}a"), "it is longer than 253 characters"),
            (format!("{label}a.b"), "a part between dots is longer than 63 characters"),
            ("a..b".to_owned(), "there is nothing between two dots"),
            (".a".to_owned(), "there is nothing between two dots"),
            ("a b".to_owned(), "other characters"),
            ("a\u{1b}[2J".to_owned(), "other characters"),
            ("bücher".to_owned(), "xn--"),
        ] {
            let error = encode(&name).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn ids_come_again_only_on_another_port_and_answers_are_thrown_away() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut lookup = Lookup::open(server.local_addr().unwrap(), &encode("b").unwrap(), 0xfffe).unwrap();
        let mut marks = Vec::new();
        for number in [0, 1, 2, 65_535, 65_536] {
            let Mark::Query { port, id } = lookup.prepare(number).unwrap() else { panic!() };
            lookup.send(Duration::ZERO).unwrap();
            let mut query = [0; 64];
            let (length, from) = server.recv_from(&mut query).unwrap();
            assert_eq!((from.port(), &query[..2]), (port, &id.to_be_bytes()[..]));
            server.send_to(&query[..length], from).unwrap();
            marks.push((port, id));
        }
        assert_eq!(marks.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [0xfffe, 0xffff, 0, 0xfffd, 0xfffe]);
        assert_ne!(marks[4].0, marks[0].0);
        lookup.settle(Duration::ZERO, &mut |_, _| panic!());
        for asking in [&lookup.current, lookup.before.as_ref().unwrap()] {
            let error = asking.socket.recv(&mut [MaybeUninit::uninit(); 1]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
    }
}
