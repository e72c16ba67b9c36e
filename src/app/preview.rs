//! The live picture with bounding boxes, labels, heatmaps and marks.

use std::time::Duration;

use eframe::egui::{self, Align2, Color32, FontId, Pos2, Sense, Ui, vec2};
use moue_capture::SourceKind;

use super::command::Command;
use super::frame_view::{FrameView, mirrored};
use super::overlay_painter;
use super::stage;
use super::state::State;
use super::theme;
use crate::pipeline::{AnalyzedFace, LiveResult, SourceState};

/// Bounding boxes of an older frame no longer fit the one on screen.
const MAX_BOX_AGE: Duration = Duration::from_millis(1000);

/// Draws it into all the space that is left.
pub(super) fn show(ui: &mut Ui, state: &State) -> Option<Command> {
    let space = ui.available_rect_before_wrap();
    // It does not take the keyboard focus: faces are selected with keys of their own.
    let response = ui.allocate_rect(space, Sense::CLICK);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "Live picture"));
    ui.painter().rect_filled(space, 0.0, theme::STAGE);
    let source = &state.snapshot.source;
    let kind = state.snapshot.info.as_ref().map(|info| info.kind);
    let mut command = None;
    if let Some(texture) = state.frame.handle() {
        let mirror = kind.is_some_and(|kind| mirrored(kind, &state.settings));
        let view = FrameView::fit(space.shrink(10.0), state.frame.size_px(), mirror);
        // A pause keeps the picture, and what was found in it.
        let running = matches!(source, SourceState::Running(_) | SourceState::Paused);
        let tint = if running { Color32::WHITE } else { Color32::from_gray(70) };
        egui::Image::new((texture.id(), texture.size_vec2()))
            .uv(view.uv())
            .tint(tint)
            .corner_radius(8.0)
            .paint_at(ui, view.rect);
        // Before the faces, so that it does not cover a label.
        source_mark(ui, &view, state, kind);
        let current = state.result().filter(|r| fits_frame(state, r));
        if running && let Some(result) = current {
            faces(ui, &view, state, result);
            if response.clicked()
                && let Some(at) = response.interact_pointer_pos()
            {
                command = face_at(&view, result, at).map(Command::SelectFace);
            }
        }
        if running && state.snapshot.model.is_none() {
            let below = view.rect.center_bottom() - vec2(0.0, 22.0);
            pill(ui, below, Align2::CENTER_CENTER, "Loading the network…", theme::MARK);
        }
    }
    if let Some(notice) = stage::notice(source, &state.snapshot.wanted, state.frame.handle().is_some()) {
        if matches!(source, SourceState::NoSignal { .. }) {
            // The notice shows the growing age of the last frame.
            ui.ctx().request_repaint_after_secs(0.5);
        }
        return stage::show(ui, space, &notice).or(command);
    }
    command
}

/// Whether the bounding boxes of this result fit the frame on screen.
fn fits_frame(state: &State, result: &LiveResult) -> bool {
    let frame = &result.analyzed.frame;
    state.frame.shows(&frame.image) || state.snapshot.paused || frame.captured_at.elapsed() < MAX_BOX_AGE
}

fn faces(ui: &Ui, view: &FrameView, state: &State, result: &LiveResult) {
    overlay_painter::paint(&ui.painter_at(view.rect), view, state, result);
    if result.analyzed.faces.is_empty() {
        let below = view.rect.center_bottom() - vec2(0.0, 22.0);
        pill(ui, below, Align2::CENTER_CENTER, "No face in view", theme::MARK);
    }
}

/// LIVE, DEMO, or what else is on screen.
fn source_mark(ui: &Ui, view: &FrameView, state: &State, kind: Option<SourceKind>) {
    let (text, colour) = match (&state.snapshot.source, kind) {
        (SourceState::Paused, Some(SourceKind::Camera)) => {
            ("PAUSED: the camera is released, Space resumes", theme::MARK)
        }
        (SourceState::Paused, _) => ("PAUSED: Space resumes", theme::MARK),
        (SourceState::Running(_), _) if state.snapshot.still() => ("PAUSED: Space plays", theme::MARK),
        (SourceState::Running(_), Some(SourceKind::Camera)) => ("● LIVE", theme::LIVE),
        (SourceState::Running(_), Some(SourceKind::Demo)) => {
            ("DEMO: recorded portraits, no camera", theme::DEMO)
        }
        (SourceState::Running(_), Some(SourceKind::Still)) => ("IMAGE", theme::MARK),
        (SourceState::Running(_), Some(SourceKind::Video)) => ("VIDEO", theme::MARK),
        (SourceState::NoSignal { .. }, _) => ("NO SIGNAL", theme::DEMO),
        _ => return,
    };
    pill(ui, view.rect.left_top() + vec2(12.0, 12.0), Align2::LEFT_TOP, text, colour);
}

/// The face under a point of the screen; the smallest where several overlap.
fn face_at(view: &FrameView, result: &LiveResult, at: Pos2) -> Option<u64> {
    let hit = |face: &&AnalyzedFace| view.face(&face.detection.face).contains(at);
    result.analyzed.faces.iter().rev().find(hit).map(|face| face.id)
}

fn pill(ui: &Ui, at: Pos2, align: Align2, text: &str, colour: Color32) {
    let painter = ui.painter();
    let ink = theme::ink_on(colour);
    let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(13.0), ink);
    let rect = align.anchor_size(at, galley.size() + vec2(18.0, 8.0));
    painter.rect_filled(rect, rect.height() / 2.0, colour);
    painter.galley(rect.min + vec2(9.0, 4.0), galley, ink);
}
