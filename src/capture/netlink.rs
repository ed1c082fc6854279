//! The framing of netlink (RFC 3549, 2.2; `linux/netlink.h`): messages, and the attributes in them. All in the machine's
//! byte order, all aligned to four bytes. No I/O.

/// Length of `struct nlmsghdr` in bytes.
const HEADER: usize = 16;
/// Length of `struct nlattr` in bytes.
const ATTRIBUTE: usize = 4;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `NLM_F_DUMP`: everything that there is.
pub(super) const DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// The bits of an attribute's type that are none of it (`NLA_TYPE_MASK`).
const ATTRIBUTE_FLAGS: u16 = 0xc000;

/// One message.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// `RTM_NEWLINK`, …
    pub kind: u16,
    /// That of the request that it answers.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

impl Message<'_> {
    /// Whether a dump is complete.
    pub fn is_done(&self) -> bool {
        self.kind == NLMSG_DONE
    }

    /// The error number that it carries, positive; 0 acknowledges.
    pub fn error(&self) -> Option<i32> {
        let number = self.body.get(..4).filter(|_| self.kind == NLMSG_ERROR).and_then(u32_of)?;
        Some(number.cast_signed().saturating_neg())
    }
}

/// A request, ready to be sent.
pub(super) fn request(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend(((HEADER + body.len()) as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((flags | REQUEST).to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    // From the port that the kernel chose for the socket.
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes
}

/// The messages of a datagram, up to the first that is not whole.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = u32_of(bytes.get(..4)?)? as usize;
        let kind = u16_of(bytes.get(4..6)?)?;
        let sequence = u32_of(bytes.get(8..12)?)?;
        let body = bytes.get(HEADER..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, sequence, body })
    })
}

/// Appends an attribute.
pub(super) fn push_attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend(((ATTRIBUTE + value.len()) as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// Attributes, each with its type and value, up to the first that is not whole.
pub(super) struct Attributes<'a>(pub &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16_of(self.0.get(..2)?)?);
        let kind = u16_of(self.0.get(2..4)?)? & !ATTRIBUTE_FLAGS;
        let value = self.0.get(ATTRIBUTE..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

fn u16_of(bytes: &[u8]) -> Option<u16> {
    bytes.try_into().ok().map(u16::from_ne_bytes)
}

/// A number of four bytes; nothing for another length.
pub(super) fn u32_of(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

/// A text up to its terminating zero.
pub(super) fn text_of(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut body = vec![0; 4];
        push_attribute(&mut body, 3, b"eth0\0");
        push_attribute(&mut body, 0x8005, &7_u32.to_ne_bytes());
        let mut bytes = request(18, DUMP, 9, &body);
        let whole = bytes.len();
        bytes.extend(request(3, 0, 9, &[0; 4]));
        let read: Vec<_> = messages(&bytes).collect();
        let [first, second] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!((first.kind, first.sequence, first.body), (18, 9, &body[..]));
        assert!(second.is_done() && !first.is_done());
        let attributes: Vec<_> = Attributes(&first.body[4..]).collect();
        assert_eq!(attributes, [(3, &b"eth0\0"[..]), (5, &7_u32.to_ne_bytes())]);
        assert_eq!(text_of(attributes[0].1), "eth0");
        assert_eq!(messages(&bytes[..whole + 10]).count(), 1);
    }

    #[test]
    fn errors_are_positive_and_nothing_loops() {
        let error = |number: i32| Message { kind: 2, sequence: 0, body: &number.to_ne_bytes() }.error();
        assert_eq!((error(-1), error(0)), (Some(1), Some(0)));
        assert_eq!(error(i32::MIN), Some(i32::MAX));
        assert_eq!(Message { kind: 2, sequence: 0, body: &[0] }.error(), None);
        // A length of nothing would never come to an end.
        assert_eq!(messages(&[0; 64]).count(), 0);
        assert_eq!(Attributes(&[0; 64]).count(), 0);
        assert_eq!(messages(&[0xff; 64]).count() + Attributes(&[0xff; 64]).count(), 0);
    }
}
