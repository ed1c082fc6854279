//! Which taps are open: opened as networks and containers come, closed as they go.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::plan::{Place, tap};
use super::super::tap::{Wanted, spawn};
use super::{LOOPBACK_RING, OpenTap, Watching, monotonic};
use crate::capture::file::MAX_TAPS;
use crate::capture::{Error, LiveOptions, Stop, Tap, TapId};
use crate::docker::Directory;
use crate::filter::LOOKUPS;
use crate::join::HOLD;

impl Watching {
    pub(super) fn what_is_watched(&self) -> String {
        let mut bridges = Vec::new();
        let mut loopbacks = 0;
        for tap in self.taps.values() {
            match &tap.wanted {
                Place::Interface(interface, Some(network)) => bridges.push(format!("{network} ({interface})")),
                Place::Interface(interface, None) => bridges.push(interface.clone()),
                Place::Loopback(_) => loopbacks += 1,
            }
        }
        bridges.sort();
        let lookups = match loopbacks {
            0 => String::new(),
            1 => ", and the lookups of 1 container".to_owned(),
            many => format!(", and the lookups of {many} containers"),
        };
        format!("watching {}{lookups}; Ctrl-C ends", bridges.join(", "))
    }

    /// Opens what is wanted and not open, and closes what is no longer there.
    pub(super) fn open_missing(&mut self, directory: &Directory, at_start: bool) -> Result<(), ExitCode> {
        let wanted = self.plan.places(directory);
        let places: HashSet<_> = wanted.iter().map(|(place, _)| place.clone()).collect();
        let open: HashSet<_> = self.taps.values().map(|tap| tap.wanted.clone()).collect();
        self.given_up.retain(|place| places.contains(place));
        let named = |path: &str| directory.containers().any(|container| container.namespace.as_deref() == Some(path));
        for (id, tap) in &self.taps {
            if let Place::Loopback(path) = &tap.wanted
                && !places.contains(&tap.wanted)
                && (!self.starting.is_unclaimed(*id) || named(path))
            {
                tap.stop.request();
            }
        }
        for (place, tap) in wanted {
            if open.contains(&place) || self.given_up.contains(&place) {
                self.claim(&place, &tap);
                continue;
            }
            if let Err(error) = self.open(place.clone(), tap) {
                self.given_up.insert(place.clone());
                self.not_opened(&place, &error);
                if at_start && matches!(place, Place::Interface(..)) {
                    return Err(ExitCode::FAILURE);
                }
            }
        }
        self.reorder.set_hold(if self.taps.len() > 1 { HOLD } else { Duration::ZERO });
        Ok(())
    }

    fn not_opened(&mut self, place: &Place, error: &Error) {
        let is_first = self.given_up.iter().filter(|place| matches!(place, Place::Loopback(_))).count() == 1;
        match place {
            Place::Interface(..) => self.messages.say(&error.to_string()),
            // A container that was gone before it could be entered has nothing to look at.
            Place::Loopback(path) if matches!(PathBuf::from(path).try_exists(), Ok(false)) => {}
            Place::Loopback(_) if is_first => {
                self.messages.say(&format!("lookups of container names stay unseen: {error}"));
            }
            Place::Loopback(_) => {}
        }
    }

    /// A tap that is open belongs to this container: one that was starting, or that was renamed.
    fn claim(&mut self, place: &Place, tap: &Tap) {
        let Some(id) = self.taps.iter().find(|(_, open)| open.wanted == *place).map(|(id, _)| *id) else { return };
        if let Some(before) = self.output.namer.tap(id)
            && before.namespace != tap.namespace
        {
            self.output.namer.set_tap(id, Tap { link: before.link, ..tap.clone() });
        }
        let filter = self.filter_tap(id);
        if let Some((events, lost)) = self.starting.claim(id) {
            for event in events.into_iter().filter(|event| filter.admits(event)) {
                self.reorder.push(event.known_at(), event);
            }
            self.shared.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }

    /// Enters the namespaces of containers that are starting, as soon as they can be entered.
    pub(super) fn enter_starting(&mut self) {
        let now = monotonic();
        for path in self.starting.due(now) {
            let place = Place::Loopback(path.to_string_lossy().into_owned());
            if self.taps.values().any(|tap| tap.wanted == place) {
                self.starting.entered(&path, None, now);
            } else if let Ok(id) = self.open(place, tap("lo", None, None)) {
                self.starting.entered(&path, Some(id), now);
            }
        }
        for id in self.starting.overdue(now) {
            if let Some(tap) = self.taps.get(&id) {
                tap.stop.request();
            }
        }
    }

    fn open(&mut self, place: Place, tap: Tap) -> Result<TapId, Error> {
        let id = TapId(self.next_tap);
        let stop = Stop::new()?;
        let (namespace, options, idle) = match &place {
            Place::Interface(..) => (None, self.options.clone(), Duration::from_millis(250)),
            Place::Loopback(path) => {
                let filter = Some(LOOKUPS.to_owned());
                let options = LiveOptions { ring_bytes: LOOPBACK_RING, filter, ..self.options.clone() };
                (Some(PathBuf::from(path)), options, Duration::from_secs(1))
            }
        };
        let filter = self.live_filter(&place, &tap)?;
        let wanted = Wanted { id, tap, namespace, options, filter: filter.clone(), idle };
        let tap = spawn(wanted, stop.clone(), self.sender.clone(), Arc::clone(&self.shared))?;
        self.output.namer.set_tap(id, tap);
        self.taps.insert(id, OpenTap { stop, wanted: place, filter });
        // A long watch of many containers comes round to numbers that are free again.
        while self.taps.contains_key(&TapId(self.next_tap)) {
            self.next_tap = (self.next_tap + 1) % MAX_TAPS;
        }
        Ok(id)
    }
}
