//! The reliability diagram.

use image::RgbImage;
use plotters::prelude::*;

use super::{BLUE, FAINT, INK, ORANGE, PlotError, draw, font};
use crate::eval::Calibration;

/// Accuracy over confidence (above), and how many pictures have that confidence (below).
///
/// # Errors
/// [`PlotError`] when the font cannot be drawn.
pub fn reliability_diagram(calibration: &Calibration, title: &str) -> Result<RgbImage, PlotError> {
    draw(760, 960, |area| {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let (upper, lower) = area.split_vertically(690);
        let [low, high] = calibration.perfect_band;
        let heading =
            format!("{title}   ECE {:.3} (perfect: {low:.3} to {high:.3})", calibration.expected_error);
        let mut chart = ChartBuilder::on(&upper)
            .caption(heading, font(20.0))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)
            .map_err(|e| text(&e))?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(FAINT)
            .x_desc("confidence")
            .y_desc("accuracy")
            .label_style(font(16.0))
            .axis_desc_style(font(18.0))
            .draw()
            .map_err(|e| text(&e))?;
        let filled = calibration.bins.iter().filter(|b| b.count > 0);
        chart
            .draw_series(filled.clone().map(|b| {
                Rectangle::new([(b.from + 0.004, 0.0), (b.to - 0.004, b.accuracy)], BLUE.mix(0.75).filled())
            }))
            .map_err(|e| text(&e))?;
        // Where the bar ought to end.
        chart
            .draw_series(filled.map(|b| {
                let line = vec![(b.from + 0.004, b.confidence), (b.to - 0.004, b.confidence)];
                PathElement::new(line, ORANGE.stroke_width(4))
            }))
            .map_err(|e| text(&e))?
            .label("mean confidence")
            .legend(|(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], ORANGE.stroke_width(4)));
        chart
            .draw_series([PathElement::new(vec![(0.0, 0.0), (1.0, 1.0)], INK.mix(0.6).stroke_width(2))])
            .map_err(|e| text(&e))?;
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(font(17.0))
            .background_style(WHITE.mix(0.9))
            .border_style(FAINT)
            .draw()
            .map_err(|e| text(&e))?;

        let most = calibration.bins.iter().map(|b| b.count).max().unwrap_or(0).max(1);
        let mut chart = ChartBuilder::on(&lower)
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..1.0, 0..most + most / 20 + 1)
            .map_err(|e| text(&e))?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(FAINT)
            .x_desc("confidence")
            .y_desc("pictures")
            .y_labels(5)
            .label_style(font(16.0))
            .axis_desc_style(font(18.0))
            .draw()
            .map_err(|e| text(&e))?;
        chart
            .draw_series(calibration.bins.iter().map(|b| {
                Rectangle::new([(b.from + 0.004, 0), (b.to - 0.004, b.count)], BLUE.mix(0.75).filled())
            }))
            .map_err(|e| text(&e))?;
        Ok(())
    })
}
