//! Names as they are kept, and those that can be written as they are.

use crate::hostile::is_plain;

/// The length of a short name, in bytes: nearly all are.
pub const SHORT: usize = 29;

/// A name. A short one is in one piece with what it is a part of, so that nothing else has to be fetched from memory to read
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// With whatever behind it, and how long it is: [`COLON`] beside that where it has one.
    Short([u8; SHORT], u8),
    Long(Box<str>),
}

const COLON: u8 = 0x80;

impl Name {
    pub fn new(name: &str) -> Self {
        let mut short = [0; SHORT];
        match u8::try_from(name.len()) {
            Ok(len) if usize::from(len) <= SHORT => {
                short.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
                Self::Short(short, if name.contains(':') { COLON | len } else { len })
            }
            _ => Self::Long(name.into()),
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(short, len) => short.get(..usize::from(len & !COLON)).unwrap_or_default(),
            Self::Long(name) => name.as_bytes(),
        }
    }

    pub fn as_str(&self) -> &str {
        // It was made of text.
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The same, if it is of ASCII that prints.
    pub fn plain(&self) -> Option<PlainName> {
        is_plain(self.as_str()).then(|| PlainName(self.clone()))
    }

    /// Whether it is that name.
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.as_bytes() == name.as_bytes()
    }
}

impl Default for Name {
    /// An empty one.
    fn default() -> Self {
        Self::Short([0; SHORT], 0)
    }
}

/// A name of ASCII that prints: nobody has to look at its letters again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainName(Name);

impl PlainName {
    /// That name, if it is one.
    pub(super) fn new(name: &str) -> Option<Self> {
        is_plain(name).then(|| Self(Name::new(name)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// A short name that has no colon, as the first of these bytes, and how many those are.
    #[inline]
    pub const fn short(&self) -> Option<(&[u8; SHORT], usize)> {
        match &self.0 {
            Name::Short(short, len) if *len < COLON => Some((short, *len as usize)),
            _ => None,
        }
    }

    /// Whether it is an IPv6 address, or looks like one.
    pub fn has_colon(&self) -> bool {
        self.as_str().contains(':')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_length_are_what_they_were() {
        for len in 0..70 {
            let name = "n".repeat(len);
            let plain = PlainName::new(&name).unwrap();
            assert_eq!((plain.as_str(), plain.has_colon()), (name.as_str(), false));
            assert_eq!(plain.short().map(|(short, len)| &short[..len]), (len <= SHORT).then_some(name.as_bytes()));
        }
        assert!(Name::new("größe").is("größe") && !Name::new("größe").is("größ"));
        let address = PlainName::new("fd00::2").unwrap();
        assert_eq!((address.as_str(), address.has_colon(), address.short()), ("fd00::2", true, None));
        assert_eq!(PlainName::new("bell\u{7}"), None);
        assert_eq!(size_of::<Option<PlainName>>(), 32);
    }
}
