//! How much an interface carries at the moment, by which the size of its ring is chosen.

use std::time::Duration;

/// The kernel's counters of the calling thread's network namespace (proc(5)).
const COUNTERS: &str = "/proc/thread-self/net/dev";
/// How long a ring holds what comes while nobody reads it.
const HOLDS: Duration = Duration::from_millis(250);
/// What a `TPACKET_V3` ring takes for a packet beside its bytes: its header, the address of the link, and what aligns
/// both (Linux, Documentation/networking/packet_mmap.rst).
const BESIDE: u64 = 112;

/// How long its packets are counted: the error of a rate of a thousand a second is then a few in a hundred.
const COUNTED_FOR: Duration = Duration::from_millis(20);

/// The bytes that the ring of an interface of the calling thread's network namespace should have by what it carries now.
/// Takes 20 ms. `None` where the kernel does not say.
pub fn ring_by_rate(interface: &str) -> Option<usize> {
    let before = Carried::by(interface)?;
    std::thread::sleep(COUNTED_FOR);
    Some(Carried::by(interface)?.ring(before, COUNTED_FOR))
}

/// What an interface has carried, in both directions, since it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Carried {
    packets: u64,
    bytes: u64,
}

impl Carried {
    /// That of an interface of the calling thread's network namespace, or of all for [`super::live::ANY`]. `None` where
    /// the kernel does not say.
    fn by(interface: &str) -> Option<Self> {
        Self::read(&std::fs::read_to_string(COUNTERS).ok()?, interface)
    }

    fn read(counters: &str, interface: &str) -> Option<Self> {
        let is_it = |name: &str| interface == super::live::ANY || name == interface;
        let mut all: Option<Self> = None;
        for (name, counts) in counters.lines().filter_map(|line| line.split_once(':')) {
            if is_it(name.trim()) {
                let Self { packets, bytes } = Self::of(counts)?;
                let before = all.unwrap_or_default();
                all = Some(Self { packets: before.packets + packets, bytes: before.bytes + bytes });
            }
        }
        all
    }

    /// Bytes and packets received are the first two of eight columns, those sent the first two of the next eight.
    fn of(counts: &str) -> Option<Self> {
        let counts: Vec<u64> = counts.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        let count = |column: usize| counts.get(column).copied();
        Some(Self { packets: count(1)?.saturating_add(count(9)?), bytes: count(0)?.saturating_add(count(8)?) })
    }

    /// The bytes that a ring should have at the rate since `earlier`, so long ago.
    fn ring(self, earlier: Self, ago: Duration) -> usize {
        let packets = self.packets.saturating_sub(earlier.packets);
        let bytes = self.bytes.saturating_sub(earlier.bytes).saturating_add(packets.saturating_mul(BESIDE));
        let wanted = u128::from(bytes) * HOLDS.as_nanos() / ago.as_nanos().max(1);
        usize::try_from(wanted).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:   12721     197    0    0    0     0          0         0    12721     197    0    0    0     0       0          0
br-4f1c0a9b3d2e: 1000 10 0 0 0 0 0 0 500 5 0 0 0 0 0 0
";

    #[test]
    fn both_directions_count() {
        let carried = |packets, bytes| Some(Carried { packets, bytes });
        assert_eq!(Carried::read(TEXT, "br-4f1c0a9b3d2e"), carried(15, 1500));
        assert_eq!(Carried::read(TEXT, "any"), carried(15 + 394, 1500 + 25_442));
        assert_eq!(Carried::read(TEXT, "eth0"), None);
        assert_eq!(Carried::read("eth0: 1 x", "eth0"), None);
        assert!(Carried::by("lo").is_some());
    }

    #[test]
    fn a_ring_holds_a_quarter_of_a_second() {
        let (none, some) = (Carried::default(), Carried { packets: 24_000, bytes: 24_000 * 76 });
        // 1.2 million small packets a second.
        assert_eq!(some.ring(none, Duration::from_millis(20)), 24_000 * (76 + 112) * 25 / 2);
        assert_eq!((none.ring(some, Duration::ZERO), some.ring(none, Duration::ZERO) > 1 << 40), (0, true));
    }
}
