//! The window's state, and what happens once a picture.

use std::collections::VecDeque;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use eframe::egui::{self, RichText, Ui};

use super::AppOptions;
use super::dialogs::{Dialogs, INTRODUCTION};
use super::files::{drop_hint, is_weights, remembered_source};
use super::history::History;
use super::menu::{self, Action, MenuState};
use super::overlay::HeatTextures;
use super::panel::{self, Rates};
use super::picker::{FilePicker, Request};
use super::picture::Picture;
use super::preview::{FrameTexture, Preview, PreviewAction};
use super::settings::{Settings, SettingsFile, ThemeChoice};
use super::theme;
use super::timeline;
use super::toasts::Toasts;
use crate::capture::{CameraInfo, Frame, SourceSpec, list_cameras};
use crate::fault;
use crate::pipeline::{
    AnalyzedFace, Hooks, Live, LiveOptions, LiveResult, Mailbox, Message, Origins, SmoothingSettings,
    SourceState,
};

/// An older reading is not shown any more, unless its picture is still on screen. A slow machine's readings are
/// seconds old, and its user is told how old.
const READING_FOR: Duration = Duration::from_secs(3);
/// Another face has to be larger by this factor before the panel turns to it.
const LARGER_BY: f32 = 1.4;
/// Messages that are kept for the list.
const MESSAGES_KEPT: usize = 100;
/// Display rate is counted over this time.
const RATE_OVER: Duration = Duration::from_secs(1);

/// The window.
pub struct MoueApp {
    live: Live,
    picker: Box<dyn FilePicker>,
    file: Option<SettingsFile>,
    settings: Settings,
    written: Settings,
    new_frame: Arc<Mailbox<Picture>>,
    frame: FrameTexture,
    heat: HeatTextures,
    dialogs: Dialogs,
    toasts: Toasts,
    messages: Vec<Message>,
    cameras: Option<Vec<CameraInfo>>,
    listing: Option<Receiver<Result<Vec<CameraInfo>, String>>>,
    /// The source is that of the last time, and has not worked yet.
    on_trial: bool,
    /// Sizes of window and panel that are not kept yet, and since when they are so.
    sizes: Option<(Instant, [f32; 2], f32)>,
    chosen: Option<u64>,
    history: History,
    drawn: VecDeque<Instant>,
    rates: Rates,
    /// The person that the panel shows.
    shown: Option<u64>,
}

impl MoueApp {
    /// Starts the pipeline. `file` is where the settings are kept, `None` keeps them nowhere.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(
        ctx: &egui::Context,
        options: AppOptions,
        file: Option<SettingsFile>,
        picker: Box<dyn FilePicker>,
    ) -> std::io::Result<Self> {
        Self::from_origins(ctx, options, file, picker, Origins::default())
    }

    /// As [`Self::new`], with sources and weights of other origins.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn from_origins(
        ctx: &egui::Context,
        options: AppOptions,
        file: Option<SettingsFile>,
        picker: Box<dyn FilePicker>,
        origins: Origins,
    ) -> std::io::Result<Self> {
        theme::apply(ctx);
        let (settings, note) = file.as_ref().map_or_else(Default::default, SettingsFile::read);
        let remembered = match options.source {
            SourceSpec::Auto => remembered_source(&settings),
            _ => None,
        };
        if let Some([width, height]) = settings.window {
            ctx.send_viewport_cmd(egui::ViewportCommand::InnerSize(egui::vec2(width, height)));
        }
        let new_frame = Arc::new(Mailbox::default());
        let hooks = {
            let (mailbox, ctx, wake) = (Arc::clone(&new_frame), ctx.clone(), ctx.clone());
            Hooks {
                on_frame: Box::new(move |frame| {
                    mailbox.put(Picture::new(&frame.image));
                    ctx.request_repaint();
                }),
                on_change: Box::new(move || wake.request_repaint()),
            }
        };
        let live = Live::start_from(
            LiveOptions {
                source: remembered.clone().unwrap_or(options.source),
                weights: options.weights,
                device: options.device,
                threads: options.threads,
                smoothing: smoothing(&settings),
            },
            hooks,
            origins,
        )?;
        let mut app = Self {
            live,
            picker,
            file,
            written: settings.clone(),
            settings,
            new_frame,
            frame: FrameTexture::default(),
            heat: HeatTextures::default(),
            dialogs: Dialogs::default(),
            toasts: Toasts::default(),
            messages: Vec::new(),
            cameras: None,
            listing: None,
            on_trial: remembered.is_some(),
            sizes: None,
            chosen: None,
            history: History::default(),
            drawn: VecDeque::new(),
            rates: Rates::default(),
            shown: None,
        };
        app.apply_theme(ctx);
        app.list_cameras(ctx);
        if let Some(note) = note {
            app.tell(Message::Error(note));
        }
        Ok(app)
    }

    /// The settings as they are now.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The pipeline behind the window.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// The messages so far, oldest first.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Shows the window's content.
    pub fn show(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        while let Some(message) = self.live.next_message() {
            self.tell(message);
        }
        if let Some(answer) = self.listing.as_ref().and_then(|l| l.try_recv().ok()) {
            self.listing = None;
            match answer {
                Ok(cameras) => self.cameras = Some(cameras),
                Err(text) => self.tell(Message::Error(text)),
            }
        }
        self.take_frame(&ctx);
        let mut actions = Vec::new();
        menu::keyboard(&ctx, &mut self.settings, &mut actions);
        self.take_dropped(&ctx, &mut actions);
        if let Some((request, path)) = self.picker.show(&ctx) {
            actions.push(match request {
                Request::Weights => Action::LoadWeights(Some(path)),
                Request::Media | Request::Folder => Action::SetSource(SourceSpec::Path(path)),
            });
        }

        if ctx.input(|i| i.viewport().close_requested()) {
            self.live.stopper().stop();
        }
        let state = self.live.state();
        self.try_another_source(&state);
        let result = self.current_result();
        let model = self.live.model();
        self.history.follow(&state, result.as_deref());
        let chosen = self.choose(result.as_deref());
        self.shown = chosen.or(self.shown);
        if let Some(result) = &result {
            let age_ms = result.analyzed.frame.captured_at.elapsed().as_secs_f32() * 1000.0;
            self.rates.follow(age_ms, &result.analyzed);
            if self.settings.overlay {
                self.heat.update(&ctx, result, &self.settings);
            }
        }

        egui::Panel::top("menu").show(ui, |ui| {
            let source = self.live.wanted_source();
            let state = MenuState {
                cameras: self.cameras.as_deref(),
                source: &source,
                paused: self.live.is_paused(),
            };
            menu::bar(ui, &state, &mut self.settings, &mut actions);
        });
        if !self.settings.introduced {
            egui::Panel::bottom("introduction").show(ui, |ui| self.introduction(ui));
        }
        let panel = egui::Frame::new().fill(ui.visuals().panel_fill).inner_margin(10);
        let mut clicked = None;
        let side = egui::Panel::right("readings")
            .default_size(self.settings.panel_width)
            .size_range(270.0..=560.0)
            .frame(panel)
            .show(ui, |ui| {
                egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 5.0;
                    let face = chosen.and_then(|id| result.as_deref().and_then(|r| face_of(r, id)));
                    theme::card(ui, |ui| {
                        clicked = panel::reading_ui(ui, &state, face, result.as_deref(), &self.settings);
                    });
                    ui.add_space(4.0);
                    let rates = Rates { display_fps: self.display_fps(), ..self.rates };
                    theme::card(ui, |ui| {
                        panel::status_ui(ui, &state, rates, result.as_deref(), model.as_deref());
                    });
                    if self.settings.timeline {
                        ui.add_space(4.0);
                        theme::card(ui, |ui| timeline::show(ui, &self.history, chosen));
                    }
                });
            });
        self.chosen = clicked.or(self.chosen);
        self.keep_sizes(&ctx, side.response.rect.width());
        let stage = ui.available_rect_before_wrap();
        let preview_action = egui::CentralPanel::default()
            .frame(egui::Frame::new().fill(theme::STAGE))
            .show(ui, |ui| {
                let preview = Preview {
                    frame: &self.frame,
                    heat: &self.heat,
                    state: &state,
                    result: result.as_deref(),
                    chosen,
                    settings: &self.settings,
                };
                preview.ui(ui)
            })
            .inner;
        match preview_action {
            Some(PreviewAction::Choose(id)) => self.chosen = Some(id),
            Some(PreviewAction::TryAgain) => actions.push(Action::SetSource(self.live.wanted_source())),
            Some(PreviewAction::ShowDemo) => actions.push(Action::SetSource(SourceSpec::Demo)),
            Some(PreviewAction::Resume) => actions.push(Action::TogglePause),
            None => {}
        }
        for action in actions {
            self.act(&ctx, action, result.as_deref());
        }
        self.dialogs.show(&ctx, model.as_deref(), &self.messages);
        self.toasts.show(&ctx, stage);
        drop_hint(&ctx, stage);
        self.after_changes(&ctx);
    }

    fn take_frame(&mut self, ctx: &egui::Context) {
        if let Some(picture) = self.new_frame.take() {
            self.frame.update(ctx, picture);
            self.drawn.push_back(Instant::now());
        }
        while self.drawn.front().is_some_and(|t| t.elapsed() > RATE_OVER) {
            self.drawn.pop_front();
        }
    }

    fn display_fps(&self) -> f32 {
        self.drawn.len() as f32 / RATE_OVER.as_secs_f32()
    }

    fn current_result(&self) -> Option<Arc<LiveResult>> {
        let current =
            |frame: &Frame| self.frame.shows(&frame.image) || frame.captured_at.elapsed() < READING_FOR;
        self.live.result().filter(|r| current(&r.analyzed.frame))
    }

    /// The face that the panel shows: the one that was clicked while it is there, else the largest. Of two
    /// about equally large ones it stays with the one that it shows.
    fn choose(&self, result: Option<&LiveResult>) -> Option<u64> {
        let faces = &result?.analyzed.faces;
        let largest = faces.first()?;
        let area = largest.detection.face.area();
        let stays =
            |f: &&AnalyzedFace| Some(f.id) == self.shown && f.detection.face.area() * LARGER_BY > area;
        let clicked = faces.iter().find(|f| Some(f.id) == self.chosen);
        clicked.or_else(|| faces.iter().find(stays)).or(Some(largest)).map(|f| f.id)
    }

    fn introduction(&mut self, ui: &mut Ui) {
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button("Understood").clicked() {
                    self.settings.introduced = true;
                }
                let text = egui::Label::new(RichText::new(INTRODUCTION).size(12.5)).wrap();
                ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| ui.add(text));
            });
        });
        ui.add_space(6.0);
    }

    fn take_dropped(&self, ctx: &egui::Context, actions: &mut Vec<Action>) {
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

    fn act(&mut self, ctx: &egui::Context, action: Action, result: Option<&LiveResult>) {
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
                self.chosen = None;
                self.shown = None;
                self.frame.clear();
                self.on_trial = false;
                self.settings.source = Some(source.to_string());
                self.live.set_source(source);
            }
            Action::RefreshCameras => self.list_cameras(ctx),
            Action::TogglePause => self.live.set_paused(!self.live.is_paused()),
            Action::NextFace => {
                let faces = result.map(|r| &r.analyzed.faces[..]).unwrap_or_default();
                let now = self.choose(result);
                let at = faces.iter().position(|f| Some(f.id) == now).map_or(0, |i| i + 1);
                self.chosen = faces.get(at % faces.len().max(1)).map(|f| f.id);
            }
            Action::ToggleFullScreen => {
                let full = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
            }
            Action::ShowShortcuts => self.dialogs.shortcuts = !self.dialogs.shortcuts,
            Action::ShowModel => self.dialogs.model = true,
            Action::ShowAbout => self.dialogs.about = true,
            Action::ShowMessages => self.dialogs.messages = true,
            Action::CloseDialogs => {
                self.dialogs.close_all();
                self.settings.introduced = true;
            }
            Action::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
        }
    }

    fn tell(&mut self, message: Message) {
        self.toasts.add(message.clone());
        self.messages.push(message);
        if self.messages.len() > MESSAGES_KEPT {
            self.messages.remove(0);
        }
    }

    /// Asking the devices may take a while: not on this thread.
    fn list_cameras(&mut self, ctx: &egui::Context) {
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

    /// The source of the last time may be gone; a fresh start shows something else then.
    fn try_another_source(&mut self, state: &SourceState) {
        match state {
            SourceState::Running(_) => self.on_trial = false,
            SourceState::Failed(_) if std::mem::take(&mut self.on_trial) => {
                self.live.set_source(SourceSpec::Auto);
            }
            _ => {}
        }
    }

    /// Sizes are kept once they have been the same for a second: a window that is being resized is not.
    fn keep_sizes(&mut self, ctx: &egui::Context, panel_width: f32) {
        let window = ctx.input(|i| {
            let v = i.viewport();
            let whole = v.fullscreen.unwrap_or(false) || v.maximized.unwrap_or(false);
            v.inner_rect.filter(|_| !whole).map(|r| [r.width().round(), r.height().round()])
        });
        let Some(window) = window else { return };
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
    fn keep_at_the_end(&mut self) {
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

    fn apply_theme(&self, ctx: &egui::Context) {
        ctx.set_theme(match self.settings.theme {
            ThemeChoice::System => egui::ThemePreference::System,
            ThemeChoice::Light => egui::ThemePreference::Light,
            ThemeChoice::Dark => egui::ThemePreference::Dark,
        });
    }

    /// Hands changed settings on and keeps them. Values of a slider in motion wait until it rests.
    fn after_changes(&mut self, ctx: &egui::Context) {
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

impl eframe::App for MoueApp {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.keep_at_the_end();
    }
}

fn smoothing(settings: &Settings) -> SmoothingSettings {
    SmoothingSettings { time_constant_ms: settings.smoothing_ms, ..Default::default() }
}

fn face_of(result: &LiveResult, id: u64) -> Option<(&AnalyzedFace, &crate::pipeline::ShownReading)> {
    result.analyzed.faces.iter().zip(&result.shown).find(|(face, _)| face.id == id)
}
