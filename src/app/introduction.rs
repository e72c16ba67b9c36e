//! What a first start says, until it is answered.

use eframe::egui::{self, Align, Button, Color32, Label, Layout, Panel, RichText, Ui};

use super::menu::Action;
use super::settings::Settings;
use super::sheets::INTRODUCTION;
use super::theme;

pub(super) fn show(ui: &mut Ui, settings: &mut Settings, actions: &mut Vec<Action>) {
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
                    settings.introduced = true;
                }
                if ui.button("Keyboard shortcuts").clicked() {
                    actions.push(Action::ShowShortcuts);
                }
            });
        });
        ui.add_space(theme::GAP / 4.0);
        ui.add(Label::new(INTRODUCTION).wrap());
    });
    let edge = shown.response.rect;
    ui.painter().hline(edge.x_range(), edge.top(), egui::Stroke::new(2.0, accent));
}
