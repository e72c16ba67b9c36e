//! Which language the window speaks, pass by pass.

use eframe::egui::Context;

use super::language::{self, Language, tr};
use super::state::State;
use super::theme;
use crate::pipeline::Message;

/// From here on the texts are in the language that is chosen, or in English until a font for it is found.
pub(super) fn speak(state: &mut State, ctx: &Context) {
    let wanted = Language::chosen(state.settings.language, state.system_language);
    if wanted.needs_font() {
        look_for_fonts(state, ctx);
    }
    if let Some(fonts) = state.fonts.new_fonts() {
        theme::add_fonts(ctx, fonts);
    }
    let shown = state.fonts.show(wanted) == Some(true);
    language::speak(if shown { wanted } else { Language::English });
}

/// Looks for fonts for languages that the built-in ones have no letters for.
pub(super) fn look_for_fonts(state: &mut State, ctx: &Context) {
    if let Err(e) = state.fonts.look(ctx) {
        state.report(Message::Error(tr!("no-thread-fonts", error = e.to_string())));
    }
}
