//! What the right mouse button offers on a face: in the picture, on its tile and on its bars.

use eframe::egui::Ui;

use super::command::Command;
use super::language::tr;

/// The entries for the face `id`; `name` is what it is called, `chosen` whether the panel shows it.
pub(super) fn entries(ui: &mut Ui, id: u64, name: &str, chosen: bool, commands: &mut Vec<Command>) {
    let mut entry = |ui: &mut Ui, text: String, command: Command| {
        if ui.button(text).clicked() {
            commands.push(command);
            ui.close();
        }
    };
    if !chosen {
        entry(ui, tr!("face-choose", name = name), Command::SelectFace(id));
    }
    entry(ui, tr!("face-name-it").to_owned(), Command::AskName(id));
    entry(ui, tr!("copy-values").to_owned(), Command::CopyReading(Some(id)));
}
