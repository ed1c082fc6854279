//! The fuzz targets without a fuzzer: on what was found, on seeds, and on random bytes.
//!
//! `BRIDGETAP_SEEDS=FOLDER` writes the seeds there, for `fuzz/run.sh`; with `BRIDGETAP_CORPUS=FOLDER` also those of other
//! captures. docs/fuzzing.md has the rest.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod checks;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use checks::TARGETS;
use checks::seeds::{Seed, of_capture, of_tests};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, any};
use proptest::strategy::Strategy;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the target of that name.
fn run(target: &str, bytes: &[u8]) {
    let (_, check) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of that name");
    check(bytes);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn seeds() -> BTreeSet<Seed> {
    let mut seeds: BTreeSet<Seed> = of_tests(&root().join("tests")).into_iter().collect();
    for file in files(&root().join("captures")) {
        if file.extension().is_some_and(|extension| extension == "pcapng") {
            seeds.extend(of_capture(&std::fs::read(file).unwrap()));
        }
    }
    seeds
}

#[test]
fn everything_holds_for_the_seeds() {
    let seeds = seeds();
    for target in ["pcapng", "packet", "dns", "directory", "hlog", "filter", "capture"] {
        assert!(seeds.iter().any(|(name, _)| *name == target), "no seed for {target}");
    }
    for (target, bytes) in &seeds {
        run(target, bytes);
    }
}

/// What a fuzzer found is in `tests/fuzzed/TARGET/`, each file named by what was wrong.
#[test]
fn what_was_found_stays_mended() {
    let found = files(&root().join("tests/fuzzed"));
    assert!(!found.is_empty());
    for file in found {
        let target = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
        run(target, &std::fs::read(&file).unwrap());
    }
}

#[test]
fn every_target_is_fuzzed() {
    let names: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let targets = files(&root().join("fuzz/fuzz_targets"));
    let targets: BTreeSet<_> =
        targets.iter().map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(targets, names);
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for name in names {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not in fuzz/Cargo.toml");
    }
}

/// Random bytes of up to `longest`, and of `seeds` with some bytes exchanged.
fn holds(target: &'static str, cases: u32, longest: usize) {
    let seeds: Vec<Vec<u8>> = seeds()
        .into_iter()
        .filter(|(name, seed)| *name == target && seed.len() <= longest)
        .map(|seed| seed.1)
        .collect();
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let anything = vec(any::<u8>(), 0..longest);
    // The same bytes each time: a change is not to fail by what it did not do.
    let runner = || TestRunner::new_with_rng(config.clone(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let check = |bytes: Vec<u8>| {
        run(target, &bytes);
        Ok(())
    };
    runner().run(&anything, check).unwrap_or_else(|error| panic!("{target}: {error}"));
    if seeds.is_empty() {
        return;
    }
    let changed = proptest::sample::select(seeds).prop_flat_map(|seed| {
        let places = vec((0..seed.len().max(1), any::<u8>()), 1..8);
        (Just(seed), places)
    });
    let change = |(mut seed, places): (Vec<u8>, Vec<(usize, u8)>)| {
        for (at, byte) in places {
            if let Some(place) = seed.get_mut(at) {
                *place = byte;
            }
        }
        check(seed)
    };
    runner().run(&changed, change).unwrap_or_else(|error| panic!("{target}: {error}"));
}

#[test]
fn everything_holds_for_random_packets() {
    holds("packet", 2000, 300);
    holds("dns", 2000, 300);
}

#[test]
fn everything_holds_for_random_conversations() {
    holds("conversation", 400, 600);
}

#[test]
fn everything_holds_for_random_files() {
    holds("pcap", 300, 400);
    holds("pcapng", 300, 6000);
    holds("capture", 60, 6000);
    holds("writer", 300, 600);
    holds("hlog", 200, 2000);
}

#[test]
fn everything_holds_for_random_texts() {
    holds("directory", 200, 8000);
    holds("filter", 100, 200);
}

/// Writes the seeds for a fuzzer, where `BRIDGETAP_SEEDS` says where to.
#[test]
fn seeds_can_be_written() {
    let Some(folder) = std::env::var_os("BRIDGETAP_SEEDS").filter(|value| !value.is_empty()).map(PathBuf::from) else {
        assert!(seeds().len() > 500, "the captures have packets");
        return;
    };
    let mut seeds = seeds();
    if let Some(corpus) = std::env::var_os("BRIDGETAP_CORPUS").filter(|value| !value.is_empty()) {
        for file in files(Path::new(&corpus)) {
            seeds.extend(of_capture(&std::fs::read(file).unwrap()));
        }
    }
    for (number, (target, bytes)) in seeds.iter().enumerate() {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("seed-{number:06}")), bytes).unwrap();
    }
}
