//! A face's proportions, free of its pose and nearly free of its expression: enough to see that two faces differ, not whose they are.

use nalgebra::Vector3;

use super::pose::shape_fit;
use super::shape::{RIGID, SHAPE};
use crate::mediapipe::FaceMesh;

/// How far each coordinate of [`RIGID`] wanders in one person's face with pose and expression, in the mean face's units: the standard
/// deviation over 180 frames of ten clips of six people (crying, laughing, speaking, turning by up to 25 degrees), left and
/// right together.
const SPREAD: [[f32; 3]; RIGID.len()] = [
    [0.012, 0.015, 0.018],
    [0.010, 0.012, 0.011],
    [0.008, 0.019, 0.009],
    [0.007, 0.012, 0.008],
    [0.008, 0.012, 0.012],
    [0.008, 0.014, 0.014],
    [0.007, 0.017, 0.019],
    [0.010, 0.022, 0.025],
    [0.010, 0.013, 0.009],
    [0.010, 0.013, 0.009],
    [0.009, 0.008, 0.006],
    [0.009, 0.008, 0.006],
    [0.019, 0.029, 0.023],
    [0.019, 0.029, 0.023],
    [0.011, 0.015, 0.017],
    [0.011, 0.015, 0.017],
    [0.015, 0.013, 0.016],
    [0.015, 0.013, 0.016],
    [0.017, 0.012, 0.015],
    [0.017, 0.012, 0.015],
    [0.017, 0.014, 0.015],
    [0.017, 0.014, 0.015],
    [0.016, 0.016, 0.014],
    [0.016, 0.016, 0.014],
    [0.012, 0.021, 0.012],
    [0.012, 0.021, 0.012],
    [0.011, 0.022, 0.014],
    [0.011, 0.022, 0.014],
    [0.012, 0.022, 0.018],
    [0.012, 0.022, 0.018],
    [0.013, 0.020, 0.015],
    [0.013, 0.020, 0.015],
];

/// `[x, y, z]` of each point of [`RIGID`], turned, moved and scaled so that they lie nearest to the mean face's, each coordinate
/// in units of its spread within one person: `[96]`. Two views of one face differ by about 1 in the root mean square. `None` where
/// the points are no face's.
#[must_use]
pub fn face_proportions(mesh: &FaceMesh) -> Option<Vec<f32>> {
    let points: Vec<[f32; 3]> = RIGID.iter().map(|&i| mesh.points.get(i).copied()).collect::<Option<_>>()?;
    let turn = shape_fit(&SHAPE, &points)?;
    let points: Vec<Vector3<f64>> = points.iter().map(|p| Vector3::from(p.map(f64::from))).collect();
    let count = points.len() as f64;
    let middle = points.iter().sum::<Vector3<f64>>() / count;
    let upright: Vec<Vector3<f64>> = points.iter().map(|p| turn.transpose() * (p - middle)).collect();
    let size = (upright.iter().map(Vector3::norm_squared).sum::<f64>() / count).sqrt();
    let in_spreads = |(point, spread): (&Vector3<f64>, &[f32; 3])| -> [f32; 3] {
        std::array::from_fn(|i| (point[i] / size) as f32 / spread[i])
    };
    let proportions: Vec<f32> = upright.iter().zip(&SPREAD).flat_map(in_spreads).collect();
    proportions.iter().all(|v| v.is_finite()).then_some(proportions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mediapipe::{MESH_POINTS, TurnedSquare};

    /// The mean face, its eyes' corners further out by `wider`, then turned, scaled and shifted.
    fn mesh(wider: f32, yaw: f32, scale: f32) -> FaceMesh {
        let mut points = vec![[0.0; 3]; MESH_POINTS];
        let (sin, cos) = yaw.to_radians().sin_cos();
        for (&i, &[x, y, z]) in RIGID.iter().zip(&SHAPE) {
            let x = if [33, 263].contains(&i) { x * (1.0 + wider) } else { x };
            let (x, z) = (x * cos - z * sin, z * cos + x * sin);
            points[i] = [x * scale + 50.0, y * scale - 7.0, z * scale];
        }
        FaceMesh { points, score: 1.0, square: TurnedSquare { centre: [0.0; 2], side: 1.0, angle: 0.0 } }
    }

    fn distance(a: &FaceMesh, b: &FaceMesh) -> f32 {
        let (a, b) = (face_proportions(a).unwrap(), face_proportions(b).unwrap());
        assert_eq!((a.len(), b.len()), (96, 96));
        (a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / 96.0).sqrt()
    }

    #[test]
    fn pose_and_size_do_not_count_and_another_shape_does() {
        let plain = mesh(0.0, 0.0, 100.0);
        assert!(distance(&plain, &mesh(0.0, 30.0, 42.0)) < 0.01);
        let wider = distance(&plain, &mesh(0.1, 0.0, 100.0));
        assert!(wider > 0.8, "{wider}");
        assert!((distance(&plain, &mesh(0.1, -20.0, 300.0)) - wider).abs() < 0.1);
        let mut broken = plain;
        broken.points[RIGID[5]][2] = f32::NAN;
        assert!(face_proportions(&broken).is_none());
    }
}
