//! The window: starts the pipeline, and runs each pass: update the state, draw the views, carry out the commands.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use eframe::egui::text_selection::LabelSelectionState;
use eframe::egui::{self, Context, Rect, Ui};
use moue_capture::SourceSpec;

use super::apply::{apply, refresh_cameras};
use super::command::Command;
use super::density::Density;
use super::frame_texture::TexturePixels;
use super::labels::label_name;
use super::language::Language;
use super::language::tr;
use super::options::AppOptions;
use super::persistence::{SettingsWriter, remembered_source};
use super::picker::FilePicker;
use super::recordings::smoothing;
use super::state::State;
use super::system_fonts::SystemFonts;
use super::triggers::TriggerSink;
use super::{
    assumed, baseline, contact_sheet, folder_bar, folder_commands, introduction, measurements, menu,
    menu_keys, panel, people, personal_card, playback, preview, stage_overlays, theme, timeline, update,
};
use crate::pipeline::{Hooks, Live, LiveOptions, Mailbox, Message, Origins, ProfileState, ResultTap};
use crate::record::{IncomingMarker, Recorder};
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
        let remembered = match &options.source {
            SourceSpec::Auto => remembered_source(&settings),
            _ => None,
        };
        let wanted = remembered.clone().unwrap_or(options.source);
        // A list is gone through file by file.
        let first = match &wanted {
            SourceSpec::Files(files) => files.first().cloned().map(SourceSpec::Path),
            _ => None,
        };
        let weights = options.weights.or_else(|| {
            let path = settings.weights.as_deref()?;
            Some(settings.weights_choice(path))
        });
        let profiles = file.as_ref().and_then(SettingsFile::profiles_folder);
        let wake = ctx.clone();
        let writer =
            file.map(|file| SettingsWriter::start(file, move || wake.request_repaint())).transpose()?;
        let new_frame = Arc::new(Mailbox::default());
        let live = Live::start_from(
            LiveOptions {
                source: first.unwrap_or_else(|| wanted.clone()),
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
        if let Some(profile) = settings.profile.clone() {
            live.open_profile(profile)?;
        }
        let mut state = State::new(live, settings, picker, writer, new_frame);
        state.source_on_trial = remembered.is_some();
        state.profiles = profiles;
        match wanted {
            SourceSpec::Path(path) => folder_commands::look_into(&mut state, ctx, path),
            list @ SourceSpec::Files(_) => folder_commands::open_list(&mut state, ctx, &list),
            _ => {}
        }
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

    /// Tells the system's language, as a tag such as `de-AT`: what is shown where none is chosen. English before that.
    pub fn set_system_language(&mut self, tag: &str) {
        self.state.system_language = Language::of_tag(tag);
    }

    /// As on a system whose fonts are those of this folder.
    pub fn use_fonts_of(&mut self, folder: &Path) {
        self.state.fonts = SystemFonts::of_folder(folder.to_owned());
    }

    /// Hands triggers that write a line to `sink` as well, on the UI thread.
    pub fn set_trigger_sink(&mut self, sink: Option<Arc<TriggerSink>>) {
        self.state.triggers.sink = sink;
    }

    /// Takes markers of other programs, for the timeline and the recording that runs.
    pub fn set_markers(&mut self, markers: Option<Receiver<IncomingMarker>>) {
        self.state.incoming = markers;
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

    /// How many times larger than all of it the picture is shown, 1 and more.
    #[must_use]
    pub fn picture_zoom(&self) -> f32 {
        self.state.picture_zoom.factor()
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
        menu_keys::take_letters(&ctx);
        let mut commands = update::commands(state, &ctx);
        // Unless text is selected somewhere: then egui copies that.
        if copy_pressed(&ctx) {
            commands.push(Command::CopyReading(None));
        }
        if state.picture_copy.finish(&ctx) {
            state.report(Message::Info(tr!("said-picture-copied").into()));
        }

        egui::Panel::top("menu").show(ui, |ui| commands.extend(menu::bar(ui, state)));
        state.focus_menu = false;
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
        if let Some(playlist) = &state.playlist {
            let frame =
                egui::Frame::new().fill(ui.visuals().panel_fill).inner_margin(egui::Margin::symmetric(8, 6));
            egui::Panel::bottom("folder")
                .resizable(false)
                .frame(frame)
                .show(ui, |ui| commands.extend(folder_bar::bar(ui, playlist, state.contact.is_open())));
        }
        if state.settings.timeline && state.history.has_time() && !state.contact.is_open() {
            timeline_dock(ui, state, &mut commands);
        }
        let stage = ui.available_rect_before_wrap();
        if state.contact.is_open() {
            let frame = egui::Frame::new().fill(ui.visuals().panel_fill).inner_margin(10);
            egui::CentralPanel::default()
                .frame(frame)
                .show(ui, |ui| commands.extend(contact_sheet::show(ui, &state.contact)));
        } else {
            egui::CentralPanel::default()
                .frame(egui::Frame::new().fill(theme::STAGE))
                .show(ui, |ui| commands.extend(preview::show(ui, state)));
        }

        let spoken = spoken_label(state);
        state.spoken.show(ui, spoken);
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

/// Whether Ctrl+C asks for the reading that is shown.
fn copy_pressed(ctx: &Context) -> bool {
    let selected = ctx.with_plugin(|labels: &mut LabelSelectionState| labels.has_selection());
    selected != Some(true) && !ctx.text_edit_focused() && ctx.input(|i| i.events.contains(&egui::Event::Copy))
}

/// The shown face's label; where there are several faces, with its name.
fn spoken_label(state: &State) -> Option<String> {
    let (face, shown) = state.selected_face()?;
    let label = label_name(shown.label);
    let several = state.result().is_some_and(|r| r.analyzed.faces.len() > 1);
    Some(if several { format!("{label}, {}", state.names.of(face.id)) } else { label.to_owned() })
}

/// A new picture waits so long for its reading: drawn together, boxes fit the picture, and the window is drawn once and not twice.
const FOR_ITS_READING: Duration = Duration::from_millis(15);
/// Not at once: an immediate repaint would be followed by another one, which nothing here needs.
const SOON: Duration = Duration::from_millis(1);

fn hooks(ctx: &Context, new_frame: &Arc<Mailbox<TexturePixels>>) -> Hooks {
    let (mailbox, ctx, wake) = (Arc::clone(new_frame), ctx.clone(), ctx.clone());
    Hooks {
        on_frame: Box::new(move |frame, scene| {
            mailbox.put(TexturePixels::new(&frame.image, scene));
            ctx.request_repaint_after(FOR_ITS_READING);
        }),
        on_change: Box::new(move || wake.request_repaint_after(SOON)),
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

/// The timeline below the picture, as high as the user made it.
fn timeline_dock(ui: &mut Ui, state: &mut State, commands: &mut Vec<Command>) {
    let frame = egui::Frame::new().fill(ui.visuals().panel_fill).inner_margin(egui::Margin::symmetric(10, 4));
    let most = (ui.available_height() * 0.45).max(timeline::LEAST_HEIGHT);
    let (id, areas) = (state.selection.last(), state.settings.timeline_areas);
    let name = id.map(|id| state.names.of(id));
    let dock = egui::Panel::bottom("timeline")
        .resizable(true)
        .default_size(state.settings.timeline_height)
        .size_range(timeline::LEAST_HEIGHT..=most)
        .frame(frame)
        .show(ui, |ui| commands.extend(timeline::show(ui, &state.history, (id, name.as_deref()), areas)));
    // In a small window it is less high, and that is not what the user chose.
    if ui.input(|i| i.pointer.any_down()) {
        state.settings.timeline_height = dock.response.rect.height().round();
    }
}

/// The cards beside the live picture; returns the panel's width.
fn side_panel(ui: &mut Ui, state: &State, commands: &mut Vec<Command>) -> f32 {
    let frame = egui::Frame::new().fill(ui.visuals().panel_fill).inner_margin(egui::Margin::symmetric(10, 6));
    let panel = egui::Panel::right("readings")
        .default_size(state.settings.panel_width)
        .size_range(270.0..=560.0)
        .frame(frame)
        .show(ui, |ui| {
            let faces = state.result().map_or(0, |r| r.analyzed.faces.len());
            let rows = people::rows(ui, faces, ui.available_width());
            let density = Density::fitting(ui.available_height(), rows);
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let between = density.of(5.0, 2.5);
                ui.spacing_mut().item_spacing.y = between;
                ui.spacing_mut().interact_size.y = density.of(24.0, 20.0);
                ui.spacing_mut().button_padding.y = density.of(4.0, 2.0);
                theme::card(ui, density, |ui| {
                    commands.extend(panel::reading_card(ui, state, density));
                    commands.extend(baseline::row(ui, state));
                });
                if let ProfileState::On(profile) = &state.snapshot.profile {
                    ui.add_space(between);
                    theme::card(ui, density, |ui| {
                        commands.extend(personal_card::card(ui, profile, state.result(), density));
                    });
                }
                if let Some(result) = state.result().filter(|_| faces > 1) {
                    ui.add_space(between);
                    let selected = state.selection.current();
                    theme::card(ui, density, |ui| {
                        commands.extend(people::tiles(ui, selected, result, &state.names, density));
                    });
                }
                ui.add_space(between);
                theme::card(ui, density, |ui| measurements::card(ui, state, density));
                ui.add_space(between);
                theme::card(ui, density, |ui| {
                    panel::status_card(ui, state, density);
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
    let running = state.recordings.running().map(Recorder::folder);
    let recorded = running.or_else(|| state.recordings.last_folder().filter(|_| !state.recordings.is_on()));
    commands.extend(state.sheets.show(ctx, model.as_deref(), &state.messages, recorded));
    commands.extend(state.question.show(ctx));
    commands.extend(state.naming.show(ctx));
    commands.extend(state.marker.show(ctx, state.recordings.is_on()));
    let own = match &state.snapshot.profile {
        ProfileState::On(profile) => profile.reader.names(),
        ProfileState::Off => &[],
    };
    commands.extend(state.triggers.show(ctx, &state.settings.triggers, own));
    let kind = state.snapshot.info.as_ref().map(|info| info.kind);
    commands.extend(state.teach.show(ctx, stage, kind));
    let mut for_messages = stage;
    if !state.settings.introduced {
        let (command, rect) = introduction::show(ctx, stage, state.is_covered());
        commands.extend(command);
        for_messages.max.y = rect.top().max(stage.top());
    }
    // They would lie over what is being chosen.
    if !state.picker.is_open() {
        commands.extend(state.toasts.show(ctx, for_messages));
    }
    stage_overlays::show(ctx, stage, state);
    commands
}
