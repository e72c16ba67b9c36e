//! What changes the state without a command: the pipeline, the disk, and time. Called at the start and at the end of
//! each pass.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eframe::egui::{self, Context, ViewportCommand};
use moue_capture::{Frame, SourceKind, SourceSpec};

use super::command::Command;
use super::folder_commands;
use super::frame_texture::TexturePixels;
use super::language::tr;
use super::language_choice::speak;
use super::persistence::{Outcome, SettingsWriter};
use super::picker::Request;
use super::record_commands::{ask_for_folder, is_at_end, take_markers};
use super::recordings::{folder_gone, smoothing};
use super::shortcuts;
use super::start_log::Step;
use super::state::{AfterFolder, LostSource, PipelineSnapshot, State};
use super::teach_commands::open_profile;
use crate::pipeline::{BaselineState, LiveResult, Message, ProfileState, SourceState};
use crate::settings::{Settings, ThemeChoice};

/// An older reading is not shown, unless its frame is still on screen. The readings of a slow machine are seconds old,
/// and the status list says how old.
const MAX_READING_AGE: Duration = Duration::from_secs(3);

/// Brings the state up to date.
pub(super) fn start_pass(state: &mut State, ctx: &Context) {
    speak(state, ctx);
    take_messages(state);
    take_markers(state);
    folder_commands::follow(state, ctx);
    let new_frame = state.new_frame.take();
    if state.live.is_paused() {
        freeze(state, ctx);
    } else if let Some(pixels) = new_frame {
        state.frame.update(ctx, pixels);
        state.rates.frame_shown();
    }
    state.rates.expire();
    state.toasts.expire();
    if ctx.input(|i| i.viewport().close_requested()) {
        state.live.stopper().stop();
        state.recordings.end();
    }
    let last = state.snapshot.info.take();
    state.snapshot = PipelineSnapshot::read(&state.live, current_result(state), last);
    log_start(state);
    follow_teaching(state, ctx);
    remember_profile(state);
    keep_looping(state);
    remember_weights(state);
    replace_lost_source(state);
    let pipeline = &state.snapshot;
    let result = pipeline.result.as_deref();
    state.selection.follow(result);
    let chosen = state.selection.current();
    state.live.set_chosen(state.selection.by_user());
    state.history.follow(&pipeline.source, pipeline.playback.as_ref(), chosen, result);
    if let Some(result) = result {
        state.rates.result_shown(result);
        if state.settings.overlay {
            state.heat.update(ctx, result, &state.settings);
        }
    }
}

/// What keys, dropped files and file dialogs ask for.
pub(super) fn commands(state: &mut State, ctx: &Context) -> Vec<Command> {
    let mut commands = shortcuts::pressed(ctx, state.is_covered());
    commands.extend(follow_recording(state));
    commands.extend(follow_triggers(state));
    // It ended by itself meanwhile.
    commands.extend(state.question.settle(state.recordings.is_on()).map(Command::SetSource));
    let dropped: Vec<PathBuf> =
        ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_owned()).collect());
    if !dropped.is_empty() {
        look_at(state, ctx, dropped);
    }
    if let Some((request, path)) = state.picker.show(ctx) {
        state.settings.last_folder =
            if request.is_folder() { Some(path.clone()) } else { path.parent().map(ToOwned::to_owned) };
        match request {
            Request::Any | Request::Folder => look_at(state, ctx, vec![path]),
            Request::Weights => commands.push(Command::LoadWeights(Some(path))),
            Request::Profile => commands.push(Command::OpenProfile(path)),
            Request::Session => commands.push(Command::OpenSession(path)),
            Request::Recordings => commands.push(Command::SetRecordingsFolder(path)),
        }
    }
    for opened in state.opened.known() {
        for (path, why) in opened.refused {
            let name = path.display();
            let why = if why.contains(&name.to_string()) { why } else { format!("{name}: {why}") };
            state.report(Message::Error(format!("{why}\n({})", tr!("said-goes-on"))));
        }
        commands.extend(opened.profile.map(Command::OpenProfile));
        commands.extend(opened.weights.map(|path| Command::LoadWeights(Some(path))));
        commands.extend(SourceSpec::of_files(opened.media).map(Command::SetSource));
    }
    commands
}

/// Finds out what these files are, to open them.
fn look_at(state: &mut State, ctx: &Context, paths: Vec<PathBuf>) {
    if let Err(e) = state.opened.look_at(ctx, paths) {
        state.report(Message::Error(tr!("no-thread-open", error = e.to_string())));
    }
}

/// Hands changed settings to the pipeline and the disk. A slider that is being moved waits until it is released.
pub(super) fn end_pass(state: &mut State, ctx: &Context) {
    set_title(state, ctx);
    if let Some(text) = state.writer.as_ref().and_then(SettingsWriter::error) {
        state.report(Message::Error(text));
    }
    let baseline = matches!(state.live.baseline(), BaselineState::On { fits: true, .. });
    if state.baseline_recorded != baseline {
        state.baseline_recorded = baseline;
        state.recordings.settings_changed(&state.settings, baseline);
    }
    if state.settings == state.applied || ctx.input(|i| i.pointer.any_down()) {
        return;
    }
    apply_looks(&state.settings, ctx);
    state.live.set_smoothing(smoothing(&state.settings));
    state.live.set_detector(state.settings.detector);
    if smoothing(&state.settings) != smoothing(&state.applied) {
        state.recordings.settings_changed(&state.settings, baseline);
    }
    state.applied = state.settings.clone();
    if let Some(writer) = &state.writer {
        writer.save(&state.settings);
    }
}

/// Saves what is not saved yet, and waits until it is written.
pub(super) fn save_at_exit(state: &mut State) {
    state.placement.flush(&mut state.settings);
    if let Some(writer) = state.writer.take()
        && state.settings != state.applied
    {
        writer.save(&state.settings);
    }
}

/// Sets theme and zoom.
pub(super) fn apply_looks(settings: &Settings, ctx: &Context) {
    ctx.set_zoom_factor(settings.zoom);
    ctx.set_theme(match settings.theme {
        ThemeChoice::System => egui::ThemePreference::System,
        ThemeChoice::Light => egui::ThemePreference::Light,
        ThemeChoice::Dark => egui::ThemePreference::Dark,
    });
}

fn take_messages(state: &mut State) {
    while let Some(message) = state.live.next_message() {
        state.report(message);
    }
    if let Some(answer) = state.camera_list.as_ref().and_then(|l| l.try_recv().ok()) {
        state.camera_list = None;
        match answer {
            Ok(cameras) => state.cameras = Some(cameras),
            Err(text) => state.report(Message::Error(text)),
        }
    }
    for (message, folder) in state.recordings.messages() {
        state.report_saved(message, folder);
    }
    if state.recordings.take_folder_gone() {
        ask_for_folder(state, AfterFolder::Record);
    }
    state.live.search_every_frame(state.recordings.is_blurring());
    for outcome in state.jobs.outcomes() {
        match outcome {
            Outcome::Done { text, path } => state.report_saved(Message::Info(text), path),
            Outcome::Profile(path) => {
                let text = tr!("said-profile", path = path.display().to_string());
                state.report_saved(Message::Info(text), Some(path.clone()));
                open_profile(state, path);
            }
            Outcome::Words { folder, words } => state.sheets.set_words(folder, words),
            Outcome::Failed(text) => state.report(Message::Error(text)),
            Outcome::FolderGone(folder) => {
                state.report(folder_gone(&folder));
                ask_for_folder(state, AfterFolder::Snapshot);
            }
        }
    }
}

fn current_result(state: &State) -> Option<Arc<LiveResult>> {
    let is_current =
        |frame: &Frame| state.frame.shows(&frame.image) || frame.captured_at.elapsed() < MAX_READING_AGE;
    // A result says nothing of another picture, another source, or what comes after a cut.
    let of_scene = |r: &Arc<LiveResult>| state.frame.shows_scene(r.analyzed.scene);
    state.live.result().filter(|r| of_scene(r) && (state.live.is_paused() || is_current(&r.analyzed.frame)))
}

/// While it is paused, the frame on screen is that of the last result: picture, boxes and readings are of one moment.
fn freeze(state: &mut State, ctx: &Context) {
    let Some(result) = state.live.result().filter(|r| state.frame.shows_scene(r.analyzed.scene)) else {
        return;
    };
    let image = &result.analyzed.frame.image;
    if !state.frame.shows(image) {
        state.frame.update(ctx, TexturePixels::new(image, result.analyzed.scene));
    }
}

/// Called before each pass, and also while the window is hidden: nobody looks then, and unless the readings are recorded or
/// sent on, the analysis rests.
pub(super) fn without_a_pass(state: &mut State, ctx: &Context) {
    speak(state, ctx);
    let visible = ctx.input(|i| i.viewport().visible()).unwrap_or(true);
    state.live.set_resting(!visible && !state.recordings.is_on() && !state.tapped.get());
    if !visible {
        for (message, folder) in state.recordings.messages() {
            state.report_saved(message, folder);
        }
        end_recording_with_source(state);
    }
}

/// A recording that waits for its source begins with it, and one whose source is over ends.
fn follow_recording(state: &mut State) -> Option<Command> {
    end_recording_with_source(state);
    let runs = matches!(state.snapshot.source, SourceState::Running(_));
    if matches!(state.snapshot.source, SourceState::Failed(_) | SourceState::Ended) {
        state.record_when_running = false;
    }
    (runs && !is_at_end(state) && std::mem::take(&mut state.record_when_running))
        .then_some(Command::ToggleRecording)
}

fn end_recording_with_source(state: &mut State) {
    if !state.recordings.is_on() {
        return;
    }
    let at_end = is_at_end(state);
    let over = match state.live.state() {
        SourceState::Ended => tr!("said-source-ended"),
        SourceState::Running(_) if at_end => tr!("said-source-ended"),
        SourceState::Failed(_) => tr!("said-source-failed"),
        _ => return,
    };
    state.recordings.end();
    state.report(Message::Info(over.to_owned()));
}

/// The source's name, and that it is recorded.
fn set_title(state: &mut State, ctx: &Context) {
    let record = if state.recordings.is_on() { "● REC " } else { "" };
    let failed = matches!(state.snapshot.source, SourceState::Failed(_));
    let title = match state.snapshot.info.as_ref().filter(|_| !failed) {
        Some(info) => format!("{record}{} – moue", info.name),
        None => format!("{record}moue"),
    };
    if title != state.title {
        ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
        state.title = title;
    }
}

/// What expressions that are switches do. Under a dialog they press no keys, as the keyboard does not.
fn follow_triggers(state: &mut State) -> Vec<Command> {
    let Some(result) = state.snapshot.result.clone() else { return Vec::new() };
    let face = state.selected_face().map(|(face, shown)| (face.id, *shown));
    let face = face.as_ref().map(|(id, shown)| (*id, shown));
    let pressed = state.triggers.follow(&state.settings.triggers, &result, face);
    if state.is_covered() { Vec::new() } else { pressed }
}

fn follow_teaching(state: &mut State, ctx: &Context) {
    let seen = state.snapshot.result.as_deref().map(|r| (r.number, r.analyzed.faces.as_slice()));
    let model = state.snapshot.model.as_deref();
    if let Some(text) = state.teach.follow(ctx, seen, state.selection.by_user(), model) {
        state.report(Message::Error(text));
    }
}

/// The profile that is on is on again after a restart.
fn remember_profile(state: &mut State) {
    if let ProfileState::On(profile) = &state.snapshot.profile
        && state.settings.profile.as_ref() != Some(&profile.path)
    {
        state.settings.profile = Some(profile.path.clone());
    }
}

fn log_start(state: &mut State) {
    let log = &mut state.started;
    log.reached(Step::Window, true);
    log.reached(Step::Network, state.snapshot.model.is_some());
    log.reached(Step::Picture, state.frame.handle().is_some());
    log.reached(Step::Reading, state.snapshot.result.as_ref().is_some_and(|r| !r.analyzed.faces.is_empty()));
}

/// The next video loops as the user chose for the last one.
fn keep_looping(state: &mut State) {
    let playback = state.live.transport();
    if let Some(new) = &playback
        && !state.looping
        && !state.playback.as_ref().is_some_and(|old| old.is_same(new))
    {
        new.set_looping(false);
    }
    state.playback = playback;
}

/// Remembers weights files that work, and forgets those that do not.
fn remember_weights(state: &mut State) {
    let model = state.snapshot.model.clone();
    let in_use = model.as_ref().and_then(|model| model.path.clone());
    for path in state.live.take_refused_weights() {
        state.settings.weights_fail(&path, in_use.as_deref());
    }
    let is_new = match (&model, &state.remembered_model) {
        (Some(new), Some(old)) => !Arc::ptr_eq(new, old),
        (new, old) => new.is_some() != old.is_some(),
    };
    if is_new {
        if let (Some(model), Some(path)) = (&model, &in_use) {
            state.settings.weights_work(path, &model.read_as);
        }
        state.remembered_model = model;
    }
}

/// Where the source of the last session does not work, opens the first camera or the demo in its place.
fn replace_lost_source(state: &mut State) {
    match &state.snapshot.source {
        SourceState::Running(info) => {
            state.source_on_trial = false;
            // That there is no camera and the demo is shown is a message of its own.
            if let Some(lost) = state.lost_source.take()
                && !(lost.is_camera && info.kind == SourceKind::Demo)
            {
                let text = format!("{}\n({})", lost.reason, tr!("said-instead", name = info.name.as_str()));
                state.report(Message::Info(text));
            }
        }
        SourceState::Failed(reason) if std::mem::take(&mut state.source_on_trial) => {
            let is_camera = matches!(state.snapshot.wanted, SourceSpec::Camera(_));
            state.lost_source = Some(LostSource { reason: reason.clone(), is_camera });
            state.live.set_source(SourceSpec::Auto);
        }
        _ => {}
    }
}
