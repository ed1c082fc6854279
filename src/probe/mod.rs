//! Asking on schedule, from inside a client's network namespace, so that there is something to measure.
//!
//! A [`Prober`] only sends: ICMP echo requests, TCP connects or DNS queries, each at the moment that its [`Plan`] says,
//! whether the one before was answered or not. It tells each [`Probe`] just before it leaves, with the mark by which it
//! is known on the wire and when it *should* have left. Who measures takes the answer's packet time less that moment, so
//! a time is counted in full where the client, the network or the server stood still (no coordinated omission).
//!
//! Nothing is changed in the container: no process, file or setting. What there is of a prober is sockets in its network
//! namespace, which end with it. `docs/latency.md` has what is sent, and how exactly it is timed.

mod clock;
mod connect;
mod echo;
mod engine;
mod error;
mod lookup;
mod plan;
mod prober;
mod resolver;
mod schedule;

pub use error::{Failure, ProbeError};
pub use plan::{LONGEST_INTERVAL, MAX_ECHO_DATA, Plan, Question, SHORTEST_INTERVAL};
pub use prober::{Prober, spawn};
pub use resolver::{listening, resolver};
pub use schedule::MAX_LATENESS;

use std::time::Duration;

use nix::errno::Errno;

use crate::time::Timestamp;

/// By what a probe is known on the wire. None comes twice while an answer may still be on its way, except ports, which
/// the kernel gives again when their connection has ended: packets from [`Probe::sent`] on are the later probe's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// An echo request, and its reply.
    Echo {
        /// The identifier. It counts up each time that the sequence begins anew.
        id: u16,
        /// The sequence number: the probe's number, modulo 65,536.
        sequence: u16,
    },
    /// A connection, by the client's own TCP port.
    Port(u16),
    /// A DNS query, and its response.
    Query {
        /// The client's own UDP port.
        port: u16,
        /// The id of the message.
        id: u16,
    },
}

/// A probe that is about to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Counted from 0. Probe k is intended k intervals after the first one.
    pub number: u64,
    /// By what it is known on the wire.
    pub mark: Mark,
    /// When it should have left, by the clock that the kernel stamps packets with, as that clock stands now.
    pub intended: Timestamp,
    /// When it is about to leave, by the same clock. Less `intended`, it is how late the prober is.
    pub sent: Timestamp,
}

/// What a prober tells, in order, on its own thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A probe leaves when this has returned, so that its mark is known before its packet is seen.
    Probe(Probe),
    /// A probe will have no answer. It was told before where it got as far as having a mark.
    Failed {
        /// Its number.
        number: u64,
        /// What became of it.
        failure: Failure,
    },
    /// The wall clock was set by a millisecond or more since the prober last woke. Probes from `number` on have the new
    /// time; of those before, who was not answered yet is measured with two clocks, and its time is worth nothing.
    ClockStepped {
        /// The first probe that has the new time.
        number: u64,
        /// By how many nanoseconds, forward or back.
        by: i64,
    },
    /// Nothing comes after this.
    Done(Summary),
}

/// What a prober did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Probes that left.
    pub sent: u64,
    /// Probes that were told as failed; those that failed after they had left are in `sent` too.
    pub failed: u64,
    /// Of those that left, how many did so more than a millisecond after they should have.
    pub late: u64,
    /// How late the latest left.
    pub latest: Duration,
    /// How often the wall clock was set meanwhile.
    pub clock_steps: u64,
    /// Why it ended.
    pub end: End,
}

/// Why a prober ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// All probes of the plan were sent, and their patience was waited for.
    #[default]
    Counted,
    /// It was asked to stop.
    Stopped,
    /// The client's network namespace is gone: its container has stopped.
    Gone,
    /// The kernel would not let it wait.
    Broken(Errno),
}
