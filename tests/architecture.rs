//! The rules that keep the stages apart: who may name which crate, who may import whom, who may print, how long a file
//! may be. The source is read as text, without comments, strings and tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Crates that have one place. A path that ends in `/` is a folder.
const CRATES: &[(&str, &[&str])] = &[
    ("pcap", &["capture/"]),
    ("bollard", &["docker/"]),
    ("tokio", &["docker/"]),
    ("futures_util", &["docker/"]),
    ("crossbeam_channel", &["commands/"]),
    ("self_cell", &["commands/replay/"]),
    ("hdrhistogram", &[]),
    ("base64", &["latency/files/"]),
    ("plotters", &["chart/"]),
    ("plotters_backend", &["chart/"]),
    ("tiny_skia", &["chart/"]),
    ("ab_glyph", &["chart/"]),
    ("ttf_noto_sans", &["chart/"]),
    ("clap", &["cli.rs", "cli/", "main.rs"]),
    ("serde_json", &["hostile.rs", "render/", "docker/", "capture/", "host/", "latency/files/"]),
    ("etherparse", &[]),
    ("socket2", &["probe/"]),
    ("caps", &["privilege/"]),
    ("landlock", &["privilege/"]),
    ("seccompiler", &["privilege/"]),
];

/// What each module may import from the others: what a packet has met before, as in the diagram of `lib.rs`.
const IMPORTS: &[(&str, &[&str])] = &[
    ("digits", &[]),
    ("address", &["digits"]),
    ("time", &[]),
    ("hostile", &[]),
    ("cli", &["latency"]),
    ("latency", &["time", "hostile"]),
    ("privilege", &[]),
    ("capture", &["address", "time", "hostile", "privilege"]),
    ("docker", &["address", "time", "hostile", "privilege"]),
    ("topology", &["address", "time", "capture", "docker"]),
    ("doctor", &["capture", "docker"]),
    ("host", &["address", "time", "hostile"]),
    ("probe", &["time", "capture", "host", "privilege"]),
    ("decode", &["digits", "address", "time", "capture"]),
    ("track", &["address", "time", "capture", "decode", "latency"]),
    ("join", &["address", "time", "capture", "decode", "track"]),
    ("name", &["address", "time", "hostile", "capture", "decode", "track", "docker"]),
    ("explain", &["address", "time", "decode", "track", "join", "docker", "name"]),
    (
        "render",
        &[
            "digits", "address", "time", "hostile", "capture", "decode", "track", "join", "latency", "name", "explain",
            "topology", "doctor",
        ],
    ),
    ("chart", &["time", "latency", "render"]),
    ("filter", &["address", "time", "cli", "capture", "decode", "track", "join", "docker", "name", "render"]),
];
/// What may import everything: it wires the stages together.
const WIRING: &[&str] = &["commands", "lib", "main"];

/// The longest that a file may be, without its tests.
const MAX_LINES: usize = 400;
/// Files that may be longer, and why.
const LONG: &[(&str, &str)] = &[
    ("decode/dns.rs", "a message format in one file: header, compressed names, record types and their text"),
    ("track/event.rs", "the vocabulary of the stages after it, mostly documentation"),
    ("track/tcp.rs", "one state machine, which is followed best in one piece"),
    ("render/json.rs", "the schema of the JSON log in one place"),
];

/// Printing past the writers that the commands are given.
const PRINTING: &[&str] = &["print!", "println!", "eprint!", "eprintln!", "dbg!", "stdout()"];

/// One file of the program, its tests, comments and strings blanked out, lines kept.
struct Source {
    /// From `src/` on, with `/`.
    path: String,
    code: String,
}

impl Source {
    /// The module at the crate's root that the file belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// How many modules the file lies below the crate's root.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("mod.rs") { parts - 1 } else { parts }
    }
}

fn read(folder: &Path) -> Vec<Source> {
    let (mut sources, mut tests) = (Vec::new(), BTreeSet::new());
    for path in files(folder) {
        let code = without_text(&std::fs::read_to_string(&path).unwrap());
        let raw = std::fs::read_to_string(&path).unwrap();
        tests.extend(test_files(&code, &raw).iter().map(|name| path.with_file_name(name)));
        let relative = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
        sources.push((path, Source { path: relative, code: without_tests(&code) }));
    }
    sources.retain(|(path, _)| !tests.contains(path));
    sources.into_iter().map(|(_, source)| source).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The source with everything in comments, strings and character literals blanked out.
fn without_text(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = text_at(rest, code.chars().last());
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// The length of the comment, string or character literal that `rest` begins with; 0 where it is code.
fn text_at(rest: &str, before: Option<char>) -> usize {
    let to_end = |end: Option<usize>| end.unwrap_or(rest.len());
    if rest.starts_with("//") {
        return to_end(rest.find('\n'));
    }
    if rest.starts_with("/*") {
        return to_end(rest.find("*/").map(|end| end + 2));
    }
    let in_word = before.is_some_and(|char| char.is_alphanumeric() || char == '_');
    let raw = rest.strip_prefix('r').or_else(|| rest.strip_prefix("br")).filter(|_| !in_word);
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = rest.len() - raw.len() + hashes + 1;
            return to_end(rest[open..].find(&close).map(|end| open + end + close.len()));
        }
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    let mut after = rest.chars().skip(1);
    let is_literal = rest.starts_with('\'') && (after.next() == Some('\\') || after.next() == Some('\''));
    if is_literal { quoted(rest, '\'') } else { 0 }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if char == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

const TEST: &str = "#[cfg(test)]";

/// The ends of the items that stand under `#[cfg(test)]`, from the attribute on.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let (mut items, mut from) = (Vec::new(), 0);
    while let Some(start) = code[from..].find(TEST).map(|at| from + at) {
        let mut depth = 0_u32;
        let mut end = code.len();
        for (at, char) in code[start + TEST.len()..].char_indices() {
            match char {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 && matches!(char, '}' | ';') {
                end = start + TEST.len() + at + 1;
                break;
            }
        }
        items.push((start, end));
        from = end;
    }
    items
}

/// The lines of tests are taken out, so that the length of the rest can be told.
fn without_tests(code: &str) -> String {
    let (mut kept, mut from) = (String::new(), 0);
    for (start, end) in test_items(code) {
        kept.push_str(&code[from..start]);
        from = end;
    }
    kept.push_str(&code[from..]);
    kept.trim_end().to_owned()
}

/// The files of modules that are declared under `#[cfg(test)]`.
fn test_files(code: &str, raw: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (start, end) in test_items(code) {
        let Some(name) = code[start..end].trim_end().strip_suffix(';').and_then(|item| item.rsplit("mod ").next())
        else {
            continue;
        };
        // Blanking keeps the number of characters, not of bytes; attributes hold ASCII only.
        let characters = |bytes: usize| code[..bytes].chars().count();
        let item: String = raw.chars().skip(characters(start)).take(characters(end) - characters(start)).collect();
        let path = item.split_once("#[path = \"").and_then(|(_, rest)| rest.split_once('"'));
        names.push(path.map_or_else(|| format!("{}.rs", name.trim()), |(path, _)| path.to_owned()));
    }
    names
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Where a word stands by itself: what comes before it, and what after.
fn occurrences<'a>(code: &'a str, word: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let places: Vec<_> = code.match_indices(word).map(|(at, found)| (&code[..at], &code[at + found.len()..])).collect();
    places.into_iter().filter(|(before, after)| !before.ends_with(is_word) && !after.starts_with(is_word))
}

/// Whether the code names that crate.
fn names_crate(code: &str, name: &str) -> bool {
    occurrences(code, name).any(|(before, after)| {
        let before = before.trim_end();
        let starts_path = after.trim_start().starts_with("::") && !before.ends_with("::");
        let imported = before.ends_with("use") || before.ends_with("use ::") || before.ends_with("extern crate");
        starts_path || imported
    })
}

/// The modules at the crate's root that the file imports or names.
fn imports(source: &Source) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for (_, after) in occurrences(&source.code, "crate") {
        found.extend(after.strip_prefix("::").map(first_of_each).unwrap_or_default());
    }
    for (before, after) in occurrences(&source.code, "super") {
        if before.ends_with("super::") {
            continue;
        }
        let (mut levels, mut rest) = (1, after);
        while let Some(next) = rest.strip_prefix("::super") {
            (levels, rest) = (levels + 1, next);
        }
        if levels >= source.depth() {
            found.extend(rest.strip_prefix("::").map(first_of_each).unwrap_or_default());
        }
    }
    found.into_iter().filter(|name| *name != source.module()).collect()
}

/// The first names of a path: `a::b` gives `a`, `{a::b, c}` gives both.
fn first_of_each(path: &str) -> Vec<&str> {
    let first = |path: &'_ str| path.find(|char| !is_word(char)).unwrap_or(path.len());
    let Some(group) = path.strip_prefix('{') else { return vec![&path[..first(path)]] };
    let (mut depth, mut names, mut at_start) = (0_u32, Vec::new(), true);
    for (at, char) in group.char_indices() {
        match char {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            _ if at_start && is_word(char) => {
                names.push(&group[at..at + first(&group[at..])]);
                at_start = false;
            }
            _ => {}
        }
    }
    names
}

/// Everything that breaks a rule.
fn broken(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let Source { path, code } = source;
        for (name, places) in CRATES {
            let allowed = places.iter().any(|place| path.starts_with(place));
            if !allowed && names_crate(code, name) {
                broken.push(format!("src/{path} names the crate {name}, which belongs in {places:?}"));
            }
        }
        if !WIRING.contains(&source.module()) {
            match IMPORTS.iter().find(|(module, _)| *module == source.module()) {
                None => broken.push(format!("src/{path}: say in IMPORTS what {} may import", source.module())),
                Some((module, allowed)) => broken.extend(
                    imports(source)
                        .into_iter()
                        .filter(|import| is_module(import) && !allowed.contains(import))
                        .map(|import| format!("src/{path} imports {import}; {module} may import {allowed:?}")),
                ),
            }
        }
        let prints = |call: &&&str| {
            let (word, rest) = call.split_at(call.find(['!', '(']).unwrap());
            path != "main.rs" && occurrences(code, word).any(|(_, after)| after.starts_with(rest))
        };
        broken.extend(PRINTING.iter().filter(prints).map(|call| format!("src/{path} calls {call}")));
        let lines = code.lines().count();
        if lines > MAX_LINES && !LONG.iter().any(|(long, _)| long == path) {
            broken.push(format!("src/{path} has {lines} lines without its tests, {MAX_LINES} are allowed"));
        }
    }
    broken
}

fn is_module(name: &str) -> bool {
    WIRING.contains(&name) || IMPORTS.iter().any(|(module, _)| *module == name)
}

#[test]
fn the_stages_keep_to_their_rules() {
    let sources = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.len() > 40, "only {} files", sources.len());
    let broken = broken(&sources);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    for (path, _) in LONG {
        assert!(sources.iter().any(|source| source.path == *path), "{path} is in LONG, but not there");
    }
}

#[test]
fn a_broken_rule_is_found() {
    let found = |path: &str, code: &str| {
        let code = without_tests(&without_text(code));
        broken(&[Source { path: path.to_owned(), code }]).len()
    };
    for (path, code) in [
        ("decode/tcp.rs", "use pcap::Linktype;"),
        ("decode/tcp.rs", "fn f() { let x = pcap::Linktype(1); }"),
        ("name/mod.rs", "use tokio::sync;"),
        ("track/mod.rs", "use hdrhistogram;"),
        ("decode/tcp.rs", "use crate::track::Tracker;"),
        ("decode/tcp.rs", "use crate::{capture::Frame, render::{Summary, Layout}};"),
        ("decode/tcp.rs", "use super::super::docker::Directory;"),
        ("capture/file/mod.rs", "fn f(x: crate::decode::Packet) {}"),
        ("track/mod.rs", "use crate::name;"),
        ("docker/watch.rs", "use crate::commands::run;"),
        ("topology/build.rs", "use crate::render::TreeWriter;"),
        ("latency/timeline.rs", "use plotters::prelude::SVGBackend;"),
        ("chart/page.rs", "use crate::track::Tracker;"),
        ("doctor/daemon.rs", "use crate::commands::doctor;"),
        ("elsewhere/mod.rs", "//! A new module."),
        ("render/text.rs", "fn f() { println!(\"x\") }"),
        ("commands/mod.rs", "fn f() { std::io::stdout().lock(); }"),
        ("render/text.rs", &"\n".repeat(401).replace('\n', "fn f() {}\n")),
    ] {
        assert_eq!(found(path, code), 1, "{path}: {}", code.lines().next().unwrap());
    }
    for (path, code) in [
        ("decode/tcp.rs", "// pcap::Linktype\n/* use tokio::x; */ const X: &str = \"use clap::Parser;\";"),
        ("decode/tcp.rs", "const C: char = '\"'; fn f<'a>(x: &'a str) -> &'a str { r#\"crate::track\"# }"),
        ("decode/tcp.rs", "#[cfg(test)]\nmod tests { use crate::track::Tracker; fn f() { println!(\"x\") } }"),
        ("capture/file/mod.rs", "mod pcap; use pcap::Format; use super::super::time::Timestamp;"),
        ("track/segment.rs", "use super::event::Direction; use crate::decode::Tcp;"),
        ("commands/watch.rs", "use crate::{capture, decode, docker}; use crossbeam_channel::bounded;"),
        ("render/text.rs", "fn f(blueprint: u8) { writeln!(out, \"x\"); }"),
    ] {
        assert_eq!(found(path, code), 0, "{path}: {code}");
    }
}
