//! What each command does. This is the only place where a command changes anything.

use std::panic::catch_unwind;

use crossbeam_channel::bounded;
use eframe::egui::{Context, ViewportCommand};
use moue_capture::{SourceSpec, Transport, list_cameras};

use super::command::{BaselineCommand, Command, Setting, Sheet, TeachCommand};
use super::copying::{reading_text, timeline_text};
use super::folder_commands::{go_to, open_list, step, toggle_contact_sheet};
use super::language::tr;
use super::language_choice::look_for_fonts;
use super::picker::Request;
use super::record_commands::{
    copy_picture, export_contact_sheet, make_report, open_file, open_session, set_marker,
    set_recordings_folder, show_in_folder, snapshot, toggle_recording, toggle_words, write_words,
};
use super::selection::faces_in_order;
use super::state::State;
use super::teach_commands::{apply_teach, open_profile};
use crate::fault;
use crate::pipeline::{BaselineState, Message};
use crate::settings::{OverlayMode, Settings, ZOOM};

/// How far the arrow keys go in a video, in seconds.
const SKIP_S: f64 = 5.0;
/// One step of the zoom.
const ZOOM_STEP: f32 = 0.1;

/// Carries out a command.
pub(super) fn apply(state: &mut State, ctx: &Context, command: Command) {
    match command {
        Command::OpenDialog => open_dialog(state, Request::Any),
        Command::OpenWeightsDialog => open_dialog(state, Request::Weights),
        Command::OpenProfileDialog => open_dialog(state, Request::Profile),
        Command::OpenFolderDialog => open_dialog(state, Request::Folder),
        Command::OpenRecordingsDialog => open_dialog(state, Request::Recordings),
        Command::NewWindow => new_window(state),
        Command::LoadWeights(path) => {
            let said = path.as_ref().map(|path| state.settings.weights_choice(path));
            state.settings.weights = path;
            if let Err(e) = state.live.load_weights_as(said.unwrap_or_default()) {
                state.report(Message::Error(tr!("no-thread-weights", error = e.to_string())));
            }
        }
        Command::LoadWeightsAs(choice) => {
            if let Err(e) = state.live.load_weights_as(choice) {
                state.report(Message::Error(tr!("no-thread-weights", error = e.to_string())));
            }
        }
        Command::SetSource(source) => choose_source(state, ctx, source),
        Command::EndAndSwitch(source) => {
            state.question.close();
            set_source(state, ctx, source);
        }
        Command::KeepRecording => {
            state.question.close();
        }
        // The same source: a recording of it goes on.
        Command::Reconnect => state.live.set_source(state.live.wanted_source()),
        Command::RefreshCameras => refresh_cameras(state, ctx),
        Command::TogglePause => match state.live.transport() {
            Some(transport) if !state.live.is_paused() => transport.toggle(),
            _ => state.live.set_paused(!state.live.is_paused()),
        },
        Command::NextFrame => with_transport(state, |t| t.step(true)),
        Command::PreviousFrame => with_transport(state, |t| t.step(false)),
        // Pictures of a folder have no time: the same keys go from one to the next.
        // On a contact sheet they would leave it.
        Command::SkipForward | Command::SkipBack if state.contact.is_open() => {}
        Command::SkipForward if state.live.transport().is_none() => step(state, true),
        Command::SkipBack if state.live.transport().is_none() => step(state, false),
        Command::SkipForward => with_transport(state, |t| t.seek_by(SKIP_S)),
        Command::SkipBack => with_transport(state, |t| t.seek_by(-SKIP_S)),
        Command::NextFile => step(state, true),
        Command::PreviousFile => step(state, false),
        Command::GoToFile(place) => go_to(state, place),
        Command::ToggleSlideshow => {
            if let Some(playlist) = &mut state.playlist {
                playlist.toggle_playing();
            }
        }
        Command::ToggleContactSheet => toggle_contact_sheet(state, ctx),
        Command::SortContactSheet(sort) => state.contact.set_sort(sort),
        Command::StopContactSheet => state.contact.cancel(),
        Command::ExportContactSheet => export_contact_sheet(state, ctx),
        Command::SeekTo(position_s) => with_transport(state, |t| t.seek_to(position_s)),
        Command::SetSpeed(speed) => with_transport(state, |t| t.set_speed(speed)),
        Command::SetLooping(looping) => {
            state.looping = looping;
            with_transport(state, |t| t.set_looping(looping));
        }
        Command::ToggleRecording => toggle_recording(state, ctx),
        Command::AskMarker => state.marker.ask(),
        Command::SetMarker(at, text) => set_marker(state, at, &text),
        Command::CloseMarker => {
            state.marker.close();
        }
        Command::Snapshot => snapshot(state, ctx),
        Command::SetRecordingsFolder(folder) => set_recordings_folder(state, ctx, folder),
        Command::MakeReport => make_report(state, ctx),
        Command::OpenSessionDialog => open_dialog(state, Request::Session),
        Command::OpenSession(folder) => open_session(state, ctx, folder),
        Command::OpenFile(path) => open_file(state, ctx, path),
        Command::ShowInFolder(path) => show_in_folder(state, ctx, path),
        Command::SetWords(words) => {
            state.words = words;
            state.sheets.close();
            state.report(Message::Info(tr!("said-words-next").into()));
        }
        Command::WriteWords(words) => write_words(state, ctx, words),
        Command::NextFace => {
            let faces = faces_in_order(state.result());
            let current = state.selection.current();
            let next = faces.iter().position(|id| Some(*id) == current).map_or(0, |i| i + 1);
            if let Some(id) = faces.get(next % faces.len().max(1)) {
                state.selection.select(*id);
            }
        }
        Command::SelectFace(id) => state.selection.select(id),
        Command::SelectFaceAt(place) => {
            if let Some(id) = faces_in_order(state.result()).get(place) {
                state.selection.select(*id);
            }
        }
        Command::AskName(id) => state.naming.ask(id, &state.names),
        Command::SetName(id, name) => {
            state.names.set(id, &name);
            state.naming.close();
        }
        Command::CloseNaming => {
            state.naming.close();
        }
        Command::CopyReading(id) => {
            let id = id.or_else(|| state.selection.current());
            if let Some((id, (face, shown))) = id.and_then(|id| Some((id, state.face(id)?))) {
                ctx.copy_text(reading_text(&state.names.in_english(id), shown, &face.reading.probabilities));
                state.report(Message::Info(tr!("said-reading-copied").into()));
            }
        }
        Command::CopyTimeline => {
            ctx.copy_text(timeline_text(&state.history.stretches(state.selection.last())));
        }
        Command::CopyPicture => copy_picture(state, ctx),
        Command::ZoomPicture(zoom) => state.picture_zoom = zoom,
        Command::Baseline(command) => apply_baseline(state, command),
        Command::Teach(command) => apply_teach(state, ctx, command),
        Command::OpenProfile(path) => open_profile(state, path),
        Command::ProfileOff => {
            state.live.close_profile();
            state.settings.profile = None;
        }
        Command::ToggleTriggers => state.triggers.toggle(),
        Command::SetTriggers(triggers) => state.settings.triggers = triggers,
        Command::ToggleOverlay => state.settings.overlay = !state.settings.overlay,
        Command::SwitchOverlay => {
            state.settings.overlay = true;
            state.settings.overlay_mode = match state.settings.overlay_mode {
                OverlayMode::Attention => OverlayMode::Evidence,
                OverlayMode::Evidence if state.snapshot.has_profile() => OverlayMode::Profile,
                OverlayMode::Evidence | OverlayMode::Profile => OverlayMode::Attention,
            };
        }
        Command::ToggleMesh => state.settings.mesh = !state.settings.mesh,
        Command::ToggleMirror => state.settings.mirror = !state.settings.mirror,
        Command::TogglePanel => state.settings.panel = !state.settings.panel,
        Command::ToggleTimeline => state.settings.timeline = !state.settings.timeline,
        Command::ZoomIn => zoom(state, ZOOM_STEP),
        Command::ZoomOut => zoom(state, -ZOOM_STEP),
        Command::ZoomReset => state.settings.zoom = 1.0,
        Command::Set(setting) => apply_setting(&mut state.settings, setting),
        Command::ToggleFullScreen => {
            ctx.send_viewport_cmd(ViewportCommand::Fullscreen(!State::is_full_screen(ctx)));
        }
        Command::LookForFonts => look_for_fonts(state, ctx),
        Command::FocusMenu => state.focus_menu = true,
        Command::ToggleSheet(Sheet::Session) => toggle_words(state, ctx),
        Command::ToggleSheet(sheet) => state.sheets.toggle(sheet),
        Command::CloseSheet => {
            state.sheets.close();
        }
        Command::CloseToast(place) => state.toasts.close(place),
        Command::Close => close_topmost(state, ctx),
        Command::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
    }
}

/// Lists the cameras on a thread of its own: asking the devices may take a while.
pub(super) fn refresh_cameras(state: &mut State, ctx: &Context) {
    if state.camera_list.is_some() {
        return;
    }
    let (sender, answer) = bounded(1);
    let ctx = ctx.clone();
    let thread = std::thread::Builder::new().name("camera-list".into()).spawn(move || {
        let cameras = match catch_unwind(list_cameras) {
            Ok(Ok(cameras)) => Ok(cameras),
            Ok(Err(e)) => {
                tracing::warn!("{e}");
                Ok(Vec::new())
            }
            Err(panic) => Err(fault::describe("camera-list", &*panic)),
        };
        // Fails only when the window was closed in the meantime.
        let _ = sender.send(cameras);
        ctx.request_repaint();
    });
    match thread {
        Ok(_) => state.camera_list = Some(answer),
        Err(e) => state.report(Message::Error(tr!("no-thread-cameras", error = e.to_string()))),
    }
}

/// Shows another source. One that is recorded is given up only if the user says so.
fn choose_source(state: &mut State, ctx: &Context, source: SourceSpec) {
    if !state.recordings.is_on() {
        return set_source(state, ctx, source);
    }
    let is_shown = source == state.live.wanted_source() && !source.is_files();
    if !is_shown {
        state.question.ask(source);
    } else {
        state.live.set_paused(false);
    }
}

fn set_source(state: &mut State, ctx: &Context, source: SourceSpec) {
    state.record_when_running = false;
    state.toasts.leave_source();
    if let SourceSpec::Path(path) = &source {
        Settings::remember(&mut state.settings.recent_sources, path);
    }
    // A list is not remembered as one; the next start begins with its first file.
    let first = match &source {
        SourceSpec::Files(files) => files.first().map(|first| SourceSpec::Path(first.clone())),
        _ => Some(source.clone()),
    };
    state.settings.source = first.as_ref().map(ToString::to_string);
    open_list(state, ctx, &source);
    // Lists are gone through file by file.
    state.show_source(first.unwrap_or(source));
}

fn open_dialog(state: &mut State, request: Request) {
    // Recordings lie where they are made.
    let recordings = state.settings.recordings.clone().filter(|_| request == Request::Session);
    let start = recordings.or_else(|| state.settings.last_folder.clone());
    state.picker.open(request, start.as_deref());
}

/// Starts the program once more. Its thread waits for it, so that no dead process stays behind.
fn new_window(state: &mut State) {
    let body = || {
        let started = std::env::current_exe().and_then(|program| std::process::Command::new(program).spawn());
        if let Err(e) = started.and_then(|mut window| window.wait()) {
            tracing::warn!("no second window: {e}");
        }
    };
    if let Err(e) = std::thread::Builder::new().name("second-window".into()).spawn(body) {
        state.report(Message::Error(tr!("no-thread-window", error = e.to_string())));
    }
}

fn with_transport(state: &State, act: impl FnOnce(&Transport)) {
    if let Some(transport) = state.live.transport() {
        act(&transport);
    }
}

fn apply_baseline(state: &mut State, command: BaselineCommand) {
    match (command, state.live.baseline()) {
        (BaselineCommand::Toggle, BaselineState::Off) => match state.selection.current() {
            Some(id) => state.live.record_baseline(id),
            None => state.report(Message::Info(tr!("said-baseline-face").into())),
        },
        (BaselineCommand::Toggle | BaselineCommand::Off, _) => state.live.set_baseline(None),
        (BaselineCommand::UseSaved, _) => state.live.set_baseline(state.settings.baseline.clone()),
        (BaselineCommand::Save, BaselineState::On { baseline, .. }) => {
            state.settings.baseline = Some(baseline);
        }
        (BaselineCommand::Save, _) => {}
        (BaselineCommand::DeleteSaved, _) => state.settings.baseline = None,
    }
}

fn apply_setting(settings: &mut Settings, setting: Setting) {
    match setting {
        Setting::OverlayMode(mode) => settings.overlay_mode = mode,
        Setting::ColourMap(map) => settings.colour_map = map,
        Setting::OverlayOpacity(opacity) => settings.overlay_opacity = opacity,
        Setting::Smoothing(ms) => settings.smoothing_ms = ms,
        Setting::Theme(theme) => settings.theme = theme,
        Setting::Language(language) => settings.language = language,
        Setting::Detector(detector) => settings.detector = detector,
        Setting::RecordVideo(on) => settings.record_video = on,
        Setting::BlurFaces(on) => settings.record_blur = on,
        Setting::TimelineAreas(on) => settings.timeline_areas = on,
        Setting::Introduced => settings.introduced = true,
    }
}

fn zoom(state: &mut State, by: f32) {
    let tenths = ((state.settings.zoom + by) * 10.0).round() / 10.0;
    state.settings.zoom = tenths.clamp(ZOOM.0, ZOOM.1);
}

/// Closes the question, the file dialog, the sheet, else the newest message, else leaves the full screen.
fn close_topmost(state: &mut State, ctx: &Context) {
    let dialog = state.question.close() || state.picker.close() || state.naming.close();
    let dialog = dialog || state.marker.close() || state.triggers.close();
    if !dialog && state.teach.is_open() {
        return apply_teach(state, ctx, TeachCommand::Stop);
    }
    if dialog || state.sheets.close() || state.toasts.close_last() || state.contact.close() {
        return;
    }
    if !state.settings.introduced {
        state.settings.introduced = true;
        return;
    }
    if State::is_full_screen(ctx) {
        ctx.send_viewport_cmd(ViewportCommand::Fullscreen(false));
    }
}
