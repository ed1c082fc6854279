//! Echo requests: ICMP (RFC 792) and ICMPv6 (RFC 4443, 4.1), by a raw socket.
//!
//! A ping socket (`SOCK_DGRAM`) would need the namespace's `net.ipv4.ping_group_range` to let us, and root is not let
//! by itself; the kernel would also choose the identifier. A raw socket needs `CAP_NET_RAW`, which tapping takes anyway.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};

use super::engine::Ask;
use super::{Failure, Mark};

/// Type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;
/// `BPF_RET | BPF_K` of 0 bytes (`linux/filter.h`).
const DROP: SockFilter = SockFilter::new(0x06, 0, 0, 0);

pub(super) struct Echo {
    socket: Socket,
    to: SockAddr,
    is_v4: bool,
    /// The identifier of the first 65,536 probes.
    id: u16,
    packet: Vec<u8>,
}

impl Echo {
    pub fn open(to: IpAddr, data_len: u16, id: u16) -> io::Result<Self> {
        let is_v4 = to.is_ipv4();
        let (domain, protocol, kind) = match is_v4 {
            true => (Domain::IPV4, Protocol::ICMPV4, 8),
            false => (Domain::IPV6, Protocol::ICMPV6, 128),
        };
        let socket = Socket::new(domain, Type::RAW.nonblocking(), Some(protocol))?;
        // A raw socket is given every ICMP packet that the namespace gets. The taps see the replies; here all are dropped
        // before they are kept, so nothing grows and nobody has to read them away.
        socket.attach_filter(&[DROP])?;
        // Like ping's data after its time stamp: each byte is its own place.
        let data = (0..data_len).map(|place| place as u8);
        let packet = [kind, 0, 0, 0, 0, 0, 0, 0].into_iter().chain(data).collect();
        // Not connected: the ICMP error to one probe would be the next one's refusal to be sent.
        Ok(Self { socket, to: SocketAddr::new(to, 0).into(), is_v4, id, packet })
    }
}

impl Ask for Echo {
    fn prepare(&mut self, number: u64) -> Result<Mark, Failure> {
        let sequence = number as u16;
        let id = self.id.wrapping_add((number >> 16) as u16);
        write_marks(&mut self.packet, id, sequence, self.is_v4);
        Ok(Mark::Echo { id, sequence })
    }

    fn send(&mut self, _now: Duration) -> Result<(), Failure> {
        self.socket.send_to(&self.packet, &self.to).map(drop).map_err(|error| Failure::of(&error))
    }

    fn settle(&mut self, _now: Duration, _failed: &mut dyn FnMut(u64, Failure)) {}

    fn wake(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Replies are not seen here.
    fn is_settled(&self) -> bool {
        false
    }
}

/// Writes identifier, sequence number and, for IPv4, the checksum; the kernel computes that of ICMPv6, which covers
/// addresses too (RFC 3542, 3.1).
fn write_marks(packet: &mut [u8], id: u16, sequence: u16, is_v4: bool) {
    let Some((header, data)) = packet.split_first_chunk_mut::<HEADER>() else { return };
    header[2..4].fill(0);
    header[4..6].copy_from_slice(&id.to_be_bytes());
    header[6..8].copy_from_slice(&sequence.to_be_bytes());
    if is_v4 {
        let sum = u32::from(folded(header)) + u32::from(folded(data));
        header[2..4].copy_from_slice(&(!carried(sum)).to_be_bytes());
    }
}

/// The one's complement sum of 16-bit words (RFC 1071); an odd byte at the end counts as the high one.
fn folded(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    };
    // At most 65,535 bytes: the sum stays under 2^31.
    carried(bytes.chunks(2).map(word).sum())
}

const fn carried(sum: u32) -> u16 {
    let once = (sum >> 16) + (sum & 0xffff);
    ((once >> 16) + (once & 0xffff)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_ping_sends() {
        // RFC 1071, 3: the sum of its example is ddf2.
        assert_eq!(folded(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
        assert_eq!(folded(&[0x12, 0x34, 0x56]), 0x6834);
        for data_len in [0, 1, 56, 1472, 65_507] {
            for (id, sequence) in [(0, 0), (0xffff, 0xffff), (0x1234, 1)] {
                let data = (0..data_len).map(|place: u32| place as u8);
                let mut packet: Vec<u8> = [8, 0, 0xaa, 0xaa, 0, 0, 0, 0].into_iter().chain(data).collect();
                write_marks(&mut packet, id, sequence, true);
                // Whoever sums a right packet gets all ones (RFC 1071, 1).
                assert_eq!(folded(&packet), 0xffff, "{data_len} {id} {sequence}");
            }
        }
    }

    #[test]
    fn identifier_and_sequence_are_where_rfc_792_has_them() {
        let mut packet = vec![128, 0, 7, 7, 0, 0, 0, 0, 1];
        write_marks(&mut packet, 0x0102, 0x0304, false);
        assert_eq!(packet, [128, 0, 0, 0, 1, 2, 3, 4, 1]);
    }
}
