//! The sample captures and other projects' captures: what the library finds, against tshark.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::batch::{Batch, batches};
use crate::common::{captures, say};
use crate::frames;
use crate::reasons::{self, Place};
use crate::said::{Score, Subject, compare};
use crate::tshark::Fragments;
use crate::{ours, table, tshark};

/// Files that tshark reads at once.
const AT_ONCE: usize = 2;
/// As many disagreements of a subject are printed; all are in the file that is named.
const SHOWN: usize = 5;

/// What is reached on the corpus at the least, F1 with every disagreement counted against us, whoever is right.
const LEAST: &[(&[Subject], f64)] = &[
    (&[Subject::Protocol], 0.998),
    (&[Subject::Arp], 0.999),
    (&[Subject::Ping], 0.999),
    (&[Subject::Lookup, Subject::Asked], 0.986),
    (&[Subject::Name, Subject::Type, Subject::Rcode, Subject::Answer], 0.97),
    (&[Subject::Connection], 0.997),
    (
        &[
            Subject::Handshake,
            Subject::Acknowledgement,
            Subject::Retransmission,
            Subject::OutOfOrder,
            Subject::DuplicateAck,
            Subject::ZeroWindow,
            Subject::Reset,
            Subject::Bytes,
        ],
        0.99,
    ),
];

/// One thing in which both differ.
struct Disagreement {
    subject: Subject,
    file: String,
    frame: u64,
    /// What we and they say.
    words: String,
}

impl Disagreement {
    fn place(&self) -> Place {
        (format!("{:?}", self.subject), self.file.clone(), self.frame)
    }
}

/// How far both agree, and where they do not.
#[derive(Default)]
pub struct Comparison {
    files: usize,
    unread: usize,
    pub scores: BTreeMap<Subject, Score>,
    disagreements: Vec<Disagreement>,
    /// How many rows of tables were compared, and what differs.
    rows: usize,
    wrong_rows: Vec<String>,
}

impl Comparison {
    pub fn score(&self, subject: Subject) -> Score {
        self.scores.get(&subject).copied().unwrap_or_default()
    }

    /// That of several subjects as if they were one.
    fn score_of(&self, subjects: &[Subject]) -> Score {
        let mut sum = Score::default();
        for subject in subjects {
            sum.add(self.score(*subject));
        }
        sum
    }

    /// Compares what interfaces show.
    pub fn add(&mut self, batch: &Batch<'_>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.pcap");
        std::fs::write(&path, frames::pcap(batch.frames())).unwrap();
        let together = tshark::run(&path, Fragments::Together);
        let has_fragments = batch.interfaces.iter().any(|(_, frames)| frames::has_fragments(frames));
        let apart = has_fragments.then(|| tshark::run(&path, Fragments::Apart));
        let mut before = 0;
        for &(name, frames) in &batch.interfaces {
            let count = frames.len() as u64;
            let (ours, spans) = ours::said(frames);
            let mut theirs = tshark::said(&tshark::frames(&together, before, count), &spans);
            tshark::protocols(&tshark::frames(apart.as_ref().unwrap_or(&together), before, count), &mut theirs);
            before += count;
            compare((&ours, &theirs), &mut self.scores, |subject, frame, our, their| {
                let frame = frames[frame as usize - 1].number;
                let words = format!("{our:?} here, {their:?} there");
                self.disagreements.push(Disagreement { subject, file: name.to_owned(), frame, words });
            });
            let rows = table::compare(&ours, &theirs, frames, &path);
            self.rows += rows.compared;
            self.wrong_rows.extend(rows.wrong.into_iter().map(|wrong| format!("{name}: {wrong}")));
        }
    }

    fn merge(&mut self, other: Self) {
        self.files += other.files;
        self.unread += other.unread;
        for (subject, score) in other.scores {
            self.scores.entry(subject).or_default().add(score);
        }
        self.rows += other.rows;
        self.wrong_rows.extend(other.wrong_rows);
        self.disagreements.extend(other.disagreements);
        self.disagreements.sort_by_key(Disagreement::place);
    }

    /// The table of what was reached.
    fn table(&self) -> String {
        let Self { files, unread, rows, .. } = self;
        let mut table = format!("{files} files, {unread} of them without a frame to compare; {rows} rows of tables\n");
        for (subject, score) in &self.scores {
            let Score { both, only_ours, only_theirs, times_differ } = score;
            let subject = format!("{subject:?}");
            let _ = writeln!(
                table,
                "{subject:16} {both:7} both, {only_ours:4} only here, {only_theirs:4} only there, {times_differ} times \
                 differ; precision {:.4}, recall {:.4}, F1 {:.4}",
                score.precision(),
                score.recall(),
                score.f1(),
            );
        }
        table
    }

    /// Says what was reached, and the first disagreements of each subject.
    pub fn report(&self, name: &str) {
        let all = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("conformance-{name}.txt"));
        let mut text = self.table();
        let (mut full, mut shown) = (text.clone(), BTreeMap::<_, usize>::new());
        for Disagreement { subject, file, frame, words } in &self.disagreements {
            let words: String = words.chars().take(400).collect();
            let line = format!("{subject:?}: {file}, frame {frame}: {words}\n");
            full.push_str(&line);
            let shown = shown.entry(subject).or_default();
            *shown += 1;
            if *shown <= SHOWN {
                text.push_str(&line);
            }
        }
        std::fs::write(&all, full).unwrap();
        say(&format!("{text}All disagreements: {}", all.display()));
    }
}

fn compared(files: &[PathBuf], below: &Path) -> Comparison {
    let name = |file: &PathBuf| file.strip_prefix(below).unwrap_or(file).display().to_string();
    let files: Vec<_> = files.iter().map(|file| (name(file), frames::interfaces(file))).collect();
    let interfaces =
        files.iter().flat_map(|(name, found)| found.iter().map(|frames| (name.as_str(), frames.as_slice())));
    let (batches, next) = (batches(interfaces), AtomicUsize::new(0));
    let unread = files.iter().filter(|(_, found)| found.is_empty()).count();
    let sum = Mutex::new(Comparison { files: files.len(), unread, ..Comparison::default() });
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut comparison = Comparison::default();
                while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                    comparison.add(batch);
                }
                sum.lock().unwrap().merge(comparison);
            });
        }
    });
    sum.into_inner().unwrap()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn the_sample_captures_are_found_to_be_what_tshark_finds() {
    if !tshark::is_there() {
        return;
    }
    let files = captures();
    let comparison = compared(&files, files[0].parent().unwrap());
    comparison.report("captures");
    assert_reasons(&comparison, false);
    assert!(comparison.wrong_rows.is_empty() && comparison.rows >= 20, "{:?}", comparison.wrong_rows);
    for (subject, score) in &comparison.scores {
        assert_eq!((score.only_ours, score.only_theirs, score.times_differ), (0, 0, 0), "{subject:?}");
    }
}

#[test]
fn other_projects_captures_are_found_to_be_what_tshark_finds() {
    let Some(folder) = std::env::var_os("BRIDGETAP_CORPUS").filter(|value| !value.is_empty()).map(PathBuf::from) else {
        return say("NOT RUN: set BRIDGETAP_CORPUS to a folder of captures");
    };
    if !tshark::is_there() {
        return;
    }
    let comparison = compared(&files_below(&folder), &folder);
    comparison.report("corpus");
    assert_reasons(&comparison, true);
    assert!(comparison.wrong_rows.is_empty() && comparison.rows >= 50, "{:?}", comparison.wrong_rows);
    for (subjects, least) in LEAST {
        let score = comparison.score_of(subjects);
        assert!(score.f1() >= *least, "{subjects:?}: {score:?}, F1 {:.4}, and it was {least}", score.f1());
        assert_eq!(score.times_differ, 0, "{subjects:?}");
    }
}

/// Each disagreement has its reason in docs/conformance.md, and where all files were compared, each reason its
/// disagreement.
fn assert_reasons(comparison: &Comparison, has_all: bool) {
    let known = reasons::known();
    let found: BTreeSet<_> = comparison.disagreements.iter().map(Disagreement::place).collect();
    let unknown: Vec<_> = found.difference(&known).collect();
    assert!(unknown.is_empty(), "without a reason in docs/conformance.md: {unknown:#?}");
    let stale: Vec<_> = known.difference(&found).collect();
    assert!(stale.is_empty() || !has_all, "in docs/conformance.md, but both agree: {stale:#?}");
}
