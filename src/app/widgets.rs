//! Small controls that several views use.

use eframe::egui::{Align2, Button, Role, Sense, Ui, WidgetInfo, vec2};

use super::theme;

/// A button that copies `text`; screen readers hear what it copies.
pub(super) fn copy_button(ui: &mut Ui, what: &str, text: impl FnOnce() -> String) {
    let response = ui.add(Button::new("Copy"));
    let name = format!("Copy {what}");
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name.clone()));
    if response.clicked() {
        ui.ctx().copy_text(text());
    }
}

/// A figure with its caption below.
pub(super) fn figure(ui: &mut Ui, caption: &str, value: &str) {
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
