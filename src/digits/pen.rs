//! Short text that is put together without looking at memory again.

use std::fmt;

use super::{Append, EIGHT_DIGITS, Line, eight_digits, without_zeros};

/// Writes on a page. Where all of it is in line, how much is written stays in a register: [`super::Text`] reads that from
/// memory for each piece, right after it wrote it there for the piece before.
///
/// Nothing is checked on the way. What is too long runs over itself, and is no text in the end.
#[derive(Debug)]
pub struct Pen<'a> {
    page: &'a mut Page,
    len: usize,
}

/// The longest text in bytes, plus one; a power of two.
const MOST: usize = 512;
/// Where it is written: behind a text there is room for a piece.
pub type Page = [u8; 2 * MOST];

#[expect(clippy::inline_always, reason = "what is called has it in memory")]
impl<'a> Pen<'a> {
    /// An empty page.
    pub const PAGE: Page = [0; 2 * MOST];

    /// Begins anew.
    #[inline(always)]
    pub const fn new(page: &'a mut Page) -> Self {
        Self { page, len: 0 }
    }

    /// What is written; `None` where that was too much.
    #[inline(always)]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        self.page.get(..self.len).filter(|text| text.len() < MOST)
    }

    /// The first bytes of what is written, and whatever is behind it.
    #[inline(always)]
    pub fn first<const N: usize>(&self) -> &[u8; N] {
        const { assert!(N <= MOST, "a page is as long") };
        self.page.first_chunk().unwrap_or(&[0; N])
    }

    #[inline(always)]
    fn room(&mut self) -> &mut [u8] {
        self.page.get_mut(self.len % MOST..).unwrap_or_default()
    }
}

#[expect(clippy::inline_always, reason = "as above")]
impl Append for Pen<'_> {
    #[inline(always)]
    fn append(&mut self, text: &str) {
        if let Some(room) = self.room().get_mut(..text.len()) {
            room.copy_from_slice(text.as_bytes());
        }
        self.len = self.len.wrapping_add(text.len());
    }

    #[inline(always)]
    fn append_digits(&mut self, digits: u64, count: usize) {
        self.append_first(&digits.to_le_bytes(), count);
    }

    #[inline(always)]
    fn append_ascii(&mut self, bytes: &[u8; 16], count: usize) {
        self.append_first(bytes, count);
    }

    #[inline(always)]
    fn append_number(&mut self, number: u64) {
        if number >= EIGHT_DIGITS {
            let (first, rest) = (number / EIGHT_DIGITS, (number % EIGHT_DIGITS) as u32);
            if first >= EIGHT_DIGITS {
                let (two, rest) = (first / EIGHT_DIGITS, (first % EIGHT_DIGITS) as u32);
                self.append_few(two as u32);
                self.append_digits(eight_digits(rest), 8);
            } else {
                self.append_few(first as u32);
            }
            self.append_digits(eight_digits(rest), 8);
        } else {
            self.append_few(number as u32);
        }
    }
}

#[expect(clippy::inline_always, reason = "as above")]
impl Pen<'_> {
    /// Appends a number below [`EIGHT_DIGITS`].
    #[inline(always)]
    fn append_few(&mut self, number: u32) {
        let (digits, count) = without_zeros(eight_digits(number));
        self.append_digits(digits, count);
    }
}

#[expect(clippy::inline_always, reason = "as above")]
impl Line for Pen<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn append_first<const N: usize>(&mut self, bytes: &[u8; N], count: usize) {
        if let Some(room) = self.room().first_chunk_mut() {
            *room = *bytes;
        }
        self.len = self.len.wrapping_add(if N > MOST { MOST } else { count });
    }

    /// 64 at most.
    #[inline(always)]
    fn append_blanks(&mut self, count: usize) {
        const BLANKS: usize = 64;
        self.append_first(&[b' '; BLANKS], if count > BLANKS { MOST } else { count });
    }
}

impl fmt::Write for Pen<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_no_text() {
        let mut page = Pen::PAGE;
        for piece in ["a", "seven letters", &"long ".repeat(90), &"longer ".repeat(200)] {
            let mut pen = Pen::new(&mut page);
            let mut expected = String::new();
            for _ in 0..2 * MOST {
                pen.append(piece);
                expected.push_str(piece);
                assert_eq!(pen.len(), expected.len());
                assert_eq!(pen.as_bytes(), (expected.len() < MOST).then_some(expected.as_bytes()));
            }
        }
        let mut pen = Pen::new(&mut page);
        pen.append_blanks(64);
        assert_eq!(pen.as_bytes(), Some(" ".repeat(64).as_bytes()));
        pen.append_blanks(65);
        assert_eq!(pen.as_bytes(), None, "more than it can");
    }

    #[test]
    fn of_what_is_written_in_one_piece_so_much_is_text() {
        let mut page = Pen::PAGE;
        let mut pen = Pen::new(&mut page);
        pen.append_first(b"0123456789abcdef", 3);
        pen.append_first(b"0123456789abcdef", 0);
        pen.append_first(b"0123456789abcdef", 16);
        assert_eq!(pen.as_bytes(), Some(&b"0120123456789abcdef"[..]));
    }
}
