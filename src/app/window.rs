//! The window's state, and what happens once a picture.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use eframe::egui::{self, Ui};
use moue_capture::{CameraInfo, Frame, SourceSpec};

use super::AppOptions;
use super::baseline;
use super::files::{drop_hint, remembered_source};
use super::history::History;
use super::introduction;
use super::menu::{self, Action, MenuState};
use super::overlay::HeatTextures;
use super::panel::{self, Rates};
use super::people;
use super::picker::{FilePicker, Request};
use super::picture::Picture;
use super::placing::Moved;
use super::playback;
use super::preview::{FrameTexture, Preview, PreviewAction};
use super::recording::Recordings;
use super::settings::{Settings, SettingsFile};
use super::settings_writer::SettingsWriter;
use super::sheets::Sheets;
use super::shortcuts;
use super::theme;
use super::timeline;
use super::toasts::Toasts;
use crate::pipeline::{
    AnalyzedFace, Hooks, Live, LiveOptions, LiveResult, Mailbox, Message, ModelInfo, Origins, ResultTap,
    SmoothingSettings, SourceState,
};

/// An older reading is not shown any more, unless its picture is still on screen. A slow machine's readings are
/// seconds old, and its user is told how old.
const READING_FOR: Duration = Duration::from_secs(3);
/// Another face has to be larger by this factor before the panel turns to it.
const LARGER_BY: f32 = 1.4;
/// Display rate is counted over this time.
const RATE_OVER: Duration = Duration::from_secs(1);

/// The window.
pub struct MoueApp {
    pub(super) live: Live,
    pub(super) picker: Box<dyn FilePicker>,
    /// `None`: nothing is kept.
    pub(super) writer: Option<SettingsWriter>,
    pub(super) settings: Settings,
    pub(super) written: Settings,
    pub(super) new_frame: Arc<Mailbox<Picture>>,
    pub(super) frame: FrameTexture,
    pub(super) heat: HeatTextures,
    pub(super) sheets: Sheets,
    pub(super) toasts: Toasts,
    pub(super) messages: Vec<Message>,
    pub(super) cameras: Option<Vec<CameraInfo>>,
    pub(super) listing: Option<Receiver<Result<Vec<CameraInfo>, String>>>,
    /// The source is that of the last time, and has not worked yet.
    pub(super) on_trial: bool,
    /// Why the source of the last time is not shown, and whether it was a camera, until another one runs.
    pub(super) not_taken_up: Option<(String, bool)>,
    pub(super) moved: Moved,
    pub(super) chosen: Option<u64>,
    pub(super) history: History,
    pub(super) drawn: VecDeque<Instant>,
    pub(super) rates: Rates,
    /// The person that the panel shows.
    pub(super) shown: Option<u64>,
    pub(super) recordings: Recordings,
    /// The menu bar should take the keyboard.
    pub(super) focus_menu: bool,
    /// A personal baseline is taken out, as far as the recording knows.
    pub(super) unbiased: bool,
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
        // The zoom is a setting like others.
        ctx.options_mut(|o| o.zoom_with_keyboard = false);
        let (mut settings, note) = file.as_ref().map_or_else(Default::default, SettingsFile::read);
        settings.detector = options.detector.unwrap_or(settings.detector);
        let remembered = match options.source {
            SourceSpec::Auto => remembered_source(&settings),
            _ => None,
        };
        let wake = ctx.clone();
        let writer =
            file.map(|file| SettingsWriter::start(file, move || wake.request_repaint())).transpose()?;
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
                detector: settings.detector,
            },
            hooks,
            origins,
        )?;
        live.set_baseline(settings.baseline.clone());
        let mut app = Self {
            live,
            picker,
            writer,
            written: settings.clone(),
            settings,
            new_frame,
            frame: FrameTexture::default(),
            heat: HeatTextures::default(),
            sheets: Sheets::default(),
            toasts: Toasts::default(),
            messages: Vec::new(),
            cameras: None,
            listing: None,
            on_trial: remembered.is_some(),
            not_taken_up: None,
            moved: Moved::default(),
            chosen: None,
            history: History::default(),
            drawn: VecDeque::new(),
            rates: Rates::default(),
            shown: None,
            recordings: Recordings::default(),
            focus_menu: false,
            unbiased: false,
        };
        app.set_result_tap(None);
        app.apply_looks(ctx);
        app.list_cameras(ctx);
        if let Some(note) = note {
            app.tell(Message::Error(note));
        }
        Ok(app)
    }

    /// Hands every result to `tap` as well, on the analysis thread.
    pub fn set_result_tap(&self, tap: Option<Arc<ResultTap>>) {
        self.live.set_result_tap(Some(self.recordings.result_tap(tap)));
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
        self.follow_recordings();
        self.take_frame(&ctx);
        let mut chosen_folder = None;
        let mut actions = shortcuts::pressed(&ctx);
        self.take_dropped(&ctx, &mut actions);
        if let Some((request, path)) = self.picker.show(&ctx) {
            match request {
                Request::Weights => actions.push(Action::LoadWeights(Some(path))),
                Request::Media | Request::Folder => actions.push(Action::SetSource(SourceSpec::Path(path))),
                Request::Recordings => chosen_folder = Some(path),
            }
        }

        if ctx.input(|i| i.viewport().close_requested()) {
            self.live.stopper().stop();
            self.recordings.end();
        }
        let state = self.live.state();
        self.try_another_source(&state);
        let result = self.current_result();
        let model = self.live.model();
        let still = self.live.transport().is_some_and(|t| !t.status().playing);
        self.history.follow(&state, still, result.as_deref());
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
                paused: self.live.is_paused() || still,
                plays: self.live.transport().is_some(),
                recording: self.recordings.is_on(),
                recorded: self.recordings.last().is_some(),
                focus: std::mem::take(&mut self.focus_menu),
            };
            menu::bar(ui, &state, &mut self.settings, &mut actions);
        });
        if !self.settings.introduced {
            introduction::show(ui, &mut self.settings, &mut actions);
        }
        if self.settings.panel {
            let width =
                self.side_panel(ui, &state, chosen, result.as_deref(), model.as_deref(), &mut actions);
            self.moved.follow(&ctx, width, &mut self.settings);
        } else {
            self.moved.follow(&ctx, self.settings.panel_width, &mut self.settings);
        }
        if let Some(transport) = self.live.transport() {
            let frame = egui::Frame::new().fill(ui.visuals().panel_fill).inner_margin(8);
            egui::Panel::bottom("playback")
                .resizable(false)
                .frame(frame)
                .show(ui, |ui| playback::bar(ui, &transport, &mut actions));
        }
        let stage = ui.available_rect_before_wrap();
        let wanted = self.live.wanted_source();
        let preview_action = egui::CentralPanel::default()
            .frame(egui::Frame::new().fill(theme::STAGE))
            .show(ui, |ui| {
                let preview = Preview {
                    frame: &self.frame,
                    heat: &self.heat,
                    state: &state,
                    wanted: &wanted,
                    ready: model.is_some(),
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
            Some(PreviewAction::OpenFile) => actions.push(Action::OpenMediaDialog),
            None => {}
        }
        for action in actions {
            self.act(&ctx, action, result.as_deref());
        }
        if let Some(folder) = chosen_folder {
            self.set_recordings_folder(&ctx, folder, result.as_deref());
        }
        self.recordings.mark(&ctx, stage);
        self.sheets.show(&ctx, model.as_deref(), &self.messages);
        self.toasts.show(&ctx, stage);
        drop_hint(&ctx, stage);
        baseline::countdown(&ctx, stage, &self.live.baseline());
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
    pub(super) fn choose(&self, result: Option<&LiveResult>) -> Option<u64> {
        let faces = &result?.analyzed.faces;
        let largest = faces.first()?;
        let area = largest.detection.face.area();
        let stays =
            |f: &&AnalyzedFace| Some(f.id) == self.shown && f.detection.face.area() * LARGER_BY > area;
        let clicked = faces.iter().find(|f| Some(f.id) == self.chosen);
        clicked.or_else(|| faces.iter().find(stays)).or(Some(largest)).map(|f| f.id)
    }

    /// The cards beside the picture; returns the panel's width.
    fn side_panel(
        &mut self,
        ui: &mut Ui,
        state: &SourceState,
        chosen: Option<u64>,
        result: Option<&LiveResult>,
        model: Option<&ModelInfo>,
        actions: &mut Vec<Action>,
    ) -> f32 {
        let display_fps = self.display_fps();
        let unbiased = self.live.baseline();
        let frame = egui::Frame::new().fill(ui.visuals().panel_fill).inner_margin(10);
        let mut clicked = None;
        let side = egui::Panel::right("readings")
            .default_size(self.settings.panel_width)
            .size_range(270.0..=560.0)
            .frame(frame)
            .show(ui, |ui| {
                egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 5.0;
                    let face = chosen.and_then(|id| result.and_then(|r| face_of(r, id)));
                    theme::card(ui, |ui| {
                        let ready = model.is_some();
                        panel::reading_ui(ui, state, face, result, &self.settings, ready);
                        let wanted = baseline::row(ui, &unbiased, &self.settings, face.is_some());
                        actions.extend(wanted.map(Action::Baseline));
                    });
                    if let Some(result) = result.filter(|r| r.analyzed.faces.len() > 1) {
                        ui.add_space(4.0);
                        theme::card(ui, |ui| clicked = people::tiles(ui, chosen, result));
                    }
                    if self.settings.timeline {
                        ui.add_space(4.0);
                        let areas = &mut self.settings.timeline_areas;
                        theme::card(ui, |ui| timeline::show(ui, &self.history, self.shown, areas));
                    }
                    ui.add_space(4.0);
                    let rates = Rates { display_fps, ..self.rates };
                    theme::card(ui, |ui| panel::status_ui(ui, state, rates, result, model));
                });
            });
        self.chosen = clicked.or(self.chosen);
        side.response.rect.width()
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

pub(super) fn smoothing(settings: &Settings) -> SmoothingSettings {
    SmoothingSettings { time_constant_ms: settings.smoothing_ms, ..Default::default() }
}

fn face_of(result: &LiveResult, id: u64) -> Option<(&AnalyzedFace, &crate::pipeline::ShownReading)> {
    result.analyzed.faces.iter().zip(&result.shown).find(|(face, _)| face.id == id)
}
