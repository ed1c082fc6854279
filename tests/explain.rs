//! docs/explain.md has every topic with its text and all its references, as the program has them.
//!
//! `BLESS=1 cargo test --test explain` writes the list anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use std::fmt::Write;

use bridgetap::explain::{Reference, all};
use common::golden::{bless, diff};
use common::root;

/// What stands before the list.
const LIST: &str = "## Every topic\n";
/// Columns of a line.
const WIDTH: usize = 120;

/// The list of topics as the document has it.
fn list() -> String {
    let mut list = String::new();
    for topic in all() {
        let mut see = topic.see.iter().map(|Reference { title, url }| format!("[{title}]({url})")).collect::<Vec<_>>();
        see.insert(0, topic.text.to_owned());
        let mut column = write!(list, "\n- **`{}`**", topic.name).map(|()| topic.name.len() + 8).unwrap();
        for word in see.join(" ").split(' ') {
            let length = word.chars().count();
            if column + 1 + length > WIDTH {
                list.push_str("\n ");
                column = 1;
            }
            write!(list, " {word}").unwrap();
            column += 1 + length;
        }
    }
    list + "\n"
}

#[test]
fn the_document_has_every_topic() {
    let path = root().join("docs/explain.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, listed) = document.split_once(LIST).expect("the heading of the list");
    let expected = list();
    if bless() {
        std::fs::write(&path, format!("{before}{LIST}{expected}")).unwrap();
        return;
    }
    assert!(listed == expected, "docs/explain.md (-) and the program (+):\n{}", diff(listed, &expected));
}
