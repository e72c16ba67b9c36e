//! Everyone in view: a tile for each tracked face with its label and seven small bars. The selected face is also shown
//! large, above.

use eframe::egui::{
    Align2, Color32, CornerRadius, FontId, Rect, Response, RichText, Role, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, pos2, vec2,
};
use moue_model::Expression;

use super::command::Command;
use super::density::Density;
use super::face_menu;
use super::labels::{capitalised, expression_name, label_name, percent};
use super::language::tr;
use super::names::Names;
use super::selection::faces_in_order;
use super::signs;
use super::theme;
use crate::pipeline::{LiveResult, ShownReading};

/// Height of a tile and its least width, roomy and dense, and the gap between two, in points.
const HEIGHT: (f32, f32) = (58.0, 39.0);
const LEAST_WIDTH: (f32, f32) = (106.0, 86.0);
const SPACE: f32 = 6.0;
/// Between a tile's edge and its content, in points.
const MARGIN: f32 = 6.0;
/// Height of the line with number and label, in points.
const LINE: f32 = 18.0;
/// Between number and label, in points.
const BESIDE: f32 = 6.0;
/// The margins of the card that the tiles stand on, in points.
const CARD_MARGINS: f32 = 30.0;
/// Between two small bars, in points.
const BETWEEN: f32 = 2.0;
/// Height of the signs below the bars, in points, and the least height and width of a bar above one.
const SIGNS: f32 = 8.0;
const LEAST_BAR: (f32, f32) = (6.0, 9.0);

/// The tiles, in as many columns as there is room for.
pub(super) fn tiles(
    ui: &mut Ui,
    selected: Option<u64>,
    result: &LiveResult,
    names: &Names,
    density: Density,
) -> Vec<Command> {
    let mut commands = Vec::new();
    let order = faces_in_order(Some(result));
    ui.label(RichText::new(tr!("people-count", count = order.len())).size(12.5));
    ui.spacing_mut().item_spacing = vec2(SPACE, density.of(SPACE, 4.0));
    let width = ui.available_width();
    let columns = columns(ui, width, density);
    let size = vec2((width - SPACE * (columns - 1) as f32) / columns as f32, density.of(HEIGHT.0, HEIGHT.1));
    for row in order.chunks(columns) {
        ui.horizontal(|ui| {
            for id in row {
                let mut faces = result.analyzed.faces.iter().zip(&result.shown);
                let Some((_, shown)) = faces.find(|(face, _)| face.id == *id) else { continue };
                let (rect, response) = ui.allocate_exact_size(size, Sense::click());
                if response.gained_focus() {
                    // A tile that the Tab key reaches may be outside the visible part of the panel.
                    response.scroll_to_me(None);
                }
                if ui.is_rect_visible(rect) {
                    tile(ui, rect, &response, *id, shown, selected == Some(*id));
                }
                describe(ui, &response, (*id, names), shown, selected == Some(*id));
                if response.clicked() {
                    commands.push(Command::SelectFace(*id));
                }
                response.context_menu(|ui| {
                    face_menu::entries(ui, *id, &names.of(*id), selected == Some(*id), &mut commands);
                });
            }
        });
    }
    commands
}

/// As many as leave room for the longest name beside the number.
fn columns(ui: &Ui, width: f32, density: Density) -> usize {
    let names = Expression::ALL.into_iter().map(Some).chain([None]).map(|label| {
        let name = capitalised(label_name(label));
        ui.painter().layout_no_wrap(name, label_font(), Color32::WHITE).size().x
    });
    let beside = LINE + BESIDE + 2.0 * density.of(MARGIN, MARGIN / 2.0);
    let least = density.of(LEAST_WIDTH.0, LEAST_WIDTH.1).max(names.fold(0.0, f32::max) + beside);
    (((width + SPACE) / (least + SPACE)) as usize).max(1)
}

fn label_font() -> FontId {
    FontId::proportional(13.0)
}

/// Rows of tiles for so many faces in a panel whose content has this width, where there is room.
pub(super) fn rows(ui: &Ui, faces: usize, width: f32) -> usize {
    if faces > 1 { faces.div_ceil(columns(ui, width - CARD_MARGINS, Density::Roomy)) } else { 0 }
}

/// Number, label and bars. The selected tile has an outline in the person's colour.
fn tile(ui: &Ui, rect: Rect, response: &Response, id: u64, shown: &ShownReading, selected: bool) {
    let (text, weak) = (ui.visuals().text_color(), ui.visuals().weak_text_color());
    let colour = theme::person_colour(id);
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, CornerRadius::same(8), theme::tile(ui));
    let edge = if response.has_focus() {
        Stroke::new(2.0, ui.visuals().hyperlink_color)
    } else if selected {
        Stroke::new(2.0, colour)
    } else if response.hovered() {
        Stroke::new(1.0, colour)
    } else {
        Stroke::NONE
    };
    painter.rect_stroke(rect, CornerRadius::same(8), edge, StrokeKind::Inside);

    let dense = rect.height() < HEIGHT.0;
    let inner = rect.shrink(if dense { MARGIN / 2.0 } else { MARGIN });
    let line = Rect::from_min_size(inner.min, vec2(inner.width(), LINE));
    let number = painter.layout_no_wrap(id.to_string(), theme::caption(), Color32::BLACK);
    let badge = Rect::from_min_size(line.min, vec2((number.size().x + 9.0).max(18.0), LINE));
    painter.rect_filled(badge, CornerRadius::same(9), colour);
    painter.galley(badge.center() - number.size() / 2.0, number, Color32::BLACK);

    let (name, ink) = match shown.label {
        Some(_) => (capitalised(label_name(shown.label)), text),
        None => (capitalised(label_name(None)), weak),
    };
    let name = painter.layout_no_wrap(name, label_font(), ink);
    let at = pos2(badge.right() + BESIDE, line.center().y - name.size().y / 2.0);
    let name_ends = at.x + name.size().x;
    painter.galley(at, name, ink);
    let p = percent(shown.probabilities[shown.leading.index()]);
    let p = painter.layout_no_wrap(p, theme::caption(), weak);
    // Left out where there is no room: the bars show it too.
    if name_ends + 6.0 + p.size().x <= line.right() && shown.label.is_some() {
        let at = Align2::RIGHT_CENTER.anchor_size(line.right_center(), p.size());
        painter.galley(at.min, p, weak);
    }
    bars(
        ui,
        Rect::from_min_max(pos2(inner.left(), line.bottom() + if dense { 1.0 } else { 4.0 }), inner.max),
        shown,
    );
}

/// Seven upright bars, in the order and colours of the large ones, with their signs below where there is room.
fn bars(ui: &Ui, rect: Rect, shown: &ShownReading) {
    let painter = ui.painter();
    let count = Expression::ALL.len() as f32;
    let width = (rect.width() - BETWEEN * (count - 1.0)) / count;
    let with_signs = rect.height() >= SIGNS + LEAST_BAR.0 && width >= LEAST_BAR.1;
    let bottom = rect.bottom() - if with_signs { SIGNS } else { 0.0 };
    for e in Expression::ALL {
        let left = rect.left() + e.index() as f32 * (width + BETWEEN);
        let track = Rect::from_min_max(pos2(left, rect.top()), pos2(left + width, bottom));
        painter.rect_filled(track, CornerRadius::same(2), theme::well(ui));
        let p = shown.probabilities[e.index()].clamp(0.0, 1.0);
        let mut bar = track;
        // Even a bar of zero shows its colour.
        bar.min.y = bar.max.y - (track.height() * p).max(1.5);
        painter.rect_filled(bar, CornerRadius::same(2), theme::expression_colour(e));
        if with_signs {
            let below = pos2(track.center().x, rect.bottom() + 1.0);
            let ink = ui.visuals().weak_text_color();
            painter.text(below, Align2::CENTER_BOTTOM, signs::sign(Some(e)), FontId::proportional(7.5), ink);
        }
    }
}

/// For screen readers and under the pointer: face, label and all seven values.
fn describe(ui: &Ui, response: &Response, (id, names): (u64, &Names), shown: &ShownReading, selected: bool) {
    let label = label_name(shown.label);
    let name = names.of(id);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, format!("{name}: {label}")));
    let values = || {
        let value =
            |e: Expression| format!("{} {}", expression_name(e), percent(shown.probabilities[e.index()]));
        Expression::ALL.map(value).join(", ")
    };
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(values()));
    response.clone().on_hover_ui(|ui| {
        ui.label(RichText::new(format!("{name}: {label}")).strong());
        for e in Expression::ALL {
            ui.horizontal(|ui| {
                ui.colored_label(theme::expression_colour(e), "■");
                ui.label(
                    RichText::new(format!(
                        "{} {}",
                        expression_name(e),
                        percent(shown.probabilities[e.index()])
                    ))
                    .size(12.5),
                );
            });
        }
    });
}
