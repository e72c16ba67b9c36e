//! What outlives the window: its sizes and settings, and the source of the last time.

use std::time::{Duration, Instant};

use eframe::egui;

use super::settings::ThemeChoice;
use super::window::{MoueApp, smoothing};
use crate::capture::SourceSpec;
use crate::pipeline::{BaselineState, Message, SourceState};

impl MoueApp {
    /// The source of the last time may be gone; a fresh start shows something else then.
    pub(super) fn try_another_source(&mut self, state: &SourceState) {
        match state {
            SourceState::Running(_) => self.on_trial = false,
            SourceState::Failed(_) if std::mem::take(&mut self.on_trial) => {
                self.live.set_source(SourceSpec::Auto);
            }
            _ => {}
        }
    }

    /// Sizes are kept once they have been the same for a second: a window that is being resized is not.
    pub(super) fn keep_sizes(&mut self, ctx: &egui::Context, panel_width: f32) {
        let (window, full, maximized) = ctx.input(|i| {
            let v = i.viewport();
            (v.inner_rect, v.fullscreen.unwrap_or(false), v.maximized.unwrap_or(false))
        });
        if full {
            return;
        }
        self.settings.maximized = maximized;
        let Some(window) = window.filter(|_| !maximized).map(|r| [r.width().round(), r.height().round()])
        else {
            return;
        };
        let panel_width = panel_width.round();
        if self.settings.window == Some(window) && self.settings.panel_width == panel_width {
            self.sizes = None;
            return;
        }
        match self.sizes {
            Some((since, w, p)) if w == window && p == panel_width => {
                if since.elapsed() > Duration::from_secs(1) {
                    self.settings.window = Some(window);
                    self.settings.panel_width = panel_width;
                }
            }
            _ => {
                self.sizes = Some((Instant::now(), window, panel_width));
                ctx.request_repaint_after(Duration::from_millis(1100));
            }
        }
    }

    /// Keeps what would have been kept a moment later.
    pub(super) fn keep_at_the_end(&mut self) {
        if let Some((_, window, panel_width)) = self.sizes.take() {
            self.settings.window = Some(window);
            self.settings.panel_width = panel_width;
        }
        if self.settings != self.written
            && let Some(file) = &self.file
            && let Err(e) = file.write(&self.settings)
        {
            tracing::warn!("the settings cannot be kept: {e}");
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
        if smoothing(&self.settings) != smoothing(&self.written) {
            self.recordings.settings_changed(&self.settings, unbiased);
        }
        self.written = self.settings.clone();
        if let Some(file) = &self.file
            && let Err(e) = file.write(&self.settings)
        {
            self.file = None;
            self.tell(Message::Error(format!("the settings cannot be kept: {e}")));
        }
    }
}
