//! Which taps are open: opened as networks and containers come, closed as they go.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::clients::{Clients, Listening};
use super::super::confined;
use super::super::plan::{Content, For, MAX_PUBLISHED, Place, Ports, Wish, tap};
use super::super::recording::Recording;
use super::super::rooms::{Machine, Room, Sandboxes};
use super::super::tap::{Ended, Opening, Wanted, spawn};
use super::{OpenTap, Suspect, Watching, interface_names, monotonic};
use crate::capture::file::MAX_TAPS;
use crate::capture::interfaces::interfaces;
use crate::capture::live::ANY;
use crate::capture::{Aside, Error, LiveOptions, Namespace, Stop, Tap, TapId, wall_clock};
use crate::docker::Directory;
use crate::filter::LOOKUPS;
use crate::join::HOLD;

/// The ring for lookups: two blocks, so that one is filled while the other is read. Each holds a thousand.
const LOOKUPS_RING: usize = 512 << 10;
/// And while lookups are sent to be measured. The kernel hands a block over every 10 ms however little is in it, so two
/// are full when the thread does not run for 20 ms; on a busy machine one in ten of 500 lookups a second was not seen.
const PROBED_RING: usize = 4 << 20;
/// What the rings of all other taps may take together, so that many networks do not take all memory: they count as the
/// program's own.
const ALL_RINGS: usize = 96 << 20;
/// The largest and the smallest of them.
const LARGEST_RING: usize = 32 << 20;
const SMALLEST_RING: usize = 1 << 20;
/// How long packets may come out of a ring that were let through by the filter before.
const SETTLING: Duration = Duration::from_millis(500);
/// The ring for clients of published ports: their headers only.
const PUBLISHED_RING: usize = 2 << 20;
/// Bytes of their packets that are looked at: the longest headers of cooked frames, IPv6 and TCP.
const PUBLISHED_SNAP_LEN: u32 = 192;
/// How long the daemon may take to say why an interface is gone.
const EXPLAINING: Duration = Duration::from_secs(1);

/// The ring that a tap may have.
#[derive(Clone, Copy)]
struct Ring {
    bytes: usize,
    /// It may be larger where its interface is busy, which takes a moment to see. There is none where an interface comes
    /// while it is watched: its first packets are not to be missed.
    may_grow: bool,
}

impl Watching {
    /// Opens what is wanted and not open, and closes what is wanted no more. Gives the targets whose taps failed.
    pub(super) fn open_missing(&mut self, directory: &Directory, at_start: bool) -> Result<HashSet<For>, ExitCode> {
        self.sandboxes = Sandboxes::of(directory, &self.kernel);
        self.kernel.keep(&self.sandboxes);
        let published = self.plan.published(directory);
        self.follow_ports(&published);
        let wishes = self.plan.wishes(directory, &self.sandboxes, &mut self.kernel);
        let places: HashSet<_> = wishes.iter().map(|wish| wish.place.clone()).collect();
        self.given_up.retain(|place| places.contains(place));
        self.close_unwanted(&places);
        let open: HashSet<_> = self.taps.values().map(|tap| tap.place.clone()).collect();
        let is_missing = |wish: &&Wish| !open.contains(&wish.place) && !self.given_up.contains(&wish.place);
        let missing: Vec<Wish> = wishes.iter().filter(is_missing).cloned().collect();
        let bytes = ring(wishes.iter().filter(|wish| wish.place.content == Content::All).count());
        let ring = Ring { bytes, may_grow: at_start };
        for wish in wishes.iter().filter(|wish| open.contains(&wish.place)) {
            self.claim(wish);
        }
        // One more interface in a namespace that was watched before is worth a word.
        let was_known: HashSet<_> = self.wishes.iter().map(|wish| wish.place.room.clone()).collect();
        self.wishes = wishes;
        let opening: Vec<_> = missing
            .into_iter()
            .map(|wish| {
                let opening = self.open(wish.place.clone(), wish.path.clone(), wish.tap.clone(), ring);
                (wish, opening)
            })
            .collect();
        let mut failed = HashSet::new();
        for (wish, opening) in opening {
            let opened = opening.and_then(|(id, opening)| self.opened(id, opening).map(|()| self.keep_tap(id)));
            if let Err(error) = opened {
                failed.insert(wish.why);
                self.not_opened(&wish, error, at_start);
                if at_start && wish.place.content == Content::All {
                    return Err(ExitCode::FAILURE);
                }
            } else if !at_start {
                self.tell_new_tap(&wish, was_known.contains(&wish.place.room));
            }
        }
        self.listen_for_clients(&published, directory);
        // A tap of all interfaces sees a packet on each.
        let is_alone = self.taps.len() <= 1 && !self.taps.values().any(|tap| tap.place.interface == ANY);
        self.joiner.set_hold(if is_alone { Duration::ZERO } else { HOLD });
        Ok(failed)
    }

    /// Tells the tap for clients which ports are published by now.
    fn follow_ports(&mut self, published: &Ports) {
        let Ports::Filter(ports) = published else { return };
        if self.ports.as_ref() != Some(ports) {
            let open = self.taps.values().filter(|tap| tap.place.content == Content::Published);
            open.filter_map(|tap| tap.filter.as_ref()).for_each(|filter| filter.set(ports.clone()));
            self.ports = Some(ports.clone());
        }
    }

    /// Listens to what the kernel tells of clients of published ports, once there are any.
    fn listen_for_clients(&mut self, published: &Ports, directory: &Directory) {
        if let (Ports::TooMany(many), Listening::NotYet) = (published, &self.listening) {
            self.messages.say(&format!(
                "{many} ports are published, and the clients of at most {MAX_PUBLISHED} are looked for on the host's \
                 interfaces: they are known as far as the kernel tells"
            ));
        }
        if *published != Ports::None && matches!(self.listening, Listening::NotYet) {
            let keep = self.keeping.recording.as_ref().map(Recording::keep);
            self.listening = match Clients::listen(keep) {
                Ok(clients) => Listening::To(clients),
                Err(why) => {
                    self.messages.say(&format!("some clients of published ports stay unknown: {why}"));
                    Listening::Refused
                }
            };
            confined::have_listened();
        }
        if let Some(clients) = self.listening.clients() {
            clients.set_published(directory);
        }
    }

    /// Asks the taps to end that are wanted no more. Those of a container that is starting stay until it is known whose
    /// they are.
    fn close_unwanted(&mut self, places: &HashSet<Place>) {
        let known: HashSet<_> = self.sandboxes.iter().map(|sandbox| &sandbox.room).collect();
        for (id, tap) in &self.taps {
            let is_unclaimed = self.starting.is_unclaimed(*id) && !known.contains(&tap.place.room);
            if !places.contains(&tap.place) && !is_unclaimed {
                tap.stop.request();
            }
        }
    }

    fn not_opened(&mut self, wish: &Wish, error: Error, at_start: bool) {
        let is_first = !self.given_up.iter().any(|place| place.content == Content::Lookups);
        let is_gone = matches!(error, Error::NoNamespace { .. } | Error::Namespace { .. });
        let is_without = matches!(error, Error::NoInterface { .. } | Error::InterfaceDown { .. });
        // One that was gone before it could be entered has nothing to look at; it will be looked for again.
        if is_gone || (wish.path.is_some() && is_without) {
            return;
        }
        // A bridge goes before the daemon says that its network does.
        if is_without && !at_start {
            return self.suspect(wish.place.clone(), error);
        }
        self.given_up.insert(wish.place.clone());
        match (wish.place.content, &wish.tap.network) {
            (Content::All, Some(network)) if matches!(error, Error::NoInterface { .. }) => {
                let interface = &wish.place.interface;
                self.messages.say(&format!(
                    "{network}: its bridge {interface} is not in this network namespace: run bridgetap in that of \
                     dockerd (in a container: docker run --network host), or name a container"
                ));
            }
            (Content::All, _) => self.messages.say(&error.to_string()),
            (Content::Lookups, _) if is_first => {
                self.messages.say(&format!("lookups of container names stay unseen: {error}"));
            }
            (Content::Lookups, _) => {}
            (Content::Published, _) => {
                self.messages.say(&format!("some clients of published ports stay unknown: {error}"));
            }
        }
    }

    /// An interface is gone, and the daemon may be about to say why.
    fn suspect(&mut self, place: Place, error: Error) {
        if !self.suspects.iter().any(|suspect| suspect.place == place) {
            self.suspects.push(Suspect { until: monotonic() + EXPLAINING, place, error });
        }
    }

    /// A tap that is open belongs to this container: one that was starting, or that was renamed.
    fn claim(&mut self, wish: &Wish) {
        let Some(id) = self.taps.iter().find(|(_, open)| open.place == wish.place).map(|(id, _)| *id) else { return };
        if let Some(before) = self.output.namer.tap(id)
            && (before.namespace != wish.tap.namespace || before.network != wish.tap.network)
        {
            self.output.namer.set_tap(id, Tap { link: before.link, ..wish.tap.clone() });
            if !self.starting.is_unclaimed(id) {
                self.keep_tap(id);
            }
        }
        let filter = self.filter_tap(id);
        if let Some((events, lost)) = self.starting.claim(id) {
            for event in events.into_iter().filter(|event| filter.admits(event)) {
                self.join(event);
            }
            for lost in &lost {
                self.lost(lost);
            }
            self.keep_tap(id);
            // What its ring holds was let through by the filter before.
            if let Some(tap) = self.taps.get_mut(&id) {
                tap.settling = Some((wall_clock() + SETTLING, filter));
            }
        }
    }

    /// Enters the namespaces of containers that are starting, as soon as they can be entered.
    pub(super) fn enter_starting(&mut self) {
        let now = monotonic();
        let mut opening = Vec::new();
        for path in self.starting.due(now) {
            // Not before Docker has mounted it.
            if Namespace::open(&path).is_err() {
                continue;
            }
            self.starting.entered(&path, self.plan.wants_whole_containers(), now);
            opening.extend(self.open_starting(&path, "lo", Content::Lookups));
        }
        for path in self.starting.due_for_search(now) {
            let found =
                Namespace::open(&path).and_then(|namespace| namespace.within(interfaces)).and_then(|found| found);
            for interface in found.unwrap_or_default().iter().filter(|found| found.up && found.name != "lo") {
                opening.extend(self.open_starting(&path, &interface.name, Content::All));
            }
        }
        for (id, path, begun) in opening {
            if self.opened(id, begun).is_ok() {
                self.starting.opened(id, &path, now);
            }
        }
        for id in self.starting.overdue(now) {
            if let Some(tap) = self.taps.get(&id) {
                tap.stop.request();
            }
        }
    }

    fn open_starting(&mut self, path: &Path, interface: &str, content: Content) -> Option<(TapId, PathBuf, Opening)> {
        let room = self.kernel.room(path)?;
        let place = Place { room, interface: interface.to_owned(), content };
        if place.room == Room::Host || self.taps.values().any(|tap| tap.place == place) {
            return None;
        }
        let begun = self.open(
            place,
            Some(path.to_owned()),
            tap(interface, None, None),
            Ring { bytes: SMALLEST_RING, may_grow: false },
        );
        begun.ok().map(|(id, opening)| (id, path.to_owned(), opening))
    }

    /// How many bytes of each packet a tap keeps.
    pub(super) fn snap_len(&self, content: Content) -> u32 {
        match content {
            Content::All | Content::Lookups => self.options.snap_len,
            Content::Published => PUBLISHED_SNAP_LEN.min(self.options.snap_len),
        }
    }

    /// How a tap is opened: everything by the user's options, lookups by what they take.
    fn options(&self, content: Content, ring: usize) -> LiveOptions {
        match content {
            Content::All => LiveOptions { ring_bytes: self.ring.unwrap_or(ring), ..self.options.clone() },
            Content::Lookups => {
                let ring_bytes = if self.probing.is_some() { PROBED_RING } else { LOOKUPS_RING };
                LiveOptions { ring_bytes, filter: Some(LOOKUPS.to_owned()), ..self.options.clone() }
            }
            // The headers tell who the client is; the rest is seen on the bridge.
            Content::Published => LiveOptions {
                ring_bytes: PUBLISHED_RING,
                snap_len: self.snap_len(content),
                filter: self.ports.clone(),
                ..self.options.clone()
            },
        }
    }

    /// Begins to open a tap.
    fn open(&mut self, place: Place, path: Option<PathBuf>, tap: Tap, ring: Ring) -> Result<(TapId, Opening), Error> {
        let id = TapId(self.next_tap);
        let stop = Stop::new()?;
        self.stops.add(&stop);
        let idle = match place.content {
            Content::All | Content::Published => Duration::from_millis(250),
            Content::Lookups => Duration::from_secs(1),
        };
        let filter = self.live_filter(&place, &tap)?;
        let options = self.options(place.content, ring.bytes);
        let counts = place.content != Content::Published;
        if counts {
            self.client_taps.remove(&id)
        } else {
            self.client_taps.insert(id)
        };
        let recorder = self.keeping.recording.as_ref().map(|recording| recording.recorder(id));
        let may_grow = ring.may_grow && place.content == Content::All && self.ring.is_none();
        let filter_of = filter.clone();
        let wanted = Wanted { id, tap, namespace: path, options, may_grow, filter: filter_of, idle, counts, recorder };
        let opening = spawn(wanted, stop.clone(), self.sender.clone(), Arc::clone(&self.shared))?;
        self.taps.insert(id, OpenTap { stop, place, filter, settling: None });
        // A long watch of many containers comes round to numbers that are free again.
        while self.taps.contains_key(&TapId(self.next_tap)) {
            self.next_tap = (self.next_tap + 1) % MAX_TAPS;
        }
        Ok((id, opening))
    }

    /// Waits until a tap is open.
    fn opened(&mut self, id: TapId, opening: Opening) -> Result<(), Error> {
        match opening.wait() {
            Ok(mut tap) => {
                let content = self.taps.get(&id).map(|open| open.place.content);
                if content == Some(Content::Published) {
                    tap.aside = Some(Aside { is_filtered: self.filter.is_some() });
                }
                self.output.namer.set_tap(id, tap);
                Ok(())
            }
            Err(error) => {
                self.taps.remove(&id);
                self.forget_tap(id);
                Err(error)
            }
        }
    }

    /// A tap has ended.
    pub(super) fn ended(&mut self, ended: Ended) {
        let Ended { id, counters, drops, error, undecoded } = ended;
        // Nobody's container that is watched: it was never there.
        if self.starting.claim(id).is_some() {
            self.taps.remove(&id);
            self.forget_tap(id);
            return;
        }
        if !self.client_taps.contains(&id) {
            self.counters.add(&counters);
        }
        self.drops.kernel += drops.kernel;
        self.drops.interface += drops.interface;
        if let Some((link, packets)) = undecoded {
            self.undecoded.add(link, packets);
        }
        let Some(tap) = self.taps.remove(&id) else { return };
        self.look_again = true;
        self.kernel.forget(&tap.place.room);
        match error {
            None => {}
            Some(error @ Error::Vanished { .. }) => self.suspect(tap.place, error),
            Some(error) => {
                self.given_up.insert(tap.place);
                self.tell_trouble(&error);
            }
        }
    }

    /// Says of interfaces that are gone what nobody has explained in time.
    pub(super) fn judge_suspects(&mut self, now: Instant) {
        if self.suspects.iter().all(|suspect| now < suspect.until) {
            return;
        }
        let (due, later) = std::mem::take(&mut self.suspects).into_iter().partition(|suspect| suspect.until <= now);
        self.suspects = later;
        let due: Vec<Suspect> = due;
        let on_host = interface_names();
        for Suspect { place, error, .. } in due {
            let is_open = self.taps.values().any(|tap| tap.place == place);
            let is_wanted = self.wishes.iter().any(|wish| wish.place == place);
            match &place.room {
                _ if is_open => {}
                Room::Host if is_wanted && !on_host.contains(&place.interface) => {
                    self.given_up.insert(place);
                    self.tell_trouble(&error);
                }
                Room::Host => {}
                room => self.tell_left(&room.clone(), &place),
            }
        }
    }
}

/// The size of each ring where there are so many.
fn ring(taps: usize) -> usize {
    (ALL_RINGS / taps.max(1)).clamp(SMALLEST_RING, LARGEST_RING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_share_what_there_is() {
        assert_eq!([0, 1, 3].map(ring), [LARGEST_RING; 3]);
        assert_eq!(ring(4), 24 << 20);
        assert!([10, 50, 96].iter().all(|&taps| ring(taps) * taps <= ALL_RINGS));
        assert_eq!(ring(1000), SMALLEST_RING);
    }
}
