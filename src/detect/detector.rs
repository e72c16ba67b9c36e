//! Finds faces with rustface (SeetaFace's frontal detector).

use image::{GrayImage, RgbImage, imageops};
use rustface::ImageData;

use super::{Detection, FaceBox};

/// SeetaFace's frontal model, see `assets/README.md`.
static MODEL: &[u8] = include_bytes!("../../assets/seeta_fd_frontal_v1.0.bin");

/// How fine the search is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectorSettings {
    /// The frame is searched in a grey copy at most this wide, in pixels.
    pub search_width_px: u32,
    /// Smallest face in that copy, in pixels (rustface takes 20 and more).
    pub min_face_px: u32,
}

impl DetectorSettings {
    /// For live sources: a 320 wide copy, faces from 40 px.
    pub const LIVE: Self = Self { search_width_px: 320, min_face_px: 40 };
    /// For stills and files without a clock: a 1280 wide copy, faces from 20 px.
    pub const STILL: Self = Self { search_width_px: 1280, min_face_px: 20 };
}

/// The face detector. Not `Send`: make it on the thread that uses it.
pub struct FaceDetector {
    detector: Box<dyn rustface::Detector>,
    settings: DetectorSettings,
}

impl FaceDetector {
    /// The detector with its built-in model.
    ///
    /// # Panics
    /// Never with the model that is compiled in (a test reads it).
    #[must_use]
    #[expect(clippy::expect_used, reason = "the model is part of the program; nobody can change it")]
    pub fn new(settings: DetectorSettings) -> Self {
        let model = rustface::read_model(MODEL).expect("the built-in face model is readable");
        let mut detector = rustface::create_detector_with_model(model);
        detector.set_min_face_size(settings.min_face_px.max(20));
        // rustface's own recommendations for still pictures.
        detector.set_score_thresh(2.0);
        detector.set_pyramid_scale_factor(0.8);
        detector.set_slide_window_step(4, 4);
        Self { detector, settings }
    }

    /// The settings in use.
    #[must_use]
    pub fn settings(&self) -> DetectorSettings {
        self.settings
    }

    /// All faces of the frame, boxes in the frame's pixels, largest first.
    pub fn detect(&mut self, frame: &RgbImage) -> Vec<Detection> {
        let (width, height) = frame.dimensions();
        // rustface's window is 40 pixels; nothing smaller can hold a face.
        if width < 20 || height < 20 {
            return Vec::new();
        }
        let scale = f64::from(width.min(self.settings.search_width_px)) / f64::from(width);
        let grey = self.search_copy(frame, scale);
        if grey.width() < 20 || grey.height() < 20 {
            return Vec::new();
        }
        let image = ImageData::new(grey.as_raw(), grey.width(), grey.height());
        let mut found: Vec<Detection> = self
            .detector
            .detect(&image)
            .iter()
            .map(|face| {
                let b = face.bbox();
                let back = |v: f64| (v / scale) as f32;
                Detection {
                    face: FaceBox {
                        x: back(f64::from(b.x())),
                        y: back(f64::from(b.y())),
                        width: back(f64::from(b.width())),
                        height: back(f64::from(b.height())),
                    },
                    score: face.score() as f32,
                }
            })
            .collect();
        found.sort_by(|a, b| b.face.area().total_cmp(&a.face.area()));
        found
    }

    fn search_copy(&self, frame: &RgbImage, scale: f64) -> GrayImage {
        let grey = imageops::grayscale(frame);
        if scale >= 1.0 {
            return grey;
        }
        let height = (f64::from(frame.height()) * scale).round().max(1.0) as u32;
        // `thumbnail` averages areas: sharp enough for the detector and several times faster
        // than a windowed filter.
        imageops::thumbnail(&grey, self.settings.search_width_px, height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portrait() -> RgbImage {
        let bytes = include_bytes!("../../assets/demo/astronaut.jpg");
        image::load_from_memory(bytes).expect("the portrait is readable").to_rgb8()
    }

    #[test]
    fn the_face_of_a_portrait_is_found_at_its_place() {
        for settings in [DetectorSettings::LIVE, DetectorSettings::STILL] {
            let found = FaceDetector::new(settings).detect(&portrait());
            let face = found.first().expect("a face").face;
            // Eyes and mouth of the portrait lie around (225, 110) and (225, 160).
            assert!(face.x < 200.0 && face.x + face.width > 250.0, "{face:?}");
            assert!(face.y < 100.0 && face.y + face.height > 160.0, "{face:?}");
            assert!(face.width < 220.0, "{face:?}");
        }
    }

    #[test]
    fn pictures_without_a_face_or_without_room_for_one_give_none() {
        let mut detector = FaceDetector::new(DetectorSettings::LIVE);
        for (w, h) in [(1, 1), (19, 400), (400, 19), (3000, 25), (640, 480)] {
            assert!(detector.detect(&RgbImage::new(w, h)).is_empty(), "{w}x{h}");
        }
    }
}
