//! What a line is about, for a person who meets it the first time: a sentence, and where to read on.
//!
//! A topic stands under a line only where its sentence is true of that very line. What the line itself does not show,
//! the [`Namer`] knows: which ends are containers, on which networks, and what the host has to do with it. Each topic
//! is told once for each log. Pure: it reads no clock and asks nobody.

mod connections;
mod ends;
mod exchanges;
mod lookups;
mod notices;
mod packets;
mod scene;
#[macro_use]
mod topic;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::HashSet;

use ahash::RandomState;

pub use topic::{MAX_TEXT, Reference, Topic};

use crate::join::Told;
use crate::name::Namer;
use crate::track::event::Event;
use scene::Scene;

/// As many topics stand under one line; what else is true of it waits for the next line of its kind.
pub const TOPICS_OF_A_LINE: usize = 2;

/// Remembers what was explained.
#[derive(Debug, Default)]
pub struct Explainer {
    /// No more than there are topics.
    told: HashSet<&'static str, RandomState>,
}

impl Explainer {
    /// The topics to stand under a line: at most [`TOPICS_OF_A_LINE`], none of which was there before.
    pub fn explain(&mut self, told: &Told<'_>, namer: &Namer) -> Vec<&'static Topic> {
        let mut topics = topics(told, namer);
        topics.retain(|topic| !self.told.contains(topic.name));
        topics.truncate(TOPICS_OF_A_LINE);
        self.told.extend(topics.iter().map(|topic| topic.name));
        topics
    }
}

/// Every topic, in the order of the documentation.
pub fn all() -> impl Iterator<Item = &'static Topic> {
    texts::ALL.iter().flat_map(|texts| texts.iter().copied())
}

/// Every topic that is true of a line, what it is first, then what is particular about it.
pub fn topics(told: &Told<'_>, namer: &Namer) -> Vec<&'static Topic> {
    let mut topics = Vec::new();
    if matches!(told.event, Event::Measured(_)) {
        // No line of the log.
        return topics;
    }
    let Some(scene) = Scene::new(told, namer) else {
        // Only a packet has no ends.
        packets::without_ends(&mut topics);
        return topics;
    };
    match &told.event {
        Event::Exchange(exchange) => exchanges::exchange(exchange, &scene, &mut topics),
        Event::Connection(connection) => connections::connection(connection, &scene, &mut topics),
        Event::Datagrams(datagrams) => connections::datagrams(datagrams, &scene, &mut topics),
        Event::Notice(notice) => notices::notice(notice, &scene, &mut topics),
        Event::Packet(packet) => packets::packet(packet, &scene, &mut topics),
        Event::Measured(_) => {}
    }
    ends::ends(&scene, &mut topics);
    let mut found = HashSet::<_, RandomState>::default();
    topics.retain(|topic| found.insert(topic.name));
    topics
}
