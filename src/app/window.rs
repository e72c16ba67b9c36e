//! The window: starts the pipeline, and runs each pass: update the state, draw the views, carry out the commands.

use std::sync::Arc;

use eframe::egui::{self, Context, Rect, Ui};
use moue_capture::SourceSpec;

use super::apply::{apply, refresh_cameras};
use super::command::Command;
use super::frame_texture::TexturePixels;
use super::options::AppOptions;
use super::persistence::{SettingsWriter, remembered_source};
use super::picker::FilePicker;
use super::recordings::smoothing;
use super::state::State;
use super::{
    assumed, baseline, introduction, measurements, menu, panel, people, playback, preview, stage_overlays,
    theme, timeline, update,
};
use crate::pipeline::{Hooks, Live, LiveOptions, Mailbox, Message, Origins, ResultTap};
use crate::settings::{Settings, SettingsFile};

/// The window.
pub struct MoueApp {
    state: State,
}

impl MoueApp {
    /// Starts the pipeline. `file` is where the settings are saved; `None` saves them nowhere.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(
        ctx: &Context,
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
        ctx: &Context,
        options: AppOptions,
        file: Option<SettingsFile>,
        picker: Box<dyn FilePicker>,
        origins: Origins,
    ) -> std::io::Result<Self> {
        theme::apply(ctx);
        // The zoom is one of the settings, with keys in the table of shortcuts.
        ctx.options_mut(|o| o.zoom_with_keyboard = false);
        let (mut settings, note) = file.as_ref().map_or_else(Default::default, SettingsFile::read);
        settings.detector = options.detector.unwrap_or(settings.detector);
        let remembered = match options.source {
            SourceSpec::Auto => remembered_source(&settings),
            _ => None,
        };
        let weights = options.weights.or_else(|| {
            let path = settings.weights.as_deref()?;
            Some(settings.weights_choice(path))
        });
        let wake = ctx.clone();
        let writer =
            file.map(|file| SettingsWriter::start(file, move || wake.request_repaint())).transpose()?;
        let new_frame = Arc::new(Mailbox::default());
        let live = Live::start_from(
            LiveOptions {
                source: remembered.clone().unwrap_or(options.source),
                weights,
                device: options.device,
                threads: options.threads,
                smoothing: smoothing(&settings),
                detector: settings.detector,
            },
            hooks(ctx, &new_frame),
            origins,
        )?;
        live.set_baseline(settings.baseline.clone());
        let mut state = State::new(live, settings, picker, writer, new_frame);
        state.source_on_trial = remembered.is_some();
        update::apply_looks(&state.settings, ctx);
        refresh_cameras(&mut state, ctx);
        if let Some(note) = note {
            state.report(Message::Error(note));
        }
        let app = Self { state };
        app.set_result_tap(None);
        Ok(app)
    }

    /// Hands every result to `tap` as well, on the analysis thread.
    pub fn set_result_tap(&self, tap: Option<Arc<ResultTap>>) {
        self.state.tapped.set(tap.is_some());
        self.state.live.set_result_tap(Some(self.state.recordings.result_tap(tap)));
    }

    /// The settings as they are now.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// The pipeline behind the window.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.state.live
    }

    /// The messages so far, oldest first.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.state.messages
    }

    /// The window's title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.state.title
    }

    /// One pass: draws the window and does what the user asked for in it.
    pub fn show(&mut self, ui: &mut Ui) {
        let state = &mut self.state;
        let ctx = ui.ctx().clone();
        update::start_pass(state, &ctx);
        let mut commands = update::commands(state, &ctx);

        egui::Panel::top("menu").show(ui, |ui| commands.extend(menu::bar(ui, state)));
        state.focus_menu = false;
        if !state.settings.introduced {
            commands.extend(introduction::show(ui));
        }
        let panel_width = if state.settings.panel {
            side_panel(ui, state, &mut commands)
        } else {
            state.settings.panel_width
        };
        state.placement.follow(&ctx, panel_width, &mut state.settings);
        if let Some(status) = &state.snapshot.playback {
            let frame = egui::Frame::new().fill(ui.visuals().panel_fill).inner_margin(8);
            egui::Panel::bottom("playback")
                .resizable(false)
                .frame(frame)
                .show(ui, |ui| commands.extend(playback::bar(ui, status)));
        }
        let stage = ui.available_rect_before_wrap();
        egui::CentralPanel::default()
            .frame(egui::Frame::new().fill(theme::STAGE))
            .show(ui, |ui| commands.extend(preview::show(ui, state)));

        // Carried out before sheets and messages are drawn, so that a new one appears in the same pass.
        carry_out(state, &ctx, commands);
        let commands = over_the_window(state, &ctx, stage);
        carry_out(state, &ctx, commands);
        update::end_pass(state, &ctx);
    }
}

impl eframe::App for MoueApp {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        update::without_a_pass(&mut self.state, ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        update::save_at_exit(&mut self.state);
    }
}

fn hooks(ctx: &Context, new_frame: &Arc<Mailbox<TexturePixels>>) -> Hooks {
    let (mailbox, ctx, wake) = (Arc::clone(new_frame), ctx.clone(), ctx.clone());
    Hooks {
        on_frame: Box::new(move |frame, scene| {
            mailbox.put(TexturePixels::new(&frame.image, scene));
            ctx.request_repaint();
        }),
        on_change: Box::new(move || wake.request_repaint()),
    }
}

fn carry_out(state: &mut State, ctx: &Context, commands: Vec<Command>) {
    if !commands.is_empty() {
        // What a command changes is drawn in the next pass.
        ctx.request_repaint();
    }
    for command in commands {
        apply(state, ctx, command);
    }
}

/// The cards beside the live picture; returns the panel's width.
fn side_panel(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) -> f32 {
    let frame = egui::Frame::new().fill(ui.visuals().panel_fill).inner_margin(10);
    let panel = egui::Panel::right("readings")
        .default_size(state.settings.panel_width)
        .size_range(270.0..=560.0)
        .frame(frame)
        .show(ui, |ui| {
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 5.0;
                theme::card(ui, |ui| {
                    panel::reading_card(ui, state);
                    commands.extend(baseline::row(ui, state));
                });
                if let Some(result) = state.result().filter(|r| r.analyzed.faces.len() > 1) {
                    ui.add_space(4.0);
                    let selected = state.selection.current();
                    theme::card(ui, |ui| commands.extend(people::tiles(ui, selected, result)));
                }
                if state.settings.timeline {
                    ui.add_space(4.0);
                    let (id, areas) = (state.selection.last(), state.settings.timeline_areas);
                    theme::card(ui, |ui| commands.extend(timeline::show(ui, &state.history, id, areas)));
                }
                ui.add_space(4.0);
                theme::card(ui, |ui| measurements::card(ui, state));
                ui.add_space(4.0);
                theme::card(ui, |ui| {
                    panel::status_card(ui, state);
                    commands.extend(assumed::row(ui, state));
                });
            });
        });
    panel.response.rect.width()
}

/// Sheets, messages and what is drawn over the live picture.
fn over_the_window(state: &mut State, ctx: &Context, stage: Rect) -> Vec<Command> {
    let model = state.snapshot.model.clone();
    let mut commands = Vec::new();
    let recorded = state.recordings.last_folder().is_some() && !state.recordings.is_on();
    commands.extend(state.sheets.show(ctx, model.as_deref(), &state.messages, recorded));
    commands.extend(state.question.show(ctx));
    // They would lie over what is being chosen.
    if !state.picker.is_open() {
        commands.extend(state.toasts.show(ctx, stage));
    }
    stage_overlays::show(ctx, stage, state);
    commands
}
