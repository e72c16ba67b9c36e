//! The contact sheet in place of the picture: each face of a folder as a small picture with its label.

use eframe::egui::{
    Align2, CornerRadius, FontId, ProgressBar, Rect, Response, RichText, Role, ScrollArea, Sense, Stroke,
    StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use super::command::{Command, SortBy};
use super::contact::{ContactFace, ContactSheet, SIDE_PX};
use super::labels::{label_name, label_text, shortened};
use super::language::tr;
use super::theme;

/// Width and height of a face's cell, and the gap between two, in points.
const CELL: (f32, f32) = (108.0, 138.0);
const GAP: f32 = 8.0;
/// Longer file names are cut; the pointer shows the whole.
const FILE_LETTERS: usize = 18;

/// Draws it.
pub(super) fn show(ui: &mut Ui, sheet: &ContactSheet) -> Vec<Command> {
    let mut commands = Vec::new();
    ui.spacing_mut().item_spacing = vec2(GAP, GAP);
    header(ui, sheet, &mut commands);
    for error in sheet.errors().iter().take(3) {
        ui.label(RichText::new(error).size(12.0).color(ui.visuals().error_fg_color));
    }
    if sheet.errors().len() > 3 {
        ui.weak(tr!("contact-more-errors", count = sheet.errors().len() - 3));
    }
    let columns = (((ui.available_width() - 12.0 + GAP) / (CELL.0 + GAP)) as usize).max(1);
    let rows = sheet.faces().len().div_ceil(columns);
    ScrollArea::vertical().auto_shrink(false).show_rows(ui, CELL.1, rows, |ui, visible| {
        for row in visible {
            ui.horizontal(|ui| {
                for face in sheet.faces().iter().skip(row * columns).take(columns) {
                    if cell(ui, face).clicked() {
                        commands.push(Command::GoToFile(face.place));
                    }
                }
            });
        }
    });
    commands
}

fn header(ui: &mut Ui, sheet: &ContactSheet, commands: &mut Vec<Command>) {
    let (done, all) = sheet.progress();
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(tr!("contact-sheet")).size(16.0).strong());
        let faces = sheet.faces().len();
        ui.weak(tr!("contact-progress", faces = faces, done = done, all = all));
        for (sort, text) in
            [(SortBy::Name, tr!("contact-by-name")), (SortBy::Expression, tr!("contact-by-expression"))]
        {
            if ui.selectable_label(sheet.sort() == sort, text).clicked() {
                commands.push(Command::SortContactSheet(sort));
            }
        }
        if sheet.is_reading() && ui.button(tr!("stop")).clicked() {
            commands.push(Command::StopContactSheet);
        }
        ui.add_enabled_ui(!sheet.rows().is_empty(), |ui| {
            let hint = tr!("contact-export-hint");
            if ui.button(tr!("contact-export")).on_hover_text(hint).clicked() {
                commands.push(Command::ExportContactSheet);
            }
        });
        if ui.button(tr!("contact-back")).on_hover_text(tr!("key-esc")).clicked() {
            commands.push(Command::ToggleContactSheet);
        }
    });
    if sheet.is_reading() {
        ui.add(ProgressBar::new(done as f32 / all.max(1) as f32).desired_height(6.0));
    }
}

fn cell(ui: &mut Ui, face: &ContactFace) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(CELL.0, CELL.1), Sense::click());
    if response.gained_focus() {
        response.scroll_to_me(None);
    }
    let label = face.reading.label;
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, CornerRadius::same(8), theme::tile(ui));
    let colour = label.map_or(theme::UNSURE, theme::expression_colour);
    let edge = if response.has_focus() {
        Stroke::new(2.0, ui.visuals().hyperlink_color)
    } else if response.hovered() {
        Stroke::new(1.0, colour)
    } else {
        Stroke::NONE
    };
    painter.rect_stroke(rect, CornerRadius::same(8), edge, StrokeKind::Inside);
    let side = SIDE_PX as f32;
    let middle = pos2(rect.center().x, rect.top() + 6.0 + side / 2.0);
    let picture = Rect::from_center_size(middle, face.texture.size_vec2());
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    painter.image(face.texture.id(), picture, whole, eframe::egui::Color32::WHITE);
    let at = pos2(rect.left() + 8.0, rect.top() + side + 10.0);
    painter.rect_filled(Rect::from_min_size(at + vec2(0.0, 3.0), vec2(8.0, 8.0)), 2.0, colour);
    let (text, weak) = (ui.visuals().text_color(), ui.visuals().weak_text_color());
    painter.text(
        at + vec2(13.0, 0.0),
        Align2::LEFT_TOP,
        label_text(&face.reading),
        FontId::proportional(12.5),
        text,
    );
    let file = shortened(&face.file, FILE_LETTERS);
    painter.text(at + vec2(0.0, 15.0), Align2::LEFT_TOP, file, FontId::proportional(10.5), weak);
    let name = label_name(label);
    let percent = face.probability() * 100.0;
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Button, true, format!("{}: {name} {percent:.0} %", face.file))
    });
    response.on_hover_text(tr!("contact-show", file = face.file.as_str()))
}
