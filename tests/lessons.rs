//! The lessons in `docs/lessons/`: each page has its parts, and what it says that the program prints is what it prints.
//! The latter is so of other documents, too.
//!
//! `BLESS=1 cargo test --test lessons` writes what is printed in the pages anew; then a person reads what changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use common::golden::{bless, diff};
use common::{bridgetap, captures, root, stem};

/// The headings of a page, in their order.
const SECTIONS: [&str; 5] = ["What to run", "The log", "What to look for", "Questions", "Read on"];
/// A line that stands for any number of lines of a log.
const ELISION: &str = "…";
const FENCE: &str = "```";

/// Documents that are no lessons, and show what commands print of captures.
const DOCUMENTS: [&str; 2] = ["README.md", "docs/latency.md"];

/// One page.
struct Page {
    /// `docs/lessons/NN-name.md`, for messages.
    name: String,
    path: PathBuf,
    text: String,
}

/// The pages, in the order of their numbers.
fn pages() -> Vec<Page> {
    let read = |path: PathBuf| Page {
        name: format!("docs/lessons/{}", path.file_name().unwrap().to_str().unwrap()),
        text: fs::read_to_string(&path).unwrap(),
        path,
    };
    let files = fs::read_dir(root().join("docs/lessons")).expect("the folder of the lessons is there");
    let mut pages: Vec<_> = files.map(|file| read(file.unwrap().path())).collect();
    pages.retain(|page| page.path.extension().is_some_and(|end| end == "md") && stem(&page.path) != "README");
    pages.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(pages.len() >= 2, "only {} lessons", pages.len());
    pages
}

/// Those documents.
fn documents() -> Vec<Page> {
    let read = |name: &str| {
        let path = root().join(name);
        Page { name: name.to_owned(), text: fs::read_to_string(&path).unwrap(), path }
    };
    let documents: Vec<_> = DOCUMENTS.into_iter().map(read).collect();
    for document in &documents {
        assert!(!document.shown().is_empty(), "{}: shows no command with a capture", document.name);
    }
    documents
}

fn index() -> String {
    fs::read_to_string(root().join("docs/lessons/README.md")).unwrap()
}

impl Page {
    /// The number that the name of the file begins with.
    fn number(&self) -> u32 {
        stem(&self.path).split('-').next().unwrap().parse().unwrap_or_else(|_| panic!("{}: no number", self.name))
    }

    /// What the first line says behind the number: the question that the page answers.
    fn title(&self) -> &str {
        let begin = format!("# {}. ", self.number());
        let line = self.text.lines().next().unwrap_or_default();
        line.strip_prefix(&begin).unwrap_or_else(|| panic!("{}: does not begin with {begin:?}", self.name))
    }

    /// The lines under a heading, up to the next one.
    fn section(&self, heading: &str) -> Vec<&str> {
        let begin = format!("## {heading}");
        self.text
            .lines()
            .skip_while(|line| *line != begin)
            .skip(1)
            .take_while(|line| !line.starts_with("## "))
            .collect()
    }

    /// The blocks that show what commands print, each as its lines.
    fn shown(&self) -> Vec<Vec<&str>> {
        let (mut shown, mut block) = (Vec::new(), None::<Vec<&str>>);
        for line in self.text.lines() {
            match (&mut block, line == FENCE) {
                (None, true) => block = Some(Vec::new()),
                (None, false) => {}
                (Some(lines), false) => lines.push(line),
                (Some(_), true) => shown.extend(block.take().filter(|lines| shows_commands(lines))),
            }
        }
        assert!(block.is_none(), "{}: a block has no end", self.name);
        shown
    }

    /// The captures that are replayed.
    fn replayed(&self) -> BTreeSet<String> {
        let commands = self.shown().concat().into_iter().filter_map(|line| line.strip_prefix("$ bridgetap replay "));
        commands.flat_map(str::split_whitespace).filter_map(capture_name).map(str::to_owned).collect()
    }

    /// The page with what its commands print now, and what differs.
    fn replayed_anew(&self) -> (String, Vec<String>) {
        let (mut text, mut wrong) = (self.text.clone(), Vec::new());
        for block in self.shown() {
            let anew: Vec<_> = split_at_commands(&block).into_iter().map(|shown| shown.anew(self)).collect();
            let (before, now) = (block.join("\n"), anew.join("\n"));
            if before != now {
                wrong.push(format!("{} (-) and now (+):\n{}", self.name, diff(&before, &now)));
                text = text.replacen(&format!("{FENCE}\n{before}\n"), &format!("{FENCE}\n{now}\n"), 1);
            }
        }
        (text, wrong)
    }
}

fn capture_name(word: &str) -> Option<&str> {
    word.strip_prefix("captures/")?.strip_suffix(".pcapng")
}

/// Whether a block shows what is printed of a capture, or what was typed when it was recorded.
fn shows_commands(block: &[&str]) -> bool {
    let begins = ["$ bridgetap replay ", "$ bridgetap latency ", "$ cat "];
    block.first().is_some_and(|line| begins.iter().any(|begin| line.starts_with(begin)) && line.contains(" captures/"))
}

/// A command, and the lines under it.
struct Shown<'a> {
    command: &'a str,
    lines: Vec<&'a str>,
}

/// The commands of a block. A file that was typed holds lines with `$` too, so a `cat` takes the whole block.
fn split_at_commands<'a>(block: &[&'a str]) -> Vec<Shown<'a>> {
    let mut commands: Vec<Shown<'a>> = Vec::new();
    let only = block[0].starts_with("$ cat ");
    for (number, line) in block.iter().enumerate() {
        match line.strip_prefix("$ ").filter(|_| number == 0 || !only) {
            Some(command) => commands.push(Shown { command, lines: Vec::new() }),
            None => commands.last_mut().unwrap().lines.push(line),
        }
    }
    commands
}

impl Shown<'_> {
    /// The command with what it prints now, as far as it is not left out.
    fn anew(&self, page: &Page) -> String {
        let printed = run(self.command, page);
        let printed: Vec<_> = printed.trim_end().lines().map(str::trim_end).collect();
        let exactly = fit(&self.lines, &printed, str::to_owned);
        let lines = exactly.or_else(|| fit(&self.lines, &printed, without_numbers)).unwrap_or(printed);
        let command = format!("$ {}", self.command);
        [&[command.as_str()][..], &lines].concat().join("\n")
    }
}

fn run(command: &str, page: &Page) -> String {
    let words = words(command);
    match words[0].as_str() {
        "cat" => fs::read_to_string(root().join(&words[1])).unwrap_or_else(|error| panic!("{}: {error}", words[1])),
        "bridgetap" => {
            let output = bridgetap().current_dir(root()).args(&words[1..]).output().unwrap();
            let messages = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success() && messages.is_empty(), "{}: {command}: {messages}", page.name);
            String::from_utf8(output.stdout).unwrap()
        }
        other => panic!("{}: {other} is not run here", page.name),
    }
}

/// The words of a command as a shell splits them; single quotes are all that the pages need.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for char in command.chars() {
        match char {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(char),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Finds the lines that a page shows in what was printed, by what `key` leaves of them; gives them as they were printed,
/// left out where the page does.
fn fit<'a>(shown: &[&'a str], printed: &[&'a str], key: impl Fn(&str) -> String) -> Option<Vec<&'a str>> {
    let keys: Vec<_> = printed.iter().map(|line| key(line)).collect();
    let parts: Vec<Vec<String>> =
        shown.split(|line| *line == ELISION).map(|part| part.iter().map(|line| key(line)).collect()).collect();
    let (mut fitted, mut from) = (Vec::new(), 0);
    for (number, part) in parts.iter().enumerate() {
        let last = number + 1 == parts.len();
        let latest = printed.len().checked_sub(part.len())?;
        let at = match (number, last) {
            (0, _) => 0,
            (_, true) => latest,
            _ => (from..=latest).find(|&at| keys[at..].starts_with(part))?,
        };
        if at < from || !keys[at..].starts_with(part) || (last && at != latest) {
            return None;
        }
        if number > 0 {
            fitted.push(ELISION);
        }
        from = at + part.len();
        fitted.extend(&printed[at..from]);
    }
    Some(fitted)
}

/// A line without what differs from one recording to the next: times, addresses and ports.
fn without_numbers(line: &str) -> String {
    let is_number = |word: &&str| {
        word.contains(|char: char| char.is_ascii_digit())
            && word.chars().all(|char| char.is_ascii_hexdigit() || ":.".contains(char))
    };
    let words: Vec<_> = line.split_whitespace().filter(|word| !is_number(word)).collect();
    words.join(" ").replace(|char: char| char.is_ascii_digit(), "")
}

#[test]
fn the_logs_in_the_pages_are_those_of_the_captures() {
    let mut all_wrong = Vec::new();
    for page in pages().into_iter().chain(documents()) {
        let (text, wrong) = page.replayed_anew();
        if bless() {
            fs::write(&page.path, text).unwrap();
        } else {
            all_wrong.extend(wrong);
        }
    }
    assert!(all_wrong.is_empty(), "{}\n\nIf this is meant: BLESS=1 cargo test --test lessons", all_wrong.join("\n\n"));
}

#[test]
fn every_capture_has_a_page_and_every_page_a_capture() {
    let mut without_page: BTreeSet<_> = captures().iter().map(|file| stem(file).to_owned()).collect();
    for page in pages() {
        let replayed = page.replayed();
        assert!(!replayed.is_empty(), "{}: replays no capture", page.name);
        let what_to_run = page.section("What to run").join("\n");
        for name in replayed {
            let command = format!("bridgetap replay captures/{name}.pcapng");
            assert!(what_to_run.contains(&command), "{}: 'What to run' is without {command}", page.name);
            without_page.remove(&name);
        }
    }
    assert!(without_page.is_empty(), "no page in docs/lessons/ replays {without_page:?}");
}

#[test]
fn every_page_has_its_parts() {
    for page in pages() {
        let (name, title) = (&page.name, page.title());
        assert!(title.ends_with('?'), "{name}: the title is a question");
        let headings: Vec<_> = page.text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings, SECTIONS, "{name}");
        let learned = page.text.lines().nth(2).unwrap_or_default();
        assert!(learned.starts_with("You learn "), "{name}: the third line says what you learn");
        let lines = page.text.lines().count();
        assert!((50..=140).contains(&lines), "{name}: {lines} lines");
        let logs: BTreeSet<_> = page.shown().concat().into_iter().collect();
        for (number, line) in page.text.lines().enumerate() {
            let fits = logs.contains(line) || line.chars().count() <= 120;
            assert!(fits, "{name}:{}: longer than 120 columns", number + 1);
        }
        let reading = page.section("Read on").join("\n");
        assert!(reading.contains("https://docs.docker.com/"), "{name}: no page of Docker's documentation");
    }
}

#[test]
fn every_page_says_how_to_see_it_live() {
    let lab = fs::read_to_string(root().join("tests/lab/lab.sh")).unwrap();
    for page in pages() {
        let (name, section) = (&page.name, page.section("What to run").join("\n"));
        for part in ["docker ", "bridgetap watch", "lab.sh up ", "lab.sh down"] {
            assert!(section.contains(part), "{name}: 'What to run' is without '{part}'");
        }
        for line in section.lines().filter(|line| line.starts_with("    ")) {
            let Some((_, asked)) = line.split_once("lab.sh up ") else { continue };
            for scenario in asked.split('#').next().unwrap().split_whitespace() {
                assert!(lab.contains(&format!("\nup_{scenario}() {{")), "{name}: the lab has no scenario {scenario}");
            }
        }
    }
}

/// The items of a numbered list, each with the lines that belong to it.
fn numbered(lines: &[&str]) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        let begin = format!("{}. ", items.len() + 1);
        if let Some(item) = line.strip_prefix(&begin) {
            items.push(item.to_owned());
        } else if let Some(item) = items.last_mut() {
            item.push('\n');
            item.push_str(line.trim_start());
        }
    }
    items
}

#[test]
fn what_to_look_for_is_in_the_log() {
    for page in pages() {
        let shown = page.shown().concat().join("\n");
        let items = numbered(&page.section("What to look for"));
        assert!(items.len() >= 3, "{}: {} things to look for", page.name, items.len());
        for item in items {
            let quoted = item.split('`').skip(1).step_by(2).any(|part| shown.contains(part));
            assert!(quoted, "{}: points at nothing in the log: {item}", page.name);
        }
    }
}

#[test]
fn every_page_asks_three_questions_and_answers_them() {
    for page in pages() {
        let questions = numbered(&page.section("Questions"));
        assert_eq!(questions.len(), 3, "{}: the questions", page.name);
        for question in questions {
            let (asked, answer) = question
                .split_once("<details><summary>Answer</summary>")
                .unwrap_or_else(|| panic!("{}: no answer: {question}", page.name));
            assert!(asked.trim_end().ends_with(['?', '.']), "{}: no question: {asked}", page.name);
            let answer = answer.trim_end().strip_suffix("</details>").map(str::trim);
            assert!(answer.is_some_and(|answer| answer.len() > 20), "{}: no answer: {question}", page.name);
        }
    }
}

#[test]
fn the_index_lists_the_pages_in_their_order() {
    let index = index();
    let listed: Vec<_> = index.lines().filter(|line| line.starts_with("| ") && line.contains(".md)")).collect();
    let expected: Vec<_> = pages()
        .iter()
        .map(|page| format!("| {} | [{}]({}.md) | ", page.number(), page.title(), stem(&page.path)))
        .collect();
    assert_eq!(listed.len(), expected.len(), "pages listed in docs/lessons/README.md");
    for (line, begin) in listed.iter().zip(&expected) {
        assert!(line.starts_with(begin), "docs/lessons/README.md has\n{line}\nand not\n{begin}");
    }
    let numbers: BTreeSet<_> = pages().iter().map(Page::number).collect();
    assert_eq!(numbers.len(), expected.len(), "two pages have one number");
}

#[test]
fn links_to_files_lead_somewhere() {
    let folder = root().join("docs/lessons");
    let texts = pages().into_iter().map(|page| (page.name, page.text));
    let mut checked = 0;
    for (name, text) in texts.chain([("docs/lessons/README.md".to_owned(), index())]) {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            assert!(folder.join(file).exists(), "{name}: {link} is not there");
            checked += 1;
        }
    }
    assert!(checked > 0, "no links");
}

#[test]
fn lines_are_left_out_where_a_page_does() {
    let printed = ["10:00 a", "10:01 b", "10:02 c", "10:03 d"];
    let exactly = |shown: &[&'static str]| fit(shown, &printed, str::to_owned);
    assert_eq!(exactly(&printed), Some(printed.to_vec()));
    assert_eq!(exactly(&["…", "10:02 c", "…"]), Some(vec!["…", "10:02 c", "…"]));
    assert_eq!(exactly(&["10:00 a", "…", "10:03 d"]), Some(vec!["10:00 a", "…", "10:03 d"]));
    assert_eq!(exactly(&["10:00 a", "10:02 c", "…"]), None, "a line is missing without a word");
    assert_eq!(exactly(&["10:00 a", "…", "10:02 c"]), None, "it does not end there");
    assert_eq!(exactly(&["…", "10:01 c", "…"]), None);
    let other_times = ["…", "09:59   c", "…"];
    assert_eq!(fit(&other_times, &printed, without_numbers), Some(vec!["…", "10:02 c", "…"]));
    assert_eq!(
        without_numbers("05:17:32.4  host:60912 → web  ARP  172.17.0.2 is at 02:42:ac:11:00:02  0.3 ms"),
        "host: → web ARP is at ms"
    );
}

#[test]
fn commands_are_split_into_words() {
    assert_eq!(
        words("bridgetap replay  --filter 'tcp port 80' a"),
        ["bridgetap", "replay", "--filter", "tcp port 80", "a"]
    );
}
