//! tr!("question-title"): asked where another source is chosen while one is recorded.

use eframe::egui::{Context, Id, Modal, RichText};
use moue_capture::SourceSpec;

use super::command::Command;
use super::language::tr;

/// The question, while it is asked.
#[derive(Debug, Default)]
pub(super) struct Question {
    /// The source that was chosen.
    wanted: Option<SourceSpec>,
    /// It is asked since this pass: its first button takes the keyboard focus.
    fresh: bool,
}

impl Question {
    /// Asks whether the recording should end for this source.
    pub(super) fn ask(&mut self, wanted: SourceSpec) {
        self.wanted = Some(wanted);
        self.fresh = true;
    }

    /// The source that was chosen, where no recording is left to ask about.
    pub(super) fn settle(&mut self, recording: bool) -> Option<SourceSpec> {
        if recording { None } else { self.wanted.take() }
    }

    /// Whether it is being asked.
    pub(super) fn is_open(&self) -> bool {
        self.wanted.is_some()
    }

    /// Asks no more; whether it was being asked. The recording goes on.
    pub(super) fn close(&mut self) -> bool {
        self.wanted.take().is_some()
    }

    /// Shows it. Enter presses the first button.
    pub(super) fn show(&mut self, ctx: &Context) -> Option<Command> {
        let wanted = self.wanted.as_ref()?;
        let fresh = std::mem::take(&mut self.fresh);
        let shown = Modal::new(Id::unique("end the recording")).show(ctx, |ui| {
            ui.set_width(320.0);
            ui.label(RichText::new(tr!("question-title")).size(20.0).strong());
            ui.add_space(6.0);
            ui.label(tr!("question-why"));
            ui.add_space(10.0);
            ui.horizontal(|ui| {
                let end = ui.button(tr!("question-end")).on_hover_text(tr!("key-enter"));
                if fresh {
                    end.request_focus();
                }
                let keep = ui.button(tr!("question-keep")).on_hover_text(tr!("key-esc"));
                match (end.clicked(), keep.clicked()) {
                    (true, _) => Some(Command::EndAndSwitch(wanted.clone())),
                    (_, true) => Some(Command::KeepRecording),
                    _ => None,
                }
            })
            .inner
        });
        let closed = shown.should_close().then_some(Command::KeepRecording);
        shown.inner.or(closed)
    }
}
