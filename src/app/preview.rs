//! The picture with its boxes, labels, heatmaps and marks.

use std::sync::Arc;
use std::time::Duration;

use eframe::egui::{
    self, Align2, Color32, CornerRadius, FontId, Mesh, Pos2, Rect, Sense, Shape, Stroke, StrokeKind,
    TextureHandle, TextureId, TextureOptions, Ui, epaint::Vertex, vec2,
};
use image::RgbImage;
use moue_capture::{SourceKind, SourceSpec};
use moue_detect::mediapipe::TurnedSquare;

use super::overlay::HeatTextures;
use super::panel::capitalised;
use super::picture::Picture;
use super::settings::Settings;
use super::stage;
use super::theme;
use super::view::FrameView;
use crate::pipeline::{AnalyzedFace, LiveResult, ShownReading, SourceState};

/// Boxes are drawn turned from this angle on, in radians: 3 degrees.
const ASKEW: f32 = 0.052;
/// Boxes of an older frame belong to another moment.
const BOXES_FOR: Duration = Duration::from_millis(1000);

/// The newest frame, in a texture that is updated in place while the size stays.
#[derive(Default)]
pub(super) struct FrameTexture {
    texture: Option<TextureHandle>,
    frame: Option<Arc<RgbImage>>,
}

impl FrameTexture {
    pub(super) fn update(&mut self, ctx: &egui::Context, picture: Picture) {
        self.frame = Some(picture.frame);
        let image = picture.image;
        match &mut self.texture {
            Some(texture) if texture.size() == image.size => {
                texture.set_partial([0, 0], image, TextureOptions::LINEAR);
            }
            texture => *texture = Some(ctx.load_texture("frame", image, TextureOptions::LINEAR)),
        }
    }

    /// Whether exactly this frame is on screen, as with a picture that stays.
    pub(super) fn shows(&self, frame: &Arc<RgbImage>) -> bool {
        self.frame.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, frame))
    }

    /// The frame on screen.
    pub(super) fn image(&self) -> Option<Arc<RgbImage>> {
        self.frame.clone()
    }

    fn size_px(&self) -> (u32, u32) {
        self.frame.as_ref().map_or((1, 1), |frame| frame.dimensions())
    }

    pub(super) fn clear(&mut self) {
        self.frame = None;
        self.texture = None;
    }
}

/// What the preview shows.
pub(super) struct Preview<'a> {
    pub(super) frame: &'a FrameTexture,
    pub(super) heat: &'a HeatTextures,
    pub(super) state: &'a SourceState,
    /// The source that was asked for.
    pub(super) wanted: &'a SourceSpec,
    /// Whether there is a network yet.
    pub(super) ready: bool,
    pub(super) result: Option<&'a LiveResult>,
    /// The chosen face.
    pub(super) chosen: Option<u64>,
    pub(super) settings: &'a Settings,
}

/// What the user did in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PreviewAction {
    /// Chose this face.
    Choose(u64),
    /// Wants the source opened again.
    TryAgain,
    /// Wants the demo.
    ShowDemo,
    /// Wants to go on after a pause.
    Resume,
    /// Wants to choose a file.
    OpenFile,
}

/// Whether a source is shown as a mirror would.
pub(super) fn mirrored(kind: SourceKind, settings: &Settings) -> bool {
    settings.mirror && matches!(kind, SourceKind::Camera | SourceKind::Demo)
}

impl Preview<'_> {
    pub(super) fn ui(&self, ui: &mut Ui) -> Option<PreviewAction> {
        let space = ui.available_rect_before_wrap();
        // Faces are chosen with keys as well: the picture need not stop the Tab key.
        let response = ui.allocate_rect(space, Sense::CLICK);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "Live picture"));
        ui.painter().rect_filled(space, 0.0, theme::STAGE);
        let kind = match self.state {
            SourceState::Running(info) | SourceState::NoSignal { info, .. } => Some(info.kind),
            _ => None,
        };
        let mut action = None;
        if let Some(texture) = &self.frame.texture {
            let mirror = kind.is_some_and(|kind| mirrored(kind, self.settings));
            let view = FrameView::fit(space.shrink(10.0), self.frame.size_px(), mirror);
            let running = matches!(self.state, SourceState::Running(_));
            let tint = if running { Color32::WHITE } else { Color32::from_gray(70) };
            egui::Image::new((texture.id(), texture.size_vec2()))
                .uv(view.uv())
                .tint(tint)
                .corner_radius(8.0)
                .paint_at(ui, view.rect);
            // Below the faces: it must not hide a label.
            self.mark(ui, &view, kind);
            let current = self.result.filter(|r| self.belongs(r));
            if running && let Some(result) = current {
                self.faces(ui, &view, result);
                if response.clicked()
                    && let Some(at) = response.interact_pointer_pos()
                {
                    action = face_at(&view, result, at).map(PreviewAction::Choose);
                }
            }
            if running && !self.ready {
                let below = view.rect.center_bottom() - vec2(0.0, 22.0);
                pill(ui, below, Align2::CENTER_CENTER, "Loading the network …", theme::MARK);
            }
        }
        if let Some(notice) = stage::notice(self.state, self.wanted, self.frame.texture.is_some()) {
            if matches!(self.state, SourceState::NoSignal { .. }) {
                // The picture's age counts on.
                ui.ctx().request_repaint_after_secs(0.5);
            }
            return stage::show(ui, space, &notice).or(action);
        }
        action
    }

    /// Whether boxes of this result fit the picture on screen.
    fn belongs(&self, result: &LiveResult) -> bool {
        let frame = &result.analyzed.frame;
        self.frame.shows(&frame.image) || frame.captured_at.elapsed() < BOXES_FOR
    }

    fn faces(&self, ui: &Ui, view: &FrameView, result: &LiveResult) {
        let painter = ui.painter_at(view.rect);
        if self.settings.overlay {
            for face in &result.analyzed.faces {
                if let Some(heat) = self.heat.get(face.id) {
                    painter.add(turned_image(heat.id(), view.corners(&face.region.square())));
                }
            }
        }
        for (face, shown) in result.analyzed.faces.iter().zip(&result.shown) {
            let chosen = self.chosen == Some(face.id);
            let colour = theme::person_colour(face.id);
            let rect = view.face(&face.detection.face);
            let width = if chosen { 3.0 } else { 1.5 };
            match turned_box(face) {
                Some(square) => {
                    let outline = view.corners(&square).to_vec();
                    painter.add(Shape::closed_line(outline, Stroke::new(width, colour)));
                }
                None => {
                    painter.rect_stroke(rect, 6.0, Stroke::new(width, colour), StrokeKind::Middle);
                }
            }
            label(&painter, view, rect, &label_text(shown), colour);
        }
        if result.analyzed.faces.is_empty() {
            pill(
                ui,
                view.rect.center_bottom() - vec2(0.0, 22.0),
                Align2::CENTER_CENTER,
                "No face in view",
                theme::MARK,
            );
        }
    }

    /// LIVE, DEMO, or what else is seen.
    fn mark(&self, ui: &Ui, view: &FrameView, kind: Option<SourceKind>) {
        let (text, colour) = match (self.state, kind) {
            (SourceState::Running(_), Some(SourceKind::Camera)) => ("● LIVE", theme::LIVE),
            (SourceState::Running(_), Some(SourceKind::Demo)) => {
                ("DEMO: recorded portraits, no camera", theme::DEMO)
            }
            (SourceState::Running(_), Some(SourceKind::Still)) => ("PICTURE", theme::MARK),
            (SourceState::Running(_), Some(SourceKind::Video)) => ("VIDEO", theme::MARK),
            (SourceState::NoSignal { .. }, _) => ("NO SIGNAL", theme::DEMO),
            (SourceState::Paused, _) => ("PAUSED", theme::MARK),
            _ => return,
        };
        pill(ui, view.rect.left_top() + vec2(12.0, 12.0), Align2::LEFT_TOP, text, colour);
    }
}

/// A texture over four corners, from its own top left one on.
fn turned_image(texture: TextureId, corners: [Pos2; 4]) -> Mesh {
    let mut mesh = Mesh::with_texture(texture);
    let places = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    for (pos, [u, v]) in corners.into_iter().zip(places) {
        mesh.vertices.push(Vertex { pos, uv: egui::pos2(u, v), color: Color32::WHITE });
    }
    mesh.add_triangle(0, 1, 2);
    mesh.add_triangle(0, 2, 3);
    mesh
}

/// The box of a face that lies askew, turned with it.
fn turned_box(face: &AnalyzedFace) -> Option<TurnedSquare> {
    let b = face.detection.face;
    (face.region.angle.abs() > ASKEW).then(|| TurnedSquare {
        centre: [b.x + b.width / 2.0, b.y + b.height / 2.0],
        side: b.width,
        angle: face.region.angle,
    })
}

/// "Happy 93 %", or "unsure".
pub(super) fn label_text(shown: &ShownReading) -> String {
    let p = shown.probabilities[shown.leading.index()] * 100.0;
    match shown.label {
        Some(label) => format!("{} {p:.0} %", capitalised(label.name())),
        None => "Unsure".to_owned(),
    }
}

/// The face under a point of the screen; the smallest where they overlap.
fn face_at(view: &FrameView, result: &LiveResult, at: Pos2) -> Option<u64> {
    let hit = |face: &&AnalyzedFace| view.face(&face.detection.face).contains(at);
    result.analyzed.faces.iter().rev().find(hit).map(|face| face.id)
}

fn label(painter: &egui::Painter, view: &FrameView, face: Rect, text: &str, colour: Color32) {
    // Labels of small faces stand close together; those of large ones are read from afar.
    let letters = (face.width() * 0.09).clamp(11.5, 22.0);
    let margin = letters * vec2(0.45, 0.18);
    let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(letters), Color32::BLACK);
    let size = galley.size() + 2.0 * margin;
    let x = face.left().clamp(view.rect.left(), (view.rect.right() - size.x).max(view.rect.left()));
    // Above the box, or inside where there is no room.
    let above = face.top() - size.y - 3.0;
    let y = if above < view.rect.top() { face.top() + 3.0 } else { above };
    let back = Rect::from_min_size(egui::pos2(x, y), size);
    painter.rect_filled(back, CornerRadius::same(5), colour);
    painter.galley(back.min + margin, galley, Color32::BLACK);
}

fn pill(ui: &Ui, at: Pos2, align: Align2, text: &str, colour: Color32) {
    let painter = ui.painter();
    let ink = theme::ink_on(colour);
    let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(13.0), ink);
    let rect = align.anchor_size(at, galley.size() + vec2(18.0, 8.0));
    painter.rect_filled(rect, rect.height() / 2.0, colour);
    painter.galley(rect.min + vec2(9.0, 4.0), galley, ink);
}
