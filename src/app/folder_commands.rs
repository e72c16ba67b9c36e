//! What the commands of folders do, and what goes on by itself: the list of files, the slideshow, the contact sheet.

use std::path::PathBuf;

use eframe::egui::Context;
use moue_capture::SourceSpec;

use super::language::tr;
use super::playlist::Playlist;
use super::state::State;
use crate::pipeline::Message;

/// Finds out whether `path` is a folder, and what is in it.
pub(super) fn look_into(state: &mut State, ctx: &Context, path: PathBuf) {
    if let Err(e) = state.lister.look_into(ctx, path) {
        state.report(Message::Error(tr!("no-thread-folder", error = e.to_string())));
    }
}

/// Another source is shown: finds out which files belong to it. One of the files that are gone through leaves them as they
/// are.
pub(super) fn open_list(state: &mut State, ctx: &Context, source: &SourceSpec) {
    if let (SourceSpec::Path(path), Some(playlist)) = (source, &mut state.playlist)
        && let Some(place) = playlist.files().iter().position(|file| file == path)
    {
        return playlist.go_to(place);
    }
    state.playlist = None;
    state.lister.cancel();
    state.contact.clear();
    match source {
        SourceSpec::Path(path) => look_into(state, ctx, path.clone()),
        SourceSpec::Files(files) => state.playlist = Playlist::new(files.clone()),
        _ => {}
    }
}

/// Called in each pass.
pub(super) fn follow(state: &mut State, ctx: &Context) {
    if let Some(playlist) = state.lister.answer().and_then(Playlist::new) {
        state.playlist = Some(playlist);
        show_current(state);
    }
    state.contact.follow(ctx);
    let playback = state.live.transport();
    let status = playback.as_ref().map(|transport| transport.status());
    let Some(left) = state.playlist.as_ref().and_then(|p| p.slide_left(status.as_ref())) else { return };
    if left.is_zero() {
        match &mut state.playlist {
            // A recording belongs to one file.
            Some(playlist) if state.recordings.is_on() => playlist.toggle_playing(),
            _ => step(state, true),
        }
        return;
    }
    // A video is played to its end once.
    if let Some(playback) = playback.filter(|_| status.is_some_and(|s| s.looping)) {
        playback.set_looping(false);
    }
    ctx.request_repaint_after(left);
}

/// Goes to the next file of the folder, or to the one before.
pub(super) fn step(state: &mut State, forward: bool) {
    if let Some(place) = state.playlist.as_ref().map(|playlist| playlist.beside(forward)) {
        go_to(state, place);
    }
}

/// Goes to a file by its place, and shows its picture.
pub(super) fn go_to(state: &mut State, place: usize) {
    let Some(playlist) = &mut state.playlist else { return };
    state.contact.close();
    match playlist.files().get(place) {
        // Another file would end the recording: the user is asked first.
        Some(file) if state.recordings.is_on() && file != playlist.current() => {
            state.question.ask(SourceSpec::Path(file.clone()));
        }
        _ => {
            playlist.go_to(place);
            show_current(state);
        }
    }
}

/// Shows the contact sheet of the folder, or the picture again.
pub(super) fn toggle_contact_sheet(state: &mut State, ctx: &Context) {
    if state.contact.close() {
        return;
    }
    let Some(playlist) = &state.playlist else {
        state.report(Message::Info(tr!("said-contact-folder").into()));
        return;
    };
    let network = state.live.model().map_or_else(String::new, |model| model.identity());
    let make = Box::new(state.live.second_analyzer());
    let shown = state.contact.show(ctx, playlist.files(), network, state.settings.detector, make);
    if let Err(e) = shown {
        state.report(Message::Error(tr!("no-thread-sheet", error = e.to_string())));
    }
}

fn show_current(state: &mut State) {
    if let Some(playlist) = &state.playlist {
        let source = SourceSpec::Path(playlist.current().to_owned());
        if source != state.live.wanted_source() {
            state.show_source(source);
        }
    }
}
