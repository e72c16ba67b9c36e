//! The panel's row about the personal baseline.

use eframe::egui::{Button, Color32, CornerRadius, Response, RichText, Role, Sense, Ui, WidgetInfo, vec2};

use super::command::{BaselineCommand, Command};
use super::state::State;
use super::terms;
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
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        match &state.snapshot.baseline {
            BaselineState::Off => {
                let hint = "Look neutral for three seconds. What the network sees in your neutral face is then taken out \
                            of your readings (key B)";
                let face_in_view = state.selected_face().is_some();
                button(ui, "Neutral baseline…", hint, face_in_view, BaselineCommand::Toggle);
                if saved.is_some() {
                    let hint = "Applies the saved baseline, with the camera and network it was recorded with";
                    button(ui, "Use saved", hint, true, BaselineCommand::UseSaved);
                    let hint = "Removes the saved baseline from the settings";
                    button(ui, "Delete saved", hint, true, BaselineCommand::DeleteSaved);
                }
            }
            BaselineState::Recording { .. } => {
                chip(ui, "Look neutral", theme::DEMO);
                button(ui, "Cancel", "Key B", true, BaselineCommand::Off);
            }
            BaselineState::On { baseline, fits } => {
                if *fits {
                    chip(ui, "Baseline on", theme::baseline()).on_hover_text(terms::BASELINE);
                } else {
                    chip(ui, "Baseline inactive", theme::MARK)
                        .on_hover_text(format!("It was recorded with {} and its network", baseline.source));
                }
                let hint = "Shows the readings as the network gives them (key B)";
                button(ui, "Turn off", hint, true, BaselineCommand::Off);
                if saved == Some(baseline) {
                    let hint = "Removes it from the settings; it stays on until you turn it off";
                    button(ui, "Delete saved", hint, true, BaselineCommand::DeleteSaved);
                } else {
                    let hint = "Saves seven numbers and the camera's name in the settings, for the next start";
                    button(ui, "Save", hint, *fits, BaselineCommand::Save);
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
