//! The options of pcapng blocks and the values bridgetap looks for in them.
//!
//! An option that overruns its block ends the list: what came before it counts, and the packets can still be read.

use serde::Deserialize;

use super::bytes::Endian;

/// `opt_comment`.
pub(super) const COMMENT: u16 = 1;
/// `if_name`.
pub(super) const IF_NAME: u16 = 2;
/// `if_description`.
pub(super) const IF_DESCRIPTION: u16 = 3;
/// `if_tsresol`.
pub(super) const IF_TSRESOL: u16 = 9;
/// `if_filter`.
pub(super) const IF_FILTER: u16 = 11;
/// `if_tsoffset`.
pub(super) const IF_TSOFFSET: u16 = 14;
/// `isb_ifdrop`.
pub(super) const ISB_IFDROP: u16 = 5;
/// `isb_osdrop`.
pub(super) const ISB_OSDROP: u16 = 7;

/// The longest name kept of a file, in bytes: Linux interfaces have 15, Windows has 46, Docker allows 255.
const MAX_NAME: usize = 256;
/// The longest filter kept of a file, in bytes.
const MAX_FILTER: usize = 4096;

/// The items of a list in which each has a 16-bit code, a 16-bit length and a value padded to four bytes: options, and
/// the records of a name resolution block. Ends at code 0, at the end, or where an item overruns it.
pub(super) struct Items<'a> {
    rest: &'a [u8],
    endian: Endian,
}

impl<'a> Items<'a> {
    pub(super) fn new(rest: &'a [u8], endian: Endian) -> Self {
        Self { rest, endian }
    }

    /// What follows the items that were read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (header, after) = self.rest.split_first_chunk::<4>()?;
        let (code, length) = (self.endian.u16(header, 0), usize::from(self.endian.u16(header, 2)));
        if code == 0 {
            self.rest = after;
            return None;
        }
        let value = after.get(..length)?;
        self.rest = after.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}

/// `isb_endtime`.
pub(super) const ISB_ENDTIME: u16 = 3;

/// The version of the comment of an interface that is read.
const TAP_VERSION: u32 = 1;

/// What bridgetap writes into a comment of an interface, in one line of JSON.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct TapComment {
    #[serde(default)]
    pub network: Option<String>,
    #[serde(default)]
    pub namespace: Option<String>,
    /// It is not itself watched.
    #[serde(default)]
    pub aside: bool,
    /// It is aside, and what is watched passed a filter.
    #[serde(default)]
    pub filtered: bool,
}

/// A comment of an interface.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comment {
    /// By bridgetap.
    Tap(TapComment),
    /// By a bridgetap that writes it in this other version.
    Version(u32),
    /// By anyone else.
    Other,
}

impl Comment {
    /// Reads it.
    pub(super) fn parse(comment: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Version {
            bridgetap_tap: u32,
        }
        if !comment.starts_with(b"{") {
            return Self::Other;
        }
        let comment = comment.trim_ascii_end();
        match serde_json::from_slice(comment) {
            Ok(Version { bridgetap_tap: TAP_VERSION }) => {}
            Ok(Version { bridgetap_tap }) => return Self::Version(bridgetap_tap),
            Err(_) => return Self::Other,
        }
        let bounded = |name: Option<String>| name.map(|name| text(name.as_bytes()));
        match serde_json::from_slice(comment) {
            Ok(TapComment { network, namespace, aside, filtered }) => {
                Self::Tap(TapComment { network: bounded(network), namespace: bounded(namespace), aside, filtered })
            }
            Err(_) => Self::Other,
        }
    }
}

/// The capture filter that an option holds in libpcap's words; it may hold a program instead.
pub(super) fn filter(value: &[u8]) -> Option<String> {
    let (&0, words) = value.split_first()? else { return None };
    let words = words.get(..MAX_FILTER).unwrap_or(words);
    Some(String::from_utf8_lossy(words).trim_end_matches('\0').to_owned()).filter(|words| !words.is_empty())
}

/// A name of a file, up to its NUL if it has one (some writers include it) and no longer than [`MAX_NAME`].
pub(super) fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    // What is no text becomes longer.
    let mut text = String::from_utf8_lossy(bytes.get(..MAX_NAME).unwrap_or(bytes)).into_owned();
    text.truncate(text.floor_char_boundary(MAX_NAME));
    text.shrink_to_fit();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_end_where_they_must() {
        let list = [1, 0, 3, 0, b'a', b'b', b'c', 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 7];
        let mut items = Items::new(&list, Endian::Little);
        assert_eq!(items.by_ref().collect::<Vec<_>>(), [(1, &b"abc"[..]), (9, &[9][..])]);
        assert_eq!(items.rest(), [7]);
        for length in 0..list.len() {
            assert!(Items::new(&list[..length], Endian::Little).count() <= 2);
        }
    }

    #[test]
    fn only_our_comments_count() {
        let ours = br#"{"bridgetap_tap":1,"network":"my_bridge","namespace":null}"#;
        let tap = TapComment { network: Some("my_bridge".into()), ..TapComment::default() };
        assert_eq!(Comment::parse(ours), Comment::Tap(tap));
        let aside = br#"{"bridgetap_tap":1,"aside":true,"filtered":true,"later":{}}"#;
        let tap = TapComment { aside: true, filtered: true, ..TapComment::default() };
        assert_eq!(Comment::parse(aside), Comment::Tap(tap));
        assert_eq!(Comment::parse(br#"{"bridgetap_tap":2,"network":7}"#), Comment::Version(2));
        for other in [&b"a remark"[..], b"{}", br#"{"bridgetap_tap":1,"network":7}"#, b"{\"network\":"] {
            assert_eq!(Comment::parse(other), Comment::Other);
        }
    }

    #[test]
    fn names_are_bounded() {
        assert_eq!(text(b"eth0\0\0"), "eth0");
        assert_eq!(text(&vec![b'a'; 70_000]).len(), MAX_NAME);
        assert_eq!(text(&vec![0xff; 70_000]), "\u{fffd}".repeat(MAX_NAME / 3));
    }
}
