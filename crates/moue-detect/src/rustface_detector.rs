//! Finds faces with rustface (SeetaFace's frontal detector).

use image::{GrayImage, RgbImage, imageops};
use rustface::ImageData;

use super::{Detection, FaceBox};

/// SeetaFace's frontal model, see `assets/README.md`.
static MODEL: &[u8] = include_bytes!("../../../assets/seeta_fd_frontal_v1.0.bin");

/// Width of a known face in the copy that is searched around it, in pixels: above rustface's window of 40
/// by as much as a face may shrink from one frame to the next.
const NEAR_FACE_PX: f32 = 50.0;
/// Side of the square that is searched around a known face, in widths of the face.
const NEAR_SIDE: f32 = 2.0;
/// Each search looks at copies that are smaller by this factor than the last.
const PYRAMID: f32 = 0.8;
/// Corners of searched parts lie on this grid of the copy, in pixels: a multiple of the 4 pixels that rustface's
/// window steps by in the copy, and in the next smaller one. A face that stays is found by the same windows from frame
/// to frame, near its place as in the whole frame; otherwise its box would jump about, and its readings with it.
const NEAR_GRID: f32 = 20.0;
/// Largest face in that copy, in pixels.
const NEAR_LARGEST_PX: u32 = 100;
/// Smaller faces than a fourth of `NEAR_FACE_PX` are not followed: rustface finds none below 20 pixels.
const NEAR_LARGEST_SCALE: f32 = 4.0;
/// Boxes that overlap by more (intersection over union) are one face found twice.
const SAME_FACE: f32 = 0.4;

/// Means of grey pictures in levels of 255: below the first a picture is dark, and is brought to the second.
const DARK: f32 = 50.0;
const USUAL_LIGHT: f32 = 100.0;
/// Largest gain, because noise is amplified as well.
const MOST_GAIN: f32 = 8.0;

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
pub struct RustfaceDetector {
    detector: Box<dyn rustface::Detector>,
    settings: DetectorSettings,
    lighten: bool,
}

impl RustfaceDetector {
    /// The detector with its built-in model.
    ///
    /// # Panics
    /// Never with the model that is compiled in (a test reads it).
    #[must_use]
    #[expect(clippy::expect_used, reason = "the model is part of the program; nobody can change it")]
    pub fn new(settings: DetectorSettings) -> Self {
        let model = rustface::read_model(MODEL).expect("the built-in face model is readable");
        let mut detector = rustface::create_detector_with_model(model);
        // rustface's own recommendations for still pictures.
        detector.set_score_thresh(2.0);
        detector.set_pyramid_scale_factor(PYRAMID);
        detector.set_slide_window_step(4, 4);
        Self { detector, settings, lighten: false }
    }

    /// The settings in use.
    #[must_use]
    pub fn settings(&self) -> DetectorSettings {
        self.settings
    }

    /// Searches with other settings from now on.
    pub fn set_settings(&mut self, settings: DetectorSettings) {
        self.settings = settings;
    }

    /// Whether dark pictures without a face are searched once more in a lighter copy; they are not at first.
    pub fn lighten(&mut self, lighten: bool) {
        self.lighten = lighten;
    }

    /// All faces of the frame, boxes in the frame's pixels, largest first.
    pub fn detect(&mut self, frame: &RgbImage) -> Vec<Detection> {
        let (width, height) = frame.dimensions();
        // rustface's window is 40 pixels; nothing smaller can hold a face.
        if width < 20 || height < 20 {
            return Vec::new();
        }
        let scale = self.search_scale(width);
        let grey = self.search_copy(frame, scale);
        if grey.width() < 20 || grey.height() < 20 {
            return Vec::new();
        }
        self.detector.set_min_face_size(self.settings.min_face_px.max(20));
        self.detector.set_max_face_size(0);
        let mut found = self.search(&grey, (0.0, 0.0), scale);
        found.sort_by(|a, b| b.face.area().total_cmp(&a.face.area()));
        found
    }

    /// The faces close to where they were: each of `known` is searched only in a square of twice its size
    /// around its last place. Several times cheaper than [`Self::detect`], and blind for new faces.
    /// Largest first.
    pub fn detect_near(&mut self, frame: &RgbImage, known: &[FaceBox]) -> Vec<Detection> {
        self.detector.set_min_face_size(40);
        self.detector.set_max_face_size(NEAR_LARGEST_PX);
        let mut found: Vec<Detection> =
            known.iter().flat_map(|face| self.search_around(frame, face)).collect();
        // A face that lies in two squares is found twice; the surer box stays.
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut once: Vec<Detection> = Vec::with_capacity(found.len());
        for detection in found {
            if once.iter().all(|other| other.face.overlap(&detection.face) < SAME_FACE) {
                once.push(detection);
            }
        }
        once.sort_by(|a, b| b.face.area().total_cmp(&a.face.area()));
        once
    }

    fn search_around(&mut self, frame: &RgbImage, face: &FaceBox) -> Vec<Detection> {
        let wanted = NEAR_FACE_PX / face.width;
        // Also false for what is not a number.
        if !(wanted > 0.0 && wanted <= NEAR_LARGEST_SCALE) {
            return Vec::new();
        }
        // One of the copies that a search of the whole frame looks at.
        let whole = self.search_scale(frame.width()) as f32;
        let scale = whole * PYRAMID.powf(((wanted / whole).ln() / PYRAMID.ln()).round());
        let grid = NEAR_GRID / scale;
        let reach = face.width * NEAR_SIDE / 2.0;
        let (centre_x, centre_y) = (face.x + face.width / 2.0, face.y + face.height / 2.0);
        let inside = |v: f32, limit: u32| v.clamp(0.0, limit as f32) as u32;
        let on_grid = |v: f32| ((v / grid).floor() * grid).round();
        let left = inside(on_grid(centre_x - reach), frame.width());
        let top = inside(on_grid(centre_y - reach), frame.height());
        let width = inside((centre_x + reach).ceil(), frame.width()) - left;
        let height = inside((centre_y + reach).ceil(), frame.height()) - top;
        let scaled = |v: u32| (v as f32 * scale).round() as u32;
        let (to_width, to_height) = (scaled(width), scaled(height));
        // Less than rustface's window is left of the face.
        if to_width < 40 || to_height < 40 {
            return Vec::new();
        }
        let part = imageops::grayscale(&*imageops::crop_imm(frame, left, top, width, height));
        let part = if scale < 1.0 {
            imageops::thumbnail(&part, to_width, to_height)
        } else {
            imageops::resize(&part, to_width, to_height, imageops::FilterType::Triangle)
        };
        self.search(&part, (left as f32, top as f32), f64::from(scale))
    }

    /// All faces of a copy that is `scale` times as large as the part of the frame at `left`, `top`; boxes in the
    /// frame's pixels.
    fn search(&mut self, grey: &GrayImage, (left, top): (f32, f32), scale: f64) -> Vec<Detection> {
        let found = self.search_as_it_is(grey, (left, top), scale);
        let light = if self.lighten && found.is_empty() { lightened(grey) } else { None };
        match light {
            Some(light) => self.search_as_it_is(&light, (left, top), scale),
            None => found,
        }
    }

    fn search_as_it_is(&mut self, grey: &GrayImage, (left, top): (f32, f32), scale: f64) -> Vec<Detection> {
        let image = ImageData::new(grey.as_raw(), grey.width(), grey.height());
        let back = |v: f64| (v / scale) as f32;
        self.detector
            .detect(&image)
            .iter()
            .map(|face| {
                let b = face.bbox();
                Detection {
                    face: FaceBox {
                        x: left + back(f64::from(b.x())),
                        y: top + back(f64::from(b.y())),
                        width: back(f64::from(b.width())),
                        height: back(f64::from(b.height())),
                    },
                    score: face.score() as f32,
                }
            })
            .collect()
    }

    /// Size of the copy that is searched for a frame of this width.
    fn search_scale(&self, width: u32) -> f64 {
        f64::from(width.min(self.settings.search_width_px)) / f64::from(width.max(1))
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

/// A dark picture with its mean brought to a usual one; `None` where it is not dark.
fn lightened(grey: &GrayImage) -> Option<GrayImage> {
    let sum: u64 = grey.as_raw().iter().map(|&v| u64::from(v)).sum();
    let mean = sum as f32 / grey.as_raw().len().max(1) as f32;
    if mean >= DARK {
        return None;
    }
    let gain = (USUAL_LIGHT / mean.max(1.0)).min(MOST_GAIN);
    let mut light = grey.clone();
    light.iter_mut().for_each(|v| *v = (f32::from(*v) * gain) as u8);
    Some(light)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portrait() -> RgbImage {
        let bytes = include_bytes!("../../../assets/demo/astronaut.jpg");
        image::load_from_memory(bytes).expect("the portrait is readable").to_rgb8()
    }

    #[test]
    fn the_face_of_a_portrait_is_found_at_its_place() {
        for settings in [DetectorSettings::LIVE, DetectorSettings::STILL] {
            let found = RustfaceDetector::new(settings).detect(&portrait());
            let face = found.first().expect("a face").face;
            // Eyes and mouth of the portrait lie around (225, 110) and (225, 160).
            assert!(face.x < 200.0 && face.x + face.width > 250.0, "{face:?}");
            assert!(face.y < 100.0 && face.y + face.height > 160.0, "{face:?}");
            assert!(face.width < 220.0, "{face:?}");
        }
    }

    #[test]
    fn a_known_face_is_found_again_where_it_went() {
        let frame = portrait();
        let mut detector = RustfaceDetector::new(DetectorSettings::LIVE);
        let face = detector.detect(&frame)[0].face;
        for (dx, dy, size) in [(0.0, 0.0, 1.0), (0.3, -0.2, 1.0), (-0.2, 0.3, 0.8), (0.0, 0.0, 1.25)] {
            let last = FaceBox {
                x: face.x + dx * face.width,
                y: face.y + dy * face.width,
                width: face.width * size,
                height: face.height * size,
            };
            let again = detector.detect_near(&frame, &[last]);
            assert_eq!(again.len(), 1, "{dx} {dy} {size}");
            assert!(again[0].face.overlap(&face) > 0.7, "{:?} instead of {face:?}", again[0].face);
        }
        // Twice the same face is one; a full search afterwards is as before.
        assert_eq!(detector.detect_near(&frame, &[face, face]).len(), 1);
        assert_eq!(detector.detect(&frame)[0].face, face);
    }

    #[test]
    fn a_face_that_stays_keeps_its_box_however_it_is_searched() {
        let frame = portrait();
        let mut detector = RustfaceDetector::new(DetectorSettings::LIVE);
        let whole = detector.detect(&frame)[0].face;
        let mut last = whole;
        for i in 0..10 {
            let found = detector.detect_near(&frame, &[last])[0].face;
            assert!(found.overlap(&whole) > 0.85, "{found:?} near, {whole:?} in the whole frame");
            assert!(i == 0 || found.overlap(&last) > 0.95, "{found:?} after {last:?}");
            last = found;
        }
    }

    #[test]
    fn places_outside_the_frame_or_without_a_size_are_passed_over() {
        let mut detector = RustfaceDetector::new(DetectorSettings::LIVE);
        let frame = RgbImage::new(320, 240);
        for (x, y, side) in [
            (-500.0, 0.0, 50.0),
            (1e9, 1e9, 50.0),
            (f32::NAN, 0.0, 50.0),
            (10.0, 10.0, 0.0),
            (10.0, 10.0, -5.0),
            (10.0, 10.0, f32::NAN),
            (10.0, 10.0, 1e-3),
            (0.0, 0.0, 1e9),
        ] {
            let known = FaceBox { x, y, width: side, height: side };
            assert!(detector.detect_near(&frame, &[known]).is_empty(), "{known:?}");
        }
    }

    #[test]
    fn pictures_without_a_face_or_without_room_for_one_give_none() {
        let mut detector = RustfaceDetector::new(DetectorSettings::LIVE);
        for (w, h) in [(1, 1), (19, 400), (400, 19), (3000, 25), (640, 480)] {
            assert!(detector.detect(&RgbImage::new(w, h)).is_empty(), "{w}x{h}");
        }
    }
}
