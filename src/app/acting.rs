//! What the window does when it is asked: by a key, a menu, a button or a dropped file.

use std::panic::catch_unwind;
use std::path::PathBuf;

use crossbeam_channel::bounded;
use eframe::egui;
use moue_capture::{SourceSpec, Transport, list_cameras};

use super::baseline;
use super::files::is_weights;
use super::menu::Action;
use super::people::in_order;
use super::picker::Request;
use super::playback::LEAP_S;
use super::settings::{OverlayMode, Settings, ZOOM};
use super::sheets::Sheet;
use super::window::MoueApp;
use crate::fault;
use crate::pipeline::{LiveResult, Message};

/// Messages that are kept for the list.
const MESSAGES_KEPT: usize = 100;

impl MoueApp {
    pub(super) fn take_dropped(&self, ctx: &egui::Context, actions: &mut Vec<Action>) {
        let dropped: Vec<PathBuf> =
            ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_owned()).collect());
        // One network, one source: the last of each kind counts.
        actions.extend(dropped.into_iter().map(|path| {
            if is_weights(&path) {
                Action::LoadWeights(Some(path))
            } else {
                Action::SetSource(SourceSpec::Path(path))
            }
        }));
    }

    pub(super) fn act(&mut self, ctx: &egui::Context, action: Action, result: Option<&LiveResult>) {
        match action {
            Action::OpenWeightsDialog => self.picker.open(Request::Weights),
            Action::OpenMediaDialog => self.picker.open(Request::Media),
            Action::OpenFolderDialog => self.picker.open(Request::Folder),
            Action::LoadWeights(path) => {
                if let Some(path) = &path {
                    Settings::remember(&mut self.settings.recent_weights, path);
                }
                if let Err(e) = self.live.load_weights(path) {
                    self.tell(Message::Error(format!("no thread for reading the weights: {e}")));
                }
            }
            Action::SetSource(source) => {
                if let SourceSpec::Path(path) = &source {
                    Settings::remember(&mut self.settings.recent_sources, path);
                }
                // A recording is of one source.
                self.recordings.end();
                self.chosen = None;
                self.shown = None;
                // A camera that is opened again keeps its last picture meanwhile.
                if source != self.live.wanted_source() {
                    self.frame.clear();
                }
                self.on_trial = false;
                self.settings.source = Some(source.to_string());
                self.live.set_source(source);
            }
            Action::RefreshCameras => self.list_cameras(ctx),
            Action::TogglePause => match self.live.transport() {
                Some(transport) if !self.live.is_paused() => transport.toggle(),
                _ => self.live.set_paused(!self.live.is_paused()),
            },
            Action::StepOn => self.with_transport(|t| t.step(true)),
            Action::StepBack => self.with_transport(|t| t.step(false)),
            Action::LeapOn => self.with_transport(|t| t.seek_by(LEAP_S)),
            Action::LeapBack => self.with_transport(|t| t.seek_by(-LEAP_S)),
            Action::ToggleRecording => self.toggle_recording(ctx),
            Action::Snapshot => self.snapshot(ctx, result),
            Action::ChooseRecordings => self.picker.open(Request::Recordings),
            Action::MakeReport => self.report_last(ctx),
            Action::NextFace => {
                let faces = in_order(result);
                let now = self.choose(result);
                let at = faces.iter().position(|id| Some(*id) == now).map_or(0, |i| i + 1);
                self.chosen = faces.get(at % faces.len().max(1)).copied();
            }
            Action::ChooseFace(place) => {
                self.chosen = in_order(result).get(place).copied().or(self.chosen);
            }
            Action::Baseline(wanted) => {
                let person = self.choose(result);
                let message = baseline::act(wanted, &self.live, &mut self.settings, person);
                message.into_iter().for_each(|m| self.tell(m));
            }
            Action::ToggleOverlay => self.settings.overlay = !self.settings.overlay,
            Action::SwitchOverlay => {
                self.settings.overlay = true;
                self.settings.overlay_mode = match self.settings.overlay_mode {
                    OverlayMode::Attention => OverlayMode::Evidence,
                    OverlayMode::Evidence => OverlayMode::Attention,
                };
            }
            Action::ToggleMirror => self.settings.mirror = !self.settings.mirror,
            Action::TogglePanel => self.settings.panel = !self.settings.panel,
            Action::ZoomIn => self.zoom(0.1),
            Action::ZoomOut => self.zoom(-0.1),
            Action::ZoomReset => self.settings.zoom = 1.0,
            Action::ToggleTimeline => self.settings.timeline = !self.settings.timeline,
            Action::ToggleFullScreen => {
                let full = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
            }
            Action::ShowShortcuts => self.sheets.toggle(Sheet::Shortcuts),
            Action::ShowModel => self.sheets.toggle(Sheet::Model),
            Action::ShowAbout => self.sheets.toggle(Sheet::About),
            Action::ShowMessages => self.sheets.toggle(Sheet::Messages),
            Action::FocusMenu => self.focus_menu = true,
            Action::Close => self.close_one(ctx),
            Action::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
        }
    }

    fn with_transport(&self, act: impl FnOnce(&Transport)) {
        if let Some(transport) = self.live.transport() {
            act(&transport);
        }
    }

    fn zoom(&mut self, by: f32) {
        let tenths = ((self.settings.zoom + by) * 10.0).round() / 10.0;
        self.settings.zoom = tenths.clamp(ZOOM.0, ZOOM.1);
    }

    /// What lies on top goes first.
    fn close_one(&mut self, ctx: &egui::Context) {
        if self.sheets.close() || self.toasts.close_last() {
            return;
        }
        if ctx.input(|i| i.viewport().fullscreen.unwrap_or(false)) {
            ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(false));
        }
    }

    pub(super) fn tell(&mut self, message: Message) {
        // The stage says it large.
        if !matches!(message, Message::SourceError(_)) {
            self.toasts.add(message.clone());
        }
        self.messages.push(message);
        if self.messages.len() > MESSAGES_KEPT {
            self.messages.remove(0);
        }
    }

    /// Asking the devices may take a while: not on this thread.
    pub(super) fn list_cameras(&mut self, ctx: &egui::Context) {
        if self.listing.is_some() {
            return;
        }
        let (sender, listing) = bounded(1);
        let ctx = ctx.clone();
        let thread = std::thread::Builder::new().name("camera-list".into()).spawn(move || {
            let answer = match catch_unwind(list_cameras) {
                Ok(Ok(cameras)) => Ok(cameras),
                Ok(Err(e)) => {
                    tracing::warn!("{e}");
                    Ok(Vec::new())
                }
                Err(panic) => Err(fault::describe("camera-list", &*panic)),
            };
            // Nobody listens any more where the window was closed meanwhile.
            let _ = sender.send(answer);
            ctx.request_repaint();
        });
        match thread {
            Ok(_) => self.listing = Some(listing),
            Err(e) => self.tell(Message::Error(format!("no thread for listing the cameras: {e}"))),
        }
    }
}
