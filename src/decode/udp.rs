//! UDP (RFC 768).

use super::{Layer, Stop, header};

/// A UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// Bytes of the payload on the wire; fewer may have been captured.
    pub payload_len: usize,
    /// What was captured of the payload.
    pub payload: &'a [u8],
}

/// `carried` is the length of the datagram by the IP header.
pub(super) fn read<'a>(bytes: &'a [u8], carried: usize, stop: &mut Option<Stop>) -> Option<Udp<'a>> {
    let (h, rest) = header::<8>(bytes, Layer::Udp, stop)?;
    let length = usize::from(u16::from_be_bytes([h[4], h[5]]));
    // 0 is a jumbogram (RFC 2675, 4); any other length under 8 cannot be.
    let payload_len = match length {
        0 => carried.saturating_sub(8),
        1..8 => {
            *stop = Some(Stop::Invalid { layer: Layer::Udp, why: "length under 8" });
            0
        }
        _ => length - 8,
    };
    Some(Udp {
        source_port: u16::from_be_bytes([h[0], h[1]]),
        destination_port: u16::from_be_bytes([h[2], h[3]]),
        payload_len,
        payload: rest.get(..payload_len).unwrap_or(rest),
    })
}
