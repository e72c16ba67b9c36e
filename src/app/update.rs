//! What changes the state without a command: the pipeline, the disk, and time. Called at the start and at the end of
//! each pass.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eframe::egui::{self, Context};
use moue_capture::{Frame, SourceKind, SourceSpec};

use super::command::Command;
use super::folder_commands;
use super::persistence::{DroppedFile, Outcome, SettingsWriter};
use super::picker::Request;
use super::record_commands::ask_for_folder;
use super::recordings::{folder_gone, smoothing};
use super::shortcuts;
use super::state::{AfterFolder, LostSource, PipelineSnapshot, State};
use crate::pipeline::{BaselineState, LiveResult, Message, SourceState};
use crate::settings::{Settings, ThemeChoice};

/// An older reading is not shown, unless its frame is still on screen. The readings of a slow machine are seconds old,
/// and the status list says how old.
const MAX_READING_AGE: Duration = Duration::from_secs(3);

/// Brings the state up to date.
pub(super) fn start_pass(state: &mut State, ctx: &Context) {
    take_messages(state);
    folder_commands::follow(state, ctx);
    if let Some(pixels) = state.new_frame.take() {
        state.frame.update(ctx, pixels);
        state.rates.frame_shown();
    }
    state.rates.expire();
    state.toasts.expire();
    if ctx.input(|i| i.viewport().close_requested()) {
        state.live.stopper().stop();
        state.recordings.end();
    }
    state.snapshot = PipelineSnapshot::read(&state.live, current_result(state));
    replace_lost_source(state);
    let pipeline = &state.snapshot;
    let result = pipeline.result.as_deref();
    state.selection.follow(result);
    let chosen = state.selection.current();
    state.history.follow(&pipeline.source, pipeline.playback.as_ref(), chosen, result);
    if let Some(result) = result {
        state.rates.result_shown(&result.analyzed);
        if state.settings.overlay {
            state.heat.update(ctx, result, &state.settings);
        }
    }
}

/// What keys, dropped files and file dialogs ask for.
pub(super) fn commands(state: &mut State, ctx: &Context) -> Vec<Command> {
    let mut commands = shortcuts::pressed(ctx);
    let dropped: Vec<PathBuf> =
        ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_owned()).collect());
    if !dropped.is_empty()
        && let Err(e) = state.dropped.look_at(ctx, dropped)
    {
        state.report(Message::Error(format!("No thread for the dropped files: {e}")));
    }
    // There is one network and one source: of several files of a kind the last counts.
    commands.extend(state.dropped.known().into_iter().map(|file| match file {
        DroppedFile::Weights(path) => Command::LoadWeights(Some(path)),
        DroppedFile::Media(path) => Command::SetSource(SourceSpec::Path(path)),
    }));
    commands.extend(state.picker.show(ctx).map(|(request, path)| match request {
        Request::Weights => Command::LoadWeights(Some(path)),
        Request::Media | Request::Folder => Command::SetSource(SourceSpec::Path(path)),
        Request::Recordings => Command::SetRecordingsFolder(path),
    }));
    commands
}

/// Hands changed settings to the pipeline and the disk. A slider that is being moved waits until it is released.
pub(super) fn end_pass(state: &mut State, ctx: &Context) {
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
    for message in state.recordings.messages() {
        state.report(message);
    }
    if state.recordings.take_folder_gone() {
        ask_for_folder(state, AfterFolder::Record);
    }
    state.live.search_every_frame(state.recordings.is_blurring());
    for outcome in state.jobs.outcomes() {
        match outcome {
            Outcome::Done(text) => state.report(Message::Info(text)),
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
    state.live.result().filter(|r| is_current(&r.analyzed.frame))
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
                let text = format!("{}\n({} is shown instead)", lost.reason, info.name);
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
