//! What outlives the window: its sizes and settings, and the source of the last time.

use std::time::{Duration, Instant};

use eframe::egui;

use super::settings::ThemeChoice;
use super::window::{MoueApp, smoothing};
use crate::capture::SourceSpec;
use crate::pipeline::{Message, SourceState};

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
        let window = ctx.input(|i| {
            let v = i.viewport();
            let whole = v.fullscreen.unwrap_or(false) || v.maximized.unwrap_or(false);
            v.inner_rect.filter(|_| !whole).map(|r| [r.width().round(), r.height().round()])
        });
        let Some(window) = window else { return };
        let panel_width = panel_width.round();
        if self.settings.window == Some(window) && self.settings.panel_width == panel_width {
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

    pub(super) fn apply_theme(&self, ctx: &egui::Context) {
        ctx.set_theme(match self.settings.theme {
            ThemeChoice::System => egui::ThemePreference::System,
            ThemeChoice::Light => egui::ThemePreference::Light,
            ThemeChoice::Dark => egui::ThemePreference::Dark,
        });
    }

    /// Hands changed settings on and keeps them. Values of a slider in motion wait until it rests.
    pub(super) fn after_changes(&mut self, ctx: &egui::Context) {
        if self.settings == self.written || ctx.input(|i| i.pointer.any_down()) {
            return;
        }
        self.apply_theme(ctx);
        self.live.set_smoothing(smoothing(&self.settings));
        self.written = self.settings.clone();
        if let Some(file) = &self.file
            && let Err(e) = file.write(&self.settings)
        {
            self.file = None;
            self.tell(Message::Error(format!("the settings cannot be kept: {e}")));
        }
    }
}
