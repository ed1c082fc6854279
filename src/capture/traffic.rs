//! How much an interface carries at the moment, by which the size of its ring is chosen.

use std::path::Path;
use std::time::Duration;

/// The kernel's counters of the calling thread's network namespace (proc(5)).
const COUNTERS: &str = "/proc/thread-self/net/dev";
/// How long a ring holds what comes while nobody reads it.
const HOLDS: Duration = Duration::from_millis(250);
/// What a `TPACKET_V3` ring takes for a packet beside its bytes: its header, the address of the link, and what aligns
/// both (Linux, `Documentation/networking/packet_mmap.rst`).
const BESIDE: u64 = 112;

/// How long its packets are counted: the error of a rate of a thousand a second is then a few in a hundred.
const COUNTED_FOR: Duration = Duration::from_millis(20);

/// The bytes that the ring of an interface of the calling thread's network namespace should have by what it carries now.
/// Takes 20 ms. `None` where the kernel does not say.
pub fn ring_by_rate(interface: &str) -> Option<usize> {
    let ports = ports(interface);
    let before = Carried::by(interface, &ports)?;
    std::thread::sleep(COUNTED_FOR);
    Some(Carried::by(interface, &ports)?.ring(before, COUNTED_FOR))
}

/// The ports of a bridge: what goes from one to another it does not count as its own before somebody captures there.
fn ports(bridge: &str) -> Vec<String> {
    let ports = std::fs::read_dir(Path::new("/sys/class/net").join(bridge).join("brif"));
    ports.into_iter().flatten().filter_map(|port| port.ok()?.file_name().into_string().ok()).collect()
}

/// What an interface has carried, in both directions, since it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Carried {
    packets: u64,
    bytes: u64,
}

impl Carried {
    /// That of an interface of the calling thread's network namespace with what its ports have received, or of all for
    /// [`super::live::ANY`]. `None` where the kernel does not say.
    fn by(interface: &str, ports: &[String]) -> Option<Self> {
        Self::read(&std::fs::read_to_string(COUNTERS).ok()?, interface, ports)
    }

    fn read(counters: &str, interface: &str, ports: &[String]) -> Option<Self> {
        let mut all: Option<Self> = None;
        for (name, counts) in counters.lines().filter_map(|line| line.split_once(':')) {
            let name = name.trim();
            let is_it = interface == super::live::ANY || name == interface;
            if is_it || ports.iter().any(|port| port == name) {
                let Self { packets, bytes } = Self::of(counts, is_it)?;
                let before = all.unwrap_or_default();
                all = Some(Self { packets: before.packets + packets, bytes: before.bytes + bytes });
            }
        }
        all
    }

    /// Bytes and packets received are the first two of eight columns, those sent the first two of the next eight.
    fn of(counts: &str, sent_too: bool) -> Option<Self> {
        let counts: Vec<u64> = counts.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        let count = |column: usize| {
            let (received, sent) = (counts.get(column)?, counts.get(column + 8)?);
            Some(if sent_too { received.saturating_add(*sent) } else { *received })
        };
        Some(Self { packets: count(1)?, bytes: count(0)? })
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
        let read = |interface| Carried::read(TEXT, interface, &[]);
        assert_eq!(read("br-4f1c0a9b3d2e"), carried(15, 1500));
        assert_eq!(read("any"), carried(15 + 394, 1500 + 25_442));
        assert_eq!(Carried::read(TEXT, "br-4f1c0a9b3d2e", &["lo".into()]), carried(15 + 197, 1500 + 12_721));
        assert_eq!((read("eth0"), Carried::read("eth0: 1 x", "eth0", &[])), (None, None));
        assert!(Carried::by("lo", &ports("lo")).is_some());
    }

    #[test]
    fn a_ring_holds_a_quarter_of_a_second() {
        let (none, some) = (Carried::default(), Carried { packets: 24_000, bytes: 24_000 * 76 });
        // 1.2 million small packets a second.
        assert_eq!(some.ring(none, Duration::from_millis(20)), 24_000 * (76 + 112) * 25 / 2);
        assert_eq!((none.ring(some, Duration::ZERO), some.ring(none, Duration::ZERO) > 1 << 40), (0, true));
    }
}
