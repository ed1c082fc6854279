//! Packets whose link type is not decoded.

use crate::capture::LinkType;

/// As many link types are told apart; a capture has one or two, and a hostile one 65,536.
const MAX_LINKS: usize = 64;

/// How many packets there were of each link type.
#[derive(Clone, Debug, Default)]
pub(super) struct Undecoded {
    links: Vec<(LinkType, u64)>,
    others: u64,
}

impl Undecoded {
    /// Counts packets.
    pub fn add(&mut self, link: LinkType, packets: u64) {
        if let Some((_, count)) = self.links.iter_mut().find(|(known, _)| *known == link) {
            *count += packets;
        } else if self.links.len() < MAX_LINKS {
            self.links.push((link, packets));
        } else {
            self.others += packets;
        }
    }

    /// By the names of the link types.
    pub fn into_named(self) -> Vec<(String, u64)> {
        let others = (self.others > 0).then(|| ("other".to_owned(), self.others));
        self.links.into_iter().map(|(link, count)| (link.name(), count)).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_told_apart_and_the_others_counted() {
        let mut undecoded = Undecoded::default();
        for link in (0..1000).chain(0..10) {
            undecoded.add(LinkType(40_000 + link), 2);
        }
        let named = undecoded.into_named();
        assert_eq!((named.len(), named[0].1, named[20].1), (MAX_LINKS + 1, 4, 2));
        assert_eq!(named[MAX_LINKS], ("other".to_owned(), 2 * (1000 - MAX_LINKS as u64)));
    }
}
