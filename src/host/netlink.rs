//! Netlink sockets, and reading what comes from them.
//!
//! Headers and attributes are in the machine's byte order (RFC 3549, section 2.3.2; `include/uapi/linux/netlink.h`). The
//! sender is checked to be the kernel, and every length is checked all the same: a message that contradicts itself ends
//! its list. neli and netlink-packet-netfilter were looked at: neither reads conntrack tuples, and what is needed is here.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, sendto, setsockopt, socket,
    sockopt,
};

/// Request flags (`NLM_F_*`): a request; a request for the whole table.
pub(super) const REQUEST: u16 = 0x1;
pub(super) const DUMP: u16 = 0x300;
/// Message types that every netlink family has (`NLMSG_*`).
pub(super) const ERROR: u16 = 2;
pub(super) const DONE: u16 = 3;
pub(super) const OVERRUN: u16 = 4;

/// The kernel fills at most 32 KiB of a dump at once (`netlink_dump`); an event is some hundred bytes.
const BUFFER: usize = 64 << 10;
const HEADER: usize = 16;

/// A socket to one part of the kernel.
pub(super) struct Socket {
    fd: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Socket {
    /// Opens it without blocking; `groups` is the mask of multicast groups to hear (group 1 is bit 0).
    pub(super) fn open(protocol: SockProtocol, groups: u32) -> nix::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(Self { fd, buffer: vec![0; BUFFER], sequence: 0 })
    }

    /// Asks for a receive buffer of so many bytes: over the system's limit where that is allowed, else up to it.
    pub(super) fn set_receive_buffer(&self, bytes: usize) {
        if setsockopt(&self.fd, sockopt::RcvBufForce, &bytes).is_err() {
            // The kernel cuts it to net.core.rmem_max. A small buffer overruns sooner, and overruns are counted.
            let _ = setsockopt(&self.fd, sockopt::RcvBuf, &bytes);
        }
    }

    /// Sends one request; returns its sequence number, which the answers carry.
    pub(super) fn request(&mut self, kind: u16, flags: u16, body: &[u8]) -> nix::Result<u32> {
        // 0 is what events carry.
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        let message = message(kind, REQUEST | flags, self.sequence, body);
        sendto(self.fd.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        Ok(self.sequence)
    }

    /// What the kernel has sent; empty where another program sent it. `EAGAIN` where there is nothing, `ENOBUFS` where
    /// messages were lost.
    pub(super) fn receive(&mut self) -> nix::Result<&[u8]> {
        let (length, from) = recvfrom::<NetlinkAddr>(self.fd.as_raw_fd(), &mut self.buffer)?;
        let from_kernel = from.is_some_and(|from| from.pid() == 0);
        Ok(self.buffer.get(..length).filter(|_| from_kernel).unwrap_or_default())
    }

    /// Waits until there is something to receive or the time is over; false where `stop` is readable.
    pub(super) fn wait(&self, stop: Option<BorrowedFd<'_>>, patience: PollTimeout) -> nix::Result<bool> {
        let descriptors = [Some(self.fd.as_fd()), stop].into_iter().flatten();
        let mut polled: Vec<_> = descriptors.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut polled, patience) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        Ok(!polled.get(1).and_then(PollFd::any).unwrap_or(false))
    }
}

/// One message with its header.
fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut message = Vec::with_capacity(HEADER + body.len());
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    // The kernel fills in the port of the sender.
    message.extend([0; 4]);
    message.extend_from_slice(body);
    message
}

/// A message as the kernel sent it (`struct nlmsghdr`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// That of the request, 0 of an event.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

impl Message<'_> {
    /// What an [`ERROR`] says: the error's number, or `None` where it acknowledges.
    pub(super) fn error(&self) -> Option<Errno> {
        let code = i32::from_ne_bytes(array(self.body, 0)?);
        (code != 0).then(|| Errno::from_raw(code.saturating_neg()))
    }
}

/// The messages that were received together, up to the first that is cut.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(array(bytes, 0)?)).ok()?;
        let message = Message {
            kind: u16::from_ne_bytes(array(bytes, 4)?),
            flags: u16::from_ne_bytes(array(bytes, 6)?),
            sequence: u32::from_ne_bytes(array(bytes, 8)?),
            body: bytes.get(HEADER..length)?,
        };
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes of a message or of an attribute (`struct nlattr`), as type without flags and value, up to the first
/// that is cut.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(array(bytes, 0)?));
        // The two highest bits say that it is nested or in network byte order (NLA_TYPE_MASK).
        let kind = u16::from_ne_bytes(array(bytes, 2)?) & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// So many bytes from a place, where they are there.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Everything begins at a multiple of four bytes.
const fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_each_other_until_one_is_cut() {
        let mut bytes = message(7, 1, 9, b"abcde");
        bytes.extend([0; 3]);
        bytes.extend(message(8, 2, 0, b""));
        let whole: Vec<_> = messages(&bytes).map(|message| (message.kind, message.body.to_vec())).collect();
        assert_eq!(whole, [(7, b"abcde".to_vec()), (8, vec![])]);
        assert_eq!(messages(&bytes[..bytes.len() - 1]).count(), 1);
        assert_eq!(messages(&bytes[..20]).count(), 0);
    }

    #[test]
    fn a_length_that_lies_ends_the_list() {
        for length in [0_u32, 1, 15, 4000, u32::MAX] {
            let mut bytes = message(7, 1, 9, b"abcd");
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(messages(&bytes).count(), 0, "{length}");
        }
        for length in [0_u16, 1, 3, 9, u16::MAX] {
            let mut bytes = vec![8, 0, 1, 0, 1, 2, 3, 4];
            bytes[..2].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(attributes(&bytes).count(), 0, "{length}");
        }
    }

    #[test]
    fn the_flags_of_an_attribute_are_no_part_of_its_type() {
        let bytes = [5_u16.to_ne_bytes(), 0x8003_u16.to_ne_bytes(), [42, 0], [0, 0]].concat();
        assert_eq!(attributes(&bytes).collect::<Vec<_>>(), [(3, &[42][..])]);
    }

    #[test]
    fn an_error_is_told_from_an_acknowledgement() {
        let error = |code: i32| {
            let body = code.to_ne_bytes();
            Message { kind: ERROR, flags: 0, sequence: 1, body: &body }.error()
        };
        assert_eq!(error(-1), Some(Errno::EPERM));
        assert_eq!(error(0), None);
        assert_eq!(error(i32::MIN), Some(Errno::UnknownErrno));
    }
}
