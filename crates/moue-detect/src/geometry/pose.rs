//! How the head is turned: the turn that brings a usual face's points onto those of the mesh.

use nalgebra::{Matrix3, Vector3};

use super::shape::{RIGID, SHAPE};
use crate::mediapipe::FaceMesh;

/// Angles of the head in degrees, relative to the line from the camera to it. All are 0 for a head that faces the
/// camera upright. Seen in the frame as it came from the camera, not mirrored:
///
/// - the head first nods (`pitch`), then turns to a side (`yaw`), then leans (`roll`), each about its own axis of the
///   turned head (`R = Rz(roll) Ry(yaw) Rx(pitch)`; intrinsic z-y'-x'');
/// - so a picture that is turned in its plane changes the roll and nothing else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadPose {
    /// Turn about the head's upright axis, -90..=90: above 0 where the nose points to the frame's right edge (for the
    /// person: to their left).
    pub yaw: f32,
    /// Nod, -180..=180: above 0 where the nose points up.
    pub pitch: f32,
    /// Lean in the picture's plane, -180..=180: above 0 is clockwise, as the angle of a crop.
    pub roll: f32,
}

impl HeadPose {
    /// The pose of a mesh: turn, scale and shift with the least squared distances between its rigid points and those of
    /// the mean face (Umeyama 1991, "Least-squares estimation of transformation parameters between two point
    /// patterns"). `None` where the points are no face's.
    #[must_use]
    pub fn of(mesh: &FaceMesh) -> Option<Self> {
        let points: Vec<[f32; 3]> =
            RIGID.iter().map(|&i| mesh.points.get(i).copied()).collect::<Option<_>>()?;
        let turn = shape_fit(&SHAPE, &points)?;
        Some(Self::from_matrix(&turn))
    }

    /// How far the nose points away from the camera in any direction, in degrees, 0..=180.
    #[must_use]
    pub fn away(&self) -> f32 {
        let cos = self.yaw.to_radians().cos() * self.pitch.to_radians().cos();
        cos.clamp(-1.0, 1.0).acos().to_degrees()
    }

    /// From the turn that brings a head that faces the camera to its pose; x to the right, y down, z away from the
    /// camera.
    fn from_matrix(turn: &Matrix3<f64>) -> Self {
        // Turns about y and x are against these axes' own sense: their signs follow the nose, which points to -z.
        Self {
            yaw: turn[(2, 0)].clamp(-1.0, 1.0).asin().to_degrees() as f32,
            pitch: -turn[(2, 1)].atan2(turn[(2, 2)]).to_degrees() as f32,
            roll: turn[(1, 0)].atan2(turn[(0, 0)]).to_degrees() as f32,
        }
    }
}

/// The turn that with a scale and a shift brings the points of `from` nearest to those of `to`, in the least squares;
/// never a mirror image. `None` where a number is none, there are fewer than three, or all lie in one place or line.
#[must_use]
pub fn shape_fit(from: &[[f32; 3]], to: &[[f32; 3]]) -> Option<Matrix3<f64>> {
    if from.len() != to.len() || from.len() < 3 {
        return None;
    }
    let vector = |p: &[f32; 3]| Vector3::from(p.map(f64::from));
    let mean = |points: &[[f32; 3]]| points.iter().map(vector).sum::<Vector3<f64>>() / points.len() as f64;
    let (from_mean, to_mean) = (mean(from), mean(to));
    let mut covariance = Matrix3::zeros();
    let mut sizes = [0.0, 0.0];
    for (a, b) in from.iter().zip(to) {
        let (a, b) = (vector(a) - from_mean, vector(b) - to_mean);
        covariance += b * a.transpose();
        sizes[0] += a.norm_squared();
        sizes[1] += b.norm_squared();
    }
    // In units of the two patterns' sizes, so that a limit means the same for all.
    let covariance = covariance / (sizes[0] * sizes[1]).sqrt();
    if !covariance.iter().all(|v| v.is_finite()) {
        return None;
    }
    let parts = covariance.try_svd(true, true, 1e-12, 200)?;
    let (u, v_t) = (parts.u?, parts.v_t?);
    // Two directions at least must be there, or the turn is anybody's guess.
    let mut strengths: [f64; 3] = parts.singular_values.into();
    strengths.sort_by(|a, b| b.total_cmp(a));
    if strengths[1] < 1e-4 {
        return None;
    }
    let weakest = parts.singular_values.imin();
    let mut sign = Matrix3::identity();
    if (u * v_t).determinant() < 0.0 {
        sign[(weakest, weakest)] = -1.0;
    }
    Some(u * sign * v_t)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::mediapipe::{MESH_POINTS, TurnedSquare};

    fn mesh(points: Vec<[f32; 3]>) -> FaceMesh {
        let square = TurnedSquare { centre: [0.0; 2], side: 1.0, angle: 0.0 };
        FaceMesh { points, score: 1.0, square }
    }

    /// The mean face turned by nod, turn and lean, written out by hand, then scaled and shifted.
    fn turned(pitch: f32, yaw: f32, roll: f32, scale: f32, shift: [f32; 3]) -> FaceMesh {
        let mut points = vec![[0.0; 3]; MESH_POINTS];
        for (&i, &[x, y, z]) in RIGID.iter().zip(&SHAPE) {
            // The nose, at -z, goes up (to -y) with the pitch,
            let (sin, cos) = pitch.to_radians().sin_cos();
            let (y, z) = (y * cos + z * sin, z * cos - y * sin);
            // to the right (to +x) with the yaw,
            let (sin, cos) = yaw.to_radians().sin_cos();
            let (x, z) = (x * cos - z * sin, z * cos + x * sin);
            // and what is right goes down with the roll.
            let (sin, cos) = roll.to_radians().sin_cos();
            let (x, y) = (x * cos - y * sin, y * cos + x * sin);
            points[i] = [x * scale + shift[0], y * scale + shift[1], z * scale + shift[2]];
        }
        mesh(points)
    }

    #[test]
    fn turns_of_the_mean_face_are_read_back() {
        for (pitch, yaw, roll) in [
            (0.0, 0.0, 0.0),
            (20.0, 0.0, 0.0),
            (-35.0, 0.0, 0.0),
            (0.0, 40.0, 0.0),
            (0.0, -75.0, 0.0),
            (0.0, 0.0, 90.0),
            (0.0, 0.0, -170.0),
            (15.0, -30.0, 25.0),
            (-25.0, 50.0, -60.0),
        ] {
            for (scale, shift) in [(100.0, [320.0, 240.0, 0.0]), (0.5, [-9.0, 4.0, 77.0])] {
                let pose = HeadPose::of(&turned(pitch, yaw, roll, scale, shift)).unwrap();
                for (got, wanted) in [(pose.pitch, pitch), (pose.yaw, yaw), (pose.roll, roll)] {
                    assert!((got - wanted).abs() < 0.05, "{pose:?} for {pitch} {yaw} {roll}");
                }
            }
        }
    }

    #[test]
    fn the_directions_are_those_of_the_frame() {
        let nose = |m: &FaceMesh| m.points[super::super::shape::NOSE_TIP];
        let upright = turned(0.0, 0.0, 0.0, 100.0, [0.0; 3]);
        assert!(nose(&turned(0.0, 30.0, 0.0, 100.0, [0.0; 3]))[0] > nose(&upright)[0] + 5.0);
        assert!(nose(&turned(30.0, 0.0, 0.0, 100.0, [0.0; 3]))[1] < nose(&upright)[1] - 5.0);
        let leaning = turned(0.0, 0.0, 30.0, 100.0, [0.0; 3]);
        assert!((leaning.roll().to_degrees() - 30.0).abs() < 0.5, "{}", leaning.roll().to_degrees());
        let away = HeadPose { yaw: 30.0, pitch: 40.0, roll: 70.0 }.away();
        assert!((away - 48.44).abs() < 0.01, "{away}");
    }

    #[test]
    fn a_small_change_of_the_face_changes_the_pose_little() {
        let mut moved = turned(10.0, 20.0, 5.0, 100.0, [0.0; 3]);
        for (k, point) in moved.points.iter_mut().enumerate() {
            point[k % 3] += if k % 2 == 0 { 1.0 } else { -1.0 };
        }
        let pose = HeadPose::of(&moved).unwrap();
        assert!((pose.pitch - 10.0).abs() < 2.0 && (pose.yaw - 20.0).abs() < 2.0, "{pose:?}");
    }

    #[test]
    fn points_that_are_no_face_have_no_pose() {
        let good = turned(0.0, 0.0, 0.0, 100.0, [0.0; 3]).points;
        let same = vec![[3.0; 3]; MESH_POINTS];
        let line: Vec<[f32; 3]> = (0..MESH_POINTS).map(|i| [i as f32, 0.0, 0.0]).collect();
        let mut none = good.clone();
        none[RIGID[3]][1] = f32::NAN;
        let mut endless = good.clone();
        endless[RIGID[0]][0] = f32::INFINITY;
        for points in [Vec::new(), good[..20].to_vec(), same, line, none, endless] {
            assert!(HeadPose::of(&mesh(points)).is_none());
        }
    }
}
