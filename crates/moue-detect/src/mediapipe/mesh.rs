//! 468 points on a face, in pixels of the frame.

use image::RgbImage;

use super::detector::BlazeFaceDetection;
use super::face_mesh::{FaceMeshNetwork, MESH_SIDE};
use super::sampling::{Beyond, TurnedSquare};
use crate::FaceBox;
use moue_kernels::Isa;

/// The square that the mesh looks at, in larger sides of the face's box (`face_detection_front_detection_to_roi.pbtxt`
/// and `face_landmark_landmarks_to_roi.pbtxt`).
const SQUARE_IN_BOXES: f32 = 1.5;
/// Outer corners of the person's right and left eye among the points.
const OUTER_EYES: [usize; 2] = [33, 263];

/// Points around the person's right eye, left eye, and mouth: their means are the three places that frame a face.
const PLACES: [[usize; 4]; 3] = [[33, 133, 159, 145], [263, 362, 386, 374], [61, 291, 13, 14]];
/// Where FER-2013's pictures have those places, in sides of the picture from its centre: medians over val/, left and
/// right made alike. See `docs/framing.md`.
const FRAMED: [[f32; 2]; 3] = [[-0.1855, -0.1095], [0.1855, -0.1095], [0.0, 0.2738]];

/// The points of a face.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceMesh {
    /// `[x, y, z]` of 468 points, in pixels of the frame; z grows away from the camera, from the head's middle, in the
    /// scale of x. Numbered as MediaPipe's canonical face model.
    pub points: Vec<[f32; 3]>,
    /// How sure the network is that there is a face, 0..=1.
    pub score: f32,
    /// The square that the network saw.
    pub square: TurnedSquare,
}

impl FaceMesh {
    /// A point's place in the frame.
    #[must_use]
    pub fn at(&self, index: usize) -> [f32; 2] {
        self.points.get(index).map_or([f32::NAN; 2], |p| [p[0], p[1]])
    }

    /// The smallest upright box around all points.
    #[must_use]
    pub fn bounding_box(&self) -> FaceBox {
        let limits = |axis: usize| {
            self.points
                .iter()
                .fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), p| (a.min(p[axis]), b.max(p[axis])))
        };
        let ((left, right), (top, bottom)) = (limits(0), limits(1));
        FaceBox { x: left, y: top, width: right - left, height: bottom - top }
    }

    /// The angle of the line from the right eye's outer corner to the left one's, in radians, clockwise from level.
    #[must_use]
    pub fn roll(&self) -> f32 {
        let ([ax, ay], [bx, by]) = (self.at(OUTER_EYES[0]), self.at(OUTER_EYES[1]));
        (by - ay).atan2(bx - ax)
    }

    /// Right eye, left eye and mouth: the means of four points around each.
    #[must_use]
    pub fn framing_places(&self) -> [[f32; 2]; 3] {
        PLACES.map(|indices| {
            let sum = indices.iter().map(|&i| self.at(i)).fold([0.0; 2], |a, p| [a[0] + p[0], a[1] + p[1]]);
            sum.map(|v| v / indices.len() as f32)
        })
    }

    /// The square that frames this face as FER-2013's pictures frame theirs: eyes and mouth lie where they lie there,
    /// and the eyes are level. Shift, turn and scale with the least squared distances (Umeyama 1991) over
    /// [`Self::framing_places`].
    #[must_use]
    pub fn framing_square(&self) -> TurnedSquare {
        let seen = self.framing_places();
        let centre = |points: &[[f32; 2]; 3]| [0, 1].map(|i| points.iter().map(|p| p[i]).sum::<f32>() / 3.0);
        let (from, to) = (centre(&FRAMED), centre(&seen));
        // The turn and scale as one complex number.
        let (mut real, mut imaginary, mut square) = (0.0, 0.0, 0.0);
        for (a, b) in FRAMED.iter().zip(&seen) {
            let (ax, ay, bx, by) = (a[0] - from[0], a[1] - from[1], b[0] - to[0], b[1] - to[1]);
            real += ax * bx + ay * by;
            imaginary += ax * by - ay * bx;
            square += ax * ax + ay * ay;
        }
        let (real, imaginary) = (real / square, imaginary / square);
        TurnedSquare {
            centre: [
                to[0] - (real * from[0] - imaginary * from[1]),
                to[1] - (imaginary * from[0] + real * from[1]),
            ],
            side: real.hypot(imaginary),
            angle: imaginary.atan2(real),
        }
    }

    /// Where the mesh looks in the next frame.
    #[must_use]
    pub fn next_square(&self) -> TurnedSquare {
        square_around(&self.bounding_box(), self.roll())
    }
}

impl BlazeFaceDetection {
    /// Where the mesh looks for the points of this face: around its box, turned so that the eyes are level.
    #[must_use]
    pub fn mesh_square(&self) -> TurnedSquare {
        square_around(&self.face, self.roll())
    }
}

fn square_around(face: &FaceBox, angle: f32) -> TurnedSquare {
    TurnedSquare {
        centre: [face.x + face.width / 2.0, face.y + face.height / 2.0],
        side: face.width.max(face.height) * SQUARE_IN_BOXES,
        angle,
    }
}

/// The network that puts the points on a face. It belongs to one thread at a time.
pub struct MeshFinder {
    network: FaceMeshNetwork,
}

impl MeshFinder {
    /// The finder with its built-in network.
    #[must_use]
    pub fn new(isa: Isa) -> Self {
        Self { network: FaceMeshNetwork::new(isa) }
    }

    /// The points of the face in `square`; whether there is one, its score says. `None` where the square is not valid or
    /// what comes out is no number.
    pub fn find(&mut self, frame: &RgbImage, square: &TurnedSquare) -> Option<FaceMesh> {
        if !square.is_valid() || frame.width() == 0 || frame.height() == 0 {
            return None;
        }
        self.network.input().sample(frame, square, Beyond::Repeated);
        let (values, score) = self.network.forward();
        let side = MESH_SIDE as f32;
        let points: Vec<[f32; 3]> = values
            .chunks_exact(3)
            .map(|p| {
                let [x, y] = square.point([p[0] / side, p[1] / side]);
                [x, y, p[2] / side * square.side]
            })
            .collect();
        let numbers = points.iter().flatten().all(|v| v.is_finite()) && score.is_finite();
        numbers.then(|| FaceMesh { points, score: 1.0 / (1.0 + (-score).exp()), square: *square })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::{BlazeFaceDetector, MESH_POINTS};
    use super::*;

    #[test]
    fn the_mesh_of_a_portrait_stays_when_it_looks_where_it_was() {
        let bytes = include_bytes!("../../../../assets/demo/astronaut.jpg");
        let frame = image::load_from_memory(bytes).unwrap().to_rgb8();
        let found = BlazeFaceDetector::new(Isa::best()).detect(
            &frame,
            &BlazeFaceDetector::whole(&frame),
            Beyond::Black,
        );
        let mut finder = MeshFinder::new(Isa::best());
        let first = finder.find(&frame, &found[0].mesh_square()).unwrap();
        assert_eq!(first.points.len(), MESH_POINTS);
        assert!(first.score > 0.9, "{}", first.score);
        let mut mesh = first.clone();
        for _ in 0..5 {
            mesh = finder.find(&frame, &mesh.next_square()).unwrap();
            assert!(mesh.score > 0.9, "{}", mesh.score);
        }
        let width = first.bounding_box().width;
        for (a, b) in mesh.points.iter().zip(&first.points) {
            let off = (a[0] - b[0]).hypot(a[1] - b[1]) / width;
            assert!(off < 0.06, "off by {off} of the width");
        }
    }

    #[test]
    fn the_framing_follows_turn_shift_and_scale_of_the_points() {
        let placed = |turn: f32, scale: f32, shift: [f32; 2]| {
            let mut points = vec![[0.0; 3]; MESH_POINTS];
            for (indices, [x, y]) in PLACES.iter().zip(FRAMED) {
                let (sin, cos) = turn.sin_cos();
                for &i in indices {
                    points[i] =
                        [shift[0] + scale * (x * cos - y * sin), shift[1] + scale * (x * sin + y * cos), 0.0];
                }
            }
            let square = TurnedSquare { centre: [0.0; 2], side: 1.0, angle: 0.0 };
            FaceMesh { points, score: 1.0, square }.framing_square()
        };
        for (turn, scale, shift) in
            [(0.0, 1.0, [0.0, 0.0]), (0.5, 120.0, [300.0, -40.0]), (-2.8, 48.0, [9.0, 7.0])]
        {
            let square = placed(turn, scale, shift);
            let off = (square.centre[0] - shift[0]).hypot(square.centre[1] - shift[1]);
            assert!(off < 1e-3 * scale, "{square:?}");
            assert!(
                (square.side / scale - 1.0).abs() < 1e-4 && (square.angle - turn).abs() < 1e-4,
                "{square:?}"
            );
        }
    }

    #[test]
    fn where_there_is_no_face_the_score_says_so() {
        let mut finder = MeshFinder::new(Isa::best());
        for (w, h) in [(20, 20), (1, 4096), (640, 480)] {
            for colour in [0, 128, 255] {
                let frame = RgbImage::from_pixel(w, h, image::Rgb([colour; 3]));
                let square = BlazeFaceDetector::whole(&frame);
                let mesh = finder.find(&frame, &square).unwrap();
                assert!(mesh.score < 0.5, "{w}x{h} {colour}: {}", mesh.score);
            }
        }
        let frame = RgbImage::new(100, 100);
        for (x, side, angle) in [(f32::NAN, 1.0, 0.0), (1.0, -1.0, 0.0), (1.0, 1.0, f32::INFINITY)] {
            assert!(finder.find(&frame, &TurnedSquare { centre: [x, 1.0], side, angle }).is_none());
        }
        let square = TurnedSquare { centre: [0.0, 0.0], side: 9.0, angle: 0.0 };
        assert!(finder.find(&RgbImage::new(0, 0), &square).is_none());
    }
}
