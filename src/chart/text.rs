//! Text in pictures: how wide it is, what is made of hostile names, and the units that all is drawn in.

use std::borrow::Cow;

use ab_glyph::{Font, FontRef};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{IntoFont, RGBColor, TextStyle};

use crate::render::escape::escape;

/// Units in a pixel of the picture as it is shown at 100 %.
const FINE: i32 = 4;
/// What plotters divides the size of its fonts by.
pub const PLOTTERS_EM: f64 = 1.24;
/// What a browser's own font may be wider than ours by.
const WIDER: f32 = 1.15;
/// The font's name in SVG: which one that is, the browser decides.
const FAMILY: &str = "sans-serif";

/// Pixels in units.
pub const fn px(pixels: i32) -> i32 {
    pixels.saturating_mul(FINE)
}

/// Units to the nearest whole pixel, in units.
pub const fn snapped(units: i32) -> i32 {
    (units + FINE / 2).div_euclid(FINE) * FINE
}

/// How large a text is, and how dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// The head of the page.
    Title,
    /// The head of a panel.
    Heading,
    /// All other.
    Body,
}

impl Size {
    /// Pixels of an em.
    pub const fn em(self) -> i32 {
        match self {
            Self::Title => 18,
            Self::Heading => 14,
            Self::Body => 11,
        }
    }

    const fn color(self) -> &'static RGBColor {
        match self {
            Self::Title | Self::Heading => &RGBColor(0x1f, 0x23, 0x28),
            Self::Body => &RGBColor(0x4a, 0x50, 0x58),
        }
    }

    /// For plotters, anchored at a corner or the middle of a side.
    pub fn style(self, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
        let size = f64::from(px(self.em())) * PLOTTERS_EM;
        TextStyle::from((FAMILY, size).into_font()).color(self.color()).pos(Pos::new(horizontal, vertical))
    }

    /// The width of a text in pixels, with what a browser's font may need more.
    pub fn width(self, text: &str) -> f32 {
        let ems: f32 = font().map_or(0.0, |font| text.chars().map(|char| advance(&font, char)).sum());
        ems * self.em() as f32 * WIDER
    }

    /// The text made harmless, and no wider than so many pixels: what is too much is taken out of the middle, because
    /// the ends of names are what differs.
    pub fn fitted(self, text: &str, pixels: f32) -> String {
        let text = visible(text);
        if self.width(&text) <= pixels {
            return text.into_owned();
        }
        let room = (pixels - self.width("…")) / 2.0;
        let head = self.within(text.chars(), room);
        let tail = self.within(text.chars().rev(), room);
        let head: String = text.chars().take(head).collect();
        let tail: String = text.chars().skip(text.chars().count().saturating_sub(tail)).collect();
        format!("{head}…{tail}")
    }

    /// How many of the characters fit.
    fn within(self, chars: impl Iterator<Item = char>, pixels: f32) -> usize {
        let Some(font) = font() else { return 0 };
        let ems = pixels / (self.em() as f32 * WIDER);
        let widths = chars.scan(0.0, |width, char| {
            *width += advance(&font, char);
            Some(*width)
        });
        widths.take_while(|width| *width <= ems).count()
    }
}

/// Noto Sans, which covers Latin, Greek and Cyrillic.
pub fn font() -> Option<FontRef<'static>> {
    FontRef::try_from_slice(ttf_noto_sans::REGULAR).ok()
}

/// How far the pen moves, in ems. Characters that the font does not have are as wide as they are high, as Chinese ones.
pub fn advance(font: &FontRef<'_>, char: char) -> f32 {
    let glyph = font.glyph_id(char);
    match (glyph.0, font.units_per_em()) {
        (0, _) | (_, None) => 1.0,
        (_, Some(em)) => font.h_advance_unscaled(glyph) / em,
    }
}

/// The text with everything escaped that does not print as itself, or that XML cannot hold (XML 1.0, 2.2). What XML
/// means by `<`, `&` and quotes, plotters escapes.
fn visible(text: &str) -> Cow<'_, str> {
    let escaped = escape(text);
    if !escaped.contains(['\u{fffe}', '\u{ffff}']) {
        return escaped;
    }
    Cow::Owned(escaped.replace('\u{fffe}', "\\u{fffe}").replace('\u{ffff}', "\\u{ffff}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_ends() {
        let name = format!("{}{}", "a".repeat(300), "z".repeat(300));
        let fitted = Size::Body.fitted(&name, 200.0);
        assert!(fitted.starts_with("aaaaaaaa") && fitted.contains("a…z") && fitted.ends_with("zzzzzzzz"), "{fitted}");
        let width = Size::Body.width(&fitted);
        assert!((170.0..=200.0).contains(&width), "{width}");
        assert_eq!(Size::Body.fitted("web → db:5432", 200.0), "web → db:5432");
        assert_eq!(Size::Body.fitted("web", 0.0), "…");
    }

    #[test]
    fn hostile_names_are_made_harmless() {
        let fitted = |name| Size::Body.fitted(name, 500.0);
        assert_eq!(fitted("a\u{1b}[2J\u{202e}b\n"), "a\\u{1b}[2J\\u{202e}b\\u{a}");
        assert_eq!(fitted("x\u{0}\u{fffe}\u{ffff}"), "x\\u{0}\\u{fffe}\\u{ffff}");
        assert_eq!(fitted("größe <&>"), "größe <&>");
    }

    #[test]
    fn widths_are_those_of_the_font() {
        // Noto Sans: an "n" takes 618 of 1000 units, a "W" 930; what it does not have takes an em.
        let em = Size::Body.width("数");
        assert!((em - 11.0 * WIDER).abs() < 0.01);
        assert!((Size::Body.width("n") / em - 0.618).abs() < 0.002, "{}", Size::Body.width("n") / em);
        assert!((Size::Body.width("W") / em - 0.93).abs() < 0.002, "{}", Size::Body.width("W") / em);
        assert!(Size::Title.width("web") > Size::Heading.width("web"));
    }

    #[test]
    fn units_snap_to_pixels() {
        assert_eq!([-3, -2, 1, 2, 5, 6, 7].map(snapped), [-4, 0, 0, 4, 4, 8, 8]);
    }
}
