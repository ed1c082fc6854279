//! Whole files through [`FileSource`].

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::testing::{Ng, Trickle, all, bytes_source, frames, pcap, pcap_header};
use super::*;
use crate::capture::error::Looks;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(bytes: Vec<u8>) -> Result<FileSource, Error> {
    FileSource::from_reader(Box::new(io::Cursor::new(bytes)), "test", 0)
}

/// A pcapng file with a block of every kind that is read.
fn every_block(ng: Ng) -> Vec<u8> {
    let comment = br#"{"bridgetap_tap":1,"network":"my_bridge","namespace":"container_b"}"#;
    ng.section()
        .interface(1, 65_535, &[(2, b"br-4f1c"), (1, b"a remark"), (1, comment), (9, &[9])])
        .interface(113, 3, &[(2, b"any")])
        .names(&[([10, 0, 0, 1], "web"), ([10, 0, 0, 2], "db")], &["first ", "second"])
        .packet(0, 1_700_000_000_123_456_789, b"enhanced")
        .block(0x0bad, b"passed over")
        .obsolete(1, 1_700_000_001_000_002, b"obsolete!")
        .simple(6, b"simple")
        .statistics(0, 3, 4)
        .statistics(0, 5, 6)
        .statistics(1, 10, 20)
        .bytes
}

#[test]
fn pcap_of_every_byte_order_and_precision() {
    type Orders = [(bool, fn(u16) -> [u8; 2], fn(u32) -> [u8; 4]); 2];
    let orders: Orders = [(false, u16::to_le_bytes, u32::to_le_bytes), (true, u16::to_be_bytes, u32::to_be_bytes)];
    for (magic, nanos, extra) in [(0xa1b2_c3d4_u32, 7_000, 0), (0xa1b2_3c4d, 7, 0), (0xa1b2_cd34, 7_000, 8)] {
        for (big, half, word) in orders {
            let mut file = pcap_header(word(magic), half, word, (2, 4), 0xf400_0071);
            for value in [1_700_000_000, 7, 3, 60] {
                file.extend(word(value));
            }
            file.extend(vec![9; extra]);
            file.extend(b"abc");
            let mut source = bytes_source(file, "test");
            let read = frames(&mut source);
            let [(1, frame)] = &read[..] else { panic!("{read:?}") };
            assert_eq!(frame.at, Timestamp::from_parts(1_700_000_000, nanos), "{magic:x} {big}");
            assert_eq!((frame.bytes.as_slice(), frame.wire_len, frame.link), (&b"abc"[..], 60, LinkType::LINUX_SLL));
            assert_eq!(source.tap(frame.tap).unwrap().link, LinkType::LINUX_SLL);
            assert_eq!(source.tap(TapId(1)), None);
        }
    }
}

#[test]
fn old_pcap_versions_have_the_lengths_the_other_way() {
    for (version, lengths) in [((2, 2), [60, 3]), ((2, 3), [60, 3]), ((2, 3), [3, 60]), ((543, 0), [3, 60])] {
        let mut file = pcap_header([0xa1, 0xb2, 0xc3, 0xd4], u16::to_be_bytes, u32::to_be_bytes, version, 1);
        file.extend([0; 8]);
        file.extend(lengths.into_iter().flat_map(u32::to_be_bytes));
        file.extend(b"abc");
        let read = frames(&mut bytes_source(file, "test"));
        assert_eq!((read[0].1.wire_len, read[0].1.bytes.len()), (60, 3), "{version:?}");
    }
    let file = pcap_header([0xa1, 0xb2, 0xc3, 0xd4], u16::to_be_bytes, u32::to_be_bytes, (1, 4), 1);
    let (_, _, error) = all(&mut bytes_source(file, "test"));
    assert!(matches!(error, Some(Error::Corrupt { why: Flaw::Version, packet: 1, .. })), "{error:?}");
}

#[test]
fn no_packets_is_no_error() {
    assert!(frames(&mut bytes_source(pcap(&[]), "test")).is_empty());
    assert!(frames(&mut bytes_source(Ng::little().section().bytes, "test")).is_empty());
}

#[test]
fn pcapng_blocks_of_both_byte_orders() {
    for ng in [Ng::little(), Ng::big()] {
        let mut source = FileSource::from_reader(Box::new(io::Cursor::new(every_block(ng))), "test", 1000).unwrap();
        let (frames, names, error) = all(&mut source);
        assert!(error.is_none(), "{error:?}");
        let got: Vec<_> = frames.iter().map(|(_, f)| (f.at.as_nanos(), f.wire_len, &f.bytes[..], f.tap.0)).collect();
        let expected = [
            (1_700_000_000_123_456_789, 18, &b"enhanced"[..], 1000),
            (1_700_000_001_000_002_000, 9, b"obsolete!", 1001),
            // A simple packet takes the time of the packet before.
            (1_700_000_001_000_002_000, 6, b"simple", 1000),
        ];
        assert_eq!(got, expected);
        let tap = source.tap(TapId(1000)).unwrap();
        assert_eq!((tap.interface.as_str(), tap.link), ("br-4f1c", LinkType::ETHERNET));
        assert_eq!((tap.network.as_deref(), tap.namespace.as_deref()), (Some("my_bridge"), Some("container_b")));
        assert_eq!(source.tap(TapId(1001)).unwrap().network, None);
        assert_eq!((source.tap(TapId(1002)), source.tap(TapId(999))), (None, None));
        assert_eq!(source.drops(), Some(Drops { kernel: 26, interface: 15 }));
        let [block] = &names[..] else { panic!("{names:?}") };
        assert_eq!(block.comment, "first second");
        assert_eq!(block.records[1], ("10.0.0.2".parse().unwrap(), vec!["db".to_owned()]));
        assert_eq!(block.records[2], ("::1".parse().unwrap(), vec!["six".to_owned(), "seven".to_owned()]));
    }
}

#[test]
fn sections_have_their_own_byte_order_and_interfaces() {
    let file = Ng::big().section().interface(1, 0, &[(2, b"one")]).packet(0, 1_000_000, b"1");
    let file = file.turned().section().interface(101, 0, &[(2, b"two")]).packet(0, 2_000_000, b"2");
    let mut source = bytes_source(file.clone().bytes, "test");
    let read = frames(&mut source);
    let seen: Vec<_> = read.iter().map(|(n, f)| (*n, f.at.as_nanos(), f.link.0, f.tap.0)).collect();
    assert_eq!(seen, [(1, 1_000_000_000, 1, 0), (2, 2_000_000_000, 101, 1)]);
    assert_eq!(source.tap(TapId(1)).unwrap().interface, "two");
    assert_eq!(source.drops(), None);
    let (read, _, error) = all(&mut bytes_source(file.packet(1, 0, b"of an interface of the first").bytes, "test"));
    assert_eq!(read.len(), 2);
    assert!(matches!(error, Some(Error::Corrupt { why: Flaw::UnknownInterface(1), packet: 3, .. })), "{error:?}");
}

#[test]
fn interface_clocks_count() {
    let offset = 100_u64.to_le_bytes();
    let file = Ng::little().section().interface(1, 0, &[(9, &[0x80 | 1]), (14, &offset)]).packet(0, 3, b"");
    assert_eq!(frames(&mut bytes_source(file.bytes, "test"))[0].1.at, Timestamp::from_nanos(101_500_000_000));
}

#[test]
fn a_simple_packet_is_bounded_by_the_snap_length() {
    let file = Ng::little().section().interface(1, 5, &[]).simple(100, b"12345");
    let read = frames(&mut bytes_source(file.bytes, "test"));
    assert_eq!((read[0].1.bytes.as_slice(), read[0].1.wire_len), (&b"12345"[..], 100));
    let file = Ng::little().section().interface(1, 0, &[]).simple(100, b"12345");
    let (_, _, error) = all(&mut bytes_source(file.bytes, "test"));
    assert!(matches!(error, Some(Error::Corrupt { why: Flaw::BeyondBlock, .. })), "{error:?}");
}

#[test]
fn every_way_of_arriving_gives_the_same() {
    let plain = [pcap(&[(1, b"one"), (2, &[7; 300]), (3, b"")]), every_block(Ng::little()), every_block(Ng::big())];
    for file in plain {
        let expected = all(&mut bytes_source(file.clone(), "test"));
        let members = [gzip(&file[..30]), gzip(&file[30..])].concat();
        for bytes in [file.clone(), gzip(&file), members] {
            for (chunk, capacity) in [(1, 256), (1, 1), (3, 64), (7, 40), (1000, 33), (1000, 1)] {
                let reader = Box::new(Trickle::new(bytes.clone(), chunk));
                let mut source = FileSource::with_capacity(reader, "test", 0, capacity).unwrap();
                let got = all(&mut source);
                assert!(got.2.is_none(), "{:?}", got.2);
                assert_eq!((&got.0, &got.1), (&expected.0, &expected.1), "{chunk} {capacity}");
                assert_eq!(source.position(), bytes.len() as u64);
            }
        }
    }
}

#[test]
fn every_truncation_of_pcap_says_where() {
    let (first, second) = (24, 24 + 16 + 3);
    let file = pcap(&[(1, b"one"), (2, b"second")]);
    for length in 0..file.len() {
        let mut source = match read(file[..length].to_vec()) {
            Ok(source) => source,
            Err(Error::Empty { .. }) if length == 0 => continue,
            Err(Error::Cut { after_packet: 0, at_byte: 0, .. }) if length < 4 => continue,
            Err(error) => panic!("{length}: {error}"),
        };
        let (frames, _, error) = all(&mut source);
        let expected = match length {
            _ if length == first || length == second => None,
            0..24 => Some((0, 0)),
            24..43 => Some((0, 24)),
            _ => Some((1, 43)),
        };
        let got = error.map(|error| match error {
            Error::Cut { after_packet, at_byte, .. } => (after_packet, at_byte),
            other => panic!("{length}: {other}"),
        });
        assert_eq!(got, expected, "{length}");
        assert_eq!(frames.len(), usize::from(length >= second));
        assert!(matches!(source.next(), Ok(Next::End)));
    }
}

#[test]
fn every_truncation_of_pcapng_says_where() {
    let file = every_block(Ng::big());
    let mut ends = vec![0];
    while let Some(at) = ends.last().copied().filter(|at| *at < file.len()) {
        ends.push(at + u32::from_be_bytes(file[at + 4..at + 8].try_into().unwrap()) as usize);
    }
    for length in 4..file.len() {
        let (_, _, error) = all(&mut read(file[..length].to_vec()).unwrap());
        let begun = ends.iter().copied().filter(|end| *end <= length).max().unwrap();
        match error {
            None => assert!(ends.contains(&length), "{length}"),
            Some(Error::Cut { at_byte, .. }) => assert_eq!((at_byte, begun == length), (begun as u64, false)),
            Some(other) => panic!("{length}: {other}"),
        }
    }
}

#[test]
fn every_truncation_of_gzip_is_cut() {
    let file = gzip(&pcap(&[(1, b"one"), (2, b"second")]));
    for length in 1..file.len() {
        let error = read(file[..length].to_vec()).map_or_else(Some, |mut source| all(&mut source).2);
        assert!(matches!(error, Some(Error::Cut { .. })), "{length}: {error:?}");
    }
}

#[test]
fn no_bit_flip_panics_or_runs_away() {
    for file in [pcap(&[(1, b"one"), (2, b"second")]), every_block(Ng::little()), gzip(&every_block(Ng::big()))] {
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(mut source) = read(flipped) {
                let (frames, _, _) = all(&mut source);
                assert!(frames.len() <= file.len());
                assert!(matches!(source.next(), Ok(Next::End)));
            }
        }
    }
}

#[test]
fn lengths_are_not_believed_blindly() {
    let mut file = pcap(&[(1, b"one")]);
    file.extend([0; 8]);
    file.extend([0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f]);
    let (read, _, error) = all(&mut bytes_source(file, "test"));
    assert_eq!(read.len(), 1);
    let why = Flaw::PacketTooLong(0x7fff_ffff);
    assert!(matches!(error, Some(Error::Corrupt { packet: 2, at_byte: 43, why: w, .. }) if w == why), "{error:?}");

    let mut file = Ng::little().section().bytes;
    for part in [1_u32, 0xffff_fff0, 0, 0] {
        file.extend(part.to_le_bytes());
    }
    let (_, _, error) = all(&mut bytes_source(file, "test"));
    assert!(matches!(error, Some(Error::Corrupt { why: Flaw::BlockTooLong(_), at_byte: 28, .. })), "{error:?}");
}

#[test]
fn a_claim_costs_no_memory_before_its_bytes_are_there() {
    let mut file = pcap(&[]);
    file.extend([0; 8]);
    for length in [MAX_PACKET, MAX_PACKET] {
        file.extend(length.to_le_bytes());
    }
    file.extend([0; 1000]);
    let mut source = FileSource::with_capacity(Box::new(io::Cursor::new(file)), "test", 0, 256).unwrap();
    assert!(matches!(source.next(), Err(Error::Cut { .. })));
    assert!(source.buffer.capacity() <= 4096, "{}", source.buffer.capacity());
}

#[test]
fn an_unknown_block_of_4_gb_is_read_through_in_constant_memory() {
    let head = Ng::little().section().interface(1, 0, &[]).packet(0, 1, b"before").bytes;
    let claimed = 0xffff_fff0_u32;
    let header = [0x0bad_u32.to_le_bytes(), claimed.to_le_bytes()].concat();
    let tail = Ng::little().packet(0, 2, b"after").bytes;
    let block = io::Cursor::new(header).chain(io::repeat(0).take(u64::from(claimed) - 12));
    let whole = block.chain(io::Cursor::new(claimed.to_le_bytes())).chain(io::Cursor::new(tail));
    let reader = io::Cursor::new(head.clone()).chain(whole);
    let mut source = FileSource::from_reader(Box::new(reader), "test", 0).unwrap();
    assert_eq!(frames(&mut source).len(), 2);
    assert_eq!(source.buffer.capacity(), buffer::CAPACITY);

    let cut = [&head[..], &0x0bad_u32.to_le_bytes(), &claimed.to_le_bytes(), &[0; 500]].concat();
    let (_, _, error) = all(&mut bytes_source(cut, "test"));
    let begun = head.len() as u64;
    assert!(matches!(error, Some(Error::Cut { after_packet: 1, at_byte, .. }) if at_byte == begun), "{error:?}");
}

/// Gives one chunk for each read and counts the reads.
struct Chunks(std::vec::IntoIter<Vec<u8>>, Arc<AtomicU64>);

impl Read for Chunks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.next().map_or(Ok(0), |chunk| (&chunk[..]).read(out))
    }
}

#[test]
fn a_frame_is_given_as_soon_as_it_arrived() {
    let file = pcap(&[(1, b"one"), (2, b"second")]);
    let ng = Ng::little().section().interface(1, 0, &[]).packet(0, 1, b"one").bytes;
    let split = ng.len();
    let ng = [ng, Ng::little().packet(0, 2, b"second").bytes].concat();
    for (file, split) in [(file, 43), (ng, split)] {
        let reads = Arc::new(AtomicU64::new(0));
        let chunks = vec![file[..20].to_vec(), file[20..split].to_vec(), file[split..].to_vec()];
        let reader = Chunks(chunks.into_iter(), Arc::clone(&reads));
        let mut source = FileSource::from_reader(Box::new(reader), "test", 0).unwrap();
        let mut counts = vec![reads.load(Ordering::Relaxed)];
        for _ in 0..2 {
            assert!(matches!(source.next(), Ok(Next::Frame(..))));
            counts.push(reads.load(Ordering::Relaxed));
        }
        assert_eq!(counts, [1, 2, 3]);
    }
}

#[test]
fn too_many_interfaces_share_a_tap() {
    let mut ng = Ng::little().section();
    for _ in 0..MAX_TAPS + 9 {
        ng = ng.interface(1, 0, &[(2, b"veth")]);
    }
    let ng = ng.packet(7, 1, b"a").packet(MAX_TAPS - 1, 2, b"b").packet(MAX_TAPS + 8, 3, b"c");
    let mut source = bytes_source(ng.clone().bytes, "test");
    let taps: Vec<_> = frames(&mut source).iter().map(|(_, frame)| frame.tap.0).collect();
    assert_eq!(taps, [7, MAX_TAPS - 1, MAX_TAPS - 1]);
    assert_eq!(source.tap(TapId(MAX_TAPS - 2)).unwrap().interface, "veth");
    assert_eq!(source.tap(TapId(MAX_TAPS - 1)).unwrap().interface, "");
    assert_eq!(source.interfaces_sharing_a_tap(), 10);
    let again = ng.section().interface(1, 0, &[]).packet(0, 4, b"d");
    let mut source = bytes_source(again.bytes, "test");
    assert_eq!(frames(&mut source)[3].1.tap, TapId(MAX_TAPS - 1));
    assert_eq!(source.interfaces_sharing_a_tap(), 11);
}

#[test]
fn names_that_are_too_long_together_are_left_out() {
    let filter = [&[0][..], &[b'f'; 4096]].concat();
    let mut ng = Ng::little().section();
    for _ in 0..10_000 {
        ng = ng.interface(1, 0, &[(2, b"veth"), (11, &filter)]);
    }
    let ng = ng.packet(0, 1, b"a").packet(9_999, 2, b"b");
    let mut source = bytes_source(ng.bytes, "test");
    assert_eq!(frames(&mut source).len(), 2);
    let named = (32 << 20) / (4 + 4096);
    assert_eq!(source.nameless_interfaces(), 10_000 - named);
    let interface = |id| source.tap(TapId(id)).unwrap().interface.as_str();
    assert_eq!((interface(0), interface(9_999)), ("veth", ""));
}

#[test]
fn fewer_interfaces_can_be_told_apart() {
    let mut ng = Ng::little().section();
    for _ in 0..9 {
        ng = ng.interface(1, 0, &[(2, b"veth")]);
    }
    let ng = ng.packet(1, 1, b"a").packet(5, 2, b"b").packet(8, 3, b"c");
    let mut source = bytes_source(ng.bytes, "test");
    source.set_most_taps(4);
    let taps: Vec<_> = frames(&mut source).iter().map(|(_, frame)| frame.tap.0).collect();
    assert_eq!((taps, source.interfaces_sharing_a_tap()), (vec![1, 3, 3], 6));
}

#[test]
fn what_is_no_capture_is_named() {
    let looks = |bytes: &[u8]| match read(bytes.to_vec()) {
        Err(Error::NotACapture { looks, .. }) => looks,
        other => panic!("{:?}", other.err()),
    };
    assert_eq!(looks(br#"[{"Id": 1}]"#), Looks::Like("JSON"));
    assert_eq!(looks(&gzip(br#"[{"Id": 1}]"#)), Looks::Like("JSON"));
    assert_eq!(looks(&gzip(&gzip(b"x"))), Looks::Compressed("gzip"));
    assert_eq!(looks(b"\x28\xb5\x2f\xfd...."), Looks::Compressed("zstd"));
    assert!(matches!(read(Vec::new()), Err(Error::Empty { .. })));
    assert!(matches!(read(gzip(b"")), Err(Error::Empty { .. })));
}

#[test]
fn damaged_gzip_gives_what_came_before() {
    let mut bytes = gzip(&pcap(&[(1, b"one")]));
    let checksum = bytes.len() - 8;
    bytes[checksum] ^= 1;
    let (read, _, error) = all(&mut read(bytes).unwrap());
    assert!(matches!(error, Some(Error::Corrupt { why: Flaw::Gzip, .. })), "{error:?}");
    assert_eq!(read.len(), 1);
}

#[test]
fn files_are_opened_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    let bytes = pcap(&[(1, b"one")]);
    std::fs::write(&path, &bytes).unwrap();
    let mut source = FileSource::open(&path, 0).unwrap();
    assert_eq!((source.size(), source.name()), (Some(bytes.len() as u64), path.to_str().unwrap()));
    assert_eq!(frames(&mut source).len(), 1);
    assert_eq!(source.position(), bytes.len() as u64);
    assert!(matches!(FileSource::open(folder.path(), 0), Err(Error::IsDirectory { .. })));
    let missing = FileSource::open(&folder.path().join("a.pcapng"), 0);
    assert!(matches!(missing, Err(Error::NotFound { nearest: Some(near), .. }) if near == path));
}

/// All frames, as many as are wanted at a time taken from the buffer, and one more as [`Source::next`] gives it.
fn buffered_frames(source: &mut FileSource, at_a_time: usize) -> Vec<String> {
    let mut frames = Vec::new();
    loop {
        let mut left = at_a_time;
        source.each_buffered(|lent| {
            assert!((1..=BATCH).contains(&lent.len()));
            let takes = left.min(lent.len());
            left -= takes;
            frames.extend(lent[..takes].iter().map(|frame| format!("{frame:?}")));
            takes
        });
        match source.next().unwrap() {
            Next::Frame(frame, _) => frames.push(format!("{frame:?}")),
            Next::Names(_) | Next::Idle(_) => {}
            Next::End => return frames,
        }
    }
}

#[test]
fn what_is_taken_from_the_buffer_is_what_comes_next() {
    let packets: Vec<(u32, &[u8])> = (1..40).map(|second| (second, &b"some packet"[..second as usize % 11])).collect();
    let simple = Ng::little().section().interface(1, 65_535, &[]);
    let mixed =
        (1..40_u64).fold(simple, |file, second| file.packet(0, second * 1_000_000, b"packet").names(&[], &["c"]));
    for bytes in [pcap(&packets), mixed.bytes] {
        for capacity in [40, 100, 4096] {
            let source = || {
                let reader = Box::new(std::io::Cursor::new(bytes.clone()));
                FileSource::with_capacity(reader, "a", 0, capacity).unwrap()
            };
            let all = buffered_frames(&mut source(), 0);
            assert_eq!(all.len(), 39);
            for at_a_time in [1, 3, 16, 20, 1000] {
                assert_eq!(buffered_frames(&mut source(), at_a_time), all, "{capacity} {at_a_time}");
            }
        }
    }
}
