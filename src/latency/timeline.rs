//! How times change while they are measured: the data of a heat map, columns of time and rows of latency.

use std::time::Duration;

use super::Bucket;
use super::layout::{HIGHEST, LOWEST, ROWS};
use crate::time::Timestamp;

/// The most columns that a timeline has.
pub const COLUMNS: usize = 256;
/// How wide a column is at first: 10 ms in nanoseconds.
const NARROWEST: u64 = 10_000_000;

/// The times of one measure, over time.
///
/// A column begins at a multiple of its width since 1970. At first it is 10 ms wide; where what is recorded would take
/// more than [`COLUMNS`], each two are merged and all are twice as wide, as often as it takes. So the order in which
/// times are recorded does not matter, and one that is earlier than all before it puts columns in front. A clock that
/// jumps by years makes columns of years.
///
/// A row is a quarter of an octave: 13 for each power of ten, which are 4 % to 12 % to either side of their middle. A
/// column has only the rows up to its longest time, so a timeline takes at most 256 columns of 163 counters: 330 KiB,
/// and mostly a third of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    columns: Vec<Column>,
    /// The number of the first column, counted in widths since 1970.
    first: u64,
    /// Nanoseconds. No overflow: 256 columns of 2^33 times the narrowest are more than 64 bits of nanoseconds.
    width: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { columns: Vec::new(), first: 0, width: NARROWEST }
    }
}

/// What one stretch of time has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Requests that were not answered.
    pub unanswered: u64,
    /// Counts of [`ROWS`], up to the longest time.
    rows: Vec<u64>,
}

impl Column {
    /// The rows that hold times, the shortest first.
    pub fn rows(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.rows.iter().enumerate().filter(|(_, count)| **count > 0).map(|(row, count)| Bucket {
            lowest: ROWS.lowest(row).unwrap_or(0),
            highest: ROWS.highest(row),
            count: *count,
        })
    }

    fn add(&mut self, row: usize, more: u64) {
        if self.rows.len() <= row {
            self.rows.resize(row + 1, 0);
        }
        if let Some(count) = self.rows.get_mut(row) {
            *count = count.saturating_add(more);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.unanswered = self.unanswered.saturating_add(other.unanswered);
        for (row, count) in other.rows.iter().enumerate() {
            self.add(row, *count);
        }
    }
}

impl Timeline {
    /// Counts a time in nanoseconds that ended then. 0 counts as 1 ns, more than an hour as an hour.
    pub fn record(&mut self, at: Timestamp, nanos: u64) {
        let row = ROWS.index(nanos.clamp(LOWEST, HIGHEST));
        if let Some(column) = self.column(at) {
            column.add(row, 1);
        }
    }

    /// Counts a request that was sent then, or given up then, and has no time.
    pub fn unanswered(&mut self, at: Timestamp) {
        self.unanswered_n(at, 1);
    }

    /// As above, `count` of them.
    pub fn unanswered_n(&mut self, at: Timestamp, count: u64) {
        if let Some(column) = self.column(at) {
            column.unanswered = column.unanswered.saturating_add(count);
        }
    }

    /// The columns from the first that counted something to the last, those between them that are empty as well.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How long a column is.
    pub const fn width(&self) -> Duration {
        Duration::from_nanos(self.width)
    }

    /// When the first column begins: at the first time that was counted, or less than a width earlier.
    pub const fn began(&self) -> Timestamp {
        Timestamp::from_nanos(self.first.saturating_mul(self.width))
    }

    /// The column of that time, made where it is new.
    fn column(&mut self, at: Timestamp) -> Option<&mut Column> {
        let mut place = at.as_nanos() / self.width;
        if self.columns.is_empty() {
            self.first = place;
        }
        while self.span_with(place) > COLUMNS as u64 {
            self.widen();
            place /= 2;
        }
        if place < self.first {
            let before = (self.first - place) as usize;
            self.columns.splice(..0, std::iter::repeat_n(Column::default(), before));
            self.first = place;
        }
        let index = (place - self.first) as usize;
        if self.columns.len() <= index {
            self.columns.resize_with(index + 1, Column::default);
        }
        self.columns.get_mut(index)
    }

    /// How many columns there would be with that one.
    fn span_with(&self, place: u64) -> u64 {
        let last = self.first + (self.columns.len() as u64).saturating_sub(1);
        place.max(last) - place.min(self.first) + 1
    }

    /// Merges each two columns that the next width has as one.
    fn widen(&mut self) {
        let places = self.first..;
        let narrow = std::mem::take(&mut self.columns);
        self.first /= 2;
        self.width *= 2;
        for (place, column) in places.zip(narrow) {
            match self.columns.last_mut().filter(|_| place % 2 == 1) {
                Some(even) => even.merge(&column),
                None => self.columns.push(column),
            }
        }
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
