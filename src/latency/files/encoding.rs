//! HdrHistogram's V2 encoding of a histogram, plain and compressed, as in its `AbstractHistogram.java`
//! (`encodeIntoByteBuffer`, `decodeFromByteBuffer`, `fillCountsArrayFromSourceBuffer`) and `ZigZagEncoding.java`.
//!
//! All numbers are big-endian. A plain histogram: cookie, length of the counts, normalizing offset, digits (4 bytes each),
//! lowest and highest value, ratio of integers to doubles (8 bytes each), counts. A count is a ZigZag LEB128 number of at
//! most 9 bytes; a negative one is a run of so many zeros. A compressed one: cookie, length, zlib of a plain one.

use std::fmt;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::latency::Distribution;
use crate::latency::layout::{DIGITS, HIGHEST, LOWEST, Layout};

const PLAIN: u32 = 0x1c84_9303;
const COMPRESSED: u32 = 0x1c84_9304;
/// The digit of a cookie that says how wide the counts are at most; the encoding itself tells it.
const WIDTH: u32 = 0xf0;
const V0_AND_V1: [u32; 4] = [0x1c84_9308, 0x1c84_9309, 0x1c84_9301, 0x1c84_9302];
const DOUBLES: [u32; 2] = [0x0c72_124e, 0x0c72_124f];
/// Counts of a histogram of 5 digits, compressed well, come to so much; what is longer is refused unread.
const MAX_PLAIN: u64 = 64 << 20;

/// Why an encoded histogram is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncodingProblem {
    /// It ends too early, or is not compressed as it says.
    Cut,
    /// A histogram of HdrHistogram's earlier formats.
    Version,
    /// A histogram of floating-point values.
    Doubles,
    /// Something else than a histogram.
    Cookie(u32),
    /// Its buckets are shifted, or scaled.
    Shifted,
    /// Its range or precision is none that HdrHistogram has.
    Settings {
        /// Its lowest discernible value.
        lowest: u64,
        /// Its significant digits.
        digits: u32,
    },
    /// Its precision is less than ours.
    Digits(u32),
    /// It has counts beyond its last bucket, or a count that cannot be.
    Counts,
    /// It is longer than any that is read.
    TooLong,
}

impl fmt::Display for EncodingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => write!(f, "the histogram is cut off or damaged"),
            Self::Version => write!(
                f,
                "the histogram has HdrHistogram's encoding V0 or V1; V2 is accepted, which \
                HdrHistogram writes since 2.1.5"
            ),
            Self::Doubles => write!(f, "the histogram holds floating-point values; integers are accepted, nanoseconds"),
            Self::Cookie(cookie) => write!(
                f,
                "no histogram begins with {cookie:#010x}; V2 is accepted, which begins \
                with {:#010x}",
                COMPRESSED | 0x10
            ),
            Self::Shifted => write!(f, "the histogram's values are shifted or scaled; an unshifted one is accepted"),
            Self::Settings { lowest, digits } => write!(
                f,
                "no histogram has {digits} significant digits from {lowest} \
                on; 3 to 5 digits are accepted, from 1 or more on"
            ),
            Self::Digits(digits) => write!(f, "the histogram has {digits} significant digits; 3 to 5 are accepted"),
            Self::Counts => write!(f, "the histogram has counts outside of its range"),
            Self::TooLong => write!(f, "the histogram is longer than {} MiB", MAX_PLAIN >> 20),
        }
    }
}

impl From<io::Error> for EncodingProblem {
    fn from(_: io::Error) -> Self {
        Self::Cut
    }
}

/// A distribution as a compressed V2 histogram.
pub fn encode(times: &Distribution) -> io::Result<Vec<u8>> {
    let counts = encode_counts(times);
    let mut plain = Vec::with_capacity(40 + counts.len());
    plain.extend_from_slice(&(PLAIN | 0x10).to_be_bytes());
    plain.extend_from_slice(&(counts.len() as u32).to_be_bytes());
    plain.extend_from_slice(&0_u32.to_be_bytes());
    plain.extend_from_slice(&u32::from(DIGITS).to_be_bytes());
    plain.extend_from_slice(&LOWEST.to_be_bytes());
    plain.extend_from_slice(&HIGHEST.to_be_bytes());
    plain.extend_from_slice(&1_f64.to_be_bytes());
    plain.extend_from_slice(&counts);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&plain)?;
    let deflated = encoder.finish()?;
    let mut compressed = Vec::with_capacity(8 + deflated.len());
    compressed.extend_from_slice(&(COMPRESSED | 0x10).to_be_bytes());
    compressed.extend_from_slice(&(deflated.len() as u32).to_be_bytes());
    compressed.extend_from_slice(&deflated);
    Ok(compressed)
}

fn encode_counts(times: &Distribution) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut next = 0;
    for (index, count) in times.counts() {
        match index - next {
            0 => {}
            // One zero is shorter as a count than as a run, and HdrHistogram writes it so.
            1 => put(&mut bytes, 0),
            zeros => put(&mut bytes, -(zeros as i64)),
        }
        put(&mut bytes, i64::try_from(count).unwrap_or(i64::MAX));
        next = index + 1;
    }
    if next == 0 {
        put(&mut bytes, 0);
    }
    bytes
}

/// Writes a number as ZigZag LEB128: 7 bits a byte, the lowest first, and 8 bits in the ninth.
fn put(bytes: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    for _ in 0..8 {
        if rest < 0x80 {
            break;
        }
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Takes such a number from the beginning; `None` where it is cut.
fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0_u64;
    for place in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if place == 8 {
            number |= u64::from(byte) << 56;
        } else {
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                break;
            }
        }
    }
    Some((number >> 1) as i64 ^ -((number & 1) as i64))
}

/// The times of an encoded histogram, plain or compressed, and the width of its narrowest bucket in nanoseconds.
///
/// One of other settings is converted: 4 and 5 digits become 3, and values over an hour count as an hour.
pub fn decode(bytes: &[u8]) -> Result<(Distribution, u64), EncodingProblem> {
    let mut rest = bytes;
    let cookie = u32(&mut rest)?;
    if cookie & !WIDTH != COMPRESSED {
        return decode_plain(bytes);
    }
    let length = u32(&mut rest)? as usize;
    let deflated = rest.get(..length).ok_or(EncodingProblem::Cut)?;
    let mut plain = Vec::new();
    ZlibDecoder::new(deflated).take(MAX_PLAIN + 1).read_to_end(&mut plain)?;
    if plain.len() as u64 > MAX_PLAIN {
        return Err(EncodingProblem::TooLong);
    }
    decode_plain(&plain)
}

fn decode_plain(mut bytes: &[u8]) -> Result<(Distribution, u64), EncodingProblem> {
    let bytes = &mut bytes;
    let cookie = u32(bytes)?;
    match cookie & !WIDTH {
        PLAIN => {}
        old if V0_AND_V1.contains(&old) => return Err(EncodingProblem::Version),
        _ if DOUBLES.contains(&cookie) => return Err(EncodingProblem::Doubles),
        _ => return Err(EncodingProblem::Cookie(cookie)),
    }
    let length = u32(bytes)? as usize;
    let (offset, digits) = (u32(bytes)?, u32(bytes)?);
    let (lowest, highest) = (u64(bytes)?, u64(bytes)?);
    let ratio = u64(bytes)?;
    if offset != 0 || ratio != 1_f64.to_bits() {
        return Err(EncodingProblem::Shifted);
    }
    let layout = Layout::new(lowest, digits)
        .filter(|_| highest >= lowest.saturating_mul(2) && i64::try_from(highest).is_ok())
        .ok_or(EncodingProblem::Settings { lowest, digits })?;
    if digits < u32::from(DIGITS) {
        return Err(EncodingProblem::Digits(digits));
    }
    let counts = bytes.get(..length).ok_or(EncodingProblem::Cut)?;
    Ok((decode_counts(counts, layout, layout.index(highest))?, layout.unit()))
}

/// The times of the counts. HdrHistogram has buckets until the end of the octave of the highest value.
fn decode_counts(mut counts: &[u8], layout: Layout, last: usize) -> Result<Distribution, EncodingProblem> {
    let octave = layout.first_octave() as usize / 2;
    let end = ((last / octave).max(1) + 1) * octave;
    let mut times = Distribution::default();
    let mut index = 0_usize;
    while !counts.is_empty() {
        let number = take(&mut counts).ok_or(EncodingProblem::Cut)?;
        if let Ok(count) = u64::try_from(number) {
            if count > 0 && index >= end {
                return Err(EncodingProblem::Counts);
            }
            times.record_bucket(layout, index, count);
            index = index.saturating_add(1);
        } else {
            let zeros = usize::try_from(number.unsigned_abs()).map_err(|_| EncodingProblem::Counts)?;
            index = index.saturating_add(zeros);
        }
    }
    Ok(times)
}

fn u32(bytes: &mut &[u8]) -> Result<u32, EncodingProblem> {
    let (number, rest) = bytes.split_first_chunk().ok_or(EncodingProblem::Cut)?;
    *bytes = rest;
    Ok(u32::from_be_bytes(*number))
}

fn u64(bytes: &mut &[u8]) -> Result<u64, EncodingProblem> {
    let (number, rest) = bytes.split_first_chunk().ok_or(EncodingProblem::Cut)?;
    *bytes = rest;
    Ok(u64::from_be_bytes(*number))
}

#[cfg(test)]
#[path = "encoding_tests.rs"]
mod tests;
