//! What is drawn over a frame: decided here once, for the window, snapshots, annotated pictures and videos.

use moue_detect::Quality;
use moue_detect::mediapipe::{MESH_WIRES, TurnedSquare};
use moue_model::HeatMap;

use super::colours::person_rgb;
use super::overlay_labels::{Area, labels};
pub use super::overlay_marks::{Canvas, Mark, OverlayFace};
use crate::settings::ColourMap;

/// Width and height of a heatmap's image; whoever draws enlarges it further.
pub const HEAT_SIZE: usize = 64;

/// Bounding boxes are drawn turned from this angle on, in radians: 3 degrees.
const ASKEW: f32 = 0.052;
/// Radius of a bounding box's corners, and the steps that one is drawn with, in points.
const CORNER: f32 = 6.0;
const CORNER_STEPS: usize = 4;
/// Thickness of a bounding box's line and of a selected one's, in points.
const LINE: (f32, f32) = (1.5, 3.0);

/// Thickness of the mesh's lines, in points, and how strongly they cover the picture.
const WIRE: (f32, f32) = (0.6, 0.7);

/// How the heatmap is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeatStyle {
    /// The colours of low and high values.
    pub colours: ColourMap,
    /// How strongly it covers the picture where it is highest, 0..=1.
    pub opacity: f32,
}

impl HeatStyle {
    /// What is laid over a face: [`HEAT_SIZE`] x [`HEAT_SIZE`] colours with opacity, not premultiplied, row by row. Both
    /// follow the value, from the map's lowest to its highest.
    #[must_use]
    pub fn pixels(&self, map: &HeatMap) -> Vec<[u8; 4]> {
        let colour = |value: f32| {
            let value = value.clamp(0.0, 1.0);
            let [r, g, b] = self.colours.colour(value);
            // Low values let the face show through.
            let opacity = self.opacity * (0.15 + 0.85 * value);
            [r, g, b, (opacity * 255.0).round() as u8]
        };
        map.normalised().enlarged(HEAT_SIZE).into_iter().map(colour).collect()
    }
}

/// What most speaks against a face, as it is written below its label: "Turned away: less sure".
#[must_use]
pub fn hint_text(quality: &Quality) -> Option<String> {
    quality.first_reason().map(|reason| format!("{}: less sure", reason.words()))
}

/// What is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OverlayStyle {
    /// The heatmap over each face.
    pub heat: Option<HeatStyle>,
    /// Lines between the points of each face that has a mesh.
    pub mesh: bool,
    /// Left and right are swapped, as in a mirror; text is not.
    pub mirror: bool,
    /// The person whose bounding box has a thicker line.
    pub selected: Option<u64>,
}

/// Everything that is drawn over a frame with these faces, in order.
#[must_use]
pub fn overlay(faces: &[OverlayFace<'_>], style: &OverlayStyle, canvas: &Canvas<'_>) -> Vec<Mark> {
    let width = canvas.frame_px.0 as f32;
    let place = |[x, y]: [f32; 2]| {
        let x = if style.mirror { width - x } else { x };
        [x * canvas.points_per_px, y * canvas.points_per_px]
    };
    let mut marks = Vec::new();
    if style.heat.is_some() {
        for (i, face) in faces.iter().enumerate() {
            let square = face.region.square();
            if square.is_valid() {
                marks.push(Mark::Heat { face: i, corners: corners(&square).map(place) });
            }
        }
    }
    if style.mesh {
        for face in faces {
            let Some(mesh) = face.mesh else { continue };
            let lines = MESH_WIRES.map(|wire| wire.map(|point| place(mesh.at(usize::from(point)))));
            let lines: Vec<_> =
                lines.into_iter().filter(|line| line.iter().flatten().all(|v| v.is_finite())).collect();
            let colour = person_rgb(face.id);
            marks.push(Mark::Wires { lines, width: WIRE.0, colour, opacity: WIRE.1 });
        }
    }
    let placed: Vec<[[f32; 2]; 4]> = faces.iter().map(|f| outline(f).map(place)).collect();
    for (face, corners) in faces.iter().zip(&placed) {
        let width = if style.selected == Some(face.id) { LINE.1 } else { LINE.0 };
        marks.push(Mark::Outline { points: rounded(corners), width, colour: person_rgb(face.id) });
    }
    // After all outlines, so that none crosses a label.
    let boxes: Vec<Area> = faces
        .iter()
        .map(|face| {
            let b = face.face;
            Area::between(place([b.x, b.y]), place([b.x + b.width, b.y + b.height]))
        })
        .collect();
    marks.extend(labels(faces, &boxes, canvas));
    marks
}

fn corners(square: &TurnedSquare) -> [[f32; 2]; 4] {
    [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]].map(|at| square.point(at))
}

/// The bounding box's corners, turned with a face that lies askew.
fn outline(face: &OverlayFace<'_>) -> [[f32; 2]; 4] {
    let b = face.face;
    if face.region.angle.abs() > ASKEW {
        let centre = [b.x + b.width / 2.0, b.y + b.height / 2.0];
        return corners(&TurnedSquare { centre, side: b.width, angle: face.region.angle });
    }
    let (right, bottom) = (b.x + b.width, b.y + b.height);
    [[b.x, b.y], [right, b.y], [right, bottom], [b.x, bottom]]
}

/// The same outline with round corners: each is a quadratic curve between two points near it.
fn rounded(corners: &[[f32; 2]; 4]) -> Vec<[f32; 2]> {
    let mut points = Vec::with_capacity(4 * (CORNER_STEPS + 1));
    for i in 0..4 {
        let (before, corner, after) = (corners[(i + 3) % 4], corners[i], corners[(i + 1) % 4]);
        let (from, to) = (towards(corner, before), towards(corner, after));
        for step in 0..=CORNER_STEPS {
            let t = step as f32 / CORNER_STEPS as f32;
            let (a, b, c) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
            points.push([0, 1].map(|axis| a * from[axis] + b * corner[axis] + c * to[axis]));
        }
    }
    points
}

/// The point [`CORNER`] away from one corner on the way to another, at most half way.
fn towards(from: [f32; 2], to: [f32; 2]) -> [f32; 2] {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let share = (CORNER / dx.hypot(dy).max(1e-6)).min(0.5);
    [from[0] + dx * share, from[1] + dy * share]
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_detect::mediapipe::FaceMesh;
    use moue_detect::{CropRegion, FaceBox};

    const HEAT: HeatStyle = HeatStyle { colours: ColourMap::Inferno, opacity: 0.5 };

    fn face(x: f32, y: f32, angle: f32) -> OverlayFace<'static> {
        let face = FaceBox { x, y, width: 80.0, height: 80.0 };
        let region = CropRegion { angle, ..CropRegion::around(&face) };
        OverlayFace { id: 1, face, region, label: "Happy 90 %", hint: None, mesh: None }
    }

    fn marks(face: OverlayFace<'_>, style: &OverlayStyle, points_per_px: f32) -> Vec<Mark> {
        let measure = |text: &str, letters: f32| [letters * text.len() as f32 * 0.5, letters];
        overlay(&[face], style, &canvas(points_per_px, &measure))
    }

    fn canvas<'a>(points_per_px: f32, measure: &'a dyn Fn(&str, f32) -> [f32; 2]) -> Canvas<'a> {
        let seen = [0.0, 0.0, 320.0 * points_per_px, 240.0 * points_per_px];
        Canvas { frame_px: (320, 240), points_per_px, seen, taken: None, measure }
    }

    /// Left, top, right and bottom of what is drawn.
    fn bounds(mark: &Mark) -> [f32; 4] {
        let points = match mark {
            Mark::Heat { corners, .. } => corners.to_vec(),
            Mark::Outline { points, .. } => points.clone(),
            Mark::Wires { lines, .. } => lines.concat(),
            Mark::Label { ground: [x, y, w, h], .. } => vec![[*x, *y], [x + w, y + h]],
        };
        let fold =
            |axis: usize, pick: fn(f32, f32) -> f32| points.iter().map(|p| p[axis]).reduce(pick).unwrap();
        [fold(0, f32::min), fold(1, f32::min), fold(0, f32::max), fold(1, f32::max)]
    }

    #[test]
    fn a_mirror_swaps_left_and_right() {
        let plain = marks(face(40.0, 80.0, 0.0), &OverlayStyle::default(), 1.0);
        assert_eq!(bounds(&plain[0]), [40.0, 80.0, 120.0, 160.0]);
        let mirrored =
            marks(face(40.0, 80.0, 0.0), &OverlayStyle { mirror: true, ..Default::default() }, 1.0);
        assert_eq!(bounds(&mirrored[0]), [200.0, 80.0, 280.0, 160.0]);
        assert_eq!(bounds(&mirrored[1])[0], 200.0, "the label stands over its box");
    }

    #[test]
    fn lines_and_letters_do_not_grow_with_the_frame() {
        let style = OverlayStyle { heat: Some(HEAT), ..Default::default() };
        let (one, two) =
            (marks(face(40.0, 80.0, 0.0), &style, 1.0), marks(face(40.0, 80.0, 0.0), &style, 2.0));
        assert_eq!(bounds(&two[0]), bounds(&one[0]).map(|v| 2.0 * v));
        let widths = [&one, &two].map(|m| match m[1] {
            Mark::Outline { width, .. } => width,
            _ => panic!("expected an outline"),
        });
        assert_eq!(widths, [1.5, 1.5]);
    }

    #[test]
    fn labels_stay_in_the_frame() {
        for (x, y) in [(-30.0, -30.0), (290.0, 2.0), (40.0, 230.0)] {
            let marks = marks(face(x, y, 0.0), &OverlayStyle::default(), 1.0);
            let [left, top, right, _] = bounds(&marks[1]);
            assert!(left >= 0.0 && right <= 320.0, "{left} {right}");
            assert!(top >= 0.0 || y < 0.0, "{top}");
        }
    }

    #[test]
    fn labels_avoid_faces_and_each_other() {
        let measure = |text: &str, letters: f32| [letters * text.len() as f32 * 0.5, letters];
        let at = |id: u64, x: f32, y: f32| OverlayFace {
            id,
            hint: Some("Turned away: less sure"),
            ..face(x, y, 0.0)
        };
        // Side by side, one above the other, and two whose labels would share a place.
        for faces in [
            vec![at(1, 20.0, 60.0), at(2, 104.0, 60.0), at(3, 188.0, 62.0)],
            vec![at(1, 100.0, 30.0), at(2, 100.0, 114.0)],
            vec![at(1, 60.0, 80.0), at(2, 90.0, 160.0)],
        ] {
            let marks = overlay(&faces, &OverlayStyle::default(), &canvas(1.0, &measure));
            let grounds: Vec<[f32; 4]> =
                marks.iter().filter(|m| matches!(m, Mark::Label { .. })).map(bounds).collect();
            let boxes = faces.iter().map(|f| {
                let b = f.face;
                [b.x, b.y, b.x + b.width, b.y + b.height]
            });
            // Half a pixel is none.
            let overlap = |a: &[f32; 4], b: &[f32; 4]| {
                let (across, down) = (a[2].min(b[2]) - a[0].max(b[0]), a[3].min(b[3]) - a[1].max(b[1]));
                if across > 0.5 && down > 0.5 { across * down } else { 0.0 }
            };
            for (i, ground) in grounds.iter().enumerate() {
                for other in &grounds[..i] {
                    assert!(overlap(ground, other) < 1.0, "{grounds:?}");
                }
                for face in boxes.clone() {
                    assert!(overlap(ground, &face) < 1.0, "{ground:?} on {face:?}");
                }
            }
        }
    }

    #[test]
    fn labels_leave_the_mark_in_the_corner_free() {
        let measure = |text: &str, letters: f32| [letters * text.len() as f32 * 0.5, letters];
        let place = |taken| {
            let canvas = Canvas { taken, ..canvas(1.0, &measure) };
            let marks = overlay(&[face(60.0, 40.0, 0.0)], &OverlayStyle::default(), &canvas);
            marks.iter().find(|m| matches!(m, Mark::Label { .. })).map(bounds).unwrap()
        };
        assert!(place(None)[3] < 45.0, "above the face");
        assert!(place(Some([10.0, 10.0, 200.0, 38.0]))[1] > 38.0, "where the mark is not");
    }

    #[test]
    fn a_face_out_of_sight_has_no_label() {
        let measure = |text: &str, letters: f32| [letters * text.len() as f32 * 0.5, letters];
        let labels = |seen| {
            let canvas = Canvas { seen, ..canvas(1.0, &measure) };
            let marks = overlay(&[face(60.0, 40.0, 0.0)], &OverlayStyle::default(), &canvas);
            marks.iter().filter(|m| matches!(m, Mark::Label { .. })).count()
        };
        assert_eq!(labels([0.0, 0.0, 320.0, 240.0]), 1);
        // The picture is zoomed, and the face lies left of what is seen of it.
        assert_eq!(labels([200.0, 0.0, 320.0, 240.0]), 0);
    }

    #[test]
    fn in_a_crowd_labels_get_shorter_rather_than_hide_each_other() {
        let measure = |text: &str, letters: f32| [letters * text.len() as f32 * 0.5, letters];
        let labels: Vec<String> = (1..=12).map(|id| format!("{id}: Surprise 92 %")).collect();
        let faces: Vec<OverlayFace<'_>> = (0..12_usize)
            .map(|i| OverlayFace {
                id: i as u64 + 1,
                label: &labels[i],
                hint: Some("Turned away: less sure"),
                ..face((i % 4) as f32 * 78.0, (i / 4) as f32 * 78.0, 0.0)
            })
            .collect();
        let marks = overlay(&faces, &OverlayStyle::default(), &canvas(1.0, &measure));
        let shown: Vec<(&String, [f32; 4])> = marks
            .iter()
            .filter_map(|m| if let Mark::Label { text, .. } = m { Some((text, bounds(m))) } else { None })
            .collect();
        for id in 1..=12 {
            let of_face = |text: &str| text.split(':').next() == Some(id.to_string().as_str());
            assert!(shown.iter().any(|(text, _)| of_face(text)), "face {id} keeps its number");
        }
        for (i, (text, a)) in shown.iter().enumerate() {
            let on_others: f32 = shown[..i]
                .iter()
                .map(|(_, b)| {
                    (a[2].min(b[2]) - a[0].max(b[0])).max(0.0) * (a[3].min(b[3]) - a[1].max(b[1])).max(0.0)
                })
                .sum();
            let size = (a[2] - a[0]) * (a[3] - a[1]);
            assert!(on_others <= 0.2 * size, "{text} lies on others");
        }
    }

    #[test]
    fn a_face_askew_has_a_turned_box_and_a_small_angle_does_not_count() {
        let upright = bounds(&marks(face(100.0, 80.0, 0.05), &OverlayStyle::default(), 1.0)[0]);
        assert_eq!(upright, [100.0, 80.0, 180.0, 160.0]);
        let turned = bounds(&marks(face(100.0, 80.0, 0.785), &OverlayStyle::default(), 1.0)[0]);
        assert!(turned[0] < 90.0 && turned[2] > 190.0, "{turned:?}");
    }

    #[test]
    fn a_selected_face_stands_out_and_faces_without_a_place_have_no_heat() {
        let style = OverlayStyle { heat: Some(HEAT), selected: Some(1), ..Default::default() };
        let found = marks(face(40.0, 80.0, 0.0), &style, 1.0);
        assert!(matches!(found[1], Mark::Outline { width, .. } if width > 2.0));
        let mut lost = face(40.0, 80.0, 0.0);
        lost.region.side = f32::NAN;
        assert!(!marks(lost, &style, 1.0).iter().any(|m| matches!(m, Mark::Heat { .. })));
    }

    #[test]
    fn a_hint_stands_below_its_label_and_in_the_frame() {
        let quality = Quality::BEST;
        assert_eq!(hint_text(&quality), None);
        for (x, y) in [(40.0, 80.0), (290.0, 2.0), (-20.0, 100.0)] {
            let hinted = OverlayFace { hint: Some("Turned away: less sure"), ..face(x, y, 0.0) };
            let marks = marks(hinted, &OverlayStyle::default(), 1.0);
            let ([_, _, _, label_bottom], [left, top, right, _]) = (bounds(&marks[1]), bounds(&marks[2]));
            assert!(
                top >= label_bottom && left >= 0.0 && right <= 320.0,
                "{top} {label_bottom} {left} {right}"
            );
        }
    }

    #[test]
    fn the_mesh_is_drawn_where_its_points_are_when_it_is_on() {
        let points = (0..468).map(|i| [100.0 + (i % 20) as f32, 50.0 + (i / 20) as f32, 3.0]).collect();
        let square = TurnedSquare { centre: [0.0; 2], side: 1.0, angle: 0.0 };
        let mut mesh = FaceMesh { points, score: 1.0, square };
        let with = |mesh: &FaceMesh, style: &OverlayStyle| {
            let face = OverlayFace { mesh: Some(mesh), ..face(40.0, 80.0, 0.0) };
            let found = marks(face, style, 2.0).into_iter().find(|m| matches!(m, Mark::Wires { .. }));
            found.map(|m| (bounds(&m), if let Mark::Wires { lines, .. } = m { lines.len() } else { 0 }))
        };
        assert_eq!(with(&mesh, &OverlayStyle::default()), None);
        let on = OverlayStyle { mesh: true, ..Default::default() };
        assert_eq!(with(&mesh, &on), Some(([200.0, 100.0, 238.0, 146.0], MESH_WIRES.len())));
        let mirrored = OverlayStyle { mirror: true, ..on };
        assert_eq!(with(&mesh, &mirrored).map(|(b, _)| b[0]), Some(2.0 * (320.0 - 119.0)));
        // What is no number is not drawn.
        mesh.points[4][0] = f32::NAN;
        mesh.points.truncate(460);
        assert!(with(&mesh, &on).is_some_and(|(_, lines)| lines > 1000 && lines < MESH_WIRES.len()));
    }

    #[test]
    fn the_hottest_pixel_lies_over_the_hottest_cell() {
        for hot in 0..49 {
            let values = (0..49).map(|i| if i == hot { 0.8 } else { 0.3 }).collect();
            let pixels = HEAT.pixels(&HeatMap { width: 7, height: 7, values });
            let strongest = (0..pixels.len()).max_by_key(|&i| pixels[i][3]).unwrap();
            let (x, y) = (strongest % HEAT_SIZE, strongest / HEAT_SIZE);
            assert_eq!((y * 7 / HEAT_SIZE, x * 7 / HEAT_SIZE), (hot / 7, hot % 7));
        }
        let nothing = HeatStyle { opacity: 0.0, ..HEAT };
        let map = HeatMap { width: 2, height: 1, values: vec![0.0, 1.0] };
        assert!(nothing.pixels(&map).iter().all(|p| p[3] == 0));
    }
}
