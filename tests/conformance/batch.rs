//! Interfaces that tshark reads as one file: starting takes it longer than reading most of them.
//!
//! What it finds of a packet depends on earlier ones between the same addresses. So interfaces stand behind each other
//! where every packet is ARP, or TCP, UDP or ICMP that no tunnel or fragment hides, and none has an address of another's.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bridgetap::capture::LinkType;
use bridgetap::decode::{Network, Transport};

use crate::frames::Kept;

/// More packets than this do not share a file, so that there is something to do at the same time.
const MOST: usize = 4000;

/// The packets of an interface, with the name of its file.
pub type Interface<'a> = (&'a str, &'a [Kept]);

/// Interfaces that stand behind each other.
pub struct Batch<'a> {
    pub interfaces: Vec<Interface<'a>>,
    link: LinkType,
    packets: usize,
    /// None where nothing else may stand there.
    addresses: Option<BTreeSet<IpAddr>>,
}

impl<'a> Batch<'a> {
    /// One alone.
    pub fn of(interface: Interface<'a>) -> Self {
        let frames = interface.1;
        let link = frames.first().map_or(LinkType::ETHERNET, |kept| kept.link);
        Self { interfaces: vec![interface], link, packets: frames.len(), addresses: addresses(frames) }
    }

    /// All packets, in the order of the file.
    pub fn frames(&self) -> impl Iterator<Item = &'a Kept> {
        self.interfaces.iter().flat_map(|(_, frames)| *frames)
    }

    fn takes(&self, other: &Self) -> bool {
        let apart = self.addresses.as_ref().zip(other.addresses.as_ref()).is_some_and(|(a, b)| a.is_disjoint(b));
        apart && self.link == other.link && self.packets + other.packets <= MOST
    }

    fn take(&mut self, other: Self) {
        self.interfaces.extend(other.interfaces);
        self.packets += other.packets;
        self.addresses.iter_mut().for_each(|addresses| addresses.extend(other.addresses.iter().flatten()));
    }
}

/// Puts interfaces behind each other as far as that changes nothing.
pub fn batches<'a>(interfaces: impl Iterator<Item = Interface<'a>>) -> Vec<Batch<'a>> {
    let mut batches: Vec<Batch<'a>> = Vec::new();
    for batch in interfaces.map(Batch::of) {
        match batches.iter_mut().find(|open| open.takes(&batch)) {
            Some(open) => open.take(batch),
            None => batches.push(batch),
        }
    }
    // The longest first: the last one is not to be waited for.
    batches.sort_by_key(|batch| std::cmp::Reverse(batch.packets));
    batches
}

/// The addresses of packets that only those between the same addresses have to do with; nothing where some may hide
/// others.
fn addresses(frames: &[Kept]) -> Option<BTreeSet<IpAddr>> {
    let mut addresses = BTreeSet::new();
    for kept in frames {
        let packet = kept.decode(1);
        match packet.network {
            _ if packet.tunnel.is_some() => return None,
            Network::Arp(_) => {}
            Network::Ip(ip) if ip.fragment.is_some() => return None,
            Network::Ip(ip) if matches!(ip.transport, Transport::Tcp(_) | Transport::Udp(_) | Transport::Icmp(_)) => {
                addresses.extend([ip.source, ip.destination]);
            }
            _ => return None,
        }
    }
    Some(addresses)
}

/// Whether whatever is found stays the same: two that share an address, and one with a tunnel, stand alone.
#[test]
fn what_has_to_do_with_each_other_stands_in_files_of_its_own() {
    let captures: Vec<_> = crate::common::captures().iter().flat_map(|file| crate::frames::interfaces(file)).collect();
    let all = batches(captures.iter().map(|frames| ("", frames.as_slice())));
    let sum: usize = all.iter().map(|batch| batch.frames().count()).sum();
    assert_eq!(sum, captures.iter().map(Vec::len).sum::<usize>());
    for batch in all.iter().filter(|batch| batch.interfaces.len() > 1) {
        let mut seen = BTreeSet::new();
        for (_, frames) in &batch.interfaces {
            let own = addresses(frames).expect("nothing is hidden");
            assert!(own.is_disjoint(&seen), "{own:?}");
            assert!(frames.iter().all(|kept| kept.link == batch.link));
            seen.extend(own);
        }
    }
    let [first, ..] = captures.as_slice() else { panic!("no captures") };
    let twice = [first, first].into_iter().map(|frames| ("", frames.as_slice()));
    assert!(addresses(first).is_some_and(|addresses| !addresses.is_empty()) && batches(twice).len() == 2);
}
