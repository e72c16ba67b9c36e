//! The side panel: the chosen face's label and bars, and what the machine is doing.

use eframe::egui::{
    self, Align2, Color32, CornerRadius, FontId, RichText, Role, Sense, Ui, WidgetInfo, vec2,
};
use moue_capture::SourceKind;
use moue_model::Expression;

use super::overlay::map_of;
use super::settings::{OverlayMode, Settings};
use super::theme;
use crate::pipeline::{AnalyzedFace, AnalyzedFrame, LiveResult, ModelInfo, ShownReading, SourceState};

/// Figures of the status list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rates {
    /// New pictures on screen a second.
    pub(super) display_fps: f32,
    /// Age of the shown result in milliseconds.
    pub(super) age_ms: f32,
    /// Finding and following the faces, in milliseconds.
    pub(super) detect_ms: f32,
    /// Cropping and classifying them, in milliseconds.
    pub(super) classify_ms: f32,
}

impl Rates {
    /// Takes new times in; figures that change thirty times a second cannot be read.
    pub(super) fn follow(&mut self, age_ms: f32, analyzed: &AnalyzedFrame) {
        for (shown, new) in [
            (&mut self.age_ms, age_ms),
            (&mut self.detect_ms, analyzed.detect_ms),
            (&mut self.classify_ms, analyzed.classify_ms),
        ] {
            *shown = if *shown == 0.0 { new } else { *shown + (new - *shown) * 0.1 };
        }
    }
}

/// Height of the row that says whose reading it is, and of what is said in its place: nothing below it jumps.
const ROW: f32 = 24.0;

/// The chosen face's reading, or why there is none.
pub(super) fn reading_ui(
    ui: &mut Ui,
    state: &SourceState,
    chosen: Option<(&AnalyzedFace, &ShownReading)>,
    result: Option<&LiveResult>,
    settings: &Settings,
    ready: bool,
) {
    let weak = ui.visuals().weak_text_color();
    let (title, colour) = match chosen {
        Some((_, shown)) => match shown.label {
            Some(label) => (capitalised(label.name()), theme::expression_colour(label)),
            None => ("Unsure".to_owned(), weak),
        },
        None => (waiting(state, result, ready).0.to_owned(), weak),
    };
    ui.horizontal(|ui| {
        let (mark, _) = ui.allocate_exact_size(vec2(6.0, 40.0), Sense::hover());
        ui.painter().rect_filled(mark, 3.0, colour);
        let ink = if chosen.is_some() { ui.visuals().strong_text_color() } else { weak };
        ui.label(RichText::new(title).font(theme::headline()).color(ink));
        if let Some((_, shown)) = chosen {
            let p = percent(shown.probabilities[shown.leading.index()]);
            // What it would be, if it had to be something.
            let text = if shown.label.is_some() { p } else { format!("{}? {p}", shown.leading) };
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(text).font(FontId::proportional(22.0)));
            });
        }
    });
    match chosen {
        Some((face, shown)) => who(ui, face, shown, result),
        None => hint(ui, waiting(state, result, ready).1),
    }
    ui.add_space(theme::GAP / 2.0);
    let probabilities = chosen.map(|(_, shown)| shown.probabilities);
    ui.scope(|ui| {
        // Close together, so that the tiles of five people find room below in the smallest window.
        ui.spacing_mut().item_spacing.y = 3.0;
        for e in Expression::ALL {
            bar(ui, e, probabilities.map(|p| p[e.index()]));
        }
    });
    if settings.overlay {
        ui.add_space(theme::GAP / 2.0);
        legend(ui, chosen, settings);
    }
}

/// Whose reading it is, and among how many.
fn who(ui: &mut Ui, face: &AnalyzedFace, shown: &ShownReading, result: Option<&LiveResult>) {
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
        let others = result.map_or(0, |r| r.analyzed.faces.len().saturating_sub(1));
        if others > 0 {
            ui.label(RichText::new("key N: the next face").font(theme::caption()).weak());
        }
    });
}

/// In place of a label: what is awaited, and a line about it.
fn waiting(state: &SourceState, result: Option<&LiveResult>, ready: bool) -> (&'static str, &'static str) {
    match state {
        SourceState::Opening => ("Starting", "the source is being opened"),
        SourceState::Running(_) if !ready => ("Loading", "the network is being loaded"),
        SourceState::Running(info) if result.is_some() => match info.kind {
            SourceKind::Camera => ("No face", "face the camera, come closer, or add light"),
            _ => ("No face", "none is found in this picture"),
        },
        SourceState::Running(_) => ("Looking", "the first picture is being read"),
        SourceState::Paused => ("Paused", "nothing is read"),
        SourceState::NoSignal { .. } => ("No signal", "readings go on with the picture"),
        SourceState::Failed(_) => ("No source", "other sources are in the Camera menu"),
        SourceState::Ended => ("At its end", "there is nothing more to read"),
    }
}

fn hint(ui: &mut Ui, text: &str) {
    ui.horizontal(|ui| {
        ui.set_min_height(ROW);
        ui.label(RichText::new(text).font(theme::caption()).weak());
    });
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

/// What the colours of the overlay mean, with the map's own lowest and highest value.
fn legend(ui: &mut Ui, chosen: Option<(&AnalyzedFace, &ShownReading)>, settings: &Settings) {
    let range = chosen.map(|(face, shown)| map_of(settings.overlay_mode, face, shown).range());
    let text = match settings.overlay_mode {
        OverlayMode::Attention => "Where the network looked (attention)".to_owned(),
        OverlayMode::Evidence => match chosen {
            Some((_, shown)) => format!("What speaks for {} (evidence)", shown.leading),
            None => "What speaks for the expression (evidence)".to_owned(),
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
    let ms = |v: f32| result.map_or_else(none, |_| format!("{v:.0} ms"));
    let figures = [
        [
            ("pictures/s", format!("{:.0}", rates.display_fps)),
            ("readings/s", result.map_or_else(none, |r| format!("{:.0}", r.results_per_s))),
            ("reading's age", ms(rates.age_ms)),
        ],
        [
            ("finding faces", ms(rates.detect_ms)),
            ("reading faces", ms(rates.classify_ms)),
            ("faces", result.map_or_else(none, |r| r.analyzed.faces.len().to_string())),
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
        ("Weights", model.map_or_else(|| "loading".into(), |m| m.name.clone())),
    ];
    egui::Grid::new("status").num_columns(2).spacing([14.0, 3.0]).show(ui, |ui| {
        for (name, value) in rows {
            ui.label(RichText::new(name).font(theme::caption()).weak());
            ui.add(egui::Label::new(RichText::new(value).font(theme::caption())).truncate());
            ui.end_row();
        }
    });
}

/// A figure with its caption below.
fn figure(ui: &mut Ui, caption: &str, value: &str) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 38.0), Sense::hover());
    let visuals = ui.visuals();
    let painter = ui.painter();
    let at = rect.left_top();
    painter.text(at, Align2::LEFT_TOP, value, theme::figure(), visuals.text_color());
    painter.text(
        at + vec2(0.0, 21.0),
        Align2::LEFT_TOP,
        caption,
        theme::caption(),
        visuals.weak_text_color(),
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{caption}: {value}")));
}
