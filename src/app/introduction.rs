//! What is shown at the first start, until the user has confirmed it.

use eframe::egui::{self, Align, Button, Color32, Label, Layout, Panel, RichText, Ui};

use super::command::{Command, Setting, Sheet};
use super::sheets::INTRODUCTION;
use super::theme;

/// Draws it below everything else.
pub(super) fn show(ui: &mut Ui) -> Option<Command> {
    let mut command = None;
    let accent = ui.visuals().hyperlink_color;
    let frame =
        egui::Frame::new().fill(ui.visuals().window_fill).inner_margin(egui::Margin::symmetric(16, 12));
    let shown = Panel::bottom("introduction").resizable(false).frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new("Welcome to moue").size(16.0).strong());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let ink = if ui.visuals().dark_mode { Color32::BLACK } else { Color32::WHITE };
                let understood = Button::new(RichText::new("Understood").color(ink)).fill(accent);
                if ui.add(understood).clicked() {
                    command = Some(Command::Set(Setting::Introduced));
                }
                if ui.button("Keyboard shortcuts").clicked() {
                    command = Some(Command::ToggleSheet(Sheet::Shortcuts));
                }
            });
        });
        ui.add_space(theme::GAP / 4.0);
        ui.add(Label::new(INTRODUCTION).wrap());
    });
    let edge = shown.response.rect;
    ui.painter().hline(edge.x_range(), edge.top(), egui::Stroke::new(2.0, accent));
    command
}
