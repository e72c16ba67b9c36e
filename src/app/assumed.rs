//! The panel's row about a weights file that does not say how it is to be read.

use eframe::egui::{Label, RichText, Ui};
use moue_model::assumed;

use super::command::{Command, Sheet};
use super::language::tr;
use super::state::State;
use super::theme;

/// What was assumed, and the way to the form where the user says it.
pub(super) fn row(ui: &mut Ui, state: &State) -> Option<Command> {
    let model = state.snapshot.model.as_deref().filter(|model| model.path.is_some())?;
    let what = assumed(&model.metadata)?;
    ui.add_space(4.0);
    let text = tr!("assumed", what = what);
    let text = RichText::new(text).font(theme::caption()).color(ui.visuals().warn_fg_color);
    ui.add(Label::new(text).wrap());
    let hint = tr!("assumed-set-hint");
    let set = ui.button(tr!("assumed-set")).on_hover_text(hint);
    set.clicked().then_some(Command::ToggleSheet(Sheet::Model))
}
