//! Searches the whole frame only when there is a reason to, and gives each face its identity.
//!
//! A search near one face takes about a quarter of the time of a search of the whole frame at the live settings.

use image::{RgbImage, imageops};

use super::{Detection, FaceBox, RustfaceDetector, TrackedFace, Tracker};

/// The whole frame is searched at least this often, in seconds: a new face waits no longer.
const FULL_SEARCH_S: f64 = 0.5;
/// With more faces than this one search of the whole frame costs less.
const MOST_FOLLOWED: usize = 2;
/// Size of the small copy that tells whether the picture changed.
pub(crate) const THUMBNAIL_PX: (u32, u32) = (16, 12);
/// Mean change of that copy, in levels of 255, that means another scene.
pub(crate) const SCENE_CHANGE: u32 = 24;

/// Follows the faces of consecutive frames: it searches near the places where they should be, and the whole
/// frame when one of them is lost, when the picture changed, or when the last full search is half a second old.
#[derive(Debug, Default)]
pub struct RustfaceFollower {
    tracker: Tracker,
    thumbnail: Vec<u8>,
    full_s: Option<f64>,
    full_searches: u64,
    every_frame: bool,
}

impl RustfaceFollower {
    /// A follower that knows no face yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The faces of the frame at `time_s` seconds with their identities, largest first. A time before that of
    /// the last frame means that the source started again.
    pub fn follow(
        &mut self,
        detector: &mut RustfaceDetector,
        frame: &RgbImage,
        time_s: f64,
    ) -> Vec<TrackedFace> {
        let found = self.find(detector, frame, time_s);
        self.tracker.update(&found, time_s)
    }

    /// Whether the whole of every frame is searched, so that nobody who comes in is seen late; it is not at first.
    pub fn search_every_frame(&mut self, every_frame: bool) {
        self.every_frame = every_frame;
    }

    /// How many times the whole frame was searched so far.
    #[must_use]
    pub fn full_searches(&self) -> u64 {
        self.full_searches
    }

    fn find(&mut self, detector: &mut RustfaceDetector, frame: &RgbImage, time_s: f64) -> Vec<Detection> {
        let thumbnail = imageops::thumbnail(frame, THUMBNAIL_PX.0, THUMBNAIL_PX.1).into_raw();
        let same_scene = self.thumbnail.len() == thumbnail.len()
            && mean_change(&self.thumbnail, &thumbnail) < SCENE_CHANGE;
        self.thumbnail = thumbnail;
        let fresh = self.full_s.is_some_and(|full_s| (0.0..FULL_SEARCH_S).contains(&(time_s - full_s)));
        let expected = self.tracker.expected(time_s);
        let here = expected.iter().filter(|(_, seen)| *seen).count();
        if !self.every_frame && same_scene && fresh && here > 0 && expected.len() <= MOST_FOLLOWED {
            let places: Vec<FaceBox> = expected.iter().map(|(face, _)| *face).collect();
            let found = detector.detect_near(frame, &places);
            // A face that was missing already may stay missing. One that was just seen and is lost needs a full search.
            if found.len() >= here {
                return found;
            }
        }
        self.full_s = Some(time_s);
        self.full_searches += 1;
        detector.detect(frame)
    }
}

pub(crate) fn mean_change(a: &[u8], b: &[u8]) -> u32 {
    let sum: u32 = a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    sum / a.len().max(1) as u32
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::DetectorSettings;

    /// Portraits of 200 pixels at these places, on grey.
    fn scene(at: &[i64]) -> RgbImage {
        let bytes = include_bytes!("../../../assets/demo/astronaut.jpg");
        let portrait = image::load_from_memory(bytes).unwrap().crop_imm(120, 0, 200, 240).to_rgb8();
        let mut frame = RgbImage::from_pixel(640, 360, image::Rgb([128; 3]));
        for &x in at {
            imageops::replace(&mut frame, &portrait, x, 60);
        }
        frame
    }

    fn ids(found: &[TrackedFace]) -> Vec<u64> {
        let mut ids: Vec<u64> = found.iter().map(|f| f.id).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_moving_face_is_followed_and_a_new_one_is_seen_soon() {
        let mut detector = RustfaceDetector::new(DetectorSettings::LIVE);
        let mut follower = RustfaceFollower::new();
        let mut last_x = f32::MIN;
        for i in 0..12 {
            let found = follower.follow(&mut detector, &scene(&[i * 8]), i as f64 / 30.0);
            assert_eq!(ids(&found), [1], "at step {i}");
            assert!(found[0].detection.face.x > last_x, "at step {i}");
            last_x = found[0].detection.face.x;
        }
        assert_eq!(follower.full_searches(), 1);
        let mut seen =
            |at: &[i64], time_s: f64| ids(&follower.follow(&mut detector, &scene(at), time_s)).len();
        assert!(seen(&[90, 400], 0.4) >= 1);
        assert_eq!(seen(&[90, 400], 0.95), 2);
        assert_eq!(seen(&[], 1.0), 0);
        assert_eq!(seen(&[300], 1.03), 1);
        // The source starts again.
        assert_eq!(seen(&[20, 330], 0.0), 2);
    }

    #[test]
    fn the_whole_frame_is_searched_when_a_face_is_lost_or_the_picture_changes() {
        let mut detector = RustfaceDetector::new(DetectorSettings::LIVE);
        let mut follower = RustfaceFollower::new();
        let mut step = |at: &[i64], light: i32, time_s: f64| {
            let mut frame = scene(at);
            imageops::colorops::brighten_in_place(&mut frame, light);
            let before = follower.full_searches();
            follower.follow(&mut detector, &frame, time_s);
            follower.full_searches() - before
        };
        assert_eq!(step(&[40], 0, 0.0), 1, "nothing is known yet");
        assert_eq!(step(&[44], 0, 0.03), 0);
        assert_eq!(step(&[400], 0, 0.06), 1, "it is somewhere else");
        assert_eq!(step(&[400], 0, 0.09), 0);
        assert_eq!(step(&[404], -70, 0.12), 1, "the picture changed");
        assert_eq!(step(&[404], -70, 0.65), 1, "half a second has passed");
        assert_eq!(step(&[404], -70, 0.68), 0);
    }
}
