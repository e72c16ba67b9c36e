//! Small controls that several views use.

use eframe::egui::{Button, Role, Ui, WidgetInfo};

/// A button that copies `text`; screen readers hear what it copies.
pub(super) fn copy_button(ui: &mut Ui, what: &str, text: impl FnOnce() -> String) {
    let response = ui.add(Button::new("Copy"));
    let name = format!("Copy {what}");
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name.clone()));
    if response.clicked() {
        ui.ctx().copy_text(text());
    }
}
