//! The way between two ends, with a capture point on it: packets are lost before it or behind it, are doubled, or are
//! overtaken by later ones.

use std::net::IpAddr;

use etherparse::PacketBuilder;

use crate::common::Numbers;

pub const MICRO: u64 = 1000;
pub const MILLI: u64 = 1_000_000;

/// How bad the way is.
#[derive(Clone, Copy, Debug)]
pub struct Quality {
    /// Of a thousand packets, those that are lost before the capture point, and as many behind it.
    pub lost: usize,
    /// Of a thousand packets, those that come twice.
    pub doubled: usize,
    /// Of a thousand packets, those that are held up for a moment.
    pub held_up: usize,
    /// Nanoseconds from an end to the capture point.
    pub before: u64,
    /// Nanoseconds from there to the other end.
    pub behind: u64,
}

impl Quality {
    /// Half of the ways are good; the others are bad in all respects, more or less.
    pub fn draw(numbers: &mut Numbers) -> Self {
        let bad = numbers.below(2) * (1 + numbers.below(5));
        let before = (50 + numbers.below(150)) as u64 * MICRO;
        let behind = (100 + numbers.below(900)) as u64 * MICRO;
        Self { lost: bad * 15, doubled: bad * 8, held_up: bad * 10, before, behind }
    }

    /// When a packet that is sent at `at` is seen at the capture point, and when it arrives, each perhaps more than once or
    /// not at all.
    pub fn pass(&self, at: u64, numbers: &mut Numbers) -> Vec<(Option<u64>, Option<u64>)> {
        let mut falls = |of_thousand: usize| numbers.below(1000) < of_thousand;
        if falls(self.lost) {
            return vec![(None, None)];
        }
        // Long enough to be overtaken by what is sent behind it, and far less than a round trip.
        let held_up = if falls(self.held_up) { 45 * MICRO } else { 0 };
        let seen = at + self.before + held_up;
        let is_lost = falls(self.lost);
        let first = (Some(seen), (!is_lost).then_some(seen + self.behind));
        if falls(self.doubled) {
            return vec![first, (Some(seen + 3 * MICRO), Some(seen + 3 * MICRO + self.behind))];
        }
        vec![first]
    }
}

/// The two ends of a conversation; `client` is 0 and `server` 1.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub addresses: [IpAddr; 2],
    pub ports: [u16; 2],
}

impl Pair {
    /// A pair that no other number has.
    pub fn of(number: u32, port: u16, numbers: &mut Numbers) -> Self {
        let [_, high, middle, low] = number.to_be_bytes();
        let address = |side: u8| -> IpAddr {
            if number.is_multiple_of(3) {
                [0xfd00, 0, 0, 0, 0, u16::from(high), u16::from_be_bytes([middle, low]), u16::from(side)].into()
            } else {
                [10 + side, high, middle, low].into()
            }
        };
        Self { addresses: [address(1), address(2)], ports: [32_768 + numbers.below(28_000) as u16, port] }
    }

    fn ethernet(from: usize) -> etherparse::PacketBuilderStep<etherparse::Ethernet2Header> {
        let mac = |side: usize| [2, 0, 0, 0, 0, side as u8 + 1];
        PacketBuilder::ethernet2(mac(from), mac(1 - from))
    }

    fn ip(&self, from: usize) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
        let step = Self::ethernet(from);
        match (self.addresses[from], self.addresses[1 - from]) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let ip = etherparse::Ipv4Header::new(
                    0,
                    64,
                    etherparse::IpNumber::TCP,
                    source.octets(),
                    destination.octets(),
                );
                step.ip(etherparse::IpHeaders::Ipv4(ip.unwrap(), etherparse::Ipv4Extensions::default()))
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let ip = etherparse::Ipv6Header {
                    source: source.octets(),
                    destination: destination.octets(),
                    hop_limit: 64,
                    ..etherparse::Ipv6Header::default()
                };
                step.ip(etherparse::IpHeaders::Ipv6(ip, etherparse::Ipv6Extensions::default()))
            }
            _ => unreachable!("both are of one version"),
        }
    }

    pub fn echo(&self, from: usize, id: u16, sequence: u16, data: &[u8]) -> Vec<u8> {
        let (step, mut bytes) = (self.ip(from), Vec::new());
        match (self.addresses[0].is_ipv4(), from) {
            (true, 0) => step.icmpv4_echo_request(id, sequence).write(&mut bytes, data),
            (true, _) => step.icmpv4_echo_reply(id, sequence).write(&mut bytes, data),
            (false, 0) => step.icmpv6_echo_request(id, sequence).write(&mut bytes, data),
            (false, _) => step.icmpv6_echo_reply(id, sequence).write(&mut bytes, data),
        }
        .unwrap();
        bytes
    }

    pub fn datagram(&self, from: usize, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.ip(from).udp(self.ports[from], self.ports[1 - from]).write(&mut bytes, data).unwrap();
        bytes
    }

    pub fn segment(&self, from: usize, header: &Header, data: &[u8]) -> Vec<u8> {
        let mut tcp =
            etherparse::TcpHeader::new(self.ports[from], self.ports[1 - from], header.sequence, header.window);
        tcp.acknowledgment_number = header.acknowledgement.unwrap_or(0);
        (tcp.syn, tcp.fin, tcp.rst) = (header.syn, header.fin, header.rst);
        tcp.ack = header.acknowledgement.is_some();
        let mut bytes = Vec::new();
        self.ip(from).tcp_header(tcp).write(&mut bytes, data).unwrap();
        bytes
    }

    /// An ARP packet; only for IPv4.
    pub fn arp(&self, from: usize) -> Vec<u8> {
        let octets = |side: usize| match self.addresses[side] {
            IpAddr::V4(address) => address.octets(),
            IpAddr::V6(_) => unreachable!("ARP is of IPv4"),
        };
        let mac = |side: usize| [2, 0, 0, 0, 0, side as u8 + 1];
        let (destination, target) = if from == 0 { ([0xff; 6], [0; 6]) } else { (mac(0), mac(0)) };
        let operation = [0, 1, 8, 0, 6, 4, 0, from as u8 + 1];
        [&destination[..], &mac(from), &[8, 6], &operation, &mac(from), &octets(from), &target, &octets(1 - from)]
            .concat()
    }
}

/// What a segment says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Header {
    pub sequence: u32,
    pub acknowledgement: Option<u32>,
    pub window: u16,
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
}
