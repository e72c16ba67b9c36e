//! What the right mouse button offers on a face: in the picture, on its tile and on its bars.

use eframe::egui::Ui;

use super::command::Command;

/// The entries for the face `id`; `name` is what it is called, `chosen` whether the panel shows it.
pub(super) fn entries(ui: &mut Ui, id: u64, name: &str, chosen: bool, commands: &mut Vec<Command>) {
    let mut entry = |ui: &mut Ui, text: String, command: Command| {
        if ui.button(text).clicked() {
            commands.push(command);
            ui.close();
        }
    };
    if !chosen {
        entry(ui, format!("Choose {name}"), Command::SelectFace(id));
    }
    entry(ui, "Name this face…".to_owned(), Command::AskName(id));
    entry(ui, "Copy values".to_owned(), Command::CopyReading(Some(id)));
}
