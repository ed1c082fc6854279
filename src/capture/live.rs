//! A live interface as a source of frames.
//!
//! libpcap maps a `TPACKET_V3` ring: the kernel fills blocks of 256 KiB with packets packed tightly, and hands a block
//! over when it is full or 10 ms after it was begun. So a burst fills the ring byte by byte, and at a low
//! rate a packet waits no longer than that. Immediate mode would fall back to `TPACKET_V2`, in which every packet takes
//! a slot of the greatest length: packets come out at once, but 2 to 3 % of a burst of 100,000 packets were lost from a
//! ring of the same 32 MiB. It is for a few packets of which none may be missing, for the kernel drops some of those that
//! come while it hands a block over.
//!
//! Frames are taken out of the ring a batch at a time into one buffer that is used again. libpcap would copy each of
//! them as well (`pcap_next_ex` has to, since it gives the block back before the caller has looked), only one by one.

use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pcap::{Active, Capture, Packet};

use super::live_filter::{Following, LiveFilter};
use super::namespace::Namespace;
use super::open::{activate, link_type, said};
use super::stop::{Stop, now};
use super::{Drops, Error, Frame, Next, Source, Tap, TapId};
use crate::time::Timestamp;

/// The device that sees every interface of its namespace. No interface can be meant by it.
pub const ANY: &str = "any";

/// Within what time every packet has surely come out of the ring: the kernel's timer is as coarse as 10 ms on some
/// machines, and it may have to fire twice.
const GRACE: Duration = Duration::from_millis(50);

/// How far behind the clock [`Next::Idle`] is: a packet this young may still be in the ring.
const IDLE_BEHIND: Duration = Duration::from_millis(20);

/// How often an interface that went down is looked at, since the kernel does not tell that it was then deleted.
const DOWN_INTERVAL: Duration = Duration::from_millis(100);

/// A frame that is earlier by this than those that are wanted came after the clock was set back: a ring holds less.
const SET_BACK: Duration = Duration::from_secs(60);

/// How many frames are taken out of the ring at a time. Of ordinary length they stay in the processor's cache.
const BATCH: usize = 32;

/// How to capture on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveOptions {
    /// How many bytes of each packet are kept, from 1 to 262,144.
    pub snap_len: u32,
    /// The size of the ring that holds packets until they are read, in bytes; the kernel rounds it up to blocks of
    /// 256 KiB. 1 MiB is enough for the loopback interface of a container.
    pub ring_bytes: usize,
    /// Whether to see unicast that is not for this host, as between two containers. Never so on `any`.
    pub promiscuous: bool,
    /// Which packets to see, in the syntax of pcap-filter(7). The kernel drops the rest before the ring.
    pub filter: Option<String>,
    /// Whether each packet comes out of the ring at once, from a slot of its own as long as `snap_len`, so that the ring
    /// has room for fewer. Else the kernel drops some of those that come just when it hands a block over.
    pub immediate: bool,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { snap_len: 262_144, ring_bytes: 32 << 20, promiscuous: true, filter: None, immediate: false }
    }
}

/// One interface that is captured on.
pub struct LiveTap {
    tap: Tap,
    id: TapId,
    capture: Capture<Active>,
    namespace: Option<Namespace>,
    /// The index of the interface; `any` has none, nor has one in a namespace that the reading thread is not in.
    index: Option<u32>,
    stop: Stop,
    idle: Duration,
    batch: Batch,
    /// The number of the frame that was given last.
    number: u64,
    drops: Drops,
    /// The drops as libpcap said them last; it counts in 32 bits.
    counted: (u32, u32),
    down: bool,
    /// The interface is gone, but the ring may still hold what was seen on it.
    vanished: bool,
    filter: Option<Following>,
    /// Frames until then are not given: they came before there was a filter.
    not_before: Timestamp,
}

impl LiveTap {
    /// Begins to capture on `tap.interface`, in the network namespace at the path `namespace` if given, else in the
    /// program's own. Its link type is set from what libpcap says.
    pub fn open(
        tap: Tap,
        id: TapId,
        namespace: Option<&Path>,
        options: &LiveOptions,
        stop: Stop,
    ) -> Result<Self, Error> {
        let Some(path) = namespace else { return Self::open_here(tap, id, None, options, stop) };
        let namespace = Namespace::open(path)?;
        let (capture, _) = namespace.within(|| activate(&tap.interface, Some(path), options))??;
        Ok(Self::new(tap, id, capture, None, Some(namespace), stop))
    }

    /// As [`LiveTap::open`], for a thread that has entered `namespace` itself and stays there while it reads: then it is
    /// noticed that an interface is gone whose namespace is not, as after `docker network disconnect`.
    ///
    /// # Errors
    /// As those of [`LiveTap::open`].
    pub fn open_here(
        tap: Tap,
        id: TapId,
        namespace: Option<Namespace>,
        options: &LiveOptions,
        stop: Stop,
    ) -> Result<Self, Error> {
        let (capture, index) = activate(&tap.interface, namespace.as_ref().map(Namespace::path), options)?;
        Ok(Self::new(tap, id, capture, index, namespace, stop))
    }

    fn new(
        tap: Tap,
        id: TapId,
        capture: Capture<Active>,
        index: Option<u32>,
        namespace: Option<Namespace>,
        stop: Stop,
    ) -> Self {
        let tap = Tap { link: link_type(capture.get_datalink()), ..tap };
        Self {
            tap,
            id,
            capture,
            namespace,
            index,
            stop,
            idle: Duration::from_millis(250),
            batch: Batch::default(),
            number: 0,
            drops: Drops::default(),
            counted: (0, 0),
            down: false,
            vanished: false,
            filter: None,
            not_before: Timestamp::ZERO,
        }
    }

    /// From now on heeds a filter that may change. Frames that came before it are not given.
    ///
    /// # Errors
    /// It does not compile for this interface.
    pub fn follow(&mut self, filter: LiveFilter) -> Result<(), Error> {
        self.filter = Some(Following::new(filter));
        self.apply_filter()?;
        self.not_before = now();
        Ok(())
    }

    fn apply_filter(&mut self) -> Result<(), Error> {
        match &mut self.filter {
            Some(filter) => filter.apply(&mut self.capture, self.tap.link).map(drop),
            None => Ok(()),
        }
    }

    /// After what time without a frame [`Next::Idle`] is given; 250 ms unless set. The tap sleeps until then.
    pub fn set_idle(&mut self, interval: Duration) {
        self.idle = interval;
    }

    /// Until when it has seen everything, once it has ended: the moment of the request to stop, else now.
    pub fn ended_at(&self) -> Timestamp {
        self.stop.requested_at().unwrap_or_else(now)
    }

    /// Whether there is a frame that [`Source::next`] would give without waiting.
    ///
    /// # Errors
    /// As those of [`Source::next`].
    pub fn is_ready(&mut self) -> Result<bool, Error> {
        if self.batch.is_spent() && !self.batch.past_end {
            self.refill()?;
        }
        Ok(!self.batch.is_spent())
    }

    /// Whether the interface went down and has shown no frame since. Reading goes on when it comes up again.
    pub fn is_down(&self) -> bool {
        self.down
    }

    /// What was dropped since the tap was opened. Those of the interface are only known in the program's own namespace,
    /// since libpcap reads them from `/sys`.
    pub fn drops(&mut self) -> Drops {
        if let Ok(stats) = self.capture.stats() {
            let (kernel, interface) = self.counted;
            self.drops.kernel += u64::from(stats.dropped.wrapping_sub(kernel));
            if self.namespace.is_none() {
                self.drops.interface += u64::from(stats.if_dropped.wrapping_sub(interface));
            }
            self.counted = (stats.dropped, stats.if_dropped);
        }
        self.drops
    }

    /// Takes frames out of the ring, as many as there are up to [`BATCH`], without waiting.
    fn refill(&mut self) -> Result<(), Error> {
        self.apply_filter()?;
        let Self { capture, batch, stop, .. } = self;
        batch.clear();
        let wanted = self.not_before..=stop.requested_at().unwrap_or(Timestamp::MAX);
        match capture.dispatch(Some(BATCH), |packet| batch.push(&packet, &wanted)) {
            Ok(0) => Ok(()),
            Ok(_) => {
                self.down = false;
                Ok(())
            }
            Err(error) => self.failed(&said(&error)),
        }
    }

    /// Reading failed: the interface went down, or it is gone, or it is something to report.
    fn failed(&mut self, why: &str) -> Result<(), Error> {
        if why.contains("disappeared") {
            if self.vanished {
                return Err(self.gone());
            }
            // The last block of the ring is handed over only in a while.
            self.vanished = true;
            wait(&self.capture, None, None, GRACE)?;
            return self.refill();
        }
        if why.contains("went down") || why.contains("not up") {
            self.down = true;
            return Ok(());
        }
        Err(Error::Capture { interface: self.tap.interface.clone(), why: why.to_owned() })
    }

    /// Whether the interface, or its namespace, is still the one that was opened.
    ///
    /// libpcap asks by name, so it is content when a bridge was deleted and made again; and the socket itself keeps the
    /// namespace of a stopped container alive, with its loopback interface.
    fn is_there(&self) -> bool {
        let is_namespace = self.namespace.as_ref().is_none_or(Namespace::is_there);
        is_namespace && self.index.is_none_or(|index| if_nametoindex(self.tap.interface.as_str()) == Ok(index))
    }

    fn gone(&self) -> Error {
        let namespace = self.namespace.as_ref().map(|namespace| namespace.path().to_owned());
        Error::Vanished { interface: self.tap.interface.clone(), namespace }
    }

    /// Sleeps until there is something in the ring; `Some` is what to give where there is not.
    fn sleep(&mut self) -> Result<Option<Next<'static>>, Error> {
        if self.stop.is_requested() {
            let ready = !self.batch.past_end && wait(&self.capture, None, None, GRACE)? != Wake::Timeout;
            return Ok(if ready { None } else { Some(Next::End) });
        }
        let interval = if self.down { self.idle.min(DOWN_INTERVAL) } else { self.idle };
        let filter = self.filter.as_ref().map(|following| &following.filter);
        match wait(&self.capture, Some(&self.stop), filter, interval)? {
            Wake::Ready => Ok(None),
            Wake::Trouble => {
                self.down = true;
                Ok(None)
            }
            Wake::Timeout if self.vanished || !self.is_there() => Err(self.gone()),
            Wake::Timeout => Ok(Some(Next::Idle(now().saturating_sub(IDLE_BEHIND)))),
        }
    }
}

impl Source for LiveTap {
    fn next(&mut self) -> Result<Next<'_>, Error> {
        while self.batch.is_spent() {
            if self.batch.past_end {
                return Ok(Next::End);
            }
            // Also after a wait in vain: libpcap only notices that an interface is gone by reading.
            self.refill()?;
            if self.batch.is_spent()
                && let Some(next) = self.sleep()?
            {
                return Ok(next);
            }
        }
        self.number += 1;
        let (head, bytes) = self.batch.take();
        let (at, wire_len) = (head.at, head.wire_len);
        let frame = Frame { number: self.number, at, wire_len, bytes, link: self.tap.link, tap: self.id };
        Ok(Next::Frame(frame, &self.tap))
    }

    fn tap(&self, id: TapId) -> Option<&Tap> {
        (id == self.id).then_some(&self.tap)
    }
}

/// Frames that were taken out of the ring and not given yet.
#[derive(Default)]
struct Batch {
    heads: Vec<Head>,
    bytes: Vec<u8>,
    /// The index in `heads` of the frame to give next.
    next: usize,
    /// A frame was seen so long after the request to stop that none before it can come any more.
    past_end: bool,
}

#[derive(Clone, Copy, Default)]
struct Head {
    at: Timestamp,
    wire_len: u32,
    /// Where its bytes are in [`Batch::bytes`].
    start: usize,
    end: usize,
}

impl Batch {
    fn clear(&mut self) {
        self.heads.clear();
        self.bytes.clear();
        self.next = 0;
    }

    fn is_spent(&self) -> bool {
        self.next >= self.heads.len()
    }

    /// Keeps a frame that was seen in this time.
    fn push(&mut self, packet: &Packet<'_>, wanted: &RangeInclusive<Timestamp>) {
        let ts = packet.header.ts;
        // With nanosecond precision libpcap puts nanoseconds where the name says microseconds. Linux always grants it.
        let nanos = u64::try_from(ts.tv_usec).unwrap_or_default();
        let at = Timestamp::from_parts(u64::try_from(ts.tv_sec).unwrap_or_default(), nanos);
        let is_early = at < *wanted.start() && wanted.start().since(at) < SET_BACK;
        if is_early || at > *wanted.end() {
            self.past_end |= at > *wanted.end() + GRACE;
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(packet.data);
        self.heads.push(Head { at, wire_len: packet.header.len, start, end: self.bytes.len() });
    }

    /// The next frame; an empty one where there is none.
    fn take(&mut self) -> (Head, &[u8]) {
        let head = self.heads.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        (head, self.bytes.get(head.start..head.end).unwrap_or_default())
    }
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    /// There is something to read, or it was asked to stop.
    Ready,
    /// The socket has an error to tell, which reading will.
    Trouble,
    /// Nothing, for the whole time.
    Timeout,
}

/// Sleeps until the ring has a block to read, `stop` is asked for, the filter changes, or the time is over.
fn wait(
    capture: &Capture<Active>,
    stop: Option<&Stop>,
    filter: Option<&LiveFilter>,
    time: Duration,
) -> Result<Wake, Error> {
    #[expect(unsafe_code, reason = "the pcap crate lends its socket only as a number")]
    // SAFETY: the socket belongs to `capture`, which is borrowed for longer than `socket` lives here, and is closed
    // only when `capture` is dropped.
    let socket = unsafe { BorrowedFd::borrow_raw(capture.as_raw_fd()) };
    let ring = PollFd::new(socket, PollFlags::POLLIN);
    // Watching the ring twice does no harm where there is nothing else to watch.
    let wake = stop.map_or_else(|| ring.clone(), |stop| PollFd::new(stop.wake(), PollFlags::POLLIN));
    let change = filter.map_or_else(|| ring.clone(), |filter| PollFd::new(filter.wake(), PollFlags::POLLIN));
    let mut watched = [ring, wake, change];
    match poll(&mut watched, PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX)) {
        Ok(0) => Ok(Wake::Timeout),
        Ok(_) => {
            let [ring, ..] = watched;
            let quiet = ring.revents().is_none_or(|events| events.difference(PollFlags::POLLIN).is_empty());
            Ok(if quiet { Wake::Ready } else { Wake::Trouble })
        }
        Err(Errno::EINTR) => Ok(Wake::Ready),
        Err(errno) => Err(Error::Capture { interface: "waiting for packets".to_owned(), why: errno.desc().to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(at: u64) -> pcap::PacketHeader {
        let ts = libc_timeval(at);
        pcap::PacketHeader { ts, caplen: 3, len: 60 }
    }

    fn libc_timeval(at: u64) -> nix::libc::timeval {
        let (seconds, nanos) = (at / 1_000_000_000, at % 1_000_000_000);
        nix::libc::timeval { tv_sec: seconds.try_into().unwrap(), tv_usec: nanos.try_into().unwrap() }
    }

    #[test]
    fn a_batch_gives_its_frames_in_order_up_to_the_end() {
        let mut batch = Batch::default();
        let wanted = Timestamp::from_nanos(5_000_000_010)..=Timestamp::from_nanos(5_000_000_020);
        for (at, data) in
            [(5_000_000_009, b"old"), (5_000_000_010, b"one"), (5_000_000_020, b"two"), (5_000_000_021, b"new")]
        {
            batch.push(&Packet { header: &packet(at), data }, &wanted);
        }
        assert!(!batch.past_end);
        let (head, bytes) = batch.take();
        assert_eq!((head.at.as_nanos(), head.wire_len, bytes), (5_000_000_010, 60, &b"one"[..]));
        assert_eq!(batch.take().1, b"two");
        assert!(batch.is_spent());
        batch.clear();
        // The clock was set back: what comes now is wanted, whatever its time.
        let wanted = Timestamp::from_parts(100, 0)..=Timestamp::MAX;
        batch.push(&Packet { header: &packet(41_000_000_000), data: b"old" }, &wanted);
        batch.push(&Packet { header: &packet(39_000_000_000), data: b"set" }, &wanted);
        assert_eq!((batch.heads.len(), batch.take().1), (1, &b"set"[..]));
        let wanted = Timestamp::from_nanos(5_000_000_010)..=Timestamp::from_nanos(5_000_000_020);
        batch.clear();
        batch.push(&Packet { header: &packet(5_060_000_000), data: b"new" }, &wanted);
        assert!(batch.is_spent() && batch.past_end);
    }
}
