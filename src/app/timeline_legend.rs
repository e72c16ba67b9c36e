//! The timeline's colours, and the values under the pointer. Both stand below the curves, so that nothing covers them.

use eframe::egui::{Color32, FontId, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use moue_model::Expression;

use super::labels::{capitalised, expression_name, label_name, percent};
use super::language::tr;
use super::samples::Sample;
use super::signs;

/// Height of a row and least width of an entry, in points.
const ROW: f32 = 15.0;
const ENTRY: f32 = 98.0;
/// Width and height of a chip with colour and sign, between it and the name, and after the name, in points.
const CHIP: (f32, f32) = (17.0, 12.0);
const BEFORE: f32 = 4.0;
const AFTER: f32 = 4.0;

fn font() -> FontId {
    FontId::proportional(11.5)
}

fn columns(ui: &Ui) -> usize {
    // With a value, so that no entry moves while the pointer does.
    let width = |e: Expression| {
        let text = format!("{} 99 %", capitalised(expression_name(e)));
        ui.painter().layout_no_wrap(text, font(), Color32::WHITE).size().x
    };
    let names = Expression::ALL.into_iter().map(width).fold(0.0, f32::max);
    let entry = (CHIP.0 + BEFORE + names + AFTER).max(ENTRY);
    ((ui.available_width() / entry) as usize).clamp(1, Expression::COUNT + 1)
}

/// Height of the legend, in points.
pub(super) fn height(ui: &Ui) -> f32 {
    (Expression::COUNT + 1).div_ceil(columns(ui)) as f32 * ROW
}

/// Draws it. `sample`: the reading under the pointer; `areas`: areas are explained, otherwise curves.
pub(super) fn show(ui: &mut Ui, sample: Option<&Sample>, areas: bool) {
    let (width, columns) = (ui.available_width(), columns(ui));
    let height = height(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    let entries: Vec<(Option<Expression>, String)> = Expression::ALL
        .into_iter()
        .map(|e| {
            let value = sample
                .map_or_else(String::new, |s| format!(" {}", percent(s.reading.probabilities[e.index()])));
            (Some(e), format!("{}{value}", capitalised(expression_name(e))))
        })
        .chain([(None, capitalised(label_name(None)))])
        .collect();
    let (text, weak) = (ui.visuals().text_color(), ui.visuals().weak_text_color());
    let painter = ui.painter_at(rect);
    for (i, (label, name)) in entries.iter().enumerate() {
        let left = rect.left() + (i % columns) as f32 * (rect.width() / columns as f32);
        let middle = rect.top() + ((i / columns) as f32 + 0.5) * ROW;
        let chip = Rect::from_center_size(pos2(left + CHIP.0 / 2.0, middle), CHIP.into());
        match label {
            Some(e) if !areas => signs::sample(&painter, chip, *e),
            _ => signs::chip(&painter, chip, *label),
        }
        let ink = if sample.is_some() && i < Expression::COUNT { text } else { weak };
        let galley = painter.layout_no_wrap(name.clone(), font(), ink);
        painter.galley(pos2(left + CHIP.0 + BEFORE, middle - galley.size().y / 2.0), galley, ink);
    }
    response.widget_info(|| {
        let names: Vec<&str> = entries.iter().map(|(_, name)| name.as_str()).collect();
        WidgetInfo::labeled(Role::Label, true, tr!("timeline-colours", names = names.join(", ")))
    });
}
