//! What is known beside packets, as it is now: it stands at the beginning of each file, and in between where it changed.

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::capture::Tap;
use crate::capture::write::blocks;
use crate::docker::{Directory, Network, write_snapshot};
use crate::host::Kept;
use crate::host::kept::{KeptProxied, KeptTap, KeptTranslation};
use crate::time::Timestamp;

/// Connections that are told again at the beginning of the next file; the oldest goes first.
const MAX_CONNECTIONS: usize = 16_384;

/// So long after it went a Directory may be that of packets that are held back.
const STAYS: Duration = Duration::from_secs(1);
/// So many of them are kept; as many wait in a replay.
const MAX_GONE: usize = 16;

/// Something that became known.
#[derive(Debug)]
pub(in crate::commands) enum News {
    /// Who has which address from a moment on.
    Directory(Arc<Directory>),
    /// What the kernel told.
    Host(Box<Kept>),
}

/// Names are written at most so fast, in bytes a second: on a machine with many containers each change tells all anew.
const NAMES_RATE: u64 = 1 << 20;

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Facts {
    directory: Option<Arc<Directory>>,
    /// Those that it replaced of late, the earliest first, and when.
    gone: VecDeque<(Timestamp, Arc<Directory>)>,
    /// It is not written yet.
    is_news: bool,
    /// The names as they were written last, but for their time.
    written: String,
    /// Not before then are they written again.
    not_before: Timestamp,
    interfaces: Kept,
    sockets: Kept,
    translated: VecDeque<KeptTranslation>,
    proxied: VecDeque<KeptProxied>,
    /// What is to be written at once, and what in its place among the packets.
    at_once: Vec<Kept>,
    in_place: VecDeque<(Timestamp, Kept)>,
    /// The names took more room than a block has.
    is_too_long: bool,
}

impl Facts {
    /// Takes in news.
    pub fn learn(&mut self, news: News, now: Timestamp) {
        match news {
            News::Directory(directory) => {
                let gone = self.directory.replace(directory);
                self.gone.retain(|(until, _)| *until + STAYS > now);
                self.gone.extend(gone.map(|gone| (now, gone)));
                self.gone.drain(..self.gone.len().saturating_sub(MAX_GONE));
                self.is_news = true;
            }
            News::Host(kept) => self.hear(*kept, now),
        }
    }

    fn hear(&mut self, kept: Kept, now: Timestamp) {
        // Many a look finds what it found before.
        if kept.interfaces.is_some() && kept.interfaces == self.interfaces.interfaces
            || kept.sockets.is_some() && kept.sockets == self.sockets.sockets
        {
            return;
        }
        if kept.interfaces.is_some() {
            self.interfaces = Kept { interfaces: kept.interfaces.clone(), ..Kept::default() };
        }
        if kept.sockets.is_some() {
            self.sockets = Kept { sockets: kept.sockets.clone(), ..Kept::default() };
        }
        self.translated.extend(&kept.translated);
        self.proxied.extend(&kept.proxied);
        self.translated.drain(..self.translated.len().saturating_sub(MAX_CONNECTIONS));
        self.proxied.drain(..self.proxied.len().saturating_sub(MAX_CONNECTIONS));
        // Of connections the kernel tells after their first packets; what was found by a look was found then.
        if kept.interfaces.is_some() || kept.sockets.is_some() {
            self.in_place.push_back((now, kept));
        } else {
            self.at_once.push(kept);
        }
    }

    /// An interface of the file is called otherwise from now on.
    pub fn rename(&mut self, interface: u32, tap: &Tap, now: Timestamp) {
        let (network, namespace) = (tap.network.clone(), tap.namespace.clone());
        let taps = vec![KeptTap { interface, network, namespace }];
        self.in_place.push_back((now, Kept { taps, ..Kept::default() }));
    }

    /// When there is something to write in its place.
    pub fn next(&self) -> Timestamp {
        self.in_place.front().map_or(Timestamp::MAX, |(at, _)| *at)
    }

    /// Writes what has its place before packets of that time.
    pub fn write_until(&mut self, at: Timestamp, out: &mut Vec<u8>) {
        while let Some((_, kept)) = self.in_place.pop_front_if(|(place, _)| *place <= at) {
            write_kept(&kept, out);
        }
    }

    /// Writes what is news; the names not more often than they may take room.
    pub fn write_news(&mut self, now: Timestamp, out: &mut Vec<u8>) {
        for kept in self.at_once.drain(..) {
            write_kept(&kept, out);
        }
        if self.is_news && now >= self.not_before {
            self.is_news = false;
            self.write_names(out);
            let pause = self.written.len() as u64 * 1_000_000_000 / NAMES_RATE;
            self.not_before = now + Duration::from_nanos(pause);
        }
    }

    fn write_names(&mut self, out: &mut Vec<u8>) {
        let Some(directory) = &self.directory else { return };
        let text = write_snapshot(directory, Timestamp::ZERO);
        if text != self.written {
            self.is_too_long |= !write_directory(directory, out);
            self.written = text;
        }
    }

    /// Writes all that is known, and before it whom packets from `at` on may still be of, who are gone by now.
    pub fn write_all(&mut self, at: Timestamp, out: &mut Vec<u8>) {
        self.at_once.clear();
        self.in_place.clear();
        self.is_news = false;
        self.written.clear();
        for (_, directory) in self.gone.iter().filter(|(until, _)| *until >= at) {
            self.is_too_long |= !write_directory(directory, out);
        }
        self.write_names(out);
        write_kept(&self.interfaces, out);
        write_kept(&self.sockets, out);
        let connections = Kept {
            translated: self.translated.iter().copied().collect(),
            proxied: self.proxied.iter().copied().collect(),
            ..Kept::default()
        };
        write_kept(&connections, out);
    }

    /// Whether the names do not fit into a file.
    pub const fn is_too_long(&self) -> bool {
        self.is_too_long
    }
}

fn write_kept(kept: &Kept, out: &mut Vec<u8>) {
    if !kept.is_empty() {
        // Its lists are bounded, so that it fits.
        let _ = blocks::names(out, &[], &kept.write());
    }
}

/// False where it does not fit into a block.
fn write_directory(directory: &Directory, out: &mut Vec<u8>) -> bool {
    let records = records(directory);
    let text = write_snapshot(directory, directory.as_of());
    if blocks::names(out, &records, &text) {
        return true;
    }
    // Those for Wireshark are worth having by themselves.
    let _ = blocks::names(out, &records, "");
    false
}

/// The names for Wireshark, which knows no networks and no times: the latest of an address.
fn records(directory: &Directory) -> Vec<(IpAddr, Vec<String>)> {
    let containers = directory.containers().flat_map(|container| {
        let addresses = container.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
        addresses.map(|address| (*address, vec![container.name.clone()]))
    });
    let is_bridge = |network: &&Arc<Network>| network.driver == "bridge";
    let gateways = directory.networks().filter(is_bridge).flat_map(|network| &network.gateways);
    let host = gateways.chain(directory.host_addresses()).map(|address| (*address, vec!["host".to_owned()]));
    let mut seen = HashSet::new();
    containers.chain(host).filter(|(address, _)| seen.insert(*address)).collect()
}
