//! Where the bytes of a capture file come from: a reader as it is, or through gzip.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// How much compressed data is read at once, in bytes.
const COMPRESSED_CAPACITY: usize = 64 * 1024;

/// A reader that counts what it gave and can have read some of it before.
pub(super) struct Counted {
    inner: Box<dyn Read + Send>,
    /// What was read to recognise the file, given again first.
    head: io::Cursor<Vec<u8>>,
    count: u64,
}

impl Counted {
    pub(super) fn new(inner: Box<dyn Read + Send>) -> Self {
        Self { inner, head: io::Cursor::default(), count: 0 }
    }
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let again = self.head.read(out)?;
        if again > 0 {
            return Ok(again);
        }
        loop {
            match self.inner.read(out) {
                Ok(read) => {
                    self.count += read as u64;
                    return Ok(read);
                }
                // A signal came, SIGWINCH for one. Nothing was lost.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The bytes of a capture file, decompressed.
pub(super) enum Input {
    Plain(Counted),
    Gzip {
        decoder: Box<MultiGzDecoder<BufReader<Counted>>>,
        /// The compressed data ended in the middle of a member.
        cut: bool,
    },
}

impl Input {
    /// The same input through gzip, `head` being what was already read of it.
    pub(super) fn into_gzip(self, head: Vec<u8>) -> Self {
        match self {
            Self::Plain(mut counted) => {
                counted.head = io::Cursor::new(head);
                let buffered = BufReader::with_capacity(COMPRESSED_CAPACITY, counted);
                Self::Gzip { decoder: Box::new(MultiGzDecoder::new(buffered)), cut: false }
            }
            gzip @ Self::Gzip { .. } => gzip,
        }
    }

    /// How many bytes were read of the file itself, before decompression.
    pub(super) fn position(&self) -> u64 {
        match self {
            Self::Plain(counted) => counted.count,
            Self::Gzip { decoder, .. } => decoder.get_ref().get_ref().count,
        }
    }

    /// Whether the end of input was not the end that gzip announced.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self, Self::Gzip { cut: true, .. })
    }

    /// Whether `error` tells of damaged gzip data rather than of the system.
    pub(super) fn is_damage(&self, error: &io::Error) -> bool {
        let kind = matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData);
        kind && matches!(self, Self::Gzip { .. })
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(counted) => counted.read(out),
            Self::Gzip { decoder, cut } => match decoder.read(out) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    *cut = true;
                    Ok(0)
                }
                other => other,
            },
        }
    }
}
