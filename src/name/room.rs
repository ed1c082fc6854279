//! How many names are remembered, and how many were not.

use super::asked::AskedNames;
use super::learned::Learned;
use super::{Namer, address_names};

/// How much is remembered. At a cap the oldest goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Addresses that keep the name of the lookup that gave them. Four times as many pairs of a client and an address
    /// keep the names that the client asked for.
    pub learned: usize,
    /// Names of addresses that a capture file tells; what comes then is left out.
    pub addresses: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { learned: 4096, addresses: address_names::FILE_NAMES }
    }
}

impl Namer {
    /// The same, which has learned nothing yet, with another room.
    #[must_use]
    pub fn with_room(self, room: Room) -> Self {
        Self { learned: Learned::new(room.learned), asked: AskedNames::new(room.learned), room, ..self }
    }

    /// Names that lookups gave and files told, for which there was no room.
    pub fn forgotten(&self) -> u64 {
        let left_out: u64 = self.sources.values().map(|names| names.of_addresses().left_out()).sum();
        self.learned.forgotten() + self.asked.forgotten() + left_out
    }
}
