//! How far eyes and mouth are open: heights in widths.

use crate::mediapipe::FaceMesh;

/// Each eye's outer and inner corner, and its upper and lower lid at two places, as points p1 to p6 are numbered in the
/// source: p1 and p4 the corners, p2 above p6, p3 above p5. The person's right eye first.
const EYES: [[usize; 6]; 2] = [[33, 160, 158, 133, 153, 144], [263, 387, 385, 362, 380, 373]];
/// Inner corners of the lips, and the lips' inner edges at three places, upper then lower.
const MOUTH_CORNERS: [usize; 2] = [78, 308];
const LIPS: [[usize; 2]; 3] = [[82, 87], [13, 14], [312, 317]];

/// The openings of the person's right and left eye: the eye aspect ratio `(|p2 p6| + |p3 p5|) / (2 |p1 p4|)` of
/// Soukupová and Čech 2016 ("Real-Time Eye Blink Detection using Facial Landmarks"), with distances in space, so that a
/// turned head does not change it. About 0.2 to 0.4 open, near 0.1 closed; not a number where a point is none.
#[must_use]
pub fn eye_openings(mesh: &FaceMesh) -> [f32; 2] {
    EYES.map(|[p1, p2, p3, p4, p5, p6]| {
        (distance(mesh, p2, p6) + distance(mesh, p3, p5)) / (2.0 * distance(mesh, p1, p4))
    })
}

/// The mouth's opening: the mean distance of the lips' inner edges at three places, in distances between the mouth's
/// inner corners; the eye's formula carried over. 0 closed, about 1 wide open.
#[must_use]
pub fn mouth_opening(mesh: &FaceMesh) -> f32 {
    let height = LIPS.iter().map(|&[upper, lower]| distance(mesh, upper, lower)).sum::<f32>() / 3.0;
    height / distance(mesh, MOUTH_CORNERS[0], MOUTH_CORNERS[1])
}

fn distance(mesh: &FaceMesh, a: usize, b: usize) -> f32 {
    match (mesh.points.get(a), mesh.points.get(b)) {
        (Some(a), Some(b)) => a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt(),
        _ => f32::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mediapipe::{MESH_POINTS, TurnedSquare};

    /// Eyes 30 wide and `eye` high, a mouth 50 wide and `mouth` open, turned about the upright axis.
    fn face(eyes: [f32; 2], mouth: f32, yaw: f32) -> FaceMesh {
        let mut points = vec![[0.0; 3]; MESH_POINTS];
        for ((eye, height), (corner, inwards)) in
            EYES.iter().zip(eyes).zip([([-40.0, -30.0], 1.0), ([40.0, -30.0], -1.0)])
        {
            let at = [(0.0, 0.0), (10.0, -0.5), (20.0, -0.5), (30.0, 0.0), (20.0, 0.5), (10.0, 0.5)];
            for (&i, (x, y)) in eye.iter().zip(at) {
                points[i] = [corner[0] + inwards * x, corner[1] + y * height, 0.0];
            }
        }
        points[MOUTH_CORNERS[0]] = [-25.0, 40.0, 0.0];
        points[MOUTH_CORNERS[1]] = [25.0, 40.0, 0.0];
        for (&[upper, lower], x) in LIPS.iter().zip([-10.0, 0.0, 10.0]) {
            points[upper] = [x, 40.0 - mouth / 2.0, 0.0];
            points[lower] = [x, 40.0 + mouth / 2.0, 0.0];
        }
        let (sin, cos) = yaw.to_radians().sin_cos();
        for [x, _, z] in &mut points {
            (*x, *z) = (*x * cos - *z * sin, *z * cos + *x * sin);
        }
        let square = TurnedSquare { centre: [0.0; 2], side: 1.0, angle: 0.0 };
        FaceMesh { points, score: 1.0, square }
    }

    #[test]
    fn openings_are_heights_in_widths_however_the_head_is_turned() {
        for yaw in [0.0, 35.0, -70.0] {
            let mesh = face([9.0, 3.0], 20.0, yaw);
            let [right, left] = eye_openings(&mesh);
            assert!((right - 0.3).abs() < 1e-4 && (left - 0.1).abs() < 1e-4, "{yaw}: {right} {left}");
            assert!((mouth_opening(&mesh) - 0.4).abs() < 1e-4, "{yaw}");
        }
        assert!(mouth_opening(&face([9.0, 9.0], 0.0, 10.0)).abs() < 1e-4);
    }

    #[test]
    fn without_points_there_is_no_number() {
        let mesh = FaceMesh { points: Vec::new(), ..face([9.0, 9.0], 1.0, 0.0) };
        assert!(eye_openings(&mesh).iter().all(|v| v.is_nan()) && mouth_opening(&mesh).is_nan());
    }
}
