//! The timeline's colours, and the values under the pointer. Both stand below the curves, so that nothing covers them.

use eframe::egui::{Color32, CornerRadius, FontId, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use moue_model::Expression;

use super::history::Sample;
use super::labels::{capitalised, expression_name, label_name, percent};
use super::language::tr;
use super::theme;

/// Height of a row and least width of an entry, in points.
const ROW: f32 = 15.0;
const ENTRY: f32 = 98.0;
/// Side of a colour's square, in points.
const SQUARE: f32 = 9.0;

fn columns(width: f32) -> usize {
    ((width / ENTRY) as usize).clamp(1, Expression::COUNT + 1)
}

/// Height of the legend where it has this width, in points.
pub(super) fn height(width: f32) -> f32 {
    (Expression::COUNT + 1).div_ceil(columns(width)) as f32 * ROW
}

/// Draws it. `sample`: the reading under the pointer.
pub(super) fn show(ui: &mut Ui, sample: Option<&Sample>) {
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(vec2(width, height(width)), Sense::hover());
    let entries: Vec<(Color32, String)> = Expression::ALL
        .into_iter()
        .map(|e| {
            let value = sample
                .map_or_else(String::new, |s| format!(" {}", percent(s.reading.probabilities[e.index()])));
            (theme::expression_colour(e), format!("{}{value}", capitalised(expression_name(e))))
        })
        .chain([(theme::UNSURE, capitalised(label_name(None)))])
        .collect();
    let columns = columns(width);
    let (text, weak) = (ui.visuals().text_color(), ui.visuals().weak_text_color());
    let painter = ui.painter_at(rect);
    for (i, (colour, name)) in entries.iter().enumerate() {
        let left = rect.left() + (i % columns) as f32 * (rect.width() / columns as f32);
        let middle = rect.top() + ((i / columns) as f32 + 0.5) * ROW;
        let square = Rect::from_center_size(pos2(left + SQUARE / 2.0, middle), vec2(SQUARE, SQUARE));
        painter.rect_filled(square, CornerRadius::same(2), *colour);
        let ink = if sample.is_some() && i < Expression::COUNT { text } else { weak };
        let galley = painter.layout_no_wrap(name.clone(), FontId::proportional(11.5), ink);
        painter.galley(pos2(left + SQUARE + 5.0, middle - galley.size().y / 2.0), galley, ink);
    }
    response.widget_info(|| {
        let names: Vec<&str> = entries.iter().map(|(_, name)| name.as_str()).collect();
        WidgetInfo::labeled(Role::Label, true, tr!("timeline-colours", names = names.join(", ")))
    });
}
