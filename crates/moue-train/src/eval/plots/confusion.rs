//! The confusion matrix as a picture.

use image::RgbImage;
use moue_model::Expression;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{FAINT, INK, PlotError, draw, font};
use crate::eval::ConfusionMatrix;

const CELL: i32 = 108;
const LEFT: i32 = 150;
const TOP: i32 = 110;

/// Rows are the true classes; a cell shows the count and its share of the row, and is the darker the larger that is.
///
/// # Errors
/// [`PlotError`] when the font cannot be drawn.
pub fn confusion_matrix(matrix: &ConfusionMatrix, title: &str) -> Result<RgbImage, PlotError> {
    let n = Expression::COUNT as i32;
    let (width, height) = (LEFT + n * CELL + 40, TOP + n * CELL + 90);
    draw(width as u32, height as u32, |area| {
        let text = |content: String, x: i32, y: i32, size: f64, colour: &RGBColor, h: HPos| {
            let style = font(size).color(colour).pos(Pos::new(h, VPos::Center));
            area.draw(&Text::new(content, (x, y), style)).map_err(|e| e.to_string())
        };
        text(title.to_owned(), LEFT, 32, 26.0, &INK, HPos::Left)?;
        let subtitle = "rows: labelled, columns: recognised; number of pictures and share of the row";
        text(subtitle.to_owned(), LEFT, 64, 17.0, &INK, HPos::Left)?;
        for (row, truth) in Expression::ALL.into_iter().enumerate() {
            let counts = &matrix.counts[row];
            let total: u64 = counts.iter().sum();
            let y = TOP + row as i32 * CELL;
            text(truth.name().to_owned(), LEFT - 14, y + CELL / 2 - 10, 20.0, &INK, HPos::Right)?;
            text(format!("{total}"), LEFT - 14, y + CELL / 2 + 14, 16.0, &INK, HPos::Right)?;
            for (column, &count) in counts.iter().enumerate() {
                let x = LEFT + column as i32 * CELL;
                let share = if total == 0 { 0.0 } else { count as f64 / total as f64 };
                // White to dark blue; the square root keeps small shares apart.
                let mix = |dark: f64| (255.0 + (dark - 255.0) * share.sqrt()) as u8;
                let fill = RGBColor(mix(8.0), mix(48.0), mix(107.0));
                let cell = [(x, y), (x + CELL, y + CELL)];
                area.draw(&Rectangle::new(cell, fill.filled())).map_err(|e| e.to_string())?;
                area.draw(&Rectangle::new(cell, FAINT)).map_err(|e| e.to_string())?;
                let ink = if share > 0.2 { WHITE } else { INK };
                text(format!("{count}"), x + CELL / 2, y + CELL / 2 - 13, 24.0, &ink, HPos::Center)?;
                if total > 0 {
                    let percent = format!("{:.1} %", 100.0 * share);
                    text(percent, x + CELL / 2, y + CELL / 2 + 17, 18.0, &ink, HPos::Center)?;
                }
            }
        }
        for (column, class) in Expression::ALL.into_iter().enumerate() {
            let x = LEFT + column as i32 * CELL + CELL / 2;
            text(class.name().to_owned(), x, TOP + n * CELL + 22, 20.0, &INK, HPos::Center)?;
        }
        let accuracy = format!("accuracy {:.1} % of {} pictures", 100.0 * matrix.accuracy(), matrix.total());
        text(accuracy, LEFT, TOP + n * CELL + 62, 20.0, &INK, HPos::Left)
    })
}
