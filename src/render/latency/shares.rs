//! Where the time goes, as lines under a series.

use super::super::columns::padded;
use super::super::units::columns;
use super::bars::bar;
use super::figures::{Percent, Time};
use super::line::{Line, broken, name};
use super::{DIM, PLAIN, WIDTH};

/// Blanks before a share.
const INDENT: usize = 6;
/// The least room for a label, and the most.
const LABEL: (usize, usize) = (12, 36);
/// `there 4.10µs  back 3.90µs`.
const SPENT: usize = 25;
/// `100.0 %`.
const SHARE: usize = 7;
/// The widest that a bar is, and the narrowest that is drawn.
const BAR: (usize, usize) = (24, 6);

/// The parts of the time of a series, or of one exchange of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Breakdown {
    /// What it is the time of.
    pub of: Of,
    /// The parts, in the order of the request's way.
    pub shares: Vec<Share>,
}

/// What the time is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The mean of so many exchanges, which the same taps saw.
    Mean(u64),
    /// The exchange that took longest.
    Slowest,
}

/// A part of the time.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Where: `container_b eth0 → br-0a1b`, `behind container_a eth0`.
    pub label: String,
    /// How long.
    pub spent: Spent,
}

/// How long a part took, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spent {
    /// On the way between two taps.
    Between {
        /// The request's way.
        there_ns: f64,
        /// The answer's.
        back_ns: f64,
    },
    /// Behind the last tap.
    Behind {
        /// From the request there to the answer there.
        ns: f64,
    },
}

impl Spent {
    fn nanos(self) -> f64 {
        match self {
            Self::Between { there_ns, back_ns } => there_ns + back_ns,
            Self::Behind { ns } => ns,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Between { there_ns, back_ns } => {
                format!("there {:<6}  back {}", Time(there_ns).to_string(), Time(back_ns))
            }
            Self::Behind { ns } => Time(ns).to_string(),
        }
    }
}

impl Breakdown {
    /// A title, and a line for each part; those whose label is long have two.
    pub(super) fn lines(&self, width: Option<usize>) -> Vec<Line> {
        let width = width.unwrap_or(WIDTH);
        let total: f64 = self.shares.iter().map(|share| share.spent.nanos()).sum();
        let labels: Vec<_> = self.shares.iter().map(|share| name(&share.label)).collect();
        let longest = labels.iter().map(|label| columns(label)).max().unwrap_or(0);
        let room = longest.clamp(LABEL.0, LABEL.1);
        let left = width.saturating_sub(INDENT + room + 2 + SPENT + 2 + SHARE + 2);
        let bar_width = if left < BAR.1 { 0 } else { left.min(BAR.0) };
        let mut lines = vec![self.title(total)];
        for (share, label) in self.shares.iter().zip(labels) {
            let mut beside = " ".repeat(INDENT);
            if columns(&label) <= room {
                beside += &label;
            } else {
                let whole = broken(&label, Some(width.saturating_sub(INDENT)), 2, PLAIN);
                lines.extend(whole.into_iter().map(|line| Line::of(" ".repeat(INDENT), PLAIN).and(line.text(false))));
            }
            let mut line = String::new();
            padded(&mut line, &beside, INDENT + room + 2);
            let part = if total > 0.0 { share.spent.nanos() / total } else { 0.0 };
            let figures = format!("{:SPENT$}  {:>SHARE$}  ", share.spent.words(), Percent(part));
            lines.push(Line::of(line, PLAIN).and(figures).and(bar(part, 1.0, bar_width)));
        }
        lines
    }

    fn title(&self, total: f64) -> Line {
        let of = match self.of {
            Of::Mean(count) => format!("mean of {count}"),
            Of::Slowest => "the slowest".to_owned(),
        };
        Line::of(format!("    where the time goes ({of}, {}):", Time(total)), DIM)
    }
}
