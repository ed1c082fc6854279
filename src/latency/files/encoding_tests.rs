use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer};

use super::*;
use crate::latency::random::Random;

fn random_times(seed: u64, count: u64) -> Distribution {
    let mut random = Random::new(seed);
    let mut times = Distribution::default();
    (0..count).for_each(|_| times.record(random.latency(80_000.0, 2.0)));
    times
}

#[test]
fn the_crate_reads_what_is_written() {
    for (seed, count) in [(1, 0), (2, 1), (3, 2), (4, 1000), (5, 100_000)] {
        let times = random_times(seed, count);
        let theirs: Histogram<u64> = Deserializer::new().deserialize(&mut &encode(&times).unwrap()[..]).unwrap();
        assert_eq!((theirs.len(), theirs.high(), theirs.sigfig()), (count, HIGHEST, DIGITS));
        let recorded = theirs.iter_recorded().map(|value| (value.value_iterated_to(), value.count_at_value()));
        assert!(times.buckets().map(|bucket| (bucket.highest, bucket.count)).eq(recorded));
        assert_eq!(times.mean().to_bits(), theirs.mean().to_bits());
        let (ours, unit) = decode(&encode(&times).unwrap()).unwrap();
        assert_eq!(unit, 1);
        assert!(ours.buckets().eq(times.buckets()));
    }
}

#[test]
fn what_the_crate_writes_is_the_same_bytes_before_compression() {
    let times = random_times(6, 5000);
    let mut theirs = Histogram::<u64>::new_with_bounds(LOWEST, HIGHEST, DIGITS).unwrap();
    times.buckets().for_each(|bucket| theirs.record_n(bucket.lowest, bucket.count).unwrap());
    let mut plain = Vec::new();
    V2Serializer::new().serialize(&theirs, &mut plain).unwrap();
    assert_eq!(encode_counts(&times), &plain[40..]);
    assert!(decode(&plain).unwrap().0.buckets().eq(times.buckets()));
}

#[test]
fn another_range_or_precision_is_converted() {
    for (lowest, highest, digits) in [(1, 1 << 40, 4), (1, 1 << 50, 5), (1000, 1 << 50, 3), (1, 3_600_000_000, 3)] {
        let mut theirs = Histogram::<u64>::new_with_bounds(lowest, highest, digits).unwrap();
        let mut random = Random::new(u64::from(digits));
        (0..5000).for_each(|_| theirs.saturating_record(random.latency(2e6, 1.0).max(1)));
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&theirs, &mut bytes).unwrap();
        let (ours, unit) = decode(&bytes).unwrap();
        assert_eq!((ours.count(), unit), (theirs.len(), 1 << lowest.ilog2()));
        for share in [0.01, 0.5, 0.9, 0.99, 1.0] {
            let (ours, theirs) = (ours.quantile(share).unwrap() as f64, theirs.value_at_quantile(share) as f64);
            assert!((ours - theirs).abs() <= theirs * 0.001 + unit as f64, "{ours} {theirs} {lowest} {digits}");
        }
    }
    let mut theirs = Histogram::<u64>::new_with_bounds(1, 1 << 50, 3).unwrap();
    theirs.record_n(1 << 49, 7).unwrap();
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(&theirs, &mut bytes).unwrap();
    let ours = decode(&bytes).unwrap().0;
    assert_eq!((ours.over_an_hour(), ours.count(), ours.max()), (7, 7, Some(HIGHEST)));
}

/// A plain histogram with these fields.
fn plain(cookie: u32, offset: u32, digits: u32, lowest: u64, ratio: f64, counts: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [cookie, counts.len() as u32, offset, digits] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    for number in [lowest, HIGHEST, ratio.to_bits()] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(counts);
    bytes
}

#[test]
fn what_cannot_be_read_says_why() {
    let cookie = PLAIN | 0x10;
    let problem = |bytes: &[u8]| decode(bytes).unwrap_err();
    assert_eq!(problem(b"HIST"), EncodingProblem::Cookie(0x4849_5354));
    assert_eq!(problem(&plain(0x1c84_9301, 0, 3, 1, 1.0, &[])), EncodingProblem::Version);
    assert_eq!(problem(&plain(0x0c72_124e, 0, 3, 1, 1.0, &[])), EncodingProblem::Doubles);
    assert_eq!(problem(&plain(cookie, 4, 3, 1, 1.0, &[])), EncodingProblem::Shifted);
    assert_eq!(problem(&plain(cookie, 0, 3, 1, 2.0, &[])), EncodingProblem::Shifted);
    assert_eq!(problem(&plain(cookie, 0, 2, 1, 1.0, &[])), EncodingProblem::Digits(2));
    assert_eq!(problem(&plain(cookie, 0, 9, 1, 1.0, &[])), EncodingProblem::Settings { lowest: 1, digits: 9 });
    assert_eq!(problem(&plain(cookie, 0, 3, 0, 1.0, &[])), EncodingProblem::Settings { lowest: 0, digits: 3 });
    assert_eq!(problem(&plain(cookie, 0, 3, 1, 1.0, &[0x80])), EncodingProblem::Cut);
    let mut beyond = Vec::new();
    put(&mut beyond, -40_000);
    put(&mut beyond, 1);
    assert_eq!(problem(&plain(cookie, 0, 3, 1, 1.0, &beyond)), EncodingProblem::Counts);
    let mut endless = Vec::new();
    put(&mut endless, i64::MIN);
    put(&mut endless, i64::MIN);
    put(&mut endless, i64::MAX);
    assert_eq!(problem(&plain(cookie, 0, 3, 1, 1.0, &endless)), EncodingProblem::Counts);
    for problem in [EncodingProblem::Cut, EncodingProblem::Digits(2), EncodingProblem::Cookie(1)] {
        assert!(problem.to_string().contains("histogram"));
    }
}

#[test]
fn cut_and_damaged_histograms_are_refused_or_read_without_a_panic() {
    let encoded = encode(&random_times(7, 300)).unwrap();
    assert!((0..encoded.len()).all(|end| decode(&encoded[..end]).is_err()));
    let bytes = plain(PLAIN | 0x10, 0, 3, 1, 1.0, &encode_counts(&random_times(8, 300)));
    let mut random = Random::new(9);
    for _ in 0..5000 {
        let mut damaged = bytes.clone();
        let at = random.below(damaged.len() as u64) as usize;
        damaged[at] ^= 1 << random.below(8);
        let _ = decode(&damaged);
    }
}

#[test]
fn a_bomb_is_refused() {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let zeros = vec![0; 1 << 20];
    (0..=(MAX_PLAIN >> 20)).for_each(|_| encoder.write_all(&zeros).unwrap());
    let deflated = encoder.finish().unwrap();
    let mut bytes = COMPRESSED.to_be_bytes().to_vec();
    bytes.extend_from_slice(&(deflated.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&deflated);
    assert_eq!(decode(&bytes).unwrap_err(), EncodingProblem::TooLong);
}
