//! What the commands of recording, snapshots and reports do.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crossbeam_channel::Receiver;
use eframe::egui::Context;
use moue_capture::{SourceInfo, SourceSpec};

use super::command::Sheet;
use super::frame_view::mirrored;
use super::language::tr;
use super::overlay::overlay_style;
use super::persistence::Outcome;
use super::picker::Request;
use super::recordings::{annotated_frame, recorded_settings};
use super::state::{AfterFolder, State};
use crate::pipeline::{Message, ProfileState, SourceState};
use crate::record::report::write_report;
use crate::record::{
    AnnotatedFrame, IncomingMarker, MarkerOrigin, MarkerText, PictureStyle, RecordError, RecordedProfile,
    RecordedSource, RecorderOptions, SESSION_FILE, Session, SessionWords, VideoOptions, save_snapshot,
    save_table,
};

/// Frames a second of a recorded video. A slow machine can still analyse and encode as many.
const VIDEO_RATE: f64 = 25.0;

/// Starts or ends a recording; asks for a folder the first time.
pub(super) fn toggle_recording(state: &mut State, ctx: &Context) {
    if state.recordings.is_on() {
        state.recordings.end();
        return;
    }
    if std::mem::take(&mut state.record_when_running) {
        return;
    }
    let info = match state.live.state() {
        // A clip that is over is recorded from its beginning.
        SourceState::Running(_) if is_at_end(state) => {
            if let Some(transport) = state.live.transport() {
                transport.seek_to(0.0);
                transport.play();
            }
            state.record_when_running = true;
            return;
        }
        SourceState::Running(info) => info,
        SourceState::Paused | SourceState::Opening | SourceState::NoSignal { .. } => {
            // It begins with the first frame.
            state.live.set_paused(false);
            state.record_when_running = true;
            return;
        }
        SourceState::Failed(_) | SourceState::Ended => {
            state.report(Message::Info(tr!("said-nothing-to-record").into()));
            return;
        }
    };
    let Some(parent) = recordings_folder(state, AfterFolder::Record) else { return };
    let settings = &state.settings;
    let options = RecorderOptions {
        parent,
        source: RecordedSource::new(&info),
        source_path: match state.live.wanted_source() {
            SourceSpec::Path(path) if path.is_file() => Some(path),
            _ => None,
        },
        analysis: None,
        time_base: crate::record::TimeBase::Clock,
        model: state.live.model(),
        settings: recorded_settings(settings, state.baseline_recorded),
        profile: recorded_profile(&state.live.profile()),
        words: std::mem::take(&mut state.words),
        video: settings.record_video.then(|| VideoOptions {
            frame_rate: VIDEO_RATE,
            blur: settings.record_blur,
            style: PictureStyle {
                overlay: overlay_style(settings, mirrored(info.kind, settings), None),
                ..PictureStyle::default()
            },
        }),
    };
    let wake = ctx.clone();
    if let Err(e) = state.recordings.start(options, settings.overlay_mode, move || wake.request_repaint()) {
        state.report(Message::Error(tr!("no-thread-recording", error = e.to_string())));
    }
    // Its end is the recording's: played again and again it would give the same rows many times.
    if let Some(transport) = state.live.transport() {
        transport.set_looping(false);
    }
    // From now on, so that the first frames of the recording are searched as a whole.
    state.live.search_every_frame(state.recordings.is_blurring());
}

/// The profile in use, where it fits the network.
fn recorded_profile(profile: &ProfileState) -> Option<RecordedProfile> {
    let ProfileState::On(profile) = profile else { return None };
    let expressions = profile.reader.names().iter().map(ToString::to_string).collect();
    profile.fits.then(|| RecordedProfile { name: profile.name.to_string(), expressions })
}

/// Whether a video is over.
pub(super) fn is_at_end(state: &State) -> bool {
    state.live.transport().is_some_and(|transport| transport.status().at_end)
}

/// Marks a moment, on the timeline and in the recording that runs.
pub(super) fn set_marker(state: &mut State, at: Instant, text: &str) {
    state.marker.close();
    let Some(text) = MarkerText::of_line(text).or_else(|| MarkerText::new("marker", "")) else { return };
    keep_marker(state, IncomingMarker { at, text, origin: MarkerOrigin::Window });
}

/// Takes what other programs sent since the last pass.
pub(super) fn take_markers(state: &mut State) {
    let came: Vec<IncomingMarker> = state.incoming.iter().flat_map(Receiver::try_iter).collect();
    came.into_iter().for_each(|marker| keep_marker(state, marker));
}

fn keep_marker(state: &mut State, marker: IncomingMarker) {
    state.history.mark_moment(&marker.text.name, marker.at);
    if let Some(recorder) = state.recordings.running()
        && !recorder.tap().mark(marker)
    {
        state.report(Message::Error(tr!("said-marker-lost").into()));
    }
}

/// Saves the frame as it is shown.
pub(super) fn snapshot(state: &mut State, ctx: &Context) {
    if shown_info(state).is_none() {
        state.report(Message::Info(tr!("said-nothing-to-save").into()));
        return;
    }
    if state.frame.image().is_none() {
        return;
    }
    let Some(folder) = recordings_folder(state, AfterFolder::Snapshot) else { return };
    let Some((frame, style)) = as_shown(state, state.settings.panel) else { return };
    state.jobs.start(ctx, "snapshot", move || {
        save_snapshot(&folder, &frame, &style).map(|path| saved(tr!("said-saved", path = shown(&path)), path))
    });
}

/// Copies the frame as it is shown.
pub(super) fn copy_picture(state: &mut State, ctx: &Context) {
    let Some((frame, style)) = as_shown(state, false) else {
        state.report(Message::Info(tr!("said-nothing-to-copy").into()));
        return;
    };
    if let Err(e) = state.picture_copy.start(ctx, frame, style) {
        state.report(Message::Error(tr!("no-thread-copying", error = e.to_string())));
    }
}

/// Writes what the contact sheet's faces were read as.
pub(super) fn export_contact_sheet(state: &mut State, ctx: &Context) {
    let Some(folder) = recordings_folder(state, AfterFolder::ContactSheet) else { return };
    let rows = state.contact.rows().to_vec();
    state.jobs.start(ctx, "export", move || {
        save_table(&folder, &rows).map(|path| saved(tr!("said-saved", path = shown(&path)), path))
    });
}

/// The source whose frame is on screen: one that runs, or is paused.
fn shown_info(state: &State) -> Option<SourceInfo> {
    match state.live.state() {
        SourceState::Running(info) => Some(info),
        SourceState::Paused => state.snapshot.info.clone(),
        _ => None,
    }
}

/// The frame on screen and what is drawn over it, where a source runs.
fn as_shown(state: &State, bars: bool) -> Option<(AnnotatedFrame, PictureStyle)> {
    let info = shown_info(state)?;
    let image = state.frame.image()?;
    // Bounding boxes belong to the frame they were found in: where there is a result, its frame is saved.
    let frame = match &state.snapshot.result {
        Some(result) => annotated_frame(result, state.settings.overlay_mode, &state.names),
        None => AnnotatedFrame { image, faces: Vec::new() },
    };
    let (mirror, selected) = (mirrored(info.kind, &state.settings), state.selection.current());
    let style = PictureStyle {
        overlay: overlay_style(&state.settings, mirror, selected),
        bars: selected.filter(|_| bars),
        blur: false,
    };
    Some((frame, style))
}

/// Writes the report of the last recording.
pub(super) fn make_report(state: &mut State, ctx: &Context) {
    let Some(folder) = state.recordings.last_folder().map(ToOwned::to_owned) else {
        state.report(Message::Info(tr!("said-nothing-recorded").into()));
        return;
    };
    state.jobs.start(ctx, "report", move || {
        write_report(&folder, None).map(|path| saved(tr!("said-report", path = shown(&path)), path))
    });
}

fn saved(text: String, path: PathBuf) -> Outcome {
    Outcome::Done { text, path: Some(path) }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Makes the page of a recording and opens it; it is the last recording from now on.
pub(super) fn open_session(state: &mut State, ctx: &Context, folder: PathBuf) {
    if !state.recordings.is_on() {
        state.recordings.set_last_folder(folder.clone());
    }
    state.jobs.start(ctx, "report", move || {
        let session = folder.join(SESSION_FILE);
        Session::read(&session)?;
        let path = write_report(&folder, None)?;
        opener::open(&path).map_err(|e| not_opened(&path, &e))?;
        Ok(saved(tr!("said-report", path = shown(&path)), path))
    });
}

/// Opens a file with the system's program for it.
pub(super) fn open_file(state: &State, ctx: &Context, path: PathBuf) {
    state.jobs.start(ctx, "opener", move || {
        opener::open(&path).map_err(|e| not_opened(&path, &e))?;
        Ok(opening(&path))
    });
}

/// Where the system has no program for it, nobody says so: the user is told what should have opened, and where it is.
fn opening(path: &Path) -> Outcome {
    Outcome::Done { text: tr!("said-opening", path = shown(path)), path: None }
}

/// Shows a file or folder in the system's file manager.
pub(super) fn show_in_folder(state: &State, ctx: &Context, path: PathBuf) {
    state.jobs.start(ctx, "opener", move || {
        // Its folder is opened. To point at the file itself the desktop would be asked over D-Bus, which is kept to file
        // dialogs and screen readers (SECURITY.md).
        let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(&path) };
        opener::open(folder).map_err(|e| not_opened(folder, &e))?;
        Ok(opening(folder))
    });
}

fn not_opened(path: &Path, e: &opener::OpenError) -> RecordError {
    RecordError::Read { path: path.to_owned(), reason: format!("the system does not open it: {e}") }
}

/// Opens or closes the form for name and notes; it shows what the last recording says already.
pub(super) fn toggle_words(state: &mut State, ctx: &Context) {
    state.sheets.toggle(Sheet::Session);
    let running = state.recordings.running().map(|recorder| recorder.folder().to_owned());
    let last = || state.recordings.last_folder().map(ToOwned::to_owned);
    let Some(folder) = running.or_else(last) else { return };
    if state.sheets.is_open() {
        state.jobs.start(ctx, "session-words", move || {
            let session = Session::read(&folder.join(SESSION_FILE))?;
            let words = SessionWords {
                name: session.name.unwrap_or_default(),
                notes: session.notes.unwrap_or_default(),
            };
            Ok(Outcome::Words { folder, words })
        });
    }
}

/// Writes name and notes into the last recording.
pub(super) fn write_words(state: &mut State, ctx: &Context, words: SessionWords) {
    state.sheets.close();
    // Its recorder writes the file: two writers would lose the one's words or the other's figures.
    if let Some(recorder) = state.recordings.running() {
        let message = if recorder.set_words(words) {
            Message::Info(tr!("said-words-taken").into())
        } else {
            Message::Error(tr!("said-words-not-taken").into())
        };
        return state.report(message);
    }
    let Some(folder) = state.recordings.last_folder().map(ToOwned::to_owned) else { return };
    state.jobs.start(ctx, "session-words", move || {
        let path = folder.join(SESSION_FILE);
        let mut session = Session::read(&path)?;
        session.set_words(&words);
        session.write(&path)?;
        Ok(saved(tr!("said-words-in", path = shown(&path)), path))
    });
}

/// A folder for recordings was chosen; does what the user wanted it for.
pub(super) fn set_recordings_folder(state: &mut State, ctx: &Context, folder: PathBuf) {
    state.settings.recordings = Some(folder);
    match state.after_folder.take() {
        Some(AfterFolder::Record) if !state.recordings.is_on() => toggle_recording(state, ctx),
        Some(AfterFolder::Snapshot) => snapshot(state, ctx),
        Some(AfterFolder::ContactSheet) => export_contact_sheet(state, ctx),
        _ => {}
    }
}

/// The folder for recordings. Where there is none, the user is asked for one, and `next` is done once it is chosen.
fn recordings_folder(state: &mut State, next: AfterFolder) -> Option<PathBuf> {
    let folder = state.settings.recordings.clone();
    if folder.is_none() {
        ask_for_folder(state, next);
    }
    folder
}

/// Asks for a folder for recordings, and does `next` once it is chosen.
pub(super) fn ask_for_folder(state: &mut State, next: AfterFolder) {
    state.after_folder = Some(next);
    let start = state.settings.last_folder.clone();
    state.picker.open(Request::Recordings, start.as_deref());
}
