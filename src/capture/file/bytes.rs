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
    /// between both for each number. Each is read by itself, since from them it is found out where the next header is: what
    /// is put into memory first is there a few nanoseconds later.
    #[inline]
    pub(super) fn u32s(self, header: &[u8; 16]) -> [u32; 4] {
        #[cold]
        #[inline(never)]
        fn big(header: &[u8; 16]) -> [u32; 4] {
            [0, 4, 8, 12].map(|at| Endian::Big.u32(header, at))
        }
        match self {
            Self::Little => [0, 4, 8, 12].map(|at| Self::Little.u32(header, at)),
            Self::Big => big(header),
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
