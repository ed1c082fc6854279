//! The page: where everything stands. All numbers here are pixels of the picture as it is shown at 100 %.

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::prelude::DrawingBackend;
use plotters::style::WHITE;
use plotters::style::text_anchor::{HPos, VPos};

use super::Chart;
use super::panel::Prepared;
use super::text::{Size, px};

/// What drawing gives.
pub type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

const WIDTH: i32 = 1200;
/// Around everything.
const MARGIN: i32 = 16;
/// The page's title.
const HEAD: i32 = 34;
/// Between two panels.
const SPACE: i32 = 20;

/// A picture, of which everything is known but the pixels.
pub struct Page<'a> {
    title: String,
    panels: Vec<Prepared<'a>>,
}

impl<'a> Page<'a> {
    pub fn new(chart: &'a Chart<'_>) -> Self {
        let title = Size::Title.fitted(&chart.title, (WIDTH - 2 * MARGIN) as f32);
        let panels = chart.panels.iter().map(|panel| Prepared::of(panel, &chart.zone, WIDTH - 2 * MARGIN)).collect();
        Self { title, panels }
    }

    /// Width and height.
    pub fn size(&self) -> (i32, i32) {
        let panels = self.panels.iter().fold(0_i32, |sum, panel| sum.saturating_add(panel.height() + SPACE));
        (WIDTH, panels.max(SPACE).saturating_add(2 * MARGIN + HEAD - SPACE))
    }

    pub fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        area.fill(&WHITE)?;
        area.draw_text(&self.title, &Size::Title.style(HPos::Left, VPos::Top), (px(MARGIN), px(MARGIN)))?;
        let mut top = MARGIN + HEAD;
        for panel in &self.panels {
            panel.draw(area, (MARGIN, top))?;
            top += panel.height() + SPACE;
        }
        area.present()
    }
}
