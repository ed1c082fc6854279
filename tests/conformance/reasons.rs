//! The disagreements that stay, with their reasons: the table in docs/conformance.md. What is not in it is a fault, and so
//! is a line of it that is not true any more.

use std::collections::BTreeSet;

use crate::common::root;

/// A disagreement: its subject by name, the file and the frame.
pub type Place = (String, String, u64);

/// The places in the table's lines. A line has the subjects, the files each with its frames, and the reason.
pub fn known() -> BTreeSet<Place> {
    let text = std::fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let after = text.split_once("## What differs\n").expect("the section").1;
    let table = after.split_once("\n## ").map_or(after, |(table, _)| table);
    let mut known = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [subjects, places, why] = cells[..] else { panic!("{line:?} has not three cells") };
        assert!(why.len() > 20, "{line:?} has no reason");
        for place in places.split("; ") {
            let mut words = place.split(' ');
            let file = words.next().unwrap().trim_matches('`').to_owned();
            let frames: Vec<u64> = words.map(|frame| frame.parse().unwrap()).collect();
            assert!(!frames.is_empty(), "{place:?} has no frame");
            for subject in subjects.split(", ") {
                known.extend(frames.iter().map(|frame| (subject.to_owned(), file.clone(), *frame)));
            }
        }
    }
    known
}
