//! Who has which lifeline, and where it stands.

use std::borrow::Cow;
use std::net::IpAddr;

use super::super::units::columns;
use super::wrap::wrapped;

/// Where the first lifeline stands, in columns from the left: behind the time.
pub(super) const FIRST: usize = 10;
/// Between two lifelines at least, so that a MAC address or a time stands between them.
const LEAST_SPAN: usize = 20;
/// Between two lifelines at most: a longer arrow is hard to follow.
const MOST_SPAN: usize = 48;
/// Columns behind the last lifeline, so that it has a name above it and not beside it.
const MARGIN: usize = 3;
/// Between two names.
const GAP: usize = 2;

/// The narrowest terminal that a ladder fits.
pub const LEAST_WIDTH: usize = FIRST + LEAST_SPAN + MARGIN + 7;

/// So many names of one container are shown; of more, the oldest goes.
const MOST_NAMES: usize = 4;

/// Somebody who takes part.
#[derive(Clone, Debug)]
pub(super) struct Who<'a> {
    /// The container's id, if it is one.
    pub container: Option<&'a str>,
    /// Escaped.
    pub name: Cow<'a, str>,
}

/// A lifeline.
#[derive(Debug)]
struct Lifeline {
    container: Option<String>,
    /// A container has several addresses, and may have a name on each network or for each client.
    names: Vec<String>,
    /// The number of the arrow that it had last.
    used: u64,
}

impl Lifeline {
    /// Whether it is that container's. A container that was made anew under its name goes on with its lifeline; but an
    /// address (`127.0.0.1`) may be that of several.
    fn is_of(&self, who: &Who<'_>) -> bool {
        match (self.container.as_deref(), who.container) {
            (Some(one), Some(other)) if one == other => true,
            (Some(_), Some(_)) if who.name.parse::<IpAddr>().is_ok() => false,
            (Some(_), None) if who.name.parse::<IpAddr>().is_ok() => false,
            _ => self.names.iter().any(|name| *name == who.name),
        }
    }

    /// Takes note of what it is called. True where that is new.
    fn call(&mut self, who: &Who<'_>) -> bool {
        if let Some(container) = who.container {
            self.container = Some(container.to_owned());
        }
        let says_more = |one: &str, other: &str| one.strip_prefix(other).is_some_and(|rest| rest.starts_with('.'));
        if self.names.iter().any(|name| *name == who.name || says_more(name, &who.name)) {
            return false;
        }
        self.names.retain(|name| !says_more(&who.name, name));
        self.names.push(who.name.clone().into_owned());
        let superfluous = self.names.len().saturating_sub(MOST_NAMES);
        self.names.drain(..superfluous);
        true
    }
}

/// Names in lines, and the columns from and for which there is room for it.
struct Label {
    from: usize,
    width: usize,
    lines: Vec<String>,
}

/// The lifelines from left to right.
#[derive(Debug)]
pub(super) struct Lifelines {
    width: usize,
    lines: Vec<Lifeline>,
    arrows: u64,
}

impl Lifelines {
    /// None yet, in a terminal of `width` columns, [`LEAST_WIDTH`] at least.
    pub const fn new(width: usize) -> Self {
        Self { width, lines: Vec::new(), arrows: 0 }
    }

    /// How many there may be.
    pub const fn most(&self) -> usize {
        1 + self.room() / LEAST_SPAN
    }

    /// From the first lifeline to where the last may stand.
    const fn room(&self) -> usize {
        self.width.saturating_sub(1 + MARGIN + FIRST)
    }

    /// The columns of the terminal.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.lines.len()
    }

    /// The columns from one to the next.
    pub fn span(&self) -> usize {
        (self.room() / (self.lines.len().max(2) - 1)).min(MOST_SPAN)
    }

    /// Where the lifeline of that number stands.
    pub fn position(&self, number: usize) -> usize {
        FIRST + number * self.span()
    }

    /// The number of somebody's lifeline.
    pub fn find(&self, who: &Who<'_>) -> Option<usize> {
        let by_id = |line: &Lifeline| who.container.is_some() && line.container.as_deref() == who.container;
        let found = self.lines.iter().position(by_id);
        found.or_else(|| self.lines.iter().position(|line| line.is_of(who)))
    }

    /// Gives a lifeline to everybody of `all`, who are [`Self::most`] at most, and takes it from who was silent longest where
    /// there is no room. True where one changed, or has a new name.
    pub fn seat(&mut self, all: &[Who<'_>]) -> bool {
        self.arrows += 1;
        let mut changed = false;
        for who in all {
            let number = self.find(who).unwrap_or_else(|| self.make(all));
            if let Some(line) = self.lines.get_mut(number) {
                line.used = self.arrows;
                changed |= line.call(who);
            }
        }
        changed
    }

    /// A lifeline without a name; nobody of `kept` loses his.
    fn make(&mut self, kept: &[Who<'_>]) -> usize {
        let line = Lifeline { container: None, names: Vec::new(), used: self.arrows };
        let is_kept = |line: &Lifeline| kept.iter().any(|who| line.is_of(who));
        let free = self.lines.iter().enumerate().filter(|(_, line)| !is_kept(line));
        let silent = free.min_by_key(|(_, line)| line.used).map(|(number, _)| number);
        match silent.filter(|_| self.lines.len() >= self.most()) {
            Some(number) => {
                if let Some(old) = self.lines.get_mut(number) {
                    *old = line;
                }
                number
            }
            None => {
                self.lines.push(line);
                self.lines.len() - 1
            }
        }
    }

    /// The names in rows, each piece with the column where it begins.
    pub fn names(&self) -> Vec<Vec<(usize, String)>> {
        let labels = self.on_one_row().unwrap_or_else(|| self.on_several_rows());
        let height = labels.iter().map(|label| label.lines.len()).max().unwrap_or_default();
        let mut rows = vec![Vec::new(); height];
        for (number, Label { from, width, lines }) in labels.into_iter().enumerate() {
            // The last line of each stands right above its lifeline.
            for (row, line) in rows.iter_mut().skip(height - lines.len()).zip(lines) {
                let free = width.saturating_sub(columns(&line));
                let centred = self.position(number).saturating_sub(columns(&line) / 2);
                row.push((centred.clamp(from, from + free), line));
            }
        }
        rows
    }

    /// Each name in one line; `None` where those of two lifelines do not fit beside each other.
    fn on_one_row(&self) -> Option<Vec<Label>> {
        let (mut free_from, mut labels) = (0, Vec::new());
        for (number, line) in self.lines.iter().enumerate() {
            let lines: Vec<_> = line.names.iter().map(|name| name.trim().to_owned()).collect();
            let width = lines.iter().map(|name| columns(name)).max().unwrap_or_default();
            let from = self.position(number).saturating_sub(width / 2).min(self.width.checked_sub(width)?);
            if from < free_from {
                return None;
            }
            labels.push(Label { from, width, lines });
            free_from = from + width + GAP;
        }
        Some(labels)
    }

    /// Each name in as many lines as it needs in its own place.
    fn on_several_rows(&self) -> Vec<Label> {
        let half = (self.span() - GAP) / 2;
        let label = |(number, line): (usize, &Lifeline)| {
            let position = self.position(number);
            let from = if number == 0 { 0 } else { position - half };
            let is_last = number + 1 == self.lines.len();
            let width = if is_last { self.width } else { position + half } - from;
            Label { from, width, lines: line.names.iter().flat_map(|name| wrapped(name, width)).collect() }
        };
        self.lines.iter().enumerate().map(label).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who<'a>(container: Option<&'a str>, name: &'a str) -> Who<'a> {
        Who { container, name: Cow::Borrowed(name) }
    }

    #[test]
    fn a_container_has_one_lifeline_whatever_it_is_called() {
        let mut lifelines = Lifelines::new(120);
        let seen = [(Some("a1"), "web"), (None, "host"), (Some("a1"), "web.front"), (Some("a1"), "web.back")];
        let changed = seen.map(|(container, name)| lifelines.seat(&[who(container, name)]));
        assert_eq!(changed, [true, true, true, true]);
        assert!(!lifelines.seat(&[who(Some("a1"), "web")]), "web.front says it already");
        assert_eq!(lifelines.count(), 2);
        let names = |row: &Vec<(usize, String)>| row.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
        assert_eq!(
            lifelines.names().iter().map(names).collect::<Vec<_>>(),
            [vec!["web.front"], vec!["web.back", "host"]]
        );
    }

    #[test]
    fn an_address_may_be_that_of_several_containers_and_a_name_is_not() {
        let mut lifelines = Lifelines::new(120);
        let (one, other) = (who(Some("a1"), "127.0.0.1"), who(Some("b2"), "127.0.0.1"));
        assert!(lifelines.seat(&[one.clone(), other.clone(), who(None, "127.0.0.1")]));
        assert_eq!((lifelines.find(&one), lifelines.find(&other), lifelines.count()), (Some(0), Some(1), 3));
        assert!(lifelines.seat(&[who(Some("c3"), "db")]));
        assert!(!lifelines.seat(&[who(Some("d4"), "db")]), "it was made anew under its name");
        assert_eq!(lifelines.find(&who(Some("d4"), "database")), Some(3));
        // Who was shown by its address, and turned out to be a container.
        assert!(lifelines.seat(&[who(None, "10.0.0.9"), who(Some("e5"), "10.0.0.9")]));
        assert_eq!(lifelines.count(), 5);
    }

    #[test]
    fn of_many_names_the_latest_are_shown() {
        let mut lifelines = Lifelines::new(80);
        for name in ["a", "b", "c", "d", "e", "f"] {
            lifelines.seat(&[who(Some("a1"), name)]);
        }
        let names: Vec<_> = lifelines.names().into_iter().flatten().map(|(_, name)| name).collect();
        assert_eq!(names, ["c", "d", "e", "f"]);
    }
}
