//! The form for a recording's name and notes, before it or after it.

use std::path::{Path, PathBuf};

use eframe::egui::{Label, RichText, TextEdit, Ui};

use super::command::Command;
use super::language::tr;
use crate::record::SessionWords;

/// What is being entered.
#[derive(Debug, Default)]
pub(super) struct SessionForm {
    words: SessionWords,
    /// The recording whose words these are; `None`: they are the next one's.
    of: Option<PathBuf>,
}

impl SessionForm {
    /// Shows what a recording says already, in place of what was entered for another.
    pub(super) fn set(&mut self, folder: PathBuf, words: SessionWords) {
        if self.of.as_ref() != Some(&folder) {
            (self.words, self.of) = (words, Some(folder));
        }
    }

    /// The fields. `last`: the folder of the recording that runs or was the last, whose name and notes can be written. `fresh`: the name
    /// takes the keyboard.
    pub(super) fn show(&mut self, ui: &mut Ui, last: Option<&Path>, fresh: bool) -> Option<Command> {
        let text = tr!("words-kept");
        ui.add(Label::new(RichText::new(text).weak()).wrap());
        let label = ui.label(tr!("dialog-name"));
        let name = TextEdit::singleline(&mut self.words.name).desired_width(f32::INFINITY);
        let name = ui.add(name).labelled_by(label.id);
        if fresh {
            name.request_focus();
        }
        let label = ui.label(tr!("words-notes"));
        let notes = TextEdit::multiline(&mut self.words.notes).desired_width(f32::INFINITY).desired_rows(4);
        ui.add(notes).labelled_by(label.id);
        ui.add_space(6.0);
        ui.horizontal_wrapped(|ui| {
            if ui.button(tr!("words-next")).clicked() {
                let words = std::mem::take(self).words;
                return Some(Command::SetWords(words));
            }
            let folder = last.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            let text =
                folder.map_or(tr!("words-write-last").to_owned(), |name| tr!("words-write", name = name));
            // Only where it is known what would be written over.
            let known = last.is_some() && self.of.as_deref() == last;
            let write = ui.add_enabled_ui(known, |ui| ui.button(text)).inner;
            write.clicked().then(|| Command::WriteWords(self.words.clone()))
        })
        .inner
    }
}
