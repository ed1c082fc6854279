//! Pictures of latencies: for each measure its percentiles, and beside them how they change over time. As SVG and PNG.
//!
//! plotters draws both: its SVG as it is, the PNG through a backend of our own, since plotters' bitmaps have jagged lines
//! and unevenly spaced letters. No font of the machine is used, so a picture looks the same wherever it is made.
//! Rendering the SVG with resvg was the other road: thirty crates more.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "places in a picture are small numbers, and logarithms of counts are floating-point numbers"
)]

mod clock;
mod curve;
mod heat;
mod legend;
mod page;
mod panel;
mod raster;
mod scale;
mod text;

use std::fmt::{self, Display};

use jiff::tz::TimeZone;
use plotters::prelude::{IntoDrawingArea, SVGBackend};

use crate::latency::{Distribution, Measure, Timeline};
use page::Page;

/// The most curves that a panel draws. The busiest are drawn, and the legend says how many are not.
pub const CURVES: usize = 8;

/// A picture.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    /// What it is of, for its head.
    pub title: String,
    /// The zone of the times that are written under the heat maps.
    pub zone: TimeZone,
    /// One for each measure, from the top down.
    pub panels: Vec<Panel<'a>>,
}

/// What is drawn of a measure.
#[derive(Clone, Debug)]
pub struct Panel<'a> {
    /// Which it is.
    pub measure: Measure,
    /// The percentiles of each series.
    pub curves: Vec<Curve<'a>>,
    /// All of them over time.
    pub timeline: &'a Timeline,
}

/// The percentiles of one series.
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    /// Its name in the legend: any text.
    pub label: String,
    /// Its times.
    pub times: &'a Distribution,
}

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChartError {
    /// It would have more pixels than a PNG is given here: so many panels. [`svg`] has no such limit.
    TooLarge,
    /// The library could not draw or write it, in its own words.
    Failed(String),
}

impl Display for ChartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the picture would be too large for a PNG: choose fewer measures, or SVG"),
            Self::Failed(why) => write!(f, "the picture could not be drawn: {why}"),
        }
    }
}

impl std::error::Error for ChartError {}

/// The picture as an SVG document, whose text is text. The same chart gives the same bytes.
pub fn svg(chart: &Chart<'_>) -> Result<String, ChartError> {
    let page = Page::new(chart);
    let (width, height) = page.size();
    let mut drawn = String::new();
    page.draw(
        &SVGBackend::with_string(&mut drawn, (text::px(width) as u32, text::px(height) as u32)).into_drawing_area(),
    )
    .map_err(|error| ChartError::Failed(error.to_string()))?;
    Ok(as_shown(&drawn, (width, height)))
}

/// plotters has whole numbers only, and a curve needs fractions of a pixel: so it is drawn larger than it is shown. And
/// the cells of a map must have sharp edges at any zoom, or there are light seams between them.
fn as_shown(drawn: &str, (width, height): (i32, i32)) -> String {
    let (large, root_end) = (size_attributes(text::px(width), text::px(height)), "\"http://www.w3.org/2000/svg\">");
    let sharp = format!("{root_end}<style>rect{{shape-rendering:crispEdges}}</style>");
    drawn.replacen(&large, &size_attributes(width, height), 1).replacen(root_end, &sharp, 1)
}

fn size_attributes(width: i32, height: i32) -> String {
    format!("<svg width=\"{width}\" height=\"{height}\"")
}

/// The picture as a PNG of two pixels for each of the SVG's, for dense screens. The same chart gives the same bytes.
/// Characters that the font does not have (it has Latin, Greek and Cyrillic) are drawn as boxes.
pub fn png(chart: &Chart<'_>) -> Result<Vec<u8>, ChartError> {
    let page = Page::new(chart);
    let (width, height) = page.size();
    let mut raster = raster::Raster::new(width, height).ok_or(ChartError::TooLarge)?;
    page.draw(&raster.backend().into_drawing_area()).map_err(|error| ChartError::Failed(error.to_string()))?;
    raster.png().map_err(ChartError::Failed)
}

#[cfg(test)]
mod tests;
