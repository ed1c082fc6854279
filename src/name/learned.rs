//! Names that lookups gave to outside addresses.

use std::collections::VecDeque;
use std::fmt::{Display, Write};
use std::net::IpAddr;

use ahash::AHashMap;

/// As many addresses keep the name of the lookup that gave them; the one that was learned first goes.
const MAX_LEARNED: usize = 4096;

/// Addresses and the names that were asked for when they were answered.
#[derive(Debug, Default)]
pub(super) struct Learned {
    names: AHashMap<IpAddr, String>,
    order: VecDeque<IpAddr>,
}

impl Learned {
    /// The address was the answer to that name; the latest name holds.
    pub fn insert(&mut self, address: IpAddr, name: impl Display) {
        if let Some(known) = self.names.get_mut(&address) {
            known.clear();
            // Writing to a String cannot fail.
            let _ = write!(known, "{name}");
            return;
        }
        if self.order.len() >= MAX_LEARNED
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        self.order.push_back(address);
        self.names.insert(address, name.to_string());
    }

    pub fn get(&self, address: &IpAddr) -> Option<&str> {
        self.names.get(address).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_at_the_cap() {
        let mut learned = Learned::default();
        for n in 0..=MAX_LEARNED as u32 {
            learned.insert(IpAddr::V4(n.into()), n);
        }
        assert_eq!(learned.get(&IpAddr::V4(0.into())), None);
        assert_eq!(learned.get(&IpAddr::V4(1.into())), Some("1"));
        assert_eq!(learned.names.len(), MAX_LEARNED);
    }
}
