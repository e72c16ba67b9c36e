//! What the commands of folders do, and what goes on by itself: the list of files, the slideshow, the contact sheet.

use std::path::PathBuf;

use eframe::egui::Context;
use moue_capture::SourceSpec;

use super::playlist::Playlist;
use super::state::State;
use crate::pipeline::Message;

/// Finds out whether `path` is a folder, and what is in it.
pub(super) fn look_into(state: &mut State, ctx: &Context, path: PathBuf) {
    if let Err(e) = state.lister.look_into(ctx, path) {
        state.report(Message::Error(format!("No thread for the folder: {e}")));
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
        step(state, true);
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
    if let Some(playlist) = &mut state.playlist {
        playlist.step(forward);
        show_current(state);
    }
}

/// Goes to a file by its place, and shows its picture.
pub(super) fn go_to(state: &mut State, place: usize) {
    if let Some(playlist) = &mut state.playlist {
        playlist.go_to(place);
        state.contact.close();
        show_current(state);
    }
}

/// Shows the contact sheet of the folder, or the picture again.
pub(super) fn toggle_contact_sheet(state: &mut State, ctx: &Context) {
    if state.contact.close() {
        return;
    }
    let Some(playlist) = &state.playlist else {
        state.report(Message::Info("A contact sheet needs a folder: Camera > Open folder…".into()));
        return;
    };
    let network = state.live.model().map_or_else(String::new, |model| model.identity());
    let make = Box::new(state.live.second_analyzer());
    let shown = state.contact.show(ctx, playlist.files(), network, state.settings.detector, make);
    if let Err(e) = shown {
        state.report(Message::Error(format!("No thread for the contact sheet: {e}")));
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
