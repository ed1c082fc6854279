//! What is so of an entry of which there may be a million: a bit for each.

/// Up to eight marks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks(u8);

impl Marks {
    #[inline]
    pub const fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }

    #[inline]
    pub const fn set(&mut self, mark: u8, is_so: bool) {
        self.0 = self.0 & !mark | if is_so { mark } else { 0 };
    }
}
