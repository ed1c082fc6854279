//! The capture filter on the taps that are open, as the names in it change hands.

use std::process::ExitCode;

use super::super::plan::{Content, Place};
use super::{LIVE, Watching};
use crate::capture::{Error, LiveFilter, Tap, TapId};
use crate::docker::{Container, Directory};
use crate::filter::{admits_lookup, lookups};
use crate::track::Event;

/// What a tap lets through from now on.
pub(super) struct OfTap(Option<String>);

impl OfTap {
    /// Whether that is also true of an event from before anybody knew whose tap it was.
    pub fn admits(&self, event: &Event<'_>) -> bool {
        self.0.as_ref().is_none_or(|filter| admits_lookup(filter, event))
    }
}

impl Watching {
    /// Looks up who is named in the filters. A capture filter needs to know; what the filters on events name may come.
    pub(super) fn resolve_filters(
        &mut self,
        directory: &Directory,
        why_no_names: Option<&str>,
    ) -> Result<(), ExitCode> {
        if let Some(filter) = &mut self.filter
            && let Err(error) = filter.resolve(directory, why_no_names).and_then(|()| filter.check())
        {
            self.messages.say_filter(&error);
            return Err(ExitCode::FAILURE);
        }
        for unknown in self.output.events.iter().flat_map(|filter| filter.unknown(Some(directory), None)) {
            self.messages.say(&unknown);
        }
        Ok(())
    }

    /// Looks them up again, and tells the taps.
    pub(super) fn follow_filter(&mut self, directory: &Directory) {
        if let Some(filter) = &mut self.filter {
            filter.follow(directory);
            // All of them: inside a container it also matters which addresses the container itself has.
            for &tap in self.taps.keys() {
                self.filter_tap(tap);
            }
        }
    }

    /// Whether the filter lets through what a tap tells that has just got it: its ring may hold what came before.
    pub(super) fn admits_settling(&mut self, event: &Event<'_>) -> bool {
        let Some(tap) = self.taps.get_mut(&event.place().tap) else { return true };
        match &tap.settling {
            Some((until, filter)) if event.known_at() <= *until => filter.admits(event),
            _ => {
                tap.settling = None;
                true
            }
        }
    }

    /// Brings the filter of an open tap up to date.
    pub(super) fn filter_tap(&self, id: TapId) -> OfTap {
        let open = self.taps.get(&id).zip(self.output.namer.tap(id));
        let Some((filter, text)) =
            open.and_then(|(open, tap)| open.filter.as_ref().zip(self.filter_text(&open.place, tap)))
        else {
            return OfTap(None);
        };
        filter.set(text.clone());
        OfTap(Some(text))
    }

    /// The filter for a tap that is to be opened.
    pub(super) fn live_filter(&self, place: &Place, tap: &Tap) -> Result<Option<LiveFilter>, Error> {
        self.filter_text(place, tap).map(LiveFilter::new).transpose()
    }

    pub(super) fn filter_text(&self, place: &Place, tap: &Tap) -> Option<String> {
        if place.content == Content::Published {
            return self.ports.clone();
        }
        let filter = self.filter.as_ref()?;
        Some(match place.content {
            Content::All | Content::Published => filter.text(self.owner(tap)),
            Content::Lookups => lookups(Some(filter), self.owner(tap)),
        })
    }

    /// The container whose namespace a tap is in.
    fn owner(&self, tap: &Tap) -> Option<&Container> {
        let directory = self.output.namer.directory(LIVE)?;
        directory.container_by_name(tap.namespace.as_deref()?).map(AsRef::as_ref)
    }
}
