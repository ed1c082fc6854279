//! The picture in pixels: a backend for plotters on tiny-skia, with smooth lines, and letters of the font's outlines.

use std::convert::Infallible;

use ab_glyph::{Font, FontRef, OutlineCurve};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};
use tiny_skia::{Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::text::{PLOTTERS_EM, advance, font, px};

/// Pixels of the PNG for one of the picture as it is shown at 100 %.
const DENSE: u32 = 2;
/// The most pixels: 160 MB in memory. A chart of all measures has half of that.
const MOST_PIXELS: u64 = 40_000_000;

/// A picture in pixels.
pub struct Raster(Pixmap);

impl Raster {
    /// A white one of that size in pixels at 100 %; `None` where that is too large.
    pub fn new(width: i32, height: i32) -> Option<Self> {
        let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
        let (width, height) = (width.checked_mul(DENSE)?, height.checked_mul(DENSE)?);
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return None;
        }
        let mut pixmap = Pixmap::new(width, height)?;
        pixmap.fill(Color::WHITE);
        Some(Self(pixmap))
    }

    /// What plotters draws on.
    pub fn backend(&mut self) -> Backend<'_> {
        Backend { pixmap: &mut self.0, font: font() }
    }

    /// As a PNG file; an error in the encoder's words.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        self.0.encode_png().map_err(|error| error.to_string())
    }
}

/// Draws in units of [`px`]. Text is upright and has one weight: no other is drawn.
pub struct Backend<'a> {
    pixmap: &'a mut Pixmap,
    font: Option<FontRef<'static>>,
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl Backend<'_> {
    fn fill(&mut self, path: Option<Path>, color: BackendColor, transform: Transform) {
        if let Some(path) = path {
            self.pixmap.fill_path(&path, &paint(color), FillRule::Winding, transform, None);
        }
    }

    fn stroke(&mut self, path: Option<Path>, style: &impl BackendStyle) {
        // As SVG has it, where plotters says nothing else.
        let (line_cap, line_join) = (LineCap::Butt, LineJoin::Miter);
        let stroke = Stroke { width: style.stroke_width() as f32, line_cap, line_join, ..Stroke::default() };
        if let Some(path) = path {
            self.pixmap.stroke_path(&path, &paint(style.color()), &stroke, shown(), None);
        }
    }
}

impl DrawingBackend for Backend<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        let units = |pixels: u32| px(1) as u32 * pixels / DENSE;
        (units(self.pixmap.width()), units(self.pixmap.height()))
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        self.draw_rect((x, y), (x + 1, y + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Drawn {
        let rect = Rect::from_ltrb(from.0 as f32, from.1 as f32, to.0 as f32, to.1 as f32);
        match (rect, fill) {
            (Some(rect), true) => self.pixmap.fill_rect(rect, &paint(style.color()), shown(), None),
            (rect, _) => self.stroke(rect.map(PathBuilder::from_rect), style),
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        self.stroke(lines(path).finish(), style);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn {
        let circle = PathBuilder::from_circle(center.0 as f32, center.1 as f32, radius as f32);
        match fill {
            true => self.fill(circle, style.color(), shown()),
            false => self.stroke(circle, style),
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let mut path = lines(path);
        path.close();
        self.fill(path.finish(), style.color(), shown());
        Ok(())
    }

    /// Where and as large as plotters' SVG has it.
    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        let Some(font) = self.font.clone() else { return Ok(()) };
        let em = (style.size() / PLOTTERS_EM) as f32;
        let width: f32 = text.chars().map(|char| advance(&font, char)).sum();
        let left = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -width / 2.0,
            HPos::Right => -width,
        };
        let down = match style.anchor().v_pos {
            VPos::Top => 0.76,
            VPos::Center => X_HEIGHT / 2.0,
            VPos::Bottom => -X_HEIGHT / 2.0,
        };
        let transform = shown().pre_translate(x as f32, y as f32).pre_scale(em, em).pre_translate(left, down);
        self.fill(outlines(&font, text), style.color(), transform);
        Ok(())
    }
}

/// The height of an "x" in the font, in ems: SVG's unit `ex`.
const X_HEIGHT: f32 = 0.535;

/// From units to pixels.
fn shown() -> Transform {
    let scale = DENSE as f32 / px(1) as f32;
    Transform::from_scale(scale, scale)
}

fn paint(color: BackendColor) -> Paint<'static> {
    let (red, green, blue) = color.rgb;
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, (color.alpha.clamp(0.0, 1.0) * 255.0).round() as u8);
    paint
}

fn lines(points: impl IntoIterator<Item = BackendCoord>) -> PathBuilder {
    let mut path = PathBuilder::new();
    for (x, y) in points {
        match path.is_empty() {
            true => path.move_to(x as f32, y as f32),
            false => path.line_to(x as f32, y as f32),
        }
    }
    path
}

/// The letters in ems, from the origin of the first on.
fn outlines(font: &FontRef<'_>, text: &str) -> Option<Path> {
    let em = font.units_per_em()?;
    let mut path = PathBuilder::new();
    let mut pen = 0.0;
    for char in text.chars() {
        let place = |point: ab_glyph::Point| (pen + point.x / em, -point.y / em);
        let mut last = None;
        for curve in font.outline(font.glyph_id(char)).into_iter().flat_map(|outline| outline.curves) {
            let (OutlineCurve::Line(from, to) | OutlineCurve::Quad(from, _, to) | OutlineCurve::Cubic(from, _, _, to)) =
                curve;
            if last != Some(from) {
                let (x, y) = place(from);
                path.move_to(x, y);
            }
            last = Some(to);
            let (x, y) = place(to);
            match curve {
                OutlineCurve::Line(..) => path.line_to(x, y),
                OutlineCurve::Quad(_, control, _) => {
                    let (cx, cy) = place(control);
                    path.quad_to(cx, cy, x, y);
                }
                OutlineCurve::Cubic(_, first, second, _) => {
                    let ((ax, ay), (bx, by)) = (place(first), place(second));
                    path.cubic_to(ax, ay, bx, by, x, y);
                }
            }
        }
        pen += advance(font, char);
    }
    path.finish()
}

#[cfg(test)]
mod tests {
    use plotters::style::text_anchor::Pos;
    use plotters::style::{BLACK, ShapeStyle};

    use super::*;
    use crate::chart::text::Size;

    /// The part of a pixel that is not white, from 0 to 255.
    fn dark(raster: &Raster, x: u32, y: u32) -> u8 {
        255 - raster.0.pixel(x, y).unwrap().green()
    }

    fn drawn(draw: impl FnOnce(&mut Backend<'_>)) -> Raster {
        let mut raster = Raster::new(40, 20).unwrap();
        draw(&mut raster.backend());
        raster
    }

    #[test]
    fn rectangles_are_whole_pixels() {
        let raster = drawn(|backend| backend.draw_rect((px(3), px(4)), (px(5), px(6)), &BLACK, true).unwrap());
        for (x, y, expected) in [(6, 8, 255), (9, 11, 255), (5, 8, 0), (10, 8, 0), (6, 7, 0), (6, 12, 0)] {
            assert_eq!(dark(&raster, x, y), expected, "{x} {y}");
        }
    }

    #[test]
    fn lines_are_as_wide_as_told() {
        let thick = ShapeStyle { color: BLACK.into(), filled: false, stroke_width: px(2) as u32 };
        let raster = drawn(|backend| backend.draw_line((0, px(5)), (px(40), px(5)), &thick).unwrap());
        assert_eq!([7, 8, 10, 11, 12].map(|y| dark(&raster, 20, y)), [0, 255, 255, 255, 0]);
        let raster = drawn(|backend| backend.fill_polygon([(0, 0), (px(10), 0), (0, px(10))], &BLACK).unwrap());
        assert_eq!((dark(&raster, 1, 1), dark(&raster, 19, 19)), (255, 0));
        let raster = drawn(|backend| backend.draw_circle((px(10), px(10)), px(4) as u32, &BLACK, true).unwrap());
        assert_eq!((dark(&raster, 20, 20), dark(&raster, 20, 29)), (255, 0));
    }

    #[test]
    fn text_stands_at_its_anchor() {
        let columns = |horizontal: HPos| {
            let style = Size::Title.style(horizontal, VPos::Center).pos(Pos::new(horizontal, VPos::Center));
            let raster = drawn(|backend| backend.draw_text("||", &style, (px(20), px(10))).unwrap());
            let used: Vec<_> = (0..80).filter(|x| (0..40).any(|y| dark(&raster, *x, y) > 30)).collect();
            (used[0], *used.last().unwrap())
        };
        let (left, right) = (columns(HPos::Left), columns(HPos::Right));
        assert!(left.0 >= 40 && left.1 < 80, "{left:?}");
        assert!(right.0 > 0 && right.1 < 40, "{right:?}");
        let (first, last) = columns(HPos::Center);
        assert!(40_u32.abs_diff(u32::midpoint(first, last)) <= 1, "{first} {last}");
    }

    #[test]
    fn a_picture_has_a_greatest_size() {
        assert!(Raster::new(1200, 8000).is_some());
        for (width, height) in [(1200, 9000), (i32::MAX, i32::MAX), (-1, 5), (0, 5)] {
            assert!(Raster::new(width, height).is_none(), "{width} x {height}");
        }
    }
}
