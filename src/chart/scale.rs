//! Scales: which latencies and percentiles a panel shows, and where the numbers stand.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::text::Size;

/// A number at an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where, on the scale.
    pub at: f64,
    /// What is written there; nothing for a faint line.
    pub label: String,
}

impl Tick {
    pub fn new(at: f64, label: impl Into<String>) -> Self {
        Self { at, label: label.into() }
    }
}

/// From where to where an axis goes, and its ticks in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    pub from: f64,
    pub to: f64,
    pub ticks: Vec<Tick>,
    /// Lines without a number.
    pub faint: Vec<f64>,
}

impl Scale {
    /// Of nothing: an axis without ticks.
    pub const EMPTY: Self = Self { from: 0.0, to: 1.0, ticks: Vec::new(), faint: Vec::new() };
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, at: &f64, (from, to): (i32, i32)) -> i32 {
        from + ((at - self.from) / (self.to - self.from) * f64::from(to - from)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, hint: H) -> Vec<f64> {
        match hint.weight().allow_light_points() {
            true => self.faint.clone(),
            false => self.ticks.iter().map(|tick| tick.at).collect(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Scale {
    /// The label of a tick.
    fn format_ext(&self, at: &f64) -> String {
        let near = |tick: &&Tick| (tick.at - at).abs() <= (self.to - self.from) * 1e-9;
        self.ticks.iter().find(near).map(|tick| tick.label.clone()).unwrap_or_default()
    }
}

/// Space between two labels, in pixels.
const GAP: f64 = 5.0;
/// The least of decades that are shown, so that there are always two numbers: a factor of 6.
const LEAST_DECADES: f64 = 0.78;
/// What stays free above and below the times, of the whole. Above it is room for the marks of what was not answered.
const FREE: (f64, f64) = (0.04, 0.07);

/// The logarithm that latencies stand at.
pub fn height(nanos: u64) -> f64 {
    (nanos.max(1) as f64).log10()
}

/// The scale for times between two, in nanoseconds.
pub fn latencies(least: u64, greatest: u64) -> Scale {
    let (mut from, mut to) = (height(least), height(greatest.saturating_add(1)));
    let missing = LEAST_DECADES - (to - from);
    if missing > 0.0 {
        (from, to) = (from - missing / 2.0, to + missing / 2.0);
    }
    let decades = to - from;
    (from, to) = (from - decades * FREE.0, to + decades * FREE.1);
    let numbered: &[f64] = if to - from > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let within = |at: &f64| (from..=to).contains(at);
    let decades = from.floor() as i32..=to.ceil() as i32;
    let ticks = decades.clone().filter(|power| *power >= 0).flat_map(|power| {
        numbered.iter().map(move |digit| Tick::new(f64::from(power) + digit.log10(), unit_label(*digit, power)))
    });
    let ticks: Vec<_> = ticks.filter(|tick| within(&tick.at)).collect();
    let between = |power: i32| (2..10).map(move |digit| f64::from(power) + f64::from(digit).log10());
    let faint = if to - from > 5.0 { Vec::new() } else { decades.flat_map(between).filter(within).collect() };
    Scale { from, to, ticks, faint }
}

/// `digit` times ten to the power of nanoseconds, in the unit that people would say.
fn unit_label(digit: f64, power: i32) -> String {
    let (unit, least) = match power {
        ..3 => ("ns", 0),
        3..6 => ("µs", 3),
        6..9 => ("ms", 6),
        _ => ("s", 9),
    };
    format!("{} {unit}", digit * 10_f64.powi(power - least))
}

/// The scale of percentiles for so many times: 0 % is at 0, 90 % at 1, 99 % at 2, as far as the times reach.
pub fn percentiles(count: u64, pixels: f64) -> Scale {
    let to = height(count.max(10));
    let nines = (0..=to as u32).map(|nines| Tick::new(f64::from(nines), nines_label(nines)));
    let others = [50.0_f64, 75.0].map(|percent| Tick::new(-(1.0 - percent / 100.0).log10(), format!("{percent} %")));
    let ticks = fitting(nines.chain(others), pixels / to);
    let between = |nines: u32| (2..10).map(move |digit| f64::from(nines) + f64::from(digit).log10());
    let faint = if to > 5.0 { Vec::new() } else { (0..5).flat_map(between).filter(|at| *at <= to).collect() };
    Scale { from: 0.0, to, ticks, faint }
}

fn nines_label(nines: u32) -> String {
    match nines {
        0 => "0 %".to_owned(),
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        more => format!("99.{} %", "9".repeat(more as usize - 2)),
    }
}

/// The ticks whose labels have room beside each other; the first in the list are the most wanted. In ascending order.
pub fn fitting(ticks: impl Iterator<Item = Tick>, pixels_each: f64) -> Vec<Tick> {
    let mut kept: Vec<(f64, Tick)> = Vec::new();
    for tick in ticks {
        let half = f64::from(Size::Body.width(&tick.label)) / 2.0;
        let free = |(other, kept): &(f64, Tick)| (kept.at - tick.at).abs() * pixels_each >= half + other + GAP;
        if kept.iter().all(free) {
            kept.push((half, tick));
        }
    }
    kept.sort_by(|(_, one), (_, other)| one.at.total_cmp(&other.at));
    kept.into_iter().map(|(_, tick)| tick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn latencies_have_units() {
        assert_eq!(labels(&latencies(1, 3_600_000_000_000))[..4], ["1 ns", "10 ns", "100 ns", "1 µs"]);
        assert_eq!(labels(&latencies(1, 3_600_000_000_000)).last(), Some(&"10000 s"));
        assert_eq!(labels(&latencies(900_000, 21_000_000)), ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms"]);
        assert_eq!(labels(&latencies(1_000_000_000, 2_000_000_000)), ["1 s", "2 s"]);
    }

    #[test]
    fn one_latency_still_has_two_numbers() {
        for nanos in (0..42).flat_map(|power| [1_u64 << power, (1 << power) + (1 << power) / 3]) {
            let scale = latencies(nanos, nanos);
            assert!(scale.ticks.len() >= 2, "{nanos}: {scale:?}");
            assert!(scale.from < height(nanos) && height(nanos + 1) < scale.to);
            assert!(scale.ticks.windows(2).all(|pair| pair[0].at < pair[1].at));
            assert!(scale.ticks.iter().all(|tick| scale.format_ext(&tick.at) == tick.label));
        }
    }

    #[test]
    fn percentiles_reach_as_far_as_the_times() {
        assert_eq!(labels(&percentiles(1, 500.0)), ["0 %", "50 %", "75 %", "90 %"]);
        assert_eq!(labels(&percentiles(1000, 500.0)), ["0 %", "50 %", "75 %", "90 %", "99 %", "99.9 %"]);
        assert_eq!(labels(&percentiles(99_999, 500.0)), ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
        assert!((percentiles(99_999, 500.0).to - 5.0).abs() < 1e-4);
        // There is never room for all of these, and the labels do not touch.
        let scale = percentiles(u64::MAX, 500.0);
        assert_eq!(labels(&scale)[0], "0 %");
        for pair in scale.ticks.windows(2) {
            let room = (pair[1].at - pair[0].at) * 500.0 / scale.to;
            let width: f32 = pair.iter().map(|tick| Size::Body.width(&tick.label)).sum();
            assert!(room > f64::from(width) / 2.0, "{pair:?}");
        }
    }

    #[test]
    fn a_wanted_label_drives_out_others() {
        let ticks = [Tick::new(1.0, "first"), Tick::new(1.1, "too near"), Tick::new(0.0, "second")];
        let kept: Vec<_> = fitting(ticks.into_iter(), 100.0).into_iter().map(|tick| tick.label).collect();
        assert_eq!(kept, ["second", "first"]);
    }
}
