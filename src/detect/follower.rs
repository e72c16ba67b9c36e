//! Searches the whole frame only when there is a reason to.
//!
//! A search near one face takes about a quarter of the time of a search of the whole frame at the live settings.

use image::{RgbImage, imageops};

use super::{Detection, FaceBox, FaceDetector};

/// The whole frame is searched at least this often, in seconds: a new face waits no longer.
const FULL_SEARCH_S: f64 = 0.5;
/// With more faces than this one search of the whole frame costs less.
const MOST_FOLLOWED: usize = 2;
/// Size of the small copy that tells whether the picture changed.
const GLANCE_PX: (u32, u32) = (16, 12);
/// Mean change of that copy, in levels of 255, that means another scene.
const SCENE_CHANGE: u32 = 24;

/// Finds the faces of consecutive frames: near their last places, and in the whole frame when a face was lost,
/// when the picture changed, or when the last full search is half a second old.
#[derive(Debug, Default)]
pub struct FaceFollower {
    known: Vec<FaceBox>,
    glance: Vec<u8>,
    full_s: Option<f64>,
}

impl FaceFollower {
    /// A follower that knows no face yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The faces of the frame at `time_s` seconds, largest first. A time before that of the last frame means
    /// that the source started again.
    pub fn find(&mut self, detector: &mut FaceDetector, frame: &RgbImage, time_s: f64) -> Vec<Detection> {
        let glance = imageops::thumbnail(frame, GLANCE_PX.0, GLANCE_PX.1).into_raw();
        let same_scene =
            self.glance.len() == glance.len() && mean_change(&self.glance, &glance) < SCENE_CHANGE;
        let fresh = self.full_s.is_some_and(|full_s| (0.0..FULL_SEARCH_S).contains(&(time_s - full_s)));
        self.glance = glance;
        let mut found = Vec::new();
        if same_scene && fresh && (1..=MOST_FOLLOWED).contains(&self.known.len()) {
            found = detector.detect_near(frame, &self.known);
        }
        if found.is_empty() || found.len() < self.known.len() {
            found = detector.detect(frame);
            self.full_s = Some(time_s);
        }
        self.known = found.iter().map(|d| d.face).collect();
        found
    }
}

fn mean_change(a: &[u8], b: &[u8]) -> u32 {
    let sum: u32 = a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    sum / a.len().max(1) as u32
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::detect::DetectorSettings;

    /// Portraits of 200 pixels at these places, on grey.
    fn scene(at: &[i64]) -> RgbImage {
        let bytes = include_bytes!("../../assets/demo/astronaut.jpg");
        let portrait = image::load_from_memory(bytes).unwrap().crop_imm(120, 0, 200, 240).to_rgb8();
        let mut frame = RgbImage::from_pixel(640, 360, image::Rgb([128; 3]));
        for &x in at {
            imageops::replace(&mut frame, &portrait, x, 60);
        }
        frame
    }

    #[test]
    fn a_moving_face_is_followed_and_a_new_one_is_seen_soon() {
        let mut detector = FaceDetector::new(DetectorSettings::LIVE);
        let mut follower = FaceFollower::new();
        let mut last_x = f32::MIN;
        for i in 0..12 {
            let found = follower.find(&mut detector, &scene(&[i * 8]), i as f64 / 30.0);
            assert_eq!(found.len(), 1, "at step {i}");
            assert!(found[0].face.x > last_x, "at step {i}");
            last_x = found[0].face.x;
        }
        let seen = |follower: &mut FaceFollower, detector: &mut FaceDetector, time_s: f64| {
            follower.find(detector, &scene(&[90, 400]), time_s).len()
        };
        assert!(seen(&mut follower, &mut detector, 0.4) >= 1);
        assert_eq!(seen(&mut follower, &mut detector, 0.95), 2);
        assert_eq!(follower.find(&mut detector, &scene(&[]), 1.0).len(), 0);
        assert_eq!(follower.find(&mut detector, &scene(&[300]), 1.03).len(), 1);
        // The source starts again.
        assert_eq!(follower.find(&mut detector, &scene(&[20, 330]), 0.0).len(), 2);
    }
}
