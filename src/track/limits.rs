//! How much the tracker may remember, and what it lost at those limits.

/// Caps of the tracker's tables. At a cap the oldest entry goes, is reported as it stands, and is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// TCP connections and UDP flows, each.
    pub flows: usize,
    /// Requests of one protocol that wait for their answers, or whose late answer may still come.
    pub pending: usize,
    /// TCP connections whose bytes are put together, for DNS over TCP. Each takes at most four times 64 KiB: for either
    /// direction a message, and as much behind a gap.
    pub streams: usize,
    /// Packets whose fragments are put together. Each takes at most 64 KiB.
    pub fragments: usize,
    /// Interfaces inside tunnels whose node is known.
    pub nodes: usize,
    /// Whether connections are measured: only then there are [`Event::Measured`](super::Event).
    pub measures: bool,
    /// Segments of all connections that wait for their acknowledgements, where connections are measured, 40 bytes each.
    /// Of one direction of a connection at most 1,024 wait. What comes when there is no room is not measured.
    pub segments: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let (flows, pending, segments) = (262_144, 65_536, 262_144);
        Self { flows, pending, streams: 256, fragments: 256, nodes: 16_384, measures: false, segments }
    }
}

/// What was seen and what was lost, for the summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes of them on the wire.
    pub bytes: u64,
    /// Packets that could not be read to their end.
    pub malformed: u64,
    /// Packets of protocols that are not followed, by name, the most frequent names only.
    pub passed_over: Vec<(PassedOver, u64)>,
    /// Flows that went at the cap.
    pub evicted_flows: u64,
    /// Requests that went at the cap.
    pub evicted_pending: u64,
    /// Connections whose bytes could not be put together because of the cap.
    pub refused_streams: u64,
    /// Packets that were sent in fragments of which not all came, or that contradict each other.
    pub incomplete: u64,
    /// Packets whose fragments could not be waited for because of the cap.
    pub evicted_fragments: u64,
    /// Interfaces inside tunnels whose node was forgotten at the cap.
    pub evicted_nodes: u64,
    /// Replies that belong to no request that was seen.
    pub unasked_replies: u64,
    /// Segments whose acknowledgement could not be waited for because of the cap, where connections are measured.
    pub unmeasured_segments: u64,
    /// Segments that were acknowledged together with a later one, and have no time of their own for that.
    pub covered_segments: u64,
}

/// A protocol that is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PassedOver {
    /// Above the link, by EtherType.
    EtherType(u16),
    /// Above IP, by protocol number.
    IpProtocol(u8),
    /// A message of ICMP or ICMPv6 (`true`), by type.
    Icmp(bool, u8),
    /// Any other, where too many are told apart already.
    Other,
}

/// As many protocols that are not followed are told apart.
const MAX_PASSED_OVER: usize = 64;

impl Counters {
    /// Counts a packet that is not followed.
    pub fn pass_over(&mut self, what: PassedOver) {
        if let Some((_, count)) = self.passed_over.iter_mut().find(|(name, _)| *name == what) {
            *count += 1;
        } else if self.passed_over.len() < MAX_PASSED_OVER {
            self.passed_over.push((what, 1));
        } else {
            self.pass_over_other();
        }
    }

    fn pass_over_other(&mut self) {
        match self.passed_over.iter_mut().find(|(name, _)| *name == PassedOver::Other) {
            Some((_, count)) => *count += 1,
            None => self.passed_over.push((PassedOver::Other, 1)),
        }
    }

    /// Adds what another tap counted.
    pub fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.malformed += other.malformed;
        self.evicted_flows += other.evicted_flows;
        self.evicted_pending += other.evicted_pending;
        self.refused_streams += other.refused_streams;
        self.incomplete += other.incomplete;
        self.evicted_fragments += other.evicted_fragments;
        self.evicted_nodes += other.evicted_nodes;
        self.unasked_replies += other.unasked_replies;
        self.unmeasured_segments += other.unmeasured_segments;
        self.covered_segments += other.covered_segments;
        for &(what, count) in &other.passed_over {
            match self.passed_over.iter_mut().find(|(name, _)| *name == what) {
                Some((_, sum)) => *sum += count,
                None => self.passed_over.push((what, count)),
            }
        }
    }
}
