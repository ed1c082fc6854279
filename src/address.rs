//! Addresses of the link layer. Those of the network layer are the standard library's.

use std::fmt;
use std::net::IpAddr;

use crate::digits::{self, Append};

/// An address as text, the same as its `Display` gives.
pub fn text(address: IpAddr) -> String {
    let mut text = String::with_capacity(15);
    push(&mut text, address);
    text
}

/// Appends an address as its `Display` has it; for IPv4 without the formatting machinery, since lines of the log are
/// mostly addresses.
pub fn push(out: &mut (impl Append + ?Sized), address: IpAddr) {
    let v4 = match address {
        IpAddr::V4(v4) => v4,
        IpAddr::V6(v6) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{v6}");
            return;
        }
    };
    for (place, octet) in v4.octets().into_iter().enumerate() {
        if place > 0 {
            out.append(".");
        }
        digits::push(out, octet);
    }
}

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

    /// The address as a number of 48 bits, whatever their order; for [`Self::from_bits`].
    #[inline]
    pub(crate) const fn to_bits(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_ne_bytes([a, b, c, d, e, f, 0, 0])
    }

    /// The address that [`Self::to_bits`] is the number of.
    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        let [a, b, c, d, e, f, _, _] = bits.to_ne_bytes();
        Self([a, b, c, d, e, f])
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

impl MacAddr {
    /// Appends it as its `Display` has it.
    pub fn push(self, out: &mut (impl Append + ?Sized)) {
        out.append(std::str::from_utf8(&self.digits()).unwrap_or_default());
    }

    fn digits(self) -> [u8; 17] {
        let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
        let mut text = [b':'; 17];
        for (pair, octet) in text.chunks_mut(3).zip(self.0) {
            if let [high, low, ..] = pair {
                (*high, *low) = (digit(octet >> 4), digit(octet & 0xf));
            }
        }
        text
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ip_address_is_written_as_its_display_has_it() {
        for octet in 0..=255_u8 {
            let address = IpAddr::from([octet, 0, 255 - octet, 10]);
            assert_eq!(text(address), address.to_string());
        }
        assert_eq!(text("fd00::1".parse().unwrap()), "fd00::1");
    }

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
