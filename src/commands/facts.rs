//! What a capture file tells beside its packets: who has which address, and what the kernel knew.

use std::collections::{HashMap, HashSet};

use super::clients::SharedHeard;
use super::given_names::GivenNames;
use super::known::Known;
use super::output::Output;
use super::owners::of_event;
use super::timeline::Timeline;
use crate::capture::file::MAX_TAPS;
use crate::capture::{NameBlock, Tap, TapId};
use crate::docker::{self, Snapshot};
use crate::host::{Kept, KeptTap, SocketOwners, kept};
use crate::join::Told;
use crate::name::Namer;
use crate::time::Timestamp;

/// Taps whose new names wait at once; one beyond it keeps its name.
const MAX_RENAMED: usize = 4096;
/// So much is said of what is wrong with the names of files: each block of a hostile one may be wrong in another way.
const MAX_SAID: usize = 64;

/// What the files have told so far.
pub(super) struct Facts {
    /// Who is who in each file.
    timelines: HashMap<u32, Timeline>,
    /// When the next of them changes.
    next: Timestamp,
    heard: SharedHeard,
    /// Whose the sockets of each file's host were.
    sockets: HashMap<u32, SocketOwners>,
    /// What taps are called otherwise, until that holds.
    renamed: HashMap<TapId, KeptTap>,
    /// Only what passes a filter is followed, but for what is aside.
    pub is_filtered: bool,
    /// What was wrong, and was said: a file that is of another version is so in each block.
    said: HashSet<(u32, String)>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            timelines: HashMap::new(),
            next: Timestamp::MAX,
            heard: SharedHeard::default(),
            sockets: HashMap::new(),
            renamed: HashMap::new(),
            is_filtered: false,
            said: HashSet::new(),
        }
    }
}

impl Facts {
    /// What joining has to know.
    pub fn known<'a>(&'a self, namer: &'a Namer) -> Known<'a> {
        Known { namer, clients: Some(&self.heard), is_filtered: self.is_filtered }
    }

    /// From the first packet of a file on these are its names, unless it has told its own by then.
    pub fn give(&mut self, given: &GivenNames, tap: TapId, namer: &mut Namer) {
        if let Some(directory) = given.directory()
            && !self.timelines.contains_key(&source(tap))
        {
            self.timelines.entry(source(tap)).or_default().learn(Snapshot::of(directory, Timestamp::ZERO), 0);
            self.show(tap, namer);
        }
    }

    /// Takes in what a block tells, with what the user gave where it does not know. The Directory that it tells, if any.
    ///
    /// # Errors
    /// It cannot be read: in words, once for each file.
    pub fn learn(
        &mut self,
        block: &NameBlock,
        given: &GivenNames,
        namer: &mut Namer,
    ) -> Result<Option<Snapshot>, String> {
        let comment = block.comment.trim_start();
        let read = if comment.starts_with(docker::snapshot::BEGINS) {
            docker::read_snapshot(comment).map_err(|error| error.to_string()).map(|snapshot| {
                let snapshot = given.completed(snapshot);
                self.timelines.entry(source(block.tap)).or_default().learn(snapshot.clone(), comment.len());
                self.show(block.tap, namer);
                Some(snapshot)
            })
        } else if comment.starts_with(kept::BEGINS) {
            let kept = Kept::read(comment).map_err(|error| error.to_string());
            kept.map(|kept| self.keep(kept, block.tap, namer)).map(|()| None)
        } else {
            // Beside a Directory, records are for others, who know no networks and no times.
            namer.add_file_names(block);
            Ok(None)
        };
        read.or_else(|why| {
            let is_new = self.said.len() < MAX_SAID && self.said.insert((source(block.tap), why.clone()));
            if is_new { Err(why) } else { Ok(None) }
        })
    }

    /// When somebody is called otherwise; later than any packet where nobody is.
    pub const fn next(&self) -> Timestamp {
        self.next
    }

    /// It is this late: who has gone by now is known no more.
    pub fn pass(&mut self, now: Timestamp, namer: &mut Namer) {
        let due = |timeline: &Timeline| timeline.next().is_some_and(|next| next <= now);
        let sources: Vec<_> =
            self.timelines.iter().filter(|(_, timeline)| due(timeline)).map(|(source, _)| *source).collect();
        for source in sources {
            self.timelines.entry(source).and_modify(|timeline| timeline.pass(now));
            self.show(TapId(source * MAX_TAPS), namer);
        }
    }

    /// Tells the namer who is known for the taps of a source.
    fn show(&mut self, tap: TapId, namer: &mut Namer) {
        if let Some(directory) = self.timelines.get(&source(tap)).and_then(Timeline::known) {
            namer.set_directory(tap, directory);
            self.rename_taps(source(tap), namer);
        }
        self.next = self.timelines.values().filter_map(Timeline::next).min().unwrap_or(Timestamp::MAX);
    }

    fn keep(&mut self, kept: Kept, tap: TapId, namer: &mut Namer) {
        self.heard.learn(&kept);
        if let Some(sockets) = &kept.sockets {
            self.sockets.insert(source(tap), SocketOwners::read(sockets));
        }
        // Beyond it are the taps of the next file.
        for renamed in kept.taps.into_iter().filter(|renamed| renamed.interface < MAX_TAPS) {
            let id = TapId(tap.0.wrapping_add(renamed.interface));
            if self.renamed.len() < MAX_RENAMED || self.renamed.contains_key(&id) {
                self.renamed.insert(id, renamed);
            }
        }
        self.rename_taps(source(tap), namer);
        if let Some(interfaces) = kept.interfaces {
            namer.set_interfaces(tap, interfaces.into_iter());
        }
    }

    /// A tap has its first packet.
    pub fn meet(&mut self, id: TapId, tap: &Tap, namer: &mut Namer) {
        namer.set_tap(id, tap.clone());
        self.rename_taps(source(id), namer);
    }

    /// Calls the taps of a source otherwise, where it is time. A container's new name holds no sooner for its tap than for
    /// its addresses: until then nobody is known by it.
    fn rename_taps(&mut self, of: u32, namer: &mut Namer) {
        self.renamed.retain(|&id, renamed| {
            let Some(known) = namer.tap(id).filter(|_| source(id) == of) else { return true };
            let is_nobody = |name| namer.directory(id).is_none_or(|there| there.container_by_name(name).is_none());
            if known.namespace.is_some() && renamed.namespace.as_deref().is_some_and(is_nobody) {
                return true;
            }
            let KeptTap { network, namespace, .. } = renamed.clone();
            namer.set_tap(id, Tap { network, namespace, ..known.clone() });
            false
        });
    }

    /// Whether the file of a tap tells whose the sockets of its host were.
    pub fn knows_sockets(&self, tap: TapId) -> bool {
        !self.sockets.is_empty() && self.sockets.contains_key(&source(tap))
    }

    /// Whether any file tells whose the sockets of its host were.
    pub fn has_sockets(&self) -> bool {
        !self.sockets.is_empty()
    }

    /// Tells an event.
    pub fn tell(&self, told: &Told<'_>, output: &mut Output) {
        let tap = told.event.place().tap;
        if let Some(sockets) = self.sockets.get(&source(tap)) {
            for (socket, container) in of_event(sockets, &told.event, &self.known(&output.namer)) {
                output.namer.set_owner(tap, socket, container);
            }
        }
        output.tell(told);
    }
}

/// The file that a tap is of.
const fn source(tap: TapId) -> u32 {
    tap.0 / MAX_TAPS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;

    /// A Directory at that time, with one container of that name; or what a tap is called from here on.
    fn learn(facts: &mut Facts, namer: &mut Namer, comment: String) {
        let block = NameBlock { tap: TapId(0), records: Vec::new(), comment };
        facts.learn(&block, &GivenNames::default(), namer).unwrap();
    }

    fn directory(second: u32, name: &str) -> String {
        format!(
            r#"{{"bridgetap_directory":1,"at":"2026-11-21T12:00:{second:02}.000000000Z","networks":[],
                "containers":[{{"id":"c1","name":"{name}","endpoints":[],"published":[]}}]}}"#
        )
    }

    fn called(tap: u32, name: &str) -> String {
        format!(r#"{{"bridgetap_host":1,"taps":[{{"interface":{tap},"network":null,"namespace":"{name}"}}]}}"#)
    }

    fn at(second: u32) -> Timestamp {
        docker::read_snapshot(&directory(second, "any")).unwrap().at
    }

    fn lo(namespace: Option<&str>) -> Tap {
        let namespace = namespace.map(str::to_owned);
        Tap { interface: "lo".into(), network: None, namespace, link: LinkType::ETHERNET, aside: None }
    }

    fn namespace(namer: &Namer, tap: u32) -> Option<&str> {
        namer.tap(TapId(tap)).unwrap().namespace.as_deref()
    }

    #[test]
    fn a_tap_is_called_otherwise_when_its_container_is() {
        let (mut facts, mut namer) = (Facts::default(), Namer::new(false));
        learn(&mut facts, &mut namer, directory(1, "late"));
        facts.meet(TapId(1), &lo(Some("late")), &mut namer);
        learn(&mut facts, &mut namer, directory(3, "latecomer"));
        learn(&mut facts, &mut namer, called(1, "latecomer"));
        assert_eq!(namespace(&namer, 1), Some("late"), "lines from before are still to be told");
        facts.pass(at(4), &mut namer);
        assert_eq!(namespace(&namer, 1), Some("latecomer"));
    }

    #[test]
    fn a_tap_that_was_renamed_before_its_first_packet_has_its_new_name() {
        let (mut facts, mut namer) = (Facts::default(), Namer::new(false));
        learn(&mut facts, &mut namer, directory(1, "latecomer"));
        learn(&mut facts, &mut namer, called(1, "latecomer"));
        facts.meet(TapId(1), &lo(Some("late")), &mut namer);
        assert_eq!(namespace(&namer, 1), Some("latecomer"));
    }

    #[test]
    fn a_tap_that_was_nobody_s_is_somebody_s_at_once() {
        let (mut facts, mut namer) = (Facts::default(), Namer::new(false));
        facts.meet(TapId(1), &lo(None), &mut namer);
        learn(&mut facts, &mut namer, called(1, "late"));
        assert_eq!(namespace(&namer, 1), Some("late"));
    }

    #[test]
    fn another_file_s_taps_keep_their_names() {
        let (mut facts, mut namer) = (Facts::default(), Namer::new(false));
        facts.meet(TapId(MAX_TAPS), &lo(None), &mut namer);
        learn(&mut facts, &mut namer, called(MAX_TAPS, "late"));
        assert_eq!(namespace(&namer, MAX_TAPS), None);
    }
}
