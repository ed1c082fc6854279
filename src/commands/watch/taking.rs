//! What taps and the daemon tell.

use std::sync::Arc;

use super::super::losses::Loss;
use super::super::owners::Owners;
use super::super::tap::Message;
use super::{LIVE, Watching, monotonic};
use crate::capture::wall_clock;
use crate::docker::Change;
use crate::render::losses::By;

/// Batches of events that are told between two looks at everything else.
const BATCHES: usize = 16;

impl Watching {
    /// Takes a message of a tap, and a few more where they are there already.
    pub(super) fn take_all(&mut self, message: Message) {
        self.take(message);
        for message in self.receiver.clone().try_iter().take(BATCHES) {
            self.take(message);
        }
    }

    pub(super) fn take(&mut self, message: Message) {
        match message {
            Message::Events(batch) => {
                self.shared.queue.taken(&batch);
                let now = wall_clock();
                for event in batch.events {
                    if let Some(event) = self.starting.hold(event)
                        && self.admits_settling(&event)
                    {
                        self.tell_or_join(event, now);
                    }
                }
            }
            Message::Lost(loss) => self.lost(&loss),
            Message::Ended(ended) => self.ended(*ended),
        }
    }

    /// Something was lost: it is said at once.
    pub(super) fn lost(&mut self, loss: &Loss) {
        if self.starting.lost(loss) {
            return;
        }
        let lost = loss.at(self.output.namer.tap(loss.tap));
        if lost.by == By::Queue {
            self.events_lost += lost.count;
        }
        self.losses.add(&lost);
        self.output.lost(&lost);
    }

    /// Takes what the daemon says.
    pub(super) fn docker(&mut self, change: Change) {
        match change {
            Change::Directory(directory) => {
                self.output.namer.set_directory(LIVE, Arc::clone(&directory));
                self.owners = Owners::of(&directory, self.owners.take(), monotonic());
                self.keep_names(&directory);
                self.follow_filter(&directory);
                self.follow(&directory);
                self.look_at_interfaces();
                self.tell_due();
                self.introduce();
            }
            Change::Unreachable(_) if self.daemon_is_out => {}
            Change::Unreachable(error) => {
                self.daemon_is_out = true;
                self.messages.say(&format!("{error}. Going on with the names known so far."));
            }
            Change::Reconnected => {
                self.daemon_is_out = false;
                self.messages.say("the Docker daemon answers again; names are up to date");
            }
        }
    }
}
