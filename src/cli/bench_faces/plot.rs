//! The shares found, as a picture: a bar for each detector under each condition.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Row;
use moue_detect::DetectorKind;

/// The name that the SVG asks for; the measures come from the built-in font.
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(33, 37, 41);
const FAINT: RGBColor = RGBColor(222, 226, 230);
/// Colours of [`DetectorKind::ALL`], told apart by people who see no red or no green too.
const COLOURS: [RGBColor; DetectorKind::ALL.len()] =
    [RGBColor(28, 98, 176), RGBColor(214, 102, 20), RGBColor(134, 142, 150)];
/// Left edge and length of the bars, their thickness, and the top of the first, in pixels.
const LEFT: i32 = 170;
const LENGTH: i32 = 560;
const BAR: i32 = 7;
const TOP: i32 = 64;
/// Height of a condition: its bars and the space below.
const ROW: i32 = BAR * DetectorKind::ALL.len() as i32 + 9;

/// The rows as SVG, in their order. `pictures`: how many were measured.
pub(super) fn found_bars(rows: &[Row], pictures: usize) -> anyhow::Result<String> {
    let conditions: Vec<&[Row]> = rows.chunk_by(|a, b| a.condition == b.condition).collect();
    let height = TOP + ROW * conditions.len() as i32 + 34;
    let mut svg = String::new();
    draw(&mut svg, &conditions, pictures, height)
        .map_err(|e| anyhow::anyhow!("cannot draw the picture: {e}"))?;
    Ok(svg)
}

fn draw(svg: &mut String, conditions: &[&[Row]], pictures: usize, height: i32) -> Result<(), String> {
    // Where it is registered already, the error says so.
    let _ = plotters::style::register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    let area = SVGBackend::with_string(svg, ((LEFT + LENGTH + 60) as u32, height as u32)).into_drawing_area();
    let text = |content: String, x: i32, y: i32, size: f64, h: HPos| {
        let style = (FONT, size).into_font().color(&INK).pos(Pos::new(h, VPos::Center));
        area.draw(&Text::new(content, (x, y), style)).map_err(|e| e.to_string())
    };
    let bar = |x: i32, y: i32, length: i32, thick: i32, colour: RGBColor| {
        area.draw(&Rectangle::new([(x, y), (x + length, y + thick)], colour.filled()))
            .map_err(|e| e.to_string())
    };
    area.fill(&WHITE).map_err(|e| e.to_string())?;
    text(format!("Frames in which the face was found, {pictures} pictures"), 16, 20, 18.0, HPos::Left)?;
    for (i, (kind, colour)) in DetectorKind::ALL.into_iter().zip(COLOURS).enumerate() {
        let x = LEFT + 110 * i as i32;
        bar(x, 38, 12, 12, colour)?;
        text(kind.to_string(), x + 18, 44, 14.0, HPos::Left)?;
    }
    let bottom = TOP + ROW * conditions.len() as i32;
    for percent in [0, 25, 50, 75, 100] {
        let x = LEFT + LENGTH * percent / 100;
        bar(x, TOP - 4, 1, bottom - TOP + 4, FAINT)?;
        text(format!("{percent} %"), x, bottom + 14, 13.0, HPos::Center)?;
    }
    for (i, rows) in conditions.iter().enumerate() {
        let top = TOP + ROW * i as i32;
        let name = rows.first().map_or("", |row| row.condition);
        text(name.to_owned(), LEFT - 10, top + ROW / 2 - 4, 14.0, HPos::Right)?;
        for (k, (kind, colour)) in DetectorKind::ALL.into_iter().zip(COLOURS).enumerate() {
            let Some(row) = rows.iter().find(|row| row.detector == kind.name()) else { continue };
            let length = (f64::from(LENGTH) * row.found / 100.0).round() as i32;
            // A bar of nothing is a line.
            bar(LEFT, top + BAR * k as i32, length.max(1), BAR - 1, colour)?;
        }
    }
    area.present().map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn longer_bars_are_what_was_found_more_often() {
        let row = |condition, kind: DetectorKind, found| Row {
            condition,
            detector: kind.to_string(),
            found,
            box_error: None,
            false_faces: 0,
            median_ms: 1.0,
            p95_ms: 1.0,
        };
        let rows = [
            row("clean", DetectorKind::Auto, 100.0),
            row("clean", DetectorKind::Rustface, 50.0),
            row("dark", DetectorKind::Auto, 0.0),
        ];
        let svg = found_bars(&rows, 3).unwrap();
        for part in
            ["clean", "dark", "3 pictures", "rustface", "width=\"560\"", "width=\"280\"", "width=\"1\""]
        {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert!(found_bars(&[], 0).unwrap().starts_with("<svg"));
    }
}
