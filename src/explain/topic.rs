//! What a topic is, and how the files of texts are written.

use std::hash::{Hash, Hasher};

use serde::Serialize;

/// Something that a log explains once: a sentence, and where to read on.
#[derive(Debug)]
pub struct Topic {
    /// Its name, of small letters, digits and hyphens: `arp-to-gateway`. No other topic has it.
    pub name: &'static str,
    /// What it is and why it is sent, for a person who meets it the first time. At most [`MAX_TEXT`] characters.
    pub text: &'static str,
    /// Where to read on, the most helpful first; empty only where it is about the log itself.
    pub see: &'static [Reference],
}

/// The most characters of a topic's text.
pub const MAX_TEXT: usize = 220;

impl PartialEq for Topic {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Topic {}

impl Hash for Topic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// A document that says more.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// What it is: an RFC with its section, a manual page, a page of documentation.
    pub title: &'static str,
    /// Where it is.
    pub url: &'static str,
}

/// Makes a constant of each topic, and `ALL` of them all, so that none can be left out of the list.
macro_rules! topics {
    ($($constant:ident $name:literal: $text:literal $(, see $($title:literal $url:literal),+)?;)+) => {
        $(pub const $constant: &$crate::explain::Topic = &$crate::explain::Topic {
            name: $name,
            text: $text,
            see: &[$($($crate::explain::Reference { title: $title, url: $url }),+)?],
        };)+
        /// Every topic of this file.
        pub const ALL: &[&$crate::explain::Topic] = &[$($constant),+];
    };
}
