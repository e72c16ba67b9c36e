//! Small controls that several views use.

use eframe::egui::{Align2, Button, FontId, Role, Sense, Ui, WidgetInfo, vec2};

use super::density::Density;
use super::language::{self, tr};
use super::terms;
use super::theme;

/// A button that copies `text`; screen readers hear what it copies.
pub(super) fn copy_button(ui: &mut Ui, what: &str, text: impl FnOnce() -> String) {
    let response = ui.add(Button::new(tr!("copy")));
    let name = tr!("copy-what", what = what);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name.clone()));
    if response.clicked() {
        ui.ctx().copy_text(text());
    }
}

/// A figure with its caption below. `key`: of the caption's text.
pub(super) fn figure(ui: &mut Ui, density: Density, key: &'static str, value: &str) {
    let caption = language::text(key);
    let height = density.of(38.0, 27.0);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let visuals = ui.visuals();
    let painter = ui.painter();
    let at = rect.left_top();
    let font = density.of(theme::figure(), FontId::proportional(13.5));
    painter.text(at, Align2::LEFT_TOP, value, font, visuals.text_color());
    painter.text(
        at + vec2(0.0, density.of(21.0, 14.5)),
        Align2::LEFT_TOP,
        caption,
        density.of(theme::caption(), FontId::proportional(10.5)),
        visuals.weak_text_color(),
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{caption}: {value}")));
    if let Some(meaning) = terms::of_figure(key) {
        response.on_hover_text(meaning);
    }
}
