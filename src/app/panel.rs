//! Two cards of the side panel: the selected face's label and bars, and the status of source and network.

use eframe::egui::{
    self, Align2, Color32, CornerRadius, FontId, Response, RichText, Role, Sense, Ui, WidgetInfo, vec2,
};
use moue_capture::SourceKind;
use moue_model::Expression;

use super::command::Command;
use super::density::Density;
use super::face_menu;
use super::labels::{any_name, capitalised, decimals, expression_name, label_name, percent};
use super::language::tr;
use super::overlay::map_of;
use super::state::{PipelineSnapshot, State};
use super::theme;
use super::widgets::figure;
use crate::pipeline::{AnalyzedFace, ShownPersonal, ShownReading, SourceState};
use crate::settings::{OverlayMode, Settings};

/// Height of the row below the headline, roomy and dense. It is the same with and without a face, so that nothing below it
/// moves.
const ROW: (f32, f32) = (24.0, 20.0);
/// Height of an expression's bar, and between two, roomy and dense.
const BAR: (f32, f32) = (21.0, 17.0);
const BETWEEN: (f32, f32) = (3.0, 1.5);
/// Least width of the bars' names, in points.
const LEAST_NAMES: f32 = 76.0;

/// The selected face's reading, or why there is none.
pub(super) fn reading_card(ui: &mut Ui, state: &State, density: Density) -> Vec<Command> {
    let mut commands = Vec::new();
    let face = state.selected_face();
    let weak = ui.visuals().weak_text_color();
    let (title, colour) = match face {
        Some((_, shown)) => match shown.label {
            Some(label) => (capitalised(expression_name(label)), theme::expression_colour(label)),
            None => (capitalised(label_name(None)), theme::UNSURE),
        },
        None => (no_reading(&state.snapshot).0.to_owned(), weak),
    };
    ui.horizontal(|ui| {
        let (mark, _) = ui.allocate_exact_size(vec2(6.0, density.of(40.0, 32.0)), Sense::hover());
        ui.painter().rect_filled(mark, 3.0, colour);
        let ink = if face.is_some() { ui.visuals().strong_text_color() } else { weak };
        let font = density.of(theme::headline(), FontId::proportional(26.0));
        let headline = ui.label(RichText::new(title).font(font).color(ink));
        if let Some((_, shown)) = face {
            headline.on_hover_text(if shown.label.is_some() {
                tr!("term-label")
            } else {
                tr!("term-unsure")
            });
        }
        if let Some((_, shown)) = face {
            let p = percent(shown.probabilities[shown.leading.index()]);
            // Where the label is "Unsure", the most probable expression.
            let text =
                if shown.label.is_some() { p } else { format!("{}? {p}", expression_name(shown.leading)) };
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(text).font(FontId::proportional(density.of(22.0, 18.0))));
            });
        }
    });
    match face {
        Some((face, shown)) => {
            let faces = state.result().map_or(0, |r| r.analyzed.faces.len());
            let name = state.names.of(face.id);
            let chip = who(ui, face, (shown, &name), faces, density);
            chip.context_menu(|ui| face_menu::entries(ui, face.id, &name, true, &mut commands));
        }
        None => hint(ui, no_reading(&state.snapshot).1, density),
    }
    ui.add_space(density.of(theme::GAP / 2.0, 0.0));
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = density.of(BETWEEN.0, BETWEEN.1);
        let names = names_width(ui);
        for e in Expression::ALL {
            let values = face
                .map(|(face, shown)| (shown.probabilities[e.index()], face.reading.probabilities[e.index()]));
            let bar = bar(ui, e, values, (names, density.of(BAR.0, BAR.1)));
            if let Some((face, _)) = face {
                let name = state.names.of(face.id);
                bar.context_menu(|ui| face_menu::entries(ui, face.id, &name, true, &mut commands));
            }
        }
    });
    if state.settings.overlay {
        ui.add_space(density.of(theme::GAP / 2.0, 0.0));
        legend(ui, face, state.result().and_then(|result| result.personal.as_ref()), &state.settings);
    }
    commands
}

/// The face's number. `faces`: how many are in view.
fn who(
    ui: &mut Ui,
    face: &AnalyzedFace,
    (shown, name): (&ShownReading, &str),
    faces: usize,
    density: Density,
) -> Response {
    ui.horizontal(|ui| {
        ui.set_min_height(density.of(ROW.0, ROW.1));
        let colour = theme::person_colour(face.id);
        let galley = ui.painter().layout_no_wrap(name.to_owned(), theme::caption(), Color32::BLACK);
        let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(18.0, 6.0), Sense::CLICK);
        ui.painter().rect_filled(rect, CornerRadius::same(11), colour);
        ui.painter().galley(rect.min + vec2(9.0, 3.0), galley, Color32::BLACK);
        response.widget_info(|| {
            let text = tr!("panel-showing", id = face.id, label = label_name(shown.label));
            WidgetInfo::labeled(Role::Label, true, text)
        });
        if faces > 1 {
            ui.label(RichText::new(tr!("panel-next-face")).font(theme::caption()).weak());
        }
        response.on_hover_text(tr!("panel-face-hint"))
    })
    .inner
}

/// A headline in place of a label, and a line about it.
fn no_reading(pipeline: &PipelineSnapshot) -> (&'static str, &'static str) {
    match &pipeline.source {
        SourceState::Opening => (tr!("panel-starting"), tr!("panel-opening")),
        SourceState::Running(_) if pipeline.model.is_none() => (tr!("loading"), tr!("panel-loading")),
        SourceState::Running(info) if pipeline.result.is_some() => match info.kind {
            SourceKind::Camera => (tr!("no-face"), tr!("panel-no-face-camera")),
            _ => (tr!("no-face"), tr!("panel-no-face")),
        },
        SourceState::Running(_) => (tr!("panel-analysing"), tr!("panel-waiting")),
        SourceState::Paused if pipeline.result.is_some() => (tr!("no-face"), tr!("panel-no-face")),
        SourceState::Paused => (tr!("paused"), tr!("panel-paused")),
        SourceState::NoSignal { .. } => (tr!("no-signal"), tr!("panel-no-signal")),
        SourceState::Failed(_) => (tr!("panel-no-source"), tr!("panel-choose")),
        SourceState::Ended => (tr!("ended"), tr!("panel-ended")),
    }
}

fn hint(ui: &mut Ui, text: &str, density: Density) {
    ui.horizontal(|ui| {
        ui.set_min_height(density.of(ROW.0, ROW.1));
        ui.label(RichText::new(text).font(theme::caption()).weak());
    });
}

/// Width of the bars' names with what is between them and the bars, in points: the same for all, whatever is shown.
fn names_width(ui: &Ui) -> f32 {
    let width = |e: Expression| {
        let name = capitalised(expression_name(e));
        ui.painter().layout_no_wrap(name, bar_font(), Color32::WHITE).size().x
    };
    Expression::ALL.into_iter().map(width).fold(LEAST_NAMES, |widest, name| widest.max(name + 10.0))
}

fn bar_font() -> FontId {
    FontId::proportional(14.0)
}

/// One expression: name, bar, percentage.
/// `values`: as shown, and of this frame. `names`: width of the names' column, in points.
fn bar(ui: &mut Ui, e: Expression, values: Option<(f32, f32)>, (names, height): (f32, f32)) -> Response {
    let probability = values.map(|(shown, _)| shown);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::CLICK);
    let p = probability.unwrap_or(0.0).clamp(0.0, 1.0);
    let text = probability.map_or_else(|| "–".to_owned(), percent);
    response.widget_info(|| {
        let mut info =
            WidgetInfo::labeled(Role::ProgressIndicator, true, format!("{} {text}", expression_name(e)));
        info.value = Some(f64::from(p * 100.0));
        info
    });
    let visuals = ui.visuals();
    let (strong, weak) = (visuals.text_color(), visuals.weak_text_color());
    let painter = ui.painter();
    let font = bar_font();
    let name_colour = if probability.is_some() { strong } else { weak };
    painter.text(
        rect.left_center(),
        Align2::LEFT_CENTER,
        capitalised(expression_name(e)),
        font.clone(),
        name_colour,
    );
    painter.text(rect.right_center(), Align2::RIGHT_CENTER, text, font, name_colour);
    let track = egui::Rect::from_min_max(
        egui::pos2(rect.left() + names, rect.center().y - 6.0),
        egui::pos2((rect.right() - 52.0).max(rect.left() + names + 4.0), rect.center().y + 6.0),
    );
    painter.rect_filled(track, 6.0, theme::well(ui));
    if p > 0.0 {
        let filled = egui::Rect::from_min_size(track.min, vec2((track.width() * p).max(4.0), track.height()));
        painter.rect_filled(filled, 6.0, theme::expression_colour(e));
    }
    match values {
        Some((shown, raw)) => response.on_hover_text(tr!(
            "panel-bar-hint",
            expression = capitalised(expression_name(e)),
            shown = format!("{:.2} %", shown * 100.0),
            raw = format!("{:.2} %", raw * 100.0),
        )),
        None => response,
    }
}

/// What the colours of the heatmap mean, with the map's lowest and highest value.
fn legend(
    ui: &mut Ui,
    selected: Option<(&AnalyzedFace, &ShownReading)>,
    personal: Option<&ShownPersonal>,
    settings: &Settings,
) {
    let mode = settings.overlay_mode;
    let range = selected.map(|(face, shown)| map_of(mode, face, shown, personal).range());
    let own = personal
        .filter(|own| mode == OverlayMode::Profile && selected.is_some_and(|(face, _)| face.id == own.id));
    let text = match (mode, own, selected) {
        (OverlayMode::Attention, ..) => tr!("attention").to_owned(),
        (_, Some(own), _) => tr!(
            "panel-evidence-of-profile",
            profile = own.profile.to_string(),
            expression = own.names.get(own.leading).map_or("", |name| any_name(name)),
        ),
        (_, None, Some((_, shown))) => {
            tr!("panel-evidence-for", expression = expression_name(shown.leading))
        }
        (_, None, None) => tr!("panel-evidence").to_owned(),
    };
    let range = range.map_or_else(
        || "–".to_owned(),
        |(low, high)| tr!("panel-range", low = decimals(low), high = decimals(high)),
    );
    ui.horizontal(|ui| {
        let meaning = match settings.overlay_mode {
            OverlayMode::Attention => tr!("term-attention"),
            OverlayMode::Evidence | OverlayMode::Profile => tr!("term-evidence"),
        };
        ui.label(RichText::new(text).size(12.5)).on_hover_text(meaning);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(RichText::new(range).font(theme::caption()));
        });
    });
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 6.0), Sense::hover());
    let steps = 48;
    for i in 0..steps {
        let t = i as f32 / (steps - 1) as f32;
        let [r, g, b] = settings.colour_map.colour(t);
        let x = rect.left() + rect.width() * i as f32 / steps as f32;
        let cell = egui::Rect::from_min_size(
            egui::pos2(x, rect.top()),
            vec2(rect.width() / steps as f32 + 0.5, rect.height()),
        );
        ui.painter().rect_filled(cell, 0.0, Color32::from_rgb(r, g, b));
    }
}

/// Figures, source, device and weights.
pub(super) fn status_card(ui: &mut Ui, state: &State, density: Density) {
    let (rates, result, model) = (&state.rates, state.result(), state.snapshot.model.as_deref());
    // What a pause stopped is not a figure of this moment.
    let live = result.filter(|_| !state.snapshot.frozen());
    let source = match &state.snapshot.source {
        SourceState::Running(info) | SourceState::NoSignal { info, .. } => match info.size_px {
            Some((w, h)) => format!("{} {w}x{h}", info.name),
            None => info.name.clone(),
        },
        SourceState::Opening => tr!("opening").into(),
        SourceState::Paused => tr!("paused").into(),
        SourceState::Failed(_) => tr!("none").into(),
        SourceState::Ended => tr!("ended").into(),
    };
    let none = || "–".to_owned();
    // A picture is shown, not played.
    let is_still = state.snapshot.info.as_ref().is_some_and(|info| info.kind == SourceKind::Still);
    let timed = live.filter(|_| !is_still);
    let ms = |v: f32| live.map_or_else(none, |_| format!("{v:.0} ms"));
    let figures = [
        [
            ("figure-frames", if is_still { none() } else { format!("{:.0}", rates.frames_per_s()) }),
            ("figure-readings", timed.map_or_else(none, |r| format!("{:.0}", r.results_per_s))),
            ("figure-latency", ms(rates.latency_ms)),
        ],
        [
            ("figure-detection", ms(rates.detect_ms)),
            ("figure-classification", ms(rates.classify_ms)),
            ("figure-faces", result.map_or_else(none, |r| r.analyzed.faces.len().to_string())),
        ],
    ];
    for row in figures {
        ui.columns(3, |columns| {
            for ((caption, value), ui) in row.iter().zip(columns) {
                figure(ui, density, caption, value);
            }
        });
    }
    ui.add_space(density.of(2.0, 0.0));
    let rows = [
        (tr!("source"), source),
        (tr!("device"), model.map_or_else(none, |m| m.device.clone())),
        (tr!("weights"), model.map_or_else(|| tr!("loading").into(), |m| m.name.clone())),
    ];
    egui::Grid::new("status").num_columns(2).spacing([14.0, density.of(3.0, 0.0)]).show(ui, |ui| {
        for (name, value) in rows {
            ui.label(RichText::new(name).font(theme::caption()).weak());
            ui.add(egui::Label::new(RichText::new(value).font(theme::caption())).truncate());
            ui.end_row();
        }
    });
}
