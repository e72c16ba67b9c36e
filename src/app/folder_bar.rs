//! The controls below a file of a folder: previous, slideshow, next, and the contact sheet.

use eframe::egui::{self, RichText, Ui};

use super::command::Command;
use super::language::tr;
use super::playlist::Playlist;
use super::shortcuts;

/// Draws the bar.
pub(super) fn bar(ui: &mut Ui, playlist: &Playlist, contact_open: bool) -> Vec<Command> {
    let mut commands = Vec::new();
    ui.horizontal(|ui| {
        let mut button = |ui: &mut Ui, text: &str, name: &str, command: Command| {
            let key = shortcuts::key_text(ui.ctx(), &command);
            let hint = key.map_or_else(|| name.to_owned(), |key| format!("{name} ({key})"));
            let response = ui.button(text).on_hover_text(hint);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
            if response.clicked() {
                commands.push(command);
            }
        };
        button(ui, "◀", tr!("previous-file"), Command::PreviousFile);
        let (text, name) = if playlist.is_playing() {
            (tr!("stop"), tr!("slideshow-stop"))
        } else {
            (tr!("slideshow"), tr!("slideshow"))
        };
        button(ui, text, name, Command::ToggleSlideshow);
        button(ui, "▶", tr!("next-file"), Command::NextFile);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let (text, name) = if contact_open {
                (tr!("folder-picture"), tr!("folder-back"))
            } else {
                (tr!("contact-sheet"), tr!("contact-sheet"))
            };
            button(ui, text, name, Command::ToggleContactSheet);
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                ui.add(egui::Label::new(RichText::new(playlist.title()).size(13.0)).truncate());
            });
        });
    });
    commands
}
