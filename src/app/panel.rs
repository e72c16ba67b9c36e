//! Two cards of the side panel: the selected face's label and bars, and the status of source and network.

use eframe::egui::{
    self, Align2, Color32, CornerRadius, FontId, RichText, Role, Sense, Ui, WidgetInfo, vec2,
};
use moue_capture::SourceKind;
use moue_model::Expression;

use super::labels::{capitalised, percent};
use super::overlay::map_of;
use super::state::{PipelineSnapshot, State};
use super::theme;
use super::widgets::figure;
use crate::pipeline::{AnalyzedFace, ShownReading, SourceState};
use crate::settings::{OverlayMode, Settings};

/// Height of the row below the headline. It is the same with and without a face, so that nothing below it moves.
const ROW: f32 = 24.0;

/// The selected face's reading, or why there is none.
pub(super) fn reading_card(ui: &mut Ui, state: &State) {
    let face = state.selected_face();
    let weak = ui.visuals().weak_text_color();
    let (title, colour) = match face {
        Some((_, shown)) => match shown.label {
            Some(label) => (capitalised(label.name()), theme::expression_colour(label)),
            None => ("Unsure".to_owned(), weak),
        },
        None => (no_reading(&state.snapshot).0.to_owned(), weak),
    };
    ui.horizontal(|ui| {
        let (mark, _) = ui.allocate_exact_size(vec2(6.0, 40.0), Sense::hover());
        ui.painter().rect_filled(mark, 3.0, colour);
        let ink = if face.is_some() { ui.visuals().strong_text_color() } else { weak };
        ui.label(RichText::new(title).font(theme::headline()).color(ink));
        if let Some((_, shown)) = face {
            let p = percent(shown.probabilities[shown.leading.index()]);
            // Where the label is "Unsure", the most probable expression.
            let text = if shown.label.is_some() { p } else { format!("{}? {p}", shown.leading) };
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(text).font(FontId::proportional(22.0)));
            });
        }
    });
    match face {
        Some((face, shown)) => who(ui, face, shown, state.result().map_or(0, |r| r.analyzed.faces.len())),
        None => hint(ui, no_reading(&state.snapshot).1),
    }
    ui.add_space(theme::GAP / 2.0);
    let probabilities = face.map(|(_, shown)| shown.probabilities);
    ui.scope(|ui| {
        // Close together, so that the smallest window has room for the tiles of five people below.
        ui.spacing_mut().item_spacing.y = 3.0;
        for e in Expression::ALL {
            bar(ui, e, probabilities.map(|p| p[e.index()]));
        }
    });
    if state.settings.overlay {
        ui.add_space(theme::GAP / 2.0);
        legend(ui, face, &state.settings);
    }
}

/// The face's number. `faces`: how many are in view.
fn who(ui: &mut Ui, face: &AnalyzedFace, shown: &ShownReading, faces: usize) {
    ui.horizontal(|ui| {
        ui.set_min_height(ROW);
        let colour = theme::person_colour(face.id);
        let name = format!("Face {}", face.id);
        let galley = ui.painter().layout_no_wrap(name, theme::caption(), Color32::BLACK);
        let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(18.0, 6.0), Sense::hover());
        ui.painter().rect_filled(rect, CornerRadius::same(11), colour);
        ui.painter().galley(rect.min + vec2(9.0, 3.0), galley, Color32::BLACK);
        response.widget_info(|| {
            let label = shown.label.map_or("unsure", Expression::name);
            WidgetInfo::labeled(Role::Label, true, format!("Showing face {}: {label}", face.id))
        });
        if faces > 1 {
            ui.label(RichText::new("N: next face").font(theme::caption()).weak());
        }
    });
}

/// A headline in place of a label, and a line about it.
fn no_reading(pipeline: &PipelineSnapshot) -> (&'static str, &'static str) {
    match &pipeline.source {
        SourceState::Opening => ("Starting", "Opening the source"),
        SourceState::Running(_) if pipeline.model.is_none() => ("Loading", "Loading the network"),
        SourceState::Running(info) if pipeline.result.is_some() => match info.kind {
            SourceKind::Camera => ("No face", "Face the camera, come closer, or add light"),
            _ => ("No face", "No face was found in this frame"),
        },
        SourceState::Running(_) => ("Analysing", "Waiting for the first reading"),
        SourceState::Paused if pipeline.result.is_some() => ("No face", "No face was found in this frame"),
        SourceState::Paused => ("Paused", "No frames are read"),
        SourceState::NoSignal { .. } => ("No signal", "Readings resume with the signal"),
        SourceState::Failed(_) => ("No source", "Choose another in the Camera menu"),
        SourceState::Ended => ("Ended", "The source has no more frames"),
    }
}

fn hint(ui: &mut Ui, text: &str) {
    ui.horizontal(|ui| {
        ui.set_min_height(ROW);
        ui.label(RichText::new(text).font(theme::caption()).weak());
    });
}

/// One expression: name, bar, percentage.
fn bar(ui: &mut Ui, e: Expression, probability: Option<f32>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 21.0), Sense::hover());
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
    painter.rect_filled(track, 6.0, theme::well(ui));
    if p > 0.0 {
        let filled = egui::Rect::from_min_size(track.min, vec2((track.width() * p).max(4.0), track.height()));
        painter.rect_filled(filled, 6.0, theme::expression_colour(e));
    }
}

/// What the colours of the heatmap mean, with the map's lowest and highest value.
fn legend(ui: &mut Ui, selected: Option<(&AnalyzedFace, &ShownReading)>, settings: &Settings) {
    let range = selected.map(|(face, shown)| map_of(settings.overlay_mode, face, shown).range());
    let text = match settings.overlay_mode {
        OverlayMode::Attention => "Attention: where the network looked".to_owned(),
        OverlayMode::Evidence => match selected {
            Some((_, shown)) => format!("Evidence for {}", shown.leading),
            None => "Evidence for the expression".to_owned(),
        },
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
    let (low, high) = range.map_or_else(
        || ("–".to_owned(), "–".to_owned()),
        |(low, high)| (format!("{low:.2}"), format!("{high:.2}")),
    );
    ui.horizontal(|ui| {
        ui.label(RichText::new(low).font(theme::caption()));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(RichText::new(high).font(theme::caption()));
        });
    });
}

/// Figures, source, device and weights.
pub(super) fn status_card(ui: &mut Ui, state: &State) {
    let (rates, result, model) = (&state.rates, state.result(), state.snapshot.model.as_deref());
    // What a pause stopped is not a figure of this moment.
    let live = result.filter(|_| !state.snapshot.frozen());
    let source = match &state.snapshot.source {
        SourceState::Running(info) | SourceState::NoSignal { info, .. } => match info.size_px {
            Some((w, h)) => format!("{} {w}x{h}", info.name),
            None => info.name.clone(),
        },
        SourceState::Opening => "Opening".into(),
        SourceState::Paused => "Paused".into(),
        SourceState::Failed(_) => "None".into(),
        SourceState::Ended => "Ended".into(),
    };
    let none = || "–".to_owned();
    let ms = |v: f32| live.map_or_else(none, |_| format!("{v:.0} ms"));
    let figures = [
        [
            ("Frames/s", format!("{:.0}", rates.frames_per_s())),
            ("Readings/s", live.map_or_else(none, |r| format!("{:.0}", r.results_per_s))),
            ("Latency", ms(rates.latency_ms)),
        ],
        [
            ("Detection", ms(rates.detect_ms)),
            ("Classification", ms(rates.classify_ms)),
            ("Faces", result.map_or_else(none, |r| r.analyzed.faces.len().to_string())),
        ],
    ];
    for row in figures {
        ui.columns(3, |columns| {
            for ((caption, value), ui) in row.iter().zip(columns) {
                figure(ui, caption, value);
            }
        });
    }
    ui.add_space(2.0);
    let rows = [
        ("Source", source),
        ("Device", model.map_or_else(none, |m| m.device.clone())),
        ("Weights", model.map_or_else(|| "Loading".into(), |m| m.name.clone())),
    ];
    egui::Grid::new("status").num_columns(2).spacing([14.0, 3.0]).show(ui, |ui| {
        for (name, value) in rows {
            ui.label(RichText::new(name).font(theme::caption()).weak());
            ui.add(egui::Label::new(RichText::new(value).font(theme::caption())).truncate());
            ui.end_row();
        }
    });
}
