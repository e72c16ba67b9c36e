//! Bars: accuracy and confidence under each condition.

use image::RgbImage;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{BLUE, FAINT, INK, ORANGE, PlotError, draw, font};

const ROW: i32 = 40;
const LEFT: i32 = 230;
const TOP: i32 = 120;
/// Width of 100 %.
const WIDTH: i32 = 600;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionBar {
    /// What was changed.
    pub words: String,
    /// Share that is recognised, 0 to 1: the bar's length.
    pub accuracy: f64,
    /// How sure the network was, 0 to 1: the mark.
    pub confidence: f64,
}

/// A bar each, as long as the share of pictures that is recognised, and a mark where the mean confidence is: where the mark
/// is far right of the bar's end, the network is surer than it is right.
///
/// # Errors
/// [`PlotError`] when the font cannot be drawn.
pub fn condition_bars(title: &str, bars: &[ConditionBar]) -> Result<RgbImage, PlotError> {
    let height = TOP + ROW * bars.len() as i32 + 60;
    draw((LEFT + WIDTH + 110) as u32, height as u32, |area| {
        let text = |content: &str, x: i32, y: i32, size: f64, h: HPos| {
            let style = font(size).color(&INK).pos(Pos::new(h, VPos::Center));
            area.draw(&Text::new(content.to_owned(), (x, y), style)).map_err(|e| e.to_string())
        };
        let at = |share: f64| LEFT + (share.clamp(0.0, 1.0) * f64::from(WIDTH)).round() as i32;
        let bottom = TOP + ROW * bars.len() as i32;
        text(title, 24, 32, 24.0, HPos::Left)?;
        let key = [(BLUE, "read as labelled"), (ORANGE, "mean confidence")];
        for ((colour, words), x) in key.into_iter().zip([24, 230]) {
            let square = Rectangle::new([(x, 64), (x + 16, 80)], colour.filled());
            area.draw(&square).map_err(|e| e.to_string())?;
            text(words, x + 26, 72, 17.0, HPos::Left)?;
        }
        for percent in (0..=100).step_by(20) {
            let x = at(f64::from(percent) / 100.0);
            let line = PathElement::new(vec![(x, TOP - 6), (x, bottom + 6)], FAINT.stroke_width(1));
            area.draw(&line).map_err(|e| e.to_string())?;
            text(&format!("{percent} %"), x, bottom + 24, 16.0, HPos::Center)?;
        }
        for (i, bar) in bars.iter().enumerate() {
            let y = TOP + ROW * i as i32;
            text(&bar.words, LEFT - 14, y + ROW / 2, 18.0, HPos::Right)?;
            let corners = [(LEFT, y + 6), (at(bar.accuracy), y + ROW - 6)];
            area.draw(&Rectangle::new(corners, BLUE.mix(0.8).filled())).map_err(|e| e.to_string())?;
            let x = at(bar.confidence);
            let mark = Rectangle::new([(x - 2, y + 3), (x + 2, y + ROW - 3)], ORANGE.filled());
            area.draw(&mark).map_err(|e| e.to_string())?;
            let figure = format!("{:.1} %", 100.0 * bar.accuracy);
            text(&figure, LEFT + WIDTH + 96, y + ROW / 2, 18.0, HPos::Right)?;
        }
        Ok(())
    })
}
