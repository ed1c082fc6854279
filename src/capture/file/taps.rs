//! The taps of one capture file.

use crate::capture::write;
use crate::capture::{Drops, LinkType, Tap, TapId};

/// How many taps one file can have.
///
/// A hostile pcapng can describe an interface in every 20 bytes. Interfaces beyond this share the file's last tap,
/// which has no name; frames keep their own link type.
pub const MAX_TAPS: u32 = 65_536;

/// Bytes of what a file says of its taps in words. Those beyond are without name and words: 65,536 containers have names
/// of 255 bytes.
const MAX_WORDS: usize = 32 << 20;

/// Stands for a tap that no file describes; there is none, because a packet names a tap that was added.
pub(super) static UNKNOWN: Tap =
    Tap { interface: String::new(), network: None, namespace: None, link: LinkType::ETHERNET, aside: None };

/// A tap, and what the file says of it.
struct Described {
    tap: Tap,
    drops: Option<Drops>,
    snap_len: u32,
    /// Not there where there is nothing to say, as of most taps of a hostile file.
    notes: Option<Box<Notes>>,
}

/// What a file says of an interface for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    pub(super) description: String,
    /// In the syntax of pcap-filter(7).
    pub(super) filter: Option<String>,
}

/// The taps of one file, numbered from `first` on.
pub(super) struct Taps {
    first: u32,
    list: Vec<Described>,
    /// The version of a tap's comment that cannot be read.
    newer: Option<u32>,
    /// As many taps there are at most.
    most: u32,
    /// How many interfaces share the last tap.
    sharing: u64,
    /// Bytes of the words of all.
    words: usize,
    /// How many taps have lost their words.
    nameless: u64,
}

impl Taps {
    pub(super) fn new(first: u32) -> Self {
        Self { first, list: Vec::new(), newer: None, most: MAX_TAPS, sharing: 0, words: 0, nameless: 0 }
    }

    /// Numbers the taps from `first` on. Only sound while there is none.
    pub(super) fn set_first(&mut self, first: u32) {
        self.first = first;
    }

    /// Keeps no more taps than that, [`MAX_TAPS`] at most. Only sound while there is none.
    pub(super) fn set_most(&mut self, most: u32) {
        self.most = most.clamp(1, MAX_TAPS);
    }

    /// The number of the file's first tap, whether there is one yet or not.
    pub(super) fn first(&self) -> TapId {
        TapId(self.first)
    }

    /// A new tap, or the shared one where there are too many.
    pub(super) fn add(&mut self, mut tap: Tap, snap_len: u32, mut notes: Notes) -> TapId {
        let index = self.list.len() as u32;
        if index + 1 < self.most {
            let words = words(&tap, &notes);
            if self.words + words > MAX_WORDS {
                self.nameless += 1;
                (tap, notes) = (nameless(&tap), Notes::default());
            } else {
                self.words += words;
            }
            let notes = (notes != Notes::default()).then(|| Box::new(notes));
            self.list.push(Described { tap, drops: None, snap_len, notes });
            return TapId(self.first.wrapping_add(index));
        }
        self.sharing += 1;
        if index < self.most {
            let tap = Tap { aside: None, ..nameless(&tap) };
            self.list.push(Described { tap, drops: None, snap_len: 0, notes: None });
        }
        TapId(self.first.wrapping_add(self.most - 1))
    }

    /// Notes that what a tap is stands there in a version that cannot be read.
    pub(super) fn set_newer(&mut self, version: u32) {
        self.newer.get_or_insert(version);
    }

    /// The version of a tap's comment that cannot be read, if there is one.
    pub(super) const fn newer(&self) -> Option<u32> {
        self.newer
    }

    pub(super) fn get(&self, id: TapId) -> Option<&Tap> {
        self.list.get(self.index(id)).map(|described| &described.tap)
    }

    /// How many taps there are so far.
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// A tap as the file describes it.
    pub(super) fn described(&self, id: TapId) -> Option<write::Interface> {
        let Described { tap, snap_len, notes, .. } = self.list.get(self.index(id))?;
        let Notes { description, filter } = notes.as_deref().cloned().unwrap_or_default();
        Some(write::Interface { tap: tap.clone(), description, filter, snap_len: *snap_len })
    }

    /// The drops of one tap, as far as the file has told.
    pub(super) fn drops_of(&self, id: TapId) -> Option<Drops> {
        self.list.get(self.index(id))?.drops
    }

    /// How many interfaces had to share the last tap.
    pub(super) fn sharing(&self) -> u64 {
        self.sharing
    }

    /// How many taps have lost their names, there being too many that are too long.
    pub(super) fn nameless(&self) -> u64 {
        self.nameless
    }

    /// Counts one more interface that shares the last tap.
    pub(super) fn share(&mut self) {
        self.sharing += 1;
    }

    /// Notes what a statistics block says of a tap. Its counters run from the start of the capture, so the last block
    /// counts; on the shared tap they add up.
    pub(super) fn set_drops(&mut self, id: TapId, drops: Drops) {
        let index = self.index(id);
        let shared = index as u32 == self.most - 1;
        if let Some(Described { drops: noted, .. }) = self.list.get_mut(index) {
            *noted = Some(if shared { sum(noted.unwrap_or_default(), drops) } else { drops });
        }
    }

    /// The drops of all taps, `None` where the file tells of none.
    pub(super) fn drops(&self) -> Option<Drops> {
        self.list.iter().filter_map(|described| described.drops).reduce(sum)
    }

    fn index(&self, id: TapId) -> usize {
        id.0.wrapping_sub(self.first) as usize
    }
}

/// A tap without its names.
const fn nameless(tap: &Tap) -> Tap {
    Tap { interface: String::new(), network: None, namespace: None, link: tap.link, aside: tap.aside }
}

/// Bytes of what is said of a tap.
fn words(tap: &Tap, notes: &Notes) -> usize {
    let maybe = |name: &Option<String>| name.as_ref().map_or(0, String::len);
    let named = tap.interface.len() + maybe(&tap.network) + maybe(&tap.namespace);
    named + notes.description.len() + maybe(&notes.filter)
}

/// Two counts together. Saturates: a file can claim anything.
pub(super) fn sum(one: Drops, other: Drops) -> Drops {
    Drops { kernel: one.kernel.saturating_add(other.kernel), interface: one.interface.saturating_add(other.interface) }
}

/// An interface that a pcapng section describes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    pub(super) tap: TapId,
    pub(super) link: LinkType,
    /// The snap length in bytes, 0 for none.
    pub(super) snap_len: u32,
    pub(super) clock: super::clock::Clock,
}
