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

    /// The four numbers of a record's header. Nearly all files are of this machine's kind: others are worth no selection
    /// between both for each number.
    #[inline]
    pub(super) fn u32s(self, header: &[u8; 16]) -> [u32; 4] {
        #[cold]
        #[inline(never)]
        fn big([a, b, c, d]: [u32; 4]) -> [u32; 4] {
            [a.swap_bytes(), b.swap_bytes(), c.swap_bytes(), d.swap_bytes()]
        }
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *header;
        let little = [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]].map(u32::from_le_bytes);
        if self == Self::Big { big(little) } else { little }
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
