//! Which flow a packet belongs to.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::event::Place;
use crate::capture::TapId;
use crate::decode::icmp::Quoted;
use crate::decode::message::Endpoint;
use crate::decode::{Vni, ip};

/// Marks the addresses as those of IPv6 in the network of a [`FlowKey`], whose VNI has 24 bits.
const IPV6: u32 = 1 << 31;

/// The two ends of a flow in one place, in one order whichever way a packet goes. In words of the machine, since it is
/// made, hashed and compared for each packet; IPv4 addresses stand in the second word of two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowKey {
    low: [u64; 2],
    high: [u64; 2],
    /// The port of the low end, behind it that of the high one, and the tap.
    ports_and_tap: u64,
    /// The interface, and the VNI plus one, 0 outside of tunnels; with [`IPV6`].
    if_index_and_network: u64,
}

impl FlowKey {
    /// All of it.
    #[expect(clippy::inline_always, reason = "see Table::find_hashed")]
    #[inline(always)]
    const fn words(&self) -> [u64; 6] {
        let Self { low: [a, b], high: [c, d], ports_and_tap, if_index_and_network } = *self;
        [a, b, c, d, ports_and_tap, if_index_and_network]
    }
}

impl PartialEq for FlowKey {
    /// All words at once, where the derived one would branch at each: it is nearly always the same flow.
    #[expect(clippy::inline_always, reason = "see Table::find_hashed")]
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.words().iter().zip(other.words()).fold(0, |differs, (ours, theirs)| differs | (ours ^ theirs)) == 0
    }
}

impl Eq for FlowKey {}

impl Hash for FlowKey {
    #[expect(clippy::inline_always, reason = "see Table::find_hashed")]
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [low, lower, high, higher, ports, place] = self.words();
        if place == 0 {
            // Of IPv4, outside of tunnels, on the interface of the tap: what is left is what one multiplication takes.
            return state.write_u128(u128::from(lower << 32 | higher) << 64 | u128::from(ports));
        }
        state.write_u128(u128::from(low) << 64 | u128::from(lower));
        state.write_u128(u128::from(high) << 64 | u128::from(higher));
        state.write_u128(u128::from(ports) << 64 | u128::from(place));
    }
}

/// A packet's flow, and which way the packet goes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub key: FlowKey,
    /// Whether the sender is the low end.
    pub from_low: bool,
}

impl Way {
    /// No flow.
    pub const NONE: Self =
        Self { key: FlowKey { low: [0; 2], high: [0; 2], ports_and_tap: 0, if_index_and_network: 0 }, from_low: true };

    /// From one end to another, both with ports.
    #[inline]
    pub fn new(place: Place, from: Endpoint, to: Endpoint) -> Self {
        let (source, destination) = (from.port.unwrap_or(0), to.port.unwrap_or(0));
        if let (IpAddr::V4(sender), IpAddr::V4(receiver)) = (from.address, to.address) {
            return Self::v4(place, (sender, source), (receiver, destination));
        }
        let (sender, receiver) = (words(from.address), words(to.address));
        let from_low = (sender, source) <= (receiver, destination);
        let (low, high, ports) = match from_low {
            true => (sender, receiver, pair(source, destination)),
            false => (receiver, sender, pair(destination, source)),
        };
        let family = if from.address.is_ipv6() { IPV6 } else { 0 };
        Self::of(place, [low, high], ports, family, from_low)
    }

    /// Nearly all are of IPv4, where an end is one word.
    #[inline]
    pub fn v4(place: Place, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Self {
        let word = |(address, port): (Ipv4Addr, u16)| u64::from(address.to_bits()) << 16 | u64::from(port);
        let (from, to) = (word(from), word(to));
        let (low, high) = (from.min(to), from.max(to));
        let ports = pair(low as u16, high as u16);
        Self::of(place, [[0, low >> 16], [0, high >> 16]], ports, 0, from <= to)
    }

    #[inline]
    fn of(place: Place, [low, high]: [[u64; 2]; 2], ports: u32, family: u32, from_low: bool) -> Self {
        let network = place.vni.map_or(0, |vni| vni.number() + 1) | family;
        let ports_and_tap = u64::from(ports) << 32 | u64::from(place.tap.0);
        let if_index_and_network = u64::from(place.if_index) << 32 | u64::from(network);
        Self { key: FlowKey { low, high, ports_and_tap, if_index_and_network }, from_low }
    }

    /// The sender.
    pub fn from(&self) -> Endpoint {
        self.key.end(self.from_low)
    }

    /// The receiver.
    pub fn to(&self) -> Endpoint {
        self.key.end(!self.from_low)
    }
}

impl FlowKey {
    const fn ports(&self) -> u32 {
        (self.ports_and_tap >> 32) as u32
    }

    const fn network(&self) -> u32 {
        self.if_index_and_network as u32
    }

    /// Where the flow is.
    pub fn place(&self) -> Place {
        let vni = (self.network() & !IPV6).checked_sub(1).map(Vni::new);
        Place { tap: TapId(self.ports_and_tap as u32), if_index: (self.if_index_and_network >> 32) as u32, vni }
    }

    /// The low end, or the high one.
    pub fn end(&self, low: bool) -> Endpoint {
        let (words, port) = if low { (self.low, self.ports() >> 16) } else { (self.high, self.ports() & 0xffff) };
        let address = if self.network() & IPV6 != 0 {
            IpAddr::V6(Ipv6Addr::from_bits(u128::from(words[0]) << 64 | u128::from(words[1])))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(words[1] as u32))
        };
        Endpoint { address, port: Some(port as u16) }
    }

    /// Whether both ends are the same.
    pub fn is_to_itself(&self) -> bool {
        self.low == self.high && self.ports() >> 16 == self.ports() & 0xffff
    }
}

/// The port of the low end, and behind it that of the high one.
const fn pair(low: u16, high: u16) -> u32 {
    (low as u32) << 16 | high as u32
}

#[inline]
fn words(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(v4) => [0, u64::from(v4.to_bits())],
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            [(bits >> 64) as u64, bits as u64]
        }
    }
}

/// The ends of the flow that a quoted packet belongs to, its sender first.
pub(super) fn quoted_ends(about: Quoted) -> (Endpoint, Endpoint) {
    match about.protocol {
        ip::TCP | ip::UDP => {
            (Endpoint::socket(about.source, about.pair.0), Endpoint::socket(about.destination, about.pair.1))
        }
        _ => (Endpoint::host(about.source), Endpoint::host(about.destination)),
    }
}

/// The flow that a quoted packet belongs to.
pub(super) fn flow_key(place: Place, about: Quoted) -> FlowKey {
    let (source, destination) = quoted_ends(about);
    Way::new(place, source, destination).key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn end() -> impl Strategy<Value = (u128, u16)> {
        (prop_oneof![0_u128..4, any::<u128>(), Just(0xffff_0a00_0001)], prop_oneof![0_u16..3, any::<u16>()])
    }

    proptest! {
        #[test]
        fn both_ways_are_one_flow_and_nothing_is_lost(
            v6 in any::<bool>(), a in end(), b in end(),
            tap in any::<u32>(), if_index in any::<u32>(), vni in prop::option::of(0_u32..1 << 24),
        ) {
            let place = Place { tap: TapId(tap), if_index, vni: vni.map(Vni::new) };
            let endpoint = |(bits, port): (u128, u16)| {
                let v4 = IpAddr::V4(Ipv4Addr::from_bits(bits as u32));
                Endpoint { address: if v6 { IpAddr::V6(Ipv6Addr::from_bits(bits)) } else { v4 }, port: Some(port) }
            };
            let (there, back) = (Way::new(place, endpoint(a), endpoint(b)), Way::new(place, endpoint(b), endpoint(a)));
            prop_assert_eq!(there.key, back.key);
            prop_assert_eq!((there.from(), there.to()), (endpoint(a), endpoint(b)));
            prop_assert_eq!((back.from(), back.to()), (endpoint(b), endpoint(a)));
            prop_assert_eq!(there.key.place(), place);
            prop_assert_eq!(there.key.is_to_itself(), endpoint(a) == endpoint(b));
        }
    }

    #[test]
    fn an_ipv4_address_in_ipv6_is_another() {
        let v4 = Ipv4Addr::new(10, 0, 0, 1);
        let [a, b] = [IpAddr::V4(v4), IpAddr::V6(Ipv6Addr::from_bits(u128::from(v4.to_bits())))];
        let key = |address| {
            let end = Endpoint { address, port: Some(1) };
            Way::new(Place::default(), end, end).key
        };
        assert_ne!(key(a), key(b));
    }
}
