//! ARP for IPv4 over Ethernet (RFC 826).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::message::{Endpoint, Message, Protocol, ProtocolId, Retry, Role, Subject};
use super::{Layer, Network, Packet, Stop, header};
use crate::address::MacAddr;

/// Operation of a request.
pub const REQUEST: u16 = 1;
/// Operation of a reply.
pub const REPLY: u16 = 2;

/// An ARP packet of IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// [`REQUEST`], [`REPLY`], or another operation.
    pub operation: u16,
    /// Who sends it.
    pub sender_mac: MacAddr,
    /// The sender's address; unspecified in a probe (RFC 5227, 1.1).
    pub sender: Ipv4Addr,
    /// In a reply, who asked; in a request, nothing.
    pub target_mac: MacAddr,
    /// The address that is asked about; in a reply, that of who asked.
    pub target: Ipv4Addr,
}

pub(super) fn read(bytes: &[u8], stop: &mut Option<Stop>) -> Option<Arp> {
    let (h, _) = header::<28>(bytes, Layer::Arp, stop)?;
    if h[..6] != [0, 1, 8, 0, 6, 4] {
        *stop = Some(Stop::Invalid { layer: Layer::Arp, why: "not IPv4 over Ethernet" });
        return None;
    }
    Some(Arp {
        operation: u16::from_be_bytes([h[6], h[7]]),
        sender_mac: MacAddr([h[8], h[9], h[10], h[11], h[12], h[13]]),
        sender: Ipv4Addr::new(h[14], h[15], h[16], h[17]),
        target_mac: MacAddr([h[18], h[19], h[20], h[21], h[22], h[23]]),
        target: Ipv4Addr::new(h[24], h[25], h[26], h[27]),
    })
}

/// Address resolution as an exchange: who has this address, and the answer.
#[derive(Debug)]
pub struct AddressResolution;

impl Protocol for AddressResolution {
    fn name(&self) -> &'static str {
        "arp"
    }
    fn noun(&self) -> &'static str {
        "ARP request"
    }
    /// Linux asks again after one second (`retrans_time_ms`), so by then the answer is not late but missing.
    fn patience(&self) -> Duration {
        Duration::from_millis(1100)
    }
    fn retry(&self) -> Retry {
        Retry::CountsFromLatest
    }

    fn read<'a>(&self, protocol: ProtocolId, packet: &Packet<'a>) -> Option<Message<'a>> {
        let Network::Arp(arp) = packet.network else { return None };
        // A probe (RFC 5227) hopes for no answer, and an announcement is not a question.
        let role = match arp.operation {
            _ if arp.sender == arp.target || arp.sender.is_unspecified() => Role::Notice,
            REQUEST => Role::Request,
            REPLY => Role::Reply,
            _ => Role::Notice,
        };
        let (client, server, address, mac) = match role {
            Role::Reply => (arp.target, arp.sender, arp.sender, Some(arp.sender_mac)),
            Role::Request => (arp.sender, arp.target, arp.target, None),
            Role::Notice if arp.sender.is_unspecified() => (arp.sender, arp.target, arp.target, None),
            Role::Notice => (arp.sender, arp.target, arp.sender, Some(arp.sender_mac)),
        };
        let subject = Subject::Neighbour { address: address.into(), mac };
        let end = |address: Ipv4Addr| Endpoint::host(IpAddr::V4(address));
        Some(Message {
            protocol,
            role,
            client: end(client),
            server: end(server),
            to_group: false,
            failed: false,
            id: 0,
            id_mask: u64::MAX,
            subject,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static REQUEST_BYTES: [u8; 28] =
        [0, 1, 8, 0, 6, 4, 0, 1, 2, 0x42, 0xac, 0x12, 0, 3, 172, 18, 0, 3, 0, 0, 0, 0, 0, 0, 172, 18, 0, 2];

    #[test]
    fn reads_a_request() {
        let mut stop = None;
        let arp = read(&REQUEST_BYTES, &mut stop).unwrap();
        assert_eq!((arp.operation, arp.sender, arp.target), (REQUEST, [172, 18, 0, 3].into(), [172, 18, 0, 2].into()));
        assert_eq!((arp.sender_mac.to_string(), stop), ("02:42:ac:12:00:03".to_owned(), None));
    }

    #[test]
    fn says_what_is_missing_at_every_cut() {
        for had in 0..28 {
            let mut stop = None;
            assert_eq!(read(&REQUEST_BYTES[..had], &mut stop), None);
            assert_eq!(stop, Some(Stop::Short { layer: Layer::Arp, needed: 28, had }));
        }
    }

    #[test]
    fn refuses_other_address_lengths() {
        let mut bytes = REQUEST_BYTES;
        bytes[4] = 200;
        let mut stop = None;
        assert_eq!(read(&bytes, &mut stop), None);
        assert!(matches!(stop, Some(Stop::Invalid { layer: Layer::Arp, .. })));
    }
}
