//! Numbers in the byte order of a file.

/// The byte order of a file or section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endian {
    Little,
    Big,
}

impl Endian {
    /// The number at `at`, 0 beyond the end: callers have checked the length.
    #[inline]
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        match (self, chunk(bytes, at)) {
            (Self::Little, Some(raw)) => u16::from_le_bytes(raw),
            (Self::Big, Some(raw)) => u16::from_be_bytes(raw),
            (_, None) => 0,
        }
    }

    /// The number at `at`, 0 beyond the end: callers have checked the length.
    #[inline]
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        match (self, chunk(bytes, at)) {
            (Self::Little, Some(raw)) => u32::from_le_bytes(raw),
            (Self::Big, Some(raw)) => u32::from_be_bytes(raw),
            (_, None) => 0,
        }
    }

    /// The number at `at`, 0 beyond the end: callers have checked the length.
    pub(super) fn u64(self, bytes: &[u8], at: usize) -> u64 {
        match (self, chunk(bytes, at)) {
            (Self::Little, Some(raw)) => u64::from_le_bytes(raw),
            (Self::Big, Some(raw)) => u64::from_be_bytes(raw),
            (_, None) => 0,
        }
    }
}

#[inline]
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}
