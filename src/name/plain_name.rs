//! Names that can be written as they are.

use crate::hostile::is_plain;

/// The length of a short name, in bytes: nearly all are.
pub const SHORT: usize = 29;

/// A name of ASCII that prints: nobody has to look at its letters again. A short one is in one piece with what it is a part
/// of, so that nothing else has to be fetched from memory to write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainName(Text);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Text {
    /// With whatever behind it, and how long it is: [`COLON`] beside that where it has one.
    Short([u8; SHORT], u8),
    Long(Box<str>),
}

const COLON: u8 = 0x80;

impl PlainName {
    /// That name, if it is one.
    pub(super) fn new(name: &str) -> Option<Self> {
        let mut short = [0; SHORT];
        short.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
        let text = match u8::try_from(name.len()) {
            Ok(len) if usize::from(len) <= SHORT => Text::Short(short, if name.contains(':') { COLON | len } else { len }),
            _ => Text::Long(name.into()),
        };
        is_plain(name).then_some(Self(text))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // ASCII is text.
            Text::Short(short, len) => {
                let name = short.get(..usize::from(len & !COLON)).unwrap_or_default();
                str::from_utf8(name).unwrap_or_default()
            }
            Text::Long(name) => name,
        }
    }

    /// A short name that has no colon, as the first of these bytes, and how many those are.
    #[inline]
    pub const fn short(&self) -> Option<(&[u8; SHORT], usize)> {
        match &self.0 {
            Text::Short(short, len) if *len < COLON => Some((short, *len as usize)),
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
        let address = PlainName::new("fd00::2").unwrap();
        assert_eq!((address.as_str(), address.has_colon(), address.short()), ("fd00::2", true, None));
        assert_eq!(PlainName::new("bell\u{7}"), None);
        assert_eq!(size_of::<Option<PlainName>>(), 32);
    }
}
