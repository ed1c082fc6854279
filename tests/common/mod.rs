//! What several tests need: the sample captures, the program, and the stages wired to buffers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]
#![allow(dead_code, reason = "each test is a program of its own and uses a part of this")]

pub mod disorder;
pub mod golden;
pub mod terminal;

#[path = "../checks/output.rs"]
pub mod output;
#[path = "../checks/telling.rs"]
mod telling;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use bridgetap::capture::file::FileSource;
use bridgetap::capture::{LinkType, Next, Source};
use bridgetap::time::Timestamp;

#[allow(unused_imports, reason = "each test is a program of its own and uses a part of this")]
pub use {
    output::assert_told,
    telling::{Nothing, Told, tell},
};

/// The folder of this package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sample captures, in the order of their names.
pub fn captures() -> Vec<PathBuf> {
    let files = std::fs::read_dir(root().join("captures")).expect("the folder captures is there");
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "pcapng"));
    files.sort();
    assert!(files.len() >= 6, "only {} sample captures", files.len());
    files
}

/// The sample capture of that name.
pub fn capture(name: &str) -> PathBuf {
    root().join("captures").join(name).with_extension("pcapng")
}

/// A file's name without folder and extension.
pub fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

/// The packets of each interface of a capture, as a pcap file in nanoseconds. tcpdump reads no file whose interfaces differ
/// in what their packets begin with; and what two interfaces show is one conversation to other tools.
pub fn interfaces(file: &Path) -> Vec<(LinkType, Vec<u8>)> {
    let mut pcaps = BTreeMap::new();
    let mut source = FileSource::open(file, 0).unwrap();
    loop {
        match source.next().unwrap() {
            Next::Frame(frame, _) => {
                let (_, pcap) = pcaps.entry(frame.tap).or_insert_with(|| (frame.link, pcap_header(frame.link)));
                pcap.extend(pcap_packet(frame.at, frame.wire_len, frame.bytes));
            }
            Next::End => return pcaps.into_values().collect(),
            _ => {}
        }
    }
}

/// The header of a pcap file in nanoseconds.
pub fn pcap_header(link: LinkType) -> Vec<u8> {
    let [magic, version, snap, link] = [0xa1b2_3c4d, 2 | 4 << 16, 0xffff, u32::from(link.0)].map(u32::to_le_bytes);
    [&magic[..], &version, &[0; 8], &snap, &link].concat()
}

/// A packet of a pcap file in nanoseconds.
pub fn pcap_packet(at: Timestamp, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
    let (seconds, nanos) = (at.as_nanos() / 1_000_000_000, at.as_nanos() % 1_000_000_000);
    let fields = [seconds as u32, nanos as u32, bytes.len() as u32, wire_len].map(u32::to_le_bytes);
    [&fields.concat()[..], bytes].concat()
}

/// The program, with an environment that is the same everywhere.
pub fn bridgetap() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridgetap"));
    command.env("TZ", "UTC").env("TERM", "xterm-256color");
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
    command
}

/// Says something to whoever runs the tests, of tests that pass too: the test runner holds back what macros print.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Numbers that look random and are the same each time: splitmix64.
pub struct Numbers(pub u64);

impl Numbers {
    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}
