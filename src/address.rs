//! Addresses of the link layer. Those of the network layer are the standard library's.

use std::fmt;

/// A 48-bit IEEE 802 address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// `ff:ff:ff:ff:ff:ff`, every station of the network.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// True of broadcast and multicast addresses: the group bit is set (IEEE 802-2014, 8.2.2).
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Reads six pairs of hexadecimal digits with colons between them, as Docker and tcpdump write them.
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next()?;
            if part.len() != 2 {
                return None;
            }
            *octet = u8::from_str_radix(part, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(octets))
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let mac = MacAddr([0x02, 0x42, 0xac, 0x12, 0, 2]);
        assert_eq!(mac.to_string(), "02:42:ac:12:00:02");
        assert_eq!(MacAddr::parse("02:42:ac:12:00:02"), Some(mac));
        for bad in ["", "02:42", "02:42:ac:12:00:02:03", "2:42:ac:12:00:02", "02:42:ac:12:00:zz"] {
            assert_eq!(MacAddr::parse(bad), None, "{bad}");
        }
    }
}
