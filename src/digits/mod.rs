//! Text as it is put together, and numbers in it without the formatting machinery: a line of the log is mostly numbers.

mod pen;

use std::fmt;
use std::ops::Range;

pub use pen::{Page, Pen};

/// Where text is put together.
pub trait Append: fmt::Write {
    /// Appends text.
    fn append(&mut self, text: &str);

    /// Appends up to eight digits of ASCII, the first in the lowest byte.
    fn append_digits(&mut self, digits: u64, count: usize);

    /// Appends the first bytes of some, which are ASCII.
    fn append_ascii(&mut self, bytes: &[u8; 16], count: usize);

    /// Appends a whole number in decimal.
    #[inline]
    fn append_number(&mut self, number: u64) {
        if number >= EIGHT_DIGITS {
            return push_large(self, number);
        }
        let (digits, count) = without_zeros(eight_digits(number as u32));
        self.append_digits(digits, count);
    }
}

/// Text that knows how long it is, and has room behind it.
pub trait Line: Append {
    /// Its length in bytes.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the first bytes of some, which are UTF-8: all are written, since to write as many as there are takes longer.
    fn append_first<const N: usize>(&mut self, bytes: &[u8; N], count: usize);

    /// Appends blanks.
    fn append_blanks(&mut self, count: usize);
}

impl Append for String {
    fn append(&mut self, text: &str) {
        self.push_str(text);
    }

    fn append_digits(&mut self, digits: u64, count: usize) {
        let digits = digits.to_le_bytes();
        // Digits are ASCII.
        self.push_str(digits.get(..count).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default());
    }

    fn append_ascii(&mut self, bytes: &[u8; 16], count: usize) {
        self.push_str(bytes.get(..count).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default());
    }
}

/// Text that is only written out: in bytes, so that nobody has to find out again that digits are text. There is room
/// behind it, so that what is short is written in one piece that is as long as it may be.
#[derive(Debug, Default)]
pub struct Text {
    /// The text, and the room behind it.
    bytes: Vec<u8>,
    len: usize,
}

/// There is at least as much room behind a text that has grown.
const ROOM: usize = 256;

impl Text {
    /// Its bytes, which are UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// A part of its bytes.
    #[inline]
    pub fn part(&self, range: Range<usize>) -> &[u8] {
        self.as_bytes().get(range).unwrap_or_default()
    }

    /// Begins anew, with the room that there is.
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// Leaves so many of its bytes, which are text.
    #[inline]
    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Appends the first bytes of some where there is no room yet.
    #[cold]
    #[inline(never)]
    fn append_slowly(&mut self, bytes: &[u8], count: usize) {
        let count = count.min(bytes.len());
        self.bytes.truncate(self.len);
        self.bytes.extend_from_slice(bytes.get(..count).unwrap_or_default());
        self.len = self.bytes.len();
        self.bytes.resize(self.len * 2 + ROOM, 0);
    }

    /// Appends UTF-8, which other text has been.
    #[inline]
    pub fn append_bytes(&mut self, bytes: &[u8]) {
        match self.bytes.get_mut(self.len..).and_then(|room| room.get_mut(..bytes.len())) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.append_slowly(bytes, bytes.len()),
        }
    }

    /// Takes away the blanks that it ends with.
    #[inline]
    pub fn trim_end(&mut self) {
        if self.as_bytes().last().is_some_and(|last| !last.is_ascii_graphic()) {
            let len = String::from_utf8_lossy(self.as_bytes()).trim_end().len();
            self.truncate(len);
        }
    }

    /// What stands from there on, taken away.
    pub fn split_off(&mut self, from: usize) -> String {
        let text = String::from_utf8_lossy(self.as_bytes().get(from..).unwrap_or_default()).into_owned();
        self.truncate(from);
        text
    }
}

impl Line for Text {
    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[expect(clippy::inline_always, reason = "what is written has a length that is known in line")]
    #[inline(always)]
    fn append_first<const N: usize>(&mut self, bytes: &[u8; N], count: usize) {
        match self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut) {
            Some(room) => {
                *room = *bytes;
                self.len += count.min(N);
            }
            None => self.append_slowly(bytes, count),
        }
    }

    #[inline]
    fn append_blanks(&mut self, mut count: usize) {
        const MANY: usize = 64;
        while count > MANY {
            self.append_first(&[b' '; MANY], MANY);
            count -= MANY;
        }
        self.append_first(&[b' '; MANY], count);
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text);
        Ok(())
    }
}

impl Append for Text {
    #[inline]
    fn append(&mut self, text: &str) {
        self.append_bytes(text.as_bytes());
    }

    #[inline]
    fn append_digits(&mut self, digits: u64, count: usize) {
        self.append_first(&digits.to_le_bytes(), count);
    }

    #[inline]
    fn append_ascii(&mut self, bytes: &[u8; 16], count: usize) {
        self.append_first(bytes, count);
    }
}

/// What eight digits in one number are counted in.
const EIGHT_DIGITS: u64 = 100_000_000;

/// The decimal digits of a number below 10^8, zeros in front, in the bytes of another, the first in the lowest: all at the
/// same time, first by four digits, then by two, then by one.
#[inline]
const fn eight_digits(number: u32) -> u64 {
    let number = number as u64;
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | (fours - 100 * hundreds) << 16;
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    (tens | (twos - 10 * tens) << 8) | 0x3030_3030_3030_3030
}

/// Digits as [`eight_digits`] has them without the zeros in front, and how many are left.
#[inline]
const fn without_zeros(digits: u64) -> (u64, usize) {
    // One more is kept of a zero.
    let zeros = ((digits & 0x0f0f_0f0f_0f0f_0f0f) | 1 << 56).trailing_zeros() / 8;
    (digits >> (8 * zeros), 8 - zeros as usize)
}

/// Appends a whole number in decimal. One that is no `u64`, as none here is, is 0.
#[expect(
    clippy::inline_always,
    reason = "what writes to memory is written to in registers as long as nobody else has it"
)]
#[inline(always)]
pub fn push(out: &mut (impl Append + ?Sized), number: impl TryInto<u64>) {
    out.append_number(number.try_into().unwrap_or_default());
}

#[inline(never)]
fn push_large(out: &mut (impl Append + ?Sized), number: u64) {
    let (first, rest) = (number / EIGHT_DIGITS, number % EIGHT_DIGITS);
    if first < 100 {
        // Sequence numbers of TCP: two digits, of which the first may be none.
        let two = (u64::from(b'0') + first % 10) << 8 | (u64::from(b'0') + first / 10);
        let count = if first < 10 { 1 } else { 2 };
        out.append_digits(two >> (8 * (2 - count)), count);
    } else {
        push(out, first);
    }
    out.append_digits(eight_digits(rest as u32), 8);
}

/// Appends the last `digits` decimal digits of a number, with zeros in front; nine at most.
#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
pub fn push_last(out: &mut (impl Append + ?Sized), number: u32, digits: usize) {
    if digits > 8 {
        out.append_digits(u64::from(b'0') + u64::from(number) / EIGHT_DIGITS % 10, 1);
    }
    let digits = digits.min(8);
    if digits > 0 {
        out.append_digits(eight_digits(number % EIGHT_DIGITS as u32) >> (8 * (8 - digits)), digits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut dyn Append)) -> String {
        let (mut string, mut text, mut page) = (String::new(), Text::default(), Pen::PAGE);
        let mut pen = Pen::new(&mut page);
        write(&mut string);
        write(&mut text);
        write(&mut pen);
        assert_eq!(text.as_bytes(), string.as_bytes());
        assert_eq!(pen.as_bytes(), Some(string.as_bytes()));
        string
    }

    #[test]
    fn zeros_in_front_are_kept() {
        let last = |number, digits| written(|out| push_last(out, number, digits));
        assert_eq!([last(7, 3), last(123_456, 6), last(1_234_567, 6)], ["007", "123456", "234567"]);
        assert_eq!([last(0, 9), last(999_999_999, 9), last(5, 0)], ["000000000", "999999999", ""]);
        assert_eq!(last(u32::MAX, 12), "294967295");
    }

    #[test]
    fn numbers_of_any_size() {
        let powers = (0..20).map(|power| 10_u64.pow(power));
        for number in powers.flat_map(|power| [power - 1, power, power + 1, power.saturating_mul(7)]).chain([u64::MAX])
        {
            assert_eq!(written(|out| push(out, number)), number.to_string());
        }
        for number in (0..=u32::MAX).step_by(65_521) {
            assert_eq!(written(|out| push(out, number)), number.to_string());
        }
    }

    #[test]
    fn of_what_is_written_in_one_piece_so_much_is_text() {
        let (mut text, mut expected) = (Text::default(), Vec::new());
        for count in 0..200 {
            text.append_first(b"0123456789abcdef", count % 20);
            expected.extend_from_slice(&b"0123456789abcdef"[..16.min(count % 20)]);
            text.append_blanks(count);
            expected.resize(expected.len() + count, b' ');
            text.append("words");
            expected.extend_from_slice(b"words");
            assert_eq!((text.as_bytes(), text.len()), (&expected[..], expected.len()));
        }
        text.clear();
        assert_eq!(text.part(0..1), b"");
    }

    #[test]
    fn what_is_split_off_is_taken_away() {
        let mut text = Text::default();
        text.append("web → ");
        let from = text.len();
        push(&mut text, 80_u16);
        assert_eq!((text.split_off(from).as_str(), text.as_bytes()), ("80", "web → ".as_bytes()));
        text.clear();
        assert!(text.is_empty());
    }
}
