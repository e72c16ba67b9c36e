//! Paints the marks of `record::overlay` over the live picture.

use eframe::egui::epaint::Vertex;
use eframe::egui::{Color32, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, TextureId, pos2, vec2};
use moue_detect::Reason;

use super::frame_view::FrameView;
use super::labels::{face_label, reason_words};
use super::language::tr;
use super::overlay::overlay_style;
use super::state::State;
use crate::pipeline::LiveResult;
use crate::record::overlay::{Canvas, Mark, OverlayFace, overlay};

/// Draws what lies over the frame. `mark`: a part of the screen that labels leave free.
pub(super) fn paint(
    painter: &Painter,
    view: &FrameView,
    state: &State,
    (result, mark): (&LiveResult, Option<Rect>),
) {
    let faces = &result.analyzed.faces;
    let labels: Vec<String> = faces
        .iter()
        .zip(&result.shown)
        .map(|(face, shown)| face_label(face.id, faces.len(), &state.names, shown))
        .collect();
    let hint = |reason: Reason| tr!("less-sure", reason = reason_words(reason));
    let hints: Vec<Option<String>> = faces.iter().map(|face| face.quality.first_reason().map(hint)).collect();
    let placed: Vec<OverlayFace<'_>> = faces
        .iter()
        .zip(&labels)
        .zip(&hints)
        .map(|((face, label), hint)| OverlayFace {
            id: face.id,
            face: face.detection.face,
            region: face.region,
            label,
            hint: hint.as_deref(),
            mesh: face.mesh.as_deref(),
        })
        .collect();
    let style = overlay_style(&state.settings, view.is_mirrored(), state.selection.current());
    let layout = |text: &str, letters: f32| {
        painter.layout_no_wrap(text.to_owned(), FontId::proportional(letters), Color32::BLACK)
    };
    let measure = |text: &str, letters: f32| layout(text, letters).size().into();
    let origin = view.rect.min;
    let seen = painter.clip_rect().intersect(view.rect).translate(-origin.to_vec2());
    let canvas = Canvas {
        seen: edges(seen),
        frame_px: result.analyzed.frame.image.dimensions(),
        points_per_px: view.points_per_px(),
        measure: &measure,
        taken: mark.map(|mark| edges(mark.translate(-origin.to_vec2()))),
    };
    let at = |[x, y]: [f32; 2]| origin + vec2(x, y);
    for mark in overlay(&placed, &style, &canvas) {
        match mark {
            Mark::Heat { face, corners } => {
                if let Some(heat) = state.heat.get(faces[face].id) {
                    painter.add(turned_image(heat.id(), corners.map(at)));
                }
            }
            Mark::Outline { points, width, colour } => {
                let points = points.into_iter().map(at).collect();
                painter.add(Shape::closed_line(points, Stroke::new(width, rgb(colour))));
            }
            Mark::Wires { lines, width, colour, opacity } => {
                let stroke = Stroke::new(width, rgb(colour).gamma_multiply(opacity));
                painter.extend(lines.into_iter().map(|ends| Shape::line_segment(ends.map(at), stroke)));
            }
            Mark::Label { text, ground: [x, y, width, height], corner, at: text_at, letters, colour } => {
                let ground = Rect::from_min_size(at([x, y]), vec2(width, height));
                painter.rect_filled(ground, corner, rgb(colour));
                painter.galley(at(text_at), layout(&text, letters), Color32::BLACK);
            }
        }
    }
}

/// Left, top, right and bottom.
fn edges(rect: Rect) -> [f32; 4] {
    [rect.left(), rect.top(), rect.right(), rect.bottom()]
}

fn rgb([r, g, b]: [u8; 3]) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// A texture over four corners, from its own top left one on.
fn turned_image(texture: TextureId, corners: [Pos2; 4]) -> Mesh {
    let mut mesh = Mesh::with_texture(texture);
    let places = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    for (pos, [u, v]) in corners.into_iter().zip(places) {
        mesh.vertices.push(Vertex { pos, uv: pos2(u, v), color: Color32::WHITE });
    }
    mesh.add_triangle(0, 1, 2);
    mesh.add_triangle(0, 2, 3);
    mesh
}
