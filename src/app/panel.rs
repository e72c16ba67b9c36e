//! The side panel: the chosen face's label and bars, and what the machine is doing.

use eframe::egui::{self, Align2, Color32, FontId, RichText, Role, Sense, Ui, WidgetInfo, vec2};

use super::overlay::map_of;
use super::settings::{OverlayMode, Settings};
use super::theme;
use crate::model::Expression;
use crate::pipeline::{AnalyzedFace, LiveResult, ModelInfo, ShownReading, SourceState};

/// Figures of the status list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rates {
    /// New pictures on screen a second.
    pub(super) display_fps: f32,
    /// Age of the shown result in milliseconds.
    pub(super) age_ms: f32,
}

/// The chosen face's reading, or why there is none.
pub(super) fn reading_ui(
    ui: &mut Ui,
    state: &SourceState,
    chosen: Option<(&AnalyzedFace, &ShownReading)>,
    result: Option<&LiveResult>,
    settings: &Settings,
) {
    let (title, colour) = match chosen {
        Some((_, shown)) => match shown.label {
            Some(label) => (capitalised(label.name()), theme::expression_colour(label)),
            None => ("Unsure".to_owned(), ui.visuals().weak_text_color()),
        },
        None => (waiting_text(state, result).to_owned(), ui.visuals().weak_text_color()),
    };
    ui.horizontal(|ui| {
        let (mark, _) = ui.allocate_exact_size(vec2(6.0, 40.0), Sense::hover());
        ui.painter().rect_filled(mark, 3.0, colour);
        ui.label(RichText::new(title).font(theme::headline()).color(if chosen.is_some() {
            ui.visuals().strong_text_color()
        } else {
            ui.visuals().weak_text_color()
        }));
        if let Some((_, shown)) = chosen {
            let p = shown.probabilities[shown.leading.index()];
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(percent(p)).font(FontId::proportional(22.0)));
            });
        }
    });
    let people = result.map_or(0, |r| r.analyzed.faces.len());
    let line = match chosen {
        Some((face, _)) if people > 1 => {
            format!("Face {} of {people} in view. Click another to choose it.", face.id)
        }
        Some((face, _)) => format!("Face {}", face.id),
        None => " ".to_owned(),
    };
    ui.weak(line);
    ui.add_space(theme::GAP / 2.0);
    let probabilities = chosen.map(|(_, shown)| shown.probabilities);
    for e in Expression::ALL {
        bar(ui, e, probabilities.map(|p| p[e.index()]));
    }
    if let Some((face, shown)) = chosen
        && settings.overlay
    {
        ui.add_space(theme::GAP / 2.0);
        legend(ui, face, shown, settings);
    }
}

fn waiting_text(state: &SourceState, result: Option<&LiveResult>) -> &'static str {
    match state {
        SourceState::Opening => "Starting",
        SourceState::Running(_) if result.is_some() => "No face",
        SourceState::Running(_) => "Looking",
        SourceState::Paused => "Paused",
        SourceState::NoSignal { .. } => "No signal",
        SourceState::Failed(_) => "No source",
        SourceState::Ended => "At its end",
    }
}

pub(super) fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(super) fn percent(p: f32) -> String {
    format!("{:.0} %", p * 100.0)
}

/// One expression: name, bar, percentage; always in the same place and colour.
fn bar(ui: &mut Ui, e: Expression, probability: Option<f32>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::hover());
    let p = probability.unwrap_or(0.0).clamp(0.0, 1.0);
    let text = probability.map_or_else(|| "–".to_owned(), percent);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, format!("{e} {text}"));
        info.value = Some(f64::from(p * 100.0));
        info
    });
    let visuals = ui.visuals();
    let (strong, weak) = (visuals.text_color(), visuals.weak_text_color());
    let painter = ui.painter();
    let font = FontId::proportional(14.0);
    let name_colour = if probability.is_some() { strong } else { weak };
    painter.text(rect.left_center(), Align2::LEFT_CENTER, capitalised(e.name()), font.clone(), name_colour);
    painter.text(rect.right_center(), Align2::RIGHT_CENTER, text, font, name_colour);
    let track = egui::Rect::from_min_max(
        egui::pos2(rect.left() + 76.0, rect.center().y - 6.0),
        egui::pos2((rect.right() - 52.0).max(rect.left() + 80.0), rect.center().y + 6.0),
    );
    painter.rect_filled(track, 6.0, visuals.widgets.noninteractive.bg_stroke.color.gamma_multiply(0.6));
    if p > 0.0 {
        let filled = egui::Rect::from_min_size(track.min, vec2((track.width() * p).max(4.0), track.height()));
        painter.rect_filled(filled, 6.0, theme::expression_colour(e));
    }
}

/// What the colours of the overlay mean, with the map's own lowest and highest value.
fn legend(ui: &mut Ui, face: &AnalyzedFace, shown: &ShownReading, settings: &Settings) {
    let (low, high) = map_of(settings.overlay_mode, face, shown).range();
    let text = match settings.overlay_mode {
        OverlayMode::Attention => "Where the network looked (attention)".to_owned(),
        OverlayMode::Evidence => format!("What speaks for {} (evidence)", shown.leading),
    };
    ui.label(RichText::new(text).size(12.5));
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 8.0), Sense::hover());
    let steps = 48;
    for i in 0..steps {
        let t = i as f32 / (steps - 1) as f32;
        let [r, g, b] = settings.colour_map.colour(t);
        let x = rect.left() + rect.width() * i as f32 / steps as f32;
        let cell = egui::Rect::from_min_size(
            egui::pos2(x, rect.top()),
            vec2(rect.width() / steps as f32 + 0.5, 8.0),
        );
        ui.painter().rect_filled(cell, 0.0, Color32::from_rgb(r, g, b));
    }
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("{low:.2}")).size(12.0));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(RichText::new(format!("{high:.2}")).size(12.0));
        });
    });
}

/// What the machine is doing.
pub(super) fn status_ui(
    ui: &mut Ui,
    state: &SourceState,
    rates: Rates,
    result: Option<&LiveResult>,
    model: Option<&ModelInfo>,
) {
    let source = match state {
        SourceState::Running(info) | SourceState::NoSignal { info, .. } => match info.size_px {
            Some((w, h)) => format!("{} {w}x{h}", info.name),
            None => info.name.clone(),
        },
        SourceState::Opening => "opening".into(),
        SourceState::Paused => "paused".into(),
        SourceState::Failed(_) => "none".into(),
        SourceState::Ended => "at its end".into(),
    };
    let none = || "–".to_owned();
    let rows = [
        ("Source", source),
        ("Picture", format!("{:.0} frames/s", rates.display_fps)),
        ("Readings", result.map_or_else(none, |r| format!("{:.0} /s", r.results_per_s))),
        ("Reading's age", result.map_or_else(none, |_| format!("{:.0} ms", rates.age_ms))),
        ("Finding faces", result.map_or_else(none, |r| format!("{:.1} ms", r.analyzed.detect_ms))),
        ("Reading faces", result.map_or_else(none, |r| format!("{:.1} ms", r.analyzed.classify_ms))),
        ("Device", model.map_or_else(none, |m| m.device.clone())),
        ("Weights", model.map_or_else(|| "loading".into(), |m| m.name.clone())),
    ];
    egui::Grid::new("status").num_columns(2).spacing([14.0, 4.0]).show(ui, |ui| {
        for (name, value) in rows {
            ui.label(RichText::new(name).size(12.5).weak());
            ui.add(egui::Label::new(RichText::new(value).size(12.5)).truncate());
            ui.end_row();
        }
    });
}
