//! What is so of an entry of which there may be a million: a bit for each.

/// Up to eight marks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks(u8);

impl Marks {
    #[inline]
    pub const fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }

    /// What is so of these marks alone.
    #[inline]
    pub const fn only(self, marks: u8) -> u8 {
        self.0 & marks
    }

    /// Says of these marks what is so.
    #[inline]
    pub const fn put(&mut self, marks: u8, so: u8) {
        self.0 = self.0 & !marks | so & marks;
    }

    #[inline]
    pub const fn set(&mut self, mark: u8, is_so: bool) {
        self.0 = self.0 & !mark | if is_so { mark } else { 0 };
    }
}
