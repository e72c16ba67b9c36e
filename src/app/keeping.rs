//! What outlives the window: its settings, and the source of the last time.

use eframe::egui;
use moue_capture::{SourceKind, SourceSpec};

use super::settings::ThemeChoice;
use super::settings_writer::SettingsWriter;
use super::window::{MoueApp, smoothing};
use crate::pipeline::{BaselineState, Message, SourceState};

impl MoueApp {
    /// The source of the last time may be gone; a fresh start shows something else then.
    pub(super) fn try_another_source(&mut self, state: &SourceState) {
        match state {
            SourceState::Running(info) => {
                self.on_trial = false;
                // That the demo is shown for want of a camera is told already.
                if let Some((reason, camera)) = self.not_taken_up.take()
                    && !(camera && info.kind == SourceKind::Demo)
                {
                    self.tell(Message::Info(format!("{reason}\n({} is shown instead)", info.name)));
                }
            }
            SourceState::Failed(reason) if std::mem::take(&mut self.on_trial) => {
                let camera = matches!(self.live.wanted_source(), SourceSpec::Camera(_));
                self.not_taken_up = Some((reason.clone(), camera));
                self.live.set_source(SourceSpec::Auto);
            }
            _ => {}
        }
    }

    /// Keeps what would have been kept a moment later, and waits until it is written.
    pub(super) fn keep_at_the_end(&mut self) {
        self.moved.keep(&mut self.settings);
        if let Some(writer) = self.writer.take()
            && self.settings != self.written
        {
            writer.keep(&self.settings);
        }
    }

    /// Brings theme and size of everything up to the settings.
    pub(super) fn apply_looks(&self, ctx: &egui::Context) {
        ctx.set_zoom_factor(self.settings.zoom);
        ctx.set_theme(match self.settings.theme {
            ThemeChoice::System => egui::ThemePreference::System,
            ThemeChoice::Light => egui::ThemePreference::Light,
            ThemeChoice::Dark => egui::ThemePreference::Dark,
        });
    }

    /// Hands changed settings on and keeps them. Values of a slider in motion wait until it rests.
    pub(super) fn after_changes(&mut self, ctx: &egui::Context) {
        if let Some(text) = self.writer.as_ref().and_then(SettingsWriter::trouble) {
            self.tell(Message::Error(text));
        }
        let unbiased = matches!(self.live.baseline(), BaselineState::On { fits: true, .. });
        if self.unbiased != unbiased {
            self.unbiased = unbiased;
            self.recordings.settings_changed(&self.settings, unbiased);
        }
        if self.settings == self.written || ctx.input(|i| i.pointer.any_down()) {
            return;
        }
        self.apply_looks(ctx);
        self.live.set_smoothing(smoothing(&self.settings));
        self.live.set_detector(self.settings.detector);
        if smoothing(&self.settings) != smoothing(&self.written) {
            self.recordings.settings_changed(&self.settings, unbiased);
        }
        self.written = self.settings.clone();
        if let Some(writer) = &self.writer {
            writer.keep(&self.settings);
        }
    }
}
