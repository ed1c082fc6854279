//! Reads captures that other tools are tested with, many of them broken on purpose.
//!
//! They are other projects' files and not kept here. `BRIDGETAP_CORPUS` names a folder with them and an `INDEX.tsv`,
//! whose columns `path`, `packets`, `pcap_linktype` and `flags` say what tshark and tcpdump found in each.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it did and what failed")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{Error, Next, Source};

/// What reading a file to its end or first error gave.
struct Reading {
    packets: u64,
    /// The link type of the first packet.
    link: Option<u16>,
    error: Option<Error>,
}

fn read(path: &Path) -> Reading {
    let mut reading = Reading { packets: 0, link: None, error: None };
    let mut source = match FileSource::open(path, 0) {
        Ok(source) => source,
        Err(error) => return Reading { error: Some(error), ..reading },
    };
    loop {
        match source.next() {
            Ok(Next::Frame(frame, _)) => {
                reading.packets += 1;
                assert_eq!(frame.number, reading.packets, "{}", path.display());
                assert!(frame.wire_len as usize >= frame.bytes.len(), "{}", path.display());
                let (link, tap) = (frame.link.0, frame.tap);
                reading.link.get_or_insert(link);
                assert!(source.tap(tap).is_some(), "{}: tap {tap:?}", path.display());
            }
            // Until when it was captured.
            Ok(Next::Names(_) | Next::Idle(_)) => {}
            Ok(Next::End) => return reading,
            Err(error) => {
                assert!(matches!(source.next(), Ok(Next::End)), "{}: goes on after an error", path.display());
                return Reading { error: Some(error), ..reading };
            }
        }
    }
}

/// The lines of an `INDEX.tsv`, each by the names of its columns.
fn rows(index: &str) -> Vec<HashMap<&str, &str>> {
    let mut lines = index.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    lines.map(|line| columns.iter().copied().zip(line.split('\t')).collect()).collect()
}

#[test]
fn every_file_of_the_corpus_is_read_or_refused() {
    let Some(folder) = std::env::var_os("BRIDGETAP_CORPUS").map(PathBuf::from) else {
        eprintln!("not run: set BRIDGETAP_CORPUS to a folder of captures with an INDEX.tsv");
        return;
    };
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).expect("the corpus has an INDEX.tsv");
    let (mut whole, mut refused, mut wrong) = (0_u32, 0_u32, Vec::new());
    for row in rows(&index) {
        let name = row["path"];
        let reading = read(&folder.join(name));
        match &reading.error {
            None => whole += 1,
            Some(error) => {
                refused += 1;
                let message = error.to_string();
                assert!(message.contains(name) && message.len() > name.len() + 10, "{message}");
                println!("{message}");
            }
        }
        // Without a count are the files that tshark refuses (exit code 2): those that are refused here too, and those
        // of link types that it does not know (132, 164, 182, 281 and others). tcpdump counts in these what is counted
        // here; it alone refuses libpcap's linktype-reserved-field-not-zero.pcap, which has no packets.
        let indexed = row["packets"].parse::<u64>().ok();
        let refused_by_tshark = row["flags"].contains("tshark-rc=2");
        if indexed.map_or(!refused_by_tshark, |count| count != reading.packets) {
            wrong.push(format!("{name}: {} packets, indexed {indexed:?}", reading.packets));
        }
        let link = row["pcap_linktype"].parse::<u16>().ok();
        if let (Some(indexed), Some(read)) = (link, reading.link)
            && indexed != read
        {
            wrong.push(format!("{name}: link type {read}, indexed {indexed}"));
        }
    }
    println!("{whole} read whole, {refused} refused or in part");
    assert!(whole > refused, "{whole} read whole, {refused} refused: not the corpus that was meant");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
