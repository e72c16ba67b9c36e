//! Learning curves.

use image::RgbImage;
use plotters::prelude::*;

use super::{BLUE, FAINT, ORANGE, PlotError, draw, font};

/// One line; x counts epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What it shows.
    pub name: String,
    /// The points, x ascending.
    pub points: Vec<(f64, f64)>,
}

/// Lines that share their axes.
#[derive(Debug, Clone, PartialEq)]
pub struct CurvePanel {
    /// What the vertical axis shows.
    pub title: String,
    /// The lines.
    pub curves: Vec<Curve>,
}

/// Panels below each other.
///
/// # Errors
/// [`PlotError`] when the font cannot be drawn.
pub fn curves(title: &str, panels: &[CurvePanel]) -> Result<RgbImage, PlotError> {
    let height = 60 + 340 * panels.len().max(1) as u32;
    draw(960, height, |area| {
        let area = area.titled(title, font(24.0)).map_err(|e| e.to_string())?;
        for (area, panel) in area.split_evenly((panels.len().max(1), 1)).iter().zip(panels) {
            let points = || panel.curves.iter().flat_map(|c| &c.points).filter(|p| p.1.is_finite());
            let last = points().map(|p| p.0).fold(1.0, f64::max);
            let (low, high) = points().fold((f64::MAX, f64::MIN), |(l, h), p| (l.min(p.1), h.max(p.1)));
            let (low, high) = if low < high { (low, high) } else { (0.0, 1.0) };
            let space = (high - low) * 0.06;
            let mut chart = ChartBuilder::on(area)
                .margin(12)
                .x_label_area_size(42)
                .y_label_area_size(72)
                .build_cartesian_2d(0.0..last.max(1.0), low - space..high + space)
                .map_err(|e| e.to_string())?;
            chart
                .configure_mesh()
                .light_line_style(WHITE)
                .bold_line_style(FAINT)
                .x_desc("epoch")
                .y_desc(panel.title.as_str())
                .label_style(font(16.0))
                .axis_desc_style(font(18.0))
                .draw()
                .map_err(|e| e.to_string())?;
            for (curve, colour) in panel.curves.iter().zip([BLUE, ORANGE].into_iter().cycle()) {
                let finite = curve.points.iter().copied().filter(|p| p.1.is_finite());
                chart
                    .draw_series(LineSeries::new(finite, colour.stroke_width(3)))
                    .map_err(|e| e.to_string())?
                    .label(curve.name.as_str())
                    .legend(move |(x, y)| {
                        PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(3))
                    });
            }
            if !panel.curves.is_empty() {
                chart
                    .configure_series_labels()
                    .position(SeriesLabelPosition::UpperRight)
                    .label_font(font(16.0))
                    .background_style(WHITE.mix(0.9))
                    .border_style(FAINT)
                    .draw()
                    .map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    })
}
