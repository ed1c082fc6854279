//! Which curve is whose.

use std::cmp::Reverse;

use plotters::style::RGBColor;

use super::text::Size;
use super::{CURVES, Curve, curve};
use crate::latency::Distribution;

/// A curve's sample and what is free before its name, in pixels.
const SAMPLE: i32 = 26;
/// Between two lines.
pub const LINE: i32 = 16;

/// A curve that is drawn, and its place in the legend.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    pub times: &'a Distribution,
    pub label: String,
    pub color: RGBColor,
    /// Pixels from the legend's corner.
    pub place: (i32, i32),
}

/// What stands under the percentiles.
#[derive(Clone, Debug)]
pub struct Legend<'a> {
    pub entries: Vec<Entry<'a>>,
    /// How many are not drawn, and where that is said.
    pub left_out: Option<(String, (i32, i32))>,
    /// In pixels.
    pub height: i32,
}

impl<'a> Legend<'a> {
    /// The busiest of the curves, of equals the first, in a legend of that width in pixels: in two columns where the
    /// names are short.
    pub fn of(curves: &[Curve<'a>], width: i32) -> Self {
        let mut busiest: Vec<_> = curves.iter().collect();
        busiest.sort_by_key(|curve| Reverse(curve.times.count()));
        busiest.truncate(CURVES);
        let room = |columns: i32| (width / columns - SAMPLE * 3 / 2) as f32;
        let names = |columns: i32| busiest.iter().map(move |curve| named(curve, room(columns)));
        let columns = if busiest.len() > 1 && names(2).all(|(_, shortened)| !shortened) { 2 } else { 1 };
        let lines = (busiest.len() as i32 + columns - 1) / columns;
        let place = |number: usize| {
            let number = number as i32;
            (number / lines.max(1) * (width / columns), number % lines.max(1) * LINE)
        };
        let entries = busiest.iter().zip(names(columns)).enumerate().map(|(number, (drawn, (label, _)))| Entry {
            times: drawn.times,
            label,
            color: curve::color(number),
            place: place(number),
        });
        let entries: Vec<_> = entries.collect();
        let left_out = match curves.len() - entries.len() {
            0 => None,
            1 => Some("and 1 that is less busy and not drawn".to_owned()),
            more => Some(format!("and {more} that are less busy and not drawn")),
        };
        let height = (lines + i32::from(left_out.is_some())) * LINE;
        Self { entries, left_out: left_out.map(|text| (text, (0, lines * LINE))), height }
    }
}

impl Entry<'_> {
    /// The line that stands before the name, from and to, and where the name begins: in pixels, on the line's middle.
    pub const fn sample(&self) -> ((i32, i32), (i32, i32), (i32, i32)) {
        let (x, y) = (self.place.0, self.place.1 + LINE / 2);
        ((x, y), (x + SAMPLE - 6, y), (x + SAMPLE, y))
    }
}

/// The name of a curve with its count, no wider than that, and whether it had to be shortened.
fn named(curve: &Curve<'_>, pixels: f32) -> (String, bool) {
    let count = match curve.times.count() {
        0 => " (no times)".to_owned(),
        1 => " (1 time)".to_owned(),
        count => format!(" ({count} times)"),
    };
    let room = pixels - Size::Body.width(&count);
    let name = Size::Body.fitted(&curve.label, room);
    let shortened = name != Size::Body.fitted(&curve.label, f32::INFINITY);
    (name + &count, shortened)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(count: u64) -> Distribution {
        let mut times = Distribution::default();
        times.record_n(1000, count);
        times
    }

    #[test]
    fn the_busiest_are_drawn_and_the_others_are_counted() {
        let all: Vec<_> = (0..11).map(times).collect();
        let curves: Vec<_> =
            all.iter().map(|times| Curve { label: format!("series {}", times.count()), times }).collect();
        let legend = Legend::of(&curves, 500);
        let labels: Vec<_> = legend.entries.iter().map(|entry| entry.label.as_str()).collect();
        assert_eq!((labels.len(), labels[0], labels[7]), (8, "series 10 (10 times)", "series 3 (3 times)"));
        assert_eq!(legend.left_out.unwrap().0, "and 3 that are less busy and not drawn");
        assert_eq!(legend.entries[4].place, (250, 0));
        assert_eq!(legend.height, 5 * LINE);
        let legend = Legend::of(&curves[..9], 500);
        assert_eq!(legend.left_out.unwrap().0, "and 1 that is less busy and not drawn");
        assert!(Legend::of(&curves[..8], 500).left_out.is_none());
    }

    #[test]
    fn long_names_have_a_line_each() {
        let (one, none) = (times(1), times(0));
        let curves = [Curve { label: "web".repeat(100), times: &one }, Curve { label: "db".into(), times: &none }];
        let legend = Legend::of(&curves, 500);
        assert!(legend.entries[0].label.ends_with("web (1 time)"), "{}", legend.entries[0].label);
        assert_eq!(legend.entries[1].label, "db (no times)");
        assert_eq!(legend.entries[1].place, (0, LINE));
        assert!(legend.entries.iter().all(|entry| Size::Body.width(&entry.label) < 480.0));
        assert_eq!(Legend::of(&[], 500).height, 0);
    }
}
