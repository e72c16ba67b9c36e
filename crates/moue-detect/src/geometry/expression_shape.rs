//! The shape of eyes, brows and mouth, free of where the face is, how large, and how it leans.

use crate::mediapipe::FaceMesh;

/// Outer corners of the person's right and left eye.
const CORNERS: [usize; 2] = [33, 263];

/// Points whose places make an expression: lips (outer, inner), brows, eyes, nose, chin, cheeks; numbered as MediaPipe's
/// canonical face model (`face_mesh_connections.py` there).
const POINTS: [usize; 102] = [
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40,
    185, // lips, outer
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80,
    191, // lips, inner
    70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 336, 296, 334, 293, 300, 276, 283, 282, 295, 285, // brows
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, // right eye
    263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, // left eye
    1, 2, 98, 327, 48, 278, 152, 175, 50, 280, // nose, chin, cheeks
];

/// `[x, y]` of each point in distances between the eyes' outer corners, from the middle between them, with these on a level
/// line: `[204]`. `None` where a point is no number or the corners are one.
#[must_use]
pub fn expression_shape(mesh: &FaceMesh) -> Option<Vec<f32>> {
    let [right, left] = CORNERS.map(|i| mesh.at(i));
    let across = [left[0] - right[0], left[1] - right[1]];
    let length = across[0].hypot(across[1]);
    if !(length.is_finite() && length > 1e-3) {
        return None;
    }
    let middle = [(left[0] + right[0]) / 2.0, (left[1] + right[1]) / 2.0];
    let [cos, sin] = across.map(|v| v / length);
    let mut shape = Vec::with_capacity(2 * POINTS.len());
    for at in POINTS.map(|i| mesh.at(i)) {
        let [x, y] = [at[0] - middle[0], at[1] - middle[1]];
        shape.extend([(x * cos + y * sin) / length, (y * cos - x * sin) / length]);
    }
    shape.iter().all(|v| v.is_finite()).then_some(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mediapipe::{MESH_POINTS, TurnedSquare};

    fn mesh(place: impl Fn([f32; 2]) -> [f32; 2]) -> FaceMesh {
        let point = |i: usize| {
            let [x, y] = place([(i as f32 * 0.7).sin() * 50.0, (i as f32 * 1.3).cos() * 60.0]);
            [x, y, 0.0]
        };
        let square = TurnedSquare { centre: [0.0; 2], side: 1.0, angle: 0.0 };
        FaceMesh { points: (0..MESH_POINTS).map(point).collect(), score: 1.0, square }
    }

    #[test]
    fn place_size_and_lean_do_not_change_it() {
        let plain = expression_shape(&mesh(|p| p)).unwrap();
        assert_eq!(plain.len(), 204);
        let (sin, cos) = 0.4f32.sin_cos();
        let moved = expression_shape(&mesh(|[x, y]| {
            [2.5 * (x * cos - y * sin) + 300.0, 2.5 * (x * sin + y * cos) - 80.0]
        }));
        for (a, b) in plain.iter().zip(&moved.unwrap()) {
            assert!((a - b).abs() < 1e-3, "{a} and {b}");
        }
        // A mouth that opens does.
        let mut open = mesh(|p| p);
        open.points[14][1] += 10.0;
        assert_ne!(expression_shape(&open).unwrap(), plain);
        open.points[14][1] = f32::NAN;
        assert!(expression_shape(&open).is_none());
        assert!(expression_shape(&mesh(|_| [1.0, 1.0])).is_none());
    }
}
