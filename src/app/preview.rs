//! The live picture with bounding boxes, labels, heatmaps and marks.

use std::time::Duration;

use eframe::egui::{self, Align2, Color32, FontId, Id, Pos2, Rect, Response, Sense, Ui, vec2};
use moue_capture::SourceKind;

use super::command::Command;
use super::face_menu;
use super::frame_view::{FrameView, mirrored};
use super::language::tr;
use super::overlay_painter;
use super::picture_zoom::PictureZoom;
use super::stage;
use super::state::State;
use super::theme;
use crate::pipeline::{AnalyzedFace, LiveResult, SourceState};

/// Between the stage's edges and the picture, in points.
const MARGIN: f32 = 10.0;
/// What of the stage belongs to the panels beside it, in points.
const EDGE: f32 = 6.0;
/// A notch of the wheel, in points, makes the picture larger by this factor.
const NOTCH: (f32, f32) = (50.0, 1.25);
/// Bounding boxes of an older frame no longer fit the one on screen.
const MAX_BOX_AGE: Duration = Duration::from_millis(1000);

/// Draws it into all the space that is left.
pub(super) fn show(ui: &mut Ui, state: &State) -> Vec<Command> {
    let space = ui.available_rect_before_wrap();
    // It does not take the keyboard focus: faces are selected with keys of their own.
    // The edges belong to the panels beside it, which are resized there.
    ui.allocate_rect(space, Sense::hover());
    let id = ui.scope_id().with("picture");
    let response = ui.interact(space.shrink(EDGE), id, Sense::CLICK | Sense::DRAG);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, tr!("live-picture")));
    ui.painter().rect_filled(space, 0.0, theme::STAGE);
    let source = &state.snapshot.source;
    let kind = state.snapshot.info.as_ref().map(|info| info.kind);
    let mut commands = Vec::new();
    if let Some(texture) = state.frame.handle() {
        let mirror = kind.is_some_and(|kind| mirrored(kind, &state.settings));
        let room = space.shrink(MARGIN);
        let view = state.picture_zoom.view(room, state.frame.size_px(), mirror);
        commands.extend(zoom_and_pan(ui, &response, state.picture_zoom, &view, room));
        // A pause keeps the picture, and what was found in it.
        let running = matches!(source, SourceState::Running(_) | SourceState::Paused);
        let tint = if running { Color32::WHITE } else { Color32::from_gray(70) };
        ui.scope(|ui| {
            // A picture that is zoomed ends where the stage does.
            ui.set_clip_rect(room.intersect(ui.clip_rect()));
            egui::Image::new((texture.id(), texture.size_vec2()))
                .uv(view.uv())
                .tint(tint)
                .corner_radius(8.0)
                .paint_at(ui, view.rect);
            // Before the faces, so that it does not cover a label.
            let mark = source_mark(ui, &view, state, kind);
            let current = state.result().filter(|r| running && fits_frame(state, r));
            if let Some(result) = current {
                faces(ui, &view, state, (result, mark));
            }
            let at = response.interact_pointer_pos();
            let face = current.zip(at).and_then(|(result, at)| face_at(&view, result, at));
            // With a double click the zoom is meant.
            if response.clicked() && !response.double_clicked() {
                commands.extend(face.map(Command::SelectFace));
            }
            menu(ui, &response, state, face, &mut commands);
            let below = view.rect.intersect(room).center_bottom() - vec2(0.0, 22.0);
            if running && state.snapshot.model.is_none() {
                pill(ui, below, Align2::CENTER_CENTER, tr!("picture-loading"), theme::MARK);
            }
            if !state.picture_zoom.is_fit() {
                let text = tr!("picture-zoom", factor = format!("{:.1}", state.picture_zoom.factor()));
                let corner = room.right_bottom() - vec2(12.0, 12.0);
                pill(ui, corner, Align2::RIGHT_BOTTOM, &text, theme::MARK);
            }
        });
    }
    if let Some(notice) = stage::notice(source, &state.snapshot.wanted, state.frame.handle().is_some()) {
        if matches!(source, SourceState::NoSignal { .. }) {
            // The notice shows the growing age of the last frame.
            ui.ctx().request_repaint_after_secs(0.5);
        }
        commands.extend(stage::show(ui, space, &notice));
    }
    commands
}

/// The wheel zooms about the pointer, dragging moves what is zoomed, a double click shows all of the picture.
fn zoom_and_pan(
    ui: &Ui,
    response: &Response,
    zoom: PictureZoom,
    view: &FrameView,
    room: Rect,
) -> Option<Command> {
    if response.double_clicked() {
        return (!zoom.is_fit()).then(|| Command::ZoomPicture(PictureZoom::default()));
    }
    let at = response.hover_pos()?;
    let (wheel, pinch) = ui.input(|i| (i.smooth_scroll_delta.y, i.zoom_delta()));
    let by = NOTCH.1.powf(wheel / NOTCH.0) * pinch;
    let new = if by != 1.0 {
        zoom.zoomed(view, room, at, by)
    } else if response.dragged() && !zoom.is_fit() {
        zoom.moved(view, response.drag_delta())
    } else {
        return None;
    };
    (new != zoom).then_some(Command::ZoomPicture(new))
}

/// What the right mouse button offers, on a face and beside one.
fn menu(ui: &Ui, response: &Response, state: &State, face: Option<u64>, commands: &mut Vec<Command>) {
    let of = Id::unique("face of the picture's menu");
    if response.secondary_clicked() {
        ui.data_mut(|d| d.insert_temp(of, face));
    }
    response.context_menu(|ui| {
        let mut entry = |ui: &mut Ui, text: &str, command: Command| {
            if ui.button(text).clicked() {
                commands.push(command);
                ui.close();
            }
        };
        entry(ui, tr!("copy-picture"), Command::CopyPicture);
        entry(ui, tr!("snapshot"), Command::Snapshot);
        ui.add_enabled_ui(!state.picture_zoom.is_fit(), |ui| {
            entry(ui, tr!("picture-fit"), Command::ZoomPicture(PictureZoom::default()));
        });
        if let Some(id) = ui.data(|d| d.get_temp::<Option<u64>>(of)).flatten() {
            ui.separator();
            let chosen = state.selection.current() == Some(id);
            face_menu::entries(ui, id, &state.names.of(id), chosen, commands);
        }
    });
}

/// Whether the bounding boxes of this result fit the frame on screen.
fn fits_frame(state: &State, result: &LiveResult) -> bool {
    let frame = &result.analyzed.frame;
    state.frame.shows(&frame.image) || state.snapshot.paused || frame.captured_at.elapsed() < MAX_BOX_AGE
}

/// Boxes and labels; `mark`: what they leave free.
fn faces(ui: &Ui, view: &FrameView, state: &State, (result, mark): (&LiveResult, Option<Rect>)) {
    overlay_painter::paint(&ui.painter_at(view.rect), view, state, (result, mark));
    if result.analyzed.faces.is_empty() {
        let below = view.rect.center_bottom() - vec2(0.0, 22.0);
        pill(ui, below, Align2::CENTER_CENTER, tr!("picture-no-face"), theme::MARK);
    }
}

/// LIVE, DEMO, or what else is on screen.
fn source_mark(ui: &Ui, view: &FrameView, state: &State, kind: Option<SourceKind>) -> Option<Rect> {
    let (text, colour) = match (&state.snapshot.source, kind) {
        (SourceState::Paused, Some(SourceKind::Camera)) => (tr!("mark-paused-camera"), theme::MARK),
        (SourceState::Paused, _) => (tr!("mark-paused"), theme::MARK),
        (SourceState::Running(_), _) if state.snapshot.still() => (tr!("mark-still"), theme::MARK),
        (SourceState::Running(_), Some(SourceKind::Camera)) => (tr!("mark-live"), theme::LIVE),
        (SourceState::Running(_), Some(SourceKind::Demo)) => (tr!("mark-demo"), theme::DEMO),
        (SourceState::Running(_), Some(SourceKind::Still)) => (tr!("mark-image"), theme::MARK),
        (SourceState::Running(_), Some(SourceKind::Video)) => (tr!("mark-video"), theme::MARK),
        (SourceState::NoSignal { .. }, _) => (tr!("mark-no-signal"), theme::DEMO),
        _ => return None,
    };
    let corner = view.rect.intersect(ui.clip_rect()).left_top();
    Some(pill(ui, corner + vec2(12.0, 12.0), Align2::LEFT_TOP, text, colour))
}

/// The face under a point of the screen; the smallest where several overlap.
fn face_at(view: &FrameView, result: &LiveResult, at: Pos2) -> Option<u64> {
    let hit = |face: &&AnalyzedFace| view.face(&face.detection.face).contains(at);
    result.analyzed.faces.iter().rev().find(hit).map(|face| face.id)
}

/// Words on a coloured ground; where they are.
fn pill(ui: &Ui, at: Pos2, align: Align2, text: &str, colour: Color32) -> Rect {
    let painter = ui.painter();
    let ink = theme::ink_on(colour);
    let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(13.0), ink);
    let rect = align.anchor_size(at, galley.size() + vec2(18.0, 8.0));
    painter.rect_filled(rect, rect.height() / 2.0, colour);
    painter.galley(rect.min + vec2(9.0, 4.0), galley, ink);
    rect
}
