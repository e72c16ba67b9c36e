//! The panel's row about the personal baseline.

use eframe::egui::{Button, Color32, CornerRadius, Response, RichText, Role, Sense, Ui, WidgetInfo, vec2};

use super::command::{BaselineCommand, Command};
use super::language::tr;
use super::state::State;
use super::theme;
use crate::pipeline::BaselineState;

/// What is on, and what can be done.
pub(super) fn row(ui: &mut Ui, state: &State) -> Option<Command> {
    let mut command = None;
    let mut button = |ui: &mut Ui, text: &str, hint: &str, enabled: bool, wanted: BaselineCommand| {
        let button = Button::new(RichText::new(text).font(theme::caption()));
        if ui.add_enabled(enabled, button).on_hover_text(hint).clicked() {
            command = Some(Command::Baseline(wanted));
        }
    };
    let saved = state.settings.baseline.as_ref();
    // In some languages the buttons need two rows.
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        match &state.snapshot.baseline {
            BaselineState::Off => {
                let hint = tr!("baseline-start-hint");
                let face_in_view = state.selected_face().is_some();
                button(ui, tr!("baseline-start"), hint, face_in_view, BaselineCommand::Toggle);
                if saved.is_some() {
                    let hint = tr!("baseline-use-hint");
                    button(ui, tr!("baseline-use"), hint, true, BaselineCommand::UseSaved);
                    let hint = tr!("baseline-delete-hint");
                    button(ui, tr!("baseline-delete"), hint, true, BaselineCommand::DeleteSaved);
                }
            }
            BaselineState::Recording { .. } => {
                chip(ui, tr!("baseline-look"), theme::DEMO);
                button(ui, tr!("cancel"), tr!("baseline-key"), true, BaselineCommand::Off);
            }
            BaselineState::On { baseline, fits } => {
                if *fits {
                    chip(ui, tr!("baseline-on"), theme::baseline()).on_hover_text(tr!("term-baseline"));
                } else {
                    chip(ui, tr!("baseline-inactive"), theme::MARK)
                        .on_hover_text(tr!("baseline-inactive-hint", source = baseline.source.clone()));
                }
                let hint = tr!("baseline-off-hint");
                button(ui, tr!("baseline-off"), hint, true, BaselineCommand::Off);
                if saved == Some(baseline) {
                    let hint = tr!("baseline-delete-on-hint");
                    button(ui, tr!("baseline-delete"), hint, true, BaselineCommand::DeleteSaved);
                } else {
                    let hint = tr!("baseline-save-hint");
                    button(ui, tr!("save"), hint, *fits, BaselineCommand::Save);
                }
            }
        }
    });
    command
}

fn chip(ui: &mut Ui, text: &str, colour: Color32) -> Response {
    let galley = ui.painter().layout_no_wrap(text.to_owned(), theme::caption(), theme::ink_on(colour));
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(18.0, 6.0), Sense::hover());
    ui.painter().rect_filled(rect, CornerRadius::same(11), colour);
    ui.painter().galley(rect.min + vec2(9.0, 3.0), galley, theme::ink_on(colour));
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    response
}
