//! The last minute of the chosen person: seven areas that add up to 100 %, with the labels below.

use std::time::Instant;

use eframe::egui::{Color32, CornerRadius, Rect, RichText, Ui, pos2, remap};
use egui_plot::{FilledArea, Plot, PlotPoint, VLine};

use super::history::{History, KEPT, Sample, label_bands};
use super::panel::percent;
use super::theme;
use crate::model::Expression;

/// Height of the plot, in points.
const HEIGHT: f32 = 96.0;
/// Height of the label bands, in points.
const BAND: f32 = 8.0;

/// Draws the timeline of person `chosen`.
pub(super) fn show(ui: &mut Ui, history: &History, chosen: Option<u64>) {
    let weak = ui.visuals().weak_text_color();
    let now = Instant::now();
    let seconds = |at: Instant| -now.saturating_duration_since(at).as_secs_f64();
    let stretches = chosen.map(|id| history.stretches(id)).unwrap_or_default();
    ui.horizontal(|ui| {
        ui.label(RichText::new("Last minute").size(12.5));
        if let Some(mark) = history.marks().last() {
            ui.with_layout(eframe::egui::Layout::right_to_left(eframe::egui::Align::Center), |ui| {
                let text = format!("{:.0} s ago: {}", -seconds(mark.at), mark.text);
                ui.add(eframe::egui::Label::new(RichText::new(text).size(12.5).weak()).truncate());
            });
        }
    });
    let span = KEPT.as_secs_f64();
    let response = Plot::new("timeline")
        .height(HEIGHT)
        .show_axes(false)
        .show_grid(false)
        .show_background(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .show_crosshair(false)
        .label_formatter(|_| None)
        .set_margin_fraction(eframe::egui::Vec2::ZERO)
        .show(ui, |plot| {
            plot.set_plot_bounds_x(-span..=0.0);
            plot.set_plot_bounds_y(0.0..=1.0);
            for (n, stretch) in stretches.iter().enumerate().filter(|(_, s)| s.len() > 1) {
                let xs: Vec<f64> = stretch.iter().map(|s| seconds(s.at)).collect();
                let mut low = vec![0.0; xs.len()];
                for expression in Expression::ALL {
                    let high: Vec<f64> = stretch
                        .iter()
                        .zip(&low)
                        .map(|(s, low)| low + f64::from(s.reading.probabilities[expression.index()]))
                        .collect();
                    let colour = theme::expression_colour(expression);
                    let area = FilledArea::new(format!("{expression} {n}"), &xs, &low, &high);
                    plot.add(area.fill_color(colour).stroke(eframe::egui::Stroke::NONE).allow_hover(false));
                    low = high;
                }
            }
            for mark in history.marks() {
                plot.vline(
                    VLine::new(mark.text.clone(), seconds(mark.at)).color(weak).width(1.0).allow_hover(false),
                );
            }
            plot.pointer_coordinate()
        });
    bands(ui, &stretches, &seconds);
    if let (Some(pointer), true) = (response.inner, response.response.hovered()) {
        hover(&response.response, &stretches, pointer, &seconds);
    }
    response.response.widget_info(|| {
        eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Image, true, "Timeline of the last minute")
    });
}

/// The labels, as a coloured strip.
fn bands(ui: &mut Ui, stretches: &[Vec<Sample>], seconds: &impl Fn(Instant) -> f64) {
    let size = eframe::egui::vec2(ui.available_width(), BAND);
    let (rect, _) = ui.allocate_exact_size(size, eframe::egui::Sense::hover());
    ui.painter().rect_filled(rect, CornerRadius::same(3), theme::well(ui));
    let x = |at: Instant| remap(seconds(at) as f32, -KEPT.as_secs_f32()..=0.0, rect.x_range());
    for (from, to, label) in stretches.iter().flat_map(|s| label_bands(s)) {
        let colour = label.map_or(Color32::TRANSPARENT, theme::expression_colour);
        let left = x(from).max(rect.left());
        let band = Rect::from_min_max(pos2(left, rect.top()), pos2(x(to).max(left), rect.bottom()));
        ui.painter().rect_filled(band, CornerRadius::ZERO, colour);
    }
}

/// The values under the pointer.
fn hover(
    response: &eframe::egui::Response,
    stretches: &[Vec<Sample>],
    pointer: PlotPoint,
    seconds: &impl Fn(Instant) -> f64,
) {
    let distance = |s: &Sample| (seconds(s.at) - pointer.x).abs();
    let nearest = stretches.iter().flatten().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let Some(sample) = nearest.filter(|s| distance(s) < 1.0) else { return };
    response.clone().on_hover_ui_at_pointer(|ui| {
        let ago = -seconds(sample.at);
        ui.label(
            RichText::new(format!(
                "{ago:.1} s ago: {}",
                sample.reading.label.map_or("unsure", Expression::name)
            ))
            .strong(),
        );
        for expression in Expression::ALL {
            ui.horizontal(|ui| {
                ui.colored_label(theme::expression_colour(expression), "■");
                let value = percent(sample.reading.probabilities[expression.index()]);
                ui.label(RichText::new(format!("{expression} {value}")).size(12.5));
            });
        }
    });
}
