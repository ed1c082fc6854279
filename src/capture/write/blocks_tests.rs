use std::net::Ipv4Addr;

use super::*;
use crate::capture::file::FileSource;
use crate::capture::{Aside, LinkType, NameBlock, Next, Source, Tap, TapId};

fn interface_of(name: &str) -> Interface {
    let tap = Tap {
        interface: name.to_owned(),
        network: Some("my_bridge".to_owned()),
        namespace: None,
        link: LinkType::ETHERNET,
        aside: None,
    };
    Interface { tap, description: "network my_bridge".into(), filter: Some("icmp".into()), snap_len: 128 }
}

fn frame(at: u64, bytes: &[u8]) -> Frame<'_> {
    Frame { number: 1, at: Timestamp::from_nanos(at), wire_len: 1500, bytes, link: LinkType::ETHERNET, tap: TapId(0) }
}

/// A packet: when, how long, what, and where.
type Read = (u64, u32, Vec<u8>, Tap);

/// What our own reader finds.
fn read(bytes: Vec<u8>) -> (Vec<Read>, Vec<NameBlock>, Option<Drops>) {
    let mut source = FileSource::from_reader(Box::new(std::io::Cursor::new(bytes)), "test", 0).unwrap();
    let (mut packets, mut names) = (Vec::new(), Vec::new());
    loop {
        match source.next().unwrap() {
            Next::Frame(frame, tap) => {
                packets.push((frame.at.as_nanos(), frame.wire_len, frame.bytes.to_vec(), tap.clone()));
            }
            Next::Names(block) => names.push(block),
            Next::Idle(_) => {}
            Next::End => return (packets, names, source.drops()),
        }
    }
}

#[test]
fn what_is_written_is_read_again() {
    let mut out = Vec::new();
    section(&mut out);
    interface(&mut out, &interface_of("br-1"));
    let mut aside = interface_of("any");
    aside.tap.aside = Some(Aside { is_filtered: true });
    interface(&mut out, &aside);
    let records = [("172.18.0.2".parse().unwrap(), vec!["web".to_owned(), "www".to_owned()])];
    assert!(names(&mut out, &records, "{}"));
    let data: Vec<u8> = (0..=255).collect();
    for length in [0, 1, 2, 3, 4, 60] {
        packet(&mut out, u32::from(length == 60), &frame(1_763_688_888_123_456_789 + length as u64, &data[..length]));
    }
    let drops = Drops { kernel: 3, interface: 4 };
    let ended = Timestamp::from_nanos(1_763_688_889_000_000_000);
    statistics(&mut out, 0, &Statistics { started: Timestamp::ZERO, ended, packets: 5, drops: Some(drops) });
    let (packets, names, read_drops) = read(out);
    assert_eq!(packets.len(), 6);
    for ((at, wire_len, bytes, tap), length) in packets.iter().zip([0, 1, 2, 3, 4, 60]) {
        assert_eq!((*at, *wire_len, &bytes[..]), (1_763_688_888_123_456_789 + length as u64, 1500, &data[..length]));
        let name = if length == 60 { "any" } else { "br-1" };
        assert_eq!((tap.interface.as_str(), tap.network.as_deref()), (name, Some("my_bridge")));
        assert_eq!(tap.aside, (length == 60).then_some(Aside { is_filtered: true }));
    }
    assert_eq!((&names[0].records[..], names[0].comment.as_str(), read_drops), (&records[..], "{}", Some(drops)));
}

#[test]
fn a_long_comment_takes_several_options() {
    for length in [1, 65_535, 65_536, 200_000] {
        let comment = "ä".repeat(length / 2) + &"x".repeat(length % 2);
        let mut out = Vec::new();
        section(&mut out);
        assert!(names(&mut out, &[], &comment));
        assert_eq!(read(out).1[0].comment, comment, "{length}");
    }
}

#[test]
fn names_that_no_reader_would_take_are_not_written() {
    let mut out = vec![7];
    assert!(!names(&mut out, &[], &"x".repeat(MAX_NAMES)));
    assert_eq!(out, [7]);
    assert!(names(&mut out, &[], &"x".repeat(MAX_NAMES - 8192)));
}

#[test]
fn a_hostile_name_stays_one_name() {
    let address = Ipv4Addr::LOCALHOST.into();
    let records = [(address, vec!["a\0b\u{1b}".to_owned(), String::new(), "x".repeat(70_000), "good".to_owned()])];
    let mut out = Vec::new();
    section(&mut out);
    assert!(names(&mut out, &records, ""));
    assert_eq!(read(out).1[0].records, [(address, vec!["a\\u{0}b\\u{1b}".to_owned(), "good".to_owned()])]);
}

#[test]
fn the_interface_of_a_packet_can_be_said_later() {
    let mut out = Vec::new();
    section(&mut out);
    interface(&mut out, &interface_of("first"));
    interface(&mut out, &interface_of("second"));
    let start = out.len();
    packet(&mut out, 0, &frame(1, b"abc"));
    set_interface(&mut out[start..], 1);
    assert_eq!(read(out).0[0].3.interface, "second");
}
