//! Pictures beside what was made of them.

use image::imageops::{FilterType, resize};
use image::{GrayImage, RgbImage};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{INK, PlotError, draw, font};

const SIDE: i32 = 96;
const GAP: i32 = 6;
const PAIR: i32 = 2 * SIDE + GAP + 22;
const ROW: i32 = SIDE + 22;
const LEFT: i32 = 120;
const TOP: i32 = 64;

/// A row a kind of change, in it pairs of source (left) and result (right).
///
/// # Errors
/// [`PlotError`] when the font cannot be drawn.
pub fn contact_sheet(rows: &[(String, Vec<[GrayImage; 2]>)]) -> Result<RgbImage, PlotError> {
    let most = rows.iter().map(|r| r.1.len()).max().unwrap_or(0).max(2) as i32;
    let (width, height) = (LEFT + most * PAIR + 20, TOP + rows.len() as i32 * ROW + 10);
    let mut sheet = draw(width as u32, height as u32, |area| {
        let text = |content: String, x: i32, y: i32, size: f64| {
            let style = font(size).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(content, (x, y), style)).map_err(|e| e.to_string())
        };
        text("left: source, right: what was made of it".to_owned(), LEFT, 30, 20.0)?;
        for (i, (name, _)) in rows.iter().enumerate() {
            text(name.clone(), 16, TOP + i as i32 * ROW + SIDE / 2, 20.0)?;
        }
        Ok(())
    })?;
    for (i, (_, pairs)) in rows.iter().enumerate() {
        for (j, pair) in pairs.iter().enumerate() {
            for (k, picture) in pair.iter().enumerate() {
                let large = resize(picture, SIDE as u32, SIDE as u32, FilterType::Nearest);
                let x = i64::from(LEFT + j as i32 * PAIR + k as i32 * (SIDE + GAP));
                let colour = image::DynamicImage::ImageLuma8(large).to_rgb8();
                image::imageops::replace(&mut sheet, &colour, x, i64::from(TOP + i as i32 * ROW));
            }
        }
    }
    Ok(sheet)
}
