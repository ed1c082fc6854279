//! What is drawn of a measure: its percentiles, and beside them the heat map. All numbers are pixels.

use jiff::tz::TimeZone;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::prelude::{Cartesian2d, Circle, DrawingBackend, LabelAreaPosition, LineSeries, PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBColor, ShapeStyle};

use super::heat::{Map, UNANSWERED, shade};
use super::legend::{LINE, Legend};
use super::page::Drawn;
use super::scale::{Scale, Tick, fitting, height, latencies, percentiles};
use super::text::{Size, px, snapped};
use super::{Panel, clock, curve};
use crate::latency::Column;

/// The panel's own head.
const HEAD: i32 = 26;
/// A plot without the numbers at its axes.
const PLOT: i32 = 240;
/// The numbers at the latency axis, and those under the other one with its name.
const NUMBERS: (i32, i32) = (56, 40);
/// Beside a plot, for half of its last number.
const BESIDE: i32 = 24;
/// Above the legends.
const GAP: i32 = 10;
/// The colour bar.
const BAR: (i32, i32) = (200, 10);
/// A mark of what was not answered.
const MARK: i32 = 6;

const AXIS: RGBColor = RGBColor(0x8c, 0x93, 0x9b);
const GRID: RGBColor = RGBColor(0xdd, 0xe0, 0xe4);
const FAINT: RGBColor = RGBColor(0xf1, 0xf2, 0xf4);

type Plot<'a, B> = ChartContext<'a, B, Cartesian2d<Scale, Scale>>;

/// A panel, of which everything is known but the pixels.
pub struct Prepared<'a> {
    heading: String,
    legend: Legend<'a>,
    map: Map,
    latency: Scale,
    percentile: Scale,
    time: Scale,
    days: String,
    /// Of one plot with its numbers.
    width: i32,
}

impl<'a> Prepared<'a> {
    pub fn of(panel: &Panel<'a>, zone: &TimeZone, width: i32) -> Self {
        let width = width / 2;
        let inside = width - NUMBERS.0 - BESIDE;
        let legend = Legend::of(&panel.curves, inside);
        let map = Map::of(panel.timeline);
        let ends = || legend.entries.iter().filter_map(|entry| Some((entry.times.min()?, entry.times.max()?)));
        let rows = || panel.timeline.columns().iter().flat_map(Column::rows);
        let least = ends().map(|(min, _)| min).chain(rows().map(|row| row.lowest)).min();
        let greatest = ends().map(|(_, max)| max).chain(rows().map(|row| row.highest)).max();
        let count = legend.entries.iter().map(|entry| entry.times.count()).max().unwrap_or(0);
        let (time, days) = if map.is_empty() {
            (Scale::EMPTY, "time".to_owned())
        } else {
            let (began, length) = (panel.timeline.began(), map.length);
            (clock::scale(began, length, zone, f64::from(inside)), clock::days(began, length, zone))
        };
        Self {
            heading: format!("{}: {}", panel.measure, panel.measure.words()),
            latency: least.zip(greatest).map_or(Scale::EMPTY, |(least, greatest)| latencies(least, greatest)),
            percentile: if count == 0 { Scale::EMPTY } else { percentiles(count, f64::from(inside)) },
            time,
            days,
            legend,
            map,
            width,
        }
    }

    pub fn height(&self) -> i32 {
        HEAD + PLOT + NUMBERS.1 + GAP + self.legend.height.max(3 * LINE)
    }

    pub fn draw<B: DrawingBackend>(&self, page: &DrawingArea<B, Shift>, (x, y): (i32, i32)) -> Drawn<B> {
        page.draw_text(&self.heading, &Size::Heading.style(HPos::Left, VPos::Top), (px(x), px(y)))?;
        let (plots, legends) = (y + HEAD, y + HEAD + PLOT + NUMBERS.1 + GAP);
        let right = x + self.width;
        self.draw_curves(page, (x, plots))?;
        self.draw_legend(page, (x + NUMBERS.0, legends))?;
        self.draw_map(page, (right, plots))?;
        self.draw_colors(page, (right + NUMBERS.0, legends))
    }

    fn draw_curves<B: DrawingBackend>(&self, page: &DrawingArea<B, Shift>, corner: (i32, i32)) -> Drawn<B> {
        let mut plot = self.axes(page, corner, &self.percentile, "percentile")?;
        if self.has_no_curves() {
            return self.say(page, corner, "no times");
        }
        // The busiest is drawn last, above the others.
        for entry in self.legend.entries.iter().rev() {
            let points: Vec<_> =
                curve::points(entry.times).into_iter().map(|(at, value)| (at, height(value))).collect();
            let style = entry.color.stroke_width(px(2) as u32);
            plot.draw_series(LineSeries::new(points.iter().copied(), style))?;
            // The greatest; and all that there is to see of a single time.
            plot.draw_series(points.last().map(|last| Circle::new(*last, px(3), entry.color.filled())))?;
        }
        Ok(())
    }

    fn draw_map<B: DrawingBackend>(&self, page: &DrawingArea<B, Shift>, corner: (i32, i32)) -> Drawn<B> {
        let plot = self.axes(page, corner, &self.time, &self.days)?;
        if self.map.is_empty() {
            // A log of intervals has times, but not each one's own moment.
            let words = if self.has_no_curves() { "no times" } else { "not known over time" };
            return self.say(page, corner, words);
        }
        // Edges on whole pixels: else there would be light seams between the cells.
        let place = |time: f64, latency: f64| {
            let (x, y) = plot.backend_coord(&(time, latency));
            (snapped(x), snapped(y))
        };
        for cell in &self.map.cells {
            let (left, bottom) = place(cell.time.0, cell.latency.0);
            let (right, top) = place(cell.time.1, cell.latency.1);
            page.draw(&Rectangle::new([(left, top), (right, bottom)], self.map.color(cell.count).filled()))?;
        }
        for (from, to) in &self.map.unanswered {
            let ((left, _), (right, _), top) = (place(*from, 0.0), place(*to, 0.0), px(corner.1 + 2));
            let right = right.max(left + px(2));
            page.draw(&Rectangle::new([(left, top), (right, top + px(MARK))], UNANSWERED.filled()))?;
        }
        Ok(())
    }

    /// An empty plot with its axes. Where there are no times, none has a number at its latency axis.
    fn axes<'b, B: DrawingBackend>(
        &self,
        page: &'b DrawingArea<B, Shift>,
        (x, y): (i32, i32),
        across: &Scale,
        name: &str,
    ) -> Result<Plot<'b, B>, DrawingAreaErrorKind<B::ErrorType>> {
        let area = page.clone().shrink((px(x), px(y)), (px(self.width - BESIDE), px(PLOT + NUMBERS.1)));
        let mut plot = ChartBuilder::on(&area)
            .set_label_area_size(LabelAreaPosition::Left, px(NUMBERS.0))
            .set_label_area_size(LabelAreaPosition::Bottom, px(NUMBERS.1))
            .build_cartesian_2d(across.clone(), self.latency.clone())?;
        let line = |color: RGBColor| ShapeStyle { color: color.to_rgba(), filled: false, stroke_width: px(1) as u32 };
        plot.configure_mesh()
            .axis_style(line(AXIS))
            .bold_line_style(line(GRID))
            .light_line_style(line(FAINT))
            .label_style(Size::Body.style(HPos::Center, VPos::Top))
            .axis_desc_style(Size::Body.style(HPos::Center, VPos::Top))
            .set_all_tick_mark_size(px(4))
            .x_desc(name)
            .draw()?;
        Ok(plot)
    }

    fn has_no_curves(&self) -> bool {
        self.legend.entries.iter().all(|entry| entry.times.is_empty())
    }

    /// In the middle of a plot, in place of what it would show.
    fn say<B: DrawingBackend>(&self, page: &DrawingArea<B, Shift>, (x, y): (i32, i32), words: &str) -> Drawn<B> {
        let middle = (px(x + NUMBERS.0 + (self.width - NUMBERS.0 - BESIDE) / 2), px(y + PLOT / 2));
        page.draw_text(words, &Size::Heading.style(HPos::Center, VPos::Center), middle)
    }

    fn draw_legend<B: DrawingBackend>(&self, page: &DrawingArea<B, Shift>, corner: (i32, i32)) -> Drawn<B> {
        let style = Size::Body.style(HPos::Left, VPos::Center);
        let place = |(x, y): (i32, i32)| (px(corner.0 + x), px(corner.1 + y));
        for entry in &self.legend.entries {
            let (from, to, name) = entry.sample();
            page.draw(&PathElement::new([place(from), place(to)], entry.color.stroke_width(px(2) as u32)))?;
            page.draw_text(&entry.label, &style, place(name))?;
        }
        if let Some((text, (x, y))) = &self.legend.left_out {
            page.draw_text(text, &style, place((*x, y + LINE / 2)))?;
        }
        Ok(())
    }

    /// What the colours of the map mean.
    fn draw_colors<B: DrawingBackend>(&self, page: &DrawingArea<B, Shift>, (mut x, y): (i32, i32)) -> Drawn<B> {
        let words = Size::Body.style(HPos::Left, VPos::Center);
        let middle = y + BAR.1 / 2;
        if !self.map.cells.is_empty() {
            self.draw_bar(page, (x, y))?;
            page.draw_text("times in a cell", &words, (px(x + BAR.0 + 16), px(middle)))?;
            x += BAR.0 + 130;
        }
        if self.map.lost > 0 {
            let mark = [(px(x), px(middle - MARK / 2)), (px(x + 14), px(middle + MARK / 2))];
            page.draw(&Rectangle::new(mark, UNANSWERED.filled()))?;
            page.draw_text(&format!("{} unanswered", self.map.lost), &words, (px(x + 20), px(middle)))?;
        }
        Ok(())
    }

    fn draw_bar<B: DrawingBackend>(&self, page: &DrawingArea<B, Shift>, (x, y): (i32, i32)) -> Drawn<B> {
        let (width, below) = (BAR.0, y + BAR.1);
        for step in 0..width {
            let color = shade(f64::from(step) / f64::from(width - 1));
            let corners = [(px(x + step), px(y)), (px(x + step + 1), px(below))];
            page.draw(&Rectangle::new(corners, color.filled()))?;
        }
        let across = f64::from(width) / height(self.map.most);
        for Tick { at, label } in fitting(counts(self.map.most), across) {
            let place = (px(x) + (at * across * f64::from(px(1))).round() as i32, px(below + 4));
            page.draw_text(&label, &Size::Body.style(HPos::Center, VPos::Top), place)?;
        }
        Ok(())
    }
}

/// The numbers at the colour bar: its ends, then the powers of ten between them.
fn counts(most: u64) -> impl Iterator<Item = Tick> {
    let powers = (1..20).map(|power| 10_u64.saturating_pow(power)).take_while(move |power| *power < most);
    [1, most].into_iter().chain(powers).map(|count| Tick::new(height(count), count.to_string()))
}
