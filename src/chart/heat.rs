//! Heat maps: which rectangle of time and latency has which colour.

use plotters::style::RGBColor;

use super::scale::height;
use crate::latency::{Column, Timeline};

/// Viridis of matplotlib, turned around: few are light on a light page, many are dark. Its steps look equal, and do so
/// to people who do not see all colours (J. R. Nuñez, C. R. Anderton, R. S. Renslow, PLOS ONE 13(7), 2018).
const COLORS: [RGBColor; 9] = [
    RGBColor(253, 231, 37),
    RGBColor(173, 220, 48),
    RGBColor(94, 201, 98),
    RGBColor(40, 174, 128),
    RGBColor(33, 145, 140),
    RGBColor(44, 114, 142),
    RGBColor(59, 82, 139),
    RGBColor(71, 45, 123),
    RGBColor(68, 1, 84),
];
/// The marks of what was not answered: no colour of the map.
pub const UNANSWERED: RGBColor = RGBColor(214, 39, 40);

/// The fewest columns that are shown, so that a single time is no stripe across the map.
const LEAST_COLUMNS: usize = 16;

/// A rectangle of the map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// From where to where, in nanoseconds since the map's begin.
    pub time: (f64, f64),
    /// From where to where, as [`height`] has it.
    pub latency: (f64, f64),
    /// How many times are in it.
    pub count: u64,
}

/// What a map shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Rectangles that hold times.
    pub cells: Vec<Cell>,
    /// Where something was not answered, in nanoseconds since the begin.
    pub unanswered: Vec<(f64, f64)>,
    /// How many were not answered.
    pub lost: u64,
    /// The greatest count, and at least 10, so that the colours have a scale.
    pub most: u64,
    /// How long it is, in nanoseconds.
    pub length: f64,
}

impl Map {
    pub fn of(timeline: &Timeline) -> Self {
        let width = timeline.width().as_nanos() as f64;
        let places = || (0..).map(|number| (f64::from(number) * width, f64::from(number + 1) * width));
        let columns = || places().zip(timeline.columns());
        let cells: Vec<_> = columns().flat_map(|(time, column)| cells(time, column)).collect();
        Self {
            unanswered: columns().filter(|(_, column)| column.unanswered > 0).map(|(time, _)| time).collect(),
            lost: timeline.columns().iter().fold(0, |sum, column| sum.saturating_add(column.unanswered)),
            most: cells.iter().map(|cell| cell.count).max().unwrap_or(0).max(10),
            length: width * timeline.columns().len().max(LEAST_COLUMNS) as f64,
            cells,
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.unanswered.is_empty()
    }

    /// The colour of so many times.
    pub fn color(&self, count: u64) -> RGBColor {
        shade(height(count) / height(self.most))
    }
}

fn cells(time: (f64, f64), column: &Column) -> impl Iterator<Item = Cell> + '_ {
    column.rows().map(move |row| Cell {
        time,
        latency: (height(row.lowest), height(row.highest.saturating_add(1))),
        count: row.count,
    })
}

/// The colour at a share of the scale, from 0 for the least to 1 for the most.
pub fn shade(share: f64) -> RGBColor {
    let place = share.clamp(0.0, 1.0) * (COLORS.len() - 1) as f64;
    let (below, part) = ((place as usize).min(COLORS.len() - 2), place);
    let part = part - below as f64;
    let mut pair = COLORS.iter().skip(below);
    let (Some(from), Some(to)) = (pair.next(), pair.next()) else { return UNANSWERED };
    let mix = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * part).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

#[cfg(test)]
mod tests {
    use plotters::style::Color;

    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn cells_have_the_extent_and_the_colour_of_what_they_count() {
        let mut timeline = Timeline::default();
        let at = |ms: u64| Timestamp::from_nanos((1_000_000 + ms) * 1_000_000);
        (0..100).for_each(|_| timeline.record(at(0), 1000));
        (0..10).for_each(|_| timeline.record(at(25), 2000));
        timeline.unanswered(at(31));
        timeline.unanswered(at(31));
        let map = Map::of(&timeline);
        assert_eq!((map.most, map.length, map.lost), (100, 160e6, 2));
        assert_eq!(map.unanswered, [(30e6, 40e6)]);
        assert_eq!(map.cells.len(), 2);
        let (low, high) = (map.cells[0], map.cells[1]);
        assert_eq!((low.time, low.latency, low.count), ((0.0, 10e6), (height(896), height(1024)), 100));
        assert_eq!((high.time, high.latency, high.count), ((20e6, 30e6), (height(1792), height(2048)), 10));
        assert_eq!(map.color(100).rgb(), (68, 1, 84));
        assert_eq!(map.color(10).rgb(), (33, 145, 140));
        assert_eq!(map.color(1).rgb(), (253, 231, 37));
    }

    #[test]
    fn without_times_there_are_no_cells() {
        let map = Map::of(&Timeline::default());
        assert_eq!((map.cells.len(), map.unanswered.len(), map.most, map.length), (0, 0, 10, 160e6));
    }

    #[test]
    fn shades_get_darker() {
        let brightness = |share: f64| {
            let RGBColor(red, green, blue) = shade(share);
            0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue)
        };
        assert!((0..100).all(|step| brightness(f64::from(step) / 100.0) > brightness(f64::from(step + 1) / 100.0)));
        assert_eq!((shade(-1.0).rgb(), shade(2.0).rgb()), (shade(0.0).rgb(), shade(1.0).rgb()));
    }
}
