//! What is said to the user of what is watched: one line at the beginning, and one for each thing that comes or goes.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::missing::ambiguous;
use super::super::plan::{Content, Entry, For, Place, Turn, Wish, bridges};
use super::super::rooms::{OVERLAY_BRIDGE, Room, Sandbox};
use super::super::targets::Subject;
use super::{COMING_BACK, Watching, monotonic};
use crate::capture::Error;
use crate::docker::{Directory, Network};

/// As many things are named one by one; of more, the first ones and how many there are.
const NAMED: usize = 4;

impl Watching {
    /// `watching my_bridge (br-0a1b2c3d4e5f), and the lookups of 2 containers; Ctrl-C ends`.
    pub(super) fn what_is_watched(&self, directory: &Directory) -> String {
        // Who probes wants to know what is sent; where that is watched is no choice of theirs.
        if let Some(probing) = &self.probing {
            return format!("{}; Ctrl-C ends", probing.described());
        }
        let (mut watched, mut awaited) = (Vec::new(), Vec::new());
        for (index, entry) in self.plan.entries.iter().enumerate() {
            match &entry.subject {
                Some(subject) => watched.push(self.described(subject, For::Target(index), directory)),
                None => awaited.push(entry.target.name.clone()),
            }
        }
        if self.plan.every_bridge {
            watched.extend(bridges(directory).map(|network| of_bridge(network)));
            if watched.is_empty() {
                awaited.push("a Docker bridge".to_owned());
            }
        }
        let others = if self.plan.every_bridge { unbridged(directory) } else { Vec::new() };
        let mut parts = Vec::new();
        if !watched.is_empty() {
            let verb = if self.keeping.is_silent { "recording" } else { "watching" };
            parts.push(format!("{verb} {}{}", listed(&watched), self.lookups()));
        }
        if !awaited.is_empty() {
            parts.push(format!("waiting for {}", listed(&awaited)));
        }
        if !others.is_empty() {
            parts.push(format!("not {}, unless named", listed(&others)));
        }
        if let Some(recording) = &self.keeping.recording {
            parts.push(format!("writing {}", recording.name));
        }
        parts.push("Ctrl-C ends".to_owned());
        parts.join("; ")
    }

    fn described(&self, subject: &Subject, why: For, directory: &Directory) -> String {
        let name = subject.name();
        let mine = || self.wishes.iter().filter(move |wish| wish.why == why && self.is_open(&wish.place));
        let interfaces: Vec<_> = mine().map(|wish| wish.place.interface.as_str()).collect();
        let rooms: HashSet<_> = mine().filter(|wish| wish.path.is_some()).map(|wish| &wish.place.room).collect();
        let containers = counted(rooms.len(), "container");
        match subject {
            Subject::Network(network) if network.interface.is_some() => of_bridge(network),
            Subject::Network(network) => match network.driver.as_str() {
                "host" => format!("{name} (through any: all that this machine sends and receives)"),
                "overlay" if interfaces.contains(&OVERLAY_BRIDGE) => format!("{name} (overlay, {OVERLAY_BRIDGE})"),
                driver if rooms.is_empty() => format!("{name} ({driver}, as soon as a container on it runs here)"),
                driver => format!("{name} ({driver}, inside {containers})"),
            },
            Subject::Container(container) => {
                let sandbox = self.sandboxes.of_container(&container.id);
                let owner = sandbox.map(Sandbox::name).filter(|owner| *owner != name);
                let shared = owner.map_or_else(String::new, |owner| format!(", shared with {owner}"));
                match interfaces.as_slice() {
                    _ if sandbox.is_some_and(|sandbox| sandbox.is_the_hosts(directory)) => {
                        format!(
                            "{name} (on the host's network, so through any: all that this machine sends and receives)"
                        )
                    }
                    ["lo"] => format!("{name} (lo only: it has no other interface{shared})"),
                    [] => format!("{name} (already among the others)"),
                    found => format!("{name} ({}{shared})", found.join(", ")),
                }
            }
            Subject::Service { .. } => format!("{name} ({containers})"),
            Subject::Interface(name) => name.clone(),
        }
    }

    fn is_open(&self, place: &Place) -> bool {
        self.taps.values().any(|tap| tap.place == *place)
    }

    /// The lookups that are watched because of networks.
    fn lookups(&self) -> String {
        let is_of_network = |why: For| match why {
            For::Everything => true,
            For::Target(index) => {
                let entry = self.plan.entries.get(index);
                entry.is_some_and(|entry| matches!(entry.subject, Some(Subject::Network(_))))
            }
        };
        let is_it = |wish: &&Wish| wish.place.content == Content::Lookups && is_of_network(wish.why);
        match self.wishes.iter().filter(is_it).filter(|wish| self.is_open(&wish.place)).count() {
            0 => String::new(),
            many => format!(", and the lookups of {}", counted(many, "container")),
        }
    }

    /// Of targets that are gone.
    pub(super) fn tell_losses(&mut self, turns: &[(usize, Turn)]) {
        let is_all_gone = self.plan.is_all_gone();
        for (index, turn) in turns {
            let Some(entry) = self.plan.entries.get(*index) else { continue };
            let said = match turn {
                Turn::Doubtful(forms) => ambiguous(&entry.target.name, forms),
                Turn::Went => {
                    let then = match () {
                        () if self.plan.waits || !is_all_gone => "waiting for it".to_owned(),
                        () if self.probing.is_some() => "the probes end".to_owned(),
                        () if self.plan.is_of_containers() => format!("waiting {} s for it", COMING_BACK.as_secs()),
                        () => "nothing is left to watch".to_owned(),
                    };
                    format!("{}; {then}", loss(entry))
                }
                Turn::Came { .. } | Turn::Renewed => continue,
            };
            self.messages.say(&said);
        }
    }

    /// Of targets that are there, but for those that could not be opened, of which that was said.
    pub(super) fn tell_gains(&mut self, turns: &[(usize, Turn)], failed: &HashSet<For>) {
        for (index, turn) in turns.iter().filter(|(index, _)| !failed.contains(&For::Target(*index))) {
            let Some(subject) = self.plan.entries.get(*index).and_then(|entry| entry.subject.as_ref()) else {
                continue;
            };
            let name = subject.name();
            let said = match turn {
                Turn::Came { again: false } => format!("{name} is there: watching it"),
                Turn::Came { again: true } => format!("{name} is there again: watching it"),
                Turn::Renewed if matches!(subject, Subject::Container(_)) => {
                    format!("{name} restarted: watching it again")
                }
                Turn::Renewed => format!("{name} was made anew: watching it again"),
                Turn::Went | Turn::Doubtful(_) => continue,
            };
            self.messages.say(&said);
        }
    }

    /// The bridges that are there now, without a word.
    pub(super) fn know_bridges(&mut self, directory: &Directory) {
        if self.plan.every_bridge {
            self.bridges = bridges(directory).map(|network| (network.name.clone(), network.id.clone())).collect();
        }
    }

    /// Of bridges that came or went, where every one is watched.
    pub(super) fn tell_bridges(&mut self, directory: &Directory, failed: &HashSet<For>) {
        let before = std::mem::take(&mut self.bridges);
        self.know_bridges(directory);
        let mut said: Vec<_> = before
            .keys()
            .filter(|name| !self.bridges.contains_key(*name))
            .map(|name| format!("{name} was removed; going on with the others"))
            .collect();
        for (name, id) in self.bridges.iter().filter(|_| !failed.contains(&For::Everything)) {
            match before.get(name) {
                None => said.push(format!("{name} is there: watching it")),
                Some(old) if old != id => said.push(format!("{name} was made anew: watching it again")),
                Some(_) => {}
            }
        }
        said.sort();
        for said in &said {
            self.messages.say(said);
        }
    }

    /// A tap was opened later: for an interface in a container that is watched (`docker network connect`), or the bridge
    /// of an overlay network. `is_known` says whether its namespace was watched before.
    pub(super) fn tell_new_tap(&mut self, wish: &Wish, is_known: bool) {
        let For::Target(index) = wish.why else { return };
        let Wish { place, tap, .. } = wish;
        let subject = self.plan.entries.get(index).and_then(|entry| entry.subject.as_ref());
        match subject {
            Some(Subject::Container(_) | Subject::Service { .. }) if is_known && place.content == Content::All => {
                let name = tap.namespace.as_deref().unwrap_or_default();
                let network = tap.network.as_deref().map_or_else(String::new, |name| format!(" ({name})"));
                self.messages.say(&format!("{name} has a new interface, {}{network}: watching it", place.interface));
            }
            Some(Subject::Network(network)) if place.interface == OVERLAY_BRIDGE && place.room != Room::Host => {
                let said = format!("{} has a container here: watching its {OVERLAY_BRIDGE}", network.name);
                self.messages.say(&said);
            }
            _ => {}
        }
    }

    /// An interface inside a namespace is gone, and the namespace may be there still.
    pub(super) fn tell_left(&mut self, room: &Room, place: &Place) {
        let sandbox = self.sandboxes.iter().find(|sandbox| sandbox.room == *room);
        let mut said = Vec::new();
        match sandbox {
            Some(sandbox) if place.content == Content::All && self.is_of_target(sandbox) => {
                said.push(format!("{} has no interface {} any more", sandbox.name(), place.interface));
            }
            None if place.interface == OVERLAY_BRIDGE => {
                let empty = self.plan.overlays_without_bridge(&self.wishes).map(|network| &network.name);
                said.extend(empty.map(|name| format!("no container on {name} runs here any more; waiting for one")));
            }
            _ => {}
        }
        for said in &said {
            self.messages.say(said);
        }
    }

    /// Whether a container in it was named, or its service.
    fn is_of_target(&self, sandbox: &Sandbox) -> bool {
        let mut subjects = self.plan.entries.iter().filter_map(|entry| entry.subject.as_ref());
        subjects.any(|subject| {
            sandbox.containers.iter().any(|container| match subject {
                Subject::Container(target) => target.id == container.id,
                _ => subject.is_service_of(container),
            })
        })
    }

    /// A tap failed.
    pub(super) fn tell_trouble(&mut self, error: &Error) {
        let rest = if self.taps.is_empty() { "nothing is left to watch" } else { "going on with the others" };
        self.messages.say(&format!("{error}; {rest}"));
    }

    /// Whether all is gone that could be watched, and for long enough. Says so.
    pub(super) fn is_nothing_left(&mut self) -> bool {
        let is_main = |place: &Place| place.content != Content::Published;
        let is_watching = self.taps.values().any(|tap| is_main(&tap.place));
        if is_watching || self.plan.waits || !self.suspects.is_empty() && !self.plan.is_all_gone() {
            self.gone_since = None;
            return false;
        }
        // Nothing that is there can be opened, and that was said.
        let mut main = self.wishes.iter().filter(|wish| is_main(&wish.place)).peekable();
        let is_hopeless = main.peek().is_some() && main.all(|wish| self.given_up.contains(&wish.place));
        if is_hopeless {
            self.whole = false;
            return true;
        }
        if !self.plan.is_all_gone() {
            self.gone_since = None;
            return false;
        }
        let now = monotonic();
        let since = *self.gone_since.get_or_insert(now);
        let may_come_back = self.plan.is_of_containers();
        let is_over = !may_come_back || now.duration_since(since) >= COMING_BACK;
        if is_over && may_come_back {
            self.messages.say("nothing that was named has come back; nothing is left to watch");
        }
        self.whole &= !is_over;
        is_over
    }
}

/// What became of a target that is gone.
fn loss(entry: &Entry) -> String {
    match &entry.last {
        Some(Subject::Network(network)) => format!("{} was removed", network.name),
        Some(Subject::Container(container)) => format!("{} stopped", container.name),
        Some(service @ Subject::Service { .. }) => format!("no container of {} runs any more", service.name()),
        Some(Subject::Interface(name)) => format!("{name}: the interface is gone"),
        None => format!("{} is gone", entry.target.name),
    }
}

/// `my_bridge (br-0a1b2c3d4e5f)`.
fn of_bridge(network: &Network) -> String {
    match &network.interface {
        Some(interface) if *interface != network.name => format!("{} ({interface})", network.name),
        _ => network.name.clone(),
    }
}

/// The networks that somebody made and that have no bridge on the host, so that they are watched by name only.
fn unbridged(directory: &Directory) -> Vec<String> {
    let is_it = |network: &&Arc<Network>| {
        let is_dockers_own = matches!(network.driver.as_str(), "host" | "null") || network.name == "ingress";
        network.driver != "bridge" && !is_dockers_own
    };
    let text = |network: &Arc<Network>| format!("{} ({})", network.name, network.driver);
    directory.networks().filter(is_it).map(text).collect()
}

/// The first of many, and how many there are.
fn listed(names: &[String]) -> String {
    match names.len().checked_sub(NAMED) {
        None | Some(0) => names.join(", "),
        // Four names would be one line; so is this.
        Some(_) => {
            let (first, rest) = names.split_at_checked(NAMED - 1).unwrap_or((names, &[]));
            format!("{} and {} more", first.join(", "), rest.len())
        }
    }
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_one_line() {
        let names: Vec<_> = (1..=12).map(|number| format!("net{number}")).collect();
        assert_eq!(listed(&names[..1]), "net1");
        assert_eq!(listed(&names[..4]), "net1, net2, net3, net4");
        assert_eq!(listed(&names), "net1, net2, net3 and 9 more");
        assert_eq!((counted(1, "container"), counted(2, "container")), ("1 container".into(), "2 containers".into()));
    }
}
