//! A live tap on a thread of its own: capture, decode and track run to completion there, so that no byte of a packet
//! ever leaves it. Only events do, through a bounded queue: when it is full, events are counted and dropped, and the
//! capture goes on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::confined;
use super::losses::{Dropping, Loss};
use super::queue::{Batch, Outbox, Queue};
use super::recording::Recorder;
use crate::capture::live::{LiveOptions, LiveTap};
use crate::capture::traffic::ring_by_rate;
use crate::capture::{
    Drops, Error, Frame, LinkType, LiveFilter, Namespace, Next, Source, Stop, Tap, TapId, wall_clock,
};
use crate::decode;
use crate::time::Timestamp;
use crate::track::{Counters, Limits, Tracker, packet_line};

/// What taps send.
#[derive(Debug)]
pub(super) enum Message {
    /// What was found out.
    Events(Batch),
    /// Something was lost.
    Lost(Loss),
    /// The tap is done.
    Ended(Box<Ended>),
}

/// How a tap ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub id: TapId,
    pub counters: Counters,
    pub drops: Drops,
    pub error: Option<Error>,
    /// Its link type and how many of its packets cannot be decoded.
    pub undecoded: Option<(LinkType, u64)>,
}

/// What all taps share.
#[derive(Debug)]
pub(super) struct Shared {
    /// What is on its way to the log.
    pub queue: Arc<Queue>,
    /// Packets seen on all taps, where that matters.
    pub packets: AtomicU64,
    /// As many packets are wanted; all where it says none.
    pub count: Option<u64>,
    /// Whether single packets are wanted.
    pub wants_packets: bool,
    /// Whether anything is: not so where packets are recorded only.
    pub tracks: bool,
    pub limits: Limits,
    /// Bytes that the rings of busy interfaces may have beyond what each has.
    pub spare_ring: AtomicUsize,
}

/// As much may all of them have beyond it, and each in all.
pub(super) const SPARE_RING: usize = 64 << 20;
const LARGEST_RING: usize = 64 << 20;

/// What a ring has of [`Shared::spare_ring`], until its tap is done.
struct MoreRing {
    shared: Arc<Shared>,
    bytes: usize,
}

impl MoreRing {
    /// For a ring of that size, by what its interface carries.
    fn take(shared: Arc<Shared>, interface: &str, ring: usize) -> Self {
        let wanted = ring_by_rate(interface).unwrap_or_default().min(LARGEST_RING).saturating_sub(ring);
        let left = |spare: usize| Some(spare - spare.min(wanted));
        let spare = shared.spare_ring.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        let bytes = spare.unwrap_or_default().min(wanted);
        Self { shared, bytes }
    }
}

impl Drop for MoreRing {
    fn drop(&mut self) {
        self.shared.spare_ring.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// What to open.
#[derive(Debug)]
pub(super) struct Wanted {
    pub id: TapId,
    pub tap: Tap,
    /// The path of the network namespace; `None` is the program's own.
    pub namespace: Option<PathBuf>,
    pub options: LiveOptions,
    /// Its ring may be larger, where its interface is busy.
    pub may_grow: bool,
    /// What the user wants to see there, which may change.
    pub filter: Option<LiveFilter>,
    /// How often to look for what is overdue while nothing comes.
    pub idle: Duration,
    /// Its packets are among those that `-c` counts.
    pub counts: bool,
    /// Where its packets are also written.
    pub recorder: Option<Recorder>,
}

/// A tap that is being opened on its thread.
#[derive(Debug)]
pub(super) struct Opening {
    name: String,
    opened: Receiver<Result<Tap, Error>>,
}

impl Opening {
    /// Waits until it is open. Gives the tap as it was opened.
    pub fn wait(self) -> Result<Tap, Error> {
        let Self { name, opened } = self;
        let ended = || Err(Error::Io { name, source: std::io::Error::other("its thread ended") });
        opened.recv().unwrap_or_else(|_| ended())
    }
}

/// Begins to open a tap and to follow it until `stop`, on a thread of its own that enters its namespace and stays there.
/// Opening waits for the kernel more than it computes, so many are opened at the same time.
pub(super) fn spawn(
    mut wanted: Wanted,
    stop: Stop,
    sender: Sender<Message>,
    shared: Arc<Shared>,
) -> Result<Opening, Error> {
    let (id, counts, name) = (wanted.id, wanted.counts, wanted.tap.interface.clone());
    let outbox = Outbox::new(id, sender, Arc::clone(&shared.queue), stop.clone());
    let recorder = wanted.recorder.take();
    let (tell, opened) = bounded(1);
    let work = move || match open(wanted, &shared, stop) {
        Ok((live, _more_ring)) => {
            let tap = live.tap(id).cloned();
            let unknown = || Error::Io { name: String::new(), source: std::io::Error::other("a tap without a name") };
            if tell.send(tap.ok_or_else(unknown)).is_ok() {
                let dropping = Dropping::new(id, wall_clock());
                Following { live, id, outbox, dropping, shared, undecoded: 0, counts, recorder }.run();
            }
        }
        // Whoever waits for it is there.
        Err(error) => drop(tell.send(Err(error))),
    };
    match thread::Builder::new().name(format!("tap {}", id.0)).spawn(work) {
        Ok(_) => Ok(Opening { name, opened }),
        Err(source) => Err(Error::Io { name, source }),
    }
}

/// Opens a tap, and says what its ring has beyond its own.
fn open(wanted: Wanted, shared: &Arc<Shared>, stop: Stop) -> Result<(LiveTap, Option<MoreRing>), Error> {
    let Wanted { id, tap, namespace, mut options, filter, idle, may_grow, .. } = wanted;
    let namespace = namespace.map(|path| Namespace::open(&path)).transpose()?;
    namespace.as_ref().map_or(Ok(()), Namespace::enter)?;
    let more_ring = may_grow.then(|| MoreRing::take(Arc::clone(shared), &tap.interface, options.ring_bytes));
    options.ring_bytes += more_ring.as_ref().map_or(0, |more| more.bytes);
    let mut live = LiveTap::open_here(tap, id, namespace, &options, stop)?;
    live.set_idle(idle);
    filter.map(|filter| live.follow(filter)).transpose()?;
    // From here on it reads what anybody may have sent.
    confined::tap();
    Ok((live, more_ring))
}

struct Following {
    live: LiveTap,
    id: TapId,
    outbox: Outbox,
    dropping: Dropping,
    shared: Arc<Shared>,
    undecoded: u64,
    /// As in [`Wanted`].
    counts: bool,
    recorder: Option<Recorder>,
}

impl Following {
    fn run(mut self) {
        let mut tracker = Tracker::new(self.shared.limits);
        let error = self.follow(&mut tracker).err();
        let at = self.live.ended_at();
        tracker.tick(at, &mut self.outbox);
        tracker.finish(&mut self.outbox);
        self.outbox.finish();
        let link = self.live.tap(self.id).map(|tap| tap.link);
        let drops = self.live.drops();
        for loss in self.dropping.look(drops, at, wall_clock()) {
            self.outbox.tell(Message::Lost(loss));
        }
        if let Some(recorder) = self.recorder.take() {
            recorder.end(drops, at);
        }
        let ended = Ended {
            id: self.id,
            counters: tracker.counters().clone(),
            drops,
            error,
            undecoded: link.filter(|_| self.undecoded > 0).map(|link| (link, self.undecoded)),
        };
        // To close a packet socket the kernel waits for all processors. Hundreds of taps do so at the same time here, and
        // one after the other where the end of the program closes them.
        drop(self.live);
        self.outbox.tell(Message::Ended(Box::new(ended)));
    }

    fn follow(&mut self, tracker: &mut Tracker) -> Result<(), Error> {
        let Self { live, outbox, dropping, shared, undecoded, counts, recorder, .. } = self;
        let count = shared.count.filter(|_| *counts);
        let mut words = String::new();
        // So that a quiet tap costs nothing.
        let mut is_new = false;
        loop {
            if recorder.is_some() || outbox.is_waiting() {
                hand_over(live, outbox, recorder)?;
            }
            match live.next()? {
                Next::Frame(frame, _) => {
                    if count.is_some_and(|count| shared.packets.fetch_add(1, Ordering::Relaxed) >= count) {
                        return Ok(());
                    }
                    let at = frame.at;
                    if let Some(recorder) = recorder {
                        recorder.push(&frame);
                    }
                    if shared.tracks {
                        outbox.pass(at);
                        let is_followed =
                            !shared.wants_packets && tracker.observe_frame(&frame, &tracker.look_ahead(&frame), outbox);
                        if !is_followed && decode::supports(frame.link) {
                            observe(&frame, shared.wants_packets.then_some(&mut words), tracker, outbox);
                        } else if !is_followed {
                            *undecoded += 1;
                        }
                    }
                    is_new = true;
                    look_for_drops(live, dropping, outbox, at);
                }
                Next::Idle(now) => {
                    outbox.pass(now);
                    tracker.tick(now, outbox);
                    is_new = is_new && !look_for_drops(live, dropping, outbox, now);
                }
                Next::Names(_) => {}
                Next::End => return Ok(()),
            }
        }
    }
}

/// Follows a frame's packet, and puts it into words where they are wanted.
#[inline(never)]
fn observe(frame: &Frame<'_>, words: Option<&mut String>, tracker: &mut Tracker, outbox: &mut Outbox) {
    let packet = decode::decode(frame);
    if let Some(words) = words {
        outbox.push(packet_line(&packet, words));
    }
    tracker.observe(&packet, outbox);
}

/// What is left goes to the file and to the log before the tap sleeps.
fn hand_over(live: &mut LiveTap, outbox: &mut Outbox, recorder: &mut Option<Recorder>) -> Result<(), Error> {
    let sleeps = !live.is_ready()?;
    if sleeps {
        outbox.send();
    }
    if let Some(recorder) = recorder
        && (recorder.is_full() || recorder.has_packets() && sleeps)
    {
        recorder.send(|| live.drops());
    }
    Ok(())
}

/// Tells what was dropped since it was looked last, if that is long ago; whether it was looked.
fn look_for_drops(live: &mut LiveTap, dropping: &mut Dropping, outbox: &Outbox, at: Timestamp) -> bool {
    let looks = dropping.is_due(at) && outbox.has_room_for_losses();
    if looks {
        for loss in dropping.look(live.drops(), at, wall_clock()) {
            outbox.tell(Message::Lost(loss));
        }
    }
    looks
}
