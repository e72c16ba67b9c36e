//! Timelines as SVG, drawn by plotters.

use std::sync::LazyLock;

use moue_model::Expression;
use plotters::prelude::*;

use super::summary::{CELLS, LABELS, Person};
use crate::record::colours::expression_rgb;

const SIZE: (u32, u32) = (960, 220);
/// The name that the page's SVG asks the browser for; the measures come from the built-in font.
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(73, 80, 87);
const GROUND: RGBColor = RGBColor(248, 249, 250);
/// Where the labels' band lies below the areas, in shares of their height.
const BAND: (f64, f64) = (-0.16, -0.04);

/// Colour of a label, "unsure" last.
pub(super) fn label_rgb(label: usize) -> [u8; 3] {
    Expression::ALL.get(label).map_or([206, 212, 218], |e| expression_rgb(*e))
}

fn colour(label: usize) -> RGBColor {
    let [r, g, b] = label_rgb(label);
    RGBColor(r, g, b)
}

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

/// "1:05", or "1:02:05".
pub(super) fn clock(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

/// Seven areas that add up to 100 %, with the labels' band below; `span_s` is the whole recording, `marked` the markers'
/// times in seconds.
pub(super) fn timeline(person: &Person, span_s: (f64, f64), marked: &[f64]) -> Result<String, String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let length_s = (span_s.1 - span_s.0).max(0.001);
        let x_of = |cell: usize| span_s.0 + length_s * cell as f64 / CELLS as f64;
        let mut chart = ChartBuilder::on(&area)
            .margin(6)
            .margin_right(18)
            .x_label_area_size(26)
            .y_label_area_size(48)
            .build_cartesian_2d(span_s.0..span_s.0 + length_s, BAND.0 - 0.02..1.0)
            .map_err(|e| e.to_string())?;
        let plotting = chart.plotting_area().clone();
        plotting.fill(&GROUND).map_err(|e| e.to_string())?;
        for (from, to) in stretches(person) {
            let mut low = vec![0.0; to - from];
            for e in Expression::ALL {
                let high: Vec<f64> = low
                    .iter()
                    .zip(&person.cells[from..to])
                    .map(|(low, cell)| low + f64::from(cell.probabilities()[e.index()]))
                    .collect();
                // Each cell has a width, also one that stands alone.
                let edge = |values: &[f64]| -> Vec<(f64, f64)> {
                    let points = values.iter().enumerate();
                    points.flat_map(|(i, v)| [(x_of(from + i), *v), (x_of(from + i + 1), *v)]).collect()
                };
                let mut points = edge(&high);
                points.extend(edge(&low).into_iter().rev());
                plotting
                    .draw(&Polygon::new(points, colour(e.index()).filled()))
                    .map_err(|e| e.to_string())?;
                low = high;
            }
            for (a, b, label) in bands(person, from, to) {
                let corners = [(x_of(a), BAND.1), (x_of(b), BAND.0)];
                plotting.draw(&Rectangle::new(corners, colour(label).filled())).map_err(|e| e.to_string())?;
            }
        }
        for at_s in marked.iter().filter(|at| (span_s.0..=span_s.0 + length_s).contains(*at)) {
            let line = vec![(*at_s, BAND.0), (*at_s, 1.0)];
            plotting
                .draw(&PathElement::new(line, BLACK.mix(0.7).stroke_width(1)))
                .map_err(|e| e.to_string())?;
        }
        chart
            .configure_mesh()
            .disable_mesh()
            .y_labels(5)
            .x_labels(10)
            .y_label_formatter(&|v| if *v < -0.01 { String::new() } else { format!("{:.0} %", v * 100.0) })
            .x_label_formatter(&|v| if length_s < 20.0 { format!("{v:.1} s") } else { clock(*v) })
            .label_style(font(13.0))
            .axis_style(INK)
            .draw()
            .map_err(|e| e.to_string())?;
        area.present().map_err(|e| e.to_string())?;
    }
    Ok(svg)
}

/// Runs of cells with data.
fn stretches(person: &Person) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (i, _) in person.cells.iter().enumerate().filter(|(_, c)| c.rows > 0) {
        match found.last_mut() {
            Some((_, to)) if *to == i => *to = i + 1,
            _ => found.push((i, i + 1)),
        }
    }
    found
}

/// Runs of one label in `from..to`.
fn bands(person: &Person, from: usize, to: usize) -> Vec<(usize, usize, usize)> {
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    for i in from..to {
        let label = person.cells[i].label();
        debug_assert!(label < LABELS);
        match found.last_mut() {
            Some((_, end, last)) if *last == label => *end = i + 1,
            _ => found.push((i, i + 1, label)),
        }
    }
    found
}
