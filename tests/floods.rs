//! Traffic that is made to fill memory: each table goes over its cap, memory stays below 256 MiB, and the summary says
//! what was lost. The real program reads what is made on the way.
//!
//! Tables are full after a small part of each flood, so an unoptimised program is sent a part of it only;
//! `BRIDGETAP_FLOODS=all` sends all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;
#[path = "floods/run.rs"]
mod run;
#[path = "floods/stream.rs"]
mod stream;

use std::io;

use etherparse::EtherType;
use run::{flood, flood_within};
use stream::{SOURCE, SOURCE_PORT, Stream, UDP_PAYLOAD, dns, long_name, record, set_host, set_u16, turned, udp};

/// So many of `all`; an unoptimised program gets `least`.
fn some(all: u32, least: u32) -> u32 {
    let whole = !cfg!(debug_assertions) || std::env::var_os("BRIDGETAP_FLOODS").is_some_and(|value| value == "all");
    if whole { all } else { least }
}

/// What follows is on one Ethernet interface.
fn ethernet(
    write: impl FnOnce(&mut Stream) -> io::Result<()> + Send,
) -> impl FnOnce(&mut Stream) -> io::Result<()> + Send {
    |stream| {
        stream.interface(1, &[])?;
        write(stream)
    }
}

/// SYNs from one address after another, at these interfaces.
fn syns(stream: &mut Stream, count: u32, interfaces: u32) -> io::Result<()> {
    let mut frame = stream::syn();
    for number in 0..count {
        set_host(&mut frame, SOURCE, number);
        // The sequence number, which is another one for each connection.
        frame[SOURCE_PORT + 4..SOURCE_PORT + 8].copy_from_slice(&number.to_be_bytes());
        for interface in 0..interfaces {
            stream.packet(interface, u64::from(interface == 0), &frame)?;
        }
    }
    Ok(())
}

/// Lookups of names of 255 bytes, each from another port or address; answered with another address each.
fn lookups(stream: &mut Stream, count: u32, answered: bool) -> io::Result<()> {
    for number in 0..count {
        let (id, name) = (number as u16, long_name(number));
        let mut query = udp(40_000, 53, &dns(id, &name, 1, &[]));
        set_host(&mut query, SOURCE, number >> 16);
        stream.packet(0, 1, &query)?;
        if answered {
            let address = record(1, &(0x0b00_0000 | number).to_be_bytes());
            let mut answer = turned(udp(40_000, 53, &dns(id, &name, 1, &[&address])));
            set_host(&mut answer, SOURCE + 4, number >> 16);
            stream.packet(0, 1, &answer)?;
        }
    }
    Ok(())
}

#[test]
fn syns_from_five_million_sources() {
    let all = some(5_000_000, 400_000);
    let flooded = flood("SYN flood", &["replay", "--summary"], ethernet(|stream| syns(stream, all, 1)));
    flooded.says(&format!("{all} TCP connections: 0 opened, {all} not answered"));
    flooded.says(&format!("{} flows forgotten at the limit (see --max-flows)", all - 262_144));
    let flooded = flood(
        "SYN flood, ten flows",
        &["replay", "--summary", "--max-flows", "10"],
        ethernet(|stream| syns(stream, 100, 1)),
    );
    flooded.says("90 flows forgotten at the limit");
}

#[test]
fn syns_in_every_form() {
    let (all, flows) = (some(1_000_000, 60_000), some(262_144, 20_000));
    for form in ["--json", "--ladder", "--packets", "--hops", "--explain"] {
        let arguments = ["replay", form, "--max-flows", &flows.to_string()];
        let flooded = flood(&format!("SYN flood, {form}"), &arguments, ethernet(|stream| syns(stream, all, 1)));
        let left = all - flows;
        match form {
            "--json" => flooded.says(&format!("\"evicted_flows\":{left},")),
            _ => flooded.says(&format!("{left} flows forgotten at the limit")),
        };
    }
}

#[test]
fn syns_that_are_measured() {
    let all = some(5_000_000, 280_000);
    let flooded = flood("SYN flood, latency", &["latency"], ethernet(|stream| syns(stream, all, 1)));
    flooded.says(&format!("{} flows forgotten at the limit", all - 262_144)).says("(others)");
}

#[test]
fn syns_that_two_interfaces_show() {
    let all = some(1_000_000, 200_000);
    let flooded = flood("SYN flood, two interfaces", &["replay", "--summary"], |stream: &mut Stream| {
        stream.interface(1, &[])?;
        stream.interface(1, &[])?;
        syns(stream, all, 2)
    });
    flooded.says(&format!("{all} TCP connections"));
    flooded.says("told without waiting for all its copies at the limit (see --limit copies)");
}

#[test]
fn lookups_without_answers() {
    let all = some(1_000_000, 100_000);
    let flooded = flood("lookups", &["replay", "--summary"], ethernet(|stream| lookups(stream, all, false)));
    flooded.says(&format!("{all} lookups: 0 answered")).says("requests forgotten at the limit (see --max-pending)");
    let flooded =
        flood("lookups, text", &["replay"], ethernet(|stream| lookups(stream, some(1_000_000, 70_000), false)));
    flooded.says("requests forgotten at the limit");
}

#[test]
fn lookups_with_answers() {
    let all = some(1_000_000, 20_000);
    for form in [&["replay", "--json"][..], &["replay", "--names", "alias"], &["latency"]] {
        let flooded =
            flood(&format!("answers, {}", form.join(" ")), form, ethernet(|stream| lookups(stream, all, true)));
        match form {
            ["replay", "--json"] => flooded.says("\"names_forgotten\":"),
            _ => flooded.says("names forgotten at the limit (see --limit names, addresses)"),
        };
    }
}

/// Names that lead to themselves, to each other, and on and on.
#[test]
fn compression_loops() {
    let mut chain = Vec::new();
    for at in 0..120_u16 {
        chain.extend((0xc000 | (12 + 2 * at + 2)).to_be_bytes());
    }
    let loops = [&[0xc0, 12][..], &[0xc0, 14, 0xc0, 12], &[1, b'a', 0xc0, 12], &[63], &[0xff; 300], &chain];
    let flooded = flood(
        "compression loops",
        &["replay"],
        ethernet(move |stream| {
            for number in 0..some(500_000, 50_000) {
                let name = loops[number as usize % loops.len()];
                let answers = vec![record(5, name); 20].concat();
                for frame in [
                    udp(40_000, 53, &dns(number as u16, name, 1, &[])),
                    turned(udp(40_000, 53, &dns(number as u16, name, 1, &[&answers]))),
                ] {
                    stream.packet(0, 1000, &frame)?;
                }
            }
            Ok(())
        }),
    );
    flooded.says("lookups").says("packets");
}

#[test]
fn fragments_that_never_end() {
    let all = some(2_000_000, 200_000);
    let flooded = flood(
        "fragments",
        &["replay", "--summary"],
        ethernet(|stream| {
            let mut frame = udp(1000, 2000, &[0; 1000]);
            for number in 0..all {
                set_u16(&mut frame, 14 + 4, number as u16);
                // More of them are to come, and this one is somewhere.
                set_u16(&mut frame, 14 + 6, 0x2000 | (number % 8000 + 1) as u16);
                set_host(&mut frame, SOURCE, number);
                stream.packet(0, 1, &frame)?;
            }
            Ok(())
        }),
    );
    flooded.says(&format!("{all} packets"));
}

/// DNS over TCP on more connections than are read: messages that never end, gaps, and segments over each other.
#[test]
fn overlaps_and_gaps() {
    let flooded = flood(
        "TCP overlaps",
        &["replay", "--summary"],
        ethernet(|stream| {
            for connection in 0..some(2_000, 400) {
                for (number, sequence) in
                    [1, 30_000, 10_000, 61_000, 61_000, 200_000, 260_000, 20_000].into_iter().enumerate()
                {
                    // The longest length there is, and a query's header.
                    let mut payload = vec![0; 30_000];
                    payload[..14].copy_from_slice(&[0xff, 0xff, 0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
                    payload.truncate(30_000 - number);
                    let mut frame = stream::segment(53, sequence, &payload);
                    set_u16(&mut frame, SOURCE_PORT, 10_000 + connection as u16);
                    stream.packet(0, 1, &frame)?;
                }
            }
            Ok(())
        }),
    );
    flooded.says("with DNS over TCP not read at the limit (see --limit streams)");
}

#[test]
fn datagrams_pings_and_arp() {
    let all = some(2_000_000, 300_000);
    let flooded = flood(
        "UDP flows",
        &["replay", "--summary"],
        ethernet(|stream| {
            let mut frame = udp(1000, 2000, &[0; 10]);
            for number in 0..all {
                set_host(&mut frame, SOURCE, number);
                stream.packet(0, 1, &frame)?;
            }
            Ok(())
        }),
    );
    flooded.says(&format!("{all} UDP flows")).says("flows forgotten at the limit");
    let all = some(1_000_000, 100_000);
    let flooded = flood(
        "pings and ARP",
        &["replay", "--summary"],
        ethernet(|stream| {
            let (mut ping, mut arp) = (stream::ping(), stream::arp());
            for number in 0..all {
                set_host(&mut ping, SOURCE, number);
                set_host(&mut arp, 14 + 14, number);
                stream.packet(0, 1, &ping)?;
                stream.packet(0, 1, &arp)?;
            }
            Ok(())
        }),
    );
    flooded.says(&format!("{all} pings")).says("requests forgotten at the limit");
}

#[test]
fn nodes_of_an_overlay_network() {
    let flooded = flood(
        "VXLAN",
        &["replay", "--summary"],
        ethernet(|stream| {
            let inner = stream::syn();
            let mut frame = udp(50_000, 4789, &[&[8, 0, 0, 0, 0, 16, 1, 0][..], &inner].concat());
            for number in 0..some(1_000_000, 50_000) {
                let inside = UDP_PAYLOAD + 8;
                frame[inside + 8..inside + 12].copy_from_slice(&number.to_be_bytes());
                frame[inside + 6] = 2;
                set_host(&mut frame, inside + SOURCE, number);
                stream.packet(0, 1, &frame)?;
            }
            Ok(())
        }),
    );
    flooded.says("whose node in an overlay network was forgotten at the limit (see --limit nodes)");
}

#[test]
fn a_block_that_claims_four_gigabytes() {
    for kind in [1_u32, 4, 5, 6, 0x0a0d_0d0a, 99] {
        let flooded = flood(
            &format!("a block of kind {kind}"),
            &["replay"],
            ethernet(move |stream| {
                stream.packet(0, 1, &stream::ping())?;
                stream.raw(
                    &[kind.to_le_bytes(), 0xffff_fffc_u32.to_le_bytes(), 0x1a2b_3c4d_u32.to_le_bytes()].concat(),
                )?;
                (0..some(40, 4)).try_for_each(|_| stream.raw(&vec![0; 1 << 20]))
            }),
        );
        flooded.says("1 packet");
        assert_eq!(flooded.code, Some(1), "{}", flooded.messages);
        let is_unknown = kind == 99;
        assert_eq!(flooded.messages.contains("4,294,967,292"), !is_unknown, "{}", flooded.messages);
    }
}

/// Names as long as they may be, and longer; of link types that nobody knows.
#[test]
fn a_million_interfaces() {
    let all = some(1_000_000, 100_000);
    for form in [&["replay", "--summary"][..], &["replay", "--json"], &["replay", "--summary", "--filter", "icmp"]] {
        let flooded = flood(&format!("interfaces, {}", form.join(" ")), form, |stream: &mut Stream| {
            let (name, words) = ([0xff; 300], [0xfe; 5000]);
            let comment = format!("{{\"bridgetap_tap\":1,\"network\":\"{0}\",\"namespace\":\"{0}\"}}", "n".repeat(300));
            let ping = stream::ping();
            for number in 0..all {
                let link = if number % 2 == 0 { 1 } else { 1000 + (number % 50_000) as u16 };
                stream.interface(link, &[(1, comment.as_bytes()), (2, &name), (3, &name), (11, &words)])?;
                stream.packet(number, 1, &ping)?;
            }
            Ok(())
        });
        match form {
            ["replay", "--json"] => flooded.says("\"interfaces_sharing\":").says("\"other\":"),
            ["replay", "--summary"] => flooded
                .says(&format!("{} interfaces not told apart at the limit (see --limit interfaces)", all - 65_535))
                .says("interfaces without name")
                .says("packets of link type other"),
            _ => flooded.says("interfaces not told apart"),
        };
    }
    let flooded =
        flood("ten interfaces", &["replay", "--summary", "--limit", "interfaces=4"], |stream: &mut Stream| {
            (0..10).try_for_each(|_| stream.interface(1, &[]))?;
            (0..10).try_for_each(|number| stream.packet(number, 1, &stream::ping()))
        });
    flooded.says("7 interfaces not told apart").says("10 packets");
}

#[test]
fn names_of_a_million_addresses() {
    let all = some(1_000_000, 100_000);
    let flooded = flood(
        "names of addresses",
        &["replay", "--summary"],
        ethernet(|stream| {
            for block in 0..all / 500 {
                let records: Vec<_> = (0..500_u32).map(|number| (1_u16, named(block * 500 + number))).collect();
                let records: Vec<_> = records.iter().map(|(kind, value)| (*kind, &value[..])).collect();
                stream.names(&records, &[])?;
            }
            stream.packet(0, 1, &stream::ping())
        }),
    );
    flooded.says(&format!("{} names forgotten at the limit (see --limit names, addresses)", all - 65_536));
}

fn named(number: u32) -> Vec<u8> {
    [&number.to_be_bytes()[..], &[b'n'; 240], format!("{number:010}\0").as_bytes()].concat()
}

/// Directories as large as a block may be, each of another time and all to come; then thousands that cannot be read.
#[test]
fn directories_that_do_not_end() {
    let flooded = flood(
        "Directories",
        &["replay", "--summary"],
        ethernet(|stream| {
            for second in 0..some(20, 3) {
                let container = |number: u32| {
                    let name = format!("{second}-{number}{}", "n".repeat(100));
                    format!("{{\"id\":\"{name}\",\"name\":\"{name}\",\"endpoints\":[],\"published\":[]}}")
                };
                let containers = (0..60_000).map(container).collect::<Vec<_>>().join(",");
                let directory = format!(
                    "{{\"bridgetap_directory\":1,\"at\":\"2033-01-01T00:00:{second:02}Z\",\"networks\":[],\
                     \"containers\":[{containers}]}}"
                );
                let parts: Vec<_> = directory.as_bytes().chunks(65_535).map(|part| (1, part)).collect();
                stream.names(&[], &parts)?;
                stream.packet(0, 1, &stream::ping())?;
            }
            for number in 0..1_000 {
                let wrong = format!("{{\"bridgetap_directory\":1,{}x", " ".repeat(number));
                stream.names(&[], &[(1, wrong.as_bytes())])?;
            }
            Ok(())
        }),
    );
    let messages = flooded.messages.lines().count();
    assert!((1..=70).contains(&messages), "{messages} messages");
}

/// Long answers at two interfaces, all at one time: they are held for their copies.
#[test]
fn long_answers_that_are_held() {
    let flooded = flood("held answers", &["replay", "--summary"], |stream: &mut Stream| {
        stream.interface(1, &[])?;
        stream.interface(1, &[])?;
        let text = record(16, &vec![b'x'; 60_000]);
        for number in 0..some(20_000, 3_000) {
            let name = long_name(number);
            let query = udp(40_000, 53, &dns(number as u16, &name, 16, &[]));
            let answer = turned(udp(40_000, 53, &dns(number as u16, &name, 16, &[&text])));
            stream.packet(number % 2, 0, &query)?;
            stream.packet(number % 2, 0, &answer)?;
        }
        Ok(())
    });
    flooded.says("told without waiting for all its copies");
}

/// One flood seen at many interfaces at once.
#[test]
fn copies_at_sixty_interfaces() {
    let all = some(100_000, 10_000);
    let flooded = flood("copies", &["replay", "--summary"], |stream: &mut Stream| {
        (0..60).try_for_each(|_| stream.interface(1, &[]))?;
        let mut ping = stream::ping();
        for number in 0..all {
            set_host(&mut ping, SOURCE, number);
            (0..60).try_for_each(|interface| stream.packet(interface, 0, &ping))?;
            stream.packet(0, 1, &stream::ethernet(EtherType(0x88cc), &[0; 10]))?;
        }
        Ok(())
    });
    flooded.says("told without waiting for all its copies");
}

/// Segments that nobody acknowledges, on many connections.
#[test]
fn segments_without_acknowledgement() {
    let flooded = flood(
        "segments",
        &["latency"],
        ethernet(|stream| {
            for number in 0..some(3_000_000, 300_000) {
                let mut frame = stream::segment(80, 1 + (number / 1000) * 10, &[0; 10]);
                set_host(&mut frame, SOURCE, number % 1000);
                stream.packet(0, 1, &frame)?;
            }
            Ok(())
        }),
    );
    flooded.says("segments found no room");
}

/// All tables full at once, as no single flood fills them: docs/limits.md has the figure.
#[test]
fn everything_at_once() {
    let rounds = some(600_000, 60_000);
    let flooded = flood_within(600, "everything", &["replay", "--summary"], |stream: &mut Stream| {
        stream.interface(1, &[])?;
        stream.interface(1, &[])?;
        stream.interface(1, &[(1, b"{\"bridgetap_tap\":1,\"aside\":true}")])?;
        let (mut syn, mut datagram) = (stream::syn(), udp(1000, 2000, &[]));
        let (mut ping, mut arp) = (stream::ping(), stream::arp());
        for number in 0..rounds {
            set_host(&mut syn, SOURCE, number);
            syn[SOURCE_PORT + 4..SOURCE_PORT + 8].copy_from_slice(&number.to_be_bytes());
            set_host(&mut datagram, SOURCE, number);
            stream.packet(number % 3, 1, &syn)?;
            stream.packet(number % 3, 1, &datagram)?;
            if number % 4 == 0 {
                set_host(&mut ping, SOURCE, number);
                set_host(&mut arp, 14 + 14, number);
                stream.packet(number / 4 % 3, 1, &ping)?;
                stream.packet(number / 4 % 3, 1, &arp)?;
                for port in [53, 5353, 5355] {
                    let mut query = udp(40_000, port, &dns(number as u16, &long_name(number), 1, &[]));
                    set_host(&mut query, SOURCE, number >> 2);
                    stream.packet(number / 4 % 3, 1, &query)?;
                }
            }
        }
        Ok(())
    });
    flooded.says("events told without waiting");
}
