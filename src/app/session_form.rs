//! The form for a recording's name and notes, before it or after it.

use eframe::egui::{Label, RichText, TextEdit, Ui};

use super::command::Command;
use crate::record::SessionWords;

/// What is being entered.
#[derive(Debug, Default)]
pub(super) struct SessionForm {
    words: SessionWords,
}

impl SessionForm {
    /// The fields. `last`: a recording has ended whose name and notes can be written.
    pub(super) fn show(&mut self, ui: &mut Ui, last: bool) -> Option<Command> {
        let text = "They are kept in the recording's session.json and stand on its report.";
        ui.add(Label::new(RichText::new(text).weak()).wrap());
        let label = ui.label("Name");
        ui.add(TextEdit::singleline(&mut self.words.name).desired_width(f32::INFINITY)).labelled_by(label.id);
        let label = ui.label("Notes");
        let notes = TextEdit::multiline(&mut self.words.notes).desired_width(f32::INFINITY).desired_rows(4);
        ui.add(notes).labelled_by(label.id);
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            if ui.button("Use for the next recording").clicked() {
                return Some(Command::SetWords(self.words.clone()));
            }
            let write = ui.add_enabled_ui(last, |ui| ui.button("Write into the last recording")).inner;
            write.clicked().then(|| Command::WriteWords(self.words.clone()))
        })
        .inner
    }
}
