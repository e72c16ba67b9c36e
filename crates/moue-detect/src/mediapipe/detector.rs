//! Faces from BlazeFace's anchors: boxes, six points and a score each.

use image::RgbImage;

use super::blazeface::{ANCHORS, BLAZEFACE_SIDE, BOX_VALUES, BlazeFace};
use super::sampling::{Beyond, TurnedSquare};
use crate::FaceBox;
use moue_kernels::Isa;

/// Faces below this score are none (MediaPipe's own threshold of the short-range network).
const MIN_SCORE: f32 = 0.5;
/// Scores before the sigmoid are cut here.
const SCORE_CLIP: f32 = 100.0;
/// Boxes that overlap by more (intersection over union) are one face.
const SAME_FACE: f32 = 0.3;

/// Points of a face, in [`BlazeFaceDetection::keypoints`]. Right and left are the person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keypoint {
    /// The right eye.
    RightEye = 0,
    /// The left eye.
    LeftEye = 1,
    /// The tip of the nose.
    NoseTip = 2,
    /// The middle of the mouth.
    Mouth = 3,
    /// The right ear.
    RightEar = 4,
    /// The left ear.
    LeftEar = 5,
}

/// A face that BlazeFace found, in pixels of the frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlazeFaceDetection {
    /// Where it is; upright also for turned faces.
    pub face: FaceBox,
    /// How sure the network is, 0.5..=1.
    pub score: f32,
    /// See [`Keypoint`].
    pub keypoints: [[f32; 2]; 6],
}

impl BlazeFaceDetection {
    /// One of the points.
    #[must_use]
    pub fn keypoint(&self, which: Keypoint) -> [f32; 2] {
        self.keypoints[which as usize]
    }

    /// The angle of the line from the right eye to the left one, in radians, clockwise from level.
    #[must_use]
    pub fn roll(&self) -> f32 {
        let ([ax, ay], [bx, by]) = (self.keypoint(Keypoint::RightEye), self.keypoint(Keypoint::LeftEye));
        (by - ay).atan2(bx - ax)
    }
}

/// BlazeFace with its anchors. It belongs to one thread at a time.
pub struct BlazeFaceDetector {
    network: BlazeFace,
    anchors: Vec<[f32; 2]>,
}

impl BlazeFaceDetector {
    /// The detector with its built-in network.
    #[must_use]
    pub fn new(isa: Isa) -> Self {
        Self { network: BlazeFace::new(isa), anchors: anchors() }
    }

    /// The square that holds the whole frame: what lies beyond it above and below, or left and right, is equally wide.
    #[must_use]
    pub fn whole(frame: &RgbImage) -> TurnedSquare {
        let (width, height) = (frame.width() as f32, frame.height() as f32);
        TurnedSquare { centre: [width / 2.0, height / 2.0], side: width.max(height), angle: 0.0 }
    }

    /// The faces in a square of the frame, surest first. Faces from about a sixth of the square's side to all of it are
    /// found. None where the square is not valid.
    pub fn detect(
        &mut self,
        frame: &RgbImage,
        square: &TurnedSquare,
        beyond: Beyond,
    ) -> Vec<BlazeFaceDetection> {
        if !square.is_valid() || frame.width() == 0 || frame.height() == 0 {
            return Vec::new();
        }
        self.network.input().sample(frame, square, beyond);
        let (boxes, scores) = self.network.forward();
        let mut found: Vec<BlazeFaceDetection> = Vec::new();
        for ((values, &raw), &anchor) in boxes.chunks_exact(BOX_VALUES).zip(scores).zip(&self.anchors) {
            let score = 1.0 / (1.0 + (-raw.clamp(-SCORE_CLIP, SCORE_CLIP)).exp());
            if score >= MIN_SCORE {
                found.extend(decoded(values, score, anchor));
            }
        }
        let mut faces = merged(found);
        for face in &mut faces {
            *face = in_frame(face, square);
        }
        faces
    }
}

/// Centres of the anchors, in fractions of the input. Their size is 1.
fn anchors() -> Vec<[f32; 2]> {
    let mut centres = Vec::with_capacity(ANCHORS);
    for (side, each) in [(16, 2), (8, 6)] {
        for y in 0..side {
            for x in 0..side {
                let centre = [x, y].map(|v| (v as f32 + 0.5) / side as f32);
                centres.extend(std::iter::repeat_n(centre, each));
            }
        }
    }
    centres
}

/// One anchor's face in fractions of the input; none where the box is none.
fn decoded(values: &[f32], score: f32, anchor: [f32; 2]) -> Option<BlazeFaceDetection> {
    let side = BLAZEFACE_SIDE as f32;
    let point = |at: usize| [values[at] / side + anchor[0], values[at + 1] / side + anchor[1]];
    let (centre, width, height) = (point(0), values[2] / side, values[3] / side);
    if !(values.iter().all(|v| v.is_finite()) && width > 0.0 && height > 0.0) {
        return None;
    }
    let face = FaceBox { x: centre[0] - width / 2.0, y: centre[1] - height / 2.0, width, height };
    Some(BlazeFaceDetection { face, score, keypoints: std::array::from_fn(|k| point(4 + 2 * k)) })
}

/// Faces that overlap become one, the average weighted by their scores, with the best of them.
/// (`non_max_suppression_calculator.cc`, WEIGHTED.)
fn merged(mut found: Vec<BlazeFaceDetection>) -> Vec<BlazeFaceDetection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut faces = Vec::new();
    while let Some(&best) = found.first() {
        let (same, rest): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|other| other.face.overlap(&best.face) > SAME_FACE);
        // A box without an area overlaps with nothing, not even itself.
        if same.is_empty() {
            found = rest;
            found.remove(0);
            continue;
        }
        found = rest;
        let total: f32 = same.iter().map(|f| f.score).sum();
        let mean = |value: &dyn Fn(&BlazeFaceDetection) -> f32| {
            same.iter().map(|f| f.score * value(f)).sum::<f32>() / total
        };
        let (left, top) = (mean(&|f| f.face.x), mean(&|f| f.face.y));
        faces.push(BlazeFaceDetection {
            face: FaceBox {
                x: left,
                y: top,
                width: mean(&|f| f.face.x + f.face.width) - left,
                height: mean(&|f| f.face.y + f.face.height) - top,
            },
            score: best.score,
            keypoints: std::array::from_fn(|k| std::array::from_fn(|i| mean(&|f| f.keypoints[k][i]))),
        });
    }
    faces
}

/// From fractions of the square to pixels of the frame. The box of a turned square is upright again, of the same size.
fn in_frame(face: &BlazeFaceDetection, square: &TurnedSquare) -> BlazeFaceDetection {
    let FaceBox { x, y, width, height } = face.face;
    let [centre_x, centre_y] = square.point([x + width / 2.0, y + height / 2.0]);
    let (width, height) = (width * square.side, height * square.side);
    BlazeFaceDetection {
        face: FaceBox { x: centre_x - width / 2.0, y: centre_y - height / 2.0, width, height },
        score: face.score,
        keypoints: face.keypoints.map(|at| square.point(at)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn face(x: f32, width: f32, score: f32) -> BlazeFaceDetection {
        let face = FaceBox { x, y: 0.0, width, height: width };
        BlazeFaceDetection { face, score, keypoints: [[x, 0.0]; 6] }
    }

    #[test]
    fn boxes_of_one_face_are_averaged_by_score() {
        let faces = merged(vec![face(0.1, 1.0, 0.6), face(5.0, 1.0, 0.7), face(0.0, 1.0, 0.9)]);
        assert_eq!(faces.len(), 2);
        assert_eq!(faces[0].score, 0.9);
        assert!((faces[0].face.x - 0.04).abs() < 1e-6 && (faces[0].face.width - 1.0).abs() < 1e-6);
        assert!((faces[0].keypoints[3][0] - 0.04).abs() < 1e-6);
        assert_eq!(faces[1].face, face(5.0, 1.0, 0.7).face);
        assert!(merged(vec![face(0.0, 0.0, 0.9)]).is_empty());
    }

    #[test]
    fn values_that_are_no_box_are_passed_over() {
        let mut values = [1.0; BOX_VALUES];
        assert!(decoded(&values, 0.9, [0.5; 2]).is_some());
        for (at, value) in [(2, 0.0), (3, -1.0), (0, f32::NAN), (9, f32::INFINITY)] {
            let before = std::mem::replace(&mut values[at], value);
            assert!(decoded(&values, 0.9, [0.5; 2]).is_none(), "{value} at {at}");
            values[at] = before;
        }
    }

    #[test]
    fn frames_without_a_face_give_none() {
        let mut detector = BlazeFaceDetector::new(Isa::best());
        for (w, h) in [(1, 1), (20, 20), (1, 4096), (4096, 1), (640, 480)] {
            for colour in [0, 128, 255] {
                let frame = RgbImage::from_pixel(w, h, image::Rgb([colour; 3]));
                let square = BlazeFaceDetector::whole(&frame);
                for beyond in [Beyond::Black, Beyond::Repeated] {
                    assert!(detector.detect(&frame, &square, beyond).is_empty(), "{w}x{h} {colour}");
                }
            }
        }
        let frame = RgbImage::new(100, 100);
        for (x, side, angle) in
            [(f32::NAN, 1.0, 0.0), (1.0, 0.0, 0.0), (1.0, f32::INFINITY, 0.0), (1.0, 1.0, f32::NAN)]
        {
            let square = TurnedSquare { centre: [x, 1.0], side, angle };
            assert!(detector.detect(&frame, &square, Beyond::Black).is_empty());
        }
        assert!(
            detector
                .detect(&RgbImage::new(0, 0), &BlazeFaceDetector::whole(&frame), Beyond::Black)
                .is_empty()
        );
    }

    #[test]
    fn a_turned_portrait_is_found_with_its_points_where_they_are() {
        let bytes = include_bytes!("../../../../assets/demo/astronaut.jpg");
        let frame = image::load_from_memory(bytes).unwrap().to_rgb8();
        let mut detector = BlazeFaceDetector::new(Isa::best());
        let found = detector.detect(&frame, &BlazeFaceDetector::whole(&frame), Beyond::Black);
        assert_eq!(found.len(), 1);
        assert!(found[0].roll().abs() < 0.2, "{}", found[0].roll());
        // Through a square that is turned the face appears turned the other way, and its points stay where they are.
        for angle in [-0.7_f32, 0.5] {
            let square = TurnedSquare { angle, ..BlazeFaceDetector::whole(&frame) };
            let turned = detector.detect(&frame, &square, Beyond::Black);
            assert_eq!(turned.len(), 1, "{angle}");
            for (a, b) in turned[0].keypoints.iter().zip(&found[0].keypoints).take(4) {
                let off = (a[0] - b[0]).hypot(a[1] - b[1]) / found[0].face.width;
                assert!(off < 0.1, "{angle}: off by {off} of the width");
            }
        }
    }
}
