//! Which expressions are taught.

use eframe::egui::{Button, Context, Frame, Id, Key, Label, Modal, RichText, TextEdit, Ui};
use moue_model::Expression;
use moue_profile::CLASSES;

use crate::app::command::TeachCommand;
use crate::app::labels::{capitalised, expression_name};
use crate::app::language::tr;

/// Longest name of an expression, in letters.
const LONGEST: usize = 24;

/// The form, while it is open.
#[derive(Debug)]
pub(super) struct TeachForm {
    /// The network's own, and whether they are taught.
    known: [bool; Expression::COUNT],
    /// The user's own.
    own: Vec<String>,
    typed: String,
    fresh: bool,
}

impl Default for TeachForm {
    fn default() -> Self {
        let usual = [Expression::Neutral, Expression::Happy, Expression::Sad, Expression::Surprise];
        Self {
            known: Expression::ALL.map(|expression| usual.contains(&expression)),
            own: Vec::new(),
            typed: String::new(),
            fresh: true,
        }
    }
}

impl TeachForm {
    fn names(&self) -> Vec<String> {
        let known = Expression::ALL.iter().zip(self.known).filter(|(_, on)| *on);
        known.map(|(expression, _)| expression.name().to_owned()).chain(self.own.iter().cloned()).collect()
    }

    /// Takes over what was typed, unless there is one of that name.
    fn add(&mut self) {
        let name: String = self.typed.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        let name = name.trim().to_lowercase();
        self.typed.clear();
        if let Some(known) = Expression::ALL
            .iter()
            .position(|e| e.name() == name || expression_name(*e).to_lowercase() == name)
        {
            self.known[known] = true;
        } else if !name.is_empty() && !self.own.contains(&name) {
            self.own.push(name);
        }
    }

    /// Shows it. `warning`: what speaks against the source in use.
    pub(super) fn show(&mut self, ctx: &Context, warning: Option<&str>) -> Option<TeachCommand> {
        let frame = Frame::popup(&ctx.global_style()).inner_margin(18).corner_radius(12);
        let shown = Modal::new(Id::unique("teach")).frame(frame).show(ctx, |ui| {
            ui.set_width(440.0_f32.min(ctx.content_rect().width() - 60.0));
            self.content(ui, warning)
        });
        let closed = shown.should_close().then_some(TeachCommand::Stop);
        shown.inner.or(closed)
    }

    fn content(&mut self, ui: &mut Ui, warning: Option<&str>) -> Option<TeachCommand> {
        ui.label(RichText::new(tr!("teach-title")).size(20.0).strong());
        ui.add_space(4.0);
        let text = tr!("teach-how");
        ui.add(Label::new(text).wrap());
        if let Some(warning) = warning {
            ui.add_space(4.0);
            ui.add(Label::new(RichText::new(warning).color(ui.visuals().warn_fg_color)).wrap());
        }
        ui.add_space(8.0);
        ui.horizontal_wrapped(|ui| {
            for (expression, on) in Expression::ALL.iter().zip(&mut self.known) {
                ui.checkbox(on, capitalised(expression_name(*expression)));
            }
        });
        let mut removed = None;
        if !self.own.is_empty() {
            ui.horizontal_wrapped(|ui| {
                for (place, name) in self.own.iter().enumerate() {
                    if ui.button(format!("{name} ×")).on_hover_text(tr!("teach-leave-out")).clicked() {
                        removed = Some(place);
                    }
                }
            });
        }
        if let Some(place) = removed {
            self.own.remove(place);
        }
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            let label = ui.label(tr!("teach-own"));
            let field =
                TextEdit::singleline(&mut self.typed).hint_text(tr!("teach-own-hint")).desired_width(180.0);
            let field = ui.add(field).labelled_by(label.id);
            let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            let typed = !self.typed.trim().is_empty();
            if ui.add_enabled(typed, Button::new(tr!("add"))).clicked() || (entered && typed) {
                self.add();
                field.request_focus();
            }
        });
        ui.add_space(10.0);
        let names = self.names();
        let fits = CLASSES.contains(&names.len());
        let minutes = names.len() as f64 * 2.0 * 8.0 / 60.0;
        ui.weak(if fits {
            tr!("teach-length", count = names.len(), minutes = format!("{minutes:.1}"))
        } else {
            tr!("teach-wrong-count", count = names.len(), least = *CLASSES.start(), most = *CLASSES.end())
        });
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            let start = ui.add_enabled(fits, Button::new(tr!("teach-start")));
            if std::mem::take(&mut self.fresh) {
                start.request_focus();
            }
            if start.clicked() {
                return Some(TeachCommand::Start(names));
            }
            ui.button(tr!("cancel")).on_hover_text(tr!("key-esc")).clicked().then_some(TeachCommand::Stop)
        })
        .inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_expressions_are_added_once_and_known_ones_are_ticked() {
        let mut form = TeachForm::default();
        for typed in ["  Tongue out ", "tongue out", "Angry", "", "\n"] {
            form.typed = typed.into();
            form.add();
        }
        assert_eq!(form.own, ["tongue out"]);
        assert_eq!(form.names(), ["angry", "happy", "neutral", "sad", "surprise", "tongue out"]);
        form.typed = "x".repeat(100);
        form.add();
        assert_eq!(form.own[1].len(), LONGEST);
    }
}
