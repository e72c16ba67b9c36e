//! Pictures of what was measured.

mod conditions;
mod confusion;
mod curves;
mod reliability;
mod sheet;

use std::sync::LazyLock;

use image::RgbImage;
use plotters::prelude::*;

pub use conditions::{ConditionBar, condition_bars};
pub use confusion::confusion_matrix;
pub use curves::{Curve, CurvePanel, curves};
pub use reliability::reliability_diagram;
pub use sheet::contact_sheet;

const FONT: &str = "moue";
const INK: RGBColor = RGBColor(33, 37, 41);
const FAINT: RGBColor = RGBColor(222, 226, 230);
const BLUE: RGBColor = RGBColor(28, 98, 176);
const ORANGE: RGBColor = RGBColor(214, 102, 20);

/// A picture could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the picture: {0}")]
pub struct PlotError(String);

/// The font is compiled in: nothing depends on what is installed.
fn font(size: f64) -> TextStyle<'static> {
    static REGISTERED: LazyLock<()> = LazyLock::new(|| {
        let bytes = epaint_default_fonts::UBUNTU_LIGHT;
        if plotters::style::register_font(FONT, FontStyle::Normal, bytes).is_err() {
            tracing::error!("the built-in font cannot be read");
        }
    });
    LazyLock::force(&REGISTERED);
    (FONT, size).into_font().color(&INK)
}

/// Draws on a white picture of `width` x `height` pixels.
fn draw<F>(width: u32, height: u32, paint: F) -> Result<RgbImage, PlotError>
where
    F: FnOnce(&DrawingArea<BitMapBackend<'_>, plotters::coord::Shift>) -> Result<(), String>,
{
    let mut buffer = vec![255; (width * height * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut buffer, (width, height)).into_drawing_area();
        area.fill(&WHITE).map_err(|e| PlotError(e.to_string()))?;
        paint(&area).map_err(PlotError)?;
        area.present().map_err(|e| PlotError(e.to_string()))?;
    }
    RgbImage::from_raw(width, height, buffer).ok_or_else(|| PlotError("the size does not fit".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{Calibration, ConfusionMatrix};
    use moue_model::Expression;

    fn ink(picture: &RgbImage) -> usize {
        picture.pixels().filter(|p| p.0 != [255, 255, 255]).count()
    }

    #[test]
    fn every_picture_is_drawn_also_without_data() {
        let empty = ConfusionMatrix::default();
        let some = ConfusionMatrix::from_pairs([
            (Expression::Sad, Expression::Sad),
            (Expression::Sad, Expression::Fear),
        ]);
        assert!(ink(&confusion_matrix(&empty, "nothing").unwrap()) > 5_000);
        let picture = confusion_matrix(&some, "two").unwrap();
        assert_ne!(picture, confusion_matrix(&empty, "two").unwrap());
        let none = Calibration::new(&[], &[]);
        let one = Calibration::new(&[[0.9, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0]], &[Expression::Angry]);
        assert_ne!(reliability_diagram(&none, "").unwrap(), reliability_diagram(&one, "").unwrap());
        let bar = |accuracy| ConditionBar { words: "Dark".into(), accuracy, confidence: 0.7 };
        assert!(ink(&condition_bars("nothing", &[]).unwrap()) > 500);
        assert_ne!(condition_bars("one", &[bar(0.2)]).unwrap(), condition_bars("one", &[bar(0.6)]).unwrap());
        let panel = |points: Vec<(f64, f64)>| CurvePanel {
            title: "loss".into(),
            curves: vec![Curve { name: "training".into(), points }],
        };
        let flat = curves("run", &[panel(Vec::new())]).unwrap();
        assert_ne!(flat, curves("run", &[panel(vec![(1.0, 2.0), (2.0, 1.0)])]).unwrap());
    }
}
