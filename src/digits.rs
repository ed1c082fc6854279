//! Text as it is put together, and numbers in it without the formatting machinery: a line of the log is mostly numbers.

use std::fmt;
use std::ops::Range;

/// Where text is put together.
pub trait Append: fmt::Write {
    /// Appends text.
    fn append(&mut self, text: &str);

    /// Appends up to eight digits of ASCII, the first in the lowest byte.
    fn append_digits(&mut self, digits: u64, count: usize);
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
}

/// Text that is only written out: in bytes, so that nobody has to find out again that digits are text.
#[derive(Debug, Default)]
pub struct Text(Vec<u8>);

impl Text {
    /// Its bytes, which are UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A part of its bytes.
    #[inline]
    pub fn part(&self, range: Range<usize>) -> &[u8] {
        self.0.get(range).unwrap_or_default()
    }

    /// Appends UTF-8, which other text has been.
    #[inline]
    pub fn append_bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Its length in bytes.
    #[inline]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins anew, with the room that there is.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes away the blanks that it ends with.
    #[inline]
    pub fn trim_end(&mut self) {
        if self.0.last().is_some_and(|last| !last.is_ascii_graphic()) {
            let len = String::from_utf8_lossy(&self.0).trim_end().len();
            self.0.truncate(len);
        }
    }

    /// Appends blanks.
    #[inline]
    pub fn append_blanks(&mut self, count: usize) {
        const MANY: usize = 64;
        let len = self.0.len() + count;
        // Many, of which some are taken away again: to write as many as there are takes longer.
        self.0.extend_from_slice(&[b' '; MANY]);
        if count > MANY {
            self.0.resize(len, b' ');
        }
        self.0.truncate(len);
    }

    /// Appends an ASCII word in capitals.
    #[inline]
    pub fn append_upper(&mut self, word: &str) {
        self.0.extend(word.bytes().map(|byte| byte.to_ascii_uppercase()));
    }

    /// What stands from there on, taken away.
    pub fn split_off(&mut self, from: usize) -> String {
        let text = String::from_utf8_lossy(self.0.get(from..).unwrap_or_default()).into_owned();
        self.0.truncate(from);
        text
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
        self.0.extend_from_slice(text.as_bytes());
    }

    #[inline]
    fn append_digits(&mut self, digits: u64, count: usize) {
        // All eight, of which some are taken away again: to copy as many as there are takes longer.
        let len = self.0.len() + count.min(8);
        self.0.extend_from_slice(&digits.to_le_bytes());
        self.0.truncate(len);
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

/// Appends a whole number in decimal. One that is no `u64`, as none here is, is 0.
#[inline]
pub fn push(out: &mut (impl Append + ?Sized), number: impl TryInto<u64>) {
    let number = number.try_into().unwrap_or_default();
    if number >= EIGHT_DIGITS {
        return push_large(out, number);
    }
    let digits = eight_digits(number as u32);
    let zeros = ((digits & 0x0f0f_0f0f_0f0f_0f0f).trailing_zeros() / 8).min(7);
    out.append_digits(digits >> (8 * zeros), 8 - zeros as usize);
}

#[inline(never)]
fn push_large(out: &mut (impl Append + ?Sized), number: u64) {
    let first = number / EIGHT_DIGITS;
    match first {
        // Sequence numbers of TCP.
        0..10 => out.append_digits(u64::from(b'0') + first, 1),
        10..100 => out.append_digits((u64::from(b'0') + first % 10) << 8 | (u64::from(b'0') + first / 10), 2),
        _ => push(out, first),
    }
    out.append_digits(eight_digits((number % EIGHT_DIGITS) as u32), 8);
}

/// Appends the last `digits` decimal digits of a number, with zeros in front; nine at most.
#[inline]
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
        let (mut string, mut text) = (String::new(), Text::default());
        write(&mut string);
        write(&mut text);
        assert_eq!(text.as_bytes(), string.as_bytes());
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
