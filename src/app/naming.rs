//! Asks for a face's name.

use eframe::egui::{Context, Frame, Id, Key, Modal, RichText, TextEdit};

use super::command::Command;
use super::language::tr;
use super::names::Names;

/// The question, while it is open.
#[derive(Debug, Default)]
pub(super) struct NameDialog {
    /// The face, and what was typed so far.
    open: Option<(u64, String)>,
    /// It was opened since the last pass: its field takes the keyboard focus.
    fresh: bool,
}

impl NameDialog {
    /// Opens it.
    pub(super) fn ask(&mut self, id: u64, names: &Names) {
        self.open = Some((id, names.given(id).unwrap_or_default().to_owned()));
        self.fresh = true;
    }

    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Closes it; whether it was open.
    pub(super) fn close(&mut self) -> bool {
        self.open.take().is_some()
    }

    /// Draws it where it is open.
    pub(super) fn show(&mut self, ctx: &Context) -> Option<Command> {
        let (id, text) = self.open.as_mut()?;
        let id = *id;
        let fresh = std::mem::take(&mut self.fresh);
        let frame = Frame::popup(&ctx.global_style()).inner_margin(16).corner_radius(12);
        let shown = Modal::new(Id::unique("name a face")).frame(frame).show(ctx, |ui| {
            ui.set_width(260.0);
            ui.label(RichText::new(tr!("naming-title", id = id)).size(16.0).strong());
            ui.add_space(4.0);
            let field =
                ui.add(TextEdit::singleline(text).hint_text(tr!("dialog-name")).desired_width(f32::INFINITY));
            if fresh {
                field.request_focus();
            }
            let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            ui.weak(tr!("naming-kept"));
            ui.add_space(4.0);
            ui.horizontal(|ui| {
                let save = ui.button(tr!("naming-save")).clicked() || entered;
                if ui.button(tr!("cancel")).clicked() {
                    return Some(Command::CloseNaming);
                }
                save.then(|| Command::SetName(id, text.clone()))
            })
            .inner
        });
        let closed = shown.should_close().then_some(Command::CloseNaming);
        shown.inner.or(closed)
    }
}
