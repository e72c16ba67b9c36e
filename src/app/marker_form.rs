//! Asks what happened, for a marker at the moment at which its key was pressed.

use std::time::Instant;

use eframe::egui::{Context, Frame, Id, Key, Modal, RichText, TextEdit};

use super::command::Command;
use super::language::tr;

/// The question, while it is open.
#[derive(Debug, Default)]
pub(super) struct MarkerDialog {
    /// The moment that is marked, and what was typed so far.
    open: Option<(Instant, String)>,
    /// It was opened since the last pass: its field takes the keyboard focus.
    fresh: bool,
}

impl MarkerDialog {
    /// Opens it for this moment.
    pub(super) fn ask(&mut self) {
        self.open = Some((Instant::now(), String::new()));
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

    /// Draws it where it is open. `recording`: markers are kept.
    pub(super) fn show(&mut self, ctx: &Context, recording: bool) -> Option<Command> {
        let (at, text) = self.open.as_mut()?;
        let at = *at;
        let fresh = std::mem::take(&mut self.fresh);
        let frame = Frame::popup(&ctx.global_style()).inner_margin(16).corner_radius(12);
        let shown = Modal::new(Id::unique("marker")).frame(frame).show(ctx, |ui| {
            ui.set_width(300.0);
            ui.label(RichText::new(tr!("marker-title")).size(16.0).strong());
            ui.add_space(4.0);
            let field = TextEdit::singleline(text).hint_text(tr!("marker-hint")).desired_width(f32::INFINITY);
            let field = ui.add(field);
            if fresh {
                field.request_focus();
            }
            let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            ui.weak(if recording { tr!("marker-recorded") } else { tr!("marker-not-recorded") });
            ui.add_space(4.0);
            ui.horizontal(|ui| {
                let save = ui.button(tr!("marker-set")).clicked() || entered;
                if ui.button(tr!("cancel")).clicked() {
                    return Some(Command::CloseMarker);
                }
                save.then(|| Command::SetMarker(at, text.clone()))
            })
            .inner
        });
        let closed = shown.should_close().then_some(Command::CloseMarker);
        shown.inner.or(closed)
    }
}
